# queue-shape: qshape's table, and figures for monitoring.
. tests/lib.sh
. tests/peer/certificates.sh
. tests/peer/postfix.sh

ID1=1h8qabcde00001
ID2=1h8qabcde00002
ID3=1h9rabcde00003
# Of the messages made by hand.
ARRIVAL=1763711153

setUp() {
  made=$((${made-0} + 1))
  instance "one$made"
}

tearDown() {
  stop
  fail_if_running
}

shape() { "$BIN/queue-shape" -C "$I" "$@" 2>"$T/err"; }
err() { cat "$T/err"; }
message() { tests/peer/message "$I/queue" "$@"; }
fill() { tests/peer/queue-fill "$@" >"$T/ids" || fail 'queue-fill'; }
# settle FILE N STATUS: a journal line about recipient N.
settle() { echo "1763711160.000001 $2 $3 2.0.0 none text" >>"$I/queue/$1"; }

# row NAME [OPTION...]: the numbers of a row.
row() {
  row_name=$1
  shift
  shape "$@" | awk -v name="$row_name" '$1 == name { $1 = ""; print substr($0, 2) }'
}

# metric NAME[{LABELS}]: its value.
metric() { shape -m | awk -v name="$1" '$1 == name { print $2 }'; }

# sending FILE: somebody sends the message, until sent.
sending() {
  # shellcheck disable=SC2016 # Perl's
  perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 1, 0); open F, "+<", $ARGV[0];
    fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' "$I/queue/$1" "$T/locked" &
  sender=$!
  wait_for 10 test -e "$T/locked"
}
sent() {
  kill $sender
  wait $sender 2>/dev/null
  rm "$T/locked"
}

# --- the table ------------------------------------------------------------------------

testEmpty() {
  assertEquals '                                         T  5 10 20 40 80 160 320 640 1280 1280+
                                  TOTAL  0  0  0  0  0  0   0   0   0    0     0' "$(shape)"
  shape >/dev/null
  assertEquals 'exit code' 0 $?
  assertEquals '' "$(err)"
}

testOneMessage() {
  message cur $ID1 customer.tld
  assertEquals '1 0 0 0 0 0 0 0 0 0 1' "$(row TOTAL)"
  assertEquals '1 0 0 0 0 0 0 0 0 0 1' "$(row customer.tld)"
  assertEquals 'all in one' 1 "$(row TOTAL -b 1 | cut -d ' ' -f 1)"
}

# What is new, in a running queue.
testNew() {
  fill -o 0 "$I/queue" 3 customer.tld
  assertEquals '3 3 0 0 0 0 0 0 0 0 0' "$(row customer.tld)"
}

# --- as Postfix has it ----------------------------------------------------------------

# The same mail, of the same ages in minutes, in a Postfix; its messages keep theirs in a record "T".
AGES='0 3 6 15 30 70 100 200 400 900 2000 20000'
DOMAINS='a.tld bb.tld customer.example very-long-name-of-a-customer.sub.department.example.org'

# postfix_age ID SECONDS: so old it is to be.
postfix_age() {
  # shellcheck disable=SC2016 # Perl's
  as_root perl -e 'open F, "+<", $ARGV[0] or die; local $/; $_ = <F>;
    s/^(.{0,200}?T.)\d{10} /$1$ARGV[1] /s or die; seek F, 0, 0; print F $_' \
    "$POSTFIX/queue/hold/$1" $(($(date +%s) - $2)) || fail "age of $1"
}

# Messages for a domain, to two recipients each, in both.
same_mail() {
  fill_age=$(echo "$AGES" | wc -w)
  tests/peer/submit "127.0.0.1:$POSTFIXPORT" -f sender@Example.ORG -n "$fill_age" -t "%d@$1" -t "other@$1" >"$T/submit" ||
    fail "submit: $(cat "$T/submit")"
  sed 's/.* //' "$T/submit" >"$T/queued"
  for age in $AGES; do
    read -r id && postfix_age "$id" $((age * 60 + 20))
    fill -s sender@Example.ORG -n 2 -o $((age * 60 + 20)) "$I/queue" 1 "$1"
  done <"$T/queued"
}

testAsQshape() {
  # shellcheck disable=SC2086 # several
  postfix_new postfix $DOMAINS
  postfix_set 'smtpd_data_restrictions=check_client_access static:HOLD'
  postfix_start
  for domain in $DOMAINS; do same_mail "$domain"; done
  for options in '' '-l' '-b 4' '-b 1' '-t 60' '-b 12 -t 1' '-s' '-l -t 100 -b 15' '-w 130'; do
    # shellcheck disable=SC2086 # several
    as_root qshape -c "$POSTFIX/etc" $options hold >"$T/want"
    # shellcheck disable=SC2086 # several
    assertEquals "qshape $options" "$(cat "$T/want")" "$(shape $options)"
  done
  assertEquals 'something was compared' 6 "$(wc -l <"$T/want")"
  postfix_stop
}

# The greater first, then the shorter name, then by name.
testOrder() {
  fill "$I/queue" 4 b.tld a.tld
  fill "$I/queue" 2 longer.tld
  fill "$I/queue" 3 c.tld
  assertEquals 'c.tld a.tld b.tld longer.tld ' "$(shape | awk 'NR > 2 { printf "%s ", $1 }')"
}

# --- what counts ----------------------------------------------------------------------

testOnlyWhatIsOwed() {
  message cur $ID1 a.tld b.tld c.tld
  settle cur/1h8qa/$ID1 0 sent
  settle cur/1h8qa/$ID1 1 failed
  settle cur/1h8qa/$ID1 2 deferred
  assertEquals 'TOTAL c.tld ' "$(shape | awk 'NR > 1 { printf "%s ", $1 }')"
  settle cur/1h8qa/$ID1 2 sent
  assertEquals 'TOTAL ' "$(shape | awk 'NR > 1 { printf "%s ", $1 }')"
  assertEquals 'its sender has no message left either' 'TOTAL ' "$(shape -s | awk 'NR > 1 { printf "%s ", $1 }')"
}

testSenders() {
  fill -s '' "$I/queue" 2 a.tld
  fill -s 'Bob@Example.ORG' -n 3 "$I/queue" 4 a.tld
  fill -s '"a@b"@[192.0.2.1]' "$I/queue" 1 a.tld
  assertEquals 'TOTAL 7
example.org 4
MAILER-DAEMON 2
[192.0.2.1] 1' "$(shape -s | awk 'NR > 1 { print $1, $2 }')"
}

testPartsOfTheQueue() {
  message new $ID1 new.tld
  message cur $ID2 cur.tld
  message hold $ID3 hold.tld
  names() { shape "$@" | awk 'NR > 2 { printf "%s ", $1 }'; }
  assertEquals 'cur.tld new.tld ' "$(names)"
  assertEquals 'new.tld ' "$(names new)"
  assertEquals 'cur.tld ' "$(names cur)"
  assertEquals 'hold.tld ' "$(names hold)"
  assertEquals 'cur.tld hold.tld ' "$(names cur hold)"
  assertEquals '' "$(names active)"
  sending cur/1h8qa/$ID2
  assertEquals 'cur.tld ' "$(names cur)"
  assertEquals 'cur.tld ' "$(names active)"
  assertEquals '' "$(names deferred)"
  assertEquals 'new.tld ' "$(names incoming)"
  assertEquals 'new.tld hold.tld ' "$(names incoming hold)"
  sent
  assertEquals 'cur.tld ' "$(names deferred)"
}

testMany() {
  fill -o 86400 "$I/queue" 2000 a.tld b.tld c.tld d.tld
  assertEquals 2000 "$(row TOTAL | cut -d ' ' -f 1)"
  assertEquals 500 "$(row d.tld | cut -d ' ' -f 1)"
  assertEquals 'the buckets come to the total' 2000 "$(row TOTAL | awk '{ for (i = 2; i <= NF; i++) sum += $i; print sum }')"
  assertEquals 'TOTAL a.tld b.tld ' "$(shape -n 2 | awk 'NR > 1 { printf "%s ", $1 }')"
  assertEquals 'all of them' 6 "$(shape -n 0 | wc -l)"
}

# Whoever sends from ever new domains does not fill our memory.  (Under valgrind, which passes over what is
# limited, this would take minutes.)
testNamesAreBounded() {
  # shellcheck disable=SC2016 # awk's
  seq 1 255 | awk -v q="$I/queue/hold" '{
    file = sprintf("%s/1h8q%05d00000", q, $1)
    text = "from <a@a.tld>\narrival 1763711153.123456\nclient x\n"
    for (i = 1; i <= 1000; i++) text = text "rcpt d" i ".s" $1 ".tld <a@b.tld>\n"
    text = text "\n"
    printf "sluice-1 %010d %018d ----\n%sabc\r\n", length(text), 5, text >file
    close(file)
  }'
  (ulimit -t 60 && shape -n 3 hold >"$T/out")
  assertEquals 'exit code' 0 $?
  assertEquals 'TOTAL 255000
OTHERS 5000' "$(awk 'NR > 1 && NR < 4 { print $1, $2 }' "$T/out")"
}

testHostileText() {
  printf 'from <bob@ex\377\302\233[2J\303\274.tld>\narrival 1763711153.123456\nclient x\nrcpt a.tld <a@a.tld>\n\n' >"$T/envelope"
  { printf 'sluice-1 %010d %018d ----\n' "$(wc -c <"$T/envelope")" 0; cat "$T/envelope"; } >"$I/queue/hold/$ID1"
  assertEquals '                          ex???[2jü.tld  1  0  0  0  0  0   0   0   0    0     1' "$(shape -s hold | tail -n 1)"
}

testNoWholeMessage() {
  message cur $ID1 a.tld
  message cur $ID2 a.tld
  truncate -s 100 "$I/queue/cur/1h8qa/$ID2"
  ln -s /etc/passwd "$I/queue/cur/1h8qa/1h8qabcde00004"
  assertEquals 1 "$(row TOTAL | cut -d ' ' -f 1)"
  shape >/dev/null
  assertEquals 'exit code' 0 $?
  assertContains "$(err)" $ID2
  assertEquals 'corrupt' 2 "$(metric 'sluice_queue_messages{state="corrupt"}')"
  shape -m >/dev/null
  assertEquals 'exit code' 0 $?
  assertEquals 'nothing for cron to mail' '' "$(err)"
}

# --- on a terminal --------------------------------------------------------------------

# terminal COLUMNS LOCALE [OPTION...]
terminal() {
  terminal_columns=$1 terminal_locale=$2
  shift 2
  script -qec "stty cols $terminal_columns rows 24; LC_ALL=$terminal_locale $BIN/queue-shape -C $I $*" /dev/null | tr -d '\r'
}

testBars() {
  fill -o 0 "$I/queue" 3 a.tld
  fill -o 0 "$I/queue" 1 b.tld
  assertEquals '#######################' "$(terminal 112 C | awk '$1 == "a.tld" { print $NF }')"
  assertEquals '########' "$(terminal 112 C | awk '$1 == "b.tld" { print $NF }')"
  assertEquals '██████████████████████▌' "$(terminal 112 C.UTF-8 | awk '$1 == "a.tld" { print $NF }')"
  assertEquals '███████▌' "$(terminal 112 C.UTF-8 | awk '$1 == "b.tld" { print $NF }')"
  assertEquals 'none for all together' 0 "$(terminal 112 C | awk '$1 == "TOTAL" { print $NF }')"
  assertEquals 'no room' 0 "$(terminal 85 C | awk '$1 == "a.tld" { print $NF }')"
  assertEquals 'no terminal' 0 "$(shape | awk '$1 == "a.tld" { print $NF }')"
  assertEquals 'three quarters of 18 columns behind 80 and a space' 96 "$(terminal 100 C | awk 'length > most { most = length } END { print most }')"
}

testRowsOnATerminal() {
  # shellcheck disable=SC2046 # several
  fill "$I/queue" 30 $(seq -f 'd%g.tld' 1 30)
  assertEquals 22 "$(terminal 80 C | wc -l)"
  assertEquals 32 "$(terminal 80 C -n 0 | wc -l)"
  assertEquals 32 "$(shape | wc -l)"
}

# --- for monitoring -------------------------------------------------------------------

# Parsers of both formats take it, and find the same in it.
testMetricsParse() {
  fill "$I/queue" 3 a.tld
  fill -p hold "$I/queue" 1 a.tld
  shape -m >"$T/metrics"
  cat >"$T/parse" <<'P'
import sys
from prometheus_client.parser import text_string_to_metric_families as text
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
def samples(parse):
    return sorted((s.name, sorted(s.labels.items()), s.value) for f in parse(data) for s in f.samples)
data = sys.stdin.read()
assert samples(text) == samples(openmetrics)
for f in openmetrics(data):
    assert f.documentation and f.name.startswith("sluice_"), f
    print(f.name, f.type, len(f.samples))
P
  assertEquals 'sluice_queue_messages gauge 5
sluice_queue_bytes gauge 5
sluice_queue_recipients gauge 4
sluice_queue_oldest_age_seconds gauge 5
sluice_sites gauge 4
sluice_deliveries counter 3
sluice_qmgr_running gauge 1' "$(/usr/bin/python3 "$T/parse" <"$T/metrics" 2>&1)"
}

# When the certificate ends, as openssl(1) says it; nothing where there is none.
testMetricOfTheCertificate() {
  certificate_authority
  certificate mail mail.example
  shape -m >"$T/metrics"
  assertNotContains 'none' "$(cat "$T/metrics")" certificate
  cp "$T/mail.crt" "$I/conf/tlscert"
  ends=$(date -d "$(openssl x509 -in "$T/mail.crt" -noout -enddate | sed 's/.*=//')" +%s)
  assertEquals "$ends" "$(metric sluice_tls_certificate_expiry_seconds)"
  echo nonsense >"$I/conf/tlscert"
  shape -m >"$T/metrics" 2>"$T/err"
  assertEquals 'exit code' 0 $?
  assertEquals 'queue-shape: warning: conf/tlscert: no certificate in it' "$(cat "$T/err")"
  assertNotContains 'of no use' "$(cat "$T/metrics")" certificate
  rm "$I/conf/tlscert"
}

testMetricsOfMessages() {
  fill -o 3000 "$I/queue" 3 a.tld
  fill -p new -o 1000 -n 2 "$I/queue" 2 a.tld
  fill -p hold -o 90000 "$I/queue" 1 a.tld
  message cur $ID1 a.tld b.tld c.tld
  settle cur/1h8qa/$ID1 1 sent
  message corrupt $ID2 a.tld
  sending cur/1h8qa/$ID1
  shape -m >"$T/metrics"
  sent
  for want in incoming:2:4 active:1:2 deferred:3:3 hold:1:1 corrupt:1:; do
    state=${want%%:*}
    want=${want#*:}
    assertContains "$state" "$(cat "$T/metrics")" "sluice_queue_messages{state=\"$state\"} ${want%:*}
"
    [ -z "${want#*:}" ] || assertContains "$state" "$(cat "$T/metrics")" "sluice_queue_recipients{state=\"$state\"} ${want#*:}
"
  done
  value() { awk -v name="$1" '$1 == name { print $2 }' "$T/metrics"; }
  assertEquals 'octets' "$(wc -c <"$I/queue/cur/1h8qa/$ID1")" "$(value 'sluice_queue_bytes{state="active"}')"
  oldest=$(value 'sluice_queue_oldest_age_seconds{state="deferred"}')
  assertTrue "oldest: $oldest" "[ $oldest -ge 3000 ] && [ $oldest -lt 3100 ]"
  oldest=$(value 'sluice_queue_oldest_age_seconds{state="active"}')
  now=$(date +%s)
  assertTrue "oldest: $oldest" "[ $oldest -le $((now - ARRIVAL)) ] && [ $oldest -gt $((now - ARRIVAL - 100)) ]"
}

# What failed and was not told yet is in the queue, though it owes nobody anything.
testMetricsOfUntold() {
  message cur $ID1 a.tld
  settle cur/1h8qa/$ID1 0 failed
  assertEquals 1 "$(metric 'sluice_queue_messages{state="deferred"}')"
  assertEquals 0 "$(metric 'sluice_queue_recipients{state="deferred"}')"
  echo '1763711161.000001 0 notice failed none' >>"$I/queue/cur/1h8qa/$ID1"
  assertEquals 0 "$(metric 'sluice_queue_messages{state="deferred"}')"
}

testMetricsOfSites() {
  site() { echo "$2 since=1763711153 failures=3 next=1763711333 why" >"$I/queue/site/$1"; }
  site a.tld up
  site '[mx.b.tld]:25' up
  site c.tld down
  site d.tld parked
  echo nonsense >"$I/queue/site/e.tld"
  echo half >"$I/queue/site/+new"
  shape -m | grep '^sluice_sites' >"$T/sites"
  assertEquals 'sluice_sites{state="unknown"} 1
sluice_sites{state="up"} 2
sluice_sites{state="down"} 1
sluice_sites{state="parked"} 1' "$(cat "$T/sites")"
}

testMetricsOfDeliveries() {
  deliveries() { shape -m | sed -n 's/^sluice_deliveries_total{status="\([a-z]*\)"} /\1 /p' | tr '\n' ' '; }
  assertEquals 'sent 0 deferred 0 failed 0 ' "$(deliveries)"
  echo 'sent=12 deferred=18446744073709551615 failed=1' >"$I/queue/totals"
  assertEquals 'sent 12 deferred 18446744073709551615 failed 1 ' "$(deliveries)"
  echo 'nonsense' >"$I/queue/totals"
  assertEquals 'sent 0 deferred 0 failed 0 ' "$(deliveries)"
}

# --- while mail flows -----------------------------------------------------------------

counted() { [ "$(metric 'sluice_queue_messages{state="deferred"}')" = "$1" ]; }

testWhileMailFlows() {
  conf relaydomains customer.example
  conf routes '* [127.0.0.1]:1 park'
  start
  assertEquals 'qmgr runs' 1 "$(metric sluice_qmgr_running)"
  submit -t '%d@customer.example' -n 300 >"$T/submit" &
  submit=$!
  most=0
  while kill -0 $submit 2>/dev/null; do
    count=$(shape -m | awk '/^sluice_queue_messages/ { sum += $2 } END { print sum }')
    [ -z "$(err)" ] || fail "$(err)"
    [ "$count" -le "$most" ] || most=$count
  done
  wait $submit || fail "submit: $(cat "$T/submit")"
  assertTrue "none counts twice: $most" "[ $most -le 300 ]"
  assertTrue "all count" 'wait_for 20 counted 300'
  assertEquals 300 "$(row customer.example | cut -d ' ' -f 1)"
  assertEquals 'parked' 1 "$(metric 'sluice_sites{state="parked"}')"
  stop
  assertEquals 'qmgr is gone' 0 "$(metric sluice_qmgr_running)"
  assertEquals 'the queue is not' 300 "$(row customer.example | cut -d ' ' -f 1)"
}

# --- wrong use ------------------------------------------------------------------------

testWrongUse() {
  for arguments in '-x' '-C' '-b 0' '-b 33' '-b x' '-t 0' '-t 1m' '-n -1' '-w 0' '-m -s' '-m cur' '-m -n 3'; do
    # shellcheck disable=SC2086 # several
    shape $arguments >"$T/out"
    assertEquals "exit code: $arguments" 100 $?
    assertContains "$(err)" 'usage: queue-shape'
    assertEquals '' "$(cat "$T/out")"
  done
  shape corrupt "$(printf 'x\033[2J')"
  assertEquals 'no part of the queue' 100 $?
  assertEquals 'queue-shape: fatal: no part of the queue: corrupt' "$(err)"
  shape "$(printf 'x\033[2J')"
  assertEquals 'queue-shape: fatal: no part of the queue: x?[2J' "$(err)"
}

testMissingInstance() {
  for option in '' -m; do
    "$BIN/queue-shape" -C "$T/none" $option 2>"$T/err"
    assertEquals 'exit code' 111 $?
    assertContains "$(err)" "$T/none"
  done
}

testBrokenQueue() {
  rmdir "$I/queue/hold"
  shape -m >"$T/out"
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" "$I/queue/hold"
  assertEquals 'no half figures' '' "$(cat "$T/out")"
}

testFullOutput() {
  shape >/dev/full
  assertEquals 'exit code' 111 $?
  assertContains "$(err)" 'standard output'
  shape -m >/dev/full
  assertEquals 'exit code' 111 $?
}

. shunit2
