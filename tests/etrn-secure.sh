# The client etrn in TLS and known by AUTH: beside Postfix and a sluice, and with servers that do odd things.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

PASSWORD=Qz7-tell-nobody
PLAIN_SAID=$(printf '\0joe\0%s' "$PASSWORD" | base64)
ETRN='< ETRN customer\.example'
QUEUED='> 250 OK, queuing for node customer.example started'

# A Postfix that takes ETRN in TLS from who is known, and a sluice.
oneTimeSetUp() {
  certificate_authority
  certificate mx mx.provider.example
  certificate client joe.customer.example
  chmod 711 "$T"
  postfix_new postfix customer.example
  free_port WRAPPORT
  tests/peer/sasl "$T/sasl" CRAM-MD5 joe "$PASSWORD" >"$T/sasl.out" 2>&1 &
  echo $! >"$T/sasl.pid"
  wait_for 10 test -S "$T/sasl" || fail "$(cat "$T/sasl.out")"
  postfix_set smtpd_tls_security_level=may smtpd_tls_loglevel=1 "smtpd_tls_cert_file=$T/mx.crt" "smtpd_tls_key_file=$T/mx.key" \
    smtpd_tls_ask_ccert=yes "smtpd_tls_CAfile=$CA" smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot "smtpd_sasl_path=$T/sasl" \
    smtpd_tls_auth_only=yes smtpd_etrn_restrictions=permit_sasl_authenticated,reject fast_flush_domains=customer.example
  as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null <<EOT
127.0.0.1:$WRAPPORT inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
tlsmgr unix - - n 1000? 1 tlsmgr
EOT
  postfix_start
  instance sluice
  cp "$CA" "$I/conf/tlsca"
  cp "$T/mx.crt" "$I/conf/tlscert"
  cp "$T/mx.key" "$I/conf/tlskey"
  chmod 600 "$I/conf/tlskey"
  conf relaydomains customer.example
  conf routes "* [127.0.0.1]:1 park"
  conf flushclients 192.0.2.1
  conf users 'joe customer.example'
  conf authsecrets "joe $PASSWORD"
  chmod 600 "$I/conf/authsecrets"
  start
  export SLUICE=$I
  password "$PASSWORD"
}

oneTimeTearDown() {
  [ -e "$POSTFIX/queue" ] || return 0 # shunit2 tears down twice
  stop
  postfix_stop
  kill "$(cat "$T/sasl.pid")"
  fail_if_running
}

password() { (umask 077 && echo "joe $1" >"$T/account"); }

# ask EXITCODE ARGUMENT...: output in $out, errors in $err.
ask() {
  expected=$1
  shift
  out=$(timeout 100 "$BIN/etrn" "$@" customer.example 2>"$T/err")
  assertEquals "exit code of etrn $*: $(cat "$T/err")" "$expected" $?
  err=$(cat "$T/err")
  assertNotContains 'the password' "$out$err" "$PASSWORD"
  assertNotContains 'the password' "$out$err" "$PLAIN_SAID"
}

postfix_logged() { as_root grep -qF -- "$1" "$POSTFIX/log"; }

# serve LINE...: a server that does so; sets HOST.  secure LINE...: in TLS, behind its second EHLO.
serve() {
  printf '%s\n' '> 220 odd ESMTP' '< EHLO .*' "$@" >"$T/script"
  free_port SCRIPTPORT
  HOST=127.0.0.1:$SCRIPTPORT
  rm -f "$T/script.listening"
  tests/peer/script "$HOST" "$T/script" >"$T/script.out" 2>&1 &
  script_pid=$!
  wait_for 10 test -e "$T/script.listening" || fail "$(cat "$T/script.out")"
}
secure() { serve '> 250-odd' '> 250-ETRN' '> 250 STARTTLS' '< STARTTLS' '> 220 go on' "tls $T/mx.pem" '< EHLO .*' "$@"; }
played() {
  wait "$script_pid"
  assertEquals "$1: $(cat "$T/script.out")" 0 $?
}

# --- with servers that keep the rules -------------------------------------------------------

testPostfix() {
  host=127.0.0.1:$POSTFIXPORT
  ask 100 "$host"
  assertContains 'in TLS, and unknown' "$out" "$host customer.example 554 5.7.1"
  assertTrue 'TLS by itself' "wait_for 10 postfix_logged 'TLS connection established from unknown[127.0.0.1]: TLSv1.3'"
  ask 0 -a "$T/account" "$host"
  assertEquals "$host customer.example 250 Queuing started" "$out"
  assertNull "$err" "$err"
  ask 0 -a "$T/account" -o tlswrap "127.0.0.1:$WRAPPORT"
  ask 0 -a "$T/account" -o tls=verify -o tlsname=mx.provider.example "$host"
  ask 111 -a "$T/account" -o tlsname=mx.other.example "$host"
  assertContains "$err" "etrn: fatal: $host: no TLS: Server certificate not verified"
  ask 0 -a "$T/account" -o "tlsprint=$(print_of "$T/mx.crt")" "$host"
}

testPostfixSeesOurCertificate() {
  ask 0 -a "$T/account" -k "$T/client.pem" "127.0.0.1:$POSTFIXPORT"
  assertTrue "$(as_root tail "$POSTFIX/log")" \
    "wait_for 10 postfix_logged 'Trusted TLS connection established from unknown[127.0.0.1]: TLSv1.3'"
}

testSluice() {
  hold customer.example 1
  ask 111 "127.0.0.1:$PORT"
  assertContains 'unknown' "$out" ' 459 '
  ask 0 -a "$T/account" -o tlsname=mx.provider.example "127.0.0.1:$PORT"
  assertContains "$out" ' 250 '
  assertTrue 'it was asked for by a user' "wait_for 10 logged smtpd 'flush customer.example asked for by unknown[127.0.0.1] user=joe: 1 waiting'"
  password wrong
  ask 100 -a "$T/account" "127.0.0.1:$PORT"
  assertEquals "etrn: fatal: 127.0.0.1:$PORT: SASL authentication failed: 535 5.7.8 Error: authentication failed" "$err"
  assertNull 'nothing was asked' "$out"
  password "$PASSWORD"
}

# --- what is demanded, and what is not -------------------------------------------------------

testNotOffered() {
  serve '> 250-odd' '> 250 ETRN' "$ETRN" "$QUEUED" '< QUIT'
  ask 0 "$HOST"
  assertNull 'may: in clear text' "$err"
  played may
  for demand in '-o tls=encrypt' "-a $T/account" "-k $T/client.pem" '-o tls=verify'; do
    serve '> 250-odd' '> 250-AUTH PLAIN LOGIN' '> 250 ETRN' '< QUIT'
    # shellcheck disable=SC2086 # two words
    ask 100 $demand "$HOST"
    assertEquals "$demand" "etrn: fatal: $HOST: does not offer TLS" "$err"
    played "$demand"
  done
}

testNone() {
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' "$ETRN" "$QUEUED" '< QUIT'
  ask 0 -o tls=none "$HOST"
  assertNull "$err" "$err"
  played none
}

testRefused() {
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' '< STARTTLS' '> 454 4.7.0 not now' '< EHLO .*' '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' \
    "$ETRN" "$QUEUED" '< QUIT'
  ask 0 "$HOST"
  assertEquals 'may' "etrn: warning: $HOST: no TLS: 4.7.0 not now" "$err"
  played may
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' '< STARTTLS' '> 454 4.7.0 not now' '< QUIT'
  ask 111 -o tls=encrypt "$HOST"
  assertEquals 'encrypt' "etrn: fatal: $HOST: answer to STARTTLS: 454 4.7.0 not now" "$err"
  played encrypt
}

# With may another connection is made, in clear text.
testHandshakeFails() {
  rm -rf "$T/sink"
  sink sink --tls "$T/mx.pem" --no-handshake --ext ETRN
  ask 100 "127.0.0.1:$SINKPORT"
  assertContains 'may' "$err" "etrn: warning: 127.0.0.1:$SINKPORT: no TLS: "
  assertEquals 'a second connection' 2 "$(sink_connections)"
  ask 111 -o tls=encrypt "127.0.0.1:$SINKPORT"
  assertContains 'encrypt' "$err" "etrn: fatal: 127.0.0.1:$SINKPORT: no TLS: "
  assertEquals 'one' 3 "$(sink_connections)"
  sink_stop
}

testInjection() {
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' '< STARTTLS' '>> 220 go on\r\n250-odd\r\n250 ETRN\r\n' mute
  ask 111 -o tls=encrypt "$HOST"
  assertEquals "etrn: fatal: $HOST: no TLS: it said more behind its reply to STARTTLS" "$err"
  played injection
}

testWhatWasOfferedBeforeCountsNoMore() {
  secure '> 250-odd' '> 250 SIZE' '< QUIT'
  ask 100 "$HOST"
  assertEquals "etrn: fatal: $HOST: does not offer ETRN" "$err"
  played forgotten
}

testMuteInTheHandshake() {
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' '< STARTTLS' '> 220 go on' mute
  ask 111 -t 2 -o tls=encrypt "$HOST"
  assertContains "$err" "etrn: fatal: $HOST: "
  played mute
}

testNoEngine() {
  mkdir -p "$T/alone"
  cp "$BIN/etrn" "$T/alone"
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' '< EHLO .*' '> 250-odd' '> 250 ETRN' "$ETRN" "$QUEUED" '< QUIT'
  BIN=$T/alone ask 0 "$HOST"
  assertContains "$err" "etrn: warning: $HOST: no TLS: tls-io has ended"
  played may
  serve '> 250-odd' '> 250-STARTTLS' '> 250 ETRN' mute
  BIN=$T/alone ask 111 -a "$T/account" "$HOST"
  assertContains "$err" "etrn: fatal: $HOST: no TLS: tls-io has ended"
  played encrypt
}

# --- AUTH -----------------------------------------------------------------------------------

testNoAuth() {
  secure '> 250-odd' '> 250 ETRN' '< QUIT'
  ask 100 -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: does not offer AUTH" "$err"
  played 'not offered'
  secure '> 250-odd' '> 250-AUTH GSSAPI' '> 250 ETRN' '< QUIT'
  ask 100 -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: does not offer a mechanism of AUTH that we could use" "$err"
  played 'others'
}

# In clear text, where the user wants that: CRAM-MD5 (RFC 2645), never the password.
testClear() {
  serve '> 250-odd' '> 250-AUTH PLAIN LOGIN' '> 250 ETRN' '< QUIT'
  ask 100 -o tls=none -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: does not offer a mechanism of AUTH that we could use" "$err"
  played 'no password'
  echo 'tim tanstaaftanstaaf' >"$T/tim"
  chmod 600 "$T/tim"
  serve '> 250-odd' '> 250-AUTH PLAIN CRAM-MD5' '> 250 ETRN' '< AUTH CRAM-MD5' \
    '> 334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+' '< dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw' \
    '> 235 2.7.0 ok' "$ETRN" "$QUEUED" '< QUIT'
  ask 0 -o tls=may -a "$T/tim" "$HOST"
  played 'a digest'
}

testAuthFails() {
  secure '> 250-odd' '> 250-AUTH PLAIN' '> 250 ETRN' "< AUTH PLAIN $PLAIN_SAID" '> 454 4.7.0 later' '< QUIT'
  ask 111 -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: SASL authentication failed: 454 4.7.0 later" "$err"
  played 454
  secure '> 250-odd' '> 250-AUTH PLAIN' '> 250 ETRN' "< AUTH PLAIN $PLAIN_SAID" "> 500 what is AUTH PLAIN $PLAIN_SAID" '< QUIT'
  ask 100 -a "$T/account" "$HOST"
  assertContains "$err" "etrn: fatal: $HOST: SASL authentication failed: 500 what is AUTH PLAIN ****"
  played repeated
  secure '> 250-odd' '> 250-AUTH CRAM-MD5' '> 250 ETRN' '< AUTH CRAM-MD5' '> 334 %%%' mute
  ask 111 -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: SASL authentication failed: it asks for what makes no sense" "$err"
  played nonsense
  secure '> 250-odd' '> 250-AUTH LOGIN' '> 250 ETRN' '< AUTH LOGIN' '> 334 '
  ask 111 -a "$T/account" "$HOST"
  assertEquals "etrn: fatal: $HOST: no answer to AUTH: connection closed" "$err"
  played closed
}

# --- the command line ------------------------------------------------------------------------

testWrongUse() {
  for wrong in '-o me=x' '-o tls=much' '-o tls=dane' '-o tlsname=a..b' "-o tls=none -k $T/client.pem" '-k'; do
    # shellcheck disable=SC2086 # words
    ask 100 $wrong 127.0.0.1:1
    assertContains "$wrong" "$err" 'usage: etrn'
  done
  ask 100 -a "$T/nowhere" 127.0.0.1:1
  assertEquals "etrn: fatal: $T/nowhere: No such file or directory" "$err"
  chmod 644 "$T/account"
  ask 100 -a "$T/account" 127.0.0.1:1
  assertEquals "etrn: fatal: $T/account: everybody may read it: chmod 600" "$err"
  chmod 600 "$T/account"
}

testCertificateThatCannotBeUsed() {
  secure_host=127.0.0.1:$POSTFIXPORT
  ask 111 -a "$T/account" -k "$T/nowhere" "$secure_host"
  assertContains "$err" "etrn: fatal: $secure_host: no TLS: "
}

. shunit2
