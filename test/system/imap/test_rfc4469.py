"""CATENATE (RFC 4469)."""
import pytest
from answers import append, fetched, lit, lit8, value

SOURCE = (b"Subject: source\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
          b"--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n"
          b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n"
          b"--b--\r\n")
HEAD = b"Subject: new\r\n\r\n"


@pytest.fixture
def c(login):
    c = login()
    assert append(c, "INBOX", SOURCE).status == "OK"
    c.ok("CREATE INBOX.drafts")
    return c


def validity(c):
    return int(c.ok("STATUS INBOX (UIDVALIDITY)").find(rb"UIDVALIDITY (\d+)").group(1))


def made(c, *parts, status="OK"):
    """What CATENATE makes of the parts; the reply if it is not to be OK."""
    r = c.cmd(b"APPEND INBOX.drafts CATENATE (" + b" ".join(parts) + b")")
    assert r.status == status, r
    c.ok("SELECT INBOX.drafts")
    if status != "OK":
        assert c.ok("UID FETCH 1:* UID").untagged == []
        return r
    return value(fetched(c.ok("FETCH 1 BODY.PEEK[]")), b"BODY[]")


def text(data):
    return b"TEXT " + lit(data)


def url(u):
    return b'URL "%s"' % u


def test_2_advertised(c):
    assert b"CATENATE" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_text(c):
    assert made(c, text(HEAD + b"body")) == HEAD + b"body"


def test_3_texts(c):
    assert made(c, text(HEAD), text(b"one "), text(b"two")) == HEAD + b"one two"


@pytest.mark.parametrize("section, content", [
    (b"", SOURCE), (b"/;SECTION=1", b"first part"), (b"/;SECTION=HEADER", SOURCE.split(b"--b")[0]),
    (b"/;SECTION=TEXT", SOURCE.split(b"\r\n\r\n", 1)[1]), (b"/;section=1.MIME", b"Content-Type: text/plain\r\n\r\n"),
    (b"/;SECTION=2", b"Subject: inner\r\n\r\ninner text"), (b"/;SECTION=2.HEADER", b"Subject: inner\r\n\r\n"),
    (b"/;SECTION=2.TEXT", b"inner text"), (b"/;SECTION=2.1", b"inner text"),
    (b"/;SECTION=HEADER.FIELDS%20(SUBJECT)", b"Subject: source\r\n\r\n"),
    (b"/;SECTION=1/;PARTIAL=2.3", b"rst"), (b"/;SECTION=1/;PARTIAL=6", b"part"),
    (b"/;PARTIAL=0.7", b"Subject"), (b"/;SECTION=1/;PARTIAL=100.5", b""),
], ids=lambda v: repr(v[:30]))
def test_3_url_of_a_section(c, section, content):
    assert made(c, text(HEAD), url(b"/INBOX/;UID=1" + section)) == HEAD + content


def test_3_with_uidvalidity(c):
    assert made(c, text(HEAD), url(b"/INBOX;UIDVALIDITY=%d/;UID=1/;SECTION=1" % validity(c))) == HEAD + b"first part"


def test_3_many_parts(c):
    part = url(b"/INBOX/;UID=1/;SECTION=1")
    assert made(c, text(HEAD), *([part, text(b"|")] * 20)) == HEAD + b"first part|" * 20


def test_3_url_only(c):
    assert made(c, url(b"/INBOX/;UID=1")) == SOURCE


def test_3_url_as_literal(c):
    assert made(c, text(HEAD), b"URL " + lit(b"/INBOX/;UID=1/;SECTION=1")) == HEAD + b"first part"


def test_3_url_as_synchronizing_literal(c):
    c.send(b"a APPEND INBOX.drafts CATENATE (URL {13}\r\n")
    assert c.line().startswith(b"+")
    c.send(b"/INBOX/;UID=1 TEXT {4}\r\n")
    assert c.line().startswith(b"+")
    c.send(b"more)\r\n")
    assert c.wait("a").status == "OK"
    c.ok("SELECT INBOX.drafts")
    assert value(fetched(c.ok("FETCH 1 BODY.PEEK[]")), b"BODY[]") == SOURCE + b"more"


def test_3_relative_to_the_selected_mailbox(c):
    c.ok("SELECT INBOX")
    assert made(c, text(HEAD), url(b";UID=1/;SECTION=1")) == HEAD + b"first part"


def test_3_absolute(server, user, c):
    host = server.host_name.encode() if hasattr(server, "host_name") else b"127.0.0.1"
    assert made(c, text(HEAD), url(b"imap://%s@%s/INBOX/;UID=1/;SECTION=1" % (user.encode(), host))) == HEAD + b"first part"


def test_3_from_the_target_itself(c):
    append(c, "INBOX.drafts", HEAD + b"old")
    r = c.cmd(b"APPEND INBOX.drafts CATENATE (" + url(b"/INBOX.drafts/;UID=1") + b")")
    assert r.status == "OK" and r.code.endswith(" 2")


def test_3_flags_and_date(c):
    r = c.cmd(b'APPEND INBOX.drafts (\\Seen $x) "17-Jul-1996 02:44:25 -0700" CATENATE (' + text(HEAD) + b")")
    assert r.status == "OK" and r.code.startswith("APPENDUID")
    c.ok("SELECT INBOX.drafts")
    got = fetched(c.ok("FETCH 1 (FLAGS INTERNALDATE)"))
    assert b"\\Seen" in got and b"$x" in got and b"17-Jul-1996" in got


def test_3_with_multiappend(c):
    r = c.cmd(b"APPEND INBOX.drafts " + lit(HEAD) + b" CATENATE (" + text(HEAD) + b" " + url(b"/INBOX/;UID=1/;SECTION=1")
              + b") (\\Seen) CATENATE (" + url(b"/INBOX/;UID=1") + b")")
    assert r.status == "OK" and r.code.endswith(" 1:3")


def test_3_binary_text(c):
    """With BINARY, TEXT takes a literal8."""
    assert b"\0" not in made(c, text(b"Content-Type: image/x\r\n\r\n"), b"TEXT " + lit8(b"\0\1\2"))
    assert value(fetched(c.ok("FETCH 1 BINARY.PEEK[1]")), b"BINARY[1]") == b"\0\1\2"


def test_3_large(c):
    big = b"Subject: big\r\n\r\n" + b"0123456789" * 60000
    append(c, "INBOX", big)
    assert made(c, text(HEAD + b"x" * 400000), url(b"/INBOX/;UID=2/;SECTION=TEXT")) == HEAD + b"x" * 400000 + big[16:]


@pytest.mark.parametrize("bad", [
    b"/INBOX/;UID=99", b"/INBOX.none/;UID=1", b"/INBOX/;UID=1/;SECTION=9", b"/INBOX/;UID=1/;SECTION=BODY",
    b"/INBOX/;UID=1/;SECTION=1.2.3", b"/INBOX;UIDVALIDITY=7/;UID=1", b"", b"nonsense", b"/INBOX", b"/INBOX/;UID=0",
    b"imap://other.example.net/INBOX/;UID=1", b"http://127.0.0.1/INBOX/;UID=1", b";UID=1", b"/user.nobody/;UID=1",
    b"/IN%BOX/;UID=1", b"imap://somebody@127.0.0.1/INBOX/;UID=1",
], ids=repr)
def test_4_badurl(c, bad):
    """NO, BADURL with the URL, and nothing is appended."""
    r = made(c, text(HEAD), url(bad), status="NO")
    assert r.code == f'BADURL "{bad.decode()}"'


def test_4_badurl_of_a_mailbox_that_may_not_be_read(server, c):
    other = server.new_user()
    o = server.login(other)
    append(o, "INBOX", SOURCE)
    u = f"/user.{other}/;UID=1".encode()
    made(c, url(u), status="NO")
    o.ok("SETACL INBOX anyone lr")
    assert made(c, url(u)) == SOURCE
    o.ok("DELETEACL INBOX anyone")      # nobody else's LIST shall show it


def test_4_badurl_with_bytes_that_no_code_can_have(c):
    r = made(c, b"URL " + lit(b'/a]"\r\nb\\'), status="NO")
    assert r.code == 'BADURL "/a????b?"'


def test_4_trycreate(c):
    r = c.cmd(b"APPEND INBOX.none CATENATE (" + text(HEAD) + b")")
    assert (r.status, r.code) == ("NO", "TRYCREATE")


def test_4_empty(c):
    made(c, text(b""), status="NO")


def test_4_toobig(module_server):
    server = module_server({"maxmessagesize": "1000"})
    c = server.login(server.new_user())
    append(c, "INBOX", HEAD + b"x" * 600)
    part = url(b"/INBOX/;UID=1/;SECTION=TEXT")
    r = c.cmd(b"APPEND INBOX CATENATE (" + text(HEAD) + b" " + part + b" " + part + b")")
    assert (r.status, r.code) == ("NO", "TOOBIG")
    assert c.cmd(b"APPEND INBOX CATENATE (" + text(HEAD) + b" " + part + b")").status == "OK"


@pytest.mark.parametrize("data", [
    b"CATENATE", b"CATENATE ()", b"CATENATE (TEXT)", b'CATENATE (TEXT "x")', b"CATENATE (URL)",
    b"CATENATE (FOO bar)", b"CATENATE URL x", b'CATENATE (URL "/INBOX/;UID=1"', b"CATENATE  (" + text(HEAD) + b")",
    b"CATENATE (" + text(HEAD) + b" )", b"CATENATE (" + lit(HEAD) + b")",
    b"CATENATE (UTF8 (" + lit8(HEAD) + b"))",
], ids=repr)
def test_5_grammar(c, data):
    assert c.cmd(b"APPEND INBOX.drafts " + data).status == "BAD"
    c.ok("SELECT INBOX.drafts")
    assert c.ok("UID FETCH 1:* UID").untagged == []
