"""The same inside TLS: acceptance, the drain, the long link, and memory of connections that do nothing."""
from ground import Failed
from row import Close, LESS, MORE, NoMore, Row, SAME, Times
from rows.accept import accept, drain
from rows.link import MESSAGES, ROUND_TRIP_MS
from rows.memory import idle
from tools import LONG_WAY, Sink, certificate, etrn, load, long_link

RUNS = 3, 1
CONNECTIONS = 100
ROWS = [
    Row("tls.accept.rate", "accept inside TLS, 4 KiB, 10 sessions, until at rest", "/s", MORE, (Times(5),)),
    Row("tls.accept.cpu", "  processor time per 1,000", "s", LESS),
    Row("tls.accept.p50", "  latency of one message: median", "ms", LESS),
    Row("tls.drain.rate", "drain of these inside TLS, to one site", "/s", MORE, (Times(6),)),
    Row("tls.drain.cpu", "  processor time per 1,000", "s", LESS),
    Row("tls.drain.connections", "  connections made", "", SAME),
    Row("tls.each.rate", "accept, a TLS connection per message, 10 at once", "/s", MORE, (Times(2),)),
    Row("tls.each.cpu", "  processor time per 1,000", "s", LESS),
    Row("tls.link", "200 messages inside TLS over a 600 ms round trip, site has CHUNKING", "s", LESS,
        (Close(10, 3 * ROUND_TRIP_MS / 1000, "link.chunking"),)),
    Row("tls.link.connections", "  connections made", "", SAME),
    Row("tls.first", "ETRN to the first message over a 600 ms round trip, by STARTTLS", "s", LESS),
    Row("tls.first.wrap", "  TLS from the first octet", "s", LESS),
    Row("tls.idle.memory", "100 idle TLS connections: memory of each (proportional set size)", "KiB", LESS, (NoMore,)),
]


def secured(bench, server, ground, where=None):
    relay = bench.relay(server, ground, [bench.parked("parked.example", *([where] if where else []))])
    pem = certificate(ground)
    relay.secure(pem)
    return relay, pem


def reused(bench, server):
    messages = bench.size(10000, 2000)
    with bench.ground() as ground:
        relay, pem = secured(bench, server, ground)
        relay.start()
        sink = Sink(ground, bench.tools, "-T", pem)
        rate, cpu, found = accept(bench, ground, relay, messages, "-T")
        drained = drain(ground, relay, sink, messages)
        if sink.secured < sink.connections:
            raise Failed("the drain was in clear text")
        return {"tls.accept.rate": rate, "tls.accept.cpu": cpu, "tls.accept.p50": found["p50"],
                **{"tls." + key: drained[key] for key in ("drain.rate", "drain.cpu", "drain.connections")}}


def each(bench, server):
    with bench.ground() as ground:
        relay, _ = secured(bench, server, ground)
        relay.start()
        rate, cpu, _ = accept(bench, ground, relay, bench.size(4000, 1000), "-T", "-1")
        return {"tls.each.rate": rate, "tls.each.cpu": cpu}


def link(bench, server, messages, *options):
    """(seconds from ETRN to the last message, to the first one, connections); options are the sink's"""
    with bench.ground() as ground:
        relay, pem = secured(bench, server, ground, LONG_WAY)
        if options:
            relay.wrap()
        relay.start()
        sink = Sink(ground, bench.tools, "-T", pem, *options)
        long_link(ground, bench.tools, ROUND_TRIP_MS)
        load(bench.tools, relay.where, messages)
        relay.rest(messages)
        asked, _ = etrn(relay.where, "parked.example")
        sink.wait(messages, 120)
        if sink.secured < 1:
            raise Failed("the link was in clear text")
        return (sink.last_ns - asked) / 1e9, (sink.first_ns - asked) / 1e9, sink.connections


def measure(bench, server):
    found = {**reused(bench, server), **each(bench, server)}
    with bench.ground() as ground:
        relay, _ = secured(bench, server, ground)
        found["tls.idle.memory"] = idle(ground, relay, CONNECTIONS, secure=True)
    found["tls.link"], found["tls.first"], found["tls.link.connections"] = link(bench, server, bench.size(MESSAGES, 100))
    found["tls.first.wrap"] = link(bench, server, 1, "-W")[1]
    return found
