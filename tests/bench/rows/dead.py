"""Mail for sites that are all dead: what one cycle of retries costs, and what it costs to have all that is parked
tried in one go."""
import os
import re
import subprocess
import time

from ground import wait_for
from row import AtMost, LESS, Row, Times
from tools import REFUSED_PORT, Site, connections_made

RUNS = 1, 1
ROWS = [
    Row("dead.connections", "100,000 for 1,000 dead sites (Postfix: 20,000), a retry cycle: connections per site", "",
        LESS, (AtMost(1),)),
    Row("dead.cpu", "  processor time per 1,000 waiting", "s", LESS, (Times(100),)),
    Row("dead.opened", "  message files opened, per site", "", LESS, (AtMost(1.05),)),
    Row("flush.connections", "50,000 parked for 1,000 dead sites, all flushed in one go: connections per site",
        "", LESS, (AtMost(1),)),
    Row("flush.seconds", "  seconds until at rest, per 1,000 waiting", "s", LESS),
    Row("flush.cpu", "  processor time per 1,000 waiting", "s", LESS, (Times(100),)),
    Row("flush.opened", "  message files opened, per site", "", LESS, (AtMost(1.05),)),
]
SITES = 1000, 200  # full, quick
RETRIED = {"sluice": (100000, 20000), "postfix": (20000, 4000)}
# always fifty for each site; with Postfix strace follows the flush of fewer
FLUSHED = (50000, 1000), (2500, 50)
TRACED = 1000, 20
RETRY_S = 15, 4
AGE_S = 3600  # less than the default of delaywarning: no notices
PUT_OFF_S = 100000  # longer than Postfix puts anything off: what was tried is known by that


def sites(count, parked):
    where = "127.2.%d.%d:%d"  # each has an address of its own
    return [Site("d%05d.example" % n, where % (n >> 8, n & 255, REFUSED_PORT), parked) for n in range(count)]


class Opened:
    """Message files that any process of the server opens, by strace; a file for each process, so that no line of it
    is in two pieces."""

    def __init__(self, ground):
        self.ground, self.dir = ground, ground.path("opened")
        os.mkdir(self.dir)
        pids = ground.pids()
        self.process = ground.tool(["strace", "-ff", "-q", "-e", "trace=open,openat,openat2", "-e", "signal=none",
                                    "-o", self.dir + "/of", *(word for pid in pids for word in ("-p", pid))],
                                   stderr=subprocess.DEVNULL)
        wait_for("strace", 20, lambda: ground.are_traced(pids))

    def end(self):
        self.ground.tool_end(self.process)
        return sum(self.count(os.path.join(self.dir, name)) for name in os.listdir(self.dir))

    @staticmethod
    def count(path):
        with open(path, errors="replace") as f:
            return sum(bool(re.search(r'"(cur|new|active|incoming|deferred)/.*= \d', line)) for line in f)


def cycle(bench, server, messages, count, traced):
    """(connections, CPU seconds, message files opened)"""
    retry_s = bench.size(*RETRY_S)
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], messages, sites(count, False), AGE_S, -60)
        relay.retry_after(retry_s)
        made = connections_made()
        relay.start()
        if server == "sluice":  # its first cycle; a retry is the next one
            wait_for("the first cycle", 60, lambda: connections_made() - made >= count)
            ground.cpu_at_rest()
            made = connections_made()
        cpu = ground.cpu()
        opened = Opened(ground) if traced else None
        if server == "sluice":
            wait_for("a retry cycle", 5 * retry_s, lambda: connections_made() - made >= count, 0.1)
        else:
            wait_for("a retry cycle", 300, lambda: relay.tried(messages), 0.5)
        cpu = ground.cpu_at_rest() - cpu
        return connections_made() - made, cpu, opened.end() if traced else 0


def retried(bench, server):
    messages, count = bench.size(*RETRIED[server]), bench.size(*SITES)
    connections, cpu, _ = cycle(bench, server, messages, count, False)
    few = messages if server == "sluice" else messages // 5
    opened = cycle(bench, server, few, count, True)[2] * (messages / few)
    return {"dead.connections": connections / count, "dead.cpu": cpu * 1000 / messages, "dead.opened": opened / count}


def flush(bench, server, messages, count, traced):
    """(connections, seconds, CPU seconds, message files opened)"""
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], messages, sites(count, True), AGE_S, PUT_OFF_S)
        relay.start()
        cpu = ground.cpu_at_rest()
        opened = Opened(ground) if traced else None
        made, began = connections_made(), time.monotonic()
        relay.flush_all()
        wait_for("the end of a flush", 300, lambda: relay.flushed(messages, PUT_OFF_S), 0.05)
        took = time.monotonic() - began
        cpu = ground.cpu_at_rest() - cpu
        return connections_made() - made, took, cpu, opened.end() if traced else 0


def flushed(bench, server):
    messages, count = bench.size(*FLUSHED)
    connections, took, cpu, _ = flush(bench, server, messages, count, False)
    found = {"flush.connections": connections / count, "flush.seconds": took * 1000 / messages,
             "flush.cpu": cpu * 1000 / messages}
    if server == "sluice" or not bench.quick:
        few, few_sites = (messages, count) if server == "sluice" else TRACED
        found["flush.opened"] = flush(bench, server, few, few_sites, True)[3] / few_sites
    return found


def measure(bench, server):
    return {**retried(bench, server), **flushed(bench, server)}
