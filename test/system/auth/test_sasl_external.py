"""EXTERNAL (RFC 4422 appendix A): the client's certificate says who it is."""
import ssl
import subprocess

import pytest

from saslclient import Exchange, gsasl, mechanisms


def openssl(*args):
    subprocess.run(["openssl", *map(str, args)], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


class Authority:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", self.key,
                "-out", self.cert)

    def issue(self, common, email=None):
        """(certificate, key) for a client."""
        base = self.folder / f"{self.name}-{common}"
        request, cert, key, more = (base.with_suffix(s) for s in (".csr", ".crt", ".ckey", ".ext"))
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                "-subj", f"/CN={common}", "-keyout", key, "-out", request)
        more.write_text("extendedKeyUsage=clientAuth\n"
                        + (f"subjectAltName=email:{email}\n" if email else ""))
        openssl("x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key,
                "-CAcreateserial", "-days", "2", "-extfile", more, "-out", cert)
        return cert, key


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("ca"), "authority")


def start(make, authority, **options):
    srv = make({"sasl_mech_list": "PLAIN EXTERNAL",
                "tls_client_ca_file": "{configdirectory}/ca.pem", **options}, start=False)
    (srv.dir / "config/ca.pem").write_bytes(authority.cert.read_bytes())
    srv.start()
    return srv


@pytest.fixture(scope="module")
def server(module_server, authority):
    return start(module_server, authority)


@pytest.fixture
def user(server):
    return server.new_user()


def connect(server, pair=None):
    context = ssl.create_default_context(cafile=server.dir / "cert.pem")
    if pair:
        context.load_cert_chain(*pair)
    c = server.connect()
    assert c.starttls(context).status == "OK"
    return c


def test_offered_to_who_has_a_certificate(server, authority, user):
    assert mechanisms(server.connect()) == ["PLAIN"]
    c = connect(server)
    assert mechanisms(c) == ["PLAIN"]
    x = Exchange(c, "EXTERNAL", "")
    assert x.reply.startswith("NO") and "AUTHENTICATIONFAILED" not in x.reply
    assert sorted(mechanisms(connect(server, authority.issue(user)))) == ["EXTERNAL", "PLAIN"]


@pytest.mark.parametrize("initial", [True, False])
def test_login(server, authority, user, initial):
    """An empty authorization identity: himself; "=" is the empty initial response."""
    c = connect(server, authority.issue(user))
    x = Exchange(c, "EXTERNAL", "" if initial else None)
    if not initial:
        x.answer("")
    assert x.reply.startswith("OK [CAPABILITY"), x.reply
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} EXTERNAL\+TLS User logged in")


def test_gsasl(server, authority, user):
    """A client that is not ours."""
    cert, key = authority.issue(user)
    run = gsasl(server, "EXTERNAL", user, "", True, "--x509-cert-file", cert, "--x509-key-file", key)
    assert run.ok, run.stdout + run.stderr
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} EXTERNAL\+TLS User logged in")
    assert not gsasl(server, "EXTERNAL", user, "", True).ok


def test_as_somebody_else(server, authority, user):
    other = server.new_user()
    c = connect(server, authority.issue(user))
    assert Exchange(c, "EXTERNAL", user).reply.startswith("OK")
    c = connect(server, authority.issue(user))
    assert Exchange(c, "EXTERNAL", other).reply.startswith("NO [AUTHORIZATIONFAILED]")
    c = connect(server, authority.issue("cyrus"))
    assert Exchange(c, "EXTERNAL", other).reply.startswith("OK")


def test_certificate_of_somebody_else(server, tmp_path, user):
    """One that nobody we know vouches for is worth nothing."""
    try:
        c = connect(server, Authority(tmp_path, "stranger").issue(user))
        assert mechanisms(c) == ["PLAIN"]
    except (ssl.SSLError, ConnectionError, AssertionError):
        pass            # or the handshake has failed, which in TLS 1.3 is seen late


def test_email(make_server, authority):
    server = start(make_server, authority, tls_client_name="email")
    user = server.new_user()
    c = connect(server, authority.issue("Somebody", f"{user}@localhost"))
    assert Exchange(c, "EXTERNAL", "").reply.startswith("OK")
    assert mechanisms(connect(server, authority.issue(user))) == ["PLAIN"]


def test_a_name_that_would_be_two_if_he_said_it(server, authority, user):
    """Who may choose his certificate's name must not choose himself a user."""
    for name in (f"{user}*{user}", f"x*{user}"):
        for authzid in "", user:
            c = connect(server, authority.issue(name.replace("*", "\\*")))
            assert Exchange(c, "EXTERNAL", authzid).reply.startswith("NO"), (name, authzid)


def test_impossible_names(server, authority):
    for name in ("a*b", "nobody here"):
        c = connect(server, authority.issue(name))
        x = Exchange(c, "EXTERNAL", "cyrus")
        assert x.reply.startswith("NO"), x.reply
