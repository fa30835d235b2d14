"""Clients that change mail in every way there is, and write down what they were
promised (model.py) between the server's own records.

Each client is alone with what it changes: user uN with the messages it has put
somewhere, with what came into its INBOX once it has seen it, with its folders,
subscriptions and rights; the postman with new mail; the administrator with
quotas, checkpoints, groups, who is denied, and the partition on which uN's "other"
lies.  A rival of a user's takes the source of a copy away while it is made.
"""
import hashlib
import json
import random
import re
import threading
import time

import chapar
from host import USERS
from model import Model
from verify import SHARED, USE, authorized_url, internal, modseq, index_paths, word

FLAGS = ["\\Answered", "\\Flagged", "\\Draft", "\\Seen", "$Forwarded", "work", "play", "later"]
DATES = [" 1-Feb-2003 04:05:06 +0000", "31-Dec-1999 23:59:59 +0100", "17-Jul-2020 10:11:12 -0330"]
NOTES = ["/private/comment", "/private/vendor/a/b", "/shared/comment", "/shared/vendor/a/b"]
FILTER = "/private/filters/values/mine"
MESSAGE_NOTES = ["/comment value.priv", "/comment value.shared", "/vendor/a/b value.priv", "/1/comment value.shared"]
RESTORED = r"Unexpunged \S+: (\d+) => (\d+)"
LARGE = 300_000                 # more than the log takes inline


class Workload:
    def __init__(self, host, trace, seed, operations, only=None):
        self.host, self.trace, self.seed = host, trace, seed
        self.lock = threading.Lock()
        self.model = Model()
        self.operations, self.only = operations, only
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
        if self.only:                   # nobody else flushes anything
            clients = [c for c in clients if c.limit_to(self.only)][:1]
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
        self.load, self.name_, self.client = load, name, name
        self.random = random.Random(f"{load.seed}/{name}")
        self.n = 0
        self.imap = None
        self.steps = []

    def limit_to(self, only):
        """Can it do any of this?"""
        self.steps = [s for s in self.steps if s.__name__ in only]
        return self.steps

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
        self.load.event(c=self.client, n=self.n, do=words, mode=mode, groups=groups)
        ok, up = action()
        self.load.event(c=self.client, n=self.n, ok=ok, up=up)
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
        self.steps = [self.quota] * 3 + [self.checkpoint] * 2 + [
            self.expire, self.move_partition, self.acl, self.quota_f, self.group, self.group, self.deny,
            self.note]

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
        limit = [self.random.randrange(a, b) for a, b in (
            (50_000, 1_000_000), (5000, 9000), (100, 999), (50_000, 1_000_000))]
        with self.load.lock:
            old = self.load.model.quotas.get(root)
        self.do(f"SETQUOTA {root}", [[["quota", root, old, limit]]],
                lambda: self.ok(f'SETQUOTA "{root}" (STORAGE {limit[0]} MESSAGE {limit[1]} '
                            f'MAILBOX {limit[2]} ANNOTATION-STORAGE {limit[3]})'))

    def acl(self):
        """Of the shared folder, to somebody nobody is."""
        n = self.number_of(SHARED)
        set_acl(self, self.imap, n, SHARED, SHARED, self.random.choice(("carol", "dave")))

    def tool(self, name, *args, groups=()):
        def action():
            r = self.load.host.tool(name, *args)
            return r.returncode == 0, []
        self.do(name + " " + " ".join(args), list(groups), action)

    def checkpoint(self):
        self.tool("ctl_cyrusdb", "-c")

    def expire(self):
        self.tool("cyr_expire", "-X", "0", "-D", "0")

    def quota_f(self):
        self.tool("quota", "-f")

    def group(self):
        """One of the server's own; somebody comes, goes, or all of it does."""
        name, who = self.random.choice(("staff", "crew")), self.random.choice(("carol", "dave"))
        with self.load.lock:
            had = self.load.model.groups.get(name)
        if had is None or who not in had:
            verb, new = "add", sorted({*(had or ()), who})
        elif self.random.random() < 0.5:
            verb, new = "remove", sorted({*had} - {who})
        else:
            verb, new, who = "delete", None, None
        self.tool("chapar", "group", verb, name, *([who] if who else []), groups=[[["group", name, had, new]]])

    def deny(self):
        """Somebody nobody is."""
        who = self.random.choice(("carol", "dave"))
        with self.load.lock:
            had = self.load.model.denied.get(who)
        new = None if had else [self.random.choice(("*", "imap,pop*")), self.random.choice(("", "not now"))]
        self.tool("cyr_deny", *(["-s", new[0], "-m", new[1]] if new else ["-a"]), who,
                  groups=[[["denied", who, had, new]]])

    def note(self):
        """Of the server, for all."""
        entry, value = self.random.choice(("/shared/comment", "/shared/vendor/a/b")), self.random.choice((None, "x" * 900))
        with self.load.lock:
            had = self.load.model.notes.get("", {}).get(entry)
        text = "NIL" if value is None else f'"{value}"'
        self.do(f"SETMETADATA of the server {entry}", [[["note of the server", "", entry, had, value]]],
                lambda: self.ok(f'SETMETADATA "" ({entry} {text})'))

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
        self.rival, self.gone = None, {}        # {box: {UID: what was expunged}}
        self.steps = ([self.append] * 4 + [self.append_several] * 2 + [self.replace] * 3
                      + [self.url] * 2 + [self.look] * 3 + [self.sort] * 2 + [self.flag] * 5 + [self.expunge, self.unexpunge] * 3
                      + [self.fetch_mail] * 2
                      + [self.annotate] * 4 + [self.copy] * 2 + [self.move] * 2
                      + [self.race] * 9 + [self.chain] * 5 + [self.create] * 3 + [self.rename] * 2
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
        self.rival = Rival(self.load, self.name_)
        self.rival.gone = self.gone
        for number, name in self.boxes(lambda n: self.is_own(n) or n == SHARED):
            self.do(f"STATUS {name}", [], lambda n=number, x=name: (
                True, [["floor", n, {"validity": validity(self.imap, self.outside(x))}]]))
        super().run()
        self.rival.imap.close()

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
        if chosen:
            self.expunge_marked(number, name, self.mark(number, name, chosen))

    def mark(self, number, name, chosen):
        """As \\Deleted; what they are then."""
        uids = ",".join(str(m["u"]) for m in chosen.values())
        marked = {t: {**m, "f": sorted({*m["f"], "\\Deleted"})} for t, m in chosen.items()}
        done = []

        def action():
            r = self.cmd(name, f"UID STORE {uids} +FLAGS.SILENT (\\Deleted)")
            done.append(r is not None and r.status == "OK")
            return done[0], []
        self.do(f"STORE {name} {uids} + \\Deleted",
                [[["msg", number, t, m, marked[t]] for t, m in chosen.items()]], action)
        return marked if done[0] else {}

    def expunge_marked(self, number, name, marked):
        if not marked:
            return
        uids = ",".join(str(m["u"]) for m in marked.values())

        def action():
            r = self.cmd(name, f"UID EXPUNGE {uids}")
            ok = r is not None and r.status == "OK"
            if ok:
                self.gone.setdefault(number, {}).update({m["u"]: (t, m) for t, m in marked.items()})
            return ok, self.floors(number) if ok else []
        self.do(f"EXPUNGE {name} {uids}", [[["msg", number, t, m, None] for t, m in marked.items()]], action)

    def unexpunge(self):
        """Brings some back, each for itself, if their files are still there."""
        number, name = self.full_box()
        with self.load.lock:
            there = set(self.load.model.boxes[number].messages)
        gone = {u: (t, {**m, "u": None}) for u, (t, m) in self.gone.get(number, {}).items() if t not in there}
        chosen = {t: (u, m) for u, (t, m) in sorted(gone.items())[-3:]}
        if not chosen:
            return

        def action():
            r = self.load.host.tool("unexpunge", "-v", "-u", name, *(str(u) for u, _ in chosen.values()))
            new = {int(m[1]): int(m[2]) for m in re.finditer(RESTORED, r.stdout)}
            self.gone[number] = {u: x for u, x in self.gone[number].items() if u not in new}
            self.unselect()             # a UID that we were not told of is passed over
            return False, [["msg", number, t, None, {**m, "u": new[u]}] for t, (u, m) in chosen.items() if u in new]
        self.do(f"unexpunge {name} {sorted(chosen)}",
                [[["msg", number, t, None, m]] for t, (_, m) in chosen.items()], action)

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
        source, target = self.any_box(shared=False), self.any_box(shared=False)
        self.put("MOVE" if move else "COPY", source, target, self.not_there(target, self.messages(source[0])))

    def move(self):
        self.copy(move=True)

    def not_there(self, target, chosen):
        with self.load.lock:
            there = set(self.load.model.boxes[target[0]].messages)
        return {t: m for t, m in chosen.items() if t not in there}

    def put(self, verb, source, target, chosen, alone=True):
        """Not ALONE: somebody changes the source meanwhile."""
        (number, name), (to, to_name) = source, target
        if not chosen or to == number:
            return
        move = verb == "MOVE"
        adds = [["msg", to, t, None, {**m, "u": None}] for t, m in chosen.items()]
        takes = [["msg", number, t, m, None] for t, m in chosen.items()] if move else []
        # Between partitions there are two logs: the copy first.
        apart = "other" in name + to_name
        uids = ",".join(str(m["u"]) for m in chosen.values())

        def action():
            r = self.cmd(name, f'UID {verb} {uids} "{self.outside(to_name)}"')
            code = r and r.status == "OK" and (r.find(rb"COPYUID ([^\]]*)") if move else
                                               re.match(r"COPYUID (.*)", r.code or ""))
            if not code:                # also if there was nothing any more; the two
                return False, []        # halves of a move have two fates
            _, old, new = (code[1].decode() if move else code[1]).split()
            uid = dict(zip(uid_list(old), uid_list(new)))
            up = [["msg", to, t, None, {**m, "u": uid[m["u"]]}] for t, m in chosen.items() if m["u"] in uid]
            if len(up) < len(chosen):
                assert not alone, f"{verb} of {uids} in {name}: {r!r}"
                return False, up
            return True, up + self.floors(*([number, to] if alone else [to]))
        self.do(f"{verb} {name} {uids} {to_name}",
                [adds, takes] if apart and move else [adds + takes], action, "steps")

    def third(self, *others):
        """Any own mailbox but these; its name is None if there is none."""
        return self.random.choice(self.boxes(lambda n: self.is_own(n) and n not in others) or [(0, None)])

    def take_away(self, source, chosen, target):
        """What makes the source of a copy go; CHOSEN are marked as \\Deleted."""
        number, name = source
        ways = [lambda: self.expunge_marked(number, name, chosen)]
        third = self.third(name, target[1])
        if third[1]:
            ways.append(lambda: self.put("MOVE", source, third, self.not_there(third, chosen)))
        if name.endswith(".other"):
            ways += [lambda: self.to_partition(name)]
            ways += [lambda: (self.expunge_marked(number, name, chosen), self.to_partition(name))] * 2
        elif source in self.leaves():
            ways += [lambda: self.delete_box(number, name)] * 3
        return self.random.choice(ways)

    def full_box(self):
        return self.random.choice([b for b in self.boxes(self.is_own) if self.messages(b[0])]
                                  or [self.any_box(shared=False)])

    def race(self):
        """A copy whose source goes while it is made."""
        source = self.full_box()
        target = self.third(source[1])
        chosen = self.not_there(target, self.messages(source[0]))
        if not chosen:
            return
        chosen = self.mark(*source, chosen)
        if not chosen:
            return
        self.select(source[1])
        rival = threading.Thread(target=self.rival.act, args=(self.rival.take_away(source, chosen, target),))
        rival.start()
        time.sleep(self.random.choice((0, 0, 0.002, 0.005, 0.01, 0.02)))
        self.put("COPY", source, target, chosen, alone=False)
        rival.join()
        self.rival.unselect()
        self.unselect()

    def chain(self):
        """A copy of a copy, whose sources go when it is made."""
        first = self.full_box()
        second = self.third(first[1])
        third = self.third(first[1], second[1])
        if not third[1]:
            return
        chosen = self.not_there(third, self.not_there(second, self.messages(first[0])))
        if not chosen:
            return
        chosen = self.mark(*first, chosen)
        if self.random.random() < 0.5:          # then the log does not have their bytes any more
            self.do("ctl_cyrusdb -c", [], lambda: (self.load.host.tool("ctl_cyrusdb", "-c").returncode == 0, []))
        self.put("COPY", first, second, chosen)
        with self.load.lock:
            have = self.load.model.boxes[second[0]].messages
            copies = {t: have[t] for t in chosen if t in have}
        self.put("COPY", second, third, copies)
        for source, gone in self.random.sample(((first, chosen), (second, copies)), 2):
            self.rival.take_away(source, gone, third)()
        self.rival.unselect()
        self.unselect()

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

    def leaves(self):
        return [(i, n) for i, n in self.folders()
                if not any(m.startswith(n + ".") for _, m in self.folders())]

    def delete(self):
        leaves = self.leaves()
        if leaves:
            self.delete_box(*self.random.choice(leaves))

    def delete_box(self, number, name):
        def action():
            self.unselect()
            return self.imap.cmd(f'DELETE "{self.outside(name)}"').status == "OK", []
        self.do(f"DELETE {name}", [[["box", number, name, None]]], action)

    def to_partition(self, name):
        to = self.random.choice(("default", "two"))

        def action():
            admin = self.load.host.login(chapar.ADMIN)
            r = admin.cmd(f'RENAME "{name}" "{name}" {to}')
            admin.close()
            return r.status == "OK", []
        self.do(f"RENAME {name} to {to}", [], action)

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
        entry, value = self.random.choice([*NOTES, FILTER]), self.value()
        entry = entry.replace("/shared", "/private/s")
        if entry == FILTER and value is not None:
            value = "SUBJECT x" + value
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


class Rival(User):
    """The same user, on another connection."""

    def __init__(self, load, user):
        super().__init__(load, user)
        self.client = f"{user} rival"
        self.random = random.Random(f"{load.seed}/{self.client}")

    def act(self, what):
        """In a thread of its own."""
        try:
            what()
        except BaseException as e:
            self.load.failure = e
            raise


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
