"""Clients of SASL: real ones (gsasl, imtest, curl), and one of SCRAM's own that can lie.

gsasl(), imtest() and curl() run a whole dialogue and say whether the user got in.
"""
import base64
import hashlib
import hmac
import os
import pathlib
import re
import shutil
import socket
import subprocess

import pytest

IMTEST = "/usr/lib/cyrus/bin/imtest"
SECONDS = 60

# For servers that speak DIGEST-MD5: its plugin forgets an OpenSSL context with each layer.
LEAKY = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def needs(*programs):
    """Skips the test where a program's package is not installed."""
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed; packages.sh knows of which package it is")


def needs_plugin(name, package):
    if not list(pathlib.Path("/usr/lib").glob(f"*/sasl2/lib{name}.so*")):
        pytest.skip(f"SASL's plugin {name} is not installed: {package}")


def far_address():
    """An address of this machine from which nobody is local."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            address = s.getsockname()[0]
        except OSError:
            address = "127.0.0.1"
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


def b64(data):
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def mechanisms(client):
    words = client.ok("CAPABILITY").untagged[0].decode().split()
    return [w[5:] for w in words if w.startswith("AUTH=")]


def gsasl(server, mechanism, user, password="secret", tls=False, *more, env=None):
    needs("gsasl")
    secure = ["--starttls", "--x509-ca-file", server.dir / "cert.pem"] if tls else ["--no-starttls"]
    run = subprocess.run(
        ["gsasl", "--verbose", "--imap", "--connect", f"localhost:{server.imap_port}", *secure,
         "--mechanism", mechanism, "--authentication-id", user, "--authorization-id", "",
         "--password", password, *more], text=True, capture_output=True, timeout=SECONDS,
        input="x NOOP\n", env={**os.environ, **(env or {})})
    run.ok = run.returncode == 0 and "User logged in" in run.stdout
    return run


def imtest(server, mechanism, user, password="secret", *more, commands="", env=None):
    if not os.path.exists(IMTEST):
        pytest.skip("imtest is not installed: cyrus-clients")
    run = subprocess.run(
        [IMTEST, "-p", str(server.imap_port), "-m", mechanism, "-a", user, "-u", user,
         "-w", password, *more, "localhost"], text=True, capture_output=True, timeout=SECONDS,
        input=commands + "z LOGOUT\r\n", env={**os.environ, **(env or {})})
    ssf = re.search(r"Security strength factor: (\d+)", run.stdout)
    run.ok = "Authenticated." in run.stdout
    run.ssf = int(ssf[1]) if ssf else None
    return run


def curl(server, *args):
    needs("curl")
    return subprocess.run(
        ["curl", "-sS", "--max-time", str(SECONDS), "--ssl-reqd", "--cacert",
         server.dir / "cert.pem", f"imap://localhost:{server.imap_port}/INBOX", *args],
        text=True, capture_output=True)


class Exchange:
    """One AUTHENTICATE, step by step."""

    def __init__(self, client, mechanism, initial=None):
        self.client = client
        self.reply = None
        command = f"x AUTHENTICATE {mechanism}"
        if initial is not None:
            command += " " + (b64(initial) or "=")
        client.send(command.encode() + b"\r\n")
        self.challenge = self.next()

    def next(self):
        line = self.client.line()
        if line.startswith(b"+ "):
            return base64.b64decode(line[2:])
        while not line.startswith(b"x "):
            assert line != b"", "the connection has ended"
            line = self.client.line()
        self.reply = line[2:].decode()
        return None

    def answer(self, data):
        assert self.reply is None, self.reply
        self.client.send(b64(data).encode() + b"\r\n")
        self.challenge = self.next()
        return self.challenge

    def raw(self, line):
        self.client.send(line)
        self.challenge = self.next()


def scram(client, mechanism, user, password="secret", header="n,,", binding=b"", initial=True,
          authzid=None):
    """The tagged reply; HEADER and BINDING are what the client claims (RFC 5802)."""
    digest = {"1": "sha1", "256": "sha256"}[mechanism.removesuffix("-PLUS").split("-")[2]]
    if authzid is not None:
        header = header.split(",")[0] + f",a={authzid},"
    nonce = base64.b64encode(os.urandom(18)).decode()
    bare = f"n={user},r={nonce}"
    if initial:
        x = Exchange(client, mechanism, header + bare)
    else:
        x = Exchange(client, mechanism)
        if x.reply is None:
            assert x.challenge == b""
            x.answer(header + bare)
    if x.reply is not None:
        return x.reply
    first = x.challenge.decode()
    fields = dict(f.split("=", 1) for f in first.split(","))
    assert fields["r"].startswith(nonce)
    salted = hashlib.pbkdf2_hmac(digest, password.encode(), base64.b64decode(fields["s"]),
                                 int(fields["i"]))

    def mac(key, text):
        return hmac.digest(key, text, digest)

    client_key = mac(salted, b"Client Key")
    final = f"c={b64(header.encode() + binding)},r={fields['r']}"
    message = f"{bare},{first},{final}".encode()
    signature = mac(hashlib.new(digest, client_key).digest(), message)
    proof = bytes(a ^ b for a, b in zip(client_key, signature))
    x.answer(f"{final},p={b64(proof)}")
    if x.reply is None:
        assert x.challenge.decode() == "v=" + b64(mac(mac(salted, b"Server Key"), message))
        x.answer("")
    return x.reply
