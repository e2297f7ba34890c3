#ifndef TLS_CONTEXT_H
#define TLS_CONTEXT_H

/*
 * The context that connections are made from, as the files of conf/ are now: the working
 * directory is conf/.  What cannot be used is told of on stderr, once until it changes.
 */

#include <openssl/ssl.h>
#include <stdint.h>

/* Where certificates of authorities are, unless conf/tlsca is there. */
#define CONTEXT_AUTHORITIES "/etc/ssl/certs/ca-certificates.crt"

/* Which file, and which of its contents. */
typedef struct context_mark
{
  uint64_t device;
  uint64_t inode;
  uint64_t size;
  uint64_t modified_ns;
  uint64_t changed_ns;
} context_mark;

typedef struct context
{
  SSL_CTX *ssl;              /* NULL: there is none */
  int server;
  char const *identity;      /* a client's own certificate and key, a path; NULL: it has none */
  int64_t made_ms;
  context_mark marks[2];     /* of the files as they were tried last */
} context;

/* A server needs tlscert and tlskey; a client takes tlsca, and does without. */
extern void context_open(context *c, int server, char const *identity);

/*
 * Look whether files have changed, or the context has been there for 12 hours, and make a new one
 * from them then, or if anew: with new keys for tickets.  The old one stays where that fails.
 */
extern void context_refresh(context *c, int anew);

#endif
