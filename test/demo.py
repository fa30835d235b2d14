"""A server that ./quickstart started, for tests that want a whole one.

`demo` is one server for all tests of a file: alice and bob exist with their
welcome messages, `demo.user()` adds a fresh one.  Everything is on 127.0.0.1
and in a private directory.
"""
import contextlib
import dataclasses
import imaplib
import itertools
import os
import pathlib
import re
import shutil
import smtplib
import ssl
import subprocess
import tempfile

import ports

TOP = pathlib.Path(__file__).resolve().parents[1]
BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", TOP / "b")).resolve()
PASSWORD = "secret"


def free_port_base():
    return ports.base([24, 110, 143, 993, 995])


@dataclasses.dataclass
class Demo:
    dir: pathlib.Path
    base: int
    names: itertools.count = dataclasses.field(default_factory=lambda: itertools.count(1))

    @property
    def imap_port(self):
        return self.base + 143

    @property
    def imaps_port(self):
        return self.base + 993

    @property
    def pop3_port(self):
        return self.base + 110

    @property
    def pop3s_port(self):
        return self.base + 995

    @property
    def lmtp_port(self):
        return self.base + 24

    @property
    def conf(self):
        return self.dir / "imapd.conf"

    @property
    def lmtp_socket(self):
        return self.dir / "config" / "socket" / "lmtp"

    def user(self):
        """A new user with an INBOX."""
        name = f"t{next(self.names)}"
        subprocess.run(["saslpasswd2", "-p", "-c", "-f", self.dir / "sasldb2", "-u", "localhost", name],
                       input=PASSWORD.encode(), check=True)
        admin = self.imap("cyrus")
        assert admin.create(f"user.{name}")[0] == "OK"
        admin.logout()
        return name

    def imap(self, user):
        client = imaplib.IMAP4_SSL("127.0.0.1", self.imaps_port, ssl_context=unverified())
        client.login(user, PASSWORD)
        return client

    def deliver(self, user, message):
        with smtplib.LMTP("127.0.0.1", self.lmtp_port) as lmtp:
            refused = lmtp.sendmail("sender@example.org", [f"{user}@localhost"], message)
            assert not refused

    def tool(self, name, *args, **kwargs):
        """Runs a program of the build tree with -C."""
        for folder in ("imap/admin", "imap/lmtpd"):
            path = BUILD / folder / name
            if path.exists():
                return subprocess.run([path, "-C", self.conf, *args], **kwargs)
        raise FileNotFoundError(name)

    def log(self):
        return (self.dir / "log").read_text(errors="replace")


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def quickstart(*args, **kwargs):
    env = dict(os.environ, CHAPAR_BUILD=str(BUILD))
    return subprocess.run([TOP / "quickstart", *map(str, args)], env=env, text=True,
                          capture_output=True, timeout=120, **kwargs)


@contextlib.contextmanager
def running():
    """The server, stopped and looked after at the end."""
    root = pathlib.Path(tempfile.mkdtemp(prefix="chapar-interop."))
    root.chmod(0o755)
    base = free_port_base()
    run = quickstart("--dir", root / "demo", "--port-base", base, "--detach")
    assert run.returncode == 0, run.stdout + run.stderr
    assert re.fullmatch(r"pid \d+", run.stdout.splitlines()[-1])
    server = Demo(root / "demo", base)
    try:
        yield server
    finally:
        stopped = quickstart("--dir", root / "demo", "--stop")
    log = server.log()
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    bad = [l for l in log.splitlines() if re.search(r"\]: (crit|err): ", l)]
    assert not bad, "\n".join(bad[:20])
    shutil.rmtree(root, ignore_errors=True)
