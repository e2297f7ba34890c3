# postcat: a message's file, in the words of Postfix's on the same message.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/postfix.sh

oneTimeSetUp() {
  sink customer --rcpt 'later.example=450 4.2.0 later'
  instance relay
  conf me mx.sluice.example
  conf relaydomains .example
  conf routes "* [127.0.0.1]:$SINKPORT" "parked.example - park"
  start
  SLUICE=$I TZ=UTC
  export SLUICE TZ
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

# run OPTION...: ours; sets status, $T/out, $T/err.
run() {
  "$BIN/postcat" "$@" >"$T/out" 2>"$T/err"
  status=$?
}

# put TEXT OPTION...: printf's output into the queue for a@parked.example; sets id.
put() {
  put_text=$1
  shift
  # shellcheck disable=SC2059 # that is what it is for
  id=$(printf "$put_text" | "$BIN/queue-put" -f bob@b.example "$@" a@parked.example 2>"$T/put") || fail "$(cat "$T/put")"
}

# file_of_id: its file, when it is where it stays.
file_of_id() {
  wait_for 10 test -e "$I/queue/cur/$(echo "$id" | cut -c1-5)/$id" || fail "$id is not in cur/"
  file=$I/queue/cur/$(echo "$id" | cut -c1-5)/$id
}

# only_id: of the one message in ours; their_id: in Postfix's.
only_id() { "$BIN/queue-list" -1 -d later.example; }
their_id() { postqueue -c "$POSTFIX/etc" -j | jq -r 'select(.recipients[].delay_reason) | .queue_id' | sort -u; }
both_deferred() {
  [ "$(find "$I/queue/cur" -type f -exec grep -l '^[0-9.]* [0-9]* deferred' {} + | wc -l)" = 1 ] && [ -n "$(their_id)" ]
}

# common: what is comparable of an output.
common() {
  sed -E '
    /^( *[0-9]+ )?named_attribute: (log_ident|rewrite_context|log_client_name|log_client_port|log_message_origin)/d
    /^( *[0-9]+ )?named_attribute: (client_|reverse_client|server_|helo_name|protocol_name)/d
    /HEADER EXTRACTED/,/MESSAGE FILE END/{ /encoding=/d; }
    s/^(.*message_size:).*/\1/
    s/^(.*(message_arrival|create)_time:) [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} [0-9]{4}$/\1/
    s/^(.*\*\*\* [A-Z ]+) [^ ]+ \*\*\*$/\1 ***/
    /Received:/{ N; N; d; }'
}

testAsTheOther() {
  postfix_new theirs later.example
  postfix_set "default_transport=smtp:[127.0.0.1]:$SINKPORT" virtual_mailbox_domains=
  postfix_start
  cat >"$T/dialogue" <<'END'
EHLO c.example
MAIL FROM:<bob@b.example> BODY=8BITMIME RET=HDRS ENVID=abc
RCPT TO:<a@later.example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;orig@x.example
RCPT TO:<done@now.example> NOTIFY=FAILURE ORCPT=rfc822;done@now.example
RCPT TO:<c@later.example> NOTIFY=NEVER ORCPT=rfc822;c@later.example
DATA
Subject: x
Folded: a
 b
	c
Empty:

body ä

..dot
not: a header
 
QUIT
.
QUIT
END
  smtp <"$T/dialogue" >"$T/out" || fail "$(cat "$T/out")"
  smtp_to "127.0.0.1:$POSTFIXPORT" <"$T/dialogue" >"$T/out" || fail "$(cat "$T/out")"
  assertTrue 'both are tried' 'wait_for 30 both_deferred'
  id=$(only_id)
  theirs=$(their_id)
  for options in -q -bq -hq -eq -bhq -beq -ehq -behq -dq -dhq -vq; do
    run $options "$id"
    assertEquals "$options: $(cat "$T/err")" 0 $status
    postcat -c "$POSTFIX/etc" $options "$theirs" 2>/dev/null | common >"$T/their.out"
    common <"$T/out" >"$T/our.out"
    assertEquals "$options" "$(cat "$T/their.out")" "$(cat "$T/our.out")"
    assertTrue "$options: something" "[ -s $T/our.out ]"
  done
  run -q "$id"
  assertContains "$(cat "$T/out")" 'done_recipient: done@now.example'
  assertContains "$(cat "$T/out")" "*** ENVELOPE RECORDS cur/$(echo "$id" | cut -c1-5)/$id ***"
  postfix_stop
}

# An offset says where in the file the line is.
testOffsets() {
  put 'Subject: x\n\nfirst\n.second\n'
  file_of_id
  run -oq "$id"
  assertEquals 0 $status
  while IFS= read -r line; do
    text=${line#??????????}
    # shellcheck disable=SC2086 # without the spaces
    at=$(echo ${line%"$text"})
    case $text in
      Subject:* | first | .second) assertEquals "$text" "$(tail -c "+$((at + 1))" "$file" | head -n 1 | tr -d '\r')" ;;
      sender:*) assertEquals 'from <bob@b.example>' "$(tail -c "+$((at + 1))" "$file" | head -n 1)" ;;
      recipient:*) assertEquals 'rcpt parked.example <a@parked.example>' "$(tail -c "+$((at + 1))" "$file" | head -n 1)" ;;
    esac
  done <"$T/out"
  assertEquals 'each was seen' 5 "$(grep -c 'Subject: x$\|first$\|\.second$\|sender: \| recipient: ' "$T/out")"
}

testWays() {
  put 'Subject: x\n\nx\n'
  file_of_id
  run -q "$id"
  sed 's|\*\*\* \([A-Z ]*\) .* \*\*\*|\1|' "$T/out" >"$T/by-id"
  run "$file"
  assertEquals 0 $status
  assertContains "$(cat "$T/out")" "*** MESSAGE FILE END $file ***"
  sed 's|\*\*\* \([A-Z ]*\) .* \*\*\*|\1|' "$T/out" | cmp - "$T/by-id" || fail 'by path'
  run <"$file"
  assertEquals 0 $status
  assertContains "$(cat "$T/out")" '*** MESSAGE FILE END stdin ***'
  run -c "$I" -q "$id" "$id"
  assertEquals 2 "$(grep -c 'MESSAGE FILE END' "$T/out")"
  SLUICE=$T/none run -c "$I" -q "$id"
  assertEquals 0 $status
  "$BIN/queue-hold" "$id" >/dev/null 2>&1
  run -q "$id"
  assertContains "$(cat "$T/out")" "*** ENVELOPE RECORDS hold/$id ***"
}

testWhatIsNone() {
  run -q NONE
  assertEquals 1 $status
  assertEquals 'postcat: fatal: open queue file NONE: No such file or directory' "$(cat "$T/err")"
  run -q ../lock
  assertEquals 1 $status
  assertEquals 'postcat: fatal: open queue file ../lock: No such file or directory' "$(cat "$T/err")"
  put 'x\n'
  run -q "$id" 1j0olc3or3kego "$id"
  assertEquals 1 $status
  assertEquals 'the first is shown' 1 "$(grep -c 'MESSAGE FILE END' "$T/out")"
  run "$T/none"
  assertEquals 1 $status
  assertEquals "postcat: fatal: open $T/none: No such file or directory" "$(cat "$T/err")"
  : >"$T/empty"
  file_of_id
  head -c 60 "$file" >"$T/short"
  mkfifo "$T/fifo"
  for bad in /etc/passwd "$T/empty" "$T/short" "$T" "$T/fifo" /dev/null; do
    run "$bad"
    assertEquals "$bad" 1 $status
    assertEquals "postcat: warning: $bad: input is not a valid queue file" "$(cat "$T/err")"
    assertEquals '' "$(cat "$T/out")"
  done
  "$BIN/postcat" <"$T/empty" >"$T/out" 2>"$T/err"
  assertEquals 1 $?
  cp "$T/short" "$I/queue/corrupt/1j0olc3or3kegp"
  run -q 1j0olc3or3kegp
  assertEquals 1 $status
  assertEquals 'postcat: warning: corrupt/1j0olc3or3kegp: input is not a valid queue file' "$(cat "$T/err")"
  rm -f "$I/queue/corrupt/1j0olc3or3kegp"
}

testUsage() {
  for arguments in -z '-c' '-s 10'; do
    # shellcheck disable=SC2086 # several
    run $arguments
    assertEquals "$arguments" 1 $status
    assertContains "$(cat "$T/err")" 'postcat: usage: postcat [-bdehnoqv] [-c dir] [file...]'
  done
  run -c "$T/none" -q x
  assertEquals 1 $status
  assertEquals "postcat: fatal: unable to open instance $T/none: No such file or directory" "$(cat "$T/err")"
  "$BIN/postcat" -q "$id" 2>"$T/err" >/dev/full
  assertEquals 1 $?
  assertContains "$(cat "$T/err")" 'postcat: fatal: unable to write to standard output'
}

# Nothing that a terminal would act on gets to one.
testHostile() {
  put 'Subject: \033[1m\n\n\033]0;x\007\302\205 \377 \303\266\n'
  script -qec "$BIN/postcat -q $id" /dev/null </dev/null >"$T/typed" 2>&1
  assertContains "$(cat "$T/typed")" 'Subject: ?[1m'
  assertContains "$(cat "$T/typed")" "$(printf '\tid %s' "$id")"
  assertContains "$(cat "$T/typed")" "?]0;x??? ? $(printf '\303\266')"
  run -q "$id"
  assertContains 'but to a file' "$(cat "$T/out")" "$(printf '\033]0;x\007')"
}

testOddContent() {
  put "Subject: x\nX-Long: $(head -c 200000 /dev/zero | tr '\0' y)\n\nbody\n"
  run -hq "$id"
  assertEquals 'header' 200000 "$(sed -n 's/^X-Long: //p' "$T/out" | tr -d '\n' | wc -c)"
  run -bq "$id"
  assertEquals '
body' "$(cat "$T/out")"
  put 'no header\n'
  run -bq "$id"
  assertEquals 'no header' "$(cat "$T/out")"
  put 'Subject: a\r\n\r\nunended' -r
  run -bq "$id"
  assertEquals '
unended' "$(cat "$T/out")"
}

testManyMessages() {
  submit -t 'm%d@parked.example' -n 2000 >"$T/submit" || fail "$(cat "$T/submit")"
  # while they still come and go
  "$BIN/queue-list" -1 -d parked.example | head -n 50 | xargs "$BIN/postcat" -q >"$T/out" 2>&1
  assertEquals "$(head -c 300 "$T/out")" 0 $?
  "$BIN/queue-list" -1 -d parked.example | xargs "$BIN/postcat" -eq >"$T/out"
  assertEquals 0 $?
  assertTrue 'all' "[ $(grep -c '^recipient: m[0-9]*@parked.example$' "$T/out") -eq 2000 ]"
}

testStopped() {
  stop
  put 'Subject: x\n\nx\n'
  run -q "$id"
  assertEquals "$(cat "$T/err")" 0 $status
  assertContains "$(cat "$T/out")" "*** ENVELOPE RECORDS new/$id ***"
}

. shunit2
