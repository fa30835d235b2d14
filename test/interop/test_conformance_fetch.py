"""FETCH, STORE, SEARCH, COPY, MOVE, APPEND, EXPUNGE by the letter (RFC 3501,
4315, 6851), each response through strict_imap's parser."""
import pytest

from conformance import Lit, NESTED, SIMPLE, again, crlf, fresh, login, name, numbered
from strict_imap import Deviation

IN = NESTED.split(b"message/rfc822\r\n\r\n")[1].split(b"\r\n--out")[0]


# --- message sets ---

@pytest.fixture(scope="module")
def five(shared_server):
    """A mailbox of five messages, UIDs 1 3 4 5 6, that no test changes."""
    c = fresh(shared_server, 6, kept=True)
    c.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    yield c
    c.close()


@pytest.mark.parametrize("numbers, found", [
    ("1", [1]), ("*", [5]), ("1:*", [1, 2, 3, 4, 5]), ("*:1", [1, 2, 3, 4, 5]), ("3:2", [2, 3]),
    ("1,3,5", [1, 3, 5]), ("5,3,1", [1, 3, 5]), ("1,1,1", [1]), ("1:3,2:4", [1, 2, 3, 4]),
    ("*,1", [1, 5]), ("*:*", [5]), ("5:*", [5]), ("*:4,1", [1, 4, 5]), ("6:*", [5]), ("*:9", [5]),
    ("4294967295:*", [5])])
def test_numbers(five, numbers, found):
    """"The order is not significant; duplicates are allowed.\""""
    assert sorted(five.fetch(numbers, "UID")) == found
    assert five.search(numbers) == found


@pytest.mark.parametrize("numbers", ["6", "1:6", "6:9", "1,6", "4294967295"])
@pytest.mark.parametrize("command", ["FETCH {} FLAGS", r"STORE {} +FLAGS (\Seen)", "COPY {} INBOX",
                                     "MOVE {} INBOX"])
def test_numbers_beyond_the_end(five, command, numbers):
    """Section 9: "The server should respond with a tagged BAD response to a
    command that uses a message sequence number greater than the number of
    messages in the selected mailbox." """
    five.bad(command.format(numbers))
    assert five.ok("NOOP").untagged == []


@pytest.mark.parametrize("uids, found", [
    ("1", [1]), ("2", []), ("1:*", [1, 2, 3, 4, 5]), ("*", [5]), ("6:*", [5]), ("7:*", [5]),
    ("100:*", [5]), ("*:100", [5]), ("100", []), ("100:200", []), ("3:2", [2]), ("2:4", [2, 3]),
    ("1,2,3", [1, 2]), ("4294967295", []), ("4294967295:*", [5]), ("1:4294967295", [1, 2, 3, 4, 5])])
def test_uids(five, uids, found):
    """Section 6.4.8: "A non-existent unique identifier is ignored without any
    error message generated." """
    r = five.ok(f"UID FETCH {uids} FLAGS")
    assert sorted(r.fetched()) == found
    assert all("UID" in f for f in r.fetched().values())
    assert five.search(f"UID {uids}") == found
    by_uid = five.ok(f"UID SEARCH UID {uids}").one("SEARCH").data
    assert by_uid == [five.view.uids[n - 1] for n in found]


def test_uids_that_are_not_there(server):
    c = fresh(server, 1)
    for command in ("UID FETCH 9 FLAGS", r"UID STORE 9 +FLAGS (\Seen)", "UID COPY 9 INBOX",
                    "UID MOVE 9 INBOX", "UID EXPUNGE 9"):
        r = c.ok(command)
        assert r.untagged == [] and r.code is None, r


def test_empty_mailbox(server):
    """Numbers of no message are BAD; UIDs and SEARCH find nothing."""
    c = fresh(server)
    for command in ("FETCH 1 FLAGS", "STORE 1 FLAGS ()", "COPY 1 INBOX"):
        c.bad(command)
    for command in ("UID FETCH 1:* FLAGS", "UID COPY 1:* INBOX", "UID STORE 1:* FLAGS ()",
                    "UID EXPUNGE 1:*", "UID FETCH * FLAGS"):
        assert c.ok(command).untagged == []
    for keys in ("ALL", "1", "1:*", "*", "UID 1:*", "UID *", "NOT ALL", "DELETED"):
        assert c.search(keys) == []
    assert c.ok("EXPUNGE").untagged == []
    c.ok("CLOSE")


# --- FETCH items ---

@pytest.fixture(scope="module")
def parts(shared_server):
    """1 SIMPLE, 2 NESTED, 3 no body, 4 no header; nothing is \\Seen."""
    c = fresh(shared_server, kept=True)
    for m in (SIMPLE, NESTED, b"Subject: no body\r\n\r\n", b"\r\nno header\r\n",
              b"Subject: no end"):
        c.append(m)
    c.ok("NOOP")
    yield c
    c.close()


def body(c, n, section, partial=""):
    """The bytes of a section, asked for with PEEK."""
    got = c.fetch(n, f"BODY.PEEK[{section}]{partial}")[n]
    (key, value), = ((k, v) for k, v in got.items() if k != "UID")
    origin = f"<{partial[1:].split('.')[0]}>" if partial else ""
    assert key == f"BODY[{section.upper()}]{origin}"
    return value


def test_sections_of_a_message(parts):
    head, text = SIMPLE.split(b"\r\n\r\n", 1)
    assert body(parts, 1, "") == SIMPLE
    assert body(parts, 1, "HEADER") == head + b"\r\n\r\n"
    assert body(parts, 1, "TEXT") == text
    assert body(parts, 1, "1") == text
    assert body(parts, 1, "HEADER.FIELDS (SUBJECT)") == b"Subject: simple\r\n\r\n"
    assert body(parts, 1, "HEADER.FIELDS (NOSUCH)") == b"\r\n"
    left = body(parts, 1, "HEADER.FIELDS.NOT (DATE FROM TO MESSAGE-ID CONTENT-TYPE)")
    assert left == b"Subject: simple\r\n\r\n"
    assert body(parts, 1, "HEADER.FIELDS.NOT (NOSUCH)") == head + b"\r\n\r\n"
    assert not body(parts, 1, "2")
    assert not body(parts, 1, "1.1")


def test_sections_of_parts(parts):
    """The numbers of section 6.4.5's example."""
    assert body(parts, 2, "1") == b"first part"
    assert body(parts, 2, "1.MIME") == (
        b"Content-Type: text/plain\r\nContent-Description: first\r\n\r\n")
    assert body(parts, 2, "2") == b"AAEC"
    assert body(parts, 2, "3") == IN
    assert body(parts, 2, "3.MIME") == b"Content-Type: message/rfc822\r\n\r\n"
    assert body(parts, 2, "3.HEADER") == IN.split(b"\r\n\r\n")[0] + b"\r\n\r\n"
    assert body(parts, 2, "3.TEXT") == IN.split(b"\r\n\r\n", 1)[1]
    assert body(parts, 2, "3.HEADER.FIELDS (SUBJECT X)") == b"Subject: inner\r\n\r\n"
    assert body(parts, 2, "3.HEADER.FIELDS.NOT (FROM MIME-VERSION CONTENT-TYPE)") == (
        b"Subject: inner\r\n\r\n")
    assert body(parts, 2, "3.1") == b"inner plain"
    assert body(parts, 2, "3.1.MIME") == (
        b"Content-Type: text/plain; charset=utf-8\r\nContent-Language: en, de\r\n\r\n")
    assert body(parts, 2, "3.2") == b"<p>inner</p>"
    assert body(parts, 2, "4.HEADER") == b"Subject: leaf\r\nFrom: leaf@example.org\r\n\r\n"
    assert body(parts, 2, "4.1") == body(parts, 2, "4.TEXT") == b"leaf text"
    for nothing in ("5", "1.1", "3.3", "9.9.9"):
        assert not body(parts, 2, nothing), nothing


def test_partial(parts):
    """"<origin octet>", and "an empty string" past the end."""
    text = body(parts, 1, "TEXT")
    for start, count in ((0, 1), (0, 3), (2, 3), (1, 1000), (0, 4294967295), (len(text) - 1, 5)):
        assert body(parts, 1, "TEXT", f"<{start}.{count}>") == text[start:start + count]
    for start in (len(text), len(text) + 1, 4294967295):
        assert body(parts, 1, "TEXT", f"<{start}.1>") == b""
    assert body(parts, 1, "", "<5.5>") == SIMPLE[5:10]
    assert body(parts, 1, "HEADER", "<0.4>") == b"Date"
    assert body(parts, 1, "HEADER.FIELDS (TO)", "<4.3>") == b"bob"
    assert body(parts, 2, "3.1", "<6.5>") == b"plain"
    assert body(parts, 2, "1.MIME", "<8.4>") == b"Type"


def test_messages_without_something(parts):
    assert body(parts, 3, "TEXT") == b""
    assert body(parts, 3, "HEADER") == b"Subject: no body\r\n\r\n"
    assert body(parts, 4, "HEADER") == b"\r\n"
    assert body(parts, 4, "TEXT") == b"no header\r\n"
    assert body(parts, 5, "") == b"Subject: no end"
    assert body(parts, 5, "TEXT") == b""
    for n in (3, 4, 5):
        got = parts.fetch(n, "(ENVELOPE BODYSTRUCTURE RFC822.SIZE BODY)")[n]
        assert got["RFC822.SIZE"] == len(body(parts, n, ""))
        assert got["BODY"]["type"] == b"TEXT"
        assert got["BODYSTRUCTURE"]["octets"] == len(body(parts, n, "TEXT"))


def test_rfc822_items(parts):
    """Equivalents of BODY[], BODY.PEEK[HEADER], BODY[TEXT] "differing in the syntax"."""
    got = parts.fetch(1, "(RFC822.HEADER RFC822.SIZE)")[1]
    assert got["RFC822.HEADER"] == body(parts, 1, "HEADER")
    assert got["RFC822.SIZE"] == len(SIMPLE)
    assert "\\Seen" not in parts.fetch(1, "FLAGS")[1]["FLAGS"]


def test_structure(parts):
    got = parts.fetch(2, "(BODY BODYSTRUCTURE)")[2]
    s = got["BODYSTRUCTURE"]
    assert s["subtype"].upper() == b"MIXED" and s["params"] == [(b"boundary", b"out")]
    assert [p["type"] for p in s["parts"]] == [b"TEXT", b"APPLICATION", b"MESSAGE", b"MESSAGE"]
    text, binary, inner, leaf = s["parts"]
    assert text["description"] == b"first" and text["octets"] == 10
    assert text["lines"] in (0, 1)			# "first part" has no line's end
    assert binary["encoding"].upper() == b"BASE64"
    assert binary["disposition"] == (b"attachment", [(b"filename", b"x.bin")])
    assert inner["octets"] == len(IN) and inner["envelope"]["subject"] == b"inner"
    assert inner["body"]["subtype"].upper() == b"ALTERNATIVE"
    plain, html = inner["body"]["parts"]
    assert plain["language"] == [b"en", b"de"] and html["id"] == b"<html@example.org>"
    assert plain["params"] == [(b"charset", b"utf-8")]
    assert leaf["envelope"]["subject"] == b"leaf"
    assert "md5" not in got["BODY"]["parts"][0] and "params" not in got["BODY"]
    assert "md5" in text


def test_envelope(parts):
    e = parts.fetch(1, "ENVELOPE")[1]["ENVELOPE"]
    ann = [(b"Ann Example", None, b"ann", b"example.org")]
    assert e["date"] == b"Sat, 21 Nov 2026 10:00:00 +0100"
    assert e["subject"] == b"simple"
    assert e["from"] == e["sender"] == e["reply-to"] == ann
    assert e["to"] == [(None, None, b"bob", b"example.net")]
    assert e["cc"] is e["bcc"] is e["in-reply-to"] is None
    assert e["message-id"] == b"<simple@example.org>"


@pytest.mark.parametrize("header, field, value", [
    ("To: group: a@x.org, b@y.org;", "to", [
        (None, None, b"group", None), (None, None, b"a", b"x.org"), (None, None, b"b", b"y.org"),
        (None, None, None, None)]),
    ("To: nobody:;", "to", [(None, None, b"nobody", None), (None, None, None, None)]),
    ("To: a@x.org (Comment Name)", "to", [(b"Comment Name", None, b"a", b"x.org")]),
    ("To: <@r1.org,@r2.org:a@x.org>", "to", [(None, b"@r1.org,@r2.org", b"a", b"x.org")]),
    ('To: "Quoted \\"Name\\"" <a@x.org>', "to", [(b'Quoted "Name"', None, b"a", b"x.org")]),
    ('To: "a b"@x.org', "to", [(None, None, b"a b", b"x.org")]),
    ("To: A,\n B <b@y.org>", "to", None),
    ("To:", "to", None), ("Cc: ", "cc", None), ("Reply-To: \nSender:", "reply-to", [
        (None, None, b"me", b"x.org")]),
    ("Subject: folded\n\tline", "subject", b"folded\tline"),
    ("Subject:", "subject", b""),
    ('Subject: a "quoted" \\ one', "subject", b'a "quoted" \\ one'),
    ("Subject: =?utf-8?q?=C3=A4?=", "subject", b"=?utf-8?q?=C3=A4?="),
    ("In-Reply-To: <a@b> <c@d>", "in-reply-to", b"<a@b> <c@d>"),
])
def test_envelope_of_odd_headers(server, header, field, value):
    """Section 7.4.2; what is NIL and what is empty, groups, routes."""
    c = fresh(server)
    c.append(crlf(f"From: me@x.org\n{header}\n\nx"))
    c.ok("NOOP")
    e = c.fetch(1, "ENVELOPE")[1]["ENVELOPE"]
    if header != "To: A,\n B <b@y.org>":
        assert e[field] == value
    assert e["sender"] == e["reply-to"] == [(None, None, b"me", b"x.org")]


def test_macros(parts):
    assert set(parts.fetch(1, "ALL")[1]) - {"UID"} == {
        "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"}
    assert set(parts.fetch(1, "FAST")[1]) - {"UID"} == {"FLAGS", "INTERNALDATE", "RFC822.SIZE"}
    assert set(parts.fetch(1, "FULL")[1]) - {"UID"} == {
        "FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"}


def test_items_said_twice(parts):
    got = parts.ok("FETCH 1 (FLAGS FLAGS UID UID BODY.PEEK[TEXT] BODY.PEEK[TEXT])").fetched()[1]
    assert set(got) == {"FLAGS", "UID", "BODY[TEXT]"}
    got = parts.ok("FETCH 1 (BODY.PEEK[]<0.3> BODY.PEEK[]<3.3> BODY.PEEK[HEADER])").fetched()[1]
    assert set(got) == {"BODY[]<0>", "BODY[]<3>", "BODY[HEADER]"}


@pytest.mark.parametrize("item, sets", [
    ("BODY[]", True), ("BODY[TEXT]", True), ("BODY[HEADER]", True), ("BODY[1]", True),
    ("BODY[HEADER.FIELDS (SUBJECT)]", True), ("BODY[1.MIME]", True), ("BODY[]<0.1>", True),
    ("RFC822", True), ("RFC822.TEXT", True), ("RFC822.HEADER", False), ("BODY.PEEK[]", False),
    ("BODY.PEEK[TEXT]<0.1>", False), ("BODY", False), ("BODYSTRUCTURE", False), ("ENVELOPE", False),
    ("FULL", False)])
def test_implicit_seen(server, item, sets):
    """"The \\Seen flag is implicitly set; if this causes the flags to change,
    they SHOULD be included as part of the FETCH responses." """
    c = fresh(server, 1)
    got = c.fetch(1, item)[1]
    assert ("\\Seen" in got.get("FLAGS", [])) == sets
    assert ("\\Seen" in c.fetch(1, "FLAGS")[1]["FLAGS"]) == sets
    again_ = c.fetch(1, item)[1]
    assert "FLAGS" not in again_ or item == "FULL"


def test_examine_changes_nothing(server):
    c = fresh(server, 2)
    c.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    c.select(examine=True)
    got = c.fetch(1, "(BODY[] FLAGS)")[1]
    assert "\\Seen" not in got["FLAGS"]
    for command in (r"STORE 1 +FLAGS (\Seen)", r"UID STORE 1 FLAGS.SILENT ()", "EXPUNGE",
                    "UID EXPUNGE 1:*", "MOVE 1 INBOX"):
        r = c.no(command)
        assert r.untagged == [], r
    assert c.ok("COPY 1 INBOX").code == "COPYUID"
    c.ok("CLOSE")
    assert c.select().one("EXISTS").number == 3
    assert c.search("SEEN") == []


def test_examine_has_no_permanent_flags(server):
    """"If PERMANENTFLAGS is () then no flags can be changed permanently"; and
    EXAMINE "MUST NOT" cause messages to lose \\Recent."""
    c = fresh(server)
    login(server, c.user).append(SIMPLE)
    c.ok("UNSELECT")
    for _ in range(2):
        r = c.ok("EXAMINE INBOX")
        assert r.coded("PERMANENTFLAGS") == [] and r.one("RECENT").number == 1
    assert c.ok("STATUS INBOX (RECENT)").one("STATUS").data[1] == {"RECENT": 1}
    assert c.select().one("RECENT").number == 1
    assert c.select().one("RECENT").number == 0


# --- STORE ---

def flags(c, n):
    return set(c.fetch(n, "FLAGS")[n]["FLAGS"]) - {"\\Recent"}


def test_store(server):
    c = fresh(server, 3)
    r = c.ok(r"STORE 1:3 FLAGS (\Seen)")
    assert sorted(r.numbers("FETCH")) == [1, 2, 3]
    assert all("\\Seen" in f["FLAGS"] for f in r.fetched().values())
    assert c.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)").all("FETCH") == []
    assert flags(c, 1) == {"\\Seen", "\\Flagged"}
    c.ok(r"STORE 1 -FLAGS (\Seen)")
    assert flags(c, 1) == {"\\Flagged"}
    c.ok(r"STORE 1 FLAGS \Draft \Answered")			# without parentheses
    assert flags(c, 1) == {"\\Draft", "\\Answered"}
    c.ok(r"STORE 1 FLAGS ()")
    assert flags(c, 1) == set()
    c.ok(r"STORE 1 +FLAGS ()")
    c.ok(r"STORE 1 -FLAGS ()")
    r = c.ok(r"UID STORE 2 +FLAGS (\Deleted)")
    assert r.fetched()[2]["UID"] == 2 and "\\Deleted" in r.fetched()[2]["FLAGS"]


def test_keywords(server):
    c = fresh(server, 2)
    assert "\\*" in c.view.permanent
    r = c.ok("STORE 1 +FLAGS ($Forwarded NonJunk)")
    kinds = r.kinds
    assert kinds.index("FLAGS") < kinds.index("FETCH"), "announced before it is used"
    assert flags(c, 1) == {"$Forwarded", "NonJunk"}
    assert {"$Forwarded", "NonJunk"} <= set(c.view.flags)
    c.ok("STORE 2 +FLAGS (nonjunk)")				# keywords are case-insensitive
    assert len(flags(c, 2)) == 1
    assert c.search("KEYWORD NONJUNK") == [1, 2]
    assert c.search("UNKEYWORD $forwarded") == [2]
    assert c.search("KEYWORD never-used") == []
    c.ok("STORE 1 -FLAGS ($FORWARDED)")
    assert flags(c, 1) == {"NonJunk"}
    r = c.select()
    assert "NonJunk" in r.one("FLAGS").data and "NonJunk" in r.coded("PERMANENTFLAGS")


# --- APPEND ---

def test_append(server):
    c = fresh(server)
    c.append(SIMPLE, options=r'(\Seen \Flagged $Label) " 7-Jan-2020 01:02:03 -0330"')
    c.append(SIMPLE, options='()')
    c.append(SIMPLE, options='"17-Jul-1996 02:44:25 -0700"')
    c.ok("NOOP")
    got = c.fetch("1:3", "(FLAGS INTERNALDATE RFC822.SIZE)")
    assert set(got[1]["FLAGS"]) - {"\\Recent"} == {"\\Seen", "\\Flagged", "$Label"}
    assert got[1]["INTERNALDATE"] == " 7-Jan-2020 01:02:03 -0330"
    assert got[3]["INTERNALDATE"] == "17-Jul-1996 02:44:25 -0700"
    assert got[1]["RFC822.SIZE"] == len(SIMPLE)


@pytest.mark.parametrize("date", [
    "32-Jan-2020 00:00:00 +0000", "29-Feb-2021 00:00:00 +0000", "1-Jan-2020 00:00:00 +0000",
    "01-Jan-2020 24:00:00 +0000", "01-Jan-2020 00:60:00 +0000", "01-Jan-20 00:00:00 +0000",
    "01-Jan-2020 00:00:00", "01-Jan-2020 00:00:00 GMT", "01-Foo-2020 00:00:00 +0000", ""])
def test_append_with_a_wrong_date(server, date):
    c = fresh(server)
    c.bad(f'APPEND INBOX "{date}" ', Lit(SIMPLE, plus=True))
    assert c.ok("STATUS INBOX (MESSAGES)").one("STATUS").data[1] == {"MESSAGES": 0}


def test_append_to_the_selected_mailbox(server):
    """"If the mailbox is currently selected, the normal new message actions
    SHOULD occur": EXISTS."""
    c = fresh(server)
    r = c.ok("APPEND INBOX ", Lit(SIMPLE))
    assert r.one("EXISTS").number == 1 and r.one("RECENT").number == 1


def test_append_nowhere(server):
    """"If the destination mailbox does not exist, a server MUST return an error
    and ... MUST send the response code [TRYCREATE]", if it can be created."""
    c = fresh(server, 1)
    nowhere = "INBOX." + name()
    assert c.no(f"APPEND {nowhere} ", Lit(SIMPLE)).code == "TRYCREATE"
    assert c.no(f"COPY 1 {nowhere}").code == "TRYCREATE"
    assert c.no(f"MOVE 1 {nowhere}").code == "TRYCREATE"
    assert c.no(f"UID COPY 1 {nowhere}").code == "TRYCREATE"
    assert nowhere not in c.names('LIST "" *')
    assert c.search("ALL") == [1]


def test_append_nothing(server):
    """A literal of no bytes is refused in a way that the session survives."""
    c = fresh(server)
    assert c.cmd("APPEND INBOX ", Lit(b"")).status in ("NO", "OK")
    assert c.cmd("APPEND INBOX ", Lit(b"", plus=True)).status in ("NO", "OK")
    c.ok("NOOP")


def test_append_of_any_bytes(server):
    """Line ends as they came, 8-bit bytes; CHAR8 excludes NUL."""
    c = fresh(server)
    odd = b"Subject: x\n\nbare\nlf\rcr\r\n\xff\xfe\x80\r\n"
    c.append(odd)
    c.ok("NOOP")
    assert body(c, 1, "") in (odd, odd.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    nul = Lit(b"Subject: nul\r\n\r\na\0b\r\n")
    assert c.no("APPEND INBOX ", nul).text == "Message contains NUL characters"
    assert c.search("ALL") == [1]


# --- COPY, MOVE, EXPUNGE ---

def test_copy(server):
    c = fresh(server, 3)
    box = "INBOX." + name()
    c.ok(f"CREATE {box}")
    c.ok(r"STORE 1 +FLAGS (\Seen $kw)")
    dates = {n: f["INTERNALDATE"] for n, f in c.fetch("1:3", "INTERNALDATE").items()}
    r = c.ok(f"COPY 3,1 {box}")
    _, source, target = r.code_args
    assert r.code == "COPYUID" and sorted(source) == [1, 3]
    assert source == sorted(source) and target == [1, 2]
    d = again(c, server)
    s = d.select(box)
    assert s.coded("UIDVALIDITY") == r.code_args[0] and s.one("RECENT").number == 2
    got = d.fetch("1:2", "(FLAGS INTERNALDATE)")
    assert set(got[1]["FLAGS"]) == {"\\Seen", "$kw", "\\Recent"}
    assert got[1]["INTERNALDATE"] == dates[1] and got[2]["INTERNALDATE"] == dates[3]


def test_copy_to_itself(server):
    c = fresh(server, 2)
    r = c.ok("COPY 1:2 INBOX")
    assert r.code_args[1:] == ([1, 2], [3, 4])
    assert r.one("EXISTS").number == 4
    assert [f["UID"] for f in c.fetch("1:4", "UID").values()] == [1, 2, 3, 4]


def test_copy_is_all_or_nothing(server):
    """"If the COPY command is unsuccessful for any reason, server implementations
    MUST restore the destination mailbox to its state before the COPY attempt." """
    c = fresh(server, 3)
    box = "INBOX." + name()
    c.ok(f"CREATE {box}")
    other = again(c, server)
    other.ok(r"STORE 2 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    r = c.cmd(f"COPY 1:3 {box}")
    n = c.ok(f"STATUS {box} (MESSAGES)").one("STATUS").data[1]["MESSAGES"]
    assert (r.status, n) in (("NO", 0), ("OK", 3), ("OK", 2))
    assert r.status == "NO" or len(r.code_args[1]) == n


def test_move(server):
    """RFC 6851 section 4.3: COPYUID in an untagged OK, "before sending EXPUNGE"."""
    c = fresh(server, 4)
    box = "INBOX." + name()
    c.ok(f"CREATE {box}")
    r = c.ok(f"MOVE 2:3 {box}")
    assert r.untagged[0].code == "COPYUID"
    assert r.untagged[0].code_args[1:] == ([2, 3], [1, 2])
    assert r.kinds[1:3] == ["EXPUNGE", "EXPUNGE"] and r.code == "HIGHESTMODSEQ"     # section 4.4
    assert c.search("ALL") == [1, 2]
    r = c.ok(f"UID MOVE 4,1 {box}")
    assert r.untagged[0].code_args[1:] == ([1, 4], [3, 4])
    assert len(r.all("EXPUNGE")) == 2
    assert c.select(box).one("EXISTS").number == 4


def test_move_to_itself(server):
    c = fresh(server, 2)
    r = c.ok("MOVE 1 INBOX")
    assert r.untagged[0].code_args[1:] == ([1], [3])
    assert r.numbers("EXPUNGE") == [1] and r.one("EXISTS").number == 2
    assert r.kinds.index("EXPUNGE") < r.kinds.index("EXISTS")


def test_move_takes_messages_that_are_not_deleted_only_by_name(server):
    """"... MUST NOT remove other messages that are \\Deleted." """
    c = fresh(server, 3)
    box = "INBOX." + name()
    c.ok(f"CREATE {box}")
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    r = c.ok(f"MOVE 3 {box}")
    assert r.numbers("EXPUNGE") == [3]
    assert c.search("DELETED") == [1]
    c.select(box)
    assert flags(c, 1) == set()


def test_expunge_numbers(server):
    """"The EXPUNGE response ... is decremented by one for all of the messages
    after": several in a row."""
    c = fresh(server, 5)
    c.ok(r"STORE 2:3,5 +FLAGS.SILENT (\Deleted)")
    r = c.ok("EXPUNGE")
    left = [1, 2, 3, 4, 5]
    for n in r.numbers("EXPUNGE"):
        del left[n - 1]
    assert left == [1, 4]
    assert [f["UID"] for f in c.fetch("1:*", "UID").values()] == [1, 4]


def test_uid_expunge(server):
    """RFC 4315: only those that are \\Deleted and in the set."""
    c = fresh(server, 4)
    c.ok(r"STORE 1:3 +FLAGS.SILENT (\Deleted)")
    assert c.ok("UID EXPUNGE 2:4").numbers("EXPUNGE") in ([2, 2], [3, 2])
    assert [f["UID"] for f in c.fetch("1:*", "UID").values()] == [1, 4]


def test_close_and_unselect(server):
    """CLOSE: "No untagged EXPUNGE responses are sent"; UNSELECT removes nothing."""
    c = fresh(server, 3)
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    assert c.ok("UNSELECT").untagged == []
    c.bad("FETCH 1 FLAGS")
    assert c.select().one("EXISTS").number == 3
    assert c.ok("CLOSE").untagged == []
    c.bad("CLOSE")
    assert c.select().one("EXISTS").number == 2


def test_select_another_removes_nothing(server):
    c = fresh(server, 1)
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    c.select()
    assert c.search("DELETED") == [1]


def test_uids_are_never_used_again(server):
    c = fresh(server, 2)
    before = c.ok("STATUS INBOX (UIDNEXT UIDVALIDITY)").one("STATUS").data[1]
    c.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    assert c.ok("STATUS INBOX (UIDNEXT UIDVALIDITY)").one("STATUS").data[1] == before
    assert c.append(SIMPLE) == before["UIDNEXT"]


# --- SEARCH ---

@pytest.fixture(scope="module")
def corpus(shared_server):
    """Six messages; the fourth has no Date and odd fields."""
    c = fresh(shared_server, kept=True)
    rows = [
        ("2-Feb-2020", r"\Seen", "Sun, 2 Feb 2020 10:00:00 +0000", "To: a@x.org", "alpha"),
        ("2-Feb-2020", r"\Answered \Flagged", "Mon, 3 Feb 2020 23:30:00 -0800", "Cc: B <b@y.org>", "beta"),
        ("3-Feb-2020", r"\Deleted kw1", "Sat, 1 Feb 2020 00:30:00 +0900", "Bcc: c@z.org", "gamma"),
        ("4-Feb-2020", r"\Draft", None, "X-Empty:\nX-Odd: va\n lue", "delta Alpha"),
        ("5-Feb-2020", r"\Seen kw2", "5 Feb 2020 12:00:00 GMT", "Subject: =?iso-8859-1?q?gr=FC=DFe?=", "x"),
        ("5-Feb-2020", "", "nonsense", "Subject: plain gamma", "y" * 3000)]
    for day, flag, date, header, text in rows:
        message = crlf((f"Date: {date}\n" if date else "") + f"From: s@f.org\n{header}\n\n{text}")
        c.append(message, options=f'({flag}) "{day.rjust(11)} 12:00:00 +0000"')
    c.ok("NOOP")
    yield c
    c.close()


@pytest.mark.parametrize("keys, found", [
    ("ALL", "123456"), ("SEEN", "15"), ("UNSEEN", "2346"), ("ANSWERED", "2"), ("UNANSWERED", "13456"),
    ("FLAGGED", "2"), ("UNFLAGGED", "13456"), ("DELETED", "3"), ("UNDELETED", "12456"), ("DRAFT", "4"),
    ("UNDRAFT", "12356"), ("KEYWORD kw1", "3"), ("UNKEYWORD kw1", "12456"), ("KEYWORD KW2", "5"),
    ("NOT SEEN", "2346"), ("NOT NOT SEEN", "15"), ("OR SEEN DELETED", "135"),
    ("OR (SEEN KEYWORD kw2) OR DRAFT DELETED", "345"), ("NOT (SEEN)", "2346"), ("(SEEN) (NOT KEYWORD kw2)", "1"),
    ("(((ALL)))", "123456"), ("NOT OR SEEN DELETED", "246"), ("OR NOT SEEN NOT DELETED", "123456"),
    ("SEEN UNSEEN", ""), ("1:3 NOT 2", "13"), ("UID 2:4 4:*", "4"), ("2,4 SEEN", ""), ("NOT 1:5", "6"),
    ("BEFORE 3-Feb-2020", "12"), ("ON 3-Feb-2020", "3"), ("SINCE 4-Feb-2020", "456"),
    ("ON 03-Feb-2020", "3"), ('ON "3-Feb-2020"', "3"), ("ON 3-feb-2020", "3"), ("BEFORE 1-Jan-1990", ""),
    ("SINCE 1-Jan-1990", "123456"), ("SINCE 2-Feb-2020 BEFORE 3-Feb-2020", "12"),
    ("SENTON 2-Feb-2020", "1"), ("SENTON 3-Feb-2020", "2"), ("SENTON 4-Feb-2020", None),
    ("SENTON 1-Feb-2020", "3"), ("SENTON 31-Jan-2020", ""), ("SENTSINCE 3-Feb-2020 SENTBEFORE 5-Feb-2020", None),
    ("SENTSINCE 3-Feb-2020 1:3", "2"), ("SENTBEFORE 3-Feb-2020 1:3", "13"), ("SENTON 5-Feb-2020 1:5", "5"),
    ("FROM s@f.org", "123456"), ("FROM S@F", "123456"), ("FROM nobody", ""), ("TO a@x", "1"), ("CC b@y", "2"),
    ("CC B", "2"), ("BCC c@z.org", "3"), ("SUBJECT gamma", "6"), ("BODY gamma", "3"), ("TEXT gamma", "36"),
    ("BODY alpha", "14"), ("BODY ALPHA", "14"), ('TEXT "delta alpha"', "4"), ("BODY nowhere", ""),
    ('HEADER X-Empty ""', "4"), ("HEADER X-Empty x", ""), ('HEADER X-None ""', ""), ("HEADER X-Odd value", None),
    ('HEADER X-Odd "va lue"', "4"), ('HEADER x-odd "VA"', "4"), ('HEADER DATE ""', "12356"),
    ('NOT HEADER Cc ""', "13456"), ("HEADER From f.org", "123456"), ('HEADER Subject ""', "56"),
    ("LARGER 2000", "6"), ("SMALLER 2000", "12345"), ("LARGER 0", "123456"), ("SMALLER 1", ""),
    ("SMALLER 0", ""), ("LARGER 4294967295", ""), ("SMALLER 4294967295", "123456"),
    ('SUBJECT "grüße"', None), ('CHARSET UTF-8 SUBJECT "grüße"', "5"), ("CHARSET US-ASCII SUBJECT plain", "6"),
    ("CHARSET us-ascii ALL", "123456"), ('CHARSET "UTF-8" SUBJECT "GRÜSSE"', None),
    ("NEW", None), ("RECENT", None), ("OLD", None), ("HEADER NIL NIL", ""), ("SUBJECT NIL", ""),
    ('SUBJECT ""', None), ('BODY ""', None), ('TEXT ""', "123456"), ('FROM ""', None)])
def test_search(corpus, keys, found):
    if "ü" in keys or "Ü" in keys:
        got = corpus.search(keys.encode())
    else:
        got = corpus.search(keys)
    if found is not None:
        assert got == [int(n) for n in found]


def test_larger_and_smaller_are_strict(corpus):
    """"with an [RFC-2822] size larger than the specified number of octets" """
    size = corpus.fetch(1, "RFC822.SIZE")[1]["RFC822.SIZE"]
    assert 1 in corpus.search(f"SMALLER {size + 1}") and 1 not in corpus.search(f"SMALLER {size}")
    assert 1 in corpus.search(f"LARGER {size - 1}") and 1 not in corpus.search(f"LARGER {size}")


def test_search_charsets(corpus):
    """"MUST return the untagged NO [BADCHARSET]" and the same word in all charsets."""
    assert corpus.no("SEARCH CHARSET X-NOSUCH ALL").code == "BADCHARSET"
    assert corpus.no("UID SEARCH CHARSET X-NOSUCH TEXT x").code == "BADCHARSET"
    for charset in ("UTF-8", "ISO-8859-1", "UTF-16BE", "windows-1252"):
        data = "grüße".encode(charset)
        if charset.startswith("UTF-16"):
            continue				# has NULs: no literal holds it
        assert corpus.search(f"CHARSET {charset} SUBJECT ", Lit(data)) == [5], charset


def test_recent_new_old(server):
    c = fresh(server)
    other = login(server, c.user)
    other.append(SIMPLE)
    other.append(SIMPLE, options=r"(\Seen)")
    assert c.ok("NOOP").one("RECENT").number == 2
    assert c.search("RECENT") == [1, 2] and c.search("NEW") == [1] and c.search("OLD") == []
    c.select()
    assert c.search("RECENT") == [] and c.search("OLD") == [1, 2]


# --- what others do: section 5.2, 7.4.1 ---

def test_recent_belongs_to_one_session(server):
    """"If multiple sessions have the same mailbox selected simultaneously, it is
    undefined which of these sessions will see newly-arrived messages with
    \\Recent set": but never both."""
    a = fresh(server)
    b = again(a, server)
    b.append(SIMPLE)
    a.ok("NOOP"), b.ok("NOOP")
    recent = ["\\Recent" in c.fetch(1, "FLAGS")[1]["FLAGS"] for c in (a, b)]
    assert sum(recent) == 1
    assert a.ok("STATUS INBOX (RECENT)").one("STATUS").data[1]["RECENT"] <= 1


def test_no_expunge_while_numbers_are_spoken(server):
    """"An EXPUNGE response MUST NOT be sent when no command is in progress, nor
    while responding to a FETCH, STORE, or SEARCH command." """
    a = fresh(server, 5)
    b = again(a, server)
    b.ok(r"STORE 1,3 +FLAGS.SILENT (\Deleted)")
    b.ok("EXPUNGE")
    for command in ("FETCH 1:5 (UID FLAGS)", "FETCH 1:* UID", r"STORE 1:5 +FLAGS (\Flagged)", "SEARCH ALL",
                    "SEARCH FLAGGED", "FETCH 5 UID"):
        r = a.cmd(command)
        assert r.status in ("OK", "NO"), r
        assert "EXPUNGE" not in r.kinds
        assert len(a.view.uids) == 5
    r = a.ok("NOOP")
    assert len(r.numbers("EXPUNGE")) == 2
    assert [f["UID"] for f in a.fetch("1:*", "UID").values()] == [2, 4, 5]


def test_expunged_here_grows_there(server):
    """EXISTS never shrinks but by EXPUNGE: messages go and come in one sync."""
    a = fresh(server, 3)
    b = again(a, server)
    b.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    b.ok("EXPUNGE")
    b.append(numbered(9))
    r = a.ok("FETCH 3 UID")
    assert "EXPUNGE" not in r.kinds
    assert all(n >= 3 for n in r.numbers("EXISTS"))
    a.ok("NOOP")
    assert [f["UID"] for f in a.fetch("1:*", "UID").values()] == [3, 4]


@pytest.mark.parametrize("command", ["NOOP", "CHECK", "UID SEARCH ALL", "STATUS INBOX (MESSAGES)",
                                     'LIST "" ""', "CAPABILITY", "NAMESPACE"])
def test_updates_come_with_any_command(server, command):
    a = fresh(server, 2)
    b = again(a, server)
    b.ok(r"STORE 1 +FLAGS (\Flagged newword)")
    b.append(SIMPLE)
    r = a.ok(command)
    assert r.one("EXISTS").number == 3
    assert set(r.fetched()[1]["FLAGS"]) >= {"\\Flagged", "newword"}


def test_five_sessions_agree(server):
    sessions = [fresh(server, 3)]
    sessions += [again(sessions[0], server) for _ in range(4)]
    for i, c in enumerate(sessions):
        c.append(numbered(i + 10))
        c.cmd(rf"STORE {i % 3 + 1} +FLAGS (\Flagged word{i})")
        c.cmd(r"UID STORE 1 -FLAGS (\Flagged)")
        if i == 2:
            c.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
            c.ok("EXPUNGE")
    views = []
    for c in sessions:
        c.ok("NOOP")
        got = c.fetch("1:*", "(UID FLAGS)")
        views.append([(f["UID"], sorted(set(f["FLAGS"]) - {"\\Recent"})) for f in got.values()])
    assert all(v == views[0] for v in views) and len(views[0]) == 7
    assert sum("\\Recent" in f["FLAGS"] for c in sessions
               for f in c.fetch("4:*", "FLAGS").values()) <= 4 + 1


def test_selected_mailbox_is_deleted_elsewhere(server):
    """RFC 2180 section 3.3: the session ends or the mailbox empties; no garbage."""
    a = fresh(server)
    box = "INBOX." + name()
    a.ok(f"CREATE {box}")
    b = login(server, a.user)
    b.append(SIMPLE, box)
    b.select(box)
    a.ok(f"DELETE {box}")
    try:
        r = b.cmd("NOOP")
        assert r.status in ("OK", "NO")
    except (EOFError, Deviation) as e:
        assert b.bye, e


def test_status_of_the_selected_mailbox(server):
    c = fresh(server, 2)
    r = c.ok("STATUS INBOX (MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)")
    name_, items = r.one("STATUS").data
    assert name_ == "INBOX" and items["MESSAGES"] == 2 and items["UIDNEXT"] == 3
    assert items["UNSEEN"] == 2
    assert c.ok("STATUS INBOX (UNSEEN)").one("STATUS").data[1] == {"UNSEEN": 2}
    assert c.ok("STATUS inbox (MESSAGES MESSAGES)").one("STATUS").data[1] == {"MESSAGES": 2}


def test_unseen_code(server):
    """The number of the first unseen message, and none if all are seen."""
    c = fresh(server, 3)
    assert c.select().coded("UNSEEN") == 1
    c.ok(r"STORE 1:2 +FLAGS.SILENT (\Seen)")
    assert c.select().coded("UNSEEN") == 3
    c.ok(r"STORE 3 +FLAGS.SILENT (\Seen)")
    assert not [u for u in c.select().untagged if u.code == "UNSEEN"]


def test_failed_select_leaves_nothing_selected(server):
    """"If the SELECT fails, no mailbox is selected." """
    c = fresh(server, 1)
    c.no("SELECT INBOX.nosuch")
    c.bad("FETCH 1 FLAGS")


@pytest.mark.parametrize("header, keys", [
    ("From: ann.bell (comment)@ (another) example.org", "FROM ann.bell@example.org"),
    ("From: <ann (c)@example.org>", "FROM ann@example.org"),
    ("From: ann@example.org (Ann Bell)", 'FROM "ann bell"'),
    (r'To: "Ann \"Bee\" Bell" <ann@example.org>', r'TO "ann \"bee\" bell"'),
    ("Cc: friends: a@example.org, b@example.org;,\n more: c@example.org;", "CC c@example.org"),
    ("Cc: friends: a@example.org;", "CC friends"),
    ("Bcc: =?utf-8?q?J=C3=BCrgen?= (x) <j@example.org>", 'CHARSET UTF-8 BCC "JÜRGEN"')])
def test_search_of_addresses(server, header, keys):
    """"... contain the specified string in the envelope structure's FROM field\""""
    c = fresh(server)
    c.append(crlf(f"{header}\n\nx"))
    c.append(crlf("From: other@example.com\n\nx"))
    c.ok("NOOP")
    assert c.search(keys.encode()) == [1]


def test_search_by_day_in_the_zone_of_the_date(server):
    """"disregarding time and timezone": the day as FETCH INTERNALDATE shows it."""
    c = fresh(server)
    for date in ("24-Mar-2007 23:59:59 +0200", "25-Mar-2007 00:00:00 +0200",
                 "25-Mar-2007 23:59:59 +0300", "26-Mar-2007 00:00:00 +0300"):
        c.append(SIMPLE, options=f'"{date}"')
    c.ok("NOOP")
    assert c.search("ON 25-mar-2007") == [2, 3]
    assert c.search("BEFORE 25-mar-2007") == [1]
    assert c.search("SINCE 26-mar-2007") == [4]


def test_a_message_that_is_a_message(server):
    """Content-Type: message/rfc822 at the top: its part 1 is the one within."""
    head = crlf("From: outer@example.org\nMIME-Version: 1.0\nContent-Type: message/rfc822\n") + b"\r\n"
    leaf = crlf("From: inner@example.org\nSubject: leaf\n\nHello world\n")
    c = fresh(server)
    c.append(head + head + leaf)
    c.ok("NOOP")
    assert body(c, 1, "1") == body(c, 1, "TEXT") == head + leaf
    assert body(c, 1, "1.HEADER") == head
    assert body(c, 1, "1.1") == body(c, 1, "1.TEXT") == leaf
    assert body(c, 1, "1.1.HEADER") == leaf.split(b"Hello")[0]
    assert body(c, 1, "1.1.1") == body(c, 1, "1.1.TEXT") == b"Hello world\r\n"
    s = c.fetch(1, "BODYSTRUCTURE")[1]["BODYSTRUCTURE"]
    assert s["body"]["body"]["type"] == b"TEXT"


def test_digest(server):
    """Parts of multipart/digest are messages without saying so."""
    c = fresh(server)
    c.append(crlf("Content-Type: multipart/digest; boundary=\"d\n e\"\nMIME-Version: 1.0\n\nprologue\n"
                  "--d e \n\nFrom: m1@x\nSubject: m1\n\none\n--d e\nX-Mime: two\n\nSubject: m2\n\ntwo\n"
                  "--d e--\nepilogue"))
    c.ok("NOOP")
    assert body(c, 1, "1") == b"From: m1@x\r\nSubject: m1\r\n\r\none"
    assert body(c, 1, "1.MIME") == b"\r\n"
    assert body(c, 1, "1.TEXT") == body(c, 1, "1.1") == b"one"
    assert body(c, 1, "2.MIME") == b"X-Mime: two\r\n\r\n"
    assert body(c, 1, "2.HEADER") == b"Subject: m2\r\n\r\n"
    s = c.fetch(1, "BODYSTRUCTURE")[1]["BODYSTRUCTURE"]
    assert [p["type"] for p in s["parts"]] == [b"MESSAGE", b"MESSAGE"]


@pytest.mark.parametrize("fields", [
    'Subject', '"Subject"', 'subject SUBJECT', '"a b"', '"a\\"b"', '"a\\\\b"', '""', 'NIL', '"(" ")"', 'x]y',
    '"x%y" x*y'.replace("x*y", '"x*y"'), '"{5}"', 'X-' + 'y' * 300])
def test_labels_of_header_fields(parts, fields):
    """The label is a section of the grammar whatever the field is called."""
    for peek in (f"BODY.PEEK[HEADER.FIELDS ({fields})]", f"BODY.PEEK[HEADER.FIELDS.NOT ({fields})]<0.5>"):
        r = parts.cmd(f"FETCH 1 {peek}")
        assert r.status in ("OK", "BAD")
        if r.status == "OK":
            assert len(r.fetched()[1]) >= 1


def test_labels_of_literal_header_fields(parts):
    for field in (b"Subject", b"a b", b'a"b', b"\xc3\xa9", b"a\r\nb"):
        r = parts.cmd("FETCH 1 BODY.PEEK[HEADER.FIELDS (", Lit(field), ")]")
        assert r.status in ("OK", "BAD"), field


def test_updates_of_a_move(server):
    """What MOVE takes from a mailbox and puts into another is told in both."""
    a = fresh(server, 3)
    box = "INBOX." + name()
    a.ok(f"CREATE {box}")
    there, here = login(server, a.user), again(a, server)
    there.select(box)
    a.ok(f"UID MOVE 1,3 {box}")
    assert there.ok("NOOP").one("EXISTS").number == 2
    assert len(here.ok("NOOP").numbers("EXPUNGE")) == 2
    assert [f["UID"] for f in here.fetch("1:*", "UID").values()] == [2]
    here.ok("MOVE 1 INBOX")
    assert [f["UID"] for f in here.fetch("1:*", "UID").values()] == [4]


def test_implicit_flags_come_before_the_body(server):
    """Any order is allowed; libraries that read a literal and then look for ")"
    (Mail::IMAPClient does) need the flags first, where Cyrus has them."""
    c = fresh(server, 1)
    assert list(c.fetch(1, "BODY[TEXT]")[1]) == ["FLAGS", "BODY[TEXT]"]


@pytest.mark.parametrize("date", [
    "01-Jan-1970 00:00:00 +0000", "31-Dec-1969 23:59:59 -0100", "01-Jan-1900 00:00:00 +0000",
    "31-Dec-9999 23:59:59 +0000", "29-Feb-2000 12:00:00 +1400", "19-Jan-2038 03:14:08 +0545",
    "07-Feb-2106 06:28:16 -1200"])
def test_internaldate_of_any_age(server, date):
    """What APPEND gave is what FETCH gives and SEARCH finds; 0 is a time, too."""
    c = fresh(server)
    c.append(SIMPLE, options=f'"{date}"')
    c.ok("NOOP")
    assert c.fetch(1, "INTERNALDATE")[1]["INTERNALDATE"].replace(" ", "0", date[0] == "0") == date
    assert c.search(f"ON {date[:11]}") == [1] and c.search(f"NOT SINCE {date[:11]}") == []


def test_star_goes_when_there_is_no_room(server):
    """PERMANENTFLAGS has \\* only while keywords can be created; then NO [LIMIT]
    in STORE and APPEND, and nothing has changed."""
    c = fresh(server, 1)
    r, n = c.ok("NOOP"), 0
    while r.status == "OK":
        assert "\\*" in c.view.permanent or n > 0
        r = c.cmd(f"STORE 1 +FLAGS.SILENT (word{n} other{n})")
        n += 1
    assert r.code == "LIMIT" and n > 15
    assert "\\*" not in c.view.permanent and "\\*" not in c.select().coded("PERMANENTFLAGS")
    assert c.no("APPEND INBOX (never-seen) ", Lit(SIMPLE)).code == "LIMIT"
    assert len(c.search("ALL")) == 1
    c.ok("STORE 1 -FLAGS (word1)")
    c.ok("STORE 1 +FLAGS (word1)")


@pytest.mark.parametrize("command", [
    "FETCH 1 FLAGS", "FETCH 1 BODY[]", "UID FETCH 1 (FLAGS)", "FETCH 1 (FLAGS BODY[])", "FETCH 1:2 FAST",
    r"STORE 1 +FLAGS (\Seen)", "STORE 1 -FLAGS (Other)", "SEARCH KEYWORD brandnew"])
def test_no_keyword_before_flags_has_announced_it(server, command):
    """Section 7.2.6: FLAGS tells which flags are applicable.  What another session
    has just invented is not used before that; after the command it is known."""
    a = fresh(server, 2)
    b = again(a, server)
    b.ok("STORE 1 +FLAGS (brandnew)")
    r = a.ok(command)				# the model judges each FETCH
    if command.startswith("SEARCH"):
        assert r.one("SEARCH").data == [1]
    assert "brandnew" in a.view.flags
    assert "brandnew" in r.all("FETCH")[-1].data["FLAGS"]
