#include "queue/trace.h"

#include <string.h>

#include <skalibs/types.h>

#include "base/wallclock.h"

int trace_put(message_writer *writer, char const *me, uid_t uid, char const *how)
{
  char date[WALLCLOCK_DATE_MAX], number[UINT_FMT];
  char const *const pieces[] =
  {
    "Received: by ", me, " (sluice, from userid ", number, *how ? ", " : "", how,
    ")\r\n\tid ", writer->id, "; ", date, "\r\n"
  };
  size_t i;
  number[uint_fmt(number, uid)] = 0;
  wallclock_date(date, writer->arrival_us);
  for (i = 0; i < sizeof pieces / sizeof *pieces; i++)
    if (!message_put(writer, pieces[i], strlen(pieces[i]))) return 0;
  return 1;
}
