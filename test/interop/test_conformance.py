"""RFC 3501 by the letter: states, syntax, login, IDLE, extensions' commands.

Every response goes through strict_imap's parser.  The tests quote the sentence
that they prove; where the document leaves a choice, they say which was taken.
"""
import base64
import subprocess

import pytest

from conformance import Lit, SIMPLE, connect, fresh, login, name, numbered

NOT_AUTHENTICATED = ["STARTTLS", "AUTHENTICATE PLAIN", "LOGIN a b"]
AUTHENTICATED = [
    "SELECT INBOX", "EXAMINE INBOX", "CREATE x", "DELETE x", "RENAME x y",
    "SUBSCRIBE x", "UNSUBSCRIBE x", 'LIST "" *', 'LSUB "" *', "STATUS INBOX (MESSAGES)",
    "NAMESPACE", "IDLE", "GETACL INBOX", "MYRIGHTS INBOX", "LISTRIGHTS INBOX x",
    "SETACL INBOX x lr", "DELETEACL INBOX x", "GETQUOTA x", "GETQUOTAROOT INBOX",
    "SETQUOTA x (STORAGE 1)"]
SELECTED = [
    "CHECK", "CLOSE", "UNSELECT", "EXPUNGE", "SEARCH ALL", "FETCH 1 FLAGS",
    r"STORE 1 FLAGS (\Seen)", "COPY 1 INBOX", "MOVE 1 INBOX", "UID EXPUNGE 1",
    "UID SEARCH ALL", "UID FETCH 1 FLAGS", r"UID STORE 1 FLAGS (\Seen)",
    "UID COPY 1 INBOX", "UID MOVE 1 INBOX"]


# --- states: RFC 3501 section 3 ---

@pytest.mark.parametrize("command", AUTHENTICATED + SELECTED)
def test_before_login(server, command):
    """"Most commands are not valid in not authenticated state.\""""
    connect(server).bad(command)


@pytest.mark.parametrize("command", SELECTED)
def test_without_a_mailbox(server, user, command):
    login(server, user).bad(command)


@pytest.mark.parametrize("command", NOT_AUTHENTICATED)
def test_after_login(server, user, command):
    login(server, user).bad(command)


def test_any_state(server, user):
    """CAPABILITY, NOOP and LOGOUT are always valid."""
    c = connect(server)
    for step in (lambda: None, lambda: c.login(user), lambda: c.select()):
        step()
        assert c.ok("CAPABILITY").one("CAPABILITY").data
        c.ok("NOOP")
        assert c.ok("ID NIL").one("ID")
    assert c.ok("LOGOUT").kinds == ["BYE"]
    assert c.is_closed()


@pytest.mark.parametrize("state", ["early", "login", "selected"])
def test_logout_says_bye_then_ok(server, user, state):
    """"The server MUST send a BYE untagged response before the (tagged) OK
    response, and then close the network connection.\""""
    c = connect(server)
    if state != "early":
        c.login(user)
    if state == "selected":
        c.select()
    assert c.ok("LOGOUT").kinds == ["BYE"]
    assert c.is_closed()


def test_commands_after_logout_are_not_run(server, user):
    c = login(server, user)
    c.raw(b"x LOGOUT\r\ny CREATE after\r\n")
    c.running = {"x": "LOGOUT"}
    assert c.wait("x").kinds == ["BYE"]
    assert c.is_closed()
    assert "after" not in str(login(server, user).names('LIST "" *'))


# --- syntax: section 2.2, 9 ---

@pytest.mark.parametrize("command", [
    "", "NOSUCH", "UID", "UID NOSUCH", "UID NOOP", "UID SELECT INBOX", "NOOP ",
    "NOOP x", " NOOP", "CAPABILITY x", "LOGOUT x", "CHECK x", "CLOSE x", "EXPUNGE 1",
    "UID EXPUNGE", "SELECT", "SELECT ", "SELECT  INBOX", "SELECT INBOX INBOX",
    "SELECT (INBOX)", 'SELECT "INBOX', 'SELECT INBOX"', r'SELECT "IN\BOX"', "SELECT IN%",
    "SELECT IN*", "CREATE", "CREATE a b c", "DELETE", "DELETE a b", "RENAME a",
    "RENAME a b c d", "SUBSCRIBE", "UNSUBSCRIBE", "LIST", "LIST x", 'LIST "" ', 'LIST "" * *',
    'LSUB ""', "STATUS INBOX", "STATUS INBOX ()", "STATUS INBOX (NOSUCH)",
    "STATUS INBOX MESSAGES", "STATUS INBOX (MESSAGES", "STATUS INBOX (MESSAGES UNSEEN) x",
    "STATUS INBOX (MESSAGES  UNSEEN)", "APPEND INBOX", "APPEND INBOX ()", "APPEND INBOX x",
    'APPEND INBOX "text"', "SEARCH", "SEARCH NOSUCH", "SEARCH FROM", "SEARCH OR ALL",
    "SEARCH NOT", "SEARCH ()", "SEARCH (ALL", "SEARCH ALL)", "SEARCH LARGER", "SEARCH LARGER x",
    "SEARCH BEFORE 32-Jan-2026", "SEARCH BEFORE 1-Foo-2026", "SEARCH BEFORE 1-Jan-26",
    "SEARCH HEADER Subject", r"SEARCH KEYWORD \Seen", "SEARCH KEYWORD", "SEARCH UID",
    "SEARCH UID x", "SEARCH CHARSET", "SEARCH CHARSET UTF-8", "FETCH", "FETCH 1", "FETCH 0 FLAGS",
    "FETCH x FLAGS", "FETCH 1 NOSUCH", "FETCH 1 ()", "FETCH 1 (FLAGS", "FETCH 1 FLAGS)",
    "FETCH 1 FLAGS UID", "FETCH 1 (ALL FLAGS)", "FETCH 1 (FAST)", "FETCH 1 BODY[", "FETCH 1 BODY[]]",
    "FETCH 1 BODY[MIME]", "FETCH 1 BODY[0]", "FETCH 1 BODY[1.0]", "FETCH 1 BODY[1.]",
    "FETCH 1 BODY[.1]", "FETCH 1 BODY[NOSUCH]", "FETCH 1 BODY[HEADER.FIELDS]",
    "FETCH 1 BODY[HEADER.FIELDS ()]", "FETCH 1 BODY[HEADER.FIELDS From]", "FETCH 1 BODY[]<0>",
    "FETCH 1 BODY[]<0.0>", "FETCH 1 BODY[]<-1.1>", "FETCH 1 BODY[]<.1>", "FETCH 1 BODY.PEEK",
    "FETCH 1 RFC822.PEEK", "FETCH 1, FLAGS", "FETCH ,1 FLAGS", "FETCH 1: FLAGS", "FETCH :1 FLAGS",
    "FETCH 1:2:3 FLAGS", "FETCH 4294967296 FLAGS", "FETCH 01x FLAGS", "FETCH -1 FLAGS",
    "FETCH ** FLAGS", "STORE 1", "STORE 1 FLAGS", r"STORE 1 FLAGS (\Seen", r"STORE 1 FLAGZ (\Seen)",
    r"STORE 1 +FLAGS.LOUD (\Seen)", r"STORE 1 FLAGS (\Nosuch)", r"STORE 1 FLAGS (\Recent)",
    r"STORE 1 FLAGS (\*)", r"STORE 1 FLAGS (a(b)", "STORE 1 FLAGS ((a))", "COPY 1", "COPY INBOX",
    "COPY 1 a b", "MOVE 1", "ID", "ID x", 'ID ("name")', 'ID (name "x")', "ID (NIL NIL)",
    "NAMESPACE x", "UNSELECT x", "GETACL", "GETACL a b", "SETACL INBOX", "SETACL INBOX x",
    "DELETEACL INBOX", "LISTRIGHTS INBOX", "MYRIGHTS", "GETQUOTA", "GETQUOTAROOT", "SETQUOTA x",
    "SETQUOTA x (STORAGE)", "SETQUOTA x (STORAGE x)", "SETQUOTA x STORAGE 1", "IDLE x"])
def test_bad_syntax(shared_server, quiet, command):
    """"Otherwise an untagged or tagged BAD"; and it changes nothing."""
    c = quiet
    r = c.bad(command)
    assert not r.untagged and c.ok("NOOP").untagged == [], r


@pytest.fixture(scope="module")
def quiet_user(shared_server):
    return shared_server.new_user()


@pytest.fixture
def quiet(shared_server, quiet_user):
    c = connect(shared_server)
    c.login(quiet_user)
    c.append(SIMPLE)
    c.select()
    yield c
    c.close()


@pytest.mark.parametrize("line", [
    b"", b" ", b"a", b"a ", b"* NOOP", b"+ NOOP", b"a+b NOOP", b"(a) NOOP", b'"a" NOOP',
    b"a\x01 NOOP", b"a{ NOOP", b"a% NOOP", b"\xc3\xa9 NOOP"])
def test_bad_tags(server, user, line):
    """tag = 1*<any ASTRING-CHAR except "+">; nothing is run."""
    c = login(server, user)
    c.raw(line + b"\r\n")
    kind, _, r = c.receive(("tagged", "untagged"))
    assert r.kind == "BAD"
    c.ok("NOOP")


@pytest.mark.parametrize("tag", ["a", "A]", "1", "a.b-c_d", "x" * 200, "NIL", "\\".replace("\\", "'")])
def test_good_tags(server, user, tag):
    c = login(server, user)
    c.raw(tag.encode() + b" NOOP\r\n")
    c.running[tag] = "NOOP"
    assert c.wait(tag).status == "OK"


def test_case_does_not_matter(server, user):
    c = connect(server)
    c.ok(f"lOgIn {user} secret")
    c.ok("select inBox")
    c.append(SIMPLE)
    c.ok("NOOP")
    assert c.ok("uid fetch 1 (flags body.peek[header.fields (suBject)])").fetched()[1][
        "BODY[HEADER.FIELDS (SUBJECT)]"] == b"Subject: simple\r\n\r\n"
    assert c.ok("search subject SIMPLE not seen").one("SEARCH").data == [1]
    c.ok(r"store 1 flags.silent (\sEEN)")
    assert c.fetch(1, "flags")[1]["FLAGS"] == ["\\Recent", "\\Seen"]


def test_strings_in_every_form(server, user):
    """"A string is in one of two forms: either literal or quoted string."""
    c = connect(server)
    c.ok("LOGIN ", Lit(user.encode()), " ", Lit(b"secret", plus=True))
    box = "INBOX." + name()
    c.ok("CREATE ", Lit(box.encode()))
    c.ok("SELECT ", Lit(box.encode(), plus=True))
    c.append(SIMPLE, box)
    c.ok("APPEND ", Lit(box.encode()), " ", Lit(SIMPLE, plus=True))
    assert c.search("SUBJECT ", Lit(b"simple")) == [1, 2]
    assert c.search("HEADER ", Lit(b"subject"), " ", Lit(b"simple", plus=True)) == [1, 2]
    assert c.search("CHARSET ", Lit(b"UTF-8"), " SUBJECT ", Lit(b"SIMPLE")) == [1, 2]
    r = c.ok("FETCH 1 BODY.PEEK[HEADER.FIELDS (", Lit(b"subject"), " ", Lit(b"To"), ")]")
    assert b"Subject: simple" in r.fetched()[1]["BODY[HEADER.FIELDS (SUBJECT TO)]"]
    c.ok("COPY 1 ", Lit(box.encode()))
    c.ok("STATUS ", Lit(box.encode()), " (MESSAGES)")
    c.ok("LIST ", Lit(b""), " ", Lit(b"*"))
    c.ok("SUBSCRIBE ", Lit(box.encode()))
    c.ok("LSUB ", Lit(b"", plus=True), " ", Lit(b"*", plus=True))
    c.ok("GETACL ", Lit(box.encode()))
    c.ok("ID (", Lit(b"name"), " ", Lit(b"test"), ")")
    c.ok("RENAME ", Lit(box.encode()), " ", Lit(box.encode() + b"2"))
    c.ok("DELETE ", Lit(box.encode() + b"2"))
    assert c.ok('LIST "" NIL').all("LIST") == []


def test_refused_literal_is_not_read(server, user):
    """A tagged response in place of "+": the client does not send the literal."""
    c = login(server, user)
    for command in (b"APPEND INBOX {4294967296}", b"SELECT {4294967296}", b"SELECT {99999999999999999999}"):
        c.raw(b"b " + command + b"\r\n")
        c.running["b"] = "APPEND"
        assert c.wait("b").status in ("NO", "BAD"), command
    c.ok("NOOP")


def test_pipelined_commands_answer_in_order(server):
    """Section 5.5: commands sent in a row run one after the other."""
    c = fresh(server, 3)
    c.raw(b"p1 FETCH 1 FLAGS\r\np2 STORE 2 +FLAGS (\\Deleted)\r\np3 EXPUNGE\r\n"
          b"p4 FETCH 1:* UID\r\np5 SEARCH ALL\r\n")
    for tag, command in (("p1", "FETCH"), ("p2", "STORE"), ("p3", "EXPUNGE"), ("p4", "FETCH"),
                         ("p5", "SEARCH")):
        c.running = {tag: command}
        r = c.wait(tag)
        assert r.status == "OK"
        if tag == "p4":
            assert [f["UID"] for f in r.fetched().values()] == [1, 3]
    assert r.one("SEARCH").data == [1, 2]


def test_pipelined_literals(server):
    c = fresh(server)
    m = numbered(1)
    c.raw(b"".join(b"m%d APPEND INBOX {%d+}\r\n%s\r\n" % (i, len(m), m) for i in range(5)))
    uids = []
    for i in range(5):
        c.running = {f"m{i}": "APPEND"}
        r = c.wait(f"m{i}")
        uids += r.code_args[1]
    assert uids == [1, 2, 3, 4, 5]
    assert len(c.view.uids) == 5


# --- greeting, login ---

def test_greeting(server):
    c = connect(server)
    assert c.greeting.kind == "OK"
    assert c.greeting.code == "CAPABILITY"
    assert c.ok("CAPABILITY").one("CAPABILITY").data == c.greeting.code_args


def test_capabilities(server, user):
    early = connect(server)
    caps = set(early.ok("CAPABILITY").one("CAPABILITY").data)
    assert {"IMAP4REV1", "LITERAL+", "ID", "SASL-IR", "STARTTLS", "AUTH=PLAIN"} <= caps
    r = early.login(user)
    assert r.code == "CAPABILITY"
    late = set(early.ok("CAPABILITY").one("CAPABILITY").data)
    assert late == set(r.code_args)
    assert not {"STARTTLS", "LOGINDISABLED"} & late
    assert {"LITERAL+", "ID", "CHILDREN", "NAMESPACE", "IDLE", "ACL", "QUOTA", "UNSELECT", "UIDPLUS",
            "MOVE"} <= late


def test_login_failure_tells_nothing(server, user):
    c = connect(server)
    wrong, nobody = c.no(f"LOGIN {user} wrong"), c.no("LOGIN nobody-at-all wrong")
    assert wrong.code == nobody.code == "AUTHENTICATIONFAILED"
    assert wrong.text == nobody.text
    c.login(user)


def test_starttls_drops_what_was_pipelined(server, user):
    """Whatever came before the TLS layer is not from the client that it hides
    (CVE-2011-0411): the plaintext after STARTTLS must not be run."""
    c = connect(server)
    c.raw(b"s STARTTLS\r\nz LOGIN " + user.encode() + b" secret\r\ny CREATE injected\r\n")
    c.running["s"] = "STARTTLS"
    assert c.wait("s").status == "OK"
    c.wire(server.tls.wrap_socket(c.sock, server_hostname="localhost"))
    r = c.ok("CAPABILITY")
    assert r.kinds == ["CAPABILITY"] and "STARTTLS" not in r.one("CAPABILITY").data
    c.bad("SELECT INBOX")
    c.login(user)
    assert c.names('LIST "" *').keys() == {"INBOX"}


def test_starttls_twice_and_afterwards(server, user):
    c = connect(server)
    c.starttls(server.tls)
    c.bad("STARTTLS")
    c.login(user)
    c.select()
    c.ok("LOGOUT")
    assert c.is_closed()


def test_tls_port(server, user):
    c = connect(server, tls=True)
    assert "STARTTLS" not in c.greeting.code_args
    c.bad("STARTTLS")
    c.login(user)


def plain(user, password="secret", authzid=""):
    return base64.b64encode(f"{authzid}\0{user}\0{password}".encode())


def test_authenticate_with_continuation(server, user):
    c = connect(server)
    tag = c.begin("AUTHENTICATE PLAIN")
    assert c.continuation() == ""
    c.raw(plain(user) + b"\r\n")
    r = c.wait(tag)
    assert r.status == "OK"
    c.select()


def test_authenticate_with_initial_response(server, user):
    c = connect(server)
    c.ok(b"AUTHENTICATE PLAIN " + plain(user))
    c.select()


def test_authenticate_is_cancelled_by_a_star(server, user):
    """"If the client wishes to cancel the authentication exchange, it issues a
    line consisting of a single "*" ... the server MUST reject with BAD.\""""
    c = connect(server)
    tag = c.begin("AUTHENTICATE PLAIN")
    c.continuation()
    c.raw(b"*\r\n")
    assert c.wait(tag).status == "BAD"
    c.login(user)


@pytest.mark.parametrize("answer", [b"not base64!", b"====", b"AA=A", b"\x00"])
def test_authenticate_with_no_base64(server, user, answer):
    c = connect(server)
    tag = c.begin("AUTHENTICATE PLAIN")
    c.continuation()
    c.raw(answer + b"\r\n")
    assert c.wait(tag).status == "BAD"
    c.login(user)


def test_authenticate_refusals(server, user):
    c = connect(server)
    c.no("AUTHENTICATE NOSUCH")
    c.no(b"AUTHENTICATE PLAIN " + plain(user, "wrong"))
    c.bad("AUTHENTICATE")
    assert c.no(b"AUTHENTICATE PLAIN " + plain(user, authzid="cyrus")).code in (
        "AUTHORIZATIONFAILED", "AUTHENTICATIONFAILED")
    c.bad("SELECT INBOX")
    c.login(user)


def test_empty_initial_response(server, user):
    """RFC 4959: "=" is the initial response of no bytes; PLAIN has none such."""
    c = connect(server)
    assert c.cmd("AUTHENTICATE PLAIN =").status in ("NO", "BAD")
    c.login(user)


def test_no_plaintext_without_tls(make_server):
    """Section 6.2.3: LOGINDISABLED is advertised, LOGIN is refused with NO.  A
    client at the machine's own outer address is not on the loopback."""
    own = subprocess.run(["hostname", "-I"], capture_output=True, text=True).stdout.split()
    own = [a for a in own if "." in a and not a.startswith("127.")]
    if not own:
        pytest.skip("this machine has the loopback address only")
    server = make_server(listen=own[0])
    server.set_password("u1")
    c = connect(server)
    assert "LOGINDISABLED" in c.greeting.code_args and "AUTH=PLAIN" not in c.greeting.code_args
    assert c.no("LOGIN u1 secret").code == "PRIVACYREQUIRED"
    assert c.no(b"AUTHENTICATE PLAIN " + plain("u1")).code != "AUTHENTICATIONFAILED"
    c.starttls(server.tls)
    caps = c.ok("CAPABILITY").one("CAPABILITY").data
    assert "AUTH=PLAIN" in caps and "LOGINDISABLED" not in caps
    c.login("u1")


# --- IDLE: RFC 2177 ---

def idle(c):
    tag = c.begin("IDLE")
    c.continuation()
    return tag


def test_idle_done(server):
    c = fresh(server)
    for word in (b"DONE\r\n", b"done\r\n", b"Done\r\n"):
        tag = idle(c)
        c.raw(word)
        assert c.wait(tag).status == "OK"


def test_idle_in_authenticated_state(server, user):
    c = login(server, user)
    tag = idle(c)
    c.raw(b"DONE\r\n")
    assert c.wait(tag).status == "OK"


def test_idle_with_done_and_more_pipelined(server):
    c = fresh(server)
    c.raw(b"i IDLE\r\nDONE\r\nn NOOP\r\nj IDLE\r\nDONE\r\n")
    c.running = {"i": "IDLE", "n": "NOOP", "j": "IDLE"}
    c.continuation()
    assert c.wait("i").status == "OK"
    assert c.wait("n").status == "OK"
    c.continuation()
    assert c.wait("j").status == "OK"


def test_idle_ended_by_something_else(server):
    """The server must not take a command for DONE; BAD, and the session goes on."""
    c = fresh(server)
    tag = idle(c)
    c.raw(b"x NOOP\r\n")
    assert c.wait(tag).status == "BAD"
    c.ok("NOOP")


def test_done_without_idle(server):
    c = fresh(server)
    c.raw(b"DONE\r\n")
    _, _, r = c.receive()
    assert r.kind == "BAD"
    c.ok("NOOP")


def test_idle_tells_of_everything(server):
    c = fresh(server, 2)
    other = login(server, c.user)
    other.select()
    tag = idle(c)
    other.append(numbered(3))
    assert c.untagged("EXISTS")[-1].number == 3
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert "\\Flagged" in c.untagged("FETCH")[-1].data["FLAGS"]
    other.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    c.untagged("FETCH")
    other.ok("EXPUNGE")
    assert c.untagged("EXPUNGE")[-1].number == 2
    c.raw(b"DONE\r\n")
    assert c.wait(tag).status == "OK"
    assert len(c.view.uids) == 2


# --- ID, NAMESPACE, ACL, QUOTA ---

def test_id(server, user):
    """RFC 2971: valid in every state, "ID SP nil or list"."""
    c = connect(server)
    ours = c.ok("ID NIL").one("ID").data
    assert ours is None or "name" in ours
    c.ok("ID ()")
    c.ok('ID ("name" "test" "version" NIL)')
    c.ok('ID ("name" NIL)')
    pairs = " ".join(f'"f{i}" "v"' for i in range(30))
    c.ok(f"ID ({pairs})")
    c.login(user)
    assert c.ok("ID NIL").one("ID").data == ours


def test_namespace(server, user):
    """RFC 2342: personal, other users', shared."""
    c = login(server, user)
    own, others, shared = c.ok("NAMESPACE").one("NAMESPACE").data
    assert own == [("INBOX.", ".")]
    assert others == [("user.", ".")]
    assert shared == [("", ".")]


def test_acl_commands(server, user):
    c = login(server, user)
    box, other = "INBOX." + name(), server.new_user()
    c.ok(f"CREATE {box}")
    c.ok(f"SETACL {box} {other} lrs")
    assert c.ok(f"GETACL {box}").one("ACL").data[1][other] == "lrs"
    c.ok(f"SETACL {box} {other} +w")
    assert set(c.ok(f"GETACL {box}").one("ACL").data[1][other]) == set("lrsw")
    c.ok(f"SETACL {box} {other} -s")
    assert set(c.ok(f"GETACL {box}").one("ACL").data[1][other]) == set("lrw")
    c.bad(f"SETACL {box} {other} lq")
    assert set(c.ok(f"GETACL {box}").one("ACL").data[1][other]) == set("lrw")
    c.ok(f'SETACL {box} {other} ""')
    assert other not in c.ok(f"GETACL {box}").one("ACL").data[1]
    c.ok(f"SETACL {box} {other} lr")
    c.ok(f"DELETEACL {box} {other}")
    assert other not in c.ok(f"GETACL {box}").one("ACL").data[1]
    c.ok(f"SETACL {box} -{other} r")
    assert c.ok(f"GETACL {box}").one("ACL").data[1]["-" + other] == "r"
    mine = set(c.ok(f"MYRIGHTS {box}").one("MYRIGHTS").data[1])
    assert set("lrswipkxtea") <= mine
    _, who, required, optional = c.ok(f"LISTRIGHTS {box} {other}").one("LISTRIGHTS").data
    assert who == other and required == "" and set("lrswipkxtea") <= set("".join(optional))
    _, _, required, optional = c.ok(f"LISTRIGHTS {box} {user}").one("LISTRIGHTS").data
    assert "l" in required and "a" in required


def test_acl_of_what_one_may_not_see(server, user):
    """RFC 4314 section 8: nothing shows whether a mailbox exists."""
    other = server.new_user()
    c = login(server, user)
    for command in ("SELECT", "GETACL", "MYRIGHTS", "DELETE", "STATUS", "GETQUOTAROOT"):
        tail = " (MESSAGES)" if command == "STATUS" else ""
        there = c.no(f"{command} user.{other}{tail}")
        not_there = c.no(f"{command} user.nobody-{name()}{tail}")
        assert (there.code, there.text) == (not_there.code, not_there.text), command


def test_quota(server, user):
    admin = login(server, "cyrus")
    admin.ok(f"SETQUOTA user.{user} (STORAGE 100 MESSAGE 5)")
    c = login(server, user)
    r = c.ok("GETQUOTAROOT INBOX")
    mailbox, roots = r.one("QUOTAROOT").data
    assert mailbox == "INBOX" and len(roots) == 1
    assert r.kinds == ["QUOTAROOT", "QUOTA"]
    root, limits = r.one("QUOTA").data
    assert root == roots[0]
    assert limits == {"STORAGE": (0, 100), "MESSAGE": (0, 5)}
    c.append(b"Subject: x\r\n\r\n" + b"x" * 4000 + b"\r\n")
    assert admin.ok(f"GETQUOTA user.{user}").one("QUOTA").data[1]["STORAGE"][0] in (3, 4)
    c.no(f"SETQUOTA {root} (STORAGE 1000)")
    assert c.no("APPEND INBOX ", Lit(b"Subject: x\r\n\r\n" + b"x" * 120_000 + b"\r\n")).code == "OVERQUOTA"
    for _ in range(4):
        c.append(SIMPLE)
    assert c.no("APPEND INBOX ", Lit(SIMPLE)).code == "OVERQUOTA"
    r = admin.ok(f"SETQUOTA user.{user} ()")
    assert admin.no(f"GETQUOTA user.{user}").code == "NONEXISTENT"


# --- the server says goodbye ---

def test_text_has_no_odd_bytes(server, user):
    """What the client sent comes back in no response as it was."""
    c = login(server, user)
    for word in ("\x01", "%s%n", "]", "[ALERT] x"):
        c.cmd("SELECT ", Lit(word.encode()))
        c.cmd("CREATE ", Lit(b"\xff" + word.encode()))
        c.cmd("STATUS ", Lit(word.encode()), " (MESSAGES)")
        c.cmd("GETQUOTA ", Lit(word.encode()))
    assert c.ok("NOOP").untagged == []
