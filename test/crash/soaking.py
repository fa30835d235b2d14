"""A soak: a server, its load, its administrator, its meter; see test/crash/soak.

run() does all of it and returns a Soak with figures; `problems` is what went
wrong, in words, empty if nothing did.
"""
import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

from chapar import Server, wait_for
from soakactor import SHARED
from soakbox import Wrong
from soakload import Load
from soakmeter import Meter, files_of
from storm import processes, read

EVENTS = """
  checkpoint cmd="ctl_cyrusdb -c" period=3
  prune cmd="cyr_expire -E 3 -X 0 -D 0" period=10
"""
MOST_PROBLEMS = 10
# The restart after everything was killed, and why these lines are right then.
AFTER_KILL = r"replay|recover|was not stopped|killed|counted anew|is taken over|crash"


def make_server():
    """As ./quickstart has it, with two partitions."""
    server = Server({"partition-second": "TO BE"}, name="soak")
    folder = server.dir / "spool2"
    folder.mkdir()
    if server.owner:
        os.chown(folder, server.owner.pw_uid, server.owner.pw_gid)
    conf = server.conf.read_text().replace("TO BE", str(folder))
    server.conf.write_text(conf)
    path = server.dir / "cyrus.conf"
    path.write_text(path.read_text().replace("START {\n", 'START {\n  recover cmd="ctl_cyrusdb -r"\n')
                    .replace("EVENTS {\n", "EVENTS {\n" + EVENTS).replace("prefork=0", "prefork=1"))
    return server


class Admin(threading.Thread):
    """Does what crontabs and administrators do, about every PERIOD seconds."""
    TOOLS = (("ctl_cyrusdb", "-c"), ("cyr_expire", "-E", "3", "-X", "0", "-D", "0"),
             ("quota",), ("quota", "-f", "-q"), ("reconstruct", "-n", "-r", "user.soak0"),
             ("reconstruct", "-n", "-r", "shared"), ("ctl_mboxlist", "-d"), ("ctl_mboxlist", "-v"),
             ("cyr_info", "proc"), ("mbexamine", "-q", "user.soak1"), ("cyr_df",), ("SIGHUP",))

    def __init__(self, soak, period):
        super().__init__(daemon=True, name="admin")
        self.soak, self.period = soak, period
        self.random = random.Random(f"{soak.seed} admin")
        self.runs = {}

    def run(self):
        turn = []
        while not self.soak.load.stopping.wait(self.random.uniform(.5, 1.5) * self.period):
            turn = turn or self.random.sample(self.TOOLS, len(self.TOOLS))
            args = turn.pop()
            try:
                self.one(args)
                self.runs[" ".join(args)] = self.runs.get(" ".join(args), 0) + 1
            except Exception as e:      # pylint: disable=broad-except
                self.soak.load.fail(self, e)

    def one(self, args):
        if args == ("SIGHUP",):
            self.soak.server.process.send_signal(signal.SIGHUP)
            return
        said = self.soak.tool(*args)
        # -n reports what it would mend: there must be nothing.  Not so with quota:
        # what a deletion takes away is counted a moment after the name is gone.
        # A mailbox that goes between the list and the look is no fault.
        said = re.sub(r"^\S+: deleted or renamed meanwhile$", "", said, flags=re.M)
        odd = (args[0] == "reconstruct" and re.search(r":.*\S", said)) or \
            (args[0] == "ctl_mboxlist" and "-v" in args and said.strip())
        if odd:
            raise Wrong(f"{' '.join(args)}: {said[:500]}")


class Soak:
    def __init__(self, duration, seed, rate, users, period, say):
        self.duration, self.seed, self.rate, self.say = duration, seed, rate, say
        self.users, self.period = users, period
        self.problems, self.facts = [], []
        self.server = make_server()
        self.load = self.meter = None

    def tool(self, name, *args):
        r = subprocess.run([self.server.build / "imap/admin" / name, "-C", self.server.conf, *args],
                           capture_output=True, text=True, timeout=300)
        if r.returncode != 0:
            raise Wrong(f"{name} {' '.join(args)}: exit {r.returncode}: {r.stdout}{r.stderr}"[:1000])
        return r.stdout + r.stderr

    def problem(self, text):
        self.problems.append(text)
        self.say(f"PROBLEM: {text}")

    @contextlib.contextmanager
    def part(self, what):
        """A failure here is a problem, and the soak goes on with the next part."""
        try:
            yield
            self.say(f"{what}: good")
        except Exception as e:          # pylint: disable=broad-except
            self.problem(f"{what}: {type(e).__name__}: {e}")

    # --- the time under load ---

    def run(self):
        server = self.server
        server.start()
        self.load = Load(server, self.seed, self.rate, self.users)
        self.meter = Meter(server, self.load, self.say)
        admin = Admin(self, max(1.0, self.period / 2))
        self.load.start()
        admin.start()
        self.measure()
        self.load.stop()
        admin.join(300)
        self.tell_failures()
        self.facts.append(("tools and reloads", sum(admin.runs.values())))
        self.end()
        return self

    def measure(self):
        end = time.monotonic() + self.duration
        while time.monotonic() < end and len(self.problems) < MOST_PROBLEMS:
            self.load.stopping.wait(max(0, min(self.period, end - time.monotonic())))
            self.meter.sample()
            self.tell_failures()
        for text in self.meter.growing():
            self.problem(text)

    def tell_failures(self):
        """Who has failed does nothing any more; the others go on."""
        for name, error in self.load.take_failures():
            self.problem(f"{name}: {type(error).__name__}: {error}")

    # --- the end ---

    def end(self):
        with self.part("the model is the store, live"):
            self.compare("live")
        with self.part("the model is the store after SIGKILL of everything"):
            self.kill_all()
            self.compare("killed")
        with self.part("no files but the model's"):
            self.no_leak()
        with self.part("nothing to repair"):
            self.repair_finds_nothing()
        with self.part("the stop"):
            self.server.stop()
            wait_for("all processes to end", lambda: not processes(self.server), 30)
            left = [p.name for p in (self.server.dir / "config/proc").iterdir()]
            if left:
                raise Wrong(f"proc/: {left}")
        with self.part("the log"):
            self.meter.read_log()
            odd = self.meter.odd_lines
            if odd:
                raise Wrong(f"{len(odd)} lines above notice: " + " | ".join(odd[:10]))

    def compare(self, when):
        n, size = self.load.compare_all()
        self.facts.append((f"messages compared at the end, {when}", f"{n} ({size // 1024} KiB)"))

    def kill_all(self):
        """Sessions, idlers, master: all at once; what was acknowledged is there."""
        master = self.server.process.pid
        pids = [p for p in processes(self.server) if p != master]
        for pid in [master] + pids:         # it would tell of each of the others
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.server.process.wait()
        wait_for("their end", lambda: not processes(self.server), 30)
        self.load.hang_up()
        before = len(self.meter.odd_lines)
        self.meter.read_log()
        started = time.monotonic()
        self.server.start()
        self.facts.append(("restart after the kill, s", f"{time.monotonic() - started:.2f}"))
        self.meter.read_log()
        odd = [x for x in self.meter.odd_lines[before:] if not re.search(AFTER_KILL, x)]
        self.facts.append(("lines about the kill in the log",
                           len(self.meter.odd_lines) - before - len(odd)))
        self.meter.odd_lines[before:] = odd

    def mailboxes(self):
        """Name as an administrator sees it -> the UIDs that have a file."""
        boxes = {name: set() for name in SHARED}
        for o in self.load.owners:
            boxes[f"user.{o.user}.full"] = {1}
            for b in o.boxes.values():
                if b.shared:
                    boxes[b.name] |= set(b.messages)
                else:
                    boxes[f"user.{o.user}{b.name[5:]}"] = set(b.messages)
        return boxes

    def no_leak(self):
        self.tool("cyr_expire", "-E", "0", "-X", "0", "-D", "0")
        self.tool("ctl_cyrusdb", "-c")
        self.tool("cyr_expire", "-E", "0", "-X", "0", "-D", "0")
        boxes = self.mailboxes()
        names = sorted(boxes)
        paths = self.tool("mbpath", *names).split()
        expected, optional = set(), set()
        for name, path in zip(names, paths, strict=True):
            expected |= {f"{path}/{uid}." for uid in boxes[name]} | \
                {f"{path}/cyrus.{x}" for x in ("index", "header")}
            optional |= {f"{path}/cyrus.{x}" for x in ("cache", "seen", "history", "sort")}
        found = files_of(self.server.dir / "spool") | files_of(self.server.dir / "spool2")
        extra, missing = sorted(found - expected - optional), sorted(expected - found)
        if extra or missing:
            raise Wrong(f"{len(extra)} files too many: {extra[:5]}; missing: {missing[:5]}")
        self.folders_are_known(set(paths))
        disk = self.meter.disk()
        for kind, (size, files) in sorted(disk.items()):
            self.facts.append((f"at the end on the disk: {kind}", f"{size // 1024} KiB, {files} files"))
        if disk.get("stage", [0, 0])[1] > 2:
            raise Wrong(f"stage: {disk['stage']}")

    def folders_are_known(self, paths):
        """No directory but the mailboxes' and those on the way there."""
        roots = [self.server.dir / "spool", self.server.dir / "spool2"]
        extra = [str(d) for root in roots for d in root.rglob("*")
                 if d.is_dir() and not re.search(r"/spool2?/(wal|stage)\b", str(d))
                 and not any((p + "/").startswith(f"{d}/") for p in paths)]
        if extra:
            raise Wrong(f"{len(extra)} directories too many: {extra[:5]}")

    def repair_finds_nothing(self):
        for args in (("quota", "-n", "-q"), ("reconstruct", "-n", "-G", "-q"),
                     ("ctl_mboxlist", "-v")):
            said = self.tool(*args)
            if said.strip():
                raise Wrong(f"{' '.join(args)}: {said[:500]}")

    # --- figures ---

    def table(self):
        """Markdown."""
        m, load = self.meter, self.load
        server, clients = m.busy()
        rows = [("commands", sum(len(v) for v in m.latencies.values())),
                ("share of a core: server, clients", f"{server:.0%}, {clients:.0%}"),
                ("most descriptors of mailboxes in one process", m.most_held),
                *sorted(load.counts.items()), *self.facts]
        out = ["| figure | value |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows), "",
               "| growth over the last 3/4 | line through the samples | allowed |", "|---|---|---|",
               *(f"| {a} | {b} | {c} |" for a, b, c in m.verdict()), "",
               "| latency, ms | n | median | 95 % | 99 % | longest |", "|---|---|---|---|---|---|"]
        for kind, values in sorted(m.latencies.items()):
            v = sorted(values)
            at = [v[min(len(v) - 1, int(q * len(v)))] * 1000 for q in (.5, .95, .99)]
            out.append(f"| {kind} | {len(v)} | " + " | ".join(f"{x:.1f}" for x in at) +
                       f" | {v[-1] * 1000:.0f} |")
        return "\n".join(out)


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def soak(duration, seed, rate, users=10, period=30, report=say):
    """Runs it; the server's folder is removed if nothing was found."""
    s = Soak(duration, seed, rate, users, period, report)
    try:
        s.run()
    finally:
        if s.server.process is not None:
            with contextlib.suppress(Exception):
                s.server.stop()
        if s.problems or sys.exc_info()[0] or read(s.server.dir / "keep"):
            report(f"kept: {s.server.dir}")
        else:
            s.server.remove()
    return s
