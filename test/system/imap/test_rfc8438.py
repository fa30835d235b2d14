"""STATUS=SIZE (RFC 8438)."""
import pytest

from listlines import capabilities, status


@pytest.fixture
def c(imap):
    return imap


def size(c, name="INBOX"):
    return int(status(c.ok(f"STATUS {name} (SIZE)"))[name]["SIZE"])


def test_1_advertised(c):
    assert "STATUS=SIZE" in capabilities(c)


def test_2_empty(c):
    assert size(c) == 0


def test_2_the_sum(c):
    """The total size of the mailbox in octets ... SHOULD be >= the sum of the values
    of the RFC822.SIZE FETCH message data items."""
    sizes = [b"Subject: x\r\n\r\n" + b"y" * n + b"\r\n" for n in (1, 1000, 70000)]
    for m in sizes:
        c.append("INBOX", m)
    assert size(c) == sum(map(len, sizes))


def test_2_after_expunge(c):
    c.append("INBOX", b"a: b\r\n\r\n123\r\n")
    c.append("INBOX", b"a: b\r\n\r\n123456\r\n")
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS (\Deleted)")
    c.ok("EXPUNGE")
    assert size(c) == len(b"a: b\r\n\r\n123456\r\n")


def test_2_with_others(c):
    got = status(c.ok("STATUS INBOX (MESSAGES SIZE UIDNEXT)"))["INBOX"]
    assert got["MESSAGES"] == "0" and got["SIZE"] == "0"


def test_2_with_list(c):
    got = status(c.ok('LIST "" INBOX RETURN (STATUS (SIZE))'))
    assert got == {"INBOX": {"SIZE": "0"}}


@pytest.mark.parametrize("args", ["SIZE 1", "(SIZE", "(SIZE=1)", "SIZE"])
def test_4_syntax(c, args):
    assert c.cmd(f"STATUS INBOX {args}").status == "BAD"
