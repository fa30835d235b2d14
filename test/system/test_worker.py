"""A worker's life: proc files, telemetry, msg/shutdown and msg/motd,
autologout, reuse, by hand (imapd(8))."""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
from chapar import ADMIN, FRONTD, PASSWORD, children, wait_for


def proc_files(srv):
    return {int(p.name): p.read_text() for p in (srv.dir / "config/proc").iterdir()}


def test_proc_files(server, user):
    c = server.login(user)
    mine = [x for x in proc_files(server).values() if user in x]
    assert mine == [f"imap\t[127.0.0.1]\t{user}\t\n"]
    c.ok("SELECT INBOX")
    mine = [x for x in proc_files(server).values() if user in x]
    assert mine == [f"imap\t[127.0.0.1]\t{user}\tuser.{user}\n"]
    c.ok("LOGOUT")
    wait_for("the proc file to be empty",
             lambda: not [x for x in proc_files(server).values() if user in x])


def test_process_title(server, user):
    server.login(user).ok("SELECT INBOX")
    pid = [p for p, text in proc_files(server).items() if user in text][0]
    title = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    assert title.startswith(f"imapd: imap: [127.0.0.1] {user} user.{user}")


def test_reuse(make_server):
    srv = make_server()
    pids = set()
    for _ in range(5):
        c = srv.admin()
        pids |= {p for p, text in proc_files(srv).items() if "cyrus" in text}
        c.ok("LOGOUT")
        assert c.is_closed()
    assert len(pids) < 5


def test_telemetry(server, user):
    folder = server.dir / "config/log" / user
    folder.mkdir()
    os.chown(folder, (server.dir / "config").stat().st_uid, -1)
    c = server.login(user)
    c.ok("NOOP")
    logs = list(folder.iterdir())
    assert len(logs) == 1
    wait_for("the telemetry", lambda: "OK Completed" in logs[0].read_text())
    text = logs[0].read_text()
    assert re.search(r"<\d{9,}<t2 NOOP", text) and "secret" not in text


def test_motd(make_server):
    srv = make_server()
    (srv.dir / "config/msg/motd").write_text("Hello \x1b world\nsecond line\n")
    c = srv.connect()
    r = c.login(srv.new_user())
    assert r.untagged == [b"OK [ALERT] Hello  world"]


def test_shutdown_file(make_server):
    srv = make_server({"imapidlepoll": "1s"})
    c, idler = srv.login(srv.new_user()), srv.login(srv.new_user())
    idler.send(b"i IDLE\r\n")
    assert idler.line().startswith(b"+ ")
    (srv.dir / "config/msg/shutdown").write_text("Back at noon\n")
    late = raw(srv)
    assert late.readline() == b"* BYE [ALERT] Back at noon\r\n"

    def told():
        c.send(b"x NOOP\r\n")
        return c.response() == b"* BYE [ALERT] Back at noon"
    wait_for("BYE in a running session", lambda: time.sleep(0.2) or told())
    assert idler.line() == b"* BYE [ALERT] Back at noon"


def raw(srv):
    s = socket.create_connection(("127.0.0.1", srv.imap_port))
    s.settimeout(30)
    return s.makefile("rb")


def test_autologout(make_server):
    """Section 5.4: "the server ... SHOULD send BYE"."""
    srv = make_server({"timeout": "1s"})
    c = srv.login(srv.new_user())
    assert c.line().startswith(b"* BYE ")
    assert c.is_closed()


def test_stop_says_bye(make_server):
    srv = make_server()
    c = srv.login(srv.new_user())
    srv.process.send_signal(signal.SIGTERM)
    assert c.line() == b"* BYE Server shutting down"


def test_killed_worker(server, user):
    """A crash costs one session."""
    server.expect("killed by|signal 9|Killed")
    c, d = server.login(user), server.login(user)
    c.append("INBOX", b"Subject: x\r\n\r\n\r\n")
    c.ok("SELECT INBOX")
    d.ok("SELECT INBOX")
    pid = [p for p, text in proc_files(server).items() if user in text][0]
    os.kill(pid, signal.SIGKILL)
    server.wait_log(rf"worker {pid} died .* signal 9")      # now, not in the next test
    alive = [x for x in (c, d) if not closed(x)]
    assert len(alive) == 1
    assert alive[0].ok("SEARCH ALL").untagged == [b"SEARCH 1"]
    alive[0].append("INBOX", b"Subject: y\r\n\r\n\r\n")
    server.login(user).ok("SELECT INBOX")


def workers_of_imap(srv):
    """The workers of the service imap, and their template."""
    titles = {pid: pathlib.Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children(srv, "imapd")}
    template = [pid for pid, title in titles.items() if b": imap: template" in title]
    return [pid for pid in titles if pid not in template], template


def has_copied(pid):
    """It has done all that it was asked, and waits."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return "State:\tS" in status and re.findall(r"Pnd:\t(\d+)", status) == ["0" * 16] * 2 \
        and not pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text()


@pytest.mark.skipif(FRONTD, reason="silent clients get no worker")
def test_workers_that_come_late(make_server):
    """A worker that is not there within half a second is missed, and is one all the same when it comes."""
    srv = make_server(workers="maxchild=3", start=False)
    srv.env["CHAPAR_KEEP_STOPPED"] = "yes"
    srv.start()
    srv.connect().ok("NOOP")
    # A copy has the same title for a moment.
    wait_for("the template", lambda: len(workers_of_imap(srv)[1]) == 1)
    [template] = workers_of_imap(srv)[1]
    os.kill(template, signal.SIGSTOP)
    clients = [socket.create_connection(("127.0.0.1", srv.imap_port)) for _ in range(6)]
    for c in clients:
        c.sendall(f"a LOGIN {ADMIN} {PASSWORD}\r\n".encode())
    time.sleep(1.3)         # nothing happens but that master misses them
    os.kill(template, signal.SIGCONT)
    wait_for("the workers", lambda: len(workers_of_imap(srv)[0]) >= 3)
    wait_for("the template", lambda: has_copied(template))
    assert len(workers_of_imap(srv)[0]) == 3
    for c in clients:
        c.close()
    srv.connect().ok("NOOP")


def closed(c):
    try:
        c.send(b"k NOOP\r\n")
        return c.line() == b""
    except OSError:
        return True


def by_hand(srv, *options, text=b"", **more):
    return subprocess.run([srv.build / "imap/imapd/imapd", *options], input=text,
                          capture_output=True, timeout=60, **more)


def test_by_hand(server, user):
    """As under inetd: stdin and stdout."""
    out = by_hand(server, "-C", server.conf,
                  text=f"a LOGIN {user} secret\r\nb SELECT INBOX\r\nc LOGOUT\r\n".encode())
    assert out.returncode == 0
    assert b"b OK [READ-WRITE]" in out.stdout and b"c OK Completed\r\n" in out.stdout


def test_bad_usage(server):
    assert by_hand(server, "-Z").returncode == 64
    assert by_hand(server, "-U", "x").returncode == 64
    out = by_hand(server, "-C", "/nonexistent/imapd.conf")
    assert out.returncode == 78 and b"/nonexistent/imapd.conf" in out.stderr


def test_users_with_dots_keep_them(make_server):
    """The store's '^' is for the store: people and their tools see dots."""
    srv = make_server({"admins": "cyrus boss.man", "unixhierarchysep": "yes"})
    for user in ("joe.smith", "boss.man"):
        srv.set_password(user)
        srv.admin().ok(f"CREATE user/{user}")
    srv.login("joe.smith").ok("SELECT INBOX")
    mine = [x for x in proc_files(srv).values() if "joe" in x]
    assert mine and mine[0].startswith("imap\t[127.0.0.1]\tjoe.smith\tuser")
    srv.wait_log(r"login: \[127\.0\.0\.1\] joe\.smith plaintext")
    srv.login("boss.man").ok("CREATE user/new")
