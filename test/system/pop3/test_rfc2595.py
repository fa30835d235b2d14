"""RFC 2595 section 4: STLS, and POP3 over TLS from the first byte."""
import base64
import hashlib
import re
import socket

import pytest
from chapar import PASSWORD


def test_4_stls(server, full):
    """"A TLS negotiation begins immediately after the CRLF at the end of the +OK
    response"; "the server remains in AUTHORIZATION state\""""
    c = server.pop_connect()
    assert c.stls(server.tls).ok
    c.err("STAT")
    c.login(full)
    assert c.ok("STAT").text.startswith("3 ")
    server.wait_log(r"pop3d.*login: \[127.0.0.1\] %s plaintext\+TLS User logged in" % full)
    server.wait_log(r"starttls: TLSv1\.[23] with cipher .* bits\) \[127\.0\.0\.1\]")


def test_4_stls_once(server):
    """"Command not permitted when TLS active\""""
    c = server.pop_connect()
    assert "STLS" in c.capa()
    c.stls(server.tls)
    assert "STLS" not in c.capa()
    c.err("STLS")


def test_4_stls_only_before_login(server, full):
    """"The STLS command is only permitted in AUTHORIZATION state\""""
    c = server.pop(full)
    assert "STLS" not in c.capa()
    c.err("STLS")
    c.ok("NOOP")


def test_4_no_arguments(server):
    server.pop_connect().err("STLS now")


def test_4_nothing_before_survives(server, full):
    """Commands behind STLS in the same packet are somebody else's: they are dropped, and
    not read as if they had come through TLS."""
    c = server.pop_connect()
    c.send(f"STLS\r\nUSER {full}\r\nPASS {PASSWORD}\r\nSTAT\r\n")
    assert c.reply().ok
    c.file.close()
    # Their bytes are in the way of the handshake, or were thrown away before it.
    try:
        c.sock = server.tls.wrap_socket(c.sock, server_hostname="localhost")
    except OSError:
        return
    c.file = c.sock.makefile("rb")
    assert not c.cmd("STAT").ok
    c.err(f"PASS {PASSWORD}")


def test_4_no_name_survives(server, full):
    c = server.pop_connect()
    c.ok(f"USER {full}")
    c.stls(server.tls)
    c.err(f"PASS {PASSWORD}")
    c.login(full)


def test_4_no_language_survives(server):
    """RFC 6856 section 7: "It is possible for a man-in-the-middle attacker to insert a
    "LANG" command\""""
    c = server.pop_connect()
    english = c.err("XYZ").text
    c.ok("LANG de")
    assert c.err("XYZ").text != english
    c.stls(server.tls)
    assert c.err("XYZ").text == english


def test_4_apop_through_tls(server, full):
    """The greeting's challenge is good afterwards, too."""
    c = server.pop_connect()
    challenge = re.search(r"<.*>", c.greeting.text)[0]
    c.stls(server.tls)
    c.ok(f"APOP {full} " + hashlib.md5((challenge + PASSWORD).encode()).hexdigest())


def addresses():
    """This machine's IPv4 addresses that are not the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return [s.getsockname()[0]]
        except OSError:
            return []


def test_2_3_no_plaintext_without_tls(make_pop):
    """"servers [...] MUST be configurable to refuse all clear-text login commands or
    mechanisms [...] unless an encryption layer of adequate strength is active\""""
    own = addresses()
    if not own:
        pytest.skip("this machine has no address but the loopback")
    srv = make_pop(listen=own[0])
    user = srv.new_user()
    c = srv.pop_connect()
    caps = c.capa()
    assert "USER" not in caps and caps["SASL"] == "CRAM-MD5"
    assert c.err(f"USER {user}").code == "AUTH"
    c.err(f"PASS {PASSWORD}")
    c.err("AUTH PLAIN " + base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode())
    c.stls(srv.tls)
    caps = c.capa()
    assert "USER" in caps and caps["SASL"] == "PLAIN LOGIN CRAM-MD5"
    c.login(user)


def test_implicit_tls(server, full):
    c = server.pop_connect(tls=True)
    assert "STLS" not in c.capa()
    c.err("STLS")
    c.ok("AUTH PLAIN " + base64.b64encode(f"\0{full}\0{PASSWORD}".encode()).decode())
    assert c.ok("STAT").text.startswith("3 ")
    assert c.quit().ok


def test_no_tls_at_all(make_pop):
    srv = make_pop({"tls_server_cert": None, "tls_server_key": None}, start=False)
    srv.expect("-s needs TLS")
    srv.start()
    c = srv.pop_connect()
    assert "STLS" not in c.capa()
    c.err("STLS")
