"""IDLE (RFC 2177)."""
import time

MESSAGE = b"Subject: s\r\n\r\nbody\r\n"


def idle(c):
    c.send(b"i IDLE\r\n")
    assert c.line().startswith(b"+ ")


def test_changes_come_at_once(server, user):
    """"... the server can send untagged responses ... immediately"."""
    a, b = server.login(user), server.login(user)
    a.ok("SELECT INBOX")
    idle(a)
    start = time.monotonic()
    b.append("INBOX", MESSAGE)
    assert a.line() == b"* 1 EXISTS"
    assert a.line() == b"* 1 RECENT"
    assert time.monotonic() - start < 10, "that was the poll, not the notice"
    b.ok("SELECT INBOX")
    b.ok(r"STORE 1 +FLAGS (\Deleted)")
    while b"\\Deleted" not in a.line():
        pass
    b.ok("EXPUNGE")
    assert a.line() == b"* 1 EXPUNGE"
    a.send(b"done\r\n")
    assert a.wait("i").status == "OK"


def test_change_just_before_idle(server, user):
    """What came between the last command and IDLE is told, too."""
    a, b = server.login(user), server.login(user)
    a.ok("SELECT INBOX")
    b.append("INBOX", MESSAGE)
    idle(a)
    assert a.line() == b"* 1 EXISTS"
    a.send(b"DONE\r\n")
    assert a.wait("i").status == "OK"


def test_without_a_mailbox(imap):
    idle(imap)
    imap.send(b"DONE\r\n")
    assert imap.wait("i").status == "OK"


def test_anything_but_done(imap):
    idle(imap)
    imap.send(b"x NOOP\r\n")
    assert imap.wait("i").status == "BAD"
    imap.ok("NOOP")


def test_pipelined_done(imap):
    imap.send(b"i IDLE\r\nDONE\r\nj NOOP\r\n")
    assert imap.line().startswith(b"+ ")
    assert imap.wait("i").status == "OK"
    assert imap.wait("j").status == "OK"


def test_poll_without_idled(make_server):
    srv = make_server({"imapidlepoll": "1s", "idlesocket": "/nonexistent/idle"}, daemons=False)
    user = srv.new_user()
    a, b = srv.login(user), srv.login(user)
    a.ok("SELECT INBOX")
    idle(a)
    b.append("INBOX", MESSAGE)
    assert a.line() == b"* 1 EXISTS"


def test_autologout_in_idle(make_server):
    srv = make_server({"timeout": "2s"})
    c = srv.login(srv.new_user())
    idle(c)
    assert c.line().startswith(b"* BYE ")
    assert c.wait("i").status == "NO"
    assert c.is_closed()
