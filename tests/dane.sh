# smtp-send and DANE: TLSA records of signed zones behind a resolver that verifies, beside a real Postfix.
# shellcheck disable=SC1091,SC2154
. tests/lib.sh
# shellcheck source=tests/peer/dns.sh
. tests/peer/dns.sh
# shellcheck source=tests/peer/postfix.sh
. tests/peer/postfix.sh
# shellcheck source=tests/peer/certificates.sh
. tests/peer/certificates.sh

# A certificate of an authority for some names, one that has expired, and a server without any.
oneTimeSetUp() {
  certificate_authority
  certificate mx mx.match.example mx.chain.example domain.example
  cat "$CA" >>"$T/mx.crt"
  certificate_own self self.example
  postfix_new postfix match.example
  free_port OWNPORT
  free_port CLEARPORT
  free_port SNIPORT
  postfix_set smtpd_tls_security_level=may smtpd_tls_loglevel=1 "smtpd_tls_cert_file=$T/mx.crt" "smtpd_tls_key_file=$T/mx.key"
  as_root tee -a "$POSTFIX/etc/master.cf" >/dev/null <<EOT
127.0.0.1:$OWNPORT inet n - n - - smtpd
  -o smtpd_tls_cert_file=$T/self.crt -o smtpd_tls_key_file=$T/self.key
127.0.0.1:$CLEARPORT inet n - n - - smtpd
  -o smtpd_tls_security_level=none
tlsmgr unix - - n 1000? 1 tlsmgr
EOT
  postfix_start
  P=_$POSTFIXPORT._tcp KEY=$(print_of_key "$T/mx.crt") SELF=$(print_of_key "$T/self.crt")
  # what is done to the records of mx.broken after they were signed
  zone >"$T/zone"
  dns_start_signed "/mx\.broken\.example.*IN[[:space:]]TLSA/s/$KEY/$SELF/" <"$T/zone"
  instance one
  cp "$CA" "$I/conf/tlsca"
  export SLUICE=$I
}

ta() { openssl x509 -in "$CA" -outform DER | openssl dgst -sha256 -r | sed 's/ .*//'; }

# others N: so many records of keys that nobody has, by SHA-256: where there is one by SHA-512, that counts alone (RFC 7671).
others() {
  seq "$1" | while read -r n; do echo "3 1 1 $(echo "$n" | sha256sum | cut -d' ' -f1)"; done
}

# site NAME: a domain with one MX, mx.NAME, and its address; the records of that come on stdin.
site() {
  printf '%s MX 10 mx.%s\nmx.%s A 127.0.0.1\n' "$1" "$1" "$1"
  sed "s/^/$P.mx.$1 TLSA /"
}

zone() {
  echo "3 1 1 $KEY" | site match
  printf '%s\n' "_$OWNPORT._tcp.mx.match TLSA 3 1 1 $SELF" "_$CLEARPORT._tcp.mx.match TLSA 3 1 1 $KEY" \
    "_$SNIPORT._tcp.mx.match TLSA 3 1 1 $SELF"
  echo "3 1 1 $SELF" | site mismatch
  echo "1 1 1 $KEY" | site pkix
  echo "_$CLEARPORT._tcp.mx.pkix TLSA 1 1 1 $KEY"
  printf '%s\n' '3 1 1 0102' '3 7 1 0102' '2 0 9 01' '9 0 0 30' | site nonsense
  echo '3 0 0 30' | site garbage
  site none </dev/null
  echo "3 1 1 $KEY" | site broken
  others 40 | site many
  { others 28 && echo "3 1 1 $KEY"; } | site large
  echo "2 0 1 $(ta)" | site chain
  echo "2 0 1 $(ta)" | site domain
  echo "2 0 1 $(ta)" | site wrong
  printf '%s\n' 'two MX 10 mx.broken' 'two MX 20 mx.match'
  for site in mute cut lies short naked loop refused bare; do
    echo "3 1 1 $SELF" | site "$site"
    echo "_$CLEARPORT._tcp.mx.$site TLSA 3 1 1 $SELF"
  done
  # a name of its own for the host of another, and one that has records where the host has none
  printf '%s\n' 'alias MX 10 host.alias' 'host.alias CNAME mx.match' \
    'own MX 10 host.own' 'host.own CNAME mx.none' "$P.host.own TLSA 3 1 1 $KEY" \
    'away MX 10 host.away' 'host.away CNAME mx.none.plain.' "$P.host.away TLSA 3 1 1 $SELF" \
    'unsigned MX 10 mx.match.plain.'
}

oneTimeTearDown() {
  [ -e "$POSTFIX/queue" ] || return 0 # shunit2 tears down twice
  stop
  postfix_stop
  dns_stop
  fail_if_running
}

# by_hand [OPTION]... NEXTHOP: a message; what became of it is in $T/said, the log in $T/log.
by_hand() {
  echo x | timeout 100 "$BIN/smtp-send" -L -n "$DNSADDRESS:$DNSPORT" "$@" a@b.example alice@match.example >"$T/said" 2>"$T/log"
}
dane() { by_hand -o tls=dane "$@"; }
dane_only() { by_hand -o tls=dane-only "$@"; }

said() { cat "$T/said"; }
sent() { assertContains "$1: $(cat "$T/log")" "$(said)" '<alice@match.example> sent 2.'; }
# deferred WHAT TEXT: that, and nothing was said in clear text.
deferred() {
  assertContains "$1: $(cat "$T/log")" "$(said)" "<alice@match.example> deferred $2"
  assertNotContains "$1" "$(cat "$T/log")" 'in clear text'
}
# established TRUST HOST [PORT]
established() {
  assertContains "$(cat "$T/log")" "$(cat "$T/log")" \
    "smtp-send: $1 TLS connection established to $2[127.0.0.1]:${3-$POSTFIXPORT}: TLSv1.3 with cipher "
}
asked() { grep -q " $1 $2 IN" "$DNS/unbound.log"; }

# --- what the records say -----------------------------------------------------------------

testKey() {
  dane "match.example:$POSTFIXPORT"
  sent 'the key'
  established Verified mx.match.example
  dane "match.example:$OWNPORT"
  sent 'the key, of a certificate that has expired and names somebody else'
  established Verified mx.match.example "$OWNPORT"
  dane "[mx.match.example]:$POSTFIXPORT"
  sent 'a host in brackets'
  established Verified mx.match.example
  dane_only "match.example:$POSTFIXPORT"
  sent 'dane-only'
  established Verified mx.match.example
}

# The answer fits over TCP alone, and is as much believed.
testLarge() {
  dane "large.example:$POSTFIXPORT"
  sent 'one of many'
  established Verified mx.large.example
  dane "many.example:$POSTFIXPORT"
  deferred 'none of more' "4.7.5 mx.many.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified: "
}

testMismatch() {
  for level in dane dane-only; do
    by_hand -o "tls=$level" "mismatch.example:$POSTFIXPORT"
    deferred "$level" "4.7.5 mx.mismatch.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified: "
  done
  dane "match.example:$CLEARPORT"
  deferred 'no TLS' "4.7.4 mx.match.example[127.0.0.1]:$CLEARPORT TLS is required, but was not offered by host mx.match.example[127.0.0.1]"
}

testChain() {
  dane "chain.example:$POSTFIXPORT"
  sent 'the name of the host'
  established Verified mx.chain.example
  dane "domain.example:$POSTFIXPORT"
  sent 'the name of the domain'
  established Verified mx.domain.example
  dane "wrong.example:$POSTFIXPORT"
  deferred 'another name' "4.7.5 mx.wrong.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified: "
}

# They say that there is TLS, and not whose.
testOfNoUse() {
  for site in pkix nonsense; do
    dane "$site.example:$POSTFIXPORT"
    sent "$site"
    established Trusted "mx.$site.example"
    dane_only "$site.example:$POSTFIXPORT"
    deferred "dane-only, $site" "4.7.5 none unusable TLSA records: mx.$site.example:$POSTFIXPORT"
  done
  dane "pkix.example:$CLEARPORT"
  deferred 'no TLS' 4.7.4
  dane "garbage.example:$POSTFIXPORT"
  sent 'what is no certificate'
  established Untrusted mx.garbage.example
  dane_only "garbage.example:$POSTFIXPORT"
  deferred 'dane-only, what is no certificate' "4.7.5 mx.garbage.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified"
}

testAlias() {
  dane "alias.example:$POSTFIXPORT"
  sent 'the records of the host'
  established Verified host.alias.example
  dane "own.example:$POSTFIXPORT"
  sent 'the records of the alias'
  established Verified host.own.example
  dane "away.example:$POSTFIXPORT"
  deferred 'of a host whose zone is not signed' "4.7.5 host.away.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified"
}

# A server with certificates of several names is asked for that of the records' name.  This one is no mail server.
testSni() {
  openssl s_server -accept "127.0.0.1:$SNIPORT" -cert "$T/mx.crt" -key "$T/mx.key" -servername mx.match.example \
    -cert2 "$T/self.crt" -key2 "$T/self.key" </dev/zero >"$T/sni" 2>&1 &
  sni_pid=$!
  wait_for 10 port_taken "$SNIPORT" || fail "$(cat "$T/sni")"
  dane -o tlswrap -t 60 "alias.example:$SNIPORT"
  established Verified host.alias.example "$SNIPORT"
  kill "$sni_pid"
  wait "$sni_pid" 2>/dev/null
  assertContains "$(cat "$T/sni")" 'Hostname in TLS extension: "mx.match.example"'
}

# --- where there are none, or none to be had ------------------------------------------------

testNone() {
  dane "none.example:$POSTFIXPORT"
  sent 'the zone is signed, and says that there are none'
  established Trusted mx.none.example
  assertTrue 'it was asked' "asked $P.mx.none.example. TLSA"
  dane "none.example:$CLEARPORT"
  sent 'in clear text'
  dane_only "none.example:$POSTFIXPORT"
  deferred dane-only "4.7.5 none no TLSA records found: mx.none.example:$POSTFIXPORT"
}

testUnsigned() {
  dane "mismatch.plain:$POSTFIXPORT"
  sent 'a zone that is not signed'
  established Trusted mx.mismatch.plain
  assertTrue 'the address was asked for' 'asked mx.mismatch.plain. A'
  dane "unsigned.example:$POSTFIXPORT"
  sent 'an MX that is, and leads to a host that is not'
  established Trusted mx.match.plain
  assertFalse 'no TLSA' 'grep -q "plain\. TLSA" "$DNS/unbound.log"'
  dane_only "match.plain:$POSTFIXPORT"
  deferred dane-only "4.7.5 none no TLSA records found: mx.match.plain:$POSTFIXPORT"
  dane_only "[127.0.0.1]:$POSTFIXPORT"
  deferred 'dane-only, without a name' "4.7.5 none no TLSA records found: 127.0.0.1:$POSTFIXPORT"
}

testBroken() {
  for level in dane dane-only; do
    by_hand -o "tls=$level" "broken.example:$POSTFIXPORT"
    deferred "$level" "4.7.5 none TLSA lookup error for mx.broken.example:$POSTFIXPORT"
  done
  dane "two.example:$POSTFIXPORT"
  sent 'the second MX'
  established Verified mx.match.example
  assertContains 'and it is said' "$(cat "$T/log")" "TLSA lookup error for mx.broken.example:$POSTFIXPORT"
}

# Answers that make no sense, or that do not come, are not taken for less than they may have been.
testSpoilt() {
  free_port SPOILPORT
  tests/peer/dns-tlsa "127.0.0.1:$SPOILPORT" "$DNSADDRESS:$DNSPORT" "$T/spoil.listening" </dev/null >"$T/spoil.out" 2>&1 &
  spoil_pid=$!
  wait_for 10 test -e "$T/spoil.listening" || fail "$(cat "$T/spoil.out")"
  DNSPORT=$SPOILPORT
  for site in mute cut lies loop refused; do
    dane "$site.example:$POSTFIXPORT"
    deferred "$site" "4.7.5 none TLSA lookup error for mx.$site.example:$POSTFIXPORT"
  done
  for site in short naked; do
    dane "$site.example:$POSTFIXPORT"
    sent "$site"
    dane "$site.example:$CLEARPORT"
    deferred "$site" '4.7.4 '
  done
  dane "bare.example:$POSTFIXPORT"
  sent 'of whom nobody says that they are signed'
  established Trusted mx.bare.example
  kill "$spoil_pid"
  wait "$spoil_pid" 2>/dev/null
  DNSPORT=$(sed -n 's/.*interface:.*@//p' "$DNS/unbound.conf")
}

# --- who is believed ----------------------------------------------------------------------

# apart: the same in a network of its own, where the resolver is at an address that is not the loopback.
apart() {
  unshare -mn true 2>/dev/null || {
    skip 'needs root, and namespaces of its own'
    return
  }
  BIN=$BIN DNSADDRESS=192.0.2.53 timeout 300 env -u GUARDED unshare -mn sh -c 'ip link set lo up && ip address add $DNSADDRESS/32 dev lo &&
    exec sh tests/dane.sh -- testBelieved' >"$T/apart.out" 2>&1 || fail "$(cat "$T/apart.out")"
}

# by_resolv_conf LINE...
by_resolv_conf() {
  printf '%s\n' "$@" >"$T/resolv.conf"
  mount --bind "$T/resolv.conf" /etc/resolv.conf
  echo x | timeout 100 "$BIN/smtp-send" -L -o tls=dane "mismatch.example:$POSTFIXPORT" a@b.example alice@match.example \
    >"$T/said" 2>"$T/log"
  umount /etc/resolv.conf
}

testBelieved() {
  [ "$DNSADDRESS" != 127.0.0.1 ] || {
    apart
    return
  }
  dane "mismatch.example:$POSTFIXPORT"
  sent 'a resolver that is elsewhere'
  by_resolv_conf "nameserver $DNSADDRESS"
  sent 'the same in resolv.conf'
  assertFalse 'no TLSA' 'grep -q TLSA "$DNS/unbound.log"'
  by_resolv_conf "nameserver $DNSADDRESS" 'options trust-ad'
  deferred 'trust-ad' "4.7.5 mx.mismatch.example[127.0.0.1]:$POSTFIXPORT Server certificate not verified"
  by_resolv_conf 'nameserver 127.0.0.1' "nameserver $DNSADDRESS"
  sent 'one of two'
  "$BIN/conf-check" -C "$I" >"$T/out" 2>"$T/err"
  assertNotContains 'nobody wants to know' "$(cat "$T/err")" resolver
}

# --- behind qmgr ----------------------------------------------------------------------------

testBehindQmgr() {
  [ "$DNSADDRESS" = 127.0.0.1 ] || return
  conf relaydomains .example example
  conf nameserver "127.0.0.1:$DNSPORT"
  conf loopbackdns 1
  conf backoff '1 2'
  conf tlslevel dane
  conf routes "match.example match.example:$POSTFIXPORT" "customer.example broken.example:$POSTFIXPORT"
  start
  submit -t x@match.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log send)" 'wait_for 60 drained'
  assertTrue 'verified' "logged send 'Verified TLS connection established to mx.match.example[127.0.0.1]:$POSTFIXPORT: '"
  submit -t x@customer.example >"$T/submit" || fail "submit: $(cat "$T/submit")"
  assertTrue "$(log qmgr)" "wait_for 60 logged qmgr 'down, 4.7.5 TLSA lookup error for mx.broken.example:$POSTFIXPORT'"
  assertContains "$("$BIN/site-list" -C "$I")" '4.7.5 TLSA lookup error for mx.broken.example'
}

. shunit2
