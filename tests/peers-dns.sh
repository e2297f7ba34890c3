# Next hops by MX, asked of a real DNS server.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh

# Hosts of the zone have loopback addresses of their own; all of them at the port of the sinks.
oneTimeSetUp() {
  free_port SINKPORT
  mx_sink second 127.0.0.3
  mx_sink first 127.0.0.2
  dns_start <<EOT
first A 127.0.0.2
second A 127.0.0.3
nobody A 127.0.0.9
alias CNAME first
relay A 127.0.0.1
ordered MX 20 second
ordered MX 10 first
fallback MX 10 nobody
fallback MX 20 second
equal MX 10 first
equal MX 10 second
null MX 0 .
implicit A 127.0.0.2
empty TXT "neither MX nor address"
cname MX 10 alias
loop MX 10 first
loop MX 20 relay
loop MX 30 second
nohost MX 10 missing
many MX 10 nobody
many MX 10 nobody2
nobody2 A 127.0.0.8
EOT
  instance relay
  conf me relay.example
  conf relaydomains example .example broken .broken
  conf nameserver "127.0.0.1:$DNSPORT"
  conf loopbackdns 1
  conf timeouts 'connect 5s'
  for domain in ordered fallback equal null implicit empty cname loop nohost many nothere; do
    echo "$domain.example $domain.example:$SINKPORT"
  done >"$I/conf/routes"
  echo "x.broken x.broken:$SINKPORT" >>"$I/conf/routes"
  start
}

oneTimeTearDown() {
  stop
  for SINK in "$T/first" "$T/second"; do sink_stop; done
  dns_stop
  fail_if_running
}

mx_sink() {
  mkdir -p "$T/$1"
  echo "$SINKPORT" >"$T/$1/port"
  SINKADDRESS=$2 sink "$1"
}

# send DOMAIN: one message; its number of copies at the two sinks in $first and $second, once
# it has been tried.
send() {
  submit -t "x@$1" >"$T/submit" || fail "$(cat "$T/submit")"
  wait_for 20 tried "$1" || fail "$1 was not tried"
  SINK=$T/first first=$(sink_for "$1")
  SINK=$T/second second=$(sink_for "$1")
}
tried() { log send | grep -qE "to=<x@$1>.* status="; }
result() { log send | grep -E "to=<x@$1>.* status=" | tail -n 1; }

SINK=
testBestPreference() {
  send ordered.example
  assertEquals '1 0' "$first $second"
}

testFallback() {
  send fallback.example
  assertEquals '0 1' "$first $second"
}

testImplicitMx() {
  send implicit.example
  assertEquals '1 0' "$first $second"
}

testMxIsAlias() {
  send cname.example
  assertEquals '1 0' "$first $second"
}

testOurselvesAndWorseAreDropped() {
  send loop.example
  assertEquals '1 0' "$first $second"
}

testNullMx() {
  send null.example
  assertContains "$(result null.example)" 'dsn=5.1.10'
  assertTrue 'told of' 'wait_for 10 grep -q "sender non-delivery notification" "$I/service/bounce/log/main/current"'
}

testNoSuchDomain() {
  send nothere.example
  assertContains "$(result nothere.example)" 'dsn=5.'
}

testServfailIsDeferred() {
  submit -t x@x.broken >"$T/submit"
  assertTrue 'waits' 'wait_for 20 waits x.broken 1'
  assertTrue 'the site is down' "wait_for 20 grep -q ^down $I/queue/site/x.broken:$SINKPORT"
  assertContains "$(cat "$I/queue/site/x.broken:$SINKPORT")" ' 4.'
}

testUnreachableIsDeferred() {
  submit -t x@many.example >"$T/submit"
  assertTrue 'waits' 'wait_for 20 waits many.example 1'
  assertTrue 'the site is down' "wait_for 20 grep -q ^down $I/queue/site/many.example:$SINKPORT"
}

# By hand, a connection a message: each of two equal hosts gets its share.
testEqualPreferencesAreShuffled() {
  n=0
  while [ $((n += 1)) -le 30 ]; do
    printf 'Subject: %d\r\n\r\n' $n |
      "$BIN/smtp-send" -L -n "127.0.0.1:$DNSPORT" -H hand.example "equal.example:$SINKPORT" a@elsewhere.example x@equal.example >"$T/report" ||
      fail "$(cat "$T/report")"
  done
  SINK=$T/first first=$(sink_for equal.example)
  SINK=$T/second second=$(sink_for equal.example)
  assertEquals 30 $((first + second))
  assertTrue "$first and $second" "[ $first -gt 3 ] && [ $second -gt 3 ]" # chance of failing: 1 in 100,000
}

# shellcheck disable=SC1091
. shunit2
