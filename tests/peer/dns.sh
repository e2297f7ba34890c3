# A private DNS server (nsd) below $T.
#
#   dns_start [ZONEFILE]  serves the zone "example" from stdin; sets DNSPORT, of 127.0.0.1.
#                         The zone "broken" is one it cannot load: SERVFAIL.
#   dns_start_signed [SCRIPT]
#                         the same zone signed, and without signatures as "plain", behind a resolver (unbound) that
#                         verifies: DNSPORT is that one's, at DNSADDRESS; its questions are in $DNS/unbound.log.
#                         sed does SCRIPT to what is signed already, to break it.
#   dns_stop

# dns_zone NAME: from stdin.
dns_zone() {
  {
    echo "\$ORIGIN $1."
    echo '$TTL 60'
    echo '@ SOA ns hostmaster 1 60 60 60 60'
    echo '@ NS ns'
    echo 'ns A 127.0.0.1'
    cat
  } >"$DNS/$1.zone"
}

# dns_serve PORT ZONE...
dns_serve() {
  dns_port=$1
  shift
  {
    cat <<EOT
server:
  ip-address: 127.0.0.1@$dns_port
  username: ""
  zonesdir: "$DNS"
  database: ""
  zonelistfile: "$DNS/zone.list"
  xfrdfile: "$DNS/xfrd.state"
  xfrdir: "$DNS"
  pidfile: "$DNS/pid"
  logfile: "$DNS/log"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: "broken"
  zonefile: "broken.zone"
  request-xfr: 127.0.0.1@1 NOKEY
EOT
    for zone; do printf 'zone:\n  name: "%s"\n  zonefile: "%s.zone"\n' "$zone" "$zone"; done
  } >"$DNS/nsd.conf"
  nsd -d -c "$DNS/nsd.conf" </dev/null >"$DNS/out" 2>&1 &
  echo $! >"$DNS/start.pid"
  wait_for 10 dns_answers "127.0.0.1:$dns_port" || fail "nsd: $(cat "$DNS/out" "$DNS/log")"
}

dns_start() {
  DNS=$T/dns
  free_port DNSPORT
  mkdir -p "$DNS"
  dns_zone example
  dns_serve "$DNSPORT" example
}

dns_start_signed() {
  DNS=$T/dns
  DNSADDRESS=${DNSADDRESS:-127.0.0.1}
  [ "$DNSADDRESS" != 127.0.0.1 ] && DNSPORT=53 || free_port DNSPORT
  free_port NSDPORT
  mkdir -p "$DNS"
  rm -f "$DNS"/Kexample.*
  cat >"$DNS/records"
  dns_zone plain <"$DNS/records"
  dns_zone example <"$DNS/records"
  (cd "$DNS" && ldns-signzone -f signed example.zone "$(ldns-keygen -a ECDSAP256SHA256 -k example)") >"$DNS/out" 2>&1 ||
    fail "ldns: $(cat "$DNS/out")"
  sed "${1-}" "$DNS/signed" >"$DNS/example.zone"
  dns_serve "$NSDPORT" example plain
  dns_resolver
}

dns_resolver() {
  cat >"$DNS/unbound.conf" <<EOT
server:
  interface: $DNSADDRESS@$DNSPORT
  access-control: 0.0.0.0/0 allow
  username: ""
  chroot: ""
  directory: "$DNS"
  pidfile: "$DNS/unbound.pid"
  logfile: "$DNS/unbound.log"
  log-queries: yes
  use-syslog: no
  num-threads: 1
  do-not-query-localhost: no
  trust-anchor-file: "$(echo "$DNS"/Kexample.*.key)"
remote-control:
  control-enable: no
stub-zone:
  name: "example"
  stub-addr: 127.0.0.1@$NSDPORT
stub-zone:
  name: "plain"
  stub-addr: 127.0.0.1@$NSDPORT
stub-zone:
  name: "broken"
  stub-addr: 127.0.0.1@$NSDPORT
EOT
  unbound -d -c "$DNS/unbound.conf" </dev/null >"$DNS/unbound.out" 2>&1 &
  echo $! >"$DNS/resolver.pid"
  wait_for 20 dns_answers "$DNSADDRESS:$DNSPORT" || fail "unbound: $(cat "$DNS/unbound.out" "$DNS/unbound.log")"
}

# dns_answers ADDRESS:PORT: a question for the zone's SOA, by hand: whole and small.
dns_answers() {
  printf '\0\1\1\0\0\1\0\0\0\0\0\0\7example\0\0\6\0\1' |
    timeout 2 socat -t1 - "UDP:$1" 2>/dev/null | grep -q hostmaster
}

dns_stop() {
  for pid in "$DNS/start.pid" "$DNS/resolver.pid"; do
    [ -s "$pid" ] || continue
    kill "$(cat "$pid")"
    wait "$(cat "$pid")" 2>/dev/null
    rm -f "$pid"
  done
  wait_for 10 nothing_runs "$DNS" || fail 'nsd or unbound does not stop'
}
