"""OBJECTID (RFC 8474)."""
import re

import pytest

from listlines import capabilities, status

ID = r"[A-Za-z0-9_-]{1,255}"
MESSAGES = [b"Subject: %d\r\n\r\nbody %d\r\n" % (i, i) for i in range(3)]


@pytest.fixture
def c(imap):
    return imap


@pytest.fixture(scope="module")
def box(shared_server):
    """INBOX with three messages, the last two the same; selected."""
    c = shared_server.lasting()
    for m in MESSAGES[:2] + MESSAGES[1:2]:
        c.append("INBOX", m)
    c.ok("CREATE INBOX.other")
    c.ok("SELECT INBOX")
    return c


def mailboxid(text):
    m = re.search(rf"MAILBOXID \(({ID})\)", text)
    assert m, text
    return m.group(1)


def status_id(c, name):
    value = status(c.ok(f'STATUS "{name}" (MAILBOXID)'))[name]["MAILBOXID"]
    assert re.fullmatch(rf"\({ID}\)", value)
    return value[1:-1]


def emailids(c, numbers="1:*"):
    return [m.group(1).decode() for m in
            c.ok(f"FETCH {numbers} (EMAILID)").all(rb"FETCH \(EMAILID \(([^)]*)\)\)$")]


def test_3_advertised(c):
    assert "OBJECTID" in capabilities(c)


def test_4_1_create(c):
    """MUST include the MAILBOXID response code in the tagged OK response to all
    successful CREATE commands."""
    r = c.ok("CREATE INBOX.foo")
    assert mailboxid(r.code) == status_id(c, "INBOX.foo")
    assert c.cmd("CREATE INBOX.foo").code == "ALREADYEXISTS"


def test_4_1_create_with_separator(c):
    assert mailboxid(c.ok("CREATE INBOX.level.").code) == status_id(c, "INBOX.level")


def test_4_1_create_special_use(c):
    assert mailboxid(c.ok(r"CREATE INBOX.t (USE (\Trash))").code) == status_id(c, "INBOX.t")


@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_4_2_select(c, command):
    r = c.ok(f"{command} INBOX")
    m = r.find(rb"^OK \[(MAILBOXID \(.*?\))\] ")
    assert mailboxid(m.group(1).decode()) == status_id(c, "INBOX")


def test_4_3_unique(c):
    c.ok("CREATE INBOX.a")
    assert status_id(c, "INBOX") != status_id(c, "INBOX.a")


def test_4_3_with_list(c):
    got = status(c.ok('LIST "" * RETURN (STATUS (MAILBOXID))'))
    assert got == {"INBOX": {"MAILBOXID": f"({status_id(c, 'INBOX')})"}}


def test_4_rename_keeps_it(c):
    """The server MUST keep the same MAILBOXID for the source and destination when
    renaming a mailbox in a way that keeps the same messages."""
    c.ok("CREATE INBOX.foo")
    was = status_id(c, "INBOX.foo")
    c.ok("RENAME INBOX.foo INBOX.renamed")
    assert status_id(c, "INBOX.renamed") == was


def test_4_rename_of_inbox_makes_one(c):
    was = status_id(c, "INBOX")
    c.ok("RENAME INBOX INBOX.old")
    assert status_id(c, "INBOX") == was != status_id(c, "INBOX.old")


def test_4_another_of_the_name_has_another(c):
    c.ok("CREATE INBOX.foo")
    was = status_id(c, "INBOX.foo")
    c.ok("DELETE INBOX.foo")
    c.ok("CREATE INBOX.foo")
    assert status_id(c, "INBOX.foo") != was


def test_5_1_same_content_same_id(box):
    """The server MAY assign the same EMAILID as an existing message upon APPEND."""
    a, b, b2 = emailids(box)
    assert a != b and b == b2 and re.fullmatch(ID, a)


def test_5_1_copy_and_move_keep_it(server, c):
    """MUST return the same EMAILID as the source message for the matching destination
    message in the COPYUID pairing after a COPY or MOVE."""
    for m in MESSAGES:
        c.append("INBOX", m)
    c.ok("CREATE INBOX.to")
    c.ok("SELECT INBOX")
    was = emailids(c)
    c.ok("COPY 1 INBOX.to")
    c.ok("MOVE 2:3 INBOX.to")
    c.ok("SELECT INBOX.to")
    assert emailids(c) == was


def test_5_1_the_same_in_the_next_session(login):
    c = login()
    c.append("INBOX", MESSAGES[0])
    c.ok("SELECT INBOX")
    was = emailids(c)
    d = login()
    d.ok("SELECT INBOX")
    assert emailids(d) == was


def test_5_2_no_threadid(box):
    """If the server doesn't support THREADID it MUST return NIL to all FETCH
    responses for the THREADID data item."""
    r = box.ok("FETCH 1:* (THREADID)")
    assert len(r.all(rb"^\d+ FETCH \(THREADID NIL\)$")) == 3


def test_5_2_search_threadid_matches_none(box):
    """... and a SEARCH for THREADID MUST NOT match any messages."""
    assert box.ok("SEARCH THREADID T64b478a75b7ea9").untagged == [b"SEARCH"]
    assert box.ok("SEARCH NOT THREADID T64b478a75b7ea9").untagged == [b"SEARCH 1 2 3"]


def test_5_3_both_and_uid(box):
    r = box.ok("UID FETCH 1:* (EMAILID THREADID)")
    assert len(r.all(rb"^\d+ FETCH \(UID \d+ EMAILID \(E[0-9a-f]+\) THREADID NIL\)$")) == 3
    r = box.ok("FETCH 1 emailid")
    assert r.find(rb"^1 FETCH \(EMAILID \(")


def test_6_search_emailid(box):
    a, b, _ = emailids(box)
    assert box.ok(f"SEARCH EMAILID {a}").untagged == [b"SEARCH 1"]
    assert box.ok(f"SEARCH EMAILID {b}").untagged == [b"SEARCH 2 3"]
    assert box.ok(f"SEARCH OR EMAILID {a} EMAILID {b}").untagged == [b"SEARCH 1 2 3"]


def test_6_search_is_case_sensitive(box):
    a = emailids(box)[0]
    assert box.ok(f"SEARCH EMAILID {a.upper()}").untagged == [b"SEARCH"]


@pytest.mark.parametrize("other", ["M6d99ac3275bb4e", "E", "E00", "NIL", "-", "_", "a" * 255])
def test_6_search_of_what_nobody_has(box, other):
    assert box.ok(f"SEARCH EMAILID {other}").untagged == [b"SEARCH"]


@pytest.mark.parametrize("key", ["EMAILID", "EMAILID \"E00\"", "EMAILID a.b", "THREADID",
                                 "THREADID (T1)", "EMAILID " + "a" * 256])
def test_7_search_syntax(box, key):
    assert box.cmd(f"SEARCH {key}").status == "BAD"


@pytest.mark.parametrize("items", ["(EMAILID.PEEK)", "(EMAILIDS)", "(EMAILID[])"])
def test_7_fetch_syntax(box, items):
    assert box.cmd(f"FETCH 1 {items}").status == "BAD"
