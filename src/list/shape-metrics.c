#include "list/queue-shape-internal.h"

#include <errno.h>
#include <string.h>

#include <skalibs/types.h>

#include "base/log.h"
#include "base/wallclock.h"
#include "conf/conf.h"
#include "flush/trigger.h"
#include "queue/totals.h"
#include "tls/inspect.h"

static char const *const state_names[SHAPE_STATES] =
{
  [SHAPE_INCOMING] = "incoming", [SHAPE_ACTIVE] = "active", [SHAPE_DEFERRED] = "deferred",
  [SHAPE_HOLD] = "hold", [SHAPE_CORRUPT] = "corrupt"
};

char const *shape_state_name(enum shape_state state)
{
  return state_names[state];
}

/* --- looking -------------------------------------------------------------------------- */

void metrics_message(metrics *m, enum shape_state state, uint64_t arrival_us, uint64_t bytes,
                     uint64_t recipients)
{
  if (!m->messages[state]++ || arrival_us < m->oldest_us[state]) m->oldest_us[state] = arrival_us;
  m->bytes[state] += bytes;
  m->recipients[state] += recipients;
}

typedef struct site_walk
{
  metrics *metrics;
  int queue;
  sitefile file;
} site_walk;

/* A site file that went meanwhile, or cannot be parsed, leaves the site's state unknown. */
static int site_each(char const *site, void *data)
{
  site_walk *w = data;
  if (!sitefile_read(w->queue, site, &w->file) && errno == ENOENT) return 1;
  w->metrics->sites[w->file.state]++;
  return 1;
}

/* None of it before qmgr has counted anything. */
static int totals_read(metrics *m, int queue)
{
  totals_line totals;
  if (!totals_line_read(&totals, queue)) return 0;
  m->sent = totals.sent;
  m->deferred = totals.deferred;
  m->failed = totals.failed;
  return 1;
}

int metrics_look(metrics *m, int queue, char const **where)
{
  site_walk w = { .metrics = m, .queue = queue };
  *where = "queue/site";
  if (sitefile_each(queue, site_each, &w) == -1) return 0;
  *where = "queue/totals";
  if (!totals_read(m, queue)) return 0;
  *where = "queue/trigger";
  m->running = trigger_listened(queue);
  return m->running != -1;
}

void metrics_certificate(metrics *m, int instance)
{
  inspect *certificate = inspect_open(instance, "conf/" CONF_TLSCERT);
  if (certificate) m->until_s = inspect_until_s(certificate);
  else if (errno != ENOENT)
    log_line("warning: conf/" CONF_TLSCERT ": ", errno == EINVAL ? "no certificate in it" : strerror(errno));
  inspect_close(certificate);
}

/* --- the text --------------------------------------------------------------------------- */

/*
 * OpenMetrics 1.0, kept to what a parser of the older text format (that of node_exporter's textfile
 * collector) takes as well: no timestamps, no units, no types but gauge and counter.  A counter is
 * declared without the "_total" of its samples, which OpenMetrics insists on; the older format then
 * knows the samples by their names and takes their type as unknown.  "# EOF" must be there in
 * OpenMetrics, lest half a file pass for a whole one; to the older format it is a comment.
 */
static void family_put(out *o, char const *name, char const *type, char const *help)
{
  out_text(o, "# HELP sluice_");
  out_text(o, name);
  out_text(o, " ");
  out_text(o, help);
  out_text(o, "\n# TYPE sluice_");
  out_text(o, name);
  out_text(o, " ");
  out_text(o, type);
  out_text(o, "\n");
}

/* label may be NULL: the sample has none. */
static void sample_put(out *o, char const *name, char const *label, char const *value,
                       uint64_t number)
{
  out_text(o, "sluice_");
  out_text(o, name);
  if (label)
  {
    out_text(o, "{");
    out_text(o, label);
    out_text(o, "=\"");
    out_text(o, value);
    out_text(o, "\"}");
  }
  out_text(o, " ");
  out_number(o, number);
  out_text(o, "\n");
}

static void states_put(out *o, char const *name, char const *help, uint64_t const *numbers,
                       enum shape_state end)
{
  enum shape_state state;
  family_put(o, name, "gauge", help);
  for (state = 0; state < end; state++)
    sample_put(o, name, "state", state_names[state], numbers[state]);
}

static void oldest_put(out *o, metrics const *m)
{
  uint64_t ages_s[SHAPE_STATES] = { 0 };
  enum shape_state state;
  for (state = 0; state < SHAPE_STATES; state++)
    if (m->messages[state] && m->oldest_us[state] < m->now_us)
      ages_s[state] = (m->now_us - m->oldest_us[state]) / SECOND_US;
  states_put(o, "queue_oldest_age_seconds", "Age of the oldest message, 0 without messages.",
             ages_s, SHAPE_STATES);
}

static void sites_put(out *o, metrics const *m)
{
  enum sitefile_state state;
  family_put(o, "sites", "gauge", "Next hops that have a file in queue/site.");
  for (state = 0; state < SITEFILE_STATES; state++)
    sample_put(o, "sites", "state", sitefile_state_name(state), m->sites[state]);
}

static void deliveries_put(out *o, metrics const *m)
{
  family_put(o, "deliveries", "counter",
             "Attempts to deliver to a recipient, by what came of them.");
  sample_put(o, "deliveries_total", "status", "sent", m->sent);
  sample_put(o, "deliveries_total", "status", "deferred", m->deferred);
  sample_put(o, "deliveries_total", "status", "failed", m->failed);
}

void metrics_put(out *o, metrics const *m)
{
  states_put(o, "queue_messages", "Messages in the queue.", m->messages, SHAPE_STATES);
  states_put(o, "queue_bytes", "Octets of their files.", m->bytes, SHAPE_STATES);
  states_put(o, "queue_recipients", "Recipients they still owe.", m->recipients, SHAPE_CORRUPT);
  oldest_put(o, m);
  sites_put(o, m);
  deliveries_put(o, m);
  family_put(o, "qmgr_running", "gauge", "Whether qmgr runs.");
  sample_put(o, "qmgr_running", 0, 0, (uint64_t)m->running);
  if (m->until_s > 0)
  {
    family_put(o, "tls_certificate_expiry_seconds", "gauge", "When the server's certificate ends, in seconds since 1970.");
    sample_put(o, "tls_certificate_expiry_seconds", 0, 0, (uint64_t)m->until_s);
  }
  out_text(o, "# EOF\n");
}
