"""LANGUAGE and TRANSLATION (RFC 5255 section 3); the rest is in test_rfc5255.py."""
import pytest


@pytest.fixture(scope="module")
def alt(module_server):
    return module_server({"altnamespace": "yes", "unixhierarchysep": "yes"})


def language(reply):
    return [x.strip(b'"').lower().decode() for x in
            reply.find(rb"^LANGUAGE \((.*)\)$").group(1).split()]


def test_3_1_advertised(server):
    c = server.connect()
    assert b" LANGUAGE" in c.greeting
    c.close()


def test_3_1_i_default_is_there(imap):
    """"A server MUST include i-default as one of its supported languages."""
    assert "i-default" in language(imap.ok("LANGUAGE"))


def test_3_1_i_default_is_spoken_first(imap):
    assert imap.cmd("SELECT INBOX.none").text.endswith("Mailbox does not exist")


def test_3_2_before_login(server):
    c = server.connect()
    assert language(c.ok("LANGUAGE de")) == ["de"]
    assert c.cmd("SELECT INBOX").text == "Bitte erst anmelden"
    c.close()


@pytest.mark.parametrize("arguments, tag", [
    ("de", "de"), ("DE", "de"), ('"de"', "de"), ("de-AT", "de"), ("de-Latn-AT-1996", "de"),
    ("fr de", "de"), ("fr-CA it de-CH en", "de"), ("en de", "en"), ("default", "i-default"),
    ("i-default", "i-default"), ("en-GB-oed", "en")])
def test_3_2_ranges(imap, arguments, tag):
    assert language(imap.ok("LANGUAGE " + arguments)) == [tag]


@pytest.mark.parametrize("arguments", ["fr", "x-klingon", '""', "deu", '"*-de"', "fr it x-de"])
def test_3_2_none_of_them(imap, arguments):
    """"If none is supported: NO, and the language stays."""
    imap.ok("LANGUAGE de")
    assert imap.cmd("LANGUAGE " + arguments).status == "NO"
    assert "Ordner" in imap.cmd("SELECT INBOX.none").text


@pytest.mark.parametrize("arguments", [" ", " de ", "  de", " (de)", " de  en"])
def test_3_5_grammar(imap, arguments):
    assert imap.cmd("LANGUAGE" + arguments).status == "BAD"


def test_3_2_literal(imap):
    assert language(imap.ok("LANGUAGE ", b"de")) == ["de"]


def test_3_2_texts_are_utf8(imap):
    imap.ok("LANGUAGE de")
    imap.ok("CREATE INBOX.weg")
    assert imap.cmd('CREATE ""').text == "[CANNOT] So kann kein Ordner hei\u00dfen"


def test_3_2_codes_stay(imap):
    imap.ok("LANGUAGE de")
    assert imap.cmd("SELECT INBOX.none").code == "NONEXISTENT"


def test_3_2_and_back(imap):
    imap.ok("LANGUAGE de")
    imap.ok("LANGUAGE default")
    assert imap.cmd("SELECT INBOX.none").text.endswith("Mailbox does not exist")


def test_3_2_the_reply_to_it_is_in_it(imap):
    assert imap.ok("LANGUAGE de").text == "Erledigt"


def test_3_2_namespace_follows(imap):
    assert imap.ok("LANGUAGE de").find(rb"^NAMESPACE ")


def test_3_4_translation(alt):
    c = alt.login(alt.new_user())
    assert not c.ok("NAMESPACE").find(rb"TRANSLATION")
    c.ok("LANGUAGE de")
    m = c.ok("NAMESPACE").find(rb'^NAMESPACE \(\("" "/"\)\) '
                               rb'\(\("Other Users/" "/" "TRANSLATION" \("Andere Benutzer/"\)\)\) '
                               rb'\(\("Shared Folders/" "/" "TRANSLATION" \("Gemeinsame Ordner/"\)\)\)$')
    assert m
    c.close()


def test_3_4_no_translation_of_inbox(imap):
    imap.ok("LANGUAGE de")
    assert not imap.ok("NAMESPACE").find(rb"TRANSLATION")


def test_8437_language_is_forgotten(imap, user):
    imap.ok("LANGUAGE de")
    imap.ok("UNAUTHENTICATE")
    imap.login(user)
    assert imap.cmd("SELECT INBOX.none").text.endswith("Mailbox does not exist")


@pytest.mark.parametrize("arguments, tag", [('"*"', "i-default"), ('fr "*"', "i-default"), ('"*" de', "de"), ('"*" fr de-AT', "de")])
def test_3_2_any_range(imap, arguments, tag):
    """"matching one of the language range argument as described by Section 2 of
    [RFC4647]"; section 3.4 of that: "*" is the default, unless others follow."""
    assert language(imap.ok(f"LANGUAGE {arguments}")) == [tag]
