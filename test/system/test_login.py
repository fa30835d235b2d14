"""Before login: CAPABILITY, STARTTLS, AUTHENTICATE, LOGIN, LOGOUT, ID (RFC
3501 sections 6.1 and 6.2, RFC 4959, RFC 2971) and the policy on passwords."""
import base64
import re
import socket

import pytest

from chapar import ADMIN, PASSWORD, Imap


def plain(authzid, authcid, password):
    return base64.b64encode(f"{authzid}\0{authcid}\0{password}".encode()).decode()


def capabilities(c):
    return c.ok("CAPABILITY").untagged[0].decode().split()[1:]


def test_greeting_and_capability(server):
    """"The server MUST send a single untagged CAPABILITY response with
    "IMAP4rev1" as one of the listed capabilities"."""
    c = server.connect()
    assert c.greeting.startswith(b"* OK [CAPABILITY IMAP4rev1 ")
    caps = capabilities(c)
    assert caps[0] == "IMAP4rev1"
    assert "STARTTLS" in caps and "AUTH=PLAIN" in caps
    assert len(caps) == len(set(caps))


def test_login(server, user):
    c = server.connect()
    r = c.login(user)
    assert re.fullmatch(r"\[CAPABILITY IMAP4rev1 .*\] User logged in", r.text)
    assert "STARTTLS" not in r.text and " AUTH=" not in r.text
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} plaintext User logged in")


def test_login_is_case_insensitive_as_users_are(server, user):
    server.connect().login(user.upper())


def test_login_with_literals(server, user):
    c = server.connect()
    c.send(b"a LOGIN {%d}\r\n" % len(user))
    assert c.line().startswith(b"+ ")
    c.send(user.encode() + b" {6+}\r\nsecret\r\n")
    assert c.wait("a").status == "OK"


def test_wrong_password(server, user):
    """"NO - login failure: user name or password rejected"."""
    c = server.connect()
    r = c.cmd(f"LOGIN {user} wrong")
    assert r.status == "NO" and r.code == "AUTHENTICATIONFAILED"
    assert c.cmd("LOGIN no-such-user-here x").text == r.text, "accounts may be probed"
    server.wait_log(rf"badlogin: \[127\.0\.0\.1\] plaintext {user} SASL\(-13\): "
                    "authentication failure")
    c.login(user)


def test_impossible_users(server):
    for name in ("a/b", "../x", "anyone", "-x", "group:mail", "a%b", "\xe9"):
        c = server.connect()
        c.send(b'a LOGIN "' + name.encode("latin-1") + b'" x\r\n')
        assert c.wait("a").status == "NO"


def test_too_many_failures(server, user):
    c = server.connect()
    for _ in range(4):
        assert c.cmd(f"LOGIN {user} wrong").status == "NO"
    r = c.cmd(f"LOGIN {user} wrong")
    assert r.find(rb"^BYE ")
    assert c.is_closed()


def test_no_plaintext_without_tls(make_server):
    """"LOGINDISABLED ... the server MUST reject LOGIN"; a client that is not
    on this machine is played by one that the kernel says is not."""
    own = [a for a in addresses() if not a.startswith("127.")]
    if not own:
        pytest.skip("this machine has no address but loopback")
    srv = make_server(listen=own[0])
    user = srv.new_user()
    c = Imap((own[0], srv.imap_port))
    caps = capabilities(c)
    assert "LOGINDISABLED" in caps and not [x for x in caps if x == "AUTH=PLAIN"]
    r = c.cmd(f"LOGIN {user} {PASSWORD}")
    assert r.status == "NO" and r.code == "PRIVACYREQUIRED"
    assert c.cmd("AUTHENTICATE PLAIN " + plain("", user, PASSWORD)).status == "NO"
    assert c.starttls(srv.tls).status == "OK"
    assert "LOGINDISABLED" not in capabilities(c)
    c.login(user)
    c.close()


def addresses():
    """This machine's IPv4 addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        try:
            s.connect(("192.0.2.1", 9))
            return [s.getsockname()[0]]
        except OSError:
            return []


def test_starttls(server, user):
    c = server.connect()
    assert c.starttls(server.tls).status == "OK"
    caps = capabilities(c)
    assert "STARTTLS" not in caps and "AUTH=PLAIN" in caps
    r = c.cmd("STARTTLS")
    assert r.status == "BAD"
    c.login(user)
    server.wait_log(rf"starttls: TLSv1\.[23] with cipher .* bits\) \[127\.0\.0\.1\]")
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} plaintext\+TLS User logged in")


def test_starttls_injection(server):
    """CVE-2011-0411: what came in the clear behind STARTTLS is not run."""
    c = server.connect()
    c.send(b"a STARTTLS\r\nb LOGOUT\r\n")
    assert c.wait("a").status == "OK"
    c.file.close()
    c.sock = server.tls.wrap_socket(c.sock, server_hostname="localhost")
    c.file = c.sock.makefile("rb")
    assert c.cmd("NOOP").untagged == []


def test_implicit_tls(server, user):
    c = server.connect(tls=True)
    assert b"STARTTLS" not in c.greeting and b"LOGINDISABLED" not in c.greeting
    c.login(user)
    assert c.cmd("SELECT INBOX").status == "OK"


def test_no_tls_here(server):
    """Plain bytes at the TLS port end the connection and nothing else."""
    s = socket.create_connection(("127.0.0.1", server.imaps_port))
    s.settimeout(30)
    s.sendall(b"a LOGIN x y\r\n" * 20)
    try:
        while s.recv(4096):
            pass
    except ConnectionResetError:
        pass
    s.close()
    server.connect(tls=True).ok("NOOP")


def test_authenticate_plain(server, user):
    c = server.connect()
    c.send(b"a AUTHENTICATE PLAIN\r\n")
    assert c.line() == b"+ "
    c.send(plain("", user, PASSWORD) + "\r\n")
    assert c.wait("a").status == "OK"
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} PLAIN User logged in")


def test_authenticate_initial_response(server, user):
    """RFC 4959: AUTHENTICATE with the first response in the command."""
    c = server.connect()
    assert c.cmd("AUTHENTICATE plain " + plain("", user, PASSWORD)).status == "OK"


def test_authenticate_cancelled(server, user):
    """"If the client wishes to cancel an authentication exchange, it issues a
    line consisting of a single "*" ... the server MUST reject the AUTHENTICATE
    command by sending a tagged BAD response"."""
    c = server.connect()
    for answer in (b"*", b"!!!", b"AG==x"):
        c.send(b"a AUTHENTICATE PLAIN\r\n")
        assert c.line() == b"+ "
        c.send(answer + b"\r\n")
        assert c.wait("a").status == "BAD"
    c.login(user)


def test_authenticate_unknown(server):
    r = server.connect().cmd("AUTHENTICATE X-NOT-THERE")
    assert r.status == "NO"


def test_admin_acts_for_a_user(server, user):
    """The authorization identity is another one: administrators may."""
    c = server.connect()
    assert c.cmd("AUTHENTICATE PLAIN " + plain(user, ADMIN, PASSWORD)).status == "OK"
    assert c.cmd("SELECT INBOX").status == "OK"
    other = server.new_user(inbox=False)
    r = server.connect().cmd("AUTHENTICATE PLAIN " + plain(user, other, PASSWORD))
    assert r.status == "NO" and r.code == "AUTHORIZATIONFAILED"


def test_states(server, user):
    """Section 3: what is legal in which state."""
    c = server.connect()
    for text in ("SELECT INBOX", "LIST \"\" *", "FETCH 1 FLAGS", "UID FETCH 1 FLAGS",
                 "IDLE"):
        assert c.cmd(text).status == "BAD"
        assert c.cmd("NOOP").status == "OK"
    c.login(user)
    for text in (f"LOGIN {user} x", "STARTTLS", "AUTHENTICATE PLAIN", "FETCH 1 FLAGS",
                 "CLOSE", "UID SEARCH ALL"):
        assert c.cmd(text).status == "BAD"


def test_logout(server, user):
    """"The server MUST send a BYE untagged response before the (tagged) OK"."""
    c = server.login(user)
    r = c.cmd("LOGOUT")
    assert r.status == "OK" and r.text == "Completed"
    assert r.untagged == [b"BYE LOGOUT received"]
    assert c.is_closed()


def test_id(server):
    c = server.connect()
    r = c.cmd('ID ("name" "test\r" "x" NIL)')
    assert r.status == "BAD"
    r = c.ok('ID ("name" "te%sst" "version" NIL)')
    assert r.find(rb'^ID \("name" "Chapar" "version" "')
    server.wait_log('client id: .* "name" "te%sst"')
    assert c.cmd("ID NIL").status == "OK"
    assert c.cmd("ID ()").status == "OK"
    assert c.cmd("ID").status == "BAD"
    assert c.cmd('ID ("a")').status == "BAD"


def test_again_after_a_refused_identity(server, user):
    """Who may not act as another can still log in as himself."""
    other = server.new_user()
    c = server.connect()
    r = c.cmd("AUTHENTICATE PLAIN " + plain(other, user, PASSWORD))
    assert r.status == "NO" and r.code == "AUTHORIZATIONFAILED"
    assert c.cmd("AUTHENTICATE PLAIN " + plain("", user, PASSWORD)).status == "OK"
