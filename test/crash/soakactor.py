"""What all clients of a soak are: threads that act at random instants; and how
they read answers that several of them ask for."""
import random
import threading
import time

from soakbox import must

SHARED = ("shared.one", "shared.two")
ALL_ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE)"
PATIENCE = 120
FULL = b"Subject: x\r\n\r\n" + b"x" * 3000 + b"\r\n"


def quoted(name):
    return f'"{name}"'


def uids_text(uids):
    return ",".join(str(u) for u in sorted(uids))


class Actor(threading.Thread):
    """One who acts about PACE times a second until the end."""

    def __init__(self, load, owner, name, pace):
        super().__init__(daemon=True, name=name)
        self.load, self.owner = load, owner
        self.random = random.Random(f"{load.seed} {name}")
        self.pace = pace
        self.acts = 0

    def run(self):
        try:
            self.begin()
            while not self.load.stopping.wait(self.random.expovariate(self.pace * self.load.speed)):
                self.act()
                self.acts += 1
        except BaseException as e:      # the soak's end tells of it
            self.load.fail(self, e)

    def begin(self):
        pass

    def timed(self, kind, c, text, *literals):
        t = time.monotonic()
        reply = c.cmd(text, *literals)
        self.load.took(kind, time.monotonic() - t)
        return reply

    def ok(self, kind, c, text, *literals):
        reply = self.timed(kind, c, text, *literals)
        must(reply.status == "OK", f"{text!r} was answered {reply.status} {reply.text}")
        return reply


def listed(reply, word):
    return {m[1].decode() for m in reply.all(rb'^%s \([^)]*\) "." "?([^"]*)"?$' % word.encode())}


def acl_of(reply):
    words = [w.strip('"') for w in reply.find(rb"^ACL (.*)")[1].decode().split()[1:]]
    return dict(zip(words[::2], words[1::2]))


def expand(uids):
    out = []
    for part in uids.split(","):
        a, _, b = part.partition(":")
        out += range(int(a), int(b or a) + 1)
    return out
