"""What must be there: what clients were promised, up to any moment.

Events are written into the trace by the clients themselves:
  {"c": client, "n": number, "do": words, "mode": MODE, "groups": [[change ...] ...]}
                              before the command is sent
  {"c": client, "n": number, "ok": bool, "up": [changes that replace or add]}
                              when its answer has come
One client has one command on its way at most, and two clients never change
the same thing at once (a copy does not change its source).  MODE says how much of an unanswered command may
have happened: "any" of its groups, or with "steps" the first few; a group
wholly or not at all.

Changes (from and to: null where it is not there):
  ["msg", box, token, from, to]  {"f": flags, "u": uid or null, "d": [bytes, sha1 of
                                 the last so many], "x": is that all?, "t": INTERNALDATE or null,
                                 "n": annotations: {"entry attribute": value}}
  ["box", box, from name, to name]
  ["acl", box, from, to]         identifier -> rights
  ["sub", user, name, from, to]
  ["quota", root, from, to]       [limit in KiB, of messages, of mailboxes, of annotations in KiB]
  ["note", box, entry, from, to]  an annotation's value, as its owner sees it; the special use, too
  ["note of the server", user, entry, from, to]     user "": shared by all
  ["seen", box, user, token, from, to]
  ["url", user, name, from, to]  with a token; to null: whatever, but not that one
  ["group", name, from, to]       its members, sorted
  ["denied", user, from, to]      [services, message]
A box is a mailbox's number in the model, for its whole life.
Floors, in "up" of an answer: ["floor", box, {"uidnext", "validity", "modseq"}].
"""
import copy
import json


class Box:
    def __init__(self, name):
        self.name = name
        self.is_renamed = False
        self.messages = {}      # token -> message
        self.uids = {}          # UID -> token, also of what is gone
        self.gone = {}          # UID that was expunged -> modseq shown after that; 0: not yet
        self.acl = None
        self.seen = {}          # user -> set of tokens
        self.notes = {}         # entry -> value
        self.floor = {"uidnext": 0, "validity": 0, "modseq": 0}

    def copy(self):
        b = copy.copy(self)
        b.messages, b.uids, b.floor = dict(self.messages), dict(self.uids), dict(self.floor)
        b.notes, b.gone = dict(self.notes), dict(self.gone)
        b.seen = {u: set(s) for u, s in self.seen.items()}
        return b


def set_note(notes, entry, new):
    notes.pop(entry, None)
    if new is not None:
        notes[entry] = new


class Model:
    def __init__(self):
        self.boxes = {}         # number -> Box; gone ones too, their name None
        self.subs, self.quotas = {}, {}
        self.groups, self.denied = {}, {}
        self.notes = {}         # user -> {entry: value} of the server
        self.urls, self.void = {}, set()    # (user, name) -> URL; those that were reset
        self.validity = {}      # name -> {UIDVALIDITY: number} of those that had it
        self.open = {}          # client -> its command without an answer
        self.acknowledged = 0

    def copy(self):
        """To be changed without changing this one; messages themselves never are."""
        m = copy.copy(self)
        m.boxes = {n: b.copy() for n, b in self.boxes.items()}
        m.subs = {u: set(s) for u, s in self.subs.items()}
        m.notes = {u: dict(n) for u, n in self.notes.items()}
        m.urls, m.void = dict(self.urls), set(self.void)
        m.groups, m.denied = dict(self.groups), dict(self.denied)
        m.quotas, m.validity, m.open = dict(self.quotas), dict(self.validity), dict(self.open)
        return m

    def event(self, text):
        e = json.loads(text)
        if "ok" not in e:
            self.open[e["c"]] = e
            return
        op = self.open.pop(e["c"])
        self.acknowledged += 1
        if e["ok"]:
            for group in op["groups"]:
                for change in group:
                    self.change(change)
        for change in e.get("up", []):
            self.change(change)

    def change(self, c):
        getattr(self, "change_" + c[0].replace(" ", "_"))(*c[1:])

    def change_box(self, number, _old, name):
        if number not in self.boxes:
            self.boxes[number] = Box(name)
            return
        b = self.boxes[number]
        if b.name is not None:
            had = self.validity.get(b.name, {})
            self.validity[b.name] = {**had, b.floor["validity"]: number}
        b.name = name
        b.is_renamed = True

    def change_msg(self, number, token, _old, new):
        b = self.boxes[number]
        if new is None:
            was = b.messages.pop(token, None)
            if was and was["u"] is not None:
                b.gone[was["u"]] = 0
            return
        b.messages[token] = new
        if new["u"] is not None:
            b.uids[new["u"]] = token
            b.floor["uidnext"] = max(b.floor["uidnext"], new["u"] + 1)

    def change_acl(self, number, _old, new):
        self.boxes[number].acl = new

    def change_sub(self, user, name, _old, new):
        s = self.subs.setdefault(user, set())
        (s.add if new else s.discard)(name)

    def change_note(self, number, entry, _old, new):
        set_note(self.boxes[number].notes, entry, new)

    def change_note_of_the_server(self, user, entry, _old, new):
        set_note(self.notes.setdefault(user, {}), entry, new)

    def change_quota(self, root, _old, new):
        self.quotas[root] = new

    def change_group(self, name, _old, members):
        set_note(self.groups, name, members)

    def change_denied(self, user, _old, new):
        set_note(self.denied, user, new)

    def change_url(self, user, name, old, new):
        if new is None:
            self.void.add(old)
        self.urls[user, name] = new

    def change_seen(self, number, user, token, _old, new):
        s = self.boxes[number].seen.setdefault(user, set())
        (s.add if new else s.discard)(token)

    def change_floor(self, number, floor):
        b = self.boxes[number]
        for k, v in floor.items():
            b.floor[k] = max(b.floor[k], v)
        if "modseq" in floor:
            b.gone.update({uid: b.floor["modseq"] for uid, m in b.gone.items() if m == 0})
