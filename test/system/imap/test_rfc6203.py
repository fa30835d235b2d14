"""SEARCH=FUZZY (RFC 6203); what is found is found exactly, for now."""
import pytest
from answers import append, capabilities, esearch, found, sorted_numbers


@pytest.fixture(scope="module")
def box(shared_server):
    c = shared_server.login(shared_server.new_user())
    for subject in (b"zebra", b"IMAP break", b"apple"):
        append(c, "INBOX", b"Subject: " + subject + b"\r\n\r\nbody of " + subject + b"\r\n")
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_3_advertised(box):
    assert "SEARCH=FUZZY" in capabilities(box)


@pytest.mark.parametrize("keys,expected", [
    ("FUZZY SUBJECT break", [2]), ('FUZZY (SUBJECT "IMAP break")', [2]), ("FUZZY ALL", [1, 2, 3]),
    ("FUZZY BODY body NOT FUZZY BODY zebra", [2, 3]), ("OR FUZZY SUBJECT zebra SUBJECT apple", [1, 3]),
    ("fuzzy not 1", [2, 3]), ("FUZZY FUZZY SUBJECT zebra", [1]), ("FUZZY 1:2", [1, 2]),
])
def test_3_keys(box, keys, expected):
    """"the FUZZY search key takes another search key as its argument" """
    assert found(box.ok("SEARCH " + keys)) == expected
    assert found(box.ok("UID SEARCH " + keys)) == expected


def test_4_relevancy(box):
    """"a relevancy score ... between 1 and 100 (inclusive)", one for each."""
    got = esearch(box.ok("SEARCH RETURN (RELEVANCY ALL) FUZZY BODY body"))
    assert got == {"RELEVANCY": [100, 100, 100], "ALL": [1, 2, 3]}
    assert esearch(box.ok("SEARCH RETURN (RELEVANCY ALL) FUZZY BODY nosuch")) == {}


def test_4_relevancy_needs_fuzzy(box):
    assert box.cmd("SEARCH RETURN (RELEVANCY ALL) BODY body").status == "BAD"


def test_5_sort(box):
    assert sorted_numbers(box.ok("SORT (RELEVANCY SUBJECT) UTF-8 FUZZY BODY body")) == [3, 2, 1]
    assert sorted_numbers(box.ok("SORT (RELEVANCY) UTF-8 FUZZY BODY body")) == [1, 2, 3]
    assert box.cmd("SORT (RELEVANCY) UTF-8 BODY body").status == "BAD"


@pytest.mark.parametrize("keys", ["FUZZY", "FUZZY ", "FUZZY NONSENSE", "FUZZY)", "FUZZY (", "FUZZYALL"])
def test_6_syntax(box, keys):
    assert box.cmd("SEARCH " + keys).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


def test_4_as_many_scores_as_messages(box):
    """Each of the messages that are told of has one."""
    for first, last, n in ((1, 2, 2), (2, 2, 1)):
        got = esearch(box.ok(f"SEARCH RETURN (PARTIAL {first}:{last} RELEVANCY) FUZZY ALL"))
        assert len(got["PARTIAL"][1]) == len(got["RELEVANCY"]) == n
    assert "RELEVANCY" not in esearch(box.ok("SEARCH RETURN (PARTIAL 90:99 RELEVANCY) FUZZY ALL"))
