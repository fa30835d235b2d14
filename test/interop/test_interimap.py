"""InterIMAP keeps two accounts alike by QRESYNC alone (RFC 7162): what is not told, or
told wrongly, is lost or comes back.  It asks for VANISHED, CHANGEDSINCE, UNCHANGEDSINCE,
LIST with STATUS and its HIGHESTMODSEQ, MULTIAPPEND, UIDPLUS and BINARY literals."""
import email
import random
import re
import subprocess

import pytest
from chapar import wait_for
from demo import PASSWORD
from test_more_clients import MESSAGE, needs

pytestmark = needs("interimap")
FLAGS = ["\\Seen", "\\Flagged", "\\Answered", "\\Draft", "$Label1", "urgent"]


class Pair:
    """Two accounts, and the program that joins them."""

    def __init__(self, demo, folder):
        self.demo, self.folder = demo, folder
        self.users = [demo.user(), demo.user()]
        for name in ("data", "config"):
            (folder / name).mkdir()
        (folder / "conf").write_text("database = x.db\n" + "".join(
            f"[{side}]\ntype = imap\nhost = 127.0.0.1\nport = {demo.imap_port}\nSTARTTLS = NO\n"
            f"username = {user}\npassword = {PASSWORD}\nauth = LOGIN\n"
            for side, user in zip(("local", "remote"), self.users)))
        (folder / "conf").chmod(0o600)
        self.sides = [demo.imap(user) for user in self.users]

    def command(self, *options):
        env = {"HOME": str(self.folder), "XDG_DATA_HOME": f"{self.folder}/data",
               "XDG_CONFIG_HOME": f"{self.folder}/config", "PATH": "/usr/bin:/bin"}
        return {"args": ["interimap", f"--config={self.folder}/conf", *options], "env": env, "text": True}

    def sync(self, *options):
        run = subprocess.run(**self.command(*options), capture_output=True, timeout=120)
        assert run.returncode == 0, run.stderr
        return run.stderr

    def start(self, *options):
        return subprocess.Popen(**self.command(*options), stderr=subprocess.DEVNULL)

    def boxes(self, side):
        return sorted(re.search(rb'"\." "?([^"]+)', line)[1].decode() for line in self.sides[side].list()[1])

    def content(self, side, mailbox):
        """{subject: (flags, internal date, bytes)}"""
        c, found = self.sides[side], {}
        assert c.select(mailbox, readonly=True)[0] == "OK"
        for item in c.fetch("1:*", "(FLAGS INTERNALDATE BODY.PEEK[])")[1]:
            if isinstance(item, tuple):
                flags = set(re.search(r"FLAGS \((.*?)\)", item[0].decode())[1].split()) - {"\\Recent"}
                date = re.search(r'INTERNALDATE "(.*?)"', item[0].decode())[1]
                found[email.message_from_bytes(item[1])["subject"]] = (frozenset(flags), date, item[1])
        c.unselect()
        return found

    def assert_alike(self):
        assert self.boxes(0) == self.boxes(1)
        for mailbox in self.boxes(0):
            assert self.content(0, mailbox) == self.content(1, mailbox), mailbox

    def add(self, side, mailbox, n):
        assert self.sides[side].append(mailbox, "(\\Seen)" if n % 2 else None, None,
                                       MESSAGE.format(n=n, who=side).encode())[0] == "OK"


@pytest.fixture
def pair(demo, tmp_path):
    pair = Pair(demo, tmp_path)
    start = len(demo.log())
    yield pair
    complaints = [line for line in demo.log()[start:].splitlines() if re.search(r"\]: (warning|err|crit): ", line)]
    assert not complaints, complaints


def test_interimap_two_ways(pair):
    near, far = pair.sides
    for n in range(5):
        pair.add(0, "INBOX", n)
    assert far.create("INBOX.lists")[0] == "OK"
    pair.add(1, "INBOX.lists", 7)
    pair.sync()
    pair.assert_alike()
    assert pair.boxes(0) == ["INBOX", "INBOX.lists"] and len(pair.content(1, "INBOX")) == 5
    # Changes on both sides: flags, expunges from the middle, what is new.
    near.select("INBOX")
    near.store("2", "+FLAGS", "(\\Flagged $Label1)")
    near.store("4", "+FLAGS", "(\\Deleted)")
    near.expunge()
    near.unselect()
    far.select("INBOX")
    far.store("1", "+FLAGS", "(\\Answered urgent)")
    far.store("3", "+FLAGS", "(\\Deleted)")
    far.expunge()
    far.unselect()
    pair.add(0, "INBOX", 8)
    pair.add(1, "INBOX", 9)
    pair.sync()
    pair.assert_alike()
    assert sorted(pair.content(0, "INBOX")) == [f"Number {n}" for n in (0, 1, 4, 8, 9)]
    assert pair.content(0, "INBOX")["Number 0"][0] == {"\\Answered", "urgent"}
    assert not re.search("WARNING|Downloading|Removed|UPDATE", pair.sync()), "there was nothing to do"
    assert "WARNING" not in pair.sync("--repair")


@pytest.mark.parametrize("seed", range(2))
def test_interimap_at_random(pair, seed):
    """Flags never of one message on both sides: that is a conflict, where all win."""
    chance, count = random.Random(seed), 10
    for n in range(count):
        pair.add(n % 2, "INBOX", n)
    for _ in range(6):
        pair.sync()
        pair.assert_alike()
        subjects = sorted(pair.content(0, "INBOX"))
        chance.shuffle(subjects)
        for side, c in enumerate(pair.sides):
            c.select("INBOX")
            for subject in subjects[side::2][:4]:
                uid = c.uid("SEARCH", "SUBJECT", f'"{subject}"')[1][0].split()[0].decode()
                what = chance.choice(["+FLAGS", "-FLAGS", "FLAGS", "gone"])
                if what == "gone":
                    c.uid("STORE", uid, "+FLAGS", "(\\Deleted)")
                    c.uid("EXPUNGE", uid)
                else:
                    c.uid("STORE", uid, what, "(%s)" % " ".join(chance.sample(FLAGS, 2)))
            c.unselect()
            for _ in range(chance.randrange(3)):
                pair.add(side, "INBOX", count)
                count += 1
    pair.sync()
    pair.assert_alike()


def test_interimap_told_by_notify(pair):
    """It waits in IDLE on both sides with NOTIFY (RFC 5465), and joins what comes."""
    pair.add(0, "INBOX", 0)
    pair.sync()
    watcher = pair.start("--watch=600", "--notify")
    try:
        pair.add(1, "INBOX", 1)
        wait_for("the new one", lambda: len(pair.content(0, "INBOX")) == 2)
        near = pair.sides[0]
        near.select("INBOX")
        near.store("1", "+FLAGS", "(\\Flagged)")
        near.unselect()
        wait_for("the flag", lambda: "\\Flagged" in pair.content(1, "INBOX")["Number 0"][0])
        far = pair.sides[1]
        far.select("INBOX")
        far.store("1", "+FLAGS", "(\\Deleted)")
        far.expunge()
        far.unselect()
        wait_for("the expunge", lambda: list(pair.content(0, "INBOX")) == ["Number 1"])
        pair.assert_alike()
        assert watcher.poll() is None
    finally:
        watcher.terminate()
        watcher.wait()
