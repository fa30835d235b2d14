"""MOVE (RFC 6851)."""
import re

import pytest

MESSAGE = b"Subject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def box(login):
    """INBOX with UIDs 2 to 6, and INBOX.other."""
    c = login()
    for i in range(1, 7):
        c.ok("APPEND INBOX ", MESSAGE % i)
    c.ok("CREATE INBOX.other")
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    return c


def subjects(c, mailbox):
    c.ok(f"EXAMINE {mailbox}")
    reply = c.ok("UID FETCH 1:* BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    return {int(m[1]): int(m[2]) for m in reply.all(rb"UID (\d+).*Subject: (\d+)")}


def expunged(reply):
    return [int(m[1]) for m in reply.all(rb"^(\d+) EXPUNGE$")]


def copyuid(reply):
    m = reply.find(rb"^OK \[COPYUID \d+ (\S+) (\S+)\]")
    return m and (m[1].decode(), m[2].decode())


def test_2_capability(box):
    assert b"MOVE" in box.ok("CAPABILITY").untagged[0].split()


@pytest.mark.parametrize("command, uids, numbers", [
    ("MOVE 1", ("2", "1"), [1]), ("MOVE 2:3", ("3:4", "1:2"), [2, 2]),
    ("MOVE 5,1", ("2,6", "1:2"), [1, 4]), ("UID MOVE 3,5", ("3,5", "1:2"), [2, 3]),
    ("UID MOVE 1:*", ("2:6", "1:5"), [1, 1, 1, 1, 1]), ("MOVE *", ("6", "1"), [5]),
    ("MOVE 1:3,2:4", ("2:5", "1:4"), [1, 1, 1, 1]), ("UID MOVE 4,44", ("4", "1"), [3])])
def test_3_1_move(box, command, uids, numbers):
    """COPYUID in an untagged OK before sending any EXPUNGE (section 4.3)"""
    reply = box.ok(command + " INBOX.other")
    assert copyuid(reply) == uids and expunged(reply) == numbers
    kinds = [bool(re.match(rb"\d+ EXPUNGE", u)) for u in reply.untagged]
    assert not kinds[0] and kinds[1:len(numbers) + 1] == [True] * len(numbers)


def test_3_1_content_goes_along(box):
    box.ok(r"UID STORE 3 +FLAGS.SILENT (\Answered $Work)")
    date = box.ok("UID FETCH 3 INTERNALDATE").find(rb'INTERNALDATE ("[^"]*")')[1]
    box.ok("UID MOVE 3 INBOX.other")
    assert subjects(box, "INBOX.other") == {1: 3}
    line = box.ok("FETCH 1 (FLAGS INTERNALDATE)").untagged[0]
    assert b"\\Answered" in line and b"$Work" in line and date in line


def test_3_1_no_deleted_flag_is_left(box):
    box.ok("MOVE 1 INBOX.other")
    box.ok("SELECT INBOX.other")
    assert box.ok("SEARCH DELETED").untagged == [b"SEARCH"]


def test_3_1_other_deleted_messages_stay(box):
    box.ok(r"UID STORE 2 +FLAGS.SILENT (\Deleted)")
    box.ok("UID MOVE 3 INBOX.other")
    assert 2 in subjects(box, "INBOX")


def test_3_1_a_deleted_message_moves_too(box):
    box.ok(r"UID STORE 3 +FLAGS.SILENT (\Deleted)")
    assert copyuid(box.ok("UID MOVE 3 INBOX.other")) == ("3", "1")


def test_3_2_nothing_to_move(box):
    assert box.ok("UID MOVE 77 INBOX.other").untagged == []


def test_3_3_into_itself(box):
    reply = box.ok("UID MOVE 3 INBOX")
    assert copyuid(reply) == ("3", "7") and expunged(reply) == [2]
    assert subjects(box, "INBOX") == {2: 2, 4: 4, 5: 5, 6: 6, 7: 3}


@pytest.mark.parametrize("text, status, code", [
    ("MOVE 1 INBOX.missing", "NO", "TRYCREATE"), ("UID MOVE 3 INBOX.missing", "NO", "TRYCREATE"),
    ("MOVE 9 INBOX.other", "BAD", ""), ("MOVE 1", "BAD", ""), ("MOVE x INBOX.other", "BAD", ""),
    ("MOVE 1:9 INBOX.other", "BAD", ""), ("MOVE INBOX.other", "BAD", "")])
def test_3_3_failures_change_nothing(box, text, status, code):
    reply = box.cmd(text)
    assert (reply.status, reply.code) == (status, code)
    assert not expunged(reply) and not copyuid(reply)
    assert len(subjects(box, "INBOX")) == 5 and subjects(box, "INBOX.other") == {}


def test_3_3_not_when_examined(box):
    box.ok("EXAMINE INBOX")
    assert box.cmd("MOVE 1 INBOX.other").status == "NO"


@pytest.mark.parametrize("rights", ["lrswi", "lrswit", "lrswie"])
def test_4_1_rights(server, box, user, rights):
    """the rights to STORE \\Deleted and to EXPUNGE are needed"""
    guest = server.new_user()
    box.ok(f"SETACL INBOX {guest} {rights}")
    c = server.login(guest)
    c.ok("CREATE INBOX.mine")
    c.ok(f"SELECT user.{user}")
    assert c.cmd("MOVE 1 INBOX.mine").status == "NO"
    assert c.ok("STATUS INBOX.mine (MESSAGES)").find(rb"MESSAGES 0")


def test_4_1_across_users(server, box, user):
    guest = server.new_user()
    box.ok(f"SETACL INBOX {guest} lrste")
    c = server.login(guest)
    c.ok("CREATE INBOX.mine")
    c.ok(f"SELECT user.{user}")
    assert copyuid(c.ok("UID MOVE 3 INBOX.mine")) == ("3", "1")
    assert expunged(box.ok("NOOP")) == [2]


@pytest.mark.parametrize("command", ["UID MOVE 2:4", "MOVE 1:3"])
def test_4_2_two_sessions_move_one_message(box, other, command):
    """A message that another session has moved away, of which this one has not
    been told, is not moved once more."""
    other.ok("UID MOVE 3 INBOX.other")
    reply = box.ok(command + " INBOX.other")
    assert copyuid(reply) == ("2,4", "2:3")
    assert expunged(reply) == [1, 1, 1]
    assert subjects(box, "INBOX.other") == {1: 3, 2: 2, 3: 4}


def test_4_2_all_are_gone(box, other):
    other.ok("UID MOVE 3:4 INBOX.other")
    reply = box.ok("UID MOVE 3:4 INBOX.other")
    assert copyuid(reply) is None and expunged(reply) == [2, 2]
    assert len(subjects(box, "INBOX.other")) == 2


def test_4_2_an_expunged_message_is_copied_but_not_moved(box, other):
    """One that was expunged may be copied by who still has it (RFC 2180 4.4.1)."""
    other.ok(r"UID STORE 3 +FLAGS.SILENT (\Deleted)")
    other.ok("UID EXPUNGE 3")
    assert copyuid(box.ok("UID MOVE 3 INBOX.other")) is None


def test_4_2_the_other_session_is_told(box, other):
    box.ok("UID MOVE 3,5 INBOX.other")
    assert expunged(other.ok("NOOP")) == [2, 3]


def test_4_2_not_in_fetch(box, other):
    box.ok("UID MOVE 3 INBOX.other")
    assert not expunged(other.ok("FETCH 1:5 UID"))
    assert other.ok("FETCH 2 BODY.PEEK[]").find(rb"Subject: 3")
    assert expunged(other.ok("NOOP")) == [2]


def test_4_2_target_hears(box, login):
    c = login()
    c.ok("SELECT INBOX.other")
    box.ok("UID MOVE 3:4 INBOX.other")
    assert b"2 EXISTS" in c.ok("NOOP").untagged


def test_4_4_quota_within_one_root(server, box, user):
    """A move takes no room."""
    used = 1
    server.admin().ok(f"SETQUOTA user.{user} (STORAGE {used})")
    assert box.cmd("COPY 1:5 INBOX.other").status in ("OK", "NO")
    assert copyuid(box.ok("UID MOVE 2:6 INBOX.other"))


@pytest.mark.parametrize("before", [[], ["ENABLE CONDSTORE"], ["ENABLE QRESYNC"]])
@pytest.mark.parametrize("command", ["MOVE 1:2", "UID MOVE 3,5"])
def test_4_4_highestmodseq(box, command, before):
    """If at least one message was moved, the server MUST send the updated per-mailbox
    modification sequence using the HIGHESTMODSEQ response code."""
    for text in before:
        box.ok(text)
    reply = box.ok(command + " INBOX.other")
    name, _, value = reply.code.partition(" ")
    status = box.ok("STATUS INBOX (HIGHESTMODSEQ)")
    assert name == "HIGHESTMODSEQ" and status.find(rb"HIGHESTMODSEQ %s\)" % value.encode())


def test_4_4_nothing_moved(box):
    assert box.ok("UID MOVE 999 INBOX.other").code == ""
