#!/bin/sh
# sluice-log: what each logger writes comes out as syslog has it, in order.
. tests/lib.sh

TZ=XXX-1
export TZ
ID=1h8qabcde00001
LABEL=@40000000692018d610331a34 # 2025-11-21 07:45:53 UTC, by s6-log

setUp() {
  rm -rf "$T/d"
  mkdir "$T/d"
  D=$T/d
}

sluice_log() { "$BIN/sluice-log" -h mx "$@" 2>"$T/err"; }

# us: microseconds since 1970 of the lines of RFC 3339.
us() { while read -r us_time _; do date -d "$us_time" +%s%6N; done; }

# written_now LINE: a failure unless it says that it was written since $before.
written_now() {
  assertEquals "one line: $1" 1 "$(echo "$1" | wc -l)"
  written=$(echo "$1" | us)
  assertTrue "$1: not between $before and $after" "[ $before -le $written ] && [ $written -le $after ]"
  assertContains "$1" 'mx postfix/qmgr[0]: warning: x'
}

# written_by COMMAND...: the line that a logger writes into $D/log tells its time.
written_by() {
  rm -rf "$D/log"
  mkdir "$D/log"
  before=$(date +%s%6N)
  echo 'qmgr: warning: x' | "$@"
  after=$(date +%s%6N)
  written_now "$(sluice_log -r "$D/log")"
  written_now "$(sluice_log -r -u "$D"/log/current)"
  assertEquals '' "$(cat "$T/err")"
}

testLoggers() {
  written_by s6-log t "$D/log"
  written_by s6-log T "$D/log"
  written_by s6-log t T "$D/log"
  written_by multilog t "$D/log"
  written_by svlogd -t "$D/log"
  written_by svlogd -tt "$D/log"
  written_by svlogd -ttt "$D/log"
}

# Copied without its time a file does not tell its logger; -t does.
testLabelsOfCopies() {
  echo 'qmgr: warning: x' | multilog t "$D/multilog"
  echo 'qmgr: warning: x' | s6-log t "$D/s6-log"
  known=$(sluice_log "$D/multilog")
  touch -d '+1 hour' "$D/multilog/current" "$D/s6-log/current"
  assertNotEquals "$known" "$(sluice_log "$D/multilog")"
  assertEquals "$known" "$(sluice_log -t 10 "$D/multilog")"
  assertEquals "$known" "$(sluice_log -t 10 <"$D/multilog/current")"
  assertEquals "$(sluice_log -t 37 "$D/s6-log")" "$(sluice_log "$D/s6-log")"
}

# A journal of systemd's own making, each form in which journalctl shows it.
testJournal() {
  printf '%s\n' __REALTIME_TIMESTAMP=1763711153266166 _BOOT_ID=0123456789abcdef0123456789abcdef _HOSTNAME=there _PID=77 \
    SYSLOG_IDENTIFIER=smtpd-etrn "MESSAGE=smtpd-etrn[77]: $ID: message-id=<ü\"\\@x>" '' >"$D/export"
  printf '%s\n' __REALTIME_TIMESTAMP=1763711154266166 _BOOT_ID=0123456789abcdef0123456789abcdef _HOSTNAME=there _PID=78 \
    SYSLOG_IDENTIFIER=qmgr "MESSAGE=qmgr: $ID: removed" '' >>"$D/export"
  /lib/systemd/systemd-journal-remote -o "$D/x.journal" "$D/export" 2>"$T/err" || fail "$(cat "$T/err")"
  for form in short-unix short-iso short-iso-precise json; do
    assertEquals "$form" "Nov 21 08:45:53 mx postfix/cleanup[77]: 1H8QABCDE00001: message-id=<ü\"\\@x>
Nov 21 08:45:54 mx postfix/qmgr[78]: 1H8QABCDE00001: removed" "$(journalctl --file "$D/x.journal" -o $form | sluice_log)"
    assertEquals '' "$(cat "$T/err")"
  done
}

testTimes() {
  echo "$LABEL qmgr: x" >"$D/one"
  assertEquals 'Nov 21 08:45:53 mx sluice/qmgr[0]: x' "$(sluice_log "$D/one")"
  assertEquals 'Nov 21 07:45:53 mx sluice/qmgr[0]: x' "$(sluice_log -u "$D/one")"
  assertEquals '2025-11-21T08:45:53.271784+01:00 mx sluice/qmgr[0]: x' "$(sluice_log -r "$D/one")"
  assertEquals '2025-11-21T07:45:53.271784+00:00 mx sluice/qmgr[0]: x' "$(sluice_log -ru "$D/one")"
  assertEquals '2025-11-21T03:15:53.271784-04:30 mx sluice/qmgr[0]: x' "$(TZ=XXX+4:30 sluice_log -r "$D/one")"
  # what mail.log has as well
  assertEquals 'Nov  1 00:00:00 mx sluice/qmgr[0]: x' "$(echo '2025-11-01 00:00:00  qmgr: x' | sluice_log)"
  # a day on which the clock went forward
  assertEquals 'Mar 30 03:00:00 mx sluice/qmgr[0]: x' "$(echo '2025-03-30T01:00:00 qmgr: x' | TZ=Europe/Berlin sluice_log)"
}

testNames() {
  echo "$LABEL smtpd-etrn[5]: connect from unknown[192.0.2.7]" >"$D/one"
  assertEquals 'Nov 21 08:45:53 a.b postfix-in/x/smtpd[5]: connect from unknown[192.0.2.7]' \
    "$("$BIN/sluice-log" -h a.b -n postfix-in/x "$D/one")"
  assertContains "$("$BIN/sluice-log" "$D/one")" " $(uname -n) postfix/smtpd[5]: "
}

testOperatorsLines() {
  printf '%s\n' "$LABEL qmgr: $ID: placed on hold" "$LABEL qmgr: $ID: requeued" >"$D/one"
  assertEquals "Nov 21 08:45:53 mx postfix/postsuper[0]: 1H8QABCDE00001: placed on hold
Nov 21 08:45:53 mx postfix/postsuper[0]: Placed on hold: 1 message
Nov 21 08:45:53 mx postfix/postsuper[0]: 1H8QABCDE00001: requeued
Nov 21 08:45:53 mx postfix/postsuper[0]: Requeued: 1 message" "$(sluice_log "$D/one")"
}

# --- several logs -------------------------------------------------------------------

# many DIR PROGRAM STEP: 5000 lines with a number each, 1 ms times STEP apart, in 20 rotated files; one of 37 s leaps.
many() {
  mkdir "$D/$1"
  awk -v dir="$D/$1" -v program="$2" -v step="$3" 'BEGIN {
    for (i = 0; i < 5000; i++) {
      ms = i * step
      label = sprintf("@40000000%08x%08x", 1763711190 + int(ms / 1000), ms % 1000 * 1000000)
      if (i % 250 == 0) { file = dir "/" (i == 4750 ? "current" : label ".s") }
      print label " " program ": " ms > file
    }
  }'
}

testMerge() {
  many a qmgr 2
  many b smtp-send 3
  sluice_log -u "$D/a" "$D/b" >"$D/out"
  assertEquals 'exit code' 0 $?
  assertEquals 'all' 10000 "$(wc -l <"$D/out")"
  assertTrue 'in order' "sed 's/.*: //' $D/out | sort -nc"
  # shellcheck disable=SC2046 # words are wanted
  sluice_log -u $(find "$D/b" -type f | sort -r) $(find "$D/a" -type f) >"$D/other"
  assertEquals 'in whatever order they are named' "$(sort "$D/out" | cksum)" "$(sort "$D/other" | cksum)"
  assertTrue 'in order' "sed 's/.*: //' $D/other | sort -nc"
  assertEquals 'in time' 'Nov 21 07:45:53' "$(cut -c 1-15 <"$D/out" | head -n 1)"
}

# Two loggers are never quite together: what came first stands first.
testApart() {
  printf '%s\n' "@40000000692018d60c000000 smtpd-etrn[1]: $ID: client=unknown[192.0.2.7]" \
    "@40000000692018d60c000000 smtpd-etrn[1]: $ID: message-id=<x>" >"$D/smtpd"
  printf '%s\n' "@40000000692018d600000000 qmgr: $ID: from=<a>, size=1, nrcpt=1 (queue active)" \
    "@40000000692018d61a000000 qmgr: $ID: removed" >"$D/qmgr"
  printf '%s\n' "@40000000692018d620000000 smtp-send: $ID: to=<b>, relay=x, delay=1, delays=1/0/0/0, dsn=2.0.0, status=sent (250 ok)" >"$D/send"
  sluice_log "$D/send" "$D/qmgr" "$D/smtpd" | sed 's/.*postfix.//; s/\[.*//' >"$D/out"
  assertEquals 'smtpd cleanup qmgr smtp qmgr ' "$(tr '\n' ' ' <"$D/out")"
  # a second later they are in order anyway
  printf '%s\n' "@40000000692018d810000000 smtpd-etrn[1]: $ID: client=unknown[192.0.2.7]" >"$D/smtpd"
  assertEquals 'qmgr smtp qmgr smtpd ' "$(sluice_log "$D/send" "$D/qmgr" "$D/smtpd" | sed 's/.*postfix.//; s/\[.*//' | tr '\n' ' ')"
}

# What goes on is passed on at once.
testAsItComes() {
  mkfifo "$D/fifo"
  sluice_log <"$D/fifo" >"$D/out" &
  pid=$!
  exec 4>"$D/fifo"
  echo "$LABEL qmgr: x" >&4
  assertTrue 'one line' "wait_for 10 grep -q 'qmgr.0.: x' $D/out"
  printf '%s' "$LABEL qmgr: y" >&4
  exec 4>&-
  wait $pid
  assertEquals 2 "$(wc -l <"$D/out")"
}

# Is this the program as it is, without what a sanitizer or valgrind adds to its memory?
bare() { [ -z "${VALGRIND-}" ] && ! ldd "$BIN/sluice-log" | grep -q libasan; }

# In memory that does not grow with the log.
testMemory() {
  bare || {
    skip 'memory is measured of the bare program'
    return
  }
  awk -v label="$LABEL" 'BEGIN { for (i = 0; i < 400000; i++) print label " qmgr: warning: " i }' >"$D/a"
  cp "$D/a" "$D/b"
  n=$(ulimit -v 60000 && sluice_log "$D/a" "$D/b" | wc -l)
  assertEquals "$(cat "$T/err")" 800000 "$n"
}

# --- what makes no sense ------------------------------------------------------------

testNothing() {
  assertEquals '' "$(sluice_log </dev/null)"
  assertEquals '' "$(cat "$T/err")"
  mkdir "$D/empty"
  assertEquals '' "$(sluice_log "$D/empty")"
  : >"$D/empty/current"
  : >"$D/empty/lock"
  sluice_log "$D/empty" "$D/empty"/*
  assertEquals 'exit code' 0 $?
}

testLinesWithoutTime() {
  printf '%s\n' x "$LABEL qmgr: y" '@400000006920' '{' "$LABEL no program of ours" >"$D/one"
  sluice_log "$D/one" >"$D/out"
  assertEquals 'exit code' 1 $?
  assertEquals 'Nov 21 08:45:53 mx sluice/qmgr[0]: y
Nov 21 08:45:53 mx sluice/log[0]: no program of ours' "$(cat "$D/out")"
  assertEquals 'sluice-log: warning: 3 lines have no time that is understood: left out' "$(cat "$T/err")"
}

testHostileText() {
  printf '%s qmgr: warning: a\033[2J\rb\000c\302\233\377d\n' "$LABEL" >"$D/one"
  assertEquals 'Nov 21 08:45:53 mx postfix/qmgr[0]: warning: a?[2J?b?c???d' "$(sluice_log "$D/one")"
  { printf '%s qmgr: warning: ' "$LABEL" && head -c 10000000 /dev/zero | tr '\0' x && echo && echo "$LABEL qmgr: y"; } >"$D/one"
  sluice_log "$D/one" >"$D/out"
  assertEquals 'exit code' 0 $?
  assertEquals 'cut' 4133 "$(head -n 1 "$D/out" | wc -c)"
  assertEquals 'the next one' 'Nov 21 08:45:53 mx sluice/qmgr[0]: y' "$(sed 1d "$D/out")"
  head -c 2000000 /dev/urandom >"$D/one"
  sluice_log "$D/one" "$D/one" >"$D/out"
  assertEquals 'exit code' 1 $?
}

# Who owns a log's directory is not to have us read what he may not.
testHostileDirectory() {
  mkdir "$D/log"
  ln -s /etc/passwd "$D/log/@x"
  sluice_log "$D/log"
  assertEquals 'a link' 111 $?
  assertContains "$(cat "$T/err")" "$D/log/@x"
  rm "$D/log/@x"
  mkfifo "$D/log/current"
  timeout 10 "$BIN/sluice-log" "$D/log" 2>"$T/err"
  assertEquals 'a pipe' 111 $?
  assertContains "$(cat "$T/err")" "not a file: $D/log/current"
}

testUsage() {
  for wrong in -x -h "-h 'a b'" "-h ''" '-n [' '-n a:' '-t x' '-t 0' '-t 4294967296' '-t 1001'; do
    eval "sluice_log $wrong </dev/null"
    assertEquals "$wrong" 100 $?
    assertEquals "$wrong: one line" 1 "$(wc -l <"$T/err")"
  done
  sluice_log "$D/none"
  assertEquals 'no such file' 111 $?
  assertContains "$(cat "$T/err")" "$D/none"
  echo "$LABEL qmgr: x" | "$BIN/sluice-log" 2>"$T/err" >/dev/full
  assertEquals 'no room' 111 $?
}

. shunit2
