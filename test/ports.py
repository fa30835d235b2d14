"""Free ports that stay free until the server under test has taken them.

The kernel's own choice (port 0) lies where it finds the near ends of outgoing
connections, of which tests make thousands: such a port may be gone again in a
moment.  Ours lie below that range, and a UDP socket of the same number, held
until this process ends, tells other test processes that one is taken.
"""
import errno
import random
import socket

FIRST, LAST = 10240, 32000
TRIES = 2000
held = []


def _take(ports):
    """Reserves all of these or none."""
    mine = []
    try:
        for port in ports:
            mine.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            mine[-1].bind(("127.0.0.1", port))
            for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
                _try_bind(family, host, port)
    except OSError:
        for s in mine:
            s.close()
        return False
    held.extend(mine)
    return True


def _try_bind(family, host, port):
    try:
        s = socket.socket(family)
    except OSError:
        return              # no IPv6 here
    with s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((host, port))
        except OSError as e:
            if family == socket.AF_INET or e.errno == errno.EADDRINUSE:
                raise


def base(offsets):
    """A number for which every number + offset is a free port."""
    for _ in range(TRIES):
        n = random.randrange(FIRST, LAST - max(offsets))
        if _take([n + o for o in offsets]):
            return n
    raise RuntimeError("no free ports")


def one():
    return base([0])


def several(n):
    return [one() for _ in range(n)]
