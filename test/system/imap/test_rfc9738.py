"""MESSAGELIMIT and SAVELIMIT (RFC 9738): so many messages in one command, not more."""
import re

import pytest
from answers import esearch, esearches, fetches, found

LIMIT = 10
MESSAGE = b"Subject: %d\r\nFrom: a@example.org\r\n\r\nbody\r\n"


@pytest.fixture(scope="module")
def srv(module_server):
    return module_server({"messagelimit": LIMIT})


@pytest.fixture(scope="module")
def saving(module_server):
    return module_server({"savelimit": LIMIT})


def fill(c, mailbox, n):
    for i in range(1, n + 1):
        c.ok(f"APPEND {mailbox} ", MESSAGE % i)


class Box:
    """Of a user of its own: INBOX with UIDs 2, 4, ... 50 (25 messages), and INBOX.target."""
    uids = list(range(2, 51, 2))

    def __init__(self, srv):
        self.srv = srv
        self.user = srv.new_user()
        self.c = c = srv.login(self.user)
        fill(c, "INBOX", 50)
        c.ok("CREATE INBOX.target")
        c.ok("SELECT INBOX")
        for first in range(1, 50, 20):
            odd = ",".join(str(u) for u in range(first, min(first + 20, 50), 2))
            c.ok(rf"UID STORE {odd} +FLAGS.SILENT (\Deleted)")
        c.ok("EXPUNGE")


@pytest.fixture
def box(srv):
    b = Box(srv)
    yield b
    b.c.close()


@pytest.fixture(scope="module")
def shared(srv):
    """For what changes nothing."""
    b = Box(srv)
    b.srv.clients.remove(b.c)
    yield b
    b.c.close()


@pytest.fixture
def c(shared):
    shared.c.ok("SELECT INBOX")
    return shared.c


def limit(reply):
    """The arguments of the tagged MESSAGELIMIT."""
    m = re.fullmatch(r"MESSAGELIMIT (\d+)(?: (\d+))?", reply.code or "")
    return m and tuple(int(n) for n in m.groups() if n)


def untagged_limit(reply):
    m = reply.find(rb"^NO \[MESSAGELIMIT (\d+) (\d+)\]")
    return m and (int(m[1]), int(m[2]))


def told(reply):
    """The numbers of the FETCH responses, in order."""
    return [int(m[1]) for m in reply.all(rb"^(\d+) FETCH ")]


# --- 3: capabilities ---

def test_3_capability(c):
    assert f"MESSAGELIMIT={LIMIT}".encode() in c.ok("CAPABILITY").untagged[0].split()


def test_3_savelimit_instead(saving):
    caps = saving.login(saving.new_user()).ok("CAPABILITY").untagged[0].split()
    assert f"SAVELIMIT={LIMIT}".encode() in caps and not [x for x in caps if x.startswith(b"MESSAGELIMIT")]


def test_3_not_both(make_server):
    srv = make_server({"messagelimit": 2000, "savelimit": 1000})
    caps = srv.login(srv.new_user()).ok("CAPABILITY").untagged[0].split()
    assert b"MESSAGELIMIT=2000" in caps and not [x for x in caps if x.startswith(b"SAVELIMIT")]


def test_3_none_by_itself(imap):
    assert b"LIMIT=" not in imap.ok("CAPABILITY").untagged[0].replace(b"APPENDLIMIT=", b"")


# --- 3.1: FETCH ---

def test_3_1_fetch(c):
    """ "REQUIRED to process messages from highest to lowest UID"; <LastUID> """
    r = c.ok("FETCH 1:25 (UID FLAGS)")
    assert limit(r) == (LIMIT, 32)
    assert told(r) == list(range(25, 15, -1))
    r = c.ok("UID FETCH 1:31 (UID)")
    assert limit(r) == (LIMIT, 12) and told(r) == list(range(15, 5, -1))
    r = c.ok("UID FETCH 1:11 (UID)")
    assert limit(r) is None and told(r) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("numbers, last, expected", [
    ("1:10", None, list(range(1, 11))), ("1:11", 4, list(range(11, 1, -1))), ("16:25", None, list(range(16, 26))),
    ("1:3,5,7:9,11,13:14,20:22", 4, [22, 21, 20, 14, 13, 11, 9, 8, 7, 5][:10]),
    ("25,1:10", 4, [25, 10, 9, 8, 7, 6, 5, 4, 3, 2]), ("1:5,21:25", None, [1, 2, 3, 4, 5, 21, 22, 23, 24, 25]),
    ("5:*", 32, list(range(25, 15, -1))), ("*", None, [25])])
def test_3_1_fetch_sets(c, numbers, last, expected):
    r = c.ok(f"FETCH {numbers} (UID)")
    assert told(r) == expected
    if last is None:
        assert limit(r) is None
    else:
        assert limit(r) == (LIMIT, 2 * expected[-1])


def test_3_1_fetch_sets_seen(box):
    r = box.c.ok("FETCH 1:* (BODY[TEXT])")
    assert limit(r) == (LIMIT, 32) and told(r) == list(range(25, 15, -1))
    assert all(b"\\Seen" in f for f in fetches(r).values())
    assert found(box.c.ok("SEARCH 6:15 UNSEEN")) == list(range(6, 16))


def test_3_1_fetch_changedsince(box):
    """What has changed is what is operated on."""
    c = box.c
    top = int(c.ok("STATUS INBOX (HIGHESTMODSEQ)").find(rb"HIGHESTMODSEQ (\d+)")[1])
    c.ok(r"STORE 1:3 +FLAGS.SILENT (\Flagged)")
    r = c.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {top})")
    assert told(r) == [1, 2, 3] and limit(r) is None
    for numbers in ("4:8", "9:13"):
        c.ok(rf"STORE {numbers} +FLAGS.SILENT (\Flagged)")
    r = c.ok(f"FETCH 1:* (FLAGS) (CHANGEDSINCE {top})")
    assert told(r) == list(range(13, 3, -1)) and limit(r) == (LIMIT, 8)


@pytest.mark.parametrize("span", ["1:11", "-1:-11", "11:1", "-1:-1500", "5:15", "1:4294967295"])
def test_3_1_partial_refused(c, span):
    """ "(as specified by the PARTIAL range) exceeds ... so the server refuses" """
    r = c.cmd(f"UID FETCH 1:* (FLAGS) (PARTIAL {span})")
    assert r.status == "NO" and limit(r) == (LIMIT,) and not r.untagged
    r = c.cmd(f"UID SEARCH RETURN (PARTIAL {span}) ALL")
    assert r.status == "NO" and limit(r) == (LIMIT,) and not r.untagged


def test_3_1_partial_within(c):
    r = c.ok("UID FETCH 1:* (UID) (PARTIAL -1:-10)")
    assert told(r) == list(range(16, 26)) and limit(r) is None
    assert told(c.ok("UID FETCH 1:* (UID) (PARTIAL 3:12)")) == list(range(3, 13))


def test_3_1_fetch_with_expungeissued(box):
    """ "the latter MUST be returned in an untagged NO response" """
    c, other = box.c, box.srv.login(box.user)
    other.ok("SELECT INBOX")
    other.ok(r"STORE 24 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    r = c.cmd(r"STORE 1:* +FLAGS (\Flagged)")
    assert r.status == "OK" and r.code == "EXPUNGEISSUED"
    assert untagged_limit(r) == (LIMIT, 32)
    assert told(r) == [25] + list(range(23, 15, -1))
    other.close()


# --- 3.1: SEARCH ---

def test_3_1_search(c):
    """ "The total number of searched messages (note, NOT the number of matched
    messages)" """
    r = c.ok("UID SEARCH ALL")
    assert found(r) == box_uids(16) and limit(r) == (LIMIT, 32)
    r = c.ok("SEARCH SUBJECT 4")
    assert found(r) == [17, 20, 21, 22, 23, 24] and limit(r) == (LIMIT, 32)
    assert limit(c.ok("SEARCH SUBJECT nowhere")) == (LIMIT, 32)


def box_uids(first, last=25):
    return [2 * n for n in range(first, last + 1)]


@pytest.mark.parametrize("key, expected, last", [
    ("UID 1:20", box_uids(1, 10), None), ("UID 1:22", box_uids(2, 11), 4), ("UID 1:22 UNSEEN", box_uids(2, 11), 4),
    ("UNSEEN UID 3:40 UID 11:30", box_uids(6, 15), None), ("(UID 1:22 (UNSEEN))", box_uids(2, 11), 4),
    ("1:5,21:25", box_uids(1, 5) + box_uids(21), None), ("1:5,20:25", box_uids(2, 5) + box_uids(20), 4),
    ("OR UID 2 UID 4", [], 32), ("OR UID 2 UID 50", [50], 32), ("NOT UID 3:50", [], 32),
    ("UID 1:20 NOT UID 5:50", [2, 4], None), ("UIDAFTER 30", box_uids(16), None),
    ("UIDAFTER 29", box_uids(16), 32), ("UIDBEFORE 22", box_uids(1, 10), None), ("UIDBEFORE 23", box_uids(2, 11), 4),
    ("UIDAFTER 10 UIDBEFORE 20", [12, 14, 16, 18], None), ("FUZZY UID 1:20", box_uids(1, 10), None),
    ("UID 1000", [], None), ("DRAFT UID 1", [], None)])
def test_3_1_search_looks_at(c, key, expected, last):
    """Only at what the sets at the top of the program leave over."""
    r = c.ok(f"UID SEARCH {key}")
    assert found(r) == expected
    assert limit(r) == (None if last is None else (LIMIT, last))


def test_3_1_esearch(c):
    r = c.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) ALL")
    assert esearch(r) == {"MIN": 32, "MAX": 50, "COUNT": 10, "ALL": box_uids(16)}
    assert limit(r) == (LIMIT, 32)


def test_3_1_search_in_parts(c):
    """As a client goes on: below the UID that was said to be the last."""
    got, below = [], 4294967295
    while True:
        r = c.ok(f"UID SEARCH UIDBEFORE {below}")
        got = found(r) + got
        if limit(r) is None:
            break
        below = limit(r)[1]
    assert got == Box.uids


def test_5267_no_updates_of_a_part(c):
    r = c.ok("SEARCH RETURN (UPDATE ALL) UNSEEN")
    assert r.find(rb"^NO \[NOUPDATE ") and limit(r) == (LIMIT, 32)
    r = c.ok("SEARCH RETURN (UPDATE ALL) UNSEEN UIDAFTER 30")
    assert not r.find(rb"NOUPDATE")


def test_7377_selected(c):
    r = c.ok("ESEARCH IN (selected) RETURN (COUNT) ALL")
    assert [e["COUNT"] for e in esearches(r)] == [10] and limit(r) == (LIMIT, 32)


def test_7377_many_mailboxes(srv):
    """Each is searched whole, as long as all together are not too many."""
    c = srv.login(srv.new_user())
    for name, n in (("INBOX", 4), ("INBOX.a", 6), ("INBOX.b", 1)):
        if name != "INBOX":
            c.ok(f"CREATE {name}")
        fill(c, name, n)
    r = c.ok("ESEARCH IN (mailboxes (INBOX INBOX.a)) RETURN (COUNT) ALL")
    assert [e["COUNT"] for e in esearches(r)] == [4, 6] and limit(r) is None
    r = c.cmd("ESEARCH IN (subtree INBOX) RETURN (COUNT) ALL")
    assert r.status == "NO" and limit(r) == (LIMIT,)
    assert [e["COUNT"] for e in esearches(r)] == [4, 6]


# --- 3.1: STORE, COPY, MOVE, APPEND, EXPUNGE ---

def test_3_1_store(box):
    r = box.c.ok(r"UID STORE 1:40 +FLAGS (\Seen)")
    assert limit(r) == (LIMIT, 22) and told(r) == list(range(20, 10, -1))
    assert found(box.c.ok("UID SEARCH UID 4:22 UNSEEN")) == box_uids(2, 10)
    assert found(box.c.ok("UID SEARCH UID 22:40 SEEN")) == box_uids(11, 20)
    r = box.c.ok(r"UID STORE 1:21 +FLAGS.SILENT (\Seen)")
    assert limit(r) is None


def test_3_1_store_with_modified(box):
    """Another code stays where it must be."""
    r = box.c.ok(r"UID STORE 1:40 (UNCHANGEDSINCE 1) +FLAGS (\Seen)")
    assert r.code == "MODIFIED 22,24,26,28,30,32,34,36,38,40" and untagged_limit(r) == (LIMIT, 22)


def test_3_1_copy(box):
    """ "it MUST fail the command ... No messages are copied in this case." """
    for command, last in (("COPY 1:25", 32), ("UID COPY 3:40", 22), ("COPY 1:11", 4)):
        r = box.c.cmd(f"{command} INBOX.target")
        assert r.status == "NO" and limit(r) == (LIMIT, last) and not r.untagged
    assert box.c.ok("STATUS INBOX.target (MESSAGES)").find(rb"MESSAGES 0\)")
    assert box.c.ok("COPY 1:10 INBOX.target").code.startswith("COPYUID")


def test_3_1_move(box):
    """ "(Unlike COPY or UID COPY, MOVE or UID MOVE don't need to be atomic.)"
    The code of the tagged response is HIGHESTMODSEQ."""
    r = box.c.ok("UID MOVE 1:50 INBOX.target")
    assert untagged_limit(r) == (LIMIT, 32)
    assert r.find(rb"^OK \[COPYUID \d+ 32,34,36,38,40,42,44,46,48,50 1:10\]")
    assert len(r.all(rb"^\d+ EXPUNGE$")) == 10
    r = box.c.ok("UID MOVE 1:50 INBOX.target")
    assert untagged_limit(r) == (LIMIT, 12)
    r = box.c.ok("UID MOVE 1:50 INBOX.target")
    assert not untagged_limit(r) and len(r.all(rb"^\d+ EXPUNGE$")) == 5
    assert box.c.ok("STATUS INBOX.target (MESSAGES)").find(rb"MESSAGES 25\)")


def test_3_1_move_with_qresync(box):
    c = box.srv.login(box.user)
    c.ok("ENABLE QRESYNC")
    c.ok("SELECT INBOX")
    r = c.ok("MOVE 1:* INBOX.target")
    assert r.code.startswith("HIGHESTMODSEQ ") and untagged_limit(r) == (LIMIT, 32)
    c.close()


def test_3_1_failed_move_has_no_last_uid(box):
    r = box.c.cmd("UID MOVE 1:50 INBOX.nowhere")
    assert r.status == "NO" and r.code == "TRYCREATE" and not r.untagged


def multiappend(c, n, mailbox="INBOX.target"):
    one = b"{9+}\r\nA: b\r\n\r\nc"
    c.send(b"m APPEND %s %s\r\n" % (mailbox.encode(), b" ".join([one] * n)))
    return c.wait("m")


def test_3_1_append(box):
    """ "no messages are appended when the server MESSAGELIMIT is exceeded" """
    r = multiappend(box.c, LIMIT + 1)
    assert r.status == "NO" and limit(r) == (LIMIT,)
    assert box.c.ok("STATUS INBOX.target (MESSAGES)").find(rb"MESSAGES 0\)")
    assert multiappend(box.c, LIMIT).code.startswith("APPENDUID")


def delete(c, uids):
    for at in range(0, len(uids), LIMIT):
        c.ok(r"UID STORE %s +FLAGS.SILENT (\Deleted)" % ",".join(map(str, uids[at:at + LIMIT])))


def test_3_1_uid_expunge(box):
    """ "more than <N> \\Deleted messages" count, not those named."""
    gone = box_uids(1, 12) + box_uids(20, 24)
    delete(box.c, gone)
    r = box.c.ok("UID EXPUNGE 1:50")
    assert limit(r) == (LIMIT, 16) and len(r.all(rb"EXPUNGE$")) == 10
    assert found(box.c.ok("UID SEARCH UIDBEFORE 17")) == box_uids(1, 7)
    r = box.c.ok("UID EXPUNGE 1:50")
    assert limit(r) is None and len(r.all(rb"EXPUNGE$")) == 7


def test_3_1_uid_expunge_just_as_many(box):
    delete(box.c, box_uids(1, 5) + box_uids(21, 25))
    r = box.c.ok("UID EXPUNGE 1:*")
    assert limit(r) is None and len(r.all(rb"EXPUNGE$")) == 10


@pytest.mark.parametrize("command", ["EXPUNGE", "CLOSE"])
def test_3_1_expunge_has_no_limit(box, command):
    """ "the server MUST NOT impose any message limit when processing EXPUNGE";
    "CLOSE" """
    delete(box.c, box_uids(1, 20))
    r = box.c.ok(command)
    assert limit(r) is None
    assert box.c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 5\)")


def test_3_1_status_has_no_limit(c):
    assert c.ok("STATUS INBOX (UNSEEN MESSAGES)").find(rb"MESSAGES 25 UNSEEN 25|UNSEEN 25")


# --- 3.2: UIDAFTER, UIDBEFORE ---

@pytest.mark.parametrize("key, expected", [
    ("UIDAFTER 48", [50]), ("UIDAFTER 49", [50]), ("UIDAFTER 50", []), ("UIDAFTER 4294967295", []),
    ("UIDAFTER 4294967294", []), ("UIDBEFORE 4", [2]), ("UIDBEFORE 3", [2]), ("UIDBEFORE 2", []), ("UIDBEFORE 1", []),
    ("UID 40:50 NOT UIDAFTER 44", [40, 42, 44]), ("UID 40:50 NOT UIDBEFORE 46", [46, 48, 50]),
    ("UID 40:44 OR UIDBEFORE 41 UIDAFTER 43", [40, 44]), ("uidafter 47 uidbefore 50", [48])])
def test_3_2_keys(c, key, expected):
    """ "greater than the specified UID", "less than the specified UID" """
    assert found(c.ok(f"UID SEARCH {key}")) == expected


@pytest.mark.parametrize("key", ["UIDAFTER", "UIDAFTER 0", "UIDAFTER *", "UIDAFTER 1:2", "UIDAFTER x", "UIDBEFORE 0",
                                 "UIDBEFORE", "UIDBEFORE 4294967296", "UIDBEFORE 1,2"])
def test_3_2_syntax(c, key):
    assert c.cmd(f"UID SEARCH {key}").status == "BAD"


def test_3_2_without_a_limit(imap):
    """They do no harm where no limit is told of."""
    fill(imap, "INBOX", 3)
    imap.ok("SELECT INBOX")
    assert found(imap.ok("UID SEARCH UIDAFTER 1")) == [2, 3]
    assert found(imap.ok("SEARCH UIDBEFORE 3")) == [1, 2]


def test_3_2_uidonly(srv, shared):
    c = srv.login(shared.user)
    c.ok("ENABLE UIDONLY")
    c.ok("SELECT INBOX")
    assert found(c.ok("UID SEARCH UIDAFTER 44")) == [46, 48, 50]
    r = c.ok("UID FETCH 1:* (FLAGS)")
    assert limit(r) == (LIMIT, 32)
    assert [int(m[1]) for m in r.all(rb"^(\d+) UIDFETCH")] == box_uids(16)[::-1]
    c.close()


# --- 3.3, 3.4: SORT, THREAD, SEARCHRES ---

@pytest.mark.parametrize("command", ["SORT (DATE) UTF-8", "UID SORT (SUBJECT) UTF-8", "THREAD REFERENCES UTF-8",
                                     "UID THREAD ORDEREDSUBJECT UTF-8", "SORT RETURN (COUNT) (DATE) UTF-8"])
def test_3_3_sort_and_thread(c, command):
    """They cannot be done in parts."""
    r = c.cmd(f"{command} ALL")
    assert r.status == "NO" and limit(r) == (LIMIT,) and not r.untagged
    assert limit(c.ok(f"{command} UIDAFTER 40")) is None


def test_3_4_searchres(c):
    """ "MUST truncate SEARCH SAVE result stored in the $ variable" """
    r = c.ok("UID SEARCH RETURN (SAVE) UID 1:41")
    assert limit(r) == (LIMIT, 22) and not esearches(r)
    assert found(c.ok("UID SEARCH UID $")) == box_uids(11, 20)
    r = c.ok("UID FETCH $ (UID)")
    assert limit(r) is None and told(r) == list(range(11, 21))


def test_3_4_refused_forgets(c):
    c.ok("UID SEARCH RETURN (SAVE) UID 2:4")
    assert c.cmd("SORT RETURN (SAVE) (DATE) UTF-8 ALL").status == "NO"
    assert found(c.ok("UID SEARCH $")) == []


# --- SAVELIMIT ---

def test_savelimit(saving):
    """ "only enforces message limit on COPY and APPEND" """
    b = Box(saving)
    c = b.c
    r = c.cmd("UID COPY 1:50 INBOX.target")
    assert r.status == "NO" and limit(r) == (LIMIT, 32)
    assert limit(multiappend(c, LIMIT + 1)) == (LIMIT,)
    assert multiappend(c, LIMIT).status == "OK"
    assert len(told(c.ok("FETCH 1:* (UID)"))) == 25
    assert found(c.ok("UID SEARCH ALL")) == Box.uids
    assert len(told(c.ok(r"STORE 1:* +FLAGS (\Seen)"))) == 25
    c.ok("SORT (DATE) UTF-8 ALL")
    c.ok("UID FETCH 1:* (UID) (PARTIAL 1:20)")
    r = c.ok("MOVE 1:* INBOX.target")
    assert limit(r) is None and len(r.all(rb"EXPUNGE$")) == 25
    c.close()


def test_10022_batches_of_limited_mailbox(c):
    """RFC 10022 section 3.2: what is told is not limited, a batch is."""
    assert c.ok("UIDBATCHES 500").find(rb"^UIDBATCHES \(TAG \"[^\"]+\"\) 50:1$")
