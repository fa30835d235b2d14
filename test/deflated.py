"""COMPRESS=DEFLATE (RFC 4978) on the client's side: deflate(c) for an Imap c."""
import zlib


class Deflated:
    """A socket of bytes that go out and come in compressed; a file for Imap."""

    def __init__(self, sock, level=6):
        self.sock = sock
        self.out = zlib.compressobj(level, zlib.DEFLATED, -15)
        self.inflate = zlib.decompressobj(-15)
        self.have = b""
        self.raw_in = self.raw_out = 0

    def settimeout(self, seconds):
        self.sock.settimeout(seconds)

    def sendall(self, data):
        raw = self.out.compress(data) + self.out.flush(zlib.Z_SYNC_FLUSH)
        self.raw_out += len(raw)
        self.sock.sendall(raw)

    def more(self):
        raw = self.sock.recv(65536)
        self.raw_in += len(raw)
        self.have += self.inflate.decompress(raw)
        return raw != b""

    def readline(self):
        while b"\n" not in self.have and self.more():
            pass
        n = self.have.find(b"\n") + 1 or len(self.have)
        line, self.have = self.have[:n], self.have[n:]
        return line

    def read(self, n):
        while len(self.have) < n and self.more():
            pass
        data, self.have = self.have[:n], self.have[n:]
        return data

    def close(self):
        self.sock.close()


def deflate(c, level=6):
    assert c.ok("COMPRESS DEFLATE").untagged == []
    c.file.close()
    c.sock = c.file = Deflated(c.sock, level)
    return c
