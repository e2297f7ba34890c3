# What every tests/*.sh begins with:  . tests/lib.sh
# and ends with:                      . shunit2
# Run one alone from the top of the source: sh tests/NAME.sh, or a single test of it:
# sh tests/NAME.sh -- testName.
#
#   BIN  where the programs are            T     a fresh directory of this file's own
#   I    the instance made last            PORT  its port, on 127.0.0.1
#
# The file runs a second time below a guard, which removes T and stops whatever a test
# has left running, however the test ended.

guard_end() {
  left=$(tests/peer/running "$T")
  [ -z "$left" ] || {
    echo 'ASSERT:left running:'
    echo "$left"
    tests/peer/running -k "$T"
    guard_status=1
  }
  for report in "$T"/asan.* "$T"/ubsan.* "$T"/valgrind.*; do
    [ -s "$report" ] || continue
    echo 'ASSERT:a sanitizer found:'
    cat "$report"
    guard_status=1
  done
  # what a test that was stopped had mounted
  grep -oE " $T/[^ ]+ " /proc/mounts | while read -r mounted; do umount -l "$mounted"; done
  rm -rf "$T" || guard_status=1
}

guard() {
  guard_status=1
  T=$(mktemp -d "${TMPDIR:-/tmp}/sl.XXXXXX") || exit 111
  chmod 755 "$T" # other users' programs work below it
  trap 'kill "$guard_child" 2>/dev/null; guard_end; exit 130' INT TERM HUP
  ASAN_OPTIONS=log_path=$T/asan UBSAN_OPTIONS=print_stacktrace=1:log_path=$T/ubsan
  export ASAN_OPTIONS UBSAN_OPTIONS
  TMPDIR=$T GUARDED=$T sh "$0" "$@" </dev/null &
  guard_child=$!
  wait "$guard_child" && guard_status=0
  trap '' INT TERM HUP
  guard_end
  exit "$guard_status"
}

[ -n "${GUARDED-}" ] || guard "$@"

set -u
T=$GUARDED
BIN=$(realpath "${BIN:-bin}")
export SHUNIT_COLOR=none
PATH=$PATH:/usr/sbin:/sbin
export PATH
unset SLUICE TCPREMOTEIP TCPREMOTEPORT REMOTE_ADDR REMOTE_PORT

# VALGRIND names programs that are to run under it: BIN is a directory in which they do.
valgrind_bin() {
  mkdir "$T/valgrind"
  for program in "$BIN"/*; do
    name=${program##*/}
    case " $VALGRIND " in
      *" $name "*)
        printf '#!/bin/sh\nexec valgrind -q --vgdb=no --log-file=%s/valgrind.%%p %s "$@"\n' "$T" "$program" >"$T/valgrind/$name"
        chmod +x "$T/valgrind/$name"
        ;;
      *) ln -s "$program" "$T/valgrind/$name" ;;
    esac
  done
  BIN=$T/valgrind
}
[ -z "${VALGRIND-}" ] || valgrind_bin

# --- waiting ------------------------------------------------------------------------

# wait_for SECONDS COMMAND...: polls until the command succeeds; 1 when it never does.
# The command may wait for something itself: no variable is kept meanwhile.
wait_for() {
  wait_seconds=$1
  shift
  wait_until $(($(date +%s) + wait_seconds + 1)) "$@"
}
wait_until() {
  until but_the_first "$@"; do
    [ "$(date +%s)" -lt "$1" ] || return 1
    sleep 0.05
  done
}
but_the_first() {
  shift
  "$@"
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# shellcheck disable=SC2120 # the path may be left out
# fail_if_running [PATH]: a failure for each process that has to do with PATH (or T).
fail_if_running() {
  running=$(tests/peer/running "${1:-$T}")
  assertNull "left running: $running" "$running"
}

# skip WHY: what follows in this test is not judged; tests/run counts it as skipped.
skip() {
  echo "SKIPPED:$1"
  startSkipping
}

# for_users [USER]: root, and users of sluice, that one among them; or the test is skipped: "for_users || return 0".
for_users() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return 1; }
  getent passwd "${1-sluice-in}" >/dev/null && getent group sluice-q >/dev/null || { skip 'no users of sluice: make users'; return 1; }
}

# traced ...: strace(1), under which a sanitizer's search for leaks does not work.
traced() { ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 strace "$@"; }

# --- ports --------------------------------------------------------------------------

# Below the ports that the kernel gives to clients, in a stretch of this process's own.
port_next=$((10000 + $$ % 550 * 40))

port_taken() {
  grep -qi ":$(printf %04X "$1") [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6
}

# free_port NAME: sets the variable NAME to the number of a port nobody listens at.
free_port() {
  while port_next=$((port_next + 1)); port_taken "$port_next"; do :; done
  eval "$1=\$port_next"
}

# --- instances ----------------------------------------------------------------------

# instance NAME [OPTION...]: a fresh one in $T/NAME, not yet running.
instance() {
  I=$T/$1
  shift
  free_port PORT
  "$BIN/sluice-init" -l "127.0.0.1:$PORT" "$@" "$I"
}

# conf NAME LINE...: writes a setting of the instance; without lines, takes it away.
conf() {
  conf_file=$I/conf/$1
  shift
  rm -f "$conf_file"
  [ $# = 0 ] || printf '%s\n' "$@" >"$conf_file"
}

# listen_tls: the instance will take connections over TLS from the first octet, at TLSPORT, and at ODMRPORT.
listen_tls() {
  free_port TLSPORT
  free_port ODMRPORT
  conf listentls "127.0.0.1:$TLSPORT"
  conf listenodmr "127.0.0.1:$ODMRPORT"
  rm "$I/service/smtps/down" "$I/service/odmr/down"
}

greets() { timeout 5 tests/peer/talk "${1:-127.0.0.1:$PORT}" </dev/null 2>/dev/null | grep -q "^220 "; }

# start, stop: the instance, under s6.  start waits until it greets and qmgr listens, stop until all is gone.
start() {
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  wait_for 40 greets || fail "no greeting at port $PORT: $(cat "$I.svscan"; log smtpd)"
  wait_for 40 qmgr_ready || fail "qmgr is not ready: $(cat "$I.svscan"; log qmgr)"
}

stop() {
  [ -s "$I.pid" ] || return 0
  stop_pid=$(cat "$I.pid")
  kill -TERM "$stop_pid" 2>/dev/null
  rm -f "$I.pid"
  wait_for 20 nothing_runs "$I" || fail "does not stop: $(tests/peer/running "$I")"
  wait "$stop_pid" 2>/dev/null
  return 0
}

# service NAME OPTIONS: s6-svc's letters, "h" for SIGHUP, "wd -d" for down and waited for.
service() {
  # shellcheck disable=SC2086 # several options
  s6-svc -$2 "$I/service/$1"
}

# ready SERVICE...: wait until they are.  A supervisor that has just begun has no status to wait for yet.
ready() {
  for ready_service; do
    wait_for 60 is_ready "$ready_service" || fail "$ready_service is not ready: $(log "$ready_service")"
  done
}
is_ready() { s6-svwait -U -t 1000 "$I/service/$1" 2>/dev/null; }

qmgr_ready() { [ -e "$I/service/qmgr/down" ] || is_ready qmgr; }

nothing_runs() { [ -z "$(tests/peer/running "$1")" ]; }

# log SERVICE: what it has logged (smtpd, qmgr, send).
log() { cat "$I/service/$1/log/main/current" 2>/dev/null; }

# logged SERVICE TEXT: has it said so?
logged() { log "$1" | grep -qF -- "$2"; }

# --- the queue ----------------------------------------------------------------------

# How many ids stand in a domain's flush file; waits DOMAIN N: has it come to that?
waiting() { grep -c . "$I/queue/flush/$1" 2>/dev/null || [ -e "$I/queue/flush/$1" ] || echo 0; }
waits() { [ "$(waiting "$1")" -eq "$2" ]; }

# hold DOMAIN [COUNT]: messages for a parked domain or one whose site is down, until they wait there.
hold() {
  submit -t "%d@$1" -n "${2-1}" >"$T/submit" || fail "submit: $(cat "$T/submit")"
  wait_for 60 waits "$1" "${2-1}" || fail "$1: $(waiting "$1") wait"
}

# How many messages are in the queue, wherever.
queued() { find "$I/queue/new" "$I/queue/cur" "$I/queue/hold" -type f | wc -l; }
drained() { [ "$(queued)" = 0 ]; }

# etrn ARGUMENT: the reply to it.
etrn() { printf 'EHLO client.example\nETRN %s\nQUIT\n' "$1" | smtp | tail -n 2 | head -n 1; }

# asked NAME: is a flush of it still to be taken up?
asked() { [ -e "$I/queue/asked/$1" ]; }
unasked() { ! asked "$1"; }
none_asked() { [ -z "$(find "$I/queue/asked" "$I/queue/claim" -type f)" ]; }

# --- peers --------------------------------------------------------------------------

# smtp: an SMTP dialogue from stdin, a line at a time; prints the replies.
# smtp_raw: stdin as it is, all at once; prints all that comes back.
smtp() { smtp_to "127.0.0.1:$PORT"; }
smtp_to() { tests/peer/talk "$1"; }
smtp_raw() { tests/peer/talk -r "127.0.0.1:$PORT"; }

# busy_agents: the smtp-send that have a connection of qmgr's; a worker that waits for one has no descriptor 0.
busy_agents() {
  tests/peer/running "$I" | sed -nE 's,^([0-9]+) ([^ ]*/)?smtp-send .*,\1,p' |
    while read -r agent; do [ ! -e "/proc/$agent/fd/0" ] || echo "$agent"; done
}

# submit ...: messages into the instance; see tests/peer/submit.
submit() { tests/peer/submit "127.0.0.1:$PORT" "$@"; }

# sink NAME [OPTION...]: a customer's server in $T/NAME, see tests/peer/sink; sets SINK, its
# directory, and SINKPORT.  The second start of the same name has the same port.
sink() {
  SINK=$T/$1
  shift
  mkdir -p "$SINK"
  [ -s "$SINK/port" ] || { free_port SINKPORT && echo "$SINKPORT" >"$SINK/port"; }
  SINKPORT=$(cat "$SINK/port")
  tests/peer/sink "$@" "${SINKADDRESS:-127.0.0.1}:$SINKPORT" "$SINK" </dev/null >"$SINK.out" 2>&1 &
  echo $! >"$SINK.pid"
  wait_for 10 test -e "$SINK/listening" || fail "sink: $(cat "$SINK.out")"
}

sink_stop() {
  [ -s "$SINK.pid" ] || return 0 # shunit2 tears down twice
  sink_pid=$(cat "$SINK.pid")
  kill "$sink_pid"
  wait "$sink_pid" 2>/dev/null
  rm -f "$SINK.pid" "$SINK/listening"
}

# flawed NAME: the imperfect servers in the lines of stdin, see tests/peer/flawed; sets FLAWED, their directory
# $T/NAME, with their log in it.
flawed() {
  FLAWED=$T/$1
  mkdir -p "$FLAWED"
  cat >"$FLAWED/sites"
  tests/peer/flawed "$FLAWED" <"$FLAWED/sites" >"$FLAWED/where" 2>"$FLAWED/err" &
  echo $! >"$FLAWED/pid"
  wait_for 20 test -e "$FLAWED/listening" || fail "flawed: $(cat "$FLAWED/err")"
}

# Has nothing happened at any of them for so many seconds?
flawed_idle() { [ $(($(date +%s) - $(stat -c %Y "$FLAWED/log"))) -gt "$1" ]; }

flawed_stop() {
  [ -s "$FLAWED/pid" ] || return 0
  flawed_pid=$(cat "$FLAWED/pid")
  kill "$flawed_pid"
  wait "$flawed_pid" 2>/dev/null
  rm -f "$FLAWED/pid" "$FLAWED/listening"
  assertNull 'tests/peer/flawed itself failed' "$(cat "$FLAWED/err")"
}

# slow NAME HOW [ADDRESS,...[:PORT]]: a server that takes connections and no mail, see tests/peer/slow; sets SLOW, its
# log, and SLOWPORT.
slow() {
  SLOW=$T/$1
  slow_at=${3-127.0.0.1}
  case $slow_at in
    *:*) SLOWPORT=${slow_at##*:} ;;
    *) free_port SLOWPORT ;;
  esac
  rm -f "$SLOW"
  tests/peer/slow "${slow_at%:*}:$SLOWPORT" "$2" "$SLOW" </dev/null >"$SLOW.out" 2>&1 &
  slow_pid=$!
  wait_for 10 test -e "$SLOW" || fail "slow: $(cat "$SLOW.out")"
}

slow_stop() {
  [ -n "${slow_pid-}" ] || return 0
  kill "$slow_pid"
  wait "$slow_pid" 2>/dev/null
  slow_pid=
}

# How many messages, messages for a domain (doubles counted), connections the sink has had.
sink_messages() { find "$SINK" -maxdepth 1 -name '*.msg' | wc -l; }
sink_connections() { grep -c '^connect' "$SINK/log"; }
sink_for() {
  find "$SINK" -name '*.env' -exec grep -liF "@$1>" {} + | wc -l
}
sink_has_for() { [ "$(sink_for "$1")" -ge "$2" ]; }
# arrive DOMAIN N: a failure when not so many messages get there.
arrive() { assertTrue "$1: $(sink_for "$1") of $2 arrived" "wait_for 60 sink_has_for $1 $2"; }
sink_has() { [ "$(sink_messages)" -ge "$1" ]; }
