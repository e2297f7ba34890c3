# Notices, the whole way: a site refuses, or is down; qmgr asks for a notice; it arrives at the sender's site.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/postfix.sh

oneTimeSetUp() {
  sink sender --rcpt 'nobody@sender.example=550 5.1.1 no such sender'
  SENDER=$SINKPORT
  sink one --rcpt 'bad@one.example=550 5.1.1 no such user' --rcpt 'worse@one.example=553 5.1.3 no' --rcpt 'worst@one.example=554 no'
  ONE=$SINKPORT
  sink two --rcpt 'bad@two.example=550 5.7.1 go away' --delay 0.05
  TWO=$SINKPORT
  sink old --ext PIPELINING,8BITMIME
  OLD=$SINKPORT
}

oneTimeTearDown() {
  # shellcheck disable=SC2034 # sink_stop reads it
  for name in sender one two old; do
    SINK=$T/$name
    sink_stop
  done
  fail_if_running
}

# fresh NAME [ROUTE...]: an instance with those sites, and more of them.
fresh() {
  instance "$1"
  shift
  rm -f "$T"/sender/*.msg "$T"/sender/*.env
  conf me mx.example.org
  conf relaydomains .example
  conf backoff '1 1'
  conf routes "sender.example [127.0.0.1]:$SENDER" "one.example [127.0.0.1]:$ONE" "two.example [127.0.0.1]:$TWO" \
    "old.example [127.0.0.1]:$OLD" "$@"
}

# put RECIPIENT...: one message from bob; its id in ID.
put() {
  for recipient; do
    shift
    set -- "$@" -t "$recipient"
  done
  submit -f bob@sender.example "$@" >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  ID=$(sed -n 's/.*queued as //p' "$T/submit")
}

# notices: a line for each that arrived: what it says, of whom.
notices() {
  arrived 1 || return
  find "$T/sender" -name '*.msg' -exec tests/peer/notice {} + >"$T/json" 2>&1 || { cat "$T/json" "$T"/sender/*.msg; return; }
  jq -r '"\(.recipients[0].Action) \([.recipients[]["Final-Recipient"][8:]] | sort | join(" "))"' "$T/json" | sort
}
arrived() { [ "$(find "$T/sender" -name '*.msg' | wc -l)" -ge "$1" ]; }

# The only notice there is.
get() { tests/peer/notice "$(find "$T/sender" -name '*.msg')" | jq -r "$1"; }

# Mail for a postmaster whom nobody has named comes back to nobody: whatever is done to it here, until it is asked for
# again with the name there.
testPostmasterUnset() {
  fresh unset
  conf lifetime 1s
  start
  submit -f bob@sender.example -t postmaster -t postmaster@mx.example.org -t good@one.example >"$T/submit" ||
    fail "not taken: $(cat "$T/submit")"
  ID=$(sed -n 's/.*queued as //p' "$T/submit")
  wait_for 30 waits postmaster.invalid 1 || fail "does not wait: $(log qmgr)"
  wait_for 30 gone_to_one || fail "the other recipient: $(log qmgr)"
  "$BIN/flush-run" -C "$I" -a
  "$BIN/flush-run" -C "$I" postmaster.invalid
  "$BIN/flush-run" -C "$I" -i "$ID"
  wait_for 30 none_asked || fail "still asked for: $(ls "$I/queue/asked")"
  sleep 2
  service qmgr h
  assertContains "$("$BIN/queue-list" -C "$I")" 'held here: conf/postmaster does not say where it goes'
  assertContains "$("$BIN/queue-list" -C "$I" -d postmaster.invalid)" "$ID"
  assertContains "$("$BIN/site-list" -C "$I")" postmaster.invalid
  assertContains "$("$BIN/flush-run" -C "$I" -n -a)" 'postmaster.invalid: 1 waiting, next hop postmaster.invalid, held'
  assertEquals 'still there' 1 "$(waiting postmaster.invalid)"
  assertEquals 'no notice' 0 "$(find "$T/sender" -name '*.msg' | wc -l)"
  assertNotContains 'never tried' "$(log send)" "$ID: to=<postmaster"
  conf postmaster bad@one.example
  conf lifetime
  "$BIN/queue-requeue" -C "$I" "$ID" || fail requeue
  wait_for 30 drained || fail "$("$BIN/queue-list" -C "$I")"
  assertTrue 'it went there' 'wait_for 10 logged send "to=<bad@one.example>"'
  assertEquals 'and no notice either' 0 "$(find "$T/sender" -name '*.msg' | wc -l)"
  stop
}
gone_to_one() { [ "$(SINK=$T/one sink_for one.example)" -ge 1 ]; }

# all_done: the queue is empty, and nobody is to be told anything any more.
all_done() {
  assertTrue "left: $(find "$I/queue" -type f) $(log bounce)" 'wait_for 90 drained'
  assertTrue 'no marks' 'wait_for 10 unmarked'
}
unmarked() { [ -z "$(ls "$I/queue/notice")" ]; }

# --- failures -------------------------------------------------------------------------

testOneOfThree() {
  fresh three
  start
  put a@one.example bad@one.example c@one.example
  all_done
  assertEquals 'failed bad@one.example' "$(notices)"
  assertEquals 'MAIL FROM:<>
RCPT TO:<bob@sender.example>' "$(sed 's/ SIZE=.*//' "$T"/sender/*.env)"
  assertEquals 'smtp; 550 5.1.1 no such user' "$(get '.recipients[]["Diagnostic-Code"]')"
  assertEquals 'dns; submit.example' "$(get '.message["Received-From-MTA"]')"
  notice_id=$(log bounce | sed -n "s/.*bounce-put: $ID: sender non-delivery notification: //p")
  assertEquals 'one log line' 1 "$(log bounce | grep -c "$ID")"
  assertTrue 'sent on' "logged qmgr '$notice_id: from=<>'"
  stop
}

testAllRefused() {
  fresh all
  start
  put bad@one.example worse@one.example worst@one.example
  all_done
  assertEquals 'failed bad@one.example worse@one.example worst@one.example' "$(notices)"
  stop
}

# At two sites, that do not say so at the same time: each is told once.
testTwoSites() {
  fresh sites
  start
  put bad@one.example good@one.example bad@two.example good@two.example
  all_done
  assertEquals 'bad@one.example
bad@two.example' "$(notices | sed 's/^failed //' | tr ' ' '\n' | sort)"
  stop
}

testExpired() {
  free_port DOWN
  fresh expired "down.example [127.0.0.1]:$DOWN"
  conf lifetime 2s
  start
  put a@down.example b@one.example
  all_done
  assertEquals 'failed a@down.example' "$(notices)"
  assertEquals 5.4.7 "$(get '.recipients[].Status')"
  assertContains "$(get '.recipients[]["Diagnostic-Code"]')" 'X-Sluice; delivery time expired'
  stop
}

# While mail flows: a notice for each message, and for each message one.
testMany() {
  fresh many
  start
  submit -f bob@sender.example -t good%d@one.example -t bad@one.example -t good%d@two.example -n 100 >"$T/submit"
  all_done
  assertEquals '    100 failed bad@one.example' "$(notices | uniq -c)"
  stop
}

# What a file of an earlier version may hold cannot be sent, nor be in the notice of that, which arrives.
testUnfit() {
  fresh unfit "parked.example [127.0.0.1]:$ONE park"
  start
  printf 'Subject: old\r\nX: a\001b\r\n\r\nc\002d\r\n.\003.\r\n' >"$T/unfit.eml"
  submit -f bob@sender.example -t a@parked.example -r "$T/unfit.eml" >"$T/submit" || fail "not taken: $(cat "$T/submit")"
  wait_for 20 waits parked.example 1
  perl -pi -e 'tr/\1\2\3/\0\r\n/' "$(find "$I/queue/cur" -type f)"
  "$BIN/flush-run" -C "$I" parked.example
  all_done
  assertEquals 'failed a@parked.example' "$(notices)"
  assertEquals 5.6.0 "$(get '.recipients[].Status')"
  assertContains "$(get .returned | tr -d '\r')" 'X: a?b

c?d
.?.'
  stop
}

# --- delays ---------------------------------------------------------------------------

testDelayWarning() {
  free_port DOWN
  free_port DOWN2
  fresh delayed "down.example [127.0.0.1]:$DOWN" "down2.example [127.0.0.1]:$DOWN2"
  conf delaywarning 2s
  start
  put a@down.example b@down.example c@down2.example d@one.example
  assertTrue 'told' 'wait_for 20 arrived 1'
  assertEquals 'delayed a@down.example b@down.example c@down2.example' "$(notices)"
  assertEquals 4.4.1 "$(get '.recipients[].Status' | uniq)"
  # by the time that the next message is told of, the first would have been told of again
  put later@down.example
  assertTrue 'told' 'wait_for 20 arrived 2'
  assertEquals 'each once' 'delayed a@down.example b@down.example c@down2.example
delayed later@down.example' "$(notices)"
  # and nobody is told that it went well in the end
  mkdir "$T/late"
  echo "$DOWN" >"$T/late/port"
  sink late
  arrive down.example 2
  sink_stop
  "$BIN/queue-del" -C "$I" "$ID" >/dev/null 2>&1
  assertEquals 2 "$(notices | wc -l)"
  stop
}

# A delay warning, and then a failure: two events.
testDelayedThenExpired() {
  free_port DOWN
  fresh both "down.example [127.0.0.1]:$DOWN lifetime=6s delaywarning=1s"
  start
  put a@down.example
  all_done
  assertEquals 'delayed a@down.example
failed a@down.example' "$(notices)"
  stop
}

# Whose mail is parked is not warned of, unless the route says so.
testParked() {
  fresh parked 'parked.example - park' 'warned.example - park delaywarning=2s'
  conf delaywarning 1s
  start
  put a@parked.example b@warned.example
  assertTrue 'told' 'wait_for 20 arrived 1'
  assertEquals 'delayed b@warned.example' "$(notices)"
  stop
}

# --- deliveries -----------------------------------------------------------------------

# put_notify NOTIFY RECIPIENT: one message.
put_notify() {
  printf 'EHLO x.example\nMAIL FROM:<bob@sender.example> ENVID=here\nRCPT TO:<%s> NOTIFY=%s\nDATA\nSubject: x\n\nx\n.\nQUIT\n' "$2" "$1" |
    smtp >"$T/dialogue"
  assertContains "$(cat "$T/dialogue")" 'queued as'
}

testRelayed() {
  fresh relayed
  start
  put_notify SUCCESS a@old.example
  all_done
  assertEquals 'relayed a@old.example' "$(notices)"
  assertEquals here "$(get '.message["Original-Envelope-Id"]')"
  put_notify FAILURE b@old.example
  put_notify SUCCESS,FAILURE c@one.example
  all_done
  assertEquals 'a site that knows DSN sees to it' 1 "$(notices | wc -l)"
  assertEquals 1 "$(grep -l 'RCPT TO:<c@one.example> NOTIFY=SUCCESS,FAILURE' "$T"/one/*.env | wc -l)"
  stop
}

# --- beyond ASCII -----------------------------------------------------------------------

# Neither site offers SMTPUTF8: the message cannot go, but the notice of that can.
testWithoutSmtpUtf8() {
  fresh ascii
  start
  rm -f "$T"/old/*.msg "$T"/old/*.env
  printf 'EHLO x.example\nMAIL FROM:<bob@old.example> SMTPUTF8\nRCPT TO:<\303\244@old.example>\nDATA\nSubject: gr\303\274n\n\nx\n.\nQUIT\n' |
    smtp >"$T/dialogue"
  assertContains "$(cat "$T/dialogue")" 'queued as'
  all_done
  assertEquals 'MAIL FROM:<>
RCPT TO:<bob@old.example>' "$(sed 's/ SIZE=.*//' "$T"/old/*.env)"
  tests/peer/notice "$T"/old/*.msg >"$T/json"
  assertEquals 'utf-8; \x{E4}@old.example|5.6.7' "$(jq -r '.recipients[] | "\(.["Final-Recipient"])|\(.Status)"' "$T/json")"
  assertContains "$(jq -r .returned "$T/json" | iconv -t latin1)" 'Subject: grün'
  stop
}

# --- nobody is told -------------------------------------------------------------------

testNullSender() {
  fresh null
  start
  submit -f '<>' -t bad@one.example >"$T/submit"
  all_done
  assertTrue "$(log bounce)" "logged bounce ': no notification (failed) to <>: the null sender'"
  put_notify NEVER bad@one.example
  all_done
  # nor is it told of a notice that is refused itself
  submit -f nobody@sender.example -t bad@one.example >"$T/submit"
  all_done
  assertEquals 'three of them' 3 "$(log bounce | grep -c 'no notification')"
  assertEquals '' "$(notices)"
  stop
}

# --- what stops, and comes back ---------------------------------------------------------

one_has() { grep -qF "RCPT TO:<$1>" "$T"/one/*.env; }

testBounceServiceDown() {
  fresh down
  start
  service bounce 'wd -d'
  put before@one.example bad@one.example
  assertTrue 'mail goes on' 'wait_for 10 one_has before@one.example'
  assertTrue 'the mark' "wait_for 10 test -e $I/queue/notice/$ID"
  first=$ID
  put other@one.example
  assertTrue 'mail goes on' 'wait_for 10 one_has other@one.example'
  assertTrue 'the mark' "[ -e $I/queue/notice/$first ]"
  assertEquals '' "$(notices)"
  service bounce u
  all_done
  assertEquals 'failed bad@one.example' "$(notices)"
  stop
}

# Every part of it is killed now and then: nothing is lost, and nobody is told more than twice.
testKilled() {
  fresh killed
  start
  submit -f bob@sender.example -t bad@one.example -t good@one.example -n 150 >"$T/submit"
  for n in 10 40 70 100; do
    wait_for 20 arrived $n
    service qmgr k
    for pid in $(ps -o pid= --ppid "$(s6-svstat -o pid "$I/service/bounce")"); do kill -9 "$pid"; done
  done
  all_done
  wait_for 10 arrived 150
  for msg in "$T"/sender/*.msg; do sed -n 's/^Subject: \([0-9]*\)\r$/\1/p' "$msg"; done | sort | uniq -c >"$T/counts"
  assertEquals 'each is told' 150 "$(wc -l <"$T/counts")"
  assertEquals 'at most twice' '' "$(awk '$1 > 2' "$T/counts")"
  stop
}

# --- elsewhere --------------------------------------------------------------------------

testUsersOfTheirOwn() {
  for_users sluice-q || return 0
  rm -f "$T"/sender/*.msg "$T"/sender/*.env
  instance users -U
  conf relaydomains one.example
  conf routes "sender.example [127.0.0.1]:$SENDER" "one.example [127.0.0.1]:$ONE"
  start
  put a@one.example bad@one.example
  all_done
  assertEquals 'failed bad@one.example' "$(notices)"
  stop
}

# run/bounce served by systemd's hand, a process for each connection.
testBySocketActivation() {
  fresh activate
  touch "$I/service/bounce/down"
  systemd-socket-activate -l "$I/run/bounce" --accept --inetd -E "SLUICE=$I" "$BIN/bounce-put" </dev/null >"$I.out" 2>&1 &
  activate=$!
  start
  put bad@one.example
  all_done
  assertEquals 'failed bad@one.example' "$(notices)"
  kill $activate
  wait $activate 2>/dev/null
  stop
}

# --- a Postfix at the other end -----------------------------------------------------------

# mail_of NUMBER: as many arrived at the Postfix; the last one.
mail_of() {
  assertTrue "mail: $(tail -n 5 "$POSTFIX/log")" "wait_for 30 postfix_has $1"
  # shellcheck disable=SC2012 # names that Postfix made
  ls -t "$POSTFIX"/mail/new/* | head -n 1
}

testPostfix() {
  fresh postfix
  postfix_new site site.example
  postfix_set "relayhost = [127.0.0.1]:$PORT" 'smtpd_recipient_restrictions = check_recipient_access inline:{bad@site.example=REJECT}, permit_mynetworks, reject'
  postfix_start
  echo "site.example [127.0.0.1]:$POSTFIXPORT" >>"$I/conf/routes"
  start
  # it sends, and is told
  printf 'Subject: refused\n\nx\n' | postfix_sendmail -f user@site.example bad@one.example good@one.example
  assertContains "$(cat "$(mail_of 1)")" 'Final-Recipient: rfc822; bad@one.example'
  assertContains "$(cat "$(mail_of 1)")" 'Original-Recipient: rfc822; bad@one.example'
  assertContains "$(cat "$(mail_of 1)")" 'Return-Path: <>'
  # it asks to be told of the delivery
  printf 'Subject: told\n\nx\n' | postfix_sendmail -N success -V here -f user@site.example good@old.example
  assertContains "$(cat "$(mail_of 2)")" 'Action: relayed'
  assertContains "$(cat "$(mail_of 2)")" 'Original-Envelope-Id: here'
  # it refuses, and the sender is told
  put bad@site.example good@site.example
  mail_of 3 >/dev/null
  all_done
  assertEquals 'failed bad@site.example' "$(notices)"
  assertEquals 'rfc822; bad@site.example|smtp; 554 5.7.1 <bad@site.example>: Recipient address rejected: Access denied' \
    "$(get '.recipients[] | "\(.["Final-Recipient"])|\(.["Diagnostic-Code"])"')"
  stop
  postfix_stop
}

# shellcheck disable=SC1091
. shunit2
