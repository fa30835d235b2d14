"""Looks at a whole server through its protocols and compares it with the model.

A difference is a line of text; none: all is as it was promised.
"""
import hashlib
import itertools
import re
import struct

import annotations
import chapar
import history
from host import USERS
from listlines import metadata

SHARED = "shared"
USE = "/private/specialuse"
FETCHED = re.compile(rb"^(\d+) FETCH \(UID (\d+) FLAGS \(([^)]*)\) INTERNALDATE \"([^\"]*)\" "
                     rb"BODY\[\] \{(\d+)\}\r\n", re.S)
SUBJECT = re.compile(rb"^Subject: (\S+)\r$", re.M)


def authorized_url(c, user, name):
    """A URL with the token that the mailbox access key makes (RFC 4467)."""
    r = c.ok(f'GENURLAUTH "imap://{user}@localhost/{name}/;uid=1;urlauth=anonymous" INTERNAL')
    return r.find(rb'^GENURLAUTH "?([^"]*)"?')[1].decode()


class Found:
    """One message as the server shows it."""
    __slots__ = ("uid", "flags", "date", "raw", "notes", "token")

    def __init__(self, uid, flags, date, raw, notes):
        self.uid, self.flags, self.date, self.raw, self.notes = uid, flags, date, raw, notes
        m = SUBJECT.search(raw)
        self.token = m[1].decode() if m else f"UID {uid} without a subject"


class FoundBox:
    def __init__(self):
        self.messages = []
        self.validity = self.uidnext = self.modseq = 0
        self.acl, self.seen, self.notes = None, {}, {}


def pipeline(c, commands):
    """Sends all of COMMANDS at once; a Reply for each."""
    tags = [f"p{n}" for n in range(len(commands))]
    c.send("".join(f"{t} {x}\r\n" for t, x in zip(tags, commands)))
    return [c.wait(t) for t in tags]


def word(text):
    return text[1:-1] if text[:1] == '"' else text


def internal(user, name):
    """A name as its owner sees it, as the administrator does."""
    return f"user.{user}" + name[5:] if name == "INBOX" or name.startswith("INBOX.") else name


class Actual:
    def __init__(self, host):
        self.problems = []
        self.boxes, self.subs, self.quotas, self.usage, self.notes = {}, {}, {}, {}, {}
        self.urls = {}
        admin = host.login(chapar.ADMIN)
        names, mine = pipeline(admin, ['LIST "" "user.*"', f'LIST "" "{SHARED}*"'])
        for line in names.untagged + mine.untagged:
            m = re.match(rb'LIST \([^)]*\) "\." (.*)$', line)
            self.boxes[word(m[1].decode())] = FoundBox()
        roots = [f"user.{u}" for u in USERS]
        acls = pipeline(admin, [f'GETACL "{n}"' for n in self.boxes])
        for name, r in zip(self.boxes, acls):
            self.boxes[name].acl = self.parse_acl(name, r)
        for root, r in zip(roots, pipeline(admin, [f'GETQUOTA "{x}"' for x in roots])):
            m = r.find(rb"QUOTA \S+ \(STORAGE (\d+) (\d+) MESSAGE (\d+) (\d+) "
                       rb"MAILBOX (\d+) (\d+) ANNOTATION-STORAGE (\d+) (\d+)\)")
            if m:
                self.usage[root] = [int(x) for x in m.groups()[::2]]
                self.quotas[root] = [int(x) for x in m.groups()[1::2]]
        self.notes[""] = self.take_notes("the server", admin.cmd('GETMETADATA (DEPTH infinity) "" /shared'))
        admin.close()
        self.groups, self.denied = groups(host.top), denied(host.top)
        for user in USERS:
            self.look(host, user)

    def parse_acl(self, name, reply):
        m = reply.find(rb"ACL (.*)$")
        if not m:
            self.problems.append(f"{name}: GETACL says {reply!r}")
            return None
        words = [word(w) for w in re.findall(r'"[^"]*"|\S+', m[1].decode())][1:]
        return dict(zip(words[::2], words[1::2]))

    def look(self, host, user):
        c = host.login(user)
        names = [n for n in self.boxes if n == SHARED or n == f"user.{user}"
                 or n.startswith(f"user.{user}.")]
        own = ["INBOX" + n[len(f"user.{user}"):] if n != SHARED else n for n in names]
        replies = pipeline(c, ['LSUB "" "*"'] + [x for n in own for x in (
            f'EXAMINE "{n}"',
            "UID FETCH 1:* (FLAGS)" if n == SHARED and user != USERS[0]
            else "UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[] ANNOTATION (/* value))",
            "UID SORT (SUBJECT) UTF-8 ALL",
            f'GETMETADATA (DEPTH infinity) "{n}" (/private /shared)')]
            + ['GETMETADATA (DEPTH infinity) "" /private'])
        self.urls.update({(user, n): authorized_url(c, user, n) for n in ("INBOX", "INBOX.other")
                          if internal(user, n) in self.boxes})
        self.subs[user] = {word(m[1].decode()) for m in replies[0].all(
            rb'^LSUB \([^)]*\) "\." (.*)$')}
        self.notes[user] = self.take_notes("the server", replies[-1])
        for n, opened, got, by_subject, notes in zip(names, *(replies[i:-1:4] for i in range(1, 5))):
            if n != SHARED:
                self.boxes[n].notes = self.take_notes(n, notes)
            if opened.status != "OK":
                self.problems.append(f"{n}: EXAMINE says {opened!r}")
            elif n == SHARED and user != USERS[0]:
                self.take_seen(n, user, got)
            else:
                self.take(n, user, opened, got)
                self.look_at_order(n, by_subject)
        c.close()

    def take(self, name, user, opened, got):
        b = self.boxes[name]
        b.validity = int(opened.find(rb"UIDVALIDITY (\d+)")[1])
        b.uidnext = int(opened.find(rb"UIDNEXT (\d+)")[1])
        exists = int(opened.find(rb"^(\d+) EXISTS")[1])
        if got.status != "OK" and exists > 0:
            self.problems.append(f"{name}: FETCH says {got.status} {got.text}")
        for line in got.untagged:
            m = FETCHED.match(line)
            if not m:
                if b" FETCH " in line[:20]:
                    self.problems.append(f"{name}: cannot read {line[:200]!r}")
                continue
            raw = line[m.end():m.end() + int(m[5])]
            notes = notes_of(line, m.end() + int(m[5]))
            b.messages.append(Found(int(m[2]), flag_list(m[3]), m[4].decode(), raw, notes))
        if len(b.messages) != exists:
            self.problems.append(f"{name}: {exists} EXISTS, {len(b.messages)} fetched")
        self.look_at_unseen(name, opened)
        if name == SHARED:
            b.seen[user] = {m.token for m in b.messages if "\\Seen" in m.flags}

    def look_at_unseen(self, name, opened):
        """The first unseen one is found by a mark in cyrus.index."""
        told = opened.find(rb"\[UNSEEN (\d+)\]")
        unseen = [i for i, m in enumerate(self.boxes[name].messages, 1) if "\\Seen" not in m.flags]
        if (int(told[1]) if told else 0) != (unseen[0] if unseen else 0):
            self.problems.append(f"{name}: UNSEEN is {told and told[1]}, should be {unseen[:1]}")

    def look_at_order(self, name, reply):
        """It may come from cyrus.sort, which is never flushed; subjects are the tokens."""
        right = sorted(self.boxes[name].messages, key=lambda m: (m.token.upper(), m.uid))
        got = [int(x) for u in reply.all(rb"^SORT((?: \d+)*)$") for x in u[1].split()]
        if reply.status != "OK" or got != [m.uid for m in right]:
            self.problems.append(f"{name}: SORT says {reply.status} {got}, should be {[m.uid for m in right]}")

    def take_notes(self, name, reply):
        if reply.status != "OK":
            self.problems.append(f"{name}: GETMETADATA says {reply!r}")
        return {k: v.decode() for notes in metadata(reply).values() for k, v in notes.items()}

    def take_seen(self, name, user, got):
        b = self.boxes[name]
        seen = {int(m[1]) for m in got.all(rb"FETCH \(UID (\d+) FLAGS \([^)]*\\Seen")}
        b.seen[user] = {m.token for m in b.messages if m.uid in seen}


def notes_of(line, at):
    """A message's annotations, which begin there if there are any."""
    if not line.startswith(b" ANNOTATION (", at):
        return {}
    got = annotations.lists(line, at + len(b" ANNOTATION "))
    return {f"{entry.decode()} {attrib.decode()}": value.decode() for entry, atts in zip(got[::2], got[1::2])
            for attrib, value in zip(atts[::2], atts[1::2]) if value is not None}


def flag_list(text):
    return sorted(f for f in text.decode().split() if f != "\\Recent")


# --- one change that may have happened ---

def same_message(found, want, with_seen):
    """None, or what is different."""
    drop = set() if with_seen else {"\\Seen"}
    if want["f"] is not None and set(found.flags) - drop != set(want["f"]) - drop:
        return f"flags {found.flags} instead of {want['f']}"
    if want["u"] is not None and found.uid != want["u"]:
        return f"UID {found.uid} instead of {want['u']}"
    n, digest = want["d"]
    if hashlib.sha1(found.raw[-n:]).hexdigest() != digest or (want["x"] and len(found.raw) != n):
        return "other bytes than were sent"
    if found.notes != want["n"]:
        return f"annotations {found.notes} instead of {want['n']}"
    if want["t"] is not None and found.date != want["t"]:
        return f"INTERNALDATE {found.date} instead of {want['t']}"
    return None


class Comparison:
    def __init__(self, model, actual):
        self.m, self.a = model.copy(), actual
        self.out = list(actual.problems)
        self.by_token = {}
        for name, b in actual.boxes.items():
            self.by_token[name] = {}
            for f in b.messages:
                if f.token in self.by_token[name]:
                    self.out.append(f"{name}: {f.token} is there twice")
                self.by_token[name][f.token] = f

    def box_name(self, number):
        b = self.m.boxes.get(number)
        return b.name if b else None

    def holds(self, change, after):
        """Is it so before (or after) this change?"""
        kind, *rest = change
        value = rest[-1] if after else rest[-2]
        if kind == "box":
            _, old, new = rest
            here, gone = (new, old) if after else (old, new)
            return (here is None or here in self.a.boxes) and (
                gone is None or gone == here or gone not in self.a.boxes)
        if kind == "msg":
            name = self.box_name(rest[0])
            found = self.by_token.get(name, {}).get(rest[1])
            if value is None or found is None:
                return value is None and found is None
            return same_message(found, value, name != SHARED) is None
        if kind == "acl":
            name = self.box_name(rest[0])
            return value is None or (name in self.a.boxes and same_acl(self.a.boxes[name].acl, value))
        if kind == "sub":
            return (rest[1] in self.a.subs.get(rest[0], ())) == value
        if kind == "note":
            name = self.box_name(rest[0])
            return name in self.a.boxes and self.a.boxes[name].notes.get(rest[1]) == value
        if kind == "note of the server":
            return self.a.notes.get(rest[0], {}).get(rest[1]) == value
        if kind == "quota":
            return self.a.quotas.get(rest[0]) == value
        if kind == "seen":
            number, user, token = rest[:3]
            name = self.box_name(number)
            b = self.a.boxes.get(name)
            if token not in self.by_token.get(name, ()):
                return True             # its owner has expunged it meanwhile
            return b is not None and (token in b.seen.get(user, ())) == value
        if kind == "group":
            return self.a.groups.get(rest[0]) == value
        if kind == "denied":
            return self.a.denied.get(rest[0]) == value
        if kind == "url":
            user, name, old, _ = rest
            got = self.a.urls.get((user, name))
            return got != old if value is None else got == value
        raise ValueError(kind)

    def settle(self, op):
        """Which groups of an unanswered command have happened: they are so now."""
        done = []
        for group in op["groups"]:
            if all(self.holds(c, True) for c in group):
                done.append(True)
            elif all(self.holds(c, False) for c in group):
                done.append(False)
            else:
                self.out.append(f"half done: {op['do']}: " + "; ".join(
                    f"{c[:3]} before {self.holds(c, False)} after {self.holds(c, True)}"
                    for c in group if not self.holds(c, False)))
                return
        if op["mode"] == "steps" and any(b and not a for a, b in itertools.pairwise(done)):
            self.out.append(f"a later part of {op['do']} without an earlier one")
        for happened, group in zip(done, op["groups"]):
            for change in group if happened else ():
                self.m.change(change)

    def run(self):
        ops = list(self.m.open.values())
        names = [o for o in ops if any(c[0] == "box" for g in o["groups"] for c in g)]
        for op in names + [o for o in ops if o not in names]:
            self.settle(op)
        expected = {b.name: b for b in self.m.boxes.values() if b.name is not None}
        for name in sorted(set(expected) - set(self.a.boxes)):
            self.out.append(f"{name}: the mailbox is gone")
        for name in sorted(set(self.a.boxes) - set(expected)):
            self.out.append(f"{name}: a mailbox that should not be there")
        for name in sorted(set(expected) & set(self.a.boxes)):
            self.box(name, expected[name], self.a.boxes[name])
        for user, subs in self.m.subs.items():
            if self.a.subs.get(user) != subs:
                self.out.append(f"subscriptions of {user}: {self.a.subs.get(user)} instead of {subs}")
        for user, notes in self.m.notes.items():
            if self.a.notes.get(user) != notes:
                self.out.append(f"annotations of the server, {user}: {self.a.notes.get(user)} "
                                f"instead of {notes}")
        for root, limit in self.m.quotas.items():
            self.quota(root, limit)
        if self.a.groups != self.m.groups:
            self.out.append(f"groups: {self.a.groups} instead of {self.m.groups}")
        if self.a.denied != self.m.denied:
            self.out.append(f"denied: {self.a.denied} instead of {self.m.denied}")
        for (user, name), url in self.m.urls.items():
            got = self.a.urls.get((user, name))
            if got in self.m.void or (url is not None and got != url):
                self.out.append(f"key of {user} for {name}: {got} instead of {url}")
        return self.out

    def box(self, name, want, got):
        have = self.by_token[name]
        for token, message in want.messages.items():
            if token not in have:
                self.out.append(f"{name}: {token} (UID {message['u']}) is lost")
                continue
            why = same_message(have[token], message, name != SHARED)
            if why:
                self.out.append(f"{name}: {token} (UID {have[token].uid}): {why}")
        for token in sorted(set(have) - set(want.messages)):
            was = token in want.uids.values()
            self.out.append(f"{name}: {token} (UID {have[token].uid}) "
                            + ("is back" if was else "should not be there"))
        self.numbers(name, want, got)
        if got.notes != want.notes:
            self.out.append(f"{name}: annotations {got.notes} instead of {want.notes}")
        if want.acl is not None and got.acl is not None and not same_acl(got.acl, want.acl):
            self.out.append(f"{name}: ACL {got.acl} instead of {want.acl}")
        if name == SHARED:
            for user, tokens in want.seen.items():
                if got.seen.get(user, set()) != tokens & set(have):
                    self.out.append(f"{name}: \\Seen of {user}: {sorted(got.seen.get(user, ()))} "
                                    f"instead of {sorted(tokens & set(have))}")

    def numbers(self, name, want, got):
        last = 0
        for f in got.messages:
            if f.uid <= last:
                self.out.append(f"{name}: UID {f.uid} is out of order")
            if want.uids.get(f.uid, f.token) != f.token:
                self.out.append(f"{name}: UID {f.uid} was {want.uids[f.uid]} and is {f.token}")
            last = f.uid
        if got.uidnext <= last or got.uidnext < want.floor["uidnext"]:
            self.out.append(f"{name}: UIDNEXT {got.uidnext} after {want.floor['uidnext']}, last {last}")
        v = want.floor["validity"]
        if v and got.validity != v:
            self.out.append(f"{name}: UIDVALIDITY {got.validity} instead of {v}")
        had = {v: n for v, n in self.m.validity.get(name, {}).items() if self.m.boxes[n] is not want}
        if got.validity in had or (had and got.validity < max(had) and not want.is_renamed):
            self.out.append(f"{name}: UIDVALIDITY {got.validity}, those of others that had "
                            f"this name were {sorted(had)}")
        if got.modseq and got.modseq < want.floor["modseq"]:
            self.out.append(f"{name}: modseq {got.modseq} after {want.floor['modseq']}")

    def quota(self, root, limit):
        if self.a.quotas.get(root) != limit:
            self.out.append(f"quota of {root}: {self.a.quotas.get(root)} instead of {limit}")
            return
        boxes = [b for name, b in self.a.boxes.items() if name == root or name.startswith(root + ".")]
        sizes = [len(f.raw) for b in boxes for f in b.messages]
        if limit is None:
            return
        kb, messages, mailboxes, noted = self.a.usage[root]
        notes = sum(octets(b.notes) + sum(octets(f.notes) for f in b.messages) for b in boxes)
        if mailboxes != len(boxes) or noted != notes // 1024:
            self.out.append(f"quota of {root}: {mailboxes} mailboxes and {noted} KiB of annotations used, "
                            f"there are {len(boxes)} and {notes} bytes")
        if kb not in (sum(sizes) // 1024, -(-sum(sizes) // 1024)) or messages != len(sizes):
            self.out.append(f"quota of {root}: {kb} KiB and {messages} messages used, there are "
                            f"{sum(sizes)} bytes in {len(sizes)}")


def same_acl(a, b):
    return a is not None and {k: set(v) for k, v in a.items()} == {k: set(v) for k, v in b.items()}


def octets(notes):
    """Of names and values; a special use is none of them."""
    return sum(len(re.sub(r"^/(private|shared)(?=/)| value\..*", "", k)) + len(v) for k, v in notes.items() if k != USE)


# --- what no client can ask for ---

def lines(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return [x.split("\t") for x in f.read().splitlines()]
    except FileNotFoundError:
        return []


def groups(top):
    return {name: sorted(members) for name, *members in lines(f"{top}/config/groups")}


def denied(top):
    return {user: rest for user, _, *rest in lines(f"{top}/config/user_deny.db")}


def modseq(path):
    """(highestmodseq, UIDVALIDITY) from a cyrus.index; (0, 0) if there is none."""
    try:
        with open(path, "rb") as f:
            head = f.read(512)
    except OSError:
        return 0, 0
    return (struct.unpack_from("<Q", head, 88)[0], struct.unpack_from("<I", head, 20)[0]) \
        if len(head) == 512 else (0, 0)


def expunge_problems(model, actual, top):
    """What clients that were away would be told wrongly."""
    out = []
    for want in model.boxes.values():
        b = actual.boxes.get(want.name)
        paths = [p for p in (index_paths(top, want.name) if b and b.validity else ())
                 if modseq(p)[1] == b.validity]
        # One that has just moved to another partition may have left something behind.
        found = [history.problems(want.name, p[:-len("/cyrus.index")],
                                  {f.uid for f in b.messages}, want.gone) for p in paths]
        out += min(found, key=len) if found else []
    return out


def index_paths(top, name):
    return [f"{top}/{p}/{name.replace('.', '/')}/cyrus.index" for p in ("spool", "spool2")]


def take_modseqs(actual, top):
    for name, b in actual.boxes.items():
        for path in index_paths(top, name):
            value, validity = modseq(path)
            if validity == b.validity:
                b.modseq = max(b.modseq, value)
