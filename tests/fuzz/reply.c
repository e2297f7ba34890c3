/* What servers say. */

#include "smtp/reply.h"

#include <string.h>

#include "fuzz.h"
#include "smtp/chars.h"

static void clean_text(char const *s, size_t len)
{
  char *text = malloc(len + 1), *again = malloc(len + 1);
  size_t i, n;
  if (!text || !again) abort();
  memcpy(text, s, len);
  smtp_text_clean(text, len);
  for (i = 0; i < len; i += n)
  {
    n = smtp_high(text[i]) ? smtp_utf8_scan(text + i, len - i) : 1;
    HOLDS(n && (unsigned char)text[i] >= ' ' && text[i] != 127);
    HOLDS(!memcmp(text + i, s + i, n) || text[i] == '?');
  }
  memcpy(again, text, len);
  smtp_text_clean(again, len);
  HOLDS(!memcmp(again, text, len));
  free(text);
  free(again);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *s = (char const *)data;
  char status[SMTP_STATUS_MAX];
  smtp_reply_line reply;
  unsigned long long length = 0;
  smtp_extension_scan(s, size, &length);
  clean_text(s, size);
  if (!smtp_reply_scan(s, size, &reply)) return 0;
  HOLDS(reply.code >= 200 && reply.code <= 599);
  HOLDS(fuzz_within(reply.text, reply.textlen, s, size));
  HOLDS(smtp_status_scan(status, reply.code, reply.text, reply.textlen) <= reply.textlen);
  HOLDS(memchr(status, 0, sizeof status) && (unsigned int)(status[0] - '0') == reply.code / 100);
  return 0;
}
