"""SPECIAL-USE and CREATE-SPECIAL-USE (RFC 6154), \\Important (RFC 8457)."""
import pytest

from listlines import capabilities, listed

ALL = [r"\Archive", r"\Drafts", r"\Important", r"\Junk", r"\Sent", r"\Trash"]


@pytest.fixture
def c(imap):
    return imap


def uses(c, command='LIST (SPECIAL-USE) "" *'):
    return {n: {a for a in v.attributes if a in ALL} for n, v in listed(c.ok(command)).items()}


def test_2_advertised(c):
    assert {"SPECIAL-USE", "CREATE-SPECIAL-USE"} <= capabilities(c)


@pytest.mark.parametrize("use", ALL)
def test_3_create(c, use):
    c.ok(f"CREATE INBOX.box (USE ({use}))")
    assert uses(c) == {"INBOX.box": {use}}


def test_5_3_several(c):
    c.ok(r"CREATE INBOX.MySpecial (USE (\Drafts \Sent))")
    assert uses(c) == {"INBOX.MySpecial": {r"\Drafts", r"\Sent"}}


@pytest.mark.parametrize("use", [r"\All", r"\Flagged", r"\Nothing", r"\Sent \All"])
def test_5_3_not_supported(c, use):
    """If the server cannot create a mailbox with the designated special use, it MUST
    NOT create the mailbox, and MUST respond with a tagged NO ... SHOULD include the
    new "USEATTR" response code."""
    r = c.cmd(f"CREATE INBOX.Everything (USE ({use}))")
    assert (r.status, r.code) == ("NO", "USEATTR")
    assert "INBOX.Everything" not in listed(c.ok('LIST "" *'))


def test_3_conflict(c):
    """Servers MAY refuse the creation, considering the designation to be a conflict."""
    c.ok(r"CREATE INBOX.a (USE (\Sent))")
    r = c.cmd(r"CREATE INBOX.b (USE (\Sent))")
    assert (r.status, r.code) == ("NO", "USEATTR")
    assert set(listed(c.ok('LIST "" *'))) == {"INBOX", "INBOX.a"}
    c.ok("DELETE INBOX.a")
    c.ok(r"CREATE INBOX.b (USE (\Sent))")


def test_3_only_ones_own(server, c, user):
    other = server.login(name := server.new_user())
    other.ok(f"SETACL INBOX {user} lk")
    assert c.cmd(rf"CREATE user.{name}.trash (USE (\Trash))").code == "USEATTR"
    c.ok(f"CREATE user.{name}.trash")


def test_3_not_inbox(c):
    assert c.cmd(r"CREATE INBOX (USE (\Trash))").status == "NO"


def test_6_empty_use(c):
    c.ok("CREATE INBOX.none (USE ())")
    assert uses(c) == {}


def test_6_any_case(c):
    c.ok(r"create INBOX.j (use (\JUNK \junk))")
    assert uses(c) == {"INBOX.j": {r"\Junk"}}


@pytest.mark.parametrize("args", [r"(USE \Sent)", "(USE (Sent))", r"(USE (\Sent)", "()", "(USE)",
                                  r"(USE (\Sent)) x", r"(NOTHING (\Sent))"])
def test_6_syntax(c, args):
    assert c.cmd(f"CREATE INBOX.x {args}").status == "BAD"
    assert "INBOX.x" not in listed(c.ok('LIST "" *'))


def test_2_select_option(c):
    """If the client specifies the "SPECIAL-USE" selection option, the LIST command
    MUST return only those mailboxes that have a special-use attribute set."""
    c.ok(r"CREATE INBOX.t (USE (\Trash))")
    c.ok("CREATE INBOX.plain")
    assert uses(c) == {"INBOX.t": {r"\Trash"}}
    assert uses(c, 'LIST "" INBOX.% RETURN (SPECIAL-USE)') == {
        "INBOX.t": {r"\Trash"}, "INBOX.plain": set()}


def test_2_select_with_subscribed(c):
    c.ok(r"CREATE INBOX.t (USE (\Trash))")
    c.ok(r"CREATE INBOX.s (USE (\Sent))")
    c.ok("CREATE INBOX.plain")
    c.ok("SUBSCRIBE INBOX.s")
    c.ok("SUBSCRIBE INBOX.plain")
    assert uses(c, 'LIST (SPECIAL-USE SUBSCRIBED) "" *') == {"INBOX.s": {r"\Sent"}}


def test_2_recursive(c):
    """With RECURSIVEMATCH as any other criterion (erratum 4422)."""
    c.ok(r"CREATE INBOX.a.b.t (USE (\Trash))")
    got = listed(c.ok('LIST (SPECIAL-USE RECURSIVEMATCH) "" INBOX.%'))
    assert got["INBOX.a"].childinfo == ["SPECIAL-USE"]


def test_2_plain_list(c):
    """An IMAP server MAY include them in responses to the non-extended LIST."""
    c.ok(r"CREATE INBOX.t (USE (\Trash))")
    assert uses(c, 'LIST "" INBOX.t') == {"INBOX.t": {r"\Trash"}}
    assert c.ok('LSUB "" *').untagged == []


def test_2_only_when_asked(make_server):
    srv = make_server({"specialusealways": "no"})
    c = srv.login(srv.new_user())
    c.ok(r"CREATE INBOX.t (USE (\Trash))")
    assert uses(c, 'LIST "" INBOX.t') == {"INBOX.t": set()}
    assert uses(c, 'LIST "" INBOX.t RETURN (SPECIAL-USE)') == {"INBOX.t": {r"\Trash"}}
    assert uses(c) == {"INBOX.t": {r"\Trash"}}


def test_2_not_others(server, c):
    """User Adam might share his \\Sent mailbox with user Barb, but that mailbox is
    unlikely to also serve as Barb's \\Sent mailbox."""
    c.ok(r"CREATE INBOX.sent (USE (\Sent))")
    barb = server.login(name := server.new_user())
    c.ok(f"SETACL INBOX.sent {name} lr")
    assert uses(barb) == {}
    assert [v for v in uses(barb, 'LIST "" * RETURN (SPECIAL-USE)').values() if v] == []
    barb.ok(r"CREATE INBOX.sent (USE (\Sent))")


def test_2_rename_takes_it_along(c):
    c.ok(r"CREATE INBOX.s (USE (\Sent))")
    c.ok("RENAME INBOX.s INBOX.Gesendet")
    assert uses(c) == {"INBOX.Gesendet": {r"\Sent"}}


def test_2_autocreate(make_server):
    srv = make_server({"autocreate_quota": "0", "autocreate_inbox_folders": "Drafts | Trash|Spam",
                       "xlist-drafts": "Drafts", "xlist-junk": "Spam", "xlist-sent": "Sent"})
    srv.set_password("newcomer")
    c = srv.login("newcomer")
    assert uses(c) == {"INBOX.Drafts": {r"\Drafts"}, "INBOX.Spam": {r"\Junk"}}
