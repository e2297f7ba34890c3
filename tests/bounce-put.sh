# bounce-put: who is told what, and how it reads for people, for programs, and for those who parse such mail.
. tests/lib.sh

ID1=1h8qabcde00001
ID2=1h8qabcde00002
NONE=1h8qabcde0000v
FROM='from <bob@example.org>'
REFUSED='host mx.customer.tld[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)'

oneTimeSetUp() {
  printf 'Subject: test\r\nFrom: bob@example.org\r\n\r\nHello.\r\n' >"$T/content"
}

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
  conf me mx.example.org
  CONTENT=$T/content FLAGS=---- PLACE=new ARRIVAL=1763711153.123456 CLIENT='mail.example.org [192.0.2.7] ESMTP'
}

# message ID FROM-LINE RCPT-LINE...: a message file; its journal from stdin.
message() {
  message_path=$I/queue/$PLACE/$1
  {
    printf '%s\narrival %s\nclient %s\n' "$2" "$ARRIVAL" "$CLIENT"
    shift 2
    printf 'rcpt %s\n' "$@"
    echo
  } >"$T/envelope"
  {
    printf 'sluice-1 %010d %018d %s\n' "$(wc -c <"$T/envelope")" "$(wc -c <"$CONTENT")" "$FLAGS"
    cat "$T/envelope" "$CONTENT" -
  } >"$message_path"
}

# many COUNT: recipients for message(), which takes lines.
many() { seq -f 'customer.tld <user%g@customer.tld>' 0 $(($1 - 1)); }

# result N STATUS CODE TEXT: a line of the journal.
result() { echo "1763711160.000001 $1 $2 $3 mx.customer.tld[192.0.2.1]:25 $4"; }
failed() { result "$1" failed 5.1.1 "$REFUSED"; }

tell() { "$BIN/bounce-put" -C "$I" "$@" 2>"$T/err"; }
# tell_traced OPTION...: the same of ID1 under strace.
tell_traced() { traced -o /dev/null "$@" "$BIN/bounce-put" -C "$I" $ID1 >"$T/out" 2>"$T/err"; }
err() { cat "$T/err"; }
journal() { sed -n 's/^[0-9.]* \([0-9]* notice .*\)/\1/p' "$I/queue/$PLACE/${1-$ID1}"; }

# told EVENT [ID]: a notice of this event was made; NOTICE is its id, $T/json what it says, $T/mail it in LF.
told() {
  NOTICE=$(sed -n "s/^${2-$ID1} done.* $1 \([0-9a-v]*\).*/\1/p" "$T/out")
  assertNotNull "a notice: $(cat "$T/out" "$T/err")" "$NOTICE"
  tests/peer/notice -l "$T/mail" "$I/queue/new/$NOTICE" >"$T/json" 2>"$T/wrong"
  assertEquals 'well made' '' "$(cat "$T/wrong")"
}

get() { jq -r "$1" "$T/json"; }
compact() { jq -c "$1" "$T/json"; }
# fields NAME...: of each recipient, a line with "|" between.
fields() {
  fields_names=$(printf ',.["%s"]' "$@")
  get ".recipients[] | [${fields_names#,}] | map(. // \"null\") | join(\"|\")"
}
count() { find "$I/queue/new" -type f | wc -l; }

# failure ENVELOPE-LINE...: a message with one failed recipient, told of.
failure() {
  failed 0 | message $ID1 "$@"
  tell $ID1 >"$T/out"
  assertEquals "$(err)" 0 $?
  told failed
}

# --- what others make of it -----------------------------------------------------------

# Lines "ADDRESS WHAT", sorted.
flufl() {
  /usr/bin/python3 -c '
import email, sys
from flufl.bounce import all_failures
temporary, permanent = all_failures(email.message_from_binary_file(open(sys.argv[1], "rb")))
for word, addresses in ("delayed", temporary), ("failed", permanent):
    for address in sorted(addresses): print(address.decode(), word)' "$T/mail" | sort
}

# "ADDRESS WHY CODE"
bounceparser() {
  perl -MMail::DeliveryStatus::BounceParser -e '
    local $/; my $bounce = Mail::DeliveryStatus::BounceParser->new(<STDIN>);
    print join(" ", map { $_ // "-" } $_->get("email"), $_->get("std_reason"), $_->get("smtp_code")), "\n" for $bounce->reports' \
    <"$T/mail" | tr -s '\n' | sort
}

# "ADDRESS WHY ACTION STATUS CODE"
sisimai() {
  perl -MSisimai -e 'my $all = Sisimai->make($ARGV[0], delivered => 1);
    print join(" ", $_->recipient->address, $_->reason, $_->action, $_->deliverystatus, $_->replycode || "-"), "\n" for @{$all || []}' \
    "$T/mail" | sort
}

# --- a failure ------------------------------------------------------------------------

testFailed() {
  failure "$FROM" 'customer.tld <Alice@customer.tld>'
  assertEquals "$ID1 done failed $NOTICE" "$(cat "$T/out")"
  assertEquals "bounce-put: $ID1: sender non-delivery notification: $NOTICE" "$(err)"
  assertEquals "0 notice failed $NOTICE" "$(journal)"
  assertEquals 'example.org <bob@example.org>' "$(get '.rcpts[]')"
  assertEquals '' "$(get .parameters)"
  assertEquals bounce-put "$(get .client)"
  assertEquals 'Mail Delivery System <MAILER-DAEMON@mx.example.org>' "$(get .from)"
  assertEquals '<bob@example.org>' "$(get .to)"
  assertEquals 'Delivery Status Notification (Failure)' "$(get .subject)"
  assertEquals "<$NOTICE@mx.example.org>" "$(get .id)"
  assertEquals auto-replied "$(get .auto)"
  assertEquals '["text/plain","message/delivery-status","message/rfc822"]' "$(compact .types)"
  assertEquals us-ascii "$(get .charset)"
  assertEquals '[null,null,null,null]' "$(compact .encodings)"
  assertEquals '{"Reporting-MTA":"dns; mx.example.org","Received-From-MTA":"dns; mail.example.org","Arrival-Date":"Fri, 21 Nov 2025 07:45:53 +0000"}' \
    "$(compact .message)"
  assertEquals '[{"Final-Recipient":"rfc822; Alice@customer.tld","Action":"failed","Status":"5.1.1","Remote-MTA":"dns; mx.customer.tld","Diagnostic-Code":"smtp; 550 5.1.1 no such user","Last-Attempt-Date":"Fri, 21 Nov 2025 07:46:00 +0000"}]' \
    "$(compact .recipients)"
  assertEquals "$(od -c <"$T/content")" "$(jq -j .returned "$T/json" | od -c)"
}

# The words themselves, once: who, to whom, why, what to do, whom to ask.
testText() {
  conf postmaster help@example.org
  failure "$FROM" 'customer.tld <alice@customer.tld>'
  assertEquals "This is a notice of the mail server mx.example.org about a message that has
your address as its sender. The message came here on Fri, 21 Nov 2025
07:45:53 +0000.

We are sorry: it could not be delivered to this address, and it will not be
tried again.

    alice@customer.tld
        host mx.customer.tld[192.0.2.1] said: 550 5.1.1 no such user (in
        reply to RCPT TO command)

What you can do: please look whether the address is written as it should be,
and send the message again if it was not. If it was, the words below the
address say what stood in the way; those who look after the mail there can
tell you more about it.

A reply to this notice would not be read. If you have questions, please
write to help@example.org and send the notice along; the message is known
there as $ID1.

A report for mail programs, and the message, follow." "$(get .text)"
}

testParsersKnowAFailure() {
  failure "$FROM" 'customer.tld <alice@customer.tld>'
  assertEquals 'alice@customer.tld failed' "$(flufl)"
  assertEquals 'alice@customer.tld user_unknown 550' "$(bounceparser)"
  assertEquals 'alice@customer.tld userunknown failed 5.1.1 550' "$(sisimai)"
}

# What is said of several is said once; each has its own fields.
testTwo() {
  { failed 0; failed 1; result 2 failed 5.2.2 'host mx said: 552 5.2.2 mailbox full'; result 3 sent 2.0.0 '250 ok'; } |
    message $ID1 "$FROM" 'a.tld <a@a.tld>' 'b.tld <b@b.tld>' 'c.tld <c@c.tld>' 'd.tld <d@d.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertEquals 'one for all' 2 "$(count)"
  assertContains "$(get .text)" 'these addresses'
  assertEquals '    a@a.tld
    b@b.tld
        host mx.customer.tld[192.0.2.1] said: 550 5.1.1 no such user (in
        reply to RCPT TO command)
    c@c.tld
        host mx said: 552 5.2.2 mailbox full' "$(get .text | grep '^    ')"
  assertEquals 'rfc822; a@a.tld
rfc822; b@b.tld
rfc822; c@c.tld' "$(fields Final-Recipient)"
  assertEquals "0 notice failed $NOTICE
1 notice failed $NOTICE
2 notice failed $NOTICE" "$(journal)"
  assertEquals 'a@a.tld failed
b@b.tld failed
c@c.tld failed' "$(flufl)"
  assertEquals 'a@a.tld user_unknown 550
b@b.tld user_unknown 550
c@c.tld over_quota 552' "$(bounceparser)"
  assertEquals 'a@a.tld userunknown failed 5.1.1 550
b@b.tld userunknown failed 5.1.1 550
c@c.tld mailboxfull failed 5.2.2 552' "$(sisimai)"
}

testThousand() {
  seq 0 999 | while read -r n; do result "$n" failed 5.1.1 "host mx said: 550 5.1.1 unknown user $n"; done |
    message $ID1 "$FROM" "$(many 1000 | sed '2,$s/^/rcpt /')"
  tell $ID1 >"$T/out"
  told failed
  assertEquals 'one for all' 2 "$(count)"
  assertEquals 'for programs' 1000 "$(get '.recipients | length')"
  assertEquals 'rfc822; user999@customer.tld|smtp; 550 5.1.1 unknown user 999' "$(fields Final-Recipient Diagnostic-Code | tail -n 1)"
  assertEquals 'for people' 50 "$(get .text | grep -c '^    user')"
  assertContains "$(get .text)" '    ... and 950 more; the report below names all of them.'
  assertEquals 1000 "$(journal | grep -c " notice failed $NOTICE\$")"
  assertEquals 1000 "$(flufl | wc -l)"
  assertEquals 1000 "$(sisimai | grep -c '@customer.tld userunknown failed 5.1.1 550$')"
}

# Who is a sender only as somebody says so is sent little more than what was sent to us, however much the site says.
testThousandRefusedAtLength() {
  seq 0 999 | while read -r n; do result "$n" failed 5.1.1 "host mx said: 550-5.1.1 $n $(printf '%0900d' 0)"; done |
    message $ID1 "$FROM" "$(seq -f 'rcpt customer.tld <u%g@customer.tld>' 0 999 | sed '1s/^rcpt //')"
  tell $ID1 >"$T/out"
  told failed
  commands=$(seq -f 'RCPT TO:<u%g@customer.tld>' 0 999 | sed 's/$/\r/' | wc -c) size=$(wc -c <"$I/queue/new/$NOTICE")
  assertTrue "$size for $commands" "[ $size -lt $((6 * commands)) ]"
  fields Final-Recipient Action Status Diagnostic-Code >"$T/fields"
  assertEquals 'all of them' 1000 "$(grep -c '^rfc822; u[0-9]*@customer.tld|failed|5.1.1|smtp; 550' "$T/fields")"
  assertEquals 'the first one' "smtp; 550-5.1.1 0 $(printf '%0500d' 0) ..." "$(head -n 1 "$T/fields" | cut -d '|' -f 4)"
  assertEquals 'the last one' 'rfc822; u999@customer.tld|failed|5.1.1|smtp; 550' "$(tail -n 1 "$T/fields")"
  assertEquals 'where and when' 50 "$(fields Remote-MTA Last-Attempt-Date | grep -c '^dns; mx.customer.tld|[A-Z]')"
  text=$(get .text | wc -c)
  assertTrue "$text for people" "[ $text -lt 15000 ]"
  assertContains "$(get .text)" '        5.1.1'
  assertEquals 1000 "$(flufl | wc -l)"
  assertEquals 1000 "$(sisimai | grep -c '@customer.tld userunknown failed 5.1.1 550$')"
  # a character is not cut in two
  result 0 failed 5.1.1 "host mx said: 550 5.1.1 $(printf '%0501dü%0100d' 0 0)" | message $ID1 "$FROM" 'a.tld <ö@a.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertContains "$(get '.recipients[]["Diagnostic-Code"]')" '0 ...'
}

# --- delays and relays ----------------------------------------------------------------

in_days() { date -u -d "@$((${ARRIVAL%.*} + $1 * 86400))" '+%a, %d %b %Y %H:%M:%S +0000'; }

testDelayed() {
  conf delaywarning 1h
  conf routes 'down.tld [mx.down.tld] lifetime=2d' 'parked.tld - park delaywarning=1m' 'late.tld - delaywarning=3000d' \
    'never.tld - delaywarning=0' 'quiet.tld - park'
  ARRIVAL=$(($(date +%s) - 7200)).000000
  echo 'down since=1763711153 failures=3 next=1763711333 4.4.1 connect to mx.down.tld[192.0.2.9]:25: Connection refused' \
    >"$I/queue/site/[mx.down.tld]:25"
  result 0 deferred 4.2.1 'host mx said: 450 4.2.1 try later (in reply to RCPT TO command)' |
    message $ID1 "$FROM" 'greylist.tld <a@greylist.tld>' 'down.tld <b@down.tld>' 'parked.tld <c@parked.tld>' \
      'late.tld <d@late.tld>' 'never.tld <e@never.tld>' 'quiet.tld <f@quiet.tld>'
  tell $ID1 >"$T/out"
  told delayed
  assertEquals "bounce-put: $ID1: sender delay notification: $NOTICE" "$(err)"
  assertEquals 'Delivery Status Notification (Delay)' "$(get .subject)"
  assertEquals "0 notice delayed $NOTICE
1 notice delayed $NOTICE
2 notice delayed $NOTICE" "$(journal)"
  assertEquals '["text/plain","message/delivery-status","text/rfc822-headers"]' "$(compact .types)"
  assertEquals "rfc822; a@greylist.tld|delayed|4.2.1|smtp; 450 4.2.1 try later|Fri, 21 Nov 2025 07:46:00 +0000|$(in_days 5)
rfc822; b@down.tld|delayed|4.4.1|X-Sluice; connect to mx.down.tld[192.0.2.9]:25: Connection refused|null|$(in_days 2)
rfc822; c@parked.tld|delayed|4.0.0|X-Sluice; the mail of this domain waits until its server asks for it|null|$(in_days 5)" \
    "$(fields Final-Recipient Action Status Diagnostic-Code Last-Attempt-Date Will-Retry-Until)"
  assertContains "$(get .text | xargs)" "at least until $(in_days 2)."
  assertContains "$(get .text)" '        connect to mx.down.tld[192.0.2.9]:25: Connection refused'
  assertEquals 'a@greylist.tld delayed
b@down.tld delayed
c@parked.tld delayed' "$(flufl)"
  assertEquals 'a@greylist.tld delayed 4.2.1
b@down.tld delayed 4.4.1
c@parked.tld delayed 4.0.0' "$(sisimai | cut -d ' ' -f 1,3,4)"
  assertEquals 'no bounce' '' "$(bounceparser)"
}

testDelayNotDue() {
  conf delaywarning 1h
  ARRIVAL=$(($(date +%s) - 3500)).000000
  message $ID1 "$FROM" 'a.tld <a@a.tld>' </dev/null
  assertEquals "$ID1 done" "$(tell $ID1)"
  assertEquals '' "$(journal)"
}

# RFC 3461 section 5.2.3: the next host knows no DSN.
testRelayed() {
  { result 0 relayed 2.0.0 '250 2.0.0 queued'; result 1 sent 2.0.0 '250 ok'; } |
    message $ID1 "$FROM" 'a.tld <a@a.tld> NOTIFY=SUCCESS,FAILURE' 'a.tld <b@a.tld> NOTIFY=SUCCESS'
  tell $ID1 >"$T/out"
  told relayed
  assertEquals "bounce-put: $ID1: sender delivery status notification: $NOTICE" "$(err)"
  assertEquals "0 notice relayed $NOTICE" "$(journal)"
  assertEquals '["text/plain","message/delivery-status","text/rfc822-headers"]' "$(compact .types)"
  assertEquals 'rfc822; a@a.tld|relayed|2.0.0|smtp; 250 2.0.0 queued' "$(fields Final-Recipient Action Status Diagnostic-Code)"
  assertContains "$(get .text | xargs)" 'no such confirmations'
  assertEquals 'no failure' '' "$(flufl)"
}

# A message for each event, in one go; the second time there is nothing to say.
testAllThree() {
  conf delaywarning 1s
  { failed 0; result 2 relayed 2.0.0 '250 ok'; } |
    message $ID1 "$FROM" 'a.tld <a@a.tld>' 'b.tld <b@b.tld>' 'c.tld <c@c.tld> NOTIFY=SUCCESS'
  tell $ID1 >"$T/out"
  for event in failed delayed relayed; do
    told $event
    assertEquals $event "$(fields Action)"
  done
  assertEquals 4 "$(count)"
  before=$(cat "$I/queue/new/$ID1")
  assertEquals "$ID1 done" "$(tell $ID1)"
  assertEquals '' "$(err)"
  assertEquals 4 "$(count)"
  assertEquals "$before" "$(cat "$I/queue/new/$ID1")"
}

# --- what is returned -----------------------------------------------------------------

# big LINES: content of 78 octets for each, and a header, in $T/big.
big() { { printf 'Subject: big\r\nX: y\r\n\r\n'; yes "$(printf '%076d\r' 0)" | head -n "$1"; } >"$T/big"; }
big_returned() { assertEquals "$1" "$(wc -c <"$T/big")" "$(get .octets)"; }

testReturned() {
  CONTENT=$T/big
  big 630
  failure "$FROM" 'a.tld <a@a.tld>'
  assertEquals 'up to 50000' message/rfc822 "$(get '.types[2]')"
  big_returned 'all of it'
  assertContains "$(get .text)" 'and the message, follow'
  big 650
  failure "$FROM" 'a.tld <a@a.tld>'
  assertEquals 'over that' text/rfc822-headers "$(get '.types[2]')"
  assertEquals 'Subject: big
X: y' "$(get .returned | tr -d '\r' | head -n 2)"
  assertEquals 20 "$(get .octets)"
  assertContains "$(get .text)" 'and the header of the message, follow'
  # a wish of the sender's, who may be anybody: larger than that, it is not returned to him
  failure "$FROM RET=FULL" 'a.tld <a@a.tld>'
  assertEquals 'asked for' text/rfc822-headers "$(get '.types[2]')"
  assertEquals 20 "$(get .octets)"
  conf bouncebytes 60000
  for ret in '' ' RET=FULL'; do
    failure "$FROM$ret" 'a.tld <a@a.tld>'
    assertEquals "up to what is set$ret" message/rfc822 "$(get '.types[2]')"
    big_returned 'all of it'
  done
  conf bouncebytes 0
  CONTENT=$T/content
  failure "$FROM RET=FULL" 'a.tld <a@a.tld>'
  assertEquals 'never' text/rfc822-headers "$(get '.types[2]')"
  conf bouncebytes many
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell $ID1 >"$T/out"
  assertEquals 102 $?
  assertContains "$(err)" 'conf/bouncebytes: line 1: not a number: many'
  conf bouncebytes
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  assertEquals 'not asked for' text/rfc822-headers "$(get '.types[2]')"
  failure "$FROM RET=nonsense" 'a.tld <a@a.tld>'
  assertEquals 'nonsense' message/rfc822 "$(get '.types[2]')"
  # RET is about failures alone
  result 0 relayed 2.0.0 '250 ok' | message $ID1 "$FROM RET=FULL" 'a.tld <a@a.tld> NOTIFY=SUCCESS'
  tell $ID1 >"$T/out"
  told relayed
  assertEquals text/rfc822-headers "$(get '.types[2]')"
}

# A thousand recipients can fail one after the other: what a forged sender is sent does not grow with them.
testReturnedOnce() {
  { printf 'Subject: once\r\n' && yes "$(printf 'X-Many: %060d\r' 0)" | head -n 500 && printf '\r\nbody\r\n'; } >"$T/once"
  CONTENT=$T/once
  failed 0 | message $ID1 "$FROM RET=FULL" 'customer.tld <a@customer.tld>' 'customer.tld <b@customer.tld>' \
    'customer.tld <c@customer.tld> NOTIFY=NEVER' 'customer.tld <d@customer.tld> NOTIFY=SUCCESS' 'customer.tld <e@customer.tld> NOTIFY=SUCCESS'
  tell $ID1 >"$T/out"
  told failed
  assertEquals 'the first time' message/rfc822 "$(get '.types[2]')"
  failed 1 >>"$I/queue/new/$ID1"
  tell $ID1 >"$T/out"
  told failed
  assertEquals 'the second time' text/rfc822-headers "$(get '.types[2]')"
  assertTrue "$(get .octets) octets" "[ $(get .octets) -gt 3900 ] && [ $(get .octets) -le 4096 ]"
  assertContains "$(get .returned)" 'Subject: once'
  for n in 3 4; do
    result $n relayed 2.0.0 '250 ok' >>"$I/queue/new/$ID1"
    tell $ID1 >"$T/out"
    told relayed
    get .octets
  done >"$T/octets"
  assertTrue "$(cat "$T/octets")" "[ $(head -n 1 "$T/octets") -gt 30000 ] && [ $(tail -n 1 "$T/octets") -le 4096 ]"
  # who was not to be told has had nothing
  failed 0 | message $ID2 "$FROM" 'customer.tld <a@customer.tld> NOTIFY=NEVER' 'customer.tld <b@customer.tld>'
  tell $ID2 >"$T/out"
  failed 1 >>"$I/queue/new/$ID2"
  tell $ID2 >"$T/out"
  told failed $ID2
  assertEquals message/rfc822 "$(get '.types[2]')"
}

# Contents of all kinds, octet for octet.
testReturnedAsItIs() {
  conf bouncebytes 10000000
  tests/peer/odd-messages "$T" || fail 'odd-messages'
  odd=0
  for CONTENT in "$T"/*.raw; do
    size=$(wc -c <"$CONTENT")
    [ "$size" -le 3000000 ] || continue
    FLAGS=----
    LC_ALL=C grep -qa -P '[\x80-\xff]' "$CONTENT" && FLAGS=8---
    failed 0 | message $ID1 "$FROM RET=FULL" 'a.tld <a@a.tld>'
    tell $ID1 >"$T/out"
    told failed
    assertEquals "$CONTENT" "$size" "$(get .octets)"
    end=$(($(grep -abo "^--$NOTICE" "$I/queue/new/$NOTICE" | tail -n 1 | cut -d : -f 1) - 2))
    tail -c "+$((end - size + 1))" "$I/queue/new/$NOTICE" | head -c "$size" | cmp - "$CONTENT" || fail "$CONTENT"
    rm "$I/queue/new"/*
    odd=$((odd + 1))
  done
  assertTrue "contents: $odd" "[ $odd -gt 10 ]"
}

# What no message may hold, and an old file does: else the notice would go nowhere.
testReturnedMadeFit() {
  conf bouncebytes 1000000
  CONTENT=$T/odd
  for case in 'a: b\r\n\r\nx\0y\r\n|a: b\r\n\r\nx?y\r\n' 'a: b\r\n\r\nx\r.\r\r\n\n.\n\r|a: b\r\n\r\nx?.?\r\n?.??' \
    'a: b\nc\n\nd\n|a: b?c??d?' '\r|?' '\n|?'; do
    printf '%b' "${case%|*}" >"$T/odd"
    for from in "$FROM" "$FROM RET=HDRS" 'from <b\303\266b@example.org> SMTPUTF8'; do
      failure "$(printf '%b' "$from")" 'a.tld <a@a.tld>'
      wanted=${case#*|}
      [ "$from" != "$FROM RET=HDRS" ] || wanted=$(printf %s "$wanted" | sed 's/\\r\\n\\r\\n.*/\\r\\n/')
      assertEquals "$case" "$(printf '%b' "$wanted" | od -c)" "$(jq -j .returned "$T/json" | od -c)"
    done
  done
  # line ends between which a piece ends, and such a CR on its own
  for before in 65534 65535 65536; do
    { printf 'a: b\r\n\r\n' && head -c $((before - 8)) /dev/zero | tr '\0' x && printf '\r\ny\r'; } >"$T/odd"
    failure "$FROM" 'a.tld <a@a.tld>'
    assertEquals "$before" "$(head -c -1 "$T/odd" | md5sum; echo '?')" "$(jq -j .returned "$T/json" | head -c -1 | md5sum
      jq -j .returned "$T/json" | tail -c 1)"
  done
}

testHeadersOfAllKinds() {
  CONTENT=$T/odd
  for case in 'a: b\r\n\r\nbody\r\n|a: b\r\n' 'a: b\r\n|a: b\r\n' 'a: b|a: b' '\r\nbody\r\n|' '|' '\r\n|' 'a\r\n\r\n\r\nb\r\n|a\r\n'; do
    printf '%b' "${case%|*}" >"$T/odd"
    failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
    assertEquals "$case" "$(printf '%b' "${case#*|}" | od -c)" "$(jq -j .returned "$T/json" | od -c)"
  done
  # a header without end is cut, at a line's end
  yes "$(printf 'X: %070d\r' 0)" | head -n 6000 >"$T/odd"
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  assertEquals $((50000 / 75 * 75)) "$(get .octets)"
  head -c 500000 /dev/zero | tr '\0' x >"$T/odd"
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  assertEquals 'no line at all' 0 "$(get .octets)"
}

testEightBitAndDots() {
  printf 'Subject: x\r\n\r\n.dot\r\n\303\274\r\n' >"$T/odd"
  CONTENT=$T/odd FLAGS=8-d-
  failure "$FROM" 'a.tld <a@a.tld>'
  assertEquals 8-d- "$(get .flags)"
  assertEquals '["8bit",null,null,"8bit"]' "$(compact .encodings)"
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  assertEquals 'the header is neither' ---- "$(get .flags)"
  printf 'Subject: \374\r\n\r\n\r\n' >"$T/odd"
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  assertEquals 'the header' 8--- "$(get .flags)"
  assertEquals '["8bit",null,null,"8bit"]' "$(compact .encodings)"
}

# Twenty megabytes pass through little memory.
testLarge() {
  big 260000
  CONTENT=$T/big
  conf bouncebytes 100000000
  failed 0 | message $ID1 "$FROM RET=FULL" 'a.tld <a@a.tld>'
  limit=4000000
  case $BIN in *asan*) limit=unlimited ;; esac # the sanitizers need far more
  prlimit --data=$limit "$BIN/bounce-put" -C "$I" $ID1 >"$T/out" 2>"$T/err"
  assertEquals "$(err)" 0 $?
  told failed
  big_returned 'all of it'
  assertEquals 'a@a.tld failed' "$(flufl)"
}

# --- what was asked for ----------------------------------------------------------------

testEnvelopeId() {
  while IFS='|' read -r envid id; do
    failure "$FROM ENVID=$envid" 'a.tld <a@a.tld>'
    assertEquals "$envid" "$id" "$(get '.message["Original-Envelope-Id"]')"
    assertEquals "$envid" 'a@a.tld failed' "$(flufl)"
  done <<E
QQ314159|QQ314159
a+20b+2Bc+3D|a b+c=
x+0D+0AFinal-Recipient:+20rfc822;+20evil@x+00+C3+BC|x??Final-Recipient: rfc822; evil@x???
bad+zz|null
+|null
E
}

testOriginalRecipient() {
  while IFS='|' read -r orcpt original; do
    failure "$FROM" "a.tld <a@a.tld> NOTIFY=FAILURE ORCPT=$orcpt"
    assertEquals "$orcpt" "$original|rfc822; a@a.tld" "$(fields Original-Recipient Final-Recipient)"
  done <<'E'
rfc822;Alice+2Bx@Customer.TLD|rfc822; Alice+x@Customer.TLD
x400;+2FCN+3Dx+0A+0D+0AAction:+20relayed|x400; /CN=x???Action: relayed
utf-8;b\x{FC}cher@a.tld|utf-8; b\x{FC}cher@a.tld
rfc822|null
a:b;c|null
rfc822;a+0|null
;a|null
E
}

testReceivedFrom() {
  for CLIENT in 'uid 0' '' 'x' 'bad_[name [192.0.2.1] SMTP' '[192.0.2.7] [192.0.2.7] ESMTP' 'unknown user'; do
    failure "$FROM" 'a.tld <a@a.tld>'
    assertEquals "$CLIENT" null "$(get '.message["Received-From-MTA"]')"
  done
}

testRemotes() {
  while IFS='|' read -r relay mta; do
    echo "1763711160.000001 0 failed 5.0.0 $relay 550 no" | message $ID1 "$FROM" 'a.tld <a@a.tld>'
    tell $ID1 >"$T/out"
    told failed
    assertEquals "$relay" "$mta" "$(fields Remote-MTA)"
  done <<E
mx.a.tld[192.0.2.1]:25|dns; mx.a.tld
192.0.2.1[192.0.2.1]:25|dns; [192.0.2.1]
2001:db8::1[2001:db8::1]:25|dns; [IPv6:2001:db8::1]
x[y]:25|dns; x
none|null
a]|null
(x)[]|null
mx.a.tld|null
E
}

# Whose words: the remote's reply, or our own.
testDiagnostics() {
  while IFS='|' read -r code text status diagnostic; do
    result 0 failed "$code" "$text" | message $ID1 "$FROM" 'a.tld <a@a.tld>'
    tell $ID1 >"$T/out"
    told failed
    assertEquals "$text" "$status|$diagnostic" "$(fields Status Diagnostic-Code)"
  done <<E
5.7.1|550 5.7.1 no|5.7.1|smtp; 550 5.7.1 no
5.7.1|host a[1] said: 550 no (in reply to x command) (in reply to DATA command)|5.7.1|smtp; 550 no (in reply to x command)
5.4.7|delivery time expired; last: host a said: 450 later|5.4.7|X-Sluice; delivery time expired; last: host a said: 450 later
5.3.4|message size 5 exceeds size limit 4 of server a|5.3.4|X-Sluice; message size 5 exceeds size limit 4 of server a
4.2.2|host a said: 450 odd|5.0.0|smtp; 450 odd
nonsense|host a said: what|5.0.0|X-Sluice; host a said: what
5.1|host a said: 599|5.0.0|smtp; 599
5.0.0||5.0.0|null
E
}

testNotify() {
  conf delaywarning 1s
  for notify in '' NOTIFY=NEVER NOTIFY=FAILURE NOTIFY=DELAY NOTIFY=SUCCESS NOTIFY=SUCCESS,DELAY notify=success,failure,delay NOTIFY=HUH; do
    { failed 0; result 2 relayed 2.0.0 '250 ok'; } |
      message $ID1 "$FROM" "a.tld <a@a.tld> $notify" "b.tld <b@b.tld> $notify" "c.tld <c@c.tld> $notify"
    echo "$notify: $(tell $ID1 | sed 's/^[0-9a-v]* //; s/ [0-9][0-9a-v]*//g')"
    assertEquals "$notify: asked once" "$ID1 done" "$(tell $ID1)"
  done >"$T/notified"
  assertEquals ': done failed delayed
NOTIFY=NEVER: done
NOTIFY=FAILURE: done failed
NOTIFY=DELAY: done delayed
NOTIFY=SUCCESS: done relayed
NOTIFY=SUCCESS,DELAY: done delayed relayed
notify=success,failure,delay: done failed delayed relayed
NOTIFY=HUH: done failed delayed' "$(cat "$T/notified")"
}

# Of two in one message, only who wants to be told of is.
testNotifyOfSome() {
  { failed 0; failed 1; } | message $ID1 "$FROM" 'a.tld <a@a.tld> NOTIFY=NEVER' 'b.tld <b@b.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertEquals 'rfc822; b@b.tld' "$(fields Final-Recipient)"
  assertNotContains "$(get .text)" 'a@a.tld'
  assertEquals "0 notice failed none
1 notice failed $NOTICE" "$(journal)"
  failed 0 | message $ID2 "$FROM" 'a.tld <a@a.tld> NOTIFY=NEVER'
  assertEquals "$ID2 done" "$(tell $ID2)"
  assertEquals "bounce-put: $ID2: no notification (failed) to <bob@example.org>: not asked for (NOTIFY)" "$(err)"
  assertEquals '0 notice failed none' "$(journal $ID2)"
}

# Whom nothing can be said to.
testSendersNotTold() {
  while IFS='|' read -r sender why; do
    failed 0 | message $ID1 "from <$sender>" 'a.tld <a@a.tld> NOTIFY=SUCCESS,FAILURE,DELAY'
    assertEquals "$sender" "$ID1 done" "$(tell $ID1)"
    assertEquals "bounce-put: $ID1: no notification (failed) to <$sender>: $why" "$(err)"
    assertEquals "$sender" '0 notice failed none' "$(journal)"
    assertEquals "$sender" 1 "$(count)"
  done <<E
|the null sender
a@[192.0.2.1]|not a domain that mail can wait for
nobody|not an address
@x.tld|not an address
a b@x.tld|not an address
a@x..tld|not an address
E
}

testOddSenders() {
  for sender in '"a b"@x.tld' "o'x+{y}@X.Tld" '"<\">"@x.tld'; do
    failure "from <$sender>" 'a.tld <a@a.tld>'
    assertEquals "x.tld <$sender>" "$(get '.rcpts[]')"
    assertEquals "<$sender>" "$(get .to)"
  done
}

# --- beyond ASCII ----------------------------------------------------------------------

testUtf8() {
  FLAGS=8u--
  printf 'Subject: gr\303\274n\r\n\r\n\303\274\r\n' >"$T/odd"
  CONTENT=$T/odd
  failed 0 | sed 's/user/üser/' |
    message $ID1 'from <j@bücher.example> SMTPUTF8' 'xn--bcher-kva.example <ä@bücher.example> ORCPT=utf-8;b\x{FC}+2B\x{20AC}\x{1F600}\x{7F}ä'
  tell $ID1 >"$T/out"
  told failed
  assertEquals SMTPUTF8 "$(get .parameters)"
  assertEquals 8u-- "$(get .flags)"
  assertEquals 'xn--bcher-kva.example <j@bücher.example>' "$(get '.rcpts[]')"
  assertEquals '["text/plain","message/global-delivery-status","message/global"]' "$(compact .types)"
  assertEquals '["8bit","8bit","8bit","8bit"]' "$(compact .encodings)"
  assertEquals utf-8 "$(get .charset)"
  assertEquals 'utf-8; ä@bücher.example|utf-8; bü+€😀?ä|smtp; 550 5.1.1 no such üser' \
    "$(fields Final-Recipient Original-Recipient Diagnostic-Code)"
  assertContains "$(get .text)" '    ä@bücher.example'
}

# seven_bit: nothing in the notice needs SMTPUTF8, or 8BITMIME.
seven_bit() {
  assertEquals "$1" ---- "$(get .flags | tr d -)"
  assertEquals "$1" '' "$(get .parameters)"
  assertEquals "$1" '' "$(tr -d '\t' <"$T/mail" | LC_ALL=C grep '[^ -~]')"
}

# A sender of ASCII can always be told: what goes beyond it is encoded, and addresses have RFC 6533's form of ASCII.
testUtf8ToAscii() {
  FLAGS=8u--
  printf 'Subject: gr\303\274n = \r\n\r\n\303\274 \r\n' >"$T/odd"
  CONTENT=$T/odd
  failed 0 | sed 's/user/üser/' | message $ID1 "$FROM SMTPUTF8" 'xn--bcher-kva.example <ä+1@bücher.example> ORCPT=utf-8;b\x{FC}+2Bä'
  tell $ID1 >"$T/out"
  told failed
  seven_bit 'with an address'
  assertEquals 'example.org <bob@example.org>' "$(get '.rcpts[]')"
  assertEquals '["text/plain","message/delivery-status","message/global"]' "$(compact .types)"
  assertEquals '[null,"quoted-printable",null,"quoted-printable"]' "$(compact .encodings)"
  assertEquals 'for people' '    ä+1@bücher.example
        host mx.customer.tld[192.0.2.1] said: 550 5.1.1 no such üser (in
        reply to RCPT TO command)' "$(get .text | grep '^    ')"
  assertEquals 'utf-8; \x{E4}\x{2B}1@b\x{FC}cher.example|utf-8; b\x{FC}\x{2B}\x{E4}|smtp; 550 5.1.1 no such ??ser' \
    "$(fields Final-Recipient Original-Recipient Diagnostic-Code)"
  assertEquals "$(od -c <"$T/odd")" "$(jq -j .returned "$T/json" | iconv -t latin1 | od -c)"
}

# It is the header, not an address, that made the message need SMTPUTF8.
testUtf8HeaderToAscii() {
  FLAGS=8u--
  { printf 'Subject: gr\303\274n\r\nX: '; head -c 3000 /dev/zero | tr '\0' x; printf '\r\n\r\n.\r\n\303\274\r\n'; } >"$T/odd"
  CONTENT=$T/odd
  failure "$FROM" 'a.tld <a@a.tld>'
  seven_bit whole
  assertEquals '["text/plain","message/delivery-status","message/global"]' "$(compact .types)"
  assertEquals "$(od -c <"$T/odd")" "$(jq -j .returned "$T/json" | iconv -t latin1 | od -c)"
  assertEquals 'rfc822; a@a.tld' "$(fields Final-Recipient)"
  parsed
  failure "$FROM RET=HDRS" 'a.tld <a@a.tld>'
  seven_bit header
  assertEquals '["text/plain","message/delivery-status","message/global-headers"]' "$(compact .types)"
  assertEquals 'Subject: grün' "$(jq -j .returned "$T/json" | iconv -t latin1 | head -n 1 | tr -d '\r')"
  parsed
}

# parsed: others make of it that a@a.tld failed, as of any notice.
parsed() {
  assertEquals 'a@a.tld failed' "$(flufl)"
  assertEquals 'a@a.tld user_unknown 550' "$(bounceparser)"
  assertEquals 'a@a.tld userunknown failed 5.1.1 550' "$(sisimai)"
}

# A recipient's address alone: the message itself is of ASCII, and is returned as it was.
testUtf8AddressToAscii() {
  FLAGS=-u--
  failure "$FROM SMTPUTF8" 'xn--bcher-kva.example <a@bücher.example>'
  seven_bit address
  assertEquals '["text/plain","message/delivery-status","message/rfc822"]' "$(compact .types)"
  assertEquals 'utf-8; a@b\x{FC}cher.example' "$(fields Final-Recipient)"
  assertEquals 'a@b\x{FC}cher.example user_unknown 550' "$(bounceparser)"
  assertEquals 'a@bücher.example' "$(get .text | sed -n 's/^    a/a/p')"
  assertEquals "$(od -c <"$T/content")" "$(jq -j .returned "$T/json" | od -c)"
}

# Old mail, of a client that did not ask for SMTPUTF8, and a body that needs none: as they came.
testHighOctetsAsTheyCame() {
  FLAGS=8---
  for subject in 'Subject: x' 'Subject: \374'; do
    # shellcheck disable=SC2059
    printf "$subject\r\n\r\n\374\303\274\r\n" >"$T/odd"
    CONTENT=$T/odd
    failure "$FROM" 'a.tld <a@a.tld>'
    assertEquals 8--- "$(get .flags)"
    assertEquals '["8bit",null,null,"8bit"]' "$(compact .encodings)"
    assertEquals '["text/plain","message/delivery-status","message/rfc822"]' "$(compact .types)"
    assertEquals "$(od -c <"$T/odd")" "$(jq -j .returned "$T/json" | iconv -t latin1 | od -c)"
  done
}

# A message of ASCII gets a notice of ASCII, whatever the remote said.
testNoUtf8Unasked() {
  result 0 failed 5.0.0 "host x said: 550 $(printf 'b\303\274cher \377\302\205') e" | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertEquals ---- "$(get .flags)"
  assertEquals 'smtp; 550 b??cher ??? e' "$(fields Diagnostic-Code)"
}

# --- hostile ---------------------------------------------------------------------------

# hostile WORDS: nothing that a remote says makes more of a notice than it is.
hostile() {
  for FLAGS in ---- -u--; do
    result 0 failed 5.1.1 "host x said: 550 5.1.1 $1" | message $ID1 "$FROM" 'a.tld <a@a.tld>'
    tell $ID1 >"$T/out"
    assertEquals "$(err)" 0 $?
    told failed
    assertEquals "$1" 'rfc822; a@a.tld|failed|5.1.1' "$(fields Final-Recipient Action Status)"
    [ $FLAGS = -u-- ] && continue
    assertEquals "$1" 'a@a.tld failed' "$(flufl)"
    assertEquals "$1" a@a.tld "$(bounceparser | cut -d ' ' -f 1)"
    assertEquals "$1" a@a.tld "$(sisimai | cut -d ' ' -f 1)"
  done
}

testHostileWords() {
  spaces=$(printf '%300s' '')
  zeros=$(printf '%0900d' 0)
  hostile "$(printf '\302\233[2J\302\205\200')"
  hostile '--x-- . .. ...'
  hostile "$spaces Final-Recipient: rfc822; evil@x.tld$spaces Action: failed"
  hostile "Content-Type: text/html =?utf-8?q?x?= $spaces"
  hostile "$zeros"
  hostile "x$zeros.$zeros$zeros y"
  hostile "$(seq 300 | xargs)"
  hostile "$(printf '\303\274%.0s' $(seq 480))"
  hostile "$(printf '\200%.0s' $(seq 970))"
  hostile "x$(printf '\342\202\254%.0s' $(seq 310))"
}

# Old notices and their boundaries are content like any other.
testNoticeOfANotice() {
  failure "$FROM" 'a.tld <a@a.tld>'
  sed '1,/^$/d' "$I/queue/new/$NOTICE" >"$T/odd"
  CONTENT=$T/odd
  failure "$FROM" 'b.tld <b@b.tld>'
  assertEquals 'rfc822; b@b.tld' "$(fields Final-Recipient)"
  assertEquals "$(wc -c <"$T/odd")" "$(get .octets)"
}

# --- when it cannot be said --------------------------------------------------------------

testGone() {
  tell $NONE >"$T/out"
  assertEquals 1 $?
  assertEquals "$NONE gone" "$(cat "$T/out")"
  assertEquals '' "$(err)"
}

testCorrupt() {
  echo nonsense >"$I/queue/new/$ID1"
  tell $ID1 >"$T/out"
  assertEquals 111 $?
  assertEquals "$ID1 later not a whole message" "$(cat "$T/out")"
  assertEquals "bounce-put: warning: unable to read message $ID1: not a whole message" "$(err)"
  rm "$I/queue/new/$ID1"
  ln -s /etc/passwd "$I/queue/new/$ID1"
  assertEquals "$ID1 later Invalid argument" "$(tell $ID1)"
}

testUsage() {
  tell -x
  assertEquals 'unknown option' 100 $?
  assertContains "$(err)" 'usage: bounce-put [-C dir] [-W | id...]'
  tell $ID1 ../x >"$T/out"
  assertEquals 'not an id' 100 $?
  assertEquals 'nothing done' '' "$(cat "$T/out")"
  "$BIN/bounce-put" -C "$T/none" $ID1 2>"$T/err"
  assertEquals 'no instance' 111 $?
  assertContains "$(err)" "$T/none"
  for setting in me delaywarning lifetime; do
    message $ID1 "$FROM" 'a.tld <a@a.tld>' </dev/null
    conf $setting 'no sense'
    tell $ID1
    assertEquals "$setting" 102 $?
    assertContains "$(err)" "conf/$setting"
    conf $setting
  done
}

testFullOutput() {
  tell $NONE >/dev/full
  assertEquals 111 $?
  assertContains "$(err)" 'unable to write to standard output'
}

# Many on standard input, answered in order.
testStandardInput() {
  for id in $ID1 $ID2; do failed 0 | message $id "$FROM" 'a.tld <a@a.tld>'; done
  printf '%s\n' $ID1 $NONE nonsense $ID2 $ID1 | tell >"$T/out"
  assertEquals 'exit code' 100 $?
  assertEquals "$ID1 done failed
$NONE gone
$ID2 done failed
$ID1 done" "$(sed 's/ failed .*/ failed/' "$T/out")"
  assertContains "$(err)" 'not an id: nonsense'
}

# ask ID: a question to the bounce-put behind 9, answered before it hears another one.
ask() {
  echo "$1" >&9
  assertTrue "answered: $1" "wait_for 10 grep -q '^$1 ' $T/out"
}

# A connection stays; a setting that changes meanwhile holds for the next id.
testConversation() {
  conf me one.example.org
  for id in $ID1 $ID2; do failed 0 | message $id "$FROM" 'a.tld <a@a.tld>'; done
  mkfifo "$T/in"
  tell <"$T/in" >"$T/out" &
  exec 9>"$T/in"
  ask $NONE
  ask $ID1
  told failed $ID1
  assertEquals 'dns; one.example.org' "$(get '.message["Reporting-MTA"]')"
  conf me two.example.org
  ask $ID2
  told failed $ID2
  assertEquals 'dns; two.example.org' "$(get '.message["Reporting-MTA"]')"
  exec 9>&-
  wait $!
  assertEquals 'ends with its input' 1 $?
  rm "$T/in"
}

testTwoThousand() {
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  seq -f '1h8qabcd%06.0f' 1 2000 >"$T/ids"
  # shellcheck disable=SC2016 # of the inner shell
  (cd "$I/queue/new" && xargs -n 500 sh -c 'tee "$@" <"$0" >/dev/null' $ID1 <"$T/ids" && rm $ID1)
  tell <"$T/ids" >"$T/out"
  assertEquals "$(err | head -n 3)" 0 $?
  assertEquals 2000 "$(grep -c ' done failed ' "$T/out")"
  assertEquals 'in order' "$(cat "$T/ids")" "$(cut -d ' ' -f 1 "$T/out")"
  assertEquals 4000 "$(count)"
}

# --- others at work ----------------------------------------------------------------------

# lock RECIPIENT: as an agent does (F_OFD_SETLK), until unlock.
lock() {
  # shellcheck disable=SC2016 # Perl's
  perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, $ARGV[2], 1, 0); open F, "+<", $ARGV[0];
    fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' "$I/queue/new/$ID1" "$T/locked" "$1" &
  locker=$!
  wait_for 10 test -e "$T/locked"
}
unlock() {
  kill $locker
  wait $locker 2>/dev/null
  rm "$T/locked"
}

# One that is being sent keeps a notice that would tell of it, and no other.
testBusy() {
  conf delaywarning 1s
  { failed 0; failed 2; } | message $ID1 "$FROM" 'a.tld <a@a.tld>' 'b.tld <b@b.tld>' 'c.tld <c@c.tld>'
  lock 1
  tell $ID1 >"$T/out"
  assertEquals 111 $?
  assertEquals 'the delayed one is being sent' "$ID1 later being sent" "$(cat "$T/out")"
  assertEquals 'the failed ones are told' '0 notice failed
2 notice failed' "$(journal | sed 's/ [^ ]*$//')"
  assertContains "$(err)" 'sender non-delivery notification'
  unlock
  tell $ID1 >"$T/out"
  told delayed
  assertEquals 3 "$(count)"
}

testBusyOfTwo() {
  conf delaywarning 1s
  { failed 0; failed 1; } | message $ID1 "$FROM" 'a.tld <a@a.tld>' 'b.tld <b@b.tld>' 'c.tld <c@c.tld>'
  lock 1
  assertEquals 'one notice for both, or none' "$ID1 later being sent" "$(tell $ID1)"
  assertEquals 'the delayed one is told' '2 notice delayed' "$(journal | sed 's/ [^ ]*$//')"
  unlock
  tell $ID1 >"$T/out"
  told failed
  assertEquals 2 "$(get '.recipients | length')"
}

testTwoAtOnce() {
  seq 0 199 | while read -r n; do failed "$n"; done | message $ID1 "$FROM" "$(many 200 | sed '2,$s/^/rcpt /')"
  for n in 1 2 3 4 5 6; do
    "$BIN/bounce-put" -C "$I" $ID1 >"$T/out$n" 2>"$T/err$n" &
  done
  wait
  cat "$T"/out[1-6] >"$T/out"
  assertEquals 'one says so' 1 "$(grep -c " done failed " "$T/out")"
  assertEquals 'the others' 5 "$(grep -cE " done$| later being sent$" "$T/out")"
  assertEquals 'one notice' 2 "$(count)"
  assertEquals 200 "$(journal | wc -l)"
}

# On hold: what failed is told; that the rest waits is the operator's will.
testOnHold() {
  conf delaywarning 1s
  PLACE=hold
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>' 'b.tld <b@b.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertEquals "$ID1 done failed $NOTICE" "$(cat "$T/out")"
  assertEquals "0 notice failed $NOTICE" "$(journal)"
}

# tell_slowly: of ID1; waits until recipients are being locked, which takes a second then.
tell_slowly() {
  rm -f "$T/trace"
  traced -o "$T/trace" -e trace=fcntl -e inject=fcntl:delay_exit=1000000 "$BIN/bounce-put" -C "$I" $ID1 \
    >"$T/out" 2>"$T/err" &
  slow=$!
  assertTrue 'locks' "wait_for 10 grep -qs F_OFD_SETLK $T/trace"
}

# An operator takes it away between the first look and the lock.
testRemovedMeanwhile() {
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell_slowly
  rm "$I/queue/new/$ID1"
  wait $slow
  assertEquals "$ID1 gone" "$(cat "$T/out")"
  assertEquals 0 "$(count)"
}

# Who may write to the file changes more than the journal.
testChangedMeanwhile() {
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell_slowly
  { failed 0; failed 150; } | message $ID1 "$FROM" "$(many 200 | sed '2,$s/^/rcpt /')"
  wait $slow
  assertEquals "$ID1 later not a whole message" "$(cat "$T/out")"
  assertEquals 1 "$(count)"
}

# --- disks and kills -----------------------------------------------------------------------

# Is there nothing but the message?
alone() { assertEquals "$1: nothing else" 1 "$(find "$I/queue/new" "$I/queue/tmp" -type f | wc -l)"; }

testTornJournal() {
  { failed 0; printf '1763711161.000001 0 fai'; } | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell $ID1 >"$T/out"
  told failed
  assertEquals "0 notice failed $NOTICE" "$(journal)"
  assertEquals "$ID1 done" "$(tell $ID1)"
}

testFullDisk() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  mount -t tmpfs -o size=200k none "$I/queue" || { skip 'no tmpfs'; return; }
  mkdir "$I/queue/new" "$I/queue/tmp"
  big 500
  CONTENT=$T/big
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  cat /dev/zero >"$I/queue/ballast" 2>/dev/null
  tell $ID1 >"$T/out"
  assertEquals 111 $?
  assertEquals "$ID1 later No space left on device" "$(cat "$T/out")"
  assertEquals "bounce-put: warning: unable to write a notice about $ID1: No space left on device" "$(err)"
  alone full
  truncate -s -20480 "$I/queue/ballast"
  tell $ID1 >"$T/out"
  assertEquals 'room for half of it' 111 $?
  alone half
  assertEquals '' "$(journal)"
  rm "$I/queue/ballast"
  tell $ID1 >"$T/out"
  assertEquals "$(err)" 0 $?
  told failed
  umount "$I/queue"
}

# Without room for the journal no notice is made: it would be made again and again.
testFullJournal() {
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell_traced -e inject=fallocate:error=ENOSPC
  assertEquals 111 $?
  assertEquals "$ID1 later No space left on device" "$(cat "$T/out")"
  alone 'no room'
  tell_traced -e inject=fallocate:error=EOPNOTSUPP
  assertEquals 'where there is no such thing' 0 $?
  told failed
}

# Whatever fails, it is said, and nothing is lost.
testFailures() {
  for failure in fsync:error=EIO renameat2:error=EIO pread64:error=EIO:when=3 writev:error=EIO:when=1 fcntl:error=ENOLCK; do
    failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
    tell_traced -e "inject=$failure"
    assertEquals "$failure: $(cat "$T/out")" 111 $?
    assertContains "$failure" "$(cat "$T/out")" "$ID1 later "
    assertContains "$failure" "$(err)" 'bounce-put: warning: unable to '
    alone "$failure"
    assertEquals "$failure" '' "$(journal)"
    tell $ID1 >"$T/out"
    told failed
    rm "$I/queue/new/$NOTICE"
  done
  # the notice is out, the journal cannot be written
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  tell_traced -e inject=writev:error=EIO:when=2
  assertEquals 111 $?
  assertContains "$(err)" "unable to write to the journal of $ID1: Input/output error"
  assertEquals 'told' 2 "$(count)"
}

# A kill tells twice at the worst.
testKilled() {
  for call in fallocate getrandom writev:1 renameat2 fsync writev:2 write:1; do
    rm -f "$I"/queue/new/* "$I"/queue/tmp/*
    failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
    case $call in *:*) when=:when=${call#*:} ;; *) when= ;; esac
    tell_traced -e "inject=${call%:*}:signal=KILL$when"
    assertEquals "$call" 137 $?
    tell $ID1 >"$T/out"
    assertEquals "$call" 0 $?
    notices=$(grep -l '^client bounce-put' "$I"/queue/new/* | wc -l)
    assertTrue "$call: $notices notices" "[ $notices = 1 ] || [ $notices = 2 ]"
    assertEquals "$call: the journal knows" 1 "$(journal | wc -l)"
    assertEquals "$call" "$ID1 done" "$(tell $ID1)"
  done
}

# qmgr hears of it.
testHint() {
  failed 0 | message $ID1 "$FROM" 'a.tld <a@a.tld>'
  exec 9<>"$I/queue/trigger"
  tell $ID1 >"$T/out"
  told failed
  read -r hint <&9
  exec 9<&-
  assertEquals "new $NOTICE" "$hint"
}

. shunit2
