"""What the machine and the tools can do without either server."""
import os

from row import Beyond, MORE, LESS, Row
from tools import SENT_TO, Sink, load

RUNS = 3, 1
SERVERS = ("machine",)
ROWS = [
    Row("tools.load", "the load tool against a sink that does nothing, 10 sessions", "/s", MORE,
        (Beyond(2, "accept.rate"),)),
    Row("tools.load.each", "the same, a connection per message", "/s", MORE, (Beyond(2, "accept.each.rate"),)),
    Row("tools.load.one", "the same, one session", "/s", MORE, (Beyond(2, "accept.one.rate"),)),
    Row("tools.load.64k", "the same, 10 sessions, 64 KiB", "/s", MORE, (Beyond(2, "accept.64k.rate"),)),
    Row("bare.rate", "bare create, write, fsync for each message of the load tool, 10 sessions", "/s", MORE),
    Row("bare.p50", "the same: latency of a message, median", "ms", LESS),
    Row("bare.one", "the same, one session", "/s", MORE),
]
KINDS = (("", [], {}), (".each", ["-1"], {}), (".one", [], {"sessions": 1}), (".64k", [], {"octets": 65536}))


def rate(found):
    return found["messages"] / found["seconds"]


def measure(bench, server):
    found = {}
    with bench.ground() as ground:
        sink = Sink(ground, bench.tools)
        for key, options, more in KINDS:
            found["tools.load" + key] = rate(load(bench.tools, SENT_TO, bench.size(50000, 20000), *options, **more))
        sink.end()
        kept = ground.path("kept")
        os.mkdir(kept)
        sink = Sink(ground, bench.tools, "-k", kept)
        bare = load(bench.tools, SENT_TO, bench.size(10000, 5000))
        found["bare.rate"], found["bare.p50"] = rate(bare), bare["p50"]
        found["bare.one"] = rate(load(bench.tools, SENT_TO, bench.size(2000, 1000), sessions=1))
    return found
