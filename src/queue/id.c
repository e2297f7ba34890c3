#include "queue/id.h"

#define DIGITS "0123456789abcdefghijklmnopqrstuv"
#define DIGIT_BITS 5

static void digits_put(char *out, size_t n, uint64_t number)
{
  while (n--)
  {
    out[n] = DIGITS[number & 31];
    number >>= DIGIT_BITS;
  }
}

/* The value of a digit, -1 when it is none. */
static int digit_value(char c)
{
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'v') return c - 'a' + 10;
  return -1;
}

void id_format(char out[ID_LEN + 1], uint64_t time_us, uint32_t salt)
{
  digits_put(out, ID_TIME_LEN, time_us);
  digits_put(out + ID_TIME_LEN, ID_LEN - ID_TIME_LEN, salt);
  out[ID_LEN] = 0;
}

int id_octet_ok(char c)
{
  return digit_value(c) != -1;
}

int id_ok(char const *s, size_t len)
{
  size_t i;
  if (len != ID_LEN) return 0;
  for (i = 0; i < len; i++)
    if (digit_value(s[i]) == -1) return 0;
  return 1;
}

uint64_t id_time(char const *id)
{
  uint64_t time_us = 0;
  size_t i;
  for (i = 0; i < ID_TIME_LEN; i++)
    time_us = time_us << DIGIT_BITS | (uint64_t)digit_value(id[i]);
  return time_us;
}
