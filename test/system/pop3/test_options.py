"""What the options of imapd.conf do to POP3; their meaning is Cyrus's."""
import base64
import hashlib
import re
import subprocess

import pytest
from chapar import ADMIN, PASSWORD, wait_for

TEXT = b"Subject: x\r\n\r\nx\r\n"


def flags(srv, user, mailbox="INBOX"):
    c = srv.login(user)
    c.ok(f"EXAMINE {mailbox}")
    found = [m.group(1) for m in c.ok("FETCH 1:* FLAGS").all(rb"FLAGS \((.*?)\)")]
    c.close()
    return found


def folder(srv, user, name, *messages):
    c = srv.login(user)
    c.ok(f'CREATE "{name}"')
    for m in messages:
        c.append(name, m)
    c.close()


# --- popuseimapflags ---

def test_flags_are_left_alone(server, full):
    c = server.pop(full)
    c.retr(1)
    assert c.quit().ok
    assert all(b"\\Seen" not in f and b"\\Recent" in f for f in flags(server, full))
    imap = server.login(full)
    imap.ok("SELECT INBOX")
    imap.ok("STORE 2 +FLAGS (\\Deleted)")
    assert len(server.pop(full).multi("LIST")) == 3


def test_popuseimapflags(make_pop, messages):
    srv = make_pop({"popuseimapflags": "yes"})
    user = srv.new_user()
    srv.deliver(user, *messages)
    imap = srv.login(user)
    imap.ok("SELECT INBOX")
    imap.ok("STORE 2 +FLAGS (\\Deleted)")
    c = srv.pop(user)
    assert c.ok("STAT").line == f"+OK 2 {len(messages[0]) + len(messages[2])}"
    ids = c.multi("UIDL")
    assert c.retr(1) == messages[0] and c.retr(2) == messages[2]
    c.multi("TOP 1 0")
    # Not before QUIT.
    assert [b"\\Seen" in f for f in flags(srv, user)] == [False] * 3
    assert c.quit().ok
    assert [b"\\Seen" in f for f in flags(srv, user)] == [True, False, True]
    assert not any(b"\\Recent" in f for f in flags(srv, user))
    assert srv.pop(user).multi("UIDL") == ids


def test_popuseimapflags_without_quit_or_after_rset(make_pop, messages):
    srv = make_pop({"popuseimapflags": "yes"})
    user = srv.new_user()
    srv.deliver(user, *messages)
    c = srv.pop(user)
    c.retr(1)
    c.close()
    srv.clients.remove(c)
    c = srv.pop(user)
    c.retr(2)
    c.ok("RSET")
    c.retr(3)
    c.ok("DELE 1")
    assert c.quit().ok
    assert [b"\\Seen" in f for f in flags(srv, user)] == [False, True]


# --- popuseacl ---

def test_popuseacl(make_pop, messages):
    srv = make_pop({"popuseacl": "yes", "popuseimapflags": "yes"})
    user = srv.new_user()
    srv.deliver(user, *messages)
    admin = srv.admin()
    admin.ok(f"SETACL user.{user} {user} lr")
    c = srv.pop(user)
    c.retr(1)
    r = c.err("DELE 1")
    assert r.code == "SYS/PERM"
    assert c.quit().ok
    assert not any(b"\\Seen" in f for f in flags(srv, user))
    admin.ok(f"SETACL user.{user} {user} lrst")
    c = srv.pop(user)
    c.ok("DELE 1")
    c.retr(2)
    assert c.quit().ok
    assert [b"\\Seen" in f for f in flags(srv, user)] == [True, False]


def test_popuseacl_to_read(make_pop):
    srv = make_pop({"popuseacl": "yes"})
    user = srv.new_user()
    srv.deliver(user, TEXT)
    open_one = srv.pop(user)
    admin = srv.admin()
    admin.ok(f"SETACL user.{user} {user} l")
    c = srv.pop_connect()
    c.ok(f"USER {user}")
    assert c.err(f"PASS {PASSWORD}").code == "SYS/PERM"
    # And it counts for who is in already.
    assert open_one.err("RETR 1").code == "SYS/PERM"


def test_popuseacl_taken_away_before_quit(make_pop, messages):
    srv = make_pop({"popuseacl": "yes"})
    user = srv.new_user()
    srv.deliver(user, *messages)
    c = srv.pop(user)
    c.ok("DELE 1")
    srv.admin().ok(f"SETACL user.{user} {user} lrs")
    assert c.quit().code == "SYS/PERM"
    assert len(srv.pop(user).multi("LIST")) == 3


def test_without_popuseacl(server, full):
    server.admin().ok(f"SETACL user.{full} {full} l")
    c = server.pop(full)
    c.retr(1)
    c.ok("DELE 1")
    assert c.quit().ok
    assert len(server.pop(full).multi("LIST")) == 2


# --- popsubfolders ---

STYLES = {
    "default": ({}, "INBOX.work", "INBOX.work.deep", "+work.deep"),
    "unix": ({"unixhierarchysep": "yes"}, "INBOX/work", "INBOX/work/deep", "+work/deep"),
    "alt": ({"unixhierarchysep": "yes", "altnamespace": "yes"}, "work", "work/deep", "+work/deep"),
}


@pytest.mark.parametrize("style", STYLES)
def test_popsubfolders(make_pop, style):
    options, one, deep, suffix = STYLES[style]
    srv = make_pop({"popsubfolders": "yes", **options})
    user = srv.new_user()
    srv.deliver(user, TEXT, TEXT)
    folder(srv, user, one, TEXT)
    folder(srv, user, deep)
    assert srv.pop(user).ok("STAT").text.startswith("2 ")
    c = srv.pop(user + "+work")
    assert c.ok("STAT").text.startswith("1 ")
    c.ok("DELE 1")
    assert c.quit().ok
    assert srv.pop(user + "+work").ok("STAT").text == "0 0"
    assert srv.pop(user + suffix).ok("STAT").text == "0 0"
    assert srv.pop(user).ok("STAT").text.startswith("2 ")
    c = srv.pop_connect()
    c.ok(f"USER {user}+nothing")
    assert c.err(f"PASS {PASSWORD}").code == "SYS/PERM"
    assert srv.wait_log(r"login: \[127.0.0.1\] %s\+work plaintext User logged in" % user)


def test_popsubfolders_names(make_pop):
    """As an IMAP client writes them, or in UTF-8."""
    srv = make_pop({"popsubfolders": "yes"})
    user = srv.new_user()
    folder(srv, user, "INBOX.Entw&APw-rfe", TEXT)
    for name in ("Entw&APw-rfe", "Entwürfe"):
        assert srv.pop(f"{user}+{name}").ok("STAT").text.startswith("1 ")
    for name in ("..", ".", "a..b", "Entw&", "x" * 150):
        c = srv.pop_connect()
        c.ok(f"USER {user}+{name}")
        assert c.err(f"PASS {PASSWORD}").code == "SYS/PERM", name


def test_popsubfolders_by_every_way(make_pop):
    srv = make_pop({"popsubfolders": "yes"})
    user = srv.new_user()
    folder(srv, user, "INBOX.work", TEXT)

    def plain(authzid, authcid):
        return "AUTH PLAIN " + base64.b64encode(f"{authzid}\0{authcid}\0{PASSWORD}".encode()).decode()

    for line in (plain("", f"{user}+work"), plain(f"{user}+work", f"{user}+work"), plain(f"{user}+work", user),
                 plain(f"{user}+work", ADMIN)):
        c = srv.pop_connect()
        c.ok(line)
        assert c.ok("STAT").text.startswith("1 "), line
    c = srv.pop_connect()
    c.ok(plain("", user))
    assert c.ok("STAT").text == "0 0"
    # A failure does not leave its folder to the next.
    c = srv.pop_connect()
    c.err(plain("", f"{user}+work")[:-8])
    c.ok(plain("", user))
    assert c.ok("STAT").text == "0 0"
    c = srv.pop_connect()
    challenge = re.search(r"<.*>", c.greeting.text)[0]
    c.ok(f"APOP {user}+work " + hashlib.md5((challenge + PASSWORD).encode()).hexdigest())
    assert c.ok("STAT").text.startswith("1 ")


def test_without_popsubfolders(server, full):
    folder(server, full, "INBOX.work")
    c = server.pop_connect()
    c.ok(f"USER {full}+work")
    assert c.err(f"PASS {PASSWORD}").code == "AUTH"


# --- uidl_format ---

@pytest.mark.parametrize("name", ["cyrus", "uidonly", "dovecot", "courier"])
def test_uidl_format(make_pop, name, messages):
    srv = make_pop({"uidl_format": name})
    user = srv.new_user()
    srv.deliver(user, *messages)
    imap = srv.login(user)
    uidvalidity = int(imap.ok("SELECT INBOX").find(rb"UIDVALIDITY (\d+)")[1])
    want = {"cyrus": f"{uidvalidity}.%d", "uidonly": "%d", "courier": f"{uidvalidity}-%d",
            "dovecot": f"%08x{uidvalidity:08x}"}[name]
    assert srv.pop(user).multi("UIDL") == [f"{n} {want % n}".encode() for n in (1, 2, 3)]


def test_uidl_outlives_rename_and_compaction(server, messages):
    """"which persists across sessions": whatever is done to the mailbox"""
    user = server.new_user()
    server.deliver(user, *messages)
    c = server.pop(user)
    ids = c.multi("UIDL")
    c.ok("DELE 1")
    assert c.quit().ok
    server.tool("reconstruct", f"user.{user}")
    assert [i.split()[1] for i in server.pop(user).multi("UIDL")] == [i.split()[1] for i in ids[1:]]


# --- others ---

def test_allowapop(make_pop):
    srv = make_pop({"allowapop": "no"})
    c = srv.pop_connect()
    assert "<" not in c.greeting.text
    c.err("APOP x y")


def test_autocreate(make_pop):
    """The INBOX is made at the first login, as by IMAP."""
    srv = make_pop({"autocreate_quota": "1000"})
    user = srv.new_user(inbox=False)
    assert srv.pop(user).ok("STAT").text == "0 0"


def test_virtual_domains(make_pop):
    srv = make_pop({"virtdomains": "userid", "defaultdomain": "localhost", "unixhierarchysep": "yes"})
    subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", srv.dir / "sasldb2", "-u", "example.org", "joe"],
                   input=PASSWORD.encode(), check=True)
    srv.admin().ok('CREATE "user/joe@example.org"')
    srv.deliver("joe@example.org", TEXT)
    assert srv.pop("joe@example.org").ok("STAT").text.startswith("1 ")


def test_telemetry_and_proc(make_pop):
    srv = make_pop()
    user = srv.new_user()
    directory = srv.dir / f"config/log/{user}"
    directory.mkdir()
    directory.chmod(0o777)
    c = srv.pop(user)
    lines = [p.read_text() for p in (srv.dir / "config/proc").iterdir()]
    assert f"pop3\t[127.0.0.1]\t{user}\tuser.{user}\n" in lines
    c.ok("STAT")
    c.quit()
    text = next(directory.iterdir()).read_bytes()
    assert b"STAT\r\n" in text and b"+OK 0 0\r\n" in text and PASSWORD.encode() not in text


def test_counts_in_the_log(server, full):
    c = server.pop(full)
    c.retr(1)
    c.retr(2)
    c.multi("TOP 3 0")
    c.ok("DELE 1")
    c.quit()
    wait_for("the counts", lambda: "counts: retr=<2> top=<1> dele=<1>" in " ".join(server.session_log(full)))
    assert f"Expunged 1 messages from user.{full}" in " ".join(server.session_log(full))


def test_cyr_deny(make_pop):
    """At once, with the administrator's words, and it ends the session there is."""
    srv = make_pop()
    user, other = srv.new_user(), srv.new_user()
    session, untouched = srv.pop(user), srv.pop(other)
    srv.tool("cyr_deny", "-s", "pop3", "-m", "Ask at desk 7", user)
    c = srv.pop_connect()
    c.ok(f"USER {user}")
    r = c.err(f"PASS {PASSWORD}")
    assert (r.code, r.text) == ("AUTH", "Ask at desk 7")

    def ended():
        r = session.cmd("NOOP")
        return None if r.ok else r
    r = wait_for("the end of the session", ended)
    assert (r.code, r.text) == ("SYS/TEMP", "Ask at desk 7") and session.is_closed()
    untouched.ok("NOOP")
    srv.login(user).ok("SELECT INBOX")


def test_loginuseacl(make_pop):
    """Who has the right a on somebody's INBOX may fetch that mail."""
    srv = make_pop({"loginuseacl": "yes"})
    fred, anna = srv.new_user(), srv.new_user()
    srv.deliver(fred, TEXT)
    line = "AUTH PLAIN " + base64.b64encode(f"{fred}\0{anna}\0{PASSWORD}".encode()).decode()
    c = srv.pop_connect()
    assert c.err(line).code == "AUTH"
    srv.admin().ok(f"SETACL user.{fred} {anna} a")
    c = srv.pop_connect()
    c.ok(line)
    assert c.ok("STAT").text.startswith("1 ")


# --- limitd(8) ---

def test_sessions_of_a_user(make_pop):
    srv = make_pop({"maxlogins_per_user": "1"})
    user = srv.new_user()
    first = srv.pop(user)
    second = srv.pop_connect()
    second.ok(f"USER {user}")
    assert second.err(f"PASS {PASSWORD}").line == "-ERR [SYS/TEMP] Too many sessions of this user"
    assert second.is_closed()
    srv.wait_log(rf"refused login: \[127\.0\.0\.1\] {user}: maxlogins_per_user")
    # IMAP is counted by itself.
    srv.login(user)
    assert first.quit().ok

    def comes_in():
        c = srv.pop_connect()
        c.ok(f"USER {user}")
        return c.cmd(f"PASS {PASSWORD}").ok
    wait_for("room", comes_in)
