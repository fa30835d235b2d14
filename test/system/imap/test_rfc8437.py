"""UNAUTHENTICATE (RFC 8437)."""
import pytest

from deflated import deflate


def caps(c):
    return c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_2_advertised(imap):
    assert b"UNAUTHENTICATE" in caps(imap)


def test_3_only_in_authenticated_state(server):
    c = server.connect()
    assert c.cmd("UNAUTHENTICATE").status == "BAD"
    c.close()


def test_5_no_arguments(imap):
    assert imap.cmd("UNAUTHENTICATE now").status == "BAD"
    imap.ok("SELECT INBOX")


def test_3_then_not_authenticated(imap):
    imap.ok("UNAUTHENTICATE")
    assert imap.cmd("SELECT INBOX").status == "BAD"
    imap.ok("NOOP")


def test_3_from_selected_state(imap):
    imap.ok("SELECT INBOX")
    imap.ok("UNAUTHENTICATE")
    assert imap.cmd("FETCH 1 FLAGS").status == "BAD"


def test_3_another_user(server, imap, user):
    imap.append("INBOX", b"Subject: mine\r\n\r\n.\r\n")
    imap.ok("SELECT INBOX")
    other = server.new_user()
    imap.ok("UNAUTHENTICATE")
    imap.login(other)
    assert imap.cmd("FETCH 1 FLAGS").status == "BAD"
    assert imap.ok("SELECT INBOX").find(rb"^0 EXISTS")
    assert not imap.ok('LIST "" *').find(user.encode())


def test_3_again_and_again(server, imap):
    for _ in range(10):
        imap.ok("UNAUTHENTICATE")
        imap.login(server.new_user())
        imap.ok("SELECT INBOX")


def test_3_authenticate(server, imap):
    imap.ok("UNAUTHENTICATE")
    imap.login(server.new_user())


def test_3_no_implicit_expunge(login, imap):
    """The mailbox is deselected as by UNSELECT."""
    imap.append("INBOX", b"Subject: x\r\n\r\n.\r\n", "(\\Deleted)")
    imap.ok("SELECT INBOX")
    imap.ok("UNAUTHENTICATE")
    assert login().ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 1")


def test_4_enable_is_reset(imap, user):
    """"... the server MUST behave as if no ENABLE had been issued"."""
    imap.ok("ENABLE IMAP4rev2 UTF8=ACCEPT")
    imap.ok('CREATE "INBOX.caf\u00e9"')
    imap.ok("UNAUTHENTICATE")
    imap.strict.rev2 = imap.strict.utf8 = False
    imap.login(user)
    assert imap.ok('LIST "" "INBOX.%"').find(rb"caf&AOk-")
    assert imap.ok("SELECT INBOX").find(rb"^0 RECENT")
    assert imap.ok("ENABLE UTF8=ACCEPT").find(rb"^ENABLED UTF8=ACCEPT")


def test_4_saved_searches_are_gone(imap, user):
    imap.append("INBOX", b"Subject: x\r\n\r\n.\r\n")
    imap.ok("SELECT INBOX")
    imap.ok("SEARCH RETURN (SAVE) ALL")
    imap.ok("UNAUTHENTICATE")
    imap.login(user)
    imap.ok("SELECT INBOX")
    assert imap.ok("FETCH $ UID").untagged == []


def test_3_compression_ends(server, imap, user):
    """All state is reset but TLS: compression ends behind the tagged OK."""
    plain = imap.sock
    deflate(imap)
    imap.ok("UNAUTHENTICATE")
    imap.sock, imap.file = plain, plain.makefile("rb")
    imap.login(user)
    deflate(imap).ok("SELECT INBOX")


def test_3_tls_stays(server, user):
    c = server.connect()
    c.starttls(server.tls)
    c.login(user)
    c.ok("UNAUTHENTICATE")
    assert b"STARTTLS" not in caps(c)
    c.login(user)
    c.close()


def test_3_capabilities_are_those_before_login(imap):
    imap.ok("UNAUTHENTICATE")
    assert any(x.startswith(b"AUTH=") for x in caps(imap))
    assert b"STARTTLS" in caps(imap)


def test_3_starttls_after_it(server, imap, user):
    imap.ok("UNAUTHENTICATE")
    assert imap.starttls(server.tls).status == "OK"
    imap.login(user)


def test_3_limits_are_those_before_login(imap):
    """Nobody in particular may make the server keep a megabyte."""
    imap.ok("UNAUTHENTICATE")
    r = imap.cmd("NOOP " + "x" * 100_000)
    assert (r.status, r.code) == ("BAD", "TOOBIG")
    r = imap.cmd("APPEND INBOX ", b"x" * 100_000)
    assert (r.status, r.code) == ("NO", "TOOBIG")


@pytest.mark.parametrize("password", ["wrong", ""])
def test_3_failed_logins_count(imap, user, password):
    imap.ok("UNAUTHENTICATE")
    assert imap.cmd(f'LOGIN "{user}" "{password}"').status == "NO"
    imap.login(user)


def test_3_pipelined(imap, server):
    other = server.new_user()
    imap.send(f'a UNAUTHENTICATE\r\nb LOGIN "{other}" secret\r\nc SELECT INBOX\r\n')
    for tag in "abc":
        assert imap.wait(tag).status == "OK"
