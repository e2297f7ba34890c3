# ATRN: a customer whom nobody can call comes for his mail, and it goes to him on the connection by which he came.
# shellcheck disable=SC1091
. tests/lib.sh

GRANTED='250 OK now reversing the connection'

setUp() {
  # the host that the route leads to, and the customer's own server
  sink host
  HOST=$SINK HOSTPORT=$SINKPORT
  server
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains .example
  conf routes "strict.example [127.0.0.1]:$HOSTPORT park tls=encrypt" "* [127.0.0.1]:$HOSTPORT park"
  conf authclear 1
  conf authsecrets 'joe S3cret' 'ann xyzzy' 'bob plugh' 'sue zork'
  chmod 600 "$I/conf/authsecrets"
  conf users 'joe a.example b.example .c.example' 'ann norelay d.example' 'sue a.example strict.example'
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=mail.example -days 3 \
    -keyout "$I/conf/tlskey" -out "$I/conf/tlscert" >"$T/openssl" 2>&1 || fail "$(cat "$T/openssl")"
  chmod 600 "$I/conf/tlskey"
  start
}

tearDown() {
  stop
  for SINK in "$T/customer" "$T/host"; do
    sink_stop
    rm -f "$SINK"/*.msg "$SINK"/*.env "$SINK/log"
  done
  fail_if_running
}

# server [OPTION...]: the customer's server is another one from now on, see tests/peer/sink.
server() {
  SINK=$T/customer
  sink_stop
  sink customer "$@"
  SERVER=127.0.0.1:$SINKPORT
}

# comes [-t] USER PASSWORD [ARGUMENT]: a customer; what he was told last.
comes() {
  tls=
  [ "$1" != -t ] || { tls=-t && shift; }
  # shellcheck disable=SC2086 # an option or none
  timeout 120 tests/peer/odmr $tls "127.0.0.1:$PORT" "$1" "$2" "$SERVER" ${3+"$3"} </dev/null >"$T/comes" 2>"$T/comes.err"
  tail -n 1 "$T/comes"
}
joe() { comes joe S3cret "$@"; }

recipients() { cat "$SINK"/*.env 2>/dev/null | grep -io 'RCPT TO:<[^>]*>' | tr 'A-Z' 'a-z' | sort | tr '\n' ' '; }
host_connections() { grep -c '^connect' "$HOST/log" 2>/dev/null || [ -e "$HOST/log" ] || echo 0; }

# --- what goes ----------------------------------------------------------------------

testAllOfHis() {
  hold a.example 2
  hold b.example
  hold d.example
  hold x.c.example
  assertEquals "$GRANTED" "$(joe)"
  assertTrue 'drained' 'wait_for 20 sink_has 4'
  assertEquals 'rcpt to:<1@a.example> rcpt to:<1@b.example> rcpt to:<1@x.c.example> rcpt to:<2@a.example> ' "$(recipients)"
  assertTrue 'the other customer has his' 'waits d.example 1'
  assertEquals 'over one connection' 1 "$(sink_connections)"
  assertEquals 'nothing elsewhere' 0 "$(host_connections)"
  assertTrue 'the log says who' "logged smtpd 'turn a.example, ... asked for by unknown[127.0.0.1] user=joe: 4 waiting'"
  assertTrue 'and by which connection' "log send | grep -q 'relay=unknown\[127\.0\.0\.1\]:[0-9]*, .*status=sent'"
}

testOnesThatAreNamed() {
  hold a.example
  hold b.example
  assertEquals "$GRANTED" "$(joe ' B.EXAMPLE , unheard.c.example')"
  assertTrue "it came: $(log qmgr) $(log send) $(cat $I/service/*/log/main/current)" 'wait_for 20 sink_has 1'
  assertEquals 'rcpt to:<1@b.example> ' "$(recipients)"
  assertTrue 'the other waits' 'waits a.example 1'
}

# Inside TLS, to the octet, and by what the customer's server knows.
testInsideTLS() {
  hold a.example 3
  hold strict.example
  assertEquals "$GRANTED" "$(comes -t sue zork)"
  assertTrue 'drained' 'wait_for 20 drained'
  assertTrue 'all came' 'wait_for 20 sink_has 4'
  assertTrue 'who came is logged' "logged smtpd ' TLS connection established from unknown[127.0.0.1]'"
  assertNull "$(cat "$T/comes.err")" "$(cat "$T/comes.err")"
}

# What fails at the customer's waits, and comes the next time.
testRefusedThere() {
  hold a.example 2
  server --rcpt '1@a.example=450 4.2.1 later'
  assertEquals "$GRANTED" "$(joe)"
  assertTrue 'one came' 'wait_for 20 sink_has 1'
  assertTrue 'one waits' 'wait_for 20 waits a.example 1'
  server
  assertEquals "$GRANTED" "$(joe)"
  assertTrue 'drained' 'wait_for 20 drained'
}

# --- what is refused ----------------------------------------------------------------

testNoMail() {
  hold d.example
  assertEquals '453 You have no mail' "$(joe)"
  assertEquals '453 You have no mail' "$(joe a.example)"
}

testNotHis() {
  hold a.example
  hold d.example
  assertEquals '450 4.7.1 Error: ATRN request refused' "$(joe a.example,d.example)"
  assertEquals 'nobody: no domains' '450 4.7.1 Error: ATRN request refused' "$(comes bob plugh)"
  assertEquals 'in clear text' '450 4.7.1 Error: ATRN request refused' "$(comes sue zork)"
  assertEquals 'below only' '450 4.7.1 Error: ATRN request refused' "$(joe c.example)"
  assertTrue 'nothing went' 'waits a.example 1 && waits d.example 1'
  assertEquals 0 "$(sink_messages)"
}

testSyntax() {
  for argument in ',' 'a.example,' 'a.example b.example' '@a.example' '#a' 'a..example'; do
    assertEquals "$argument" '501 5.5.4 Syntax: ATRN [domain[,domain]...]' "$(joe "$argument")"
  done
}

# said LINE...: what the last of them is answered, by one that nobody knows.
said() { printf '%s\n' 'EHLO client.example' "$@" QUIT | smtp | tail -n 2 | head -n 1; }

testUntimely() {
  assertEquals '530 5.7.0 Authentication required' "$(said ATRN)"
  assertEquals '503 5.5.1 Error: MAIL transaction in progress' \
    "$(printf '%s\n' 'MAIL FROM:<>' ATRN | tests/peer/login "127.0.0.1:$PORT" CRAM-MD5 joe S3cret | tail -n 1)"
  assertContains 'offered' "$(printf 'EHLO client.example\nQUIT\n' | smtp)" '250-ATRN'
  conf authsecrets
  assertEquals '502 5.5.1 Error: command not implemented' "$(said ATRN)"
  assertNotContains "$(printf 'EHLO client.example\nQUIT\n' | smtp)" ATRN
}

testNobodyToTakeIt() {
  hold a.example
  s6-svc -wd -T 10000 -d "$I/service/qmgr" || fail 'qmgr does not stop'
  assertEquals '451 4.3.0 Error: unable to turn the connection now' "$(joe)"
  assertTrue 'the log says why' "logged smtpd 'unable to turn the connection of unknown[127.0.0.1]: '"
  s6-svc -u "$I/service/qmgr"
  assertTrue 'then' 'wait_for 20 granted'
  assertTrue 'drained' 'wait_for 20 drained'
}
granted() { [ "$(joe)" = "$GRANTED" ]; }

. shunit2
