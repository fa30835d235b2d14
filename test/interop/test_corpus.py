"""Every message of real corpora goes in over LMTP and APPEND and comes out byte for byte."""
import pathlib
import re
import socket

import pytest

from demo import PASSWORD, unverified

CORPORA = {
    "libpython3.11-testsuite": ("/usr/lib/python3.11/test/test_email/data", "*.txt"),
    "spamassassin": ("/usr/share/doc/spamassassin/examples", "sample-*.txt*"),
}


def corpus():
    import gzip
    for package, (folder, pattern) in CORPORA.items():
        files = sorted(pathlib.Path(folder).glob(pattern)) if pathlib.Path(folder).is_dir() else []
        if not files:
            yield pytest.param(None, None, id=package, marks=pytest.mark.skip(f"{package} is not installed"))
        for path in files:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            yield pytest.param(path.name, data, id=f"{package}:{path.name}")


def crlf(data):
    return re.sub(rb"\r?\n", b"\r\n", data)


class Lmtp:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), 20)
        self.file = self.sock.makefile("rwb")
        self.expect(220)
        self.command(b"LHLO corpus", 250)

    def expect(self, code):
        while True:
            line = self.file.readline()
            assert line.startswith(str(code).encode()), line
            if line[3:4] == b" ":
                return line

    def command(self, line, code):
        self.file.write(line + b"\r\n")
        self.file.flush()
        return self.expect(code)

    def send(self, user, data, chunked):
        self.command(b"MAIL FROM:<a@example.org>", 250)
        self.command(b"RCPT TO:<" + user.encode() + b">", 250)
        if chunked:
            half = len(data) // 2
            self.file.write(b"BDAT %d\r\n" % half + data[:half])
            self.file.flush()
            self.expect(250)
            self.file.write(b"BDAT %d LAST\r\n" % (len(data) - half) + data[half:])
        else:
            self.command(b"DATA", 354)
            stuffed = re.sub(rb"(?m)^\.", b"..", data)
            self.file.write(stuffed + (b"" if data.endswith(b"\n") else b"\r\n") + b".\r\n")
        self.file.flush()
        self.expect(250)


@pytest.mark.parametrize("name,data", corpus())
def test_message_is_kept_byte_for_byte(demo, name, data):
    user = demo.user()
    want = crlf(data)
    if b"\0" in data:
        pytest.skip("NUL is refused")
    lmtp = Lmtp(demo.lmtp_port)
    lmtp.send(user, want, chunked=False)
    client = demo.imap(user)
    assert client.append("INBOX", "(\\Seen)", '"17-Jul-1996 02:44:25 -0700"', want)[0] == "OK"
    client.select("INBOX")
    for number in ("1", "2"):
        typ, parts = client.fetch(number, "(RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
        assert typ == "OK"
        got = b"".join(p[1] for p in parts if isinstance(p, tuple) and p[1].endswith(want[-20:]) or
                       isinstance(p, tuple) and b"BODY[]" in p[0])
        size = int(re.search(rb"RFC822.SIZE (\d+)", b" ".join(p[0] if isinstance(p, tuple) else p for p in parts))[1])
        body = got[-size:]
        tail = want if want.endswith(b"\r\n") or number == "2" else want + b"\r\n"
        if number == "1":
            head, body = body[:len(body) - len(tail)], body[len(body) - len(tail):]
            assert head.startswith(b"Return-Path: <a@example.org>\r\nReceived: from corpus (")
            assert head.endswith(b"\r\n")
        assert body == tail
    client.logout()


def test_chunks_and_dots_are_the_same_message(demo):
    user = demo.user()
    data = b"Subject: x\r\nMessage-ID: <%d@a>\r\n\r\n.\r\n..\r\n.a\r\nend\r\n"
    lmtp = Lmtp(demo.lmtp_port)
    lmtp.send(user, data % 1, chunked=False)
    lmtp.send(user, data % 2, chunked=True)
    client = demo.imap(user)
    client.select("INBOX")
    texts = [client.fetch(n, "(BODY.PEEK[TEXT])")[1][0][1] for n in ("1", "2")]
    assert texts[0] == texts[1] == b".\r\n..\r\n.a\r\nend\r\n"
    client.logout()
