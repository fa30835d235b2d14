"""Sessions that do not take turns: all at once, on the same two mailboxes.

Nobody knows what happens in which order, so what is checked is what must hold
in any: each session's View, and of all together that
 - a UID is one message for ever, and one that was acknowledged is there until
   somebody was free to expunge it;
 - no message is moved twice;
 - \\Recent of a message is given to one session of each user;
 - a keyword that only one session changes is for that session as it left it, and
   two that are always changed together are never seen apart;
 - a modseq stands for one state of a message's flags;
 - when all have stopped they see the same.
"""
import random
import re
import threading
import time

from chapar import Imap, PASSWORD
from view import Rules, View, need, numbers_of, set_of

BOXES = ("a", "b")
FULL = 40
PAIR = ("$twin1", "$twin2")
MODES = ("", "CONDSTORE", "QRESYNC")


class Member(threading.Thread):
    def __init__(self, crowd, number, user, seed):
        super().__init__(daemon=True)
        self.crowd, self.number, self.user = crowd, number, user
        self.random = random.Random(f"{seed} {number}")
        self.mode = MODES[number % len(MODES)]
        self.view = View(condstore=self.mode == "CONDSTORE", qresync=self.mode == "QRESYNC")
        self.keyword = f"$own{number}"
        self.own = {box: {} for box in BOXES}   # UID -> is my keyword set?
        self.imap = self.box = None
        self.commands = self.serial = 0
        self.log = []
        self.failure = None

    # --- talking ---

    def connect(self):
        self.imap = Imap(("127.0.0.1", self.crowd.server.imap_port))
        self.imap.login(self.user, PASSWORD)
        if self.mode:
            self.imap.ok(f"ENABLE {self.mode}")
        self.select(self.random.choice(BOXES))

    def name(self, box):
        owner = self.crowd.owner
        return f"INBOX.{box}" if self.user == owner else f"user.{owner}.{box}"

    def command(self, text, *literals, rules=Rules()):
        self.log.append(f"> {text}")
        del self.log[:-60]
        self.view.clear()
        reply = self.imap.cmd(text, *literals)
        for line in reply.untagged:
            self.log.append(f"< {line[:300]!r}")
            self.view.apply(line, rules)
        self.log.append(f"< {reply.status} {reply.text}")
        self.view.tagged(reply.code)
        self.commands += 1
        return reply

    def run_one(self, text, *literals, rules=Rules(), status="OK"):
        reply = self.command(text, *literals, rules=rules)
        need(reply.status == status, text, reply)
        reply.other, reply.fetched = self.view.other, self.view.fetched
        self.believe()
        while True:             # no expunge may come before all UIDs are known
            unknown = [i for i, x in enumerate(self.view.messages, 1) if x.uid is None]
            if not unknown:
                break
            more = self.command(f"FETCH {unknown[0]}:* (UID FLAGS MODSEQ)",
                                rules=Rules(expunge=False, fetch=True))
            need(more.status == "OK", more)
            self.believe()
        self.view.check()
        return reply

    def believe(self):
        for x, items in self.view.fetched:
            if x.uid is not None:
                self.crowd.believe(self, x, items)
                flags = {f.decode().lower() for f in items.get("FLAGS", ())}
                if "FLAGS" in items and x.uid in self.own[self.box]:
                    need((self.keyword in flags) == self.own[self.box][x.uid], self.keyword,
                         "of", x.uid, "is not as it was left")

    def select(self, box):
        self.view.selecting()
        self.box = box
        reply = self.command(f'SELECT "{self.name(box)}"')
        self.view.selected(reply.code)
        if self.view.messages:
            self.run_one("FETCH 1:* (UID FLAGS MODSEQ)", rules=Rules(expunge=False, fetch=True))

    def some(self, most=3):
        uids = [x.uid for x in self.view.messages]
        return sorted(self.random.sample(uids, min(len(uids), self.random.randint(1, most))))

    # --- what it does ---

    def append(self):
        if len(self.view.messages) > FULL:
            return
        self.serial += 1
        token = f"tok{self.number}x{self.serial}x"
        text = f"Subject: {token}\r\nMessage-ID: <{token}@x>\r\n\r\n{token}\r\n".encode()
        box = self.random.choice(BOXES)
        reply = self.run_one(f'APPEND "{self.name(box)}" ', text)
        self.crowd.born(box, int(reply.code.split()[2]), token)

    def mark(self):
        uids, on = self.some(), self.random.random() < 0.5
        if not uids:
            return
        for uid in uids:
            self.own[self.box].pop(uid, None)
        self.run_one(f"UID STORE {set_of(uids)} {'+' if on else '-'}FLAGS ({self.keyword})",
                     rules=Rules(uid=True))
        there = {x.uid for x in self.view.messages}
        self.own[self.box].update((uid, on) for uid in uids if uid in there
                                  and uid not in self.crowd.doomed[self.box])

    def pair(self):
        uids = self.some(6)
        if uids:
            op = self.random.choice("+-")
            self.run_one(f"UID STORE {set_of(uids)} {op}FLAGS.SILENT ({' '.join(PAIR)})",
                         rules=Rules(uid=True))

    def claim(self):
        """UNCHANGEDSINCE: one of those who try at once."""
        x = self.random.choice(self.view.messages or [None])
        if x is None or not x.modseq or not self.view.condstore:
            return
        box, uid, modseq = self.box, x.uid, x.modseq
        word = f"$c{self.random.randrange(40)}"
        if x.flags is None or word in x.flags:      # then it would be no change
            return
        reply = self.run_one(f"UID STORE {uid} (UNCHANGEDSINCE {modseq}) +FLAGS.SILENT ({word})",
                             rules=Rules(uid=True))
        told = [int(i["MODSEQ"][0]) for y, i in reply.fetched if y.uid == uid and "MODSEQ" in i]
        if "MODIFIED" not in reply.code:
            x.flags |= {word}
        if "MODIFIED" not in reply.code and told and max(told) > modseq:
            self.crowd.won(box, uid, modseq, word, max(told))

    def flag(self):
        uids = self.some()
        if uids:
            self.run_one(f"UID STORE {set_of(uids)} +FLAGS (\\Flagged)", rules=Rules(uid=True))

    def expunge(self):
        uids = self.some() if len(self.view.messages) > 8 else []
        if uids:
            self.crowd.doom(self.box, uids, mark=True)
            self.run_one(f"UID STORE {set_of(uids)} +FLAGS.SILENT (\\Deleted)",
                         rules=Rules(uid=True))
            self.run_one(f"UID EXPUNGE {set_of(uids)}" if self.random.random() < .7 else "EXPUNGE")

    def copy(self, move=False):
        uids, target = self.some(), self.random.choice(BOXES)
        if not uids or (not move and len(self.view.messages) > FULL):
            return
        if move:
            self.crowd.doom(self.box, uids)
        reply = self.run_one(f'UID {"MOVE" if move else "COPY"} {set_of(uids)} "{self.name(target)}"')
        text = reply.code if not move else str(reply.other)
        m = re.search(r"COPYUID \d+ ([\d:,]+) ([\d:,]+)", text)
        if m:
            sources, new = numbers_of(m[1]), numbers_of(m[2])
            need(len(sources) == len(new) and set(sources) <= set(uids), m[0])
            self.crowd.copied(self.box, sources, target, new, move)

    def move(self):
        self.copy(move=True)

    def look(self):
        uids = self.some(5)
        if uids:
            self.run_one(f"UID FETCH {set_of(uids)} (FLAGS MODSEQ BODY.PEEK[])",
                         rules=Rules(uid=True, fetch=True))

    def look_by_number(self):
        n = len(self.view.messages)
        if n:
            before = [x.uid for x in self.view.messages]
            reply = self.run_one(f"FETCH 1:{n} (UID FLAGS BODY.PEEK[])",
                                 rules=Rules(expunge=False, uid=True, fetch=True))
            got = [x.uid for x, items in reply.fetched if "BODY[]" in items]
            need(got == before or not got, "asked for", before, "got", got)

    def search(self):
        reply = self.run_one(f"UID SEARCH KEYWORD {self.keyword}")
        found = {int(n) for u in reply.untagged if u.startswith(b"SEARCH") for n in u.split()[1:]}
        for x in self.view.messages:
            if x.uid in self.own[self.box]:
                need((x.uid in found) == self.own[self.box][x.uid], "SEARCH of", x.uid)

    def noop(self):
        self.run_one("NOOP")

    def idle(self):
        self.view.clear()
        self.imap.send("i IDLE\r\n")
        need(self.imap.response().startswith(b"+"), "no continuation")
        time.sleep(self.random.random() * 0.02)
        self.imap.send("DONE\r\n")
        for line in self.imap.wait("i").untagged:
            self.log.append(f"< {line[:300]!r}")
            self.view.apply(line)
        self.view.tagged()
        self.believe()
        self.noop()

    def other_box(self):
        self.select(BOXES[1 - BOXES.index(self.box)])

    # --- the thread ---

    def run(self):
        steps = [self.append] * 6 + [self.mark] * 5 + [self.pair] * 4 + [self.claim] * 4 + \
            [self.flag] * 2 + [self.expunge] * 3 + [self.copy] * 2 + [self.move] * 2 + \
            [self.look] * 5 + [self.look_by_number] * 3 + [self.search, self.noop, self.idle,
                                                           self.other_box]
        try:
            self.connect()
            while True:
                for _ in range(60):
                    if self.crowd.is_over():
                        break
                    self.random.choice(steps)()
                if self.crowd.checkpoint(self):
                    return
        except BaseException as e:      # the crowd tells of it
            self.failure = e
            self.crowd.barrier.abort()
        finally:
            if self.imap is not None:
                self.imap.close()

    def all_i_see(self):
        self.noop()
        if not self.view.messages:
            return {}
        reply = self.run_one("FETCH 1:* (UID FLAGS MODSEQ BODY.PEEK[])",
                             rules=Rules(expunge=False, uid=True, fetch=True))
        return {x.uid: (frozenset(f.lower() for f in items["FLAGS"]) - {b"\\recent", b"\\seen"},
                        items["MODSEQ"][0], items["BODY[]"])
                for x, items in reply.fetched}


class Crowd:
    def __init__(self, server, seed, members=8):
        self.server = server
        self.lock = threading.Lock()
        self.text = {}                  # (box, UID) -> bytes
        self.token = {box: {} for box in BOXES}
        self.doomed = {box: set() for box in BOXES}
        self.marked = {box: set() for box in BOXES}     # \\Deleted, also of copies
        self.parent = {}                # of a copy: (box, UID) -> (box, UID)
        self.moved = set()
        self.recent = {}                # (box, user, UID) -> member
        self.state = {}                 # (box, UID, modseq) -> flags
        self.winners = {}
        self.seen = {}
        self.end = 0
        self.checkpoints = 0
        self.over = False
        self.owner, other = server.new_user(), server.new_user()
        c = server.login(self.owner)
        for box in BOXES:
            c.ok(f"CREATE INBOX.{box}")
            c.ok(f"SETACL INBOX.{box} {other} lrswite")
        c.close()
        self.members = [Member(self, i, other if i % 3 == 2 else self.owner, seed)
                        for i in range(members)]
        self.barrier = threading.Barrier(members, action=self.next_phase)

    def is_over(self):
        return time.monotonic() > self.end

    def next_phase(self):
        self.over = self.is_over()

    # --- what is known of all ---

    def born(self, box, uid, token):
        with self.lock:
            need(uid not in self.token[box], "UID", uid, "was given twice")
            self.token[box][uid] = token

    def doom(self, box, uids, mark=False):
        with self.lock:
            self.doomed[box] |= set(uids)
            if mark:
                self.marked[box] |= set(uids)

    def copied(self, box, sources, target, new, move):
        with self.lock:
            for source, uid in zip(sources, new):
                need(uid not in self.token[target], "UID", uid, "was given twice")
                self.token[target][uid] = self.token[box].get(source)
                self.parent[target, uid] = (box, source)
                if move:
                    need((box, source) not in self.moved, box, source, "was moved twice")
                    self.moved.add((box, source))

    def won(self, box, uid, modseq, word, now):
        """RFC 7162 section 3.1.12: others may have set other flags."""
        with self.lock:
            first = self.winners.setdefault((box, uid, modseq, word), now)
            need(first == now, "two have set", word, "in", box, uid, "UNCHANGEDSINCE", modseq)

    def believe(self, member, x, items):
        box = member.box
        with self.lock:
            if "BODY[]" in items:
                text = self.text.setdefault((box, x.uid), items["BODY[]"])
                need(text == items["BODY[]"], box, x.uid, "is another message")
                token = self.token[box].get(x.uid)
                need(token is None or token.encode() in text, box, x.uid, "is not", token)
            if "FLAGS" not in items:
                return
            flags = {f.decode().lower() for f in items["FLAGS"]}
            need((PAIR[0] in flags) == (PAIR[1] in flags), "half a STORE:", flags)
            if "\\recent" in flags:
                key = (box, member.user, x.uid, )
                one = self.recent.setdefault(key, (member, id(member.view.messages)))
                need(one[0] is member, "\\Recent of", key, "was given to", one[0].number)
            if "MODSEQ" in items:
                key = (box, x.uid, int(items["MODSEQ"][0]))
                # Keywords that FLAGS had not announced to a session are not in there.
                shared = frozenset(f for f in flags if f in ("\\flagged", "\\deleted"))
                need(self.state.setdefault(key, shared) == shared, key, "stands for",
                     self.state[key], "and", shared)

    # --- checkpoints ---

    def checkpoint(self, member):
        """True: it was the last."""
        self.barrier.wait(120)
        self.seen[member.number] = (member.box, member.all_i_see())
        if self.barrier.wait(120) == 0:
            self.compare()
        self.barrier.wait(120)
        return self.over

    def compare(self):
        self.checkpoints += 1
        for box in BOXES:
            views = [(n, v) for n, (b, v) in self.seen.items() if b == box]
            for n, v in views[1:]:
                need(v == views[0][1], box, "is different for members", views[0][0], "and", n)
            if not views:
                continue
            there, known = set(views[0][1]), set(self.token[box])
            need(there <= known, box, "has", there - known, "which nobody put there")
            lost = {u for u in known - there if not self.may_be_gone(box, u)}
            need(not lost, box, "has lost", lost)

    def may_be_gone(self, box, uid):
        if uid in self.doomed[box]:
            return True
        while (box, uid) in self.parent:        # a copy of what was \\Deleted is, too
            box, uid = self.parent[box, uid]
            if uid in self.marked[box]:
                return True
        return False

    def play(self, seconds):
        self.end = time.monotonic() + seconds
        for m in self.members:
            m.start()
        for m in self.members:
            m.join(seconds + 180)
        for m in self.members:
            if m.failure and not isinstance(m.failure, threading.BrokenBarrierError):
                print(f"member {m.number} ({m.mode or 'plain'})", *m.log, sep="\n")
                raise m.failure
        need(all(not m.is_alive() and not m.failure for m in self.members), "somebody hangs")
        return sum(m.commands for m in self.members)
