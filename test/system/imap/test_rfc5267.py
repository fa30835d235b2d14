"""CONTEXT=SEARCH and CONTEXT=SORT: results kept up to date (RFC 5267)."""
import random

import pytest
from answers import append, capabilities, esearch, esearches, found, numbers, sorted_numbers

WORDS = ["pear", "apple", "fig", "plum", "kiwi"]


@pytest.fixture
def pair(login):
    """Two sessions on five messages, UIDs 2..6; 2 and 4 are flagged."""
    c = login()
    append(c, "INBOX", b"Subject: gone\r\n\r\n", r"(\Deleted)")
    for n in range(1, 6):
        append(c, "INBOX", f"Subject: {WORDS[n - 1]}\r\n\r\n".encode(), r"(\Flagged)" if n in (2, 4) else "()")
    c.ok("SELECT INBOX")
    c.ok("EXPUNGE")
    other = login()
    other.ok("SELECT INBOX")
    return c, other


def updates(reply):
    """All that was told of contexts: (tag, uid, what, [(place, numbers)])."""
    return [(e["TAG"], e["UID"], what, pairs) for e in esearches(reply) for what, pairs in e.get("UPDATES", [])]


def begin(c, tag, command):
    c.send(f"{tag} {command}\r\n")
    reply = c.wait(tag)
    assert reply.status == "OK", reply
    return reply


def test_1_advertised(pair):
    assert {"CONTEXT=SEARCH", "CONTEXT=SORT", "ESORT"} <= capabilities(pair[0])


@pytest.mark.parametrize("command", ["SEARCH RETURN (CONTEXT) FLAGGED", "SEARCH RETURN (CONTEXT ALL) FLAGGED",
                                     "SORT RETURN (CONTEXT) (SUBJECT) UTF-8 FLAGGED"])
def test_4_2_context_is_a_hint(pair, command):
    """"The CONTEXT return option ... has no effect on the results"."""
    assert sorted(esearch(pair[0].ok(command))["ALL"]) == [2, 4]


def test_4_3_first_the_result(pair):
    assert esearch(begin(pair[0], "a", "SEARCH RETURN (UPDATE) FLAGGED")) == {"ALL": [2, 4]}
    assert esearch(begin(pair[0], "b", "UID SEARCH RETURN (UPDATE COUNT) FLAGGED")) == {"COUNT": 2}


def test_4_3_3_addto_by_flag(pair):
    c, other = pair
    begin(c, "a", "SEARCH RETURN (UPDATE) FLAGGED")
    begin(c, "b", "UID SEARCH RETURN (UPDATE) FLAGGED")
    other.ok(r"STORE 1,3 +FLAGS (\Flagged)")
    assert sorted(updates(c.ok("NOOP"))) == [("a", False, "ADDTO", [(0, [1, 3])]), ("b", True, "ADDTO", [(0, [2, 4])])]
    assert updates(c.ok("NOOP")) == []


def test_4_3_4_removefrom_by_flag(pair):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    other.ok(r"STORE 2 -FLAGS (\Flagged)")
    assert updates(c.ok("NOOP")) == [("a", True, "REMOVEFROM", [(0, [3])])]


def test_4_3_own_changes_count(pair):
    c, _ = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    assert updates(c.ok(r"STORE 5 +FLAGS.SILENT (\Flagged)")) == [("a", True, "ADDTO", [(0, [6])])]
    assert updates(c.ok(r"STORE 5 FLAGS.SILENT ()")) == [("a", True, "REMOVEFROM", [(0, [6])])]


def test_4_3_changes_that_make_no_difference(pair):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    other.ok(r"STORE 1:5 +FLAGS (\Answered)")
    assert updates(c.ok("NOOP")) == []


def test_4_3_new_messages(pair):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) UNFLAGGED")
    append(other, "INBOX", b"Subject: x\r\n\r\n")
    append(other, "INBOX", b"Subject: x\r\n\r\n", r"(\Flagged)")
    reply = c.ok("NOOP")
    assert updates(reply) == [("a", True, "ADDTO", [(0, [7])])]
    lines = [u.split(b" ")[0 if u.startswith(b"ESEARCH") else 1] for u in reply.untagged]
    assert lines.index(b"EXISTS") < lines.index(b"ESEARCH")


def test_4_3_4_expunged(pair):
    """The number is told while it means the message: before EXPUNGE."""
    c, other = pair
    begin(c, "a", "SEARCH RETURN (UPDATE) ALL")
    other.ok(r"STORE 2,4,5 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    reply = c.ok("NOOP")
    assert updates(reply) == [("a", False, "REMOVEFROM", [(0, [2, 4, 5])])]
    assert numbers(reply, "EXPUNGE") == [2, 3, 3]
    at = [i for i, u in enumerate(reply.untagged) if u.startswith(b"ESEARCH")]
    assert at[0] < min(i for i, u in enumerate(reply.untagged) if u.endswith(b"EXPUNGE"))


def test_4_3_not_while_numbers_must_stand(pair):
    """Nothing is told of an expunge before the EXPUNGE itself may be."""
    c, other = pair
    begin(c, "a", "SEARCH RETURN (UPDATE) ALL")
    other.ok(r"STORE 2 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    assert updates(c.ok("FETCH 1 UID")) == []
    assert updates(c.ok("NOOP")) == [("a", False, "REMOVEFROM", [(0, [2])])]


def test_4_3_own_expunge(pair):
    c, _ = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    c.ok(r"STORE 4 +FLAGS (\Deleted)")
    assert updates(c.ok("EXPUNGE")) == [("a", True, "REMOVEFROM", [(0, [5])])]


@pytest.mark.parametrize("keys,expected", [
    ("1:3", []), ("1:*", [7]), ("UID 1:*", [7]), ("*", []), ("UID 6,7", [7]), ("YOUNGER 3600", [7]), ("$", []),
    ("NOT 1:3", [7]), ("OR 1 SUBJECT new", [7]), ("SUBJECT old", []), ("6", []), ("4:9", []), ("9:*", [7]),
    ("NOT 4:9", [7]),
])
def test_4_3_what_is_fixed(pair, keys, expected):
    """Numbers mean the messages that they meant; "*" is the end."""
    c, other = pair
    c.ok("SEARCH RETURN (SAVE) ALL")
    begin(c, "a", f"UID SEARCH RETURN (UPDATE) {keys}")
    append(other, "INBOX", b"Subject: new\r\n\r\n")
    got = updates(c.ok("NOOP"))
    assert got == ([("a", True, "ADDTO", [(0, expected)])] if expected else [])


def test_4_3_numbers_after_an_expunge(pair):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) 4:5 FLAGGED")
    other.ok(r"STORE 1 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    c.ok("NOOP")
    other.ok(r"STORE 1:4 +FLAGS (\Flagged)")       # UIDs 3..6
    assert updates(c.ok("NOOP")) == [("a", True, "ADDTO", [(0, [6])])]


def test_4_3_in_idle(pair):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    line = c.response()
    while not line.startswith(b"* ESEARCH"):
        line = c.response()
    assert line == b'* ESEARCH (TAG "a") UID ADDTO (0 2)'
    c.send("DONE\r\n")
    assert c.wait("i").status == "OK"


def test_4_3_1_noupdate(pair):
    """"... an untagged NO ... with a response-code of NOUPDATE ... Other return
    options specified are honoured"; there is a limit of contexts."""
    c, _ = pair
    for n in range(32):
        assert not begin(c, f"m{n}", "SEARCH RETURN (UPDATE) ALL").find(rb"NOUPDATE")
    reply = begin(c, "m32", "SEARCH RETURN (UPDATE COUNT) ALL")
    assert reply.find(rb'^NO \[NOUPDATE "m32"\]') and esearch(reply) == {"COUNT": 5}
    c.ok('CANCELUPDATE "m7" "m8"')
    assert not begin(c, "m33", "SEARCH RETURN (UPDATE) ALL").find(rb"NOUPDATE")
    c.ok(r"STORE 1 +FLAGS (x)")


def test_4_5_cancelupdate(pair):
    c, _ = pair
    for tag in ("a", "b", "c"):
        begin(c, tag, "UID SEARCH RETURN (UPDATE) FLAGGED")
    c.ok('CANCELUPDATE "a" "c"')
    assert updates(c.ok(r"STORE 1 +FLAGS (\Flagged)")) == [("b", True, "ADDTO", [(0, [2])])]
    assert c.cmd('CANCELUPDATE "a"').status == "BAD"
    c.ok('CANCELUPDATE "b"')
    assert updates(c.ok(r"STORE 1 -FLAGS (\Flagged)")) == []


@pytest.mark.parametrize("command", [
    "UID SEARCH RETURN (UPDATE) ANSWERED", "SORT RETURN (UPDATE SAVE) (DATE) UTF-8 ALL", "ESEARCH RETURN (UPDATE) ALL",
])
def test_4_3_a_tag_used_again(pair, command):
    """"An attempt to use UPDATE where a tag is already in use ... SHALL result in
    the server rejecting the searching command with a BAD response"; "and has no
    effect"."""
    c, _ = pair
    c.ok("SEARCH RETURN (SAVE) 2")
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    c.send(f"a {command}\r\n")
    reply = c.wait("a")
    assert (reply.status, reply.untagged) == ("BAD", [])
    assert found(c.ok("SEARCH $")) == [2]
    assert updates(c.ok(r"STORE 1 +FLAGS (\Flagged)")) == [("a", True, "ADDTO", [(0, [2])])]
    assert updates(c.ok(r"STORE 1 +FLAGS (\Answered)")) == []
    c.ok('CANCELUPDATE "a"')
    begin(c, "a", "UID SEARCH RETURN (UPDATE) ANSWERED")


def test_4_3_a_tag_used_again_without_update(pair):
    c, _ = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    assert found(begin(c, "a", "UID SEARCH ANSWERED")) == []


def test_5_tags_of_all_characters(pair):
    """"NOUPDATE" SP quoted; a tag may have "]" in it."""
    c, _ = pair
    for n in range(32):
        begin(c, f"m{n}", "SEARCH RETURN (UPDATE) ALL")
    assert begin(c, "a]b}[&'", "SEARCH RETURN (UPDATE) ALL").find(rb"""^NO \[NOUPDATE "a\]b\}\[&'"\]""")
    c.ok('CANCELUPDATE "m0"')
    begin(c, "a]b}[&'", "UID SEARCH RETURN (UPDATE) FLAGGED")
    assert ("a]b}[&'", True, "ADDTO", [(0, [2])]) in updates(c.ok(r"STORE 1 +FLAGS (\Flagged)"))


@pytest.mark.parametrize("leave", ["SELECT INBOX", "UNSELECT", "EXAMINE INBOX"])
def test_4_3_ends_with_the_mailbox(pair, leave):
    c, other = pair
    begin(c, "a", "UID SEARCH RETURN (UPDATE) FLAGGED")
    c.ok(leave)
    c.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert updates(c.ok("NOOP")) == []
    assert c.cmd('CANCELUPDATE "a"').status == "BAD"


def test_4_3_search_that_failed(pair):
    c, other = pair
    c.send("a SEARCH RETURN (UPDATE) FILTER nosuch\r\n")
    assert c.wait("a").status == "NO"
    assert c.cmd('CANCELUPDATE "a"').status == "BAD"


# Subjects sorted: apple 2, fig 3, kiwi 5, pear 1, plum 4.

def test_4_3_3_sorted_addto(pair):
    """"The context position ... where the message is inserted"."""
    c, other = pair
    assert esearch(begin(c, "a", "SORT RETURN (UPDATE) (SUBJECT) UTF-8 ALL")) == {"ALL": [2, 3, 5, 1, 4]}
    append(other, "INBOX", b"Subject: banana\r\n\r\n")
    append(other, "INBOX", b"Subject: aardvark\r\n\r\n")
    assert updates(c.ok("NOOP")) == [("a", False, "ADDTO", [(1, [7]), (3, [6])])]


def test_4_3_4_sorted_removefrom(pair):
    c, other = pair
    begin(c, "a", "UID SORT RETURN (UPDATE) (SUBJECT) UTF-8 UNANSWERED")
    other.ok(r"STORE 3,1 +FLAGS (\Answered)")
    assert updates(c.ok("NOOP")) == [("a", True, "REMOVEFROM", [(2, [4]), (3, [2])])]
    other.ok(r"STORE 5 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    assert updates(c.ok("NOOP")) == [("a", True, "REMOVEFROM", [(2, [6])])]


@pytest.mark.parametrize("command", [
    "CANCELUPDATE", "CANCELUPDATE a", "CANCELUPDATE ()", 'CANCELUPDATE "a",', "SEARCH RETURN (UPDATE CONTEXT",
    "SEARCH RETURN (UPDATE 5) ALL",
])
def test_5_syntax(pair, command):
    assert pair[0].cmd(command).status == "BAD"


class Known:
    """What a client knows of a context, by UID."""

    def __init__(self, c, tag, command, in_order):
        self.tag, self.command, self.in_order = tag, command, in_order
        self.list = esearch(begin(c, tag, command.replace("{}", " RETURN (UPDATE)"))).get("ALL", [])

    def take(self, reply):
        for tag, uid, what, pairs in updates(reply):
            if tag != self.tag:
                continue
            assert uid
            for place, uids in pairs:
                for i, u in enumerate(uids):
                    if what == "REMOVEFROM":
                        if self.in_order:
                            assert self.list[place - 1] == u
                        self.list.remove(u)
                    elif self.in_order:
                        assert u not in self.list
                        self.list.insert(place - 1 + i, u)
                    else:
                        assert u not in self.list and place == 0
                        self.list.append(u)

    def check(self, c):
        reply = c.ok(self.command.replace("{}", ""))
        if self.in_order:
            assert self.list == sorted_numbers(reply)
        else:
            assert sorted(self.list) == found(reply)


COMMANDS = [
    ("UID SEARCH{} FLAGGED", False), ("UID SEARCH{} UNSEEN NOT DELETED", False), ("UID SEARCH{} OR KEYWORD k SUBJECT a", False),
    ("UID SORT{} (SUBJECT) UTF-8 ALL", True), ("UID SORT{} (REVERSE SUBJECT ARRIVAL) UTF-8 NOT FLAGGED", True),
    ("UID SORT{} (REVERSE ARRIVAL) UTF-8 SEEN", True),
]


def change(rng, c, count):
    """One random change by another session; how many messages there are then."""
    what = rng.randrange(10)
    if what < 3:
        for _ in range(rng.choice([1, 1, 3])):
            append(c, "INBOX", f"Subject: {rng.choice(WORDS)}\r\n\r\n".encode(), rng.choice(["()", r"(\Flagged)", r"(\Seen k)"]))
            count += 1
    elif what < 5 and count > 5:
        c.ok(rf"STORE {rng.randint(1, count)},{rng.randint(1, count)} +FLAGS.SILENT (\Deleted)")
        count -= len(numbers(c.ok("EXPUNGE"), "EXPUNGE"))
    else:
        a, b = rng.randint(1, count), rng.randint(1, count)
        c.ok(f"STORE {a}:{b} {rng.choice('+-')}FLAGS.SILENT ({rng.choice([chr(92) + 'Flagged', chr(92) + 'Seen', 'k'])})")
    return count


def test_4_3_against_a_client(pair):
    """A client that follows all updates knows what a new search finds."""
    c, other = pair
    seed = random.randrange(2 ** 32)
    print("seed", seed)
    rng = random.Random(seed)
    known = [Known(c, f"k{i}", command, in_order) for i, (command, in_order) in enumerate(COMMANDS)]
    count = 5
    for _ in range(60):
        count = change(rng, other, count)
        if rng.random() < .3:
            reply = c.ok(rf"UID STORE 1:* {rng.choice('+-')}FLAGS.SILENT ({rng.choice([chr(92) + 'Seen', 'k'])})")
        else:
            reply = c.ok(rng.choice(["NOOP", "FETCH 1 UID", "UID FETCH 1:* FLAGS"]))
        for k in known:
            k.take(reply)
        if rng.random() < .5:
            reply = c.ok("NOOP")
            for k in known:
                k.take(reply)
                k.check(c)
