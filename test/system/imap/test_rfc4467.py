"""URLAUTH (RFC 4467)."""
import datetime
import re

import pytest
from answers import append, lit, value

MESSAGE = (b"Subject: secret\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
           b"--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n")
HOST = "127.0.0.1"


@pytest.fixture(scope="module")
def srv(module_server):
    return module_server({"submitservers": "submit post"})


class Owner:
    def __init__(self, server):
        self.name = server.new_user()
        self.c = server.login(self.name)
        append(self.c, "INBOX", MESSAGE)

    def rump(self, access="authuser", what="/INBOX/;uid=1", **more):
        expire = f";expire={more['expire']}" if "expire" in more else ""
        return f"imap://{self.name}@{HOST}{what}{expire};urlauth={access}"

    def url(self, *args, **more):
        return generated(self.c.ok(f'GENURLAUTH "{self.rump(*args, **more)}" INTERNAL'))[0]


def generated(reply):
    return [u.decode() for u in re.findall(rb' "([^"]*)"', reply.find(rb"^GENURLAUTH(.*)").group(1))]


def fetch(c, url):
    r = c.ok(f'URLFETCH "{url}"')
    assert len(r.untagged) == 1 and r.untagged[0].startswith(b"URLFETCH "), r
    got = re.fullmatch(rb'URLFETCH ("[^"]*"|[^ "]+) (.*)', r.untagged[0], re.DOTALL)
    assert got.group(1).strip(b'"').decode() == url
    return value(b"X " + got.group(2), b"X")


@pytest.fixture
def owner(srv):
    o = Owner(srv)
    yield o
    o.c.close()


@pytest.fixture
def other(srv):
    c = srv.login(srv.new_user())
    yield c
    c.close()


def test_1_advertised(owner):
    assert b"URLAUTH" in owner.c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_7_genurlauth(owner):
    """The rump, the mechanism and at least 128 bits in hex."""
    rump = owner.rump()
    url = owner.url()
    assert re.fullmatch(re.escape(rump) + ":INTERNAL:[0-9a-f]{32,}", url, re.I)


def test_7_genurlauth_is_the_same_again(owner):
    assert owner.url() == owner.url()


def test_7_genurlauth_of_several(owner):
    a, b = owner.rump(), owner.rump("anonymous")
    urls = generated(owner.c.ok(f'GENURLAUTH "{a}" INTERNAL "{b}" internal'))
    assert [u.rsplit(":", 2)[0] for u in urls] == [a, b]
    assert urls[0].rsplit(":")[-1] != urls[1].rsplit(":")[-1]


def test_7_genurlauth_needs_no_message(owner):
    """... the server MUST NOT look whether the message exists."""
    assert owner.url(what="/INBOX/;uid=999")


@pytest.mark.parametrize("section, content", [
    ("", MESSAGE), ("/;section=1", b"one"), ("/;section=HEADER", MESSAGE.split(b"--b")[0]),
    ("/;section=2.MIME", b"\r\n"),
])
def test_7_urlfetch(owner, other, section, content):
    url = owner.url(what="/INBOX/;uid=1" + section)
    assert fetch(other, url) == content
    assert fetch(owner.c, url) == content


def test_7_urlfetch_does_not_set_seen(owner, other):
    fetch(other, owner.url())
    owner.c.ok("SELECT INBOX")
    assert b"\\Seen" not in owner.c.ok("FETCH 1 FLAGS").untagged[0]


def test_7_urlfetch_of_several(owner, other):
    urls = [owner.url(what=f"/INBOX/;uid=1/;section={n}") for n in (1, 2)]
    bad = urls[0][:-1] + ("0" if urls[0][-1] != "0" else "1")
    r = other.ok(" ".join(["URLFETCH"] + [f'"{u}"' for u in (urls[0], bad, urls[1])]))
    assert [u.endswith(e) for u, e in zip(r.untagged, (b"one", b" NIL", b"two"))] == [True] * 3


def test_7_urlfetch_as_literal(owner, other):
    url = owner.url().encode()
    assert other.cmd(b"URLFETCH " + lit(url)).untagged[0].endswith(MESSAGE)


# --- section 3: who may ---

def test_3_user(srv, owner, other):
    fred = srv.new_user()
    url = owner.url(f"user+{fred}")
    assert fetch(srv.login(fred), url) == MESSAGE
    assert fetch(other, url) is None


def test_3_authuser(owner, other):
    assert fetch(other, owner.url("authuser")) == MESSAGE


def test_3_anonymous(owner, other):
    assert fetch(other, owner.url("anonymous")) == MESSAGE


def test_3_submit(srv, owner, other):
    """Only who is known as a submission server."""
    srv.set_password("submit")
    url = owner.url("submit+" + owner.name)
    assert fetch(srv.login("submit"), url) == MESSAGE
    assert fetch(other, url) is None
    assert fetch(owner.c, url) is None


# --- what makes a URL void ---

CHANGES = [
    lambda u: u.replace("uid=1;", "uid=2;"), lambda u: u.replace("authuser", "anonymous"),
    lambda u: u.replace(";urlauth", "/;section=1;urlauth"), lambda u: u.replace("/INBOX/", "/INBOX.b/"),
    lambda u: u[:-1], lambda u: u + "0", lambda u: u.rsplit(":", 2)[0], lambda u: u.rsplit(":", 1)[0] + ":" + "0" * 66,
    lambda u: u.replace("INTERNAL", "XSAMPLE"), lambda u: u.replace("imap://", "IMAP://"),
    lambda u: u.replace(HOST, "other.example.net"), lambda u: u.rsplit(":", 1)[0] + ":" + u.rsplit(":", 1)[1].upper(),
    lambda u: u.split(";urlauth")[0],
]


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_5_whoever_changes_it_gets_nothing(owner, other, change):
    owner.c.ok("CREATE INBOX.b")
    url = owner.url()
    changed = change(url)
    assert changed != url
    assert fetch(other, changed) is None


def test_5_another_users_name(srv, owner, other):
    second = Owner(srv)
    assert fetch(other, owner.url().replace(owner.name, second.name)) is None


def expire(seconds):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_3_expire(owner, other):
    assert fetch(other, owner.url(expire=expire(3600))) == MESSAGE
    assert fetch(other, owner.url(expire=expire(-1))) is None
    assert fetch(other, owner.url(expire="2001-01-01T00:00:00Z")) is None


def test_3_expire_cannot_be_taken_out(owner, other):
    url = owner.url(expire=expire(3600))
    assert fetch(other, re.sub(r";expire=[^;]*", "", url)) is None


def test_3_uidvalidity(owner, other):
    v = int(owner.c.ok("STATUS INBOX (UIDVALIDITY)").find(rb"UIDVALIDITY (\d+)").group(1))
    assert fetch(other, owner.url(what=f"/INBOX;uidvalidity={v}/;uid=1")) == MESSAGE
    r = owner.c.cmd(f'GENURLAUTH "{owner.rump(what=f"/INBOX;uidvalidity={v + 1}/;uid=1")}" INTERNAL')
    assert r.status == "NO"


def test_5_the_owner_must_still_be_able_to_read_it(srv, owner, other):
    second = Owner(srv)
    second.c.ok(f"SETACL INBOX {owner.name} lr")
    url = owner.url(what=f"/user.{second.name}/;uid=1")
    assert fetch(other, url) == MESSAGE
    second.c.ok(f"DELETEACL INBOX {owner.name}")
    assert fetch(other, url) is None


def test_5_gone_messages_and_mailboxes(owner, other):
    owner.c.ok("CREATE INBOX.x")
    append(owner.c, "INBOX.x", MESSAGE)
    url = owner.url(what="/INBOX.x/;uid=1")
    assert fetch(other, url) == MESSAGE
    owner.c.ok("DELETE INBOX.x")
    assert fetch(other, url) is None
    owner.c.ok("CREATE INBOX.x")
    append(owner.c, "INBOX.x", MESSAGE)
    assert fetch(other, url) is None
    owner.c.ok("SELECT INBOX.x")
    owner.c.ok("STORE 1 +FLAGS (\\Deleted)")
    url = owner.url(what="/INBOX.x/;uid=1")
    assert fetch(other, url) == MESSAGE
    owner.c.ok("EXPUNGE")
    assert fetch(other, url) is None


def test_4_a_renamed_mailbox_keeps_its_key(owner, other):
    owner.c.ok("CREATE INBOX.x")
    append(owner.c, "INBOX.x", MESSAGE)
    url = owner.url(what="/INBOX.x/;uid=1")
    owner.c.ok("RENAME INBOX.x INBOX.y")
    assert fetch(other, url) is None
    owner.c.ok("RENAME INBOX.y INBOX.x")
    assert fetch(other, url) == MESSAGE


def test_4_keys_outlive_the_server(make_server):
    server = make_server()
    o = Owner(server)
    url = o.url()
    server.stop()
    server.start()
    assert fetch(server.login(server.new_user()), url) == MESSAGE


def test_4_a_damaged_key_is_told_of(srv, other):
    """The URLs made with it are void; the log says why, and what to do."""
    owner = Owner(srv)
    url = owner.url()
    assert fetch(other, url) == MESSAGE
    path = srv.dir / f"config/user/{owner.name[0]}/{owner.name}.urlauth"
    path.write_text(path.read_text().replace("\t", " "))
    srv.expect(rf"{owner.name}.urlauth: line 1 is damaged: URLs made with its key are void; put the file back")
    assert fetch(other, url) is None
    srv.wait_log(rf"{owner.name}.urlauth: line 1 is damaged")


# --- RESETKEY ---

def test_7_resetkey_of_a_mailbox(owner, other):
    """All URLs of that mailbox are void, those of others are not."""
    owner.c.ok("CREATE INBOX.b")
    append(owner.c, "INBOX.b", MESSAGE)
    a, b = owner.url(), owner.url(what="/INBOX.b/;uid=1")
    r = owner.c.ok("RESETKEY INBOX")
    assert r.code.startswith("URLMECH INTERNAL")
    assert fetch(other, a) is None
    assert fetch(other, b) == MESSAGE
    assert fetch(other, owner.url()) == MESSAGE
    assert owner.url() != a


def test_7_resetkey_of_all(owner, other):
    owner.c.ok("CREATE INBOX.b")
    append(owner.c, "INBOX.b", MESSAGE)
    urls = owner.url(), owner.url(what="/INBOX.b/;uid=1")
    owner.c.ok("RESETKEY")
    assert [fetch(other, u) for u in urls] == [None, None]


def test_7_resetkey_is_ones_own(srv, owner, other):
    """Keys are of a user and a mailbox."""
    second = Owner(srv)
    second.c.ok(f"SETACL INBOX {owner.name} lr")
    url = owner.url(what=f"/user.{second.name}/;uid=1")
    second.c.ok("RESETKEY INBOX")
    assert fetch(other, url) == MESSAGE
    owner.c.ok(f"RESETKEY user.{second.name} INTERNAL")
    assert fetch(other, url) is None


def test_7_resetkey_refused(owner):
    assert owner.c.cmd("RESETKEY INBOX.none").status == "NO"
    r = owner.c.cmd("RESETKEY INBOX XSAMPLE")
    assert (r.status, r.code) == ("NO", "URLMECH INTERNAL")


def test_7_resetkey_tells_nothing_of_others(srv, owner):
    """RFC 4314 section 6: whoever may not know of a mailbox hears the same as if there
    were none."""
    second = Owner(srv)
    there, not_there = (owner.c.cmd(f"RESETKEY user.{second.name}{below}") for below in ("", ".none"))
    assert there.status == "NO" and str(there) == str(not_there)


# --- refused ---

def test_7_genurlauth_of_others(srv, owner):
    """... MUST be refused for a URL of another user."""
    second = Owner(srv)
    assert owner.c.cmd(f'GENURLAUTH "{second.rump()}" INTERNAL').status == "NO"


def test_7_genurlauth_of_a_mailbox_that_may_not_be_read(srv, owner):
    second = Owner(srv)
    r = owner.c.cmd(f'GENURLAUTH "{owner.rump(what=f"/user.{second.name}/;uid=1")}" INTERNAL')
    assert r.status == "NO"
    assert owner.c.cmd(f'GENURLAUTH "{owner.rump(what="/INBOX.none/;uid=1")}" INTERNAL').status == "NO"


def test_7_unknown_mechanism(owner):
    r = owner.c.cmd(f'GENURLAUTH "{owner.rump()}" XSAMPLE')
    assert (r.status, r.code) == ("NO", "URLMECH INTERNAL")


@pytest.mark.parametrize("url", [
    "", "nonsense", "/INBOX/;uid=1;urlauth=anonymous", "imap://%s@127.0.0.1/INBOX/;uid=1",
    "imap://127.0.0.1/INBOX/;uid=1;urlauth=anonymous", "imap://%s@127.0.0.1/INBOX;urlauth=anonymous",
    "imap://%s@127.0.0.1/INBOX/;uid=1;urlauth=everybody", "imap://%s@127.0.0.1/INBOX/;uid=1;urlauth=anonymous:INTERNAL:00",
])
def test_7_genurlauth_of_no_such_url(owner, url):
    assert owner.c.cmd(f'GENURLAUTH "{url.replace("%s", owner.name)}" INTERNAL').status == "BAD"


@pytest.mark.parametrize("command", ["GENURLAUTH", "GENURLAUTH x", "URLFETCH", "URLFETCH ", "RESETKEY ", "RESETKEY INBOX ",
                                     'GENURLAUTH x INTERNAL y', "URLFETCH ()", "URLFETCH (x )", "URLFETCH (x FOO)"])
def test_9_grammar(owner, command):
    assert owner.c.cmd(command).status == "BAD"


@pytest.mark.parametrize("command", ["GENURLAUTH x INTERNAL", "URLFETCH x", "RESETKEY"])
def test_7_not_before_login(srv, command):
    c = srv.connect()
    assert c.cmd(command).status == "BAD"
    c.close()


def test_6_in_catenate(owner, other):
    """A URL with a token is good for CATENATE, too."""
    url = owner.url(what="/INBOX/;uid=1/;section=1")
    assert other.cmd(b"APPEND INBOX CATENATE (TEXT " + lit(b"Subject: x\r\n\r\n") + b' URL "%s")' % url.encode()).status == "OK"
    other.ok("SELECT INBOX")
    assert value(other.ok("FETCH 1 BODY.PEEK[TEXT]").untagged[0], b"BODY[TEXT]") == b"one"
    r = other.cmd(b'APPEND INBOX CATENATE (URL "%s")' % url[:-1].encode())
    assert r.status == "NO" and r.code.startswith("BADURL")


@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_7_urlmech_of_select(owner, command):
    """"This status response code is returned in an untagged OK response in response
    to a RESETKEY, SELECT, or EXAMINE command." """
    assert owner.c.ok(f"{command} INBOX").find(rb"^OK \[URLMECH INTERNAL\]")
