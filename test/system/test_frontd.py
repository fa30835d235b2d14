"""With frontd: who dies, what is lost; what passes from one process to the other."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess

import ports
import pytest
from chapar import BUILD, PASSWORD, PATIENCE, PROGRAMS, wait_for
from test_abuse import asan, children, status_kb

ON = {"frontd": "yes", "frontd_processes": "2"}


@pytest.fixture
def srv(make_server):
    return make_server(ON)


@pytest.fixture(scope="module")
def server(module_server):
    return module_server(ON)


def status(srv):
    path = srv.dir / "config/master.status"
    path.unlink(missing_ok=True)
    srv.process.send_signal(signal.SIGUSR1)
    wait_for("the status", path.exists)
    return path.read_text()


def raw(srv, port=None):
    s = socket.create_connection(("127.0.0.1", port or srv.imap_port), PATIENCE)
    return s, s.makefile("rb")


def until(file, tag):
    lines = []
    while True:
        line = file.readline()
        assert line, lines
        lines.append(line)
        if line.startswith(tag):
            return lines


# ------------------------------------------------------------------ passing on

def test_what_follows_a_login_is_not_lost(server):
    """Commands that were sent together with LOGIN are the worker's."""
    user = server.new_user()
    s, f = raw(server)
    message = b"Subject: x\r\n\r\n" + b"text\r\n" * 2000
    s.sendall(b"a LOGIN %s %s\r\nb SELECT INBOX\r\nc APPEND INBOX {%d+}\r\n%s\r\n"
              b"d FETCH 1 RFC822.SIZE\r\ne LOGOUT\r\n"
              % (user.encode(), PASSWORD.encode(), len(message), message))
    lines = until(f, b"e ")
    assert b"* 1 FETCH (RFC822.SIZE %d)\r\n" % len(message) in lines
    assert f.read() == b""


def test_the_last_of_much_is_heard(make_server):
    """Nothing more comes to wake a frontd that has stopped reading, for others' sake, in between."""
    server = make_server(ON, start=False)
    server.env["CHAPAR_KEEP_STOPPED"] = "yes"
    server.start()
    frontds = children(server, "frontd")
    for quarter in range(1, 33):
        s, f = raw(server)
        assert f.readline().startswith(b"* OK")
        for pid in frontds:
            os.kill(pid, signal.SIGSTOP)
        try:
            s.sendall(b"a LOGIN ".ljust(quarter * 16384 - 2, b"x") + b"\r\n")
        finally:
            for pid in frontds:
                os.kill(pid, signal.SIGCONT)
        assert f.readline().startswith(b"a BAD") or quarter < 4
        s.close()


def test_the_same_with_a_synchronizing_literal(server):
    user = server.new_user()
    s, f = raw(server)
    f.readline()
    s.sendall(b"a LOGIN {%d}\r\n" % len(user))
    assert f.readline() == b"+ go ahead\r\n"
    s.sendall(b"%s {%d}\r\n" % (user.encode(), len(PASSWORD)))
    assert f.readline() == b"+ go ahead\r\n"
    s.sendall(PASSWORD.encode() + b"\r\nb NOOP\r\n")
    assert until(f, b"b ")[-1] == b"b OK Completed\r\n"


def test_nothing_survives_starttls(server):
    """RFC 3501 section 6.2.1, CVE-2011-0411: commands behind STARTTLS in the clear are not run."""
    s, f = raw(server)
    f.readline()
    s.sendall(b"a STARTTLS\r\nb NOOP\r\n")
    assert f.readline().startswith(b"a OK")
    t = server.tls.wrap_socket(s, server_hostname="localhost")
    t.sendall(b"c NOOP\r\n")
    assert t.recv(100) == b"c OK Completed\r\n"


def test_much_through_tls(server):
    """Both ways, more than any buffer holds, and the last byte comes before the end."""
    user = server.new_user()
    message = os.urandom(6_000_000).hex().encode()
    message = b"Subject: x\r\n\r\n" + b"\r\n".join(message[i:i + 76] for i in range(0, len(message), 76))
    c = server.connect(tls=True)
    c.login(user)
    c.append("INBOX", message)
    c.ok("SELECT INBOX")
    assert message in c.ok("FETCH 1 BODY.PEEK[]").untagged[0]
    c.send("x FETCH 1 BODY.PEEK[]\r\ny LOGOUT\r\n")
    c.wait("x")
    assert c.wait("y").status == "OK"
    assert c.file.read() == b""         # ended in order: SSLEOFError else


def test_who_does_not_read_is_waited_for(server):
    """A client that asks for a hundred megabytes and reads none costs frontd no memory."""
    user = server.new_user()
    c = server.connect(tls=True)
    c.login(user)
    c.append("INBOX", b"Subject: x\r\n\r\n" + b"0123456789abcdef\r\n" * 100_000)
    c.ok("SELECT INBOX")
    c.send("".join(f"x{i} FETCH 1 BODY.PEEK[]\r\n" for i in range(60)))
    server.login(user).ok("NOOP")
    for pid in children(server, "frontd"):
        kb = int(re.search(r"VmRSS:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
        assert kb < 200_000
    for i in range(60):
        c.wait(f"x{i}")


def test_a_client_that_only_stops_sending(server):
    """TCP's half-close: what was asked is answered."""
    user = server.new_user()
    s, f = raw(server)
    s.sendall(b"a LOGIN %s %s\r\nb NOOP\r\n" % (user.encode(), PASSWORD.encode()))
    s.shutdown(socket.SHUT_WR)
    assert until(f, b"b ")[-1] == b"b OK Completed\r\n"


@pytest.mark.parametrize("tls", [False, True])
def test_unauthenticate_and_again(server, tls):
    """RFC 8437: the connection comes back, with what was sent behind the command."""
    first, second = server.new_user(), server.new_user()
    c = server.connect(tls=tls)
    for user in (first, second, first):
        c.login(user)
        c.ok("SELECT INBOX")
        c.send("u UNAUTHENTICATE\r\nv NOOP\r\nw SELECT INBOX\r\n")
        assert c.wait("u").status == "OK"
        assert c.wait("v").status == "OK"
        assert c.wait("w").text == "Please login first"


def test_language_goes_along(server):
    user = server.new_user()
    c = server.connect()
    c.ok("LANGUAGE de")
    assert c.login(user).text.endswith("Angemeldet")


def test_cancelled_and_too_many(server):
    c = server.connect()
    c.send("a AUTHENTICATE PLAIN\r\n")
    assert c.line() == b"+ "
    c.send("*\r\n")
    assert c.wait("a").status == "BAD"
    for _ in range(4):
        assert c.cmd("LOGIN nobody wrong").code == "AUTHENTICATIONFAILED"
    c.send("z LOGIN nobody wrong\r\n")
    assert c.line() == b"* BYE Too many failed logins"
    assert c.wait("z").status == "NO"
    assert c.is_closed()


def test_a_failed_login_costs_time(make_server):
    """The answer is held back, and so is what was sent behind the command; others are served."""
    srv = make_server({**ON, "failedloginpause": "1s"})
    user = srv.new_user()
    c = srv.connect()
    c.send("a LOGIN nobody wrong\r\nb NOOP\r\n")
    other = srv.login(user)
    other.ok("NOOP")
    c.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        c.sock.recv(1)
    c.sock.settimeout(PATIENCE)
    c.file = c.sock.makefile("rb")
    assert c.wait("a").status == "NO"
    assert c.wait("b").status == "OK"


# ------------------------------------------------------------------ counting

def test_a_new_limitd_is_told_of_those_who_are_there(make_server):
    """Also if they are more than may be asked about at once."""
    srv = make_server({**ON, "frontd_processes": "1", "limits_exempt": "192.0.2.0/24", "maxconnections_per_host": "100"})
    srv.expect("limitd")

    def is_full():
        """Two at once: one of the others may not be counted, having been one too many for a moment."""
        probes = [srv.connect(source="127.0.2.1") for _ in range(2)]
        full = any(b"Too many" in c.greeting for c in probes)
        for c in probes:
            c.close()
        return full

    early = [srv.connect(source="127.0.2.1") for _ in range(100)]
    assert is_full()
    (old,) = children(srv, "limitd")
    os.kill(old, signal.SIGKILL)
    wait_for("another limitd that counts them", is_full)
    for c in early[:50]:
        c.close()
    wait_for("room", lambda: not is_full())


# ------------------------------------------------------------------ behind a proxy

HEADER = b"PROXY TCP4 198.51.100.7 192.0.2.2 4711 143\r\n"


@pytest.fixture(scope="module")
def proxied(module_server):
    """One frontd, so that who dawdles is in the way of all or of nobody."""
    pop, imaps, pops = ports.several(3)
    srv = module_server({**ON, "frontd_processes": "1", "proxy_networks": "127.0.0.0/8"}, services=(
        f'pp cmd="pop3d -H" listen="127.0.0.1:{pop}" prefork=0\n'
        f'pi cmd="imapd -sH" listen="127.0.0.1:{imaps}" prefork=0\n'
        f'ps cmd="pop3d -H -s" listen="127.0.0.1:{pops}" prefork=0'))
    srv.proxied = {"pp": pop, "pi": imaps, "ps": pops}
    return srv


def test_a_header_in_pieces(proxied):
    """Nobody waits for whoever is slow with it, and what follows is the client's."""
    user = proxied.new_user()
    slow, f = raw(proxied, proxied.proxied["pp"])
    for i, byte in enumerate(HEADER):
        slow.sendall(bytes([byte]))
        if i % 10 == 0:
            proxied.connect().ok("NOOP")
    slow.sendall(b"QUIT\r\n")
    assert f.readline().startswith(b"+OK ")
    assert f.readline() == b"+OK Bye\r\n" and f.read() == b""
    assert proxied.login(user).ok("NOOP")


@pytest.mark.parametrize("name", ["pi", "ps"])
def test_tls_behind_a_header(proxied, name):
    user = proxied.new_user()
    s, _ = raw(proxied, proxied.proxied[name])
    s.sendall(HEADER)
    with proxied.tls.wrap_socket(s, server_hostname="localhost") as t:
        assert t.recv(2000).startswith(b"* OK " if name == "pi" else b"+OK ")
        t.sendall(f"a LOGIN {user} {PASSWORD}\r\n".encode() if name == "pi"
                  else f"USER {user}\r\nPASS {PASSWORD}\r\n".encode())
        proxied.wait_log(rf"login: \[198\.51\.100\.7\] {user} plaintext\+TLS")


def test_who_says_nothing_is_forgotten(proxied):
    """After ten seconds; and who hangs up at once."""
    s, f = raw(proxied, proxied.proxied["pp"])
    other, g = raw(proxied, proxied.proxied["pp"])
    other.sendall(HEADER[:20])
    other.shutdown(socket.SHUT_WR)
    assert g.read() == b""
    assert f.read() == b""
    assert len(re.findall("has said nothing in the PROXY protocol", proxied.log())) >= 2
@pytest.mark.parametrize("tls", [False, True])
def test_groups_when_an_acl_has_some(server, tls):
    """The worker asks for them in its session, not before: whoever was added after login is in."""
    fred, anna = server.new_user(), server.new_user()
    box = f"board{tls}"
    admin = server.admin()
    admin.ok(f"CREATE {box}")
    admin.ok(f"DELETEACL {box} anyone")
    admin.ok(f"SETACL {box} group:g{tls} lr")
    c, d = server.connect(tls=tls), server.connect(tls=tls)
    c.login(fred)
    d.login(anna)
    done = subprocess.run([BUILD / "imap/admin/chapar", "-C", server.conf, "group", "add",
                           f"g{tls}", fred], timeout=60, check=False)
    assert done.returncode == 0
    assert c.ok(f"MYRIGHTS {box}").untagged[0].endswith(b" lr")
    assert d.cmd(f"MYRIGHTS {box}").status == "NO"
    c.ok("UNAUTHENTICATE")
    c.login(anna)
    assert c.cmd(f"MYRIGHTS {box}").status == "NO"


def test_groups_without_a_frontd(srv):
    """Nobody can be asked: what a group may do is not granted, and the session goes on."""
    srv.expect("service frontd: worker .* (died|ended)|service frontd: worker \\d+ ended before"
               "|does not say in which groups")
    fred = srv.new_user()
    admin = srv.admin()
    admin.ok("CREATE board")
    admin.ok("DELETEACL board anyone")
    admin.ok("SETACL board group:g lr")
    c = srv.login(fred)
    for pid in children(srv, "frontd"):
        os.kill(pid, signal.SIGKILL)
    assert c.cmd("MYRIGHTS board").status == "NO"
    c.ok("NOOP")
    srv.wait_log("does not say in which groups")


@pytest.mark.parametrize("more", [ON, {"frontd": "no"}])
def test_one_user_workers(make_server, more):
    """A worker with a client has neither queue nor listener, and serves nobody after him."""
    srv = make_server({**more, "one_user_workers": "yes"})
    user = srv.new_user()

    def worker():
        return next(int(p.name) for p in (srv.dir / "config/proc").iterdir()
                    if f"\t{user}\t" in p.read_text())

    seen = set()
    for tls in (False, True, False):
        c = srv.connect(tls=tls)
        c.login(user)
        c.ok("SELECT INBOX")
        pid = worker()
        assert pid not in seen
        seen.add(pid)
        assert os.readlink(f"/proc/{pid}/fd/4") == "anon_inode:[eventfd]"
        c.ok("LOGOUT")
        wait_for("the worker's end", lambda: not os.path.exists(f"/proc/{pid}/fd"))


# ------------------------------------------------------------------ who dies

def test_worker_is_killed(srv):
    """Its session ends, with TLS too; the next one finds another."""
    srv.expect("died with a client")
    user = srv.new_user()
    for tls in (False, True):
        c = srv.connect(tls=tls)
        c.login(user)
        witness = srv.login(user)
        busy = {int(p) for p in re.findall(r"worker (\d+) service=imaps? state=busy", status(srv))}
        worker = [p for p in busy if user in (srv.dir / f"config/proc/{p}").read_text()]
        for pid in worker:
            os.kill(pid, signal.SIGKILL)
        assert c.is_closed()
        assert witness.is_closed()
        srv.login(user).ok("NOOP")


def test_authd_is_killed(srv):
    """Who is in the middle of an exchange is told to try again, and it works."""
    srv.expect("worker .* died|ended before it served")
    user = srv.new_user()
    c = srv.connect()
    c.send("a AUTHENTICATE PLAIN\r\n")
    assert c.line() == b"+ "
    for pid in children(srv, "authd"):
        os.kill(pid, signal.SIGKILL)
    wait_for("others", lambda: children(srv, "authd"))
    c.send("AGZyZWQAd3Jvbmc=\r\n")
    assert c.wait("a").code == "UNAVAILABLE"
    c.login(user)
    c.ok("NOOP")


def test_frontd_is_killed(srv):
    """Its own connections are lost: those before login and those with TLS. Plain ones that
    have been handed over go on, and so does everybody else."""
    srv.expect("service frontd: worker .* (died|ended)|service frontd: worker \\d+ ended before")
    user = srv.new_user()
    plain, secret, early = srv.login(user), srv.connect(tls=True), srv.connect()
    secret.login(user)
    for pid in children(srv, "frontd"):
        os.kill(pid, signal.SIGKILL)
    plain.ok("NOOP")
    assert early.is_closed()
    with contextlib.suppress(ssl.SSLError):     # cut off: no close_notify
        assert secret.is_closed()
    wait_for("a frontd", lambda: srv.answers())
    srv.login(user).ok("NOOP")
    plain.ok("UNAUTHENTICATE")
    assert plain.is_closed()


def test_master_is_killed(srv):
    """Sessions go on, and the next master has the address at once."""
    user = srv.new_user()
    c, t = srv.login(user), srv.connect(tls=True)
    t.login(user)
    srv.process.kill()
    srv.process.wait()
    srv.spawn()
    wait_for("the next master", srv.answers)
    c.ok("NOOP")
    t.ok("NOOP")
    srv.login(user).ok("NOOP")


# ------------------------------------------------------------------ reload, upgrade, drain

def test_reload_drops_nobody(srv):
    """Sessions go on, and who was about to log in does."""
    user = srv.new_user()
    plain, secret = srv.login(user), srv.connect(tls=True)
    secret.login(user)
    early = srv.connect()
    early.send("a LOGIN {%d}\r\n" % len(user))
    assert early.line() == b"+ go ahead"
    old = set(children(srv, "frontd"))
    srv.process.send_signal(signal.SIGHUP)
    wait_for("new ones", lambda: len(set(children(srv, "frontd")) - old) >= 2)
    early.send(f'{user} "{PASSWORD}"\r\n')
    assert early.wait("a").status == "OK"
    for c in (plain, secret, early, srv.login(user), srv.connect(tls=True)):
        c.ok("NOOP")
    early.ok("UNAUTHENTICATE")
    early.login(user)
    secret.ok("LOGOUT")
    for c in (plain, early):
        c.ok("LOGOUT")
    wait_for("the old ones' end", lambda: not old & set(children(srv, "frontd")))


def test_new_certificate_at_a_reload(srv):
    def certificate():
        with contextlib.closing(srv.connect(tls=True)) as c:
            return c.sock.getpeercert(True)
    before = certificate()
    srv.make_certificate()
    if srv.owner:
        for name in ("key.pem", "cert.pem"):
            os.chown(srv.dir / name, srv.owner.pw_uid, srv.owner.pw_gid)
    old = set(children(srv, "frontd"))
    srv.process.send_signal(signal.SIGHUP)
    wait_for("the old ones' end", lambda: not old & set(children(srv, "frontd")))
    assert certificate() != before


def test_upgrade_in_place(srv):
    """Another master, the same process: nobody is refused, and the queues go along."""
    user = srv.new_user()
    plain, secret, early = srv.login(user), srv.connect(tls=True), srv.connect()
    secret.login(user)
    srv.process.send_signal(signal.SIGUSR2)
    srv.wait_log("process upgraded")
    early.login(user)
    for c in (plain, secret, early, srv.login(user)):
        c.ok("NOOP")
    plain.ok("UNAUTHENTICATE")
    plain.login(user)


def login_or_try_again(c, user):
    c.send(f"a LOGIN {user} {PASSWORD}\r\n")
    line = c.line()
    assert re.match(rb"a OK |a NO \[UNAVAILABLE\] |\* BYE ", line), line


def test_upgrade_to_frontd_and_back(make_server):
    """By the option alone: sessions go on, and who has not logged in can, or is told to try again."""
    srv = make_server({"frontd": "no"})
    user = srv.new_user()
    conf = srv.conf.read_text()
    sessions = []
    for n, options in enumerate((conf.replace("frontd: no\n", ""), conf)):
        sessions.append(srv.login(user))
        early = srv.connect()
        srv.conf.write_text(options)
        srv.process.send_signal(signal.SIGUSR2)
        wait_for("the new image", lambda n=n: srv.log().count("process upgraded") == n + 1)
        sessions.append(srv.login(user))
        if n == 0:
            assert children(srv, "frontd")
            early.login(user)
        else:
            login_or_try_again(early, user)
        early.close()
        for c in sessions:
            c.ok("NOOP")
    for c in sessions:
        c.close()
    wait_for("the end of frontd", lambda: not children(srv, "frontd"))


def test_upgrade_with_services_in_another_order(srv):
    """Each has its own queue again, or a session would come to another service's worker."""
    user = srv.new_user()
    early = [srv.connect(), srv.connect(tls=True)]
    conf = srv.dir / "cyrus.conf"
    lines = conf.read_text().splitlines()
    at = [i for i, line in enumerate(lines) if line.startswith("imap")]
    assert len(at) == 2
    lines[at[0]], lines[at[1]] = lines[at[1]], lines[at[0]]
    conf.write_text("\n".join(lines) + "\n")
    srv.process.send_signal(signal.SIGUSR2)
    srv.wait_log("process upgraded")
    for c in (*early, srv.connect(), srv.connect(tls=True)):
        c.login(user)
        c.ok("NOOP")


def test_upgrade_to_other_messages(make_server):
    """An image whose processes speak otherwise has queues of its own.  Sessions go on; who has not
    logged in may have to try again, but is told so."""
    srv = make_server(ON, start=False)
    mine = srv.dir / "other"
    for program in PROGRAMS:
        (mine / program).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(srv.build / program, mine / program)
    srv.build = mine
    srv.start()
    user = srv.new_user()
    plain, secret = srv.login(user), srv.connect(tls=True)
    secret.login(user)
    early = [srv.connect(tls=n % 2 == 1) for n in range(6)]
    master = (mine / "master/master").read_bytes()
    for name in (b"+queue\0", b"+workers\0", b"+logins\0", b"+authds\0", b"+grants\0"):
        assert master.count(name) == 1
        master = master.replace(name, name.replace(b"+", b"-"))
    other = mine / "master.other"
    other.write_bytes(master)
    other.chmod(0o755)
    other.rename(mine / "master/master")
    srv.process.send_signal(signal.SIGUSR2)
    srv.wait_log("process upgraded")
    for c in (plain, secret, srv.login(user)):
        c.ok("NOOP")
    for c in early:
        login_or_try_again(c, user)
    for c in (plain, secret, srv.login(user)):
        c.ok("NOOP")


def test_drain(srv):
    """SIGTERM: who has not logged in hears goodbye, sessions hear it too, nobody is left."""
    user = srv.new_user()
    plain, secret, early = srv.login(user), srv.connect(tls=True), srv.connect()
    secret.login(user)
    srv.process.send_signal(signal.SIGTERM)
    srv.wait_log("ending: Terminated")
    plain.ok("NOOP")
    secret.ok("NOOP")
    srv.process.send_signal(signal.SIGTERM)
    assert early.line() == b"* BYE Server shutting down"
    assert plain.line() == b"* BYE Server shutting down"
    assert secret.line() == b"* BYE Server shutting down"
    srv.process.wait(PATIENCE)


# ------------------------------------------------------------------ many

def test_who_has_no_worker_waits(make_server):
    """maxchild: the third has logged in and waits; he is served when there is room."""
    srv = make_server(ON, workers="maxchild=2")
    user = srv.new_user()
    first, second = srv.login(user), srv.login(user)
    third = srv.connect()
    third.send(f'a LOGIN {user} "{PASSWORD}"\r\nb NOOP\r\n')
    srv.wait_log(r"all 2 workers \(maxchild\) are busy")
    first.ok("LOGOUT")
    assert third.wait("a").status == "OK"
    assert third.wait("b").status == "OK"
    second.ok("NOOP")


def test_strangers_cost_no_worker(srv):
    """Hundreds who say nothing: no worker, no authd, little memory."""
    user = srv.new_user()
    processes = children(srv, "frontd")
    sanitized = asan(processes[0])
    before = sum(status_kb(p, "VmRSS") for p in processes)
    with contextlib.ExitStack() as all_of_them:
        for _ in range(500):
            s, f = raw(srv)
            all_of_them.callback(s.close)
            assert f.readline().startswith(b"* OK")
        srv.login(user).ok("NOOP")
        assert len(children(srv, "imapd")) < 6
        assert sanitized or sum(status_kb(p, "VmRSS") for p in processes) < before + 500 * 16


def test_frontd_has_neither_store_nor_keys_of_grants(srv):
    """What it has open: sockets, its log, configdirectory for msg/shutdown; no memory file."""
    srv.admin()
    for pid in children(srv, "frontd"):
        for fd in pathlib.Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                target = os.readlink(fd)
                assert "grant-key" not in target and "spool" not in target
                assert ".db" not in target and "sasldb" not in target


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second process of the servers' user")
def test_nobody_looks_into_them(srv):
    """Tried: the memory and the descriptors of frontd and authd, as their own user."""
    srv.login(srv.new_user())
    for name in ("frontd", "authd"):
        for pid in children(srv, name):
            if b"template" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes():
                continue
            for what in ("mem", "environ", "fd/3"):
                r = subprocess.run(["/usr/bin/head", "-c", "1", f"/proc/{pid}/{what}"],
                                   user=srv.owner.pw_uid, group=srv.owner.pw_gid,
                                   extra_groups=[], capture_output=True, text=True)
                assert "Permission denied" in r.stderr, (name, what, r.stderr)
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            assert "NoNewPrivs:\t1" in status


def test_by_hand(server):
    """It is master's; started by hand it says so."""
    r = subprocess.run([server.build / "imap/frontd/frontd", "-C", server.conf],
                       capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert r.returncode == 64 and "is started by master" in r.stderr
