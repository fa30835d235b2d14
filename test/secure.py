"""Clients that tell what they saw of TLS, and a server with a port for each protocol."""
import pathlib
import re
import socket
import ssl
import subprocess

import certs
import ports
from chapar import PATIENCE


def context(ca, version=None, **settings):
    """A client's context that trusts CA."""
    ctx = ssl.create_default_context(cafile=ca.pem)
    if version:
        ctx.minimum_version = ctx.maximum_version = version
    for name, value in settings.items():
        setattr(ctx, name, value)
    return ctx


def dial(port):
    s = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


class Secure:
    """One TLS connection; the greeting (with which tickets come) has been read."""

    def __init__(self, port, ctx, name="localhost", session=None, before=None):
        raw = dial(port)
        if before:
            before(raw)
        self.sock = ctx.wrap_socket(raw, server_hostname=name, session=session)
        self.first = b"" if before else self.line()

    def line(self):
        out = b""
        while not out.endswith(b"\n"):
            byte = self.sock.recv(1)
            if not byte:
                break
            out += byte
        return out

    def ask(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.line()

    @property
    def cert(self):
        return ssl.DER_cert_to_PEM_cert(self.sock.getpeercert(True))

    @property
    def session(self):
        return self.sock.session

    @property
    def reused(self):
        return self.sock.session_reused

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def read_line(raw):
    out = b""
    while not out.endswith(b"\n"):
        byte = raw.recv(1)
        assert byte, f"the connection ended behind {out!r}"
        out += byte
    return out


GO_AHEAD = re.compile(rb"\w+ OK Begin|\+OK|220 2")


def starttls(command):
    """What a client says before TLS, up to the reply: to be given as Secure's BEFORE."""
    def talk(raw):
        read_line(raw)
        raw.sendall(command)
        while not GO_AHEAD.match(read_line(raw)):
            pass
    return talk


def first_pem(path):
    text = pathlib.Path(path).read_text()
    return text[text.index("-----BEGIN"):text.index("-----END CERTIFICATE-----") + 26]


def same(pem, pair):
    return "".join(pem.split()) == "".join(first_pem(pair.cert).split())


def s_client(port, *args, text="", name="localhost"):
    """openssl s_client: what it prints."""
    sni = ["-servername", name] if name else ["-noservername"]
    run = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *sni,
                          *map(str, args)], input=text, capture_output=True, text=True, timeout=PATIENCE)
    return run.stdout + run.stderr


class Doors:
    """A server with one port for each protocol and way."""

    def __init__(self, make, options=None, certificate=None, before=None, start=True, **more):
        self.ports = ports.several(4)
        lmtp, lmtps, pop3, pop3s = self.ports
        services = (f'lmtptls cmd="lmtpd" listen="127.0.0.1:{lmtp}" prefork=0\n'
                    f'lmtps cmd="lmtpd -s" listen="127.0.0.1:{lmtps}" prefork=0\n'
                    f'pop3 cmd="pop3d" listen="127.0.0.1:{pop3}" prefork=0\n'
                    f'pop3s cmd="pop3d -s" listen="127.0.0.1:{pop3s}" prefork=0\n')
        self.server = make(options, services=services, start=False, **more)
        if certificate:
            self.put(certificate)
        if before:
            before(self)
        if start:
            self.server.start()
        self.imaps, self.imap = self.server.imaps_port, self.server.imap_port
        self.lmtp, self.lmtps, self.pop3, self.pop3s = self.ports

    def put(self, pair, stem=("cert.pem", "key.pem")):
        for source, name in zip(pair, stem):
            certs.put(source, self.server.dir / name, self.server.owner)
