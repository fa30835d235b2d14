"""PARTIAL: paged SEARCH and SORT (RFC 9394 section 3.1; RFC 5267 section 4.4)."""
import pytest
from answers import append, esearch, esearches, found

# Twelve messages; the flagged ones have odd numbers, 6 of them.
FLAGGED = [1, 3, 5, 7, 9, 11]


@pytest.fixture(scope="module")
def box(shared_server):
    c = shared_server.login(shared_server.new_user())
    append(c, "INBOX", b"Subject: gone\r\n\r\n", r"(\Deleted)")
    for n in range(1, 13):
        append(c, "INBOX", b"Subject: %02d\r\n\r\n" % (50 - n), r"(\Flagged)" if n % 2 else "()")
    c.ok("SELECT INBOX")
    c.ok("EXPUNGE")
    shared_server.clients.remove(c)
    yield c
    c.close()


@pytest.mark.parametrize("span,expected", [
    ("1:3", [1, 3, 5]), ("2:2", [3]), ("3:2", [3, 5]), ("4:6", [7, 9, 11]), ("4:600", [7, 9, 11]), ("7:9", []),
    ("1:4294967295", FLAGGED), ("-1:-2", [9, 11]), ("-2:-1", [9, 11]), ("-6:-6", [1]), ("-4:-40", [1, 3, 5]),
    ("-7:-9", []), ("-1:-1", [11]),
])
def test_3_1_ranges(box, span, expected):
    """Places in the result, from its start or from its end; "NIL" if nothing is
    there.  "A range 500:400 is the same as 400:500": told as the latter."""
    told = ":".join(sorted(span.split(":"), key=lambda n: abs(int(n))))
    assert esearch(box.ok(f"SEARCH RETURN (PARTIAL {span}) FLAGGED")) == {"PARTIAL": (told, expected)}
    assert esearch(box.ok(f"UID SEARCH RETURN (PARTIAL {span}) FLAGGED")) == {
        "PARTIAL": (told, [n + 1 for n in expected])}


def test_3_1_nothing_found(box):
    assert esearch(box.ok("SEARCH RETURN (PARTIAL 1:5) DRAFT")) == {"PARTIAL": ("1:5", [])}


def test_3_1_with_others(box):
    got = esearch(box.ok("SEARCH RETURN (PARTIAL 2:3 COUNT MIN MAX) FLAGGED"))
    assert got == {"PARTIAL": ("2:3", [3, 5]), "COUNT": 6, "MIN": 1, "MAX": 11}


@pytest.mark.parametrize("options", [
    "PARTIAL 1:2 ALL", "ALL PARTIAL 1:2", "PARTIAL 1:2 PARTIAL 3:4",
])
def test_3_1_one_only(box, options):
    """"A single command MUST NOT contain more than one PARTIAL or ALL search
    return option ... the server MUST return BAD" """
    assert box.cmd(f"SEARCH RETURN ({options}) ALL").status == "BAD"


@pytest.mark.parametrize("options,expected", [
    ("SAVE PARTIAL 2:3", [3, 5]), ("SAVE PARTIAL 2:3 MIN", [1, 3, 5]), ("SAVE PARTIAL 2:3 MAX", [3, 5, 11]),
    ("SAVE PARTIAL 2:3 MIN MAX", [1, 3, 5, 11]), ("SAVE PARTIAL -1:-2", [9, 11]), ("SAVE PARTIAL 2:3 COUNT", FLAGGED),
    ("SAVE PARTIAL 70:80", []),
])
def test_3_1_save(box, options, expected):
    """The table of what "$" becomes."""
    box.ok(f"SEARCH RETURN ({options}) FLAGGED")
    assert found(box.ok("SEARCH $")) == expected


def test_5267_4_4_sorted(box):
    """In a SORT the places are those of the sorted list."""
    got = esearch(box.ok("SORT RETURN (PARTIAL 1:3) (SUBJECT) UTF-8 FLAGGED"))
    assert got == {"PARTIAL": ("1:3", [11, 9, 7])}
    got = esearch(box.ok("SORT RETURN (PARTIAL -1:-2) (SUBJECT) UTF-8 FLAGGED"))
    assert got == {"PARTIAL": ("-1:-2", [3, 1])}
    box.ok("SORT RETURN (SAVE PARTIAL 1:2) (SUBJECT) UTF-8 FLAGGED")
    assert found(box.ok("SEARCH $")) == [9, 11]


def test_3_1_tag_and_uid(box):
    box.send("p7 UID SEARCH RETURN (PARTIAL 1:1) ALL\r\n")
    assert esearches(box.wait("p7")) == [{"TAG": "p7", "UID": True, "PARTIAL": ("1:1", [2])}]


@pytest.mark.parametrize("span", [
    "", " 1", " 0:1", " 1:0", " -1:5", " 1:-5", " 1:*", " *:1", " -0:-1", " 1:2,4", " (1:2)", " +1:2", " 1:4294967296",
])
def test_4_syntax(box, span):
    assert box.cmd(f"SEARCH RETURN (PARTIAL{span}) ALL").status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session
