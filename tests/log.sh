#!/bin/sh
# The log: what log analysers, who know Postfix's, make of a day's mail.
. tests/lib.sh
. tests/peer/postfix.sh

TZ=UTC
export TZ

setUp() {
  rm -rf "${T:?}/good" "${T:?}/home" "${T:?}/late" "${T:?}/i"
  : >"$T/log"
}

tearDown() {
  stop
  for name in good home late; do goes $name; done
  fail_if_running
}

# --- who takes part -----------------------------------------------------------------

# appears NAME [OPTION...], goes NAME: a server.
appears() { sink "$@"; }
goes() {
  # shellcheck disable=SC2034 # for sink_stop
  SINK=$T/$1
  sink_stop
}

# good.example knows all but one; late.example first knows nobody; home.example is where senders live.
customers() {
  appears home
  appears good --rcpt 'no@good.example=550 5.1.1 no such user'
  appears late --rcpt 'late.example=450 4.2.0 not now'
}
at() { echo "[127.0.0.1]:$(cat "$T/$1/port")"; }

# relay: an instance between them; conf/listen is its DOOR.
relay() {
  instance i
  conf relaydomains good.example late.example home.example waits.example short.example
  conf routes "good.example $(at good)" "late.example $(at late)" "home.example $(at home)" \
    "waits.example $(at good) park" "short.example $(at good) park lifetime=2s"
  conf backoff '1 2'
  conf databytes 100000
  start
  DOOR=127.0.0.1:$PORT
}

# postfix_relay: a Postfix in its place.
postfix_relay() {
  postfix_new postfix nobody.invalid
  postfix_set mynetworks=192.0.2.0/24 smtpd_relay_restrictions=reject_unauth_destination message_size_limit=100000 \
    'relay_domains=good.example late.example home.example' minimal_backoff_time=1s maximal_backoff_time=2s queue_run_delay=1s \
    "transport_maps=inline:{ good.example=smtp:$(at good) late.example=smtp:$(at late) home.example=smtp:$(at home) }"
  postfix_start
  DOOR=127.0.0.1:$POSTFIXPORT
}

# mail ...: messages, see tests/peer/submit.  say LINES: a dialogue.
mail() { tests/peer/submit "$DOOR" "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }
say() { printf "EHLO client.example\n$1QUIT\n" | smtp_to "$DOOR" >"$T/said"; }

got() { find "$T/$1" -name '*.msg' | wc -l; }
got_all() { [ "$(got "$1")" -ge "$2" ]; }
gets() { assertTrue "$1 got $(got "$1") of $2" "wait_for 30 got_all $1 $2"; }
# sizes NAME...: octets of all the messages there; size NAME N: of one.
sizes() { for name; do cat "$T/$name"/*.msg; done | wc -c; }
size() { wc -c <"$T/$1/$(printf %06d "$2").msg"; }

# a_day LOG-COMMAND: the same for anyone; the command prints his log.
a_day() {
  mail -f alice@home.example -t late@late.example
  assertTrue 'deferred' "wait_for 20 eval '$1 | grep -q status=deferred'"
  kill -USR1 "$(cat "$T/late.pid")"
  mail -f bob@home.example -t x1@good.example -t y@good.example
  gets good 1
  mail -f alice@home.example -n 3 -t x%d@good.example
  gets good 4
  mail -f '' -t x1@good.example tests/messages/plain.eml
  mail -f alice@home.example -t no@good.example
  say 'MAIL FROM:<alice@home.example>\nRCPT TO:<x@nowhere.example>\nRCPT TO:<y@nowhere.example>\nRSET\n'
  say 'MAIL FROM:<alice@home.example> SIZE=1000000\n'
  gets good 5
  gets home 1
  gets late 1
  gone_quiet 8 "$1"
}

# quiet N LOG-COMMAND: N messages were removed, and whoever came has gone.
quiet() {
  eval "$2" >"$T/log"
  [ "$(grep -c ': removed$' "$T/log")" = "$1" ] &&
    [ "$(grep -c ': connect from unknown' "$T/log")" = "$(grep -c ': disconnect from unknown' "$T/log")" ]
}
gone_quiet() { assertTrue "not settled: $(cat "$T/log")" "wait_for 20 quiet $1 '$2'"; }

our_log() { "$BIN/sluice-log" -h mx "$I"/service/*/log/main; }
postfix_log() { as_root cat "$POSTFIX/log"; }

# --- what the analysers say ---------------------------------------------------------

# summaries: of $T/log, pflogsumm's into $T/sum, logwatch's into $T/watch.
summaries() {
  pflogsumm --smtpd-stats <"$T/log" >"$T/sum" 2>"$T/err"
  assertEquals 'pflogsumm' '0 ' "$? $(cat "$T/err")"
  PERL5LIB=/usr/share/logwatch/lib perl /usr/share/logwatch/scripts/services/postfix --detail 10 <"$T/log" >"$T/watch" 2>"$T/err"
  assertEquals 'logwatch' '0 ' "$? $(cat "$T/err")"
  assertNotContains 'a line that logwatch does not know' "$(cat "$T/watch")" Unmatched
}

# The summary of today is that of all, unless midnight was in between.
today() {
  pflogsumm --smtpd-stats -d today <"$T/log" | sed 1d >"$T/today"
  grep -qv "^$(date '+%b %e') " "$T/log" || assertEquals "$(cat "$T/sum")" "$(cat "$T/today")"
}

# The number before (sum) or behind (watch) these words; 0 where they are not.
sum() { sed -n "s#^ *\([0-9]*\)  *$1\( .*\)\{0,1\}\$#\1#p" "$T/sum" | head -n 1 | grep . || echo 0; }
watch() {
  sed -n "s/^ *[0-9.]*[KM]* *$1  *\([0-9,]*\)\$/\1/p; s/^ *\([0-9]*\)   $1  *[0-9.]*%\$/\1/p" "$T/watch" |
    head -n 1 | tr -d , | grep . || echo 0
}

# counts sum|watch "N WORDS"...
counts() {
  counts_by=$1
  shift
  for count; do assertEquals "$counts_by: ${count#* }" "${count%% *}" "$($counts_by "${count#* }")"; done
}

# What the summaries have sections for, without the numbers.
sections() {
  awk '/^ *-[ -]*$/ { print last } { last = $0 }' "$T/sum"
  sed -n 's/^ *[0-9.]*[KM]*   \([A-Z5][A-Za-z0-9() ]*[a-z)]\)  *[0-9.%,]*$/\1/p' "$T/watch"
}

# all_counts: those of a_day.
all_counts() {
  counts sum '7 received' '8 delivered' '1 deferred' '1 bounced' '3 rejected' '0 held' '0 discarded' '3 senders' \
    '2 sending hosts/domains' '6 recipients' '3 recipient hosts/domains' "$1 bytes received" "$2 bytes delivered"
  counts watch '7 Accepted' '8 Sent via SMTP' '1 Deferred' '1 Bounced (local)' '2 5xx Reject relay denied' \
    '1 5xx Reject message size' '1 Notifications sent' '8 Removed from queue' "$1 Bytes accepted" "$2 Bytes sent via SMTP"
}

# --- tests --------------------------------------------------------------------------

# How much came in and went out: the refused message is as long as another one of its sender's.
testADay() {
  customers
  relay
  a_day our_log
  summaries
  all_counts "$(($(sizes good late) + $(size good 2)))" "$(($(sizes good late home) + $(size good 1)))"
  today
  assertEquals 'who came was here' "$(grep -c 'smtpd.*: connect' "$T/log")" "$(sum connections)"
  sections >"$T/sections"
  grep warning: "$T/log" >"$T/warned"
  postfix_day
}

# The same day with Postfix: the same counts, and nothing in the one summary that is not in the other.
postfix_day() {
  [ "$(id -u)" = 0 ] || {
    skip 'Postfix needs root'
    return 0
  }
  goes late
  rm -f "$T"/*/*.msg "$T"/*/*.env
  appears late --rcpt 'late.example=450 4.2.0 not now'
  postfix_relay
  a_day postfix_log
  postfix_stop
  summaries
  all_counts "$(sum 'bytes received')" "$(sum 'bytes delivered')"
  assertEquals "the same sections: $(cat "$T/warned")" "$(sections | grep -v -e '^Master daemon messages$' -e '^Postfix start$')" "$(cat "$T/sections")"
}

# its_id: of the message that mail sent last.
its_id() { sed -n '$s/.* queued as //p' "$T/submit"; }
# content_size ID: octets, of a message in the queue.
content_size() { find "$I/queue" -name "$1" -exec head -c 40 {} + | awk '{ print $3 + 0 }'; }
tool() { "$BIN/queue-$1" -C "$I" "$2" >"$T/tool" 2>&1 || fail "queue-$1 $2: $(cat "$T/tool")"; }
in_cur() { [ -e "$I/queue/cur/$(echo "$1" | cut -c 1-5)/$1" ]; }
logs() { assertTrue "$1: $(log qmgr)" "wait_for 10 logged qmgr '$1'"; }

# What Postfix has not, or has only where its operator asks for it.
testOurOwn() {
  customers
  relay
  received=0 delivered=0

  # expired, never tried
  mail -f alice@home.example -t x@short.example
  id=$(its_id)
  assertTrue 'recorded' 'wait_for 10 in_cur $id'
  received=$(content_size "$id")
  logs 'status=expired, returned to sender'
  gets home 1

  # held, released, asked for, sent; held and deleted
  mail -f bob@home.example -t x@waits.example
  id=$(its_id)
  assertTrue 'recorded' 'wait_for 10 in_cur $id'
  received=$((received + $(content_size "$id")))
  tool hold "$id"
  logs "$id: placed on hold"
  tool release "$id"
  logs "$id: released from hold"
  assertTrue 'recorded' 'wait_for 10 in_cur $id'
  say 'ETRN waits.example\nETRN nowhere.example\n'
  gets good 1
  mail -f bob@home.example -t y@waits.example
  id=$(its_id)
  assertTrue 'recorded' 'wait_for 10 in_cur $id'
  received=$((received + $(content_size "$id")))
  tool hold "$id"
  tool del "$id"
  logs "$id: removed"

  # from a user of this host
  printf '%s\r\n' 'EHLO x' 'MAIL FROM:<carol@home.example>' 'RCPT TO:<z@good.example>' DATA 'Message-ID: <a@b>' '' . QUIT |
    socat -t 10 - "UNIX-CONNECT:$I/run/local" >"$T/said"
  assertContains "$(cat "$T/said")" 'queued as'
  gets good 2
  received=$((received + $(size good 2)))
  delivered=$(sizes good home)

  # refused for what is in it
  printf 'EHLO x\r\nMAIL FROM:<a@home.example>\r\nRCPT TO:<z@good.example>\r\nDATA\r\na\nb\r\n.\r\nQUIT\r\n' | smtp_raw >"$T/said"
  assertContains "$(cat "$T/said")" '550 5.5.2'

  # one connection too many
  conf concurrencyclient 1
  socat -u "TCP:$DOOR,bind=127.0.0.9" "OPEN:$T/first,creat,trunc" &
  first=$!
  wait_for 10 test -s "$T/first"
  assertContains "$(socat -u "TCP:$DOOR,bind=127.0.0.9" -)" 'too many connections from 127.0.0.9'
  kill "$first"
  wait "$first" 2>/dev/null

  gone_quiet 5 our_log
  summaries
  counts sum '4 received' '3 delivered' '0 deferred' '0 bounced' '2 rejected' '3 senders' \
    "$received bytes received" "$delivered bytes delivered"
  counts watch '4 Accepted' '3 Sent via SMTP' '1 Expired and returned to sender' '2 Placed on hold' '1 Notifications sent' \
    '1 5xx Reject DATA' '1 4xx Reject ETRN' '1 \*Warning: Anvil limit reached' '5 Removed from queue' "$received Bytes accepted" "$delivered Bytes sent via SMTP"
  for line in 'sluice/smtpd-etrn[[0-9]*]: flush waits.example asked for by unknown\[127.0.0.1\]: [1-9][0-9]* waiting' \
    'postfix/pickup[[0-9]*]: [0-9A-V]*: uid=[0-9]* from=<carol@home.example>' 'postfix/cleanup[[0-9]*]: [0-9A-V]*: message-id=<a@b>' \
    'sluice/qmgr\[0\]: [0-9a-v]*: to=<x@short.example>, relay=none, .*, status=expired (' \
    'postfix/postsuper\[0\]: [0-9A-V]*: placed on hold' 'postfix/smtpd[[0-9]*]: NOQUEUE: reject: ETRN from unknown'; do
    assertTrue "$line" "grep -q '$line' $T/log"
  done
}

# In a rush as well each line finds its place behind those before it: sizes are counted of what came, and before it went.
testMany() {
  customers
  relay
  for n in 1 2 3 4; do
    submit -f "sender$n@home.example" -t "x%d@good.example" -n 500 >"$T/submit$n" &
  done
  wait_for 60 got_all good 2000
  assertTrue 'gone' 'wait_for 30 drained'
  gone_quiet 2000 our_log
  summaries
  counts sum '2000 received' '2000 delivered' '0 deferred' '4 senders' '500 recipients'
  counts watch '2000 Accepted' '2000 Sent via SMTP' "$(sizes good) Bytes accepted" "$(sizes good) Bytes sent via SMTP"
}

. shunit2
