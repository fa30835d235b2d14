"""SELECT, EXAMINE, CLOSE, UNSELECT, CHECK, STATUS (RFC 3501 section 6)."""
import re

MESSAGE = b"Subject: s\r\n\r\nbody\r\n"


def numbers(r):
    """The untagged responses of a SELECT."""
    out = {}
    for line in r.untagged:
        for pattern in (rb"^(\d+) (EXISTS|RECENT)$", rb"^OK \[(UNSEEN|UIDVALIDITY|UIDNEXT) (\d+)\]"):
            m = re.match(pattern, line)
            if m:
                a, b = m.groups()
                out[(b if a.isdigit() else a).decode()] = int(a if a.isdigit() else b)
    return out


def test_select(imap):
    """"The server MUST send ... FLAGS, EXISTS, RECENT, UNSEEN, PERMANENTFLAGS,
    UIDNEXT, UIDVALIDITY"."""
    for _ in range(3):
        imap.append("INBOX", MESSAGE)
    r = imap.ok("SELECT INBOX")
    assert r.code == "READ-WRITE"
    n = numbers(r)
    assert (n["EXISTS"], n["RECENT"], n["UNSEEN"], n["UIDNEXT"]) == (3, 3, 1, 4)
    assert n["UIDVALIDITY"] > 0
    assert r.find(rb"^FLAGS \(.*\\Seen.*\)$")
    assert r.find(rb"^OK \[PERMANENTFLAGS \(.*\\Deleted.*\\\*\)\]")


def test_recent_is_claimed_once(server, user, imap):
    imap.append("INBOX", MESSAGE)
    other = server.login(user)
    assert numbers(imap.ok("EXAMINE INBOX"))["RECENT"] == 1
    assert numbers(imap.ok("SELECT INBOX"))["RECENT"] == 1
    assert numbers(other.ok("SELECT INBOX"))["RECENT"] == 0


def test_inbox_in_any_case(imap):
    assert imap.cmd("SELECT inbox").status == "OK"
    assert imap.cmd('SELECT "InBoX"').status == "OK"


def test_no_such_mailbox(imap):
    imap.ok("SELECT INBOX")
    r = imap.cmd("SELECT INBOX.no")
    assert (r.status, r.code) == ("NO", "NONEXISTENT")
    assert r.text.endswith("Mailbox does not exist")
    # "if a mailbox is selected and a SELECT command that fails is attempted,
    # no mailbox is selected."
    assert imap.cmd("FETCH 1 FLAGS").status == "BAD"
    assert imap.cmd("SELECT &bad").status == "NO"
    assert imap.cmd("SELECT a..b").status == "NO"


def test_examine_changes_nothing(imap):
    imap.append("INBOX", MESSAGE)
    r = imap.ok("EXAMINE INBOX")
    assert r.code == "READ-ONLY"
    assert r.find(rb"^OK \[PERMANENTFLAGS \(\)\]")
    assert imap.cmd(r"STORE 1 +FLAGS (\Deleted)").status == "NO"
    assert imap.cmd("EXPUNGE").status == "NO"
    imap.ok("FETCH 1 BODY[]")
    imap.ok("CLOSE")
    r = imap.ok("SELECT INBOX")
    assert numbers(r)["EXISTS"] == 1 and numbers(r)["UNSEEN"] == 1


def test_close_expunges_silently(imap):
    imap.append("INBOX", MESSAGE, r"(\Deleted)")
    imap.append("INBOX", MESSAGE)
    imap.ok("SELECT INBOX")
    r = imap.ok("CLOSE")
    assert r.untagged == []
    assert numbers(imap.ok("SELECT INBOX"))["EXISTS"] == 1


def test_close_after_examine_keeps(imap):
    """"No messages are removed ... if the mailbox is selected by an EXAMINE"."""
    imap.append("INBOX", MESSAGE, r"(\Deleted)")
    imap.ok("EXAMINE INBOX")
    imap.ok("CLOSE")
    assert numbers(imap.ok("SELECT INBOX"))["EXISTS"] == 1


def test_unselect_keeps(imap):
    """RFC 3691: as CLOSE, but "no messages are permanently removed"."""
    imap.append("INBOX", MESSAGE, r"(\Deleted)")
    imap.ok("SELECT INBOX")
    imap.ok("UNSELECT")
    assert imap.cmd("UNSELECT").status == "BAD"
    assert numbers(imap.ok("SELECT INBOX"))["EXISTS"] == 1


def test_status(imap):
    imap.append("INBOX", MESSAGE)
    imap.append("INBOX", MESSAGE, r"(\Seen)")
    r = imap.ok("STATUS INBOX (MESSAGES UNSEEN RECENT UIDNEXT UIDVALIDITY)")
    m = r.find(rb"^STATUS INBOX \(MESSAGES 2 RECENT 2 UIDNEXT 3 UIDVALIDITY \d+ UNSEEN 1\)$")
    assert m, r
    for bad in ("STATUS INBOX ()", "STATUS INBOX", "STATUS INBOX (FOO)",
                "STATUS INBOX (MESSAGES", "STATUS INBOX (MESSAGES )"):
        assert imap.cmd(bad).status == "BAD", bad
    assert imap.cmd("STATUS INBOX.no (MESSAGES)").status == "NO"


def test_two_sessions_see_each_other(server, user):
    a, b = server.login(user), server.login(user)
    a.ok("SELECT INBOX")
    b.ok("SELECT INBOX")
    b.append("INBOX", MESSAGE)
    r = a.ok("NOOP")
    assert b"1 EXISTS" in r.untagged
    b.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert a.ok("CHECK").find(rb"^1 FETCH \(FLAGS \(.*\\Flagged.*\)\)$")
    b.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    b.ok("EXPUNGE")
    # "An EXPUNGE response MUST NOT be sent ... while responding to a FETCH,
    # STORE, or SEARCH command."
    assert not a.cmd("FETCH 1 FLAGS").find(rb"EXPUNGE")
    assert not a.cmd("SEARCH ALL").find(rb"EXPUNGE")
    assert b"1 EXPUNGE" in a.ok("NOOP").untagged



def test_own_deleted_mailbox(imap):
    imap.ok("CREATE INBOX.gone")
    imap.ok("SELECT INBOX.gone")
    imap.ok("DELETE INBOX.gone")
    assert imap.cmd("FETCH 1 FLAGS").status == "BAD"
    imap.ok("SELECT INBOX")
