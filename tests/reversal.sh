# Connections that customers have turned round for their mail (ATRN): the datagram, qmgr and smtp-send, with the
# customer's server at the far end.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/customer.sh
. tests/peer/customer.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh

setUp() {
  customers_start
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains .example
  conf backoff '1 4'
  conf routes "parked.example [127.0.0.1]:$HOSTPORT park" "* [127.0.0.1]:$HOSTPORT"
  start
}

tearDown() {
  stop
  turn_stop
  customers_stop
  fail_if_running
}

# turn [OPTION...] DOMAIN...: a customer comes, and turns his connection round; it is over.  turn_begin: it has begun.
turn() {
  turn_begin "$@"
  turn_over
}
turn_begin() {
  turn_options=
  while case ${1-} in --cut* | --hold-after) turn_options="$turn_options $1 $2" && shift 2 ;; -*) turn_options="$turn_options $1" && shift ;; *) false ;; esac; do :; done
  rm -f "$T/turn" # what an earlier one said
  # shellcheck disable=SC2086 # several options
  tests/peer/turn $turn_options "$I/run/turn" "${SERVER?}" "$@" </dev/null >"$T/turn" 2>&1 &
  turns="${turns-} $!"
  turn_pid=$!
  wait_for 20 grep -q '^unknown' "$T/turn" || fail "$(cat "$T/turn")"
  RELAY=$(cat "$T/turn")
  assertTrue "not begun: $(log qmgr | tail -n 3)" "wait_for 20 logged qmgr 'turn $RELAY: user=ann'"
}
turn_over() { assertTrue "not over: $(log send | tail -n 3)" "wait_for 90 gone $turn_pid"; }
turn_stop() {
  # shellcheck disable=SC2086 # several of them
  [ -z "${turns-}" ] || kill $turns 2>/dev/null
  turns=
}

host_connections() { grep -c '^connect' "$HOST/log" 2>/dev/null || [ -e "$HOST/log" ] || echo 0; }
host_has_for() { [ "$(find "$HOST" -name '*.env' -exec grep -liF "@$1>" {} + | wc -l)" -ge "$2" ]; }
no_agents() { [ -z "$(busy_agents)" ]; }
site_files() { (cd "$I/queue/site" && cat -- * 2>/dev/null); }
# None of so many messages is missing at the customer's; how many came twice.
doubles() { echo $(($(sink_messages) - $(sink_subjects))); }
sink_subjects() { cat "$SINK"/*.env 2>/dev/null | grep -io 'RCPT TO:<[^>]*>' | sort -u | wc -l; }
all_came() { [ "$(sink_subjects)" = "$1" ]; }

# --- what goes there ----------------------------------------------------------------

testParked() {
  hold parked.example 5
  before=$(site_files)
  turn parked.example
  assertTrue "$(sink_messages) of 5" 'wait_for 20 all_came 5'
  assertEquals 'once each' 0 "$(doubles)"
  assertEquals 'over one connection' 1 "$(sink_connections)"
  assertEquals 'and nothing elsewhere' 0 "$(host_connections)"
  assertTrue 'by its name' "logged send 'relay=$RELAY, '"
  assertTrue 'drained' 'wait_for 20 drained'
  assertEquals 'the site of its route is as before' "$before" "$(site_files)"
  assertTrue 'no request is left' none_asked
}

# One that answers, and one that has no CHUNKING; both offer STARTTLS.
testWays() {
  for extensions in PIPELINING,STARTTLS,CHUNKING PIPELINING,STARTTLS STARTTLS; do
    server --ext "$extensions"
    hold parked.example 3
    turn parked.example
    assertTrue "$extensions: drained" 'wait_for 20 drained'
    rm -f "$T/customer"/*.msg "$T/customer"/*.env
  done
  assertEquals 3 "$(grep -c '^bdat' "$SINK/log")"
  assertEquals 6 "$(grep -c '^data' "$SINK/log")"
  assertEquals 'each ended by QUIT' 3 "$(grep -c '^quit' "$SINK/log")"
}

testNothingWaits() {
  turn parked.example unknown.example
  assertEquals 'greeting, EHLO, QUIT' 'connect 1 ehlo 1 quit 1 closed 1 ' "$(sed 's/EHLO .*//; s/ $//' "$SINK/log" | tr '\n' ' ')"
  assertTrue 'of both' "logged qmgr 'domains=2'"
}

# A message with a recipient elsewhere: only the customer's goes here, and the other one does not wait for it.
testBoth() {
  submit -t x@parked.example -t y@other.example >"$T/submit"
  assertTrue 'the other' 'wait_for 20 host_has_for other.example 1'
  wait_for 20 waits parked.example 1
  turn parked.example
  assertTrue 'drained' 'wait_for 20 drained'
  assertEquals 'RCPT TO:<x@parked.example>' "$(grep -ho 'RCPT TO:<[^>]*>' "$SINK"/*.env)"
  assertEquals 'nor there' '' "$(grep -l parked.example "$HOST"/*.env)"
}

# What comes meanwhile goes too; ETRN is answered, and leads nowhere else.
testMeanwhile() {
  hold parked.example 2
  turn_begin --hold parked.example
  submit -t later@parked.example >"$T/submit"
  assertContains "$(etrn parked.example)" '25'
  kill -USR1 "$turn_pid"
  turn_over
  assertTrue 'drained' 'wait_for 20 drained'
  assertTrue 'the request is carried out' 'wait_for 20 none_asked'
  assertEquals 'nothing elsewhere' 0 "$(host_connections)"
}

# All that waits is out on his connection, and no pass is under way, when it is asked for; then he is gone.
testRequestedOfWhatIsOut() {
  server --ext ''
  hold parked.example 1
  turn_begin --hold-after '^354' --hold-after '^250.2.0.0.kept' parked.example
  assertTrue 'the first is there' 'wait_for 20 sink_has 1'
  submit -t later@parked.example >"$T/submit"
  assertTrue 'the second is out' 'wait_for 20 active 2'
  kill -USR1 "$turn_pid"
  assertTrue 'the first is done' 'wait_for 20 active 1 && wait_for 20 none_asked'
  assertContains "$(etrn parked.example)" '25'
  assertTrue 'nothing is left to ask for' 'wait_for 20 none_asked'
  assertEquals 'nothing elsewhere' 0 "$(host_connections)"
  kill "$turn_pid"
  assertTrue 'it goes where its route leads' 'wait_for 90 drained'
  assertEquals 'once each' '1 1' "$(sink_messages) $(SINK=$HOST sink_messages)"
  assertEquals 'over one connection' 1 "$(host_connections)"
}
active() { [ "$("$BIN/queue-list" -C "$I" -1 -q active | grep -c .)" = "$1" ]; }

# --- what fails ---------------------------------------------------------------------

testGreets554() {
  hold parked.example 3
  before=$(site_files)
  server --greet '554 5.3.2 not today'
  turn parked.example
  assertTrue 'agents end' 'wait_for 20 no_agents'
  assertTrue 'said' "wait_for 10 logged qmgr 'turn $RELAY: over, '"
  assertTrue 'all wait' 'wait_for 10 waits parked.example 3'
  assertEquals 'nothing elsewhere' 0 "$(host_connections)"
  assertEquals 'the site of its route is as before' "$before" "$(site_files)"
  server
  turn parked.example
  assertTrue 'drained' 'wait_for 20 drained'
}

# cut_at NAME OPTION PATTERN EXTENSIONS TWICE: lost there; the next connection gets the rest, and so many perhaps again.
cut_at() {
  server --ext "$4"
  hold parked.example 4
  turn "$2" "$3" parked.example
  assertTrue "$1: agents end" 'wait_for 20 no_agents'
  assertTrue "$1: what is left waits" 'wait_for 20 settled'
  assertTrue "$1: something is left" '[ "$(queued)" -gt 0 ]'
  assertEquals "$1: nothing elsewhere" 0 "$(host_connections)"
  turn parked.example
  assertTrue "$1: drained, but $(queued)" 'wait_for 20 drained'
  assertEquals "$1: all came" 4 "$(sink_subjects)"
  assertTrue "$1: $(doubles) came twice" "[ $(doubles) -le $5 ]"
  rm -f "$SINK"/*.msg "$SINK"/*.env
}
settled() { [ -z "$(find "$I/queue/claim" -type f)" ] && [ "$(waiting parked.example)" -ge 1 ]; }

testCut() {
  cut_at 'in EHLO' --cut-before '^250' '' 0
  cut_at 'after 354' --cut '^354' '' 0
  cut_at 'after the dot' --cut-before '^250.2.0.0.kept' '' 1
  cut_at 'with all on the wire' --cut-before '^250.2.0.0.kept' PIPELINING,CHUNKING 4
}

# A domain that is not parked: what is left goes where its route leads.
testNotParked() {
  SINK=$HOST sink_stop
  submit -t %d@other.example -n 3 >"$T/submit"
  assertTrue 'it waits' 'wait_for 20 waits other.example 3'
  turn other.example
  assertTrue 'drained' 'wait_for 20 drained'
  assertEquals 'there' 3 "$(sink_subjects)"
}

# --- one after the other ------------------------------------------------------------

# The first connection is dead, and nobody knows.
testTakenOver() {
  hold parked.example 3
  turn_begin --dead parked.example
  first=$turn_pid
  turn parked.example
  assertEquals 'all came' 3 "$(sink_subjects)"
  kill "$first"
  assertTrue 'drained' 'wait_for 20 drained'
}

testKilled() {
  hold parked.example 3
  turn_begin --hold parked.example
  kill -9 "$(s6-svstat -o pid "$I/service/qmgr")"
  kill "$turn_pid"
  assertTrue 'it is back' 'wait_for 40 answers_turns'
  # flush-rebuild names them once more
  assertTrue "all wait, not $(waiting parked.example)" 'wait_for 10 waits_at_least parked.example 3'
  assertEquals 'nobody calls him' 0 "$(host_connections)"
  turn parked.example
  assertTrue 'drained' 'wait_for 60 drained'
}
waits_at_least() { [ "$(waiting "$1")" -ge "$2" ]; }
answers_turns() { tests/peer/turn --text x "$I/run/turn" "$SERVER" >/dev/null 2>&1 && qmgr_ready; }

# --- what makes no sense ------------------------------------------------------------

refused() { tests/peer/turn "$@" >/dev/null 2>"$T/refused" || fail "$(cat "$T/refused")"; }

testSenseless() {
  hold parked.example 1
  files=$(files_of_qmgr)
  for text in x 'turn a b clear parked.example' 'turn ann unknown[127.0.0.1]:5 clear' "$(head -c 70000 /dev/zero | tr '\0' a)"; do
    refused --text "$text" "$I/run/turn" "$SERVER"
  done
  refused --fds 0 "$I/run/turn" "$SERVER" parked.example
  refused --fds 2 "$I/run/turn" "$SERVER" parked.example
  refused --fds 40 "$I/run/turn" "$SERVER" parked.example
  refused --file "$I/run/turn" "$SERVER" parked.example
  assertTrue 'no descriptor is kept' 'wait_for 20 no_more_files'
  assertEquals 'said once' 1 "$(log qmgr | grep -c 'run/turn')"
  turn parked.example
  assertTrue 'the next one is served' 'wait_for 20 drained'
}
files_of_qmgr() { find "/proc/$(s6-svstat -o pid "$I/service/qmgr")/fd" | wc -l; }
no_more_files() { [ "$(files_of_qmgr)" -le "$files" ]; }

# --- a server of others -------------------------------------------------------------

testPostfix() {
  postfix_new postfix parked.example || return
  postfix_start
  SERVER=127.0.0.1:$POSTFIXPORT
  hold parked.example 20
  turn parked.example
  assertTrue 'drained' 'wait_for 30 drained'
  assertTrue "$(tail -n 3 "$POSTFIX/log")" 'wait_for 30 postfix_has 20'
  postfix_stop
}

. shunit2
