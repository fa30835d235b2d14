"""ANNOTATE-EXPERIMENT-1 (RFC 5257): annotations of messages.

Each test takes a fresh folder of one user's, with messages of two parts and of
one; other sessions and users where they matter.
"""
import base64
import itertools
import re

import pytest

from annotations import annotations
from listlines import capabilities

PLAIN = b"From: a@example.org\r\nSubject: plain\r\n\r\nhello\r\n"
PARTS = (b"From: a@example.org\r\nSubject: parts\r\nMIME-Version: 1.0\r\n"
         b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
         b"--b\r\nContent-Type: text/plain\r\n\r\none\r\n"
         b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
         b"--c\r\n\r\ntwo one\r\n--c\r\n\r\ntwo two\r\n--c--\r\n--b--\r\n")
SERIAL = itertools.count(1)


class People:
    def __init__(self, server):
        self.server = server
        self.owner_name, self.other_name = server.new_user(), server.new_user()
        self.owner, self.second = server.lasting(self.owner_name), server.lasting(self.owner_name)
        self.other = server.lasting(self.other_name)

    def folder(self, rights=""):
        """A new one with a message of one part and one of several."""
        n = next(SERIAL)
        name = f"INBOX.f{n}"
        self.owner.ok(f"CREATE {name}")
        if rights:
            self.owner.ok(f"SETACL {name} {self.other_name} {rights}")
        self.owner.append(name, PLAIN)
        self.owner.append(name, PARTS)
        return name

    def others(self, name):
        return name.replace("INBOX", f"user.{self.owner_name}", 1)


@pytest.fixture(scope="module")
def people(module_server):
    return People(module_server({"annotation_maxsize": "2K", "annotation_maxentries": "12"}))


@pytest.fixture
def c(people):
    people.owner.name = people.folder()
    people.owner.ok(f"SELECT {people.owner.name}")
    return people.owner


@pytest.fixture
def second(people, c):
    """Another session of the same user, with the same folder."""
    people.second.ok(f"SELECT {c.name}")
    return people.second


@pytest.fixture
def shared(people):
    """shared(rights): the other user has selected a folder of the owner's."""
    def select(rights, how="SELECT", params=""):
        people.owner.name = people.folder(rights)
        people.other.name = people.others(people.owner.name)
        r = people.other.ok(f"{how} {people.other.name}{params}")
        people.owner.ok(f"SELECT {people.owner.name}")
        return r
    return select


def get(c, entries="/*", attribs="value", number=1):
    return annotations(c.ok(f"FETCH {number} (ANNOTATION ({entries} {attribs}))")).get(number, {})


def value(c, entry="/comment", attrib="value.priv", number=1):
    return get(c, entry, attrib, number)[entry][attrib]


def store(c, *entries, number="1"):
    return c.ok(f"STORE {number} ANNOTATION ({' '.join(entries)})")


def modseq(c, number=1):
    return int(c.ok(f"FETCH {number} MODSEQ").find(rb"MODSEQ \((\d+)\)")[1])


# --- 1: the capability ---

def test_1_advertised(c):
    assert "ANNOTATE-EXPERIMENT-1" in capabilities(c)


# --- 3.2: names ---

@pytest.mark.parametrize("entry", [
    "comment", "/", "//comment", "/comment/", "/a//b", '"/a\x80"', '""', "/1", "/0/comment",
    "/01/comment", "/1./comment", "/1..2/comment", "/1.a/comment", "/1x/comment", "/4294967296/comment",
    "/flags", "/flags/seen"])
def test_3_2_invalid_entries(c, entry):
    """Invalid entry or attribute names result in a BAD response in any IMAP commands
    where they are used."""
    assert c.cmd(f"FETCH 1 (ANNOTATION ({entry} value))").status == "BAD"
    assert c.cmd(f'STORE 1 ANNOTATION ({entry} (value.priv "x"))').status == "BAD"
    assert c.cmd(f'SEARCH ANNOTATION {entry} value "x"').status == "BAD"
    assert c.cmd(f"SORT (ANNOTATION {entry} value.priv) UTF-8 ALL").status == "BAD"
    assert c.cmd(f'APPEND {c.name} ANNOTATION ({entry} (value.priv "x")) ', PLAIN).status == "BAD"


@pytest.mark.parametrize("entry", ["/a*", "/%", '"/a%b"', '"*"'])
def test_3_2_no_wildcards_where_one_is_meant(c, entry):
    assert c.cmd(f'STORE 1 ANNOTATION ({entry} (value.priv "x"))').status == "BAD"
    assert c.cmd(f"SORT (ANNOTATION {entry} value.priv) UTF-8 ALL").status == "BAD"


def test_3_2_null_octet(c):
    assert c.cmd(b'STORE 1 ANNOTATION ({4+}\r\n/a\0b (value.priv "x"))').status == "BAD"


@pytest.mark.parametrize("attrib", [
    "valu", "value.", "value..priv", "value.priv.shared", "priv", '""', "VALUE", "value.Priv", "content-type"])
def test_3_2_invalid_attributes(c, attrib):
    assert c.cmd(f"FETCH 1 (ANNOTATION (/comment {attrib}))").status == "BAD"
    assert c.cmd(f'STORE 1 ANNOTATION (/comment ({attrib} "x"))').status == "BAD"


def test_3_2_names_are_case_sensitive(c):
    store(c, '/comment (value.priv "small")', '/Comment (value.priv "large")')
    assert value(c) == b"small" and value(c, "/Comment") == b"large"
    assert value(c, "/COMMENT") is None


@pytest.mark.parametrize("entry", ["/comment", "/altsubject", "/vendor/chapar/x/y", "/vendor/a",
                                   '"/vendor/a b"', r'"/vendor/\"q\\"', "/" + "n" * 999, "/a.b-c]"])
def test_3_2_1_entries(c, entry):
    store(c, f'{entry} (value.shared "x")')
    plain = re.sub(r"\\(.)", r"\1", entry.strip('"'))
    assert get(c) == {plain: {"value.priv": None, "value.shared": b"x"}}
    assert get(c, entry) == get(c)


def test_3_2_1_long_names(c):
    assert c.cmd(f'STORE 1 ANNOTATION (/{"n" * 1000} (value.priv "x"))').status == "BAD"


@pytest.mark.parametrize("entry", ["/1/comment", "/2/comment", "/2.1/comment", "/2.2/vendor/x"])
def test_3_2_1_body_parts(c, entry):
    store(c, f'{entry} (value.priv "of a part")', number="2")
    assert value(c, entry, number=2) == b"of a part"
    assert value(c, "/comment", number=2) is None


def test_3_2_1_part_1_of_a_message_without_parts(c):
    store(c, '/1/comment (value.priv "the body")')
    assert value(c, "/1/comment") == b"the body"


@pytest.mark.parametrize("entry", ["/3/comment", "/2.3/comment", "/1.1/comment", "/2.2.1/comment"])
def test_3_2_1_part_that_does_not_exist(c, entry):
    """The server MUST return a BAD response if the client uses an incorrect part
    specifier (... referring to a non-existent part)."""
    assert c.cmd(f'STORE 2 ANNOTATION ({entry} (value.priv "x"))').status == "BAD"
    assert c.cmd(f"FETCH 2 (ANNOTATION ({entry} value))").status == "BAD"
    assert c.cmd(f'APPEND {c.name} ANNOTATION ({entry} (value.priv "x")) ', PARTS).status == "BAD"


def test_3_2_1_part_that_one_of_them_does_not_have(c):
    """Nothing is stored; what can be fetched is."""
    assert c.cmd('STORE 1:2 ANNOTATION (/comment (value.priv "x") /2/comment (value.priv "y"))').status == "BAD"
    assert get(c) == {} and get(c, number=2) == {}
    r = c.cmd("FETCH 1:2 (ANNOTATION (/2/comment value))")
    assert r.status == "BAD" and list(annotations(r)) == [2]


@pytest.mark.parametrize("flag", ["seen", "answered", "flagged", "forwarded"])
def test_3_2_1_flags_of_parts(c, flag):
    """must be either "1", "0", or "NIL" """
    entry = f"/2.1/flags/{flag}"
    for v in ('"1"', '"0"', "{1+}\r\n1"):
        store(c, f"{entry} (value.shared {v})", number="2")
    for v in ('"2"', '""', '"true"'):
        assert c.cmd(f"STORE 2 ANNOTATION ({entry} (value.shared {v}))").status == "BAD"
    assert value(c, entry, "value.shared", 2) == b"1"
    store(c, f"{entry} (value.shared NIL)", number="2")
    assert value(c, entry, "value.shared", 2) is None


def test_3_2_1_no_implicit_change(c):
    """All sub-entries are maintained entirely by the client."""
    c.ok("FETCH 2 (BODY[1])")
    assert value(c, "/1/flags/seen", number=2) is None


def test_3_2_2_value_of_nothing_is_nil_and_its_size_0(c):
    assert get(c, "/comment", "(value size)") == {"/comment": {
        "value.priv": None, "value.shared": None, "size.priv": b"0", "size.shared": b"0"}}


@pytest.mark.parametrize("data", [b"My comment", b"", b'"quoted\\"', b"two\r\nlines", "Größe".encode(),
                                  b"\xff\xfe", b"\t %20)(", b"x" * 2048])
def test_3_2_2_values(c, data):
    c.ok(b"STORE 1 ANNOTATION (/comment (value.priv {%d+}\r\n%s))" % (len(data), data))
    assert get(c, "/comment", "(value.priv size.priv)") == {"/comment": {
        "value.priv": data, "size.priv": b"%d" % len(data)}}


def test_3_2_2_binary(c, second):
    """Binary data is allowed ... the "literal8" syntax element."""
    data = bytes(range(256))
    c.ok(b"STORE 1 ANNOTATION (/comment (value.priv ~{256+}\r\n" + data + b"))")
    for session in (c, second):
        assert value(session) == data
    assert b"~{256}" in second.ok("FETCH 1 (ANNOTATION (/comment value.priv))").untagged[0]


def test_3_2_2_nul_needs_literal8(c):
    assert c.cmd(b"STORE 1 ANNOTATION (/comment (value.priv {3+}\r\na\0b))").status == "BAD"


# --- 3.3: private and shared ---

def test_3_3_whose(people, shared):
    shared("lrn")
    store(people.owner, '/comment (value.priv "mine" value.shared "ours")')
    store(people.other, '/comment (value.priv "his")')
    assert get(people.owner) == {"/comment": {"value.priv": b"mine", "value.shared": b"ours"}}
    assert get(people.other) == {"/comment": {"value.priv": b"his", "value.shared": b"ours"}}


def test_3_3_others_are_not_even_named(people, shared):
    shared("lr")
    store(people.owner, '/altsubject (value.priv "mine")')
    assert get(people.other) == {}
    assert get(people.other, "/altsubject") == {"/altsubject": {"value.priv": None, "value.shared": None}}


def test_3_3_store_must_say_which(c):
    """The client MUST specify either a ".priv" or ".shared" suffix when storing."""
    assert c.cmd('STORE 1 ANNOTATION (/comment (value "x"))').status == "BAD"


def test_3_2_2_size_is_read_only(c):
    assert c.cmd('STORE 1 ANNOTATION (/comment (size.priv "5"))').status == "BAD"


# --- 3.4: rights ---

@pytest.mark.parametrize("rights, own, shared_", [
    ("lr", "OK", "NO"), ("lrn", "OK", "OK"), ("lrswite", "OK", "NO"), ("lrsn", "OK", "OK")])
def test_3_4_store(people, shared, rights, own, shared_):
    """For ".priv" the "r" right controls both read and write access ... for ".shared"
    the "n" right controls write access."""
    shared(rights)
    assert people.other.cmd('STORE 1 ANNOTATION (/comment (value.priv "x"))').status == own
    assert people.other.cmd('STORE 1 ANNOTATION (/comment (value.shared "x"))').status == shared_
    assert value(people.owner, attrib="value.shared") == (b"x" if shared_ == "OK" else None)
    assert value(people.other) == b"x"


def test_3_4_all_or_nothing(people, shared):
    shared("lrs")
    r = people.other.cmd('STORE 1 ANNOTATION (/comment (value.priv "x" value.shared "y"))')
    assert r.status == "NO" and r.code == "NOPERM"
    assert value(people.other) is None


@pytest.mark.parametrize("rights, what, status", [
    ("lri", "value.shared", "NO"), ("lin", "value.shared", "OK"), ("lin", "value.priv", "NO"),
    ("lri", "value.priv", "OK")])
def test_3_4_append(people, shared, rights, what, status):
    people.owner.name = people.folder(rights)
    r = people.other.cmd(f'APPEND {people.others(people.owner.name)} ANNOTATION (/comment ({what} "x")) ', PLAIN)
    assert r.status == status
    people.owner.ok(f"SELECT {people.owner.name}")
    exists = int(people.owner.ok(f"SELECT {people.owner.name}").find(rb"(\d+) EXISTS")[1])
    assert exists == (3 if status == "OK" else 2)


def test_3_4_rights_as_they_are_now(people, shared):
    """If a client attempts to store or fetch an annotation to which they do not have the
    appropriate rights, the server MUST respond with a NO response."""
    shared("lr")
    name, other = people.owner.name, people.other
    people.owner.ok(f"SETACL {name} {people.other_name} lrn")
    store(other, '/comment (value.shared "x")')
    people.owner.ok(f"SETACL {name} {people.other_name} lr")
    assert other.cmd('STORE 1 ANNOTATION (/comment (value.shared "y"))').code == "NOPERM"
    people.owner.ok(f"SETACL {name} {people.other_name} ln")
    assert other.cmd('STORE 1 ANNOTATION (/comment (value.priv "y"))').code == "NOPERM"
    assert other.cmd("FETCH 1 (ANNOTATION (/comment value))").code == "NOPERM"
    assert value(people.owner, attrib="value.shared") == b"x"


def test_3_4_n_is_a_shared_flag_right(shared):
    """The "n" right constitutes a "shared flag right": with it alone it is READ-WRITE."""
    assert shared("lr").code == "READ-ONLY"
    assert shared("lrn").code == "READ-WRITE"


def test_3_4_r_alone_takes_no_recent(people, shared):
    """A mailbox that is selected READ-ONLY keeps its messages \\Recent."""
    shared("lr")
    people.other.ok("UNSELECT")
    assert people.other.ok(f"SELECT {people.other.name}").find(rb"(\d+) RECENT")[1] == b"2"


def test_3_4_listrights(people, c):
    assert re.search(rb" n( |$)", c.ok(f"LISTRIGHTS {c.name} {people.other_name}").untagged[0])


def test_3_5_flags_are_no_entries(c):
    c.ok("STORE 1 +FLAGS (\\Flagged)")
    assert get(c, "*") == {}


# --- 4.1, 4.2: SELECT ---

def test_4_1_size(c):
    assert c.ok(f"SELECT {c.name}").find(rb"OK \[ANNOTATIONS 2048\]")


def test_4_1_examine(c):
    assert c.ok(f"EXAMINE {c.name}").find(rb"OK \[ANNOTATIONS READ-ONLY\]")
    r = c.cmd('STORE 1 ANNOTATION (/comment (value.priv "x"))')
    assert r.status == "NO"
    assert value(c) is None


def test_4_1_one_can_store_his_own(shared):
    assert shared("lr").find(rb"\[ANNOTATIONS 2048\]")
    assert shared("lr", how="EXAMINE").find(rb"\[ANNOTATIONS READ-ONLY\]")


def test_4_1_default_size(server, user):
    """Servers MUST accept a minimum annotation data size of at least 1024 octets."""
    c = server.login(user)
    assert c.ok("SELECT INBOX").find(rb"\[ANNOTATIONS 65536\]")


def test_4_1_noprivate(make_server):
    """All anonymous users would share what is private: they have nothing of the kind."""
    srv = make_server({"allowanonymouslogin": "yes", "sasl_mech_list": "PLAIN ANONYMOUS",
                       "annotation_maxsize": "100"})
    admin = srv.admin()
    admin.ok("CREATE public")
    admin.ok("SETACL public anonymous lrin")
    c = srv.connect()
    c.ok("AUTHENTICATE ANONYMOUS " + base64.b64encode(b"me").decode())
    c.append("public", PLAIN)
    assert c.ok("SELECT public").find(rb"\[ANNOTATIONS 1024 NOPRIVATE\]")
    store(c, '/comment (value.shared "x")')
    assert get(c, "/comment") == {"/comment": {"value.priv": None, "value.shared": b"x"}}
    assert c.cmd('STORE 1 ANNOTATION (/comment (value.priv "x"))').status == "NO"
    assert c.cmd('APPEND public ANNOTATION (/comment (value.priv "x")) ', PLAIN).status == "NO"
    admin.ok("SETACL public anonymous lr")
    assert c.ok("SELECT public").find(rb"\[ANNOTATIONS READ-ONLY NOPRIVATE\]")


@pytest.mark.parametrize("params", ["(ANNOTATE)", "(annotate)", "(CONDSTORE ANNOTATE)", "(ANNOTATE CONDSTORE)"])
def test_4_2_parameter(c, params):
    for how in ("SELECT", "EXAMINE"):
        assert c.ok(f"{how} {c.name} {params}").find(rb"\[ANNOTATIONS ")


def test_4_2_does_not_enable_condstore(people):
    c = people.server.login(people.owner_name)
    c.ok(f"SELECT {people.folder()} (ANNOTATE)")
    assert not c.ok("STORE 1 +FLAGS (\\Seen)").find(rb"MODSEQ")


# --- 4.3: FETCH ---

@pytest.fixture
def full(c):
    store(c, '/comment (value.priv "My comment" value.shared "Group note")', '/altsubject (value.priv "Rhino!")',
          '/vendor/foobar/label (value.priv "label43")', '/1/comment (value.shared "part")')
    return c


@pytest.mark.parametrize("entries, found", [
    ("/comment", "/comment"), ("(/comment)", "/comment"), ("(/comment /altsubject)", "/comment /altsubject"),
    ("/*", "/1/comment /altsubject /comment /vendor/foobar/label"), ("/%", "/altsubject /comment"),
    ("*", "/1/comment /altsubject /comment /vendor/foobar/label"), ("/%/%", "/1/comment"),
    ("/vendor/*", "/vendor/foobar/label"), ("/vendor/%", ""), ("/*comment", "/1/comment"),
    ("/%omment", "/comment"), ("/%comment", ""), ("/c*", "/comment"), ("/comment*", ""), ("/x*", ""), ("*/label", "/vendor/foobar/label"),
    ('"/*t"', "/1/comment /altsubject /comment"), ("(/comment /%)", "/comment /altsubject"),
    ("(/% /comment)", "/altsubject /comment"), ("(/* /*)", "/1/comment /altsubject /comment /vendor/foobar/label"),
    ("(/comment /comment)", "/comment"), ("(/x /comment)", "/x /comment"), ("/v%/f%/l*l", "/vendor/foobar/label")])
def test_4_3_entries(full, entries, found):
    """match one or more characters at that position, with the exception that "%" does
    not match the "/" hierarchy delimiter"""
    expected = [e for e in found.split()]
    if entries.startswith("(/comment /altsubject") or entries.startswith("(/x"):
        assert list(get(full, entries)) == expected
    else:
        assert sorted(get(full, entries)) == sorted(expected)


@pytest.mark.parametrize("attribs, found", [
    ("value", ["value.priv", "value.shared"]), ("value.priv", ["value.priv"]), ("(value.shared)", ["value.shared"]),
    ("size", ["size.priv", "size.shared"]), ("(value.priv size.priv)", ["value.priv", "size.priv"]),
    ("(value size)", ["value.priv", "value.shared", "size.priv", "size.shared"]), ('"value.priv"', ["value.priv"]),
    ("(value value.priv)", ["value.priv", "value.shared"])])
def test_4_3_attributes(full, attribs, found):
    """neither ".shared" nor ".priv" was specified, both are returned"""
    values = {"value.priv": b"My comment", "value.shared": b"Group note", "size.priv": b"10", "size.shared": b"10"}
    assert get(full, "/comment", attribs) == {"/comment": {a: values[a] for a in found}}


def test_4_3_wildcards_bring_what_has_such_a_value(full):
    assert sorted(get(full, "/*", "value.shared")) == ["/1/comment", "/comment"]
    assert sorted(get(full, "/*", "size.priv")) == ["/altsubject", "/comment", "/vendor/foobar/label"]


def test_4_3_messages_without_any(full):
    """The list of entries cannot be empty: then there is none."""
    assert full.ok("FETCH 1:2 (ANNOTATION (/% value))").all(rb"^2 FETCH") == []
    assert full.ok("FETCH 2 (ANNOTATION (/% value) UID)").untagged == [b"2 FETCH (UID 2)"]
    assert full.ok("UID FETCH 2 (ANNOTATION (/% value))").untagged == [b"2 FETCH (UID 2)"]


def test_4_3_with_other_items(full):
    r = full.ok("FETCH 1 (FLAGS ANNOTATION (/comment value.priv) BODY.PEEK[])")
    assert re.match(rb'1 FETCH \(FLAGS \([^)]*\) ANNOTATION \(/comment \(value.priv "My comment"\)\) BODY\[\] \{',
                    r.untagged[0])


def test_4_3_does_not_set_seen(full):
    full.ok("FETCH 1 ANNOTATION (/comment value)")
    assert not full.ok("FETCH 1 FLAGS").find(rb"\\Seen")


@pytest.mark.parametrize("text", [
    "ANNOTATION", "ANNOTATION (/comment)", "ANNOTATION /comment value", "ANNOTATION (/comment value", "ANNOTATION ()",
    "ANNOTATION (() value)", "ANNOTATION (/comment ())", "ANNOTATION (/comment value size)",
    "ANNOTATION  (/comment value)", "ANNOTATION (/comment  value)"])
def test_4_3_grammar(c, text):
    assert c.cmd(f"FETCH 1 ({text})").status == "BAD"


def test_4_3_many_entries(c):
    assert c.cmd("FETCH 1 (ANNOTATION ((" + " ".join(f"/e{i}" for i in range(101)) + ") value))").status == "BAD"
    got = get(c, "(" + " ".join(f"/e{i}" for i in range(100)) + ")")
    assert len(got) == 100


def test_4_3_uid_only(people, c):
    """RFC 9586: UIDFETCH responses."""
    store(c, '/comment (value.priv "x")')
    d = people.server.login(people.owner_name)
    d.ok("ENABLE UIDONLY")
    d.ok(f"SELECT {c.name} (ANNOTATE)")
    r = d.ok("UID FETCH 1:2 (ANNOTATION (/% value.priv))")
    assert r.untagged == [b'1 UIDFETCH (ANNOTATION (/comment (value.priv "x")))']
    store(c, '/comment (value.priv "y")')
    assert d.ok("NOOP").untagged == [b"1 UIDFETCH (FLAGS () ANNOTATION (/comment))"]
    r = d.ok("UID FETCH 1:2 (UID ANNOTATION (/comment value.priv))")
    assert annotations(r) == {1: {"/comment": {"value.priv": b"y"}}, 2: {"/comment": {"value.priv": None}}}


# --- 4.4: unsolicited responses ---

def test_4_4_changes_of_others(c, second):
    """contains only the entry name of the annotation that changed, and not its value"""
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "x")')
    assert annotations(c.ok("NOOP")) == {1: ["/comment"]}
    assert c.ok("NOOP").untagged == []


def test_4_4_only_who_asked(c, second):
    store(second, '/comment (value.priv "x")')
    assert annotations(c.ok("NOOP")) == {}


def test_4_4_parameter_is_of_one_selection(c, second):
    """it must be used in each SELECT/EXAMINE command in order to be effective"""
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    c.ok(f"SELECT {c.name}")
    store(second, '/comment (value.priv "x")')
    assert annotations(c.ok("NOOP")) == {}


def test_4_4_examine(c, second):
    c.ok(f"EXAMINE {c.name} (ANNOTATE)")
    store(second, '/comment (value.shared "x")')
    assert annotations(c.ok("NOOP")) == {1: ["/comment"]}


def test_4_4_several(c, second):
    store(c, '/altsubject (value.priv "gone soon")', number="2")
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "x" value.shared "y")', '/vendor/a (value.shared "z")')
    store(second, "/altsubject (value.priv NIL)", '/comment (value.priv "w")', number="2")
    assert annotations(c.ok("NOOP")) == {1: ["/comment", "/vendor/a"], 2: ["/altsubject", "/comment"]}


def test_4_4_one_that_was_taken_away(c, second):
    store(c, '/comment (value.priv "x")')
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, "/comment (value.priv NIL)")
    assert annotations(c.ok("NOOP")) == {1: ["/comment"]}


def test_4_4_not_ones_own(people, second):
    name, c = people.owner.name, people.server.login(people.owner_name)
    c.ok(f"SELECT {name} (ANNOTATE)")
    assert c.ok('STORE 1 ANNOTATION (/comment (value.priv "x"))').untagged == []
    assert c.ok("NOOP").untagged == []
    store(second, '/altsubject (value.priv "y")')
    store(c, '/comment (value.priv NIL)')
    assert annotations(c.ok("NOOP")) in ({}, {1: ["/altsubject"]})


def test_4_4_with_flags_in_one_response(c, second):
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "x")')
    second.ok("STORE 1 +FLAGS (\\Flagged)")
    r = c.ok("NOOP")
    assert len(r.untagged) == 1 and b"\\Flagged" in r.untagged[0] and annotations(r) == {1: ["/comment"]}


def test_4_4_during_a_store(c, second):
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "x")')
    assert annotations(c.ok("STORE 2 +FLAGS (\\Seen)")) == {1: ["/comment"]}


def test_4_4_not_of_others_private_ones(people, shared):
    shared("lrsn", params=" (ANNOTATE)")
    store(people.owner, '/comment (value.priv "mine")')
    assert annotations(people.other.ok("NOOP")) == {}
    store(people.owner, '/comment (value.shared "ours")')
    assert annotations(people.other.ok("NOOP")) == {1: ["/comment"]}


def test_4_4_new_messages(c, second):
    """Nobody knew them before."""
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    second.ok(f'APPEND {c.name} ANNOTATION (/comment (value.priv "x")) ', PLAIN)
    r = c.ok("NOOP")
    assert r.find(rb"3 EXISTS") and annotations(r) == {}


def test_4_4_expunged_messages(c, second):
    store(c, '/comment (value.priv "x")', number="1:2")
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "y")', number="1:2")
    second.ok("STORE 1 +FLAGS (\\Deleted)")
    second.ok("EXPUNGE")
    r = c.ok("NOOP")
    assert r.untagged[0] == b"1 EXPUNGE" and annotations(r) == {1: ["/comment"]}


def test_4_4_idle(c, second):
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")
    store(second, '/comment (value.priv "x")')
    assert re.match(rb"\* 1 FETCH \(FLAGS \([^)]*\) ANNOTATION \(/comment\)", c.response())
    c.send("DONE\r\n")
    c.wait("i")


def test_4_4_uid_commands(c, second):
    c.ok(f"SELECT {c.name} (ANNOTATE)")
    store(second, '/comment (value.priv "x")')
    assert c.ok("UID SEARCH ALL").find(rb"^1 FETCH \(FLAGS \([^)]*\) ANNOTATION \(/comment\) UID 1")


# --- 4.5: STORE ---

def test_4_5_silent(people):
    """The ANNOTATION message data item used with the STORE command has an implicit
    ".SILENT" behavior."""
    c = people.server.login(people.owner_name)
    c.ok(f"SELECT {people.folder()}")
    assert c.ok('STORE 1 ANNOTATION (/comment (value.priv "My new comment"))').untagged == []
    assert value(c) == b"My new comment"


def test_4_5_replace_and_remove(c):
    store(c, '/comment (value.priv "one" value.shared "s")')
    store(c, '/comment (value.priv "two")')
    assert get(c) == {"/comment": {"value.priv": b"two", "value.shared": b"s"}}
    store(c, "/comment (value.priv NIL)")
    assert get(c) == {"/comment": {"value.priv": None, "value.shared": b"s"}}
    store(c, "/comment (value.shared NIL)")
    assert get(c) == {}


def test_4_5_nil_of_nothing(c):
    store(c, "/comment (value.priv NIL)")
    assert get(c) == {}


def test_4_5_empty_is_not_nil(c):
    store(c, '/comment (value.priv "")')
    assert value(c) == b"" and sorted(get(c)) == ["/comment"]


def test_4_5_several_messages_and_entries(c):
    store(c, '/comment (value.priv "Get tix")', '/altsubject (value.priv "Wots On" value.shared "s")', number="1:2")
    for n in (1, 2):
        assert get(c, number=n, attribs="value.priv") == {
            "/comment": {"value.priv": b"Get tix"}, "/altsubject": {"value.priv": b"Wots On"}}


def test_4_5_twice_in_one_command(c):
    """The last counts."""
    store(c, '/comment (value.priv "one" value.priv "two")', '/comment (value.priv "three")')
    assert value(c) == b"three"


def test_4_5_uid_store(c):
    c.ok('UID STORE 2 ANNOTATION (/comment (value.priv "x"))')
    assert value(c, number=2) == b"x"


@pytest.mark.parametrize("text", [
    "ANNOTATION", "ANNOTATION ()", 'ANNOTATION (/comment "x")', "ANNOTATION (/comment ())",
    "ANNOTATION (/comment (value.priv))", 'ANNOTATION /comment (value.priv "x")',
    'ANNOTATION (/comment (value.priv x))', '+ANNOTATION (/comment (value.priv "x"))',
    'ANNOTATION.SILENT (/comment (value.priv "x"))', 'ANNOTATION (/comment (value.priv "x")) FLAGS (\\Seen)'])
def test_4_5_grammar(c, text):
    assert c.cmd(f"STORE 1 {text}").status == "BAD"


def test_4_5_toobig(c):
    """the server MUST return a tagged NO response with a "[ANNOTATE TOOBIG]" """
    r = c.cmd('STORE 1 ANNOTATION (/comment (value.priv "ok") /altsubject (value.priv ' + f'"{"x" * 2049}"))')
    assert r.status == "NO" and r.code == "ANNOTATE TOOBIG"
    assert get(c) == {}


def test_4_5_toomany(c):
    """the maximum number of allowed annotations has already been reached ... a tagged NO
    response with a "[ANNOTATE TOOMANY]" """
    for i in range(12):
        store(c, f'/vendor/e{i} (value.priv "x")')
    r = c.cmd('STORE 1 ANNOTATION (/comment (value.priv "one more"))')
    assert r.status == "NO" and r.code == "ANNOTATE TOOMANY"
    store(c, '/vendor/e3 (value.priv "another value")', '/comment (value.shared "these count apart")')
    store(c, "/vendor/e3 (value.priv NIL)")
    store(c, '/comment (value.priv "now")')


def test_4_5_toomany_is_all_or_nothing(c):
    r = c.cmd("STORE 1:2 ANNOTATION (" + " ".join(f'/vendor/e{i} (value.shared "x")' for i in range(13)) + ")")
    assert r.code == "ANNOTATE TOOMANY"
    assert get(c) == {} and get(c, number=2) == {}


def test_4_5_over_quota(people, c):
    """RFC 9208 section 5.4: ANNOTATION-STORAGE."""
    admin = people.server.admin()
    root = people.others(c.name)
    admin.ok(f"SETQUOTA {root} (ANNOTATION-STORAGE 2)")
    c.ok(f"SELECT {c.name}")
    store(c, f'/comment (value.priv "{"x" * 1900}")')
    r = c.cmd(f'STORE 1 ANNOTATION (/altsubject (value.priv "{"y" * 300}"))')
    assert r.status == "NO" and r.code == "OVERQUOTA"
    r = c.cmd(f'APPEND {c.name} ANNOTATION (/altsubject (value.priv "{"y" * 300}")) ', PLAIN)
    assert r.status == "NO" and r.code == "OVERQUOTA"
    assert c.cmd(f"COPY 1 {c.name}").code == "OVERQUOTA"
    store(c, '/comment (value.priv "short")')
    store(c, f'/altsubject (value.priv "{"y" * 300}")')
    assert c.ok(f"GETQUOTA {root}").find(rb"ANNOTATION-STORAGE (\d+) 2")[1] == b"0"


def test_4_5_quota_is_given_back(people, c):
    admin = people.server.admin()
    root = people.others(c.name)
    admin.ok(f"SETQUOTA {root} (ANNOTATION-STORAGE 100)")
    c.ok(f"SELECT {c.name}")
    store(c, f'/comment (value.priv "{"x" * 2000}" value.shared "{"x" * 2000}")', number="1:2")

    def used():
        return int(c.ok(f"GETQUOTA {root}").find(rb"ANNOTATION-STORAGE (\d+)")[1])
    assert used() == 7
    c.ok("STORE 1 +FLAGS (\\Deleted)")
    c.ok("EXPUNGE")
    assert used() == 3
    store(c, "/comment (value.priv NIL)")
    assert used() == 1
    people.owner.ok(f"SETMETADATA {c.name} (/private/comment \"{'z' * 2000}\")")
    assert used() == 3          # ours counts those of mailboxes, too


# --- with CONDSTORE (4.5, RFC 7162) ---

def test_4_5_modseq(c):
    before = modseq(c)
    r = c.ok('STORE 1 ANNOTATION (/comment (value.priv "x"))')
    after = modseq(c)
    assert after > before and modseq(c, 2) < after
    assert r.find(rb"^1 FETCH \(UID 1 MODSEQ \(%d\)\)$" % after)


def test_4_5_modseq_stays_if_nothing_changes(c):
    store(c, '/comment (value.priv "x")')
    before = modseq(c)
    store(c, '/comment (value.priv "x")', "/altsubject (value.shared NIL)")
    assert modseq(c) == before


def test_4_5_changedsince(c):
    before = max(modseq(c), modseq(c, 2))
    store(c, '/comment (value.priv "x")')
    r = c.ok(f"FETCH 1:* (ANNOTATION (/comment value.priv)) (CHANGEDSINCE {before})")
    assert annotations(r) == {1: {"/comment": {"value.priv": b"x"}}}
    assert c.ok(f"SEARCH MODSEQ {before + 1}").find(rb"SEARCH 1 \(MODSEQ")


def test_4_5_unchangedsince(c, second):
    before = max(modseq(c), modseq(c, 2))
    store(second, '/comment (value.priv "first")')
    r = c.ok(f'STORE 1:2 (UNCHANGEDSINCE {before}) ANNOTATION (/comment (value.priv "x") /altsubject (value.priv "y"))')
    assert r.code == "MODIFIED 1"
    assert value(c) == b"first" and value(c, "/altsubject") is None
    assert value(c, number=2) == b"x" and value(c, "/altsubject", number=2) == b"y"


def test_4_5_unchangedsince_0(c):
    assert c.ok('UID STORE 1 (UNCHANGEDSINCE 0) ANNOTATION (/comment (value.priv "x"))').code == "MODIFIED 1"
    assert value(c) is None


def test_4_4_modseq_in_unsolicited(people, c, second):
    d = people.server.login(people.owner_name)
    d.ok(f"SELECT {c.name} (CONDSTORE ANNOTATE)")
    store(second, '/comment (value.priv "x")')
    m = d.ok("NOOP").find(rb"^1 FETCH \(FLAGS \([^)]*\) ANNOTATION \(/comment\) UID 1 MODSEQ \((\d+)\)\)$")
    assert int(m[1]) == modseq(c)


def test_4_5_qresync(people, c, second):
    """A client that was away finds the message among those that have changed."""
    d = people.server.login(people.owner_name)
    d.ok("ENABLE QRESYNC")
    r = d.ok(f"SELECT {c.name}")
    validity, known = int(r.find(rb"UIDVALIDITY (\d+)")[1]), int(r.find(rb"HIGHESTMODSEQ (\d+)")[1])
    d.ok("UNSELECT")
    store(second, '/comment (value.priv "x")')
    r = d.ok(f"SELECT {c.name} (QRESYNC ({validity} {known}) ANNOTATE)")
    assert [m[1] for m in r.all(rb"^(\d+) FETCH ")] == [b"1"]
    store(second, '/comment (value.priv "y")')
    assert annotations(d.ok("NOOP")) == {1: ["/comment"]}


# --- 4.6: COPY and MOVE ---

@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_4_6_copies(people, verb, c):
    store(c, '/comment (value.priv "mine" value.shared "ours")', '/1/comment (value.shared "part")')
    to = people.folder()
    c.ok(f"{verb} 1 {to}")
    c.ok(f"SELECT {to}")
    assert get(c, number=3) == {"/comment": {"value.priv": b"mine", "value.shared": b"ours"},
                                "/1/comment": {"value.priv": None, "value.shared": b"part"}}


@pytest.mark.parametrize("rights, copied", [("lri", {"value.priv": b"his", "value.shared": None}),
                                            ("lrin", {"value.priv": b"his", "value.shared": b"ours"}),
                                            ("lin", {"value.priv": None, "value.shared": b"ours"}), ("li", None)])
@pytest.mark.parametrize("verb", ["COPY", "MOVE"])
def test_4_6_what_may_not_be_stored_there(people, shared, verb, rights, copied):
    """... exceptions ... if the destination mailbox permissions are such that either the
    ".priv" or ".shared" annotations are not allowed"; and nobody else's private ones."""
    shared("lrsten")
    store(people.owner, '/comment (value.priv "mine" value.shared "ours")')
    store(people.other, '/comment (value.priv "his")')
    to = people.folder(rights)
    people.other.ok(f"{verb} 1 {people.others(to)}")
    people.owner.ok(f"SETACL {to} {people.other_name} lr")
    people.other.ok(f"SELECT {people.others(to)}")
    assert get(people.other, number=3) == ({"/comment": copied} if copied else {})
    people.owner.ok(f"SELECT {to}")
    assert get(people.owner, number=3, attribs="value.priv") == {}


def test_4_6_copy_in_the_same_mailbox(c):
    store(c, '/comment (value.priv "x")')
    c.ok(f"COPY 1 {c.name}")
    store(c, '/comment (value.priv "y")')
    assert value(c, number=3) == b"x"


# --- 4.7: APPEND ---

def test_4_7_append(people, c):
    c.ok(f"""APPEND {c.name} ANNOTATION (/comment (value.priv "Don't send until I say so")) """, PLAIN)
    assert value(c, number=3) == b"Don't send until I say so"


@pytest.mark.parametrize("options", [
    '(\\Seen) ANNOTATION (%s)', '"17-Jul-2020 10:11:12 -0330" ANNOTATION (%s)',
    '(\\Seen) "17-Jul-2020 10:11:12 -0330" ANNOTATION (%s)', 'annotation (%s)'])
def test_4_7_order(c, options):
    """append-opts = [SP flag-list] [SP date-time] *(SP append-ext) (RFC 4466 section 3)"""
    c.ok(f"APPEND {c.name} {options} " % '/comment (value.priv "x") /altsubject (value.shared "y")', PLAIN)
    assert get(c, number=3) == {"/comment": {"value.priv": b"x", "value.shared": None},
                                "/altsubject": {"value.priv": None, "value.shared": b"y"}}


@pytest.mark.parametrize("options", ['ANNOTATION (/comment (value.priv "x")) (\\Seen)', "ANNOTATION ()",
                                     'ANNOTATION (/comment (value "x"))', "ANNOTATION", 'ANNOTATIONS (/a (value.priv "x"))',
                                     'ANNOTATION (/comment (value.priv "x")) ANNOTATION (/comment (value.priv "x"))'])
def test_4_7_grammar(c, options):
    assert c.cmd(f"APPEND {c.name} {options} ", PLAIN).status == "BAD"


@pytest.mark.parametrize("size", [0, 5, 2048])
def test_4_7_literals(c, size):
    """Literals of annotations are none of messages, whatever is in them."""
    data = (b"(ANNOTATION \"(" * 200)[:size]
    text = (b"APPEND %s (\\Flagged) ANNOTATION ({8+}\r\n/comment ({10+}\r\nvalue.priv {%d+}\r\n%s "
            b"value.shared \"a\\\"(\") /vendor/b (value.priv ~{3+}\r\n\0)()) {%d+}\r\n%s" %
            (c.name.encode(), size, data, len(PLAIN), PLAIN))
    c.ok(text)
    assert get(c, number=3) == {"/comment": {"value.priv": data, "value.shared": b'a"('},
                                "/vendor/b": {"value.priv": b"\0)(", "value.shared": None}}
    assert PLAIN in c.ok("FETCH 3 BODY.PEEK[]").untagged[0]


def test_4_7_synchronizing_literals(c):
    c.send(f"s APPEND {c.name} ANNOTATION (/comment (value.priv {{7}}\r\n")
    assert c.response().startswith(b"+")
    c.send(b"x (/y (")
    c.send(b" value.shared {2}\r\n")
    assert c.response().startswith(b"+")
    c.send(b"))" b")) {%d}\r\n" % len(PLAIN))
    assert c.response().startswith(b"+")
    c.send(PLAIN + b"\r\n")
    assert c.wait("s").status == "OK"
    assert get(c, number=3) == {"/comment": {"value.priv": b"x (/y (", "value.shared": b"))"}}


def test_4_7_multiappend(c):
    """The new data item can also be used with the multi-append extension."""
    def one(note, message):
        return (b" ANNOTATION (/comment (value.priv {%d+}\r\n%s))" % (len(note), note) if note else b"") \
            + b" {%d+}\r\n%s" % (len(message), message)
    c.ok(b"APPEND " + c.name.encode() + one(b"first ((", PLAIN) + one(None, PARTS) + one(b"third", PARTS))
    assert [get(c, number=n, attribs="value.priv") for n in (3, 4, 5)] == [
        {"/comment": {"value.priv": b"first (("}}, {}, {"/comment": {"value.priv": b"third"}}]


def test_4_7_multiappend_is_all_or_nothing(c):
    r = c.cmd(b'APPEND %s ANNOTATION (/comment (value.priv "x")) {%d+}\r\n%s ANNOTATION (/9/comment (value.priv "x")) '
              b"{%d+}\r\n%s" % (c.name.encode(), len(PLAIN), PLAIN, len(PLAIN), PLAIN))
    assert r.status == "BAD"
    assert not c.ok("NOOP").find(rb"EXISTS")


def test_4_7_catenate(c):
    c.ok(b'APPEND %s ANNOTATION (/comment (value.priv {1+}\r\n() /1/comment (value.shared "p")) CATENATE '
         b"(TEXT {23+}\r\nSubject: catenated\r\n\r\n( TEXT {6+}\r\nbody\r\n)" % c.name.encode())
    assert get(c, number=3) == {"/comment": {"value.priv": b"(", "value.shared": None},
                                "/1/comment": {"value.priv": None, "value.shared": b"p"}}


def test_4_7_utf8(people):
    d = people.server.login(people.owner_name)
    d.ok("ENABLE UTF8=ACCEPT")
    name = people.folder()
    d.ok(f'APPEND {name} ANNOTATION (/comment (value.priv "Größe")) UTF8 (~{{{len(PLAIN)}+}}\r\n{PLAIN.decode()})')
    d.ok(f"SELECT {name}")
    assert value(d, number=3) == "Größe".encode()


def test_4_7_toobig(c):
    r = c.cmd(f'APPEND {c.name} ANNOTATION (/comment (value.priv "{"x" * 2049}")) ', PLAIN)
    assert r.status == "NO" and r.code == "ANNOTATE TOOBIG"


def test_4_7_toomany(c):
    entries = " ".join(f'/vendor/e{i} (value.priv "x")' for i in range(13))
    r = c.cmd(f"APPEND {c.name} ANNOTATION ({entries}) ", PLAIN)
    assert r.status == "NO" and r.code == "ANNOTATE TOOMANY"
    assert not c.ok("NOOP").find(rb"EXISTS")


def test_4_7_replace(c):
    """RFC 8508: the new message has what it comes with."""
    store(c, '/comment (value.priv "of the old one")')
    c.ok(f'REPLACE 1 {c.name} ANNOTATION (/altsubject (value.priv {{3+}}\r\nnew)) ', PLAIN)
    assert get(c, number=2) == {"/altsubject": {"value.priv": b"new", "value.shared": None}}


# --- 4.8: SEARCH ---

@pytest.fixture
def found(c):
    """found(key): the numbers; message 1 has all, 2 a shared comment, 3 nothing."""
    store(c, '/comment (value.priv "IMAP4 Größe")', '/altsubject (value.shared "imap4")',
          '/vendor/x/y (value.priv "deep")')
    store(c, '/comment (value.shared "see IMAP4")', '/1/comment (value.priv "in a part")', number="2")
    c.append(c.name, PLAIN)
    c.ok("NOOP")

    def search(key, charset="CHARSET UTF-8 "):
        m = c.ok(f"SEARCH {charset}{key}").find(rb"^SEARCH ?(.*)$")
        return [int(n) for n in m[1].split()]
    return search


@pytest.mark.parametrize("key, numbers", [
    ('/comment value "IMAP4"', [1, 2]), ('/comment value.priv "IMAP4"', [1]), ('/comment value.shared IMAP4', None),
    ('/comment value.shared "imap4"', [2]), ('* value.priv "IMAP4"', [1]), ('* value "imap4"', [1, 2]),
    ('/% value "deep"', []), ('/* value "deep"', [1]), ('"/vendor/%/y" VALUE.PRIV "EE"', [1]), ('/% value ""', [1, 2]),
    ('/comment value "x"', []), ('/Comment value "imap4"', []), ('/1/comment value "part"', [2]),
    ('* value {4+}\r\nGRÖ', [1]), ('* value {6+}\r\ngröß', [1]), ('* value ~{4+}\r\ndeep', [1]),
    ('/comment value.priv NIL', [2, 3]), ('/* value NIL', [3]), ('/%/% value NIL', [1, 3])])
def test_4_8_search(c, found, key, numbers):
    if numbers is None:
        assert c.cmd("SEARCH ANNOTATION " + key).status == "BAD"
    else:
        assert found("ANNOTATION " + key) == numbers


@pytest.mark.parametrize("key, numbers", [
    ('NOT ANNOTATION /comment value.priv "imap4"', [2, 3]), ('OR ANNOTATION * value "deep" 3', [1, 3]),
    ('2:3 ANNOTATION /comment value "imap"', [2]), ('FUZZY ANNOTATION /comment value "imap"', [1, 2]),
    ('(ANNOTATION /comment value "imap" ANNOTATION * value "deep") ALL', [1])])
def test_4_8_in_programs(found, key, numbers):
    assert found(key, "") == numbers


def test_4_8_charset(c, found):
    """RFC 5257 section 7: character set conversion as for other texts."""
    r = c.ok(b"SEARCH CHARSET ISO-8859-1 ANNOTATION * value {4+}\r\nGr\xf6\xdf")
    assert r.untagged == [b"SEARCH 1"]


@pytest.mark.parametrize("key", ["ANNOTATION", 'ANNOTATION /comment size "1"', 'ANNOTATION /comment size.priv "1"',
                                 "ANNOTATION /comment value", 'ANNOTATION /comment (value) "x"',
                                 'ANNOTATION (/comment) value "x"', 'ANNOTATION /comment value.private "x"'])
def test_4_8_other_attributes(c, key):
    """Servers MUST return a BAD response if the client tries to search any other attribute."""
    assert c.cmd(f"SEARCH {key}").status == "BAD"


def test_4_8_not_in_others_private_ones(people, shared):
    shared("lr")
    store(people.owner, '/comment (value.priv "secret")')
    assert people.other.ok('SEARCH ANNOTATION * value "secret"').untagged[0] == b"SEARCH"
    assert people.owner.ok('SEARCH ANNOTATION * value "secret"').untagged == [b"SEARCH 1"]


def test_4_8_esearch(c, found):
    r = c.ok(f'ESEARCH IN (mailboxes {c.name}) RETURN (ALL) ANNOTATION /comment value "imap4"')
    assert r.find(rb"ESEARCH .*ALL 1:2$")


def test_4_8_updates(c, second):
    """RFC 5267: a change of an annotation changes the result."""
    c.send('u UID SEARCH RETURN (UPDATE ALL) ANNOTATION /comment value "x"\r\n')
    c.wait("u")
    store(second, '/comment (value.priv "an x")')
    assert c.ok("NOOP").find(rb'ESEARCH \(TAG "u"\) UID ADDTO \(0 1\)')
    store(second, "/comment (value.priv NIL)")
    assert c.ok("NOOP").find(rb'ESEARCH \(TAG "u"\) UID REMOVEFROM \(0 1\)')
    c.ok('CANCELUPDATE "u"')


# --- 4.9: SORT ---

@pytest.fixture
def sortable(c):
    for _ in range(2):
        c.append(c.name, PLAIN)
    for n, v in ((1, "delta"), (2, "Alpha"), (4, "ärger")):
        store(c, f'/altsubject (value.shared {{{len(v.encode())}+}}\r\n{v})', number=str(n))
    store(c, '/altsubject (value.priv "z")', number="2")
    return c


def order(c, criteria):
    return [int(n) for n in c.ok(f"SORT ({criteria}) UTF-8 ALL").find(rb"^SORT (.*)$")[1].split()]


def test_4_9_sort(sortable):
    assert order(sortable, "ANNOTATION /altsubject value.shared") == [3, 2, 4, 1]
    assert order(sortable, "REVERSE ANNOTATION /altsubject value.shared") == [1, 4, 2, 3]
    assert order(sortable, "ANNOTATION /altsubject value.priv REVERSE ARRIVAL") == [4, 3, 1, 2] \
        or order(sortable, "ANNOTATION /altsubject value.priv") == [1, 3, 4, 2]
    assert order(sortable, "annotation /altsubject VALUE.SHARED ARRIVAL") == [3, 2, 4, 1]


def test_4_9_changes(sortable):
    """An order is not remembered."""
    assert order(sortable, "ANNOTATION /altsubject value.shared") == [3, 2, 4, 1]
    store(sortable, '/altsubject (value.shared "zulu")', number="2")
    assert order(sortable, "ANNOTATION /altsubject value.shared") == [3, 4, 1, 2]


@pytest.mark.parametrize("criteria", [
    "ANNOTATION", "ANNOTATION /altsubject", "ANNOTATION /altsubject value", "ANNOTATION /altsubject size.priv",
    "ANNOTATION /altsubject (value.priv)", "ANNOTATION (/altsubject value.priv)"])
def test_4_9_other_attributes(c, criteria):
    """Clients MUST provide either the ".priv" or ".shared" suffix ... Servers MUST return a
    BAD response if the client tries to sort on any other attribute."""
    assert c.cmd(f"SORT ({criteria}) UTF-8 ALL").status == "BAD"


def test_4_9_no_updates(sortable):
    """RFC 5267: results that are sorted so are not kept up to date, and that is said."""
    sortable.send("u UID SORT RETURN (UPDATE ALL) (ANNOTATION /altsubject value.shared) UTF-8 ALL\r\n")
    r = sortable.wait("u")
    assert r.status == "OK" and r.find(rb'NO \[NOUPDATE "u"\]') and r.find(rb"ALL 3,2,4,1$")


# --- what else happens to mailboxes and messages ---

def test_1_permanent(people, c):
    """it MUST store all annotation data permanently"""
    store(c, '/comment (value.priv "x" value.shared "y")')
    d = people.server.login(people.owner_name)
    d.ok(f"SELECT {c.name}")
    assert get(d) == {"/comment": {"value.priv": b"x", "value.shared": b"y"}}


def test_1_rename_keeps(people, c):
    store(c, '/comment (value.priv "x")')
    c.ok("UNSELECT")
    c.ok(f"RENAME {c.name} {c.name}r")
    c.ok(f"SELECT {c.name}r")
    assert value(c) == b"x"


def test_1_rename_inbox_keeps_everybodys(make_server):
    srv = make_server()
    user, other = srv.new_user(), srv.new_user()
    c, d = srv.login(user), srv.login(other)
    c.append("INBOX", PLAIN)
    c.ok(f"SETACL INBOX {other} lr")
    d.ok(f"SELECT user.{user}")
    store(d, '/comment (value.priv "his")')
    d.ok("UNSELECT")
    c.ok("SELECT INBOX")
    store(c, '/comment (value.priv "mine" value.shared "ours")')
    c.ok("UNSELECT")
    c.ok("RENAME INBOX INBOX.old")
    c.ok("SELECT INBOX.old")
    assert get(c) == {"/comment": {"value.priv": b"mine", "value.shared": b"ours"}}
    c.ok(f"SETACL INBOX.old {other} lr")
    d.ok(f"SELECT user.{user}.old")
    assert get(d) == {"/comment": {"value.priv": b"his", "value.shared": b"ours"}}


def test_1_mailbox_annotations_are_others(c):
    """METADATA (RFC 5464) and ANNOTATE do not meet."""
    c.ok(f'SETMETADATA {c.name} (/private/comment "of the mailbox")')
    assert get(c, "*") == {}
    store(c, '/comment (value.priv "of the message")')
    assert c.ok(f"GETMETADATA {c.name} /private/comment").find(rb"of the mailbox")


def test_1_expunged_elsewhere(c, second):
    """What a session was not told of yet it can still read."""
    store(c, '/comment (value.priv "x")', number="1:2")
    second.ok("NOOP")
    second.ok("STORE 1 +FLAGS (\\Deleted)")
    second.ok("EXPUNGE")
    r = c.ok("FETCH 1 (ANNOTATION (/comment value.priv))")
    assert annotations(r) == {1: {"/comment": {"value.priv": b"x"}}}
    assert c.cmd('STORE 1 ANNOTATION (/comment (value.priv "y"))').status in ("OK", "NO")
    c.ok("NOOP")
    assert value(c) == b"x"
