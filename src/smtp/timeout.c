#include "smtp/timeout.h"

#include <stdint.h>
#include <string.h>

#include "smtp/chars.h"

smtp_timeout_kind const smtp_timeouts[SMTP_TIMEOUTS] =
{
  [SMTP_TIMEOUT_CONNECT] = { "connect", 30 },
  [SMTP_TIMEOUT_GREETING] = { "greeting", 300 },
  [SMTP_TIMEOUT_HELO] = { "helo", 300 },
  [SMTP_TIMEOUT_MAIL] = { "mail", 300 },
  [SMTP_TIMEOUT_RCPT] = { "rcpt", 300 },
  [SMTP_TIMEOUT_DATAINIT] = { "datainit", 120 },
  [SMTP_TIMEOUT_DATABLOCK] = { "datablock", 180 },
  [SMTP_TIMEOUT_DATADONE] = { "datadone", 600 },
  [SMTP_TIMEOUT_QUIT] = { "quit", 30 },
  [SMTP_TIMEOUT_TLS] = { "tls", 60 }
};

static size_t number_format(char *out, unsigned int number)
{
  unsigned int rest = number;
  size_t len = 1, i;
  while (rest /= 10) len++;
  for (i = len; i--; number /= 10) out[i] = (char)('0' + number % 10);
  return len;
}

size_t smtp_timeouts_format(char out[SMTP_TIMEOUTS_MAX], unsigned int const seconds[SMTP_TIMEOUTS])
{
  size_t len = 0, i;
  for (i = 0; i < SMTP_TIMEOUTS; i++)
  {
    if (i) out[len++] = ',';
    len += number_format(out + len, seconds[i]);
  }
  return len;
}

int smtp_timeout_scan(unsigned int *seconds, char const *s, size_t len)
{
  uint64_t number;
  if (!smtp_number_scan(s, len, &number) || !number || number > SMTP_TIMEOUT_MAX) return 0;
  *seconds = (unsigned int)number;
  return 1;
}

int smtp_timeouts_scan(unsigned int seconds[SMTP_TIMEOUTS], char const *s, size_t len)
{
  size_t i;
  for (i = 0; i < SMTP_TIMEOUTS; i++)
  {
    char const *comma = len ? memchr(s, ',', len) : 0;
    size_t n = comma ? (size_t)(comma - s) : len;
    if (!smtp_timeout_scan(seconds + i, s, n)) return 0;
    if (!comma) break;
    s += n + 1;
    len -= n + 1;
  }
  while (++i < SMTP_TIMEOUTS) seconds[i] = seconds[i - 1];
  return 1;
}
