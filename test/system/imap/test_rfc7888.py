"""LITERAL+ and LITERAL- (RFC 7888), and the limits on what a command may hold."""
import pytest


@pytest.fixture(scope="module")
def small(module_server):
    return module_server({
        "maxliteral": "1000", "maxargssize": "20000", "maxmessagesize": "2000", "maxquoted": "200",
        "maxword": "100", "maxarguments": "100", "maxnesting": "10", "maxranges": "100",
        "maxsearchkeys": "100", "suppress_capabilities": "IDLE CHILDREN"})


@pytest.fixture(scope="module")
def minus(module_server):
    return module_server({"literalminus": "yes"})


@pytest.fixture
def c(small):
    c = small.login(small.new_user())
    c.ok("SELECT INBOX")
    yield c
    c.ok("NOOP")        # whatever it was, the session goes on
    c.close()


def caps(c):
    return c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_advertised(imap):
    assert b"LITERAL+" in caps(imap)
    assert b"LITERAL-" not in caps(imap)


def test_5_literal_minus_advertised(minus):
    c = minus.login(minus.new_user())
    assert b"LITERAL-" in caps(c)
    assert b"LITERAL+" not in caps(c)
    c.close()


def test_4_non_synchronizing(imap):
    """No continuation request is sent for it."""
    imap.send(b"a STATUS {5+}\r\nINBOX (MESSAGES)\r\n")
    r = imap.wait("a")
    assert r.status == "OK" and r.find(rb"^STATUS INBOX")


def test_4_synchronizing_still_waits(imap):
    imap.send(b"a STATUS {5}\r\n")
    assert imap.response().startswith(b"+ ")
    imap.send(b"INBOX (MESSAGES)\r\n")
    assert imap.wait("a").status == "OK"


def test_4_both_in_one_command(imap):
    imap.send(b"a CREATE {7+}\r\nINBOX.a\r\nb RENAME {7}\r\n")
    assert imap.wait("a").status == "OK"
    assert imap.response().startswith(b"+ ")
    imap.send(b"INBOX.a {7+}\r\nINBOX.b\r\n")
    assert imap.wait("b").status == "OK"


def test_4_empty(imap):
    imap.send(b'a LIST "" {0+}\r\n\r\n')
    assert imap.wait("a").status == "OK"


def test_4_append(imap):
    imap.send(b"a APPEND INBOX {12+}\r\nA: b\r\n\r\nbody\r\n")
    assert imap.wait("a").status == "OK"


def test_4_too_large_is_read_away(c):
    """If the server cannot accept it, it reads the literal and drops it: nothing
    in it is taken for a command."""
    c.send(b"a STATUS {1001+}\r\n" + b"x LOGOUT\r\n" * 100 + b"y (MESSAGES)\r\n")
    r = c.wait("a")
    assert r.status == "BAD" and r.code == "TOOBIG"


def test_4_too_large_message(c):
    c.send(b"a APPEND INBOX {2001+}\r\n" + b"x" * 2001 + b"\r\n")
    r = c.wait("a")
    assert r.status == "NO" and r.code == "TOOBIG"


def test_4_too_large_to_drop(small):
    c = small.login(small.new_user())
    c.send(b"a APPEND INBOX {4000000000+}\r\n")
    assert c.response().startswith(b"* BYE [TOOBIG]")
    assert c.is_closed()


def test_4_too_large_synchronizing(c):
    """No continuation request: the tagged reply instead."""
    r = c.cmd("STATUS ", b"x" * 1001)
    assert r.status == "BAD" and r.code == "TOOBIG"


@pytest.mark.parametrize("n, good", [(4096, True), (4097, False)])
def test_5_literal_minus(minus, n, good):
    c = minus.login(minus.new_user())
    c.send(b"a APPEND INBOX {%d+}\r\n" % n + b"x" * n + b"\r\n")
    r = c.wait("a")
    assert r.status == ("OK" if good else "BAD"), r
    assert good or r.code == "TOOBIG"
    assert c.cmd("APPEND INBOX ", b"x" * n).status == "OK"
    c.close()


@pytest.mark.parametrize("text", [b"a {5+} INBOX", b"a STATUS {5+x}", b"a STATUS {+}", b"a STATUS {-1+}"])
def test_8_grammar(imap, text):
    imap.send(text + b"\r\n")
    assert imap.wait("a").status == "BAD"


LIMITS = {
    "quoted": "STATUS \"%s\" (MESSAGES)" % ("x" * 201),
    "word": "STATUS %s (MESSAGES)" % ("x" * 101),
    "arguments": "STATUS INBOX (%s)" % " ".join(["MESSAGES"] * 101),
    "nesting": "SEARCH " + "(" * 11 + "ALL" + ")" * 11,
    "ranges": "FETCH %s FLAGS" % ",".join(["1"] * 101),
    "keys": "SEARCH" + " OR ALL ALL" * 50,
    "flags": "STORE 1 FLAGS (%s)" % " ".join(f"k{i}" for i in range(257)),
    "items": "FETCH 1 (%s)" % " ".join(f"BODY[{i}]" for i in range(1, 102)),
    "fields": "FETCH 1 BODY[HEADER.FIELDS (%s)]" % " ".join(f"X{i}" for i in range(101)),
    "parts": "FETCH 1 BODY[%s]" % ".".join(["1"] * 101),
    "line": "NOOP " + "x" * 20001,
}


@pytest.mark.parametrize("what", LIMITS)
def test_toobig(c, what):
    """RFC 9051 section 7.1: [TOOBIG]; what is too much is said, and the session
    goes on."""
    r = c.cmd(LIMITS[what])
    assert (r.status, r.code) == ("BAD", "TOOBIG"), r
    assert "too" in r.text, r


FITS = {
    "quoted": "STATUS \"%s\" (MESSAGES)" % ("x" * 200),
    "word": "STATUS %s (MESSAGES)" % ("x" * 100),
    "arguments": "STATUS INBOX (%s)" % " ".join(["MESSAGES"] * 100),
    "ranges": "UID FETCH %s FLAGS" % ",".join(["1"] * 100),
    "keys": "SEARCH" + " ALL" * 99,
    "nesting": "SEARCH " + "(" * 9 + "ALL" + ")" * 9,
}


@pytest.mark.parametrize("what", FITS)
def test_not_too_big(c, what):
    r = c.cmd(FITS[what])
    assert r.status in ("OK", "NO") and r.code != "TOOBIG", r


def test_suppressed_capabilities(c):
    assert not {b"IDLE", b"CHILDREN"} & set(caps(c))
    assert {b"NAMESPACE", b"UIDPLUS"} <= set(caps(c))


@pytest.mark.parametrize("command", ["APPEND INBOX ", "APPEND INBOX (\\Seen) CATENATE (TEXT ", "CREATE "])
def test_5_literal_minus_too_long(minus, command):
    """"If responding to an APPEND command, the tagged BAD response MUST contain the
    TOOBIG response code." """
    c = minus.login(minus.new_user())
    tail = b")" if "TEXT" in command else b""
    c.send(f"a {command}{{4097+}}\r\n".encode() + b"x" * 4097 + tail + b"\r\n")
    r = c.wait("a")
    assert (r.status, r.code) == ("BAD", "TOOBIG")
    c.ok("NOOP")
    c.close()
