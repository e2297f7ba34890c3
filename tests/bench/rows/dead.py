"""Mail for sites that are all dead: what one cycle of retries costs."""
import re

from ground import wait_for
from row import AtMost, LESS, Row, Times
from tools import REFUSED_PORT, Site, connections_made

RUNS = 1, 1
ROWS = [
    Row("dead.connections", "100,000 for 1,000 dead sites (Postfix: 20,000), a retry cycle: connections per site", "",
        LESS, (AtMost(1),)),
    Row("dead.cpu", "  processor time per 1,000 waiting", "s", LESS, (Times(100),)),
    Row("dead.opened", "  message files opened, per site", "", LESS, (AtMost(1.05),)),
]
RETRY_S = 15, 4
AGE_S = 3600  # less than the default of delaywarning: no notices


def sites(count):
    where = "127.2.%d.%d:%d"  # each has an address of its own
    return [Site("d%05d.example" % n, where % (n >> 8, n & 255, REFUSED_PORT), False) for n in range(count)]


class Opened:
    """Message files that any process of the server opens, by strace."""

    def __init__(self, bench, ground):
        self.path = ground.path("opened")
        pids = (word for pid in ground.pids() for word in ("-p", str(pid)))
        self.process = ground.tool(["strace", "-f", "-q", "-e", "trace=open,openat", "-e", "signal=none",
                                    "-o", self.path, *pids])
        self.ground = ground

    def end(self):
        self.ground.tool_end(self.process)
        with open(self.path, errors="replace") as f:
            return sum(bool(re.search(r'"(cur|new|active|incoming|deferred)/.*= \d', line)) for line in f)


def cycle(bench, server, messages, count, traced):
    """(connections, CPU seconds, message files opened)"""
    retry_s = bench.size(*RETRY_S)
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], messages, sites(count), AGE_S, -60)
        relay.retry_after(retry_s)
        made = connections_made()
        relay.start()
        if server == "sluice":  # its first cycle; a retry is the next one
            wait_for("the first cycle", 60, lambda: connections_made() - made >= count)
            ground.cpu_at_rest()
            made = connections_made()
        cpu = ground.cpu()
        opened = Opened(bench, ground) if traced else None
        if server == "sluice":
            wait_for("a retry cycle", 5 * retry_s, lambda: connections_made() - made >= count, 0.1)
        else:
            wait_for("a retry cycle", 300, lambda: relay.tried(messages), 0.5)
        cpu = ground.cpu_at_rest() - cpu
        return connections_made() - made, cpu, opened.end() if traced else 0


def measure(bench, server):
    if server == "sluice":
        messages, count = bench.size(100000, 20000), bench.size(1000, 200)
    else:
        messages, count = bench.size(20000, 4000), bench.size(1000, 200)
    connections, cpu, _ = cycle(bench, server, messages, count, False)
    few = messages if server == "sluice" else messages // 5
    opened = cycle(bench, server, few, count, True)[2] * (messages / few)
    return {"dead.connections": connections / count, "dead.cpu": cpu * 1000 / messages, "dead.opened": opened / count}
