"""IMAP4rev2 (RFC 9051), where it is not as IMAP4rev1: appendix E.  Every response
goes through the strict parser, which knows what was enabled."""
import unicodedata

import pytest

MESSAGE = b"From: a@example.org\r\nSubject: s\r\n\r\nbody\r\n"


@pytest.fixture
def c(server, user):
    """A session in IMAP4rev2 with two messages in INBOX, the first \\Seen."""
    c = server.login(user)
    c.append("INBOX", MESSAGE, "(\\Seen)")
    c.append("INBOX", MESSAGE)
    c.ok("ENABLE IMAP4rev2")
    return c


@pytest.fixture
def s(c):
    c.ok("SELECT INBOX")
    return c


def words(reply):
    return [u.split(b" ", 1)[0] for u in reply.untagged]


# --- 6.3.1 ENABLE ---

def test_6_3_1_enabled(imap):
    assert imap.ok("ENABLE IMAP4rev2").find(rb"^ENABLED IMAP4rev2$")


def test_6_3_1_only_before_a_mailbox_is_selected(imap):
    imap.ok("SELECT INBOX")
    assert imap.cmd("ENABLE IMAP4rev2").status == "BAD"
    imap.ok("CLOSE")
    assert imap.ok("ENABLE IMAP4rev2").find(rb"^ENABLED IMAP4rev2$")


# --- 6.3.2 SELECT ---

def test_6_3_2_no_recent(c):
    r = c.ok("SELECT INBOX")
    assert not r.find(rb"RECENT"), r
    assert not r.find(rb"\\Recent"), r


def test_6_3_2_no_unseen(c):
    assert not c.ok("SELECT INBOX").find(rb"UNSEEN")


@pytest.mark.parametrize("what", [rb"^2 EXISTS$", rb"^FLAGS \(", rb"^OK \[UIDVALIDITY \d+\]",
                                  rb"^OK \[UIDNEXT 3\]", rb"^OK \[PERMANENTFLAGS \(",
                                  rb'^LIST \(.*\) "." INBOX$'])
@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_6_3_2_required(c, command, what):
    assert c.ok(command + " INBOX").find(what)


def test_6_3_2_inbox_in_any_case_is_no_other_name(c):
    assert c.ok("SELECT iNbOx").find(rb'^LIST \(.*\) "." INBOX$')


def test_6_3_2_oldname(c):
    """... the original name in OLDNAME, if the server normalizes."""
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    c.ok("CREATE INBOX.x")
    c.ok('CREATE "INBOX.caf\u00e9"')
    r = c.ok(f'SELECT "INBOX.{decomposed}"')
    assert r.find(f'^LIST \\(\\) "." "INBOX.caf\u00e9" \\("OLDNAME" \\("INBOX.{decomposed}"\\)\\)$'.encode())


def test_6_3_2_closed(s):
    """"... the CLOSED response code" before the new mailbox's responses."""
    s.ok("CREATE INBOX.other")
    r = s.ok("SELECT INBOX.other")
    assert r.untagged[0].startswith(b"OK [CLOSED]"), r


def test_6_3_2_closed_also_when_it_fails(s):
    r = s.cmd("SELECT INBOX.none")
    assert r.status == "NO" and r.untagged[0].startswith(b"OK [CLOSED]"), r
    assert s.cmd("FETCH 1 UID").status == "BAD"


def test_6_3_2_not_closed_when_none_was_selected(c):
    assert not c.ok("SELECT INBOX").find(rb"CLOSED")


# --- 5.1: names ---

NAMES = ["caf\u00e9", "\u0420\u0430\u0431\u043e\u0442\u0430", "\u65e5\u672c", "a&b", "\U0001f600"]


@pytest.mark.parametrize("name", NAMES)
def test_5_1_names_in_utf8(server, c, user, name):
    c.ok(f'CREATE "INBOX.{name}"')
    got = c.ok('LIST "" "INBOX.%"').find(rb'^LIST \(.*\) "\." (?:"(.*)"|(.*))$')
    assert (got.group(1) or got.group(2)).decode() == f"INBOX.{name}"
    c.ok(f'SELECT "INBOX.{name}"')
    c.ok("UNSELECT")
    assert c.ok(f'STATUS "INBOX.{name}" (MESSAGES)').find(f'^STATUS "?INBOX.{name}"? '.encode())
    c.ok(f'SUBSCRIBE "INBOX.{name}"')
    c.ok(f'RENAME "INBOX.{name}" "INBOX.{name}2"')
    c.ok(f'DELETE "INBOX.{name}2"')


def test_5_1_the_same_in_utf7(server, c, user):
    c.ok('CREATE "INBOX.caf\u00e9 & co"')
    other = server.login(user)
    assert other.ok('LIST "" "INBOX.%"').find(rb'"INBOX.caf&AOk- &- co"')
    other.ok('SELECT "INBOX.caf&AOk- &- co"')


@pytest.mark.parametrize("name", [b"\xff", b"caf\xe9", b"a\xc3", b"\xed\xa0\x80", b"a\x7fb", b"\xc2\x85",
                                  b"\xe2\x80\xa8"])
def test_5_1_net_unicode(c, name):
    """No invalid UTF-8, no control characters (RFC 5198)."""
    valid = name.decode(errors="ignore").encode() == name
    assert c.cmd(b'CREATE "INBOX.' + name + b'"').status == ("NO" if valid else "BAD")
    assert c.cmd("CREATE ", b"INBOX." + name).status == "NO"


def test_5_1_literal_names(c):
    c.ok("CREATE ", "INBOX.caf\u00e9".encode())
    assert c.ok('LIST "" "INBOX.*"').find("caf\u00e9".encode())


def test_6_3_4_create_tells_the_normal_form(c):
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    r = c.ok(f'CREATE "INBOX.{decomposed}"')
    assert r.find('"INBOX.caf\u00e9" \\("OLDNAME"'.encode()), r


def test_6_3_6_rename_tells_the_normal_form(c):
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    c.ok("CREATE INBOX.a")
    assert c.ok(f'RENAME INBOX.a "INBOX.{decomposed}"').find(rb'OLDNAME')


def test_6_3_9_7_rename_tells_what_is_gone(c):
    """... "whenever the supplied mailbox name differs" """
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    c.ok('CREATE "INBOX.caf\u00e9"')
    r = c.ok(f'RENAME "INBOX.{decomposed}" INBOX.b')
    assert r.untagged == [f'LIST (\\NonExistent) "." "INBOX.caf\u00e9" ("OLDNAME" ("INBOX.{decomposed}"))'.encode()]


def test_6_3_9_7_delete_tells_the_normal_form(c):
    decomposed = unicodedata.normalize("NFD", "caf\u00e9")
    for sent, told in ((decomposed, 1), ("caf\u00e9", 0)):
        c.ok('CREATE "INBOX.caf\u00e9"')
        r = c.ok(f'DELETE "INBOX.{sent}"')
        assert len(r.all(rb'^LIST \(\\NonExistent\) "\." "INBOX\.caf\xc3\xa9" \("OLDNAME"')) == told, r
        assert len(r.untagged) == told


def test_6_3_4_create_tells_nothing_else(c):
    assert words(c.ok("CREATE INBOX.a")) == []
    assert words(c.ok("CREATE INBOX.b.")) == []


# --- 6.3.9 LIST ---

@pytest.mark.parametrize("name, attribute", [("INBOX.a", rb"\\HasChildren"), ("INBOX.a.b", rb"\\HasNoChildren")])
def test_6_3_9_children(c, name, attribute):
    c.ok("CREATE INBOX.a")
    c.ok("CREATE INBOX.a.b")
    assert c.ok(f'LIST "" {name}').find(rb"^LIST \([^)]*" + attribute)


# --- 6.3.11 STATUS ---

@pytest.mark.parametrize("item, value", [("MESSAGES", 2), ("UIDNEXT", 3), ("UNSEEN", 1), ("DELETED", 0),
                                         ("SIZE", 2 * len(MESSAGE))])
def test_6_3_11_status(c, item, value):
    m = c.ok(f"STATUS INBOX ({item})").find(rb"^STATUS INBOX \((\S+) (\d+)\)$")
    assert (m.group(1).decode(), int(m.group(2))) == (item, value)


def test_6_3_11_deleted(s):
    s.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")
    s.ok("UNSELECT")
    assert s.ok("STATUS INBOX (DELETED)").find(rb"DELETED 1\)")


def test_6_3_11_no_recent(c):
    assert c.cmd("STATUS INBOX (RECENT)").status == "BAD"


def test_6_3_11_all(c):
    assert c.ok("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN DELETED SIZE)").find(rb"^STATUS")


# --- 6.4.5 FETCH ---

@pytest.mark.parametrize("item", ["RFC822", "RFC822.HEADER", "RFC822.TEXT", "(UID RFC822)"])
def test_6_4_5_no_rfc822(s, item):
    assert s.cmd(f"FETCH 1 {item}").status == "BAD"


@pytest.mark.parametrize("item", ["RFC822.SIZE", "BODY.PEEK[]", "BODY.PEEK[HEADER]", "ENVELOPE",
                                  "BODYSTRUCTURE", "BODY", "INTERNALDATE", "FLAGS", "UID", "ALL", "FAST",
                                  "FULL"])
def test_6_4_5_items(s, item):
    assert s.ok(f"FETCH 1:2 {item}").all(rb"^\d FETCH \(")


def test_6_4_5_no_recent_flag(s):
    assert not s.ok("FETCH 1:* FLAGS").find(rb"Recent")


# --- commands that are gone ---

@pytest.mark.parametrize("command", ["CHECK", 'LSUB "" *'])
def test_e_no_such_command(s, command):
    r = s.cmd(command)
    assert r.status == "BAD" and "IMAP4rev2" in r.text


# --- 7: responses ---

def test_7_4_no_recent_with_exists(server, s, user):
    other = server.login(user)
    other.append("INBOX", MESSAGE)
    r = s.ok("NOOP")
    assert r.find(rb"^3 EXISTS$") and not r.find(rb"RECENT")
    assert not s.ok("FETCH 3 FLAGS").find(rb"Recent")


def test_7_rev2_leaves_recent_to_rev1(server, s, user):
    """A session that cannot be told of \\Recent does not take it from others."""
    other = server.login(user)
    assert other.ok("SELECT INBOX").find(rb"^2 RECENT$")


@pytest.mark.parametrize("keyword", ["$MDNSent", "$Forwarded", "$Junk", "$NotJunk", "$Phishing"])
def test_2_3_2_keywords(s, keyword):
    s.ok(f"STORE 1 +FLAGS ({keyword})")
    assert s.ok("FETCH 1 FLAGS").find(keyword.encode().replace(b"$", rb"\$"))


def test_6_4_8_move(s):
    s.ok("CREATE INBOX.to")
    r = s.ok("MOVE 1 INBOX.to")
    assert r.find(rb"^OK \[COPYUID \d+ 1 1\]") and r.find(rb"^1 EXPUNGE$")


def test_6_4_2_unselect(s):
    s.ok("STORE 1 +FLAGS.SILENT (\\Deleted)")
    s.ok("UNSELECT")
    assert s.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 2")


def test_6_4_9_uid_expunge(s):
    s.ok("STORE 1:2 +FLAGS.SILENT (\\Deleted)")
    r = s.ok("UID EXPUNGE 2")
    assert r.find(rb"^2 EXPUNGE$") and not r.find(rb"^1 EXPUNGE$")


def test_7_1_appenduid(c):
    assert c.append("INBOX", MESSAGE).code.startswith("APPENDUID ")



@pytest.mark.parametrize("command", ["NOOP", "FETCH 1 BODY.PEEK[HEADER]", "STORE 1 +FLAGS ($X)",
                                     "STORE 1 +FLAGS.SILENT ($X)", "UID FETCH 2 BODY.PEEK[HEADER]"])
def test_7_5_2_unsolicited_fetch_has_the_uid(server, user, s, command):
    """"unsolicited FETCH responses ... MUST include UID FETCH item ... a new requirement" """
    other = server.login(user)
    other.ok("SELECT INBOX")
    other.ok("STORE 1 +FLAGS (\\Deleted)")
    other.ok("EXPUNGE")
    s.ok("NOOP")
    other.ok("STORE 1 +FLAGS (\\Flagged)")
    told = s.ok(command).all(rb"^1 FETCH \(.*FLAGS \(.*\\Flagged")
    assert told and all(b" UID 2" in m.string for m in told), told


# --- what has been folded in (appendix E) ---

def test_6_1_1_advertised(imap, server):
    early = server.connect()
    assert b" IMAP4rev1 IMAP4rev2 " in early.greeting.replace(b"[CAPABILITY", b"")
    early.close()


def test_6_2_2_initial_response(server, user):
    import base64
    from chapar import PASSWORD
    c = server.connect()
    c.ok("AUTHENTICATE PLAIN " + base64.b64encode(f"\0{user}\0{PASSWORD}".encode()).decode())
    c.close()


def test_6_4_4_esearch_always(s):
    r = s.ok("SEARCH ALL")
    assert r.find(rb'^ESEARCH \(TAG "[^"]+"\) ALL 1:2$')


@pytest.mark.parametrize("options, data", [("MIN", b"MIN 1"), ("MAX", b"MAX 2"), ("COUNT", b"COUNT 2"),
                                           ("ALL", b"ALL 1:2"), ("", b"ALL 1:2"),
                                           ("MIN MAX COUNT", b"MIN 1 MAX 2 COUNT 2")])
def test_6_4_4_return(s, options, data):
    assert s.ok(f"SEARCH RETURN ({options}) ALL").find(rb"^ESEARCH \(TAG .*\) " + data + b"$")


def test_6_4_4_1_searchres(s):
    assert not s.ok("SEARCH RETURN (SAVE) SEEN").find(rb"ESEARCH .*ALL")
    assert len(s.ok("FETCH $ UID").untagged) == 1


def test_6_4_4_number64(s):
    assert s.ok("SEARCH SMALLER 9223372036854775807").find(rb"ALL 1:2")
    assert s.cmd("SEARCH LARGER 9223372036854775808").status == "BAD"


def test_6_4_5_partial_number64(s):
    assert s.ok("FETCH 1 BODY.PEEK[]<4294967296.4294967297>").find(rb'BODY\[\]<4294967296> ("")|(\{0\})')


@pytest.mark.parametrize("item", ["BINARY.PEEK[1]", "BINARY.SIZE[1]", "BINARY.PEEK[1]<0.3>", "BINARY[1]"])
def test_6_4_5_binary(s, item):
    assert s.ok(f"FETCH 1 {item}").find(rb"^1 FETCH \(.*BINARY")


@pytest.mark.parametrize("arguments", ['(SUBSCRIBED) "" *', '"" (INBOX *)', '"" * RETURN (SUBSCRIBED)',
                                       '"" INBOX RETURN (STATUS (MESSAGES UIDNEXT))',
                                       '"" INBOX RETURN (CHILDREN SPECIAL-USE)', '(REMOTE) "" *',
                                       '(SUBSCRIBED RECURSIVEMATCH) "" %'])
def test_6_3_9_list_extended(c, arguments):
    c.ok("SUBSCRIBE INBOX")
    assert c.ok("LIST " + arguments).find(rb"^LIST \(.*\) \"\.\" INBOX")


def test_6_3_9_status(c):
    assert c.ok('LIST "" INBOX RETURN (STATUS (MESSAGES))').find(rb"^STATUS INBOX \(MESSAGES 2\)$")


def test_6_3_10_namespace(c):
    assert c.ok("NAMESPACE").find(rb"^NAMESPACE ")


def test_6_3_13_idle(server, s, user):
    s.send("i IDLE\r\n")
    assert s.response().startswith(b"+")
    server.login(user).append("INBOX", MESSAGE)
    assert s.response() == b"* 3 EXISTS"
    s.send("DONE\r\n")
    assert s.wait("i").status == "OK"


def test_4_3_non_synchronizing(c):
    c.send(b"l STATUS {5+}\r\nINBOX (MESSAGES)\r\n")
    assert c.wait("l").status == "OK"


def test_9_no_charset_is_needed(s):
    s.append("INBOX", "Subject: =?utf-8?q?caf=C3=A9?=\r\n\r\n.\r\n".encode())
    s.ok("NOOP")
    assert s.ok('SEARCH SUBJECT "caf\u00e9"').find(rb"ALL 3$")
    assert s.ok('SEARCH CHARSET UTF-8 SUBJECT "caf\u00e9"').find(rb"ALL 3$")


# --- 6.3.13: unsolicited FETCH responses ---

@pytest.mark.parametrize("command", ["NOOP", "FETCH 1 (FLAGS)", "SEARCH ALL", "STORE 1 +FLAGS.SILENT (x)", "IDLE"])
def test_6_3_13_unsolicited_fetch_has_the_uid(server, user, s, command):
    """"If the server chooses to send unsolicited FETCH responses, they MUST include a
    UID FETCH item." """
    other = server.login(user)
    other.ok("SELECT INBOX")
    other.ok(r"STORE 2 +FLAGS.SILENT (\Flagged)")
    if command == "IDLE":
        s.send("i IDLE\r\n")
        assert s.response().startswith(b"+")
        s.send("DONE\r\n")
        reply = s.wait("i")
    else:
        reply = s.ok(command)
        if not reply.find(rb"^2 FETCH"):
            reply = s.ok("NOOP")
    assert reply.find(rb"^2 FETCH \(.*UID 2"), reply


@pytest.mark.parametrize("command", [b'SEARCH SUBJECT "\xff"', b'STATUS "INBOX.a\xc3" (MESSAGES)', b'LIST "" "\xe9*"',
                                     b'SEARCH CHARSET ISO-8859-1 SUBJECT "M\xfcller"'])
def test_9_quoted_strings_are_utf8(s, command):
    """QUOTED-CHAR = ... / UTF8-2 / UTF8-3 / UTF8-4"""
    assert s.cmd(command).status == "BAD"


def test_9_literals_may_be_in_other_charsets(s):
    s.ok(b"SEARCH CHARSET ISO-8859-1 SUBJECT {6+}\r\nM\xfcller")


# --- 7.5.2 FETCH: parameters ---

@pytest.mark.parametrize("sent,shown", [
    ('baz*0=aa; baz*1="b b"; baz*2=cc', '"baz" "aab bcc"'),
    ("baz*1=b; x=1; BAZ*0=a", '"x" "1" "BAZ" "ab"'),
    ("foo*0*=utf-8'de'a%c3%a9; foo*1*=b%20c", '"foo*" "utf-8\'de\'a%c3%a9b%20c"'),
    ("foo*0*=utf-8''%c3%a9; foo*1=\"b'%20*c\"", '"foo*" "utf-8\'\'%c3%a9b%27%2520%2Ac"'),
    ('q*0="a b"; q*1*=%20', '"q*" "\'\'a%20b%20"'),
    ("foo*=utf-8''%c3%a9", '"foo*" "utf-8\'\'%c3%a9"'),
    ("a*0=x; a*2=y; b*1=z", '"a" "x" "a*2" "y" "b*1" "z"'),
    ("a*0=x; a*0=y; a*00=z; a*x=u; *0=v", '"a" "x" "a*0" "y" "a*00" "z" "a*x" "u" "*0" "v"'),
])
@pytest.mark.parametrize("field", ["Content-Type: image/png", "Content-Disposition: inline"])
def test_7_5_2_continuations(c, field, sent, shown):
    """Servers SHOULD decode parameter-value continuations and parameter-value
    character sets as described in [RFC2231].  The latter is left to the client, as
    Cyrus and Dovecot leave it: "foo*" would not tell whether it is done."""
    c.append("INBOX", f"{field}; {sent}\r\n\r\nx\r\n".encode())
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 3 BODYSTRUCTURE").find(f"({shown})".replace("*", "[*]").replace("(", "[(]")
                                              .replace(")", "[)]").encode())
