"""ACL and QUOTA (RFC 4314, RFC 2087)."""
from chapar import ADMIN

MESSAGE = b"Subject: s\r\n\r\n" + b"x" * 3000 + b"\r\n"


def test_setacl_and_getacl(server, imap, user):
    imap.ok("CREATE INBOX.a")
    assert imap.ok("GETACL INBOX.a").untagged == [
        f"ACL INBOX.a {user} lrswipkxtecdan".encode()]
    imap.ok("SETACL INBOX.a wilma lrs")
    imap.ok("SETACL INBOX.a wilma +wi")
    imap.ok("SETACL INBOX.a wilma -s")
    assert imap.ok("GETACL INBOX.a").find(rb" wilma lrwi$")
    # "an empty rights string removes the identifier"
    imap.ok("DELETEACL INBOX.a wilma")
    assert not imap.ok("GETACL INBOX.a").find(rb"wilma")
    imap.ok("SETACL INBOX.a -wilma r")
    assert imap.ok("GETACL INBOX.a").find(rb" -wilma r$")


def test_rights_letters(imap):
    """Section 2.1.1: "c" and "d" are k x and t e; unknown letters are BAD."""
    imap.ok("CREATE INBOX.a")
    imap.ok("SETACL INBOX.a wilma lrswipcda")
    got = imap.ok("GETACL INBOX.a").find(rb" wilma (\S+)$").group(1).decode()
    assert set("lrswipkxtea") <= set(got)
    for bad in ("LR", "z", "lr0", "l!", '"l r"'):
        assert imap.cmd(f"SETACL INBOX.a wilma {bad}").status == "BAD", bad
    assert imap.cmd("SETACL INBOX.a wilma").status == "BAD"
    assert imap.cmd('SETACL INBOX.a "" lr').status == "BAD"
    assert imap.cmd('SETACL INBOX.a "a\tb" lr').status == "BAD"


def test_myrights_and_listrights(server, user, imap):
    other = server.new_user()
    c = server.login(other)
    imap.ok("CREATE INBOX.a")
    imap.ok(f"SETACL INBOX.a {other} lrs")
    box = f"user.{user}.a"
    assert c.ok(f"MYRIGHTS {box}").untagged == [f"MYRIGHTS {box} lrs".encode()]
    assert imap.ok(f"LISTRIGHTS INBOX.a {other}").find(rb'^LISTRIGHTS INBOX.a \S+ "" l r s ')
    assert imap.ok(f"LISTRIGHTS INBOX.a {user}").find(rb"^LISTRIGHTS INBOX.a \S+ lkxca ")
    # Only who has `a` sees or changes the list.
    for text in (f"GETACL {box}", f"SETACL {box} x l", f"LISTRIGHTS {box} x",
                 f"DELETEACL {box} x"):
        r = c.cmd(text)
        assert (r.status, r.code) == ("NO", "NOPERM"), text
    # "the server MUST NOT reveal that it exists" without l
    imap.ok(f"DELETEACL INBOX.a {other}")
    for text in (f"MYRIGHTS {box}", f"GETACL {box}", f"SELECT {box}",
                 f"STATUS {box} (MESSAGES)"):
        assert c.cmd(text).code == "NONEXISTENT", text


def test_the_owner_cannot_lock_himself_out(imap, user):
    imap.ok("CREATE INBOX.a")
    imap.ok(f"DELETEACL INBOX.a {user}")
    assert imap.cmd("SELECT INBOX.a").status == "NO"
    imap.ok(f"SETACL INBOX.a {user} lrswipkxtea")
    imap.ok("SELECT INBOX.a")


def test_read_only_by_rights(server, user, imap):
    """"If the client is not permitted to modify the mailbox ... READ-ONLY"."""
    other = server.new_user()
    imap.append("INBOX", MESSAGE)
    imap.ok(f"SETACL INBOX {other} lr")
    c = server.login(other)
    assert c.ok(f"SELECT user.{user}").code == "READ-ONLY"
    assert c.cmd(r"STORE 1 +FLAGS (\Seen)").status == "NO"
    assert c.cmd("EXPUNGE").status == "NO"
    imap.ok(f"SETACL INBOX {other} lrs")
    r = c.ok(f"SELECT user.{user}")
    assert r.code == "READ-WRITE"
    assert r.find(rb"^OK \[PERMANENTFLAGS \(\\Seen\)\]")
    c.ok(r"STORE 1 +FLAGS (\Seen)")
    assert not imap.ok("SELECT INBOX").find(rb"\\Seen\) UID"), "\\Seen is each user's own"
    assert imap.ok("STATUS INBOX (UNSEEN)").find(rb"UNSEEN 1")
    imap.ok(f"SETACL INBOX {other} l")
    r = c.cmd(f"SELECT user.{user}")
    assert (r.status, r.code) == ("NO", "NOPERM")


def test_anyone_and_negative_rights(server, user, imap):
    other = server.new_user()
    c = server.login(other)
    imap.ok("SETACL INBOX anyone lr")
    c.ok(f"SELECT user.{user}")
    imap.ok(f"SETACL INBOX -{other} r")
    assert c.cmd(f"SELECT user.{user}").code == "NOPERM"
    imap.ok("DELETEACL INBOX anyone")
    assert c.cmd(f"SELECT user.{user}").code == "NONEXISTENT"


def test_quota(server, user, imap):
    a = server.admin()
    assert a.cmd(f"GETQUOTA user.{user}").status == "NO"
    r = a.ok(f"SETQUOTA user.{user} (STORAGE 8)")
    assert r.untagged == [f"QUOTA user.{user} (STORAGE 0 8)".encode()]
    imap.append("INBOX", MESSAGE)
    r = imap.ok("GETQUOTAROOT INBOX")
    assert r.untagged[0] == b"QUOTAROOT INBOX INBOX"
    assert r.find(rb"^QUOTA INBOX \(STORAGE [23] 8\)$")
    imap.ok("CREATE INBOX.sub")
    assert imap.ok("GETQUOTAROOT INBOX.sub").untagged[0] == b"QUOTAROOT INBOX.sub INBOX"
    imap.append("INBOX.sub", MESSAGE)
    assert imap.cmd("APPEND INBOX ", MESSAGE).code == "OVERQUOTA"    # 9 KB
    imap.append("INBOX", MESSAGE[:2020])
    r = imap.cmd("APPEND INBOX ", MESSAGE)
    assert (r.status, r.code) == ("NO", "OVERQUOTA")
    assert r.text.endswith("Over quota")
    assert imap.ok("SELECT INBOX").find(rb"^NO \[ALERT\] Mailbox is (over|at \d+% of) quota")
    assert imap.cmd(f"SETQUOTA user.{user} (STORAGE 1000000)").status == "NO"
    a.ok(f"SETQUOTA user.{user} (STORAGE 100 MESSAGE 4)")
    imap.append("INBOX", MESSAGE)
    assert imap.ok("GETQUOTA INBOX").find(rb"^QUOTA INBOX \(STORAGE \d+ 100 MESSAGE 4 4\)$")
    assert imap.cmd("APPEND INBOX ", MESSAGE).code == "OVERQUOTA"
    a.ok(f"SETQUOTA user.{user} ()")
    assert imap.ok("GETQUOTAROOT INBOX").untagged == [b"QUOTAROOT INBOX"]
    imap.append("INBOX", MESSAGE)


def test_quota_syntax(server):
    a = server.admin()
    for bad in ("SETQUOTA x", "SETQUOTA x (STORAGE)", "SETQUOTA x (STORAGE -1)",
                "SETQUOTA x (STORAGE 99999999999999999999)",
                "GETQUOTA", "GETQUOTAROOT"):
        assert a.cmd(bad).status == "BAD", bad


def test_admin_has_lookup_and_administration_only(server, user):
    a = server.admin()
    assert a.ok(f"MYRIGHTS user.{user}").find(rb"MYRIGHTS \S+ la$")
    assert a.cmd(f"SELECT user.{user}").code == "NOPERM"
    a.ok(f"SETACL user.{user} {ADMIN} lrswipkxtea")
    a.ok(f"SELECT user.{user}")
