"""COPY (RFC 3501 section 6.4.7), COPYUID (RFC 4315) and MOVE (RFC 6851)."""
import re

import pytest
from answers import append, fetches, flags, numbers

MESSAGE = b"Subject: %d\r\n\r\ntext of %d\r\n"


@pytest.fixture
def box(login):
    """INBOX with UIDs 1, 2, 4, 5 (3 is gone), and an empty INBOX.other."""
    c = login()
    for i in range(1, 6):
        assert append(c, "INBOX", MESSAGE % (i, i)).status == "OK"
    c.ok("CREATE INBOX.other")
    c.ok("SELECT INBOX")
    c.ok(r"STORE 3 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    return c


def subjects(client, mailbox):
    client.ok(f"SELECT {mailbox}")
    got = fetches(client.ok("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]"))
    return {int(re.search(rb"UID (\d+)", f).group(1)): int(re.search(rb"Subject: (\d+)", f).group(1))
            for f in got.values()}


def copyuid(text):
    text = text if isinstance(text, str) else text.decode()
    m = re.search(r"\[COPYUID (\d+) ([\d,:]+) ([\d,:]+)\]", text)
    assert m, text
    return m.group(2), m.group(3)


def test_copy(box):
    reply = box.cmd("COPY 2:3 INBOX.other")
    assert reply.status == "OK"
    assert copyuid(reply.text) == ("2,4", "1:2")
    assert len(fetches(box.ok("FETCH 1:* UID"))) == 4
    assert subjects(box, "INBOX.other") == {1: 2, 2: 4}


def test_uid_copy(box):
    reply = box.cmd("UID COPY 4:*,1,77 INBOX.other")
    assert copyuid(reply.text) == ("1,4:5", "1:3")
    assert subjects(box, "INBOX.other") == {1: 1, 2: 4, 3: 5}


def test_flags_and_date_are_preserved(box):
    """"The flags and internal date of the message(s) SHOULD be preserved" """
    assert append(box, "INBOX", MESSAGE % (6, 6), r"(\Seen $Work)",
                      '"17-Jul-1996 02:44:25 -0700"').status == "OK"
    box.ok("COPY 5 INBOX.other")
    box.ok("SELECT INBOX.other")
    got = fetches(box.ok("FETCH 1 (FLAGS INTERNALDATE)"))[1]
    assert {b"\\Seen", b"$Work"} <= flags(got)
    assert b'INTERNALDATE "17-Jul-1996 02:44:25 -0700"' in got


def test_copy_into_itself(box):
    assert box.cmd("COPY 1 INBOX").status == "OK"
    assert subjects(box, "INBOX") == {1: 1, 2: 2, 4: 4, 5: 5, 6: 1}


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_trycreate(box, command):
    """"the server MUST send a [TRYCREATE] response code" """
    reply = box.cmd(f"{command} 1 INBOX.missing")
    assert reply.status == "NO" and reply.text.startswith("[TRYCREATE]")
    assert subjects(box, "INBOX") == {1: 1, 2: 2, 4: 4, 5: 5}


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_all_or_nothing(box, command):
    assert box.cmd(f"{command} 1:9 INBOX.other").status == "BAD"
    assert subjects(box, "INBOX.other") == {}


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_no_messages(box, command):
    reply = box.cmd(f"UID {command} 77:99 INBOX.other")
    assert reply.status == "OK" and "COPYUID" not in reply.text
    assert reply.untagged == []


@pytest.mark.parametrize("args", ["", "1", "1 ", "x INBOX.other", "1 INBOX.other x", "0 INBOX.other"])
def test_refused(box, args):
    assert box.cmd("COPY " + args).status == "BAD"
    assert box.cmd("MOVE " + args).status == "BAD"


def test_move(box):
    """"the COPYUID response code ... in an untagged OK response before sending
    any EXPUNGE responses" (RFC 6851 section 4.3)"""
    reply = box.cmd("MOVE 2:3 INBOX.other")
    assert reply.status == "OK"
    assert copyuid(reply.untagged[0]) == ("2,4", "1:2")
    assert numbers(reply, "EXPUNGE") == [2, 2]
    assert reply.untagged.index(b"2 EXPUNGE") > 0
    assert subjects(box, "INBOX") == {1: 1, 5: 5}
    assert subjects(box, "INBOX.other") == {1: 2, 2: 4}


def test_uid_move(box):
    reply = box.cmd("UID MOVE 1,5 INBOX.other")
    assert copyuid(reply.untagged[0]) == ("1,5", "1:2")
    assert numbers(reply, "EXPUNGE") == [1, 3]
    assert subjects(box, "INBOX") == {2: 2, 4: 4}


def test_move_keeps_other_deleted_messages(box):
    box.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    box.ok("MOVE 2 INBOX.other")
    assert subjects(box, "INBOX") == {1: 1, 4: 4, 5: 5}


def test_move_from_examined(login, box):
    other = login()
    other.ok("EXAMINE INBOX")
    assert other.cmd("MOVE 1 INBOX.other").status == "NO"
    assert subjects(box, "INBOX.other") == {}


def test_others_see_a_move(login, box):
    here, there = login(), login()
    here.ok("SELECT INBOX")
    there.ok("SELECT INBOX.other")
    box.ok("MOVE 1:2 INBOX.other")
    assert numbers(here.ok("NOOP"), "EXPUNGE") in ([1, 1], [2, 1])
    assert numbers(there.ok("NOOP"), "EXISTS") == [2]


def test_copy_of_what_another_has_expunged(login, box):
    """The copy is of all messages or of none."""
    other = login()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    reply = box.cmd("COPY 1:2 INBOX.other")
    got = subjects(box, "INBOX.other")
    if reply.status == "OK":
        assert copyuid(reply.text)[1] == ("1:2" if len(got) == 2 else "1")
        assert 2 in got.values()
    else:
        assert reply.status == "NO" and got == {}
