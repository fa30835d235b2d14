"""RFC 6856: UTF8 and LANG."""
import email
import email.policy
import re

import pytest
from chapar import PASSWORD

HEADER = ("From: Jürgen Groß <j@example.org>\r\n"
          "To: \"Åse Ø\" <a@example.org>, (Grüße) b@example.org\r\n"
          "Subject: Grüße aus Österreich, wo es schön ist; und noch viel mehr Wörter in dieser längeren Zeile\r\n"
          "\tüber zwei Zeilen\r\n"
          "Content-Type: text/plain; charset=utf-8; name=\"ä.txt\"\r\n"
          "X-Plain: nothing here\r\n\r\n").encode()
MESSAGE = HEADER + "Körper, 8bit\r\n.\r\n".encode()


@pytest.fixture
def utf8_user(server, user):
    server.deliver(user, MESSAGE)
    return user


def utf8(server, user):
    c = server.pop_connect()
    c.ok("UTF8")
    c.login(user)
    return c


# --- 2. UTF8 ---

def test_2_announced_in_both_states(server, user):
    c = server.pop_connect()
    assert c.capa()["UTF8"] == "USER"
    c.login(user)
    assert c.capa()["UTF8"] == "USER"


def test_2_1_as_is(server, utf8_user):
    """"In UTF-8 mode, if the character encoding format of maildrops is UTF-8 or ASCII,
    the messages are sent to the client as is\""""
    c = utf8(server, utf8_user)
    assert c.retr(1) == MESSAGE
    assert c.ok("LIST 1").text == f"1 {len(MESSAGE)}"
    assert b"\r\n".join(c.multi("TOP 1 0")) + b"\r\n" == HEADER


def test_2_1_no_parameters(server):
    c = server.pop_connect()
    c.err("UTF8 now")
    c.ok("UTF8")
    c.ok("UTF8")


def test_2_1_only_before_login(server, utf8_user):
    server.pop(utf8_user).err("UTF8")


def test_2_1_surrogate(server, utf8_user):
    """"When UTF-8 mode has not been enabled, character strings outside the ASCII
    repertoire MUST NOT be sent to the client as is.\""""
    c = server.pop(utf8_user)
    octets = int(c.ok("RETR 1").text.split()[0])
    lines = c.body()
    got = b"\r\n".join(lines) + b"\r\n"
    header, _, body = got.partition(b"\r\n\r\n")
    assert header.isascii()
    assert body == MESSAGE.partition(b"\r\n\r\n")[2]
    assert octets == len(got)
    m = email.message_from_bytes(got, policy=email.policy.default)
    assert m["From"].addresses[0].display_name == "Jürgen Groß"
    assert [a.addr_spec for a in m["To"].addresses] == ["a@example.org", "b@example.org"]
    assert m["Subject"] == "Grüße aus Österreich, wo es schön ist; und noch viel mehr Wörter in dieser " \
        "längeren Zeile\tüber zwei Zeilen".replace("\t", " ") or "über zwei" in m["Subject"]
    assert m["X-Plain"] == "nothing here"
    assert re.search(rb"(?m)^Content-Type: text/plain; charset=utf-8;", header)
    assert all(len(line) < 200 for line in header.split(b"\r\n"))
    # TOP shows the same header.
    assert c.multi("TOP 1 0") == lines[:header.count(b"\r\n") + 2]


@pytest.mark.parametrize("text, want", [
    ("ä", "ä"), ("ä ö", "ä ö"), ("a ä b ö c", "a ä b ö c"), ("ä\r\n ö", "ä ö"), ("ä" * 200, "ä" * 200),
    ("x" * 44 + "ä", "x" * 44 + "ä"), ("€" * 31, "€" * 31), ("ä b\r\n ö", "ä b ö"), ("\U0001f600 grin", "\U0001f600 grin"),
], ids=repr)
def test_2_1_words(server, user, text, want):
    server.deliver(user, f"Subject: {text}\r\n\r\nx\r\n".encode())
    got = server.pop(user).retr(1)
    assert got.isascii()
    assert email.message_from_bytes(got, policy=email.policy.default)["Subject"] == want
    for line in got.split(b"\r\n"):
        assert all(len(w) <= 75 for w in re.findall(rb"=\?\S+\?=", line))


def test_2_1_what_is_not_utf8_stays(server, user):
    """In whatever character set it is: nobody can tell."""
    m = b"Subject: Gr\xfc\xdfe\r\nX: \xc3\xa4 and \xff\r\n\r\nx\r\n"
    server.deliver(user, m)
    assert server.pop(user).retr(1) == m


def test_2_1_stls_after_utf8(server):
    """"servers MAY (but are not required to) enforce this by rejecting with an -ERR
    response an "STLS" command issued subsequent to a successful "UTF8" command\""""
    c = server.pop_connect()
    c.ok("UTF8")
    c.err("STLS")


# --- 3. LANG ---

def test_3_2_listing(server, user):
    """"A language listing consists of the language tag of the message, optionally
    followed by a single space and a human-readable description\""""
    for c in (server.pop_connect(), server.pop(user)):
        assert c.multi("LANG") == [b"en English", b"de Deutsch"]


@pytest.mark.parametrize("tag, selected", [("de", "de"), ("DE", "de"), ("de-AT", "de"), ("en-GB", "en"),
                                           ("*", "en"), ("en", "en")])
def test_3_2_select(server, tag, selected):
    """"+OK response followed by a single space, the exact language tag selected, and
    another space\""""
    c = server.pop_connect()
    assert c.ok(f"LANG {tag}").line.startswith(f"+OK {selected} ")


def test_3_2_all_that_follows(server, user):
    c = server.pop_connect()
    c.ascii = False
    english = c.err("XYZZY").text
    c.ok("LANG de")
    assert c.err("XYZZY").text == "Unbekannter Befehl" != english
    c.login(user)
    assert c.err("RETR 1").text == "Diese Nachricht gibt es nicht"
    c.ok("LANG *")
    assert c.err("XYZZY").text == english
    # What clients read is the same in all of them.
    c.ok("LANG de")
    assert c.ok("STAT").line == "+OK 0 0"


@pytest.mark.parametrize("tag", ["MUL", "fr", "de en", "-", "d\xe9"])
def test_3_2_unknown(server, tag):
    """"If the command fails, the server returns an -ERR response and subsequent
    human-readable response text continues to use the language that was previously used.\""""
    c = server.pop_connect()
    c.ascii = False
    c.ok("LANG de")
    c.err(f"LANG {tag}")
    assert c.err("XYZZY").text == "Unbekannter Befehl"


def test_7_language_says_nothing_of_users(server, user):
    """"The "LANG *" command might reveal the existence and preferred language of a user"""
    c = server.pop_connect()
    c.ok(f"USER {user}")
    assert c.ok("LANG *").line == "+OK en Language changed"
    c.ok(f"USER {user}")
    c.ok(f"PASS {PASSWORD}")
