# Workers of sluice-serve, which serve one connection after the other: nothing of one is left for the next, neither in
# memory nor in what is done.  CONNECTIONS=100000 is how many testLeak... make (3000).
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

CONNECTIONS=${CONNECTIONS:-3000}
USER=zquser5d1f PASSWORD=zqpassword77ab

oneTimeSetUp() {
  certificate_authority
  certificate one localhost
}

oneTimeTearDown() { fail_if_running; }

tearDown() {
  leaves
  site_end
  serve_end
  stop
}

# one NAME: a running instance whose services have one worker, or two, and whose mail waits.
one() {
  instance "$1"
  conf me relay.example
  conf relaydomains example .example
  conf routes '* [127.0.0.1]:1 park'
  conf authclear 1
  conf authsecrets "$USER $PASSWORD"
  chmod 600 "$I/conf/authsecrets"
  cp "$T/one.crt" "$I/conf/tlscert"
  cp "$T/one.key" "$I/conf/tlskey"
  cp "$CA" "$I/conf/tlsca"
  SECRETS=$I.secrets
  : >"$SECRETS"
}

# serves: smtpd's port, with one worker that lives on.
serves() {
  touch "$I/service/smtpd/down"
  s6-svscan "$I/service" </dev/null >"$I.svscan" 2>&1 &
  echo $! >"$I.pid"
  wait_for 40 qmgr_ready || fail "$(log qmgr)"
  ready auth tls
  ERR=$I.err
  SLUICE=$I PATH=$BIN:$PATH sluice-serve -l "127.0.0.1:$PORT" -c 1 -m 1 -n 1000000 smtpd-etrn -W </dev/null 2>"$ERR" &
  SERVE=$!
  conf concurrencyincoming 1
  wait_for 20 port_taken "$PORT"
  wait_for 20 is_idle
  WORKER=$(workers "$SERVE")
}
serve_end() {
  [ -n "${SERVE-}" ] || return 0
  kill "$SERVE"
  wait "$SERVE" 2>/dev/null
  SERVE=
}
workers() { pgrep -P "$1"; }
# workers_of SERVICE
workers_of() { workers "$(s6-svstat -o pid "$I/service/$1")"; }
waits_for_one() { [ -e "/proc/$1" ] && [ ! -e "/proc/$1/fd/0" ]; }
# is_idle: all those of SERVE; idle SERVICE
is_idle() {
  for pid in $(workers "$SERVE"); do waits_for_one "$pid" || return 1; done
  [ -n "$(workers "$SERVE")" ]
}
idle() { for pid in $(workers_of "$1"); do waits_for_one "$pid" || return 1; done; }

# nothing WHAT PID...: is in their memory of the secrets.
nothing() {
  what=$1
  shift
  assertTrue 'there are secrets' "[ -s '$SECRETS' ]"
  tests/peer/remains "$SECRETS" "$@" >"$T/remains" 2>&1 || fail "$what: $(head -n 12 "$T/remains" | cut -c 1-400)"
}

# comes: a connection that stays, until leaves; what it is told is TOLD.
comes() {
  TOLD=$I.told
  rm -f "$I.commands"
  mkfifo "$I.commands"
  socat - "TCP:127.0.0.1:$PORT" <"$I.commands" >"$TOLD" &
  coming=$!
  exec 6>"$I.commands"
  wait_for 20 grep -q '^220' "$TOLD" || fail "no greeting: $(cat "$TOLD" "$ERR")"
}
leaves() {
  [ -n "${coming-}" ] || return 0
  exec 6>&-
  wait "$coming"
  coming=
}

# --- the beginning ------------------------------------------------------------------

# What descriptor 0 has to be, it is of sluice-serve alone.
testNoServer() {
  instance none
  for program in smtpd-etrn smtp-send bounce-put; do
    SLUICE=$I timeout 20 "$BIN/$program" -W </dev/null >"$T/out" 2>"$T/err"
    assertEquals "$program: a file" 100 $?
    assertEquals "$program: one line" 1 "$(wc -l <"$T/err")"
    assertContains "$(cat "$T/err")" 'Socket operation on non-socket'
    SLUICE=$I python3 -c 'import socket, subprocess, sys
one, other = socket.socketpair()
sys.exit(subprocess.run(sys.argv[1:], stdin=one, timeout=20).returncode)' "$BIN/$program" -W >"$T/out" 2>"$T/err"
    assertEquals "$program: a connection" 100 $?
    assertContains "$(cat "$T/err")" 'Protocol wrong type for socket'
  done
}

# --- what smtpd-etrn forgets --------------------------------------------------------

# forgotten KIND...: a session of each kind; then the worker is looked at, and what the next one is told.
forgotten() {
  for kind; do
    : >"$SECRETS"
    # shellcheck disable=SC2046 # two words or none
    tests/peer/tells "$SECRETS" "$kind" "127.0.0.1:$PORT" $(case $kind in plain | login* | cram) echo "$USER $PASSWORD" ;; esac) \
      >"$T/tells" 2>&1
    assertNotContains "$kind" "$(cat "$T/tells")" Traceback
    comes
    for line in 'EHLO next.example' NOOP HELP 'RCPT TO:<a@a.example>' 'VRFY x' DATA; do printf '%s\r\n' "$line" >&6; done
    wait_for 20 grep -q '^503' "$TOLD"
    nothing "$kind, the next session" "$WORKER"
    leaves
    assertFalse "$kind: is told it" "grep -qF -f '$SECRETS' '$TOLD'"
    wait_for 20 is_idle
    nothing "$kind, idle" "$WORKER"
    assertEquals 'one worker all the time' "$WORKER" "$(workers "$SERVE")"
  done
}

# What is looked for would be found.
testSecretsAreFound() {
  one found
  serves
  comes
  printf 'EHLO zqthere.example\r\n' >&6
  wait_for 20 grep -q '^250 HELP' "$TOLD"
  echo zqthere.example >"$SECRETS"
  assertFalse 'in a session that has them' "tests/peer/remains '$SECRETS' '$WORKER' >/dev/null"
}

testMailIsForgotten() {
  one mail
  serves
  forgotten data bdat
  wait_for 40 test "$(queued)" = 2
  assertEquals "$(cat "$ERR")" 2 "$(queued)"
}

testWhatIsCutIsForgotten() {
  one cut
  serves
  forgotten cut cut_bdat cut_command
  assertEquals 'nothing is queued' 0 "$(queued)"
  assertEquals 'nothing is left of it' '' "$(ls "$I/queue/tmp")"
}

testWordsAreForgotten() {
  one words
  serves
  forgotten words other_protocol
}

testPasswordsAreForgotten() {
  one passwords
  serves
  forgotten plain login login_cut cram
  assertContains 'somebody was known' "$(cat "$ERR")" 'sasl_username='
}

# Who is known, and inside TLS, is that until his session ends.
testKnownForOneSession() {
  one known
  conf flushclients 192.0.2.1
  conf users "$USER a.example"
  serves
  echo 'ETRN a.example' | tests/peer/login -t "127.0.0.1:$PORT" PLAIN "$USER" "$PASSWORD" >"$T/said"
  assertContains "$(cat "$T/said")" '250 OK'
  for _ in 1 2; do
    printf 'EHLO x\nETRN a.example\nAUTH PLAIN\nMAIL FROM:<a@b.example>\nRCPT TO:<a@elsewhere.net>\nQUIT\n' | smtp >"$T/said"
    assertContains 'not known' "$(cat "$T/said")" '459 <a.example>: service unavailable'
    assertContains 'relays nowhere' "$(cat "$T/said")" '554 5.7.1'
    assertContains 'not inside TLS' "$(cat "$T/said")" '538 5.7.11'
    assertContains 'STARTTLS is offered' "$(cat "$T/said")" '250-STARTTLS'
  done
  # nor is what was begun: a transaction, HELO
  printf 'EHLO x\nMAIL FROM:<a@b.example>\nRCPT TO:<a@a.example>\n' | smtp >/dev/null
  printf 'RCPT TO:<a@a.example>\nDATA\nQUIT\n' | smtp >"$T/said"
  assertEquals '503 503' "$(sed -n 's/^\(503\).*/\1/p' "$T/said" | xargs)"
}

# --- settings -----------------------------------------------------------------------

# reply LINE...: to the last of these.
reply() { printf '%s\n' 'EHLO x' "$@" QUIT | smtp | tail -n 2 | head -n 1; }
taken() { assertEquals "$1" 250 "$(reply 'MAIL FROM:<a@b.example>' "RCPT TO:<a@$1>" | cut -c 1-3)"; }
not_taken() { assertEquals "not $1" 554 "$(reply 'MAIL FROM:<a@b.example>' "RCPT TO:<a@$1>" | cut -c 1-3)"; }

testSettingsOfTheNextSession() {
  one settings
  serves
  taken a.example
  not_taken new.test
  conf relaydomains new.test
  taken new.test
  not_taken a.example
  "$BIN/conf-cdb" "$I/conf/relaydomains" 2>"$T/err" || (cd "$I" && "$BIN/conf-cdb" -C "$I" relaydomains) 2>"$T/err" || fail "$(cat "$T/err")"
  taken new.test
  conf relaydomains compiled.test
  "$BIN/conf-cdb" -C "$I" relaydomains 2>"$T/err" || fail "$(cat "$T/err")"
  taken compiled.test
  not_taken new.test
  rm "$I/conf/relaydomains.cdb"
  conf relaydomains a.example
  taken a.example
  not_taken compiled.test
  assertContains "$(reply 'MAIL FROM:<a@b.example> SIZE=2000')" '250 '
  conf databytes 1000
  assertContains "$(reply 'MAIL FROM:<a@b.example> SIZE=2000')" '552 '
  conf databytes
  assertContains "$(reply 'MAIL FROM:<a@b.example> SIZE=2000')" '250 '
  conf me other.example
  assertContains "$(smtp </dev/null)" '220 other.example'
  conf timeouts 'command 1s'
  (sleep 20 | smtp_raw) >"$T/said"
  assertContains "$(cat "$T/said")" '421 4.4.2 other.example Error: timeout exceeded'
  conf timeouts
  conf relayclients 127.0.0.1
  assertContains "$(reply 'MAIL FROM:<a@b.example>' 'RCPT TO:<a@elsewhere.net>')" '250 '
  conf relayclients 192.0.2.1
  assertContains "$(reply 'MAIL FROM:<a@b.example>' 'RCPT TO:<a@elsewhere.net>')" '554 '
  conf concurrencyclient 1
  for _ in 1 2 3 4; do assertContains 'slots are free again' "$(smtp </dev/null)" '220 other.example'; done
  assertEquals 'one worker all the time' "$WORKER" "$(workers "$SERVE")"
}

# A setting that cannot be used is an end of the session alone.
testBrokenSettings() {
  one broken
  serves
  conf databytes x
  assertContains "$(echo 'EHLO x' | smtp)" '421 4.3.5'
  conf databytes
  taken a.example
  mv "$I/conf" "$I/conf.away"
  assertContains "$(smtp </dev/null)" '421 4.3.5'
  mv "$I/conf.away" "$I/conf"
  taken a.example
  assertEquals 'one worker all the time' "$WORKER" "$(workers "$SERVE")"
}

# --- what smtp-send and bounce-put forget -------------------------------------------

# site: a server that has secrets in its replies; sets SITEPORT.
site() {
  free_port SITEPORT
  tests/peer/tells "$SECRETS" site "127.0.0.1:$SITEPORT" "$T/one.pem" >"$I.site" 2>&1 &
  site_pid=$!
  wait_for 20 test -e "$SECRETS.listening" || fail "$(cat "$I.site")"
}
site_end() {
  [ -n "${site_pid-}" ] || return 0
  kill "$site_pid"
  wait "$site_pid" 2>/dev/null
  site_pid=
}

testDeliveriesAreForgotten() {
  one send
  site
  sink next
  conf routes "next.example [127.0.0.1]:$SINKPORT" ".next.example [127.0.0.1]:$SINKPORT" "* [127.0.0.1]:$SITEPORT tls=encrypt auth=provider"
  conf authout 'provider zqouruser zqourpassword'
  conf authclients 0 2>/dev/null
  rm -f "$I/conf/authclients"
  printf '%s\n' zqouruser zqourpassword "$(printf '\0zqouruser\0zqourpassword' | base64)" >>"$SECRETS"
  start
  tests/peer/tells "$SECRETS" message "127.0.0.1:$PORT" '%@%.example' '%@secret.example' >"$T/tells" 2>&1
  assertContains "$(cat "$T/tells")" 'queued as'
  assertTrue "$(log qmgr; log send)" 'wait_for 60 drained'
  assertContains 'inside TLS, as somebody' "$(cat "$I.site")" 'AUTH PLAIN'
  submit -t a@next.example >/dev/null
  arrive next.example 1
  assertTrue 'drained' 'wait_for 60 drained'
  # qmgr keeps connections for a moment
  wait_for 60 idle send || fail 'still at work'
  # shellcheck disable=SC2046 # numbers
  nothing 'smtp-send' $(workers_of send)
  sink_stop
}

testNoticesAreForgotten() {
  one bounce
  site
  conf routes "* [127.0.0.1]:$SITEPORT"
  start
  tests/peer/tells "$SECRETS" message "127.0.0.1:$PORT" '%@sender.example' 'refused-%@secret.example' >"$T/tells" 2>&1
  assertContains "$(cat "$T/tells")" 'queued as'
  assertTrue 'a notice' "wait_for 60 logged bounce 'sender non-delivery notification'" || log bounce
  assertTrue "$(log qmgr; log send)" 'wait_for 60 drained'
  wait_for 60 idle bounce
  wait_for 60 idle send
  # shellcheck disable=SC2046
  nothing 'bounce-put' $(workers_of bounce)
  # shellcheck disable=SC2046
  nothing 'smtp-send' $(workers_of send)
}

# Who asked is gone before he is answered, as when qmgr ends: that is a line, and no crash.
testNobodyHearsOfNotices() {
  instance unheard
  ERR=$I.err
  SLUICE=$I PATH=$BIN:$PATH python3 -c 'import os, socket, sys
listener, client = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
client.connect(sys.argv[1])
client.sendall(b"1h8qabcde0000v\n")
client.close()
os.dup2(listener.fileno(), 0)
os.execvp("sluice-serve", ["sluice-serve", "-m", "1", "bounce-put", "-W"])' "$I/run/bounce" </dev/null 2>"$ERR" &
  SERVE=$!
  assertTrue 'a line' "wait_for 40 test -s '$ERR'"
  assertContains "$(cat "$ERR")" 'bounce-put: fatal: unable to write to standard output: Broken pipe'
  assertNotContains "$(cat "$ERR")" 'was killed'
}

# --- leaks --------------------------------------------------------------------------

# used PID: how many descriptors, the length of the heap, and what is its own of the memory, in KiB.
used() {
  set -- "$1" "$(ls "/proc/$1/fd" | wc -l)"
  heap=$(sed -n 's/^\([0-9a-f]*\)-\([0-9a-f]*\) .*\[heap\]$/0x\2 - 0x\1/p' "/proc/$1/maps")
  echo "$2 $((${heap:-0})) $(sed -n 's/^Private_Dirty: *\([0-9]*\) kB/\1/p' "/proc/$1/smaps_rollup")"
}
# the_same PID BEFORE: it uses no more than it did; some pages of the stack may be new.
the_same() {
  after=$(used "$1")
  assertEquals 'descriptors, and the heap' "${2% *}" "${after% *}"
  assertTrue "${2##* } KiB, and ${after##* } now" "[ $((${after##* } - ${2##* })) -le 64 ]"
}

testLeaksOfSessions() {
  one leak
  conf concurrencyincoming 1
  serves
  tests/peer/sessions "127.0.0.1:$PORT" 300 "$USER" "$PASSWORD" >"$T/sessions" 2>&1 || fail "$(tail -n 5 "$T/sessions")"
  wait_for 20 is_idle
  before=$(used "$WORKER")
  tests/peer/sessions "127.0.0.1:$PORT" $((CONNECTIONS - 300)) "$USER" "$PASSWORD" >"$T/sessions" 2>&1 || fail "$(tail -n 5 "$T/sessions")"
  wait_for 20 is_idle
  assertEquals 'one worker all the time' "$WORKER" "$(workers "$SERVE")"
  the_same "$WORKER" "$before"
}

testLeaksOfDeliveries() {
  instance deliveries
  sink leaks
  ERR=$I.err
  PATH=$BIN:$PATH s6-ipcserver-socketbinder -a 0600 "$I/run/send" sluice-serve -c 1 -m 1 -n 1000000 smtp-send -W </dev/null 2>"$ERR" &
  SERVE=$!
  wait_for 20 is_idle || fail "$(cat "$ERR")"
  WORKER=$(workers "$SERVE")
  tests/peer/jobs "$I/run/send" "127.0.0.1:$SINKPORT" 300 >"$T/jobs" 2>&1 || fail "$(tail -n 5 "$T/jobs")"
  wait_for 20 is_idle
  before=$(used "$WORKER")
  tests/peer/jobs "$I/run/send" "127.0.0.1:$SINKPORT" $((CONNECTIONS - 300)) >"$T/jobs" 2>&1 || fail "$(tail -n 5 "$T/jobs")"
  wait_for 20 is_idle
  assertEquals 'one worker all the time' "$WORKER" "$(workers "$SERVE")"
  the_same "$WORKER" "$before"
  assertEquals '' "$(grep '^sluice-serve' "$ERR" | grep -v 'others wait')"
  sink_stop
}

# shellcheck disable=SC1091
. shunit2
