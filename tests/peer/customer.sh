# A customer's mail server, and the host that his route leads to: sinks customer and host below $T.
#
#   customers_start      both: sets HOST and HOSTPORT
#   server [OPTION...]   the customer's is another one from now on, see tests/peer/sink: sets SERVER, its address
#   customers_stop       both are gone, and what they got
customers_start() {
  sink host
  # shellcheck disable=SC2034 # for who has this file
  HOST=$SINK HOSTPORT=$SINKPORT
  server
}

server() {
  SINK=$T/customer
  sink_stop
  sink customer "$@"
  # shellcheck disable=SC2034 # likewise
  SERVER=127.0.0.1:$SINKPORT
}

customers_stop() {
  for SINK in "$T/customer" "$T/host"; do
    sink_stop
    rm -f "$SINK"/*.msg "$SINK"/*.env "$SINK/log"
  done
}
