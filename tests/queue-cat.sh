# queue-cat: envelope, content and journal of a message in any state, together or one of them.
. tests/lib.sh

TZ=UTC
export TZ
CR=$(printf '\r')

oneTimeSetUp() {
  instance one
  conf me mail.example.org
}

tearDown() { find "$I/queue" -name '1*' -type f -delete; }

put() { "$BIN/queue-put" -C "$I" -f bob@example.org "$@"; }
cat_() { "$BIN/queue-cat" -C "$I" "$@"; }
# The output without what changes: ids, times, the trace field.
# Content without the field that queue-put has added.
without_trace() { sed '1,/^	id /d'; }
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
  for to in "cur/$slice/$id deferred" "hold/$id hold" "corrupt/$id corrupt" "tmp/$id being written"; do
    mv "$I/queue/$from" "$I/queue/${to%% *}"
    from=${to%% *}
    assertEquals "--- $id ${to#* } $from" "$(cat_ "$id" | head -n 1)"
  done
}

# --- parts ---

# A message with two headers, a body without an end of line, and a history: its id in $id.
letter() {
  id=$(printf 'Subject: x\r\nX-Folded: a\r\n b\r\n\r\nbody\r\n\r\nend' | put -r alice@customer.tld '"b o"@other.tld')
  cat >>"$I/queue/new/$id"
}

history='1763711160.000001 0 deferred 4.2.0 mx[192.0.2.1]:25 450 4.2.0 later (greylisted)
1763711161.500000 1 failed 5.1.1 mx[192.0.2.1]:25 550 5.1.1 no such user
1763711162.000001 1 notice failed 1h8qabcde00007
1763725560.000001 0 notice delayed none
1763725570.000001 0 relayed 2.0.0 mx[192.0.2.1]:25 250 ok
1763725571.000001 0 notice relayed 1h8qabcde00008
'

testEnvelope() {
  letter </dev/null
  assertEquals "from <bob@example.org>
arrival
client uid $(id -u)
rcpt customer.tld <alice@customer.tld>
rcpt other.tld <\"b o\"@other.tld>" "$(cat_ -e "$id" | plain)"
}

testContent() {
  letter <<E
$history
E
  cat_ -b "$id" | without_trace >"$T/out"
  printf 'Subject: x\r\nX-Folded: a\r\n b\r\n\r\nbody\r\n\r\nend' | cmp - "$T/out"
  assertEquals 'octet for octet' 0 $?
  cat_ -H -B "$id" | without_trace | cmp - "$T/out"
  assertEquals 'both halves' 0 $?
}

testHeaders() {
  letter </dev/null
  cat_ -H "$id" | without_trace >"$T/out"
  printf 'Subject: x\r\nX-Folded: a\r\n b\r\n' | cmp - "$T/out"
  assertEquals 'octet for octet' 0 $?
}

testBody() {
  letter </dev/null
  cat_ -B "$id" >"$T/out"
  printf 'body\r\n\r\nend' | cmp - "$T/out"
  assertEquals 'octet for octet' 0 $?
}

# content ID: all of a message's content from stdin, nothing added by a program.
content() {
  cat >"$T/content"
  printf 'from <>\narrival 1763711153.123456\nclient x\nrcpt a.tld <a@a.tld>\n\n' >"$T/envelope"
  printf 'sluice-1 %010d %018d ----\n' "$(wc -c <"$T/envelope")" "$(wc -c <"$T/content")" |
    cat - "$T/envelope" "$T/content" >"$I/queue/new/$1"
}

# Wherever the empty line is, or if there is none.
testHalves() {
  while read -r headers body; do
    # shellcheck disable=SC2059 # escapes
    printf "$headers$body" | content 1h8qabcde00001
    assertEquals "$headers" "$(printf "$headers" | od -c)" "$(cat_ -H 1h8qabcde00001 | od -c)"
    # shellcheck disable=SC2059
    assertEquals "$body" "$(printf "${body#'\r\n'}" | od -c)" "$(cat_ -B 1h8qabcde00001 | od -c)"
  done <<'E'
a:b\r\n \r\nbody\r\n
a:b\r\nc:d\r\n \r\n
a:b\r\n \r\n\r\nbody
a:b\r\n
a:b
a:b\n\nc:d\r\n \r\nx
E
  printf '\r\nonly a body\r\n' | content 1h8qabcde00001
  assertEquals 'no headers' '' "$(cat_ -H 1h8qabcde00001)"
  assertEquals 'only a body' "$(cat_ -B 1h8qabcde00001 | tr -d '\r')"
  content 1h8qabcde00001 </dev/null
  assertEquals 'nothing' '' "$(cat_ -H 1h8qabcde00001; cat_ -B 1h8qabcde00001)"
}

# The empty line lies across two pieces of the file, at each of its octets.
testLongHeaders() {
  for octets in 16378 16379 16380 16381 16382 16383 16384 32766; do
    { head -c "$octets" /dev/zero | tr '\0' a; printf '\r\n\r\nbody\r\n'; } | content 1h8qabcde00001
    assertEquals "$octets" $((octets + 2)) "$(cat_ -H 1h8qabcde00001 | wc -c)"
    assertEquals "$octets" 'body' "$(cat_ -B 1h8qabcde00001 | tr -d '\r')"
  done
}

testHistory() {
  letter <<E
$history
E
  assertEquals '2025-11-21 07:46:00 to=<alice@customer.tld>, relay=mx[192.0.2.1]:25, dsn=4.2.0, status=deferred (450 4.2.0 later (greylisted))
2025-11-21 07:46:01 to=<"b o"@other.tld>, relay=mx[192.0.2.1]:25, dsn=5.1.1, status=failed (550 5.1.1 no such user)
2025-11-21 07:46:02 to=<"b o"@other.tld>, sender non-delivery notification: 1h8qabcde00007
2025-11-21 11:46:00 to=<alice@customer.tld>, sender delay notification: none
2025-11-21 11:46:10 to=<alice@customer.tld>, relay=mx[192.0.2.1]:25, dsn=2.0.0, status=relayed (250 ok)
2025-11-21 11:46:11 to=<alice@customer.tld>, sender delivery status notification: 1h8qabcde00008' "$(cat_ -J "$id")"
  assertContains 'local time' "$(TZ=XXX-3 cat_ -J "$id")" '2025-11-21 10:46:00 '
}

testNoHistory() {
  letter </dev/null
  assertEquals '' "$(cat_ -J "$id")"
}

# A line of another kind, of a recipient that is not there, with controls: its text.  A torn one does not count.
testStrangeHistory() {
  letter <<E
1763711160.000001 0 taken by aliens
1763711160.000001 7 sent 2.0.0 mx 250 ok

$(printf '\033[2J\302\233')
1763711160.000001 7 notice failed none
1763711160.000001 0 sent 2.0.0 mx 250 ok
E
  printf '1763711160.000001 1 sent 2.0.0 mx 25' >>"$I/queue/new/$id"
  assertEquals '1763711160.000001 0 taken by aliens
1763711160.000001 7 sent 2.0.0 mx 250 ok
?[2J??
1763711160.000001 7 notice failed none
2025-11-21 07:46:00 to=<alice@customer.tld>, relay=mx, dsn=2.0.0, status=sent (250 ok)' "$(cat_ -J "$id")"
}

# More than is read at once, and a line longer than that.
testLongHistory() {
  {
    yes '1763711160.000001 0 deferred 4.2.0 mx[192.0.2.1]:25 450 4.2.0 later' | head -n 1000
    head -c 40000 /dev/zero | tr '\0' x
    echo
    echo '1763711160.000001 0 sent 2.0.0 mx 250 ok'
  } >"$T/journal"
  letter <"$T/journal"
  cat_ -J "$id" >"$T/out"
  assertEquals 1000 "$(grep -c 'status=deferred (450 4.2.0 later)$' "$T/out")"
  assertEquals 'all of the line' 40000 "$(tr -cd x <"$T/out" | wc -c | awk '{ print $1 - 1001 }')"
  assertContains "$(tail -n 1 "$T/out")" status=sent
}

testRaw() {
  letter <<E
$history
E
  cat_ -r "$id" | cmp - "$I/queue/new/$id"
  assertEquals 'the file' 0 $?
  truncate -s 100 "$I/queue/new/$id"
  cat_ -r "$id" | cmp - "$I/queue/new/$id"
  assertEquals 'what is not whole' 0 $?
}

# Headings tell several parts, or several messages, apart.
testHeadings() {
  letter <<E
$history
E
  cat_ -J -e -B "$id" | grep '^---' | plain >"$T/out"
  assertEquals '--- ID incoming new/ID
--- envelope
--- body
--- history' "$(cat "$T/out")"
  assertEquals 'two messages' 2 "$(cat_ -H "$id" "$id" | grep -c "^--- $id incoming")"
  assertEquals 'from a list' 1 "$(echo "$id" | cat_ -H - | grep -c "^--- $id incoming")"
  assertEquals 'one part of one message' 0 "$(cat_ -H "$id" | grep -c '^---')"
}

testPartsOfNoMessage() {
  letter </dev/null
  truncate -s 100 "$I/queue/new/$id"
  for part in -e -b -H -B -J; do
    cat_ $part "$id" >"$T/out" 2>"$T/err"
    assertEquals "$part" 100 $?
    assertEquals "$part: no output" '' "$(cat "$T/out")"
    assertEquals "queue-cat: warning: not a whole message: $id" "$(cat "$T/err")"
  done
}

# --- ids ---

testStandardInput() {
  for n in 1 2 3; do printf "\nx$n\n" | put alice@customer.tld; done >"$T/ids"
  assertEquals 'all' 3 "$(cat_ <"$T/ids" | grep -c '^--- journal')"
  assertEquals 'in order' "$(cat "$T/ids")" "$(cat_ -B - <"$T/ids" | awk '/^--- .* new/ { print $2 }')"
  assertEquals 'as logwatch prints them' 3 "$(tr a-z A-Z <"$T/ids" | cat_ -B - | grep -c '^x')"
  assertEquals 'with marks' 3 "$(sed 's/$/!/' "$T/ids" | cat_ -B - | grep -c '^x')"
  assertEquals 'none' '' "$(cat_ </dev/null)"
  { echo x; cat "$T/ids"; } | cat_ >"$T/out" 2>"$T/err"
  assertEquals 'no id' 100 $?
  assertEquals 'one line' 'queue-cat: warning: not an id: x' "$(cat "$T/err")"
  assertEquals 'the others' 3 "$(grep -c '^--- journal' "$T/out")"
}

test2000() {
  tests/peer/queue-fill "$I/queue" 2000 a.tld >"$T/ids"
  cat_ -H <"$T/ids" >"$T/out"
  assertEquals 'exit code' 0 $?
  assertEquals "$(cat "$T/ids")" "$(awk '/^--- .* deferred/ { print $2 }' "$T/out")"
  assertEquals 'Subject: 2000' "$(grep ^Subject "$T/out" | tail -n 1 | tr -d '\r')"
  find "$I/queue/cur" "$I/queue/flush" -type f -delete
}

# An empty queue: there is nothing to be found.
testEmpty() {
  cat_ 1h8qabcde00001 >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 100 $?
  assertEquals 'no output' '' "$(cat "$T/out")"
  assertEquals 'one line' 'queue-cat: warning: no such message: 1h8qabcde00001' "$(cat "$T/err")"
}

# What was listed a moment ago may be gone, and is said to be; nothing else.
testWhileMailFlows() {
  conf relaydomains b.tld
  sink flow
  conf routes "b.tld [127.0.0.1]:$SINKPORT"
  start
  : >"$T/shown"
  : >"$T/complaints"
  submit -n 300 -t '%d@b.tld' >"$T/submit" &
  submitter=$!
  until [ "$(sink_messages)" -ge 300 ] || gone $submitter; do
    "$BIN/queue-list" -C "$I" -1 | cat_ >>"$T/shown" 2>>"$T/complaints"
  done
  wait $submitter
  arrive b.tld 300
  assertEquals '' "$(grep -v '^queue-cat: warning: no such message: [0-9a-v]\{14\}$' "$T/complaints")"
  assertEquals 'whole ones' "$(grep -c '^--- envelope' "$T/shown")" \
    "$(grep -c '^--- [0-9a-v]\{14\} [a-z]* ' "$T/shown")"
  stop
  sink_stop
}

testSeveral() {
  a=$(echo x | put alice@customer.tld)
  b=$(printf 'x\r\nno end' | put -r alice@customer.tld)
  cat_ "$a" "$b" >"$T/out"
  assertEquals 'exit code' 0 $?
  assertEquals 'two' 2 "$(grep -c '^--- journal$' "$T/out")"
}

testOctets() {
  { printf 'a: b\r\n\r\n'; head -c 100000 /dev/urandom | tr -d '\000\r\n'; printf '\r\n'; } >"$T/in"
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
  # the other end of script's pipe is a terminal
  script -qec "$BIN/queue-cat -C $I" /dev/null </dev/null >"$T/out"
  assertEquals 'no id, and a terminal' 100 $?
  assertContains "$(cat "$T/out")" 'usage: queue-cat'
  cat_ ../../etc/passwd 2>"$T/err"
  assertEquals 'not an id' 100 $?
  cat_ -x 1h8qabcde00001 2>"$T/err"
  assertEquals 'unknown option' 100 $?
  "$BIN/queue-cat" -C "$T/none" 1h8qabcde00001 2>"$T/err"
  assertEquals 'no instance' 111 $?
  assertEquals 'one line' 1 "$(wc -l <"$T/err")"
}

. shunit2
