"""One name, however it is typed (RFC 4013, RFC 4616, RFC 6856), and no way round what is counted or said by it."""
import base64
import concurrent.futures
import hashlib
import re
import subprocess

import pytest

import pop3
from chapar import PASSWORD
from saslclient import Exchange, scram

COMPOSED, TWO_PARTS = "fréd", "fre\u0301d"
INVISIBLE, WIDE = "fr\u00adéd", "\uff46réd"
WORD, WORD_IN_PARTS = "pässwort", "pa\u0308sswort"


@pytest.fixture(scope="module")
def server(module_server):
    srv = module_server({"sasl_mech_list": "PLAIN LOGIN SCRAM-SHA-256 CRAM-MD5", "allowapop": "yes"},
                        kind=pop3.PopServer)
    srv.set_password(COMPOSED, WORD)
    c = srv.admin()
    c.ok("CREATE user.fr&AOk-d")
    c.close()
    return srv


def plain(name, word):
    return f"\0{name}\0{word}".encode()


def login(c, name, word):
    """Both as literals, which may hold anything."""
    return c.cmd(b"LOGIN {%d+}\r\n%s {%d+}\r\n%s" % (len(name), name, len(word), word))


@pytest.mark.parametrize("name", [COMPOSED, TWO_PARTS, INVISIBLE, WIDE, "FRéD"])
@pytest.mark.parametrize("word", [WORD, WORD_IN_PARTS])
def test_imap(server, name, word):
    c = server.connect()
    assert login(c, name.encode(), word.encode()).status == "OK"
    c.ok("SELECT INBOX")
    c.close()
    c = server.connect()
    assert Exchange(c, "PLAIN", plain(name, word)).reply.startswith("OK")
    c.ok("SELECT INBOX")
    server.wait_log(rf"login: \[127\.0\.0\.1\] {COMPOSED} PLAIN User logged in")


@pytest.mark.parametrize("name", [COMPOSED, TWO_PARTS, INVISIBLE])
def test_scram(server, name):
    """RFC 5802 section 5.1: the client prepares both; who has not prepared the name is understood all the same."""
    c = server.connect()
    assert scram(c, "SCRAM-SHA-256", name, WORD).startswith("OK")
    c.ok("SELECT INBOX")


@pytest.mark.parametrize("name", [COMPOSED, TWO_PARTS])
def test_pop3(server, name):
    """RFC 6856 section 2.2: "it indicates that the server accepts UTF-8 usernames and passwords"."""
    c = server.pop_connect()
    assert c.capa()["UTF8"] == "USER"
    c.ok(f"USER {name}")
    c.ok(f"PASS {WORD_IN_PARTS}")
    c.quit()
    c = server.pop_connect()
    challenge = re.search(r"<.*>", c.greeting.text)[0]
    c.ok(f"APOP {name} " + hashlib.md5((challenge + WORD).encode()).hexdigest())


@pytest.mark.parametrize("name,word", [
    (COMPOSED + "\u202e", WORD), ("\u0627" + "1", WORD), (COMPOSED, WORD + "\u200e"), (COMPOSED, WORD + "\t"),
    (COMPOSED, "passwort"), ("fred", WORD),
], ids=["rlo", "bidi", "mark", "tab", "word", "name"])
def test_others(server, name, word):
    """"servers MUST reject UTF-8 usernames or passwords that contain a UTF-8 character listed in Section 2.3" """
    c = server.connect()
    assert login(c, name.encode(), word.encode()).code == "AUTHENTICATIONFAILED"
    c.close()
    c = server.connect()
    assert Exchange(c, "PLAIN", plain(name, word)).reply.startswith("NO [AUTHENTICATIONFAILED]")
    c.close()
    c = server.pop_connect()
    c.ok(f"USER {name}")
    assert c.err(f"PASS {word}").code == "AUTH"


@pytest.mark.parametrize("name", [COMPOSED + " ", COMPOSED + "\u00a0", " " + COMPOSED])
def test_who_came_is_whose_password_it_was(server, name):
    """The library looks for a name without the space around it: then it is not anc user who has come."""
    c = server.connect()
    assert login(c, name.encode(), WORD.encode()).status == "OK"
    c.ok("SELECT INBOX")


@pytest.mark.parametrize("raw", [b"fr\xe9d", b"fr\xc3", b"\xed\xa0\x80"])
def test_what_is_no_utf8(server, raw):
    """"The server MUST reject UTF-8 usernames or passwords that fail to comply with the formal syntax in UTF-8" """
    c = server.connect()
    assert login(c, raw, WORD.encode()).code == "AUTHENTICATIONFAILED"
    assert login(c, COMPOSED.encode(), raw).code == "AUTHENTICATIONFAILED"


LATIN = "pässwort".encode("latin-1")


@pytest.fixture(scope="module")
def latin(server):
    """A user whose password is as his client from the last century sends it."""
    user = server.new_user()
    subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", server.dir / "sasldb2", "-u", "localhost", user],
                   input=LATIN, check=True)
    return user


def by_login(c, name, word):
    c.send(b"a AUTHENTICATE LOGIN\r\n")
    for part in (name.encode(), word):
        assert c.line().startswith(b"+ ")
        c.send(base64.b64encode(part) + b"\r\n")
    return c.line().decode().removeprefix("a ")


def test_octets(server, latin):
    """As Cyrus: a password that is no UTF-8 is these octets, where no RFC says that it is UTF-8."""
    for word, good in ((LATIN, True), (b"p\xe5sswort", False), (LATIN + b"\xe4", False), (WORD.encode(), False)):
        status = "OK" if good else "NO"
        c = server.connect()
        assert login(c, latin.encode(), word).status == status
        c.close()
        c = server.connect()
        assert by_login(c, latin, word)[:2] == status
        c.close()
        c = server.pop_connect()
        c.ok(f"USER {latin}")
        assert c.cmd(b"PASS " + word).ok == good
        c.close()
        c = server.connect()
        assert c.cmd(b'LOGIN %s "%s"' % (latin.encode(), word)).status == ("OK" if good else "NO")
        c.close()
        # RFC 4616: "The authorization identity (authzid), ... password ... are [UTF-8] encoded"
        c = server.connect()
        assert Exchange(c, "PLAIN", b"\0%s\0%s" % (latin.encode(), word)).reply.startswith("NO")
        c.close()
    c = server.connect()
    assert login(c, latin.encode(), LATIN + b"\0").status in ("NO", "BAD")


# --- counting ---

@pytest.fixture(scope="module")
def guarded(module_server):
    return module_server({"limits_exempt": "192.0.2.0/24", "failedloginpause": "1s", "failedloginpause_max": "2s"},
                         workers="maxchild=60")


def test_an_account_is_counted_once_whatever_it_is_called(guarded):
    """Else whoever varies a name that the database takes for the same guesses as often as he likes."""
    user = guarded.new_user()
    names = [user, user.upper(), user + "@localhost", user + "@LOCALHOST", user.title(), user + "\u00ad",
             "\uff55" + user[1:], user + " ", " " + user, user + "@localhost\u00ad"]

    def guess(i):
        c = guarded.connect(source=f"127.0.4.{i + 1}")
        code = login(c, names[i % len(names)].encode(), b"wrong").code
        c.close()
        return code
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(guess, range(20)))
    assert set(codes) == {"AUTHENTICATIONFAILED", "AUTHORIZATIONFAILED"}


# --- who says so? ---

def test_digest_of_somebody_else(server):
    """With a name that has a space the library's idea of where the digest begins is another than ours."""
    user, other = server.new_user(), server.new_user()
    c = server.pop_connect()
    challenge = re.search(r"<.*>", c.greeting.text)[0]
    digest = hashlib.md5((challenge + PASSWORD).encode()).hexdigest()
    for line in (f"APOP {user} {other} {digest}", f"APOP {user}\t{other} {digest}", f"APOP {other}*{user} {digest}"):
        assert not c.cmd(line).ok, line
    c.ok(f"APOP {user}*{user} {digest}")
