# queue-list: the look of postqueue -p, JSON, and what is picked out of the queue.
. tests/lib.sh

TZ=UTC
export TZ
ID1=1h8qabcde00001
ID2=1h8qabcde00002
ID3=1h9rabcde00003

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

list() { "$BIN/queue-list" -C "$I" "$@" 2>"$T/err"; }

# message PLACE ID SENDER ADDRESS...: a message file, 5 octets of content; its journal from stdin.
message() {
  message_place=$1 message_id=$2 message_sender=$3
  shift 3
  case $message_place in
    cur) message_place=cur/$(echo "$message_id" | cut -c1-5); mkdir -p "$I/queue/$message_place" ;;
  esac
  {
    printf 'from <%s>\narrival 1763711153.123456\nclient mail.example.org [192.0.2.7] ESMTP\n' "$message_sender"
    for address; do printf 'rcpt %s <%s>\n' "${address##*@}" "$address"; done
    echo
  } >"$T/envelope"
  {
    printf 'sluice-1 %010d %018d ----\n' "$(wc -c <"$T/envelope")" 5
    cat "$T/envelope"
    printf 'abc\r\n'
    cat
  } >"$I/queue/$message_place/$message_id"
}

# Fields of the only object: get JQ-PATH
get() { list -j | jq -c "$1"; }

testEmpty() {
  assertEquals 'Mail queue is empty' "$(list)"
  assertEquals '' "$(list -j)"
}

# What a Postfix 3.7 printed for these messages, but for its own ids and sizes.
testLook() {
  message new $ID1 '' u4@b.tld <<E
1763711160.000001 0 deferred 4.4.1 none connect to 127.0.0.1[127.0.0.1]:7: Connection refused
E
  message cur $ID2 bob@example.org u3@b.tld u1@a.tld u2@a.tld <<E
1763711160.000001 0 deferred 4.4.1 none connect to 127.0.0.1[127.0.0.1]:7: Connection refused
1763711160.000001 1 deferred 4.4.1 none connect to 127.0.0.1[127.0.0.1]:9: Connection refused
1763711160.000001 2 deferred 4.4.1 none connect to 127.0.0.1[127.0.0.1]:9: Connection refused
E
  message hold $ID3 '"b o"@example.org' '"x y"@a.tld' u5@a.tld <<E
1763711160.000001 0 deferred 4.4.1 none connect to 127.0.0.1[127.0.0.1]:9: Connection refused
E
  assertEquals '----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------
1h8qabcde00001           5 Fri Nov 21 07:45:53 MAILER-DAEMON
                       (connect to 127.0.0.1[127.0.0.1]:7: Connection refused)
                                               u4@b.tld

1h8qabcde00002           5 Fri Nov 21 07:45:53 bob@example.org
                       (connect to 127.0.0.1[127.0.0.1]:7: Connection refused)
                                               u3@b.tld
                       (connect to 127.0.0.1[127.0.0.1]:9: Connection refused)
                                               u1@a.tld
                                               u2@a.tld

1h9rabcde00003!          5 Fri Nov 21 07:45:53 "b o"@example.org
                       (connect to 127.0.0.1[127.0.0.1]:9: Connection refused)
                                               "x y"@a.tld
                                                          (reason unavailable)
                                               u5@a.tld

-- 0 Kbytes in 3 Requests.' "$(list)"
  assertEquals 'with names' "1h9rabcde00003!          5 Fri Nov 21 07:45:53 \"b o\"@example.org" "$(list $ID3 | sed -n 2p)"
  assertEquals 'one request' '-- 0 Kbytes in 1 Request.' "$(list $ID3 | tail -n 1)"
}

testTimeZone() {
  message new $ID1 '' a@a.tld </dev/null
  assertContains "$(TZ=XXX-3 list)" 'Fri Nov 21 10:45:53'
}

testLongReason() {
  reason=$(printf '%0100d' 0)
  echo "1763711160.000001 0 deferred 4.4.1 none $reason" | message cur $ID1 '' a@a.tld
  assertEquals "($reason)" "$(list | sed -n 3p)"
}

# The keys of postqueue -j, in their order, come first.
testJson() {
  conf backoff '60 3600'
  conf lifetime 5d
  message cur $ID1 bob@example.org a@a.tld b@b.tld <<E
1763711160.000001 0 deferred 4.4.1 none connect refused
1763711170.000001 0 deferred 4.2.0 mx[192.0.2.1]:25 450 later
1763711170.000001 1 sent 2.0.0 mx[192.0.2.1]:25 250 ok
E
  assertEquals '{"queue_name": "deferred", "queue_id": "1h8qabcde00001", "arrival_time": 1763711153, "message_size": 5, "forced_expire": false, "sender": "bob@example.org", "recipients": [{"address": "a@a.tld", "delay_reason": "450 later", "status": "4.2.0", "relay": "mx[192.0.2.1]:25", "attempts": 2, "last_try": 1763711170, "next_try": 1763711290, "domain": "a.tld", "site": "a.tld", "site_state": "unknown", "parked": false}], "expires": 1764143153, "recipient_count": 2, "client": "mail.example.org [192.0.2.7] ESMTP"}' "$(list -j)"
}

testJsonStrings() {
  { printf '1763711160.000001 0 deferred 4.4.1 none say "no" \\ \303\274 \377 \302\233 \360\237\230\200\n'; } | message cur $ID1 '"a\"b"@example.org' a@a.tld
  assertEquals '"say \"no\" \\ ü ? ?? 😀"' "$(get '.recipients[0].delay_reason')"
  assertEquals '"\"a\\\"b\"@example.org"' "$(get .sender)"
  message hold $ID2 '' a@a.tld </dev/null
  assertEquals '"MAILER-DAEMON"' "$(list -j $ID2 | jq -c .sender)"
}

# lock ID, unlock: a recipient in an agent's hands.
lock() {
  # a lock of F_OFD_SETLK, as an agent holds it
  # shellcheck disable=SC2016 # Perl's
  perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 1, 0); open F, "+<", $ARGV[0];
    fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' \
    "$(find "$I/queue" -name "$1" -type f)" "$T/locked" &
  locker=$!
  wait_for 10 test -e "$T/locked"
}

unlock() {
  kill "$locker"
  wait "$locker" 2>/dev/null
  rm "$T/locked"
}

# What is on hold stays that, being sent or not.
testStates() {
  for place in new cur hold; do
    message $place $ID1 '' a@a.tld </dev/null
    get .queue_name
    list | sed -n '2s/ .*//p'
    lock $ID1
    get .queue_name
    list | sed -n '2s/ .*//p'
    unlock
    find "$I/queue/$place" -name $ID1 -delete
  done >"$T/states"
  assertEquals "\"incoming\"
$ID1
\"active\"
$ID1*
\"deferred\"
$ID1
\"active\"
$ID1*
\"hold\"
$ID1!
\"hold\"
$ID1!" "$(cat "$T/states")"
}

testOnlyWhatIsOwed() {
  message cur $ID1 '' a@a.tld b@b.tld <<E
1763711160.000001 0 sent 2.0.0 mx 250 ok
E
  message cur $ID2 '' a@a.tld <<E
1763711160.000001 0 failed 5.0.0 mx 550 no
1763711160.000002 0 notice failed none
E
  assertEquals '["b@b.tld"]' "$(get '[.recipients[].address]')"
  assertNotContains "$(list)" a@a.tld
}

# A failure that the sender has not been told of is owed as well.
testUntold() {
  message cur $ID1 bob@example.org a@a.tld b@b.tld <<E
1763711160.000001 0 failed 5.1.1 mx[192.0.2.1]:25 550 no such user
1763711160.000001 1 sent 2.0.0 mx[192.0.2.1]:25 250 ok
E
  assertContains "$(list)" '(its sender is not told yet: 550 no such user)'
  assertEquals '["a@a.tld","its sender is not told yet: 550 no such user","5.1.1",null]' \
    "$(get '[.recipients[] | .address, .delay_reason, .status, .next_try]')"
  assertEquals null "$(get .expires)"
  assertEquals $ID1 "$(list -1 -d a.tld)"
  assertEquals '' "$(list -1 -d b.tld)"
}

# What was tried, or has failed, in the future was so under a wrong clock, and is due.
testNextTryUnderAWrongClock() {
  now=$(date +%s)
  message cur $ID1 '' a@a.tld <<E
$((now + 7000)).000001 0 deferred 4.2.0 mx[192.0.2.1]:25 450 later
E
  message cur $ID2 '' b@b.tld <<E
$((now - 10)).000001 0 deferred 4.2.0 mx[192.0.2.1]:25 450 later
E
  due='if .recipients[0].next_try <= now then "due" else "later" end'
  assertEquals 'due
later' "$(get "$due" | tr -d '"')"
  for line in "since=$((now + 7000)) failures=3 next=$((now + 7000))" "since=$((now - 10)) failures=3 next=$((now + 99999))" \
      "since=$((now - 10)) failures=3 next=$((now + 100))"; do
    echo "down $line 4.4.1 connect to [127.0.0.1]:2525: Connection refused" >"$I/queue/site/a.tld"
    get "$due" | tr -d '"' | head -n 1
  done >"$T/due"
  assertEquals 'due due later' "$(paste -sd ' ' "$T/due")"
}

# What is shown is when qmgr tries: the second attempt is made then, not before, and the third twice as long after.
testNextTryIsWhenQmgrTries() {
  sink later --rcpt '@a.tld=450 4.2.1 not now'
  conf backoff '2 60'
  conf relaydomains a.tld
  conf routes "a.tld [127.0.0.1]:$SINKPORT"
  start
  submit -n 1 -t '%d@a.tld' >/dev/null
  assertTrue 'tried once' 'wait_for 10 tried 1'
  shown=$(get '.recipients[0].next_try')
  assertTrue 'tried twice' 'wait_for 20 tried 2'
  last=$(get '.recipients[0].last_try')
  assertTrue "shown $shown, tried $last" "[ $last -ge $shown ] && [ $last -le $((shown + 3)) ]"
  assertEquals 'the next' $((last + 4)) "$(get '.recipients[0].next_try')"
  stop
  sink_stop
}

tried() { [ "$(get '.recipients[0].attempts')" = "$1" ]; }

# Why: the journal, else the site, else the route.
testWhy() {
  conf routes 'a.tld [mx.a.tld]:2525' 'parked.tld [mx.parked.tld] park lifetime=30d'
  echo 'down since=1763711153 failures=3 next=1763711333 4.4.1 connect to [127.0.0.1]:2525: Connection refused' \
    >"$I/queue/site/[mx.a.tld]:2525"
  echo 'parked since=1763711153 failures=0 next=0' >"$I/queue/site/[mx.parked.tld]:25"
  message cur $ID1 '' a@a.tld b@a.tld c@parked.tld d@b.tld <<E
1763711160.000001 1 deferred 4.2.0 mx 450 later
E
  assertEquals '["connect to [127.0.0.1]:2525: Connection refused","450 later","waiting for the site to ask (parked)",null]' \
    "$(get '[.recipients[].delay_reason]')"
  assertEquals '[1763711333,1763711333,null,1763711153]' "$(get '[.recipients[].next_try]')"
  assertEquals '["[mx.a.tld]:2525","[mx.a.tld]:2525","[mx.parked.tld]:25","b.tld"]' "$(get '[.recipients[].site]')"
  assertEquals '["down","down","parked","unknown"]' "$(get '[.recipients[].site_state]')"
  assertEquals '[false,false,true,false]' "$(get '[.recipients[].parked]')"
  echo 'up since=1763711153 failures=0 next=0 mx[192.0.2.1]:25' >"$I/queue/site/[mx.a.tld]:2525"
  assertEquals '"up"' "$(get '.recipients[0].site_state')"
  assertEquals 1763711220 "$(get '.recipients[1].next_try')"
  echo 'nonsense' >"$I/queue/site/[mx.a.tld]:2525"
  assertEquals '"unknown"' "$(get '.recipients[0].site_state')"
  conf routes 'parked.tld [mx.parked.tld] park lifetime=30d'
  message cur $ID2 '' c@parked.tld </dev/null
  assertEquals 1766303153 "$(list -j $ID2 | jq .expires)"
}

# --- filters ---

# The ids that these options pick out of the queue, in a line.
picked() { list -1 "$@" | sort | tr '\n' ' '; }

# Three messages: in cur from bob, in hold from the null sender, in new from Eve, to two recipients.
three() {
  message cur $ID1 bob@example.org alice@a.tld </dev/null
  message hold $ID2 '' carol@b.tld </dev/null
  message new $ID3 Eve@Spam.Example alice@sub.a.tld "$(printf 'j\303\274rgen')"@xn--bcher-kva.example <<E
1763711160.000001 0 sent 2.0.0 mx 250 ok
E
}

testIdsAlone() {
  three
  assertEquals "$ID1 $ID2 $ID3 " "$(picked)"
  assertEquals 'nothing but ids' "$ID1" "$(list -1 -q cur)"
  assertEquals 'empty' '' "$(list -1 -s nobody)"
}

testSender() {
  three
  assertEquals 'address' "$ID1 " "$(picked -s bob@example.org)"
  assertEquals 'case' "$ID3 " "$(picked -s eve@sPAM.example)"
  assertEquals 'pattern' "$ID1 $ID3 " "$(picked -s '*@*')"
  assertEquals 'null' "$ID2 " "$(picked -s '<>')"
  assertEquals 'as it is listed' "$ID2 " "$(picked -s MAILER-DAEMON)"
  assertEquals 'any of them' "$ID1 $ID2 " "$(picked -s '<>' -s 'bob@*')"
  assertEquals 'all of it' '' "$(picked -s bob)"
}

testRecipient() {
  three
  assertEquals 'address' "$ID1 " "$(picked -r Alice@a.tld)"
  assertEquals 'pattern' "$ID2 " "$(picked -r '*@b.*')"
  assertEquals 'UTF-8' "$ID3 " "$(picked -r "$(printf 'j\303\274rgen@*')")"
  assertEquals 'delivered' '' "$(picked -r alice@sub.a.tld)"
}

testDomain() {
  three
  assertEquals 'folded' "$ID1 " "$(picked -d A.TLD.)"
  assertEquals 'U-label' "$ID3 " "$(picked -d "$(printf 'B\303\274cher.example')")"
  assertEquals 'pattern' "$ID1 $ID2 " "$(picked -d '*.tld')"
  assertEquals 'delivered' '' "$(picked -d sub.a.tld)"
}

# What matches by one recipient is listed with all that it owes.
testShownWhole() {
  message cur $ID1 bob@example.org a@a.tld b@b.tld </dev/null
  assertEquals '["a@a.tld","b@b.tld"]' "$(list -j -d b.tld | jq -c '[.recipients[].address]')"
}

testAge() {
  # of this moment, of 1970, and of the far future
  now=$(tests/peer/queue-fill -o 0 "$I/queue" 1 a.tld)
  message cur 00000abcde0000 '' a@a.tld </dev/null
  message cur vvvvvvvvvvvvvv '' a@a.tld </dev/null
  assertEquals 'all but the future' "00000abcde0000 $now " "$(picked -o 0)"
  assertEquals 'old' '00000abcde0000 ' "$(picked -o 3650d)"
  assertEquals 'any of them' "00000abcde0000 $now " "$(picked -o 1d -o 0s)"
}

# Those that are too young are not even opened.
testAgeNeedsNoOpen() {
  tests/peer/queue-fill -o 60 "$I/queue" 50 a.tld >"$T/ids"
  message cur 00000abcde0000 '' a@a.tld </dev/null
  traced -o "$T/calls" "$BIN/queue-list" -C "$I" -1 -o 1d >"$T/out"
  assertEquals 00000abcde0000 "$(cat "$T/out")"
  assertEquals 'opened' 0 "$(grep -cFf "$T/ids" "$T/calls")"
  assertEquals 'opened' 1 "$(grep -c '^open.*00000abcde0000' "$T/calls")"
}

testSize() {
  for octets in 1023 1024 10000; do
    tests/peer/queue-fill -z $octets "$I/queue" 1 a.tld
  done >"$T/ids"
  assertEquals 'all' "$(cat "$T/ids")" "$(list -1 -z 0)"
  assertEquals 'at least' "$(sed 1d "$T/ids")" "$(list -1 -z 1k)"
  assertEquals 'in octets' "$(sed 1d "$T/ids")" "$(list -1 -z 1024)"
  assertEquals 'one more' "$(sed 1,2d "$T/ids")" "$(list -1 -z 1025)"
  assertEquals 'none' '' "$(list -1 -z 1g)"
}

testPlaces() {
  three
  busy=1h8qabcde00004
  message cur $busy '' a@a.tld </dev/null
  lock $busy
  assertEquals 'new' "$ID3 " "$(picked -q new)"
  assertEquals 'cur' "$ID1 $busy " "$(picked -q cur)"
  assertEquals 'hold' "$ID2 " "$(picked -q hold)"
  assertEquals 'active' "$busy " "$(picked -q active)"
  assertEquals 'any of them' "$ID2 $busy " "$(picked -q hold -q active)"
  unlock
  assertEquals 'active no more' '' "$(picked -q active)"
}

# Only directories where something may be are read.
testPlacesNotWalked() {
  three
  traced -o "$T/calls" "$BIN/queue-list" -C "$I" -1 -q new >"$T/out"
  assertEquals $ID3 "$(cat "$T/out")"
  assertEquals 'new' 1 "$(grep -c '"new", .*O_DIRECTORY' "$T/calls")"
  assertEquals 'others' 0 "$(grep -cE '"(cur|hold)", .*O_DIRECTORY' "$T/calls")"
}

testFiltersTogether() {
  three
  assertEquals 'both' "$ID1 " "$(picked -s '*@*' -d '*.tld')"
  assertEquals 'neither' '' "$(picked -s bob@example.org -q hold)"
  assertEquals 'of one recipient' '' "$(picked -r 'alice@*' -d '*.example')"
  assertEquals 'total' '-- 0 Kbytes in 1 Request.' "$(list -s '<>' | tail -n 1)"
  assertEquals 'nothing' 'Mail queue is empty' "$(list -s '<>' -q cur)"
  assertEquals 'named ones' "$ID1 " "$(picked -s 'bob@*' $ID1 $ID2)"
}

testBadValues() {
  while read -r option value; do
    [ "$value" != EMPTY ] || value=
    list "$option" "$value" >"$T/out"
    assertEquals "$option $value" 100 $?
    assertEquals "$option $value: one line" 1 "$(wc -l <"$T/err")"
    assertContains "$(cat "$T/err")" "queue-list: fatal: $option"
    assertEquals "$option $value: no output" '' "$(cat "$T/out")"
  done <<E
-s EMPTY
-r EMPTY
-r <>
-d EMPTY
-d a..b
-d bob@a.tld
-o EMPTY
-o soon
-o 5x
-o -5m
-z EMPTY
-z big
-z 5kb
-z 99999999999999999999g
-q EMPTY
-q deferred
E
  list -q "$(printf 'a\033[2J')"
  assertContains 'cleaned' "$(cat "$T/err")" 'a?[2J'
  list -1 -j
  assertEquals 'two forms' 100 $?
  list -s
  assertEquals 'no value' 100 $?
}

# --- ids ---

testStandardInput() {
  three
  printf '%s\n  %s*  \n\n%s!' $ID3 $ID1 $ID2 | list -1 - >"$T/out"
  assertEquals 'exit code' 0 $?
  assertEquals "$ID3 $ID1 $ID2" "$(xargs <"$T/out")"
  echo $ID3 | list -1 $ID1 - $ID2 >"$T/out"
  assertEquals 'in order' "$ID1 $ID3 $ID2" "$(xargs <"$T/out")"
  list - </dev/null >"$T/out"
  assertEquals 'none is none, not all' 'Mail queue is empty' "$(cat "$T/out")"
  printf '%s\n../../etc/passwd\n%s\n' $ID3 $ID1 | list -1 - >"$T/out"
  assertEquals 'no id' 100 $?
  assertEquals 'the others' "$ID3 $ID1" "$(xargs <"$T/out")"
  assertEquals 'queue-list: warning: not an id: ../../etc/passwd' "$(cat "$T/err")"
}

# What was listed can be given back: marks do no harm.
testListToList() {
  three
  list | awk '/^[0-9a-v]/ { print $1 }' >"$T/ids"
  assertEquals 1 "$(grep -c '!' "$T/ids")"
  assertEquals "$(list -1)" "$(list -1 - <"$T/ids")"
  assertEquals "$ID2" "$(list -1 $ID2!)"
}

# Out of the queue with one sender's mail: all of it, and nothing else.
testListToDelete() {
  tests/peer/queue-fill -s 'spam@bad%d.example' "$I/queue" 30 a.tld b.tld >"$T/ids"
  message cur $ID1 bob@example.org spam@a.tld </dev/null
  message hold $ID2 Spam@other.example a@a.tld </dev/null
  list -1 -s 'spam@*' | "$BIN/queue-del" -C "$I" >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 0 $?
  assertEquals 'deleted' 31 "$(grep -c '^[0-9a-v]* deleted$' "$T/out")"
  assertEquals 'left' $ID1 "$(list -1)"
}

# A list of ids does without settings.
testIdsWithBrokenSettings() {
  three
  conf backoff never
  conf routes 'a.tld ['
  assertEquals "$ID1 $ID2 $ID3 " "$(picked)"
  list -s nobody >"$T/out"
  assertEquals 'the others do not' 102 $?
}

# --- trouble ---

# A corrupt message costs a line, not the list.
testCorrupt() {
  message cur $ID1 '' a@a.tld </dev/null
  message cur $ID2 '' a@a.tld </dev/null
  message cur $ID3 '' a@a.tld </dev/null
  truncate -s 100 "$I/queue/cur/1h8qa/$ID2"
  list >"$T/out"
  assertEquals 'exit code' 111 $?
  assertEquals 'the others' 2 "$(grep -c MAILER-DAEMON "$T/out")"
  assertContains "$(cat "$T/err")" $ID2
  assertEquals 'one line' 1 "$(wc -l <"$T/err")"
}

testOthersAreNot() {
  message cur $ID1 '' a@a.tld </dev/null
  touch "$I/queue/new/README" "$I/queue/hold/.x"
  mkdir "$I/queue/cur/x" "$I/queue/new/$ID2"
  ln -s /etc/passwd "$I/queue/hold/$ID3"
  list >"$T/out"
  assertEquals 'a directory and a link are no messages' 2 "$(wc -l <"$T/err")"
  assertEquals '-- 0 Kbytes in 1 Request.' "$(tail -n 1 "$T/out")"
}

testUnknown() {
  message cur $ID1 '' a@a.tld </dev/null
  list $ID2 $ID1 >"$T/out"
  assertEquals 'exit code' 100 $?
  assertContains "$(cat "$T/err")" "no such message: $ID2"
  assertContains 'the other' "$(cat "$T/out")" $ID1
  message cur $ID3 '' a@a.tld </dev/null
  truncate -s 100 "$I/queue/cur/1h9ra/$ID3"
  list $ID3 $ID2 >"$T/out"
  assertEquals 'the worse of two' 111 $?
}

# Whatever addresses hold, lines stay lines, and JSON stays JSON.
testHostileAddresses() {
  message cur $ID1 "$(printf '"\\"x\\\\ <(){}, \302\233 \377"@example.org')" \
    '"-- 5 Kbytes in 5 Requests."@a.tld' "$(printf '\360\237\230\200@a.tld')" <<E
1763711160.000001 0 deferred 4.4.1 none ")
E
  list >"$T/out"
  assertEquals 'lines' 8 "$(wc -l <"$T/out")"
  assertEquals 'total' '-- 0 Kbytes in 1 Request.' "$(tail -n 1 "$T/out")"
  assertNotContains 'C1' "$(cat "$T/out")" "$(printf '\302\233')"
  assertEquals '"\"\\\"x\\\\ <(){}, ?? ?\"@example.org"' "$(get .sender)"
  assertEquals '["\"-- 5 Kbytes in 5 Requests.\"@a.tld","😀@a.tld"]' "$(get '[.recipients[].address]')"
}

# A control character in the envelope: no message of ours, and nothing for a terminal.
testControlCharacters() {
  message cur $ID1 "$(printf 'b\033[2J@example.org')" a@a.tld </dev/null
  list >"$T/out"
  assertEquals 111 $?
  assertEquals 'Mail queue is empty' "$(cat "$T/out")"
  assertEquals "queue-list: warning: not a whole message: $ID1" "$(cat "$T/err")"
}

testUsage() {
  list -x
  assertEquals 'unknown option' 100 $?
  list ../x
  assertEquals 'not an id' 100 $?
  "$BIN/queue-list" -C "$T/none" 2>"$T/err"
  assertEquals 'no instance' 111 $?
  assertEquals 'one line' 1 "$(wc -l <"$T/err")"
  list $ID1 ../x
  assertEquals 'checked before anything is done' "queue-list: fatal: not an id: ../x" "$(cat "$T/err")"
  conf backoff never
  list
  assertEquals 'broken setting' 102 $?
  assertContains "$(cat "$T/err")" conf/backoff
}

testFullOutput() {
  message cur $ID1 '' a@a.tld </dev/null
  "$BIN/queue-list" -C "$I" 2>"$T/err" >/dev/full
  assertEquals 'exit code' 111 $?
}

# --- much ---

test2000() {
  tests/peer/queue-fill -s 'user%d@example.org' "$I/queue" 2000 a.tld b.tld c.tld d.tld >"$T/ids"
  list -1 >"$T/out"
  assertEquals 'each once, oldest first' "$(cat "$T/ids")" "$(cat "$T/out")"
  assertEquals 'of a domain' "$(awk 'NR % 4 == 2' "$T/ids")" "$(list -1 -d b.tld)"
  assertEquals 'of senders' "$(sed -n '17p; 170,179p; 1700,1799p' "$T/ids")" "$(list -1 -s 'USER17*@*')"
  assertEquals 'named' "$(cat "$T/ids")" "$(list -1 - <"$T/ids")"
  assertEquals 'JSON' 2000 "$(list -j | jq -r .queue_id | wc -l)"
  assertEquals 'total' '2000 Requests.' "$(list | tail -n 1 | sed 's/.* in //')"
}

# The first line is out before a second message is read, and memory stays as it is.  A message is opened, asked
# whether it is being sent, read and closed.
testStreams() {
  tests/peer/queue-fill "$I/queue" 5000 a.tld >"$T/ids"
  for form in '' -j -1 '-1 -s bob@*'; do
    # shellcheck disable=SC2086 # options, or none
    traced -o "$T/calls" "$BIN/queue-list" -C "$I" $form >"$T/out"
    assertEquals "queue-list $form: read before it" 1 "$(sed '/^writev*(1,/q' "$T/calls" | grep -c '^open.*fil"')"
    memory=$(grep -cE '^(brk|mmap)\(' "$T/calls")
    assertTrue "queue-list $form: asks $memory times for memory" "[ $memory -lt 200 ]"
    calls=$(wc -l <"$T/calls")
    assertTrue "queue-list $form: $calls calls" "[ $calls -lt 21000 ]"
  done
}

# Domains that share a hash do not displace each other: each is looked up once.
testDomainsLookedUpOnce() {
  # shellcheck disable=SC2046 # as many words
  tests/peer/queue-fill "$I/queue" 1200 $(seq -f 'd%05.0f.tld' 400) >"$T/ids"
  traced -o "$T/calls" "$BIN/queue-list" -C "$I" >"$T/out"
  assertEquals 400 "$(grep -c '^open.*"site/' "$T/calls")"
}

# Whoever may ask for that reads without a mark on each file; whoever may not reads all the same.
testTimesOfAccess() {
  tests/peer/queue-fill "$I/queue" 50 a.tld >"$T/ids"
  traced -o "$T/calls" "$BIN/queue-list" -C "$I" -1 >"$T/out"
  assertEquals 50 "$(grep -c '^open.*fil".*O_NOATIME' "$T/calls")"
  assertEquals "$(cat "$T/ids")" "$(cat "$T/out")"
  traced -o "$T/calls" -e inject=openat:error=EPERM:when="$(opens_before)" "$BIN/queue-list" -C "$I" -1 >"$T/out"
  assertEquals 'asked for once' 1 "$(grep -c '^open.*fil".*O_NOATIME' "$T/calls")"
  assertEquals "$(cat "$T/ids")" "$(cat "$T/out")"
}
# Which call opens the first message.
opens_before() { grep '^openat' "$T/calls" | grep -n 'fil"' | head -n 1 | cut -d : -f 1; }

# --- while it changes ---

# list_begin OPTION...: a list that has come as far as a pipe takes, until list_end: then it is in $T/out.
list_begin() {
  mkfifo "$T/pipe"
  { "$BIN/queue-list" -C "$I" "$@" 2>"$T/err" >"$T/pipe"; echo $? >"$T/code"; } &
  lister=$!
  exec 7<"$T/pipe"
  IFS= read -r first <&7
}
list_end() {
  { echo "$first"; cat <&7; } >"$T/out"
  exec 7<&-
  wait "$lister"
  rm "$T/pipe"
}

# What went on from new/ to cur/ meanwhile is listed, and once.
testMovedMeanwhile() {
  tests/peer/queue-fill -p new "$I/queue" 3000 a.tld >"$T/ids"
  list_begin -j
  cut -c 1-5 "$T/ids" | sort -u | while read -r slice; do
    mkdir "$I/queue/cur/$slice" && mv "$I/queue/new/$slice"* "$I/queue/cur/$slice"
  done
  list_end
  assertEquals 0 "$(cat "$T/code")"
  assertEquals 'no complaint' '' "$(cat "$T/err")"
  assertEquals 'each once' "$(cat "$T/ids")" "$(jq -r .queue_id "$T/out" | sort)"
  assertContains 'some were seen in cur' "$(tail -n 1 "$T/out")" '"deferred"'
}

# What was put aside meanwhile is not missed.
testHeldMeanwhile() {
  tests/peer/queue-fill "$I/queue" 3000 a.tld >"$T/ids"
  list_begin -j
  "$BIN/queue-hold" -C "$I" -a >"$T/held" 2>&1
  list_end
  assertEquals 0 "$(cat "$T/code")"
  assertEquals 'no complaint' '' "$(cat "$T/err")"
  assertEquals "$(cat "$T/ids")" "$(jq -r .queue_id "$T/out" | sort -u)"
}

# Messages and slices vanish: what was listed is a list.
testDeletedMeanwhile() {
  for form in -j ''; do
    tests/peer/queue-fill -o 86400 "$I/queue" 3000 a.tld >"$T/ids"
    # shellcheck disable=SC2086 # an option, or none
    list_begin $form
    "$BIN/queue-del" -C "$I" -a -y >"$T/deleted" 2>&1
    list_end
    assertEquals 0 "$(cat "$T/code")"
    assertEquals 'no complaint' '' "$(cat "$T/err")"
    assertEquals 'the slices are gone' '' "$(find "$I/queue/cur" -mindepth 1 | sort | sed '$d')"
    grep -oE '(^|"queue_id": ")[0-9a-v]{11}fil' "$T/out" | sed 's/.*"//' >"$T/listed"
    listed=$(wc -l <"$T/listed")
    assertTrue "$listed listed" "[ $listed -gt 0 ] && [ $listed -lt 3000 ]"
    assertEquals 'in their order, each once' "$(grep -Fx -f "$T/listed" "$T/ids")" "$(cat "$T/listed")"
  done
}

# --- while mail flows ---

# list_often: lists of ids, one after the other, until $T/enough is there; all that is wrong with them.
list_often() {
  while [ ! -e "$T/enough" ]; do
    list -1 >"$T/walk" || echo "exit code $?"
    sort "$T/walk" | uniq -d
    cat "$T/err"
  done >"$T/complaints"
}

testWhileMailFlows() {
  sink flow
  conf relaydomains a.tld b.tld
  conf routes 'a.tld [127.0.0.1]:1 park' "b.tld [127.0.0.1]:$SINKPORT"
  start
  list_often &
  lister=$!
  submit -n 300 -t '%d@b.tld' >/dev/null
  hold a.tld 700
  arrive b.tld 300
  touch "$T/enough"
  wait $lister
  assertEquals 'no double, no complaint' '' "$(cat "$T/complaints")"
  assertTrue 'what was sent is gone' "wait_for 10 lists 700"
  assertEquals '700 Requests.' "$(list | tail -n 1 | sed 's/.* in //')"
  stop
  sink_stop
  assertEquals 'the relay stopped' 700 "$(list -1 | wc -l)"
}

lists() { [ "$(list -1 | wc -l)" = "$1" ]; }

. shunit2
