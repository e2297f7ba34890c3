# AUTH as clients meet it, from the offer to what a user may do; in clear, where CRAM-MD5 alone is offered, and inside TLS.
. tests/lib.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf me mail.example
  conf relaydomains ours.example a.example b.example sub.b.example c.example
  conf flushclients 192.0.2.1
  conf routes "* [127.0.0.1]:$SINKPORT park"
  conf queues 'his a.example sub.b.example' 'both a.example c.example'
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=mail.example -days 3 \
    -keyout "$I/conf/tlskey" -out "$I/conf/tlscert" >"$T/openssl" 2>&1 || fail "$(cat "$T/openssl")"
  chmod 600 "$I/conf/tlskey"
  secrets
  conf users 'joe a.example .b.example b.example' 'ann norelay c.example' 'late norelay'
  start
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

later='454 4.7.0 Temporary authentication failure'

# secrets: what most tests are about, CRAM-MD5 in clear.
secrets() {
  conf authclear 1
  conf checkpassword
  conf authsecrets 'joe S3cret' 'ann xyzzy' 'bob plugh'
  chmod 600 "$I/conf/authsecrets"
}

# login USER PASSWORD: a client that is known and says the lines of stdin.
login() { tests/peer/login "127.0.0.1:$PORT" CRAM-MD5 "$@" 2>&1; }
joe() { login joe S3cret; }

# ehlo: the reply to EHLO, without codes.
ehlo() { printf 'EHLO client.example\nQUIT\n' | smtp | sed -n 's/^250[- ]//p'; }

testOffered() {
  assertContains "$(ehlo)" 'AUTH CRAM-MD5'
  conf authclear 0
  assertNotContains "$(ehlo)" AUTH
  assertEquals '538 5.7.11 Error: encryption required for this mechanism' \
    "$(printf 'EHLO client.example\nAUTH CRAM-MD5\nQUIT\n' | smtp | tail -n 2 | head -n 1)"
  conf authclear 1
  conf authsecrets
  assertNotContains "$(ehlo)" AUTH
  assertEquals '502 5.5.1 Error: command not implemented' \
    "$(printf 'EHLO client.example\nAUTH CRAM-MD5\nQUIT\n' | smtp | tail -n 2 | head -n 1)"
  conf checkpassword true
  assertNotContains "$(ehlo)" AUTH
  secrets
}

# Local users are known already.
testNotForLocalUsers() {
  printf 'EHLO client.example\r\nAUTH CRAM-MD5\r\nQUIT\r\n' | socat -t 20 - "UNIX-CONNECT:$I/run/local" >"$T/local"
  assertNotContains "$(cat "$T/local")" 'AUTH'
  assertContains "$(cat "$T/local")" '502 5.5.1'
}

testOrder() {
  assertEquals '503 5.5.1 Error: send EHLO first' \
    "$(printf 'HELO client.example\nAUTH CRAM-MD5\nQUIT\n' | smtp | tail -n 2 | head -n 1)"
  assertEquals '503 5.5.1 Error: MAIL transaction in progress' \
    "$(printf 'EHLO client.example\nMAIL FROM:<a@b.example>\nAUTH CRAM-MD5\nQUIT\n' | smtp | tail -n 2 | head -n 1)"
  assertEquals '503 5.5.1 Error: already authenticated' "$(echo AUTH CRAM-MD5 | joe | tail -n 1)"
}

# A line that is too long, and is about AUTH, has a code of its own.
testLongCommand() {
  assertEquals '500 5.5.6 Error: line too long' \
    "$(printf 'EHLO client.example\nAUTH PLAIN %02100d\nQUIT\n' 0 | smtp | tail -n 2 | head -n 1)"
}

# Offered in clear, to whom it may be a challenge that nobody has seen before.
testChallenges() {
  for _ in 1 2 3; do
    printf 'EHLO client.example\nAUTH CRAM-MD5\n*\nQUIT\n' | smtp | sed -n 's/^334 //p' | base64 -d >>"$T/challenges"
    echo >>"$T/challenges"
  done
  assertEquals 3 "$(sort -u "$T/challenges" | grep -Ec '^<[0-9a-f]{32}\.[0-9]+@mail\.example>$')"
}

# --- what a user may do -------------------------------------------------------------

testRelays() {
  assertEquals "$(printf '%s\n' '235 2.7.0 Authentication successful' '250 2.1.0 Ok' '250 2.1.5 Ok' '554 5.7.1 <x@far.example>: Relay access denied')" \
    "$(printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | joe
      printf '%s\n' 'EHLO client.example' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' QUIT | smtp | tail -n 2 | head -n 1)"
}

testNorelay() {
  printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' 'RCPT TO:<x@ours.example>' 'RCPT TO:<x%y@ours.example>' |
    login ann xyzzy >"$T/out"
  assertEquals "$(printf '%s\n' '235 2.7.0 Authentication successful' '250 2.1.0 Ok' '554 5.7.1 <x@far.example>: Relay access denied' '250 2.1.5 Ok' \
    '554 5.7.1 <x%y@ours.example>: Recipient address rejected: Source routing is not allowed')" "$(cat "$T/out")"
}

# Nor by another spelling of his name, where passwords are checked by one who takes it.
testNorelayInAnyCase() {
  conf authsecrets
  printf '#!/bin/sh\nhead -z -n 1 <&3 | grep -qixz joe && exec "$@"\nexit 1\n' >"$T/caseless"
  chmod 755 "$T/caseless"
  conf checkpassword "$T/caseless"
  cp "$I/conf/users" "$T/users.kept"
  conf users 'joe norelay a.example'
  for user in joe JOE Joe; do
    assertEquals "$user" '235 250 250 554' \
      "$(printf '%s\n' 'ETRN a.example' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | safe PLAIN $user x | cut -c 1-3 | xargs)"
  done
  cp "$T/users.kept" "$I/conf/users"
  secrets
}

# One on no line may relay, and has no domains.
testNoLine() {
  printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' RSET 'ETRN a.example' | login bob plugh >"$T/out"
  assertContains "$(cat "$T/out")" '250 2.1.5 Ok'
  assertContains "$(cat "$T/out")" '459 <a.example>: service unavailable'
}

testEtrn() {
  printf 'ETRN %s\n' a.example A.Example. b.example x.y.b.example @b.example '#his' c.example @a.example '#both' | joe >"$T/out"
  assertEquals '235 250 250 250 250 250 250 459 459 459' "$(cut -c 1-3 "$T/out" | xargs)"
  assertEquals '235 459 250 459' "$(printf 'ETRN %s\n' a.example c.example @c.example | login ann xyzzy | cut -c 1-3 | xargs)"
  assertContains "$(etrn a.example)" '459 '
}

# With a mark that only local users may make, or none that anybody may.
testEtrnOfEverything() {
  assertEquals '235 501 501' "$(printf 'ETRN %s\n' @ =1j1aaaaaaaaaac | joe | cut -c 1-3 | xargs)"
}

testEtrnFlushes() {
  hold a.example 2
  hold c.example
  assertContains "$(echo 'ETRN a.example' | joe)" '250 OK, queuing for node a.example started'
  arrive a.example 2
  assertEquals 'nobody else' 0 "$(sink_for c.example)"
}

# What a client's address may do, it may do as any user.
testRightsAddUp() {
  conf flushclients 127.0.0.1
  assertEquals '235 250 459' "$(printf 'ETRN %s\n' c.example far.example | joe | cut -c 1-3 | xargs)"
  conf flushclients 192.0.2.1
  conf relayclients 127.0.0.1
  assertEquals '235 250 250' "$(printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | login ann xyzzy | cut -c 1-3 | xargs)"
  conf relayclients
}

# A changed file counts at once, also for who is known already.
testUsersChange() {
  mkfifo "$T/lines"
  joe <"$T/lines" >"$T/out" &
  exec 7>"$T/lines"
  echo 'MAIL FROM:<a@b.example>' >&7
  echo 'RCPT TO:<x@far.example>' >&7
  assertTrue 'may' 'wait_for 30 grep -q "^250 2.1.5" "$T/out"'
  cp "$I/conf/users" "$T/users.kept"
  conf users 'joe norelay'
  echo 'RCPT TO:<y@far.example>' >&7
  assertTrue "may not: $(cat "$T/out")" 'wait_for 30 grep -q "^554 5.7.1 <y@far.example>" "$T/out"'
  conf users 'joe no..domain'
  echo 'RCPT TO:<y@far.example>' >&7
  assertTrue "cannot be told: $(cat "$T/out")" 'wait_for 30 grep -q "^421 4.3.5" "$T/out"'
  exec 7>&-
  wait $!
  cp "$T/users.kept" "$I/conf/users"
}

# It is known up to the end, whatever comes; a next session knows nothing of it.
testStays() {
  printf '%s\n' RSET 'EHLO client.example' 'HELO client.example' NOOP 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | joe >"$T/out"
  assertEquals '250 2.1.5 Ok' "$(tail -n 1 "$T/out")"
}

# --- traces of it -----------------------------------------------------------------------

testTraces() {
  assertContains "$(echo 'MAIL FROM:<a@b.example> AUTH=<>' | joe)" '250 2.1.0'
  swaks --server "127.0.0.1:$PORT" --auth CRAM-MD5 --auth-user joe --auth-password S3cret -f s@b.example -t x@traced.example \
    >"$T/swaks" 2>&1 || fail "swaks: $(cat "$T/swaks")"
  id=$(sed -n 's/.*queued as //p' "$T/swaks")
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd '$id: client=unknown[127.0.0.1], sasl_method=CRAM-MD5, sasl_username=joe'"
  assertContains "$("$BIN/queue-cat" -C "$I" -H "$id")" "by mail.example with ESMTPA id $id"
  assertNotContains "$("$BIN/queue-cat" -C "$I" "$id")" joe
  assertTrue "$(log smtpd)" 'wait_for 10 logged smtpd " ehlo=1 mail=1 rcpt=1 data=1 quit=1 auth=1 commands=6"'
}

testSmtputf8() {
  printf '%s\n' 'MAIL FROM:<a@b.example> SMTPUTF8' 'RCPT TO:<x@utf8.example>' 'BDAT 0 LAST' | joe >"$T/out"
  id=$(sed -n 's/.*queued as //p' "$T/out")
  assertContains "$(cat "$T/out") $("$BIN/queue-cat" -C "$I" -H "$id")" "with UTF8SMTPA id $id"
}

# AUTH= of MAIL is taken where AUTH is offered, and the queue has nothing of it.
testMailParameter() {
  printf '%s\n' 'EHLO client.example' 'MAIL FROM:<a@b.example> AUTH=e+3Dmc2@b.example SIZE=10' 'RCPT TO:<x@ours.example>' 'BDAT 0 LAST' QUIT |
    smtp >"$T/out"
  id=$(sed -n 's/.*queued as //p' "$T/out")
  assertNotNull "$(cat "$T/out")" "$id"
  assertNotContains "$("$BIN/queue-cat" -C "$I" -e "$id")" AUTH
  for value in '' = AUTH=+ 'AUTH=<> AUTH=<>' AUTH=a=b; do
    assertEquals "$value" 501 "$(printf 'EHLO c.example\nMAIL FROM:<a@b.example> %s\nQUIT\n' "${value:-AUTH}" | smtp | tail -n 2 | cut -c 1-3 | head -n 1)"
  done
  conf authclear 0
  assertEquals '555 5.5.4 Error: unsupported parameter' \
    "$(printf 'EHLO c.example\nMAIL FROM:<a@b.example> AUTH=<>\nQUIT\n' | smtp | tail -n 2 | head -n 1)"
  conf authclear 1
}

# --- inside TLS ------------------------------------------------------------------------------

# safe MECHANISM USER PASSWORD: the same inside TLS.
safe() { tests/peer/login -t "127.0.0.1:$PORT" "$@" 2>&1; }

# safe_ehlo: the reply to EHLO there.
safe_ehlo() {
  swaks --server "127.0.0.1:$PORT" --tls --quit-after EHLO >"$T/swaks" 2>&1 || fail "swaks: $(cat "$T/swaks")"
  sed -n 's/^<~ *250[- ]//p' "$T/swaks"
}

testOfferedInsideTls() {
  conf authclear
  assertNotContains "$(ehlo)" AUTH
  assertContains "$(safe_ehlo)" 'AUTH PLAIN LOGIN CRAM-MD5'
  conf authsecrets
  conf checkpassword true
  assertEquals 'AUTH PLAIN LOGIN' "$(safe_ehlo | grep AUTH)"
  conf checkpassword
  assertNotContains "$(safe_ehlo)" AUTH
  secrets
}

testMechanisms() {
  for mechanism in PLAIN LOGIN CRAM-MD5; do
    assertEquals "$mechanism" '235 250 250' \
      "$(printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | safe $mechanism joe S3cret | cut -c 1-3 | xargs)"
    assertEquals "$mechanism" '535 5.7.8 Error: authentication failed' "$(safe $mechanism joe s3cret </dev/null)"
  done
}

# What was known in clear is forgotten.
testStarttlsForgets() {
  printf '%s\n' STARTTLS 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' "AUTH PLAIN $(printf '\0joe\0S3cret' | base64)" RSET \
    "AUTH PLAIN $(printf '\0joe\0S3cret' | base64)" 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | joe >"$T/out"
  assertEquals '235 220 250 554 503 250 235 250 250' "$(cut -c 1-3 "$T/out" | xargs)"
}

testTracesInsideTls() {
  swaks --server "127.0.0.1:$PORT" --tls --auth PLAIN --auth-user joe --auth-password S3cret -f s@b.example -t x@safe.example \
    >"$T/swaks" 2>&1 || fail "swaks: $(cat "$T/swaks")"
  id=$(sed -n 's/.*queued as //p' "$T/swaks")
  assertContains "$("$BIN/queue-cat" -C "$I" -H "$id")" "with ESMTPSA id $id"
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd '$id: client=unknown[127.0.0.1], sasl_method=PLAIN, sasl_username=joe'"
}

testCurlInsideTls() {
  for option in PLAIN LOGIN CRAM-MD5; do
    curl -sS --crlf --ssl-reqd -k --login-options AUTH=$option -u joe:S3cret --mail-from s@b.example --mail-rcpt x@curl.example \
      -T tests/messages/plain.eml "smtp://127.0.0.1:$PORT" 2>"$T/err"
    assertEquals "$option: $(cat "$T/err")" 0 $?
  done
  # without a response in the command itself, and with one
  for initial in --sasl-ir --no-sasl-ir; do
    curl -sS --crlf --ssl-reqd -k $initial --login-options AUTH=PLAIN -u joe:S3cret --mail-from s@b.example --mail-rcpt x@curl.example \
      -T tests/messages/plain.eml "smtp://127.0.0.1:$PORT" 2>"$T/err"
    assertEquals "$initial: $(cat "$T/err")" 0 $?
  done
}

testMsmtpInsideTls() {
  for method in plain login cram-md5; do
    msmtp --host=127.0.0.1 --port="$PORT" --auth=$method --user=joe --passwordeval='echo S3cret' --tls=on --tls-starttls=on \
      --tls-certcheck=off --from=s@b.example x@msmtp.example <tests/messages/plain.eml >"$T/out" 2>&1
    assertEquals "$method: $(cat "$T/out")" 0 $?
  done
}

# By a program that checks passwords, which is told who asks.
testCheckpassword() {
  conf authsecrets
  printf 'joe:%s:%s:%s::/tmp:\n' "$(openssl passwd -6 S3cret)" "$(id -u)" "$(id -g)" >"$T/passwords"
  printf '#!/bin/sh\necho "$PROTO $TCPREMOTEIP $TCPLOCALIP" >%s\nexec "$@"\n' "$T/told" >"$T/tell"
  chmod 755 "$T/tell"
  conf checkpassword "$T/tell env CVM_PWFILE_PATH=$T/passwords CVM_PWFILE_PWCMP=crypt cvm-checkpassword cvm-pwfile"
  for mechanism in PLAIN LOGIN; do
    assertEquals "$mechanism" '235 2.7.0 Authentication successful' "$(safe $mechanism joe S3cret </dev/null)"
    assertEquals "$mechanism" '535 5.7.8 Error: authentication failed' "$(safe $mechanism joe s3cret </dev/null)"
  done
  assertEquals 'TCP 127.0.0.1 127.0.0.1' "$(cat "$T/told")"
  conf checkpassword 'exit 111;'
  assertEquals "$later" "$(safe PLAIN joe S3cret </dev/null)"
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd 'SASL PLAIN authentication failed: Connection lost to authentication server: checkpassword exited 111, sasl_username=joe'"
  secrets
}

# No password in any log.
testNoPasswordIsLogged() {
  assertEquals 'S3cret' '' "$(cat "$I"/service/*/log/main/current | grep -F -e S3cret -e "$(printf '\0joe\0S3cret' | base64)")"
}

# --- proofs that are none -------------------------------------------------------------------

# Three, however they are wrong; what bans clients knows the lines.
testRefused() {
  for user in joe nobody 'odd
fake'; do
    assertEquals '535 5.7.8 Error: authentication failed' "$(login "$user" wrong </dev/null)"
  done
  before=$("$BIN/sluice-log" "$I/service/smtpd/log/main" | grep -c 'authentication failed: authentication failure')
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd 'warning: unknown[127.0.0.1]: SASL CRAM-MD5 authentication failed: authentication failure, sasl_username=nobody'"
  logged smtpd 'sasl_username=odd?fake' || fail "$(log smtpd)"
  assertTrue 'disconnect' 'wait_for 10 logged smtpd "auth=0/1 commands="'
  "$BIN/sluice-log" "$I/service/smtpd/log/main" >"$T/maillog"
  fail2ban-regex "$T/maillog" 'postfix[mode=auth]' >"$T/banned" 2>&1
  assertEquals "$(cat "$T/banned")" "$before" "$(sed -n 's/^Failregex: \([0-9]*\) total/\1/p' "$T/banned")"
}

# crammed WORD: what is said to a challenge, in base64, with a digest that is none.
crammed() { printf '%s 0123456789abcdef0123456789abcdef' "$1" | base64 -w 0; }

testThirdIsTheLast() {
  printf '%s\n' 'EHLO client.example' 'AUTH CRAM-MD5' "$(crammed joe)" 'AUTH CRAM-MD5' "$(crammed ann)" 'AUTH CRAM-MD5' "$(crammed joe)" NOOP |
    smtp >"$T/out"
  assertEquals '535 535 421' "$(sed -n '/^250 HELP/,$p' "$T/out" | grep -v '^\(250\|334\)' | cut -c 1-3 | xargs)"
  assertEquals '421 4.7.0 mail.example Error: too many errors' "$(tail -n 1 "$T/out")"
  assertTrue "$(log smtpd)" 'wait_for 10 logged smtpd "too many errors after AUTH from unknown[127.0.0.1]"'
  assertTrue "$(log smtpd)" 'wait_for 10 logged smtpd "auth=0/3"'
}

testByCurl() {
  curl -sS --crlf -u joe:S3cret --mail-from s@b.example --mail-rcpt x@curl.example -T tests/messages/plain.eml "smtp://127.0.0.1:$PORT" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  curl -sS --crlf -u joe:wrong --mail-from s@b.example --mail-rcpt x@curl.example -T tests/messages/plain.eml "smtp://127.0.0.1:$PORT" 2>"$T/err"
  assertEquals 'login denied' 67 $?
}

testByMsmtp() {
  msmtp --host=127.0.0.1 --port="$PORT" --auth=cram-md5 --user=joe --passwordeval='echo S3cret' --tls=off --from=s@b.example x@msmtp.example \
    <tests/messages/plain.eml >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
}

# --- when nobody can tell -----------------------------------------------------------------

testServiceIsDown() {
  service auth 'wd -d'
  assertEquals "$later" "$(joe </dev/null)"
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd 'SASL CRAM-MD5 authentication failed: Connection lost to authentication server: '"
  "$BIN/sluice-log" "$I/service/smtpd/log/main" | grep 'Connection lost to auth' >"$T/maillog"
  fail2ban-regex "$T/maillog" 'postfix[mode=auth]' >"$T/banned" 2>&1
  assertEquals 'nobody is banned for that' 0 "$(sed -n 's/^Failregex: \([0-9]*\) total/\1/p' "$T/banned")"
  service auth 'wU -u'
  assertContains "$(joe </dev/null)" 235
}

testServiceHangs() {
  conf timeouts 'auth 1s'
  s6-svstat -o pid "$I/service/auth" >"$T/hung"
  kill -STOP "$(cat "$T/hung")"
  assertEquals "$later" "$(joe </dev/null)"
  kill -CONT "$(cat "$T/hung")"
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd 'authentication server: Connection timed out, sasl_username=joe'"
  conf timeouts
  assertContains "$(joe </dev/null)" 235
}

testSecretsAreBroken() {
  conf authsecrets joe
  assertEquals "$later" "$(joe </dev/null)"
  assertTrue "$(log auth)" "wait_for 10 logged auth 'auth-check: warning: conf/authsecrets: line 1: not USER SECRET'"
  secrets
}

# --- users of their own ---------------------------------------------------------------------

# The secrets are for one of them alone, who is not the one that talks to strangers.
testUsers() {
  for_users sluice-auth || return 0
  relay=$I relay_port=$PORT
  instance owned -U
  conf authclear 1
  conf authsecrets 'joe S3cret'
  chown sluice-auth "$I/conf/authsecrets"
  chmod 600 "$I/conf/authsecrets"
  for who in sluice-in:sluice sluice-q:sluice-q sluice-out:sluice-out; do
    setpriv --reuid "${who%:*}" --regid "${who#*:}" --groups sluice cat "$I/conf/authsecrets" >"$T/out" 2>&1
    assertNotContains "$who" "$(cat "$T/out")" S3cret
  done
  start
  assertEquals '235 250 250' "$(printf '%s\n' 'MAIL FROM:<a@b.example>' 'RCPT TO:<x@far.example>' | joe | cut -c 1-3 | xargs)"
  assertEquals '535' "$(login joe s3cret </dev/null | cut -c 1-3)"
  conf authsecrets
  conf checkpassword 'id -un >&2;'
  chmod 644 "$I/conf/checkpassword"
  assertEquals 'as itself' yes "$(printf 'plain joe\000x\000' | socat -t 20 - "UNIX-CONNECT:$I/run/auth")"
  assertTrue "$(log auth)" 'wait_for 10 logged auth sluice-auth'
  stop
  I=$relay PORT=$relay_port
}

# A stop is not kept waiting by one.
testStopWhileAsking() {
  s6-svstat -o pid "$I/service/auth" >"$T/hung"
  kill -STOP "$(cat "$T/hung")"
  joe </dev/null >"$T/out" &
  assertTrue 'asks' 'wait_for 20 asking'
  service smtpd 'wR -r'
  wait $!
  assertEquals "$later" "$(cat "$T/out")"
  assertTrue "$(log smtpd)" "wait_for 10 logged smtpd 'authentication server: Operation canceled, sasl_username=joe'"
  kill -CONT "$(cat "$T/hung")"
  assertTrue 'greets again' 'wait_for 20 greets'
}
# Is there a connection that the service has not taken?
asking() { ss -xlnH | awk '$5 == "run/auth" && $3 > 0 { found = 1 } END { exit !found }'; }

. shunit2
