/* Command lines, parameters, and the values of DSN parameters. */

#include "smtp/command.h"

#include <string.h>

#include "check.h"
#include "smtp/chars.h"

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

static int same(char const *s, size_t len, char const *want)
{
  return len == strlen(want) && !memcmp(s, want, len);
}

static struct line_case
{
  char const *line;
  enum smtp_verb verb;
  char const *argument;
} const lines[] =
{
  { "HELO a.tld", SMTP_HELO, "a.tld" },
  { "EHLO [192.0.2.1]", SMTP_EHLO, "[192.0.2.1]" },
  { "mail from:<a@b> SIZE=1", SMTP_MAIL, "from:<a@b> SIZE=1" },
  { "RcPt TO:<a@b>", SMTP_RCPT, "TO:<a@b>" },
  { "DATA", SMTP_DATA, "" },
  { "DATA ", SMTP_DATA, "" },
  { "DATA \t ", SMTP_DATA, "" },
  { "BDAT 100 LAST", SMTP_BDAT, "100 LAST" },
  { "RSET", SMTP_RSET, "" },
  { "NOOP  x  y \t", SMTP_NOOP, "x  y" },
  { "VRFY\talice", SMTP_VRFY, "alice" },
  { "EXPN list", SMTP_EXPN, "list" },
  { "HELP", SMTP_HELP, "" },
  { "quit", SMTP_QUIT, "" },
  { "ETRN @customer.tld", SMTP_ETRN, "@customer.tld" },
  { "ETRN", SMTP_ETRN, "" },
  { "AUTH PLAIN AGEAYg==", SMTP_AUTH, "PLAIN AGEAYg==" },
  { "", SMTP_UNKNOWN, "" },
  { " ", SMTP_UNKNOWN, "" },
  { " QUIT", SMTP_UNKNOWN, "QUIT" },
  { "QUI", SMTP_UNKNOWN, "" },
  { "QUITS", SMTP_UNKNOWN, "" },
  { "MAIL\rFROM", SMTP_UNKNOWN, "" },
  { "starttls", SMTP_STARTTLS, "" },
  { "STARTTLS x", SMTP_STARTTLS, "x" },
  { "STARTLS x", SMTP_UNKNOWN, "x" },
  { "\303\204TRN a", SMTP_UNKNOWN, "a" }
};

static void test_lines(void)
{
  smtp_command command;
  size_t i;
  EACH(i, lines)
  {
    smtp_command_scan(lines[i].line, strlen(lines[i].line), &command);
    CHECK(lines[i].line, command.verb == lines[i].verb
      && same(command.argument, command.argumentlen, lines[i].argument));
  }
  smtp_command_scan("QUIT\0 x", 7, &command);
  CHECK("NUL in a verb", command.verb == SMTP_UNKNOWN);
}

static struct argument_case
{
  char const *line;
  int flags;
  enum smtp_argument_verdict verdict;
  char const *text;
  char const *domain;
  char const *parameters;
} const arguments[] =
{
  { "MAIL FROM:<a@b>", 0, SMTP_ARGUMENT_GOOD, "a@b", "b", "" },
  { "MAIL from: <a@b> SIZE=1", 0, SMTP_ARGUMENT_GOOD, "a@b", "b", " SIZE=1" },
  { "MAIL FROM:<@x:\"a b\"@[192.0.2.1]>X", 0, SMTP_ARGUMENT_GOOD, "\"a b\"@[192.0.2.1]", "[192.0.2.1]", "X" },
  { "MAIL FROM:<> X", SMTP_PATH_NULL, SMTP_ARGUMENT_GOOD, "", "", " X" },
  { "MAIL FROM:<Postmaster>", SMTP_PATH_BARELOCAL, SMTP_ARGUMENT_GOOD, "Postmaster", "", "" },
  { "MAIL FROM:", SMTP_PATH_NULL, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "MAIL FROM:a@b", 0, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "MAIL FROM:<a..@b>", 0, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "MAIL FROM :<a@b>", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 },
  { "MAIL TO:<a@b>", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 },
  { "MAIL FROM", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 },
  { "MAIL", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 },
  { "MAIL FROM: a@b  SIZE=1", SMTP_PATH_LENIENT, SMTP_ARGUMENT_GOOD, "a@b", "b", "  SIZE=1" },
  { "MAIL FROM:a..b@c SIZE=1", SMTP_PATH_LENIENT, SMTP_ARGUMENT_GOOD, "\"a..b\"@c", "c", " SIZE=1" },
  { "MAIL FROM:<.a@c>X", SMTP_PATH_LENIENT, SMTP_ARGUMENT_GOOD, "\".a\"@c", "c", "X" },
  { "MAIL FROM:<a@b>", SMTP_PATH_LENIENT, SMTP_ARGUMENT_GOOD, "a@b", "b", "" },
  { "MAIL FROM:<>", SMTP_PATH_LENIENT | SMTP_PATH_NULL, SMTP_ARGUMENT_GOOD, "", "", "" },
  { "MAIL FROM:", SMTP_PATH_LENIENT | SMTP_PATH_NULL, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "MAIL FROM:a@b> SIZE=1", SMTP_PATH_LENIENT, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "RCPT TO:<a@b>", 0, SMTP_ARGUMENT_GOOD, "a@b", "b", "" },
  { "rcpt to: <a@b> NOTIFY=NEVER", 0, SMTP_ARGUMENT_GOOD, "a@b", "b", " NOTIFY=NEVER" },
  { "RCPT TO:<>", 0, SMTP_ARGUMENT_PATH, 0, 0, 0 },
  { "RCPT FROM:<a@b>", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 },
  { "RCPT TO<a@b>", 0, SMTP_ARGUMENT_SYNTAX, 0, 0, 0 }
};

static int argument_ok(struct argument_case const *c)
{
  smtp_command command;
  smtp_argument argument;
  smtp_command_scan(c->line, strlen(c->line), &command);
  if (smtp_argument_scan(&argument, &command, c->flags) != c->verdict) return 0;
  return !c->text || (!strcmp(argument.text, c->text) && !argument.path.loose
    && same(argument.path.domain, argument.path.domainlen, c->domain)
    && same(argument.parameters, argument.parameterslen, c->parameters));
}

/* RFC 3030 section 2: chunk-size [SP "LAST"]. */
static struct chunk_case
{
  char const *line;
  enum smtp_chunk_verdict verdict;
  uint64_t size;
  int last;
} const chunks[] =
{
  { "BDAT 0", SMTP_CHUNK_GOOD, 0, 0 },
  { "BDAT 1000", SMTP_CHUNK_GOOD, 1000, 0 },
  { "BDAT 007", SMTP_CHUNK_GOOD, 7, 0 },
  { "BDAT 0 LAST", SMTP_CHUNK_GOOD, 0, 1 },
  { "bdat 86  last ", SMTP_CHUNK_GOOD, 86, 1 },
  { "BDAT 18446744073709551615", SMTP_CHUNK_GOOD, UINT64_MAX, 0 },
  { "BDAT 18446744073709551616", SMTP_CHUNK_HUGE, 0, 0 },
  { "BDAT 18446744073709551616 LAST", SMTP_CHUNK_HUGE, 0, 0 },
  { "BDAT 86 LATE", SMTP_CHUNK_ODD, 86, 0 },
  { "BDAT 86 LAST LAST", SMTP_CHUNK_ODD, 86, 0 },
  { "BDAT 86LAST", SMTP_CHUNK_ODD, 86, 0 },
  { "BDAT 86\tLAST", SMTP_CHUNK_ODD, 86, 0 },
  { "BDAT 86 0", SMTP_CHUNK_ODD, 86, 0 },
  { "BDAT", SMTP_CHUNK_UNSIZED, 0, 0 },
  { "BDAT LAST", SMTP_CHUNK_UNSIZED, 0, 0 },
  { "BDAT -1", SMTP_CHUNK_UNSIZED, 0, 0 },
  { "BDAT +1", SMTP_CHUNK_UNSIZED, 0, 0 }
};

static int chunk_ok(struct chunk_case const *c)
{
  smtp_command command;
  smtp_chunk chunk = { .size = 0 };
  smtp_command_scan(c->line, strlen(c->line), &command);
  return smtp_chunk_scan(&chunk, &command) == c->verdict
    && chunk.size == c->size && chunk.last == c->last;
}

static void test_numbers(void)
{
  uint64_t n = 5;
  CHECK("no digits", !smtp_digits("", 0) && !smtp_digits("x1", 2));
  CHECK("digits", smtp_digits("12x", 3) == 2 && smtp_digits("123", 2) == 2);
  CHECK("number", smtp_number_scan("0120", 4, &n) && n == 120);
  CHECK("no number", !smtp_number_scan("", 0, &n) && !smtp_number_scan("1x", 2, &n) && n == 120);
  CHECK("too large a number", !smtp_number_scan("18446744073709551616", 20, &n) && n == 120);
}

/* Parameters as the scanner gives them, written back with '|' between; '!' for a syntax error. */
static struct parameter_case
{
  char const *text;
  char const *list;
} const parameters[] =
{
  { "", "" },
  { " ", "" },
  { "   ", "" },
  { " SIZE=1", "SIZE=1|" },
  { " size=1 Body=8BITMIME", "size=1|Body=8BITMIME|" },
  { "  SMTPUTF8  X-Y1=~  ", "SMTPUTF8|X-Y1=~|" },
  { " 8BITMIME", "8BITMIME|" },
  { " A=b+2Bc;<d>", "A=b+2Bc;<d>|" },
  { " ORCPT=utf-8;\303\274", "ORCPT=utf-8;\303\274|" },
  { "SIZE=1", "!" },
  { " SIZE=", "!" },
  { " SIZE= 1", "!" },
  { " =1", "!" },
  { " -A", "!" },
  { " A_B=1", "!" },
  { " A=b=c", "!" },
  { " A=b\tc", "!" },
  { "\tA=b", "!" },
  { " A=\303", "!" },
  { " A=\302\205", "!" },
  { " A=\177", "!" },
  { " A=1 B=\r", "A=1|!" },
  { " A\303\274=1", "!" }
};

static void list_parameters(char *out, char const *s)
{
  size_t len = strlen(s);
  smtp_parameter p;
  int r;
  *out = 0;
  while ((r = smtp_parameter_next(&s, &len, &p)) == 1)
  {
    strncat(out, p.key, p.keylen);
    if (p.value) strcat(out, "=");
    if (p.value) strncat(out, p.value, p.valuelen);
    strcat(out, "|");
  }
  if (r == -1) strcat(out, "!");
  else if (len) strcat(out, "?");
}

static void test_parameters(void)
{
  char list[200];
  char const *s = " size=10";
  size_t len = strlen(s);
  smtp_parameter p;
  size_t i;
  EACH(i, parameters)
  {
    list_parameters(list, parameters[i].text);
    CHECK(parameters[i].text, !strcmp(list, parameters[i].list));
  }
  CHECK("a keyword in any case", smtp_parameter_next(&s, &len, &p) == 1 && smtp_parameter_is(&p, "SIZE"));
  CHECK("a longer keyword", !smtp_parameter_is(&p, "SIZES"));
  CHECK("a shorter keyword", !smtp_parameter_is(&p, "SIZ"));
}

typedef struct value_case
{
  char const *value;
  int good;
} value_case;

static value_case const xtexts[] =
{
  { "abc", 1 }, { "", 1 }, { "a+2Bb", 1 }, { "+3D+20", 1 }, { "~!", 1 },
  { "+", 0 }, { "a+2", 0 }, { "+2b", 0 }, { "+G0", 0 }, { "a b", 0 }, { "a=b", 0 }, { "\303\274", 0 }, { "a\tb", 0 }
};

static value_case const orcpts[] =
{
  { "rfc822;alice@customer.tld", 1 },
  { "RFC822;a+2Bb@c", 1 },
  { "rfc822;a;b", 1 },
  { "x-local;\\x{20AC}", 1 },
  { "utf-8;\303\274@b", 1 },
  { "UTF-8;a\\x{20AC}@b", 1 },
  { "utf-8;a\\x{10FFFF}", 1 },
  { "utf-8;a+2Bb", 1 },
  { "", 0 },
  { "rfc822", 0 },
  { ";a", 0 },
  { "rfc822;", 0 },
  { "rfc 822;a", 0 },
  { "rfc@822;a", 0 },
  { "rfc822;a=b", 0 },
  { "rfc822;\303\274@b", 0 },
  { "utf-8;\303", 0 },
  { "utf-8;a\\b", 0 },
  { "utf-8;\\x{2}", 0 },
  { "utf-8;\\x{D800}", 0 },
  { "utf-8;\\x{110000}", 0 },
  { "utf-8;\\x{1000000}", 0 },
  { "utf-8;\\x{20AC", 0 },
  { "utf-8;\\x{20ac}", 0 },
  { "utf-8;a=b", 0 },
  { "utf-8;a b", 0 }
};

static value_case const notifies[] =
{
  { "NEVER", 1 }, { "never", 1 }, { "SUCCESS", 1 }, { "success,FAILURE", 1 }, { "DELAY,SUCCESS,FAILURE", 1 },
  { "", 0 }, { ",", 0 }, { "SUCCESS,", 0 }, { ",SUCCESS", 0 }, { "NEVER,SUCCESS", 0 }, { "SUCCESS,NEVER", 0 },
  { "SUCCESS FAILURE", 0 }, { "SUCCES", 0 }, { "SUCCESSS", 0 }
};

static struct non_smtp_case
{
  char const *line;
  int non_smtp;
} const non_smtp_cases[] =
{
  { "GET / HTTP/1.1", 1 },
  { "get", 1 },
  { "POST /x", 1 },
  { "POST\t/", 1 },
  { "CONNECT a:25 HTTP/1.1", 1 },
  { "OPTIONS *", 1 },
  { "PRI * HTTP/2.0", 1 },
  { "GET\r/", 1 },
  { "Host: a.tld", 1 },
  { "Content-Length:5", 1 },
  { "RCPT:<a@b>", 1 },
  { "\x16\x03\x01\x02", 1 },
  { "PUT /x", 1 },
  { "DELETE /", 1 },
  { "TRACE /", 1 },
  { "PATCH /", 1 },
  { "PROPFIND / HTTP/1.1", 1 },
  { "m-search * http/1.0", 1 },
  { "X / HTTP/1.1\nHost: a.tld\n\nHELO x", 1 },
  { "X  HTTP/12.34", 1 },
  { "X / HTTP/1.", 0 },
  { "X / HTTP/.1", 0 },
  { "X / HTTP/1", 0 },
  { "X / HTTP/1.1 y", 0 },
  { "X /HTTP/1.1", 0 },
  { "HTTP/1.1", 0 },
  { "1.1", 0 },
  { ".1", 0 },
  { "NOOP / HTTP/1.1", 0 },
  { "vrfy x HTTP/1.1", 0 },
  { "MAIL FROM:<a@b> HTTP/1.1", 0 },
  { "SSH-2.0-OpenSSH_9.2", 0 },
  { "GETS x", 0 },
  { "MAIL FROM:<a@b>", 0 },
  { "RCPT TO:<a@b>", 0 },
  { "EHLO [IPv6:::1]", 0 },
  { "NOOP a:b", 0 },
  { ": x", 0 },
  { "", 0 },
  { " GET", 0 },
  { "\x16", 0 }
};

static void check_non_smtp(void)
{
  size_t i;
  EACH(i, non_smtp_cases)
    CHECK(non_smtp_cases[i].line, smtp_command_non_smtp(non_smtp_cases[i].line, strlen(non_smtp_cases[i].line)) == non_smtp_cases[i].non_smtp);
}

int main(void)
{
  check_non_smtp();
  size_t i;
  test_lines();
  EACH(i, arguments) CHECK(arguments[i].line, argument_ok(&arguments[i]));
  EACH(i, chunks) CHECK(chunks[i].line, chunk_ok(&chunks[i]));
  test_numbers();
  test_parameters();
  EACH(i, xtexts) CHECK(xtexts[i].value, smtp_xtext_ok(xtexts[i].value, strlen(xtexts[i].value)) == xtexts[i].good);
  EACH(i, orcpts) CHECK(orcpts[i].value, smtp_orcpt_ok(orcpts[i].value, strlen(orcpts[i].value)) == orcpts[i].good);
  EACH(i, notifies)
    CHECK(notifies[i].value, smtp_notify_ok(notifies[i].value, strlen(notifies[i].value)) == notifies[i].good);
  return CHECK_END();
}
