"""EXPUNGE (RFC 3501 section 6.4.3), UID EXPUNGE (RFC 4315), CLOSE (6.4.2)."""
import pytest
from answers import append, fetches, found, numbers

MESSAGE = b"Subject: %d\r\n\r\ntext\r\n"


@pytest.fixture
def box(login):
    """Seven messages; 3, 4 and 7 are \\Deleted, as in the RFC's example."""
    c = login()
    for i in range(1, 8):
        given = [r"(\Deleted)"] if i in (3, 4, 7) else []
        assert append(c, "INBOX", MESSAGE % i, *given).status == "OK"
    c.ok("SELECT INBOX")
    return c


def uids(client):
    return found(client.ok("UID SEARCH ALL"))


def test_expunge(box):
    """"each EXPUNGE response ... decrements the sequence number of each
    successive message": the RFC's example (with 3, 4, 7 of seven)."""
    assert numbers(box.ok("EXPUNGE"), "EXPUNGE") == [3, 3, 5]
    assert uids(box) == [1, 2, 5, 6]
    assert numbers(box.ok("EXPUNGE"), "EXPUNGE") == []


def test_uid_expunge(box):
    """"permanently removes all messages that both have the \\Deleted flag set
    and have a UID that is included in the specified sequence set" """
    assert numbers(box.ok("UID EXPUNGE 1:3,7,99"), "EXPUNGE") == [3, 6]
    assert uids(box) == [1, 2, 4, 5, 6]
    assert numbers(box.ok("UID EXPUNGE 99"), "EXPUNGE") == []


def test_another_session_hears(login, box):
    other = login()
    other.ok("SELECT INBOX")
    box.ok("EXPUNGE")
    assert numbers(other.ok("NOOP"), "EXPUNGE") == [3, 3, 5]
    assert uids(other) == [1, 2, 5, 6]


def test_expunge_what_another_has_marked(login, box):
    other = login()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    assert numbers(box.ok("EXPUNGE"), "EXPUNGE") == [1, 2, 2, 4]


def test_uids_are_not_used_again(box):
    box.ok("EXPUNGE")
    reply = append(box, "INBOX", MESSAGE % 8)
    assert reply.code.startswith("APPENDUID") and reply.code.endswith(" 8")
    assert uids(box) == [1, 2, 5, 6, 8]


def test_examined(login, box):
    other = login()
    other.ok("EXAMINE INBOX")
    assert other.cmd("EXPUNGE").status == "NO"
    other.ok("CLOSE")
    assert len(uids(box)) == 7


def test_close(box):
    """"No untagged EXPUNGE responses are sent" """
    assert numbers(box.ok("CLOSE"), "EXPUNGE") == []
    box.ok("SELECT INBOX")
    assert uids(box) == [1, 2, 5, 6]


def test_unselect_does_not_expunge(box):
    box.ok("UNSELECT")
    box.ok("SELECT INBOX")
    assert len(uids(box)) == 7


@pytest.mark.parametrize("args", ["EXPUNGE 1", "UID EXPUNGE", "UID EXPUNGE x", "UID EXPUNGE 1 2"])
def test_refused(box, args):
    assert box.cmd(args).status == "BAD"
    assert len(uids(box)) == 7


def test_numbers_follow(box):
    box.ok("EXPUNGE")
    assert {n: f for n, f in fetches(box.ok("FETCH 1:* UID")).items()} == {
        1: b"UID 1", 2: b"UID 2", 3: b"UID 5", 4: b"UID 6"}
