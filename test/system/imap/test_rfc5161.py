"""ENABLE (RFC 5161)."""
import pytest


@pytest.fixture
def c(imap):
    return imap


def enabled(reply):
    m = reply.find(rb"^ENABLED(.*)")
    assert m, reply
    return m.group(1).upper().split()


def test_1_advertised(c):
    assert b"ENABLE" in c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_3_1_not_before_login(server):
    c = server.connect()
    assert c.cmd("ENABLE UTF8=ACCEPT").status == "BAD"
    c.close()


def test_3_1_unknown_words_are_ignored(c):
    """If the argument is not an extension known to the server, the server MUST
    ignore the argument."""
    assert enabled(c.ok("ENABLE X-GOOD-IDEA FOO=BAR")) == []


def test_3_1_supported_but_not_enablable(c):
    """... If the argument is an extension known to the server, but it does not
    need to be enabled, it MUST be ignored."""
    assert enabled(c.ok("ENABLE UIDPLUS IDLE")) == []


def test_3_1_known_among_unknown(c):
    assert enabled(c.ok("ENABLE X-A UTF8=ACCEPT X-B")) == [b"UTF8=ACCEPT"]


def test_3_1_only_what_is_new(c):
    """"... the ENABLED response lists those that were enabled by this command."""
    assert enabled(c.ok("ENABLE UTF8=ACCEPT")) == [b"UTF8=ACCEPT"]
    assert enabled(c.ok("ENABLE UTF8=ACCEPT")) == []


def test_3_1_twice_in_one_command(c):
    assert enabled(c.ok("ENABLE UTF8=ACCEPT utf8=accept")) == [b"UTF8=ACCEPT"]


def test_3_1_several(c):
    assert sorted(enabled(c.ok("ENABLE IMAP4rev2 UTF8=ACCEPT"))) == [b"IMAP4REV2", b"UTF8=ACCEPT"]


def test_3_1_any_case(c):
    assert enabled(c.ok("enable utf8=Accept")) == [b"UTF8=ACCEPT"]


@pytest.mark.parametrize("args", ["", " ", " UTF8=ACCEPT ", " (UTF8=ACCEPT)", "  UTF8=ACCEPT",
                                  " \"UTF8=ACCEPT\""])
def test_5_grammar(c, args):
    assert c.cmd("ENABLE" + args).status == "BAD"
    assert enabled(c.ok("ENABLE UTF8=ACCEPT")) == [b"UTF8=ACCEPT"]


def test_3_1_has_no_effect_on_others(server, user):
    a, b = server.login(user), server.login(user)
    a.ok("ENABLE UTF8=ACCEPT")
    a.ok('CREATE "INBOX.caf\u00e9"')
    assert b.ok('LIST "" "INBOX.%"').find(rb"caf&AOk-")
    assert a.ok('LIST "" "INBOX.%"').find("caf\u00e9".encode())
