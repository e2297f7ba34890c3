#include "tls/verify.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "smtp/domain.h"
#include "tls/certificate.h"

/* A wildcard is a whole label (RFC 6125 section 6.4.3). */
#define HOST_FLAGS X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS
/* Usages of TLSA records that say all that is to be known (RFC 7672 section 3.1). */
enum { DANE_TA = 2, DANE_EE = 3 };

/* --- the names -------------------------------------------------------------------------------- */

static int text_of(tls_field const *field, char out[SMTP_DOMAIN_MAX + 2])
{
  if (field->len > SMTP_DOMAIN_MAX + 1) return 0;
  memcpy(out, field->s, field->len);
  out[field->len] = 0;
  return 1;
}

static int name_matches(X509 *certificate, tls_field const *name)
{
  char text[SMTP_DOMAIN_MAX + 2];
  if (!text_of(name, text)) return 0;
  return X509_check_host(certificate, text, 0, HOST_FLAGS, 0) == 1
    || X509_check_ip_asc(certificate, text, 0) == 1;
}

static int names_match(X509 *certificate, tls_asked const *asked)
{
  size_t i = 0;
  while (i < asked->names && !name_matches(certificate, &asked->match[i])) i++;
  return i < asked->names;
}

/* The names that a chain from a TLSA record must lead to. */
static int names_set(SSL *ssl, tls_asked const *asked)
{
  char text[SMTP_DOMAIN_MAX + 2];
  size_t i;
  SSL_set_hostflags(ssl, HOST_FLAGS);
  for (i = 0; i < asked->names; i++)
    if (!text_of(&asked->match[i], text) || !SSL_add1_host(ssl, text)) return 0;
  return 1;
}

/* --- levels ----------------------------------------------------------------------------------- */

/* The alert that the peer gets follows from the error. */
static int refuse(verify *v, X509_STORE_CTX *chain, int error)
{
  X509_STORE_CTX_set_error(chain, error);
  v->why = X509_verify_cert_error_string(error);
  return 0;
}

static int verified(verify *v)
{
  v->trust = TLS_VERIFIED;
  return 1;
}

static int error_of(X509_STORE_CTX *chain)
{
  int const error = X509_STORE_CTX_get_error(chain);
  return error == X509_V_OK ? X509_V_ERR_UNSPECIFIED : error;
}

/* Encrypted is enough: what is found of the chain is told, and that is all. */
static int judge_any(verify *v, X509_STORE_CTX *chain)
{
  if (X509_verify_cert(chain) == 1) v->trust = TLS_TRUSTED;
  X509_STORE_CTX_set_error(chain, X509_V_OK);
  return 1;
}

static int print_listed(tls_asked const *asked, certificate_print const print)
{
  size_t i = 0;
  while (i < asked->prints && memcmp(asked->print[i].s, print, TLS_PRINT_LEN)) i++;
  return i < asked->prints;
}

static int judge_fingerprint(verify *v, X509_STORE_CTX *chain)
{
  X509 *const certificate = X509_STORE_CTX_get0_cert(chain);
  certificate_print whole, key;
  if (certificate_print_of(certificate, whole) && certificate_key_print_of(certificate, key)
      && (print_listed(v->asked, whole) || print_listed(v->asked, key))) return verified(v);
  refuse(v, chain, X509_V_ERR_CERT_REJECTED);
  v->why = "fingerprint mismatch";
  return 0;
}

static int judge_chain(verify *v, X509_STORE_CTX *chain)
{
  if (X509_verify_cert(chain) != 1) return refuse(v, chain, error_of(chain));
  if (!names_match(X509_STORE_CTX_get0_cert(chain), v->asked))
    return refuse(v, chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return verified(v);
}

/* The library knows records, and the names that belong to those of usage 2. */
static int judge_dane(verify *v, X509_STORE_CTX *chain)
{
  if (!v->records) return judge_any(v, chain);
  return X509_verify_cert(chain) == 1 ? verified(v) : refuse(v, chain, error_of(chain));
}

static int judge_server(X509_STORE_CTX *chain, void *unused)
{
  SSL const *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
  verify *v = SSL_get_app_data(ssl);
  (void)unused;
  switch (v->asked->level)
  {
    case TLS_FINGERPRINT: return judge_fingerprint(v, chain);
    case TLS_VERIFY: return judge_chain(v, chain);
    case TLS_DANE: case TLS_DANE_ONLY: return judge_dane(v, chain);
    default: return judge_any(v, chain);
  }
}

/* Who a client is follows from the certificate itself, not from who made it. */
static int judge_client(X509_STORE_CTX *chain, void *unused)
{
  (void)unused;
  X509_STORE_CTX_set_error(chain, X509_V_OK);
  return 1;
}

void verify_server_context(SSL_CTX *context)
{
  SSL_CTX_set_cert_verify_callback(context, judge_client, 0);
}

void verify_client_context(SSL_CTX *context)
{
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, 0);
  SSL_CTX_set_cert_verify_callback(context, judge_server, 0);
  SSL_CTX_dane_enable(context);
  /* a key that the DNS names is right whatever else is in the certificate (RFC 7672 3.1.1) */
  SSL_CTX_dane_set_flags(context, DANE_FLAG_NO_DANE_EE_NAMECHECKS);
}

/* --- TLSA records ------------------------------------------------------------------------------ */

static unsigned char nibble(char c)
{
  return (unsigned char)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t octets_of(tls_field const *hex, unsigned char out[TLS_REQUEST_MAX / 2])
{
  size_t i;
  for (i = 0; i < hex->len / 2; i++)
    out[i] = (unsigned char)(nibble(hex->s[2 * i]) << 4 | nibble(hex->s[2 * i + 1]));
  return i;
}

/* Add a record.  1 when it can be used: a chain without a name to look for proves nothing. */
static int record_add(SSL *ssl, tls_asked const *asked, tls_tlsa const *record)
{
  static unsigned char data[TLS_REQUEST_MAX / 2];
  if (record->usage != DANE_EE && (record->usage != DANE_TA || !asked->names)) return 0;
  return SSL_dane_tlsa_add(ssl, (uint8_t)record->usage, (uint8_t)record->selector,
                           (uint8_t)record->matching, data, octets_of(&record->hex, data)) == 1;
}

static int dane_begin(verify *v, SSL *ssl)
{
  size_t i;
  if (SSL_dane_enable(ssl, 0) != 1 || !names_set(ssl, v->asked)) return 0;
  for (i = 0; i < v->asked->records; i++)
    v->records += record_add(ssl, v->asked, &v->asked->tlsa[i]);
  return 1;
}

static int verify_never(verify *v, char const *why)
{
  v->why = why;
  return 0;
}

int verify_begin(verify *v, SSL *ssl, tls_asked const *asked)
{
  enum tls_level const level = asked->level;
  *v = (verify){ .asked = asked, .trust = TLS_UNTRUSTED };
  SSL_set_app_data(ssl, v);
  if (level != TLS_DANE && level != TLS_DANE_ONLY) return 1;
  if (asked->records && !dane_begin(v, ssl)) return verify_never(v, "out of memory");
  if (level == TLS_DANE_ONLY && !v->records)
    return verify_never(v, "no TLSA record that can be used");
  return 1;
}
