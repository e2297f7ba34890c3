/* A server's offer of AUTH and its challenges, to a client; and the word of an account. */

#include "smtp/sasl.h"

#include <string.h>

#include "fuzz.h"

/* Whatever is asked for, what is said is one line, and it ends. */
static void talk(sasl *x, char const *s, size_t len)
{
  static char text[8192];
  unsigned int turns = 0;
  if (len > sizeof text) return;
  memcpy(text, s, len);
  HOLDS(strlen(x->line) <= SASL_COMMAND_MAX - 2);
  sasl_hide(x, text, len);
  while (sasl_answer(x, s, len))
  {
    HOLDS(strlen(x->line) < SASL_LINE_MAX && !strpbrk(x->line, "\r\n "));
    sasl_hide(x, text, len);
    HOLDS(++turns <= 2);
  }
  HOLDS(!memmem(text, len, x->account->password, strlen(x->account->password)));
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  static smtp_account const account = { "joe", "S3cret-of-his" };
  static smtp_account read;
  static char word[SMTP_ACCOUNT_WORD_MAX];
  static sasl x;
  char const *s = (char const *)data;
  unsigned int const offered = sasl_offer_scan(s, size);
  unsigned int bit;
  for (bit = SASL_PLAIN; bit <= SASL_CRAM_MD5; bit *= 2)
    if (sasl_begin(&x, &account, bit, 1)) talk(&x, s, size);
  HOLDS(!sasl_begin(&x, &account, offered & (SASL_PLAIN | SASL_LOGIN), 0));
  if (!smtp_account_scan(&read, s, size)) return 0;
  HOLDS(smtp_account_format(word, &read) == size && !memcmp(word, s, size));
  return 0;
}
