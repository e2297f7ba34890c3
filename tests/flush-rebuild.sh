# flush-rebuild: the lists from the messages.
. tests/lib.sh

# Two slices of cur/; sorting is by time.
A=1h8qaaaaa00001
B=1h8qaaaaa00002
C=1h8qbaaaa00001
D=1h8qcaaaa00001
BOOT=/proc/sys/kernel/random/boot_id

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

rebuild() { "$BIN/flush-rebuild" -C "$I" "$@" 2>"$T/err"; }
message() { tests/peer/message "$I/queue" "$@"; }
list() { tr '\n' ' ' 2>/dev/null <"$I/queue/flush/$1"; }
lists() { (cd "$I/queue/flush" && echo *); }

# settle FILE N STATUS: a journal line about recipient N.
settle() { echo "1763711160.000001 $2 $3 2.0.0 none text" >>"$I/queue/$1"; }

testFromNothing() {
  message cur $C customer.tld
  message cur $B customer.tld other.tld
  message cur $A customer.tld customer.tld
  message hold $D customer.tld
  rebuild
  assertEquals 'exit code' 0 $?
  assertEquals "$A $B $C $D " "$(list customer.tld)"
  assertEquals "$B " "$(list other.tld)"
  assertEquals 'nothing else' 'customer.tld other.tld' "$(lists)"
  assertEquals 'this boot' "$(cat $BOOT)" "$(cat "$I/queue/boot")"
}

testOnlyWhatIsOwed() {
  message cur $A customer.tld other.tld third.tld
  settle cur/1h8qa/$A 1 sent
  settle cur/1h8qa/$A 2 failed
  message cur $B customer.tld
  settle cur/1h8qa/$B 0 deferred
  rebuild
  assertEquals "$A $B " "$(list customer.tld)"
  assertEquals 'nothing else' customer.tld "$(lists)"
}

testOldLists() {
  message cur $A customer.tld
  message cur $C customer.tld
  # Out of order, doubled, gone, half; and a domain that nothing waits for.
  printf '%s\n%s\n%s\n%s\n1h8q' $C $C $A $B >"$I/queue/flush/customer.tld"
  echo $B >"$I/queue/flush/other.tld"
  printf 1h8q >"$I/queue/flush/third.tld"
  rebuild
  assertEquals "$A $C " "$(list customer.tld)"
  assertEquals 'nothing else' customer.tld "$(lists)"
}

# In new/ a message may be recorded for one domain already and not for the other yet.
testRecordedButNotInCur() {
  message new $C customer.tld
  echo $C >"$I/queue/flush/customer.tld"
  message cur $A customer.tld
  rebuild
  assertEquals "$A $C " "$(list customer.tld)"
}

testClaimsStay() {
  message cur $A customer.tld
  echo $A >"$I/queue/claim/customer.tld"
  rebuild
  assertEquals $A "$(cat "$I/queue/claim/customer.tld")"
  assertEquals "$A " "$(list customer.tld)"
}

testDamagedMessages() {
  message cur $A customer.tld
  message cur $B customer.tld
  message cur $C customer.tld
  truncate -s 100 "$I/queue/cur/1h8qa/$B"
  echo >"$I/queue/cur/1h8qa/README"
  : >"$I/queue/cur/1h8qa/$D"
  rebuild
  assertEquals 'exit code' 0 $?
  assertContains "$(cat "$T/err")" $B
  assertEquals "$A $C " "$(list customer.tld)"
}

# root reads anything: then nothing is unreadable but a directory that is none.
testUnreadableQueue() {
  rm -rf "$I/queue/cur"
  echo $A >"$I/queue/flush/customer.tld"
  rebuild
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" queue/cur
  assertEquals 'list untouched' "$A " "$(list customer.tld)"
  assertFalse 'not of this boot' "cmp -s $BOOT '$I/queue/boot'"
}

testTest() {
  rebuild -t
  assertEquals 'never made: needed' 0 $?
  rebuild && rebuild -t
  assertEquals 'made in this boot: not needed' 1 $?
  echo 00000000-0000-0000-0000-000000000000 >"$I/queue/boot"
  rebuild -t
  assertEquals 'another boot: needed' 0 $?
  : >"$I/queue/clean"
  rebuild -t
  assertEquals 'stopped cleanly: not needed' 1 $?
  rm "$I/queue/clean"
  rebuild -t
  assertEquals 'taken over for this boot' 1 $?
  : >"$I/queue/boot"
  rebuild -t
  assertEquals 'cut short: needed' 0 $?
}

# An octet in queue/lock that nobody holds is what a qmgr that was killed leaves.
testTestAfterKill() {
  rebuild
  printf x >"$I/queue/lock"
  exec 9>>"$I/queue/lock"
  flock 9
  rebuild -t
  assertEquals 'it runs: not needed' 1 $?
  exec 9>&-
  rebuild -t
  assertEquals 'it was killed: needed' 0 $?
  : >"$I/queue/lock"
  : >"$I/queue/clean"
  rebuild -t
  assertEquals 'not made since, for all that it was stopped cleanly then: needed' 0 $?
  rebuild
  rebuild -t
  assertEquals 'made: not needed' 1 $?
}

# stays TIME: one that stays; leaves: it ends.
stays() {
  "$BIN/flush-rebuild" -C "$I" -e "$1" 2>"$T/err" &
  stays=$!
}
leaves() {
  kill $stays
  wait $stays 2>/dev/null
  fail_if_running "$I"
}
has_list() { [ "$(list "$1")" = "$2" ]; }

testStays() {
  message cur $B customer.tld
  stays 1
  assertTrue 'at first' "wait_for 10 has_list customer.tld '$B '"
  message cur $C customer.tld other.tld
  message hold $D customer.tld
  settle cur/1h8qb/$C 1 sent
  ls -i "$I/queue/flush" >"$T/before"
  assertTrue "found: $(cat "$T/err")" "wait_for 10 has_list customer.tld '$B $C '"
  assertContains "$(cat "$T/err")" "$C: was in no list of customer.tld"
  assertEquals 'written to, not made anew' "$(cat "$T/before")" "$(ls -i "$I/queue/flush")"
  echo $C >"$I/queue/claim/customer.tld"
  echo $B >"$I/queue/flush/customer.tld"
  message cur $A other.tld
  assertTrue "found: $(cat "$T/err")" "wait_for 10 has_list other.tld '$A '"
  assertEquals 'a claim is a list' "$B " "$(list customer.tld)"
  rm "$I/queue/flush/customer.tld"
  : >"$I/queue/boot"
  assertTrue "anew: $(cat "$T/err")" "wait_for 10 has_list customer.tld '$B $C $D '"
  leaves
}

# Nobody is left behind, not even where the parent was dead before it was known.
testStaysNoLongerThanItsParent() {
  sh -c '"$0/flush-rebuild" -C "$1" -e 1d -p $$ & exec sleep 60' "$BIN" "$I" &
  parent=$!
  assertTrue 'it is there' 'wait_for 10 it_runs'
  kill -9 $parent
  wait $parent 2>/dev/null
  assertTrue 'it went, too' 'wait_for 10 nothing_runs "$I"'
  "$BIN/flush-rebuild" -C "$I" -e 1d -p $parent
  assertEquals 'of one that is dead' 0 $?
}
it_runs() { tests/peer/running "$I" | grep -q flush-rebuild; }

testStaysThroughTrouble() {
  message cur $A customer.tld
  mv "$I/queue/flush" "$I/queue/away"
  stays 1
  assertTrue 'said' 'wait_for 10 grep -q "flush/customer.tld" "$T/err"'
  mv "$I/queue/away" "$I/queue/flush"
  assertTrue 'made' "wait_for 10 has_list customer.tld '$A '"
  leaves
}

testOneAtATime() {
  exec 9>>"$I/queue/boot"
  flock 9
  rebuild
  assertEquals 'exit code' 1 $?
  assertContains "$(cat "$T/err")" "$I"
  exec 9>&-
  rebuild
  assertEquals 'exit code' 0 $?
}

testKilledBefore() {
  message cur $A customer.tld
  echo 'left over' >"$I/queue/flush/+rebuild"
  rebuild
  assertEquals "$A " "$(list customer.tld)"
  assertEquals 'nothing else' customer.tld "$(lists)"
}

testTellsQmgr() {
  [ -p "$I/queue/trigger" ] || mkfifo -m 660 "$I/queue/trigger"
  exec 9<>"$I/queue/trigger"
  rebuild
  read -r hint <&9
  assertEquals scan "$hint"
  exec 9>&-
}

testWrongUse() {
  for arguments in x '-x' '-C' '-e' '-e 0' '-e x' '-t -e 1d' '-p 1' '-e 1d -p 0' '-e 1d -p x'; do
    rebuild $arguments
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(cat "$T/err")" 'usage: flush-rebuild'
  done
}

testMissingInstanceIsTemporary() {
  "$BIN/flush-rebuild" -C "$T/none" 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" "$T/none"
}

testFullDisk() {
  message cur $A customer.tld
  mount -t tmpfs -o size=64k none "$I/queue/flush" 2>/dev/null || { skip 'no mount'; return; }
  echo $B >"$I/queue/flush/customer.tld"
  head -c 65536 /dev/zero >"$I/queue/flush/+full" 2>/dev/null
  rebuild
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" customer.tld
  assertEquals 'the old list' "$B " "$(list customer.tld)"
  umount "$I/queue/flush"
  assertFalse 'not of this boot' "cmp -s $BOOT '$I/queue/boot'"
}

# Mail flows: what is recorded while lists are made anew, over and over, is not lost.
testWhileMailFlows() {
  message cur $A customer.tld
  seq -f "1h8qd%09.0f" 0 99 >"$T/ids"
  while read -r id; do message cur "$id" customer.tld; done <"$T/ids"
  rm -f "$I/queue/flush/customer.tld"
  for who in 1 2 3; do
    seq -f "1h8q$who%09.0f" 0 199 >"$T/ids.$who"
    (while read -r id; do
      message new "$id" customer.tld
      "$BIN/flush-record" -C "$I" customer.tld "$id"
      mkdir -p "$I/queue/cur/1h8q$who"
      mv "$I/queue/new/$id" "$I/queue/cur/1h8q$who/$id"
    done <"$T/ids.$who"; : >"$T/done.$who") &
  done
  runs=0
  while ! [ -e "$T/done.1" ] || ! [ -e "$T/done.2" ] || ! [ -e "$T/done.3" ]; do
    rebuild || fail "exit code $?: $(cat "$T/err")"
    runs=$((runs + 1))
  done
  wait
  assertTrue "runs: $runs" "[ $runs -gt 5 ]"
  { echo $A; cat "$T/ids" "$T/ids.1" "$T/ids.2" "$T/ids.3"; } | sort >"$T/want"
  sort -u "$I/queue/flush/customer.tld" | cmp - "$T/want"
  assertEquals 'all are there' 0 $?
}

. shunit2
