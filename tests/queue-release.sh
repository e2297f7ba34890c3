# queue-release: what was held is found by the next flush, wherever it was held.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/operate.sh

setUp() { instance "one$((made = ${made-0} + 1))"; }

tearDown() {
  stop
  sink_stop
  fail_if_running
}

release() { operate queue-release "$@"; }
put_aside() { operate queue-hold "$@"; }

testOneMessage() {
  message hold $A
  release $A
  came 0 "$A released" 'queue-release: 1 released'
  assertEquals "$A" "$(ls "$I/queue/cur/1h8qa")"
  release $A
  came 1 "$A not held" 'queue-release: 0 released, 1 not held'
}

testNoMessage() {
  release $A
  came 1 "$A gone already" 'queue-release: 0 released, 1 gone already'
  release -a
  came 0 '' 'queue-release: 0 released'
  message cur $A
  message corrupt $B
  release $A $B
  came 1 "$A not held
$B not a whole message: not released" 'queue-release: 0 released, 1 not held, 1 not a whole message: not released'
}

# It was sent while it was held, and is in no list any more: nobody would remove it.
testSentAlready() {
  message hold $A
  sent hold $A
  hints release $A
  came 1 "$A gone already" 'queue-release: 0 released, 1 gone already'
  assertEquals "deleted $A" "$(cat "$T/hints")"
  assertEquals 0 "$(queued)"
}

testThousands() {
  fill hold 2000
  release <"$T/ids"
  assertEquals 'exit code' 0 "$code"
  assertEquals "$(sed 's/$/ released/' "$T/ids")" "$(cat "$T/out")"
  assertEquals 'queue-release: 2000 released' "$(cat "$T/err")"
  assertEquals 2000 "$(kept cur)"
  fill hold 2000
  release -a
  assertEquals 'queue-release: 2000 released' "$(cat "$T/err")"
  assertEquals 4000 "$(kept cur)"
}

testUsage() {
  for arguments in -x -C -y "-a $A" '-a -'; do
    # shellcheck disable=SC2086 # words
    release $arguments </dev/null
    assertEquals "$arguments: exit code" 100 "$code"
    assertContains "$(cat "$T/err")" 'usage: queue-release [-C dir]'
  done
  release x
  came 100 '' 'queue-release: fatal: not an id: x'
}

testNoInstance() {
  "$BIN/queue-release" -C "$T/none" -a >"$T/out" 2>"$T/err"
  code=$?
  came 111 '' "queue-release: fatal: unable to open instance $T/none: No such file or directory"
}

testHints() {
  message hold $A
  hints release $A $B
  assertEquals "released $A" "$(cat "$T/hints")"
}

# --- with a relay that runs -------------------------------------------------------------------

testParkedKeepsItsPlace() {
  customer
  start
  hold parked.example
  put_aside -a
  assertEquals 'queue-hold: 1 held' "$(cat "$T/err")"
  assertEquals 'parked.example' "$(etrn parked.example | sed 's/.*node \(.*\) started/\1/')"
  assertTrue 'carried out' 'wait_for 20 carried_out'
  assertEquals 'held' 0 "$(sink_messages)"
  release -a
  assertEquals 'queue-release: 1 released' "$(cat "$T/err")"
  assertTrue 'logged' 'wait_for 20 logged qmgr ": released from hold"'
  assertEquals 'unasked' 0 "$(sink_messages)"
  assertEquals 'once in its list' 1 "$(waiting parked.example)"
  etrn parked.example >"$T/out"
  arrive parked.example 1
  assertTrue 'and is done with' 'wait_for 10 drained'
  assertEquals 1 "$(sink_messages)"
}
# It was held before qmgr had ever seen it.
testHeldUnseen() {
  customer
  start
  service qmgr 'wd -d'
  put parked.example
  put_aside "$ID"
  assertEquals 'queue-hold: 1 held' "$(cat "$T/err")"
  service qmgr 'wU -u'
  flushed -w parked.example >"$T/out"
  assertEquals 'in its list' 1 "$(waiting parked.example)"
  release "$ID"
  assertEquals 'once' 1 "$(waiting parked.example)"
  assertEquals 0 "$(sink_messages)"
  etrn parked.example >"$T/out"
  arrive parked.example 1
}

# An ETRN right behind the release.
testEtrnAtOnce() {
  customer
  start
  hold parked.example 20
  put_aside -a
  flushed -w parked.example >"$T/out"
  release -a
  etrn parked.example >"$T/out"
  arrive parked.example 20
  assertTrue 'and are done with' 'wait_for 10 drained'
  assertEquals 20 "$(sink_messages)"
}

testSentWhenItIsNotParked() {
  customer
  start
  service qmgr 'wd -d'
  put live.example
  put_aside "$ID"
  service qmgr 'wU -u'
  release -a
  arrive live.example 1
}

testStoppedRelay() {
  customer
  start
  hold parked.example 3
  put_aside -a
  stop
  release -a
  assertEquals 'queue-release: 3 released' "$(cat "$T/err")"
  start
  etrn parked.example >"$T/out"
  arrive parked.example 3
  assertEquals 3 "$(sink_messages)"
}

# Held, released and held again while it is being sent: it comes once.
testBackAndForthWhileBeingSent() {
  customer --delay 0.5
  start
  under_way
  for _ in 1 2 3 4 5; do
    put_aside "$ID"
    release "$ID"
  done
  assertTrue 'it comes' 'wait_for 30 sink_has 1'
  put live.example
  assertTrue 'so does another' 'wait_for 30 sink_has 2'
  assertTrue "left: $(queued)" 'wait_for 20 drained'
  assertEquals 2 "$(sink_messages)"
}

. shunit2
