"""Messages that also have recipients at sites that do not work; ETRN is for the one that does."""
import time

from row import AtLeast, AtMost, LESS, MORE, Row
from tools import HOLE_PORT, MUTE_PORT, REFUSED_PORT, SENT_TO, Site, Sink, connections_made, etrn, load

RUNS = 1, 1
MESSAGES = 200
WAIT_S = 30, 3
# name, words, where the others are (%d: each has an address of its own), parked too, options of the sink there
REFUSING, SILENT, HOLE = ("127.0.1.%%d:%d" % port for port in (REFUSED_PORT, MUTE_PORT, HOLE_PORT))
MUTE_SINK, HOLE_SINK = ("-m", "0.0.0.0:%d" % MUTE_PORT), ("-b", "0.0.0.0:%d" % HOLE_PORT)
KINDS = (
    ("refused", "9 sites that refuse connections", REFUSING, False, None),
    ("mute", "9 sites that are mute", SILENT, False, MUTE_SINK),
    ("hole", "9 sites that are black holes", HOLE, False, HOLE_SINK),
    ("parked", "9 other parked domains, at the same site", SENT_TO, True, None),
    ("parked.mute", "9 other parked domains, at mute sites", SILENT, True, MUTE_SINK),
)
ROWS = []
for kind, words, *_ in KINDS:
    ROWS += [
        Row("with.%s" % kind, "200 messages, each also for %s; ETRN: delivered in 30 s" % words, "", MORE,
            (AtLeast(MESSAGES),)),
        Row("with.%s.rate" % kind, "  at", "/s", MORE),
        Row("with.%s.elsewhere" % kind, "  RCPTs for the others, connections to other sites", "", LESS, (AtMost(0),)),
    ]


def with_kind(bench, server, where, parked, option):
    where = where if "%" in where else where + "%.0s"
    others = [Site("other%d.example" % n, where % n, parked) for n in range(1, 10)]
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.parked("parked.example")] + others)
        relay.start()
        sink = Sink(ground, bench.tools, "-d", "parked.example")
        if option:
            Sink(ground, bench.tools, option[0], where=option[1])
        to = [word for d in ["parked.example"] + [o.domain for o in others] for word in ("-t", "user%d@" + d)]
        load(bench.tools, relay.where, MESSAGES, *to)
        ground.cpu_at_rest()
        before = connections_made()
        asked, _ = etrn(relay.where, "parked.example")
        until = time.monotonic() + bench.size(*WAIT_S)
        while sink.wanted < MESSAGES and time.monotonic() < until:
            time.sleep(0.002)
        took = time.monotonic() - asked / 1e9
        time.sleep(0.5)  # for whom it still tries
        elsewhere = connections_made() - before - 1 - sink.connections
        return sink.wanted, sink.wanted / took if sink.wanted == MESSAGES else 0, sink.others + elsewhere


def measure(bench, server):
    found = {}
    for kind, _, *how in KINDS:
        names = ("with." + kind, "with.%s.rate" % kind, "with.%s.elsewhere" % kind)
        found.update(zip(names, with_kind(bench, server, *how)))
    return found
