"""I18NLEVEL=2: comparators (RFC 5255 section 4)."""
import pytest
from answers import append, capabilities, found, sorted_numbers

SUBJECTS = ["Müller", "MÜLLER", "muller", "_x", "Zeta", "alpha", "Ärger"]


@pytest.fixture
def box(login):
    c = login()
    for s in SUBJECTS:
        append(c, "INBOX", f"Subject: {s}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nBody {s}\r\n".encode())
    c.ok("SELECT INBOX")
    return c


def active(reply):
    return reply.find(rb'^COMPARATOR "([^"]*)"').group(1).decode()


def names(reply):
    m = reply.find(rb'^COMPARATOR "[^"]*" \((.*)\)$')
    return m.group(1).decode().replace('"', "").split() if m else []


def subject(c, text):
    return found(c.ok("SEARCH CHARSET UTF-8 SUBJECT ", text.encode()))


def test_4_4_advertised(box):
    """"... MUST list the keyword I18NLEVEL=2 ... once IMAP enters the
    authenticated state"; and not =1 beside it."""
    caps = capabilities(box)
    assert "I18NLEVEL=2" in caps and "I18NLEVEL=1" not in caps


def test_4_3_default(box):
    """"MUST use the i;unicode-casemap comparator as the default" """
    assert active(box.ok("COMPARATOR")) == "i;unicode-casemap"
    assert names(box.ok("COMPARATOR")) == []


@pytest.mark.parametrize("arguments,name,others", [
    ("i;octet", "i;octet", []), ('"i;ascii-casemap"', "i;ascii-casemap", []), ("DEFAULT", "i;unicode-casemap", []),
    ('"*"', "i;unicode-casemap", ["i;unicode-casemap", "i;ascii-casemap", "i;octet"]),
    ('"cz;*" "i;*-casemap"', "i;unicode-casemap", ["i;unicode-casemap", "i;ascii-casemap"]),
    ("i;octet default", "i;octet", ["i;unicode-casemap", "i;octet"]),
    ("i;nosuch I;OCTET", "i;octet", []),
])
def test_4_7_choice(box, arguments, name, others):
    """"If more than one installed comparator is matched by an argument, the first
    argument wins"; the list is there "if more than one matches"."""
    r = box.ok("COMPARATOR " + arguments)
    assert active(r) == name and sorted(names(r)) == sorted(others)
    assert active(box.ok("COMPARATOR")) == name


def test_4_9_badcomparator(box):
    box.ok("COMPARATOR i;octet")
    r = box.cmd("COMPARATOR cz;nosuch")
    assert r.status == "NO" and r.code == "BADCOMPARATOR"
    assert active(box.ok("COMPARATOR")) == "i;octet"


def test_4_7_states(server, login):
    c = server.connect()
    assert c.cmd("COMPARATOR").status == "BAD"
    c = login()
    c.ok("COMPARATOR i;octet")
    c.ok("SELECT INBOX")
    assert active(c.ok("COMPARATOR")) == "i;octet"


@pytest.mark.parametrize("command", ["COMPARATOR ", "COMPARATOR  i;octet", "COMPARATOR (i;octet)", "UID COMPARATOR"])
def test_4_10_syntax(box, command):
    assert box.cmd(command).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


@pytest.mark.parametrize("comparator,text,expected", [
    ("default", "müller", [1, 2]), ("default", "MULLER", [3]), ("default", "mu\u0308ller", [1, 2]),
    ("i;ascii-casemap", "müller", [1]), ("i;ascii-casemap", "MüLLER", [1]), ("i;ascii-casemap", "Muller", [3]),
    ("i;octet", "müller", []), ("i;octet", "Müller", [1]), ("i;octet", "MÜLLER", [2]), ("i;octet", "ALPHA", []),
])
def test_4_6_search(box, comparator, text, expected):
    box.ok("COMPARATOR " + comparator)
    assert subject(box, text) == expected
    assert found(box.ok("SEARCH CHARSET UTF-8 BODY ", ("ody " + text).encode())) == expected
    assert found(box.ok("SEARCH CHARSET UTF-8 HEADER Subject ", text.encode())) == expected
    assert found(box.ok("SEARCH CHARSET UTF-8 TEXT ", text.encode())) == expected


@pytest.mark.parametrize("comparator,expected", [
    # titlecase, decomposed: A A+" M+u M+u" Z _
    ("default", ["alpha", "Ärger", "muller", "Müller", "MÜLLER", "Zeta", "_x"]),
    ("i;ascii-casemap", ["alpha", "muller", "MÜLLER", "Müller", "Zeta", "_x", "Ärger"]),
    ("i;octet", ["MÜLLER", "Müller", "Zeta", "_x", "alpha", "muller", "Ärger"]),
])
def test_4_2_sort(box, comparator, expected):
    """"the active comparator applies to the following SORT keys" """
    box.ok("COMPARATOR " + comparator)
    got = [SUBJECTS[n - 1] for n in sorted_numbers(box.ok("SORT (SUBJECT) UTF-8 ALL"))]
    assert got == expected


@pytest.mark.parametrize("comparator,count", [("default", 6), ("i;ascii-casemap", 7), ("i;octet", 7)])
def test_4_2_thread(box, comparator, count):
    """"... to the ORDEREDSUBJECT threading algorithm" """
    box.ok("COMPARATOR " + comparator)
    line = box.ok("THREAD ORDEREDSUBJECT UTF-8 ALL").find(rb"^THREAD (.*)").group(1)
    assert line.count(b"(") == count


def test_4_2_utf8_charset(box):
    """"MUST support UTF-8 as a SEARCH charset" """
    assert subject(box, "ärger") == [7]


@pytest.mark.parametrize("arguments, name", [("+i;octet", "i;octet"), ('"+i;ascii*"', "i;ascii-casemap"), ("+default", "i;unicode-casemap")])
def test_4_7_ordering_direction(box, arguments, name):
    """comp-order-quoted is RFC 4790's collation-order: "+" has no effect."""
    box.ok(f"COMPARATOR {arguments}")
    assert active(box.ok("COMPARATOR")) == name
    assert box.cmd("COMPARATOR -i;octet").code == "BADCOMPARATOR"
    assert active(box.ok("COMPARATOR")) == name
