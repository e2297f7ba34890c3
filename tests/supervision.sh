# The services under each supervisor and super-server that they are made for.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
}

oneTimeTearDown() {
  sink_stop
  fail_if_running
}

# fresh NAME: an instance that sends at once.
fresh() {
  instance "$1"
  conf relaydomains example .example
  conf routes "* [127.0.0.1]:$SINKPORT"
}

# works DOMAIN: a message goes through.
works() {
  wait_for 10 greets || fail 'no greeting'
  submit -t "x@$1" >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  arrive "$1" 1
  assertTrue 'nothing left' 'wait_for 10 drained'
}

# stopped: nothing of the instance runs any more.
stopped() { assertTrue "still there: $(tests/peer/running "$I")" "wait_for 20 nothing_runs $I"; }

# --- s6 -----------------------------------------------------------------------------

testS6() {
  fresh s6
  began=$(date +%s%N)
  start
  took=$((($(date +%s%N) - began) / 1000000))
  assertTrue "greeted after $took ms" "[ $took -lt 2000 ]"
  works s6.example
  for service in smtpd local qmgr send bounce auth tls tlsout; do
    assertTrue "$service is ready" "s6-svwait -U -t 5000 $I/service/$service"
    assertTrue "$service logs" "[ -e $I/service/$service/log/main/current ]"
  done
  stop
  assertEquals 'clean' '' "$(grep -il 'killed\|crash' "$I"/service/*/log/main/current)"
}

testS6RestartsWhatDies() {
  fresh restart
  start
  for service in smtpd local qmgr send bounce auth tls tlsout; do
    service $service k
    assertTrue "$service is back" "s6-svwait -U -t 5000 $I/service/$service"
    works "after-$service.example"
  done
  stop
}

# A service whose supervisor was killed ends with it, so that the next one has the queue, the
# socket and the port, and a stop leaves nobody behind.
testS6SupervisorsAreKilled() {
  fresh orphans
  start
  for service in smtpd local qmgr send bounce auth tls tlsout; do
    pkill -9 -P "$(cat "$I.pid")" -f "s6-supervise $service\$" || fail "no s6-supervise $service"
    assertTrue "$service is back" "wait_for 10 supervised $service"
    works "after-$service.example"
  done
  stop
}
supervised() { s6-svok "$I/service/$1" && s6-svwait -U -t 1000 "$I/service/$1"; }

# What was running may finish its message; a stop in the middle loses nothing.
testS6StopInTheMiddle() {
  fresh middle
  start
  submit -t x@middle.example -n 30 >/dev/null
  stop
  start
  arrive middle.example 30
  assertTrue 'nothing left' 'wait_for 20 drained'
  assertEquals 'each once' 30 "$(sink_for middle.example)"
  stop
}

# --- the others ---------------------------------------------------------------------

testDaemontools() {
  fresh daemontools
  svscan "$I/service" </dev/null >"$I.out" 2>&1 &
  svscan=$!
  works daemontools.example
  svc -t "$I"/service/*
  works daemontools2.example
  kill $svscan
  wait $svscan 2>/dev/null
  svc -dx "$I"/service/* "$I"/service/*/log
  stopped
}

testRunit() {
  fresh runit
  runsvdir -P "$I/service" </dev/null >"$I.out" 2>&1 &
  runsvdir=$!
  works runit.example
  sv restart "$I/service/qmgr" >/dev/null
  works runit2.example
  kill -HUP $runsvdir
  wait $runsvdir 2>/dev/null
  stopped
}

# --- a process for each connection ----------------------------------------------------

# each SERVICE...: they have the run scripts of that, as INSTALL says.
each() {
  for service; do ln -sf "$PWD/service/each/$service/run" "$I/service/$service/run"; done
}

runs() { ps -o args= -p "$(s6-svstat -o pid "$I/service/$1")" | grep -q "$2"; }

testAProcessForEach() {
  fresh each
  listen_tls
  each smtpd smtps odmr local send bounce
  "$BIN/sluice-init" -u "$I" >"$T/out" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertEquals 'links stay' 6 "$(find "$I/service" -name run -type l | wc -l)"
  start
  for service in smtpd smtps odmr; do
    assertTrue "$service is ready: $(log $service)" "wait_for 20 s6-svwait -U -t 1000 $I/service/$service"
    assertTrue $service "runs $service ^tcpserver"
  done
  for service in local send bounce; do assertTrue $service "runs $service ^s6-ipcserverd"; done
  works each.example
  assertTrue 'none of them waits' "wait_for 20 no_children smtpd"
  echo | "$BIN/sendmail" -C "$I" local@each-local.example
  arrive each-local.example 1
  assertEquals 'a notice' '1j1aaaaaaaaaaa gone' "$(echo 1j1aaaaaaaaaaa | socat -t 20 - "UNIX-CONNECT:$I/run/bounce")"
  stop
}
no_children() { [ -z "$(ps -o pid= --ppid "$(s6-svstat -o pid "$I/service/$1")")" ]; }

testAProcessForEachWithUsers() {
  for_users || return 0
  instance each-users -U
  conf relaydomains .example
  conf routes "* [127.0.0.1]:$SINKPORT"
  each smtpd local send bounce
  start
  works each-users.example
  for service in smtpd local send bounce; do
    assertEquals "$service: no privilege" '0000000000000000 0000000000000000' \
      "$(awk '/^Cap(Prm|Bnd)/ { print $2 }' "/proc/$(s6-svstat -o pid "$I/service/$service")/status" | xargs)"
  done
  stop
}

# tcpserver has one address: several are told of, and a service each has one.
testAProcessForEachAtAddresses() {
  fresh addresses
  first=$PORT
  second=
  free_port second
  each smtpd
  conf listen "127.0.0.1:$first" "127.0.0.1:$second"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  assertTrue "told: $(log smtpd)" "wait_for 20 logged smtpd 'tcpserver listens at one address'"
  cp -a "$I/service/smtpd" "$I/service/smtpd2"
  rm -rf "$I"/service/smtpd2/supervise "$I"/service/smtpd2/event "$I"/service/smtpd2/log/supervise "$I"/service/smtpd2/log/event
  echo "listen=127.0.0.1:$first" >>"$I/service/smtpd/env"
  echo "listen=127.0.0.1:$second" >>"$I/service/smtpd2/env"
  s6-svc -r "$I/service/smtpd"
  s6-svscanctl -a "$I/service"
  assertTrue "one: $(log smtpd)" "wait_for 20 greets 127.0.0.1:$first"
  assertTrue "the other: $(log smtpd2)" "wait_for 20 greets 127.0.0.1:$second"
  stop
}

# The other services under s6, the port elsewhere.
elsewhere() {
  touch "$I/service/smtpd/down"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
}

testSystemdSocketActivate() {
  fresh activate
  elsewhere
  systemd-socket-activate -l "127.0.0.1:$PORT" --accept --inetd -E "SLUICE=$I" "$BIN/smtpd-etrn" </dev/null >"$I.out" 2>&1 &
  activate=$!
  works activate.example
  assertEquals "$(cat "$I.out")" 250 "$(etrn activate.example | cut -c1-3)"
  kill $activate
  wait $activate 2>/dev/null
  stop
}

# Accept=no: several sockets at once, for sluice-serve.
testSystemdSocketsOfWorkers() {
  fresh sockets
  elsewhere
  second=
  free_port second
  systemd-socket-activate -l "127.0.0.1:$PORT" -l "127.0.0.1:$second" -E "SLUICE=$I" -E "PATH=$PATH" \
    "$BIN/sluice-serve" -c 20 "$BIN/smtpd-etrn" -W </dev/null >"$I.out" 2>&1 &
  activate=$!
  works sockets.example
  assertTrue "the other one: $(cat "$I.out")" "greets 127.0.0.1:$second"
  assertEquals "$(cat "$I.out")" 250 "$(etrn sockets.example | cut -c1-3)"
  kill $activate
  wait $activate 2>/dev/null
  assertFalse 'nobody listens' "port_taken $PORT || port_taken $second"
  stop
}

testInetd() {
  fresh inetd
  elsewhere
  echo "127.0.0.1:$PORT stream tcp nowait.1000 $(id -un) $BIN/smtpd-etrn smtpd-etrn -C $I" >"$I.inetd"
  inetd -i "$I.inetd" </dev/null >"$I.out" 2>&1 &
  inetd=$!
  works inetd.example
  assertEquals 250 "$(etrn inetd.example | cut -c1-3)"
  kill $inetd
  wait $inetd 2>/dev/null
  stop
}

# Its line with "wait" has workers.
testInetdWait() {
  fresh wait
  elsewhere
  echo "127.0.0.1:$PORT stream tcp wait.1000 $(id -un) $BIN/sluice-serve sluice-serve -c 20 $BIN/smtpd-etrn -W -C $I" >"$I.inetd"
  inetd -i "$I.inetd" </dev/null >"$I.out" 2>&1 &
  inetd=$!
  works wait.example
  assertEquals 250 "$(etrn wait.example | cut -c1-3)"
  serve=$(pgrep -P $inetd -x sluice-serve)
  kill $inetd
  wait $inetd 2>/dev/null
  # inetd leaves it running
  kill "$serve"
  stop
}

# run/send served by systemd's hand instead of s6's.
testAgentBySocketActivation() {
  fresh agent
  touch "$I/service/send/down"
  systemd-socket-activate -l "$I/run/send" --accept --inetd -E "SLUICE=$I" "$BIN/smtp-send" </dev/null >"$I.out" 2>&1 &
  activate=$!
  start
  works agent.example
  kill $activate
  wait $activate 2>/dev/null
  stop
}

testAgentsBySocketActivation() {
  fresh agents
  touch "$I/service/send/down"
  systemd-socket-activate -l "$I/run/send" -E "PATH=$PATH" \
    "$BIN/sluice-serve" -c 20 -f /etc/resolv.conf "$BIN/smtp-send" -W </dev/null >"$I.out" 2>&1 &
  activate=$!
  start
  works agents.example
  kill $activate
  wait $activate 2>/dev/null
  stop
}

testSystemdUnits() {
  units=$(find service -name '*.service' -o -name '*.socket')
  [ -n "$units" ] || {
    fail 'no units in service/'
    return
  }
  mkdir -p "$T/units"
  for unit in $units; do
    # the programs are here, and not yet where they will be installed
    sed "s|/usr/local/bin/|$BIN/|g; s|@[A-Z]*@|$BIN|g" "$unit" >"$T/units/${unit##*/}"
  done
  SYSTEMD_UNIT_PATH=$T/units: systemd-analyze verify "$T"/units/* >"$T/verify" 2>&1
  assertEquals "$(cat "$T/verify")" '' "$(grep -F "$T/units" "$T/verify")"
  for socket in smtpd smtps odmr local send bounce; do
    assertTrue "workers for $socket" "grep -q '^ExecStart=.*/sluice-serve .* -W' service/systemd/sluice-$socket.service"
    # a process for each connection, as INSTALL says
    mkdir "$T/units/sluice-$socket.socket.d"
    printf '[Socket]\nAccept=yes\n' >"$T/units/sluice-$socket.socket.d/each.conf"
  done
  SYSTEMD_UNIT_PATH=$T/units: systemd-analyze verify "$T"/units/*.socket >"$T/verify" 2>&1
  assertEquals "$(cat "$T/verify")" '' "$(grep -F "$T/units" "$T/verify")"
  for unit in "$T"/units/*.service; do
    exposure=$(systemd-analyze security --offline=true "$unit" 2>&1 | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    assertTrue "${unit##*/}: $exposure" "awk 'BEGIN { exit !(${exposure:-99} < 2.0) }'"
  done
}

# shellcheck disable=SC1091
. shunit2
