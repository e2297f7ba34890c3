# queue-cat: envelope, content and journal of a message in any state.
. tests/lib.sh

CR=$(printf '\r')

oneTimeSetUp() {
  instance one
  conf me mail.example.org
}

tearDown() { find "$I/queue" -name '1*' -type f -delete; }

put() { "$BIN/queue-put" -C "$I" -f bob@example.org "$@"; }
cat_() { "$BIN/queue-cat" -C "$I" "$@"; }
# The output without what changes: ids, times, the trace field.
plain() { sed 's/[0-9a-v]\{14\}/ID/g; s/envelope,.*/envelope/; s/^arrival .*/arrival/; /^Received: /,/^	id /d'; }

testWhole() {
  id=$(printf 'Subject: x\n\nbody\n' | put alice@customer.tld b@other.tld)
  printf '1763711160.000001 1 sent 2.0.0 mx[192.0.2.1]:25 250 ok\n' >>"$I/queue/new/$id"
  cat_ "$id" >"$T/out"
  assertEquals 'exit code' 0 $?
  assertEquals "--- ID incoming new/ID
--- envelope
from <bob@example.org>
arrival
client uid $(id -u)
rcpt customer.tld <alice@customer.tld>
rcpt other.tld <b@other.tld>
--- content
Subject: x$CR
$CR
body$CR
--- journal
1763711160.000001 1 sent 2.0.0 mx[192.0.2.1]:25 250 ok" "$(plain <"$T/out")"
}

testEveryPlace() {
  id=$(echo x | put alice@customer.tld)
  slice=$(echo "$id" | cut -c1-5)
  mkdir "$I/queue/cur/$slice"
  from=new/$id
  for to in "cur/$slice/$id deferred" "hold/$id hold" "failed/$id failed" "corrupt/$id corrupt" "tmp/$id being written"; do
    mv "$I/queue/$from" "$I/queue/${to%% *}"
    from=${to%% *}
    assertEquals "--- $id ${to#* } $from" "$(cat_ "$id" | head -n 1)"
  done
}

testSeveral() {
  a=$(echo x | put alice@customer.tld)
  b=$(printf 'x\r\nno end' | put -r alice@customer.tld)
  cat_ "$a" "$b" >"$T/out"
  assertEquals 'exit code' 0 $?
  assertEquals 'two' 2 "$(grep -c '^--- journal$' "$T/out")"
}

testOctets() {
  { printf 'a: b\r\n\r\n'; head -c 100000 /dev/urandom | tr -d '\r\n'; printf '\r\n'; } >"$T/in"
  id=$(put -r alice@customer.tld <"$T/in")
  cat_ "$id" >"$T/out"
  sed '1,/^	id /d' "$T/out" | head -c "$(wc -c <"$T/in")" | cmp - "$T/in"
  assertEquals 'as they are' 0 $?
}

testTerminal() {
  id=$(printf 'a: \033[2J\302\233\303\274\tx\r\n\r\n\377' | put -r alice@customer.tld)
  script -qc "$BIN/queue-cat -C $I $id" /dev/null </dev/null | tr -d '\r' >"$T/out"
  assertContains "$(cat "$T/out")" "$(printf 'a: ?[2J??\303\274\tx\n\n?\n--- journal')"
}

# Characters of several octets stay whole wherever the pieces end.
testTerminalLong() {
  { printf 'a: b\r\n\r\nx'; yes 'ü' | head -n 30000 | tr -d '\n'; printf '\r\n'; } >"$T/in"
  id=$(put -r alice@customer.tld <"$T/in")
  script -qc "$BIN/queue-cat -C $I $id" /dev/null </dev/null >"$T/out"
  assertEquals 30000 "$(grep -o 'ü' "$T/out" | wc -l)"
  assertNotContains "$(cat "$T/out")" '?'
}

testNotWhole() {
  id=$(head -c 10000 /dev/zero | tr '\0' x | put alice@customer.tld)
  truncate -s 5000 "$I/queue/new/$id"
  cat_ "$id" >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 0 $?
  assertContains "$(cat "$T/out")" '--- not a whole message'
  assertContains "$(cat "$T/out")" 'from <bob@example.org>'
  assertContains "$(cat "$T/err")" "$id"
}

testUnknown() {
  id=$(echo x | put alice@customer.tld)
  cat_ 1h8qabcde00001 "$id" >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 100 $?
  assertContains "$(cat "$T/err")" 'no such message: 1h8qabcde00001'
  assertContains 'the other is shown' "$(cat "$T/out")" "$id"
}

testUsage() {
  cat_ 2>"$T/err"
  assertEquals 'no id' 100 $?
  cat_ ../../etc/passwd 2>"$T/err"
  assertEquals 'not an id' 100 $?
  cat_ -x 1h8qabcde00001 2>"$T/err"
  assertEquals 'unknown option' 100 $?
  "$BIN/queue-cat" -C "$T/none" 1h8qabcde00001 2>"$T/err"
  assertEquals 'no instance' 111 $?
}

. shunit2
