"""The clients of a soak (see test/crash/soak): they change mail, know what the
server has acknowledged, and compare it with what the server shows, all the time.

Each user has three sessions: a Writer's, which lasts as long as the soak and makes
all changes; a Watcher's in IDLE, which lasts, too; a Visitor's short ones, one
after the other.  Anybody delivers to anybody.  Shared mailboxes are changed by
all writers at once; each answers for the messages that it put there.
"""
import contextlib
import re
import threading

from chapar import Imap
from soakactor import ALL_ITEMS, FULL, PATIENCE, SHARED, listed, quoted
from soakbox import Box, Message, Owner, Wrong, difference, digest, listing, literal_of, must
from soaklook import Visitor, Watcher
from soakwrite import Sender, Writer

MOST_MESSAGES, MOST_BYTES = 150, 25 * 1024 * 1024      # of one user, about


class Load:
    """Starts, stops and compares; counts and times what they do."""

    def __init__(self, server, seed, rate, users):
        self.server, self.seed = server, seed
        self.imap_port, self.lmtp_port = server.imap_port, server.lmtp_port
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.failures = []
        self.times, self.counts, self.acts = {}, {}, {}
        self.owners = []
        self.admin_lock = threading.Lock()
        self.speed = rate / (users * (1 + .25 + .15) + 2 * .2 * users)
        self.make_mailboxes(users)
        self.actors = [Sender(self, None, f"sender{n}", .2 * users) for n in range(2)]
        for o in self.owners:
            self.actors += [Writer(self, o, f"{o.user}-writer", 1),
                            Watcher(self, o, f"{o.user}-watcher", .25),
                            Visitor(self, o, f"{o.user}-visitor", .15)]

    def make_mailboxes(self, users):
        self.admin = self.login("cyrus")
        for name in SHARED:
            self.admin.ok(f"CREATE {name} {'default' if name == SHARED[0] else 'second'}")
            self.admin.ok(f"SETACL {name} anyone lrswipkxte")
        for n in range(users):
            user = f"soak{n}"
            self.server.set_password(user)
            self.admin.ok(f"CREATE user.{user} {'second' if n % 2 else 'default'}")
            owner = Owner(user)
            for name in ("INBOX", "INBOX.a", "INBOX.b", "INBOX.full"):
                if name != "INBOX":
                    self.admin.ok(f"CREATE user.{user}{name[5:]}")
                if name != "INBOX.full":
                    owner.boxes[name] = Box(name)
            self.admin.ok(f"SETQUOTA user.{user} (STORAGE 10000000)")
            c = self.login(user)
            c.append("INBOX.full", FULL)
            c.close()
            self.admin.ok(f"SETQUOTA user.{user}.full (STORAGE 1)")
            for name in SHARED:
                owner.boxes[name] = Box(name, shared=True)
            self.owners.append(owner)

    # - services for the actors -

    def login(self, user, tls=False):
        c = Imap(("127.0.0.1", self.server.imaps_port if tls else self.imap_port),
                 self.server.tls if tls else None)
        c.sock.settimeout(PATIENCE)
        c.login(user)
        return c

    def admin_ok(self, actor, text, may_be="OK"):
        with self.admin_lock:
            reply = actor.timed("admin", self.admin, text)
        must(reply.status in ("OK", may_be), f"{text}: {reply}")

    @staticmethod
    def has_room(owner):
        with owner.lock:
            n = sum(len(b.messages) for b in owner.boxes.values()) + len(owner.coming)
            size = sum(b.bytes() for b in owner.boxes.values())
        return n < MOST_MESSAGES and size < MOST_BYTES

    def took(self, kind, seconds):
        with self.lock:
            self.times.setdefault(kind, []).append(seconds)

    def take_times(self):
        with self.lock:
            times, self.times = self.times, {}
        return times

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def fail(self, actor, error):
        with self.lock:
            self.failures.append((actor.name, error))

    def take_failures(self):
        with self.lock:
            failures, self.failures = self.failures, []
        return failures

    def start(self):
        for a in self.actors:
            a.start()

    def stop(self):
        """Sessions stay connected."""
        self.stopping.set()
        for a in self.actors:
            a.join(150)
            if a.is_alive():
                self.fail(a, Wrong("hangs"))

    def hang_up(self):
        for a in self.actors:
            c = getattr(a, "c", None)
            if c is not None:
                with contextlib.suppress(OSError):
                    c.close()
        with contextlib.suppress(OSError):
            self.admin.close()
        self.admin = None

    # - the end -

    def compare_all(self):
        """Every message of every mailbox.  Returns (messages, bytes)."""
        n = size = 0
        for o in self.owners:
            c = self.login(o.user)
            found = listed(c.ok('LIST "" INBOX*'), "LIST") - {"INBOX.full"}
            must(found == set(o.names()), f"{o.user}: LIST {found ^ set(o.names())}")
            for box in o.boxes.values():
                if not box.shared:
                    self.compare_box(c, o, box)
                    n, size = n + len(box.messages), size + box.bytes()
            c.close()
        for name in SHARED:
            a, b = self.compare_shared(name)
            n, size = n + a, size + b
        return n, size

    @staticmethod
    def fetch_all(c, name):
        """{UID: (flags, date, size, digest)}."""
        found = {}
        if int(c.ok(f"EXAMINE {quoted(name)}").find(rb"^(\d+) EXISTS")[1]):
            found = {u: list(x) for u, x in listing(c.ok(f"FETCH 1:* {ALL_ITEMS}")).items()}
            for uid, x in found.items():
                x.append(digest(literal_of(c.ok(f"UID FETCH {uid} BODY.PEEK[]").find(rb"FETCH \(.*")[0])))
        return {u: tuple(x) for u, x in found.items()}

    def compare_box(self, c, owner, box):
        found = self.fetch_all(c, box.name)
        if box.name == "INBOX":
            self.compare_coming(c, owner, box, found)
        wrong = difference({u: (*m.shown(), m.digest) for u, m in box.messages.items()}, found)
        must(not wrong, f"{owner.user} {box.name}: {wrong}")

    @staticmethod
    def compare_coming(c, owner, box, found):
        """What nobody has collected becomes known now."""
        for uid in sorted(set(found) - set(box.messages)):
            body = literal_of(c.ok(f"UID FETCH {uid} BODY.PEEK[]").find(rb"FETCH \(.*")[0])
            token = re.search(rb"^Subject: (\S+)", body, re.M)[1].decode()
            sent = owner.coming.pop(token, [None])[0]
            must(sent is not None, f"{owner.user}: {token} was not sent, or came twice")
            must(digest(body[-sent.size:]) == sent.digest, f"{owner.user}: {token} was altered")
            flags, date, size, seen = found[uid]
            box.add(uid, Message(token, size, seen, date, flags))
        lost = [t for t, x in owner.coming.items() if x[1]]
        must(not lost, f"{owner.user}: delivered and lost: {lost}")

    def compare_shared(self, name):
        """All parts together; \\Seen is each user's own."""
        everything = {}
        for o in self.owners:
            c = self.login(o.user)
            found, part = self.fetch_all(c, name), o.boxes[name].messages
            c.close()
            wrong = difference({u: (*m.shown(), m.digest) for u, m in part.items()},
                               {u: x for u, x in found.items() if u in part})
            must(not wrong, f"{o.user}: {name}: {wrong}")
            must(not set(everything) & set(part), f"{name}: two have the same UID")
            everything.update(part)
        must(set(found) == set(everything), f"{name}: {set(found) ^ set(everything)}")
        return len(everything), sum(m.size for m in everything.values())
