# Who gets the connections when there are more sites than connections, and most of them hang.
# shellcheck disable=SC1091
. tests/lib.sh

# Of 20 connections 4 are kept for what was asked for, 4 for sites that take mail.
TOTAL=20
# Of the other 12 a stranger gets twice as many as it leaves.
SHARE=8
STRANGER=127.0.0.9

oneTimeSetUp() {
  free_port MUTEPORT
  tests/peer/dns-mute "127.0.0.1:$MUTEPORT" 127.0.0.1:9 "$T/mute" </dev/null >"$T/mute.out" 2>&1 &
  mute_pid=$!
  wait_for 10 test -e "$T/mute"
  for name in first second; do
    mkdir "$T/$name"
    free_port SINKPORT
    echo "$SINKPORT" >"$T/$name/port"
  done
}

oneTimeTearDown() {
  [ -n "$mute_pid" ] || return 0 # shunit2 tears down twice
  kill "$mute_pid"
  wait "$mute_pid" 2>/dev/null
  mute_pid=
}

# A relay, and two customers that are there.  Names that begin with "mute" are looked up for ever.
setUp() {
  for name in first second; do
    rm -f "$T/$name"/*.msg "$T/$name"/*.env "$T/$name/log"
    sink "$name" --rcpt 'nobody@good.example=550 5.1.1 no such user'
  done
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf nameserver "127.0.0.1:$MUTEPORT"
  conf loopbackdns 1
  conf subdomains 0
  conf timeouts 'lookup 3600'
  conf backoff '600 3600'
  conf concurrency "5 $TOTAL"
  conf routes "first.example $(at first) park" "second.example $(at second) park" \
    "good.example $(at first)" ".asked.example - park"
  start
}

tearDown() {
  slow_stop
  stop
  for name in first second; do
    SINK=$T/$name
    sink_stop
  done
  fail_if_running "$I"
}

at() { echo "[127.0.0.1]:$(cat "$T/$1/port")"; }
got() { find "$T/$1" -maxdepth 1 -name '*.msg' | wc -l; }
has() { [ "$(got "$1")" -ge "$2" ]; }
# gets NAME N: a customer, so many messages, while others hang.
gets() { assertTrue "$1 got $(got "$1") of $2" "wait_for 30 has $1 $2"; }

mail() { submit "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }
flush() { "$BIN/flush-run" -C "$I" "$@"; }

connections() { busy_agents | wc -l; }
connected() { [ "$(connections)" -ge "$1" ]; }

# Hundreds of sites that hang, by one message each from there, until they have all they get.
strangers_mail() {
  mail -s "$1" -t "x@mute%d.${2-}example" -n 300
  assertTrue "$(connections) connections" "wait_for 30 connected $3"
}
parked() {
  mail -t x@first.example
  mail -t x@second.example
  wait_for 30 waits first.example 1
  wait_for 30 waits second.example 1
}

# --- what was asked for ---------------------------------------------------------------

testAskedAmongSitesThatHang() {
  parked
  strangers_mail "$STRANGER" '' $SHARE
  assertEquals '250' "$(etrn first.example | cut -c 1-3)"
  assertEquals '250' "$(etrn second.example | cut -c 1-3)"
  gets first 1
  gets second 1
}

# Sources enough to fill all that sites that hang may have.
testAskedAmongSitesThatHangOfMany() {
  parked
  for last in 2 3 4 5 6 7 8; do strangers_mail "127.0.0.$last" "of$last." 1; done
  assertTrue "$(connections) connections" 'wait_for 30 connected 11'
  etrn first.example >"$T/reply"
  etrn second.example >"$T/reply"
  gets first 1
  gets second 1
}

# What hangs was asked for as well.
testAskedAmongAskedThatHang() {
  parked
  mail -s $STRANGER -t 'x@mute%d.asked.example' -n 100
  flush @asked.example
  assertTrue "$(connections) connections" "wait_for 30 connected $SHARE"
  etrn first.example >"$T/reply"
  etrn second.example >"$T/reply"
  gets first 1
  gets second 1
}

# Nobody knows yet whose mail it is.
testAskedAfterARestart() {
  parked
  strangers_mail "$STRANGER" '' $SHARE
  service qmgr 'wr -T 10000 -r'
  assertTrue "$(connections) connections" "wait_for 30 connected $SHARE"
  etrn first.example >"$T/reply"
  etrn second.example >"$T/reply"
  gets first 1
  gets second 1
}

# --- whose mail it is -----------------------------------------------------------------

testOthersMailAmongAStrangers() {
  strangers_mail "$STRANGER" '' $SHARE
  mail -s "$STRANGER" -t stranger@good.example
  mail -s 127.0.0.8 -t x@good.example
  gets first 2
}

# So it is for a site that hangs as well: it has its connection.
testStrangerLeavesSome() {
  strangers_mail "$STRANGER" '' $SHARE
  assertEquals "$SHARE" "$(connections)"
  strangers_mail 127.0.0.8 'other.' $((SHARE + 2))
}

# --- what is given up -----------------------------------------------------------------

# All that sites that hang may have, and some more who wait.
all_hang() {
  for last in 2 3 4 5 6 7 8; do strangers_mail "127.0.0.$last" "of$last." 1; done
  assertTrue "$(connections) connections" 'wait_for 30 connected 11'
}

testNeverTriedAmongSitesThatHang() {
  all_hang
  mail -s 127.0.0.20 -t x@good.example
  gives_way first 1
}

testAskedAmongAskedThatHangOfMany() {
  parked
  for last in 2 3 4 5 6 7 8; do mail -s "127.0.0.$last" -t "x@mute%d.of$last.asked.example" -n 20; done
  flush @asked.example
  assertTrue "$(connections) connections" 'wait_for 30 connected 13'
  etrn first.example >"$T/reply"
  etrn second.example >"$T/reply"
  gives_way first 1
  gives_way second 1
}

# Sites that are connected to and do not get as far as to answer EHLO. 
testSitesThatNeverGreet() {
  for how in mute ehlo:octets; do
    slow never "$how" 0.0.0.0
    number=0
    while [ $((number += 1)) -le 120 ]; do echo "of$number.never.example [127.1.0.$number]:$SLOWPORT"; done >"$T/routes"
    cat "$I/conf/routes" >>"$T/routes"
    cp "$T/routes" "$I/conf/routes"
    service qmgr h
    before=$(got first)
    for last in 2 3 4 5 6 7 8; do mail -s "127.0.0.$last" -t 'x@of%d.never.example' -n 120; done
    assertTrue "$how: $(connections) connections" 'wait_for 30 connected 11'
    mail -s 127.0.0.20 -t x@good.example
    gives_way first $((before + 1))
    slow_stop
    tearDown
    setUp
  done
}

# gives_way NAME N: the same as gets, once those that hang are given up.
gives_way() { assertTrue "$1 got $(got "$1") of $2" "wait_for 150 has $1 $2"; }

# --- notices --------------------------------------------------------------------------

# Forged senders at domains that hang, of mail that the customer refuses.
notices() {
  mail -s "$STRANGER" -f 's@mute%d.forged.example' -t nobody@good.example -n "$1"
  assertTrue "told: $(told)" "wait_for 60 told_of $1"
}
told() { log bounce | grep -c 'sender non-delivery notification'; }
told_of() { [ "$(told)" -ge "$1" ]; }

# A tenth of 20; and one that has just refused the last of them.
testNoticesHaveATenth() {
  parked
  notices 60
  assertTrue "$(connections) connections" 'wait_for 20 at_most 2'
  assertTrue "no more: $(connections)" 'stays_at_most 2'
  etrn first.example >"$T/reply"
  etrn second.example >"$T/reply"
  gets first 1
  gets second 1
  service qmgr 'wr -T 10000 -r'
  assertTrue "$(connections) connections" 'wait_for 20 at_most 2'
  assertTrue "nor after a restart: $(connections)" 'stays_at_most 2'
}
at_most() { [ "$(connections)" -le "$1" ]; }
stays_at_most() {
  look=0
  while [ $((look += 1)) -le 20 ]; do
    at_most "$1" || return 1
    sleep 0.1
  done
}

# The customer has mail of its own behind one of the null sender, and is not known to take any.
testMailBehindNotices() {
  conf routes "first.example $(at first)" "good.example $(at second)"
  service qmgr h
  notices 60
  mail -s "$STRANGER" -f '<>' -t x@first.example
  mail -s "$STRANGER" -t x@first.example
  gets first 1
}

# shellcheck disable=SC1091
. shunit2
