"""UIDONLY (RFC 9586): no message numbers, neither from the server nor to it."""
import re

import pytest

MESSAGE = b"From: a@example.org\r\nSubject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def box(login):
    """INBOX with UIDs 2 to 5, so that numbers are not UIDs."""
    c = login()
    for i in range(1, 6):
        c.ok("APPEND INBOX ", MESSAGE % i)
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    return c


@pytest.fixture
def only(login, box):
    c = login()
    assert c.ok("ENABLE UIDONLY").find(rb"^ENABLED UIDONLY$")
    c.ok("SELECT INBOX")
    return c


def test_1_capability(box):
    assert b"UIDONLY" in box.ok("CAPABILITY").untagged[0].split()


@pytest.mark.parametrize("command", [
    "FETCH 1 FLAGS", r"STORE 1 +FLAGS (\Seen)", "SEARCH ALL", "COPY 1 INBOX", "MOVE 1 INBOX",
    "SORT (DATE) UTF-8 ALL", "THREAD ORDEREDSUBJECT UTF-8 ALL", "UID SEARCH 1",
    "UID SEARCH NOT (OR SEEN 1:2)", "UID SORT (DATE) UTF-8 1:2", "UID THREAD REFERENCES UTF-8 1",
    "SEARCH RETURN (COUNT) ALL", "FETCH *:1 (FLAGS)"])
def test_3_uidrequired(only, command):
    """the server MUST return a tagged BAD response if the client uses message
    sequence numbers"""
    reply = only.cmd(command)
    assert (reply.status, reply.code) == ("BAD", "UIDREQUIRED")
    assert not reply.find(rb"FETCH|SEARCH|SORT|THREAD|EXPUNGE")


def test_3_qresync_match_data(only):
    only.ok("ENABLE QRESYNC")
    validity = int(only.ok("SELECT INBOX").find(rb"UIDVALIDITY (\d+)")[1])
    assert only.cmd(f"SELECT INBOX (QRESYNC ({validity} 1 1:5 (1 2)))").code == "UIDREQUIRED"
    assert only.ok(f"SELECT INBOX (QRESYNC ({validity} 1 1:5))").find(rb"^5 UIDFETCH \(FLAGS")


def test_3_still_numbers_before_it_is_enabled(box):
    assert box.ok("FETCH 1 UID").untagged == [b"1 FETCH (UID 2)"]


def test_3_2_uidfetch(only):
    reply = only.ok("UID FETCH 1:3 (FLAGS RFC822.SIZE)")
    assert [u.split(b" ")[:2] for u in reply.untagged] == [[b"2", b"UIDFETCH"], [b"3", b"UIDFETCH"]]
    assert all(re.fullmatch(rb"\d+ UIDFETCH \(FLAGS \([^)]*\) RFC822.SIZE \d+\)", u)
               for u in reply.untagged)


@pytest.mark.parametrize("items", ["UID", "(UID)", "(UID FLAGS)", "BODY.PEEK[HEADER]", "FAST"])
def test_3_2_never_empty(only, items):
    line = only.ok(f"UID FETCH 4 {items}").untagged[0]
    assert re.match(rb"4 UIDFETCH \([A-Z]", line)


def test_3_2_star_is_a_uid(only):
    assert only.ok("UID FETCH * FLAGS").untagged[0].startswith(b"5 UIDFETCH")


def test_3_2_seen_is_told(only):
    assert re.match(rb"3 UIDFETCH \(FLAGS \(\\Seen\) BODY\[TEXT\]",
                    only.ok("UID FETCH 3 BODY[TEXT]").untagged[0])


def test_3_2_store(only):
    assert only.ok(r"UID STORE 3,5 +FLAGS (\Flagged)").untagged == [
        b"3 UIDFETCH (FLAGS (\\Flagged))", b"5 UIDFETCH (FLAGS (\\Flagged))"]
    assert only.ok(r"UID STORE 3,5 +FLAGS.SILENT (\Seen)").untagged == []


def test_3_2_store_with_condstore(only):
    only.ok("ENABLE CONDSTORE")
    reply = only.ok(r"UID STORE 3 +FLAGS.SILENT (\Flagged)")
    assert re.fullmatch(rb"3 UIDFETCH \(MODSEQ \(\d+\)\)", reply.untagged[0])
    assert only.ok(r"UID STORE 3,4 (UNCHANGEDSINCE 1) +FLAGS (x)").code == "MODIFIED 3:4"


def test_3_2_by_another_session(only, box):
    box.ok(r"UID STORE 4 +FLAGS (\Answered)")
    assert only.ok("NOOP").untagged == [b"4 UIDFETCH (FLAGS (\\Answered))"]


@pytest.mark.parametrize("command", ["EXPUNGE", "UID EXPUNGE 1:*"])
def test_3_3_vanished(only, command):
    only.ok(r"UID STORE 3,5 +FLAGS.SILENT (\Deleted)")
    reply = only.ok(command)
    assert b"VANISHED 3,5" in reply.untagged and not reply.find(rb"EXPUNGE")


def test_3_3_vanished_by_another_session(only, box):
    box.ok(r"UID STORE 2,4:5 +FLAGS.SILENT (\Deleted)")
    box.ok("EXPUNGE")
    assert only.ok("NOOP").untagged == [b"VANISHED 2,4:5"]


def test_3_3_move(only):
    only.ok("CREATE INBOX.other")
    reply = only.ok("UID MOVE 2:3 INBOX.other")
    assert reply.find(rb"COPYUID \d+ 2:3 1:2") and b"VANISHED 2:3" in reply.untagged


def test_3_4_select(box, login):
    c = login()
    c.ok("ENABLE UIDONLY")
    reply = c.ok("SELECT INBOX")
    assert reply.find(rb"^4 EXISTS") and not reply.find(rb"UNSEEN")


def test_3_5_search(only):
    assert only.ok("UID SEARCH ALL").untagged == [b"SEARCH 2 3 4 5"]
    assert only.ok("UID SEARCH UID 3:4").untagged == [b"SEARCH 3 4"]
    assert only.ok("UID SEARCH RETURN (MIN MAX) ALL").find(rb"UID MIN 2 MAX 5$")
    only.ok("UID SEARCH RETURN (SAVE) UID 4")
    assert only.ok("UID FETCH $ FLAGS").untagged[0].startswith(b"4 UIDFETCH")


def test_3_5_sort_and_thread(only):
    assert only.ok("UID SORT (REVERSE ARRIVAL) UTF-8 ALL").find(rb"^SORT ")
    assert only.ok("UID THREAD REFERENCES UTF-8 UID 2").untagged == [b"THREAD (2)"]


def test_copy_and_append_go_on(only):
    assert re.fullmatch(r"COPYUID \d+ 2 6", only.ok("UID COPY 2 INBOX").code)
    reply = only.ok("APPEND INBOX ", MESSAGE % 9)
    assert reply.code.endswith(" 7") and b"6 EXISTS" in reply.untagged


def test_idle(only, box):
    only.send("i IDLE\r\n")
    assert only.response().startswith(b"+")
    box.ok(r"UID STORE 4 +FLAGS.SILENT (\Deleted)")
    assert only.response() == b"* 4 UIDFETCH (FLAGS (\\Deleted))"
    box.ok("EXPUNGE")
    assert only.response() == b"* VANISHED 4"
    only.send("DONE\r\n")
    assert only.wait("i").status == "OK"
