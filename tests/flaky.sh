# A link that is cut again and again: all is there after one ETRN, as long as anything gets through.
# shellcheck disable=SC1091
. tests/lib.sh

# Of where the connections are cut.  These have no three in a row that are cut within their first message, after which
# a site may count as down, in any of the tests.
SEEDS=${SEEDS:-12}

setUp() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains .example
  conf backoff '600 3600'
  free_port SITEPORT
  conf routes "pipelining.example [127.1.0.1]:$SITEPORT park" "chunking.example [127.1.0.2]:$SITEPORT park"
  start
}

tearDown() {
  stop
  flawed_stop
  fail_if_running
}

# messages COUNT OCTETS: files of random text; what is to be there of them, as tests/peer/flawed says it, in $T/whole.
messages() {
  rm -rf "$T/messages"
  mkdir "$T/messages"
  for number in $(seq "$1"); do
    { printf 'Subject: %d\n\n' "$number" && head -c $(($2 * 3 / 4)) /dev/urandom | base64; } >"$T/messages/$number"
    echo "$number $(sed '1,/^$/d; s/$/\r/' "$T/messages/$number" | md5sum | cut -d ' ' -f 1)"
  done | sort >"$T/whole"
}

parked_all() { wait_for 60 waits pipelining.example "$1" && wait_for 60 waits chunking.example "$1"; }

# Subject and sum of each message at a domain's site.
taken() { sed -n "s/^$1 [0-9]* taken \([0-9]*\) [0-9]* \([0-9a-f]*\) .*/\1 \2/p" "$FLAWED/log"; }
connections() { grep -c "^$1 [0-9]* connect$" "$FLAWED/log"; }

done_or_stuck() { drained && none_asked || flawed_idle 20; }

# flaky COUNT OCTETS CUT: so many messages, connections cut so, with and without CHUNKING.
flaky() {
  for seed in $SEEDS; do
    messages "$1" "$2"
    submit -t a@pipelining.example "$T"/messages/* >"$T/submit" || fail "$(cat "$T/submit")"
    submit -t a@chunking.example "$T"/messages/* >"$T/submit" || fail "$(cat "$T/submit")"
    assertTrue 'parked' "parked_all $1"
    flawed "sites$relays.$seed" <<E
pipelining.example 127.1.0.1:$SITEPORT ext=PIPELINING cut=$3 seed=$seed
chunking.example 127.1.0.2:$SITEPORT ext=PIPELINING,CHUNKING cut=$3 seed=$seed
E
    assertEquals 250 "$(etrn pipelining.example | cut -c 1-3)"
    assertEquals 250 "$(etrn chunking.example | cut -c 1-3)"
    wait_for 120 done_or_stuck
    for domain in pipelining.example chunking.example; do arrived $domain "$1"; done
    assertTrue "seed $seed: $(queued) left in the queue" drained
    assertTrue "seed $seed: the flush goes on" none_asked
    flawed_stop
  done
}

arrived() {
  arrived_all=$(taken "$1" | wc -l) arrived_each=$(taken "$1" | sort -u | wc -l)
  arrived_words="$1, cut $(sed -n "s/^$1 .* cut=//p" "$FLAWED/sites"): $arrived_each of $2, $((arrived_all - arrived_each)) twice, $(connections "$1") connections"
  echo "$arrived_words"
  assertEquals "$arrived_words; not there, or not whole" '' "$(taken "$1" | sort -u | comm -13 - "$T/whole" | tr '\n' ' ')"
  assertTrue "$arrived_words" "[ $((arrived_all - arrived_each)) -le $(($2 / 2)) ]"
}

testCutAfter5To50KB() { flaky 40 4096 5000..50000; }
testCutAfter20KBOnAverage() { flaky 40 4096 20000; }
testLargeOnesCutWithin1MB() { flaky 20 204800 5000..1000000; }

# The link never lasts as long as the oldest message would take; the others arrive all the same.
testTooLargeForTheLink() {
  messages 6 4096
  { printf 'Subject: large\n\n' && head -c 2000000 /dev/urandom | base64; } >"$T/large"
  flawed "sites$relays" <<E
pipelining.example 127.1.0.1:$SITEPORT ext=PIPELINING cut=1000000..1000000
chunking.example 127.1.0.2:$SITEPORT ext=PIPELINING,CHUNKING cut=1000000..1000000
E
  for domain in pipelining.example chunking.example; do
    submit -f large@elsewhere.example -t a@$domain "$T/large" >"$T/submit" || fail "$(cat "$T/submit")"
    submit -t a@$domain "$T"/messages/* >"$T/submit" || fail "$(cat "$T/submit")"
  done
  assertTrue 'parked' 'parked_all 7'
  for domain in pipelining.example chunking.example; do
    assertEquals 250 "$(etrn $domain | cut -c 1-3)"
  done
  wait_for 60 one_left_or_stuck
  for domain in pipelining.example chunking.example; do
    arrived $domain 6
    times=$(grep -c "^$domain .* mail <large@" "$FLAWED/log")
    assertTrue "$domain: begun $times times" "[ $times -ge 1 ] && [ $times -le 8 ]"
    assertEquals "$domain: what waits" 1 "$(waiting $domain)"
    assertContains "$domain" "$(log send | grep -F "to=<a@$domain>" | grep -F status=deferred)" 'lost connection'
  done
  assertContains 'up' "$(cat "$I"/queue/site/*)" 'up since'
  assertNotContains 'none is down' "$(cat "$I"/queue/site/*)" 'down since'
}
one_left_or_stuck() { none_asked && waits pipelining.example 1 && waits chunking.example 1 || flawed_idle 20; }

# shellcheck disable=SC1091
. shunit2
