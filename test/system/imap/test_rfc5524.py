"""URLAUTH=BINARY (RFC 5524)."""
import base64
import re

import pytest
from answers import append, value
from test_rfc4467 import HOST, generated

DATA = bytes(range(256)) * 20
MESSAGE = (b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
           b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
           b"Gr=C3=BC=C3=9Fe\r\n--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
           + base64.b64encode(DATA) + b"\r\n--b\r\nContent-Transfer-Encoding: x-secret\r\n\r\nxyz\r\n--b--\r\n")


@pytest.fixture(scope="module")
def c(module_server):
    server = module_server()
    name = server.new_user()
    c = server.login(name)
    append(c, "INBOX", MESSAGE)
    c.name = name
    return c


def url_of(c, section):
    rump = f"imap://{c.name}@{HOST}/INBOX/;uid=1{section};urlauth=authuser"
    return generated(c.ok(f'GENURLAUTH "{rump}" INTERNAL'))[0]


def fetch(c, section, params):
    """What follows the URL."""
    url = url_of(c, section)
    r = c.ok(f'URLFETCH ("{url}" {params})')
    assert len(r.untagged) == 1
    m = re.fullmatch(rb'URLFETCH (?:"[^"]*"|[^ "]+) (.*)', r.untagged[0], re.DOTALL)
    return m.group(1)


def test_2_advertised(c):
    assert b"URLAUTH=BINARY" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_body(c):
    assert value(fetch(c, "/;section=2", "BODY"), b"(BODY") == base64.b64encode(DATA)


def test_3_binary(c):
    assert value(fetch(c, "/;section=1", "BINARY"), b"(BINARY") == "Grüße".encode()


def test_3_binary_with_nuls_is_a_literal8(c):
    got = fetch(c, "/;section=2", "BINARY")
    assert got.startswith(b"(BINARY ~{5120}")
    assert value(got, b"(BINARY") == DATA


def test_3_binary_of_all(c):
    assert value(fetch(c, "", "BINARY"), b"(BINARY") == MESSAGE


def test_3_binary_partial(c):
    assert value(fetch(c, "/;section=2/;partial=10.20", "BINARY"), b"(BINARY") == DATA[10:30]


def test_3_bodypartstructure(c):
    assert fetch(c, "/;section=2", "BODYPARTSTRUCTURE").startswith(
        b'(BODYPARTSTRUCTURE ("image" "x" NIL NIL NIL "base64" ')


def test_3_bodypartstructure_of_the_message(c):
    got = fetch(c, "", "BODYPARTSTRUCTURE")
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODYSTRUCTURE").untagged[0].split(b"BODYSTRUCTURE ")[1][:-1] in got


def test_3_bodypartstructure_of_what_is_no_part(c):
    assert fetch(c, "/;section=HEADER", "BODYPARTSTRUCTURE") == b"NIL"
    assert fetch(c, "/;section=1.MIME", "BODYPARTSTRUCTURE BODY").startswith(b"(BODY {")


@pytest.mark.parametrize("section, kind, encoding, size", [
    (1, b'"text" "plain" ("charset" "utf-8")', b"8BIT", b"7 0"), (2, b'"image" "x" NIL', b"BINARY", b"5120"),
    (3, b'"text" "plain" ("charset" "us-ascii")', b"x-secret", b"3 0")])
def test_4_both(c, section, kind, encoding, size):
    """The structure is about what BINARY holds: "(BODYPARTSTRUCTURE ("IMAGE" "PNG"
    () NIL NIL "BINARY" 123)) (BINARY ~{123}"; or, if that is NIL, as ever."""
    got = fetch(c, f"/;section={section}", "BODYPARTSTRUCTURE BINARY")
    assert got.startswith(b"(BODYPARTSTRUCTURE (" + kind + b' NIL NIL "' + encoding + b'" ' + size + b" "), got
    assert re.search(rb"\)\) \(BINARY (~?\{%s\}\r\n|NIL\))" % size.split()[0], got), got


def test_4_both_of_the_message(c):
    got = fetch(c, "", "BODYPARTSTRUCTURE BINARY")
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODYSTRUCTURE").untagged[0].split(b"BODYSTRUCTURE ")[1][:-1] in got


@pytest.mark.parametrize("params", ["body", "Binary", "bodypartstructure binary"])
def test_3_any_case(c, params):
    assert fetch(c, "/;section=1", params)


def test_3_unknown_encoding(c):
    assert fetch(c, "/;section=3", "BINARY") == b"(BINARY NIL)"


def test_3_simple_and_extended_in_one_command(c):
    a, b = url_of(c, "/;section=1"), url_of(c, "/;section=2")
    r = c.ok(f'URLFETCH "{a}" ("{b}" BINARY)')
    assert r.untagged[0].endswith(b"Gr=C3=BC=C3=9Fe") and r.untagged[1].endswith(DATA + b")")


@pytest.mark.parametrize("section", ["/;section=9", "/;section=1.2"])
def test_3_no_such_part(c, section):
    assert fetch(c, section, "BINARY") == b"NIL"


def test_3_void_url(c):
    url = url_of(c, "/;section=1")[:-1]
    assert c.ok(f'URLFETCH ("{url}" BINARY)').untagged[0].endswith(b" NIL")


def test_5_no_parameters(c):
    """url-fetch-ext = "(" url-full *(SP url-fetch-param) ")": there may be none."""
    url = url_of(c, "/;section=1")
    plain = c.ok(f'URLFETCH "{url}"').untagged
    assert plain[0].endswith(b"Gr=C3=BC=C3=9Fe")
    assert c.ok(f'URLFETCH ("{url}")').untagged == plain
    assert c.ok(f'URLFETCH ("{url}") ("{url}" BODY) (x)').untagged[0] == plain[0]


@pytest.mark.parametrize("arguments", ["(x )", "(x FOO)", "(x BODY", "()", "(x BODY) ", "((x BODY))"])
def test_5_grammar(c, arguments):
    assert c.cmd(f"URLFETCH {arguments}").status == "BAD"
    c.ok("NOOP")
