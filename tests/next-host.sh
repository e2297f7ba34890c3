# Another host is tried before anything is deferred (RFC 5321 section 5.1).
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh

# Cases run side by side: domains d1.example, d2.example, ... with hosts h1.d1.example, h2.d1.example, ..., best first,
# each with an address of its own, all at one port.
EXTENSIONS='SIZE PIPELINING PIPELINING,CHUNKING'
STAGES='mail rcpt data end'

setUp() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf me relay.example
  conf relaydomains .example
  conf backoff '600 3600'
  free_port SITEPORT
  : >"$T/sites"
  : >"$T/zone"
  : >"$I/conf/routes"
  domains=0
}

tearDown() {
  stop
  [ -z "${DNS-}" ] || dns_stop
  [ -z "${FLAWED-}" ] || flawed_stop
  DNS='' FLAWED=''
  fail_if_running
}

# --- domains and their hosts --------------------------------------------------------

# domain: one more, without a host yet.
domain() {
  domains=$((domains + 1))
  hosts=0
  echo "d$domains.example d$domains.example:$SITEPORT" >>"$I/conf/routes"
}

# mx [OPTION...]: the next best host of the domain made last, as tests/peer/flawed has it; nobody: nobody listens there.
mx() {
  hosts=$((hosts + 1))
  mx_at=127.2.$hosts.$domains
  printf 'd%d MX %d h%d.d%d\nh%d.d%d A %s\n' $domains $((hosts * 10)) $hosts $domains $hosts $domains $mx_at >>"$T/zone"
  [ "${1-}" = nobody ] || echo "h$hosts.d$domains.example $mx_at:$SITEPORT $*" >>"$T/sites"
}

# All of it is there.
ready() {
  flawed "sites$relays" <"$T/sites"
  dns_start <"$T/zone"
  conf nameserver "127.0.0.1:$DNSPORT"
  conf loopbackdns 1
  start
}

mail() { submit "$@" >"$T/submit" || fail "submit: $(cat "$T/submit")"; }
done_or_stuck() { drained || flawed_idle 20; }

# each FUNCTION: calls it with the number of each domain.
each() {
  for number in $(seq "$domains"); do "$1" "$number"; done
}

# --- what came of it ----------------------------------------------------------------

events() { grep "^$1 " "$FLAWED/log"; }
# Local parts of those who got something at host H of domain D: taken H D.
taken() { events "h$1.d$2.example" | sed -n 's/.* taken .*<\(.*\)@.*/\1/p' | sort | tr '\n' ' '; }
connections() { events "h$1.d$2.example" | grep -c ' connect$'; }
result() { log send | grep "to=<[^>]*@d$1\.example>.* status=$2"; }
case_of() { echo "d$1, first host: $(sed -n "s/^h1\.d$1\.example [^ ]* //p" "$T/sites")"; }

# --- the next one takes it ----------------------------------------------------------

# two_hosts FLAW STAGES [OPTION...]: domains whose best host has a flaw.
two_hosts() {
  for stage in $2; do
    for extensions in $EXTENSIONS; do
      domain
      mx "ext=$extensions stage=$stage 'flaw=$1' ${3-}"
      mx "ext=$extensions"
    done
  done
}

next_took_it() {
  assertEquals "$(case_of "$1"): got by the second" 'x ' "$(taken 2 "$1")"
  assertNull "$(case_of "$1"): put off" "$(result "$1" deferred)"
}

# taken_by_the_next FLAW STAGES
taken_by_the_next() {
  two_hosts "$1" "$2" word=
  ready
  mail -t 'x@d%d.example' -n "$domains"
  wait_for 60 done_or_stuck
  each next_took_it
}

testPutOff() { taken_by_the_next '451 4.3.0 not now' "$STAGES"; }
testClosed421() { taken_by_the_next '421 4.3.2 away' "$STAGES"; }
testLost() { taken_by_the_next close "$STAGES"; }
testSilence() {
  conf timeouts 'mail 3s' 'rcpt 3s' 'datainit 3s' 'datablock 3s' 'datadone 3s'
  taken_by_the_next silence "$STAGES"
}

# One message of three is what the best host does not like: that one goes to the next.
testOneOfThree() {
  two_hosts '451 4.3.0 not now' "$STAGES"
  two_hosts close "$STAGES"
  ready
  mail -f poison@elsewhere.example -t 'poison@d%d.example' -n "$domains"
  mail -t 'a@d%d.example' -n "$domains"
  mail -t 'b@d%d.example' -n "$domains"
  wait_for 60 done_or_stuck
  each three_got_it
}
three_got_it() {
  assertEquals "$(case_of "$1"): got" 'a b poison ' "$({ taken 1 "$1" && taken 2 "$1"; } | tr ' ' '\n' | sort | grep . | tr '\n' ' ')"
  assertContains "$(case_of "$1"): got by the second" "$(taken 2 "$1")" poison
  assertNull "$(case_of "$1"): put off" "$(result "$1" deferred)"
}

# A host that does not answer is none of the two.
testThirdOfThree() {
  for stage in $STAGES; do
    domain
    mx nobody
    mx "ext=PIPELINING stage=$stage 'flaw=451 4.3.0 not now' word="
    mx 'ext=PIPELINING'
  done
  ready
  mail -t 'x@d%d.example' -n "$domains"
  wait_for 60 done_or_stuck
  each third_took_it
}
third_took_it() {
  assertEquals "d$1: got by the third" 'x ' "$(taken 3 "$1")"
  assertNull "d$1: put off" "$(result "$1" deferred)"
}

# It greets, and takes the envelope; nothing larger gets through on this way.
testIPv6CarriesNoContent() {
  [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || { skip 'no IPv6'; return; }
  conf timeouts 'datablock 3s' 'datadone 3s'
  number=0
  for extensions in $EXTENSIONS; do
    free_port SITEPORT
    number=$((number + 1))
    printf 'd%d MX 10 h1.d%d\nh1.d%d AAAA ::1\nh1.d%d A 127.0.0.1\n' $number $number $number $number >>"$T/zone"
    echo "six.d$number.example [::1]:$SITEPORT ext=$extensions stage=content flaw=silence word=" >>"$T/sites"
    echo "h1.d$number.example 127.0.0.1:$SITEPORT ext=$extensions" >>"$T/sites"
    echo "d$number.example d$number.example:$SITEPORT" >>"$I/conf/routes"
  done
  ready
  mail -t 'x@d%d.example' -n $number
  wait_for 60 done_or_stuck
  for number in $(seq $number); do
    assertEquals "d$number: got by IPv4" 'x ' "$(taken 1 "$number")"
    assertNull "d$number: put off" "$(result "$number" deferred)"
  done
}

# --- it ends ------------------------------------------------------------------------

testRefusedForGoodIsFinal() {
  two_hosts '550 5.7.1 never' "$STAGES" word=
  ready
  mail -f '' -t 'x@d%d.example' -n "$domains"
  wait_for 60 done_or_stuck
  each refused_by_the_first
}
refused_by_the_first() {
  assertEquals "$(case_of "$1"): connections to the second" 0 "$(connections 2 "$1")"
  assertContains "$(case_of "$1")" "$(result "$1" bounced)" '550 5.7.1 never'
}

all_put_off() {
  for number in $(seq "$domains"); do [ -n "$(result "$number" deferred)" ] || return 1; done
}

# Of four hosts that are there two are asked, and their words kept.
testTwoThatAnswered() {
  for stage in $STAGES; do
    for extensions in $EXTENSIONS; do
      domain
      for n in 1 2 3 4; do mx "ext=$extensions stage=$stage 'flaw=451 4.3.$n not now' word="; done
    done
  done
  ready
  mail -t 'x@d%d.example' -n "$domains"
  assertTrue 'put off' 'wait_for 60 all_put_off'
  each two_were_asked
}
two_were_asked() {
  assertTrue "$(case_of "$1"): the second was not asked" "[ $(connections 2 "$1") -ge 1 ]"
  assertEquals "$(case_of "$1"): connections to the others" '0 0' "$(connections 3 "$1") $(connections 4 "$1")"
  assertContains "$(case_of "$1")" "$(result "$1" deferred | tail -n 1)" '451 4.3.'
  assertEquals "$(case_of "$1"): put off once" 1 "$(result "$1" deferred | wc -l)"
}

# The sixth address is too many, though somebody is there.
testFiveAddresses() {
  domain
  for _ in 1 2 3 4 5; do mx nobody; done
  mx ext=PIPELINING
  domain
  for _ in 1 2 3 4; do mx nobody; done
  mx ext=PIPELINING
  ready
  mail -t 'x@d%d.example' -n 2
  assertTrue "$(log send)" 'wait_for 20 site_down 1'
  assertTrue 'the fifth' 'wait_for 20 fifth_has_it'
  assertEquals 'addresses' 5 "$(log send | grep -c 'smtp-send: connect to h[0-9]\.d1\.example\[')"
  assertEquals 'connections to the sixth' 0 "$(connections 6 1)"
}
site_down() { grep -q '^down' "$I/queue/site/d$1.example:$SITEPORT" 2>/dev/null; }
fifth_has_it() { [ "$(taken 5 2)" = 'x ' ]; }

# shellcheck disable=SC1091
. shunit2
