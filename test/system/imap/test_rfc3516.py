"""BINARY (RFC 3516), also in IMAP4rev2 (RFC 9051 section 6.4.5)."""
import base64

import pytest
from answers import fetched, flags, lit, lit8, value

DATA = bytes(range(256)) * 300
MIXED = (
    b"Subject: parts\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=C3=BC=C3=9Fe =\r\njoined=20\r\nlast\r\n"
    b"--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: BASE64\r\n\r\n"
    + base64.encodebytes(DATA).replace(b"\n", b"\r\n") +
    b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
    b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: image/x\r\n"
    b"Content-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 f\r\n#0V%T\r\n`\r\nend\r\n"
    b"--b\r\nContent-Transfer-Encoding: x-secret\r\n\r\nxyz\r\n"
    b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\n\r\n"
    b"--b--\r\n")
TEXT = "Grüße joined \r\nlast".encode()


@pytest.fixture(scope="module")
def mixed(module_server):
    server = module_server()
    c = server.login(server.new_user())
    c.append("INBOX", MIXED)
    c.append("INBOX", b"Content-Transfer-Encoding: base64\r\n\r\nQUJD\r\n")
    c.ok("SELECT INBOX")
    return c


def binary(c, section, number=1):
    got = fetched(c.ok(f"FETCH {number} BINARY.PEEK{section}"), number)
    label = ("BINARY" + section.split("<")[0]).encode()
    if "<" in section:
        label += b"<" + section.split("<")[1].split(".")[0].encode() + b">"
    return value(got, label), got


def size(c, section, number=1):
    got = fetched(c.ok(f"FETCH {number} BINARY.SIZE{section}"), number)
    assert got.startswith(b"BINARY.SIZE" + section.encode() + b" "), got
    return int(got.rsplit(b" ", 1)[1])


def test_4_1_advertised(imap):
    assert b"BINARY" in imap.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


@pytest.mark.parametrize("section, content", [
    ("[1]", TEXT), ("[2]", DATA), ("[3]", b"plain"), ("[4.1]", b"\0\1\2"), ("[5]", b"Cat"),
    ("[7]", b""), ("[]", MIXED),
    ("[4]", b"Subject: inner\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC"),
])
def test_4_2_decoded(mixed, section, content):
    """BINARY: transmitted after performing CTE-related decoding; BINARY.SIZE is
    the exact number of octets of it."""
    assert binary(mixed, section)[0] == content
    assert size(mixed, section) == len(content)


@pytest.mark.parametrize("section", ["[8]", "[1.1]", "[4.2]", "[99.1]"])
def test_4_2_no_such_part(mixed, section):
    assert binary(mixed, section)[0] is None
    assert size(mixed, section) == 0


def test_4_2_message_without_parts(mixed):
    assert binary(mixed, "[1]", 2)[0] == b"ABC"
    assert size(mixed, "[1]", 2) == 3
    assert binary(mixed, "[]", 2)[0].endswith(b"QUJD\r\n")


@pytest.mark.parametrize("offset, length", [
    (0, 1), (0, 76800), (0, 10 ** 9), (65535, 2), (65536, 10), (76799, 1), (76800, 5), (10 ** 12, 1),
    (1, 76798), (57, 57),
])
def test_4_2_partials_are_of_the_decoded(mixed, offset, length):
    """The partial is of the decoded section data."""
    assert binary(mixed, f"[2]<{offset}.{length}>")[0] == DATA[offset:offset + length]


@pytest.mark.parametrize("offset, length", [(0, 4), (3, 1), (4, 100), (100, 1)])
def test_4_2_partials_of_quoted_printable(mixed, offset, length):
    assert binary(mixed, f"[1]<{offset}.{length}>")[0] == TEXT[offset:offset + length]


def test_4_2_binary_sets_seen(login):
    c = login()
    c.append("INBOX", MIXED)
    c.ok("SELECT INBOX")
    got = fetched(c.ok("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] FLAGS)"))
    assert b"\\Seen" not in flags(got)
    assert b"\\Seen" in flags(fetched(c.ok("FETCH 1 BINARY[1]")))


@pytest.mark.parametrize("item", [
    "BINARY", "BINARY.PEEK", "BINARY.SIZE", "BINARY[HEADER]", "BINARY[1.TEXT]", "BINARY[1.MIME]",
    "BINARY[TEXT]", "BINARY.SIZE[1]<0.1>", "BINARY[1]<0.0>", "BINARY[1]<0>", "BINARY[0]", "BINARY[1.]",
    "BINARY[1", "BINARY.FOO[1]", "BINARY [1]",
])
def test_4_2_grammar(mixed, item):
    assert mixed.cmd(f"FETCH 1 {item}").status == "BAD"
    mixed.ok("NOOP")


def test_4_2_several_at_once(mixed):
    got = fetched(mixed.ok("FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[2] BINARY.PEEK[2]<1.2> BODY.PEEK[3])"))
    assert value(got, b"BINARY[1]") == TEXT
    assert b"BINARY.SIZE[2] 76800 " in got
    assert value(got, b"BINARY[2]<1>") == b"\1\2"
    assert value(got, b"BODY[3]") == b"plain"


@pytest.mark.parametrize("item", ["BINARY.PEEK[6]", "BINARY.SIZE[6]", "(BINARY.PEEK[1] BINARY.SIZE[6])"])
def test_4_3_unknown_cte(mixed, item):
    """... If the server does not know how to decode the section's CTE, it MUST
    fail the request and issue a NO response that contains UNKNOWN-CTE."""
    r = mixed.cmd(f"FETCH 1 {item}")
    assert (r.status, r.code) == ("NO", "UNKNOWN-CTE")
    assert r.untagged == []


def test_4_3_others_of_the_set_are_answered(mixed):
    r = mixed.cmd("FETCH 1:2 (BINARY.SIZE[6])")
    assert (r.status, r.code) == ("NO", "UNKNOWN-CTE")
    assert r.untagged == [b"2 FETCH (BINARY.SIZE[6] 0)"]


def test_4_3_literal8_only_where_there_are_nuls(mixed):
    assert b"~{" in binary(mixed, "[2]")[1]
    assert b"~{" not in binary(mixed, "[1]")[1]


WITH_NUL = (b"MIME-Version: 1.0\r\nContent-Type: application/x\r\n"
            b"Content-Transfer-Encoding: binary\r\n\r\n" + DATA)


def test_4_4_append_binary(login):
    """The message can be read by every client, and its content is the same."""
    c = login()
    r = c.cmd(b"APPEND INBOX (\\Seen) " + lit8(WITH_NUL))
    assert r.status == "OK" and r.code.startswith("APPENDUID")
    c.ok("SELECT INBOX")
    got = fetched(c.ok("FETCH 1 (BODYSTRUCTURE BINARY.PEEK[1])"))
    assert b'("application" "x" NIL NIL NIL "base64" ' in got
    assert value(got, b"BINARY[1]") == DATA
    got = fetched(c.ok("FETCH 1 BODY.PEEK[]"))
    assert b"\0" not in got
    head, body = value(got, b"BODY[]").split(b"\r\n\r\n", 1)
    assert base64.b64decode(body) == DATA


def test_4_4_append_binary_part(login):
    c = login()
    part = (b"Content-Type: multipart/mixed; boundary=xx\r\n\r\npreamble\r\n--xx\r\n\r\ntext\r\n--xx\r\n"
            + WITH_NUL + b"\r\n--xx--\r\n")
    assert c.cmd(b"APPEND INBOX " + lit8(part)).status == "OK"
    c.ok("SELECT INBOX")
    assert binary(c, "[2]")[0] == DATA
    assert value(fetched(c.ok("FETCH 1 BODY.PEEK[1]")), b"BODY[1]") == b"text"


def test_4_4_literal8_without_nuls_is_kept_as_it_is(login):
    c = login()
    message = b"Subject: \xff\r\nContent-Transfer-Encoding: binary\r\n\r\nbare\nlines\r"
    assert c.cmd(b"APPEND INBOX " + lit8(message)).status == "OK"
    c.ok("SELECT INBOX")
    assert value(fetched(c.ok("FETCH 1 BODY.PEEK[]")), b"BODY[]") == message


def test_4_4_synchronizing_literal8(login):
    c = login()
    c.send(b"a APPEND INBOX ~{%d}\r\n" % len(WITH_NUL))
    assert c.line().startswith(b"+")
    c.send(WITH_NUL + b"\r\n")
    assert c.wait("a").status == "OK"


def test_4_4_with_others(login):
    """MULTIAPPEND of a literal and a literal8."""
    c = login()
    r = c.cmd(b"APPEND INBOX " + lit(b"Subject: x\r\n\r\n") + b" " + lit8(WITH_NUL))
    assert r.status == "OK" and r.code.endswith(" 1:2")
    c.ok("SELECT INBOX")
    assert binary(c, "[1]", 2)[0] == DATA


@pytest.mark.parametrize("message", [
    b"Subject: \0\r\n\r\nx", b"Content-Transfer-Encoding: base64\r\n\r\nAAAA\0",
    b"Content-Transfer-Encoding: x-secret\r\n\r\n\0",
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n\0\r\n--b\r\n\r\nx\r\n--b--",
], ids=["header", "base64", "unknown", "preamble"])
def test_4_4_unknown_cte(login, message):
    """A NUL where no encoding helps."""
    c = login()
    r = c.cmd(b"APPEND INBOX " + lit8(message))
    assert (r.status, r.code) == ("NO", "UNKNOWN-CTE")
    c.ok("SELECT INBOX")
    assert c.ok("UID FETCH 1:* UID").untagged == []


def test_4_4_literal_must_not_have_nuls(login):
    c = login()
    assert c.cmd(b"APPEND INBOX " + lit(WITH_NUL)).status in ("NO", "BAD")


def test_9051_6_4_5_in_rev2(login):
    c = login()
    c.append("INBOX", MIXED)
    c.ok("ENABLE IMAP4rev2")
    c.ok("SELECT INBOX")
    assert binary(c, "[1]")[0] == TEXT
    assert size(c, "[2]") == len(DATA)
