# Names that were made up below a domain of ours, and whatever else is idle: nothing stays of them, in memory or on
# disk; and what is forgotten is found again when there is mail.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck disable=SC1091
. tests/peer/dns.sh

setUp() {
  instance "forget$((instances = ${instances-0} + 1))"
  conf relaydomains .customer.example
  conf flushdomains .customer.example
  conf postmaster postmaster@elsewhere.example
  dns=
  SINK=
}

tearDown() {
  stop
  [ -z "$dns" ] || dns_stop
  dns=
  [ -z "$SINK" ] || sink_stop
  fail_if_running
}

# A name server that knows no name below customer.example.
nowhere() {
  dns_start </dev/null
  dns=1
  conf nameserver "127.0.0.1:$DNSPORT"
}

customer() {
  sink "customer$instances"
  conf routes "$1 [127.0.0.1]:$SINKPORT ${2-}"
}

madeup() { tests/peer/madeup "127.0.0.1:$PORT" customer.example "$@" >"$T/madeup" || fail "madeup: $(cat "$T/madeup")"; }
replies() { sed -n "s/^$1 $2 //p" "$T/madeup"; }

# --- what is there --------------------------------------------------------------------

lists() { find "$I/queue/flush" "$I/queue/claim" "$I/queue/asked" -type f | wc -l; }
sites() { find "$I/queue/site" -type f | wc -l; }
no_lists() { [ "$(lists)" = 0 ]; }
forgotten() {
  "$BIN/qmgr-trigger" -C "$I" scan
  [ "$(sites)" = 0 ]
}

# What qmgr has of memory, in kB: what it has asked for, touched or not.
memory() { awk '/^VmData/ { print $2 }' "/proc/$(s6-svstat -o pid "$I/service/qmgr")/status"; }

# less_than MOST BEFORE WHAT: not so many kB more by now.
less_than() {
  ! grep -q __asan_init "$BIN/qmgr" || return 0 # which keeps for a while what was given back
  after=$(memory)
  assertTrue "$3: from $2 kB to $after kB" "[ $((after - $2)) -lt $1 ]"
}

# --- ETRN ---------------------------------------------------------------------------------

testEtrnOfMadeUpNames() {
  customer '*' park
  start
  madeup -e 500 -k first
  wait_for 60 no_lists || fail "$(lists) left"
  before=$(memory)
  madeup -e 10000
  assertEquals 'the words of the reply' 10000 "$(replies etrn 250)"
  wait_for 120 no_lists || fail "$(lists) left"
  less_than 1000 "$before" '10000 names'
  assertEquals 'no files of sites' 0 "$(sites)"
}

testFlushRunOfAMadeUpName() {
  customer '*' park
  start
  "$BIN/flush-run" -C "$I" -w -t 60 no.customer.example
  assertEquals 'exit code' 0 $?
  assertTrue 'nothing asked' no_lists
  assertEquals 'no files of sites' 0 "$(sites)"
}

# What has mail is asked for all the same: in a list, in new/ alone, in a claim that a killed qmgr left.
testEtrnOfNamesThatHaveMail() {
  customer '*' park
  start
  hold list.customer.example 3
  hold claim.customer.example 2
  stop
  mv "$I/queue/flush/claim.customer.example" "$I/queue/claim/"
  start
  service qmgr p
  submit -t x@new.customer.example >/dev/null || fail submit
  madeup -e 20
  for name in list claim new; do
    assertContains "$(etrn $name.customer.example)" '250 OK'
    assertTrue "$name: the request is on disk" "asked $name.customer.example"
  done
  service qmgr c
  arrive list.customer.example 3
  arrive claim.customer.example 2
  arrive new.customer.example 1
  wait_for 60 no_lists || fail "$(lists) left"
  wait_for 60 drained || fail "$(queued) left"
}

# The request outlives qmgr.
testAskedWhileNobodyIsThere() {
  customer '*' park
  start
  hold list.customer.example 2
  service qmgr 'wd -d'
  madeup -e 20
  etrn list.customer.example >/dev/null
  service qmgr 'wu -u'
  arrive list.customer.example 2
  wait_for 60 no_lists || fail "$(lists) left"
}

# --- mail -----------------------------------------------------------------------------------

# One site: where it leads, a name needs no look-up and no file of its own.
testOneSiteForNamesBelowARoute() {
  free_port DEAD
  conf routes ".customer.example [127.0.0.1]:$DEAD"
  conf backoff '600 3600'
  start
  madeup -c -m 4 -r 100
  assertEquals 'taken' 400 "$(replies rcpt 250)"
  wait_for 60 all_listed 400 || fail "$(lists) lists, $(find "$I/queue/new" "$I/queue/claim" "$I/queue/flush" -type f | tail -n 3); $(log qmgr | tail -n 5)"
  assertEquals 'one site' "[127.0.0.1]:$DEAD" "$(ls "$I/queue/site")"
  assertTrue 'one connection at a time, and one failure for all' "[ $(log qmgr | grep -c ': down, ') -le 2 ]"
}
all_listed() { [ "$(lists)" = "$1" ] && [ -z "$(find "$I/queue/new" "$I/queue/claim" -type f)" ]; }

# Names that are nowhere: mail comes back, and that is all.
testMailForMadeUpNames() {
  nowhere
  conf backoff '1 2'
  start
  madeup -c -m 3 -r 100
  assertEquals 'taken' 300 "$(replies rcpt 250)"
  wait_for 240 no_lists || fail "$(lists) lists left"
  wait_for 120 forgotten || fail "$(sites) files of sites left: $(ls "$I/queue/site" | head -n 3)"
  stop
  start
  assertEquals 'none come back' 0 "$(sites)"
}

# A long-lived qmgr: mail for ever new names, delivered, round for round.
testMemoryIsFlat() {
  customer .customer.example
  conf concurrency '20 100'
  start
  before=0
  for round in 1 2 3 4 5 6 7 8; do
    madeup -c -m 15 -r 100 -k "round$round-"
    assertEquals 'taken' 1500 "$(replies rcpt 250)"
    wait_for 120 drained || fail "$(queued) left"
    [ "$round" != 2 ] || before=$(memory)
    sleep 1.5 # where there are many, what was of use a second ago is not forgotten yet
  done
  less_than 1500 "$before" 'six rounds of 1500 names'
  wait_for 60 no_lists || fail "$(lists) left"
}

# --- how many may be made up ----------------------------------------------------------------------

# taken CODE N: so many recipients.
taken() { assertEquals "rcpt $1: $(xargs <"$T/madeup")" "$2" "$(replies rcpt "$1")"; }

# One session; the others that it has in hand go on.
testNamesOfASessionAreBounded() {
  customer '*' park
  conf relaydomains .customer.example one.customer.example other.example
  start
  madeup -r 1000
  taken 250 100
  taken 452 900
  assertEquals 'the message goes on' 1 "$(replies data 250)"
  wait_for 60 all_listed 100 || fail "$(lists) lists"
  assertTrue "few lines: $(log smtpd | grep -c 'Too many domains')" "[ $(log smtpd | grep -c 'Too many domains') -le 5 ]"
  madeup -m 3 -r 150 -o -k y
  taken 250 300
  taken 452 150
  conf subdomains 2
  printf '%s\n' 'EHLO client.example' 'MAIL FROM:<a@elsewhere.example>' 'RCPT TO:<a@a.customer.example>' \
    'RCPT TO:<a@b.customer.example>' 'RCPT TO:<a@c.customer.example>' 'RCPT TO:<b@A.customer.example>' \
    'RCPT TO:<a@one.customer.example>' 'RCPT TO:<a@other.example>' 'RCPT TO:<a@d.customer.example>' QUIT |
    smtp | grep -v '^250[ -][A-Z]\|^220' >"$T/out"
  assertEquals '250 2.1.0 Ok
250 2.1.5 Ok
250 2.1.5 Ok
452 4.5.3 <a@c.customer.example>: Recipient address rejected: Too many domains
250 2.1.5 Ok
250 2.1.5 Ok
250 2.1.5 Ok
452 4.5.3 <a@d.customer.example>: Recipient address rejected: Too many domains
221 2.0.0 Bye' "$(grep -v '^250-' "$T/out" | tail -n 9)"
}

# All its sessions at once, and for some time those that are over; each name holds up for half a second.
testNamesOfAClientAreBounded() {
  customer '*' park
  conf subdomains 20
  start
  for session in 1 2 3 4; do
    madeup -s 127.0.0.9 -r 20 -k "session$session-" && cat "$T/madeup"
  done >"$T/sessions"
  admitted=$(($(sed -n 's/^rcpt 250 //p' "$T/sessions" | paste -sd+)))
  assertTrue "$(xargs <"$T/sessions")" "[ $admitted -ge 20 ] && [ $admitted -lt 40 ]"
  madeup -s 127.0.0.10 -r 20 -k another
  taken 250 20
  assertTrue 'after a while' "wait_for 40 eval 'madeup -s 127.0.0.9 -r 20 -k later; [ \"\$(replies rcpt 250)\" = 20 ]'"
}

testWhoIsNotBounded() {
  customer '*' park
  conf relayclients 127.0.0.1
  start
  madeup -r 1000
  taken 250 1000
  conf relayclients 192.0.2.1
  conf subdomains 0
  madeup -r 1000
  taken 250 1000
  conf subdomains 10001
  "$BIN/conf-check" -C "$I" >/dev/null 2>"$T/err"
  assertContains "$(cat "$T/err")" 'conf/subdomains: line 1: too large: 10001'
}

# --- what was forgotten comes back -------------------------------------------------------------

testMailAfterwards() {
  customer .customer.example
  conf backoff '1 2'
  start
  for round in 1 2 3; do
    submit -t x@once.customer.example >/dev/null || fail submit
    arrive once.customer.example $round
    wait_for 120 forgotten || fail "$(ls "$I/queue/site")"
  done
  assertNotContains "$(log qmgr)" warning
}

# A site that is down and has mail is what has to be remembered.
testDownWithMailStays() {
  free_port DEAD
  conf routes ".customer.example [127.0.0.1]:$DEAD"
  conf backoff '1 1'
  start
  hold a.customer.example 1
  wait_for 60 fails 6 || fail "$(cat "$I"/queue/site/*)"
  "$BIN/qmgr-trigger" -C "$I" scan
  assertEquals 'its list' 1 "$(waiting a.customer.example)"
  assertEquals 'its file' 1 "$(sites)"
}
fails() { grep -Eq "failures=($1|[1-9][0-9]) " "$I"/queue/site/*; }

# One that is down, and has none any more: until it could be tried again, and as long again.
testDownWithoutMailGoes() {
  free_port DEAD
  conf routes ".customer.example [127.0.0.1]:$DEAD"
  conf backoff '1 2'
  start
  hold a.customer.example 1
  find "$I/queue/cur" "$I/queue/new" -type f -printf '%f\n' | "$BIN/queue-del" -C "$I" - || fail queue-del
  wait_for 60 no_lists || fail "$(lists) left"
  wait_for 120 forgotten || fail "$(cat "$I"/queue/site/*)"
}

# What a qmgr before this one has left.
testFilesOfSitesNobodyKnows() {
  conf routes '* [127.0.0.1]:1 park'
  conf backoff '60 3600'
  soon=$(($(date +%s) + 1000)) then=$(($(date +%s) - 90000))
  for n in 1 2 3 4 5; do
    echo "up since=$then failures=0 next=0 mx.example[192.0.2.1]:25" >"$I/queue/site/up$n.example"
    echo "down since=$then failures=3 next=$((then + 60)) 4.4.1 connect: refused" >"$I/queue/site/down$n.example"
    echo "down since=$then failures=9 next=$soon 4.4.1 connect: refused" >"$I/queue/site/still$n.example"
    touch -d '2 days ago' "$I/queue/site/up$n.example" "$I/queue/site/down$n.example" "$I/queue/site/still$n.example"
  done
  echo "up since=$then failures=0 next=0 mx.example[192.0.2.1]:25" >"$I/queue/site/young.example"
  tests/peer/message "$I/queue" cur 1h8qaaaaa00001 a.customer.example
  echo 1h8qaaaaa00001 >"$I/queue/flush/a.customer.example"
  echo "parked since=$then failures=0 next=0" >"$I/queue/site/[127.0.0.1]:1"
  touch -d '2 days ago' "$I/queue/site/[127.0.0.1]:1"
  start
  wait_for 60 old_ones_gone || fail "$(ls "$I/queue/site")"
  assertEquals 'what is of use stays' '[127.0.0.1]:1 still1.example still2.example still3.example still4.example still5.example young.example' "$(cd "$I/queue/site" && echo *)"
}
old_ones_gone() { [ -z "$(find "$I/queue/site" -name 'up*' -o -name 'down*')" ]; }

# shellcheck disable=SC1091
. shunit2
