"""ID (RFC 2971)."""
import pytest


@pytest.fixture(scope="module")
def silent(module_server):
    return module_server({"imapidresponse": "no"})


def test_2_advertised(server):
    c = server.connect()
    assert b" ID " in c.greeting.replace(b"]", b" ")
    c.close()


def test_3_1_in_any_state(server, user):
    """"... permissible in any state"."""
    c = server.connect()
    assert c.ok("ID NIL").find(rb"^ID ")
    c.login(user)
    assert c.ok("ID NIL").find(rb"^ID ")
    c.ok("SELECT INBOX")
    assert c.ok("ID NIL").find(rb"^ID ")
    c.close()


def test_3_2_response(imap):
    assert imap.ok("ID NIL").find(rb'^ID \("name" "Chapar" "version" "[^"]+"\)$')


def test_3_2_nil_if_it_shall_not_be_told(silent):
    c = silent.connect()
    assert c.ok('ID ("name" "x")').find(rb"^ID NIL$")
    c.close()


@pytest.mark.parametrize("args", [
    "NIL", "nil", "()", '("name" "sodr")', '("name" "sodr" "version" "19.34" "vendor" "Pink Floyd")',
    '("name" NIL)', '("NAME" "x" "os" nil)', '("" "")', '("a\\"b" "c\\\\d")'])
def test_3_1_accepted(imap, args):
    assert imap.ok("ID " + args).find(rb"^ID ")


@pytest.mark.parametrize("args", [
    "", " ", " (", ' ("name")', ' ("name" "x"', ' ("name" x)', " (name \"x\")", ' ("a" "b" )', ' ( "a" "b")',
    ' ("a" "b")("c" "d")', ' ("a"  "b")', " NIL NIL", ' ("a" "b" "c")', ' (NIL "x")', ' "a" "b"'])
def test_4_grammar(imap, args):
    assert imap.cmd("ID" + args).status == "BAD"
    imap.ok("NOOP")


def test_3_1_literals(imap):
    imap.send(b'a ID ({4+}\r\nname {5+}\r\nx y z "os" {0+}\r\n)\r\n')
    assert imap.wait("a").status == "OK"


@pytest.mark.parametrize("n, good", [(30, True), (31, False)])
def test_3_3_at_most_30_pairs(imap, n, good):
    pairs = " ".join(f'"f{i}" "v"' for i in range(n))
    assert (imap.cmd(f"ID ({pairs})").status == "OK") == good


@pytest.mark.parametrize("name, value, good", [(30, 1024, True), (31, 1, False), (1, 1025, False)])
def test_3_3_lengths(imap, name, value, good):
    assert (imap.cmd(f'ID ("{"n" * name}" "{"v" * value}")').status == "OK") == good


def test_5_it_is_logged(server):
    c = server.connect()
    c.ok('ID ("name" "test_5_it_is_logged" "os" NIL)')
    server.wait_log('client id: .*"name" "test_5_it_is_logged"')
    c.close()


def test_6_no_control_characters_in_the_log(server):
    """What a client says of itself cannot make lines of its own in the log."""
    c = server.connect()
    c.send(b'a ID ("name" {20+}\r\nx\r\nerr: faked line\n)\r\n')
    assert c.wait("a").status in ("OK", "BAD")
    c.ok('ID ("name" "test_6_after_it")')
    server.wait_log('"test_6_after_it"')
    log = server.log_path.read_text(errors="replace")
    assert "\nerr: faked" not in log
    c.close()
