#include "base/text.h"

#include <string.h>

#include "base/wallclock.h"
#include "smtp/chars.h"

#define HUNDREDTH_US (SECOND_US / 100)
#define TENTH_US (SECOND_US / 10)

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

/* Format a number.  Returns its length. */
static size_t number_format(char *out, uint64_t number)
{
  char digits[TEXT_NUMBER_MAX];
  size_t begin = sizeof digits;
  do
  {
    digits[--begin] = (char)('0' + number % 10);
    number /= 10;
  } while (number);
  memcpy(out, digits + begin, sizeof digits - begin);
  return sizeof digits - begin;
}

char const *text_number(char out[TEXT_NUMBER_MAX], uint64_t number)
{
  out[number_format(out, number)] = 0;
  return out;
}

int text_number_scan(char const *s, unsigned int least, unsigned int most, unsigned int *number)
{
  uint64_t n;
  if (!smtp_number_scan(s, strlen(s), &n) || n < least || n > most) return 0;
  *number = (unsigned int)n;
  return 1;
}

/* Put the digits after the point, in hundredths, without zeros at the end. */
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
  uint64_t unit = us < 995000 ? HUNDREDTH_US : us < 9950000 ? TENTH_US : SECOND_US;
  uint64_t rounded = (us + unit / 2) / unit * unit;
  size_t len = number_format(out, rounded / SECOND_US);
  len += fraction_format(out + len, (unsigned int)(rounded % SECOND_US / HUNDREDTH_US));
  out[len] = 0;
  return out;
}
