# queue-list: the look of postqueue -p, and JSON.
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

testStates() {
  for place in new cur hold; do
    message $place $ID1 '' a@a.tld </dev/null
    get .queue_name
    list | sed -n '2s/ .*//p'
    file=$(find "$I/queue/$place" -name $ID1)
    # a lock of F_OFD_SETLK, as an agent holds it; what is on hold stays that
    # shellcheck disable=SC2016 # Perl's
    perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 1, 0); open F, "+<", $ARGV[0];
      fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' "$file" "$T/locked" &
    pid=$!
    wait_for 10 test -e "$T/locked"
    get .queue_name
    list | sed -n '2s/ .*//p'
    kill $pid
    wait $pid 2>/dev/null
    rm "$T/locked" "$file"
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
E
  assertEquals '["b@b.tld"]' "$(get '[.recipients[].address]')"
  assertNotContains "$(list)" a@a.tld
}

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
}

testUsage() {
  list -x
  assertEquals 'unknown option' 100 $?
  list ../x
  assertEquals 'not an id' 100 $?
  "$BIN/queue-list" -C "$T/none" 2>"$T/err"
  assertEquals 'no instance' 111 $?
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

# 5,000 messages: four calls for each, and memory as for one.
testMany() {
  message cur 1h8qabcde00000 bob@example.org a@a.tld </dev/null
  for i in 1 2 3 4 5; do mkdir "$I/queue/cur/1h8q$i"; done
  # shellcheck disable=SC2016 # of the inner shell
  seq -f %08.0f 1 1000 | awk -v q="$I/queue/cur/1h8q" '{ for (i = 1; i < 6; i++) print q i "/1h8q" i "0" $1 }' |
    xargs -n 500 sh -c 'tee "$@" <"$0" >/dev/null' "$I/queue/cur/1h8qa/1h8qabcde00000"
  traced -c -o "$T/calls" "$BIN/queue-list" -C "$I" >"$T/out" 2>"$T/err"
  assertEquals 'all of them' '-- 24 Kbytes in 5001 Requests.' "$(tail -n 1 "$T/out")"
  calls=$(awk '$NF == "total" { print $(NF - 2) < $(NF - 1) ? $4 : $3 }' "$T/calls")
  assertTrue "calls: $calls" "[ '$calls' -lt 27000 ]"
}

. shunit2
