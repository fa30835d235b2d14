"""LIST-METADATA (RFC 9590)."""
import pytest

from listlines import capabilities, listed, metadata, order

COLOR = "/shared/vendor/cmu/cyrus-imapd/color"


@pytest.fixture(scope="module")
def c(shared_server):
    c = shared_server.lasting()
    for b in ("foo", "foo.bar", "missing.box"):
        c.ok(f"CREATE INBOX.{b}")
    c.ok(f'SETMETADATA INBOX ({COLOR} "#b71c1c" /private/comment "mine")')
    c.ok("SUBSCRIBE INBOX.foo.bar")
    return c


def test_1_advertised(c):
    assert "LIST-METADATA" in capabilities(c)


def test_4_example_1(c):
    r = c.ok(f'LIST "" % RETURN (METADATA ("{COLOR}"))')
    assert metadata(r) == {"INBOX": {COLOR: b"#b71c1c"}}
    r = c.ok(f'LIST "" INBOX.% RETURN (METADATA ("{COLOR}"))')
    assert r"\NonExistent" in listed(r)["INBOX.missing"].attributes
    assert metadata(r) == {"INBOX.foo": {COLOR: None}}


def test_4_example_2_none_for_a_parent(c):
    r = c.ok(f'LIST (SUBSCRIBED RECURSIVEMATCH) "" INBOX.% RETURN (METADATA ({COLOR}))')
    assert list(listed(r)) == ["INBOX.foo"] and metadata(r) == {}


def test_3_after_its_line(c):
    assert order(c.ok(f'LIST "" * RETURN (METADATA ({COLOR}))')) == ["LIST", "METADATA"] * 4


def test_3_several_entries_as_getmetadata(c):
    entries = f"({COLOR} /private/comment /shared/comment)"
    r = c.ok(f'LIST "" INBOX RETURN (METADATA {entries})')
    assert metadata(r) == metadata(c.ok(f"GETMETADATA INBOX {entries}"))


def test_3_with_others(c):
    r = c.ok(f'LIST "" INBOX RETURN (STATUS (MESSAGES) METADATA ({COLOR}) MYRIGHTS)')
    assert sorted(order(r)) == ["LIST", "METADATA", "MYRIGHTS", "STATUS"]


def test_3_without_the_rights(server, c):
    other = server.login(name := server.new_user())
    owner = server.login(server.new_user())
    owner.ok("CREATE INBOX.dark")
    owner.ok(f"SETACL INBOX.dark {name} l")
    r = other.ok(f'LIST "" user.* RETURN (METADATA ({COLOR}))')
    assert len(listed(r)) == 1 and metadata(r) == {}


@pytest.mark.parametrize("option", ["METADATA", "METADATA ()", f"METADATA {COLOR}", "METADATA (x)",
                                    "METADATA (/private/*)"])
def test_5_syntax(c, option):
    assert c.cmd(f'LIST "" * RETURN ({option})').status == "BAD"
