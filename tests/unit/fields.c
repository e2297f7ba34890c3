/* The fields of delivery reports: what is made of parameters, relays and results. */

#include "bounce/fields.h"

#include <string.h>

#include "check.h"

#define EACH(i, table) for (i = 0; i < sizeof table / sizeof *table; i++)

/* --- NOTIFY, RET --- */

static struct wanted_case
{
  char const *parameters;
  char const *events;      /* f, d, r */
} const wanteds[] =
{
  { "", "fd" },
  { "NOTIFY=NEVER", "" },
  { "notify=never", "" },
  { "NOTIFY=FAILURE", "f" },
  { "NOTIFY=DELAY", "d" },
  { "NOTIFY=SUCCESS", "r" },
  { "NOTIFY=SUCCESS,FAILURE,DELAY", "fdr" },
  { "ORCPT=rfc822;a NOTIFY=delay,failure", "fd" },
  { "NOTIFY=NEVER,FAILURE", "fd" },
  { "NOTIFY=", "fd" },
  { "NOTIFY", "fd" },
  { "XNOTIFY=NEVER", "fd" },
  { "ORCPT=rfc822;NOTIFY=NEVER", "fd" },
  { " NOTIFY=NEVER", "" }
};

static int wanted_ok(struct wanted_case const *c)
{
  return fields_wanted(c->parameters, JOB_EVENT_FAILED) == !!strchr(c->events, 'f')
    && fields_wanted(c->parameters, JOB_EVENT_DELAYED) == !!strchr(c->events, 'd')
    && fields_wanted(c->parameters, JOB_EVENT_RELAYED) == !!strchr(c->events, 'r');
}

static struct ret_case
{
  char const *parameters;
  enum fields_ret ret;
} const rets[] =
{
  { "", FIELDS_RET_UNSAID },
  { "RET=FULL", FIELDS_RET_FULL },
  { "SIZE=1 ret=hdrs", FIELDS_RET_HDRS },
  { "RET=", FIELDS_RET_UNSAID },
  { "RET=FULLER", FIELDS_RET_UNSAID }
};

/* --- values --- */

static struct value_case
{
  char const *in;
  char const *out;         /* NULL: none */
} const envelope_ids[] =
{
  { "", 0 },
  { "ENVID=QQ314159", "QQ314159" },
  { "RET=FULL envid=a+20b+2B+3D", "a b+=" },
  { "ENVID=+00+0D+0A+1B+7F", "?????" },
  { "ENVID=+C3+BC", "??" },
  { "ENVID=a+2", 0 },
  { "ENVID=a+2x", 0 },
  { "ENVID=a=b", 0 }
},
originals[] =
{
  { "", 0 },
  { "ORCPT=rfc822;Bob@x.tld", "rfc822; Bob@x.tld" },
  { "ORCPT=RFC822;+22a+20b+22@x", "RFC822; \"a b\"@x" },
  { "ORCPT=rfc822;+0D+0AAction:+20failed", "rfc822; ??Action: failed" },
  { "ORCPT=utf-8;b\\x{FC}+2B", "utf-8; b\\x{FC}\\x{2B}" },
  { "ORCPT=UTF-8;\303\274\342\202\254\360\237\230\200@x", "UTF-8; \\x{FC}\\x{20AC}\\x{1F600}@x" },
  { "ORCPT=utf-8;\\x{A0}\\x{7FF}\\x{FFFF}\\x{10FFFF}\\x{20}\\x{3D}\\x{5C}",
    "utf-8; \\x{A0}\\x{7FF}\\x{FFFF}\\x{10FFFF}\\x{20}\\x{3D}\\x{5C}" },
  { "ORCPT=utf-8;+C3+BC+C3\\x{7F}\\x{0D}", "utf-8; \\x{FC}???" },
  { "ORCPT=rfc822;+C3+BC", "rfc822; ??" },
  { "ORCPT=rfc822;", 0 },
  { "ORCPT=rfc822", 0 },
  { "ORCPT=a b;c", 0 },
  { "ORCPT=utf-8;\\x{D800}", 0 },
  { "ORCPT=utf-8;\\x{110000}", 0 }
},
utf8_originals[] =
{
  { "ORCPT=utf-8;b\\x{FC}+2B", "utf-8; b\303\274+" },
  { "ORCPT=UTF-8;\\x{7F}\\x{80}\\x{A0}\\x{7FF}\\x{800}\\x{FFFF}\\x{10000}\\x{10FFFF}",
    "UTF-8; ???\302\240\337\277\340\240\200\357\277\277\360\220\200\200\364\217\277\277" },
  { "ORCPT=utf-8;\303\274\342\202\254", "utf-8; \303\274\342\202\254" },
  { "ORCPT=utf-8;\\x{0D}\\x{0A}", "utf-8; ??" },
  { "ORCPT=rfc822;+C3+BC", "rfc822; ??" }
},
receiveds[] =
{
  { "mail.example.org [192.0.2.7] ESMTP", "dns; mail.example.org" },
  { "[192.0.2.7] [192.0.2.7] ESMTP", 0 },
  { "a..b [192.0.2.7] ESMTP", 0 },
  { "uid 1000", 0 },
  { "bounce-put", 0 },
  { "", 0 },
  { " [x", 0 }
},
remotes[] =
{
  { "mx.a.tld[192.0.2.1]:25", "dns; mx.a.tld" },
  { "192.0.2.1[192.0.2.1]:25", "dns; [192.0.2.1]" },
  { "2001:db8::1[2001:db8::1]:25", "dns; [IPv6:2001:db8::1]" },
  { "[192.0.2.1]:25", "dns; [192.0.2.1]" },
  { "none", 0 },
  { "", 0 },
  { "[", 0 },
  { "]", 0 },
  { "[]", 0 },
  { "a\"b[192.0.2.1", 0 },
  { "[1.2.3.4]]", "dns; [1.2.3.4]" }
};

static int value_is(int r, char const *value, char const *wanted)
{
  return wanted ? r && !strcmp(value, wanted) : !r;
}

static int original_utf8(char out[FIELDS_MAX], char const *parameters)
{
  return fields_original_recipient(out, parameters, 1);
}

static int original_ascii(char out[FIELDS_MAX], char const *parameters)
{
  return fields_original_recipient(out, parameters, 0);
}

static int case_ok(struct value_case const *c, int (*make)(char out[FIELDS_MAX], char const *in))
{
  char value[FIELDS_MAX];
  return value_is((*make)(value, c->in), value, c->out);
}

static void finals(void)
{
  char value[FIELDS_MAX];
  fields_final_recipient(value, "a@x.tld", 1);
  CHECK("final: ASCII in UTF-8", !strcmp(value, "rfc822; a@x.tld"));
  fields_final_recipient(value, "\303\274@x.tld", 1);
  CHECK("final: UTF-8", !strcmp(value, "utf-8; \303\274@x.tld"));
  fields_final_recipient(value, "\303\274@x.tld", 0);
  CHECK("final: in ASCII", !strcmp(value, "utf-8; \\x{FC}@x.tld"));
  fields_final_recipient(value, "\"a+\303\274 \\\\\"@b\303\274.tld", 0);
  CHECK("final: what stands for something else", !strcmp(value, "utf-8; \"a\\x{2B}\\x{FC}\\x{20}\\x{5C}\\x{5C}\"@b\\x{FC}.tld"));
  fields_final_recipient(value, "\303@x.tld", 0);
  CHECK("final: no UTF-8", !strcmp(value, "utf-8; ?@x.tld"));
}

/* What is too long is cut, between characters. */
static void lengths(void)
{
  char in[2 * FIELDS_MAX], value[FIELDS_MAX];
  memset(in, 'a', sizeof in - 1);
  in[sizeof in - 1] = 0;
  fields_final_recipient(value, in, 0);
  CHECK("long", strlen(value) == FIELDS_MAX - 1);
  memcpy(in + FIELDS_MAX - 10, "\342\202\254", 3);
  fields_final_recipient(value, in, 1);
  CHECK("cut before a character", strlen(value) == FIELDS_MAX - 3 && !strchr(value, '?'));
  memcpy(in + FIELDS_MAX - 13, "\342\202\254", 3);
  fields_final_recipient(value, in, 0);
  CHECK("cut before an escape", strlen(value) == FIELDS_MAX - 6 && !strchr(value, '\\'));
  memcpy(in, "ENVID=", 6);
  memset(in + FIELDS_MAX - 13, 'a', 6);
  CHECK("long xtext", fields_envelope_id(value, in) && strlen(value) == FIELDS_MAX - 1);
}

/* --- results --- */

static struct status_case
{
  char const *code;
  enum job_event event;
  char const *status;
} const statuses[] =
{
  { "5.1.1", JOB_EVENT_FAILED, "5.1.1" },
  { "4.1.1", JOB_EVENT_FAILED, "5.0.0" },
  { "4.1.1", JOB_EVENT_DELAYED, "4.1.1" },
  { "", JOB_EVENT_DELAYED, "4.0.0" },
  { "2.1.5", JOB_EVENT_RELAYED, "2.1.5" },
  { "5.1.1x", JOB_EVENT_FAILED, "5.0.0" },
  { "5.1.1 x", JOB_EVENT_FAILED, "5.0.0" },
  { "5.1", JOB_EVENT_FAILED, "5.0.0" },
  { "5.123.456", JOB_EVENT_FAILED, "5.123.456" },
  { "5.1234.1", JOB_EVENT_FAILED, "5.0.0" },
  { "5.1.1111111111111", JOB_EVENT_FAILED, "5.0.0" }
};

static struct value_case const replies[] =
{
  { "550 no", "550 no" },
  { "host a[1] said: 550 5.1.1 no (in reply to RCPT TO command)", "550 5.1.1 no" },
  { "host a said: 550 no (in reply to x command) (in reply to end of DATA command)", "550 no (in reply to x command)" },
  { "host a said: 550 no (in reply to RC", "550 no (in reply to RC" },
  { "host a said: 550 said: 250", "550 said: 250" },
  { "host a said: 550", "550" },
  { "host a said:", 0 },
  { "host a said: hello", 0 },
  { "host a said:  (in reply to x command)", 0 },
  { "delivery time expired; last: host a said: 450 x", 0 },
  { "connect to a: Connection refused", 0 },
  { "", 0 }
};

static int reply_ok(struct value_case const *c)
{
  job_field reply;
  int r = fields_reply(&reply, c->in);
  return c->out ? r && reply.len == strlen(c->out) && !memcmp(reply.s, c->out, reply.len) : !r;
}

int main(void)
{
  size_t i;
  EACH(i, wanteds) CHECK(wanteds[i].parameters, wanted_ok(&wanteds[i]));
  EACH(i, rets) CHECK(rets[i].parameters, fields_ret(rets[i].parameters) == rets[i].ret);
  EACH(i, envelope_ids) CHECK(envelope_ids[i].in, case_ok(&envelope_ids[i], &fields_envelope_id));
  EACH(i, originals) CHECK(originals[i].in, case_ok(&originals[i], &original_ascii));
  EACH(i, utf8_originals) CHECK(utf8_originals[i].in, case_ok(&utf8_originals[i], &original_utf8));
  EACH(i, receiveds) CHECK(receiveds[i].in, case_ok(&receiveds[i], &fields_received_from));
  EACH(i, remotes) CHECK(remotes[i].in, case_ok(&remotes[i], &fields_remote_mta));
  finals();
  lengths();
  EACH(i, statuses) CHECK(statuses[i].code, !strcmp(fields_status(statuses[i].code, statuses[i].event), statuses[i].status));
  EACH(i, replies) CHECK(replies[i].in, reply_ok(&replies[i]));
  return CHECK_END();
}
