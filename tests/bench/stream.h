#ifndef BENCH_STREAM_H
#define BENCH_STREAM_H

/* A connection of load or sink, in clear text or inside TLS.  The socket blocks until TLS begins, and no more then. */

#include <fcntl.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include "tool.h"

typedef struct stream
{
  int fd;
  SSL *ssl;        /* NULL: clear text */
  int shaking;     /* hands are being shaken */
} stream;

/* For all connections, of a client that believes any certificate. */
static inline SSL_CTX *stream_client(void)
{
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context) die("have TLS");
  return context;
}

/* For all connections, with the certificate and the key that are in this file. */
static inline SSL_CTX *stream_server(char const *pem)
{
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context || SSL_CTX_use_certificate_chain_file(context, pem) != 1
   || SSL_CTX_use_PrivateKey_file(context, pem, SSL_FILETYPE_PEM) != 1) die("use the certificate");
  return context;
}

/* Of a failed call: 1 when the socket is ready now, 0 when it never will be. */
static inline int stream_wait(stream *s, int result, int timeout_ms)
{
  struct pollfd p = { .fd = s->fd };
  int why = SSL_get_error(s->ssl, result);
  p.events = why == SSL_ERROR_WANT_READ ? POLLIN : why == SSL_ERROR_WANT_WRITE ? POLLOUT : 0;
  if (!p.events) return 0;
  return !timeout_ms || poll(&p, 1, timeout_ms) == 1;
}

/* 1 when hands are shaken, 0 when there is more to come, -1 when it failed. */
static inline int stream_shake(stream *s)
{
  int r = SSL_do_handshake(s->ssl);
  if (r == 1) s->shaking = 0;
  return r == 1 ? 1 : stream_wait(s, r, 0) ? 0 : -1;
}

/* Begin TLS; stream_shake() goes on with it.  As that. */
static inline int stream_secure(stream *s, SSL_CTX *context, int server)
{
  s->ssl = SSL_new(context);
  if (!s->ssl || fcntl(s->fd, F_SETFL, O_NONBLOCK) == -1 || SSL_set_fd(s->ssl, s->fd) != 1) die("begin TLS");
  if (server) SSL_set_accept_state(s->ssl);
  else SSL_set_connect_state(s->ssl);
  s->shaking = 1;
  return stream_shake(s);
}

/* What there is: octets, 0 at the end, -1 where nothing is there yet. */
static inline ssize_t stream_receive(stream *s, char *in, size_t len)
{
  ssize_t n;
  if (s->ssl)
  {
    int r = SSL_read(s->ssl, in, (int)len);
    return r > 0 ? r : stream_wait(s, r, 0) ? -1 : 0;
  }
  n = recv(s->fd, in, len, 0);
  return n > 0 ? n : 0;
}

/* All of it, waiting where the socket is full.  0: the connection is lost. */
static inline int stream_send(stream *s, char const *octets, size_t len)
{
  while (len)
  {
    ssize_t n = s->ssl ? SSL_write(s->ssl, octets, (int)len) : send(s->fd, octets, len, MSG_NOSIGNAL);
    if (n <= 0 && !(s->ssl && stream_wait(s, (int)n, 60000))) return 0;
    if (n <= 0) continue;
    octets += n;
    len -= (size_t)n;
  }
  return 1;
}

static inline void stream_close(stream *s)
{
  if (s->ssl && !s->shaking) SSL_shutdown(s->ssl);
  SSL_free(s->ssl);
  close(s->fd);
  *s = (stream){ .fd = -1 };
}

#endif
