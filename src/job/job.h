#ifndef JOB_H
#define JOB_H

/*
 * The lines between qmgr and a delivery agent.
 *
 * One stream socket, lines ended by LF, fields parted by one space, no control characters.
 * An ADDRESS or a path is "<...>" and may hold spaces inside a quoted local part.
 *
 * qmgr to agent:
 *
 *   site NEXTHOP [KEY=VALUE]...      once, first
 *        NEXTHOP  [HOST] or [HOST]:PORT   that host, no MX look-up; HOST a name or an IP address
 *                 DOMAIN or DOMAIN:PORT   the MX of the domain
 *                 -                       none, see turned
 *        turned=NAME[ADDRESS]:PORT   and only then NEXTHOP is "-": a connection that came from
 *                                    there travels as a descriptor with this line's first octet,
 *                                    and was turned round (ATRN, RFC 2645).  Nothing is looked
 *                                    up, no other connection is made, and TLS is not begun.  The
 *                                    agent waits for the greeting at once, and after the end of
 *                                    file as well.
 *        me=NAME                     for EHLO, and to know ourselves among the MX
 *        listen=ADDRESS:PORT[,ADDRESS:PORT]...  where our own server listens: never send there;
 *                                    JOB_LISTEN_MAX at most
 *        nameserver=ADDRESS:PORT     ask this DNS server, not those of resolv.conf
 *        timeouts=SECONDS[,SECONDS]...  for each step, in the order of smtp/timeout.h
 *        without=WORD[,WORD]...      as if the site did not offer these extensions
 *                                    (smtp_extensions_scan)
 *        lookup=SECONDS              for finding the host, all look-ups together; default 30
 *        loopbackdns=1               loopback addresses are taken from the DNS; 0: they are not;
 *                                    by default those of a lab are (send/host.h)
 *        reach=SECONDS               from the first connection to "up", all addresses together;
 *                                    default 120
 *        tls=LEVEL                   what TLS must be worth (tls/ask.h); default none
 *        tlsname=NAME                the name that the certificate must bear; default: HOST, or
 *                                    the domain or a name below it
 *        tlsprint=SHA256[,SHA256]... certificates, or their keys, that are the site's
 *        tlswrap                     TLS from the first octet
 *        auth=NAME                   mail goes only where the site knows us, as NAME of
 *                                    conf/authout; with tls=encrypt or more
 *   auth BASE64                      who NAME is, see smtp/account.h; once, behind the site line.  No
 *                                    word of it is ever repeated, whatever is wrong with it.
 *        tlspolicy=MAP               policies of MTA-STS can be asked for by this map (send/policy.h),
 *                                    of the MX of a domain with tls=may or tls=dane
 *        policyat=ADDRESS:PORT       and there; without it over a connection that "policy" brings
 *   alone                            the next message is the first and only one of its connection
 *                                    (not with turned)
 *   mail ID ARRIVAL OFFSET LENGTH FLAGS <SENDER> [PARAMETER]...
 *        the message's descriptor travels with this line's first octet or before it; it is open
 *        for reading and for appending (an agent's process can make more of it, and should give
 *        that up: send/confine.h); content is LENGTH octets from OFFSET; ARRIVAL in microseconds
 *        since 1970; FLAGS as in job_flag, "-" for none
 *   rcpt N <ADDRESS> [PARAMETER]...  N is the recipient's number in the message, from 0
 *   go                               the message's recipients are complete
 *   tls                              a connection to tls-io, as its descriptor, which travels as a
 *                                    message's does; for an agent that asked for one
 *   tls REASON                       there is none
 *   policy                           a connection to the server of policies, likewise
 *   policy REASON
 *
 *   Jobs may be written together, their descriptors with the first octet of all of them, at most
 *   JOB_FDS_MAX at once; descriptors come in the order of the mail lines.
 *
 *   The end of file means: send what is on the wire, journal it, start nothing new, QUIT.
 *
 * agent to qmgr:
 *
 *   window N                         more than N messages at once are no faster on this connection,
 *                                    but would be on another one; 32 unless said before "up"
 *   up RELAY TEXT                    the site answered EHLO; RELAY is host[address]:port
 *   lost [drop]                      the connection has ended (drop: without a reply from the
 *                                    site); the agent makes another one for the jobs that are not
 *                                    done.  Until the next "up" the site has not answered.
 *   vain ID STATUS TEXT              the same, and the connection settled nothing; ID of the
 *                                    message whose turn it was, or "-"
 *   tls                              the agent wants a connection to tls-io
 *   policy                           the agent wants one to the server of policies, without
 *                                    policyat; before that has come, or the word that there is
 *                                    none, it looks nothing up
 *   policy REASON                    that server has no answer
 *   without EXTENSION                the site offers the extension, and does not know it
 *   down STATUS TEXT                 the site cannot be talked to: look-up, connect, greeting or
 *                                    EHLO failed, or the connection that was turned round is lost.
 *                                    Jobs that are not done go back.  The agent ends.
 *   rcpt ID N RESULT                 see job_result; the message's journal has it already
 *   done ID                          the message is done, and its descriptor is closed
 *   cut ID N                         the same, and the connection ended in the middle of the
 *                                    message; N is one of its recipients
 *   back ID N                        the message was not tried, since another connection gets to it
 *                                    sooner; its descriptor is closed
 *
 *   A job whose "done", "cut" or "back" qmgr did not read before the socket ended was not carried
 *   out, except for the recipients that are in the journal.
 *
 * The agent may hold many jobs at once and send them in any order of its own choosing, but
 * answers every one.  qmgr bounds how many.
 *
 * The agent tells qmgr a window because only the agent knows that a connection carries one message
 * for each round trip (PIPELINING alone): more messages waiting there would not go faster, while
 * other connections could carry them.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Octets of one line, LF included: a path with every DSN parameter fits (RFC 3461). */
#define JOB_LINE_MAX 4096
/* The addresses that our own server listens at. */
#define JOB_LISTEN_MAX 16
/* Octets of a result's text that are kept; the rest of a long reply is cut. */
#define JOB_TEXT_MAX 1000
/* The longest id. */
#define JOB_ID_MAX 32
/* Descriptors that travel with one octet. */
#define JOB_FDS_MAX 16

enum job_flag
{
  JOB_8BIT = 1,     /* '8': content holds octets over 127 */
  JOB_UTF8 = 2,     /* 'u': the envelope or header needs SMTPUTF8 */
  JOB_DOT = 4,      /* 'd': a content line begins with a dot */
  JOB_UNENDED = 8   /* 'e': content does not end in CRLF */
};

/* Octets of all flags in text, no terminator. */
#define JOB_FLAGS_MAX 4

/* Flags as text of fixed width: a letter or '-' for each. */
extern void job_flags_format(char out[JOB_FLAGS_MAX], unsigned int flags);
/* Flags of that text; -1 on an unknown letter. */
extern int job_flags_scan(char const *s, size_t len);

/*
 * The next field of a line: up to the next space, but a space inside "<...>" quotes does
 * not count.  *s and *len move past it and the space.  Returns 1, or 0 when the line is used up.
 */
typedef struct job_field
{
  char const *s;
  size_t len;
} job_field;
extern int job_field_next(char const **s, size_t *len, job_field *field);

/* Is this text without control characters, so that it stays on one line? */
extern int job_clean_ok(char const *s, size_t len);
/* Is the field this word? */
extern int job_field_is(job_field const *field, char const *word);
/* A decimal number that fills the field and fits; 1 or 0. */
extern int job_field_number(job_field const *field, uint64_t *number);
/* The inside of a field "<...>".  1 or 0. */
extern int job_field_path(job_field const *field, job_field *inside);

typedef struct job_mail
{
  job_field id;
  uint64_t arrival_us;
  uint64_t offset;
  uint64_t length;
  unsigned int flags;
  job_field sender;      /* without angle brackets; empty for the null sender */
  job_field parameters;  /* the rest of the line, may be empty */
} job_mail;

typedef struct job_rcpt
{
  uint64_t number;
  job_field address;     /* without angle brackets */
  job_field parameters;
} job_rcpt;

/* Scan what follows "mail " or "rcpt ".  The fields point into the line.  1 or 0. */
extern int job_mail_scan(char const *s, size_t len, job_mail *mail);
extern int job_rcpt_scan(char const *s, size_t len, job_rcpt *rcpt);

/*
 * Write the whole line, LF included.
 * Returns its length, or 0 when it does not fit into max.
 */
extern size_t job_mail_format(char *out, size_t max, job_mail const *mail);
extern size_t job_rcpt_format(char *out, size_t max, job_rcpt const *rcpt);

/*
 * A result of one recipient and attempt, in text: "N STATUS CODE RELAY TEXT", for instance
 *   0 sent 2.0.0 mailhost.customer.tld[192.0.2.1]:25 250 2.0.0 ok
 * The same text stands in the message's journal (there after the time) and in the agent's
 * report (there after "rcpt ID ").
 */
enum job_status
{
  JOB_SENT, JOB_DEFERRED, JOB_FAILED,
  JOB_RELAYED  /* sent to a host without DSN, and NOTIFY=SUCCESS asked for (RFC 3461, 5.2.3) */
};

/* Is nothing owed to the recipient any more? */
#define job_status_settled(status) ((status) != JOB_DEFERRED)

typedef struct job_result
{
  uint64_t recipient;
  enum job_status status;
  job_field code;   /* enhanced status code, RFC 3463 */
  job_field relay;  /* host[address]:port, or "none" */
  job_field text;   /* the remote's words, or ours; clean, see smtp_text_clean() */
} job_result;

extern int job_result_scan(char const *s, size_t len, job_result *result);
/* No LF at the end.  Text beyond JOB_TEXT_MAX is cut.  0 when it does not fit. */
extern size_t job_result_format(char *out, size_t max, job_result const *result);

/*
 * Does the text of a result, a string, mean that the connection ended in the middle of the message:
 * lost, silent, closed by 421, or nonsense?  An agent writes such texts with the words below; a
 * reply becomes "host NAME said: REPLY (in reply to ... command)".
 */
#define JOB_TEXT_LOST "lost connection with "
#define JOB_TEXT_SILENT "conversation with "
#define JOB_TEXT_SAID " said: "
#define JOB_TEXT_IN_REPLY " (in reply to "
#define JOB_TEXT_COMMAND " command)"
#define JOB_TEXT_NONSENSE " does not speak SMTP: "
extern int job_text_cut(char const *text);

/*
 * Make the result of a recipient that is given up: its text is why, and behind it the text of the
 * last attempt, as far as there is room.
 *   text    memory for the text, in use as long as the result is
 *   why     JOB_TEXT_EXPIRED or JOB_TEXT_GIVEN_UP
 *   reason  the text of the last result, a string; "" for none
 */
#define JOB_TEXT_EXPIRED "delivery time expired"
#define JOB_TEXT_GIVEN_UP "message is administratively expired"
extern void job_result_expire(job_result *result, uint64_t recipient, char text[JOB_TEXT_MAX],
                              char const *why, char const *reason);

/* "sent", "deferred", "failed", "relayed". */
extern char const *job_status_name(enum job_status status);

/*
 * A journal line: seconds since 1970 with six decimals, a space, the result, LF.
 * It is appended to a message's file with one write(2).  A last line without LF was torn and does
 * not count.
 */
extern size_t job_journal_format(char *out, size_t max, uint64_t time_us, job_result const *result);
/* Read one line, without its LF.  1 or 0. */
extern int job_journal_scan(char const *s, size_t len, uint64_t *time_us, job_result *result);

/*
 * The journal's other kind of line: the sender was told what became of a recipient.  Behind the
 * time, "N notice EVENT ID": ID is the notice's, or "none" where the sender is not to be told (the
 * null sender, NOTIFY=NEVER).
 */
enum job_event { JOB_EVENT_FAILED, JOB_EVENT_DELAYED, JOB_EVENT_RELAYED };

typedef struct job_notice
{
  uint64_t recipient;
  enum job_event event;
  job_field id;
} job_notice;

extern size_t job_notice_format(char *out, size_t max, uint64_t time_us, job_notice const *notice);
extern int job_notice_scan(char const *s, size_t len, uint64_t *time_us, job_notice *notice);

/*
 * What bounce-put answers to an id that it was told, "ID WORD ...": its sender was told what there
 * was to tell, there is no such message, or it cannot be done now, and why.
 */
#define JOB_ANSWER_DONE "done"
#define JOB_ANSWER_GONE "gone"
#define JOB_ANSWER_LATER "later"

/* "failed", "delayed", "relayed". */
extern char const *job_event_name(enum job_event event);

/*
 * Connect to a UNIX socket by its path below a directory, which may have a path of any length.
 *   path  short: some ten octets
 *   type  of socket(2): SOCK_STREAM or SOCK_DGRAM
 * Returns a close-on-exec descriptor that does not block, or -1 with errno.
 */
extern int job_connect(int directory, char const *path, int type);

/*
 * Write octets to a job socket, n descriptors (at most JOB_FDS_MAX) with the first of them.
 * Returns as write(2); with a result over 0 all descriptors were sent.  No SIGPIPE.
 */
extern ssize_t job_send(int socket, char const *s, size_t len, int const *fds, size_t n);

/*
 * Read octets from a job socket.  fds are the *n descriptors (close-on-exec) that came with them,
 * of one job_send() only, since the kernel never joins the octets of two that have descriptors: so
 * descriptors come in the order of their lines.
 * Returns as read(2); or -1 with EPROTO where descriptors were lost: more than JOB_FDS_MAX, or more
 * than this process may have open.  The socket is of no use then.
 */
extern ssize_t job_receive(int socket, char *s, size_t max, int fds[JOB_FDS_MAX], size_t *n);

#endif
