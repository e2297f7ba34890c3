#include "smtp/sasl.h"

#include <string.h>

#include "smtp/chars.h"

/* In the order of our choice. */
static struct mechanism
{
  char const *name;
  enum sasl_mechanism bit;
  int secret;            /* whoever listens has the password */
} const mechanisms[] =
{
  { "PLAIN", SASL_PLAIN, 1 },
  { "LOGIN", SASL_LOGIN, 1 },
  { "CRAM-MD5", SASL_CRAM_MD5, 0 }
};
#define MECHANISMS (sizeof mechanisms / sizeof *mechanisms)

/* --- what is offered --- */

static unsigned int mechanism_scan(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < MECHANISMS; i++)
    if (smtp_word_is(s, len, mechanisms[i].name)) return mechanisms[i].bit;
  return 0;
}

#define KEYWORD "AUTH"
#define KEYWORD_LEN (sizeof KEYWORD - 1)

unsigned int sasl_offer_scan(char const *text, size_t len)
{
  char const *end = text + len;
  unsigned int all = 0;
  if (len <= KEYWORD_LEN || !smtp_word_is(text, KEYWORD_LEN, KEYWORD)) return 0;
  text += KEYWORD_LEN;
  if (*text != ' ' && *text != '=') return 0;
  while (text < end)
  {
    char const *word = ++text;
    while (text < end && *text != ' ') text++;
    all |= mechanism_scan(word, (size_t)(text - word));
  }
  return all;
}

/* --- what is said ------------------------------------------------------------------------- */

#define COMMAND "AUTH "

/* PLAIN in base64: [authzid] NUL authcid NUL passwd (RFC 4616 section 2).  Nobody else is acted for. */
static void plain_put(sasl *x, char *at)
{
  char whole[2 + SMTP_USER_MAX + SMTP_PASSWORD_MAX + 1] = "";
  char *const password = stpcpy(whole + 1, x->account->user) + 1;
  size_t const len = (size_t)(stpcpy(password, x->account->password) - whole);
  smtp_base64_format(at, whole, len);
  explicit_bzero(whole, sizeof whole);
}

static int plain_answer(sasl *x)
{
  if (x->answers) return 0;
  plain_put(x, x->line);
  return 1;
}

/* First the user, then the password: nothing depends on the words in which they are asked for. */
static int login_answer(sasl *x)
{
  char const *const s = x->answers ? x->account->password : x->account->user;
  if (x->answers > 1) return 0;
  smtp_base64_format(x->line, s, strlen(s));
  return 1;
}

/* "user digest", the digest that of the challenge, keyed with the password (RFC 2195 section 2). */
static int cram_answer(sasl *x, char const *text, size_t len)
{
  char challenge[SMTP_REPLY_LINE_MAX];
  char whole[SMTP_USER_MAX + 1 + HMAC_MD5_LEN];
  char *digest;
  size_t n;
  if (x->answers || len > sizeof challenge || !smtp_base64_scan(challenge, &n, text, len) || !n)
    return 0;
  digest = stpcpy(whole, x->account->user);
  *digest++ = ' ';
  hmac_md5(digest, x->account->password, strlen(x->account->password), challenge, n);
  smtp_base64_format(x->line, whole, (size_t)(digest - whole) + HMAC_MD5_LEN);
  return 1;
}

/* "AUTH PLAIN" with the response in it, where a command may be so long. */
static void command_put(sasl *x)
{
  char *end = stpcpy(stpcpy(x->line, COMMAND), x->name);
  size_t const response = SMTP_BASE64_MAX(2 + strlen(x->account->user) + strlen(x->account->password));
  x->response = (size_t)(end - x->line);
  if (x->mechanism != SASL_PLAIN || x->response + response + 2 > SASL_COMMAND_MAX) return;
  *end++ = ' ';
  plain_put(x, end);
  x->response++;
  x->answers = 1;
}

int sasl_begin(sasl *x, smtp_account const *account, unsigned int offered, int encrypted)
{
  size_t i = 0;
  while (i < MECHANISMS
   && (!(offered & mechanisms[i].bit) || (mechanisms[i].secret && !encrypted))) i++;
  if (i == MECHANISMS) return 0;
  x->name = mechanisms[i].name;
  x->mechanism = mechanisms[i].bit;
  x->account = account;
  x->answers = 0;
  command_put(x);
  return 1;
}

int sasl_answer(sasl *x, char const *text, size_t len)
{
  int r = x->mechanism == SASL_PLAIN ? plain_answer(x)
    : x->mechanism == SASL_LOGIN ? login_answer(x)
    : cram_answer(x, text, len);
  x->answers++;
  x->response = 0;
  return r;
}

/* --- what is repeated --------------------------------------------------------------------- */

/* So many octets in a row that are the same are no chance; of a shorter secret, all of it. */
#define REPEATED_MIN 6

static size_t same_length(char const *a, size_t alen, char const *b, size_t blen)
{
  size_t i = 0;
  while (i < alen && i < blen && a[i] == b[i]) i++;
  return i;
}

/* The longest piece of the secret that text begins with. */
static size_t repeated(char const *text, size_t len, char const *secret, size_t secretlen)
{
  size_t longest = 0, i;
  for (i = 0; i < secretlen; i++)
  {
    size_t const n = same_length(text, len, secret + i, secretlen - i);
    if (n > longest) longest = n;
  }
  return longest;
}

static void hide(char *text, size_t len, char const *secret)
{
  size_t const secretlen = strlen(secret);
  size_t const least = secretlen < REPEATED_MIN ? secretlen : REPEATED_MIN;
  size_t i = 0;
  while (secretlen && i < len)
  {
    size_t const n = repeated(text + i, len - i, secret, secretlen);
    if (n >= least) memset(text + i, '*', n);
    i += n >= least ? n : 1;
  }
}

void sasl_hide(sasl const *x, char *text, size_t len)
{
  hide(text, len, x->line + x->response);
  hide(text, len, x->account->password);
}

void sasl_end(sasl *x)
{
  explicit_bzero(x, sizeof *x);
}
