# What the tests of queue-del, queue-hold, queue-release, queue-requeue and postsuper have in common.
#
#   operate PROGRAM ARGUMENT...  runs it on the instance: its exit code in code, what it wrote in
#                                $T/out and $T/err
#   came CODE OUT ERR            a failure unless that is what the last one came to
#   fill PLACE COUNT [OPTION...] whole messages for customer.tld, see tests/peer/queue-fill; ids in $T/ids
#   sent PLACE ID                its journal says that it was
#   kept PLACE                   how many files are there
#   locked FILE                  a recipient of a message in somebody's hands, until unlocked
#   customer [OPTION...]         a sink, and an instance that is to be started: live.example and parked.example
#                                are there
#   flow FUNCTION                mail flows while FUNCTION is called again and again: see there

SINK=$T/none # until there is a customer
A=1h8qabcde00001
B=1h8qabcde00002

operate() {
  operate_program=$BIN/$1
  shift
  "$operate_program" -C "$I" "$@" >"$T/out" 2>"$T/err"
  code=$?
}

came() {
  assertEquals 'exit code' "$1" "$code"
  assertEquals 'standard output' "$2" "$(cat "$T/out")"
  assertEquals 'standard error' "$3" "$(cat "$T/err")"
}

fill() {
  fill_place=$1 fill_count=$2
  shift 2
  tests/peer/queue-fill -p "$fill_place" "$@" "$I/queue" "$fill_count" customer.tld >"$T/ids"
}

# message PLACE ID: with an id of one's own.
message() { tests/peer/message "$I/queue" "$1" "$2" customer.tld; }

sent() { echo '1763711160.000001 0 sent 2.0.0 mx 250 ok' >>"$(find "$I/queue/$1" -name "$2")"; }

kept() { find "$I/queue/$1" -type f | wc -l; }

# A lock of F_OFD_SETLK, as an agent holds it.
locked() {
  # shellcheck disable=SC2016 # Perl's
  perl -MFcntl -e '$lock = pack("s s x4 q q l x4", F_WRLCK, 0, 0, 1, 0); open F, "+<", $ARGV[0] or die $!;
    fcntl(F, 37, $lock) or die $!; open W, ">", $ARGV[1]; close W; sleep 60' "$1" "$T/locked" &
  locker=$!
  assertTrue 'locked' 'wait_for 10 test -e "$T/locked"'
}
unlocked() {
  kill "$locker"
  wait "$locker" 2>/dev/null
  rm -f "$T/locked"
}

# hints COMMAND...: runs it as if a qmgr listened; what that is told is in $T/hints.
hints() {
  [ -p "$I/queue/trigger" ] || mkfifo "$I/queue/trigger"
  exec 8<>"$I/queue/trigger"
  "$@"
  echo end >&8
  sed '/^end$/Q' <&8 >"$T/hints"
  exec 8>&-
}

# --- the real thing -------------------------------------------------------------------------

customer() {
  sink "customer$((customers = ${customers-0} + 1))" "$@"
  instance "relay$customers"
  conf relaydomains example .example
  conf backoff '1 2'
  conf routes "parked.example [127.0.0.1]:$SINKPORT park" "* [127.0.0.1]:$SINKPORT"
}

# put DOMAIN: one message for x@DOMAIN; its id in ID.
put() {
  submit -t "x@$1" >"$T/submit" || fail "submit: $(cat "$T/submit")"
  ID=$(sed -n '1s/.* //p' "$T/submit")
}

at_sink() { grep -q "^$1" "$SINK/log" 2>/dev/null; }

# under_way: one message is being sent to a sink that takes its time; its id in ID.
under_way() {
  put live.example
  assertTrue 'under way' 'wait_for 20 at_sink mail'
}

flushed() { "$BIN/flush-run" -C "$I" "$@"; }
carried_out() { [ -z "$(ls "$I/queue/asked")" ] && [ -z "$(ls "$I/queue/claim")" ]; }
not_written() { [ -z "$(ls "$I/queue/tmp")" ]; }

# What the sink has got: a line "COUNT ADDRESS" for each address.
received() { cat "$SINK"/*.env 2>/dev/null | sed -n 's/^RCPT TO:<\([^>]*\)>.*/\1/p' | sort | uniq -c; }

all_gone() {
  "$BIN/queue-release" -C "$I" -a >/dev/null 2>&1
  flushed -a
  wait_for 1 drained
}

# Of $T/live and $T/parked, submit's words, and $T/results, those of queue-del: each message came once, or
# was deleted; one that was deleted while being sent may have come.
unaccounted() {
  received >"$T/received"
  awk -v domain="$1" '
    FILENAME == ARGV[1] { if (/ deleted/) deleted[$1] = / while being sent/ ? 2 : 1; next }
    FILENAME == ARGV[2] { came[$2] = $1; next }
    $2 != 250 { next }
    { address = $1 "@" domain; n = came[address] + 0; d = deleted[$NF] }
    d == 0 && n != 1 || d == 1 && n != 0 || d == 2 && n > 1 { print address, $NF, "came " n " times, deleted: " d + 0 }
  ' "$T/results" "$T/received" "$2"
}

# flow FUNCTION: 300 messages come in, half of them are sent at once, the others parked, while FUNCTION is
# called again and again, its output being results of queue-del or nothing.
flow() {
  : >"$T/results"
  submit -t '%d@live.example' -n 150 >"$T/live" &
  flow_live=$!
  submit -t '%d@parked.example' -n 150 >"$T/parked" &
  flow_parked=$!
  flow_rounds=0
  until gone "$flow_live" && gone "$flow_parked"; do
    [ $((flow_rounds += 1)) -le 500 ] || break
    "$1" >>"$T/results"
  done
  wait "$flow_live" && wait "$flow_parked" || fail "submit: $(grep -v ' 250 ' "$T/live" "$T/parked")"
  assertTrue "called $flow_rounds times" "[ $flow_rounds -gt 1 ]"
  assertTrue "left: $(queued)" 'wait_for 60 all_gone'
  assertNull "$(unaccounted live.example "$T/live")" "$(unaccounted live.example "$T/live")"
  assertNull "$(unaccounted parked.example "$T/parked")" "$(unaccounted parked.example "$T/parked")"
  assertTrue 'nothing is left in tmp' not_written
  assertNull 'nothing is put aside' "$(ls "$I/queue/corrupt")"
}
