#include "base/text.h"

#include <string.h>

#include "check.h"

static int seconds_are(uint64_t us, char const *text)
{
  char out[TEXT_SECONDS_MAX];
  return !strcmp(text_seconds(out, us), text);
}

int main(void)
{
  char out[8];
  char number[TEXT_NUMBER_MAX];
  CHECK("join", text_join(out, sizeof out, "ab", "", "cd") == 4 && !strcmp(out, "abcd"));
  CHECK("join cuts", text_join(out, sizeof out, "abcde", "fghij") == 7 && !strcmp(out, "abcdefg"));
  CHECK("number", !strcmp(text_number(number, UINT64_MAX), "18446744073709551615"));
  CHECK("no time", seconds_are(0, "0"));
  CHECK("next to no time", seconds_are(4999, "0"));
  CHECK("a hundredth", seconds_are(5000, "0.01"));
  CHECK("hundredths", seconds_are(123456, "0.12"));
  CHECK("a tenth", seconds_are(100000, "0.1"));
  CHECK("nearly a second", seconds_are(994999, "0.99"));
  CHECK("rounded to a second", seconds_are(995000, "1"));
  CHECK("tenths", seconds_are(3249999, "3.2"));
  CHECK("rounded to ten", seconds_are(9950000, "10"));
  CHECK("whole seconds", seconds_are(125400000, "125"));
  CHECK("days", seconds_are(432000000000, "432000"));
  return CHECK_END();
}
