# Killed at any moment, out of disk, out of descriptors, with broken settings or a damaged
# queue: nothing that got its 250 is lost, and one line says what is wrong.
# shellcheck disable=SC1091
. tests/lib.sh

# Rounds of the storm: all of them take a minute or two.
ROUNDS=${ROUNDS:-20}
# What can be on the wire of one connection (session.h); the messages are small.
WINDOW=256

oneTimeTearDown() {
  stop
  sink_stop
}

# fresh NAME: an instance of its own, and its customer.
fresh() {
  sink "$1-customer"
  instance "$1"
  conf relaydomains example .example
  conf backoff '1 2'
  conf routes "parked.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:$SINKPORT"
}

# One line of a log that has the text; nothing else that says fatal.
assertOneLine() {
  assertTrue "no line with $2: $(log "$1" | tail -n 5)" "wait_for 10 logged $1 '$2'"
}

# --- kill -9 ------------------------------------------------------------------------

all_arrived() { tests/peer/storm-sum -m "$SINK" "$1" $WINDOW "$T/taken"; }

# storm DOMAIN SEED
storm() {
  tests/peer/storm "127.0.0.1:$PORT" "$I" "$1" 300 "$2" 1 >"$T/taken" 2>"$T/storm.out"
  assertTrue "round $2: $(cat "$T/storm.out")" "[ $(wc -l <"$T/taken") -ge 300 ]"
  assertTrue "round $2: all arrived" "wait_for 60 all_arrived $1"
  assertTrue "round $2: $(queued) left" 'wait_for 60 drained'
  wrong=$(tests/peer/storm-sum "$SINK" "$1" $WINDOW "$T/taken" 2>"$T/sum")
  assertNull "round $2: $(cat "$T/storm.out" "$T/sum") $wrong" "$wrong"
}

testKilledAtAnyMoment() {
  fresh storm
  sink_stop
  sink storm-customer --delay 0.002 # or all is over before much could be killed
  start
  round=0
  while [ $((round += 1)) -le "$ROUNDS" ]; do
    case $((round % 2)) in
      0) storm "parked.example" $round ;;
      1) storm "live$round.example" $round ;;
    esac
    find "$SINK" -name '*.env' -exec rm {} + # names begin anew in each round
  done
  stop
  sink_stop
}

# --- nothing left -------------------------------------------------------------------

testFullDisk() {
  [ "$(id -u)" = 0 ] || {
    skip 'mounting needs root'
    return 0
  }
  fresh full
  conf minfree 0 # to the last block
  cp -a "$I/queue" "$I.queue"
  mount -t tmpfs -o size=64k,mode=700 none "$I/queue" 2>"$T/mount" || {
    skip "no mount: $(cat "$T/mount")"
    return 0
  }
  cp -a "$I.queue/." "$I/queue"
  start
  sink_stop
  head -c 4000 /dev/zero | tr '\0' x | fold -w 70 >"$T/4k"
  taken=0
  while submit -t "$taken@parked.example" "$T/4k" >"$T/submit" 2>&1; do
    taken=$((taken + 1))
    [ $taken -lt 50 ] || break
  done
  assertTrue "taken: $taken" "[ $taken -gt 2 ] && [ $taken -lt 50 ]"
  assertContains "$(cat "$T/submit")" ' 452 4.3.1 '
  assertOneLine smtpd 'No space left on device'
  sink full-customer
  assertEquals '250 OK, queuing for node parked.example started' "$(etrn parked.example)"
  arrive parked.example "$taken"
  assertTrue 'room again' "wait_for 20 submit -t again@parked.example $T/4k >/dev/null"
  etrn parked.example >/dev/null
  arrive parked.example $((taken + 1))
  assertEquals 'each once' $((taken + 1)) "$(sink_for parked.example)"
  stop
  sink_stop
  umount "$I/queue"
}

testNoMoreDescriptors() {
  fresh descriptors
  start
  qmgr=$(s6-svstat -o pid "$I/service/qmgr")
  limit=16
  if grep -q __asan_init "$BIN/qmgr"; then limit=24; fi # the sanitizers have some of their own
  prlimit --pid "$qmgr" --nofile=$limit:1024
  n=0
  while [ $((n += 1)) -le 20 ]; do
    submit -t "%d@site$n.example" -n 20 >/dev/null || fail 'not taken'
  done
  assertTrue "$(sink_messages) of 400 arrived" 'wait_for 60 sink_has 400'
  assertTrue 'nothing left' 'wait_for 30 drained'
  assertEquals 'each once' 400 "$(sink_messages)"
  # the search for leaks, at the end, wants some of its own
  prlimit --pid "$qmgr" --nofile=1024:1024
  stop
  sink_stop
}

testServerWithoutDescriptors() {
  fresh descriptors2
  printf 'EHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<x@a.example>\r\nDATA\r\n\r\n.\r\nQUIT\r\n' >"$T/dialogue"
  for limit in 4 5 6 7 8; do
    # the search for leaks wants descriptors of its own
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 \
      timeout 60 prlimit --nofile=$limit:$limit "$BIN/smtpd-etrn" -C "$I" <"$T/dialogue" >"$T/out" 2>"$T/err"
    ! grep -q '^250 2.0.0 ' "$T/out" || continue
    assertTrue "limit $limit: $(cat "$T/out" "$T/err")" "grep -q '^4[0-9][0-9] ' $T/out"
    assertEquals "limit $limit: one line" 1 "$(grep -c 'Too many open files' "$T/err")"
  done
  sink_stop
}

# --- damage -------------------------------------------------------------------------

testBrokenSetting() {
  fresh broken
  start
  conf databytes 'a lot'
  assertContains "$(printf 'EHLO c.example\nMAIL FROM:<>\nQUIT\n' | smtp)" '421 4.3'
  assertOneLine smtpd conf/databytes
  conf databytes
  submit -t x@one.example >/dev/null
  arrive one.example 1

  conf routes 'one.example ['
  service qmgr h
  assertOneLine qmgr conf/routes
  submit -t x@two.example >/dev/null
  conf routes "* [127.0.0.1]:$SINKPORT"
  service qmgr h
  submit -t y@two.example >/dev/null
  assertTrue "$(sink_for two.example) arrived" 'wait_for 70 sink_has_for two.example 1'
  assertTrue 'nothing left' 'wait_for 70 drained'
  stop
  sink_stop
}

testUnreadableSetting() {
  fresh unreadable
  start
  conf databytes
  mkdir "$I/conf/databytes"
  assertContains "$(printf 'EHLO c.example\nMAIL FROM:<>\nQUIT\n' | smtp)" '421 4.3'
  assertOneLine smtpd conf/databytes
  rmdir "$I/conf/databytes"
  submit -t x@one.example >/dev/null
  arrive one.example 1
  stop
  sink_stop
}

testMessageCutShort() {
  fresh cut
  start
  hold parked.example 5
  victim=$(sed -n 3p "$I/queue/flush/parked.example")
  truncate -s 60 "$I/queue/cur/"*"/$victim"
  victim2=$(sed -n 4p "$I/queue/flush/parked.example")
  truncate -s 0 "$I/queue/cur/"*"/$victim2"
  victim3=$(sed -n 5p "$I/queue/flush/parked.example")
  truncate -s -5 "$I/queue/cur/"*"/$victim3"
  etrn parked.example >/dev/null
  arrive parked.example 2
  for id in $victim $victim2 $victim3; do
    assertTrue "put aside" "wait_for 10 test -e $I/queue/corrupt/$id"
    assertEquals "one line about $id" 1 "$(log qmgr | grep -c "$id.*corrupt")"
  done
  assertTrue 'nothing waits' 'wait_for 10 waits parked.example 0'
  assertEquals 2 "$(sink_messages)"
  stop
  sink_stop
}

# A flush file full of things that are no ids.
testListIsRubbish() {
  fresh rubbish
  start
  hold parked.example 2
  service qmgr 'wD -d'
  list=$I/queue/flush/parked.example
  { head -c 100000 /dev/urandom; echo; sed -n 1p "$list"; echo ../../../etc/passwd; echo; sed -n 2p "$list"; printf 0abc; } >"$T/list"
  cat "$T/list" >"$list"
  service qmgr u
  etrn parked.example >/dev/null
  # the ids stand where no line of the index is expected: rebuilding finds the messages
  wait_for 5 sink_has_for parked.example 2 || "$BIN/flush-rebuild" -C "$I"
  etrn parked.example >/dev/null
  arrive parked.example 2
  assertTrue 'alive' greets
  stop
  sink_stop
}

# shellcheck disable=SC1091
. shunit2
