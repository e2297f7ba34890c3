"""A very long queue: a million for sluice, as much as there is time for with Postfix."""
import statistics
import time

from ground import wait_for
from row import AtLeast, AtMost, LESS, MORE, Row
from tools import SENT_TO, Client, Site, Sink, etrn, greets, load

RUNS = 1, 1
SIZES = {"sluice": (1000000, 100000), "postfix": (50000, 10000)}
DOMAINS = 10000, 1000
ASKED = 5
DRAINED = 100000, 20000
HERE = "1,000,000 queued for 10,000 domains (Postfix: 50,000)"
ROWS = [
    Row("start.greeting", HERE + ": start to greeting", "s", LESS, (AtMost(1),)),
    Row("start.first", "  start to the first delivery", "s", LESS, (AtMost(2),)),
    Row("start.rest", "  start until it is at rest, processor time", "s", LESS),
    Row("stop", "  stop", "s", LESS),
    Row("qmgr.memory", "  memory of qmgr (proportional set size)", "KiB", LESS, (AtMost(65536),)),
    Row("new.queued", "  a new message, not parked: from its last octet to the site", "ms", LESS),
    Row("etrn.queued", "  ETRN to its reply", "ms", LESS, (AtMost(1),)),
    Row("first.queued", "  ETRN to the first message at the site", "ms", LESS, (AtMost(3),)),
    Row("rebuild.rate", "  flush-rebuild, warm cache: messages", "/s", MORE, (AtLeast(50000),)),
    Row("loss.greeting", "  start after a power loss: to greeting", "s", LESS, (AtMost(1),)),
    Row("loss.new", "  to the delivery of a new message", "s", LESS, (AtMost(2),)),
    Row("loss.lists", "  until all lists are made anew", "s", LESS),
    Row("start.one", "1,000,000 waiting for one domain: start to greeting", "s", LESS, (AtMost(1),)),
    Row("qmgr.memory.one", "  memory of qmgr (proportional set size)", "KiB", LESS, (AtMost(65536),)),
    Row("etrn.one", "  ETRN to its reply", "ms", LESS, (AtMost(1),)),
    Row("first.one", "  ETRN to the first message at the site", "ms", LESS, (AtMost(3),)),
    Row("qmgr.memory.drain", "  memory of qmgr while they go out", "KiB", LESS, (AtMost(65536),)),
    Row("fill.rate", "(filling the queue of sluice, by the bench)", "/s", ""),
]


def started(relay):
    """Seconds until it greets, and when (ns) it was started."""
    began = time.monotonic_ns()
    relay.begin()
    wait_for("a greeting", 120, lambda: greets(relay.where), 0.001)
    return (time.monotonic_ns() - began) / 1e9, began


def first_delivery(relay, sink):
    greeting, began = started(relay)
    sink.wait(1, 120)
    return greeting, (sink.first_ns - began) / 1e9


def asked(relay, sink, domain):
    sink.quiet()
    sink.reset()
    at, reply_ms = etrn(relay.where, domain)
    sink.wait(1, 60)
    return reply_ms, (sink.first_ns - at) / 1e6


def asked_in_turn(relay, sink):
    """Medians over some domains."""
    found = [asked(relay, sink, "d%05d.example" % n) for n in range(1, 1 + ASKED)]
    return (statistics.median(values) for values in zip(*found))


def new_message(relay, sink):
    """Milliseconds from the end of its content to the site."""
    sink.quiet()
    sink.reset()
    client = Client(relay.where)
    for line in ("EHLO bench.example", "MAIL FROM:<sender@bench.example>", "RCPT TO:<new@open.example>", "DATA"):
        client.command(line)
    at = time.monotonic_ns()
    client.command("Subject: new\r\n\r\nNew.\r\n.")
    sink.wait(1, 60)
    client.end()
    return (sink.first_ns - at) / 1e6


def qmgr_memory(ground):
    return ground.memory_kib([ground.pid_of("qmgr")])


def after_power_loss(bench, ground, relay, sink, waiting):
    """Lists by hand, then again as the service does it, with mail coming in."""
    relay.power_loss()
    began = time.monotonic()
    relay.run("flush-rebuild", "-C", relay.dir)
    rate = relay.waiting() / (time.monotonic() - began)
    relay.power_loss()
    sink.reset()
    greeting, began = started(relay)
    load(bench.tools, relay.where, 1, "-t", "new%d@open.example")
    sink.wait(1, 60)
    new = (sink.first_ns - began) / 1e9
    wait_for("lists made anew", 120, lambda: relay.waiting() >= waiting, 0.05)
    lists = (time.monotonic_ns() - began) / 1e9
    return {"rebuild.rate": rate, "loss.greeting": greeting, "loss.new": new, "loss.lists": lists}


def many_domains(bench, server):
    messages, count = bench.size(*SIZES[server]), bench.size(*DOMAINS)
    with bench.ground(8) as ground:
        # the first domain has a site that is there and is not parked
        sites = [Site("d00000.example", SENT_TO, False)] + bench.numbered(count)[1:]
        began = time.monotonic()
        relay = bench.filled(server, ground, [bench.open("open.example")], messages, sites)
        found = {"fill.rate": messages / (time.monotonic() - began)} if server == "sluice" else {}
        relay.due("d00000.example")
        sink = Sink(ground, bench.tools)
        cpu = ground.cpu()
        found["start.greeting"], found["start.first"] = first_delivery(relay, sink)
        found["start.rest"] = ground.cpu_at_rest() - cpu
        found["qmgr.memory"] = qmgr_memory(ground)
        found["new.queued"] = new_message(relay, sink)
        found["etrn.queued"], found["first.queued"] = asked_in_turn(relay, sink)
        ground.cpu_at_rest()
        waiting = messages - (1 + ASKED) * (messages // count)
        began = time.monotonic()
        relay.stop()
        found["stop"] = time.monotonic() - began
        if server == "sluice":
            found.update(after_power_loss(bench, ground, relay, sink, waiting))
        return found


def one_domain(bench):
    with bench.ground(8) as ground:
        relay = bench.filled("sluice", ground, [], bench.size(*SIZES["sluice"]), bench.numbered(1))
        found = {"start.one": started(relay)[0]}
        ground.cpu_at_rest()
        found["qmgr.memory.one"] = qmgr_memory(ground)
        sink = Sink(ground, bench.tools)
        found["etrn.one"], found["first.one"] = asked(relay, sink, "d00000.example")
        sink.wait(bench.size(*DRAINED), 60)
        found["qmgr.memory.drain"] = qmgr_memory(ground)
        return found


def measure(bench, server):
    found = many_domains(bench, server)
    if server == "sluice":
        found.update(one_domain(bench))
    return found
