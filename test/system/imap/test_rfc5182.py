"""SEARCHRES: "$" is what the last SEARCH RETURN (SAVE) found (RFC 5182)."""
import pytest
from answers import append, capabilities, esearch, fetches, found, numbers


@pytest.fixture
def box(login):
    """Numbers 1..5 are UIDs 2..6; seen are 2 and 4."""
    c = login()
    append(c, "INBOX", b"Subject: gone\r\n\r\n", r"(\Deleted)")
    for n in range(1, 6):
        append(c, "INBOX", b"Subject: m%d\r\n\r\nbody\r\n" % n, r"(\Seen)" if n in (2, 4) else "()")
    c.ok("SELECT INBOX")
    c.ok("EXPUNGE")
    return c


def saved(c):
    return found(c.ok("SEARCH $"))


def test_1_advertised(box):
    assert "SEARCHRES" in capabilities(box)


def test_2_1_save_alone_says_nothing(box):
    """"... MUST NOT return the ESEARCH response" """
    reply = box.ok("SEARCH RETURN (SAVE) SEEN")
    assert not reply.all(rb"SEARCH")
    assert saved(box) == [2, 4]


def test_2_1_empty_at_first(box):
    assert saved(box) == []
    assert fetches(box.ok("FETCH $ (UID)")) == {}


def test_2_1_a_search_without_save_keeps_it(box):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    box.ok("SEARCH ALL")
    box.ok("SEARCH RETURN (ALL) 1")
    assert saved(box) == [2, 4]


def test_2_1_select_empties_it(box):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    box.ok("SELECT INBOX")
    assert saved(box) == []


def test_2_1_failed_select_has_closed(box):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    box.cmd("SELECT nosuch")
    box.ok("EXAMINE INBOX")
    assert saved(box) == []


def test_2_1_bad_keeps_it(box):
    """"the tagged BAD ... the value of the search result variable is unchanged" """
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert box.cmd("SEARCH RETURN (SAVE) NONSENSE").status == "BAD"
    assert box.cmd("SEARCH RETURN (SAVE) 0").status == "BAD"
    assert saved(box) == [2, 4]


def test_2_1_no_empties_it(box):
    """"a tagged NO response ... the server MUST reset it to the empty sequence" """
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert box.cmd("SEARCH RETURN (SAVE) CHARSET X-NONE TEXT a").status == "NO"
    assert saved(box) == []


def test_2_1_nothing_found(box):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    box.ok("SEARCH RETURN (SAVE) DRAFT")
    assert saved(box) == []
    box.ok("STORE $ +FLAGS (x)")
    assert found(box.ok("SEARCH KEYWORD x")) == []


def test_2_1_expunged_leave_it(box):
    """"a message that is expunged ... is removed from the set" """
    box.ok("SEARCH RETURN (SAVE) 2:4")
    box.ok(r"STORE 3 +FLAGS (\Deleted)")
    box.ok("EXPUNGE")
    assert saved(box) == [2, 3]
    assert found(box.ok("UID SEARCH $")) == [3, 5]


def test_2_1_new_messages_do_not_come_in(box):
    box.ok("SEARCH RETURN (SAVE) 1:*")
    append(box, "INBOX", b"Subject: new\r\n\r\n")
    assert saved(box) == [1, 2, 3, 4, 5]


def test_2_1_pipelined(box):
    box.send("a SEARCH RETURN (SAVE) SEEN\r\nb FETCH $ (UID)\r\n")
    assert box.wait("a").status == "OK"
    assert list(fetches(box.wait("b"))) == [2, 4]


@pytest.mark.parametrize("command,expected", [
    ("FETCH $ (UID)", [2, 4]), ("UID FETCH $ (FLAGS)", [2, 4]), ("STORE $ +FLAGS (k)", [2, 4]),
    ("UID STORE $ +FLAGS (k)", [2, 4]),
])
def test_2_1_wherever_a_set_is_allowed(box, command, expected):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert list(fetches(box.ok(command))) == expected


@pytest.mark.parametrize("command", ["COPY $ {}", "UID COPY $ {}", "MOVE $ {}", "UID MOVE $ {}"])
def test_2_1_copy(box, command):
    box.ok("CREATE INBOX.there")
    box.ok("UID SEARCH RETURN (SAVE) SEEN")
    r = box.ok(command.format("INBOX.there"))
    assert "COPYUID" in r.code or r.find(rb"COPYUID")
    assert box.ok("STATUS INBOX.there (MESSAGES)").find(rb"MESSAGES 2\)")


def test_2_1_uid_expunge(box):
    box.ok(r"STORE 1:* +FLAGS (\Deleted)")
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert numbers(box.ok("UID EXPUNGE $"), "EXPUNGE") == [2, 3]
    assert saved(box) == []


@pytest.mark.parametrize("keys,expected", [
    ("$ SUBJECT m4", [4]), ("NOT $", [1, 3, 5]), ("OR $ 1", [1, 2, 4]), ("UID $", [2, 4]), ("($ 1:3)", [2]),
])
def test_2_1_in_programs(box, keys, expected):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert found(box.ok("SEARCH " + keys)) == expected


def test_2_2_refined(box):
    box.ok("SEARCH RETURN (SAVE) SEEN")
    assert esearch(box.ok("SEARCH RETURN (SAVE ALL) $ 3:*")) == {"ALL": [4]}
    assert saved(box) == [4]


@pytest.mark.parametrize("options,expected", [
    ("SAVE", [1, 3, 5]), ("SAVE MIN", [1]), ("SAVE MAX", [5]), ("SAVE MIN MAX", [1, 5]), ("SAVE ALL", [1, 3, 5]),
    ("SAVE COUNT", [1, 3, 5]), ("SAVE MIN COUNT", [1, 3, 5]), ("SAVE MIN MAX ALL", [1, 3, 5]),
])
def test_2_4_with_other_options(box, options, expected):
    box.ok(f"SEARCH RETURN ({options}) UNSEEN")
    assert saved(box) == expected


@pytest.mark.parametrize("command", [
    "FETCH $,1 UID", "FETCH 1,$ UID", "FETCH $: UID", "FETCH $:3 UID", "SEARCH $,1", "FETCH $$ UID", "SEARCH UID $,4",
])
def test_4_syntax(box, command):
    assert box.cmd(command).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session
