"""The drain to sites that offer less than CHUNKING, and mail that is not parked, from client to site."""
import time

from row import LESS, MORE, Row
from tools import Sink, etrn, load

RUNS = 3, 1
KINDS = (("pipelining", "with PIPELINING, without CHUNKING"), ("none", "with no extension at all"))
ROWS = []
for kind, words in KINDS:
    ROWS += [Row("drain.%s.rate" % kind, "drain of 10,000 x 2 KiB to one site " + words, "/s", MORE),
             Row("drain.%s.cpu" % kind, "  processor time per 1,000", "s", LESS)]
ROWS += [Row("through.rate", "accepted in 10 sessions and delivered at once, 4 KiB, until at rest", "/s", MORE),
         Row("through.cpu", "  processor time per 1,000", "s", LESS)]


def drain(bench, server, kind, messages):
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], messages, bench.numbered(1))
        relay.start()
        sink = Sink(ground, bench.tools, "-x", kind)
        cpu = ground.cpu_at_rest()
        asked, _ = etrn(relay.where, "d00000.example")
        sink.wait(messages, 300)
        relay.drained()
        return messages * 1e9 / (sink.last_ns - asked), (ground.cpu_at_rest() - cpu) * 1000 / messages


def through(bench, server, messages):
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.open("open.example")])
        relay.start()
        sink = Sink(ground, bench.tools)
        cpu = ground.cpu()
        began = time.monotonic_ns()
        load(bench.tools, relay.where, messages, "-t", "user%d@open.example")
        sink.wait(messages, 300)
        relay.drained()
        return messages * 1e9 / (sink.last_ns - began), (ground.cpu_at_rest() - cpu) * 1000 / messages


def measure(bench, server):
    messages = bench.size(10000, 2000)
    found = {}
    for kind, _ in KINDS[:bench.size(2, 1)]:
        found["drain.%s.rate" % kind], found["drain.%s.cpu" % kind] = drain(bench, server, kind, messages)
    found["through.rate"], found["through.cpu"] = through(bench, server, messages // 2)
    return found
