# smtp-send taken over by whoever it talks to: what can be done with what it was handed?  As a user of its own and without.
# shellcheck disable=SC1091
. tests/lib.sh

case $BIN in
  */build/*/bin) TAKEN=${BIN%/bin}/tests/takeover ;;
  *) TAKEN=$(pwd)/build/tests/takeover ;;
esac

oneTimeSetUp() {
  I=$T/none
  sink customer
}
oneTimeTearDown() {
  sink_stop
  fail_if_running
}
tearDown() { stop; }

# taken NAME [OPTION...]: an instance whose smtp-send is another's as soon as it has a message.
taken() {
  name=$1
  instance "$@"
  conf relaydomains example .example
  conf routes "$name.example [127.0.0.1]:$SINKPORT" '* [127.0.0.1]:9 park'
  printf 'PATH=%s:$PATH\nexport LD_PRELOAD=%s ASAN_OPTIONS=%s\n' "'$TAKEN'" "'$TAKEN/takeover.so'" \
    "'$ASAN_OPTIONS:verify_asan_link_order=0'" >>"$I/service/send/env"
  start
}

# could_nothing NAME: a message for two, of whom one waits, goes through its hands.
could_nothing() {
  submit -t "alice@$1.example" -t bob@other.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  wait_for 30 logged send 'takeover: tried ' || { fail "not taken over: $(log send; log qmgr)"; return; }
  assertEquals 'what it could' '' "$(log send | grep -o 'takeover: could .*')"
  arrive "$1.example" 1
  assertTrue 'the other one waits' 'wait_for 10 waits other.example 1'
  file=$(find "$I/queue/cur" -type f)
  assertEquals 'for whom it is' "rcpt other.example <bob@other.example>" "$(grep -a '^rcpt other' "$file")"
  assertTrue 'what became of it is in its journal' "wait_for 10 grep -aq '^[0-9.]* 0 sent 2' '$file'"
}

confined() {
  case $BIN in
    */asan/*)
      skip 'no filter where a sanitizer makes calls of its own'
      return 1
      ;;
  esac
}

testAsItsOwnUser() {
  confined || return 0
  for_users sluice-out || return 0
  taken users -U
  could_nothing users
}

testAsEverybodysUser() {
  confined || return 0
  taken plain
  could_nothing plain
}

# The kernel says so of the one that is in use, before any message is there: its qmgr is a socket that says nothing.
testBeforeTheFirstWord() {
  confined || return 0
  socat UNIX-LISTEN:"$T/quiet" EXEC:"$BIN/smtp-send" &
  listener=$!
  assertTrue 'listens' "wait_for 10 test -S '$T/quiet'"
  sleep 60 | socat - UNIX-CONNECT:"$T/quiet" &
  assertTrue 'confined' 'wait_for 20 filtered'
  kill "$listener" 2>/dev/null
  wait "$listener" 2>/dev/null
  tests/peer/running -k "$T" >/dev/null
}
child_of() { pgrep -P "$1" smtp-send; }
filtered() { grep -q '^Seccomp:[[:space:]]*2' "/proc/$(child_of "$listener")/status"; }

. shunit2
