# TLS with who sends us mail: STARTTLS, TLS from the first octet, as real clients say it; what fails and what goes on.
. tests/lib.sh
. tests/peer/postfix.sh

oneTimeSetUp() {
  certificate one
  relay shared
  free_port TLSPORT
  conf listentls "127.0.0.1:$TLSPORT"
  rm "$I/service/smtps/down"
  start
  ready tls smtps
  SHARED=$I SHAREDPORT=$PORT
}

oneTimeTearDown() {
  I=$SHARED
  stop
  fail_if_running
}

setUp() { I=$SHARED PORT=$SHAREDPORT; }

tearDown() { [ "$I" = "$SHARED" ] || stop; }

# certificate NAME: $T/NAME.crt, $T/NAME.key.
certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$T/$1.key" -out "$T/$1.crt" 2>"$T/req" || fail "$(cat "$T/req")"
}

# certified NAME: the instance's.
certified() {
  cp "$T/$1.key" "$I/conf/tlskey"
  cp "$T/$1.crt" "$I/conf/tlscert"
}

# relay NAME [OPTION...]: an instance with a certificate, whose mail waits.
relay() {
  instance "$@"
  conf me relay.example
  conf relaydomains example .example
  conf routes '* [127.0.0.1]:1 park'
  certified one
}

# secure OPTION...: a dialogue over TLS, see tests/peer/secure.
secure() { tests/peer/secure "$@" "127.0.0.1:$PORT"; }

# message DOMAIN: the file of the one message that waits there.
message() { find "$I/queue/new" "$I/queue/cur" -name "$(cat "$I/queue/flush/$1")"; }
# trace DOMAIN: its trace header.
trace() { sed -n '/^Received: /,/^[^R[:space:]]/p' "$(message "$1")" | tr -d '\r' | sed '/^[^R[:space:]]/d'; }

CIPHER='TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)'

# --- what is offered, and the replies ---------------------------------------------------------

testOffered() {
  secure -c 'EHLO client.example' >"$T/said" <<'EOF'
EHLO client.example
STARTTLS
STARTTLS x
QUIT
EOF
  assertEquals '250-relay.example
250-SIZE 104857600
250-STARTTLS
250-PIPELINING
250-ETRN
250-ENHANCEDSTATUSCODES
250-8BITMIME
250-DSN
250-SMTPUTF8
250-CHUNKING
250 HELP
220 2.0.0 Ready to start TLS
-- TLSv1.3
250-relay.example
250-SIZE 104857600
250-PIPELINING
250-ETRN
250-ENHANCEDSTATUSCODES
250-8BITMIME
250-DSN
250-SMTPUTF8
250-CHUNKING
250 HELP
554 5.5.1 Error: TLS already active
501 5.5.4 Syntax: STARTTLS
221 2.0.0 Bye' "$(sed 1d "$T/said")"
}

testWords() {
  printf 'starttls x\nStartTLS\n' | smtp >"$T/said"
  assertEquals '501 5.5.4 Syntax: STARTTLS
220 2.0.0 Ready to start TLS' "$(sed 1d "$T/said")"
}

# Without a certificate; and with one that is not to be used.
testNotOffered() {
  relay without
  rm "$I/conf/tlscert"
  start
  printf 'EHLO x\nSTARTTLS\nMAIL FROM:<a@example>\nQUIT\n' | smtp >"$T/said"
  assertNotContains "$(cat "$T/said")" 250-STARTTLS
  assertContains "$(cat "$T/said")" '502 5.5.1 Error: command not implemented
250 2.1.0 Ok'
  certified one
  conf tls none
  printf 'EHLO x\nSTARTTLS\nQUIT\n' | smtp >"$T/said"
  assertNotContains "$(cat "$T/said")" 250-STARTTLS
  assertContains "$(cat "$T/said")" '502 5.5.1'
  conf tls
  printf 'EHLO x\nSTARTTLS\n' | smtp >"$T/said"
  assertContains "$(cat "$T/said")" '220 2.0.0 Ready to start TLS'
}

# A local user's words go nowhere else; nor is TLS asked of who has it by the super-server's pipe.
testNotForLocalUsers() {
  relay local-users
  conf tls encrypt
  start
  printf 'EHLO x\r\nSTARTTLS\r\nMAIL FROM:<a@example>\r\nQUIT\r\n' | socat -t 10 - "UNIX-CONNECT:$I/run/local" >"$T/said"
  assertNotContains "$(cat "$T/said")" 250-STARTTLS
  assertContains "$(tr -d '\r' <"$T/said")" '502 5.5.1 Error: command not implemented
250 2.1.0 Ok'
  printf 'EHLO x\r\nSTARTTLS\r\nQUIT\r\n' | "$BIN/smtpd-etrn" -C "$I" 2>"$T/err" >"$T/said"
  assertContains 'a pipe cannot be handed over' "$(cat "$T/said")" '454 4.7.0 TLS not available due to local problem'
}

testEncrypt() {
  relay encrypt
  conf tls encrypt
  start
  ready tls
  cat >"$T/dialogue" <<'EOF'
VRFY x
RSET
EHLO x
NOOP
HELP
MAIL FROM:<a@example>
RCPT TO:<b@example>
DATA
ETRN example
XYZZY
BDAT 4 LAST
QUIT
EOF
  sed 's/^BDAT.*/&\r\nRSET/' "$T/dialogue" | sed 's/\r*$/\r/' | smtp_raw | grep -v '^250-\|^220 ' >"$T/said"
  must='530 5.7.0 Must issue a STARTTLS command first'
  assertEquals "$must
$must
250 HELP
250 2.0.0 Ok
214
$must
$must
$must
$must
$must
503
$must
221 2.0.0 Bye" "$(sed 's/^\(214\|503\) .*/\1/' "$T/said")"
  printf 'EHLO x\nMAIL FROM:<a@example>\nQUIT\n' | secure >"$T/said"
  assertContains "$(cat "$T/said")" '250 2.1.0 Ok'
}

# --- what is forgotten ------------------------------------------------------------------------

testAllIsForgotten() {
  secure -c 'EHLO x' -c 'MAIL FROM:<a@example>' -c 'RCPT TO:<b@example>' >"$T/said" <<'EOF'
MAIL FROM:<a@example>
EHLO x
RCPT TO:<b@example>
DATA
QUIT
EOF
  assertEquals '503 5.5.1 Error: send HELO or EHLO first
250 HELP
503 5.5.1 Error: need MAIL command
503 5.5.1 Error: need MAIL command
221 2.0.0 Bye' "$(sed '1,/^--/d' "$T/said" | grep -v ^250-)"
}

# What limits a client is not: nineteen errors before, one behind.
testErrorsAreNot() {
  # shellcheck disable=SC2046 # nine times two words
  secure -k $(seq -f '-c XYZZY%g' 9) >"$T/said" <<'EOF'
EHLO x
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
XYZZY
EOF
  assertEquals 'of twenty errors' '421 4.7.0 relay.example Error: too many errors' "$(tail -n 1 "$T/said")"
}

testInjection() {
  secure -c 'EHLO x' -e 'NOOP\r\nRSET\r\n' >"$T/said" <<'EOF'
EHLO x
RSET x
QUIT
EOF
  assertEquals '220 2.0.0 Ready to start TLS
-- TLSv1.3
250 HELP
501 5.5.4 Syntax: RSET
221 2.0.0 Bye' "$(sed '1,/^250 /d' "$T/said" | grep -v ^250-)"
  assertTrue 'logged' "wait_for 10 logged smtpd 'improper command pipelining after STARTTLS from unknown[127.0.0.1]: NOOP'"
}

# injected TEXT SHOWN: what is said behind STARTTLS at once, and what the log has of it.
injected() {
  secure -c 'EHLO x' -e "$1" >"$T/said" </dev/null
  wait_for 10 injected_logged "$2"
}
injected_logged() { log smtpd | grep -q "improper command pipelining after STARTTLS from unknown\[127\.0\.0\.1\]: $1\$"; }

# A client in a hurry says its password there.
testInjectedPassword() {
  assertTrue "$(log smtpd)" "injected 'EHLO x\r\nAUTH PLAIN AGJvYgBTM2NyZXQ=\r\n' 'EHLO x'"
  assertTrue "$(log smtpd)" "injected 'auth plain AGJvYgBTM2NyZXQ=\r\n' ''"
  assertNotContains 'the password' "$(log smtpd)" AGJvYgBTM2NyZXQ
}

# --- what the message says --------------------------------------------------------------------

testTrace() {
  secure >"$T/said" <<'EOF'
EHLO client.example
MAIL FROM:<a@example>
RCPT TO:<b@trace.example>
DATA
Subject: x

.
QUIT
EOF
  assertTrue "$(cat "$T/said")" 'wait_for 20 waits trace.example 1'
  assertEquals "Received: from client.example ([127.0.0.1])
	(using $CIPHER)
	by relay.example with ESMTPS id $(cat "$I/queue/flush/trace.example")
	for <b@trace.example>;" "$(trace trace.example | sed 's/;.*/;/')"
  secure >"$T/said" <<'EOF'
EHLO client.example
MAIL FROM:<ä@example> SMTPUTF8
RCPT TO:<b@utf8.example>
DATA
Subject: x

.
QUIT
EOF
  assertTrue "$(cat "$T/said")" 'wait_for 20 waits utf8.example 1'
  assertContains "$(trace utf8.example)" 'by relay.example with UTF8SMTPS id'
  assertTrue 'connection' "logged smtpd 'Anonymous TLS connection established from unknown[127.0.0.1]: $CIPHER'"
  assertTrue 'counted' "logged smtpd 'disconnect from unknown[127.0.0.1] ehlo=1 mail=1 rcpt=1 data=1 quit=1 starttls=1 commands=6'"
}

# Mail for postmaster at the address that the client has connected to, also where no super-server says it.
testOwnAddress() {
  relay own
  conf postmaster admin@own.example
  touch "$I/service/smtpd/down"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  wait_for 20 test -S "$I/run/tls"
  ready tls qmgr
  socat "TCP-LISTEN:$PORT,bind=127.0.0.1,reuseaddr" "EXEC:$BIN/smtpd-etrn -C $I,nofork" 2>"$T/own.log" &
  own=$!
  wait_for 10 port_taken "$PORT" || fail 'no server'
  printf 'EHLO x\nMAIL FROM:<a@example>\nRCPT TO:<postmaster@[127.0.0.1]>\nQUIT\n' | secure >"$T/said"
  assertContains "$(cat "$T/own.log")" "$(cat "$T/said")" '250 2.1.5 Ok'
  wait $own
}

# Of dots, octets above ASCII and commands, by DATA and BDAT: what is queued is that of a client in clear text.
testOctets() {
  mkdir "$T/odd"
  tests/peer/odd-messages "$T/odd"
  python3 - "$T/odd/ten.raw" <<'EOF'
import sys
line = b".\xc3\xa4\xff" + bytes(range(160, 250)) + b"\r\n..\r\n"
head = b"Subject: ten MiB\r\n\r\n"
open(sys.argv[1], "wb").write(head + line * ((10 << 20) // len(line)) + b"end\r\n")
EOF
  for file in ten octets dots commands; do
    for how in '' -S -b '-b -c 100000 -S' "-T" "-b -T"; do
      where=127.0.0.1:$PORT
      case $how in *-T) where=127.0.0.1:$TLSPORT ;; esac
      # shellcheck disable=SC2086 # options
      id=$(tests/peer/submit "$where" -r $how -t x@octets.example "$T/odd/$file.raw" | sed -n 's/.*queued as //p')
      assertNotNull "$file $how" "$id"
      "$BIN/queue-cat" -C "$I" -r "$id" | tail -c "$(wc -c <"$T/odd/$file.raw")" >"$T/content"
      cmp "$T/odd/$file.raw" "$T/content" || fail "$file $how: not what was sent"
    done
  done
}

# --- clients ----------------------------------------------------------------------------------

testOpenssl() {
  for version in tls1_2 tls1_3; do
    printf 'MAIL FROM:<a@example>\nRCPT TO:<b@%s.example>\nDATA\nSubject: x\n\n.\nQUIT\n' "$version" |
      sed '1i EHLO x' | openssl s_client -quiet -crlf "-$version" -starttls smtp -connect "127.0.0.1:$PORT" >"$T/said" 2>"$T/err"
    assertContains "$version: $(cat "$T/err")" "$(cat "$T/said")" '250 2.0.0 Ok: queued as'
  done
  : | openssl s_client -tls1_1 -cipher 'ALL@SECLEVEL=0' -starttls smtp -connect "127.0.0.1:$PORT" >"$T/said" 2>&1
  assertNotEquals 'of TLS 1.1' 0 $?
  assertTrue 'refused' "wait_for 20 logged smtpd 'SSL_accept error from unknown[127.0.0.1]: '"
}

# A second connection goes on with what the first agreed on.
testResumption() {
  for version in tls1_2 tls1_3; do
    printf 'QUIT\n' | openssl s_client -crlf -ign_eof "-$version" -sess_out "$T/session" -starttls smtp -connect "127.0.0.1:$PORT" >"$T/said" 2>&1
    assertContains "$version" "$(grep -a , "$T/said")" "New, TLSv1"
    printf 'QUIT\n' | openssl s_client -crlf -ign_eof "-$version" -sess_in "$T/session" -starttls smtp -connect "127.0.0.1:$PORT" >"$T/said" 2>&1
    assertContains "$version" "$(grep -a , "$T/said")" "Reused, TLSv1"
  done
}

# It looks for one line at a time, when there is something new to read.
gnutls_say() { echo "$1" && wait_for 30 grep -q "^$2" "$T/said"; }

testGnutls() {
  {
    gnutls_say 'EHLO x' '250 HELP'
    gnutls_say 'MAIL FROM:<a@example>' '250 2.1.0'
    gnutls_say 'RCPT TO:<b@gnutls.example>' '250 2.1.5'
    gnutls_say 'BDAT 0 LAST' '250 2.0.0'
    gnutls_say QUIT 221
  } | gnutls-cli --crlf --insecure --starttls-proto=smtp --port "$PORT" 127.0.0.1 >"$T/said" 2>&1
  assertContains "$(cat "$T/said")" "$(cat "$T/said")" '250 2.0.0 Ok: queued as'
}

testCurl() {
  printf 'Subject: x\r\n\r\ncurl\r\n' >"$T/mail"
  curl -sS --cacert "$T/one.crt" --ssl-reqd "smtp://localhost:$PORT" --connect-to "::127.0.0.1:" --mail-from a@example \
    --mail-rcpt b@curl.example --upload-file "$T/mail" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertTrue 'wait_for 20 waits curl.example 1'
  assertContains "$(trace curl.example)" 'with ESMTPS id'
  curl -sS --cacert "$T/one.crt" "smtps://127.0.0.1:$TLSPORT" --mail-from a@example --mail-rcpt b@smtps.example \
    --upload-file "$T/mail" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertTrue 'wait_for 20 waits smtps.example 1'
  assertContains "$(trace smtps.example)" 'with ESMTPS id'
}

testMsmtp() {
  printf 'Subject: x\n\nmsmtp\n' | msmtp --host=127.0.0.1 --port="$PORT" --tls=on --tls-starttls=on \
    --tls-trust-file="$T/one.crt" --from=a@example b@msmtp.example 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertTrue 'wait_for 20 waits msmtp.example 1'
  assertContains "$(trace msmtp.example)" 'with ESMTPS id'
}

testSwaks() {
  swaks --server "127.0.0.1:$PORT" --tls --from a@example --to b@swaks.example --body swaks >"$T/said" 2>&1
  assertEquals "$(cat "$T/said")" 0 $?
  assertTrue 'wait_for 20 waits swaks.example 1'
  assertContains "$(trace swaks.example)" 'with ESMTPS id'
}

# --- TLS from the first octet -----------------------------------------------------------------

# A thousand messages of a Postfix that insists on TLS: each is there once.
testPostfixSends() {
  [ "$(id -u)" = 0 ] || {
    skip 'Postfix needs root'
    return 0
  }
  postfix_new sends nobody.invalid
  postfix_set "relayhost=[127.0.0.1]:$PORT" smtp_tls_security_level=encrypt 'smtpd_relay_restrictions=permit_mynetworks,reject'
  as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null <<EOT
tlsmgr unix - - n 1000? 1 tlsmgr
EOT
  postfix_start
  tests/peer/submit "127.0.0.1:$POSTFIXPORT" -t 'x%d@postfix.example' -n 1000 >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(tail "$POSTFIX/log")" 'wait_for 120 waits postfix.example 1000'
  assertEquals 'inside TLS' 1000 \
    "$(grep -rha -A 1 'by relay.example with ESMTPS id' "$I/queue/new" "$I/queue/cur" | grep -c 'for <x[0-9]*@postfix.example>')"
  assertEquals 'each once' 1000 "$("$BIN/queue-list" -C "$I" -j | jq -r '.recipients[].address' | grep -c '@postfix.example$')"
  assertEquals 'each of them' 1000 "$("$BIN/queue-list" -C "$I" -j | jq -r '.recipients[].address' | grep '@postfix.example$' | sort -u | wc -l)"
  postfix_stop
}

# scanned PORT [OPTION]: a scanner of TLS servers finds nothing old and nothing weak.
scanned() {
  # shellcheck disable=SC2086 # none or one
  timeout 100 sslscan --no-colour ${2-} "127.0.0.1:$1" >"$T/scan" 2>&1 || fail "sslscan: $(cat "$T/scan")"
  assertEquals "$(cat "$T/scan")" 4 "$(grep -cE '^(SSLv2|SSLv3|TLSv1\.0|TLSv1\.1) +disabled' "$T/scan")"
  assertEquals "$(cat "$T/scan")" 2 "$(grep -cE '^TLSv1\.[23] +enabled' "$T/scan")"
  assertContains "$(cat "$T/scan")" 'Session renegotiation not supported'
  grep -E '^(Preferred|Accepted) ' "$T/scan" >"$T/ciphers"
  assertTrue 'ciphers' "[ -s '$T/ciphers' ]"
  assertEquals 'weak' '' "$(grep -vE '^(Preferred|Accepted) +TLSv1\.[23]  (128|256) bits' "$T/ciphers")"
  assertEquals 'weak' '' "$(grep -E 'NULL|RC4|DES|EXP|ADH|AECDH|anon|MD5' "$T/ciphers")"
}
testScanned() {
  scanned "$PORT" --starttls-smtp
  scanned "$TLSPORT"
}

testFirst() {
  PORT=$TLSPORT
  printf 'EHLO x\nSTARTTLS\nQUIT\n' | secure -i >"$T/said"
  assertEquals '-- TLSv1.3
220 relay.example ESMTP sluice' "$(sed -n 1,2p "$T/said")"
  assertNotContains "$(cat "$T/said")" 250-STARTTLS
  assertContains "$(cat "$T/said")" '554 5.5.1 Error: TLS already active'
  printf 'EHLO x\r\nQUIT\r\n' | smtp_raw >"$T/said"
  assertEquals 'not a word in clear' 0 "$(tr -d -c '[:print:]\n' <"$T/said" | grep -c '^[2-5][0-9][0-9]')"
  assertTrue "$(log smtps)" "wait_for 20 logged smtps 'lost connection after CONNECT from unknown[127.0.0.1]'"
}

# Without tls-io nothing is said either.
testFirstWithout() {
  relay first-without
  start
  service tls 'wd -d'
  socat -t 20 "EXEC:$BIN/smtpd-etrn -C $I -t" STDIO </dev/null >"$T/said" 2>"$T/err"
  assertNull 'not a word' "$(cat "$T/said")"
  assertContains "$(cat "$T/err")" 'warning: TLS is not available for '
}

# --- what fails -------------------------------------------------------------------------------

testClearTextInstead() {
  python3 - "$PORT" >"$T/said" <<'EOF'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
f = s.makefile("rb")
f.readline()
s.sendall(b"STARTTLS\r\n")
f.readline()
s.sendall(b"EHLO x\r\nQUIT\r\n")
sys.stdout.buffer.write(f.read())
EOF
  assertEquals 'not a word' 0 "$(tr -d -c '[:print:]\n' <"$T/said" | grep -c '^[2-5][0-9][0-9]')"
  assertTrue "$(log smtpd)" "wait_for 20 logged smtpd 'lost connection after STARTTLS from unknown[127.0.0.1]'"
  assertTrue 'why' "logged smtpd 'SSL_accept error from unknown[127.0.0.1]: '"
}

# A handshake that nobody asked for is still no SMTP.
testHandshakeUnasked() {
  : | openssl s_client -connect "127.0.0.1:$PORT" >"$T/said" 2>&1
  assertTrue "$(log smtpd)" "wait_for 20 logged smtpd 'warning: non-SMTP command from unknown[127.0.0.1]: a TLS handshake'"
}

testMute() {
  relay mute
  conf timeouts 'tls 1s' 'command 1m'
  start
  ready tls
  python3 - "$PORT" >"$T/said" <<'EOF'
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
f = s.makefile("rb")
f.readline()
s.sendall(b"STARTTLS\r\n")
print(f.readline().decode().strip())
print(len([c for c in f.read() if chr(c).isalnum()]) < 5)
EOF
  assertEquals '220 2.0.0 Ready to start TLS
True' "$(cat "$T/said")"
  assertTrue "$(log smtpd)" "wait_for 20 logged smtpd 'lost connection after STARTTLS from unknown[127.0.0.1]'"
}

testServiceDown() {
  relay down
  start
  ready tls
  service tls 'wd -d'
  printf 'EHLO x\nSTARTTLS\nMAIL FROM:<a@example>\nRCPT TO:<b@down.example>\nDATA\nSubject: x\n\n.\nQUIT\n' | smtp >"$T/said"
  assertContains "$(cat "$T/said")" '250-STARTTLS'
  assertContains "$(cat "$T/said")" '454 4.7.0 TLS not available due to local problem
250 2.1.0 Ok'
  assertContains "$(cat "$T/said")" "$(cat "$T/said")" "250 2.0.0 Ok: queued as"
  assertTrue 'why' "wait_for 20 logged smtpd 'warning: TLS is not available for unknown[127.0.0.1]: '"
  service tls u
  ready tls
  printf 'EHLO x\nQUIT\n' | secure >"$T/said"
  assertContains "$(cat "$T/said")" '-- TLSv1.3'
}

# The key of another certificate: at the start there is no TLS, later what was there before.
testWrongKey() {
  certificate two
  relay wrong
  cp "$T/two.key" "$I/conf/tlskey"
  start
  ready tls
  printf 'EHLO x\nSTARTTLS\nMAIL FROM:<a@example>\nQUIT\n' | smtp >"$T/said"
  assertContains "$(cat "$T/said")" '454 4.7.0 TLS not available due to local problem
250 2.1.0 Ok'
  certified one
  printf 'QUIT\n' | secure >"$T/said"
  assertContains "$(cat "$T/said")" '-- TLSv1.3'
  cp "$T/two.key" "$I/conf/tlskey"
  for _ in 1 2 3; do
    printf 'QUIT\n' | secure >"$T/said"
    assertContains 'the old pair' "$(cat "$T/said")" '-- TLSv1.3'
  done
}

# tls-io's child PID for the one connection there is.
child() { pgrep -P "$(s6-svstat -o pid "$I/service/tls")"; }

testKilledInContent() {
  relay killed
  start
  ready tls
  mkfifo "$T/commands"
  secure <"$T/commands" >"$T/said" &
  client=$!
  exec 4>"$T/commands"
  printf 'EHLO x\nMAIL FROM:<a@example>\nRCPT TO:<b@killed.example>\nDATA\nSubject: x\n\nhalf of it\n' >&4
  wait_for 20 grep -q ^354 "$T/said"
  kill -9 "$(child)"
  wait_for 20 logged smtpd 'lost connection after DATA from unknown[127.0.0.1]' || fail "$(log smtpd)"
  exec 4>&-
  wait $client 2>/dev/null
  assertEquals 'nothing is queued' 0 "$(queued)"
  assertEquals 'nothing is left of it' '' "$(ls "$I/queue/tmp")"
}

# Whatever the client was told: what is on the disk is there once.
is_queued() { [ "$(queued)" -gt 0 ]; }
testKilledAtTheReply() {
  relay reply
  start
  ready tls
  mkfifo "$T/commands.reply"
  secure <"$T/commands.reply" >"$T/said" 2>&1 &
  client=$!
  exec 4>"$T/commands.reply"
  printf 'EHLO x\nMAIL FROM:<a@example>\nRCPT TO:<b@reply.example>\nDATA\nSubject: x\n\n.\n' >&4
  wait_for 20 is_queued || fail 'not queued'
  kill -9 "$(child)"
  wait_for 20 logged smtpd 'lost connection after ' || fail "$(log smtpd)"
  exec 4>&-
  wait $client 2>/dev/null
  assertTrue 'recorded' 'wait_for 20 waits reply.example 1'
  assertEquals 'queued once' 1 "$(queued)"
}

# Who is told to end says nothing, or says it over TLS.
testTerminated() {
  relay terminated
  start
  ready tls
  mkfifo "$T/commands.terminated"
  secure -k <"$T/commands.terminated" >"$T/said" &
  client=$!
  exec 4>"$T/commands.terminated"
  echo 'EHLO x' >&4
  wait_for 20 grep -q '^250 HELP' "$T/said"
  # the one that has the connection, and those that wait for one
  # shellcheck disable=SC2046 # numbers
  kill -TERM $(pgrep -P "$(s6-svstat -o pid "$I/service/smtpd")" smtpd-etrn)
  exec 4>&-
  wait $client
  assertEquals '421 4.3.2 relay.example Service shutting down' "$(tail -n 1 "$T/said")"
}

# Who says nothing more after 220 takes a place as who says nothing at all: others' mail is taken, nearly all places taken.
testManyMute() {
  relay many
  conf concurrencyincoming 40
  conf timeouts 'tls 10s'
  start
  ready tls
  python3 - "$PORT" "$T/mute.ready" "$T/mute.end" <<'EOF' &
import os, socket, sys, time
held = []
for i in range(40):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=60)
    held.append(s)
for s in held[:32]:
    f = s.makefile("rb")
    f.readline()
    s.sendall(b"STARTTLS\r\n")
    f.readline()
open(sys.argv[2], "w")
while not os.path.exists(sys.argv[3]):
    time.sleep(0.1)
EOF
  mutes=$!
  wait_for 60 test -e "$T/mute.ready" || fail 'not muted'
  submit -t x@many.example >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  touch "$T/mute.end"
  wait $mutes
}

# --- who may ask ------------------------------------------------------------------------------

testOthersMayNot() {
  for_users sluice-tls || return 0
  relay users -U
  chown sluice-tls "$I/conf/tlskey"
  chmod 400 "$I/conf/tlskey"
  chmod 644 "$I/conf"/[!t]* "$I/conf/tlscert"
  start
  ready tls
  printf 'EHLO x\nMAIL FROM:<a@example>\nRCPT TO:<b@users.example>\nDATA\n.\nQUIT\n' | secure >"$T/said"
  assertContains "$(log smtpd)" "$(cat "$T/said")" '250 2.0.0 Ok: queued as'
  for who in nobody sluice-out sluice-log; do
    setpriv --reuid "$who" --clear-groups --regid nogroup socat -u /dev/null "UNIX-CONNECT:$I/run/tls" 2>"$T/err"
    assertContains "$who" "$(cat "$T/err")" 'Permission denied'
  done
}

. shunit2
