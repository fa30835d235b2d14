"""imtest, pop3test and lmtptest: our own probe, against our own servers."""
import base64
import os
import re
import subprocess
import types

import pytest

import chapar
import ports
from saslclient import LEAKY
from test_sasl_external import Authority

SECONDS = 60
MECHANISMS = "PLAIN LOGIN SCRAM-SHA-256 EXTERNAL"


@pytest.fixture(scope="module")
def server(module_server, tmp_path_factory):
    pop3, pop3s, lmtp = ports.several(3)
    srv = module_server(
        {"sasl_mech_list": MECHANISMS, "tls_client_ca_file": "{configdirectory}/ca.pem"},
        services=f'pop3 cmd="pop3d" listen="127.0.0.1:{pop3}" prefork=0\n'
                 f'pop3s cmd="pop3d -s" listen="127.0.0.1:{pop3s}" prefork=0\n'
                 f'lmtpauth cmd="lmtpd" listen="127.0.0.1:{lmtp}" prefork=0', start=False)
    srv.authority = Authority(tmp_path_factory.mktemp("ca"), "authority")
    (srv.dir / "config/ca.pem").write_bytes(srv.authority.cert.read_bytes())
    srv.ports = types.SimpleNamespace(imtest=srv.imap_port, pop3test=pop3, lmtptest=lmtp)
    srv.tls_ports = types.SimpleNamespace(imtest=srv.imaps_port, pop3test=pop3s)
    srv.start()
    return srv


@pytest.fixture
def user(server):
    return server.new_user()


@pytest.fixture
def probe(server, tmp_path):
    """probe("pop3test", "-a", user): what it says, and whether it got in."""
    def run(name, *args, port=None, commands="", host="localhost", env=None):
        path = tmp_path / name
        if not path.exists():
            path.symlink_to(chapar.BUILD / "imap/probe/imtest")
        port = port or getattr(server.ports, name)
        r = subprocess.run([path, "-p", str(port), *map(str, args), host], input=commands,
                           text=True, capture_output=True, timeout=SECONDS, env={**os.environ, **(env or {})})
        r.ok = "\nAuthenticated.\n" in r.stdout
        ssf = re.search(r"^Security strength factor: (\d+)$", r.stdout, re.M)
        r.ssf = int(ssf[1]) if ssf else None
        return r
    return run


WORKS = {"imtest": ("x NOOP\n", "x OK"), "pop3test": ("STAT\n", "+OK 0 0"),
         "lmtptest": ("MAIL FROM:<>\n", "250 2.1.0")}


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "SCRAM-SHA-256"])
@pytest.mark.parametrize("name", WORKS)
def test_mechanisms(probe, user, name, mechanism):
    commands, want = WORKS[name]
    r = probe(name, "-m", mechanism, "-a", user, "-w", "secret", commands=commands)
    assert r.ok and r.ssf == 0 and r.returncode == 0 and want in r.stdout, r.stdout + r.stderr
    assert re.search(rf"^C: .*AUTH\w* {mechanism}", r.stdout, re.M)
    assert r.stdout.endswith("Connection closed.\n")


@pytest.mark.parametrize("name", WORKS)
def test_starttls(probe, user, name):
    """The server is asked again for what it can do, and its certificate is told."""
    commands, want = WORKS[name]
    r = probe(name, "-t", "", "-m", "PLAIN", "-a", user, "-w", "secret", commands=commands)
    assert r.ok and r.ssf >= 128 and want in r.stdout, r.stdout + r.stderr
    assert "TLS connection established: TLSv1.3" in r.stdout
    assert "certificate of: CN = localhost\n" in r.stdout
    assert "verify error:num=18:" in r.stdout and "not for" not in r.stdout
    before, after = r.stdout.split("TLS connection established")
    assert "C: " in before and re.search("^C: (C01 CAPABILITY|CAPA|LHLO .*)$", after, re.M)


@pytest.mark.parametrize("name", ["imtest", "pop3test"])
def test_tls_first(probe, server, user, name):
    r = probe(name, "-s", "-a", user, "-w", "secret", port=getattr(server.tls_ports, name),
              host="127.0.0.1", commands=WORKS[name][0])
    assert r.ok and WORKS[name][1] in r.stdout, r.stdout + r.stderr
    assert r.stdout.startswith("TLS connection established")
    assert "the certificate is not for 127.0.0.1" in r.stdout


def test_channel_binding(probe, server, user):
    """RFC 9266, by name and as the best of what is offered in TLS."""
    for more in (("-m", "SCRAM-SHA-256-PLUS"), ()):
        r = probe("imtest", "-t", "", *more, "-a", user, "-w", "secret")
        assert r.ok and "C: A01 AUTHENTICATE SCRAM-SHA-256-PLUS" in r.stdout, r.stdout + r.stderr
    assert probe("imtest", "-t", "", "-m", "SCRAM-SHA-256", "-a", user, "-w", "secret").ok


def test_security_layer(make_server, probe):
    """DIGEST-MD5's: as -k and -l say, and in it the session goes on."""
    server = make_server({"sasl_mech_list": "DIGEST-MD5"}, start=False)
    server.env = LEAKY
    server.start()
    user = server.new_user()
    for more, ssf in ((("-l", "0"), 0), (("-k", "1", "-l", "1"), 1), ((), 128)):
        r = probe("imtest", *more, "-a", user, "-w", "secret", port=server.imap_port,
                  commands="x SELECT INBOX\n", env=LEAKY)
        assert r.ok and r.ssf == ssf and "x OK [READ-WRITE]" in r.stdout, r.stdout + r.stderr


def test_client_certificate(probe, server, user, tmp_path):
    cert, key = server.authority.issue(user)
    pair = tmp_path / "pair.pem"
    pair.write_bytes(cert.read_bytes() + key.read_bytes())
    r = probe("imtest", "-t", pair, "-m", "EXTERNAL", "-a", user)
    assert r.ok, r.stdout + r.stderr
    r = probe("imtest", "-t", tmp_path / "nothing.pem", "-m", "EXTERNAL", "-a", user)
    assert not r.ok and r.returncode == 1 and "cannot read a certificate" in r.stderr


@pytest.mark.parametrize("name", ["imtest", "pop3test"])
def test_own_login(probe, user, name):
    r = probe(name, "-m", "login", "-a", user, "-w", "secret", commands=WORKS[name][0])
    assert r.ok and WORKS[name][1] in r.stdout, r.stdout + r.stderr
    assert "C: <omitted>" in r.stdout and "secret" not in r.stdout


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "login"])
def test_wrong_password(probe, user, mechanism):
    r = probe("imtest", "-m", mechanism, "-a", user, "-w", "wrong")
    assert not r.ok and r.returncode == 1
    assert re.search("^imtest: authentication failed: .01 NO ", r.stderr, re.M), r.stderr


@pytest.mark.parametrize("name, said", [("imtest", "A01 NO"), ("pop3test", "-ERR"),
                                        ("lmtptest", "504")])
def test_refused_mechanism(probe, user, name, said):
    r = probe(name, "-m", "CRAM-MD5", "-a", user, "-w", "secret")
    assert not r.ok and r.returncode == 1
    assert f"{name}: authentication failed: {said}" in r.stderr, r.stderr


def test_unknown_mechanism(probe, user):
    """One that our own library does not know is not tried."""
    r = probe("imtest", "-m", "NONSENSE", "-a", user, "-w", "secret")
    assert r.returncode == 1 and "imtest: authentication failed: " in r.stderr
    assert "C: A01" not in r.stdout


def test_secrets_are_not_shown(probe, user):
    words = [user, "secret", base64.b64encode(f"\0{user}\0secret".encode()).decode()]
    quiet = probe("imtest", "-m", "PLAIN", "-a", user, "-w", "secret")
    assert "C: A01 AUTHENTICATE PLAIN <omitted>" in quiet.stdout and words[2] not in quiet.stdout
    assert words[2] in probe("imtest", "-v", "-m", "PLAIN", "-a", user, "-w", "secret").stdout
    r = probe("imtest", "-i", "-m", "PLAIN", "-a", user, "-w", "secret")
    assert r.ok and "C: A01 AUTHENTICATE PLAIN\nS: +" in r.stdout and words[2] not in r.stdout


def test_as_somebody_else(probe, server, user):
    r = probe("imtest", "-m", "PLAIN", "-a", chapar.ADMIN, "-u", user, "-w", "secret",
              commands='x LIST "" *\n')
    assert r.ok and "INBOX" in r.stdout, r.stdout + r.stderr
    r = probe("imtest", "-m", "PLAIN", "-a", user, "-u", chapar.ADMIN, "-w", "secret")
    assert r.returncode == 1 and "AUTHORIZATIONFAILED" in r.stderr


def test_file_and_attempts(probe, user, tmp_path):
    script = tmp_path / "script"
    script.write_text("x SELECT INBOX\ny NOOP")
    r = probe("imtest", "-n", "3", "-f", script, "-a", user, "-w", "secret")
    assert r.stdout.count("Authenticated.") == 3 and r.returncode == 0, r.stdout + r.stderr
    assert "x OK [READ-WRITE]" in r.stdout and "y OK" in r.stdout and "Q01 OK" in r.stdout


def test_unix_socket(probe, server):
    """Whom lmtpd trusts need not log in."""
    r = probe("lmtptest", host=server.lmtp_path, commands="NOOP\n")
    assert r.returncode == 0 and "250 2.0.0" in r.stdout, r.stdout + r.stderr


def test_no_server(probe):
    port = ports.one()
    r = probe("imtest", port=port)
    assert (r.returncode, r.stderr) == (
        1, f"imtest: cannot connect to localhost:{port}: Connection refused\n")


@pytest.mark.parametrize("args", [("-Z",), ("-n", "0"), ("-k", "2", "-l", "1"), ("-l", "x"),
                                  ("one", "too-many")])
def test_usage(probe, args):
    r = probe("imtest", *args)
    assert r.returncode == 64 and r.stderr.count("usage: imtest") == 1


@pytest.mark.parametrize("args, why", [
    (("-n", "0"), "-n: one attempt at least"), (("-l", "x"), '"x" is not a number'),
    (("-k", "300"), "300 bits at least (-k) are more than 256 at most (-l)")])
def test_usage_says_why(probe, args, why):
    assert probe("imtest", *args).stderr.startswith(f"imtest: {why}\nusage: ")


def test_tls_not_spoken(probe, server):
    """-s where the server speaks in the clear."""
    r = probe("imtest", "-s")
    assert r.returncode == 1 and "imtest: TLS failed: " in r.stderr
