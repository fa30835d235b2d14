"""Who may connect, and how often: networks, the PROXY protocol, limitd(8).

All of 127.0.0.0/8 is ours, so that one machine is many clients.
"""
import base64
import concurrent.futures
import contextlib
import os
import re
import signal
import socket
import struct
import time

import pytest

from chapar import FRONTD, PASSWORD, Imap, wait_for
import ports

HERE = {"limits_exempt": "192.0.2.0/24"}        # not loopback


def greeting(server, **more):
    """The first line, of a connection that stays open until the test ends."""
    return server.connect(**more).greeting


def refused(server, why, **more):
    c = server.connect(**more)
    return c.greeting.startswith(b"* BYE [UNAVAILABLE] " + why) and c.line() == b""


def login(server, user, **more):
    return server.connect(**more).cmd(f"LOGIN {user} {PASSWORD}")


# --- networks ---

def test_only_allowed_networks(make_server):
    server = make_server({"imap_allow_networks": "127.0.0.0/31 2001:db8::/32", "deny_networks": "all"}, start=False)
    server.start()
    assert greeting(server).startswith(b"* OK ")
    assert server.connect(source="127.0.0.2").greeting == b""
    server.wait_log(r"refused connect from \[127\.0\.0\.2\]: allow_networks")


def test_denied_networks(make_server):
    server = make_server({"deny_networks": "127.0.0.2, 127.0.1.0/24"})
    for source in "127.0.0.2", "127.0.1.77":
        assert server.connect(source=source).greeting == b""
        server.wait_log(rf"refused connect from \[{re.escape(source)}\]: deny_networks")
    assert greeting(server, source="127.0.0.3").startswith(b"* OK ")


def test_a_network_that_is_none_is_told(make_server):
    server = make_server({"imaps_deny_networks": "10.0.0.1/8"})
    server.expect(r'deny_networks: "10\.0\.0\.1/8" is no network|who may connect is not clear|service imaps: worker \d+ ended')
    socket.create_connection(("127.0.0.1", server.imaps_port)).close()     # wakes a worker
    server.wait_log(r'deny_networks: "10\.0\.0\.1/8" is no network; want 192\.0\.2\.0/24')


# --- the PROXY protocol ---

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(source, destination, command=0x21, more=b""):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    rest = (socket.inet_pton(family, source) + socket.inet_pton(family, destination) + struct.pack(">HH", 4711, 143)) + more
    return SIGNATURE + struct.pack(">BBH", command, 0x21 if family == socket.AF_INET6 else 0x11, len(rest)) + rest


@pytest.fixture(scope="module")
def proxied(module_server):
    port, tls_port = ports.several(2)
    server = module_server({"proxy_networks": "127.0.0.0/31", "deny_networks": "203.0.113.0/24", **HERE, "maxconnections_per_host": "40"},
                           services=(f'px cmd="imapd -H" listen="127.0.0.1:{port}" prefork=0\n'
                                     f'pxs cmd="imapd -H -s" listen="127.0.0.1:{tls_port}" prefork=0'))
    server.px, server.pxs = port, tls_port
    return server


@pytest.mark.parametrize("first,host", [
    (b"PROXY TCP4 198.51.100.7 192.0.2.2 4711 143\r\n", "198.51.100.7"),
    (b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 143\r\n", "2001:db8::7"),
    (b"PROXY TCP6 ::ffff:198.51.100.8 ::ffff:192.0.2.1 4711 143\r\n", "198.51.100.8"),
    (v2("198.51.100.9", "192.0.2.2"), "198.51.100.9"),
    (v2("2001:db8::9", "2001:db8::1", more=b"\x04\0\x02ab"), "2001:db8::9"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (v2("198.51.100.9", "192.0.2.2", 0x20), "127.0.0.1"),
], ids=["v1-4", "v1-6", "v1-mapped", "v2-4", "v2-6", "v1-unknown", "v2-local"])
def test_the_proxy_says_who_it_is(proxied, first, host):
    user = proxied.new_user()
    # What follows at once belongs to the client.
    c = Imap(("127.0.0.1", proxied.px), first=first + b"x NOOP\r\n")
    assert c.wait("x").status == "OK"
    # Whoever it is, he is not known to be on this machine: no password in the clear.
    assert "LOGINDISABLED" in c.greeting.decode()
    c.starttls(proxied.tls)
    c.login(user)
    proxied.wait_log(rf"login: \[{re.escape(host)}\] {user} ")
    c.close()


def test_tls_behind_the_header(proxied):
    user = proxied.new_user()
    raw = socket.create_connection(("127.0.0.1", proxied.pxs), 30)
    raw.sendall(b"PROXY TCP4 198.51.100.70 192.0.2.2 4711 993\r\n")
    with proxied.tls.wrap_socket(raw, server_hostname="localhost") as s:
        assert s.recv(2000).startswith(b"* OK ")
        s.sendall(f"a LOGIN {user} {PASSWORD}\r\n".encode())
        proxied.wait_log(rf"login: \[198\.51\.100\.70\] {user} plaintext\+TLS")


@pytest.mark.parametrize("first", [b"a LOGIN fred secret\r\n", b"PROXY TCP4 1.2.3.4\r\n", SIGNATURE + b"\x21\x11\xff\xff", b"\0" * 200],
                         ids=["none", "short", "long", "zeros"])
def test_no_header(proxied, first):
    assert Imap(("127.0.0.1", proxied.px), first=first).greeting == b""
    proxied.wait_log(r"\[127\.0\.0\.1\] does not speak the PROXY protocol")


def test_only_listed_proxies(proxied):
    # Nobody reads what he says, so the system may cut him off.
    with contextlib.suppress(ConnectionResetError):
        assert Imap(("127.0.0.1", proxied.px), source="127.0.0.2", first=b"PROXY TCP4 198.51.100.7 192.0.2.2 4711 143\r\n").greeting == b""
    proxied.wait_log(r"refused connect from \[127\.0\.0\.2\]: not in proxy_networks")


def test_lists_are_for_the_client_behind_the_proxy(proxied):
    assert Imap(("127.0.0.1", proxied.px), first=b"PROXY TCP4 203.0.113.5 192.0.2.2 4711 143\r\n").greeting == b""
    proxied.wait_log(r"refused connect from \[203\.0\.113\.5\]: deny_networks")


# --- counts ---

@pytest.fixture(scope="module")
def counted(module_server):
    return module_server({**HERE, "maxconnections_per_host": "3", "maxlogins_per_user": "2", "maxlogins_per_host": "0",
                          "imaps_maxconnections_per_host": "1"}, workers="maxchild=50")


def test_connections_of_a_host(counted):
    source = "127.0.1.1"
    clients = [counted.connect(source=source) for _ in range(3)]
    assert refused(counted, b"Too many connections from your address", source=source)
    counted.wait_log(r"refused connect from \[127\.0\.1\.1\]: maxconnections_per_host")
    # Over TLS he is told nothing; the limit of that service is its own, the count one.
    with pytest.raises(OSError):
        counted.connect(tls=True, source=source)
    assert greeting(counted, source="127.0.1.2").startswith(b"* OK ")
    clients[0].ok("LOGOUT")
    wait_for("room", lambda: greeting(counted, source=source).startswith(b"* OK "))


@pytest.mark.skipif(FRONTD, reason="frontd has them, and no worker")
def test_a_killed_worker_gives_back_what_it_had(counted):
    source = "127.0.1.3"
    clients = [counted.connect(source=source) for _ in range(3)]
    assert refused(counted, b"Too many", source=source)
    counted.expect(r"was killed|signal")
    for worker in (counted.dir / "config/proc").iterdir():
        if f"[{source}]" in worker.read_text():
            os.kill(int(worker.name), signal.SIGKILL)
    wait_for("room", lambda: greeting(counted, source=source).startswith(b"* OK "))
    assert clients[0].line() == b""


def test_sessions_of_a_user(counted):
    user, other = counted.new_user(), counted.new_user()
    a = counted.connect(source="127.0.1.4")
    a.login(user)
    b = counted.connect(source="127.0.1.5")
    b.login(user)
    c = counted.connect(source="127.0.1.6")
    r = c.cmd(f"LOGIN {user} {PASSWORD}")
    assert (r.status, r.code, r.text) == ("NO", "LIMIT", "[LIMIT] Too many sessions of this user")
    counted.wait_log(rf"refused login: \[127\.0\.1\.6\] {user}: maxlogins_per_user")
    c.login(other)
    b.ok("UNAUTHENTICATE")
    d = counted.connect(source="127.0.1.7")
    d.login(user)
    a.ok("LOGOUT")
    wait_for("room", lambda: b.cmd(f"LOGIN {user} {PASSWORD}").status == "OK")


def test_all_connections(make_server):
    server = make_server({"maxconnections": "3"})
    clients = [server.connect(source=f"127.0.2.{i}") for i in (1, 2, 3)]
    assert refused(server, b"Too many connections; try again later")
    server.wait_log(r"refused connect from \[127\.0\.0\.1\]: maxconnections$|refused connect from \[127\.0\.0\.1\]: maxconnections\n")
    # Another protocol is another count.
    with socket.create_connection(("127.0.0.1", server.lmtp_port), 30) as lmtp:
        assert lmtp.recv(100).startswith(b"220 ")
    clients[0].close()
    wait_for("room", lambda: greeting(server).startswith(b"* OK "))


def test_without_limitd_everybody_may_come(make_server):
    server = make_server({**HERE, "maxconnections_per_host": "1"}, daemons=False)
    assert greeting(server).startswith(b"* OK ") and greeting(server).startswith(b"* OK ")
    server.wait_log(r"warning: limitd does not answer at .*/socket/limit\": nobody is counted")


def test_a_limitd_that_was_killed_comes_back(make_server):
    server = make_server({**HERE, "maxconnections_per_host": "2"})
    server.expect(r"limitd")
    daemon = next(int(p.name) for p in os.scandir("/proc") if p.name.isdigit()
                  and _command(p.name).startswith("limitd") and str(server.conf) in _command(p.name))
    c = server.connect()
    os.kill(daemon, signal.SIGKILL)
    c.login(server.new_user())
    # Those from before are not counted, but the next ones are, and too many are sent away.
    wait_for("a count", lambda: b"Too many" in greeting(server))


def _command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as f:
            words = f.read().decode().split("\0")
        return os.path.basename(words[0]) + " " + " ".join(words[1:])
    except OSError:
        return ""


# --- wrong passwords ---

@pytest.fixture(scope="module")
def guarded(module_server):
    return module_server({**HERE, "failedloginpause": "1s", "failedloginpause_max": "2s"}, workers="maxchild=60")


def guess(server, user, source, password="wrong"):
    """Status, code and how long it took."""
    c = server.connect(source=source)
    start = time.monotonic()
    r = c.cmd(f"LOGIN {user} {password}")
    took = time.monotonic() - start
    c.close()
    return r.status, r.code, took


def test_many_guesses_at_once_are_refused(guarded):
    user = guarded.new_user()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda i: guess(guarded, user, f"127.0.3.{i}"), range(1, 21)))
    assert {status for status, _, _ in results} == {"NO"}
    assert min(took for _, _, took in results) >= 1
    assert {code for _, code, _ in results} == {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"}
    guarded.wait_log(rf"badlogin: \[127\.0\.3\.\d+\] plaintext {user} too many failed logins \(failedloginpause_max\)")


def test_who_was_here_is_not_locked_out(guarded):
    user = guarded.new_user()
    home = "127.0.3.101"
    assert guess(guarded, user, home, PASSWORD)[0] == "OK"
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        results = list(pool.map(lambda i: guess(guarded, user, "127.0.3.102"), range(20)))
    assert "AUTHORIZATIONFAILED" in {code for _, code, _ in results}
    status, _, took = guess(guarded, user, home, PASSWORD)
    assert status == "OK" and took < 1


def test_sasl_counts_too(guarded):
    user = guarded.new_user()
    bad = base64.b64encode(f"\0{user}\0wrong".encode()).decode()

    def attempt(i):
        c = guarded.connect(source=f"127.0.3.{i}")
        r = c.cmd(f"AUTHENTICATE PLAIN {bad}")
        c.close()
        return r.code
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(attempt, range(121, 141)))
    assert "AUTHORIZATIONFAILED" in codes


def test_the_pause_grows_whatever_door_he_tries(make_server):
    """Three guesses cost a second each, the fourth two: it counts that they are about
    one account, not where they come from or how."""
    port = ports.one()
    server = make_server({**HERE, "failedloginpause": "1s", "failedloginpause_max": "8s"},
                         services=f'pop3 cmd="pop3d" listen="127.0.0.1:{port}" prefork=0')
    user = server.new_user()

    def pop(source):
        with socket.create_connection(("127.0.0.1", port), 30, (source, 0)) as s, s.makefile("rb") as f:
            f.readline()
            s.sendall(f"USER {user}\r\n".encode())
            f.readline()
            start = time.monotonic()
            s.sendall(b"PASS wrong\r\n")
            assert f.readline().startswith(b"-ERR [AUTH]")
            return time.monotonic() - start

    took = [guess(server, user, "127.0.3.151")[2], pop("127.0.3.152"),
            guess(server, user, "127.0.3.153")[2], pop("127.0.3.154")]
    assert all(t >= 0.99 for t in took) and took[3] >= 1.99, took
