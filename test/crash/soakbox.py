"""What must be in the mailboxes of a soak, and the mail that goes there.

A Box is a mailbox, or of a shared mailbox one user's part of it: UID ->
Message, kept by the one thread that changes it.  Watchers of other threads
compare what they are shown with snapshots: an Owner's stamp says whether
anything was being changed meanwhile.
"""
import base64
import contextlib
import dataclasses
import hashlib
import re
import threading
import time

SYSTEM = ("\\Seen", "\\Answered", "\\Flagged", "\\Draft")
KEYWORDS = tuple(f"$Soak{n}" for n in range(8))
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
# Bytes, and how often; the last two are more than the log holds inline.
SIZES = ((1500, 500), (6000, 300), (40000, 120), (150000, 20), (400000, 8), (3000000, 2))


class Wrong(Exception):
    """The server did not do, or does not show, what it has acknowledged."""


def must(condition, text):
    if not condition:
        raise Wrong(text)


def digest(data):
    return hashlib.sha256(data).digest()


@dataclasses.dataclass
class Message:
    token: str
    size: int
    digest: bytes
    date: str
    flags: frozenset
    order: int = 0          # which came first

    def shown(self):
        return self.flags, self.date, self.size


class Box:
    def __init__(self, name, shared=False):
        self.name, self.shared = name, shared
        self.messages = {}      # UID -> Message
        self.given = set()      # all UIDs that ever were
        self.uidnext = 1        # above all of them
        self.collected = 1      # all deliveries below are known
        self.acl = {}
        self.uidvalidity = None
        self.moves = 0          # to another partition

    def add(self, uid, message):
        must(uid not in self.given, f"{self.name}: UID {uid} was given twice")
        self.given.add(uid)
        self.messages[uid] = message
        self.uidnext = max(self.uidnext, uid + 1)

    def bytes(self):
        return sum(m.size for m in list(self.messages.values()))


class Owner:
    """A user's mailboxes.  Only his writer changes them, inside change();
    deliveries to INBOX, by anybody, are announced in `coming`."""

    def __init__(self, user):
        self.user = user
        self.lock = threading.Lock()
        self.boxes = {}             # name -> Box
        self.coming = {}            # token -> [Message, is acknowledged]
        self.subscriptions = set()
        self.version = self.begun = self.done = 0

    @contextlib.contextmanager
    def change(self):
        with self.lock:
            self.version += 1
        yield
        # After a failure it stays odd: nobody compares any more.
        with self.lock:
            self.version += 1

    def announce(self, message):
        with self.lock:
            self.begun += 1
            self.coming[message.token] = [message, False]

    def delivered(self, token, is_there):
        with self.lock:
            self.done += 1
            if not is_there:
                self.coming.pop(token, None)
            elif token in self.coming:
                self.coming[token][1] = True

    def stamp(self):
        """None while something is being changed."""
        with self.lock:
            if self.version % 2 or self.begun != self.done:
                return None
            return self.version, self.begun

    def snapshot(self, name):
        """{UID: (flags, date, size, digest)}, tokens that must be there also,
        and the stamp of this moment."""
        with self.lock:
            box = self.boxes.get(name)
            stamp = None if self.version % 2 or self.begun != self.done else \
                (self.version, self.begun)
            if box is None:
                return None, None, None
            more = {t for t, c in self.coming.items() if c[1]} if name == "INBOX" else set()
            return {u: (*m.shown(), m.digest) for u, m in box.messages.items()}, more, stamp

    def names(self):
        with self.lock:
            return [b.name for b in self.boxes.values() if not b.shared]

    def bytes(self):
        with self.lock:
            return sum(b.bytes() for b in self.boxes.values() if not b.shared) + \
                sum(c[0].size for c in self.coming.values())


# --- mail ---

class Mail:
    """Makes messages; all of them differ."""

    def __init__(self, rng, name):
        self.random, self.name, self.serial = rng, name, 0
        self.sizes, self.weights = zip(*SIZES)

    def token(self):
        self.serial += 1
        return f"tok{self.name}n{self.serial}z"

    def text(self, size):
        """Lines, some of which begin with a dot, about SIZE bytes."""
        line = "".join(self.random.choices("abcdefgh ijklmnop.,", k=60))
        lines = (f"{'.' if n % 7 == 3 else ''}{n} {line}" for n in range(max(1, size // 66)))
        return "\r\n".join(lines) + "\r\n"

    def message(self):
        """(token, bytes)."""
        token = self.token()
        size = int(self.random.choices(self.sizes, self.weights)[0] * self.random.uniform(.5, 1.3))
        head = (f"From: \"Soak, {self.name}\" <{self.name}@example.org>\r\n"
                f"To: someone@example.org, =?utf-8?q?J=C3=B6rg?= <j@example.org>\r\n"
                f"Date: Fri, 20 Nov 2026 10:00:{self.serial % 60:02} +0100\r\n"
                f"Message-ID: <{token}@example.org>\r\nSubject: {token} =?utf-8?b?w6Qgw7Y=?=\r\n"
                "MIME-Version: 1.0\r\n")
        body = self.random.choice((self.plain, self.mixed, self.nested))(token, size)
        return token, (head + body).encode()

    def plain(self, token, size):
        return ("Content-Type: text/plain; charset=us-ascii\r\n\r\n"
                f"body of {token}\r\n{self.text(size)}")

    def mixed(self, token, size):
        blob = base64.encodebytes(self.random.randbytes(size * 2 // 3)).decode().replace("\n", "\r\n")
        return (f"Content-Type: multipart/mixed; boundary={token}b\r\n\r\npreamble\r\n"
                f"--{token}b\r\nContent-Type: text/plain; charset=utf-8\r\n"
                f"Content-Transfer-Encoding: 8bit\r\n\r\nbody of {token} äöü\r\n"
                f"--{token}b\r\nContent-Type: application/octet-stream; name=x.bin\r\n"
                f"Content-Transfer-Encoding: base64\r\n\r\n{blob}--{token}b--\r\n")

    def nested(self, token, size):
        return (f"Content-Type: multipart/digest; boundary={token}b\r\n\r\n"
                f"--{token}b\r\n\r\nFrom: inner@example.org\r\nSubject: inner\r\n\r\n"
                f"body of {token}\r\n{self.text(size)}\r\n--{token}b--\r\n")

    def flags(self):
        return frozenset(f for f in SYSTEM + KEYWORDS[:4] if self.random.random() < .2)

    def date(self):
        t = time.gmtime(self.random.randrange(10**9, 17 * 10**8))
        return (f"{t.tm_mday:2}-{MONTHS[t.tm_mon - 1]}-{t.tm_year} {t.tm_hour:02}:{t.tm_min:02}:"
                f"{t.tm_sec:02} {self.random.choice(('+0000', '+0100', '-0530'))}")


# --- what a FETCH says ---

def flags_of(line):
    m = re.search(rb"FLAGS \(([^)]*)\)", line)
    return None if m is None else \
        frozenset(f for f in m[1].decode().split() if f not in ("\\Recent", "\\Deleted"))


def uid_of(line):
    m = re.search(rb"\bUID (\d+)", line)
    return None if m is None else int(m[1])


def literal_of(line):
    """The first literal's bytes."""
    m = re.search(rb"\{(\d+)\}\r\n", line)
    return None if m is None else line[m.end():m.end() + int(m[1])]


def head_of(line):
    """Without the literals' bytes, so that no mail is taken for a FETCH item."""
    out = b""
    while True:
        m = re.search(rb"\{(\d+)\}\r\n", line)
        if m is None:
            return out + line
        out += line[:m.start()]
        line = line[m.end() + int(m[1]):]


def listing(reply):
    """{UID: (flags, date, size)} of FETCH (UID FLAGS INTERNALDATE RFC822.SIZE)."""
    found = {}
    for line in reply.untagged:
        if re.match(rb"\d+ FETCH ", line):
            uid, date = uid_of(line), re.search(rb'INTERNALDATE "([^"]*)"', line)
            size = re.search(rb"RFC822\.SIZE (\d+)", line)
            if uid is not None and date is not None and size is not None:
                must(uid not in found, f"UID {uid} twice in one answer")
                found[uid] = (flags_of(line), date[1].decode(), int(size[1]))
    return found


def difference(expected, found):
    """One line about the first few UIDs that differ; "" if none."""
    out = []
    for uid in sorted(set(expected) | set(found)):
        if expected.get(uid) != found.get(uid):
            out.append(f"UID {uid}: should be {expected.get(uid)}, is {found.get(uid)}")
    return "; ".join(out[:3]) + (f" and {len(out) - 3} more" if len(out) > 3 else "")
