"""IMAP URLs (RFC 5092), as CATENATE takes them; the parser has a table test of
its own, test/unit/test_imapurl.c."""
import pytest
from answers import append, lit, value

MESSAGE = b"Subject: x\r\n\r\ntext"


@pytest.fixture(scope="module")
def c(module_server):
    server = module_server({"unixhierarchysep": "yes"})
    name = server.new_user()
    c = server.login(name)
    append(c, "INBOX", MESSAGE)
    for mailbox in ("INBOX/a b", "INBOX/gr&APwA3w-e", "INBOX/deep/er"):
        c.cmd(f'CREATE "{mailbox}"')
        append(c, f'"{mailbox}"', MESSAGE)
    c.ok("CREATE INBOX/out")
    c.name = name
    return c


def take(c, url):
    r = c.cmd(b"APPEND INBOX/out CATENATE (URL " + lit(url.replace("USER", c.name).encode()) + b")")
    if r.status != "OK":
        assert r.code.startswith("BADURL"), r
        return None
    uid = r.code.split()[-1]
    c.ok("SELECT INBOX/out")
    got = [u for u in c.ok(f"UID FETCH {uid} BODY.PEEK[]").untagged if b"FETCH" in u][0]
    c.ok("UNSELECT")
    return value(got, b"BODY[]")


@pytest.mark.parametrize("url", [
    "imap://127.0.0.1/INBOX/;UID=1", "imap://USER@127.0.0.1/INBOX/;UID=1", "IMAP://USER@127.0.0.1/INBOX/;UID=1",
    "imap://USER;AUTH=*@127.0.0.1/INBOX/;UID=1", "imap://;AUTH=*@127.0.0.1/INBOX/;UID=1",
    "imap://USER;AUTH=PLAIN@127.0.0.1:143/INBOX/;UID=1", "//127.0.0.1/INBOX/;UID=1", "/INBOX/;UID=1", "INBOX/;UID=1",
    "/INBOX/;uid=1", "/inbox/;UID=1",
], ids=repr)
def test_3_forms(c, url):
    assert take(c, url) == MESSAGE


@pytest.mark.parametrize("url", ["/INBOX/a%20b/;UID=1", "/INBOX/gr%C3%BC%C3%9Fe/;UID=1", "/INBOX/deep/er/;UID=1",
                                 "/INBOX%2Fdeep%2fer/;UID=1", "/INBOX/%61%20%62/;UID=1"])
def test_11_mailboxes_are_utf8_and_percent_encoded(c, url):
    assert take(c, url) == MESSAGE


@pytest.mark.parametrize("url", ["/INBOX/gr&APwA3w-e/;UID=1", "/INBOX/a b/;UID=1", "/INBOX/a%2/;UID=1", "/INBOX/%00/;UID=1",
                                 "/INBOX/%ff%fe/;UID=1", "/INBOX%/;UID=1"])
def test_11_not_modified_utf7_and_not_raw(c, url):
    assert take(c, url) is None


@pytest.mark.parametrize("url", ["/INBOX/;UID=1/;SECTION=TEXT", "/INBOX/;UID=1/;section=text", "/INBOX/;UID=1;SECTION=TEXT",
                                 "/INBOX/;UID=1/;SECTION=%54EXT"])
def test_6_sections(c, url):
    assert take(c, url) == b"text"


@pytest.mark.parametrize("url", [
    "imap://127.0.0.1", "imap://127.0.0.1/", "imap://127.0.0.1/INBOX", "imap://127.0.0.1/INBOX;UIDVALIDITY=1",
    "imap://127.0.0.1/INBOX?SUBJECT%20x", "imap://127.0.0.1/;UID=1", "imap:///INBOX/;UID=1", "imap:INBOX/;UID=1",
    "imaps://127.0.0.1/INBOX/;UID=1", "file:///etc/passwd", "//192.0.2.1/INBOX/;UID=1", "/INBOX/;UID=1/;UID=1",
    "/INBOX/;UID=1/;FOO=1", "/INBOX/;UID=1,2", "/INBOX/;UID=1:2", "/INBOX/;UID=*", "/INBOX/;UID=4294967296",
    "/../INBOX/;UID=1", "/INBOX/../../x/;UID=1", "/INBOX//;UID=1", "//INBOX/;UID=1",
], ids=repr)
def test_4_what_names_no_message_here(c, url):
    assert take(c, url) is None
