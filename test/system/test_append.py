"""APPEND (RFC 3501 section 6.3.11), APPENDUID (RFC 4315), LITERAL+ (RFC 7888)."""
import pytest
from answers import append, fetched, fetches, flags, literal, numbers

MESSAGE = b"From: a@example.org\r\nSubject: one\r\n\r\nHello\r\n"


def bytes_of(client, number=1):
    return literal(fetched(client.ok(f"FETCH {number} BODY.PEEK[]"), number), b"BODY[]")


def test_appenduid(login):
    c = login()
    validity = c.ok("SELECT INBOX").find(rb"\[UIDVALIDITY (\d+)\]").group(1).decode()
    reply = append(c, "INBOX", MESSAGE)
    assert reply.status == "OK" and reply.code == f"APPENDUID {validity} 1"
    # "If the mailbox is currently selected, the normal new message actions
    # SHOULD occur": the new message is announced before the tagged reply.
    assert numbers(reply, "EXISTS") == [1]
    assert bytes_of(c) == MESSAGE


def test_flags_and_date(login):
    c = login()
    reply = append(c, "INBOX", MESSAGE, r"(\Seen \Draft $Work)", '"17-Jul-1996 02:44:25 -0700"')
    assert reply.status == "OK"
    c.ok("SELECT INBOX")
    got = fetches(c.ok("FETCH 1 (FLAGS INTERNALDATE)"))[1]
    assert flags(got) == {b"\\Recent", b"\\Seen", b"\\Draft", b"$Work"}
    assert b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"' in got


@pytest.mark.parametrize("message", [
    b"\r\n", b"x", b"no header at all", b"Subject: no end", b"Subject: \xff\xfe 8bit\r\n\r\n\x80\x81",
    b"Subject: bare LF\n\nline\nline\n", b"Subject: x\r\n\r\n" + b"y" * 1000000,
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b--",
], ids=lambda m: repr(m[:24]))
def test_bytes_come_back(login, message):
    c = login()
    assert append(c, "INBOX", message).status == "OK"
    c.ok("SELECT INBOX")
    assert bytes_of(c) == message


def test_nonsynchronizing_literal(login):
    c = login()
    c.send(b"a APPEND INBOX {%d+}\r\n%s\r\nb NOOP\r\n" % (len(MESSAGE), MESSAGE))
    assert c.wait("a").status == "OK"
    assert c.wait("b").status == "OK"
    c.ok("SELECT INBOX")
    assert bytes_of(c) == MESSAGE


def test_trycreate(login):
    c = login()
    reply = append(c, "INBOX.missing", MESSAGE)
    assert reply.status == "NO" and reply.text.startswith("[TRYCREATE]")
    c.ok("CREATE INBOX.missing")
    assert append(c, "INBOX.missing", MESSAGE).status == "OK"


def test_mailbox_name_as_literal(login):
    c = login()
    c.send(b"a APPEND {5}\r\n")
    assert c.line().startswith(b"+")
    c.send(b"INBOX {%d}\r\n" % len(MESSAGE))
    assert c.line().startswith(b"+")
    c.send(MESSAGE + b"\r\n")
    assert c.wait("a").status == "OK"


@pytest.mark.parametrize("before", [
    r"(\Recent)", r"(\Strange)", "(", r"\Seen", '"no date"', '"31-Feb-1996 02:44:25 -0700"',
    r'"17-Jul-1996 02:44:25 -0700" (\Seen)',
])
def test_refused(login, before):
    c = login()
    assert append(c, "INBOX", MESSAGE, before).status == "BAD"
    c.ok("SELECT INBOX")
    assert c.ok("UID FETCH 1:* UID").untagged == []


def test_empty_message(login):
    c = login()
    assert c.cmd("APPEND INBOX {0+}\r\n").status in ("NO", "BAD")
    c.ok("NOOP")


def test_no_message(login):
    c = login()
    assert c.cmd("APPEND INBOX").status == "BAD"
    assert c.cmd("APPEND INBOX hello").status == "BAD"
    assert c.cmd('APPEND INBOX "hello"').status == "BAD"


def test_another_session_hears(login):
    a, b = login(), login()
    a.ok("SELECT INBOX")
    assert append(b, "INBOX", MESSAGE).status == "OK"
    assert numbers(a.ok("NOOP"), "EXISTS") == [1]
    assert bytes_of(a) == MESSAGE


def test_connection_lost_in_the_middle(login):
    """Half a message is no message."""
    c = login()
    c.send(b"a APPEND INBOX {1000000}\r\n")
    assert c.line().startswith(b"+")
    c.send(b"Subject: half\r\n\r\n" + b"x" * 400000)
    c.close()
    other = login()
    other.ok("SELECT INBOX")
    assert other.ok("UID FETCH 1:* UID").untagged == []
