"""MULTISEARCH: ESEARCH in many mailboxes (RFC 7377)."""
import re

import pytest
from answers import append, capabilities, esearches, found

# name: flags of its messages; the subjects are mailbox and number
BOXES = {
    "INBOX": ["", r"\Flagged", ""],
    "INBOX.a": [r"\Flagged", r"\Flagged"],
    "INBOX.a.b": ["", r"\Flagged"],
    "INBOX.a.b.c": [r"\Flagged"],
    "INBOX.ab": [r"\Flagged"],
    "INBOX.none": [""],
    "INBOX.empty": [],
}


@pytest.fixture(scope="module")
def c(shared_server):
    c = shared_server.login(shared_server.new_user())
    for name, flags in BOXES.items():
        if name != "INBOX":
            c.ok(f"CREATE {name}")
        for n, f in enumerate(flags, 1):
            append(c, name, f"Subject: {name} {n}\r\n\r\nbody\r\n".encode(), f"({f})")
    c.ok("SUBSCRIBE INBOX.a")
    c.ok("SUBSCRIBE INBOX.ab")
    for command in ("CREATE", "SUBSCRIBE", "DELETE"):
        c.ok(f"{command} INBOX.gone")
    shared_server.clients.remove(c)
    yield c
    c.close()


@pytest.fixture
def auth(c):
    """Nothing selected."""
    if c.cmd("UNSELECT").status != "OK":
        c.ok("NOOP")
    return c


@pytest.fixture
def sel(c):
    c.ok("SELECT INBOX.a")
    return c


def hits(reply):
    """{mailbox: the data}; all of it is in UIDs and names the mailbox."""
    out = {}
    for e in esearches(reply):
        assert e.pop("UID") is True and re.fullmatch(r"\d+", e.pop("UIDVALIDITY"))
        e.pop("TAG")
        assert e["MAILBOX"] not in out
        out[e.pop("MAILBOX")] = e
    return out


def all_of(reply):
    return {name: data["ALL"] for name, data in hits(reply).items()}


def test_1_advertised(c):
    assert "MULTISEARCH" in capabilities(c)


@pytest.mark.parametrize("sources,expected", [
    ("mailboxes INBOX", {"INBOX": [2]}),
    ("mailboxes (INBOX INBOX.a)", {"INBOX": [2], "INBOX.a": [1, 2]}),
    ('mailboxes "INBOX.a" mailboxes "inbox"', {"INBOX": [2], "INBOX.a": [1, 2]}),
    ("subtree INBOX.a", {"INBOX.a": [1, 2], "INBOX.a.b": [2], "INBOX.a.b.c": [1]}),
    ("subtree-one INBOX.a", {"INBOX.a": [1, 2], "INBOX.a.b": [2]}),
    ("SUBTREE-ONE (INBOX.a INBOX.ab)", {"INBOX.a": [1, 2], "INBOX.a.b": [2], "INBOX.ab": [1]}),
    ("subtree (INBOX.a INBOX.a.b) mailboxes INBOX.a", {"INBOX.a": [1, 2], "INBOX.a.b": [2], "INBOX.a.b.c": [1]}),
    ("inboxes", {"INBOX": [2]}),
    ("personal", {"INBOX": [2], "INBOX.a": [1, 2], "INBOX.a.b": [2], "INBOX.a.b.c": [1], "INBOX.ab": [1]}),
    ("subscribed", {"INBOX.a": [1, 2], "INBOX.ab": [1]}),
    ("subscribed inboxes", {"INBOX": [2], "INBOX.a": [1, 2], "INBOX.ab": [1]}),
    ("mailboxes INBOX.none", {}), ("mailboxes INBOX.empty", {}),
])
def test_2_2_sources(auth, sources, expected):
    """One ESEARCH response for each mailbox in which something is found."""
    assert all_of(auth.ok(f"ESEARCH IN ({sources}) FLAGGED")) == expected


def test_2_2_a_tree_is_walked_once(auth):
    """However often it is named; and many different ones are refused, for each costs a
    walk through the list of mailboxes."""
    once = esearches(auth.ok("ESEARCH IN (SUBTREE INBOX) RETURN (COUNT) ALL"))
    many = " ".join(["SUBTREE (INBOX INBOX.a INBOX)", "PERSONAL", "SUBTREE-ONE INBOX"] * 3000)
    r = auth.ok(f"ESEARCH IN ({many}) RETURN (COUNT) ALL")
    assert len(r.untagged) == len(once) > 1
    names = " ".join(f"user.nobody{i}" for i in range(1001))
    r = auth.cmd(f"ESEARCH IN (SUBTREE ({names})) RETURN (COUNT) ALL")
    assert (r.status, r.code) == ("NO", "LIMIT")


@pytest.mark.parametrize("sources", ["mailboxes nosuch", "mailboxes INBOX.gone", "subtree nosuch", "mailboxes user.nobody"])
def test_2_2_what_is_not_there(auth, sources):
    """Ignored without a word."""
    assert auth.ok(f"ESEARCH IN ({sources}) ALL").untagged == []
    assert all_of(auth.ok(f"ESEARCH IN ({sources} mailboxes INBOX) FLAGGED")) == {"INBOX": [2]}


def test_2_1_selected(sel):
    """Without IN it is the selected mailbox; always in UIDs."""
    assert all_of(sel.ok("ESEARCH ALL")) == {"INBOX.a": [1, 2]}
    assert all_of(sel.ok("ESEARCH IN (selected) 2")) == {"INBOX.a": [2]}
    assert all_of(sel.ok("ESEARCH IN (selected mailboxes INBOX) FLAGGED")) == {"INBOX": [2], "INBOX.a": [1, 2]}
    assert all_of(sel.ok("ESEARCH IN (selected mailboxes INBOX.a) FLAGGED")) == {"INBOX.a": [1, 2]}


def test_2_1_nothing_selected(auth):
    assert auth.cmd("ESEARCH ALL").status == "BAD"
    """"If the source options include (or default to) "selected", the IMAP session
    MUST be in "selected" state."""
    assert auth.cmd("ESEARCH IN (selected) ALL").status == "BAD"
    assert auth.cmd("ESEARCH IN (selected inboxes) FLAGGED").status == "BAD"
    assert auth.cmd("ESEARCH IN (inboxes selected) FLAGGED").status == "BAD"


def test_2_1_selection_stays(sel):
    sel.ok("ESEARCH IN (personal) FLAGGED")
    assert found(sel.ok("SEARCH ALL")) == [1, 2]


def test_2_1_not_before_login(server):
    c = server.connect()
    assert c.cmd("ESEARCH IN (personal) ALL").status == "BAD"


@pytest.mark.parametrize("options,expected", [
    ("COUNT", {"INBOX": {"COUNT": 3}, "INBOX.none": {"COUNT": 1}}),
    ("MIN MAX", {"INBOX": {"MIN": 1, "MAX": 3}, "INBOX.none": {"MIN": 1, "MAX": 1}}),
    ("PARTIAL 2:9", {"INBOX": {"PARTIAL": ("2:9", [2, 3])}, "INBOX.none": {"PARTIAL": ("2:9", [])}}),
    ("", {"INBOX": {"ALL": [1, 2, 3]}, "INBOX.none": {"ALL": [1]}}),
])
def test_2_1_return(auth, options, expected):
    assert hits(auth.ok(f"ESEARCH IN (mailboxes (INBOX INBOX.none INBOX.empty)) RETURN ({options}) ALL")) == expected


@pytest.mark.parametrize("keys,expected", [
    ("SUBJECT .a", {"INBOX.a": [1, 2], "INBOX.ab": [1]}), ("BODY nothing", {}),
    ("UNFLAGGED", {"INBOX": [1, 3]}), ("OR SUBJECT ab UID 1", {"INBOX": [1], "INBOX.a": [1], "INBOX.ab": [1]}),
    ("NOT UID 1:2", {"INBOX": [3]}), ("UID *", {"INBOX": [3], "INBOX.a": [2], "INBOX.ab": [1]}),
    ("CHARSET UTF-8 SUBJECT ab", {"INBOX.ab": [1]}), ("FUZZY SUBJECT ab", {"INBOX.ab": [1]}),
])
def test_2_1_the_same_program_everywhere(auth, keys, expected):
    assert all_of(auth.ok(f"ESEARCH IN (mailboxes (INBOX INBOX.a INBOX.ab)) {keys}")) == expected


@pytest.mark.parametrize("command", [
    "ESEARCH IN (inboxes) RETURN (SAVE) ALL", "ESEARCH IN (selected inboxes) RETURN (SAVE COUNT) ALL",
    "ESEARCH IN (inboxes) 1:2", "ESEARCH IN (selected inboxes) NOT 1", "ESEARCH IN (inboxes) $",
])
def test_2_1_for_the_selected_only(sel, command):
    assert sel.cmd(command).status == "BAD"


def test_2_1_save(sel):
    assert sel.ok("ESEARCH RETURN (SAVE) 2").untagged == []
    assert found(sel.ok("SEARCH $")) == [2]


@pytest.mark.parametrize("keys, expected", [
    ("3", []), ("3:9", []), ("2:9", [2]), ("9:2", [2]), ("9:*", [2]), ("*:9", [2]), ("1,9", [1]), ("9,1", [1]),
    ("NOT 9", [1, 2]), ("OR 9 1", [1]), ("4294967295", []), ("2:4294967295", [2]),
])
@pytest.mark.parametrize("command", ["ESEARCH", "UID SEARCH", "UID SORT (ARRIVAL) UTF-8"])
def test_2_numbers_beyond_the_end(sel, command, keys, expected):
    """"... with ESEARCH, as with any SEARCH or UID SEARCH command, it MUST NOT be
    considered an error if the search terms include a range of message numbers
    that extends (or, in fact, starts) beyond the end of the mailbox"."""
    reply = sel.ok(f"{command} {keys}")
    if command == "ESEARCH":
        assert all_of(reply) == ({"INBOX.a": expected} if expected else {})
    else:
        assert [int(n) for n in reply.find(rb"^(?:SEARCH|SORT)(.*)").group(1).split()] == expected


def test_2_numbers_of_an_empty_mailbox(c):
    c.ok("SELECT INBOX.empty")
    for keys in ("1", "*", "1:*", "1:5", "UID *", "NOT 1"):
        assert found(c.ok(f"SEARCH {keys}")) == []


def told(reply):
    return [(e["MAILBOX"], e["UID"], e["UPDATES"]) for e in esearches(reply) if "UPDATES" in e]


@pytest.mark.parametrize("source", ["", "IN (selected) ", "IN (selected inboxes) ", "IN (personal selected) "])
def test_2_2_update(shared_server, source):
    """"If the UPDATE return option is used, it MUST apply only to the currently
    selected mailbox"; its name and UIDVALIDITY come along as ever."""
    user = shared_server.new_user()
    c, other = shared_server.login(user), shared_server.login(user)
    for name in ("INBOX.a", "INBOX.b"):
        c.ok(f"CREATE {name}")
        append(c, name, b"Subject: 1\r\n\r\n")
    c.ok("SELECT INBOX.a")
    c.send(f"u1 ESEARCH {source}RETURN (UPDATE COUNT) FLAGGED\r\n")
    reply = c.wait("u1")
    assert (reply.status, reply.untagged) == ("OK", [])
    for name in ("INBOX.a", "INBOX.b"):
        append(other, name, b"Subject: 2\r\n\r\n", r"(\Flagged)")
    assert told(c.ok("NOOP")) == [("INBOX.a", True, [("ADDTO", [(0, [2])])])]
    other.ok("SELECT INBOX.a")
    other.ok(r"STORE 2 FLAGS (\Deleted)")
    assert told(c.ok("NOOP")) == [("INBOX.a", True, [("REMOVEFROM", [(0, [2])])])]
    c.ok('CANCELUPDATE "u1"')
    other.ok(r"STORE 2 FLAGS (\Flagged)")
    assert told(c.ok("NOOP")) == []


def test_2_2_update_with_nothing_selected(auth):
    """"If UPDATE is used and there is no mailbox currently selected, the ESEARCH
    command MUST return a "BAD" result."""
    assert auth.cmd("ESEARCH IN (personal) RETURN (UPDATE) ALL").status == "BAD"


def test_2_2_update_of_others_is_refused(sel):
    """RFC 5267 section 4.3.1."""
    sel.send("u1 ESEARCH IN (inboxes) RETURN (UPDATE COUNT) FLAGGED\r\n")
    reply = sel.wait("u1")
    assert reply.status == "OK" and reply.find(rb'NOUPDATE "u1"') and hits(reply)["INBOX"] == {"COUNT": 1}
    assert sel.cmd('CANCELUPDATE "u1"').status == "BAD"


def test_2_2_inboxes(shared_server):
    """RFC 5465 section 6.3: all of the user's mailboxes "to which messages may be
    delivered"."""
    c = shared_server.login(shared_server.new_user())
    for name in ("INBOX.lists", "INBOX.other"):
        c.ok(f"CREATE {name}")
        append(c, name, b"Subject: 1\r\n\r\n")
    c.ok("SETACL INBOX.lists anyone p")
    assert all_of(c.ok("ESEARCH IN (inboxes) ALL")) == {"INBOX.lists": [1]}


def test_5182_2_1_save_that_fails(sel):
    """"... the NO tagged response sets the value of the search result variable to
    the empty sequence"."""
    for keys in ("FILTER nosuch", "CHARSET x-none ALL"):
        sel.ok("ESEARCH RETURN (SAVE) ALL")
        assert sel.cmd(f"ESEARCH RETURN (SAVE) {keys}").status == "NO"
        assert found(sel.ok("SEARCH $")) == []


def test_9586_3_only_uids(shared_server):
    c = shared_server.login(shared_server.new_user())
    append(c, "INBOX", b"Subject: 1\r\n\r\n")
    c.ok("ENABLE UIDONLY")
    c.ok("SELECT INBOX")
    assert all_of(c.ok("ESEARCH UID 1")) == {"INBOX": [1]}
    assert c.cmd("ESEARCH NOT (OR SEEN 1)").code == "UIDREQUIRED"


def test_2_1_recent_stays(shared_server):
    """A search in a mailbox that is not selected takes no \\Recent away."""
    user = shared_server.new_user()
    c = shared_server.login(user)
    append(c, "INBOX", b"Subject: a\r\n\r\n")
    c.ok("ESEARCH IN (inboxes) ALL")
    assert c.ok("SELECT INBOX").find(rb"1 RECENT")


def test_3_rights(shared_server):
    """What the user may not read is not there for him."""
    one, two = shared_server.new_user(), shared_server.new_user()
    c, other = shared_server.login(one), shared_server.login(two)
    append(c, "INBOX", b"Subject: a\r\n\r\n")
    assert other.ok(f"ESEARCH IN (mailboxes user.{one}) ALL").untagged == []
    c.ok(f"SETACL INBOX {two} l")
    assert other.ok(f"ESEARCH IN (subtree user.{one}) ALL").untagged == []
    c.ok(f"SETACL INBOX {two} r")
    # "any mailboxes that are not explicitly named ... are required to have the "l" right"
    assert all_of(other.ok(f"ESEARCH IN (mailboxes user.{one}) ALL")) == {f"user.{one}": [1]}
    assert all_of(other.ok(f"ESEARCH IN (subtree user.{one}) ALL")) == {f"user.{one}": [1]}
    c.ok("CREATE INBOX.below")
    append(c, "INBOX.below", b"Subject: a\r\n\r\n")
    c.ok(f"SETACL INBOX.below {two} r")
    assert all_of(other.ok(f"ESEARCH IN (subtree user.{one}) ALL")) == {f"user.{one}": [1]}
    c.ok("DELETE INBOX.below")
    c.ok(f"SETACL INBOX {two} lr")
    assert all_of(other.ok(f"ESEARCH IN (mailboxes user.{one}) ALL")) == {f"user.{one}": [1]}
    assert all_of(other.ok("ESEARCH IN (personal) ALL")) == {}


@pytest.mark.parametrize("command", [
    "ESEARCH", "ESEARCH IN (inboxes)", "ESEARCH IN () ALL", "ESEARCH IN inboxes ALL", "ESEARCH IN (nonsense) ALL",
    "ESEARCH IN (mailboxes) ALL", "ESEARCH IN (mailboxes ()) ALL", "ESEARCH IN (selected-delayed) ALL",
    "ESEARCH IN (inboxes) IN (inboxes) ALL", "ESEARCH RETURN (COUNT) IN (inboxes) ALL", "ESEARCH IN (inboxes)ALL",
    "UID ESEARCH IN (inboxes) ALL", "ESEARCH IN (subtree INBOX", "ESEARCH IN (inboxes) RETURN (ALL PARTIAL 1:2) ALL",
])
def test_4_syntax(c, command):
    assert c.cmd(command).status == "BAD"
    c.ok("NOOP")                        # too many BADs in a row end a session
