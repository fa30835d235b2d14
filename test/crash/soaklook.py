"""Those who look in a soak: Visitors who come and go, and Watchers in IDLE.  What
they are shown must be the model, if nobody changed it meanwhile."""
import re
import select
import time

from chapar import Imap, PASSWORD
from soakactor import ALL_ITEMS, Actor, PATIENCE, SHARED, quoted
from soakbox import Wrong, difference, digest, head_of, listing, literal_of, must, uid_of


class Looker(Actor):
    """Compares a mailbox with the model."""

    def take(self, reply):
        return reply

    def compare(self, c, name, kind):
        """What the session sees after a NOOP is not older than the snapshot."""
        expected, more, stamp = self.owner.snapshot(name)
        if stamp is None:
            return
        self.take(self.ok("NOOP", c, "NOOP"))
        found = listing(self.take(self.ok(kind, c, f"UID FETCH 1:* {ALL_ITEMS}"))) \
            if expected or more else {}
        if self.owner.stamp() != stamp:
            self.load.count("comparisons while it changed")
            return
        self.load.count("comparisons of a mailbox")
        extra = set(found) - set(expected) if name == "INBOX" else set()
        wrong = difference({u: x[:3] for u, x in expected.items()},
                           {u: x for u, x in found.items() if u not in extra})
        must(not wrong, f"{self.name}: {name}: {wrong}")
        must(len(extra) == len(more), f"{self.name}: {name}: {len(extra)} new messages, "
             f"{len(more)} were delivered")


class Visitor(Looker):
    """Comes, looks and goes, as mail programs on telephones do."""

    def act(self):
        name = self.random.choice(self.owner.names())
        box = self.owner.boxes.get(name)
        moves = box and box.moves
        try:
            if self.random.random() < .4:
                self.pipeline(name)
            else:
                self.visit(name)
        except (Wrong, AssertionError, OSError) as e:
            if not self.is_gone(name, box, moves):
                raise Wrong(f"{name}: {type(e).__name__}: {e}") from e
            self.load.count("mailboxes that went while they were looked at")

    def is_gone(self, name, box, moves):
        """Renamed, deleted or moved meanwhile?"""
        end = time.monotonic() + 10
        while self.owner.version % 2 and time.monotonic() < end:
            time.sleep(.01)
        return box is None or self.owner.boxes.get(name) is not box or box.moves != moves

    def visit(self, name):
        t = time.monotonic()
        c = self.load.login(self.owner.user, tls=self.random.random() < .25)
        self.load.took("login", time.monotonic() - t)
        try:
            verb = self.random.choice(("SELECT", "EXAMINE"))
            self.ok(verb, c, f"{verb} {quoted(name)}")
            self.compare(c, name, "FETCH all")
            self.one_body(c, name)
            self.ok("LOGOUT", c, "LOGOUT")
        finally:
            c.close()

    def one_body(self, c, name):
        """Content never changes, so nothing need stand still."""
        expected = self.owner.snapshot(name)[0]
        if not expected:
            return
        uid = self.random.choice(sorted(expected))
        self.ok("NOOP", c, "NOOP")
        line = self.timed("FETCH body", c, f"UID FETCH {uid} BODY.PEEK[]").find(rb"FETCH \(.*")
        body = line and literal_of(line[0])
        if body is None:
            now, _, stamp = self.owner.snapshot(name)
            # While its owner waits for an answer it may be gone already.
            must(stamp is None or now is None or uid not in now,
                 f"{name}: UID {uid} is not shown")
            return
        self.load.count("comparisons of a message")
        must(digest(body) == expected[uid][3], f"{name}: UID {uid} is another message")

    def pipeline(self, name):
        """Everything in one write, without waiting."""
        c = Imap(("127.0.0.1", self.load.imap_port))
        try:
            _, _, stamp = self.owner.snapshot(name)
            box = self.owner.boxes.get(name)
            t = time.monotonic()
            c.send(f'a LOGIN {self.owner.user} {PASSWORD}\r\nb STATUS {quoted(name)} (MESSAGES)\r\n'
                   f"c EXAMINE {quoted(name)}\r\nd FETCH 1:* (FLAGS UID)\r\ne UID SEARCH ALL\r\n"
                   "f NOOP\r\ng LOGOUT\r\n")
            reply = {tag: c.wait(tag) for tag in "abcdefg"}
            self.load.took("pipeline", time.monotonic() - t)
            if stamp is None or stamp != self.owner.stamp() or box is None or box.name != name:
                return
            must(reply["c"].status == "OK", f"pipelined EXAMINE {name}: {reply['c']}")
            n = int(reply["c"].find(rb"^(\d+) EXISTS")[1])
            shown = len(reply["d"].all(rb"^\d+ FETCH "))
            found = len((reply["e"].find(rb"^SEARCH(.*)") or [b"", b""])[1].split())
            must(n == shown == found, f"pipelined: {name}: {n} exist, {shown} shown, {found} found")
            self.load.count("comparisons of a pipeline")
        finally:
            c.close()


class Watcher(Looker):
    """In IDLE for as long as the soak lasts; its view is what it was told."""

    def begin(self):
        self.name_of_box = self.random.choice(("INBOX", "INBOX", "INBOX.a", SHARED[0]))
        self.c = self.load.login(self.owner.user)
        reply = self.ok("SELECT", self.c, f"SELECT {quoted(self.name_of_box)}")
        self.view = [None] * int(reply.find(rb"^(\d+) EXISTS")[1])
        self.idle()

    def idle(self):
        self.c.send("idle IDLE\r\n")
        line = self.c.response()
        while line.startswith(b"* "):
            self.told(line[2:])
            line = self.c.response()
        must(line.startswith(b"+"), f"IDLE: {line!r}")

    def told(self, line):
        m = re.match(rb"(\d+) (EXISTS|EXPUNGE|FETCH)(.*)", line, re.S)
        if m is None:
            return
        n, what = int(m[1]), m[2]
        if what == b"EXISTS":
            must(n >= len(self.view), f"{self.name}: EXISTS {n} with {len(self.view)} in view")
            self.view += [None] * (n - len(self.view))
            self.load.count("notices of new messages")
            return
        must(1 <= n <= len(self.view), f"{self.name}: {line[:60]!r} with {len(self.view)} in view")
        if what == b"EXPUNGE":
            del self.view[n - 1]
            self.load.count("notices of an expunge")
        else:
            self.knows(n, uid_of(head_of(line)))

    def knows(self, n, uid):
        if uid is not None:
            must(self.view[n - 1] in (None, uid),
                 f"{self.name}: message {n} is UID {uid} and was {self.view[n - 1]}")
            self.view[n - 1] = uid

    def act(self):
        self.listen(self.random.expovariate(.2))
        if self.random.random() < .3:
            t = time.monotonic()
            self.c.send("DONE\r\n")
            self.take(self.c.wait("idle"))
            self.load.took("DONE", time.monotonic() - t)
            self.look()
            self.idle()

    def take(self, reply):
        for line in reply.untagged:
            self.told(line)
        return reply

    def listen(self, seconds):
        end = time.monotonic() + seconds
        while not self.load.stopping.is_set():
            left = end - time.monotonic()
            if left <= 0:
                return
            if self.is_ready(min(left, .5)):
                line = self.c.response()
                must(line.startswith(b"* ") and not line.startswith(b"* BYE"), f"in IDLE: {line!r}")
                self.told(line[2:])

    def is_ready(self, seconds):
        """Has it sent anything?  The file may hold more than the socket."""
        self.c.sock.settimeout(0)
        try:
            if self.c.file.peek(1):
                return True
        except BlockingIOError:
            pass
        finally:
            self.c.sock.settimeout(PATIENCE)
        return bool(select.select([self.c.sock], [], [], seconds)[0])

    def look(self):
        self.take(self.ok("NOOP", self.c, "NOOP"))
        if not self.view:
            return
        before = len(self.view)
        reply = self.take(self.ok("FETCH view", self.c, "FETCH 1:* (UID)"))
        shown = len({re.match(rb"(\d+)", u)[1] for u in reply.untagged
                     if re.match(rb"\d+ FETCH ", u)})
        must(shown >= before, f"{self.name}: {shown} shown of {before} in view")
        uids = [u for u in self.view if u is not None]
        must(uids == sorted(set(uids)), f"{self.name}: UIDs out of order: {uids}")
        self.load.count("comparisons of a view")
        if self.name_of_box not in SHARED:
            self.refreshed()

    def refreshed(self):
        """The comparison's own FETCH may tell of changes as well."""
        expected, more, stamp = self.owner.snapshot(self.name_of_box)
        if stamp is None:
            return
        self.take(self.ok("NOOP", self.c, "NOOP"))
        if self.owner.stamp() == stamp:
            must(len(self.view) == len(expected) + len(more),
                 f"{self.name}: {len(self.view)} in view, {len(expected)} + {len(more)} are there")
            self.compare(self.c, self.name_of_box, "FETCH all")
