"""CREATE, DELETE, RENAME (RFC 3501 sections 6.3.3-6.3.5)."""
import os

import pytest
from chapar import ADMIN
from test_list import names

MESSAGE = b"Subject: s\r\n\r\nbody\r\n"


def listed(c):
    return list(names(c.ok('LIST "" *')))


def test_create(imap):
    imap.ok("CREATE INBOX.a")
    r = imap.cmd("CREATE INBOX.a")
    assert (r.status, r.code) == ("NO", "ALREADYEXISTS")
    assert r.text.endswith("Mailbox already exists")
    # "a declaration that the client intends to create mailbox names under"
    imap.ok("CREATE INBOX.b.")
    imap.ok("CREATE INBOX.b.c")
    # "It is an error to attempt to create INBOX"
    assert imap.cmd("CREATE inbox").status == "NO"
    assert imap.cmd("CREATE shared").status == "NO"
    for bad in ("INBOX..a", ".a", '""', '"INBOX.a\tb"', "INBOX." + "x" * 2000):
        assert imap.cmd(f"CREATE {bad}").status in ("NO", "BAD"), bad
    assert imap.cmd('CREATE "INBOX.a*"').status == "NO"
    assert imap.cmd("CREATE").status == "BAD"


@pytest.mark.parametrize("name", ["user", "user.anyone", "user.anonymous", "user.%SHARED"])
def test_names_that_are_nobodys(server, user, name):
    """What is above all accounts; and whom SETACL takes for somebody else."""
    admin = server.admin()
    assert admin.cmd(f'CREATE "{name}"').status == "NO"
    admin.ok(f"CREATE user.{user}.x")
    admin.ok(f"SETACL user.{user}.x {ADMIN} lrx")
    assert admin.cmd(f'RENAME user.{user}.x "{name}"').status == "NO"


def test_names_never_reach_a_path(server, imap):
    for name in ("INBOX...", "INBOX./etc", "../../x", "INBOX.a/../../b", "/etc/passwd"):
        imap.cmd(f'CREATE "{name}"')
    assert not (server.dir / "etc").exists()
    assert not list(server.dir.glob("b")) and not list(server.dir.glob("x"))


def test_uidvalidity_of_a_name_used_again(imap):
    """"If a new mailbox is created with the same name as a mailbox which was
    deleted, its unique identifiers MUST be greater ... UNLESS the new
    incarnation has a different unique identifier validity value."""
    def validity():
        return int(imap.ok("STATUS INBOX.a (UIDVALIDITY)").find(rb"(\d+)\)$").group(1))
    imap.ok("CREATE INBOX.a")
    first = validity()
    imap.ok("DELETE INBOX.a")
    imap.ok("CREATE INBOX.a")
    assert validity() != first


def test_delete(imap):
    imap.ok("CREATE INBOX.foo")
    imap.ok("CREATE INBOX.foo.bar")
    # "deleting ... does not remove inferior hierarchical names"
    imap.ok("DELETE INBOX.foo")
    assert "INBOX.foo.bar" in listed(imap)
    imap.ok("DELETE INBOX.foo.bar")
    assert listed(imap) == ["INBOX"]
    # "It is an error to attempt to delete INBOX or a mailbox name that does
    # not exist."
    assert imap.cmd("DELETE INBOX").status == "NO"
    r = imap.cmd("DELETE INBOX.foo")
    assert (r.status, r.code) == ("NO", "NONEXISTENT")


def test_rename_moves_what_is_below(imap):
    """"if the name has inferior hierarchical names, then the inferior
    hierarchical names MUST also be renamed"."""
    for name in ("INBOX.a", "INBOX.a.b", "INBOX.a.b.c", "INBOX.ab"):
        imap.ok(f"CREATE {name}")
    imap.append("INBOX.a.b", MESSAGE)
    imap.ok("RENAME INBOX.a INBOX.z")
    assert sorted(listed(imap)) == ["INBOX", "INBOX.ab", "INBOX.z", "INBOX.z.b", "INBOX.z.b.c"]
    assert imap.ok("SELECT INBOX.z.b").find(rb"^1 EXISTS")


def test_rename_of_a_name_without_a_mailbox(imap):
    """What is below it goes; "Renaming foo to zap will rename foo/bar" """
    imap.ok("CREATE INBOX.a.b.c")
    imap.ok("CREATE INBOX.a.d")
    imap.append("INBOX.a.b.c", MESSAGE, "(\\Seen $NotJunk)")
    imap.ok("RENAME INBOX.a INBOX.z")
    assert listed(imap) == ["INBOX", "INBOX.z.b.c", "INBOX.z.d"]
    assert imap.ok("SELECT INBOX.z.b.c").find(rb"^1 EXISTS")
    assert imap.cmd("RENAME INBOX.a INBOX.y").code == "NONEXISTENT"
    imap.ok("CREATE INBOX.y.d")
    assert imap.cmd("RENAME INBOX.z INBOX.y").code == "ALREADYEXISTS"
    assert imap.cmd("RENAME INBOX.z INBOX.z.x").status == "NO"
    assert listed(imap) == ["INBOX", "INBOX.y.d", "INBOX.z.b.c", "INBOX.z.d"]


def test_rename_of_a_name_without_a_mailbox_needs_x_below(server, user):
    """And who may not know that there is something is not told."""
    admin, imap = server.admin(), server.login(user)
    top = f"bb.{user}"
    for name in ("x.a", "x.b", "y"):
        admin.ok(f"CREATE {top}.{name}")
        admin.ok(f"DELETEACL {top}.{name} anyone")
    admin.ok(f"SETACL {top}.y {user} lrk")
    for rights, code in (("", "NONEXISTENT"), ("l", "NOPERM"), ("lx", "NOPERM")):
        admin.ok(f'SETACL {top}.x.a {user} "{rights}"')
        assert imap.cmd(f"RENAME {top}.x {top}.y.x").code == code, rights
    admin.ok(f"SETACL {top}.x.b {user} lx")
    imap.ok(f"RENAME {top}.x {top}.y.x")
    assert f"{top}.y.x.b" in listed(imap) and f"{top}.x.b" not in listed(imap)
    assert admin.cmd("RENAME user bb.users").status == "NO"


def test_rename_errors(imap):
    imap.ok("CREATE INBOX.a")
    imap.ok("CREATE INBOX.b")
    assert imap.cmd("RENAME INBOX.a INBOX.b").code == "ALREADYEXISTS"
    assert imap.cmd("RENAME INBOX.no INBOX.c").code == "NONEXISTENT"
    assert imap.cmd("RENAME INBOX.a INBOX.a").status == "NO"
    assert imap.cmd("RENAME INBOX.a INBOX.a.x").status == "NO"
    assert imap.cmd("RENAME INBOX.a shared").status == "NO"
    assert imap.cmd("RENAME INBOX.a").status == "BAD"
    assert sorted(listed(imap)) == ["INBOX", "INBOX.a", "INBOX.b"]


def test_rename_inbox(imap):
    """"Renaming INBOX is permitted, and has special behavior.  It moves all
    messages in INBOX to a new mailbox with the given name, leaving INBOX
    empty.  If the server implementation supports inferior hierarchical names of
    INBOX, these are unaffected"."""
    imap.ok("CREATE INBOX.sub")
    imap.append("INBOX", MESSAGE, r"(\Flagged)")
    imap.append("INBOX", MESSAGE)
    imap.ok("RENAME INBOX INBOX.old-mail")
    assert imap.ok("SELECT INBOX").find(rb"^0 EXISTS")
    assert imap.ok("SELECT INBOX.old-mail").find(rb"^2 EXISTS")
    assert imap.ok("FETCH 1 FLAGS").find(rb"\\Flagged")
    assert sorted(listed(imap)) == ["INBOX", "INBOX.old-mail", "INBOX.sub"]


def test_rename_of_a_selected_mailbox(server, user):
    a, b = server.login(user), server.login(user)
    a.ok("CREATE INBOX.a")
    b.append("INBOX.a", MESSAGE)
    a.ok("SELECT INBOX.a")
    b.ok("RENAME INBOX.a INBOX.b")
    b.append("INBOX.b", MESSAGE)
    assert b"2 EXISTS" in a.ok("NOOP").untagged
    assert a.ok("FETCH 1:2 BODY.PEEK[]").all(rb"body")


def test_rights(server, user):
    """RFC 4314 section 4: CREATE needs k on the parent, DELETE x on the mailbox,
    RENAME x and k."""
    other = server.new_user()
    o, c = server.login(other), server.login(user)
    box = f"user.{other}"
    assert c.cmd(f"CREATE {box}.a").status == "NO"
    o.ok("CREATE INBOX.p")
    o.ok(f"SETACL INBOX.p {user} lrk")
    c.ok(f"CREATE {box}.p.new")
    r = c.cmd(f"DELETE {box}.p.new")
    assert (r.status, r.code) == ("NO", "NOPERM")
    assert r.text.endswith("Permission denied")
    o.ok(f"SETACL INBOX.p.new {user} +x")
    c.ok(f"RENAME {box}.p.new {box}.p.newer")
    c.ok(f"DELETE {box}.p.newer")
    assert c.cmd(f"DELETE {box}").code == "NONEXISTENT", "it must not be known"


def test_admin_needs_rights_to_delete(server, user):
    """cyradm's way: an administrator has l and a, and gives himself the rest."""
    a = server.admin()
    assert a.cmd(f"DELETE user.{user}").status == "NO"
    a.ok(f"SETACL user.{user} {ADMIN} x")
    a.ok(f"DELETE user.{user}")
    assert server.login(user).cmd("SELECT INBOX").status == "NO"


def test_admin_deletes_the_whole_account(server, user, imap):
    imap.ok("CREATE INBOX.a.b")
    a = server.admin()
    a.ok(f"SETACL user.{user} {ADMIN} x")
    a.ok(f"DELETE user.{user}")
    assert listed(imap) == []


def test_admin_renames_a_user(server, user, imap):
    imap.append("INBOX", MESSAGE)
    imap.ok("CREATE INBOX.a")
    imap.ok("SUBSCRIBE INBOX.a")
    new = server.new_user(inbox=False)
    a = server.admin()
    a.ok(f"SETACL user.{user} {ADMIN} x")
    a.ok(f"RENAME user.{user} user.{new}")
    c = server.login(new)
    assert c.ok("SELECT INBOX").find(rb"^1 EXISTS")
    assert listed(c) == ["INBOX", "INBOX.a"]
    assert list(names(c.ok('LSUB "" *'))) == ["INBOX.a"]
    acl = c.ok("GETACL INBOX.a").untagged[0].decode()
    assert f" {new} lrswipkxtecdan" in acl and user not in acl


def test_rename_of_a_user_of_which_a_part_fails(make_server):
    """The mailboxes have their new names, so it is not NO; the rest is told."""
    srv = make_server()
    srv.expect(r"not all rights, subscriptions|\.sub: Is a directory")
    user, new = srv.new_user(), srv.new_user(inbox=False)
    c, a = srv.login(user), srv.admin()
    c.ok("CREATE INBOX.a")
    c.ok("SUBSCRIBE INBOX.a")
    c.close()
    place = srv.dir / "config/user" / new[0]
    for folder in (place, place / f"{new}.sub"):
        folder.mkdir(parents=True, exist_ok=True)
        if srv.owner:
            os.chown(folder, srv.owner.pw_uid, srv.owner.pw_gid)
    a.ok(f"SETACL user.{user} {ADMIN} x")
    r = a.ok(f"RENAME user.{user} user.{new}")
    assert r.code == "ALERT"
    assert "not all that names the user" in r.text
    (place / f"{new}.sub").rmdir()
    c = srv.login(new)
    assert listed(c) == ["INBOX", "INBOX.a"]
    acl = c.ok("GETACL INBOX.a").untagged[0].decode()
    assert f" {new} lrswipkxtecdan" in acl and user not in acl


def test_shared_folders(server, user):
    a = server.admin()
    name = f"bb{user}"
    a.ok(f"CREATE {name}.news")
    c = server.login(user)
    assert f"{name}.news" in listed(c)          # defaultacl: anyone lrs
    assert c.ok(f"SELECT {name}.news").code == "READ-WRITE"
    a.ok(f"DELETEACL {name}.news anyone")
    assert c.cmd(f"SELECT {name}.news").code == "NONEXISTENT"


def test_autocreate(make_server):
    srv = make_server({"autocreate_quota": "1000", "autocreate_inbox_folders": "Drafts|Sent",
                       "autocreate_subscribe_folders": "Sent"})
    user = srv.new_user(inbox=False)
    c = srv.login(user)
    assert listed(c) == ["INBOX", "INBOX.Drafts", "INBOX.Sent"]
    assert list(names(c.ok('LSUB "" *'))) == ["INBOX.Sent"]
    assert c.ok("GETQUOTAROOT INBOX").find(rb"^QUOTA INBOX \(STORAGE 0 1000\)$")
    c.ok("DELETE INBOX.Drafts")
    assert listed(srv.login(user)) == ["INBOX", "INBOX.Sent"], "made again"


def test_no_autocreate(server):
    c = server.login(server.new_user(inbox=False))
    assert c.cmd("SELECT INBOX").code == "NONEXISTENT"
    assert c.cmd("CREATE INBOX").status == "NO"


def test_admin_moves_to_another_partition(make_server):
    """renamemailbox user.x user.x PARTITION: the mailbox stays what it was."""
    srv = make_server(start=False)
    srv.add_partition("two")
    srv.start()
    user = srv.new_user()
    c, a = srv.login(user), srv.admin()
    c.append("INBOX", MESSAGE)
    before = c.ok("STATUS INBOX (UIDVALIDITY UIDNEXT MESSAGES)").untagged
    assert c.cmd("RENAME INBOX INBOX two").status == "NO"
    assert a.cmd(f"RENAME user.{user} user.{user}").status == "NO"
    assert a.cmd(f"RENAME user.{user} user.{user} three").status == "NO"
    a.ok(f"RENAME user.{user} user.{user} two")
    assert (srv.dir / "two/user" / user / "1.").exists()
    assert not (srv.dir / "spool/user" / user).exists()
    assert srv.login(user).ok("STATUS INBOX (UIDVALIDITY UIDNEXT MESSAGES)").untagged == before


def test_delete_of_the_old_name_of_what_is_selected(imap):
    """The selected mailbox has another name by now: it stays selected."""
    imap.ok("CREATE INBOX.a")
    imap.ok("SELECT INBOX.a")
    imap.ok("RENAME INBOX.a INBOX.b")
    imap.ok("CREATE INBOX.a")
    imap.ok("DELETE INBOX.a")
    imap.ok("FETCH 1:* UID")
    imap.ok("DELETE INBOX.b")
    assert imap.cmd("FETCH 1:* UID").status == "BAD"
