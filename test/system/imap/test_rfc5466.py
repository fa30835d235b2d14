"""FILTERS: searches by name (RFC 5466)."""
import pytest
from chapar import ADMIN
from answers import append, capabilities, esearch, esearches, found, sorted_numbers


def keep(c, name, program, where="private"):
    literal = program.encode()
    return c.cmd(f'SETMETADATA "" (/{where}/filters/values/{name} {{{len(literal)}+}}\r\n'.encode() + literal + b")")


@pytest.fixture(scope="module")
def box(shared_server):
    """1 from ann, flagged; 2 from bob; 3 from Jörg, seen."""
    c = shared_server.login(shared_server.new_user())
    append(c, "INBOX", b"From: ann@x\r\nSubject: c\r\n\r\n", r"(\Flagged)")
    append(c, "INBOX", b"From: bob@x\r\nSubject: b\r\n\r\n")
    append(c, "INBOX", "From: Jörg <j@x>\r\nSubject: a\r\n\r\n".encode(), r"(\Seen)")
    for name, program in [
            ("ann", "FROM ann"), ("two", "OR FROM ann FROM bob"), ("many", "FROM x UNSEEN"), ("joerg", 'FROM "Jörg"'),
            ("latin", "CHARSET UTF-8 FROM {5}\r\nJörg"), ("nested", "NOT FILTER ann"), ("deep", "FILTER nested FILTER two"),
            ("self", "FILTER self"), ("ping", "NOT FILTER pong"), ("pong", "NOT FILTER ping"), ("numbers", "2:*"), ("Big", "ALL")]:
        assert keep(c, name, program).status == "OK", name
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_1_advertised(box):
    assert "FILTERS" in capabilities(box)


@pytest.mark.parametrize("keys,expected", [
    ("FILTER ann", [1]), ("filter ANN", [1]), ("FILTER two", [1, 2]), ("NOT FILTER ann", [2, 3]),
    ("FILTER many", [1, 2]), ("FILTER joerg", [3]), ("FILTER latin", [3]), ("FILTER two FLAGGED", [1]),
    ("OR FILTER ann FILTER joerg", [1, 3]), ("(FILTER two) 2", [2]), ("FUZZY FILTER ann", [1]),
    ("FILTER numbers", [2, 3]), ("FILTER big", [1, 2, 3]),
])
def test_3_1_key(box, keys, expected):
    """"the FILTER criterion ... references the filter by name"."""
    assert found(box.ok("SEARCH " + keys)) == expected
    assert found(box.ok("UID SEARCH " + keys)) == expected


@pytest.mark.parametrize("keys,expected", [("FILTER nested", [2, 3]), ("FILTER deep", [2])])
def test_3_1_nested(box, keys, expected):
    assert found(box.ok("SEARCH " + keys)) == expected


@pytest.mark.parametrize("name", ["nosuch", "self", "ping"])
def test_3_1_undefined(box, name):
    """"... tagged NO response with the UNDEFINED-FILTER response code" """
    r = box.cmd(f"SEARCH FILTER {name}")
    assert r.status == "NO" and r.code.startswith("UNDEFINED-FILTER ")
    box.ok("NOOP")


def test_3_1_everywhere(box):
    assert sorted_numbers(box.ok("SORT (SUBJECT) UTF-8 FILTER two")) == [2, 1]
    assert box.ok("THREAD ORDEREDSUBJECT UTF-8 FILTER ann").untagged == [b"THREAD (1)"]
    assert esearch(box.ok("SEARCH RETURN (COUNT) FILTER two")) == {"COUNT": 2}
    assert esearches(box.ok("ESEARCH IN (inboxes) FILTER two"))[0]["ALL"] == [1, 2]
    assert box.cmd("ESEARCH IN (inboxes) FILTER numbers").status == "BAD"
    assert box.cmd("SORT (SUBJECT) UTF-8 FILTER nosuch").status == "NO"
    assert box.cmd("THREAD REFS UTF-8 FILTER nosuch").status == "NO"


def test_3_1_in_a_context(box):
    box.send("f1 UID SEARCH RETURN (UPDATE) FILTER ann UNDELETED\r\n")
    assert esearches(box.wait("f1"))[0]["ALL"] == [1]
    assert esearches(box.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")) == [
        {"TAG": "f1", "UID": True, "UPDATES": [("REMOVEFROM", [(0, [1])])]}]
    box.ok(r"STORE 1 -FLAGS.SILENT (\Deleted)")
    box.ok('CANCELUPDATE "f1"')


def test_3_1_changed(box):
    keep(box, "ann", "FROM bob")
    assert found(box.ok("SEARCH FILTER ann")) == [2]
    keep(box, "ann", "FROM ann")
    assert found(box.ok("SEARCH FILTER ann")) == [1]


def test_3_1_own_and_shared(server):
    """"/private/filters ... takes precedence over /shared/filters"; a user's own
    are nobody else's."""
    admin, c = server.login(ADMIN), server.login(server.new_user())
    append(c, "INBOX", b"From: ann@x\r\n\r\n")
    append(c, "INBOX", b"From: bob@x\r\n\r\n")
    c.ok("SELECT INBOX")
    name = f"s{server.new_user()}"
    assert keep(admin, name, "FROM ann", "shared").status == "OK"
    assert found(c.ok(f"SEARCH FILTER {name}")) == [1]
    assert keep(c, name, "FROM bob").status == "OK"
    assert found(c.ok(f"SEARCH FILTER {name}")) == [2]
    other = server.login(server.new_user())
    other.ok("SELECT INBOX")
    assert other.cmd("SEARCH FILTER ann").status == "NO"


@pytest.mark.parametrize("keys", ["FILTER", "FILTER ", 'FILTER "ann"', "FILTER a/b", "FILTER (ann)"])
def test_4_syntax(box, keys):
    assert box.cmd("SEARCH " + keys).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


@pytest.mark.parametrize("program", ["", "FROM", "ALL)", "OR SMALLER 5000", "CHARSET x-none ALL", "ALL ", "nonsense", "(ALL",
                                     "RETURN () ALL", "FILTER a/b"])
@pytest.mark.parametrize("where", ["private", "PRIVATE"])
def test_3_2_only_search_programs(box, where, program):
    """"The server SHOULD verify that each search criterion stored in such a server
    entry is a full and correct search criterion"."""
    assert keep(box, "wrong", program, where).status == "NO"
    assert box.cmd("SEARCH FILTER wrong").code == "UNDEFINED-FILTER wrong"
    # elsewhere the same words are just a note
    assert box.ok(f'SETMETADATA "" (/private/filters/descriptions/wrong "x{program}")')
    assert box.ok(f'SETMETADATA INBOX (/private/filters/values/wrong "x{program}")')


def test_3_2_one_wrong_none_set(box):
    r = box.cmd('SETMETADATA "" (/private/filters/values/right "ALL" /private/filters/values/wrong "FROM")')
    assert r.status == "NO"
    assert box.cmd("SEARCH FILTER right").code == "UNDEFINED-FILTER right"


def test_3_2_nil_removes(box):
    keep(box, "gone", "ALL")
    box.ok('SETMETADATA "" (/private/filters/values/gone NIL)')
    assert box.cmd("SEARCH FILTER gone").code == "UNDEFINED-FILTER gone"


@pytest.mark.parametrize("command", [
    "SEARCH CHARSET ISO-8859-1 FILTER ann", "SEARCH CHARSET x-none FILTER ann", "SEARCH CHARSET ISO-8859-1 NOT (ALL FILTER ann)",
    "SEARCH RETURN (SAVE) CHARSET KOI8-R FILTER ann", "SORT (SUBJECT) ISO-8859-1 FILTER ann",
    "THREAD REFS ISO-8859-1 FILTER ann", "UID SEARCH CHARSET ISO-8859-1 OR FILTER ann ALL",
    "ESEARCH IN (inboxes) CHARSET ISO-8859-1 FILTER ann"])
def test_3_1_other_charsets(box, command):
    """"If the SEARCH/UID SEARCH command includes the explicit CHARSET parameter with
    the value other than "UTF-8" or "US-ASCII", then such command MUST result in the
    tagged BAD response ... MUST contain the BADCHARSET response code"."""
    box.ok("SEARCH RETURN (SAVE) 2")
    r = box.cmd(command)
    assert (r.status, r.code) == ("BAD", "BADCHARSET")
    assert found(box.ok("SEARCH $")) == [2]


@pytest.mark.parametrize("charset", ["UTF-8", "utf-8", "US-ASCII", '"us-ascii"'])
def test_3_1_the_charsets_that_may_be(box, charset):
    assert found(box.ok(f"SEARCH CHARSET {charset} FILTER ann")) == [1]
    assert sorted_numbers(box.ok(f"SORT (SUBJECT) {charset} FILTER two")) == [2, 1]
