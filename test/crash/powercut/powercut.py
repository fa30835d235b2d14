#!/usr/bin/python3
"""Cuts the power of a mail server at any moment, thousands of times.

    powercut.py run [--images N] [--seed S] [--seconds T] [--operations N]
        [--per-trace N] [--deaf NAME] [--around REGEX] [--stop-after N] [--keep DIR]
    powercut.py again DIR/TRACE --image ID [--leave]

`run` records workloads of a real server (record.c, workload.py), makes of each
the disks that a power cut may leave (disk.py), starts the real server on each
and compares what it shows with what clients had been promised (model.py,
verify.py).  Of some images the work of recovery itself is recorded, and the power
cut again in the midst of it.  Images are counted only if they differ from all
others of their trace.  --deaf: do not believe certain flushes (DEAF
below), which must be found.  --around: cuts only during and soon after those
commands of the clients whose words (as workload.py has them) match, none of them
a second time.  Exit status 1 if anything was found.

A trace in which something was found stays in DIR (default /tmp/powercut); a
violation prints the command that makes its image again: `again` prints what
differs, and with --leave leaves the image in DIR/image to be looked at, as it
was before the server was started.

An ID is CUT:POLICY:SEED, of a second cut CUT:POLICY:SEED+CUT:POLICY:SEED.
"""
import argparse
import collections
import json
import os
import pathlib
import pickle
import random
import re
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import disk  # noqa: E402
import host as hosts  # noqa: E402
import model as models  # noqa: E402
import verify  # noqa: E402
import workload  # noqa: E402

TRACE_SIZE = 1 << 30            # sparse
MESSAGE = (b"From: a@example.org\r\nSubject: afterwards\r\n\r\nafter the power came back\r\n")
SECOND = 0.08                   # so many images are cut a second time
PER_SECOND = 4
SOON = 60                       # records

DEAF = {
    "log": [(disk.SYNC, r"^[0-9a-f]{16}\.log$")],
    "names": [(disk.SYNC_DIR, "")],
    "stage": [(disk.SYNC, r"^[0-9a-f]{32}$")],
    "checkpoint": [(disk.SYNC_FS, "")],
    "database": [(disk.SYNC, r"^log\.\d+$")],
    "header": [(disk.SYNC, r"^cyrus\.header")],
}


class Tape:
    """A recorded workload; what `again` needs."""

    def __init__(self, snapshot, records, options, first):
        self.snapshot, self.records, self.options, self.first = snapshot, records, options, first

    def save(self, path):
        with open(path, "wb") as f:
            pickle.dump(self, f)

    @staticmethod
    def load(path):
        with open(path, "rb") as f:
            return pickle.load(f)


class Cut:
    """One image's name."""

    def __init__(self, at, policy, seed):
        self.at, self.policy, self.seed = at, policy, seed

    def __str__(self):
        return f"{self.at}:{self.policy}:{self.seed}"

    @staticmethod
    def parse(text):
        at, policy, seed = text.split(":")
        return Cut(int(at), policy, int(seed))


class Stage:
    """Disk and model, moved along a trace."""

    def __init__(self, tape, deaf=None, model=None):
        self.tape = tape
        self.disk = disk.Disk(tape.snapshot, deaf)
        self.model = model.copy() if model else models.Model()
        self.at = 0

    def move(self, to):
        for r in self.tape.records[self.at:to]:
            self.disk.step(r)
            if r.type == disk.EVENT:
                self.model.event(r.data.decode())
        self.at = to

    def image(self, cut):
        assert self.at == cut.at
        return self.disk.image(disk.choose(self.disk, cut.policy, f"{cut.seed}/{cut.at}"))


def database_writes(records, first):
    """Where Berkeley DB writes pages in their place: 4096 bytes, at a multiple of it."""
    return [i for i in range(first, len(records) - 3) if records[i].type == disk.WRITE
            and len(records[i].data) == 4096 and records[i].off % 4096 == 0
            and records[i].data[:8] != b"chaparix" and records[i].data[25:26] in b"\x02\x03\x05\x09\x0d"]


def places(records, first, around):
    """All from FIRST on; with AROUND those during the commands that it matches, and soon after."""
    if around is None:
        return range(first, len(records))
    begun, out = {}, set()
    for i in range(first, len(records)):
        if records[i].type != disk.EVENT:
            continue
        e = json.loads(records[i].data)
        if "ok" not in e:
            begun[e["c"]] = i if around.search(e["do"]) else None
        elif begun.get(e["c"]) is not None:
            out.update(range(begun[e["c"]], min(i + SOON, len(records))))
    return sorted(out)


def choose_cuts(records, first, n, rng, around=None):
    """Places of all kinds, most where it matters: just before a flush or an answer."""
    where = places(records, first, around)
    if not where:
        return []
    before = [i for i in where if records[i].type in (disk.SYNC, disk.SYNC_DIR, disk.SYNC_FS)]
    pages = [] if around else database_writes(records, first)
    events = [i for i in where if records[i].type == disk.EVENT]
    out = []
    for i in range(n):
        kind = rng.random()
        if pages and rng.random() < 0.06:
            out.append(Cut(rng.choice(pages) + rng.randint(1, 3), "database." + rng.choice(list(disk.META)), i))
            continue
        if kind < 0.35 and before:
            at = rng.choice(before)
        elif kind < 0.5 and before:
            at = rng.choice(before) + 1
        elif kind < 0.7 and events:
            at = rng.choice(events) + 1
        else:
            at = rng.choice(where) + 1
        out.append(Cut(at, rng.choice(disk.POLICIES), i))
    return sorted(out, key=lambda c: c.at)


LEFT = re.compile(r"(\S+): uid (\d+): (?:(found)(?:; it is uid \d+ now)?|the file is what a power cut left .*)")


def left_over(line, model, actual, top):
    """A file that a commit had begun that never was, of a UID that nobody was told of.

    What is empty or has a hole is known for that, and would be removed; what is
    found must be a message, or the beginning of one, which nobody can tell from
    what somebody has put there.  A recovery that has met one gives higher UIDs
    from then on.
    """
    m = LEFT.fullmatch(line)
    if not m or m[1] not in actual.boxes:
        return False
    uid = int(m[2])
    told = any(uid in b.uids for b in model.boxes.values() if b.name == m[1])
    if told and uid < actual.boxes[m[1]].uidnext:
        return False
    return not m[3] or any(begins_a_message(p.replace("cyrus.index", f"{uid}."))
                           for p in verify.index_paths(top, m[1]))


def begins_a_message(path):
    """The text of each message of ours is one line, again and again."""
    try:
        with open(path, "rb") as f:
            body = f.read().partition(b"\r\n\r\n")[2]
    except OSError:
        return False
    line = body.partition(b"\r\n")[0] + b"\r\n"
    rest = body.replace(line, b"")
    return len(line) > 2 and line.startswith(rest)


class Simulator:
    def __init__(self, args, workplace):
        self.args, self.w = args, workplace
        self.deaf = disk.deaf_to(*DEAF[args.deaf]) if args.deaf else None
        self.around = re.compile(args.around) if args.around else None
        self.keep = pathlib.Path(args.keep)
        self.images = self.same = self.second = 0
        self.violations = []
        self.noise = collections.Counter()
        self.times = collections.Counter()
        self.started = time.monotonic()

    def spent(self, what, since):
        now = time.monotonic()
        self.times[what] += now - since
        return now

    # --- recording ---

    def trace_path(self):
        path = self.w.dir / "trace"
        path.unlink(missing_ok=True)
        shutil.rmtree(f"{path}.shadow", ignore_errors=True)
        return path

    def record(self, seed):
        rng = random.Random(f"options {seed}")
        self.w.options = {"expunge_mode": rng.choice(("immediate", "delayed")),
                          "expunge_grace": rng.choice(("0s", "15m")),
                          "delete_mode": rng.choice(("immediate", "delayed"))}
        h = hosts.Host(self.w, "root")
        h.make_folders()
        snapshot = disk.snapshot(h.top, hosts.FOLDERS)
        path = self.trace_path()
        trace = disk.Trace(self.w.build / hosts.LIBRARY, path, TRACE_SIZE)
        h.trace = str(path)
        h.start()
        load = workload.Workload(h, trace, seed, self.args.operations, self.args.only)
        try:
            load.run()
        except (OSError, AssertionError):
            print(h.log() + h.output())
            raise
        h.stop()
        hosts.kill_children()
        records = disk.read_trace(path)
        self.compare_with_disk(h, snapshot, records)
        first = next(i for i, r in enumerate(records) if r.type == disk.EVENT)
        if self.args.verbose:
            print(load.counts, len(records), "records", self.w.options)
        return Tape(snapshot, records, dict(self.w.options), first)

    @staticmethod
    def compare_with_disk(h, snapshot, records):
        """Has the recorder missed anything?  All of the trace makes what is there."""
        d = disk.Disk(snapshot)
        for r in records:
            d.step(r)
        image = d.image(disk.choose(d, "all.max", 0))
        want = {p: image.contents[i] for p, i in image.paths}
        have = {}
        for name, _, folders, files in disk.snapshot(h.top, hosts.FOLDERS):
            root = os.stat(f"{h.top}/{name}").st_ino
            stack = [(name, root)]
            while stack:
                path, ino = stack.pop()
                for n, i in folders[ino].items():
                    where = f"{path}/{os.fsdecode(n)}"
                    if where in ("config/proc", "config/socket"):
                        continue
                    if i in folders:
                        stack.append((where, i))
                    else:
                        have[where] = files[i][0]
        assert set(want) == set(have), f"recorded otherwise than it is: {set(want) ^ set(have)}"
        for path in want:
            if not re.search(r"/(__db|kv\.room(\.old)?)\.\d\d\d$", path):
                assert want[path].digest() == have[path].digest(), f"{path}: recorded otherwise"

    # --- one image ---

    def put(self, h, image):
        h.clear()
        image.save(str(h.top))
        h.make_volatile()

    def check(self, h, model, events=None):
        """Starts the server on what is there; what is wrong."""
        now = time.monotonic()
        h.start()
        try:
            h.connect().close()
            now = self.spent("start", now)
            actual = verify.Actual(h)
            now = self.spent("look", now)
            verify.take_modseqs(actual, h.top)
            out = verify.Comparison(model, actual).run()
            out += verify.expunge_problems(model, actual, h.top)
            now = self.spent("compare", now)
            out += self.afterwards(h, model, actual, events)
            now = self.spent("afterwards", now)
            out += self.examine(h, model, actual)
            now = self.spent("reconstruct", now)
        except (OSError, AssertionError, hosts.NoService, AttributeError) as e:
            out = [f"{type(e).__name__}: {e}"]
        finally:
            if events is not None:
                h.process.terminate()       # records its mappings' last changes
                h.process.wait(hosts.PATIENCE)
            h.kill()
            hosts.kill_children()
        for line in h.log().splitlines():
            if re.search(r"\]: (err|crit|warning): ", line):
                self.noise[re.sub(r"[0-9a-f]{32}|token-\S+|/dev/shm\S*|\d+", "#",
                                  line.split("]: ", 1)[1])] += 1
        self.spent("stop", now)
        return out

    def afterwards(self, h, model, actual, events):
        """New mail gets new UIDs and can be read."""
        out = []
        user = random.Random(self.images).choice(hosts.USERS)
        box = actual.boxes.get(f"user.{user}")
        if box is None:
            return out
        if events:
            number = next((n for n, b in model.boxes.items() if b.name == f"user.{user}"), None)
            if number is None:          # its CREATE was not answered
                return out
            events.event(json.dumps({"c": "after", "n": 1, "do": "APPEND", "mode": "any", "groups": [[
                ["msg", number, "afterwards", None,
                 workload.Client.spec(MESSAGE, [], False, None)]]]}))
        c = h.login(user)
        if self.images % 4 == 0:
            s, f = h.lmtp()
            f.write(b"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n" % user.encode())
            f.write(MESSAGE + b".\r\nQUIT\r\n")
            f.flush()
            said = f.read()
            if b"\r\n250 2.1.5" not in said and said.count(b"\r\n250 ") < 3:
                out.append(f"a new message is not taken: {said[-300:]!r}")
            s.close()
        else:
            r = c.cmd('APPEND "INBOX" ', MESSAGE)
            if r.status != "OK":
                return out + [f"APPEND to {user}: {r!r}"]
        new = c.ok('EXAMINE "INBOX"')
        r = c.ok(f"UID FETCH {box.uidnext}:* (UID BODY.PEEK[])")
        uids = [int(m[1]) for m in r.all(rb"FETCH \(UID (\d+)") if int(m[1]) >= box.uidnext]
        # Above what a commit has left that never was.
        if len(uids) != 1 or not any(MESSAGE in u for u in r.untagged):
            out.append(f"{user}: a new message is not there, from UID {box.uidnext} on: {r!r:.300}")
        if int(new.find(rb"UIDVALIDITY (\d+)")[1]) != box.validity:
            out.append(f"{user}: UIDVALIDITY changes")
        c.close()
        return out

    def examine(self, h, model, actual):
        if self.images % self.args.reconstruct:
            return []
        if not actual.boxes:
            return []
        r = h.tool("reconstruct", "-n", *actual.boxes)
        bad = [x for x in r.stdout.splitlines() if x not in actual.boxes and not left_over(x, model, actual, h.top)]
        return [f"reconstruct -n: {r.returncode} {bad[:5]} {r.stderr[-300:]}"] \
            if bad or r.returncode else []

    # --- all of one trace ---

    def sweep(self, tape, name, seed, images):
        stage = Stage(tape, self.deaf)
        seen = set()
        h = hosts.Host(self.w, "img")
        rng = random.Random(f"cuts {seed}")
        for cut in choose_cuts(tape.records, 0 if rng.random() < 0.1 else tape.first, images, rng, self.around):
            if self.is_over():
                return
            now = time.monotonic()
            stage.move(cut.at)
            image = stage.image(cut)
            now = self.spent("image", now)
            if image.digest in seen:
                self.same += 1
                continue
            seen.add(image.digest)
            self.put(h, image)
            self.spent("put", now)
            self.images += 1
            if not self.around and rng.random() < SECOND:
                self.twice(tape, name, h, stage, cut, rng)
            else:
                self.found(self.check(h, stage.model), tape, name, str(cut))

    def twice(self, tape, name, h, stage, cut, rng):
        """Cuts the power once more while the server recovers."""
        again, out = self.record_recovery(h, stage.model)
        self.found(out, tape, name, str(cut))
        if out:
            return
        model = stage.model
        for second in choose_cuts(again.records, 0, PER_SECOND, rng):
            s = Stage(again, self.deaf, model)
            s.move(second.at)
            self.put(h, s.image(second))
            self.images += 1
            self.second += 1
            self.found(self.check(h, s.model), tape, name, f"{cut}+{second}",
                       again, stage.model)

    def record_recovery(self, h, model):
        snapshot = disk.snapshot(h.top, hosts.FOLDERS)
        path = self.trace_path()
        trace = disk.Trace(self.w.build / hosts.LIBRARY, path, TRACE_SIZE)
        h.trace = str(path)
        out = self.check(h, model, trace)
        h.trace = None
        return Tape(snapshot, disk.read_trace(path), None, 0), out

    def found(self, out, tape, name, ident, again=None, model=None):
        if not out:
            return
        self.violations.append((ident, out))
        self.keep.mkdir(parents=True, exist_ok=True)
        path = self.keep / f"{name}.tape"
        if not path.exists():
            tape.save(path)
        if again:
            with open(self.keep / f"{name}.{ident}.second", "wb") as f:
                pickle.dump((again, model), f)
        print(f"VIOLATION {len(self.violations)}, image {self.images}: {ident}")
        for line in out[:8]:
            print("   ", line)
        print(f"    again with: {__file__} again {path} --image {ident}"
              + (f" --deaf {self.args.deaf}" if self.args.deaf else ""), flush=True)

    def is_over(self):
        a = self.args
        return (self.images >= a.images or len(self.violations) >= a.stop_after
                or (a.seconds and time.monotonic() - self.started > a.seconds))

    def run(self):
        n = 0
        while not self.is_over():
            seed = f"{self.args.seed}.{n}"
            now = time.monotonic()
            tape = self.record(seed)
            self.spent("record", now)
            self.sweep(tape, f"trace-{seed}-{os.getpid()}", seed,
                       min(self.args.per_trace, self.args.images - self.images))
            n += 1
            print(self.summary(n), flush=True)
        for text, count in self.noise.most_common(12 if self.args.verbose else 0):
            print(f"{count:6} {text[:150]}")
        if self.args.verbose:
            print({k: round(v, 1) for k, v in self.times.items()})

    def summary(self, traces):
        t = os.times()
        return (f"{self.images} images ({self.second} of second cuts, {self.same} alike not counted) "
                f"of {traces} traces, {len(self.violations)} violations, "
                f"{time.monotonic() - self.started:.0f} s, "
                f"{t.user + t.system + t.children_user + t.children_system:.0f} s of CPU")


def again(args):
    tape = Tape.load(args.trace)
    w = hosts.Workplace(options=tape.options)
    try:
        s = Simulator(args, w)
        first, _, second = args.image.partition("+")
        cut = Cut.parse(first)
        stage = Stage(tape, s.deaf)
        if second:
            with open(f"{args.trace[:-5]}.{args.image}.second", "rb") as f:
                tape, model = pickle.load(f)
            cut, stage = Cut.parse(second), Stage(tape, s.deaf, model)
        stage.move(cut.at)
        h = hosts.Host(w, "img")
        s.put(h, stage.image(cut))
        if args.leave:
            to = pathlib.Path(args.trace).parent / "image"
            shutil.rmtree(to, ignore_errors=True)
            shutil.copytree(h.top, to)
        out = s.check(h, stage.model)
        print("\n".join(out) or "nothing differs")
        if args.verbose:
            print(h.log())
            for r in tape.records[max(0, cut.at - 40):cut.at]:
                print(r.type, r.pid, r.ino, r.off, r.parent, len(r.data),
                      r.data[:300] if r.type >= disk.CREATE else "")
        return 1 if out else 0
    finally:
        w.remove()


def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    p.add_argument("what", choices=("run", "again"))
    p.add_argument("trace", nargs="?")
    p.add_argument("--image")
    p.add_argument("--leave", action="store_true")
    p.add_argument("--images", type=int, default=1000)
    p.add_argument("--seed", default=str(random.SystemRandom().randrange(10**6)))
    p.add_argument("--seconds", type=float, default=0)
    p.add_argument("--operations", type=int, default=200)
    p.add_argument("--per-trace", type=int, default=120)
    p.add_argument("--reconstruct", type=int, default=1, help="reconstruct -n on each so-many-th image")
    p.add_argument("--deaf", choices=sorted(DEAF))
    p.add_argument("--around", metavar="REGEX", help="cuts during and after commands like this only")
    p.add_argument("--only", metavar="STEP", nargs="+", help="one client, which does this only")
    p.add_argument("--stop-after", type=int, default=10, help="so many violations")
    p.add_argument("--keep", default="/tmp/powercut")
    p.add_argument("--verbose", action="store_true")
    return p.parse_args()


def main():
    args = arguments()
    if args.what == "again":
        return again(args)
    print(f"seed {args.seed}", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    os.makedirs(args.keep, exist_ok=True)
    os.chmod(args.keep, 0o1777)
    w = hosts.Workplace()
    try:
        s = Simulator(args, w)
        s.run()
        return 1 if s.violations else 0
    finally:
        hosts.kill_children()
        w.remove()


if __name__ == "__main__":
    sys.exit(main())
