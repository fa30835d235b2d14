"""INPROGRESS (RFC 9585).  The times and the text are tested in
test/unit/test_progress.c; here, that a search that takes long says so."""
import re

import pytest


@pytest.fixture(scope="module")
def busy(module_server):
    return module_server({"imap_inprogress_interval": "1s"})


def test_3_advertised(server):
    c = server.connect()
    assert b" INPROGRESS" in c.greeting
    c.close()


def test_3_not_when_it_is_off(make_server):
    srv = make_server({"imap_inprogress_interval": "0"})
    c = srv.connect()
    assert b"INPROGRESS" not in c.greeting
    c.close()


def test_4_not_for_what_is_quick(imap):
    imap.append("INBOX", b"Subject: x\r\n\r\nbody\r\n")
    imap.ok("SELECT INBOX")
    assert not imap.ok("SEARCH BODY nothing").find(rb"INPROGRESS")


def test_4_1_a_long_search(busy):
    """Thousands of words that are not there, in each of some messages."""
    c = busy.login(busy.new_user())
    text = b"A: b\r\n\r\n" + b"lorem ipsum dolor sit amet consectetur adipiscing\r\n" * 1000
    for _ in range(8):
        c.append("INBOX", text)
    c.ok("SELECT INBOX")
    c.send("long SEARCH " + " ".join(f"NOT BODY q{i}" for i in range(1500)) + "\r\n")
    told = []
    while not (line := c.response()).startswith(b"long "):
        m = re.match(rb'\* OK \[INPROGRESS \("long" (\d+) (\d+)\)\] ', line)
        if m:
            told.append((int(m.group(1)), int(m.group(2))))
    c.close()
    seconds = float(re.search(rb"\(([\d.]+) sec\)", line).group(1))
    # By the server's clock; it looks at that between messages, of which the last may take long.
    assert told or seconds < 2, line
    assert told == sorted(told) and all(0 < done <= total == 8 for done, total in told)
