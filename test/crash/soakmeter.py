"""What a soak measures, and the verdict: does anything grow?

Each sample holds the processes' memory and descriptors, the size of every part
of the store, and how long commands took since the last one.  Growth is that of
a straight line through the last three quarters of the samples (least squares):
what a warm-up takes is no leak, what goes on is one.
"""
import contextlib
import os
import pathlib
import re
import statistics
import time

from storm import children, kind_of, open_files, read, state_of

# What a line through the samples may rise in the whole of the time it covers.
# Anonymous memory is counted in pages that malloc touched, and a session's arena
# keeps the room of the largest command it has ever run: that comes in steps, later
# and later.  A leak of 16 bytes a command would pass these bounds within an hour.
LIMITS = {
    "master": 64, "idled": 64, "template": 64,      # KiB of anonymous memory, each process
    "session": 256,                                 # the mean of the sessions that last
    "session, worst": 1024,                         # any of them
    # The mean of sessions; master and idled have one or two a client.  Logs and
    # databases are opened when they are first needed, mailboxes are counted apart.
    "descriptors": 2,
}
# A worker keeps 16 mailboxes open (imap/store/upkeep/spare.h), two descriptors each, and
# has the selected one and one or two more in hand.
MOST_HELD = 2 * (16 + 3)
TICK = os.sysconf("SC_CLK_TCK")


class Slope:
    """A line through (seconds, value) points."""

    def __init__(self, points):
        self.points = points
        n = len(points)
        self.hours = (points[-1][0] - points[0][0]) / 3600 if n else 0
        if n < 3 or self.hours == 0:
            self.growth = 0.0
            return
        mt = sum(t for t, _ in points) / n
        mv = sum(v for _, v in points) / n
        per_second = sum((t - mt) * (v - mv) for t, v in points) / \
            sum((t - mt) ** 2 for t, _ in points)
        self.growth = per_second * (points[-1][0] - points[0][0])

    def __str__(self):
        return f"{self.growth:+.1f} in {self.hours * 60:.0f} min"


def memory(pid):
    """KiB: rss, pss, anonymous."""
    text = read(f"/proc/{pid}/smaps_rollup")
    found = dict(re.findall(r"^(Rss|Pss|Anonymous): +(\d+)", text, re.M))
    return {k: int(found.get(k, 0)) for k in ("Rss", "Pss", "Anonymous")}


def descriptors(pid):
    """(of mailboxes, of anything else)"""
    mailboxes = others = 0
    for fd in open_files(pid):
        with contextlib.suppress(OSError):
            if re.search(r"/spool2?/(user|shared|DELETED)", os.readlink(fd)):
                mailboxes += 1
            else:
                others += 1
    return mailboxes, others


def cpu(pid, with_children):
    words = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return sum(int(x) for x in words[11:15 if with_children else 13]) / TICK if words else 0.0


def percentile(values, q):
    return values[min(len(values) - 1, int(q * len(values)))]


def tree(folder, kind=lambda path: "all"):
    """{kind: [bytes, files]}; a file with several names counts once."""
    sums, seen = {}, set()
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                st = os.lstat(os.path.join(path, name))
            except OSError:
                continue
            if st.st_ino in seen:
                continue
            seen.add(st.st_ino)
            one = sums.setdefault(kind(os.path.join(path, name)), [0, 0])
            one[0] += st.st_blocks * 512
            one[1] += 1
    return sums


def kind_of_file(path):
    """Which part of the store it belongs to."""
    name = os.path.basename(path)
    if re.fullmatch(r"\d+\.", name):
        return "messages"
    if name.startswith("cyrus."):
        return "indexes"
    for part in ("wal", "stage", "db", "deliver", "quota", "user", "proc"):
        if f"/{part}/" in path:
            return "environment" if name.startswith(("__db", "kv.room")) else part
    return "other"


class Meter:
    def __init__(self, server, load, out):
        self.server, self.load, self.out = server, load, out
        self.samples = []
        self.latencies = {}     # kind -> [seconds]
        self.began = time.monotonic()
        self.log_seen = 0
        self.odd_lines = []
        self.most_held = 0      # descriptors of mailboxes in one process
        # A sanitizer keeps freed memory for a while: nothing to be learnt from its growth.
        self.is_sanitized = b"__asan_init" in (server.build / "imap/imapd/imapd").read_bytes()

    # --- a sample ---

    def processes(self):
        master = self.server.process.pid
        found = {}
        for pid in [master] + children(master):
            if state_of(pid) not in ("", ["Z"]):
                kind = "master" if pid == master else kind_of(pid)
                mailboxes, others = descriptors(pid)
                found[pid] = {"kind": kind, "fds": others, "mailboxes": mailboxes, **memory(pid)}
                self.most_held = max(self.most_held, mailboxes)
        return {p: x for p, x in found.items() if x["fds"]}

    def spent(self):
        master = self.server.process.pid
        return cpu(master, True) + sum(cpu(p, True) for p in children(master))

    def disk(self):
        sums = {}
        for folder in ("config", "spool", "spool2"):
            for kind, (size, files) in tree(self.server.dir / folder, kind_of_file).items():
                one = sums.setdefault(kind, [0, 0])
                one[0] += size
                one[1] += files
        return sums

    def sample(self):
        load = self.load
        took = load.take_times()
        for kind, values in took.items():
            self.latencies.setdefault(kind, []).extend(values)
        every = sorted(v for values in took.values() for v in values)
        s = {"t": time.monotonic() - self.began, "processes": self.processes(),
             "cpu": self.spent(), "client_cpu": time.process_time(), "disk": self.disk(),
             "model": sum(o.bytes() for o in load.owners), "commands": len(every),
             "lines": self.read_log()}
        if every:
            s["latency"] = [percentile(every, q) for q in (.5, .99)] + [every[-1]]
        self.samples.append(s)
        self.tell(s)

    def tell(self, s):
        kinds = {}
        for x in s["processes"].values():
            one = kinds.setdefault(x["kind"], [0, 0, 0, 0, 0])
            for n, v in enumerate((1, x["Rss"], x["Pss"], x["Anonymous"], x["fds"])):
                one[n] += v
        procs = " ".join(f"{k}:{n}/{r}/{p}/{a}/{f}" for k, (n, r, p, a, f) in sorted(kinds.items()))
        disk = " ".join(f"{k}:{b // 1024}/{n}" for k, (b, n) in sorted(s["disk"].items()))
        ms = "/".join(f"{x * 1000:.1f}" for x in s.get("latency", []))
        self.out(f"{s['t']:7.0f} s  commands {s['commands']} ms {ms}  cpu {s['cpu']:.1f}+"
                 f"{s['client_cpu']:.1f}  model {s['model'] // 1024}  [{procs}]  [{disk}]")

    def read_log(self):
        """Lines above notice; how many lines there were."""
        with open(self.server.log_path, "rb") as f:
            f.seek(self.log_seen)
            new = f.read()
        new = new[:new.rfind(b"\n") + 1]
        self.log_seen += len(new)
        lines = new.decode(errors="replace").splitlines()
        self.odd_lines += [line for line in lines
                           if re.search(r"\]: (warning|err|crit|alert|emerg): ", line)
                           or "Sanitizer" in line or "runtime error" in line]
        return len(lines)

    # --- the verdict ---

    def later(self):
        """The last three quarters."""
        start = self.samples[-1]["t"] / 4
        return [s for s in self.samples if s["t"] >= start]

    def lasting(self, kind):
        """{pid: [(seconds, what it had)]} of those that were there all the time."""
        late = self.later()
        pids = [p for p, x in late[0]["processes"].items() if x["kind"] == kind
                and all(s["processes"].get(p, {}).get("kind") == kind for s in late)]
        return {p: [(s["t"], s["processes"][p]) for s in late] for p in pids}

    def slopes(self, kind, what):
        return {p: Slope([(t, x[what]) for t, x in points])
                for p, points in self.lasting(kind).items()}

    def templates(self):
        """They are made anew at each reload: the mean of each sample counts."""
        points = []
        for s in self.later():
            have = [x["Anonymous"] for x in s["processes"].values() if x["kind"] == "template"]
            if have:
                points.append((s["t"], statistics.mean(have)))
        return Slope(points)

    def verdict(self):
        """[(what, growth, limit)]."""
        rows = []
        for kind in ("master", "idled"):
            for what, limit in (("Anonymous", LIMITS[kind]), ("fds", 2 * LIMITS["descriptors"])):
                for slope in self.slopes(kind, what).values():
                    unit = "descriptors" if what == "fds" else "anonymous memory, KiB"
                    rows.append((f"{kind}: {unit}", slope, limit))
        rows.append(("templates: anonymous memory, KiB", self.templates(), LIMITS["template"]))
        for what, unit, mean, worst in (
                ("Anonymous", "anonymous memory, KiB", LIMITS["session"], LIMITS["session, worst"]),
                ("fds", "descriptors", LIMITS["descriptors"], 3 * LIMITS["descriptors"])):
            slopes = list(self.slopes("imapd", what).values())
            if slopes:
                top = max(slopes, key=lambda s: s.growth)
                sum_of = Slope([(t, statistics.mean(s.points[n][1] for s in slopes))
                                for n, (t, _) in enumerate(slopes[0].points)])
                rows.append((f"{len(slopes)} sessions that last, mean: {unit}", sum_of, mean))
                rows.append((f"{len(slopes)} sessions that last, worst: {unit}", top, worst))
        return rows

    def growing(self):
        out = [f"{what} grows: {slope}, allowed {limit}"
               for what, slope, limit in self.verdict()
               if slope.growth > limit and not (self.is_sanitized and "memory" in what)]
        if self.most_held > MOST_HELD:
            out.append(f"{self.most_held} descriptors of mailboxes in one process")
        return out

    def busy(self):
        """Share of one core: the server's, the clients'."""
        a, b = self.samples[0], self.samples[-1]
        t = b["t"] - a["t"] or 1
        return (b["cpu"] - a["cpu"]) / t, (b["client_cpu"] - a["client_cpu"]) / t


def files_of(folder):
    """Every file below FOLDER but those of the partition itself."""
    return {str(p) for p in pathlib.Path(folder).rglob("*")
            if p.is_file() and not re.search(r"/spool2?/(wal|stage)/", str(p))}
