"""The special use \\Important (RFC 8457 section 4).  The keyword $Important is one like
others."""
from listlines import listed


def test_3_keyword(imap):
    imap.append("INBOX", b"a: b\r\n\r\nc\r\n", "($Important)")
    imap.ok("SELECT INBOX")
    assert imap.ok("SEARCH KEYWORD $Important").untagged == [b"SEARCH 1"]
    assert imap.ok("FETCH 1 (FLAGS)").find(rb"\$Important")


def test_4_1_create(imap):
    imap.ok(r"CREATE INBOX.Important (USE (\Important))")
    assert r"\Important" in listed(
        imap.ok('LIST "" INBOX.% RETURN (SPECIAL-USE)'))["INBOX.Important"].attributes


def test_4_1_select(imap):
    imap.ok(r"CREATE INBOX.i (USE (\important))")
    assert list(listed(imap.ok('LIST (SPECIAL-USE) "" *'))) == ["INBOX.i"]


def test_4_1_is_not_another_use(imap):
    imap.ok(r"CREATE INBOX.i (USE (\Important))")
    imap.ok(r"CREATE INBOX.f (USE (\Sent))")
    assert imap.cmd(r"CREATE INBOX.g (USE (\Flagged))").code == "USEATTR"
