"""A strict parser of what an IMAP server says.

    Strict().check(b"* 1 FETCH (UID 7)")      raises NotInGrammar, or returns

It takes one whole response (without the final CRLF, literals in their places)
and fails on all that the ABNF of RFC 9051 section 9 and of the extensions'
RFCs does not allow: a space too many, an empty list where none may be, an
8-bit byte in a quoted string, an unknown response code.  What RFC 3501 has and
RFC 9051 has not (RECENT, SEARCH, LSUB, RFC822 ...) is taken until the server
has said "ENABLED IMAP4rev2".  One object follows one connection.

A new extension adds its rules to the tables at the end, with its section.
"""
import base64
import binascii
import re


class NotInGrammar(AssertionError):
    pass


ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
ASTRING_ATOM = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\]+')
TAG = re.compile(rb'[^\x00-\x20\x7f-\xff(){%*"\\+]+')
QUOTED = re.compile(rb'"((?:[^\x00\r\n"\\]|\\["\\])*)"')
LITERAL = re.compile(rb"\{(\d+)\}\r\n")
LITERAL8 = re.compile(rb"~\{(\d+)\}\r\n")
NUMBER = re.compile(rb"\d+")
NIL = re.compile(rb"NIL(?![^\x00-\x20()\[\]])")
FLAG = re.compile(rb'\\?[^\x00-\x20\x7f-\xff(){%*"\\\]]+')
SET = re.compile(rb"[0-9:,]+")
TEXT = re.compile(rb"[^\x00\r\n]+")
DATE_TIME = re.compile(
    rb'"( \d|\d\d)-(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-\d{4} \d\d:\d\d:\d\d [+-]\d{4}"')
OBJECTID = re.compile(rb"[A-Za-z0-9_-]{1,255}(?=\))")
CHARSET = re.compile(rb"[A-Za-z0-9._:+-]+")
SECTION = re.compile(
    rb"(?:[1-9]\d*(?:\.[1-9]\d*)*)?"
    rb"(?:(?:(?<=\d)\.)?(?:HEADER(?:\.FIELDS(?:\.NOT)?)?|TEXT|(?<=\.)MIME))?")
PART = re.compile(rb"(?:[1-9]\d*(?:\.[1-9]\d*)*)?(?=\])")
RIGHTS = re.compile(rb"[a-z0-9]*")
SYSTEM_FLAGS = {b"\\answered", b"\\flagged", b"\\deleted", b"\\seen", b"\\draft", b"\\recent"}


class Strict:
    def __init__(self):
        self.rev2 = False
        self.utf8 = False
        self.buf, self.at = b"", 0

    # --- the engine ---

    def fail(self, expected):
        raise NotInGrammar(f"{expected} expected at {self.at} of {self.buf[:2000]!r}: "
                           f"{self.buf[self.at:self.at + 60]!r}")

    def token(self, pattern, what):
        m = pattern.match(self.buf, self.at)
        if not m or m.end() == self.at:
            self.fail(what)
        self.at = m.end()
        return m.group()

    def has(self, words):
        if self.buf.startswith(words, self.at):
            self.at += len(words)
            return True
        return False

    def want(self, words):
        if not self.has(words):
            self.fail(repr(words))

    def sp(self):
        self.want(b" ")

    def end(self):
        if self.at != len(self.buf):
            self.fail("the end")

    def number(self, top=2**32 - 1, least=0):
        n = int(self.token(NUMBER, "number"))
        if not least <= n <= top:
            self.fail(f"number from {least} to {top}")
        return n

    def nz_number(self):
        return self.number(least=1)

    def number64(self, least=0):
        return self.number(2**63 - 1, least)

    def word(self):
        return self.token(ATOM, "atom").upper()

    def spaced(self, item, *more):
        """1*(item), with single spaces between."""
        item(*more)
        while self.has(b" "):
            item(*more)

    def listed(self, item, *more, empty=True):
        """ "(" [item *(SP item)] ")" """
        self.want(b"(")
        if empty and self.has(b")"):
            return
        self.spaced(item, *more)
        self.want(b")")

    # --- strings ---

    def quoted(self):
        m = QUOTED.match(self.buf, self.at)
        if not m:
            self.fail("quoted string")
        if not m.group(1).isascii():
            if not self.utf8:
                self.fail("7-bit quoted string")
            try:
                m.group(1).decode()
            except UnicodeDecodeError:
                self.fail("quoted string in UTF-8")
        self.at = m.end()
        return re.sub(rb"\\(.)", rb"\1", m.group(1))

    def literal(self, pattern=LITERAL):
        m = pattern.match(self.buf, self.at)
        if not m:
            self.fail("string")
        n = int(m.group(1))
        bytes_ = self.buf[m.end():m.end() + n]
        if len(bytes_) != n or (pattern is LITERAL and b"\0" in bytes_):
            self.fail("literal of that size without NUL")
        self.at = m.end() + n
        return bytes_

    def string(self):
        return self.quoted() if self.buf[self.at:self.at + 1] == b'"' else self.literal()

    def nil(self):
        m = NIL.match(self.buf, self.at)
        if m:
            self.at = m.end()
        return bool(m)

    def nstring(self):
        return None if self.nil() else self.string()

    def nstring8(self):
        if self.buf[self.at:self.at + 1] == b"~":
            return self.literal(LITERAL8)
        return self.nstring()

    def astring(self):
        c = self.buf[self.at:self.at + 1]
        if c in (b'"', b"{"):
            return self.string()
        return self.token(ASTRING_ATOM, "astring")

    def mailbox(self):
        name = self.astring()
        if self.utf8 and not name.isascii():
            try:
                name.decode()
            except UnicodeDecodeError:
                self.fail("mailbox name in UTF-8")
        elif not self.utf8:
            self.utf7(name)
        return name

    def utf7(self, name):
        """RFC 3501 section 5.1.3: only this form, and only where it is needed."""
        if not all(0x20 <= c < 0x7f for c in name):
            self.fail("mailbox name in modified UTF-7")
        for coded in re.findall(rb"&([^-]*)(-?)", name):
            if not coded[1]:
                self.fail("'-' after '&' in a mailbox name")
            if coded[0]:
                b64 = coded[0].replace(b",", b"/")
                try:
                    text = base64.b64decode(b64 + b"=" * (-len(b64) % 4), validate=True)
                    text = text.decode("utf-16-be")
                except (binascii.Error, UnicodeDecodeError):
                    self.fail("modified UTF-7")
                if any(0x20 <= ord(c) < 0x7f for c in text):
                    self.fail("printable ASCII as itself in modified UTF-7")

    def text(self):
        got = self.token(TEXT, "text")
        if not got.isascii():
            if not self.utf8:
                self.fail("7-bit text")
            got.decode()

    # --- small rules ---

    def flag(self, recent=False, star=False):
        if star and self.has(b"\\*"):
            return
        f = self.token(FLAG, "flag").lower()
        if f.startswith(b"\\") and f not in SYSTEM_FLAGS:
            self.fail("system flag")
        if f == b"\\recent" and (not recent or self.rev2):
            self.fail("flag other than \\Recent")

    def sequence_set(self):
        """seq-number or range, no "*": the server knows its numbers."""
        s = self.token(SET, "sequence-set")
        for r in s.split(b","):
            if not re.fullmatch(rb"[1-9]\d*(:[1-9]\d*)?", r):
                self.fail("sequence-set")
            if any(int(n) >= 2**32 for n in r.split(b":")):
                self.fail("sequence-set of 32-bit numbers")

    def date_time(self):
        self.token(DATE_TIME, "date-time")

    def paren_number64(self):
        self.want(b"(")
        self.number64(least=1)
        self.want(b")")

    # --- responses ---

    def check(self, response):
        """One response; NotInGrammar if it is none."""
        self.buf, self.at = response, 0
        if self.has(b"* "):
            self.untagged()
        elif self.has(b"+"):
            self.sp()                      # continue-req
            if self.at < len(self.buf):
                self.resp_text()
        else:
            self.token(TAG, "tag")
            self.sp()
            if self.word() not in (b"OK", b"NO", b"BAD"):
                self.fail("OK, NO or BAD")
            self.sp()
            self.resp_text()
        self.end()

    def untagged(self):
        if NUMBER.match(self.buf, self.at):
            n = self.number()
            self.sp()
            name = self.word()
            rule = NUMBERED.get(name)
            if rule is None or (self.rev2 and name in OBSOLETE):
                self.fail(f"EXISTS, FETCH ..., not {name}")
            if n == 0 and name not in (b"EXISTS", b"RECENT"):
                self.fail("nz-number")
            rule(self)
            return
        name = self.word()
        rule = UNTAGGED.get(name)
        if rule is None or (self.rev2 and name in OBSOLETE):
            self.fail(f"response name, not {name}")
        rule(self)

    def resp_text(self):
        """resp-text = ["[" resp-text-code "]" SP] [text]"""
        if self.has(b"["):
            code = self.word()
            rule = CODES.get(code, False)
            if rule is False:
                self.fail(f"response code, not {code}")
            if rule:
                rule(self)
            self.want(b"]")
            self.sp()
            if self.rev2 and self.at == len(self.buf):
                return
        self.text()

    def state(self):
        self.sp()
        self.resp_text()

    def nothing(self):
        pass

    def capabilities(self):
        seen = set()
        while self.has(b" "):
            c = self.token(ATOM, "capability").upper()
            if c in seen:
                self.fail(f"each capability once, not {c} again")
            seen.add(c)
        if not seen & {b"IMAP4REV1", b"IMAP4REV2"}:
            self.fail("IMAP4rev1 or IMAP4rev2")

    def enabled(self):
        while self.has(b" "):
            c = self.word()
            if c == b"IMAP4REV2":
                self.rev2 = self.utf8 = True
            if c.startswith(b"UTF8="):
                self.utf8 = True

    def flags(self):
        self.sp()
        self.listed(self.flag, True)

    def permanentflags(self):
        self.sp()
        self.listed(self.flag, False, True)

    def mbx_list_flag(self):
        f = self.token(FLAG, "attribute")
        if not f.startswith(b"\\"):
            self.fail("attribute with a backslash")
        self.attributes.append(f.lower())

    def list(self):
        self.sp()
        self.attributes = []
        self.listed(self.mbx_list_flag)
        a = self.attributes
        if len(a) != len(set(a)):
            self.fail("each attribute once")
        if len({b"\\noselect", b"\\nonexistent", b"\\marked", b"\\unmarked"} & set(a)) > 1:
            self.fail("one of \\Noselect, \\NonExistent, \\Marked, \\Unmarked")
        if b"\\haschildren" in a and (b"\\hasnochildren" in a or b"\\noinferiors" in a):
            self.fail("no contradiction about children")
        self.sp()
        if not self.nil():
            if len(self.quoted()) != 1:
                self.fail("one separator")
        self.sp()
        self.mailbox()
        if self.has(b" "):
            self.listed(self.list_extended)

    def list_extended(self):
        tag = self.astring().upper()
        self.sp()
        if tag == b"OLDNAME":              # RFC 9051 7.3.1
            self.want(b"(")
            self.mailbox()
            self.want(b")")
        elif tag == b"CHILDINFO":          # RFC 5258 6
            self.listed(self.quoted, empty=False)
        else:
            self.fail("OLDNAME or CHILDINFO")

    def search(self):
        while self.has(b" "):
            if self.has(b"(MODSEQ "):      # RFC 7162 3.1.5
                self.number64(least=1)
                self.want(b")")
                return
            self.nz_number()

    def thread(self):
        if self.has(b" "):
            while True:
                self.thread_list()
                if self.at == len(self.buf):
                    return

    def thread_list(self):
        """RFC 5256 section 5"""
        depth = 0
        start = self.at
        while True:
            if self.has(b"("):
                depth += 1
                if self.buf[self.at:self.at + 1] == b")":
                    self.fail("thread with a member")
            elif self.has(b")"):
                depth -= 1
                if depth == 0:
                    break
                continue
            else:
                self.nz_number()
                if self.has(b" "):
                    if self.buf[self.at:self.at + 1] == b")":
                        self.fail("thread member")
                elif self.buf[self.at:self.at + 1] != b")":
                    self.fail("SP or ')'")
        if self.at == start:
            self.fail("thread-list")

    def esearch(self):
        if self.has(b" ("):
            self.want(b"TAG ")
            self.string()
            while self.has(b" "):          # RFC 7377 section 4
                name = self.word()
                self.sp()
                if name == b"MAILBOX":
                    self.mailbox()
                elif name == b"UIDVALIDITY":
                    self.nz_number()
                else:
                    self.fail("MAILBOX or UIDVALIDITY")
            self.want(b")")
        if self.buf.startswith(b" UID", self.at) and self.buf[self.at + 4:self.at + 5] in (b"", b" "):
            self.at += 4
        seen = set()
        while self.has(b" "):
            name = self.word()
            rule = RETURN_DATA.get(name)
            if rule is None:
                self.fail("search return data")
            if name in seen and name not in (b"ADDTO", b"REMOVEFROM", b"PARTIAL"):
                self.fail("each item once")
            seen.add(name)
            self.sp()
            rule(self)

    def partial(self):
        self.want(b"(")
        self.token(re.compile(rb"-?[1-9]\d*:-?[1-9]\d*"), "partial-range")
        self.sp()
        if not self.nil():
            self.sequence_set()
        self.want(b")")

    def context(self):
        """RFC 5267 section 5"""
        self.want(b"(")
        while True:
            self.number()
            self.sp()
            self.sequence_set()
            if not self.has(b" "):
                break
        self.want(b")")

    def relevancy(self):
        self.listed(self.number, 100, 1)

    def status(self):
        self.sp()
        self.mailbox()
        self.sp()
        self.listed(self.status_att)

    def status_att(self):
        rule = STATUS_ATT.get(self.word())
        if rule is None:
            self.fail("status attribute")
        self.sp()
        rule(self)

    def number_or_nil(self):
        if not self.nil():
            self.number()

    def objectid(self):
        self.want(b"(")
        self.token(OBJECTID, "objectid")
        self.want(b")")

    def objectid_or_nil(self):
        if not self.nil():
            self.objectid()

    # --- FETCH ---

    def fetch(self, uid=False):
        self.sp()
        self.seen_att = set()
        self.listed(self.msg_att, empty=uid)

    def uidfetch(self):
        self.fetch(True)                   # RFC 9586 section 5

    def msg_att(self):
        start = self.at
        name = self.token(re.compile(rb"[A-Z0-9.]+"), "message attribute")
        if self.has(b"["):
            if name == b"BODY":
                self.section()
            elif name in (b"BINARY", b"BINARY.SIZE"):
                PART.match(self.buf, self.at) or self.fail("section-part")
                self.at = PART.match(self.buf, self.at).end()
            else:
                self.fail("BODY[ or BINARY[")
            self.want(b"]")
            if name != b"BINARY.SIZE" and self.has(b"<"):
                self.number64()
                self.want(b">")
            label = self.buf[start:self.at]
            rule = {b"BODY": Strict.nstring, b"BINARY": Strict.nstring8,
                    b"BINARY.SIZE": Strict.number64}[name]
        else:
            label, rule = name, MSG_ATT.get(name)
            if rule is None or (self.rev2 and name in OBSOLETE):
                self.fail("message attribute")
        if label in self.seen_att:
            self.fail("each message attribute once")
        self.seen_att.add(label)
        self.sp()
        rule(self)

    def section(self):
        m = SECTION.match(self.buf, self.at)
        self.at = m.end()
        if m.group().endswith((b".FIELDS", b".NOT")):
            self.sp()
            self.listed(self.astring, empty=False)

    def fetch_flags(self):
        self.listed(self.flag, True)

    def envelope(self):
        self.want(b"(")
        self.nstring()
        self.sp()
        self.nstring()
        for _ in range(6):
            self.sp()
            self.env_addresses()
        self.sp()
        self.nstring()
        self.sp()
        self.nstring()
        self.want(b")")

    def env_addresses(self):
        if self.nil():
            return
        self.want(b"(")
        while True:
            self.want(b"(")
            for k in range(4):
                if k:
                    self.sp()
                self.nstring()
            self.want(b")")
            if self.has(b")"):
                return

    def body(self, extended=True):
        self.want(b"(")
        if self.buf[self.at:self.at + 1] == b"(":
            while self.buf[self.at:self.at + 1] == b"(":
                self.body(extended)
            self.sp()
            self.string()
            if extended and self.has(b" "):
                self.body_param()
                self.body_ext()
        else:
            self.body_single(extended)
        self.want(b")")

    def body_short(self):
        self.body(False)

    def body_single(self, extended):
        kind = self.string().upper()
        self.sp()
        sub = self.string().upper()
        self.sp()
        self.body_param()
        for rule in (self.nstring, self.nstring, self.string, self.number):
            self.sp()
            rule()
        if kind == b"TEXT":
            self.sp()
            self.number64()
        elif kind == b"MESSAGE" and sub in (b"RFC822", b"GLOBAL") \
                and self.buf[self.at:self.at + 2] == b" (":
            self.sp()
            self.envelope()
            self.sp()
            self.body(extended)
            self.sp()
            self.number64()
        elif kind == b"MESSAGE" and sub == b"RFC822":
            self.fail("envelope of a message/rfc822")
        if extended and self.has(b" "):
            self.nstring()                 # MD5
            self.body_ext()

    def body_ext(self):
        """[SP dsp [SP lang [SP loc *(SP extension)]]]"""
        if not self.has(b" "):
            return
        if not self.nil():
            self.want(b"(")
            self.string()
            self.sp()
            self.body_param()
            self.want(b")")
        if not self.has(b" "):
            return
        if self.buf[self.at:self.at + 1] == b"(":
            self.listed(self.string, empty=False)
        else:
            self.nstring()
        if not self.has(b" "):
            return
        self.nstring()
        while self.has(b" "):
            self.body_extension()

    def body_extension(self):
        if self.buf[self.at:self.at + 1] == b"(":
            self.listed(self.body_extension, empty=False)
        elif NUMBER.match(self.buf, self.at):
            self.number64()
        else:
            self.nstring()

    def body_param(self):
        if self.nil():
            return
        self.want(b"(")
        while True:
            self.string()
            self.sp()
            self.string()
            if not self.has(b" "):
                break
        self.want(b")")

    def savedate(self):
        if not self.nil():
            self.date_time()

    def annotation(self):
        """RFC 5257 section 5: entries with what was asked for, or only their names"""
        def entry():
            name = self.astring()
            if not re.fullmatch(rb"(/[^/*%\x80-\xff\0]+)+", name):
                self.fail("an entry")
            if re.match(rb"/(flags(/|$)|[0-9.]*$|0|[0-9.]*\.\.)", name):
                self.fail("an entry that may be used")       # sections 3.2.1, 3.5
            if name in names:
                self.fail("each entry once")
            names.add(name)

        def entry_att():
            entry()
            self.sp()
            attribs.clear()
            self.listed(att_value, empty=False)

        def att_value():
            attrib = self.astring()
            if attrib not in (b"value.priv", b"value.shared", b"size.priv", b"size.shared"):
                self.fail("value or size, each with its suffix")
            if attrib in attribs:
                self.fail("each attribute once")
            attribs.add(attrib)
            self.sp()
            value = self.nstring8()
            if attrib.startswith(b"size") and not (value or b"").isdigit():
                self.fail("a size")

        names, attribs = set(), set()
        start = self.at
        self.want(b"(")
        entry()
        with_values = self.buf[self.at:self.at + 2] == b" ("
        self.at = start
        names.clear()
        self.listed(entry_att if with_values else entry, empty=False)

    # --- other responses ---

    def vanished(self):
        """RFC 7162 section 7"""
        self.sp()
        if self.has(b"(EARLIER) "):
            pass
        self.sequence_set()

    def namespaces(self):
        for _ in range(3):
            self.sp()
            if self.nil():
                continue
            self.want(b"(")
            while True:
                self.want(b"(")
                self.string()
                self.sp()
                if not self.nil() and len(self.quoted()) != 1:
                    self.fail("one separator")
                while self.has(b" "):
                    self.string()
                    self.sp()
                    self.listed(self.string, empty=False)
                self.want(b")")
                if self.has(b")"):
                    break

    def id(self):
        """RFC 2971"""
        self.sp()
        if self.nil():
            return
        self.want(b"(")
        if self.has(b")"):
            return
        while True:
            self.string()
            self.sp()
            self.nstring()
            if not self.has(b" "):
                break
        self.want(b")")

    def identifier_rights(self):
        self.astring()
        self.sp()
        self.rights()

    def rights(self):
        r = self.astring()
        if not re.fullmatch(rb"-?[a-z0-9]*", r):
            self.fail("rights")

    def acl(self):
        """RFC 4314 section 3.6"""
        self.sp()
        self.mailbox()
        while self.has(b" "):
            self.identifier_rights()

    def listrights(self):
        self.sp()
        self.mailbox()
        self.sp()
        self.astring()
        while self.has(b" "):
            self.rights()

    def myrights(self):
        self.sp()
        self.mailbox()
        self.sp()
        self.rights()

    def quota(self):
        """RFC 9208 section 5.1"""
        self.sp()
        self.astring()
        self.sp()
        self.listed(self.quota_resource)

    def quota_resource(self):
        self.token(ATOM, "resource")
        self.sp()
        self.number64()
        self.sp()
        self.number64()

    def quotaroot(self):
        self.sp()
        self.mailbox()
        while self.has(b" "):
            self.astring()

    def metadata(self):
        """RFC 5464 section 5"""
        self.sp()
        self.mailbox()
        self.sp()
        if self.buf[self.at:self.at + 1] == b"(":
            self.listed(self.entry_value, empty=False)
        else:
            self.spaced(self.entry)

    def entry(self):
        if not self.astring().startswith(b"/"):
            self.fail("entry name")

    def entry_value(self):
        self.entry()
        self.sp()
        self.nstring8()

    def comparator(self):
        """RFC 5255 section 4.8"""
        self.sp()
        self.astring()
        if self.has(b" "):
            self.listed(self.astring, empty=False)

    def language(self):
        self.sp()
        self.listed(self.astring, empty=False)
        self.utf8 = True

    def genurlauth(self):
        self.spaced_after(self.astring)

    def spaced_after(self, item):
        self.sp()
        self.spaced(item)

    def urlfetch(self):
        """RFC 4467 section 9, RFC 5524 section 3"""
        while self.has(b" "):
            self.astring()
            self.sp()
            if self.buf[self.at:self.at + 1] != b"(":
                self.nstring()
                continue
            while self.has(b"("):
                name = self.word()
                if self.has(b" "):
                    if name == b"BODYPARTSTRUCTURE":
                        self.body()
                    else:
                        self.nstring8()
                self.want(b")")
                if self.buf[self.at:self.at + 2] == b" (":
                    self.at += 1

    def uidbatches(self):
        """RFC 10022 sections 3.1.2, 3.1.3.2, 4: uid-ranges, falling and apart"""
        self.want(b" (TAG ")
        self.string()
        self.want(b")")
        if self.at == len(self.buf):
            return
        self.sp()
        below = 2**32
        while True:
            high = self.number(below - 1, 1)
            self.want(b":")
            below = self.number(high, 1)
            if not self.has(b","):
                break

    # --- arguments of response codes ---

    def code_number(self):
        self.sp()
        self.nz_number()

    def code_number64(self):
        self.sp()
        self.number64(least=1)

    def badcharset(self):
        if self.has(b" "):
            self.listed(self.charset, empty=False)

    def charset(self):
        if self.buf[self.at:self.at + 1] == b'"':
            self.quoted()
        else:
            self.token(CHARSET, "charset")

    def appenduid(self):
        self.sp()
        self.nz_number()
        self.sp()
        self.sequence_set()

    def copyuid(self):
        self.appenduid()
        self.sp()
        self.sequence_set()

    def modified(self):
        self.sp()
        self.sequence_set()

    def code_objectid(self):
        self.sp()
        self.objectid()

    def code_rest(self):
        """Anything but "]"; for what is not worth a rule."""
        if self.has(b" "):
            self.token(re.compile(rb"[^\x00\r\n\]]+"), "argument")

    def code_metadata(self):
        """RFC 5464 sections 4.2.1, 4.3"""
        self.sp()
        word = self.word()
        if word in (b"LONGENTRIES", b"MAXSIZE"):
            self.sp()
            self.number()
        elif word not in (b"TOOMANY", b"NOPRIVATE"):
            self.fail("LONGENTRIES, MAXSIZE, TOOMANY or NOPRIVATE")

    def code_annotations(self):
        """RFC 5257 section 4.1"""
        self.sp()
        if self.has(b"NONE"):
            return
        if NUMBER.match(self.buf, self.at):
            if int(self.number()) < 1024:
                self.fail("at least 1024 octets")
        else:
            self.want(b"READ-ONLY")
        self.has(b" NOPRIVATE")

    def code_annotate(self):
        self.sp()
        if self.word() not in (b"TOOBIG", b"TOOMANY"):
            self.fail("TOOBIG or TOOMANY")

    def code_inprogress(self):
        """RFC 9585 section 5"""
        if self.has(b" ("):
            self.string() if not self.nil() else None
            for _ in range(2):
                self.sp()
                self.number_or_nil()
            self.want(b")")

    def code_messagelimit(self):
        """RFC 9738 section 3.1"""
        self.sp()
        self.nz_number()
        if self.has(b" "):
            self.nz_number()

    def code_tag(self):
        self.sp()
        self.quoted()

    def code_badevent(self):
        """RFC 5465 section 8: the names of events that there are"""
        self.sp()
        self.listed(self.event_name, empty=False)

    def event_name(self):
        if self.word() not in EVENTS:
            self.fail("an event")


S = Strict
OBSOLETE = {b"RECENT", b"SEARCH", b"LSUB", b"RFC822", b"RFC822.HEADER", b"RFC822.TEXT"}
NUMBERED = {b"EXISTS": S.nothing, b"RECENT": S.nothing, b"EXPUNGE": S.nothing,
            b"FETCH": S.fetch, b"UIDFETCH": S.uidfetch}
UNTAGGED = {
    b"OK": S.state, b"NO": S.state, b"BAD": S.state, b"BYE": S.state, b"PREAUTH": S.state,
    b"CAPABILITY": S.capabilities, b"ENABLED": S.enabled, b"FLAGS": S.flags,
    b"LIST": S.list, b"LSUB": S.list, b"SEARCH": S.search, b"ESEARCH": S.esearch,
    b"STATUS": S.status, b"NAMESPACE": S.namespaces, b"ID": S.id, b"ACL": S.acl,
    b"LISTRIGHTS": S.listrights, b"MYRIGHTS": S.myrights, b"QUOTA": S.quota,
    b"QUOTAROOT": S.quotaroot, b"SORT": S.search, b"THREAD": S.thread,
    b"VANISHED": S.vanished, b"METADATA": S.metadata, b"COMPARATOR": S.comparator,
    b"LANGUAGE": S.language, b"GENURLAUTH": S.genurlauth, b"URLFETCH": S.urlfetch,
    b"UIDBATCHES": S.uidbatches,
}
EVENTS = {b"MESSAGENEW", b"MESSAGEEXPUNGE", b"FLAGCHANGE", b"ANNOTATIONCHANGE", b"MAILBOXNAME",
          b"SUBSCRIPTIONCHANGE", b"MAILBOXMETADATACHANGE", b"SERVERMETADATACHANGE"}     # RFC 5465 8
STATUS_ATT = {
    b"MESSAGES": S.number, b"UIDNEXT": S.nz_number, b"UIDVALIDITY": S.nz_number,
    b"UNSEEN": S.number, b"RECENT": S.number, b"DELETED": S.number,
    b"SIZE": S.number64,                   # RFC 8438
    b"HIGHESTMODSEQ": S.number64,          # RFC 7162 7; 0: none
    b"APPENDLIMIT": S.number_or_nil,       # RFC 7889 5
    b"MAILBOXID": S.objectid,              # RFC 8474 7
    b"DELETED-STORAGE": S.number64,        # RFC 9208 4.1.4
}
MSG_ATT = {
    b"FLAGS": S.fetch_flags, b"ENVELOPE": S.envelope, b"INTERNALDATE": S.date_time,
    b"RFC822": S.nstring, b"RFC822.HEADER": S.nstring, b"RFC822.TEXT": S.nstring,
    b"RFC822.SIZE": S.number64, b"BODY": S.body_short, b"BODYSTRUCTURE": S.body,
    b"UID": S.nz_number,
    b"MODSEQ": S.paren_number64,           # RFC 7162 7
    b"EMAILID": S.objectid, b"THREADID": S.objectid_or_nil,     # RFC 8474 7
    b"SAVEDATE": S.savedate,               # RFC 8514 5
    b"PREVIEW": S.nstring,                 # RFC 8970 6
    b"ANNOTATION": S.annotation,           # RFC 5257 5
}
RETURN_DATA = {
    b"MIN": S.nz_number, b"MAX": S.nz_number, b"ALL": S.sequence_set, b"COUNT": S.number,
    b"MODSEQ": S.number64, b"PARTIAL": S.partial, b"ADDTO": S.context,
    b"REMOVEFROM": S.context, b"RELEVANCY": S.relevancy,
}
CODES = {
    **dict.fromkeys(                       # without an argument
        [b"ALERT", b"PARSE", b"READ-ONLY", b"READ-WRITE", b"TRYCREATE", b"UIDNOTSTICKY",
         b"UNAVAILABLE", b"AUTHENTICATIONFAILED", b"AUTHORIZATIONFAILED", b"EXPIRED",
         b"PRIVACYREQUIRED", b"CONTACTADMIN", b"NOPERM", b"INUSE", b"EXPUNGEISSUED",
         b"CORRUPTION", b"SERVERBUG", b"CLIENTBUG", b"CANNOT", b"LIMIT", b"OVERQUOTA",
         b"ALREADYEXISTS", b"NONEXISTENT", b"NOTSAVED", b"HASCHILDREN", b"CLOSED",
         b"UNKNOWN-CTE",
         b"NOMODSEQ",                      # RFC 7162 7
         b"TOOBIG",                        # RFC 4469 4
         b"COMPRESSIONACTIVE",             # RFC 4978 3
         b"USEATTR",                       # RFC 6154 6
         b"NOTIFICATIONOVERFLOW",          # RFC 5465 5.8
         b"TEMPFAIL",                      # RFC 5259 10.2
         b"BADCOMPARATOR",                 # RFC 5255 4.9
         b"UIDREQUIRED",                   # RFC 9586 3.3
         b"TOOFEW", b"TOOMANY",            # RFC 10022 4
         ], None),
    b"BADCHARSET": S.badcharset, b"CAPABILITY": S.capabilities,
    b"PERMANENTFLAGS": S.permanentflags, b"UIDNEXT": S.code_number,
    b"UIDVALIDITY": S.code_number, b"UNSEEN": S.code_number,
    b"APPENDUID": S.appenduid, b"COPYUID": S.copyuid,
    b"HIGHESTMODSEQ": S.code_number64, b"MODIFIED": S.modified,   # RFC 7162 7
    b"MAILBOXID": S.code_objectid,         # RFC 8474 7
    b"METADATA": S.code_metadata, b"ANNOTATIONS": S.code_annotations,
    b"ANNOTATE": S.code_annotate, b"INPROGRESS": S.code_inprogress,
    b"MESSAGELIMIT": S.code_messagelimit, b"NOUPDATE": S.code_tag,   # RFC 5267 6
    b"BADEVENT": S.code_badevent,          # RFC 5465 8
    b"BADURL": S.code_rest, b"REFERRAL": S.code_rest,             # RFC 4469, 2221
    b"URLMECH": S.code_rest,               # RFC 4467 9
    b"UNDEFINED-FILTER": S.code_rest,      # RFC 5466 3.3
}
