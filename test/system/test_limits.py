"""Real limits, set by prlimit(1) on processes that run: no descriptor is left
(EMFILE), or no memory (ENOMEM).

The client is told that it cannot be done now, nothing is half done, others
are served, and when the limit is gone all works again: with descriptors in the
same session.
"""
import contextlib
import pathlib
import re
import subprocess

import pytest
from chapar import wait_for
from test_abuse import MB, children, limit_of, lmtp_envelope, lmtp_session, status_kb, worker_of

TEXT = b"Subject: %s\r\n\r\nbody\r\n"
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n") * 8000
SAID = r"."             # whatever is logged of it: other tests know what to say


@contextlib.contextmanager
def descriptors(server, pid, n):
    """The process can open N more meanwhile."""
    limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
    old = re.search(r"^Max open files\s+(\d+)", limits, re.M)[1]
    have = {int(p.name) for p in pathlib.Path(f"/proc/{pid}/fd").iterdir()}
    # The limit is of the numbers, not of how many there are.
    free = [k for k in range(len(have) + n + 1) if k not in have]
    limit(server, pid, f"--nofile={free[n]}:")
    try:
        yield
    finally:
        limit(server, pid, f"--nofile={old}:")


def limit(server, pid, what):
    if pid == server.process.pid:       # master is ours, whoever we are
        subprocess.run(["prlimit", f"--pid={pid}", what], check=True)
    else:
        limit_of(server, pid, what)


def subjects(c, name):
    c.ok(f"SELECT {name}")
    r = c.ok("UID FETCH 1:* (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
    return sorted(m[1].decode() for m in r.all(rb"Subject: (\S+)"))


def names(c):
    return {m[1].decode() for m in c.ok('LIST "" *').all(rb'(INBOX[.a-z]*)"?$')}


COMMANDS = {
    "select": ("SELECT INBOX.other",),
    "status": ("STATUS INBOX.other (MESSAGES)",),
    "list": ('LIST "" *',),
    "append": ("APPEND INBOX.other ", TEXT % b"appended"),
    "large": ("APPEND INBOX.other ", LARGE),
    "fetch": ("UID FETCH 1:* BODY.PEEK[]",),
    "search": ("SEARCH BODY nothing",),
    "store": (r"UID STORE 1 +FLAGS (\Flagged)",),
    "copy": ("UID COPY 1 INBOX.other",),
    "create": ("CREATE INBOX.new",),
    "rename": ("RENAME INBOX.old INBOX.older",),
    "delete": ("DELETE INBOX.gone",),
    "subscribe": ("SUBSCRIBE INBOX.old",),
}
DONE = {
    "append": lambda there, now: "appended" in there,
    "large": lambda there, now: "large" in there,
    "copy": lambda there, now: "first" in there,
    "create": lambda there, now: "INBOX.new" in now,
    "rename": lambda there, now: "INBOX.older" in now and "INBOX.old" not in now,
    "delete": lambda there, now: "INBOX.gone" not in now,
}


@pytest.mark.parametrize("what", COMMANDS)
def test_no_descriptors(server, what):
    server.expect(SAID)
    user = server.new_user()
    c = server.login(user)
    for name in ("other", "old", "gone"):
        c.ok(f"CREATE INBOX.{name}")
    c.append("INBOX", TEXT % b"first")
    c.append("INBOX.other", TEXT % b"there")
    c.ok("LOGOUT")
    for n in range(20):
        c = server.login(user)
        c.ok("SELECT INBOX")
        with descriptors(server, worker_of(server, user), n):
            r = c.cmd(*COMMANDS[what])
        assert r.status in ("OK", "NO"), r
        there, now = subjects(c, "INBOX.other"), names(c)
        assert "there" in there and subjects(c, "INBOX") == ["first"]
        assert now >= {"INBOX", "INBOX.other"}
        if what in DONE:
            assert DONE[what](there, now) == (r.status == "OK"), (n, r, there, now)
        c.ok("LOGOUT")
        if r.status == "OK":
            return
    raise AssertionError(f"still {r}")


def test_no_descriptors_for_deliveries(server):
    server.expect(SAID)
    user = server.new_user()
    refused = 0
    for n in range(20):
        s, f = lmtp_session(server)
        with s, f:
            lmtp_envelope(s, f, user)
            pid = wait_for("the deliverer", lambda: [p for p in children(server, "lmtpd")
                                                     if has_client(p, s)])[0]
            with descriptors(server, pid, n):
                s.sendall(b"DATA\r\n")
                answer = f.readline()
                if answer.startswith(b"354"):
                    s.sendall(TEXT % (b"m%d" % n) + b".\r\n")
                    answer = f.readline()
            refused += answer[:1] == b"4"
            assert answer[:1] in b"24", answer
            if answer[:1] == b"2":
                break
    assert subjects(server.login(user), "INBOX") == [f"m{n}"]


def has_client(pid, s):
    """Is our end of a connection that of this process?"""
    inodes = set()
    for p in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            inodes.update(re.findall(r"socket:\[(\d+)\]", str(p.readlink())))
    ours = "%04X" % s.getsockname()[1]
    return any(line.split()[2].endswith(":" + ours) and line.split()[9] in inodes
               for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:])


def test_master_without_descriptors(make_server):
    """Whom it serves is served on; who comes waits or is turned away; and then
    all is as before."""
    server = make_server()
    server.expect(SAID)
    user = server.new_user()
    old = server.login(user)
    with descriptors(server, server.process.pid, 0):
        for _ in range(4):
            old.ok("NOOP")
            with contextlib.suppress(OSError, AssertionError):
                server.connect()
        assert server.process.poll() is None
    old.ok("SELECT INBOX")
    for _ in range(6):
        server.login(user).ok("SELECT INBOX")
    s, f = lmtp_session(server)
    s.close()


@pytest.mark.parametrize("what", ["append", "large", "fetch", "select", "create", "copy"])
def test_no_memory(server, what):
    """The process may end of it, and then says so; nothing else is lost."""
    server.expect(SAID)
    user = server.new_user()
    c = server.login(user)
    for name in ("other", "old", "gone"):
        c.ok(f"CREATE INBOX.{name}")
    c.append("INBOX", TEXT % b"first")
    c.append("INBOX.other", TEXT % b"there")
    c.ok("LOGOUT")
    for kb in (0, 8, 64, 300, 1024):
        c = server.login(user)
        pid = worker_of(server, user)
        used = status_kb(pid, "VmSize") * 1024
        if used > 4096 * MB:
            pytest.skip("AddressSanitizer's shadow: no limit makes sense")
        c.ok("SELECT INBOX")
        limit_of(server, pid, f"--as={used + kb * 1024}:")
        status = None
        with contextlib.suppress(OSError, AssertionError):
            status = c.cmd(*COMMANDS[what]).status
        with contextlib.suppress(Exception):
            limit_of(server, pid, "--as=unlimited:")
        assert status in ("OK", "NO", "BYE", None)
        c.close()
        c = server.login(user)
        there, now = subjects(c, "INBOX.other"), names(c)
        assert "there" in there and subjects(c, "INBOX") == ["first"]
        if what in DONE:
            if status == "OK":
                assert DONE[what](there, now)
            elif status == "NO":
                assert not DONE[what](there, now)
        c.ok("LOGOUT")
        if status == "OK" and what in ("create", "append", "large", "copy"):
            break
