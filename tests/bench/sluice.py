"""An instance of sluice, under s6 as sluice-init lays it out."""
import os
import shutil
import signal
import subprocess

from ground import Failed, run, wait_for
from tools import greets

ID_LEN = 15  # and LF: a line of a list


class Sluice:
    name = "sluice"
    where = "127.0.0.1:2525"

    def __init__(self, ground, tools, programs, sites):
        self.ground, self.tools, self.programs = ground, tools, programs
        self.dir = ground.path("sluice")
        self.queue = os.path.join(self.dir, "queue")
        self.process = None
        self.run("sluice-init", "-l", self.where, self.dir)
        self.conf("me", "relay.example")
        self.route(sites)

    def route(self, sites):
        self.conf("relaydomains", *(s.domain for s in sites))
        self.conf("routes", *("%s [%s]:%s%s" % (s.domain, *s.where.split(":"), " park" if s.parked else "")
                              for s in sites))
        if len(sites) > 500:
            self.run("conf-cdb", "-C", self.dir, "relaydomains", "routes")

    def command(self, name, *words):
        return [os.path.join(self.programs, name), *words]

    def run(self, name, *words):
        return run(self.command(name, *words))

    def conf(self, name, *lines):
        with open(os.path.join(self.dir, "conf", name), "w") as f:
            f.write("".join(line + "\n" for line in lines))

    # --- settings that rows ask for --------------------------------------------------------

    def one_connection(self):
        self.conf("concurrency", "1 1000")

    def sessions_at_once(self, number):
        self.conf("concurrencyclient", str(number))  # 50 by default, and 500 for all of them

    def secure(self, pem):
        """TLS both ways, with this certificate and key."""
        for name in ("tlscert", "tlskey"):
            shutil.copy(pem, os.path.join(self.dir, "conf", name))

    def wrap(self):
        """TLS from the first octet, to all sites."""
        path = os.path.join(self.dir, "conf", "routes")
        with open(path) as f:
            lines = f.read().split("\n")
        self.conf("routes", *(line + " tlswrap" for line in lines if line))

    def scan_every(self, seconds):
        pass  # it scans nothing

    def retry_after(self, seconds):
        self.conf("backoff", "%d %d" % (seconds, seconds))

    # --- running -----------------------------------------------------------------------------

    def begin(self):
        self.process = self.ground.server(["s6-svscan", os.path.join(self.dir, "service")], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)

    def start(self):
        self.begin()
        wait_for("a greeting of sluice", 60, lambda: greets(self.where), 0.002)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        wait_for("end of sluice", 30, lambda: not self.ground.pids())

    # --- the queue ----------------------------------------------------------------------------

    def waiting(self):
        total = 0
        for name in os.listdir(os.path.join(self.queue, "flush")):
            try:
                total += os.path.getsize(os.path.join(self.queue, "flush", name)) // ID_LEN
            except FileNotFoundError:
                pass
        return total

    def at_rest(self, waiting):
        """Nothing is on its way, and so many wait."""
        with os.scandir(os.path.join(self.queue, "new")) as new:
            return not next(new, None) and self.waiting() == waiting

    def rest(self, waiting, seconds=300):
        wait_for("%d waiting in sluice" % waiting, seconds, lambda: self.at_rest(waiting))

    def messages(self):
        return sum(len(files) for place in ("new", "cur") for _, _, files in os.walk(os.path.join(self.queue, place)))

    def drained(self, seconds=300):
        wait_for("an empty queue of sluice", seconds, lambda: self.at_rest(0) and not self.messages(), 0.02)

    def template(self):
        """The one message that is queued, taken out; the queue is empty then."""
        found = [os.path.join(d, f) for d, _, files in os.walk(os.path.join(self.queue, "cur")) for f in files]
        if len(found) != 1:
            raise Failed("%d messages instead of the one to copy" % len(found))
        for name in os.listdir(os.path.join(self.queue, "flush")):
            os.unlink(os.path.join(self.queue, "flush", name))
        return [shutil.move(found[0], self.ground.path("template"))]

    def fill(self, template, count, domains, age_s, due_s):
        """due_s: when Postfix is to try them again; here a message without a failure is always due."""
        run([self.tools + "/fill", "-a", age_s, "sluice", self.queue, *template, count, domains])

    def due(self, domain):
        pass

    def power_loss(self):
        """What a stop without warning can leave: no list, no clean mark, and another boot."""
        for name in os.listdir(os.path.join(self.queue, "flush")):
            os.unlink(os.path.join(self.queue, "flush", name))
        if os.path.exists(os.path.join(self.queue, "clean")):
            os.unlink(os.path.join(self.queue, "clean"))
        with open(os.path.join(self.queue, "boot"), "w") as f:
            f.write("00000000-0000-0000-0000-000000000000\n")

    def on_its_way(self):
        return any(os.listdir(os.path.join(self.queue, name)) for name in ("new", "asked", "claim"))

    def flushed(self, waiting, put_off_s):
        """Was all of it tried, as asked for, and does it wait again?"""
        return not self.on_its_way() and self.at_rest(waiting)

    # --- what an operator does -------------------------------------------------------------------

    def list(self):
        return self.command("queue-list", "-C", self.dir)

    def list_json(self):
        return self.command("queue-list", "-C", self.dir, "-j")

    def flush_all(self):
        self.run("flush-run", "-C", self.dir, "-a")

    def hold_all(self):
        return self.command("queue-hold", "-C", self.dir, "-a")

    def delete_all(self):
        return self.command("queue-del", "-C", self.dir, "-a", "-y")
