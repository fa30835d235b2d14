"""What a long run of faults.py has done, a line of JSON each, so that it can be
ended at any time and taken up again, and done by several processes at once.

    {"build": digest}                       a new build has other sites
    {"cost": {step: seconds}}
    {"site": [key, call, frames, {step: hits}]}
    {"trial": [key, error, mode], "outcome", "step", "reached": bool, "s": seconds,
     "found": words or null, "with": [trials since the last restart, if one of
     them may be to blame]}
"""
import hashlib
import json
import os

from table import Site


def digest(build):
    """Of the programs: sites are addresses in them."""
    h = hashlib.sha256()
    for name in ("master/master", "imap/imapd/imapd", "imap/lmtpd/lmtpd", "imap/admin/ctl_cyrusdb",
                 "test/crash/faults/inject.so"):
        h.update((build / name).read_bytes())
    return h.hexdigest()[:32]


class Journal:
    def __init__(self, path, build):
        self.path = path
        self.sites, self.reached, self.cost = {}, {}, {}
        self.done = {}
        mine = digest(build)
        if not os.path.exists(path):
            self.add(build=mine)
            return
        with open(path, encoding="utf-8") as f:
            for line in f:
                self.take(json.loads(line), mine)

    def take(self, e, mine):
        if e.get("build", mine) != mine:
            raise SystemExit(f"{self.path} is of another build: begin another one")
        if "cost" in e:
            self.cost = e["cost"]
        elif "site" in e:
            key, call, frames, reached = e["site"]
            self.sites[key] = Site(key, call, [tuple(f) for f in frames], 0)
            self.reached[key] = reached
        elif "trial" in e:
            self.done[tuple(e["trial"])] = e

    def add(self, **e):
        """Whole, whoever else writes."""
        fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        os.write(fd, json.dumps(e).encode() + b"\n")
        os.close(fd)

    def keep_sites(self, sites, reached, cost):
        for key, steps in reached.items():
            self.add(site=[key, sites[key].call, sites[key].frames, steps])
        self.add(cost=cost)
