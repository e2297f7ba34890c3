#include "conf/conf-internal.h"

#include <errno.h>

int conf_lines_check(conf_setting const *setting, stralloc const *text, size_t *entries,
                     void (*tell)(void *data), void *data)
{
  conf_line line = { .number = 0 };
  size_t pos = 0;
  int good = 1, r;
  *entries = 0;
  while ((r = conf_line_next(setting, text, &pos, &line)))
  {
    ++*entries;
    if (r > 0 && (*setting->check)(line.s, line.len)) continue;
    if (r > 0 && errno == EINVAL) conf_fail_where(setting->name, line.number);
    else if (r > 0) conf_fail_system(setting->name);
    (*tell)(data);
    good = 0;
  }
  if (good && setting->check == &conf_check_route)
    good = conf_routes_twice(setting, text, tell, data);
  return good;
}
