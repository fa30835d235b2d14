"""STORE (RFC 3501 section 6.4.6) and what other sessions hear of it."""
import pytest
from answers import append, fetches, flags, numbers

MESSAGE = b"Subject: %d\r\n\r\ntext\r\n"


@pytest.fixture
def box(login):
    c = login()
    for i in range(3):
        assert append(c, "INBOX", MESSAGE % i).status == "OK"
    c.ok("SELECT INBOX")
    return c


@pytest.fixture
def pair(login, box):
    """Two sessions on one mailbox that have heard of everything."""
    other = login()
    other.ok("SELECT INBOX")
    box.ok("NOOP")
    return box, other


def told(reply):
    return {n: flags(f) - {b"\\Recent"} for n, f in fetches(reply).items()}


def test_set_add_remove(box):
    assert told(box.ok(r"STORE 1 FLAGS (\Seen \Flagged)")) == {1: {b"\\Seen", b"\\Flagged"}}
    assert told(box.ok(r"STORE 1 +FLAGS (\Draft)")) == {1: {b"\\Seen", b"\\Flagged", b"\\Draft"}}
    assert told(box.ok(r"STORE 1 -FLAGS \Seen \Draft")) == {1: {b"\\Flagged"}}
    assert told(box.ok(r"STORE 1 FLAGS ()")) == {1: set()}


def test_answer_even_if_nothing_changes(box):
    assert told(box.ok(r"STORE 1:3 -FLAGS (\Seen)")) == {1: set(), 2: set(), 3: set()}


def test_silent(box):
    """".SILENT": "the server SHOULD NOT return an untagged FETCH"."""
    assert fetches(box.ok(r"STORE 1:2 +FLAGS.SILENT (\Seen)")) == {}
    assert told(box.ok("FETCH 1:3 FLAGS")) == {1: {b"\\Seen"}, 2: {b"\\Seen"}, 3: set()}


def test_own_changes_are_told_once(box):
    box.ok(r"STORE 1:3 +FLAGS (\Seen)")
    box.ok(r"STORE 1 +FLAGS.SILENT (\Answered)")
    assert fetches(box.ok("NOOP")) == {}


def test_uid_store(box):
    box.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    box.ok("EXPUNGE")
    reply = box.ok(r"UID STORE 1:2 +FLAGS (\Seen)")
    assert told(reply) == {1: {b"\\Seen"}}
    assert b"UID 2" in fetches(reply)[1]
    assert box.ok(r"UID STORE 77 +FLAGS (\Seen)").untagged == []


def test_keywords(box):
    reply = box.ok("STORE 1 +FLAGS ($Work later)")
    assert told(reply) == {1: {b"$Work", b"later"}}
    # New ones are announced before they are used.
    announced = [i for i, u in enumerate(reply.untagged) if u.startswith(b"FLAGS (")]
    used = [i for i, u in enumerate(reply.untagged) if b"FETCH" in u]
    assert announced and announced[0] < used[0]
    assert b"$Work" in reply.untagged[announced[0]]
    # The case of the first use stays.
    assert told(box.ok("STORE 2 +FLAGS ($WORK)")) == {2: {b"$Work"}}
    assert told(box.ok("STORE 1 -FLAGS ($work)")) == {1: {b"later"}}


def test_too_many_keywords(box):
    refused = None
    for i in range(40):
        names = " ".join(f"keyword{i}x{j}" for j in range(20))
        reply = box.cmd(f"STORE 1 +FLAGS.SILENT ({names})")
        if reply.status != "OK":
            refused = reply
            break
    assert refused and refused.status == "NO" and refused.text.startswith("[LIMIT]")
    box.ok(r"STORE 1 +FLAGS (\Seen)")


@pytest.mark.parametrize("args", [
    r"1 FLAGS (\Recent)", r"1 FLAGS (\Strange)", r"4 FLAGS (\Seen)", r"1 FLAGSX (\Seen)",
    r"1 *FLAGS (\Seen)", r"1 FLAGS", r"1 FLAGS (\Seen", r"1 FLAGS \Seen)", r"1", r"1 FLAGS (a b) c",
])
def test_refused(box, args):
    assert box.cmd(f"STORE {args}").status == "BAD"
    assert told(box.ok("FETCH 1 FLAGS")) == {1: set()}


def test_examined(login, box):
    other = login()
    other.ok("EXAMINE INBOX")
    assert other.cmd(r"STORE 1 +FLAGS (\Seen)").status == "NO"


def test_other_session_hears(pair):
    box, other = pair
    box.ok(r"STORE 2 +FLAGS.SILENT (\Flagged)")
    assert told(other.ok("NOOP")) == {2: {b"\\Flagged"}}
    assert fetches(other.ok("NOOP")) == {}


def test_silent_hears_of_others(pair):
    """A change by somebody else is told even after one's own .SILENT."""
    box, other = pair
    box.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)")
    seen = told(other.ok(r"STORE 1 +FLAGS.SILENT (\Seen)"))
    seen.update(told(other.ok("NOOP")))
    assert seen == {1: {b"\\Flagged", b"\\Seen"}}


def test_no_expunge_during_store(pair):
    """"This response MUST NOT be sent ... while responding to a FETCH, STORE,
    or SEARCH command" (7.4.1), for numbers would mean other messages."""
    box, other = pair
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    reply = box.ok(r"STORE 2:3 +FLAGS (\Seen)")
    assert numbers(reply, "EXPUNGE") == []
    assert {2, 3} <= set(fetches(reply))
    assert numbers(box.ok("NOOP"), "EXPUNGE") == [1]
    assert told(box.ok("FETCH 1:2 FLAGS")) == {1: {b"\\Seen"}, 2: {b"\\Seen"}}


def test_store_to_expunged(pair):
    box, other = pair
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert numbers(box.cmd(r"STORE 1 +FLAGS (\Seen)"), "EXPUNGE") == []
    assert numbers(box.ok("NOOP"), "EXPUNGE") == [1]


@pytest.mark.parametrize("command", ["STORE 2:3", "UID STORE 2:3", "STORE 2"])
def test_what_another_session_has_expunged(login, command):
    """The others are changed, and the client hears why one was not (RFC 2180
    section 4.2, RFC 5530)."""
    a, b = login(), login()
    for _ in range(3):
        a.append("INBOX", b"Subject: s\r\n\r\nx\r\n")
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    b.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    b.ok("EXPUNGE")
    reply = a.ok(command + r" +FLAGS (\Flagged)")
    assert reply.code == "EXPUNGEISSUED"
    assert bool(reply.find(rb"^3 FETCH .*Flagged")) == ("3" in command)
    assert not reply.find(rb"^2 FETCH .*Flagged")
    b.ok("NOOP")
    assert b.ok("SEARCH FLAGGED").untagged == [b"SEARCH" + b" 2" * ("3" in command)]
