# ETRN as a customer meets it: every form, every reply, what it starts and what it leaves alone.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf relaydomains example .example
  conf flushdomains example .example
  conf routes "* [127.0.0.1]:$SINKPORT park"
  conf queues 'office one.office.example two.office.example'
  start
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

testDomainIsFlushed() {
  hold plain.example 3
  assertEquals '250 OK, queuing for node plain.example started' "$(etrn plain.example)"
  arrive plain.example 3
  assertTrue 'request settled' 'wait_for 10 unasked plain.example'
  assertTrue 'nothing waits' 'wait_for 10 waits plain.example 0'
}

testParkedMailIsNotTriedUnasked() {
  before=$(sink_connections)
  hold unasked.example
  assertEquals "$before" "$(sink_connections)"
  assertEquals 0 "$(sink_for unasked.example)"
}

testNameIsFolded() {
  hold folded.example
  assertEquals '250 OK, queuing for node FOLDED.Example. started' "$(etrn FOLDED.Example.)"
  arrive folded.example 1
}

testVerbInAnyCase() {
  assertEquals 250 "$(printf 'EHLO c.example\netrn case.example\nQUIT\n' | smtp | tail -n 2 | head -n 1 | cut -c1-3)"
}

testULabelIsFolded() {
  hold xn--bcher-kva.example
  assertEquals 250 "$(etrn bücher.example | cut -c1-3)"
  arrive xn--bcher-kva.example 1
}

testAtMeansAllBelow() {
  hold net.example
  hold a.net.example
  hold b.a.net.example
  hold othernet.example
  assertEquals '250 OK, queuing for node @net.example started' "$(etrn @net.example)"
  arrive net.example 1
  arrive a.net.example 1
  arrive b.a.net.example 1
  assertTrue 'request settled' 'wait_for 10 unasked @net.example'
  assertEquals 'label boundary' 0 "$(sink_for othernet.example)"
}

testPlainNameDoesNotMeanBelow() {
  hold sub.exact.example
  hold exact.example
  etrn exact.example >/dev/null
  arrive exact.example 1
  assertEquals 0 "$(sink_for sub.exact.example)"
}

testQueueOfDomains() {
  hold one.office.example
  hold two.office.example
  hold three.office.example
  assertEquals '250 OK, queuing for node #office started' "$(etrn '#office')"
  arrive one.office.example 1
  arrive two.office.example 1
  assertEquals 0 "$(sink_for three.office.example)"
}

testUnknownQueueIsRefused() {
  assertEquals '459 <#nowhere>: service unavailable' "$(etrn '#nowhere')"
}

testSyntax() {
  assertEquals '500 Syntax: ETRN domain' "$(etrn '')"
  assertEquals '500 Syntax: ETRN domain' "$(etrn 'a.example b.example')"
  for bad in -bad.example bad-.example a..example .example ../etc a/b @ '#' @@x.example \
    '[127.0.0.1]' '<a.example>' '*' 'a.example,b.example' "$(printf '%0300d' 0).example"; do
    assertEquals "$bad" '501 Error: invalid parameter syntax' "$(etrn "$bad")"
  done
}

testWithoutHelo() {
  assertContains "$(printf 'ETRN a.example\nQUIT\n' | smtp)" '503 5.5.1 '
}

testInsideTransaction() {
  replies=$(smtp <<EOT
EHLO client.example
MAIL FROM:<a@elsewhere.example>
ETRN a.example
RCPT TO:<b@in.example>
ETRN a.example
RSET
ETRN a.example
QUIT
EOT
)
  assertEquals 2 "$(echo "$replies" | grep -c '^503 5.5.1 ')"
  assertEquals 1 "$(echo "$replies" | grep -c '^250 OK, queuing for node a.example started')"
}

testDomainNotEligible() {
  assertEquals '459 <stranger.invalid>: service unavailable' "$(etrn stranger.invalid)"
  assertEquals '459 <@stranger.invalid>: service unavailable' "$(etrn @stranger.invalid)"
}

testClientNotEligible() {
  conf flushclients 192.0.2.0/24
  hold client.example
  assertEquals '459 <client.example>: service unavailable' "$(etrn client.example)"
  conf flushclients 127.0.0.0/8
  assertEquals 'tried though refused' 0 "$(sink_for client.example)"
  assertEquals 250 "$(etrn client.example | cut -c1-3)"
  conf flushclients
  arrive client.example 1
}

testNotDurableIs458() {
  mv "$I/queue/asked" "$I/queue/asked.away"
  assertEquals '458 Unable to queue messages for node cannot.example' "$(etrn cannot.example)"
  mv "$I/queue/asked.away" "$I/queue/asked"
}

testPipelined() {
  hold first.example
  hold second.example
  replies=$(printf 'EHLO c.example\r\nETRN first.example\r\nNOOP\r\nETRN bad..example\r\nETRN second.example\r\nQUIT\r\n' |
    smtp_raw | sed '1,/^250 /d')
  assertEquals '250 250 501 250 221' "$(echo "$replies" | cut -c1-3 | xargs)"
  assertContains "$replies" 'node first.example started'
  assertContains "$replies" 'node second.example started'
  arrive first.example 1
  arrive second.example 1
}

testNothingWaitingNoConnection() {
  customer=$SINK
  sink idle
  sed -i "1i nothing.example [127.0.0.1]:$SINKPORT park" "$I/conf/routes"
  service qmgr h
  for _ in 1 2 3; do
    assertEquals '250 OK, queuing for node nothing.example started' "$(etrn nothing.example)"
  done
  assertTrue settled 'wait_for 10 unasked nothing.example'
  hold marker.example # what qmgr had to do for the domain before, it has done by now
  etrn marker.example >/dev/null
  idle=$SINK SINK=$customer
  arrive marker.example 1
  SINK=$idle
  assertEquals 0 "$(sink_connections)"
  sink_stop
  SINK=$customer
}

testCounts() {
  conf etrncounts 1
  assertEquals '251 OK, no messages waiting for node counted.example' "$(etrn counted.example)"
  hold counted.example 3
  assertEquals '253 OK, 3 pending messages for node counted.example started' "$(etrn counted.example)"
  arrive counted.example 3
  wait_for 10 waits counted.example 0
  assertEquals '251 OK, no messages waiting for node counted.example' "$(etrn counted.example)"
  conf etrncounts
}

# What qmgr has not seen yet is in no list: then no number is claimed, and never "nothing".
testCountsBeforeAllIsRecorded() {
  conf etrncounts 1
  service qmgr p
  submit -t x@early.example -n 3 >/dev/null
  assertEquals '250 OK, queuing for node early.example started' "$(etrn early.example)"
  service qmgr c
  arrive early.example 3
  hold early.example 2
  service qmgr p
  submit -t x@early.example >/dev/null
  assertEquals '252 OK, pending messages for node early.example started' "$(etrn early.example)"
  service qmgr c
  arrive early.example 6
  conf etrncounts
}

testSchedulerDown() {
  service qmgr 'wD -d'
  submit -t x@later.example >/dev/null
  assertEquals '250 OK, queuing for node later.example started' "$(etrn later.example)"
  assertTrue 'kept for later' 'asked later.example'
  service qmgr u
  arrive later.example 1
  assertTrue settled 'wait_for 10 unasked later.example'
}

testSchedulerKilledWhileFlushing() {
  hold killed.example 50
  etrn killed.example >/dev/null
  service qmgr k
  arrive killed.example 50
}

# The least time of five ETRNs on one connection, in microseconds.
etrn_time() {
  python3 - "$PORT" "$1" <<'EOT'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
f = s.makefile("rwb")
def command(line):
    if line:
        f.write(line + b"\r\n"); f.flush()
    while True:
        reply = f.readline()
        if reply[3:4] != b"-":
            return reply
command(b""); command(b"EHLO time.example")
times = []
for _ in range(5):
    began = time.monotonic()
    assert command(b"ETRN " + sys.argv[2].encode()).startswith(b"250 ")
    times.append(time.monotonic() - began)
print(int(min(times) * 1e6))
EOT
}

test2000Waiting() {
  hold few.example
  hold many.example 2000
  sink_stop
  few=$(etrn_time few.example)
  many=$(etrn_time many.example)
  assertTrue "$few us with one message, $many us with 2,000" "[ $many -lt $((few * 3 + 5000)) ]"
  sink customer
  etrn many.example >/dev/null
  arrive many.example 2000
  assertEquals 'each once' 2000 "$(sink_for many.example)"
  assertTrue 'nothing waits' 'wait_for 10 waits many.example 0'
}

# shellcheck disable=SC1091
. shunit2
