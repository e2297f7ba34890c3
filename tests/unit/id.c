/* Ids: text and number, and the order of both. */

#include "queue/id.h"

#include <string.h>

#include "check.h"

static char const *made(uint64_t time_us, uint32_t salt)
{
  static char id[2][ID_LEN + 1];
  static int turn;
  turn = !turn;
  id_format(id[turn], time_us, salt);
  return id[turn];
}

int main(void)
{
  static uint64_t const moments[] = { 0, 1, 31, 32, 1763711153123456u, (UINT64_C(1) << 55) - 1 };
  size_t i;

  CHECK("zero", !strcmp(made(0, 0), "00000000000000"));
  CHECK("digits", !strcmp(made(31, 32), "0000000000v010"));
  CHECK("largest", !strcmp(made((UINT64_C(1) << 55) - 1, 32767), "vvvvvvvvvvvvvv"));
  CHECK("salt is cut", !strcmp(made(0, 32768 + 5), "00000000000005"));
  for (i = 0; i < sizeof moments / sizeof *moments; i++)
  {
    CHECK("there and back", id_time(made(moments[i], 12345)) == moments[i]);
    CHECK("made ids are ids", id_ok(made(moments[i], 12345), ID_LEN));
    CHECK("sorted by time first", i == 0 || strcmp(made(moments[i - 1], 32767), made(moments[i], 0)) < 0);
  }
  CHECK("a slice is 18 minutes", !memcmp(made(1763711153000000u, 0), made(1763711153000001u, 9), ID_SLICE_LEN));
  CHECK("the next slice differs", memcmp(made(0, 0), made(UINT64_C(1) << 30, 0), ID_SLICE_LEN));

  CHECK("ok", id_ok("1h8qabcde00001", 14));
  CHECK("empty", !id_ok("", 0));
  CHECK("short", !id_ok("1h8qabcde0000", 13));
  CHECK("long", !id_ok("1h8qabcde000012", 15));
  CHECK("capital", !id_ok("1H8qabcde00001", 14));
  CHECK("beyond v", !id_ok("1h8qabcde0000w", 14));
  CHECK("slash", !id_ok("1h8qab/de00001", 14));
  CHECK("dot", !id_ok(".h8qabcde00001", 14));
  CHECK("zero octet", !id_ok("1h8qabcde0000\0", 14));
  CHECK("high octet", !id_ok("1h8qabcde0000\xb1", 14));
  return CHECK_END();
}
