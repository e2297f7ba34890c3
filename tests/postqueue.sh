# postqueue and mailq: the words, the codes and the looks of Postfix's.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/postfix.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf me mx.sluice.example
  conf relaydomains ship.example
  conf routes "* [127.0.0.1]:$SINKPORT park"
  conf queues 'both ship.example boat.example'
  start
  wait_for 10 test -S "$I/run/local" || fail "no socket: $(log local)"
  SLUICE=$I TZ=UTC
  export SLUICE TZ

  postfix_new theirs customer.example
  postfix_set relay_domains=ship.example fast_flush_domains=ship.example defer_transports=smtp,relay enable_long_queue_ids=yes \
    virtual_mailbox_domains= myorigin=mx.sluice.example
  postfix_start
}

oneTimeTearDown() {
  stop
  postfix_stop
  sink_stop
  fail_if_running
}

# run OPTION...: ours; sets status, $T/out, $T/err.
run() {
  "$BIN/postqueue" "$@" >"$T/out" 2>"$T/err"
  status=$?
}
theirs() {
  postqueue -c "$POSTFIX/etc" "$@" >"$T/their.out" 2>"$T/their.err"
  their_status=$?
}
# alike OPTION...: says both the same, with the same code?
alike() {
  run "$@"
  theirs "$@"
  assertEquals "$*: code" "$their_status" "$status"
  assertEquals "$*: words" "$(cat "$T/their.err")" "$(cat "$T/err")"
  assertEquals "$*: output" "$(cat "$T/their.out")" "$(cat "$T/out")"
}

# put RCPT...: a message into ours; sets id.  It waits when this returns.
put() {
  id=$("$BIN/queue-put" -f bob@b.example "$@" </dev/null)
  wait_for 10 recorded "${1#*@}" "$id" || fail "$id does not wait"
}
recorded() { grep -qx "$2" "$I/queue/flush/$1" 2>/dev/null; }
all_sent() { run -f && wait_for 20 drained; }

# --- what both refuse -----------------------------------------------------------------

testBadNames() {
  alike -s 'a b'
  alike -s ''
  alike -s 1.2.3.4
  alike -s a..b
  alike -s -a.example
  alike -s '[1.2.3.4]'
  alike -s '[IPv6:2001:db8::1]'
  alike -s "$(printf 'a\nb')"
  alike -s "$(printf %0300d 1).example"
  alike -i ''
  alike -i 'a b'
  alike -i ../x
  alike -i 'a*'
}

testUsage() {
  for arguments in '' -z '-f x' '-f -p' '-p x' '-p -j' -s -i '-f -f' '-s a -s b' x; do
    # shellcheck disable=SC2086 # several
    run $arguments
    # shellcheck disable=SC2086
    theirs $arguments
    assertEquals "$arguments" "$their_status" "$status"
    assertContains "$arguments" "$(cat "$T/their.err")" 'usage: postqueue '
    assertContains "$arguments" "$(cat "$T/err")" 'usage: postqueue '
    assertEquals "$arguments" '' "$(cat "$T/out")"
  done
}

# --- flushing -------------------------------------------------------------------------

testFlushEverything() {
  put x@ship.example
  put x@boat.example
  alike -f
  arrive ship.example 1
  arrive boat.example 1
}

testFlushSite() {
  put x@site.example
  put x@othersite.example
  run -v -s site.example
  assertEquals "$(cat "$T/err")" 0 $status
  assertEquals 'nothing said' '' "$(cat "$T/err" "$T/out")"
  arrive site.example 1
  assertEquals 'the other waits' 0 "$(sink_for othersite.example)"
  alike -s ship.example
  all_sent
}

# Ours alone: forms that ETRN has.
testFlushForms() {
  put x@below.forms.example
  put x@forms2.example
  run -s @forms.example
  assertEquals "$(cat "$T/err")" 0 $status
  arrive below.forms.example 1
  run -s '[forms2.example]'
  assertEquals "$(cat "$T/err")" 0 $status
  arrive forms2.example 1
  put y@boat.example
  run -s '#both'
  assertEquals "$(cat "$T/err")" 0 $status
  assertTrue 'the set went' 'wait_for 20 drained'
  run -s '#none'
  assertEquals 69 $status
  assertEquals 'postqueue: fatal: Flush service is not configured for destination "#none"' "$(cat "$T/err")"
  for bad in @ @@a '=1j0olc3or3kego' '[]' '[@a]' '[a b]'; do
    run -s "$bad"
    assertEquals "$bad" 69 $status
    assertEquals "postqueue: fatal: Cannot flush mail queue - invalid destination: \"$bad\"" "$(cat "$T/err")"
  done
}

testFlushMessage() {
  put first@one.example
  first=$id
  put second@one.example
  alike -i "$id"
  assertTrue 'one went' 'wait_for 20 sink_has_for one.example 1'
  assertEquals 'the other waits' "$first" "$("$BIN/queue-list" -1 -d one.example)"
  run -i "$id"
  assertEquals 'gone: no trouble' 0 $status
  assertEquals "postqueue: warning: no message $id in the queue" "$(cat "$T/err")"
  all_sent
}

# --- who ------------------------------------------------------------------------------

testFlushUsers() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  chmod 711 "$I" "$I/run"
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/postqueue" -f 2>"$T/err"
  status=$?
  case $status in 126 | 127) chmod 700 "$I" "$I/run"; skip 'programs are where others cannot run them'; return ;; esac
  assertEquals 77 $status
  assertEquals "postqueue: fatal: User nobody($(id -u nobody)) is not allowed to flush the mail queue" "$(cat "$T/err")"
  conf flushusers nobody
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/postqueue" -s ship.example 2>"$T/err"
  assertEquals "$(cat "$T/err")" 0 $?
  conf flushusers
  chmod 700 "$I/run"
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/postqueue" -f 2>"$T/err"
  assertEquals 77 $?
  assertEquals "postqueue: fatal: Cannot flush mail queue - unable to connect to $I/run/local: Permission denied" "$(cat "$T/err")"
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/postqueue" -p 2>"$T/err"
  assertEquals 77 $?
  assertEquals "postqueue: fatal: Queue report unavailable - unable to open $I: Permission denied" "$(cat "$T/err")"
  setpriv --reuid nobody --regid nogroup --clear-groups "$BIN/mailq" 2>"$T/err"
  assertEquals 77 $?
  assertEquals "mailq: fatal: Queue report unavailable - unable to open $I: Permission denied" "$(cat "$T/err")"
  chmod 700 "$I"
}

# --- listing --------------------------------------------------------------------------

# looks FILE: a list without what is bound to be another in each: ids, sizes, times, reasons, the order.
looks() {
  head -n 1 "$1"
  sed -E '1d; /^ *\(.*\)$/d; s/^[0-9A-Za-z]+[*!]? +[0-9]+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9]{2} [0-9:]{8} /ID /' "$1" |
    sed 's/^-- [0-9]*/-- N/' | awk 'BEGIN { RS = "" } { gsub(/\n/, "|"); print }' | sort
}

testList() {
  for program in "$BIN/mailq" "$BIN/postqueue -p" "$BIN/sendmail -bp"; do
    assertEquals 'Mail queue is empty' "$($program)"
  done
  assertEquals '' "$("$BIN/postqueue" -j)"
  put a@ship.example b@ship.example
  put c@boat.example
  echo x | postfix_sendmail -f bob@b.example a@ship.example b@ship.example
  echo x | postfix_sendmail -f bob@b.example c@boat.example
  wait_for 10 their_two
  run -p
  assertEquals "$(cat "$T/err")" 0 $status
  assertEquals "$(cat "$T/out")" "$("$BIN/queue-list")"
  assertEquals "$(cat "$T/out")" "$("$BIN/mailq")"
  theirs -p
  assertEquals 'looks' "$(looks "$T/their.out")" "$(looks "$T/out")"
  run -j
  assertEquals "$(cat "$T/out")" "$("$BIN/queue-list" -j)"
  assertEquals 'a@ship.example b@ship.example c@boat.example' "$(jq -r '.recipients[].address' "$T/out" | sort | xargs)"
  theirs -j
  jq -r 'keys[]' "$T/out" | sort -u >"$T/keys"
  assertEquals 'members that are missing' '' "$(jq -r 'keys[]' "$T/their.out" | sort -u | grep -vxFf "$T/keys")"
  all_sent
}
their_two() {
  theirs -j
  [ "$(grep -c deferred "$T/their.out")" = 2 ]
}

testManyMessages() {
  submit -t "m%d@ship.example" -n 2000 >"$T/submit" || fail "$(cat "$T/submit")"
  assertTrue 'wait' 'wait_for 60 waits ship.example 2000'
  assertEquals 2000 "$("$BIN/mailq" | grep -c '^ *m[0-9]*@ship.example$')"
  assertContains "$("$BIN/postqueue" -p | tail -n 1)" ' in 2000 Requests.'
  run -s ship.example
  assertEquals 0 $status
  assertTrue 'went' 'wait_for 60 drained'
}

# --- nothing to talk to -----------------------------------------------------------------

testDown() {
  put x@ship.example
  stop
  as_root postfix -c "$POSTFIX/etc" stop >/dev/null 2>&1
  for option in -f '-s ship.example' "-i $id"; do
    # shellcheck disable=SC2086 # several
    run $option
    # shellcheck disable=SC2086
    theirs $option
    assertEquals "$option" "$their_status" "$status"
    assertEquals "$option" "$(tail -n 1 "$T/their.err") (unable to connect to $I/run/local: Connection refused)" "$(cat "$T/err")"
  done
  # the list needs nobody
  run -p
  assertEquals "$(cat "$T/err")" 0 $status
  assertContains "$(cat "$T/out")" "$id"
}

testNoInstance() {
  for option in -p -j; do
    run -c "$T/none" $option
    assertEquals 69 $status
    assertEquals "postqueue: fatal: Queue report unavailable - unable to open $T/none: No such file or directory" "$(cat "$T/err")"
  done
  mkdir -p "$T/half/queue"
  run -c "$T/half" -p
  assertEquals 69 $status
  assertEquals "postqueue: fatal: Queue report unavailable - unable to open $T/half/queue/cur: No such file or directory" "$(cat "$T/err")"
  run -c "$T/none" -f
  assertEquals 69 $status
  assertEquals "postqueue: fatal: Cannot flush mail queue - mail system is down (unable to connect to $T/none/run/local: No such file or directory)" \
    "$(cat "$T/err")"
}

# queue-list is found beside, or in the bin/ that goes with where we are.
testFindsQueueList() {
  mkdir -p "$T/prefix/bin" "$T/prefix/sbin" "$T/prefix/lib/sluice" "$T/other"
  printf '#!/bin/sh\necho found "$@"\n' >"$T/prefix/bin/queue-list"
  chmod +x "$T/prefix/bin/queue-list"
  for place in bin sbin lib/sluice; do
    cp "$BIN/postqueue" "$T/prefix/$place/postqueue"
    assertEquals "$place" "found -C $I -j" "$(PATH=/usr/bin:/bin "$T/prefix/$place/postqueue" -j)"
  done
  ln -s ../prefix/lib/sluice/postqueue "$T/other/postqueue"
  assertEquals 'by a link' "found -C $I" "$(PATH=/usr/bin:/bin "$T/other/postqueue" -p)"
  mkdir "$T/alone"
  cp "$BIN/postqueue" "$T/alone/postqueue"
  assertEquals 'in PATH' "found -C $I" "$(PATH=$T/prefix/bin:/usr/bin:/bin "$T/alone/postqueue" -p)"
  PATH=/usr/bin:/bin "$T/alone/postqueue" -p 2>"$T/err"
  assertEquals 69 $?
  assertEquals 'postqueue: fatal: unable to run queue-list: No such file or directory' "$(cat "$T/err")"
}

. shunit2
