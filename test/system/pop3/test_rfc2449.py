"""RFC 2449: CAPA and what it announces."""
import pytest
from chapar import PASSWORD, wait_for


def test_4_lines_of_255_octets(server, full):
    """"Servers which support the CAPA command MUST support commands up to 255 octets.\""""
    c = server.pop(full)
    c.ok("LIST " + " " * 247 + "1")         # with CRLF 255
    c.err("LIST " + " " * 248 + "1")
    c.ok("NOOP")
    assert c.err("NOOP" + "x" * 100000).text == "Line is too long"
    c.ok("NOOP")


def test_4_before_login(server, full):
    c = server.pop_connect()
    assert c.err("USER " + "x" * 249).text == "Line is too long"
    c.ok("USER " + "x" * 248)
    c.err("USER " + "x" * 100000)
    c.login(full)


def test_4_answers_up_to_512(server, full):
    """Each reply() of the tests' client looks at that; this is a long argument."""
    c = server.pop(full)
    for verb in ("LIST", "LANG", "XYZ", "RETR"):
        c.cmd(f"{verb} " + "9" * 240)


def test_5_both_states(server, full):
    """"Capabilities available in the AUTHORIZATION state MUST be announced in both
    states.\" STLS alone is what is "permitted in the current state" (RFC 2595)"""
    c = server.pop_connect()
    before = c.capa()
    c.login(full)
    after = c.capa()
    assert before.pop("STLS") == ""
    assert before == after


def test_5_no_arguments(server):
    c = server.pop_connect()
    c.err("CAPA x")
    c.capa()


def test_6_list(server):
    c = server.pop_connect()
    assert c.capa() == {
        "SASL": "PLAIN LOGIN CRAM-MD5", "STLS": "", "USER": "", "TOP": "", "UIDL": "", "PIPELINING": "",
        "RESP-CODES": "", "AUTH-RESP-CODE": "", "EXPIRE": "NEVER", "LOGIN-DELAY": "0", "UTF8": "USER", "LANG": "",
        "IMPLEMENTATION": "Chapar-POP3-0.1"}



@pytest.mark.parametrize("value, shown", [("-1", "NEVER"), ("0", "0"), ("30", "30"), ("36h", "1")])
def test_6_7_expire(make_pop, value, shown):
    c = make_pop({"popexpiretime": value}).pop_connect()
    assert c.capa()["EXPIRE"] == shown


def test_6_9_implementation(make_pop):
    """"a server MAY chose to do so only in TRANSACTION state"; serverinfo: off"""
    srv = make_pop({"serverinfo": "off"})
    c = srv.pop_connect()
    assert c.greeting.line.startswith("+OK server ready")
    assert "IMPLEMENTATION" not in c.capa()
    c.login(srv.new_user())
    assert c.capa()["IMPLEMENTATION"].startswith("Chapar")


# --- 6.6 PIPELINING ---

def test_6_6_pipelining(server, full, messages):
    """"the client does not have to wait for the response to a command before issuing a
    subsequent command"; "the server MUST process each command in turn\""""
    c = server.pop_connect()
    c.send(f"USER {full}\r\nPASS {PASSWORD}\r\nSTAT\r\nRETR 1\r\nDELE 1\r\nRETR 1\r\nUIDL\r\nNOOP\r\nQUIT\r\n")
    assert [c.reply().ok for _ in range(3)] == [True] * 3
    assert c.reply().ok and b"\r\n".join(c.body()) + b"\r\n" == messages[0]
    assert [c.reply().ok for _ in range(2)] == [True, False]
    assert c.reply().ok and len(c.body()) == 2
    assert [c.reply().ok for _ in range(2)] == [True] * 2
    assert c.is_closed()
    assert server.pop(full).ok("STAT").text.startswith("2 ")


def test_6_6_every_byte_alone(server, full):
    c = server.pop_connect()
    for byte in f"USER {full}\r\nPASS {PASSWORD}\r\nSTAT\r\nQUIT\r\n".encode():
        c.send(bytes([byte]))
    assert [c.reply().ok for _ in range(4)] == [True] * 4


def test_6_6_a_thousand(server, full, messages):
    c = server.pop(full)
    c.send("RETR 1\r\nTOP 2 0\r\nLIST\r\n" * 300)
    for _ in range(300):
        assert c.reply().ok and b"\r\n".join(c.body()) + b"\r\n" == messages[0]
        assert c.reply().ok and len(c.body()) == 3
        assert c.reply().ok and len(c.body()) == 3
    c.ok("NOOP")


# --- 6.5, 8.1.1 LOGIN-DELAY ---

def test_6_5_login_delay(make_pop):
    """"indicates the number of seconds after an "+OK" response to a PASS, APOP, or
    AUTH command before another authentication will be accepted\""""
    srv = make_pop({"popminpoll": "5m"})
    user, other = srv.new_user(), srv.new_user()
    c = srv.pop_connect()
    assert c.capa()["LOGIN-DELAY"] == "300"
    c.login(user)
    assert c.quit().ok
    c = srv.pop_connect()
    c.ok(f"USER {user}")
    r = c.err(f"PASS {PASSWORD}")
    assert r.code == "LOGIN-DELAY"
    assert c.is_closed()
    srv.pop(other).ok("STAT")
    # IMAP is not meant, and a wrong password is no login.
    srv.login(user).ok("SELECT INBOX")


def test_6_5_delay_ends(make_pop):
    srv = make_pop({"popminpoll": "1s"})
    user = srv.new_user()
    srv.pop(user).quit()

    def again():
        c = srv.pop_connect()
        c.ok(f"USER {user}")
        return c.cmd(f"PASS {PASSWORD}").ok
    wait_for("the delay to pass", again)


def test_6_5_padding(make_pop):
    """poppollpadding: so many at once, and then one for each popminpoll."""
    srv = make_pop({"popminpoll": "1h", "poppollpadding": "3"})
    user = srv.new_user()
    for _ in range(3):
        srv.pop(user).quit()
    c = srv.pop_connect()
    c.ok(f"USER {user}")
    assert c.err(f"PASS {PASSWORD}").code == "LOGIN-DELAY"
