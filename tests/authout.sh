# AUTH of deliveries: smart hosts that want it (Postfix, and a sluice), servers that do odd things, by hand and behind qmgr;
# a password that shows nowhere.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

PASSWORD=Qz7-tell-nobody
SHOWN="$PASSWORD $(printf %s "$PASSWORD" | base64) $(printf '\0relay\0%s' "$PASSWORD" | base64) $(printf 'relay\0%s' "$PASSWORD" | base64)"

# A Postfix that takes mail from who is known alone: at a port for each mechanism.
oneTimeSetUp() {
  certificate_authority
  certificate mx mx.provider.example
  postfix_new postfix customer.example
  chmod 711 "$T"
  postfix_set smtpd_tls_security_level=may "smtpd_tls_cert_file=$T/mx.crt" "smtpd_tls_key_file=$T/mx.key" \
    smtpd_sasl_auth_enable=yes smtpd_sasl_type=dovecot smtpd_tls_auth_only=yes \
    smtpd_relay_restrictions=permit_sasl_authenticated,reject smtpd_client_restrictions= smtpd_delay_reject=yes
  for mechanism in PLAIN LOGIN CRAM-MD5; do
    free_port "PORT_${mechanism%-*}"
    eval "port=\$PORT_${mechanism%-*}"
    printf '127.0.0.1:%s inet n - n - - smtpd\n  -o smtpd_sasl_path=%s/sasl-%s\n' "$port" "$T" "$mechanism" |
      as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null
    sasl_server "$mechanism" "$PASSWORD"
  done
  echo 'tlsmgr unix - - n 1000? 1 tlsmgr' | as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null
  postfix_start
  instance one
  cp "$CA" "$I/conf/tlsca"
  export SLUICE=$I
  password "$PASSWORD"
}

oneTimeTearDown() {
  [ -e "$POSTFIX/queue" ] || return 0 # shunit2 tears down twice
  stop
  postfix_stop
  for mechanism in PLAIN LOGIN CRAM-MD5; do kill "$(cat "$T/sasl-$mechanism.pid")"; done
  fail_if_running
}

# sasl_server MECHANISM PASSWORD: who judges for Postfix.
sasl_server() {
  tests/peer/sasl "$T/sasl-$1" "$1" relay "$2" >"$T/sasl-$1.out" 2>&1 &
  echo $! >"$T/sasl-$1.pid"
  wait_for 10 test -S "$T/sasl-$1" || fail "$(cat "$T/sasl-$1.out")"
}

# password WORD: in the file that is used by hand.
password() {
  (umask 077 && printf '# us\nrelay %s\n' "$1" >"$T/account")
}

# by_hand PORT OPTION...: a message; what became of it is in $T/said, the log in $T/log.
by_hand() {
  to="[127.0.0.1]:$1"
  shift
  echo x | timeout 100 "$BIN/smtp-send" -a "$T/account" "$@" "$to" a@b.example alice@customer.example >"$T/said" 2>"$T/log"
}

said() { cat "$T/said"; }
sent() { assertContains "$1: $(cat "$T/said" "$T/log")" "$(said)" '<alice@customer.example> sent 2.'; }
# deferred WHAT CODE PORT TEXT
deferred() {
  assertContains "$1: $(cat "$T/log")" "$(said)" "<alice@customer.example> deferred $2 127.0.0.1[127.0.0.1]:$3 $4"
  hidden "$1" "$T/said" "$T/log"
}
# hidden WHAT FILE...: none of them holds the password, in whatever form it is said.
hidden() {
  what=$1
  shift
  for form in $SHOWN; do
    assertNull "$what: $form" "$(grep -rlF --exclude=authout -e "$form" -- "$@")"
  done
}
postfix_logged() { as_root grep -qF -- "$1" "$POSTFIX/log"; }

# --- with a server that keeps the rules ----------------------------------------------------

testMechanisms() {
  for mechanism in PLAIN LOGIN CRAM-MD5; do
    eval "port=\$PORT_${mechanism%-*}"
    by_hand "$port"
    sent "$mechanism"
    assertTrue "$mechanism: so Postfix saw it" "wait_for 10 postfix_logged 'sasl_method=$mechanism, sasl_username=relay'"
    hidden "$mechanism" "$T/said" "$T/log"
  done
}

testWrongPassword() {
  password wrong-one
  by_hand "$PORT_PLAIN"
  deferred 'a wrong password' 4.7.8 "$PORT_PLAIN" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Error: authentication failed'
  by_hand "$PORT_CRAM"
  deferred 'a wrong digest' 4.7.8 "$PORT_CRAM" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Error: authentication failed'
  password "$PASSWORD"
}

# Whoever the server is, is another question than who we are: one that is not proved to be the site gets no password.
testNotVerified() {
  by_hand "$PORT_PLAIN" -o tls=verify -o tlsname=mx.other.example
  deferred 'another name' 4.7.5 "$PORT_PLAIN" 'Server certificate not verified'
  by_hand "$PORT_PLAIN" -o tls=verify -o tlsname=mx.provider.example
  sent 'the name'
}

# --- with servers that do not ------------------------------------------------------------

# serve LINE...: a server that does so in TLS, behind its second EHLO; sets SCRIPTPORT.
serve() {
  printf '%s\n' '> 220 odd ESMTP' '< EHLO .*' '> 250-odd' '> 250 STARTTLS' '< STARTTLS' '> 220 go on' "tls $T/mx.pem" '< EHLO .*' "$@" >"$T/script"
  free_port SCRIPTPORT
  rm -f "$T/script.listening"
  tests/peer/script "127.0.0.1:$SCRIPTPORT" "$T/script" >"$T/script.out" 2>&1 &
  script_pid=$!
  wait_for 10 test -e "$T/script.listening" || fail "$(cat "$T/script.out")"
}
played() {
  wait "$script_pid"
  assertEquals "$1: $(cat "$T/script.out")" 0 $?
}

PLAIN_SAID="< AUTH PLAIN $(printf '\0relay\0%s' "$PASSWORD" | base64 | sed 's/[+]/\\+/g')"

testNoTls() {
  printf '%s\n' '> 220 clear ESMTP' '< EHLO .*' '> 250-clear' '> 250 AUTH PLAIN LOGIN CRAM-MD5' mute >"$T/script"
  free_port SCRIPTPORT
  rm -f "$T/script.listening"
  tests/peer/script "127.0.0.1:$SCRIPTPORT" "$T/script" >"$T/script.out" 2>&1 &
  script_pid=$!
  wait_for 10 test -e "$T/script.listening"
  by_hand "$SCRIPTPORT"
  deferred 'no TLS' 4.7.4 "$SCRIPTPORT" 'TLS is required, but was not offered by host 127.0.0.1[127.0.0.1]'
  played 'nothing was said'
  assertNotContains 'in clear text' "$(cat "$T/script.said")" AUTH
}

testNotOffered() {
  serve '> 250-odd' '> 250 SIZE 1000' mute
  by_hand "$SCRIPTPORT"
  deferred 'no AUTH' 4.7.4 "$SCRIPTPORT" 'SASL authentication is required, but was not offered by host 127.0.0.1[127.0.0.1]'
  played 'no AUTH'
  serve '> 250-odd' '> 250 AUTH GSSAPI XOAUTH2 DIGEST-MD5' mute
  by_hand "$SCRIPTPORT"
  deferred 'others' 4.7.4 "$SCRIPTPORT" 'SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: no mechanism available'
  played 'others'
  assertNotContains 'nothing was tried' "$(cat "$T/script.said")" AUTH
}

# Sendmail's way to say what it does not know is to repeat it.
testServerRepeatsThePassword() {
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" \
    "> 500 5.5.1 Command unrecognized: \"AUTH PLAIN $(printf '\0relay\0%s' "$PASSWORD" | base64)\"" mute
  by_hand "$SCRIPTPORT"
  deferred 'a command' 4.5.1 "$SCRIPTPORT" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 500 5.5.1 Command unrecognized: "AUTH PLAIN ***'
  played 'a command'
  serve '> 250-odd' '> 250 AUTH=LOGIN' '< AUTH LOGIN' '> 334 VXNlcm5hbWU6' "< $(printf relay | base64)" '> 334 UGFzc3dvcmQ6' \
    "< $(printf %s "$PASSWORD" | base64)" "> $(printf %s "$PASSWORD" | base64)? what is that" mute
  by_hand "$SCRIPTPORT"
  deferred 'a response' 4.5.0 "$SCRIPTPORT" 'host 127.0.0.1[127.0.0.1] does not speak SMTP: ***'
  played 'a response'
}

testChallenges() {
  serve '> 250-odd' '> 250 AUTH CRAM-MD5' '< AUTH CRAM-MD5' '> 334 %%% this is no base64 %%%' mute
  by_hand "$SCRIPTPORT"
  deferred 'no base64' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: it asks for what makes no sense'
  played 'no base64'
  serve '> 250-odd' '> 250 AUTH CRAM-MD5' '< AUTH CRAM-MD5' "> 334 $(head -c 6000 /dev/zero | base64 -w 0)" mute
  by_hand "$SCRIPTPORT"
  deferred 'too long' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; cannot authenticate'
  wait "$script_pid" # whose words nobody reads to the end
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" '> 334 ' mute
  by_hand "$SCRIPTPORT"
  deferred 'asked twice' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; cannot authenticate'
  played 'asked twice'
  serve '> 250-odd' '> 250 AUTH LOGIN' '< AUTH LOGIN' '> 334 User:' "< $(printf relay | base64)" '> 334 ' "< $(printf %s "$PASSWORD" | base64)" \
    '> 334 and your mother' mute
  by_hand "$SCRIPTPORT"
  deferred 'asked thrice' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; cannot authenticate'
  played 'asked thrice'
}

testConnectionEnds() {
  serve '> 250-odd' '> 250 AUTH LOGIN' '< AUTH LOGIN'
  by_hand "$SCRIPTPORT"
  deferred 'closed' 4.4.2 "$SCRIPTPORT" 'lost connection with 127.0.0.1[127.0.0.1] while performing SASL authentication'
  played 'closed'
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" '> 421 4.3.2 too many of you'
  by_hand "$SCRIPTPORT"
  deferred 421 4.3.2 "$SCRIPTPORT" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 421 4.3.2 too many of you'
  played 421
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" mute
  by_hand "$SCRIPTPORT" -t 2
  deferred mute 4.4.2 "$SCRIPTPORT" 'conversation with 127.0.0.1[127.0.0.1] timed out while performing SASL authentication'
  played mute
}

testNobodyCanJudge() {
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" '> 454 4.7.0 Temporary authentication failure' mute
  by_hand "$SCRIPTPORT"
  deferred 'for the moment' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 454 4.7.0 Temporary authentication failure'
  played 'for the moment'
}

testNoCode() {
  serve '> 250-odd' '> 250 AUTH PLAIN' "$PLAIN_SAID" '> 535 who are you?' mute
  by_hand "$SCRIPTPORT"
  deferred 'no code' 4.7.0 "$SCRIPTPORT" 'SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 who are you?'
  played 'no code'
}

testAccountFile() {
  for wrong in '' relay 'relay x y' '# relay x' "relay x
relay y" "relay $(printf '%0256d' 7)"; do
    (umask 077 && printf '%s\n' "$wrong" >"$T/account")
    by_hand "$PORT_PLAIN"
    assertEquals "exit code: $wrong" 100 $?
    assertEquals "smtp-send: fatal: $T/account: not USER PASSWORD" "$(cat "$T/log")"
  done
  password "$PASSWORD"
  chmod 644 "$T/account"
  by_hand "$PORT_PLAIN"
  assertEquals "smtp-send: fatal: $T/account: everybody may read it: chmod 600" "$(cat "$T/log")"
  rm "$T/account"
  by_hand "$PORT_PLAIN"
  assertEquals "smtp-send: fatal: $T/account: No such file or directory" "$(cat "$T/log")"
  password "$PASSWORD"
  by_hand "$PORT_PLAIN" -o tls=none
  assertEquals 'not in clear text' 100 $?
  assertContains "$(cat "$T/log")" usage:
  mkfifo "$T/pipe"
  echo "relay $PASSWORD" >"$T/pipe" &
  echo x | timeout 100 "$BIN/smtp-send" -a "$T/pipe" "[127.0.0.1]:$PORT_PLAIN" a@b.example alice@customer.example >"$T/said" 2>"$T/log"
  sent 'a pipe'
}

# --- lines of a job --------------------------------------------------------------------------

# What is wrong with the line, or with its place: it is not repeated.
testJobLines() {
  word=$(printf 'relay\0%s' "$PASSWORD" | base64)
  for lines in "auth $word" "site [127.0.0.1]:1 tls=encrypt\nauth $word" "site [127.0.0.1]:1 tls=encrypt auth=x\nauth $word\nauth $word" \
    "site [127.0.0.1]:1 tls=encrypt auth=x\nauth ${word}x" "site [127.0.0.1]:1 tls=encrypt auth=x\nauth  $word" \
    "site [127.0.0.1]:1 tls=encrypt auth=x\nauth$word" "site [127.0.0.1]:1 tls=encrypt auth=x\nauth\t$word"; do
    printf '%b\n' "$lines" | timeout 100 tests/sink/qmgr "$BIN/smtp-send" >"$T/said" 2>"$T/log"
    assertEquals "$lines" 'smtp-send: fatal: job line makes no sense: auth' "$(sed 's/ *$//' "$T/log")"
  done
  for lines in 'site [127.0.0.1]:1 auth=x' 'site [127.0.0.1]:1 tls=may auth=x'; do
    printf '%b\n' "$lines" | timeout 100 tests/sink/qmgr "$BIN/smtp-send" >"$T/said" 2>"$T/log"
    assertEquals "$lines" "smtp-send: fatal: job line makes no sense: $lines" "$(cat "$T/log")"
  done
}

# --- behind qmgr ------------------------------------------------------------------------------

authout() {
  conf authout "$@"
  chmod 600 "$I/conf/authout"
}

# nowhere: no log, no file but conf/authout, no process shows it; and qmgr, who handed it on, has forgotten it.
nowhere() {
  hidden files "$I"
  for process in $(tests/peer/running "$I" | awk '{ print $1 }'); do
    [ -r "/proc/$process/cmdline" ] || continue
    cat "/proc/$process/cmdline" "/proc/$process/environ" >"$T/process" 2>/dev/null
    hidden "process $process" "$T/process"
  done
  [ "$(id -u)" = 0 ] || return 0
  # shellcheck disable=SC2086 # words
  assertNull 'in the memory of qmgr' "$(tests/peer/remembers "$(s6-svstat -o pid "$I/service/qmgr")" $SHOWN)"
}

testBehindQmgr() {
  conf relaydomains .example example
  conf backoff '1 2'
  conf routes "* [127.0.0.1]:$PORT_PLAIN auth=provider"
  authout 'other relay x' "provider relay wrong-one"
  start
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  down="down, 4.7.8 SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535 5.7.8 Error: authentication failed"
  assertTrue "a wrong password: $(log qmgr)" "wait_for 30 logged qmgr 'site [127.0.0.1]:$PORT_PLAIN: $down'"
  assertContains "$("$BIN/site-list" -C "$I")" '4.7.8 SASL authentication failed; server 127.0.0.1[127.0.0.1] said: 535'
  assertTrue 'is the site, not the message' 'waits customer.example 1'
  authout 'other relay x' "provider relay $PASSWORD"
  assertTrue "the next connection has another one: $(log qmgr)" 'wait_for 60 drained'
  submit -t 'x%d@customer.example' -n 100 >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "many: $(log qmgr)" 'wait_for 60 drained'
  nowhere
}

# Nobody is known by the name, or the file makes no sense: nothing goes out.
testNoLine() {
  # each at a site of its own: one that has a connection keeps it
  for port in "$PORT_LOGIN" "$PORT_CRAM"; do
    if [ "$port" = "$PORT_LOGIN" ]; then authout 'other relay x'; else authout "provider relay $PASSWORD more"; fi
    conf routes "* [127.0.0.1]:$port auth=provider"
    service qmgr h
    submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
    down='down, 4.7.0 SASL authentication failed; cannot authenticate to server 127.0.0.1[127.0.0.1]: conf/authout has no line for it'
    assertTrue "$(log qmgr)" "wait_for 30 logged qmgr 'site [127.0.0.1]:$port: $down'"
  done
  assertTrue "$(log qmgr)" "logged qmgr 'warning: conf/authout: line 1: not NAME USER PASSWORD: nobody is known as provider'"
  nowhere
  authout "provider relay $PASSWORD"
  conf routes "* [127.0.0.1]:$PORT_CRAM auth=provider"
  service qmgr h
  assertTrue "and then it goes: $(log qmgr)" 'wait_for 60 drained'
}

# Two names at one host are two sites: neither uses what the other has connected.
testTwoNames() {
  authout "provider relay $PASSWORD" 'nobody relay wrong-one'
  conf routes "good.example [127.0.0.1]:$PORT_PLAIN auth=provider" "customer.example [127.0.0.1]:$PORT_PLAIN auth=nobody" "* [127.0.0.1]:$PORT_PLAIN auth=provider"
  service qmgr h
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log qmgr)" 'wait_for 30 waits customer.example 1'
  conf routes "* [127.0.0.1]:$PORT_PLAIN auth=provider"
  service qmgr h
  assertTrue "$(log qmgr)" 'wait_for 60 drained'
}

# --- a sluice as the smart host, and users of their own ------------------------------------

testSluiceWithUsers() {
  for_users sluice-auth || return 0
  stop
  instance smart -U
  smart=$I smart_port=$PORT
  conf relaydomains none.example
  conf relayclients 192.0.2.1
  conf routes "* [127.0.0.1]:$PORT_PLAIN park"
  cp "$T/mx.crt" "$I/conf/tlscert"
  cp "$T/mx.key" "$I/conf/tlskey"
  chown sluice-tls "$I/conf/tlskey"
  chgrp sluice "$I/conf/tlscert"
  chmod 600 "$I/conf/tlskey"
  authsecrets "relay $PASSWORD"
  start
  instance dumb -U
  conf relaydomains example .example
  conf backoff '1 2'
  cp "$CA" "$I/conf/tlsca"
  chgrp sluice "$I/conf/tlsca"
  conf routes "* [127.0.0.1]:$smart_port tlsname=mx.provider.example auth=smart"
  authout "smart relay $PASSWORD"
  chown sluice-q "$I/conf/authout"
  for who in sluice-in:sluice sluice-out:sluice-out; do
    setpriv --reuid "${who%:*}" --regid "${who#*:}" --groups sluice cat "$I/conf/authout" >"$T/out" 2>&1
    assertNotContains "$who" "$(cat "$T/out")" "$PASSWORD"
  done
  start
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log qmgr; log send)" 'wait_for 60 drained'
  nowhere
  stop
  I=$smart
  assertTrue "$(log smtpd)" "logged smtpd 'sasl_method=PLAIN, sasl_username=relay'"
  assertTrue 'it waits there' 'waits customer.example 1'
  hidden 'the log' "$I/log" 2>/dev/null
  stop
}
authsecrets() {
  conf authsecrets "$@"
  chown sluice-auth "$I/conf/authsecrets"
  chmod 600 "$I/conf/authsecrets"
}

. shunit2
