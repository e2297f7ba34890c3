# The run scripts: users, addresses, broken settings, and that a stop leaves nothing.
. tests/lib.sh

oneTimeSetUp() {
  sink customer
}

oneTimeTearDown() {
  sink_stop
  fail_if_running
}

# fresh NAME [OPTION...]: an instance that sends at once.
fresh() {
  instance "$@"
  conf relaydomains example .example
  conf routes "* [127.0.0.1]:$SINKPORT"
}

# works DOMAIN: a message goes through.
works() {
  submit -t "x@$1" >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  arrive "$1" 1
  assertTrue 'nothing left' 'wait_for 10 drained'
}

# user_of SERVICE: who runs it.
user_of() { ps -o user:20=,args= -p "$(s6-svstat -o pid "$I/service/$1")" | awk '{ print $1 }'; }

# What a service's process has started and not buried.
children() { ps -o pid= --ppid "$(s6-svstat -o pid "$I/service/$1")"; }
buried() { ! ps -o stat= --ppid "$(s6-svstat -o pid "$I/service/$1")" | grep -q Z; }

# --- who ----------------------------------------------------------------------------

testUsers() {
  for_users || return 0
  fresh users -U
  conf relaydomains users.example
  start
  works users.example
  assertEquals sluice-q "$(user_of qmgr)"
  assertEquals sluice-in "$(user_of smtpd)"
  assertEquals sluice-in "$(user_of local)"
  assertEquals sluice-out "$(user_of send)"
  assertEquals sluice-q "$(user_of bounce)"
  assertEquals sluice-auth "$(user_of auth)"
  assertEquals sluice-tls "$(user_of tls)"
  for service in qmgr smtpd local send bounce auth tls tlsout smtps odmr; do assertEquals "$service/log" sluice-log "$(user_of $service/log)"; done
  conf routes '* - park'
  s6-svc -h "$I/service/qmgr"
  submit -t x@users.example >"$T/submit"
  assertTrue 'waits' 'wait_for 10 waits users.example 1'
  assertEquals 'a message' 'sluice-in sluice-q 660' "$(find "$I/queue/cur" -type f -printf '%u %g %m\n')"
  assertEquals 'a list' 'sluice-q sluice-q 660' "$(find "$I/queue/flush" -type f -printf '%u %g %m\n')"
  assertEquals 'nothing for others' '' "$(find "$I/queue" "$I/conf" -maxdepth 0 -perm /007)"
  assertEquals 'but one socket' 'run/local' "$(cd "$I" && find run -mindepth 1 -perm /007)"
  assertEquals 'that they reach' '2751 root sluice-q' "$(stat -c '%a %U %G' "$I/run")"
  for socket in bounce send tlsout; do
    assertEquals "$socket is qmgr's alone" '600 sluice-q' "$(stat -c '%a %U' "$I/run/$socket")"
  done
  assertEquals 'for smtpd-etrn to ask' '660 sluice-auth sluice' "$(stat -c '%a %U %G' "$I/run/auth")"
  assertEquals 'writers hand connections over' '660 sluice-q sluice' "$(stat -c '%a %U %G' "$I/run/turn")"
  assertEquals "that of TLS is smtpd-etrn's" '660 sluice-tls sluice' "$(stat -c '%a %U %G' "$I/run/tls")"
  stop
}

# Of one user who is not root, from sluice-init on.
testNobody() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  setpriv --reuid nobody --regid nogroup --clear-groups test -x "$BIN/qmgr" ||
    { skip 'programs are where others cannot run them'; return; }
  mkdir "$T/nobody"
  chown nobody "$T/nobody"
  free_port PORT
  I=$T/nobody/i
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/sluice-init" -l "127.0.0.1:$PORT" "$I"
  conf relaydomains nobody.example
  conf routes "* [127.0.0.1]:$SINKPORT"
  setpriv --reuid nobody --regid nogroup --clear-groups s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  wait_for 10 greets || fail "no greeting: $(cat "$I.svscan"; log smtpd)"
  works nobody.example
  assertEquals nobody "$(user_of send)"
  stop
}

# --- where --------------------------------------------------------------------------

testAddresses() {
  grep -q . /proc/net/if_inet6 2>/dev/null || { skip 'no IPv6 here'; return; }
  fresh everywhere
  conf listen "0:$PORT"
  start
  assertTrue 'IPv4' "greets 127.0.0.1:$PORT"
  assertTrue 'IPv6' "greets [::1]:$PORT"
  works everywhere.example
  stop
  conf listen "[::]:$PORT"
  start
  assertTrue 'IPv4' "greets 127.0.0.1:$PORT"
  stop
  conf listen "[::1]:$PORT"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  assertTrue 'IPv6' "wait_for 10 greets [::1]:$PORT"
  assertFalse 'not IPv4' "greets 127.0.0.1:$PORT"
  stop
}

# Moved or behind a link, it still finds itself.
testMoved() {
  fresh before
  mv "$I" "$T/after"
  ln -s after "$T/link"
  I=$T/link
  start
  works moved.example
  stop
  I=$T/after
  assertTrue 'nothing runs' "wait_for 20 nothing_runs $I"
}

# --- broken settings ------------------------------------------------------------------

# Said once a second, served again as soon as it is mended.
testBrokenListen() {
  fresh broken
  conf listen nonsense
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  assertTrue "said: $(log smtpd)" "wait_for 10 logged smtpd 'conf-check: conf/listen: line 1: no port: nonsense'"
  conf listen "127.0.0.1:$PORT"
  assertTrue 'mended' 'wait_for 10 greets'
  stop
}

# --- stopping ---------------------------------------------------------------------------

# Sessions that nobody ends do not hold up a stop.
testStopWithIdleSessions() {
  fresh idle
  start
  for i in 1 2 3 4 5; do
    socat -u "TCP:127.0.0.1:$PORT" "OPEN:$T/idle$i,creat" &
    idle="${idle-} $!"
  done
  for i in 1 2 3 4 5; do wait_for 10 test -s "$T/idle$i" || fail "no greeting to $i"; done
  stop
  # shellcheck disable=SC2086 # several
  wait $idle
  assertNull 'no process' "$(tests/peer/running "$I")"
}

# Nor does a customer who says nothing.
testStopWithMuteSite() {
  fresh mute
  mute=
  free_port mute
  socat -u "TCP-LISTEN:$mute,bind=127.0.0.1,reuseaddr" "OPEN:$T/mute.said,creat" &
  mute_pid=$!
  wait_for 10 port_taken "$mute"
  conf routes "* [127.0.0.1]:$mute"
  start
  submit -t x@mute.example >"$T/submit"
  assertTrue "an agent is there: $(log qmgr)" 'wait_for 10 children send >/dev/null'
  stop
  kill $mute_pid 2>/dev/null
  wait $mute_pid 2>/dev/null
  assertNull 'no process' "$(tests/peer/running "$I")"
}

# --- after a stop that was not clean ------------------------------------------------------

testRebuild() {
  fresh unclean
  conf routes 'rebuild.example - park' "* [127.0.0.1]:$SINKPORT"
  conf relaydomains rebuild.example
  start
  hold rebuild.example 3
  stop
  assertNotContains "$(log qmgr)" 'lists anew, 3'
  rm -f "$I/queue/clean" "$I/queue/boot" "$I/queue/flush/rebuild.example"
  start
  assertTrue "$(log qmgr)" 'wait_for 10 waits rebuild.example 3'
  wait_for 10 logged qmgr flush-rebuild
  assertTrue 'nor a zombie of it' 'wait_for 10 buried qmgr'
  stop
}

killed() { kill -9 "$(s6-svstat -o pid "$I/service/qmgr")"; }

boot_is_this() { [ "$(cat /proc/sys/kernel/random/boot_id)" = "$(cat "$I/queue/boot")" ]; }

# In the same boot, too, and again when it was killed before that came to its end; not after a clean stop.
testRebuildAfterKill() {
  fresh killed
  conf routes '* - park'
  conf relaydomains .example
  start
  hold a.example 3
  hold b.example 2
  assertTrue "$(log qmgr)" 'wait_for 10 logged qmgr "lists anew"'
  s6-svc -wd -T 5000 -d "$I/service/qmgr"
  assertEquals 'clean' 1 "$("$BIN/flush-rebuild" -C "$I" -t; echo $?)"
  s6-svc -wU -T 10000 -u "$I/service/qmgr"
  : >"$I/queue/flush/a.example"
  rm "$I/queue/flush/b.example"
  killed
  assertTrue "$(log qmgr)" 'wait_for 20 waits a.example 3'
  assertTrue "$(log qmgr)" 'wait_for 20 waits b.example 2'
  assertTrue "$(log qmgr)" 'wait_for 10 logged qmgr "made 2 lists anew, 5 entries"'
  assertTrue "this boot again: $(cat "$I/queue/boot")" 'wait_for 20 boot_is_this'
  stop
}

# A message that no list names is found beside a qmgr that runs; one that waits for nothing but that is sent.
testFoundUnlisted() {
  fresh unlisted
  conf routes "parked.example - park" "* [127.0.0.1]:$SINKPORT"
  conf relaydomains .example
  sed -i 's/-e 1d/-e 1s/' "$I/service/qmgr/run"
  start
  hold parked.example 2
  : >"$I/queue/flush/parked.example"
  id=$(find "$I/queue/cur" -type f -printf '%f\n' | sort | head -n 1)
  id=${id%???}vvv
  tests/peer/message "$I/queue" cur "$id" live.example
  assertTrue "$(log qmgr)" 'wait_for 20 waits parked.example 2'
  arrive live.example 1
  assertTrue 'said' 'wait_for 10 logged qmgr "$id: was in no list of live.example"'
  assertTrue 'no more than what was there' 'wait_for 10 left_in_cur 2'
  stop
}
left_in_cur() { [ "$(find "$I/queue/cur" -type f | wc -l)" = "$1" ]; }

# --- the files themselves -------------------------------------------------------------------

testLogRunsAreOne() {
  cmp service/smtpd/log/run service/qmgr/log/run && cmp service/smtpd/log/run service/send/log/run &&
    cmp service/smtpd/log/run service/local/log/run && cmp service/smtpd/log/run service/bounce/log/run &&
    cmp service/smtpd/log/run service/auth/log/run
  assertTrue 'alike' $?
}

# Without s6-log there is multilog, without that svlogd.
testOtherLoggers() {
  mkdir "$T/path"
  for logger in s6-log multilog svlogd; do
    printf '#!/bin/sh\necho %s "$@"\n' $logger >"$T/path/$logger"
    chmod +x "$T/path/$logger"
  done
  ln -s "$(command -v setpriv)" "$T/path/setpriv"
  fresh loggers
  cd "$I/service/qmgr/log" || return
  printf 'PATH=%s users=\n' "$T/path" >../env
  assertEquals 's6-log t n20 s1000000 ./main' "$(/bin/sh ./run)"
  rm "$T/path/s6-log"
  assertEquals 'multilog t n20 s1000000 ./main' "$(/bin/sh ./run)"
  rm "$T/path/multilog"
  assertEquals 'svlogd -t ./main' "$(/bin/sh ./run)"
  cd - >/dev/null || return
}

. shunit2
