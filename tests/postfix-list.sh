# The list beside that of a Postfix 3.7 with the same mail: what reads the one reads the other.
# shellcheck disable=SC1091
. tests/lib.sh
. tests/peer/postfix.sh

postfix_list() { postqueue -c "$POSTFIX/etc" "$@"; }
our_list() { "$BIN/queue-list" -C "$I" "$@"; }

# both NAME: the lists of this moment, $T/NAME.postfix and $T/NAME.ours, and .json of each.
both() {
  postfix_list -p >"$T/$1.postfix"
  postfix_list -j >"$T/$1.postfix.json"
  our_list >"$T/$1.ours"
  our_list -j >"$T/$1.ours.json"
}

# A message to both of them.
submit_both() {
  submit "$@" >"$T/submit" && tests/peer/submit "127.0.0.1:$POSTFIXPORT" "$@" >"$T/submit" ||
    fail "submit $*: $(cat "$T/submit")"
}

# come_to JQ N: in both lists so many messages are so.
count() { jq -c "select($1)" | wc -l; }
come_to() { [ "$(our_list -j | count "$1")" = "$2" ] && [ "$(postfix_list -j | count "$1")" = "$2" ]; }
wait_both() { wait_for 30 come_to "$@" || fail "$*: $(our_list; postfix_list -p)"; }
tried='.queue_name == "deferred" and all(.recipients[]; has("delay_reason"))'

# Put away the message of this sender.
hold_both() {
  held=$(postfix_list -j | jq -r "select(.sender == \"$1\").queue_id")
  as_root postsuper -c "$POSTFIX/etc" -h "$held" 2>"$T/postsuper"
  held=$(our_list -1 -s "$1")
  mv "$I/queue/cur/"*"/$held" "$I/queue/hold/$held"
}

oneTimeSetUp() {
  free_port CLOSED
  sink mute --mute
  instance one
  conf relaydomains a.tld mute.tld
  conf routes "a.tld [127.0.0.1]:$CLOSED" "mute.tld [127.0.0.1]:$SINKPORT"
  conf backoff '3600 3600'
  start
  postfix_new postfix
  # ids as long as ours
  postfix_set enable_long_queue_ids=yes \
    "transport_maps=inline:{ {a.tld=smtp:[127.0.0.1]:$CLOSED}, {mute.tld=smtp:[127.0.0.1]:$SINKPORT} }"
  postfix_start

  both empty
  submit_both -f '<>' -t u4@a.tld
  wait_both "$tried" 1
  both one
  submit_both -f bob@example.org -t u1@a.tld -t u2@a.tld
  submit_both -f '"b o"@example.org' -t '"x \"y"@a.tld'
  submit_both -f hold@example.org -t u5@a.tld
  wait_both "$tried" 4
  hold_both hold@example.org
  submit_both -f active@example.org -t u6@a.tld -t u7@mute.tld
  wait_both '.queue_name == "active" and any(.recipients[]; has("delay_reason"))' 1
  both several
}

oneTimeTearDown() {
  [ -n "${POSTFIX-}" ] || return 0 # shunit2 tears down twice
  postfix_stop
  POSTFIX=
  stop
  sink_stop
  fail_if_running
}

# What must differ left out: ids, sizes, times; in an order of their own.
plain() {
  sed -E 's/^[0-9A-Za-z]+([*!]?) +[0-9]+ [A-Z][a-z]{2} [A-Z][a-z]{2} [ 1-3][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} /ID\1 SIZE TIME /
    s/^-- [0-9]+ Kbytes/-- N Kbytes/' | sort
}

testEmpty() {
  assertEquals 'Mail queue is empty' "$(cat "$T/empty.postfix")"
  assertEquals 'Mail queue is empty' "$(cat "$T/empty.ours")"
  assertEquals 'no object' '' "$(cat "$T/empty.postfix.json" "$T/empty.ours.json")"
}

testHeading() {
  assertEquals "$(head -n 1 "$T/one.postfix")" "$(head -n 1 "$T/one.ours")"
}

testOneRequest() {
  assertEquals "$(plain <"$T/one.postfix")" "$(plain <"$T/one.ours")"
  assertContains "$(tail -n 1 "$T/one.ours")" ' Kbytes in 1 Request.'
}

# Null sender, quotes, several recipients below one reason, none known for one, held, being sent, the total.
testSeveral() {
  assertEquals "$(plain <"$T/several.postfix")" "$(plain <"$T/several.ours")"
  for line in 'ID SIZE TIME MAILER-DAEMON' 'ID SIZE TIME bob@example.org' 'ID! SIZE TIME hold@example.org' \
    'ID* SIZE TIME active@example.org' '(reason unavailable)' '-- N Kbytes in 5 Requests.'; do
    assertContains "$(plain <"$T/several.ours")" "$line"
  done
}

# Where each column begins: of the first of every kind of line, the place of its last field.
columns() {
  awk '
    /^[0-9A-Za-z]+[*!]? / {
      print "size ends", match($0, /[0-9] [A-Z]/), "time", match($0, /[A-Z][a-z][a-z] [A-Z][a-z][a-z] /),
        "sender", match($0, /(MAILER|bob|"b o|hold|active)/)
    }
    /^ +[^( ]/ { print "recipient", match($0, /[^ ]/) }
    /\(/ { print "reason ends", length($0) }' "$1" | sort -u
}

testColumns() {
  assertEquals "$(columns "$T/several.postfix")" "$(columns "$T/several.ours")"
  assertEquals 'each kind is there' 3 "$(columns "$T/several.ours" | wc -l)"
}

# Order of lines: a head, then a reason before its recipients, an empty line between two messages.
shape() {
  awk '
    /^-/ { printf "%s", NR == 1 ? "H" : "T"; next }
    /^$/ { printf " "; next }
    /^ +\(/ { printf "w"; next }
    /^ / { printf "r"; next }
    { printf "m" }' "$1" | tr ' ' '\n' | sort | tr '\n' ' '
}

testShape() {
  assertEquals "$(shape "$T/one.postfix")" "$(shape "$T/one.ours")"
  assertEquals 'Hmwr T ' "$(shape "$T/one.ours")"
  assertEquals "$(shape "$T/several.postfix" | tr -d H)" "$(shape "$T/several.ours" | tr -d H)"
}

# As scripts have long read it: paragraph by paragraph, the id is the first word, less its mark.
paragraphs() {
  # shellcheck disable=SC2016 # Perl's
  perl -e '<STDIN>; $/ = ""; while (<STDIN>) {
    my ($id) = split; $id =~ s/[*!]$//; print "$id\n" if / \Q$ARGV[0]\E$/m }' "$1"
}

testScripts() {
  for address in bob@example.org u2@a.tld u5@a.tld u7@mute.tld MAILER-DAEMON nobody@a.tld; do
    assertEquals "$address" "$(paragraphs $address <"$T/several.postfix" | wc -l)" \
      "$(paragraphs $address <"$T/several.ours" | wc -l)"
  done
  assertEquals "$(our_list -1 -r u5@a.tld)" "$(paragraphs u5@a.tld <"$T/several.ours")"
}

# Of every object with this name: each key that Postfix has, with the type of its value.
keys() { jq -r ".$2[]? | to_entries[] | .key + \" \" + (.value | type)" "$1" | sort -u; }
message_keys() { jq -r 'to_entries[] | .key + " " + (.value | type)' "$1" | sort -u; }

testJsonKeys() {
  message_keys "$T/several.postfix.json" >"$T/wanted"
  assertEquals 'Postfix has so many' 7 "$(wc -l <"$T/wanted")"
  assertEquals 'missing here' '' "$(message_keys "$T/several.ours.json" | comm -23 "$T/wanted" -)"
  keys "$T/several.postfix.json" recipients >"$T/wanted"
  assertEquals 'of a recipient' 'address string
delay_reason string' "$(cat "$T/wanted")"
  assertEquals 'missing here' '' "$(keys "$T/several.ours.json" recipients | comm -23 "$T/wanted" -)"
  assertEquals 'not there before the first try' false \
    "$(jq 'select(.queue_name == "active").recipients[1] | has("delay_reason")' "$T/several.ours.json")"
}

# What does not depend on who is asked.
values() {
  jq -c '{queue_name, forced_expire, sender,
    recipients: [.recipients[] | {address, delay_reason}] | sort_by(.address)}' "$1" | sort
}

testJsonValues() {
  assertEquals "$(values "$T/several.postfix.json")" "$(values "$T/several.ours.json")"
  assertEquals 'a line each' 5 "$(wc -l <"$T/several.ours.json")"
  # of the same seconds
  jq .arrival_time "$T/several.postfix.json" "$T/several.ours.json" | sort -n | sed -n '1p; $p' | xargs >"$T/arrivals"
  assertTrue "arrivals: $(cat "$T/arrivals")" "[ $(awk '{ print $2 - $1 }' "$T/arrivals") -lt 600 ]"
}

. shunit2
