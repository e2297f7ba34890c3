"""How soon ETRN is answered and acted upon, with few or many waiting, and with many others queued."""
import statistics

from row import AtMost, LESS, Row
from tools import Sink, etrn, load

RUNS = 3, 1
OTHERS = 100000, 10000  # full, quick
ROWS = [
    Row("etrn.10", "ETRN to its reply, 10 waiting", "ms", LESS, (AtMost(1),)),
    Row("etrn.1000", "ETRN to its reply, 1,000 waiting", "ms", LESS, (AtMost(1),)),
    Row("first.others", "ETRN to the first message at the site, 100,000 others queued, 10 waiting", "ms", LESS,
        (AtMost(3),)),
    Row("first.others.1000", "  the same, 1,000 waiting", "ms", LESS, (AtMost(3),)),
    Row("etrn.others", "  ETRN to its reply, 10 waiting", "ms", LESS, (AtMost(1),)),
]


def asked_one_by_one(relay, sink, domains, each):
    """Medians over the domains: milliseconds to the reply, to the first message."""
    replies, firsts = [], []
    for domain in domains:
        sink.reset()
        asked, reply_ms = etrn(relay.where, domain)
        sink.wait(each, 60)
        replies.append(reply_ms)
        firsts.append((sink.first_ns - asked) / 1e6)
    return statistics.median(replies), statistics.median(firsts)


def waiting(bench, relay, domains, each, before):
    """So many messages for each of the domains, accepted beside those that are there."""
    for domain in domains:
        load(bench.tools, relay.where, each, "-t", "user%d@" + domain)
        before += each
    relay.rest(before)
    return before


TENS = ["ten%d.example" % n for n in range(7)]
THOUSANDS = ["thousand%d.example" % n for n in range(3)]


def alone(bench, server):
    with bench.ground() as ground:
        thousands = THOUSANDS[:bench.size(3, 1)]
        relay = bench.relay(server, ground, [bench.parked(d) for d in TENS + THOUSANDS])
        relay.start()
        sink = Sink(ground, bench.tools)
        waiting(bench, relay, thousands, 1000, waiting(bench, relay, TENS, 10, 0))
        return {"etrn.10": asked_one_by_one(relay, sink, TENS, 10)[0],
                "etrn.1000": asked_one_by_one(relay, sink, thousands, 1000)[0]}


def with_others(bench, server):
    others = bench.size(*OTHERS)
    with bench.ground() as ground:
        asked_for = [bench.parked(d) for d in TENS + THOUSANDS[:1]]
        relay = bench.filled(server, ground, asked_for, others, bench.numbered(100))
        relay.start()
        sink = Sink(ground, bench.tools)
        waiting(bench, relay, THOUSANDS[:1], 1000, waiting(bench, relay, TENS, 10, others))
        ground.cpu_at_rest()
        reply, first = asked_one_by_one(relay, sink, TENS, 10)
        return {"etrn.others": reply, "first.others": first,
                "first.others.1000": asked_one_by_one(relay, sink, THOUSANDS[:1], 1000)[1]}


def measure(bench, server):
    return {**alone(bench, server), **with_others(bench, server)}
