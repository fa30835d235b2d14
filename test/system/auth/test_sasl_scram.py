"""SCRAM-SHA-1 and -256 (RFC 5802, RFC 7677) and their channel binding (RFC 5929, RFC 9266)."""
import hashlib
import re
import ssl

import pytest

from saslclient import Exchange, gsasl, imtest, mechanisms, scram

PLAIN, PLUS = ["SCRAM-SHA-1", "SCRAM-SHA-256"], ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"]


@pytest.fixture(scope="module")
def server(module_server):
    return module_server({"sasl_mech_list": " ".join(PLAIN + PLUS)})


@pytest.fixture
def user(server):
    return server.new_user()


def secured(server, version=None):
    context = ssl.create_default_context(cafile=server.dir / "cert.pem")
    if version is not None:
        context.maximum_version = version
    c = server.connect()
    assert c.starttls(context).status == "OK"
    return c


def end_point(server):
    """RFC 5929 section 4.1; the certificate is signed with SHA-256."""
    der = ssl.PEM_cert_to_DER_cert((server.dir / "cert.pem").read_text())
    return hashlib.sha256(der).digest()


def test_offered(server):
    """Channel binding where there is a channel."""
    c = server.connect()
    assert sorted(mechanisms(c)) == PLAIN
    assert c.starttls(server.tls).status == "OK"
    assert sorted(mechanisms(c)) == sorted(PLAIN + PLUS)


@pytest.mark.parametrize("mechanism", PLAIN)
def test_gsasl_and_imtest(server, user, mechanism):
    assert gsasl(server, mechanism, user, "secret", False, "--no-cb").ok
    assert not gsasl(server, mechanism, user, "wrong", False, "--no-cb").ok
    run = imtest(server, mechanism, user)
    assert run.ok and run.ssf == 0
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} {mechanism} User logged in")


@pytest.mark.parametrize("mechanism", PLUS)
def test_tls_exporter(server, user, mechanism):
    """gsasl over TLS 1.3 binds with tls-exporter."""
    run = gsasl(server, mechanism, user, "secret", True)
    assert run.ok and "TLS1.3" in run.stderr
    assert not gsasl(server, mechanism, user, "wrong", True).ok
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} {mechanism}\+TLS User logged in")


@pytest.mark.parametrize("mechanism", PLUS)
@pytest.mark.parametrize("initial", [True, False])
def test_server_end_point(server, user, mechanism, initial):
    c = secured(server)
    reply = scram(c, mechanism, user, header="p=tls-server-end-point,,",
                  binding=end_point(server), initial=initial)
    assert reply.startswith("OK"), reply


def test_tls_unique(server, user):
    c = secured(server, ssl.TLSVersion.TLSv1_2)
    binding = c.sock.get_channel_binding("tls-unique")
    assert scram(c, PLUS[1], user, header="p=tls-unique,,", binding=binding).startswith("OK")


@pytest.mark.parametrize("header, binding, why", [
    # Other bytes: the client's channel ends somewhere else.
    ("p=tls-server-end-point,,", b"\0" * 32, "channel binding|mismatch"),
    ("p=tls-exporter,,", b"\0" * 32, "channel binding|mismatch"),
    ("p=tls-server-end-point,,", b"", "binding"),
    # TLS 1.3 has no tls-unique (RFC 9266 section 3); nobody has the other.
    ("p=tls-unique,,", b"\0" * 12, "of a type that this connection has not"),
    ("p=tls-nonsense,,", b"\0" * 32, "of a type that this connection has not"),
    # -PLUS without it.
    ("n,,", b"", "no channel binding in a mechanism that demands it"),
    ("y,,", b"", "no channel binding in a mechanism that demands it"),
])
def test_mismatch(server, user, header, binding, why):
    c = secured(server)
    reply = scram(c, PLUS[1], user, header=header, binding=binding)
    assert reply.startswith("NO [AUTHENTICATIONFAILED]"), reply
    server.wait_log(rf"badlogin: \[127\.0\.0\.1\] {PLUS[1]} SASL\(-\d+\): .*({why})")
    # The dialogue may begin again.
    assert scram(c, PLUS[1], user, header="p=tls-server-end-point,,",
                 binding=end_point(server)).startswith("OK")


def test_binding_of_another_connection(server, user):
    """What makes tls-exporter and tls-unique worth having."""
    other = secured(server, ssl.TLSVersion.TLSv1_2)
    c = secured(server, ssl.TLSVersion.TLSv1_2)
    stolen = other.sock.get_channel_binding("tls-unique")
    assert stolen != c.sock.get_channel_binding("tls-unique")
    assert scram(c, PLUS[0], user, header="p=tls-unique,,", binding=stolen).startswith("NO")


@pytest.mark.parametrize("mechanism", PLAIN)
def test_downgrade(server, user, mechanism):
    """"If the flag is set to "y" and the server supports channel binding, the
    server MUST fail authentication" (RFC 5802 section 6)."""
    c = secured(server)
    assert scram(c, mechanism, user, header="y,,").startswith("NO [AUTHENTICATIONFAILED]")
    server.wait_log(f"{mechanism} .*is somebody in the middle")
    assert scram(c, mechanism, user, header="y,,", initial=False).startswith("NO")
    assert scram(c, mechanism, user, header="n,,").startswith("OK")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-224", "SCRAM-SHA-384", "SCRAM-SHA-512", "NTLM"])
def test_others_that_the_library_has(make_server, mechanism):
    server = make_server({"sasl_mech_list": mechanism})
    user = server.new_user()
    if mechanisms(server.connect()) != [mechanism]:
        pytest.skip(f"this build of Cyrus SASL has no {mechanism}")
    assert imtest(server, mechanism, user).ok
    assert not imtest(server, mechanism, user, "wrong").ok


def test_y_where_there_is_no_channel(server, user):
    assert scram(server.connect(), PLAIN[1], user, header="y,,").startswith("OK")


def test_binding_without_plus(server, user):
    c = secured(server)
    reply = scram(c, PLAIN[1], user, header="p=tls-server-end-point,,",
                  binding=end_point(server))
    assert reply.startswith("NO [AUTHENTICATIONFAILED]")


def test_plus_in_the_clear(server, user):
    reply = scram(server.connect(), PLUS[1], user, header="p=tls-exporter,,", binding=b"x")
    assert reply.startswith("NO") and "AUTHENTICATIONFAILED" not in reply


def test_authzid(server, user):
    admin = "cyrus"
    assert scram(server.connect(), PLAIN[1], admin, authzid=user).startswith("OK")
    reply = scram(server.connect(), PLAIN[1], user, authzid="somebodyelse")
    assert reply.startswith("NO [AUTHORIZATIONFAILED]"), reply


def test_header_must_be_the_same(server, user, monkeypatch):
    """The header is repeated under the proof; a client in between that changes it fails."""
    import saslclient
    real = saslclient.b64
    monkeypatch.setattr(saslclient, "b64", lambda d: real(
        d.replace(b"n,,", b"y,,", 1) if d == b"n,," else d))
    reply = scram(server.connect(), PLAIN[1], user)
    assert reply.startswith("NO"), reply


def test_unknown_user(server):
    assert scram(server.connect(), PLAIN[1], "nobodyatall").startswith("NO [AUTHENTICATIONFAILED]")


def first_answer(c, mechanism, name, initial=True):
    """What a stranger is told of NAME: nonce, salt, count."""
    first = f"n,,n={name},r=abcdef"
    x = Exchange(c, mechanism, first if initial else None)
    if not initial:
        x.answer(first)
    assert x.reply is None, x.reply
    found = re.fullmatch(r"r=abcdef([A-Za-z0-9+/]{32}),s=([A-Za-z0-9+/]+={0,2}),i=(\d+)", x.challenge.decode())
    x.raw(b"*\r\n")
    assert x.reply.startswith("BAD")
    return len(found[1]), found[2], found[3]


@pytest.mark.parametrize("mechanism", PLAIN)
@pytest.mark.parametrize("initial", [True, False])
def test_who_has_no_account_is_not_told(server, user, mechanism, initial):
    """RFC 5802 section 7: "unknown-user" need not be said. Salt, counts and steps are as those of others."""
    known, unknown = server.connect(), server.connect()
    for c, name in (known, user), (unknown, "nobody" + user):
        nonce, salt, count = first_answer(c, mechanism, name, initial)
        assert (nonce, len(salt), count) == (32, {"SCRAM-SHA-1": 28, "SCRAM-SHA-256": 44}[mechanism], "4096")
        assert first_answer(c, mechanism, name) == (nonce, salt, count)
        assert first_answer(c, mechanism, name + "x")[1] != salt
        reply = scram(c, mechanism, name, "wrong", initial=initial)
        assert reply == "NO [AUTHENTICATIONFAILED] Login failed: authentication failure"
    server.wait_log(rf"badlogin: .* {mechanism} SASL\(-13\): user not found")
    # A name that cannot be is not told apart, and whoever is in order still comes in here.
    assert scram(unknown, mechanism, "no/body").startswith("NO [AUTHENTICATIONFAILED]")
    assert scram(unknown, mechanism, user).startswith("OK")
