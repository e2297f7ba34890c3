/* The times of a dialogue's steps, as text and back. */

#include "smtp/timeout.h"

#include <string.h>

#include "check.h"

static struct scan_case
{
  char const *text;
  int good;
  unsigned int first;
  unsigned int second;
  unsigned int last;
} const scans[] =
{
  { "1,2,3,4,5,6,7,8,9,10", 1, 1, 2, 10 },
  { "7", 1, 7, 7, 7 },
  { "7,8", 1, 7, 8, 8 },
  { "1000000", 1, 1000000, 1000000, 1000000 },
  { "1,2,3,4,5,6,7,8,9,10,11", 1, 1, 2, 10 },
  { "1000001", 0, 0, 0, 0 },
  { "99999999999999999999", 0, 0, 0, 0 },
  { "", 0, 0, 0, 0 },
  { "0", 0, 0, 0, 0 },
  { "1,0", 0, 0, 0, 0 },
  { "1,,2", 0, 0, 0, 0 },
  { "1,", 0, 0, 0, 0 },
  { ",1", 0, 0, 0, 0 },
  { "1, 2", 0, 0, 0, 0 },
  { "1s", 0, 0, 0, 0 }
};

static int scan_ok(struct scan_case const *c)
{
  unsigned int s[SMTP_TIMEOUTS];
  if (smtp_timeouts_scan(s, c->text, strlen(c->text)) != c->good) return 0;
  return !c->good || (s[0] == c->first && s[1] == c->second && s[SMTP_TIMEOUTS - 1] == c->last);
}

static int there_and_back(unsigned int const seconds[SMTP_TIMEOUTS], char const *text)
{
  unsigned int again[SMTP_TIMEOUTS];
  char out[SMTP_TIMEOUTS_MAX];
  size_t len = smtp_timeouts_format(out, seconds);
  return len == strlen(text) && len < sizeof out && !memcmp(out, text, len)
    && smtp_timeouts_scan(again, out, len) && !memcmp(seconds, again, sizeof again);
}

int main(void)
{
  unsigned int seconds[SMTP_TIMEOUTS];
  size_t i;
  for (i = 0; i < sizeof scans / sizeof *scans; i++) CHECK(scans[i].text, scan_ok(scans + i));
  for (i = 0; i < SMTP_TIMEOUTS; i++) seconds[i] = smtp_timeouts[i].seconds;
  CHECK("defaults", there_and_back(seconds, "30,300,300,300,300,120,180,600,30,60"));
  for (i = 0; i < SMTP_TIMEOUTS; i++) seconds[i] = SMTP_TIMEOUT_MAX;
  CHECK("the longest", there_and_back(seconds,
    "1000000,1000000,1000000,1000000,1000000,1000000,1000000,1000000,1000000,1000000"));
  return CHECK_END();
}
