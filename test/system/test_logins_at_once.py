"""Hundreds of clients that connect at the same moment, and all log in.

CHAPAR_LOGINS=2000 is what the server must stand, and is for a machine that has
the memory and nothing else to do; doc/benchmarks.md has what it takes.
"""
import asyncio
import os
import resource
import subprocess
import time

import pytest
from answers import append
from chapar import BUILD, FRONTD, PASSWORD
from test_abuse import MESSAGE

LOGINS = int(os.environ.get("CHAPAR_LOGINS", "150"))
TLS_EVERY = 4
USERS = 10
LONGEST = 120


class Visitor:
    """One connection; say() is a command and its whole answer."""

    def __init__(self, server, n, user):
        self.server, self.user, self.tls = server, user, n % TLS_EVERY == 0

    async def say(self, command):
        self.writer.write(b"a " + command.encode() + b"\r\n")
        answer = b""
        while not answer.startswith(b"a "):
            answer = await self.reader.readline()
            assert answer, f"{command}: connection ended"
        assert answer.startswith(b"a OK"), (command, answer)

    async def come(self):
        port = self.server.imaps_port if self.tls else self.server.imap_port
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=self.server.tls if self.tls else None,
            server_hostname="localhost" if self.tls else None,
            **({"ssl_handshake_timeout": LONGEST} if self.tls else {}))
        assert (await self.reader.readline()).startswith(b"* OK")
        await self.say(f'LOGIN "{self.user}" "{PASSWORD}"')
        await self.say("SELECT INBOX")

    async def work(self):
        self.writer.write(b"f UID FETCH 1 BODY.PEEK[]\r\n")
        answer = b""
        while b"f OK" not in answer:
            got = await self.reader.readline()
            assert got, answer
            answer += got
        assert b"keep me" in answer

    async def leave(self):
        await self.say("LOGOUT")
        self.writer.close()


async def all_at_once(visitors):
    """Everybody in, then everybody works, then everybody leaves; the seconds of each."""
    took = []
    for step in (Visitor.come, Visitor.work, Visitor.leave):
        start = time.monotonic()
        await asyncio.wait_for(asyncio.gather(*(step(v) for v in visitors)), LONGEST)
        took.append(time.monotonic() - start)
        if step is Visitor.work:
            await one_too_many(visitors)
    return took


async def one_too_many(visitors):
    """Each user has as many sessions as he may."""
    late = Visitor(visitors[0].server, 1, visitors[0].user)
    with pytest.raises(AssertionError, match="Too many sessions"):
        await late.come()
    late.writer.close()


@pytest.fixture
def many_descriptors():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < LOGINS + 256:
        pytest.skip(f"{LOGINS} connections need more open files than {hard} (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_all_log_in_at_once(make_server, many_descriptors):
    """Plain and over TLS; nobody is refused, hung up on or forgotten, and
    limits that are just wide enough count right: one more is too many."""
    n = LOGINS
    if subprocess.run(["nm", BUILD / "imap/imapd/imapd"], capture_output=True,
                      check=True).stdout.find(b"__asan_init") >= 0:
        n = min(n, 60)
    server = make_server({
        "maxconnections": str(n + 20), "maxconnections_per_host": str(n + 20),
        "maxlogins_per_user": str(n // USERS), "limits_exempt": "192.0.2.0/24"})
    users = [server.new_user() for _ in range(USERS)]
    for user in users:
        c = server.login(user)
        assert append(c, "INBOX", MESSAGE).status == "OK"
        c.ok("LOGOUT")
    visitors = [Visitor(server, i, users[i % USERS]) for i in range(n)]
    took = asyncio.run(all_at_once(visitors))
    print(f"{n} logins at once{' by frontd' if FRONTD else ''}: in %.1f s, at work %.1f s, out %.1f s"
          % tuple(took))
    server.login(users[0]).ok("NOOP")
