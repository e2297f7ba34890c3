# queue-put: a message from standard input, whole or not at all.
. tests/lib.sh

CR=$(printf '\r')

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
  conf me mail.example.org
}

put() { "$BIN/queue-put" -C "$I" "$@" 2>"$T/err"; }
file() { cat "$I/queue/new/"*; }
# What is in the file below the trace field, up to the journal that is not there.
content() { file | sed '1,/^	id /d'; }
left() { find "$I/queue/tmp" "$I/queue/new" -type f | wc -l; }
flags() { file | sed -n '1s/.* //p'; }

# refused WHAT CODE
refused() {
  assertEquals "$1: exit code" "$2" "$code"
  assertEquals "$1: nothing is left" 0 "$(left)"
  assertEquals "$1: one line" 1 "$(wc -l <"$T/err")"
}

testSmall() {
  id=$(printf 'Subject: x\n\nbody\n' | put -f bob@example.org alice@customer.tld)
  assertEquals 'exit code' 0 $?
  assertTrue "its file: $id" "[ -s '$I/queue/new/$id' ]"
  assertEquals 'mode' 660 "$(stat -c %a "$I/queue/new/$id")"
  assertContains "$(file)" 'from <bob@example.org>'
  assertContains "$(file)" 'rcpt customer.tld <alice@customer.tld>'
  assertEquals "Subject: x$CR
$CR
body$CR" "$(content)"
  assertContains "$(file)" "Received: by mail.example.org (sluice, from userid $(id -u))$CR
	id $id; "
  assertEquals ---- "$(flags)"
  assertEquals 'tmp' '' "$(ls "$I/queue/tmp")"
}

testLineEnds() {
  printf 'a: b\r\nc: d\n\n.x\r\n\n\r\ny' | put a@customer.tld >"$T/id"
  assertEquals 'exit code' 0 $?
  content >"$T/have"
  printf 'a: b\r\nc: d\r\n\r\n.x\r\n\r\n\r\ny\r\n' | cmp - "$T/have"
  assertEquals 'lines end in CRLF' 0 $?
  assertEquals -- --d- "$(flags)"
}

# The CR is the last octet of one read and the LF the first of the next.
testLineEndAcrossReads() {
  { head -c 65535 /dev/zero | tr '\0' x; printf '\r\nnext\n'; } >"$T/in"
  put a@customer.tld <"$T/in" >"$T/id"
  assertEquals 'exit code' 0 $?
  content >"$T/have"
  { head -c 65535 /dev/zero | tr '\0' x; printf '\r\nnext\r\n'; } | cmp - "$T/have"
  assertEquals 'the same' 0 $?
}

testEmpty() {
  put a@customer.tld </dev/null >"$T/id"
  assertEquals 'exit code' 0 $?
  assertEquals '' "$(content)"
}

testRaw() {
  printf 'a: b\r\n\r\n\001\377.\r\nno end' >"$T/in"
  put -r a@customer.tld <"$T/in" >"$T/id"
  assertEquals 'exit code' 0 $?
  content | cmp - "$T/in"
  assertEquals 'octet for octet' 0 $?
  assertEquals 8--e "$(flags)"
}

testBareIsRefused() {
  # shellcheck disable=SC2059 # the formats are the texts
  for text in 'a\nb\r\n' 'a\rb\r\n' 'a\r' 'a\r\r\n' 'a\n'; do
    printf "$text" | put -r a@customer.tld >"$T/id"
    code=$?
    refused "-r $text" 100
  done
  # shellcheck disable=SC2059
  for text in 'a\rb\n' 'a\r' 'a\r\r\n'; do
    printf "$text" | put a@customer.tld >"$T/id"
    code=$?
    refused "$text" 100
  done
}

testNulIsRefused() {
  for option in '' -r; do
    # shellcheck disable=SC2086 # none, or one
    printf 'a: b\r\n\r\n\0\r\n' | put $option a@customer.tld >"$T/id"
    code=$?
    refused "a NUL $option" 100
    assertContains "$(cat "$T/err")" 'a NUL'
  done
}

testLarge() {
  head -c 20000000 /dev/urandom | base64 >"$T/in"
  put a@customer.tld <"$T/in" >"$T/id"
  assertEquals 'exit code' 0 $?
  content | tr -d '\r' | cmp - "$T/in"
  assertEquals 'the same' 0 $?
}

testSender() {
  put -f '' a@customer.tld </dev/null >"$T/id"
  assertContains "$(file)" 'from <>'
  rm "$I/queue/new/"*
  put -f '<>' a@customer.tld </dev/null >"$T/id"
  assertContains "$(file)" 'from <>'
  rm "$I/queue/new/"*
  put a@customer.tld </dev/null >"$T/id"
  assertContains "$(file)" "from <$(id -un)@mail.example.org>"
}

testRecipients() {
  conf postmaster root@admin.tld
  put -f bob@example.org Alice@Customer.TLD b@bücher.tld '"a <b>"@other.tld' postmaster </dev/null >"$T/id"
  assertEquals 'exit code' 0 $?
  assertContains "$(file)" 'rcpt customer.tld <Alice@Customer.TLD>'
  assertContains "$(file)" 'rcpt xn--bcher-kva.tld <b@bücher.tld>'
  assertContains "$(file)" 'rcpt other.tld <"a <b>"@other.tld>'
  assertContains "$(file)" 'rcpt admin.tld <root@admin.tld>'
  assertContains "$(file)" 'from <bob@example.org> SMTPUTF8'
  assertEquals -u-- "$(flags)"
}

# Nobody has said who that is: it is held.
testPostmasterUnset() {
  put -f bob@example.org postmaster x@customer.tld </dev/null >"$T/id"
  assertContains "$(file)" 'rcpt postmaster.invalid <postmaster@mail.example.org>'
  assertContains "$(file)" 'rcpt customer.tld <x@customer.tld>'
}

testNoRoom() {
  conf minfree 9000000000000000000
  put a@customer.tld </dev/null >"$T/id"
  code=$?
  refused 'no room' 111
  assertContains "$(cat "$T/err")" 'too little is free on the disk of the queue (conf/minfree)'
  conf minfree many
  put a@customer.tld </dev/null >"$T/id"
  code=$?
  refused 'no number' 102
  conf minfree 0
  put a@customer.tld </dev/null >"$T/id"
  assertEquals 0 $?
}

# More comes than there was room for when it began.
testNoRoomAnyMore() {
  cp -a "$I/queue" "$I.queue"
  mount -t tmpfs -o size=16M,mode=770 none "$I/queue" 2>"$T/mount" || { skip "no tmpfs: $(cat "$T/mount")" && return; }
  cp -a "$I.queue/." "$I/queue"
  conf minfree 12000000
  head -c 8000000 /dev/zero | tr '\0' x | put a@customer.tld >"$T/id"
  code=$?
  refused 'no room' 111
  assertContains "$(cat "$T/err")" conf/minfree
  wait_for 10 umount "$I/queue" || fail 'does not unmount'
}

testUtf8() {
  printf 'Subject: \303\274\n\nx\n' | put a@customer.tld >"$T/id"
  assertEquals 'UTF-8 in the header' 8u-- "$(flags)"
  rm "$I/queue/new/"*
  printf 'Subject: \374\n\nx\n' | put a@customer.tld >"$T/id"
  assertEquals 'Latin 1 in the header' 8--- "$(flags)"
  rm "$I/queue/new/"*
  printf 'Subject: x\n\n\303\274\n' | put a@customer.tld >"$T/id"
  assertEquals 'UTF-8 in the body' 8--- "$(flags)"
  rm "$I/queue/new/"*
  printf 'Dear J\303\274rgen,\n\nx\n' | put a@customer.tld >"$T/id"
  assertEquals 'UTF-8 and no header' 8--- "$(flags)"
}

testNoAddress() {
  for recipient in alice '' @customer.tld alice@ alice@-x.tld 'alice@[192.0.2.1]' 'a b@customer.tld' "a@customer.tld
rcpt x.tld <x@x.tld>"; do
    put good@customer.tld "$recipient" </dev/null >"$T/id"
    code=$?
    refused "$recipient" 100
  done
  put -f bob alice@customer.tld </dev/null >"$T/id"
  code=$?
  refused 'sender' 100
}

testUsage() {
  for arguments in '' '-x a@customer.tld' '-f' '-C'; do
    # shellcheck disable=SC2086 # words
    "$BIN/queue-put" $arguments </dev/null 2>"$T/err"
    assertEquals "$arguments: exit code" 100 $?
    assertContains "$(cat "$T/err")" 'queue-put [-C dir]'
  done
}

testDatabytes() {
  conf databytes 1000
  head -c 2000 /dev/zero | tr '\0' x | put a@customer.tld
  code=$?
  refused 'too large' 100
  echo x | put a@customer.tld >"$T/id"
  assertEquals 'small enough' 0 $?
}

testLoop() {
  { yes 'Received: x' | head -n 101; echo; } | put a@customer.tld
  code=$?
  refused 'loop' 100
  { echo; yes 'Received: x' | head -n 101; } | put a@customer.tld >"$T/id"
  assertEquals 'in the body it is none' 0 $?
}

testBrokenSetting() {
  conf databytes many
  put a@customer.tld </dev/null
  code=$?
  refused 'databytes' 102
  assertContains "$(cat "$T/err")" conf/databytes
}

testNoInstance() {
  "$BIN/queue-put" -C "$T/none" a@customer.tld </dev/null 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" "$T/none"
}

testFileTooLarge() {
  head -c 2000000 /dev/zero | tr '\0' x >"$T/in"
  (ulimit -f 100 && put a@customer.tld <"$T/in")
  code=$?
  refused 'file too large' 111
}

# Every system call that writes, syncs or moves may fail.
testEachCallFails() {
  for name in writev renameat2 fsync; do
    echo x | traced -o /dev/null -e "trace=$name" -e "inject=$name:error=ENOSPC:when=1" \
      "$BIN/queue-put" -C "$I" a@customer.tld 2>"$T/err"
    code=$?
    refused "$name" 111
  done
  # the head of a large message
  head -c 200000 /dev/zero | tr '\0' x >"$T/in"
  traced -o /dev/null -e trace=pwrite64 -e inject=pwrite64:error=EIO \
    "$BIN/queue-put" -C "$I" a@customer.tld <"$T/in" 2>"$T/err"
  code=$?
  refused 'pwrite' 111
  # and where there is no such system call
  echo x | traced -o /dev/null -e trace=renameat2 -e inject=renameat2:error=ENOSYS \
    "$BIN/queue-put" -C "$I" a@customer.tld >"$T/id" 2>"$T/err"
  assertEquals 'without renameat2' 0 $?
  assertTrue 'queued' "[ -s '$I/queue/new/$(cat "$T/id")' ]"
  assertEquals 'tmp' '' "$(ls "$I/queue/tmp")"
}

testInterrupted() {
  mkfifo "$T/fifo"
  "$BIN/queue-put" -C "$I" a@customer.tld <"$T/fifo" >"$T/id" 2>"$T/err" &
  pid=$!
  exec 3>"$T/fifo"
  echo x >&3
  wait_for 10 tmp_used
  kill -TERM "$pid"
  wait "$pid"
  code=$?
  exec 3>&-
  refused 'interrupted' 111
}
tmp_used() { [ -n "$(ls "$I/queue/tmp")" ]; }

# One write, one rename, one fsync.
testFewCalls() {
  echo x | traced -o "$T/calls" "$BIN/queue-put" -C "$I" a@customer.tld >"$T/id"
  assertEquals "$(sed -n '/tmp\/1/,$p' "$T/calls")" 'writev renameat2 fsync ' \
    "$(sed -n 's/^\(writev\|pwrite64\|renameat2\|rename\|fsync\)(.*/\1/p' "$T/calls" | tr '\n' ' ')"
}

# What a qmgr that listens is told.
testHint() {
  rm -f "$I/queue/trigger"
  mkfifo "$I/queue/trigger"
  exec 4<>"$I/queue/trigger"
  id=$(put a@customer.tld </dev/null)
  read -r hint <&4
  exec 4>&-
  assertEquals "new $id" "$hint"
}

testManyAtOnce() {
  for i in 1 2 3 4 5 6 7 8; do
    (for _ in 1 2 3 4 5 6 7 8; do echo x | "$BIN/queue-put" -C "$I" a@customer.tld; done) >"$T/ids.$i" &
  done
  wait
  assertEquals 64 "$(cat "$T/ids".* | sort -u | wc -l)"
  assertEquals 64 "$(left)"
}

. shunit2
