# The local socket: who may send where, and who may flush what, by what the kernel says of them.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf me mx.sluice.example
  conf relaydomains ours.example
  conf flushdomains ours.example
  conf routes "* [127.0.0.1]:$SINKPORT" "ours.example [127.0.0.1]:$SINKPORT park" \
    "two.example [127.0.0.1]:$SINKPORT park"
  conf queues 'both ours.example two.example'
  chmod 711 "$I" "$I/run" # for the tests that come as somebody else
  start
  wait_for 10 test -S "$I/run/local" || fail "no socket: $(log local)"
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

tearDown() {
  conf flushusers
  conf etrncounts
}

# dialogue TEXT...: printf's output said after EHLO, QUIT behind it; the replies to it.
dialogue() {
  # shellcheck disable=SC2059 # that is what it is for
  { printf 'EHLO c.example\r\n' && printf "$@" && printf 'QUIT\r\n'; } |
    $as socat -t 20 - "UNIX-CONNECT:$I/run/local" | tr -d '\r' | sed '1,/^250 HELP/d; /^221 /d'
}
as=

# somebody: is there another user to come as?  Then as is the command for it.
somebody() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return 1; }
  as='setpriv --reuid nobody --regid nogroup --clear-groups'
}

# letter SENDER RCPT: the commands.
letter() { printf 'MAIL FROM:<%s>\\r\\nRCPT TO:<%s>\\r\\nDATA\\r\\nSubject: x\\r\\n\\r\\nx\\r\\n.\\r\\n' "$1" "$2"; }

# recorded DOMAIN ID: is the message in the domain's list?  (One that went by its id stays there for a while.)
recorded() { grep -qx "$2" "$I/queue/flush/$1" 2>/dev/null; }

# put RCPT: a message; its id.
put() { dialogue "$(letter a@b.example "$1")" | sed -n 's/.*queued as //p'; }

# --- sending ------------------------------------------------------------------------

testAnywhere() {
  assertContains "$(dialogue "$(letter alice@home.example bob@elsewhere.example)")" '250 2.0.0 Ok: queued as '
  arrive elsewhere.example 1
  received=$(grep -lF 'elsewhere.example' "$SINK"/*.env)
  assertContains "$(head -n 1 "${received%.env}.msg")" "Received: by mx.sluice.example (sluice, from userid $(id -u))"
}

testSomebodyElse() {
  somebody || return 0
  assertContains "$(dialogue "$(letter x@nobody.example bob@else.nobody.example)")" '250 2.0.0 Ok: queued as '
  as=
  arrive else.nobody.example 1
  received=$(grep -lF 'else.nobody.example' "$SINK"/*.env)
  assertContains "$(head -n 1 "${received%.env}.msg")" "from userid $(id -u nobody))"
}

testClientLine() {
  id=$(put x@ours.example)
  assertContains "$("$BIN/queue-cat" -C "$I" -e "$id")" "client uid $(id -u)"
  dialogue "ETRN =$id\r\n" >/dev/null
  arrive ours.example 1
}

# One user has half of the connections, and one; another still has his.
testHalfOfThem() {
  somebody || return 0
  as=
  conf concurrencyincoming 4
  s6-svc -r "$I/service/local"
  for n in 1 2 3; do
    mkfifo "$T/mine$n"
    socat - "UNIX-CONNECT:$I/run/local,retry=50,interval=0.2" <"$T/mine$n" >"$T/mine$n.got" &
    mine="${mine-} $!"
    eval "exec $((n + 4))>'$T/mine$n'"
  done
  for n in 1 2 3; do wait_for 20 grep -q '^220' "$T/mine$n.got" || fail "$n is not greeted"; done
  assertEquals '421 4.7.0 Error: too many connections' "$(socat -u "UNIX-CONNECT:$I/run/local" - | tr -d '\r')"
  assertContains "$(log local)" "turned away uid=$(id -u), which has 3 of 4 connections"
  somebody
  assertContains 'somebody else' "$(dialogue "$(letter a@b.example x@third.example)")" '250 2.0.0'
  as=
  exec 5>&- 6>&- 7>&-
  # shellcheck disable=SC2086 # several
  wait $mine
  conf concurrencyincoming
  s6-svc -r "$I/service/local"
  wait_for 20 takes || fail 'does not take again'
}
takes() { socat -T 5 /dev/null "UNIX-CONNECT:$I/run/local"; }

testNoGate() {
  assertContains "$(dialogue 'MAIL FROM:<a@b>\r\nRCPT TO:<x@[192.0.2.1]>\r\n')" '550 5.1.2 <x@[192.0.2.1]>: '
  assertContains "$(dialogue 'MAIL FROM:<a@b>\r\nRCPT TO:<x@127.1>\r\n')" '501 5.1.3 '
  assertContains "$(dialogue 'MAIL FROM:<a@b>\r\nRCPT TO:<x>\r\n')" '501 5.1.3 '
}

testRecipientsOfOurs() {
  conf recipients alice@ours.example
  assertContains "$(dialogue 'MAIL FROM:<a@b>\r\nRCPT TO:<x@ours.example>\r\n')" '550 5.1.1 '
  conf recipients
}

# --- who is no local user -----------------------------------------------------------

# as_child NAME=VALUE...: smtpd-etrn with a UNIX socket as its connection.
as_child() {
  printf 'EHLO c.example\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@elsewhere.example>\r\nQUIT\r\n' |
    socat -t 20 - "EXEC:env $* $BIN/smtpd-etrn -C $I" | tr -d '\r' | grep -c '^250 2.1.5'
}

testTcpPeerNamed() {
  assertEquals 'a UNIX socket' 1 "$(as_child)"
  assertEquals 'in front of TCP' 0 "$(as_child TCPREMOTEIP=203.0.113.1)"
  assertEquals 'the same of systemd' 0 "$(as_child REMOTE_ADDR=203.0.113.1)"
  assertEquals 'systemd names a socket' 1 "$(as_child REMOTE_ADDR=/run/x)"
  assertEquals 'one without a file' 1 "$(as_child REMOTE_ADDR=@x)"
}

# Its end of the socket is bound to what looks like an address; super-servers hand that on.
testNamedLikeAnAddress() {
  (cd "$T" && rm -f 203.0.113.77 && systemd-socket-activate -l "$T/named" --accept --inetd -E "SLUICE=$I" \
    -E TCPREMOTEIP=203.0.113.77 -E TCPLOCALIP=203.0.113.1 "$BIN/smtpd-etrn" </dev/null >"$T/activate" 2>&1) &
  activate=$!
  wait_for 10 test -S "$T/named" || fail "$(cat "$T/activate")"
  assertContains "$(cd "$T" && printf 'EHLO c\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@elsewhere.example>\r\nQUIT\r\n' |
    socat -t 20 - UNIX-CONNECT:named,bind=203.0.113.77 | tr -d '\r' | tail -n 2)" '250 2.1.5 Ok'
  kill $activate
  wait $activate 2>/dev/null
  assertContains "$(cat "$T/activate")" "connect from local[uid=$(id -u)]"
  rm -f "$T/named" "$T/203.0.113.77"
}

testOverTcp() {
  id=$(put x@two.example)
  assertEquals '501 Error: invalid parameter syntax' "$(etrn @)"
  assertEquals '501 Error: invalid parameter syntax' "$(etrn "=$id")"
  assertContains "$(printf 'EHLO c\nMAIL FROM:<a@b>\nRCPT TO:<x@elsewhere.example>\nQUIT\n' | smtp)" '554 5.7.1 '
  dialogue "ETRN =$id\r\n" >/dev/null
  assertTrue "$id went" 'wait_for 20 drained'
}

testBySocketActivation() {
  systemd-socket-activate -l "$T/activated" --accept --inetd -E "SLUICE=$I" "$BIN/smtpd-etrn" </dev/null >"$T/activate" 2>&1 &
  activate=$!
  wait_for 10 test -S "$T/activated" || fail "$(cat "$T/activate")"
  assertContains "$(printf 'EHLO c\r\nETRN @\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@elsewhere.example>\r\nQUIT\r\n' |
    socat -t 20 - "UNIX-CONNECT:$T/activated" | tr -d '\r' | tail -n 4)" '250 OK, queuing for node @ started
250 2.1.0 Ok
250 2.1.5 Ok'
  kill $activate
  wait $activate 2>/dev/null
  rm -f "$T/activated"
}

# --- flushing -----------------------------------------------------------------------

testEverything() {
  put x@ours.example >/dev/null
  id=$(put x@two.example)
  assertTrue 'wait' "wait_for 10 recorded two.example $id"
  before=$(sink_messages)
  assertEquals '250 OK, queuing for node @ started' "$(dialogue 'ETRN @\r\n')"
  assertTrue 'both went' "wait_for 20 sink_has $((before + 2))"
  assertTrue 'settled' 'wait_for 10 unasked @'
}

testOneMessage() {
  first=$(put x@two.example)
  second=$(put y@two.example)
  assertTrue 'wait' "wait_for 10 recorded two.example $second"
  before=$(sink_messages)
  assertEquals "250 OK, queuing for node =$second started" "$(dialogue "ETRN =$second\r\n")"
  assertTrue 'it went' "wait_for 20 sink_has $((before + 1))"
  assertEquals 'that one' "$first" "$("$BIN/queue-list" -C "$I" -1)"
  assertEquals "550 5.5.4 <=$second>: no such message in the queue" "$(dialogue "ETRN =$second\r\n")"
  dialogue "ETRN =$first\r\n" >/dev/null
  assertTrue 'the other' 'wait_for 20 drained'
}

testNoSuchThing() {
  for bad in = =1 =1J0OLC3OR3KEGO =../../x =@ @= '=1j0olc3or3kego ' @@ @.; do
    case $(dialogue "ETRN $bad\r\n") in
      501* | 550*) ;;
      *) fail "$bad: $(dialogue "ETRN $bad\r\n")" ;;
    esac
  done
  assertEquals '500 Syntax: ETRN domain' "$(dialogue 'ETRN\r\n')"
  assertEquals '501 Error: invalid parameter syntax' "$(dialogue 'ETRN ../asked\r\n')"
  assertEquals 'nothing asked' '' "$(ls "$I/queue/asked")"
}

testAnyDomain() {
  assertEquals '250 OK, queuing for node not.ours.example started' "$(dialogue 'ETRN not.ours.example\r\n')"
  assertEquals '250 OK, queuing for node @example started' "$(dialogue 'ETRN @example\r\n')"
  assertEquals '250 OK, queuing for node #both started' "$(dialogue 'ETRN #both\r\n')"
  assertEquals '459 <#none>: service unavailable' "$(dialogue 'ETRN #none\r\n')"
  assertTrue 'settled' 'wait_for 10 unasked @example'
}

testCounts() {
  conf etrncounts 1
  assertEquals '251 OK, no messages waiting for node @' "$(dialogue 'ETRN @\r\n')"
  id=$(put x@two.example)
  assertTrue 'waits' "wait_for 10 recorded two.example $id"
  assertEquals "253 OK, 1 pending messages for node =$id started" "$(dialogue "ETRN =$id\r\n")"
  assertTrue 'went' 'wait_for 20 drained'
}

testFlushUsers() {
  somebody || return 0
  id=$("$BIN/queue-put" -C "$I" x@two.example </dev/null)
  assertTrue 'waits' "wait_for 10 recorded two.example $id"
  for node in @ "=$id" =1j0olc3or3kego two.example @example '#both'; do
    assertEquals "$node" "459 <$node>: service unavailable" "$(dialogue "ETRN $node\r\n")"
  done
  assertEquals 'nothing asked' '' "$(ls "$I/queue/asked")"
  conf flushusers root "$(id -u sluice-in 2>/dev/null || echo 1)" nobody2
  assertEquals 'others' "459 <@>: service unavailable" "$(dialogue 'ETRN @\r\n')"
  conf flushusers root nobody
  assertEquals 'by name' '250 OK, queuing for node nowhere.example started' "$(dialogue 'ETRN nowhere.example\r\n')"
  conf flushusers "$(id -u nobody)"
  assertEquals 'by number' "250 OK, queuing for node =$id started" "$(dialogue "ETRN =$id\r\n")"
  as=
  assertEquals 'root, always' '250 OK, queuing for node @ started' "$(dialogue 'ETRN @\r\n')"
  assertTrue 'went' 'wait_for 20 drained'
}

# A file that makes no sense is told of, and nobody is let through by it.
testBrokenFlushUsers() {
  conf flushusers nobody 'not a user'
  assertEquals 'the owner needs none' '250 OK, queuing for node @ started' "$(dialogue 'ETRN @\r\n')"
  somebody || return 0
  assertContains "$(dialogue 'ETRN @\r\n')" '421 4.3.5 '
  assertTrue "$(log local)" "wait_for 10 logged local 'fatal: conf/flushusers: line 2: not a user: not a user'"
}

# --- an instance with users of its own ------------------------------------------------

testOwnUsers() {
  somebody || return 0
  for_users || return 0
  relay=$I
  instance users -U
  conf routes "* [127.0.0.1]:$SINKPORT"
  start
  wait_for 10 test -S "$I/run/local" || fail "no socket: $(log local)"
  assertEquals '666 root sluice-q' "$(stat -c '%a %U %G' "$I/run/local")"
  assertContains "$(dialogue "$(letter x@nobody.example bob@users.example)")" '250 2.0.0 Ok: queued as '
  arrive users.example 1
  printf 'Subject: x\n\nx\n' | $as "$BIN/sendmail" -C "$I" x@users2.example 2>"$T/err"
  status=$?
  case $status in
    126 | 127) ;; # the programs are where others cannot run them
    *)
      assertEquals "$(cat "$T/err")" 0 $status
      arrive users2.example 1
      assertContains "$(cat "$SINK"/*.env)" 'MAIL FROM:<nobody@'
      ;;
  esac
  assertEquals 'flush' "459 <@>: service unavailable" "$(dialogue 'ETRN @\r\n')"
  $as ls "$I/run" >/dev/null 2>&1 && fail 'run/ can be listed'
  conf flushusers nobody
  assertEquals 'listed' '250 OK, queuing for node @ started' "$(dialogue 'ETRN @\r\n')"
  assertTrue 'carried out' 'wait_for 10 unasked @'
  assertNotContains 'the instance as it should be' "$("$BIN/queue-check" -C "$I" 2>&1)" run/
  stop
  I=$relay
}

. shunit2
