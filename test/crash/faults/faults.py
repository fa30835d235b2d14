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

A run enumerates first: each step of steps.py is done twice with counting on.
Then for each site and each error that fits its call (table.py): arm the site,
do the quickest step that reaches it, look what the client was told, and
compare with what is there.  After flushes always, after other trials every
DEEP_EVERY, all processes are killed, what a failed flush may have lost is
taken away (inject.c), and after a restart all is compared again.

Exit 1 if a promise was broken; each is printed with the site's trace and the
command that repeats it.
"""
import argparse
import collections
import os
import pathlib
import random
import sys
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE)]

DEEP_EVERY = 60
LASTING = 0.3
FLUSHES = ("fsync", "fdatasync", "syncfs")
MEMORY = ("malloc", "calloc", "realloc")
QUICK_TOP = 3


class Run:
    def __init__(self, args):
        self.args = args
        self.world = None
        self.reached = {}               # key -> {step: hits}
        self.cost = {}                  # step -> seconds
        self.found = []
        self.count = collections.Counter()
        self.since_deep = []
        self.random = random.Random(args.seed)

    # --- the world ---

    def fresh(self):
        from world import World
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
        from steps import STEPS, fill
        w = self.world
        w.table.enable()
        names = self.args.step.split(",") if self.args.step else list(STEPS)
        if self.args.few:
            names = self.random.sample(names, self.args.few)
        for again in range(2):
            for name in names:
                fn = STEPS[name]
                fill(w)
                if fn.prepare:
                    fn.prepare(w)
                before = {k: s.hits for k, s in w.table.sites().items()}
                w.begin()
                start = time.monotonic()
                fn(w)
                self.cost[name] = time.monotonic() - start
                w.end()
                for k, s in w.table.sites().items():
                    if s.hits > before.get(k, 0):
                        self.reached.setdefault(k, {})[name] = s.hits - before.get(k, 0)
                w.check()
        w.check_deep()
        self.sites = w.table.sites()

    def list(self):
        by = collections.Counter(self.sites[k].call for k in self.reached)
        for name, s in self.cost.items():
            print(f"{s:8.3f} s {name}")
        for call, n in by.most_common():
            print(f"{n:6} {call}")
        print(f"{len(self.reached):6} sites in {sum(len(s) for s in self.reached.values())} steps")

    # --- trials ---

    def trials(self):
        from table import ERRORS
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
            out.sort(key=lambda t: (self.steps_for(t[0])[0], t[0]))
        return out

    def steps_for(self, key):
        return sorted(self.reached[key], key=lambda s: self.cost[s])

    def trial(self, key, error, mode):
        """True if the site was reached."""
        from steps import STEPS, fill
        from table import error_number
        from world import Lost, Refused
        w, site = self.world, self.sites[key]
        for name in self.steps_for(key)[:QUICK_TOP]:
            fn = STEPS[name]
            fill(w)
            if fn.prepare:
                fn.prepare(w)
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
            finally:
                fired = w.table.disarm()
                self.step, self.path = name, w.table.fired()[2]
                w.end()
            self.verify(fired, site, error)
            if fired:
                return True
        return False

    def verify(self, fired, site, error):
        from world import CRASH, Violation
        w = self.world
        w.check()
        w.check_services()
        if fired and self.outcome != "OK":
            w.check_works()
        log = w.new_log()
        crash = [l for l in log.splitlines() if CRASH.search(l)]
        # Berkeley DB and SASL fall over a lack of memory; what counts is what follows.
        theirs = site.call in MEMORY and any(
            lib in f[0] for f in site.frames for lib in ("libdb", "libsasl", "sasl2"))
        if crash and not theirs:
            raise Violation("a process crashed:\n" + "\n".join(crash[:4]))
        if fired and self.outcome != "OK" and not theirs and not self.is_told(log, error):
            raise Violation(f"{self.outcome}, and the log does not say why ({error})")
        if fired and (site.call in FLUSHES or self.args.deep or len(self.since_deep) >= DEEP_EVERY):
            w.check_deep()
            self.since_deep = []

    def is_told(self, log, error):
        if self.path == str(self.world.server.log_path) or self.path.startswith(("socket:", "pipe:")):
            return True
        said = log + "".join(self.world.said)
        number = getattr(__import__("errno"), error, None)
        words = [os.strerror(number)] if number else []
        words += ["no room", "memory", "too many", "IOERROR", "cannot", "failed", "could not", "readable"]
        return any(x.lower() in said.lower() for x in words)

    def one(self, key, error, mode):
        self.count["trials"] += 1
        start = time.monotonic()
        self.step, self.outcome, self.path = "?", "?", ""
        try:
            if self.world is None:
                self.fresh()
                self.world.table.enable()
            self.since_deep.append((key, error, mode))
            fired = self.trial(key, error, mode)
            if self.args.explain:
                self.explain(key)
            if not fired:
                self.count["not reached"] += 1
            self.count[self.outcome] += 1
        except Exception as e:          # noqa: BLE001  whatever it is, it is a finding
            self.report(key, error, mode, e)
            self.drop()
        if self.args.verbose:
            print(f"{key:016x} {self.sites[key].call} {error} {mode} {self.step}: {self.outcome}"
                  f" {time.monotonic() - start:.2f} s", flush=True)

    def explain(self, key):
        from table import trace
        import chapar
        w = self.world
        print("\n".join(["at " + " < ".join(trace(chapar.BUILD, self.sites[key])), f"on {self.path}",
                         f"outcome {self.outcome}", *w.said, w.new_log()]))

    def report(self, key, error, mode, e):
        from table import trace
        import chapar
        w, site = self.world, self.sites[key]
        text = [f"--- {site.call}() = {error} ({mode}) under {self.step}, client: {self.outcome}",
                f"{type(e).__name__}: {e}"]
        if w is not None:
            if type(e).__name__ != "Violation":
                text += traceback.format_exc().splitlines()[-8:]
            text += ["at " + " < ".join(trace(chapar.BUILD, site)[:9])]
            text += [f"on {self.path}"] if self.path else []
            text += ["told: " + "; ".join(w.said[-6:])]
            text += ["log: " + l for l in w.new_log().splitlines() if "]: debug" not in l][-8:]
            if type(e).__name__ == "Violation" and len(self.since_deep) > 1:
                text += [f"(trials since the last restart: {len(self.since_deep)})"]
        text += [f"repeat: {HERE}/faults.py --key {key:016x} --error {error} --mode {mode}"
                 f" --step {self.step} --deep"]
        self.found.append("\n".join(text))
        print(self.found[-1], flush=True)

    def run(self):
        start = time.monotonic()
        self.fresh()
        try:
            self.enumerate()
            print(f"{len(self.reached)} sites, enumerated in {time.monotonic() - start:.1f} s; seed {self.args.seed}",
                  flush=True)
            if self.args.list:
                self.list()
                return True
            todo = self.trials()
            for t in todo:
                if self.args.seconds and time.monotonic() - start > self.args.seconds:
                    break
                self.one(*t)
                if self.count["trials"] % 250 == 0:
                    print(f"{self.count['trials']} of {len(todo)} trials after"
                          f" {time.monotonic() - start:.0f} s", flush=True)
            if self.world is not None and len(self.since_deep) > 0:
                self.last_look()
        finally:
            self.drop()
        print(f"{self.count['trials']} of {len(todo)} trials in {time.monotonic() - start:.1f} s: "
              + ", ".join(f"{n} {k}" for k, n in self.count.items() if k != "trials")
              + f"; {len(self.found)} promises broken", flush=True)
        if self.args.save:
            pathlib.Path(self.args.save).write_text("\n\n".join(self.found) + "\n")
        return not self.found

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
    if args.build:
        os.environ["CHAPAR_BUILD"] = args.build
    return 0 if Run(args).run() else 1


if __name__ == "__main__":
    sys.exit(main())
