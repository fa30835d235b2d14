"""A strict IMAP client: every byte that a server sends must fit the grammar.

    c = Client(("127.0.0.1", port))
    r = c.ok("SELECT INBOX")           # or no(), bad(), cmd()
    r.all("EXISTS")                    # the untagged responses of a kind
    r.code, r.code_args                # of the tagged response
    c.cmd("LOGIN ", Lit(b"fred"), " ", Lit(b"secret", plus=True))

The syntax is strict_grammar's; a deviation raises Deviation with the bytes
around it.  Beside the syntax the client keeps the model of the mailbox that
RFC 3501 lets every client keep (numbers, UIDs, flags) and raises when a
response contradicts it: EXISTS that shrinks, EXPUNGE at a wrong time, a UID
that changes, a flag that was never announced.

It shares nothing with the server: what it knows is from the documents.
"""
import dataclasses
import itertools
import socket

from strict_grammar import SYSTEM_FLAGS, Deviation, Grammar, Source

PATIENCE = 30


@dataclasses.dataclass
class Lit:
    """A literal in a command; plus: the non-synchronizing form."""
    data: bytes
    plus: bool = False


@dataclasses.dataclass
class Reply:
    """A tagged response with the untagged ones before it."""
    status: str
    code: str
    code_args: object
    text: str
    untagged: list

    def all(self, kind):
        return [u for u in self.untagged if u.kind == kind]

    def one(self, kind):
        found = self.all(kind)
        assert len(found) == 1, (kind, self)
        return found[0]

    def numbers(self, kind):
        return [u.number for u in self.all(kind)]

    @property
    def kinds(self):
        return [u.kind for u in self.untagged]

    def coded(self, code):
        """The untagged OK, NO ... with that response code."""
        found = [u for u in self.untagged if u.code == code]
        assert len(found) == 1, (code, self)
        return found[0].code_args

    def fetched(self):
        """{number: {item: value}}, several FETCHes of a message in one."""
        out = {}
        for u in self.all("FETCH"):
            out.setdefault(u.number, {}).update(u.data)
        return out


class View:
    """What a client may believe of the selected mailbox."""

    def __init__(self):
        self.uids = []
        self.flags = None
        self.permanent = None
        self.recent = 0

    def apply(self, r, may_expunge):
        handler = getattr(self, "on_" + r.kind.lower(), None)
        if handler:
            handler(r, may_expunge)
        if r.code == "PERMANENTFLAGS":
            self.permanent = r.code_args
            known = {f.lower() for f in self.flags or []} | {"\\*"}
            extra = [f for f in r.code_args if f.lower() not in known]
            if extra:
                raise Deviation(f"PERMANENTFLAGS {extra} are not in FLAGS")

    def on_flags(self, r, _):
        self.flags = r.data
        missing = SYSTEM_FLAGS - {f.lower() for f in r.data}
        if missing:
            raise Deviation(f"FLAGS without {missing}")

    def on_exists(self, r, _):
        if r.number < len(self.uids):
            raise Deviation(f"EXISTS shrinks from {len(self.uids)} to {r.number}")
        self.uids += [None] * (r.number - len(self.uids))

    def on_recent(self, r, _):
        self.recent = r.number
        if r.number > len(self.uids):
            raise Deviation("more RECENT than EXISTS")

    def on_expunge(self, r, may_expunge):
        if not may_expunge:
            raise Deviation("EXPUNGE while FETCH, STORE, SEARCH or nothing is in progress")
        if r.number > len(self.uids):
            raise Deviation(f"EXPUNGE {r.number} of {len(self.uids)}")
        del self.uids[r.number - 1]

    def on_fetch(self, r, _):
        if r.number > len(self.uids):
            raise Deviation(f"FETCH {r.number} of {len(self.uids)}")
        uid = r.data.get("UID")
        if uid is not None:
            self.learn(r.number, uid)
        known = {f.lower() for f in self.flags or []} | {"\\recent"}
        for f in r.data.get("FLAGS", []):
            if f.lower() not in known:
                raise Deviation(f"flag {f} was not announced by FLAGS {self.flags}")

    def learn(self, number, uid):
        if self.uids[number - 1] not in (None, uid):
            raise Deviation(f"message {number} had UID {self.uids[number - 1]}, now {uid}")
        self.uids[number - 1] = uid
        known = [u for u in self.uids if u is not None]
        if known != sorted(set(known)):
            raise Deviation(f"UIDs do not ascend: {known}")


class Client:
    """One connection."""

    def __init__(self, address, tls=None):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="localhost")
        self.wire(self.sock)
        self.tags = itertools.count(1)
        self.running = {}			# tag: command
        self.view = self.before = View()
        self.bye = False
        _, _, self.greeting = self.receive(("untagged",))
        if self.greeting.kind not in ("OK", "PREAUTH", "BYE"):
            raise Deviation(f"greeting {self.greeting}")

    def wire(self, sock):
        self.sock = sock
        self.source = Source(sock)
        self.grammar = Grammar(self.source)

    def starttls(self, tls):
        r = self.ok("STARTTLS")
        assert self.source.pending() == 0
        self.wire(tls.wrap_socket(self.sock, server_hostname="localhost"))
        return r

    def close(self):
        self.sock.close()

    def is_closed(self):
        try:
            self.source.peek()
            return False
        except (EOFError, ConnectionResetError):
            return True

    # --- receiving ---

    def receive(self, allowed=("tagged", "untagged", "+")):
        kind, tag, r = self.grammar.response()
        if kind not in allowed:
            raise Deviation(f"{kind} {tag} {r} when only {allowed} may come")
        if kind == "untagged":
            if self.bye:
                raise Deviation(f"{r} after BYE")
            self.bye = r.kind == "BYE"
            self.view.apply(r, self.may_expunge())
        return kind, tag, r

    def may_expunge(self):
        """RFC 3501 section 7.4.1"""
        return bool(self.running) and all(
            c not in ("FETCH", "STORE", "SEARCH") for c in self.running.values())

    def wait(self, tag):
        """Up to the tagged response of TAG, which must be the next to come."""
        untagged = []
        while True:
            kind, got, r = self.receive(("tagged", "untagged"))
            if kind == "untagged":
                untagged.append(r)
                continue
            if got != tag:
                raise Deviation(f"tag {got} when {tag} is the next")
            self.done(tag, r)
            return Reply(r.kind, r.code, r.code_args, r.data, untagged)

    def done(self, tag, r):
        command = self.running.pop(tag)
        if command in ("CLOSE", "UNSELECT") and r.kind == "OK":
            self.view = View()
        if command in ("SELECT", "EXAMINE") and r.kind == "BAD":
            self.view = self.before		# it was none: nothing has changed

    def untagged(self, kind):
        """Untagged responses up to one of that kind (while idling)."""
        out = []
        while True:
            _, _, r = self.receive(("untagged",))
            out.append(r)
            if r.kind == kind:
                return out

    def continuation(self):
        """The next "+", with the untagged responses before it dropped."""
        while True:
            kind, _, r = self.receive(("untagged", "+"))
            if kind == "+":
                return r

    # --- sending ---

    def raw(self, data):
        self.sock.sendall(data)

    def begin(self, *parts):
        """Sends a command; its tag.  Literals wait for the "+"; None if refused."""
        tag = f"A{next(self.tags):03}"
        words = b"".join(as_bytes(p) for p in parts if not isinstance(p, Lit)).upper().split()
        name = words[0].decode(errors="replace") if words else ""
        if name in ("SELECT", "EXAMINE"):
            self.before, self.view = self.view, View()
        self.running[tag] = name
        data = tag.encode() + b" "
        for p in parts:
            if not isinstance(p, Lit):
                data += as_bytes(p)
                continue
            data += b"{%d%s}\r\n" % (len(p.data), b"+" if p.plus else b"")
            if not p.plus:
                self.raw(data)
                data = b""
                if not self.source_has_continuation():
                    return tag
            data += p.data
        self.raw(data + b"\r\n")
        return tag

    def source_has_continuation(self):
        """Is the answer to a literal "+"?  Otherwise a tagged response comes."""
        if self.source.peek() != b"+":
            return False
        self.receive(("+",))
        return True

    def cmd(self, *parts):
        return self.wait(self.begin(*parts))

    def expect(self, status, parts):
        r = self.cmd(*parts)
        assert r.status == status, f"{parts!r} -> {r!r}"
        return r

    def ok(self, *parts):
        return self.expect("OK", parts)

    def no(self, *parts):
        return self.expect("NO", parts)

    def bad(self, *parts):
        return self.expect("BAD", parts)

    # --- shorthand ---

    def login(self, user, password="secret"):
        return self.ok(f"LOGIN {user} {password}")

    def select(self, mailbox="INBOX", examine=False):
        """SELECT with all that RFC 3501 section 6.3.1 requires of its answer."""
        r = self.ok(f'{"EXAMINE" if examine else "SELECT"} "{mailbox}"')
        for kind in ("FLAGS", "EXISTS", "RECENT"):
            r.one(kind)
        for code in ("UIDVALIDITY", "UIDNEXT", "PERMANENTFLAGS"):
            r.coded(code)
        assert r.code == ("READ-ONLY" if examine else "READ-WRITE"), r
        if r.one("EXISTS").number:
            known = self.fetch("1:*", "UID")
            assert max(f["UID"] for f in known.values()) < r.coded("UIDNEXT")
        return r

    def append(self, message, mailbox="INBOX", options=""):
        r = self.ok(f'APPEND "{mailbox}" {options}{" " if options else ""}', Lit(message))
        assert r.code == "APPENDUID" and len(r.code_args[1]) == 1, r
        return r.code_args[1][0]

    def fetch(self, numbers, items):
        return self.ok(f"FETCH {numbers} {items}").fetched()

    def search(self, *parts):
        return self.ok("SEARCH ", *parts).one("SEARCH").data

    def names(self, command):
        """{name: attributes} of LIST or LSUB"""
        out = {}
        for r in self.ok(command).all(command.split()[0]):
            attributes, _, name = r.data
            if name in out:
                raise Deviation(f"{name} twice in {command}")
            out[name] = attributes
        return out


def as_bytes(part):
    return part if isinstance(part, bytes) else part.encode()
