"""Bad input: the server answers BAD or NO or closes the connection; it lives,
its memory is bounded, other sessions do not notice.

Nothing here reaches a path, a format string or a log line unescaped.
"""
import os
import pathlib
import re
import socket
import time

import pytest
from answers import append, fetches
from chapar import BUILD

SANITIZED = "-fsanitize=address" in (BUILD / "Makefile").read_text()
MB = 1024 * 1024
MESSAGE = b"Subject: keep me\r\n\r\ntext\r\n"


def drain(sock, limit=10):
    """Everything until the server closes or falls silent."""
    sock.settimeout(limit)
    got = b""
    try:
        while True:
            data = sock.recv(65536)
            if not data:
                return got, True
            got += data
    except socket.timeout:
        return got, False
    except ConnectionError:
        return got, True


def send_all(sock, data):
    """Sends as much as the server takes; False if it hung up."""
    try:
        sock.sendall(data)
        return True
    except OSError:
        return False


@pytest.fixture
def witness(login):
    """Another session with a message; after the test it must still work."""
    c = login()
    assert append(c, "INBOX", MESSAGE).status == "OK"
    c.ok("SELECT INBOX")
    yield c
    assert b"keep me" in fetches(c.ok("FETCH 1 BODY.PEEK[]"))[1]


@pytest.fixture
def client(login, witness):
    c = login()
    c.ok("SELECT INBOX")
    return c


def largest_worker(server):
    """Resident memory of the largest of the server's processes, in bytes."""
    largest = 0
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            try:
                pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
            except FileNotFoundError:
                continue
            largest = max(largest, pages * os.sysconf("SC_PAGE_SIZE"))
    assert largest > 0
    return largest


def alive(c):
    assert c.cmd("NOOP").status == "OK"


def test_overlong_line(client):
    client.send(b"a NOOP " + b"x" * (4 * MB) + b"\r\nb NOOP\r\n")
    reply = client.wait("a")
    assert reply.status == "BAD"
    assert client.wait("b").status == "OK"


def test_overlong_line_before_login(server, witness):
    c = server.connect()
    c.send(b"a LOGIN " + b"x" * (4 * MB) + b"\r\nb NOOP\r\n")
    assert c.wait("a").status == "BAD"
    assert c.wait("b").status == "OK"


def test_line_without_end_is_not_kept(server, witness):
    """A line that never ends costs time, not memory, and then the session."""
    c = server.connect()
    before = largest_worker(server)
    for _ in range(64):
        if not send_all(c.sock, b"y" * MB):
            break
    # AddressSanitizer keeps for a while what is free.
    assert SANITIZED or largest_worker(server) - before < 8 * MB
    c.close()
    server.connect().close()


@pytest.mark.parametrize("size", [10**6 * 10, 2**31, 2**32 + 1, 2**63, 10**30])
def test_gigantic_literal(client, size):
    """Refused before it is sent: no "+"."""
    client.send(b"a SELECT {%d}\r\n" % size)
    assert client.wait("a").status in ("BAD", "NO")
    alive(client)


@pytest.mark.parametrize("size", [2**32 + 1, 2**63, 10**30])
def test_gigantic_append(client, size):
    client.send(b"a APPEND INBOX {%d}\r\n" % size)
    line = client.line()
    assert line.startswith((b"a NO", b"a BAD", b"+")), line
    if line.startswith(b"+"):
        client.close()
        return
    alive(client)


def test_large_nonsynchronizing_literal_is_skipped(client):
    """Its bytes are never taken for commands."""
    inside = b"b DELETE INBOX\r\nc STORE 1 +FLAGS (\\Deleted)\r\nd EXPUNGE\r\n"
    inside += b"z" * (3 * MB)
    client.send(b"a SELECT {%d+}\r\n%s\r\ne NOOP\r\n" % (len(inside), inside))
    reply = client.wait("a")
    assert reply.status in ("BAD", "NO")
    assert client.wait("e").status == "OK"
    assert len(fetches(client.ok("FETCH 1:* FLAGS"))) == 1


def test_large_literal_before_login(server, witness):
    c = server.connect()
    c.send(b"a LOGIN {100000000}\r\n")
    assert c.wait("a").status in ("BAD", "NO")
    alive(c)


def test_many_literals_behind_a_long_tag(client):
    """What stands before a literal is not read anew for each one."""
    start = time.monotonic()
    client.send(b"a" * 10**6 + b" APPEND x " + b"{0+}\r\n" * 3000 + b"\r\nb NOOP\r\n")
    assert b" BAD " in client.response()
    assert client.wait("b").status == "OK"
    assert time.monotonic() - start < 5


def test_unfinished_literal(client, server):
    client.send(b"a SELECT {100}\r\n")
    assert client.line().startswith(b"+")
    client.send(b"half")
    client.close()
    server.connect().close()


NONSENSE = [
    b"", b" ", b"a", b"a ", b"\x00", b"a \x00", b"a NOOP\x00", b"\xff\xfe\xfd", b"a \xff",
    b"a LOGIN \x00 \x00", b'a SELECT "\x00"', b'a SELECT "in\x00box"', b"a UID", b"a UID NOOP",
    b"a UID UID FETCH 1 UID", b"(", b"{", b"a {", b"a {}", b"a {x}", b"a {-1}", b"a NOOP {3+", b"+ NOOP",
    b"* OK", b"a FETCH", b'a SELECT "open', b'a SELECT "\\x"', b"a FETCH 1 (", b"a LIST",
    b'a LIST "" {', b"a SEARCH (((((", b"a STORE 1 FLAGS (((((", b"a %s%s%n NOOP", b"a\tNOOP",
    b"%n%n%s NOOP %s",
]


def test_nonsense(client):
    """Each line is answered by one BAD; nothing else happens."""
    for line in NONSENSE:
        client.send(line + b"\r\nz NOOP\r\n")
        got = client.response()
        assert re.match(rb"\S+ BAD ", got), (line, got)
        assert client.response().startswith(b"z OK"), line


def test_nul_in_literal(client):
    reply = client.cmd("SELECT ", b"IN\0BOX")
    assert reply.status in ("BAD", "NO")
    client.send(b"a SELECT {6+}\r\nIN\0BOX\r\n")
    assert client.wait("a").status in ("BAD", "NO")
    alive(client)


BAD_UTF7 = [
    b"&", b"&&", b"&-&", b"&AGE-x&", b"&AGE", b"&AG!-", b"&AGEA-", b"&2AA-", b"&3AA-", b"&AAA-", b"a&AAo-b",
    b"&" + b"A" * 4000 + b"-",
]


def test_bad_utf7(client):
    for name in BAD_UTF7:
        for command in (b"CREATE", b"SELECT", b"SUBSCRIBE", b"RENAME INBOX"):
            reply = client.cmd(command + b' "INBOX.' + name + b'"')
            assert reply.status in ("NO", "BAD"), (command, name, reply)
    alive(client)


PATHS = [
    b"..", b"../../etc/passwd", b"INBOX/../../x", b"user.../..", b"INBOX..x", b"/etc/passwd",
    b"INBOX." + b"x" * 5000, b"\xff\xff", b"INBOX.a\rb", b"INBOX.cyrus.header/x", b"%2e%2e",
]


def test_names_are_no_paths(client, server):
    """No input byte reaches a path unescaped: nothing appears outside of the
    spool, and what is not a name is refused."""
    before = sorted(p.name for p in server.dir.iterdir())
    for name in PATHS:
        for command in ("CREATE", "SELECT", "DELETE"):
            assert client.cmd(command + " ", name).status in ("NO", "BAD", "OK"), name
    client.ok("SELECT INBOX")
    assert sorted(p.name for p in server.dir.iterdir()) == before


DEEP = [
    (b"SEARCH " + b"(" * 100000 + b"ALL", b")" * 100000),
    (b"SEARCH " + b"NOT " * 50000 + b"ALL", b""),
    (b"SEARCH " + b"OR ALL " * 50000 + b"ALL", b""),
    (b"FETCH 1 " + b"(" * 50000, b""),
    (b"FETCH 1 BODY[" + b"1." * 30000 + b"1]", b""),
    (b"ID " + b"(" * 50000, b""),
    (b"LIST " + b"(" * 50000, b""),
    (b"STATUS INBOX " + b"(" * 50000, b""),
]


def test_deep_nesting(client):
    for command, close in DEEP:
        assert client.cmd(command + close).status in ("BAD", "NO"), command[:20]
    alive(client)


MANY = [
    b"FETCH 1 (" + b" ".join(b"BODY.PEEK[%d]" % i for i in range(1, 10001)) + b")",
    b"FETCH 1 (" + b" ".join([b"FLAGS"] * 10000) + b")",
    b"FETCH 1 BODY.PEEK[HEADER.FIELDS (" + b" ".join(b"x%d" % i for i in range(10000)) + b")]",
    b"STORE 1 +FLAGS (" + b" ".join(b"k%d" % i for i in range(10000)) + b")",
    b"SEARCH " + b" ".join([b"ALL"] * 10001),
    b"SEARCH " + b",".join(b"1" for i in range(10000)),
    b"FETCH " + b",".join(b"1" for i in range(10000)) + b" UID",
    b"UID FETCH " + b",".join(b"%d" % i for i in range(1, 20001, 2)) + b" UID",
    b"STATUS INBOX (" + b" ".join([b"MESSAGES"] * 10000) + b")",
    b"ID (" + b" ".join([b'"a" "b"'] * 10000) + b")",
    b"NOOP " + b"x " * 10000,
    b"LIST " + b"x " * 10000,
]


def test_ten_thousand_arguments(client, server):
    before = largest_worker(server)
    for command in MANY:
        assert client.cmd(command).status in ("OK", "BAD", "NO")
        alive(client)
    assert largest_worker(server) - before < 80 * MB


def test_pattern_of_many_stars(client):
    """LIST with a pattern made to be slow."""
    for i in range(5):
        client.cmd("CREATE INBOX." + "a" * (100 + i))
    start = time.monotonic()
    assert client.cmd('LIST "" "' + "*a" * 200 + 'b"').status in ("OK", "BAD", "NO")
    assert time.monotonic() - start < 20


def test_flood_before_login(server, witness):
    """Many commands that may not be given yet: answered, or the line is cut."""
    c = server.connect()
    send_all(c.sock, b"".join(b"f%d SELECT INBOX\r\n" % i for i in range(20000)))
    got, _ = drain(c.sock, 5)
    assert re.search(rb"f0 (BAD|NO)", got)
    assert b"f19999 OK" not in got
    server.connect().close()


def test_pipelined_flood(client):
    """Ten thousand commands at once are answered in order."""
    client.send(b"".join(b"p%d NOOP\r\n" % i for i in range(10000)))
    for i in range(10000):
        line = client.line()
        assert line.startswith(b"p%d OK" % i), line


def test_many_connections_that_say_nothing(server, witness):
    silent = [socket.create_connection(("127.0.0.1", server.imap_port)) for _ in range(30)]
    try:
        witness.ok("NOOP")
    finally:
        for s in silent:
            s.close()
    server.connect().close()


def test_nothing_of_this_is_in_the_log_unescaped(server, witness):
    c = server.connect()
    c.cmd(b'LOGIN "evil\x1b[2J" "x"')
    c.send(b'a LOGIN {16}\r\n')
    c.line()
    c.send(b"two\r\nlines %n%s" + b" x\r\n")
    c.wait("a")
    c.close()
    log = server.log()
    assert "\x1b" not in log and "\nlines" not in log
