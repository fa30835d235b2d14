"""How commands come in: pieces, pipelines, literals, and what is none.

See test_bad_input.py for what means harm."""
import re
import subprocess

import pytest


def test_nonsense(imap):
    for line in (b"", b"   ", b"a", b"a ", b"a FROB", b"a UID", b"a UID NOOP", b"+ NOOP",
                 b"* NOOP", b"a NOOP x", b"a\tNOOP", b"\x80\xff NOOP", b"a FETCH"):
        imap.send(line + b"\r\n")
        r = imap.response()
        assert re.match(rb"^(\*|a) BAD ", r), (line, r)
        imap.ok("NOOP")


def test_the_bad_says_where(imap):
    r = imap.cmd("STATUS INBOX (MESSAGES NONSENSE)")
    assert r.status == "BAD"
    assert re.search(r"STATUS: expected a status item at byte \d+", r.text)


def test_literal_too_big(imap):
    """RFC 7888: a server that will not take a non-synchronizing literal must
    read it all the same; its bytes are never commands."""
    body = b"x LOGOUT\r\n" * 20_000
    imap.send(b"a SELECT {%d+}\r\n" % len(body) + body + b"\r\nb NOOP\r\n")
    r = imap.wait("a")
    assert (r.status, r.code) == ("BAD", "TOOBIG")
    assert imap.wait("b").status == "OK"
    # A synchronizing one is refused before it is sent.
    imap.send(b"a SELECT {200000}\r\n")
    assert imap.wait("a").status == "BAD"
    imap.send(b"a SELECT {99999999999999999999999999}\r\n")
    assert imap.wait("a").status == "BAD"
    imap.ok("NOOP")


def test_append_too_big(make_server):
    srv = make_server({"maxmessagesize": "10K"})
    c = srv.login(srv.new_user())
    c.send(b"a APPEND INBOX {20000}\r\n")
    r = c.wait("a")
    assert (r.status, r.code) == ("NO", "TOOBIG")
    c.send(b"b APPEND INBOX {20000+}\r\n" + b"x LOGOUT\r\n" * 2000 + b"\r\n")
    r = c.wait("b")
    assert (r.status, r.code) == ("NO", "TOOBIG")
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


def test_append_cut_off(server, user):
    """A client that vanishes in the middle of a message leaves nothing."""
    c = server.login(user)
    c.send(b"a APPEND INBOX {1000000+}\r\n" + b"x" * 700_000)
    c.close()
    server.clients.remove(c)
    c = server.login(user)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


def test_ten_thousand_arguments(imap):
    imap.ok("SELECT INBOX")
    many = ",".join(str(i) for i in range(1, 10_001))
    assert imap.cmd(f"UID FETCH {many} FLAGS").status == "OK"
    assert imap.cmd(f"FETCH {many} FLAGS").status == "BAD"
    assert imap.cmd("SEARCH " + "ALL " * 9_999 + "ALL").status in ("OK", "BAD", "NO")
    assert imap.cmd("STATUS INBOX (" + "MESSAGES " * 9_999 + "MESSAGES)").status == "OK"
    assert imap.cmd("SEARCH " + "NOT " * 100_000 + "ALL").status in ("BAD", "NO")
    assert imap.cmd("SEARCH " + "(" * 100_000 + "ALL" + ")" * 100_000).status in ("BAD", "NO")
    imap.ok("NOOP")


def test_too_many_bad_commands(server):
    c = server.connect()
    c.send(b"GET /\r\nHost: x\r\nA: b\r\nC: d\r\nE: f\r\nG: h\r\n")
    lines = []
    while True:
        line = c.line()
        if line == b"":
            break
        lines.append(line)
    assert lines[-1].startswith(b"* BYE ") or b"BYE" in b"".join(lines)
    server.wait_log("too many invalid commands from")


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "POST /a?b=(c)%20*&d HTTP/1.0", "PUT <script> HTTP/1.1"])
def test_a_web_browser(server, user, line):
    """What another site made it send is not answered, nor done."""
    c = server.connect()
    c.send(f"{line}\r\nHost: x\r\n\r\n<script>a</script>\r\na LOGIN {user} secret\r\nb DELETE INBOX\r\n")
    assert c.line() == b"* BYE This is an IMAP server"
    assert c.is_closed()
    server.wait_log("an HTTP request from")


def test_its_words_as_tags(server, user):
    c = server.connect()
    for tag in ("GET", "POST", "HTTP/1.1"):
        c.send(f"{tag} NOOP\r\n")
        assert c.wait(tag).status == "OK"
    c.login(user)
    c.send("POST / HTTP/1.1\r\n")
    assert c.wait("POST").status == "BAD"


def test_log_lines_cannot_be_forged(server):
    c = server.connect()
    name = b"x\x1b[2J\xff crit: forged"
    c.send(b"a LOGIN {%d+}\r\n%s secret\r\n" % (len(name), name))
    assert c.wait("a").status == "NO"
    server.wait_log(r"plaintext x\\x1b\[2J\\xff crit: forged a name that SASLprep forbids")


def test_pipelining(imap):
    """Section 5.5: commands may be sent without waiting; answers in order."""
    n = 500
    imap.send(b"".join(b"p%d NOOP\r\n" % i for i in range(n)))
    for i in range(n):
        assert imap.wait(f"p{i}").status == "OK"


def test_one_byte_at_a_time(imap):
    imap.sock.setsockopt(6, 1, 1)
    for byte in b'a STATUS {5+}\r\nINBOX (MESSAGES)\r\n':
        imap.send(bytes([byte]))
    assert imap.wait("a").status == "OK"


def test_bare_lf(imap):
    imap.send(b"a NOOP\nb NOOP\r\n")
    assert imap.wait("a").status == "OK"
    assert imap.wait("b").status == "OK"


def test_half_closed(server, user):
    """What was asked before the end of input is answered."""
    out = subprocess.run(
        ["/usr/bin/python3", "-c", f"""
import socket
s = socket.create_connection(("127.0.0.1", {server.imap_port}))
s.sendall(b"a LOGIN {user} secret\\r\\nb SELECT INBOX\\r\\n")
s.shutdown(socket.SHUT_WR)
data = b""
while (got := s.recv(4096)):
    data += got
print(data.decode())
"""], capture_output=True, text=True, timeout=30).stdout
    assert "a OK" in out and "b OK" in out
