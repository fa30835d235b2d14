"""Text is found however it was sent: decoded, normalized, folded (RFC 9051
section 6.4.4, RFC 5255 section 4.6, RFC 5051)."""
import base64
import quopri
import unicodedata

import pytest
from answers import append, found

NAME = "Müller"
KANJI = "日本"
HAN = "中文"


def plain(charset, raw, cte="8bit", subtype="plain"):
    label = f"; charset={charset}" if charset else ""
    return (f"MIME-Version: 1.0\r\nContent-Type: text/{subtype}{label}\r\n"
            f"Content-Transfer-Encoding: {cte}\r\n\r\n").encode() + raw + b"\r\n"


def qp(raw):
    return quopri.encodestring(raw)


def b64(raw):
    return base64.encodebytes(raw).replace(b"\n", b"\r\n").rstrip()


def html(text, charset="utf-8"):
    return plain(charset, text.encode(charset, "xmlcharrefreplace"), subtype="html")


NFC, NFD = (unicodedata.normalize(f, "Grüße an Müller") for f in ("NFC", "NFD"))

# How it was sent: (name, message, what it must be found by, where)
BODIES = [
    ("nfc", plain("utf-8", NFC.encode()), [NAME, NFD]),
    ("nfd", plain("utf-8", NFD.encode()), [NAME, NFC]),
    ("latin1", plain("iso-8859-1", NFC.encode("latin1")), [NAME]),
    ("latin1-qp", plain("ISO-8859-1", qp(NFC.encode("latin1")), "quoted-printable"), [NAME]),
    ("utf8-qp", plain("utf-8", qp(NFC.encode()), "Quoted-Printable"), [NAME]),
    ("utf8-qp-soft", plain("utf-8", b"M=C3=\r\n=BCll=\r\ner", "quoted-printable"), [NAME]),
    ("utf8-b64", plain("utf-8", b64(NFC.encode() * 20), "base64"), [NAME]),
    ("utf16-b64", plain("utf-16", b64(NFC.encode("utf-16")), "base64"), [NAME]),
    ("utf7", plain("utf-7", NFC.encode("utf-7"), "7bit"), [NAME]),
    ("macroman", plain("macintosh", NFC.encode("mac_roman")), [NAME]),
    ("ebcdic", plain("ibm037", b64(NFC.encode("cp037")), "base64"), [NAME]),
    ("jp-2022", plain("iso-2022-jp", ("x" + KANJI).encode("iso2022_jp"), "7bit"), [KANJI, "X" + KANJI]),
    ("jp-sjis", plain("shift_jis", KANJI.encode("shift_jis")), [KANJI]),
    ("jp-euc", plain("euc-jp", KANJI.encode("euc_jp")), [KANJI]),
    ("cn-gb18030", plain("gb18030", HAN.encode("gb18030")), [HAN]),
    ("cn-gb2312", plain("gb2312", HAN.encode("gb2312")), [HAN]),
    ("cn-big5", plain("big5", HAN.encode("big5")), [HAN]),
    ("kr", plain("ks_c_5601-1987", "한글".encode("cp949")), ["한글"]),
    ("ru-koi8", plain("koi8-r", "Привет".encode("koi8-r")), ["привет", "ПРИВЕТ"]),
    ("gr", plain("iso-8859-7", "Σίσυφος".encode("iso-8859-7")), ["ΣΊΣΥΦΟΣ", "σίσυφος"]),
    # what calls itself something else
    ("no-label", plain("", NFC.encode()), [NAME]),
    ("no-label-latin1", plain("", NFC.encode("latin1")), [NAME]),
    ("ascii-label", plain("us-ascii", NFC.encode()), [NAME]),
    ("latin1-is-utf8", plain("iso-8859-1", NFC.encode()), [NAME]),
    ("utf8-is-latin1", plain("utf-8", NFC.encode("latin1")), [NAME]),
    ("unknown-charset", plain("x-martian", NFC.encode()), [NAME]),
    ("unknown-cte", plain("utf-8", NFC.encode(), "x-martian"), [NAME]),
    # HTML
    ("html", html("<p>Gr&uuml;&szlig;e <b>M</b>&#252;<i>ller</i></p>"), [NAME, "grüße müller"]),
    ("html-hex", html("<div>M&#xFC;ller</div>"), [NAME]),
    ("html-latin1", html("<p>Müller", "iso-8859-1"), [NAME]),
    ("html-spaces", html("Herr\r\n   <span>Müller</span>"), ["Herr Müller"]),
    ("html-qp", plain("utf-8", qp("<p>Hallo&nbsp;Müller</p>".encode()), "quoted-printable", "html"), ["hallo müller"]),
    # parts
    ("multipart", b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
     + plain("utf-8", b64(NFC.encode()), "base64") + b"--b--\r\n", [NAME]),
    ("attached-message", b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
     b"Content-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?M=C3=BCller?=\r\n\r\nhello\r\n--b--\r\n", [NAME, "hello"]),
    # folding
    ("ligature", plain("utf-8", "eﬃcient ﬁle".encode()), ["EFFICIENT", "file"]),
    ("fullwidth", plain("utf-8", "ＡＢＣ".encode()), ["abc"]),
    ("long", plain("utf-8", b"x" * 70000 + b"\r\n" + b"y" * 65530 + NFC.encode() + b"\r\n" + b"z" * 70000), [NAME]),
]

HEADERS = [
    ("q", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe_an_M=C3=BCller?=", [NAME, "an müller"]),
    ("b", "Subject: =?UTF-8?B?TcO8bGxlcg==?=", [NAME]),
    ("latin1", "Subject: =?iso-8859-1?q?M=FCller?=", [NAME]),
    ("split-word", "Subject: =?utf-8?q?M=C3=BC?= =?utf-8?q?ller?=", [NAME]),
    ("split-character", "Subject: =?utf-8?b?TcM=?=\r\n =?utf-8?b?vGxsZXI=?=", [NAME]),
    ("mixed-charsets", "Subject: =?iso-8859-1?q?M=FC?= =?utf-8?q?ller?=", [NAME]),
    ("beside-text", "Subject: an =?utf-8?q?M=C3=BCller?= am Montag", ["an Müller am montag"]),
    ("language", "Subject: =?utf-8*de?q?M=C3=BCller?=", [NAME]),
    ("jp", "Subject: =?iso-2022-jp?b?GyRCRnxLXBsoQg==?=", [KANJI]),
    ("gb", "Subject: =?gb2312?b?1tDOxA==?=", [HAN]),
    ("nfd", "Subject: =?utf-8?q?Mu=CC=88ller?=", [NAME]),
    ("raw-utf8", "Subject: Müller", [NAME]),
    ("raw-latin1", b"Subject: M\xfcller", [NAME]),
    ("folded", "Subject: one\r\n two\r\n\tthree", ["one two\tthree"]),
    ("unknown-charset", "Subject: =?x-martian?q?hello?=", ["=?x-martian?q?hello?="]),
]

ADDRESSES = [
    ("From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>", "FROM", ["jürgen", "JÜRGEN <j@", "example.org"]),
    ("From: \"Doe \\\"JD\\\" John\" <jd@example.org>", "FROM", ['Doe "JD" John']),
    ("To: j (a comment) @ example.org", "TO", ["j@example.org"]),
    ("Cc: Group: a@x, =?utf-8?q?B=C3=A4r?= <b@x>;", "CC", ["bär", "a@x"]),
]

PARAMETERS = [
    ("Content-Disposition: attachment; filename*=utf-8''M%C3%BCller.pdf", "müller.pdf"),
    ("Content-Disposition: attachment;\r\n filename*0*=iso-8859-1'de'M%FC;\r\n filename*1*=ller;\r\n filename*2=.pdf", "müller.pdf"),
    ("Content-Type: application/pdf; name=\"=?utf-8?q?M=C3=BCller?=.pdf\"", "müller.pdf"),
    ("Content-Type: application/pdf; name*1=ller; name*0=mu", "muller"),
]


@pytest.fixture(scope="module")
def box(shared_server):
    c = shared_server.login(shared_server.new_user())
    messages = [b"Subject: a\r\n" + m for _, m, _ in BODIES]
    messages += [(h if isinstance(h, bytes) else h.encode()) + b"\r\n\r\nx\r\n" for _, h, _ in HEADERS]
    messages += [h.encode() + b"\r\n\r\nx\r\n" for h, _, _ in ADDRESSES]
    messages += [h.encode() + b"\r\n\r\nx\r\n" for h, _ in PARAMETERS]
    for m in messages:
        assert append(c, "INBOX", m).status == "OK"
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c
    c.close()


def has(c, n, key, text):
    return found(c.ok(f"SEARCH CHARSET UTF-8 {n} {key} ", text.encode())) == [n]


@pytest.mark.parametrize("i", range(len(BODIES)), ids=[b[0] for b in BODIES])
def test_body(box, i):
    for text in BODIES[i][2]:
        for form in (text, text.upper(), text.lower()) if "ß" not in text else (text,):
            assert has(box, i + 1, "BODY", form), form
        assert has(box, i + 1, "TEXT", text)
        assert not has(box, i + 1, "BODY", text + "\u0416")


@pytest.mark.parametrize("i", range(len(HEADERS)), ids=[h[0] for h in HEADERS])
def test_header(box, i):
    n = len(BODIES) + i + 1
    for text in HEADERS[i][2]:
        assert has(box, n, "SUBJECT", text) and has(box, n, "TEXT", text) and has(box, n, "HEADER Subject", text)
        assert not has(box, n, "BODY", text) and not has(box, n, "FROM", text)


@pytest.mark.parametrize("i", range(len(ADDRESSES)))
def test_addresses(box, i):
    n = len(BODIES) + len(HEADERS) + i + 1
    for text in ADDRESSES[i][2]:
        assert has(box, n, ADDRESSES[i][1], text), text


@pytest.mark.parametrize("i", range(len(PARAMETERS)))
def test_parameters(box, i):
    """RFC 2231."""
    n = len(BODIES) + len(HEADERS) + len(ADDRESSES) + i + 1
    assert has(box, n, "TEXT", PARAMETERS[i][1])
    assert has(box, n, "HEADER " + PARAMETERS[i][0].split(":")[0], PARAMETERS[i][1])


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1252", "utf-7", "macintosh"])
def test_charset_of_the_command(box, charset):
    """The same text is found in whatever character set the client asks."""
    raw = NAME.encode({"macintosh": "mac_roman"}.get(charset, charset))
    expected = found(box.ok("SEARCH CHARSET UTF-8 TEXT ", NAME.encode()))
    assert len(expected) > 30 and found(box.ok(f"SEARCH CHARSET {charset} TEXT ", raw)) == expected


def test_html_is_no_text_for_its_tags(box):
    n = [b[0] for b in BODIES].index("html") + 1
    assert not has(box, n, "BODY", "<b>") and not has(box, n, "BODY", "&uuml;")
