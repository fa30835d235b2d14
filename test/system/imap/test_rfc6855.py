"""UTF8=ACCEPT (RFC 6855)."""
import pytest
from answers import fetched, lit8, value


@pytest.fixture
def c(imap):
    imap.ok("ENABLE UTF8=ACCEPT")
    return imap


def test_3_enable(imap):
    assert imap.ok("ENABLE UTF8=ACCEPT").find(rb"^ENABLED UTF8=ACCEPT$")


def test_3_before_it_names_are_utf7(imap):
    assert imap.cmd('CREATE "INBOX.caf\u00e9"').status == "NO"
    imap.ok("CREATE INBOX.caf&AOk-")
    assert imap.ok('LIST "" "INBOX.%"').find(rb"INBOX\.caf&AOk-$")


@pytest.mark.parametrize("name", ["caf\u00e9", "\u65e5\u672c\u8a9e", "\u0645\u0631\u062d\u0628\u0627",
                                  "\U0001f600", "\u00e9 \\\" x"])
def test_3_quoted_utf8_names(c, name):
    """quoted-specials are escaped as ever; UTF-8 stands as it is."""
    quoted = ("INBOX." + name).replace("\\", "\\\\").replace('"', '\\"')
    c.ok(f'CREATE "{quoted}"')
    line = c.ok('LIST "" "INBOX.%"').find(rb'^LIST \(.*\) "\." (.*)$').group(1)
    assert line.decode() == f'"{quoted}"'
    c.ok(f'DELETE "{quoted}"')


def test_3_atoms_stay_ascii(c):
    """An astring in 8-bit bytes must be quoted or a literal."""
    assert c.cmd("CREATE INBOX.caf\u00e9").status == "BAD"


def test_3_names_are_normalized(c):
    """RFC 6855 section 3: ... Net-Unicode, so form C."""
    c.ok('CREATE "INBOX.cafe\u0301"')
    assert c.ok('LIST "" "INBOX.%"').find("INBOX.caf\u00e9".encode())
    assert c.cmd('CREATE "INBOX.caf\u00e9"').status == "NO"


@pytest.mark.parametrize("command", ['LIST "" "INBOX.cafe\u0301"', 'LIST "" "INBOX.%afe\u0301*"', 'LIST "INBOX.cafe\u0301" *',
                                     'LIST () "" ("nix" "INBOX.cafe\u0301") RETURN (CHILDREN)', 'LSUB "" "INBOX.cafe\u0301"'])
def test_9051_5_1_denormalized_patterns(c, command):
    """Servers that choose to accept such denormalized UTF-8 mailbox names MUST accept
    them in all IMAP commands that have a mailbox name parameter."""
    c.ok('CREATE "INBOX.caf\u00e9"')
    c.ok('SUBSCRIBE "INBOX.cafe\u0301"')
    assert c.ok(command).find('"INBOX.caf\u00e9"'.encode())


@pytest.mark.parametrize("name", [b"\xc3", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xc2\x80",
                                  b"\xe2\x80\xa9", b"a\x01b"])
def test_3_not_net_unicode(c, name):
    """"MUST reject, with a "BAD" response, any octet sequences with the high bit set
    that fail to comply with the formal syntax requirements of UTF-8"."""
    valid = name.decode(errors="ignore").encode() == name
    assert c.cmd(b'CREATE "INBOX.' + name + b'"').status == ("NO" if valid else "BAD")


def test_3_ampersand_is_itself(c):
    c.ok('CREATE "INBOX.caf&AOk-"')
    assert c.ok('LIST "" "INBOX.%"').find(rb"INBOX\.caf&AOk-")


def test_3_search_charset_is_refused(c):
    """"... the client MUST NOT issue a SEARCH command that contains a charset
    specification; the server SHOULD reject it with a BAD"."""
    c.ok("SELECT INBOX")
    assert c.cmd("SEARCH CHARSET UTF-8 SUBJECT x").status == "BAD"
    c.ok('SEARCH SUBJECT "caf\u00e9"')


def test_3_select_and_status(c):
    c.ok('CREATE "INBOX.caf\u00e9"')
    c.ok('SELECT "INBOX.caf\u00e9"')
    assert c.ok('STATUS "INBOX.caf\u00e9" (MESSAGES)').find("INBOX.caf\u00e9".encode())


def test_3_acl(c):
    c.ok('CREATE "INBOX.caf\u00e9"')
    assert c.ok('GETACL "INBOX.caf\u00e9"').find("^ACL \"INBOX.caf\u00e9\"".encode())
    assert c.ok('MYRIGHTS "INBOX.caf\u00e9"').find("INBOX.caf\u00e9".encode())


def test_3_subscriptions(c):
    c.ok('CREATE "INBOX.caf\u00e9"')
    c.ok('SUBSCRIBE "INBOX.caf\u00e9"')
    assert c.ok('LSUB "" *').find("INBOX.caf\u00e9".encode())


def test_3_copy(c):
    c.append("INBOX", b"Subject: x\r\n\r\ny\r\n")
    c.ok('CREATE "INBOX.caf\u00e9"')
    c.ok("SELECT INBOX")
    assert c.ok('COPY 1 "INBOX.caf\u00e9"').code.startswith("COPYUID")


def test_3_patterns(c):
    for name in ("caf\u00e9", "cafa"):
        c.ok(f'CREATE "INBOX.{name}"')
    assert len(c.ok('LIST "" "INBOX.caf\u00e9"').untagged) == 1
    assert len(c.ok('LIST "" "INBOX.caf%"').untagged) == 2


def test_3_other_sessions_are_as_before(server, c, user):
    c.ok('CREATE "INBOX.caf\u00e9"')
    other = server.login(user)
    assert other.ok('LIST "" "INBOX.%"').find(rb"caf&AOk-")
    other.ok("DELETE INBOX.caf&AOk-")


# --- 4: APPEND ---

MAIL = "From: J\u00f6rg <j\u00f6rg@b\u00fccher.example>\r\nSubject: caf\u00e9\r\n\r\nbody\r\n".encode()


def append_utf8(c, data=MAIL, plus=b""):
    c.send(b"u APPEND INBOX UTF8 (~{%d%s}\r\n" % (len(data), plus))
    if not plus:
        line = c.response()
        if not line.startswith(b"+"):
            assert line.startswith(b"u "), line
            return line[2:].decode()
    c.send(data + b")\r\n")
    r = c.wait("u")
    return f"{r.status} {r.text}"


@pytest.mark.parametrize("plus", [b"", b"+"])
def test_4_append_utf8(c, plus):
    assert append_utf8(c, plus=plus).startswith("OK [APPENDUID ")
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODY.PEEK[]").find(rb"(?s)\r\n(From: .*)\)$").group(1) == MAIL


def test_4_header_is_found(c):
    append_utf8(c)
    c.ok("SELECT INBOX")
    assert c.ok('SEARCH SUBJECT "CAF\u00c9"').find(rb"^SEARCH 1")
    assert c.ok('SEARCH FROM "j\u00f6rg@b"').find(rb"^SEARCH 1")


def test_4_envelope(c):
    append_utf8(c)
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 ENVELOPE").find("caf\u00e9".encode())


def test_4_only_after_enable(imap):
    """"... MUST be rejected" unless UTF8=ACCEPT was enabled."""
    assert append_utf8(imap).split()[0] in ("NO", "BAD")
    imap.ok("NOOP")


def test_4_flags_and_date(c):
    c.send(b'u APPEND INBOX (\\Flagged) "17-Jul-1996 02:44:25 -0700" UTF8 (~{%d+}\r\n' % len(MAIL)
           + MAIL + b")\r\n")
    assert c.wait("u").status == "OK"
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 (FLAGS INTERNALDATE)").find(rb'Flagged.*"17-Jul-1996 02:44:25 -0700"')


def test_2_advertised(imap):
    """"... servers that advertise UTF8=ACCEPT MUST support ENABLE"."""
    caps = imap.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()
    assert {b"UTF8=ACCEPT", b"ENABLE"} <= set(caps)



HEADERS = "Subject: Grüße\r\nFrom: Jürgen <jürgen@example.org>\r\n\r\nHällo\r\n".encode()


@pytest.mark.parametrize("text", [b"UTF8 (%s)", b"(\\Seen) UTF8 (%s)", b'"17-Jul-1996 02:44:25 -0700" UTF8 (%s)',
                                  b"CATENATE (UTF8 (%s))", b'CATENATE (UTF8 (%s) TEXT {4+}\r\nmore)'])
def test_4_all_forms_of_append(c, text):
    """utf8-literal = "UTF8" SP "(" literal8 ")" """
    assert c.cmd(b"APPEND INBOX " + text % lit8(HEADERS)).status == "OK"
    c.ok("SELECT INBOX")
    got = fetched(c.ok("FETCH 1 (ENVELOPE BODY.PEEK[])"))
    assert value(got, b"BODY[]").startswith(HEADERS)
    assert "Grüße".encode() in got.split(b"BODY[]")[0]


def test_4_several_messages(c):
    r = c.cmd(b"APPEND INBOX UTF8 (" + lit8(HEADERS) + b") (\\Seen) UTF8 (" + lit8(HEADERS) + b")")
    assert r.status == "OK" and r.code.endswith(" 1:2")


def test_4_replace(c):
    assert c.cmd(b"APPEND INBOX UTF8 (" + lit8(HEADERS) + b")").status == "OK"
    c.ok("SELECT INBOX")
    assert c.cmd(b"REPLACE 1 INBOX UTF8 (" + lit8(HEADERS) + b")").status == "OK"


@pytest.mark.parametrize("text", [b"UTF8 %s", b"UTF8 (%s", b"UTF8(%s)", b"UTF8 ()", b"UTF8 ( %s)", b"UTF8 (%s )", b"UTF9 (%s)"])
def test_4_append_grammar(c, text):
    assert c.cmd(b"APPEND INBOX " + (text % lit8(HEADERS) if b"%s" in text else text)).status == "BAD"
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


def test_4_only_when_enabled(imap):
    """... the server MUST reject it with BAD if the extension is not enabled."""
    assert imap.cmd(b"APPEND INBOX UTF8 (" + lit8(HEADERS) + b")").status == "BAD"
    assert imap.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")


GLOBAL = (b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\nContent-Type: message/global\r\n\r\n"
          + HEADERS + b"\r\n--b--\r\n")


def test_4_message_global_has_parts(c):
    """message/global (RFC 6532 section 3.7) is a message as message/rfc822 is."""
    assert c.cmd(b"APPEND INBOX UTF8 (" + lit8(GLOBAL) + b")").status == "OK"
    c.ok("SELECT INBOX")
    got = fetched(c.ok("FETCH 1 (BODYSTRUCTURE BODY.PEEK[2.HEADER.FIELDS (SUBJECT)] BODY.PEEK[2.TEXT])"))
    assert b'("message" "global" NIL NIL NIL "7bit" ' in got and "jürgen".encode() in got
    assert value(got, b"BODY[2.HEADER.FIELDS (SUBJECT)]") == "Subject: Grüße\r\n\r\n".encode()
    assert value(got, b"BODY[2.TEXT]") == "Hällo\r\n".encode()
