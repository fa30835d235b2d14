"""SAVEDATE (RFC 8514)."""
import datetime
import re

import pytest
from answers import append, fetched, fetches, found

OLD = '"17-Jul-1996 02:44:25 -0700"'
MESSAGE = b"Subject: x\r\n\r\ny"


def saved(contents):
    m = re.search(rb'SAVEDATE "([^"]*)"', contents)
    return datetime.datetime.strptime(m.group(1).decode().strip(), "%d-%b-%Y %H:%M:%S %z")


@pytest.fixture
def c(login):
    c = login()
    assert append(c, "INBOX", MESSAGE, OLD).status == "OK"
    c.ok("SELECT INBOX")
    return c


def is_now(when):
    return abs((when - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 600


def test_4_1_advertised(c):
    assert b"SAVEDATE" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_4_2_fetch(c):
    """The date and time the message was placed in this mailbox."""
    got = fetched(c.ok("FETCH 1 (INTERNALDATE SAVEDATE)"))
    assert b"17-Jul-1996 02:44:25 -0700" in got
    assert is_now(saved(got))


def test_4_2_alone_and_by_uid(c):
    assert is_now(saved(fetched(c.ok("FETCH 1 SAVEDATE"))))
    assert is_now(saved(fetched(c.ok("UID FETCH 1 (savedate)"))))


@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_3_copy_and_move_give_a_new_one(c, verb):
    """The save date is when the message came into that mailbox; INTERNALDATE
    stays."""
    c.ok("CREATE INBOX.b")
    c.ok(f"{verb} 1 INBOX.b")
    c.ok("SELECT INBOX.b")
    got = fetched(c.ok("FETCH 1 (INTERNALDATE SAVEDATE)"))
    assert b"17-Jul-1996 02:44:25 -0700" in got
    assert is_now(saved(got))


def test_3_flags_do_not_change_it(c):
    before = fetched(c.ok("FETCH 1 SAVEDATE"))
    c.ok("STORE 1 +FLAGS (\\Seen)")
    assert fetched(c.ok("FETCH 1 SAVEDATE")) == before


def days(c):
    """The day of the save date, and its neighbours."""
    day = saved(fetched(c.ok("FETCH 1 SAVEDATE")))
    return [(day + datetime.timedelta(days=n)).strftime("%d-%b-%Y").lstrip("0") for n in (-1, 0, 1)]


def test_4_3_savedon(c):
    y, t, m = days(c)
    assert [found(c.ok(f"SEARCH SAVEDON {d}")) for d in (y, t, m)] == [[], [1], []]


def test_4_3_savedbefore(c):
    y, t, m = days(c)
    assert [found(c.ok(f"SEARCH SAVEDBEFORE {d}")) for d in (y, t, m)] == [[], [], [1]]


def test_4_3_savedsince(c):
    y, t, m = days(c)
    assert [found(c.ok(f"SEARCH SAVEDSINCE {d}")) for d in (y, t, m)] == [[1], [1], []]


def test_4_3_not_the_internal_date(c):
    assert found(c.ok("SEARCH SAVEDBEFORE 1-Jan-2000")) == []
    assert found(c.ok("SEARCH BEFORE 1-Jan-2000")) == [1]


def test_4_3_savedatesupported(c):
    """... matches every message in the mailbox, since all have one."""
    assert found(c.ok("SEARCH SAVEDATESUPPORTED")) == [1]
    assert found(c.ok("SEARCH NOT SAVEDATESUPPORTED")) == []


@pytest.mark.parametrize("key", ["SAVEDON", "SAVEDON x", "SAVEDBEFORE 31-Feb-2020", "SAVEDSINCE (1)"])
def test_5_grammar(c, key):
    assert c.cmd(f"SEARCH {key}").status == "BAD"


def test_5_grammar_fetch(c):
    assert c.cmd("FETCH 1 SAVEDATE[]").status == "BAD"
    assert list(fetches(c.ok("FETCH 1 (SAVEDATE SAVEDATE)"))) == [1]
