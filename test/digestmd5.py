"""A client of DIGEST-MD5 (RFC 2831) with its integrity layer, byte by byte.

    c = server.connect(); layer = digestmd5.login(c, user, password)
    layer.ok("NOOP")            # under the layer
    c.ok("NOOP")                # in the clear, where that is right again
"""
import base64
import hashlib
import hmac
import re
import struct

CNONCE = "OA6MHXh6VqTrRk"


def md5(data):
    return hashlib.md5(data, usedforsecurity=False).digest()


class Layer:
    """What goes through CLIENT (chapar.Imap) while its layer lasts."""

    def __init__(self, client, ha1):
        self.client = client
        magic = b"Digest session key to %s signing key magic constant"
        self.key_out = md5(ha1 + magic % b"client-to-server")
        self.key_in = md5(ha1 + magic % b"server-to-client")
        self.sent = self.heard = 0

    @staticmethod
    def seal(key, number, data):
        return hmac.new(key, struct.pack(">I", number) + data, hashlib.md5).digest()[:10]

    def wrap(self, data):
        packet = data + self.seal(self.key_out, self.sent, data) + struct.pack(">HI", 1, self.sent)
        self.sent += 1
        return struct.pack(">I", len(packet)) + packet

    def read(self):
        """One packet's content; it must be whole, in its turn, and the server's."""
        (n,) = struct.unpack(">I", self.client.file.read(4))
        assert 16 <= n <= 1 << 16, n
        packet = self.client.file.read(n)
        data, mac, rest = packet[:-16], packet[-16:-6], packet[-6:]
        assert struct.unpack(">HI", rest) == (1, self.heard)
        assert mac == self.seal(self.key_in, self.heard, data)
        self.heard += 1
        return data

    def ok(self, text, tag="L1"):
        """Says one command, and gives back all that is said up to its OK, without a byte behind that."""
        self.client.send(self.wrap(f"{tag} {text}\r\n".encode()))
        out = b""
        while not re.search(rb"(?m)^%s [^\r]*\r\n" % tag.encode(), out):
            out += self.read()
        assert re.search(rb"(?m)^%s OK [^\r]*\r\n\Z" % tag.encode(), out), out
        return out


def answer(challenge, user, password):
    """(the response to CHALLENGE, the key from which the layer's are made)"""
    said = dict(re.findall(r'([a-z-]+)="?([^",]*)"?', challenge))
    uri = "/".join(("imap", "localhost"))
    first = md5(f"{user}:{said['realm']}:{password}".encode())
    ha1 = md5(first + f":{said['nonce']}:{CNONCE}".encode())
    ha2 = md5(f"AUTHENTICATE:{uri}:{'0' * 32}".encode())
    proof = md5(f"{ha1.hex()}:{said['nonce']}:00000001:{CNONCE}:auth-int:{ha2.hex()}".encode()).hex()
    return (f'username="{user}",realm="{said["realm"]}",nonce="{said["nonce"]}",cnonce="{CNONCE}",'
            f'nc=00000001,qop=auth-int,digest-uri="{uri}",response={proof},charset=utf-8'), ha1


def login(client, user, password, tag="D1"):
    client.send(f"{tag} AUTHENTICATE DIGEST-MD5\r\n")
    line = client.line()
    assert line.startswith(b"+ "), line
    response, ha1 = answer(base64.b64decode(line[2:]).decode(), user, password)
    client.send(base64.b64encode(response.encode()) + b"\r\n")
    assert base64.b64decode(client.line()[2:]).startswith(b"rspauth=")
    client.send("\r\n")
    assert client.line().startswith(f"{tag} OK ".encode())
    return Layer(client, ha1)
