"""UNSELECT (RFC 3691)."""
import pytest

MESSAGE = b"Subject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def box(imap):
    for i in range(1, 4):
        imap.ok("APPEND INBOX ", MESSAGE % i)
    imap.ok("SELECT INBOX")
    imap.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    return imap


def test_1_capability(box):
    assert b"UNSELECT" in box.ok("CAPABILITY").untagged[0].split()


def test_2_expunges_nothing(box):
    """it performs the same actions as CLOSE, except that no messages are
    permanently removed from the currently selected mailbox"""
    assert box.ok("UNSELECT").untagged == []
    assert box.ok("SELECT INBOX").find(rb"^3 EXISTS")
    assert box.ok("SEARCH DELETED").untagged == [b"SEARCH 2"]


def test_2_close_does_expunge(box):
    box.ok("CLOSE")
    assert box.ok("SELECT INBOX").find(rb"^2 EXISTS")


def test_2_returns_to_authenticated(box):
    box.ok("UNSELECT")
    assert box.cmd("FETCH 1 UID").status == "BAD"
    assert box.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 3")


def test_2_bad_when_nothing_is_selected(imap):
    assert imap.cmd("UNSELECT").status == "BAD"


def test_2_twice(box):
    box.ok("UNSELECT")
    assert box.cmd("UNSELECT").status == "BAD"


def test_2_no_arguments(box):
    assert box.cmd("UNSELECT INBOX").status == "BAD"
    assert box.cmd("UID UNSELECT").status == "BAD"
    assert box.ok("FETCH 1 UID").untagged == [b"1 FETCH (UID 1)"]


def test_2_after_examine(box):
    box.ok("EXAMINE INBOX")
    box.ok("UNSELECT")
    assert box.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 3")


def test_2_says_nothing_of_what_is_new(box, login):
    login().ok("APPEND INBOX ", MESSAGE % 4)
    assert box.ok("UNSELECT").untagged == []
    assert box.ok("SELECT INBOX").find(rb"^4 EXISTS")


def test_2_no_closed_code_after_it(box):
    """RFC 7162 section 3.2.11"""
    box.ok("UNSELECT")
    assert not box.ok("SELECT INBOX").find(rb"CLOSED")


def test_2_keeps_recent_away_from_others(box, login):
    """What was \\Recent here is not again for the next session."""
    box.ok("UNSELECT")
    assert login().ok("SELECT INBOX").find(rb"^0 RECENT")


def test_2_while_another_session_has_deleted_the_mailbox(box, login):
    box.ok("CREATE INBOX.x")
    box.ok("SELECT INBOX.x")
    login().ok("DELETE INBOX.x")
    box.ok("UNSELECT")
    box.ok("NOOP")
