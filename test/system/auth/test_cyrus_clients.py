"""Debian's imtest, pop3test and lmtptest (Cyrus's), with each mechanism of passwords, in the clear and in TLS."""
import os
import subprocess

import pytest

import pop3
import ports
from saslclient import LEAKY, SECONDS

PLACE = "/usr/lib/cyrus/bin"
MECHANISMS = ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "NTLM", "SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-512"]
ENDS = {"imtest": "z LOGOUT\r\n", "pop3test": "QUIT\r\n", "lmtptest": "QUIT\r\n"}


@pytest.fixture(scope="module")
def server(module_server):
    lmtp = ports.one()
    srv = module_server({"sasl_mech_list": " ".join(MECHANISMS)}, kind=pop3.PopServer, start=False,
                        services=f'lmtpauth cmd="lmtpd" listen="127.0.0.1:{lmtp}" prefork=0\n')
    srv.env = LEAKY
    srv.start()
    srv.ports = {"imtest": srv.imap_port, "pop3test": srv.pop_port, "lmtptest": lmtp}
    return srv


@pytest.fixture
def user(server):
    return server.new_user()


def run(server, program, *args):
    if not os.path.exists(f"{PLACE}/{program}"):
        pytest.skip(f"{program} is not installed: cyrus-clients")
    r = subprocess.run([f"{PLACE}/{program}", "-p", str(server.ports[program]), *args, "localhost"],
                       text=True, capture_output=True, timeout=SECONDS, input=ENDS[program])
    return "Authenticated." in r.stdout, r.stdout


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize("program", ENDS)
def test_mechanisms(server, user, program, mechanism):
    for tls in ((), ("-t", "")):
        good, out = run(server, program, *tls, "-m", mechanism, "-a", user, "-u", user, "-w", "secret")
        assert good, out
        assert ("TLS connection established" in out) == bool(tls), out
    good, out = run(server, program, "-m", mechanism, "-a", user, "-u", user, "-w", "wrong")
    assert not good, out
