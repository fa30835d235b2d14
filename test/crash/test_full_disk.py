"""File systems that are full to the last block: small ones in memory (tmpfs)
under the configuration directory, under the partition, under both.

A full disk never makes a mailbox unreadable or undeletable; new mail is
refused for the time being; a start works, after a kill too; and when there is
room again all goes on without a restart, with nothing lost that was
acknowledged.
"""
import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading

import pytest
from chapar import Imap, wait_for

TEXT = b"From: a@example.org\r\nSubject: m%d\r\n\r\nbody %d\r\n"
BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 4 * 300 + b"\r\n"


def can_mount(tmp):
    r = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp], capture_output=True)
    if r.returncode == 0:
        subprocess.run(["umount", tmp], check=True)
    return r.returncode == 0


class Small:
    """A server whose configuration directory and partition are small file systems."""

    def __init__(self, srv):
        self.srv, self.mounted = srv, []
        for name, size in (("config", 24), ("spool", 40)):
            path = srv.dir / name
            saved = srv.dir / f"{name}.saved"
            shutil.copytree(path, saved)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=755", "tmpfs", path], check=True)
            self.mounted.append(path)
            subprocess.run(["cp", "-a", f"{saved}/.", path], check=True)
            subprocess.run(["chown", "-R", "cyrus:mail", path], check=True)

    def fill(self, which):
        """To the last block: whoever wants one more does not get it."""
        for name in which:
            with open(self.srv.dir / name / "filler", "ab", buffering=0) as f, contextlib.suppress(OSError):
                for size in (1 << 20, 4096, 1):
                    with contextlib.suppress(OSError):
                        while f.write(b"x" * size) == size:
                            pass

    def make_room(self, which):
        for name in which:
            (self.srv.dir / name / "filler").unlink()

    def unmount(self):
        for path in self.mounted:
            subprocess.run(["umount", "-l", path], check=False)


@pytest.fixture
def small(make_server, tmp_path):
    if os.geteuid() != 0 or not can_mount(tmp_path):
        pytest.skip("no right to mount a small file system")
    srv = make_server(start=False)
    s = Small(srv)
    srv.start()
    yield s
    for c in srv.clients:
        c.close()
    srv.clients = []
    if srv.process:
        srv.stop()
    s.unmount()


def deliver(srv, user, message):
    """The answers to DATA's end, or to what was refused before."""
    with socket.create_connection(("127.0.0.1", srv.lmtp_port), 30) as s, s.makefile("rwb") as f:
        answer = f.readline()
        for line in (b"LHLO x", b"MAIL FROM:<>", b"RCPT TO:<%s>" % user.encode(), b"DATA", message + b"."):
            if answer[:1] == b"4":
                return answer
            f.write(line + b"\r\n")
            f.flush()
            answer = f.readline()
            while answer[3:4] == b"-":
                answer = f.readline()
        return answer


def subjects(c, name="INBOX"):
    if int(c.ok(f"SELECT {name}").find(rb"^(\d+) EXISTS")[1]) == 0:
        return {}
    return {int(m[1]): (m[2], m[3]) for m in c.ok("FETCH 1:* (UID FLAGS BODY.PEEK[])").all(
        rb"UID (\d+) FLAGS \(([^)]*)\).*Subject: (\S+)")}


FULL = {"config": ["config"], "partition": ["spool"], "both": ["config", "spool"]}


@pytest.mark.parametrize("what", FULL)
def test_full(small, what):
    srv, full = small.srv, FULL[what]
    srv.expect("No space left|no room|no space|disk is full|cannot be|could not|NOSPACE|full")
    user = srv.new_user()
    c = srv.login(user)
    for n in range(20):
        c.append("INBOX", TEXT % (n, n))
    for name in ("old", "older", "other"):
        c.ok(f"CREATE INBOX.{name}")
        c.append(f"INBOX.{name}", TEXT % (99, 99))
        c.ok(f"SUBSCRIBE INBOX.{name}")
    before = subjects(c)
    small.fill(full)

    # Nothing more comes in, and it is said to be for the time being.
    if "spool" in full:
        for _ in range(3):
            assert deliver(srv, user, BIG)[:9] == b"452 4.3.1"
            assert c.cmd("APPEND INBOX ", BIG).status == "NO"
    else:
        assert deliver(srv, user, BIG)[:3] in (b"250", b"452")
    # Old sessions and new ones read.
    assert {u: s for u, (_, s) in subjects(c).items() if u in before} == {u: s for u, (_, s) in before.items()}
    c = srv.login(user)
    assert set(before) <= set(subjects(c))
    # What makes room works, of all things.
    c.ok("SELECT INBOX")
    c.ok(r"UID STORE 1:5 +FLAGS (\Deleted)")
    c.ok("EXPUNGE")
    c.ok(r"UID STORE 6 +FLAGS (\Flagged)")
    c.ok("DELETE INBOX.old")
    c.ok("UNSUBSCRIBE INBOX.old")
    c.ok("LOGOUT")
    small.fill(full)
    # A start, in peace and after a kill.
    for how in (signal.SIGTERM, signal.SIGKILL):
        for k in srv.clients:
            k.close()
        srv.clients = []
        srv.process.send_signal(how)
        srv.process.wait()
        srv.process = None
        srv.start()
        small.fill(full)
        c = srv.login(user)
        now = subjects(c)
        assert set(now) & set(before) == set(before) - {1, 2, 3, 4, 5}
        assert rb"\Flagged" in now[6][0]
        assert not c.ok('LIST "" INBOX.old').untagged
        if how == signal.SIGTERM:
            c.ok("DELETE INBOX.older")
            c.ok("UNSUBSCRIBE INBOX.older")
    assert not c.ok('LIST "" INBOX.old*').untagged
    assert [m for m in c.ok('LSUB "" INBOX.o*').untagged] == [b'LSUB () "." INBOX.other']
    # Room again: all goes on, in the same session.
    small.make_room(full)
    c.append("INBOX", BIG)
    c.ok("CREATE INBOX.new")
    c.ok("SUBSCRIBE INBOX.new")
    assert deliver(srv, user, TEXT % (7, 7))[:3] == b"250"
    uids = set(subjects(c))
    assert not uids & {1, 2, 3, 4, 5} and len(uids) >= 17
    r = subprocess.run([srv.build / "imap/admin/reconstruct", "-C", srv.conf, "-n", "-G"],
                       capture_output=True, text=True)
    assert ": " not in r.stdout, r.stdout


def test_an_order_that_cannot_be_kept(small):
    """Not a word in the log, and nothing is left; with room again it is kept."""
    srv = small.srv
    user = srv.new_user()
    c = srv.login(user)
    numbers = [i * 37 % 300 for i in range(300)]
    c.ok("APPEND INBOX" + "".join(f" {{{len(m)}+}}\r\n{m.decode()}" for m in (
        b"Subject: %03d\r\n\r\nx\r\n" % n for n in numbers)))
    right = [1 + numbers.index(n) for n in range(300)]
    small.fill(["spool"])
    at, kept, stage = srv.log_path.stat().st_size, srv.dir / f"spool/user/{user}/cyrus.sort", srv.dir / "spool/stage"
    staged = sorted(stage.iterdir())
    for room in (False, True, True):
        if room and not kept.exists():
            small.make_room(["spool"])
        c = srv.login(user)
        c.ok("SELECT INBOX")
        r = c.ok("SORT (SUBJECT) UTF-8 ALL")
        assert [int(x) for x in r.untagged[0].split()[1:]] == right
        c.ok("NOOP")
        assert kept.exists() == room
        assert sorted(stage.iterdir()) == staged
    assert not re.search("cyrus.sort|stage/|IOERROR", srv.log()[at:])


@contextlib.contextmanager
def greed(small, which):
    """Somebody takes each block as soon as it is set free."""
    over = threading.Event()

    def take():
        while not over.is_set():
            small.fill(which)

    t = threading.Thread(target=take)
    t.start()
    try:
        yield
    finally:
        over.set()
        t.join()


def test_recovery_gives_no_room_away(small):
    """The databases' shared memory is made anew in the room it had."""
    srv = small.srv
    srv.expect("No space left|no room|no space|disk is full|cannot be|could not|full")
    user = srv.new_user()
    c = srv.login(user)
    c.append("INBOX", TEXT % (1, 1))
    small.fill(["config"])
    with greed(small, ["config"]):
        for how in (signal.SIGTERM, signal.SIGKILL, None, signal.SIGKILL):
            if how is None:
                # As if somebody died inside while others have it mapped.
                with open(srv.dir / "config/db/kv.state", "r+b", buffering=0) as f:
                    os.pwrite(f.fileno(), (2 ** 22).to_bytes(4, sys.byteorder), 24)
                assert len(subjects(c)) == 1
            else:
                for k in srv.clients:
                    k.close()
                srv.clients = []
                srv.process.send_signal(how)
                srv.process.wait()
                srv.process = None
                srv.start()
            c = srv.login(user)
            assert len(subjects(c)) == 1
    assert "died inside, recovering" in srv.log()
    small.make_room(["config"])
    c.ok("CREATE INBOX.new")


def test_expunge_at_the_end_of_a_segment(small):
    """The log keeps room for what makes room, whatever its place."""
    srv = small.srv
    srv.expect("No space left|no room|no space|disk is full|cannot be|could not|full")
    user = srv.new_user()
    c = srv.login(user)
    for n in range(300):
        c.append("INBOX", TEXT % (n, n))
    big = b"Subject: x\r\n\r\n" + b"0123456789abcdef" * 4 * 3900 + b"\r\n"
    # Until the partition is full by mail alone: the log's segments are, too.
    n = 0
    while c.cmd("APPEND INBOX ", big).status == "OK":
        n += 1
    small.fill(["spool"])
    c.ok("SELECT INBOX")
    for first in range(1, 300, 3):
        c.ok(rf"UID STORE {first}:{first + 2} +FLAGS (\Deleted)")
        small.fill(["spool"])
        c.ok(f"UID EXPUNGE {first}:{first + 2}")
        small.fill(["spool"])
    assert len(subjects(c)) == n
    for k in range(1, 400):
        c.ok(rf"STORE 1:* {'+' if k % 2 else '-'}FLAGS.SILENT (\Flagged)")
    small.make_room(["spool"])
    c.append("INBOX", BIG)
