# flush-run: asks, says what would be tried, waits.  qmgr is played here by the test: it has the
# FIFO open, takes requests away and carries them out as it likes.
. tests/lib.sh

A=1h8qaaaaa00001
B=1h8qaaaaa00002
C=1h8qbaaaa00001
NONE=1h8qvvvvv00009

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
  conf routes 'customer.tld [127.0.0.1]:2526' '.customer.tld [127.0.0.1]:2526' 'parked.tld [127.0.0.1]:2527 park'
  conf queues 'friends customer.tld parked.tld' 'empty-handed other.tld'
}

tearDown() { qmgr_off; }

run() { "$BIN/flush-run" -C "$I" "$@" >"$T/out" 2>"$T/err"; }
message() { tests/peer/message "$I/queue" "$@"; }
record() { domain=$1; shift; printf '%s\n' "$@" >>"$I/queue/flush/$domain"; }
asked() { (cd "$I/queue/asked" && echo *); }
err() { cat "$T/err"; }
out() { cat "$T/out"; }
is_asked() { [ -e "$I/queue/asked/$1" ]; }

qmgr_on() {
  [ -p "$I/queue/trigger" ] || mkfifo -m 660 "$I/queue/trigger"
  exec 9<>"$I/queue/trigger"
}
qmgr_off() { exec 9>&-; }

# settle ID N STATUS: a journal line, of now, for a message in cur/.
delivered() { settle "$1" 0 sent && rm "$I/queue/cur/1h8q$(echo "$1" | cut -c 5)/$1"; }
settle() { echo "$(date +%s.%6N) $2 $3 4.4.1 mail.customer.tld[127.0.0.1]:25 450 4.2.1 mailbox is away" >>"$I/queue/cur/1h8q$(echo "$1" | cut -c 5)/$1"; }

# --- asking -------------------------------------------------------------------------------

testDomain() {
  qmgr_on
  run customer.tld
  assertEquals 'exit code' 0 $?
  assertEquals customer.tld "$(asked)"
  assertNull 'nothing to say' "$(out; err)"
  read -r hint <&9
  assertEquals 'flush customer.tld' "$hint"
  run customer.tld
  assertEquals 'asked twice' 0 $?
}

testForms() {
  message cur $A customer.tld
  run Customer.TLD. @customer.tld bücher.tld '#friends'
  assertEquals 'exit code' 0 $?
  assertEquals '@customer.tld customer.tld parked.tld xn--bcher-kva.tld' "$(asked)"
}

testEverything() {
  run -a
  assertEquals 'exit code' 0 $?
  assertEquals @ "$(asked)"
}

testIds() {
  message cur $A customer.tld
  message new $B customer.tld
  message hold $C customer.tld
  run -i $A $B $C
  assertEquals 'exit code' 0 $?
  assertEquals "=$A =$B =$C" "$(asked)"
}

testStandardInput() {
  message cur $A customer.tld
  printf '%s\n\ncustomer.tld\n@other.tld\n#friends' $A | run -
  assertEquals 'exit code' 0 $?
  assertEquals "=$A @other.tld customer.tld parked.tld" "$(asked)"
}

testStandardInputOfIds() {
  message cur $A customer.tld
  message cur $B customer.tld
  printf '%s\n' $A $B | run -i -
  assertEquals 'exit code' 0 $?
  assertEquals "=$A =$B" "$(asked)"
  printf '%s\n' $A customer.tld | run -i -
  assertEquals 'a domain is no id' 100 $?
}

testNothingOnStandardInput() {
  qmgr_on
  run - </dev/null
  assertEquals 'exit code' 0 $?
  assertEquals '*' "$(asked)"
}

# A label may look like an id; it is a domain where mail waits for such a domain.
testDomainLikeAnId() {
  echo $NONE | run -
  assertEquals 'an id that is gone' 100 $?
  record $NONE $A
  echo $NONE | run -
  assertEquals 'a domain' 0 $?
  assertEquals $NONE "$(asked)"
}

testNoQmgr() {
  run customer.tld
  assertEquals 'exit code' 0 $?
  assertContains "$(err)" 'no qmgr'
  assertEquals 'one line' 1 "$(err | wc -l)"
  assertEquals customer.tld "$(asked)"
}

# --- refusing -----------------------------------------------------------------------------

testWrongMeansNothingAtAll() {
  message cur $A customer.tld
  for wrong in 'a..b' '@' '@a..b' '#' '#nobody' '../x' '[192.0.2.1]' '@@customer.tld' '-'; do
    [ "$wrong" != - ] || set -- 'bad domain!'
    echo "${1-}" | run customer.tld "$wrong" other.tld
    assertEquals "exit code: $wrong" 100 $?
    assertNotNull "message: $wrong" "$(err)"
    assertEquals "nothing done: $wrong" '*' "$(asked)"
  done
  for wrong in $NONE $B x 1h8qaaaaa0000w customer.tld; do
    run -i $A "$wrong"
    assertEquals "exit code: $wrong" 100 $?
    assertContains "$(err)" "$wrong"
    printf '%s\n' $A "$wrong" | run -i -
    assertEquals "exit code, standard input: $wrong" 100 $?
    assertEquals "nothing done: $wrong" '*' "$(asked)"
  done
}

testWrongUse() {
  for arguments in '' '-a customer.tld' '-i' '-x' '-n -w customer.tld' '-t 5 customer.tld' '-w -t x customer.tld' '-a -i' '-C'; do
    # shellcheck disable=SC2086 # words
    run $arguments
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(err)" 'usage: flush-run'
  done
  assertEquals 'nothing done' '*' "$(asked)"
}

testMissingInstanceIsTemporary() {
  "$BIN/flush-run" -C "$T/none" customer.tld 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" "$T/none"
}

testQueuesThatMakeNoSense() {
  conf queues 'friends a..b'
  run '#friends'
  assertEquals 'exit code' 102 $?
  assertContains "$(err)" conf/queues
}

testNotADirectory() {
  rm -rf "$I/queue/asked"
  run customer.tld
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" asked/customer.tld
}

# --- saying what would be tried -------------------------------------------------------------

testDry() {
  message cur $A customer.tld parked.tld
  message new $B customer.tld customer.tld
  record customer.tld $A
  record parked.tld $A
  echo 'down since=1763711153 failures=3 next=1763711333 4.4.1 connect to [127.0.0.1]:2526: Connection refused' \
    >"$I/queue/site/[127.0.0.1]:2526"
  run -n customer.tld parked.tld other.tld
  assertEquals 'exit code' 0 $?
  assertEquals 'customer.tld: 2 waiting, next hop [127.0.0.1]:2526, not parked, site down since=1763711153 failures=3 next=1763711333 4.4.1 connect to [127.0.0.1]:2526: Connection refused
other.tld: 0 waiting, next hop other.tld, not parked, site not tried yet
parked.tld: 1 waiting, next hop [127.0.0.1]:2527, parked, site not tried yet' "$(out)"
  assertEquals 'asks nothing' '*' "$(asked)"
}

testDryEverything() {
  message cur $A customer.tld
  message new $B new.tld
  record customer.tld $A
  record acustomer.tld $A
  record sub.customer.tld $A
  run -n -a
  assertEquals 'acustomer.tld customer.tld new.tld sub.customer.tld' "$(out | sed 's/:.*//' | tr '\n' ' ' | sed 's/ $//')"
  run -n @customer.tld
  assertEquals 'customer.tld sub.customer.tld' "$(out | sed 's/:.*//' | tr '\n' ' ' | sed 's/ $//')"
}

testDryIds() {
  message cur $A customer.tld other.tld third.tld
  settle $A 0 deferred
  settle $A 1 sent
  run -n -i $A
  assertEquals "$A: user@customer.tld, user@third.tld: 4.4.1 mail.customer.tld[127.0.0.1]:25 450 4.2.1 mailbox is away" "$(out)"
  assertEquals 'asks nothing' '*' "$(asked)"
}

# --- waiting ----------------------------------------------------------------------------------

# watch ARGUMENT...: flush-run -w in the background, until it has asked.
watch() {
  rm -f "$T/code"
  (run -w "$@"; echo $? >"$T/code") &
  wait_for 10 any_asked
}
any_asked() { [ "$(asked)" != '*' ]; }
over() { [ -s "$T/code" ]; }
code() { wait_for 10 over; cat "$T/code" || echo 'not over'; }

testWaitDelivered() {
  message cur $A customer.tld
  message cur $B customer.tld other.tld
  message new $C customer.tld
  record customer.tld $A $B $NONE
  qmgr_on
  watch customer.tld
  mv "$I/queue/flush/customer.tld" "$I/queue/claim/customer.tld"
  rm "$I/queue/asked/customer.tld"
  delivered $A
  settle $B 0 sent
  sleep 0.5
  assertFalse 'one is left' over
  mkdir -p "$I/queue/cur/1h8qb"
  mv "$I/queue/new/$C" "$I/queue/cur/1h8qb/$C"
  delivered $C
  assertEquals 'exit code' 0 "$(code)"
  assertNull 'nothing to say' "$(out; err)"
  rm "$I/queue/claim/customer.tld"
}

testWaitForTheClaim() {
  message cur $A customer.tld
  message cur $B customer.tld
  record customer.tld $A $B
  qmgr_on
  watch customer.tld
  mv "$I/queue/flush/customer.tld" "$I/queue/claim/customer.tld"
  rm "$I/queue/asked/customer.tld"
  delivered $A
  settle $B 0 deferred
  sleep 0.5
  assertFalse 'the claim is not settled' over
  record customer.tld $B
  rm "$I/queue/claim/customer.tld"
  assertEquals 'exit code' 111 "$(code)"
  assertEquals "$B: user@customer.tld: 4.4.1 mail.customer.tld[127.0.0.1]:25 450 4.2.1 mailbox is away" "$(out)"
}

testWaitSiteIsDown() {
  message cur $A customer.tld
  settle $A 0 deferred
  record customer.tld $A
  qmgr_on
  watch customer.tld
  echo 'down since=1763711153 failures=1 next=1763711213 4.4.1 connect to [127.0.0.1]:2526: Connection refused' \
    >"$I/queue/site/[127.0.0.1]:2526"
  rm "$I/queue/asked/customer.tld"
  assertEquals 'exit code' 111 "$(code)"
  assertContains "$(out)" "$A: user@customer.tld: site [127.0.0.1]:2526 down since=1763711153"
}

testWaitFailed() {
  message cur $A customer.tld
  message cur $B customer.tld other.tld
  message cur $C customer.tld
  record customer.tld $A $B $C
  qmgr_on
  watch customer.tld
  settle $A 0 failed
  rm "$I/queue/cur/1h8qa/$A"
  settle $B 0 sent
  mv "$I/queue/cur/1h8qb/$C" "$I/queue/corrupt/$C"
  rm "$I/queue/asked/customer.tld"
  assertEquals 'exit code' 100 "$(code)"
  assertEquals "$A: user@customer.tld: failed: 4.4.1 mail.customer.tld[127.0.0.1]:25 450 4.2.1 mailbox is away
$C: not a whole message" "$(out)"
}

# What failed long ago, or is gone, is no business of this flush.
testWaitOldFailures() {
  message cur $A customer.tld other.tld
  settle $A 0 failed
  message cur $C customer.tld
  record customer.tld $A $B $C
  qmgr_on
  sleep 0.01
  watch customer.tld
  delivered $C
  rm "$I/queue/asked/customer.tld"
  assertEquals 'exit code' 0 "$(code)"
}

testWaitRemoved() {
  message cur $A customer.tld
  record customer.tld $A
  qmgr_on
  watch customer.tld
  rm "$I/queue/cur/1h8qa/$A" "$I/queue/asked/customer.tld"
  assertEquals 'exit code' 100 "$(code)"
  assertContains "$(out)" "$A: removed by an operator"
}

testWaitOnHold() {
  message hold $A customer.tld
  record customer.tld $A
  qmgr_on
  watch customer.tld
  rm "$I/queue/asked/customer.tld"
  assertEquals 'exit code' 111 "$(code)"
  assertEquals "$A: user@customer.tld: on hold" "$(out)"
}

testWaitForOneMessage() {
  message cur $A customer.tld other.tld
  message cur $B customer.tld
  qmgr_on
  watch -i $A
  settle $A 0 sent
  settle $A 1 deferred
  rm "$I/queue/asked/=$A"
  assertEquals 'exit code' 111 "$(code)"
  assertContains "$(out)" "$A: user@other.tld: 4.4.1"
}

testWaitForAllBelow() {
  message cur $A sub.customer.tld acustomer.tld
  record sub.customer.tld $A
  record acustomer.tld $A
  qmgr_on
  watch @customer.tld
  settle $A 0 sent
  assertEquals 'exit code' 0 "$(code)"
}

# A recipient in an agent's hands is not tried yet, whatever the directories say.
testWaitWhileBusy() {
  message cur $A customer.tld
  record customer.tld $A
  qmgr_on
  python3 - "$I/queue/cur/1h8qa/$A" "$T/locked" <<'END' &
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 1, 0))
open(sys.argv[2], "w").close()
while os.path.exists(sys.argv[2]):
    time.sleep(0.05)
os.unlink(sys.argv[1])
END
  wait_for 10 test -e "$T/locked"
  watch customer.tld
  rm "$I/queue/asked/customer.tld"
  sleep 1
  assertFalse 'in hand' over
  settle $A 0 sent
  rm "$T/locked"
  assertEquals 'exit code' 0 "$(code)"
}

testWaitForNothing() {
  qmgr_on
  run -w customer.tld
  assertEquals 'exit code' 0 $?
  assertNull 'nothing to say' "$(out; err)"
}

testWaitNoQmgr() {
  message cur $A customer.tld
  record customer.tld $A
  run -w customer.tld
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" 'no qmgr'
  assertContains 'says what waits' "$(out)" $A
  assertEquals 'asked all the same' customer.tld "$(asked)"
}

testWaitTimeIsUp() {
  message cur $A customer.tld
  record customer.tld $A
  qmgr_on
  run -w -t 1 customer.tld
  assertEquals 'exit code' 111 $?
  assertContains "$(out)" "$A: user@customer.tld: not tried yet"
  assertContains "$(err)" 'time is up'
}

testProgressOnATerminal() {
  message cur $A customer.tld
  message cur $B customer.tld
  record customer.tld $A $B
  qmgr_on
  script -qec "$BIN/flush-run -C $I -w customer.tld" /dev/null >"$T/screen" &
  wait_for 10 any_asked
  delivered $A
  wait_for 10 grep -q 'sent 1, waiting 0, left 1' "$T/screen"
  assertEquals 'one sent' 0 $?
  delivered $B
  wait
  assertContains "$(cat "$T/screen")" 'sent 2, waiting 0, left 0'
}

# --- with the real qmgr -----------------------------------------------------------------------

testForReal() {
  [ -x "$BIN/qmgr" ] && [ -x "$BIN/smtp-send" ] && [ -x "$BIN/smtpd-etrn" ] || { skip 'not built'; return; }
  conf relaydomains customer.tld
  free_port SINKPORT
  mkdir -p "$T/away"
  echo "$SINKPORT" >"$T/away/port"
  conf routes "customer.tld [127.0.0.1]:$SINKPORT park"
  start
  submit -n 20 -t user@customer.tld >/dev/null
  wait_for 10 test -s "$I/queue/flush/customer.tld"
  run -w customer.tld
  assertEquals 'the customer is away' 111 $?
  assertEquals 'a line each' 20 "$(out | grep -c 'user@customer.tld')"
  assertContains "$(out)" 'Connection refused'
  sink away
  run -w customer.tld
  assertEquals 'the customer is there' 0 $?
  assertNull 'nothing to say' "$(out)"
  assertEquals 20 "$(sink_messages)"
  sink_stop
  stop
}

. shunit2
