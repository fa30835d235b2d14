"""PLAIN (RFC 4616), LOGIN, CRAM-MD5 (RFC 2195) and ANONYMOUS (RFC 4505) with real clients."""
import pytest

from saslclient import Exchange, b64, curl, gsasl, imtest, mechanisms

ALL = ["PLAIN", "LOGIN", "CRAM-MD5"]


@pytest.fixture(scope="module")
def server(module_server):
    return module_server({"sasl_mech_list": " ".join(ALL) + " ANONYMOUS"})


@pytest.fixture
def user(server):
    return server.new_user()


def test_all_at_once(server):
    """Anonymous users are let in only where that is said."""
    assert sorted(mechanisms(server.connect())) == sorted(ALL)


@pytest.mark.parametrize("mechanism", ALL)
def test_clients(server, user, mechanism):
    for tls in (False, True):
        run = gsasl(server, mechanism, user, "secret", tls, "--no-cb")
        assert run.ok, run.stdout + run.stderr
    assert not gsasl(server, mechanism, user, "wrong", False, "--no-cb").ok
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} {mechanism}\+TLS User logged in")
    server.wait_log(rf"badlogin: \[127\.0\.0\.1\] {mechanism} SASL\(-13\): ")
    assert imtest(server, mechanism, user).ok
    assert not imtest(server, mechanism, user, "wrong").ok


@pytest.mark.parametrize("mechanism", ALL)
def test_curl(server, user, mechanism):
    for more in ((), ("--sasl-ir",)):
        assert curl(server, "--user", f"{user}:secret", "--login-options", f"AUTH={mechanism}",
                    *more).returncode == 0
    assert curl(server, "--user", f"{user}:wrong", "--login-options",
                f"AUTH={mechanism}").returncode == 67


def test_plain_messages(server, user):
    for message in ("", "\0", f"{user}\0secret", f"\0{user}", f"\0{user}\0", "\0\0secret",
                    f"\0{user}\0secre", f"\0{user}\0secretx", f"\0{user}x\0secret"):
        reply = Exchange(server.connect(), "PLAIN", message).reply
        assert reply and reply.startswith("NO [AUTHENTICATIONFAILED]"), (message, reply)
    assert Exchange(server.connect(), "PLAIN", f"\0{user}\0secret").reply.startswith("OK")


def test_anonymous(make_server):
    server = make_server({"sasl_mech_list": "PLAIN ANONYMOUS", "allowanonymouslogin": "yes"})
    for tls in (False, True):
        run = gsasl(server, "ANONYMOUS", "x", "", tls, "--no-cb", "--anonymous-token", "trace@example.org")
        assert run.ok, run.stdout + run.stderr
    assert sorted(mechanisms(server.connect())) == ["ANONYMOUS", "PLAIN"]
    c = server.connect()
    assert Exchange(c, "ANONYMOUS", "trace@example.org").reply.startswith("OK")
    assert c.cmd("SELECT INBOX").status == "NO"
    server.wait_log(r"login: \[127\.0\.0\.1\] anonymous ANONYMOUS User logged in")
    # Nobody becomes somebody that way, and no password makes one anonymous.
    assert Exchange(server.connect(), "PLAIN", "\0anonymous\0").reply.startswith("NO")


# --- the dialogue ---

def test_cancel(server, user):
    """"If the client wishes to cancel ... it issues a line with a single "*"" -> BAD."""
    c = server.connect()
    for mechanism in ("LOGIN", "CRAM-MD5", "PLAIN"):
        x = Exchange(c, mechanism)
        x.raw(b"*\r\n")
        assert x.reply.startswith("BAD"), x.reply
    c.login(user)


def test_base64(server, user):
    c = server.connect()
    for wrong in (b"!!!!", b"QUJD=", b"QUJ", b"Q=JD", b" QUJD", b"QUJD ", b"\xff\xff\xff\xff"):
        x = Exchange(c, "LOGIN")
        x.raw(wrong + b"\r\n")
        assert x.reply.startswith("BAD"), (wrong, x.reply)
        c.send(b"x NOOP\r\n")
        assert c.line().startswith(b"x OK")
    for initial in ("====", "Q", "QQ", "Q Q"):
        assert c.cmd(f"AUTHENTICATE PLAIN {initial}").status == "BAD"
    c.login(user)


def test_unknown_mechanism(server):
    c = server.connect()
    for name in ("X", "PLAI", "PLAINX", "SCRAM-SHA-256", "EXTERNAL", "ANONYMOUS", "A" * 300):
        r = c.cmd(f"AUTHENTICATE {name}")
        assert r.status == "NO" and r.text == "No such authentication mechanism", (name, r)
    for wrong in ("", " ", '"PLAIN"', "PLA{N", "PL*"):
        assert c.cmd(f"AUTHENTICATE {wrong}").status in ("BAD", "NO")


def test_initial_response_where_the_server_speaks_first(server, user):
    """RFC 4959 section 3: "the server MUST reject the command with a tagged NO"... or may
    fail it; CRAM-MD5 has no message of the client's to begin with."""
    x = Exchange(server.connect(), "CRAM-MD5", "x")
    assert x.reply and x.reply.startswith(("NO", "BAD")), x.reply


def test_long_responses(server, user):
    """64 KiB a line; what is longer is refused, and the connection goes on."""
    c = server.connect()
    x = Exchange(c, "PLAIN")
    x.raw(b64("\0" + user + "\0" + "x" * 40000).encode() + b"\r\n")
    assert x.reply.startswith("NO"), x.reply
    x = Exchange(c, "LOGIN")
    x.raw(b"A" * 200000 + b"\r\n")
    assert x.reply.startswith("BAD"), x.reply
    c.login(user)


def test_names_in_any_case(server, user):
    assert Exchange(server.connect(), "plain", f"\0{user}\0secret").reply.startswith("OK")


def test_not_twice(server, user):
    """Only before login; and mechanisms are not told any more."""
    c = server.connect()
    c.login(user)
    assert c.cmd("AUTHENTICATE PLAIN").status == "BAD"
    assert mechanisms(c) == []
    c.ok("UNAUTHENTICATE")
    assert sorted(mechanisms(c)) == sorted(ALL)
