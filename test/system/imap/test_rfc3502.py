"""MULTIAPPEND (RFC 3502)."""
import pytest
from answers import fetches, flags, lit, literal, numbers, value

ONE = b"Subject: one\r\n\r\n1\r\n"
TWO = b"Subject: two\r\n\r\n2\r\n"
BIG = b"Subject: big\r\n\r\n" + b"0123456789abcdef" * 20000


def subjects(c):
    got = fetches(c.ok("FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"))
    return [literal(got[n], b"BODY[HEADER.FIELDS (SUBJECT)]").split()[1] for n in sorted(got)]


def test_2_advertised(imap):
    assert b"MULTIAPPEND" in imap.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_6_3_11_two_messages(imap):
    c = imap
    validity = c.ok("SELECT INBOX").find(rb"\[UIDVALIDITY (\d+)\]").group(1).decode()
    r = c.cmd(b"APPEND INBOX " + lit(ONE) + b" " + lit(TWO))
    assert r.status == "OK" and r.code == f"APPENDUID {validity} 1:2"
    assert numbers(r, "EXISTS") == [2]
    assert subjects(c) == [b"one", b"two"]


def test_6_3_11_flags_and_dates_of_each(imap):
    c = imap
    r = c.cmd(b'APPEND INBOX (\\Seen) "17-Jul-1996 02:44:25 -0700" ' + lit(ONE)
              + b' (\\Flagged $x) ' + lit(TWO) + b' "01-Jan-2001 00:00:00 +0000" ' + lit(ONE)
              + b" " + lit(TWO))
    assert r.status == "OK"
    c.ok("SELECT INBOX")
    got = fetches(c.ok("FETCH 1:4 (FLAGS INTERNALDATE)"))
    assert [flags(got[n]) - {b"\\Recent"} for n in (1, 2, 3, 4)] == [
        {b"\\Seen"}, {b"\\Flagged", b"$x"}, set(), set()]
    assert b"17-Jul-1996 02:44:25 -0700" in got[1]
    assert b" 1-Jan-2001 00:00:00 +0000" in got[3]


def test_6_3_11_synchronizing_literals(imap):
    c = imap
    c.send(b"a APPEND INBOX {%d}\r\n" % len(ONE))
    assert c.line().startswith(b"+")
    c.send(ONE + b" (\\Seen) {%d}\r\n" % len(TWO))
    assert c.line().startswith(b"+")
    c.send(TWO + b"\r\n")
    assert c.wait("a").status == "OK"
    c.ok("SELECT INBOX")
    assert subjects(c) == [b"one", b"two"]


def test_6_3_11_many(imap):
    c = imap
    r = c.cmd(b"APPEND INBOX" + b"".join(b" " + lit(b"Subject: n%d\r\n\r\n" % n) for n in range(700)))
    assert r.status == "OK" and r.code.endswith(" 1:700")
    c.ok("SELECT INBOX")
    assert subjects(c) == [b"n%d" % n for n in range(700)]


def test_6_3_11_large_and_small(imap):
    c = imap
    r = c.cmd(b"APPEND INBOX " + b" ".join([lit(ONE), lit(BIG), lit(TWO), lit(BIG)]))
    assert r.status == "OK"
    c.ok("SELECT INBOX")
    assert subjects(c) == [b"one", b"big", b"two", b"big"]
    assert value(fetches(c.ok("FETCH 4 BODY.PEEK[]"))[4], b"BODY[]") == BIG


def nothing(c):
    c.ok("SELECT INBOX")
    assert c.ok("UID FETCH 1:* UID").untagged == []


@pytest.mark.parametrize("second", [
    lit(b""), b"{5+}\r\nA\0BCD", b"(\\Recent) " + lit(TWO), b'"bad date" ' + lit(TWO),
    b"(\\Seen)", b"", b"x", b" " + lit(TWO), b"NIL",
], ids=lambda b: repr(b[:12]))
def test_6_3_11_all_or_nothing(imap, second):
    """The server MUST either store all messages or none."""
    r = imap.cmd(b"APPEND INBOX " + lit(ONE) + b" " + second)
    assert r.status in ("NO", "BAD")
    nothing(imap)


def test_6_3_11_trycreate(imap):
    r = imap.cmd(b"APPEND INBOX.none " + lit(ONE) + b" " + lit(TWO))
    assert (r.status, r.code) == ("NO", "TRYCREATE")
    nothing(imap)


def test_6_3_11_connection_lost_in_the_second(login):
    c = login()
    c.send(b"a APPEND INBOX " + lit(ONE) + b" {1000+}\r\nSubject: half")
    c.close()
    nothing(login())


def test_6_3_11_over_quota_is_nothing(server, user, login):
    c = login()
    admin = server.admin()
    admin.ok(f"SETQUOTA user.{user} (MESSAGE 1)")
    assert c.cmd(b"APPEND INBOX " + lit(ONE)).status == "OK"
    r = c.cmd(b"APPEND INBOX " + lit(ONE) + b" " + lit(TWO))
    assert (r.status, r.code) == ("NO", "OVERQUOTA")
    c.ok("SELECT INBOX")
    assert subjects(c) == [b"one"]


def test_6_3_11_not_more_than_its_limits(login):
    """Too many messages for one command: all are read, none is kept, and the
    session goes on."""
    c = login()
    c.send(b"a APPEND INBOX" + b"".join(b" " + lit(ONE) for n in range(5001)) + b"\r\n")
    r = c.wait("a")
    assert (r.status, r.code) == ("NO", "LIMIT")
    nothing(c)
