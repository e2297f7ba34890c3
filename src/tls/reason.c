#include "tls/reason.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>

void reason_forget(void)
{
  ERR_clear_error();
  errno = 0;
}

/* The first error is the cause, those behind it only say who was told of it. */
char const *reason_last(void)
{
  int const e = errno;
  unsigned long const first = ERR_get_error();
  char const *text = 0;
  if (!first) return e ? strerror(e) : "connection closed";
  if (ERR_SYSTEM_ERROR(first)) text = strerror(ERR_GET_REASON(first));
  else text = ERR_reason_error_string(first);
  ERR_clear_error();
  return text ? text : "TLS error";
}
