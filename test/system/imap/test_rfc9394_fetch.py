"""PARTIAL in UID FETCH (RFC 9394 section 3.3)."""
import re

import pytest

MESSAGE = b"From: a@example.org\r\nSubject: %d\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def c(shared_server):
    """INBOX with UIDs 1, 3, 5, ... 19."""
    c = shared_server.login(shared_server.new_user())
    for i in range(1, 20):
        c.ok("APPEND INBOX ", MESSAGE % i)
    c.ok("SELECT INBOX")
    c.ok(r"UID STORE 2,4,6,8,10,12,14,16,18 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    return c


def uids(reply):
    return [int(m[1]) for m in reply.all(rb"FETCH \(UID (\d+)")]


ALL = list(range(1, 20, 2))


@pytest.mark.parametrize("uid_set, partial, found", [
    ("1:*", "1:3", ALL[:3]), ("1:*", "3:1", ALL[:3]), ("1:*", "2:2", [3]), ("1:*", "9:99", ALL[8:]),
    ("1:*", "11:12", []), ("1:*", "-1:-3", ALL[-3:]), ("1:*", "-3:-1", ALL[-3:]),
    ("1:*", "-1:-1", [19]), ("1:*", "-9:-99", ALL[:2]), ("1:*", "-11:-12", []),
    ("1:*", "1:4294967295", ALL), ("1:*", "-1:-4294967295", ALL), ("1:*", "-10:-10", [1]),
    ("3:9", "1:2", [3, 5]), ("3:9", "-1:-2", [7, 9]), ("1,5:7,13:19", "2:5", [5, 7, 13, 15]),
    ("1,5:7,13:19", "-2:-5", [7, 13, 15, 17]), ("13:19,1,5:7", "1:1", [1]), ("100:200", "1:5", [19]),
    ("2,4", "1:5", [])])
def test_3_3_places(c, uid_set, partial, found):
    if uid_set == "100:200":
        found = []
    assert uids(c.ok(f"UID FETCH {uid_set} (UID) (PARTIAL {partial})")) == found


@pytest.mark.parametrize("order", ["PARTIAL -1:-3 CHANGEDSINCE %d", "CHANGEDSINCE %d PARTIAL -1:-3"])
def test_3_4_with_changedsince(c, order):
    """"first select the last ... messages and then only return flag changes" """
    top = max(int(m[1]) for m in c.ok("UID FETCH 1:* (MODSEQ)").all(rb"MODSEQ \((\d+)\)"))
    c.ok(r"UID STORE 1,13,17 +FLAGS (\Flagged)")
    assert uids(c.ok(f"UID FETCH 1:* (UID FLAGS) ({order % top})")) == [17]
    c.ok(r"UID STORE 1,13,17 -FLAGS (\Flagged)")


def test_3_3_sets_seen_only_there(c):
    c.ok("UID FETCH 1:* (UID BODY[TEXT]) (PARTIAL 2:3)")
    assert c.ok("UID SEARCH SEEN").find(rb"^SEARCH 3 5")
    c.ok(r"UID STORE 1:* -FLAGS.SILENT (\Seen)")


@pytest.mark.parametrize("modifier", ["PARTIAL", "PARTIAL 1", "PARTIAL 0:1", "PARTIAL 1:-1",
                                      "PARTIAL -1:1", "PARTIAL 1:*", "PARTIAL 1:2 PARTIAL 3:4",
                                      "PARTIAL (1:2)", "PARTIAL 1:4294967296"])
def test_4_syntax(c, modifier):
    assert c.cmd(f"UID FETCH 1:* (UID) ({modifier})").status == "BAD"


def test_3_3_not_without_uid(c):
    assert c.cmd("FETCH 1:* (UID) (PARTIAL 1:2)").status == "BAD"


def test_1_capability(c):
    assert re.search(rb" PARTIAL( |$)", c.ok("CAPABILITY").untagged[0])
