# What comes in goes out octet for octet, below the trace header: by DATA and by BDAT, held in
# between, to customers that take it in other ways.
# shellcheck disable=SC1091
. tests/lib.sh

oneTimeSetUp() {
  MESSAGES=../shared/messages
  [ -d "$MESSAGES" ] || MESSAGES=tests/messages
  mkdir "$T/odd"
  tests/peer/odd-messages "$T/odd"
  instance relay
  conf relaydomains example .example
  start
}

oneTimeTearDown() {
  stop
  fail_if_running
}

# customer NAME DOMAIN [OPTION...]: a sink that the domain's mail waits for.
customer() {
  customer_domain=$2
  customer_name=$1
  shift 2
  sink "$customer_name" "$@"
  echo "$customer_domain [127.0.0.1]:$SINKPORT park" >>"$I/conf/routes"
  service qmgr h
}

# carry DOMAIN COMPARE-OPTION FILE...: submitted as $how says, held, released, compared.
carry() {
  carried=$1 ended=$2
  shift 2
  # shellcheck disable=SC2086 # options
  submit $how -t "%d@$carried" "$@" >"$T/submit" || fail "not taken: $(grep -v ' 250 ' "$T/submit")"
  assertTrue "$(waiting "$carried") of $# wait" "wait_for 30 waits $carried $#"
  assertEquals 'held' 0 "$(sink_for "$carried")"
  etrn "$carried" >/dev/null
  arrive "$carried" $#
  # shellcheck disable=SC2086
  differing=$(tests/peer/compare $ended "$SINK" "$carried" "$@")
  assertNull "$differing" "$differing"
  sink_stop
  rm -f "$SINK"/*.msg
}

# The files that DATA can carry.
odd_ended() { find "$T/odd" -name '*.raw' ! -name '*-unended.raw' | sort; }

testRealMessagesByData() {
  customer chunking data.example
  how=
  carry data.example '' "$MESSAGES"/*.eml
}

testRealMessagesByBdat() {
  customer chunking2 bdat.example
  how='-b -c 1000'
  carry bdat.example '' "$MESSAGES"/*.eml
}

testRealMessagesToOneThatTakesData() {
  customer data todata.example --ext PIPELINING,8BITMIME,SIZE
  how='-b'
  carry todata.example '' "$MESSAGES"/*.eml
}

testOddMessagesByData() {
  customer odd odddata.example
  how=-r
  # shellcheck disable=SC2046 # no spaces in there
  carry odddata.example '' $(odd_ended)
}

testOddMessagesByBdat() {
  customer odd2 oddbdat.example
  how='-r -b'
  carry oddbdat.example '' "$T"/odd/*.raw
}

testOddMessagesByBdatInPieces() {
  customer odd3 oddpieces.example
  how='-r -b -c 4096'
  carry oddpieces.example '' "$T"/odd/*.raw
}

testOddMessagesToOneThatTakesData() {
  customer odd4 oddtodata.example --ext PIPELINING,8BITMIME
  how='-r -b'
  carry oddtodata.example -e "$T"/odd/*.raw
}

testOddMessagesWithoutPipelining() {
  customer odd5 oddslow.example --ext 8BITMIME
  how=-r
  # shellcheck disable=SC2046
  carry oddslow.example '' $(odd_ended)
}

testOctetByOctet() {
  customer pieces tiny.example
  how='-r -b -c 1'
  carry tiny.example '' "$T/odd/dots.raw" "$T/odd/dot-unended.raw" "$T/odd/body-empty.raw"
}

# shellcheck disable=SC1091
. shunit2
