"""Mail for a parked domain is taken; then ETRN, and it goes to the site."""
import time

from row import AtMost, LESS, MORE, SAME, Row, Share, Times
from tools import Sink, etrn, load

RUNS = 5, 1
ROWS = [
    Row("accept.rate", "accept for a parked domain, 4 KiB, 10 sessions, until at rest", "/s", MORE,
        (Times(5), Share(70, "bare.rate", "machine"))),
    Row("accept.cpu", "  processor time per 1,000", "s", LESS, (AtMost(0.5),)),
    Row("accept.p50", "  latency of one message: median", "ms", LESS, (Times(3),)),
    Row("accept.p99", "  latency of one message: 99 %", "ms", LESS, (Times(3),)),
    Row("accept.max", "  latency of one message: worst", "ms", LESS, (Times(3),)),
    Row("etrn.many", "ETRN to its reply, all these waiting", "ms", LESS, (AtMost(1),)),
    Row("first.many", "ETRN to the first message at the site, all these waiting", "ms", LESS, (AtMost(3),)),
    Row("drain.rate", "drain of these, 4 KiB, to one site", "/s", MORE, (Times(6),)),
    Row("drain.cpu", "  processor time per 1,000", "s", LESS, (AtMost(0.25),)),
    Row("drain.connections", "  connections made", "", SAME),
]


def accept(bench, ground, relay, messages, *options, **more):
    """(rate until at rest, CPU seconds per 1,000, what load says)"""
    cpu = ground.cpu()
    began = time.monotonic()
    found = load(bench.tools, relay.where, messages, *options, **more)
    relay.rest(messages)
    took = time.monotonic() - began
    return messages / took, (ground.cpu_at_rest() - cpu) * 1000 / messages, found


def drain(ground, relay, sink, messages):
    cpu = ground.cpu()
    asked, reply_ms = etrn(relay.where, "parked.example")
    sink.wait(messages, 300)
    relay.drained()
    return {
        "etrn.many": reply_ms,
        "first.many": (sink.first_ns - asked) / 1e6,
        "drain.rate": messages * 1e9 / (sink.last_ns - asked),
        "drain.cpu": (ground.cpu_at_rest() - cpu) * 1000 / messages,
        "drain.connections": sink.connections,
    }


def measure(bench, server):
    messages = bench.size(10000, 3000)
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.parked("parked.example")])
        relay.start()
        sink = Sink(ground, bench.tools)
        rate, cpu, found = accept(bench, ground, relay, messages)
        return {"accept.rate": rate, "accept.cpu": cpu, "accept.p50": found["p50"], "accept.p99": found["p99"],
                "accept.max": found["max"], **drain(ground, relay, sink, messages)}
