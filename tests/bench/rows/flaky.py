"""Over a link that is cut again and again: what is there after one ETRN, and what it takes until nothing waits."""
import time

from ground import Failed, wait_for
from row import AtLeast, AtMost, LESS, MORE, NoMore, Row
from tools import FLAKY_PORT, Flawed, Site, etrn, load

RUNS = 1, 1
SEEDS = (12, 13, 14, 17, 21), (12,)  # of where connections are cut
ASKED_MOST = 100
# key, messages (full, quick), octets of each, connections are cut after so many octets, what the site has
KINDS = (
    ("small", (40, 40), 4096, "5000..50000", "PIPELINING,CHUNKING"),
    ("small.pipelining", (40, 40), 4096, "5000..50000", "PIPELINING"),
    ("many", (400, 100), 4096, "5000..50000", "PIPELINING,CHUNKING"),
    ("large", (20, 20), 204800, "5000..1000000", "PIPELINING,CHUNKING"),
)
WORDS = {
    "small": "40 messages of 4 KiB, connections cut after 5 to 50 kB, five times: there after one ETRN",
    "small.pipelining": "  the same, site has PIPELINING only",
    "many": "400 messages of 4 KiB, connections cut after 5 to 50 kB, five times: there after one ETRN",
    "large": "20 messages of 200 KiB, connections cut after 5 kB to 1 MB, five times: there after one ETRN",
}
ROWS = []
for kind, *_ in KINDS:
    ROWS += [
        Row("flaky.%s" % kind, WORDS[kind], "%", MORE, (AtLeast(100),)),
        Row("flaky.%s.asked" % kind, "  ETRN until nothing waits", "", LESS, (AtMost(1),)),
        Row("flaky.%s.twice" % kind, "  there twice by then, of 100 messages", "", LESS, (NoMore(),)),
        Row("flaky.%s.connections" % kind, "  connections for 100 messages", "", LESS),
        Row("flaky.%s.seconds" % kind, "  from the first ETRN to the last message", "s", LESS),
    ]


class Case:
    """One kind of messages over one sequence of cuts; it has a domain and a site of its own."""

    def __init__(self, number, kind, seed, quick):
        self.kind, sizes, self.octets, self.cut, self.extensions = kind
        self.messages, self.seed = sizes[quick], seed
        self.domain = "flaky%d.example" % number
        self.where = "127.0.2.%d:%d" % (number + 1, FLAKY_PORT)

    def line(self):
        return "%s %s ext=%s cut=%s seed=%d" % (self.domain, self.where, self.extensions, self.cut, self.seed)

    def measure(self, relay, tools, flawed):
        """(there after one ETRN, ETRN until nothing waits, there twice, connections, seconds)"""
        left = relay.waiting()
        load(tools, relay.where, self.messages, "-t", "user%d@" + self.domain, octets=self.octets)
        relay.rest(left + self.messages, 60)
        began = time.monotonic_ns()
        self.ask(relay, flawed)
        first = len(set(flawed.taken(self.domain)))
        times = 1
        while relay.waiting() > left:
            self.ask(relay, flawed)
            times += 1
            if times > ASKED_MOST:
                raise Failed("%s: %d left after %d ETRN" % (self.domain, relay.waiting() - left, ASKED_MOST))
        there = flawed.taken(self.domain)
        return first, times, len(there) - len(set(there)), flawed.connections(self.domain), (flawed.last_ns - began) / 1e9

    def ask(self, relay, flawed):
        etrn(relay.where, self.domain)
        wait_for("the end of a flush", 120, lambda: not any([flawed.look(), relay.on_its_way()]), 0.01)
        flawed.look()


def measure(bench, server):
    kinds = [kind for kind in KINDS for _ in SEEDS[bench.quick]]
    cases = [Case(n, kind, SEEDS[bench.quick][n % len(SEEDS[bench.quick])], bench.quick) for n, kind in enumerate(kinds)]
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [Site(case.domain, case.where, True) for case in cases])
        relay.start()
        flawed = Flawed(ground, [case.line() for case in cases])
        return dict(pair for kind, *_ in KINDS for pair in figures(
            kind, [(case, case.measure(relay, bench.tools, flawed)) for case in cases if case.kind == kind]))


def figures(kind, measured):
    messages = sum(case.messages for case, _ in measured)
    there, asked, twice, connections, seconds = (sum(values) for values in zip(*(found for _, found in measured)))
    yield "flaky.%s" % kind, 100 * there / messages
    yield "flaky.%s.asked" % kind, asked / len(measured)
    yield "flaky.%s.twice" % kind, 100 * twice / messages
    yield "flaky.%s.connections" % kind, 100 * connections / messages
    yield "flaky.%s.seconds" % kind, seconds / len(measured)
