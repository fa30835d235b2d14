"""Mailbox names: LIST, LSUB, CREATE, RENAME, NAMESPACE, ACL and LMTP addresses
under every combination of unixhierarchysep, altnamespace and the prefixes.

What LIST must say is computed by a model from the text of RFC 3501 section
6.3.8 and RFC 3348, for many patterns, and compared whole.
"""
import re
import smtplib

import pytest

from conformance import Lit, SIMPLE, login, name

STYLES = {
    "default": {},
    "slash": {"unixhierarchysep": "yes"},
    "alt": {"altnamespace": "yes"},
    "alt-slash": {"altnamespace": "yes", "unixhierarchysep": "yes"},
    "alt-prefixes": {"altnamespace": "yes", "userprefix": "People", "sharedprefix": "All & more"},
    "alt-slash-prefixes": {"altnamespace": "yes", "unixhierarchysep": "yes",
                           "userprefix": "Users.x", "sharedprefix": "Public"},
}
OWN = ["a", "a b", "ab", "a-b", "A", "x y z", "Drafts", "Sent Items", "T&AOk-l&AOk-", "&ZeVnLIqe-",
       "q&-a", "z"]


class Style:
    """A server and its names: path("x", "y") of the user's own, others', shared."""

    def __init__(self, key, server):
        options = STYLES[key]
        self.server = server
        self.sep = "/" if "unixhierarchysep" in options else "."
        self.alt = "altnamespace" in options
        self.others = options.get("userprefix", "Other Users") if self.alt else "user"
        self.shared = options.get("sharedprefix", "Shared Folders") if self.alt else ""
        self.shared = self.shared.replace("&", "&-")

    def own(self, *path):
        return self.sep.join(path if self.alt else ("INBOX",) + path)

    def other(self, *path):
        return self.sep.join((self.others,) + path)

    def public(self, *path):
        return self.sep.join(((self.shared,) if self.alt else ()) + path)

    def admin(self, *path):
        return self.sep.join(path)

    def words(self, line):
        """Components are written with spaces: "a b" is b below a."""
        return line.split(" ")


@pytest.fixture(scope="module", params=list(STYLES))
def style(request):
    from chapar import Server
    server = Server(STYLES[request.param], name=request.param)
    server.start()
    yield Style(request.param, server)
    server.stop()
    bad = server.bad_lines()
    server.remove()
    assert not bad, bad


@pytest.fixture
def fred(style):
    c = login(style.server, style.server.new_user("fred"))
    yield c
    c.close()


def q(mailbox):
    return f'"{mailbox}"'


# --- the model ---

def matcher(pattern, sep):
    out = ""
    for c in pattern:
        out += ".*" if c == "*" else f"[^{re.escape(sep)}]*" if c == "%" else re.escape(c)
    if pattern[:5].upper() == "INBOX":	# any-case, also as the first level of a name
        out = "INBOX" + out[5:]
    rest = re.compile(out, re.S)

    def match(mailbox):
        return bool(rest.fullmatch(mailbox))
    return match


def levels(mailbox, sep):
    parts = mailbox.split(sep)
    return [sep.join(parts[:n]) for n in range(1, len(parts))]


def expected_list(visible, pattern, sep):
    match, out = matcher(pattern, sep), {}
    for m in visible:
        if match(m):
            has = any(v.startswith(m + sep) for v in visible)
            out[m] = {"\\haschildren" if has else "\\hasnochildren"}
        if pattern.endswith("%"):
            for level in levels(m, sep):
                if level not in visible and match(level):
                    out[level] = {"\\noselect", "\\haschildren"}
    return out


def expected_lsub(subscribed, pattern, sep):
    match, out = matcher(pattern, sep), {}
    for m in subscribed:
        if match(m):
            out[m] = set()
        if pattern.endswith("%"):
            for level in levels(m, sep):
                if level not in subscribed and match(level):
                    out[level] = {"\\noselect"}
    return out


def patterns(style):
    s = style.sep
    own = style.own("a")
    return ["*", "%", f"%{s}%", f"%{s}%{s}%", f"*{s}%", f"%{s}*", own, own + "%", own + "*", own + s + "%",
            own + s + "*", "INBOX", "inbox", "inbox*", "iNbOx%", "INBOX" + s + "%", "*a*", "*%", "%*", "**", "%%",
            f"*b{s}%", style.other("%"), style.other("*"), style.other("w%"), style.others + "*", style.others + "%",
            style.public("%"), style.public("*"), style.public("aaa"), style.public("aaa") + s + "%", "*zzz%",
            "nosuch", "nosuch*", f"nosuch{s}%", style.own("T&AOk-%"), "*&ZeVnLIqe-", style.own("x") + s + "%",
            "u%", "S%", "O%"]


def test_list_and_lsub(style):
    """Everything that LIST and LSUB say, for many patterns and references."""
    sep, server = style.sep, style.server
    admin = login(server, "cyrus")
    fred, wilma, anna = (server.new_user(prefix=p) for p in ("fred", "wilma", "anna"))
    c, w = login(server, fred), login(server, wilma)
    visible = {"INBOX"}
    for line in OWN:
        box = style.own(*style.words(line))
        c.ok(f"CREATE {q(box)}")
        visible.add(box)
    tag = name("t")
    for path in (("aaa",), ("aaa", tag), ("mmm" + tag,), ("zzz", tag), ("zzz", tag, "deep", "er")):
        r = admin.cmd(f"CREATE {q(style.admin(*path))}")
        assert r.status == "OK" or r.code == "ALREADYEXISTS"
        visible.add(style.public(*path))
    w.ok(f"CREATE {q(style.own('mine'))}")
    w.ok(f"CREATE {q(style.own('shown', 'deep'))}")
    w.ok(f"SETACL {q(style.own('shown', 'deep'))} {fred} lr")
    a = login(server, anna)
    a.ok(f"SETACL INBOX {fred} lr")
    visible |= {style.other(wilma, "shown", "deep"), style.other(anna)}
    for pattern in patterns(style):
        got = c.names(f'LIST "" {q(pattern)}')
        assert got == expected_list(visible, pattern, sep), pattern
    subscribed = {style.own("a", "b"), style.own("x", "y", "z"), "INBOX", style.public("zzz", tag),
                  style.public("aaa"), style.other(wilma, "shown", "deep"), style.own("z"),
                  style.other(anna)}
    for box in subscribed:
        c.ok(f"SUBSCRIBE {q(box)}")
    c.ok(f"DELETE {q(style.own('z'))}")		# stays subscribed: section 6.3.6
    visible.remove(style.own("z"))
    for pattern in patterns(style):
        got = c.names(f'LSUB "" {q(pattern)}')
        assert got == expected_lsub(subscribed, pattern, sep), pattern
    for reference, pattern in ((style.own("a") + sep, "%"), (style.own("a") + sep, sep + "%"),
                               (style.own("a"), "%"), (style.other("") , "*"), ("INB", "OX"),
                               (style.public("zzz") + sep, "*"), ("nosuch" + sep, "*")):
        whole = (reference[:-1] if reference.endswith(sep) and pattern.startswith(sep)
                 else reference) + pattern
        assert c.names(f"LIST {q(reference)} {q(pattern)}") == expected_list(visible, whole, sep), whole
    r = c.ok('LIST "" ""').one("LIST").data
    assert r == ({"\\noselect"}, sep, "")
    assert c.ok(f"LIST {q(style.own('a'))} {q('')}").one("LIST").data[1] == sep


def test_namespace_says_where_things_are(style, fred):
    """RFC 2342: every name of LIST lies in a namespace that NAMESPACE told."""
    own, others, shared = fred.ok("NAMESPACE").one("NAMESPACE").data
    sep = style.sep
    assert own == [("" if style.alt else f"INBOX{sep}", sep)]
    assert others == [(style.others + sep, sep)]
    assert shared == [(style.shared + sep if style.alt else "", sep)]


def test_create_and_rename(style, fred):
    sep = style.sep
    fred.ok(f"CREATE {q(style.own('one') + sep)}")		# "a declaration"
    assert fred.no(f"CREATE {q(style.own('one'))}").code == "ALREADYEXISTS"
    fred.ok(f"CREATE {q(style.own('one', 'two', 'three'))}")
    assert style.own("one", "two") not in fred.names('LIST "" *')
    fred.ok(f"RENAME {q(style.own('one'))} {q(style.own('uno'))}")
    names = fred.names('LIST "" *')
    assert style.own("uno", "two", "three") in names and style.own("one") not in names
    fred.ok(f"RENAME {q(style.own('uno', 'two', 'three'))} {q(style.own('tre'))}")
    fred.append(SIMPLE, style.own("tre"))
    assert fred.select(style.own("tre")).one("EXISTS").number == 1
    for box in ("INBOX", "inbox", style.own("tre")):
        assert fred.no(f"CREATE {q(box)}").code in ("ALREADYEXISTS", "NOPERM")
    for box in (sep, sep + "x", style.own("x") + sep + sep + "y", style.own("a*"), style.own("a%"),
                style.own("&"), style.own("&AGE-"), style.own("a&AAA-b")):
        r = fred.cmd("CREATE ", Lit(box.encode()))
        assert r.status == "NO", box
    fred.no(f"CREATE {q(style.public('nope'))}")
    fred.no(f"CREATE {q(style.other('nobody', 'x'))}")
    if style.alt:
        fred.no(f"CREATE {q(style.others)}")
        fred.no(f"CREATE {q(style.shared)}")


def test_rename_inbox(style, fred):
    """Section 6.3.5: "leaving INBOX empty"; what is below INBOX stays."""
    fred.append(SIMPLE, options=r"(\Flagged word)")
    fred.ok(f"CREATE {q(style.own('sub'))}")
    before = fred.ok("STATUS INBOX (UIDVALIDITY UIDNEXT)").one("STATUS").data[1]
    fred.ok(f"RENAME INBOX {q(style.own('old'))}")
    after = fred.ok("STATUS INBOX (MESSAGES UIDVALIDITY UIDNEXT)").one("STATUS").data[1]
    assert after["MESSAGES"] == 0
    assert after["UIDVALIDITY"] != before["UIDVALIDITY"] or after["UIDNEXT"] >= before["UIDNEXT"]
    assert {"INBOX", style.own("old"), style.own("sub")} <= set(fred.names('LIST "" *'))
    fred.select(style.own("old"))
    assert {"\\Flagged", "word"} <= set(fred.fetch(1, "FLAGS")[1]["FLAGS"])
    assert fred.no(f"RENAME INBOX {q(style.own('old'))}").code == "ALREADYEXISTS"


def test_acl_and_quota_names(style, fred):
    """What the responses call a mailbox is what the client called it."""
    box = style.own("shared", "box")
    wilma = style.server.new_user(prefix="wilma")
    fred.ok(f"CREATE {q(box)}")
    fred.ok(f"SETACL {q(box)} {wilma} lrsi")
    assert fred.ok(f"GETACL {q(box)}").one("ACL").data[0] == box
    assert fred.ok(f"MYRIGHTS {q(box)}").one("MYRIGHTS").data[0] == box
    assert fred.ok(f"LISTRIGHTS {q(box)} {wilma}").one("LISTRIGHTS").data[:2] == (box, wilma)
    w = login(style.server, wilma)
    there = style.other(fred.user, "shared", "box")
    assert w.ok(f"MYRIGHTS {q(there)}").one("MYRIGHTS").data == (there, "lrsi")
    w.append(SIMPLE, there)
    assert w.ok(f"STATUS {q(there)} (MESSAGES)").one("STATUS").data == (there, {"MESSAGES": 1})
    assert w.select(there).one("EXISTS").number == 1
    w.no(f"GETACL {q(there)}")
    w.no(f"DELETE {q(there)}")
    admin = login(style.server, "cyrus")
    root = style.admin("user", fred.user)
    admin.ok(f"SETQUOTA {q(root)} (STORAGE 1000)")
    mailbox, roots = fred.ok(f"GETQUOTAROOT {q(box)}").one("QUOTAROOT").data
    assert mailbox == box and len(roots) == 1
    assert fred.ok(f"GETQUOTA {q(roots[0])}").one("QUOTA").data[1]["STORAGE"][1] == 1000
    assert admin.ok(f"GETQUOTA {q(root)}").one("QUOTA").data[0] == root


def test_administrators_names(style, fred):
    """An administrator sees user.x whatever altnamespace says, as in Cyrus."""
    admin = login(style.server, "cyrus")
    fred.ok(f"CREATE {q(style.own('sub'))}")
    names = admin.names(f'LIST "" {q(style.admin("user", fred.user) + "*")}')
    assert set(names) == {style.admin("user", fred.user), style.admin("user", fred.user, "sub")}


def test_dots_in_names(style):
    """With "/" a dot is a letter like any other, in users' names too."""
    if style.sep != "/":
        pytest.skip("the dot separates")
    c = login(style.server, style.server.new_user(prefix="fred.flint"))
    box = style.own("v1.2", "x.y.z")
    c.ok(f"CREATE {q(box)}")
    c.append(SIMPLE, box)
    assert c.select(box).one("EXISTS").number == 1
    assert {"INBOX", box} <= set(c.names('LIST "" *'))
    assert c.ok("GETACL INBOX").one("ACL").data[1].get(c.user)
    assert c.names(f'LIST "" {q(style.own("v%"))}') == {
        style.own("v1.2"): {"\\noselect", "\\haschildren"}}
    c.ok(f"RENAME {q(box)} {q(style.own('a.b'))}")
    assert box not in c.names('LIST "" *') and style.own("a.b") in c.names('LIST "" *')


def deliver(style, *recipients):
    with smtplib.LMTP("127.0.0.1", style.server.lmtp_port) as l:
        l.ehlo_or_helo_if_needed()
        assert l.mail("s@example.org")[0] == 250
        got = [l.rcpt(r)[0] for r in recipients]
        if 250 in got:
            l.data(SIMPLE.replace(b"<simple@", b"<" + name("m").encode() + b"@"))
        return got


def count(c, mailbox):
    return c.ok(f"STATUS {q(mailbox)} (MESSAGES)").one("STATUS").data[1]["MESSAGES"]


def test_lmtp_addresses(style, fred):
    """user+folder goes to the folder if anyone may post there (p), else to
    INBOX; bb+name to a bulletin board.  The folder is written as a client of
    IMAP writes it."""
    box = style.own("lists", "c")
    fred.ok(f"CREATE {q(box)}")
    folder = style.sep.join(("lists", "c"))
    assert deliver(style, f"{fred.user}+{folder}@example.org") == [250]
    assert (count(fred, "INBOX"), count(fred, box)) == (1, 0)
    fred.ok(f"SETACL {q(box)} anyone p")
    assert deliver(style, f"{fred.user}+{folder}") == [250]
    assert (count(fred, "INBOX"), count(fred, box)) == (1, 1)
    assert deliver(style, f"{fred.user}+nosuch") == [250]
    assert count(fred, "INBOX") == 2
    assert deliver(style, "nobody-at-all") == [550]
    for odd in ("T&AOk-l", "a b") + (("v1.2",) if style.sep == "/" else ()):
        fred.ok(f"CREATE {q(style.own(odd))}")
        fred.ok(f"SETACL {q(style.own(odd))} anyone p")
        assert deliver(style, f'<"{fred.user}+{odd}"@example.org>') == [250]
        assert count(fred, style.own(odd)) == 1


def test_bulletin_boards(style, fred):
    """bb+NAME and +NAME, for who has the right to post."""
    admin = login(style.server, "cyrus")
    board = name("board")
    admin.ok(f"CREATE {q(style.admin(board, 'news'))}")
    where = style.sep.join((board, "news"))
    assert deliver(style, f"bb+{where}") == deliver(style, f"+{where}") == [550]
    admin.ok(f"SETACL {q(style.admin(board, 'news'))} anyone lrsp")
    assert deliver(style, f"bb+{where}") == deliver(style, f"+{where}@example.org") == [250]
    assert count(fred, style.public(board, "news")) == 2


def test_every_printable_character(style, fred):
    """A name that CREATE takes comes back in every response, quoted as it must
    be; one that it refuses is nowhere."""
    made = set()
    for char in map(chr, range(0x20, 0x7F)):
        if char == style.sep:
            continue
        box = style.own(f"p{char}q")
        wire = box.replace("&", "&-")
        r = fred.cmd("CREATE ", Lit(wire.encode()))
        assert r.status in ("OK", "NO"), (char, r)
        if r.status == "OK":
            made.add(wire)
            assert fred.ok("STATUS ", Lit(wire.encode()), " (MESSAGES)").one("STATUS").data[0] == wire
            assert fred.ok("MYRIGHTS ", Lit(wire.encode())).one("MYRIGHTS").data[0] == wire
            assert fred.ok("GETQUOTAROOT ", Lit(wire.encode())).one("QUOTAROOT").data[0] == wire
            fred.ok("SUBSCRIBE ", Lit(wire.encode()))
    assert len(made) > 80, made
    assert made == set(fred.names('LIST "" *')) & made
    assert made == set(fred.names('LSUB "" *'))
    for wire in made:
        if "*" not in wire and "%" not in wire:
            assert set(fred.names("LIST {0+}\r\n " + q(wire.replace("\\", "\\\\").replace('"', '\\"')))) == {wire}


def test_names_in_many_scripts(style, fred):
    """Modified UTF-7 of any text comes back as it went in."""
    from strict_grammar import encode_utf7
    texts = ["Entwürfe", "Отправленные", "送信済み", "الرسائل المرسلة", "नमस्ते", "😀 mail", "a&b", "&", "ÄÖÜ-x-é",
             "Q-A" if style.sep == "." else "Q.A", "ﬀ", "x" * 60, "é" * 50]
    boxes = {style.own(encode_utf7(t).decode()) for t in texts}
    for box in boxes:
        fred.ok("CREATE ", Lit(box.encode()))
        fred.ok(f"SUBSCRIBE {q(box)}")
    assert boxes <= set(fred.names('LIST "" *'))
    assert boxes == set(fred.names('LSUB "" *'))
    for raw in ("Entwürfe".encode(), b"\xff", "Entwürfe".encode("latin-1")):
        assert fred.cmd("CREATE ", Lit(style.own("").encode() + raw)).status in ("NO", "BAD")
