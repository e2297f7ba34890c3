# What Postfix 3.7 gets wrong at this very job; here each of it works.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
  free_port DEADPORT
  instance relay
  conf relaydomains example .example office
  conf queues 'office one.office.example two.office.example'
  conf backoff '600 3600'
  conf routes \
    "dead.example [127.0.0.1]:$DEADPORT" \
    "co-dead.example [127.0.0.1]:$DEADPORT park" \
    "* [127.0.0.1]:$SINKPORT park"
  start
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

site_state() { cat "$I/queue/site/"*"$1"* 2>/dev/null; }
site_down() { site_state "$1" | grep -q '^down '; }

# 1. ETRN for one domain sent every other domain's parked mail, and forgot which sites are dead.
testEtrnLeavesOtherDomainsAlone() {
  submit -t x@dead.example >/dev/null
  assertTrue 'dead site is noticed' "wait_for 10 site_down :$DEADPORT"
  dead=$(site_state ":$DEADPORT")
  hold other.example 50
  hold asked.example 5
  etrn asked.example >/dev/null
  arrive asked.example 5
  assertTrue settled 'wait_for 10 unasked asked.example'
  assertEquals 'the other domain still waits' 50 "$(waiting other.example)"
  assertEquals 0 "$(sink_for other.example)"
  assertEquals 'the dead site is still known' "$dead" "$(site_state ":$DEADPORT")"
}

# 2. a-b.example and a.b.example shared one flush file.
testNamesDoNotShareAFile() {
  hold a-b.example
  hold a.b.example
  assertEquals 1 "$(waiting a-b.example)"
  etrn a-b.example >/dev/null
  arrive a-b.example 1
  assertEquals 1 "$(waiting a.b.example)"
  assertEquals 0 "$(sink_for a.b.example)"
}

# 3. @domain and #queue lost their mark and flushed the exact name.
testMarksKeepTheirMeaning() {
  hold marked.example
  hold below.marked.example
  hold office
  hold one.office.example
  etrn @marked.example >/dev/null
  etrn '#office' >/dev/null
  arrive marked.example 1
  arrive below.marked.example 1
  arrive one.office.example 1
  assertEquals 'a domain named like the queue' 0 "$(sink_for office)"
}

# 4. Hold, ETRN, release: the index had lost the message.
testHeldMessageKeepsItsPlace() {
  hold held.example
  id=$(cat "$I/queue/flush/held.example")
  from=$(find "$I/queue/cur" -name "$id")
  mv "$from" "$I/queue/hold/$id"
  etrn held.example >/dev/null
  assertTrue settled 'wait_for 10 unasked held.example'
  assertTrue 'still recorded' 'wait_for 10 waits held.example 1'
  assertEquals 'held back' 0 "$(sink_for held.example)"
  mkdir -p "$(dirname "$from")"
  mv "$I/queue/hold/$id" "$from"
  etrn held.example >/dev/null
  arrive held.example 1
}

# 5. A parked co-recipient in another domain was tried too, and one whose site was mute
#    kept the customer from getting the message at all.
testCoRecipientIsLeftAlone() {
  customer=$SINK customer_port=$SINKPORT
  sink mute --mute
  cat >>"$I/conf/routes" <<EOT
mute.example [127.0.0.1]:$SINKPORT park
EOT
  mute=$SINK
  SINK=$customer SINKPORT=$customer_port
  service qmgr h
  submit -t me@both.example -t you@parked.example -t they@mute.example >/dev/null
  wait_for 10 waits mute.example 1
  etrn both.example >/dev/null
  arrive both.example 1
  assertTrue settled 'wait_for 10 unasked both.example'
  assertEquals 0 "$(sink_for parked.example)"
  assertEquals 1 "$(waiting parked.example)"
  assertEquals 'mute site was not tried' 0 "$(grep -c connect "$mute/log")"

  submit -t me@again.example -t they@mute.example >/dev/null
  wait_for 10 waits again.example 1
  etrn mute.example >/dev/null
  assertTrue 'mute site is being tried' "wait_for 10 grep -q connect $mute/log"
  etrn again.example >/dev/null
  arrive again.example 1

  SINK=$mute
  sink_stop
  SINK=$customer
}

# 6. Never 251, 252, 253; a refusal by policy was 554.
testRepliesSayWhatIs() {
  conf etrncounts 1
  assertEquals 251 "$(etrn replies.example | cut -c1-3)"
  hold replies.example 2
  assertEquals 253 "$(etrn replies.example | cut -c1-3)"
  arrive replies.example 2
  assertEquals 459 "$(etrn stranger.invalid | cut -c1-3)"
  conf etrncounts
}

# 7. Its filter for flushes asked for twice never worked.
testFlushAskedTwiceIsOne() {
  hold twice.example 40
  sink_stop
  sink customer --delay 0.02
  before=$(sink_connections)
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    etrn twice.example >/dev/null
  done
  arrive twice.example 40
  assertTrue settled 'wait_for 10 unasked twice.example'
  assertTrue 'nothing waits' 'wait_for 10 waits twice.example 0'
  assertEquals 'each once' 40 "$(sink_for twice.example)"
  # conf/concurrency's default for a site
  assertTrue 'connections of one flush' "[ $(($(sink_connections) - before)) -le 20 ]"
  sink_stop
  sink customer
}

# 8. The reply waited until every listed file was renamed: 0.4 to 0.7 s at 10,000 messages.
testReplyDoesNotWaitForTheWork() {
  hold long.example
  sed 's/...$//' "$I/queue/flush/long.example" >"$T/prefix"
  awk -v prefix="$(cat "$T/prefix")" 'BEGIN {
    digits = "0123456789abcdefghijklmnopqrstuv"
    for (i = 0; i < 10000; i++)
      print prefix substr(digits, int(i / 1024) + 1, 1) substr(digits, int(i / 32) % 32 + 1, 1) substr(digits, i % 32 + 1, 1)
  }' >"$T/ids"
  "$BIN/flush-record" -C "$I" long.example <"$T/ids"
  assertTrue "$(waiting long.example) listed" "[ $(waiting long.example) -gt 9000 ]"
  service qmgr p # nobody works
  etrn long.example >"$T/reply"
  assertContains "$(cat "$T/reply")" '250 OK'
  service qmgr c
  arrive long.example 1
  assertTrue 'stale ids are gone' 'wait_for 20 waits long.example 0'
}

# shellcheck disable=SC1091
. shunit2
