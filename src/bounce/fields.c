#include "bounce/fields.h"

#include <string.h>

#include "smtp/chars.h"
#include "smtp/command.h"
#include "smtp/domain.h"
#include "smtp/reply.h"

void fields_clean(char *s, size_t len, int utf8)
{
  size_t i;
  smtp_text_clean(s, len);
  for (i = 0; i < len && !utf8; i++)
    if (smtp_high(s[i])) s[i] = '?';
}

/* --- putting a value together --------------------------------------------------------------- */

typedef struct value
{
  char *s;      /* FIELDS_MAX octets */
  size_t len;
} value;

/* Append octets; a UTF-8 character is never cut in half: the rest of it would be cleaned away. */
static void value_put(value *v, char const *s, size_t len)
{
  size_t room = FIELDS_MAX - 1 - v->len;
  if (len > room)
  {
    len = room;
    while (len && ((unsigned char)s[len] & 0xc0) == 0x80) len--;
  }
  memcpy(v->s + v->len, s, len);
  v->len += len;
}

static void value_puts(value *v, char const *s)
{
  value_put(v, s, strlen(s));
}

static int value_end(value *v, int utf8)
{
  fields_clean(v->s, v->len, utf8);
  v->s[v->len] = 0;
  return 1;
}

/* --- parameters ------------------------------------------------------------------------------- */

/* Find the value of the parameter with this key. 1 or 0. */
static int parameter_find(char const *parameters, char const *key, job_field *found)
{
  size_t len = strlen(parameters);
  job_field parameter;
  while (job_field_next(&parameters, &len, &parameter))
  {
    char const *equals = memchr(parameter.s, '=', parameter.len);
    if (!equals || !smtp_word_is(parameter.s, (size_t)(equals - parameter.s), key)) continue;
    found->s = equals + 1;
    found->len = (size_t)(parameter.s + parameter.len - found->s);
    return 1;
  }
  return 0;
}

/* Is the word in a list parted by commas? */
static int among(job_field const *list, char const *word)
{
  char const *s = list->s;
  char const *end = s + list->len;
  for (;;)
  {
    char const *comma = memchr(s, ',', (size_t)(end - s));
    if (smtp_word_is(s, (size_t)((comma ? comma : end) - s), word)) return 1;
    if (!comma) return 0;
    s = comma + 1;
  }
}

int fields_wanted(char const *parameters, enum job_event event)
{
  static char const *const words[] =
  {
    [JOB_EVENT_FAILED] = "FAILURE", [JOB_EVENT_DELAYED] = "DELAY", [JOB_EVENT_RELAYED] = "SUCCESS"
  };
  job_field notify;
  if (!parameter_find(parameters, "NOTIFY", &notify) || !smtp_notify_ok(notify.s, notify.len))
    return event != JOB_EVENT_RELAYED;
  return among(&notify, words[event]);
}

enum fields_ret fields_ret(char const *parameters)
{
  job_field ret;
  if (!parameter_find(parameters, "RET", &ret)) return FIELDS_RET_UNSAID;
  if (smtp_word_is(ret.s, ret.len, "FULL")) return FIELDS_RET_FULL;
  return smtp_word_is(ret.s, ret.len, "HDRS") ? FIELDS_RET_HDRS : FIELDS_RET_UNSAID;
}

static unsigned int hex(char c)
{
  return (unsigned int)(smtp_digit(c) ? c - '0' : c - 'A' + 10);
}

/* Decode xtext, checked by smtp_xtext_ok(). */
static void xtext_put(value *v, char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
  {
    char c = s[i];
    if (c == '+')
    {
      c = (char)(hex(s[i + 1]) * 16 + hex(s[i + 2]));
      i += 2;
    }
    value_put(v, &c, 1);
  }
}

int fields_envelope_id(char out[FIELDS_MAX], char const *parameters)
{
  value v = { out, 0 };
  job_field id;
  if (!parameter_find(parameters, "ENVID", &id) || !smtp_xtext_ok(id.s, id.len)) return 0;
  xtext_put(&v, id.s, id.len);
  return value_end(&v, 0);
}

/* --- addresses ---------------------------------------------------------------------------- */

static void utf8_put(value *v, unsigned long c)
{
  static unsigned char const first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
  unsigned int const len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  unsigned int i;
  char s[4];
  for (i = len; --i; c >>= 6) s[i] = (char)(0x80 | (c & 0x3f));
  s[0] = (char)(first[len] | c);
  value_put(v, s, len);
}

/* Put the character that "\x{HEX}" stands for.  Returns the octets of that text. */
static size_t embedded_put(value *v, char const *s)
{
  size_t i;
  unsigned long c = 0;
  for (i = 3; s[i] != '}'; i++) c = c * 16 + hex(s[i]);
  utf8_put(v, c);
  return i + 1;
}

/* Decode a utf-8-addr, checked by smtp_orcpt_ok(). */
static void utf8addr_put(value *v, char const *s, size_t len)
{
  size_t i, n;
  for (i = 0; i < len; i += n)
  {
    n = s[i] == '+' ? 3 : 1;
    if (s[i] == '\\') n = embedded_put(v, s + i);
    else xtext_put(v, s + i, n);
  }
}

/* The code point of a character of so many octets. */
static unsigned long utf8_number(char const *s, size_t len)
{
  static unsigned char const first[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
  unsigned long c = (unsigned char)*s & first[len];
  while (--len) c = c << 6 | ((unsigned char)*++s & 0x3f);
  return c;
}

#define EMBEDDED_MAX (sizeof "\\x{10FFFF}")

/* Format "\x{HEX}", of two digits at least.  Returns its octets. */
static size_t embedded_format(char out[EMBEDDED_MAX], unsigned long c)
{
  static char const digits[] = "0123456789ABCDEF";
  char *p = stpcpy(out, "\\x{");
  int shift = 20;
  while (shift > 4 && !(c >> shift)) shift -= 4;
  for (; shift >= 0; shift -= 4) *p++ = digits[c >> shift & 15];
  *p++ = '}';
  return (size_t)(p - out);
}

static size_t escaped_format(char out[EMBEDDED_MAX], char const *s, size_t len)
{
  if (len > 1 || strchr(" \\+=", *s)) return embedded_format(out, utf8_number(s, len));
  *out = *s;
  return 1;
}

/* Put clean text as utf-8-addr-xtext; no character is cut in half. */
static void escaped_put(value *v, char const *s, size_t len)
{
  char text[EMBEDDED_MAX];
  size_t i, n, textlen;
  for (i = 0; i < len; i += n)
  {
    n = smtp_high(s[i]) ? smtp_utf8_scan(s + i, len - i) : 1;
    textlen = escaped_format(text, s + i, n);
    if (v->len + textlen >= FIELDS_MAX) return;
    value_put(v, text, textlen);
  }
}

/* Put an address beyond ASCII in the form that fits the report. */
static void utf8_address_put(value *v, value *address, int utf8)
{
  value_end(address, 1);
  if (utf8) value_put(v, address->s, address->len);
  else escaped_put(v, address->s, address->len);
}

int fields_original_recipient(char out[FIELDS_MAX], char const *parameters, int utf8)
{
  char decoded[FIELDS_MAX];
  value v = { out, 0 }, copy = { decoded, 0 };
  job_field orcpt, address;
  size_t typelen;
  if (!parameter_find(parameters, "ORCPT", &orcpt) || !smtp_orcpt_ok(orcpt.s, orcpt.len)) return 0;
  address.s = (char const *)memchr(orcpt.s, ';', orcpt.len) + 1;
  address.len = (size_t)(orcpt.s + orcpt.len - address.s);
  typelen = orcpt.len - address.len - 1;
  value_put(&v, orcpt.s, typelen);
  value_puts(&v, "; ");
  if (!smtp_word_is(orcpt.s, typelen, "UTF-8"))
  {
    xtext_put(&v, address.s, address.len);
    return value_end(&v, 0);
  }
  utf8addr_put(&copy, address.s, address.len);
  utf8_address_put(&v, &copy, utf8);
  return value_end(&v, utf8);
}

void fields_final_recipient(char out[FIELDS_MAX], char const *address, int utf8)
{
  char clean[FIELDS_MAX];
  value v = { out, 0 }, copy = { clean, 0 };
  int const beyond = smtp_domain_utf8(address, strlen(address));
  value_puts(&v, beyond ? "utf-8; " : "rfc822; ");
  value_puts(&copy, address);
  if (beyond) utf8_address_put(&v, &copy, utf8);
  else value_put(&v, copy.s, copy.len);
  value_end(&v, utf8);
}

/* --- hosts -------------------------------------------------------------------------------- */

static int host_put(value *v, char const *name, size_t len)
{
  if (!len || !smtp_domain_ok(name, len)) return 0;
  value_puts(v, "dns; ");
  value_put(v, name, len);
  return value_end(v, 0);
}

/* Put an address literal of SMTP. */
static int literal_put(value *v, char const *address, size_t len)
{
  static char const type[] = "dns; ";
  size_t const typelen = sizeof type - 1;
  value_puts(v, type);
  value_puts(v, memchr(address, ':', len) ? "[IPv6:" : "[");
  value_put(v, address, len);
  value_puts(v, "]");
  return smtp_literal_ok(v->s + typelen, v->len - typelen) && value_end(v, 0);
}

int fields_received_from(char out[FIELDS_MAX], char const *client)
{
  value v = { out, 0 };
  size_t len = strcspn(client, " ");
  return client[len] && client[len + 1] == '[' && host_put(&v, client, len);
}

int fields_remote_mta(char out[FIELDS_MAX], char const *relay)
{
  value v = { out, 0 };
  size_t len = strcspn(relay, "[");
  char const *end = strchr(relay + len, ']');
  if (!end) return 0;
  return host_put(&v, relay, len)
    || literal_put(&v, relay + len + 1, (size_t)(end - relay) - len - 1);
}

/* --- results ------------------------------------------------------------------------------ */

char const *fields_status(char const *code, enum job_event event)
{
  static char const *const own[] =
    { [JOB_EVENT_FAILED] = "5.0.0", [JOB_EVENT_DELAYED] = "4.0.0", [JOB_EVENT_RELAYED] = "2.0.0" };
  unsigned int class = (unsigned int)(own[event][0] - '0');
  char scanned[SMTP_STATUS_MAX];
  size_t len = strlen(code);
  return len && smtp_status_scan(scanned, class * 100, code, len) == len ? code : own[event];
}

/* Remove " (in reply to COMMAND command)" from the end of a reply that is quoted. */
static void quotation_end(job_field *reply)
{
  static char const begin[] = JOB_TEXT_IN_REPLY, end[] = JOB_TEXT_COMMAND;
  size_t const beginlen = sizeof begin - 1, endlen = sizeof end - 1;
  size_t at;
  if (reply->len < beginlen + endlen || memcmp(reply->s + reply->len - endlen, end, endlen)) return;
  for (at = reply->len - endlen - beginlen; at; at--)
    if (!memcmp(reply->s + at, begin, beginlen))
    {
      reply->len = at;
      return;
    }
}

int fields_reply(job_field *reply, char const *text)
{
  static char const said[] = JOB_TEXT_SAID;
  char const *quoted = !strncmp(text, "host ", 5) ? strstr(text, said) : 0;
  smtp_reply_line line;
  reply->s = quoted ? quoted + sizeof said - 1 : text;
  reply->len = strlen(reply->s);
  if (quoted) quotation_end(reply);
  return smtp_reply_scan(reply->s, reply->len, &line);
}
