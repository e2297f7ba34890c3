"""A private Postfix, as Debian has it by default; what is not so stands in main_cf() and says why."""
import os
import re
import shutil
import subprocess
import time

from ground import Failed, run, wait_for
from tools import greets

# Debian's, without chroot (no files of the host are copied), and with a transport for parked mail.
MASTER = """\
127.0.0.1:2526 inet n - n - - smtpd
postlog   unix-dgram n - n - 1 postlogd
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
tlsmgr    unix - - n 1000? 1 tlsmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
verify    unix - - n - 1 verify
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
        -o syslog_name=postfix/$service_name
parked    unix - - n - - smtp
showq     unix n - n - - showq
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
local     unix - n n - - local
virtual   unix - n n - - virtual
lmtp      unix - - n - - lmtp
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
"""


class Postfix:
    name = "postfix"
    where = "127.0.0.1:2526"

    def __init__(self, ground, tools, programs, sites):
        self.ground, self.tools = ground, tools
        self.dir = ground.path("postfix")
        self.queue = os.path.join(self.dir, "queue")
        for name in ("etc", "queue", "data"):
            os.makedirs(os.path.join(self.dir, name))
        os.close(os.open(os.path.join(self.dir, "log"), os.O_CREAT))  # postsuper writes to it too
        for name in ("data", "log"):
            shutil.chown(os.path.join(self.dir, name), "postfix")
        self.write("master.cf", MASTER)
        self.route(sites)
        self.write("main.cf", self.main_cf())

    def route(self, sites):
        self.write("relay", "".join("%s -\n" % s.domain for s in sites))
        self.write("transport", "".join(
            "%s %s:[%s]:%s\n" % (s.domain, "parked" if s.parked else "smtp", *s.where.split(":")) for s in sites))

    def write(self, name, text):
        with open(os.path.join(self.dir, "etc", name), "w") as f:
            f.write(text)

    def main_cf(self):
        return """\
compatibility_level = 3.6
queue_directory = {0}/queue
data_directory = {0}/data
# one's own, beside the host's
maillog_file = {0}/log
maillog_file_prefixes = {0}
multi_instance_enable = no
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
# the task
relay_domains = texthash:{0}/etc/relay
transport_maps = texthash:{0}/etc/transport
defer_transports = parked
""".format(self.dir)

    def set(self, *settings):
        run(["postconf", "-c", self.dir + "/etc", "-e", *settings])

    # --- settings that rows ask for --------------------------------------------------------

    def one_connection(self):
        self.set("default_destination_concurrency_limit=1", "initial_destination_concurrency=1")

    def sessions_at_once(self, number):
        self.set("default_process_limit=%d" % number)  # 100 by default

    def secure(self, pem):
        """TLS both ways, with this certificate and key."""
        self.set("smtpd_tls_chain_files=" + pem, "smtpd_tls_security_level=may", "smtp_tls_security_level=may")

    def wrap(self):
        """TLS from the first octet, to all sites."""
        self.set("smtp_tls_wrappermode=yes", "smtp_tls_security_level=encrypt")

    def scan_every(self, seconds):
        self.set("queue_run_delay=%ds" % seconds)  # 300 by default

    def retry_after(self, seconds):
        pass  # what is due is tried with the next scan, and there is one at the start

    # --- running -----------------------------------------------------------------------------

    def begin(self):
        self.process = self.ground.server(["postfix", "-c", self.dir + "/etc", "start"], stdout=subprocess.DEVNULL,
                                          stderr=subprocess.DEVNULL)

    def start(self):
        self.begin()
        wait_for("a greeting of Postfix", 60, lambda: greets(self.where), 0.002)
        self.process.wait(30)

    def stop(self):
        run(["postfix", "-c", self.dir + "/etc", "stop"])
        wait_for("end of Postfix", 30, lambda: not self.ground.pids())

    # --- the queue ----------------------------------------------------------------------------

    def count(self, *places):
        return sum(len(files) for place in places for _, _, files in os.walk(os.path.join(self.queue, place)))

    def on_its_way(self):
        for place in ("maildrop", "incoming", "active"):
            with os.scandir(os.path.join(self.queue, place)) as files:
                if next(files, None):
                    return True
        return False

    def at_rest(self, waiting):
        return not self.on_its_way() and self.waiting() == waiting

    def rest(self, waiting, seconds=300):
        wait_for("%d waiting in Postfix" % waiting, seconds, lambda: self.at_rest(waiting))

    def waiting(self):
        return self.count("deferred")

    def drained(self, seconds=300):
        self.rest(0, seconds)

    def due_times(self):
        """Of all that waits: when it is to be tried, seconds from now."""
        now = time.time()
        for directory, _, files in os.walk(os.path.join(self.queue, "deferred")):
            for name in files:
                yield os.stat(os.path.join(directory, name)).st_mtime - now

    def tried(self, waiting):
        """All wait, and each was put off since it was due."""
        return self.at_rest(waiting) and all(due_s > 0 for due_s in self.due_times())

    def flushed(self, waiting, put_off_s):
        """All wait, and each was put off anew: by less than it was when it was put there."""
        return self.at_rest(waiting) and all(due_s < put_off_s / 2 for due_s in self.due_times())

    def template(self):
        """The one message that is queued and what is noted about it, taken out; the queue is empty then."""
        found = []
        for place in ("deferred", "defer"):
            files = [os.path.join(d, f) for d, _, names in os.walk(os.path.join(self.queue, place)) for f in names]
            if len(files) != 1:
                raise Failed("%s: %d files instead of one to copy" % (place, len(files)))
            found.append(shutil.move(files[0], self.ground.path("template." + place)))
        for name in os.listdir(os.path.join(self.queue, "flush")):
            os.unlink(os.path.join(self.queue, "flush", name))
        return found

    def fill(self, template, count, domains, age_s, due_s):
        """due_s: when they are to be tried again, seconds from now.  All are as old as the template."""
        message, note = template
        run([self.tools + "/fill", "-m", due_s, "-d", note, "postfix", self.queue, message, count, domains])

    def due(self, domain):
        """It is time to try what waits for the domain."""
        with open(os.path.join(self.queue, "flush", re.sub("[^a-z0-9]", "_", domain))) as ids:
            for line in ids:
                os.utime(os.path.join(self.queue, "deferred", line[0], line.strip()), (time.time() - 60,) * 2)

    # --- what an operator does -------------------------------------------------------------------

    def list(self):
        return ["postqueue", "-c", self.dir + "/etc", "-p"]

    def list_json(self):
        return ["postqueue", "-c", self.dir + "/etc", "-j"]

    def flush_all(self):
        run(["postqueue", "-c", self.dir + "/etc", "-f"])

    def hold_all(self):
        return ["postsuper", "-c", self.dir + "/etc", "-h", "ALL"]

    def delete_all(self):
        return ["postsuper", "-c", self.dir + "/etc", "-d", "ALL"]
