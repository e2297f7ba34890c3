# What stands in the queue's directories where a list, a claim, a request or a site's file belongs and is none of
# them (a symbolic link, a directory, a FIFO, what may not be read): passed over with a line, and all else goes on.
# shellcheck disable=SC1091
. tests/lib.sh

setUp() {
  instance "stray$((strays = ${strays-0} + 1))"
  conf relaydomains example .example
  conf flushdomains example .example
  sink "customer$strays"
  conf routes "* [127.0.0.1]:$SINKPORT park"
  printf 'not ours\n' >"$T/elsewhere"
}

tearDown() {
  stop
  sink_stop
  fail_if_running
}

KINDS='link dangling dir fifo'

# litter DIRECTORY [PREFIX]: one of each kind, named after it.
litter() {
  (
    cd "$I/queue/$1" || exit
    ln -s "$T/elsewhere" "${2-}link.example"
    ln -s "$T/nowhere" "${2-}dangling.example"
    mkdir "${2-}dir.example"
    : >"${2-}dir.example/full"
    mkfifo "${2-}fifo.example"
  )
}
litter_all() {
  litter flush
  litter claim old-
  litter asked asked-
  litter site
  litter notice
}

nothing_elsewhere() {
  assertEquals 'what the link names is as it was' 'not ours' "$(cat "$T/elsewhere")"
  assertFalse 'nothing was made elsewhere' "[ -e '$T/nowhere' ]"
}

lock_empty() { [ ! -s "$I/queue/lock" ]; }

stopped_cleanly() {
  stop
  assertTrue 'stopped cleanly' "[ -e '$I/queue/clean' ] && lock_empty"
  assertNotContains "$(log qmgr)" 'fatal:'
  nothing_elsewhere
}

testTheOthersGoOn() {
  litter_all
  start
  hold first.example 2
  hold zlast.example 2
  for kind in $KINDS; do submit -t "x@$kind.example" -t x@both.example >/dev/null || fail "submit $kind"; done
  wait_for 60 waits both.example 4 || fail "both: $(waiting both.example)"
  etrn first.example >/dev/null
  etrn @example >/dev/null
  arrive first.example 2
  arrive zlast.example 2
  arrive both.example 4
  for kind in $KINDS; do
    assertEquals "$kind: its mail waits" 0 "$(sink_for "$kind.example")"
  done
  assertEquals 'what has no list stays in new/' 4 "$(find "$I/queue/new" -type f | wc -l)"
  assertContains "$(log qmgr)" 'not a regular file'
  stopped_cleanly
}

# Mail for each name that is in the way, and for one that is not, which is recorded.
obstructed() {
  litter flush
  start
  for kind in $KINDS; do submit -t "x@$kind.example" >/dev/null || fail "submit $kind"; done
  submit -t x@then.example >/dev/null
  wait_for 60 waits then.example 1 || fail 'not recorded'
}

# Nobody waits for somebody else's obstacle: the loop must not stand still, nor run hot.
testNobodyWaits() {
  obstructed
  # utime and stime, in ticks: what a loop that runs hot takes in the time it takes to send these
  pid=$(cat "$I/service/qmgr/pid" 2>/dev/null || s6-svstat -o pid "$I/service/qmgr")
  before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
  sleep 3
  after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
  assertTrue "ticks: $((after - before))" "[ $((after - before)) -lt 100 ]"
  assertTrue 'few lines' "[ $(log qmgr | grep -c 'not a regular file') -le 5 ]"
  stopped_cleanly
}

taken_up() {
  "$BIN/qmgr-trigger" -C "$I" scan
  waits "$1" 1
}

testOnceItIsGone() {
  obstructed
  rm -r "$I"/queue/flush/*link.example "$I"/queue/flush/d*.example "$I"/queue/flush/fifo.example
  for kind in dangling dir fifo link; do wait_for 60 taken_up "$kind.example" || fail "$kind: not recorded"; done
  etrn @example >/dev/null
  wait_for 60 drained || fail "$(queued) left"
  stopped_cleanly
}

# In the middle of things: the list of a domain under way, and its claim.
testWhileItRuns() {
  start
  for name in flush claim; do hold $name.example 1; done
  hold other.example 1
  for name in flush claim; do
    mv "$I/queue/flush/$name.example" "$T/list.$name"
  done
  ln -s "$T/elsewhere" "$I/queue/flush/flush.example"
  mv "$T/list.claim" "$I/queue/flush/claim.example"
  ln -s "$T/elsewhere" "$I/queue/claim/claim.example"
  for name in flush claim other; do etrn $name.example >/dev/null; done
  arrive other.example 1
  assertEquals 0 "$(sink_for flush.example)"
  assertEquals 0 "$(sink_for claim.example)"
  rm "$I/queue/flush/flush.example" "$I/queue/claim/claim.example"
  mv "$T/list.flush" "$I/queue/flush/flush.example"
  "$BIN/qmgr-trigger" -C "$I" scan
  for name in flush claim; do etrn $name.example >/dev/null; done
  arrive claim.example 1
  arrive flush.example 1
  stopped_cleanly
}

testPrograms() {
  start
  hold first.example 1
  hold zlast.example 1
  stop
  litter flush
  litter claim old-
  litter asked asked-
  litter site
  "$BIN/flush-rebuild" -C "$I" >"$T/out" 2>&1
  assertEquals "flush-rebuild: $(cat "$T/out")" 0 $?
  assertEquals 'both lists' 'first.example zlast.example' "$(cd "$I/queue/flush" && find . -type f -name '*.example' -size +0 | sed 's,./,,' | sort | grep -v full | xargs)"
  "$BIN/flush-run" -C "$I" -n -a >"$T/out" 2>&1
  assertEquals "flush-run -n: $(cat "$T/out")" 0 $?
  assertEquals 2 "$(grep -c ': 1 waiting' "$T/out")"
  assertEquals 'no more than these' 2 "$(wc -l <"$T/out")"
  "$BIN/flush-run" -C "$I" -n link.example zlast.example >"$T/out" 2>&1
  assertEquals "flush-run -n: $(cat "$T/out")" 0 $?
  assertContains "$(cat "$T/out")" 'zlast.example: 1 waiting'
  "$BIN/queue-list" -C "$I" >"$T/out" 2>&1
  assertEquals "queue-list: $(cat "$T/out")" 0 $?
  "$BIN/site-list" -C "$I" >"$T/out" 2>&1
  assertEquals "site-list: $(cat "$T/out")" 0 $?
  "$BIN/queue-check" -C "$I" -n -v >"$T/out" 2>&1
  for kind in $KINDS; do assertContains "queue-check: $(cat "$T/out")" "$(cat "$T/out")" "flush/$kind.example: no regular file"; done
  assertContains "$(cat "$T/out")" 'list of zlast.example: entries: 1'
  conf etrncounts 1
  start
  assertContains "$(etrn @example)" '253 OK, 2 pending'
  wait_for 60 drained || fail "$(queued) left"
  "$BIN/flush-run" -C "$I" -w -t 60 -a >"$T/out" 2>&1
  assertEquals "flush-run -w: $(cat "$T/out")" 0 $?
  stopped_cleanly
}

# A message of cur/ that is owed behind an obstacle is in no list: the look says so and comes to the others.
testRebuildIsCompleteForTheOthers() {
  tests/peer/message "$I/queue" cur 1h8qaaaaa00001 dir.example
  tests/peer/message "$I/queue" cur 1h8qaaaaa00002 dir.example
  tests/peer/message "$I/queue" cur 1h8qaaaaa00003 other.example
  tests/peer/message "$I/queue" cur 1h8qaaaaa00004 link.example
  litter flush
  "$BIN/flush-rebuild" -C "$I" >"$T/out" 2>&1
  assertContains 'said' "$(cat "$T/out")" 'flush/dir.example'
  assertEquals 1h8qaaaaa00003 "$(cat "$I/queue/flush/other.example")"
  nothing_elsewhere
}

# A list that its owner keeps for himself is one that cannot be opened.  Root opens anything.
testForbidden() {
  [ "$(id -u)" = 0 ] || { skip 'only root gives files away' && return; }
  getent passwd nobody >/dev/null || { skip 'no user nobody' && return; }
  instance "stray$strays-u" -U
  conf relaydomains example .example
  conf flushdomains example .example
  conf routes "* [127.0.0.1]:$SINKPORT park"
  start
  hold mine.example 1
  hold theirs.example 1
  chown root "$I/queue/flush/theirs.example"
  chmod 600 "$I/queue/flush/theirs.example"
  etrn theirs.example >/dev/null
  etrn mine.example >/dev/null
  submit -t x@theirs.example -t x@mine.example >/dev/null || fail submit
  arrive mine.example 1
  etrn mine.example >/dev/null
  arrive mine.example 2
  assertEquals 0 "$(sink_for theirs.example)"
  chown sluice-q "$I/queue/flush/theirs.example"
  chmod 660 "$I/queue/flush/theirs.example"
  "$BIN/qmgr-trigger" -C "$I" scan
  etrn theirs.example >/dev/null
  arrive theirs.example 2
  stopped_cleanly
}

# shellcheck disable=SC1091
. shunit2
