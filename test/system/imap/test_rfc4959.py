"""SASL-IR (RFC 4959)."""
import base64

import pytest

from chapar import PASSWORD


def plain(user, password=PASSWORD, authzid=""):
    return base64.b64encode(f"{authzid}\0{user}\0{password}".encode()).decode()


@pytest.fixture
def c(server):
    c = server.connect()
    yield c
    c.close()


def test_3_advertised(c):
    assert b" SASL-IR " in c.greeting.replace(b"]", b" ")


def test_3_initial_response(c, user):
    """"... one round trip less": no continuation request."""
    c.send(f"a AUTHENTICATE PLAIN {plain(user)}\r\n")
    assert c.response().startswith(b"a OK")


def test_3_without_it(c, user):
    c.send("a AUTHENTICATE PLAIN\r\n")
    assert c.response() == b"+ "
    c.send(plain(user) + "\r\n")
    assert c.wait("a").status == "OK"


def test_3_empty_initial_response(c, user):
    """"=" is an empty one: PLAIN cannot be content with it."""
    assert c.cmd("AUTHENTICATE PLAIN =").status in ("NO", "BAD")
    c.ok("AUTHENTICATE PLAIN " + plain(user))


@pytest.mark.parametrize("response", ["====", "a=b", "*", "!!!!", "QQ", "QUJD\u00e9"])
def test_3_not_base64(c, user, response):
    assert c.cmd("AUTHENTICATE PLAIN " + response).status in ("BAD", "NO")
    c.ok("AUTHENTICATE PLAIN " + plain(user))


def test_3_wrong_password(c, user):
    r = c.cmd("AUTHENTICATE PLAIN " + plain(user, "wrong"))
    assert (r.status, r.code) == ("NO", "AUTHENTICATIONFAILED")


@pytest.mark.parametrize("args", ["", " ", " PLAIN ", " PLAIN  QQ==", " PLAIN QQ== QQ==", " (PLAIN)", " \"PLAIN\""])
def test_4_grammar(c, args):
    assert c.cmd("AUTHENTICATE" + args).status == "BAD"


def test_3_unknown_mechanism(c):
    assert c.cmd("AUTHENTICATE X-NONE QUJD").status == "NO"


def test_3_cancelled(c, user):
    c.send("a AUTHENTICATE PLAIN\r\n")
    c.response()
    c.send("*\r\n")
    assert c.wait("a").status == "BAD"
    c.ok("AUTHENTICATE PLAIN " + plain(user))


def test_3_capabilities_in_the_reply(c, user):
    assert c.ok("AUTHENTICATE PLAIN " + plain(user)).code.startswith("CAPABILITY IMAP4rev1 ")


def test_3_only_once(c, user):
    c.ok("AUTHENTICATE PLAIN " + plain(user))
    assert c.cmd("AUTHENTICATE PLAIN " + plain(user)).status == "BAD"
