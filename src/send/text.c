#include "send/text.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>
#include <fmt.h>

#include "smtp/reply.h"

size_t text_join_all(char *out, size_t max, char const *const *words)
{
  size_t len = 0;
  for (; *words; words++)
  {
    size_t n = strlen(*words);
    if (n > max - 1 - len) n = max - 1 - len;
    memcpy(out + len, *words, n);
    len += n;
  }
  out[len] = 0;
  return len;
}

char const *text_number(char out[TEXT_NUMBER_MAX], uint64_t number)
{
  out[fmt_ulonglong(out, number)] = 0;
  return out;
}

/* The digits after the point, in hundredths; zeros at the end are left out. */
static size_t fraction_format(char *out, unsigned int hundredths)
{
  if (!hundredths) return 0;
  out[0] = '.';
  out[1] = (char)('0' + hundredths / 10);
  if (hundredths % 10 == 0) return 2;
  out[2] = (char)('0' + hundredths % 10);
  return 3;
}

char const *text_seconds(char out[TEXT_SECONDS_MAX], uint64_t us)
{
  uint64_t unit = us < 995000 ? 10000 : us < 9950000 ? 100000 : 1000000;
  uint64_t rounded = (us + unit / 2) / unit * unit;
  size_t len = fmt_ulonglong(out, rounded / 1000000);
  len += fraction_format(out + len, (unsigned int)(rounded % 1000000 / 10000));
  out[len] = 0;
  return out;
}

/* What was said and is not written.  There is one stderr. */
static struct
{
  size_t len;
  char text[PIPE_BUF];
} waiting;

void text_log_flush(void)
{
  size_t len = waiting.len;
  waiting.len = 0;
  /* Nobody is left to tell when the log cannot be written. */
  if (len && write(2, waiting.text, len) == -1) return;
}

void text_log_all(char const *const *words)
{
  char line[TEXT_LINE_MAX];
  size_t len = text_join(line, sizeof line, "smtp-send: ");
  len += text_join_all(line + len, sizeof line - len - 1, words);
  smtp_text_clean(line, len);
  line[len++] = '\n';
  if (len > sizeof waiting.text - waiting.len) text_log_flush();
  memcpy(waiting.text + waiting.len, line, len);
  waiting.len += len;
}
