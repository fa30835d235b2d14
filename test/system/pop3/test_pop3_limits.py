"""What a client cannot do to the server: nonsense, floods, slowness, size."""
import pathlib
import re
import socket

import pytest
from calls import Calls, can_count
from chapar import PASSWORD, check_log
from pop3 import Pop3, PopServer

MB = 1 << 20


def worker(srv, user):
    """The process that serves the user's only POP3 session."""
    for p in (srv.dir / "config/proc").iterdir():
        if re.match(r"pop3\t[^\t]*\t%s\t" % re.escape(user), p.read_text()):
            return int(p.name)
    raise AssertionError(f"nobody serves {user}")


def status_kb(pid, field):
    return int(re.search(rf"^{field}:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M)[1])


def is_asan(pid):
    """Its shadow memory makes figures meaningless."""
    return status_kb(pid, "VmSize") > 1 << 30


def test_bad_commands_before_login(server):
    c = server.pop_connect()
    for _ in range(4):
        c.err("XYZZY")
    c.capa()                    # in a row
    for _ in range(4):
        c.err("XYZZY")
    assert c.err("XYZZY").text == "Too many bad commands"
    assert c.is_closed()


def test_bad_commands_after_login(server, user):
    c = server.pop(user)
    for _ in range(19):
        c.err("XYZZY")
    c.ok("NOOP")
    for _ in range(50):
        c.err("RETR 7")         # no nonsense: what was there may be gone
    for _ in range(19):
        c.err("XYZZY")
    assert c.err("XYZZY").text == "Too many bad commands"
    assert c.is_closed()


def test_nothing_is_deleted_when_thrown_out(server, full):
    c = server.pop(full)
    c.ok("DELE 1")
    for _ in range(20):
        c.err("XYZZY")
    assert c.is_closed()
    assert server.pop(full).ok("STAT").text.startswith("3 ")


@pytest.mark.parametrize("line", [b"POST / HTTP/1.1", b"GET /QUIT HTTP/1.0"])
def test_http(server, full, line):
    """A web browser is not to be made to speak POP3."""
    c = server.pop_connect()
    c.send(line + b"\r\nHost: x\r\n\r\nUSER %s\r\nPASS %s\r\n" % (full.encode(), PASSWORD.encode()))
    assert not c.reply().ok
    assert c.is_closed()


def test_a_password_that_looks_like_http(server):
    user = server.new_user()
    server.set_password(user, "a HTTP/1.1")
    c = server.pop_connect()
    c.ok(f"USER {user}")
    c.ok("PASS a HTTP/1.1")


def test_lines_without_end(server):
    """Ten megabytes of one line are read away, in no memory."""
    c = server.pop_connect()
    for _ in range(10):
        c.send(b"x" * MB)
    c.send(b"\r\n")
    assert c.reply().text == "Line is too long"
    c.capa()


def test_hostile_bytes(server, full):
    for data in (b"\0" * 1000, bytes(range(256)) * 10, b"\r" * 1000, b"\n" * 3, b"USER \xff\xfe\r\nPASS \0\r\n",
                 b"AUTH \r\n\r\n", b"APOP\r\nAPOP x\r\nAPOP  x\r\nAPOP x \r\n"):
        c = Pop3(("127.0.0.1", server.pop_port))
        c.ascii = False
        c.send(data)
        c.sock.shutdown(socket.SHUT_WR)
        while c.line():
            pass
        c.close()
    server.pop(full).ok("STAT")


def test_terminated_in_the_middle(make_pop, messages):
    """Who has not said QUIT when the server stops has deleted nothing."""
    srv = make_pop()
    user = srv.new_user()
    srv.deliver(user, *messages)
    c = srv.pop(user)
    c.ok("DELE 1")
    srv.clients.remove(c)
    srv.stop()
    assert c.is_closed()
    srv.start()
    assert srv.pop(user).ok("STAT").text.startswith("3 ")


# --- size ---

@pytest.fixture(scope="module")
def large():
    """(server, user): a message of 100 MB, one of 20,000 short lines, a hundred small ones."""
    srv = PopServer(name="large")
    srv.start()
    user = srv.new_user()
    srv.deliver(user, b"Subject: large\r\n\r\n" + (b"x" * 70 + b"\r\n" + b"." * 30 + b"\r\n") * (MB * 100 // 104),
                b"Subject: lines\r\n\r\n" + b".line\r\n" * 20000,
                *[b"Subject: %d\r\n\r\nx\r\n" % i for i in range(100)])
    yield srv, user
    srv.stop()
    check_log(srv)
    srv.remove()


def test_100_mb_cost_no_100_mb(large):
    srv, user = large
    c = srv.pop(user)
    pid = worker(srv, user)
    before = status_kb(pid, "RssAnon")
    c.send("RETR 1\r\nNOOP\r\n")
    size = int(c.reply().text.split()[0])
    assert size > 99 * MB
    got = 0
    for _ in range(5):
        while got < size // 5:
            got += len(c.file.read(1 << 16))
        # It waits for us in the middle of it.
        assert status_kb(pid, "RssAnon") < before + 2048 or is_asan(pid)
    last = b""
    while not last.endswith(b"\r\n.\r\n+OK\r\n"):
        last = last[-100:] + c.file.read1(1 << 16)
    assert status_kb(pid, "RssAnon") < before + 2048 or is_asan(pid)
    c.ok("STAT")
    assert c.quit().ok


@pytest.mark.skipif(not can_count(), reason="system calls have other numbers here")
def test_no_system_call_a_line(large):
    """20,000 lines, each of which begins with a dot; and a hundred messages at once."""
    srv, user = large
    c = srv.pop(user)
    pid = worker(srv, user)

    def cost(command, answers):
        try:
            with Calls(pid) as calls:
                c.send(command)
                for _ in range(answers):
                    assert c.reply().ok
                    c.body()
        except PermissionError:
            pytest.skip("processes may not be traced here")
        return calls.names()

    cost("RETR 2\r\n", 1)
    names = cost("RETR 2\r\n", 1)
    # 160,000 octets in buffers of 64 KiB.
    writes = sum(names[x] for x in ("write", "writev"))
    assert writes <= 10, names
    assert sum(names.values()) - names["poll"] <= 10 + 15, names
    many = "".join(f"RETR {n}\r\n" for n in range(3, 103))
    cost(many, 100)
    names = cost(many, 100)
    # Open, read, close each, and hardly a write.
    assert sum(names[x] for x in ("write", "writev")) <= 5, names
    assert sum(names.values()) <= 100 * 4 + 40, names


@pytest.mark.skipif(not can_count(), reason="system calls have other numbers here")
def test_lists_cost_nothing(large):
    srv, user = large
    c = srv.pop(user)
    pid = worker(srv, user)
    c.multi("UIDL")
    try:
        with Calls(pid) as calls:
            c.ok("STAT")
            c.multi("LIST")
            c.multi("UIDL")
            c.ok("LIST 5")
    except PermissionError:
        pytest.skip("processes may not be traced here")
    names = calls.names()
    # Each waits, reads and writes; now and then it looks whether the server shuts down.
    assert set(names) <= {"read", "poll", "write", "writev", "restart_syscall", "openat"}, names
    assert sum(names.values()) <= 4 * 4 + 4, names
