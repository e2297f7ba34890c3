# Real programs of others: as clients, as customers, as senders.
# shellcheck disable=SC1091
. tests/lib.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh
# shellcheck source=tests/peer/exim.sh
. tests/peer/exim.sh

oneTimeSetUp() {
  sink customer
  instance relay
  conf relaydomains example .example
  conf relayclients 127.0.0.1
  conf routes "* [127.0.0.1]:$SINKPORT park"
  conf queues 'all one.msmtp.example two.msmtp.example'
  start
  HOME=$T # where clients look for their files
  export HOME
}

oneTimeTearDown() {
  stop
  sink_stop
  fail_if_running
}

message() { printf 'From: <a@elsewhere.example>\r\nTo: <b@%s>\r\nSubject: peers\r\n\r\n.dot\r\nbody\r\n' "$1"; }

# sunk DOMAIN FILE: did the sink get the file for the domain, below trace headers?
sunk() {
  sunk_file=$(grep -liF "@$1>" "$SINK"/*.env | head -n 1)
  tail -c "$(wc -c <"$2")" "${sunk_file%.env}.msg" | cmp - "$2"
}

# --- clients that ask for a flush ---------------------------------------------------

testFetchmail() {
  hold fetchmail.example 2
  hold second.fetchmail.example 1
  fetchmail -v -p ETRN --service "$PORT" --fetchdomains fetchmail.example,second.fetchmail.example 127.0.0.1 \
    >"$T/fetchmail" 2>&1
  assertEquals "$(cat "$T/fetchmail")" 2 "$(grep -c 'ETRN< 250 OK, queuing' "$T/fetchmail")"
  arrive fetchmail.example 2
  arrive second.fetchmail.example 1
}

testFetchmailIsToldOfRefusals() {
  fetchmail -v -p ETRN --service "$PORT" --fetchdomains stranger.invalid 127.0.0.1 \
    >"$T/fetchmail" 2>&1
  assertContains "$(cat "$T/fetchmail")" '459'
}

testMsmtp() {
  hold plain.msmtp.example
  hold below.msmtp.example
  hold one.msmtp.example
  msmtp --host=127.0.0.1 --port="$PORT" --rmqs=plain.msmtp.example
  assertEquals 'a host' 0 $?
  arrive plain.msmtp.example 1
  msmtp --host=127.0.0.1 --port="$PORT" '--rmqs=#all'
  assertEquals 'a queue' 0 $?
  arrive one.msmtp.example 1
  assertEquals 0 "$(sink_for below.msmtp.example)"
  msmtp --host=127.0.0.1 --port="$PORT" '--rmqs=@msmtp.example'
  assertEquals 'a domain' 0 $?
  arrive below.msmtp.example 1
}

testPerl() {
  hold perl.example
  perl -MNet::SMTP -e '
    my $smtp = Net::SMTP->new("127.0.0.1", Port => $ARGV[0], Hello => "perl.example") or die "connect: $@";
    exit !$smtp->etrn("perl.example")' "$PORT"
  assertEquals 0 $?
  arrive perl.example 1
}

testCurlAsksAndSends() {
  message curl.example >"$T/curl"
  curl -sS "smtp://127.0.0.1:$PORT/client.example" --mail-from a@elsewhere.example --mail-rcpt b@curl.example \
    --upload-file "$T/curl"
  assertEquals 0 $?
  assertTrue 'wait_for 10 waits curl.example 1'
  curl -sS "smtp://127.0.0.1:$PORT/client.example" -X 'ETRN curl.example' >"$T/curl.out" 2>&1
  arrive curl.example 1
  assertTrue 'the same' "sunk curl.example $T/curl"
}

# --- clients that send --------------------------------------------------------------

testSwaks() {
  swaks --server "127.0.0.1:$PORT" --helo client.example --from a@elsewhere.example \
    --to one@swaks.example,two@swaks.example --body 'swaks' --suppress-data >"$T/swaks" 2>&1
  assertEquals "$(cat "$T/swaks")" 0 $?
  assertTrue 'wait_for 10 waits swaks.example 1'
  etrn swaks.example >/dev/null
  assertTrue 'wait_for 10 sink_has_for swaks.example 1'
}

testSwaksPipelining() {
  swaks --server "127.0.0.1:$PORT" --pipeline --from a@elsewhere.example --to b@swakspipe.example \
    --suppress-data >"$T/swaks" 2>&1
  assertEquals "$(cat "$T/swaks")" 0 $?
  assertTrue 'wait_for 10 waits swakspipe.example 1'
}

testMsmtpSends() {
  printf 'Subject: msmtp\n\nbody\n' | msmtp --host=127.0.0.1 --port="$PORT" --from=a@elsewhere.example b@msmtpsends.example
  assertEquals 0 $?
  assertTrue 'wait_for 10 waits msmtpsends.example 1'
}

testSmtpSource() {
  smtp-source -s 5 -m 100 -l 3000 -f a@elsewhere.example -t b@source.example "127.0.0.1:$PORT"
  assertEquals 0 $?
  assertTrue "$(waiting source.example) wait" 'wait_for 30 waits source.example 100'
  etrn source.example >/dev/null
  arrive source.example 100
  assertEquals 'each once' 100 "$(sink_for source.example)"
}

# --- other mailers ------------------------------------------------------------------

postfix_or_skip() {
  [ "$(id -u)" = 0 ] || {
    skip 'Postfix needs root'
    return 1
  }
}

exim_or_skip() {
  unshare -m true 2>/dev/null || {
    skip 'exim4 needs root and a mount namespace'
    return 1
  }
  exim_unpack || {
    skip "exim4 cannot be unpacked: $(tail -n 1 "$T/exim.out")"
    return 1
  }
}

# maildir_has DIRECTORY FILE: does a message there end in the file's content (LF line ends)?
maildir_has() {
  tr -d '\r' <"$2" >"$2.lf"
  for stored in "$1"/new/*; do
    tail -c "$(wc -c <"$2.lf")" "$stored" | cmp -s - "$2.lf" && return 0
  done
  return 1
}

testPostfixAsCustomer() {
  postfix_or_skip || return 0
  postfix_new postfix-customer postfix.example
  printf '%s\n' "postfix.example [127.0.0.1]:$POSTFIXPORT park" >>"$I/conf/routes"
  service qmgr h
  message postfix.example >"$T/mail"
  submit -r -t b@postfix.example "$T/mail" >/dev/null
  submit -t b@postfix.example -n 30 >/dev/null
  assertTrue 'wait_for 10 waits postfix.example 31'
  etrn postfix.example >/dev/null
  assertTrue 'customer away: nothing lost' 'wait_for 10 waits postfix.example 31'
  postfix_start
  etrn postfix.example >/dev/null
  assertTrue "$(postfix_messages) of 31" 'wait_for 30 postfix_has 31'
  assertTrue 'the same' "maildir_has $POSTFIX/mail $T/mail"
  assertTrue 'nothing waits' 'wait_for 10 waits postfix.example 0'
  assertEquals 'each once' 31 "$(postfix_messages)"
  postfix_stop
}

testPostfixAsSender() {
  postfix_or_skip || return 0
  postfix_new postfix-sender local.invalid
  postfix_set "relayhost=[127.0.0.1]:$PORT"
  postfix_start
  n=0
  while [ $((n += 1)) -le 20 ]; do
    printf 'Subject: %d\n\n.body\n' $n | postfix_sendmail -f a@elsewhere.example "$n@frompostfix.example" "$n@second.frompostfix.example"
  done
  assertTrue "$(waiting frompostfix.example) wait" 'wait_for 30 waits frompostfix.example 20'
  etrn @frompostfix.example >/dev/null
  arrive frompostfix.example 20
  arrive second.frompostfix.example 20
  postfix_stop
}

testEximAsCustomer() {
  exim_or_skip || return 0
  EXIMRELAY=$SINKPORT
  exim_new exim-customer exim.example
  printf '%s\n' "exim.example [127.0.0.1]:$EXIMPORT park" >>"$I/conf/routes"
  service qmgr h
  submit -t b@exim.example -n 30 >/dev/null
  assertTrue 'wait_for 10 waits exim.example 30'
  etrn exim.example >/dev/null
  exim_start
  etrn exim.example >/dev/null
  assertTrue "$(exim_messages) of 30" 'wait_for 30 exim_has 30'
  assertTrue 'nothing waits' 'wait_for 10 waits exim.example 0'
  assertEquals 'each once' 30 "$(exim_messages)"
  exim_stop
}

testEximAsSender() {
  exim_or_skip || return 0
  # shellcheck disable=SC2034 # exim_new reads it
  EXIMRELAY=$PORT
  exim_new exim-sender local.invalid
  exim_start
  n=0
  while [ $((n += 1)) -le 20 ]; do
    printf 'Subject: %d\n\n.body\n' $n | exim_sendmail -i -f a@elsewhere.example "$n@fromexim.example"
  done
  assertTrue "$(waiting fromexim.example) wait" 'wait_for 30 waits fromexim.example 20'
  etrn fromexim.example >/dev/null
  arrive fromexim.example 20
  exim_stop
}

# shellcheck disable=SC1091
. shunit2
