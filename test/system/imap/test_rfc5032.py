"""WITHIN: YOUNGER and OLDER (RFC 5032), and save dates (RFC 8514 section 4.3)."""
import time

import pytest
from answers import append, capabilities, found

HOUR = 3600


@pytest.fixture(scope="module")
def box(shared_server):
    """1: two hours old, 2: a day and a bit, 3: just come, 4: from tomorrow."""
    c = shared_server.login(shared_server.new_user())
    for age in (2 * HOUR, 25 * HOUR, 0, -24 * HOUR):
        when = time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(time.time() - age))
        assert append(c, "INBOX", b"Subject: a\r\n\r\n", when).status == "OK"
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_1_advertised(box):
    assert "WITHIN" in capabilities(box)


@pytest.mark.parametrize("keys,expected", [
    (f"YOUNGER {HOUR}", [3, 4]), (f"OLDER {HOUR}", [1, 2]), (f"YOUNGER {3 * HOUR}", [1, 3, 4]),
    (f"OLDER {3 * HOUR}", [2]), (f"YOUNGER {26 * HOUR}", [1, 2, 3, 4]), (f"OLDER {26 * HOUR}", []),
    ("YOUNGER 4294967295", [1, 2, 3, 4]), ("OLDER 4294967295", []),
    (f"NOT YOUNGER {HOUR}", [1, 2]), (f"OR OLDER {24 * HOUR} 3", [2, 3]),
    (f"YOUNGER {3 * HOUR} OLDER {HOUR}", [1]), (f"older {HOUR}", [1, 2]),
])
def test_3_keys(box, keys, expected):
    assert found(box.ok("SEARCH " + keys)) == expected


@pytest.mark.parametrize("keys", [
    "YOUNGER", "OLDER", "YOUNGER 0", "OLDER 0", "YOUNGER -5", "OLDER 1.5", "YOUNGER 4294967296", "OLDER x",
    "YOUNGER (5)", 'OLDER "5"',
])
def test_4_syntax(box, keys):
    """"within-search-key = ... SP nz-number" """
    assert box.cmd("SEARCH " + keys).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


def test_3_same_as_internal_date(box):
    """"older ... the server compares INTERNALDATE": it does not change by COPY."""
    box.ok("CREATE INBOX.copies")
    box.ok("COPY 1:4 INBOX.copies")
    box.ok("EXAMINE INBOX.copies")
    assert found(box.ok(f"SEARCH OLDER {HOUR}")) == [1, 2]
    box.ok("SELECT INBOX")


def day(seconds):
    return time.strftime("%d-%b-%Y", time.gmtime(time.time() + seconds))


@pytest.mark.parametrize("key,days,all_of_them", [
    ("SAVEDSINCE", -1, True), ("SAVEDBEFORE", 2, True), ("SAVEDBEFORE", -1, False), ("SAVEDSINCE", 2, False),
    ("SAVEDON", -3, False), ("SAVEDON", 5, False),
])
def test_8514_4_3_save_dates(box, key, days, all_of_them):
    """When the message came into this mailbox, whatever its internal date."""
    assert found(box.ok(f"SEARCH {key} {day(days * 24 * HOUR)}")) == ([1, 2, 3, 4] if all_of_them else [])


def test_8514_4_3_saved_on(box):
    reply = []
    for days in (-1, 0, 1):             # midnight may pass meanwhile
        reply += found(box.ok(f"SEARCH SAVEDON {day(days * 24 * HOUR)}"))
    assert reply == [1, 2, 3, 4]


def test_8514_4_3_supported(box):
    assert found(box.ok("SEARCH SAVEDATESUPPORTED")) == [1, 2, 3, 4]


@pytest.mark.parametrize("keys", ["SAVEDON", "SAVEDBEFORE x", "SAVEDSINCE 31-Feb-2000", "SAVEDATESUPPORTED 1-Jan-2000 x"])
def test_8514_4_3_syntax(box, keys):
    assert box.cmd("SEARCH " + keys).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session
