#ifndef TLS_ASK_H
#define TLS_ASK_H

/*
 * What a program that speaks SMTP asks of tls-io, over a UNIX stream socket, and what it is
 * answered: lines that end with CRLF.
 *
 *   -> accept [ccert] [lines] timeout=SECONDS
 *   -> connect name=SNI timeout=SECONDS level=LEVEL [match=NAME]... [print=SHA256]...
 *              [tlsa=U,S,M,HEX]...
 *   <- ready                                  or  no REASON
 *   -> go                                     with the TCP descriptor
 *   <- tls PROTOCOL CIPHER USED/OF TRUST [cert=SHA256 key=SHA256] [cn=XTEXT] [issuer=XTEXT]
 *                                             or  failed REASON, and the socket ends
 *
 * Behind "tls" the same socket carries the clear text.
 */

#include <stddef.h>

/* Octets of a request, its line end included; what does not fit is not asked for. */
#define TLS_REQUEST_MAX 16384
/* Octets of an answer, its line end included. */
#define TLS_ANSWER_MAX 2048
/* A SHA-256 in hexadecimal digits. */
#define TLS_PRINT_LEN 64
/* So many names, fingerprints and TLSA records at most. */
#define TLS_NAMES_MAX 32
#define TLS_PRINTS_MAX 32
#define TLS_TLSA_MAX 32

/* How much a site's TLS must be worth, as routes and conf/tlslevel say it. */
enum tls_level
{
  TLS_NONE, TLS_MAY, TLS_ENCRYPT, TLS_FINGERPRINT, TLS_VERIFY, TLS_DANE, TLS_DANE_ONLY,
  TLS_LEVELS
};

/* The word for a level; and which level a word names, TLS_LEVELS where it names none. */
extern char const *tls_level_name(enum tls_level level);
extern enum tls_level tls_level_scan(char const *s, size_t len);
/* Is TLS demanded whatever the DNS says of the host?  With TLS_DANE it is where it says so. */
extern int tls_level_demands(enum tls_level level);

/*
 * Read a list of SHA-256 as people write them, parted by commas: in any case, colons between their octets or not.
 *   out  a string: the list in lower case, without colons
 * Returns its length; 0 where s is no such list, or one of more than TLS_PRINTS_MAX.
 */
#define TLS_PRINTS_TEXT_MAX (TLS_PRINTS_MAX * (TLS_PRINT_LEN + 1))
extern size_t tls_prints_scan(char out[TLS_PRINTS_TEXT_MAX], char const *s, size_t len);

/* The same for one, a string of TLS_PRINT_LEN digits.  1 or 0. */
extern int tls_print_scan(char out[TLS_PRINT_LEN + 1], char const *s, size_t len);

/* Some octets of a line. */
typedef struct tls_field
{
  char const *s;
  size_t len;
} tls_field;
/* All of a string. */
extern tls_field tls_field_of(char const *s);

/* --- requests, as they are made ----------------------------------------------------------- */

typedef struct tls_request
{
  unsigned int names;          /* so many of each are in it */
  unsigned int prints;
  unsigned int records;
  size_t len;
  char s[TLS_REQUEST_MAX];
} tls_request;

/*
 * Ask to be the server of a handshake.
 *   certificate  ask the client for one
 *   lines        put no more than one line into each record
 */
extern void tls_request_accept(tls_request *r, unsigned int timeout_s, int certificate, int lines);

/*
 * Ask to be the client.  The level is what the certificate is judged by.
 *   name   for SNI, a domain; "": none is sent, nor one that is no domain
 */
extern void tls_request_connect(tls_request *r, char const *name, unsigned int timeout_s,
                                enum tls_level level);
/*
 * A name that the certificate may bear: a domain, ".domain" for one label or more below it, or an
 * IP address.
 * Returns 1; 0 where it does not fit, or is no name.  So do the next two.
 */
extern int tls_request_match(tls_request *r, char const *name);
/* A SHA-256, of a certificate or its key, in hexadecimal digits. */
extern int tls_request_print(tls_request *r, char const *print);
/* A TLSA record (RFC 6698); data are octets. */
extern int tls_request_tlsa(tls_request *r, unsigned int usage, unsigned int selector,
                            unsigned int matching, void const *data, size_t len);
/* The line is whole now: its end is put. */
extern void tls_request_end(tls_request *r);

/* The second line, which takes the descriptor with its first octet. */
#define TLS_GO "go\r\n"

/* --- requests, as they are read ----------------------------------------------------------- */

typedef struct tls_tlsa
{
  unsigned int usage;
  unsigned int selector;
  unsigned int matching;
  tls_field hex;               /* an even number of hexadecimal digits, lower case */
} tls_tlsa;

typedef struct tls_asked
{
  int connect;                 /* else accept */
  int certificate;
  int lines;
  unsigned int timeout_s;
  enum tls_level level;
  tls_field name;
  size_t names;
  tls_field match[TLS_NAMES_MAX];
  size_t prints;
  tls_field print[TLS_PRINTS_MAX];  /* lower case */
  size_t records;
  tls_tlsa tlsa[TLS_TLSA_MAX];
} tls_asked;

/* Read a request, without its line end.  1; 0 where it makes no sense.  The fields point into s. */
extern int tls_request_scan(char const *s, size_t len, tls_asked *asked);

/* --- answers ------------------------------------------------------------------------------ */

enum tls_answer_kind { TLS_READY, TLS_NO, TLS_DONE, TLS_FAILED };

/* How the reason of TLS_FAILED begins where the certificate is not what the level wants. */
#define TLS_NOT_VERIFIED "Server certificate not verified"

/* What is known of the peer's certificate. */
enum tls_trust
{
  TLS_ANONYMOUS,               /* there is none */
  TLS_UNTRUSTED,
  TLS_TRUSTED,                 /* it chains to what we trust */
  TLS_VERIFIED                 /* and is the peer's, or is otherwise what was asked for */
};

typedef struct tls_answer
{
  enum tls_answer_kind kind;
  tls_field reason;            /* of TLS_NO and TLS_FAILED */
  tls_field protocol;          /* the rest: of TLS_DONE */
  tls_field cipher;
  tls_field bits;              /* "256/256" */
  enum tls_trust trust;
  tls_field certificate;       /* SHA-256, hexadecimal, lower case; empty: there is none */
  tls_field key;
  tls_field subject;           /* common names, as xtext (RFC 3461 section 4); may be empty */
  tls_field issuer;
} tls_answer;

/*
 * Write an answer with its line end into out[TLS_ANSWER_MAX]; control characters in a reason become
 * spaces.  Returns its length.
 */
extern size_t tls_answer_format(char *out, tls_answer const *answer);
/* Read an answer, without its line end.  1; 0 where it makes no sense.  The fields point into s. */
extern int tls_answer_scan(char const *s, size_t len, tls_answer *answer);

/* "Anonymous", "Untrusted", "Trusted", "Verified": the word in log lines (Postfix's). */
extern char const *tls_trust_name(enum tls_trust trust);

#endif
