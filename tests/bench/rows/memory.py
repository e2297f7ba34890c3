"""Memory of connections that do nothing."""
from ground import Failed
from row import AtMost, LESS, Row
from tools import Client

RUNS = 1, 1
CONNECTIONS = 300
ROWS = [Row("idle.memory", "300 idle connections: memory of each (proportional set size)", "KiB", LESS, (AtMost(240),))]


def idle(ground, relay, connections, secure=False):
    """KiB that each of so many connections takes which said EHLO, inside TLS, and does nothing more."""
    relay.sessions_at_once(connections + 100)
    relay.start()
    ground.cpu_at_rest()
    before = ground.memory_kib()
    clients = [Client(relay.where) for _ in range(connections)]
    for client in clients:
        if not client.command("EHLO bench.example").startswith("250"):
            raise Failed("EHLO is refused")
        if secure:
            client.secure()
    ground.cpu_at_rest()
    memory = ground.memory_kib() - before
    for client in clients:
        client.end()
    return memory / connections


def measure(bench, server):
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.parked("parked.example")])
        return {"idle.memory": idle(ground, relay, CONNECTIONS)}
