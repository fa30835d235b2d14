"""Clients that cost: floods before login, peers that are slow, silent or gone,
and messages made to be expensive.

The server's memory is bounded, no file is left behind, and the others' sessions
go on meanwhile.  What a worker may allocate is bounded by RLIMIT_DATA: one that
wants more ends, and the test with it.
"""
import concurrent.futures
import contextlib
import pathlib
import re
import socket
import subprocess
import time
import zlib

import pytest
from answers import append, fetched, found
from chapar import FRONTD, PATIENCE, children, wait_for
from deflated import deflate

MB = 1024 * 1024
MESSAGE = b"Subject: keep me\r\n\r\ntext\r\n"


def status_kb(pid, field):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{field}:\s+(\d+)", text, re.M).group(1))


def limit_of(server, pid, limit):
    """prlimit(1) as the worker's own user, who may do that everywhere."""
    who = {"user": server.owner.pw_uid, "group": server.owner.pw_gid, "extra_groups": []} if server.owner else {}
    subprocess.run(["prlimit", f"--pid={pid}", limit], check=True, **who)


def allow_more(server, pid, size):
    """From now on the process may allocate SIZE bytes, and no more."""
    used = status_kb(pid, "VmData") * 1024
    if used < 4096 * MB:	# else AddressSanitizer's shadow: no limit makes sense
        limit_of(server, pid, f"--data={used + size}:")


def worker_of(server, user):
    """The process that serves this user."""
    def look():
        for p in (server.dir / "config/proc").iterdir():
            with contextlib.suppress(FileNotFoundError):
                if f"\t{user}\t" in p.read_text():
                    return int(p.name)
        return None
    return wait_for(f"a worker of {user}", look)


def stage_files(server):
    return [p for p in (server.dir / "spool/stage").iterdir() if p.name != "checkpoint.lock"]


@contextlib.contextmanager
def connections(n, port):
    socks = []
    try:
        for _ in range(n):
            socks.append(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE))
        yield socks
    finally:
        for s in socks:
            s.close()


@pytest.fixture
def witness(server, user):
    """A session that must go on; ping() is how long it waited for an answer."""
    c = server.login(user)
    assert append(c, "INBOX", MESSAGE).status == "OK"
    c.ok("SELECT INBOX")

    def ping():
        start = time.monotonic()
        assert b"keep me" in fetched(c.ok("FETCH 1 BODY.PEEK[]"))
        return time.monotonic() - start

    c.ping = ping
    return c


@contextlib.contextmanager
def watched(ping):
    """While the body runs, the witness is answered all the time."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        going = [True]

        def run():
            longest = ping()
            while going[0]:
                longest = max(longest, ping())
                time.sleep(0.01)
            return longest

        future = pool.submit(run)
        try:
            yield
        finally:
            going[0] = False
        assert future.result() < 5


# ---------------------------------------------------------------- connections

def test_flood_of_connections(make_server):
    """Three hundred that say nothing: at most maxchild workers, who is logged in
    stays served, and others get in as soon as there is room."""
    server = make_server(workers="maxchild=20")
    user = server.new_user()
    witness = server.login(user)
    with connections(300, server.imap_port):
        if FRONTD:      # they never get as far as a worker
            server.login(user).ok("NOOP")
            assert len(children(server, "imapd")) < 10
            return
        wait_for("maxchild", lambda: re.search(r"all 20 workers \(maxchild\) are busy", server.log()))
        # One more is the template of which master copies them.
        assert len(children(server, "imapd")) <= 21
        for _ in range(20):
            witness.ok("NOOP")
        assert len(children(server, "imapd")) <= 21
    server.login(user).ok("NOOP")


def test_half_open_tls_handshakes(server, witness):
    """Neither silence nor half a ClientHello holds up the next client."""
    hello = bytes.fromhex("16030100f8010000f40303") + b"x" * 40
    with connections(40, server.imaps_port) as socks:
        for s in socks[::2]:
            s.sendall(hello)
        c = server.connect(tls=True)
        c.ok("NOOP")
        witness.ping()
    wait_for("the end of the handshakes",
             lambda: server.log().count("TLS handshake failed: [127.0.0.1] connection closed") >= 20)


def test_tls_is_cut_or_broken_later(server, user):
    """Rubbish inside of TLS ends the session, without a word too many."""
    c = server.connect(tls=True)
    raw = socket.socket(fileno=c.sock.detach())
    raw.settimeout(PATIENCE)
    raw.sendall(b"\x17\x03\x03\x00\x20" + b"r" * 32)
    before = len(server.log())
    with contextlib.suppress(ConnectionError):
        while raw.recv(4096):
            pass
    raw.close()
    c.sock = raw
    assert "too many invalid commands" not in server.log()[before:]
    server.connect(tls=True).close()


def test_slow_clients(server, witness):
    """Fifty that send a byte at a time: nobody waits for them."""
    with connections(50, server.imap_port) as socks:
        for byte in b"a1 CAPABILITY\r":
            for s in socks:
                s.sendall(bytes([byte]))
            assert witness.ping() < 5
        for s in socks:
            s.sendall(b"\n")
        for s in socks:
            got = b""
            while b"a1 OK" not in got:
                got += s.recv(4096)


def test_client_that_never_reads(make_server):
    """It is sent what fits in the socket; then the server waits as long as the
    timeout says, with little memory, and ends the session."""
    server = make_server({"timeout": "3s"})
    user = server.new_user()
    c = server.login(user)
    c.ok("NOOP")
    assert append(c, "INBOX", MESSAGE + b"z" * 78 + b"\r\n" * MB * 4).status == "OK"
    c.ok("SELECT INBOX")
    pid = worker_of(server, user)
    allow_more(server, pid, 2 * MB)
    served = server.dir / f"config/proc/{pid}"
    c.send(b"".join(b"f%d FETCH 1 BODY.PEEK[]\r\n" % i for i in range(1000)))
    wait_for("the end of that session", lambda: user not in (served.read_text() if served.exists() else ""))
    assert server.login(user).ok("NOOP")


# ---------------------------------------------------------------- LMTP

def lmtp_session(server):
    s = socket.create_connection(("127.0.0.1", server.lmtp_port), timeout=PATIENCE)
    f = s.makefile("rb")
    assert f.readline().startswith(b"220")
    return s, f


def lmtp_envelope(s, f, user):
    s.sendall(f"LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{user}>\r\n".encode())
    codes = []
    while len(codes) < 3:
        line = f.readline()
        if line[3:4] == b" ":
            codes.append(line[:3])
    assert codes == [b"250"] * 3


@pytest.mark.parametrize("how", ["DATA", "BDAT"])
def test_vanishing_lmtp_clients_leave_no_files(make_server, how):
    server = make_server()
    user = server.new_user()
    for i in range(10):
        s, f = lmtp_session(server)
        lmtp_envelope(s, f, user)
        if how == "DATA":
            s.sendall(b"DATA\r\n")
            assert f.readline().startswith(b"354")
        else:
            s.sendall(b"BDAT 900000\r\n")
        s.sendall(b"Subject: lost\r\n\r\n" + b"y" * (i * 80000))
        f.close()
        s.close()
    wait_for("an empty stage", lambda: not stage_files(server))
    assert server.login(user).ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0\)")


def test_large_message_over_lmtp(make_server):
    """100 MB come in through a worker that may allocate 8."""
    server = make_server()
    user = server.new_user()
    s, f = lmtp_session(server)
    lmtp_envelope(s, f, user)
    for pid in children(server, "lmtpd"):
        allow_more(server, pid, 8 * MB)
    s.sendall(b"DATA\r\n")
    assert f.readline().startswith(b"354")
    s.sendall(b"Subject: large\r\n\r\n")
    line = b"0123456789abcdef" * 4 + b"\r\n"
    for _ in range(100):
        s.sendall(line * (MB // len(line) + 1))
    s.sendall(b".\r\n")
    assert f.readline().startswith(b"250")
    f.close()
    s.close()
    c = server.login(user)
    c.ok("SELECT INBOX")
    size = int(re.search(rb"RFC822.SIZE (\d+)", fetched(c.ok("FETCH 1 RFC822.SIZE"))).group(1))
    assert size > 100 * MB


# ---------------------------------------------------------------- expensive messages

def test_large_message_over_imap(make_server):
    """100 MB go in and out through workers that may allocate 8."""
    server = make_server()
    user = server.new_user()
    c = server.login(user)
    pid = worker_of(server, user)
    allow_more(server, pid, 8 * MB)
    line = b"0123456789abcdef" * 4 + b"\r\n"
    block = line * (MB // len(line))
    head = b"Subject: large\r\n\r\n"
    size = len(head) + 100 * len(block)
    c.send(b"a APPEND INBOX {%d+}\r\n%s" % (size, head))
    for _ in range(100):
        c.send(block)
    c.send(b"\r\n")
    assert c.wait("a").status == "OK"
    c.ok("SELECT INBOX")
    reply = c.ok("FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT]<50000000.100>)")
    assert fetched(reply).count(b"0123456789abcdef") >= 100 * len(block) // 17 - 10
    tls = server.connect(tls=True)
    tls.login(user)
    allow_more(server, worker_of(server, user), 8 * MB)
    tls.ok("SELECT INBOX")
    assert len(fetched(tls.ok("FETCH 1 BODY.PEEK[TEXT]"))) > 100 * len(block)


def nested(depth):
    out = [b"MIME-Version: 1.0\r\n"]
    for i in range(depth):
        out.append(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i))
    out.append(b"Content-Type: text/plain\r\n\r\ninnermost\r\n")
    return b"".join(out)


def nested_messages(depth):
    return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: innermost\r\n\r\nx\r\n"


def many_headers(n):
    return b"".join(b"X-Field-%d: value\r\n" % i for i in range(n)) + b"\r\nbody\r\n"


def one_long_header(size):
    return b"Subject: " + b"word " * (size // 5) + b"\r\n\r\nbody\r\n"


def many_parts(n):
    part = b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: attachment\r\n\r\npart\r\n"
    return b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + part * n + b"--b--\r\n"


def many_addresses(n):
    return b"To: " + b",\r\n ".join(b'"A %d" <a%d@example.org>' % (i, i) for i in range(n)) + b"\r\n\r\nx\r\n"


def many_parameters(n):
    return b"Content-Type: text/plain" + b"".join(b";\r\n p%d*0=v" % i for i in range(n)) + b"\r\n\r\nx\r\n"


EXPENSIVE = {
    "multiparts in multiparts": lambda: nested(10000),
    "messages in messages": lambda: nested_messages(10000),
    "a million header lines": lambda: many_headers(1000000),
    "a header of 20 MB": lambda: one_long_header(20 * MB),
    "a hundred thousand parts": lambda: many_parts(100000),
    "a hundred thousand addresses": lambda: many_addresses(100000),
    "a hundred thousand parameters": lambda: many_parameters(100000),
    "boundaries that never come": lambda: nested(500) + b"--b\r\n--\r\n" * 500000,
}


@pytest.mark.parametrize("what", EXPENSIVE)
def test_expensive_message(server, witness, what):
    """Stored and described in bounded time and memory; others do not notice."""
    message = EXPENSIVE[what]()
    user = server.new_user()
    c = server.login(user)
    allow_more(server, worker_of(server, user), 256 * MB)
    start = time.monotonic()
    with watched(witness.ping):
        assert append(c, "INBOX", message).status == "OK"
        c.ok("SELECT INBOX")
        reply = c.ok("FETCH 1 (ENVELOPE BODY BODYSTRUCTURE RFC822.SIZE)")
        assert len(fetched(reply)) < 64 * MB
        c.ok("FETCH 1 (BODY.PEEK[HEADER.FIELDS (X-FIELD-999999 TO)] BODY.PEEK[1.1.1.1])")
        c.ok("SEARCH OR HEADER X-FIELD-777 nothing TEXT nothing")
        assert b"%d}" % len(message) in fetched(c.ok("FETCH 1 BODY.PEEK[]"))
    assert time.monotonic() - start < 60


@pytest.mark.parametrize("piece", [b"word ", b"word\r\nX-Field: value"], ids=["one field", "many fields"])
def test_search_in_a_header_of_many_megabytes(server, user, piece):
    """What is searched is not held in memory as a whole."""
    c = server.login(user)
    assert append(c, "INBOX", b"Subject: " + piece * (40 * MB // len(piece)) + b"\r\nX-Last: needle\r\n\r\nbody\r\n").status == "OK"
    c.close()
    c = server.login(user)
    allow_more(server, worker_of(server, user), 24 * MB)
    c.ok("SELECT INBOX")
    assert found(c.ok("SEARCH SUBJECT nothing")) == []
    assert found(c.ok("SEARCH TEXT nothing")) == []
    assert found(c.ok("SEARCH TEXT needle")) == [1]
    assert found(c.ok("SEARCH HEADER X-Last needle")) == [1]


# ---------------------------------------------------------------- many at once

def test_more_recipients_than_open_files(make_server):
    """One message to 60 users with a worker that may have 100 files open: all of
    them get it, those named twice get it once."""
    server = make_server()
    admin = server.admin()
    users = [f"m{i}" for i in range(60)]
    for u in users:
        admin.ok(f"CREATE user.{u}")
    s, f = lmtp_session(server)
    with s, f:
        lmtp_envelope(s, f, users[0])
        for pid in children(server, "lmtpd"):
            limit_of(server, pid, "--nofile=100:")
        more = users[1:] + users[:5]
        s.sendall("".join(f"RCPT TO:<{u}>\r\n" for u in more).encode() + b"DATA\r\n")
        assert all(f.readline().startswith(b"250") for _ in more)
        assert f.readline().startswith(b"354")
        s.sendall(b"Subject: to all\r\nMessage-ID: <all@example.org>\r\n\r\nx\r\n.\r\n")
        replies = [f.readline() for _ in users + users[:5]]
    assert all(r.startswith(b"250") for r in replies), replies
    assert sum(b"duplicate" in r for r in replies) == 5
    found = {len(list((server.dir / "spool/user" / u).glob("[0-9]*."))) for u in users}
    assert found == {1}


# ---------------------------------------------------------------- expensive commands

def test_expensive_commands(server, witness, user):
    """Refused or answered at once, in little memory; the session goes on."""
    c = server.login(user)
    header = b"".join(b"X-Field-%d: value\r\n" % i for i in range(30000))
    assert append(c, "INBOX", header + b"X-Last: here\r\n\r\nbody\r\n").status == "OK"
    c.ok("SELECT INBOX")
    allow_more(server, worker_of(server, user), 64 * MB)
    names = b" ".join(b"Y%d" % i for i in range(11000)) + b" x-LAST"
    deep = 100000
    start = time.monotonic()
    with watched(witness.ping):
        reply = c.ok(b"FETCH * BODY.PEEK[HEADER.FIELDS (" + names + b")]")
        assert b"\r\nX-Last: here\r\n\r\n" in fetched(reply, 2)
        reply = c.ok(b"FETCH * BODY.PEEK[HEADER.FIELDS.NOT (" + names + b")]")
        assert b"X-Last" not in fetched(reply, 2)[fetched(reply, 2).index(b"]"):]
        c.ok('LIST "" ' + "*%" * 200)
        assert c.cmd('LIST "" "%s"' % ("*%" * 2000 + "x")).status in ("OK", "NO")
        for command in (b"SEARCH " + b"(" * deep + b"ALL" + b")" * deep, b"SEARCH " + b"NOT " * deep + b"ALL",
                        b"SEARCH " + b"OR " * deep + b"ALL", b"FETCH 1 " + b"(" * deep,
                        b"STORE 1 FLAGS " + b"(" * deep, b"SELECT a\0b\xff"):
            assert c.cmd(command).status == "BAD"
            if c.cmd("NOOP").status != "OK":
                c = server.login(user)
                c.ok("SELECT INBOX")
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("before, size, after, answer", [
    (b"x NOOP ", 50 * MB, b"\r\n", rb"x BAD \[TOOBIG\]"),
    (b"x STATUS {%d+}\r\n" % (50 * MB), 50 * MB, b" (MESSAGES)\r\n", rb"x BAD \[TOOBIG\]"),
    (b"x SEARCH " + b"(" * 1000, 50 * MB, b"\r\n", rb"x BAD \[TOOBIG\]"),
    (b"x NOOP ", 70 * MB, b"\r\n", rb"\* BYE \[TOOBIG\]"),
    (b"x STATUS {%d+}\r\n" % (70 * MB), 0, b"", rb"\* BYE \[TOOBIG\]"),
], ids=["line", "literal", "search", "endless line", "huge literal"])
def test_compression_bombs(server, witness, user, before, size, after, answer):
    """What little stands for much is read away in little memory, or not at all."""
    c = deflate(server.login(user))
    pid = worker_of(server, user)
    allow_more(server, pid, 16 * MB)
    block = c.sock.out.compress(before)
    with watched(witness.ping):
        for _ in range(size // MB):
            block += c.sock.out.compress(b"y" * MB)
        block += c.sock.out.compress(after) + c.sock.out.flush(zlib.Z_SYNC_FLUSH)
        assert len(block) < MB
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            c.sock.sock.sendall(block)
        assert re.match(answer, c.response())
    if b"BYE" not in answer:
        c.ok("NOOP")
    c.close()


def test_ten_thousand_recipients(server, witness):
    """Of one transaction, each another address of some of fifty users."""
    users = [server.new_user() for _ in range(50)]
    s, f = lmtp_session(server)
    with s, f, watched(witness.ping):
        lmtp_envelope(s, f, users[0])
        pid = children(server, "lmtpd")
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            rcpts = b"".join(b"RCPT TO:<%s+x%d>\r\n" % (users[i % 50].encode(), i) for i in range(1, 10000))
            sent = pool.submit(s.sendall, rcpts)
            assert all(f.readline().startswith(b"250") for _ in range(9999))
            sent.result()
        s.sendall(b"RCPT TO:<%s>\r\nDATA\r\n" % users[0].encode())
        assert f.readline().startswith(b"452 4.5.3")
        assert f.readline().startswith(b"354")
        s.sendall(b"Subject: to all\r\nMessage-ID: <ten@example.org>\r\n\r\nx\r\n.\r\n")
        assert all(f.readline().startswith(b"250") for _ in range(10000))
        assert max(status_kb(p, "VmHWM") for p in pid) < 64 * 1024 or asan(pid[0])
    found = {len(list((server.dir / "spool/user" / u).glob("[0-9]*."))) for u in users}
    assert found == {1}


def test_never_reads_while_mail_arrives(server, witness):
    """A thousand messages come while it sends commands and reads no answer."""
    user = server.new_user()
    c = server.login(user)
    c.ok("SELECT INBOX")
    pid = worker_of(server, user)
    before = status_kb(pid, "VmRSS")
    other = server.login(user)
    with watched(witness.ping):
        c.send(b"".join(b"n%d NOOP\r\nf%d FETCH 1:* (FLAGS ENVELOPE)\r\n" % (i, i) for i in range(500)))
        for i in range(1000):
            assert append(other, "INBOX", b"Subject: %d\r\n\r\nx\r\n" % i).status == "OK"
    assert status_kb(pid, "VmRSS") < before + 32 * 1024 or asan(pid)
    other.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 1000\)")
    c.sock.close()


def asan(pid):
    """Its shadow memory makes figures meaningless."""
    return status_kb(pid, "VmSize") > 1 << 30
