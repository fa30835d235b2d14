"""DIGEST-MD5 (RFC 2831) and its security layers, with Cyrus's own client."""
import os
import struct
import subprocess

import pytest

import digestmd5
import ports
from chapar import PASSWORD, PATIENCE, children, wait_for
from saslclient import IMTEST, LEAKY, imtest


COMMANDS = "a SELECT INBOX\r\nb NOOP\r\n"


@pytest.fixture(scope="module")
def server(module_server):
    srv = module_server({"sasl_mech_list": "DIGEST-MD5"}, start=False)
    srv.env = LEAKY
    srv.start()
    return srv


@pytest.fixture
def user(server):
    return server.new_user()


@pytest.mark.parametrize("more, ssf", [
    (("-l", "0"), 0), (("-k", "1", "-l", "1"), 1), (("-k", "56", "-l", "56"), 56), ((), 128)])
def test_layers(server, user, more, ssf):
    """auth, auth-int, and auth-conf with DES and with RC4 or 3DES."""
    run = imtest(server, "DIGEST-MD5", user, "secret", *more, commands=COMMANDS)
    assert run.ok and run.ssf == ssf, run.stdout
    assert "a OK [READ-WRITE]" in run.stdout and "b OK" in run.stdout
    if ssf:
        server.wait_log(f"security layer: {ssf} bits")


def test_wrong_password(server, user):
    run = imtest(server, "DIGEST-MD5", user, "wrong")
    assert not run.ok
    server.wait_log(r"badlogin: \[127\.0\.0\.1\] DIGEST-MD5 SASL\(-13\)")


def test_much_passes(server, user):
    """More than one packet, in both directions, and APPEND's literals."""
    text = "".join(f"Line {i}: {'x' * 60}\r\n" for i in range(3000))
    message = f"Subject: long\r\n\r\n{text}"
    run = imtest(server, "DIGEST-MD5", user, commands=(
        f"a APPEND INBOX {{{len(message)}+}}\r\n{message}\r\n"
        "b SELECT INBOX\r\nc FETCH 1 BODY.PEEK[]\r\n"))
    assert run.ok and run.ssf == 128
    out = run.stdout.replace("\r\n", "\n")
    assert f"BODY[] {{{len(message)}}}" in out and text.replace("\r\n", "\n") in out
    assert "c OK" in out


def test_capabilities_come_in_the_layer(server, user):
    """They are not in the clear in the tagged OK, and mechanisms are told once more,
    so that the client finds out if somebody has shortened the list."""
    run = imtest(server, "DIGEST-MD5", user)
    first, second = [line for line in run.stdout.splitlines() if "AUTH=DIGEST-MD5" in line]
    assert first.startswith("S: * OK [CAPABILITY") and second.startswith("S: * CAPABILITY")
    assert "A01 OK User logged in" in run.stdout and "MITM" not in run.stdout


def test_compression_on_top(server, user):
    """RFC 4978 section 4: "compression ... before SASL's security layer"."""
    run = imtest(server, "DIGEST-MD5", user, commands="a CAPABILITY\r\nb COMPRESS DEFLATE\r\n")
    assert run.ok and "COMPRESS=DEFLATE" in run.stdout and "b OK" in run.stdout


def test_no_layer_under_tls(server, user):
    """sasl_maximum_layer is 256, and TLS has that."""
    run = imtest(server, "DIGEST-MD5", user, "secret", "-t", "")
    assert run.ok and "A01 OK [CAPABILITY" in run.stdout, run.stdout


@pytest.mark.parametrize("probe, service, commands, want", [
    ("pop3test", "pop3d", "STAT\r\nQUIT\r\n", "+OK 0 0"),
    ("lmtptest", "lmtpd", "LHLO again\r\nMAIL FROM:<>\r\nQUIT\r\n", "250 2.1.0"),
])
def test_layers_of_other_services(make_server, probe, service, commands, want):
    """RFC 5034 section 4, RFC 4954 section 4: behind the +OK, behind the 235."""
    port = ports.one()
    server = make_server({"sasl_mech_list": "PLAIN DIGEST-MD5"},
                         services=f'x cmd="{service}" listen="127.0.0.1:{port}" prefork=0',
                         start=False)
    server.env = LEAKY
    server.start()
    user = server.new_user()
    path = os.path.join(os.path.dirname(IMTEST), probe)
    if not os.path.exists(path):
        pytest.skip(f"{probe} is not installed: cyrus-clients")
    run = subprocess.run(
        [path, "-p", str(port), "-m", "DIGEST-MD5", "-a", user, "-u", user, "-w", "secret",
         "localhost"], input=commands, text=True, capture_output=True, timeout=60)
    assert "Security strength factor: 128" in run.stdout and want in run.stdout, run.stdout
    assert "MITM" not in run.stdout, run.stdout
    server.wait_log("security layer: 128 bits")


@pytest.mark.skipif(not os.path.exists(IMTEST), reason="imtest is not installed: cyrus-clients")
def test_a_layer_is_a_process(make_server):
    """With frontd: it has two descriptors besides master's three, and ends with its session."""
    srv = make_server({"frontd": "yes", "sasl_mech_list": "PLAIN DIGEST-MD5"}, start=False)
    srv.env = LEAKY
    srv.start()
    user = srv.new_user()

    def layers():
        return [p for p in children(srv, "authd") if len(os.listdir(f"/proc/{p}/fd")) <= 5]

    client = subprocess.Popen(
        [IMTEST, "-p", str(srv.imap_port), "-m", "DIGEST-MD5", "-a", user, "-u", user, "-w", PASSWORD,
         "localhost"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    srv.wait_log("security layer: 128 bits")
    wait_for("it alone", lambda: len(layers()) == 1)
    client.communicate("z LOGOUT\r\n", timeout=PATIENCE)
    wait_for("its end", lambda: not layers())


@pytest.mark.parametrize("frontd", ["yes", "no"])
def test_unauthenticate_ends_the_layer(make_server, frontd):
    """RFC 8437 section 3: with the OK, which is the last thing that is said under it; then another
    user may have another one, or none."""
    srv = make_server({"frontd": frontd, "sasl_mech_list": "PLAIN DIGEST-MD5"}, start=False)
    srv.env = LEAKY
    srv.start()
    users = [srv.new_user() for _ in range(3)]
    c = srv.connect()
    before = c.ok("CAPABILITY").untagged
    for user in 5 * users:
        layer = digestmd5.login(c, user, PASSWORD)
        layer.ok(f'SETMETADATA INBOX (/private/comment "{user}")')
        assert user.encode() in layer.ok("GETMETADATA INBOX /private/comment")
        layer.ok("UNAUTHENTICATE", "L9")
        assert c.ok("CAPABILITY").untagged == before
        assert c.cmd("SELECT INBOX").status == "BAD"
    c.login(users[0])
    c.ok("SELECT INBOX")
    c.ok("UNAUTHENTICATE")
    digestmd5.login(c, users[1], PASSWORD).ok("LOGOUT")
    assert c.is_closed()
    wait_for("the layers' end", lambda: all(
        len(os.listdir(f"/proc/{p}/fd")) > 5 for p in children(srv, "authd")))


@pytest.mark.parametrize("frontd", ["yes", "no"])
def test_what_is_not_under_the_layer_is_refused(make_server, frontd):
    """Nobody on the way can add a command: the connection ends."""
    srv = make_server({"frontd": frontd, "sasl_mech_list": "DIGEST-MD5"}, start=False)
    srv.env = LEAKY
    srv.start()
    user = srv.new_user()
    for forged in (b"x CREATE forged\r\n", struct.pack(">I", 20) + b"x NOOP\r\n" + bytes(12)):
        c = srv.connect()
        layer = digestmd5.login(c, user, PASSWORD)
        layer.ok("NOOP")
        c.send(forged)
        assert b"x " not in c.file.read() and c.is_closed()
