# What somebody puts into the queue that is no file: qmgr neither waits for it nor ends of it.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
}

oneTimeTearDown() {
  sink_stop
  fail_if_running
}

tearDown() { stop; }

# plant KIND PATH: below the queue.
plant() {
  rm -rf "$I/queue/$2"
  mkdir -p "$(dirname "$I/queue/$2")"
  case $1 in
    fifo) mkfifo "$I/queue/$2" ;;
    link) ln -s /dev/zero "$I/queue/$2" ;;
    hanging) ln -s nowhere "$I/queue/$2" ;;
    directory) mkdir "$I/queue/$2" ;;
    socket) /usr/bin/python3 -c 'import os, socket, sys; os.chdir(sys.argv[1]); socket.socket(socket.AF_UNIX).bind("s"); os.rename("s", sys.argv[2])' \
      "$I/queue" "$2" ;;
  esac
}

# What qmgr, and whoever asks it, opens or removes by name; the last two at its end.
places='site/+new totals clock reserve asked/planted.example asked/@planted.example new/1j1aaaaaaaaaaa cur/1j1aa/1j1aaaaaaaaaab
  notice/1j1aaaaaaaaaac claim/claimed.example site/[127.0.0.1]:9 tmp/1j1aaaaaaaaaad boot clean'

fresh() {
  instance "$1"
  conf relaydomains .example
  conf routes "planted.example [127.0.0.1]:9" "* [127.0.0.1]:$SINKPORT"
}

# flows NAME: mail does, in both directions of time.
flows() {
  submit -t "x@$1.example" >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  arrive "$1.example" 1
  etrn "$1.example" | grep -q '^250 ' || fail "no flush of $1.example"
}

qmgr_down() { ! s6-svstat -o up "$I/service/qmgr" | grep -q true; }

# ends: SIGTERM is heard.
ends() {
  s6-svc -d "$I/service/qmgr"
  assertTrue "$1: qmgr ends: $(log qmgr | tail -n 3)" 'wait_for 20 qmgr_down'
  qmgr_down || kill -9 "$(s6-svstat -o pid "$I/service/qmgr")"
}

testWhatIsNoFile() {
  for kind in fifo socket link hanging directory; do
    fresh "at-start-$kind"
    for place in $places; do plant "$kind" "$place"; done
    [ "$kind" != hanging ] || rm "$I/queue/boot" # that ends flush-rebuild as it should, and is said
    start
    flows "$kind"
    submit -t x@planted.example >"$T/submit"
    assertTrue "$kind: a site's file is written" "wait_for 20 site_file"
    ends "$kind"
    stop
  done
}
site_file() { [ -f "$I/queue/site/[127.0.0.1]:$SINKPORT" ] && { [ "$kind" = directory ] || [ -f "$I/queue/totals" ]; }; }

# It is put there while all runs.
testPlantedMeanwhile() {
  fresh meanwhile
  start
  for kind in fifo socket directory; do
    for place in site/+new reserve new/1j1aaaaaaaaaaa notice/1j1aaaaaaaaaac clean; do plant "$kind" "$place"; done
    "$BIN/qmgr-trigger" -C "$I" scan
    flows "meanwhile-$kind"
  done
  ends meanwhile
}

# A message that its writer has taken our rights to away keeps no other waiting.
testNoRights() {
  for_users || return 0
  instance rights -U
  conf relaydomains .example
  conf routes "* [127.0.0.1]:$SINKPORT"
  start
  for n in 1 2 3; do
    tests/peer/message "$I/queue" new "1j1aaaaaaaaaa$n" other.example
    chown sluice-in "$I/queue/new/1j1aaaaaaaaaa$n"
    chmod 000 "$I/queue/new/1j1aaaaaaaaaa$n"
  done
  "$BIN/qmgr-trigger" -C "$I" scan
  wait_for 10 logged qmgr 'passed over' || fail "not said: $(log qmgr)"
  flows rights
  assertFalse 'nobody else waits for it' 'logged qmgr "unable to open 1j1"'
  stop
}

. shunit2
