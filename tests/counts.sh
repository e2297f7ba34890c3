# What mail costs in system calls, in files and in connections: counted and never timed, by strace on
# every process of an instance, from rest to rest.
# shellcheck disable=SC1091
. tests/lib.sh

# A sanitizer looks for leaks when a program ends, which it cannot do while that is traced.
ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0

setUp() {
  sinks=
}

tearDown() {
  stop
  for SINK in $sinks; do sink_stop; done
  fail_if_running
}

# --- the instance and its mail ------------------------------------------------------

# relay ROUTE...: an instance of its own, not yet running.
relay() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf flushdomains example .example
  conf routes "$@"
}

customer() {
  sink "customer$((customers = ${customers-0} + 1))"
  sinks="$sinks $SINK"
}

mail() { submit "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }

# recorded N: wait so many in all lists together, and is nothing left to be recorded?
recorded() { [ -z "$(ls "$I/queue/new")" ] && [ "$(cat "$I"/queue/flush/*.example 2>/dev/null | wc -l)" = "$1" ]; }
rest() { wait_for 60 recorded "$1" || fail "not $1 wait"; }

carried_out() { [ -z "$(ls "$I/queue/asked")" ] && [ -z "$(ls "$I/queue/claim")" ]; }
settled() { wait_for 60 carried_out || fail "still asked for: $(ls "$I/queue/asked" "$I/queue/claim")"; }

# sessions N M DOMAIN [OPTION...]: N at the same time, each with M messages of 4 KiB, a command at a time.
sessions() {
  printf 'Subject: counted\n\n' >"$T/letter"
  yes 'sixty-three octets and a line feed, as often as there is room.' | head -n 63 >>"$T/letter"
  session=$1 session_to=user@$3 session_messages=$2
  shift 3
  # shellcheck disable=SC2046 # the same file as often
  set -- "$@" $(yes "$T/letter" | head -n "$session_messages")
  submitters=
  while [ "$session" -gt 0 ]; do
    submit -l -t "$session_to" "$@" >"$T/submit.$session" &
    submitters="$submitters $!"
    session=$((session - 1))
  done
  for submitter in $submitters; do wait "$submitter" || fail "submit: $(cat "$T"/submit.*)"; done
}

# --- strace -------------------------------------------------------------------------

can_trace() { strace -o /dev/null true 2>/dev/null || { skip 'strace may not trace' && return 1; }; }

# below PID: it and all that descend from it.
below() {
  echo "$1"
  for child in $(pgrep -P "$1"); do below "$child"; done
}

are_traced() {
  for pid; do
    ! grep -q '^TracerPid:[[:space:]]*0$' "/proc/$pid/status" || return
  done
}

# trace_begin: each process of the instance, and each that these start, into a file of its own, $TRACE/of.PID.
# With each descriptor stands what it is open for.
trace_begin() {
  TRACE=$T/trace
  rm -rf "$TRACE"
  mkdir "$TRACE"
  # shellcheck disable=SC2046 # numbers
  set -- $(below "$(cat "$I.pid")")
  # shellcheck disable=SC2046
  strace -q -ff -y -s 200 -e signal=none -o "$TRACE/of" $(printf -- '-p %s ' "$@") 2>"$T/strace" &
  tracer=$!
  wait_for 30 are_traced "$@" || fail "strace: $(cat "$T/strace")"
  for pid; do echo "$pid" >>"$TRACE/ran.$(cat "/proc/$pid/comm")"; done
}

# trace_end: once nobody does anything any more.
trace_end() {
  wait_for 60 is_quiet || fail 'does not come to rest'
  kill -INT "$tracer"
  wait "$tracer"
}
is_quiet() {
  quiet_size=$(cat "$TRACE"/of.* | wc -c)
  sleep 0.4
  [ "$quiet_size" = "$(cat "$TRACE"/of.* | wc -c)" ]
}

# of PROGRAM: the files of those that were started, or ran already.
of() {
  {
    grep -lE "^execve\(\"([^\"]*/)?$1\"" "$TRACE"/of.*
    for pid in $(cat "$TRACE/ran.$1" 2>/dev/null); do echo "$TRACE/of.$pid"; done
  } | sort -u
}

# calls [NAME [FILE]]: those of a name (an extended regular expression), all of them or in this file.
calls() {
  cat ${2-"$TRACE"/of.*} | grep -E "^(${1-[a-z0-9_]+})\("
}

# The commonest, for who wants to know more about a failure.
calls_table() { calls | sed 's/(.*//' | sort | uniq -c | sort -rn | head -n 25; }

# Names without the path of the instance.
inside() { sed -n "s,^$(realpath "$I")/,,p"; }

# opened [FILE]: what was opened, or was to be, below the instance, as often as it was.
opened() {
  calls 'open|openat|openat2' "$@" |
    sed -nE 's,^(open|openat2?)\([^"]*"(/[^"]*)".*,\2,p; s,^openat2?\([^"<]*<([^>]*)>\, "([^"]*)".*,\1/\2,p' | inside
}
opened_messages() { opened "$@" | grep -E '^queue/(.*/)?[0-9a-v]{14}$'; }
opened_lists() { opened "$@" | grep -E '^queue/(flush|claim)/'; }

# directories [FILE]: those that were read, each once.
directories() { calls 'getdents|getdents64' "$@" | sed -nE 's/^[a-z0-9]*\([0-9]*<([^>]*)>.*/\1/p' | inside | sort -u; }

# connections ADDRESS:PORT: how often somebody tried to have one.
connections() { calls connect | grep -c "htons(${1#*:}).*\"${1%:*}\""; }

# --- a message ----------------------------------------------------------------------

# A log that is full is synced too, which is no message's doing.
synced() { calls 'fsync|fdatasync|sync_file_range|syncfs|sync' | grep -cv /log/main/; }

# at_most WHAT MOST: of the calls in $T/WHAT, for each of 400 messages.
at_most() {
  total=$(wc -l <"$T/$1")
  assertTrue "$1: $total calls for 400: $(cat "$T/$1.table")" "[ $total -le $((400 * $2)) ]"
}
counted() {
  calls >"$T/$1"
  calls_table >"$T/$1.table"
}

testAMessage() {
  can_trace || return 0
  customer
  relay "* [127.0.0.1]:$SINKPORT park"
  start
  sessions 10 40 a.example # so that what is there once for all is there, and workers are
  rest 400
  etrn a.example >/dev/null
  wait_for 60 drained
  trace_begin
  sessions 10 40 a.example
  rest 400
  trace_end
  counted accepted
  servers=$(of smtpd-etrn)
  places=$(calls fcntl "$servers" | grep -c F_OFD_)
  assertTrue "a place among all: $places calls for 10 sessions" "[ $places -ge 30 ] && [ $places -le 60 ]"
  assertEquals 'the disk is looked at once for each' 400 "$(calls 'fstatfs|statfs' "$servers" | wc -l)"
  assertEquals 'each is synced once' 400 "$(synced)"
  assertEquals 'no directory is read' '' "$(directories)"
  trace_begin
  etrn a.example >/dev/null
  wait_for 60 drained || fail "$(queued) left"
  settled
  trace_end
  counted drained
  assertEquals 'to the customer' 800 "$(sink_messages)"
  assertEquals 'nothing is synced' 0 "$(synced)"
  assertEquals 'each is opened once' 400 "$(opened_messages | wc -l)"
  if grep -q __asan_init "$BIN/qmgr"; then
    skip 'the sanitizers have calls of their own'
  fi
  at_most accepted 60
  at_most drained 25
}

# --- sites that are dead ------------------------------------------------------------

SITES='1 2 3 4 5'

# dead_relay BACKOFF: running, with 300 messages: for each of five sites, where nobody listens, 40 for one
# domain and one each for 20 others.
dead_relay() {
  free_port REFUSED
  dead_backoff=$1
  set --
  for n in $SITES; do set -- "$@" ".dead$n.example $(dead "$n")"; done
  relay "$@"
  conf backoff "$dead_backoff"
  start
  for n in $SITES; do
    mail -n 40 -t "x@many.dead$n.example"
    mail -n 20 -t "x@%d.dead$n.example"
  done
  rest 300
  wait_for 60 have_failed 1 || fail "$(all_failures)"
}
dead() { echo "[127.2.0.$1]:$REFUSED"; }

failures() { sed -n 's/.* failures=\([0-9]*\) .*/\1/p' "$I/queue/site/$(dead "$1")"; }
all_failures() { for n in $SITES; do failures "$n"; done | xargs; }
have_failed() {
  for n in $SITES; do [ "$(failures "$n")" -ge "$1" ] || return; done
}

one_connection_each() {
  for n in $SITES; do assertEquals "connections to site $n" 1 "$(connections "127.2.0.$n:$REFUSED")"; done
  assertEquals 'no others' 5 "$(connections "127.2.0.[0-9]*:$REFUSED")"
  assertEquals "messages opened: $(opened_messages)" 5 "$(opened_messages | wc -l)"
}

# trace_begin, while all sites have failed as often and no retry is under way; sets cycle, the failures they have.
# Back-off doubles: each time there is longer for it.
trace_between_retries() {
  for _ in 1 2 3 4 5; do
    before=$(all_failures)
    cycle=${before%% *}
    trace_begin
    [ "$before $(all_failures)" != "$cycle $cycle $cycle $cycle $cycle $cycle $cycle $cycle $cycle $cycle" ] || return 0
    trace_end
  done
  fail "always a retry under way: $before"
}

testARetryOfDeadSites() {
  can_trace || return 0
  dead_relay '6 3600'
  trace_between_retries
  wait_for 100 have_failed $((cycle += 1)) || fail "failures: $(all_failures)"
  trace_end
  assertEquals 'failures' "$cycle $cycle $cycle $cycle $cycle" "$(all_failures)"
  one_connection_each
  assertEquals "lists: $(opened_lists)" 5 "$(opened_lists | sed 's,.*/,,' | sort -u | wc -l)"
  assertEquals 'no directory is read' '' "$(directories)"
}

# Everything at once: each domain is asked for, by a name of its own, and its list is looked at.
testAFlushOfDeadSites() {
  can_trace || return 0
  dead_relay '600 3600'
  trace_begin
  "$BIN/flush-run" -C "$I" -a
  settled
  trace_end
  one_connection_each
  assertEquals 'what names them' 'queue/claim queue/flush queue/new' "$(directories | xargs)"
  rest 300
}

# --- a flush ------------------------------------------------------------------------

testAFlushOfOneDomain() {
  can_trace || return 0
  customer
  relay "* [127.0.0.1]:$SINKPORT park"
  start
  mail -n 100 -t x@asked.example -t x@both.example
  mail -n 100 -t x@asked.example
  conf subdomains 0
  mail -n 300 -t x@other.example -t x@%d.others.example
  rest 900
  sort "$I/queue/flush/asked.example" >"$T/ids"
  trace_begin
  etrn asked.example >/dev/null
  wait_for 60 sink_has 200 || fail "$(sink_messages) of 200 arrived"
  settled
  trace_end
  assertEquals 'its messages, each once' "$(cat "$T/ids")" "$(opened_messages | sed 's,.*/,,' | sort)"
  assertEquals 'no other list' '' "$(opened_lists | grep -v '/asked.example$')"
  # but new/, since what was accepted before a request goes with it
  assertEquals 'nothing is searched' 'queue/new' "$(directories | xargs)"
  rest 700
}

# --- a connection for each ----------------------------------------------------------

# A process for each connection took 168 calls with each message, and a thousand forks for a thousand of them.
testAConnectionForEach() {
  can_trace || return 0
  relay "* [127.0.0.1]:9 park"
  start
  sessions 10 4 a.example -1 # so that there are workers
  rest 40
  trace_begin
  sessions 10 40 a.example -1
  rest 440
  trace_end
  counted each
  assertEquals 'each is synced once' 400 "$(synced)"
  forks=$(calls 'fork|vfork|clone|clone3' | wc -l)
  assertTrue "$forks forks for 400 connections" "[ $forks -le 20 ]"
  if grep -q __asan_init "$BIN/qmgr"; then
    skip 'the sanitizers have calls of their own'
  fi
  at_most each 140
}

# --- the reply to ETRN --------------------------------------------------------------

# before_reply NAME: what smtpd-etrn calls from the command's coming up to its reply's leaving, into $T/NAME.
before_reply() {
  # shellcheck disable=SC2046 # there is one
  awk -v command="\"ETRN $1" '
    on && /"250 OK, queuing/ { replied = 1; exit }
    on
    index($0, command) { on = 1 }
    END { exit !replied }' $(of smtpd-etrn) >"$T/$1" || fail "no reply to ETRN $1 in its trace"
}

# octets NAME FILE: what calls of that name returned.
octets() { calls "$@" | sed -n 's/.* = \([0-9][0-9]*\)$/\1/p' | awk '{ n += $1 } END { print n + 0 }'; }

# ETRN NAME N: with that many waiting and qmgr stopped, so that nothing becomes of them meanwhile.
etrn_traced() {
  service qmgr p
  trace_begin
  etrn "$1" >/dev/null
  trace_end
  service qmgr c
  before_reply "$1"
  assertContains 'they wait' "$(log smtpd)" "flush $1 asked for by unknown[127.0.0.1]: $2 waiting"
}

testTheReply() {
  can_trace || return 0
  relay '* [127.0.0.1]:1 park'
  start
  hold just.example
  seq -f '1h8q%010.0f' 1 2000 | "$BIN/flush-record" -C "$I" full.example || fail flush-record
  etrn_traced just.example 1
  etrn_traced full.example 2000
  sed 's/full/just/' "$T/full.example" >"$T/full.as.just"
  for name in just.example full.example; do
    assertTrue "$name: $(opened "$T/$name")" "[ $(opened "$T/$name" | wc -l) -le 10 ]"
    assertEquals "$name: its list is not opened" '' "$(opened_lists "$T/$name")"
    assertEquals "$name: no message either" '' "$(opened_messages "$T/$name")"
    assertEquals "$name: nor is a directory" '' "$(directories "$T/$name")"
    written=$(octets 'write|writev|pwrite64|pwritev|sendto|sendmsg' "$T/$name")
    assertTrue "$name: $written octets written" "[ $written -gt 0 ] && [ $written -le 200 ]"
    read=$(octets 'read|readv|pread64|preadv|recvfrom|recvmsg' "$T/$name")
    assertTrue "$name: $read octets read" "[ $read -le 200 ]"
  done
  assertEquals 'the same files' "$(opened "$T/just.example")" "$(opened "$T/full.as.just")"
  assertEquals 'the same calls' "$(sed 's/(.*//' "$T/just.example")" "$(sed 's/(.*//' "$T/full.example")"
}

# shellcheck disable=SC1091
. shunit2
