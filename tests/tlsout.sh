# smtp-send and TLS: each level beside a real Postfix and a real name server, by hand and behind qmgr; a server that breaks
# rules where none that keeps them can.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

# Postfix at four ports: with a certificate of the authority, with one of its own, with TLS from the first octet, without TLS.
oneTimeSetUp() {
  certificate_authority
  certificate mx mx.customer.example customer.example
  certificate own-mx mx.other.example
  certificate_own self self.example
  postfix_new postfix customer.example other.example
  free_port OWNPORT
  free_port WRAPPORT
  free_port CLEARPORT
  free_port MXPORT
  postfix_set smtpd_tls_security_level=may smtpd_tls_loglevel=1 "smtpd_tls_cert_file=$T/mx.crt" "smtpd_tls_key_file=$T/mx.key"
  as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null <<EOT
127.0.0.1:$OWNPORT inet n - n - - smtpd
  -o smtpd_tls_cert_file=$T/self.crt -o smtpd_tls_key_file=$T/self.key
127.0.0.1:$WRAPPORT inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
127.0.0.1:$CLEARPORT inet n - n - - smtpd
  -o smtpd_tls_security_level=none
127.0.0.1:$MXPORT inet n - n - - smtpd
  -o smtpd_tls_cert_file=$T/own-mx.crt -o smtpd_tls_key_file=$T/own-mx.key
tlsmgr unix - - n 1000? 1 tlsmgr
EOT
  postfix_start
  dns_start <<EOT
customer MX 10 mx.customer
mx.customer A 127.0.0.1
other MX 10 mx.other
mx.other A 127.0.0.1
EOT
  # tls-io by hand finds what it verifies by in the instance
  instance one
  cp "$CA" "$I/conf/tlsca"
  export SLUICE=$I
}

oneTimeTearDown() {
  [ -e "$POSTFIX/queue" ] || return 0 # shunit2 tears down twice
  stop
  postfix_stop
  dns_stop
  fail_if_running
}

tearDown() { [ -z "${SINK-}" ] || sink_stop; }

# by_hand OPTION... NEXTHOP: a message; what became of it is in $T/said, the log in $T/log.
by_hand() {
  echo x | timeout 100 "$BIN/smtp-send" -L -n "127.0.0.1:$DNSPORT" "$@" a@b.example alice@customer.example >"$T/said" 2>"$T/log"
}

said() { cat "$T/said"; }
not_verified() { deferred "$1" "4.7.5 $2 Server certificate not verified: "; }
log_says() { assertContains "$1: $(cat "$T/log")" "$(cat "$T/log")" "$1"; }
sent() { assertContains "$1: $(cat "$T/said" "$T/log")" "$(said)" '<alice@customer.example> sent 2.'; }
# deferred WHAT TEXT: that, and no octet of the message went anywhere.
deferred() { assertContains "$1: $(cat "$T/log")" "$(said)" "<alice@customer.example> deferred $2"; }
# established TRUST PORT
established() { log_says "smtp-send: $1 TLS connection established to 127.0.0.1[127.0.0.1]:$2: TLSv1.3 with cipher "; }
no_tls() { assertNotContains "$1" "$(cat "$T/log")" 'TLS connection established'; }
postfix_logged() { as_root grep -qF -- "$1" "$POSTFIX/log"; }

# --- with a server that keeps the rules --------------------------------------------------

testMay() {
  by_hand "[127.0.0.1]:$POSTFIXPORT"
  sent 'TLS by itself'
  established Trusted "$POSTFIXPORT"
  assertTrue 'and so Postfix saw it' 'wait_for 10 postfix_logged "TLS connection established from unknown[127.0.0.1]: TLSv1.3"'
  by_hand "[127.0.0.1]:$OWNPORT"
  sent 'a certificate of its own'
  established Untrusted "$OWNPORT"
  by_hand "[127.0.0.1]:$CLEARPORT"
  sent 'a server without TLS'
  assertNull 'has nothing in the log' "$(grep -v ' to=<' "$T/log")"
  by_hand -o tls=none "[127.0.0.1]:$POSTFIXPORT"
  sent 'a level of none'
  no_tls 'a level of none'
}

testEncrypt() {
  by_hand -o tls=encrypt "[127.0.0.1]:$OWNPORT"
  sent 'whoever it is'
  established Untrusted "$OWNPORT"
  by_hand -o tls=encrypt "[127.0.0.1]:$CLEARPORT"
  deferred 'not offered' "4.7.4 127.0.0.1[127.0.0.1]:$CLEARPORT TLS is required, but was not offered by host 127.0.0.1[127.0.0.1]"
}

testFingerprint() {
  mx=$(print_of "$T/mx.crt")
  self=$(print_of "$T/self.crt")
  by_hand -o "tlsprint=$self" -o tls=fingerprint "[127.0.0.1]:$OWNPORT"
  sent 'expired and signed by itself'
  established Verified "$OWNPORT"
  by_hand -o "tlsprint=$mx,$(print_of_key "$T/self.crt")" -o tls=fingerprint "[127.0.0.1]:$OWNPORT"
  sent 'its key'
  established Verified "$OWNPORT"
  by_hand -o "tlsprint=$mx" -o tls=fingerprint "[127.0.0.1]:$OWNPORT"
  not_verified 'another' "127.0.0.1[127.0.0.1]:$OWNPORT"
  by_hand -o "tlsprint=$mx" -o tls=fingerprint "[127.0.0.1]:$CLEARPORT"
  deferred 'not offered' 4.7.4
}

testVerify() {
  by_hand -o tls=verify -o tlsname=mx.customer.example "[127.0.0.1]:$POSTFIXPORT"
  sent 'the name that was said'
  established Verified "$POSTFIXPORT"
  by_hand -o tls=verify -o tlsname=.customer.example "[127.0.0.1]:$POSTFIXPORT"
  sent 'a name below it'
  by_hand -o tls=verify "[mx.customer.example]:$POSTFIXPORT"
  sent 'the host in brackets'
  by_hand -o tls=verify -o tlsname=mx.other.example "[127.0.0.1]:$POSTFIXPORT"
  not_verified 'another name' "127.0.0.1[127.0.0.1]:$POSTFIXPORT"
  by_hand -o tls=verify -o tlsname=self.example "[127.0.0.1]:$OWNPORT"
  not_verified 'nobody vouches for it' "127.0.0.1[127.0.0.1]:$OWNPORT"
}

# The MX of customer.example is called as its certificate says, and the certificate has the domain, too; so is that of
# other.example, but for the domain.
testVerifyByTheDomain() {
  by_hand -o tls=verify "customer.example:$POSTFIXPORT"
  sent 'the domain'
  by_hand -o tls=verify "other.example:$MXPORT"
  sent 'a name below the domain'
  by_hand -o tls=verify "other.example:$POSTFIXPORT"
  not_verified 'the name of nobody' "mx.other.example[127.0.0.1]:$POSTFIXPORT"
}

testWrap() {
  by_hand -o tlswrap "[127.0.0.1]:$WRAPPORT"
  sent 'TLS from the first octet'
  established Trusted "$WRAPPORT"
  by_hand -o tlswrap -o tls=verify -o tlsname=mx.customer.example "[127.0.0.1]:$WRAPPORT"
  sent 'verified'
  by_hand -o tlswrap -t 5 "[127.0.0.1]:$POSTFIXPORT"
  deferred 'a server that wants STARTTLS' "4.7.5 127.0.0.1[127.0.0.1]:$POSTFIXPORT Cannot start TLS: handshake failure"
}

# Large, with dots: what comes out is what went in.
testContent() {
  { echo 'Subject: large' && echo && seq 1 400000 | sed 's/^1/./'; } >"$T/large"
  timeout 100 "$BIN/smtp-send" "[127.0.0.1]:$POSTFIXPORT" a@b.example large@customer.example <"$T/large" >"$T/said" 2>"$T/log"
  assertContains "$(said)" '<large@customer.example> sent'
  large_came() { grep -qs '^Subject: large' "$POSTFIX"/mail/new/*; }
  assertTrue 'it came' 'wait_for 30 large_came'
  assertEquals 'octet for octet' "$(sed '1,/^$/d' "$T/large" | md5sum)" \
    "$(sed '1,/^$/d' "$(grep -ls '^Subject: large' "$POSTFIX"/mail/new/*)" | md5sum)"
}

# --- with one that does not --------------------------------------------------------------

# tls_sink OPTION...: a sink that offers STARTTLS.
tls_sink() {
  rm -rf "$T/sink"
  sink sink --tls "$T/mx.pem" "$@"
}
mails() { grep -c '^mail' "$SINK/log"; }

testRefused() {
  tls_sink --starttls '454 4.7.0 not now'
  by_hand "[127.0.0.1]:$SINKPORT"
  sent 'may'
  assertEquals 'over the same connection' 1 "$(sink_connections)"
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  deferred encrypt "4.7.4 127.0.0.1[127.0.0.1]:$SINKPORT TLS is required, but host 127.0.0.1[127.0.0.1] refused to start TLS: 454 4.7.0 not now"
  assertEquals 'never a MAIL in clear text' 1 "$(mails)"
}

# Who insists on TLS, and could not have it, has not refused the message for good: it may be ours that was missing.
testInsistsWhereItFails() {
  tls_sink --starttls '454 4.7.0 not now' --mail '530 5.7.0 Must issue a STARTTLS command first'
  by_hand "[127.0.0.1]:$SINKPORT"
  deferred 'refused by the server' '4.7.0'
  sink_stop
  tls_sink --starttls '220 go on\n250-sink' --mail '530 5.7.0 Must issue a STARTTLS command first'
  by_hand "[127.0.0.1]:$SINKPORT"
  deferred 'broken on the way' '4.7.0'
  sink_stop
  tls_sink --mail '530 5.7.0 Must issue a STARTTLS command first'
  mkdir -p "$T/alone"
  cp "$BIN/smtp-send" "$T/alone"
  BIN=$T/alone by_hand "[127.0.0.1]:$SINKPORT"
  deferred 'no tls-io' '4.7.0'
  sink_stop
  sink sink --mail '530 5.7.0 Authentication required'
  by_hand "[127.0.0.1]:$SINKPORT"
  assertContains 'without TLS it is what it always was' "$(said)" '<alice@customer.example> failed 5.7.0'
}

# What is no reply is no reason to stay away.
testNoReplyToStarttls() {
  tls_sink --starttls 'what?'
  by_hand "[127.0.0.1]:$SINKPORT"
  sent 'may'
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  deferred encrypt 4.7.5
}

testHandshakeFails() {
  tls_sink --no-handshake
  by_hand "[127.0.0.1]:$SINKPORT"
  sent 'may'
  log_says "smtp-send: SSL_connect error to 127.0.0.1[127.0.0.1]:$SINKPORT: "
  assertEquals 'over a second connection, at once' 2 "$(sink_connections)"
  assertEquals 'on which nothing of TLS was said' 1 "$(grep -c '^starttls' "$SINK/log")"
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  deferred encrypt "4.7.5 127.0.0.1[127.0.0.1]:$SINKPORT Cannot start TLS: handshake failure"
  assertEquals 'never a MAIL in clear text' 1 "$(mails)"
}

testClosedInsteadOfAReply() {
  tls_sink --starttls '421 4.3.2 no'
  by_hand "[127.0.0.1]:$SINKPORT"
  sent 'may'
  assertEquals 'over a second connection' 2 "$(sink_connections)"
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  deferred encrypt '4.7.4'
}

# Who is in between says more behind the 220, to be taken for what the server says in TLS.
testInjection() {
  tls_sink --starttls '220 go on\n250-sink\n250 SIZE 1'
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  deferred encrypt "4.7.5 127.0.0.1[127.0.0.1]:$SINKPORT Cannot start TLS: handshake failure"
  log_says 'the server said more behind its reply to STARTTLS'
  assertEquals 'no handshake' 0 "$(grep -c '^secured' "$SINK/log")"
  by_hand "[127.0.0.1]:$SINKPORT"
  sent 'may'
}

testExtensionsAreForgotten() {
  tls_sink --ext 'PIPELINING,CHUNKING,SIZE 10' --ext-tls SIZE
  by_hand -o tls=encrypt "[127.0.0.1]:$SINKPORT"
  sent 'without PIPELINING and CHUNKING'
  assertEquals 'DATA' 1 "$(grep -c '^data' "$SINK/log")"
  assertEquals 'EHLO twice' 2 "$(grep -c '^ehlo' "$SINK/log")"
}

testMuteAfterStarttls() {
  printf '%s\n' '> 220 mute ESMTP' '< EHLO .*' '> 250-mute' '> 250 STARTTLS' '< STARTTLS' '> 220 go on' mute >"$T/script"
  free_port SCRIPTPORT
  tests/peer/script "127.0.0.1:$SCRIPTPORT" "$T/script" >"$T/script.out" 2>&1 &
  script_pid=$!
  wait_for 10 test -e "$T/script.listening"
  by_hand -o tls=encrypt -t 60,60,60,60,60,60,60,60,60,2 "[127.0.0.1]:$SCRIPTPORT"
  deferred 'mute' '4.7.5'
  wait "$script_pid"
}

# No tls-io: with may mail goes on, and it is said.
testNoEngine() {
  mkdir -p "$T/alone"
  cp "$BIN/smtp-send" "$T/alone"
  BIN=$T/alone by_hand "[127.0.0.1]:$POSTFIXPORT"
  sent 'may'
  no_tls 'may'
  assertEquals 'it is said once' 1 "$(grep -c 'warning: no TLS to .*: our TLS engine is unavailable' "$T/log")"
  # or ends before it is asked: the second of what is sent, behind EHLO
  echo x | traced -f -o /dev/null -e inject=sendto:error=EPIPE:when=2 timeout 20 "$BIN/smtp-send" "[127.0.0.1]:$POSTFIXPORT" \
    a@b.example alice@customer.example >"$T/said" 2>"$T/log"
  sent 'may, at once'
  log_says 'our TLS engine is unavailable: Broken pipe'
  BIN=$T/alone by_hand -o tls=encrypt "[127.0.0.1]:$POSTFIXPORT"
  deferred encrypt "4.7.5 127.0.0.1[127.0.0.1]:$POSTFIXPORT TLS is required, but our TLS engine is unavailable"
}

# It cannot even be asked for: no other event is waited for before the message is sent in clear text.
testNoEngineAtOnce() {
  echo x | timeout 60 strace -qq -o "$T/calls" -e trace=recvmsg -e inject=recvmsg:error=ECONNRESET:when=1 \
    "$BIN/smtp-send" "[127.0.0.1]:$POSTFIXPORT" a@b.example alice@customer.example >"$T/said" 2>"$T/log"
  assertContains "$(cat "$T/calls")" INJECTED
  sent 'may'
  log_says 'our TLS engine is unavailable: it cannot be run'
}

# The same where it has ended before it was asked.
testEngineThatHasEnded() {
  mkdir -p "$T/alone"
  cp "$BIN/smtp-send" "$T/alone"
  echo x | traced -f -o "$T/trace" -e trace=sendto -e inject=sendto:delay_enter=300000 timeout 60 "$T/alone/smtp-send" -L \
    -n "127.0.0.1:$DNSPORT" "[127.0.0.1]:$POSTFIXPORT" a@b.example alice@customer.example >"$T/said" 2>"$T/log"
  assertContains "$(cat "$T/log")" 'our TLS engine is unavailable: Broken pipe'
  sent 'may'
}

# --- behind qmgr ----------------------------------------------------------------------------

testBehindQmgr() {
  conf relaydomains .example example
  conf nameserver "127.0.0.1:$DNSPORT"
  conf loopbackdns 1
  conf backoff '1 2'
  conf routes "may.example [127.0.0.1]:$POSTFIXPORT" "customer.example [127.0.0.1]:$POSTFIXPORT tlsname=mx.customer.example" \
    "other.example [127.0.0.1]:$POSTFIXPORT tlsname=mx.other.example" "wrap.example [127.0.0.1]:$WRAPPORT tlswrap"
  start
  submit -t 'x%d@customer.example' -n 1000 >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log send)" 'wait_for 60 drained'
  assertTrue 'verified' "logged send 'Verified TLS connection established to 127.0.0.1[127.0.0.1]:$POSTFIXPORT: TLSv1.3'"
  submit -t 'x@other.example' >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue 'is another connection' "wait_for 30 logged qmgr 'site [127.0.0.1]:$POSTFIXPORT: down, 4.7.5 Server certificate not verified'"
  assertContains "$("$BIN/site-list" -C "$I")" '4.7.5 Server certificate not verified'
  conf routes "* [127.0.0.1]:$WRAPPORT tlswrap"
  service qmgr h
  assertTrue "what is demanded no more: $(log qmgr)" 'wait_for 60 drained'
}

# A handshake that takes all the time there is to reach the site leaves time for clear text.
testNoTimeLeft() {
  tls_sink --mute-handshake
  conf timeouts 'reach 3' 'tls 60'
  conf routes "* [127.0.0.1]:$SINKPORT"
  service qmgr h
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log send)" 'wait_for 60 drained'
  assertContains "$(log send)" 'once more in clear text'
  conf timeouts
}

testServiceDown() {
  conf routes "customer.example [127.0.0.1]:$POSTFIXPORT" "other.example [127.0.0.1]:$OWNPORT tls=encrypt"
  service qmgr h
  s6-svc -wd -d "$I/service/tlsout"
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue 'may: in clear text' 'wait_for 30 drained'
  assertTrue 'and it is said' "logged send 'our TLS engine is unavailable'"
  submit -t x@other.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue 'encrypt: it waits' \
    "wait_for 30 logged qmgr 'site [127.0.0.1]:$OWNPORT: down, 4.7.5 TLS is required, but our TLS engine is unavailable'"
  s6-svc -wU -u "$I/service/tlsout"
  assertTrue 'until the service is back' 'wait_for 60 drained'
  assertTrue 'in TLS' "logged send 'Untrusted TLS connection established to 127.0.0.1[127.0.0.1]:$OWNPORT: '"
}

testUsers() {
  for_users sluice-tls || return 0
  stop
  instance users -U
  cp "$CA" "$I/conf/tlsca"
  chgrp sluice "$I/conf/tlsca"
  conf relaydomains example .example
  conf routes "* [127.0.0.1]:$POSTFIXPORT tlsname=mx.customer.example"
  start
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log send; log tlsout; log qmgr)" 'wait_for 60 drained'
  assertTrue 'verified' "logged send 'Verified TLS connection established to 127.0.0.1[127.0.0.1]:$POSTFIXPORT: '"
  assertEquals 'the socket is qmgr alone to connect to' '600 sluice-q' "$(stat -c '%a %U' "$I/run/tlsout")"
  stop
}

. shunit2
