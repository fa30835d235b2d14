"""NAMESPACE (RFC 2342), and the names in each of them."""
import re

import pytest

from listlines import capabilities, listed

STYLES = {
    "default": ({}, [("INBOX.", "."), ("user.", "."), ("", ".")]),
    "slash": ({"unixhierarchysep": "yes"}, [("INBOX/", "/"), ("user/", "/"), ("", "/")]),
    "alt": ({"altnamespace": "yes", "unixhierarchysep": "yes"},
            [("", "/"), ("Other Users/", "/"), ("Shared Folders/", "/")]),
    "alt, own prefixes": ({"altnamespace": "yes", "userprefix": "Leute", "sharedprefix": "Für alle"},
                          [("", "."), ("Leute.", "."), ("F&APw-r alle.", ".")]),
}


@pytest.fixture(scope="module", params=STYLES)
def style(request, module_server):
    options, want = STYLES[request.param]
    return module_server(options), want


def namespaces(c):
    """[personal, other users', shared]: lists of (prefix, delimiter)."""
    line = c.ok("NAMESPACE").find(rb"^NAMESPACE (.*)$").group(1).decode()
    groups = re.findall(r'NIL|\((?:\("[^"]*" "[^"]*"\))+\)', line)
    assert " ".join(groups) == line and len(groups) == 3
    return [re.findall(r'\("([^"]*)" "([^"]*)"\)', g) for g in groups]


def test_5_the_three(style):
    srv, want = style
    assert namespaces(srv.login(srv.new_user())) == [[w] for w in want]


def test_5_advertised(style):
    srv, _ = style
    assert "NAMESPACE" in capabilities(srv.login(srv.new_user()))


def test_5_personal_names(style):
    """CREATE with the prefix makes a personal mailbox."""
    srv, ((prefix, sep), _, _) = style
    c = srv.login(srv.new_user())
    c.ok(f'CREATE "{prefix}new"')
    assert set(listed(c.ok(f'LIST "{prefix}" new'))) == {f"{prefix}new"}
    assert c.ok('LIST "" ""').untagged == [rf'LIST (\Noselect) "{sep}" ""'.encode()]


def test_5_other_users_names(style):
    srv, (own, (prefix, sep), _) = style
    owner, user = srv.new_user(), srv.new_user()
    c, d = srv.login(owner), srv.login(user)
    c.ok(f'CREATE "{own[0]}given"')
    c.ok(f'SETACL "{own[0]}given" {user} lr')
    name = f"{prefix}{owner}{sep}given"
    assert set(listed(d.ok(f'LIST "{prefix}" *'))) == {name}
    d.ok(f'SELECT "{name}"')


def test_5_shared_names(style):
    srv, (_, _, (prefix, sep)) = style
    admin = srv.login("cyrus")
    admin.cmd(f"CREATE board{sep}news")
    admin.ok(f"SETACL board{sep}news anyone lr")
    c = srv.login(srv.new_user())
    name = f"{prefix}board{sep}news"
    assert name in listed(c.ok(f'LIST "{prefix}" *'))
    c.ok(f'EXAMINE "{name}"')


def test_5_not_before_login(style):
    c = style[0].connect()
    assert c.cmd("NAMESPACE").status == "BAD"
    c.close()


def test_6_syntax(style):
    c = style[0].login(style[0].new_user())
    assert c.cmd("NAMESPACE x").status == "BAD" and c.cmd("NAMESPACE ").status == "BAD"
