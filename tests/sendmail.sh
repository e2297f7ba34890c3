# sendmail: what users' programs hand over is what arrives, or they hear why not.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf me mx.sluice.example
  conf relaydomains known.example
  conf recipients alice@known.example
  conf routes "* [127.0.0.1]:$SINKPORT"
  start
  wait_for 10 test -S "$I/run/local" || fail "no socket: $(log local)"
  SLUICE=$I HOME=$T TMPDIR=$T TZ=UTC
  export SLUICE HOME TMPDIR TZ
  unset NAME LOGNAME USER MAILRC
  user=$(id -un)
  fake=$T/fake
  mkdir -p "$fake/run"
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

# --- helpers ------------------------------------------------------------------------

# send TEXT OPTION...: printf's output handed over; sets status, $T/err is what was said.
send() {
  send_text=$1
  shift
  # shellcheck disable=SC2059 # that is what it is for
  printf "$send_text" | "$BIN/sendmail" "$@" 2>"$T/err"
  status=$?
}
sendmail() {
  "$BIN/sendmail" "$@" 2>"$T/err"
  status=$?
}
said() { assertEquals "$1" "$(cat "$T/err")"; }

# For one message at a time: a message for DOMAIN alone.
# arrives DOMAIN: waits for it; sets got, the message without CRs, and env, what the sink was told.
arrives() {
  arrive "$1" 1
  got=$T/got.msg env=$T/got.env
  found=$(grep -li "^RCPT TO:<.*@$1>" "$SINK"/*.env | head -n 1)
  [ -n "$found" ] && wait_for 10 test -e "${found%.env}.msg" || return
  tr -d '\r' <"${found%.env}.msg" >"$got"
  cp "$found" "$env"
}
rcpts() { sed -n 's/^RCPT TO:<\([^>]*\)>.*/\1/p' "$env" | sort | tr '\n' ' ' | sed 's/ $//'; }
mail_from() { grep '^MAIL' "$env" | sed 's/ SIZE=[0-9]*//'; }
# field NAME: its body, folded lines and all.
field() {
  sed -n '/^$/q; p' "$got" | awk -v name="$1:" '
    tolower($1) == tolower(name) { on = 1; sub(/^[^:]*: */, ""); print; next }
    /^[ \t]/ { if (on) print; next }
    { on = 0 }'
}
body() { sed '1,/^$/d' "$got"; }
# made: the fields that were added.
made() {
  field message-id | grep -qE '^<[0-9a-v]{14}\.[0-9]+@mx\.sluice\.example>$' &&
    field date | grep -qE '^[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9:]{8} \+0000$'
}

# --- programs of users ----------------------------------------------------------------

testMutt() {
  printf 'caf\303\251\n.\n..\nFrom here on\nend\n' >"$T/text"
  head -c 3000 /dev/urandom >"$T/attached.bin"
  LC_ALL=C.UTF-8 mutt -n -F /dev/null -x -e "set sendmail='$BIN/sendmail -oem -oi'; set copy=no; set realname='Alice L.'" \
    -e 'set from=alice@home.example; set use_envelope_from=yes; set charset=utf-8; set send_charset=utf-8' \
    -s 'Grüße' -a "$T/attached.bin" -c cc@mutt.example -b bcc@mutt.example -- to@mutt.example to2@mutt.example \
    <"$T/text" >"$T/out" 2>&1
  assertEquals "mutt: $(cat "$T/out")" 0 $?
  arrives mutt.example
  assertEquals 'bcc@mutt.example cc@mutt.example to2@mutt.example to@mutt.example' "$(rcpts)"
  assertEquals 'MAIL FROM:<alice@home.example> BODY=8BITMIME' "$(mail_from)"
  assertEquals '=?utf-8?B?R3LDvMOfZQ==?=' "$(field subject)"
  assertEquals '"Alice L." <alice@home.example>' "$(field from)"
  assertEquals 'no Bcc' '' "$(field bcc)"
  python3 - "$got" "$T" <<'END' || fail 'what arrived is another'
import email, email.policy, sys
m = email.message_from_binary_file(open(sys.argv[1], "rb"), policy=email.policy.default)
text, attached = m.iter_parts()
assert text.get_content().encode() == open(sys.argv[2] + "/text", "rb").read(), text.get_content()
assert attached.get_content() == open(sys.argv[2] + "/attached.bin", "rb").read()
END
}

testMailx() {
  printf 'set sendmail=%s/sendmail\n' "$BIN" >"$T/mailrc"
  printf 'na\303\257ve\n.\nlast\n' | MAILRC=$T/mailrc LC_ALL=C.UTF-8 bsd-mailx -s 'über mail' -c cc@mailx.example -b bcc@mailx.example \
    to@mailx.example >"$T/out" 2>&1
  assertEquals "mail: $(cat "$T/out")" 0 $?
  arrives mailx.example
  assertEquals 'bcc@mailx.example cc@mailx.example to@mailx.example' "$(rcpts)"
  assertEquals "MAIL FROM:<$user@mx.sluice.example> BODY=8BITMIME SMTPUTF8" "$(mail_from)"
  assertEquals 'to@mailx.example' "$(field to)"
  assertEquals 'cc@mailx.example' "$(field cc)"
  assertEquals '' "$(field bcc)"
  assertContains "$(field from)" "<$user@mx.sluice.example>"
  assertTrue "made: $(cat "$got")" made
  assertContains "$(body)" "$(printf 'na\303\257ve')"
}

testMailxToOneOfUs() {
  printf 'set sendmail=%s/sendmail\n' "$BIN" >"$T/mailrc"
  echo x | MAILRC=$T/mailrc bsd-mailx -s 'for root' root >"$T/out" 2>&1
  assertEquals "mail: $(cat "$T/out")" 0 $?
  arrives mx.sluice.example
  assertEquals root@mx.sluice.example "$(rcpts)"
  assertEquals root@mx.sluice.example "$(field to)"
}

testGitSendEmail() {
  (
    export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$T/gitconfig"
    git init -q "$T/repository" && cd "$T/repository" || exit
    git config user.name 'Zoë Coder' && git config user.email zoe@git.example
    for n in 1 2; do
      printf 'line\n.\nn\303\266\n' >"file$n" && git add . && git commit -qm "change $n: ä" || exit
    done
    git send-email --smtp-server="$BIN/sendmail" --to=to@git.example --to=2nd@git.example --cc='C C <cc@git.example>' \
      --bcc=bcc@git.example --confirm=never --quiet -1 --envelope-sender=bounce@git.example
  ) >"$T/out" 2>&1 </dev/null
  assertEquals "git: $(cat "$T/out")" 0 $?
  arrives git.example
  assertEquals '2nd@git.example bcc@git.example cc@git.example to@git.example zoe@git.example' "$(rcpts)"
  assertEquals 'MAIL FROM:<bounce@git.example> BODY=8BITMIME' "$(mail_from)"
  assertContains "$(field subject)" '[PATCH] '
  assertEquals '=?UTF-8?q?Zo=C3=AB=20Coder?= <zoe@git.example>' "$(field from)"
  assertContains "$(body)" "$(printf '+n\303\266')"
  assertContains "$(body)" '
+.
'
}

testGitHearsOfRefusals() {
  cat >"$T/patch" <<'END'
From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001
From: a@git.example
Date: Sat, 21 Nov 2026 12:00:00 +0000
Subject: [PATCH] x

x
END
  (
    export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$T/gitconfig"
    export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@git.example GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@git.example
    cd "$T" || exit
    git send-email --smtp-server="$BIN/sendmail" --from=a@git.example --to=bob@known.example --confirm=never --quiet "$T/patch"
  ) >"$T/out" 2>&1 </dev/null
  assertNotEquals 'told' 0 $?
  assertContains "$(cat "$T/out")" 'recipient bob@known.example refused: 550 5.1.1 '
}

# As cron writes them.
testCron() {
  send 'From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@host> job\nX-Cron-Env: <HOME=/>\n\n10%%\r50%%\r100%%\ndone\n' \
    -FCronDaemon -i -B8BITMIME -oem x@cron.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives cron.example
  assertEquals 'root@mx.sluice.example (Cron Daemon)' "$(field from)"
  assertEquals root@mx.sluice.example "$(field to)"
  assertEquals '10%
50%
100%
done' "$(body)"
}

# --- the header -----------------------------------------------------------------------

testCompleted() {
  send 'Subject: x\nTo: Bob <bob>, "C, D" <c@completed.example>,\n  e (E)\nCc: group: f, g@h;\nReply-To: r\nX-To: x\n\nbody\n' \
    -f al -F 'Al "A" Lee' x@completed.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives completed.example
  assertEquals '"Al \"A\" Lee" <al@mx.sluice.example>' "$(field from)"
  assertEquals 'Bob <bob@mx.sluice.example>, "C, D" <c@completed.example>,
  e@mx.sluice.example (E)' "$(field to)"
  assertEquals 'group: f@mx.sluice.example, g@h;' "$(field cc)"
  assertEquals r@mx.sluice.example "$(field reply-to)"
  assertEquals x "$(field x-to)"
  assertTrue "made: $(cat "$got")" made
  assertEquals body "$(body)"
  assertEquals 'MAIL FROM:<al@mx.sluice.example>' "$(mail_from)"
}

testLeftAlone() {
  send 'From: b\nDate: then\nMessage-ID: <mine>\nTo: Bob Smith a@b, <\nSubject: =?x?\n a\n\tb\n\n b\n' x@alone.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives alone.example
  assertEquals 'From: b@mx.sluice.example
Date: then
Message-ID: <mine>
To: Bob Smith a@b, <
Subject: =?x?
 a
	b

 b' "$(sed '1,2d' "$got")"
}

testGateway() {
  send 'To: bob\nSubject: x\nBcc: y@z\n\nx\n' -G x@gateway.example
  arrives gateway.example
  assertEquals 'To: bob
Subject: x

x' "$(sed '1,2d' "$got")"
}

testNames() {
  send 'Subject: x\n\nx\n' -f a@b.example -F 'Jörg Müller' x@name1.example
  arrives name1.example
  assertEquals '=?UTF-8?Q?J=C3=B6rg_M=C3=BCller?= <a@b.example>' "$(field from)"
  NAME='By Environment' send 'Subject: x\n\nx\n' -f a@b.example x@name2.example
  arrives name2.example
  assertEquals 'By Environment <a@b.example>' "$(field from)"
  NAME='By Environment' send 'Subject: x\n\nx\n' -F '' -f a@b.example x@name3.example
  arrives name3.example
  assertEquals a@b.example "$(field from)"
  send 'Subject: x\n\nx\n' -F "$(printf 'x\r\nBcc: y@name4.example\n\nz')" -f a@b.example x@name4.example
  arrives name4.example
  assertEquals '"x??Bcc: y@name4.example??z" <a@b.example>' "$(field from)"
  assertEquals x@name4.example "$(rcpts)"
}

testSenders() {
  send 'Subject: x\n\nx\n' -f '' x@null1.example
  arrives null1.example
  assertEquals 'MAIL FROM:<>' "$(mail_from)"
  assertEquals MAILER-DAEMON@mx.sluice.example "$(field from)"
  send 'Subject: x\n\nx\n' -r '<>' x@null2.example
  arrives null2.example
  assertEquals 'MAIL FROM:<>' "$(mail_from)"
  send 'Subject: x\n\nx\n' -f 'Bob <bob@from.example> (x)' x@from1.example
  arrives from1.example
  assertEquals 'MAIL FROM:<bob@from.example>' "$(mail_from)"
  send 'Subject: x\n\nx\n' x@from2.example
  arrives from2.example
  assertEquals "MAIL FROM:<$user@mx.sluice.example>" "$(mail_from)"
  for bad in 'a b' a@ '@b' 'a@b, c@d' 'a@b>' "$(printf 'a@b\r\nRCPT TO:<c@d>')"; do
    send 'x\n' -f "$bad" x@bad.example
    assertEquals "$bad" 64 $status
    assertContains "$(cat "$T/err")" 'sendmail: fatal: -f: '
  done
}

testNoHeader() {
  send 'Dear all,\nTo: be read as text\n' x@text.example
  arrives text.example
  assertTrue made made
  assertEquals 'Dear all,
To: be read as text' "$(body)"
  send '' x@empty.example
  arrives empty.example
  assertEquals '' "$(body)"
  send '\n\nx' x@blank.example
  arrives blank.example
  assertEquals '
x' "$(body)"
  send ' indented\nx: y\n' x@indented.example
  arrives indented.example
  assertEquals ' indented
x: y' "$(body)"
}

testMailboxLines() {
  send 'From alice Sat Nov 21 12:00:00 2026\n>From bob Sat Nov 21 12:00:00 2026\nSubject: x\n\nFrom here\n' x@mbox.example
  arrives mbox.example
  assertEquals x "$(field subject)"
  assertEquals 'From here' "$(body)"
}

testDropped() {
  send 'Return-Path: <x@y>\nContent-Length: 7\nBcc: a@dropped.example,\n b@dropped.example\nresent-bcc: z@y\nSubject: x\n\nx\n' \
    x@dropped.example
  arrives dropped.example
  assertEquals x@dropped.example "$(rcpts)"
  assertEquals '' "$(grep -iE '^(bcc|resent-bcc|return-path|content-length| b@)' "$got")"
}

testResent() {
  send 'From: o@o.example\nTo: old@resent1.example\nDate: d\nMessage-ID: <m>\n'\
'Resent-To: new@resent1.example\nResent-Bcc: b@resent1.example\nSubject: x\n\nx\n' -t -f al@resent1.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives resent1.example
  assertEquals 'b@resent1.example new@resent1.example' "$(rcpts)"
  assertEquals d "$(field date)"
  assertContains "$(field resent-from)" '<al@resent1.example>'
  assertContains "$(field resent-date)" ' +0000'
  assertContains "$(field resent-message-id)" '@mx.sluice.example>'
  assertEquals '<m>' "$(field message-id)"
}

# As mutt passes a message on.
testResentToArguments() {
  send 'From: o@o.example\nTo: old@resent2.example\nDate: d\nMessage-ID: <m>\n'\
'Resent-From: al@resent2.example\nResent-To: new@resent2.example\nResent-Date: rd\nResent-Message-ID: <rm>\n\nx\n' -oem -oi -f al@resent2.example -- new@resent2.example
  arrives resent2.example
  assertEquals new@resent2.example "$(rcpts)"
  assertEquals 'nothing is missing' 'From: o@o.example
To: old@resent2.example
Date: d
Message-ID: <m>
Resent-From: al@resent2.example
Resent-To: new@resent2.example
Resent-Date: rd
Resent-Message-ID: <rm>' "$(sed '1,2d; /^$/,$d' "$got")"
}

# --- recipients -----------------------------------------------------------------------

testExtracted() {
  send 'To: A <a@extract.example>, b@extract.example (B)\n'\
'CC: list: c@extract.example, "d d"@extract.example;,\n (none) e@extract.example\n'\
'Bcc: f@extract.example\nApparently-To: g@extract.example\n\nx\n' -t -i
  assertEquals "$(cat "$T/err")" 0 $status
  arrives extract.example
  assertEquals '"d d"@extract.example a@extract.example b@extract.example c@extract.example e@extract.example f@extract.example' \
    "$(rcpts)"
}

# A name may be an address without quotes around it: programs write that, and all mail systems take it.
testNamedByAddress() {
  send "To: a@named.example <a@named.example>,\n 'b@elsewhere.example' <b@named.example>\n\nx\n" -t -i
  assertEquals "$(cat "$T/err")" 0 $status
  arrives named.example
  assertEquals 'a@named.example b@named.example' "$(rcpts)"
}

# Arguments are added to them.
testExtractedAndGiven() {
  send 'To: a@both.example\n\nx\n' -t b@both.example 'C <c@both.example>, d@both.example'
  arrives both.example
  assertEquals 'a@both.example b@both.example c@both.example d@both.example' "$(rcpts)"
}

testEachOnce() {
  send 'To: a@once.example, A@ONCE.example\nCc: a@once.example, b@once.example\n\nx\n' -t a@once.example
  arrives once.example
  assertEquals 'a@once.example b@once.example' "$(rcpts)"
}

testNoRecipients() {
  send 'Subject: x\n\nx\n' -t
  assertEquals 64 $status
  said 'sendmail: fatal: No recipient addresses found in message header'
  send 'To: undisclosed-recipients:;\n\nx\n' -t
  assertEquals 64 $status
  send 'To: a@b\n\nx\n'
  assertEquals 64 $status
  said 'sendmail: fatal: Recipient addresses must be specified on the command line or via the -t option'
  send 'Subject: x\n\nx\n' ''
  assertEquals 64 $status
  said 'sendmail: fatal: Recipient addresses must be specified on the command line or via the -t option'
}

testBadRecipients() {
  for bad in 'a b' a@b@c '<a@b' a@ "$(printf 'a@b>\r\nRCPT TO:<c@d')" "$(printf 'a\1@b')" 'a@b..c'; do
    send 'x\n' x@bad.example "$bad"
    assertEquals "$bad" 65 $status
    assertContains "$(cat "$T/err")" 'sendmail: fatal: not an address: '
    assertEquals 'a line' 1 "$(wc -l <"$T/err")"
  done
  send 'To: x@bad.example, Bob Smith\n\nx\n' -t
  assertEquals 65 $status
  said 'sendmail: fatal: no list of addresses: To: x@bad.example, Bob Smith'
  assertEquals 'nothing sent' 0 "$(sink_for bad.example)"
}

testUtf8() {
  send 'Subject: x\n\nx\n' 'jörg@bücher.example'
  assertEquals "$(cat "$T/err")" 0 $status
  arrives bücher.example
  assertContains "$(mail_from)" SMTPUTF8
  send 'Subject: Grüße\n\nx\n' -f a@b.example x@utf8.example
  arrives utf8.example
  assertEquals 'MAIL FROM:<a@b.example> BODY=8BITMIME SMTPUTF8' "$(mail_from)"
  send 'Subject: Gr\374\337e\n\nx\n' -f a@b.example x@latin1.example
  arrives latin1.example
  assertEquals 'MAIL FROM:<a@b.example> BODY=8BITMIME' "$(mail_from)"
  send 'Subject: x\n\n\374\337\n' -f a@b.example x@latin1body.example
  arrives latin1body.example
  assertEquals 'MAIL FROM:<a@b.example> BODY=8BITMIME' "$(mail_from)"
}

testNotification() {
  send 'Subject: x\n\nx\n' -f a@b.example -N 'success, DELAY' -R hdrs -V 'id+1 ä' x@dsn.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives dsn.example
  assertEquals 'MAIL FROM:<a@b.example> RET=HDRS ENVID=id+2B1+20+C3+A4' "$(mail_from)"
  assertEquals 'RCPT TO:<x@dsn.example> NOTIFY=SUCCESS,DELAY' "$(grep RCPT "$env")"
  send 'Subject: x\n\nx\n' -f a@b.example -Nnever -Rfull x@dsn2.example
  arrives dsn2.example
  assertEquals 'MAIL FROM:<a@b.example> RET=FULL' "$(mail_from)"
  assertEquals 'RCPT TO:<x@dsn2.example> NOTIFY=NEVER' "$(grep RCPT "$env")"
  send 'x\n' -N foo -R foo x@dsn3.example
  assertEquals 0 $status
  said 'sendmail: warning: bad -N option value -- ignored
sendmail: warning: bad -R option value -- ignored'
  send 'x\n' -V "$(printf %0101d 1)" x@dsn3.example
  assertEquals 64 $status
}

# --- the body -------------------------------------------------------------------------

testDots() {
  send 'Subject: x\n\na\n..b\n.c\n.\nnot this\n' x@dot1.example
  arrives dot1.example
  assertEquals 'a
..b
.c' "$(body)"
  for option in -i -oi; do
    send 'Subject: x\n\na\n.\n..\nthis too\n.' $option "x@dot$option.example"
    arrives "dot$option.example"
    assertEquals 'a
.
..
this too
.' "$(body)"
  done
  send 'Subject: x\r\n\r\na\r\n.\r\nnot this\r\n' x@dot3.example
  arrives dot3.example
  assertEquals a "$(body)"
  send 'Subject: x\n.\nnot this\n' x@dot4.example
  arrives dot4.example
  assertEquals '' "$(body)"
}

# Whatever ends lines here, CRLF does there; and nothing that ends none here begins a field there.
testLineEnds() {
  send 'Subject: a\rBcc: y@ends.example\nX: \r\r\n\nb\rc\r\nd\r\r\ne\n.\rf\r' -t x@ends.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives ends.example
  assertEquals x@ends.example "$(rcpts)"
  assertEquals 'a Bcc: y@ends.example' "$(field subject)"
  assertEquals 'b
c
d
e
.
f' "$(body)"
  found=$(grep -lF '@ends.example>' "$SINK"/*.env)
  assertEquals 'all CRLF' 0 "$(sed 's/\r$//' "${found%.env}.msg" | grep -c "$(printf '\r')")"
}

testNul() {
  for text in 'Subject: a\0b\n\ncd\n' 'Subject: ab\n\nc\0d\n' 'Subject: ab\n\ncd\n\0'; do
    send "$text" x@nul.example
    assertEquals "$text" 65 $status
    assertContains "$(cat "$T/err")" 'NUL received'
  done
  send 'To: a\0@nul2.example\n\nx\n' -t x@nul2.example
  assertEquals 65 $status
}

testLarge() {
  { printf 'Subject: x\n\n' && python3 -c '
import random
random.seed(1)
for n in range(330000):
    print("%06d %s" % (n, "." * random.randrange(3) + "x" * 50))
print("y" * 2000000)'; } >"$T/large"
  sendmail -i x@large.example <"$T/large"
  assertEquals "$(cat "$T/err")" 0 $status
  arrives large.example
  sed '1,2d' "$T/large" >"$T/large.body"
  body >"$T/got.body"
  assertTrue 'alike' "cmp $T/got.body $T/large.body"
  assertTrue 'large it was' "[ $(wc -c <"$T/large") -gt 20000000 ]"
  assertEquals 'nothing is left of it' '' "$(find "$T" -maxdepth 1 -name 'sendmail.*')"
  rm -f "$T/large" "$T/large.body" "$T/got.body"
}

# Where a user's files may not grow that far he hears why.
testFileSizeLimit() {
  head -c 3000000 /dev/zero | tr '\0' '\n' >"$T/large"
  (
    ulimit -f 100
    "$BIN/sendmail" x@limited.example <"$T/large" 2>&1
    echo $?
  ) >"$T/out" 2>/dev/null
  assertContains "$(cat "$T/out")" 'sendmail: fatal: unable to put the message aside: '
  assertEquals 75 "$(tail -n 1 "$T/out")"
}

testManyRecipients() {
  seq -f 'r%g@many.example' 2000 >"$T/recipients"
  { printf 'Subject: x\nBcc: ' && sed 's/$/,/; 2,$s/^/ /' "$T/recipients" && printf '\nx\n'; } >"$T/many"
  sendmail -t <"$T/many"
  assertEquals "$(cat "$T/err")" 0 $status
  assertTrue "$(sink_for many.example)" 'wait_for 60 many_arrived'
  cat "$SINK"/*.env | grep -o 'r[0-9]*@many.example' | sort >"$T/many.got"
  sort "$T/recipients" | cmp - "$T/many.got" || fail 'each once'
}
many_arrived() { [ "$(cat "$SINK"/*.env | grep -c '@many.example>')" -ge 2000 ]; }

# All of several thousand are asked for before the first gets anything.
testManyAndOneRefused() {
  { seq -f 'r%g@manyno.example' 1500 && echo bob@known.example; } >"$T/recipients"
  # shellcheck disable=SC2046 # words
  send 'x\n' $(cat "$T/recipients")
  assertEquals 67 $status
  assertEquals 0 "$(sink_for manyno.example)"
  assertEquals 'nothing queued' 0 "$("$BIN/queue-list" -1 -d manyno.example | wc -l)"
}

testTooMuchHeader() {
  { printf 'Subject: ' && head -c 5000000 /dev/zero | tr '\0' x && printf '\n\nx\n'; } >"$T/much"
  sendmail x@much.example <"$T/much"
  assertEquals 65 $status
  said 'sendmail: fatal: the header is too large'
  rm -f "$T/much"
}

# --- refusals -------------------------------------------------------------------------

# One no, and nobody gets it.
testRefusedRecipient() {
  send 'x\n' alice@known.example bob@known.example carol@refused.example dave@known.example
  assertEquals 67 $status
  assertContains "$(cat "$T/err")" 'sendmail: warning: recipient bob@known.example refused: 550 5.1.1 '
  assertContains "$(cat "$T/err")" 'sendmail: warning: recipient dave@known.example refused: 550 5.1.1 '
  assertContains "$(cat "$T/err")" 'sendmail: fatal: the message was not sent to anybody'
  send 'x\n' 'x@[192.0.2.1]' carol@refused.example
  assertEquals 65 $status
  assertEquals 0 "$(sink_for refused.example)"
  assertEquals 'nothing queued' 0 "$("$BIN/queue-list" -1 -d refused.example | wc -l)"
}

testManyRefused() {
  # shellcheck disable=SC2046 # words
  send 'x\n' $(seq -f 'r%g@known.example' 50)
  assertEquals 67 $status
  assertEquals 'enough of them' 10 "$(grep -c refused: "$T/err")"
}

# For the moment: EX_TEMPFAIL.
testNoRoom() {
  conf minfree 9000000000000000000
  send "x" x@room.example
  conf minfree
  assertEquals 75 $status
  assertContains "$(cat "$T/err")" 'sendmail: fatal: sender refused: 452 4.3.1 '
}

testTooLarge() {
  conf databytes 1000
  send "$(printf %02000d 0)" x@large2.example
  conf databytes
  assertEquals 65 $status
  assertContains "$(cat "$T/err")" 'sendmail: fatal: sender refused: 552 5.3.4 '
}

# --- a relay that is none ----------------------------------------------------------------

# play STEP...: a relay in $fake that keeps to a script (tests/peer/script); hears tells how it went.
play() {
  scriptport=
  free_port scriptport
  printf '%s\n' "$@" >"$T/script"
  rm -f "$T/script.listening" "$fake/run/local"
  timeout 60 tests/peer/script "127.0.0.1:$scriptport" "$T/script" >"$T/script.out" 2>&1 </dev/null &
  script=$!
  wait_for 10 test -e "$T/script.listening"
  socat "UNIX-LISTEN:$fake/run/local" "TCP:127.0.0.1:$scriptport" 2>/dev/null </dev/null &
  bridge=$!
  wait_for 10 listened "$fake/run/local"
}
# A socket's file is there before it can be connected to.
listened() { grep -q " 00010000 .* $1\$" /proc/net/unix; }
hears() {
  wait $script
  assertEquals "$(cat "$T/script.out")" 0 $?
  kill $bridge 2>/dev/null
  wait $bridge 2>/dev/null
  rm -f "$fake/run/local"
}

hello='> 220 fake ESMTP|< EHLO localhost|> 250-fake|> 250 8BITMIME'
# relay STEP...: after the greeting.
relay() {
  IFS='|'
  # shellcheck disable=SC2086 # a list
  set -- $hello "$@"
  unset IFS
  play "$@"
}

testRelayStopped() {
  rm -f "$fake/run/local"
  send 'x\n' -C "$fake" x@y.example
  assertEquals 75 $status
  said "sendmail: fatal: Cannot submit mail - mail system is down (unable to connect to $fake/run/local: No such file or directory)"
  python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$fake/run/local"
  send 'x\n' -C "$fake" x@y.example
  assertEquals 75 $status
  assertContains "$(cat "$T/err")" 'Connection refused'
  rm -f "$fake/run/local"
  SLUICE=$T/none send 'x\n' x@y.example
  assertEquals 75 $status
  assertContains "$(cat "$T/err")" "$T/none/run/local: No such file or directory"
}

testNoPermission() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  echo x | setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/sendmail" x@y.example 2>"$T/err"
  status=$?
  case $status in 126 | 127) skip 'programs are where others cannot run them'; return ;; esac
  assertEquals 77 $status
  said "sendmail: fatal: Cannot submit mail - unable to connect to $I/run/local: Permission denied"
}

testRelayKilledWhileItReceives() {
  relay '< MAIL FROM:.*' '> 250 ok' '< RCPT TO:.*' '> 250 ok' '< DATA' '> 354 go' '< Subject: x'
  { printf 'Subject: x\n\n' && head -c 3000000 /dev/zero | tr '\0' '\n'; } >"$T/large"
  sendmail -C "$fake" x@y.example <"$T/large"
  rm -f "$T/large"
  assertEquals 75 $status
  said 'sendmail: fatal: Cannot submit mail - mail system is down (lost connection)'
  hears
}

# serve_with INJECT: a real smtpd-etrn behind $fake, for one connection, that strace does something to.
serve_with() {
  rm -f "$fake/run/local"
  ASAN_OPTIONS=${ASAN_OPTIONS-}:detect_leaks=0 TMPDIR=$T s6-ipcserver "$fake/run/local" \
    strace -f -o /dev/null -e "inject=$1" "$BIN/smtpd-etrn" -C "$I" </dev/null >"$T/served" 2>&1 &
  served=$!
  wait_for 10 test -S "$fake/run/local"
}
served_end() {
  kill $served
  wait $served 2>/dev/null
  rm -f "$fake/run/local"
}

# Killed while it takes the message, and when all of it was written and not yet answered for.
testRealRelayKilled() {
  { printf 'Subject: x\n\n' && head -c 3000000 /dev/zero | tr '\0' '\n'; } >"$T/large"
  for inject in writev:signal=KILL:when=20 fsync:signal=KILL:when=1; do
    serve_with $inject
    sendmail -C "$fake" x@killed.example <"$T/large"
    assertEquals "$inject: $(cat "$T/err")" 75 $status
    assertEquals "$inject" 1 "$(wc -l <"$T/err")"
    served_end
  done
  sendmail x@killed.example <"$T/large"
  assertEquals "$(cat "$T/err")" 0 $status
  arrives killed.example
  rm -f "$T/large"
}

# Short of room, of descriptors: later.
testRealRelayInTrouble() {
  for inject in pwrite64:error=ENOSPC:when=1 fsync:error=EIO:when=1; do
    serve_with $inject
    send "Subject: x\n\n$(printf %0100000d 0)\n" -C "$fake" x@trouble.example
    assertEquals "$inject: $(cat "$T/err")" 75 $status
    served_end
  done
  assertEquals 0 "$(sink_for trouble.example)"
}

testRelayDiesBeforeItsReply() {
  relay '< MAIL FROM:.*' '> 250 ok' '< RCPT TO:.*' '> 250 ok' '< DATA' '> 354 go' '< .*x' '< ' '< \.'
  send 'Subject: x\n' -C "$fake" -G x@y.example
  assertEquals 75 $status
  said 'sendmail: fatal: Cannot submit mail - mail system is down (lost connection)'
  hears
}

testRelayGoesAway() {
  relay '< MAIL FROM:.*' '> 421 4.3.2 fake Service shutting down'
  send 'x\n' -C "$fake" x@y.example
  assertEquals 75 $status
  said 'sendmail: fatal: Cannot submit mail - mail system is down (421 4.3.2 fake Service shutting down)'
  hears
  play '> 421 4.3.5 fake Error: server configuration error'
  send 'x\n' -C "$fake" x@y.example
  assertEquals 75 $status
  hears
}

testNoSense() {
  for nonsense in 'hello' '220' '22x x' '220-x' '>> 220 x\n'; do
    case $nonsense in '>>'*) play "$nonsense" ;; *) play "> $nonsense" ;; esac
    send 'x\n' -C "$fake" x@y.example
    assertEquals "$nonsense" 75 $status
    hears
  done
}

testLater() {
  relay '< MAIL FROM:.*' '> 250 ok' '< RCPT TO:<x@y.example>' '> 450 4.2.1 not now' '< RCPT TO:<z@y.example>' '> 250 ok' '< QUIT'
  send 'x\n' -C "$fake" x@y.example z@y.example
  assertEquals 75 $status
  said 'sendmail: warning: recipient x@y.example refused: 450 4.2.1 not now
sendmail: fatal: the message was not sent to anybody'
  hears
  relay '< MAIL FROM:.*' '> 250 ok' '< RCPT TO:.*' '> 250 ok' '< DATA' '> 354 go' '< ' '< x' '< \.' '> 452 4.3.1 full' '< QUIT'
  send '\nx\n' -C "$fake" -G x@y.example
  assertEquals 75 $status
  said 'sendmail: fatal: message refused: 452 4.3.1 full'
  hears
}

testRefusedForGood() {
  relay '< MAIL FROM:.*' '> 250 ok' '< RCPT TO:.*' '> 250 ok' '< DATA' '> 354 go' '< .*x' '< ' '< \.' \
    '> 554 5.7.1 no \x1b[1m' '< QUIT'
  send 'Subject: x\n' -C "$fake" -G x@y.example
  assertEquals 65 $status
  said 'sendmail: fatal: message refused: 554 5.7.1 no ?[1m'
  hears
}

# --- other modes ----------------------------------------------------------------------

testVerify() {
  got=$("$BIN/sendmail" -bv alice@known.example bob@known.example root 'x@[192.0.2.1]')
  assertEquals 67 $?
  assertEquals 'alice@known.example... 250 2.1.5 Ok
bob@known.example... 550 5.1.1 <bob@known.example>: Recipient address rejected: User unknown
root@mx.sluice.example... 250 2.1.5 Ok
x@[192.0.2.1]... 550 5.1.2 <x@[192.0.2.1]>: Recipient address rejected: No mail is sent to address literals' "$got"
  assertEquals 'alice@known.example... 250 2.1.5 Ok' "$("$BIN/sendmail" -bv alice@known.example)"
  sendmail -bv
  assertEquals 64 $status
}

testVerifyMany() {
  # shellcheck disable=SC2046 # words
  "$BIN/sendmail" -bv $(seq -f 'r%g@verify.example' 1500) >"$T/out"
  assertEquals 0 $?
  assertEquals 1500 "$(grep -c '250 2.1.5 Ok$' "$T/out")"
}

testDialogue() {
  got=$(printf 'EHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<x@dialogue.example>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\nQUIT\r\n' |
    "$BIN/sendmail" -bs)
  assertEquals 0 $?
  assertContains "$got" '250 2.0.0 Ok: queued as'
  arrives dialogue.example
  # without a word
  assertContains "$("$BIN/sendmail" -bs </dev/null)" '220 mx.sluice.example ESMTP'
  sendmail -C "$fake" -bs </dev/null
  assertEquals 75 $status
}

testFlush() {
  conf routes "* [127.0.0.1]:$SINKPORT park"
  s6-svc -h "$I/service/qmgr"
  for domain in flush1.example flush2.example flush3.example; do send 'x\n' x@$domain; done
  id=$("$BIN/queue-list" -1 -d flush3.example)
  for domain in flush1.example flush2.example flush3.example; do
    assertTrue "$domain waits" "wait_for 10 waits $domain 1"
  done
  sendmail -qRflush1.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrive flush1.example 1
  sendmail "-qI$id"
  assertEquals "$(cat "$T/err")" 0 $status
  arrive flush3.example 1
  assertEquals 'the other waits' 0 "$(sink_for flush2.example)"
  sendmail -q
  assertEquals "$(cat "$T/err")" 0 $status
  arrive flush2.example 1
  conf routes "* [127.0.0.1]:$SINKPORT"
  s6-svc -h "$I/service/qmgr"
  sendmail -q x@y.example
  assertEquals 64 $status
  said 'sendmail: fatal: flush queue mode requires no recipient'
  sendmail -qRa..b
  assertEquals 69 $status
  sendmail -qSx
  assertEquals 64 $status
  said 'sendmail: fatal: -qS is not implemented'
  sendmail -C "$fake" -q
  assertEquals 69 $status
}

testList() {
  assertEquals "$("$BIN/queue-list")" "$("$BIN/sendmail" -bp)"
  assertEquals "$("$BIN/queue-list")" "$("$BIN/mailq")"
  ln -s "$BIN/sendmail" "$T/newaliases"
  assertEquals 'sendmail: warning: there are no aliases here: nothing to be done' "$("$T/newaliases" 2>&1)"
}

# Options of other sendmails that mean nothing here, and those that cannot mean anything.
testOptions() {
  send 'Subject: x\n\nx\n' -Am -Ac -B7BIT -U -h 5 -L label -m -n -x -X/none -O foo=bar -o7 -o8 -om -odb -oeq -eq -c -p SMTP \
    -C /etc/mail/sendmail.cf -f a@b.example -v -- x@options.example
  assertEquals "$(cat "$T/err")" 0 $status
  assertContains "$(cat "$T/err")" 'sendmail: info: 250 2.0.0 Ok: queued as '
  arrives options.example
  for none in -q30m -q1h -bh -bH -bi -I; do
    sendmail $none </dev/null
    assertEquals "$none" 0 $status
  done
  for bad in -bd -bl -bt -bD -bz -Z -XV '-B x' -f -XV+=; do
    # shellcheck disable=SC2086 # several
    sendmail $bad </dev/null
    assertEquals "$bad" 64 $status
    assertContains "$bad" "$(cat "$T/err")" sendmail:
  done
  said 'sendmail: fatal: -XV is not implemented'
  sendmail -Z </dev/null
  assertContains "$(cat "$T/err")" 'sendmail: usage: sendmail [option...] [recipient...]'
}

# Installed they shadow no other mail system's, unless that is asked for; and what is another's stays.
testInstalled() {
  for goals in install install-compat; do
    make -s -o all $goals "DESTDIR=$T/dest" PREFIX=/usr BIN="$BIN" >"$T/out" 2>&1
    assertEquals "$goals: $(cat "$T/out")" 0 $?
    case $goals in
      install)
        shadows=$(cd "$T/dest/usr" && find bin share/man -name '*sendmail*' -o -name 'mailq*' -o -name 'post*')
        assertEquals 'shadows nothing' '' "$shadows"
        ;;
    esac
    assertEquals "$("$BIN/queue-list")" "$("$T/dest/usr/lib/sluice/mailq")"
  done
  assertEquals "$("$BIN/queue-list")" "$("$T/dest/usr/bin/mailq")"
  assertEquals "$("$BIN/queue-list")" "$("$T/dest/usr/sbin/sendmail" -bp)"
  assertEquals "$("$BIN/queue-list")" "$("$T/dest/usr/sbin/postqueue" -p)"
  "$T/dest/usr/bin/newaliases" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertTrue 'page' "[ -s $T/dest/usr/share/man/man1/sendmail.1 ]"
  rm "$T/dest/usr/sbin/sendmail"
  echo another >"$T/dest/usr/sbin/sendmail"
  make -s uninstall "DESTDIR=$T/dest" PREFIX=/usr BIN="$BIN" >"$T/out" 2>&1
  assertEquals "uninstall: $(cat "$T/out")" 0 $?
  assertEquals 'but the other' "$T/dest/usr/sbin/sendmail" "$(find "$T/dest" -not -type d)"
}

# An instance's path may be longer than a socket's.
testLongPath() {
  long=$T/$(printf %0150d 1)
  mkdir -p "$long"
  ln -s "$I" "$long/i"
  send 'x\n' -C "$long/i" x@path.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrives path.example
}

. shunit2
