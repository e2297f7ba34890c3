# The scheduler, with real deliveries: what is tried when, and what never is.
# shellcheck disable=SC1091
. tests/lib.sh

setUp() {
  port customer
  port other
  forget customer
  forget other
  sinks=
}

tearDown() {
  stop
  for SINK in $sinks; do sink_stop; done
  fail_if_running
}

# --- customers ----------------------------------------------------------------------

# port NAME: of a customer's server that need not be there yet; $T/NAME/port.
port() {
  mkdir -p "$T/$1"
  [ -s "$T/$1/port" ] || { free_port SINKPORT && echo "$SINKPORT" >"$T/$1/port"; }
}

# at NAME: its next hop, as a route has it.
at() { echo "[127.0.0.1]:$(cat "$T/$1/port")"; }

# appears NAME [OPTION...], goes NAME: a customer's server; whoever did last is SINK.
appears() {
  sinks="$sinks $T/$1"
  sink "$@"
}
goes() {
  SINK=$T/$1
  sink_stop
}
of() {
  # shellcheck disable=SC2034 # for functions of tests/lib.sh
  SINK=$T/$1
  shift
  "$@"
}

# visits NAME: how often it was connected to; tried NAME N: at least so often?
visits() { grep -c '^connect' "$T/$1/log" 2>/dev/null || [ -e "$T/$1/log" ] || echo 0; }
tried() { [ "$(visits "$1")" -ge "$2" ]; }
got() { find "$T/$1" -maxdepth 1 -name '*.msg' | wc -l; }
has() { [ "$(got "$1")" -ge "$2" ]; }
offered() { [ "$(grep -c '^rcpt' "$T/$1/log")" -ge "$2" ]; }
gets() { assertTrue "$1 got $(got "$1") of $2" "wait_for 30 has $1 $2"; }

# customers are forgotten after each test: directories stay, so that ports do.
forget() { rm -f "$T/$1"/*.msg "$T/$1"/*.env "$T/$1/log"; }

# --- the instance -------------------------------------------------------------------

# relay ROUTE...: a running instance of its own.
relay() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf backoff '1 4'
  conf routes "$@"
  start
}

mail() { submit "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }
to() { mail -t "x@$1"; }

site() { cat "$I/queue/site/$(at "$1")" 2>/dev/null; }
# is NAME STATE..., the beginning of its site file.
is() { site "$1" | grep -q "^$2"; }
failures() { site "$1" | sed 's/.* failures=\([0-9]*\) .*/\1/'; }
next() { site "$1" | sed 's/.* next=\([0-9]*\) .*/\1/'; }
failed_times() { [ "$(failures "$1")" -ge "$2" ] 2>/dev/null; }

listed() { cat "$I/queue/flush/$1" 2>/dev/null; }
flush() { "$BIN/flush-run" -C "$I" "$@"; }
settled() { assertTrue "$1 is not settled" "wait_for 20 carried_out $1"; }
carried_out() { [ ! -e "$I/queue/asked/$1" ] && [ ! -e "$I/queue/claim/$1" ]; }
kept_in() { find "$I/queue/$1" -type f | wc -l; }

qmgr_pid() { s6-svstat -o pid "$I/service/qmgr"; }
qmgr_killed() {
  killed=$(qmgr_pid)
  kill -9 "$killed"
  wait_for 10 another_than "$killed" || fail 'qmgr is not back'
}
another_than() { [ "$(s6-svstat -o ready,pid "$I/service/qmgr")" != "true $1" ] && s6-svwait -U -t 1000 "$I/service/qmgr" 2>/dev/null; }
qmgr_down() { s6-svc -wd -T 5000 -d "$I/service/qmgr" || fail 'qmgr does not stop'; }
qmgr_up() { s6-svc -wU -T 10000 -u "$I/service/qmgr" || fail 'qmgr does not start'; }

# reread: SIGHUP, and wait until it was seen to: by then qmgr has answered a later request too.
reread() {
  service qmgr h
  sleep 0.2 # s6-supervise takes the order from a FIFO
  flush nobody.example
  wait_for 10 carried_out nobody.example
}

# --- sites --------------------------------------------------------------------------

# What is said to be for the supervisor and is not open would be a file of the queue's later.
testNoReadyDescriptor() {
  instance noready
  "$BIN/qmgr" -C "$I" -d 3 2>"$T/err" 3>&-
  assertEquals 'exit code' 100 $?
  assertEquals 'qmgr: fatal: unable to use the descriptor of -d: Bad file descriptor' "$(cat "$T/err")"
}

testNewMailGoesAtOnce() {
  appears customer
  relay "* $(at customer)"
  began=$(date +%s%N)
  to a.example
  gets customer 1
  took=$((($(date +%s%N) - began) / 1000000))
  assertTrue "took $took ms" "[ $took -lt 3000 ]"
  assertTrue 'removed' 'wait_for 10 drained'
  assertTrue "$(site customer)" "is customer 'up since=[0-9]* failures=0 next=0 127'"
  assertTrue 'logged' 'logged qmgr "from=<sender@elsewhere.example>, size="'
  assertTrue 'logged' 'logged qmgr ": removed"'
}

# However many wait for however many domains, one connection for each back-off.
testOneProbeForASiteThatIsDown() {
  appears customer --greet '421 4.3.2 away'
  relay ".away.example $(at customer)"
  conf backoff '2 8'
  reread
  mail -t '%d@%d.away.example' -n 20
  assertTrue 'down' 'wait_for 10 is customer down'
  # jitter takes an eighth at the most
  assertTrue "three times: $(site customer)" 'wait_for 20 failed_times customer 3'
  assertEquals 'connections' "$(failures customer)" "$(visits customer)"
  assertContains "$(site customer)" ' 4.3.2 '
  assertEquals 20 "$(queued)"
  assertEquals 'each in its own list' 20 "$(find "$I/queue/flush" -name '*.away.example' | wc -l)"
  to later.away.example
  assertTrue 'recorded' 'wait_for 5 waits later.away.example 1'
  assertEquals 'new mail is no reason to try' "$(failures customer)" "$(visits customer)"
}

testBackOffDoublesUpToItsMaximum() {
  relay "* $(at customer)"
  to a.example
  assertTrue 'down' 'wait_for 10 is customer "down since=[0-9]* failures=1 next=[0-9]* 4.4.1 "'
  since=$(site customer | sed 's/.*since=\([0-9]*\).*/\1/')
  steps=
  for n in 1 2 3 4; do
    assertTrue "$n: $(site customer)" "wait_for 10 failed_times customer $n"
    now=$(date +%s)
    steps="$steps$((($(next customer) - now + 1) / 2 * 2)) "
  done
  # 1, 2, 4, 4 seconds and less by up to an eighth; now and next are whole seconds
  assertTrue "$steps" "echo '$steps' | grep -qE '^[02] [02] [24] [24] $'"
  assertContains 'down since the first failure' "$(site customer)" "since=$since "
}

# A greeting is not enough to forget failures.
# It fails with the third connection in a row that got nothing anywhere, each with another message.
testBackOffDoublesForASiteThatGreets() {
  appears customer --mail '421 4.3.2 busy'
  relay "* $(at customer)"
  mail -t x@a.example -n 9
  assertTrue "$(site customer)" 'wait_for 20 failed_times customer 3'
  goes customer
  appears customer
  gets customer 9
  assertTrue "$(site customer)" "wait_for 10 is customer 'up since=[0-9]* failures=0 '"
}

# 30 s of back-off would have to pass; a qmgr that starts must not try before.
testBackOffSurvivesARestart() {
  relay "* $(at customer)"
  conf backoff '30 60'
  reread
  appears customer --greet '421 4.3.2 away'
  to a.example
  assertTrue 'down' 'wait_for 10 is customer down'
  before=$(site customer)
  qmgr_killed
  qmgr_killed
  to b.example
  assertTrue 'recorded' 'wait_for 10 waits b.example 1'
  assertEquals 'tried once' 1 "$(visits customer)"
  assertEquals "$before" "$(site customer)"
}

# A site file that was written while the clock was wrong.
testBackOffIsNeverLongerThanItsMaximum() {
  relay "* $(at customer)"
  to a.example
  assertTrue 'down' 'wait_for 10 is customer down'
  qmgr_down
  echo 'down since=4000000000 failures=9 next=5000000000 4.4.1 connect' >"$I/queue/site/$(at customer)"
  appears customer
  qmgr_up
  assertTrue 'tried' 'wait_for 10 has customer 1'
}

testFirstSuccessWakesAllDomainsOfTheSite() {
  relay ".away.example $(at customer)"
  mail -t '%d@%d.away.example' -n 30
  assertTrue 'down' 'wait_for 10 is customer down'
  mail -t '%d@more.away.example' -n 30
  wait_for 10 failed_times customer 2
  appears customer
  gets customer 60
  assertTrue 'all gone' 'wait_for 10 drained'
  assertEquals 'each once' 60 "$(got customer)"
  assertTrue "$(site customer)" 'is customer up'
}

# --- parked -------------------------------------------------------------------------

testParkedIsNeverTriedUnasked() {
  appears customer
  relay "* $(at customer) park"
  hold parked.example 3
  assertTrue "$(site customer)" "is customer 'parked since='"
  qmgr_killed
  qmgr_killed
  "$BIN/qmgr-trigger" -C "$I" scan
  hold second.example
  assertEquals 0 "$(visits customer)"
}

# Another domain's mail makes the site known as up: that asks for nothing.
testParkedStaysWhenItsSiteIsUp() {
  appears customer
  relay "now.example $(at customer)" "* $(at customer) park"
  hold parked.example 3
  to now.example
  gets customer 1
  assertTrue 'wait_for 10 is customer up'
  to now.example
  gets customer 2
  assertEquals 3 "$(waiting parked.example)"
  assertEquals 0 "$(of customer sink_for parked.example)"
}

testFlushSendsWhatIsParked() {
  appears customer
  relay "* $(at customer) park"
  hold parked.example 3
  hold other.example 2
  flush parked.example
  gets customer 3
  settled parked.example
  assertEquals 'the other waits' 2 "$(waiting other.example)"
  assertEquals 3 "$(got customer)"
}

testFlushOfNothingMakesNoConnection() {
  appears customer
  relay "* $(at customer) park"
  flush nothing.example
  settled nothing.example
  flush @example
  settled @example
  hold held.example
  id=$(listed held.example)
  mv "$(find "$I/queue/cur" -name "$id")" "$I/queue/hold/"
  flush held.example
  settled held.example
  assertEquals 0 "$(visits customer)"
  assertTrue 'no agent is left either' 'wait_for 5 agents_gone'
}

agents_gone() { [ -z "$(busy_agents)" ]; }

# A message for three domains: the flush of one changes nothing for the others.
testFlushTouchesItsDomainAlone() {
  appears other --greet '421 4.3.2 away'
  appears customer
  relay "down.example $(at other)" "* $(at customer) park"
  conf backoff '600 3600'
  reread
  to down.example
  assertTrue 'down' 'wait_for 10 is other down'
  mail -t a@asked.example -t b@parked.example -t c@down.example
  assertTrue 'wait_for 10 waits asked.example 1 && wait_for 10 waits down.example 2'
  id=$(listed asked.example)
  before=$(site other)
  flush asked.example
  gets customer 1
  settled asked.example
  assertEquals 'its list is done with' 0 "$(waiting asked.example)"
  assertEquals 'RCPTs' 'a@asked.example' "$(sed -n 's/.*RCPT TO:<\(.*\)>.*/\1/p' "$T"/customer/*.env)"
  assertEquals "$id" "$(listed parked.example)"
  assertEquals 2 "$(waiting down.example)"
  assertEquals "$before" "$(site other)"
  assertEquals 1 "$(visits other)"
}

# --- flush of what is down ----------------------------------------------------------

testFlushOfASiteThatIsDownIsTriedNow() {
  appears customer --greet '421 4.3.2 away'
  relay "* $(at customer)"
  conf backoff '600 3600'
  reread
  mail -t '%d@a.example' -n 3
  assertTrue 'down' 'wait_for 10 is customer down'
  assertTrue 'wait_for 10 waits a.example 3'
  next=$(next customer)
  flush a.example
  assertTrue 'tried' 'wait_for 10 tried customer 2'
  settled a.example
  assertEquals 'not longer' "1 $next" "$(failures customer) $(next customer)"
  assertEquals 'one connection for a flush' 2 "$(visits customer)"
  flush @example
  settled @example
  settled a.example
  assertEquals 'one for the domains below a name, too' 3 "$(visits customer)"
  goes customer
  appears customer
  to b.example
  assertTrue 'still waits' 'wait_for 10 waits b.example 1'
  flush a.example
  gets customer 4
}

# What was asked for while it was out, and came back, is tried once more.
testFlushOfWhatIsInFlight() {
  appears customer --delay 1.5 --rcpt 'later.example=450 4.2.1 not now'
  relay "* $(at customer)"
  conf backoff '600 3600'
  reread
  to later.example
  assertTrue 'in flight' 'wait_for 10 tried customer 1'
  flush later.example
  assertTrue 'tried again' "wait_for 30 rcpts customer 2"
  settled later.example
  assertTrue 'waits' 'wait_for 10 waits later.example 1'
  sleep 2
  assertEquals 'once' 2 "$(grep -c '^rcpt' "$T/customer/log")"
}
rcpts() { [ "$(grep -c '^rcpt' "$T/$1/log")" -ge "$2" ]; }

testFlushesThatComeTogetherAreOne() {
  appears customer --delay 0.02 --rcpt '@asked.example=450 4.2.1 not now'
  relay "* $(at customer) park"
  hold asked.example 20
  flush asked.example
  wait_for 10 offered customer 1
  service qmgr p
  for _ in 1 2 3 4 5 6 7 8 9; do flush asked.example; done
  service qmgr c
  settled asked.example
  assertTrue 'wait_for 20 waits asked.example 20'
  # those in flight when it was asked for again are tried again, and the rest was not tried yet
  assertTrue "$(grep -c '^rcpt' "$T/customer/log") attempts" "[ $(grep -c '^rcpt' "$T/customer/log") -le 40 ]"
  assertEquals 20 "$(queued)"
}

testFlushWhileQmgrIsDown() {
  appears customer
  relay "* $(at customer) park"
  hold one.example
  hold two.example
  hold three.a.example
  id=$(listed two.example)
  qmgr_down
  flush one.example
  flush -i "$id"
  flush @a.example
  qmgr_up
  gets customer 3
  assertTrue 'all done' 'wait_for 10 drained'
  assertEquals 'no request is left' 0 "$(kept_in asked)"
}

testFlushWhileQmgrIsStopped() {
  appears customer
  relay "* $(at customer) park"
  hold one.example
  kill -STOP "$(qmgr_pid)"
  flush one.example
  assertEquals 250 "$(etrn one.example | cut -c1-3)"
  assertEquals 0 "$(visits customer)"
  kill -CONT "$(qmgr_pid)"
  gets customer 1
}

testFlushWhileQmgrIsStoppedThenKilled() {
  appears customer
  relay "* $(at customer) park"
  hold one.example
  kill -STOP "$(qmgr_pid)"
  flush one.example
  qmgr_killed
  gets customer 1
}

# The first flush works on its list; what came since is asked for too when qmgr is killed.
testFlushAskedForMeanwhileSurvivesAKill() {
  appears customer --delay 1
  relay "* $(at customer) park"
  hold one.example
  flush one.example
  assertTrue 'at work' 'wait_for 10 tried customer 1'
  to one.example
  assertTrue 'the second waits' 'wait_for 10 waits one.example 1'
  flush one.example
  wait_for 2 taken_up one.example
  qmgr_killed
  gets customer 2
  assertTrue 'wait_for 20 drained'
}
taken_up() { ! asked "$1" || logged qmgr "flush $1"; }

# An agent outlives its qmgr with one recipient of a message in hand, while the next qmgr has another one
# out at a site that says nothing: the first is tried again once that agent is gone, and does not wait.
testRecipientThatAnOldAgentHeldIsTried() {
  appears customer --delay 3
  appears other --mute
  relay "a.example $(at customer)" "* $(at other)"
  conf backoff '2 4'
  reread
  mail -t x@a.example -t y@b.example
  assertTrue 'at work' 'wait_for 30 rcpts customer 1'
  old=$(busy_agents)
  qmgr_killed
  assertTrue 'waits in its list' 'wait_for 10 waits a.example 1'
  kill -9 $old 2>/dev/null
  goes customer
  appears customer
  assertTrue 'tried again' 'wait_for 40 has customer 1'
}

# A message asked for by its id; killed before it was tried.
testFlushOfAMessageSurvivesAKill() {
  appears customer --delay 2
  relay "* $(at customer) park"
  conf concurrency '1 1'
  reread
  hold busy.example
  hold one.example 2
  id=$(listed one.example | tail -n 1)
  flush busy.example
  assertTrue 'at work' 'wait_for 10 tried customer 1'
  flush -i "$id"
  assertTrue 'taken up' "wait_for 10 logged qmgr 'flush =$id'"
  qmgr_killed
  gets customer 2
  assertTrue 'that one alone' "wait_for 10 unasked =$id"
  sleep 1
  assertEquals 2 "$(got customer)"
}

# --- others are not held up ---------------------------------------------------------

testMuteSiteHoldsNobodyUp() {
  appears other --mute
  appears customer
  relay "mute.example $(at other)" "* $(at customer)"
  mail -t a@mute.example -t b@here.example
  mail -t '%d@mute.example' -n 50
  gets customer 1
  to there.example
  gets customer 2
  assertEquals 'one connection waits' 1 "$(visits other)"
  flush mute.example
  to there.example
  gets customer 3
  assertEquals 51 "$(queued)"
}

# There are no connections left but for one; who waits gets it once it is free.
testSitesShareTheConnections() {
  appears other
  appears customer
  relay "other.example $(at other)" "* $(at customer)"
  conf concurrency '1 1'
  reread
  mail -t '%d@other.example' -n 10
  mail -t '%d@a.example' -n 10
  gets other 10
  gets customer 10
}

# Nor does one with much to send keep them to itself.
testBusySiteMakesRoom() {
  appears customer
  appears other --delay 0.01
  relay "other.example $(at other) park" "* $(at customer)"
  conf concurrency '1 1'
  reread
  hold other.example 500
  flush other.example
  wait_for 20 has other 10
  to a.example
  gets customer 1
  assertTrue "$(got other) sent by then" "[ $(got other) -lt 400 ]"
}

testConcurrencyOfASite() {
  appears customer --delay 0.05
  relay ".few.example $(at customer) concurrency=2" ".example $(at other) park"
  mail -t '%d@a.few.example' -n 60
  most=0
  while ! has customer 60 && [ "$(date +%s)" -lt "$((${began:=$(date +%s)} + 60))" ]; do
    now=$(($(grep -c '^connect' "$T/customer/log") - $(grep -c '^closed' "$T/customer/log")))
    [ "$now" -le "$most" ] || most=$now
  done
  gets customer 60
  assertTrue "$most at once" "[ $most -le 2 ] && [ $most -ge 1 ]"
}

# Two routes to one next hop: the site may have as many as the larger number says, the other domain's mail
# goes over no more of these at once than its own route allows.
testConcurrencyOfADomain() {
  appears customer --delay 0.02
  relay "few.example $(at customer) concurrency=1" "many.example $(at customer) concurrency=4"
  mail -t 'a%d@few.example' -t 'b%d@many.example' -t 'c%d@many.example' -n 40
  mail -t '%d@few.example' -n 40
  mail -t '%d@many.example' -n 120
  gets customer 200
  assertEquals 'connections that had mail for few.example at once' 1 "$(at_once customer few)"
  assertTrue "$(at_once customer many) for many.example" "[ $(at_once customer many) -gt 1 ]"
}

# at_once SITE WORD: how many connections at most were in a transaction with such a recipient.
at_once() {
  awk -v word="$2" '
    $1 == "rcpt" && index($0, word) && !($2 in busy) { busy[$2]; if (++now > most) most = now }
    ($1 == "sent" || $1 == "closed") && $2 in busy { delete busy[$2]; now-- }
    END { print most + 0 }' "$T/$1/log"
}

# --- results ------------------------------------------------------------------------

testOneRecipientIsDeferred() {
  appears customer --rcpt 'later@a.example=450 4.2.1 not now'
  relay "* $(at customer)"
  conf backoff '2 4'
  reread
  mail -t now@a.example -t later@a.example -t now@b.example
  assertTrue 'waits' 'wait_for 10 waits a.example 1'
  assertTrue 'again' 'wait_for 20 rcpts customer 5'
  assertEquals 'the others once' 2 "$(grep -c '^rcpt.*<now@' "$T/customer/log")"
  first=$(journal_times | sed -n 1p)
  second=$(journal_times | sed -n 2p)
  assertTrue "$first $second" "[ $((second - first)) -ge 2 ] && [ $((second - first)) -le 4 ]"
  assertTrue 'the site is up' 'is customer up'
  goes customer
  appears customer
  gets customer 2
  assertTrue 'wait_for 10 drained'
}
# Seconds of each deferral, of the one message there is.
journal_times() { find "$I/queue/cur" -type f -exec sed -n 's/^\([0-9]*\)\.[0-9]* [0-9]* deferred .*/\1/p' {} +; }

# A message that is refused for the moment keeps nothing else of its domain back.
testDeferredMessageHoldsNobodyUp() {
  appears customer --rcpt '20@a.example=450 4.2.1 not now'
  relay "* $(at customer)"
  conf backoff '600 3600'
  reread
  mail -t '%d@a.example' -n 20
  gets customer 19
  assertTrue 'waits' 'wait_for 10 waits a.example 1'
  to a.example
  gets customer 20
  assertEquals 'tried once' 1 "$(grep -c '^rcpt.*<20@a' "$T/customer/log")"
}

testRefusedMessageIsToldOf() {
  appears customer --rcpt 'nobody@a.example=550 5.1.1 no such user'
  relay "* $(at customer)"
  mail -t nobody@a.example -t x@a.example
  gets customer 2
  assertTrue 'gone' 'wait_for 10 drained'
  assertContains 'the sender is told' "$(cat "$T/customer"/*.env)" '<sender@elsewhere.example>'
  assertEquals 'no notice is due' 0 "$(kept_in notice)"
  assertTrue 'logged' 'logged send "status=bounced" || logged send "dsn=5.1.1"'
  assertEquals 'nothing waits' 0 "$(waiting a.example)"
}

# Counted since ever: a restart goes on from there.
testTotals() {
  appears customer --rcpt 'nobody@a.example=550 5.1.1 no such user' --rcpt 'away@a.example=450 4.2.1 not now'
  relay "* $(at customer)"
  conf backoff '600 3600'
  reread
  mail -f '' -t nobody@a.example -t away@a.example -t x@a.example
  gets customer 1
  assertTrue 'counted' 'wait_for 10 totals_are "sent=1 deferred=1 failed=1"'
  qmgr_killed
  mail -f '' -n 2 -t x@a.example
  gets customer 3
  assertTrue 'counted on' 'wait_for 10 totals_are "sent=3 deferred=1 failed=1"'
}
totals_are() { [ "$(cat "$I/queue/totals" 2>/dev/null)" = "$1" ]; }

# What an operator did is in the log; what is no id is not.
testDeedsAreLogged() {
  relay "* $(at customer) park"
  for deed in deleted held released requeued 'held x' 'held 1h8qaaaaa0000/'; do
    "$BIN/qmgr-trigger" -C "$I" ${deed% *} "$(case $deed in (*' '*) echo "${deed#* }";; (*) echo 1h8qaaaaa00001;; esac)"
  done
  hold a.example
  assertEquals '1h8qaaaaa00001: removed
1h8qaaaaa00001: placed on hold
1h8qaaaaa00001: released from hold
1h8qaaaaa00001: requeued' "$(log qmgr | sed -n 's/^[^ ]* qmgr: \(1h8q\)/\1/p')"
}

# It was sent by an agent that outlived its qmgr, while an operator had put it aside.
testReleasedWithNothingOwed() {
  appears customer
  relay "* $(at customer) park"
  hold a.example
  id=$(listed a.example)
  file=$(find "$I/queue/cur" -name "$id")
  printf '1763711160.000001 0 sent 2.0.0 none ok\n' >>"$file"
  "$BIN/qmgr-trigger" -C "$I" released "$id"
  assertTrue 'gone' 'wait_for 10 drained'
  assertTrue 'logged' 'logged qmgr "$id: removed"'
  assertEquals 'and not sent' 0 "$(got customer)"
}

# Nobody is told, and nothing is kept.
testRefusedNotice() {
  appears customer --rcpt 'nobody@a.example=550 5.1.1 no such user'
  relay "* $(at customer)"
  mail -f '' -t nobody@a.example
  assertTrue 'logged' 'wait_for 10 logged send "status=bounced"'
  assertTrue 'gone' 'wait_for 10 drained'
  assertEquals 'no notice is due' 0 "$(kept_in notice)"
}

# An id stands twice in the list, and its first job comes to its end just when qmgr, slow between
# reading the message and locking it, looks at it again.
testSentWhileItIsLookedAt() {
  appears customer --delay 0.12
  relay "* $(at customer) park"
  hold a.example 2
  listed a.example | head -n 1 >"$T/again"
  cat "$T/again" >>"$I/queue/flush/a.example"
  traced -o "$T/calls" -p "$(qmgr_pid)" -e trace=fcntl -e inject=fcntl:delay_enter=300000 2>"$T/strace" &
  tracer=$!
  wait_for 10 grep -q attached "$T/strace"
  flush a.example
  gets customer 2
  assertTrue 'drained' 'wait_for 20 drained'
  settled a.example
  kill "$tracer"
  wait "$tracer" 2>/dev/null
  assertEquals 'each once' 2 "$(got customer)"
  assertEquals 'and not offered again' 2 "$(grep -c '^rcpt' "$T/customer/log")"
}

# What an operator takes away, or puts aside, while it is with an agent.
testRemovedInFlight() {
  appears customer --delay 1
  relay "* $(at customer)"
  mail -t a@a.example
  assertTrue 'being sent' 'wait_for 10 offered customer 1'
  id=$(ls "$I/queue/new")
  rm "$I/queue/new/$id"
  gets customer 1
  assertTrue 'drained' 'wait_for 10 drained'
  mail -t b@a.example
  assertTrue 'being sent' 'wait_for 10 offered customer 2'
  id=$(ls "$I/queue/new")
  mv "$I/queue/new/$id" "$I/queue/hold/$id"
  gets customer 2
  assertTrue 'sent, so nothing is held' 'wait_for 10 drained'
  assertFalse 'no complaint' 'logged qmgr warning'
}

# --- expiry -------------------------------------------------------------------------

# Of the null sender: nobody is told, and nothing left.
returned() { log qmgr | grep -c 'status=expired, returned to sender$'; }
expired_all() { drained && [ "$(returned)" = "$1" ]; }

testExpiry() {
  relay "* $(at customer)"
  conf lifetime 3s
  reread
  mail -f '' -t x@a.example
  assertTrue 'down' 'wait_for 10 waits a.example 1'
  assertTrue 'expired' 'wait_for 10 expired_all 1'
  assertTrue 'logged' 'logged qmgr "status=expired"'
  assertTrue 'its list is done with' 'wait_for 5 waits a.example 0'
}

testExpiryOfParkedMailByItsRoute() {
  relay "short.example $(at customer) park lifetime=2s" "* $(at customer) park"
  hold long.example
  mail -f '' -n 2 -t x@short.example
  assertTrue 'expired' 'wait_for 10 returned_two'
  assertEquals 1 "$(waiting long.example)"
  assertEquals 0 "$(waiting short.example)"
  assertEquals 1 "$(queued)"
}
returned_two() { [ "$(returned)" = 2 ] && [ "$(queued)" = 1 ]; }

# One recipient of two: the message goes on for the other.
testExpiryOfOneRecipient() {
  appears customer
  relay "short.example $(at customer) park lifetime=2s" "* $(at customer) park"
  mail -f '' -t a@short.example -t b@long.example
  assertTrue 'wait_for 10 waits short.example 1'
  assertTrue 'expired' 'wait_for 10 logged qmgr "dsn=5.4.7, status=expired"'
  assertEquals 1 "$(waiting long.example)"
  flush long.example
  gets customer 1
  assertTrue 'gone' 'wait_for 10 expired_all 1'
}

testHeldMessageDoesNotExpire() {
  appears customer
  relay "* $(at customer) park lifetime=2s"
  hold held.example
  id=$(listed held.example)
  from=$(find "$I/queue/cur" -name "$id")
  mv "$from" "$I/queue/hold/"
  sleep 3
  flush held.example
  settled held.example
  assertEquals 0 "$(returned)"
  assertEquals 'keeps its place' "$id" "$(listed held.example)"
  mkdir -p "$(dirname "$from")"
  mv "$I/queue/hold/$id" "$from"
  flush held.example
  gets customer 1
}

# --- settings -----------------------------------------------------------------------

testUnparkedMailIsSent() {
  appears customer
  relay "* $(at customer) park"
  hold a.example 3
  conf routes "* $(at customer)"
  reread
  gets customer 3
}

testParkingStopsDeliveries() {
  appears customer
  relay "* $(at customer)"
  to a.example
  gets customer 1
  conf routes "* $(at customer) park"
  reread
  hold a.example 2
  assertEquals 1 "$(got customer)"
}

# What waits for a dead host goes to the one that its route names now.
testRouteToAnotherHost() {
  relay "* $(at other)"
  conf backoff '600 3600'
  reread
  mail -t '%d@a.example' -n 3
  to b.example
  assertTrue 'down' 'wait_for 10 is other down'
  assertTrue 'wait_for 10 waits a.example 3'
  appears customer
  conf routes "* $(at customer)"
  reread
  gets customer 4
  assertTrue 'wait_for 10 drained'
}

testBrokenSettingsAreIgnored() {
  appears customer
  relay "* $(at customer)"
  to a.example
  gets customer 1
  conf backoff nonsense
  service qmgr h
  assertTrue 'complained of' 'wait_for 10 logged qmgr "settings stay as they were"'
  to a.example
  to new.example
  gets customer 3
  conf backoff '1 4'
  conf routes '* nonsense nonsense'
  reread
  assertTrue 'complained of' 'wait_for 10 logged qmgr conf/routes'
  to newer.example
  to a.example
  gets customer 4
  conf routes "* $(at customer)"
  reread
  gets customer 5
}

# No signal: they are looked at once a minute.
testChangedSettingsAreNoticed() {
  appears customer
  relay "* $(at customer) park"
  hold a.example
  conf routes "* $(at customer)"
  assertTrue 'noticed' 'wait_for 65 has customer 1'
}

# --- kills --------------------------------------------------------------------------

# doubles NAME N: so many at the most came twice.
doubles() {
  twice=$(cat "$T/$1"/*.env | sed -n 's/^RCPT TO:<\(.*\)>.*/\1/p' | sort | uniq -d | wc -l)
  assertTrue "$twice came twice" "[ $twice -le $2 ]"
}
all_got() {
  [ "$(cat "$T/$1"/*.env 2>/dev/null | sed -n 's/^RCPT TO:<\(.*\)>.*/\1/p' | sort -u | wc -l)" -ge "$2" ]
}

testKillOfQmgrInADrain() {
  appears customer --delay 0.005
  relay "* $(at customer) park"
  hold a.example 200
  flush a.example
  for n in 20 60 100; do
    wait_for 20 has customer $n
    qmgr_killed
  done
  assertTrue "$(got customer) of 200" 'wait_for 60 all_got customer 200'
  assertTrue "$(queued) left" 'wait_for 30 drained'
  # what an agent had taken is journaled by it
  doubles customer 0
  assertTrue 'its list is done with' 'wait_for 10 waits a.example 0'
}

testKillOfAgentsInADrain() {
  appears customer --delay 0.005
  relay "* $(at customer)"
  conf concurrency '2 10'
  reread
  mail -t '%d@a.example' -n 200 &
  for n in 20 60 100; do
    wait_for 20 has customer $n
    for agent in $(busy_agents); do kill -9 "$agent"; done
  done
  wait $!
  assertTrue "$(got customer) of 200" 'wait_for 60 all_got customer 200'
  assertTrue "$(queued) left" 'wait_for 30 drained'
  # three times two connections, each with its window on the wire
  doubles customer 300
}

testKillWhileMailComesIn() {
  appears customer
  relay "parked.example $(at customer) park" "* $(at customer)"
  mail -t '%d@a.example' -t '%d@parked.example' -n 200 &
  for n in 20 60 100 140; do
    wait_for 30 has customer $n
    qmgr_killed
  done
  wait $!
  assertTrue "$(got customer) of 200" 'wait_for 60 all_got customer 200'
  assertTrue "$(waiting parked.example) wait" 'wait_for 30 all_listed parked.example 200'
  assertEquals 'parked mail was not tried' 0 "$(of customer sink_for parked.example)"
  flush parked.example
  assertTrue "$(got customer) of 400" 'wait_for 60 all_got customer 400'
  assertTrue "$(queued) left" 'wait_for 30 drained'
  doubles customer 0
}
all_listed() { [ "$(listed "$1" | sort -u | wc -l)" = "$2" ]; }

# Killed at its Nth system call that changes something; the next one finds all of it, asked for or parked.
testKillAtAnyStep() {
  strace -o /dev/null true 2>/dev/null || { skip 'strace may not trace'; return; }
  appears customer
  relay "* $(at customer) park"
  qmgr_down
  n=0 kills=0
  while [ $((n += 1)) -le 100 ]; do
    mail -t "$n@asked.example" -t "$n@parked.example"
    flush asked.example 2>/dev/null
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 timeout -s KILL 60 strace -o "$T/trace" \
      -e "inject=$changes:signal=KILL:when=$n" "$BIN/qmgr" -C "$I" 2>/dev/null &
    tracer=$!
    wait_for 10 killed_or_done $n
    gone "$tracer" && kills=$((kills + 1))
    kill -9 "$(tests/peer/running "$I" | grep "^[0-9]* $BIN/qmgr" | cut -d ' ' -f 1)" 2>/dev/null
    wait "$tracer" 2>/dev/null
    rm -f "$T/ready"
    timeout -s KILL 60 "$BIN/qmgr" -C "$I" -d 3 2>/dev/null 3>"$T/ready" &
    plain=$!
    wait_for 10 test -s "$T/ready" && wait_for 10 all_got customer $n && wait_for 10 carried_out asked.example
    kill $plain
    wait $plain || fail "$n: stopped with $?"
    all_got customer $n || fail "$n: $(got customer) arrived"
    [ "$(listed parked.example | sort -u | wc -l)" = $n ] || fail "$n: $(waiting parked.example) wait"
  done
  assertTrue "killed $kills times" "[ $kills -gt 20 ]"
  assertEquals 'parked mail was not tried' 0 "$(of customer sink_for parked.example)"
}
changes=openat,renameat,renameat2,unlinkat,mkdirat,write,sendmsg,flock
killed_or_done() { gone "$tracer" || { all_got customer "$1" && carried_out asked.example; }; }

# A claim that a killed qmgr left: parked mail that nobody asked for stays parked.
testClaimLeftBehindIsAListAgain() {
  appears customer
  relay "* $(at customer) park"
  hold a.example 3
  qmgr_down
  mv "$I/queue/flush/a.example" "$I/queue/claim/a.example"
  qmgr_up
  assertTrue 'a list again' 'wait_for 10 waits a.example 3'
  to a.example
  assertTrue 'wait_for 10 waits a.example 4'
  assertEquals 0 "$(visits customer)"
  flush a.example
  gets customer 4
}

# --- what is wrong with the queue ---------------------------------------------------

testCorruptMessageIsPutAside() {
  relay "* $(at customer) park"
  echo nonsense >"$I/queue/new/1h8qaaaaa00001"
  "$BIN/qmgr-trigger" -C "$I" new 1h8qaaaaa00001
  assertTrue 'put aside' "wait_for 10 test -e $I/queue/corrupt/1h8qaaaaa00001"
  hold a.example 2
  id=$(listed a.example | head -n 1)
  file=$(find "$I/queue/cur" -name "$id")
  head -c 50 "$file" >"$T/cut"
  cat "$T/cut" >"$file"
  appears customer
  flush a.example
  gets customer 1
  assertTrue 'put aside' "wait_for 10 test -e $I/queue/corrupt/$id"
  assertEquals 'a line' 1 "$(log qmgr | grep -c "warning: $id")"
}

testListsWithNonsense() {
  appears customer
  relay "* $(at customer) park"
  hold a.example 3
  { echo; echo nonsense; echo 1h8qaaaaa00009; listed a.example; printf '\0\0\0'; listed a.example; printf half; } >"$T/list"
  cp "$T/list" "$I/queue/flush/a.example"
  flush a.example
  gets customer 3
  settled a.example
  flush a.example
  settled a.example
  assertEquals 'each once' 3 "$(got customer)"
  assertEquals 0 "$(waiting a.example)"
}

# A list made by hand of what is in cur/ is noticed and asked for.
testListOfAnOperator() {
  appears customer
  relay "* $(at customer) park"
  hold a.example 2
  listed a.example >"$T/ids"
  rm "$I/queue/flush/a.example"
  "$BIN/flush-record" -C "$I" a.example <"$T/ids"
  flush a.example
  gets customer 2
}

testFullDisk() {
  [ "$(id -u)" = 0 ] || { skip 'needs root'; return; }
  appears customer --rcpt '@later.example=450 4.2.1 not now'
  relay "* $(at customer)"
  qmgr_down
  cp -a "$I/queue" "$T/queue"
  mount -t tmpfs -o size=256k,mode=0700 tmpfs "$I/queue" || { skip 'no tmpfs'; return; }
  cp -a "$T/queue/." "$I/queue"
  mail -t a@later.example
  to a.example
  head -c 1M /dev/zero >"$I/queue/full" 2>/dev/null
  qmgr_up
  gets customer 1
  assertTrue 'complained of' 'wait_for 10 logged qmgr flush/later.example'
  sleep 2
  assertEquals 'not lost' 1 "$(queued)"
  tries=$(grep -c '^rcpt.*later' "$T/customer/log")
  assertTrue "tried $tries times" "[ $tries -le 5 ]"
  assertTrue "$(log qmgr | wc -l) lines logged" "[ $(log qmgr | wc -l) -lt 60 ]"
  rm "$I/queue/full"
  assertTrue 'recorded once there is room' 'wait_for 10 waits later.example 1'
  goes customer
  appears customer
  gets customer 2
  assertTrue 'wait_for 10 drained'
  stop
  umount "$I/queue"
}

testNoDescriptors() {
  appears customer
  relay "parked.example $(at customer) park" "* $(at customer)"
  hold parked.example 2
  pid=$(qmgr_pid)
  prlimit --pid "$pid" --nofile="$(find "/proc/$pid/fd" -mindepth 1 | wc -l):1024"
  flush parked.example
  mail -t '%d@a.example' -n 5
  assertTrue 'complained of' 'wait_for 10 logged qmgr "oo many open files"'
  assertEquals 7 "$(queued)"
  assertEquals 'asked for all the same' parked.example "$(ls "$I/queue/asked")"
  prlimit --pid "$pid" --nofile=1024:1024
  gets customer 7
  assertTrue 'wait_for 10 drained'
}

testAgentsAreNotThereYet() {
  appears customer
  relay "parked.example $(at customer) park" "* $(at customer)"
  s6-svc -wd -T 5000 -d "$I/service/send"
  rm -f "$I/run/send"
  mail -t '%d@a.example' -n 5
  hold parked.example 2
  flush parked.example
  assertTrue 'complained of' 'wait_for 10 logged qmgr run/send'
  before=$(cpu)
  sleep 1
  assertTrue "$(($(cpu) - before)) ticks in a second" "[ $(($(cpu) - before)) -lt 20 ]"
  assertEquals 7 "$(queued)"
  s6-svc -wU -T 5000 -u "$I/service/send"
  gets customer 7
  assertTrue 'wait_for 10 drained'
}
# Ticks of processor time qmgr has had.
cpu() { awk '{ print $14 + $15 }' "/proc/$(qmgr_pid)/stat"; }

# --- size, end, flush-run -----------------------------------------------------------

# More sites at once than the super-server lets wait: they come one after the other, and nobody else waits for them.
testSuperServerIsFull() {
  instance full
  conf relaydomains example .example
  seq 60 | sed 's/.*/x&.example [127.0.1.&]:1/' >"$I/conf/routes"
  conf backoff '1h 1h'
  conf concurrency '1 300'
  sed -i 's/-b [0-9]*/-b 1/' "$I/service/send/run"
  start
  mail -t 'y@x%d.example' -n 60
  assertTrue "$(sites_down) of 60 tried" 'wait_for 30 all_down 60'
  assertNull 'no trouble' "$(grep -h 'unable to connect' "$I"/service/qmgr/log/main/current)"
}
sites_down() { cat "$I"/queue/site/* 2>/dev/null | grep -c '^down'; }
all_down() { [ "$(sites_down)" -ge "$1" ]; }

testLongListHoldsNobodyUp() {
  appears customer
  relay "long.example $(at customer) park" "* $(at customer)"
  hold long.example 5000
  "$BIN/flush-run" -C "$I" long.example
  wait_for 20 has customer 50
  began=$(date +%s%N)
  to short.example
  assertTrue 'wait_for 20 of customer sink_has_for short.example 1'
  took=$((($(date +%s%N) - began) / 1000000))
  assertTrue "took $took ms, with $(got customer) sent" "[ $took -lt 5000 ]"
  assertTrue "$(got customer) of 5001" 'wait_for 200 has customer 5001'
  assertTrue 'wait_for 20 drained'
  assertEquals 'each once' 5001 "$(got customer)"
}

testIdleCostsNothing() {
  appears customer --rcpt '@later.example=450 4.2.1 not now'
  relay "dead.example $(at other)" "later.example $(at customer)" "* $(at other) park lifetime=1s"
  conf backoff '600 3600'
  reread
  mail -t '%d@dead.example' -t '%d@later.example' -n 5
  hold parked.example
  mv "$(find "$I/queue/cur" -name "$(listed parked.example)")" "$I/queue/hold/"
  assertTrue 'wait_for 20 waits later.example 5'
  sleep 1.5
  before=$(cpu)
  sleep 2
  assertTrue "$(($(cpu) - before)) ticks in two seconds" "[ $(($(cpu) - before)) -lt 10 ]"
}

testStop() {
  appears customer --delay 5
  relay "now.example $(at customer)" "* $(at customer) park"
  hold parked.example 3
  hold asked.example 2
  ids=$(listed asked.example)
  to now.example
  flush asked.example
  assertTrue 'at work' 'wait_for 10 tried customer 1'
  assertFalse 'no mark while it runs' "[ -e $I/queue/clean ]"
  began=$(date +%s%N)
  qmgr_down
  took=$((($(date +%s%N) - began) / 1000000))
  assertTrue "took $took ms" "[ $took -lt 1000 ]"
  assertTrue 'clean' "[ -e $I/queue/clean ]"
  assertEquals 'lists are lists' 3 "$(waiting parked.example)"
  assertEquals "$ids" "$(listed asked.example)"
  assertEquals 0 "$(kept_in claim)"
  goes customer
  appears customer
  qmgr_up
  assertTrue 'goes on' 'wait_for 20 has customer 3'
  assertEquals 'parked' 3 "$(waiting parked.example)"
}

testBrokenSettingsAtStart() {
  relay "* $(at customer)"
  qmgr_down
  for setting in backoff routes lifetime; do
    conf $setting 'nonsense nonsense nonsense'
    "$BIN/qmgr" -C "$I" 2>"$T/broken"
    assertEquals "$setting" 102 $?
    assertContains "$(cat "$T/broken")" "conf/$setting: line 1: "
    assertEquals 'one line' 1 "$(wc -l <"$T/broken")"
    conf $setting
  done
}

# Writers that were killed leave a file in tmp/; one that is at work may be slow.
testLeftOversInTmp() {
  relay "* $(at customer)"
  qmgr_down
  touch -d '2 days ago' "$I/queue/tmp/1abcdefgh12345"
  touch "$I/queue/tmp/1abcdefgh12346"
  qmgr_up
  assertTrue 'logged' 'wait_for 10 logged qmgr "tmp/1abcdefgh12345: "'
  assertEquals "$I/queue/tmp/1abcdefgh12346" "$(find "$I/queue/tmp" -type f)"
  rm "$I/queue/tmp/1abcdefgh12346"
}

testTwoQmgrs() {
  relay "* $(at customer)"
  "$BIN/qmgr" -C "$I" 2>"$T/second"
  assertEquals 1 $?
  assertContains "$(cat "$T/second")" 'another qmgr'
}

testFlushRun() {
  appears customer --rcpt '2@one.example=450 4.2.1 not now'
  relay "* $(at customer) park"
  hold one.example 2
  hold two.example 2
  hold a.three.example
  hold b.three.example
  flush -w two.example >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
  assertEquals 2 "$(got customer)"
  flush -w one.example >"$T/out" 2>&1
  assertEquals 111 $?
  assertContains "$(cat "$T/out")" '450 4.2.1 not now'
  assertEquals 3 "$(got customer)"
  flush -w @three.example >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
  assertEquals 5 "$(got customer)"
  hold four.example 3
  id=$(listed four.example | sed -n 2p)
  flush -w -i "$id" >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
  assertEquals 'one message' 6 "$(got customer)"
  goes customer
  appears customer
  flush -w -a >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
  assertEquals 'everything' 9 "$(got customer)"
  assertTrue 'wait_for 10 drained'
}

# shellcheck disable=SC1091
. shunit2
