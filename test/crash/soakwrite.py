"""Those who change mail in a soak: Senders over LMTP, and each user's Writer, who
keeps the model (soakbox.py) of what the server has acknowledged."""
import contextlib
import re
import socket
import time

from soakactor import (ALL_ITEMS, Actor, FULL, PATIENCE, acl_of, expand, listed, quoted,
                       uids_text)
from soakbox import (Box, KEYWORDS, Mail, Message, SYSTEM, Wrong, difference, digest, flags_of,
                     head_of, listing, literal_of, must, uid_of)


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
