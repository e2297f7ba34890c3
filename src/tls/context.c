#include "tls/context.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "tls/certificate.h"
#include "tls/reason.h"
#include "tls/verify.h"

#define CERTIFICATE "tlscert"
#define KEY "tlskey"
#define AUTHORITIES "tlsca"
#define AGE_MAX_MS (12 * 3600 * INT64_C(1000))

/* --- the files -------------------------------------------------------------------------------- */

static uint64_t ns_of(struct timespec const *time)
{
  return (uint64_t)time->tv_sec * 1000000000 + (uint64_t)time->tv_nsec;
}

static void mark_take(context_mark *mark, char const *path)
{
  struct stat st;
  memset(mark, 0, sizeof *mark);
  if (stat(path, &st) == -1) return;
  mark->device = st.st_dev;
  mark->inode = st.st_ino;
  mark->size = (uint64_t)st.st_size;
  mark->modified_ns = ns_of(&st.st_mtim);
  mark->changed_ns = ns_of(&st.st_ctim);
}

static char const *authorities(void)
{
  struct stat st;
  return stat(AUTHORITIES, &st) == -1 && errno == ENOENT ? CONTEXT_AUTHORITIES : AUTHORITIES;
}

static void marks_take(context const *c, context_mark marks[2])
{
  mark_take(&marks[0], c->server ? CERTIFICATE : authorities());
  mark_take(&marks[1], c->server ? KEY : AUTHORITIES);
}

/* A file, and nothing that opening would wait for.  1, or 0 with errno. */
static int file_ok(char const *path)
{
  struct stat st;
  if (stat(path, &st) == -1) return 0;
  errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
  return S_ISREG(st.st_mode);
}

/* --- contexts --------------------------------------------------------------------------------- */

static int warn_why(char const *path, char const *why)
{
  log_line("warning: unable to use ", *path == '/' ? "" : "conf/", path, ": ", why);
  return 0;
}

/* What holds for both sides.  TLS 1.0 and 1.1 are not used any more (RFC 8996). */
static SSL_CTX *ssl_make(SSL_METHOD const *method)
{
  SSL_CTX *ssl = SSL_CTX_new(method);
  if (!ssl) return 0;
  if (SSL_CTX_get_min_proto_version(ssl) < TLS1_2_VERSION)
    SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION);
  SSL_CTX_set_options(ssl, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION
                      | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER
                   | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_default_passwd_cb(ssl, certificate_no_passphrase);
  SSL_CTX_set_read_ahead(ssl, 1);
  return ssl;
}

static int certificate_load(SSL_CTX *ssl, char const *path)
{
  reason_forget();
  if (!file_ok(path)) return warn_why(path, strerror(errno));
  return SSL_CTX_use_certificate_chain_file(ssl, path) == 1 || warn_why(path, reason_last());
}

static int key_load(SSL_CTX *ssl, char const *path)
{
  reason_forget();
  if (!file_ok(path)) return warn_why(path, strerror(errno));
  return SSL_CTX_use_PrivateKey_file(ssl, path, SSL_FILETYPE_PEM) == 1
    || warn_why(path, reason_last());
}

static void expiry_tell(SSL_CTX const *ssl)
{
  X509 const *certificate = SSL_CTX_get0_certificate(ssl);
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    warn_why(CERTIFICATE, "it has expired; it is used all the same");
}

/* 1; 0 where this cannot be a server. */
static int server_load(SSL_CTX *ssl)
{
  if (!certificate_load(ssl, CERTIFICATE) || !key_load(ssl, KEY)) return 0;
  SSL_CTX_set_num_tickets(ssl, 1);
  verify_server_context(ssl);
  expiry_tell(ssl);
  return 1;
}

static int authorities_load(SSL_CTX *ssl)
{
  char const *path = authorities();
  reason_forget();
  if (!file_ok(path)) return warn_why(path, strerror(errno));
  return SSL_CTX_load_verify_locations(ssl, path, 0) == 1 || warn_why(path, reason_last());
}

/* 1; 0 where it is better to stay with the context there is. */
static int client_load(context const *c, SSL_CTX *ssl)
{
  verify_client_context(ssl);
  if (c->identity && (!certificate_load(ssl, c->identity) || !key_load(ssl, c->identity))) return 0;
  return authorities_load(ssl) || !c->ssl;
}

/* Most relays begin without: then there is nothing to tell. */
static int certificate_unset(void)
{
  struct stat st;
  return lstat(CERTIFICATE, &st) == -1 && errno == ENOENT;
}

static int context_make(context *c)
{
  SSL_CTX *ssl;
  if (c->server && !c->ssl && certificate_unset()) return 0;
  ssl = ssl_make(c->server ? TLS_server_method() : TLS_client_method());
  if (!ssl) return warn_why(c->server ? CERTIFICATE : AUTHORITIES, reason_last());
  if (!(c->server ? server_load(ssl) : client_load(c, ssl)))
  {
    SSL_CTX_free(ssl);
    return 0;
  }
  SSL_CTX_free(c->ssl);
  c->ssl = ssl;
  return 1;
}

void context_open(context *c, int server, char const *identity)
{
  *c = (context){ .server = server, .identity = identity };
  context_refresh(c, 1);
}

void context_refresh(context *c, int anew)
{
  context_mark now[2];
  int64_t const now_ms = wallclock_steady_ms();
  marks_take(c, now);
  if (!anew && now_ms - c->made_ms < AGE_MAX_MS && !memcmp(now, c->marks, sizeof now)) return;
  memcpy(c->marks, now, sizeof now);
  c->made_ms = now_ms;
  if (!context_make(c) && c->ssl) log_line("warning: what was read before stays in use");
}
