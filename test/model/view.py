"""What one IMAP session has been told of its selected mailbox.

    view = View()
    view.selecting()                    # a SELECT or EXAMINE was sent
    for line in reply.untagged:
        view.apply(line, rules)         # raises Wrong
    view.selected("READ-WRITE")

A View is a client that believes what it reads, and cannot be fooled: each
untagged response must make sense with those before it (RFC 3501 and 9051
section 7, RFC 7162, RFC 9586): sequence numbers exist, EXISTS does not shrink
by itself, EXPUNGE comes only where `rules` allows it, UIDs rise and never
change, modseqs do not go back.  It knows nothing of other sessions: who knows
what the mailbox holds compares view.messages.
"""
import re


class Wrong(AssertionError):
    pass


def need(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(w) for w in words))


# --- responses into Python's lists ---

TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|([()])|'
                   rb'((?:[^\s()"{}\[]|\[[^\]]*\])+)| +', re.S)


def lists(data):
    """Parenthesized lists, strings and atoms as lists of bytes; NIL is None."""
    stack, at = [[]], 0
    while at < len(data):
        m = TOKEN.match(data, at)
        need(m, "no token at", at, "of", data[:300])
        at = m.end()
        if m[2] is not None:
            stack[-1].append(data[at:at + int(m[2])])
            at += int(m[2])
        elif m[1] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m[1]))
        elif m[3] == b"(":
            stack.append([])
        elif m[3] == b")":
            need(len(stack) > 1, "too many ) in", data[:300])
            stack[-2].append(stack.pop())
        elif m[4] is not None:
            stack[-1].append(None if m[4] == b"NIL" else m[4])
    need(len(stack) == 1, "a ) is missing in", data[:300])
    return stack[0]


def pairs(items):
    """[name, value, name, value] as a dict with names in capitals."""
    need(len(items) % 2 == 0, "an item without its value in", items)
    found = {}
    for name, value in zip(items[::2], items[1::2]):
        name = name.decode().upper()
        need(name not in found, name, "twice in", items)
        found[name] = value
    return found


def numbers_of(text):
    """A uid-set or sequence-set without "*", in the order in which it is written."""
    text = text.decode() if isinstance(text, bytes) else text
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        a, b = int(first), int(last or first)
        out.extend(range(a, b + 1) if a <= b else range(a, b - 1, -1))
    return out


def set_of(numbers):
    """The other way: [1, 2, 3, 7] is "1:3,7"."""
    out = []
    for n in numbers:
        if out and n == out[-1][1] + 1:
            out[-1][1] = n
        else:
            out.append([n, n])
    return ",".join(str(a) if a == b else f"{a}:{b}" for a, b in out)


# --- the view ---

class Rules:
    """What the command that is running allows to come."""

    def __init__(self, expunge=True, uid=False, fetch=False):
        self.expunge = expunge          # EXPUNGE, and VANISHED without EARLIER
        self.uid = uid                  # a UID command: FETCH must bring the UID
        self.fetch = fetch              # FETCH: its own responses have what it asked for


ANY = Rules()


class Message:
    """As far as the client was told; None: not yet."""
    __slots__ = ("uid", "flags", "recent", "modseq")

    def __init__(self, uid=None):
        self.uid, self.flags, self.recent, self.modseq = uid, None, None, None

    def __repr__(self):
        return f"<{self.uid} {self.flags and sorted(self.flags)}>"


class View:
    def __init__(self, condstore=False, qresync=False, uidonly=False, rev2=False):
        self.rev2 = rev2
        self.condstore, self.qresync, self.uidonly = condstore or qresync, qresync, uidonly
        self.deselected()

    def deselected(self):
        self.state = None               # None, "selecting", "READ-WRITE", "READ-ONLY"
        self.messages = []
        self.recent = None
        self.uidvalidity = self.uidnext = self.unseen = None
        self.highestmodseq = None       # up to here nothing was missed (RFC 7162 section 6)
        self.said = self.heard = None   # during this command: by HIGHESTMODSEQ, by FETCH
        self.flags = self.permanent = None
        self.loose = {}                 # UID -> Message whose place is not known yet
        self.fetched = []               # (Message, items) since clear()
        self.vanished = []              # UIDs since clear()
        self.other = []                 # lines that are about something else
        self.bye = None

    def selecting(self):
        self.deselected()
        self.state = "selecting"

    def selected(self, code):
        need(code in ("READ-ONLY", "READ-WRITE"), "SELECT ended with code", code)
        need(None not in (self.uidvalidity, self.uidnext, self.flags, self.permanent),
             "SELECT left something out")
        need((self.recent is None) == self.rev2, "RECENT is", self.recent)
        self.state = code

    def clear(self):
        self.fetched, self.vanished, self.other = [], [], []

    # --- one response ---

    def apply(self, line, rules=ANY):
        """LINE without "* " and the final CRLF."""
        m = re.match(rb"(\d+) (EXISTS|RECENT|EXPUNGE|FETCH|UIDFETCH)\b ?", line)
        if m:
            need(self.state, "nothing is selected:", line[:200])
            n, word, rest = int(m[1]), m[2].decode(), line[m.end():]
            getattr(self, "on_" + word.lower())(n, rest, rules)
        elif line.startswith(b"VANISHED "):
            self.on_vanished(line, rules)
        elif line.startswith(b"FLAGS ("):
            self.flags = frozenset(lists(line)[1])
        elif re.match(rb"(OK|NO) \[", line):
            self.on_code(line)
        elif line.startswith(b"BYE"):
            self.bye = line
        else:
            self.other.append(line)

    def on_code(self, line):
        code = re.match(rb"(?:OK|NO) \[([A-Z-]+)(?: ([^\]]*))?\]", line)
        need(code, "no response code:", line[:200])
        name, value = code[1].decode(), code[2]
        if name == "UIDVALIDITY":
            need(self.uidvalidity in (None, int(value)), "UIDVALIDITY changed", line)
            self.uidvalidity = int(value)
        elif name == "UIDNEXT":
            self.uidnext = int(value)
        elif name == "HIGHESTMODSEQ":
            self.said = int(value)
        elif name == "UNSEEN":
            need(not self.uidonly and not self.rev2, "UNSEEN with UIDONLY or IMAP4rev2")
            self.unseen = int(value)
        elif name == "PERMANENTFLAGS":
            self.permanent = frozenset(lists(value)[0])
        else:
            need(name != "NOMODSEQ", "NOMODSEQ")
            self.other.append(line)

    def tagged(self, code=""):
        """The command has ended.  "If the HIGHESTMODSEQ response code is received,
        the client MUST use it even if it has seen higher mod-sequences." """
        if code.startswith("HIGHESTMODSEQ "):
            self.said = int(code.split()[1])
        if self.said is not None or self.condstore:
            now = self.said if self.said is not None else self.heard or 0
            self.highestmodseq = max(now, self.highestmodseq or 0)
        self.said = self.heard = None

    def on_exists(self, n, _rest, _rules):
        need(n >= len(self.messages), "EXISTS", n, "but there were", len(self.messages))
        self.messages += [Message() for _ in range(n - len(self.messages))]

    def on_recent(self, n, _rest, _rules):
        need(not self.rev2, "RECENT in IMAP4rev2")
        need(n <= len(self.messages), n, "RECENT of", len(self.messages))
        self.recent = n

    def on_expunge(self, n, _rest, rules):
        need(rules.expunge, "EXPUNGE where it may not come")
        need(self.state != "selecting", "EXPUNGE during SELECT")
        need(not self.uidonly, "EXPUNGE with UIDONLY")
        need(not self.qresync, "EXPUNGE after ENABLE QRESYNC")
        need(1 <= n <= len(self.messages), "EXPUNGE", n, "of", len(self.messages))
        self.vanished.append(self.messages.pop(n - 1).uid)

    def on_vanished(self, line, rules):
        need(self.qresync or self.uidonly, "VANISHED without ENABLE")
        m = re.fullmatch(rb"VANISHED (\(EARLIER\) )?([\d:,]+)", line)
        need(m, "not VANISHED:", line[:200])
        uids = set(numbers_of(m[2]))
        if m[1]:
            self.vanished += sorted(uids)
            return
        need(rules.expunge, "VANISHED where it may not come")
        need(self.state != "selecting", "VANISHED without EARLIER during SELECT")
        known = {x.uid for x in self.messages}
        for uid in sorted(uids - known):        # whose UID nobody has asked for yet
            at = [i for i, x in enumerate(self.messages) if x.uid is None and
                  self.uid_before(i) < uid < self.uid_after(i, uid + 1)]
            need(at, "VANISHED of unknown", uid)
            del self.messages[at[0]]
        self.messages = [x for x in self.messages if x.uid not in uids]
        self.vanished += sorted(uids)

    def on_fetch(self, n, rest, rules):
        need(not self.uidonly, "FETCH with UIDONLY")
        need(1 <= n <= len(self.messages), "FETCH of", n, "of", len(self.messages))
        items = pairs(lists(rest)[0])
        if rules.uid:
            need("UID" in items, "no UID in", rest[:200])
        if self.condstore and "FLAGS" in items and not rules.fetch:
            need({"UID", "MODSEQ"} <= set(items), "no UID or no MODSEQ in", rest[:200])
        if "UID" in items:
            self.learn_uid(n - 1, int(items["UID"]))
        self.on_items(self.messages[n - 1], items)

    def on_uidfetch(self, uid, rest, rules):
        need(self.uidonly, "UIDFETCH without UIDONLY")
        items = pairs(lists(rest)[0])
        need(items.setdefault("UID", b"%d" % uid) == b"%d" % uid, "another UID in", rest[:200])
        if self.condstore and "FLAGS" in items and not rules.fetch:
            need("MODSEQ" in items, "no MODSEQ in", rest[:200])
        x = next((x for x in self.messages if x.uid == uid), None)
        if x is None:                   # a new one whose UID was not told before
            need(any(x.uid is None for x in self.messages), "UIDFETCH of unknown", uid)
            x = self.loose.setdefault(uid, Message(uid))
        self.on_items(x, items)

    def on_items(self, x, items):
        if "MODSEQ" in items:
            modseq = int(items["MODSEQ"][0])
            need(modseq > 0, "MODSEQ 0")
            need(modseq >= (x.modseq or 0), "modseq of", x, "went back from", x.modseq, "to", modseq)
            x.modseq = modseq
            self.heard = max(self.heard or 0, modseq)
        if "FLAGS" in items:
            told = [f.lower() for f in items["FLAGS"]]
            need(len(told) == len(set(told)), "a flag twice in", items["FLAGS"])
            have = {f.lower() for f in self.flags or ()} | {b"\\recent"}
            need(set(told) <= have, "flags that FLAGS did not announce:", set(told) - have)
            x.recent = b"\\recent" in told
            need(not (x.recent and self.rev2), "\\Recent in IMAP4rev2")
            x.flags = frozenset(f.decode() for f in told) - {"\\recent"}
        self.fetched.append((x, items))

    def learn_uid(self, i, uid):
        x = self.messages[i]
        need(x.uid in (None, uid), "UID of", i + 1, "was", x.uid, "and is", uid)
        x.uid = uid
        before, after = self.uid_before(i), self.uid_after(i, uid + 1)
        need(before < uid < after, "UID", uid, "stands between", before, "and", after)

    def uid_before(self, i):
        return next((y.uid for y in reversed(self.messages[:i]) if y.uid), 0)

    def uid_after(self, i, default):
        return next((y.uid for y in self.messages[i + 1:] if y.uid), default)

    def place(self, uids):
        """Somebody has told the UIDs of all."""
        for i, uid in enumerate(uids):
            self.learn_uid(i, uid)
            self.messages[i] = self.loose.pop(uid, self.messages[i])
        need(not self.loose, "UIDFETCH of what is not there:", self.loose)

    # --- what it comes to ---

    def check(self):
        """Between two commands."""
        told = [x.recent for x in self.messages]
        if None not in told and self.recent is not None:
            need(self.recent == sum(told), "RECENT says", self.recent, "flags say", sum(told))
        elif self.recent is not None:
            need(self.recent >= sum(r is True for r in told), "RECENT says only", self.recent)

    def past(self):
        """What a client keeps of it for QRESYNC: UID -> flags, and its points in time."""
        return {"uidvalidity": self.uidvalidity, "modseq": self.highestmodseq,
                "flags": {x.uid: x.flags for x in self.messages}}


def resynchronized(past, uids, earlier, fetched):
    """What becomes of a past() by QRESYNC: {UID: flags, None if not known} of the
    messages that it should have now.  UIDS: that are there by SELECT's account."""
    now = {uid: flags for uid, flags in past["flags"].items() if uid not in earlier}
    for x, items in fetched:
        if "FLAGS" in items and (x.uid in now or x.uid in uids):
            now[x.uid] = x.flags
    return now
