"""Scenes of the book that administrators of the original know (requirements
T1, T18-T21, T36), each through the strict client."""
import os
import re

import pytest

from chapar import wait_for
from conformance import Lit, connect, crlf, login

PID = r"\d+"
NEWS = crlf("""
Return-Path: <dianna@acme.example>
Path: acme!not-for-mail
From: Dianna Mullet <dianna@acme.example>
Date: Wed, 1 Dec 1999 08:31:00 -0600
To: johndoe@acme.example
Subject: the book
Message-ID: <199912011431.IAA01234@acme.example>
Newsgroups: acme.general
References: <1@acme.example> <2@acme.example>

Chapter 3 is done.
""")


# --- T1: a session as a client of 1999 has it (example 3-1) ---

def test_session(server):
    """CAPABILITY, LOGIN, SELECT, FETCH as a news-reading client asks, BODY[1]
    sets \\Seen, STORE \\Deleted, EXPUNGE, LOGOUT."""
    user = server.new_user()
    setup = login(server, user)
    for n in range(3):
        setup.ok("APPEND INBOX ", Lit(NEWS.replace(b"01234@", b"%05d@" % n)))
    c = connect(server)
    assert "IMAP4REV1" in c.ok("CAPABILITY").one("CAPABILITY").data
    c.ok(f"LOGIN {user} secret")
    r = c.ok("SELECT inbox")
    assert r.code == "READ-WRITE" and r.one("EXISTS").number == 3 and r.one("RECENT").number == 3
    assert r.coded("UNSEEN") == 1 and r.coded("UIDVALIDITY") and r.one("FLAGS")
    assert "\\*" in r.coded("PERMANENTFLAGS")
    got = c.fetch("1:*", "(ENVELOPE BODY.PEEK[HEADER.FIELDS (Path Message-ID Newsgroups "
                  "Followup-To References)] INTERNALDATE RFC822.SIZE FLAGS)")
    assert sorted(got) == [1, 2, 3]
    assert got[1]["ENVELOPE"]["from"] == [(b"Dianna Mullet", None, b"dianna", b"acme.example")]
    assert got[1]["RFC822.SIZE"] == len(NEWS)
    fields = got[1]["BODY[HEADER.FIELDS (PATH MESSAGE-ID NEWSGROUPS FOLLOWUP-TO REFERENCES)]"]
    assert fields == (b"Path: acme!not-for-mail\r\nMessage-ID: <199912011431.IAA00000@acme.example>\r\n"
                      b"Newsgroups: acme.general\r\nReferences: <1@acme.example> <2@acme.example>\r\n\r\n")
    structure = c.fetch(1, "BODYSTRUCTURE")[1]["BODYSTRUCTURE"]
    assert (structure["type"], structure["subtype"], structure["lines"]) == (b"TEXT", b"PLAIN", 1)
    none = c.fetch(1, "BODY.PEEK[HEADER.FIELDS (Resent-Date Resent-From Resent-To)]")[1]
    assert list(none.values()) == [b"\r\n"]
    r = c.fetch(1, "BODY[1]")[1]
    assert r["BODY[1]"] == b"Chapter 3 is done.\r\n" and "\\Seen" in r["FLAGS"]
    assert "\\Deleted" in c.ok(r"STORE 1:2 +FLAGS (\Deleted)").fetched()[2]["FLAGS"]
    assert c.ok("EXPUNGE").numbers("EXPUNGE") in ([1, 1], [2, 1])
    assert c.search("ALL") == [1]
    r = c.ok("LOGOUT")
    assert r.kinds == ["BYE"] and c.is_closed()


# --- T18: msg/motd and msg/shutdown ---

def test_motd_and_shutdown(make_server):
    server = make_server()
    user = server.new_user()
    message = server.dir / "config/msg"
    (message / "motd").write_text("The server moves at noon\nand this is not shown\n")
    c = connect(server)
    r = c.login(user)
    alert = [u for u in r.untagged if u.code == "ALERT"]
    assert [a.data for a in alert] == ["The server moves at noon"]
    (message / "motd").unlink()
    c = connect(server)
    assert not [u for u in c.login(user).untagged if u.code == "ALERT"]
    (message / "shutdown").write_text("Moving now\nsecond line\n")
    late = connect(server)
    assert (late.greeting.kind, late.greeting.code, late.greeting.data) == (
        "BYE", "ALERT", "Moving now")
    assert late.is_closed()
    (message / "shutdown").unlink()
    again = connect(server)
    assert again.greeting.kind == "OK"
    again.login(user)


# --- T19: log/USER ---

@pytest.mark.parametrize("stamps", ["no", "yes"])
def test_telemetry(make_server, stamps):
    """One file a session, named by process; seconds between command and answer
    only with logtimestamps; no password in it."""
    server = make_server({"logtimestamps": stamps})
    user, other = server.new_user(), server.new_user()
    folder = server.dir / "config/log" / user
    folder.mkdir()
    os.chown(folder, (server.dir / "config").stat().st_uid, -1)
    one, two = login(server, user), login(server, user)
    login(server, other).ok("NOOP")
    for c in (one, two):
        c.select()
        c.ok("LOGOUT")
    wait_for("two files", lambda: len(list(folder.iterdir())) == 2)
    files = list(folder.iterdir())
    assert all(re.match(PID, f.name) for f in files)
    for f in files:
        wait_for("the end of it", lambda: "BYE" in f.read_text())
        text = f.read_text()
        assert "SELECT" in text and "* BYE" in text
        assert "secret" not in text and other not in text
        assert bool(re.search(r"^<\d+<", text, re.M))
    assert [p.name for p in (server.dir / "config/log").iterdir()] == [user]


# --- T20: proc ---

def test_proc(server):
    """Who is where: host, user, mailbox of each process."""
    user = server.new_user()
    c = login(server, user)
    c.ok("CREATE INBOX.work")

    def entry():
        texts = {p.name: p.read_text() for p in (server.dir / "config/proc").iterdir()}
        return [(k, v) for k, v in texts.items() if user in v]
    c.select("INBOX.work")
    (pid, text), = entry()
    assert pid.isdigit() and os.path.exists(f"/proc/{pid}")
    assert "[127.0.0.1]" in text and f"user.{user}.work" in text
    c.ok("CLOSE")
    (_, text), = entry()
    assert f"user.{user}.work" not in text and user in text
    c.ok("LOGOUT")
    wait_for("nobody", lambda: entry() == [])


# --- T21: the log ---

def test_log_lines(server):
    """badlogin: HOST [ADDRESS] MECHANISM USER REASON, and login:, at notice."""
    user = server.new_user()
    at = len(server.log())
    c = connect(server)
    c.no(f"LOGIN {user} wrong")
    c.login(user)
    line = wait_for("badlogin", lambda: re.search(
        r"imapd?\[\d+\]: (\w+): badlogin: (.*)", server.log()[at:]))
    assert line.group(1) in ("notice", "warning")
    assert re.match(rf"(\S+ )?\[127\.0\.0\.1\] plaintext {user} ", line.group(2))
    line = wait_for("login", lambda: re.search(r"\]: (\w+): login: (.*)", server.log()[at:]))
    assert line.group(1) == "notice"
    assert re.match(rf"(\S+ )?\[127\.0\.0\.1\] {user} plaintext", line.group(2))
    assert "wrong" not in server.log()[at:] and "secret" not in server.log()[at:]


# --- T36: two instances ---

def test_two_instances_share_nothing(make_server):
    a, b = make_server({"syslog_prefix": "one"}), make_server({"syslog_prefix": "two"})
    for server in (a, b):
        server.set_password("johndoe")
        login(server, "cyrus").ok("CREATE user.johndoe")
    x, y = login(a, "johndoe"), login(b, "johndoe")
    x.ok("APPEND INBOX ", Lit(NEWS))
    assert x.ok("STATUS INBOX (MESSAGES)").one("STATUS").data[1] == {"MESSAGES": 1}
    assert y.ok("STATUS INBOX (MESSAGES)").one("STATUS").data[1] == {"MESSAGES": 0}
    b.stop()
    assert x.select().one("EXISTS").number == 1
    assert str(b.dir) not in a.log() and str(a.dir) not in b.log()
