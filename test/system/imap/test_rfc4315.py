"""UIDPLUS (RFC 4315): UID EXPUNGE, APPENDUID, COPYUID."""
import re

import pytest

MESSAGE = b"Subject: %d\r\n\r\nbody\r\n"


@pytest.fixture
def box(login):
    """INBOX with UIDs 1 to 7, of which 3, 4 and 7 are \\Deleted; INBOX.other."""
    c = login()
    for i in range(1, 8):
        c.ok("APPEND INBOX " + (r"(\Deleted) " if i in (3, 4, 7) else ""), MESSAGE % i)
    c.ok("CREATE INBOX.other")
    c.ok("SELECT INBOX")
    return c


def uids(c):
    return [int(n) for n in c.ok("UID SEARCH ALL").untagged[-1].split()[1:]]


def expunged(reply):
    return [int(m[1]) for m in reply.all(rb"^(\d+) EXPUNGE$")]


def validity(c, mailbox):
    return int(c.ok(f"STATUS {mailbox} (UIDVALIDITY)").find(rb"UIDVALIDITY (\d+)")[1])


def test_1_capability(box):
    assert b"UIDPLUS" in box.ok("CAPABILITY").untagged[0].split()


@pytest.mark.parametrize("uid_set, numbers, left", [
    ("3", [3], [1, 2, 4, 5, 6, 7]), ("1:3", [3], [1, 2, 4, 5, 6, 7]),
    ("3:7", [3, 3, 5], [1, 2, 5, 6]), ("1:*", [3, 3, 5], [1, 2, 5, 6]),
    ("7,3", [3, 6], [1, 2, 4, 5, 6]), ("*", [7], [1, 2, 3, 4, 5, 6]),
    ("1,2,5", [], [1, 2, 3, 4, 5, 6, 7]), ("100:200,3", [3], [1, 2, 4, 5, 6, 7]),
    ("4,4,3:4", [3, 3], [1, 2, 5, 6, 7]), ("500", [], [1, 2, 3, 4, 5, 6, 7]),
])
def test_2_1_uid_expunge(box, uid_set, numbers, left):
    """permanently removes all messages that both have the \\Deleted flag set and
    have a UID that is included in the specified sequence set"""
    assert expunged(box.ok(f"UID EXPUNGE {uid_set}")) == numbers
    assert uids(box) == left


@pytest.mark.parametrize("text", ["UID EXPUNGE", "UID EXPUNGE ", "UID EXPUNGE x", "UID EXPUNGE 0",
                                  "UID EXPUNGE 1 2", "UID EXPUNGE 1,", "EXPUNGE 1"])
def test_2_1_syntax(box, text):
    assert box.cmd(text).status == "BAD"
    assert len(uids(box)) == 7


def test_2_1_not_when_examined(box):
    box.ok("EXAMINE INBOX")
    assert box.cmd("UID EXPUNGE 3").status == "NO"
    assert len(uids(box)) == 7


def test_2_1_not_what_was_unmarked_meanwhile(box, login):
    other = login()
    other.ok("SELECT INBOX")
    other.ok(r"UID STORE 3 -FLAGS (\Deleted)")
    assert expunged(box.ok("UID EXPUNGE 3:4")) == [4]


def test_2_1_also_what_another_has_expunged(box, login):
    """What is told includes what others removed; before the tagged OK."""
    other = login()
    other.ok("SELECT INBOX")
    other.ok("UID EXPUNGE 4")
    assert expunged(box.ok("UID EXPUNGE 3")) == [3, 3]


def test_3_appenduid(box):
    reply = box.ok("APPEND INBOX.other ", MESSAGE % 1)
    assert reply.code == f"APPENDUID {validity(box, 'INBOX.other')} 1"
    assert box.ok("APPEND INBOX ", MESSAGE % 8).code == f"APPENDUID {validity(box, 'INBOX')} 8"


def test_3_appenduid_is_where_it_is(box):
    uid = box.ok("APPEND INBOX ", MESSAGE % 42).code.split()[2]
    assert box.ok(f"UID FETCH {uid} BODY.PEEK[HEADER.FIELDS (SUBJECT)]").find(rb"Subject: 42")


@pytest.mark.parametrize("command, source, target", [
    ("COPY 1", "1", "1"), ("COPY 2:4", "2:4", "1:3"), ("COPY 7,1", "1,7", "1:2"),
    ("UID COPY 1:*", "1:7", "1:7"), ("UID COPY 6,2,99", "2,6", "1:2"), ("COPY *", "7", "1"),
    ("COPY 1:3,2:4", "1:4", "1:4")])
def test_3_copyuid(box, command, source, target):
    reply = box.ok(f"{command} INBOX.other")
    assert reply.code == f"COPYUID {validity(box, 'INBOX.other')} {source} {target}"


def test_3_copyuid_pairs_what_belongs_together(box):
    """the corresponding UIDs in the same order"""
    box.ok("APPEND INBOX.other ", MESSAGE % 99)
    code = box.ok("UID COPY 5,2,7 INBOX.other").code.split()
    assert code[2:] == ["2,5,7", "2:4"]
    box.ok("SELECT INBOX.other")
    reply = box.ok("UID FETCH 2:4 BODY.PEEK[HEADER.FIELDS (SUBJECT)]")
    assert [int(m[1]) for m in reply.all(rb"Subject: (\d+)")] == [2, 5, 7]


def test_3_no_code_when_nothing_is_copied(box):
    assert box.ok("UID COPY 99:100 INBOX.other").code == ""


def test_3_no_code_when_it_fails(box):
    assert box.cmd("COPY 1 INBOX.missing").code == "TRYCREATE"
    assert box.cmd("APPEND INBOX.missing ", MESSAGE % 1).code == "TRYCREATE"


def test_3_without_the_right_to_see_the_target(server, box, login, user):
    """"... in the absence of ... the r right": may insert, not read."""
    other = server.new_user()
    c = server.login(other)
    c.ok("CREATE INBOX.drop")
    c.ok(f"SETACL INBOX.drop {user} ip")
    reply = box.cmd(f"UID COPY 1 user.{other}.drop")
    assert reply.status == "OK" and re.match(r"(COPYUID|$)", reply.code)
    assert c.ok("STATUS INBOX.drop (MESSAGES)").find(rb"MESSAGES 1")


def test_3_uids_rise_across_commands(box):
    got = []
    for _ in range(3):
        got.append(int(box.ok("COPY 1 INBOX.other").code.split()[3]))
        got.append(int(box.ok("APPEND INBOX.other ", MESSAGE % 1).code.split()[2]))
    assert got == [1, 2, 3, 4, 5, 6]


def test_4_no_uidnotsticky(box):
    assert not box.ok("SELECT INBOX").find(rb"UIDNOTSTICKY")


def test_3_not_for_who_may_not_read(server, login):
    """"In the case of a mailbox that has permissions set so that the client can
    APPEND to the mailbox, but not SELECT or EXAMINE it, the server MUST NOT send an
    APPENDUID" (RFC 9051 6.3.12); the same for COPY, MOVE and REPLACE."""
    owner, name = server.login(owner_name := server.new_user()), server.new_user()
    c = server.login(name)
    owner.ok("CREATE INBOX.drop")
    owner.ok(f"SETACL INBOX.drop {name} li")
    drop = f"user.{owner_name}.drop"
    for n in range(4):
        c.ok("APPEND INBOX ", MESSAGE % n)
    c.ok("SELECT INBOX")
    assert c.ok(f"APPEND {drop} ", MESSAGE % 9).code == ""
    for command in ("COPY 1", "UID COPY 1:2", "MOVE 1", "UID MOVE 2"):
        r = c.ok(f"{command} {drop}")
        assert "COPYUID" not in r.code and not r.find(rb"COPYUID"), r
    r = c.ok(f"REPLACE 1 {drop} ", MESSAGE % 8)
    assert "APPENDUID" not in r.code and not r.find(rb"APPENDUID") and r.find(rb"^1 EXPUNGE"), r
    assert owner.ok("STATUS INBOX.drop (MESSAGES)").find(rb"MESSAGES 7")
    owner.ok(f"SETACL INBOX.drop {name} lri")
    assert c.ok(f"COPY 1 {drop}").code.startswith("COPYUID ")
