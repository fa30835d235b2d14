"""LOGIN-REFERRALS (RFC 2221), as far as a server by itself has any."""
import base64

import pytest

from chapar import ADMIN, PASSWORD


@pytest.fixture(scope="module")
def srv(module_server):
    return module_server({"loginreferral": "other.example.org:1143"})


@pytest.fixture
def c(srv):
    c = srv.connect()
    yield c
    c.close()


@pytest.fixture(scope="module")
def away(srv):
    """Users with a password here and mail elsewhere."""
    names = ["wilma", "mixed+tag"]
    for name in names:
        srv.set_password(name)
    return names


def plain(user):
    return base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode()


def test_3_advertised(c):
    assert b" LOGIN-REFERRALS" in c.greeting


def test_3_only_with_the_option(server):
    c = server.connect()
    assert b"LOGIN-REFERRALS" not in c.greeting
    c.close()


def test_4_1_login(c, away):
    r = c.cmd(f"LOGIN wilma {PASSWORD}")
    assert (r.status, r.code) == ("NO", "REFERRAL imap://wilma@other.example.org:1143/")


def test_4_2_authenticate(c, away):
    r = c.cmd("AUTHENTICATE PLAIN " + plain("wilma"))
    assert (r.status, r.code) == ("NO", "REFERRAL imap://wilma@other.example.org:1143/")


def test_5_user_is_encoded(c, away):
    r = c.cmd(f'LOGIN "mixed+tag" {PASSWORD}')
    assert r.code == "REFERRAL imap://mixed%2Btag@other.example.org:1143/"


def test_4_1_then_not_authenticated(c, away):
    c.cmd(f"LOGIN wilma {PASSWORD}")
    assert c.cmd("SELECT INBOX").status == "BAD"


def test_4_1_and_another_try(srv, c, away):
    c.cmd(f"LOGIN wilma {PASSWORD}")
    c.cmd("AUTHENTICATE PLAIN " + plain("wilma"))
    c.login(srv.new_user())
    c.ok("SELECT INBOX")


def test_4_1_not_without_the_password(c, away):
    """Who a user is is nobody's business before it is proved."""
    r = c.cmd("LOGIN wilma wrong")
    assert r.status == "NO" and "REFERRAL" not in r.code


def test_4_1_users_with_mail_here(srv, c):
    c.login(srv.new_user())


def test_4_1_administrators(c):
    c.ok(f"LOGIN {ADMIN} {PASSWORD}")
