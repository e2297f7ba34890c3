"""Where a server runs: a fresh ext4, a control group that counts its processor time, and tools beside it.

All of it is inside the namespaces that "bench" has made, which take mounts, loop devices and processes along
when they end, however they end."""
import os
import re
import shutil
import signal
import subprocess
import time

GIVE_UP = 20  # seconds, for what takes no time at all


class Failed(Exception):
    pass


def wait_for(what, seconds, condition, pause=0.01):
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            raise Failed("%s: not within %d s" % (what, seconds))
        time.sleep(pause)


def run(argv, **options):
    """The output of a command that must succeed."""
    options.setdefault("timeout", 120)
    done = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    if done.returncode:
        raise Failed("%s: exit %d: %s" % (argv[0], done.returncode, done.stdout.decode(errors="replace")[-500:]))
    return done.stdout.decode(errors="replace")


class Ground:
    def __init__(self, work, cgroups, gib):
        self.work = work
        self.fs = os.path.join(work, "fs")
        self.cgroup = os.path.join(cgroups, "server")
        self.tools = []
        os.makedirs(self.fs, exist_ok=True)
        os.makedirs(self.cgroup, exist_ok=True)
        self.mount(gib)

    def mount(self, gib):
        """The image has no name once it is mounted: nothing is left of it after a kill."""
        image = os.path.join(self.work, "image")
        with open(image, "wb") as f:
            f.truncate(gib << 30)
        run(["mkfs.ext4", "-q", "-m", 0, "-i", 4096, "-E", "lazy_itable_init=0,lazy_journal_init=0", image])
        run(["mount", "-o", "loop", image, self.fs])
        os.unlink(image)
        os.chmod(self.fs, 0o755)

    def path(self, *names):
        return os.path.join(self.fs, *names)

    # --- processes ---------------------------------------------------------------------

    def server(self, argv, **options):
        """Start something that belongs to the server: counted, and ended with it."""
        def enter():
            with open(os.path.join(self.cgroup, "cgroup.procs"), "w") as f:
                f.write("0")
        return subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, preexec_fn=enter, **options)

    def tool(self, argv, stdin=subprocess.DEVNULL, **options):
        process = subprocess.Popen([str(a) for a in argv], stdin=stdin, **options)
        self.tools.append(process)
        return process

    def pids(self):
        with open(os.path.join(self.cgroup, "cgroup.procs")) as f:
            return [int(line) for line in f if line.strip() != "0"]

    def pid_of(self, name):
        for pid in self.pids():
            with open("/proc/%d/comm" % pid) as f:
                if f.read().strip() == name:
                    return pid
        raise Failed("no process is named " + name)

    @staticmethod
    def are_traced(pids):
        """Those that are still there."""
        for pid in pids:
            try:
                with open("/proc/%d/status" % pid) as f:
                    if re.search(r"^TracerPid:\s*0$", f.read(), re.M):
                        return False
            except (FileNotFoundError, ProcessLookupError):
                pass
        return True

    def cpu(self):
        """Seconds used by all processes of the server, also by those that are gone."""
        with open(os.path.join(self.cgroup, "cpu.stat")) as f:
            return int(f.readline().split()[1]) / 1e6

    def cpu_at_rest(self):
        """The same, once the server does nothing any more."""
        before = self.cpu()
        for _ in range(50):
            time.sleep(0.3)
            now = self.cpu()
            if now - before < 0.003:
                return now
            before = now
        raise Failed("the server does not come to rest")

    def memory_kib(self, pids=None):
        """Proportional set size: what is shared counts once."""
        total = 0
        for pid in pids or self.pids():
            try:
                with open("/proc/%d/smaps_rollup" % pid) as f:
                    total += sum(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            except (FileNotFoundError, ProcessLookupError):
                pass
        return total

    # --- the end ------------------------------------------------------------------------

    def tool_end(self, process):
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(GIVE_UP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.tools.remove(process)

    def server_end(self):
        with open(os.path.join(self.cgroup, "cgroup.kill"), "w") as f:
            f.write("1")
        wait_for("end of the server", GIVE_UP, lambda: not self.pids())

    def unmounted(self):
        return subprocess.run(["umount", self.fs], stderr=subprocess.DEVNULL).returncode == 0

    def end(self):
        self.server_end()
        for process in list(self.tools):
            self.tool_end(process)
        wait_for("unmounting", GIVE_UP, self.unmounted, 0.1)
        os.rmdir(self.cgroup)
        shutil.rmtree(self.fs, ignore_errors=True)
