# A private DNS server (nsd) below $T.
#
#   dns_start [ZONEFILE]  serves the zone "example" from stdin; sets DNSPORT, of 127.0.0.1.
#                         The zone "broken" is one it cannot load: SERVFAIL.
#   dns_stop

dns_start() {
  DNS=$T/dns
  free_port DNSPORT
  mkdir -p "$DNS"
  {
    echo '$ORIGIN example.'
    echo '$TTL 60'
    echo '@ SOA ns hostmaster 1 60 60 60 60'
    echo '@ NS ns'
    echo 'ns A 127.0.0.1'
    cat
  } >"$DNS/example.zone"
  cat >"$DNS/nsd.conf" <<EOT
server:
  ip-address: 127.0.0.1@$DNSPORT
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
  name: "example"
  zonefile: "example.zone"
zone:
  name: "broken"
  zonefile: "broken.zone"
  request-xfr: 127.0.0.1@1 NOKEY
EOT
  nsd -d -c "$DNS/nsd.conf" </dev/null >"$DNS/out" 2>&1 &
  echo $! >"$DNS/start.pid"
  wait_for 10 dns_answers || fail "nsd: $(cat "$DNS/out" "$DNS/log")"
}

# A question for the zone's SOA, by hand: whole and small.
dns_answers() {
  printf '\0\1\0\0\0\1\0\0\0\0\0\0\7example\0\0\6\0\1' |
    timeout 2 socat -t1 - "UDP:127.0.0.1:$DNSPORT" 2>/dev/null | grep -q hostmaster
}

dns_stop() {
  kill "$(cat "$DNS/start.pid")"
  wait "$(cat "$DNS/start.pid")" 2>/dev/null
  wait_for 10 nothing_runs "$DNS" || fail 'nsd does not stop'
}
