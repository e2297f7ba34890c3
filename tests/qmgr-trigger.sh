# qmgr-trigger: one line, or none when nobody listens.
. tests/lib.sh

oneTimeSetUp() {
  instance one
  # Whoever else could listen: a FIFO of our own, as qmgr makes it.
  [ -p "$I/queue/trigger" ] || mkfifo -m 660 "$I/queue/trigger"
}

testNobodyListens() {
  "$BIN/qmgr-trigger" -C "$I" scan 2>"$T/err"
  assertEquals 'exit code' 1 $?
  assertNull 'stderr' "$(cat "$T/err")"
}

testNoFifo() {
  mkdir -p "$T/bare/queue"
  "$BIN/qmgr-trigger" -C "$T/bare" scan
  assertEquals 'exit code' 1 $?
}

testListened() {
  exec 9<>"$I/queue/trigger"
  "$BIN/qmgr-trigger" -C "$I" scan && SLUICE=$I "$BIN/qmgr-trigger" new 1h8qabcde00001
  assertEquals 'exit code' 0 $?
  read -r first <&9
  read -r second <&9
  assertEquals 'scan' "$first"
  assertEquals 'new 1h8qabcde00001' "$second"
  exec 9>&-
}

testFull() {
  exec 9<>"$I/queue/trigger"
  dd if=/dev/zero bs=4096 count=1000 oflag=nonblock of="$I/queue/trigger" 2>/dev/null
  "$BIN/qmgr-trigger" -C "$I" flush customer.tld
  assertEquals 'exit code' 1 $?
  exec 9>&-
}

testWrongUse() {
  for arguments in '' '-x scan' 'a b c' '-C'; do
    # shellcheck disable=SC2086 # words
    "$BIN/qmgr-trigger" $arguments 2>"$T/err"
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(cat "$T/err")" 'usage: qmgr-trigger'
  done
  "$BIN/qmgr-trigger" -C "$I" flush "a
scan" 2>"$T/err"
  assertEquals 'a line feed' 100 $?
}

testMissingInstanceIsTemporary() {
  "$BIN/qmgr-trigger" -C "$T/none" scan 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" "$T/none"
}

testNoFifoButAFile() {
  mkdir -p "$T/strange/queue"
  echo >"$T/strange/queue/trigger"
  "$BIN/qmgr-trigger" -C "$T/strange" scan 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertEquals 'not written to' '' "$(cat "$T/strange/queue/trigger")"
}

. shunit2
