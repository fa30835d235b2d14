"""ESEARCH: what SEARCH is to return (RFC 4731; RFC 9051 section 6.4.4.1)."""
import pytest
from answers import append, capabilities, esearch, esearches, found

# Numbers 1..8 are UIDs 2..9; flagged are 2, 3, 5 and 8.
FLAGGED = [2, 3, 5, 8]


@pytest.fixture(scope="module")
def box(shared_server):
    c = shared_server.login(shared_server.new_user())
    append(c, "INBOX", b"Subject: gone\r\n\r\n", r"(\Deleted)")
    for n in range(1, 9):
        flags = r"(\Flagged)" if n in FLAGGED else "()"
        assert append(c, "INBOX", b"Subject: %d\r\n\r\nbody\r\n" % n, flags).status == "OK"
    c.ok("SELECT INBOX")
    c.ok("EXPUNGE")
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_4_advertised(box):
    assert "ESEARCH" in capabilities(box)


@pytest.mark.parametrize("options,data", [
    ("MIN", {"MIN": 2}), ("MAX", {"MAX": 8}), ("COUNT", {"COUNT": 4}), ("ALL", {"ALL": FLAGGED}),
    ("", {"ALL": FLAGGED}), ("MIN MAX", {"MIN": 2, "MAX": 8}), ("MIN COUNT", {"MIN": 2, "COUNT": 4}),
    ("min max count all", {"MIN": 2, "MAX": 8, "COUNT": 4, "ALL": FLAGGED}),
    ("ALL COUNT ALL", {"COUNT": 4, "ALL": FLAGGED}),
])
def test_3_1_options(box, options, data):
    assert esearch(box.ok(f"SEARCH RETURN ({options}) FLAGGED")) == data


@pytest.mark.parametrize("options,data", [
    ("MIN", {"MIN": 3}), ("MAX", {"MAX": 9}), ("ALL", {"ALL": [3, 4, 6, 9]}), ("COUNT", {"COUNT": 4}),
])
def test_3_1_uid(box, options, data):
    """"the UID SEARCH command ... ESEARCH response MUST ... UID indicator"."""
    reply = box.ok(f"UID SEARCH RETURN ({options}) FLAGGED")
    assert esearch(reply) == data
    assert esearches(reply)[0]["UID"] is True


@pytest.mark.parametrize("options,data", [
    ("MIN", {}), ("MAX", {}), ("ALL", {}), ("", {}), ("COUNT", {"COUNT": 0}), ("MIN MAX COUNT ALL", {"COUNT": 0}),
])
def test_3_1_nothing_found(box, options, data):
    """"If the SEARCH results in no matches, the server MUST NOT include the MIN
    result option in the ESEARCH response; however, it still MUST send the
    ESEARCH response." (the same for MAX and ALL)"""
    assert esearch(box.ok(f"SEARCH RETURN ({options}) DRAFT")) == data


def test_3_1_no_search_response(box):
    """"it MUST return the ESEARCH response instead of the SEARCH response"."""
    reply = box.ok("SEARCH RETURN (COUNT) ALL")
    assert not reply.all(rb"^SEARCH")
    assert found(box.ok("SEARCH FLAGGED")) == FLAGGED


def test_3_1_runs_become_ranges(box):
    assert box.ok("SEARCH RETURN (ALL) ALL").find(rb" ALL 1:8$")
    assert box.ok("UID SEARCH RETURN () NOT FLAGGED").find(rb" UID ALL 2,5,7:8$")


def test_3_2_tag(box):
    box.send("x.-9 SEARCH RETURN (MIN) ALL\r\n")
    assert esearches(box.wait("x.-9")) == [{"TAG": "x.-9", "UID": False, "MIN": 1}]


@pytest.mark.parametrize("options", ["MIN", "MAX", "MIN MAX", "COUNT", "ALL", "MIN COUNT"])
def test_3_2_modseq(box, options):
    """"If the client also specifies MIN or MAX only: the modseq of that message;
    ALL or COUNT: the highest of all"."""
    box.ok(r"STORE 5 +FLAGS (m5)")
    box.ok(r"STORE 3 +FLAGS (m3)")
    box.ok(r"STORE 2 +FLAGS (m2)")
    box.ok(r"STORE 8 +FLAGS (m8)")
    box.ok(r"STORE 3 +FLAGS (n3)")
    box.ok(r"STORE 8 +FLAGS (n8)")
    box.ok(r"STORE 5 +FLAGS (n5)")

    def modseq(n):
        return esearch(box.ok(f"SEARCH RETURN (ALL) {n} MODSEQ 1"))["MODSEQ"]
    expected = {"MIN": [2], "MAX": [8], "MIN MAX": [2, 8]}.get(options, FLAGGED)
    got = esearch(box.ok(f"SEARCH RETURN ({options}) FLAGGED MODSEQ 1"))
    assert got["MODSEQ"] == max(modseq(n) for n in expected)
    box.ok(r"STORE 1:* -FLAGS (m2 m3 m5 m8 n3 n8 n5)")


def test_3_2_modseq_of_nothing(box):
    assert esearch(box.ok("SEARCH RETURN (COUNT) DRAFT MODSEQ 1")) == {"COUNT": 0}
    assert box.ok("SEARCH DRAFT MODSEQ 1").untagged == [b"SEARCH"]


def test_7162_3_1_5_search_response(box):
    m = box.ok("SEARCH FLAGGED MODSEQ 1").find(rb"^SEARCH 2 3 5 8 \(MODSEQ (\d+)\)$")
    assert int(m.group(1)) > 1
    above = int(m.group(1)) + 1
    assert found(box.ok(f"SEARCH FLAGGED MODSEQ {above}")) == []
    assert box.ok(f'UID SEARCH MODSEQ "/flags/\\\\draft" all 1').find(rb"^SEARCH 2 3 .* \(MODSEQ \d+\)$")


@pytest.mark.parametrize("command", [
    "SEARCH RETURN ALL", "SEARCH RETURN (X) ALL", "SEARCH RETURN (MIN) ", "SEARCH RETURN (MIN)ALL",
    "SEARCH RETURN(MIN) ALL", "SEARCH RETURN (MIN,MAX) ALL", "SEARCH RETURN (MIN ) ALL", "SEARCH RETURN (MIN ALL",
    "SEARCH RETURN",
])
def test_5_syntax(box, command):
    assert box.cmd(command).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


def test_5_charset_comes_after(box):
    assert esearch(box.ok("SEARCH RETURN (COUNT) CHARSET UTF-8 SUBJECT ", "5".encode())) == {"COUNT": 1}
    assert box.cmd("SEARCH CHARSET UTF-8 RETURN (COUNT) ALL").status == "BAD"


def test_9051_always_esearch(shared_server):
    """RFC 9051 section 6.4.4: IMAP4rev2 has no SEARCH response."""
    c = shared_server.login(shared_server.new_user())
    append(c, "INBOX", b"Subject: a\r\n\r\n")
    c.ok("ENABLE IMAP4rev2")
    c.ok("SELECT INBOX")
    assert esearch(c.ok("SEARCH ALL")) == {"ALL": [1]}
    assert esearch(c.ok("UID SEARCH DRAFT")) == {}
