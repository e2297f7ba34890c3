#ifndef CONF_H
#define CONF_H

/*
 * The settings: one plain file each under the instance's conf/, "#" to the end of a line is
 * a comment where it begins the line or follows white space, empty lines do not count.
 * A missing file means the default, which stands in conf.c and nowhere else.  All names,
 * kinds and defaults are one table there; conf-check walks it.
 *
 * Every reader returns 1, or
 *   0   with errno set and conf_error() the reason, ready for a log line, with the file's name
 *       and, where there is one, the line's number.  EINVAL: the file's words make no sense;
 *       else what open(2) or read(2) said.  A program says so and exits; it never guesses.
 * Lists may be compiled: where conf/NAME.cdb is not older than conf/NAME, it is read instead.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <skalibs/cdb.h>
#include <skalibs/genalloc.h>
#include <skalibs/stralloc.h>

#include "smtp/account.h"
#include "smtp/timeout.h"
#include "tls/ask.h"

/* Why the last reader failed, a string: "conf/backoff: line 1: MIN is over MAX". */
extern char const *conf_error(void);

/*
 * The exit code of a program whose reader failed: 102 for EINVAL, else 111.
 */
extern int conf_exit_code(void);

/* Open DIR/conf below the instance descriptor.  -1 as openat(2), conf_error() set. */
extern int conf_open(int instance);

/*
 * The same of the instance that -C or its default names (NULL), for a program that needs no more of
 * it.  Dies 111.
 */
extern int conf_find(char const *dir);

/*
 * A number that changes with any of the files whose settings qmgr keeps, as far as inode, size and
 * time tell.
 */
extern uint64_t conf_kept_stamp(int conf);

/*
 * "A string" in a stralloc: a zero octet follows, which len does not count.
 */

/* --- one value a file, or a few ------------------------------------------------------------- */

/* me: our host name; default gethostname(2).  A string in *name. */
extern int conf_me(int conf, stralloc *name);

/* postmaster: mailbox for <postmaster>; default postmaster@me.  A string. */
extern int conf_postmaster(int conf, stralloc *mailbox);

/*
 * The domain that mail for <postmaster> waits for, in *domain, a string: the mailbox's own, or
 * CONF_HELD where nobody set conf/postmaster.  Mail for CONF_HELD is kept and goes nowhere.
 * Anybody may send mail to <postmaster>, and RFC 5321 section 4.5.1 has us accept it; if we sent it
 * on to postmaster@me, that host would return it to whatever sender it claims to have.
 *   *held  1: the domain is CONF_HELD
 * No real domain has that name (RFC 6761 section 6.4).
 */
#define CONF_HELD "postmaster.invalid"
extern int conf_postmaster_domain(int conf, stralloc *mailbox, stralloc *domain, int *held);

/*
 * listen: ADDRESS:PORT of our server, [::]:PORT for all; default 127.0.0.1:2525.  A string; of
 * several, JOB_LISTEN_MAX at most and each another one, with commas between them as in job/job.h.
 */
extern int conf_listen(int conf, stralloc *listen);

/* listentls: the same, of our server that begins with a handshake of TLS; "": there is none. */
extern int conf_listentls(int conf, stralloc *listen);

/* listenodmr: likewise, of the one where a record of TLS holds no more than one line. */
extern int conf_listenodmr(int conf, stralloc *listen);

/*
 * tls: what our server makes of STARTTLS.  Without the file it is offered where there is a
 * certificate: a file or link CONF_TLSCERT in conf/.
 */
enum conf_tls
{
  CONF_TLS_NONE,
  CONF_TLS_MAY,      /* offered */
  CONF_TLS_ENCRYPT   /* and nothing is taken without it */
};
#define CONF_TLSCERT "tlscert"
#define CONF_TLSKEY "tlskey"
/* The certificates that those of sites are verified by, for tls-io as well. */
#define CONF_TLSCA "tlsca"
extern int conf_tls(int conf, enum conf_tls *tls);
extern char const *conf_tls_name(enum conf_tls tls);

/* nameserver: ADDRESS:PORT, "" where resolv.conf rules.  A string. */
extern int conf_nameserver(int conf, stralloc *nameserver);

/* databytes: octets a message may have, 0 for no limit. */
extern int conf_databytes(int conf, uint64_t *octets);

/* bouncebytes: octets of content that are returned to a sender with the notice of its failure. */
extern int conf_bouncebytes(int conf, uint64_t *octets);

/*
 * minfree: octets that are left free on the disk of the queue; 0: the disk is not looked at.
 *   *said  0: the file is missing; *octets is one and a half messages of conf/databytes, which
 *          queue_room() raises or lowers
 */
extern int conf_minfree(int conf, uint64_t *octets, int *said);

/*
 * authclear, etrncounts, fsyncdir, lenient, percenthack: on (1) when the file holds 1, off when it
 * holds 0 or is missing.
 */
extern int conf_switch(int conf, char const *name, int *on);

/* Is there a file of this name, whoever may read it?  A link to nowhere counts. */
extern int conf_exists(int conf, char const *name);

/* checkpassword: the command that checks passwords, "" where there is none.  A string. */
extern int conf_checkpassword(int conf, stralloc *command);

/*
 * loopbackdns: the same; *said 0: the file is missing, and the default depends on conf/nameserver
 * (send/host.h).
 */
extern int conf_loopbackdns(int conf, int *on, int *said);

/* lifetime: seconds a message may wait. */
extern int conf_lifetime(int conf, uint64_t *seconds);

/* delaywarning: seconds a message waits before its sender is told; 0: never. */
extern int conf_delaywarning(int conf, uint64_t *seconds);

/* tlslevel: what TLS of sites must be worth whose route says nothing of it. */
extern int conf_tlslevel(int conf, enum tls_level *level);

/*
 * tlspolicy: where policies of MTA-STS are asked for: server, as endpoint_connect() takes it, ""
 * where nowhere; map, its name there.  Strings.
 */
extern int conf_tlspolicy(int conf, stralloc *server, stralloc *map);

/* backoff: MIN MAX in seconds. */
typedef struct conf_backoff { uint64_t min; uint64_t max; } conf_backoff;
extern int conf_backoff_read(int conf, conf_backoff *backoff);

/* concurrency: PERSITE [TOTAL], connections from us. */
typedef struct conf_concurrency { uint64_t site; uint64_t total; } conf_concurrency;
extern int conf_concurrency_read(int conf, conf_concurrency *concurrency);

/*
 * concurrencyclient: connections at a time from one client, up to CONF_CONNECTIONS_MAX; 0: no
 * limit.
 *   *said  0: the file is missing, and the default is not meant for clients on this host
 */
#define CONF_CONNECTIONS_MAX 10000
extern int conf_concurrencyclient(int conf, uint64_t *connections, int *said);

/* concurrencyincoming: connections at a time where mail is taken, 1 to CONF_CONNECTIONS_MAX. */
extern int conf_concurrencyincoming(int conf, uint64_t *connections);

/*
 * subdomains: how many subdomains of a ".domain" of relaydomains a client may send to at a time, up
 * to CONF_SUBDOMAINS_MAX; 0: any number.
 */
#define CONF_SUBDOMAINS_MAX 10000
extern int conf_subdomains(int conf, uint64_t *names);

/* timeouts: lines "NAME DURATION"; first those of enum smtp_timeout, then these. */
enum conf_timeout
{
  CONF_TIMEOUT_LOOKUP = SMTP_TIMEOUTS, /* finding a host, all look-ups together */
  CONF_TIMEOUT_REACH,    /* reaching a site: up to its reply to EHLO, all addresses together */
  CONF_TIMEOUT_COMMAND,  /* our own server: the wait for a command */
  CONF_TIMEOUT_RECEIVE,  /* our own server: the wait for 64 KiB of content */
  CONF_TIMEOUT_MESSAGE,  /* our own server: all the content of a message */
  CONF_TIMEOUT_AUTH,     /* our own server: auth-check's answer */
  CONF_TIMEOUTS
};
extern int conf_timeouts(int conf, unsigned int seconds[CONF_TIMEOUTS]);

/* --- lists ------------------------------------------------------------------------- */

/* A client's or our own address, IPv4 in its mapped form (::ffff:0:0/96). */
typedef struct conf_address { unsigned char octets[16]; } conf_address;

/* From text: an IPv4 or IPv6 address, a mapped IPv6 address is the IPv4 one.  1 or 0. */
extern int conf_address_scan(char const *s, conf_address *address);

/* A list as it was read.  Private but for CONF_LIST_ZERO and conf_list_close(). */
enum conf_list_form { CONF_LIST_MISSING, CONF_LIST_TEXT, CONF_LIST_CDB };
typedef struct conf_list
{
  struct conf_setting const *setting; /* NULL: not open */
  enum conf_list_form form;
  struct stat stamp;                  /* of the text; all zero where there is none */
  stralloc text;
  cdb map;
} conf_list;
#define CONF_LIST_ZERO { .text = STRALLOC_ZERO, .map = CDB_ZERO }
/* errno stays. */
extern void conf_list_close(conf_list *list);

/*
 * Is something in a list?  *yes is 1 or 0.  domain is folded (smtp_domain_fold) and an A-label.
 * A list of domains holds "customer.tld" for that domain, ".customer.tld" for all below it.
 *   kept  the list, kept from call to call (all zero before the first call, conf_list_close() after
 *         the last); its file is read again when it has changed.  NULL: the file is read for this
 *         call.  A long text is read each time, and so is one that was changed a moment ago.
 */
extern int conf_relaydomain(int conf, conf_list *kept, char const *domain, size_t len, int *yes);
/* The same; *below: the list has no entry for the domain itself, but for a domain above it. */
extern int conf_relaydomain_below(int conf, conf_list *kept, char const *domain, size_t len,
                                  int *yes, int *below);
extern int conf_relayclient(int conf, conf_list *kept, conf_address const *address, int *yes);

/* flushdomains (default: relaydomains) and flushclients (default: loopback and relayclients). */
extern int conf_flushdomain(int conf, char const *domain, size_t len, int *yes);
extern int conf_flushclient(int conf, conf_address const *address, int *yes);

/*
 * flushusers: local users, by number or by a name of /etc/passwd: programs that link the C library
 * statically cannot look names up anywhere else.
 */
extern int conf_flushuser(int conf, uid_t uid, int *yes);

/*
 * recipients: mailboxes "alice@customer.tld", or "@customer.tld" for all of a domain.  A domain
 * none of whose mailboxes is listed takes any.  Mailboxes are compared without regard to case.
 */
extern int conf_recipient(int conf, conf_list *kept, char const *mailbox, size_t len, int *yes);

/*
 * queues: lines "NAME DOMAIN...".  Appends the queue's domains to *domains, folded, each with
 * a zero octet that len counts; *found is 0 when there is no such queue.
 */
extern int conf_queue(int conf, char const *name, size_t len, stralloc *domains, int *found);

/*
 * authsecrets: lines "USER SECRET", for passwords and CRAM-MD5.  Secrets are for auth-check alone.
 *   secret  a string, "" where the user has none; for the caller to wipe
 * Names and secrets are compared octet by octet.  A user with two secrets is an error.
 */
#define CONF_ACCOUNT_MAX 255
#define CONF_SECRET_MAX 255
extern int conf_secret(int conf, char const *user, size_t len, char secret[CONF_SECRET_MAX + 1],
                       int *found);

/*
 * authout: lines "NAME USER PASSWORD", for routes with auth=NAME.  For qmgr alone.
 *   account  for the caller to wipe; without a user where there is no such name
 * A name with two lines is an error.
 */
extern int conf_authout(int conf, char const *name, smtp_account *account);

/*
 * clientcerts: lines "SHA256 USER", the SHA-256 of a certificate or of its public key (its
 * SubjectPublicKeyInfo), with colons or without, in any case.
 *   certificate, key  as tls-io tells them (tls/ask.h); what is said of the former counts first
 *   user              a string, "" where neither is anybody's
 * A SHA-256 that is named twice is an error.
 */
#define CONF_CLIENTCERTS "clientcerts"
extern int conf_clientcert(int conf, tls_field const *certificate, tls_field const *key,
                           char user[CONF_ACCOUNT_MAX + 1]);

/*
 * users: lines "NAME [norelay] [DOMAIN]...": what a client may do that has proved to be that user.
 * A user who is on no line may relay, and has no domains; one who is on several has what all say.
 * Names are compared without regard to the case of ASCII letters: who judges the proof may do so,
 * and a client who says his name in another way is not to have more rights for it.
 */
typedef struct conf_account
{
  int norelay;
  stralloc domains;      /* folded, as in relaydomains, each a string, one after the other */
} conf_account;
#define CONF_ACCOUNT_ZERO { .domains = STRALLOC_ZERO }
/* Sets *account, which is all zero or was set before. */
extern int conf_account_read(int conf, conf_list *kept, char const *name, size_t len,
                             conf_account *account);

/*
 * routes: lines "PATTERN NEXTHOP [park] [lifetime=TIME] [delaywarning=TIME] [concurrency=N]
 * [without=EXTENSION[,EXTENSION]...] [tls=LEVEL] [tlsname=NAME] [tlsprint=SHA256[,SHA256]...]
 * [tlswrap] [auth=NAME]",
 * PATTERN a domain, ".domain" for all below it, or "*".  The exact domain wins, then the longest
 * ".domain", then "*".
 * NEXTHOP is [HOST]:PORT, [HOST], DOMAIN, DOMAIN:PORT, or "-" for the MX of the domain itself.
 */
typedef struct conf_route
{
  stralloc site;        /* a string, the next hop as the job lines and site files have it; folded */
  int parked;
  int held;             /* CONF_HELD: mail is never tried, whoever asks for it, nor given up */
  /* where the route says nothing: conf/lifetime, conf/delaywarning (never when parked) and so on */
  uint64_t lifetime;    /* seconds */
  uint64_t delaywarning; /* seconds, 0: never */
  uint64_t concurrency; /* connections */
  unsigned int without; /* smtp_extension, or-ed: not used even where the site offers them */
  /*
   * a string: what must hold of TLS, how the site is known and, in its last word, who we are there,
   * in the words of job/job.h
   */
  stralloc tls;
} conf_route;
#define CONF_ROUTE_ZERO { .site = STRALLOC_ZERO, .tls = STRALLOC_ZERO }
/* errno stays. */
extern void conf_route_free(conf_route *route);
/*
 * All routes, and the settings that are their defaults, as they were at one moment.  Private.
 * A compiled list stays open; a text is kept as a table that is looked up in a few steps.
 */
typedef struct conf_routes
{
  conf_list list;
  stralloc names;
  genalloc entries;
  uint64_t lifetime;
  uint64_t delaywarning;
  uint64_t concurrency;
  enum tls_level tls;
} conf_routes;
#define CONF_ROUTES_ZERO \
  { .list = CONF_LIST_ZERO, .names = STRALLOC_ZERO, .entries = GENALLOC_ZERO }
/*
 * Read the routes anew.  1, or 0 with conf_error(): then *routes is what it was.  Free them with
 * conf_routes_free().
 */
extern int conf_routes_read(int conf, conf_routes *routes);
/*
 * Find the route of a domain: without a line, its MX, not parked.  1, or 0 with conf_error(), also
 * where the pattern has two routes.
 */
extern int conf_routes_find(conf_routes const *routes, char const *domain, size_t len,
                            conf_route *route);
/* errno stays. */
extern void conf_routes_free(conf_routes *routes);

/* Is this text a next hop as above?  (Site files are named so.) */
extern int conf_site_ok(char const *site, size_t len);

/*
 * Fold a domain to what files are named by: case, one trailing dot, U-labels to A-labels
 * (RFC 5891, libidn2).
 *   *out   set to a string
 * Returns 1, or 0 when it is no domain name (errno EINVAL) or memory is short (ENOMEM).
 */
extern int conf_domain_fold(stralloc *out, char const *domain, size_t len);

#endif
