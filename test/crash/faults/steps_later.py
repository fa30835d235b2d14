"""Steps for what came after RFC 3501: annotations, REPLACE, CATENATE, several
messages at once, URLs, QRESYNC, compaction, filters, orders and threads; POP3;
groups, and who is kept out."""
import re

from chapar import PASSWORD, Reply
from pop3 import Pop3
from steps import adding, fill, select, some, step, tool
from world import SMALL, Lost, Violation, is_whole, message


def noting(name, entry, value):
    def change(s):
        s.notes.pop((name, entry), None)
        if value is not None:
            s.notes[name, entry] = value
    return change


class Other:
    """Equal to whatever is not OLD."""

    def __init__(self, old):
        self.old = old

    def __eq__(self, new):
        return new != self.old


def set_notes(w, c, name, notes):
    """One command, wholly or not at all."""
    def change(s):
        for entry, value in notes.items():
            noting(name, entry, value)(s)
    words = " ".join(f"{e} " + ("NIL" if v is None else '"' + v.replace("\\", "\\\\") + '"') for e, v in notes.items())
    w.op(c, change, f'SETMETADATA "{name}" ({words})')


@step()
def annotations(w):
    c, n = w.open(), w.token()
    set_notes(w, c, "INBOX.b", {"/private/comment": n, "/shared/comment": n * 100})
    r = w.cmd(c, "GETMETADATA INBOX.b (/private/comment /shared/comment)")
    if not r.find(n.encode()):
        raise Violation(f"GETMETADATA: {r!r}")
    set_notes(w, c, "INBOX.b", {"/shared/comment": None})


@step()
def annotations_of_the_server(w):
    c, n = w.open(), w.token()
    set_notes(w, c, "", {"/private/comment": n, "/private/vendor/x/y": n})
    set_notes(w, c, "", {"/private/vendor/x/y": None})


@step()
def special_use(w):
    c = w.open()
    use = "\\Drafts" if w.users["alice"].notes.get(("INBOX.b", "/private/specialuse")) == "\\Sent" else "\\Sent"
    set_notes(w, c, "INBOX.b", {"/private/specialuse": use})
    r = w.cmd(c, 'LIST (SPECIAL-USE) "" * RETURN (SPECIAL-USE STATUS (MESSAGES))')
    if not r.find(re.escape(use.encode())):
        raise Violation(f"LIST (SPECIAL-USE): {r!r}")


@step()
def filters(w):
    c, (uid, token) = select(w), some(w, "INBOX")[0]
    set_notes(w, c, "", {"/private/filters/values/f": f"SUBJECT {token}"})
    r = w.cmd(c, "UID SEARCH FILTER f")
    if not r.find(rb"^SEARCH %d$" % uid):
        raise Violation(f"SEARCH FILTER: {r!r}")


@step()
def append_several(w):
    """All or none."""
    c, tokens = w.open(), [w.token() for _ in range(3)]

    def change(s):
        for t in tokens:
            adding("INBOX.b", t)(s)
    w.op(c, change, "APPEND INBOX.b" + "".join(
        f" {{{len(m)}+}}\r\n{m.decode()}" for m in (message(t, SMALL) for t in tokens)))


@step()
def catenate(w):
    """The header from the client, the text from another message."""
    c, (uid, old), new = w.open(), some(w, "INBOX")[0], w.token()
    text = message(new, SMALL)
    head = text[:text.index(b"\r\n\r\n") + 4].decode()
    parts = f"TEXT {{{len(head)}+}}\r\n{head} "
    if len(old) == len(new):
        parts += f'URL "/INBOX/;UID={uid}/;SECTION=TEXT"'
    else:
        rest = text[len(head):].decode()
        parts += f"TEXT {{{len(rest)}+}}\r\n{rest}"
    w.op(c, adding("INBOX.b", new), f"APPEND INBOX.b CATENATE ({parts})")


@step(prepare=fill)
def replace(w):
    c, new = select(w), w.token()
    (uid, old), (other_uid, other) = some(w, "INBOX", 2)

    def change(s):
        del s.boxes["INBOX"][old]
        adding("INBOX", new, ("\\Draft",))(s)
    w.op(c, change, f"UID REPLACE {uid} INBOX (\\Draft) ", message(new, SMALL))
    newer = w.token()

    def apart(s):
        del s.boxes["INBOX"][other]
        adding("INBOX.a", newer)(s)
    w.op(c, apart, f"UID REPLACE {other_uid} INBOX.a ", message(newer, SMALL))


@step()
def urls(w):
    """A key is made, is the same the next time, and is another one after RESETKEY."""
    c = w.open()
    uid, token = some(w, "INBOX")[0]
    ask = f'GENURLAUTH "imap://alice@localhost/INBOX/;uid={uid};urlauth=anonymous" INTERNAL'
    url = w.cmd(c, ask).find(rb'^GENURLAUTH "?([^"]*)"?$')[1].decode()
    r = w.cmd(c, f'URLFETCH "{url}"')
    if not r.find(token.encode()):
        raise Violation(f"URLFETCH: {r!r}")
    other = Other(w.users["alice"].url)
    w.op(c, lambda s: setattr(s, "url", other), "RESETKEY INBOX")
    r = w.cmd(c, f'URLFETCH "{url}"')
    if r.find(token.encode()):
        raise Violation(f"a URL is good after RESETKEY: {r!r}")


def leave_changes(w):
    """What a client that was away is to hear of."""
    fill(w)
    c = w.login("alice")
    r = c.ok("SELECT INBOX.a (CONDSTORE)")
    known = [int(r.find(rb"\[%s (\d+)\]" % x)[1]) for x in (b"UIDVALIDITY", b"HIGHESTMODSEQ")]
    (gone, token), (changed, other) = some(w, "INBOX.a", 2)
    c.ok(f"UID STORE {gone} +FLAGS (\\Deleted)")
    c.ok(f"UID EXPUNGE {gone}")
    sign = "-" if "\\Answered" in w.users["alice"].boxes["INBOX.a"][other] else "+"
    c.ok(f"UID STORE {changed} {sign}FLAGS (\\Answered)")
    c.close()
    del w.users["alice"].boxes["INBOX.a"][token]
    w.users["alice"].boxes["INBOX.a"][other] ^= {"\\Answered"}
    w.away = known, gone, changed


@step(prepare=leave_changes)
def resync(w):
    c, ((validity, modseq), gone, changed) = w.open(), w.away
    w.cmd(c, "ENABLE QRESYNC")
    r = w.cmd(c, f"SELECT INBOX.a (QRESYNC ({validity} {modseq}))")
    told = r.find(rb"VANISHED \(EARLIER\) (\S+)")
    if not told or gone not in numbers(told[1]) or not r.find(rb"FETCH \(.*UID %d\b" % changed):
        raise Violation(f"QRESYNC does not tell of {gone} and {changed}: {r!r}")
    r = w.cmd(c, f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")
    if not r.find(rb"VANISHED") or not r.find(rb"FETCH \(.*UID %d\b" % changed):
        raise Violation(f"CHANGEDSINCE: {r!r}")


@step()
def groups_and_denials(w):
    """What the administrator's tools have said they did. (It is a service that nobody uses.)"""
    n = w.token()[:-1]
    service = "nntp" + n
    w.listing(lambda s: s.groups.add(n), lambda: tool(w, "chapar", "group", "add", n, "alice", "zoe"))
    w.listing(lambda s: setattr(s, "denied", [service, n]),
              lambda: tool(w, "cyr_deny", "-s", service, "-m", n, "alice"))
    for group in sorted(w.users["alice"].groups - {n}):
        w.listing(lambda s: s.groups.discard(group), lambda: tool(w, "chapar", "group", "delete", group))
    if set(tool(w, "chapar", "group", "of", "alice").split()) - {"alice"} != w.users["alice"].groups:
        raise Violation("chapar group of: not those")
    w.listing(lambda s: setattr(s, "denied", None), lambda: tool(w, "cyr_deny", "-a", "alice"))


def numbers(text):
    out = set()
    for part in text.decode().split(","):
        a, _, b = part.partition(":")
        out |= set(range(int(a), int(b or a) + 1))
    return out


@step()
def orders(w):
    c = select(w)
    n = len(w.users["alice"].boxes["INBOX"])
    for command in ("UID SORT (REVERSE SUBJECT DATE SIZE) UTF-8 ALL", "UID THREAD REFERENCES UTF-8 ALL"):
        r = w.cmd(c, command)
        if len(re.findall(rb"\d+", b" ".join(r.untagged))) != n:
            raise Violation(f"{command}: {r!r}")
    r = w.cmd(c, "UID SEARCH RETURN (COUNT SAVE UPDATE) ALL")
    if not r.find(rb"COUNT %d\b" % n):
        raise Violation(f"ESEARCH: {r!r}")
    w.cmd(c, "FETCH $ (PREVIEW BINARY.SIZE[1] EMAILID SAVEDATE)")


MANY = 210                      # of so many an order is kept


def leave_many(w):
    """In a mailbox whose order nobody has asked for yet, or half of them know."""
    c = w.login("cyrus")
    if c.cmd("SELECT orders").status != "OK":
        c.ok("CREATE orders")
        c.ok("SETACL orders anyone lrsi")
        many = (message(f"order{i * 37 % MANY:03}", 300) for i in range(MANY))
        c.ok("APPEND orders" + "".join(f" {{{len(m)}+}}\r\n{m.decode()}" for m in many))
    c.close()
    for p in w.server.dir.glob("spool/orders/cyrus.sort"):
        p.unlink()


@step(prepare=leave_many)
def kept_orders(w):
    """Once to find it, once to read it, once in another session."""
    right = b"SORT " + b" ".join(b"%d" % (1 + i) for i in sorted(range(MANY), key=lambda i: i * 37 % MANY))
    for _ in range(2):
        c = w.open()
        for _ in range(2):
            w.cmd(c, "EXAMINE orders")
            r = w.cmd(c, "UID SORT (SUBJECT) UTF-8 ALL")
            if right not in r.untagged:
                raise Violation(f"SORT: {r!r}")
        w.cmd(c, "LOGOUT")


def leave_tombstones(w):
    """Enough of them, reclaimed and before a checkpoint."""
    fill(w)
    c = w.login("alice")
    tokens = [w.token() for _ in range(210)]
    c.ok("APPEND INBOX.b" + "".join(f" {{{len(m)}+}}\r\n{m.decode()}" for m in (message(t, 300) for t in tokens)))
    c.ok("SELECT INBOX.b")
    c.ok("STORE 4:* +FLAGS.SILENT (\\Deleted)")
    c.ok("EXPUNGE")
    c.close()
    w.users["alice"] = w.observe("alice")
    w.server.tool("cyr_expire", "-X", "0s", "-D", "0s", env={})
    w.server.tool("ctl_cyrusdb", "-c", env={})


@step(prepare=leave_tombstones)
def compact(w):
    """Under a session that has it open."""
    c = select(w, "INBOX.b")
    tool(w, "cyr_expire", "-X", "0s", "-D", "0s")
    r = w.cmd(c, "UID FETCH 1:* (UID FLAGS)")
    if len(r.all(rb"FETCH \(UID")) != len(w.users["alice"].boxes["INBOX.b"]):
        raise Violation(f"after compaction: {r!r}")
    remove = some(w, "INBOX.b")[0]
    w.cmd(c, f"UID FETCH {remove[0]} (BODY.PEEK[])")


@step()
def admin_looks(w):
    """What the administrator may do beside steps.tools."""
    tool(w, "mbexamine", "user.alice")
    tool(w, "cyr_df")
    tool(w, "ctl_mboxlist", "-v")
    tool(w, "ipurge", "-f", "-d", "99", "user.bob")


class PopConnection:
    """POP3 in the words of chapar.Imap: OK or NO, and the lines in .untagged."""

    def __init__(self, w):
        self.pop = Pop3(("127.0.0.1", w.server.pop_port))

    def cmd(self, text):
        r = self.pop.cmd(text)
        lines = self.pop.body() if r.ok and text.split()[0] in ("RETR", "UIDL") else []
        return Reply("OK" if r.ok else "NO", r.text, lines)

    def close(self):
        self.pop.close()


@step(prepare=fill)
def pop3(w):
    """Two messages are retrieved and deleted: both, or none."""
    try:
        c = PopConnection(w)
        w.conns.append(c)
    except (OSError, AssertionError) as e:
        raise Lost("pop3") from e
    w.cmd(c, "USER alice")
    w.cmd(c, f"PASS {PASSWORD}")
    known = w.users["alice"].boxes["INBOX"]
    number = {int(line.rpartition(b".")[2]): line.split()[0].decode() for line in w.cmd(c, "UIDL").untagged}
    if len(number) != len(known):
        raise Violation(f"UIDL: {number}, and there are {known}")
    two = some(w, "INBOX", 2)
    for uid, token in two:
        text = b"".join(line + b"\r\n" for line in w.cmd(c, f"RETR {number[uid]}").untagged)
        if not is_whole(text, token):
            raise Violation(f"RETR of {token}: {text[:300]!r}")
        w.cmd(c, f"DELE {number[uid]}")

    def remove(s):
        for _, token in two:
            del s.boxes["INBOX"][token]
    w.op(c, remove, "QUIT")
