"""LIST-MYRIGHTS (RFC 8440)."""
import pytest

from listlines import capabilities, listed, order, rights, status


@pytest.fixture(scope="module")
def c(shared_server):
    c = shared_server.lasting()
    for b in ("foo", "foo.bar", "missing.box"):
        c.ok(f"CREATE INBOX.{b}")
    c.ok("SUBSCRIBE INBOX.foo.bar")
    return c


def test_1_advertised(c):
    assert "LIST-MYRIGHTS" in capabilities(c)


def test_3_same_as_myrights(c):
    r = c.ok('LIST "" * RETURN (MYRIGHTS)')
    got = rights(r)
    assert set(got) == {"INBOX", "INBOX.foo", "INBOX.foo.bar", "INBOX.missing.box"}
    assert all({name: value} == rights(c.ok(f"MYRIGHTS {name}")) for name, value in got.items())


def test_3_not_before_the_line(c):
    """The server MUST NOT send a MYRIGHTS response for a given mailbox before it
    sends the LIST response for that mailbox."""
    assert order(c.ok('LIST "" * RETURN (MYRIGHTS)')) == ["LIST", "MYRIGHTS"] * 4


def test_4_example_1_none_for_what_does_not_exist(c):
    r = c.ok('LIST "" INBOX.% RETURN (MYRIGHTS)')
    assert r"\NonExistent" in listed(r)["INBOX.missing"].attributes
    assert set(rights(r)) == {"INBOX.foo"}


def test_4_example_2_none_for_a_parent(c):
    r = c.ok('LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.% RETURN (MYRIGHTS)')
    assert list(listed(r)) == ["INBOX.foo"] and rights(r) == {}


def test_3_of_others(server):
    owner, c = server.login(server.new_user()), server.login(user := server.new_user())
    owner.ok("CREATE INBOX.shared")
    owner.ok(f"SETACL INBOX.shared {user} lrs")
    assert list(rights(c.ok('LIST "" user.* RETURN (MYRIGHTS)')).values()) == ["lrs"]


def test_3_with_status(c):
    r = c.ok('LIST "" INBOX RETURN (MYRIGHTS STATUS (MESSAGES))')
    assert sorted(order(r)) == ["LIST", "MYRIGHTS", "STATUS"]
    assert status(r) and rights(r)


@pytest.mark.parametrize("option", ["MYRIGHTS ()", "MYRIGHTS INBOX", "MYRIGHT"])
def test_5_syntax(c, option):
    assert c.cmd(f'LIST "" * RETURN ({option})').status == "BAD"
