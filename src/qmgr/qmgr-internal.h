#ifndef QMGR_INTERNAL_H
#define QMGR_INTERNAL_H

/*
 * What the files of qmgr share.
 *
 * A site is a next hop; a gate is a domain, behind it a list of ids that wait; a pass is one
 * walk through such a list; a held message is one we have jobs for; an agent is a connection
 * to a smtp-send; a job is one message, some of its recipients, and the agent it was given to.
 *
 * What must survive is on disk before it is here:
 *   - a message stays in new/ until everything it owes stands in a list, or is done;
 *   - a pass renames the list to claim/ and removes it when nothing of it is left to do;
 *   - whatever comes back undelivered is recorded in the list anew;
 *   - what was asked for stays in asked/ until it was carried out.
 * So every structure below can be lost at any moment.
 */

#include <stddef.h>
#include <stdint.h>
#include <skalibs/stralloc.h>
#include <skalibs/genalloc.h>

#include "base/wallclock.h"
#include "conf/conf.h"
#include "flush/flush.h"
#include "job/job.h"
#include "queue/message.h"
#include "queue/queuedir.h"
#include "qmgr/crowd.h"
#include "qmgr/cuts.h"
#include "qmgr/timer.h"
#include "sched/health.h"
#include "sched/moment.h"

#define MINUTE_US (60 * SECOND_US)

typedef struct qmgr qmgr;
typedef struct site site;
typedef struct gate gate;
typedef struct pass pass;
typedef struct held held;
typedef struct asked_message asked_message;
typedef struct agent agent;
typedef struct job job;

/* --- idle.c: forgetting gates and sites ------------------------------------------------ */

/* A place among all that is known of one kind; its owner is that. */
typedef struct known
{
  struct known *before;
  struct known *after;
  void *owner;
  uint64_t used_us;          /* when it was asked for last */
} known;

/* All gates, or all sites, in a ring. */
typedef struct knowns
{
  known *next;               /* to be looked at */
  size_t count;
  size_t left;               /* to be looked at in this round */
  size_t kept;               /* after the last round */
  uint64_t begun_us;         /* when that was begun */
} knowns;

extern void known_add(knowns *all, known *k);
extern void known_take(knowns *all, known *k);
/* Are there so many that whatever nothing is to be remembered of goes at once? */
extern int knowns_many(knowns const *all);

/* With each look at everything: what nobody has asked for lately is to be forgotten. */
extern void idle_begin(qmgr *q);
/* One bounded piece of that; it begins by itself where many have come.  1 when there is more. */
extern int idle_run(qmgr *q);

/* --- settings.c: what qmgr reads of conf/ ------------------------------------------- */

typedef struct settings
{
  conf_backoff backoff;
  conf_concurrency concurrency;
  conf_routes routes;
  uint64_t stamp;            /* of the files as they were read */
  stralloc session;          /* the KEY=VALUE part of a job's site line, a string */
  unsigned int generation;   /* counts the readings: a gate whose route is older looks again */
} settings;

/* Read all of them.  1, or 0 with conf_why(); then what was read before still holds. */
extern int settings_read(settings *now, int conf);
/* Was any of the files changed since? */
extern int settings_changed(settings const *now, int conf);

/* When an attempt that failed for the nth time may be made again, in microseconds from then. */
extern uint64_t settings_retry_us(settings const *now, uint64_t attempts);

/* --- site.c --------------------------------------------------------------------------- */

struct site
{
  char *name;
  known known;
  health health;
  uint64_t drops;            /* connections that ended without a word */
  agent *resting;            /* gets nothing more until it is at rest: something is to go alone */
  timer probe;
  unsigned int limit_max;    /* connections it may have at the most */
  unsigned int without;      /* extensions it offers in vain, as its route says (smtp_extension) */
  unsigned int lied;         /* and as was found out */
  agent *agents;
  unsigned int agents_count;
  gate *gates;               /* all that lead here */
  gate *ready_first;         /* those that have something to send, in turns */
  gate *ready_last;
  site *runnable_next;
  int runnable;
  source *source;            /* whose mail for it was looked at first, the null sender's last, as long as it may hang */
  waiter waiter;             /* for a connection */
};

/* The site of this name, known from now on; NULL with errno. */
extern site *site_get(qmgr *q, char const *name);
/* Nothing leads to it, and nothing of it has to be remembered any more: forget it, and its file.  1, or 0: it stays. */
extern int site_forget(qmgr *q, site *s);
/* May it be tried unasked? */
extern int site_open(qmgr const *q, site const *s);
/* It answered: RELAY and text.  First success wakes all that waits for it. */
extern void site_answered(qmgr *q, site *s, char const *relay);
/* It took a message or refused it for good: its failures are over.  A greeting alone does not say so much. */
extern void site_served(qmgr *q, site *s, job_result const *result);
/* A connection ended before it settled anything, with this message at its head, or "-".  Has the site failed? */
extern int site_in_vain(site *s, char const *id, char const *why);
/* It cannot be talked to.  Takes back every pass; the back-off of a site that was only asked for stays. */
extern void site_failed(qmgr *q, site *s, char const *why);
/* The first mail that waits parked, so that its file says so. */
extern void site_note_parked(qmgr *q, site *s);
/* Its time has come. */
extern void site_probe(qmgr *q, site *s);
/* The gate has something to send: it waits for its turn at its site. */
extern void site_ready(qmgr *q, gate *g);
/* It may have work and room: look at it this turn. */
extern void site_wake(qmgr *q, site *s);
extern void site_wake_all(qmgr *q);
/* Take a gate out of its site's turns: it goes to another site. */
extern void site_unready(gate *g);
/* Whose message it is; the caller is one more user of the source. */
extern source *site_source(qmgr *q, message const *m);
/* A message for it was looked at. */
extern void site_learn(qmgr *q, site *s, message const *m);
/* On whose account it gets a connection, for mail of this source, or for what its lists hold (NULL). */
extern source *site_account(qmgr *q, site const *s, source *from);
/* Is something asked for among what waits for its turn? */
extern int site_asked(site const *s);
/* It has to wait for another connection to end. */
extern void site_crowd(qmgr *q, site *s, source *account, int asked);
/* Some sites that wait for a connection have their turns, as long as there is one for them. */
extern void sites_run_crowd(qmgr *q);
/* Is there one for any of them? */
extern int sites_crowd_ready(qmgr const *q);
/* The clock was set back. */
extern void sites_set_back(qmgr *q, uint64_t by_us);
/* Hand out work to a woken site's agents, a bounded piece. */
extern void site_run(qmgr *q, site *s);

/* --- gate.c ----------------------------------------------------------------------------- */

enum pass_kind
{
  PASS_RETRY,   /* what is due */
  PASS_ASKED,   /* everything not tried since it was asked for */
  PASS_EXPIRE   /* nothing is tried, only looked at for its age */
};

struct pass
{
  enum pass_kind kind;
  uint64_t begun_us;
  uint64_t asked_us;
  uint64_t oldest_us;        /* of the list when it was claimed */
  flush_reader reader;
  int read_through;
  int taken_back;            /* the claim is a list again; jobs may still be out */
  int damaged;               /* something could not be recorded: keep the claim's ids */
  int busy;                  /* something that may have expired was in somebody's hands */
  size_t jobs;               /* handed out and not back */
  int deferred;              /* something of it was */
  int settled;               /* something of it was sent, or refused for good */
  cuts cuts;
  stralloc kept;             /* ids to record again at the end, ID_LEN octets each */
};

enum urge
{
  URGE_NONE,    /* it is its turn */
  URGE_ASKED,   /* its domain was asked for */
  URGE_AGAIN,   /* the same, while it was out */
  URGE_ALONE,   /* it was cut off, and is tried alone on a connection */
  URGE_BY_ID    /* the message itself was */
};

/* How a job comes back. */
enum job_came
{
  JOB_DONE,
  JOB_CUT,     /* the connection ended in the middle of it */
  JOB_AGAIN,   /* it was not tried, and goes out again at once */
  JOB_UNDONE   /* it was not tried, and waits */
};

typedef struct again { char id[ID_LEN + 1]; enum urge urge; } again;

struct gate
{
  char *name;
  known known;
  site *site;
  int parked;
  int held;                  /* never tried, whoever asks */
  uint64_t lifetime_us;
  uint64_t delaywarning_us;  /* 0: none */
  unsigned int route_generation;
  int waiting;               /* flush/NAME may hold ids */
  int untried;               /* among them some that a pass should look at now */
  uint64_t oldest_us;        /* arrival of the oldest of them; UINT64_MAX: none known */
  uint64_t expiry_after_us;  /* what is overdue was looked at, and cannot expire: not before this */
  uint64_t warned_us;        /* what arrived up to then was looked at for delay warnings */
  uint64_t unwarned_us;      /* the oldest of the rest; UINT64_MAX: none known */
  uint64_t warn_after_us;    /* not before this */
  int warning;               /* waits for that look, or is being looked at */
  uint64_t asked_later_us;   /* when to look again at what was asked for; UINT64_MAX: no need */
  uint64_t due_us;           /* when the first of the deferred may be tried again */
  timer timer;               /* the earliest of that, of an expiry, and of a delay warning */
  unsigned int asked_count;  /* flushes asked for so far */
  uint64_t asked_us;
  int asked;                 /* asked/NAME is of a flush that is under way */
  int asked_again;           /* asked for while a pass was under way */
  uint64_t vain_us;          /* when a pass that was asked for ended last and had settled nothing */
  pass *pass;
  size_t jobs;               /* that hold recipients behind it, or are of a pass through it */
  genalloc agains;           /* of again: to be tried at once */
  stralloc noted;            /* ids of new messages, ID_LEN octets each, to be recorded together */
  gate *noted_next;
  gate *site_next;           /* of those that lead to the same site */
  gate **site_link;          /* what points to this one among them */
  gate *ready_next;
  int ready;
};

/* The gate of a folded domain, with its route as it is now; NULL when its route cannot be told. */
extern gate *gate_get(qmgr *q, char const *domain);
/* Nothing waits behind it, is on its way or is asked for, nor has been lately: forget it.  1, or 0: it stays. */
extern int gate_forget(qmgr *q, gate *g);
/* Is it asked for: to be tried whatever the site's state? */
extern int gate_forced(gate const *g);
/* Was what it hands out next asked for? */
extern int gate_asked(gate const *g);
/* Has it nothing to hand out before a job of its pass is back? */
extern int gate_waits(gate const *g);
/* Is the next it hands out to be alone on a connection? */
extern int gate_alone(gate const *g);
/*
 * Note an id on its list; one that a pass read, at the end of that pass.
 *   untried  a pass should look at it as soon as the site has room
 * Returns 1 or 0.
 */
extern int gate_record(qmgr *q, gate *g, pass *from, char const *id, int untried);
/* Note an id that gates_record_noted() will record, with all that was noted meanwhile.  1, or 0 without memory. */
extern int gate_note(qmgr *q, gate *g, char const *id);
extern void gates_record_noted(qmgr *q);
/* Could one of the last noted not be recorded: is it this id?  q->missed_short says whether something is short. */
extern int gates_missed(qmgr const *q, char const *id);
/* A recipient of the id was deferred for the nth time at this moment. */
extern void gate_deferred(qmgr *q, gate *g, uint64_t last_us, uint64_t attempts);
/* Try this id at once.  1; 0 when that is what comes next anyway, or without memory. */
extern int gate_again(qmgr *q, gate *g, char const *id, enum urge urge);
/* A flush was asked for, says asked/NAME, which is removed when it was carried out. */
extern void gate_ask(qmgr *q, gate *g);
/*
 * What it was asked for had this message out, and got it back undelivered: it is tried once more.
 * At once where it was out unasked.
 */
extern void gate_asked_meanwhile(qmgr *q, gate *g, char const *id, enum urge urge);
/* What became of a recipient that the pass handed out. */
extern void pass_note(pass *p, enum job_status status);
/* Until when it is left alone, whoever asks for it; 0: it is not. */
extern uint64_t gate_rest_us(qmgr const *q, gate const *g);
/* Something asked for is in other hands (an agent that outlived its qmgr, an operator): look again soon. */
extern void gate_ask_later(qmgr *q, gate *g);
/* There is a list, as the directory says. */
extern void gate_listed(qmgr *q, gate *g);
/* The site is up, or may be probed: what waits and is not parked gets a pass. */
extern void gate_open(qmgr *q, gate *g);
/* The site is down: give the list back, unless it was asked for once more meanwhile. */
extern void gate_close(qmgr *q, gate *g);
extern void gate_timer(qmgr *q, gate *g);
/* The clock was set back. */
extern void gates_set_back(qmgr *q, uint64_t by_us);
/* The settings were read anew. */
extern void gates_refresh(qmgr *q);
/* We stop: lists are lists again, and can be read as such. */
extern void gates_give_back(qmgr *q);
/* Next id to try, in id; *from is the pass under way, which records it if need be, or NULL.  1, or 0 when there is none. */
extern int gate_next(qmgr *q, gate *g, char id[ID_LEN + 1], pass **from, enum urge *urge);
/* Nobody knows whose mail the site's is: look at the first message that the gate would hand out. */
extern void gate_learn(qmgr *q, gate *g);
/* A job of the pass came back. */
extern void gate_job_back(qmgr *q, gate *g, pass *from, enum urge urge, enum job_came came);
/* Try this message of the pass behind all others, and alone.  1; 0 when that cannot be: record it. */
extern int gate_cut(gate *g, pass *from, char const *id, uint64_t bytes);
/* One bounded piece of the looks for expired mail, and for senders to be warned of a delay.  1 when there is more. */
extern int gates_sweep(qmgr *q);

/* The look through a gate's list and claim for senders to be warned of a delay. */
typedef struct warning_look
{
  int open;
  flush_reader reader;
  int claim;                 /* to be read next; -1: none */
  uint64_t to_us;            /* what arrived up to then */
} warning_look;

/* --- deliver.c: from an id to a job, and back ------------------------------------------ */

/* Until new/ is looked at again: soon, or only with the next look at everything. */
enum { KEEP_NEW_SOON = 1, KEEP_NEW = 2 };

struct held
{
  char id[ID_LEN + 1];
  enum queue_place place;
  uint64_t owed;
  int untold;                /* the sender is to be told something */
  size_t jobs;
  unsigned int keep_new;     /* something it owes could not be recorded: it stays in new/ */
};

typedef struct job_recipient
{
  uint64_t number;
  gate *gate;
  unsigned int attempts;     /* before this one */
  unsigned int asked_count;  /* of the gate, when the job was made */
  int answered;
  enum job_status status;
} job_recipient;

struct job
{
  job *next;
  held *held;
  pass *from;
  gate *from_gate;
  enum urge urge;
  uint64_t bytes;
  genalloc recipients;       /* of job_recipient */
};

/* A new message between deliver_new() and deliver_new_end(). */
typedef struct seen
{
  char id[ID_LEN + 1];
  int unrecorded;            /* something it owes is neither out nor noted */
  size_t sender;             /* offset of a string in q->senders; this and the rest for the log */
  uint64_t size;
  size_t rcpts;
} seen;

enum delivery
{
  DELIVERY_OUT,      /* a job was handed out */
  DELIVERY_NOTHING,  /* nothing to do for it now */
  DELIVERY_BUSY,     /* in other hands than ours: later */
  DELIVERY_STUCK     /* out of descriptors or the like: later */
};
/* Try what the message owes behind one gate. */
extern enum delivery deliver_listed(qmgr *q, gate *g, agent *a, char const *id, pass *from, enum urge urge);
/*
 * A message in new/: send what can go now, note the rest.  What was noted of one or of many is
 * recorded by deliver_new_end(), which must follow before a list is claimed or an agent is heard.
 */
extern enum delivery deliver_new(qmgr *q, char const *id);
extern void deliver_new_end(qmgr *q);
/* One message was asked for, behind whatever gates.  Its asked/=ID is removed once each of them has tried it. */
extern enum delivery deliver_asked(qmgr *q, char const *id);
/* It was tried in vain a moment ago when it was asked for: now is its time. */
extern void deliver_asked_timer(qmgr *q, asked_message *m);
/* It was tried behind one of them. */
extern void deliver_asked_tried(qmgr *q, char const *id);
/* Look whose message it is, for its site. */
extern void deliver_learn(qmgr *q, site *s, char const *id);
enum expiry
{
  EXPIRY_OVER,       /* the list need not keep it */
  EXPIRY_KEEP,       /* something of it is not that old, is held, or has yet to be tried */
  EXPIRY_BUSY        /* somebody has it in hand: later */
};
/* Look at a message's age alone. */
extern enum expiry deliver_expire(qmgr *q, gate *g, char const *id);
/* Does it still owe something behind this gate that its sender was not yet warned of?  Then the warning is due. */
extern void deliver_warn(qmgr *q, gate const *g, char const *id);
/* An operator let it go.  It stands in its lists, which were perhaps looked at meanwhile: look again. */
extern void deliver_released(qmgr *q, char const *id);
/* Its sender was told: remove it, if nothing is left to do. */
extern void deliver_told(qmgr *q, char const *id);
/* Does it hold this recipient; are all of its recipients answered for? */
extern int job_holds(job const *j, uint64_t recipient);
extern int job_answered(job const *j);
/* An agent's word about one recipient of a job. */
extern void job_answer(qmgr *q, job *j, job_result const *result);
/*
 * The job is back; whatever was not answered for is still owed.
 *   why  "CODE TEXT" for the log, with JOB_UNDONE
 */
extern void job_back(qmgr *q, job *j, enum job_came came, char const *why);

/* --- agent.c ---------------------------------------------------------------------------- */

struct agent
{
  agent *site_next;
  site *site;
  source *source;            /* that holds it */
  int fd;
  int up;
  int alone;                 /* it has a message that is to be alone on a connection */
  int leaving;               /* it was told that no more comes */
  int stuck;                 /* nothing moves on its connection: it gave back what it had not begun */
  uint64_t began_us;         /* when its connection was begun */
  uint64_t up_us;            /* when it said "up" last */
  size_t done;
  job *jobs_first;
  job *jobs_last;
  size_t jobs;
  uint64_t bytes;
  size_t window;             /* messages that are worth being there at once */
  timer idle;
  stralloc out;              /* lines not yet written */
  size_t out_fds_len;
  int out_fds[JOB_FDS_MAX];  /* descriptors that go with the first octet of out */
  int blocked;               /* out is not taken at present */
  size_t in_len;
  char in[JOB_LINE_MAX];
};

/*
 * An agent of the site that can take one more message; connects a new one where that is earned.
 *   from   whose mail it is; NULL: whosoever the site's is
 *   asked  it was asked for
 */
extern agent *agent_with_room(qmgr *q, site *s, source *from, int asked);
/* One that has nothing to do, for a message that is to be alone on a connection. */
extern agent *agent_at_rest(qmgr *q, site *s, int asked);
/* The site has shown that it takes mail: its agents are no longer on the account of whose mail it is. */
extern void agents_trust(qmgr *q, site *s);
/* Hand a job over with its message's descriptor, which is closed here once it is sent: then, or at agents_flush(). */
extern int agent_give(qmgr *q, agent *a, job *j, int fd, message const *m);
/* At the end of a turn: write what was handed over. */
extern void agents_flush(qmgr *q);
/* Is errno a want of descriptors?  Then those that wait are sent now, for a while each at once, and it may be tried again. */
extern int agents_free_descriptors(qmgr *q);
extern void agent_readable(qmgr *q, agent *a);
extern void agent_writable(qmgr *q, agent *a);
extern void agent_idle(qmgr *q, agent *a);
/* Sites go without a connection because others hang: once such a one is old enough, it ends. */
extern void agents_give_up_later(qmgr *q);
extern void agents_give_up(qmgr *q);
/* At the end of a turn: those that ended in it. */
extern void agents_forget_dead(qmgr *q);

/* --- notice.c: whose sender is to be told -------------------------------------------------- */

/* Messages asked for and not answered. */
#define NOTICE_WINDOW 100

typedef struct notices
{
  int fd;                    /* run/bounce, or -1 */
  int look;                  /* notice/ must be read from the beginning */
  void *dir;                 /* DIR of notice/ while it is read */
  int later;                 /* something could not be done: look again */
  timer timer;               /* for that, or to hang up */
  size_t asked_len;
  char asked[NOTICE_WINDOW][ID_LEN + 1];
  size_t out_len;
  char out[NOTICE_WINDOW * (ID_LEN + 1)];
  size_t in_len;
  char in[512];
} notices;

/* notice/, and what it holds from before. */
extern void notices_start(qmgr *q);
/* The sender of this message is to be told something.  1; 0 when that could not be noted down. */
extern int notice_due(qmgr *q, char const *id);
/* One bounded piece of asking.  1 when there is more. */
extern int notices_run(qmgr *q);
extern void notices_readable(qmgr *q);
extern void notices_writable(qmgr *q);
extern void notices_timer(qmgr *q);

/* --- totals.c: queue/totals, one line "sent=N deferred=N failed=N" -------------------------- */

typedef struct totals
{
  uint64_t sent;             /* recipients */
  uint64_t deferred;         /* attempts that came to nothing for now */
  uint64_t failed;           /* recipients, expired ones too */
  timer timer;               /* to write them down */
} totals;

extern void totals_read(qmgr *q);
extern void totals_count(qmgr *q, enum job_status status);
extern void totals_write(qmgr *q);

/* --- intake.c: what the directories and the FIFO ask for ----------------------------------- */

enum new_stuck
{
  NEW_FLOWS,
  NEW_AGAIN,                 /* something in it could not be recorded: its turn has come again */
  NEW_LAST                   /* and before, lists and asked/ have theirs */
};

/* One of the FIFOs. */
typedef struct hints
{
  int fd;
  int deeds;                 /* it is queue/deeds */
  size_t len;
  char line[4096];
} hints;

typedef struct intake
{
  hints trigger;
  hints deeds;
  void *new_dir;             /* DIR of new/ while it is read */
  enum new_stuck new_stuck;
  uint64_t new_since_us;     /* when its turn began */
  int look_new;              /* new/ must be read from the beginning */
  int look_asked;            /* asked/, after that */
  int look_lists;            /* flush/ */
  int hints_lost;            /* what is in asked/ may have been asked for again */
  stralloc hinted;           /* names of asked/ that hints have told of, strings */
  size_t hinted_done;        /* those before it were taken up */
  flush_walker lists;        /* flush/ and asked/ while they are read */
  flush_walker asked;
  int asked_anew;            /* hints were lost when that was begun */
} intake;

/* Read hints. */
extern void intake_hints(qmgr *q, hints *from);
/* Look at claims left from before, then everywhere. */
extern void intake_start(qmgr *q);
extern void intake_look(qmgr *q);
/* Once a minute: take away what writers that were killed left in tmp/, and keep a reserve for what will be asked. */
extern void intake_clean(qmgr *q);
/* One bounded piece of looking.  1 when there is more. */
extern int intake_run(qmgr *q);

/* --- clock.c: a clock that is set back or forward ------------------------------------------- */

typedef struct moments
{
  uint64_t jumped_us;        /* when time was last seen to have passed unseen, under today's clock; 0: never */
} moments;

/* Read the clock for the first time, and queue/clock, where the last qmgr said when it was there. */
extern void clock_start(qmgr *q);
/* Read the clock for a turn of the loop; where it was set back, every moment that is kept goes back with it. */
extern void clock_read(qmgr *q);
/* Note down in queue/clock, once a minute, that we were there. */
extern void clock_note(qmgr *q);
/* Is a moment that the queue tells of in the future?  Then it was written under a wrong clock, and whatever it is to delay is due. */
extern int clock_ahead(qmgr const *q, uint64_t us);
/* Did time pass unseen (the clock was set forward, the machine was off) less than so long ago? */
extern int clock_jumped(qmgr const *q, uint64_t span_us);
/* Until then nothing that is parked, and has this lifetime, expires unasked. */
extern uint64_t clock_mercy_us(qmgr const *q, uint64_t lifetime_us);

/* --- qmgr.c -------------------------------------------------------------------------------- */

enum timer_kind
{
  TIMER_SITE, TIMER_GATE, TIMER_ASKED, TIMER_AGENT, TIMER_MINUTE, TIMER_BREATH, TIMER_HANGING,
  TIMER_NOTICES, TIMER_TOTALS
};

/*
 * What others than an operator can have us say again and again: each kind is said once a minute at
 * the most.
 */
enum say
{
  SAY_SHORT,                 /* what does not work */
  SAY_OBSTACLE,              /* what is in the way of a list */
  SAY_ASIDE,                 /* put aside from new/ */
  SAY_PASSED_OVER,           /* messages that cannot be opened */
  SAY_STUCK,                 /* or cannot be moved, or removed */
  SAY_UNFINISHED,            /* in tmp/ */
  SAY_NO_REQUEST,            /* in asked/ */
  SAY_NOTHING_WAITS,         /* for what was asked for */
  SAY_KINDS
};
typedef struct spoken
{
  uint64_t us;               /* when it was said last; 0: never */
  uint64_t unsaid;           /* so many were not, since then */
  char more[40];
} spoken;

struct qmgr
{
  int queue;
  int lock;
  int conf;
  int run;
  uint64_t now_us;           /* as of this turn of the loop */
  moments clock;
  uint64_t hints_us;         /* when hints were read last */
  settings settings;
  timers timers;
  timer minute;
  timer breath;              /* something is short (descriptors, agents): try again then */
  timer hanging;             /* look then for connections to be given up */
  int breathless;
  uint64_t scarce_us;        /* when there were too few descriptors */
  int connecting_paused;     /* until the next breath, too: the errno of why */
  size_t out_fds;            /* descriptors that wait to travel to agents */
  uint64_t refused_us;       /* since when no connection to an agent could be had; 0: it can */
  spoken said[SAY_KINDS];
  void *sites;               /* trees of tsearch(3) */
  void *gates;
  knowns all_sites;
  knowns all_gates;
  void *site_dir;            /* DIR of site/ while files that nobody needs are looked for */
  uint64_t site_dir_us;      /* when that was begun last */
  void *helds;
  void *asked_messages;
  genalloc agents;           /* of agent * */
  agent *agents_dead;
  genalloc polls;            /* of iopause_fd: signals, trigger, bounce-put, deeds, then polled */
  genalloc polled;           /* of agent *, as agents was when we began to wait */
  site *runnable_first;
  site *runnable_last;
  crowd crowd;               /* of sites that went without a connection */
  genalloc sweeps;           /* of gate *: those with a PASS_EXPIRE */
  genalloc warnings;         /* of gate *: those to be looked at for delay warnings, the last one first */
  warning_look warning_look;
  gate *noted_first;
  stralloc missed;           /* ids that were noted and could not be recorded, ID_LEN octets each */
  int missed_all;            /* there was no memory for that */
  int missed_short;          /* for want of something, and not because one list is obstructed */
  genalloc seens;            /* of seen */
  stralloc senders;          /* theirs */
  notices notices;
  totals totals;
  intake intake;
  message message;           /* the one being looked at; memory used again and again */
};

/* May it be said now?  Else it is counted. */
extern int qmgr_may_say(qmgr *q, enum say kind);
#define qmgr_say(q, kind, ...) \
  do if (qmgr_may_say(q, kind)) log_line(__VA_ARGS__, (q)->said[kind].more); while (0)

/* Say what does not work, once a minute at the most. */
extern void qmgr_complain(qmgr *q, char const *what, char const *object, char const *why);
/* Say what was passed over, once a minute at the most: DIRECTORY/NAME, and why by errno. */
extern void qmgr_obstacle(qmgr *q, char const *directory, char const *name, int e);
/* Something is short, says errno: complain, hand out nothing for a second. */
extern void qmgr_breathe(qmgr *q, char const *what, char const *object);

/* Is a moment less than so long ago? */
extern int qmgr_lately(qmgr const *q, uint64_t since_us, uint64_t span_us);

/* A descriptor of a socket in run/, connected, non-blocking; -1 with errno. */
extern int qmgr_connect(qmgr const *q, char const *name);

/* Write a small file of the queue anew, so that a reader never sees half of it.  1, or 0 with errno. */
extern int qmgr_file_replace(qmgr const *q, char const *path, char const *s, size_t len);

/* The number behind key in a line; 0 where there is none. */
extern uint64_t qmgr_line_number(char const *line, char const *key);

/* Names in trees: the first member of site, gate is char *name. */
extern void *tree_find(void *const *root, char const *name);
extern int tree_add(void **root, void *named);
extern void tree_take(void **root, void *named);

#endif
