"""A server that speaks POP3, too, and a client of it that sees every byte.

    srv = PopServer({"popuseacl": "yes"}); srv.start()
    c = srv.pop(user)                # Pop3, logged in
    r = c.cmd("LIST")                # r.ok, r.code, r.text
    lines = c.multi("LIST")          # without the dots
"""
import re
import shutil
import socket
import ssl
import subprocess

import ports
from chapar import BUILD, PASSWORD, PATIENCE, Server, Wire

CODES = {"AUTH", "SYS/TEMP", "SYS/PERM", "LOGIN-DELAY", "UTF8"}


class Reply:
    """The first line of an answer: ok, code ("" if there is none), text."""

    def __init__(self, line):
        m = re.fullmatch(rb"(\+OK|-ERR)(?: (.*))?", line, re.S)
        assert m, f"no POP3 answer: {line!r}"
        self.line = line.decode()
        self.ok = m[1] == b"+OK"
        text = (m[2] or b"").decode()
        # RFC 2449 section 8: what begins with "[" is a response code.
        code = re.match(r"\[([^]\s]+)\] ?", text)
        assert code or not text.startswith("["), line
        self.code = code[1] if code else ""
        assert self.code in CODES | {""}, line
        assert not (self.ok and self.code), line
        self.text = text[code.end():] if code else text

    def __repr__(self):
        return self.line


class Pop3(Wire):
    """One POP3 connection."""

    def __init__(self, address, tls=None):
        sock = socket.create_connection(address, PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.take(sock, tls)
        self.ascii = True
        self.greeting = self.reply()

    def reply(self):
        line = self.line()
        assert line != b"", "connection ended"
        assert len(line) <= 510, line           # RFC 2449 section 4
        assert not self.ascii or line.isascii(), line
        return Reply(line)

    def body(self):
        """The lines behind the first one, without the dots that were put before them."""
        lines = []
        while True:
            line = self.file.readline()
            assert line.endswith(b"\r\n"), f"connection ended, so far {lines[-3:]!r}"
            if line == b".\r\n":
                return lines
            lines.append(line[1:-2] if line.startswith(b".") else line[:-2])

    def cmd(self, text):
        self.send(text.encode() + b"\r\n" if isinstance(text, str) else text + b"\r\n")
        return self.reply()

    def ok(self, text):
        r = self.cmd(text)
        assert r.ok, f"{text!r}: {r!r}"
        return r

    def err(self, text):
        r = self.cmd(text)
        assert not r.ok, f"{text!r}: {r!r}"
        return r

    def multi(self, text):
        self.ok(text)
        return self.body()

    def capa(self):
        """{"UIDL": "", "SASL": "PLAIN", ...}; each line is checked."""
        found = {}
        for line in self.multi("CAPA"):
            # capability = capa-tag *(SP param) CRLF  ;512 octets maximum
            assert re.fullmatch(rb"[\x21-\x2d\x2f-\x7f]+( [\x21-\x7e]+)*", line), line
            assert len(line) <= 510
            tag, _, args = line.decode().partition(" ")
            assert tag not in found, line
            found[tag] = args
        return found

    def retr(self, n):
        return b"".join(line + b"\r\n" for line in self.multi(f"RETR {n}"))

    def login(self, user, password=PASSWORD):
        self.ok(f"USER {user}")
        return self.ok(f"PASS {password}")

    def stls(self, tls):
        r = self.cmd("STLS")
        if r.ok:
            self.begin_tls(tls)
        return r

    def quit(self):
        r = self.cmd("QUIT")
        assert self.is_closed()
        self.close()
        return r

    def is_closed(self):
        try:
            return self.file.readline() == b""
        except (ConnectionResetError, ssl.SSLError):
            return True

    def close(self):
        self.file.close()
        self.sock.close()


class PopServer(Server):
    def __init__(self, options=None, services="", **more):
        self.pop_port, self.pops_port = ports.several(2)
        host = more.get("listen", "127.0.0.1")
        super().__init__(options, services=(
            f'pop3 cmd="pop3d" listen="{host}:{self.pop_port}" prefork=0\n'
            f'pop3s cmd="pop3d -s" listen="127.0.0.1:{self.pops_port}" prefork=0\n'
            f"{services}"), **more)

    def pop_connect(self, tls=False):
        c = Pop3(("127.0.0.1", self.pops_port) if tls else (self.address, self.pop_port),
                 self.tls if tls else None)
        self.clients.append(c)
        return c

    def pop(self, user, password=PASSWORD):
        c = self.pop_connect()
        c.login(user, password)
        return c

    def tool(self, name, *args):
        """One of the administrator's, where the store's owner can reach it."""
        path = self.build / "imap/admin" / name
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / "imap/admin" / name, path)
        return subprocess.run([path, "-C", self.conf, *args], capture_output=True, text=True, timeout=60, check=True)

    def session_log(self, user):
        """What the worker of the user's last POP3 session has said since he logged in."""
        log = self.log()
        login = list(re.finditer(r"pop3d\[(\d+)\]: notice: login: \S+ %s .*\n" % re.escape(user), log))[-1]
        # With frontd it is authd that has said so, in pop3d's name.
        pid = r"\d+" if "frontd: no" not in self.conf.read_text() else login[1]
        return re.findall(r".*pop3d\[%s\]: .*" % pid, log[login.end():])

    def deliver(self, user, *messages, mailbox="INBOX"):
        """Puts messages into the user's mailbox, over IMAP."""
        c = self.login(user)
        for m in messages:
            c.append(mailbox, m)
        c.close()
