"""ACL (RFC 4314): the commands, and which rights which command needs (section 4)."""
import pytest

from listlines import capabilities, listed, rights

MESSAGE = b"Subject: x\r\n\r\nbody\r\n"


class Pair:
    """An owner's mailbox and somebody who is given rights on it."""

    def __init__(self, server):
        self.server = server
        self.owner_name, self.name = server.new_user(), server.new_user()
        self.owner, self.other = server.lasting(self.owner_name), server.lasting(self.name)
        self.serial = 0

    def box(self, letters):
        """A new mailbox with two messages, by the other's name of it."""
        self.serial += 1
        mine = f"INBOX.b{self.serial}"
        self.owner.ok(f"CREATE {mine}")
        self.owner.append(mine, MESSAGE)
        self.owner.append(mine, MESSAGE, r"(\Deleted)")
        self.owner.ok(f'SETACL {mine} {self.name} "{letters}"')
        return f"user.{self.owner_name}.b{self.serial}"


@pytest.fixture(scope="module")
def pair(shared_server):
    return Pair(shared_server)


def acl(c, mailbox):
    words = c.ok(f"GETACL {mailbox}").find(rb"^ACL \S+ ?(.*)$").group(1).decode().split()
    return dict(zip(words[::2], (set(w) for w in words[1::2])))


def test_2_2_advertised(pair):
    """The "RIGHTS=" capability MUST NOT include any of the rights defined in RFC 2086."""
    words = capabilities(pair.owner)
    assert "ACL" in words
    new, = (w[7:] for w in words if w.startswith("RIGHTS="))
    assert {"k", "x", "t", "e"} <= set(new) and not set(new) & set("lrswipacd0123456789")


@pytest.mark.parametrize("was,change,then", [
    ("lr", "lrs", "lrs"), ("lrs", "", ""), ("lr", "+sw", "lrsw"), ("lrsw", "-sw", "lr"),
    ("lr", "+r", "lr"), ("lr", "-s", "lr"), ("", "+l", "l"), ("lrs", "-lrs", "")])
def test_3_1_setacl(pair, was, change, then):
    mine = pair.box(was).replace(f"user.{pair.owner_name}", "INBOX")
    pair.owner.ok(f'SETACL {mine} {pair.name} "{change}"')
    assert acl(pair.owner, mine).get(pair.name, set()) == set(then)


@pytest.mark.parametrize("letters", ["lrQ", "q", "lr!", '"l r"', "++l", "=l", "0", "lr5", "+9", "-1", "l\u00e9"])
def test_3_1_unrecognized_right(pair, letters):
    """An unrecognized right MUST cause the command to return the BAD response."""
    assert pair.owner.cmd(f"SETACL INBOX {pair.name} {letters}").status == "BAD"


@pytest.mark.parametrize("given,means", [("c", "kx"), ("d", "te"), ("cda", "kxtea")])
def test_2_1_1_obsolete(pair, given, means):
    mine = pair.box(given).replace(f"user.{pair.owner_name}", "INBOX")
    assert acl(pair.owner, mine)[pair.name] >= set(means)


def test_2_1_1_obsolete_are_told(pair):
    """If any of k, x (t, e) is there, c (d) is told."""
    mine = pair.box("kte").replace(f"user.{pair.owner_name}", "INBOX")
    assert acl(pair.owner, mine)[pair.name] >= set("kctde")


def test_3_2_deleteacl(pair):
    mine = pair.box("lr").replace(f"user.{pair.owner_name}", "INBOX")
    pair.owner.ok(f"SETACL {mine} -{pair.name} r")
    pair.owner.ok(f"DELETEACL {mine} {pair.name}")
    assert pair.name not in acl(pair.owner, mine) and f"-{pair.name}" in acl(pair.owner, mine)


def test_3_4_listrights(pair):
    """The same right MUST NOT be listed more than once."""
    words = pair.owner.ok(f"LISTRIGHTS INBOX {pair.name}").find(
        rb"^LISTRIGHTS INBOX (\S+) (.*)$")
    assert words.group(1).decode() == pair.name
    letters = words.group(2).decode().replace('"', "").replace(" ", "")
    assert len(letters) == len(set(letters)) and set(letters) == set("lrswipkxtenacd")


def test_3_5_myrights(pair):
    name = pair.box("lrsp")
    assert rights(pair.other.ok(f"MYRIGHTS {name}")) == {name: "lrsp"}


@pytest.mark.parametrize("right", "lrikxa")
def test_4_myrights_needs_any(pair, right):
    assert pair.other.cmd(f"MYRIGHTS {pair.box(right)}").status == "OK"


@pytest.mark.parametrize("right", "swpte")
def test_4_myrights_with_others(pair, right):
    assert pair.other.cmd(f"MYRIGHTS {pair.box(right)}").code == "NONEXISTENT"


# command in the authenticated state, all that it needs
NEEDS = [
    ("SELECT {}", "lr"), ("EXAMINE {}", "lr"), ("STATUS {} (MESSAGES)", "lr"),
    ("SUBSCRIBE {}", "l"), ("CREATE {}.new", "lk"), ("DELETE {}", "lx"),
    ("SETACL {} friend l", "la"), ("DELETEACL {} friend", "la"), ("GETACL {}", "la"),
    ("LISTRIGHTS {} friend", "la")]


@pytest.mark.parametrize("command,need", NEEDS)
def test_4_enough(pair, command, need):
    pair.other.ok(command.format(pair.box(need)))


@pytest.mark.parametrize("command,need", NEEDS)
def test_4_too_few(pair, command, need):
    """All rights but the one that counts."""
    letters = "".join(set("lrswipkxtena") - {need[-1]})
    assert pair.other.cmd(command.format(pair.box(letters))).status == "NO"


def test_4_unsubscribe_needs_none(pair):
    pair.other.ok(f"UNSUBSCRIBE {pair.box('')}")


def test_4_list_needs_l(pair):
    """If the user has "l" right to "A/B", but not to "A", the LIST command should
    behave as if the mailbox "A" doesn't exist."""
    seen, hidden = pair.box("l"), pair.box("rswipkxtea")
    got = listed(pair.other.ok(f'LIST "" user.{pair.owner_name}.*'))
    assert seen in got and hidden not in got


def test_4_append_needs_i(pair):
    pair.other.append(pair.box("i"), MESSAGE)
    assert pair.other.cmd(f"APPEND {pair.box('lrswpkxtea')} ", MESSAGE).status == "NO"


@pytest.mark.parametrize("letters,kept", [("i", set()), ("is", {r"\Seen"}),
                                          ("iw", {r"\Flagged", "work"}), ("it", {r"\Deleted"})])
def test_4_append_flags(pair, letters, kept):
    """Flags that the user may not set are left out, the APPEND succeeds."""
    name = pair.box("lr" + letters)
    pair.other.append(name, MESSAGE, r"(\Seen \Flagged \Deleted work)")
    pair.other.ok(f"EXAMINE {name}")
    got = pair.other.ok("FETCH 3 (FLAGS)").find(rb"FLAGS \(([^)]*)\)").group(1).decode().split()
    assert set(got) - {r"\Recent"} == kept


@pytest.mark.parametrize("letters,flag,allowed", [
    ("s", r"\Seen", True), ("wt", r"\Seen", False), ("w", r"\Flagged", True),
    ("st", r"\Flagged", False), ("t", r"\Deleted", True), ("swe", r"\Deleted", False),
    ("w", "$Work", True)])
def test_4_store(pair, letters, flag, allowed):
    pair.other.ok(f"SELECT {pair.box('lr' + letters)}")
    r = pair.other.cmd(f"STORE 1 +FLAGS ({flag})")
    assert r.status == ("OK" if allowed else "NO")
    pair.other.ok("UNSELECT")


def test_4_expunge_needs_e(pair):
    pair.other.ok(f"SELECT {pair.box('lre')}")
    assert pair.other.ok("EXPUNGE").untagged[0] == b"2 EXPUNGE"
    pair.other.ok(f"SELECT {pair.box('lrswit')}")
    assert pair.other.cmd("EXPUNGE").status == "NO"
    pair.other.ok("UNSELECT")


def test_4_close_without_e(pair):
    """... the server SHOULD ignore the removal and return OK."""
    name = pair.box("lrswit")
    pair.other.ok(f"SELECT {name}")
    pair.other.ok("CLOSE")
    assert pair.other.ok(f"STATUS {name} (MESSAGES)").find(rb"MESSAGES 2")


def test_5_2_read_only(pair):
    assert pair.other.ok(f"SELECT {pair.box('lr')}").code == "READ-ONLY"
    for letter in "swite":
        assert pair.other.ok(f"SELECT {pair.box('lr' + letter)}").code == "READ-WRITE"
    pair.other.ok("UNSELECT")


def test_6_existence_is_not_revealed(pair):
    """Without the l right the answer is that of a mailbox that does not exist."""
    hidden, none = pair.box("n"), f"user.{pair.owner_name}.none"
    for command in ("SELECT {}", "STATUS {} (MESSAGES)", "GETACL {}", "SETACL {} x l",
                    "LISTRIGHTS {} x", "DELETEACL {} x", "MYRIGHTS {}", "DELETE {}"):
        a, b = (pair.other.cmd(command.format(n)) for n in (hidden, none))
        assert (a.status, a.code, a.text) == (b.status, b.code, b.text), command


@pytest.mark.parametrize("identifier", ['""', '"-"', '"a b"', b'"\xff"', b'"a\xc3"', b"{1+}\r\n\x7f"])
def test_3_identifiers_that_are_none(pair, identifier):
    """"If the preparation of the identifier fails or results in an empty string, the
    server MUST refuse to perform the command with a BAD response.\""""
    i = identifier if isinstance(identifier, bytes) else identifier.encode()
    assert pair.owner.cmd(b"SETACL INBOX " + i + b" lr").status == "BAD"
    assert pair.owner.cmd(b"DELETEACL INBOX " + i).status == "BAD"
    assert pair.owner.cmd(b"LISTRIGHTS INBOX " + i).status == "BAD"
