/* Reply lines, status codes, extensions, and remote text made fit to print. */

#include "smtp/reply.h"

#include <string.h>

#include "check.h"

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

static struct line_case
{
  char const *line;
  unsigned int code; /* 0: refused */
  int last;
  char const *text;
} const lines[] =
{
  { "220 host ESMTP", 220, 1, "host ESMTP" },
  { "250-PIPELINING", 250, 0, "PIPELINING" },
  { "250", 250, 1, "" },
  { "250 ", 250, 1, "" },
  { "250-", 250, 0, "" },
  { "250  x", 250, 1, " x" },
  { "599 x", 599, 1, "x" },
  { "354 go", 354, 1, "go" },
  { "200 x", 200, 1, "x" },
  { "", 0, 0, 0 },
  { "2", 0, 0, 0 },
  { "25", 0, 0, 0 },
  { "25 x", 0, 0, 0 },
  { "2500 x", 0, 0, 0 },
  { "250x", 0, 0, 0 },
  { "250\tx", 0, 0, 0 },
  { "250\r", 0, 0, 0 },
  { " 250 x", 0, 0, 0 },
  { "100 x", 0, 0, 0 },
  { "199-x", 0, 0, 0 },
  { "600 x", 0, 0, 0 },
  { "abc x", 0, 0, 0 },
  { "2x0 x", 0, 0, 0 },
  { "HTTP/1.1 400 Bad Request", 0, 0, 0 }
};

static int line_ok(struct line_case const *c)
{
  smtp_reply_line reply;
  int r = smtp_reply_scan(c->line, strlen(c->line), &reply);
  if (!c->code) return !r;
  return r && reply.code == c->code && reply.last == c->last
    && reply.textlen == strlen(c->text) && !memcmp(reply.text, c->text, reply.textlen);
}

static struct status_case
{
  unsigned int code;
  char const *text;
  size_t len;
  char const *status;
} const statuses[] =
{
  { 250, "2.0.0 ok", 5, "2.0.0" },
  { 250, "2.1.5", 5, "2.1.5" },
  { 550, "5.123.456 x", 9, "5.123.456" },
  { 550, "5.7.1  x", 5, "5.7.1" },
  { 550, "4.7.1 x", 0, "5.0.0" },
  { 450, "4.7.1x", 0, "4.0.0" },
  { 450, "4.7 x", 0, "4.0.0" },
  { 450, "4.7. x", 0, "4.0.0" },
  { 450, "4..1 x", 0, "4.0.0" },
  { 450, "4.1234.1 x", 0, "4.0.0" },
  { 450, "4.1.1234 x", 0, "4.0.0" },
  { 450, "4.7.1.2 x", 0, "4.0.0" },
  { 450, "[4.7.1] x", 0, "4.0.0" },
  { 550, "", 0, "5.0.0" },
  { 550, "5", 0, "5.0.0" },
  { 550, "5.", 0, "5.0.0" },
  { 550, "5.1", 0, "5.0.0" },
  { 550, "5.1.", 0, "5.0.0" },
  { 354, "go", 0, "3.0.0" }
};

static int status_ok(struct status_case const *c)
{
  char out[SMTP_STATUS_MAX];
  return smtp_status_scan(out, c->code, c->text, strlen(c->text)) == c->len && !strcmp(out, c->status);
}

static struct extension_case
{
  char const *text;
  unsigned int extension;
  unsigned long long size; /* 7: left alone */
} const extensions[] =
{
  { "PIPELINING", SMTP_EXT_PIPELINING, 7 },
  { "pipelining", SMTP_EXT_PIPELINING, 7 },
  { "SIZE", SMTP_EXT_SIZE, 7 },
  { "SIZE 0", SMTP_EXT_SIZE, 7 },
  { "SIZE 104857600", SMTP_EXT_SIZE, 104857600 },
  { "SIZE 18446744073709551615", SMTP_EXT_SIZE, 18446744073709551615ULL },
  { "SIZE 18446744073709551616", SMTP_EXT_SIZE, 7 },
  { "SIZE 12x", SMTP_EXT_SIZE, 7 },
  { "SIZE -1", SMTP_EXT_SIZE, 7 },
  { "SIZE ", SMTP_EXT_SIZE, 7 },
  { "AUTH PLAIN LOGIN", SMTP_EXT_AUTH, 7 },
  { "AUTH=LOGIN", 0, 7 },
  { "8BITMIME", SMTP_EXT_8BITMIME, 7 },
  { "SMTPUTF8", SMTP_EXT_SMTPUTF8, 7 },
  { "CHUNKING", SMTP_EXT_CHUNKING, 7 },
  { "DSN", SMTP_EXT_DSN, 7 },
  { "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES, 7 },
  { "etrn", SMTP_EXT_ETRN, 7 },
  { "STARTTLS", SMTP_EXT_STARTTLS, 7 },
  { "ETRN with words", SMTP_EXT_ETRN, 7 },
  { "", 0, 7 },
  { " ETRN", 0, 7 },
  { "ETRNX", 0, 7 },
  { "XETRN", 0, 7 },
  { "AUTH=PLAIN", 0, 7 },
  { "SIZE=100", 0, 7 }
};

static int extension_ok(struct extension_case const *c)
{
  unsigned long long size = 7;
  return smtp_extension_scan(c->text, strlen(c->text), &size) == c->extension && size == c->size;
}

static int extensions_are(char const *list, char const *folded)
{
  char out[SMTP_EXTENSIONS_MAX];
  unsigned int all = smtp_extensions_scan(list, strlen(list));
  return smtp_extensions_format(out, all) == strlen(folded) && !strcmp(out, folded) && !all == !*folded;
}

static void check_extensions(void)
{
  CHECK("one extension", extensions_are("dsn", "DSN"));
  CHECK("all extensions", extensions_are("SMTPUTF8,dsn,8bitMIME,SIZE,Chunking,PIPELINING",
                                         "PIPELINING,SIZE,8BITMIME,SMTPUTF8,CHUNKING,DSN"));
  CHECK("an extension twice", extensions_are("DSN,DSN", "DSN"));
  CHECK("no extension", extensions_are("", "") && extensions_are(",", "") && extensions_are("DSN,", "") && extensions_are(",DSN", ""));
  CHECK("not an extension", extensions_are("DSN,DNS", "") && extensions_are("SIZE=5", "") && extensions_are("SIZE 5", ""));
  CHECK("an extension nothing goes without", extensions_are("STARTTLS", "") && extensions_are("DSN,ETRN", ""));
}

static struct clean_case
{
  char const *name;
  char const *text;
  char const *clean;
} const cleans[] =
{
  { "plain", "250 2.0.0 ok ~", "250 2.0.0 ok ~" },
  { "controls", "a\tb\r\n\033[2J\177", "a?b???[2J?" },
  { "UTF-8", "b\303\274cher \342\202\254 \360\237\230\200", "b\303\274cher \342\202\254 \360\237\230\200" },
  { "first and last of each length", "\302\240\337\277\340\240\200\357\277\277\360\220\200\200\364\217\277\277",
    "\302\240\337\277\340\240\200\357\277\277\360\220\200\200\364\217\277\277" },
  { "C1 controls", "\302\200\302\205\302\233\302\237", "????????" },
  { "C1 as an octet", "\2331m", "?1m" },
  { "Latin-1", "b\374cher", "b?cher" },
  { "overlong slash", "\300\257 \340\200\257 \360\200\200\257", "?? ??? ????" },
  { "overlong ESC", "\300\233 \301\233", "?? ??" },
  { "overlong C1", "\340\202\205 \360\200\202\205", "??? ????" },
  { "surrogates", "\355\240\200\355\277\277", "??????" },
  { "beyond U+10FFFF", "\364\220\200\200 \365\200\200\200 \376 \377", "???? ???? ? ?" },
  { "cut short", "\342\202", "??" },
  { "cut short by ASCII", "\342\202a \360\237\230b", "??a ???b" },
  { "begun anew", "\342\303\274", "?\303\274" },
  { "lone continuation", "\200a\277", "?a?" },
  { "bidirectional overrides",
    "a\342\200\252\342\200\256\342\201\246\342\201\251\342\200\216\342\200\217\330\234" "b",
    "a????????????????????b" },
  { "zero width", "a\342\200\213\342\200\215\342\201\240\357\273\277\302\255\315\217" "b", "a????????????????b" },
  { "line and paragraph", "a\342\200\250\342\200\251" "b", "a??????b" },
  { "tags and selectors",
    "a\363\240\200\201\363\240\201\277\363\240\277\277\357\270\200\357\270\217\341\240\213\341\240\217" "b",
    "a????????????????????????b" },
  { "fillers", "a\341\205\237\341\205\240\343\205\244\357\276\240" "b", "a????????????b" },
  { "format controls",
    "a\334\217\357\277\260\357\277\273\360\223\220\260\360\233\262\240\360\235\205\263\360\235\205\272" "b",
    "a????????????????????????b" },
  { "their neighbours", "\302\254\302\256\315\220\342\200\220\342\200\247\342\200\257\342\201\237\342\201\260\357\270\220\357\273\276\357\276\241\357\277\274\363\237\277\277\363\241\200\200",
    "\302\254\302\256\315\220\342\200\220\342\200\247\342\200\257\342\201\237\342\201\260\357\270\220\357\273\276\357\276\241\357\277\274\363\237\277\277\363\241\200\200" },
  { "empty", "", "" }
};

static int clean_ok(struct clean_case const *c)
{
  char text[100];
  strcpy(text, c->text);
  smtp_text_clean(text, strlen(text));
  return !strcmp(text, c->clean);
}

int main(void)
{
  char nul[3] = { 'a', 0, 'b' };
  size_t i;
  EACH(i, lines) CHECK(lines[i].line, line_ok(&lines[i]));
  EACH(i, statuses) CHECK(statuses[i].text, status_ok(&statuses[i]));
  EACH(i, extensions) CHECK(extensions[i].text, extension_ok(&extensions[i]));
  EACH(i, cleans) CHECK(cleans[i].name, clean_ok(&cleans[i]));
  smtp_text_clean(nul, sizeof nul);
  CHECK("NUL", !memcmp(nul, "a?b", 3));
  check_extensions();
  return CHECK_END();
}
