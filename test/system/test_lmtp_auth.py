"""LMTP over TCP from clients that are not trusted: AUTH (RFC 4954), STARTTLS
(RFC 3207), lmtpd -s.  Who may act as whom is the same as in IMAP."""
import base64
import smtplib
import socket

import ports as free
import pytest
from chapar import ADMIN, PASSWORD, PATIENCE, Server

MESSAGE = "Subject: hi\r\n\r\nx\r\n"


@pytest.fixture(scope="module")
def ports():
    return free.several(2)


@pytest.fixture(scope="module")
def lmtp_server(ports):
    server = Server({"servername": "localhost"}, name="lmtpauth", services=(
        f'lmtpauth cmd="lmtpd" listen="127.0.0.1:{ports[0]}" prefork=0\n'
        f'lmtps cmd="lmtpd -s" listen="127.0.0.1:{ports[1]}" prefork=0'))
    server.start()
    yield server
    server.stop()
    bad = server.bad_lines()
    server.remove()
    assert not bad, bad


@pytest.fixture
def lmtp(lmtp_server, ports):
    client = smtplib.LMTP("127.0.0.1", ports[0], timeout=PATIENCE)
    client.lhlo = client.ehlo()
    assert client.lhlo[0] == 250
    yield client
    client.close()


def plain(authzid, authcid, password=PASSWORD):
    return base64.b64encode(f"{authzid}\0{authcid}\0{password}".encode()).decode()


def test_nothing_without_auth(lmtp):
    assert lmtp.docmd("MAIL", "FROM:<>")[0] == 530
    assert lmtp.docmd("RCPT", "TO:<a>")[0] == 530
    assert lmtp.docmd("DATA")[0] == 530
    assert lmtp.docmd("NOOP")[0] == 250


def test_auth_and_deliver(lmtp, lmtp_server):
    user = lmtp_server.new_user()
    assert lmtp.docmd("AUTH", "PLAIN " + plain("", user))[0] == 235
    assert lmtp.docmd("AUTH", "PLAIN " + plain("", user))[0] == 503
    assert lmtp.sendmail("a@example.org", [user], MESSAGE) == {}
    c = lmtp_server.login(user)
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODY.PEEK[HEADER]").find(rb"with LMTPA")


def test_a_user_may_not_act_as_another(lmtp, lmtp_server):
    """RFC 4954 section 4: "the server verifies that the client's identity is
    allowed to act as the authorization identity".  Administrators may."""
    one, two = lmtp_server.new_user(), lmtp_server.new_user()
    assert lmtp.docmd("AUTH", "PLAIN " + plain(two, one))[0] == 535
    lmtp_server.wait_log(r"badlogin: .*127\.0\.0\.1.* PLAIN .*is not allowed to proxy")
    assert lmtp.docmd("MAIL", "FROM:<>")[0] == 530
    assert lmtp.docmd("AUTH", "PLAIN " + plain(two, ADMIN))[0] == 235
    assert lmtp.docmd("MAIL", "FROM:<>")[0] == 250


def test_auth_goes_wrong(lmtp):
    assert lmtp.docmd("AUTH", "NONSENSE")[0] == 504
    assert lmtp.docmd("AUTH", "PLAIN ***")[0] == 501
    assert lmtp.docmd("AUTH", "PLAIN")[0] == 334
    assert lmtp.docmd("*")[0] == 501
    for _ in range(4):
        assert lmtp.docmd("AUTH", "PLAIN " + plain("", "nobody", "wrong"))[0] == 535
    assert lmtp.docmd("AUTH", "PLAIN " + plain("", "nobody", "wrong"))[0] == 421
    with pytest.raises(smtplib.SMTPServerDisconnected):
        lmtp.docmd("NOOP")


def test_starttls_then_auth(lmtp, lmtp_server):
    user = lmtp_server.new_user()
    assert b"STARTTLS" in lmtp.lhlo[1] and b"AUTH PLAIN" in lmtp.lhlo[1]
    assert lmtp.docmd("STARTTLS")[0] == 220
    lmtp.sock = lmtp_server.tls.wrap_socket(lmtp.sock, server_hostname="localhost")
    lmtp.file = None
    assert lmtp.docmd("MAIL", "FROM:<>")[0] == 503		# LHLO again
    code, text = lmtp.ehlo()
    assert code == 250 and b"STARTTLS" not in text
    assert lmtp.docmd("STARTTLS")[0] == 502
    assert lmtp.docmd("AUTH", "PLAIN " + plain("", user))[0] == 235
    assert lmtp.sendmail("a@example.org", [user], MESSAGE) == {}
    c = lmtp_server.login(user)
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODY.PEEK[HEADER]").find(rb"with LMTPSA")


def test_tls_from_the_first_byte(lmtp_server, ports):
    """lmtpd -s"""
    raw = socket.create_connection(("127.0.0.1", ports[1]), timeout=PATIENCE)
    with lmtp_server.tls.wrap_socket(raw, server_hostname="localhost") as s:
        f = s.makefile("rb")
        assert f.readline().startswith(b"220 ")
        s.sendall(b"LHLO x\r\n")
        lines = []
        while not lines or lines[-1][3:4] == b"-":
            lines.append(f.readline())
        assert b"250-STARTTLS\r\n" not in lines
        assert any(line.startswith(b"250-AUTH") for line in lines)
