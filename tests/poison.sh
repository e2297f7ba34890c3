# What goes wrong with one message is not the site's fault: all the others arrive.
# shellcheck disable=SC1091
. tests/lib.sh

# Cases run side by side in one instance: each has a domain, N.KIND.example, and a site of its own, at one port of
# many addresses.  Mail of .asked.example is parked, and asked for by ETRN once all of it is there;
# that of .new.example is accepted while qmgr does not run, and goes as soon as it does.
STAGES='mail rcpt data content end'
EXTENSIONS='SIZE PIPELINING PIPELINING,CHUNKING'
GOOD=5 # messages beside the one that does harm

tearDown() {
  stop
  [ -z "${FLAWED-}" ] || flawed_stop
  FLAWED=
  fail_if_running
}

# --- the instance and its sites -----------------------------------------------------

# relay: a fresh instance, not running, without a site.
relay() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains .example
  conf backoff '600 3600'
  free_port SITEPORT
  : >"$T/sites"
  : >"$I/conf/routes"
  sites=0
}

# site DOMAIN WORD [OPTION...]: one more site; WORD is park, or nothing; options as for tests/peer/flawed.
site() {
  site_at=127.1.0.$((sites += 1))
  echo "$1 [$site_at]:$SITEPORT $2" >>"$I/conf/routes"
  site_domain=$1
  shift 2
  echo "$site_domain $site_at:$SITEPORT $*" >>"$T/sites"
}

appear() { flawed "sites$relays" <"$T/sites"; }

# The line of a domain's site in queue/site.
site_state() { cat "$I/queue/site/$(sed -n "s/^$1 \([^ ]*\) .*/\1/p" "$I/conf/routes")" 2>/dev/null; }
is() { site_state "$1" | grep -q "^$2 "; }

qmgr_down() { s6-svc -wd -T 20000 -d "$I/service/qmgr" || fail 'qmgr does not stop'; }
qmgr_up() { s6-svc -wU -T 20000 -u "$I/service/qmgr" || fail 'qmgr does not start'; }

mail() { submit "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }

# one_of_six KIND COUNT: to 1.KIND.example ... COUNT.KIND.example, the one that does harm first.
one_of_six() {
  mail -f poison@elsewhere.example -t "poison@%d.$1.example" -n "$2"
  for good in $(seq $GOOD); do mail -t "good$good@%d.$1.example" -n "$2"; done
}

# The ids that a domain's list has and that are in the queue: those of messages that are done may be there for a while.
left() {
  for id in $(sort -u "$I/queue/flush/$1" 2>/dev/null); do find "$I/queue/new" "$I/queue/cur" -name "$id"; done | sed 's,.*/,,'
}
left_count() { left "$1" | wc -l; }

# How many entries all lists of .KIND.example have.
listed() { find "$I/queue/flush" -name "*.$1.example" -exec cat {} + | wc -l; }
all_listed() { [ "$(listed "$1")" = "$2" ]; }

# etrn_all DOMAIN...
etrn_all() {
  { echo 'EHLO client.example' && printf 'ETRN %s\n' "$@" && echo QUIT; } | smtp >"$T/etrn"
  assertEquals "$(cat "$T/etrn")" $# "$(grep -c '^250 OK, queuing' "$T/etrn")"
}

# --- what came of it ----------------------------------------------------------------

# What happened at a domain's site.
events() { grep "^$1 " "$FLAWED/log"; }
connections() { events "$1" | grep -c ' connect$'; }
# Local parts of who got something, and again where it came again.
taken() { events "$1" | sed -n 's/.* taken .*<\(.*\)@.*/\1/p'; }
taken_in_all() { grep -c ' taken .*<good' "$FLAWED/log"; }
# How often a message was begun, by its sender.
begun() { events "$1" | grep -c " mail <$2@"; }

# The messages that a log has such lines about.
ids() { log "$1" | sed -n "s/^[^ ]* [^ ]* \([^ :]*\): .*$2.*/\1/p" | sort -u; }

# assertHas WHAT PATTERN TEXT
assertHas() { echo "$3" | grep -qE "$2" || fail "$1: no $2 in: $3"; }

one_line() { tr '\n' ' '; }
case_of() { sed -n "s/^$1 [^ ]* /$1, /p" "$T/sites"; }

# spared DOMAIN: all but the one message are there, each once, and nothing is told of a failure of theirs.
spared() {
  assertEquals "$(case_of "$1"): who got it" "$(seq -f 'good%g' $GOOD | one_line)" "$(taken "$1" | sort | one_line)"
  assertNull "$(case_of "$1"): others put off" "$(log send | grep -F 'status=deferred' | grep "to=<good[0-9]*@$1>")"
  assertTrue "$(case_of "$1"): not up: $(site_state "$1")" "is $1 up"
}

# kept DOMAIN WORDS: the one that does harm waits, was not begun too often, and everybody is told why.
kept() {
  times=$(begun "$1" poison)
  assertEquals "$(case_of "$1"): what waits" 1 "$(left_count "$1")"
  assertTrue "$(case_of "$1"): begun $times times" "[ $times -ge 1 ] && [ $times -le 8 ]"
  kept_id=$(left "$1" | head -n 1)
  assertHas "$(case_of "$1"): journal" "$2" "$("$BIN/queue-cat" -C "$I" -J "$kept_id")"
  assertHas "$(case_of "$1"): list" "$2" "$("$BIN/queue-list" -C "$I" "$kept_id")"
  assertHas "$(case_of "$1"): log" "$kept_id: .*status=deferred \(.*($2)" "$(log send | grep -F "to=<poison@$1>")"
}

# --- one message of six, always -----------------------------------------------------

# A site for each stage and each set of extensions, both of .asked.example and .new.example; sets number, of those of
# one kind.
sites_with() { # FLAW [STAGES [OPTION...]]
  with_flaw=$1 with_stages=${2-$STAGES}
  for kind in asked new; do
    number=0
    for stage in $with_stages; do
      for extensions in $EXTENSIONS; do
        site "$((number += 1)).$kind.example" "$(parked $kind)" "ext=$extensions stage=$stage 'flaw=$with_flaw' ${3-}"
      done
    done
  done
}
parked() { [ "$1" != asked ] || echo park; }
sites_named() { cut -d ' ' -f 1 "$T/sites"; }

# released FUNCTION: calls it with a kind and the number of sites to have its messages made; then all that may go does.
released() {
  start
  "$1" asked "$number"
  all=$(queued)
  assertTrue "parked $(listed asked) of $all" "wait_for 60 all_listed asked $all"
  qmgr_down
  "$1" new "$number"
  appear
  qmgr_up
  # shellcheck disable=SC2046 # names of domains
  etrn_all $(seq -f '%g.asked.example' "$number")
}

# Is only so much left for each site, and nothing on its way?  Or has nothing happened for long?
left_alone() { none_asked && [ -z "$(ls "$I/queue/new")" ] && [ "$(queued)" = "$1" ]; }
done_or_stuck() { left_alone "$1" || flawed_idle 20; }
settled() { wait_for 120 done_or_stuck $(($1 * sites)); }

# matrix FLAW WORDS [STAGES]: at each stage, with each extension; asked for, or not parked at all.
matrix() {
  relay
  [ "$1" != silence ] || conf timeouts 'mail 3s' 'rcpt 3s' 'datainit 3s' 'datablock 3s' 'datadone 3s'
  sites_with "$1" "${3-$STAGES}"
  released one_of_six
  settled 1
  for domain in $(sites_named); do
    spared "$domain"
    kept "$domain" "$2"
  done
}

# Nothing new: so it has always been with a plain 4xx, which has no place within the content.
testPutOff() { matrix '451 4.3.2 flawed' '451 4\.3\.2 flawed' 'mail rcpt data end'; }

testClosed421() { matrix '421 4.3.2 flawed' '421 4\.3\.2 flawed'; }
testLost() { matrix close 'lost connection'; }
testReset() { matrix reset 'lost connection|reset by peer'; }
testSilence() { matrix silence 'timed out'; }
testNonsense() { matrix garbage '\(what now\?\)'; }

# It may take minutes until a silent site is given up; the others do not wait for that.
testSilenceHoldsNobodyUp() {
  relay
  sites_with silence
  released one_of_six
  assertTrue "$(taken_in_all) of $((sites * GOOD))" "wait_for 60 all_taken $((sites * GOOD))"
  for domain in $(sites_named); do spared "$domain"; done
}
all_taken() { [ "$(taken_in_all)" -ge "$1" ]; }

# It goes behind the others, and who waits for the flush is told of it alone.
testNextTimeItComesLast() {
  relay
  for extensions in $EXTENSIONS; do
    site "$((sites + 1)).asked.example" park "ext=$extensions stage=end 'flaw=421 4.3.2 flawed'"
  done
  start
  appear
  one_of_six asked "$sites"
  assertTrue 'parked' "wait_for 20 all_listed asked $((sites * (GOOD + 1)))"
  # shellcheck disable=SC2046 # names of domains
  etrn_all $(sites_named)
  settled 1
  mail -t 'good6@%d.asked.example' -n "$sites"
  mail -t 'good7@%d.asked.example' -n "$sites"
  assertTrue 'parked again' "wait_for 20 left_alone $((sites * 3))"
  for domain in $(sites_named); do comes_last "$domain"; done
}

comes_last() {
  before=$(events "$1" | wc -l)
  "$BIN/flush-run" -C "$I" -w -t 60 "$1" >"$T/told" 2>&1
  assertEquals "$(case_of "$1"): exit code" 111 $?
  assertEquals "$(case_of "$1"): $(cat "$T/told")" 1 "$(wc -l <"$T/told")"
  assertHas "$(case_of "$1"): told" "poison@$1.*421 4\.3\.2 flawed" "$(cat "$T/told")"
  assertNotContains "$(case_of "$1"): begun first" "$(events "$1" | tail -n +$((before + 1)) | grep -m 1 ' mail ')" poison
  assertEquals "$(case_of "$1"): who got it" "$(seq -f 'good%g' $((GOOD + 2)) | one_line)" "$(taken "$1" | sort | one_line)"
}

# Each connection is good for two messages: that is the site's way, and nobody's fault.
testFewMessagesForEachConnection() {
  relay
  sites_with '421 4.3.2 flawed' none messages=2
  released one_of_six
  settled 0
  for domain in $(sites_named); do
    assertEquals "$(case_of "$domain"): who got it" "$(seq -f 'good%g' $GOOD | one_line)poison " "$(taken "$domain" | sort | one_line)"
    assertEquals "$(case_of "$domain"): what waits" 0 "$(left_count "$domain")"
    assertTrue "$(case_of "$domain"): not up: $(site_state "$domain")" "is $domain up"
  done
}

# --- other numbers of them ----------------------------------------------------------

two_of_seven() {
  mail -f poison@elsewhere.example -t "poison@%d.$1.example" -n "$2"
  one_of_six "$@"
}

testTwoThatDoHarm() {
  relay
  sites_with '421 4.3.2 flawed' 'mail end'
  released two_of_seven
  settled 2
  for domain in $(sites_named); do
    spared "$domain"
    assertEquals "$(case_of "$domain"): what waits" 2 "$(left_count "$domain")"
  done
}

all_told_of_or_stuck() { left_alone "$sites" && [ "$(ids send status=deferred | wc -l)" = "$sites" ] || flawed_idle 20; }
alone() { mail -f poison@elsewhere.example -t "poison@%d.$1.example" -n "$2"; }

testNothingElseIsThere() {
  relay
  sites_with close
  released alone
  wait_for 60 all_told_of_or_stuck
  for domain in $(sites_named); do
    kept "$domain" 'lost connection'
    assertTrue "$(case_of "$domain"): not up: $(site_state "$domain")" "is $domain up"
  done
}

# --- a site that takes nothing ------------------------------------------------------

# It is down after three connections, each with another message first, that settled nothing.
takes_nothing() { # FLAW STAGE
  relay
  sites_with "$1" "$2" word=
  released one_of_six
  wait_for 60 all_down_or_stuck
  for domain in $(sites_named); do
    assertTrue "$(case_of "$domain"): is not down: $(site_state "$domain")" "is $domain down"
    times=$(connections "$domain")
    assertTrue "$(case_of "$domain"): $times connections" "[ $times -ge 3 ] && [ $times -le 12 ]"
    assertEquals "$(case_of "$domain"): what waits" $((GOOD + 1)) "$(left_count "$domain")"
  done
}

sites_down() { find "$I/queue/site" -type f -exec grep -l '^down' {} + | wc -l; }
all_down_or_stuck() { none_asked && [ "$(sites_down)" = "$sites" ] || flawed_idle 20; }

testAlways421() { takes_nothing '421 4.3.2 busy' mail; }
testAlwaysLost() { takes_nothing close content; }

# Who follows a message by its id sees what became of it; of those that only wait there is nothing to tell.
testRefusedConnection() {
  relay
  site 1.new.example '' ''
  start
  mail -t '%d@1.new.example' -n 10
  assertTrue 'down' 'wait_for 20 is 1.new.example down'
  assertTrue "$(waiting 1.new.example) wait" 'wait_for 20 waits 1.new.example 10'
  refused=$(log send | grep -c 'smtp-send: connect to .*: Connection refused$')
  assertTrue 'who was handed out is told of' 'wait_for 10 one_told_for_each_refused'
  assertEquals 'the others wait behind it, and are not' 9 "$((10 - $(ids send "$put_off" | wc -l)))"
}
put_off='status=deferred (.*Connection refused'
one_told_for_each_refused() { [ "$(log send | grep -c "$put_off")" = "$refused" ]; }
# shellcheck disable=SC1091
. shunit2
