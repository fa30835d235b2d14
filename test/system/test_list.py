"""LIST, LSUB, NAMESPACE in both styles (RFC 3501 section 6.3.8, RFC 2342,
RFC 3348)."""
import re


def names(r):
    """{name: attributes} in order."""
    out = {}
    for u in r.untagged:
        m = re.match(rb'^(?:LIST|LSUB) \(([^)]*)\) "(.)" (?:"((?:[^"\\]|\\.)*)"|(\S+))$', u)
        assert m, u
        out[(m.group(3) if m.group(3) is not None else m.group(4)).decode()] = set(
            m.group(1).decode().split())
    return out


def build(imap, *boxes):
    for b in boxes:
        imap.ok(f'CREATE "{b}"')


def test_wildcards(imap):
    build(imap, "INBOX.a", "INBOX.a.b", "INBOX.a.b.c", "INBOX.ab", "INBOX.z")
    assert list(names(imap.ok('LIST "" *'))) == [
        "INBOX", "INBOX.a", "INBOX.a.b", "INBOX.a.b.c", "INBOX.ab", "INBOX.z"]
    assert list(names(imap.ok('LIST "" INBOX.%'))) == ["INBOX.a", "INBOX.ab", "INBOX.z"]
    assert list(names(imap.ok('LIST "" INBOX.a%'))) == ["INBOX.a", "INBOX.ab"]
    assert list(names(imap.ok('LIST "" INBOX.*b'))) == ["INBOX.a.b", "INBOX.ab"]
    assert list(names(imap.ok('LIST INBOX. a.%'))) == ["INBOX.a.b"]
    assert list(names(imap.ok('LIST "" inbox'))) == ["INBOX"]
    assert list(names(imap.ok('LIST "" INBOX.a'))) == ["INBOX.a"]
    assert names(imap.ok('LIST "" INBOX.nothing')) == {}


def test_delimiter(imap):
    """"An empty ("" string) mailbox name argument is a special request to return
    the hierarchy delimiter and the root name"."""
    assert imap.ok('LIST "" ""').untagged == [b'LIST (\\Noselect) "." ""']


def test_children(imap):
    """RFC 3348: "\\HasChildren"; a mailbox may not have both."""
    build(imap, "INBOX.a.b", "INBOX.c")
    got = names(imap.ok('LIST "" *'))
    assert got["INBOX"] == {"\\HasChildren"}
    assert got["INBOX.a.b"] == {"\\HasNoChildren"}
    assert got["INBOX.c"] == {"\\HasNoChildren"}


def test_levels_that_are_no_mailboxes(imap):
    """"If the "%" wildcard is the last character of a mailbox name argument,
    matching levels of hierarchy are also returned.  If these levels ... are not
    also selectable mailboxes, they are returned with the \\Noselect"."""
    build(imap, "INBOX.x", "INBOX.x.y")
    imap.ok("DELETE INBOX.x")
    assert names(imap.ok('LIST "" INBOX.%')) == {"INBOX.x": {"\\Noselect", "\\HasChildren"}}
    assert list(names(imap.ok('LIST "" INBOX.*'))) == ["INBOX.x.y"]
    assert imap.cmd("SELECT INBOX.x").status == "NO"


def test_only_what_one_may_see(server, user):
    other = server.new_user()
    c = server.login(user)
    assert f"user.{other}" not in names(c.ok('LIST "" *'))
    o = server.login(other)
    o.ok("CREATE INBOX.shared")
    o.ok(f"SETACL INBOX.shared {user} lr")
    got = names(c.ok('LIST "" *'))
    assert f"user.{other}.shared" in got and f"user.{other}" not in got
    assert names(c.ok('LIST "" %')) == {
        "INBOX": {"\\HasNoChildren"}, "user": {"\\Noselect", "\\HasChildren"}}
    # A child that he may not see is no child to him.
    o.ok("CREATE INBOX.shared.secret")
    o.ok(f"DELETEACL INBOX.shared.secret {user}")
    got = names(c.ok('LIST "" *'))
    assert got[f"user.{other}.shared"] == {"\\HasNoChildren"}


def test_deleted_mailboxes_are_hidden(server, imap):
    imap.ok("CREATE INBOX.old")
    imap.ok("DELETE INBOX.old")
    assert not [n for n in names(imap.ok('LIST "" *')) if "DELETED" in n or "old" in n]


def test_names_in_utf7(imap):
    """"All names ... modified UTF-7"; what is not, is no name."""
    build(imap, "INBOX.T&AOk-l&AOk-phone", "INBOX.a&-b")
    assert "INBOX.T&AOk-l&AOk-phone" in names(imap.ok('LIST "" *'))
    assert list(names(imap.ok('LIST "" INBOX.T&AOk-%'))) == ["INBOX.T&AOk-l&AOk-phone"]
    for bad in ("INBOX.&AOk", "INBOX.&", "INBOX.&AGE-"):
        r = imap.cmd(f"CREATE {bad}")
        assert (r.status, r.code) == ("NO", "CANNOT"), bad


def test_lsub(imap):
    build(imap, "INBOX.a", "INBOX.a.b")
    assert names(imap.ok('LSUB "" *')) == {}
    imap.ok("SUBSCRIBE INBOX.a.b")
    assert list(names(imap.ok('LSUB "" *'))) == ["INBOX.a.b"]
    # "a special situation occurs when using LSUB with the % wildcard"
    assert names(imap.ok('LSUB "" INBOX.%')) == {"INBOX.a": {"\\Noselect"}}
    imap.ok("SUBSCRIBE INBOX.a")
    assert names(imap.ok('LSUB "" INBOX.%')) == {"INBOX.a": set()}
    # "The server MUST NOT unilaterally remove an existing mailbox name from
    # the subscription list even if a mailbox by that name no longer exists."
    imap.ok("DELETE INBOX.a.b")
    assert "INBOX.a.b" in names(imap.ok('LSUB "" *'))
    imap.ok("UNSUBSCRIBE INBOX.a.b")
    imap.ok("UNSUBSCRIBE INBOX.a")
    assert names(imap.ok('LSUB "" *')) == {}
    assert imap.cmd("SUBSCRIBE INBOX.never").status == "NO"


def test_namespace(imap):
    assert imap.ok("NAMESPACE").untagged == [
        b'NAMESPACE (("INBOX." ".")) (("user." ".")) (("" "."))']


def test_bad_arguments(imap):
    for bad in ("LIST", 'LIST ""', 'LIST "" * x', "LIST * (", 'LSUB "" "a'):
        assert imap.cmd(bad).status == "BAD", bad


def test_altnamespace_and_slash(make_server):
    srv = make_server({"altnamespace": "yes", "unixhierarchysep": "yes"})
    fred, wilma = srv.new_user(), srv.new_user(prefix="w.")
    a = srv.admin()
    a.ok("CREATE bb/news")
    a.ok("SETACL bb/news anyone lrsp")
    w = srv.login(wilma)
    w.ok("CREATE Mail.2024/x")
    w.ok(f"SETACL Mail.2024/x {fred} lr")
    c = srv.login(fred)
    assert c.ok("NAMESPACE").untagged == [
        b'NAMESPACE (("" "/")) (("Other Users/" "/")) (("Shared Folders/" "/"))']
    build(c, "Drafts", "Drafts/a")
    got = names(c.ok('LIST "" *'))
    assert list(got) == ["INBOX", "Drafts", "Drafts/a", "Shared Folders/bb/news",
                         f"Other Users/{wilma}/Mail.2024/x"]
    assert got["INBOX"] == {"\\HasNoChildren"}
    assert got["Drafts"] == {"\\HasChildren"}
    assert set(names(c.ok('LIST "" %'))) == {"INBOX", "Drafts", "Shared Folders", "Other Users"}
    assert c.ok(f'SELECT "Other Users/{wilma}/Mail.2024/x"').code == "READ-ONLY"
    assert c.cmd('CREATE "Other Users"').status == "NO"
    acl = w.ok("GETACL Mail.2024/x").untagged[0].decode()
    assert f" {wilma} " in acl and f" {fred} lr" in acl
    assert f"user/{wilma}/Mail.2024/x" in names(a.ok('LIST "" *'))
