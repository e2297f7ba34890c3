# ATRN: a customer whom nobody can call comes for his mail, and it goes to him on the connection by which he came.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/customer.sh
. tests/peer/customer.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

GRANTED='250 OK now reversing the connection'

oneTimeSetUp() {
  certificate_authority
  certificate mail mail.example
  certificate joe joe.example
}

setUp() {
  customers_start
  instance "relay$((relays = ${relays-0} + 1))"
  conf me mail.example
  conf relaydomains .example
  conf routes "strict.example [127.0.0.1]:$HOSTPORT park tls=encrypt" "* [127.0.0.1]:$HOSTPORT park"
  conf authclear 1
  conf authsecrets 'joe S3cret' 'ann xyzzy' 'bob plugh' 'sue zork'
  chmod 600 "$I/conf/authsecrets"
  conf users 'joe a.example b.example .c.example' 'ann norelay d.example' 'sue a.example strict.example'
  cp "$T/mail.crt" "$I/conf/tlscert"
  cp "$T/mail.key" "$I/conf/tlskey"
  chmod 600 "$I/conf/tlskey"
  listen_tls
  start
  ready tls smtps odmr
}

tearDown() {
  stop
  customers_stop
  fail_if_running
}

# comes [-t | -i PORT] USER PASSWORD [ARGUMENT]: a customer (-i: at the port where TLS begins); what he was told last.
comes() {
  tls='' comes_at=$PORT
  case $1 in
    -t) tls=-t && shift ;;
    -i) tls=-i comes_at=$2 && shift 2 ;;
  esac
  # shellcheck disable=SC2086 # an option or none
  timeout 120 tests/peer/odmr $tls "127.0.0.1:$comes_at" "$1" "$2" "$SERVER" ${3+"$3"} </dev/null >"$T/comes" 2>"$T/comes.err"
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

# By his certificate, without AUTH.
testByCertificate() {
  conf authclear
  conf authsecrets
  conf clientcerts "$(print_of "$T/joe.crt") joe"
  hold a.example 2
  assertEquals "$GRANTED" "$(comes -t joe "$T/joe.pem")"
  assertTrue 'drained' 'wait_for 20 drained'
  assertEquals 'rcpt to:<1@a.example> rcpt to:<2@a.example> ' "$(recipients)"
  assertTrue 'the log says who' "wait_for 10 logged smtpd 'turn a.example, ... asked for by unknown[127.0.0.1] user=joe: 2 waiting'"
}

# The reply is one line, and then it is the customer who greets.
testOneLine() {
  hold a.example
  python3 - "$PORT" >"$T/octets" <<'END'
import smtplib, sys
c = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "customer.example", timeout=60)
c.ehlo()
c.user, c.password = "joe", "S3cret"
c.auth("CRAM-MD5", c.auth_cram_md5)
s = c.sock
s.sendall(b"ATRN a.example\r\n")
came = b""
while not came.endswith(b"\n"):
    came += s.recv(1)
s.sendall(b"220 customer.example\r\n")
while not came.endswith(b"EHLO mail.example\r\n") and len(came) < 200:
    octets = s.recv(200)
    if not octets:
        break
    came += octets
sys.stdout.buffer.write(came)
END
  assertEquals "$(printf '%s\r\nEHLO mail.example\r\n' "$GRANTED" | od -c)" "$(od -c <"$T/octets")"
  assertTrue 'it waits again' 'wait_for 20 waits a.example 1'
}

# What his server offers is not for us: who has brought it here may have TLS already.
testServerOffersStarttls() {
  server --tls "$T/mail.pem"
  hold a.example 2
  assertEquals "$GRANTED" "$(joe)"
  assertTrue 'drained' 'wait_for 20 drained'
  assertNotContains "$(cat "$SINK/log")" starttls
  hold a.example 1
  assertEquals "$GRANTED" "$(comes -t joe S3cret)"
  assertTrue 'drained' 'wait_for 20 drained'
  assertNotContains "$(cat "$SINK/log")" starttls
}

# records PORT: how many lines there are in each record of a reply to EHLO.
records() {
  python3 - "$1" <<'END'
import socket, ssl, sys
s = ssl._create_unverified_context().wrap_socket(socket.create_connection(("127.0.0.1", int(sys.argv[1])), 60))
s.recv(65536)
s.sendall(b"EHLO customer.example\r\n")
reply = []
while not reply or b"250 " not in reply[-1]:
    reply.append(s.recv(65536))
print(*(octets.count(b"\n") for octets in reply))
END
}

# fetchmail waits for the socket once it has read a line of a record.
testRecords() {
  assertEquals '1 1 1 1 1 1 1 1 1 1 1 1' "$(records "$ODMRPORT")"
  assertNotContains "$(records "$TLSPORT")" '1 1'
}

# A large one, over each kind of connection, in chunks and in DATA.
testOctets() {
  { printf 'Subject: large\n\n..\n.x\n' && head -c 7900000 /dev/urandom | base64 && printf '%s\n' . .; } | sed 's/$/\r/' >"$T/large"
  for way in '' -t "-i $TLSPORT" "-i $ODMRPORT"; do
    for extensions in PIPELINING,8BITMIME,CHUNKING PIPELINING,8BITMIME; do
      server --ext "$extensions"
      submit -r -t x@a.example "$T/large" >"$T/submit" || fail "$(cat "$T/submit")"
      wait_for 60 waits a.example 1 || fail 'it does not wait'
      # shellcheck disable=SC2086 # an option and its argument
      assertEquals "$way $extensions" "$GRANTED" "$(comes $way joe S3cret)"
      assertTrue "$way $extensions: drained" 'wait_for 60 drained'
      tail -c "$(wc -c <"$T/large")" "$SINK"/*.msg | cmp - "$T/large"
      assertTrue "$way $extensions: octet for octet" $?
      rm -f "$SINK"/*.msg "$SINK"/*.env
    done
  done
}

# --- what is killed -------------------------------------------------------------------

# killed PROGRAM SERVICE: in the middle of a reversal; another one gets the rest, and one message at the most comes twice, that
# of which the 250 was lost.  (Without PIPELINING there is one on the wire.)
killed() {
  server --ext 8BITMIME --delay 0.1
  hold a.example 12
  comes -t joe S3cret >"$T/killed" &
  killed_client=$!
  assertTrue "$1: begun" 'wait_for 30 sink_has 3'
  # shellcheck disable=SC2046 # several of them
  kill -9 $(killed_processes "$2") || fail "$1: none to kill"
  wait $killed_client
  assertEquals "$GRANTED" "$(cat "$T/killed")"
  server
  # what an agent of that qmgr still has is its own until it has ended
  assertTrue "$1: drained, but $(queued)" 'wait_for 90 come_until_drained'
  assertEquals "$1: all came" 12 "$(recipients_known)"
  assertTrue "$1: $(($(sink_messages) - 12)) came twice" '[ "$(sink_messages)" -le 13 ]'
  assertEquals "$1: nothing elsewhere" 0 "$(host_connections)"
  rm -f "$SINK"/*.msg "$SINK"/*.env
}
killed_processes() { if [ "$1" = qmgr ]; then s6-svstat -o pid "$I/service/qmgr"; else ps -o pid= --ppid "$(s6-svstat -o pid "$I/service/$1")"; fi; }
come_until_drained() {
  drained || comes -t joe S3cret >/dev/null
  drained
}
recipients_known() { cat "$SINK"/*.env | grep -io 'RCPT TO:<[^>]*>' | sort -u | wc -l; }

testKilledAgent() { killed smtp-send send; }
testKilledTls() { killed tls-io tls; }
testKilledQmgr() { killed qmgr qmgr; }

# --- what fails there -----------------------------------------------------------------

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

# All that he has is below something, and none of it waits.
testNoMailBelow() {
  conf users 'ann .d.example'
  assertEquals '453 You have no mail' "$(comes ann xyzzy)"
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

# hasty: what one is told who says more behind ATRN at once.
hasty() {
  python3 - "$PORT" <<'END'
import smtplib, sys
c = smtplib.SMTP("127.0.0.1", int(sys.argv[1]), "customer.example", timeout=60)
c.ehlo()
c.user, c.password = "joe", "S3cret"
c.auth("CRAM-MD5", c.auth_cram_md5)
c.send(b"ATRN a.example\r\nNOOP\r\n")
for _ in range(2):
    print("%d %s" % (lambda code, text: (code, text.decode()))(*c.getreply()))
END
}

testUntimely() {
  assertEquals '530 5.7.0 Authentication required' "$(said ATRN)"
  assertEquals '503 5.5.1 Error: MAIL transaction in progress' \
    "$(printf '%s\n' 'MAIL FROM:<>' ATRN | tests/peer/login "127.0.0.1:$PORT" CRAM-MD5 joe S3cret | tail -n 1)"
  assertEquals "$(printf '%s\n' '503 5.5.1 Error: ATRN must come last' '250 2.0.0 Ok')" "$(hasty)"
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

# Who gets nothing so often is a nuisance, by whatever of the two replies.
testFruitless() {
  hold a.example
  s6-svc -wd -T 10000 -d "$I/service/qmgr" || fail 'qmgr does not stop'
  { yes 'ATRN b.example
ATRN a.example' | head -n 130; } | tests/peer/login "127.0.0.1:$PORT" CRAM-MD5 joe S3cret >"$T/said" 2>"$T/err"
  assertContains "$(cat "$T/said")" '453 You have no mail
451 4.3.0 Error: unable to turn the connection now'
  assertContains 'in the end' "$(cat "$T/said")" '421 4.7.0 mail.example Error: too many errors'
  s6-svc -wu -T 10000 -u "$I/service/qmgr"
}

# --- super-servers that say less ------------------------------------------------------

# served COMMAND...: for those who come to PORT, by tcpserver.
served() {
  free_port PORT
  tcpserver -1 -H -R -D -l 0 127.0.0.1 "$PORT" "$@" >"$T/served" 2>&1 &
  SERVED=$!
  wait_for 10 grep -q . "$T/served" || fail 'tcpserver does not start'
}
served_end() {
  kill $SERVED
  wait $SERVED
}

# Then the socket says it.
testPortIsNotSaid() {
  hold a.example
  served env -u TCPREMOTEPORT "$BIN/smtpd-etrn" -C "$I"
  assertEquals "$GRANTED" "$(joe)"
  assertTrue 'it came' 'wait_for 20 sink_has 1'
  assertTrue 'and by which connection' "log send | grep -q 'relay=unknown\[127\.0\.0\.1\]:[1-9][0-9]*, .*status=sent'"
  served_end
}

# The socket has none: nothing is granted that qmgr would not take.
testPortIsNotKnown() {
  hold a.example
  served env -u TCPREMOTEPORT socat STDIO "EXEC:$BIN/smtpd-etrn -C $I"
  assertEquals '451 4.3.0 Error: unable to turn the connection now' "$(joe)"
  assertContains 'why' "$(cat "$T/served")" 'unable to turn the connection of unknown[127.0.0.1]: Destination address required'
  served_end
  assertTrue 'it waits' 'waits a.example 1'
}

. shunit2
