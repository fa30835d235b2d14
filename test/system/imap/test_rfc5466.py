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
            ("self", "FILTER self"), ("ping", "NOT FILTER pong"), ("pong", "NOT FILTER ping"), ("broken", "FROM"),
            ("junk", "ALL)"), ("charset", "CHARSET x-none ALL"), ("numbers", "2:*"), ("Big", "ALL")]:
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


@pytest.mark.parametrize("name", ["nosuch", "self", "ping", "broken", "junk", "charset"])
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
