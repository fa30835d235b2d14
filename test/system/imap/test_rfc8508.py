"""REPLACE (RFC 8508)."""
import pytest
from answers import append, fetched, fetches, flags, lit, numbers, value

OLD = b"Subject: draft\r\n\r\nold\r\n"
NEW = b"Subject: draft\r\n\r\nnew and longer\r\n"


@pytest.fixture
def c(login):
    c = login()
    for n in range(3):
        assert append(c, "INBOX", OLD + b"%d" % n).status == "OK"
    c.ok("CREATE INBOX.other")
    c.ok("SELECT INBOX")
    return c


def bodies(c):
    got = fetches(c.ok("UID FETCH 1:* BODY.PEEK[]"))
    return [value(got[n], b"BODY[]") for n in sorted(got)]


def three(*n):
    return [OLD + b"%d" % i for i in n]


def test_2_advertised(c):
    assert b"REPLACE" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_3_replace(c):
    """... first the new message, then the EXPUNGE of the old one."""
    r = c.cmd(b"REPLACE 2 INBOX (\\Seen \\Draft) " + lit(NEW))
    assert r.status == "OK"
    assert bodies(c) == three(0, 2) + [NEW]
    validity = c.ok("STATUS INBOX (UIDVALIDITY)").find(rb"UIDVALIDITY (\d+)").group(1)
    assert r.untagged[0].startswith(b"OK [APPENDUID %s 4]" % validity)
    assert numbers(r, "EXPUNGE") == [2]
    assert numbers(r, "EXISTS") == [3]
    assert flags(fetched(c.ok("FETCH 3 FLAGS"), 3)) >= {b"\\Seen", b"\\Draft"}


def test_3_4_uid_replace(c):
    c.ok("STORE 1 +FLAGS (\\Deleted)")
    c.ok("EXPUNGE")
    r = c.cmd(b"UID REPLACE 3 INBOX " + lit(NEW))
    assert r.status == "OK" and numbers(r, "EXPUNGE") == [2]
    assert bodies(c) == three(1) + [NEW]


def test_3_3_into_another_mailbox(c):
    r = c.cmd(b"REPLACE 1 INBOX.other " + lit(NEW))
    assert r.status == "OK" and numbers(r, "EXPUNGE") == [1]
    assert b"[APPENDUID " in r.untagged[0]
    assert bodies(c) == three(1, 2)
    c.ok("SELECT INBOX.other")
    assert bodies(c) == [NEW]


def test_3_3_last(c):
    assert c.cmd(b"REPLACE * INBOX " + lit(NEW)).status == "OK"
    assert bodies(c) == three(0, 1) + [NEW]


def test_3_3_date_and_flags_are_the_new_ones(c):
    c.ok("STORE 1 +FLAGS (\\Flagged)")
    assert c.cmd(b'REPLACE 1 INBOX ($x) "17-Jul-1996 02:44:25 -0700" ' + lit(NEW)).status == "OK"
    got = fetched(c.ok("FETCH 3 (FLAGS INTERNALDATE)"), 3)
    assert flags(got) - {b"\\Recent"} == {b"$x"} and b"17-Jul-1996" in got


def test_3_3_synchronizing_literal(c):
    assert c.cmd("REPLACE 1 INBOX ", NEW).status == "OK"
    assert bodies(c) == three(1, 2) + [NEW]


def test_3_3_other_sessions_hear(c, login):
    b = login()
    b.ok("SELECT INBOX")
    assert c.cmd(b"REPLACE 2 INBOX " + lit(NEW)).status == "OK"
    r = b.ok("NOOP")
    assert numbers(r, "EXPUNGE") == [2] and numbers(r, "EXISTS") == [3]


def unchanged(c):
    c.ok("NOOP")
    assert bodies(c) == three(0, 1, 2)


@pytest.mark.parametrize("number", [b"4", b"99"])
def test_3_3_no_such_number(c, number):
    assert c.cmd(b"REPLACE " + number + b" INBOX " + lit(NEW)).status == "BAD"
    unchanged(c)


def test_3_4_no_such_uid(c):
    assert c.cmd(b"UID REPLACE 99 INBOX " + lit(NEW)).status == "NO"
    unchanged(c)


def test_3_3_empty_mailbox(c):
    c.ok("SELECT INBOX.other")
    assert c.cmd(b"REPLACE * INBOX " + lit(NEW)).status == "BAD"
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 3")


def test_3_3_already_expunged_by_another(c, login):
    """Nothing is added for a message that is gone."""
    b = login()
    b.ok("SELECT INBOX")
    b.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    b.ok("EXPUNGE")
    assert c.cmd(b"UID REPLACE 2 INBOX " + lit(NEW)).status == "NO"
    c.ok("NOOP")
    assert bodies(c) == three(0, 2)


def test_3_3_two_at_once(c, login):
    """Two sessions replace one draft: one of them does."""
    b = login()
    b.ok("SELECT INBOX")
    first = c.cmd(b"UID REPLACE 2 INBOX " + lit(NEW))
    second = b.cmd(b"UID REPLACE 2 INBOX " + lit(NEW + b"second"))
    assert (first.status, second.status) == ("OK", "NO")
    assert bodies(c) == three(0, 2) + [NEW]


def test_3_3_trycreate(c):
    r = c.cmd(b"REPLACE 2 INBOX.none " + lit(NEW))
    assert (r.status, r.code) == ("NO", "TRYCREATE")
    unchanged(c)


@pytest.mark.parametrize("message", [lit(b""), b"{5+}\r\nA\0BCD"])
def test_3_3_refused_message(c, message):
    assert c.cmd(b"REPLACE 2 INBOX " + message).status == "NO"
    unchanged(c)


def test_3_3_one_message_only(c):
    assert c.cmd(b"REPLACE 2 INBOX " + lit(NEW) + b" " + lit(NEW)).status == "BAD"
    unchanged(c)


@pytest.mark.parametrize("arguments", [
    b"0 INBOX ", b"1:2 INBOX ", b"1,2 INBOX ", b"INBOX ", b"1 ", b"1  INBOX ", b"$ INBOX ",
    b"1 INBOX (\\Recent) ", b"1 INBOX \\Seen ",
])
def test_5_grammar(c, arguments):
    assert c.cmd(b"REPLACE " + arguments + lit(NEW)).status == "BAD"
    unchanged(c)


def test_5_no_message(c):
    assert c.cmd("REPLACE 1 INBOX").status == "BAD"
    assert c.cmd("REPLACE 1 INBOX (\\Seen)").status == "BAD"


def test_3_5_only_when_selected(login):
    assert login().cmd(b"REPLACE 1 INBOX " + lit(NEW)).status == "BAD"


def test_3_5_examined(c):
    c.ok("EXAMINE INBOX")
    assert c.cmd(b"REPLACE 1 INBOX " + lit(NEW)).status == "NO"
    unchanged(c)


@pytest.mark.parametrize("rights", ["lrswipk", "lrswipkt", "lrswipke", "lrswpkte"])
def test_4_rights(server, user, c, rights):
    """t and e on the mailbox, i where the message goes."""
    other = server.new_user()
    c.ok(f"SETACL INBOX {other} {rights}")
    b = server.login(other)
    b.ok(f"SELECT user.{user}")
    assert b.cmd(f"REPLACE 1 user.{user} ".encode() + lit(NEW)).status == "NO"
    unchanged(c)


def test_3_6_quota_counts_the_difference(server, user, c):
    """At the limit of messages one can still be replaced."""
    server.admin().ok(f"SETQUOTA user.{user} (MESSAGE 3)")
    assert append(c, "INBOX", NEW).code == "OVERQUOTA"
    assert c.cmd(b"REPLACE 2 INBOX " + lit(NEW)).status == "OK"
    assert bodies(c) == three(0, 2) + [NEW]


def test_3_6_large(c):
    big = NEW + b"x" * 1000000
    assert c.cmd(b"REPLACE 2 INBOX " + lit(big)).status == "OK"
    assert bodies(c) == three(0, 2) + [big]


def test_3_6_catenate(c):
    """The new message may be made of the old one: REPLACE takes APPEND's data."""
    r = c.cmd(b"REPLACE 2 INBOX CATENATE (TEXT " + lit(b"Subject: new\r\n\r\n") + b' URL "/INBOX/;UID=2/;SECTION=TEXT")')
    assert r.status == "OK"
    assert bodies(c)[2] == b"Subject: new\r\n\r\nold\r\n1"
