"""Clients that change mail in every way there is, and write down what they were
promised (model.py) between the server's own records.

Each client is alone with what it changes: user uN with the messages it has put
somewhere, with what came into its INBOX once it has seen it, with its folders,
subscriptions and rights; the postman with new mail; the administrator with
quotas, checkpoints, and the partition on which uN's "other" lies.
"""
import hashlib
import json
import random
import re
import threading

import chapar
from host import USERS
from model import Model
from verify import SHARED, authorized_url, internal, modseq, index_paths, word

FLAGS = ["\\Answered", "\\Flagged", "\\Draft", "\\Seen", "$Forwarded", "work", "play", "later"]
DATES = [" 1-Feb-2003 04:05:06 +0000", "31-Dec-1999 23:59:59 +0100", "17-Jul-2020 10:11:12 -0330"]
NOTES = ["/private/comment", "/private/vendor/a/b", "/shared/comment", "/shared/vendor/a/b"]
USE = "/private/specialuse"
MESSAGE_NOTES = ["/comment value.priv", "/comment value.shared", "/vendor/a/b value.priv", "/1/comment value.shared"]
LARGE = 300_000                 # more than the log takes inline


class Workload:
    def __init__(self, host, trace, seed, operations):
        self.host, self.trace, self.seed = host, trace, seed
        self.lock = threading.Lock()
        self.model = Model()
        self.operations = operations
        self.large = random.Random(f"large {seed}").choice((1, 3, 15))
        self.serial = 0
        self.failure = None
        self.counts = {}

    def event(self, **e):
        text = json.dumps(e)
        with self.lock:
            self.trace.event(text)
            self.model.event(text)

    def number(self):
        with self.lock:
            self.serial += 1
            return self.serial

    def run(self):
        admin = Admin(self)
        admin.prepare()
        clients = [admin, Postman(self, 0), Postman(self, 1)] + [User(self, u) for u in USERS]
        for c in clients:
            c.start()
        for c in clients:
            c.join()
        if self.failure:
            raise self.failure
        assert not self.model.open


class Client(threading.Thread):
    def __init__(self, load, name, share):
        super().__init__(daemon=True)
        self.left = int(load.operations * share)
        self.load, self.name_ = load, name
        self.random = random.Random(f"{load.seed}/{name}")
        self.n = 0
        self.imap = None
        self.steps = []

    def run(self):
        try:
            for _ in range(self.left):
                if self.load.failure is None:
                    self.random.choice(self.steps)()
        except BaseException as e:
            self.load.failure = e
            raise
        finally:
            if self.imap:
                self.imap.close()

    def do(self, words, groups, action, mode="any"):
        """ACTION() returns (done?, changes that are known now)."""
        self.n += 1
        self.load.event(c=self.name_, n=self.n, do=words, mode=mode, groups=groups)
        ok, up = action()
        self.load.event(c=self.name_, n=self.n, ok=ok, up=up)
        with self.load.lock:
            kind = words.split()[0] + ("" if ok or up else " (refused)")
            self.load.counts[kind] = self.load.counts.get(kind, 0) + 1

    def message(self):
        token = f"token-{self.name_}-{self.load.number()}"
        size = self.random.choices((20, 900, 5000, 60_000, LARGE), (30, 40, 20, 5, self.load.large))[0]
        line = "%x" % self.random.getrandbits(280) + "\r\n"
        raw = (f"From: a@example.org\r\nMessage-ID: <{token}@example.org>\r\n"
               f"Subject: {token}\r\n\r\n" + line * (size // len(line) + 1)).encode()
        return token, raw

    @staticmethod
    def spec(raw, flags, exact, date, notes=None):
        return {"f": sorted(flags), "u": None, "x": exact, "t": date, "n": notes or {},
                "d": [len(raw), hashlib.sha1(raw).hexdigest()]}

    # --- the model, for choosing ---

    def boxes(self, test):
        with self.load.lock:
            return [(n, b.name) for n, b in self.load.model.boxes.items()
                    if b.name is not None and test(b.name)]

    def number_of(self, name):
        return self.boxes(lambda n: n == name)[0][0]

    def floors(self, *boxes):
        """What the indexes on the disk say: whoever could see it may rely on it."""
        out = []
        for n in boxes:
            with self.load.lock:
                b = self.load.model.boxes.get(n)
                name, validity = (b.name, b.floor["validity"]) if b else (None, 0)
            for path in index_paths(self.load.host.top, name) if name else ():
                value, v = modseq(path)
                if v == validity:
                    out.append(["floor", n, {"modseq": value}])
        return out


class Admin(Client):
    def __init__(self, load):
        super().__init__(load, "admin", 0.1)
        self.imap = load.host.login(chapar.ADMIN)
        self.steps = [self.quota] * 3 + [self.checkpoint] * 2 + [self.expire, self.move_partition,
                                                                 self.acl, self.quota_f]

    def ok(self, text, up=()):
        r = self.imap.cmd(text)
        return r.status == "OK", list(up) if r.status == "OK" else []

    def prepare(self):
        """Not at random: who may be on which partition, quotas, rights."""
        for i, user in enumerate(USERS):
            self.create(f"user.{user}", "two" if i == 2 else "default")
            self.create(f"user.{user}.other", "default" if i == 2 else "two")
            self.quota(f"user.{user}")
        self.create(SHARED, "two")
        n = self.number_of(SHARED)
        self.do(f"SETACL {SHARED}", [[["acl", n, None, None]]], lambda: self.ok(f"SETACL {SHARED} anyone lrswipte"))
        self.do(f"GETACL {SHARED}", [], lambda: (True, [["acl", n, None, get_acl(self.imap, SHARED)]]))

    def create(self, name, partition):
        n = self.load.number()
        self.do(f"CREATE {name}", [[["box", n, None, name]]],
                lambda: created(self.imap, n, f'CREATE "{name}" {partition}', False))

    def quota(self, root=None):
        root = root or f"user.{self.random.choice(USERS)}"
        limit = [self.random.randrange(50_000, 1_000_000), self.random.randrange(5000, 9000)]
        with self.load.lock:
            old = self.load.model.quotas.get(root)
        self.do(f"SETQUOTA {root}", [[["quota", root, old, limit]]],
                lambda: self.ok(f'SETQUOTA "{root}" (STORAGE {limit[0]} MESSAGE {limit[1]})'))

    def acl(self):
        """Of the shared folder, to somebody nobody is."""
        n = self.number_of(SHARED)
        set_acl(self, self.imap, n, SHARED, SHARED, self.random.choice(("carol", "dave")))

    def tool(self, name, *args):
        def action():
            r = self.load.host.tool(name, *args)
            return r.returncode == 0, []
        self.do(name + " " + " ".join(args), [], action)

    def checkpoint(self):
        self.tool("ctl_cyrusdb", "-c")

    def expire(self):
        self.tool("cyr_expire", "-X", "0", "-D", "0")

    def quota_f(self):
        self.tool("quota", "-f")

    def move_partition(self):
        user = self.random.choice(USERS)
        name, to = f"user.{user}.other", self.random.choice(("default", "two"))
        self.do(f"RENAME {name} to {to}", [], lambda: self.ok(f'RENAME "{name}" "{name}" {to}'))


def get_acl(imap, name):
    r = imap.cmd(f'GETACL "{name}"')
    m = r.find(rb"ACL (.*)$")
    if not m:
        return None
    words = [word(w) for w in re.findall(r'"[^"]*"|\S+', m[1].decode())][1:]
    return dict(zip(words[::2], words[1::2]))


def created(imap, number, command, may_read=True):
    """Creates and asks what it has become."""
    r = imap.cmd(command)
    if r.status != "OK":
        return False, []
    outside = command.split('"')[1]
    up = [["acl", number, None, get_acl(imap, outside)]]
    if may_read:
        up.append(["floor", number, {"validity": validity(imap, outside)}])
    return True, up


def validity(imap, outside):
    m = imap.ok(f'STATUS "{outside}" (UIDVALIDITY)').find(rb"UIDVALIDITY (\d+)")
    return int(m[1])


def set_acl(client, imap, number, name, outside, who):
    rights = client.random.choice(("lrs", "lrsw", "lrswi", "lrsp", ""))
    with client.load.lock:
        old = client.load.model.boxes[number].acl
    if old is None:
        return
    new = {k: v for k, v in old.items() if k != who}
    if rights:
        new[who] = rights

    def action():
        r = imap.cmd(f'SETACL "{outside}" {who} "{rights}"')
        return r.status == "OK", []
    client.do(f"SETACL {name} {who} {rights}", [[["acl", number, old, new]]], action)


class Postman(Client):
    def __init__(self, load, number):
        super().__init__(load, f"post{number}", 0.09)
        self.sock = None
        self.steps = [self.deliver]

    def run(self):
        super().run()
        if self.sock:
            self.file.close()
            self.sock.close()

    def replies(self, n=1):
        out = []
        while len(out) < n:
            line = self.file.readline()
            assert line, "the LMTP connection ended"
            if line[3:4] == b" ":
                out.append(line[:1])
        return out

    def say(self, text):
        self.file.write(text)
        self.file.flush()

    def deliver(self):
        if self.sock is None:
            self.sock, self.file = self.load.host.lmtp()
            self.replies()
            self.say(b"LHLO x\r\n")
            self.replies()
        users = self.random.sample(USERS, self.random.choice((1, 1, 2, 3)))
        token, raw = self.message()
        groups = [[["msg", self.number_of(f"user.{u}"), token, None,
                    self.spec(raw, [], False, None)]] for u in users]

        def action():
            self.say(b"MAIL FROM:<a@example.org>\r\n")
            self.replies()
            for u in users:
                self.say(b"RCPT TO:<%s>\r\n" % u.encode())
                assert self.replies() == [b"2"]
            self.say(b"DATA\r\n")
            self.replies()
            self.say(raw + b".\r\n")
            got = self.replies(len(users))
            return False, [g[0] for g, r in zip(groups, got) if r == b"2"]
        self.do(f"LMTP to {users}", groups, action)


class Session:
    """A connection that is made anew when the server ends it in peace: it does
    when the selected mailbox moves to another partition."""

    def __init__(self, host, user):
        self.host, self.user = host, user
        self.imap = host.login(user)
        self.selected = None

    def cmd(self, text, *literals):
        r = self.imap.cmd(text, *literals)
        if r.find(rb"^BYE "):
            self.imap.close()
            self.imap, self.selected = self.host.login(self.user), None
        return r

    def ok(self, text):
        r = self.cmd(text)
        assert r.status == "OK", f"{text!r}: {r!r}"
        return r

    def close(self):
        self.imap.close()


class User(Client):
    def __init__(self, load, user):
        super().__init__(load, user, 0.24)
        self.imap = Session(load.host, user)
        self.mine = set()               # tokens of ours in the shared folder
        self.steps = ([self.append] * 4 + [self.append_several] * 2 + [self.replace] * 3
                      + [self.url] * 2 + [self.look] * 3 + [self.sort] * 2 + [self.flag] * 5 + [self.expunge] * 3
                      + [self.fetch_mail] * 2
                      + [self.annotate] * 4 + [self.copy] * 3 + [self.move] * 3 + [self.create] * 3 + [self.rename] * 2
                      + [self.delete, self.subscribe, self.subscribe, self.acl, self.seen, self.seen]
                      + [self.note] * 3 + [self.use, self.note_of_the_server])

    def outside(self, name):
        return "INBOX" + name[len(f"user.{self.name_}"):] if name.startswith("user.") else name

    def is_own(self, name):
        return name == f"user.{self.name_}" or name.startswith(f"user.{self.name_}.")

    def any_box(self, shared=True):
        return self.random.choice(self.boxes(
            lambda n: self.is_own(n) or (shared and n == SHARED)))

    def folders(self):
        return self.boxes(lambda n: re.fullmatch(rf"user\.{self.name_}\.f\d(\.sub)?", n))

    def select(self, name):
        if self.imap.selected != name:
            self.imap.selected = None
            if self.imap.cmd(f'SELECT "{self.outside(name)}"').status != "OK":
                return False
            self.imap.selected = name
        return True

    def unselect(self):
        self.imap.cmd("UNSELECT")
        self.imap.selected = None

    def cmd(self, name, text):
        """A command in a mailbox; None if it cannot be selected."""
        return self.imap.cmd(text) if self.select(name) else None

    def messages(self, number, most=4):
        """Some of ours there whose UIDs we know: {token: message}."""
        with self.load.lock:
            b = self.load.model.boxes[number]
            known = {t: m for t, m in b.messages.items() if m["u"] is not None and m["t"] is not None
                     and (b.name != SHARED or t in self.mine)}
        chosen = self.random.sample(sorted(known), min(len(known), self.random.randint(1, most)))
        return {t: known[t] for t in chosen}

    def run(self):
        """What the administrator has made is ours: its UIDVALIDITYs."""
        for number, name in self.boxes(lambda n: self.is_own(n) or n == SHARED):
            self.do(f"STATUS {name}", [], lambda n=number, x=name: (
                True, [["floor", n, {"validity": validity(self.imap, self.outside(x))}]]))
        super().run()

    # --- messages ---

    def append(self):
        number, name = self.any_box()
        flags = self.random.sample([f for f in FLAGS if name != SHARED or f != "\\Seen"],
                                   self.random.randrange(3))
        date = self.random.choice(DATES)
        token, raw = self.message()
        notes = self.some_notes(name)
        m = self.spec(raw, flags, True, date, notes)
        if name == SHARED:
            self.mine.add(token)

        def action():
            r = self.imap.cmd(f'APPEND "{self.outside(name)}" ({" ".join(flags)}) "{date}" {annotation(notes)}', raw)
            if r.status != "OK":
                return False, []
            uid = int(r.code.split()[2])
            return True, [["msg", number, token, None, {**m, "u": uid}], *self.floors(number)]
        self.do(f"APPEND {name} {token}", [[["msg", number, token, None, m]]], action)

    def append_several(self):
        """All or none."""
        number, name = self.any_box(shared=False)
        date = self.random.choice(DATES)
        made = []
        for _ in range(self.random.randint(2, 4)):
            flags = self.random.sample(FLAGS, self.random.randrange(3))
            token, raw = self.message()
            made.append((token, raw, self.spec(raw, flags, True, date, self.some_notes(name))))

        def action():
            text = "".join(f' ({" ".join(m["f"])}) "{date}" {annotation(m["n"])}{{{len(raw)}+}}\r\n{raw.decode()}'
                           for _, raw, m in made)
            r = self.imap.cmd(f'APPEND "{self.outside(name)}"{text}')
            if r.status != "OK":
                return False, []
            uids = uid_list(r.code.split()[2])
            return True, [["msg", number, token, None, {**m, "u": uid}]
                          for (token, _, m), uid in zip(made, uids)] + self.floors(number)
        self.do(f"MULTIAPPEND {name} {[t for t, _, _ in made]}",
                [[["msg", number, token, None, m] for token, _, m in made]], action)

    def replace(self):
        """One goes and one comes, perhaps in another mailbox."""
        number, name = self.any_box(shared=False)
        to, to_name = self.random.choice([(number, name), self.any_box(shared=False)])
        chosen = self.messages(number, 1)
        if not chosen:
            return
        (old, was), = chosen.items()
        date = self.random.choice(DATES)
        token, raw = self.message()
        m = self.spec(raw, self.random.sample(FLAGS, self.random.randrange(3)), True, date,
                      self.some_notes(to_name))
        adds, takes = ["msg", to, token, None, m], ["msg", number, old, was, None]
        apart = number != to and "other" in name + to_name

        def action():
            if not self.select(name):
                return False, []
            r = self.imap.cmd(f'UID REPLACE {was["u"]} "{self.outside(to_name)}" ({" ".join(m["f"])}) "{date}" '
                              f'{annotation(m["n"])}', raw)
            if r.status != "OK":
                return False, []
            uid = int(r.find(rb"APPENDUID \d+ (\d+)")[1])
            return True, [["msg", to, token, None, {**m, "u": uid}], *self.floors(number, to)]
        self.do(f"REPLACE {name} {was['u']} {to_name} {token}",
                [[adds], [takes]] if apart else [[adds, takes]], action, "steps")

    def url(self):
        """A mailbox access key: made once, the same until it is reset."""
        name = self.random.choice(("INBOX", "INBOX.other"))
        with self.load.lock:
            had = self.load.model.urls.get((self.name_, name))
        reset = had is not None and self.random.random() < 0.4

        def action():
            if reset:
                return self.imap.cmd(f"RESETKEY {name}").status == "OK", []
            new = authorized_url(self.imap, self.name_, name)
            assert had in (None, new), f"{name}: another key than before"
            return False, [["url", self.name_, name, had, new]]
        self.do(f"{'RESETKEY' if reset else 'GENURLAUTH'} {name}",
                [[["url", self.name_, name, had, None]]] if reset else [], action)

    def look(self):
        """Learns UIDs and dates of what has been delivered."""
        number, name = self.number_of(f"user.{self.name_}"), f"user.{self.name_}"

        def action():
            r = self.cmd(name, "UID FETCH 1:* (INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            up = []
            with self.load.lock:
                known = self.load.model.boxes[number].messages
                for line in r.all(rb'UID (\d+) INTERNALDATE "([^"]*)".*Subject: (\S+)'):
                    m = known.get(line[3].decode())
                    if m and (m["u"] is None or m["t"] is None):
                        up.append(["msg", number, line[3].decode(), None,
                                   {**m, "u": int(line[1]), "t": line[2].decode()}])
            return True, up + self.floors(number)
        self.do(f"FETCH {name}", [], action)

    def sort(self):
        """Changes nothing that anybody was promised; the order may be kept."""
        _, name = self.any_box()
        by = self.random.choice(("SUBJECT", "FROM", "REVERSE SUBJECT DATE"))

        def action():
            self.cmd(name, f"SORT ({by}) UTF-8 ALL")
            return True, []
        self.do(f"SORT {name}", [], action)

    def flag(self):
        number, name = self.any_box()
        chosen = self.messages(number)
        if not chosen:
            return
        flags = set(self.random.sample([f for f in FLAGS if name != SHARED or f != "\\Seen"],
                                       self.random.randint(1, 3)))
        how = self.random.choice(("+", "-", ""))
        change = {"+": lambda f: f | flags, "-": lambda f: f - flags, "": lambda f: flags}[how]
        if how == "" and name == SHARED:
            return                      # would take \Seen away
        group = [["msg", number, t, m, {**m, "f": sorted(change(set(m["f"])))}]
                 for t, m in chosen.items()]
        uids = ",".join(str(m["u"]) for m in chosen.values())

        def action():
            r = self.cmd(name, f"UID STORE {uids} {how}FLAGS.SILENT ({' '.join(sorted(flags))})")
            ok = r is not None and r.status == "OK"
            return ok, self.floors(number) if ok else []
        self.do(f"STORE {name} {uids} {how} {sorted(flags)}", [group], action)

    def some_notes(self, name):
        """What a new message comes with."""
        if name == SHARED or self.random.random() < 0.7:
            return {}
        entries = self.random.sample(MESSAGE_NOTES, self.random.randint(1, 3))
        return {e: v for e in entries if (v := self.value()) is not None}

    def annotate(self):
        """Several annotations of several messages at once."""
        number, name = self.any_box(shared=False)
        chosen = self.messages(number)
        if not chosen:
            return
        new = {e: self.value() for e in self.random.sample(MESSAGE_NOTES, self.random.randint(1, 3))}
        group = [["msg", number, t, m, {**m, "n": {e: v for e, v in {**m["n"], **new}.items() if v is not None}}]
                 for t, m in chosen.items()]
        uids = ",".join(str(m["u"]) for m in chosen.values())

        def action():
            r = self.cmd(name, f"UID STORE {uids} {annotation(new).strip()}")
            ok = r is not None and r.status == "OK"
            return ok, self.floors(number) if ok else []
        self.do(f"STORE {name} {uids} ANNOTATION {sorted(new)}", [group], action)

    def expunge(self):
        number, name = self.any_box()
        chosen = self.messages(number)
        if not chosen:
            return
        uids = ",".join(str(m["u"]) for m in chosen.values())
        marked = {t: {**m, "f": sorted({*m["f"], "\\Deleted"})} for t, m in chosen.items()}
        done = []

        def mark():
            r = self.cmd(name, f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)")
            done.append(r is not None and r.status == "OK")
            return done[0], []

        def expunge():
            r = self.cmd(name, f"UID EXPUNGE {uids}")
            ok = r is not None and r.status == "OK"
            return ok, self.floors(number) if ok else []
        self.do(f"STORE {name} {uids} + \\Deleted",
                [[["msg", number, t, m, marked[t]] for t, m in chosen.items()]], mark)
        if done[0]:
            self.do(f"EXPUNGE {name} {uids}",
                    [[["msg", number, t, m, None] for t, m in marked.items()]], expunge)

    def fetch_mail(self):
        """By POP3: all that is marked goes with QUIT, or none of it."""
        number, name = self.any_box(shared=False)
        chosen = self.messages(number)
        if not chosen:
            return
        uids = {m["u"] for m in chosen.values()}
        folder = name[len(f"user.{self.name_}") + 1:]

        def action():
            pop = self.load.host.pop(self.name_ + (f"+{folder}" if folder else ""))
            for line in pop.multi("UIDL"):
                n, uid = line.decode().replace(".", " ").split()[::2]
                if int(uid) in uids:
                    r = pop.cmd(f"RETR {n}")
                    if r.code == "SYS/TEMP":    # the mailbox has moved
                        pop.close()
                        return False, []
                    assert r.ok, r
                    pop.body()
                    pop.ok(f"DELE {n}")
                    uids.discard(int(uid))
            assert not uids, f"{name}: POP3 does not see {uids}"
            ok = pop.cmd("QUIT").ok
            pop.close()
            return ok, self.floors(number) if ok else []
        self.do(f"POP3 {name} {sorted(uids)}", [[["msg", number, t, m, None] for t, m in chosen.items()]], action)

    def copy(self, move=False):
        number, name = self.any_box(shared=False)
        to, to_name = self.any_box(shared=False)
        with self.load.lock:
            there = set(self.load.model.boxes[to].messages)
        chosen = {t: m for t, m in self.messages(number).items() if t not in there}
        if not chosen or to == number:
            return
        adds = [["msg", to, t, None, {**m, "u": None}] for t, m in chosen.items()]
        takes = [["msg", number, t, m, None] for t, m in chosen.items()] if move else []
        # Between partitions there are two logs: the copy first.
        apart = "other" in name + to_name
        uids = ",".join(str(m["u"]) for m in chosen.values())
        verb = "MOVE" if move else "COPY"

        def action():
            r = self.cmd(name, f'UID {verb} {uids} "{self.outside(to_name)}"')
            if r is None or r.status != "OK":
                # The two halves of a move have two fates.
                return False, []
            code = (r.find(rb"COPYUID ([^\]]*)")[1].decode() if move
                    else r.code.split(" ", 1)[1])
            _, source, new = code.split()
            uid = dict(zip(uid_list(source), uid_list(new)))
            up = [["msg", to, t, None, {**m, "u": uid[m["u"]]}] for t, m in chosen.items()]
            return True, up + self.floors(number, to)
        self.do(f"{verb} {name} {uids} {to_name}",
                [adds, takes] if apart and move else [adds + takes], action, "steps")

    def move(self):
        self.copy(move=True)

    def seen(self):
        """For ourselves, in a mailbox that is not ours."""
        number = self.number_of(SHARED)
        with self.load.lock:
            b = self.load.model.boxes[number]
            known = {t: m["u"] for t, m in b.messages.items() if m["u"] is not None}
            had = set(b.seen.get(self.name_, ()))
        tokens = self.random.sample(sorted(known), min(len(known), self.random.randint(1, 3)))
        if not tokens:
            return
        on = self.random.random() < 0.7
        uids = ",".join(str(known[t]) for t in tokens)

        def action():
            self.cmd(SHARED, "NOOP")    # a UID that we were not told of is passed over
            r = self.cmd(SHARED, f"UID STORE {uids} {'+' if on else '-'}FLAGS.SILENT (\\Seen)")
            return r is not None and r.status == "OK", []
        self.do(f"STORE {SHARED} {uids} {on} \\Seen of {self.name_}",
                [[["seen", number, self.name_, t, t in had, on]] for t in tokens], action)

    # --- names ---

    def create(self):
        parents = [n for _, n in self.folders() if n.count(".") == 2]
        free = [f"user.{self.name_}.f{i}" for i in range(4)] + [p + ".sub" for p in parents]
        free = sorted(set(free) - {n for _, n in self.folders()})
        if not free:
            return
        name, number = self.random.choice(free), self.load.number()
        self.do(f"CREATE {name}", [[["box", number, None, name]]],
                lambda: created(self.imap, number, f'CREATE "{self.outside(name)}"'))

    def rename(self):
        top = [(i, n) for i, n in self.folders() if n.count(".") == 2]
        used = {n.split(".")[2] for _, n in self.folders()}
        free = [f for f in ("f0", "f1", "f2", "f3") if f not in used]
        if not top or not free:
            return
        number, old = self.random.choice(top)
        new = f"user.{self.name_}.{self.random.choice(free)}"
        group = [["box", i, n, new + n[len(old):]] for i, n in self.folders()
                 if n == old or n.startswith(old + ".")]

        def action():
            self.unselect()
            r = self.imap.cmd(f'RENAME "{self.outside(old)}" "{self.outside(new)}"')
            if r.status != "OK":
                return False, []
            return True, [["floor", i, {"validity": validity(self.imap, self.outside(to))}] for _, i, _, to in group
                          ] + self.floors(number)
        self.do(f"RENAME {old} {new}", [group], action)

    def delete(self):
        leaves = [(i, n) for i, n in self.folders()
                  if not any(m.startswith(n + ".") for _, m in self.folders())]
        if not leaves:
            return
        number, name = self.random.choice(leaves)

        def action():
            self.unselect()
            return self.imap.cmd(f'DELETE "{self.outside(name)}"').status == "OK", []
        self.do(f"DELETE {name}", [[["box", number, name, None]]], action)

    def subscribe(self):
        name = self.random.choice(("INBOX", "INBOX.other", SHARED))
        with self.load.lock:
            had = name in self.load.model.subs.get(self.name_, ())

        def action():
            verb = "UNSUBSCRIBE" if had else "SUBSCRIBE"
            return self.imap.cmd(f'{verb} "{name}"').status == "OK", []
        self.do(f"SUBSCRIBE {internal(self.name_, name)} {not had}",
                [[["sub", self.name_, name, had, not had]]], action)

    def value(self):
        return self.random.choice((None, "", *("%x" % self.random.getrandbits(160) * n
                                               for n in (1, 1, 100))))

    def note(self):
        """Several annotations of a mailbox at once."""
        number, name = self.any_box(shared=False)
        chosen = self.random.sample(NOTES, self.random.randint(1, 3))
        with self.load.lock:
            had = dict(self.load.model.boxes[number].notes)
        new = {e: self.value() for e in chosen}
        words = " ".join(f"{e} " + ("NIL" if v is None else f'"{v}"') for e, v in new.items())
        self.do(f"SETMETADATA {name} {sorted(new)}",
                [[["note", number, e, had.get(e), v] for e, v in new.items()]],
                lambda: self.ok(f'SETMETADATA "{self.outside(name)}" ({words})', number))

    def use(self):
        """What a mailbox is for; refused if another has it."""
        number, name = self.any_box(shared=False)
        use = self.random.choice((None, "\\Sent", "\\Trash", "\\Junk \\Drafts"))
        with self.load.lock:
            had = self.load.model.boxes[number].notes.get(USE)
        value = "NIL" if use is None else '"' + use.replace("\\", "\\\\") + '"'
        self.do(f"SETMETADATA {name} {use}", [[["note", number, USE, had, use]]],
                lambda: self.ok(f'SETMETADATA "{self.outside(name)}" ({USE} {value})'))

    def note_of_the_server(self):
        entry, value = self.random.choice(NOTES), self.value()
        entry = entry.replace("/shared", "/private/s")
        with self.load.lock:
            had = self.load.model.notes.get(self.name_, {}).get(entry)
        word = "NIL" if value is None else f'"{value}"'
        self.do(f"SETMETADATA of the server {entry}",
                [[["note of the server", self.name_, entry, had, value]]],
                lambda: self.ok(f'SETMETADATA "" ({entry} {word})'))

    def ok(self, text, number=None):
        ok = self.imap.cmd(text).status == "OK"
        return ok, self.floors(number) if ok and number is not None else []

    def acl(self):
        number, name = self.any_box(shared=False)
        set_acl(self, self.imap, number, name, self.outside(name),
                self.random.choice(("anyone", "bob")))


def annotation(notes):
    """As STORE and APPEND have it; nothing, if there are none."""
    if not notes:
        return ""
    words = []
    for key, value in notes.items():
        entry, attrib = key.split()
        words.append(f"{entry} ({attrib} " + ("NIL" if value is None else f'"{value}"') + ")")
    return f"ANNOTATION ({' '.join(words)}) "


def uid_list(text):
    out = []
    for part in text.split(","):
        a, _, b = part.partition(":")
        out += range(int(a), int(b or a) + 1)
    return out
