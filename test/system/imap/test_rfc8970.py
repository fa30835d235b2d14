"""PREVIEW (RFC 8970)."""
import pytest
from answers import append, fetched, fetches, value


def preview(c, message, item="PREVIEW"):
    append(c, "INBOX", message)
    c.ok("SELECT INBOX")
    return value(fetched(c.ok(f"FETCH 1 {item}")), b"PREVIEW")


def test_2_advertised(imap):
    assert b"PREVIEW" in imap.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


@pytest.mark.parametrize("item", ["PREVIEW", "PREVIEW (LAZY)", "(PREVIEW)", "(PREVIEW (LAZY))", "preview (lazy)"])
def test_3_1_both_forms(imap, item):
    """It is made at delivery, so LAZY has it, too."""
    assert preview(imap, b"Subject: x\r\n\r\nHello  there,\r\nyou\r\n", item) == b"Hello there, you"


def test_3_1_beside_others(imap):
    append(imap, "INBOX", b"Subject: x\r\n\r\nHello")
    imap.ok("SELECT INBOX")
    got = fetched(imap.ok("FETCH 1 (UID PREVIEW (LAZY) FLAGS)"))
    assert got == b'UID 1 PREVIEW "Hello" FLAGS (\\Recent)'


def test_3_1_does_not_set_seen(imap):
    """The server MUST NOT set \\Seen as a result of it."""
    assert preview(imap, b"\r\nHello") == b"Hello"
    assert b"\\Seen" not in fetched(imap.ok("FETCH 1 FLAGS"))


@pytest.mark.parametrize("message", [b"Subject: x\r\n\r\n", b"Content-Type: image/png\r\n\r\nxyz",
                                     b"Content-Type: text/html\r\n\r\n<img src=x>",
                                     b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n"
                                     b"Content-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--"])
def test_3_2_empty_string_if_nothing_can_be_said(imap, message):
    assert preview(imap, message) == b""


def test_3_2_always_the_same(imap):
    """The server MUST return the same value for the same message."""
    first = preview(imap, b"\r\n" + b"word " * 300)
    for item in ("PREVIEW", "PREVIEW (LAZY)", "(PREVIEW ENVELOPE)"):
        assert value(fetched(imap.ok(f"FETCH 1 {item}")), b"PREVIEW") == first


def test_3_3_utf8(imap):
    """... encoded as UTF-8 text, whatever the message is in."""
    assert preview(imap, b"Content-Type: text/plain; charset=iso-8859-15\r\n"
                   b"Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe =A4") == "Grüße €".encode()


def test_3_3_no_transfer_encoding(imap):
    assert preview(imap, b"Content-Transfer-Encoding: base64\r\n\r\nSGVsbG8=\r\n") == b"Hello"


@pytest.mark.parametrize("letter", ["x", "ü", "😀"])
def test_3_3_at_most_200_characters(imap, letter):
    """MUST limit the length of the preview text to 200 preview characters."""
    text = preview(imap, b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + letter.encode() * 5000).decode()
    assert text == letter * 200


def test_3_3_quoted_bytes(imap):
    assert preview(imap, b'\r\nsay "x\\y"') == b'say "x\\y"'


def test_3_4_html_without_its_tags(imap):
    assert preview(imap, b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><title>T</title>"
                   b"<style>p { color: red }</style></head><body><p>Hello &amp; w&uuml;nsche</p>"
                   b"<script>x()</script></body></html>") == "Hello & wünsche".encode()


def test_3_4_plain_before_html(imap):
    assert preview(imap, b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
                   b"Content-Type: text/html\r\n\r\n<p>html\r\n--b\r\n\r\nplain\r\n--b--\r\n") == b"plain"


def test_4_1_several_messages(imap):
    for n in range(3):
        append(imap, "INBOX", b"\r\nmessage %d" % n)
    imap.ok("SELECT INBOX")
    got = fetches(imap.ok("FETCH 1:* (PREVIEW (LAZY))"))
    assert [value(got[n], b"PREVIEW") for n in (1, 2, 3)] == [b"message 0", b"message 1", b"message 2"]


def test_3_1_lazy_without_a_cache_is_nil(server, user, login):
    """LAZY: NIL if it would have to be made; without LAZY it is made, and then
    there for LAZY, too."""
    a = login()
    append(a, "INBOX", b"\r\nHello")
    a.close()
    (server.dir / "spool" / "user" / user / "cyrus.cache").unlink()
    c = login()
    c.ok("SELECT INBOX")
    assert value(fetched(c.ok("FETCH 1 PREVIEW (LAZY)")), b"PREVIEW") is None
    assert value(fetched(c.ok("FETCH 1 PREVIEW")), b"PREVIEW") == b"Hello"
    assert value(fetched(c.ok("FETCH 1 PREVIEW (LAZY)")), b"PREVIEW") == b"Hello"


@pytest.mark.parametrize("item", ["PREVIEW ()", "PREVIEW (FOO)", "PREVIEW (LAZY", "(PREVIEW(LAZY))", "PREVIEW[]"])
def test_6_grammar(imap, item):
    append(imap, "INBOX", b"\r\nx")
    imap.ok("SELECT INBOX")
    assert imap.cmd(f"FETCH 1 {item}").status == "BAD"
