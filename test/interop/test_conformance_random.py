"""Sessions that do anything, and responses that must fit all the same.

Several strict clients share a mailbox and send commands made by chance: right
ones, and ones with a byte or a word changed, taken out or doubled.  The strict
parser and each client's model of the mailbox judge every answer; at the end
all sessions must agree, and a fresh one with them.  A failure names its seed.
"""
import concurrent.futures
import random

import pytest

from conformance import NESTED, SIMPLE, Lit, fresh, login, name, numbered
from strict_imap import Client

FLAGS = [r"\Seen", r"\Deleted", r"\Flagged", r"\Answered", r"\Draft", "word", "$Label1", "Other"]
ITEMS = ["FLAGS", "UID", "ENVELOPE", "BODY", "BODYSTRUCTURE", "RFC822.SIZE", "INTERNALDATE", "BODY[]", "BODY.PEEK[]",
         "BODY[TEXT]", "BODY.PEEK[HEADER]", "BODY.PEEK[1]", "BODY[1.MIME]", "BODY.PEEK[3.1]<2.5>", "RFC822",
         "RFC822.HEADER", "RFC822.TEXT", "BODY.PEEK[HEADER.FIELDS (Subject From)]", "BODY[]<0.10>"]
KEYS = ["ALL", "SEEN", "UNSEEN", "DELETED", "KEYWORD word", "NOT FLAGGED", "RECENT", "NEW", "OLD", "SUBJECT message",
        "BODY text", "TEXT a", "LARGER 100", "SINCE 1-Jan-2020", "SENTBEFORE 1-Jan-2030", 'HEADER To ""',
        "OR SEEN DELETED", "(ANSWERED DRAFT)", "UID 1:5", "1:*", "FROM a1"]


class Actor:
    """One session that acts by chance."""

    def __init__(self, client, boxes, r):
        self.c, self.boxes, self.r = client, boxes, r

    def numbers(self, uid):
        top = max(1, len(self.c.view.uids) + (5 if uid else 0))
        one = lambda: str(self.r.randint(1, top)) if self.r.random() < .9 else "*"  # noqa: E731
        return ",".join(one() + (":" + one() if self.r.random() < .4 else "")
                        for _ in range(self.r.choice([1, 1, 1, 2, 3])))

    def some(self, words):
        return " ".join(self.r.sample(words, self.r.randint(1, 3)))

    def command(self):
        r, uid = self.r, self.r.random() < .4
        u, n, box = "UID " if uid else "", self.numbers(uid), r.choice(self.boxes)
        return r.choice([
            f"{u}FETCH {n} ({self.some(ITEMS)})", f"{u}FETCH {n} {r.choice(['ALL', 'FULL', 'FAST'])}",
            f"{u}STORE {n} {r.choice(['', '+', '-'])}FLAGS{r.choice(['', '.SILENT'])} ({self.some(FLAGS)})",
            f"{u}STORE {n} +FLAGS ({self.some(FLAGS)})",
            f"{u}SEARCH {self.some(KEYS)}", f"{u}COPY {n} {box}", f"{u}MOVE {n} {box}", "EXPUNGE",
            f"UID EXPUNGE {n}", "NOOP", "CHECK", f"STATUS {box} (MESSAGES UNSEEN UIDNEXT UIDVALIDITY RECENT)",
            'LIST "" *', 'LSUB "" %', "NAMESPACE", "CAPABILITY", "GETQUOTAROOT INBOX", "IDLE",
            f"APPEND {box}", f"APPEND {box} ({self.some(FLAGS)})", f"SUBSCRIBE {box}", f"UNSUBSCRIBE {box}",
            f"SELECT {box}" if r.random() < .1 else "NOOP", "CLOSE" if r.random() < .1 else "NOOP"])

    def changed(self, text):
        """TEXT with something wrong, still one line without a literal."""
        r, words = self.r, text.split(" ")
        i = r.randrange(len(words))
        how = r.randrange(5)
        if how == 0:
            del words[i]
        elif how == 1:
            words.insert(i, words[r.randrange(len(words))])
        elif how == 2:
            r.shuffle(words)
        text = " ".join(words)
        if how >= 3 and text:
            i = r.randrange(len(text))
            text = text[:i] + r.choice('()[]{}"\\%*:,.+-&~ 0é\x01\x7f') * r.randint(0, 2) + text[i + (how == 4):]
        return text.encode("latin-1")

    def act(self):
        text = self.command()
        if self.r.random() < .2:
            changed = self.changed(text)
            if not changed.upper().startswith((b"IDLE", b"LOGOUT")) and not changed.endswith(b"}"):
                self.c.cmd(changed)
            return
        if text.startswith("APPEND"):
            message = self.r.choice([SIMPLE, NESTED, numbered(self.r.randint(1, 28))])
            self.c.cmd(text + " ", Lit(message, plus=self.r.random() < .5))
        elif text == "IDLE":
            tag = self.c.begin("IDLE")
            self.c.continuation()
            self.c.raw(b"DONE\r\n")
            self.c.wait(tag)
        else:
            self.c.cmd(text)

    def contents(self, box):
        self.c.ok(f"SELECT {box}")
        if not self.c.view.uids:
            return []
        got = self.c.fetch("1:*", "(UID FLAGS RFC822.SIZE)")
        return [(n, f["UID"], f["RFC822.SIZE"], sorted(x.lower() for x in f["FLAGS"] if x != "\\Recent"))
                for n, f in sorted(got.items())]


@pytest.mark.parametrize("seed", range(24))
def test_anything(server, seed):
    r = random.Random(seed)
    first: Client = fresh(server, 3)
    boxes = ["INBOX", "INBOX." + name()]
    first.ok(f"CREATE {boxes[1]}")
    actors = [Actor(first, boxes, r)]
    for _ in range(2):
        c = login(server, first.user)
        c.ok(f"SELECT {boxes[0]}")
        actors.append(Actor(c, boxes, r))
    for _ in range(250):
        actor = r.choice(actors)
        actor.act()
        assert not actor.c.bye
        if r.random() < .02:			# a count of bad commands in a row ends a session
            actor.c.ok("NOOP")
    agree(server, actors, boxes)


def agree(server, actors, boxes):
    """All see the same now, and so does one who comes new."""
    for actor in actors:
        actor.c.ok("NOOP")
    actors = actors + [Actor(login(server, actors[0].c.user), boxes, None)]
    for box in boxes:
        views = [a.contents(box) for a in actors]
        assert all(v == views[0] for v in views)
        uids = [v[1] for v in views[0]]
        assert uids == sorted(set(uids))


@pytest.mark.parametrize("seed", range(4))
def test_anything_at_once(server, seed):
    """The same with sessions that do not wait for each other."""
    first = fresh(server, 5)
    boxes = ["INBOX", "INBOX." + name()]
    first.ok(f"CREATE {boxes[1]}")
    actors = [Actor(first, boxes, random.Random(seed * 10))]
    for i in range(1, 5):
        c = login(server, first.user)
        c.ok(f"SELECT {boxes[i % 2]}")
        actors.append(Actor(c, boxes, random.Random(seed * 10 + i)))

    def run(actor):
        for _ in range(150):
            actor.act()
            assert not actor.c.bye
    with concurrent.futures.ThreadPoolExecutor(len(actors)) as pool:
        for done in [pool.submit(run, a) for a in actors]:
            done.result()
    agree(server, actors, boxes)
