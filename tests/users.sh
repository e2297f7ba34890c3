# An instance with users of its own (sluice-init -U): what each of them can do, and what none of them can have root do.
# shellcheck disable=SC1091
. tests/lib.sh

A=1j1aaaaaaaaaaa
B=1j1aaaaaaaaaab

oneTimeSetUp() {
  sink customer
}

oneTimeTearDown() {
  sink_stop
  fail_if_running
}

tearDown() {
  [ -z "${I-}" ] || stop
}

writer='setpriv --reuid sluice-in --regid sluice --clear-groups'
keeper='setpriv --reuid sluice-q --regid sluice-q --groups sluice'
# An operator: a user of the host in both groups.
operator='setpriv --reuid nobody --regid nogroup --groups sluice,sluice-q'
stranger='setpriv --reuid nobody --regid nogroup --clear-groups'

runnable() {
  $stranger test -x "$BIN/qmgr" || { skip 'programs are where others cannot run them'; return 1; }
}

# cannot WHO COMMAND...: a failure when it can.
cannot() {
  who=$1
  shift
  if $who "$@" >"$T/can" 2>&1 </dev/null; then fail "$who can: $*: $(cat "$T/can")"; fi
}
can() {
  who=$1
  shift
  $who "$@" >"$T/can" 2>&1 </dev/null || fail "$who cannot: $*: $(cat "$T/can")"
}

# fresh NAME: with a message that waits in cur/, one on hold and one that nobody has taken in yet.
fresh() {
  instance "$1" -U
  conf relaydomains example .example
  conf routes "parked.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:$SINKPORT"
  rm -f "$SINK"/*.msg "$SINK"/*.env
  tests/peer/message "$I/queue" cur $A parked.example
  tests/peer/message "$I/queue" hold $B parked.example
  tests/peer/message "$I/queue" new 1j1aaaaaaaaaac parked.example
  echo $A >"$I/queue/flush/parked.example"
  echo 'down since=1 failures=1 next=1 why' >"$I/queue/site/[127.0.0.1]:9"
  : >"$I/queue/notice/$A"
  : >"$I/queue/asked/other.example"
  own "$I"
}

# own DIR: as qmgr and smtpd-etrn would have made what is in it.
own() {
  chown -h -R sluice-q:sluice-q "$1/queue/cur" "$1/queue/hold" "$1/queue/flush" "$1/queue/site" "$1/queue/notice"
  chown sluice-in:sluice-q "$1"/queue/new/* "$1"/queue/asked/* "$1"/queue/cur/*/* "$1"/queue/hold/* 2>/dev/null
  find "$1/queue" -type f -exec chmod 660 {} +
  find "$1/queue/cur" -mindepth 1 -type d -exec chmod 2770 {} +
}

# --- writers --------------------------------------------------------------------------------

testWriterListsAndReadsNothing() {
  for_users || return 0
  fresh writer
  chown daemon "$I/queue/new/1j1aaaaaaaaaac"
  for who in "$writer" 'setpriv --reuid sluice-in --regid sluice --init-groups'; do
    for directory in tmp new cur hold flush claim asked site notice corrupt; do
      cannot "$who" ls "$I/queue/$directory"
    done
    for file in cur/1j1aa/$A hold/$B new/1j1aaaaaaaaaac flush/parked.example 'site/[127.0.0.1]:9'; do
      cannot "$who" cat "$I/queue/$file"
      cannot "$who" sh -c 'echo "1763711160.000001 0 sent 2.0.0 x x" >>"$1"' sh "$I/queue/$file"
      cannot "$who" rm -f "$I/queue/$file"
      cannot "$who" mv "$I/queue/$file" "$I/queue/tmp/taken"
      cannot "$who" ln "$I/queue/$file" "$I/queue/tmp/linked"
    done
    for directory in . cur cur/1j1aa hold flush claim site notice corrupt; do
      cannot "$who" sh -c ': >"$1"' sh "$I/queue/$directory/$A.made"
      cannot "$who" mkfifo "$I/queue/$directory/+new"
    done
    cannot "$who" cat "$I/queue/trigger"
  done
  assertEquals 'all is there' 3 "$(queued)"
}

testWriterAdds() {
  for_users || return 0
  fresh adds
  cd "$I/queue" || return
  can "$writer" sh -c 'umask 007 && echo >tmp/1j1aaaaaaaaaad && mv -n tmp/1j1aaaaaaaaaad new/1j1aaaaaaaaaad'
  assertEquals 'for those who have the queue' 'sluice-in sluice-q 660' "$(stat -c '%U %G %a' new/1j1aaaaaaaaaad)"
  can "$writer" sh -c 'umask 007 && : >asked/asked.example'
  assertEquals 'how long a list is' 15 "$($writer stat -c %s flush/parked.example)"
  cd - >/dev/null || return
}

# Neither a writer nor anybody but qmgr.
testSockets() {
  for_users || return 0
  fresh sockets
  start
  ready send bounce tlsout
  for socket in send bounce tlsout; do
    assertEquals "600 sluice-q" "$(stat -c '%a %U' "$I/run/$socket")"
    for who in "$writer" "$operator" "$stranger" 'setpriv --reuid sluice-out --regid sluice-out --clear-groups'; do
      cannot "$who" /usr/bin/python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])' "$I/run/$socket"
    done
  done
  connect='import socket, sys; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect(sys.argv[1])'
  assertEquals '660 sluice-q sluice' "$(stat -c '%a %U %G' "$I/run/turn")"
  can "$writer" /usr/bin/python3 -c "$connect" "$I/run/turn"
  for who in "$stranger" 'setpriv --reuid sluice-out --regid sluice-out --clear-groups'; do
    cannot "$who" /usr/bin/python3 -c "$connect" "$I/run/turn"
  done
  stop
  for file in lock totals clock reserve boot clean; do
    [ -e "$I/queue/$file" ] || continue
    cannot "$writer" sh -c ': >>"$1"' sh "$I/queue/$file"
    cannot "$writer" cat "$I/queue/$file"
  done
}

# --- what a writer makes of the names of others' mail -----------------------------------------

# twin ID: in new/, as a writer can make it, under the id of a message that is elsewhere, with other content.
twin() {
  tests/peer/message "$I/queue" tmp "$1" twin.example parked.example
  sed -i s/Hello/Twin./ "$I/queue/tmp/$1"
  chown sluice-in:sluice-q "$I/queue/tmp/$1"
  chmod 660 "$I/queue/tmp/$1"
  mv "$I/queue/tmp/$1" "$I/queue/new/$1"
}
none_new() { [ -z "$(ls "$I/queue/new")" ]; }
scan() { "$BIN/qmgr-trigger" -C "$I" scan; }
aside() { find "$I/queue/corrupt" -type f | wc -l; }
as_it_was() {
  assertTrue "$1: what waits is as it was" "cmp $T/waiting $I/queue/cur/1j1aa/$A"
  assertTrue "$1: so is what is on hold" "cmp $T/held $I/queue/hold/$B"
}

testTwins() {
  for_users || return 0
  fresh twins
  rm "$I/queue/new/1j1aaaaaaaaaac"
  cp "$I/queue/cur/1j1aa/$A" "$T/waiting"
  cp "$I/queue/hold/$B" "$T/held"
  tests/peer/message "$I/queue" corrupt 1j1aaaaaaaaaad parked.example
  echo $B >>"$I/queue/flush/parked.example"
  own "$I"
  start
  for round in 1 2; do
    twin $A
    twin $B
    twin 1j1aaaaaaaaaad
    scan
    assertTrue "taken out of new/: $(log qmgr)" 'wait_for 10 none_new'
    as_it_was "round $round"
  done
  assertEquals 'put aside, each under a name of its own' 7 "$(aside)"
  assertContains "$(log qmgr)" 'not the message of this id, put aside as corrupt/'
  twin $A
  "$BIN/qmgr-trigger" -C "$I" new $A
  etrn parked.example >/dev/null
  arrive parked.example 1
  twin $B
  etrn parked.example >/dev/null
  scan
  assertTrue 'taken out of new/' 'wait_for 10 none_new'
  "$BIN/queue-release" -C "$I" $B >/dev/null 2>&1
  etrn parked.example >/dev/null
  arrive parked.example 2
  assertEquals 'no twin was sent' '0 0' "$(sink_for twin.example) $(cat "$SINK"/*.msg | grep -c Twin)"
  stop
}

# While no qmgr is there: programs that an operator runs mean the message that waits.
testTwinsAndOperators() {
  for_users || return 0
  fresh twins-operators
  cp "$I/queue/cur/1j1aa/$A" "$T/waiting"
  cp "$I/queue/hold/$B" "$T/held"
  own "$I"
  twin $A
  twin $B
  printf '1763711160.00000%d %d sent 2.0.0 x x\n' 1 0 2 0 3 0 >>"$I/queue/new/$A"
  assertContains "$("$BIN/queue-cat" -C "$I" $A)" Hello
  assertContains "$("$BIN/queue-cat" -C "$I" $B)" Hello
  "$BIN/queue-check" -C "$I" >"$T/out" 2>&1
  assertContains "$(cat "$T/out")" "queue/new/$A: another one is in cur/: to corrupt/: mended"
  assertContains "$(cat "$T/out")" "queue/new/$B: another one is in hold/: to corrupt/: mended"
  as_it_was queue-check
  twin $A
  twin $B
  "$BIN/queue-check" -C "$I" >"$T/out" 2>&1
  assertEquals "once more: $(cat "$T/out")" '4 0' "$(aside) $(find "$I/queue/new" -name $A -o -name $B | wc -l)"
  as_it_was 'queue-check again'
  twin $A
  twin $B
  "$BIN/queue-hold" -C "$I" -a >/dev/null 2>&1
  assertTrue 'held' "cmp $T/waiting $I/queue/hold/$A"
  assertTrue 'held before' "cmp $T/held $I/queue/hold/$B"
  "$BIN/queue-release" -C "$I" $A >/dev/null 2>&1
  as_it_was released
  "$BIN/queue-requeue" -C "$I" $A $B >"$T/out" 2>&1
  assertEquals 'requeued' 2 "$(grep -c 'requeued as' "$T/out")"
  "$BIN/queue-requeue" -C "$I" -a >"$T/out" 2>&1
  assertEquals "what waits is there, and no twin of it: $(cat "$T/out")" '3 2' "$(find "$I"/queue/[nch]* -type f -exec grep -l Hello {} + | wc -l) \
$(find "$I"/queue/new -type f -exec grep -l Twin {} + | wc -l)"
  tests/peer/message "$I/queue" cur $A parked.example
  own "$I"
  twin $A
  "$BIN/queue-del" -C "$I" $A >/dev/null 2>&1
  assertFalse 'deleted' "[ -e $I/queue/cur/1j1aa/$A ]"
}

# --- what a writer makes of a message's size -----------------------------------------------------

# flows NAME: other mail does, soon.
flows() {
  submit -t "x@$1.example" >"$T/submit" || fail "$1: not taken: $(cat "$T/submit")"
  assertTrue "$1: nothing arrives: $(log qmgr | tail -n 3)" "wait_for 3 sink_has_for $1.example 1"
}
# The most memory qmgr has had, in KiB.
qmgr_peak() { status "$(s6-svstat -o pid "$I/service/qmgr")" VmHWM | tr -dc 0-9; }
are_aside() { [ "$(aside)" -ge "$1" ]; }

# A hole takes no room: what the file is said to hold is not read.
testSparse() {
  for_users || return 0
  fresh sparse
  rm "$I/queue/new/1j1aaaaaaaaaac"
  start
  twin 1j1aaaaaaaaaad
  truncate -s 1T "$I/queue/new/1j1aaaaaaaaaad" || { skip 'no file of 1 TiB'; return; }
  truncate -s 1T "$I/queue/new/1j1aaaaaaaaaae"
  twin 1j1aaaaaaaaaaf
  sed -i '1s/ [0-9]* / 9999999999 /' "$I/queue/new/1j1aaaaaaaaaaf"
  truncate -s 1T "$I/queue/new/1j1aaaaaaaaaaf"
  for id in d e f; do chown sluice-in:sluice-q "$I/queue/new/1j1aaaaaaaaaa$id" && chmod 660 "$I/queue/new/1j1aaaaaaaaaa$id"; done
  scan
  assertTrue "put aside: $(log qmgr)" 'wait_for 5 are_aside 3'
  assertContains "$(log qmgr)" 'not a whole message'
  flows sparse
  # one that waits, by a descriptor that its writer has kept
  tests/peer/message "$I/queue" cur 1j1aaaaaaaaaag parked.example
  echo 1j1aaaaaaaaaag >>"$I/queue/flush/parked.example"
  own "$I"
  truncate -s 1T "$I/queue/cur/1j1aa/1j1aaaaaaaaaag"
  etrn parked.example >/dev/null
  assertTrue "put aside: $(log qmgr)" 'wait_for 5 are_aside 4'
  arrive parked.example 1
  assertTrue "memory: $(qmgr_peak) KiB" "[ $(qmgr_peak) -lt 65536 ]"
  stop
}

# many ID COUNT: a message of sluice-in's to so many domains.
many() {
  /usr/bin/python3 -c '
import sys
count = int(sys.argv[1])
content = "Subject: test\r\n\r\nHello.\r\n"
envelope = "from <bob@example.org>\narrival 1763711153.123456\nclient [127.0.0.1] ESMTP\n"
envelope += "".join("rcpt d%d.parked.example <x@d%d.parked.example>\n" % (n, n) for n in range(count)) + "\n"
print("sluice-1 %010d %018d ----\n" % (len(envelope), len(content)) + envelope + content, end="")' "$2" >"$I/queue/tmp/$1"
  chown sluice-in:sluice-q "$I/queue/tmp/$1"
  chmod 660 "$I/queue/tmp/$1"
  mv "$I/queue/tmp/$1" "$I/queue/new/$1"
}

testRecipientsWithoutEnd() {
  for_users || return 0
  fresh many
  conf routes "parked.example [127.0.0.1]:$SINKPORT park" ".parked.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:$SINKPORT"
  start
  many 1j1aaaaaaaaaad 2001
  scan
  assertTrue "put aside: $(log qmgr)" 'wait_for 5 are_aside 1'
  for n in a b c d e f g h; do many 1j1aaaaaaaaab$n 2000; done
  scan
  flows many
  assertTrue 'as many as may be are taken' 'wait_for 60 waits d1999.parked.example 8'
  seq -f 'x%g@parked.example' 2001 >"$T/addresses"
  # shellcheck disable=SC2046 # addresses
  echo x | "$BIN/queue-put" -C "$I" $(cat "$T/addresses") >"$T/out" 2>&1
  assertEquals "queue-put: $(cat "$T/out")" 100 $?
  # shellcheck disable=SC2046 # addresses
  echo x | "$BIN/queue-put" -C "$I" $(head -n 2000 "$T/addresses") >"$T/out" 2>&1
  assertEquals "queue-put: $(cat "$T/out")" 0 $?
  stop
}

# --- what a writer asks for ------------------------------------------------------------------------

lines() { log qmgr | wc -l; }

# Requests for what has no list, and names that are none, are gone soon, with few words; others are answered meanwhile.
testRequestsWithoutEnd() {
  for_users || return 0
  fresh requests
  conf flushdomains example .example
  $writer /usr/bin/python3 -c '
import os, sys
os.chdir(sys.argv[1])
for n in range(5000):
    for name in ("d%d.made-up.example" % n, "@b%d.made-up.example" % n, "no name %d" % n, "=1j1aaaaaa%05d" % n):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o660))' "$I/queue/asked"
  mkdir "$I/queue/asked/no request"
  : >"$I/queue/asked/parked.example"
  start
  arrive parked.example 1
  flows requests
  assertTrue "$(find "$I/queue/asked" -type f | wc -l) left" 'wait_for 30 none_asked'
  assertTrue "few lines: $(log qmgr | head -n 20)" "[ $(lines) -lt 40 ]"
  assertContains "$(log qmgr)" 'nothing that can be asked for, removed'
  stop
}

# What operators did is said where only they can say it.
testForgedDeeds() {
  for_users && runnable || return 0
  fresh forged
  start
  wait_for 20 waits parked.example 3 || fail "$(log qmgr)"
  can "$writer" sh -c 'printf "%s $2\n" deleted held released requeued recorded >"$1"' sh "$I/queue/trigger" $A
  cannot "$writer" sh -c 'echo "deleted $2" >"$1"' sh "$I/queue/deeds" $A
  cannot "$writer" "$BIN/qmgr-trigger" -C "$I" deleted $A
  cannot "$writer" rm -f "$I/queue/deeds"
  can "$operator" "$BIN/queue-hold" -C "$I" 1j1aaaaaaaaaac
  assertTrue 'a true one' "wait_for 10 logged qmgr '1j1aaaaaaaaaac: placed on hold'"
  assertEquals 'no other' '' "$(log qmgr | grep "$A: ")"
  assertEquals 'sluice-q sluice-q 660' "$(stat -c '%U %G %a' "$I/queue/deeds")"
  chmod 666 "$I/queue/deeds"
  assertContains "$("$BIN/queue-check" -C "$I" 2>&1)" 'queue/deeds: wrong owner or mode: mended'
  stop
}

# What is no message, whatever it is, is said once a minute.
testLinesWithoutEnd() {
  for_users || return 0
  fresh lines
  start
  before=$(lines)
  $writer /usr/bin/python3 -c '
import os, sys
os.chdir(sys.argv[1])
os.umask(7)
for n in range(300):
    open("new/1j1aaaaaab%04d" % n, "w").write("x")
    os.mkfifo("new/1j1aaaaaac%04d" % n)
    os.close(os.open("new/1j1aaaaaad%04d" % n, os.O_CREAT | os.O_WRONLY, 0))
    open("tmp/1j1aaaaaae%04d" % n, "w").write("x")
    os.utime("tmp/1j1aaaaaae%04d" % n, (1, 1))' "$I/queue"
  for n in 1 2 3; do scan; done
  for n in $(seq 200); do echo 'flush parked.example'; done >"$I/queue/trigger"
  flows lines
  assertTrue 'put aside' 'wait_for 20 are_aside 300'
  assertTrue "few lines: $(log qmgr | tail -n 20)" "[ $(($(lines) - before)) -lt 20 ]"
  stop
}

# --- the services, as they are ---------------------------------------------------------------

testCounts() {
  for_users || return 0
  fresh counts
  conf etrncounts 1
  start
  wait_for 20 waits parked.example 3 || fail "$(log qmgr)"
  assertEquals '253 OK, 3 pending messages for node parked.example started' "$(etrn parked.example)"
  assertTrue 'one is on hold' 'wait_for 20 none_asked'
  assertEquals '251 OK, no messages waiting for node x.example' "$(etrn x.example)"
  assertEquals '250 OK, queuing for node @example started' "$(etrn @example)"
  assertTrue "carried out: $(log qmgr)" 'wait_for 20 none_asked'
  arrive parked.example 2
  stop
}

# One that is gone cannot be told from one that is there.
testOneMessage() {
  for_users || return 0
  fresh one
  start
  printf 'EHLO x\r\nETRN =%s\r\nETRN =1j1aaaaaaaaaaz\r\nQUIT\r\n' $A | socat -t 10 - "UNIX-CONNECT:$I/run/local" >"$T/said"
  assertContains "$(cat "$T/said")" "250 OK, queuing for node =$A started"
  arrive parked.example 1
  assertTrue 'carried out' 'wait_for 20 none_asked'
  stop
}

# status PID FIELD: of /proc/PID/status.
status() { sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"; }

# stripped SERVICE: nothing that it or its children run could ever gain anything.
stripped() {
  stripped_pid=$(s6-svstat -o pid "$I/service/$1")
  for pid in $stripped_pid $(ps -o pid= --ppid "$stripped_pid"); do
    assertEquals "$1: no new privileges" 1 "$(status "$pid" NoNewPrivs)"
    for set in CapInh CapPrm CapEff CapBnd CapAmb; do
      assertEquals "$1: $set" "${2-0000000000000000}" "$(status "$pid" $set)"
    done
  done
}

testNothingToGain() {
  for_users || return 0
  fresh gain
  listen_tls
  start
  for service in smtps odmr; do wait_for 20 s6-svwait -U -t 1000 "$I/service/$service" || fail "$(log $service)"; done
  for service in smtpd local qmgr send bounce auth tls tlsout smtps odmr; do
    stripped $service
    stripped $service/log
  done
  stop
}

# A port that is root's to open: sluice-serve keeps what that takes, and smtpd-etrn has nothing.
testLowPort() {
  for_users || return 0
  [ "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)" -gt 1 ] || { skip 'all ports are for everybody here'; return; }
  fresh low
  PORT=1023
  while port_taken $PORT; do PORT=$((PORT - 1)); done
  conf listen "127.0.0.1:$PORT"
  start
  socat -u "TCP:127.0.0.1:$PORT" "OPEN:$T/low.said,creat" &
  client=$!
  wait_for 10 test -s "$T/low.said" || fail 'no greeting'
  serve=$(s6-svstat -o pid "$I/service/smtpd")
  assertEquals 'the port is opened, and the user changed' "$(id -u sluice-in)" "$(status "$serve" Uid | cut -f 1)"
  for pid in $serve $(ps -o pid= --ppid "$serve"); do
    assertEquals 1 "$(status "$pid" NoNewPrivs)"
    assertEquals 0000000000000000 "$(status "$pid" CapPrm)"
    assertEquals 'setgid, setuid, net_bind_service' 00000000000004c0 "$(status "$pid" CapBnd)"
  done
  kill $client
  stop
}

# --- operators --------------------------------------------------------------------------------

testOperator() {
  for_users && runnable || return 0
  fresh operator
  start
  wait_for 20 waits parked.example 3 || fail "$(log qmgr)"
  assertContains "$($operator "$BIN/queue-list" -C "$I")" $A
  can "$operator" "$BIN/queue-cat" -C "$I" $A
  can "$operator" "$BIN/queue-shape" -C "$I" -m
  can "$operator" "$BIN/site-list" -C "$I"
  can "$operator" "$BIN/queue-hold" -C "$I" $A
  can "$operator" "$BIN/queue-release" -C "$I" $A
  can "$operator" "$BIN/queue-del" -C "$I" $B
  can "$operator" "$BIN/queue-requeue" -C "$I" 1j1aaaaaaaaaac
  can "$operator" "$BIN/queue-check" -C "$I"
  can "$operator" "$BIN/flush-run" -C "$I" parked.example
  arrive parked.example 2
  stop
  cannot "$stranger" "$BIN/queue-list" -C "$I"
}

# What root's own programs leave behind is as if the users had made it.
testRootWorks() {
  for_users || return 0
  fresh root-works
  printf 'Subject: x\n\nx\n' | "$BIN/queue-put" -C "$I" x@parked.example >"$T/id"
  start
  wait_for 20 waits parked.example 4 || fail "$(log qmgr)"
  assertContains "$("$BIN/queue-cat" -C "$I" "$(cat "$T/id")")" 'from userid 0)'
  "$BIN/queue-requeue" -C "$I" $A >/dev/null 2>&1
  "$BIN/queue-hold" -C "$I" "$(cat "$T/id")" >/dev/null 2>&1
  "$BIN/queue-release" -C "$I" "$(cat "$T/id")" >/dev/null 2>&1
  "$BIN/flush-rebuild" -C "$I" >/dev/null 2>&1
  assertEquals 'nothing is root'\''s' '' "$(find "$I/queue" -user root)"
  assertEquals 'nor for writers to reach' '' "$(find "$I/queue" -type f \( ! -group sluice-q -o -perm /007 \))"
  stop
  assertEquals 'all as it should be' "queue-check: messages: 4, findings: 0, left: 0" "$("$BIN/queue-check" -C "$I" 2>&1)"
}

# --- what root can be made to do -----------------------------------------------------------------

victims() {
  mkdir -p "$T/victim/1j1aa"
  echo secret >"$T/victim/$A"
  echo secret >"$T/victim/1j1aa/$A"
  chmod 600 "$T/victim/$A" "$T/victim/1j1aa/$A"
  chmod 700 "$T/victim" "$T/victim/1j1aa"
  find "$T/victim" -printf '%p %u %g %m %s %T@\n' | sort >"$T/victims"
}

unharmed() { assertEquals "$1" "$(cat "$T/victims")" "$(find "$T/victim" -printf '%p %u %g %m %s %T@\n' | sort)"; }

# Each of the programs that root may run.
all_programs() {
  "$BIN/queue-check" -C "$I" -n
  "$BIN/queue-check" -C "$I"
  "$BIN/queue-requeue" -C "$I" -a
  "$BIN/queue-hold" -C "$I" $A
  "$BIN/queue-release" -C "$I" $A
  "$BIN/flush-rebuild" -C "$I"
  "$BIN/flush-run" -C "$I" parked.example
  "$BIN/flush-record" -C "$I" parked.example $A
  "$BIN/postsuper" -c "$I" -s -r ALL
  "$BIN/queue-list" -C "$I"
  "$BIN/queue-cat" -C "$I" $A
  echo | "$BIN/queue-put" -C "$I" x@parked.example
  "$BIN/sluice-init" -u "$I"
  "$BIN/queue-del" -C "$I" $A
}

# A link at each place, to what is root's.
testLinks() {
  for_users || return 0
  for place in cur cur/1j1aa cur/1j1aa/$A new new/$B hold tmp flush flush/parked.example claim asked site notice corrupt trigger \
    reserve boot lock; do
    fresh "link-$(echo $place | tr / -)"
    victims
    target=$T/victim
    case $place in cur/1j1aa) target=$T/victim/1j1aa ;; */* | trigger | reserve | boot | lock) target=$T/victim/$A ;; esac
    rm -rf "${I:?}/queue/$place"
    ln -s "$target" "$I/queue/$place"
    chown -h sluice-q "$I/queue/$place"
    all_programs >/dev/null 2>&1 </dev/null
    unharmed "link at $place"
  done
}

# None looks below queue/ as root, whatever it finds there.  Who gives things back to their owners takes one name at a time.
testNobodyLooksAsRoot() {
  for_users || return 0
  fresh looks
  for program in 'queue-requeue -a' 'flush-rebuild' 'queue-hold 1j1aaaaaaaaaaa' 'queue-release 1j1aaaaaaaaaaa' 'queue-list' \
    'queue-cat 1j1aaaaaaaaaaa' 'queue-shape' 'site-list' 'flush-run parked.example' 'flush-record parked.example 1j1aaaaaaaaaaa' \
    'qmgr-trigger scan' 'queue-del 1j1aaaaaaaaaaa'; do
    # shellcheck disable=SC2046 # options
    traced -f -o "$T/trace" -e trace=%file,setresuid "$BIN/${program%% *}" -C "$I" $(echo "$program" | cut -s -d ' ' -f 2-) >/dev/null 2>&1 </dev/null
    assertEquals "$program" '' "$(sed '/setresuid/,$d' "$T/trace" | grep -E '"(cur|new|tmp|hold|flush|claim|asked|site|notice|corrupt|lock|boot|reserve|trigger|deeds)[/"]')"
    assertContains "$program" "$(cat "$T/trace")" setresuid
  done
}

# race DIRECTORY NAME TARGET: as who has the queue, exchanges DIRECTORY/NAME with a link to TARGET, over and over.
race() {
  timeout 120 $keeper /usr/bin/python3 -c '
import ctypes, os, sys
libc = ctypes.CDLL(None)
directory, name, target = sys.argv[1:]
os.chdir(directory)
os.path.lexists("../tmp/link") or os.symlink(target, "../tmp/link")
there, link = name.encode(), os.path.join(os.path.relpath(os.path.join(directory, "../tmp"), directory), "link").encode()
while True:
    libc.renameat2(-100, there, -100, link, 2)
' "$@" &
  racer=$!
}

# Each time there is something that root should mend; whatever it gets hold of, it is not the victim.
testRaces() {
  for_users || return 0
  fresh races
  chown -R sluice-q "$I/queue/cur"
  victims
  for place in 'cur 1j1aa' 'cur/1j1aa 1j1aaaaaaaaaaa' 'flush parked.example'; do
    target=$T/victim/1j1aa
    [ "$place" = 'cur 1j1aa' ] || target=$T/victim/$A
    rm -rf "$I/queue/tmp/link"
    mkdir -p "$I/queue/tmp"
    [ "${place% *}" != cur/1j1aa ] || { mkdir -p "$I/queue/cur/tmp" && chown sluice-q:sluice-q "$I/queue/cur/tmp"; }
    race "$I/queue/${place% *}" "${place#* }" "$target"
    runs=0
    while [ $runs -lt 40 ]; do
      # not as root: chmod(1) follows the link itself
      $keeper find "$I/queue/cur" "$I/queue/flush" -mindepth 1 ! -type l -exec chmod -f o+r {} + 2>/dev/null
      "$BIN/queue-check" -C "$I" >/dev/null 2>&1
      [ $((runs % 10)) != 0 ] || "$BIN/sluice-init" -u "$I" >/dev/null 2>&1
      runs=$((runs + 1))
    done
    unharmed "race at $place"
    kill $racer
    wait $racer 2>/dev/null
  done
  assertTrue 'the race was run' "[ $runs = 40 ]"
}

# Of files in the queue root gives away its own and those of the users alone, and none that has another name.
testOthersFiles() {
  for_users || return 0
  fresh others
  victims
  ln "$T/victim/$A" "$I/queue/hold/1j1aaaaaaaaaaf"
  tests/peer/message "$I/queue" hold 1j1aaaaaaaaaag parked.example
  chown daemon:daemon "$I/queue/hold/1j1aaaaaaaaaag"
  chmod 600 "$I/queue/hold/1j1aaaaaaaaaag"
  tests/peer/message "$I/queue" hold 1j1aaaaaaaaaah parked.example
  chmod 600 "$I/queue/hold/1j1aaaaaaaaaah"
  "$BIN/queue-check" -C "$I" >"$T/out" 2>/dev/null
  assertContains "$(cat "$T/out")" 'queue/hold/1j1aaaaaaaaaaf: not for qmgr to use: wrong owner or mode: left'
  assertContains "$(cat "$T/out")" 'queue/hold/1j1aaaaaaaaaag: not for qmgr to use: wrong owner or mode: left'
  assertContains "$(cat "$T/out")" 'queue/hold/1j1aaaaaaaaaah: not for qmgr to use: wrong owner or mode: mended'
  assertEquals 'daemon daemon 600' "$(stat -c '%U %G %a' "$I/queue/hold/1j1aaaaaaaaaag")"
  rm "$I/queue/hold/1j1aaaaaaaaaaf"
  unharmed 'linked'
}

# A FIFO may be linked into our directory as well: it gets one of its own, and what has the other name is let alone.
testOthersFifo() {
  for_users || return 0
  fresh others-fifo
  mkdir "$T/victim-fifo"
  mkfifo -m 600 "$T/victim-fifo/fifo"
  rm "$I/queue/trigger"
  ln "$T/victim-fifo/fifo" "$I/queue/trigger"
  "$BIN/queue-check" -C "$I" >"$T/out" 2>&1
  assertEquals "let alone: $(cat "$T/out")" 'root root 600' "$(stat -c '%U %G %a' "$T/victim-fifo/fifo")"
  assertEquals 'a new one' 'sluice-q sluice-q 662 1' "$(stat -c '%U %G %a %h' "$I/queue/trigger")"
  assertEquals 'all as it should be' 0 "$("$BIN/queue-check" -C "$I" 2>&1 | grep -c trigger)"
}

# In somebody else's instance root is that one.
testForeignInstance() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  instance foreign
  victims
  mkdir "$T/victim/tmp" "$T/victim/cur"
  find "$T/victim" -printf '%p %u %g %m %s %T@\n' | sort >"$T/victims"
  rm -rf "$I/queue"
  ln -s "$T/victim" "$I/queue"
  chown -h -R nobody "$I"
  all_programs >/dev/null 2>&1 </dev/null
  unharmed 'queue/ is a link'
  for part in conf run service; do
    instance "foreign-$part"
    rm -rf "${I:?}/$part"
    ln -s "$T/victim" "$I/$part"
    chown -h -R nobody "$I"
    all_programs >/dev/null 2>&1 </dev/null
    "$BIN/conf-cdb" -C "$I" relaydomains >/dev/null 2>&1
    unharmed "$part/ is a link"
  done
}

testInitInOthersDirectory() {
  for_users || return 0
  mkdir "$T/theirs" "$T/everybodys"
  chown nobody "$T/theirs"
  chmod 1777 "$T/everybodys"
  for place in theirs everybodys; do
    "$BIN/sluice-init" -U "$T/$place" 2>"$T/err"
    assertEquals $place 100 $?
    assertContains "$(cat "$T/err")" "$T/$place: what runs as root there must be in a directory that is root's alone to change"
    assertEquals 'nothing is made' '' "$(ls "$T/$place")"
  done
  I=
}

# --- an instance of an earlier version ---------------------------------------------------------------

# earlier NAME: as 0.4.0 made it, and used.
earlier() {
  fresh "$1"
  chown -h -R :sluice "$I/queue" "$I/run"
  chmod 2750 "$I/queue"
  chmod 2730 "$I/queue/tmp" "$I/queue/new"
  chmod 2770 "$I/queue/cur" "$I/queue/cur/1j1aa" "$I/queue/hold" "$I/queue/notice" "$I/queue/corrupt" "$I/queue/flush" \
    "$I/queue/claim" "$I/queue/asked" "$I/queue/site"
  chmod 660 "$I/queue/trigger"
  echo '# mine' >>"$I/service/send/run"
  rm -r "$I/service/bounce"
}

like_fresh() {
  port=$PORT
  fresh like
  (cd "$I" && find . ! -path '*/log/main/*' ! -name '*.old' -printf '%y %U:%G %m %p\n' | sort) >"$T/like.fresh"
  I=$1 PORT=$port
  (cd "$I" && find . ! -path '*/log/main/*' ! -name '*.old' -printf '%y %U:%G %m %p\n' | sort) >"$T/like.upgraded"
  diff "$T/like.fresh" "$T/like.upgraded" || fail 'not as a fresh one'
}

testUpgrade() {
  for_users || return 0
  earlier upgrade
  "$BIN/queue-check" -n -C "$I" >"$T/out" 2>"$T/err"
  assertEquals "told: $(cat "$T/err")" 1 $?
  assertContains "$(cat "$T/out")" 'queue/cur: wrong owner or group: would be mended'
  assertContains "$(cat "$T/out")" "queue/cur/1j1aa/$A: not for qmgr to use: wrong owner or mode: would be mended"
  assertContains "$(cat "$T/out")" 'run: wrong owner or group: would be mended'
  "$BIN/sluice-init" -u "$I" >"$T/out" 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  assertContains "$(cat "$T/out")" 'service/send/run: of another version'
  assertEquals '# mine' "$(tail -n 1 "$I/service/send/run.old")"
  assertEquals '' "$("$BIN/sluice-init" -u "$I" 2>&1)"
  rm "$I/service/send/run.old"
  like_fresh "$I"
  start
  wait_for 20 waits parked.example 3 || fail "$(log qmgr)"
  etrn parked.example >/dev/null
  arrive parked.example 2
  "$BIN/sluice-init" -u "$I" 2>"$T/err"
  assertEquals 'not while qmgr runs' 1 $?
  assertContains "$(cat "$T/err")" 'stop the services first'
  stop
}

# Killed anywhere, the next one ends it.
testUpgradeKilled() {
  for_users || return 0
  for kill in fchown:when=1 fchown:when=5 fchmod:when=3 fchmod:when=9 renameat:when=1 renameat:when=2 openat:when=40 mkdirat:when=2; do
    earlier "killed-$(echo $kill | tr := --)"
    traced -o /dev/null -e "inject=${kill%%:*}:signal=KILL:${kill#*:}" "$BIN/sluice-init" -u "$I" >/dev/null 2>&1
    "$BIN/sluice-init" -u "$I" >/dev/null 2>"$T/err"
    assertEquals "$kill: $(cat "$T/err")" 0 $?
    assertEquals "$kill: mine is kept" '# mine' "$(tail -n 1 "$I/service/send/run.old")"
    assertEquals "$kill: nothing to do" '' "$("$BIN/sluice-init" -u "$I" 2>&1)"
  done
}

# Where somebody else could put anything in the place of what is root's.
testUpgradeInOthersDirectory() {
  for_users || return 0
  earlier theirs-earlier
  chown daemon "$I"
  "$BIN/sluice-init" -u "$I" 2>"$T/err"
  assertEquals 100 $?
  assertContains "$(cat "$T/err")" "$I: what runs as root there must be in a directory that is root's alone to change"
}

# An operator may have linked what he runs: that stays, and is said.
testUpgradeLinked() {
  instance linked
  mv "$I/service/send/run" "$T/my-run"
  echo '# mine' >>"$T/my-run"
  ln -s "$T/my-run" "$I/service/send/run"
  mv "$I/service/bounce" "$T/my-bounce"
  echo '# mine' >>"$T/my-bounce/run"
  ln -s "$T/my-bounce" "$I/service/bounce"
  mv "$I/service/qmgr/log" "$T/my-log"
  echo '# mine' >>"$T/my-log/run"
  ln -s "$T/my-log" "$I/service/qmgr/log"
  echo '# mine' >>"$I/service/qmgr/run"
  "$BIN/sluice-init" -u "$I" >"$T/out" 2>"$T/err"
  assertEquals 'exit code' 0 $?
  assertEquals 'sluice-init: warning: service/send/run is a symbolic link: left as it is
sluice-init: warning: service/qmgr/log is a symbolic link: left as it is
sluice-init: warning: service/bounce is a symbolic link: left as it is' "$(sort -r "$T/err")"
  assertEquals 'the others are renewed' 'service/qmgr/run: of another version (it has .old behind its name now): mended' "$(cat "$T/out")"
  for mine in my-run my-bounce/run my-log/run; do assertEquals $mine '# mine' "$(tail -n 1 "$T/$mine")"; done
  assertEquals 'nothing else is there' '' "$(find -L "$T/my-bounce" "$T/my-log" -name '*.old')"
}

testUpgradeAlone() {
  instance alone
  assertEquals 'nothing to do' '' "$("$BIN/sluice-init" -u "$I" 2>&1)"
  rm -r "$I/queue/notice" "$I/service/local"
  "$BIN/sluice-init" -u "$I" >"$T/out" 2>&1
  assertEquals "$(cat "$T/out")" 0 $?
  assertContains "$(cat "$T/out")" 'queue/notice: missing directory: mended'
  assertTrue 'service' "[ -x $I/service/local/run ]"
}

. shunit2
