# queue-del: what it was told to delete is gone, and nothing else.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/operate.sh

setUp() { instance "one$((made = ${made-0} + 1))"; }

tearDown() {
  stop
  sink_stop
  fail_if_running
}

del() { operate queue-del "$@"; }

testEveryPlace() {
  for place in new cur hold corrupt; do
    message $place $A
    del $A
    came 0 "$A deleted" 'queue-del: 1 deleted'
    assertEquals $place 0 "$(kept $place)"
  done
  assertNull 'an empty slice' "$(ls "$I/queue/cur")"
}

testOthersStay() {
  message cur $A
  message cur $B
  del $A
  assertEquals "$B" "$(basename "$(find "$I/queue/cur" -type f)")"
}

testEmptyQueue() {
  del $A
  came 1 "$A gone already" 'queue-del: 0 deleted, 1 gone already'
  del -a -y
  came 0 '' 'queue-del: 0 deleted'
}

testSeveral() {
  message cur $A
  message new $B
  del $A 1h9rabcde00003 "$B"
  came 1 "$A deleted
1h9rabcde00003 gone already
$B deleted" 'queue-del: 2 deleted, 1 gone already'
}

testBeingWritten() {
  message tmp $A
  del $A
  came 1 "$A being written: not deleted" 'queue-del: 0 deleted, 1 being written: not deleted'
  del -a -y
  assertEquals 1 "$(kept tmp)"
}

# It was sent, and qmgr is about to remove it, or has been killed before: that it was deleted would be untrue.
testSentAlready() {
  for place in new cur hold; do
    message $place $A
    sent $place $A
    del $A
    came 1 "$A gone already" 'queue-del: 0 deleted, 1 gone already'
    message $place $B
    sent $place $B
    del -a -y
    came 0 '' 'queue-del: 0 deleted'
    assertEquals $place 0 "$(kept $place)"
  done
  message corrupt $A
  sent corrupt $A
  del $A
  came 0 "$A deleted" 'queue-del: 1 deleted'
}

testIdsOnStandardInput() {
  message cur $A
  message hold $B
  printf '%s*\n\nnonsense\n  %s!\r\n\033[2J\n%s' "$A" "$B" 1h9rabcde00003 >"$T/in"
  del <"$T/in"
  came 100 "$A deleted
$B deleted
1h9rabcde00003 gone already" 'queue-del: warning: not an id: nonsense
queue-del: warning: not an id: ?[2J
queue-del: 2 deleted, 1 gone already'
  message cur $A
  echo $A | del -
  assertEquals 'named -' 0 "$(kept cur)"
  head -c 100000 /dev/zero | tr '\0' x >"$T/in"
  del - <"$T/in"
  assertEquals 'a line without an end' 100 "$code"
  assertTrue 'is not repeated' "[ $(wc -c <"$T/err") -lt 400 ]"
}

# As long as there is more to come, what is done is told.
testAnswersAtOnce() {
  message cur $A
  mkfifo "$T/fifo"
  "$BIN/queue-del" -C "$I" <"$T/fifo" >"$T/out" 2>"$T/err" &
  pid=$!
  exec 7>"$T/fifo"
  echo $A >&7
  assertTrue 'answered' 'wait_for 10 test -s "$T/out"'
  exec 7>&-
  wait "$pid"
  assertEquals 'exit code' 0 $?
}

# All are looked at before anything is done.
testNotAnId() {
  message cur $A
  for word in x ../cur/$A "$A$A" "$A**" '' /dev/null; do
    del $A "$word"
    assertEquals "$word: exit code" 100 "$code"
    assertEquals 'one line' 1 "$(wc -l <"$T/err")"
    assertContains "$(cat "$T/err")" "not an id: $word"
  done
  del $A "$(printf '\033]0;x\007')"
  assertEquals 'queue-del: fatal: not an id: ?]0;x?' "$(cat "$T/err")"
  assertEquals 1 "$(kept cur)"
}

testUsage() {
  for arguments in -x -C '-y' "-y $A" "-a $A" '-a -y -' ; do
    # shellcheck disable=SC2086 # words
    del $arguments </dev/null
    assertEquals "$arguments: exit code" 100 "$code"
    assertContains "$(cat "$T/err")" 'usage: queue-del [-C dir]'
  done
  script -qec "$BIN/queue-del -C $I" /dev/null >"$T/out" </dev/null
  assertEquals 'a terminal: exit code' 100 $?
  assertContains "$(cat "$T/out")" 'usage: queue-del [-C dir]'
}

testAllWantsYes() {
  fill cur 3
  del -a
  came 100 '' "queue-del: fatal: -a deletes all mail of $I: say -y if that is meant"
  assertEquals 3 "$(kept cur)"
  echo yes | del -a
  assertEquals 'a pipe is no answer' 100 "$code"
  echo no | script -qec "$BIN/queue-del -C $I -a" /dev/null >"$T/out"
  assertEquals 'no: exit code' 1 $?
  assertContains "$(cat "$T/out")" 'queue-del: fatal: nothing is deleted'
  assertEquals 3 "$(kept cur)"
  echo yes | script -qec "$BIN/queue-del -C $I -a" /dev/null >"$T/out"
  assertEquals 'yes: exit code' 0 $?
  assertEquals 0 "$(kept cur)"
}

testAll() {
  for place in new cur hold corrupt tmp; do fill $place 2; done
  del -a -y
  assertEquals 'exit code' 0 "$code"
  assertEquals 6 "$(grep -c ' deleted$' "$T/out")"
  assertEquals 'queue-del: 6 deleted' "$(cat "$T/err")"
  assertEquals 'what is no mail yet' 2 "$(kept tmp)"
  assertEquals 'what is for a look first' 2 "$(kept corrupt)"
}

testThousands() {
  for place in new cur hold; do fill $place 2000; cat "$T/ids"; done >"$T/all"
  del <"$T/all"
  assertEquals 'exit code' 0 "$code"
  assertEquals 'each in its turn' "$(sed 's/$/ deleted/' "$T/all")" "$(cat "$T/out")"
  assertEquals 'queue-del: 6000 deleted' "$(cat "$T/err")"
  assertEquals 0 "$(queued)"
  fill cur 2000
  del -a -y
  assertEquals 'queue-del: 2000 deleted' "$(cat "$T/err")"
  assertEquals 0 "$(queued)"
}

# Each is opened where it was seen, once.
testFewCalls() {
  for place in new cur hold; do
    fill $place 50
    traced -o "$T/calls" "$BIN/queue-del" -C "$I" -a -y >"$T/out" 2>"$T/err"
    assertEquals "$place" 50 "$(grep -c '^unlinkat.*fil", 0)' "$T/calls")"
    assertEquals "$place" 50 "$(grep -c '^openat.*fil"' "$T/calls")"
  done
}

testNoInstance() {
  "$BIN/queue-del" -C "$T/none" $A >"$T/out" 2>"$T/err"
  code=$?
  came 111 '' "queue-del: fatal: unable to open instance $T/none: No such file or directory"
}

testNotAllowed() {
  message cur $A
  traced -o /dev/null -e trace=unlinkat -e inject=unlinkat:error=EACCES "$BIN/queue-del" -C "$I" $A $B >"$T/out" 2>"$T/err"
  code=$?
  came 111 "$B gone already" "queue-del: warning: unable to delete $A: Permission denied
queue-del: 0 deleted, 1 gone already"
  assertEquals 1 "$(kept cur)"
}

testUnreadableDirectory() {
  message cur $A
  mv "$I/queue/new" "$I/queue/new.away"
  del -a -y
  assertEquals 'exit code' 111 "$code"
  assertContains "$(cat "$T/err")" 'unable to read directory queue/new: '
  mv "$I/queue/new.away" "$I/queue/new"
}

testFullOutput() {
  message cur $A
  "$BIN/queue-del" -C "$I" $A >/dev/full 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" 'unable to write to standard output'
}

# What is no file goes the way of its name, and leads nowhere.
testOddFiles() {
  mkdir -p "$I/queue/cur/1h8qa"
  ln -s "$I/conf/me" "$I/queue/cur/1h8qa/$A"
  del $A
  assertEquals 'exit code' 111 "$code"
  assertTrue 'me is there' "[ -s '$I/conf/me' ]"
  mkdir "$I/queue/cur/1h8qa/$B"
  del $B
  assertEquals 'exit code' 111 "$code"
}

testHints() {
  message cur $A
  hints del $A $B
  assertEquals "deleted $A" "$(cat "$T/hints")"
}

# A qmgr that does not read keeps nobody waiting for long.
testFullPipe() {
  fill cur 5000
  rm -f "$I/queue/trigger"
  mkfifo "$I/queue/trigger"
  exec 8<>"$I/queue/trigger"
  timeout 20 "$BIN/queue-del" -C "$I" -a -y >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 0 $?
  exec 8>&-
  assertEquals 'queue-del: 5000 deleted' "$(cat "$T/err")"
}

# Qmgr moves messages from new/ to cur/ all the time.
testMovedMeanwhile() {
  message new $A
  traced -o "$T/calls" -e trace=unlinkat -e inject=unlinkat:error=ENOENT:when=1 "$BIN/queue-del" -C "$I" $A >"$T/out" 2>"$T/err"
  code=$?
  came 0 "$A deleted" 'queue-del: 1 deleted'
  assertEquals 0 "$(kept new)"
}

# --- with a relay that runs -------------------------------------------------------------------

testBeingSent() {
  customer --delay 1
  start
  under_way
  del "$ID"
  came 0 "$ID deleted while being sent" 'queue-del: 1 deleted while being sent'
  assertEquals 0 "$(queued)"
  assertTrue 'logged' "wait_for 10 logged qmgr '$ID: removed'"
  assertTrue 'it came' 'wait_for 30 sink_has 1'
  put live.example
  assertTrue 'so does the next' 'wait_for 30 sink_has 2'
  assertTrue 'the queue is empty' 'wait_for 10 drained'
  assertNotContains "$(log qmgr)" warning
}

# What was deleted while it was sent, and then deferred, is not tried again.
testBeingDeferred() {
  customer --delay 1 --data '451 4.3.0 later'
  start
  under_way
  del "$ID"
  assertTrue 'deferred' "wait_for 30 logged send '$ID: to=<x@live.example>'"
  sink_stop
  sink "$(basename "$SINK")"
  put live.example
  assertTrue 'the next one comes' 'wait_for 30 sink_has 1'
  assertEquals 1 "$(sink_messages)"
  assertTrue 'the queue is empty' 'wait_for 10 drained'
}

testParked() {
  customer
  start
  hold parked.example 3
  del "$(head -n 1 "$I/queue/flush/parked.example")"
  assertEquals 'exit code' 0 "$code"
  flushed parked.example
  arrive parked.example 2
  assertTrue 'carried out' 'wait_for 10 carried_out'
  assertEquals 2 "$(sink_messages)"
  hold parked.example 2
  del -a -y
  assertEquals 'queue-del: 2 deleted' "$(cat "$T/err")"
  flushed -w parked.example >"$T/out"
  assertEquals 2 "$(sink_messages)"
}

testStoppedRelay() {
  customer
  start
  hold parked.example 2
  stop
  del -a -y
  came 0 "$(cat "$T/out")" 'queue-del: 2 deleted'
  start
  put live.example
  arrive live.example 1
  flushed -w parked.example >"$T/out"
  assertEquals 1 "$(sink_messages)"
}

every_third() {
  "$BIN/queue-list" -C "$I" -1 2>/dev/null | awk 'NR % 3 == 0' | head -n 5 | "$BIN/queue-del" -C "$I" 2>/dev/null
}

testWhileMailFlows() {
  customer --delay 0.002
  start
  flow every_third
  assertTrue 'some were deleted' "grep -q ' deleted' '$T/results'"
}

. shunit2
