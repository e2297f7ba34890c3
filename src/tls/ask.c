#include "tls/ask.h"

#include <arpa/inet.h>
#include <string.h>

#include "smtp/chars.h"
#include "smtp/command.h"
#include "smtp/domain.h"

#define COUNT(table) (sizeof (table) / sizeof *(table))
#define LINE_END "\r\n"
#define LINE_END_LEN 2
/* Room for a decimal number. */
#define NUMBER_MAX 21

static char const hex_digits[] = "0123456789abcdef";

static char const *const levels[TLS_LEVELS] =
{
  [TLS_NONE] = "none", [TLS_MAY] = "may", [TLS_ENCRYPT] = "encrypt",
  [TLS_FINGERPRINT] = "fingerprint", [TLS_VERIFY] = "verify", [TLS_DANE] = "dane",
  [TLS_DANE_ONLY] = "dane-only"
};

/* Of an answer, and of log lines. */
static struct trust_words
{
  char const *word;
  char const *name;
} const trusts[] =
{
  [TLS_ANONYMOUS] = { "anonymous", "Anonymous" },
  [TLS_UNTRUSTED] = { "untrusted", "Untrusted" },
  [TLS_TRUSTED] = { "trusted", "Trusted" },
  [TLS_VERIFIED] = { "verified", "Verified" }
};

tls_field tls_field_of(char const *s)
{
  return (tls_field){ s, strlen(s) };
}

/* --- words -------------------------------------------------------------------------------- */

static int field_is(tls_field const *field, char const *word)
{
  return field->len == strlen(word) && !memcmp(field->s, word, field->len);
}

char const *tls_level_name(enum tls_level level)
{
  return levels[level];
}

enum tls_level tls_level_scan(char const *s, size_t len)
{
  tls_field const word = { s, len };
  unsigned int i = 0;
  while (i < TLS_LEVELS && !field_is(&word, levels[i])) i++;
  return (enum tls_level)i;
}

int tls_level_demands(enum tls_level level)
{
  return level >= TLS_ENCRYPT && level != TLS_DANE;
}

char const *tls_trust_name(enum tls_trust trust)
{
  return trusts[trust].name;
}

static int trust_scan(tls_field const *field, enum tls_trust *trust)
{
  unsigned int i = 0;
  while (i < COUNT(trusts) && !field_is(field, trusts[i].word)) i++;
  *trust = (enum tls_trust)i;
  return i < COUNT(trusts);
}

static int hex_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && (smtp_digit(s[i]) || (s[i] >= 'a' && s[i] <= 'f'))) i++;
  return i == len;
}

static int print_ok(tls_field const *field)
{
  return field->len == TLS_PRINT_LEN && hex_ok(field->s, field->len);
}

static int visible_ok(tls_field const *field)
{
  size_t i = 0;
  while (i < field->len && smtp_visible(field->s[i])) i++;
  return field->len && i == field->len;
}

/* Read one to its end; colons stand between octets.  Its digits go to out, in lower case. */
static int print_fold(char out[TLS_PRINT_LEN], char const *s, size_t len)
{
  size_t n = 0, i;
  for (i = 0; i < len; i++)
  {
    if (s[i] == ':' && n && n % 2 == 0 && i && s[i - 1] != ':' && i + 1 < len) continue;
    if (n == TLS_PRINT_LEN) return 0;
    out[n++] = smtp_lower(s[i]);
  }
  return n == TLS_PRINT_LEN && hex_ok(out, n);
}

int tls_print_scan(char out[TLS_PRINT_LEN + 1], char const *s, size_t len)
{
  out[TLS_PRINT_LEN] = 0;
  return print_fold(out, s, len);
}

size_t tls_prints_scan(char out[TLS_PRINTS_TEXT_MAX], char const *s, size_t len)
{
  size_t n = 0;
  for (;;)
  {
    char const *comma = len ? memchr(s, ',', len) : 0;
    size_t const one = comma ? (size_t)(comma - s) : len;
    if (n == TLS_PRINTS_TEXT_MAX || !print_fold(out + n, s, one)) return 0;
    n += TLS_PRINT_LEN;
    out[n++] = comma ? ',' : 0;
    if (!comma) return n - 1;
    s += one + 1;
    len -= one + 1;
  }
}

/* A domain in ASCII, as certificates have them. */
static int name_ok(char const *s, size_t len)
{
  tls_field const name = { s, len };
  return visible_ok(&name) && smtp_domain_ok(s, len);
}

static int address_ok(char const *s, size_t len)
{
  char text[INET6_ADDRSTRLEN];
  unsigned char address[16];
  if (len >= sizeof text) return 0;
  memcpy(text, s, len);
  text[len] = 0;
  return inet_pton(AF_INET, text, address) == 1 || inet_pton(AF_INET6, text, address) == 1;
}

static int match_ok(char const *s, size_t len)
{
  size_t const dot = len && *s == '.';
  return name_ok(s + dot, len - dot) || address_ok(s, len);
}

/* Take the next field, which ends with a space, or with the line.  0 when there is none. */
static int field_next(tls_field *rest, tls_field *field)
{
  char const *space;
  if (!rest->len) return 0;
  space = memchr(rest->s, ' ', rest->len);
  field->s = rest->s;
  field->len = space ? (size_t)(space - rest->s) : rest->len;
  rest->s += field->len + !!space;
  rest->len -= field->len + !!space;
  return 1;
}

/* Is this "KEY=..."?  Value is what is behind it. */
static int value_of(tls_field const *field, char const *key, tls_field *value)
{
  size_t const n = strlen(key);
  if (field->len <= n || memcmp(field->s, key, n) || field->s[n] != '=') return 0;
  value->s = field->s + n + 1;
  value->len = field->len - n - 1;
  return 1;
}

/* --- putting ------------------------------------------------------------------------------ */

static char const *number_text(char out[NUMBER_MAX], unsigned int number)
{
  char *s = out + (NUMBER_MAX - 1);
  *s = 0;
  do *--s = (char)('0' + number % 10);
  while (number /= 10);
  return s;
}

/* Put octets where they leave room for the line's end.  1; 0 where they do not. */
static int octets_put(tls_request *r, char const *s, size_t len)
{
  if (len > sizeof r->s - LINE_END_LEN - r->len) return 0;
  memcpy(r->s + r->len, s, len);
  r->len += len;
  return 1;
}

static int text_put(tls_request *r, char const *text)
{
  return octets_put(r, text, strlen(text));
}

/* " KEY=VALUE": all of it or nothing. */
static int value_put(tls_request *r, char const *key, char const *value)
{
  size_t const len = r->len;
  if (text_put(r, " ") && text_put(r, key) && text_put(r, "=") && text_put(r, value)) return 1;
  r->len = len;
  return 0;
}

static void request_begin(tls_request *r, char const *verb)
{
  r->len = 0;
  r->names = r->prints = r->records = 0;
  text_put(r, verb);
}

void tls_request_accept(tls_request *r, unsigned int timeout_s, int certificate, int lines)
{
  char number[NUMBER_MAX];
  request_begin(r, "accept");
  if (certificate) text_put(r, " ccert");
  if (lines) text_put(r, " lines");
  value_put(r, "timeout", number_text(number, timeout_s));
}

void tls_request_connect(tls_request *r, char const *name, unsigned int timeout_s,
                         enum tls_level level)
{
  char number[NUMBER_MAX];
  request_begin(r, "connect");
  value_put(r, "name", name_ok(name, strlen(name)) ? name : "");
  value_put(r, "timeout", number_text(number, timeout_s));
  value_put(r, "level", tls_level_name(level));
}

/* Count one more, if it was put. */
static int counted(unsigned int *count, int put)
{
  *count += (unsigned int)put;
  return put;
}

int tls_request_match(tls_request *r, char const *name)
{
  return r->names < TLS_NAMES_MAX && match_ok(name, strlen(name))
    && counted(&r->names, value_put(r, "match", name));
}

int tls_request_print(tls_request *r, char const *print)
{
  char lower[TLS_PRINT_LEN + 1];
  size_t i;
  if (r->prints == TLS_PRINTS_MAX || strlen(print) != TLS_PRINT_LEN) return 0;
  for (i = 0; i <= TLS_PRINT_LEN; i++) lower[i] = smtp_lower(print[i]);
  return hex_ok(lower, TLS_PRINT_LEN) && counted(&r->prints, value_put(r, "print", lower));
}

static int hex_put(tls_request *r, unsigned char const *data, size_t len)
{
  size_t i;
  if (len > sizeof r->s / 2) return 0;
  for (i = 0; i < len; i++)
  {
    char const digits[2] = { hex_digits[data[i] >> 4], hex_digits[data[i] & 15] };
    if (!octets_put(r, digits, 2)) return 0;
  }
  return 1;
}

static int number_put(tls_request *r, unsigned int number)
{
  char text[NUMBER_MAX];
  return text_put(r, number_text(text, number)) && text_put(r, ",");
}

int tls_request_tlsa(tls_request *r, unsigned int usage, unsigned int selector,
                     unsigned int matching, void const *data, size_t len)
{
  size_t const before = r->len;
  if (r->records == TLS_TLSA_MAX) return 0;
  if (value_put(r, "tlsa", "") && number_put(r, usage) && number_put(r, selector)
      && number_put(r, matching) && hex_put(r, data, len)) return counted(&r->records, 1);
  r->len = before;
  return 0;
}

void tls_request_end(tls_request *r)
{
  memcpy(r->s + r->len, LINE_END, LINE_END_LEN);
  r->len += LINE_END_LEN;
}

/* --- requests ----------------------------------------------------------------------------- */

static int number_scan(tls_field const *field, uint64_t max, unsigned int *number)
{
  uint64_t n;
  if (!smtp_number_scan(field->s, field->len, &n) || n > max) return 0;
  *number = (unsigned int)n;
  return 1;
}

/* Ten years: nobody means more. */
#define TIMEOUT_MAX_S 315360000

static int timeout_scan(tls_field const *value, unsigned int *timeout_s)
{
  return number_scan(value, TIMEOUT_MAX_S, timeout_s) && *timeout_s;
}

/* Take a number and the comma behind it. */
static int octet_next(tls_field *rest, unsigned int *number)
{
  char const *comma = memchr(rest->s, ',', rest->len);
  tls_field const digits = { rest->s, comma ? (size_t)(comma - rest->s) : 0 };
  if (!comma || !number_scan(&digits, 255, number)) return 0;
  rest->s += digits.len + 1;
  rest->len -= digits.len + 1;
  return 1;
}

static int tlsa_scan(tls_field rest, tls_tlsa *record)
{
  if (!octet_next(&rest, &record->usage) || !octet_next(&rest, &record->selector)
      || !octet_next(&rest, &record->matching)) return 0;
  record->hex = rest;
  return rest.len % 2 == 0 && hex_ok(rest.s, rest.len);
}

static int match_take(tls_asked *asked, tls_field const *value)
{
  if (asked->names == TLS_NAMES_MAX || !match_ok(value->s, value->len)) return 0;
  asked->match[asked->names++] = *value;
  return 1;
}

static int print_take(tls_asked *asked, tls_field const *value)
{
  if (asked->prints == TLS_PRINTS_MAX || !print_ok(value)) return 0;
  asked->print[asked->prints++] = *value;
  return 1;
}

static int tlsa_take(tls_asked *asked, tls_field const *value)
{
  return asked->records < TLS_TLSA_MAX && tlsa_scan(*value, &asked->tlsa[asked->records])
    && ++asked->records;
}

static int accept_take(tls_asked *asked, tls_field const *field)
{
  tls_field value;
  if (field_is(field, "ccert")) return asked->certificate = 1;
  if (field_is(field, "lines")) return asked->lines = 1;
  return value_of(field, "timeout", &value) && timeout_scan(&value, &asked->timeout_s);
}

static int level_take(tls_asked *asked, tls_field const *value)
{
  asked->level = tls_level_scan(value->s, value->len);
  return asked->level != TLS_NONE && asked->level != TLS_LEVELS;
}

static int connect_take(tls_asked *asked, tls_field const *field)
{
  tls_field value;
  if (value_of(field, "timeout", &value)) return timeout_scan(&value, &asked->timeout_s);
  if (value_of(field, "level", &value)) return level_take(asked, &value);
  if (value_of(field, "match", &value)) return match_take(asked, &value);
  if (value_of(field, "print", &value)) return print_take(asked, &value);
  if (value_of(field, "tlsa", &value)) return tlsa_take(asked, &value);
  if (!value_of(field, "name", &value)) return 0;
  asked->name = value;
  return !value.len || name_ok(value.s, value.len);
}

int tls_request_scan(char const *s, size_t len, tls_asked *asked)
{
  tls_field rest = { s, len }, field;
  int (*take)(tls_asked *asked, tls_field const *field) = accept_take;
  memset(asked, 0, sizeof *asked);
  asked->name.s = s;
  if (!field_next(&rest, &field)) return 0;
  asked->connect = field_is(&field, "connect");
  if (asked->connect) take = connect_take;
  else if (!field_is(&field, "accept")) return 0;
  while (field_next(&rest, &field))
    if (!take(asked, &field)) return 0;
  return asked->timeout_s && (!asked->connect || asked->level != TLS_NONE);
}

/* --- answers ------------------------------------------------------------------------------ */

/* An answer as it grows; what does not fit is cut. */
typedef struct answer_text
{
  size_t len;
  char *s;
} answer_text;

static void answer_put(answer_text *a, char const *s, size_t len)
{
  size_t const room = TLS_ANSWER_MAX - LINE_END_LEN - a->len;
  if (len > room) len = room;
  memcpy(a->s + a->len, s, len);
  a->len += len;
}

static void answer_word(answer_text *a, char const *word)
{
  answer_put(a, word, strlen(word));
}

static void answer_field(answer_text *a, tls_field const *field)
{
  answer_word(a, " ");
  answer_put(a, field->s, field->len);
}

/* A value that is not empty; half a one would be another one, so it is put only where it fits. */
static void answer_value(answer_text *a, char const *key, tls_field const *value)
{
  size_t const room = TLS_ANSWER_MAX - LINE_END_LEN - a->len;
  if (!value->len || value->len + strlen(key) > room) return;
  answer_word(a, key);
  answer_put(a, value->s, value->len);
}

static void answer_reason(answer_text *a, char const *word, tls_field const *reason)
{
  size_t i;
  answer_word(a, word);
  answer_field(a, reason);
  for (i = 0; i < a->len; i++)
    if (smtp_control(a->s[i])) a->s[i] = ' ';
}

static void answer_done(answer_text *a, tls_answer const *answer)
{
  answer_word(a, "tls");
  answer_field(a, &answer->protocol);
  answer_field(a, &answer->cipher);
  answer_field(a, &answer->bits);
  answer_word(a, " ");
  answer_word(a, trusts[answer->trust].word);
  answer_value(a, " cert=", &answer->certificate);
  answer_value(a, " key=", &answer->key);
  answer_value(a, " cn=", &answer->subject);
  answer_value(a, " issuer=", &answer->issuer);
}

size_t tls_answer_format(char *out, tls_answer const *answer)
{
  answer_text a = { 0, out };
  switch (answer->kind)
  {
    case TLS_READY: answer_word(&a, "ready"); break;
    case TLS_NO: answer_reason(&a, "no", &answer->reason); break;
    case TLS_FAILED: answer_reason(&a, "failed", &answer->reason); break;
    case TLS_DONE: answer_done(&a, answer); break;
  }
  memcpy(out + a.len, LINE_END, LINE_END_LEN);
  return a.len + LINE_END_LEN;
}

static int answer_take(tls_answer *answer, tls_field const *field)
{
  if (value_of(field, "cert", &answer->certificate)) return print_ok(&answer->certificate);
  if (value_of(field, "key", &answer->key)) return print_ok(&answer->key);
  return (value_of(field, "cn", &answer->subject)
          && smtp_xtext_ok(answer->subject.s, answer->subject.len))
    || (value_of(field, "issuer", &answer->issuer)
        && smtp_xtext_ok(answer->issuer.s, answer->issuer.len));
}

static int done_scan(tls_field rest, tls_answer *answer)
{
  tls_field trust, field;
  if (!field_next(&rest, &answer->protocol) || !visible_ok(&answer->protocol)) return 0;
  if (!field_next(&rest, &answer->cipher) || !visible_ok(&answer->cipher)) return 0;
  if (!field_next(&rest, &answer->bits) || !visible_ok(&answer->bits)) return 0;
  if (!field_next(&rest, &trust) || !trust_scan(&trust, &answer->trust)) return 0;
  while (field_next(&rest, &field))
    if (!answer_take(answer, &field)) return 0;
  return 1;
}

int tls_answer_scan(char const *s, size_t len, tls_answer *answer)
{
  static tls_field const none = { "", 0 };
  tls_field rest = { s, len }, verb;
  *answer = (tls_answer){ .reason = none, .protocol = none, .cipher = none, .bits = none,
                          .certificate = none, .key = none, .subject = none, .issuer = none };
  if (!field_next(&rest, &verb)) return 0;
  answer->kind = field_is(&verb, "ready") ? TLS_READY : field_is(&verb, "no") ? TLS_NO
    : field_is(&verb, "tls") ? TLS_DONE : TLS_FAILED;
  if (answer->kind == TLS_READY) return !rest.len;
  if (answer->kind == TLS_DONE) return done_scan(rest, answer);
  answer->reason = rest;
  return answer->kind == TLS_NO || field_is(&verb, "failed");
}
