#include "queue/ids.h"

#include <string.h>

#include <skalibs/buffer.h>
#include <skalibs/strerr.h>

#include "base/log.h"
#include "smtp/chars.h"
#include "start/program.h"

int ids_scan(char id[ID_LEN + 1], char const *s, size_t len)
{
  size_t i;
  if (len == ID_LEN + 1 && (s[ID_LEN] == '*' || s[ID_LEN] == '!')) len--;
  if (len != ID_LEN) return 0;
  for (i = 0; i < ID_LEN; i++) id[i] = smtp_lower(s[i]);
  id[ID_LEN] = 0;
  return id_ok(id, ID_LEN);
}

/* --- standard input ------------------------------------------------------------------------- */

static int blank(char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

/* Read one octet.  1; 0 at the end; -1 with errno. */
static ssize_t octet_read(char *c)
{
  if (buffer_isempty(buffer_0) && !buffer_flush(buffer_1))
    strerr_diefusys(111, "write to standard output");
  return buffer_get(buffer_0, c, 1);
}

/* Read a line, without the blanks before it; *len 0 when it is empty. */
static int line_read(char line[IDS_LINE_MAX], size_t *len)
{
  ssize_t r;
  char c;
  *len = 0;
  while ((r = octet_read(&c)) == 1 && c != '\n')
    if (*len < IDS_LINE_MAX && (*len || !blank(c))) line[(*len)++] = c;
  return r == 1 || (!r && *len) ? 1 : (int)r;
}

int ids_line(char line[IDS_LINE_MAX], size_t *len)
{
  int r;
  do
  {
    r = line_read(line, len);
    while (*len && blank(line[*len - 1])) --*len;
  }
  while (r == 1 && !*len);
  return r;
}

/* --- for programs ----------------------------------------------------------------------------- */

static int standard_input(char const *word)
{
  return !strcmp(word, "-");
}

void ids_check(char const *const *words)
{
  char id[ID_LEN + 1];
  for (; *words; words++)
    if (!standard_input(*words) && !ids_scan(id, *words, strlen(*words)))
      program_refuse("not an id: ", *words, strlen(*words));
}

static int line_refuse(char const *line, size_t len)
{
  char clean[IDS_LINE_MAX + 1];
  strerr_warnw("not an id: ", log_clean(clean, sizeof clean, line, len));
  return 100;
}

static int lines_each(void (*fn)(char const *id, void *data), void *data)
{
  char line[IDS_LINE_MAX], id[ID_LEN + 1];
  size_t len;
  int code = 0, r;
  while ((r = ids_line(line, &len)) == 1)
    if (ids_scan(id, line, len)) (*fn)(id, data);
    else code = line_refuse(line, len);
  if (r == -1) strerr_diefusys(111, "read ids from standard input");
  return code;
}

int ids_each(char const *const *words, void (*fn)(char const *id, void *data), void *data)
{
  char id[ID_LEN + 1];
  int code = 0;
  if (!*words) return lines_each(fn, data);
  for (; *words; words++)
    if (ids_scan(id, *words, strlen(*words))) (*fn)(id, data);
    else if (lines_each(fn, data)) code = 100;
  return code;
}
