/* Command lines, and their arguments as parameters. */

#include "smtp/command.h"

#include <string.h>

#include "fuzz.h"
#include "smtp/chars.h"

static void read_parameters(char const *s, size_t len)
{
  char const *end = s + len;
  smtp_parameter p;
  size_t before = len;
  while (smtp_parameter_next(&s, &len, &p) == 1)
  {
    HOLDS(s + len == end && len < before);
    before = len;
    HOLDS(p.keylen && fuzz_within(p.key, p.keylen, end - before - p.keylen - p.valuelen - !!p.value,
                                  before + p.keylen + p.valuelen + !!p.value));
    HOLDS(!p.value == !p.valuelen);
    smtp_parameter_is(&p, "SIZE");
    if (!p.value) continue;
    HOLDS(!memchr(p.value, ' ', p.valuelen) && !memchr(p.value, '\n', p.valuelen));
    smtp_xtext_ok(p.value, p.valuelen);
    smtp_orcpt_ok(p.value, p.valuelen);
    smtp_notify_ok(p.value, p.valuelen);
  }
}

/* Whatever is taken as an address, however leniently, is one. */
static void read_argument(smtp_command const *command, int flags)
{
  smtp_argument a;
  smtp_path path;
  if (smtp_argument_scan(&a, command, flags) != SMTP_ARGUMENT_GOOD) return;
  HOLDS(fuzz_within(a.parameters, a.parameterslen, command->argument, command->argumentlen));
  HOLDS(fuzz_within(a.path.local, a.path.locallen, a.text, strlen(a.text)));
  HOLDS(fuzz_within(a.path.domain, a.path.domainlen, a.text, strlen(a.text)));
  HOLDS(smtp_mailbox_scan(a.text, strlen(a.text), flags & ~SMTP_PATH_LENIENT, &path));
  read_parameters(a.parameters, a.parameterslen);
}

/* Whatever verb it came with. */
static void read_arguments(smtp_command command)
{
  int flags;
  for (flags = 0; flags < 16; flags++)
  {
    command.verb = SMTP_MAIL;
    read_argument(&command, flags);
    command.verb = SMTP_RCPT;
    read_argument(&command, flags);
  }
}

static void read_chunk(smtp_command const *command)
{
  smtp_chunk chunk;
  enum smtp_chunk_verdict const verdict = smtp_chunk_scan(&chunk, command);
  HOLDS((verdict == SMTP_CHUNK_UNSIZED) == !smtp_digits(command->argument, command->argumentlen));
  HOLDS(verdict == SMTP_CHUNK_GOOD || !chunk.last);
}

int LLVMFuzzerTestOneInput(uint8_t const *data, size_t size)
{
  char const *s = (char const *)data;
  smtp_command command;
  smtp_command_scan(s, size, &command);
  HOLDS(command.verb <= SMTP_UNKNOWN);
  HOLDS(fuzz_within(command.argument, command.argumentlen, s, size));
  HOLDS(!command.argumentlen || (*command.argument != ' ' && command.argument[command.argumentlen - 1] != ' '));
  read_arguments(command);
  read_chunk(&command);
  read_parameters(s, size);
  read_parameters(command.argument, command.argumentlen);
  smtp_xtext_ok(s, size);
  smtp_orcpt_ok(s, size);
  smtp_notify_ok(s, size);
  return 0;
}
