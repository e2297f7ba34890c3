"""The same acceptance with other sessions and sizes, each on a file system of its own."""
from row import AtMost, LESS, MORE, Row, Times
from rows.accept import accept

RUNS = 3, 1
# key, options of load, messages, target
KINDS = [
    ("each", "accept, a connection per message, 10 at once", ["-1"], {}, (5000, 1500), 4),
    ("each.one", "accept, a connection per message, one at a time", ["-1"], {"sessions": 1}, (2000, 500), 3),
    ("each.64k", "accept, a connection per message, 64 KiB, 10 at once", ["-1"], {"octets": 65536}, (4000, 1000), 3),
    ("64k", "accept, 64 KiB, 10 sessions", [], {"octets": 65536}, (4000, 1000), 4),
    ("one", "accept, one session, one message after the other", [], {"sessions": 1}, (2000, 500), 3),
    ("pipelined", "accept, 10 sessions that pipeline MAIL, RCPT, DATA", ["-p"], {}, (5000, 1500), 5),
]
ROWS = []
for key, what, _, _, _, times in KINDS:
    ROWS += [Row("accept.%s.rate" % key, what, "/s", MORE, (Times(times),)),
             Row("accept.%s.cpu" % key, "  processor time per 1,000", "s", LESS, (AtMost(1),) if key == "each" else ())]
ROWS.append(Row("lists.cost", "10,000 relay domains and routes, compiled: processor time they add to a connection",
                "ms", LESS, (AtMost(0.2),)))


def measure(bench, server):
    found = {}
    for key, _, options, more, sizes, _ in KINDS[:bench.size(6, 5)]:
        with bench.ground() as ground:
            relay = bench.relay(server, ground, [bench.parked("parked.example")])
            relay.start()
            rate, cpu, _ = accept(bench, ground, relay, bench.size(*sizes), *options, **more)
            found["accept.%s.rate" % key], found["accept.%s.cpu" % key] = rate, cpu
    if server == "sluice":
        found["lists.cost"] = with_many_domains(bench) - found["accept.each.cpu"]
    return found


def with_many_domains(bench):
    """Seconds per 1,000 messages, which are milliseconds for one."""
    with bench.ground() as ground:
        relay = bench.relay("sluice", ground, [bench.parked("parked.example")] + bench.numbered(10000))
        relay.start()
        return accept(bench, ground, relay, bench.size(5000, 1500), "-1")[1]
