# smtp-send against a server that does what it is told (tests/sink/smtp-sink.c), with
# tests/sink/qmgr as its qmgr, and by hand.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh

case $BIN in
  */build/*/bin) SINKBIN=${BIN%/bin}/tests/sink/smtp-sink ;;
  *) SINKBIN=$(pwd)/build/tests/sink/smtp-sink ;;
esac

STEP=''
PIPE='-e PIPELINING -e ENHANCEDSTATUSCODES'
CHUNK="$PIPE -e CHUNKING"

# --- helpers ------------------------------------------------------------------------

setUp() {
  rm -rf "$T/peer" "$T/work"
  mkdir "$T/work"
  peer_pid=
}

tearDown() {
  [ -z "$peer_pid" ] || peer_stop
}

# peer EXTENSIONS OPTION...: the server; EXTENSIONS is one of the words above.
peer() {
  mkdir -p "$T/peer"
  free_port PEERPORT
  peer_extensions=$1
  shift
  # shellcheck disable=SC2086
  "$SINKBIN" $peer_extensions "$@" "127.0.0.1:$PEERPORT" "$T/peer" </dev/null >"$T/peer/out" 2>&1 &
  peer_pid=$!
  wait_for 10 test -e "$T/peer/listening" || fail "no peer: $(cat "$T/peer/out")"
  SITE="site [127.0.0.1]:$PEERPORT me=relay.example"
}

peer_stop() {
  kill "$peer_pid" 2>/dev/null
  wait "$peer_pid" 2>/dev/null
  peer_pid=
}

# commands: what the peer was told, without the process ids, in order.
commands() { sed -n 's/^[0-9]* C //p' "$T/peer/log"; }
log_has() { grep -q "^[0-9]* $1" "$T/peer/log"; }
log_count() { grep -c "^[0-9]* $1" "$T/peer/log"; }
messages_kept() { find "$T/peer" -name 'msg.*' | wc -l; }
# kept N: the path of the Nth message of the only connection
kept() { echo "$T"/peer/msg.*."$1"; }

# message ID [TEXT]: a message's file, the content alone.
message() {
  printf '%b' "${2:-Subject: $1\r\n\r\nbody of $1\r\n}" >"$T/work/$1"
  wc -c <"$T/work/$1" >"$T/work/$1.length"
}

# job ID FLAGS RECIPIENT...: the lines that hand over $T/work/ID.
job() {
  job_id=$1
  job_flags=$2
  shift 2
  echo "@$T/work/$job_id mail $job_id $(date +%s)000000 0 $(cat "$T/work/$job_id.length") $job_flags <$job_id@sender.example>$job_parameters"
  job_n=0
  for job_to; do
    echo "rcpt $job_n <$job_to>$job_rcpt_parameters"
    job_n=$((job_n + 1))
  done
  echo go
}
job_parameters=
job_rcpt_parameters=

# send [SECONDS]: the agent, with the script on stdin; what it said is in $T/said, its log in $T/log.
send() {
  timeout "${1-100}" tests/sink/qmgr "$BIN/smtp-send" >"$T/said" 2>"$T/log"
}

said() { cat "$T/said"; }
# journal ID: what was added to the message's file, without the times.
journal() {
  tail -c "+$(($(cat "$T/work/$1.length") + 1))" "$T/work/$1" | sed 's/^[0-9.]* //'
}

relay() { echo "127.0.0.1[127.0.0.1]:$PEERPORT"; }
host() { echo 'host 127.0.0.1[127.0.0.1]'; }

# same ID N: is the Nth message kept what was sent?
same() {
  head -c "$(cat "$T/work/$1.length")" "$T/work/$1" >"$T/work/expected"
  assertTrue "$1 has changed on its way" "cmp '$T/work/expected' '$(kept "$2")'"
}

# each_way TEST: runs a function with each of the three ways to talk.
each_way() {
  for way in "$STEP" "$PIPE" "$CHUNK"; do
    tearDown
    setUp
    "$1" "$way"
    assertFalse "spoke too early: $way" 'log_has early'
    tearDown
  done
}

# --- sending ------------------------------------------------------------------------

way_sends() {
  peer "$1"
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3; do job $id - alice@customer.tld bob@customer.tld; done
    echo '=wait done m3'; echo '=end'; } | send
  assertEquals "exit code $1" 0 $?
  for n in 1 2 3; do
    same "m$n" "$n"
    assertEquals "$(printf '%s sent 2.0.0 %s 250 2.0.0 ok\n' 0 "$(relay)" 1 "$(relay)")" "$(journal "m$n")"
  done
  assertEquals 1 "$(log_count connect)"
  assertEquals 'messages begun' 3 "$(commands | grep -c '^MAIL FROM:<m[123]@sender.example>$')"
  assertEquals 'the first words' "window up $(relay)" "$(said | head -n 2 | sed 's/^window .*/window/' | cut -d' ' -f1,2 | xargs)"
  assertEquals "rcpt m2 1 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(said | grep '^rcpt m2 1')"
  assertEquals 'done m1 done m2 done m3' "$(said | grep '^done' | xargs)"
  assertEquals QUIT "$(commands | tail -n 1)"
}
testSends() { each_way way_sends; }

testLogLine() {
  peer "$CHUNK"
  message m1
  { echo "$SITE"; job m1 - alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  assertTrue "$(cat "$T/log")" "grep -qE '^smtp-send: m1: to=<alice@customer.tld>, relay=127\\.0\\.0\\.1\\[127\\.0\\.0\\.1\\]:$PEERPORT, delay=[0-9.]+, delays=[0-9.]+/[0-9.]+/[0-9.]+/[0-9.]+, dsn=2\\.0\\.0, status=sent \\(250 2\\.0\\.0 ok\\)\$' '$T/log'"
}

testPipelinedDotSharesAPacket() {
  peer "$PIPE" -w 50
  for id in m1 m2 m3 m4 m5; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3 m4 m5; do job $id - alice@customer.tld; done
    echo '=wait done m5'; echo '=end'; } | send
  assertEquals 5 "$(messages_kept)"
  # greeting, EHLO, MAIL RCPT DATA, four dots with the next message, the last dot, QUIT
  assertTrue "turns: $(log_count turn)" "[ $(log_count turn) -le 8 ]"
}

# Several jobs at once, all descriptors with the first octet, also of lines that need more than one reading.
testJobsThatComeTogether() {
  peer "$CHUNK"
  recipients=$(awk 'BEGIN { for (i = 0; i < 150; i++) print "somebody.with.a.long.name" i "@x.tld" }')
  { echo "$SITE"; echo '=together'
    n=0; while [ $((n = n + 1)) -le 16 ]; do
      message "m$n"
      # shellcheck disable=SC2086
      case $n in 1 | 9) job "m$n" - $recipients ;; *) job "m$n" - a@x.tld ;; esac
    done
    echo '=wait done m16'; echo '=end'; } | send
  assertEquals 0 $?
  n=0; while [ $((n = n + 1)) -le 16 ]; do same "m$n" $n; done
  assertEquals 150 "$(journal m9 | grep -c ' sent ')"
}

# How many messages are worth being at a connection, over a link that takes its time: window_is N PEER [FILES].
window_is() {
  peer "$2" -w 700
  message m1
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | (ulimit -n "${3-1024}" && send)
  assertEquals "$2" "window $1" "$(said | head -n 1)"
  tearDown
  setUp
}
testWindow() {
  window_is 1 "$STEP"
  window_is 4 "$PIPE"
  window_is 512 "$CHUNK"
  # each message has a descriptor
  window_is 84 "$CHUNK" 100
}

testManyMessagesTakeFewRoundTrips() {
  peer "$CHUNK" -w 100
  text=$(awk 'BEGIN { for (i = 0; i < 102; i++) printf "a line of forty octets, all told, no more\\r\\n" }')
  { echo "$SITE"; n=0; while [ $((n = n + 1)) -le 200 ]; do message "m$n" "$text"; job "m$n" - alice@customer.tld; done
    echo '=wait done m200'; echo '=end'; } >"$T/script"
  send <"$T/script"
  assertEquals 200 "$(messages_kept)"
  assertTrue "turns: $(log_count turn)" "[ $(log_count turn) -le 40 ]"
}

way_big() {
  peer "$1" -s 8192
  head -c 20000000 /dev/urandom | base64 -w 76 | sed 's/$/\r/; s/^\(A\)/.\1/' >"$T/work/m1"
  wc -c <"$T/work/m1" >"$T/work/m1.length"
  message m2
  { echo "$SITE"; job m1 --d- alice@customer.tld; job m2 ---- alice@customer.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals "exit code $1" 0 $?
  same m1 1
  same m2 2
}
testBigMessage() { each_way way_big; }

testBigMessageWithoutDots() {
  peer "$PIPE"
  head -c 3000000 /dev/urandom | base64 -w 76 | sed 's/$/\r/' >"$T/work/m1"
  wc -c <"$T/work/m1" >"$T/work/m1.length"
  { echo "$SITE"; job m1 - alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  same m1 1
}

way_odd() {
  peer "$1"
  message dots '.\r\n..\r\n.a\r\n\r\n.\r\n'
  message empty ''
  : >"$T/work/empty"
  echo 0 >"$T/work/empty.length"
  message last
  { echo "$SITE"; job dots --d- a@customer.tld; job empty - a@customer.tld; job last - a@customer.tld
    echo '=wait done last'; echo '=end'; } | send
  same dots 1
  same empty 2
  same last 3
}
testDotsAndEmpty() { each_way way_odd; }

testUnended() {
  message open 'no line end'
  peer "$CHUNK"
  { echo "$SITE"; job open ---e a@customer.tld; echo '=wait done'; echo '=end'; } | send
  same open 1
  tearDown
  setUp
  message open 'no line end'
  peer "$PIPE"
  { echo "$SITE"; job open ---e a@customer.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 'no line end' "$(tr -d '\r' <"$(kept 1)")"
  assertEquals 13 "$(wc -c <"$(kept 1)")"
}

# --- parameters ---------------------------------------------------------------------

parameters_are() {
  message m1
  job_parameters=' SIZE=99 BODY=8BITMIME RET=HDRS ENVID=q+3D1 AUTH=<> SMTPUTF8'
  job_rcpt_parameters=' NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice@customer.tld'
  { echo "$SITE"; job m1 8--- alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  job_parameters=
  job_rcpt_parameters=
  assertEquals "$1" "$(commands | grep ^MAIL)"
  assertEquals "$2" "$(commands | grep ^RCPT)"
}

testParametersWithoutExtensions() {
  peer "$PIPE"
  parameters_are 'MAIL FROM:<m1@sender.example>' 'RCPT TO:<alice@customer.tld>'
}

testParametersWithExtensions() {
  peer "$PIPE" -e 8BITMIME -e DSN -e 'SIZE 100000' -e SMTPUTF8
  parameters_are 'MAIL FROM:<m1@sender.example> SIZE=27 BODY=8BITMIME RET=HDRS ENVID=q+3D1' \
    'RCPT TO:<alice@customer.tld> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;alice@customer.tld'
}

# without EXTENSIONS: what is not used is as if it had not been offered.
without() {
  tearDown
  setUp
  peer "$CHUNK" -e 8BITMIME -e DSN -e 'SIZE 10' -e SMTPUTF8
  SITE="$SITE without=$1"
  message m1
  message m2
  job_parameters=' BODY=8BITMIME ENVID=q+3D1 SMTPUTF8'
  { echo "$SITE"; job m1 8u-- a@x.tld; job m2 8u-- a@x.tld; echo '=wait done m2'; echo '=end'; } | send
  job_parameters=
}
testWithout() {
  without size
  assertEquals 'MAIL FROM:<m1@sender.example> BODY=8BITMIME ENVID=q+3D1 SMTPUTF8' "$(commands | grep -m 1 ^MAIL)"
  assertEquals 2 "$(commands | grep -c BDAT)"
  same m2 2
  without SIZE,8bitmime,dsn
  assertEquals 'MAIL FROM:<m1@sender.example> SMTPUTF8' "$(commands | grep -m 1 ^MAIL)"
  without SIZE,SMTPUTF8
  assertEquals "0 failed 5.6.7 $(relay) SMTPUTF8 is required, but was not offered by host 127.0.0.1[127.0.0.1]" "$(journal m1)"
  without CHUNKING,SIZE
  assertEquals 2 "$(commands | grep -c DATA)"
  same m2 2
  without CHUNKING,SIZE,PIPELINING
  assertEquals 'EHLO, four for each message, QUIT' 10 "$(log_count turn)"
  same m2 2
}

testEightBitIsDeclared() {
  peer "$PIPE" -e 8BITMIME
  message m1
  { echo "$SITE"; job m1 8--- alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 'MAIL FROM:<m1@sender.example> BODY=8BITMIME' "$(commands | grep ^MAIL)"
}

testTooBigForThePeer() {
  peer "$PIPE" -e 'SIZE 10'
  message m1
  message m2 'short\r\n'
  { echo "$SITE"; job m1 - alice@customer.tld; job m2 - alice@customer.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals "0 failed 5.3.4 $(relay) message size 27 exceeds size limit 10 of server 127.0.0.1[127.0.0.1]" "$(journal m1)"
  same m2 1
  assertEquals 1 "$(commands | grep -c ^MAIL)"
}

testUtf8() {
  peer "$PIPE"
  message m1
  { echo "$SITE"; job m1 -u-- alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals "0 failed 5.6.7 $(relay) SMTPUTF8 is required, but was not offered by host 127.0.0.1[127.0.0.1]" "$(journal m1)"
  tearDown
  setUp
  peer "$PIPE" -e SMTPUTF8
  message m1
  { echo "$SITE"; job m1 -u-- alice@customer.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 'MAIL FROM:<m1@sender.example> SMTPUTF8' "$(commands | grep ^MAIL)"
}

# --- refusals -----------------------------------------------------------------------

way_partly() {
  peer "$1" -r 'RCPT*<bob@*=>550 5.1.1 no such user' -r 'RCPT*<carol@*=>450 4.2.1 later'
  message m1
  message m2
  { echo "$SITE"; job m1 - alice@x.tld bob@x.tld carol@x.tld; job m2 - alice@x.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals "$1" "1 failed 5.1.1 $(relay) $(host) said: 550 5.1.1 no such user (in reply to RCPT TO command)
2 deferred 4.2.1 $(relay) $(host) said: 450 4.2.1 later (in reply to RCPT TO command)
0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m1)"
  same m1 1
  same m2 2
  assertTrue "$(cat "$T/log")" "grep -q 'm1: to=<bob@x.tld>.*status=bounced' '$T/log'"
}
testSomeRecipientsRefused() { each_way way_partly; }

way_all() {
  peer "$1" -r 'RCPT*<bob@*=>550-5.1.1 no such user\n550 5.1.1 at all'
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; job m1 - bob@x.tld; job m2 - bob@x.tld bob@x.tld; job m3 - alice@x.tld; echo '=wait done m3'; echo '=end'; } | send
  assertEquals "0 failed 5.1.1 $(relay) $(host) said: 550-5.1.1 no such user 550 5.1.1 at all (in reply to RCPT TO command)" "$(journal m1)"
  assertEquals 2 "$(journal m2 | grep -c failed)"
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m3)"
  assertEquals 'messages kept' 1 "$(messages_kept)"
  assertEquals 'done m1 done m2 done m3' "$(said | grep '^done' | xargs)"
  assertFalse 'MAIL in a transaction' 'log_has "S 503 5.5.1 nested"'
}
testAllRecipientsRefused() { each_way way_all; }

way_mail() {
  peer "$1" -r 'MAIL*<m1@*=>550 5.7.1 not you' -r 'MAIL*<m2@*=>451 4.3.0 not now'
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3; do job $id - alice@x.tld bob@x.tld; done; echo '=wait done m3'; echo '=end'; } | send
  assertEquals "0 failed 5.7.1 $(relay) $(host) said: 550 5.7.1 not you (in reply to MAIL FROM command)" "$(journal m1 | head -n 1)"
  assertEquals 2 "$(journal m1 | grep -c failed)"
  assertEquals 2 "$(journal m2 | grep -c 'deferred 4.3.0')"
  assertEquals 2 "$(journal m3 | grep -c sent)"
  assertEquals 'messages kept' 1 "$(messages_kept)"
}
testSenderRefused() { each_way way_mail; }

way_content() {
  peer "$1" -r '1/CONTENT=>554 5.7.1 spam' -r '1/CONTENT=>451 4.3.0 full'
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3; do job $id - alice@x.tld; done; echo '=wait done m3'; echo '=end'; } | send
  assertEquals 1 "$(journal m1 | grep -cE 'failed 5.7.1 .*\(in reply to (end of DATA|BDAT) command\)$')"
  assertEquals 1 "$(journal m2 | grep -c 'deferred 4.3.0')"
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m3)"
}
testContentRefused() { each_way way_content; }

testDataRefused() {
  for way in "$STEP" "$PIPE"; do
    peer "$way" -r '1/DATA=>450 4.7.1 greylisted'
    message m1
    message m2
    { echo "$SITE"; job m1 - alice@x.tld; job m2 - alice@x.tld; echo '=wait done m2'; echo '=end'; } | send
    assertEquals "0 deferred 4.7.1 $(relay) $(host) said: 450 4.7.1 greylisted (in reply to DATA command)" "$(journal m1)"
    same m2 1
    assertEquals 1 "$(commands | grep -c RSET)"
    tearDown
    setUp
  done
}

testDataAcceptedWithoutRecipients() {
  peer "$PIPE" -r 'RCPT*<bob@*=>550 5.1.1 no' -r '1/DATA=>354 go on all the same'
  message m1
  message m2
  { echo "$SITE"; job m1 - bob@x.tld; job m2 - alice@x.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals 1 "$(journal m1 | grep -c 'failed 5.1.1')"
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m2)"
  assertEquals 1 "$(messages_kept)"
}

# RFC 5321 section 4.5.3.1.10
way_toomany() {
  peer "$1" -r '3/RCPT*=>452 4.5.3 too many' -r '3/RCPT*=>452 4.5.3 too many'
  message m1
  { echo "$SITE"; job m1 - a@x.tld b@x.tld c@x.tld d@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 4 "$(journal m1 | grep -c sent)"
  assertEquals 2 "$(messages_kept)"
  assertEquals 1 "$(said | grep -c '^done')"
}
testTooManyRecipients() { each_way way_toomany; }

# The same in other words, or with the end of the connection.
way_toomany_words() {
  for reply in '550 5.5.3 no more' '550 Too many recipients' '552 too much' '554 5.7.1 too many recipients' '451 4.5.3 no' \
    '421 4.5.3 too many recipients'; do
    tearDown
    setUp
    peer "$1" -r "3/RCPT*=>$reply"
    message m1
    { echo "$SITE"; job m1 - a@x.tld b@x.tld c@x.tld d@x.tld; echo '=wait done'; echo '=end'; } | send
    assertEquals "$1 $reply: $(journal m1)" 4 "$(journal m1 | grep -c sent)"
    assertFalse "$1 $reply" 'said | grep -q ^down'
  done
}
testTooManyRecipientsInOtherWords() { each_way way_toomany_words; }

# The first recipient, refused in such words, is refused.
testOneRecipientIsNotTooMany() {
  peer "$PIPE" -r '1/RCPT*=>550 5.5.3 too many recipients'
  message m1
  { echo "$SITE"; job m1 - a@x.tld b@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 'failed sent' "$(journal m1 | sort | cut -d' ' -f2 | xargs)"
}

# A server that ends a connection with the twentieth error; all but one are unknown there.
way_errors() {
  peer "$1" -r '21/RCPT*=>421 4.7.0 too many errors' -r 'RCPT*<u*=>550 5.1.1 unknown'
  message m1
  recipients=$(awk 'BEGIN { for (i = 0; i < 50; i++) print "u" i "@x.tld" }')
  # shellcheck disable=SC2086
  { echo "$SITE"; job m1 - $recipients known@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals "$1" '50 failed 1 sent' "$(journal m1 | cut -d' ' -f2 | sort | uniq -c | xargs)"
  assertFalse "$1" 'said | grep -q ^down'
}
testMoreUnknownRecipientsThanErrorsAllowed() { each_way way_errors; }

# Offered and not known: the content goes another way, and that is remembered.
testChunkingThatIsNotKnown() {
  for reply in '500 5.5.2 what' '502 5.5.1 what'; do
    tearDown
    setUp
    peer "$CHUNK" -r "BDAT*=>$reply"
    for id in m1 m2; do message $id; done
    { echo "$SITE"; for id in m1 m2; do job $id - a@x.tld; done; echo '=wait done'; echo '=wait done'; echo '=end'; } | send
    for id in m1 m2; do assertEquals "$reply" "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal $id)"; done
    assertEquals "$reply" 'without CHUNKING' "$(said | grep ^without)"
    assertEquals "$reply" 2 "$(log_count connect)"
  done
}

# Nobody has what was not sent; and what is to come would be read for commands.
testTakenBeforeItWasSent() {
  peer "$CHUNK" -s 8192 -r 'BDAT*=>early 250 2.0.0 taken, unseen'
  { printf 'Subject: m1\r\n\r\n'; yes "$(printf '%078d\r' 0)" | head -n 100000; } >"$T/work/m1"
  wc -c <"$T/work/m1" >"$T/work/m1.length"
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait rcpt'; echo '=end'; } | send
  assertEquals "$(journal m1)" deferred "$(journal m1 | cut -d' ' -f2)"
  assertContains "$(journal m1)" 'taken, unseen'
  wait_for 10 eval '[ "$(log_count end)" = 1 ]'
}

# --- the site is away ---------------------------------------------------------------

# down_is TEXT: one job, and that is the last word; nobody is told anything about the message.
down_is() {
  message m1
  { echo "$SITE timeouts=1"; job m1 - alice@x.tld; } | send
  assertEquals "$1" "$(said | tail -n 1)"
  assertFalse 'reported' 'said | grep -q ^rcpt'
  assertEquals '' "$(journal m1)"
}

testConnectionRefused() {
  free_port PEERPORT
  SITE="site [127.0.0.1]:$PEERPORT"
  down_is "down 4.4.1 connect to $(relay): Connection refused"
  assertEquals "smtp-send: connect to $(relay): Connection refused" "$(head -n 1 "$T/log")"
  assertEquals 'who follows the message is told' \
    "smtp-send: m1: to=<alice@x.tld>, dsn=4.4.1, status=deferred (connect to $(relay): Connection refused)" \
    "$(sed -n '2s/ relay=.*, dsn/ dsn/p' "$T/log")"
}

testGreetingRefused() {
  peer "$PIPE" -r 'CONNECT=>554 5.3.2 go away'
  down_is "down 4.3.2 $(host) refused to talk to me: 554 5.3.2 go away"
}

testGreeting421() {
  peer "$PIPE" -r 'CONNECT=>421 busy'
  down_is "down 4.0.0 $(host) refused to talk to me: 421 busy"
}

testGreetingDropped() {
  peer "$PIPE" -r 'CONNECT=>drop'
  down_is 'down 4.4.2 lost connection with 127.0.0.1[127.0.0.1] while receiving the initial server greeting'
}

testGreetingMute() {
  peer "$PIPE" -r 'CONNECT=>mute'
  down_is 'down 4.4.2 conversation with 127.0.0.1[127.0.0.1] timed out while receiving the initial server greeting'
}

testNotSmtp() {
  peer "$PIPE" -r 'CONNECT=>SSH-2.0-OpenSSH'
  down_is "down 4.5.0 $(host) does not speak SMTP: SSH-2.0-OpenSSH"
}

testEhlo() {
  peer "$PIPE" -r 'EHLO*=>450 4.0.0 not now'
  down_is "down 4.0.0 $(host) said: 450 4.0.0 not now (in reply to EHLO command)"
}

testHelo() {
  peer "$PIPE" -r 'EHLO*=>502 what'
  message m1
  { echo "$SITE"; job m1 - alice@x.tld; echo '=wait done'; echo '=end'; } | send
  same m1 1
  assertEquals 'HELO relay.example' "$(commands | grep HELO)"
  assertFalse 'spoke too early' 'log_has early'
}

# undone ID CODE TEXT: the connection ended with it; that is in its journal, and is no word about the site.
undone() {
  assertEquals "0 deferred $2 $(relay) $3" "$(journal "$1" | tail -n 1)"
  assertTrue "$(said)" "said | grep -qx 'cut $1 0'"
  assertFalse "$(said)" 'said | grep -q ^down'
  assertTrue "$(cat "$T/log")" "grep -q '^smtp-send: $1: to=<.*, dsn=$2, status=deferred (' '$T/log'"
}

# 421 as the answer to a command of the only message there is.
way_421() {
  for command in MAIL RCPT; do
    tearDown
    setUp
    peer "$1" -r "$command*=>421 4.3.2 closing"
    message m1
    { echo "$SITE timeouts=1"; job m1 - alice@x.tld; echo '=wait cut'; echo '=wait vain'; echo '=end'; } | send
    words="$(host) said: 421 4.3.2 closing (in reply to $command $([ $command = MAIL ] && echo FROM || echo TO) command)"
    undone m1 4.3.2 "$words"
    assertEquals "vain m1 4.3.2 $words" "$(said | tail -n 1)"
    assertEquals 'connections' "$([ $command = MAIL ] && echo 2 || echo 1)" "$(log_count connect)"
  done
}
test421() { each_way way_421; }

# A server that takes one message a connection.
way_421later() {
  peer "$1" -r '2/MAIL*=>421 4.3.2 enough'
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3; do job $id - alice@x.tld; done; echo '=wait done'; echo '=wait done'; echo '=wait done'
    echo '=end'; } | send
  for id in m1 m2 m3; do assertEquals "$1" "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal $id)"; done
}
test421AfterSuccessIsNotDown() { each_way way_421later; }

# --- lost in the middle -------------------------------------------------------------

# The one that does it is put off, the other goes.
way_lost() {
  for event in MAIL RCPT; do
    for how in drop mute; do
      tearDown
      setUp
      peer "$1" -r "$event*<poison@*=>$how"
      message poison
      message m2
      last='done m2'
      [ $event = RCPT ] || last='cut poison' # it gave its place to the other
      { echo "$SITE timeouts=1"; echo '=together'; job poison - poison@x.tld bob@x.tld; job m2 - alice@x.tld
        echo "=wait $last"; echo '=end'; } | send
      assertEquals "$1 $event $how" 2 "$(journal poison | grep -cE "deferred 4.4.2 .*(lost connection with|timed out while)")"
      assertEquals "$1 $event $how" "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m2)"
      assertFalse "$1 $event $how: $(said)" 'said | grep -q ^down'
      assertTrue "$1 $event $how: $(said)" 'said | grep -qx "cut poison 0"'
    done
  done
}
testLostInTheMiddle() { each_way way_lost; }

way_lostlater() {
  peer "$1" -r '2/CONTENT=>drop'
  for id in m1 m2 m3; do message $id; done
  { echo "$SITE"; for id in m1 m2 m3; do job $id - alice@x.tld; done; echo '=wait done m3'; echo '=end'; } | send
  for id in m1 m3; do assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal $id)"; done
  assertEquals 1 "$(journal m2 | grep -c 'deferred 4.4.2')"
  assertTrue "$(said)" 'said | grep -qx "cut m2 0"'
}
testLostAfterSuccessIsNotDown() { each_way way_lostlater; }

way_lostcontent() {
  peer "$1" -d 100000
  yes "$(printf %070d 0)" | head -n 28000 | sed 's/$/\r/' >"$T/work/m1"
  wc -c <"$T/work/m1" >"$T/work/m1.length"
  { echo "$SITE"; job m1 - alice@x.tld; echo '=wait cut'; echo '=end'; } | send
  assertEquals "$1: $(journal m1)" 1 "$(journal m1 | grep -c 'deferred 4.4.2')"
}
testLostInTheContent() { each_way way_lostcontent; }

testIdleConnectionClosed() {
  peer "$PIPE" -r '2/MAIL*=>drop'
  message m1
  message m2
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait done m1'; job m2 - a@x.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals 'not blamed, and sent by another' "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m2)"
}

# A peer that writes a lot before it reads again, through narrow buffers.
testNoDeadlock() {
  long=$(awk 'BEGIN { for (i = 0; i < 20; i++) printf "250-%0900d\\n", i; print "250 ok" }')
  peer "$CHUNK" -s 4096 -r "RCPT*=>$long"
  yes "$(printf %070d 0)" | head -n 4200 | sed 's/$/\r/' >"$T/work/m1"
  wc -c <"$T/work/m1" >"$T/work/m1.length"
  recipients=$(awk 'BEGIN { for (i = 0; i < 200; i++) print "user" i "@x.tld" }')
  # shellcheck disable=SC2086
  { echo "$SITE timeouts=20"; job m1 - $recipients; echo '=wait done'; echo '=end'; } | send
  assertEquals 200 "$(journal m1 | grep -c ' sent ')"
}

# --- stopping -----------------------------------------------------------------------

testEndWithNothingToDo() {
  echo '=end' | send
  assertEquals 0 $?
  assertEquals '' "$(cat "$T/said" "$T/log")"
}

testTermWhenIdle() {
  peer "$PIPE"
  message m1
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait done'; echo '=term'; } | send
  assertEquals 0 $?
  assertEquals QUIT "$(commands | tail -n 1)"
}

testTermWhileOnTheWire() {
  peer "$CHUNK" -w 1000
  message m1
  message m2
  { echo "$SITE"; job m1 - a@x.tld; echo "=go while ! grep -q 'C BDAT' $T/peer/log; do sleep 0.1; done"
    echo '=term'; job m2 - a@x.tld; } | send
  assertEquals 0 $?
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m1)"
  assertEquals '' "$(journal m2)"
}

testTermIsNotHeldUp() {
  peer "$CHUNK" -r 'CONTENT=>mute'
  message m1
  began=$(date +%s)
  { echo "$SITE"; job m1 - a@x.tld; echo "=go while ! grep -q mute $T/peer/log; do sleep 0.1; done"; echo '=term'; } | send
  assertEquals 0 $?
  assertTrue 'took too long' "[ $(($(date +%s) - began)) -le 8 ]"
  assertEquals 'nobody is to blame' '' "$(journal m1)"
}

testQmgrDies() {
  peer "$CHUNK" -w 500
  message m1
  { echo "$SITE"; job m1 - a@x.tld; echo "=go while ! grep -q 'C BDAT' $T/peer/log; do sleep 0.1; done"; echo '=close'; } | send
  assertEquals 0 $?
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m1)"
}

# --- what is wrong here -------------------------------------------------------------

# What was begun cannot be ended: the connection ends, and what was behind it goes over another.
way_short() {
  peer "$1"
  for id in m1 m2 m3; do message $id; done
  echo 1000 >"$T/work/m2.length"
  { echo "$SITE"; echo '=together'; for id in m1 m2 m3; do job $id - a@x.tld; done; echo '=wait done m3'; echo '=end'; } | send
  assertEquals "$1" 0 $?
  assertEquals "$1" "rcpt m2 0 deferred 4.3.0 $(relay) unable to read the message's file: too short" "$(said | grep '^rcpt m2')"
  assertEquals "$1" 'done m1 done m2 done m3' "$(said | grep '^done' | xargs)"
  assertFalse "$1: $(said)" 'said | grep -q ^down'
  assertEquals "$1" "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m3)"
  assertEquals "$1: only what is whole" 2 "$(log_count content)"
  for id in m1 m3; do
    head -c "$(cat "$T/work/$id.length")" "$T/work/$id" >"$T/work/expected"
    assertTrue "$1: $id" "cat '$T'/peer/msg.*.1 | grep -qF '$(sed -n '$p' "$T/work/expected")'"
  done
}
testShortFile() { each_way way_short; }

# A file of the queue that somebody has written into: no peer is to find the end of a message, or a command, in it.
way_unfit() {
  peer "$1"
  message m1
  message m2 'a\r\n\r\nb\n.\nMAIL FROM:<x@y>\r\n'
  message m3 'a\r\n\r\nb\r.\r\n'
  message m4 'a\r\n\r\nb\0c\r\n'
  message m5 'a\r\n\r\nb\r'
  message m6
  { echo "$SITE"; echo '=together'; for id in m1 m2 m3 m4 m5 m6; do job $id - a@x.tld b@x.tld; done
    echo '=wait done m6'; echo '=end'; } | send
  assertEquals "$1" 0 $?
  for id in m2 m3 m4 m5; do
    assertEquals "$1: $id" 2 "$(said | grep -c "^rcpt $id [01] failed 5.6.0 ")"
    assertEquals "$1: $id" 2 "$(journal $id | grep -c 'failed 5.6.0 ')"
  done
  same m1 1
  same m6 2
  assertEquals "$1: only what is fit" 2 "$(commands | grep -c '^MAIL')"
}
testUnfit() { each_way way_unfit; }

# So it is with what was said of its lines.
way_flags() {
  peer "$1"
  message m1 '.a\r\n.\r\nMAIL FROM:<x@y>\r\n.'
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals "$1: one message" 1 "$(messages_kept)"
  assertEquals "$1: as it was" ".a,.,MAIL FROM:<x@y>,.," "$(tr -d '\r' <"$(kept 1)" | awk '{ printf "%s,", $0 }')"
}
testFlagsAreLookedUp() { each_way way_flags; }

testTornJournal() {
  peer "$CHUNK" -r 'RCPT*<b@*=>550 5.1.1 no'
  message m1
  printf '1763711153.000001 0 defer' >>"$T/work/m1"
  { echo "$SITE"; job m1 - a@x.tld b@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals 'lines of the journal' 3 "$(journal m1 | wc -l)"
  assertEquals "0 sent 2.0.0 $(relay) 250 2.0.0 ok" "$(journal m1 | tail -n 1)"
}

# A journal that cannot be written is said, and does not keep the report from qmgr.
testJournalFull() {
  peer "$CHUNK"
  message m1
  { echo "$SITE"; sed "s,@$T/work/m1,@/dev/full," <<EOT
$(job m1 - a@x.tld)
EOT
    echo '=wait done'; echo '=end'; } | send
  assertEquals 'done m1' "$(said | tail -n 1)"
  assertTrue "$(cat "$T/log")" "grep -q '^smtp-send: m1: unable to write to the journal: No space left on device' '$T/log'"
}

testSenselessLine() {
  peer "$CHUNK"
  message m1
  { echo "$SITE"; job m1 - a@x.tld; echo '=wait done'; echo 'nonsense'; } | send
  assertEquals 100 $?
  assertEquals 'smtp-send: fatal: job line makes no sense: nonsense' "$(tail -n 1 "$T/log")"
}

testMailWithoutDescriptor() {
  printf 'site [127.0.0.1]:1\nmail m1 1 0 0 - <a@b.tld>\n' | send
  assertEquals 100 $?
}

# --- looking for the host -----------------------------------------------------------

# never_is DOMAIN RESULT: refused for good, without a connection, whenever it comes.
never_is() {
  message m1
  message m2
  { echo "site $1:$PEERPORT me=relay.example listen=127.0.0.1:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"
    job m1 - a@x.tld; echo '=wait done m1'; job m2 - a@x.tld; echo '=wait done m2'; echo '=end'; } | send
  assertEquals "0 failed $2" "$(journal m1)"
  assertEquals "0 failed $2" "$(journal m2)"
  assertFalse "$(said)" 'said | grep -q ^down'
}

testHosts() {
  free_port PEERPORT
  dns_start <<EOT
null MX 0 .
us MX 10 relay
us MX 20 other
usaddress MX 10 loop
usaddress MX 20 other
relay A 127.0.0.77
loop A 127.0.0.1
other A 127.0.0.88
nothing TXT "nothing"
nohost MX 10 missing
dead MX 10 other
dead MX 5 gone
gone A 127.0.0.89
dead MX 20 never
never A 127.0.0.91
chain CNAME chain2
chain2 CNAME dead
EOT
  never_is null.example '5.1.10 none Domain does not accept mail (null MX): null.example'
  never_is us.example '5.4.6 none mail for us.example loops back to myself'
  never_is usaddress.example '5.4.6 none mail for usaddress.example loops back to myself'
  never_is nosuch.example '5.4.4 none Host or domain name not found: nosuch.example'
  never_is nothing.example '5.4.4 none Host or domain name found, but it has no address: nothing.example'
  message m1
  { echo "site dead.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals 'all in order of preference' '127.0.0.89 127.0.0.88 127.0.0.91' \
    "$(sed -n 's/^smtp-send: connect to .*\[\(.*\)\]:.*refused$/\1/p' "$T/log" | xargs)"
  assertEquals "down 4.4.1 connect to never.example[127.0.0.91]:$PEERPORT: Connection refused" "$(said | tail -n 1)"
  { echo "site chain.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals "down 4.4.1 connect to never.example[127.0.0.91]:$PEERPORT: Connection refused" "$(said | tail -n 1)"
  { echo "site servfail.broken:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals 'down 4.4.3' "$(said | tail -n 1 | cut -d' ' -f1,2)"
  dns_stop
}

testNextAddress() {
  peer "$CHUNK"
  dns_start <<EOT
site MX 10 away
site MX 20 here
away A 127.0.0.99
here A 127.0.0.1
EOT
  message m1
  { echo "site site.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  same m1 1
  assertEquals "up here.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  dns_stop
}

# Names that are no host names by the book are in use: the DNS is asked.
testOddNamesOfMx() {
  peer "$CHUNK"
  dns_start <<EOT
dash MX 10 mx-
mx- A 127.0.0.1
under MX 10 _mx_.-a-
_mx_.-a- A 127.0.0.1
number MX 10 127.0.0.1.
blank MX 10 a\\032b
blank MX 20 mx-
a\\032b A 127.0.0.99
bad MX 10 a\\032b
bad MX 20 a\\010b
bad MX 30 missing
badnull MX 0 .
badnull MX 10 [a]
badus MX 10 [b]
badus MX 20 relay
EOT
  for domain in dash:mx- under:_mx_.-a- blank:mx-; do
    message m1
    { echo "site ${domain%:*}.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
    assertEquals "up ${domain#*:}.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
    assertEquals "0 sent" "$(journal m1 | cut -d' ' -f1,2)"
  done
  # Nothing about the name is known for certain while one MX could not be used.
  for domain in bad badnull badus; do
    { echo "site $domain.example:$PEERPORT me=relay.example nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
    assertEquals "down 4.4.4 Host or domain name not found, try again: unusable MX of $domain.example" "$(said | tail -n 1)"
  done
  # An address is not the name of a host: the root is asked for it, and this server does not know.
  { echo "site number.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals 'down 4.4.3' "$(said | tail -n 1 | cut -d' ' -f1,2)"
  dns_stop
}

# mute_start [ADDRESS:PORT]: a name server that is mute about some names, before the other one; see tests/peer/dns-mute.
mute_start() {
  [ $# = 1 ] || free_port MUTEPORT
  rm -f "$T/mute"
  tests/peer/dns-mute "${1-127.0.0.1:$MUTEPORT}" "127.0.0.1:$DNSPORT" "$T/mute" </dev/null >"$T/mute.out" 2>&1 &
  mute_pid=$!
  wait_for 10 test -e "$T/mute"
}
mute_stop() {
  kill "$mute_pid"
  wait "$mute_pid" 2>/dev/null
}

# A host is looked for no longer than it may be; a name that gets no answer leaves the others their time.
testMuteNames() {
  peer "$CHUNK"
  dns_start <<EOT
$(n=0; while [ $((n += 1)) -le 20 ]; do echo "all MX $n mute$n"; done)
some MX 1 mute1
some MX 2 mute2
some MX 3 mute3
some MX 4 no6
no6 A 127.0.0.1
EOT
  mute_start || fail "$(cat "$T/mute.out")"
  message m1
  { echo "site all.example:$PEERPORT lookup=4 nameserver=127.0.0.1:$MUTEPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals 'down 4.4.3 Host or domain name not found, try again: no answer about all.example' "$(said)"
  { echo "site mute.example:$PEERPORT lookup=2 nameserver=127.0.0.1:$MUTEPORT loopbackdns=1"; job m1 - a@x.tld; } | send
  assertEquals 'down 4.4.3 Host or domain name not found, try again: no answer about mute.example' "$(said)"
  { echo "site some.example:$PEERPORT lookup=12 nameserver=127.0.0.1:$MUTEPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send 40
  assertEquals "up no6.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  mute_stop
  dns_stop
}

# Over 16 KiB, which is more than many a resolver has room for, and nearly all that TCP can carry; the best are taken.
testLongAnswers() {
  peer "$CHUNK"
  for count in 1200 2600; do
    {
      n=0
      while [ $((n += 1)) -le $count ]; do echo "site MX $((100 + n)) mx$n.a.rather.long.name.for.a.host"; done
      echo 'site MX 5 here'
      echo 'here A 127.0.0.1'
    } >"$T/zone"
    dns_start <"$T/zone"
    message m1
    { echo "site site.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send 60
    assertEquals "$count" "up here.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
    dns_stop
  done
}

# cut_start HOW: see tests/peer/dns-cut.
cut_start() {
  free_port MUTEPORT
  rm -f "$T/mute"
  tests/peer/dns-cut "127.0.0.1:$MUTEPORT" "127.0.0.1:$DNSPORT" "$T/mute" "$1" </dev/null >"$T/mute.out" 2>&1 &
  mute_pid=$!
  wait_for 10 test -e "$T/mute" || fail "$(cat "$T/mute.out")"
}

# A name server whose answers are cut short over UDP, and that is no better over TCP, holds nothing for longer than another.
testCutAnswers() {
  peer "$CHUNK"
  dns_start <<EOT
site MX 1 here
here A 127.0.0.1
none TXT "none"
EOT
  cut_start pass
  message m1
  { echo "site site.example:$PEERPORT nameserver=127.0.0.1:$MUTEPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send 60
  assertEquals "up here.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  for name in none:'found, but it has no address' missing:'not found'; do
    message m1
    { echo "site ${name%%:*}.example:$PEERPORT nameserver=127.0.0.1:$MUTEPORT"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send 60
    assertEquals "0 failed 5.4.4 none Host or domain name ${name#*:}: ${name%%:*}.example" "$(journal m1)"
  done
  mute_stop
  for how in mute half drip close another cut refuse; do
    cut_start $how
    { echo "site site.example:$PEERPORT lookup=2 nameserver=127.0.0.1:$MUTEPORT loopbackdns=1"; job m1 - a@x.tld; } | send 60
    assertEquals "$how" 'down 4.4.3 Host or domain name not found, try again: no answer about site.example' "$(said)"
    [ $how = refuse ] || assertTrue "$how: asked" "[ -s '$T/mute' ]"
    mute_stop
  done
  dns_stop
}

# Nobody waits for what is looked up any more.
testGivenUpInALookup() {
  dns_start </dev/null
  mute_start || fail "$(cat "$T/mute.out")"
  message m1
  { echo "site mute.example:25 lookup=60 nameserver=127.0.0.1:$MUTEPORT"; job m1 - a@x.tld; echo '=go sleep 1'; echo '=end'; } | send 20
  assertEquals 'it has ended' 0 $?
  assertNull "$(said)" "$(said)"
  mute_stop
  dns_stop
}

# A site that hangs has so many seconds until it is up, over all of its addresses and however it hangs.
testReach() {
  four=127.0.0.2,127.0.0.3,127.0.0.4,127.0.0.5
  peer "$CHUNK"
  dns_start <<EOT
mutes MX 1 one
mutes MX 2 two
mutes MX 3 three
mutes MX 4 four
last MX 1 one
last MX 2 two
last MX 3 three
last MX 4 four
last MX 5 five
one A 127.0.0.2
two A 127.0.0.3
three A 127.0.0.4
four A 127.0.0.5
five A 127.0.0.1
EOT
  for how in mute late:60 octets lines flood ehlo:mute ehlo:octets ehlo:lines; do
    slow four "$how" "$four:$PEERPORT"
    message m1
    { echo "site mutes.example:$PEERPORT reach=3 nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send 40
    assertEquals "$how: ends by itself" 0 $?
    assertEquals "$how" 'down 4.4.2' "$(said | tail -n 1 | cut -d' ' -f1,2)"
    assertEquals "$how: all were tried" 4 "$(grep -c connect "$SLOW")"
    slow_stop
  done
  slow four mute "$four:$PEERPORT"
  message m1
  { echo "site last.example:$PEERPORT reach=16 nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send 60
  assertEquals 'the last one has its time' "up five.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  slow_stop
  dns_stop
}

# The first servers of resolv.conf are mute, or nobody; the third is asked, and from then on first.
testMuteNameServers() {
  unshare -m true 2>/dev/null || {
    skip 'needs root, and a mount namespace of its own'
    return
  }
  peer "$CHUNK"
  dns_start <<EOT
site MX 1 mute1
site MX 2 mute2
site MX 3 here
here A 127.0.0.1
EOT
  mute_start 127.53.53.3:53 || {
    dns_stop
    skip 'port 53 is taken'
    return
  }
  socat -u UDP-RECV:53,bind=127.53.53.1 "CREATE:$T/unanswered" &
  socat_pid=$!
  printf 'nameserver %s\n' 127.53.53.1 ::1 127.53.53.3 >"$T/resolv.conf"
  mkdir "$T/apart"
  cat >"$T/apart/smtp-send" <<EOT
#!/bin/sh
exec unshare -m sh -c 'mount --bind $T/resolv.conf /etc/resolv.conf && exec $BIN/smtp-send'
EOT
  chmod +x "$T/apart/smtp-send"
  message m1
  { echo "site site.example:$PEERPORT lookup=15 loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | BIN=$T/apart send
  assertEquals "$(cat "$T/log")" "up here.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  assertTrue 'the mute server was asked' "[ -s '$T/unanswered' ]"
  kill $socat_pid
  wait $socat_pid 2>/dev/null
  mute_stop
  dns_stop
}

# An MX that calls itself what we call ourselves; in its greeting, or in its reply to EHLO.
testOursByName() {
  dns_start <<EOT
us MX 10 here
behind MX 10 away
behind MX 20 here
away A 127.0.0.99
here A 127.0.0.1
EOT
  for rule in 'CONNECT=>220 RELAY.example ESMTP' 'EHLO*=>250-relay.example hello\n250 PIPELINING'; do
    peer "$PIPE" -r "$rule"
    message m1
    { echo "site us.example:$PEERPORT me=relay.example nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'
      echo '=end'; } | send
    assertEquals "$rule" '0 failed 5.4.6 none mail for us.example loops back to myself' \
      "$(journal m1 | sed 's/ here.example[^ ]* / none /')"
    { echo "site behind.example:$PEERPORT me=relay.example nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; } | send
    assertEquals "$rule: not the best" 'down 4.4.6 host here.example[127.0.0.1] goes by our own name' "$(said | tail -n 1)"
    { echo "$SITE"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
    assertEquals "$rule: the host that a route names" 1 "$(messages_kept)"
    tearDown
    setUp
  done
  dns_stop
}

testLocalhostNeedsNoServer() {
  peer "$CHUNK"
  message m1
  { echo "site [localhost]:$PEERPORT nameserver=127.0.0.1:1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  same m1 1
}

testOurselves() {
  free_port PEERPORT
  for listen in "0.0.0.0:$PEERPORT" "192.0.2.7:$PEERPORT,127.0.0.1:$PEERPORT" "127.0.0.1:$PEERPORT,[::]:1" "192.0.2.7:1,[::]:$PEERPORT"; do
    message m1
    { echo "site [127.0.0.1]:$PEERPORT listen=$listen"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
    assertEquals "$listen" '0 failed 5.4.6 none mail for 127.0.0.1 loops back to myself' "$(journal m1)"
  done
  message m1
  { echo "site [127.0.0.1]:$PEERPORT listen=192.0.2.7:$PEERPORT,127.0.0.1:1"; job m1 - a@x.tld; } | send
  assertContains "$(said)" "down 4.4.1 connect to 127.0.0.1[127.0.0.1]"
}

# The wildcard as an address leads to this host whatever interface it listens at; so does IPv4 inside IPv6.
testOurselvesInDisguise() {
  free_port PEERPORT
  dns_start <<EOT
zero MX 10 zero4
zero MX 20 other
zero4 A 0.0.0.0
colons MX 10 colons6
colons6 AAAA ::
mapped MX 10 mapped6
mapped6 AAAA ::ffff:127.0.0.1
mappedzero AAAA ::ffff:0.0.0.0
ninth MX 10 ninth4
$(for n in 11 12 13 14 15 16 17 18; do echo "ninth4 A 127.0.0.$n"; done)
ninth4 A 127.0.0.1
other A 127.0.0.88
EOT
  for domain in zero colons mapped mappedzero ninth; do
    never_is "$domain.example" "5.4.6 none mail for $domain.example loops back to myself"
  done
  never_is '[zero4.example]' '5.4.6 none mail for zero4.example loops back to myself'
  never_is '[0.0.0.0]' '5.4.6 none mail for 0.0.0.0 loops back to myself'
  never_is '[::ffff:127.0.0.1]' '5.4.6 none mail for 127.0.0.1 loops back to myself'
  dns_stop
}

# Whoever publishes the loopback for his name means this very host: ourselves at our port, and at others what was not
# meant for him.  Behind a translator, or a tunnel, it is the same.
HERE='A=127.0.0.2 A=127.255.255.254 AAAA=::1 AAAA=::ffff:127.0.0.2 AAAA=64:ff9b::127.0.0.2 AAAA=2002:7f00:2:: AAAA=::127.0.0.2
  AAAA=::ffff:0:127.0.0.2 A=0.0.0.0 AAAA=:: AAAA=64:ff9b::0.0.0.0 AAAA=2002:: AAAA=64:ff9b:1::127.0.0.2 '
NOWHERE='A=0.1.2.3 A=169.254.169.254 A=224.0.0.1 A=239.1.2.3 A=240.0.0.1 A=255.255.255.255 AAAA=fe80::1 AAAA=febf::1 AAAA=fec0::1 AAAA=ff02::1
  AAAA=2002:e000:1:: AAAA=64:ff9b::169.254.169.254 AAAA=::ffff:255.255.255.255 AAAA=::224.0.0.1
  AAAA=64:ff9b:1:2::169.254.169.254'
addresses() {
  n=0
  for a in $HERE $NOWHERE; do
    n=$((n + 1))
    printf 'host%d %s %s\nmx%d MX 10 host%d\nbehind%d MX 10 away\nbehind%d MX 20 host%d\nfirst%d MX 10 host%d\nfirst%d MX 20 away\n' \
      $n "${a%%=*}" "${a#*=}" $n $n $n $n $n $n $n $n
  done
  printf 'away A 192.0.2.1\nlocal MX 10 localhost.\nlocal2 MX 10 any.localhost.\nalias MX 10 link\nlink CNAME host1\n'
}

testLoopbackOfTheDns() {
  free_port PEERPORT
  addresses >"$T/zone"
  dns_start <"$T/zone"
  n=0
  for a in $HERE; do
    n=$((n + 1))
    strangers_is "mx$n.example" '5.4.6 none mail for '"mx$n.example loops back to myself" "$PEERPORT"
    strangers_is "host$n.example" '5.4.6 none mail for '"host$n.example loops back to myself" "$PEERPORT"
    strangers_is "mx$n.example" "5.4.4 none Host or domain name found, but it has no address that mail goes to: mx$n.example" 1
  done
  for a in $NOWHERE; do
    n=$((n + 1))
    strangers_is "mx$n.example" "5.4.4 none Host or domain name found, but it has no address that mail goes to: mx$n.example" "$PEERPORT"
  done
  for name in local local2 alias; do
    strangers_is "$name.example" "5.4.6 none mail for $name.example loops back to myself" "$PEERPORT"
  done
  strangers_is localhost '5.4.6 none mail for localhost loops back to myself' "$PEERPORT"
  strangers_is a.localhost '5.4.4 none Host or domain name found, but it has no address that mail goes to: a.localhost' 1
  dns_stop
}

# strangers_is DOMAIN RESULT PORT: refused for good, while our own server is at that port.
strangers_is() {
  message m1
  { echo "site $1:$PEERPORT me=relay.example listen=192.0.2.7:$3 nameserver=127.0.0.1:$DNSPORT loopbackdns=0"
    job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals "$1" "0 failed $2" "$(journal m1)"
}

# The host of a route is what its operator says: mail waits until he sees to it.  What he says in so many words is taken.
testLoopbackOfARoute() {
  peer "$CHUNK"
  addresses >"$T/zone"
  dns_start <"$T/zone"
  message m1
  { echo "site [host1.example]:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=0"; job m1 - a@x.tld; } | send
  assertEquals 'down 4.4.4 mail goes to no loopback or reserved address that the DNS has: host1.example' "$(said)"
  { echo "site [localhost]:$PEERPORT nameserver=127.0.0.1:1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  same m1 1
  dns_stop
}

# apart: the same once more, where addresses of others are at hand and nobody listens at them.
apart() {
  unshare -n true 2>/dev/null || {
    skip 'needs root, and a network namespace of its own'
    return
  }
  APART=1 timeout 300 unshare -n sh -c 'ip link set lo up && for a in 192.0.2.1 192.0.2.2 10.255.255.1; do
    ip address add $a/32 dev lo || exit; done && exec sh tests/smtp-send.sh -- testLoopbackAmongOthers' >"$T/apart.out" 2>&1 ||
    fail "$(cat "$T/apart.out")"
}

# Behind a better MX, an address that mail does not go to is nobody's; private ones are somebody's.
testLoopbackAmongOthers() {
  [ -n "${APART-}" ] || {
    apart
    return
  }
  free_port PEERPORT
  { addresses; echo 'private MX 10 inside'; echo 'inside A 10.255.255.1'; echo 'inside A 192.0.2.2'
    echo 'behind64 AAAA 64:ff9b::192.0.2.1'; echo 'tunnel AAAA 2002:c000:201::5'; } >"$T/zone"
  dns_start <"$T/zone"
  for n in 1 3 5 6 9 14; do
    for which in behind first; do
      message m1
      { echo "site $which$n.example:$PEERPORT timeouts=1 listen=192.0.2.7:1 nameserver=127.0.0.1:$DNSPORT loopbackdns=0"; job m1 - a@x.tld; } | send 30
      assertContains "$which$n" "$(said | tail -n 1)" 'down 4.4.1 connect to away.example[192.0.2.1]'
    done
  done
  { echo "site private.example:$PEERPORT timeouts=1 listen=192.0.2.7:1 nameserver=127.0.0.1:$DNSPORT"; job m1 - a@x.tld; } | send 30
  assertContains "$(cat "$T/log")" 'inside.example[10.255.255.1]'
  # An interface's address is ours where our server listens at all of them.
  for name in away behind64 tunnel; do
    message m1
    { echo "site $name.example:$PEERPORT timeouts=1 listen=0.0.0.0:$PEERPORT nameserver=127.0.0.1:$DNSPORT"; job m1 - a@x.tld
      echo '=wait done'; echo '=end'; } | send 30
    assertEquals "0 failed 5.4.6 none mail for $name.example loops back to myself" "$(journal m1)"
  done
  dns_stop
}

# At another port than ours the wildcard is nobody's address, and IPv4 inside IPv6 is IPv4.
testAddressesThatAreNone() {
  peer "$CHUNK"
  dns_start <<EOT
none MX 10 zero
none MX 10 colons
site MX 10 zero
site MX 20 here
zero A 0.0.0.0
colons AAAA ::
here AAAA ::ffff:127.0.0.1
EOT
  message m1
  { echo "site none.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals '0 failed 5.4.4 none Host or domain name found, but it has no address that mail goes to: none.example' "$(journal m1)"
  message m1
  { echo "site site.example:$PEERPORT nameserver=127.0.0.1:$DNSPORT loopbackdns=1"; job m1 - a@x.tld; echo '=wait done'; echo '=end'; } | send
  assertEquals "up here.example[127.0.0.1]:$PEERPORT" "$(said | grep '^up' | cut -d' ' -f1,2)"
  same m1 1
  dns_stop
}

# --- from the command line ---------------------------------------------------------------

from_commandline() { "$BIN/smtp-send" "$@" >"$T/said" 2>"$T/log"; }

testByHand() {
  peer "$PIPE" -r 'RCPT*<bob@*=>550 5.1.1 no' -r 'RCPT*<carol@*=>450 4.2.1 later'
  printf 'Subject: x\n\n.dot\r\nlast' | from_commandline -H hand.example "[127.0.0.1]:$PEERPORT" '' alice@x.tld
  assertEquals 0 $?
  assertEquals "<alice@x.tld> sent 2.0.0 $(relay) 250 2.0.0 ok" "$(said)"
  assertEquals 'Subject: x\r\n\r\n.dot\r\nlast\r\n' "$(sed 's/\r$/\\r\\n/' "$(kept 1)" | tr -d '\n')"
  assertEquals 'MAIL FROM:<>' "$(commands | grep MAIL)"
  assertEquals 'EHLO hand.example' "$(commands | grep EHLO)"
  turns=$(log_count turn)
  echo x | from_commandline -w Pipelining "[127.0.0.1]:$PEERPORT" a@b.tld alice@x.tld
  assertEquals 0 $?
  assertEquals 'EHLO, MAIL, RCPT, DATA, content, QUIT' 6 $(($(log_count turn) - turns))
  echo x | from_commandline "[127.0.0.1]:$PEERPORT" a@b.tld alice@x.tld carol@x.tld
  assertEquals deferred 111 $?
  echo x | from_commandline "[127.0.0.1]:$PEERPORT" a@b.tld carol@x.tld bob@x.tld
  assertEquals failed 100 $?
}

# A server that says more than can be read: by strace, each read but the first fills the buffer (channel.h) with what it was
# full of before.
# flood_send OPTION...: by hand; sets flooded, its process id.
flood_send() {
  echo x >"$T/work/flooded"
  traced -D -o /dev/null -e inject=recvfrom:retval=2050:when=2+ "$BIN/smtp-send" "$@" \
    "[127.0.0.1]:$SLOWPORT" a@b.tld c@d.tld <"$T/work/flooded" >"$T/said" 2>"$T/log" &
  flooded=$!
}
flood_ends() {
  assertTrue "$1: ends" "wait_for 20 gone $flooded"
  kill -KILL "$flooded" 2>/dev/null
}

testServerNeverStopsTalking() {
  slow flood flood
  flood_send -t 2
  flood_ends 'the time is up'
  assertContains "$(said)" 'timed out while receiving the initial server greeting'
  flood_send
  wait_for 10 test -s "$SLOW"
  sleep 1
  kill -TERM "$flooded"
  flood_ends 'told to stop'
  slow_stop
}

testByHandWrong() {
  free_port PEERPORT
  echo x | from_commandline "[127.0.0.1]:$PEERPORT" a@b.tld alice@x.tld
  assertEquals 'connection refused' 111 $?
  assertEquals "<alice@x.tld> deferred 4.4.1 $(relay) connect to $(relay): Connection refused" "$(said)"
  for arguments in '-x' '-t' '-t 0 [::1] a@b.tld c@d.tld' '-n x [::1] a@b.tld c@d.tld' '-w PIPES [::1] a@b.tld c@d.tld' '[::1]' '[::1] a@b.tld' '[::1 a@b.tld c@d.tld' 'a..b a@b.tld c@d.tld' 'x:0 a@b.tld c@d.tld'; do
    # shellcheck disable=SC2086
    echo x | from_commandline $arguments
    assertEquals "$arguments" 100 $?
    assertTrue "$arguments" "grep -q '^smtp-send: usage: ' '$T/log'"
  done
  echo x | from_commandline '[::1]' 'no mailbox' a@b.tld
  assertEquals 100 $?
  printf 'a\rb' | from_commandline '[::1]' a@b.tld c@d.tld
  assertEquals 100 $?
  printf 'a\0b' | from_commandline '[::1]' a@b.tld c@d.tld
  assertEquals 100 $?
  assertTrue 'a NUL' "grep -q 'holds a NUL' '$T/log'"
}

. shunit2
