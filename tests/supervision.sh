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

# Without tcpserver: the other services under s6, the port elsewhere.
testSystemdSocketActivate() {
  fresh activate
  touch "$I/service/smtpd/down"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  systemd-socket-activate -l "127.0.0.1:$PORT" --accept --inetd -E "SLUICE=$I" "$BIN/smtpd-etrn" </dev/null >"$I.out" 2>&1 &
  activate=$!
  works activate.example
  assertEquals "$(cat "$I.out")" 250 "$(etrn activate.example | cut -c1-3)"
  kill $activate
  wait $activate 2>/dev/null
  stop
}

testInetd() {
  fresh inetd
  touch "$I/service/smtpd/down"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  echo "127.0.0.1:$PORT stream tcp nowait.1000 $(id -un) $BIN/smtpd-etrn smtpd-etrn -C $I" >"$I.inetd"
  inetd -i "$I.inetd" </dev/null >"$I.out" 2>&1 &
  inetd=$!
  works inetd.example
  assertEquals 250 "$(etrn inetd.example | cut -c1-3)"
  kill $inetd
  wait $inetd 2>/dev/null
  stop
}

# run/send served by systemd's hand instead of s6-ipcserver.
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
  for unit in "$T"/units/*.service; do
    exposure=$(systemd-analyze security --offline=true "$unit" 2>&1 | sed -n 's/.*exposure level for [^:]*: \([0-9.]*\).*/\1/p')
    assertTrue "${unit##*/}: $exposure" "awk 'BEGIN { exit !(${exposure:-99} < 2.0) }'"
  done
}

# shellcheck disable=SC1091
. shunit2
