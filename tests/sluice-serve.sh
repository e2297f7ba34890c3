# sluice-serve: connections for workers, which are smtpd-etrn here; who waits, who is turned away, and what a worker that
# ends, hangs or never begins costs.  MESSAGES=20000 is how many are submitted while workers are killed (2000), SEED=n how.
# shellcheck disable=SC1091
. tests/lib.sh

MESSAGES=${MESSAGES:-2000}
SEED=${SEED:-$(date +%s)}

setUp() {
  instance "at$((made = ${made-0} + 1))"
  conf me relay.example
  conf relaydomains example .example
  IN=
}

tearDown() {
  clients_end
  serve_end
  namespace_end
  fail_if_running
}

# serve OPTION...: sluice-serve with workers of smtpd-etrn, at PORT where nothing else is said, when it is ready.
serve() {
  case " $* " in *' -l '*) ;; *) set -- -l "127.0.0.1:$PORT" "$@" ;; esac
  serve_program "$@" smtpd-etrn -W
}

# serve_program OPTION... PROGRAM...: sets SERVE, its process; its log is ERR.
serve_program() {
  ERR=$I.err
  : >"$I.ready"
  SLUICE=$I PATH=$BIN:$PATH $IN "$BIN/sluice-serve" -d 3 "$@" </dev/null 3>"$I.ready" 2>"$ERR" &
  SERVE=$!
  wait_for 20 test -s "$I.ready" || fail "not ready: $(cat "$ERR")"
}

serve_end() {
  [ -n "${SERVE-}" ] || return 0
  kill "$SERVE" 2>/dev/null
  wait "$SERVE" 2>/dev/null
  SERVE=
  wait_for 20 nothing_runs "$I" || fail "does not end: $(tests/peer/running "$I")"
}

# clients: connections that stay, see tests/peer/clients; "say" and what it comes to are below.
clients() {
  CLIENTS=$I.clients
  mkdir -p "$CLIENTS"
  mkfifo "$I.commands"
  $IN tests/peer/clients "$CLIENTS" <"$I.commands" &
  clients_pid=$!
  exec 5>"$I.commands"
}
clients_end() {
  [ -n "${clients_pid-}" ] || return 0
  exec 5>&-
  wait "$clients_pid" 2>/dev/null
  clients_pid=
}
# client NAME [WHERE [SOURCE]]: one more, at PORT.
client() { echo "open $1 ${2-127.0.0.1:$PORT} ${3-}" >&5; }
says() { echo "say $*" >&5; }
leaves() { echo "close $1" >&5; }
# told NAME TEXT: has it been?
told() { grep -qF -- "$2" "$CLIENTS/$1" 2>/dev/null; }
# has NAME TEXT: it will have been told; greeted NAME.
has() { wait_for 60 told "$1" "$2" || fail "$1 is not told '$2' but: $(cat "$CLIENTS/$1" 2>&1); $(tail -n 5 "$ERR")"; }
greeted() { has "$1" '220 relay.example'; }
# silent NAME: it is connected and has been told nothing, while another one's session went from beginning to end.
connected() { [ -e "$CLIENTS/$1" ]; }
silent() {
  wait_for 20 connected "$1"
  assertEquals "$1" '' "$(cat "$CLIENTS/$1")"
}

workers() { pgrep -P "$SERVE"; }
workers_are() { [ "$(workers | wc -l)" -eq "$1" ]; }
# fewer than so many
workers_below() { [ "$(workers | wc -l)" -lt "$1" ]; }
# busy: the worker that has one of the connections, if there is one.
holder() { for pid in $(workers); do [ "$(readlink "/proc/$pid/fd/1")" = /dev/null ] || echo "$pid"; done; }
# served: a whole session.
# shellcheck disable=SC2120 # the address may be left out
served() { printf 'QUIT\n' | $IN tests/peer/talk "${1-127.0.0.1:$PORT}" 2>&1 | grep -q '^221 '; }
lines() { grep -cF -- "$1" "$ERR"; }
seconds() { date +%s; }
# The seconds of processor time of a process, in hundredths.
spent() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }

# --- the beginning ------------------------------------------------------------------

# ends CODE TEXT OPTION...: it ends with this exit code and one line.
ends() {
  code=$1 text=$2
  shift 2
  timeout 20 "$BIN/sluice-serve" "$@" </dev/null >"$T/out" 2>"$T/err"
  assertEquals "$*" "$code" $?
  assertEquals "$*: one line" 1 "$(wc -l <"$T/err")"
  assertContains "$*" "$(cat "$T/err")" "$text"
  assertEquals "$*: on stderr" '' "$(cat "$T/out")"
}

testUsage() {
  at="-l 127.0.0.1:$PORT"
  # shellcheck disable=SC2086 # two words
  for wrong in '' "$at" "$at -x true" "$at -c 0 true" "$at -c x true" "$at -c 1000001 true" "$at -b 0 true" "$at -m x true" \
    "$at -n 0 true" "$at -n -1 true" "$at -d 2 true" "$at -d x true" "$at -u 1 true" "$at -g 1 true" "$at -u x -g 1 true" "$at -c"; do
    ends 100 'usage: sluice-serve' $wrong
  done
}

testBadAddress() {
  for address in 127.0.0.1 127.0.0.1: :25 127.0.0.1:0 127.0.0.1:65536 127.0.0.1:x 127.0.0.1:25x localhost:25 ::1:25 '[::1]' \
    '[127.0.0.1]:25' '[::1:25' 256.0.0.1:25 '127.0.0.1 :25' '[]:25' "$(printf '%0100d' 1):25"; do
    ends 100 "unable to listen at $address" -l "$address" true
  done
  ends 100 'unable to listen at ' -l '' true
}

testPortTaken() {
  serve
  ends 111 "fatal: unable to listen at 127.0.0.1:$PORT: Address already in use" -l "127.0.0.1:$PORT" true
}

testNoSocket() {
  ends 100 'descriptor 0 does not listen' true
  echo x >"$T/file"
  "$BIN/sluice-serve" true <"$T/file" 2>"$T/err"
  assertEquals 100 $?
  assertContains "$(cat "$T/err")" 'descriptor 0 does not listen'
  python3 -c 'import socket, subprocess, sys
one, other = socket.socketpair()
sys.exit(subprocess.run(sys.argv[1:], stdin=one).returncode)' "$BIN/sluice-serve" true 2>"$T/err"
  assertEquals 'a socket that is connected' 100 $?
  assertContains "$(cat "$T/err")" 'descriptor 0 does not listen'
}

# What is said to be for the supervisor and is not open would be one of our own.
testNoReadyDescriptor() {
  ends 100 'unable to use the descriptor of -d: Bad file descriptor' -d 3 -l "127.0.0.1:$PORT" true 3>&-
}

# --- where from ---------------------------------------------------------------------

# namespace: what serve, clients and served start is in a network of its own, which has IPv6.
namespace() {
  [ "$(id -u)" = 0 ] && unshare -n true 2>/dev/null || { skip 'no network namespaces here'; return 1; }
  unshare -n sleep 600 &
  NAMESPACE=$!
  wait_for 10 elsewhere
  IN="nsenter -t $NAMESPACE -n"
  $IN sh -c 'echo 0 >/proc/sys/net/ipv6/conf/lo/disable_ipv6; ip link set lo up' 2>"$T/err" || { skip "no IPv6 here: $(cat "$T/err")"; return 1; }
}
elsewhere() { [ "$(readlink "/proc/$NAMESPACE/ns/net")" != "$(readlink /proc/self/ns/net)" ]; }
namespace_end() {
  [ -n "${NAMESPACE-}" ] || return 0
  kill "$NAMESPACE"
  wait "$NAMESPACE" 2>/dev/null
  NAMESPACE=
}

testIPv4() {
  serve
  assertTrue "$(cat "$ERR")" served
  assertContains "$(cat "$ERR")" 'connect from unknown[127.0.0.1]'
}

testIPv6() {
  namespace || return 0
  serve -l "[::1]:$PORT"
  assertTrue "$(cat "$ERR")" "served [::1]:$PORT"
  assertContains "$(cat "$ERR")" 'connect from unknown[::1]'
  assertFalse 'nowhere else' served
}

testBothKinds() {
  namespace || return 0
  serve -l "[::]:$PORT"
  assertTrue "$(cat "$ERR")" "served [::1]:$PORT"
  assertTrue "$(cat "$ERR")" served
  assertContains "$(cat "$ERR")" 'connect from unknown[127.0.0.1]'
}

# [::] is all addresses of IPv4 where the kernel has no IPv6; no other address of IPv6 is anything then.
testNoIPv6() {
  IN="env ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace -D -o /dev/null -e trace=socket -e inject=socket:error=EAFNOSUPPORT:when=1"
  timeout 20 $IN "$BIN/sluice-serve" -l "[2001:db8::1]:$PORT" true 2>"$T/err"
  assertEquals "$(cat "$T/err")" 111 $?
  serve -l "[::]:$PORT"
  IN=
  assertTrue "$(cat "$ERR")" served
  assertContains "$(cat "$ERR")" 'connect from unknown[127.0.0.1]'
}

testSeveral() {
  free_port other
  # shellcheck disable=SC2154 # free_port sets it
  serve -l "127.0.0.1:$PORT" -l "127.0.0.1:$other" -l "127.0.0.2:$PORT"
  assertTrue "$(cat "$ERR")" served
  assertTrue "$(cat "$ERR")" "served 127.0.0.1:$other"
  assertTrue "$(cat "$ERR")" "served 127.0.0.2:$PORT"
}

# A UNIX socket as descriptor 0.
local_serve() {
  ERR=$I.err
  SLUICE=$I PATH=$BIN:$PATH $IN s6-ipcserver-socketbinder -a 0666 -b 16 "$I/run/local" sluice-serve -d 3 "$@" smtpd-etrn -W \
    </dev/null 3>"$I.ready" 2>"$ERR" &
  SERVE=$!
  wait_for 20 test -s "$I.ready" || fail "not ready: $(cat "$ERR")"
}

testSocketbinder() {
  local_serve
  clients
  client one "$I/run/local"
  greeted one
  says one QUIT
  has one 221
  assertContains "$(cat "$ERR")" "connect from local[uid=$(id -u)]"
}

testSystemdSockets() {
  systemd-socket-activate -l "127.0.0.1:$PORT" -l "$I/run/local" -E "SLUICE=$I" -E "PATH=$BIN:$PATH" \
    "$BIN/sluice-serve" smtpd-etrn -W </dev/null >"$I.err" 2>&1 &
  SERVE=$! ERR=$I.err
  wait_for 20 port_taken "$PORT"
  clients
  client one
  greeted one
  client two "$I/run/local"
  greeted two
  client three
  greeted three
  # whose variables they are is asked
  LISTEN_PID=1 LISTEN_FDS=1 ends 100 'descriptor 0 does not listen' true
}

# lister: a program that notes what descriptors it was started with, in listed.PID, and is a worker then.
lister() {
  cat >"$T/lister" <<EOF
#!/usr/bin/python3
import os
found = []
for fd in sorted(os.listdir("/proc/self/fd"), key=int):
    try:
        found.append(fd + " " + os.readlink("/proc/self/fd/" + fd).split(":")[0])
    except OSError:
        pass  # that of the directory itself
with open("$I.listed.%d" % os.getpid(), "w") as f:
    f.write(" ".join(found))
os.execv("$BIN/smtpd-etrn", ["smtpd-etrn", "-C", "$I", "-W"])
EOF
  chmod +x "$T/lister"
}

# Of the socket that inetd makes descriptors 0, 1 and 2 no worker has anything, nor does the log go there.
testInetd() {
  lister
  echo "127.0.0.1:$PORT stream tcp wait $(id -un) $BIN/sluice-serve sluice-serve -c 40 $T/lister" >"$I.inetd"
  inetd -i "$I.inetd" </dev/null >"$I.err" 2>&1 &
  inetd=$! ERR=$I.err
  assertTrue 'the first one' 'wait_for 20 served'
  SERVE=$(pgrep -P $inetd sluice-serve)
  clients
  client one
  greeted one
  client two
  greeted two
  for listed in "$I".listed.*; do
    assertEquals "0 socket 1 /dev/null 2 /dev/null" "$(cat "$listed")"
  done
  clients_end
  kill $inetd
  wait $inetd 2>/dev/null
  kill "$SERVE"
  SERVE=
  wait_for 20 nothing_runs "$I" || fail "$(tests/peer/running "$I")"
}

# Whatever sluice-serve has: listeners, the signals, the other workers' sockets, a connection.
testDescriptors() {
  lister
  serve_program -l "127.0.0.1:$PORT" -l "127.0.0.2:$PORT" "$T/lister"
  clients
  for n in 1 2 3 4 5; do
    client "$n"
    greeted "$n"
  done
  assertTrue 'five were started' "[ $(find "$T" -path "$I.listed.*" | wc -l) -ge 5 ]"
  for listed in "$I".listed.*; do
    assertEquals "0 socket 1 /dev/null 2 $ERR" "$(cat "$listed")"
  done
}

# A descriptor that was closed is not taken for the log, nor for anything else.
testClosedDescriptors() {
  lister
  SLUICE=$I PATH=$BIN:$PATH sluice-serve -l "127.0.0.1:$PORT" -m 3 "$T/lister" <&- >&- 2>&- &
  SERVE=$! ERR=/dev/null
  wait_for 20 port_taken "$PORT"
  clients
  for n in 1 2 3 4 5; do
    client "$n"
    greeted "$n"
  done
  for listed in "$I".listed.*; do
    assertEquals "0 socket 1 /dev/null 2 /dev/null" "$(cat "$listed")"
  done
}

# Whoever starts it may ignore signals that it needs.
testIgnoredSignals() {
  conf concurrencyincoming 3
  ERR=$I.err
  (
    trap '' CHLD TERM HUP
    SLUICE=$I PATH=$BIN:$PATH exec sluice-serve -l "127.0.0.1:$PORT" -c 3 -m 1 -n 1 smtpd-etrn -W </dev/null 2>"$ERR"
  ) &
  SERVE=$!
  wait_for 20 port_taken "$PORT"
  for n in 1 2 3 4 5 6 7 8; do assertTrue "session $n: $(cat "$ERR")" 'wait_for 20 served'; done
  assertTrue "those that ended are forgotten" 'wait_for 20 workers_are 1'
  kill -HUP "$SERVE"
  assertTrue 'still there' served
}

# --- how many -----------------------------------------------------------------------

testReady() {
  : >"$T/ready"
  serve
  assertEquals 'one line, empty' '' "$(cat "$I.ready")"
  assertEquals 1 "$(wc -c <"$I.ready")"
}

testOthersWait() {
  conf concurrencyincoming 2
  serve -c 2
  clients
  client one
  client two
  greeted one
  greeted two
  client three
  client four
  silent three
  says one NOOP
  has one '250 2.0.0'
  silent three
  says one QUIT
  says two QUIT
  greeted three
  greeted four
  assertTrue 'a line' "[ $(lines 'warning: no more connections at a time than 2: others wait') -ge 1 ]"
  workers_below 3 || fail "$(workers | wc -l) workers"
}

# Who is gone before it was his turn is in no log: nobody can fill that by coming and leaving at once.
testGoneBeforeHisTurn() {
  conf concurrencyincoming 1
  serve -c 1
  clients
  client one
  greeted one
  python3 -c 'import socket, struct, sys
for _ in range(20):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()' "$PORT"
  says one QUIT
  client last
  greeted last
  assertEquals 'of the two others' 2 "$(lines ': connect from')"
  assertEquals "$(cat "$ERR")" 0 "$(lines 'unable to tell')"
}

# A hundred that come and wait make no hundred lines.
testOneLineASecond() {
  conf concurrencyincoming 1
  serve -c 1 -m 1
  began=$(seconds)
  for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do served & done
  wait_for 60 all_served
  assertTrue "$(lines 'others wait') lines" "[ $(lines 'others wait') -le $(($(seconds) - began + 1)) ]"
  assertTrue 'there is one' "[ $(lines 'others wait') -ge 1 ]"
}
all_served() { [ "$(lines 'disconnect from')" -ge 20 ]; }

# Where many wait at one address, those at another one have their turn.
testSocketsTakeTurns() {
  conf concurrencyincoming 1
  serve -c 1 -m 1 -l "127.0.0.1:$PORT" -l "127.0.0.2:$PORT" -l "127.0.0.3:$PORT"
  clients
  for address in 1 2 3; do
    client "first$address" "127.0.0.$address:$PORT"
    for n in 1 2 3 4 5; do client "more$address.$n" "127.0.0.$address:$PORT"; done
  done
  wait_for 20 connected more3.5
  for _ in 1 2 3 4 5 6; do
    wait_for 20 somebody || fail 'nobody is served'
    says "$SOMEBODY" QUIT
    has "$SOMEBODY" 221
  done
  for address in 1 2 3; do
    assertNotNull "of six at 127.0.0.$address" "$(grep -l '^221' "$CLIENTS/first$address" "$CLIENTS/more$address".*)"
  done
}
# somebody: who was greeted and is still there.
somebody() {
  for file in "$CLIENTS"/*; do
    grep -q '^220' "$file" && ! grep -q '^221' "$file" && SOMEBODY=${file##*/} && return
  done
  return 1
}

testSharedByAddress() {
  conf concurrencyincoming 4
  serve -c 4 -s -r '421 4.7.0 too many connections'
  clients
  for n in 1 2 3; do client "$n" && greeted "$n"; done
  client late
  has late '421 4.7.0 too many connections'
  has late '-- closed'
  client other "127.0.0.1:$PORT" 127.0.0.2
  greeted other
  assertEquals 1 "$(lines 'warning: turned away 127.0.0.1, which has 3 of 4 connections')"
  says 1 QUIT
  has 1 '-- closed'
  client again
  greeted again
}

# Turned away without a word, and what is not told now is told with the next line.
testSharedSilently() {
  conf concurrencyincoming 2
  serve -c 2 -s
  clients
  client one
  client two
  greeted one
  greeted two
  says two QUIT
  has two '-- closed'
  client other "127.0.0.1:$PORT" 127.0.0.2
  greeted other
  says other QUIT
  has other '-- closed'
}

testSharedByNetwork() {
  namespace || return 0
  for address in 2001:db8::1 2001:db8::2 2001:db8:0:0:ffff::3 2001:db8:0:1::1; do $IN ip addr add "$address/64" dev lo nodad; done
  $IN ip addr add 192.0.2.1/32 dev lo
  conf concurrencyincoming 4
  serve -c 4 -s -r '421 full' -l "[::]:$PORT"
  clients
  at="[2001:db8::1]:$PORT"
  client one "$at" 2001:db8::1
  client two "$at" 2001:db8::2
  client three "$at" 2001:db8:0:0:ffff::3
  for n in one two three; do greeted $n; done
  client late "$at" 2001:db8::2
  has late '421 full'
  assertEquals 1 "$(lines 'warning: turned away 2001:db8::/64, which has 3 of 4 connections')"
  client other "$at" 2001:db8:0:1::1
  greeted other
  says other QUIT
  has other '-- closed'
  # IPv4 at the same socket is one address, in its own form
  for n in one two three; do says $n QUIT && has $n '-- closed'; done
  for n in 4 5 6; do client $n "127.0.0.1:$PORT" && greeted $n; done
  client seven "127.0.0.1:$PORT"
  has seven '421 full'
  wait_for 5 test "$(lines 'warning: turned away 127.0.0.1, which has 3 of 4 connections')" -ge 1
  client eight "192.0.2.1:$PORT" 192.0.2.1
  greeted eight
}

testSharedByUser() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  conf concurrencyincoming 4
  chmod 755 "$I" "$I/run"
  local_serve -c 4 -s
  clients
  for n in 1 2 3; do client $n "$I/run/local" && greeted $n; done
  client late "$I/run/local"
  has late '-- '
  assertEquals 'not a word' 1 "$(wc -l <"$CLIENTS/late")"
  assertEquals 1 "$(lines 'warning: turned away uid=0, which has 3 of 4 connections')"
  echo QUIT | setpriv --reuid nobody --clear-groups socat -t 20 - "UNIX-CONNECT:$I/run/local" >"$T/said" &
  nobody=$!
  wait $nobody
  assertContains 'another user' "$(cat "$T/said")" '220 relay.example'
}

# Who is turned away and comes again, faster than he can be, is not all that is looked at.
testSharedInAFlood() {
  conf concurrencyincoming 4
  IN="env ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 strace -D -o /dev/null" # it is slow so
  local_serve -c 4 -s
  IN=
  clients
  for n in 1 2 3; do client $n "$I/run/local" && greeted $n; done
  timeout 60 python3 -c 'import os, socket, sys
for _ in range(4): os.fork()
while True:
    s = socket.socket(socket.AF_UNIX)
    try:
        s.connect(sys.argv[1])
    except OSError:
        pass
    s.close()' "$I/run/local" 2>/dev/null &
  flood=$!
  wait_for 40 grep -q 'turned away [0-9]* more' "$ERR"
  kill "$SERVE"
  assertTrue 'it ends' "wait_for 20 not_there $SERVE"
  kill $flood
  wait $flood 2>/dev/null
  true
}
not_there() { [ ! -e "/proc/$1/exe" ] || grep -q '^State:.Z' "/proc/$1/status"; }

# Those who have not finished when workers begin anew are still there, and count.
testSharedBeyondRenewal() {
  conf concurrencyincoming 4
  serve -c 4 -s -r '421 full'
  clients
  for n in 1 2 3; do client $n && greeted $n; done
  kill -HUP "$SERVE"
  client late
  has late '421 full'
}

testUses() {
  serve -n 3 -m 1
  first=$(workers)
  for n in 1 2 3; do
    served
    wait_for 20 test "$(lines 'disconnect from')" -ge $n
  done
  assertTrue 'it has ended' "wait_for 20 gone $first"
  assertEquals 'three sessions' 3 "$(lines "smtpd-etrn[$first]: disconnect from")"
  assertTrue 'and another one is there' served
}

# With none to wait, the first one is started for who comes first, and goes when nobody has come for a while.
testNoneIdle() {
  serve -m 0
  assertEquals 'none' '' "$(workers)"
  clients
  client one
  client two
  greeted one
  greeted two
}

testIdle() {
  serve -m 5
  assertTrue "$(workers | wc -l)" 'wait_for 20 workers_are 5'
  clients
  client one
  greeted one
  assertTrue 'no more than before' 'workers_are 5'
}

# As many as are busy are started when they have run out; after a minute without need there are as few as at first.
testDoubling() {
  conf concurrencyincoming 60
  serve -c 60 -m 2
  clients
  for n in $(seq 40); do client "$n"; done
  for n in $(seq 40); do greeted "$n"; done
  most=$(workers | wc -l)
  assertTrue "$most workers" "[ $most -ge 40 ] && [ $most -le 60 ]"
  for n in $(seq 40); do says "$n" QUIT; done
  for n in $(seq 40); do has "$n" '-- closed'; done
  assertEquals 'they stay for a while' "$most" "$(workers | wc -l)"
  assertTrue "$(workers | wc -l) are left" 'wait_for 200 workers_are 2'
  assertTrue 'it works' served
  assertEquals 'nobody was killed' 0 "$(lines killed)"
}

# --- what fails ---------------------------------------------------------------------

# The worker that has a connection of ours, by the log: of the newest "connect".
last_worker() { sed -n 's/^smtpd-etrn\[\([0-9]*\)\]: connect from.*/\1/p' "$ERR" | tail -n 1; }

testKilledInSession() {
  serve
  clients
  client one
  greeted one
  client two
  greeted two
  kill -9 "$(last_worker)"
  has two '-- '
  says one NOOP
  has one '250 2.0.0'
  assertTrue 'others are served' served
  assertEquals 1 "$(lines 'was killed by signal 9')"
}

# Told to stop in a session, a worker does not say that it is idle: nobody is handed to one that ends.
testStoppedInSession() {
  conf concurrencyincoming 1
  serve -c 1
  clients
  client one
  greeted one
  client two
  silent two
  worker=$(holder)
  strace -o /dev/null -e trace=exit_group -e inject=exit_group:delay_enter=1000000 -p "$worker" 2>/dev/null &
  tracer=$!
  wait_for 20 traced_now "$worker" || fail 'not traced'
  kill "$worker"
  has one '421 4.3.2'
  greeted two
  wait $tracer
  assertEquals 'and that is no crash' 0 "$(lines 'was killed')"
}
traced_now() { grep -q '^TracerPid:.[1-9]' "/proc/$1/status"; }

testKilledIdle() {
  serve -m 3
  wait_for 20 workers_are 3
  for _ in 1 2 3 4 5; do
    # at once: perhaps its end is not known yet when the next connection comes
    # shellcheck disable=SC2046 # numbers
    kill -9 $(workers)
    assertTrue "$(cat "$ERR")" served
    served
  done
}

# One that hangs keeps its own connection, whether it was idle or not.
testHangs() {
  conf concurrencyincoming 9
  serve -m 3 -c 9
  wait_for 20 idle_are 3
  clients
  client one
  greeted one
  busy=$(last_worker)
  kill -STOP "$busy"
  says one NOOP
  wait_for 20 idle_are 2
  hung=$(idle)
  # shellcheck disable=SC2086 # several
  kill -STOP $hung
  for n in 1 2 3 4 5; do client $n; done
  wait_for 60 greeted_are 2 || fail "$(cat "$ERR")"
  assertTrue 'others' "wait_for 20 served"
  # shellcheck disable=SC2086
  kill -CONT "$busy" $hung
  has one '250 2.0.0'
  wait_for 60 greeted_are 5 || fail "$(cat "$ERR")"
}
# Those that wait: descriptor 0 is closed.
idle() { for pid in $(workers); do [ "$(readlink "/proc/$pid/fd/0")" ] || echo "$pid"; done; }
idle_are() { [ "$(idle | wc -l)" -eq "$1" ]; }
greeted_are() { [ "$(grep -l '^220' "$CLIENTS"/[0-9] | wc -l)" -ge "$1" ]; }

# One that hangs before it can have a connection keeps nobody waiting for long.
testHangsAtStart() {
  printf '#!/bin/sh\n[ -e %s ] || { : >%s; exec sleep 1000; }\nexec %s -W\n' "$I.once" "$I.once" "$BIN/smtpd-etrn" >"$T/hangs"
  chmod +x "$T/hangs"
  serve_program -l "127.0.0.1:$PORT" -m 1 "$T/hangs"
  clients
  client one
  wait_for 120 grep -q '^220' "$CLIENTS/one" || fail "not greeted: $(cat "$ERR")"
  assertEquals 'a line' 1 "$(lines "warning: $T/hangs was not ready within 30 seconds")"
  assertTrue 'it is ended' "wait_for 20 nothing_sleeps"
}
nothing_sleeps() { ! pgrep -P "$SERVE" sleep >/dev/null; }

# calm SECONDS TEXT: meanwhile there is about one such line a second, and no work to speak of.
calm() {
  calm_lines=$(lines "$2") calm_spent=$(spent "$SERVE") calm_began=$(seconds)
  sleep "$1"
  calm_took=$(($(seconds) - calm_began))
  calm_lines=$(($(lines "$2") - calm_lines))
  assertTrue "$calm_lines lines in $calm_took seconds: $(cat "$ERR")" "[ $calm_lines -ge 1 ] && [ $calm_lines -le $((calm_took + 1)) ]"
  calm_spent=$(($(spent "$SERVE") - calm_spent))
  assertTrue "$calm_spent hundredths of a second" "[ $calm_spent -le $((calm_took * 10)) ]"
}

testProgramIsMissing() {
  serve_program -l "127.0.0.1:$PORT" -m 3 "$T/later"
  clients
  client one
  calm 5 "warning: unable to start $T/later: No such file or directory"
  silent one
  ln -s "$BIN/smtpd-etrn" "$T/later.new"
  printf '#!/bin/sh\nexec %s -W\n' "$BIN/smtpd-etrn" >"$T/later.new2"
  chmod +x "$T/later.new2"
  mv "$T/later.new2" "$T/later"
  rm "$T/later.new"
  greeted one
  rm "$T/later"
}

testProgramEndsAtOnce() {
  printf '#!/bin/sh\nexit 1\n' >"$T/ends"
  chmod +x "$T/ends"
  serve_program -l "127.0.0.1:$PORT" -m 3 "$T/ends"
  clients
  client one
  calm 5 "warning: $T/ends ended before it was ready"
  silent one
  printf '#!/bin/sh\nexec %s -W\n' "$BIN/smtpd-etrn" >"$T/ends.new"
  chmod +x "$T/ends.new"
  mv "$T/ends.new" "$T/ends"
  greeted one
}

# It cannot begin while sessions go on: these are served to their end, and there is no crowd of attempts.
testProgramEndsLater() {
  printf '#!/bin/sh\nexec %s -W\n' "$BIN/smtpd-etrn" >"$T/worse"
  chmod +x "$T/worse"
  serve_program -l "127.0.0.1:$PORT" -m 2 "$T/worse"
  clients
  for n in 1 2 3 4 5 6 7 8; do client $n && greeted $n; done
  printf '#!/bin/sh\nexit 1\n' >"$T/worse.new"
  chmod +x "$T/worse.new"
  mv "$T/worse.new" "$T/worse"
  kill -HUP "$SERVE"
  client late
  calm 5 "ended before it was ready"
  for n in 1 2 3 4 5 6 7 8; do says $n NOOP && has $n '250 2.0.0'; done
}

# What is no worker has said nothing that it would be one by.
testProgramIsNoWorker() {
  serve_program -l "127.0.0.1:$PORT" -m 1 sh -c 'echo hello >&0; exec sleep 600'
  clients
  client one
  calm 5 'ended before it was ready'
  silent one
  assertTrue "$(workers | wc -l) are there" 'workers_below 4'
}

# --- the end ------------------------------------------------------------------------

testServerIsKilled() {
  serve -m 3
  clients
  client one
  greeted one
  wait_for 20 idle_are 2
  all=$(workers)
  mine=$(last_worker)
  kill -9 "$SERVE"
  wait "$SERVE" 2>/dev/null
  SERVE=
  for pid in $all; do [ "$pid" = "$mine" ] || assertTrue 'an idle one ends' "wait_for 20 gone $pid"; done
  says one 'EHLO x'
  has one '250 HELP'
  says one 'MAIL FROM:<a@example>'
  says one 'RCPT TO:<b@example>'
  says one DATA
  has one 354
  says one 'Subject: x'
  says one .
  has one '250 2.0.0 Ok: queued'
  says one QUIT
  has one 221
  assertTrue 'and ends then' "wait_for 20 gone $mine"
  assertEquals 'mail is there' 1 "$(queued)"
}

testTerminated() {
  serve -m 3
  clients
  client one
  greeted one
  client two
  greeted two
  all=$(workers)
  kill "$SERVE"
  wait "$SERVE"
  assertEquals 'exit code' 0 $?
  SERVE=
  has one '421 4.3.2 relay.example Service shutting down'
  has two '421 4.3.2 relay.example Service shutting down'
  for pid in $all; do assertTrue 'it ends' "wait_for 20 gone $pid"; done
}

testHangup() {
  serve -m 2
  clients
  client one
  greeted one
  wait_for 20 idle_are 1
  mine=$(last_worker)
  all=$(workers)
  kill -HUP "$SERVE"
  for pid in $all; do [ "$pid" = "$mine" ] || assertTrue 'an idle one ends' "wait_for 20 gone $pid"; done
  assertTrue "others are there: $(cat "$ERR")" served
  says one NOOP
  has one '250 2.0.0'
  says one QUIT
  has one 221
  assertTrue 'and ends then' "wait_for 20 gone $mine"
  assertEquals 'nobody was killed' 0 "$(lines killed)"
}

testFileChanges() {
  echo one >"$T/watched"
  serve -m 2 -f "$T/watched"
  clients
  client before
  greeted before
  wait_for 20 idle_are 1
  old=$(workers)
  for change in 'echo two >"$T/watched"' 'echo thr >"$T/new"; mv "$T/new" "$T/watched"' 'rm "$T/watched"' 'echo one >"$T/watched"'; do
    served
    old="$old $(workers)"
    eval "$change"
    : "$(lines x)"
    assertTrue "$(cat "$ERR")" served
    case " $(echo $old) " in *" $(last_worker) "*) fail "after $change: $(last_worker) was there before" ;; esac
  done
  says before NOOP
  has before '250 2.0.0'
}

# --- settings -----------------------------------------------------------------------

testConcurrencyChanges() {
  conf concurrencyincoming 3
  serve -c 3 -m 1
  clients
  for n in 1 2 3; do client "$n" && greeted "$n"; done
  client four
  silent four
  # a session that began with the new value says so at its end
  conf concurrencyincoming 5
  says 1 QUIT
  greeted four
  says four QUIT
  has four '-- closed'
  for n in 5 6 7; do client "$n" && greeted "$n"; done
  client eight
  wait_for 20 connected eight
  silent eight
  conf concurrencyincoming 2
  says 5 QUIT
  greeted eight
  says eight QUIT
  has eight '-- closed'
  for n in 2 3 6; do says "$n" QUIT && has "$n" '-- closed'; done
  client nine
  greeted nine
  client ten
  silent ten
  assertTrue 'two, one of them busy' 'wait_for 20 workers_below 3'
  says 7 QUIT
  greeted ten
}

# The limit of open files is for what the settings may come to, not for what they were at first.
testManyConnections() {
  conf concurrencyincoming 10
  (ulimit -Sn 150; SLUICE=$I PATH=$BIN:$PATH exec sluice-serve -l "127.0.0.1:$PORT" -c 10 -b 1024 smtpd-etrn -W </dev/null 2>"$I.err") &
  SERVE=$! ERR=$I.err
  wait_for 20 port_taken "$PORT"
  conf concurrencyincoming 200
  served
  clients
  for n in $(seq 180); do client "$n"; done
  for n in $(seq 180); do wait_for 60 told "$n" 220 || { fail "connection $n: $(tail -n 3 "$ERR")"; break; }; done
}

# --- mail ---------------------------------------------------------------------------

# Whoever was told 250 has his message in the queue, whole, whichever workers are killed meanwhile; others are told nothing.
testKilledAtRandom() {
  conf concurrencyincoming 20
  echo "SEED=$SEED"
  serve -c 20 -m 4 -b 128
  tests/peer/killed "127.0.0.1:$PORT" "$SERVE" "$MESSAGES" "$SEED" >"$T/taken" 2>"$T/err" || fail "$(cat "$T/err")"
  assertEquals "$(tail -n 1 "$T/err")" "$MESSAGES" "$(sort -u "$T/taken" | wc -l)"
  find "$I/queue/new" "$I/queue/cur" -type f -exec cat {} + >"$T/all"
  grep -ao '^X-Name: [0-9.]* whole' "$T/all" | cut -d ' ' -f 2 | sort -u >"$T/there"
  sort -u "$T/taken" >"$T/sorted"
  assertEquals 'with a 250 and not there' '' "$(comm -23 "$T/sorted" "$T/there" | head)"
  assertContains 'torn' "$("$BIN/queue-check" -C "$I" 2>&1)" 'findings: 0'
  assertTrue 'some were killed' "grep -q 'killed [1-9]' '$T/err'"
}

# shellcheck disable=SC1091
. shunit2
