"""What becomes of a session whose mailbox is renamed, gets other rights, or is deleted
(RFC 2180 sections 3.3, 3.4; RFC 4314 section 4)."""
import re

import pytest
from answers import append, esearches, fetches, found
from chapar import ADMIN

MESSAGE = b"Subject: old\r\n\r\nbody\r\n"


@pytest.fixture(params=["delayed", "immediate"], scope="module")
def srv(request, module_server):
    """For what is deleted: the same is to be seen, kept for a while or not."""
    return module_server({"delete_mode": request.param})


@pytest.fixture
def gone(srv):
    """(a session whose mailbox another has deleted, that one, the user)"""
    user = srv.new_user()
    a, b = srv.login(user), srv.login(user)
    a.ok("CREATE INBOX.gone")
    for flags in ("", r"(\Deleted)", ""):
        a.append("INBOX.gone", MESSAGE, flags)
    a.ok("SELECT INBOX.gone")
    b.ok("DELETE INBOX.gone")
    yield a, b, user
    a.close()
    b.close()


def kept(srv, user):
    """{uid: flags} of what is kept of it, as an administrator sees it."""
    admin = srv.admin()
    names = [re.search(r"(DELETED\S+?)\"?$", u.decode())[1] for u in
             admin.ok(f'LIST "" DELETED.user.{user}.*').untagged]
    if not names:
        return None
    assert len(names) == 1
    admin.ok(f"SETACL {names[0]} {ADMIN} lrs")
    admin.ok(f"EXAMINE {names[0]}")
    r = admin.ok("UID FETCH 1:* (FLAGS)")
    admin.close()
    return {int(re.search(rb"UID (\d+)", c)[1]): re.search(rb"FLAGS \(([^)]*)\)", c)[1].replace(b"\\Recent", b"").split()
            for c in fetches(r).values()}


NEEDS_IT = [
    "FETCH 1 (FLAGS)", "UID FETCH 1:* (UID)", "FETCH 1 BODY[]", r"STORE 1 +FLAGS (\Flagged)",
    r"UID STORE 1:* FLAGS.SILENT ($x)", "SEARCH ALL", "UID SEARCH RETURN (SAVE) ALL", "SORT (DATE) UTF-8 ALL",
    "THREAD REFERENCES UTF-8 ALL", "COPY 1 INBOX", "UID COPY 1:* INBOX", "MOVE 1 INBOX", "UID MOVE 1:* INBOX",
    "EXPUNGE", "UID EXPUNGE 1:*", "UIDBATCHES 1000", "CHECK", 'CANCELUPDATE "x"', 'REPLACE 1 INBOX {1+}\r\nx',
    "UID REPLACE 1 INBOX.gone {1+}\r\nx", "FETCH 99 (FLAGS)", r"STORE 99 +FLAGS (\Seen)"]


@pytest.mark.parametrize("command", NEEDS_IT)
def test_deleted_nothing_is_done(srv, gone, command):
    """BYE, and that it was not done; in what is kept nothing has changed."""
    a, b, user = gone
    r = a.cmd(command)
    assert r.untagged == [b"BYE Mailbox has been deleted"]
    assert r.status == "NO" and r.code == "NONEXISTENT" and a.is_closed()
    assert kept(srv, user) in (None, {1: [], 2: [b"\\Deleted"], 3: []})
    assert b.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0\)")


@pytest.mark.parametrize("command", ["NOOP", 'LIST "" *', "STATUS INBOX (MESSAGES)", "CREATE INBOX.new", "CAPABILITY",
                                     "GETQUOTAROOT INBOX", "NAMESPACE"])
def test_deleted_what_does_not_need_it(gone, command):
    """It is done, and then the session ends."""
    a, _, _ = gone
    r = a.cmd(command)
    assert r.status == "OK" and r.untagged[-1] == b"BYE Mailbox has been deleted" and a.is_closed()


@pytest.mark.parametrize("command", ["CLOSE", "UNSELECT"])
def test_deleted_leaving_it(srv, gone, command):
    """Who does not need it any more goes on; CLOSE takes nothing out of what is kept."""
    a, _, user = gone
    assert a.ok(command).untagged == []
    assert a.cmd("CHECK").status == "BAD"
    assert kept(srv, user) in (None, {1: [], 2: [b"\\Deleted"], 3: []})
    a.ok("SELECT INBOX")


def test_deleted_then_another_is_selected(gone):
    a, _, _ = gone
    assert a.ok("SELECT INBOX").find(rb"^0 EXISTS$")
    a.ok("NOOP")


def test_deleted_then_selected_again(gone):
    a, _, _ = gone
    assert a.cmd("SELECT INBOX.gone").code == "NONEXISTENT"
    a.ok("NOOP")


def test_deleted_then_logout(gone):
    a, _, _ = gone
    assert a.ok("LOGOUT").untagged == [b"BYE LOGOUT received"]


def test_deleted_in_idle(srv):
    user = srv.new_user()
    a, b = srv.login(user), srv.login(user)
    a.ok("CREATE INBOX.gone")
    a.ok("SELECT INBOX.gone")
    a.send(b"i IDLE\r\n")
    assert a.line().startswith(b"+ ")
    b.ok("DELETE INBOX.gone")
    assert a.line() == b"* BYE Mailbox has been deleted"


def test_deleted_with_append_to_another(gone):
    """A client that hears NO would do it again: here a message would come twice."""
    a, b, _ = gone
    r = append(a, "INBOX", MESSAGE)
    assert r.status == "OK" and r.untagged == [b"BYE Mailbox has been deleted"]
    assert b.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 1\)")


def test_deleted_esearch(gone):
    a, _, _ = gone
    r = a.cmd("ESEARCH IN (selected) RETURN (COUNT) ALL")
    assert r.status == "NO" and r.code == "NONEXISTENT" and not esearches(r)


def test_deleted_and_made_again(srv, gone):
    """The new one of that name is another mailbox."""
    a, b, _ = gone
    b.ok("CREATE INBOX.gone")
    b.append("INBOX.gone", MESSAGE)
    assert a.cmd(r"STORE 1 +FLAGS (\Flagged)").code == "NONEXISTENT"
    b.ok("SELECT INBOX.gone")
    assert b"\\Flagged" not in fetches(b.ok("FETCH 1 (FLAGS)"))[1]


def test_deleted_by_itself(srv):
    """Who deletes what he has selected knows that it is gone."""
    c = srv.login(srv.new_user())
    c.ok("CREATE INBOX.gone")
    c.ok("SELECT INBOX.gone")
    assert c.ok("DELETE INBOX.gone").untagged == []
    assert c.cmd("CHECK").status == "BAD"
    c.ok("SELECT INBOX")


def test_account_deleted_by_itself(srv):
    """With the account goes the mailbox below that is selected."""
    user = srv.new_user()
    admin = srv.admin()
    for name in (f"user.{user}", f"user.{user}.sub"):
        if name.endswith("sub"):
            admin.ok(f"CREATE {name}")
        admin.ok(f"SETACL {name} {ADMIN} lrswipkxtecda")
    admin.ok(f"SELECT user.{user}.sub")
    admin.ok(f"DELETE user.{user}")
    assert admin.cmd("CHECK").status == "BAD"
    admin.ok("NOOP")
    admin.close()


def test_kept_mailbox_may_be_selected(make_server):
    """What was deleted when it was selected can be worked in, to save something."""
    srv = make_server({"delete_mode": "delayed"})
    user = srv.new_user()
    c, admin = srv.login(user), srv.admin()
    c.ok("CREATE INBOX.gone")
    c.append("INBOX.gone", MESSAGE)
    c.ok("DELETE INBOX.gone")
    name = admin.ok(f'LIST "" DELETED.user.{user}.*').find(rb"(DELETED\S+?)\"?$")[1].decode()
    admin.ok(f"SETACL {name} {ADMIN} lrswipkxtecda")
    admin.ok(f"SELECT {name}")
    admin.ok(r"STORE 1 +FLAGS (\Flagged)")
    admin.ok(f"RENAME {name} user.{user}.back")
    assert fetches(admin.ok("FETCH 1 (FLAGS)"))[1]
    c.ok("SELECT INBOX.back")
    assert b"\\Flagged" in fetches(c.ok("FETCH 1 (FLAGS)"))[1]


# --- renamed ---

@pytest.fixture
def renamed(server, user):
    """(a session whose mailbox, INBOX.old, is INBOX.new.er by now; the one who did it)"""
    a, b = server.login(user), server.login(user)
    a.ok("CREATE INBOX.old")
    a.append("INBOX.old", MESSAGE)
    a.ok("SELECT INBOX.old")
    b.ok("RENAME INBOX.old INBOX.new.er")
    return a, b


def selected_name(c):
    return [e["MAILBOX"] for e in esearches(c.ok("ESEARCH IN (selected) ALL"))]


def test_renamed_goes_on(renamed):
    """Section 3.4: the session does not notice."""
    a, b = renamed
    assert b"body" in fetches(a.ok("FETCH 1 BODY.PEEK[]"))[1]
    a.ok(r"STORE 1 +FLAGS (\Flagged)")
    b.append("INBOX.new.er", MESSAGE)
    assert b"2 EXISTS" in a.ok("NOOP").untagged
    b.ok("SELECT INBOX.new.er")
    assert found(b.ok("SEARCH FLAGGED")) == [1]
    a.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    a.ok("CLOSE")
    assert b"2 EXPUNGE" in b.ok("NOOP").untagged


def test_renamed_is_told_by_its_name_now(renamed):
    a, b = renamed
    assert selected_name(a) == ["INBOX.new.er"]
    b.ok("RENAME INBOX.new.er INBOX.newest")
    assert selected_name(a) == ["INBOX.newest"]


def test_renamed_by_itself(server, user):
    c = server.login(user)
    c.ok("CREATE INBOX.old")
    c.append("INBOX.old", MESSAGE)
    c.ok("SELECT INBOX.old")
    c.ok("RENAME INBOX.old INBOX.mine")
    assert selected_name(c) == ["INBOX.mine"]
    c.ok(r"STORE 1 +FLAGS (\Flagged)")


def test_renamed_and_another_of_the_old_name(renamed):
    """It is the mailbox that is selected, not its name."""
    a, b = renamed
    b.ok("CREATE INBOX.old")
    b.append("INBOX.old", b"Subject: other\r\n\r\nother\r\n")
    assert selected_name(a) == ["INBOX.new.er"]
    r = a.ok("ESEARCH IN (selected subtree (INBOX)) ALL")
    assert sorted(e["MAILBOX"] for e in esearches(r)) == ["INBOX.new.er", "INBOX.old"]
    made = b'{%d+}\r\n;UID=1/;SECTION=TEXT' % len(b";UID=1/;SECTION=TEXT")
    r = a.cmd(b"APPEND INBOX CATENATE (TEXT {14+}\r\nSubject: x\r\n\r\n URL " + made + b")")
    assert r.status == "OK", r
    b.ok("SELECT INBOX")
    assert b"body" in fetches(b.ok("FETCH 1 BODY[TEXT]"))[1]


def test_renamed_above_it(server, user):
    a, b = server.login(user), server.login(user)
    a.ok("CREATE INBOX.x")
    a.ok("CREATE INBOX.x.y")
    a.append("INBOX.x.y", MESSAGE)
    a.ok("SELECT INBOX.x.y")
    b.ok("RENAME INBOX.x INBOX.z")
    assert selected_name(a) == ["INBOX.z.y"]
    assert b"body" in fetches(a.ok("FETCH 1 BODY[]"))[1]


def test_renamed_in_idle(renamed):
    a, b = renamed
    a.send(b"i IDLE\r\n")
    assert a.line().startswith(b"+ ")
    b.append("INBOX.new.er", MESSAGE)
    assert a.line() == b"* 2 EXISTS"


def test_renamed_into_another_account(server):
    """\\Seen is everybody's own but the owner's, whoever that is now."""
    mine, other = server.new_user(), server.new_user()
    a, admin = server.login(mine), server.admin()
    a.ok("CREATE INBOX.old")
    a.append("INBOX.old", MESSAGE)
    a.ok("SELECT INBOX.old")
    for name in (f"user.{mine}.old", f"user.{other}"):
        admin.ok(f"SETACL {name} {ADMIN} lrswipkxtecda")
    admin.ok(f"SETACL user.{mine}.old {other} lrswipkxtecda")
    admin.ok(f"SETACL user.{mine}.old {mine} lrswipkxtecda")
    admin.ok(f"RENAME user.{mine}.old user.{other}.old")
    admin.close()
    assert b"\\Seen" in fetches(a.ok(r"STORE 1 +FLAGS (\Seen)"))[1]
    b = server.login(other)
    b.ok("SELECT INBOX.old")
    assert b"\\Seen" not in fetches(b.ok("FETCH 1 (FLAGS)"))[1]
    assert b"\\Seen" in fetches(a.ok("FETCH 1 (FLAGS)"))[1]


# --- rights and limits that change ---

def test_rights_change(server):
    """RFC 4314 section 4: what may be stored is as the ACL is now, and PERMANENTFLAGS says so."""
    owner, guest = server.new_user(), server.new_user()
    a, b = server.login(owner), server.login(guest)
    a.ok("CREATE INBOX.ours")
    a.append("INBOX.ours", MESSAGE)
    a.ok(f"SETACL INBOX.ours {guest} lrsw")
    assert b.ok(f"SELECT user.{owner}.ours").find(rb"PERMANENTFLAGS \(.*\\Flagged.*\\Seen")
    a.ok(f"SETACL INBOX.ours {guest} lrs")
    r = b.cmd(r"STORE 1 +FLAGS (\Flagged)")
    assert r.status == "NO" and r.code == "NOPERM"
    assert r.find(rb"PERMANENTFLAGS \(\\Seen\)")
    b.ok(r"STORE 1 +FLAGS (\Seen)")
    a.ok(f"SETACL INBOX.ours {guest} lrswt")
    r = b.ok(r"STORE 1 +FLAGS (\Deleted)")
    assert r.find(rb"PERMANENTFLAGS \(\\Answered")


def test_quota_changes(server, user):
    """A limit that was set while the mailbox is selected counts."""
    c, admin = server.login(user), server.admin()
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")
    admin.ok(f"SETQUOTA user.{user} (STORAGE 1)")
    admin.close()
    big = b"Subject: big\r\n\r\n" + b"x" * 4000 + b"\r\n"
    r = c.cmd("REPLACE 1 INBOX ", big)
    assert r.status == "NO" and r.code == "OVERQUOTA"


def test_moved_to_another_partition(make_server):
    """Its files are elsewhere now; it has to be opened again."""
    srv = make_server(start=False)
    srv.add_partition("two")
    srv.start()
    user = srv.new_user()
    c, admin = srv.login(user), srv.admin()
    c.ok("CREATE INBOX.there")
    c.append("INBOX.there", MESSAGE)
    c.ok("SELECT INBOX.there")
    name = f"user.{user}.there"
    admin.ok(f"RENAME {name} {name} two")
    admin.close()
    r = c.cmd("NOOP")
    assert r.untagged == [b"BYE Mailbox has been moved; select it again"] and c.is_closed()
    c = srv.login(user)
    c.ok("SELECT INBOX.there")
    assert b"body" in fetches(c.ok("FETCH 1 BODY[]"))[1]


@pytest.mark.parametrize("command", ["COPY", "MOVE"])
def test_the_source_of_a_copy_is_elsewhere(make_server, command):
    """It is not the target that is missing: creating that would be of no use."""
    srv = make_server(start=False)
    srv.add_partition("two")
    srv.start()
    user = srv.new_user()
    c, admin = srv.login(user), srv.admin()
    c.ok("CREATE INBOX.there")
    c.append("INBOX.there", MESSAGE)
    c.ok("SELECT INBOX.there")
    name = f"user.{user}.there"
    admin.ok(f"RENAME {name} {name} two")
    r = c.cmd(f"{command} 1 INBOX")
    assert (r.status, r.code) == ("NO", "UNAVAILABLE")
    assert r.untagged == [b"BYE Mailbox has been moved; select it again"] and c.is_closed()
    c = srv.login(user)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 0")
    assert c.ok("STATUS INBOX.there (MESSAGES)").find(rb"MESSAGES 1")


# --- what has changed cannot be looked at ---

@pytest.fixture
def blind(server, user):
    """A session that cannot learn what has changed in its mailbox."""
    a, b = server.login(user), server.login(user)
    a.ok("CREATE INBOX.other")
    for _ in range(3):
        a.append("INBOX", MESSAGE)
    b.ok("SELECT INBOX")
    a.ok("SELECT INBOX (ANNOTATE)")
    b.ok('STORE 2 ANNOTATION (/comment (value.priv "x"))')
    server.expect("cyrus.annotations: Is a directory")
    server.expect(f"user.{user}: a change could not be put back")
    path = server.dir / f"spool/user/{user}/cyrus.annotations"
    saved = path.with_suffix(".saved")
    path.rename(saved)
    path.mkdir()
    yield a
    # Else whoever looks at what is in the log complains, tests later.
    path.rmdir()
    saved.rename(path)


CANNOT_TELL = rb"NO \[SERVERBUG\] What has changed in the selected mailbox cannot be told now"


@pytest.mark.parametrize("command", ["APPEND INBOX.other {1+}\r\nx", "CREATE INBOX.new", r"STORE 2 +FLAGS (\Flagged)",
                                     "SUBSCRIBE INBOX.other", "FETCH 2 UID", "SEARCH ALL",
                                     "NOTIFY SET (SELECTED (MessageNew MessageExpunge))"])
def test_what_was_done_is_answered_ok(blind, command):
    """Who heard NO would do it again."""
    r = blind.ok(command)
    assert r.find(CANNOT_TELL) or command.startswith("NOTIFY")
