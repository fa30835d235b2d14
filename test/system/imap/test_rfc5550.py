"""URL-PARTIAL (RFC 5550 section 2.8): ";PARTIAL=" in URLs of CATENATE and URLFETCH."""
import pytest
from answers import append, lit, value
from test_rfc4467 import HOST, generated

TEXT = bytes(range(33, 127)) * 10
MESSAGE = b"Subject: x\r\n\r\n" + TEXT


@pytest.fixture(scope="module")
def c(module_server):
    server = module_server()
    name = server.new_user()
    c = server.login(name)
    append(c, "INBOX", MESSAGE)
    c.ok("CREATE INBOX.drafts")
    c.name = name
    return c


RANGES = [("0.10", (0, 10)), ("10.1", (10, 11)), ("500", (500, None)), ("0", (0, None)), ("900.1000", (900, 1900)),
          ("940.1", (940, 940)), ("5000.1", (5000, 5001)), ("0.4294967295", (0, None))]


def test_2_8_advertised(c):
    assert b"URL-PARTIAL" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


@pytest.mark.parametrize("partial, span", RANGES)
def test_2_8_urlfetch(c, partial, span):
    rump = f"imap://{c.name}@{HOST}/INBOX/;uid=1/;section=TEXT/;partial={partial};urlauth=authuser"
    url = generated(c.ok(f'GENURLAUTH "{rump}" INTERNAL'))[0]
    got = c.ok(f'URLFETCH "{url}"').untagged[0]
    assert value(b"X" + got[got.rindex(b" {"):], b"X") == TEXT[span[0]:span[1]]


@pytest.mark.parametrize("partial, span", RANGES)
def test_2_8_catenate(c, partial, span):
    r = c.cmd(b"APPEND INBOX.drafts CATENATE (TEXT " + lit(b"Subject: x\r\n\r\n")
              + b' URL "/INBOX/;UID=1/;SECTION=TEXT/;PARTIAL=%s")' % partial.encode())
    assert r.status == "OK"
    uid = r.code.split()[-1]
    c.ok("SELECT INBOX.drafts")
    got = [u for u in c.ok(f"UID FETCH {uid} BODY.PEEK[TEXT]").untagged if b"FETCH" in u][0]
    assert value(got, b"BODY[TEXT]") == TEXT[span[0]:span[1]]


@pytest.mark.parametrize("partial", ["", "x", "1.0", "1.", ".5", "-1.5", "1.2.3", "1,5"])
def test_2_8_refused(c, partial):
    r = c.cmd(f'APPEND INBOX.drafts CATENATE (URL "/INBOX/;UID=1/;PARTIAL={partial}")')
    assert r.status == "NO" and r.code.startswith("BADURL")
