/* The client's half of AUTH, held against what a server makes of it; an account as one word, both ways. */

#include "smtp/sasl.h"

#include <string.h>

#include "check.h"

static smtp_account account;
static sasl x;

static void account_is(char const *user, char const *password)
{
  CHECK("an account", smtp_account_set(&account, user, strlen(user), password, strlen(password)));
}

static unsigned int offer(char const *text)
{
  return sasl_offer_scan(text, strlen(text));
}

static int answer(char const *text)
{
  return sasl_answer(&x, text, strlen(text));
}

static int line_is(char const *line)
{
  return !strcmp(x.line, line);
}

/* What is behind "AUTH NAME ", or all of the line, in octets. */
static int said(char const *octets, size_t len)
{
  static char out[SASL_LINE_MAX];
  char const *space = strrchr(x.line, ' '), *s = space ? space + 1 : x.line;
  size_t n;
  return smtp_base64_scan(out, &n, s, strlen(s)) && n == len && !memcmp(out, octets, len);
}

/* --- what is offered --- */

static void check_offers(void)
{
  CHECK("three", offer("AUTH PLAIN LOGIN CRAM-MD5") == (SASL_PLAIN | SASL_LOGIN | SASL_CRAM_MD5));
  CHECK("among others", offer("AUTH DIGEST-MD5 XOAUTH2 LOGIN SCRAM-SHA-1") == SASL_LOGIN);
  CHECK("the old form", offer("AUTH=LOGIN PLAIN") == (SASL_PLAIN | SASL_LOGIN));
  CHECK("both forms in one", offer("AUTH =LOGIN") == 0 && offer("AUTH= LOGIN") == SASL_LOGIN);
  CHECK("any case", offer("auth plain Cram-md5") == (SASL_PLAIN | SASL_CRAM_MD5));
  CHECK("spaces", offer("AUTH  PLAIN   LOGIN ") == (SASL_PLAIN | SASL_LOGIN));
  CHECK("none", !offer("AUTH") && !offer("AUTH ") && !offer("AUTH=") && !offer("AUTH GSSAPI"));
  CHECK("a part of a name", !offer("AUTH PLAINER XPLAIN LOGI CRAM-MD"));
  CHECK("another line", !offer("AUTHENTICATE PLAIN") && !offer("") && !offer("SIZE 100") && !offer("XAUTH PLAIN"));
  CHECK("not beyond the line", sasl_offer_scan("AUTH PLAIN LOGIN", 8) == 0 && sasl_offer_scan("AUTH PLAIN", 10) == SASL_PLAIN);
}

static void check_choice(void)
{
  account_is("joe", "S3cret");
  CHECK("PLAIN first", sasl_begin(&x, &account, SASL_PLAIN | SASL_LOGIN | SASL_CRAM_MD5, 1) && !strcmp(x.name, "PLAIN"));
  CHECK("then LOGIN", sasl_begin(&x, &account, SASL_LOGIN | SASL_CRAM_MD5, 1) && !strcmp(x.name, "LOGIN"));
  CHECK("then CRAM-MD5", sasl_begin(&x, &account, SASL_CRAM_MD5, 1) && !strcmp(x.name, "CRAM-MD5"));
  CHECK("where others listen", sasl_begin(&x, &account, SASL_PLAIN | SASL_LOGIN | SASL_CRAM_MD5, 0)
    && !strcmp(x.name, "CRAM-MD5"));
  CHECK("no password where others listen", !sasl_begin(&x, &account, SASL_PLAIN | SASL_LOGIN, 0));
  CHECK("nothing", !sasl_begin(&x, &account, 0, 1));
}

/* --- mechanisms --- */

static void check_plain(void)
{
  static char whole[512], filled[256];
  account_is("joe", "S3cret");
  CHECK("PLAIN", sasl_begin(&x, &account, SASL_PLAIN, 1) && line_is("AUTH PLAIN AGpvZQBTM2NyZXQ=")
    && said("\0joe\0S3cret", 11));
  CHECK("and no more", !answer(""));
  memset(filled, 'u', 255);
  CHECK("the longest account", smtp_account_set(&account, filled, 255, filled, 255));
  CHECK("is said when it is asked for", sasl_begin(&x, &account, SASL_PLAIN, 1) && line_is("AUTH PLAIN"));
  whole[0] = 0;
  memset(whole + 1, 'u', 511);
  whole[256] = 0;
  CHECK("whatever the words", answer("%%%") && said(whole, 512));
  CHECK("once", !answer(""));
  CHECK("as long as a command may be", smtp_account_set(&account, filled, 255, filled, 115)
    && sasl_begin(&x, &account, SASL_PLAIN, 1) && strlen(x.line) <= SASL_COMMAND_MAX - 2);
}

static void check_login(void)
{
  account_is("joe", "S3cret");
  CHECK("LOGIN", sasl_begin(&x, &account, SASL_LOGIN, 1) && line_is("AUTH LOGIN"));
  CHECK("the user", answer("VXNlcm5hbWU6") && line_is("am9l"));
  CHECK("the password", answer("UGFzc3dvcmQ6") && line_is("UzNjcmV0"));
  CHECK("and no more", !answer("UGFzc3dvcmQ6"));
  CHECK("other words", sasl_begin(&x, &account, SASL_LOGIN, 1) && answer("Username:") && answer("") && line_is("UzNjcmV0"));
}

/* The server's side: the digest that it makes of the challenge and what it knows. */
static int digest_fits(char const *user, char const *password, char const *challenge)
{
  char whole[512];
  char *end = stpcpy(stpcpy(whole, user), " ");
  hmac_md5(end, password, strlen(password), challenge, strlen(challenge));
  return said(whole, (size_t)(end - whole) + HMAC_MD5_LEN);
}

static void check_cram_md5(void)
{
  static char filled[2049], coded[SMTP_BASE64_MAX(sizeof filled)];
  account_is("tim", "tanstaaftanstaaf");
  CHECK("CRAM-MD5", sasl_begin(&x, &account, SASL_CRAM_MD5, 0) && line_is("AUTH CRAM-MD5"));
  /* RFC 2195 section 2 */
  CHECK("as the RFC has it", answer("PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+")
    && line_is("dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"));
  CHECK("as a server has it", digest_fits("tim", "tanstaaftanstaaf", "<1896.697170952@postoffice.reston.mci.net>"));
  CHECK("and no more", !answer("PDE+"));
#define REFUSED(text) CHECK("refused: " text, sasl_begin(&x, &account, SASL_CRAM_MD5, 0) && !answer(text))
  REFUSED("");
  REFUSED("PDE");
  REFUSED("<1@x>");
  REFUSED("PD E+");
  memset(filled, 'c', 1536);
  smtp_base64_format(coded, filled, 1536);
  CHECK("the longest", sasl_begin(&x, &account, SASL_CRAM_MD5, 0) && answer(coded)
    && digest_fits("tim", "tanstaaftanstaaf", filled));
  smtp_base64_format(coded, filled, 1539);
  CHECK("too long", sasl_begin(&x, &account, SASL_CRAM_MD5, 0) && !answer(coded));
  memset(filled, 'u', 255);
  filled[255] = 0;
  CHECK("a long account", smtp_account_set(&account, filled, 255, filled, 255)
    && sasl_begin(&x, &account, SASL_CRAM_MD5, 1) && answer("PDFAeD4=") && digest_fits(filled, filled, "<1@x>"));
}

/* --- what is repeated --- */

static int hidden(char const *text, char const *then)
{
  char copy[256];
  strcpy(copy, text);
  sasl_hide(&x, copy, strlen(copy));
  return !strcmp(copy, then);
}

static void check_hiding(void)
{
  account_is("joe", "S3cret");
  sasl_begin(&x, &account, SASL_PLAIN, 1);
  CHECK("a command", hidden("500 unrecognized: \"AUTH PLAIN AGpvZQBTM2NyZXQ=\"", "500 unrecognized: \"AUTH PLAIN ****************\""));
  CHECK("a piece of it", hidden("500 AUTH PLAIN AGpvZQBTM...", "500 AUTH PLAIN *********..."));
  CHECK("the end of it", hidden("500 AUTH ...QBTM2NyZXQ=", "500 AUTH ...***********"));
  CHECK("the password", hidden("535 not S3cret.", "535 not ******."));
  CHECK("nothing else", hidden("535 5.7.8 AUTH PLAIN failed", "535 5.7.8 AUTH PLAIN failed"));
  sasl_begin(&x, &account, SASL_LOGIN, 1);
  CHECK("the mechanism's name is none", hidden("504 AUTH LOGIN", "504 AUTH LOGIN"));
  answer("");
  answer("");
  CHECK("a response", hidden("500 no command: UzNjcmV0", "500 no command: ********"));
  account_is("joe", "abc");
  CHECK("a short one", hidden("535 not abc, nor ab", "535 not ***, nor ab"));
  sasl_end(&x);
  CHECK("wiped", !*x.line && !x.account);
}

/* --- an account as a word --- */

static int read_back(char const *word)
{
  return smtp_account_scan(&account, word, strlen(word));
}

static void check_account(void)
{
  static char filled[256], word[SMTP_ACCOUNT_WORD_MAX + 8];
  account_is("joe", "S3 cret");
  CHECK("written", smtp_account_format(word, &account) == 16 && !strcmp(word, "am9lAFMzIGNyZXQ="));
  memset(&account, 0, sizeof account);
  CHECK("read", read_back(word) && !strcmp(account.user, "joe") && !strcmp(account.password, "S3 cret"));
  CHECK("nonsense", !read_back("") && !read_back("am9l") && !read_back("am9lAA==") && !read_back("AGpvZQ==")
    && !read_back("am9lAGEAYg==") && !read_back("am9lAFMzIGNyZXQ") && !read_back("am9l AFMz"));
  CHECK("leaves none", !*account.user && !*account.password);
  memset(filled, 'u', 255);
  CHECK("the longest", smtp_account_set(&account, filled, 255, filled, 255)
    && smtp_account_format(word, &account) == sizeof word - 8 - 1 && read_back(word) && strlen(account.password) == 255);
  strcat(word, "QUFB");
  CHECK("a longer word", !read_back(word));
  CHECK("too long", !smtp_account_set(&account, filled, 256, "x", 1) && !smtp_account_set(&account, "x", 1, filled, 256));
  CHECK("empty", !smtp_account_set(&account, "", 0, "x", 1) && !smtp_account_set(&account, "x", 1, "", 0));
  CHECK("a NUL", !smtp_account_set(&account, "x\0y", 3, "x", 1) && !*account.user);
}

int main(void)
{
  check_offers();
  check_choice();
  check_plain();
  check_login();
  check_cram_md5();
  check_hiding();
  check_account();
  CHECK_END();
}
