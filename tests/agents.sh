# What qmgr hands to a delivery agent, and what becomes of it when the agent ends: with an agent that does as told.
# shellcheck disable=SC1091
. tests/lib.sh

setUp() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf routes '* [127.0.0.1]:9 park'
  conf concurrency '1 10'
  start
  s6-svc -wd -T 5000 -d "$I/service/send"
  agents_pid=
  said=$T/agents$relays
}

tearDown() {
  [ -z "$agents_pid" ] || kill "$agents_pid" 2>/dev/null
  rm -f "$said.deaf"
  stop
  fail_if_running
}

# agents [WINDOW]: take the place of smtp-send.
agents() {
  (cd "$I" && exec s6-ipcserver run/send "$OLDPWD/tests/peer/agent" "$said" "$@") &
  agents_pid=$!
}

flush() { "$BIN/flush-run" -C "$I" "$1"; }
# The most it ever had in hand.
most() { sort -n "$said" | tail -n 1; }

# What qmgr knows of the site and of ourselves is told first.
testSiteIsDescribed() {
  conf me relay.example
  conf nameserver 127.0.0.1:5353
  conf timeouts 'connect 5' 'lookup 7'
  conf routes '* [127.0.0.1]:9 park without=chunking,Pipelining'
  service qmgr h
  hold a.example 1
  agents
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertEquals "site [127.0.0.1]:9 me=relay.example listen=127.0.0.1:$PORT nameserver=127.0.0.1:5353\
 timeouts=5,300,300,300,300,120,180,600,30,60 lookup=7 reach=120 tls=may without=PIPELINING,CHUNKING" "$(cat "$said.site")"
}

# What an agent found out of it, the next one is told.
testWhatTheSiteDoesNotKnowIsRemembered() {
  conf routes '* [127.0.0.1]:9 park without=dsn'
  service qmgr h
  echo 'without CHUNKING' >"$said.says"
  agents
  hold a.example 1
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertTrue 'said' 'wait_for 10 logged qmgr "site [127.0.0.1]:9: without CHUNKING from now on"'
  rm "$said.says"
  assertTrue 'at rest it is not kept' "wait_for 30 test -e '$said.ended'"
  hold a.example 1
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertContains "$(cat "$said.site")" ' without=CHUNKING,DSN'
}

testWindowIsKept() {
  hold a.example 20
  agents 3
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertEquals 3 "$(most)"
  assertEquals 'each once' 20 "$(grep -c . "$said")"
}

testWindowOfOne() {
  hold a.example 5
  agents 1
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertEquals 1 "$(most)"
}

testWindowThatIsNotSaid() {
  hold a.example 60
  agents
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertEquals 32 "$(most)"
}

testWindowThatMakesNoSense() {
  hold a.example 40
  agents 0
  flush a.example
  assertTrue "$(queued) left" 'wait_for 30 drained'
  assertEquals 32 "$(most)"
}

# No more than qmgr would ever hand over, whatever the agent says.
testWindowWithoutEnd() {
  hold a.example 600
  agents 99999999
  flush a.example
  assertTrue "$(queued) left" 'wait_for 60 drained'
  assertEquals 512 "$(most)"
}

# qmgr's descriptors of messages.
messages_open() { find "/proc/$(s6-svstat -o pid "$I/service/qmgr")/fd" -lname "*/queue/cur/*" | wc -l; }
none_open() { [ "$(messages_open)" = 0 ]; }
told() { [ "$(cat "$said.waiting" 2>/dev/null || echo 0)" -ge "$1" ]; }

# An agent that does not listen, until there is more to be told than the socket takes; then it ends.
testAgentEndsBeforeItWasToldAll() {
  # shellcheck disable=SC2046
  submit -n 20 $(awk 'BEGIN { for (i = 0; i < 250; i++) print "-t recipient.with.a.name.of.some.length." i "@a.example" }') >"$T/submit"
  wait_for 60 waits a.example 20 || fail "$(waiting a.example) wait"
  touch "$said.deaf"
  agents 99
  flush a.example
  assertTrue 'the socket is full' 'wait_for 30 told 100000'
  rm "$said.deaf"
  assertTrue 'taken back' 'wait_for 20 logged qmgr "the delivery agent ended without a word"'
  flush a.example
  assertTrue "$(queued) left" 'wait_for 60 drained'
  assertEquals 'each once' 20 "$(grep -c . "$said")"
  assertTrue 'descriptors are closed' 'wait_for 30 none_open'
}

. shunit2
