# postsuper: what a script that knows Postfix's gets from ours, beside the real one.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/operate.sh
. tests/peer/postfix.sh

setUp() { instance "one$((made = ${made-0} + 1))"; }

tearDown() {
  stop
  sink_stop
  fail_if_running
}

super() { operate postsuper "$@"; }
said() { came 0 '' "$1"; }
have() { find "$I/queue/$1" -type f | wc -l; }

# --- by itself ---------------------------------------------------------------------------------

testOneMessage() {
  message cur $A
  super -h $A
  said "postsuper: $A: placed on hold
postsuper: Placed on hold: 1 message"
  assertEquals 1 "$(kept hold)"
  super -H $A
  said "postsuper: $A: released from hold
postsuper: Released from hold: 1 message"
  super -r $A
  said "postsuper: $A: requeued
postsuper: Requeued: 1 message"
  super -d "$(ls "$I/queue/new")"
  assertContains "$(cat "$T/err")" ': removed'
  assertEquals 0 "$(queued)"
}

testEmptyQueue() {
  super -d ALL -r ALL -h ALL -H ALL -e ALL
  said 'postsuper: Requeued: 0 messages
postsuper: Deleted: 0 messages
postsuper: Force-expired: 0 messages
postsuper: Placed on hold: 0 messages
postsuper: Released from hold: 0 messages'
  super -p -v
  said ''
}

testThousands() {
  fill cur 2000
  super -h - <"$T/ids"
  said "$(sed 's/.*/postsuper: &: placed on hold/' "$T/ids")
postsuper: Placed on hold: 2000 messages"
  super -r ALL
  said 'postsuper: Requeued: 2000 messages'
  super -d ALL
  said 'postsuper: Deleted: 2000 messages'
  assertEquals 0 "$(queued)"
}

# The queues by Postfix's names.
testQueues() {
  for place in new cur hold corrupt; do fill $place 2; done
  message cur $A
  locked "$I/queue/cur/1h8qa/$A"
  super -h ALL incoming
  said 'postsuper: Placed on hold: 2 messages'
  super -d ALL deferred maildrop
  said 'postsuper: Deleted: 2 messages'
  super -d ALL active
  said 'postsuper: Deleted: 1 message'
  super -d ALL hold incoming
  said 'postsuper: Deleted: 4 messages'
  assertEquals 2 "$(kept corrupt)"
  super -d ALL corrupt
  said 'postsuper: Deleted: 2 messages'
  unlocked
}

# A word that names no queue may have been meant as one.
testNoQueue() {
  message cur $A
  for name in defered '' corrupt/ "$(printf '\033[2J')"; do
    super -d ALL deferred "$name"
    came 1 '' "postsuper: fatal: invalid directory name: $(printf %s "$name" | tr '\033' '?')"
  done
  super -d ALL maildrop bounce defer flush trace
  said 'postsuper: Deleted: 0 messages'
  assertEquals 1 "$(kept cur)"
}

testNotOurs() {
  message cur $A
  super -d ../cur/1h8qa/$A -d "$(printf '\033[2J')" -d 4jWsJD5msmz1bY1D -d "$A*"
  said "postsuper: warning: invalid mail queue id: ../cur/1h8qa/$A
postsuper: warning: invalid mail queue id: ?[2J
postsuper: warning: invalid mail queue id: $A*
postsuper: Deleted: 0 messages"
  assertEquals 1 "$(kept cur)"
}

# What could not be done is no success.
testNotDone() {
  message cur $A
  message new $B
  truncate -s -5 "$I/queue/new/$B"
  locked "$I/queue/cur/1h8qa/$A"
  super -r $A -r $B
  came 1 '' "postsuper: warning: $A: not requeued: being sent
postsuper: warning: $B: not requeued: not a whole message
postsuper: Requeued: 0 messages"
  unlocked
  traced -o /dev/null -e trace=unlinkat -e inject=unlinkat:error=EACCES "$BIN/postsuper" -C "$I" -d ALL >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 1 $?
  assertContains "$(cat "$T/err")" "postsuper: warning: $A: not removed: Permission denied"
  assertEquals 2 "$(queued)"
}

testNoInstance() {
  for option in -c -C; do
    "$BIN/postsuper" $option "$T/none" -d ALL >"$T/out" 2>"$T/err"
    code=$?
    came 1 '' "postsuper: fatal: open $T/none: No such file or directory"
  done
  "$BIN/postsuper" -c "$I/conf" -d ALL >"$T/out" 2>"$T/err"
  code=$?
  came 1 '' "postsuper: fatal: open $I/conf/queue: No such file or directory"
  conf fsyncdir maybe
  super -r ALL
  assertEquals 'a setting: exit code' 1 "$code"
  assertContains "$(cat "$T/err")" conf/fsyncdir
}

testUsage() {
  for arguments in -x -d '-d ALL -r'; do
    # shellcheck disable=SC2086 # words
    super $arguments
    assertEquals "$arguments: exit code" 1 "$code"
    assertContains "$(cat "$T/err")" 'postsuper: fatal: usage: postsuper [-psSv] '
  done
}

# queue-check beside it, or in PATH, says what is wrong.
testStructure() {
  mkdir "$T/bin" "$T/path"
  cp "$BIN/postsuper" "$T/bin/postsuper"
  # shellcheck disable=SC2016 # the stub's
  printf '#!/bin/sh\necho "$0" "$@"\nexit "${CHECKED:-0}"\n' >"$T/path/queue-check"
  chmod +x "$T/path/queue-check"
  PATH=$T/path:$PATH "$T/bin/postsuper" -c "$I" -s >"$T/out" 2>"$T/err"
  code=$?
  came 0 "$T/path/queue-check -C $I" ''
  cp "$T/path/queue-check" "$T/bin/queue-check"
  SLUICE=$I CHECKED=1 "$T/bin/postsuper" >"$T/out" 2>"$T/err"
  code=$?
  came 1 "$T/bin/queue-check -C $I" ''
  message cur $A
  "$T/bin/postsuper" -S -d ALL -c "$I" >"$T/out" 2>"$T/err"
  code=$?
  came 0 "$T/bin/queue-check -C $I" 'postsuper: Deleted: 1 message'
  "$T/bin/postsuper" -p -c "$I" >"$T/out" 2>"$T/err"
  code=$?
  came 0 '' ''
  rm "$T/bin/queue-check"
  PATH=$T/none "$T/bin/postsuper" -c "$I" -s >"$T/out" 2>"$T/err"
  code=$?
  came 1 '' 'postsuper: fatal: run queue-check: No such file or directory'
}

# --- forced expiry -------------------------------------------------------------------------------

testExpire() {
  fill cur 1 -r 'connection refused'
  id=$(cat "$T/ids")
  super -e "$id"
  said "postsuper: $id: expired
postsuper: Force-expired: 1 message"
  assertContains "$(tail -n 1 "$I"/queue/cur/*/"$id")" '0 failed 5.4.7 none message is administratively expired; last: connection refused'
  assertTrue 'a notice is due' "[ -e '$I/queue/notice/$id' ]"
  super -e "$id"
  said 'postsuper: Force-expired: 0 messages'
}

# A held one is not returned before it is released.
testExpireHeld() {
  message hold $A
  message hold $B
  super -e $A
  assertEquals 0 "$(kept notice)"
  assertEquals 2 "$(kept hold)"
  super -f $A -f $B
  assertEquals "$A
$B" "$(ls "$I/queue/cur/1h8qa")"
  assertEquals "$A
$B" "$(ls "$I/queue/notice")"
  super -r ALL
  came 1 '' "$(cat "$T/err")"
  assertContains "$(cat "$T/err")" "postsuper: warning: $A: not requeued: its sender is to be told of a failure first"
}

testExpiredIsNotSent() {
  customer
  start
  hold parked.example 3
  super -e ALL
  said 'postsuper: Force-expired: 3 messages'
  flushed -w parked.example >"$T/out"
  assertEquals 0 "$(sink_for parked.example)"
  assertTrue 'their sender is told' 'wait_for 20 sink_has_for elsewhere.example 3'
  assertTrue 'and they are gone' 'wait_for 20 drained'
  assertEquals 0 "$(sink_for parked.example)"
}

# --- with a relay that runs ----------------------------------------------------------------------

testRelay() {
  customer
  start
  hold parked.example 4
  # shellcheck disable=SC2046 # words
  set -- $(cat "$I/queue/flush/parked.example")
  super -h "$1" -d "$2" -r "$3"
  said "postsuper: $1: placed on hold
postsuper: $2: removed
postsuper: $3: requeued
postsuper: Requeued: 1 message
postsuper: Deleted: 1 message
postsuper: Placed on hold: 1 message"
  assertTrue 'logged' "wait_for 10 logged qmgr '$3: requeued'"
  assertTrue 'logged' "wait_for 10 logged qmgr '$2: removed'"
  assertTrue 'logged' "wait_for 10 logged qmgr '$1: placed on hold'"
  flushed -w parked.example >"$T/out"
  assertEquals 2 "$(sink_messages)"
  super -H ALL
  said 'postsuper: Released from hold: 1 message'
  flushed -w parked.example >"$T/out"
  assertEquals 3 "$(sink_messages)"
}

delete_some() {
  "$BIN/queue-list" -C "$I" -1 2>/dev/null | head -n 4 >"$T/some"
  "$BIN/postsuper" -C "$I" -h - <"$T/some" 2>/dev/null
  head -n 1 "$T/some" | "$BIN/postsuper" -C "$I" -d - -H ALL 2>&1 >/dev/null | sed -n 's/^postsuper: \(.*\): removed$/\1 deleted while being sent/p'
}

testWhileMailFlows() {
  customer --delay 0.002
  start
  flow delete_some
}

# --- the real one ----------------------------------------------------------------------------------

real() { as_root "$(command -v postsuper)" -c "$POSTFIX/etc" "$@"; }
real_list() { as_root postqueue -c "$POSTFIX/etc" -j; }
our_list() { "$BIN/queue-list" -C "$I" -j; }
# all of them, where they stay
real_has() { [ "$(real_list | jq -r .queue_name | grep -cE '^(deferred|hold)$')" = "$1" ]; }

# numbered LIST: "sed" that puts a message's number, M and its recipient's local part, for its id.
numbered() { "$1" | jq -r '"s/" + .queue_id + "/M" + (.recipients[0].address | split("@")[0]) + "/g"'; }
# and back
named() { "$1" | jq -r '"s/^M" + (.recipients[0].address | split("@")[0]) + "$/" + .queue_id + "/"'; }

# words COMMAND LIST ARGUMENT...: what it says of M1, M2...; its input is $T/in.
words() {
  words_command=$1 words_list=$2
  shift 2
  numbered "$words_list" >"$T/numbered"
  named "$words_list" >"$T/named"
  words_count=$#
  while [ $((words_count -= 1)) -ge 0 ]; do
    set -- "$@" "$(printf '%s\n' "$1" | sed -f "$T/named")"
    shift
  done
  sed -f "$T/named" "$T/in" >"$T/in.named"
  "$words_command" "$@" <"$T/in.named" >"$T/words.out" 2>"$T/words.err"
  echo "exit code $?"
  cat "$T/words.out" "$T/words.err" | sed -f "$T/numbered"
}
ours() { "$BIN/postsuper" -c "$I" "$@"; }

both() {
  ours=$(words ours our_list "$@")
  theirs=$(words real real_list "$@")
  assertEquals "postsuper $*" "$theirs" "$ours"
}

messages() {
  for number in $(seq "$1"); do
    printf 'Subject: x\n\nx\n' | postfix_sendmail -f bob@example.org "$number@customer.tld"
  done
  tests/peer/queue-fill -l %d "$I/queue" "$1" customer.tld >"$T/ids"
  assertTrue 'queued' "wait_for 20 real_has $1"
}

testWordsOfTheRealOne() {
  postfix_new postfix customer.tld
  postfix_set 'virtual_transport=retry:4.0.0 later' enable_long_queue_ids=yes
  postfix_start
  messages 12
  : >"$T/in"
  both -h M1
  both -h M1
  both -H M1
  both -H M1
  both -d M2
  both -d M2
  both -d NONE
  both -d 'a b' -d '' -d ../x -h 'M3!'
  both -h M3 -h M4 -d M5
  both -H ALL
  both -H ALL
  both -h ALL deferred incoming
  both -H ALL hold
  both -H M1 deferred
  both -h M1 nosuch
  both -d M6 -d M6
  both -h M7 -H M7 -d M7
  both -h M8 -d M8 hold
  both -d M9 active
  both -d ALL incoming ../x
  both -d ALL /tmp
  printf 'M1\nM3\nx y\nNONE\n' >"$T/in"
  both -h -
  both -H - -d M3
  both -d - -h -
  both -f M9 -e M10 -h M11 -H M11 -d M12
  both -e M9 -e M9
  both -h ALL
  both -f M4
  both -f ALL
  both -d ALL -r ALL
  assertEquals 0 "$(queued)"
  messages 3
  : >"$T/in"
  both -r M1 -d M3
  assertTrue 'requeued' 'wait_for 20 real_has 2'
  both -r ALL
  assertTrue 'requeued' 'wait_for 20 real_has 2'
  both -h M1
  both -H ALL -h ALL
  both -h ALL -H ALL -d ALL
  both -d ALL -h ALL
  both -d ALL -e ALL -f ALL -h ALL -H ALL -r ALL
  both -p
  postfix_stop
}

. shunit2
