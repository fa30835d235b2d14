"""IDLE (RFC 2177)."""
import pytest

MESSAGE = b"Subject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def box(login):
    c = login()
    for i in range(1, 4):
        c.ok("APPEND INBOX ", MESSAGE % i)
    c.ok("SELECT INBOX")
    return c


def idle(c):
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")


def done(c, text="DONE"):
    c.send(text + "\r\n")
    return c.wait("i")


def hear(c, wanted):
    """Everything up to the response WANTED."""
    heard = []
    while wanted not in heard:
        heard.append(c.response()[2:])
    return heard


def test_1_capability(box):
    assert b"IDLE" in box.ok("CAPABILITY").untagged[0].split()


@pytest.mark.parametrize("word", ["DONE", "done", "dOnE"])
def test_3_done(box, word):
    idle(box)
    assert done(box, word).status == "OK"
    box.ok("NOOP")


@pytest.mark.parametrize("text", ["IDLE x", "UID IDLE", "IDLE ()"])
def test_3_syntax(box, text):
    assert box.cmd(text).status == "BAD"


@pytest.mark.parametrize("text", ["", "DONE ", "x", "a NOOP", "a LOGOUT"])
def test_3_anything_else_ends_it_with_bad(box, text):
    idle(box)
    assert done(box, text).status == "BAD"
    box.ok("NOOP")


def test_3_before_login(server):
    c = server.connect()
    assert c.cmd("IDLE").status == "BAD"
    c.close()


def test_3_without_a_mailbox(imap):
    idle(imap)
    assert done(imap).status == "OK"


def test_3_in_an_examined_mailbox(box, other):
    other.ok("EXAMINE INBOX")
    idle(other)
    box.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert b"Flagged" in other.response()
    done(other)


def test_3_new_message(box, other):
    idle(box)
    other.ok("APPEND INBOX ", MESSAGE % 4)
    hear(box, b"4 EXISTS")
    assert done(box).status == "OK"


def test_3_delivery_from_a_session_without_the_mailbox(box, login):
    idle(box)
    login().ok("APPEND INBOX ", MESSAGE % 4)
    hear(box, b"4 EXISTS")
    done(box)


def test_3_flags(box, other):
    idle(box)
    other.ok(r"STORE 2 +FLAGS (\Answered)")
    hear(box, b"2 FETCH (FLAGS (\\Recent \\Answered))")
    done(box)


def test_3_new_keyword_is_announced_first(box, other):
    idle(box)
    other.ok("STORE 2 +FLAGS ($New)")
    heard = hear(box, b"2 FETCH (FLAGS (\\Recent $New))")
    assert heard[0].startswith(b"FLAGS (") and b"$New" in heard[0]
    done(box)


def test_3_expunge(box, other):
    idle(box)
    other.ok(r"STORE 1,3 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert b"1 EXPUNGE" in hear(box, b"2 EXPUNGE")
    done(box)
    assert box.ok("FETCH 1:* UID").untagged == [b"1 FETCH (UID 2)"]


def test_3_many_changes_come_all(box, other):
    idle(box)
    for i in range(4, 24):
        other.ok("APPEND INBOX ", MESSAGE % i)
    hear(box, b"23 EXISTS")
    done(box)


def test_3_what_came_before(box, other):
    other.ok("APPEND INBOX ", MESSAGE % 4)
    idle(box)
    hear(box, b"4 EXISTS")
    done(box)


def test_3_several_sessions_at_once(box, other, login):
    watchers = [box, other, login()]
    watchers[2].ok("SELECT INBOX")
    for c in watchers:
        idle(c)
    login().ok("APPEND INBOX ", MESSAGE % 4)
    for c in watchers:
        hear(c, b"4 EXISTS")
        assert done(c).status == "OK"


def test_3_again_and_again(box, other):
    for n in range(4, 9):
        idle(box)
        other.ok("APPEND INBOX ", MESSAGE % n)
        hear(box, b"%d EXISTS" % n)
        assert done(box).status == "OK"


def test_3_own_commands_before_are_not_told(box):
    box.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)")
    idle(box)
    assert done(box).untagged == []


def test_3_pipelined(box):
    box.send("i IDLE\r\nDONE\r\nj NOOP\r\n")
    assert box.response().startswith(b"+")
    assert box.wait("i").status == "OK" and box.wait("j").status == "OK"


def test_3_of_another_mailbox_nothing(box, other):
    other.ok("CREATE INBOX.x")
    idle(box)
    other.ok("APPEND INBOX.x ", MESSAGE % 1)
    other.ok("APPEND INBOX ", MESSAGE % 4)
    assert hear(box, b"4 EXISTS")[0] == b"4 EXISTS"
    done(box)


def test_3_modseqs_with_condstore(box, other):
    box.ok("ENABLE CONDSTORE")
    idle(box)
    other.ok(r"STORE 2 +FLAGS (\Answered)")
    assert b"UID 2 MODSEQ (" in box.response()
    done(box)


def test_3_vanished_with_qresync(box, other):
    box.ok("ENABLE QRESYNC")
    idle(box)
    other.ok(r"STORE 1,3 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    hear(box, b"VANISHED 1,3")
    done(box)
