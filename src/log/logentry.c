#include "log/logentry.h"

#include <string.h>

#include "smtp/chars.h"
#include "log/logjson.h"
#include "log/logstamp.h"

static int program_char(char c)
{
  return smtp_letter(c) || smtp_digit(c) || c == '-' || c == '_' || c == '.';
}

/* Read a process's number, "[123]", of len octets. */
static int pid_scan(char const *s, size_t len, uint64_t *pid)
{
  size_t i;
  *pid = 0;
  if (len < 3 || len > 14 || *s != '[' || s[len - 1] != ']') return 0;
  for (i = 1; i < len - 1; i++)
  {
    if (!smtp_digit(s[i])) return 0;
    *pid = *pid * 10 + (uint64_t)(s[i] - '0');
  }
  return 1;
}

/*
 * Read "PROGRAM: " or "PROGRAM[PID]: ", *taken octets of it.  The program replaces the one that
 * the journal named, and so does its process's number where there is one.
 */
static int program_scan(logentry *e, char const *s, size_t len, size_t *taken)
{
  size_t name = 0, end;
  uint64_t pid = 0;
  while (name < len && name < LOGENTRY_PROGRAM_MAX - 1 && program_char(s[name])) name++;
  for (end = name; end < len && s[end] != ':' && s[end] != ' '; end++) { }
  if (!name || end + 1 >= len || s[end] != ':' || s[end + 1] != ' ') return 0;
  if (end > name && !pid_scan(s + name, end - name, &pid)) return 0;
  memcpy(e->program, s, name);
  e->program[name] = 0;
  if (pid) e->pid = pid;
  *taken = end + 2;
  return 1;
}

static void text_set(logentry *e, char const *s, size_t len)
{
  size_t taken;
  if (program_scan(e, s, len, &taken))
  {
    s += taken;
    len -= taken;
  }
  e->len = len < LOGENTRY_TEXT_MAX ? len : LOGENTRY_TEXT_MAX;
  memcpy(e->text, s, e->len);
}

/*
 * The journal puts "HOST PROGRAM[PID]: " between the time and the line as the program wrote it.
 */
static void journal_skip(logentry *e, char const **s, size_t *len)
{
  char const *space = memchr(*s, ' ', *len);
  size_t host = space ? (size_t)(space - *s) + 1 : *len, taken;
  if (!program_scan(e, *s + host, *len - host, &taken)) return;
  *s += host + taken;
  *len -= host + taken;
}

static uint64_t number(char const *s, size_t len)
{
  uint64_t n = 0;
  for (; len && smtp_digit(*s); s++, len--) n = n * 10 + (uint64_t)(*s - '0');
  return n;
}

static int object_scan(logentry *e, char const *line, size_t len)
{
  char text[LOGENTRY_TEXT_MAX], us[18], pid[18];
  enum { TEXT, PROGRAM, US, PID, FIELDS };
  logjson_field fields[] =
  {
    [TEXT] = { "MESSAGE", text, sizeof text, 0 },
    [PROGRAM] = { "SYSLOG_IDENTIFIER", e->program, sizeof e->program - 1, 0 },
    [US] = { "__REALTIME_TIMESTAMP", us, sizeof us, 0 },
    [PID] = { "_PID", pid, sizeof pid, 0 }
  };
  if (!logjson_scan(line, len, fields, FIELDS) || !fields[US].len) return 0;
  e->program[fields[PROGRAM].len] = 0;
  e->us = number(us, fields[US].len);
  e->pid = number(pid, fields[PID].len);
  text_set(e, text, fields[TEXT].len);
  return 1;
}

int logentry_scan(logentry *e, char const *line, size_t len, unsigned int ahead_s)
{
  enum logstamp_kind kind;
  size_t taken;
  e->pid = 0;
  e->program[0] = 0;
  if (len && *line == '{') return object_scan(e, line, len);
  kind = logstamp_scan(line, len, ahead_s, &e->us, &taken);
  if (kind == LOGSTAMP_NONE) return 0;
  line += taken;
  len -= taken;
  if (kind == LOGSTAMP_JOURNAL) journal_skip(e, &line, &len);
  /* "s6-log t T" writes two times */
  else if (logstamp_scan(line, len, ahead_s, &(uint64_t){ 0 }, &taken) == LOGSTAMP_DATE)
  {
    line += taken;
    len -= taken;
  }
  text_set(e, line, len);
  return 1;
}
