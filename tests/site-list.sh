# site-list: how the next hops do, and how much waits for each.
. tests/lib.sh

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

tearDown() {
  stop
  fail_if_running
}

list() { "$BIN/site-list" -C "$I" "$@" 2>"$T/err"; }
err() { cat "$T/err"; }
fill() { tests/peer/queue-fill "$@" >"$T/ids" || fail 'queue-fill'; }
# site NAME STATE SINCE FAILURES NEXT [WHY]: its file; seconds from now.
site() {
  site_name=$1 site_now=$(date +%s)
  [ "$5" = 0 ] || set -- "$1" "$2" "$3" "$4" $((site_now + $5)) "${6-}"
  echo "$2 since=$((site_now - $3)) failures=$4 next=$5${6:+ $6}" >"$I/queue/site/$site_name"
}
# row NAME: its columns, a space between them.
row() { list | awk -v name="$1" '$1 == name { $1 = $1; print }'; }

# --- the table ------------------------------------------------------------------------

testNone() {
  assertEquals 'No site is known' "$(list)"
  assertEquals '' "$(list -1)"
  assertEquals '' "$(list -j)"
  list >/dev/null
  assertEquals 'exit code' 0 $?
  assertEquals '' "$(err)"
}

# Times are of a day and more, lest a slow test see the next hour.
testLook() {
  conf routes 'a.tld [mx.a.tld]:2525' '.a.tld [mx.a.tld]:2525' 'parked.tld [mx.parked.tld] park'
  site '[mx.a.tld]:2525' down 93700 12 190900 '4.4.1 connect to mx.a.tld[192.0.2.1]:2525: Connection refused'
  site '[mx.parked.tld]:25' parked 176500 0 0
  site b.tld up 1000000 0 0 'mx.b.tld[192.0.2.7]:25 220 hello'
  fill "$I/queue" 3 a.tld
  fill "$I/queue" 2 sub.a.tld
  fill "$I/queue" 1 parked.tld
  fill "$I/queue" 4 new.tld
  assertEquals 'SITE                STATE     SINCE  FAILURES  NEXT  WAITING  WHY
[mx.a.tld]:2525     down       1d2h        12  2d5h        5  4.4.1 connect to mx.a.tld[192.0.2.1]:2525: Connection refused
[mx.parked.tld]:25  parked     2d1h         0     -        1
new.tld             unknown       -         0     -        4
b.tld               up       11d13h         0     -        0  mx.b.tld[192.0.2.7]:25 220 hello' "$(list)"
}

testOrder() {
  for name in z a m; do
    site "up-$name.tld" up 1 0 0
    site "down-$name.tld" down 1 1 1 why
    site "parked-$name.tld" parked 1 0 0
    fill "$I/queue" 1 "unknown-$name.tld"
  done
  assertEquals 'down-a.tld down-m.tld down-z.tld parked-a.tld parked-m.tld parked-z.tld unknown-a.tld unknown-m.tld unknown-z.tld up-a.tld up-m.tld up-z.tld ' "$(list -1 | tr '\n' ' ')"
}

testTimes() {
  site second.tld down 30 1 -10 why
  site minute.tld down 65 1 1000000 why
  site hour.tld down 3605 1 0 why
  site clock.tld down -500 1 1 why
  assertContains "$(row second.tld)" ' now '
  assertContains "$(row minute.tld)" 'minute.tld down 1m 1 11d13h '
  assertContains "$(row hour.tld)" 'hour.tld down 1h 1 - '
  assertContains 'from a clock that was ahead' "$(row clock.tld)" 'clock.tld down 0s 1 '
}

# A list that is being carried out waits too; an empty one does not.
testWaiting() {
  fill "$I/queue" 2 a.tld
  cp "$I/queue/flush/a.tld" "$I/queue/claim/a.tld"
  : >"$I/queue/flush/b.tld"
  assertEquals 'a.tld unknown - 0 - 4' "$(row a.tld)"
  assertEquals '' "$(row b.tld)"
  rm "$I/queue/flush/a.tld"
  assertEquals 'a.tld unknown - 0 - 2' "$(row a.tld)"
}

testMany() {
  # shellcheck disable=SC2046 # several
  fill "$I/queue" 2000 $(seq -f 'd%g.tld' 1 1000)
  conf routes '.tld [mx.tld]'
  assertEquals '[mx.tld]:25 unknown - 0 - 2000' "$(row '[mx.tld]:25')"
  conf routes
  assertEquals 1001 "$(list | wc -l)"
  assertEquals 'd1000.tld unknown - 0 - 2' "$(row d1000.tld)"
}

# --- other forms ----------------------------------------------------------------------

testJson() {
  echo 'down since=1763711153 failures=3 next=1763711333 4.4.1 say "no" \ now' >"$I/queue/site/[mx.a.tld]:25"
  echo 'up since=1763711153 failures=0 next=0 mx' >"$I/queue/site/b.tld"
  fill "$I/queue" 2 c.tld
  assertEquals '{"site": "[mx.a.tld]:25", "state": "down", "since": 1763711153, "failures": 3, "next": 1763711333, "waiting": 0, "why": "4.4.1 say \"no\" \\ now"}
{"site": "c.tld", "state": "unknown", "since": null, "failures": 0, "next": null, "waiting": 2, "why": ""}
{"site": "b.tld", "state": "up", "since": 1763711153, "failures": 0, "next": null, "waiting": 0, "why": "mx"}' "$(list -j)"
  assertEquals 'read again' 3 "$(list -j | jq -c .site | wc -l)"
}

testNamed() {
  site a.tld up 1 0 0
  site '[mx.b.tld]:25' down 1 1 1 why
  site c.tld up 1 0 0
  assertEquals '[mx.b.tld]:25 a.tld ' "$(list -1 a.tld '[MX.B.tld]:25' a.tld | tr '\n' ' ')"
  assertEquals 2 "$(list a.tld | wc -l)"
  assertEquals '"c.tld"' "$(list -j c.tld | jq -c .site)"
  list -1 a.tld nobody.tld other.tld >"$T/out"
  assertEquals 'exit code' 1 $?
  assertEquals 'the others' a.tld "$(cat "$T/out")"
  assertEquals 'site-list: warning: no such site: nobody.tld
site-list: warning: no such site: other.tld' "$(err)"
}

# --- what qmgr did not write ----------------------------------------------------------

testSenselessFiles() {
  echo 'nonsense' >"$I/queue/site/a.tld"
  : >"$I/queue/site/b.tld"
  head -c 5000 /dev/zero >"$I/queue/site/c.tld"
  mkfifo "$I/queue/site/d.tld"
  ln -s /etc/passwd "$I/queue/site/e.tld"
  echo 'up since=x failures=0 next=0' >"$I/queue/site/f.tld"
  echo 'up since=1 failures=0 next=99999999999999999999' >"$I/queue/site/g.tld"
  echo 'half' >"$I/queue/site/+new"
  mkdir "$I/queue/site/no site"
  assertEquals 'a.tld b.tld c.tld d.tld e.tld f.tld g.tld ' "$(list -1 | tr '\n' ' ')"
  assertEquals 'unknown ' "$(list | awk 'NR > 1 { print $2 }' | sort -u | tr '\n' ' ')"
  assertEquals '' "$(err)"
}

testHostileText() {
  printf 'down since=1763711153 failures=3 next=0 \033[2J\302\233 \303\274 \377\ttab\n' >"$I/queue/site/a.tld"
  assertContains "$(list)" '  ?[2J?? ü ??tab'
  assertContains "$(list -j)" '"?[2J?? ü ??tab"'
}

# --- on a terminal --------------------------------------------------------------------

# terminal COLUMNS ROWS COMMAND
terminal() { script -qec "stty cols $1 rows $2; $3" /dev/null | tr -d '\r'; }

testCutToTheTerminal() {
  site a.tld down 100 1 5000 "$(printf '%0300d' 0) ü"
  assertEquals 100 "$(terminal 100 24 "$BIN/site-list -C $I" | awk 'length > most { most = length } END { print most }')"
  assertEquals 'not in a pipe' 1 "$(list | grep -c '0 ü$')"
}

# watch ROWS [OPTION...]: on a terminal, until watched says how it is to end.
watch() {
  cat >"$T/watch" <<'P'
import fcntl, os, pty, select, signal, struct, sys, termios, time
enough, rows, command = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, 80, 0, 0))
    os.execv(command[0], command)
stop, ended, out = time.time() + 30, False, b""
while time.time() < stop:
    if select.select([fd], [], [], 0.05)[0]:
        try:
            octets = os.read(fd, 65536)
        except OSError:
            break
        if not octets:
            break
        out += octets
        with open(enough + ".screens", "wb") as f:
            f.write(out)
    if os.path.exists(enough) and not ended:
        ended = True
        if open(enough).read() == "TERM":
            os.kill(pid, signal.SIGTERM)
        else:
            os.write(fd, b"\x03")
print("exit code", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
P
  rm -f "$T/enough" "$T/enough.screens"
  watch_rows=$1
  shift
  /usr/bin/python3 "$T/watch" "$T/enough" "$watch_rows" "$BIN/site-list" -C "$I" -w "$@" >"$T/watched" 2>&1 &
  watcher=$!
}
shows() { grep -qF -- "$1" "$T/enough.screens" 2>/dev/null; }
# watched [TERM]: ends it by Ctrl-C, or a signal; it exits 0.
watched() {
  printf '%s' "${1-}" >"$T/ending"
  mv "$T/ending" "$T/enough"
  wait $watcher
  assertEquals 'exit code 0' "$(cat "$T/watched")"
}

testWatch() {
  site a.tld down 100 1 5000 'because of this'
  watch 24
  assertTrue 'at once' 'wait_for 10 shows "because of this"'
  site a.tld up 1 0 0 'fine again'
  assertTrue 'again' 'wait_for 10 shows "fine again"'
  watched
  assertContains 'from the top' "$(cat "$T/enough.screens")" "$(printf '\033[HSITE')"
}

# No line is pushed out at the top, and it is said that there are more.
testWatchMoreThanFits() {
  for n in 1 2 3 4 5 6; do site "d$n.tld" up 100 0 0; done
  watch 6 -t 1
  assertTrue "says that there are more" 'wait_for 10 shows "... and 2 more"'
  watched
  assertEquals 'does not fit' 0 "$(grep -c 'd5.tld' "$T/enough.screens")"
  watch 8
  assertTrue 'all of them' 'wait_for 10 shows d6.tld'
  watched
  assertEquals 0 "$(grep -c ' more' "$T/enough.screens")"
}

testWatchEndsOnTerm() {
  site a.tld up 1 0 0
  watch 24
  assertTrue 'shown' 'wait_for 10 shows a.tld'
  watched TERM
}

testWatchIsForATerminal() {
  list -w >"$T/out"
  assertEquals 'exit code' 100 $?
  assertEquals 'site-list: fatal: -w is for a terminal, and standard output is none' "$(err)"
  assertEquals '' "$(cat "$T/out")"
}

testWatchUnknownSite() {
  assertContains "$(terminal 80 24 "$BIN/site-list -C $I -w nobody.tld")" 'no such site: nobody.tld'
}

# --- a relay ---------------------------------------------------------------------------

is() { [ "$(row "$1" | cut -d ' ' -f 2)" = "$2" ]; }

testWhileMailFlows() {
  free_port nobody
  conf relaydomains away.example parked.example here.example
  sink customer
  # shellcheck disable=SC2154 # set by free_port
  conf routes "away.example [127.0.0.1]:$nobody" 'parked.example [127.0.0.2]:25 park' "here.example [127.0.0.1]:$SINKPORT"
  start
  submit -t '%d@here.example' -t '%d@away.example' -t '%d@parked.example' -n 200 >"$T/submit" &
  submit=$!
  while kill -0 $submit 2>/dev/null; do
    list >"$T/out" || fail "exit code $?"
    [ -z "$(err)" ] || fail "$(err)"
  done
  wait $submit || fail "submit: $(cat "$T/submit")"
  assertTrue 'waits 200' 'wait_for 30 waits away.example 200'
  assertTrue 'waits 200' 'wait_for 30 waits parked.example 200'
  assertTrue "$(list)" "wait_for 10 is '[127.0.0.1]:$nobody' down"
  assertContains "$(list)" 'Connection refused'
  assertTrue "$(list)" "wait_for 10 is '[127.0.0.2]:25' parked"
  assertTrue "$(list)" "wait_for 10 is '[127.0.0.1]:$SINKPORT' up"
  assertEquals 200 "$(row '[127.0.0.2]:25' | cut -d ' ' -f 6)"
  assertEquals 200 "$(row "[127.0.0.1]:$nobody" | cut -d ' ' -f 6)"
  stop
  sink_stop
  assertEquals 'without qmgr' 200 "$(row '[127.0.0.2]:25' | cut -d ' ' -f 6)"
}

# --- wrong use ------------------------------------------------------------------------

testWrongUse() {
  for arguments in '-x' '-C' '-1 -j' '-j -w' '-t 3' '-w -t 0' '-w -t x' '-w -t 100000'; do
    # shellcheck disable=SC2086 # several
    list $arguments
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$arguments" "$(err)" 'usage: site-list'
  done
  list ../x
  assertEquals 'not a site' 100 $?
  assertEquals 'site-list: fatal: not a site: ../x' "$(err)"
  list "$(printf 'a\033.tld')"
  assertEquals 'site-list: fatal: not a site: a?.tld' "$(err)"
}

testMissingInstance() {
  "$BIN/site-list" -C "$T/none" 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" "$T/none"
}

testBrokenSetting() {
  fill "$I/queue" 1 a.tld
  conf routes 'a.tld nowhere/at/all'
  list
  assertEquals 'exit code' 102 $?
  assertContains "$(err)" conf/routes
}

testBrokenQueue() {
  rmdir "$I/queue/claim"
  list
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" "$I/queue/claim"
}

testFullOutput() {
  site a.tld up 1 0 0
  list >/dev/full
  assertEquals 'exit code' 111 $?
}

. shunit2
