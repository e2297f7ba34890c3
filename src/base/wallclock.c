#include "base/wallclock.h"

#include <limits.h>
#include <time.h>

static uint64_t clock_us(clockid_t clock)
{
  struct timespec now;
  if (clock_gettime(clock, &now) == -1 || now.tv_sec < 0) return 0;
  return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

uint64_t wallclock_us(void)
{
  return clock_us(CLOCK_REALTIME);
}

uint64_t wallclock_steady_us(void)
{
  return clock_us(CLOCK_MONOTONIC);
}

int64_t wallclock_steady_ms(void)
{
  return (int64_t)(wallclock_steady_us() / 1000);
}

int wallclock_left_ms(int64_t deadline_ms)
{
  int64_t const left_ms = deadline_ms - wallclock_steady_ms();
  return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

/* Put a number with leading zeros. */
static char *put_digits(char *out, int number, int digits)
{
  int i = digits;
  while (i--)
  {
    out[i] = (char)('0' + number % 10);
    number /= 10;
  }
  return out + digits;
}

static char *put_word(char *out, char const *word)
{
  while (*word) *out++ = *word++;
  return out;
}

/* Without strftime(3), which would use the language of the locale. */
size_t wallclock_date(char *out, uint64_t us)
{
  static char const days[7][6] = { "Sun, ", "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, " };
  static char const months[12][6] = { " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ",
                                      " Jul ", " Aug ", " Sep ", " Oct ", " Nov ", " Dec " };
  time_t seconds = (time_t)(us / SECOND_US);
  struct tm utc;
  char *p = out;
  if (!gmtime_r(&seconds, &utc)) utc = (struct tm){ .tm_mday = 1, .tm_year = 70, .tm_wday = 4 };
  p = put_word(p, days[utc.tm_wday]);
  p = put_digits(p, utc.tm_mday, 2);
  p = put_word(p, months[utc.tm_mon]);
  p = put_digits(p, utc.tm_year + 1900, 4);
  *p++ = ' ';
  p = put_digits(p, utc.tm_hour, 2);
  *p++ = ':';
  p = put_digits(p, utc.tm_min, 2);
  *p++ = ':';
  p = put_digits(p, utc.tm_sec, 2);
  p = put_word(p, " +0000");
  *p = 0;
  return (size_t)(p - out);
}
