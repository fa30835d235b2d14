"""What is agreed on and what is not: versions, ciphers, protocols; what is said in the wrong place."""
import base64
import re
import socket
import ssl
import subprocess

import pytest
from chapar import PASSWORD, PATIENCE
from secure import Secure, context, dial, read_line, s_client, starttls

BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
pytestmark = pytest.mark.filterwarnings("ignore:.*TLSv1.* is deprecated")


def old(ca):
    """A client that would take anything, as they were."""
    ctx = context(ca)
    ctx.set_ciphers("ALL:@SECLEVEL=0")
    ctx.minimum_version = ssl.TLSVersion.TLSv1
    return ctx


# --- versions and ciphers ---

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_versions(doors, ca, version):
    """RFC 8996: not even if tls_versions and the client want them."""
    ctx = old(ca)
    ctx.maximum_version = version
    with pytest.raises(ssl.SSLError):
        Secure(doors.imaps, ctx)
    doors.server.wait_log(r"TLS handshake failed: .* the client knows no version of tls_versions")


def test_versions_as_told(make_doors, ca):
    d = make_doors({"tls_versions": "tls1_0 tls1_2", "pop3s_tls_versions": "tls1_3"})
    with Secure(d.imaps, context(ca)) as s:
        assert s.sock.version() == "TLSv1.2"
    with Secure(d.pop3s, context(ca)) as s:
        assert s.sock.version() == "TLSv1.3"
    with pytest.raises(ssl.SSLError):
        Secure(d.pop3s, context(ca, ssl.TLSVersion.TLSv1_2))


def test_only_forward_secrecy(doors, make_doors, ca):
    """Each cipher of TLS 1.2 that the client's OpenSSL has, one by one."""
    d = make_doors({"tls_ciphers": "ALL:COMPLEMENTOFALL:@SECLEVEL=0"}, certificate=ca.issue("localhost", kind="rsa"))
    names = subprocess.run(["openssl", "ciphers", "-tls1_2", "ALL:COMPLEMENTOFALL:@SECLEVEL=0"],
                           capture_output=True, text=True, check=True).stdout.strip().split(":")
    taken = []
    for name in names:
        if name.startswith("TLS_") or "PSK" in name or "SRP" in name:
            continue
        ctx = old(ca)
        ctx.maximum_version = ssl.TLSVersion.TLSv1_2
        ctx.set_ciphers(f"{name}:@SECLEVEL=0")
        try:
            with Secure(d.imaps, ctx) as s:
                assert s.sock.cipher()[0] == name
                taken.append(name)
        except ssl.SSLError:
            pass
    assert len(taken) >= 4 and all(n.startswith("ECDHE-") and "NULL" not in n for n in taken), taken


def test_the_default_list_is_strong(doors, ca):
    for weak in ("ECDHE-ECDSA-RC4-SHA", "ECDHE-ECDSA-DES-CBC3-SHA", "ECDHE-ECDSA-NULL-SHA", "AES128-SHA"):
        out = s_client(doors.imaps, "-tls1_2", "-cipher", f"{weak}:@SECLEVEL=0")
        assert "Cipher is (NONE)" in out or "no cipher match" in out, weak


def test_whose_order(make_doors, ca):
    d = make_doors({"tls_ciphers": "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES128-GCM-SHA256",
                    "pop3s_tls_prefer_server_ciphers": "yes"})
    ctx = context(ca, ssl.TLSVersion.TLSv1_2)
    ctx.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384")
    with Secure(d.imaps, ctx) as s:
        assert s.sock.cipher()[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"
    with Secure(d.pop3s, ctx) as s:
        assert s.sock.cipher()[0] == "ECDHE-ECDSA-AES256-GCM-SHA384"


def test_suites_and_groups(make_doors):
    d = make_doors({"tls_ciphersuites": "TLS_CHACHA20_POLY1305_SHA256", "tls_eccurve": "nonsense:secp384r1"})
    out = s_client(d.imaps, "-tls1_3")
    assert "TLS_CHACHA20_POLY1305_SHA256" in out and "Server Temp Key: ECDH, secp384r1" in out
    assert "Cipher is (NONE)" in s_client(d.imaps, "-tls1_3", "-groups", "X25519")


def test_dhe_only_with_parameters(make_doors, ca, folder):
    args = ["-tls1_2", "-cipher", "DHE-RSA-AES128-GCM-SHA256"]
    d = make_doors(certificate=ca.issue("localhost", kind="rsa"))
    assert "Cipher is (NONE)" in s_client(d.imaps, *args)
    path = folder / "dh.pem"
    subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048",
                    "-out", path], check=True)
    path.chmod(0o644)
    d = make_doors({"tls_server_dhparam": str(path)}, certificate=ca.issue("localhost", kind="rsa"))
    out = s_client(d.imaps, *args)
    assert "Cipher is DHE-RSA-AES128-GCM-SHA256" in out and "Server Temp Key: DH, 2048 bits" in out


def test_no_renegotiation_no_compression(doors):
    out = s_client(doors.imaps, "-tls1_2", text="R\n")
    assert "Compression: NONE" in out
    # The last: the greeting comes meanwhile.
    assert re.search("no renegotiation|handshake failure|unexpected record", out, re.I)
    out = s_client(doors.imaps, "-tls1_3")
    assert "Early data was not sent" in out and "Max Early Data: 0" in out or "Max Early Data" not in out


# --- ALPN (RFC 7301) ---

@pytest.mark.parametrize("port, offered, want", [
    ("imaps", ["imap"], "imap"), ("imaps", ["h2", "imap"], "imap"), ("pop3s", ["pop3", "imap"], "pop3"),
    ("imaps", [], None), ("lmtps", [], None),
])
def test_protocols(doors, ca, port, offered, want):
    ctx = context(ca)
    if offered:
        ctx.set_alpn_protocols(offered)
    with Secure(getattr(doors, port), ctx) as s:
        assert s.sock.selected_alpn_protocol() == want


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("port, offered", [
    ("imaps", ["http/1.1", "h2"]), ("pop3s", ["imap"]), ("lmtps", ["h2"]), ("imaps", ["imap4"]),
])
def test_other_protocols_are_refused(doors, ca, port, offered, version):
    """Or a browser could be made to say to us what was meant for a web server."""
    ctx = context(ca, version)
    ctx.set_alpn_protocols(offered)
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        Secure(getattr(doors, port), ctx)
    doors.server.wait_log(r"the client wants another protocol \(ALPN\)")


# --- what is said in the wrong place ---

@pytest.mark.parametrize("said, told", [
    (b"a NOOP\r\nb LOGIN joe secret\r\n", "the client speaks without TLS where TLS comes first"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "the client speaks plain HTTP"),
])
def test_without_tls_where_tls_comes_first(doors, said, told):
    raw = dial(doors.imaps)
    raw.sendall(said)
    while True:
        try:
            got = raw.recv(100)
        except ConnectionResetError:
            break
        assert b"OK" not in got
        if not got:
            break
    doors.server.wait_log(rf"TLS handshake failed: \[127\.0\.0\.1\] {told}")


@pytest.mark.parametrize("port", ["imap", "pop3", "lmtp"])
def test_tls_where_it_does_not_come_first(make_doors, ca, port):
    d = make_doors()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Secure(getattr(d, port), context(ca))
    d.server.wait_log(r"\[127\.0\.0\.1\] has begun TLS at once where it begins without")


START = {"imap": b"a STARTTLS\r\n", "pop3": b"STLS\r\n", "lmtp": b"LHLO x\r\nSTARTTLS\r\n"}
INJECTIONS = {
    "imap": (b"b LOGOUT\r\n", b"c NOOP\r\n", rb"c OK"),
    "pop3": (b"QUIT\r\n", b"NOOP\r\n", rb"-ERR"),
    "lmtp": (b"QUIT\r\n", b"NOOP\r\n", rb"250"),
}


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("port", INJECTIONS)
def test_commands_before_are_not_commands_behind(doors, ca, port, version):
    """CVE-2011-0411: what came in the clear behind STARTTLS is not run inside."""
    evil, ask, want = INJECTIONS[port]
    with Secure(getattr(doors, port), context(ca, version), before=starttls(START[port] + evil)) as s:
        s.sock.sendall(ask)
        assert re.match(want, s.line())


@pytest.mark.parametrize("port", INJECTIONS)
def test_nothing_but_tls_follows_the_reply(doors, port):
    """Nor does a word of ours in the clear come behind it (RFC 3501 6.2.1)."""
    raw = dial(getattr(doors, port))
    starttls(START[port])(raw)
    raw.sendall(b"x NOOP\r\n" * 20)
    rest = b""
    while True:
        try:
            got = raw.recv(1000)
        except ConnectionResetError:
            break
        rest += got
        if not got:
            break
    assert len(rest) <= 7 and rest[:1] in (b"", b"\x15"), rest     # an alert, if anything


@pytest.mark.parametrize("port", START)
def test_not_twice(doors, ca, port):
    with Secure(getattr(doors, port), context(ca), before=starttls(START[port])) as s:
        s.sock.sendall(START[port])
        line = s.line()
        while line.startswith(b"250"):
            line = s.line()
        assert re.match(rb"a BAD|-ERR|502", line)


# --- policy ---

def capabilities(d):
    c = d.server.connect()
    out = b" ".join(c.ok("CAPABILITY").untagged).split()
    c.close()
    return out


def test_starttls_not_allowed(make_doors):
    d = make_doors({"allowstarttls": "no"})
    assert b"STARTTLS" not in capabilities(d)
    c = d.server.connect()
    assert c.cmd("STARTTLS").status in ("NO", "BAD")
    raw = dial(d.pop3)
    read_line(raw)
    raw.sendall(b"STLS\r\n")
    assert read_line(raw).startswith(b"-ERR")


def test_tls_required(make_doors, ca):
    """Nothing of a login before TLS, even from this machine."""
    d = make_doors({"imap_tls_required": "yes"})
    d.server.set_password("joe")
    had = capabilities(d)
    assert b"STARTTLS" in had and b"LOGINDISABLED" in had
    assert not [x for x in had if x.startswith(b"AUTH=")]
    c = d.server.connect()
    assert c.cmd(f"LOGIN joe {PASSWORD}").status == "NO"
    token = base64.b64encode(f"\0joe\0{PASSWORD}".encode()).decode()
    assert c.cmd(f"AUTHENTICATE PLAIN {token}").status == "NO"
    with Secure(d.imap, context(ca), before=starttls(b"a STARTTLS\r\n")) as s:
        s.sock.sendall(f"b LOGIN joe {PASSWORD}\r\n".encode())
        line = s.line()
        while line.startswith(b"* "):
            line = s.line()
        assert line.startswith(b"b OK"), line


def test_disabled(make_server):
    srv = make_server({"tls_server_cert": "disabled"}, start=False)
    for pattern in ("-s needs TLS", "ended before it served"):
        srv.expect(pattern)
    srv.start()
    c = srv.connect()
    assert b"STARTTLS" not in b" ".join(c.ok("CAPABILITY").untagged)


# --- ends ---

def test_an_end_in_order(doors, ca):
    """close_notify comes from us, too, so the client knows that nothing is missing."""
    ctx = context(ca)
    with Secure(doors.imaps, ctx) as s:
        s.sock.sendall(b"a LOGOUT\r\n")
        got = b""
        while True:
            more = s.sock.recv(1000)       # an end without it would be SSLEOFError
            if not more:
                break
            got += more
        assert b"a OK" in got
        s.sock.unwrap()


def test_a_cut_connection_is_noticed(make_doors, ca):
    d = make_doors({"loglevel": "debug"})
    with Secure(d.imaps, context(ca)) as s:
        s.sock.shutdown(socket.SHUT_RDWR)
    d.server.wait_log("has gone without ending it")
    d.server.log_path.write_text("")
    with Secure(d.imaps, context(ca)) as s:
        s.ask("a NOOP")
        s.sock.unwrap()
    with Secure(d.imaps, context(ca)) as s:
        s.ask("a NOOP")
        s.sock.unwrap()
    assert "has gone without ending it" not in d.server.log()


# --- clients ---

@pytest.mark.parametrize("url, more", [
    ("imaps://localhost:{imaps}/", []), ("imap://localhost:{imap}/", ["--ssl-reqd"]),
    ("pop3s://localhost:{pop3s}/", []), ("pop3://localhost:{pop3}/", ["--ssl-reqd"]),
])
def test_curl(doors, ca, url, more):
    user = doors.server.new_user()
    run = subprocess.run(["curl", "-sS", "--cacert", ca.pem, "-u", f"{user}:{PASSWORD}",
                          "--resolve", f"localhost:{doors.imaps}:127.0.0.1", *more, url.format(**vars(doors))],
                         capture_output=True, text=True, timeout=PATIENCE)
    assert run.returncode == 0, run.stderr
    assert "INBOX" in run.stdout or "pop3" in url
