# However often what waits at a site is asked for: one try at a time, and some seconds after one that failed.
# shellcheck disable=SC1091
. tests/lib.sh

# So long is asked, and what failed is left alone (VAIN_REST_US, seconds).
ASKING=6
REST=5

setUp() {
  instance "relay$((relays = ${relays-0} + 1))"
  conf relaydomains example .example
  conf flushdomains example .example
  conf queues 'all dead.example'
  free_port DEADPORT
}

tearDown() {
  stop
  slow_stop
  [ -z "${FLAWED-}" ] || flawed_stop
  fail_if_running "$I"
}

# dead WHERE: one message waits for a site that is there.
dead() {
  conf routes "* $1 park"
  start
  hold dead.example
  id=$("$BIN/queue-list" -C "$I" -1)
}

# A thousand at a time; prints how many were answered.
etrn_often() {
  { printf 'EHLO client.example\r\n'; yes "ETRN $1" | head -n 1000 | sed 's/$/\r/'; printf 'QUIT\r\n'; } >"$T/often"
  smtp_raw <"$T/often" | grep -c '^250 OK'
}
run_often() { "$BIN/flush-run" -C "$I" "$@" && echo 1; }
release_often() { "$BIN/queue-hold" -C "$I" "$id" >"$T/held" 2>&1 && "$BIN/queue-release" -C "$I" "$id" >"$T/released" 2>&1 && run_often dead.example; }

# asks COMMAND...: as often as it goes; sets asked and took.
asks() {
  asked=0
  began=$(date +%s)
  while took=$(($(date +%s) - began)) && [ "$took" -lt "$ASKING" ]; do asked=$((asked + $("$@"))); done
  took=$(($(date +%s) - began))
}

# seldom N WHAT: so many connections are no more than there may be, and something was tried.
seldom() {
  assertTrue "$2: $1 connections by $asked requests in $took s" "[ $1 -ge 1 ] && [ $1 -le $((took / REST + 2)) ]"
}

# Tries of the site that the agents' log tells of.
refused() { log send | grep -c 'smtp-send: connect to'; }
way_to_ask() {
  before=$(refused)
  wait_for 20 not_just_failed
  asks "$@"
  seldom $(($(refused) - before)) "$*"
}
not_just_failed() { [ $(($(date +%s) - $(stat -c %Y "$I/queue/site/[127.0.0.1]:$DEADPORT"))) -gt "$REST" ]; }

testRefused() {
  dead "[127.0.0.1]:$DEADPORT"
  way_to_ask etrn_often dead.example
  way_to_ask etrn_often @example
  way_to_ask etrn_often '#all'
  way_to_ask run_often dead.example
  way_to_ask run_often -i "$id"
  way_to_ask release_often
  assertEquals 'nothing is lost' 1 "$(queued)"
}

# One that answers, and takes nothing for now, or closes: a try is one connection, or those that judge of the site.
testDeferred() {
  FLAWED=
  flawed site <<EOT
later 127.0.0.1:$DEADPORT word= flaw="451 4.3.0 not now" stage=rcpt ext=PIPELINING
EOT
  dead "[127.0.0.1]:$DEADPORT"
  for how in 'etrn_often dead.example' 'run_often dead.example' "run_often -i $id"; do
    before=$(grep -c ' connect' "$FLAWED/log")
    tried=$(grep -c ' rcpt <' "$FLAWED/log")
    # shellcheck disable=SC2086
    asks $how
    seldom $(($(grep -c ' connect' "$FLAWED/log") - before)) "$how"
    seldom $(($(grep -c ' rcpt <' "$FLAWED/log") - tried)) "RCPT by $how"
    wait_for 20 flawed_idle "$REST"
  done
}

testGreetsNever() {
  slow never flood
  dead "[127.0.0.1]:$SLOWPORT"
  asks etrn_often dead.example
  seldom "$(grep -c connect "$SLOW")" 'never greets'
}

# shellcheck disable=SC1091
. shunit2
