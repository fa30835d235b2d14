"""Clients that come in thousands, and one that hears nothing of a thousand messages.

CHAPAR_HALF_OPEN=5000 and more is for a machine of its own; the limit of open
files must allow it.
"""
import os
import re
import socket
import time

from chapar import FRONTD, PATIENCE
from test_abuse import MESSAGE, children, connections, lmtp_session, status_kb, worker_of

HALF_OPEN = int(os.environ.get("CHAPAR_HALF_OPEN", "800"))


def pss_kb(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.M).group(1))


def test_thousands_of_half_open_connections(make_server):
    """They say nothing, so they cost a small process each and the store nothing:
    who is logged in is answered, and whoever comes gets in."""
    server = make_server()
    user = server.new_user()
    witness = server.login(user)
    sanitized = status_kb(server.process.pid, "VmData") > 4096 * 1024
    with connections(150 if sanitized else HALF_OPEN, server.imap_port) as socks:
        longest = 0
        for s in socks[::50]:
            s.settimeout(PATIENCE)
            assert s.recv(100).startswith(b"* OK")
            start = time.monotonic()
            witness.ok("NOOP")
            longest = max(longest, time.monotonic() - start)
        assert longest < 5
        server.login(user).ok("SELECT INBOX")
        workers = children(server, "imapd")
        if FRONTD:      # it has them all
            assert len(workers) < 20
        else:
            assert len(workers) >= len(socks)
        if not sanitized:
            assert sum(map(pss_kb, workers[:100])) / 100 < 400
    server.login(user).ok("NOOP")


def test_idle_client_that_never_reads_a_thousand_notices(server, user):
    """A thousand messages arrive for one who idles and does not read: they are
    delivered at the usual pace, his worker keeps nothing for him, and when he
    reads again he hears of all."""
    c = server.login(user)
    c.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    c.ok("SELECT INBOX")
    pid = worker_of(server, user)
    before = status_kb(pid, "VmData")
    c.send(b"i IDLE\r\n")
    assert c.line().startswith(b"+")
    s, f = lmtp_session(server)
    s.sendall(b"LHLO x\r\n")
    while f.readline()[3:4] != b" ":
        pass
    for _ in range(1000):
        s.sendall(b"MAIL FROM:<>\r\nRCPT TO:<%s>\r\nDATA\r\n%s.\r\n" % (user.encode(), MESSAGE))
        assert [f.readline()[:3] for _ in range(4)] == [b"250", b"250", b"354", b"250"]
    s.close()
    assert status_kb(pid, "VmData") - before < 16 * 1024
    assert server.login(user).ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 1000\b")
    c.send(b"DONE\r\n")
    heard = c.wait("i").all(rb"^(\d+) EXISTS")
    assert heard and heard[-1].group(1) == b"1000"
    c.ok("NOOP")
