"""RFC 5034: AUTH."""
import base64
import hmac

import pytest
from chapar import ADMIN, PASSWORD


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


def plain(user, password=PASSWORD, authzid=""):
    return b64(f"{authzid}\0{user}\0{password}")


def test_3_capability(server, full):
    """"implementations MUST continue to include the SASL capability even after a
    successful AUTH command\""""
    c = server.pop_connect()
    assert c.capa()["SASL"].split() == ["PLAIN", "LOGIN", "CRAM-MD5"]
    c.ok("AUTH PLAIN " + plain(full))
    assert c.capa()["SASL"].split() == ["PLAIN", "LOGIN", "CRAM-MD5"]


def test_4_initial_response(server, full):
    c = server.pop_connect()
    c.ok("AUTH PLAIN " + plain(full))
    assert c.ok("STAT").text.startswith("3 ")


def test_4_empty_challenge(server, full):
    """"an empty server challenge is defined as a line with only a "+", followed by a
    single space. It MUST NOT contain any other data.\""""
    c = server.pop_connect()
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    c.ok(plain(full))


def test_4_no_more_auth(server, full):
    """"After a successful AUTH command completes, a server MUST reject any further AUTH
    commands with an -ERR reply.\""""
    c = server.pop(full)
    c.err("AUTH PLAIN " + plain(full))
    c.err("AUTH PLAIN")
    c.ok("NOOP")


def test_4_cancel(server, full):
    """"If the client wishes to cancel the authentication exchange, it issues a line with
    a single "*" [...] it MUST reject the AUTH command by sending an -ERR reply.\""""
    c = server.pop_connect()
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    assert c.err("*").code == ""
    c.send("AUTH LOGIN\r\n")
    assert c.line().startswith(b"+ ")
    c.send(b64(full) + "\r\n")
    assert c.line().startswith(b"+ ")
    c.err("*")
    c.ok("AUTH PLAIN " + plain(full))


@pytest.mark.parametrize("text", ["=AAA", "AAA=BBB", "!", "AA", "AAAA AAAA", "AAA=\0", "A===", "\xff"], ids=repr)
def test_4_bad_base64(server, text):
    """"servers and clients MUST reject (and not ignore) any character not explicitly
    allowed by the Base64 alphabet, and [...] pad character ('=') anywhere other than
    the end\""""
    c = server.pop_connect()
    c.err("AUTH PLAIN " + text)
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    c.err(text)
    c.capa()


def test_4_unknown_mechanism(server):
    """"If the requested authentication mechanism is not supported, the server rejects
    the AUTH command with an -ERR reply.\""""
    c = server.pop_connect()
    assert c.err("AUTH XYZZY").text == "No such mechanism"
    c.err("AUTH DIGEST-MD5")        # not in sasl_mech_list


def test_4_no_initial_response_to_who_speaks_first(server):
    """"If the client uses an initial-response argument to the AUTH command with a SASL
    mechanism that does not support an initial client send, the server MUST reject\""""
    c = server.pop_connect()
    c.err("AUTH CRAM-MD5 " + b64("joe x"))


def test_4_zero_length_response(server):
    """"a single equals sign ("="). This indicates that the response is present, but
    contains no data\": PLAIN does not take it"""
    c = server.pop_connect()
    c.err("AUTH PLAIN =")
    c.capa()


def test_4_long_responses(server, full):
    """"these BASE64 strings may be of arbitrary length, depending on the authentication
    mechanism"; an initial response longer than the 255 octets is forgiven"""
    c = server.pop_connect()
    assert c.err("AUTH PLAIN " + plain(full, "x" * 3000)).code == "AUTH"
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    assert c.err(plain(full, "x" * 3000)).code == "AUTH"
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    assert c.err("A" * 200000).text == "Line is too long"
    c.ok("AUTH PLAIN " + plain(full))


def test_4_challenge_and_response(server, full):
    """CRAM-MD5; the challenge's line MUST NOT contain any text other than base64"""
    c = server.pop_connect()
    c.send("auth cram-md5\r\n")
    line = c.line()
    assert line.startswith(b"+ ")
    challenge = base64.b64decode(line[2:], validate=True)
    c.ok(b64(f"{full} " + hmac.new(PASSWORD.encode(), challenge, "md5").hexdigest()))
    assert c.ok("STAT").text.startswith("3 ")


def test_4_two_questions(server, full):
    c = server.pop_connect()
    c.send("AUTH LOGIN\r\n")
    assert c.line().startswith(b"+ ")
    c.send(b64(full) + "\r\n")
    assert c.line().startswith(b"+ ")
    c.ok(b64(PASSWORD))


def test_4_failure_leaves_the_state(server, full):
    c = server.pop_connect()
    c.err("AUTH PLAIN " + plain(full, "wrong"))
    c.err("STAT")
    c.ok("AUTH PLAIN " + plain(full))


def test_admin_as_user(server, full):
    """An administrator gives the user as authorization identity."""
    c = server.pop_connect()
    c.ok("AUTH PLAIN " + plain(ADMIN, authzid=full))
    assert c.ok("STAT").text.startswith("3 ")
    assert server.wait_log(r"login: \[127.0.0.1\] %s PLAIN User logged in" % full)


def test_old_question(server):
    """AUTH alone lists the mechanisms, as before there was CAPA; Outlook sends a space."""
    c = server.pop_connect()
    assert c.multi("AUTH") == [b"PLAIN", b"LOGIN", b"CRAM-MD5"]
    assert c.multi("AUTH ") == [b"PLAIN", b"LOGIN", b"CRAM-MD5"]


def test_pipelined_responses(server, full):
    c = server.pop_connect()
    c.send("AUTH LOGIN\r\n" + b64(full) + "\r\n" + b64(PASSWORD) + "\r\nSTAT\r\n")
    assert c.line().startswith(b"+ ") and c.line().startswith(b"+ ")
    assert c.reply().ok and c.reply().text.startswith("3 ")


def test_hang_up_in_the_middle(server):
    c = server.pop_connect()
    c.send("AUTH PLAIN\r\n")
    assert c.line() == b"+ "
    c.send("AGE")
    c.close()
    server.clients.remove(c)
    server.pop_connect().capa()
