#include "smtpd/parameters.h"

#include <skalibs/bytestr.h>

#include "smtp/chars.h"
#include "smtp/command.h"

#define PARAMETERS_MAX 8
/* RFC 3461 sections 4.4 and 4.2; octets. */
#define ENVID_MAX 100
#define ORCPT_MAX 500
/* RFC 4954 section 3, item 4. */
#define AUTH_MAX 500
/* RFC 1870 section 3. */
#define SIZE_DIGITS_MAX 20

/* A parameter that we offer; ok is NULL for one without a value. */
typedef struct parameter_kind
{
  char const *key;
  int (*ok)(char const *value, size_t len);
  int words;              /* the value is a list of keywords, in any case */
  int dropped;            /* the queue keeps nothing of it */
} parameter_kind;

static int size_ok(char const *s, size_t len)
{
  size_t i = 0;
  while (i < len && smtp_digit(s[i])) i++;
  return len && len <= SIZE_DIGITS_MAX && i == len;
}

static int body_ok(char const *s, size_t len)
{
  return smtp_word_is(s, len, "7BIT") || smtp_word_is(s, len, "8BITMIME");
}

static int ret_ok(char const *s, size_t len)
{
  return smtp_word_is(s, len, "FULL") || smtp_word_is(s, len, "HDRS");
}

static int envid_ok(char const *s, size_t len)
{
  return len <= ENVID_MAX && smtp_xtext_ok(s, len);
}

static int orcpt_ok(char const *s, size_t len)
{
  return len <= ORCPT_MAX && smtp_orcpt_ok(s, len);
}

static int auth_ok(char const *s, size_t len)
{
  return len <= AUTH_MAX && smtp_auth_ok(s, len);
}

/* AUTH is the last one: it is not always offered. */
enum { MAIL_SIZE, MAIL_BODY, MAIL_SMTPUTF8, MAIL_RET, MAIL_ENVID, MAIL_AUTH, MAIL_KINDS };
static parameter_kind const mail_kinds[MAIL_KINDS] =
{
  [MAIL_SIZE] = { "SIZE", &size_ok, 0, 0 },
  [MAIL_BODY] = { "BODY", &body_ok, 1, 0 },
  [MAIL_SMTPUTF8] = { "SMTPUTF8", 0, 0, 0 },
  [MAIL_RET] = { "RET", &ret_ok, 1, 0 },
  [MAIL_ENVID] = { "ENVID", &envid_ok, 0, 0 },
  [MAIL_AUTH] = { "AUTH", &auth_ok, 0, 1 }
};

enum { RCPT_NOTIFY, RCPT_ORCPT, RCPT_KINDS };
static parameter_kind const rcpt_kinds[RCPT_KINDS] =
{
  [RCPT_NOTIFY] = { "NOTIFY", &smtp_notify_ok, 1, 0 },
  [RCPT_ORCPT] = { "ORCPT", &orcpt_ok, 0, 0 }
};

static int value_ok(parameter_kind const *kind, smtp_parameter const *parameter)
{
  if (!kind->ok) return !parameter->value;
  return parameter->value && kind->ok(parameter->value, parameter->valuelen);
}

/* Append a parameter as the queue keeps it. */
static int parameter_keep(stralloc *text, parameter_kind const *kind,
                          smtp_parameter const *parameter)
{
  if (kind->dropped) return 1;
  if (text->len && !stralloc_append(text, ' ')) return 0;
  if (!stralloc_cats(text, kind->key)) return 0;
  if (!parameter->value) return 1;
  if (!stralloc_append(text, '=') || !stralloc_catb(text, parameter->value, parameter->valuelen))
    return 0;
  if (kind->words) case_upperb(text->s + text->len - parameter->valuelen, parameter->valuelen);
  return 1;
}

/*
 * Read parameters of these kinds. found[i] is the parameter of kind i; its key is NULL where there
 * is none.
 */
static enum parameters_verdict parameters_read(parameter_kind const *kinds, unsigned int n,
                                               smtp_parameter found[PARAMETERS_MAX], stralloc *text,
                                               char const *s, size_t len)
{
  static smtp_parameter const none;
  smtp_parameter parameter;
  unsigned int i;
  int r;
  for (i = 0; i < n; i++) found[i] = none;
  text->len = 0;
  while ((r = smtp_parameter_next(&s, &len, &parameter)) == 1)
  {
    for (i = 0; i < n && !smtp_parameter_is(&parameter, kinds[i].key); i++);
    if (i == n) return PARAMETERS_UNKNOWN;
    if (found[i].key || !value_ok(kinds + i, &parameter)) return PARAMETERS_SYNTAX;
    found[i] = parameter;
    if (!parameter_keep(text, kinds + i, &parameter)) return PARAMETERS_MEMORY;
  }
  if (r == -1) return PARAMETERS_SYNTAX;
  if (!stralloc_0(text)) return PARAMETERS_MEMORY;
  text->len--;
  return PARAMETERS_GOOD;
}

enum parameters_verdict parameters_mail_read(parameters_mail *mail, stralloc *text, char const *s,
                                             size_t len, int auth)
{
  smtp_parameter found[PARAMETERS_MAX];
  unsigned int const kinds = auth ? MAIL_KINDS : MAIL_AUTH;
  enum parameters_verdict verdict = parameters_read(mail_kinds, kinds, found, text, s, len);
  smtp_parameter const *size = found + MAIL_SIZE;
  if (verdict != PARAMETERS_GOOD) return verdict;
  mail->smtputf8 = !!found[MAIL_SMTPUTF8].key;
  mail->size = 0;
  /* twenty digits may not fit: such a size is too large as well */
  if (size->value && !smtp_number_scan(size->value, size->valuelen, &mail->size))
    mail->size = UINT64_MAX;
  return verdict;
}

enum parameters_verdict parameters_rcpt_read(stralloc *text, char const *s, size_t len)
{
  smtp_parameter found[PARAMETERS_MAX];
  return parameters_read(rcpt_kinds, RCPT_KINDS, found, text, s, len);
}
