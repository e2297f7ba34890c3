#include "smtp/command.h"

#include <string.h>
#include <strings.h>

#include "smtp/chars.h"

static char const *const verbs[SMTP_UNKNOWN] =
{
  [SMTP_HELO] = "HELO", [SMTP_EHLO] = "EHLO", [SMTP_MAIL] = "MAIL", [SMTP_RCPT] = "RCPT",
  [SMTP_DATA] = "DATA", [SMTP_BDAT] = "BDAT", [SMTP_RSET] = "RSET", [SMTP_NOOP] = "NOOP",
  [SMTP_VRFY] = "VRFY", [SMTP_EXPN] = "EXPN", [SMTP_HELP] = "HELP", [SMTP_QUIT] = "QUIT",
  [SMTP_ETRN] = "ETRN", [SMTP_STARTTLS] = "STARTTLS", [SMTP_AUTH] = "AUTH",
  [SMTP_ATRN] = "ATRN"
};

static int space(char c)
{
  return c == ' ' || c == '\t';
}

void smtp_command_scan(char const *line, size_t len, smtp_command *command)
{
  int verb = 0;
  size_t verblen = 0;
  while (verblen < len && !space(line[verblen])) verblen++;
  while (verb < SMTP_UNKNOWN && !smtp_word_is(line, verblen, verbs[verb])) verb++;
  command->verb = (enum smtp_verb)verb;

  line += verblen;
  len -= verblen;
  while (len && space(line[len - 1])) len--;
  while (len && space(*line)) line++, len--;
  command->argument = line;
  command->argumentlen = len;
}

/*
 * Methods of HTTP (RFC 9110 section 9.3, RFC 5789), and the beginning of its second version (RFC
 * 9113 section 3.4).
 */
static char const *const methods[] =
  { "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI" };

static int method(char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < sizeof methods / sizeof *methods; i++)
    if (smtp_word_is(s, len, methods[i])) return 1;
  return 0;
}

static size_t digits_begin(char const *s, size_t end)
{
  while (end && smtp_digit(s[end - 1])) end--;
  return end;
}

/*
 * Does the line end with a version of HTTP, as the request of any method does (RFC 9112 section 3)?
 */
static int version(char const *s, size_t len)
{
  static char const name[] = " HTTP/";
  size_t const namelen = sizeof name - 1;
  size_t const minor = digits_begin(s, len);
  size_t major;
  if (minor == len || !minor || s[minor - 1] != '.') return 0;
  major = digits_begin(s, minor - 1);
  return major < minor - 1 && major >= namelen && !strncasecmp(s + major - namelen, name, namelen);
}

/* Is this a request of HTTP?  Not with one of our verbs, which may have any argument. */
static int request(char const *s, size_t len)
{
  smtp_command command;
  smtp_command_scan(s, len, &command);
  return command.verb == SMTP_UNKNOWN && version(s, len);
}

/*
 * The type of a handshake's record, and the first octet of all its versions (RFC 8446 section 5.1).
 */
int smtp_command_handshake(char const *s, size_t len)
{
  return len > 1 && s[0] == 0x16 && s[1] == 3;
}

static size_t line_end(char const *s, size_t len)
{
  size_t n = 0;
  while (n < len && s[n] != '\r' && s[n] != '\n') n++;
  return n;
}

int smtp_command_non_smtp(char const *line, size_t len)
{
  size_t const end = line_end(line, len);
  size_t n = 0;
  while (n < end && !space(line[n]) && line[n] != ':') n++;
  return (n && n < end && line[n] == ':') || method(line, n) || request(line, end)
    || smtp_command_handshake(line, len);
}

/* --- paths --- */

static char *octets_put(char *out, char const *s, size_t len)
{
  memcpy(out, s, len);
  return out + len;
}

static void mailbox_put(char text[SMTP_PATH_MAX + 1], smtp_path const *path)
{
  char const *quote = path->loose ? "\"" : "";
  text = octets_put(stpcpy(text, quote), path->local, path->locallen);
  text = stpcpy(text, quote);
  if (path->domainlen) *text++ = '@';
  *octets_put(text, path->domain, path->domainlen) = 0;
}

enum smtp_argument_verdict smtp_argument_scan(smtp_argument *argument, smtp_command const *command,
                                              int flags)
{
  char const *keyword = command->verb == SMTP_RCPT ? "TO:" : "FROM:";
  char const *s = command->argument;
  size_t n = strlen(keyword), len = command->argumentlen;
  smtp_path path;
  if (len < n || strncasecmp(s, keyword, n)) return SMTP_ARGUMENT_SYNTAX;
  while (n < len && s[n] == ' ') n++;
  s += n;
  len -= n;
  n = smtp_path_scan(s, len, flags, &path);
  if (!n) return SMTP_ARGUMENT_PATH;
  mailbox_put(argument->text, &path);
  argument->parameters = s + n;
  argument->parameterslen = len - n;
  return smtp_mailbox_scan(argument->text, strlen(argument->text), flags & ~SMTP_PATH_LENIENT,
                           &argument->path)
    ? SMTP_ARGUMENT_GOOD : SMTP_ARGUMENT_PATH;
}

/* --- chunks --- */

enum smtp_chunk_verdict smtp_chunk_scan(smtp_chunk *chunk, smtp_command const *command)
{
  char const *s = command->argument;
  size_t const len = command->argumentlen;
  size_t n = smtp_digits(s, len);
  chunk->last = 0;
  if (!n) return SMTP_CHUNK_UNSIZED;
  if (!smtp_number_scan(s, n, &chunk->size)) return SMTP_CHUNK_HUGE;
  if (n == len) return SMTP_CHUNK_GOOD;
  if (s[n] != ' ') return SMTP_CHUNK_ODD;
  while (n < len && s[n] == ' ') n++;
  chunk->last = smtp_word_is(s + n, len - n, "LAST");
  return chunk->last ? SMTP_CHUNK_GOOD : SMTP_CHUNK_ODD;
}

/* --- parameters --- */

static size_t keyword_length(char const *s, size_t len)
{
  size_t i = 0;
  if (!len || *s == '-') return 0;
  while (i < len && (smtp_letter(s[i]) || smtp_digit(s[i]) || s[i] == '-')) i++;
  return i;
}

/* RFC 5321 section 4.1.2 has visible ASCII but '='; RFC 6531 section 3.3 adds UTF-8. */
static size_t value_length(char const *s, size_t len)
{
  size_t i = 0, n;
  while (i < len)
  {
    n = smtp_high(s[i]) ? smtp_utf8_scan(s + i, len - i) : smtp_visible(s[i]) && s[i] != '=';
    if (!n) break;
    i += n;
  }
  return i;
}

int smtp_parameter_next(char const **s, size_t *len, smtp_parameter *parameter)
{
  char const *p = *s;
  char const *end = p + *len;
  while (p < end && *p == ' ') p++;
  if (p == end)
  {
    *s = end;
    *len = 0;
    return 0;
  }
  if (p == *s) return -1;

  parameter->key = p;
  parameter->keylen = keyword_length(p, (size_t)(end - p));
  if (!parameter->keylen) return -1;
  p += parameter->keylen;

  parameter->value = 0;
  parameter->valuelen = 0;
  if (p < end && *p == '=')
  {
    parameter->value = ++p;
    parameter->valuelen = value_length(p, (size_t)(end - p));
    if (!parameter->valuelen) return -1;
    p += parameter->valuelen;
  }
  if (p < end && *p != ' ') return -1;

  *s = p;
  *len = (size_t)(end - p);
  return 1;
}

int smtp_parameter_is(smtp_parameter const *parameter, char const *keyword)
{
  return smtp_word_is(parameter->key, parameter->keylen, keyword);
}

/* --- values of DSN parameters ---
   Each *_length() gives the octets its thing takes at the head of s, 0 when it is not there. */

static int hex_upper(char c)
{
  return smtp_digit(c) || (c >= 'A' && c <= 'F');
}

/* The length of one character of xtext. */
static size_t xchar_length(char const *s, size_t len)
{
  if (!len || !smtp_visible(*s) || *s == '=') return 0;
  if (*s != '+') return 1;
  return len >= 3 && hex_upper(s[1]) && hex_upper(s[2]) ? 3 : 0;
}

int smtp_xtext_ok(char const *s, size_t len)
{
  size_t i = 0, n;
  while ((n = xchar_length(s + i, len - i))) i += n;
  return i == len;
}

int smtp_auth_ok(char const *s, size_t len)
{
  return (len == 2 && !memcmp(s, "<>", 2)) || (len && smtp_xtext_ok(s, len));
}

/* The length of "\x{HEX}", a character by its number. */
static size_t embedded_length(char const *s, size_t len)
{
  static char const head[] = "\\x{";
  size_t const headlen = sizeof head - 1;
  unsigned long number = 0;
  size_t i = headlen;
  if (len < headlen || memcmp(s, head, headlen)) return 0;
  for (; i < len && i < headlen + 6 && hex_upper(s[i]); i++)
    number = number * 16 + (unsigned long)(smtp_digit(s[i]) ? s[i] - '0' : s[i] - 'A' + 10);
  if (i < headlen + 2 || i == len || s[i] != '}') return 0;
  if (number > 0x10FFFF || (number >= 0xD800 && number <= 0xDFFF)) return 0;
  return i + 1;
}

/*
 * The length of one character of a utf-8-addr.  "+HH" is not of RFC 6533, but of the xtext around
 * it.
 */
static size_t utf8addr_length(char const *s, size_t len)
{
  if (!len) return 0;
  if (smtp_high(*s)) return smtp_utf8_scan(s, len);
  if (*s == '\\') return embedded_length(s, len);
  return xchar_length(s, len);
}

static int utf8addr_ok(char const *s, size_t len)
{
  size_t i = 0, n;
  while ((n = utf8addr_length(s + i, len - i))) i += n;
  return i == len;
}

/* Is this an atom of RFC 822 section 3.3, within xtext? */
static int addrtype_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && smtp_visible(s[i]) && !strchr("()<>@,;:\\\".[]+=", s[i])) i++;
  return len && i == len;
}

int smtp_orcpt_ok(char const *s, size_t len)
{
  char const *semicolon = len ? memchr(s, ';', len) : 0;
  size_t typelen = semicolon ? (size_t)(semicolon - s) : 0;
  char const *address = s + typelen + 1;
  size_t addresslen = semicolon ? len - typelen - 1 : 0;
  if (!addresslen || !addrtype_ok(s, typelen)) return 0;
  if (smtp_word_is(s, typelen, "UTF-8")) return utf8addr_ok(address, addresslen);
  return smtp_xtext_ok(address, addresslen);
}

static int notify_word_ok(char const *s, size_t len)
{
  return smtp_word_is(s, len, "SUCCESS") || smtp_word_is(s, len, "FAILURE")
    || smtp_word_is(s, len, "DELAY");
}

int smtp_notify_ok(char const *s, size_t len)
{
  if (smtp_word_is(s, len, "NEVER")) return 1;
  for (;;)
  {
    char const *comma = len ? memchr(s, ',', len) : 0;
    size_t n = comma ? (size_t)(comma - s) : len;
    if (!notify_word_ok(s, n)) return 0;
    if (!comma) return 1;
    s += n + 1;
    len -= n + 1;
  }
}
