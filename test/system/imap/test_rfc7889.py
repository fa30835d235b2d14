"""APPENDLIMIT (RFC 7889)."""
import pytest
from answers import lit

LIMIT = 2000


@pytest.fixture(scope="module")
def limited(module_server):
    return module_server({"maxmessagesize": str(LIMIT)})


@pytest.fixture
def c(limited):
    c = limited.login(limited.new_user())
    yield c
    c.close()


def message(size):
    return b"Subject: x\r\n\r\n".ljust(size, b"x")


def test_2_capability_with_value(c):
    """The server advertises one limit for all mailboxes."""
    assert f"APPENDLIMIT={LIMIT}".encode() in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_2_without_an_option_it_is_what_a_size_can_be(imap):
    assert b"APPENDLIMIT=4294967295" in imap.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_1_status(c):
    assert c.ok("STATUS INBOX (APPENDLIMIT)").untagged == [b"STATUS INBOX (APPENDLIMIT %d)" % LIMIT]


def test_3_1_status_beside_others(c):
    assert c.ok("STATUS INBOX (MESSAGES appendlimit)").untagged == [
        b"STATUS INBOX (MESSAGES 0 APPENDLIMIT %d)" % LIMIT]


def test_4_at_the_limit(c):
    assert c.cmd(b"APPEND INBOX " + lit(message(LIMIT))).status == "OK"


@pytest.mark.parametrize("size", [LIMIT + 1, 100000])
def test_4_toobig(c, size):
    r = c.cmd(b"APPEND INBOX " + lit(message(size)))
    assert (r.status, r.code) == ("NO", "TOOBIG")
    assert c.ok("STATUS INBOX (MESSAGES)").untagged == [b"STATUS INBOX (MESSAGES 0)"]


def test_4_toobig_before_the_literal_is_sent(c):
    """With a synchronizing literal the message need not be sent at all."""
    r = c.cmd("APPEND INBOX ", message(LIMIT + 1))
    assert (r.status, r.code) == ("NO", "TOOBIG")


def test_4_each_message_of_several(c):
    r = c.cmd(b"APPEND INBOX " + lit(message(LIMIT)) + b" " + lit(message(LIMIT)))
    assert r.status == "OK"
    r = c.cmd(b"APPEND INBOX " + lit(message(LIMIT)) + b" " + lit(message(LIMIT + 1)))
    assert (r.status, r.code) == ("NO", "TOOBIG")
    assert c.ok("STATUS INBOX (MESSAGES)").untagged == [b"STATUS INBOX (MESSAGES 2)"]
