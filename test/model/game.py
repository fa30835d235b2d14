"""Sessions that take turns, each response checked against view and world.

One thread plays all sessions: what happens follows from the seed alone, and
what each session must be told follows from what has happened.  Within a
session's command others have their turn where IMAP lets one wait: in IDLE, and
before the literal of an APPEND.  A session that has used NOTIFY must be told of
everything between its commands.

    game = Game(server, seed, sessions=6)
    game.play(steps or seconds)
"""
import random
import re
import socket
import subprocess
import time

from chapar import BUILD, Imap, PASSWORD
from view import ANY, Rules, View, Wrong, need, numbers_of, resynchronized, set_of
from world import ALL_RIGHTS, World

KEYWORDS = ("$work", "$later", "$junk")
FLAGS = ("\\seen", "\\answered", "\\flagged", "\\draft", "\\deleted", *KEYWORDS)
ENTRIES = ("/comment", "/vendor/chapar/x")
VALUES = (None, None, "", "one", "one and two")
EVENTS = "(selected (MessageNew MessageExpunge FlagChange AnnotationChange))"
LEAVES = ("a", "b", "c")
FULL, QUIET = 30, 12            # messages in a mailbox: too many, enough
MODES = {                       # what a session enables -> how its view reads the answers
    "": {}, "CONDSTORE": {"condstore": True}, "QRESYNC": {"qresync": True},
    "IMAP4rev2": {"rev2": True}, "IMAP4rev2 QRESYNC": {"rev2": True, "qresync": True},
    "UIDONLY": {"uidonly": True}, "UIDONLY QRESYNC": {"uidonly": True, "qresync": True},
}


class Gone(Exception):
    """The connection ended as it should: the selected mailbox was deleted."""


class Session:
    def __init__(self, game, number, user):
        self.game, self.number, self.user = game, number, user
        self.random, self.world = game.random, game.world
        self.imap = self.box = None
        self.connect()

    def __repr__(self):
        return f"session {self.number} ({self.user})"

    # --- the connection ---

    def connect(self):
        self.imap = Imap(("127.0.0.1", self.game.server.imap_port))
        self.imap.login(self.user, PASSWORD)
        self.idle = self.pending = None
        self.notified = False
        mode = self.random.choice(list(MODES))
        self.view = View(**MODES[mode])
        self.leave()
        if mode:
            self.imap.ok(f"ENABLE {mode}")

    def leave(self):
        if self.box is not None:
            self.game.forget(self)
            self.remember()
        self.view.deselected()
        self.box, self.readonly, self.examined, self.rights = None, False, False, ""
        self.expect = []        # the Mails that it was told of
        self.last = 0           # the highest UID among them, now or before
        self.recents, self.maybe = set(), set()
        self.contexts = {}      # tag -> (whether a Mail belongs, UIDs by what was told)
        self.watches = False    # SELECT's parameter ANNOTATE
        self.noted = {}         # UID -> its annotations, as far as they were told of
        self.changed = {}       # UID -> entries that others have changed since

    def remember(self):
        """For a QRESYNC of some session of this user."""
        if self.view.condstore and self.view.highestmodseq and not self.box.deleted:
            pasts = self.game.pasts.setdefault((self.box, self.user), [])
            pasts.append(self.view.past())
            del pasts[:-5]

    def hang_up(self):
        self.leave()
        self.imap.close()

    def note(self, text):
        self.game.note(f"{self.number} {text}")

    def command(self, text, *literals, rules=ANY, status=("OK",)):
        """Sends, and applies all that comes back."""
        self.note(f"> {text}")
        self.view.clear()
        self.unannounced = set(KEYWORDS) - {f.decode().lower() for f in self.view.flags or ()}
        try:
            reply = self.imap.cmd(text, *literals)
        except AssertionError as e:
            if "connection ended" not in str(e) or not self.is_doomed():
                raise
            raise Gone(text) from e
        self.take(reply, rules)
        if self.view.bye:
            need(self.is_doomed(), "BYE", self.view.bye)
            raise Gone(text)
        need(reply.status in status, text, "->", reply.status, reply.text)
        return reply

    def take(self, reply, rules):
        for line in reply.untagged:
            self.note(f"< {line!r}")
            self.view.apply(line, rules)
        self.note(f"< {reply.status} {reply.text}")
        self.view.tagged(reply.code)
        if self.box is not None:
            self.box.modseq = max(self.box.modseq, self.view.highestmodseq or 0)

    def is_doomed(self):
        return self.box is not None and self.box.deleted

    # --- what it must have been told ---

    def sync(self, expunges=True):
        """The command has ended by telling what is new."""
        if self.box is None:
            return
        need(not self.box.deleted, "was not told that", self.box, "is deleted")
        if expunges:
            self.expect = [m for m in self.expect if not m.expunged]
        new = [m for m in self.box.mails if m.uid > self.last and not m.expunged]
        self.expect += new
        self.noted.update({m.uid: m.notes_for(self.user) for m in new})
        self.last = self.box.uidnext - 1
        self.game.claim(self, {m.uid for m in new})

    def compare(self):
        """View and expectation; then the view knows all UIDs, too."""
        if self.box is None:
            return
        view, expect = self.view, self.expect
        need(len(view.messages) == len(expect), self, "was told of", len(view.messages),
             "messages; there are", len(expect), expect)
        for seq, (x, m) in enumerate(zip(view.messages, expect), 1):
            need(x.uid in (None, m.uid), "message", seq, "is", x, "and should be", m)
        view.place([m.uid for m in expect])
        for x, m in zip(view.messages, expect):
            if x.flags is not None and not m.expunged:
                need(x.flags == m.flags_for(self.user), self, "believes that", m, "has",
                     sorted(x.flags), "but it has", sorted(m.flags_for(self.user)))
        for x in view.messages:
            self.game.check_recent(self, x)
        self.compare_contexts()
        self.compare_notes()
        view.check()
        if view.rev2:
            return
        sure = sum(m.uid in self.recents for m in expect)
        maybe = sum(m.uid in self.maybe for m in expect)
        need(sure <= view.recent <= sure + maybe, self, "RECENT", view.recent, "should be",
             sure, "to", sure + maybe)

    # --- annotations (RFC 5257) ---

    def compare_notes(self):
        """Who watches is told of all that is other than it was, and of nothing that
        nobody has changed."""
        told = {}
        for x, items in self.view.fetched:
            names = items.get("ANNOTATION", [])
            if not any(isinstance(n, list) for n in names):
                told.setdefault(x.uid, set()).update(n.decode() for n in names)
        for m in self.expect:
            was, now = self.noted.get(m.uid, {}), m.notes_for(self.user)
            must = {e for e in {*was, *now} if was.get(e) != now.get(e)}
            got, may = told.get(m.uid, set()), self.changed.get(m.uid, set())
            need(self.watches or not got, self, "was told of annotations", got)
            need(got <= may, self, "was told of", got, "of", m, "others have changed", may)
            need(m.expunged or not self.watches or must <= got, self, "was told of", got, "of", m,
                 "which had", was, "and has", now)
        for x, items in self.view.fetched:
            if "ANNOTATION" in items and not any(isinstance(n, list) for n in items["ANNOTATION"]):
                del items["ANNOTATION"]
        self.noted = {m.uid: m.notes_for(self.user) for m in self.expect}
        self.changed = {}

    def annotate(self, m, notes):
        """By this session: all others who may see it are to be told."""
        before = m.notes
        self.box.annotate(m, notes)
        for key in {*before, *m.notes}:
            if before.get(key) != m.notes.get(key):
                for s in self.game.sessions:
                    if s is not self and s.box is self.box and key[1] in ("", s.user):
                        s.changed.setdefault(m.uid, set()).add(key[0])
        self.noted[m.uid] = {**self.noted.get(m.uid, {}), **{
            e: m.notes_for(self.user).get(e) for e, owner in notes if owner in ("", self.user)}}
        self.noted[m.uid] = {e: v for e, v in self.noted[m.uid].items() if v is not None}

    def some_notes(self, new=False):
        """{(entry, owner): value}; NEW: only what one can come with."""
        keys = [(e, owner) for e in ENTRIES for owner in ("", self.user)]
        chosen = self.random.sample(keys, self.random.randint(1, 3))
        return {k: self.random.choice(VALUES[2:] if new else VALUES) for k in chosen}

    @staticmethod
    def in_words(notes):
        return "ANNOTATION (" + " ".join(
            f"{e} (value.{'priv' if owner else 'shared'} " + ("NIL" if v is None else f'"{v}"') + ")"
            for (e, owner), v in notes.items()) + ")"

    def do_annotate(self):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, mails = self.pick(uid)
        if text is None:
            return
        notes = self.some_notes()
        limit = self.some_limit(mails)
        text += f" (UNCHANGEDSINCE {limit})" if limit is not None else ""
        words = f"{'UID ' * uid}STORE {text} {self.in_words(notes)}"
        rules = Rules(expunge=uid, uid=uid)
        if self.examined or not all(self.box.may_note(self.user, owner) for _, owner in notes):
            self.run(words, rules=rules, status=("NO",), expunges=rules.expunge)
            return
        done = []

        def change(reply):
            failed = self.modified(reply, mails, uid, limit, "")
            done.extend(m for m in mails if m not in failed and not m.expunged)
            for m in done:
                self.annotate(m, notes)

        self.run(words, rules=rules, change=change)
        if self.view.condstore:
            self.need_fetched(done, ["UID", "MODSEQ"])

    def do_read_notes(self):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, mails = self.pick(uid)
        if text is None or (not mails and not uid):
            return
        self.run(f"{'UID ' * uid}FETCH {text} (ANNOTATION (* value))",
                 rules=Rules(expunge=uid, uid=uid, fetch=True))
        self.need_noted([m for m in mails if not m.reclaimed])

    def need_noted(self, mails):
        """check_items() has seen that those that were told are right."""
        got = {x.uid for x, items in self.view.fetched if "ANNOTATION" in items}
        for m in mails:
            need(m.expunged or m.uid in got or not m.notes_for(self.user), m, "has annotations",
                 m.notes_for(self.user), "and FETCH tells of none")

    # --- searches that are kept up to date (RFC 5267) ---

    def hear_contexts(self):
        """Takes what was told of them out of what the command was answered."""
        rest = []
        for line in self.view.other:
            updates = re.findall(rb" (ADDTO|REMOVEFROM) \(([^)]*)\)", line)
            if not line.startswith(b"ESEARCH") or not updates:
                rest.append(line)
                continue
            tag = re.search(rb'TAG "([^"]*)"', line)[1].decode()
            need(tag in self.contexts and b" UID " in line, "an update of no context:", line)
            uids = self.contexts[tag][1]
            for what, pairs in updates:
                for _place, uid_set in zip(*[iter(pairs.split())] * 2):
                    named = set(numbers_of(uid_set))
                    need(named.isdisjoint(uids) == (what == b"ADDTO") and
                         (what == b"ADDTO" or named <= uids), tag, "has", uids, "and is told", line)
                    uids ^= named
        self.view.other = rest

    def compare_contexts(self):
        self.hear_contexts()
        for tag, (test, uids) in self.contexts.items():
            right = {m.uid for m in self.expect if not m.expunged and test(m)}
            gone = {m.uid for m in self.expect if m.expunged}
            need(uids - gone == right, self, "context", tag, "has", sorted(uids - gone),
                 "and should have", sorted(right))

    def do_watch(self):
        if len(self.contexts) > 1:
            tag = self.contexts.popitem()[0]
            self.run(f'CANCELUPDATE "{tag}"')
            return
        flag = self.random.choice(FLAGS)
        words = f"KEYWORD {flag}" if flag.startswith("$") else flag[1:].upper()
        negated = self.random.random() < 0.3
        tag = f"c{self.random.randrange(10**9)}"
        self.note(f"> {tag} SEARCH RETURN (UPDATE ALL) {words}")
        self.view.clear()
        self.imap.send(f"{tag} UID SEARCH RETURN (UPDATE ALL) {'NOT ' * negated}{words}\r\n")
        reply = self.imap.wait(tag)
        self.take(reply, ANY)
        need(reply.status == "OK", reply)
        line = next(o for o in self.view.other if o.startswith(b'ESEARCH (TAG "%s")' % tag.encode()))
        m = re.search(rb" ALL ([\d:,]+)", line)
        self.contexts[tag] = (lambda m: (flag in m.flags_for(self.user)) != negated,
                              set(numbers_of(m[1])) if m else set())
        self.view.other.remove(line)
        self.sync()
        self.compare()

    def has_caught_up(self):
        try:
            self.compare()
            return True
        except Wrong:
            return False

    def run(self, text, *literals, rules=ANY, status=("OK",), change=None, expunges=None,
            always=False):
        """A command after which the view is as the world is."""
        reply = self.command(text, *literals, rules=rules, status=status)
        if change is not None and (reply.status == "OK" or always):
            change(reply)
        self.sync(rules.expunge if expunges is None else expunges)
        self.compare()
        self.check_fetched()
        return reply

    # --- what FETCH said ---

    def check_fetched(self):
        for x, items in self.view.fetched:
            m = self.box.by_uid(x.uid)
            need(m is not None, "FETCH of", x, "which never was")
            self.check_items(m, items)

    def check_items(self, m, items):
        for name, value in items.items():
            if name in ("BODY[]", "RFC822"):
                if m.content["bytes"] is None:
                    m.content["bytes"] = value
                need(value == m.content["bytes"], m, "has other bytes:", value)
                need(m.content["token"].encode() in value, m, "is another message:", value)
            elif name == "RFC822.SIZE" and m.content["bytes"] is not None:
                need(int(value) == len(m.content["bytes"]), m, "size", value)
            elif name == "ENVELOPE":
                need(value[1] == m.content["token"].encode(), m, "ENVELOPE", value)
            elif name == "INTERNALDATE":
                need(m.date in (None, value), m, "had", m.date, "and has", value)
                m.date = value
            elif name == "FLAGS":
                told = {f.decode().lower() for f in value} - {"\\recent"}
                right = m.flags_for(self.user)
                # A keyword that FLAGS had not announced comes with the next update.
                need(told == right or told == right - self.unannounced, m, "has",
                     sorted(right), "FETCH says", sorted(told))
            elif name == "ANNOTATION" and not m.reclaimed:
                told = {e.decode(): dict(zip((a.decode() for a in atts[::2]),
                                             (v if v is None else v.decode() for v in atts[1::2])))
                        for e, atts in zip(value[::2], value[1::2])}
                need(told == m.notes_for(self.user), m, "has annotations", m.notes_for(self.user),
                     "FETCH says", told)
            elif name == "MODSEQ":
                need(m.told_modseq(int(value[0])), m, "has modseq", value[0], "and had",
                     m.modseq or m.moved)

    def need_fetched(self, mails, names):
        """Each of MAILS has been answered with each of NAMES."""
        for m in mails:
            got = set()
            for x, items in self.view.fetched:
                if x.uid == m.uid:
                    got |= set(items)
            need(set(names) <= got, self, "was told", got, "of", m, "asked for", names)

    # --- choosing ---

    def pick(self, uid, most=6):
        """Some messages of the view, as a set in words, and as Mails."""
        if not self.expect:
            return "1:*" if uid else None, []
        if self.random.random() < 0.1:
            return "1:*", list(self.expect)
        n = self.random.randint(1, min(most, len(self.expect)))
        seqs = sorted(self.random.sample(range(1, len(self.expect) + 1), n))
        mails = [self.expect[s - 1] for s in seqs]
        if not uid:
            return set_of(seqs), mails
        uids = [m.uid for m in mails]
        if self.random.random() < 0.2:          # and one that is not there
            gone = self.random.randint(1, self.box.uidnext + 3)
            if gone not in {m.uid for m in self.expect}:
                uids.append(gone)
        return set_of(sorted(uids)), mails

    def some_flags(self, least=0):
        n = self.random.randint(least, 3)
        return sorted(self.random.sample(FLAGS, n))

    # --- what it can do ---

    def turn(self):
        if self.idle:
            return self.done()
        if self.pending:
            return self.finish_append()
        self.settle()
        choices = self.game.anywhere
        if self.box is None:
            choices = self.game.unselected
        elif self.is_doomed():
            choices = [Session.do_noop, Session.do_fetch, Session.do_select, Session.do_close]
        return self.random.choice(choices)(self)

    def do_noop(self):
        check = self.box and not self.view.rev2 and self.random.random() < 0.3
        self.run("CHECK" if check else "NOOP")

    def do_select(self):
        box = self.random.choice(self.world.boxes)
        examine = self.random.random() < 0.25
        word = "EXAMINE" if examine else "SELECT"
        self.leave()
        past, params = self.some_past(box)
        watches = self.random.random() < 0.7
        if watches:
            params = params[:-1] + " ANNOTATE)" if params else " (ANNOTATE)"
        if not box.may(self.user, "r"):
            self.command(f'{word} "{box.name_for(self.user)}"', status=("NO",))
            return
        self.view.selecting()
        reply = self.command(f'{word} "{box.name_for(self.user)}"{params}')
        self.view.selected(reply.code)
        need(self.view.highestmodseq >= box.modseq, "HIGHESTMODSEQ", self.view.highestmodseq,
             "but", box.modseq, "was told")
        self.box = box
        self.rights = box.rights[self.user]
        self.examined, self.watches = examine, watches or self.notified
        self.readonly = examine or not set("switen") & set(self.rights)
        need(reply.code == ("READ-ONLY" if self.readonly else "READ-WRITE"), reply)
        box.uidvalidity = box.uidvalidity or self.view.uidvalidity
        need(self.view.uidvalidity == box.uidvalidity, "UIDVALIDITY of", box, "was",
             box.uidvalidity, "and is", self.view.uidvalidity)
        need(self.game.uidvalidities.setdefault(
            (box.owner, box.leaf, box.uidvalidity), box) is box,
            "another mailbox had UIDVALIDITY", box.uidvalidity, "under this name")
        need(self.view.uidnext == box.uidnext, "UIDNEXT", self.view.uidnext, box.uidnext)
        self.sync()
        unseen = [i for i, m in enumerate(self.expect, 1) if self.user not in m.seen]
        if not self.view.uidonly and not self.view.rev2:
            need(self.view.unseen == (unseen[0] if unseen else None), "UNSEEN", self.view.unseen)
        self.compare()
        self.check_fetched()
        if past:
            self.check_resynchronized(past)

    def some_past(self, box):
        """A state that some session knew, and how QRESYNC says it."""
        pasts = self.game.pasts.get((box, self.user))
        if not self.view.qresync or not pasts or self.random.random() < 0.3:
            return None, ""
        past = self.random.choice(pasts)
        uids = sorted(past["flags"])
        more = ""
        if uids and self.random.random() < 0.5:
            more = " " + set_of(uids)
        if uids and not self.view.uidonly and self.random.random() < 0.5:
            seqs = sorted(self.random.sample(range(len(uids)), min(3, len(uids))))
            more += f" ({set_of([q + 1 for q in seqs])} {set_of([uids[q] for q in seqs])})"
        return past, f" (QRESYNC ({past['uidvalidity']} {past['modseq']}{more}))"

    def check_resynchronized(self, past):
        live = {m.uid: m for m in self.expect}
        gone = set(self.view.vanished)
        need(not gone & set(live), "VANISHED says", gone & set(live), "which are there")
        now = resynchronized(past, set(live), gone, self.view.fetched)
        known = set(past["flags"])
        need(set(now) & known == set(live) & known, "QRESYNC left", sorted(set(now) & known),
             "but there are", sorted(set(live) & known))
        for uid, flags in now.items():
            right = live[uid].flags_for(self.user)
            need(flags is None or flags == right, "QRESYNC left", uid, "with", flags,
                 "but it has", right)

    def do_close(self):
        if self.random.random() < 0.5:
            self.command("UNSELECT")
        else:
            self.command("CLOSE")
            if not self.readonly and "e" in self.rights and not self.box.deleted:
                for m in self.expect:
                    if not m.expunged and "\\deleted" in m.flags:
                        self.box.expunge(m)
        need(not self.view.vanished, "EXPUNGE in CLOSE")
        self.leave()

    def do_fetch(self):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, mails = self.pick(uid)
        if text is None:
            return
        items = self.random.sample(
            ("FLAGS", "UID", "RFC822.SIZE", "INTERNALDATE", "ENVELOPE", "BODY.PEEK[]", "BODY[]")
            + ("MODSEQ",) * self.view.condstore,
            self.random.randint(1, 3))
        if not mails and not uid:
            return
        names = [i.replace(".PEEK", "") for i in items]
        if len(set(names)) < len(names):
            return

        def change(_reply):
            if "BODY[]" in items and not self.readonly and "s" in self.rights:
                for m in mails:
                    self.box.store(self.user, m, "+", {"\\seen"})

        some_gone = any(m.reclaimed for m in mails)
        self.run(f"{'UID ' * uid}FETCH {text} ({' '.join(items)})",
                 rules=Rules(expunge=uid, uid=uid, fetch=True), change=change,
                 status=("OK", "NO") if some_gone else ("OK",), always=some_gone)
        self.need_fetched([m for m in mails if not m.reclaimed], names)

    def do_changes(self):
        """FETCH of what is later than some modseq."""
        since = self.random.randint(1, self.box.modseq + 1)
        vanished = " VANISHED" * (self.view.qresync and self.random.random() < 0.5)
        if not self.view.condstore:
            return
        mails = list(self.expect)
        self.run(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {since}{vanished})",
                 rules=Rules(uid=True, fetch=True))
        got = {x.uid for x, items in self.view.fetched if "MODSEQ" in items
               and int(items["MODSEQ"][0]) > since}
        for m in mails:
            if not m.expunged and m.is_later(since) is not None:
                need(m.is_later(since) == (m.uid in got), m, "with modseq", m.modseq or m.moved,
                     "CHANGEDSINCE", since, "is", m.uid in got)
        there = {m.uid for m in self.expect}
        need(not there & set(self.view.vanished), "VANISHED of what is there")

    def some_limit(self, mails):
        """For UNCHANGEDSINCE; None: without it."""
        if not self.view.condstore or self.random.random() < 0.6:
            return None
        known = [m.modseq for m in mails if m.modseq]
        return self.random.choice([0, self.box.modseq, self.box.modseq // 2, 10**15, *known])

    def modified(self, reply, mails, uid, limit, op):
        """Those that STORE did not touch because somebody else had."""
        m = re.match(r"MODIFIED ([\d:,]+)", reply.code)
        named = set(numbers_of(m[1])) if m else set()
        numbers = {x.uid: x.uid if uid else i for i, x in enumerate(self.expect, 1)}
        failed = [x for x in mails if numbers[x.uid] in named]
        need(len(failed) == len(named), reply.code, "of", mails)
        need(not any(x.expunged for x in failed), reply.code, "has what is expunged")
        for x in mails:
            right = limit is not None and x.is_later(limit)
            if limit == 0:
                right = True
            # Changed, but not in the flags that it is about (section 3.1.12).
            if right and limit and op and x not in failed:
                continue
            if not x.expunged and right is not None:
                need(right == (x in failed), "UNCHANGEDSINCE", limit, x, "with modseq",
                     x.modseq or x.moved, reply.code)
        return failed

    def do_store(self):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, mails = self.pick(uid)
        if text is None:
            return
        op = self.random.choice(("+", "+", "+", "-", "-", ""))
        silent = self.random.random() < 0.4
        flags = self.some_flags(least=0 if op == "" else 1)
        limit = self.some_limit(mails)
        text += f" (UNCHANGEDSINCE {limit})" if limit is not None else ""
        words = f"{'UID ' * uid}STORE {text} {op}FLAGS{'.SILENT' * silent} ({' '.join(flags)})"
        rules = Rules(expunge=uid, uid=uid)
        if self.readonly or not self.box.may_store(self.user, op, flags):
            self.run(words, rules=rules, status=("NO",), expunges=rules.expunge)
            return

        done = []

        def change(reply):
            believed = {x.uid: x for x in self.view.messages}
            told = {x.uid for x, items in self.view.fetched if "FLAGS" in items}
            failed = self.modified(reply, mails, uid, limit, op)
            done.extend(m for m in mails if m not in failed and not m.expunged)
            for m in done:
                self.box.store(self.user, m, op, flags)
                x = believed.get(m.uid)
                if x is not None and silent and x.uid not in told and x.flags is not None:
                    x.flags = self.box.stored(self.user, x.flags, op, flags)

        self.run(words, rules=rules, change=change)
        if not silent:
            self.need_fetched(done, ["FLAGS"])
        if self.view.condstore:
            self.need_fetched(done, ["UID", "MODSEQ"])

    def do_expunge(self):
        uid = self.random.random() < 0.4
        text, mails = self.pick(True) if uid else ("", self.expect)
        words = f"UID EXPUNGE {text}" if uid else "EXPUNGE"
        if self.readonly or "e" not in self.rights:
            self.run(words, status=("NO",))
            return

        def change(_reply):
            for m in mails:
                if not m.expunged and "\\deleted" in m.flags:
                    self.box.expunge(m)

        self.run(words, change=change)

    def do_copy(self, move=False):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, mails = self.pick(uid, most=4)
        if text is None:
            return
        target = self.random.choice(self.world.boxes)
        word = "MOVE" if move else "COPY"
        words = f'{"UID " * uid}{word} {text} "{target.name_for(self.user)}"'
        denied = not target.may(self.user, "i") or (
            move and (self.readonly or not {"t", "e"} <= set(self.rights)))
        if denied:
            self.run(words, status=("NO",))
            return
        if not move and len(target.live()) > FULL:
            return

        def change(reply):
            code = reply.code if not move else \
                next((o[4:].decode() for o in self.view.other if b"[COPYUID" in o), "")
            self.check_copy(code, target, mails, move)

        some_gone = not move and any(m.reclaimed for m in mails)
        self.run(words, change=change, status=("OK", "NO") if some_gone else ("OK",))

    def check_copy(self, code, target, mails, move):
        m = re.search(r"COPYUID (\d+) ([\d:,]+) ([\d:,]+)", code)
        sources = numbers_of(m[2]) if m else []
        new = numbers_of(m[3]) if m else []
        must = [x.uid for x in mails if not x.expunged]
        need(set(must) <= set(sources) <= {x.uid for x in mails}, "COPYUID", code, "of", mails)
        need(not move or must == sources, "MOVE of", must, "says", code)
        need(len(sources) == len(new), "COPYUID", code)
        if not m:
            return
        target.uidvalidity = target.uidvalidity or int(m[1])
        need(target.uidvalidity == int(m[1]), "COPYUID", code, "UIDVALIDITY is", target.uidvalidity)
        by_uid = {x.uid: x for x in mails}
        copies = target.copy(self.user, self.box, [by_uid[u] for u in sources])
        need([c.uid for c in copies] == new, "COPYUID", code, "should be", copies)
        if move:
            for u in sources:
                self.box.expunge(by_uid[u])

    def do_replace(self):
        """RFC 8508: an APPEND and an expunge, in one step."""
        uid = self.view.uidonly or self.random.random() < 0.5
        live = [(i, m) for i, m in enumerate(self.expect, 1) if not m.expunged]
        target = self.random.choice(self.world.boxes)
        if not live or len(target.live()) > FULL:
            return
        seq, m = self.random.choice(live)
        content, flags = self.world.content(), self.some_flags()
        words = (f'{"UID " * uid}REPLACE {m.uid if uid else seq} "{target.name_for(self.user)}" '
                 f'({" ".join(flags)}) ')
        denied = not target.may(self.user, "i") or self.readonly or \
            not {"t", "e"} <= set(self.rights)
        if denied:
            self.run(words, content["bytes"], status=("NO",))
            return

        def change(reply):
            said = re.search(rb"\[(APPENDUID[^\]]*)\]", b" ".join(self.view.other))
            self.check_append(said[1].decode() if said else reply.code, target, content, flags)
            self.box.expunge(m)

        self.run(words, content["bytes"], change=change)

    def do_move(self):
        self.do_copy(move=True)

    def do_search(self):
        uid = self.view.uidonly or self.random.random() < 0.5
        text, test = self.criterion()
        reply = self.search(uid, text)
        found = [set(map(int, o.split(b"(")[0].split()[1:])) for o in self.view.other
                 if o.startswith(b"SEARCH")]
        if self.view.rev2:
            sets = [re.search(rb" ALL ([\d:,]+)", o) for o in self.view.other
                    if o.startswith(b"ESEARCH")]
            found = [set(numbers_of(m[1]) if m else ()) for m in sets]
        need(len(found) == 1, "SEARCH said", reply)
        for seq, (m, right) in enumerate(test, 1):
            if right is None or m.expunged:
                found[0].discard(m.uid if uid else seq)
                continue
            n = m.uid if uid else seq
            need((n in found[0]) == right, "SEARCH", text, "finds", m, "is", n in found[0])
            found[0].discard(n)
        need(not found[0], "SEARCH", text, "found", found[0])

    def search(self, uid, text):
        reply = self.command(f"{'UID ' * uid}SEARCH {text}", rules=Rules(expunge=uid))
        self.sync(uid)
        self.compare()
        return reply

    def criterion(self):
        """Words, and for each message of the view whether it matches."""
        flag = self.random.choice(FLAGS)
        name = f"KEYWORD {flag}" if flag.startswith("$") else flag[1:].upper()
        token = self.random.choice(self.expect).content["token"] if self.expect else "none"
        uids, mails = self.pick(True)
        has = lambda m: flag in m.flags_for(self.user)          # noqa: E731
        since = self.random.randint(0, self.box.modseq)
        recent = lambda m: None if m.uid in self.maybe else m.uid in self.recents  # noqa: E731
        text, test = self.random.choice((
            ("ALL", lambda m: True),
            (name, has),
            ("NOT " + name, lambda m: not has(m)),
            ("UN" + name, lambda m: not has(m)),
            (f"OR {name} UID {uids}", lambda m: has(m) or m in mails),
            (f"UID {uids}", lambda m: m in mails or (uids == "1:*")),
            (f"SUBJECT {token}", lambda m: m.content["token"] == token),
            (f"BODY {token} {name}", lambda m: m.content["token"] == token and has(m)),
            ('ANNOTATION /comment value "one"', lambda m: any(
                "one" in v for (e, owner), v in m.notes.items()
                if e == "/comment" and owner in ("", self.user))),
            ("ANNOTATION * value.shared NIL", lambda m: not any(not owner for _, owner in m.notes)),
            *[("RECENT", recent)] * (not self.view.rev2),
            *[(f"MODSEQ {since + 1}", lambda m: m.is_later(since))] * self.view.condstore,
        ))
        if not self.readonly or text != "RECENT":
            return text, [(m, test(m)) for m in self.expect]
        return text, [(m, None) for m in self.expect]

    def do_append(self):
        box = self.random.choice(self.world.boxes)
        if len(box.live()) > FULL:
            return
        content = self.world.content("more\r\n" * self.random.randint(0, 20))
        flags = self.some_flags()
        words = f'APPEND "{box.name_for(self.user)}" ({" ".join(flags)}) '
        if self.random.random() < 0.2:
            notes = self.some_notes(new=True)
            may = box.may(self.user, "i") and all(box.may_note(self.user, o) for _, o in notes)
            self.run(words + self.in_words(notes) + " ", content["bytes"],
                     status=("OK",) if may else ("NO",),
                     change=lambda reply: self.check_append(reply.code, box, content, flags, notes))
            return
        if self.random.random() < 0.3:
            self.start_append(box, content, flags, words)
            return
        if not box.may(self.user, "i"):
            self.run(words, content["bytes"], status=("NO",))
            return
        self.run(words, content["bytes"],
                 change=lambda reply: self.check_append(reply.code, box, content, flags))

    def check_append(self, code, box, content, flags, notes=None):
        m = box.append(self.user, content, flags, notes)
        validity, uid = map(int, code.split()[1:])
        box.uidvalidity = box.uidvalidity or validity
        need((validity, uid) == (box.uidvalidity, m.uid), "APPENDUID", code, "should be", m)

    # Others have their turns between the announcement and the literal.
    def start_append(self, box, content, flags, words):
        tag = f"p{self.random.randrange(10**9)}"
        self.note(f"> {tag} {words} {{...")
        self.imap.send(f"{tag} {words}{{{len(content['bytes'])}}}\r\n")
        line = self.imap.response()
        need(line.startswith(b"+"), "no continuation:", line)
        self.pending = (tag, box, content, flags, box.name_for(self.user))

    def finish_append(self):
        tag, box, content, flags, name = self.pending
        self.pending = None
        self.imap.send(content["bytes"] + b"\r\n")
        self.view.clear()
        reply = self.imap.wait(tag)
        self.take(reply, ANY)
        found = next((b for b in self.world.boxes if b.name_for(self.user) == name), None)
        if found is None or not found.may(self.user, "i"):
            need(reply.status == "NO", "APPEND to", name, reply)
            need(found or "TRYCREATE" in reply.code or self.view.bye, "no TRYCREATE:", reply)
        else:
            need(reply.status == "OK", "APPEND to", name, reply)
            self.check_append(reply.code, found, content, flags)
        if self.view.bye:
            need(self.is_doomed(), "BYE", self.view.bye)
            raise Gone
        self.sync()
        self.compare()

    def settle(self):
        """What it was told unasked, the states between too, is not on its way any more."""
        if self.notified and self.box is not None and not self.pending and not self.idle:
            self.command("NOOP")
            self.sync()
            self.compare()

    def listens(self):
        """Is it told of what others do without asking?"""
        return self.idle or (self.notified and not self.pending)

    def do_notify(self):
        """From now on its view follows the mailbox by itself (RFC 5465)."""
        delayed = self.box is None and self.random.random() < 0.5
        self.run("NOTIFY SET STATUS (personal NONE)" if delayed else
                 f"NOTIFY SET {EVENTS} (personal (MailboxName))")
        self.run(f"NOTIFY SET {EVENTS}")
        self.notified = self.watches = True

    def do_idle(self):
        tag = f"i{self.random.randrange(10**9)}"
        self.note(f"> {tag} IDLE")
        self.view.clear()
        self.imap.send(f"{tag} IDLE\r\n")
        line = self.imap.response()
        need(line.startswith(b"+"), "no continuation:", line)
        self.idle = tag
        self.game.catch_up(self)

    def done(self):
        tag, self.idle = self.idle, None
        self.note("> DONE")
        self.imap.send(b"DONE\r\n")
        reply = self.imap.wait(tag)
        self.take(reply, ANY)
        need(reply.status == "OK", "IDLE", reply)
        self.compare()

    def do_status(self):
        box = self.random.choice(self.world.boxes)
        items = "MESSAGES UIDNEXT UIDVALIDITY UNSEEN" + " RECENT" * (not self.view.rev2)
        words = f'STATUS "{box.name_for(self.user)}" ({items})'
        if not box.may(self.user, "r"):
            self.run(words, status=("NO",))
            return
        recent = box.recent.get(self.user, 0)
        live = box.live()
        self.run(words)
        line = next(o for o in self.view.other if o.startswith(b"STATUS"))
        got = dict(zip(*[iter(re.search(rb"\(([^()]*)\)$", line)[1].decode().split())] * 2))
        want = {"MESSAGES": len(live), "UIDNEXT": box.uidnext,
                "UNSEEN": sum(self.user not in m.seen for m in live),
                "RECENT": sum(m.uid > recent for m in live)}
        for name, n in want.items():
            if name == "RECENT" and self.view.rev2:
                continue
            need(int(got[name]) == n, "STATUS of", box, name, got[name], "should be", n)

    def do_list(self):
        self.run('LIST "" "*"')
        got = {re.search(rb'"\." "?([^"]*)"?$', o)[1].decode() for o in self.view.other
               if o.startswith(b"LIST")}
        need(got == self.world.names_for(self.user), "LIST", sorted(got), "should be",
             sorted(self.world.names_for(self.user)))

    def do_names(self):
        """CREATE, DELETE, RENAME of the owner's mailboxes."""
        top = self.random.choice([b for b in self.world.boxes if b.leaf == ""])
        leaf = self.random.choice(LEAVES)
        box = self.world.find(top.owner, leaf)
        name = top.name_for(self.user) + "." + leaf
        if box is None:
            right = top.may(self.user, "k")
            self.run(f'CREATE "{name}"', status=("OK",) if right else ("NO",),
                     change=lambda _: self.world.create(top.owner, leaf))
            return
        if self.random.random() < 0.4:
            right = box.may(self.user, "x")
            self.run_doomed(f'DELETE "{name}"', right, lambda: self.world.delete(box), box)
            return
        other = self.random.choice(LEAVES)
        right = box.may(self.user, "x") and top.may(self.user, "k") and \
            self.world.find(top.owner, other) is None

        def renamed(_reply):
            box.leaf = other

        self.run(f'RENAME "{name}" "{top.name_for(self.user)}.{other}"',
                 status=("OK",) if right else ("NO",), change=renamed)

    def run_doomed(self, words, right, change, box):
        """A DELETE, perhaps of the mailbox that is selected here."""
        if not right:
            self.run(words, status=("NO",))
            return
        if self.box is box:             # nobody needs to be told
            self.command(words)
            self.leave()
            change()
            return
        self.run(words, change=lambda _: change())

    def do_relogin(self):
        if self.random.random() < 0.5:
            self.imap.send(b"x LOGOUT\r\n")
        self.hang_up()
        self.connect()

    # --- all of it ---

    def look_at_all(self):
        """A checkpoint: everything, and it must be what all others see."""
        if self.idle:
            self.done()
        if self.pending:
            self.finish_append()
        if self.box is None:
            self.do_noop()
            return
        self.settle()
        self.run("NOOP")
        if self.expect:
            uid = self.view.uidonly
            self.run(f"{'UID ' * uid}FETCH 1:* (UID FLAGS BODY.PEEK[] ANNOTATION (/* value))",
                     rules=Rules(uid, True, True))
            self.need_noted(self.expect)
            self.need_fetched(self.expect, ["UID", "FLAGS", "BODY[]"])
            need([x.uid for x, _ in self.view.fetched] == [m.uid for m in self.expect],
                 "FETCH 1:* is not in order")


class Deliverer:
    """LMTP, one transaction at a time."""

    def __init__(self, game):
        self.game = game
        self.sock = socket.create_connection(("127.0.0.1", game.server.lmtp_port), 30)
        self.file = self.sock.makefile("rwb")
        self.expect(b"220")
        self.say(b"LHLO x", b"250")

    def expect(self, code):
        while True:
            line = self.file.readline()
            need(line[:3] == code, "LMTP said", line)
            if line[3:4] == b" ":
                return

    def say(self, line, code):
        self.file.write(line + b"\r\n")
        self.file.flush()
        self.expect(code)

    def deliver(self):
        boxes = [b for b in self.game.world.boxes if b.leaf == "" and len(b.live()) < FULL]
        boxes = self.game.random.sample(boxes, self.game.random.randint(0, len(boxes)))
        if not boxes:
            return
        content = self.game.world.content()
        self.game.note(f"LMTP {content['token']} to {boxes}")
        self.say(b"MAIL FROM:<a@example.org>", b"250")
        for box in boxes:
            self.say(b"RCPT TO:<%s>" % box.owner.encode(), b"250")
        self.say(b"DATA", b"354")
        self.file.write(content["bytes"] + b".\r\n")
        self.file.flush()
        for box in boxes:
            self.expect(b"250")
            # Each has its own header fields in front.
            box.append(None, {"token": content["token"], "bytes": None})

    def close(self):
        self.file.close()
        self.sock.close()


class Game:
    def __init__(self, server, seed, sessions=6):
        self.server, self.seed = server, seed
        self.random = random.Random(seed)
        self.world = World()
        self.log = []
        self.steps = 0
        self.expired = False
        self.uidvalidities = {}
        self.pasts = {}                 # (box, user) -> what sessions knew when they left
        self.claims = {}                # (box, user, uid) -> sessions that may have \Recent
        self.make_users()
        self.anywhere = self.weights({
            Session.do_noop: 6, Session.do_fetch: 10, Session.do_store: 16,
            Session.do_expunge: 5, Session.do_copy: 6, Session.do_move: 4,
            Session.do_annotate: 20, Session.do_read_notes: 5, Session.do_replace: 2,
            Session.do_changes: 3, Session.do_watch: 3, Session.do_search: 6,
            Session.do_append: 10, Session.do_idle: 6, Session.do_notify: 1,
            Session.do_status: 3, Session.do_list: 1, Session.do_names: 2,
            Session.do_select: 5, Session.do_close: 2, Session.do_relogin: 1})
        self.unselected = self.weights({
            Session.do_select: 12, Session.do_append: 2, Session.do_status: 1,
            Session.do_list: 1, Session.do_names: 2, Session.do_noop: 1})
        users = [self.owners[0]] * 3 + [self.owners[1], self.reader, self.writer]
        self.sessions = [Session(self, i, users[i % len(users)]) for i in range(sessions)]
        self.lmtp = Deliverer(self)

    @staticmethod
    def weights(table):
        return [action for action, n in table.items() for _ in range(n)]

    def make_users(self):
        """Two with mailboxes, each with all rights on the other's; two guests."""
        new = self.server.new_user
        self.owners = [new(), new()]
        self.reader, self.writer = new(inbox=False), new(inbox=False)
        admin = self.server.admin()
        for owner, other in (self.owners, self.owners[::-1]):
            rights = {owner: ALL_RIGHTS, other: "lrswipkxten", self.reader: "lrs",
                      self.writer: "lrswi"}
            for user in (other, self.reader, self.writer):
                admin.ok(f'SETACL "user.{owner}" {user} {rights[user]}')
            self.churn(self.world.create(owner, "", rights))
        admin.close()

    def churn(self, box):
        """So many that came and went that the index is worth being compacted."""
        c = self.server.login(box.owner)
        content = self.world.content()
        c.ok("APPEND INBOX ", content["bytes"])
        c.ok("SELECT INBOX")
        for _ in range(8):
            c.ok("COPY 1:* INBOX")
        c.ok(r"STORE 1:* +FLAGS.SILENT (\Deleted)")
        c.ok("EXPUNGE")
        c.close()
        for _ in range(256):
            box.expunge(box.append(box.owner, content))
        box.recent[box.owner] = box.uidnext - 1

    def is_time_to_expire(self):
        """For the first time, which compacts: when somebody still has what is gone."""
        return not self.expired and self.steps > 100 and any(
            m.expunged for s in self.sessions if s.box and s.box.leaf == "" for m in s.expect)

    def expire(self):
        """The administrator has what was expunged removed from the disk."""
        self.note("cyr_expire")
        self.expired = True
        done = subprocess.run([BUILD / "imap/admin/cyr_expire", "-C", self.server.conf, "-X", "0"],
                              capture_output=True, text=True, timeout=120, check=False)
        need(done.returncode == 0, done)
        for m in [m for s in self.sessions for m in s.expect]:
            m.reclaimed = m.expunged

    def note(self, text):
        self.log.append(f"{self.steps}: {text}")
        if len(self.log) > 4000:
            del self.log[:1000]

    # --- \Recent: each message to exactly one session of its user ---

    def rivals(self, session):
        """Those who are idle and may be the first to see what is new."""
        return [s for s in self.sessions if s is not session and s.listens() and not s.view.rev2
                and s.box is session.box and s.user == session.user and not s.readonly]

    def claim(self, session, new):
        box, user = session.box, session.user
        if session.view.rev2:           # knows no \\Recent, and leaves it to others
            return
        if session.readonly:            # sees those that nobody has got yet
            session.maybe |= new
            return
        first = box.recent.get(user, 0) + 1
        fresh = {m.uid for m in box.mails if m.uid >= first}
        box.recent[user] = box.uidnext - 1
        got = [session, *self.rivals(session)]
        for s in got:
            (s.recents if len(got) == 1 else s.maybe).update(fresh)
        if len(got) > 1:
            for uid in fresh:
                self.claims[box, user, uid] = set(got)

    def check_recent(self, session, x):
        """X is what SESSION believes."""
        if x.recent is None or session.readonly or session.view.rev2:
            return
        key = (session.box, session.user, x.uid)
        if x.uid not in session.maybe:
            need(x.recent == (x.uid in session.recents), session, "\\Recent of", x, "is", x.recent)
            return
        session.maybe.discard(x.uid)
        rest = self.claims.get(key)
        if x.recent:
            session.recents.add(x.uid)
            for s in rest or ():
                s.maybe.discard(x.uid)
            self.claims.pop(key, None)
        elif rest is not None:
            rest.discard(session)
            need(rest, "\\Recent of", x, "was given to nobody")

    def forget(self, session):
        """It deselects: what it may have had nobody knows."""
        for uid in session.maybe:
            self.claims.pop((session.box, session.user, uid), None)

    # --- play ---

    def catch_up(self, session):
        """What an idle session is told, without its asking."""
        if session.box is None:
            return
        if session.box.deleted:
            while not session.view.bye:
                session.view.apply(session.imap.response()[2:])
            session.hang_up()
            session.connect()
            return
        session.sync()
        while not session.has_caught_up():
            try:
                line = session.imap.response()
            except OSError as e:
                session.compare()
                raise Wrong("idle, and told nothing") from e
            need(line.startswith(b"* "), "idle, and told", line)
            session.note(f"< {line!r}")
            session.view.apply(line[2:])

    def step(self):
        self.steps += 1
        versions = self.versions()
        dice = self.random.random()
        if dice < 0.06:
            self.lmtp.deliver()
        elif dice < 0.065 or (dice < 0.3 and self.is_time_to_expire()):
            self.expire()
        else:
            session = self.random.choice(self.sessions)
            try:
                session.turn()
            except Gone:
                session.note("is gone with its mailbox")
                session.hang_up()
                session.connect()
        self.catch_up_all(versions)

    def versions(self):
        return {b: b.version for b in self.world.boxes}

    def catch_up_all(self, versions):
        for s in self.sessions:
            if s.listens() and s.box and s.box.version != versions.get(s.box):
                self.catch_up(s)

    def checkpoint(self):
        self.note("checkpoint")
        for s in self.sessions:
            versions = self.versions()
            try:
                s.look_at_all()
            except Gone:
                s.hang_up()
                s.connect()
            self.catch_up_all(versions)

    def play(self, seconds=None, steps=None, every=150):
        end = None if seconds is None else time.monotonic() + seconds
        while (end is None or time.monotonic() < end) and (steps is None or self.steps < steps):
            self.step()
            if self.steps % every == 0:
                self.checkpoint()
        self.checkpoint()
        for s in self.sessions:
            s.hang_up()
        self.lmtp.close()
