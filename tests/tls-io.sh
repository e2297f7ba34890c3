# tls-io: what it answers, what it does with a connection, and which certificates are good enough, beside openssl's own
# server and client.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh

S=$T/server # conf/tlscert, conf/tlskey: of mx.customer.example
C=$T/client # conf/tlsca: who made that

# authority NAME, made NAME AUTHORITY SUBJECT [EXTENSION]: a key and a certificate, NAME.key and NAME.crt.
new_key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$T/$1.key" 2>/dev/null || fail "no key $1"; }
authority() {
  new_key "$1"
  openssl req -x509 -new -key "$T/$1.key" -out "$T/$1.crt" -days 30 -subj "/CN=$1" || fail "no authority $1"
}
made() {
  new_key "$1"
  openssl req -new -key "$T/$1.key" -out "$T/$1.csr" -subj "$3" || fail "no request $1"
  printf '%s\n' "${4-basicConstraints=CA:FALSE}" >"$T/$1.ext"
  openssl x509 -req -in "$T/$1.csr" -CA "$T/$2.crt" -CAkey "$T/$2.key" -CAcreateserial -days 30 -extfile "$T/$1.ext" \
    -out "$T/$1.crt" 2>/dev/null || fail "no certificate $1"
}
# stale NAME: one that signed itself and has expired.
stale() {
  new_key "$1"
  mkdir -p "$T/$1.ca"
  : >"$T/$1.ca/index"
  echo 01 >"$T/$1.ca/serial"
  printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/index\nserial=%s/serial\nnew_certs_dir=%s\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
    "$T/$1.ca" "$T/$1.ca" "$T/$1.ca" >"$T/$1.ca/conf"
  openssl req -new -key "$T/$1.key" -out "$T/$1.csr" -subj "/CN=$1" || fail "no request $1"
  openssl ca -batch -config "$T/$1.ca/conf" -selfsign -keyfile "$T/$1.key" -in "$T/$1.csr" -startdate 20200101000000Z \
    -enddate 20200201000000Z -notext -out "$T/$1.crt" 2>"$T/$1.ca/err" || fail "no certificate: $(cat "$T/$1.ca/err")"
}

# The SHA-256 of a certificate, of its key, of its key's certificate as a TLSA record has it.
print_of() { openssl x509 -in "$T/$1.crt" -outform DER | sha256sum | cut -d ' ' -f 1; }
key_print_of() { openssl x509 -in "$T/$1.crt" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d ' ' -f 1; }

oneTimeSetUp() {
  mkdir -p "$S/conf" "$C/conf"
  authority ca
  authority other-ca
  made mx ca '/O=Customer/CN=mx.customer.example' 'subjectAltName=DNS:mx.customer.example,DNS:*.wide.example,IP:127.0.0.1'
  made client other-ca '/CN=client one'
  stale stale
  cp "$T/ca.crt" "$C/conf/tlsca"
  head -c 1048576 /dev/urandom >"$T/mib"
}

setUp() {
  pids=
  pair mx mx
}

tearDown() {
  for pid in $pids; do kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null; done
  pids=
  wait_for 20 nothing_runs "$T" || fail_if_running
}

# pair CERTIFICATE KEY: what conf/ of the server has.
pair() {
  cp "$T/$1.crt" "$S/conf/tlscert"
  cp "$T/$2.key" "$S/conf/tlskey"
}

# served NAME OPTION...: a tls-io at $T/NAME.socket, until the end of the test; its process is $TLSIO.
served() {
  name=$1
  shift
  rm -f "$T/$name.ready"
  s6-ipcserver-socketbinder "$T/$name.socket" "$BIN/tls-io" -d 3 "$@" </dev/null 3>"$T/$name.ready" 2>"$T/$name.err" &
  TLSIO=$!
  pids="$pids $TLSIO"
  wait_for 20 test -s "$T/$name.ready" || fail "not ready: $(cat "$T/$name.err")"
}
server() { served server -s -C "$S" "$@"; }
client() { served client -c -C "$C" "$@"; }

# listens NAME REQUEST [OPTION...]: somebody who has a connection to $AT and asks about it; clear text comes from $T/NAME.in and
# goes to $T/NAME.out, answers to $T/NAME.said.  Its process is $LISTENER.
listens() {
  name=$1
  request=$2
  shift 2
  rm -f "$T/$name.said" "$T/$name.said.listening" "$T/$name.out"
  [ -e "$T/$name.in" ] || : >"$T/$name.in"
  free_port AT
  tests/peer/tls -a "$T/$name.said" "$@" "$T/server.socket" accept "127.0.0.1:$AT" "$request" <"$T/$name.in" >"$T/$name.out" &
  LISTENER=$!
  pids="$pids $LISTENER"
  wait_for 20 test -s "$T/$name.said" || fail "$name: no answer"
  ! grep -q ready "$T/$name.said" || wait_for 20 test -e "$T/$name.said.listening" || fail "$name: no port"
}
said() { tail -n +2 "$T/$1.said" 2>/dev/null; }
is_said() { [ -n "$(said "$1")" ]; }
# answered NAME: its second answer, when it has come.
answered() {
  wait_for 20 is_said "$1" || echo 'no answer'
  said "$1"
}

# connects OPTION...: openssl's client, to $AT, from stdin to stdout.
connects() { timeout 60 openssl s_client -quiet -nocommands -connect "127.0.0.1:$AT" "$@" 2>"$T/s_client"; }

# peer NAME CERTIFICATE [OPTION...]: openssl's server with that certificate; sets PEER, its port.  What it is told comes back, each line
# from its end.
peer() {
  name=$1
  certificate=$2
  shift 2
  free_port PEER
  openssl s_server -accept "127.0.0.1:$PEER" -cert "$T/$certificate.crt" -key "$T/$certificate.key" -rev -quiet "$@" </dev/null >"$T/$name.server" 2>&1 &
  pids="$pids $!"
  wait_for 20 port_taken "$PEER" || fail "no server: $(cat "$T/$name.server")"
}

# asks REQUEST: the second answer to one who asks for a connection to $PEER, and what comes back after it.
asks() {
  rm -f "$T/said"
  printf 'olleh\n' | timeout 60 tests/peer/tls -a "$T/said" -u 6 "$T/client.socket" connect "127.0.0.1:$PEER" "$1" >"$T/out"
  [ "$(head -n 1 "$T/said")" = ready ] || cat "$T/said"
  tail -n +2 "$T/said"
  case $(tail -n +2 "$T/said") in
    tls*) assertEquals "$1: clear text" hello "$(cat "$T/out")" ;;
    *) assertNull "$1: $(cat "$T/out")" "$(cat "$T/out")" ;;
  esac
}
# level REQUEST EXPECTED: what is asked of the client, and the end of what it answers.
level() { assertContains "$1" "$(asks "connect timeout=20 $1") " " $2 "; }
NOT='failed Server certificate not verified:'
refused() { assertEquals "$1" "$NOT $2" "$(asks "connect timeout=20 $1")"; }

# --- how it is called -----------------------------------------------------------------------------

testUsage() {
  for options in '' '-s -c' '-x' '-s -n 0' '-s -n x' '-s -d 2' '-s more' '-C' '-s -C' '-s -k x'; do
    # shellcheck disable=SC2086 # several options
    "$BIN/tls-io" $options </dev/null >"$T/out" 2>&1
    assertEquals "exit code of tls-io $options" 100 $?
    assertContains "$options" "$(cat "$T/out")" 'usage: tls-io -s | -c '
  done
}

testNoReadyDescriptor() {
  "$BIN/tls-io" -s -C "$S" -d 3 </dev/null 2>"$T/err" 3>&-
  assertEquals 'exit code' 100 $?
  assertEquals 'tls-io: fatal: unable to use the descriptor of -d: Bad file descriptor' "$(cat "$T/err")"
}

testDescriptorThatIsNoSocket() {
  "$BIN/tls-io" -s -C "$S" </dev/null 2>"$T/err"
  assertEquals 'exit code' 100 $?
  assertEquals 'tls-io: fatal: descriptor 0 is no UNIX stream socket' "$(cat "$T/err")"
}

testNoInstance() {
  s6-ipcserver-socketbinder "$T/none.socket" "$BIN/tls-io" -s -C "$T/none" 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertContains "$(cat "$T/err")" "fatal: unable to use $T/none/conf: No such file"
}

testRequestsThatMakeNoSense() {
  server
  for request in 'accept' 'EHLO client.example' 'accept timeout=0' 'accept timeout=1 what'; do
    listens nonsense "$request"
    assertEquals "$request" 'no the request makes no sense' "$(cat "$T/nonsense.said")"
  done
  listens wrong 'connect timeout=1 level=may'
  assertEquals 'no this is for servers' "$(cat "$T/wrong.said")"
  assertEquals 'no no whole request' "$(printf 'accept timeout=5' | socat -t 20 - "UNIX-CONNECT:$T/server.socket" | tr -d '\r')"
  listens long "$(printf 'accept%17000s' timeout=1)"
  assertEquals 'no no whole request' "$(cat "$T/long.said")"
  listens bare 'accept timeout=5' -g
  connects </dev/null >/dev/null
  assertEquals 'failed there is no connection with go' "$(answered bare)"
  assertNull "$(cat "$T/server.err")" "$(cat "$T/server.err")"
}

# --- the server -----------------------------------------------------------------------------------

testVersions() {
  server
  listens old 'accept timeout=20'
  connects -tls1_1 -cipher ALL@SECLEVEL=0 </dev/null >/dev/null
  assertEquals 'TLS 1.1' 'failed unsupported protocol' "$(answered old)"
  for version in 2 3; do
    echo "220 at your service" >"$T/new.in"
    listens new 'accept timeout=20'
    connects "-tls1_$version" </dev/null >"$T/got"
    assertContains "$(answered new)" "tls TLSv1.$version "
    assertContains "$(answered new)" ' 256/256 anonymous'
    assertEquals "TLS 1.$version" '220 at your service' "$(cat "$T/got")"
  done
}

# resumed OPTION...: how a second handshake goes, after one as the request says.
handshake() {
  listens resume "$1"
  shift
  timeout 60 openssl s_client -connect "127.0.0.1:$AT" "$@" </dev/null 2>/dev/null | grep -aE '^(New|Reused), ' | cut -d , -f 1
}

testResumption() {
  : >"$T/resume.in"
  server
  for version in -tls1_2 -tls1_3; do
    # the ticket of TLS 1.3 comes after the handshake: somebody has to say something first
    echo '220 at your service' >"$T/resume.in"
    assertEquals "$version" New "$(handshake 'accept timeout=20' $version -ign_eof -sess_out "$T/ticket")"
    assertEquals "$version" Reused "$(handshake 'accept timeout=20' $version -ign_eof -sess_in "$T/ticket")"
    assertEquals "$version, now asked for a certificate" New "$(handshake 'accept ccert timeout=20' $version -ign_eof -sess_in "$T/ticket")"
    set -- $version -ign_eof -cert "$T/client.crt" -key "$T/client.key"
    assertEquals "$version, a certificate" New "$(handshake 'accept ccert timeout=20' "$@" -sess_out "$T/ticket")"
    first=$(answered resume)
    assertContains "$first" " untrusted cert=$(print_of client) key=$(key_print_of client) cn=client+20one issuer=other-ca"
    assertEquals "$version, a certificate" Reused "$(handshake 'accept ccert timeout=20' "$@" -sess_in "$T/ticket")"
    assertEquals "$version, resumed" "$first" "$(answered resume)"
    assertEquals "$version, asked for, and there is none" New "$(handshake 'accept ccert timeout=20' $version -ign_eof)"
    assertContains "$(answered resume)" ' anonymous'
  done
}

# An old key is no longer good for tickets once the context is another.
testTicketsEndWithTheContext() {
  echo '220 at your service' >"$T/resume.in"
  server
  assertEquals New "$(handshake 'accept timeout=20' -ign_eof -sess_out "$T/ticket")"
  kill -HUP "$TLSIO"
  assertEquals New "$(handshake 'accept timeout=20' -ign_eof -sess_in "$T/ticket")"
}

# warned N: so many lines are on stderr.
warned() { [ "$(grep -c warning "$T/server.err")" = "$1" ]; }

testKeyThatDoesNotFit() {
  pair mx client
  server
  assertTrue "$(cat "$T/server.err")" 'warned 1'
  assertContains "$(cat "$T/server.err")" 'tls-io: warning: unable to use conf/tlskey: key values mismatch'
  for _ in 1 2; do
    listens none 'accept timeout=20'
    assertEquals 'no there is no certificate and key that could be used' "$(cat "$T/none.said")"
  done
  assertTrue "$(cat "$T/server.err")" 'warned 1'
  pair mx mx
  listens good 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered good)" 'tls TLSv1.3'
  assertTrue "$(cat "$T/server.err")" 'warned 1'

  # another pair, of which one half is there
  cp "$T/client.crt" "$S/conf/tlscert"
  for _ in 1 2; do
    listens old 'accept timeout=20'
    connects -showcerts </dev/null >/dev/null
    assertContains "$(answered old)" 'tls TLSv1.3'
    assertContains "$(cat "$T/s_client")" mx.customer.example
  done
  assertTrue "$(cat "$T/server.err")" 'warned 3'
  assertContains "$(cat "$T/server.err")" 'tls-io: warning: what was read before stays in use'
  kill -HUP "$TLSIO"
  assertTrue 'told again when it is asked for' 'wait_for 20 warned 5'
  cp "$T/client.key" "$S/conf/tlskey"
  listens new 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered new)" 'tls TLSv1.3'
  assertContains "$(cat "$T/s_client")" 'client one'
}

testFilesThatAreNone() {
  rm "$S/conf/tlskey"
  server
  assertContains "$(cat "$T/server.err")" 'unable to use conf/tlskey: No such file or directory'
  mkfifo "$S/conf/tlskey"
  listens fifo 'accept timeout=20'
  assertContains "$(cat "$T/fifo.said")" 'no there is no certificate'
  rm "$S/conf/tlskey"
  openssl pkey -in "$T/mx.key" -aes128 -passout pass:secret -out "$S/conf/tlskey"
  listens phrase 'accept timeout=20'
  assertContains "$(cat "$T/phrase.said")" 'no there is no certificate'
  echo 'no key' >"$S/conf/tlskey"
  listens text 'accept timeout=20'
  assertContains "$(cat "$T/text.said")" 'no there is no certificate'
  assertTrue "$(cat "$T/server.err")" 'warned 4'
  rm "$S/conf/tlskey"
  ln -s "$T/mx.key" "$S/conf/tlskey"
  listens link 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered link)" 'tls TLSv1.3'
  rm "$S/conf/tlskey"
}

testKeyThatCannotBeRead() {
  [ "$(id -u)" = 0 ] || { skip 'for root'; return; }
  chmod 600 "$S/conf/tlskey"
  served server -s -C "$S" -n 10
  kill "$TLSIO"
  wait "$TLSIO"
  rm -f "$T/server.ready"
  s6-ipcserver-socketbinder "$T/server.socket" setpriv --reuid nobody --clear-groups "$BIN/tls-io" -s -d 3 -C "$S" </dev/null 3>"$T/server.ready" 2>"$T/server.err" &
  pids="$pids $!"
  wait_for 20 test -s "$T/server.ready" || fail "not ready: $(cat "$T/server.err")"
  assertEquals 'tls-io: warning: unable to use conf/tlskey: Permission denied' "$(cat "$T/server.err")"
  listens none 'accept timeout=20'
  assertEquals 'no there is no certificate and key that could be used' "$(cat "$T/none.said")"
}

testCertificateThatHasExpired() {
  pair stale stale
  server
  assertContains "$(cat "$T/server.err")" 'warning: unable to use conf/tlscert: it has expired'
  listens stale 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered stale)" 'tls TLSv1.3'
}

testNoHandshake() {
  server
  listens clear 'accept timeout=20'
  printf 'EHLO client.example\r\n' | timeout 20 socat -t 5 - "TCP:127.0.0.1:$AT" >"$T/got"
  assertContains "$(answered clear)" 'failed '
  assertNotContains "$(answered clear)" 'timed out'
  assertNotContains 'no word of SMTP' "$(tr -d '\0' <"$T/got")" 'EHLO'
  listens mute 'accept timeout=1'
  socat "TCP:127.0.0.1:$AT" PIPE &
  mute=$!
  assertEquals 'failed timed out' "$(answered mute)"
  kill "$mute" 2>/dev/null
  wait "$mute" 2>/dev/null
  listens gone 'accept timeout=20'
  socat -u /dev/null "TCP:127.0.0.1:$AT"
  assertEquals 'failed connection closed' "$(answered gone)"
}

# --- octets ---------------------------------------------------------------------------------------

testOctetForOctet() {
  server
  for mode in '' 'lines '; do
    cp "$T/mib" "$T/both.in"
    listens both "accept ${mode}timeout=20" -u 1048576
    connects <"$T/mib" >"$T/got"
    wait "$LISTENER"
    assertTrue "${mode}to the client" "cmp '$T/mib' '$T/got'"
    assertTrue "${mode}from the client" "cmp '$T/mib' '$T/both.out'"
  done
}

# An end is told in one direction, and the other one goes on.
testHalfClosed() {
  server
  printf 'first\n' >"$T/half.in"
  listens half 'accept timeout=20'
  tests/peer/tls-client "$AT" <"$T/mib" >"$T/got" || fail 'no client'
  wait "$LISTENER"
  assertEquals 'first' "$(cat "$T/got")"
  assertTrue 'what is sent after that' "cmp '$T/mib' '$T/half.out'"
}

testLinesHaveRecordsOfTheirOwn() {
  server
  { printf 'a\r\nb\r\n\r\n%5000s\r\nc\r\nno end' x; } >"$T/lines.in"
  listens lines 'accept lines timeout=20'
  tests/peer/tls-client -r "$AT" </dev/null >"$T/got" || fail 'no client'
  assertEquals '3 3 2 4096 906 3 6' "$(tr '\n' ' ' <"$T/got" | sed 's/ $//')"
  cp "$T/lines.in" "$T/whole.in"
  listens whole 'accept timeout=20'
  tests/peer/tls-client -r "$AT" </dev/null >"$T/got" || fail 'no client'
  assertEquals 5019 "$(cat "$T/got")"
}

# What the program has written before it ended gets there.
testClosedAfterTheLastWord() {
  server
  cp "$T/mib" "$T/last.in"
  listens last 'accept timeout=20' -x
  connects </dev/null >"$T/got"
  assertTrue 'all of it' "cmp '$T/mib' '$T/got'"
}

# --- processes ------------------------------------------------------------------------------------

children() { pgrep -P "$TLSIO"; }
has_children() { [ "$(children | grep -c .)" = "$1" ]; }

# idle NAME: a connection that is there, and says nothing more; its other end is $IDLE.
idle() {
  echo '220 at your service' >"$T/$1.in"
  listens "$1" 'accept timeout=20' -u 1
  tests/peer/tls-client -w "$AT" >"$T/$1.got" 2>&1 &
  IDLE=$!
  pids="$pids $IDLE"
  wait_for 20 test -s "$T/$1.got" || fail "$1: no greeting"
}

# The peer ends without a word: that is an end of file.
testPeerThatIsKilled() {
  server
  idle killed
  kill -KILL "$IDLE"
  wait "$IDLE" 2>/dev/null
  wait "$LISTENER"
  assertEquals 'an end of file' 0 $?
}

testChildThatIsKilled() {
  server
  idle one
  one=$LISTENER
  child=$(children)
  idle two
  kill -KILL "$child"
  wait "$one"
  assertEquals 'its end of file' 0 $?
  assertTrue 'the other one is there' 'wait_for 20 has_children 1'
  wait_for 20 warned 1
  assertEquals 'tls-io: warning: the process of a connection was killed by signal 9' "$(cat "$T/server.err")"
  listens three 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered three)" 'tls TLSv1.3'
}

testParentThatIsGone() {
  for signal in TERM KILL; do
    server
    idle one
    child=$(children)
    kill -"$signal" "$TLSIO"
    wait "$TLSIO"
    assertTrue "$signal: its child" "wait_for 20 gone $child"
    wait "$LISTENER"
    assertEquals "$signal: an end of file" 0 $?
  done
}

testSoManyConnections() {
  server -n 1
  idle one
  listens two 'accept timeout=20'
  assertEquals 'no too many connections' "$(cat "$T/two.said")"
  listens three 'accept timeout=20'
  assertEquals 'no too many connections' "$(cat "$T/three.said")"
  assertEquals 'tls-io: warning: no more connections at a time than 1' "$(cat "$T/server.err")"
  kill "$IDLE"
  assertTrue 'one is over' 'wait_for 20 has_children 0'
  listens four 'accept timeout=20'
  connects </dev/null >/dev/null
  assertContains "$(answered four)" 'tls TLSv1.3'
}

testConfined() {
  case $BIN in */asan/*) skip 'no filter where a sanitizer makes calls of its own'; return ;; esac
  server
  idle one
  assertEquals 'a filter' 2 "$(awk '$1 == "Seccomp:" { print $2 }' "/proc/$(children)/status")"
  assertEquals 'nothing is open but the two ends' 2 "$(find "/proc/$(children)/fd" -lname 'socket:*' | grep -c .)"
  assertEquals 'nor is it told of signals' '' "$(find "/proc/$(children)/fd" -lname 'anon_inode:*')"
}

# --- the client -----------------------------------------------------------------------------------

testAnyCertificateWillDo() {
  client
  peer good mx
  level level=may trusted
  level level=encrypt trusted
  assertContains 'whose it is' "$(asks 'connect name=mx.customer.example timeout=20 level=encrypt')" \
    " trusted cert=$(print_of mx) key=$(key_print_of mx) cn=mx.customer.example issuer=ca"
  peer old stale
  level 'level=may' untrusted
  level 'level=encrypt match=mx.customer.example' untrusted
}

testFingerprint() {
  client
  peer old stale
  level "level=fingerprint print=$(print_of mx) print=$(print_of stale)" verified
  level "level=fingerprint print=$(key_print_of stale)" verified
  refused "level=fingerprint print=$(print_of mx)" 'fingerprint mismatch'
  refused level=fingerprint 'fingerprint mismatch'
  wait_for 20 grep -q alert "$T/old.server"
  assertContains 'the peer is told' "$(cat "$T/old.server")" 'alert bad certificate'
}

testVerify() {
  client
  peer good mx
  level 'level=verify match=mx.customer.example' verified
  level 'level=verify match=MX.Customer.example' verified
  level 'level=verify match=other.example match=.customer.example' verified
  level 'level=verify match=.example' verified
  level 'level=verify match=one.wide.example' verified
  level 'level=verify match=127.0.0.1' verified
  refused 'level=verify match=customer.example' 'hostname mismatch'
  refused 'level=verify match=.mx.customer.example' 'hostname mismatch'
  refused 'level=verify match=.ustomer.example' 'hostname mismatch'
  refused 'level=verify match=two.one.wide.example' 'hostname mismatch'
  refused 'level=verify match=127.0.0.2' 'hostname mismatch'
  refused 'level=verify' 'hostname mismatch'
  peer foreign client
  refused 'level=verify match=client.example' 'unable to get local issuer certificate'
  peer old stale
  refused 'level=verify match=stale' 'self-signed certificate'
}

# A name is one word of the answer, whatever is in it.
testNamesOfAllKinds() {
  client
  made odd ca "/CN=a\\+b = $(printf 'c\001d') one more=x 220 ok"
  peer odd odd
  assertContains "$(asks 'connect timeout=20 level=may') " ' cn=a+2Bb+20+3D+20c?d+20one+20more+3Dx+20220+20ok issuer=ca '
  made unnamed ca '/O=Only an organization'
  peer unnamed unnamed
  assertContains "$(asks 'connect timeout=20 level=may') " ' cn=Only+20an+20organization issuer=ca '
  made endless ca "/OU=$(printf '%60s' x)"
  peer endless endless
  assertContains "$(asks 'connect timeout=20 level=may') " "key=$(key_print_of endless) issuer=ca "
}

# What conf/tlsca holds now counts, without a restart.
testAuthoritiesThatChange() {
  client
  peer foreign client
  level level=may untrusted
  cp "$T/other-ca.crt" "$C/conf/tlsca"
  level level=may trusted
  echo 'none' >"$C/conf/tlsca"
  level level=may trusted
  assertContains "$(cat "$T/client.err")" 'tls-io: warning: unable to use conf/tlsca: no certificate'
  cp "$T/ca.crt" "$C/conf/tlsca"
  level level=may untrusted
  cp "$T/ca.crt" "$C/conf/tlsca"
}

testDane() {
  client
  peer old stale
  level "level=dane match=mx.customer.example tlsa=3,1,1,$(key_print_of stale)" verified
  level "level=dane tlsa=3,0,1,$(print_of mx) tlsa=3,0,1,$(print_of stale)" verified
  refused "level=dane tlsa=3,1,1,$(key_print_of mx)" 'no matching DANE TLSA records'
  refused "level=dane-only tlsa=3,1,1,$(key_print_of mx)" 'no matching DANE TLSA records'
  peer good mx -cert_chain "$T/ca.crt"
  ta="tlsa=2,0,1,$(print_of ca)"
  level "level=dane match=mx.customer.example $ta" verified
  level "level=dane match=other.example match=mx.customer.example $ta" verified
  refused "level=dane match=other.example $ta" 'hostname mismatch'
  refused "level=dane match=mx.customer.example tlsa=2,0,1,$(print_of other-ca)" 'no matching DANE TLSA records'
}

# As if there were none; which the one who asks has to know what to do about.
testRecordsThatCannotBeUsed() {
  client
  peer old stale
  for record in "1,1,1,$(key_print_of stale)" "0,0,1,$(print_of ca)" 3,1,1,00 3,1,9,00 3,9,1,00 "2,0,1,$(print_of ca)" "3,1,1,"; do
    level "level=dane tlsa=$record" untrusted
  done
  level level=dane untrusted
  level "level=dane tlsa=3,1,1,00 tlsa=3,1,1,$(key_print_of stale)" verified
  refused level=dane-only 'no TLSA record that can be used'
  refused "level=dane-only tlsa=1,1,1,$(key_print_of stale)" 'no TLSA record that can be used'
}

testServerName() {
  client
  peer named mx -servername customer.example -cert2 "$T/client.crt" -key2 "$T/client.key"
  assertContains 'by name' "$(asks 'connect name=customer.example timeout=20 level=may')" ' cn=client+20one '
  assertContains 'none' "$(asks 'connect timeout=20 level=may')" ' cn=mx.customer.example '
}

testServersThatDoNotTalkTls() {
  client
  free_port PEER
  printf '220 host ESMTP\r\n' | socat -t 20 - "TCP-LISTEN:$PEER,bind=127.0.0.1" >/dev/null &
  pids="$pids $!"
  wait_for 20 port_taken "$PEER"
  assertEquals 'failed wrong version number' "$(asks 'connect timeout=20 level=may')"
  peer old mx -no_tls1_2 -no_tls1_3
  assertContains "$(asks 'connect timeout=20 level=may')" 'failed tlsv1 alert protocol version'
  slow mute mute
  PEER=$SLOWPORT
  assertEquals 'failed timed out' "$(asks 'connect timeout=1 level=may')"
  slow_stop
}

# Who asks to be known shows a certificate.
testOwnCertificate() {
  cat "$T/client.crt" "$T/client.key" >"$T/own.pem"
  client -k "$T/own.pem"
  peer asking mx -Verify 1 -verify_quiet
  asks 'connect timeout=20 level=may' >"$T/got"
  assertContains "$(cat "$T/got")" 'tls TLSv1.3'
  served none -c -C "$C"
  printf 'olleh\n' | tests/peer/tls "$T/none.socket" connect "127.0.0.1:$PEER" 'connect timeout=20 level=may' >"$T/out"
  assertNull 'nothing for one without' "$(cat "$T/out")"
  s6-ipcserver-socketbinder "$T/none.socket" "$BIN/tls-io" -c -C "$C" -k "$T/none.pem" 2>"$T/err"
  assertEquals 'exit code' 111 $?
  assertEquals "tls-io: fatal: unable to use $T/none.pem: No such file or directory" "$(cat "$T/err")"
}

# Without an instance: a program and its own tls-io, on a pair of sockets.
testOneConnection() {
  peer good mx
  for directory in "$C" "$T/none"; do
    rm -f "$T/said"
    printf 'olleh\n' | tests/peer/tls -a "$T/said" -u 6 "|$BIN/tls-io -c -C $directory" connect "127.0.0.1:$PEER" \
      'connect timeout=20 level=encrypt' >"$T/out" 2>"$T/err"
    assertEquals "$directory" hello "$(cat "$T/out")"
    assertContains "$(tail -n 1 "$T/said")" ' cn=mx.customer.example '
  done
  assertTrue 'it ends' "wait_for 20 nothing_runs $C"
  assertTrue 'it ends' "wait_for 20 nothing_runs $T/none"
}

. shunit2
