"""SCRAM's channel binding in POP3 (RFC 5034) and LMTP (RFC 4954), behind STARTTLS
and where TLS comes first: what binds, what does not, and what somebody in the
middle would try.  IMAP's is in test_sasl_scram.py."""
import hashlib
import re
import ssl

import pytest
from saslclient import scram
from secure import Doors, Secure, starttls

MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
START = {"pop3": b"STLS\r\n", "lmtp": b"LHLO x\r\nSTARTTLS\r\n"}
WAYS = ["pop3", "pop3s", "lmtp", "lmtps"]


class Words:
    """A connection of another protocol in IMAP's words, which scram() speaks."""

    def __init__(self, doors, way, version=None):
        ctx = ssl.create_default_context(cafile=doors.server.dir / "cert.pem")
        if version:
            ctx.maximum_version = version
        before = starttls(START[way]) if way in START else None
        self.secure = Secure(getattr(doors, way), ctx, before=before)
        self.sock, self.is_lmtp = self.secure.sock, way.startswith("lmtp")
        self.offered = self.ask_for_mechanisms()

    def ask_for_mechanisms(self):
        self.sock.sendall(b"LHLO x\r\n" if self.is_lmtp else b"CAPA\r\n")
        while True:
            line = self.secure.line()
            assert line
            if re.match(rb"250[- ]AUTH |SASL ", line):
                found = line.split()[1:]
            if re.match(rb"250 |\.", line):
                return [m.decode() for m in found]

    def send(self, data):
        self.sock.sendall(re.sub(rb"^x AUTHENTICATE", b"AUTH", data))

    def line(self):
        line = self.secure.line().rstrip(b"\r\n")
        for pattern, word in ((rb"334 ", b"+ "), (rb"(\+OK|235)", b"x OK"), (rb"(-ERR|[45]\d\d)", b"x NO")):
            line = re.sub(b"^" + pattern, word, line)
        return line


@pytest.fixture(scope="module")
def doors(module_server):
    return Doors(module_server, {"sasl_mech_list": " ".join(MECHANISMS)})


@pytest.fixture(scope="module")
def user(doors):
    return doors.server.new_user()


def end_point(doors):
    der = ssl.PEM_cert_to_DER_cert((doors.server.dir / "cert.pem").read_text())
    return hashlib.sha256(der).digest()


@pytest.mark.parametrize("way", WAYS)
def test_bound(doors, user, way):
    c = Words(doors, way)
    assert sorted(c.offered) == MECHANISMS
    reply = scram(c, MECHANISMS[1], user, header="p=tls-server-end-point,,", binding=end_point(doors))
    assert reply.startswith("OK"), reply
    c = Words(doors, way, ssl.TLSVersion.TLSv1_2)
    reply = scram(c, MECHANISMS[1], user, header="p=tls-unique,,",
                  binding=c.sock.get_channel_binding("tls-unique"), initial=False)
    assert reply.startswith("OK"), reply


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("header, binding", [
    ("p=tls-server-end-point,,", b"\0" * 32), ("p=tls-exporter,,", b"\0" * 32),
    ("p=tls-nonsense,,", b"\0" * 32), ("n,,", b""), ("y,,", b""),
])
def test_mismatch(doors, user, way, header, binding):
    reply = scram(Words(doors, way), MECHANISMS[1], user, header=header, binding=binding)
    assert reply.startswith("NO"), reply


@pytest.mark.parametrize("way", WAYS)
def test_binding_of_another_connection(doors, user, way):
    other, c = (Words(doors, way, ssl.TLSVersion.TLSv1_2) for _ in range(2))
    reply = scram(c, MECHANISMS[1], user, header="p=tls-unique,,",
                  binding=other.sock.get_channel_binding("tls-unique"))
    assert reply.startswith("NO"), reply


@pytest.mark.parametrize("way", WAYS)
def test_downgrade(doors, user, way):
    """The client would have bound, but -PLUS was taken out of what it was offered."""
    c = Words(doors, way)
    assert scram(c, MECHANISMS[0], user, header="y,,").startswith("NO")
    doors.server.wait_log(f"{MECHANISMS[0]} .*is somebody in the middle")
    assert scram(Words(doors, way), MECHANISMS[0], user, header="n,,").startswith("OK")
