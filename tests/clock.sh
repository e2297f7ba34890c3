# A clock that is set back or forward, while qmgr runs and while it does not: libfaketime's, for qmgr and smtp-send.
# shellcheck disable=SC1091
. tests/lib.sh

FAKETIME=$(dpkg -L libfaketime | grep '/libfaketime\.so')
CLOCK=$T/clock

case $BIN in
  */build/*/bin) CLOCKED=${BIN%/bin}/tests/clock ;;
  *) CLOCKED=$(pwd)/build/tests/clock ;;
esac

setUp() {
  mkdir -p "$T/customer"
  [ -s "$T/customer/port" ] || { free_port SINKPORT && echo "$SINKPORT" >"$T/customer/port"; }
  SINKPORT=$(cat "$T/customer/port")
  SINK=$T/customer
  at="[127.0.0.1]:$SINKPORT"
  rm -f "$SINK"/*.msg "$SINK"/*.env "$SINK/log"
  clock +0
}

tearDown() {
  stop
  sink_stop
  fail_if_running
}

# --- the clock ------------------------------------------------------------------------------

# clock OFFSET: "-2h", "+7d" from the machine's.
clock() { echo "$1" >"$CLOCK.new" && mv "$CLOCK.new" "$CLOCK"; }

# The environment of a program that goes by it.  Its waits, and the times of files, are the machine's.
by_clock() {
  echo "export LD_PRELOAD='$FAKETIME' FAKETIME_TIMESTAMP_FILE='$CLOCK' FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1"
  echo "export ASAN_OPTIONS='$ASAN_OPTIONS:verify_asan_link_order=0'"
}

# relay BACKOFF ROUTE...: a running instance of its own, by that clock.
relay() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf backoff "$1"
  conf lifetime 5d
  shift
  conf routes "$@"
  by_clock >>"$I/service/qmgr/env"
  { echo "PATH='$CLOCKED':\$PATH"; by_clock; } >>"$I/service/send/env"
  start
}

qmgr_down() { s6-svc -wd -T 5000 -d "$I/service/qmgr" || fail 'qmgr does not stop'; }
qmgr_up() { s6-svc -wU -T 10000 -u "$I/service/qmgr" || fail 'qmgr does not start'; }

# set_clock HOW OFFSET: while qmgr is "running", which then hears of something; or while it is "stopped".
set_clock() {
  if [ "$1" = running ]; then
    clock "$2"
    flush nobody.example
    assertTrue 'qmgr looks at the clock' "wait_for 20 logged qmgr 'clock: '"
  else
    qmgr_down
    clock "$2"
    qmgr_up
  fi
}

# --- mail -----------------------------------------------------------------------------------

LATER='@a.example=450 4.2.1 later'

# customer [OPTION...]: its server, in place of the one there was.
customer() {
  sink_stop
  sink customer "$@"
}
flush() { "$BIN/flush-run" -C "$I" "$@"; }
settled() { assertTrue "$1 is not settled" "wait_for 60 carried_out $1"; }
carried_out() { [ ! -e "$I/queue/asked/$1" ] && [ ! -e "$I/queue/claim/$1" ]; }
gets() { assertTrue "customer got $(sink_messages) of $1: $(log qmgr)" "wait_for 40 sink_has $1"; }
site() { cat "$I/queue/site/$at" 2>/dev/null; }
is_down() { site | grep -q '^down'; }
failures() { site | sed 's/.* failures=\([0-9]*\) .*/\1/'; }
failed_times() { [ "$(failures)" -ge "$1" ] 2>/dev/null; }
# How often a recipient was refused for the moment.
deferred() { log send | grep -c 'status=deferred (host'; }
deferred_times() { [ "$(deferred)" -ge "$1" ]; }
expired() { log qmgr | grep -c 'status=expired, returned to sender$'; }
expired_times() { [ "$(expired)" -ge "$1" ]; }
mail() { submit -f '' -t "%d@a.example" -n "${1-1}" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }

# parked_mail N: so many messages that wait to be asked for.
parked_mail() {
  mail "$1"
  assertTrue 'parked' "wait_for 20 waits a.example $1"
}

# deferred_mail N: so many messages that were refused for the moment, and wait; nobody is at home then.
deferred_mail() {
  customer --rcpt "$LATER"
  mail "$1"
  [ $# = 1 ] || { wait_for 20 waits a.example "$1" && flush a.example; }
  assertTrue 'refused' "wait_for 40 deferred_times $1"
  settled a.example
  assertTrue 'waits' "wait_for 20 waits a.example $1"
  sink_stop
}

# --- set back -------------------------------------------------------------------------------

testProbesGoOn() {
  for how in running stopped; do
    relay '1 4' "* $at"
    mail
    assertTrue 'down' 'wait_for 10 is_down'
    set_clock $how -2h
    failures=$(failures)
    assertTrue "$how: probes go on: $(site)" "wait_for 20 failed_times $((failures + 2))"
    customer
    gets 1
    tearDown
    setUp
  done
}

testAskedForAfterwards() {
  for how in running stopped; do
    relay '1 4' "* $at park"
    deferred_mail 3 asked
    set_clock $how -2h
    customer
    flush a.example
    gets 3
    assertTrue 'drained' 'wait_for 10 drained'
    tearDown
    setUp
  done
}

testRetriedAfterwards() {
  for how in running stopped; do
    relay '10 10' "* $at"
    deferred_mail 3
    set_clock $how -2h
    customer
    gets 3
    tearDown
    setUp
  done
}

# What comes back is not tried again for the same request, whatever the clock says then.
testWhileAFlushRuns() {
  relay '600 600' "* $at park"
  parked_mail 20
  customer --rcpt "$LATER" --delay 0.1
  flush a.example
  assertTrue 'some were tried' 'wait_for 20 deferred_times 3'
  set_clock running -2h
  settled a.example
  assertTrue 'each was tried' 'wait_for 20 deferred_times 20'
  assertTrue 'wait_for 20 waits a.example 20'
  flush nobody.example
  settled nobody.example
  assertEquals 'once' 20 "$(deferred)"
  customer
  flush a.example
  gets 20
}

# Who waits for a flush waits no longer than he said.
testWhileSomebodyWaitsForAFlush() {
  relay '600 600' "* $at park"
  parked_mail 1
  customer --mute
  (eval "$(by_clock)"; exec "$BIN/flush-run" -C "$I" -w -t 3 a.example) >"$T/out" 2>"$T/err" &
  waiter=$!
  assertTrue 'under way' 'wait_for 10 [ -s "$SINK/log" ]'
  clock -2h
  assertTrue 'comes to its end' "wait_for 20 gone $waiter"
  wait $waiter
  assertEquals 111 $?
  assertContains "$(cat "$T/err")" 'time is up'
}

# It failed in the future, it says, and its back-off is not over: that is due.
testSiteFileOfTheFuture() {
  relay '600 3600' "* $at"
  mail
  assertTrue 'down' 'wait_for 10 is_down'
  qmgr_down
  now=$(date +%s)
  echo "down since=$((now + 900)) failures=9 next=$((now + 1800)) 4.4.1 connect" >"$I/queue/site/$at"
  customer
  qmgr_up
  gets 1
}

# --- set forward ------------------------------------------------------------------------------

testForwardRefusedForTheMoment() {
  for how in running stopped; do
    relay '600 3600' "* $at"
    deferred_mail 3
    customer
    set_clock $how +7d
    gets 3
    assertEquals "$how: none is given up" 0 "$(expired)"
    tearDown
    setUp
  done
}

testForwardSiteDown() {
  for how in running stopped; do
    relay '600 3600' "* $at"
    mail 3
    assertTrue 'down' 'wait_for 10 is_down'
    customer
    set_clock $how +7d
    gets 3
    assertEquals "$how: none is given up" 0 "$(expired)"
    tearDown
    setUp
  done
}

testForwardParked() {
  for how in running stopped; do
    relay '600 3600' "* $at park"
    parked_mail 3
    set_clock $how +7d
    flush nobody.example
    settled nobody.example
    qmgr_down # that time has passed unseen is not forgotten
    qmgr_up
    customer
    flush a.example
    gets 3
    assertEquals "$how: none is given up" 0 "$(expired)"
    tearDown
    setUp
  done
}

# --- it fails under the new clock, too ----------------------------------------------------------

testForwardThenExpires() {
  relay '600 3600' "* $at"
  deferred_mail 3
  customer --rcpt "$LATER"
  set_clock running +7d
  assertTrue "given up: $(log qmgr)" 'wait_for 30 expired_times 3'
  assertEquals 'tried once more, each' 6 "$(deferred)"
  assertContains "$(log qmgr)" 'status=expired (delivery time expired; last: host '
  assertTrue "drained: $(log qmgr)" 'wait_for 10 drained'
}

testForwardSiteDownThenExpires() {
  relay '600 3600' "* $at"
  mail 3
  assertTrue 'down' 'wait_for 10 failed_times 1'
  set_clock running +7d
  assertTrue "given up: $(log qmgr)" 'wait_for 30 expired_times 3'
  assertTrue "tried once more: $(site)" 'failed_times 2'
  assertTrue "drained: $(log qmgr)" 'wait_for 10 drained'
}

testForwardParkedThenExpires() {
  relay '600 3600' "* $at park"
  parked_mail 3
  set_clock running +7d
  customer --rcpt "1$LATER"
  flush a.example
  gets 2
  assertTrue "given up: $(log qmgr)" 'wait_for 30 expired_times 1'
  assertTrue "drained: $(log qmgr)" 'wait_for 10 drained'
}

# Customers have as long as it may live to ask for it, at the most a day.
testForwardParkedAndNeverAskedFor() {
  relay '600 3600' "* $at park lifetime=30s"
  parked_mail 3
  set_clock running +7d
  flush nobody.example
  settled nobody.example
  assertEquals 0 "$(expired)"
  assertTrue "given up: $(log qmgr)" 'wait_for 60 expired_times 3'
}

# What is being written right now looks old then.
testForwardWhileAMessageIsWritten() {
  for how in running stopped; do
    relay '600 3600' "* $at park"
    touch "$I/queue/tmp/1abcdefgh12345"
    set_clock $how +7d
    flush nobody.example
    settled nobody.example
    assertTrue "$how" "[ -e '$I/queue/tmp/1abcdefgh12345' ]"
    tearDown
    setUp
  done
}

. shunit2
