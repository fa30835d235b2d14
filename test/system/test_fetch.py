"""FETCH (RFC 3501 section 6.4.5): items, sections, \\Seen, message sets."""
import pytest
from answers import append, fetched, fetches, flags, literal, numbers

SIMPLE = (b"From: Fred Foobar <foobar@Blurdybloop.example>\r\n"
          b"Subject: afternoon meeting\r\n"
          b"To: mooch@owatagu.example\r\n"
          b"Message-Id: <B27397-0100000@Blurdybloop.example>\r\n"
          b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n"
          b"X-Odd: yes\r\n"
          b"\r\n"
          b"Hello Joe, do you think we can meet at 3:30 tomorrow?\r\n")
HEADER, TEXT = SIMPLE.split(b"\r\n\r\n", 1)
HEADER += b"\r\n\r\n"

NESTED = (b"Subject: outer\r\nMIME-Version: 1.0\r\n"
          b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
          b"--b\r\nContent-Type: text/html\r\n\r\n<p>one</p>\r\n"
          b"--b\r\nContent-Type: message/rfc822\r\n\r\n"
          b"From: inner@example.org\r\nSubject: inner\r\n\r\n"
          b"inner text\r\n"
          b"--b--\r\n")


@pytest.fixture
def box(login):
    """An INBOX with the two messages above, selected."""
    c = login()
    assert append(c, "INBOX", SIMPLE, '"17-Jul-1996 02:44:25 -0700"').status == "OK"
    assert append(c, "INBOX", NESTED, r"(\Seen)").status == "OK"
    c.ok("SELECT INBOX")
    return c


def test_list_data(box):
    got = fetched(box.ok("FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)"))
    assert got.startswith(b"UID 1 FLAGS (\\Recent) "
                          b'INTERNALDATE "17-Jul-1996 02:44:25 -0700" '
                          b"RFC822.SIZE %d ENVELOPE (" % len(SIMPLE))
    envelope = got.split(b"ENVELOPE ", 1)[1]
    sender = b'(("Fred Foobar" NIL "foobar" "Blurdybloop.example"))'
    assert envelope == (
        b'("Mon, 7 Feb 1994 21:52:25 -0800" "afternoon meeting" '
        + b" ".join([sender] * 3)
        + b' ((NIL NIL "mooch" "owatagu.example")) NIL NIL NIL '
        b'"<B27397-0100000@Blurdybloop.example>")')


@pytest.mark.parametrize("macro,items", [
    ("ALL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE"),
    ("FAST", "FLAGS INTERNALDATE RFC822.SIZE"),
    ("FULL", "FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY"),
])
def test_macros(box, macro, items):
    assert box.ok(f"FETCH 1:2 {macro}").untagged == box.ok(f"FETCH 1:2 ({items})").untagged


def test_body_structure(box):
    got = fetched(box.ok("FETCH 2 (BODY BODYSTRUCTURE)"), 2).lower()
    body, structure = got.split(b" bodystructure ")
    assert body.startswith(b'body (("text" "html" ')
    assert b'("message" "rfc822" nil nil nil "7bit" ' in body
    assert body.endswith(b'"mixed")')
    assert structure.endswith(b'"mixed" ("boundary" "b") nil nil nil)')


@pytest.mark.parametrize("item,label,value", [
    ("RFC822", b"RFC822", SIMPLE),
    ("RFC822.HEADER", b"RFC822.HEADER", HEADER),
    ("RFC822.TEXT", b"RFC822.TEXT", TEXT),
    ("BODY[]", b"BODY[]", SIMPLE),
    ("BODY.PEEK[]", b"BODY[]", SIMPLE),
    ("BODY[HEADER]", b"BODY[HEADER]", HEADER),
    ("BODY[TEXT]", b"BODY[TEXT]", TEXT),
    ("BODY[1]", b"BODY[1]", TEXT),
    ("BODY[HEADER.FIELDS (DATE X-ODD)]", b"BODY[HEADER.FIELDS (DATE X-ODD)]",
     b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\nX-Odd: yes\r\n\r\n"),
    ("BODY[HEADER.FIELDS (SUBJECT)]", b"BODY[HEADER.FIELDS (SUBJECT)]",
     b"Subject: afternoon meeting\r\n\r\n"),
    ("BODY[HEADER.FIELDS.NOT (DATE FROM TO MESSAGE-ID SUBJECT)]",
     b"BODY[HEADER.FIELDS.NOT (DATE FROM TO MESSAGE-ID SUBJECT)]", b"X-Odd: yes\r\n\r\n"),
    ("BODY[TEXT]<6.3>", b"BODY[TEXT]<6>", b"Joe"),
    ("BODY[TEXT]<6.100000>", b"BODY[TEXT]<6>", TEXT[6:]),
    ("BODY[TEXT]<100000.5>", b"BODY[TEXT]<100000>", b""),
])
def test_sections(box, item, label, value):
    assert literal(fetched(box.ok(f"FETCH 1 {item}")), label) == value


@pytest.mark.parametrize("section,value", [
    ("1", b"<p>one</p>"),
    ("1.MIME", b"Content-Type: text/html\r\n\r\n"),
    ("2", NESTED.split(b"rfc822\r\n\r\n")[1].split(b"\r\n--b--")[0]),
    ("2.HEADER", b"From: inner@example.org\r\nSubject: inner\r\n\r\n"),
    ("2.TEXT", b"inner text"),
    ("2.1", b"inner text"),
    ("2.HEADER.FIELDS (SUBJECT)", b"Subject: inner\r\n\r\n"),
])
def test_parts(box, section, value):
    got = fetched(box.ok(f"FETCH 2 BODY[{section}]"), 2)
    assert literal(got, b"BODY[%s]" % section.encode()) == value


def test_no_such_part(box):
    assert fetched(box.ok("FETCH 1 BODY.PEEK[7.1]")) == b"BODY[7.1] NIL"


def test_seen(box):
    """The \\Seen flag is implicitly set; if this causes the flags to change,
    they SHOULD be included as part of the FETCH responses."""
    assert b"FLAGS" not in fetched(box.ok("FETCH 1 BODY.PEEK[]"))
    assert b"FLAGS" not in fetched(box.ok("FETCH 1 RFC822.HEADER"))
    assert flags(fetched(box.ok("FETCH 1 BODY[TEXT]"))) == {b"\\Recent", b"\\Seen"}
    assert b"FLAGS" not in fetched(box.ok("FETCH 1 BODY[TEXT]"))
    assert b"FLAGS" not in fetched(box.ok("FETCH 2 BODY[]"), 2)


def test_examine_leaves_seen_alfetched(login, box):
    other = login()
    other.ok("EXAMINE INBOX")
    assert b"FLAGS" not in fetched(other.ok("FETCH 1 BODY[]"))
    assert b"\\Seen" not in flags(fetched(box.ok("FETCH 1 FLAGS")))


def test_uid_fetch(box):
    """The untagged response always has the UID, asked for or not (6.4.8)."""
    assert fetched(box.ok("UID FETCH 2 RFC822.SIZE"), 2) == b"UID 2 RFC822.SIZE %d" % len(NESTED)
    assert fetched(box.ok("UID FETCH 2 (RFC822.SIZE UID)"), 2).count(b"UID") == 1


def test_uids_with_gaps(box):
    """"A non-existent unique identifier is ignored without any error message
    generated." (6.4.8)"""
    box.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    box.ok("EXPUNGE")
    assert box.ok("UID FETCH 1 FLAGS").untagged == []
    assert box.ok("UID FETCH 7:9 FLAGS").untagged == []
    assert fetched(box.ok("UID FETCH 1:2 UID")) == b"UID 2"


def test_star(box):
    assert list(fetches(box.ok("FETCH * UID"))) == [2]
    assert list(fetches(box.ok("FETCH *:1 UID"))) == [1, 2]
    # The range includes the last message even if 100 is greater than its UID.
    assert list(fetches(box.ok("UID FETCH 100:* UID"))) == [2]
    assert box.ok("UID FETCH 100:200 UID").untagged == []


@pytest.mark.parametrize("args", [
    "3 FLAGS", "1:3 FLAGS", "0 FLAGS", "1 NONSENSE", "1 (ALL)", "1 ()", "1", "",
    "1 BODY[", "1 BODY[]<5>", "1 BODY[MIME]", "1 BODY[HEADER.FIELDS ()]", "1,,2 FLAGS",
    "4294967296 FLAGS",
])
def test_refused(box, args):
    """seq-number: "The server should respond with a tagged BAD response to a
    command that uses a message sequence number greater than the number of
    messages in the selected mailbox." (section 9)"""
    assert box.cmd(f"FETCH {args}").status == "BAD"
    assert fetched(box.ok("FETCH 1 UID")) == b"UID 1"


def test_empty_mailbox(login):
    c = login()
    c.ok("SELECT INBOX")
    assert c.cmd("FETCH 1 FLAGS").status == "BAD"
    assert c.ok("UID FETCH 1:* FLAGS").untagged == []
    assert c.ok("UID FETCH * FLAGS").untagged == []


def test_expunged_by_another(login, box):
    """An EXPUNGE response MUST NOT be sent while responding to FETCH: the
    message keeps its number, and what is known of it can still be read."""
    other = login()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    assert numbers(other.ok("EXPUNGE"), "EXPUNGE") == [1]
    reply = box.cmd("FETCH 1:2 (UID RFC822.SIZE)")
    assert not numbers(reply, "EXPUNGE")
    assert fetches(reply)[2] == b"UID 2 RFC822.SIZE %d" % len(NESTED)
    reply = box.cmd("FETCH 1 BODY.PEEK[]")
    if reply.status == "OK":
        assert literal(fetched(reply), b"BODY[]") == SIMPLE
    else:
        assert reply.status == "NO" and reply.text.startswith("[EXPUNGEISSUED]")
    assert not numbers(reply, "EXPUNGE")
    assert numbers(box.ok("NOOP"), "EXPUNGE") == [1]
    assert fetched(box.ok("FETCH 1 UID")) == b"UID 2"


def test_large_message_whole_and_in_pieces(login):
    c = login()
    message = b"Subject: large\r\n\r\n" + b"".join(b"line %d\r\n" % i for i in range(200000))
    assert append(c, "INBOX", message).status == "OK"
    c.ok("SELECT INBOX")
    assert literal(fetched(c.ok("FETCH 1 BODY.PEEK[]")), b"BODY[]") == message
    pieces = b""
    while len(pieces) < len(message):
        got = fetched(c.ok(f"FETCH 1 BODY.PEEK[]<{len(pieces)}.300000>"))
        pieces += literal(got, b"BODY[]<%d>" % len(pieces))
    assert pieces == message
