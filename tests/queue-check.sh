# queue-check: what is not as it should be, and its mending.
. tests/lib.sh

A=1h8qaaaaa00001
B=1h8qaaaaa00002
C=1h8qbaaaa00001
D=1h8qcaaaa00001

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

tearDown() {
  stop
  fail_if_running
}

check() { "$BIN/queue-check" -C "$I" "$@" >"$T/out" 2>"$T/err"; }
out() { cat "$T/out"; }
err() { cat "$T/err"; }
message() { tests/peer/message "$I/queue" "$@"; }
fill() { tests/peer/queue-fill "$@" >"$T/ids" || fail 'queue-fill'; }
list() { tr '\n' ' ' 2>/dev/null <"$I/queue/flush/$1"; }
# journal FILE LINE, old FILE...: nobody has touched it for an hour.
journal() { echo "1763711160.000001 $2" >>"$I/queue/$1"; }
old() { (cd "$I/queue" && touch -d '1 hour ago' "$@"); }
# Everything below queue/, to compare.
tree() { (cd "$I/queue" && find . -printf '%p %y %m\n' | sort && find . -type f -exec cat {} +); }

# finds LINE [LEFT]: it is all that -n finds, and then all that is mended (left: 1, and exit code 1), once; nothing
# was changed by -n.
finds() {
  tree >"$T/before"
  check -n
  assertEquals "-n: $1" 1 $?
  assertEquals "$(echo "$1" | sed 's/: mended$/: would be mended/')" "$(out)"
  tree >"$T/after"
  assertEquals '-n changes nothing' "$(cat "$T/before")" "$(cat "$T/after")"
  check
  assertEquals "$1: $(err)" "${2-0}" $?
  assertEquals "$1" "$(out)"
}
well() {
  check -n
  assertEquals "all is well: $(err)" 0 $?
  assertEquals "all is well" '' "$(out)"
}
mends() { finds "$1" && well; }
leaves() { finds "$1" 1 && finds "$1" 1; }

# --- all is well ------------------------------------------------------------------------

testEmpty() {
  well
  assertEquals 'queue-check: messages: 0, findings: 0, left: 0' "$(err)"
  check
  assertEquals 'exit code' 0 $?
}

testOneMessage() {
  fill "$I/queue" 1 customer.tld
  well
  assertEquals 'queue-check: messages: 1, findings: 0, left: 0' "$(err)"
}

testMany() {
  fill "$I/queue" 2000 a.tld b.tld c.tld
  fill -p new "$I/queue" 50 a.tld
  fill -p hold -u "$I/queue" 50 a.tld
  well
  assertEquals 'queue-check: messages: 2100, findings: 0, left: 0' "$(err)"
  rm "$I/queue/flush/b.tld"
  check -n
  assertEquals 'findings' 667 "$(wc -l <"$T/out")"
  check
  assertEquals 'exit code' 0 $?
  assertContains "$(err)" 'findings: 667, left: 0'
  assertEquals 667 "$(waiting b.tld)"
  well
}

# In new/ and hold/ a message may be in no list; in a list that is being carried out it is in claim/.
testRightlyInNoList() {
  message new $A a.tld
  message hold $B a.tld
  message cur $C a.tld b.tld
  echo $C >"$I/queue/claim/a.tld"
  printf '%s\n%s\n' $D $C >"$I/queue/flush/b.tld"
  well
}

# --- directories and the FIFO -----------------------------------------------------------

testMissingDirectories() {
  rmdir "$I/queue/notice" "$I/queue/claim"
  mends 'queue/notice: missing directory: mended
queue/claim: missing directory: mended'
  assertEquals 700 "$(stat -c %a "$I/queue/claim")"
}

testNoDirectory() {
  rmdir "$I/queue/claim"
  : >"$I/queue/claim"
  check
  assertEquals 'exit code' 111 $?
  assertContains "$(out)" 'queue/claim: no directory: left'
  assertContains "$(err)" 'queue/claim'
}

testModes() {
  chmod 755 "$I/queue" "$I/queue/site"
  chmod 500 "$I/queue/new"
  mends 'queue/.: wrong mode: mended
queue/new: wrong mode: mended
queue/site: wrong mode: mended'
  assertEquals '700 700 700 ' "$(cd "$I/queue" && stat -c %a . new site | tr '\n' ' ')"
}

testTrigger() {
  rm "$I/queue/trigger"
  mends 'queue/trigger: missing FIFO (qmgr reads it from its next start on): mended'
  rm "$I/queue/trigger"
  : >"$I/queue/trigger"
  mends 'queue/trigger: no FIFO (qmgr reads it from its next start on): mended'
  chmod 400 "$I/queue/trigger"
  mends 'queue/trigger: wrong owner or mode: mended'
  chmod 660 "$I/queue/trigger" # as qmgr makes it
  well
}

testFilesOfNoUse() {
  fill "$I/queue" 1 a.tld
  id=$(cat "$T/ids")
  slice=$(echo "$id" | cut -c 1-5)
  chmod 400 "$I/queue/cur/$slice/$id" "$I/queue/flush/a.tld"
  chmod 500 "$I/queue/cur/$slice"
  mends "queue/cur/$slice: not for qmgr to use: wrong owner or mode: mended
queue/cur/$slice/$id: not for qmgr to use: wrong owner or mode: mended
queue/flush/a.tld: not for qmgr to use: wrong owner or mode: mended"
}

# Root mends what root left behind in somebody else's instance, and makes nothing there that is root's.
testOwners() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  chown -R nobody "$I"
  chmod 755 "$T" "$I"
  fill "$I/queue" 1 a.tld
  id=$(cat "$T/ids")
  slice=$(echo "$id" | cut -c 1-5)
  mends "queue/cur/$slice: not for qmgr to use: wrong owner or mode: mended
queue/cur/$slice/$id: not for qmgr to use: wrong owner or mode: mended
queue/flush/a.tld: not for qmgr to use: wrong owner or mode: mended"
  chown root "$I/queue/cur"
  mends 'queue/cur: wrong owner or group: mended'
  rm "$I/queue/flush/a.tld"
  mends "queue/cur/$slice/$id: not in the list of a.tld: mended"
  assertEquals 'nothing is root'\''s' '' "$(find "$I/queue" -user root)"
}

# A file with another name besides may be anybody's, put there to be given away.
testOwnersOfLinks() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  chown -R nobody "$I"
  echo secret >"$T/secret$made"
  chmod 600 "$T/secret$made"
  ln "$T/secret$made" "$I/queue/hold/$A"
  check
  assertContains "$(out)" "queue/hold/$A: not for qmgr to use: wrong owner or mode: left"
  assertEquals '600 root' "$(stat -c '%a %U' "$T/secret$made")"
}

testOwnersForOthers() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  setpriv --reuid nobody --regid nogroup --clear-groups test -x "$BIN/queue-check" ||
    { skip 'programs are where others cannot run them'; return; }
  chown -R nobody "$I"
  chown root "$I/queue/site"
  chmod 777 "$I/queue/site"
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/queue-check" -C "$I" >"$T/out" 2>"$T/err"
  assertEquals "$(err)" 1 $?
  assertEquals 'queue/site: wrong owner or group: left' "$(out)"
  assertContains "$(err)" 'queue/site: Operation not permitted'
}

testUsers() {
  for_users || return 0
  instance "users$made" -U
  well
  tree >"$T/fresh"
  fill "$I/queue" 1 a.tld # by root, whose umask takes the group's rights
  id=$(cat "$T/ids")
  slice=$(echo "$id" | cut -c 1-5)
  chmod 755 "$I/queue/cur/$slice"
  chmod 640 "$I/queue/cur/$slice/$id"
  chgrp root "$I/queue/flush/a.tld"
  chmod 777 "$I/queue/new"
  chown root "$I/queue/trigger"
  rmdir "$I/queue/notice"
  mends "queue/new: wrong mode: mended
queue/notice: missing directory: mended
queue/trigger: wrong owner or mode: mended
queue/cur/$slice: not for qmgr to use: wrong owner or mode: mended
queue/cur/$slice/$id: not for qmgr to use: wrong owner or mode: mended
queue/flush/a.tld: not for qmgr to use: wrong owner or mode: mended"
  assertEquals '3773 sluice-q sluice-q
2770 sluice-q sluice-q
662 sluice-q sluice-q' "$(cd "$I/queue" && stat -c '%a %U %G' new notice trigger)"
  rm "$I/queue/flush/a.tld"
  mends "queue/cur/$slice/$id: not in the list of a.tld: mended"
  assertEquals '660 sluice-q sluice-q' "$(stat -c '%a %U %G' "$I/queue/flush/a.tld")"
}

# --- files that are none of ours ----------------------------------------------------------

testUnfinished() {
  message tmp $A a.tld
  message tmp $B a.tld
  touch -d '25 hours ago' "$I/queue/tmp/$A"
  mends "queue/tmp/$A: left behind unfinished, removed: mended"
  assertTrue 'the other is being written' "[ -e '$I/queue/tmp/$B' ]"
}

testNoWholeMessages() {
  for place in new cur/1h8qa hold; do
    [ $place = hold ] || message "${place%/*}" $A a.tld
    rm -f "$I/queue/$place/$A"
    mkdir -p "$I/queue/$place"
    : >"$I/queue/$place/$A"
    mends "queue/$place/$A: not a whole message: to corrupt/: mended"
    assertTrue "$place" "[ -e '$I/queue/corrupt/$A' ]"
    rm "$I/queue/corrupt/$A"
  done
  message cur $B a.tld
  echo $B >"$I/queue/flush/a.tld"
  truncate -s 100 "$I/queue/cur/1h8qa/$B"
  ln -s /etc/passwd "$I/queue/new/$C"
  mkfifo "$I/queue/new/$D"
  finds "queue/cur/1h8qa/$B: not a whole message: to corrupt/: mended
$( (cd "$I/queue" && find new -type l -o -type p) | sed 's/.*/queue\/&: no regular file: to corrupt\/: mended/')"
  assertEquals "$B $C $D " "$(cd "$I/queue/corrupt" && echo * '')"
  well
}

# What is in corrupt/ already stays.
testCorruptTwice() {
  : >"$I/queue/hold/$A"
  echo first >"$I/queue/corrupt/$A"
  mends "queue/hold/$A: not a whole message: to corrupt/: mended"
  assertEquals first "$(cat "$I/queue/corrupt/$A")"
  assertEquals 'both are there' 2 "$(find "$I/queue/corrupt" -type f | wc -l)"
}

testNames() {
  message cur $A a.tld
  echo $A >"$I/queue/flush/a.tld"
  : >"$I/queue/tmp/x"
  : >"$I/queue/hold/$A.bak"
  : >"$I/queue/cur/1h8qa/UPPER"
  : >"$I/queue/cur/README"
  : >"$I/queue/flush/Upper.tld"
  : >"$I/queue/flush/+rebuild"
  : >"$I/queue/site/+new"
  mkdir "$I/queue/claim/b.tld"
  printf x >"$I/queue/asked/@@"
  : >"$I/queue/notice/y"
  : >"$I/queue/site/no site"
  : >"$I/queue/new/$(printf 'a\033[2J\nfine: left')"
  leaves "queue/tmp/x: not the name of a message: left
queue/hold/$A.bak: not the name of a message: left
$( (cd "$I/queue" && find cur -name README -o -name UPPER) | sed 's/.*README/queue\/&: not the name of a slice: left/; s/.*UPPER/queue\/&: not the name of a message: left/')
queue/new/a?[2J?fine: left: not the name of a message: left
queue/flush/Upper.tld: not the name of a domain: left
queue/claim/b.tld: no regular file: left
queue/asked/@@: nothing that can be asked for: left
queue/site/no site: not the name of a site: left
queue/notice/y: not the name of a message: left"
}

# A file that has the name of a slice: no message can be in it.
testNoSlices() {
  : >"$I/queue/cur/notes"
  leaves 'queue/cur/notes: no directory: left'
  rm "$I/queue/cur/notes"
  ln -s ../hold "$I/queue/cur/notes"
  leaves 'queue/cur/notes: no directory: left'
}

# Where anybody may ask, anybody may put something in the way.
testInTheWayOfRequests() {
  mkfifo "$I/queue/asked/a.tld"
  ln -s nowhere "$I/queue/asked/@b.tld"
  mkdir "$I/queue/asked/c.tld"
  check
  assertEquals 'queue/asked/@b.tld: no request, but in the way of one, removed: mended
queue/asked/a.tld: no request, but in the way of one, removed: mended
queue/asked/c.tld: no request, but in the way of one, removed: mended' "$(out | sort)"
  well
}

testAsked() {
  : >"$I/queue/asked/a.tld"
  : >"$I/queue/asked/@"
  : >"$I/queue/asked/=$A"
  : >"$I/queue/asked/=nobody"
  mends 'queue/asked/=nobody: nothing that can be asked for, removed: mended'
  assertEquals "=$A @ a.tld " "$(cd "$I/queue/asked" && echo * '')"
}

testSites() {
  echo 'up since=1763711153 failures=0 next=0 mx' >"$I/queue/site/a.tld"
  echo 'up since=never' >"$I/queue/site/b.tld"
  mends 'queue/site/b.tld: makes no sense, removed: mended'
  assertEquals 'a.tld' "$(ls "$I/queue/site")"
}

# --- messages in the wrong place -----------------------------------------------------------

# Nothing finds it there; in new/ qmgr takes it up and records it.
testWrongSlice() {
  message cur $A a.tld
  mkdir "$I/queue/cur/1h8qv"
  mv "$I/queue/cur/1h8qa/$A" "$I/queue/cur/1h8qv/$A"
  mends "queue/cur/1h8qv/$A: in the wrong slice: to new/: mended"
  assertTrue 'in new' "[ -s '$I/queue/new/$A' ]"
}

testTwinsWithMoreJournal() {
  message cur $A a.tld b.tld
  message hold $A a.tld b.tld
  journal cur/1h8qa/$A '0 sent 2.0.0 mx 250 ok'
  echo $A | tee "$I/queue/flush/a.tld" >"$I/queue/flush/b.tld"
  mends "queue/hold/$A: another one is in cur/ and knows as much or more: to corrupt/: mended"
  assertTrue 'not lost' "[ -s '$I/queue/corrupt/$A' ]"
  assertContains "$(cat "$I/queue/cur/1h8qa/$A")" '0 sent'
}

testTwinsAlike() {
  message cur $A a.tld
  message new $A a.tld
  message hold $A a.tld
  message cur $B a.tld
  message new $B a.tld
  printf '%s\n%s\n' $A $B >"$I/queue/flush/a.tld"
  check
  assertEquals 'exit code' 0 $?
  assertContains "$(out)" "queue/cur/1h8qa/$A: another one is in hold/ and knows as much or more: to corrupt/: mended"
  assertContains "$(out)" "queue/new/$A: another one is in hold/: to corrupt/: mended"
  assertContains "$(out)" "queue/new/$B: another one is in cur/: to corrupt/: mended"
  assertEquals 'nothing is lost' 3 "$(find "$I/queue/corrupt" -type f | wc -l)"
  well
}

# A move that was cut short where the file system knows no other way: one file, two names.
testTwinsOneFile() {
  message new $A a.tld
  mkdir -p "$I/queue/cur/1h8qa"
  ln "$I/queue/new/$A" "$I/queue/cur/1h8qa/$A"
  echo $A >"$I/queue/flush/a.tld"
  mends "queue/new/$A: the same file is in cur/: mended"
  assertEquals 'not lost' "cur/1h8qa/$A" "$(cd "$I/queue" && find . -name $A -printf '%P\n')"
  ln "$I/queue/cur/1h8qa/$A" "$I/queue/hold/$A"
  mends "queue/cur/1h8qa/$A: the same file is in hold/: mended"
  assertEquals 'not lost' "hold/$A" "$(cd "$I/queue" && find . -name $A -printf '%P\n')"
}

testTwinBeingSent() {
  message cur $A a.tld
  message hold $A a.tld
  echo $A >"$I/queue/flush/a.tld"
  sending cur/1h8qa/$A
  check
  code=$?
  sent
  assertEquals 'exit code' 1 $code
  assertEquals "queue/cur/1h8qa/$A: another one is in hold/ and knows as much or more: to corrupt/: left" "$(out)"
}

# --- lists ----------------------------------------------------------------------------------

testLostEntries() {
  message cur $A a.tld b.tld
  message cur $B a.tld
  message cur $C a.tld
  journal cur/1h8qa/$A '0 deferred 4.0.0 mx 450 later'
  journal cur/1h8qb/$C '0 sent 2.0.0 mx 250 ok'
  echo $A >"$I/queue/flush/b.tld"
  finds "queue/cur/1h8qa/$A: not in the list of a.tld: mended
queue/cur/1h8qa/$B: not in the list of a.tld: mended"
  assertEquals "$A $B " "$(list a.tld)"
  assertEquals 'the other list stays' "$A " "$(list b.tld)"
}

# Damaged, doubled, stale: readers pass over that, so nothing is found, but it is counted.
testEntriesTooMany() {
  message cur $A a.tld
  printf '%s\n\0\0\0\0\n%s\n%s\nnonsense, and more of it\n%s' $D $A $A $B >"$I/queue/flush/a.tld"
  tree >"$T/before"
  well
  check -v
  assertEquals 'exit code' 0 $?
  assertEquals '' "$(out)"
  assertEquals 'queue-check: list of a.tld: entries: 4, stale: 2, octets that are none: 29
queue-check: messages: 1, findings: 0, left: 0' "$(err)"
  tree >"$T/after"
  assertEquals 'nothing changed' "$(cat "$T/before")" "$(cat "$T/after")"
}

testMendedListsAreTold() {
  message cur $A a.tld
  exec 9<>"$I/queue/trigger"
  check
  read -r hint <&9
  exec 9>&-
  assertEquals scan "$hint"
}

# --- what was left undone --------------------------------------------------------------------

testNothingLeftToDo() {
  message cur $A a.tld b.tld
  journal cur/1h8qa/$A '0 sent 2.0.0 mx 250 ok'
  journal cur/1h8qa/$A '1 failed 5.0.0 mx 550 no'
  journal cur/1h8qa/$A '1 notice failed none'
  well # qmgr may be about to do it
  old cur/1h8qa/$A
  mends "queue/cur/1h8qa/$A: nothing is left to do for it: mended"
  assertEquals 0 "$(queued)"
}

testNothingLeftToDoButSomebodyHasIt() {
  message cur $A a.tld
  journal cur/1h8qa/$A '0 sent 2.0.0 mx 250 ok'
  old cur/1h8qa/$A
  sending cur/1h8qa/$A
  well
  sent
  assertEquals 1 "$(queued)"
}

testUntold() {
  for place in new cur hold; do
    message $place $A a.tld
    file=$place/$A
    [ $place != cur ] || file=cur/1h8qa/$A
    journal $file '0 failed 5.0.0 mx 550 no'
    well
    old $file
    mends "queue/$file: its sender is to be told, but no notice/ says so: mended"
    assertTrue "$place" "[ -e '$I/queue/notice/$A' ]"
    rm "$I/queue/notice/$A" "$I/queue/$file"
  done
}

# --- failed/, of an earlier version ------------------------------------------------------------

testFailed() {
  mkdir "$I/queue/failed"
  mends 'queue/failed: directory of an earlier version, removed: mended'
  mkdir "$I/queue/failed"
  for id in $A $C; do
    message cur $id a.tld
    journal "cur/$(echo $id | cut -c 1-5)/$id" '0 failed 5.0.0 mx 550 no'
    mv "$I/queue/cur/$(echo $id | cut -c 1-5)/$id" "$I/queue/failed/$id"
  done
  finds "$( (cd "$I/queue" && find failed -name '1*' | sed 's/.*/queue\/&: of an earlier version, its sender was never told: to cur\/: mended/'))
queue/failed: directory of an earlier version, removed: mended"
  well
  assertEquals "$A $C " "$(cd "$I/queue/notice" && echo * '')"
  assertEquals "cur/1h8qa/$A cur/1h8qb/$C " "$(cd "$I/queue" && echo cur/*/* '')"
}

testFailedThatStays() {
  message cur $A a.tld
  echo $A >"$I/queue/flush/a.tld"
  mkdir "$I/queue/failed"
  cp "$I/queue/cur/1h8qa/$A" "$I/queue/failed/$A"
  : >"$I/queue/failed/README"
  check
  assertEquals 'exit code' 1 $?
  assertContains "$(out)" "queue/failed/$A: of an earlier version, its sender was never told: to cur/: left"
  assertContains "$(out)" 'queue/failed/README: not the name of a message: left'
  assertContains "$(out)" 'queue/failed: directory of an earlier version, removed: left'
  assertTrue 'it stays' "[ -s '$I/queue/failed/$A' ]"
  assertFalse 'nothing is due' "[ -e '$I/queue/notice/$A' ]"
}

# --- while everything runs -----------------------------------------------------------------------

sending() {
  # shellcheck disable=SC2016 # Perl's
  perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 1, 0); open F, "+<", $ARGV[0];
    fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' "$I/queue/$1" "$T/locked" &
  sender=$!
  wait_for 10 test -e "$T/locked"
}
sent() {
  kill $sender
  wait $sender 2>/dev/null
  rm "$T/locked"
}

# relay: an instance that runs, with a customer who is there, one who is not, and one who has to ask.
relay() {
  conf relaydomains here.example away.example parked.example
  conf backoff '1 2'
  sink "customer$made"
  free_port nobody
  # shellcheck disable=SC2154 # set by free_port
  conf routes "here.example [127.0.0.1]:$SINKPORT" "away.example [127.0.0.1]:$nobody" 'parked.example [127.0.0.2]:25 park'
  start
}

# Holding and releasing whatever there is, and asking for flushes.
operate() {
  while ! [ -e "$T/done" ]; do
    "$BIN/queue-hold" -C "$I" -a
    "$BIN/queue-release" -C "$I" -a
    "$BIN/flush-run" -C "$I" away.example parked.example
  done >"$T/operated" 2>&1
}

# flow COUNT: mail comes, is sent, deferred, held, released and flushed; qmgr is killed and starts again: nothing
# is ever found.
flow() {
  relay
  rm -f "$T/done"
  for n in 1 2; do
    submit -t '%d@here.example' -t '%d@away.example' -t '%d@parked.example' -n "$1" >"$T/submit$n" 2>&1 &
    eval "submit$n=\$!"
  done
  operate &
  operator=$!
  checks=0
  # shellcheck disable=SC2154 # set by eval
  while kill -0 "$submit1" 2>/dev/null || kill -0 "$submit2" 2>/dev/null || [ $checks -lt 60 ]; do
    check
    assertEquals "$(out) $(err)" 0 $?
    assertEquals 'nothing' '' "$(out)"
    checks=$((checks + 1))
    [ $checks != 20 ] || kill -9 "$(s6-svstat -o pid "$I/service/qmgr")"
    [ -z "$(out)" ] && [ $checks -lt 2000 ] || break
  done
  wait "$submit1" && wait "$submit2" || fail "submit: $(cat "$T/submit1" "$T/submit2")"
  : >"$T/done"
  wait $operator
  check
  assertEquals "$(err)" 0 $?
  arrive here.example $((2 * $1))
  stop
  well
  sink_stop
}

testNothingIsFoundWhileMailFlows() { flow 400; }

testNothingIsFoundWhileMailFlowsWithUsers() {
  for_users || return 0
  instance "users$made" -U
  flow 100
}

none_new() { [ -z "$(ls "$I/queue/new")" ]; }

# Damage, while qmgr runs: what was lost is found again, and gets there.
testMendedWhileMailFlows() {
  relay
  submit -t '%d@here.example' -t '%d@parked.example' -n 100 >"$T/submit" || fail "submit: $(cat "$T/submit")"
  arrive here.example 100
  assertTrue 'all are recorded' 'wait_for 20 none_new'
  assertEquals 100 "$(waiting parked.example)"
  rm "$I/queue/flush/parked.example"
  check
  assertEquals "$(out) $(err)" 0 $?
  assertEquals 100 "$(grep -c 'not in the list of parked.example: mended$' "$T/out")"
  conf routes "* [127.0.0.1]:$SINKPORT"
  "$BIN/flush-run" -C "$I" parked.example
  service qmgr h
  arrive parked.example 100
  assertTrue 'all is gone' 'wait_for 20 drained'
  stop
  sink_stop
}

# --- wrong use ----------------------------------------------------------------------------------

testWrongUse() {
  for arguments in x -x -C; do
    check $arguments
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(err)" 'usage: queue-check'
  done
}

testMissingInstance() {
  "$BIN/queue-check" -C "$T/none" 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" "$T/none"
}

testFullOutput() {
  rmdir "$I/queue/claim"
  "$BIN/queue-check" -C "$I" 2>"$T/err" >/dev/full
  assertEquals 'exit code' 111 $?
}

. shunit2
