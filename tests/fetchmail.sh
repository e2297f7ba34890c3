# ATRN as the real fetchmail has it (-p ODMR), which pumps the mail into port 25 of localhost: in a network of our own.
# shellcheck disable=SC1091
[ -n "${APART-}" ] || ! unshare -n -m true 2>/dev/null || APART=1 exec unshare -n -m sh "$0" "$@"
. tests/lib.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh

oneTimeSetUp() {
  [ -n "${APART-}" ] || return 0
  # fetchmail wants its host to have an address
  printf '127.0.0.1 localhost %s\n' "$(uname -n)" >"$T/hosts"
  ip link set lo up && mount --bind "$T/hosts" /etc/hosts || fail 'no network of our own'
  certificate_authority
  certificate mail localhost
  certificate joe joe.example
  odd_message >"$T/odd"
}

# Without a network of our own there is no port 25 to have.
apart() {
  [ -n "${APART-}" ] && return
  skip 'needs root, and a network namespace of its own'
  return 1
}

setUp() {
  [ -n "${APART-}" ] || return 0
  instance "relay$((relays = ${relays-0} + 1))"
  conf me mail.example
  conf relaydomains .example
  conf routes '* - park'
  conf listenodmr 127.0.0.1:366
  rm "$I/service/odmr/down"
  cp "$T/mail.crt" "$I/conf/tlscert"
  cp "$T/mail.key" "$I/conf/tlskey"
  chmod 600 "$I/conf/tlskey"
  conf authsecrets 'joe S3cret'
  chmod 600 "$I/conf/authsecrets"
  conf users 'joe a.example b.example'
  start
  ready tls odmr auth
  server
}

tearDown() {
  [ -n "${APART-}" ] || return 0
  stop
  [ -z "${SINK-}" ] || sink_stop
  rm -f "$T/customer"/*.msg "$T/customer"/*.env "$T/customer/log"
  fail_if_running
}

# server [OPTION...]: what listens at port 25 of the customer's, see tests/peer/sink.
server() {
  SINK=$T/customer
  mkdir -p "$SINK"
  echo 25 >"$SINK/port"
  sink_stop
  sink customer "$@"
}

# A message of a MiB that not everything carries: octets beyond ASCII, dots that begin a line, a line of 20,000 octets.
odd_message() {
  python3 - <<'END'
import sys
line = b".. dots, \xc3\xbcml\xc3\xa4ut and \xff\xfe " + bytes(range(0x80, 0x100))
body = [b".", b"..", b".x", b"", b"x" * 20000, b"From here", b" ."] + [line[n % 200:] for n in range(17000)]
sys.stdout.buffer.write(b"\r\n".join([b"Subject: odd", b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=x-unknown",
                                      b"Content-Transfer-Encoding: 8bit", b""] + body) + b"\r\n")
END
}

# comes SERVER-OPTIONS [USER-OPTIONS]: the customer's fetchmail, with these words in its settings; what it said is in $T/said.
comes() {
  printf 'poll localhost protocol odmr service 366 %s\n  user joe password %s fetchdomains %s %s\n' \
    "$1" "${PASSWORD-S3cret}" "${DOMAINS-a.example}" "${2-ssl sslcertck sslcertfile $CA}" >"$T/fetchmailrc"
  chmod 600 "$T/fetchmailrc"
  HOME=$T timeout 120 fetchmail -v -f "$T/fetchmailrc" </dev/null >"$T/said" 2>&1
}

# is_odd FILE: does it end with the odd message, as it is on the wire?
is_odd() { tail -c "$(wc -c <"$T/odd")" "$1" | cmp - "$T/odd"; }
submit_odd() {
  submit -r -t x@a.example "$T/odd" >"$T/submit" || fail "$(cat "$T/submit")"
  wait_for 20 waits a.example 1
}

# --- what comes ---------------------------------------------------------------------

# Into a real server, at the real ports.
testPostfix() {
  apart || return 0
  sink_stop
  POSTFIXAT=25 postfix_new postfix a.example
  postfix_start
  submit_odd
  submit -t %d@a.example -n 5 >"$T/submit"
  wait_for 20 waits a.example 6
  comes ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue "drained: $(log send)" 'wait_for 60 drained'
  assertTrue "$(tail -n 3 "$POSTFIX/log")" 'wait_for 60 postfix_has 6'
  tr -d '\r' <"$T/odd" >"$T/odd.lf"
  largest=$(find "$POSTFIX/mail/new" -size +1000k)
  tail -c "$(wc -c <"$T/odd.lf")" "$largest" | cmp - "$T/odd.lf"
  assertTrue 'octet for octet' $?
  postfix_stop
}

# With CHUNKING, and in DATA.
testOctets() {
  apart || return 0
  for extensions in PIPELINING,8BITMIME,CHUNKING PIPELINING,8BITMIME; do
    server --ext "$extensions"
    submit_odd
    comes ''
    assertEquals "$extensions: $(tail -n 5 "$T/said")" 0 $?
    assertTrue "$extensions: drained" 'wait_for 60 drained'
    is_odd "$SINK"/*.msg
    assertTrue "$extensions: octet for octet" $?
    rm -f "$SINK"/*.msg "$SINK"/*.env
  done
  assertTrue 'each way' "grep -q ^bdat $SINK/log && grep -q ^data $SINK/log"
}

# His server is behind fetchmail, and TLS was made by that: what that server offers is not for us.
testServerOffersStarttls() {
  apart || return 0
  server --tls "$T/mail.pem"
  hold a.example 2
  comes ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue 'drained' 'wait_for 20 drained'
  assertContains "$(cat "$T/said")" 'ODMR> 250 STARTTLS'
  assertNotContains "$(cat "$SINK/log")" starttls
}

testTwoDomains() {
  apart || return 0
  hold a.example 2
  hold b.example 1
  DOMAINS='a.example b.example' comes ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue 'drained' 'wait_for 20 drained'
  assertEquals 'over one connection' 1 "$(sink_connections)"
}

# TLS of openssl's, as some have it set up.
testPlugin() {
  apart || return 0
  submit_odd
  comes 'plugin "openssl s_client -quiet -connect %h:%p"' ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue 'drained' 'wait_for 60 drained'
  is_odd "$SINK"/*.msg
  assertTrue 'octet for octet' $?
}

# A fetchmail that has a certificate has to prove who it is all the same: it knows no other way.
testCertificate() {
  apart || return 0
  conf clientcerts "$(print_of "$T/joe.crt") joe"
  hold a.example 2
  comes '' "ssl sslcertck sslcertfile $CA sslcert $T/joe.crt sslkey $T/joe.key"
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue 'drained' 'wait_for 20 drained'
  assertTrue 'known twice' "logged odmr ', ccert_user=joe'"
}

# Each program as a user of its own, and port 366 opened by root.
testUsers() {
  apart || return 0
  for_users sluice-auth || return 0
  stop
  for setting in me relaydomains routes listenodmr users tlscert tlskey authsecrets; do cp "$I/conf/$setting" "$T/$setting"; done
  instance "users$relays" -U
  for setting in me relaydomains routes listenodmr users tlscert; do install -m 644 "$T/$setting" "$I/conf/$setting"; done
  install -m 400 -o sluice-tls "$T/tlskey" "$I/conf/tlskey"
  install -m 400 -o sluice-auth "$T/authsecrets" "$I/conf/authsecrets"
  rm "$I/service/odmr/down"
  start
  ready tls odmr auth
  submit_odd
  comes ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue "drained: $(log send)" 'wait_for 60 drained'
  is_odd "$SINK"/*.msg
  assertTrue 'octet for octet' $?
  DOMAINS='b.example c.example' comes ''
  assertEquals "a foreign domain: $(tail -n 5 "$T/said")" 4 $?
}

# --- what does not ------------------------------------------------------------------

testNothingWaits() {
  apart || return 0
  comes ''
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertContains "$(cat "$T/said")" 'ODMR< 453 You have no mail'
  assertFalse 'nobody calls his server' "[ -s $SINK/log ]"
}

# It has no exit code for that of its own in this mode (128): nobody is told that all is well, anyway.
testWrongPassword() {
  apart || return 0
  hold a.example
  PASSWORD=bad comes ''
  assertNotContains ' 0 1 4 8 ' " $? "
  assertContains "$(cat "$T/said")" '535 5.7.8 Error: authentication failed'
  assertTrue 'it waits' 'waits a.example 1'
  assertTrue 'for fail2ban' "logged odmr 'SASL CRAM-MD5 authentication failed: authentication failure, sasl_username=joe'"
}

testForeignDomain() {
  apart || return 0
  hold c.example
  hold a.example
  DOMAINS='a.example c.example' comes ''
  assertEquals "$(tail -n 5 "$T/said")" 4 $?
  assertContains "$(cat "$T/said")" 'ODMR< 450 4.7.1 Error: ATRN request refused'
  assertTrue 'neither goes' 'waits a.example 1 && waits c.example 1'
  assertFalse 'nobody calls his server' "[ -s $SINK/log ]"
}

testNobodyToTakeIt() {
  apart || return 0
  hold a.example
  s6-svc -wd -T 10000 -d "$I/service/qmgr" || fail 'qmgr does not stop'
  comes ''
  assertEquals "$(tail -n 5 "$T/said")" 8 $?
  assertContains "$(cat "$T/said")" 'ODMR< 451 4.3.0 Error: unable to turn the connection now'
  s6-svc -u "$I/service/qmgr"
  assertTrue 'the next time' 'wait_for 30 all_is_well'
  assertTrue 'drained' 'wait_for 20 drained'
}
all_is_well() { comes '' && [ "$(sink_messages)" = 1 ]; }

# His own server is away: what was not taken waits.
testServerIsAway() {
  apart || return 0
  hold a.example 2
  sink_stop
  comes ''
  assertNotEquals 0 $?
  assertTrue 'it waits' 'wait_for 20 waits a.example 2'
  server
  assertTrue 'the next time' "comes ''"
  assertTrue 'drained' 'wait_for 20 drained'
}

# With esmtpname it says AUTH twice, and takes the 503 of the second (RFC 4954 section 4) for a challenge: it has to be left
# out.  Nothing is lost; where the first is refused the second counts.
testAuthTwice() {
  apart || return 0
  hold a.example
  comes 'esmtpname joe esmtppassword S3cret'
  assertEquals "$(tail -n 5 "$T/said")" 3 $?
  assertContains "$(cat "$T/said")" 'ODMR< 503 5.5.1 Error: already authenticated'
  assertTrue "it was not sent away" "wait_for 10 logged odmr ' quit=1 auth=1/2 '"
  assertTrue 'it waits' 'waits a.example 1'
  comes 'esmtpname joe esmtppassword bad'
  assertEquals "$(tail -n 5 "$T/said")" 0 $?
  assertTrue 'drained' 'wait_for 20 drained'
}

# ETRN by a user whose address nobody knows: what esmtpname is for.
testEtrn() {
  apart || return 0
  conf listentls 127.0.0.1:465
  conf flushclients 192.0.2.0/24
  rm "$I/service/smtps/down"
  service smtps u
  ready smtps
  etrn_comes 'esmtpname joe esmtppassword S3cret' a.example
  assertContains "$(cat "$T/said")" '235 2.7.0 Authentication successful'
  assertContains "$(cat "$T/said")" "$(printf 'ETRN> ETRN a.example\nfetchmail: ETRN< 25')"
  etrn_comes 'esmtpname joe esmtppassword S3cret' c.example
  assertContains "not his: $(cat "$T/said")" "$(cat "$T/said")" 'ETRN< 459 '
  etrn_comes '' a.example
  assertContains "nobody's: $(cat "$T/said")" "$(cat "$T/said")" 'ETRN< 459 '
}
# etrn_comes USER-OPTIONS DOMAIN
etrn_comes() {
  printf 'poll localhost protocol etrn service 465 %s\n  ssl sslcertck sslcertfile %s fetchdomains %s\n' "$1" "$CA" "$2" >"$T/fetchmailrc"
  chmod 600 "$T/fetchmailrc"
  HOME=$T timeout 60 fetchmail -v -f "$T/fetchmailrc" </dev/null >"$T/said" 2>&1
}

. shunit2
