# queue-hold: what is held stays in the queue, and is not tried, however long.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/operate.sh

setUp() { instance "one$((made = ${made-0} + 1))"; }

tearDown() {
  stop
  sink_stop
  fail_if_running
}

put_aside() { operate queue-hold "$@"; }

testEveryPlace() {
  for place in new cur; do
    message $place $A
    put_aside $A
    came 0 "$A held" 'queue-hold: 1 held'
    assertEquals 1 "$(kept hold)"
    assertEquals 0 "$(kept $place)"
    put_aside $A
    came 1 "$A held already" 'queue-hold: 0 held, 1 held already'
    assertEquals 1 "$(kept hold)"
    rm "$I/queue/hold/$A"
  done
  assertNull 'an empty slice' "$(ls "$I/queue/cur")"
}

# What is in no list yet is recorded first, so that qmgr, of the same group, can use the list.
testRecorded() {
  message new $A
  (umask 022 && put_aside $A)
  assertEquals "$A" "$(cat "$I/queue/flush/customer.tld")"
  assertEquals 660 "$(stat -c %a "$I/queue/flush/customer.tld")"
  message cur $B
  put_aside $B
  assertEquals 'what is in a list stays there once' "$A" "$(cat "$I/queue/flush/customer.tld")"
}

testNoMessage() {
  put_aside $A
  came 1 "$A gone already" 'queue-hold: 0 held, 1 gone already'
  message corrupt $A
  put_aside $A
  came 1 "$A not a whole message: not held" 'queue-hold: 0 held, 1 not a whole message: not held'
  message tmp $B
  put_aside $B
  came 1 "$B being written: not held" 'queue-hold: 0 held, 1 being written: not held'
  assertEquals 0 "$(kept hold)"
}

# It was sent, and qmgr is about to remove it.
testSentAlready() {
  message cur $A
  sent cur $A
  put_aside $A
  came 1 "$A gone already" 'queue-hold: 0 held, 1 gone already'
  assertEquals 0 "$(kept hold)"
}

testAll() {
  put_aside -a
  came 0 '' 'queue-hold: 0 held'
  for place in new cur hold corrupt tmp; do fill $place 2; done
  put_aside -a
  assertEquals 'exit code' 0 "$code"
  assertEquals 'queue-hold: 4 held' "$(cat "$T/err")"
  assertEquals 4 "$(grep -c ' held$' "$T/out")"
  assertEquals 6 "$(kept hold)"
  assertEquals 2 "$(kept corrupt)"
  assertEquals 2 "$(kept tmp)"
}

testThousands() {
  for place in new cur; do fill $place 2000; cat "$T/ids"; done >"$T/all"
  put_aside - <"$T/all"
  assertEquals 'exit code' 0 "$code"
  assertEquals "$(sed 's/$/ held/' "$T/all")" "$(cat "$T/out")"
  assertEquals 4000 "$(kept hold)"
  "$BIN/queue-release" -C "$I" -a >"$T/out" 2>"$T/err"
  put_aside -a
  assertEquals 'queue-hold: 4000 held' "$(cat "$T/err")"
}

# Nothing is written or waited for but the name and the hint, once a message; the FIFO is opened once.
testFewCalls() {
  fill cur 500
  hints traced -o "$T/calls" "$BIN/queue-hold" -C "$I" -a >"$T/out" 2>"$T/err"
  assertEquals 500 "$(grep -c '^held ' "$T/hints")"
  assertEquals 500 "$(grep -c '^renameat2' "$T/calls")"
  assertEquals 500 "$(grep -c '^openat.*fil"' "$T/calls")"
  assertEquals 1 "$(grep -c '^openat.*"trigger"' "$T/calls")"
  assertEquals 0 "$(grep -cE '^(fsync|fdatasync|syncfs|poll)\(' "$T/calls")"
  calls=$(wc -l <"$T/calls")
  assertTrue "$calls calls" "[ $calls -lt 5600 ]"
}

# Killed at its Nth move: whatever is in hold/ by then stands in its list, and everything is somewhere.
testKilled() {
  strace -o /dev/null true 2>/dev/null || { skip 'strace may not trace'; return; }
  fill new 10
  for n in 1 2 5; do
    strace -o /dev/null -e "inject=renameat2:signal=KILL:when=$n" "$BIN/queue-hold" -C "$I" -a >"$T/out" 2>"$T/err"
    assertEquals "at $n: all there" 10 $(($(kept new) + $(kept hold)))
    find "$I/queue/hold" -type f -printf '%f\n' >"$T/in-hold"
    assertEquals "at $n: recorded" '' "$(grep -vxFf "$I/queue/flush/customer.tld" "$T/in-hold")"
  done
  put_aside -a
  assertEquals 10 "$(kept hold)"
  assertEquals 10 "$(sort -u "$I/queue/flush/customer.tld" | wc -l)"
}

# Qmgr went, and another one came: nobody dies of the first one's FIFO.
testQmgrGoes() {
  mkfifo "$T/ids.fifo"
  message cur $A
  message cur $B
  "$BIN/queue-hold" -C "$I" - <"$T/ids.fifo" >"$T/out" 2>"$T/err" &
  holder=$!
  exec 7>"$T/ids.fifo" 8<>"$I/queue/trigger"
  echo $A >&7
  assertTrue "the first" "wait_for 10 grep -q '$A held' '$T/out'"
  exec 8>&-
  echo $B >&7
  assertTrue "the second" "wait_for 10 grep -q '$B held' '$T/out'"
  exec 7>&-
  wait $holder
  assertEquals 'exit code' 0 $?
  assertEquals 2 "$(kept hold)"
}

testUsage() {
  for arguments in -x -C -y "-a $A" '-a -'; do
    # shellcheck disable=SC2086 # words
    put_aside $arguments </dev/null
    assertEquals "$arguments: exit code" 100 "$code"
    assertContains "$(cat "$T/err")" 'usage: queue-hold [-C dir]'
  done
  put_aside $A x
  came 100 '' 'queue-hold: fatal: not an id: x'
}

testNoInstance() {
  "$BIN/queue-hold" -C "$T/none" -a >"$T/out" 2>"$T/err"
  code=$?
  came 111 '' "queue-hold: fatal: unable to open instance $T/none: No such file or directory"
}

# Never over another file of that name.
testTwoOfOneName() {
  message cur $A
  echo other >"$I/queue/hold/$A"
  put_aside $A
  assertEquals 'exit code' 111 "$code"
  assertEquals "queue-hold: warning: unable to hold $A: File exists" "$(head -n 1 "$T/err")"
  assertEquals other "$(cat "$I/queue/hold/$A")"
  assertEquals 1 "$(kept cur)"
}

testHints() {
  message cur $A
  message hold $B
  hints put_aside $A $B
  assertEquals "held $A" "$(cat "$T/hints")"
}

testLocked() {
  message cur $A
  locked "$I/queue/cur/1h8qa/$A"
  put_aside $A
  came 0 "$A held while being sent" 'queue-hold: 1 held while being sent'
  unlocked
}

# --- with a relay that runs -------------------------------------------------------------------

testBeingSent() {
  customer --delay 1
  start
  under_way
  put_aside "$ID"
  came 0 "$ID held while being sent" 'queue-hold: 1 held while being sent'
  assertTrue 'logged' "wait_for 10 logged qmgr '$ID: placed on hold'"
  assertTrue 'it comes' 'wait_for 30 sink_has 1'
  assertTrue 'and is done with' 'wait_for 10 drained'
  assertEquals 1 "$(sink_messages)"
}

# What was held while it was sent, and is deferred, is tried again when it is released.
testBeingDeferred() {
  customer --delay 1 --data '451 4.3.0 later'
  start
  under_way
  put_aside "$ID"
  assertTrue 'deferred' "wait_for 30 logged send '$ID: to=<x@live.example>'"
  sink_stop
  sink "$(basename "$SINK")"
  put live.example
  assertTrue 'another comes' 'wait_for 30 sink_has 1'
  flushed -a
  assertTrue 'carried out' 'wait_for 30 carried_out'
  assertEquals 1 "$(sink_messages)"
  assertEquals 1 "$(kept hold)"
  "$BIN/queue-release" -C "$I" -a >"$T/out" 2>"$T/err"
  flushed live.example
  assertTrue 'it comes' 'wait_for 30 sink_has 2'
  assertTrue 'and is done with' 'wait_for 10 drained'
}

# One of two recipients has it, the other one waits: held, that stays so.
testHalfSent() {
  customer
  start
  submit -t a@live.example -t b@parked.example >"$T/submit"
  assertTrue 'one has it' 'wait_for 20 sink_has 1'
  assertTrue 'one waits' 'wait_for 10 waits parked.example 1'
  put_aside -a
  assertEquals 'queue-hold: 1 held' "$(cat "$T/err")"
  flushed -w parked.example live.example >"$T/out"
  assertEquals 1 "$(sink_messages)"
  "$BIN/queue-release" -C "$I" -a >"$T/out" 2>"$T/err"
  flushed parked.example
  assertTrue 'the other' 'wait_for 20 sink_has 2'
  assertEquals '      1 a@live.example
      1 b@parked.example' "$(received)"
}

testNeverExpires() {
  sink customer
  instance expiry
  conf relaydomains example .example
  conf backoff '1 2'
  conf lifetime 2s
  conf routes "parked.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:1"
  start
  hold parked.example
  put live.example
  assertTrue 'deferred' 'wait_for 10 waits live.example 1'
  put_aside -a
  assertEquals 'queue-hold: 2 held' "$(cat "$T/err")"
  put live.example
  assertTrue 'what is not held expires' "wait_for 30 logged qmgr '$ID: from=<sender@elsewhere.example>, status=expired'"
  assertEquals 2 "$(kept hold)"
  assertEquals 1 "$(log qmgr | grep -c status=expired,)"
  assertEquals 0 "$(grep -l 'failed 5.4.7' "$I"/queue/hold/* | wc -l)"
}

testStoppedRelay() {
  customer
  start
  hold parked.example 2
  stop
  put_aside -a
  assertEquals 'queue-hold: 2 held' "$(cat "$T/err")"
  start
  flushed -w parked.example >"$T/out"
  assertEquals 0 "$(sink_messages)"
  assertEquals 2 "$(kept hold)"
}

hold_release() {
  "$BIN/queue-hold" -C "$I" -a >/dev/null 2>&1
  "$BIN/queue-release" -C "$I" -a >/dev/null 2>&1
}

testWhileMailFlows() {
  customer --delay 0.002
  start
  flow hold_release
}

. shunit2
