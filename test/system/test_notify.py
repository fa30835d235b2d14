"""NOTIFY when things go wrong, and when there is much of everything.

What RFC 5465 says is tested in test/system/imap/test_rfc5465.py.
"""
import os
import re
import signal
import socket

import pytest
from chapar import wait_for

NEW = "(MessageNew MessageExpunge)"


def told(c, pattern):
    seen = []
    while True:
        r = c.response()
        assert r.startswith(b"* "), f"{r!r} behind {seen!r}"
        seen.append(r[2:].decode(errors="replace"))
        if re.match(pattern, seen[-1]):
            return seen


def idled_pid(srv):
    """The process that has the socket open for listening."""
    inode = next((line.split()[6] for line in open("/proc/net/unix")
                  if line.rstrip().endswith("/socket/idle") and str(srv.dir) in line), None)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name = open(f"/proc/{pid}/comm").read().strip()
            links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")] if name == "idled" else []
        except OSError:
            continue
        if f"socket:[{inode}]" in links:
            return int(pid)
    return None


def make_many(srv, user, n, parent="many"):
    admin = srv.admin()
    admin.send("".join(f"x{i} CREATE user.{user}.{parent}.{i:05}\r\n" for i in range(n)))
    for i in range(n):
        assert admin.wait(f"x{i}").status == "OK"


@pytest.fixture
def small(make_server):
    """At most ten mailboxes a session."""
    return make_server({"notifymailboxes": "10"})


def test_too_many_are_refused(small):
    """What was in force before still is."""
    user = small.new_user()
    c, other = small.login(user), small.login(user)
    c.ok(f"NOTIFY SET (mailboxes INBOX {NEW})")
    make_many(small, user, 10)
    r = c.cmd(f"NOTIFY SET (personal {NEW})")
    assert (r.status, r.code) == ("NO", "NOTIFICATIONOVERFLOW")
    other.append("INBOX", b"x\r\n\r\n")
    told(c, "STATUS")


def test_too_many_later(small):
    """RFC 5465 section 5.8: "behave as if a NOTIFY NONE command had just been received"."""
    user = small.new_user()
    c, other = small.login(user), small.login(user)
    make_many(small, user, 9)
    c.ok("SELECT INBOX")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal {NEW})")
    other.ok("CREATE INBOX.eleventh")
    assert told(c, "OK")[-1].startswith("OK [NOTIFICATIONOVERFLOW] ")
    other.append("INBOX", b"x\r\n\r\n")
    other.append("INBOX.eleventh", b"x\r\n\r\n")
    assert c.ok("NOOP").untagged == []
    other.ok("DELETE INBOX.eleventh")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal {NEW})")
    other.append("INBOX.many.00001", b"x\r\n\r\n")
    told(c, "STATUS INBOX.many.00001 ")


def test_too_many_by_its_own_doing(small):
    user = small.new_user()
    c = small.login(user)
    make_many(small, user, 9)
    c.ok(f"NOTIFY SET (personal {NEW})")
    c.ok("CREATE INBOX.eleventh")
    assert told(c, "OK")[-1].startswith("OK [NOTIFICATIONOVERFLOW] ")


def test_idled_is_started_anew(make_server):
    """What happens meanwhile is told when it is back; nothing has to be asked for again."""
    srv = make_server()
    user = srv.new_user()
    c, other = srv.login(user), srv.login(user)
    other.ok("CREATE INBOX.a")
    other.ok("CREATE INBOX.b")
    c.ok("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
    pid = idled_pid(srv)
    os.kill(pid, signal.SIGSTOP)
    other.append("INBOX.a", b"x\r\n\r\n")
    other.ok("RENAME INBOX.b INBOX.c")
    srv.expect("idled")
    os.kill(pid, signal.SIGKILL)
    seen = told(c, "STATUS INBOX.a .*MESSAGES 1")
    assert [x for x in seen if "OLDNAME" in x]
    wait_for("another idled", lambda: idled_pid(srv) not in (None, pid))
    other.append("INBOX.c", b"x\r\n\r\n")
    told(c, "STATUS INBOX.c .*MESSAGES 1")


def test_without_idled(make_server):
    """Every imapidlepoll seconds, all of it."""
    srv = make_server({"imapidlepoll": "1s"}, daemons=False)
    user = srv.new_user()
    c, other = srv.login(user), srv.login(user)
    other.ok("CREATE INBOX.a")
    c.ok("SELECT INBOX")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal (MessageNew MessageExpunge MailboxName))")
    other.append("INBOX.a", b"x\r\n\r\n")
    told(c, "STATUS INBOX.a .*MESSAGES 1")
    other.ok("CREATE INBOX.b")
    told(c, "LIST .*INBOX.b")
    other.append("INBOX", b"x\r\n\r\n")
    told(c, "1 EXISTS")


def test_worker_is_killed_behind_its_commit(server, user, login):
    """One who leaves idled without a farewell has perhaps not said what he did."""
    c, other = login(), login()
    c.ok(f"NOTIFY SET (personal {NEW})")
    path = server.dir / "config" / "socket" / "idle"
    path = path if path.exists() else next(server.dir.rglob("socket/idle"))
    other.append("INBOX", b"x\r\n\r\n")
    told(c, "STATUS")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
    other.append("INBOX", b"x\r\n\r\n")         # looking at everything tells nothing twice
    assert re.search("MESSAGES 2", told(c, "STATUS")[-1])


def test_slow_reader(server, user, login):
    """Who does not read is told the end of it, not each step; others are not held up."""
    c, other, third = login(), login(), login()
    c.ok("SELECT INBOX")
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.ok("NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge FlagChange)) (personal (MailboxName))")
    body = b"Subject: x\r\n\r\n" + b"x" * 76 * 2000 + b"\r\n"
    for _ in range(20):
        other.append("INBOX", body)
    other.ok("SELECT INBOX")
    for n in range(50):
        other.ok(rf"STORE 1 {'+-'[n % 2]}FLAGS (\Flagged)")
    third.ok("CREATE INBOX.later")
    told(c, "20 FETCH")
    told(c, "LIST .*INBOX$")
    assert c.ok("NOOP").status == "OK"


def test_deleted_while_selected(server, user, login):
    c, other = login(), login()
    other.ok("CREATE INBOX.a")
    c.ok("SELECT INBOX.a")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal (MailboxName))")
    other.ok("DELETE INBOX.a")
    assert told(c, "BYE")[-1].startswith("BYE ")
    assert c.is_closed()
