#include "qmgr/settings.h"

#include <skalibs/types.h>

static int session_add(stralloc *session, char const *key, char const *value)
{
  return stralloc_cats(session, " ")
    && stralloc_cats(session, key)
    && stralloc_cats(session, "=")
    && stralloc_cats(session, value);
}

static int number_add(stralloc *session, unsigned int number)
{
  char text[UINT_FMT];
  return stralloc_catb(session, text, uint_fmt(text, number));
}

static int timeouts_add(stralloc *session, unsigned int const seconds[CONF_TIMEOUTS])
{
  char steps[SMTP_TIMEOUTS_MAX];
  size_t const len = smtp_timeouts_format(steps, seconds);
  return stralloc_cats(session, " timeouts=") && stralloc_catb(session, steps, len)
    && stralloc_cats(session, " lookup=") && number_add(session, seconds[CONF_TIMEOUT_LOOKUP])
    && stralloc_cats(session, " reach=") && number_add(session, seconds[CONF_TIMEOUT_REACH]);
}

/* An agent connects to the server itself, but for one behind a UNIX socket. */
static int policy_add(stralloc *session, char const *server, char const *map)
{
  return !*server
    || (session_add(session, "tlspolicy", map) && (*server == '/' || session_add(session, "policyat", server)));
}

/* What an agent must know about us and its limits, see job.h. */
static int session_read(stralloc *session, stralloc *policy, int conf)
{
  stralloc value = STRALLOC_ZERO;
  unsigned int seconds[CONF_TIMEOUTS];
  int loopbackdns, said;
  int r = conf_me(conf, &value)
    && session_add(session, "me", value.s)
    && conf_listen(conf, &value)
    && session_add(session, "listen", value.s)
    && conf_nameserver(conf, &value)
    && (!*value.s || session_add(session, "nameserver", value.s))
    && conf_loopbackdns(conf, &loopbackdns, &said)
    && (!said || session_add(session, "loopbackdns", loopbackdns ? "1" : "0"))
    && conf_timeouts(conf, seconds)
    && timeouts_add(session, seconds)
    && conf_tlspolicy(conf, policy, &value)
    && policy_add(session, policy->s, value.s)
    && stralloc_0(session);
  stralloc_free(&value);
  return r;
}

int settings_changed(settings const *now, int conf)
{
  return conf_kept_stamp(conf) != now->stamp;
}

int settings_read(settings *now, int conf)
{
  settings new = {
    .policy = STRALLOC_ZERO, .session = STRALLOC_ZERO, .routes = CONF_ROUTES_ZERO, .generation = now->generation + 1,
    .stamp = conf_kept_stamp(conf)
  };
  if (!conf_backoff_read(conf, &new.backoff)
   || !conf_concurrency_read(conf, &new.concurrency)
   || !session_read(&new.session, &new.policy, conf)
   || !conf_routes_read(conf, &new.routes))
  {
    stralloc_free(&new.session);
    stralloc_free(&new.policy);
    return 0;
  }
  stralloc_free(&now->session);
  stralloc_free(&now->policy);
  conf_routes_free(&now->routes);
  *now = new;
  return 1;
}
