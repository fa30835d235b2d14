"""MAILBOX-REFERRALS (RFC 2193): a single server, so nobody is ever referred."""
import pytest

from listlines import capabilities, listed


@pytest.fixture(scope="module")
def c(shared_server):
    c = shared_server.lasting()
    for b in ("a", "a.b", "z"):
        c.ok(f"CREATE INBOX.{b}")
    c.ok("SUBSCRIBE INBOX.a.b")
    c.ok("SUBSCRIBE INBOX.z")
    return c


def test_3_advertised(c):
    assert "MAILBOX-REFERRALS" in capabilities(c)


@pytest.mark.parametrize("args", ['"" *', '"" %', '"" INBOX.%', 'INBOX. a*', '"" ""', '"" "INBOX.nothing"'])
def test_5_1_rlist(c, args):
    """RLIST behaves identically to its LIST counterpart, except remote mailboxes are
    returned in addition; responses: LIST."""
    assert c.ok(f"RLIST {args}").untagged == c.ok(f"LIST {args}").untagged


@pytest.mark.parametrize("args", ['"" *', '"" INBOX.%', 'INBOX. z'])
def test_5_2_rlsub(c, args):
    """Responses: LSUB."""
    assert c.ok(f"RLSUB {args}").untagged == c.ok(f"LSUB {args}").untagged


def test_5_2_rlsub_names(c):
    assert list(listed(c.ok('RLSUB "" *'), b"LSUB")) == ["INBOX.a.b", "INBOX.z"]


@pytest.mark.parametrize("command", ["RLIST", 'RLIST ""', 'RLIST "" * x', 'RLIST (SUBSCRIBED) "" *',
                                     'RLIST "" (a b)', 'RLIST "" * RETURN (CHILDREN)', "RLSUB",
                                     'RLSUB "" * *'])
def test_6_syntax(c, command):
    assert c.cmd(command).status == "BAD"


def test_5_not_before_login(server):
    c = server.connect()
    assert c.cmd('RLIST "" *').status == "BAD" and c.cmd('RLSUB "" *').status == "BAD"
    c.close()


def test_4_no_referrals(c):
    r = c.cmd("SELECT INBOX.nowhere")
    assert (r.status, r.code) == ("NO", "NONEXISTENT")
