"""SORT=DISPLAY: by the names that are shown (RFC 5957)."""
import pytest
from answers import append, capabilities, sorted_numbers

FROM = [
    "Zoe <anna@x>",                               # Zoe
    "carl@x",                                     # carl@x
    "=?utf-8?q?=C3=84nne?= <bert@x>",             # Änne
    "",                                           # no address: first
    "\"A (quoted) name\" <Zed@x>",                # A (quoted) name
    "Friends: bob@y, al@y;",                      # Friends
    "dora@y (Dora the old way)",                  # Dora the old way
    "=?iso-8859-1?q?Bj=F6rn?=\r\n =?utf-8?q?_L?= <a@x>, Aaa <aaa@x>",      # Björn L
    "<carl@w>",                                   # carl@w
]
ORDER = [4, 5, 3, 8, 9, 2, 7, 6, 1]


@pytest.fixture(scope="module")
def box(shared_server):
    c = shared_server.login(shared_server.new_user())
    for f in FROM:
        lines = f"From: {f}\r\nTo: {f}\r\n" if f else "Subject: x\r\n"
        append(c, "INBOX", lines.encode() + b"\r\n\r\n")
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_1_advertised(box):
    assert "SORT=DISPLAY" in capabilities(box)


@pytest.mark.parametrize("key", ["DISPLAYFROM", "DISPLAYTO", "displayfrom"])
def test_3_order(box, key):
    """"the display-name, decoded; or else mailbox@host"; an absent field is the
    empty string and comes first."""
    assert sorted_numbers(box.ok(f"SORT ({key}) UTF-8 ALL")) == ORDER


def test_3_reverse(box):
    assert sorted_numbers(box.ok("SORT (REVERSE DISPLAYFROM) UTF-8 ALL")) == ORDER[::-1]


def test_3_with_others(box):
    assert sorted_numbers(box.ok("SORT (DISPLAYFROM ARRIVAL) UTF-8 1:3")) == [3, 2, 1]
    assert sorted_numbers(box.ok("UID SORT (DISPLAYTO) UTF-8 1:3")) == [3, 2, 1]


@pytest.mark.parametrize("key", ["DISPLAY", "DISPLAYCC", "DISPLAY-FROM", "REVERSE DISPLAYBCC"])
def test_4_syntax(box, key):
    assert box.cmd(f"SORT ({key}) UTF-8 ALL").status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session
