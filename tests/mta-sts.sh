# smtp-send and MTA-STS: what a server of policies demands, over a socketmap; beside the real one of Debian, too.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

# Two servers at one port: "good" has a certificate of the authority, "out" one that it made itself.
oneTimeSetUp() {
  certificate_authority
  certificate mx mx.good.example mx.bad.example
  certificate_own self self.example
  free_port SITEPORT
  site_sink good 127.0.0.2 "$T/mx.pem"
  site_sink out 127.0.0.3 "$T/self.pem"
  SELF=$(print_of_key "$T/self.crt")
  zone >"$T/zone"
  dns_start_signed <"$T/zone"
  instance one
  cp "$CA" "$I/conf/tlsca"
  export SLUICE=$I
  free_port POLICYPORT
  SERVER=127.0.0.1:$POLICYPORT
  cat >"$T/policies" <<EOT
good.example OK secure match=mx.good.example:.elsewhere.example servername=hostname
below.example OK secure match=.good.example
upper.example OK secure match=MX.Good.example
wrong.example OK secure match=mx.wrong.example
outside.example OK secure match=mx.good.example:good.example
label.example OK secure match=.ood.example:.mx.good.example:.
implicit.example OK secure match=mx.good.example
backup.example OK secure match=mx.good.example
dane.example OK secure match=mx.elsewhere.example
bad.example OK secure match=mx.bad.example
testing.example OK may
weak.example OK encrypt
temp.example TEMP try later
mute.example =
long.example =99999999999999999999:
broken.example =12:NOTFOUND
EOT
  policies_start "$SERVER"
}

oneTimeTearDown() {
  [ -e "$T/policies.pid" ] || return 0 # shunit2 tears down twice
  stop
  policies_stop
  for SINK in "$T/good" "$T/out"; do sink_stop; done
  dns_stop
  fail_if_running
}

zone() {
  printf '%s\n' 'mx.good A 127.0.0.2' 'mx.out A 127.0.0.3' 'mx.wrong A 127.0.0.2' \
    'good MX 10 mx.out' 'good MX 20 mx.good' 'wrong MX 10 mx.wrong' 'implicit A 127.0.0.2' 'outside MX 10 mx.out' \
    'backup MX 10 mx.out' 'backup MX 20 relay' 'relay A 127.0.0.4' \
    'dane MX 10 mx.dane' 'mx.dane A 127.0.0.3' "_$SITEPORT._tcp.mx.dane TLSA 3 1 1 $SELF" \
    'bad MX 10 mx.bad' 'mx.bad A 127.0.0.2' "_$SITEPORT._tcp.mx.bad TLSA 3 1 1 $SELF"
  for site in below upper label; do echo "$site MX 10 mx.good"; done
  for site in none testing weak temp mute long broken; do echo "$site MX 10 mx.out"; done
}

# site_sink NAME ADDRESS PEM
site_sink() {
  mkdir -p "$T/$1"
  echo "$SITEPORT" >"$T/$1/port"
  SINKADDRESS=$2 sink "$1" --tls "$3"
}

policies_start() {
  rm -f "$T/policies.listening"
  tests/peer/policies "$1" "$T/policies" </dev/null >"$T/policies.out" 2>&1 &
  echo $! >"$T/policies.pid"
  wait_for 10 test -e "$T/policies.listening" || fail "policies: $(cat "$T/policies.out")"
}

policies_stop() {
  kill "$(cat "$T/policies.pid")"
  wait "$(cat "$T/policies.pid")" 2>/dev/null
  rm "$T/policies.pid"
}

# to SITE [OPTION]...: a message to a site of the zone; what became of it is in $T/said, the log in $T/log.
to() {
  to_site=$1:$SITEPORT
  shift
  echo x | timeout 100 "$BIN/smtp-send" -L -n "$DNSADDRESS:$DNSPORT" -p "$SERVER" "$@" "$to_site" a@b.example alice@good.example \
    >"$T/said" 2>"$T/log"
}

# connections NAME: how many a server has had.
connections() {
  SINK=$T/$1
  grep -c '^connect' "$SINK/log" 2>/dev/null || [ -e "$SINK/log" ] || echo 0
}
sent() { assertContains "$1: $(cat "$T/log")" "$(cat "$T/said")" '<alice@good.example> sent 2.'; }
deferred() { assertContains "$1: $(cat "$T/log")" "$(cat "$T/said")" "<alice@good.example> deferred $2"; }
log_says() { assertContains "$1: $(cat "$T/log")" "$(cat "$T/log")" "$1"; }
# established TRUST HOST[ADDRESS]
established() { log_says "$1 TLS connection established to $2:$SITEPORT: "; }

# --- what a policy demands -----------------------------------------------------------------

testNamed() {
  before=$(connections out)
  to good.example
  sent 'the second MX'
  established Verified 'mx.good.example[127.0.0.2]'
  log_says "no host of the site's MTA-STS policy: mx.out.example:$SITEPORT"
  assertEquals 'the other was never called' "$before" "$(connections out)"
  assertEquals 'what was asked' 'postfix good.example' "$(tail -n 1 "$T/policies.asked")"
  for site in below upper; do
    to "$site.example"
    sent "$site"
    established Verified 'mx.good.example[127.0.0.2]'
  done
  SERVER="$SERVER mta-sts" to good.example
  sent 'another map'
  assertEquals 'what was asked' 'mta-sts good.example' "$(tail -n 1 "$T/policies.asked")"
}

testNoneNamed() {
  before=$(($(connections out) + $(connections good)))
  for site in outside:mx.out label:mx.good implicit:implicit; do
    to "${site%:*}.example"
    deferred "$site" "4.7.5 none no host of the site's MTA-STS policy: ${site#*:}.example:$SITEPORT"
  done
  to backup.example -H relay.example
  deferred 'where we are the next MX, it waits' "4.7.5 none no host of the site's MTA-STS policy: mx.out.example:$SITEPORT"
  assertEquals 'nobody was called' "$before" $(($(connections out) + $(connections good)))
}

testWrongName() {
  to wrong.example
  deferred 'another name in the certificate' "4.7.5 mx.wrong.example[127.0.0.2]:$SITEPORT Server certificate not verified: "
}

# Records of TLSA go first, whatever they come to.
testBesideDane() {
  to dane.example -o tls=dane
  sent 'records that are met'
  established Verified 'mx.dane.example[127.0.0.3]'
  to bad.example -o tls=dane
  deferred 'records that are not' "4.7.5 mx.bad.example[127.0.0.2]:$SITEPORT Server certificate not verified: "
  to bad.example
  sent 'may: the policy alone'
  established Verified 'mx.bad.example[127.0.0.2]'
  to wrong.example -o tls=dane
  deferred 'no records: the policy' "4.7.5 mx.wrong.example[127.0.0.2]:$SITEPORT Server certificate not verified: "
}

testNotAsked() {
  : >"$T/policies.asked"
  to '[mx.out.example]'
  sent 'a host in brackets'
  to outside.example -o tls=encrypt
  sent 'encrypt'
  to outside.example -o tls=none
  sent 'none'
  assertNull 'nothing was asked' "$(cat "$T/policies.asked")"
}

# --- where there is none -------------------------------------------------------------------

testNothingDemanded() {
  for site in none testing; do
    to "$site.example"
    sent "$site"
    established Untrusted 'mx.out.example[127.0.0.3]'
    assertNotContains "$site" "$(cat "$T/log")" warning
  done
}

testNoAnswer() {
  for site in weak temp mute long broken; do
    to "$site.example"
    sent "$site"
    established Untrusted 'mx.out.example[127.0.0.3]'
    log_says 'warning: no policy of MTA-STS: '
  done
  SERVER=127.0.0.1:1 to outside.example
  sent 'nobody is there'
  log_says 'warning: no policy of MTA-STS: Connection refused'
  SERVER=$T/nothing to outside.example
  sent 'no such socket'
  log_says 'warning: no policy of MTA-STS: No such file or directory'
  SERVER=localhost to outside.example
  assertContains "$(cat "$T/log")" 'usage: smtp-send'
}

# --- behind qmgr ------------------------------------------------------------------------------

# submit_to SITE...
submit_to() {
  for site; do submit -t "x@$site.example" >"$T/submit" || fail "submit: $(cat "$T/submit")"; done
}

testBehindQmgr() {
  conf relaydomains .example
  conf nameserver "127.0.0.1:$DNSPORT"
  conf loopbackdns 1
  conf backoff '1 2'
  conf tlspolicy "$SERVER"
  conf routes "good.example good.example:$SITEPORT" "wrong.example wrong.example:$SITEPORT" \
    "below.example below.example:$SITEPORT" "none.example none.example:$SITEPORT" "temp.example temp.example:$SITEPORT"
  start
  submit_to good none
  assertTrue "$(log send)" 'wait_for 60 drained'
  assertTrue 'verified' "logged send 'Verified TLS connection established to mx.good.example[127.0.0.2]:$SITEPORT: '"
  assertTrue 'no policy' "logged send 'Untrusted TLS connection established to mx.out.example[127.0.0.3]:$SITEPORT: '"
  submit_to wrong
  assertTrue "$(log qmgr)" \
    "wait_for 60 logged qmgr 'site wrong.example:$SITEPORT: down, 4.7.5 Server certificate not verified'"
  rm -f "$I/conf/routes"
  "$BIN/queue-del" -C "$I" -a -y >/dev/null
  assertTrue 'away' 'wait_for 60 drained'
  # by a UNIX socket: no agent could connect to one
  policies_stop
  policies_start "$T/policies.socket"
  conf tlspolicy "$T/policies.socket"
  conf routes "below.example below.example:$SITEPORT" "temp.example temp.example:$SITEPORT" "* outside.example:$SITEPORT"
  service qmgr h
  submit_to below
  logged_two() { [ "$(log send | grep -c 'Verified TLS connection established to mx.good')" -ge 2 ]; }
  assertTrue "$(log send)" 'wait_for 60 logged_two'
  # the server goes, and is told of once
  policies_stop
  conf routes "* outside.example:$SITEPORT"
  service qmgr h
  submit_to a
  assertTrue 'may' 'wait_for 60 drained'
  assertTrue "$(log qmgr)" "logged qmgr 'warning: no policies of MTA-STS from $T/policies.socket: Connection refused'"
  conf routes "* none.example:$SITEPORT"
  service qmgr h
  submit_to b
  assertTrue 'may' 'wait_for 60 drained'
  assertEquals 'once a minute' 1 "$(log qmgr | grep -c 'no policies of MTA-STS')"
  stop
  policies_start "$SERVER"
}

# --- the server that Debian has ---------------------------------------------------------------

apart() {
  unshare -mn true 2>/dev/null || {
    skip 'needs root, and namespaces of its own'
    return
  }
  BIN=$BIN DNSADDRESS=192.0.2.53 timeout 300 env -u GUARDED unshare -mn sh -c 'ip link set lo up &&
    ip address add $DNSADDRESS/32 dev lo && exec sh tests/mta-sts.sh -- testDebians' >"$T/apart.out" 2>&1 ||
    fail "$(cat "$T/apart.out")"
}

# It fetches the policy over HTTPS as it does everywhere.
debians_start() {
  certificate https mta-sts.good.example mta-sts.outside.example
  mkdir -p "$T/web/.well-known"
  printf '%s\r\n' 'version: STSv1' 'mode: enforce' 'mx: *.good.example' 'mx: mx.elsewhere.example' 'max_age: 86400' \
    >"$T/web/.well-known/mta-sts.txt"
  (cd "$T/web" && exec openssl s_server -quiet -accept "$DNSADDRESS:443" -cert "$T/https.pem" -WWW) </dev/null >"$T/web.out" 2>&1 &
  web_pid=$!
  printf '%s\n' 'host: 127.0.0.1' "port: $DEBIANSPORT" 'cache:' '  type: internal' >"$T/daemon.yml"
  echo "nameserver $DNSADDRESS" >"$T/resolv.conf"
  mount --bind "$T/resolv.conf" /etc/resolv.conf
  SSL_CERT_FILE=$CA mta-sts-daemon -c "$T/daemon.yml" </dev/null >"$T/daemon.out" 2>&1 &
  daemon_pid=$!
  wait_for 20 port_taken "$DEBIANSPORT" || fail "$(cat "$T/daemon.out")"
}

testDebians() {
  [ "$DNSADDRESS" != 127.0.0.1 ] || {
    apart
    return
  }
  dns_stop
  { cat "$T/zone"
    for site in good outside; do
      printf '%s\n' "_mta-sts.$site TXT \"v=STSv1; id=1;\"" "mta-sts.$site A $DNSADDRESS"
    done; } >"$T/zone.sts"
  dns_start_signed <"$T/zone.sts"
  free_port DEBIANSPORT
  debians_start
  SERVER=127.0.0.1:$DEBIANSPORT
  to good.example
  sent 'a host that its policy names'
  established Verified 'mx.good.example[127.0.0.2]'
  to outside.example
  deferred 'none that its policy names' "4.7.5 none no host of the site's MTA-STS policy: mx.out.example:$SITEPORT"
  to none.example
  sent 'no policy'
  assertNotContains 'and no warning' "$(cat "$T/log")" warning
  kill "$daemon_pid" "$web_pid"
  wait "$daemon_pid" "$web_pid" 2>/dev/null
  umount /etc/resolv.conf
}

. shunit2
