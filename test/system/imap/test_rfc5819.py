"""LIST-STATUS (RFC 5819)."""
import pytest

from listlines import capabilities, listed, order, status

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def c(shared_server):
    c = shared_server.lasting()
    c.append("INBOX", MESSAGE)
    c.append("INBOX", MESSAGE, r"(\Seen)")
    for b in ("foo", "foo.bar", "missing.box"):
        c.ok(f"CREATE INBOX.{b}")
    c.append("INBOX.foo", MESSAGE)
    c.ok("SUBSCRIBE INBOX.foo.bar")
    return c


def test_1_advertised(c):
    assert "LIST-STATUS" in capabilities(c)


def test_3_example_1(c):
    r = c.ok('LIST "" * RETURN (STATUS (MESSAGES UNSEEN))')
    assert order(r) == ["LIST", "STATUS"] * 4
    assert status(r) == {
        "INBOX": {"MESSAGES": "2", "UNSEEN": "1"}, "INBOX.foo": {"MESSAGES": "1", "UNSEEN": "1"},
        "INBOX.foo.bar": {"MESSAGES": "0", "UNSEEN": "0"},
        "INBOX.missing.box": {"MESSAGES": "0", "UNSEEN": "0"}}


def test_2_the_line_before_the_status(c):
    """The server MUST return an untagged LIST response followed by an untagged
    STATUS response."""
    r = c.ok('LIST "" INBOX.f* RETURN (STATUS (UIDNEXT))')
    assert [line.split()[-1 if line.startswith(b"LIST") else 1] for line in r.untagged] == [
        b"INBOX.foo", b"INBOX.foo", b"INBOX.foo.bar", b"INBOX.foo.bar"]


def test_3_example_2_none_for_a_parent(c):
    """No STATUS reply is returned because "foo" itself doesn't match the selection
    criteria."""
    r = c.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.% RETURN (STATUS (MESSAGES))')
    assert list(listed(r)) == ["INBOX.foo"] and status(r) == {}


def test_2_none_for_what_does_not_exist(c):
    r = c.ok('LIST () "" INBOX.m% RETURN (STATUS (MESSAGES))')
    assert listed(r) == {"INBOX.missing": {r"\NonExistent", r"\HasChildren"}}
    assert status(r) == {}


def test_2_without_the_r_right(server):
    """If the "r" right is not granted, the STATUS response MUST NOT be returned and
    the LIST response MUST include the \\NoSelect attribute."""
    owner, c = server.login(server.new_user()), server.login(user := server.new_user())
    owner.ok("CREATE INBOX.dark")
    owner.ok(f"SETACL INBOX.dark {user} l")
    r = c.ok('LIST "" user.* RETURN (STATUS (MESSAGES))')
    (name, got), = listed(r).items()
    assert name.endswith(".dark") and r"\Noselect" in got.attributes
    assert status(r) == {}


def test_2_all_items(c):
    r = c.ok('LIST "" INBOX RETURN (STATUS (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN'
             ' DELETED DELETED-STORAGE SIZE))')
    got = status(r)["INBOX"]
    assert set(got) == {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN", "DELETED",
                        "DELETED-STORAGE", "SIZE"}
    assert got == status(c.ok("STATUS INBOX (" + " ".join(got) + ")"))["INBOX"]


def test_2_with_other_options(c):
    r = c.ok('LIST (SUBSCRIBED) "" * RETURN (CHILDREN STATUS (MESSAGES) SUBSCRIBED)')
    assert listed(r) == {"INBOX.foo.bar": {r"\Subscribed", r"\HasNoChildren"}}
    assert status(r) == {"INBOX.foo.bar": {"MESSAGES": "0"}}


@pytest.mark.parametrize("option", ["STATUS", "STATUS ()", "STATUS MESSAGES", "STATUS (NOTHING)",
                                    "STATUS (MESSAGES", "STATUS(MESSAGES)"])
def test_4_syntax(c, option):
    assert c.cmd(f'LIST "" * RETURN ({option})').status == "BAD"
