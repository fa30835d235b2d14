"""IMAP4rev1 (RFC 3501), section by section: what the tests of the families of
commands (test/system/test_*.py) do not look at one by one."""
import re

import pytest

from chapar import PASSWORD

MESSAGE = (b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nFrom: Fred Foobar <foobar@Blurdybloop.example>\r\n"
           b"Subject: afternoon meeting\r\nTo: mooch@owatagu.example\r\nMessage-Id: <B27397-0100000@Blurdybloop.example>\r\n"
           b"MIME-Version: 1.0\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\n"
           b"Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n")


@pytest.fixture(scope="module")
def one_box(shared_server):
    """A session with ten messages in INBOX that nobody changes."""
    c = shared_server.login(shared_server.new_user())
    for i in range(10):
        c.append("INBOX", MESSAGE, "(\\Seen)" if i < 3 else "")
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)     # not to be closed with a test
    yield c
    c.close()


@pytest.fixture
def box(one_box):
    yield one_box
    one_box.ok("NOOP")      # too many BADs in a row would end it


@pytest.fixture
def early(server):
    c = server.connect()
    yield c
    c.close()


# --- 2.2: commands and responses ---

@pytest.mark.parametrize("tag", ["a", "A001", "a.1", "1", "]", "!#$&'", "x" * 500])
def test_2_2_1_tags(box, tag):
    box.send(f"{tag} NOOP\r\n")
    assert box.wait(tag).status == "OK"


@pytest.mark.parametrize("line", ["+ NOOP", "* NOOP", "( NOOP", "\"a\" NOOP", "a+b NOOP", "{3}x NOOP", "% NOOP", " NOOP", "a\\ NOOP"])
def test_2_2_1_no_tags(early, line):
    """Answered, and not as something else."""
    early.send(line + "\r\n")
    assert re.match(rb"\S+ BAD ", early.response())


def test_2_2_1_lf_alone_is_taken(box):
    box.send("lf NOOP\n")
    assert box.wait("lf").status == "OK"


@pytest.mark.parametrize("command", ["noop", "NoOp", "NOOP"])
def test_2_2_1_any_case(box, command):
    box.ok(command)


def test_5_5_pipelining(box):
    box.send("".join(f"p{i} NOOP\r\n" for i in range(100)))
    for i in range(100):
        assert box.wait(f"p{i}").status == "OK"


# --- 3: states ---

@pytest.mark.parametrize("command", ["SELECT INBOX", "EXAMINE INBOX", "CREATE a", "DELETE a", "RENAME a b", "SUBSCRIBE a",
                                     "UNSUBSCRIBE a", 'LIST "" *', 'LSUB "" *', "STATUS INBOX (MESSAGES)", "CHECK", "CLOSE",
                                     "EXPUNGE", "SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 FLAGS ()", "COPY 1 a",
                                     "UID FETCH 1 FLAGS", "IDLE"])
def test_3_1_not_before_login(server, command):
    c = server.connect()
    assert c.cmd(command).status == "BAD"
    c.close()


@pytest.mark.parametrize("command", ["CHECK", "CLOSE", "EXPUNGE", "SEARCH ALL", "FETCH 1 FLAGS", "STORE 1 FLAGS ()",
                                     "COPY 1 INBOX", "UID FETCH 1 FLAGS", "UID SEARCH ALL"])
def test_3_2_not_before_select(imap, command):
    assert imap.cmd(command).status == "BAD"


@pytest.mark.parametrize("command", ["LOGIN a b", "AUTHENTICATE PLAIN", "STARTTLS"])
def test_3_2_not_after_login(box, command):
    assert box.cmd(command).status == "BAD"


# --- 4: data formats ---

@pytest.mark.parametrize("name", ["INBOX", '"INBOX"', '"in\\"box"', '"a\\\\b"'])
def test_4_3_strings(box, name):
    r = box.cmd(f"STATUS {name} (MESSAGES)")
    assert r.status in ("OK", "NO")


@pytest.mark.parametrize("name", ['"a\\b"', '"a', 'a"b', '"a"b', "a{3}b", "(a)", "a%", "a*", "\\a", '"a\\"'])
def test_4_3_no_strings(box, name):
    r = box.cmd(f"STATUS {name} (MESSAGES)")
    assert r.status == "BAD"


def test_4_3_literal(box):
    assert box.cmd("STATUS ", b"INBOX").status == "BAD"          # its list is missing
    box.send("l STATUS {5}\r\n")
    assert box.response().startswith(b"+ ")
    box.send("INBOX (MESSAGES)\r\n")
    assert box.wait("l").find(rb"MESSAGES 10")


def test_4_3_no_nul_in_literals(box):
    box.send(b"n STATUS {5+}\r\nIN\0OX (MESSAGES)\r\n")
    assert box.wait("n").status in ("BAD", "NO")


# --- 5.1: names ---

@pytest.mark.parametrize("name", ["inbox", "Inbox", "INBOX", "iNbOx"])
def test_5_1_inbox_in_any_case(box, name):
    assert box.ok(f"STATUS {name} (MESSAGES)").find(rb"MESSAGES 10")


@pytest.mark.parametrize("name", ["&", "&AOk", "&-&", "&AGE-", "&aaaa", "&AOkA6Q", "&2AA-", "&Jjo!"])
def test_5_1_3_bad_utf7(box, name):
    assert box.cmd(f'CREATE "INBOX.{name}"').status == "NO"


@pytest.mark.parametrize("name", ["&AOk-", "&-", "a&-b", "&U,BTFw-", "&2D3eAA-", "~peter", "a b"])
def test_5_1_3_utf7(imap, name):
    imap.ok(f'CREATE "INBOX.{name}"')
    assert imap.ok('LIST "" "INBOX.%"').find(re.escape(f"INBOX.{name}").encode())


# --- 6.4.4: SEARCH ---

@pytest.mark.parametrize("keys, found", [
    ("ALL", 10), ("SEEN", 3), ("UNSEEN", 7), ("1:3", 3), ("*", 1), ("2:*", 9), ("UID 1:3", 3), ("NOT 1:3", 7),
    ("OR 1 2", 2), ("OR OR 1 2 3", 3), ("(1:5) (3:7)", 3), ("SUBJECT meeting", 10), ("SUBJECT nothing", 0),
    ("FROM FOOBAR", 10), ("TO mooch", 10), ("CC mooch", 0), ("BCC x", 0), ("BODY joe", 10), ("TEXT 3:30", 10),
    ("HEADER Message-Id B27397", 10), ("HEADER Subject \"\"", 10), ("HEADER X-None \"\"", 0),
    ("SENTON 7-Feb-1994", 10), ("SENTBEFORE 8-Feb-1994", 10), ("SENTSINCE 8-Feb-1994", 0), ("LARGER 100", 10),
    ("SMALLER 100", 0), ("KEYWORD x", 0), ("UNKEYWORD x", 10), ("NEW", None), ("OLD", None), ("RECENT", None),
    ("DELETED", 0), ("UNDELETED", 10), ("DRAFT", 0), ("UNDRAFT", 10), ("FLAGGED", 0), ("ANSWERED", 0),
    ("99", 0), ("99:100", 0), ("9:99", 2), ("99:9", 2), ("1,99", 1), ("NOT 99", 10), ("OR 99 1", 1), ("99:*", 1),
    ("NOT NOT SEEN", 3), ("SEEN 2:9", 2), ("((((SEEN))))", 3), ("CHARSET US-ASCII SUBJECT meeting", 10),
    ("CHARSET UTF-8 SUBJECT meeting", 10), ("BEFORE 1-Jan-2000", 0), ("SINCE 1-Jan-2000", 10)])
def test_6_4_4_keys(box, keys, found):
    got = box.ok("SEARCH " + keys).find(rb"^SEARCH(.*)").group(1).split()
    assert found is None or len(got) == found, got


@pytest.mark.parametrize("keys", ["", " ", "FOO", "SUBJECT", "OR SEEN", "NOT", "()", "(SEEN", "SEEN)", "LARGER -1", "LARGER x",
                                  "ON 31-Feb-2000", "ON 1-Foo-2000", "SEEN  UNSEEN", "0", "1:", "1,,2", "UID", "UID 0",
                                  "KEYWORD \\Seen", "HEADER x"])
def test_6_4_4_refused(box, keys):
    assert box.cmd("SEARCH" + (" " + keys if keys else "")).status == "BAD"


def test_6_4_4_bad_charset(box):
    r = box.cmd("SEARCH CHARSET X-NONE SUBJECT x")
    assert r.status == "NO" and r.code.startswith("BADCHARSET")


# --- 6.4.5: FETCH ---

@pytest.mark.parametrize("item, pattern", [
    ("FLAGS", rb"FLAGS \(.*\\Seen.*\)"), ("UID", rb"UID \d+"), ("RFC822.SIZE", rb"RFC822.SIZE %d" % len(MESSAGE)),
    ("INTERNALDATE", rb'INTERNALDATE "[ \d]\d-\w{3}-\d{4} \d\d:\d\d:\d\d [+-]\d{4}"'),
    ("ENVELOPE", rb'ENVELOPE \("Mon, 7 Feb 1994 21:52:25 -0800" "afternoon meeting" '
                 rb'\(\("Fred Foobar" NIL "foobar" "Blurdybloop.example"\)\)'),
    ("BODY", rb'BODY \("TEXT" "PLAIN" \("CHARSET" "US-ASCII"\) NIL NIL "7BIT" 55 1\)'),
    ("BODYSTRUCTURE", rb'BODYSTRUCTURE \("TEXT" "PLAIN" \("CHARSET" "US-ASCII"\) NIL NIL "7BIT" 55 1 NIL NIL NIL NIL\)'),
    ("BODY.PEEK[HEADER.FIELDS (SUBJECT)]", rb"BODY\[HEADER.FIELDS \(SUBJECT\)\] \{30\}\r\nSubject: afternoon meeting\r\n\r\n"),
    ("BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]", rb"BODY\[HEADER.FIELDS.NOT \(SUBJECT\)\] \{\d+\}\r\nDate"),
    ("BODY.PEEK[TEXT]<0.5>", rb'BODY\[TEXT\]<0> (?:"Hello"|\{5\}\r\nHello)'),
    ("BODY.PEEK[1]<6.3>", rb'BODY\[1\]<6> (?:"Joe"|\{3\}\r\nJoe)'), ("BODY.PEEK[1.MIME]", rb"BODY\[1.MIME\] "),
    ("BODY.PEEK[TEXT]<1000.5>", rb'BODY\[TEXT\]<1000> (?:""|\{0\})'),
    ("BODY.PEEK[2]", rb"BODY\[2\] (?:NIL|\"\")"), ("RFC822.HEADER", rb"RFC822.HEADER \{\d+\}\r\nDate"),
    ("RFC822.TEXT", rb"RFC822.TEXT \{55\}"), ("RFC822", rb"RFC822 \{%d\}" % len(MESSAGE)),
    ("ALL", rb"FLAGS .*INTERNALDATE .*RFC822.SIZE .*ENVELOPE "), ("FAST", rb"FLAGS .*INTERNALDATE .*RFC822.SIZE "),
    ("FULL", rb"FLAGS .*INTERNALDATE .*RFC822.SIZE .*ENVELOPE .*BODY ")])
def test_6_4_5_items(box, item, pattern):
    assert box.ok("FETCH 1 " + item).find(rb"(?si)^1 FETCH \(.*" + pattern)


@pytest.mark.parametrize("numbers, n", [("1", 1), ("1:3", 3), ("3:1", 3), ("1,3,5", 3), ("*", 1), ("*:1", 10), ("9:*", 2),
                                        ("1,1,1", 1), ("2,1:3", 3)])
def test_9_sequence_sets(box, numbers, n):
    assert len(box.ok(f"FETCH {numbers} UID").untagged) == n


@pytest.mark.parametrize("numbers, n", [("1:1000", 10), ("500", 0), ("*", 1), ("500:*", 1), ("5,500", 1)])
def test_6_4_8_uid_sets(box, numbers, n):
    """"A non-existent unique identifier is ignored without any error."""
    assert len(box.ok(f"UID FETCH {numbers} FLAGS").all(rb"FETCH")) == n


def test_6_4_8_uid_is_told(box):
    assert box.ok("UID FETCH 1 FLAGS").find(rb"UID 1\b")


# --- 7.1: codes ---

@pytest.mark.parametrize("command, code", [("SELECT INBOX.none", "NONEXISTENT"), ("CREATE INBOX.there", "ALREADYEXISTS"),
                                           ("COPY 1 INBOX.none", "TRYCREATE"), ("DELETE INBOX.none", "NONEXISTENT"),
                                           ("RENAME INBOX.none INBOX.x", "NONEXISTENT")])
def test_7_1_codes(imap, command, code):
    imap.append("INBOX", MESSAGE)
    imap.ok("CREATE INBOX.there")
    imap.ok("SELECT INBOX")
    r = imap.cmd(command)
    assert (r.status, r.code) == ("NO", code), r


def test_7_1_bye_before_logout(server, user):
    c = server.login(user)
    r = c.ok("LOGOUT")
    assert r.untagged[0].startswith(b"BYE ")
    assert c.is_closed()


def test_6_2_3_login(server, user):
    c = server.connect()
    assert c.ok(f'LOGIN "{user}" {PASSWORD}').code.startswith("CAPABILITY ")
    c.close()
