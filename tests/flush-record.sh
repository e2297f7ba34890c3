# flush-record: ids into a domain's list, all or nothing.
. tests/lib.sh

ID1=1h8qabcde00001
ID2=1h8qabcde00002
ID3=1h8qabcde00003

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

record() { "$BIN/flush-record" -C "$I" "$@" 2>"$T/err"; }
list() { cat "$I/queue/flush/$1" 2>/dev/null; }

testArguments() {
  record customer.tld $ID1 $ID2 && record customer.tld $ID3
  assertEquals 'exit code' 0 $?
  assertEquals "$(printf '%s\n' $ID1 $ID2 $ID3)" "$(list customer.tld)"
  assertEquals 'mode' 660 "$(stat -c %a "$I/queue/flush/customer.tld")"
}

testStandardInput() {
  printf '%s\n\n%s\n%s' $ID1 $ID2 $ID3 | record customer.tld
  assertEquals 'exit code' 0 $?
  assertEquals "$(printf '%s\n' $ID1 $ID2 $ID3)" "$(list customer.tld)"
}

testManyAreFew() {
  seq -f '1h8q%010.0f' 0 19999 >"$T/ids"
  traced -f -c -o "$T/count" "$BIN/flush-record" -C "$I" customer.tld <"$T/ids"
  assertEquals 'exit code' 0 $?
  list customer.tld | cmp - "$T/ids"
  assertEquals 'all of them' 0 $?
  writes=$(awk '$NF == "write" { print $4 }' "$T/count")
  assertTrue "writes: $writes" "[ $writes -lt 200 ]"
}

testNothing() {
  record customer.tld </dev/null
  assertEquals 'exit code' 0 $?
  assertFalse 'no list' "[ -e '$I/queue/flush/customer.tld' ]"
}

testFolded() {
  record Customer.TLD. $ID1 && record bücher.tld $ID2
  assertEquals 'exit code' 0 $?
  assertEquals $ID1 "$(list customer.tld)"
  assertEquals $ID2 "$(list xn--bcher-kva.tld)"
}

testTwoFilesForTwoDomains() {
  record a-b.tld $ID1 && record a.b.tld $ID2
  assertEquals $ID1 "$(list a-b.tld)"
  assertEquals $ID2 "$(list a.b.tld)"
}

testNoDomain() {
  for domain in '' . .. ../x a..b a/b 'a b' '[192.0.2.1]' -a.tld @a.tld "$(printf 'x%063d' 1).tld"; do
    record -- "$domain" $ID1
    assertEquals "exit code: $domain" 100 $?
    assertContains "$(cat "$T/err")" "$domain"
  done
  assertEquals 'nothing made' '' "$(ls "$I/queue/flush")"
}

testBadIdMeansNothingAtAll() {
  for id in x ${ID2}0 ../../../etc/pw 1H8QABCDE00001 1h8qabcde0000w; do
    record customer.tld $ID1 "$id" $ID3
    assertEquals "exit code: $id" 100 $?
    assertContains "$(cat "$T/err")" "$id"
    printf '%s\n' $ID1 "$id" | record customer.tld
    assertEquals "exit code, standard input: $id" 100 $?
  done
  assertEquals 'nothing made' '' "$(ls "$I/queue/flush")"
}

testAfterAHalfLine() {
  printf '%s\n1h8q' $ID1 >"$I/queue/flush/customer.tld"
  record customer.tld $ID2 $ID3
  assertEquals "$(printf '%s\n' $ID1 1h8q $ID2 $ID3)" "$(list customer.tld | grep .)"
}

testSymlink() {
  echo >"$T/elsewhere"
  ln -s "$T/elsewhere" "$I/queue/flush/customer.tld"
  record customer.tld $ID1
  assertEquals 'exit code' 111 $?
  assertEquals 'not followed' '' "$(cat "$T/elsewhere")"
}

testWrongUse() {
  for arguments in '' '-x customer.tld' '-C'; do
    # shellcheck disable=SC2086 # words
    record $arguments
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(cat "$T/err")" 'usage: flush-record'
  done
}

testMissingInstanceIsTemporary() {
  "$BIN/flush-record" -C "$T/none" customer.tld $ID1 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" "$T/none"
  mkdir -p "$T/bare/queue"
  SLUICE=$T/bare "$BIN/flush-record" customer.tld $ID1 2>"$T/err"
  assertEquals 'exit code, no flush directory' 111 $?
  assertContains "$(cat "$T/err")" "$T/bare"
}

# A file system of 64 KiB where we may mount one.
testFullDisk() {
  mount -t tmpfs -o size=64k none "$I/queue/flush" 2>/dev/null || { skip 'no mount'; return; }
  record customer.tld $ID1
  seq -f '1h8q%010.0f' 0 9999 | record customer.tld
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" 'No space left'
  assertEquals 'whole lines' 0 $(($(stat -c %s "$I/queue/flush/customer.tld") % 15))
  assertEquals 'the first is there' $ID1 "$(head -n 1 "$I/queue/flush/customer.tld")"
  umount "$I/queue/flush"
}

# Eight at once, and a qmgr that claims and gives back: see tests/unit/flush.c.  Here whole programs.
testManyAtOnce() {
  for who in 1 2 3 4 5 6 7 8; do
    seq -f "1h8q$who%09.0f" 0 299 | "$BIN/flush-record" -C "$I" customer.tld &
  done
  wait
  assertEquals 2400 "$(list customer.tld | sort -u | wc -l)"
  assertEquals 'no line is torn' '' "$(list customer.tld | grep -v '^1h8q[0-9]\{10\}$')"
}

. shunit2
