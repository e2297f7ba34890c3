#!/bin/sh
# smtpd-etrn over pipes: what a client says, all at once, and every reply to it.
. tests/lib.sh

# fresh NAME: an instance with these settings.
fresh() {
  rm -rf "${T:?}/$1"
  instance "$1"
  conf me mx.sluice.example
  conf relaydomains customer.example .customer.example other.example
  conf relayclients 192.0.2.0/24 2001:db8::/32
  conf concurrencyclient 0 # no client's place stays taken for a while
}

setUp() {
  fresh i
  unset TCPREMOTEIP TCPLOCALIP REMOTE_ADDR
}

# --- helpers ------------------------------------------------------------------------

crlf() { sed 's/$/\r/'; }

# serve: the server, stdin and stdout as they are.  Its log is $T/err, or $ERR.  It may open as many as
# $DESCRIPTORS, where that is set.
serve() {
  (
    # shellcheck disable=SC3045 # every sh there is has it
    [ -z "${DESCRIPTORS-}" ] || ulimit -n "$DESCRIPTORS"
    exec "$BIN/smtpd-etrn" -C "$I"
  ) 2>"${ERR:-$T/err}"
}

# aside NAME COMMAND...: it, beside others that wait as well, until together.  What it says is $T/NAME.got, what serve
# logs in it $T/NAME.err, the seconds it takes $T/NAME.took.
aside() {
  aside_name=$1
  shift
  {
    ERR=$T/$aside_name.err
    aside_began=$(date +%s)
    "$@" >"$T/$aside_name.got"
    echo $(($(date +%s) - aside_began)) >"$T/$aside_name.took"
  } &
  asides="${asides-} $!"
}
together() {
  # shellcheck disable=SC2086 # several
  wait $asides
  asides=
}

# slowed: what takes ten seconds or so, all at once, each on an instance of its own, when the first test wants to know how it went: the
# begin_... beside those tests.
slowed() {
  [ -z "${slowed_once-}" ] || return 0
  slowed_once=yes
  for slowed_test in minfree recipients recipients_logged errors junk etrn timeouts chunks message_time nearly_all_taken; do
    fresh "slow.$slowed_test"
    "begin_$slowed_test"
  done
  together
  idle_end
  I=$T/i
}

# plain: replies without CR, ids and dates.  What has no CRLF at its end shows.
plain() {
  sed -e 's/\([^\r]\)$/\1 (no CR)/' -e 's/\r$//' -e 's/queued as [0-9a-v]\{14\}$/queued as ID/'
}

# dialogue: a table on stdin: "< " what the client sends, "> " what it is to get; the greeting
# need not be said.  A line "< " with a backslash at its end goes without CRLF.
dialogue() {
  cat >"$T/table"
  { echo '220 mx.sluice.example ESMTP sluice' && sed -n 's/^> \{0,1\}//p' "$T/table"; } >"$T/wanted"
  sed -n 's/^< \{0,1\}//p' "$T/table" | crlf | sed ':a;/\\\r$/{N;s/\\\r\n//;ba}' | serve >"$T/got"
  assertEquals 'exit code' 0 $?
  plain <"$T/got" >"$T/got.plain"
  assertEquals "$(cat "$T/wanted")" "$(cat "$T/got.plain")"
}

# replies ARGUMENT...: the codes (and enhanced codes) that printf's output gets, on one line.
replies() {
  # shellcheck disable=SC2059 # that is what it is for
  printf "$@" | serve | awk '
    /^[0-9]*-/ { next }
    { sub(/\r$/, "") }
    match($0, /^[0-9]+( [245]\.[0-9]+\.[0-9]+)?/) { $0 = substr($0, 1, RLENGTH) }
    { printf "%s%s", between, $0; between = ", " }'
}

# codes WANTED ARGUMENT...: of a session with EHLO before it and QUIT behind it.
codes() {
  codes_wanted=$1
  codes_text=$2
  shift 2
  assertEquals "$codes_text" "220, 250, $codes_wanted" "$(replies "EHLO c.example\r\n$codes_text" "$@")"
}

message() { find "$I/queue/new" -type f; }
messages() { message | wc -l; }
# content FILE: what a queue file holds below the trace header.
content() {
  content_head=$((44 + $(head -c 20 "$1" | cut -d' ' -f2 | sed 's/^0*//')))
  tail -c "+$((content_head + 1))" "$1" | sed '1,/^\t.*+0000\r$/d'
}
assert_nothing_kept() { assertEquals 'left in the queue' '' "$(find "$I/queue/tmp" "$I/queue/new" -type f)"; }
asked_names() { (cd "$I/queue/asked" && find . -type f | cut -c 3- | sort | tr '\n' ' ' | sed 's/ $//'); }
said() { assertContains "$(cat "$T/err")" "$1"; }
long() { head -c "$1" /dev/zero | tr '\0' "${2-x}"; }

MAIL='MAIL FROM:<a@b.example>\r\n'
RCPT='RCPT TO:<x@customer.example>\r\n'

# --- greeting and small verbs -------------------------------------------------------

testEhlo() {
  dialogue <<'END'
< EHLO client.example
> 250-mx.sluice.example
> 250-SIZE 104857600
> 250-PIPELINING
> 250-ETRN
> 250-ENHANCEDSTATUSCODES
> 250-8BITMIME
> 250-DSN
> 250-SMTPUTF8
> 250-CHUNKING
> 250 HELP
< quit
> 221 2.0.0 Bye
END
  conf databytes 0
  assertContains "$(printf 'ehlo [192.0.2.1]\r\n' | serve)" '250-SIZE 0'
}

testHelo() {
  dialogue <<'END'
< HELO
> 501 5.5.4 Syntax: HELO hostname
< EHLO
> 501 5.5.4 Syntax: EHLO hostname
< MAIL FROM:<a@b.example>
> 503 5.5.1 Error: send HELO or EHLO first
< ETRN customer.example
> 503 5.5.1 Error: send HELO or EHLO first
< helo Host_1.example
> 250 mx.sluice.example
< HELO [IPv6:2001:db8::1]
> 250 mx.sluice.example
< HELO a b
> 501 5.5.4 Syntax: HELO hostname
< HELO a(b)
> 501 5.5.4 Syntax: HELO hostname
< HELO []
> 501 5.5.4 Syntax: HELO hostname
< MAIL FROM:<a@b.example>
> 250 2.1.0 Ok
< QUIT
> 221 2.0.0 Bye
END
  assertEquals '220, 501 5.5.4, 503 5.5.1' "$(replies "HELO $(long 256)\r\n$MAIL")"
  assertEquals '220, 250, 250 2.1.0' "$(replies "HELO $(long 255)\r\n$MAIL")"
}

testSmallVerbs() {
  dialogue <<'END'
< NOOP
> 250 2.0.0 Ok
< noop whatever it is
> 250 2.0.0 Ok
< RSET
> 250 2.0.0 Ok
< RSET x
> 501 5.5.4 Syntax: RSET
< VRFY someone
> 252 2.0.0 Cannot VRFY user, but will accept message and attempt delivery
< VRFY
> 501 5.5.4 Syntax: VRFY address
< EXPN list
> 502 5.5.1 Error: command not implemented
< HELP
> 214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP ETRN STARTTLS AUTH ATRN QUIT
< HELP MAIL
> 214 2.0.0 Commands: HELO EHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP ETRN STARTTLS AUTH ATRN QUIT
< XYZZY
> 500 5.5.2 Error: command not recognized
< 
> 500 5.5.2 Error: command not recognized
< QUIT now
> 501 5.5.4 Syntax: QUIT
< QUIT
> 221 2.0.0 Bye
< NOOP
END
}

testSequence() {
  dialogue <<'END'
< HELO c.example
> 250 mx.sluice.example
< RCPT TO:<x@customer.example>
> 503 5.5.1 Error: need MAIL command
< DATA
> 503 5.5.1 Error: need MAIL command
< MAIL FROM:<a@b.example>
> 250 2.1.0 Ok
< MAIL FROM:<a@b.example>
> 503 5.5.1 Error: nested MAIL command
< DATA
> 503 5.5.1 Error: need RCPT command
< RCPT TO:<x@elsewhere.example>
> 554 5.7.1 <x@elsewhere.example>: Relay access denied
< DATA
> 554 5.5.1 Error: no valid recipients
< ETRN customer.example
> 503 5.5.1 Error: MAIL transaction in progress
< RCPT TO:<x@customer.example>
> 250 2.1.5 Ok
< DATA now
> 501 5.5.4 Syntax: DATA
< RSET
> 250 2.0.0 Ok
< DATA
> 503 5.5.1 Error: need MAIL command
< MAIL FROM:<a@b.example>
> 250 2.1.0 Ok
< HELO c.example
> 250 mx.sluice.example
< RCPT TO:<x@customer.example>
> 503 5.5.1 Error: need MAIL command
< QUIT
> 221 2.0.0 Bye
END
}

# --- lines --------------------------------------------------------------------------

testBareLineEnds() {
  codes '500 5.5.2, 250 2.0.0' 'NOOP\nQUIT\r\nNOOP\r\n'
  codes '500 5.5.2, 250 2.0.0' 'NOOP\rQUIT\r\nNOOP\r\n'
  codes '500 5.5.2, 250 2.0.0' 'NOOP\r\r\nNOOP\r\n'
  codes '500 5.5.2, 250 2.0.0' '\nNOOP\r\nNOOP\r\n'
  codes '500 5.5.2, 250 2.0.0' 'NOOP\n\r\nNOOP\r\n'
}

testControlCharacters() {
  codes '500 5.5.2, 500 5.5.2, 500 5.5.2, 250 2.0.0' 'NOOP \001\r\nNOOP \177\r\nNO\000OP\r\nNOOP\r\n'
  assertEquals '220, 500 5.5.2' "$(replies 'HELO a\000b\r\n')"
}

testNulInContent() {
  for text in '\000' 'a\000b' '\r\n\000.\r\n' '\000\r\n.\000'; do
    codes '250 2.1.0, 250 2.1.5, 354, 550 5.5.2, 250 2.0.0' "${MAIL}${RCPT}DATA\r\nX: y\r\n\r\n$text\r\n.\r\nNOOP\r\n"
    length=$(printf "$text" | wc -c)
    codes '250 2.1.0, 250 2.1.5, 550 5.5.2, 250 2.0.0' "${MAIL}${RCPT}BDAT $length LAST\r\n${text}NOOP\r\n"
  done
  assertEquals 0 "$(messages)"
  assertNotContains "$(replies 'EHLO x\r\n'; cat "$T/got" 2>/dev/null)" BINARYMIME
}

# RFC 5321 section 4.1.1: white space before the line end is tolerated.
testTrailingWhiteSpace() {
  codes '250 2.0.0, 250 2.0.0, 250 2.1.0, 250 2.1.5' \
    'RSET\t\r\nNOOP \t \r\nMAIL FROM:<a@b.example>\t\r\nRCPT TO:<x@customer.example> \t\r\n'
}

testLongLines() {
  codes '250 2.0.0, 500 5.5.2, 500 5.5.2, 250 2.0.0' \
    "NOOP $(long 2041)\r\nNOOP $(long 2042)\r\nNOOP $(long 100000)\r\nNOOP\r\n"
}

testNoLineAtTheEnd() {
  codes '250 2.0.0' 'NOOP\r\nQUIT'
  said 'lost connection after NOOP from unknown[127.0.0.1]'
  assertEquals '220' "$(replies '')"
  said 'lost connection after CONNECT'
}

# --- MAIL and RCPT ------------------------------------------------------------------

testMailSyntax() {
  for good in '<>' '<a@b.example>' ' <a@b.example>' '<"a b"@b.example>' '<@r.example,@s.example:a@b.example>' \
    '<a@[192.0.2.1]>' '<a@[IPv6:2001:db8::1]>' '<a@b.example> ' '<a@b.example>  SIZE=1'; do
    codes '250 2.1.0' "mail from:$good\r\n"
  done
  for bad in 'a@b.example' '<a@b.example' '<a>' '<a@>' '<@b.example>' '<a@b..example>' '<a b@b.example>' '' \
    '<a@b.example\\>' '<a@b.example>>' '<postmaster>' "<$(long 250)@b.example>"; do
    case $bad in *'>>') wanted='501 5.5.4' ;; *) wanted='501 5.1.7' ;; esac
    codes "$wanted" "MAIL FROM:$bad\r\n"
  done
  codes '501 5.5.4, 501 5.5.4, 501 5.5.4' 'MAIL\r\nMAIL TO:<a@b.example>\r\nMAIL FROM <a@b.example>\r\n'
}

# What some devices send, where the instance takes it.
testLenient() {
  lenient='MAIL FROM:a@b.example SIZE=1\r\nRCPT TO: x..@customer.example NOTIFY=NEVER\r\nRCPT TO:<.y@customer.example>\r\n'
  for off in '' 0; do
    # shellcheck disable=SC2086 # none at all
    conf lenient $off
    codes '501 5.1.7, 503 5.5.1, 503 5.5.1' "$lenient"
    codes '250 2.1.0, 501 5.1.3, 501 5.1.3' "${MAIL}RCPT TO:x@customer.example\r\nRCPT TO:<x..@customer.example>\r\n"
  done
  conf lenient 1
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0' "$lenient${RCPT}DATA\r\n.\r\n"
  assertEquals 'from <a@b.example> SIZE=1
rcpt customer.example <"x.."@customer.example> NOTIFY=NEVER
rcpt customer.example <".y"@customer.example>
rcpt customer.example <x@customer.example>' "$(sed -n '2,7p' "$(message)" | grep '^from\|^rcpt')"
  for good in '<>' '<a@b.example>' '"a b"@b.example' 'a@[192.0.2.1]' 'a..b@b.example'; do
    codes '250 2.1.0' "MAIL FROM:$good\r\n"
  done
  for bad in 'a@b.example>' '<a@b.example' a a@ @b.example a@b..example a@-b.example 'a b@b.example' '' '@x.example:a@b.example' \
    'a@b.example,c@d.example' '\303\274..@b.example>' "$(long 250)@b.example" "$(long 250)..@b.example"; do
    codes '501 5.1.7' "MAIL FROM:$bad\r\n"
  done
  codes '500 5.5.2' 'MAIL FROM:a\001@b.example\r\n'
  codes '501 5.5.4' 'MAIL FROM:a@b.example SIZE=x\r\n'
  codes '553 5.6.7' 'MAIL FROM:\303\274..@b.example\r\n'
  conf recipients '"x..y"@customer.example'
  codes '250 2.1.0, 250 2.1.5, 550 5.1.1' "${MAIL}RCPT TO:x..y@customer.example\r\nRCPT TO:x.y@customer.example\r\n"
  conf lenient maybe
  assertEquals '220, 250, 421 4.3.5' "$(replies 'EHLO x\r\nMAIL FROM:a@b.example\r\n')"
  said 'conf/lenient: line 1: neither 1 nor 0: maybe'
  codes '250 2.1.0' "$MAIL"
}

testMailParameters() {
  for good in SIZE=0 size=104857600 BODY=7bit BODY=8BITMIME SMTPUTF8 RET=full RET=HDRS ENVID=a+2Bb \
    'SIZE=1 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=x'; do
    codes '250 2.1.0' "MAIL FROM:<a@b.example> $good\r\n"
  done
  for bad in SIZE SIZE= SIZE=x SIZE=-1 SIZE=123456789012345678901 BODY BODY=BINARYMIME SMTPUTF8=1 RET RET=x ENVID \
    ENVID=a+2 ENVID=a=b 'SIZE=1 SIZE=1' 'RET=FULL ret=HDRS' '=1' "ENVID=$(long 101)"; do
    codes '501 5.5.4' "MAIL FROM:<a@b.example> $bad\r\n"
  done
  codes '501 5.5.4' 'MAIL FROM:<a@b.example>SIZE=1\r\n'
  for bad in AUTH=x X X=1 NOTIFY=NEVER MT-PRIORITY=3; do
    codes '555 5.5.4' "MAIL FROM:<a@b.example> $bad\r\n"
  done
}

testMailSize() {
  conf databytes 1000
  codes '552 5.3.4, 250 2.1.0' 'MAIL FROM:<a@b.example> SIZE=1001\r\nMAIL FROM:<a@b.example> SIZE=1000\r\n'
  said 'reject: MAIL from unknown[127.0.0.1]: 552 5.3.4'
  codes '552 5.3.4' 'MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n'
  conf databytes 0
  codes '452 4.3.1' 'MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n'
  conf minfree 0
  codes '250 2.1.0' 'MAIL FROM:<a@b.example> SIZE=99999999999999999999\r\n'
}

# --- room on the disk ---------------------------------------------------------------

begin_minfree() {
  conf minfree 9000000000000000000
  aside again replies "HELO x\r\n$(repeated 118 'MAIL FROM:<a@b.example>')"
  aside ever replies "HELO x\r\n$(repeated 120 'MAIL FROM:<a@b.example>')"
}
testMinfree() {
  conf minfree 9000000000000000000
  codes '452 4.3.1, 503 5.5.1, 250 2.0.0' "$MAIL${RCPT}NOOP\r\n"
  said 'NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 452 4.3.1 Insufficient system storage; from=<a@b.example> proto=ESMTP helo=<c.example>'
  slowed
  assertNotContains 'asked again and again' "$(cat "$T/again.got")" '421 4.7.0'
  assertContains 'for ever' "$(cat "$T/ever.got")" '421 4.7.0'
  conf minfree 1
  codes '250 2.1.0' "$MAIL"
  conf minfree lots
  assertEquals '220, 250, 421 4.3.5' "$(replies "HELO x\r\n$MAIL")"
  said 'conf/minfree: line 1: not a number: lots'
}

# disk OPTION...: the queue of the instance, on a disk of its own until disk_end.  1: that cannot be.
disk() {
  cp -a "$I/queue" "$I/queue.was"
  mount -t tmpfs -o "mode=770,$1" none "$I/queue" 2>"$T/mount" || {
    skip "no tmpfs: $(cat "$T/mount")"
    return 1
  }
  cp -a "$I/queue.was/." "$I/queue"
}
disk_end() {
  wait_for 10 umount "$I/queue" || fail 'does not unmount'
  rm -rf "$I/queue.was"
}
ballast() { head -c "$1" /dev/zero >"$I/queue/ballast"; }

# What was announced counts, and what comes unannounced is looked at while it comes.
testRoom() {
  disk size=16M || return 0
  conf minfree 8000000
  codes '250 2.1.0, 250 2.0.0, 452 4.3.1' \
    'MAIL FROM:<a@b.example> SIZE=7000000\r\nRSET\r\nMAIL FROM:<a@b.example> SIZE=12000000\r\n'
  # three sessions of 6,000,000 octets each: no two have room
  for i in 1 2 3; do
    { printf "HELO x\r\n$MAIL${RCPT}BDAT 6000000 LAST\r\n" && head -c 6000000 /dev/zero | tr '\0' x && printf 'QUIT\r\n'; } |
      "$BIN/smtpd-etrn" -C "$I" >"$T/got.$i" 2>"$T/err.$i" &
    eval "room$i=\$!"
  done
  # shellcheck disable=SC2154 # set by eval
  wait "$room1" "$room2" "$room3"
  refused=$(cat "$T"/got.? | grep -c '^452 4.3.1')
  assertTrue "$refused refused" "[ $refused -ge 2 ]"
  assertEquals 'none of them for want of a block' 0 "$(cat "$T"/err.? | grep -c 'unable to')"
  rm -f "$I/queue/new"/*
  # an envelope is something, too
  ballast 8650000
  codes '250 2.1.0' "$MAIL"
  long=$(long 200 y)
  rcpts=$(i=0; while [ $((i += 1)) -le 900 ]; do printf "RCPT TO:<$i@customer.example> ORCPT=rfc822;$long$long\\\\r\\\\n"; done)
  assertContains "$(replies "HELO x\r\n$MAIL${rcpts}DATA\r\n.\r\n")" '354, 452 4.3.1'
  rm "$I/queue/ballast"
  disk_end
}

# Without the setting: a small disk takes mail until a tenth is left; one that does not say how large it is, always.
testRoomUnsaid() {
  disk size=1M || return 0
  codes '250 2.1.0' "$MAIL"
  ballast 970000
  codes '452 4.3.1' "$MAIL"
  conf minfree 0
  codes '250 2.1.0' "$MAIL"
  conf minfree
  disk_end
  disk size=0,nr_inodes=0
  codes '250 2.1.0' "$MAIL"
  disk_end
  disk size=0,nr_inodes=300
  codes '250 2.1.0' "$MAIL"
  seq -f "$I/queue/ballast.%g" $(($(stat -f -c %d "$I/queue") - 3)) | xargs touch
  codes '452 4.3.1' "$MAIL"
  disk_end
}

testRcptSyntax() {
  for good in '<x@customer.example>' ' <X@CUSTOMER.example>' '<"x y"@customer.example>' '<@a.example:x@customer.example>' \
    '<x@sub.customer.example>' '<postmaster>' '<POSTMASTER>'; do
    codes '250 2.1.0, 250 2.1.5' "${MAIL}rcpt to:$good\r\n"
  done
  for bad in 'x@customer.example' '<>' '<x>' '<x@customer.example' '<x y@customer.example>' '' '<@a.example:>' \
    '<x@customer.example.>' '<x@-customer.example>' '<x@1.2>'; do
    codes '250 2.1.0, 501 5.1.3' "${MAIL}RCPT TO:$bad\r\n"
  done
  codes '250 2.1.0, 501 5.5.4, 501 5.5.4' "${MAIL}RCPT\r\nRCPT FROM:<x@customer.example>\r\n"
}

testRcptParameters() {
  for good in NOTIFY=never NOTIFY=SUCCESS,DELAY,FAILURE 'ORCPT=rfc822;x+2Bq@customer.example' 'NOTIFY=DELAY ORCPT=x;y'; do
    codes '250 2.1.0, 250 2.1.5' "${MAIL}RCPT TO:<x@customer.example> $good\r\n"
  done
  for bad in NOTIFY NOTIFY= NOTIFY=NEVER,DELAY NOTIFY=x ORCPT=x ORCPT=rfc822 'ORCPT=rfc822;a=b' \
    'NOTIFY=NEVER NOTIFY=NEVER' "ORCPT=rfc822;$(long 500)"; do
    codes '250 2.1.0, 501 5.5.4' "${MAIL}RCPT TO:<x@customer.example> $bad\r\n"
  done
  codes '250 2.1.0, 555 5.5.4, 555 5.5.4' "${MAIL}RCPT TO:<x@customer.example> SIZE=1\r\nRCPT TO:<x@customer.example> X\r\n"
}

testSmtpUtf8() {
  codes '553 5.6.7' 'MAIL FROM:<j\303\266@b.example>\r\n'
  codes '250 2.1.0' 'MAIL FROM:<j\303\266@b\303\266.example> SMTPUTF8\r\n'
  codes '501 5.1.7' 'MAIL FROM:<j\303@b.example> SMTPUTF8\r\n'
  codes '250 2.1.0, 553 5.6.7' "${MAIL}RCPT TO:<j\303\266@customer.example>\r\n"
  conf relaydomains 'bücher.example'
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0' "MAIL FROM:<j\303\266@b.example> SMTPUTF8\r\nRCPT TO:<x@B\303\274cher.example>\r
RCPT TO:<y@xn--bcher-kva.example>\r\nRCPT TO:<j\303\266@xn--bcher-kva.example>\r\nDATA\r\n.\r\n"
  assertContains "$(cat "$(message)")" 'rcpt xn--bcher-kva.example <x@Bücher.example>'
  assertContains "$(head -n 1 "$(message)")" ' -u--'
}

# flags PARAMETERS CONTENT: those that a message gets.
flags() {
  rm -f "$I"/queue/new/*
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "MAIL FROM:<a@b.example>$1\r\n${RCPT}DATA\r\n$2\r\n.\r\n"
  head -n 1 "$(message)" | cut -d ' ' -f 4
}

# Asked for with every message, it is needed by an address or a header alone; and not without being asked for.
testSmtpUtf8Needed() {
  parts='Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n'
  assertEquals 'the header' 8u-- "$(flags ' SMTPUTF8' 'Subject: \303\274\r\n\r\nx')"
  assertEquals 'Latin-1 in the header' 8u-- "$(flags ' BODY=8BITMIME SMTPUTF8' 'Subject: \374\r\n\r\nx')"
  assertEquals "a part's header" 8u-- "$(flags ' SMTPUTF8' "${parts}X: \303\274\r\n\r\nx")"
  assertEquals 'the body' 8--- "$(flags ' BODY=8BITMIME SMTPUTF8' 'Subject: x\r\n\r\n\303\274')"
  assertEquals 'Latin-1 in the body' 8--- "$(flags ' SMTPUTF8' 'Subject: x\r\n\r\n\374')"
  assertEquals "a part's body" 8--- "$(flags ' SMTPUTF8' "${parts}X: x\r\n\r\n\303\274")"
  assertEquals 'nothing' ---- "$(flags ' SMTPUTF8' 'Subject: x\r\n\r\nx')"
  assertEquals 'not asked for' 8--- "$(flags ' BODY=8BITMIME' 'Subject: \303\274\r\n\r\nx')"
}

testParametersAreKept() {
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0' 'MAIL FROM:<@r.example:A@B.example>  ret=hdrs size=7 envid=Qq\r
RCPT TO:<X@Customer.Example> notify=success,delay  orcpt=rfc822;Z@z\r\nRCPT TO:<"a > b"@other.example>\r\nDATA\r\n.\r\n'
  assertEquals 'from <A@B.example> RET=HDRS SIZE=7 ENVID=Qq
client c.example [127.0.0.1] ESMTP
rcpt customer.example <X@Customer.Example> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Z@z
rcpt other.example <"a > b"@other.example>' "$(sed -n '2,6p' "$(message)" | grep -v ^arrival)"
}

# offer COUNT: replies to so many recipients, and to what follows, each with its number.
offer() {
  { printf '%b' "HELO x\\r\\n$MAIL"; seq -f 'RCPT TO:<x%g@customer.example>' "$1" | sed 's/$/\r/'; printf 'DATA\r\n.\r\nQUIT\r\n'; } |
    serve | plain | sed -E 's/^([0-9]+ [245]\.[0-9]+\.[0-9]+).*/\1/' | grep -v '^220\|mx.sluice\|2.1.0' | uniq -c | sed 's/^ *//'
}

# Many too many are neither errors nor slow; only who never stops is stopped.
begin_recipients() { aside never_stops offer 2500; }
testTooManyRecipients() {
  assertEquals '1000 250 2.1.5
1000 452 4.5.3
1 354 End data with <CR><LF>.<CR><LF>
1 250 2.0.0
1 221 2.0.0' "$(offer 2000)"
  assertEquals 1000 "$(grep -c '^rcpt ' "$(message)")"
  assertNotContains "$(cat "$T/err")" 'too many errors'
  slowed
  assertEquals '1000 250 2.1.5
1020 452 4.5.3
1 421 4.7.0' "$(cat "$T/never_stops.got")"
  assertContains "$(cat "$T/never_stops.err")" 'too many errors after RCPT'
}

# many: recipients, for printf.
many() { seq -f 'RCPT TO:<x%g@customer.example>\r\n' 0 1199 | tr -d '\n'; }

# The first one of a transaction, and how many there were: who has thousands of them would fill the log.
begin_recipients_logged() {
  again="RSET\\r\\n$MAIL$(many)"
  aside transactions replies "HELO x\\r\\n$MAIL$(many)$again$again$again$again${again}QUIT\\r\\n"
}
testTooManyRecipientsInTheLog() {
  offer 1500 >"$T/codes"
  assertEquals 1 "$(grep -c 'NOQUEUE: reject: RCPT from unknown\[127.0.0.1\]: 452 4.5.3' "$T/err")"
  said 'warning: 499 more refusals and requests of unknown[127.0.0.1] are not in the log'
  replies "HELO x\\r\\n$MAIL$(many)RSET\\r\\n$MAIL$(many)QUIT\\r\\n" >"$T/codes"
  assertEquals 'one a transaction' 2 "$(grep -c ' 452 4.5.3 ' "$T/err")"
  said ' 398 more '
  # 2,000 are answered, from there on each is an error: no transaction has them anew
  slowed
  assertContains "$(cat "$T/transactions.got")" '421 4.7.0'
  assertContains "$(cat "$T/transactions.err")" 'too many errors after RCPT'
}

# Whoever is refused again and again, with good messages in between: so many lines, and how many more.
testRefusalsInTheLog() {
  refused=$(i=0; while [ $i -lt 9 ]; do printf 'RCPT TO:<x@no.example>\\r\\n'; i=$((i + 1)); done)
  { printf 'HELO x\r\n' && i=0 && while [ $((i += 1)) -le 15 ]; do
    # shellcheck disable=SC2059
    printf "$MAIL$refused${RCPT}DATA\r\n.\r\n"
  done && printf 'ETRN customer.example\r\nETRN no.example\r\nQUIT\r\n'; } | serve >"$T/got"
  assertEquals 'refused' 135 "$(grep -c '^554 5.7.1' "$T/got")"
  assertEquals 'refusals' 100 "$(grep -c 'NOQUEUE: reject: ' "$T/err")"
  said 'warning: 37 more refusals and requests of unknown[127.0.0.1] are not in the log'
  assertEquals 'what was taken' 15 "$(grep -c ': client=unknown' "$T/err")"
  assertTrue 'the sum' "tail -n 1 '$T/err' | grep -q 'disconnect from unknown.127.0.0.1. helo=1 mail=15 rcpt=15/150'"
}

# --- who may send where -------------------------------------------------------------

testRelay() {
  rcpts='RCPT TO:<x@customer.example>\r\nRCPT TO:<x@a.customer.example>\r\nRCPT TO:<x@acustomer.example>\r
RCPT TO:<x@a.other.example>\r\nRCPT TO:<x@[192.0.2.1]>\r\n'
  stranger='250 2.1.5, 250 2.1.5, 554 5.7.1, 554 5.7.1, 554 5.7.1'
  friend='250 2.1.5, 250 2.1.5, 250 2.1.5, 250 2.1.5, 550 5.1.2'
  for ip in 203.0.113.5 ::ffff:203.0.113.5 2001:db9::1; do
    TCPREMOTEIP=$ip codes "250 2.1.0, $stranger" "$MAIL$rcpts"
  done
  said "reject: RCPT from unknown[2001:db9::1]: 554 5.7.1 <x@a.other.example>: Relay access denied; from=<a@b.example> to=<x@a.other.example> proto=ESMTP helo=<c.example>"
  codes "250 2.1.0, $stranger" "$MAIL$rcpts"
  for ip in 192.0.2.5 ::ffff:192.0.2.5 2001:db8::5 2001:db8::5%eth0; do
    TCPREMOTEIP=$ip codes "250 2.1.0, $friend" "$MAIL$rcpts"
  done
  REMOTE_ADDR=192.0.2.7 codes "250 2.1.0, $friend" "$MAIL$rcpts"
  REMOTE_ADDR=192.0.2.7 TCPREMOTEIP=203.0.113.5 codes "250 2.1.0, $stranger" "$MAIL$rcpts"
}

testRecipients() {
  conf recipients alice@customer.example @a.customer.example
  codes '250 2.1.0, 250 2.1.5, 550 5.1.1, 250 2.1.5, 250 2.1.5, 250 2.1.5' "${MAIL}RCPT TO:<Alice@CUSTOMER.example>\r
RCPT TO:<bob@customer.example>\r\nRCPT TO:<bob@a.customer.example>\r\nRCPT TO:<bob@other.example>\r\nRCPT TO:<PostMaster@customer.example>\r\n"
  said '550 5.1.1 <bob@customer.example>: Recipient address rejected: User unknown'
  # one that is taken, and may well be refused by the site: not for a forged sender to hear of
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0' "${MAIL}RCPT TO:<Alice@CUSTOMER.example>\r
RCPT TO:<Postmaster@customer.example> NOTIFY=FAILURE\r\nRCPT TO:<postmaster@a.customer.example>\r\nDATA\r\n.\r\n"
  assertEquals 'rcpt customer.example <Alice@CUSTOMER.example>
rcpt customer.example <Postmaster@customer.example> NOTIFY=NEVER
rcpt a.customer.example <postmaster@a.customer.example>' "$(grep -a '^rcpt ' "$(message)")"
}

testPostmaster() {
  conf postmaster admin@other.example
  export TCPREMOTEIP=203.0.113.5 TCPLOCALIP=198.51.100.9
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 554 5.7.1, 554 5.7.1, 554 5.7.1, 250 2.1.5, 354, 250 2.0.0' \
    "${MAIL}RCPT TO:<PostMaster>\r\nRCPT TO:<postmaster@[198.51.100.9]>\r\nRCPT TO:<postmaster@MX.sluice.example>\r
RCPT TO:<postmaster@[198.51.100.8]>\r\nRCPT TO:<postmaster@elsewhere.example>\r\nRCPT TO:<x@mx.sluice.example>\r
RCPT TO:<Postmaster@customer.example>\r\nDATA\r\n.\r\n"
  assertEquals 'rcpt other.example <admin@other.example>
rcpt other.example <admin@other.example>
rcpt other.example <admin@other.example>
rcpt customer.example <Postmaster@customer.example>' "$(grep -a '^rcpt ' "$(message)")"
}

# Where nobody has said who that is: taken (RFC 5321 section 4.5.1), for no place, and no word to whoever it is from.
testPostmasterUnset() {
  conf relaydomains customer.example .example
  conf recipients x@customer.example
  export TCPREMOTEIP=203.0.113.5 TCPLOCALIP=198.51.100.9
  codes '250 2.1.0, 250 2.1.5, 250 2.1.5, 250 2.1.5, 250 2.1.5, 501 5.1.3, 354, 250 2.0.0' \
    "${MAIL}RCPT TO:<PostMaster> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;x\r\nRCPT TO:<postmaster@[198.51.100.9]>\r
RCPT TO:<postmaster@MX.sluice.example>\r\n${RCPT}RCPT TO:<x@postmaster.invalid>\r\nDATA\r\n.\r\n"
  assertEquals 'rcpt postmaster.invalid <postmaster@mx.sluice.example> NOTIFY=NEVER
rcpt postmaster.invalid <postmaster@mx.sluice.example> NOTIFY=NEVER
rcpt postmaster.invalid <postmaster@mx.sluice.example> NOTIFY=NEVER
rcpt customer.example <x@customer.example>' "$(grep -a '^rcpt ' "$(message)")"
  TCPREMOTEIP=192.0.2.7 codes '250 2.1.0, 501 5.1.3' "${MAIL}RCPT TO:<x@Postmaster.Invalid>\r\n"
}

# --- DATA ---------------------------------------------------------------------------

testData() {
  TCPREMOTEIP=192.0.2.7 codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.0.0' \
    "$MAIL${RCPT}DATA\r\nSubject: x\r\n\r\n..dot\r\n.dat\r\n..\r\nend\r\n.\r\nNOOP\r\n"
  assertEquals "$(printf 'Subject: x\r\n\r\n.dot\r\ndat\r\n.\r\nend\r\n' | od -c)" "$(content "$(message)" | od -c)"
  id=$(basename "$(message)")
  assertContains "$(cat "$(message)")" "$(printf 'Received: from c.example ([192.0.2.7])\r\n\tby mx.sluice.example with ESMTP id %s\r\n\tfor <x@customer.example>; ' "$id")"
  said "]: $id: client=unknown[192.0.2.7]
"
  assertContains "$(head -n 1 "$(message)")" ' --d-'
  assertEquals 660 "$(stat -c %a "$(message)")"
}

testTraceHeader() {
  export TCPREMOTEIP=2001:db8::7
  assertEquals '220, 250, 250 2.1.0, 250 2.1.5, 250 2.1.5, 354, 250 2.0.0' \
    "$(replies "HELO [192.0.2.1]\r\n$MAIL${RCPT}RCPT TO:<y@customer.example>\r\nDATA\r\n.\r\n")"
  trace=$(sed -n '/^Received/,$p' "$(message)" | tr -d '\r')
  assertContains "$trace" 'Received: from [192.0.2.1] ([IPv6:2001:db8::7])'
  assertContains "$trace" 'by mx.sluice.example with SMTP id'
  assertNotContains "$trace" 'for <'
  assertEquals 3 "$(echo "$trace" | wc -l)"
  rm "$(message)"
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "MAIL FROM:<> SMTPUTF8\r\n${RCPT}DATA\r\n.\r\n"
  assertContains "$(cat "$(message)")" 'with UTF8SMTP id'
}

testSeveralMessages() {
  one="$MAIL${RCPT}DATA\r\nx\r\n.\r\n"
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0' "$one${one}QUIT\r\n"
  assertEquals 2 "$(messages)"
}

testPipelinedRefusal() {
  codes '250 2.1.0, 554 5.7.1, 554 5.5.1, 250 2.0.0, 250 2.1.0, 250 2.1.5, 354, 250 2.0.0' \
    "${MAIL}RCPT TO:<x@no.example>\r\nDATA\r\nRSET\r\n$MAIL${RCPT}DATA\r\nx\r\n.\r\n"
}

# Whatever another server may take for the end of a message, or of a line, is refused as a whole.
testSmuggling() {
  for end in '\n.\n' '\n.\r\n' '\r\n.\n' '\r.\r' '\r.\r\n' '\r\n.\r' '\r\r\n.\r\r\n' '\n\r\n.\n' '\r\n.\r\r\n' '\n.\r' '\r\n\000.\n' '\r\n.\r.\r\n'; do
    codes '250 2.1.0, 250 2.1.5, 354, 550 5.5.2, 250 2.0.0' \
      "$MAIL${RCPT}DATA\r\nx${end}MAIL FROM:<evil@b.example>\r\n${RCPT}DATA\r\nevil\r\n.\r\nNOOP\r\n"
  done
  assert_nothing_kept
  codes '250 2.1.0, 250 2.1.5, 250 2.0.0, 550 5.5.2, 250 2.0.0' "$MAIL${RCPT}BDAT 2\r\na\rBDAT 1 LAST\r\nbNOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 550 5.5.2, 250 2.0.0' "$MAIL${RCPT}BDAT 3 LAST\r\na\nbNOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 550 5.5.2, 250 2.0.0' "$MAIL${RCPT}BDAT 2 LAST\r\na\rNOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 250 2.0.0, 250 2.0.0, 250 2.0.0' "$MAIL${RCPT}BDAT 2\r\na\rBDAT 1 LAST\r\n\nNOOP\r\n"
}

testHops() {
  hops() { i=0; while [ $i -lt "$1" ]; do printf 'rEceived: by x%d\\r\\n' $i; i=$((i + 1)); done; }
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "$MAIL${RCPT}DATA\r\n$(hops 100)\r\nReceived: in the body\r\n.\r\n"
  codes '250 2.1.0, 250 2.1.5, 354, 554 5.4.6' "$MAIL${RCPT}DATA\r\n$(hops 101)\r\n.\r\n"
  assertEquals 1 "$(messages)"
}

testSizeLimit() {
  conf databytes 1000
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "$MAIL${RCPT}DATA\r\n.$(long 995 .)\r\n..\r\n.\r\n" # the dot is not counted
  rm -f "$I"/queue/new/*
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "$MAIL${RCPT}DATA\r\n$(long 998)\r\n.\r\n"
  rm -f "$I"/queue/new/*
  codes '250 2.1.0, 250 2.1.5, 354, 552 5.3.4, 250 2.0.0' "$MAIL${RCPT}DATA\r\n$(long 999)\r\n.\r\nNOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 354, 552 5.3.4, 250 2.0.0' "$MAIL${RCPT}DATA\r\n$(long 200000)\r\n.\r\nNOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 552 5.3.4, 250 2.0.0' "$MAIL${RCPT}BDAT 1001 LAST\r\n$(long 1001)NOOP\r\n"
  codes '250 2.1.0, 250 2.1.5, 250 2.0.0, 552 5.3.4, 503 5.5.1, 250 2.0.0' \
    "$MAIL${RCPT}BDAT 1000\r\n$(long 1000)BDAT 1\r\nxBDAT 0 LAST\r\nNOOP\r\n"
  assert_nothing_kept
}

testLostInData() {
  assertEquals '220, 250, 250 2.1.0, 250 2.1.5, 354' "$(replies "HELO x\r\n$MAIL${RCPT}DATA\r\nfoo\r\n")"
  said 'lost connection after DATA'
  assertEquals '220, 250, 250 2.1.0, 250 2.1.5, 250 2.0.0' "$(replies "HELO x\r\n$MAIL${RCPT}BDAT 1\r\nxBDAT 9 LAST\r\nfoo\r\n")"
  assert_nothing_kept
}

# --- the log --------------------------------------------------------------------------

# log_is LINE...: this, and nothing else, each with the program and one process's number before it.
log_is() {
  pid=$(sed -n '1s/^smtpd-etrn\[\([1-9][0-9]*\)\]: .*/\1/p' "$T/err")
  assertEquals "$(printf "smtpd-etrn[$pid]: %s\n" "$@")" "$(cat "$T/err")"
}

# In the words of Postfix, which analysers of logs read.
testLog() {
  TCPREMOTEIP=192.0.2.7 codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 250 2.1.0, 501 5.1.3, 503 5.5.1, 500 5.5.2, 500 5.5.2, 221 2.0.0' \
    "$MAIL${RCPT}DATA\r\nMessage-ID:\r\n <\033[1m,\303\274@x>\r\n\r\nMessage-ID: <z@x>\r\n.\r
${MAIL}RCPT TO:<x\r\nMAIL FROM:<>\r\nX\r\n\001\r\nQUIT\r\n"
  id=$(basename "$(message)")
  log_is 'connect from unknown[192.0.2.7]' "$id: client=unknown[192.0.2.7]" "$id: message-id=<?[1m,ü@x>" \
    'disconnect from unknown[192.0.2.7] ehlo=1 mail=2/3 rcpt=1/2 data=1 quit=1 unknown=0/2 commands=6/10'
}

testLogRejects() {
  conf databytes 100
  codes '552 5.3.4, 250 2.1.0, 554 5.7.1, 250 2.1.5, 354, 550 5.5.2, 250 2.1.0, 250 2.1.5, 552 5.3.4, 459' \
    "MAIL FROM:<a@b.example> SIZE=101\r\n${MAIL}RCPT TO:<x@y.example>\r\n${RCPT}DATA\r\nx\n.\r\n.\r\n$MAIL${RCPT}BDAT 101 LAST\r
$(long 101)ETRN y.example\r\n"
  sed -i 's/: [0-9a-v]\{14\}: /: ID: /' "$T/err"
  log_is 'connect from unknown[127.0.0.1]' \
    'NOQUEUE: reject: MAIL from unknown[127.0.0.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b.example> proto=ESMTP helo=<c.example>' \
    'NOQUEUE: reject: RCPT from unknown[127.0.0.1]: 554 5.7.1 <x@y.example>: Relay access denied; from=<a@b.example> to=<x@y.example> proto=ESMTP helo=<c.example>' \
    'ID: reject: DATA from unknown[127.0.0.1]: 550 5.5.2 <DATA>: Data command rejected: bare <CR> or <LF> received; from=<a@b.example> proto=ESMTP helo=<c.example>' \
    'ID: reject: DATA from unknown[127.0.0.1]: 552 5.3.4 Message size exceeds fixed limit; from=<a@b.example> proto=ESMTP helo=<c.example>' \
    'NOQUEUE: reject: ETRN from unknown[127.0.0.1]: 459 <y.example>: Etrn command rejected: service unavailable; proto=ESMTP helo=<c.example>' \
    'lost connection after ETRN from unknown[127.0.0.1]' \
    'disconnect from unknown[127.0.0.1] ehlo=1 mail=2/3 rcpt=2/3 data=0/1 bdat=0/1 etrn=0/1 commands=5/10'
}

testLogOfALocalUser() {
  printf 'EHLO c.example\r\n%bQUIT\r\n' "$MAIL${RCPT}DATA\r\nMessage-ID: <a@x>\r\n\r\n.\r\n" |
    socat -t 10 - "EXEC:$BIN/smtpd-etrn -C $I" 2>"$T/err" >"$T/got"
  id=$(basename "$(message)")
  who="local[uid=$(id -u)]"
  log_is "connect from $who" "$id: uid=$(id -u) from=<a@b.example>" "$id: message-id=<a@x>" \
    "disconnect from $who ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"
}

# So much of an id is kept; what else is in the line is not lost.
testLogOfALongId() {
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0' "$MAIL${RCPT}DATA\r\nMessage-ID: <$(long 5000)>\r\n.\r\n"
  said ": message-id=<$(long 249)
"
}

# --- BDAT ---------------------------------------------------------------------------

testBdat() {
  dialogue <<'END'
< EHLO [192.0.2.1]
> 250-mx.sluice.example
> 250-SIZE 104857600
> 250-PIPELINING
> 250-ETRN
> 250-ENHANCEDSTATUSCODES
> 250-8BITMIME
> 250-DSN
> 250-SMTPUTF8
> 250-CHUNKING
> 250 HELP
< MAIL FROM:<a@b.example>
> 250 2.1.0 Ok
< RCPT TO:<x@customer.example>
> 250 2.1.5 Ok
< BDAT 0
> 250 2.0.0 Ok: 0 octets received
< bdat 12
> 250 2.0.0 Ok: 12 octets received
< Subject: x
< RCPT TO:<y@customer.example>
> 503 5.5.1 Error: RCPT after BDAT
< DATA
> 503 5.5.1 Error: DATA after BDAT
< MAIL FROM:<a@b.example>
> 503 5.5.1 Error: nested MAIL command
< ETRN customer.example
> 503 5.5.1 Error: MAIL transaction in progress
< NOOP
> 250 2.0.0 Ok
< BDAT 11  last
> 250 2.0.0 Ok: queued as ID
< 
< .
< QUIT
< NOOP
> 250 2.0.0 Ok
END
  assertEquals "$(printf 'Subject: x\r\n\r\n.\r\nQUIT\r\n' | od -c)" "$(content "$(message)" | od -c)"
}

testBdatWithoutEnd() {
  codes '250 2.1.0, 250 2.1.5, 250 2.0.0' "$MAIL${RCPT}BDAT 3 LAST\r\nabc"
  assertEquals abc "$(content "$(message)")"
  assertContains "$(head -n 1 "$(message)")" ' ---e'
  rm "$(message)"
  codes '250 2.1.0, 250 2.1.5, 250 2.0.0' "$MAIL${RCPT}BDAT 0 LAST\r\n"
  assertEquals '' "$(content "$(message)")"
}

# The octets of a refused chunk are never taken for commands.
testBdatRefused() {
  codes '503 5.5.1, 250 2.0.0' 'BDAT 6\r\nQUIT\r\nNOOP\r\n'
  codes '250 2.1.0, 503 5.5.1, 503 5.5.1, 503 5.5.1, 250 2.0.0, 250 2.1.0' \
    "${MAIL}BDAT 6\r\nQUIT\r\n${RCPT}BDAT 6\r\nQUIT\r\nRSET\r\n$MAIL"
  codes '250 2.1.0, 554 5.7.1, 554 5.5.1, 503 5.5.1, 250 2.1.0' \
    "${MAIL}RCPT TO:<x@no.example>\r\nBDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n$MAIL"
  codes '250 2.1.0, 250 2.1.5, 501 5.5.4, 503 5.5.1, 250 2.1.0' \
    "$MAIL${RCPT}BDAT 6 LAXT\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\n$MAIL"
  codes '250 2.1.0, 250 2.1.5, 501 5.5.4, 501 5.5.4, 501 5.5.4, 501 5.5.4, 250 2.0.0' \
    "$MAIL${RCPT}BDAT\r\nBDAT LAST\r\nBDAT x\r\nBDAT -1\r\nBDAT 0 LAST\r\n"
  for odd in 6LAST 6,LAST '6\tLAST' '6 LAST LAST'; do
    codes '250 2.1.0, 250 2.1.5, 501 5.5.4, 250 2.0.0' "$MAIL${RCPT}BDAT $odd\r\nQUIT\r\nRSET\r\n"
  done
}

testBdatHuge() {
  codes '250 2.1.0, 250 2.1.5, 501 5.5.4, 421 4.7.0' "$MAIL${RCPT}BDAT 99999999999999999999999\r\nQUIT\r\n"
}

# A client that has sent hundreds of chunks before it hears of the first one's fate is no nuisance.
testBdatManyRefused() {
  many=$(i=0; while [ $i -lt 50 ]; do printf 'BDAT 3\\r\\nabc'; i=$((i + 1)); done)
  assertEquals '1 220, 1 250, 51 503 5.5.1, 1 250 2.0.0' "$(replies "HELO x\r\n${many}BDAT 3 LAST\r\nabcNOOP\r\n" |
    sed 's/, /\n/g' | uniq -c | sed 's/^ *//' | tr '\n' ',' | sed 's/,$//; s/,/, /g')"
}

# --- ETRN ---------------------------------------------------------------------------

testEtrn() {
  conf queues 'all customer.example other.example' 'foreign other.example elsewhere.example'
  dialogue <<'END'
< HELO c.example
> 250 mx.sluice.example
< ETRN customer.example
> 250 OK, queuing for node customer.example started
< etrn Other.Example.
> 250 OK, queuing for node Other.Example. started
< ETRN @Customer.example
> 250 OK, queuing for node @Customer.example started
< ETRN #all
> 250 OK, queuing for node #all started
< ETRN a.customer.example
> 250 OK, queuing for node a.customer.example started
< ETRN
> 500 Syntax: ETRN domain
< ETRN a.example b.example
> 500 Syntax: ETRN domain
< ETRN elsewhere.example
> 459 <elsewhere.example>: service unavailable
< ETRN @example
> 459 <@example>: service unavailable
< ETRN #foreign
> 459 <#foreign>: service unavailable
< ETRN #none
> 459 <#none>: service unavailable
< ETRN acustomer.example
> 459 <acustomer.example>: service unavailable
< QUIT
> 221 2.0.0 Bye
END
  assertEquals '@customer.example a.customer.example customer.example other.example' "$(asked_names)"
  said 'flush customer.example asked for by unknown[127.0.0.1]: 0 waiting'
  said 'flush @Customer.example asked for by unknown[127.0.0.1]'
  said 'NOQUEUE: reject: ETRN from unknown[127.0.0.1]: 459 <#none>: Etrn command rejected: service unavailable; proto=SMTP helo=<c.example>'
}

testEtrnSyntax() {
  for bad in @ '#' @@customer.example '#a/b' ../customer.example customer..example .customer.example '[192.0.2.1]' \
    -customer.example '<customer.example>' "$(long 64).example" 192.0.2.1 '=1j0olc3or3kego' '*' 'a\377.example'; do
    assertEquals "$bad" '220, 250, 501' "$(replies "HELO x\r\nETRN $bad\r\n")"
  done
  assertEquals '' "$(asked_names)"
}

testEtrnNames() {
  conf relaydomains 'bücher.example'
  assertContains "$(printf 'HELO x\r\nETRN B\303\234cher.example\r\n' | serve)" '250 OK, queuing for node xn--bcher-kva.example started'
  assertContains "$(printf 'HELO x\r\nETRN @b\303\274cher.example\r\n' | serve)" '250 OK, queuing for node @xn--bcher-kva.example started'
  assertEquals '@xn--bcher-kva.example xn--bcher-kva.example' "$(asked_names)"
}

testEtrnClients() {
  for ip in 127.0.0.1 127.3.2.1 ::1 192.0.2.1 2001:db8::1; do
    assertEquals "$ip" '220, 250, 250' "$(TCPREMOTEIP=$ip replies 'HELO x\r\nETRN customer.example\r\n')"
  done
  for ip in 203.0.113.1 ::2 198.51.100.1; do
    assertEquals "$ip" '220, 250, 459' "$(TCPREMOTEIP=$ip replies 'HELO x\r\nETRN customer.example\r\n')"
  done
  conf flushclients 203.0.113.1
  assertEquals '220, 250, 250' "$(TCPREMOTEIP=203.0.113.1 replies 'HELO x\r\nETRN customer.example\r\n')"
  assertEquals '220, 250, 459' "$(TCPREMOTEIP=127.0.0.1 replies 'HELO x\r\nETRN customer.example\r\n')"
}

testEtrnDomains() {
  conf flushdomains other.example
  assertEquals '220, 250, 250, 459' "$(replies 'HELO x\r\nETRN other.example\r\nETRN customer.example\r\n')"
}

testEtrnCounts() {
  conf etrncounts 1
  conf queues 'q customer.example other.example'
  printf '1j0olc3or3kego\n1j0olc3or3kegp\n' >"$I/queue/flush/customer.example"
  printf '1j0olc3or3kegq\n' >"$I/queue/claim/customer.example"
  printf '1j0olc3or3kegq\n' >"$I/queue/claim/a.customer.example"
  dialogue <<'END'
< HELO c.example
> 250 mx.sluice.example
< ETRN customer.example
> 253 OK, 3 pending messages for node customer.example started
< ETRN @customer.example
> 253 OK, 4 pending messages for node @customer.example started
< ETRN other.example
> 251 OK, no messages waiting for node other.example
< ETRN #q
> 253 OK, 3 pending messages for node #q started
< QUIT
> 221 2.0.0 Bye
END
}

testEtrnNotDurable() {
  rmdir "$I/queue/asked"
  dialogue <<'END'
< HELO c.example
> 250 mx.sluice.example
< ETRN customer.example
> 458 Unable to queue messages for node customer.example
< QUIT
> 221 2.0.0 Bye
END
  said 'unable to ask for a flush of customer.example: No such file or directory'
}

# --- errors, waits, signals ---------------------------------------------------------

begin_errors() { aside errors replies "HELO x\r\n$(repeated 22 X)"; }
testErrors() {
  slowed
  took=$(cat "$T/errors.took")
  assertEquals "1 220
1 250
20 500 5.5.2
1 421 4.7.0" "$(sed 's/, /\n/g' "$T/errors.got" | uniq -c | sed 's/^ *//')"
  assertTrue "took $took s" "[ $took -ge 9 ]"
  assertContains "$(cat "$T/errors.err")" 'too many errors after UNKNOWN'
}

# A browser can be made to send what it likes, but not before its own protocol has had its line.
testOtherProtocols() {
  mail="${MAIL}${RCPT}DATA\r\nx\r\n.\r\nETRN customer.example\r\n"
  for line in 'GET / HTTP/1.1' 'POST /?x HTTP/1.1' 'put /' 'CONNECT mx:25 HTTP/1.1' 'OPTIONS * HTTP/1.1' 'HEAD / HTTP/1.0' \
    'PRI * HTTP/2.0' 'PATCH /' 'PROPFIND / HTTP/1.1' 'Host: 127.0.0.1:25' 'Content-Type: text/plain' 'X:' '\026\003\001\002\000\001'; do
    assertEquals "$line" '220, 421 4.7.0' "$(replies "$line\r\nEHLO x\r\n$mail")"
    said "warning: non-SMTP command from unknown[127.0.0.1]: "
    assertEquals "$line" '220, 250, 421 4.7.0' "$(replies "HELO x\r\n$line\r\n$mail")"
    assertEquals "$line" '220, 250, 250 2.1.0, 421 4.7.0' "$(replies "HELO x\r\n${MAIL}$line\r\n${RCPT}DATA\r\nx\r\n.\r\n")"
  done
  long=$(head -c 5000 /dev/zero | tr '\0' x)
  assertEquals 'a long one' '220, 421 4.7.0' "$(replies "GET /$long HTTP/1.1\r\nHELO x\r\n$mail")"
  assertEquals 'by bare LF' '220, 421 4.7.0' "$(replies "GET / HTTP/1.1\nHost: x\n\nHELO x\r\n$mail")"
  assertEquals 0 "$(messages)"
  assertEquals '' "$(ls "$I/queue/asked")"
}

# TLS from the first octet on, where there is none: the client is told at once, and of its octets nothing is in the log.
testHandshake() {
  mkfifo "$T/fifo"
  { printf '\026\003\001\002\000\001\000\001\374\003\003\033\233\377' && exec sleep 20; } >"$T/fifo" &
  slow=$!
  began=$(date +%s)
  serve <"$T/fifo" >"$T/got"
  took=$(($(date +%s) - began))
  kill "$slow"
  wait "$slow" 2>/dev/null
  rm "$T/fifo"
  assertTrue "took $took s" "[ $took -lt 10 ]"
  assertContains "$(cat "$T/got")" '421 4.7.0 mx.sluice.example Error: this is SMTP'
  said 'warning: non-SMTP command from unknown[127.0.0.1]: a TLS handshake
'
  assertEquals 'plain text' '' "$(LC_ALL=C grep -av '^[ -~]*$' "$T/err")"
  # what does not come at once
  { printf '\026' && sleep 1 && printf '\003\001\002\000\033\233\377\r\n'; } | serve >"$T/got"
  assertContains "$(cat "$T/got")" '421 4.7.0'
  assertEquals 'plain text' '' "$(LC_ALL=C grep -av '^[ -~]*$' "$T/err")"
}

# Another protocol that waits for nobody's line ends but its own.
testSecureShell() {
  codes '500 5.5.2, 500 5.5.2, 221 2.0.0' 'SSH-2.0-OpenSSH_9.2\r\n\000\000\005\264\024\033\233\377\r\nQUIT\r\n'
  assertEquals 'plain text' '' "$(LC_ALL=C grep -av '^[ -~]*$' "$T/err")"
}

# Where the customer's server would send it on, since it trusts us.
testRouted() {
  for local in 'user%else.example' '"user@else.example"' 'else.example!user' '"a\\@b"' '"a%b"' 'a%' '!a' 'a@b@c' '"a b!c"' '%'; do
    case $local in a@b@c) refusal='501 5.1.3';; *) refusal='554 5.7.1';; esac
    said_so=$(printf %s "$local" | sed 's/%/%%/g; s/\\/\\\\/g')
    text="${MAIL}RCPT TO:<@x.example,@y.example:$said_so@customer.example>\r\nRCPT TO:<$said_so@sub.customer.example>\r\n"
    for ip in 203.0.113.5 2001:db9::1; do
      TCPREMOTEIP=$ip codes "250 2.1.0, $refusal, $refusal" "$text"
    done
    [ "$local" = a@b@c ] || TCPREMOTEIP=192.0.2.7 codes '250 2.1.0, 250 2.1.5, 250 2.1.5' "$text"
    conf percenthack 1
    [ "$local" = a@b@c ] || TCPREMOTEIP=203.0.113.5 codes '250 2.1.0, 250 2.1.5, 250 2.1.5' "$text"
    conf percenthack
  done
  conf recipients user%else.example@customer.example
  TCPREMOTEIP=203.0.113.5 codes '250 2.1.0, 554 5.7.1' "${MAIL}RCPT TO:<user%%else.example@customer.example>\r\n"
  said 'Source routing is not allowed'
  conf lenient 1
  TCPREMOTEIP=203.0.113.5 codes '250 2.1.0, 554 5.7.1' "${MAIL}RCPT TO:..user%%else.example@customer.example\r\n"
  conf percenthack maybe
  TCPREMOTEIP=203.0.113.5 replies "HELO x\r\n${MAIL}RCPT TO:<user%%else.example@customer.example>\r\n" >"$T/got"
  said 'percenthack'
  assertContains "$(cat "$T/got")" '421 4.3.5'
}

# Where to a notice would go, by way of the customer's server.
testSenderRouted() {
  for local in 'user%%else.example' '"user@else.example"' 'else.example!user'; do
    for domain in customer.example sub.customer.example; do
      TCPREMOTEIP=203.0.113.5 codes '554 5.7.1, 503 5.5.1' "MAIL FROM:<$local@$domain>\r\n$RCPT"
      TCPREMOTEIP=192.0.2.7 codes '250 2.1.0, 250 2.1.5' "MAIL FROM:<$local@$domain>\r\n$RCPT"
    done
    TCPREMOTEIP=203.0.113.5 codes '250 2.1.0, 250 2.1.5' "MAIL FROM:<$local@elsewhere.example>\r\n$RCPT"
    conf percenthack 1
    TCPREMOTEIP=203.0.113.5 codes '250 2.1.0, 250 2.1.5' "MAIL FROM:<$local@customer.example>\r\n$RCPT"
    conf percenthack
  done
}

# Content may hold any such line.
testOtherProtocolsInContent() {
  codes '250 2.1.0, 250 2.1.5, 354, 250 2.0.0, 221 2.0.0' "${MAIL}${RCPT}DATA\r\nGET / HTTP/1.1\r\nHost: x\r\n.\r\nQUIT\r\n"
}

# repeated N COMMAND...: each of them so often, for printf.
repeated() {
  repeated_n=$1
  shift
  for command; do
    i=0
    while [ $((i += 1)) -le "$repeated_n" ]; do printf '%s\\r\\n' "$command"; done
  done
}

# What is no error and gets nothing done is one in the end, unless a message is taken.
begin_junk() {
  good="$MAIL${RCPT}DATA\r\n.\r\n"
  aside often replies "$(repeated 20 NOOP RSET 'VRFY x' HELP 'HELO x' 'EHLO x')QUIT\r\n"
  aside less replies "$(repeated 20 RSET 'VRFY x' HELP 'HELO x' 'EHLO x')$(repeated 19 NOOP)QUIT\r\n"
  aside nothing replies "HELO x\r\n$MAIL$RCPT$(repeated 119 'BDAT 0')QUIT\r\n"
  aside refused replies "HELO x\r\n$MAIL${RCPT}BDAT 0 x\r\n$(repeated 118 'BDAT 0')QUIT\r\n"
  aside between replies "HELO x\r\n$(repeated 90 NOOP)$good$(repeated 90 NOOP)$good$(repeated 90 RSET)QUIT\r\n"
}
testJunk() {
  slowed
  assertContains 'so often' "$(cat "$T/often.got")" '421 4.7.0'
  assertContains "$(cat "$T/often.err")" 'too many errors after EHLO'
  assertContains 'once less' "$(cat "$T/less.got")" '221 2.0.0'
  assertContains 'chunks of nothing' "$(cat "$T/nothing.got")" '421 4.7.0'
  assertContains 'refused ones' "$(cat "$T/refused.got")" '421 4.7.0'
  assertContains 'with messages in between' "$(cat "$T/between.got")" '221 2.0.0'
}

# A message taken shows good will.
testErrorsForgiven() {
  bad=$(i=0; while [ $i -lt 9 ]; do printf 'X\\r\\n'; i=$((i + 1)); done)
  good="$MAIL${RCPT}DATA\r\n.\r\n"
  began=$(date +%s)
  replies "HELO x\r\n$bad$good$bad$good${bad}QUIT\r\n" >"$T/got"
  took=$(($(date +%s) - began))
  assertTrue "took $took s" "[ $took -lt 9 ]"
  assertContains "$(cat "$T/got")" '221 2.0.0'
}

# Nor is who asks for what it may have flushed ended for the one name in ten that it may not, or for what is between.
begin_etrn() { aside none_of_it replies "HELO x\r\n$(repeated 20 'ETRN gone.example')QUIT\r\n"; }
testErrorsForgivenForEtrn() {
  ten="$(repeated 9 'ETRN customer.example')ETRN gone.example\r\n"
  replies "HELO x\r\n$(i=0; while [ $((i += 1)) -le 30 ]; do printf %s "$ten"; done)QUIT\r\n" >"$T/got"
  assertEquals 'all are answered' '271 250, 30 459' "$(sed 's/, /\n/g' "$T/got" | sort | uniq -c | sed -n 's/^ *\(.* \(250\|459\)\)$/\1/p' | paste -s -d, | sed 's/,/, /')"
  replies "HELO x\r\n$(repeated 110 NOOP)ETRN customer.example\r\n$(repeated 110 NOOP)QUIT\r\n" >"$T/got"
  assertContains 'with NOOP in between' "$(cat "$T/got")" '221 2.0.0'
  conf etrncounts 1
  replies "HELO x\r\n$(repeated 9 'ETRN gone.example')ETRN customer.example\r\n$(repeated 9 'ETRN gone.example')QUIT\r\n" >"$T/got"
  assertContains 'nothing waits' "$(cat "$T/got")" '221 2.0.0'
  slowed
  assertContains 'none of it' "$(cat "$T/none_of_it.got")" '421 4.7.0'
}

# slowly TEXT...: printf's output of each, half a second apart, then nothing for long.
slowly() {
  for text; do
    # shellcheck disable=SC2059
    printf "$text" && sleep 0.5
  done
  exec sleep 20
}

# waits_for TEXT...: aside, the server with such a client, its exit code behind what it says.
waits_for() {
  mkfifo "$T/$aside_name.fifo"
  slowly "$@" >"$T/$aside_name.fifo" 2>/dev/null &
  slow=$!
  serve <"$T/$aside_name.fifo"
  echo "exit code $?"
  kill "$slow" 2>/dev/null
  wait "$slow" 2>/dev/null
  rm "$T/$aside_name.fifo"
}

# gave_up INSTANCE NAME...: there the server, with timeouts of a second or two, gave up on the client.
gave_up() {
  slowed
  assertEquals 'left in the queue' '' "$(find "$T/$1/queue/tmp" "$T/$1/queue/new" -type f)"
  shift
  for name; do
    assertEquals "$name" "421 4.4.2 mx.sluice.example Error: timeout exceeded
exit code 0" "$(tail -n 2 "$T/$name.got" | tr -d '\r')"
    took=$(cat "$T/$name.took")
    assertTrue "$name: took $took s" "[ $took -lt 8 ]"
    assertContains "$name" "$(cat "$T/$name.err")" 'timeout after'
  done
}

begin_timeouts() {
  conf timeouts 'command 1' 'receive 1'
  aside nothing-said waits_for ''
  aside after-helo waits_for 'HELO x\r\n'
  aside octets waits_for N O O P ' ' x x x x x x x x x x x x
  aside data waits_for "HELO x\r\n$MAIL${RCPT}DATA\r\n"
  aside data-lines waits_for "HELO x\r\n$MAIL${RCPT}DATA\r\n" 'x\r\n' 'x\r\n' 'x\r\n' 'x\r\n' 'x\r\n' 'x\r\n' 'x\r\n' 'x\r\n'
  aside bdat waits_for "HELO x\r\n$MAIL${RCPT}BDAT 100\r\n" x x x x x x x x x x x x
  aside bdat-refused waits_for "HELO x\r\nBDAT 100\r\n" x x x x x x x x x x x x
}
testTimeouts() {
  gave_up slow.timeouts nothing-said after-helo octets data data-lines bdat bdat-refused
}

said_last() { grep -q "^$1" "$T/got"; }

# stopped WHAT REPLY TEXT: SIGTERM once REPLY was given to TEXT.
stopped() {
  : >"$T/got"
  mkfifo "$T/fifo"
  slowly "$3" >"$T/fifo" &
  slow=$!
  "$BIN/smtpd-etrn" -C "$I" <"$T/fifo" >"$T/got" 2>"$T/err" &
  server=$!
  wait_for 10 said_last "$2"
  kill -TERM "$server"
  wait "$server"
  assertEquals "$1: exit code" 0 $?
  kill "$slow" 2>/dev/null
  wait "$slow" 2>/dev/null
  rm "$T/fifo"
  assertContains "$1" "$(tail -n 1 "$T/got")" '421 4.3.2 mx.sluice.example'
  assert_nothing_kept
}

testStop() {
  stopped greeting 220 ''
  stopped command 250 'HELO x\r\n'
  stopped DATA 354 "HELO x\r\n$MAIL${RCPT}DATA\r\nfoo\r\n"
  stopped BDAT '250 2.0.0' "HELO x\r\n$MAIL${RCPT}BDAT 1\r\nxBDAT 10 LAST\r\nx"
  stopped tarpit 250 "HELO x\r\n$(i=0; while [ $i -lt 11 ]; do printf 'X\\r\\n'; i=$((i + 1)); done)"
}

# flooded: a client that keeps its pipe full, of a line without an end.
flooded() {
  "$BIN/smtpd-etrn" -C "$I" </dev/zero >"$T/got" 2>"$T/err" &
  server=$!
  wait_for 10 said_last 220
}

# flood_ends WHAT REPLY: so it is for the server.
flood_ends() {
  assertTrue "$1: ends" "wait_for 20 gone $server"
  kill -KILL "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  assertContains "$1" "$(tail -n 1 "$T/got")" "$2 mx.sluice.example"
}

# The clock and SIGTERM are looked at though there is always something to read.
testClientKeepsThePipeFull() {
  conf timeouts 'command 1'
  flooded
  flood_ends 'the time is up' '421 4.4.2'
  conf timeouts
  flooded
  kill -TERM "$server"
  flood_ends 'told to stop' '421 4.3.2'
}

testSuperServerStops() {
  free_port PORT
  SLUICE=$I tcpserver -H -R -l 0 127.0.0.1 "$PORT" "$BIN/smtpd-etrn" 2>"$T/err" &
  super=$!
  wait_for 10 greets
  mkfifo "$T/fifo"
  socat - "TCP:127.0.0.1:$PORT" <"$T/fifo" >"$T/got" &
  talker=$!
  exec 9>"$T/fifo"
  printf 'NOOP\r\n' >&9
  wait_for 10 said_last '250 2.0.0'
  kill "$super"
  wait "$super" 2>/dev/null
  wait_for 10 said_last '421 4.3.2'
  assertContains "$(cat "$T/got")" '421 4.3.2 mx.sluice.example'
  assertTrue 'the session goes on' "wait_for 5 no_session"
  exec 9>&-
  wait "$talker"
  rm "$T/fifo"
}
no_session() {
  running=$(tests/peer/running "$T") # first: grep itself would be among them
  ! echo "$running" | grep -qF "$BIN/smtpd-etrn "
}

# All of 0, 1 and 2 the connection, as inetd has it; and a UNIX socket: somebody on this host.
testInetd() {
  printf 'HELO x\r\nMAIL FROM:<>\r\nXYZZY\r\nETRN customer.example\r\nRSET\r\nETRN customer.example\r\nQUIT\r\n' |
    socat -t 10 - "EXEC:$BIN/smtpd-etrn -C $I,stderr" | plain >"$T/got"
  assertEquals '220 mx.sluice.example ESMTP sluice
250 mx.sluice.example
250 2.1.0 Ok
500 5.5.2 Error: command not recognized
503 5.5.1 Error: MAIL transaction in progress
250 2.0.0 Ok
250 OK, queuing for node customer.example started
221 2.0.0 Bye' "$(cat "$T/got")"
}

# --- many connections of one client -------------------------------------------------

# Below tcpserver at PORT, with these options of its own, until super_end.  Its log is $T/err.
super_begin() {
  free_port PORT
  rm -f "$T"/client.*
  SLUICE=$I tcpserver "$@" -H -R -l 0 127.0.0.1 "$PORT" "$BIN/smtpd-etrn" 2>"$T/err" &
  super=$!
  clients=
  wait_for 10 port_taken "$PORT"
}

super_end() {
  # shellcheck disable=SC2086 # several
  kill $clients "$super" 2>/dev/null
  # shellcheck disable=SC2086
  wait $clients "$super" 2>/dev/null
  wait_for 10 no_session
}

# client NAME ADDRESS: one that connects from there and stays; what it is told is in $T/client.NAME, and nothing that one
# of that name was told before.
client() {
  rm -f "$T/client.$1"
  socat -u "TCP:127.0.0.1:$PORT,bind=$2" "OPEN:$T/client.$1,creat,trunc" &
  client=$!
  clients="$clients $client"
}

told() { wait_for 10 test -s "$T/client.$1"; tr -d '\r' <"$T/client.$1"; }
# greeted NAME ADDRESS, refused NAME ADDRESS: a client that stays, and one that is not let in.
greeted() { client "$@" && assertEquals "$1" '220 mx.sluice.example ESMTP sluice' "$(told "$1")"; }
refused() {
  client "$@"
  assertEquals "$1" "421 4.7.0 mx.sluice.example Error: too many connections from $2" "$(told "$1")"
  wait "$client" # it is closed, too
}
# A client gets in sooner or later: where another one has just gone.
gets_in() { client "$@" && told "$1" | grep -q '^220'; }

# A client's place is kept for long where much was logged of it, but not when all is to end.
testStoppedWhileItHoldsThePlace() {
  conf concurrencyclient 50
  super_begin
  for i in 1 2 3 4 5 6 7 8 9; do greeted $i 127.0.0.9; done
  printf 'HELO x\r\nMAIL FROM:<>\r\n%b' "$(repeated 10 'RCPT TO:<x@no.example>')QUIT\r\n" |
    socat -t 10 - "TCP:127.0.0.1:$PORT,bind=127.0.0.9" >"$T/got"
  assertContains "$(cat "$T/got")" '221 2.0.0'
  session=$(sed -n 's/^.*smtpd-etrn\[\([0-9]*\)\]: disconnect .*/\1/p' "$T/err")
  assertTrue "kept: $(cat "$T/err")" "kill -0 $session"
  kill "$session"
  assertTrue 'ended' "wait_for 3 eval '! kill -0 $session 2>/dev/null'"
  super_end
}

testTooManyConnections() {
  conf concurrencyclient 3
  super_begin
  greeted 1 127.0.0.9
  first=$client
  greeted 2 127.0.0.9
  greeted 3 127.0.0.9
  refused 4 127.0.0.9
  greeted other 127.0.0.10
  assertEquals 1 "$(grep -c ': warning: Connection concurrency limit exceeded: 4 from unknown\[127.0.0.9\] for service smtp$' "$T/err")"
  wait_for 10 grep -q 'disconnect from unknown\[127.0.0.9\] commands=0/0' "$T/err"
  said 'disconnect from unknown[127.0.0.9] commands=0/0'

  kill "$first"
  assertTrue 'one has gone' "wait_for 20 gets_in 5 127.0.0.9"
  refused 6 127.0.0.9
  kill -9 "$(sed -n 's/^smtpd-etrn\[\([0-9]*\)\]: connect from unknown\[127.0.0.9\]$/\1/p' "$T/err" | sed -n 2p)"
  assertTrue 'one was killed' "wait_for 20 gets_in 7 127.0.0.9"
  refused 8 127.0.0.9
  super_end
}

# The default is not meant for this host itself; what is said is.
testThisHostIsLimitedWhenSaid() {
  conf concurrencyclient
  super_begin -c 100
  i=0; while [ $((i = i + 1)) -le 51 ]; do client "$i" 127.0.0.1; done
  assertContains "$(told 51)" '220 '
  super_end
  conf concurrencyclient 1
  super_begin
  greeted a 127.0.0.1
  refused b 127.0.0.1
  super_end
}

have_been_refused() { [ "$(grep -c 'too many connections' "$T/got")" = "$1" ]; }

# Who opens all the connections there are, and closes none, keeps nobody else out.
testOneClientHoldsAllConnections() {
  conf concurrencyclient 2
  super_begin -c 5
  : >"$T/got"
  mkfifo "$T/fifo"
  sleep 60 >"$T/fifo" &
  slow=$!
  for i in 1 2 3 4 5 6 7 8 9 10; do
    socat -t 60 - "TCP:127.0.0.1:$PORT,bind=127.0.0.9" <"$T/fifo" >>"$T/got" &
    clients="$clients $!"
  done
  assertTrue 'not so many' "wait_for 10 have_been_refused 8"
  greeted other 127.0.0.10
  kill "$slow"
  wait "$slow" 2>/dev/null
  super_end
  rm "$T/fifo"
}

# However many come in the same moment, so many are let in: no more, no fewer.
testTooManyConnectionsAtOnce() {
  conf concurrencyclient 5
  super_begin
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do client $i 127.0.0.9; done
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do told $i >>"$T/told"; done
  assertEquals '5 220, 15 421' "$(cut -c 1-3 "$T/told" | sort | uniq -c | sed 's/^ *//' | paste -s -d, | sed 's/,/, /')"
  super_end
}

# A client that opens connections as fast as it can: what is in the log is no more than so much a second.
testRefusedConnectionsInTheLog() {
  conf concurrencyclient 2
  super_begin
  greeted 1 127.0.0.9
  greeted 2 127.0.0.9
  for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    socat -u "TCP:127.0.0.1:$PORT,bind=127.0.0.9" STDOUT >"$T/client.x.$i" &
    clients="$clients $!"
  done
  wait_for 20 all_refused || fail "not all were refused: $(cat "$T"/client.x.*)"
  warnings=$(grep -c 'limit exceeded' "$T/err")
  assertTrue "$warnings warnings for 20" "[ $warnings -ge 1 ] && [ $warnings -lt 10 ]"
  assertEquals 'with each' $((warnings + 2)) "$(grep -c ': connect from' "$T/err")"
  assertTrue 'another client has its own' 'refused_another'
  super_end
}
all_refused() { [ "$(grep -l '^421 4.7.0' "$T"/client.x.* | wc -l)" = 20 ]; }
refused_another() {
  greeted 3 127.0.0.10
  greeted 4 127.0.0.10
  refused 5 127.0.0.10
  grep -q 'limit exceeded: 3 from unknown.127.0.0.10.' "$T/err"
}

# A place is not free again at once where nothing came of the session; it is where a message did.
testFruitlessSessions() {
  conf concurrencyclient 1
  assertEquals '220, 221 2.0.0' "$(TCPREMOTEIP=203.0.113.1 replies 'QUIT\r\n')"
  (TCPREMOTEIP=203.0.113.1 "$BIN/smtpd-etrn" -C "$I" </dev/null >"$T/got" 2>"$T/err.held") &
  server=$!
  wait_for 10 grep -q 'disconnect from' "$T/err.held"
  assertEquals 'the place is taken' '421 4.7.0' "$(TCPREMOTEIP=203.0.113.1 replies 'QUIT\r\n')"
  wait "$server"
  assertEquals 'and free' '220, 221 2.0.0' "$(TCPREMOTEIP=203.0.113.1 replies 'QUIT\r\n')"
}

# The longer not, the more of it is in the log, and the more places the client has: or who connects again and again would
# fill the log by all of them at once.
testRefusalsHoldThePlace() {
  conf concurrencyclient 4
  super_begin
  for i in 1 2 3; do greeted $i 127.0.0.9; done
  printf 'HELO x\r\nMAIL FROM:<>\r\n%b' "$(repeated 10 'RCPT TO:<x@no.example>')QUIT\r\n" |
    socat -t 10 - "TCP:127.0.0.1:$PORT,bind=127.0.0.9" >"$T/got"
  began=$(date +%s%N)
  assertContains "$(cat "$T/got")" '221 2.0.0'
  assertTrue 'in the end' "wait_for 20 gets_in 5 127.0.0.9"
  took=$((($(date +%s%N) - began) / 1000000))
  assertTrue "took $took ms" "[ $took -gt 2500 ]"
  super_end
}

# --- nearly all connections are taken -------------------------------------------------

# idle N: so many sessions of many clients that say nothing, until idle_end.  Their logs are $T/idle.N.
idle() {
  [ -e "$T/idle" ] || { mkfifo "$T/idle" && exec 8<>"$T/idle"; }
  idle_from=${idles-0} idles=$((${idles-0} + $1))
  while [ $((idle_from += 1)) -le "$idles" ]; do
    TCPREMOTEIP=203.0.113.$idle_from "$BIN/smtpd-etrn" -C "$I" <&8 >"$T/idle.$idle_from" 2>"$T/idle.$idle_from.err" &
    servers="${servers-} $!"
  done
  wait_for 20 all_greeted || fail 'no greeting'
}
all_greeted() { [ "$(cat "$T"/idle.* | grep -c '^220 ')" = "$idles" ]; }
given_up() { grep -l 'timeout after CONNECT' "$T"/idle.*.err 2>/dev/null | wc -l; }
some_given_up() { [ "$(given_up)" -gt 0 ]; }
idle_end() {
  # shellcheck disable=SC2086 # several
  kill $servers 2>/dev/null
  # shellcheck disable=SC2086
  wait $servers
  exec 8>&-
  rm -f "$T"/idle*
  servers='' idles=0
}

# Who says nothing is given up after a tenth of the time, as long as that is so.
testNearlyAllTaken() {
  conf timeouts 'command 30'
  conf concurrencyincoming 8
  idle 3
  sleep 4
  assertEquals 'while there are places' 0 "$(given_up)"
  idle 5
  assertTrue 'then not' 'wait_for 40 some_given_up'
  assertTrue 'nor more than have to be' "[ $(given_up) -lt 8 ]"
  idle_end
}

# calmly NAME COMMAND...: aside, on an instance that is like this one, but for all the idle.
calmly() {
  calm=$T/calm.$1
  mkdir "$calm"
  cp -a "$I/conf" "$I/queue" "$I/run" "$calm"
  rm "$calm/conf/concurrencyincoming"
  I=$calm aside "$@"
}
# asides_are: of each what a table in stdin says: NAME, its last reply, whether its time was up.
asides_are() {
  while read -r name reply logged; do
    assertEquals "$name" "$reply" "$(tail -n 1 "$T/$name.got")"
    case $logged in
      timeout) assertContains "$name" "$(cat "$T/$name.err")" 'timeout after' ;;
      *) assertNotContains "$name" "$(cat "$T/$name.err")" timeout ;;
    esac
  done
}

# content_slowly SECONDS TEXT: that line twice a second, for so long, as the content of a message; the last reply's code.
content_slowly() {
  {
    printf "HELO x\r\n$MAIL${RCPT}DATA\r\n"
    slowly_until=$(($(date +%s) + $1))
    while [ "$(date +%s)" -lt "$slowly_until" ]; do printf '%s\r\n' "$2" && sleep 0.5; done 2>/dev/null
    printf '.\r\n' 2>/dev/null
  } | serve | plain | tail -n 1 | cut -c 1-3
}

# However fast the next 64 KiB come, and however many are asked to come: a message has its time.
begin_message_time() {
  conf timeouts 'receive 60' 'message 3'
  aside long content_slowly 10 "$(long 100)"
  aside long-refused refused_at_length
  aside long-chunks chunks_at_length
}
refused_at_length() { { printf 'HELO x\r\nBDAT 9999999999999\r\n' && timeout 10 yes; } 2>/dev/null | serve | tail -n 1 | cut -c 1-3; }
chunks_at_length() {
  {
    printf "HELO x\r\n$MAIL$RCPT"
    i=0
    while [ $((i += 1)) -le 20 ]; do printf 'BDAT 70\r\n%070d' 0 && sleep 0.5; done 2>/dev/null
  } | serve | tail -n 1 | cut -c 1-3
}
testMessageTime() {
  slowed
  for name in long long-refused long-chunks; do
    assertEquals "$name" 421 "$(cat "$T/$name.got")"
    assertTrue "$name: $(cat "$T/$name.took") s" "[ $(cat "$T/$name.took") -ge 3 ]"
    assertContains "$name" "$(cat "$T/$name.err")" 'timeout after'
  done
  assertEquals 'left in the queue' '' "$(find "$T/slow.message_time/queue/tmp" "$T/slow.message_time/queue/new" -type f)"
}

# noop_slowly: something now and then, and no message.
noop_slowly() {
  {
    noop_until=$(($(date +%s) + 8))
    while [ "$(date +%s)" -lt "$noop_until" ]; do printf 'NOOP\r\n' && sleep 0.3; done 2>/dev/null
    printf 'QUIT\r\n' 2>/dev/null
  } | serve | plain | tail -n 1 | cut -c 1-3
}

begin_nearly_all_taken() {
  conf concurrencyincoming 8
  conf timeouts 'command 600' 'receive 60'
  idle 8
  aside slow content_slowly 13 "$(long 700)"
  aside slower content_slowly 13 "$(long 10)"
  calmly calm content_slowly 12 "$(long 10)"
  sleep 1 # they have read theirs
  conf timeouts 'command 600' 'receive 100' 'message 60'
  aside soon content_slowly 13 "$(long 600)"
  aside late content_slowly 13 "$(long 215)"
  calmly calmly content_slowly 12 "$(long 215)"
  sleep 1
  conf timeouts 'command 4'
  aside outstayed noop_slowly
  calmly stayed noop_slowly
}
# A slow link is no idle client: 64 KiB in ten times as long as it takes here must do.  But who has had a tenth of all the
# time for a message has to be faster.
testContentWhenNearlyAllAreTaken() {
  slowed
  asides_are <<'END'
slow 250
slower 421 timeout
calm 250
soon 250
late 421 timeout
calmly 250
END
}

testOutstayed() {
  slowed
  asides_are <<'END'
outstayed 421 timeout
stayed 221
END
}

# The time for 64 KiB is not had anew with each chunk.
begin_chunks() {
  conf timeouts 'receive 2'
  aside chunks waits_for "HELO x\r\n$MAIL$RCPT" 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' \
    'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx' 'BDAT 1\r\nx'
}
testChunksOfAnOctet() { gave_up slow.chunks chunks; }

# Clients of ours, and no limit.
testManyConnectionsAllowed() {
  conf concurrencyclient 1
  conf relayclients 127.0.0.8/30
  super_begin
  greeted 1 127.0.0.9
  greeted 2 127.0.0.9
  greeted 3 127.0.0.12
  refused 4 127.0.0.12
  conf concurrencyclient 0
  greeted 5 127.0.0.12
  conf concurrencyclient many
  client 6 127.0.0.1
  assertEquals '421 4.3.5 mx.sluice.example Error: server configuration error' "$(told 6)"
  super_end
}

# held ADDRESS: a session of that client's, until held_end.
held() {
  mkfifo "$T/fifo"
  sleep 60 >"$T/fifo" &
  slow=$!
  TCPREMOTEIP=$1 "$BIN/smtpd-etrn" -C "$I" <"$T/fifo" >"$T/got" 2>"$T/err.held" &
  server=$!
  wait_for 10 said_last 220
}
held_end() {
  kill "$slow"
  wait "$slow" "$server" 2>/dev/null
  rm "$T/fifo"
}

testConnectionsOfANetwork() {
  conf concurrencyclient 1
  held 2001:4860::1
  assertEquals 'the same /64' '421 4.7.0' "$(TCPREMOTEIP=2001:4860::2:1 replies 'QUIT\r\n')"
  said 'exceeded: 2 from unknown[2001:4860::2:1] for service smtp'
  assertEquals 'another /64' '220, 221 2.0.0' "$(TCPREMOTEIP=2001:4860:0:1::1 replies 'QUIT\r\n')"
  held_end
}

testConnectionsOfLocalUsers() {
  conf concurrencyclient 1
  held 127.0.0.1
  assertEquals 'through a pipe' '421 4.7.0' "$(replies 'QUIT\r\n')"
  assertEquals 'through a UNIX socket' '220
221' "$(printf 'QUIT\r\n' | socat -t 10 - "EXEC:$BIN/smtpd-etrn -C $I" 2>"$T/err" | cut -c 1-3)"
  held_end
}

# Mail is taken where they cannot be counted.
testConnectionsNotCounted() {
  conf concurrencyclient 5
  mv "$I/queue" "$I/gone"
  assertEquals '220, 221 2.0.0' "$(replies 'QUIT\r\n')"
  said 'warning: unable to count connections from unknown[127.0.0.1]: No such file or directory'
  assertEquals 1 "$(grep -c warning: "$T/err")"
}

# --- trouble of our own -------------------------------------------------------------

testBrokenSettings() {
  conf timeouts 'command soon'
  got=$(printf 'NOOP\r\n' | serve)
  assertEquals 'exit code' 111 "$(printf 'NOOP\r\n' | { serve >/dev/null; echo $?; })"
  assertContains "$got" '421 4.3.5'
  assertNotContains "$got" 220
  assertEquals 1 "$(grep -c 'fatal: conf/timeouts' "$T/err")"

  conf timeouts
  conf relaydomains customer.example 'not a domain!'
  assertEquals '220, 250, 250 2.1.0, 421 4.3.5' "$(replies "HELO x\r\n$MAIL${RCPT}NOOP\r\n")"
  assertContains "$(grep fatal: "$T/err")" 'conf/relaydomains'
  assertEquals '220, 250, 421 4.3.5' "$(replies 'HELO x\r\nETRN customer.example\r\n')"

  conf relaydomains customer.example
  conf postmaster 'x@[192.0.2.1]'
  assertEquals '220, 250, 250 2.1.0, 421 4.3.5' "$(replies "HELO x\r\n${MAIL}RCPT TO:<postmaster>\r\n")"
  said 'fatal: conf/postmaster'

  assertContains "$("$BIN/smtpd-etrn" -C "$T/none" 2>"$T/err" </dev/null)" '421 4.3.5'
  said "unable to open instance $T/none: No such file or directory"
}

testUsage() {
  for arguments in -x -C 'a b' -h -l; do
    # shellcheck disable=SC2086
    "$BIN/smtpd-etrn" $arguments </dev/null >"$T/got" 2>"$T/err"
    assertEquals "$arguments" 100 $?
    assertEquals 'usage: smtpd-etrn [-C DIR] [-t [-l]] [-W]' "$(cat "$T/err")"
    assertEquals '' "$(cat "$T/got")"
  done
}

testNoPeer() {
  TCPREMOTEIP=nonsense "$BIN/smtpd-etrn" -C "$I" </dev/null >"$T/got" 2>"$T/err"
  assertEquals 111 $?
  said 'unable to tell who the client is'
}

testQueueTrouble() {
  rmdir "$I/queue/tmp"
  codes '250 2.1.0, 250 2.1.5, 451 4.3.0, 250 2.0.0' "$MAIL${RCPT}DATA\r\nNOOP\r\n"
  said 'unable to write message into queue: No such file or directory'
  codes '250 2.1.0, 250 2.1.5, 451 4.3.0, 503 5.5.1, 250 2.0.0' "$MAIL${RCPT}BDAT 6\r\nQUIT\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n"
  mkdir "$I/queue/tmp"
  rmdir "$I/queue/new"
  codes '250 2.1.0, 250 2.1.5, 354, 451 4.3.0, 250 2.0.0' "$MAIL${RCPT}DATA\r\n.\r\nNOOP\r\n"
  assertEquals '' "$(ls "$I/queue/tmp")"
}

testDiskFull() {
  text="$MAIL${RCPT}DATA\r\n$(long 100000)\r\n.\r\n$MAIL${RCPT}BDAT 100000 LAST\r\n$(long 100000)NOOP\r\n"
  (ulimit -f 64; codes '250 2.1.0, 250 2.1.5, 354, 452 4.3.1, 250 2.1.0, 250 2.1.5, 452 4.3.1, 250 2.0.0' "$text")
  said 'unable to write message into queue: File too large'
  assert_nothing_kept
}

testNoDescriptors() {
  case $BIN in
    *asan*) skip 'the sanitizers need descriptors of their own' && return ;;
  esac
  text="HELO x\r\n$MAIL${RCPT}DATA\r\nNOOP\r\n"
  conf concurrencyclient
  # 0 to 2, the signals', the instance's, conf's: nothing left for a setting
  assertEquals '421 4.3.0' "$(DESCRIPTORS=6 replies "$text")"
  assertEquals 1 "$(grep -c 'fatal: conf/.*Too many open files' "$T/err")"
  # one left, which the queue takes, where sessions are counted: this client's, or all
  conf concurrencyclient 50
  assertEquals '421 4.3.0' "$(DESCRIPTORS=7 replies "$text")"
  said 'fatal: conf/concurrencyincoming: Too many open files'
  conf concurrencyclient 0
  assertEquals '220, 250, 421 4.3.0' "$(DESCRIPTORS=7 replies "$text")"
  said 'fatal: conf/tls: Too many open files'
  # one more is for a setting, a list or the message, in their turn
  assertEquals '220, 250, 250 2.1.0, 250 2.1.5, 354' "$(DESCRIPTORS=8 replies "$text")"
}

testManyClientsAtOnce() {
  for i in 1 2 3 4 5 6 7 8; do
    # shellcheck disable=SC2059
    printf "HELO x\r\n$MAIL${RCPT}DATA\r\nx\r\n.\r\n$MAIL${RCPT}DATA\r\nx\r\n.\r\nQUIT\r\n" |
      "$BIN/smtpd-etrn" -C "$I" >"$T/got.$i" 2>"$T/err" &
  done
  wait
  assertEquals 16 "$(messages)"
  assertEquals 16 "$(cat "$T"/got.? | grep -c 'queued as')"
}

. shunit2
