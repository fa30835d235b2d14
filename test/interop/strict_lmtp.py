"""A strict LMTP client: replies must fit RFC 5321 section 4.2 and RFC 2034.

    l = Lmtp(("127.0.0.1", port))       # has read the greeting, said LHLO
    l("MAIL FROM:<a@b>")                # -> Answer(code, enhanced, lines)
    l.send(b"NOOP\\r\\nRSET\\r\\n"); l.answers(2)

Every line is checked: CRLF, 7-bit, 512 octets, one code in all lines of a
reply, an enhanced status code of the same class in every line of 2xx, 4xx and
5xx replies but the greeting and LHLO's.
"""
import dataclasses
import re
import socket

PATIENCE = 30


class Deviation(AssertionError):
    """The server sent what the documents do not allow."""


@dataclasses.dataclass
class Answer:
    code: int
    enhanced: str
    lines: list


class Lmtp:
    def __init__(self, address, lhlo="client.example.org"):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        self.file = self.sock.makefile("rb")
        greeting = self.answer(plain=True)
        assert greeting.code == 220 and re.match(r"\S+", greeting.lines[0]), greeting
        self.keywords = {}
        if lhlo:
            self.lhlo(lhlo)

    def lhlo(self, name="client.example.org"):
        a = self.raw(f"LHLO {name}\r\n".encode(), plain=True)
        assert a.code == 250, a
        for line in a.lines[1:]:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*( [!-~]+)*", line):
                raise Deviation(f"ehlo-line {line!r}")
        words = [line.split() for line in a.lines[1:]]
        self.keywords = {w[0].upper(): w[1:] for w in words}
        return a

    def answer(self, plain=False):
        lines, code = [], None
        while True:
            line = self.file.readline()
            if line == b"":
                raise EOFError
            m = re.fullmatch(rb"([2-5][0-5][0-9])([ -])([\t -~]*)\r\n", line)
            if not m or len(line) > 512:
                raise Deviation(f"reply line {line!r}")
            if code not in (None, m.group(1)):
                raise Deviation(f"two codes in one reply: {line!r}")
            code = m.group(1)
            lines.append(m.group(3).decode())
            if m.group(2) == b" ":
                return self.checked(int(code), lines, plain)

    def checked(self, code, lines, plain):
        enhanced = ""
        if not plain and code // 100 != 3:
            found = {re.match(r"([245])\.\d{1,3}\.\d{1,3} ", line + " ") for line in lines}
            if None in found or any(int(m.group(1)) != code // 100 for m in found):
                raise Deviation(f"{code} without its enhanced status code: {lines}")
            codes = {m.group().strip() for m in found}
            if len(codes) > 1:
                raise Deviation(f"several enhanced codes: {lines}")
            enhanced = codes.pop()
        return Answer(code, enhanced, lines)

    def answers(self, n):
        return [self.answer() for _ in range(n)]

    def codes(self, n):
        return [a.code for a in self.answers(n)]

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode() + b"\r\n")

    def raw(self, data, plain=False):
        self.send(data)
        return self.answer(plain)

    def __call__(self, line):
        return self.raw(line.encode() + b"\r\n")

    def begin(self, *recipients, sender="s@example.org", parameters=""):
        """MAIL and RCPTs; the codes of the latter."""
        a = self(f"MAIL FROM:<{sender}>{parameters}")
        assert a.code == 250, a
        return [self(f"RCPT TO:<{r}>").code for r in recipients]

    def data(self, message, replies=1):
        """DATA with that message, already dotted; the replies after the dot."""
        assert self("DATA").code == 354
        self.send(message + b".\r\n")
        return self.answers(replies)

    def is_silent(self):
        """Is there nothing to read?  A NOOP's answer must be the next."""
        return self("NOOP").code == 250

    def is_closed(self):
        try:
            return self.file.read(1) == b""
        except ConnectionResetError:
            return True

    def close(self):
        self.file.close()
        self.sock.close()
