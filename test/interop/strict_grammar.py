"""The formal syntax of IMAP responses, a method a rule; see strict_imap.py.

RFC 3501 section 9, and RFC 2087 (quota), 2342 (namespace), 2971 (ID), 3348
(children), 4314 (ACL), 4315 (UIDPLUS), 5530 (response codes).  The parser
reads from the socket only what the rule at hand asks for.
"""
import base64
import dataclasses
import re

ATOM_SPECIALS = frozenset(b'(){ %*"\\]') | frozenset(range(0x20)) | {0x7F}
TEXT_CHARS = frozenset(range(1, 0x80)) - {0x0A, 0x0D}
ATOM_CHARS = frozenset(range(0x21, 0x7F)) - ATOM_SPECIALS
ASTRING_CHARS = ATOM_CHARS | {0x5D}
SYSTEM_FLAGS = {"\\answered", "\\flagged", "\\deleted", "\\seen", "\\draft"}
SIMPLE_CODES = {
    # RFC 3501, 4315, 4978, 7162
    "ALERT", "PARSE", "READ-ONLY", "READ-WRITE", "TRYCREATE", "UIDNOTSTICKY",
    "CLOSED",
    # RFC 5530
    "UNAVAILABLE", "AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED", "EXPIRED",
    "PRIVACYREQUIRED", "CONTACTADMIN", "NOPERM", "INUSE", "EXPUNGEISSUED",
    "CORRUPTION", "SERVERBUG", "CLIENTBUG", "CANNOT", "LIMIT", "OVERQUOTA",
    "ALREADYEXISTS", "NONEXISTENT",
    # RFC 3516, 4469
    "UNKNOWN-CTE", "TOOBIG",
}
STATUS_ITEMS = {"MESSAGES", "RECENT", "UIDNEXT", "UIDVALIDITY", "UNSEEN"}
ENCODINGS = {b"7BIT", b"8BIT", b"BINARY", b"BASE64", b"QUOTED-PRINTABLE"}
MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


class Deviation(AssertionError):
    """The server sent what the documents do not allow."""


@dataclasses.dataclass
class Response:
    """One untagged response: kind "FETCH", number if it has one, and data."""
    kind: str
    data: object = None
    number: int = None
    code: str = None
    code_args: object = None


class Source:
    """Bytes of a connection, no further than the grammar asks."""

    def __init__(self, sock):
        self.sock = sock
        self.buf = b""
        self.at = 0
        self.start = 0

    def more(self):
        if self.at > 65536:
            self.buf, self.at = self.buf[self.at:], 0
        got = self.sock.recv(65536)
        if not got:
            raise EOFError(self.buf[-200:])
        self.buf += got

    def peek(self, n=1):
        while len(self.buf) - self.at < n:
            self.more()
        return self.buf[self.at:self.at + n]

    def take(self, n=1):
        got = self.peek(n)
        self.at += n
        return got

    def pending(self):
        return len(self.buf) - self.at

    def fail(self, wanted):
        self.sock.settimeout(0.2)
        try:
            self.peek(60)
        except (OSError, EOFError):
            pass
        before = self.buf[max(0, self.at - 160):self.at]
        after = self.buf[self.at:self.at + 60]
        raise Deviation(f"expected {wanted}: {before!r} <HERE> {after!r}")


class Grammar:
    """RFC 3501 section 9, a method a rule."""

    def __init__(self, source):
        self.s = source

    # --- basics ---

    def lit(self, word):
        """A literal string of the grammar, in any case."""
        if self.s.peek(len(word)).upper() != word.upper():
            self.s.fail(word)
        return self.s.take(len(word))

    def sp(self):
        self.lit(b" ")

    def crlf(self):
        if self.s.peek(2) != b"\r\n":
            self.s.fail("CRLF")
        self.s.take(2)

    def next_is(self, word):
        """Does it go on with WORD?  Reads no further than the first difference."""
        for n in range(1, len(word) + 1):
            if self.s.peek(n).upper() != word[:n].upper():
                return False
        return True

    def maybe(self, word):
        if not self.next_is(word):
            return False
        self.s.take(len(word))
        return True

    def run(self, chars, what):
        out = bytearray()
        while self.s.peek()[0] in chars:
            out += self.s.take()
        if not out:
            self.s.fail(what)
        return bytes(out)

    def number(self):
        digits = self.run(frozenset(b"0123456789"), "number")
        if len(digits) > 1 and digits[0] == 0x30:
            self.s.fail("number without leading zero")
        if int(digits) > 0xFFFFFFFF:
            self.s.fail("number below 2^32")
        return int(digits)

    def nz_number(self):
        n = self.number()
        if n == 0:
            self.s.fail("nz-number")
        return n

    def atom(self):
        return self.run(ATOM_CHARS, "atom")

    def quoted(self):
        self.lit(b'"')
        out = bytearray()
        while True:
            c = self.s.take()
            if c == b'"':
                return bytes(out)
            if c == b"\\":
                c = self.s.take()
                if c not in b'"\\':
                    self.s.fail("quoted-special after backslash")
            elif c[0] not in TEXT_CHARS:
                self.s.fail("TEXT-CHAR in quoted (not NUL, CR, LF, 8-bit)")
            out += c

    def literal(self):
        self.lit(b"{")
        n = self.number()
        self.lit(b"}")
        self.crlf()
        data = self.s.take(n)
        if b"\0" in data:
            self.s.fail("CHAR8 in literal (no NUL)")
        return data

    def string(self):
        return self.literal() if self.next_is(b"{") else self.quoted()

    def nil(self):
        self.lit(b"NIL")

    def nstring(self):
        if self.next_is(b"N"):
            self.nil()
            return None
        return self.string()

    def astring(self):
        if self.s.peek() in (b'"', b"{"):
            return self.string()
        return self.run(ASTRING_CHARS, "astring")

    def mailbox(self):
        """The name as text; modified UTF-7 must be well formed."""
        name = self.astring()
        if any(c > 0x7F for c in name):
            self.s.fail("mailbox name in modified UTF-7")
        decode_utf7(name)
        return name.decode()

    def parenthesized(self, rule, separator=b" "):
        """"(" [rule *(separator rule)] ")" """
        self.lit(b"(")
        out = []
        while not self.next_is(b")"):
            if out and separator:
                self.lit(separator)
            out.append(rule())
        self.lit(b")")
        return out

    def some(self, rule, separator=b" "):
        out = self.parenthesized(rule, separator)
        if not out:
            self.s.fail("at least one in a list")
        return out

    def nil_or(self, rule):
        if self.next_is(b"N"):
            self.nil()
            return None
        return rule()

    # --- flags ---

    def flag(self, star=False):
        if not self.maybe(b"\\"):
            return self.atom().decode()
        if star and self.maybe(b"*"):
            return "\\*"
        return "\\" + self.atom().decode()

    def flag_list(self, star=False, recent=False):
        flags = self.parenthesized(lambda: self.flag(star))
        low = [f.lower() for f in flags]
        if len(set(low)) != len(low):
            self.s.fail(f"no flag twice in {flags}")
        if "\\recent" in low and not recent:
            self.s.fail(r"no \Recent here")
        for f in low:
            if f.startswith("\\") and f not in SYSTEM_FLAGS | {"\\recent", "\\*"}:
                self.s.fail(f"a system flag, not {f}")
        return flags

    # --- responses ---

    def text(self):
        return self.run(TEXT_CHARS, "text").decode()

    def resp_text(self):
        """(code, arguments, text)"""
        code = args = None
        if self.maybe(b"["):
            code, args = self.resp_text_code()
            self.lit(b"]")
            self.sp()
        return code, args, self.text()

    def resp_text_code(self):
        name = self.atom().decode().upper()
        if name in SIMPLE_CODES:
            return name, None
        if name == "BADCHARSET":
            return name, self.some(self.astring) if self.maybe(b" ") else None
        self.sp()
        if name == "CAPABILITY":
            return name, self.capabilities()
        if name == "PERMANENTFLAGS":
            return name, self.flag_list(star=True)
        if name in ("UIDNEXT", "UIDVALIDITY", "UNSEEN", "HIGHESTMODSEQ"):
            return name, self.nz_number()
        if name in ("ANNOTATIONS", "URLMECH"):  # RFC 5257, RFC 4467
            return name, self.atom()
        if name == "MAILBOXID":         # RFC 8474
            self.lit(b"(")
            objectid = self.atom()
            self.lit(b")")
            return name, objectid
        if name == "APPENDUID":
            validity = self.nz_number()
            self.sp()
            return name, (validity, self.uid_set())
        if name == "COPYUID":
            validity = self.nz_number()
            self.sp()
            source = self.uid_set()
            self.sp()
            target = self.uid_set()
            if len(source) != len(target):
                self.s.fail("COPYUID sets of one size")
            return name, (validity, source, target)
        self.s.fail(f"a known response code, not {name}")

    def uid_set(self):
        """uid-set of RFC 4315 as a list; without "*"."""
        out = []
        while True:
            first = last = self.nz_number()
            if self.maybe(b":"):
                last = self.nz_number()
            step = 1 if last >= first else -1
            out += range(first, last + step, step)
            if not self.maybe(b","):
                break
        if len(set(out)) != len(out):
            self.s.fail("no UID twice in a set")
        return out

    def capabilities(self):
        out = [self.atom().decode()]
        while self.maybe(b" "):
            out.append(self.atom().decode())
        up = [c.upper() for c in out]
        if "IMAP4REV1" not in up:
            self.s.fail("IMAP4rev1 among the capabilities")
        if len(set(up)) != len(up):
            self.s.fail("no capability twice")
        return up

    def response(self):
        """("tagged", tag, Response), ("untagged", None, R), ("+", None, text)"""
        self.s.start = self.s.at
        if self.maybe(b"+"):
            return "+", None, self.continue_req()
        if self.maybe(b"*"):
            self.sp()
            return "untagged", None, self.response_data()
        tag = self.run(ASTRING_CHARS - {0x2B}, "tag").decode()
        self.sp()
        return "tagged", tag, self.cond_state(("OK", "NO", "BAD"))

    def continue_req(self):
        """"+" SP (resp-text / base64) CRLF; base64 may be empty."""
        self.sp()
        if self.next_is(b"\r"):
            text = ""
        elif self.next_is(b"["):
            text = self.resp_text()
        else:
            text = self.text()
        self.crlf()
        return text

    def cond_state(self, words):
        word = self.atom().decode().upper()
        if word not in words:
            self.s.fail(f"one of {words}, not {word}")
        self.sp()
        code, args, text = self.resp_text()
        self.crlf()
        return Response(word, text, code=code, code_args=args)

    def response_data(self):
        if self.s.peek().isdigit():
            return self.message_data()
        start = self.s.at
        word = self.atom().decode().upper()
        if word in ("OK", "NO", "BAD", "BYE", "PREAUTH"):
            self.s.at = start
            return self.cond_state((word,))
        rule = getattr(self, "data_" + word.lower(), None)
        if rule is None:
            self.s.fail(f"a known response, not {word}")
        r = Response(word, rule())
        self.crlf()
        return r

    def message_data(self):
        n = self.number()
        self.sp()
        word = self.atom().decode().upper()
        if word not in ("EXISTS", "RECENT", "EXPUNGE", "FETCH"):
            self.s.fail("EXISTS, RECENT, EXPUNGE or FETCH")
        if word in ("EXPUNGE", "FETCH") and n == 0:
            self.s.fail("nz-number")
        data = None
        if word == "FETCH":
            self.sp()
            data = self.msg_att()
        self.crlf()
        return Response(word, data, number=n)

    def data_capability(self):
        self.sp()
        return self.capabilities()

    def data_flags(self):
        self.sp()
        return self.flag_list()

    def data_search(self):
        out = []
        while self.maybe(b" "):
            out.append(self.nz_number())
        if len(set(out)) != len(out):
            self.s.fail("no number twice in SEARCH")
        return out

    def data_list(self):
        """mailbox-list: (flags, delimiter, name)"""
        self.sp()
        flags = self.parenthesized(self.flag)
        low = {f.lower() for f in flags}
        if len(low) != len(flags):
            self.s.fail("no attribute twice")
        if len(low & {"\\noselect", "\\marked", "\\unmarked"}) > 1:
            self.s.fail("at most one mbx-list-sflag")
        if {"\\haschildren", "\\hasnochildren"} <= low or {"\\noinferiors", "\\haschildren"} <= low:
            self.s.fail("children or none (RFC 3348)")
        self.sp()
        delimiter = self.delimiter()
        self.sp()
        name = self.mailbox()
        if name.upper() == "INBOX" and name != "INBOX":
            self.s.fail("INBOX in capitals")
        return low, delimiter, name

    data_lsub = data_list

    def delimiter(self):
        if self.next_is(b"N"):
            self.nil()
            return None
        q = self.quoted()
        if len(q) != 1:
            self.s.fail("one QUOTED-CHAR")
        return q.decode()

    def data_status(self):
        self.sp()
        name = self.mailbox()
        self.sp()
        items = {}
        for k, v in self.parenthesized(self.status_item):
            if k in items:
                self.s.fail("no item twice")
            items[k] = v
        return name, items

    def status_item(self):
        word = self.atom().decode().upper()
        if word not in STATUS_ITEMS:
            self.s.fail("a status-att")
        self.sp()
        n = self.nz_number() if word in ("UIDNEXT", "UIDVALIDITY") else self.number()
        return word, n

    # --- extensions ---

    def rights(self):
        r = self.astring().decode()
        if len(set(r)) != len(r) or any(c not in "lrswipkxteacdn0123456789" for c in r):
            self.s.fail(f"rights, not {r}")
        return r

    def data_acl(self):
        """(mailbox, {identifier: rights})"""
        self.sp()
        name, acl = self.mailbox(), {}
        while self.maybe(b" "):
            who = self.astring().decode()
            self.sp()
            if who in acl:
                self.s.fail("no identifier twice")
            acl[who] = self.rights()
        return name, acl

    def data_listrights(self):
        """(mailbox, identifier, required, [optional ...])"""
        self.sp()
        name = self.mailbox()
        self.sp()
        who = self.astring().decode()
        self.sp()
        required, optional = self.rights(), []
        while self.maybe(b" "):
            optional.append(self.rights())
        all_rights = required + "".join(optional)
        if len(set(all_rights)) != len(all_rights):
            self.s.fail("each right once in LISTRIGHTS")
        return name, who, required, optional

    def data_myrights(self):
        self.sp()
        name = self.mailbox()
        self.sp()
        return name, self.rights()

    def data_quota(self):
        """(root, {resource: (usage, limit)})"""
        self.sp()
        root = self.astring().decode()
        self.sp()
        return root, dict(self.parenthesized(self.quota_resource))

    def quota_resource(self):
        name = self.atom().decode().upper()
        self.sp()
        usage = self.number()
        self.sp()
        return name, (usage, self.number())

    def data_quotaroot(self):
        self.sp()
        name, roots = self.mailbox(), []
        while self.maybe(b" "):
            roots.append(self.astring().decode())
        return name, roots

    def data_namespace(self):
        out = []
        for _ in range(3):
            self.sp()
            out.append(self.nil_or(lambda: self.some(self.namespace, b"")) or [])
        return out

    def namespace(self):
        self.lit(b"(")
        prefix = self.string().decode()
        decode_utf7(prefix.encode())
        self.sp()
        delimiter = self.delimiter()
        self.lit(b")")
        return prefix, delimiter

    def data_id(self):
        self.sp()
        return self.nil_or(lambda: dict(self.parenthesized(self.id_pair)))

    def id_pair(self):
        name = self.string().decode().lower()
        self.sp()
        value = self.nstring()
        if len(name) > 30 or (value or b"")[1024:]:
            self.s.fail("ID fields within the limits of RFC 2971 section 3.3")
        return name, value

    # --- FETCH ---

    def msg_att(self):
        out = {}
        for name, value in self.some(self.msg_att_item):
            if name in out:
                self.s.fail(f"no {name} twice")
            out[name] = value
        return out

    def msg_att_item(self):
        word = bytearray()
        while self.s.peek()[0] in ATOM_CHARS - {0x5B}:
            word += self.s.take()
        name = word.decode().upper()
        if name == "BODY" and self.next_is(b"["):
            name += self.section()
            self.sp()
            return name, self.nstring()
        self.sp()
        if name == "FLAGS":
            return name, self.flag_list(recent=True)
        if name == "UID":
            return name, self.nz_number()
        if name == "RFC822.SIZE":
            return name, self.number()
        if name in ("RFC822", "RFC822.HEADER", "RFC822.TEXT"):
            return name, self.nstring()
        if name == "INTERNALDATE":
            return name, self.date_time()
        if name == "ENVELOPE":
            return name, self.envelope()
        if name in ("BODY", "BODYSTRUCTURE"):
            return name, self.body(name == "BODYSTRUCTURE")
        self.s.fail(f"a msg-att, not {name}")

    def section(self):
        """"[" [section-spec] "]" ["<" number ">"], as text in capitals"""
        self.lit(b"[")
        out = "["
        while self.s.peek().isdigit():
            out += str(self.nz_number())
            if self.next_is(b"]"):
                break
            self.lit(b".")
            out += "."
        word = b"" if self.next_is(b"]") else self.run(ATOM_CHARS, "section-text")
        word = word.decode().upper()
        if word in ("HEADER.FIELDS", "HEADER.FIELDS.NOT"):
            self.sp()
            names = self.some(self.astring)
            word += " (" + " ".join(n.decode().upper() for n in names) + ")"
        elif word not in ("", "HEADER", "TEXT", "MIME"):
            self.s.fail("a section-text")
        if out.endswith(".") and not word or word == "MIME" and out == "[":
            self.s.fail("a section-spec")
        self.lit(b"]")
        out += word + "]"
        if self.maybe(b"<"):
            out += f"<{self.number()}>"
            self.lit(b">")
        return out

    def date_time(self):
        text = self.quoted().decode()
        m = re.fullmatch(r"([ 123]\d)-(\w{3})-(\d{4}) (\d\d):(\d\d):(\d\d) [+-](\d\d)(\d\d)", text)
        if not m or m.group(2) not in MONTHS or int(m.group(1)) > 31 or int(m.group(4)) > 23 \
                or int(m.group(5)) > 59 or int(m.group(6)) > 60 or int(m.group(8)) > 59:
            self.s.fail(f"a date-time, not {text}")
        return text

    def envelope(self):
        self.lit(b"(")
        out = {}
        for i, name in enumerate(("date", "subject", "from", "sender", "reply-to", "to",
                                  "cc", "bcc", "in-reply-to", "message-id")):
            if i:
                self.sp()
            if 2 <= i <= 7:
                out[name] = self.nil_or(lambda: self.some(self.address, b""))
            else:
                out[name] = self.nstring()
        self.lit(b")")
        if out["from"] and not (out["sender"] and out["reply-to"]):
            self.s.fail("sender and reply-to default to from")
        return out

    def address(self):
        """(name, adl, mailbox, host), and groups that open and close"""
        self.lit(b"(")
        out = []
        for i in range(4):
            if i:
                self.sp()
            out.append(self.nstring())
        self.lit(b")")
        if out[2] is None and out[3] is not None:
            self.s.fail("an address with host but no mailbox")
        return tuple(out)

    # --- BODY and BODYSTRUCTURE ---

    def body(self, extended):
        self.lit(b"(")
        out = self.body_mpart(extended) if self.next_is(b"(") else self.body_1part(extended)
        self.lit(b")")
        return out

    def body_mpart(self, extended):
        out = {"parts": [], "type": b"MULTIPART"}
        while self.next_is(b"("):
            out["parts"].append(self.body(extended))
        self.sp()
        out["subtype"] = self.string()
        if extended and self.maybe(b" "):
            out["params"] = self.params()
            self.extension(out)
        return out

    def body_1part(self, extended):
        out = {"type": self.string().upper()}
        self.sp()
        out["subtype"] = self.string().upper()
        self.sp()
        out["params"] = self.params()
        for name in ("id", "description"):
            self.sp()
            out[name] = self.nstring()
        self.sp()
        out["encoding"] = self.string()
        if not out["encoding"]:
            self.s.fail("an encoding")
        self.sp()
        out["octets"] = self.number()
        if (out["type"], out["subtype"]) == (b"MESSAGE", b"RFC822"):
            self.sp()
            out["envelope"] = self.envelope()
            self.sp()
            out["body"] = self.body(extended)
            self.sp()
            out["lines"] = self.number()
        elif out["type"] == b"TEXT":
            self.sp()
            out["lines"] = self.number()
        if extended and self.maybe(b" "):
            out["md5"] = self.nstring()
            self.extension(out)
        return out

    def extension(self, out):
        if not self.maybe(b" "):
            return
        out["disposition"] = self.nil_or(self.disposition)
        if not self.maybe(b" "):
            return
        out["language"] = self.some(self.string) if self.next_is(b"(") else self.nstring()
        if self.maybe(b" "):
            out["location"] = self.nstring()

    def params(self):
        return self.nil_or(lambda: [(k.lower(), v) for k, v in self.some(self.param)])

    def param(self):
        name = self.string()
        self.sp()
        return name, self.string()

    def disposition(self):
        self.lit(b"(")
        kind = self.string()
        self.sp()
        params = self.params()
        self.lit(b")")
        return kind, params


def decode_utf7(name):
    """Modified UTF-7 to text; raises Deviation unless it is the one right form."""
    def shifted(m):
        if m.group(1) == b"":
            return "&"
        code = m.group(1).replace(b",", b"/")
        raw = base64.b64decode(code + b"=" * (-len(code) % 4), validate=True)
        text = raw[:len(raw) // 2 * 2].decode("utf-16-be")
        if any(" " <= c <= "~" for c in text) or encode_utf7(text) != m.group(0):
            raise Deviation(f"modified UTF-7 {name!r}")
        return text
    out, at = "", 0
    try:
        for m in re.finditer(rb"&([^-&]*)-", name):
            out += name[at:m.start()].decode("ascii") + shifted(m)
            at = m.end()
        rest = name[at:].decode("ascii")
    except ValueError as e:
        raise Deviation(f"modified UTF-7 {name!r}: {e}") from e
    if "&" in rest or b"-&" in re.sub(rb"&-", b"", name) and re.search(rb"&[^-]+-&[^-]", name):
        raise Deviation(f"modified UTF-7 {name!r}")
    return out + rest


def encode_utf7(text):
    out = b""
    for plain, other in re.findall(r"([ -~]+)|([^ -~]+)", text):
        if plain:
            out += plain.replace("&", "&-").encode()
        else:
            code = base64.b64encode(other.encode("utf-16-be")).rstrip(b"=")
            out += b"&" + code.replace(b"/", b",") + b"-"
    return out


