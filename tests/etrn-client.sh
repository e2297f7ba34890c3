# The client etrn: what it says to a host, what it makes of the answers, and when it gives up.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh

# serve NAME: a server that plays the script $T/NAME; sets the variable NAME to its port.
serve() {
  free_port "$1"
  eval "port=\$$1"
  rm -f "$T/$1.listening"
  tests/peer/script "127.0.0.1:$port" "$T/$1" >"$T/$1.out" 2>&1 </dev/null &
  echo $! >"$T/$1.pid"
  wait_for 10 test -e "$T/$1.listening" || fail "no server: $(cat "$T/$1.out")"
}

# played NAME: the client has kept to the script.
played() {
  wait "$(cat "$T/$1.pid")"
  assertEquals "$1: $(cat "$T/$1.out")" 0 $?
}

# ask EXITCODE ARGUMENT...: output in $out, errors in $err.
ask() {
  expected=$1
  shift
  out=$("$BIN/etrn" "$@" 2>"$T/err")
  assertEquals "exit code of etrn $*" "$expected" $?
  err=$(cat "$T/err")
}

# usual: greeting and EHLO of a server with ETRN; usual PIPELINING: and with that.
usual() {
  printf '> 220 host ESMTP\n< EHLO .*\n> 250-host\n'
  [ $# = 0 ] || printf '> 250-%s\n' "$@"
  printf '> 250 ETRN\n'
}

goodbye() { printf '< QUIT\n> 221 bye\nmute\n'; }

testOneNode() {
  { usual; printf '< ETRN customer\\.tld\n> 250 OK, queuing for node customer.tld started\n'; goodbye; } >"$T/one"
  serve one
  ask 0 "127.0.0.1:$one" customer.tld
  assertEquals "127.0.0.1:$one customer.tld 250 OK, queuing for node customer.tld started" "$out"
  assertNull "$err" "$err"
  played one
}

testAllFormsGoOutAsTheyAre() {
  { usual PIPELINING; printf '< ETRN @a\\.tld\n< ETRN #office\n< ETRN bücher\\.tld\n> 250 a\n> 251 b\n> 253 c\n'; goodbye; } >"$T/forms"
  serve forms
  ask 0 "127.0.0.1:$forms" @a.tld '#office' bücher.tld
  assertEquals "127.0.0.1:$forms @a.tld 250 a
127.0.0.1:$forms #office 251 b
127.0.0.1:$forms bücher.tld 253 c" "$out"
  played forms
}

testNoPipeliningUnlessOffered() {
  { usual; printf '< ETRN a\nalone\n> 250 a\n< ETRN b\nalone\n> 250 b\n'; goodbye; } >"$T/turns"
  serve turns
  ask 0 "127.0.0.1:$turns" a b
  played turns
}

testManyNodesPipelined() {
  awk 'BEGIN { for (i = 0; i < 5000; i++) print "node" i ".customer.tld" }' >"$T/nodes"
  { usual PIPELINING; awk '{ print "< ETRN " $0; print "> 250 OK, queuing for node " $0 " started" }' "$T/nodes"; goodbye; } >"$T/many"
  serve many
  # shellcheck disable=SC2046
  ask 0 "127.0.0.1:$many" $(cat "$T/nodes")
  assertEquals 5000 "$(echo "$out" | grep -c ' 250 OK, queuing')"
  assertEquals "$(cat "$T/nodes")" "$(echo "$out" | cut -d ' ' -f 2)"
  played many
}

testTemporary() {
  for reply in '458 Unable to queue' '459 <a>: service unavailable' '450 4.3.0 later' '354 go on'; do
    { usual; printf '< ETRN a\n> %s\n' "$reply"; goodbye; } >"$T/later"
    serve later
    ask 111 "127.0.0.1:$later" a
    assertEquals "127.0.0.1:$later a $reply" "$out"
    played later
  done
}

testRefused() {
  for reply in '500 Syntax' '501 5.5.4 no' '554 5.7.1 policy'; do
    { usual; printf '< ETRN a\n> %s\n' "$reply"; goodbye; } >"$T/never"
    serve never
    ask 100 "127.0.0.1:$never" a
    assertEquals "127.0.0.1:$never a $reply" "$out"
    played never
  done
}

testOneOfSeveralDecides() {
  { usual PIPELINING; printf '< ETRN a\n> 250 a\n< ETRN b\n> 501 b\n< ETRN c\n> 250 c\n'; goodbye; } >"$T/several"
  serve several
  ask 100 "127.0.0.1:$several" a b c
  played several
  { usual PIPELINING; printf '< ETRN a\n> 459 a\n< ETRN b\n> 501 b\n'; goodbye; } >"$T/several"
  serve several
  ask 111 "127.0.0.1:$several" a b
  played several
}

testNotOffered() {
  printf '> 220 host\n< EHLO .*\n> 250-host\n> 250-ETRNX\n> 250 SIZE 0\n< QUIT\n> 221 bye\nmute\n' >"$T/without"
  serve without
  ask 100 "127.0.0.1:$without" a
  assertNull "$out" "$out"
  assertEquals "etrn: fatal: 127.0.0.1:$without: does not offer ETRN" "$err"
  played without
}

testTheNameOfAHostIsNotAnExtension() {
  printf '> 220 host\n< EHLO .*\n> 250 ETRN\n< QUIT\n' >"$T/named"
  serve named
  ask 100 "127.0.0.1:$named" a
  played named
}

testGreetings() {
  printf '> 554 5.7.1 not you\n< QUIT\n' >"$T/greeting"
  serve greeting
  ask 100 "127.0.0.1:$greeting" a
  assertEquals "etrn: fatal: 127.0.0.1:$greeting: greeting: 554 5.7.1 not you" "$err"
  played greeting
  printf '> 421 4.3.2 too busy\n< QUIT\n' >"$T/greeting"
  serve greeting
  ask 111 "127.0.0.1:$greeting" a
  played greeting
}

testEhloRefused() {
  printf '> 220 host\n< EHLO .*\n> 502 what\n< QUIT\n' >"$T/old"
  serve old
  ask 100 "127.0.0.1:$old" a
  assertEquals "etrn: fatal: 127.0.0.1:$old: answer to EHLO: 502 what" "$err"
  played old
}

testHeloName() {
  { usual | sed 's/< EHLO .*/< EHLO customer\\.tld/'; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/helo"
  serve helo
  ask 0 -H customer.tld "127.0.0.1:$helo" a
  played helo
  { usual | sed 's/< EHLO .*/< EHLO \\[127\\.0\\.0\\.1\\]/'; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/helo"
  serve helo
  ask 0 -H '[127.0.0.1]' "127.0.0.1:$helo" a
  played helo
}

testOwnNameIsOneThatMayBeSaid() {
  { usual | sed 's/< EHLO .*/< EHLO ([A-Za-z0-9_-]+([.][A-Za-z0-9_-]+)+|\\[127[.]0[.]0[.]1\\])/'; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/self"
  serve self
  ask 0 "127.0.0.1:$self" a
  played self
}

testPort() {
  { usual; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/ported"
  serve ported
  ask 0 -p "$ported" '[127.0.0.1]' a
  assertEquals '[127.0.0.1] a 250 a' "$out"
  played ported
}

testRepliesOfSeveralLinesBecomeOne() {
  { usual; printf '< ETRN a\n> 250-one\n> 250-two\n> 250 three\n'; goodbye; } >"$T/lines"
  serve lines
  ask 0 "127.0.0.1:$lines" a
  assertEquals "127.0.0.1:$lines a 250 one two three" "$out"
  played lines
}

testControlCharactersAreTakenOut() {
  { usual; printf '%s\n' '< ETRN a' '> 250 a\x1b[2J\x07b\xc2\x9bc\xff\xc3\xbc'; goodbye; } >"$T/rude"
  serve rude
  ask 0 "127.0.0.1:$rude" a
  assertEquals "127.0.0.1:$rude a 250 a?[2J?b??c?ü" "$out"
  played rude
  printf '%s\n' '> 554 \x1b[2Jno' '< QUIT' >"$T/rude"
  serve rude
  ask 100 "127.0.0.1:$rude" a
  assertEquals "etrn: fatal: 127.0.0.1:$rude: greeting: 554 ?[2Jno" "$err"
  played rude
}

testRepliesWithoutEnd() {
  { usual; printf '< ETRN a\n>> 250 \n'; awk 'BEGIN { for (i = 0; i < 300; i++) printf ">> %01000d\n", 0 }'; printf '> .\n'; goodbye; } >"$T/endless"
  serve endless
  ask 0 "127.0.0.1:$endless" a
  assertTrue 'cut' "[ ${#out} -lt 3000 ]"
  played endless
  { usual; printf '< ETRN a\n'; awk 'BEGIN { for (i = 0; i < 101; i++) print "> 250-more" }'; echo mute; } >"$T/endless"
  serve endless
  ask 111 "127.0.0.1:$endless" a
  assertEquals "etrn: fatal: 127.0.0.1:$endless: no answer to ETRN a: this is not SMTP" "$err"
  played endless
}

testNotSmtp() {
  printf '> SSH-2.0-OpenSSH\nmute\n' >"$T/other"
  serve other
  ask 111 "127.0.0.1:$other" a
  assertEquals "etrn: fatal: 127.0.0.1:$other: no greeting: this is not SMTP" "$err"
  played other
}

testClosedEarly() {
  : >"$T/early"
  serve early
  ask 111 "127.0.0.1:$early" a
  assertEquals "etrn: fatal: 127.0.0.1:$early: no greeting: connection closed" "$err"
  played early
  { usual PIPELINING; printf '< ETRN a\n< ETRN b\n> 250 a\n>> 250 b'; } >"$T/early"
  serve early
  ask 111 "127.0.0.1:$early" a b
  assertEquals "127.0.0.1:$early a 250 a" "$out"
  assertEquals "etrn: fatal: 127.0.0.1:$early: no answer to ETRN b: connection closed" "$err"
  played early
}

testGoodbyeIsNotWaitedForLong() {
  { usual; printf '< ETRN a\n> 250 a\n< QUIT\n'; } >"$T/gone"
  serve gone
  ask 0 "127.0.0.1:$gone" a
  played gone
}

test421EndsIt() {
  { usual PIPELINING; printf '< ETRN a\n< ETRN b\n> 421 4.3.2 shutting down\nmute\n'; } >"$T/closing"
  serve closing
  ask 111 "127.0.0.1:$closing" a b
  assertEquals "127.0.0.1:$closing a 421 4.3.2 shutting down" "$out"
  played closing
}

testSilenceHasAnEnd() {
  echo mute >"$T/silent"
  serve silent
  began=$(date +%s)
  ask 111 -t 1 "127.0.0.1:$silent" a
  assertTrue 'in time' "[ $(($(date +%s) - began)) -le 5 ]"
  assertEquals "etrn: fatal: 127.0.0.1:$silent: no greeting: timed out" "$err"
  played silent
}

# One deadline for all of it: an octet now and then does not put it off.
testDripHasAnEnd() {
  { usual; printf '< ETRN a\n'; awk 'BEGIN { for (i = 0; i < 20; i++) print ">> 2\nalone" }'; } >"$T/drip"
  serve drip
  began=$(date +%s)
  ask 111 -t 1 "127.0.0.1:$drip" a
  assertTrue 'in time' "[ $(($(date +%s) - began)) -le 5 ]"
  assertEquals "etrn: fatal: 127.0.0.1:$drip: no answer to ETRN a: timed out" "$err"
  kill "$(cat "$T/drip.pid")" 2>/dev/null
  wait "$(cat "$T/drip.pid")" 2>/dev/null
  return 0
}

testHostsAreAskedSideBySide() {
  echo mute >"$T/left"
  serve left
  { usual; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/right"
  serve right
  free_port nobody
  ask 111 -t 2 "127.0.0.1:$left,127.0.0.1:$right,127.0.0.1:$nobody" a
  assertEquals "127.0.0.1:$right a 250 a" "$out"
  assertContains "$err" "etrn: fatal: 127.0.0.1:$left: no greeting: timed out"
  assertContains "$err" "etrn: fatal: 127.0.0.1:$nobody: unable to connect: Connection refused"
  played left
  played right
}

testSeveralHostsThatAgree() {
  for host in first second; do
    { usual; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/$host"
    serve $host
  done
  ask 0 "127.0.0.1:$first,127.0.0.1:$second" a
  assertEquals "$(printf '%s\n' "127.0.0.1:$first a 250 a" "127.0.0.1:$second a 250 a" | sort)" "$(echo "$out" | sort)"
  played first
  played second
}

# The look-up of a name may find ::1 first, where nobody listens.
testNextAddressIsTried() {
  { usual; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/localhost"
  serve localhost
  ask 0 "localhost:$localhost" a
  assertEquals "localhost:$localhost a 250 a" "$out"
  played localhost
}

testIpv6() {
  grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6 2>/dev/null || { skip 'no IPv6'; return; }
  free_port six
  { usual; printf '< ETRN a\n> 250 a\n'; goodbye; } >"$T/six"
  tests/peer/script "[::1]:$six" "$T/six" >"$T/six.out" 2>&1 </dev/null &
  echo $! >"$T/six.pid"
  wait_for 10 test -e "$T/six.listening"
  ask 0 "[::1]:$six" a
  assertEquals "[::1]:$six a 250 a" "$out"
  played six
}

# A server that says more than can be read: by strace, each read but the first two fills the buffer (wire.h) with what it
# was full of before.
testServerNeverStopsTalking() {
  ! ldd "$BIN/etrn" | grep -q libasan || { skip 'the sanitizers read more than two times before'; return; }
  slow flood flood
  traced -D -f -o /dev/null -e inject=read:retval=2050:when=3+ "$BIN/etrn" -t 2 "127.0.0.1:$SLOWPORT" a 2>"$T/err" &
  client=$!
  assertTrue 'the time is up' "wait_for 20 gone $client"
  assertEquals "etrn: fatal: 127.0.0.1:$SLOWPORT: no greeting: timed out" "$(cat "$T/err")"
  slow_stop
}

# None of its processes outlives it.
testTerminated() {
  slow silent mute
  "$BIN/etrn" "127.0.0.1:$SLOWPORT,127.0.0.1:$SLOWPORT" "terminated$SLOWPORT" 2>"$T/err" &
  client=$!
  assertTrue 'one for each host, and the first' 'wait_for 10 asks 3'
  kill -TERM "$client"
  wait "$client" 2>/dev/null
  assertTrue 'all of them end' 'wait_for 10 asks 0'
  slow_stop
}
asks() { [ "$(tests/peer/running "terminated$SLOWPORT" | wc -l)" -eq "$1" ]; }

testOutputThatCannotBeWritten() {
  { usual; printf '< ETRN a\n> 250 a\nmute\n'; } >"$T/full"
  serve full
  "$BIN/etrn" "127.0.0.1:$full" a >/dev/full 2>"$T/err"
  assertEquals 111 $?
  assertEquals 'etrn: fatal: unable to write: No space left on device' "$(cat "$T/err")"
  played full
}

testWrongUse() {
  for arguments in '' 'host' '-x host a' '-p 0 host a' '-p 65536 host a' '-p 25x host a' '-t 0 host a' '-t 1s host a' '-H a..b host a' '-p'; do
    # shellcheck disable=SC2086
    ask 100 $arguments
    assertContains "$arguments" "$err" 'usage: etrn'
  done
  for host in '' ':25' 'host:' 'host:0' 'host:x' '[::1' '[]' '::1' '[::1]25' 'host,' ',host'; do
    ask 100 "$host" a
    assertContains "$host" "$err" 'etrn: fatal: not a host: '
  done
  for node in '' 'a b' "$(printf 'a\r\nQUIT')" "$(printf '\377')" "$(printf '%0506d' 0)"; do
    ask 100 127.0.0.1:1 "$node"
    assertContains "$err" 'etrn: fatal: not a domain: '
  done
}

# Such a name is not even asked for in the DNS.
testUnknownHost() {
  ask 100 a..b a
  assertContains "$err" 'etrn: fatal: a..b: unable to find: '
}

. shunit2
