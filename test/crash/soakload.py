"""The clients of a soak (see test/crash/soak): they change mail, know what the
server has acknowledged, and compare it with what the server shows, all the time.

Each user has three sessions: a Writer's, which lasts as long as the soak and makes
all changes; a Watcher's in IDLE, which lasts, too; a Visitor's short ones, one
after the other.  Anybody delivers to anybody.  Shared mailboxes are changed by
all writers at once; each answers for the messages that it put there.
"""
import contextlib
import random
import re
import select
import socket
import threading
import time

from chapar import Imap, PASSWORD
from soakbox import (Box, KEYWORDS, Mail, Message, Owner, SYSTEM, Wrong, difference, digest,
                     flags_of, head_of, listing, literal_of, must, uid_of)

SHARED = ("shared.one", "shared.two")
ALL_ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE)"
PATIENCE = 120
FULL = b"Subject: x\r\n\r\n" + b"x" * 3000 + b"\r\n"
MOST_MESSAGES, MOST_BYTES = 150, 25 * 1024 * 1024       # of one user, about


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


# --- delivery ---

class Lmtp:
    """One connection for one message."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.file = self.sock.makefile("rwb")
        self.expect(b"220")
        self.say("LHLO soak", b"250")

    def expect(self, code):
        while True:
            line = self.file.readline()
            must(line[:3] == code, f"LMTP: {line!r} instead of {code!r}")
            if line[3:4] == b" ":
                return

    def say(self, text, code):
        self.file.write(text.encode() + b"\r\n")
        self.file.flush()
        self.expect(code)

    def send(self, users, data):
        self.say("MAIL FROM:<sender@example.org>", b"250")
        for user in users:
            self.say(f"RCPT TO:<{user}>", b"250")
        self.say("DATA", b"354")
        self.file.write(re.sub(rb"(?m)^\.", b"..", data) + b".\r\n")
        self.file.flush()
        for _ in users:
            self.expect(b"250")

    def close(self):
        with contextlib.suppress(OSError, Wrong):
            self.say("QUIT", b"221")
        self.file.close()
        self.sock.close()


class Sender(Actor):
    """Delivers: to one, to many, and now and then something a second time."""

    def begin(self):
        self.mail = Mail(self.random, self.name)
        self.last = None

    def act(self):
        everybody = self.load.owners
        n = 1 if self.random.random() < .7 else self.random.randint(2, len(everybody))
        owners = [o for o in self.random.sample(everybody, n) if self.load.has_room(o)]
        if not owners:
            return
        token, data = self.mail.message()
        for o in owners:
            o.announce(Message(token, len(data), digest(data), "", frozenset()))
        t = time.monotonic()
        lmtp = Lmtp(self.load.lmtp_port)
        lmtp.send([o.user for o in owners], data)
        if self.random.random() < .1:       # known by its Message-ID: not stored again
            lmtp.send([o.user for o in owners], data)
        lmtp.close()
        self.load.took("LMTP", time.monotonic() - t)
        for o in owners:
            o.delivered(token, True)


# --- the one who changes ---

class Writer(Actor):
    STEPS = ((10, "append"), (14, "flag"), (10, "collect"), (10, "copy"), (8, "move"),
             (12, "expunge"), (10, "read"), (8, "search"), (3, "create"), (3, "rename"),
             (3, "delete"), (2, "subscribe"), (2, "rights"), (2, "quota"), (5, "status"),
             (2, "close"), (1, "partition"), (1, "no_room"))

    def begin(self):
        self.mail = Mail(self.random, self.owner.user)
        self.serial = self.order = 0
        self.selected = None
        self.c = self.load.login(self.owner.user)

    def act(self):
        names = [name for _, name in self.STEPS]
        step = self.random.choices(names, [w for w, _ in self.STEPS])[0]
        if not self.load.has_room(self.owner):
            step = "expunge"
        getattr(self, step)()

    # - choosing -

    def box(self, needs_mail=True):
        boxes = [b for b in self.owner.boxes.values() if b.messages or not needs_mail]
        return self.random.choice(boxes) if boxes else None

    def some(self, box, most=5):
        uids = sorted(box.messages)
        return self.random.sample(uids, min(len(uids), self.random.randint(1, most)))

    def select(self, box):
        if self.selected is not box or self.random.random() < .05:
            reply = self.ok("SELECT", self.c, f"SELECT {quoted(box.name)}")
            self.selected = box
            validity = reply.find(rb"UIDVALIDITY (\d+)")[1]
            must(box.uidvalidity in (None, validity), f"{box.name}: UIDVALIDITY changed")
            box.uidvalidity = validity

    def unselect(self):
        if self.selected is not None:
            self.ok("UNSELECT", self.c, "UNSELECT")
            self.selected = None

    # - messages -

    def append(self, box=None):
        box = box or self.box(needs_mail=False)
        token, data = self.mail.message()
        m = Message(token, len(data), digest(data), self.mail.date(), self.mail.flags())
        with self.owner.change():
            reply = self.ok("APPEND", self.c, f"APPEND {quoted(box.name)} ({' '.join(m.flags)}) "
                            f'"{m.date}" ', data)
            self.store(box, int(reply.code.split()[2]), m)

    def store(self, box, uid, message):
        """By ourselves: its UID is the highest so far."""
        must(uid >= box.uidnext, f"{box.name}: UID {uid} after {box.uidnext - 1}")
        self.put(box, uid, message)

    def put(self, box, uid, message):
        self.order += 1
        message.order = self.order
        with self.owner.lock:
            box.add(uid, message)

    def collect(self):
        """What was delivered, for the model: nothing but what was sent."""
        box = self.owner.boxes["INBOX"]
        self.select(box)
        with self.owner.change():
            self.ok("NOOP", self.c, "NOOP")
            reply = self.ok("FETCH new", self.c, f"UID FETCH {box.collected}:* {ALL_ITEMS}")
            for uid, (flags, date, size) in sorted(listing(reply).items()):
                box.collected = max(box.collected, uid + 1)
                if uid in box.given:
                    continue        # stored by ourselves; or the last one, which is "*"
                body = literal_of(self.ok("FETCH body", self.c, f"UID FETCH {uid} BODY.PEEK[]").find(
                    rb"FETCH \(.*")[0])
                self.receive(box, uid, flags, date, size, body)

    def receive(self, box, uid, flags, date, size, body):
        must(body is not None and len(body) == size, f"INBOX {uid}: size {size}")
        token = re.search(rb"^Subject: (\S+)", body, re.M)[1].decode()
        with self.owner.lock:
            sent = self.owner.coming.pop(token, [None])[0]
        must(sent is not None, f"INBOX {uid}: {token} was not sent, or came twice")
        must(digest(body[-sent.size:]) == sent.digest, f"INBOX {uid}: {token} was altered")
        must(not flags, f"INBOX {uid}: {token} came with flags {flags}")
        self.put(box, uid, Message(token, size, digest(body), date, frozenset()))

    def flag(self):
        box = self.box()
        if box is None:
            return
        self.select(box)
        uids, how = self.some(box), self.random.choice(("+", "-", "+", ""))
        flags = frozenset(self.random.sample(SYSTEM + KEYWORDS, self.random.randint(1, 3)))
        silent = self.random.choice(("", ".SILENT"))
        with self.owner.change():
            reply = self.ok("STORE", self.c, f"UID STORE {uids_text(uids)} {how}FLAGS{silent} "
                            f"({' '.join(sorted(flags))})")
            with self.owner.lock:
                for uid in uids:
                    m = box.messages[uid]
                    m.flags = {"+": m.flags | flags, "-": m.flags - flags, "": flags}[how]
        if not silent:
            self.told(box, reply, uids)

    def told(self, box, reply, uids):
        """The flags that STORE shows."""
        found = {uid_of(u): flags_of(u) for u in reply.untagged if re.match(rb"\d+ FETCH ", u)}
        wrong = difference({u: box.messages[u].flags for u in uids},
                           {u: f for u, f in found.items() if u in uids})
        must(not wrong, f"{box.name}: STORE told {wrong}")

    def expunge(self):
        """By UID EXPUNGE; the oldest if there is too much."""
        box = self.box()
        if box is None:
            return self.collect()
        uids = self.some(box, 4)
        if not self.load.has_room(self.owner):
            boxes = [b for b in self.owner.boxes.values() if b.messages]
            box = max(boxes, key=lambda b: (b.bytes(), len(b.messages)))
            uids = sorted(box.messages, key=lambda u: box.messages[u].order)
            uids = uids[:max(1, len(uids) // 2)]
        self.select(box)
        with self.owner.change():
            self.ok("STORE", self.c, f"UID STORE {uids_text(uids)} +FLAGS.SILENT (\\Deleted)")
            if box.shared or self.random.random() < .5:
                self.ok("EXPUNGE", self.c, f"UID EXPUNGE {uids_text(uids)}")
            else:
                self.ok("EXPUNGE", self.c, "EXPUNGE")
            self.forget(box, uids)

    def forget(self, box, uids):
        with self.owner.lock:
            for uid in uids:
                del box.messages[uid]

    def close(self):
        """CLOSE expunges, too."""
        box = self.box()
        if box is None or box.shared:
            return
        self.select(box)
        uids = self.some(box, 2)
        with self.owner.change():
            self.ok("STORE", self.c, f"UID STORE {uids_text(uids)} +FLAGS.SILENT (\\Deleted)")
            self.ok("CLOSE", self.c, "CLOSE")
            self.selected = None
            self.forget(box, uids)

    def copy(self, move=False):
        box, other = self.box(), self.box(needs_mail=False)
        if box is None or box is other:
            return
        self.select(box)
        uids = self.some(box)
        with self.owner.change():
            reply = self.ok("MOVE" if move else "COPY", self.c,
                            f"UID {'MOVE' if move else 'COPY'} {uids_text(uids)} {quoted(other.name)}")
            code = reply.code if not move else reply.find(rb"COPYUID ([^\]]*)")[0].decode()
            _, _, old, new = re.search(r"COPYUID (\S+) (\S+) ([^\]\s]+)", code).group(0).split()
            old, new = expand(old), expand(new)
            must(sorted(old) == sorted(uids) and len(new) == len(old), f"COPYUID {code}")
            for a, b in zip(old, new):
                m = box.messages[a]
                self.store(other, b, Message(m.token, m.size, m.digest, m.date, m.flags))
            if move:
                self.forget(box, uids)

    def move(self):
        self.copy(move=True)

    # - looking -

    def read(self):
        box = self.box()
        if box is None:
            return
        self.select(box)
        uid = self.random.choice(sorted(box.messages))
        m = box.messages[uid]
        item = self.random.choice(("ENVELOPE", "BODYSTRUCTURE", "BODY.PEEK[HEADER]", "BODY.PEEK[]",
                                   "BODY.PEEK[HEADER.FIELDS (Subject)]", "BODY.PEEK[TEXT]",
                                   "BODY.PEEK[]<10.200>", "RFC822.HEADER", "BODY.PEEK[1]", "FULL",
                                   "BODY[]"))
        if item == "BODY[]":
            with self.owner.change():
                reply = self.ok("FETCH body", self.c, f"UID FETCH {uid} {item}")
                with self.owner.lock:
                    m.flags |= {"\\Seen"}
        else:
            reply = self.ok("FETCH", self.c, f"UID FETCH {uid} {item}")
        line = [u for u in reply.untagged if re.match(rb"\d+ FETCH ", u) and uid_of(head_of(u)) == uid]
        must(line, f"{box.name}: UID FETCH {uid} {item} shows nothing")
        self.is_right(box, uid, m, item, line[0])

    @staticmethod
    def is_right(box, uid, m, item, line):
        where = f"{box.name} {uid} {item}"
        if item in ("BODY.PEEK[]", "BODY[]"):
            must(digest(literal_of(line)) == m.digest, f"{where}: another message")
        elif item in ("BODY.PEEK[TEXT]", "BODY.PEEK[1]"):
            must(f"body of {m.token}".encode() in line, f"{where}: another text")
        elif item == "BODY.PEEK[]<10.200>":
            must(len(literal_of(line)) == 200, f"{where}: {len(literal_of(line))} bytes")
        elif item != "BODYSTRUCTURE":
            must(m.token.encode() in line, f"{where}: another message")

    def search(self):
        box = self.box()
        if box is None or box.shared:
            return
        self.select(box)
        uid, keyword = self.random.choice(sorted(box.messages)), self.random.choice(KEYWORDS)
        m, size = box.messages[uid], self.random.choice((2000, 50000))
        text, want = self.random.choice((
            (f"SUBJECT {m.token}", lambda x: x.token == m.token),
            (f"HEADER Message-ID {m.token}@", lambda x: x.token == m.token),
            (f'BODY "body of {m.token}"', lambda x: x.token == m.token),
            (f"KEYWORD {keyword}", lambda x: keyword in x.flags),
            ("FLAGGED UNSEEN", lambda x: "\\Flagged" in x.flags and "\\Seen" not in x.flags),
            (f"OR LARGER {size} ANSWERED", lambda x: x.size > size or "\\Answered" in x.flags),
            (f"NOT SMALLER {size}", lambda x: x.size >= size)))
        reply = self.ok("SEARCH", self.c, f"UID SEARCH UID 1:{box.uidnext - 1} {text}")
        found = {int(x) for x in reply.find(rb"^SEARCH(.*)")[1].split()}
        if box.name == "INBOX":
            found &= box.given      # what came in meanwhile is not known yet
        expected = {u for u, x in box.messages.items() if want(x)}
        must(found == expected, f"{box.name}: SEARCH {text}: {found}, should be {expected}")

    def status(self):
        box = self.box(needs_mail=False)
        if box.shared or box.name == "INBOX":
            return
        reply = self.ok("STATUS", self.c, f"STATUS {quoted(box.name)} (MESSAGES UNSEEN UIDNEXT)")
        found = dict(re.findall(rb"([A-Z]+) (\d+)", reply.find(rb"^STATUS .*\((.*)\)")[1]))
        expected = {b"MESSAGES": len(box.messages), b"UIDNEXT": box.uidnext,
                    b"UNSEEN": sum("\\Seen" not in m.flags for m in box.messages.values())}
        must({k: int(v) for k, v in found.items()} == expected,
             f"{box.name}: STATUS {found}, should be {expected}")

    # - names -

    def folders(self):
        return [b for b in self.owner.boxes.values() if b.name.startswith("INBOX.f")]

    def new_name(self, parent="INBOX"):
        self.serial += 1
        return f"{parent}.f{self.serial}"

    def create(self):
        folders = self.folders()
        if len(folders) > 6:
            return self.delete()
        tops = ["INBOX"] + [b.name for b in folders if b.name.count(".") == 1]
        name = self.new_name(self.random.choice(tops))
        with self.owner.change():
            self.ok("CREATE", self.c, f"CREATE {quoted(name)}")
            with self.owner.lock:
                self.owner.boxes[name] = Box(name)
        self.append(self.owner.boxes[name])
        self.list()

    def rename(self):
        folders = self.folders()
        if not folders:
            return
        old, new = self.random.choice(folders).name, self.new_name()
        self.unselect()
        with self.owner.change():
            self.ok("RENAME", self.c, f"RENAME {quoted(old)} {quoted(new)}")
            with self.owner.lock:
                for b in [b for b in self.owner.boxes.values() if (b.name + ".").startswith(old + ".")]:
                    del self.owner.boxes[b.name]
                    b.name = new + b.name[len(old):]
                    self.owner.boxes[b.name] = b
        self.list()

    def delete(self):
        leaves = [b for b in self.folders()
                  if not any(o.name.startswith(b.name + ".") for o in self.owner.boxes.values())]
        if not leaves:
            return
        box = self.random.choice(leaves)
        if self.selected is box:
            self.unselect()
        with self.owner.change():
            self.ok("DELETE", self.c, f"DELETE {quoted(box.name)}")
            with self.owner.lock:
                del self.owner.boxes[box.name]

    def list(self):
        found = listed(self.ok("LIST", self.c, 'LIST "" INBOX*'), "LIST") - {"INBOX.full"}
        must(found == set(self.owner.names()), f"LIST: {found ^ set(self.owner.names())}")

    def subscribe(self):
        box, on = self.box(needs_mail=False), self.random.random() < .5
        with self.owner.change():
            self.ok("SUBSCRIBE", self.c, f"{'' if on else 'UN'}SUBSCRIBE {quoted(box.name)}")
            (self.owner.subscriptions.add if on else self.owner.subscriptions.discard)(box.name)
        found = listed(self.ok("LSUB", self.c, 'LSUB "" *'), "LSUB")
        # One whose mailbox was renamed or deleted stays, or is not shown.
        there = {n for n in self.owner.subscriptions if n in self.owner.boxes}
        must(there <= found <= self.owner.subscriptions | there, f"LSUB: {found} {there}")

    def rights(self):
        box = self.box(needs_mail=False)
        if box.shared:
            return
        who, what = f"friend{self.random.randrange(4)}", self.random.choice(("", "lr", "lrs", "lrswi"))
        self.ok("SETACL", self.c, f'SETACL {quoted(box.name)} {who} "{what}"')
        box.acl[who] = what
        found = acl_of(self.ok("GETACL", self.c, f"GETACL {quoted(box.name)}"))
        wanted = {w: r for w, r in box.acl.items() if r}
        found = {w: r for w, r in found.items() if w in box.acl}
        must(found == wanted, f"{box.name}: GETACL {found}, should be {wanted}")

    def quota(self):
        """A limit that does not bind; what is used is what is there."""
        self.load.admin_ok(self, f"SETQUOTA user.{self.owner.user} "
                           f"(STORAGE {self.random.randrange(10**6, 10**7)})")
        stamp = self.owner.stamp()
        used = self.ok("GETQUOTA", self.c, "GETQUOTAROOT INBOX").find(rb"STORAGE (\d+)")[1]
        with self.owner.lock:
            sums = sum(b.bytes() for b in self.owner.boxes.values() if not b.shared)
            waits = bool(self.owner.coming)
        if stamp is not None and stamp == self.owner.stamp() and not waits:
            self.load.count("comparisons of quota")
            must(abs(int(used) - sums / 1024) <= 1, f"quota: {used} KiB used, should be {sums / 1024}")

    def partition(self):
        """The administrator moves INBOX.b to the other partition."""
        if self.selected is self.owner.boxes["INBOX.b"]:
            self.unselect()
        name = f"user.{self.owner.user}.b"
        with self.owner.change():
            # Before and after: whoever looks meanwhile sees one of the two.
            self.owner.boxes["INBOX.b"].moves += 1
            self.load.admin_ok(self, f"RENAME {name} {name} "
                               f"{self.random.choice(('default', 'second'))}", may_be="NO")
            self.owner.boxes["INBOX.b"].moves += 1

    def no_room(self):
        """INBOX.full has a quota of its own, and no room."""
        reply = self.timed("APPEND over quota", self.c, "APPEND INBOX.full ", FULL)
        must(reply.status == "NO" and "QUOTA" in reply.text, f"over quota: {reply}")


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


# --- those who look ---

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
            now = self.owner.snapshot(name)[0]
            must(now is None or uid not in now, f"{name}: UID {uid} is not shown")
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


# --- all of them ---

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
            self.admin.ok(f"SETQUOTA user.{user}.full (STORAGE 1)")
            c = self.login(user)
            c.append("INBOX.full", FULL)
            c.close()
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
