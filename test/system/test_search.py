"""SEARCH (RFC 3501 section 6.4.4) on real messages."""
import pytest
from answers import append, found, numbers

LUNCH = (b"From: Ann <ann@example.org>\r\nTo: joe@example.org\r\nCc: eve@example.org\r\n"
         b"Bcc: sam@example.org\r\nSubject: Lunch\r\n at noon\r\n"
         b"Date: Sun, 1 Feb 1998 23:30:00 -0800\r\n\r\nLet us eat.\r\n")
MUELLER = (b"From: bob@example.org\r\nSubject: =?iso-8859-1?q?Gr=FC=DFe?= von =?utf-8?b?TcO8bGxlcg==?=\r\n"
           b"Date: Tue, 3 Feb 1998 12:00:00 +0000\r\nX-Priority: 1\r\nX-Unusual: found\r\n"
           b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"
           b"Content-Transfer-Encoding: quoted-printable\r\n\r\nDie Stra=DFe ist =\r\nlang.\r\n")
MIXED = (b"From: carl@example.org\r\nSubject: pictures\r\nDate: Wed, 4 Feb 1998 12:00:00 +0000\r\n"
         b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
         b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
         b"w4RwZmVsIGF1ZiBCaXJuZW4=\r\n"
         b"--b\r\nContent-Type: image/png; name=holiday.png\r\n\r\nrawbytes\r\n--b--\r\n"
         + b"x" * 3000 + b"\r\n")


@pytest.fixture
def box(login):
    c = login()
    assert append(c, "INBOX", b"Subject: doomed\r\n\r\n\r\n", r"(\Deleted)").status == "OK"
    assert append(c, "INBOX", LUNCH, r"(\Seen \Flagged)", '"02-Feb-1998 23:30:00 -0800"').status == "OK"
    assert append(c, "INBOX", MUELLER, r"(\Answered $Work)", '"03-Feb-1998 00:30:00 +0100"').status == "OK"
    assert append(c, "INBOX", MIXED, r"(\Draft)", '"05-Feb-1998 12:00:00 +0000"').status == "OK"
    c.ok("SELECT INBOX")
    c.ok("EXPUNGE")
    return c


# UIDs are 2, 3, 4; numbers 1, 2, 3.
@pytest.mark.parametrize("keys,numbers_found", [
    ("ALL", [1, 2, 3]), ("1:2", [1, 2]), ("*", [3]), ("2,1", [1, 2]), ("UID 3:*", [2, 3]),
    ("UID 1", []), ("SEEN", [1]), ("UNSEEN", [2, 3]), ("FLAGGED", [1]), ("UNFLAGGED", [2, 3]),
    ("ANSWERED", [2]), ("UNANSWERED", [1, 3]), ("DRAFT", [3]), ("UNDRAFT", [1, 2]),
    ("DELETED", []), ("UNDELETED", [1, 2, 3]), ("KEYWORD $work", [2]), ("UNKEYWORD $Work", [1, 3]),
    ("KEYWORD other", []), ("RECENT", [1, 2, 3]), ("OLD", []), ("NEW", [2, 3]),
    ("FROM ANN", [1]), ("TO joe@", [1]), ("CC eve", [1]), ("BCC sam", [1]),
    ("SUBJECT \"lunch AT noon\"", [1]), ("HEADER X-Unusual fou", [2]), ("HEADER x-unusual \"\"", [2]),
    ("HEADER X-Priority 1", [2]), ("HEADER X-None \"\"", []),
    ("LARGER 3000", [3]), ("SMALLER 3000", [1, 2]),
    ("BODY eat", [1]), ("BODY lunch", []), ("TEXT lunch", [1]), ("BODY \"ist lang\"", [2]),
    ("TEXT holiday.png", [3]), ("BODY rawbytes", []),
    ("BEFORE 3-Feb-1998", [1]), ("ON 3-Feb-1998", [2]), ("SINCE 3-Feb-1998", [2, 3]),
    ("SENTBEFORE 2-Feb-1998", [1]), ("SENTON 1-Feb-1998", [1]), ("SENTSINCE 2-Feb-1998", [2, 3]),
    ("NOT SEEN", [2, 3]), ("OR SEEN DRAFT", [1, 3]), ("SEEN FLAGGED", [1]), ("SEEN DRAFT", []),
    ("OR (SEEN FLAGGED) NOT (OR SEEN ANSWERED)", [1, 3]), ("NOT 1", [2, 3]), ("1:2 NOT BODY eat", [2]),
])
def test_keys(box, keys, numbers_found):
    assert found(box.ok("SEARCH " + keys)) == numbers_found
    assert found(box.ok("UID SEARCH " + keys)) == [n + 1 for n in numbers_found]


@pytest.mark.parametrize("charset,key,text,expected", [
    ("UTF-8", "SUBJECT", "grüße", [2]), ("UTF-8", "SUBJECT", "von müller", [2]),
    ("iso-8859-1", "SUBJECT", "GRÜSSE", None), ("iso-8859-1", "BODY", "straße", [2]),
    ("UTF-8", "BODY", "äpfel", [3]), ("UTF-8", "TEXT", "MÜLLER", [2]), ("US-ASCII", "TEXT", "eat", [1]),
])
def test_charset(box, charset, key, text, expected):
    got = found(box.ok(f"SEARCH CHARSET {charset} {key} ", text.encode(charset)))
    assert expected is None or got == expected


def test_bad_charset(box):
    """BADCHARSET: "The server MUST return a tagged NO response (not a BAD)"."""
    reply = box.cmd("SEARCH CHARSET x-no-such SUBJECT a")
    assert reply.status == "NO" and reply.code.startswith("BADCHARSET")


@pytest.mark.parametrize("keys", [
    "", "NONSENSE", "(ALL", "OR ALL", "NOT", "FROM", "ON 31-Feb-1998", "LARGER x", "1:", "()",
    "0", "ALL ALL)", "CHARSET UTF-8",
])
def test_refused(box, keys):
    assert box.cmd("SEARCH " + keys).status == "BAD"
    assert found(box.ok("SEARCH ALL")) == [1, 2, 3]


def test_nesting_is_bounded(box):
    assert found(box.ok("SEARCH " + "NOT " * 90 + "SEEN")) == [1]
    reply = box.cmd("SEARCH " + "(" * 5000 + "ALL" + ")" * 5000)
    assert reply.status == "BAD" and "nested" in reply.text


def test_empty_mailbox(login):
    c = login()
    c.ok("SELECT INBOX")
    assert found(c.ok("SEARCH ALL")) == []
    assert found(c.ok("UID SEARCH UID 1:*")) == []


def test_no_expunge_during_search(login, box):
    other = login()
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert numbers(box.cmd("SEARCH ALL"), "EXPUNGE") == []
    assert numbers(box.ok("NOOP"), "EXPUNGE") == [1]
    assert found(box.ok("SEARCH ALL")) == [1, 2]
