"""Orders of large mailboxes outlive the session (cyrus.sort, doc/architecture.md 3.6): what
SORT says (RFC 5256) is the same without the file, with it, with one that is damaged, and while
others write it, deliver, expunge, or delete the mailbox."""
import itertools
import pathlib
import random
import re
import threading
import time

import pytest
from chapar import wait_for

MANY = 300
ROUNDS = 5
WORDS = ["alpha", "Beta", "beta", "gamma", "Delta", "delta x", "", "epsilon", "z", "Zeta"]


class Mail:
    """What a message is sorted by."""

    def __init__(self, rng):
        self.subject = rng.choice(WORDS) + rng.choice(["", str(rng.randrange(40))])
        self.name = rng.choice(["", "Ann", "bob", "Carl"])
        self.local = rng.choice("abcXYZ") + str(rng.randrange(30))
        self.date = rng.randrange(10**9, 2 * 10**9)
        self.extra = rng.randrange(200)

    def text(self):
        when = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(self.date))
        name = f'"{self.name}" ' if self.name else ""
        return (f"From: {name}<{self.local}@example.org>\r\nTo: {self.local[::-1]}@example.org\r\n"
                f"Subject: {self.subject}\r\nDate: {when}\r\n\r\n" + "x" * self.extra + "\r\n").encode()

    def part(self, by, fold):
        return {"SUBJECT": fold(self.subject.strip()), "FROM": fold(self.local), "TO": fold(self.local[::-1]),
                "DISPLAYFROM": fold(self.name or f"{self.local}@example.org"), "DATE": self.date,
                "SIZE": len(self.text()), "CC": ""}[by]


class Box:
    """A mailbox whose messages are known by their UIDs."""

    def __init__(self, imap, name="INBOX.many", seed=1, n=MANY):
        self.imap, self.name, self.rng = imap, name, random.Random(seed)
        self.mail = {}
        if name != "INBOX":
            imap.ok(f"CREATE {name}")
        self.add(n)

    def add(self, n, imap=None):
        new = [Mail(self.rng) for _ in range(n)]
        r = (imap or self.imap).ok(f"APPEND {self.name}" + "".join(
            f" {{{len(m.text())}+}}\r\n{m.text().decode()}" for m in new))
        first = int(re.match(r"APPENDUID \d+ (\d+)", r.code)[1])
        self.mail.update(zip(itertools.count(first), new))

    def expunge(self, uids):
        self.imap.ok(f"SELECT {self.name}")
        self.imap.ok(f"UID STORE {','.join(map(str, uids))} +FLAGS.SILENT (\\Deleted)")
        self.imap.ok("EXPUNGE")
        for uid in uids:
            del self.mail[uid]

    def right(self, criteria, uids=None, fold=str.upper):
        """Stable, so by the last criterion first."""
        out = sorted(self.mail if uids is None else uids)
        keys = re.findall(r"(REVERSE )?(\w+)", criteria)
        for reverse, by in reversed(keys):
            out.sort(key=lambda uid: self.mail[uid].part(by, fold), reverse=bool(reverse))
        return out


def uids_of(reply):
    return [int(x) for u in reply.untagged if u.startswith(b"SORT") for x in u.split()[1:]]


def sort(c, criteria, program="ALL"):
    return uids_of(c.ok(f"UID SORT ({criteria}) UTF-8 {program}"))


def file_of(server, user, name="many"):
    return pathlib.Path(server.dir) / "spool/user" / user / name / "cyrus.sort"


def in_stage(server):
    """What others have left there is not our affair."""
    return {p for p in (pathlib.Path(server.dir) / "spool/stage").iterdir() if re.fullmatch("[0-9a-f]{32}", p.name)}


CRITERIA = ["SUBJECT", "FROM", "TO", "CC", "DISPLAYFROM", "REVERSE SUBJECT", "SUBJECT DATE", "FROM REVERSE SIZE",
            "REVERSE FROM SUBJECT DATE", "DATE", "SIZE SUBJECT", "REVERSE DATE"]


def test_same_answers(server, user, login):
    before = in_stage(server)
    box = Box(login())
    for session in range(3):            # finds out; reads; reads after the file was removed
        for criteria in CRITERIA:
            c = login()
            c.ok("EXAMINE INBOX.many")
            assert sort(c, criteria) == box.right(criteria), (session, criteria)
            some = {u for u in box.mail if u % 3 == 0}
            assert sort(c, criteria, f"UID {','.join(map(str, sorted(some)))}") == box.right(criteria, some)
            c.close()
        assert file_of(server, user).exists()
        if session == 1:
            file_of(server, user).unlink()
    assert in_stage(server) <= before


def test_new_ones_and_expunged_ones(server, user, login):
    """Each step in sessions of its own, which know only what the file says."""
    box = Box(login())
    for step in range(12):
        c = login()
        c.ok("SELECT INBOX.many")
        for criteria in ("SUBJECT", "REVERSE FROM SUBJECT"):
            assert sort(c, criteria) == box.right(criteria), (step, criteria)
        c.close()
        box.add((1, 5, 30, 200)[step % 4])
        if step % 3 == 2:
            box.expunge(box.rng.sample(sorted(box.mail), len(box.mail) // 3))
    size = file_of(server, user).stat().st_size
    assert size < 100 + 2 * 8 * 2 * len(box.mail), "what is expunged is forgotten some time"


def test_comparators_have_orders_of_their_own(server, login):
    box = Box(login())
    folds = {"i;unicode-casemap": str.upper, "i;ascii-casemap": str.upper, "i;octet": str}
    for _ in range(2):
        for name, fold in folds.items():
            c = login()
            c.ok(f'COMPARATOR "{name}"')
            c.ok("EXAMINE INBOX.many")
            assert sort(c, "SUBJECT") == box.right("SUBJECT", fold=fold), name
            c.close()


def test_rotten_file(server, user, login):
    """Wherever it is damaged, the answer is right, and so is the next file."""
    box = Box(login())
    path = file_of(server, user)
    rng = random.Random(3)
    good = None
    for i in range(24):
        c = login()
        c.ok("EXAMINE INBOX.many")
        for criteria in ("SUBJECT", "FROM"):
            assert sort(c, criteria) == box.right(criteria), i
        c.ok("NOOP")                    # it is written when that is answered
        c.close()
        good = good or path.read_bytes()
        data = bytearray(good)
        if i % 6 == 0:
            del data[rng.randrange(len(data)):]
        elif i % 6 == 1:
            data += rng.randbytes(rng.choice((1, 4096)))
        elif i % 6 == 2:
            data = rng.randbytes(len(data))
        else:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        with open(path, "r+b") as f:    # its owner stays
            f.truncate(0)
            f.write(data)
    assert f"user.{user}.many: cyrus.sort is damaged; it is made anew" in server.log()


def run_all(*actions):
    """At the same time; what one of them found wrong."""
    failed = []

    def guard(action):
        try:
            action()
        except BaseException as e:      # noqa: B902 - it is raised again below
            failed.append(e)
    threads = [threading.Thread(target=guard, args=(a,)) for a in actions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]


def test_parallel_sessions(server, user, login):
    """Many find out at once, and some of them have not seen the latest mail yet."""
    before = in_stage(server)
    box = Box(login())
    done = threading.Event()
    writer = login()

    def asks(number):
        rng = random.Random(number)
        for _ in range(15):
            c = login()
            c.ok("SELECT INBOX.many")
            criteria = rng.choice(("SUBJECT", "FROM", "REVERSE SUBJECT DATE", "TO"))
            got = sort(c, criteria)
            assert len(got) >= MANY - 30
            # Others may see a message before its sender hears of its UID.
            wait_for("the UIDs", lambda: all(u in box.mail for u in got))
            assert got == box.right(criteria, got), criteria
            c.close()

    def changes():
        box_uids = sorted(box.mail)
        for i in range(1000):
            if done.is_set():
                return
            m = Mail(box.rng)
            uid = int(re.match(r"APPENDUID \d+ (\d+)", writer.ok(
                f"APPEND INBOX.many {{{len(m.text())}+}}\r\n{m.text().decode()}").code)[1])
            box.mail[uid] = m
            if i < 30:
                writer.ok("SELECT INBOX.many")
                writer.ok(f"UID STORE {box_uids[i]} +FLAGS.SILENT (\\Deleted)")
                writer.ok("EXPUNGE")

    def sessions():
        try:
            run_all(*(lambda n=n: asks(n) for n in range(4)))
        finally:
            done.set()
    run_all(changes, sessions)
    assert in_stage(server) <= before


@pytest.mark.parametrize("mode", ["delayed", "immediate"])
def test_deleted_and_made_again(make_server, mode):
    """A session that has sorted writes what it knows of a mailbox that is no more."""
    server = make_server({"delete_mode": mode})
    user, boxes = server.new_user(), {}

    def login():
        return server.login(user)
    owner = login()
    folder = file_of(server, user).parent
    done = threading.Event()

    def asks(number):
        rng = random.Random(number)
        while not done.is_set():
            c = login()
            r = c.cmd("SELECT INBOX.many")
            validity = int(r.find(rb"UIDVALIDITY (\d+)")[1]) if r.status == "OK" else 0
            criteria = rng.choice(("SUBJECT", "FROM DATE"))
            r = c.cmd(f"UID SORT ({criteria}) UTF-8 ALL") if validity else r
            got = uids_of(r)
            if r.status == "OK" and got:
                wait_for("the UIDs", lambda: validity in boxes)
                assert got == boxes[validity].right(criteria, got), criteria
            c.close()

    def changes():
        try:
            for i in range(ROUNDS):
                box = Box(owner, seed=i)
                validity = int(owner.ok("STATUS INBOX.many (UIDVALIDITY)").find(rb"UIDVALIDITY (\d+)")[1])
                boxes[validity] = box
                owner.ok("EXAMINE INBOX.many")
                assert sort(owner, "SUBJECT") == box.right("SUBJECT")
                owner.ok("UNSELECT")
                owner.ok("DELETE INBOX.many")
        finally:
            done.set()
    run_all(changes, *(lambda n=n: asks(n) for n in range(3)))
    assert len(boxes) == ROUNDS
    assert not folder.exists()
    assert not in_stage(server)
    assert f"user.{user}.many: cyrus.sort is damaged" not in server.log()
