"""POP3 with frontd: what passes from one process to the other; who dies, what is lost.

What a client hears is the other tests' affair, which pass with frontd and without it."""
import hashlib
import os
import re
import signal

import pytest
from chapar import PASSWORD, check_log, children, wait_for
from pop3 import Pop3, PopServer

ON = {"frontd": "yes", "frontd_processes": "2"}


@pytest.fixture(scope="module")
def front():
    """One server for all that do not kill it."""
    srv = PopServer({**ON, "sasl_mech_list": "PLAIN LOGIN CRAM-MD5"}, name="popfront")
    srv.start()
    yield srv
    srv.stop()
    try:
        check_log(srv)
    finally:
        srv.remove()


def apop(c, user, challenge=None):
    challenge = challenge or re.search(r"<.*>", c.greeting.text)[0]
    return c.cmd(f"APOP {user} " + hashlib.md5((challenge + PASSWORD).encode()).hexdigest())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_what_follows_a_login_is_not_lost(front, tls, messages):
    """RFC 2449 section 6.6; the worker finds in its own what was sent to frontd."""
    user = front.new_user()
    front.deliver(user, *messages)
    c = front.pop_connect(tls)
    c.send(f"CAPA\r\nUSER {user}\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 3\r\n" + "NOOP\r\n" * 2000 + "QUIT\r\n")
    assert c.reply().ok and b"PIPELINING" in c.body()
    assert c.reply().ok and c.reply().text == "Mailbox open"
    assert c.reply().text.startswith("3 ") and c.reply().ok
    assert b"\r\n".join(c.body()) + b"\r\n" == messages[2]
    assert all(c.line() == b"+OK" for _ in range(2000))
    assert c.reply().text == "Bye" and c.is_closed()


def test_modes_go_along(front):
    """UTF8 and LANG are said before login, too."""
    user = front.new_user()
    subject = "Subject: ä\r\n\r\nx\r\n".encode()
    front.deliver(user, subject)
    c = front.pop_connect()
    c.ascii = False
    c.ok("UTF8")
    c.ok("LANG de")
    assert c.login(user).text == "Postfach geöffnet"
    assert c.retr(1) == subject


def test_capa_is_the_same_after_login(front):
    """RFC 2449 section 5; but for what is said only then, or only before."""
    for tls in (False, True):
        c = front.pop_connect(tls)
        before = c.capa()
        c.login(front.new_user())
        after = c.capa()
        assert "STLS" not in after and after.pop("IMPLEMENTATION")
        assert ("STLS" in before) != tls
        before.pop("STLS", None)
        before.pop("IMPLEMENTATION", None)
        assert after == before


def test_nothing_survives_stls(front):
    """CVE-2011-0411: what came in the clear behind STLS is not taken for what came through TLS."""
    c = front.pop_connect()
    c.send(b"STLS\r\nQUIT\r\n")
    assert c.reply().ok
    c.file.close()
    c.sock = front.tls.wrap_socket(c.sock, server_hostname="localhost")
    c.file = c.sock.makefile("rb")
    c.login(front.new_user())


def test_a_challenge_is_for_one_connection(front):
    user = front.new_user()
    a, b = front.pop_connect(), front.pop_connect()
    assert a.greeting.text != b.greeting.text
    assert apop(b, user, re.search(r"<.*>", a.greeting.text)[0]).code == "AUTH"
    assert apop(b, user).ok and apop(a, user).ok


def test_strangers_cost_neither_worker_nor_dialogue(make_pop):
    srv = make_pop(ON)
    user = srv.new_user()
    srv.pop(user).quit()
    strangers = [Pop3(("127.0.0.1", srv.pop_port)) for _ in range(100)]
    assert len(children(srv, "pop3d")) <= 2     # of which one is the template
    for pid in children(srv, "authd"):
        assert len(os.listdir(f"/proc/{pid}/fd")) < 50
    srv.pop(user).quit()
    for c in strangers:
        c.close()


def test_authd_is_killed(make_pop):
    """Another one knows a challenge of the last, but not what was said in an exchange."""
    srv = make_pop(ON)
    srv.expect("worker .* died|ended before it served")
    user = srv.new_user()
    c, e = srv.pop_connect(), srv.pop_connect()
    e.send("AUTH PLAIN\r\n")
    assert e.line() == b"+ "
    for pid in children(srv, "authd"):
        os.kill(pid, signal.SIGKILL)
    wait_for("others", lambda: children(srv, "authd"))
    assert e.cmd("AGZyZWQAd3Jvbmc=").code == "SYS/TEMP"
    assert e.login(user).ok
    assert apop(c, user).ok


def test_reload_drops_nobody(make_pop):
    srv = make_pop(ON)
    user = srv.new_user()
    early, late = srv.pop_connect(), srv.pop(user)
    secret = srv.pop_connect(tls=True)
    secret.login(user)
    old = children(srv, "frontd")
    srv.process.send_signal(signal.SIGHUP)
    wait_for("new frontds", lambda: set(children(srv, "frontd")) - set(old))
    for c in (late, secret):
        c.ok("NOOP")
        c.quit()
    assert apop(early, user).ok
    early.quit()
    srv.pop(user).quit()
    wait_for("the old ones' end", lambda: not set(children(srv, "frontd")) & set(old))


def test_no_worker_is_there_in_time(make_pop):
    """maxchild: he waits, and comes in when there is room."""
    srv = make_pop(ON, services="")
    srv.stop()
    path = srv.dir / "cyrus.conf"
    path.write_text(re.sub(r'(pop3 cmd="pop3d".*)prefork=0', r"\1prefork=0 maxchild=1", path.read_text()))
    srv.start()
    user = srv.new_user()
    srv.expect("all 1 workers")
    first = srv.pop(user)
    second = srv.pop_connect()
    second.send(f"USER {user}\r\nPASS {PASSWORD}\r\nSTAT\r\n")
    assert second.reply().ok
    srv.wait_log(r"all 1 workers")
    first.quit()
    assert second.reply().text == "Mailbox open"
    assert second.reply().ok


def test_shutdown_notice(make_pop):
    """Also to who is connected already, and has not logged in."""
    srv = make_pop(ON)
    early = srv.pop_connect()
    (srv.dir / "config/msg").mkdir(exist_ok=True)
    (srv.dir / "config/msg/shutdown").write_text("Back at noon\n")
    late = srv.pop_connect()
    assert late.greeting.code == "SYS/TEMP" and late.greeting.text == "Back at noon"
    assert late.is_closed()

    def told():
        reply = early.cmd("CAPA")
        return reply.text == "Back at noon" or (reply.ok and early.body() is None)

    wait_for("the notice", told)
    assert early.is_closed()
