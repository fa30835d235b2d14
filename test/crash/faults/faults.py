#!/usr/bin/python3
"""Makes each call of the server fail once, and looks whether promises hold.

    faults.py [--build DIR] [options]

    --list              enumerate the sites (by call), and end
    --call NAMES        only sites of these calls (comma)
    --key HEX           only this site (as a failure prints it)
    --error NAMES       only these errors (ENOSPC, SHORT for a short transfer)
    --mode once|lasting only once, or for LASTING seconds
    --step NAMES        only under these steps
    --few N             only N steps, drawn by lot: to enumerate all takes a while
    --no-memory         not the calls that ask for memory
    --sample N --seed S a random choice of N trials
    --seconds T         end after so long
    --deep              SIGKILL, restart and full check after every trial
    --explain           say what happened in each trial
    --save FILE         write what was found there
    --journal FILE      write down each trial (journal.py); begun again with
                        the same file and build, it goes on where it was
    --jobs N            so many servers at once; needs a journal

A run enumerates first: each step of steps.py and steps_later.py is done twice
with counting on, and once more with new processes ("step+").  Then for each
site and each error that fits its call (table.py): arm the site,
do the quickest step that reaches it, look what the client was told, and
compare with what is there.  The first error of each site comes first, then all
that last, then the others.  After flushes always, after other trials every
DEEP_EVERY, all processes are killed, what a failed flush may have lost is
taken away (inject.c), and after a restart all is compared again.

Exit 1 if a promise was broken; each is printed with the site's trace and the
command that repeats it.
"""
import argparse
import collections
import multiprocessing
import os
import pathlib
import random
import signal
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]
if "--build" in sys.argv:               # it is read when they are imported
    os.environ["CHAPAR_BUILD"] = sys.argv[sys.argv.index("--build") + 1]

from world import CRASH, Crashed, Lost, Refused, Violation, World  # noqa: E402
import chapar  # noqa: E402
from journal import Journal  # noqa: E402
from steps import STEPS, fill  # noqa: E402
import steps_later  # noqa: E402, F401  it adds to STEPS
from table import ERRORS, error_number, trace  # noqa: E402

DEEP_EVERY = 60
LASTING = 0.3
FLUSHES = ("fsync", "fdatasync", "syncfs")
MEMORY = ("malloc", "calloc", "realloc")
QUICK_TOP = 3
FRESH_COST = 0.5                        # seconds that a restart takes about
WIDE = 2000                             # characters of a line of a report


class Run:
    def __init__(self, args):
        self.args = args
        self.world = None
        self.journal = None
        self.sites = {}
        self.reached = {}               # key -> {step: in how many of its passes}
        self.cost = {}                  # step -> seconds
        self.found = []
        self.count = collections.Counter()
        self.since_deep = []
        self.random = random.Random(args.seed)

    # --- the world ---

    def fresh(self):
        self.drop()
        self.world = World()
        self.since_deep = []

    def drop(self):
        if self.world is not None:
            self.world.end()
            self.world.close()
        self.world = None

    # --- enumeration ---

    def enumerate(self):
        w = self.world
        w.table.enable()
        names = self.args.step.replace("+", "").split(",") if self.args.step else list(STEPS)
        if self.args.few:
            names = self.random.sample(names, self.args.few)
        passes = ("", "") if self.args.few else ("", "", "+")
        for suffix in passes:
            for name in names:
                self.count_sites(name + suffix)
                w.check()
        w.check_deep()
        self.sites = w.table.sites()

    def count_sites(self, name):
        w = self.world
        fn = self.prepare(name)
        before = {k: s.hits for k, s in w.table.sites().items()}
        w.begin()
        start = time.monotonic()
        fn(w)
        self.cost[name] = time.monotonic() - start + (FRESH_COST if name.endswith("+") else 0)
        w.end()
        for k, s in w.table.sites().items():
            if s.hits > before.get(k, 0):
                steps = self.reached.setdefault(k, {})
                steps[name] = steps.get(name, 0) + 1

    def prepare(self, name):
        """The step's function; NAME+ is the same with new processes."""
        w, fn = self.world, STEPS[name.rstrip("+")]
        fill(w)
        if fn.prepare:
            fn.prepare(w)
        if name.endswith("+") and w.server.process is not None:
            w.server.kill_all()
            w.server.start()
        return fn

    def list(self):
        by = collections.Counter(self.sites[k].call for k in self.reached)
        for name, s in self.cost.items():
            print(f"{s:8.3f} s {name}")
        for call, n in by.most_common():
            print(f"{n:6} {call}")
        print(f"{len(self.reached):6} sites in {sum(len(s) for s in self.reached.values())} steps")

    # --- trials ---

    def trials(self):
        only = lambda text: set(text.split(",")) if text else None
        calls, errors = only(self.args.call), only(self.args.error)
        out = []
        for key in sorted(self.reached):
            site = self.sites[key]
            # Berkeley DB believes that close(2) never fails and falls over it.
            if site.call == "close" and site.frames and "libdb" in site.frames[0][0]:
                continue
            if self.args.no_memory and site.call in MEMORY:
                continue
            if (calls and site.call not in calls) or (self.args.key and key != int(self.args.key, 16)):
                continue
            for i, error in enumerate(ERRORS[site.call]):
                for mode in ("once", "lasting"):
                    if errors and error not in errors:
                        continue
                    if self.args.mode and mode != self.args.mode:
                        continue
                    # Lasting only with the first error, and nothing that is no failure.
                    if mode == "lasting" and not self.args.mode and (
                            i > 0 or error in ("EINTR", "EAGAIN", "SHORT")):
                        continue
                    if mode == "lasting" and error in ("EINTR", "SHORT"):
                        continue
                    out.append((key, error, mode))
        if self.args.sample:
            out = self.random.sample(out, min(self.args.sample, len(out)))
        else:
            # Trials of one step together.
            out.sort(key=lambda t: (self.turn(*t), self.steps_for(t[0])[0], t[0]))
        return out

    def turn(self, key, error, mode):
        return 1 if mode == "lasting" else 0 if error == ERRORS[self.sites[key].call][0] else 2

    def steps_for(self, key):
        """The quickest that surely meets it, the same with new processes, another."""
        n = self.reached[key]
        order = sorted(n, key=lambda s: (not (n[s] > 1 or s.endswith("+")), self.cost[s]))
        fresh = [s for s in order if s.endswith("+")]
        first = order[:1] + fresh[:1] + order[1:]
        return list(dict.fromkeys(first))[:QUICK_TOP]

    def trial(self, key, error, mode):
        """True if the site was reached."""
        w, site = self.world, self.sites[key]
        for name in self.steps_for(key):
            fn = self.prepare(name)
            w.begin()
            if site.call in FLUSHES:
                w.table.track(True)
            w.table.arm(key, error_number(error), LASTING if mode == "lasting" else 0)
            self.outcome = "OK"
            try:
                fn(w)
            except Refused:
                self.outcome = "refused"
            except Lost:
                self.outcome = "lost"
            except Crashed:
                self.outcome = "lost"
                if not self.is_theirs(site):
                    raise
            finally:
                fired = w.table.disarm()
                self.step, self.path = name, w.table.fired()[2]
                w.end()
            self.verify(fired, site, error)
            if fired:
                return True
        return False

    def verify(self, fired, site, error):
        w = self.world
        w.check()
        w.check_services()
        if fired and self.outcome != "OK":
            w.check_works()
        log = w.new_log()
        crash = [l for l in log.splitlines() if CRASH.search(l)]
        theirs = self.is_theirs(site)
        if crash and not theirs:
            raise Violation("a process crashed:\n" + "\n".join(crash[:4]))
        if fired and self.outcome != "OK" and not theirs and not self.is_told(log, error):
            raise Violation(f"{self.outcome}, and the log does not say why ({error})")
        if fired and (site.call in FLUSHES or self.args.deep or len(self.since_deep) >= DEEP_EVERY):
            w.check_deep()
            self.since_deep = []

    @staticmethod
    def is_theirs(site):
        """Berkeley DB, SASL and libc's name services fall over a lack of memory;
        what counts is what follows."""
        return site.call in MEMORY and (any(
            lib in f[0] for f in site.frames for lib in ("libdb", "libsasl", "sasl2"))
            or "nss_" in " ".join(trace(chapar.BUILD, site)))

    def is_told(self, log, error):
        if self.path == str(self.world.server.log_path) or self.path.startswith(("socket:", "pipe:")):
            return True
        said = log + "".join(self.world.said)
        number = getattr(__import__("errno"), error, None)
        words = [os.strerror(number)] if number else []
        words += ["no room", "memory", "too many", "IOERROR", "cannot", "failed", "could not", "readable", "locked by"]
        return any(x.lower() in said.lower() for x in words)

    def one(self, key, error, mode):
        self.count["trials"] += 1
        start = time.monotonic()
        self.step, self.outcome, self.path = "?", "?", ""
        fired, found, others = False, None, []
        try:
            if self.world is None:
                self.fresh()
                self.world.table.enable()
            self.since_deep.append((key, error, mode))
            others = self.since_deep
            fired = self.trial(key, error, mode)
            if self.args.explain:
                self.explain(key)
            if not fired:
                self.count["not reached"] += 1
            self.count[self.outcome] += 1
        except Exception as e:          # noqa: BLE001  whatever it is, it is a finding
            found = self.report(key, error, mode, e)
            self.drop()
        took = time.monotonic() - start
        if self.journal:
            self.journal.add(trial=[key, error, mode], outcome=self.outcome, step=self.step, reached=bool(fired),
                             s=round(took, 2), found=found, **({"with": others[:-1]} if found else {}))
        if self.args.verbose:
            print(f"{key:016x} {self.sites[key].call} {error} {mode} {self.step}: {self.outcome}"
                  f" {took:.2f} s", flush=True)

    def explain(self, key):
        w = self.world
        print("\n".join(["at " + " < ".join(trace(chapar.BUILD, self.sites[key])), f"on {self.path}",
                         f"outcome {self.outcome}", *w.said, w.new_log()]))

    def report(self, key, error, mode, e):
        w, site = self.world, self.sites[key]
        text = [f"--- {site.call}() = {error} ({mode}) under {self.step}, client: {self.outcome}",
                f"{type(e).__name__}: {e}"[:WIDE]]
        if w is not None:
            if type(e).__name__ != "Violation":
                text += traceback.format_exc().splitlines()[-8:]
            text += ["at " + " < ".join(trace(chapar.BUILD, site)[:9])]
            text += [f"on {self.path}"] if self.path else []
            text += ["told: " + "; ".join(w.said[-6:])]
            text += ["log: " + l for l in w.new_log().splitlines() if "]: debug" not in l][-8:]
            text = [l[:WIDE] for l in text]
            if type(e).__name__ == "Violation" and len(self.since_deep) > 1:
                text += [f"(trials since the last restart: {len(self.since_deep)})"]
        text += [f"repeat: {HERE}/faults.py --key {key:016x} --error {error} --mode {mode}"
                 f" --step {self.step} --deep"]
        self.found.append("\n".join(text))
        print(self.found[-1], flush=True)
        return self.found[-1]

    def run(self):
        start = time.monotonic()
        self.get_sites()
        print(f"{len(self.reached)} sites, enumerated in {time.monotonic() - start:.1f} s; seed {self.args.seed}",
              flush=True)
        if self.args.list:
            self.list()
            self.drop()
            return True
        todo = self.trials()
        if self.args.jobs > 1:
            self.drop()
            self.share(todo)
        else:
            self.do(todo, iter(range(len(todo))), start)
        if self.args.save:
            pathlib.Path(self.args.save).write_text("\n\n".join(self.found) + "\n")
        return not self.found

    def get_sites(self):
        if self.args.journal:
            self.journal = Journal(self.args.journal, chapar.BUILD)
            self.sites, self.reached, self.cost = self.journal.sites, self.journal.reached, self.journal.cost
        if not self.cost:
            self.fresh()
            try:
                self.enumerate()
            except BaseException:
                self.drop()
                raise
            if self.journal:
                self.journal.keep_sites(self.sites, self.reached, self.cost)

    def do(self, todo, numbers, start):
        """Those of TODO whose numbers come, until the time is over."""
        try:
            for i in numbers:
                if self.args.seconds and time.monotonic() - start > self.args.seconds:
                    break
                if self.journal and todo[i] in self.journal.done:
                    continue
                self.one(*todo[i])
                if self.count["trials"] % 250 == 0:
                    print(f"{self.count['trials']} trials ({i} of {len(todo)}) after"
                          f" {time.monotonic() - start:.0f} s", flush=True)
            if self.world is not None and len(self.since_deep) > 0:
                self.last_look()
        finally:
            self.drop()
        print(f"{self.count['trials']} of {len(todo)} trials in {time.monotonic() - start:.1f} s: "
              + ", ".join(f"{n} {k}" for k, n in self.count.items() if k != "trials")
              + f"; {len(self.found)} promises broken", flush=True)

    def share(self, todo):
        """Several processes, each with a server, take the next trial each."""
        context = multiprocessing.get_context("fork")
        at, found, start = context.Value("i", 0), context.Value("i", 0), time.monotonic()

        def numbers():
            while True:
                with at.get_lock():
                    i, at.value = at.value, at.value + 1
                if i >= len(todo):
                    return
                yield i

        def work(number):
            random.seed(f"{self.args.seed} {number}")
            self.do(todo, numbers(), start)
            with found.get_lock():
                found.value += len(self.found)
        jobs = [context.Process(target=work, args=(n,)) for n in range(self.args.jobs)]
        for j in jobs:
            j.start()
        for j in jobs:
            try:
                j.join()
            except SystemExit:
                for other in jobs:
                    other.terminate()
                raise
            if j.exitcode != 0:
                self.found.append(f"a process of this run ended with {j.exitcode}")
        self.found += [f"see {self.args.journal}"] * found.value

    def last_look(self):
        try:
            self.world.begin()
            self.world.check_deep()
        except Exception as e:          # noqa: BLE001
            self.report(*self.since_deep[-1], e)


def arguments(argv=None):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--build")
    p.add_argument("--list", action="store_true")
    for name in ("call", "key", "error", "mode", "step", "save"):
        p.add_argument("--" + name)
    p.add_argument("--journal")
    p.add_argument("--jobs", type=int, default=1)
    p.add_argument("--sample", type=int)
    p.add_argument("--few", type=int)
    p.add_argument("--no-memory", action="store_true")
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    p.add_argument("--seconds", type=float)
    p.add_argument("--deep", action="store_true")
    p.add_argument("--explain", action="store_true")
    p.add_argument("--verbose", action="store_true")
    return p.parse_args(argv)


def main():
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    if args.jobs > 1 and not args.journal:
        raise SystemExit("--jobs needs --journal")
    return 0 if Run(args).run() else 1


if __name__ == "__main__":
    sys.exit(main())
