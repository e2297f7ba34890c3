"""ETRN for one domain, again and again, while mail that is due waits for other parked domains."""
import statistics
import time

from row import AtMost, LESS, Row
from tools import Sink, etrn, load

RUNS = 1, 1
EVERY_S = 1.5
# Postfix looks at all of its queue when it starts and then every 300 s: here sooner, and the mail is due soon
# after the start.
SCAN_S = 5
DUE_S = 12, 6
ROWS = [
    Row("others.sent", "50,000 due for 100 other parked domains, ETRN for one every 1.5 s: sent to others", "",
        LESS, (AtMost(0),)),
    Row("others.cpu", "  processor time in all", "s", LESS),
    Row("others.first", "  median time from ETRN to its domain's message at the site", "ms", LESS),
]


def measure(bench, server):
    messages, times = bench.size(50000, 10000), bench.size(40, 7)
    firsts = []
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [bench.parked("asked.example")], messages, bench.numbered(100),
                             due_s=bench.size(*DUE_S))
        relay.scan_every(SCAN_S)
        relay.start()
        cpu = ground.cpu()
        sink = Sink(ground, bench.tools, "-d", "asked.example")
        for n in range(times):
            began = time.monotonic()
            load(bench.tools, relay.where, 1, "-t", "user%d@asked.example")
            time.sleep(0.2)  # until it is parked
            asked, _ = etrn(relay.where, "asked.example")
            while sink.wanted <= n and time.monotonic() - began < 5:
                time.sleep(0.002)
            firsts.append((time.monotonic_ns() - asked) / 1e6)
            time.sleep(max(0, began + EVERY_S - time.monotonic()))
        return {"others.sent": sink.others, "others.cpu": ground.cpu() - cpu, "others.first": statistics.median(firsts)}
