"""Who may act as whom: admins, proxyservers, loginuseacl, loginrealms; names like "fred*cyrus"; cyr_deny."""
import base64
import os
import shutil
import smtplib
import subprocess

import pytest

from chapar import ADMIN, BUILD, PASSWORD, wait_for


def plain(authzid, authcid, password=PASSWORD):
    return base64.b64encode(f"{authzid}\0{authcid}\0{password}".encode()).decode()


def act(srv, authcid, userid, mechanism="PLAIN"):
    """A session, or the refusal."""
    c = srv.connect()
    if mechanism == "LOGIN":
        r = c.cmd(f'LOGIN "{userid}*{authcid}" {PASSWORD}')
    else:
        r = c.cmd("AUTHENTICATE PLAIN " + plain(userid, authcid))
    return c if r.status == "OK" else r


def is_refused(r):
    return getattr(r, "code", None) == "AUTHORIZATIONFAILED"


@pytest.fixture(scope="module")
def shared(module_server):
    srv = module_server({"proxyservers": "front group:fronts", "loginuseacl": "yes", "altnamespace": "no",
                         "admins": f"{ADMIN} group:staff", "loginrealms": "friends.example"})
    srv.fred, srv.anna = srv.new_user(), srv.new_user()
    for user in ("front", "second", "helper", f"{srv.fred}@friends.example", f"{srv.fred}@foes.example"):
        srv.set_password(user)
    group(srv, "add", "fronts", "second")
    group(srv, "add", "staff", "helper", srv.anna)
    group(srv, "remove", "staff", srv.anna)
    return srv


def tool(srv, program, *args, status=0):
    """One of our tools, where the store's owner can reach it."""
    path = srv.build / "imap/admin" / program
    if srv.build != BUILD and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / "imap/admin" / program, path)
    r = subprocess.run([path, "-C", srv.conf, *args], capture_output=True, text=True, timeout=60)
    assert r.returncode == status, r.stderr
    return r.stdout.splitlines()


def group(srv, *args, status=0):
    return tool(srv, "chapar", "group", *args, status=status)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_proxyservers(shared, mechanism):
    """A proxy has no rights of its own."""
    for proxy in ("front", "second"):
        c = act(shared, proxy, shared.fred, mechanism)
        c.ok("SELECT INBOX")
        assert c.ok("MYRIGHTS INBOX").untagged[0].endswith(b"lrswipkxtecdan")
    c = shared.login("front")
    assert c.cmd(f"SELECT user.{shared.fred}").status == "NO"
    assert c.cmd("CREATE user.x").status == "NO"


def test_name_of_two_in_mechanisms(shared):
    """Where there is no authorization identity to give, "fred*cyrus" does, as in UW and Dovecot."""
    c = shared.connect()
    assert c.cmd("AUTHENTICATE PLAIN " + plain("", f"{shared.fred}*{ADMIN}")).status == "OK"
    assert c.ok('LIST "" "%"').untagged == [b'LIST (\\HasNoChildren) "." INBOX']
    r = shared.connect().cmd("AUTHENTICATE PLAIN " + plain("", f"{shared.fred}*{shared.anna}"))
    assert is_refused(r)
    r = shared.connect().cmd("AUTHENTICATE PLAIN " + plain("", f"{shared.fred}*{ADMIN}", "wrong"))
    assert r.code == "AUTHENTICATIONFAILED"


def test_administrators_by_group(shared):
    assert shared.login("helper").cmd(f"CREATE user.{shared.fred}x").status == "OK"
    assert shared.login(shared.anna).cmd("CREATE user.notmine").status == "NO"
    act(shared, "helper", shared.fred).ok("SELECT INBOX")


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_loginuseacl(shared, mechanism):
    """The right a on his INBOX, whoever has it, by name or by group; and no other right."""
    boss = shared.admin()
    box, who = f"user.{shared.fred}", shared.new_user()
    assert is_refused(act(shared, who, shared.fred, mechanism))
    for entry in (who, f"group:team{who}"):
        boss.ok(f"SETACL {box} {entry} lrswipkxte")
        if entry != who:
            group(shared, "add", f"team{who}", who)
        assert is_refused(act(shared, who, shared.fred, mechanism))
        boss.ok(f"SETACL {box} {entry} +a")
        act(shared, who, shared.fred, mechanism).ok("SELECT INBOX")
        boss.ok(f"SETACL {box} -{entry} a")
        assert is_refused(act(shared, who, shared.fred, mechanism))
        boss.ok(f"DELETEACL {box} -{entry}")
        boss.ok(f"DELETEACL {box} {entry}")
    shared.wait_log(rf"badlogin: .* {who} for {shared.fred}: no right a on the INBOX")


def test_loginuseacl_makes_no_administrators(shared):
    """Who has a on an administrator's INBOX gets that mail and nothing else."""
    boss = shared.admin()
    boss.cmd(f"CREATE user.{ADMIN}")
    boss.ok(f"SETACL user.{ADMIN} {shared.anna} a")
    c = act(shared, shared.anna, ADMIN)
    c.ok("SELECT INBOX")
    assert c.cmd("CREATE user.somebody").status == "NO"
    assert c.cmd(f"GETACL user.{shared.fred}").status == "NO"


def test_loginuseacl_without_inbox(shared):
    assert is_refused(act(shared, shared.anna, "no-such-user-here"))


def test_loginrealms(shared):
    """fred@realm is our fred if the realm is a friend, and nobody else is."""
    assert shared.connect().cmd(f"LOGIN {shared.fred}@friends.example {PASSWORD}").status == "OK"
    r = shared.connect().cmd(f"LOGIN {shared.fred}@foes.example {PASSWORD}")
    assert is_refused(r)
    shared.wait_log(r"badlogin: .*cross-realm login \S+@foes\.example denied")


def ended(session):
    """The words with which it has, or None."""
    session.send(b"a NOOP\r\n")
    line = session.line()
    return line if b"BYE" in line else None


def test_deny(shared):
    """At once, with its words, for the service that is named; and it ends the session there is."""
    user = shared.new_user()
    tool(shared, "cyr_deny", "-s", "imaps,nntp", "-m", "Ask at desk 7", user.upper())
    session = shared.login(user)
    c = shared.connect(tls=True)
    r = c.cmd(f"LOGIN {user} {PASSWORD}")
    assert is_refused(r) and r.text.endswith("Ask at desk 7")
    tool(shared, "cyr_deny", user)
    assert [x for x in tool(shared, "cyr_deny", "-l") if x.startswith(user)] == [f"{user}\t*\t"]
    r = shared.connect().cmd(f"LOGIN {user} {PASSWORD}")
    assert r.text.endswith("Access to this service has been blocked")
    assert is_refused(act(shared, ADMIN, user)) and is_refused(act(shared, user, shared.fred))

    assert wait_for("the end of the session", lambda: ended(session)) == \
        b"* BYE [ALERT] Access to this service has been blocked"
    tool(shared, "cyr_deny", "-a", user)
    shared.login(user).ok("SELECT INBOX")
    tool(shared, "cyr_deny", "-a", user, status=1)
    tool(shared, "cyr_deny", "-a", "-s", "imap", user, status=64)


def test_deny_by_patterns(shared):
    """Both doors, or one; who may not act for him any more loses that session, too; mail comes in whatever is denied."""
    user = shared.new_user()
    tool(shared, "cyr_deny", "-s", "imap*,!imaps", "-m", "Only with TLS", user)
    assert shared.connect().cmd(f"LOGIN {user} {PASSWORD}").text.endswith("Only with TLS")
    c = shared.connect(tls=True)
    c.ok(f"LOGIN {user} {PASSWORD}")
    tool(shared, "cyr_deny", "-s", "*", user)
    with smtplib.LMTP("127.0.0.1", shared.lmtp_port) as lmtp:
        assert lmtp.sendmail("a@example.org", [user], b"Subject: x\r\n\r\nx\r\n") == {}
    tool(shared, "cyr_deny", "-a", user)
    c = shared.login(user)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 1")
    tool(shared, "cyr_deny", "-s", "lmtp,pop3*", user)
    c.ok("NOOP")
    shared.login(user)
    tool(shared, "cyr_deny", "-a", user)

    shared.set_password("third")
    group(shared, "add", "fronts", "third")
    session = act(shared, "third", user)
    session.ok("SELECT INBOX")
    tool(shared, "cyr_deny", "-m", "You are on leave", "third")
    assert wait_for("the end", lambda: ended(session)) == b"* BYE [ALERT] You are on leave"
    c.ok("NOOP")


def test_deny_list_that_cannot_be_read(make_server):
    """One of Cyrus's other formats: nobody is let in by mistake."""
    srv = make_server()
    user = srv.new_user()
    (srv.dir / "config/user_deny.db").write_bytes(b"\xa1\x02\x8b\x0dtwoskip file\0\0\0\0" + bytes(64))
    srv.expect("user_deny.db is no text")
    r = srv.connect().cmd(f"LOGIN {user} {PASSWORD}")
    assert r.status == "NO" and r.code == "UNAVAILABLE"
    (srv.dir / "config/user_deny.db").unlink()
    srv.login(user)


def test_own_groups_in_acls(shared):
    """group:NAME gives and takes; who is put in or out is so from the next login on."""
    boss = shared.admin()
    one, two = shared.new_user(), shared.new_user()
    box = f"shared{one}"
    boss.ok(f"CREATE {box}")
    boss.ok(f"DELETEACL {box} anyone")
    boss.ok(f"SETACL {box} group:readers lr")
    boss.ok(f"SETACL {box} group:writers i")
    boss.ok(f"SETACL {box} -group:banned l")
    group(shared, "add", "readers", one, two)
    group(shared, "add", "writers", two)
    group(shared, "add", "banned", "somebody")
    assert shared.login(one).ok(f"MYRIGHTS {box}").untagged == [f"MYRIGHTS {box} lr".encode()]
    assert shared.login(two).ok(f"MYRIGHTS {box}").untagged == [f"MYRIGHTS {box} lri".encode()]
    group(shared, "add", "banned", two)
    assert shared.login(two).ok(f"MYRIGHTS {box}").untagged == [f"MYRIGHTS {box} ri".encode()]
    assert group(shared, "of", two) == ["banned", "readers", "writers"]
    group(shared, "forget", two)
    assert group(shared, "of", two) == [] and group(shared, "list", "writers") == []
    assert shared.login(two).cmd(f"MYRIGHTS {box}").status == "NO"
    group(shared, "delete", "readers")
    assert shared.login(one).cmd(f"MYRIGHTS {box}").status == "NO"
    group(shared, "list", "readers", status=1)
    group(shared, "add", "no good", one, status=1)
    group(shared, "add", "good", "no/good", status=65)


def test_group_of_a_renamed_account(shared):
    old = shared.new_user()
    group(shared, "add", f"g{old}", old)
    boss = shared.admin()
    boss.ok(f"SETACL user.{old} {ADMIN} x")
    boss.ok(f"RENAME user.{old} user.{old}n")
    assert group(shared, "list", f"g{old}") == [f"{old}n"]


def test_groups_that_cannot_be_read(make_server):
    """Nobody gets anything by a group then, what groups take away is gone, and nobody is locked out."""
    srv = make_server({"unix_group_enable": "no"})
    user = srv.new_user()
    boss = srv.admin()
    boss.ok("CREATE board")
    for who, rights in (("anyone", "lrs"), ("group:writers", "w"), ("-group:banned", "s")):
        boss.ok(f"SETACL board {who} {rights}")
    name = "Shared Folders.board" if b"Shared" in boss.ok("NAMESPACE").untagged[0] else "board"
    group(srv, "add", "writers", user)
    c = srv.login(user)
    assert c.ok(f'MYRIGHTS "{name}"').untagged[0].endswith(b"lrsw")
    path = srv.dir / "config/groups"
    text = path.read_bytes()
    path.unlink()
    path.mkdir()
    srv.expect("groups: Is a directory")
    late = srv.login(user)
    assert late.ok(f'MYRIGHTS "{name}"').untagged[0].endswith(b"lr")
    late.ok("SELECT INBOX")
    # Who had asked before goes on with what he knows.
    assert c.ok(f'MYRIGHTS "{name}"').untagged[0].endswith(b"lrsw")
    group(srv, "of", user, status=75)
    path.rmdir()
    path.write_bytes(text)
    if srv.owner:
        os.chown(path, srv.owner.pw_uid, srv.owner.pw_gid)
    assert srv.login(user).ok(f'MYRIGHTS "{name}"').untagged[0].endswith(b"lrsw")
