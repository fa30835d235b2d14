"""A model of what clients of a server were told, and the load that they make.

Each client is alone with its mailboxes and knows what each acknowledged
command did.  A command that was cut off may have happened or not, wholly;
everything else must be as it was told: Client.check().

    load = Load(server)
    clients = load.start(6, seed)
    ... break something ...
    load.stop()
    load.check()
"""
import collections
import contextlib
import random
import socket
import threading
import time

from chapar import Imap, PASSWORD
from listlines import metadata
from pop3 import Pop3

PATIENCE = 60
SIZES = (10, 3000, 3000, 300000)        # the last is more than the log holds inline


class Broken(Exception):
    """The connection ended: who knows whether the command was carried out."""


class Box:
    """A mailbox as its client knows it."""

    def __init__(self, name):
        self.name = name
        self.text = {}          # UID -> token
        self.flagged = {}       # UID -> True, False, None: unknown
        self.unsure = collections.Counter()     # tokens that may be there, so often
        self.doomed = set()     # UIDs that may be gone


class Client(threading.Thread):
    def __init__(self, load, number, user, seed):
        super().__init__(daemon=True)
        self.load, self.number, self.user = load, number, user
        self.random = random.Random(f"{seed} {number}")
        self.boxes = [Box("INBOX.a"), Box("INBOX.b")]
        self.delivered = Box("INBOX")
        self.folders = set()            # names that exist for sure
        self.folders_unsure = []        # sets of names of which one exists, or none
        self.acl = [{}]                 # of INBOX.a: what it may be
        self.notes = [None]             # its annotations: as well
        self.use = [None]               # of INBOX.b: its special use
        self.together = []              # (box, tokens) that are there all or none
        self.instead = []               # (box, UID, token): one of the two is there
        self.fetched = []               # (box, UIDs) that are there all or none
        self.url = None                 # of INBOX, as its key makes it; None: unknown
        self.void = set()               # those of keys that were reset
        self.serial = 0
        self.imap = None
        self.selected = None
        self.failure = None

    # --- talking ---

    def connect(self):
        end = time.monotonic() + PATIENCE
        while self.imap is None:
            try:
                self.imap = Imap(("127.0.0.1", self.load.server.imap_port))
                self.imap.login(self.user, PASSWORD)
                self.selected = None
            except (OSError, AssertionError) as e:
                self.hang_up()
                assert time.monotonic() < end, f"no service for {PATIENCE} s: {e}"
                if self.load.stopping.wait(0.02):
                    raise Broken("the end") from e

    def hang_up(self):
        """Else its worker would have a client for ever."""
        if self.imap is not None:
            with contextlib.suppress(OSError):
                self.imap.close()
        self.imap = None

    def command(self, text, *literals):
        try:
            reply = self.imap.cmd(text, *literals)
        except (OSError, AssertionError) as e:
            self.hang_up()
            raise Broken(text) from e
        if reply.status in ("", "BYE") or "shutting down" in reply.text:
            self.hang_up()
            raise Broken(text)
        assert reply.status == "OK", f"{text!r}: {reply!r}"
        self.load.progress()
        return reply

    def select(self, box):
        if self.selected != box.name:
            self.command(f'SELECT "{box.name}"')
            self.selected = box.name

    def token(self):
        self.serial += 1
        return f"token-{self.number}-{self.serial}-"

    def message(self, token):
        size = self.random.choice(SIZES)
        return (f"From: a@example.org\r\nMessage-ID: <{token}@example.org>\r\n"
                f"Subject: {token}\r\n\r\n" + ("x" * 70 + "\r\n") * (size // 72)).encode()

    # --- what it does ---

    def append(self, box):
        token = self.token()
        box.unsure[token] += 1
        reply = self.command(f'APPEND "{box.name}" ', self.message(token))
        uid = int(reply.code.split()[2])
        assert uid not in box.text, f"UID {uid} was given twice"
        box.unsure[token] -= 1
        box.text[uid], box.flagged[uid] = token, False

    def append_several(self, box):
        tokens = [self.token() for _ in range(self.random.randint(2, 4))]
        box.unsure.update(tokens)
        self.together.append((box, tokens))
        text = f'APPEND "{box.name}"'.encode()
        for token in tokens:
            message = self.message(token)
            text += b" {%d+}\r\n%s" % (len(message), message)
        first, _, last = self.command(text).code.split()[2].partition(":")
        uids = range(int(first), int(last) + 1)
        assert len(uids) == len(tokens) and not set(uids) & set(box.text), f"UIDs {uids}"
        for uid, token in zip(uids, tokens):
            box.text[uid], box.flagged[uid] = token, False
        box.unsure.subtract(tokens)
        self.together.pop()

    def replace(self, box):
        uid, token = self.pick(box), self.token()
        if uid is None:
            return
        self.select(box)
        box.unsure[token] += 1
        box.doomed.add(uid)
        self.instead.append((box, uid, token))
        reply = self.command(f'UID REPLACE {uid} "{box.name}" ', self.message(token))
        new = int(reply.find(rb"APPENDUID \d+ (\d+)")[1])
        assert new not in box.text, f"UID {new} was given twice"
        self.forget(box, uid)
        box.unsure[token] -= 1
        box.text[new], box.flagged[new] = token, False
        self.instead.pop()

    def key(self, _box):
        """A mailbox access key stays the same until it is reset."""
        old = self.url
        if old is not None and self.random.random() < 0.3:
            self.url = None
            self.command("RESETKEY INBOX")
            self.void.add(old)
            return
        rump = f"imap://{self.user}@127.0.0.1/INBOX/;uid=1;urlauth=anonymous"
        self.know(self.command(f'GENURLAUTH "{rump}" INTERNAL'))

    def know(self, reply):
        new = reply.find(rb'^GENURLAUTH "([^"]*)"')[1].decode()
        assert self.url in (None, new), "another key than before"
        assert new not in self.void, "a key that was reset"
        self.url = new

    def pick(self, box):
        return self.random.choice(sorted(set(box.text) - box.doomed) or [None])

    def flag(self, box):
        uid, on = self.pick(box), self.random.random() < 0.5
        if uid is None:
            return
        self.select(box)
        box.flagged[uid] = None
        self.command(f"UID STORE {uid} {'+' if on else '-'}FLAGS.SILENT (\\Flagged)")
        box.flagged[uid] = on

    def expunge(self, box):
        uid = self.pick(box)
        if uid is None:
            return
        self.select(box)
        self.command(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        box.doomed.add(uid)
        self.command(f"UID EXPUNGE {uid}")
        self.forget(box, uid)

    def fetch_mail(self, box):
        """Some go by POP3: gone for good if QUIT is answered, else all of them or none."""
        uids = {u for u in (self.pick(box) for _ in range(3)) if u is not None}
        if not uids or not hasattr(self.load.server, "pop_port"):
            return
        self.load.progress()
        pop = None
        try:
            pop = Pop3(("127.0.0.1", self.load.server.pop_port))
            pop.login(f"{self.user}+{box.name[-1]}")
            number = {int(line.split(b".")[1]): line.split()[0].decode() for line in pop.multi("UIDL")}
            text = {u: pop.retr(number[u]) for u in uids if u in number}
            for u in uids:
                pop.ok(f"DELE {number.get(u)}")
            box.doomed |= uids
            self.fetched.append((box, uids))
            pop.ok("QUIT")
        except (OSError, AssertionError) as e:
            raise Broken("POP3") from e
        finally:
            if pop is not None:
                pop.close()
        assert set(text) == uids, f"{box.name}: POP3 does not see {uids - set(text)}"
        for u, t in text.items():
            assert f"Subject: {box.text[u]}\r\n".encode() in t, f"{box.name}: {u} is another message"
        self.fetched.pop()
        for u in uids:
            self.forget(box, u)
        self.load.progress()

    def forget(self, box, uid):
        del box.text[uid], box.flagged[uid]
        box.doomed.discard(uid)

    def copy(self, box, move=False):
        uid = self.pick(box)
        other = self.boxes[1 - self.boxes.index(box)]
        if uid is None:
            return
        self.select(box)
        token = box.text[uid]
        other.unsure[token] += 1
        if move:
            box.doomed.add(uid)
        reply = self.command(f'UID {"MOVE" if move else "COPY"} {uid} "{other.name}"')
        code = reply.code if not move else reply.find(rb"COPYUID ([^\]]*)")[0].decode()
        new = int(code.split()[3])
        assert new not in other.text, f"UID {new} was given twice"
        other.text[new], other.flagged[new] = token, box.flagged[uid]
        other.unsure[token] -= 1
        if move:
            self.forget(box, uid)

    def move(self, box):
        self.copy(box, move=True)

    def deliver(self, _box):
        token = self.token()
        self.delivered.unsure[token] += 1
        try:
            with socket.create_connection(("127.0.0.1", self.load.server.lmtp_port), 30) as s:
                f = s.makefile("rwb")
                for line in (b"LHLO x", b"MAIL FROM:<a@example.org>",
                             b"RCPT TO:<%s>" % self.user.encode(), b"DATA"):
                    self.expect(f)
                    f.write(line + b"\r\n")
                    f.flush()
                self.expect(f)
                f.write(self.message(token) + b"\r\n.\r\n")
                f.flush()
                self.expect(f)
        except OSError as e:
            raise Broken("LMTP") from e
        self.load.progress()
        self.delivered.unsure[token] -= 1
        self.delivered.text[token] = token

    @staticmethod
    def expect(f):
        while True:
            line = f.readline()
            if not line or line[:1] == b"4":
                raise Broken("LMTP")
            assert line[:1] in b"23", line
            if line[3:4] == b" ":
                return

    def rights(self, _box):
        """Somebody else's rights in INBOX.a; cut off, either is right."""
        who, what = f"friend{self.random.randrange(3)}", self.random.choice(("", "lr", "lrs"))
        new = [{**acl, who: what} for acl in self.acl]
        self.acl += new
        self.command(f'SETACL "INBOX.a" {who} "{what}"')
        self.acl = new

    def note(self, _box):
        """Two annotations of INBOX.a that always have the same value."""
        value = self.random.choice((None, self.token() * self.random.choice((1, 200))))
        word = "NIL" if value is None else f'"{value}"'
        self.notes.append(value)
        self.command(f"SETMETADATA INBOX.a (/private/comment {word} /shared/comment {word})")
        self.notes = [value]

    def special(self, _box):
        use = self.random.choice((None, "\\Sent", "\\Trash \\Junk"))
        word = "NIL" if use is None else '"' + use.replace("\\", "\\\\") + '"'
        self.use.append(use)
        self.command(f"SETMETADATA INBOX.b (/private/specialuse {word})")
        self.use = [use]

    def limit(self, _box):
        """The limits do not bind; what is used is compared in the end."""
        self.load.admin_command(f"SETQUOTA user.{self.user} "
                                f"(STORAGE {self.random.randrange(10**7, 10**8)} "
                                f"MESSAGE {self.random.randrange(10**6, 10**7)})")

    def rename(self, _box):
        """Folders with one message each, whose name changes and that end."""
        name, step = f"INBOX.f{self.serial}", self.random.randrange(3)
        self.serial += 1
        if step == 0 or not self.folders:
            self.folders_unsure.append({name})
            self.command(f'CREATE "{name}"')
            self.folders.add(name)
        elif step == 1:
            old = self.random.choice(sorted(self.folders))
            self.folders.discard(old)
            self.folders_unsure.append({old, name})
            self.command(f'RENAME "{old}" "{name}"')
            self.folders.add(name)
        else:
            old = self.random.choice(sorted(self.folders))
            self.folders.discard(old)
            self.folders_unsure.append({old})
            self.command(f'DELETE "{old}"')
            self.folders_unsure[-1] = set()
            return
        self.folders_unsure.pop()

    def run(self):
        steps = (self.append, self.append, self.append_several, self.replace, self.key,
                 self.flag, self.flag, self.expunge, self.fetch_mail,
                 self.copy, self.move, self.deliver, self.deliver, self.rename, self.rename,
                 self.rights, self.limit, self.note, self.special)
        try:
            while not self.load.stopping.is_set():
                with contextlib.suppress(Broken):
                    self.connect()
                    self.random.choice(steps)(self.random.choice(self.boxes))
            self.hang_up()
        except BaseException as e:      # also an assertion's: the test tells of it
            self.failure = e
            self.load.progress()
            raise

    # --- what must be there in the end ---

    def there(self, c, name):
        """UID -> (token, flagged)."""
        found = {}
        if int(c.ok(f'SELECT "{name}"').find(rb"^(\d+) EXISTS")[1]) == 0:
            return found
        for m in c.ok("FETCH 1:* (UID FLAGS BODY.PEEK[])").all(
                rb"UID (\d+) FLAGS \(([^)]*)\).*Subject: (\S+)"):
            found[int(m[1])] = (m[3].decode(), b"\\Flagged" in m[2])
        return found

    def check_box(self, c, box):
        found = self.there(c, box.name)
        for uid, token in box.text.items():
            if uid not in found:
                assert uid in box.doomed, f"{box.name}: {uid} {token} is lost"
                continue
            assert found[uid][0] == token, f"{box.name}: {uid} is another message"
            if box.flagged[uid] is not None:
                assert found[uid][1] == box.flagged[uid], f"{box.name}: flag of {uid}"
        more = collections.Counter(t for u, (t, _) in found.items() if u not in box.text)
        assert not more - box.unsure, f"{box.name}: {more - box.unsure} should not be there"
        return {t for t, _ in found.values()}

    def check_wholes(self, c):
        """What was cut off is done wholly or not at all."""
        found = {box.name: self.there(c, box.name) for box in self.boxes}
        tokens = {name: {t for t, _ in m.values()} for name, m in found.items()}
        for box, several in self.together:
            there = tokens[box.name] & set(several)
            assert len(there) in (0, len(several)), f"of {several} only {there}"
        for box, uids in self.fetched:
            assert not uids & set(found[box.name]) or uids <= set(found[box.name]), \
                f"of {uids} only {uids & set(found[box.name])} by POP3"
        for box, uid, token in self.instead:
            assert (uid in found[box.name]) != (token in tokens[box.name]), \
                f"{uid} and {token} instead: both or none"
        rump = f"imap://{self.user}@127.0.0.1/INBOX/;uid=1;urlauth=anonymous"
        self.know(c.ok(f'GENURLAUTH "{rump}" INTERNAL'))

    @staticmethod
    def settle(c):
        """One more message everywhere: it replaces what a killed commit left."""
        for name in c.ok('LIST "" *').all(rb'"?(INBOX[^"]*)"?$'):
            name = name[1].decode()
            uid = c.append(name, b"From: a@example.org\r\nSubject: settle\r\n\r\nx\r\n").code.split()[2]
            c.ok(f'SELECT "{name}"')
            c.ok(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
            c.ok(f"UID EXPUNGE {uid}")

    def check(self):
        c = self.load.server.login(self.user)
        self.settle(c)
        a, b = (self.check_box(c, box) for box in self.boxes)
        self.check_wholes(c)
        for box in self.boxes:
            for uid in box.doomed - {u for x, u, _ in self.instead if x is box}:
                # Cut off within a MOVE: in one of the two, or wholly expunged.
                token = box.text[uid]
                assert token in a | b or token not in self.boxes[0].unsure + \
                    self.boxes[1].unsure, f"{token} is in neither mailbox"
        reply = c.ok('GETACL "INBOX.a"').find(rb'^ACL "?INBOX.a"? (.*)')[1].decode().split()
        acl = dict(zip(reply[::2], reply[1::2]))
        acl.pop(self.user)
        assert acl in [{k: v for k, v in a.items() if v} for a in self.acl], f"{acl} {self.acl}"
        notes = metadata(c.ok("GETMETADATA INBOX.a (/private/comment /shared/comment)"))["INBOX.a"]
        assert notes["/private/comment"] == notes["/shared/comment"], f"half a change: {notes}"
        assert notes["/shared/comment"] in [n and n.encode() for n in self.notes], \
            f"{notes} {self.notes}"
        use = metadata(c.ok("GETMETADATA INBOX.b /private/specialuse"))["INBOX.b"]
        assert use["/private/specialuse"] in [u and u.encode() for u in self.use], f"{use} {self.use}"
        got = [t for t, _ in self.there(c, "INBOX").values()]
        assert len(got) == len(set(got)), "delivered twice"
        assert set(self.delivered.text) <= set(got), \
            f"INBOX: {set(self.delivered.text) - set(got)} is lost"
        more = set(got) - set(self.delivered.text) - set(+self.delivered.unsure)
        assert not more, f"INBOX: {more} should not be there"
        names = {m[1].decode() for m in c.ok('LIST "" INBOX.f*').all(rb'"?(INBOX\.f\d+)"?$')}
        maybe = set().union(*self.folders_unsure) if self.folders_unsure else set()
        assert self.folders <= names <= self.folders | maybe, \
            f"folders: lost {self.folders - names}, too many {names - self.folders - maybe}"
        for pair in self.folders_unsure:
            assert len(pair) < 2 or len(pair & names) == 1, f"a half rename: {pair} {names}"


class Load:
    def __init__(self, server):
        self.server = server
        self.clients = []
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        self.operations = 0
        self.admin_lock = threading.Lock()
        self.admin = None

    def start(self, clients, seed):
        for number in range(clients):
            c = Client(self, number, self.server.new_user(), seed)
            one = self.server.login(c.user)
            one.ok("CREATE INBOX.a")
            one.ok("CREATE INBOX.b")
            one.close()
            one = self.server.admin()
            one.ok(f"SETQUOTA user.{c.user} (STORAGE 10000000)")
            one.close()
            self.clients.append(c)
        for c in self.clients:
            c.start()

    def progress(self):
        with self.changed:
            self.operations += 1
            self.changed.notify_all()

    def wait(self, n):
        """Until there have been N more acknowledged operations."""
        with self.changed:
            enough = self.operations + n
            ok = self.changed.wait_for(
                lambda: self.operations >= enough or any(c.failure for c in self.clients),
                PATIENCE)
        self.look()
        assert ok, f"nothing moved for {PATIENCE} s"

    def look(self):
        for c in self.clients:
            if c.failure:
                raise AssertionError(f"client {c.number}: {c.failure}") from c.failure

    def admin_command(self, text):
        """The clients share one connection of the administrator."""
        with self.admin_lock:
            try:
                if self.admin is None:
                    self.admin = Imap(("127.0.0.1", self.server.imap_port))
                    self.admin.login("cyrus", PASSWORD)
                reply = self.admin.cmd(text)
            except (OSError, AssertionError) as e:
                if self.admin is not None:
                    self.admin.close()
                self.admin = None
                raise Broken(text) from e
        assert reply.status == "OK" or "shutting down" in reply.text, f"{text!r}: {reply!r}"
        self.progress()

    def stop(self):
        self.stopping.set()
        for c in self.clients:
            c.join(PATIENCE)
            assert not c.is_alive(), f"client {c.number} hangs"
        if self.admin is not None:
            self.admin.close()
        self.look()

    def check(self):
        for c in self.clients:
            c.check()
