"""UIDBATCHES (RFC 10022): a mailbox in parts of so many messages each."""
import pytest
from answers import found

MESSAGE = b"Subject: x\r\n\r\n"
LAST = 1350


def fill(c, n, mailbox="INBOX"):
    """N messages more, in one command."""
    one = b"{%d+}\r\n%s" % (len(MESSAGE), MESSAGE)
    c.send(b"fill APPEND %s %s\r\n" % (mailbox.encode(), b" ".join([one] * n)))
    assert c.wait("fill").status == "OK"


def batches(reply, tag=None):
    """The ranges of the UIDBATCHES response: [(high, low), ...]"""
    m = reply.find(rb'^UIDBATCHES \(TAG "([^"]+)"\)(?: (.*))?$')
    assert len(reply.all(rb"^UIDBATCHES")) == 1
    if tag is not None:
        assert m[1] == tag
    return [tuple(map(int, r.split(b":"))) for r in (m[2] or b"").split(b",") if r]


@pytest.fixture(scope="module")
def big(shared_server):
    """A user whose INBOX has UIDs 7 to 599 and 700 to 1350."""
    user = shared_server.new_user()
    c = shared_server.login(user)
    fill(c, LAST)
    c.ok("SELECT INBOX")
    c.ok(r"UID STORE 1:6,600:699 +FLAGS.SILENT (\Deleted)")
    c.ok("CLOSE")
    return user


@pytest.fixture
def c(server, big):
    c = server.login(big)
    c.ok("SELECT INBOX")
    return c


def sizes(c, ranges):
    """How many messages are in each."""
    uids = found(c.ok("UID SEARCH ALL"))
    return [sum(low <= u <= high for u in uids) for high, low in ranges]


def test_3_capability(c):
    assert b"UIDBATCHES" in c.ok("CAPABILITY").untagged[0].split()


@pytest.mark.parametrize("size, expected", [
    (500, [500, 500, 244]), (622, [622, 622]), (621, [621, 621, 2]), (1243, [1243, 1]), (1244, [1244]),
    (1000, [1000, 244]), (5000, [1244]), (4294967295, [1244])])
def test_3_1_sizes(c, size, expected):
    """ "Batch 1: M:(M-N+1) ... Batch 2 ..."; "MUST NOT return ranges that contain
    more"; "equals or exceeds the total number ...: a single UID range" """
    got = batches(c.ok(f"UIDBATCHES {size}"))
    assert sizes(c, got) == expected


def test_3_1_2_descending_and_whole(c):
    """ "MUST be ordered in descending sequence"; 3.1.4: the last ends with UID 1."""
    got = batches(c.ok("UIDBATCHES 500"))
    flat = [n for r in got for n in r]
    assert flat == sorted(flat, reverse=True)
    assert got[0][0] == LAST and got[-1][1] == 1
    assert all(a[1] == b[0] + 1 for a, b in zip(got, got[1:]))


def test_3_1_2_tag(c):
    c.send(b"A143.x UIDBATCHES 1000\r\n")
    assert batches(c.wait("A143.x"), b"A143.x")


@pytest.mark.parametrize("size", ["1", "499"])
def test_3_1_3_2_toofew(c, size):
    r = c.cmd(f"UIDBATCHES {size}")
    assert r.status == "NO" and r.code == "TOOFEW" and not r.untagged
    assert c.cmd(f"UIDBATCHES {size} 1:2").code == "TOOFEW"


@pytest.mark.parametrize("span, places", [
    ("1:1", slice(0, 1)), ("1:2", slice(0, 2)), ("2:3", slice(1, 3)), ("3:3", slice(2, 3)), ("1:3", slice(0, 3)),
    ("2:5", slice(1, 3)), ("3:4294967295", slice(2, 3)), ("4:4", slice(0, 0)), ("6:8", slice(0, 0)),
    ("4294967295:4294967295", slice(0, 0))])
def test_3_1_5_range(c, server, big, span, places):
    """What exists of the batches that are asked for; 3.1.6: an empty response."""
    whole = batches(c.ok("UIDBATCHES 500"))
    other = server.login(big)
    other.ok("EXAMINE INBOX")
    assert batches(other.ok(f"UIDBATCHES 500 {span}")) == whole[places]


@pytest.mark.parametrize("span", ["4:1", "2:1", "4294967295:1"])
def test_3_1_5_wrong_order(c, span):
    r = c.cmd(f"UIDBATCHES 2000 {span}")
    assert r.status == "BAD" and r.code == "CLIENTBUG" and not r.untagged


def test_3_1_5_many(c):
    """ "MAY reject": batches cost nothing, so all are told that there are."""
    assert len(batches(c.ok("UIDBATCHES 500 1:8589934"))) == 3


def test_3_1_6_empty_mailbox(login):
    c = login()
    c.ok("SELECT INBOX")
    for _ in range(3):
        assert batches(c.ok("UIDBATCHES 2000")) == []
        assert batches(c.ok("UIDBATCHES 500 1:4")) == []


def test_3_1_4_one_message(login):
    c = login()
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")
    assert batches(c.ok("UIDBATCHES 500")) == [(1, 1)]


# --- 3.1.1, 6: who may ask again ---

REPEATS = 10


def again_and_again(c, command="UIDBATCHES 500"):
    """As often as it is answered."""
    for _ in range(REPEATS):
        c.ok(command)


def test_3_1_1_not_again(c):
    """ "The server SHOULD reject UIDBATCHES commands with a NO response with the
    LIMIT response code" """
    c.ok("UIDBATCHES 500")
    again_and_again(c)
    for again in ("UIDBATCHES 500", "UIDBATCHES 500 1:1", "UIDBATCHES 500 2:9"):
        r = c.cmd(again)
        assert r.status == "NO" and r.code == "LIMIT" and not r.untagged


def test_3_1_1_the_next_ones(c):
    """ "1:100, 100:200, and 200:300" are no repetition."""
    assert len(batches(c.ok("UIDBATCHES 500 1:1"))) == 1
    assert len(batches(c.ok("UIDBATCHES 500 1:2"))) == 2
    assert len(batches(c.ok("UIDBATCHES 500 2:3"))) == 2
    again_and_again(c, "UIDBATCHES 500 1:2")
    assert c.cmd("UIDBATCHES 500 1:3").code == "LIMIT"
    assert batches(c.ok("UIDBATCHES 500 4:5")) == []


def test_6_many_sizes(c):
    """Nobody finds out about single messages by asking for 500, 501, 502 ..."""
    answers = [c.cmd(f"UIDBATCHES {500 + i}") for i in range(9)]
    assert [r.status for r in answers] == ["OK"] * 4 + ["NO"] * 5
    assert {r.code for r in answers[4:]} == {"LIMIT"}


def test_3_1_1_selected_again(c):
    c.ok("UIDBATCHES 500")
    c.ok("SELECT INBOX")
    c.ok("UIDBATCHES 500")


def test_3_1_1_what_was_refused_does_not_count(c):
    assert c.cmd("UIDBATCHES 100").code == "TOOFEW"
    assert c.cmd("UIDBATCHES 500 2:1").code == "CLIENTBUG"
    c.ok("UIDBATCHES 500")


def test_3_1_1_new_messages(login):
    """ "Once N/2 or more new messages have been added" """
    c = login()
    fill(c, 3)
    c.ok("SELECT INBOX")
    assert batches(c.ok("UIDBATCHES 500")) == [(3, 1)]
    again_and_again(c)
    fill(c, 249)
    assert c.cmd("UIDBATCHES 500").code == "LIMIT"
    fill(c, 1)
    assert batches(c.ok("UIDBATCHES 500")) == [(253, 1)]
    again_and_again(c)
    assert c.cmd("UIDBATCHES 500").code == "LIMIT"


def test_3_1_1_expunged_messages(login):
    """ "More than N/2 messages have been expunged" """
    c = login()
    fill(c, 1002)
    c.ok("SELECT INBOX")
    assert batches(c.ok("UIDBATCHES 501")) == [(1002, 502), (501, 1)]
    again_and_again(c, "UIDBATCHES 501")
    c.ok(r"UID STORE 1,3:251 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    assert c.cmd("UIDBATCHES 501").code == "LIMIT"
    c.ok(r"UID STORE 1000 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    assert batches(c.ok("UIDBATCHES 501")) == [(1002, 501), (500, 1)]


def test_3_1_3_3_3_what_another_expunged(login):
    """The batches are of the mailbox as this session knows it, the EXPUNGEs come
    behind, and a batch only gets smaller."""
    c, other = login(), login()
    fill(c, 600)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    other.ok(r"STORE 600,5 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    fill(other, 1)
    r = c.ok("UIDBATCHES 500")
    assert batches(r) == [(600, 101), (100, 1)]
    assert r.untagged.index(b"5 EXPUNGE") > 0 and b"599 EXISTS" in r.untagged


# --- 3.3, 3.4 and the grammar ---

def test_3_3_uidonly(server, big):
    c = server.login(big)
    c.ok("ENABLE UIDONLY")
    c.ok("SELECT INBOX")
    assert len(batches(c.ok("UIDBATCHES 500"))) == 3
    high, low = batches(c.ok("UIDBATCHES 1000 2:2"))[0]
    assert len(c.ok(f"UID FETCH {high}:{low} (FLAGS)").all(rb"UIDFETCH")) == 244


def test_3_4_searchres(c):
    """ "MUST NOT store the result of UIDBATCHES in the $ variable" """
    c.ok("UID SEARCH RETURN (SAVE) UID 8:9")
    c.ok("UIDBATCHES 500")
    assert found(c.ok("UID SEARCH $")) == [8, 9]


@pytest.mark.parametrize("command", [
    "UIDBATCHES", "UIDBATCHES ", "UIDBATCHES 0", "UIDBATCHES x", "UIDBATCHES 4294967296", "UIDBATCHES 2000 ",
    "UIDBATCHES 2000 1", "UIDBATCHES 2000 1:", "UIDBATCHES 2000 :2", "UIDBATCHES 2000 0:1", "UIDBATCHES 2000 1:*",
    "UIDBATCHES 2000 1,2", "UIDBATCHES 2000 1:2:3", "UIDBATCHES 2000 1:2 3", "UIDBATCHES 2000 (1:2)",
    "UIDBATCHES 500:600", "UID UIDBATCHES 2000", "UIDBATCHES 2000 1:4294967296", "UIDBATCHES  2000"])
def test_4_syntax(c, command):
    r = c.cmd(command)
    assert r.status == "BAD" and not r.untagged


def test_4_any_case(c):
    assert batches(c.ok("uidBatches 1000 1:1"))


def test_4_only_selected(login):
    c = login()
    assert c.cmd("UIDBATCHES 2000").status == "BAD"


def test_examined(server, big):
    c = server.login(big)
    c.ok("EXAMINE INBOX")
    assert len(batches(c.ok("UIDBATCHES 500"))) == 3


def test_random_mailboxes(login):
    """Whatever there is, each message is in just one range, and no range has too many."""
    import random
    rng = random.Random(10022)
    c = login()
    fill(c, 1600)
    c.ok("SELECT INBOX")
    for _ in range(4):
        gone = sorted(rng.sample(range(1, 1601), rng.choice([3, 80, 251, 300])))
        c.ok(r"UID STORE %s +FLAGS.SILENT (\Deleted)" % ",".join(map(str, gone)))
        c.ok("EXPUNGE")
        c.ok("SELECT INBOX")
        uids = found(c.ok("UID SEARCH ALL"))
        for size in rng.sample(range(500, len(uids) + 2), 2):
            got = sizes(c, batches(c.ok(f"UIDBATCHES {size}")))
            assert sum(got) == len(uids)
            assert got[:-1] == [size] * (len(got) - 1) and 0 < got[-1] <= size


def test_strict_grammar():
    from imap_strict import NotInGrammar, Strict
    for good in (b'* UIDBATCHES (TAG "a")', b'* UIDBATCHES (TAG "a") 1:1', b'* UIDBATCHES (TAG "a") 9:6,5:1'):
        Strict().check(good)
    for bad in (b'* UIDBATCHES', b'* UIDBATCHES (TAG "a") ', b'* UIDBATCHES (TAG "a") 1', b'* UIDBATCHES (TAG "a") 1:2',
                b'* UIDBATCHES (TAG "a") 9:6,6:1', b'* UIDBATCHES (TAG "a") 9:6 5:1', b'* UIDBATCHES (TAG "a") 9:0',
                b'* UIDBATCHES 9:6'):
        with pytest.raises(NotInGrammar):
            Strict().check(bad)
