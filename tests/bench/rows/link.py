"""Over a link with a round trip of 600 ms."""
from ground import Failed
from row import AtMost, LESS, SAME, Row
from tools import LONG_WAY, Sink, etrn, load, long_link

RUNS = 1, 1
ROUND_TRIP_MS = 600
MESSAGES = 200
ROWS = [
    Row("link.chunking", "200 messages over a 600 ms round trip, site has CHUNKING", "s", LESS, (AtMost(4),)),
    Row("link.chunking.connections", "  connections made", "", SAME),
    Row("link.chunking.one", "  the same, one connection (Postfix: fewer, in proportion)", "s", LESS, (AtMost(4),)),
    Row("link.pipelining", "200 messages over a 600 ms round trip, site has PIPELINING only", "s", LESS),
    Row("link.pipelining.connections", "  connections made", "", SAME),
    Row("link.pipelining.one", "  one connection: round trips per message", "", LESS, (AtMost(1.05),)),
]


def drain(bench, server, extensions, one, messages):
    """(seconds from ETRN to the last message, connections, seconds from the first message to the last)"""
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.parked("parked.example", LONG_WAY)])
        if one:
            relay.one_connection()
        relay.start()
        sink = Sink(ground, bench.tools, "-x", extensions)
        long_link(ground, bench.tools, ROUND_TRIP_MS)
        load(bench.tools, relay.where, messages)
        relay.rest(messages)
        asked, _ = etrn(relay.where, "parked.example")
        sink.wait(messages, 120)
        if one and sink.open_most > 1:
            raise Failed("more than one connection at a time")
        return (sink.last_ns - asked) / 1e9, sink.connections, (sink.last_ns - sink.first_ns) / 1e9


def measure(bench, server):
    found = {}
    for extensions, messages in (("chunking", bench.size(MESSAGES, 100)), ("pipelining", bench.size(MESSAGES, 20))):
        took, connections, _ = drain(bench, server, extensions, False, messages)
        found["link." + extensions], found["link.%s.connections" % extensions] = took, connections
    if server == "sluice" or not bench.quick:
        few = 20 if server == "postfix" else MESSAGES
        found["link.chunking.one"] = drain(bench, server, "chunking", True, few)[0] * MESSAGES / few
        few = bench.size(20, 6)
        took = drain(bench, server, "pipelining", True, few)[2]
        found["link.pipelining.one"] = took * 1000 / ROUND_TRIP_MS / (few - 1)
    return found
