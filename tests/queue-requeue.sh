# queue-requeue: a new message with all that the old one still owes, and then the old one is gone.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/operate.sh

setUp() { instance "one$((made = ${made-0} + 1))"; }

tearDown() {
  umount "$I/queue" 2>/dev/null
  stop
  sink_stop
  fail_if_running
}

requeue() { operate queue-requeue "$@"; }
newest() { find "$I/queue/new" -type f | sort | tail -n 1; }

# half_sent PLACE ID: the first of three recipients has it.
half_sent() {
  {
    printf 'from <bob@example.org> BODY=8BITMIME RET=HDRS ENVID=x\narrival 1763711153.123456\n'
    printf 'client mail.example.org [192.0.2.7] ESMTP\nrcpt customer.tld <a@Customer.tld>\n'
    printf 'rcpt customer.tld <"b c"@customer.tld> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b\nrcpt other.tld <d@other.tld>\n\n'
  } >"$T/envelope"
  printf 'Received: by x\r\nSubject: test\r\n\r\n.\r\n\303\274\r\n' >"$T/content"
  {
    printf 'sluice-1 %010d %018d 8-d-\n' "$(wc -c <"$T/envelope")" "$(wc -c <"$T/content")"
    cat "$T/envelope" "$T/content"
    echo '1763711160.000001 0 sent 2.0.0 mx 250 ok'
    echo '1763711160.000001 1 deferred 4.2.0 mx 450 later'
  } >"$I/queue/$1/$2"
}

testWhatIsOwed() {
  half_sent new $A
  requeue $A
  new=$(basename "$(newest)")
  came 0 "$A requeued as $new" 'queue-requeue: 1 requeued'
  assertEquals 1 "$(queued)"
  assertEquals "from <bob@example.org> BODY=8BITMIME RET=HDRS ENVID=x
arrival
client mail.example.org [192.0.2.7] ESMTP
rcpt customer.tld <\"b c\"@customer.tld> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b
rcpt other.tld <d@other.tld>" "$(sed '1d; s/^\(arrival\) .*/\1/; /^$/Q' "$(newest)")"
  assertEquals ' 8-d-' "$(head -n 1 "$(newest)" | cut -c 39-)"
  # one field more, and not an octet else
  sed '1,/^$/d' "$(newest)" >"$T/new"
  assertEquals "Received: by $("$BIN/conf-check" -C "$I" -v me) (sluice, from userid $(id -u), requeued from $A)" "$(sed -n 1p "$T/new" | tr -d '\r')"
  assertContains "$(sed -n 2p "$T/new" | tr -d '\r')" "	id $new; "
  assertTrue 'content' "tail -n +3 '$T/new' | cmp - '$T/content'"
  assertTrue 'whole' "'$BIN/queue-cat' -C '$I' $new >/dev/null"
}

testEveryPlace() {
  for place in new cur hold; do
    message $place $A
    requeue $A
    assertEquals "$place: exit code" 0 "$code"
    assertEquals "$A requeued as $(basename "$(newest)")" "$(cat "$T/out")"
    assertEquals 1 "$(queued)"
    rm "$(newest)"
  done
}

testNoMessage() {
  requeue $A
  came 1 "$A gone already" 'queue-requeue: 0 requeued, 1 gone already'
  requeue -a
  came 0 '' 'queue-requeue: 0 requeued'
  message corrupt $A
  message tmp $B
  requeue $A $B
  came 1 "$A not a whole message: not requeued
$B being written: not requeued" 'queue-requeue: 0 requeued, 1 being written: not requeued, 1 not a whole message: not requeued'
}

# Half a message, in a place where it should not be.
testCutShort() {
  message new $A
  truncate -s -5 "$I/queue/new/$A"
  requeue $A
  came 1 "$A not a whole message: not requeued" 'queue-requeue: 0 requeued, 1 not a whole message: not requeued'
  assertEquals "$A" "$(ls "$I/queue/new")"
  assertNull "$(ls "$I/queue/tmp")"
}

testNothingIsOwed() {
  message new $A
  echo '1763711160.000001 0 sent 2.0.0 mx 250 ok' >>"$I/queue/new/$A"
  message hold $B
  echo '1763711160.000001 0 failed 5.0.0 mx 550 no' >>"$I/queue/hold/$B"
  requeue $A $B
  came 1 "$A owes nothing: not requeued
$B its sender is to be told of a failure first: not requeued" \
    'queue-requeue: 0 requeued, 1 owes nothing: not requeued, 1 its sender is to be told of a failure first: not requeued'
  assertEquals 2 "$(queued)"
}

testLarge() {
  fill hold 1 -z 3000000
  old=$(cat "$T/ids")
  sed '1,/^$/d' "$I/queue/hold/$old" >"$T/content"
  requeue -a
  assertEquals 'exit code' 0 "$code"
  sed '1,/^$/d' "$(newest)" | tail -n +3 >"$T/new"
  assertTrue 'content' "cmp '$T/content' '$T/new'"
  assertTrue 'whole' "'$BIN/queue-cat' -C '$I' $(basename "$(newest)") >/dev/null"
}

# Each once, however the new ones get in the way.
testThousands() {
  for place in new cur hold; do fill $place 2000; cat "$T/ids"; done | sort >"$T/all"
  requeue -a
  assertEquals 'exit code' 0 "$code"
  assertEquals 'queue-requeue: 6000 requeued' "$(cat "$T/err")"
  assertEquals "$(cat "$T/all")" "$(sed 's/ .*//' "$T/out" | sort)"
  assertEquals "$(sed 's/.* //' "$T/out" | sort)" "$(ls "$I/queue/new")"
  assertEquals 'nothing elsewhere' 6000 "$(queued)"
  assertNull "$(ls "$I/queue/tmp")"
  head -n 2000 "$T/out" | sed 's/.* //' >"$T/ids"
  requeue <"$T/ids"
  assertEquals 'queue-requeue: 2000 requeued' "$(cat "$T/err")"
  assertEquals 6000 "$(queued)"
}

# From when the clock was wrong.
testIdOfTheFuture() {
  message new vvvvvvvvvv0001
  requeue -a
  assertEquals 'queue-requeue: 1 requeued' "$(cat "$T/err")"
}

testUsage() {
  for arguments in -x -C -y "-a $A" '-a -'; do
    # shellcheck disable=SC2086 # words
    requeue $arguments </dev/null
    assertEquals "$arguments: exit code" 100 "$code"
    assertContains "$(cat "$T/err")" 'usage: queue-requeue [-C dir]'
  done
  requeue x
  came 100 '' 'queue-requeue: fatal: not an id: x'
}

testNoInstance() {
  "$BIN/queue-requeue" -C "$T/none" -a >"$T/out" 2>"$T/err"
  code=$?
  came 111 '' "queue-requeue: fatal: unable to open instance $T/none: No such file or directory"
}

testBrokenSetting() {
  message new $A
  conf fsyncdir maybe
  requeue $A
  assertEquals 'exit code' 102 "$code"
  assertContains "$(cat "$T/err")" conf/fsyncdir
  assertEquals "$A" "$(ls "$I/queue/new")"
}

testHints() {
  message cur $A
  hints requeue $A
  assertEquals "requeued $A
new $(basename "$(newest)")" "$(cat "$T/hints")"
}

# --- somebody sends it ------------------------------------------------------------------------

testLocked() {
  message cur $A
  locked "$I/queue/cur/1h8qa/$A"
  requeue $A
  came 1 "$A being sent: not requeued" 'queue-requeue: 0 requeued, 1 being sent: not requeued'
  assertEquals 1 "$(queued)"
  unlocked
}

testWaitsForTheLock() {
  message cur $A
  locked "$I/queue/cur/1h8qa/$A"
  "$BIN/queue-requeue" -C "$I" $A >"$T/out" 2>"$T/err" &
  pid=$!
  assertTrue 'waits' "wait_for 10 waits_for_lock $pid"
  unlocked
  wait "$pid"
  assertEquals 'exit code' 0 $?
  assertEquals 'queue-requeue: 1 requeued' "$(cat "$T/err")"
}
waits_for_lock() { [ -n "$(find "/proc/$1/fd" -lname "*/$A" 2>/dev/null)" ]; }

# Who deletes it while it is copied, or waited for, deletes it.
testDeletedMeanwhile() {
  message cur $A
  locked "$I/queue/cur/1h8qa/$A"
  "$BIN/queue-requeue" -C "$I" $A >"$T/out" 2>"$T/err" &
  pid=$!
  wait_for 10 waits_for_lock $pid
  rm "$I/queue/cur/1h8qa/$A"
  unlocked
  wait "$pid"
  code=$?
  came 1 "$A gone already" 'queue-requeue: 0 requeued, 1 gone already'
  assertEquals 0 "$(queued)"
  assertNull "$(ls "$I/queue/tmp")"
}

kept_new() { [ -n "$(ls "$I/queue/new")" ]; }

# The same when the copy is in new/ by then: syncing it takes its time.
testDeletedWhileSynced() {
  message cur $A
  traced -o /dev/null -e inject=fsync:delay_enter=1000000 "$BIN/queue-requeue" -C "$I" $A >"$T/out" 2>"$T/err" &
  pid=$!
  assertTrue 'it is there' 'wait_for 10 kept_new'
  rm "$I/queue/cur/1h8qa/$A"
  wait "$pid"
  code=$?
  came 1 "$A gone already" 'queue-requeue: 0 requeued, 1 gone already'
  assertEquals 0 "$(queued)"
  assertNull "$(ls "$I/queue/tmp")"
}

# --- nothing is lost -----------------------------------------------------------------------------

# kept_whole WHY: the old message is there, or a new one.
kept_whole() {
  assertNotEquals "$1: lost" 0 "$(queued)"
  find "$I/queue/new" "$I/queue/cur" -type f | while read -r file; do
    "$BIN/queue-cat" -C "$I" "$(basename "$file")" >/dev/null 2>&1 || echo "$file"
  done >"$T/broken"
  assertNull "$1: $(cat "$T/broken")" "$(cat "$T/broken")"
}

# The recipients of all messages.
owed() { find "$I/queue/new" "$I/queue/cur" -type f -exec cat {} + | sed -n 's/^rcpt .*<\(.*\)>.*/\1/p'; }

testEachCallFails() {
  fill cur 1 -z 200000
  for call in pread64:error=EIO:when=6+ writev:error=ENOSPC:when=1 pwrite64:error=ENOSPC renameat2:error=EIO fsync:error=EIO; do
    traced -o "$T/calls" -e "trace=${call%%:*}" -e "inject=$call" "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>"$T/err"
    assertEquals "$call: exit code" 111 $?
    assertContains "$call" "$(cat "$T/err")" "unable to requeue $(cat "$T/ids"): "
    assertNull "$call" "$(cat "$T/out")"
    assertEquals "$call: it is where it was" 1 "$(kept cur)"
    assertEquals "$call: all of it" 1 "$(queued)"
    assertNull "$call: tmp" "$(ls "$I/queue/tmp")"
  done
  traced -o "$T/calls" -e trace=unlinkat -e inject=unlinkat:error=EIO "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>"$T/err"
  assertEquals 'the old one stays: exit code' 111 $?
  assertEquals 'both are there' 2 "$(queued)"
}

testFileTooLarge() {
  fill cur 1 -z 200000
  (ulimit -f 100 && requeue -a; exit "$code")
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" 'File too large'
  assertEquals 1 "$(queued)"
  assertNull "$(ls "$I/queue/tmp")"
}

testKilledAtEachStep() {
  for call in openat writev renameat2 fsync unlinkat close; do
    fill cur 3 -z 1000
    for when in 1 2 3 4 5 6 7 8; do
      traced -o "$T/calls" -P "$I/queue" -e "trace=$call" -e "inject=$call:signal=KILL:when=$when" \
        "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>"$T/err"
      kept_whole "$call $when"
    done
    owed | sort -u >"$T/owed"
    assertEquals "$call" "$(seq 3 | sed 's/.*/user&@customer.tld/')" "$(cat "$T/owed")"
    rm -rf "$I"/queue/new/* "$I"/queue/cur/* "$I"/queue/tmp/*
  done
}

testKilledInTheMiddle() {
  fill cur 2000
  "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>"$T/err" &
  pid=$!
  wait_for 10 some_requeued
  kill -9 "$pid"
  wait "$pid" 2>/dev/null
  assertTrue 'in the middle' "[ $(kept cur) -gt 0 ] && [ $(kept new) -gt 0 ]"
  owed | sort | uniq -c | awk '{ n++; if ($1 > 1) doubles++ }
    END { print n, (doubles <= 1) }' >"$T/owed"
  assertEquals 'each is owed, one at the most twice' '2000 1' "$(cat "$T/owed")"
}
some_requeued() { [ "$(kept new)" -ge 100 ]; }

# A signal lets it end what it is at.
testInterrupted() {
  fill cur 1 -z 200000
  traced -o "$T/calls" -e trace=writev -e inject=writev:signal=TERM:when=1 "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>"$T/err"
  assertEquals 1 "$(queued)"
  assertEquals 1 "$(kept new)"
  assertNull "$(ls "$I/queue/tmp")"
}

testFullDisk() {
  [ "$(id -u)" = 0 ] || {
    skip 'mounting needs root'
    return 0
  }
  cp -a "$I/queue" "$I.queue"
  mount -t tmpfs -o size=64k,mode=700 none "$I/queue" 2>"$T/mount" || {
    skip "no mount: $(cat "$T/mount")"
    return 0
  }
  cp -a "$I.queue/." "$I/queue"
  fill hold 1 -z 40000
  requeue -a
  assertEquals 'exit code' 111 "$code"
  assertContains "$(cat "$T/err")" "unable to requeue $(cat "$T/ids"): No space left on device"
  assertEquals 1 "$(kept hold)"
  assertEquals 1 "$(queued)"
  assertNull "$(ls "$I/queue/tmp")"
  mount -o remount,ro "$I/queue"
  requeue -a
  assertEquals 'read-only: exit code' 111 "$code"
  assertContains "$(cat "$T/err")" "unable to requeue $(cat "$T/ids"): Read-only file system"
  assertEquals 1 "$(kept hold)"
  mount -o remount,rw,size=1m "$I/queue"
  requeue -a
  assertEquals 'room again' 0 "$code"
  assertEquals 1 "$(queued)"
}

# --- with a relay that runs -------------------------------------------------------------------

# It is done before the wait is over.
testBeingSent() {
  customer --delay 0.3
  start
  under_way
  requeue "$ID"
  assertTrue "$(cat "$T/out")" '[ "$code" = 1 ]'
  assertTrue 'it comes' 'wait_for 30 sink_has 1'
  put live.example
  assertTrue 'so does another' 'wait_for 30 sink_has 2'
  assertTrue 'the queue is empty' 'wait_for 20 drained'
  assertEquals 2 "$(sink_messages)"
}

testParked() {
  customer
  start
  hold parked.example 3
  requeue -a
  assertEquals 'queue-requeue: 3 requeued' "$(cat "$T/err")"
  assertTrue 'taken up' 'wait_for 20 taken_up'
  assertEquals 'unasked' 0 "$(sink_messages)"
  assertEquals 3 "$(queued)"
  flushed parked.example
  arrive parked.example 3
  assertTrue 'the queue is empty' 'wait_for 20 drained'
  assertTrue 'logged' 'logged qmgr ": requeued"'
  assertEquals '      1 1@parked.example
      1 2@parked.example
      1 3@parked.example' "$(received)"
}
taken_up() { [ -z "$(ls "$I/queue/new")" ]; }

testStoppedRelay() {
  customer
  start
  hold parked.example 2
  stop
  requeue -a
  assertEquals 'queue-requeue: 2 requeued' "$(cat "$T/err")"
  start
  assertTrue 'taken up' 'wait_for 20 taken_up'
  flushed parked.example
  arrive parked.example 2
  assertTrue 'the queue is empty' 'wait_for 20 drained'
  assertEquals 2 "$(sink_messages)"
}

some() { "$BIN/queue-list" -C "$I" -1 2>/dev/null | head -n 3 | "$BIN/queue-requeue" -C "$I" >/dev/null 2>&1; }

testWhileMailFlows() {
  customer --delay 0.002
  start
  flow some
}

. shunit2
