"""Which mechanisms, for whom, under what protection; what failing costs."""
import time

import pytest

import chapar
import ports
from chapar import Imap
from saslclient import LEAKY, Exchange, far_address, imtest, mechanisms


def test_service_prefix(make_server):
    """NAME_option is for the service NAME of cyrus.conf, and wins there."""
    port = ports.one()
    server = make_server(
        {"sasl_mech_list": "PLAIN", "strict_sasl_mech_list": "SCRAM-SHA-256 CRAM-MD5",
         "strict_sasl_minimum_layer": "0", "other_sasl_mech_list": "LOGIN"},
        services=f'strict cmd="imapd" listen="127.0.0.1:{port}" prefork=0')
    assert mechanisms(server.connect()) == ["PLAIN"]
    c = Imap(("127.0.0.1", port))
    assert sorted(mechanisms(c)) == ["CRAM-MD5", "SCRAM-SHA-256"]
    user = server.new_user()
    assert Exchange(c, "PLAIN", f"\0{user}\0secret").reply.startswith("NO")
    c.close()


def test_minimum_layer(make_server):
    """With 2 nobody logs in without encryption, also on this machine: by TLS, or by SASL's own."""
    server = make_server({"sasl_mech_list": "PLAIN DIGEST-MD5 SCRAM-SHA-256",
                          "imap_sasl_minimum_layer": "2"}, start=False)
    server.env = LEAKY
    server.start()
    server.set_password("joe")
    c = server.connect()
    caps = c.ok("CAPABILITY").untagged[0].decode().split()
    assert "LOGINDISABLED" in caps and mechanisms(c) == ["DIGEST-MD5"]
    assert c.cmd("LOGIN joe secret").code == "PRIVACYREQUIRED"
    assert Exchange(c, "PLAIN", "\0joe\0secret").reply.startswith("NO")
    run = imtest(server, "DIGEST-MD5", "joe")
    assert run.ok and run.ssf >= 56, run.stdout
    assert not imtest(server, "DIGEST-MD5", "joe", "secret", "-l", "0").ok
    assert c.starttls(server.tls).status == "OK"
    caps = c.ok("CAPABILITY").untagged[0].decode().split()
    assert "LOGINDISABLED" not in caps
    assert {"DIGEST-MD5", "PLAIN", "SCRAM-SHA-256"} <= set(mechanisms(c))
    c.login("joe")


def test_maximum_layer(make_server):
    server = make_server({"sasl_mech_list": "PLAIN DIGEST-MD5", "sasl_maximum_layer": "0"}, start=False)
    server.env = LEAKY
    server.start()
    user = server.new_user()
    run = imtest(server, "DIGEST-MD5", user)
    assert run.ok and run.ssf == 0


def test_pauses(make_server):
    """A failure waits, whatever the mechanism, before the client hears of it."""
    server = make_server({"sasl_mech_list": "PLAIN CRAM-MD5", "failedloginpause": "1s"})
    user = server.new_user()
    for attempt in (lambda c: c.cmd(f"LOGIN {user} wrong").status,
                    lambda c: Exchange(c, "PLAIN", f"\0{user}\0wrong").reply[:2]):
        c = server.connect()
        began = time.monotonic()
        assert attempt(c) == "NO"
        assert time.monotonic() - began >= 1


def test_plaintext_pause(make_server):
    """Only for who comes from afar, and in the clear."""
    own = far_address()
    server = make_server({"plaintextloginpause": "1s", "allowplaintext": "yes"}, listen=own)
    user = server.new_user()
    c = Imap((own, server.imap_port))
    began = time.monotonic()
    c.login(user)
    assert time.monotonic() - began >= 1
    c.close()
    c = Imap((own, server.imap_port))
    assert c.starttls(server.tls).status == "OK"
    c.login(user)
    c.close()


def test_tokens_need_tls_as_passwords_do(make_server):
    own = far_address()
    server = make_server({"sasl_mech_list": "PLAIN SCRAM-SHA-1 OAUTHBEARER",
                          "oauth_introspection_url": "http://127.0.0.1:1/"}, listen=own)
    c = Imap((own, server.imap_port))
    assert mechanisms(c) == ["SCRAM-SHA-1"]
    assert Exchange(c, "OAUTHBEARER", "n,,\1auth=Bearer x\1\1").reply.startswith("NO No such")
    assert c.starttls(server.tls).status == "OK"
    assert sorted(mechanisms(c)) == ["OAUTHBEARER", "PLAIN", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"]
    c.close()
