#include "conf/checker.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <resolv.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/resolver.h"
#include "base/wallclock.h"
#include "conf/conf-internal.h"
#include "tls/inspect.h"

/* --- what is demanded of sites ------------------------------------------------------------- */

/* Does any site have one of two levels, by the settings? */
static int level_wanted(checker *c, enum tls_level one, enum tls_level other)
{
  conf_setting const *setting = conf_setting_find("routes");
  conf_route_line route = CONF_ROUTE_LINE_ZERO;
  conf_line line = { .number = 0 };
  enum tls_level level = TLS_NONE;
  size_t pos = 0;
  int wanted = conf_tlslevel(c->conf, &level) && (level == one || level == other);
  if (conf_file_read(c->conf, setting, &c->text) <= 0) return wanted;
  while (!wanted && conf_line_next(setting, &c->text, &pos, &line) > 0)
    wanted = conf_route_scan(&route, line.s, line.len)
      && (route.options.tls == one || route.options.tls == other);
  conf_route_line_free(&route);
  return wanted;
}

static void check_tlsca(checker *c)
{
  char const *path = checker_has(c, CONF_TLSCA) ? CONF_TLSCA
    : conf_setting_find(CONF_TLSCA)->fallback;
  int wanted = checker_has(c, "tlspolicy") || level_wanted(c, TLS_VERIFY, TLS_VERIFY);
  if (wanted && faccessat(c->conf, path, R_OK, 0) == -1)
    checker_warn(CONF_TLSCA, "", "cannot be read: no site that is to be verified gets any mail");
}

/* Does whoever answers for the DNS stand where nobody can speak for him (base/resolver.h)? */
static int resolver_good(checker const *c)
{
  struct __res_state r = { .nscount = 0 };
  stralloc server = STRALLOC_ZERO;
  int good = conf_nameserver(c->conf, &server) && server.len;
  if (good) good = !strncmp(server.s, "127.", 4) || !strncmp(server.s, "[::1]", 5);
  else if (res_ninit(&r) == 0)
  {
    good = resolver_believed(&r);
    res_nclose(&r);
  }
  stralloc_free(&server);
  return good;
}

static void check_dane(checker *c)
{
  if (!level_wanted(c, TLS_DANE, TLS_DANE_ONLY) || resolver_good(c)) return;
  checker_warn("tlslevel", "", "dane without a resolver to believe: at 127.0.0.1, or with "
               "\"options trust-ad\" in resolv.conf");
}

/* May others read the key: anybody, or who may add to the queue, whose group conf/ has? */
static int key_shown(checker const *c)
{
  struct stat key, conf;
  if (fstatat(c->conf, CONF_TLSKEY, &key, 0) == -1 || fstat(c->conf, &conf) == -1) return 0;
  return key.st_mode & S_IRWXO || (key.st_mode & S_IRWXG && key.st_gid == conf.st_gid);
}

/* Other servers need not know TLS (RFC 3207 section 4). */
static int listens_for_all(checker const *c)
{
  stralloc listen = STRALLOC_ZERO;
  int r = conf_listen(c->conf, &listen) && stralloc_cats(&listen, ",") && stralloc_0(&listen)
    && strstr(listen.s, ":25,") != 0;
  stralloc_free(&listen);
  return r;
}

/* Time enough to get another one, for who reads mail from cron. */
#define CERTIFICATE_ENDS_SOON_S (14 * 24 * 3600)

static void certificate_end(inspect const *certificate)
{
  int64_t const left_s = inspect_until_s(certificate) - (int64_t)(wallclock_us() / 1000000);
  if (left_s < 0) checker_warn(CONF_TLSCERT, "", "it has expired");
  else if (left_s < CERTIFICATE_ENDS_SOON_S)
    checker_warn(CONF_TLSCERT, "", "it expires within 14 days");
}

static void certificate_name(checker const *c, inspect *certificate)
{
  stralloc me = STRALLOC_ZERO;
  if (conf_me(c->conf, &me) && stralloc_0(&me) && !inspect_names(certificate, me.s))
    checker_warn(CONF_TLSCERT, "", "it is not for the name in conf/me");
  stralloc_free(&me);
}

static void certificate_key(checker const *c, inspect const *certificate)
{
  int fits = inspect_fits(certificate, c->conf, CONF_TLSKEY);
  if (!fits)
    checker_warn(CONF_TLSKEY, "", "it is not the key of the certificate in conf/" CONF_TLSCERT);
  else if (fits == -1 && errno == EINVAL)
    checker_warn(CONF_TLSKEY, "", "no key in it that can be used");
}

static void check_certificate(checker const *c)
{
  inspect *certificate = inspect_open(c->conf, CONF_TLSCERT);
  if (!certificate)
  {
    if (errno == EINVAL) checker_warn(CONF_TLSCERT, "", "no certificate in it");
    return;
  }
  certificate_end(certificate);
  certificate_name(c, certificate);
  certificate_key(c, certificate);
  inspect_close(certificate);
}

static void check_server(checker const *c)
{
  enum conf_tls tls = CONF_TLS_NONE;
  int wanted = checker_has(c, "listentls") || checker_has(c, "listenodmr")
    || checker_has(c, CONF_CLIENTCERTS)
    || (conf_tls(c->conf, &tls) && tls != CONF_TLS_NONE);
  if (wanted && !checker_has(c, CONF_TLSCERT))
    checker_warn(CONF_TLSCERT, "", "missing: no client can begin TLS");
  if (checker_has(c, CONF_TLSCERT) && !checker_has(c, CONF_TLSKEY))
    checker_warn(CONF_TLSKEY, "", "missing: no client can begin TLS");
  if (key_shown(c)) checker_warn(CONF_TLSKEY, "", "others may read it");
  check_certificate(c);
  if (tls == CONF_TLS_ENCRYPT && listens_for_all(c))
    checker_warn("tls", "", "at port 25 other servers have to be served in clear text too");
}

void checker_tls(checker *c)
{
  check_server(c);
  check_tlsca(c);
  check_dane(c);
}
