"""METADATA (RFC 5464), for mailboxes and the server."""
import pytest

from listlines import capabilities, listed, metadata


@pytest.fixture
def c(imap):
    return imap


def get(c, entries, mailbox="INBOX", options=""):
    r = c.ok(f'GETMETADATA {options} "{mailbox}" {entries}'.replace("  ", " "))
    return metadata(r).get(mailbox, {})


def test_1_advertised(c):
    assert "METADATA" in capabilities(c)


# --- setting and getting ---

def test_4_3_set_and_get(c):
    c.ok('SETMETADATA INBOX (/private/comment "My new comment"'
         ' /shared/comment "This one is for you!")')
    assert get(c, "(/shared/comment /private/comment)") == {
        "/shared/comment": b"This one is for you!", "/private/comment": b"My new comment"}


def test_4_2_one_without_parentheses(c):
    c.ok('SETMETADATA INBOX (/private/comment "x")')
    assert get(c, "/private/comment") == {"/private/comment": b"x"}


def test_4_3_replace(c):
    c.ok('SETMETADATA INBOX (/private/comment "one")')
    c.ok('SETMETADATA INBOX (/private/comment "two")')
    assert get(c, "/private/comment") == {"/private/comment": b"two"}


def test_4_3_nil_removes(c):
    c.ok('SETMETADATA INBOX (/private/comment "x")')
    c.ok("SETMETADATA INBOX (/private/comment NIL)")
    assert get(c, "/private/comment") == {"/private/comment": None}


def test_4_3_nil_of_what_is_not_there(c):
    c.ok("SETMETADATA INBOX (/private/comment NIL)")


def test_4_3_empty_is_not_nil(c):
    c.ok('SETMETADATA INBOX (/private/comment "")')
    assert get(c, "/private/comment") == {"/private/comment": b""}


@pytest.mark.parametrize("value", [b"My new comment across\r\ntwo lines.\r\n", b"", b"\xff\xfe8bit",
                                   "Größe".encode(), b'"quoted\\"', b"%20 %", b"\ttab"])
def test_4_3_literal(c, value):
    c.ok(b"SETMETADATA INBOX (/private/comment {%d+}\r\n%s)" % (len(value), value))
    assert get(c, "/private/comment") == {"/private/comment": value}


def test_5_literal8(c):
    """value = nstring / literal8: any bytes."""
    value = bytes(range(256))
    c.ok(b"SETMETADATA INBOX (/private/comment ~{256+}\r\n" + value + b")")
    assert get(c, "/private/comment") == {"/private/comment": value}


def test_3_2_entries_in_any_case(c):
    """Entry names are case-insensitive."""
    c.ok('SETMETADATA INBOX (/Private/COMMENT "x")')
    assert get(c, "/PRIVATE/comment") == {"/private/comment": b"x"}


@pytest.mark.parametrize("entry", ["comment", "/comment", "/private//comment", "/private/comment/",
                                   '"/private/*"', '"/private/%"', "/public/x", '"/private/\x01"',
                                   '"/private/\x7f"', '""', "/", "/sharedx/comment"])
def test_3_2_invalid_entries(c, entry):
    """Invalid entry names result in a BAD response in any IMAP command in which they
    are used."""
    assert c.cmd(f"GETMETADATA INBOX {entry}").status == "BAD"
    assert c.cmd(f'SETMETADATA INBOX ({entry} "x")').status == "BAD"


@pytest.mark.parametrize("entry", ["/private", "/shared", "/shared/vendor", "/private/vendor/chapar"])
def test_3_2_too_few_components(c, entry):
    """Components starting at 2 ... vendor ... at least 4."""
    assert c.cmd(f'SETMETADATA INBOX ({entry} "x")').status == "BAD"


def test_3_2_1_2_vendor(c):
    c.ok('SETMETADATA INBOX (/shared/vendor/chapar/color "red")')
    assert get(c, "/shared/vendor/chapar/color") == {"/shared/vendor/chapar/color": b"red"}


# --- whose ---

@pytest.fixture
def two(server, c, user):
    """The owner, and somebody with the rights lr."""
    other = server.login(name := server.new_user())
    c.ok("CREATE INBOX.both")
    c.ok(f"SETACL INBOX.both {name} lr")
    return c, other, "INBOX.both", f"user.{user}.both"


def test_3_3_private_and_shared(two):
    c, other, mine, his = two
    c.ok(f'SETMETADATA {mine} (/private/comment "mine" /shared/comment "ours")')
    assert get(other, "(/private/comment /shared/comment)", his) == {
        "/private/comment": None, "/shared/comment": b"ours"}
    other.ok(f'SETMETADATA {his} (/private/comment "his" /shared/comment "changed")')
    assert get(c, "(/private/comment /shared/comment)", mine) == {
        "/private/comment": b"mine", "/shared/comment": b"changed"}


@pytest.mark.parametrize("rights,allowed", [("l", False), ("lr", True), ("ls", True), ("lw", True),
                                            ("li", True), ("lp", True), ("lkxtea", False),
                                            ("r", False)])
def test_3_3_rights(server, c, user, rights, allowed):
    """The "l" right and any one of the "r", "s", "w", "i", or "p" rights."""
    other = server.login(name := server.new_user())
    c.ok("CREATE INBOX.box")
    c.ok(f"SETACL INBOX.box {name} {rights}")
    c.ok('SETMETADATA INBOX.box (/shared/comment "x")')
    want = "OK" if allowed else "NO"
    assert other.cmd(f"GETMETADATA user.{user}.box /shared/comment").status == want
    assert other.cmd(f'SETMETADATA user.{user}.box (/private/comment "y")').status == want


def test_3_3_no_such_mailbox(c):
    assert c.cmd("GETMETADATA INBOX.none /shared/comment").code == "NONEXISTENT"
    assert c.cmd('SETMETADATA INBOX.none (/shared/comment "x")').code == "NONEXISTENT"


# --- lives ---

def test_4_1_rename_takes_them_along(c):
    """Mailbox annotations are automatically moved when the mailbox is renamed."""
    c.ok("CREATE INBOX.a.b")
    c.ok('SETMETADATA INBOX.a.b (/private/comment "x")')
    c.ok("CREATE INBOX.a")
    c.ok("RENAME INBOX.a INBOX.z")
    assert get(c, "/private/comment", "INBOX.z.b") == {"/private/comment": b"x"}


def test_4_1_rename_of_inbox(c):
    """The annotations are copied from the original INBOX to the renamed mailbox."""
    c.append("INBOX", b"a: b\r\n\r\nc\r\n")
    c.ok('SETMETADATA INBOX (/private/comment "x" /shared/comment "y")')
    c.ok("RENAME INBOX INBOX.old")
    for mailbox in ("INBOX", "INBOX.old"):
        assert get(c, "(/private/comment /shared/comment)", mailbox) == {
            "/private/comment": b"x", "/shared/comment": b"y"}


def test_4_1_delete_takes_them_away(c):
    """A mailbox created with the same name does not inherit the old annotations."""
    c.ok("CREATE INBOX.a")
    c.ok('SETMETADATA INBOX.a (/private/comment "x")')
    c.ok("DELETE INBOX.a")
    c.ok("CREATE INBOX.a")
    assert get(c, "/private/comment", "INBOX.a") == {"/private/comment": None}


def test_4_1_they_outlive_the_session(login):
    login().ok('SETMETADATA INBOX (/private/comment "x")')
    assert get(login(), "/private/comment") == {"/private/comment": b"x"}


def test_4_2_in_the_selected_state(c):
    c.ok("SELECT INBOX")
    c.ok('SETMETADATA INBOX (/private/comment "x")')
    assert get(c, "/private/comment") == {"/private/comment": b"x"}


def test_4_2_not_before_login(server):
    c = server.connect()
    assert c.cmd("GETMETADATA INBOX /private/comment").status == "BAD"
    assert c.cmd('SETMETADATA INBOX (/private/comment "x")').status == "BAD"
    c.close()


# --- DEPTH, MAXSIZE ---

@pytest.fixture
def deep(c):
    c.ok('SETMETADATA INBOX (/private/filters "0" /private/filters/a "1" /private/filters/a/b "2"'
         ' /private/filters/a/b/c "3" /private/filtersx "no" /shared/filters/a "no")')
    return c


P = "/private/filters"


@pytest.mark.parametrize("depth,want", [
    ("0", {P: b"0"}), ("1", {P: b"0", P + "/a": b"1"}),
    ("infinity", {P: b"0", P + "/a": b"1", P + "/a/b": b"2", P + "/a/b/c": b"3"})])
def test_4_2_2_depth(deep, depth, want):
    assert get(deep, P, options=f"(DEPTH {depth})") == want
    assert get(deep, P, options=f"(depth {depth.upper()})") == want


def test_4_2_2_default_is_0(deep):
    assert get(deep, P) == {P: b"0"}


def test_4_2_2_only_below(deep):
    """In the example the entry itself has no value, and is not told."""
    deep.ok(f"SETMETADATA INBOX ({P} NIL)")
    assert get(deep, P, options="(DEPTH 1)") == {P + "/a": b"1"}


def test_4_2_2_overlapping(deep):
    assert len(get(deep, f"({P} {P}/a {P}/a/b)", options="(DEPTH infinity)")) == 4


def test_4_2_2_all_of_ones_own(deep):
    assert set(get(deep, "/private", options="(DEPTH infinity)")) == {
        P, P + "/a", P + "/a/b", P + "/a/b/c", "/private/filtersx"}


def test_4_2_options_behind_the_mailbox(deep):
    """As in the examples."""
    r = deep.ok(f'GETMETADATA "INBOX" (DEPTH 1) ({P})')
    assert metadata(r)["INBOX"] == {P: b"0", P + "/a": b"1"}


def test_4_2_1_maxsize(c):
    """The METADATA LONGENTRIES response code returns the size of the biggest entry
    value requested by the client that exceeded the MAXSIZE limit."""
    c.ok(f'SETMETADATA INBOX (/shared/comment "{"x" * 99}" /private/comment "{"y" * 50}"'
         f' /private/vendor/a/b "{"z" * 200}")')
    r = c.ok("GETMETADATA (MAXSIZE 50) INBOX (/shared/comment /private/comment)")
    assert metadata(r)["INBOX"] == {"/private/comment": b"y" * 50}
    assert r.code == "METADATA LONGENTRIES 99"


def test_4_2_1_maxsize_none_fits(c):
    c.ok('SETMETADATA INBOX (/shared/comment "long")')
    r = c.ok("GETMETADATA (MAXSIZE 3) INBOX /shared/comment")
    assert (r.untagged, r.code) == ([], "METADATA LONGENTRIES 4")


def test_4_2_1_maxsize_all_fit(c):
    c.ok('SETMETADATA INBOX (/shared/comment "long")')
    assert c.ok("GETMETADATA (MAXSIZE 4 DEPTH 1) INBOX /shared/comment").code == ""


# --- limits ---

def test_4_3_too_long(c):
    """[METADATA MAXSIZE NNN] when NNN is the maximum octet count that it is willing
    to accept."""
    r = c.cmd(b"SETMETADATA INBOX (/shared/comment \"x\" /private/comment {65537+}\r\n"
              + b"x" * 65537 + b")")
    assert (r.status, r.code) == ("NO", "METADATA MAXSIZE 65536")
    assert get(c, "/shared/comment") == {"/shared/comment": None}
    c.ok(b"SETMETADATA INBOX (/private/comment {65536+}\r\n" + b"x" * 65536 + b")")


def test_4_3_too_many(make_server):
    """... the server MUST NOT change the values for other annotations."""
    srv = make_server({"metadata_maxentries": "10"})
    c = srv.login(srv.new_user())
    for i in range(10):
        c.ok(f'SETMETADATA INBOX (/private/vendor/x/{i} "x" /shared/vendor/x/{i} "y")')
    r = c.cmd('SETMETADATA INBOX (/private/vendor/x/0 "changed" /private/vendor/x/new "x")')
    assert (r.status, r.code) == ("NO", "METADATA TOOMANY")
    assert get(c, "(/private/vendor/x/0 /private/vendor/x/new)") == {
        "/private/vendor/x/0": b"x", "/private/vendor/x/new": None}
    c.ok('SETMETADATA INBOX (/private/vendor/x/0 NIL /private/vendor/x/new "x")')
    for i in range(10):
        c.ok(f'SETMETADATA "" (/private/vendor/x/{i} "x")')
    assert c.cmd('SETMETADATA "" (/private/vendor/x/a "x")').code == "METADATA TOOMANY"


def test_4_1_quota(server, c, user):
    admin = server.login("cyrus")
    admin.ok(f"SETQUOTA user.{user} (ANNOTATION-STORAGE 1)")
    assert c.cmd(b"SETMETADATA INBOX (/private/comment {1100+}\r\n" + b"x" * 1100 + b")"
                 ).code == "OVERQUOTA"
    c.ok(b"SETMETADATA INBOX (/private/comment {1000+}\r\n" + b"x" * 1000 + b")")
    c.ok("CREATE INBOX.a")
    assert c.cmd('SETMETADATA INBOX.a (/private/comment "%s")' % ("x" * 20)).code == "OVERQUOTA"
    c.ok("SETMETADATA INBOX (/private/comment NIL)")
    c.ok('SETMETADATA INBOX.a (/private/comment "%s")' % ("x" * 20))


# --- the server ---

def test_3_2_1_1_private(login):
    c, d = login(), login()
    c.ok('SETMETADATA "" (/private/vendor/x/y "mine")')
    assert get(d, "/private/vendor/x/y", "") == {"/private/vendor/x/y": b"mine"}


def test_3_2_1_1_private_is_private(server, c):
    c.ok('SETMETADATA "" (/private/vendor/x/z "mine")')
    other = server.login(server.new_user())
    assert get(other, "/private/vendor/x/z", "") == {"/private/vendor/x/z": None}


def test_3_2_1_1_shared(server, c):
    """Servers MAY restrict the creation of shared server annotations."""
    assert c.cmd('SETMETADATA "" (/shared/comment "x")').code == "NOPERM"
    admin = server.login("cyrus")
    admin.ok('SETMETADATA "" (/shared/comment "Shared comment")')
    assert get(c, "/shared/comment", "") == {"/shared/comment": b"Shared comment"}
    admin.ok('SETMETADATA "" (/shared/comment NIL)')
    assert get(c, "/shared/comment", "") == {"/shared/comment": None}


def test_3_2_1_1_admin(make_server):
    """This entry is always read-only."""
    srv = make_server({"serveradmin": "mailto:root@example.org"})
    c = srv.login(srv.new_user())
    assert get(c, "/shared/admin", "") == {"/shared/admin": b"mailto:root@example.org"}
    admin = srv.login("cyrus")
    assert admin.cmd('SETMETADATA "" (/shared/admin "tel:1")').status == "NO"


# --- special uses: RFC 6154 section 4 ---

def test_6154_4_get(c):
    c.ok(r"CREATE INBOX.d (USE (\Drafts))")
    assert get(c, "/private/specialuse", "INBOX.d") == {"/private/specialuse": rb"\Drafts"}
    assert get(c, "/private/specialuse") == {"/private/specialuse": None}


def test_6154_5_4_set(c):
    c.ok("CREATE INBOX.a")
    c.ok(r'SETMETADATA INBOX.a (/private/specialuse "\\sent \\Junk" /private/comment "x")')
    assert listed(c.ok('LIST (SPECIAL-USE) "" *'))["INBOX.a"].attributes >= {r"\Sent", r"\Junk"}
    assert get(c, "(/private/specialuse /private/comment)", "INBOX.a") == {
        "/private/specialuse": rb"\Sent \Junk", "/private/comment": b"x"}
    c.ok("SETMETADATA INBOX.a (/private/specialuse NIL)")
    assert listed(c.ok('LIST (SPECIAL-USE) "" *')) == {}


@pytest.mark.parametrize("value", [r'"\\All"', '"Sent"', r'"\\Sent \\Nothing"'])
def test_6154_4_not_blindly(c, value):
    """It MUST NOT just blindly accept setting of these metadata by clients."""
    c.ok("CREATE INBOX.a")
    r = c.cmd(f'SETMETADATA INBOX.a (/private/specialuse {value} /private/comment "x")')
    assert (r.status, r.code) == ("NO", "USEATTR")
    assert get(c, "/private/comment", "INBOX.a") == {"/private/comment": None}


def test_6154_4_taken(c):
    c.ok(r"CREATE INBOX.a (USE (\Sent))")
    c.ok("CREATE INBOX.b")
    assert c.cmd(r'SETMETADATA INBOX.b (/private/specialuse "\\Sent")').code == "USEATTR"
    assert c.cmd(r'SETMETADATA INBOX (/private/specialuse "\\Trash")').code == "USEATTR"


# --- syntax ---

@pytest.mark.parametrize("command", [
    "GETMETADATA", "GETMETADATA INBOX", "GETMETADATA INBOX ()", "GETMETADATA INBOX /private/a /private/b",
    "GETMETADATA () INBOX /private/a", "GETMETADATA (DEPTH 2) INBOX /private/a",
    "GETMETADATA (MAXSIZE) INBOX /private/a", "GETMETADATA (MAXSIZE -1) INBOX /private/a",
    "GETMETADATA (NOTHING 1) INBOX /private/a", "GETMETADATA (DEPTH 1)INBOX /private/a",
    "SETMETADATA INBOX", "SETMETADATA INBOX ()", 'SETMETADATA INBOX /private/a "x"',
    "SETMETADATA INBOX (/private/a)", 'SETMETADATA INBOX (/private/a "x" /private/b)',
    "SETMETADATA INBOX (/private/a x)", 'SETMETADATA INBOX (/private/a "x") y'])
def test_5_syntax(c, command):
    assert c.cmd(command).status == "BAD"
