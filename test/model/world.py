"""What the mailboxes hold, when everything happens one after the other.

A World is told of each command that succeeds, in order, and then knows what
every session of every user must see: rules of RFC 3501, RFC 4314 and of what
\\Recent and each user's own \\Seen are.  It knows nothing of connections.
"""
import itertools

SYSTEM = ("\\seen", "\\answered", "\\flagged", "\\draft", "\\deleted")
ALL_RIGHTS = frozenset("lrswipkxtean")


class Mail:
    """A message in a mailbox."""
    __slots__ = ("uid", "content", "flags", "seen", "expunged", "reclaimed", "modseq",
                 "moved", "date", "notes")

    def __init__(self, uid, content, flags=(), seen=()):
        self.uid, self.content = uid, content
        self.flags, self.seen = frozenset(flags), frozenset(seen)
        self.expunged = False
        self.reclaimed = False          # and its file is gone
        self.modseq = None              # as it was told last; None: it has changed since
        self.moved = 0                  # the modseq before
        self.date = None
        self.notes = {}                 # (entry, owner, "": everybody's) -> value

    def __repr__(self):
        return f"<{self.uid}{' expunged' if self.expunged else ''} {self.content['token']}>"

    def flags_for(self, user):
        return self.flags | ({"\\seen"} if user in self.seen else set())

    def notes_for(self, user):
        """{entry: {attribute: value}} as FETCH has it."""
        found = {}
        for (entry, owner), value in self.notes.items():
            if owner in ("", user):
                atts = found.setdefault(entry, {"value.priv": None, "value.shared": None})
                atts["value.priv" if owner else "value.shared"] = value
        return found

    def change(self, flags, seen):
        if (flags, seen) != (self.flags, self.seen):
            self.flags, self.seen = flags, seen
            self.touch()

    def touch(self):
        if self.modseq is not None:
            self.moved, self.modseq = self.modseq, None

    def told_modseq(self, modseq):
        """False: it is not what was told last, or has not risen with a change."""
        if self.modseq is None and modseq > self.moved:
            self.modseq = modseq
        return self.modseq == modseq

    def is_later(self, modseq):
        """Is its modseq higher?  None: we do not know."""
        if self.modseq is not None:
            return self.modseq > modseq
        return True if modseq <= self.moved else None


class Box:
    def __init__(self, owner, leaf, rights):
        self.owner, self.leaf = owner, leaf
        self.rights = dict(rights)      # user -> letters
        self.mails = []                 # in UID order, expunged ones too
        self.uidnext = 1
        self.uidvalidity = None         # as first seen
        self.recent = {}                # user -> the last UID given to a session of his
        self.deleted = False
        self.version = 0                # goes up with each change
        self.modseq = 0                 # the highest that anybody was told

    def __repr__(self):
        return f"<{self.owner} {self.leaf or 'INBOX'}>"

    def name_for(self, user):
        if user == self.owner:
            return "INBOX" + ("." + self.leaf if self.leaf else "")
        return f"user.{self.owner}" + ("." + self.leaf if self.leaf else "")

    def may(self, user, *letters):
        return all(letter in self.rights.get(user, "") for letter in letters)

    def live(self):
        return [m for m in self.mails if not m.expunged]

    def by_uid(self, uid):
        return next((m for m in self.mails if m.uid == uid), None)

    # --- flags and rights (RFC 4314 section 4) ---

    def settable(self, user):
        rights = self.rights.get(user, "")
        flags = set()
        if "s" in rights:
            flags.add("\\seen")
        if "t" in rights:
            flags.add("\\deleted")
        if "w" in rights:
            flags |= {"\\answered", "\\flagged", "\\draft"}
        return flags

    def allowed(self, user, flags):
        """Those of FLAGS that USER may set here."""
        may, keywords = self.settable(user), "w" in self.rights.get(user, "")
        return frozenset(f for f in flags
                         if (f in may if f.startswith("\\") else keywords))

    def may_store(self, user, op, flags):
        """False: nothing that it names may be changed."""
        return bool(self.allowed(user, flags)) or (
            bool(self.settable(user)) and (op == "" or not flags))

    def stored(self, user, have, op, flags):
        """FLAGS of a message that had HAVE (with the user's \\Seen)."""
        allowed = self.allowed(user, flags)
        if op == "+":
            return have | allowed
        if op == "-":
            return have - allowed
        keeps = {f for f in have if not self.allowed(user, {f})}
        return frozenset(keeps | allowed)

    # --- changes ---

    def append(self, user, content, flags=(), notes=None):
        flags = self.allowed(user, flags)
        m = Mail(self.uidnext, content, flags - {"\\seen"},
                 {user} if "\\seen" in flags else ())
        m.notes = dict(notes or {})
        self.uidnext += 1
        self.mails.append(m)
        self.version += 1
        return m

    def store(self, user, m, op, flags):
        if m.expunged:
            return
        now = self.stored(user, m.flags_for(user), op, flags)
        m.change(frozenset(now - {"\\seen"}),
                 m.seen | {user} if "\\seen" in now else m.seen - {user})
        self.version += 1

    def annotate(self, m, notes):
        """{(entry, owner): value, None takes it away}; all of it is one change."""
        if m.expunged:
            return
        now = {k: v for k, v in {**m.notes, **notes}.items() if v is not None}
        if now != m.notes:
            m.notes = now
            m.touch()
        self.version += 1

    def may_note(self, user, owner):
        """Store annotations of OWNER's, "": everybody's (RFC 5257 section 3.4)."""
        return self.may(user, "r" if owner else "n")

    def expunge(self, m):
        assert not m.expunged
        m.expunged = True
        m.touch()
        self.version += 1

    def copy(self, user, source, mails):
        """Returns the copies."""
        return [self.append(user, m.content, m.flags_for(user), {
            (entry, owner): v for (entry, owner), v in m.notes.items()
            if owner in ("", user) and self.may_note(user, owner)}) for m in mails]


class World:
    def __init__(self):
        self.boxes = []
        self.tokens = itertools.count(1)

    def find(self, owner, leaf):
        return next((b for b in self.boxes if (b.owner, b.leaf) == (owner, leaf)), None)

    def create(self, owner, leaf, rights=None):
        """RIGHTS: of a top-level mailbox; others have those of their INBOX."""
        box = Box(owner, leaf, rights or self.find(owner, "").rights)
        self.boxes.append(box)
        return box

    def delete(self, box):
        box.deleted = True
        box.version += 1
        self.boxes.remove(box)

    def names_for(self, user):
        return {b.name_for(user) for b in self.boxes if b.may(user, "l")}

    def content(self, extra=""):
        token = f"tok{next(self.tokens)}x"
        text = (f"From: a@example.org\r\nMessage-ID: <{token}@example.org>\r\n"
                f"Subject: {token}\r\n\r\nThis is {token}.\r\n{extra}")
        return {"token": token, "bytes": text.encode()}
