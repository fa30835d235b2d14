"""RFC 3206: SYS and AUTH."""
import base64

import pytest
from chapar import PASSWORD


def test_4_sys_temp(make_pop):
    """"a problem which is likely to be temporary in nature": the server is shut down"""
    srv = make_pop()
    user = srv.new_user()
    c = srv.pop(user)
    (srv.dir / "config/msg/shutdown").write_text("Back at noon\n")
    fresh = srv.pop_connect()
    assert fresh.greeting.code == "SYS/TEMP" and "noon" in fresh.greeting.text
    assert fresh.is_closed()
    r = c.cmd("NOOP")
    assert r.code == "SYS/TEMP" and c.is_closed()


def test_4_sys_perm(server):
    """"problems which are unlikely to be resolved without intervention\""""
    c = server.pop_connect()
    c.ok(f"USER {server.new_user(inbox=False)}")
    assert c.err(f"PASS {PASSWORD}").code == "SYS/PERM"


def test_4_sys_perm_for_damage(make_pop):
    srv = make_pop()
    user = srv.new_user()
    srv.expect("cyrus.index")
    (srv.dir / f"spool/user/{user}/cyrus.index").write_bytes(b"x" * 1000)
    c = srv.pop_connect()
    c.ok(f"USER {user}")
    assert c.err(f"PASS {PASSWORD}").code == "SYS/PERM"


@pytest.mark.parametrize("who", ["known", "unknown"])
def test_5_auth(server, full, who):
    """"an incorrect password, an unknown user name": the same, whatever it was"""
    c = server.pop_connect()
    name = full if who == "known" else "nobody-at-all"
    assert c.ok(f"USER {name}").text
    r = c.err("PASS wrong")
    assert (r.code, r.text) == ("AUTH", "Wrong name or password")
    r = c.err("AUTH PLAIN " + base64.b64encode(f"\0{name}\0wrong".encode()).decode())
    assert (r.code, r.text) == ("AUTH", "Wrong name or password")


def test_5_not_as_somebody_else(server, full):
    c = server.pop_connect()
    r = c.err("AUTH PLAIN " + base64.b64encode(f"cyrus\0{full}\0{PASSWORD}".encode()).decode())
    assert r.code == "AUTH"


def test_5_only_for_credentials(server):
    """"AUTH-RESP-CODE assures the client that only errors with the AUTH code are caused
    by credential problems.\""""
    c = server.pop_connect()
    assert "AUTH-RESP-CODE" in c.capa()
    assert c.err("AUTH XYZZY").code == ""
    assert c.err("PASS x").code == ""
    assert c.err("AUTH PLAIN !!").code == ""


def test_passwords_cannot_be_checked(make_pop):
    """saslauthd is not there: not the user's fault."""
    srv = make_pop({"sasl_pwcheck_method": "saslauthd", "sasl_saslauthd_path": "/nonexistent/mux"})
    srv.expect("saslauthd")
    c = srv.pop_connect()
    assert "<" not in c.greeting.text       # no APOP without passwords
    c.ok("USER joe")
    assert c.err("PASS x").code == "SYS/TEMP"
