"""The tools of the bench, as Python sees them: load, sink, delay, and asking with ETRN."""
import mmap
import os
import socket
import ssl
import struct
import subprocess
import time
from typing import NamedTuple

from ground import Failed, run, wait_for

SENT_TO = "127.0.0.1:9925"   # the site
LONG_WAY = "127.0.0.1:9930"  # the same, behind a long link
FLAKY_PORT = 9926            # at any address: sites behind links that are cut
MUTE_PORT, HOLE_PORT, REFUSED_PORT = 9931, 9932, 9933  # at any address; nobody listens at the last one


class Site(NamedTuple):
    domain: str
    where: str
    parked: bool


def address(text):
    host, _, port = text.rpartition(":")
    return host, int(port)


def load(tools, where, messages, *options, sessions=10, octets=4096, give_up=300):
    """What load has to say, by name; times of a message in milliseconds."""
    words = run([tools + "/load", "-s", sessions, "-n", messages, "-z", octets, "-w", give_up, *options, where],
                timeout=give_up + 20).split()
    found = {name: float(value) for name, value in zip(words[::2], words[1::2])}
    for name in ("p50", "p99", "max"):
        found[name] /= 1000
    return found


class Sink:
    NAMES = ("connections", "messages", "octets", "wanted", "others", "rcpts",
             "first_ns", "last_ns", "connected_ns", "open_now", "open_most", "secured")

    def __init__(self, ground, tools, *options, where=SENT_TO):
        path = os.path.join(ground.work, "counters." + where.rpartition(":")[2])
        if os.path.exists(path):
            os.unlink(path)
        self.ground = ground
        self.process = ground.tool([tools + "/sink", *options, where, path])
        size = 8 * len(self.NAMES)
        wait_for("the sink", 10, lambda: os.path.exists(path) and os.path.getsize(path) == size)
        with open(path, "r+b") as f:
            self.counters = mmap.mmap(f.fileno(), size)

    def __getattr__(self, name):
        return struct.unpack_from("Q", self.counters, 8 * self.NAMES.index(name))[0]

    def reset(self):
        open_now = self.open_now
        fresh = (open_now if name == "open_now" else 0 for name in self.NAMES)
        self.counters[:] = struct.pack("%dQ" % len(self.NAMES), *fresh)

    def quiet(self):
        """Waits until nothing comes any more."""
        before = -1
        while self.messages != before:
            before = self.messages
            time.sleep(0.3)

    def wait(self, messages, seconds):
        wait_for("%d messages at the site, %d came" % (messages, self.messages), seconds,
                 lambda: self.messages >= messages, 0.002)

    def end(self):
        self.ground.tool_end(self.process)


class Flawed:
    """Sites of tests/peer/flawed, and what their log says of them."""

    def __init__(self, ground, lines):
        directory = os.path.join(ground.work, "flawed")
        os.makedirs(directory, exist_ok=True)
        for name in os.listdir(directory):
            os.unlink(os.path.join(directory, name))
        with open(os.path.join(directory, "sites"), "w") as f:
            f.write("".join(line + "\n" for line in lines))
        program = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../peer/flawed")
        with open(os.path.join(directory, "sites")) as f:
            ground.tool([program, directory], stdin=f, stdout=subprocess.DEVNULL)
        wait_for("the flawed sites", 20, lambda: os.path.exists(os.path.join(directory, "listening")))
        self.log, self.rest, self.events, self.last_ns = open(os.path.join(directory, "log")), "", [], 0

    def look(self):
        """Reads on; did anything happen?"""
        *lines, self.rest = (self.rest + self.log.read()).split("\n")
        self.events += [line.split() for line in lines]
        if any(" taken " in line for line in lines):
            self.last_ns = time.monotonic_ns()
        return bool(lines)

    def taken(self, domain):
        """The recipient of each message that is there, doubles as well."""
        return [event[-1] for event in self.events if event[0] == domain and event[2] == "taken"]

    def connections(self, domain):
        return sum(event[0] == domain and event[2] == "connect" for event in self.events)


def long_link(ground, tools, round_trip_ms):
    ground.tool([tools + "/delay", round_trip_ms // 2, LONG_WAY, SENT_TO])
    wait_for("the long link", 10, lambda: listens(LONG_WAY))


def listens(where):
    """Does somebody?  Without a connection, which would count."""
    with open("/proc/net/tcp") as f:
        return any(":%04X 00000000:0000 0A" % address(where)[1] in line for line in f)


def certificate(ground):
    """A file with a certificate and its key, as most have them today."""
    path = ground.path("certificate.pem")
    run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", 30,
         "-subj", "/CN=relay.example", "-addext", "subjectAltName=DNS:relay.example", "-keyout", path, "-out", path + ".crt"])
    with open(path, "a") as pem, open(path + ".crt") as crt:
        pem.write(crt.read())
    return path


class Client:
    """One SMTP connection."""

    def __init__(self, where):
        self.socket = socket.create_connection(address(where), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        while True:
            line = self.replies.readline()
            if line[3:4] != b"-":
                return line.decode(errors="replace").strip()

    def command(self, line):
        self.socket.sendall(line.encode() + b"\r\n")
        return self.reply()

    def secure(self):
        """STARTTLS, with whatever certificate, and EHLO."""
        if not self.command("STARTTLS").startswith("220"):
            raise Failed("STARTTLS is refused")
        self.replies.close()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.socket = context.wrap_socket(self.socket)
        self.replies = self.socket.makefile("rb")
        self.command("EHLO bench.example")

    def end(self):
        self.replies.close()
        self.socket.close()


def greets(where):
    try:
        client = Client(where)
        client.end()
        return client.greeting.startswith("220")
    except OSError:
        return False


def etrn(where, domain):
    """Asks for a domain: when (CLOCK_MONOTONIC, ns), and the milliseconds until the reply."""
    client = Client(where)
    client.command("EHLO bench.example")
    asked = time.monotonic_ns()
    reply = client.command("ETRN " + domain)
    took = (time.monotonic_ns() - asked) / 1e6
    client.command("QUIT")
    client.end()
    if not reply.startswith("25"):
        raise Failed("ETRN %s: %s" % (domain, reply))
    return asked, took


def connections_made():
    """By anybody in this network namespace, since ever."""
    with open("/proc/net/snmp") as f:
        names, values = [line.split() for line in f if line.startswith("Tcp:")]
    return int(values[names.index("ActiveOpens")])
