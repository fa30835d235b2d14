"""A private Chapar server for tests, and a client that sees every byte.

    srv = Server(folder, {"unixhierarchysep": "yes"}); srv.start()
    user = srv.new_user()            # a fresh name, with an INBOX
    c = srv.login(user)              # Imap, logged in
    r = c.cmd("SELECT INBOX")        # r.status, r.text, r.untagged
    srv.stop()

The fixtures that use this are in conftest.py.
"""
import contextlib
import fcntl
import imaplib
import itertools
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import imap_strict
import ports

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd() + "/b")).resolve()
PROGRAMS = ["master/master", "imap/imapd/imapd", "imap/lmtpd/lmtpd",
            "imap/lmtpd/deliver", "imap/idled/idled", "imap/limitd/limitd", "imap/pop3d/pop3d",
            "imap/frontd/frontd", "imap/authd/authd", "imap/keyd/keyd"]
PATIENCE = 30
FRONTD = os.environ.get("CHAPAR_FRONTD", "yes") == "yes"   # "no": all tests without frontd
ADMIN = "cyrus"
PASSWORD = "secret"
COUNTER = itertools.count(1)


def children(server, name):
    """The process ids of the server's workers of this name."""
    found = []
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        for pid in (task / "children").read_text().split():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    found.append(int(pid))
    return found


def wait_for(what, condition, seconds=PATIENCE):
    """Waits until condition() is true and returns what it returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(0.005)


def cyrus_user():
    """Workers of a root master become this user; it is made if missing."""
    if os.geteuid() != 0:
        return None
    with open("/run/lock/chapar-test-user" if os.path.isdir("/run/lock") else "/tmp/chapar-test-user", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return pwd.getpwnam("cyrus")
        except KeyError:
            subprocess.run(["/usr/sbin/useradd", "--system", "--gid", "mail", "--no-create-home",
                            "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin",
                            "cyrus"], check=True)
            return pwd.getpwnam("cyrus")


def may_be_reached(path):
    """May a user who is nobody special reach it?"""
    return all(p.stat().st_mode & 0o001 for p in [path, *path.parents])


class Reply:
    """What a command was answered: status "OK", text, untagged lines (bytes
    without "* " and CRLF, literals in place)."""

    def __init__(self, status, text, untagged):
        self.status, self.text, self.untagged = status, text, untagged

    def __repr__(self):
        return f"{self.status} {self.text!r} {self.untagged!r}"

    @property
    def code(self):
        """The response code, "" if there is none."""
        m = re.match(r"\[([^\]]*)\]", self.text)
        return m.group(1) if m else ""

    def find(self, pattern):
        """The first untagged line that matches (bytes), as a match object."""
        for line in self.untagged:
            m = re.search(pattern, line, re.S)
            if m:
                return m
        return None

    def all(self, pattern):
        return [m for m in (re.search(pattern, u, re.S) for u in self.untagged) if m]


def check_log(srv):
    bad = srv.bad_lines()
    assert not bad, "unexpected lines in the server's log:\n" + "\n".join(bad)


def one_for_all(srv):
    """The life of a server that many tests share, for a fixture to `yield from`."""
    srv.start()
    yield srv
    srv.stop()
    try:
        check_log(srv)
    finally:
        srv.remove()


def one_test(srv):
    """One test's time with a server that it shares: its clients and its lines of the log."""
    srv.bad_lines()
    yield srv
    for c in srv.clients:
        c.close()
    srv.clients = []
    check_log(srv)


class Wire:
    """A connection of which nothing is hidden: send() and line() are the wire."""

    def take(self, sock, tls=None):
        """Speaks over SOCK from now on, and through TLS if there is a context for it."""
        self.sock = tls.wrap_socket(sock, server_hostname="localhost") if tls else sock
        self.file = self.sock.makefile("rb")

    def begin_tls(self, tls):
        self.file.close()
        self.take(self.sock, tls)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def line(self):
        """One line without CRLF; b"" at the end of the connection."""
        got = self.file.readline()
        assert got == b"" or got.endswith(b"\r\n"), got
        return got[:-2]


class Imap(Wire):
    """One IMAP connection."""

    def __init__(self, address, tls=None, source=None, first=b""):
        """SOURCE: our own address; FIRST: what goes before everything else."""
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        sock = socket.socket(family)
        sock.settimeout(PATIENCE)
        if source:
            sock.bind((source, 0))
        sock.connect(address)
        sock.sendall(first)
        if family == socket.AF_INET:    # we send a command in pieces
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.take(sock, tls)
        self.tags = itertools.count(1)
        self.strict = imap_strict.Strict()      # None: takes anything
        self.greeting = self.response()

    def starttls(self, tls):
        r = self.cmd("STARTTLS")
        if r.status == "OK":
            self.begin_tls(tls)
        return r

    def response(self):
        """One response: a line, with the literals that it announces."""
        out = self.line()
        while True:
            m = re.search(rb"\{(\d+)\}$", out)
            if not m:
                if self.strict and out:
                    self.strict.check(out)
                return out
            out += b"\r\n" + self.file.read(int(m.group(1))) + self.line()

    def wait(self, tag):
        """Everything up to the tagged reply."""
        untagged = []
        tag = tag.encode()
        while True:
            r = self.response()
            assert r != b"", f"connection ended; so far {untagged!r}"
            if r.startswith(b"* "):
                untagged.append(r[2:])
            elif r.startswith(tag + b" "):
                status, _, text = r[len(tag) + 1:].decode(errors="replace").partition(" ")
                return Reply(status, text, untagged)
            else:
                raise AssertionError(f"not expected: {r!r}")

    def cmd(self, text, *literals):
        """A command; each literal's bytes follow a "{N}" that is appended."""
        tag = f"t{next(self.tags)}"
        data = text.encode() if isinstance(text, str) else text
        self.send(tag.encode() + b" " + data)
        for literal in literals:
            self.send(b"{%d}\r\n" % len(literal))
            r = self.response()
            if not r.startswith(b"+"):
                status, _, rest = r.partition(b" ")[2].partition(b" ")
                return Reply(status.decode(), rest.decode(), [])
            self.send(literal)
        self.send(b"\r\n")
        return self.wait(tag)

    def ok(self, text, *literals):
        r = self.cmd(text, *literals)
        assert r.status == "OK", f"{text!r}: {r!r}"
        return r

    def login(self, user, password=PASSWORD):
        return self.ok(f'LOGIN "{user}" "{password}"')

    def append(self, mailbox, message, flags=""):
        return self.ok(f'APPEND "{mailbox}" {flags} '.replace("  ", " "), message)

    def is_closed(self):
        try:
            return self.file.readline() == b""
        except (ConnectionResetError, ssl.SSLError):
            return True

    def close(self):
        self.file.close()
        self.sock.close()


class Server:
    """One master with its workers in a folder of its own."""

    def __init__(self, options=None, services="", name="server", workers="",
                 listen="127.0.0.1", daemons=True, below="/tmp"):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"chapar-{name}-", dir=below))
        os.chmod(self.dir, 0o755)
        self.owner = cyrus_user()
        self.build = self.find_build()
        self.address = listen
        self.imap_port, self.imaps_port, self.lmtp_port = ports.several(3)
        self.lmtp_path = str(self.dir / "config/socket/lmtp")
        self.conf = self.dir / "imapd.conf"
        self.log_path = self.dir / "log"
        self.process = None
        self.env = {}
        self.expected = []
        self.seen = 0
        self.clients = []
        self.tls = ssl.create_default_context()
        self.make_files(options or {}, services, workers, daemons)

    # --- files ---

    def find_build(self):
        """The programs where the workers' user can reach them."""
        if self.owner is None or may_be_reached(BUILD / "master/master"):
            return BUILD
        copy = self.dir / "bin"
        for program in PROGRAMS:
            if (BUILD / program).exists():
                (copy / program).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(BUILD / program, copy / program)
        return copy

    def make_certificate(self):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", self.dir / "key.pem", "-out", self.dir / "cert.pem"],
            check=True, stderr=subprocess.DEVNULL)
        self.tls.load_verify_locations(self.dir / "cert.pem")

    def make_files(self, options, services, workers, daemons):
        for folder in ("config/socket", "config/proc", "config/msg", "config/log", "spool"):
            (self.dir / folder).mkdir(parents=True)
        self.make_certificate()
        settings = {
            "configdirectory": f"{self.dir}/config",
            "partition-default": f"{self.dir}/spool",
            "admins": ADMIN,
            "servername": "localhost",
            "sasl_pwcheck_method": "auxprop",
            "sasl_auxprop_plugin": "sasldb",
            "sasl_sasldb_path": f"{self.dir}/sasldb2",
            "sasl_mech_list": "PLAIN",
            "tls_server_cert": f"{self.dir}/cert.pem",
            "tls_server_key": f"{self.dir}/key.pem",
            "logtarget": str(self.log_path),
            "failedloginpause": "0s",
            "daemons": None if daemons else "none",
            "frontd": None if FRONTD else "no",
            "frontd_processes": "1",
            **options,
        }
        self.conf.write_text("".join(
            f"{k}: {v}\n" for k, v in settings.items() if v is not None))
        self.set_password(ADMIN)
        lmtpd = self.build / "imap/lmtpd/lmtpd"
        lines = [
            f'imap cmd="imapd" listen="{self.address}:{self.imap_port}" prefork=1 {workers}',
            f'imaps cmd="imapd -s" listen="127.0.0.1:{self.imaps_port}" prefork=0 {workers}',
        ]
        if lmtpd.exists():
            lines += [
                f'lmtp cmd="lmtpd -a" listen="127.0.0.1:{self.lmtp_port}" prefork=0',
                f'lmtpunix cmd="lmtpd" listen="{self.lmtp_path}" prefork=0',
            ]
        (self.dir / "cyrus.conf").write_text(
            "START {\n}\nSERVICES {\n%s\n%s\n}\nEVENTS {\n}\n" % ("\n".join(lines), services))
        self.log_path.touch()
        if self.owner:
            for root, dirs, files in os.walk(self.dir):
                for f in [root, *(os.path.join(root, x) for x in files)]:
                    if not f.startswith(str(self.dir / "bin")):
                        os.chown(f, self.owner.pw_uid, self.owner.pw_gid)

    def set_password(self, user, password=PASSWORD):
        subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", self.dir / "sasldb2",
                        "-u", "localhost", user], input=password.encode(), check=True)
        if self.owner:
            os.chown(self.dir / "sasldb2", self.owner.pw_uid, self.owner.pw_gid)

    # --- life ---

    def spawn(self):
        """Starts master, and does not wait for it."""
        env = dict(os.environ, **self.env)
        if self.owner:
            env["CYRUS_USER"], env["CYRUS_GROUP"] = "cyrus", "mail"
        with open(self.dir / "master.out", "ab") as out:
            self.process = subprocess.Popen(
                [self.build / "master/master", "-C", self.conf, "-M",
                 self.dir / "cyrus.conf", "-p", self.dir / "master.pid",
                 "-L", self.log_path], env=env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out)

    def add_partition(self, name):
        """Before start()."""
        path = self.dir / name
        path.mkdir()
        if self.owner:
            os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        self.conf.write_text(self.conf.read_text() + f"partition-{name}: {path}\n")

    def start(self):
        self.spawn()
        try:
            wait_for("the IMAP port", self.answers)
        except AssertionError as e:
            out = (self.dir / "master.out").read_text(errors="replace")
            raise AssertionError(f"{e}\n{self.log()[-4000:]}\n{out[-4000:]}") from None

    def answers(self):
        assert self.process.poll() is None, "master ended:\n" + self.log()
        try:
            self.connect().close()
            return True
        except (OSError, AssertionError):
            return False

    def stop(self):
        for c in self.clients:
            c.close()
        self.clients = []
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process = None

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)

    # --- the log ---

    def log(self):
        return self.log_path.read_text(errors="replace")

    def wait_log(self, pattern):
        return wait_for(f"{pattern!r} in the log", lambda: re.search(pattern, self.log()))

    def expect(self, pattern):
        """Lines of severity err and crit that match are meant to come."""
        self.expected.append(pattern)

    def bad_lines(self):
        """Lines since the last call that should not be there."""
        text = self.log()
        new, self.seen = text[self.seen:], len(text)
        bad = [line for line in new.splitlines()
               if re.search(r"\]: (err|crit): ", line) or "Sanitizer" in line
               or "runtime error" in line]
        bad = [line for line in bad
               if not any(re.search(e, line) for e in self.expected)]
        self.expected = []
        return bad

    # --- clients ---

    def connect(self, tls=False, **more):
        port = self.imaps_port if tls else self.imap_port
        address = "127.0.0.1" if tls else self.address
        c = Imap((address, port), self.tls if tls else None, **more)
        self.clients.append(c)
        return c

    def login(self, user=ADMIN, password=PASSWORD):
        c = self.connect(tls=self.address != "127.0.0.1")
        c.login(user, password)
        return c

    def admin(self):
        return self.login(ADMIN)

    def lasting(self, user=None):
        """A session that outlives the test, of a fresh user: for fixtures of a module."""
        c = self.login(user or self.new_user())
        self.clients.remove(c)
        return c

    def new_user(self, inbox=True, prefix="u"):
        """A user nobody else has, with an INBOX."""
        user = f"{prefix}{os.getpid()}x{next(COUNTER)}"
        self.set_password(user)
        if inbox:
            sep = "/" if "unixhierarchysep: yes" in self.conf.read_text() else "."
            c = self.admin()
            c.ok(f'CREATE "user{sep}{user}"')
            c.close()
        return user

    def imaplib(self, user):
        """The standard library's client, logged in."""
        c = imaplib.IMAP4("127.0.0.1", self.imap_port)
        c.login(user, PASSWORD)
        return c
