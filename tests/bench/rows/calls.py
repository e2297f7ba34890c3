"""System calls for each message, of all processes of a server: strace follows them from rest to rest."""
import re
import signal

from ground import wait_for
from row import AtMost, LESS, Row
from tools import Sink, etrn, load

RUNS = 1, 1
ROWS = [
    Row("calls.accept", "system calls per message: accepted and parked, 10 sessions", "", LESS, (AtMost(60),)),
    Row("calls.accept.fsync", "  of these fsync, fdatasync, sync_file_range", "", LESS, (AtMost(1.02),)),
    Row("calls.drain", "system calls per message: drained by ETRN to one site", "", LESS, (AtMost(25),)),
    Row("calls.drain.fsync", "  of these fsync, fdatasync, sync_file_range", "", LESS),
]


class Traced:
    """All processes of the server under strace, which counts."""

    def __init__(self, ground, name):
        self.ground, self.path = ground, ground.path("strace." + name)
        pids = ground.pids()
        self.process = ground.tool(["strace", "-f", "-c", "-S", "calls", "-U", "calls,name", "-o", self.path,
                                    *(word for pid in pids for word in ("-p", pid))],
                                   stderr=open(self.path + ".said", "wb"))
        wait_for("strace", 20, lambda: ground.are_traced(pids))

    def end(self):
        """(all calls, those that sync)"""
        self.ground.cpu_at_rest()
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)
        self.ground.tools.remove(self.process)
        counts = {}
        with open(self.path) as f:
            for line in f:
                found = re.match(r"\s*(\d+)\s+(\w+)$", line)
                if found and found.group(2) != "total":
                    counts[found.group(2)] = int(found.group(1))
        return counts


SYNCS = ("fsync", "fdatasync", "sync_file_range", "sync", "syncfs")


def per_message(bench, server, name, counts, messages):
    bench.keep("calls.%s.%s" % (name, server), "".join(
        "%9.2f %s\n" % (n / messages, call) for call, n in sorted(counts.items(), key=lambda item: -item[1])))
    return {"calls." + name: sum(counts.values()) / messages,
            "calls.%s.fsync" % name: sum(counts.get(call, 0) for call in SYNCS) / messages}


def measure(bench, server):
    messages, before = bench.size(1000, 400), 50
    with bench.ground() as ground:
        relay = bench.relay(server, ground, [bench.parked("parked.example")])
        relay.start()
        sink = Sink(ground, bench.tools)
        load(bench.tools, relay.where, before)  # so that processes that are kept are there
        relay.rest(before)
        traced = Traced(ground, "accept")
        load(bench.tools, relay.where, messages)
        relay.rest(before + messages)
        found = per_message(bench, server, "accept", traced.end(), messages)
        traced = Traced(ground, "drain")
        etrn(relay.where, "parked.example")
        sink.wait(before + messages, 300)
        relay.drained()
        found.update(per_message(bench, server, "drain", traced.end(), before + messages))
    return found
