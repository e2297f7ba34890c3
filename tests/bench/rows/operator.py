"""Lists, holding and deleting."""
import subprocess
import time

from ground import Failed
from row import AtMost, LESS, Row, Times

RUNS = 3, 1
ROWS = [
    Row("list.text", "50,000 queued: the list as text", "s", LESS, (Times(4),)),
    Row("list.text.first", "  its first octet after", "ms", LESS, (AtMost(50),)),
    Row("list.json", "  the list as JSON", "s", LESS, (Times(4),)),
    Row("list.json.first", "  its first octet after", "ms", LESS, (AtMost(50),)),
    Row("hold.all", "10,000 queued: hold all", "s", LESS, (Times(1),)),
    Row("delete.all", "  delete all", "s", LESS, (Times(1),)),
]


def timed(argv):
    """(seconds, seconds to the first octet)"""
    began = time.monotonic()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(argv, stdin=quiet, stdout=subprocess.PIPE, stderr=quiet) as process:
        process.stdout.read1(1)
        first = time.monotonic() - began
        while process.stdout.read1(1 << 20):
            pass
        process.wait(300)
    if process.returncode:
        raise Failed("%s: exit %d" % (argv[0], process.returncode))
    return time.monotonic() - began, first


def lists(bench, server):
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], bench.size(50000, 20000), bench.numbered(100))
        relay.start()
        ground.cpu_at_rest()
        text, text_first = timed(relay.list())
        json, json_first = timed(relay.list_json())
        return {"list.text": text, "list.text.first": text_first * 1000,
                "list.json": json, "list.json.first": json_first * 1000}


def changes(bench, server):
    with bench.ground() as ground:
        relay = bench.filled(server, ground, [], bench.size(10000, 4000), bench.numbered(100))
        relay.start()
        ground.cpu_at_rest()
        return {"hold.all": timed(relay.hold_all())[0], "delete.all": timed(relay.delete_all())[0]}


def measure(bench, server):
    return {**lists(bench, server), **changes(bench, server)}
