"""Virtual domains (virtdomains, defaultdomain): users of a domain see nothing else, administrators of
a domain neither, and others write user.fred@example.org.  By IMAP, cyradm, LMTP and the tools."""
import contextlib
import os
import pathlib
import platform
import poplib
import re
import smtplib
import socket
import subprocess

import pytest

import ports
from chapar import ADMIN, BUILD, PASSWORD, Imap
from listlines import listed as parse

A, B = "a.example", "b.example.org"
C = "c.example"     # where tests make mailboxes; the others stay as populate() makes them


def make(make_server, **options):
    srv = make_server({"virtdomains": "userid", "defaultdomain": "home.example",
                       "admins": f"{ADMIN} chief@{A} chief@{C}", "altnamespace": "no", "unixhierarchysep": "no",
                       "allowplaintext": "yes", **options})
    for user in (f"chief@{A}", f"chief@{C}", f"fred@{C}", f"fred@{A}", f"wilma@{A}", f"fred@{B}", "fred", "wilma"):
        srv.set_password(user)
    return srv


def populate(srv, sep="."):
    c = srv.admin()
    for name in (f"user.fred@{C}", f"user.fred@{A}", f"user.fred.sent@{A}", f"user.wilma@{A}", f"bb.news@{A}",
                 f"user.fred@{B}", f"bb.news@{B}", "user.fred", "user.wilma", "bb", "bb.news"):
        mailbox, at, domain = name.partition("@")
        c.ok(f'CREATE "{mailbox.replace(".", sep)}{at}{domain}"')
    for name in (f"user.wilma@{A}", f"user.fred@{B}", "user.wilma"):
        mailbox, at, domain = name.partition("@")
        c.ok(f'SETACL "{mailbox.replace(".", sep)}{at}{domain}" anyone lr')
    return c


@pytest.fixture(scope="module")
def shared(module_server):
    srv = make(module_server)
    populate(srv).close()
    return srv


def listed(c, pattern, reference=""):
    return sorted(parse(c.ok(f'LIST "{reference}" "{pattern}"')))


def test_users_see_their_domain_only(shared):
    """Same names, different domains, and an ACL that gives anyone l and r."""
    a, b, home = (shared.login(u) for u in (f"fred@{A}", f"fred@{B}", "fred"))
    assert listed(a, "*") == ["INBOX", "INBOX.sent", "bb.news", "user.wilma"]
    assert listed(b, "*") == ["INBOX", "bb.news"]
    assert listed(home, "*") == ["INBOX", "bb", "bb.news", "user.wilma"]
    assert a.ok("MYRIGHTS user.wilma").untagged == [b"MYRIGHTS user.wilma lr"]
    for name in (f"user.fred@{B}", f"user.wilma@{A}", f"user.wilma@{A}.x", "user.fred@b^example^org",
                 f"bb.news@{B}"):
        r = a.cmd(f'SELECT "{name}"')
        assert r.status == "NO", name
    assert b.cmd("SELECT user.wilma").status == "NO"
    assert home.cmd("SELECT user.wilma").status == "OK"
    ids = {re.search(rb"MAILBOXID \((\S+)\)", b"".join(c.ok("STATUS bb.news (MAILBOXID)").untagged))[1]
           for c in (a, b, home)}
    assert len(ids) == 3


def test_the_default_domain_is_none(shared):
    c = shared.login("fred@HOME.example")
    assert c.ok("GETACL INBOX").untagged == [b"ACL INBOX fred lrswipkxtecdan"]
    assert "user.wilma" in listed(c, "*")


def test_global_administrator(shared):
    c = shared.admin()
    assert listed(c, f"user.*@{A}") == [f"user.fred.sent@{A}", f"user.fred@{A}", f"user.wilma@{A}"]
    assert listed(c, f"user.%@{A}") == [f"user.fred@{A}", f"user.wilma@{A}"]
    assert listed(c, f"*@{B}") == [f"bb.news@{B}", f"user.fred@{B}"]
    assert listed(c, "user.fred") == ["user.fred"]
    assert listed(c, f"user.fred@{A}") == [f"user.fred@{A}"]
    assert listed(c, f"user.fred@{A}", "") == listed(c, f"fred@{A}", "user.")
    def but_c(pattern):
        return [x for x in listed(c, pattern) if not x.endswith("@" + C)]

    assert f"user.fred@{C}" in listed(c, "user.fred*")
    assert but_c("user.fred*") == ["user.fred", f"user.fred.sent@{A}", f"user.fred@{A}", f"user.fred@{B}"]
    assert but_c("user.%") == ["user.fred", f"user.fred@{A}", f"user.fred@{B}", "user.wilma", f"user.wilma@{A}"]
    assert but_c("user.fred.%") == [f"user.fred.sent@{A}"]
    assert "bb" in listed(c, "%") and "user" in listed(c, "%")
    line = [x for x in c.ok(f'LIST "" user.%@{A}').untagged if b"fred" in x][0]
    assert rb"\HasChildren" in line and rb"\NonExistent" not in line
    for name in (f"user.fred@{A}", f"user.fred@{B}", "user.fred"):
        r = c.ok(f"GETACL {name}")
        owner = name.removeprefix("user.")
        assert b"ACL %s %s " % (name.encode(), owner.encode()) in r.untagged[0]
    assert c.cmd(f"CREATE user@{A}").status == "NO"
    assert c.cmd("CREATE user.x@").status == "NO"


def test_domain_administrator(shared):
    """Sees and makes what is in the domain, and cannot as much as name anything else."""
    c = shared.login(f"chief@{A}")
    assert listed(c, "user.%") == ["user.fred", "user.wilma"]
    assert listed(c, "*") == ["bb.news", "user.fred", "user.fred.sent", "user.wilma"]
    c = shared.login(f"chief@{C}")
    c.ok("CREATE user.new")
    c.ok(f"CREATE user.new.sub@{C}")
    assert c.cmd(f"CREATE user.new@{B}").status == "NO"
    assert c.cmd("CREATE user.new@home.example").status == "NO"
    assert c.cmd("SETQUOTA user (STORAGE 1)").status == "NO"
    c.ok("SETACL user.new fred lr")
    c.ok("SETQUOTA user.new (STORAGE 1000)")
    assert c.ok("GETACL user.new").untagged == [b"ACL user.new new lrswipkxtecdan fred lr"]
    boss = shared.admin()
    assert boss.ok(f"GETACL user.new@{C}").untagged == \
        [f"ACL user.new@{C} new@{C} lrswipkxtecdan fred@{C} lr".encode()]
    assert boss.cmd("STATUS user.new (MESSAGES)").status == "NO"
    assert c.cmd('SETMETADATA "" (/shared/comment "mine")').status == "NO"
    c.ok("SETACL user.new chief x")
    c.ok("RENAME user.new user.newer")
    c.ok("SETACL user.newer chief x")
    c.ok("DELETE user.newer")
    assert [n for n in listed(c, "DELETED.*") if n.startswith("DELETED.user.newer.sub.")]
    assert [n for n in listed(boss, f"DELETED.*@{C}") if n.startswith("DELETED.user.newer.sub.")]
    assert not listed(shared.login(f"fred@{C}"), "DELETED.*")


def test_who_may_act_as_whom(shared):
    c = shared.connect()
    assert c.cmd(f'LOGIN "fred%{A}*chief@{A}" {PASSWORD}').status == "OK"
    assert listed(c, "INBOX*") == ["INBOX", "INBOX.sent"]
    assert c.cmd("CREATE user.nobody").status == "NO"
    for user in (f"fred@{B}", "fred", ADMIN):
        r = shared.connect().cmd(f'LOGIN "{user}*chief@{A}" {PASSWORD}')
        assert r.status == "NO" and r.code == "AUTHORIZATIONFAILED"
    assert shared.connect().cmd(f'LOGIN "fred@{B}*{ADMIN}" {PASSWORD}').status == "OK"


def test_acl_identifiers(shared):
    c = shared.login(f"fred@{A}")
    c.ok("SETACL INBOX.sent wilma lr")
    c.ok(f"SETACL INBOX.sent -wilma@{B} l")
    c.ok("SETACL INBOX.sent group:x l")
    assert c.ok("GETACL INBOX.sent").untagged == \
        [f"ACL INBOX.sent fred lrswipkxtecdan wilma lr -wilma@{B} l group:x l".encode()]
    assert shared.login(f"wilma@{A}").cmd("SELECT user.fred.sent").status == "OK"
    assert shared.login("wilma").cmd("SELECT user.fred.sent").status == "NO"
    assert c.ok("LISTRIGHTS INBOX.sent fred").untagged[0].endswith(b"lkxca r s w i p t e n d")
    for who in ("wilma", f"wilma@{B}", "group:x"):
        c.ok(f"DELETEACL INBOX.sent {'-' if B in who else ''}{who}")


def test_subscriptions_and_notify(shared):
    c = shared.login(f"fred@{A}")
    c.ok("SUBSCRIBE user.wilma")
    assert sorted(parse(c.ok('LSUB "" *'), b"LSUB")) == ["user.wilma"]
    c.ok("UNSUBSCRIBE user.wilma")
    c = shared.login(f"fred@{C}")
    c.ok("NOTIFY SET (PERSONAL (MailboxName)) (SUBTREE bb (MailboxName))")
    boss = shared.admin()
    boss.ok("CREATE bb.told")
    boss.ok("DELETE bb.told") if boss.cmd(f"SETACL bb.told {ADMIN} +x").status == "OK" else None
    boss.ok(f"CREATE bb.told@{C}")
    lines = []
    while not any(b"told" in x for x in lines):
        lines.append(c.line())
    assert [x for x in lines if b"told" in x] == [b'* LIST () "." "bb.told"'] or \
        b"bb.told" in lines[-1] and b"@" not in lines[-1]


@pytest.fixture
def cyradm(shared):
    def run(user, *commands):
        r = subprocess.run(
            ["perl", "-MCyrus::IMAP::Shell", "-e", "shell", "--", "--user", user, "--auth",
             "PLAIN", "--password", PASSWORD, "--port", str(shared.imap_port),
             "--server", "127.0.0.1"],
            input="\n".join([*commands, "quit", ""]), capture_output=True, text=True, timeout=60)
        out = (r.stdout + r.stderr).replace("127.0.0.1> ", "")
        return sorted(" ".join(line.split()) for line in out.splitlines() if line.strip())

    return run


def test_cyradm(cyradm):
    assert cyradm(ADMIN, f"cm user.joe@{C}", f"cm user.joe.x@{C}", f"sam user.joe@{C} fred@{C} read",
                  f"lam user.joe@{C}") == [f"fred@{C} lrs", f"joe@{C} lrswipkxtecdan"]
    assert " ".join(cyradm(ADMIN, f"lm user.joe*@{C}")) == \
        f"user.joe.x@{C} (\\HasNoChildren) user.joe@{C} (\\HasChildren)"
    assert cyradm(ADMIN, f"sq user.joe@{C} 500", f"lq user.joe@{C}")[0] == "STORAGE 0/500 (0%)"
    assert cyradm(f"chief@{C}", "cm user.jim", "lam user.jim") == ["jim lrswipkxtecdan"]
    assert cyradm(f"chief@{A}", "lm user.joe*") == []


def deliver(srv, *rcpts):
    """One message to each; those that are refused raise."""
    for rcpt in rcpts:
        with smtplib.LMTP("127.0.0.1", srv.lmtp_port) as c:
            c.sendmail("x@y", rcpt, "Subject: hi\r\n\r\nx\r\n")


def count(c, name):
    """As an administrator, who must give himself r first."""
    c.ok(f'SETACL "{name}" {ADMIN} lr')
    return int(re.search(rb"MESSAGES (\d+)", b"".join(c.ok(f'STATUS "{name}" (MESSAGES)').untagged))[1])


def test_lmtp(make_server):
    """Each domain's fred gets his own mail; a domain that is nobody's has no fred."""
    srv = make(make_server)
    boss = populate(srv)
    boss.ok(f"SETACL bb.news@{A} anyone p")
    boxes = [f"user.fred@{A}", f"user.fred.sent@{A}", f"user.fred@{B}", "user.fred", f"bb.news@{A}"]
    before = [count(boss, x) for x in boxes]
    boss.ok(f"SETACL user.fred.sent@{A} anyone p")
    deliver(srv, f"fred@{A}", f"Fred+sent@{A.upper()}", f"fred@{B}", "fred@home.example",
                   f"+bb.news@{A}")
    assert [count(boss, x) - n for x, n in zip(boxes, before)] == [1, 1, 1, 1, 1]
    deliver(srv, "fred")
    assert count(boss, "user.fred") == before[3] + 2
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(srv, "fred@nowhere.example")
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        deliver(srv, f"nobody@{A}")


def test_lmtp_on_behalf(shared):
    """AUTH= of deliver(8): users of domains, with a dot in the name, and by their groups."""
    boss = shared.admin()
    box = f"user.fred.behalf@{C}"
    boss.ok(f"CREATE {box}")
    boss.ok(f"SETACL {box} john.doe@{C} p")
    boss.ok(f"SETACL {box} group:posters p")
    group = shared.dir / "config/groups"
    group.write_text(f"posters\twilma@{C}\n")
    if shared.owner:
        os.chown(group, shared.owner.pw_uid, shared.owner.pw_gid)
    for who, n in ((f"john.doe@{C}", 1), (f"Wilma@{C}", 2), ("john.doe", 2), ("wilma", 2)):
        with smtplib.LMTP("127.0.0.1", shared.lmtp_port) as c:
            c.ehlo_or_helo_if_needed()
            c.mail("x@y", [f"AUTH={who}"])
            c.rcpt(f"fred+behalf@{C}")
            c.data("Subject: hi\r\n\r\nx\r\n")
        assert count(boss, box) == n, who


def tool(srv, program, *args):
    r = subprocess.run([srv.build / f"imap/admin/{program}", "-C", srv.conf, *args],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    return r.stdout.splitlines()


def test_tools(shared, tools_reachable):
    assert tool(shared, "mbpath", f"user.fred@{A}") == [str(shared.dir / "spool/user/fred@a^example")]
    assert tool(shared, "mbpath", "-u", f"fred@{A}") == tool(shared, "mbpath", f"user.fred@{A}")
    assert tool(shared, "reconstruct", f"user.f*@{A}") == [f"user.fred@{A}", f"user.fred.sent@{A}"]
    assert tool(shared, "reconstruct", "-r", f"user.fred@{B}") == [f"user.fred@{B}"]
    assert tool(shared, "reconstruct", f"bb.*@{A}")[:1] == [f"bb.news@{A}"]
    shared.admin().ok(f"SETQUOTA user.wilma@{A} (STORAGE 1000)")
    assert [x for x in tool(shared, "quota", "-d", A) if f"user.wilma@{A}" in x]
    assert not [x for x in tool(shared, "quota", "-d", B) if f"user.wilma@{A}" in x]
    shared.admin().ok(f"SETQUOTA bb.news@{A} (STORAGE 1000)")
    assert [x for x in tool(shared, "quota", "-d", A.upper()) if f"bb.news@{A}" in x]


def test_dump_of_cyrus(shared, tools_reachable):
    """Cyrus writes DOMAIN!user.x, and users in ACLs as they log in; what we dump we read again."""
    subprocess.run([shared.build / "imap/admin/ctl_mboxlist", "-C", shared.conf, "-u", "-L"], text=True, check=True,
                   input=f"{C}!user.max\tdefault max@{C}\tlrswipkxtea\tjohn.doe@{C}\tlr\t\n"
                         "home.example!user.moritz\tdefault moritz@home.example\tlr\t\n", timeout=60)
    c = shared.admin()
    assert c.ok(f"GETACL user.max@{C}").untagged == \
        [f"ACL user.max@{C} max@{C} lrswipkxtecda john.doe@{C} lr".encode()]
    assert c.ok("GETACL user.moritz").untagged == [b"ACL user.moritz moritz lr"]
    dump = tool(shared, "ctl_mboxlist", "-d", "-L")
    subprocess.run([shared.build / "imap/admin/ctl_mboxlist", "-C", shared.conf, "-u", "-L"], text=True, check=True,
                   input="\n".join(dump) + "\n", timeout=60)
    assert tool(shared, "ctl_mboxlist", "-d", "-L") == dump
    c.ok(f"SETACL user.moritz {ADMIN} x")
    c.ok("DELETE user.moritz")


@pytest.fixture
def tools_reachable(shared):
    import shutil
    if shared.build != BUILD:
        (shared.build / "imap/admin").mkdir(parents=True, exist_ok=True)
        for program in ("mbpath", "reconstruct", "quota", "ctl_mboxlist"):
            shutil.copy(BUILD / "imap/admin" / program, shared.build / "imap/admin")


def test_slashes_and_altnamespace(make_server):
    """The same with what Cyrus 3 has by default."""
    srv = make(make_server, altnamespace="yes", unixhierarchysep="yes")
    c = populate(srv, "/")
    c.ok(f'CREATE "user/jo.hn@{B}"')
    assert listed(c, f"user/%@{B}") == [f"user/fred@{B}", f"user/jo.hn@{B}"]
    assert f"user/fred/sent@{A}" in listed(c, "*") and "user" in listed(c, "%")
    fred = srv.login(f"fred@{A}")
    assert listed(fred, "*") == ["INBOX", "Other Users/wilma", "Shared Folders/bb/news", "sent"]
    fred.ok('CREATE "li.st@foo"')
    assert f"user/fred/li.st@foo@{A}" in listed(c, "*")
    assert count(c, f"user/fred/li.st@foo@{A}") == 0
    home = srv.login("fred")
    home.ok('CREATE "li.st@foo"')
    assert count(c, "user/fred/li.st@foo@home.example") == 0
    chief = srv.login(f"chief@{A}")
    assert listed(chief, "user/fred/%") == [f"user/fred/li.st@foo@{A}", "user/fred/sent"]
    deliver(srv, f"jo.hn@{B}")
    assert count(c, f"user/jo.hn@{B}") == 1


def reverse_domain():
    """What is behind the first dot of the name that this machine has for 127.0.0.1, or None."""
    try:
        return socket.getnameinfo(("127.0.0.1", 0), socket.NI_NAMEREQD)[0].partition(".")[2] or None
    except OSError:
        return None


def test_domain_of_the_address(make_server):
    """virtdomains: on.  The name of 127.0.0.1 is the system's affair: usually it has no domain."""
    domain = reverse_domain()
    srv = make(make_server, virtdomains="on")
    if domain:
        srv.set_password(f"wilma@{domain}")
    c = srv.login("wilma")
    srv.wait_log(rf"login: .* wilma@{re.escape(domain)} " if domain else r"login: .* wilma ")
    c.close()
    assert srv.login(ADMIN).cmd(f"CREATE user.x@{A}").status == "OK"


@pytest.fixture(scope="module")
def crossing(module_server):
    srv = make(module_server, crossdomains="yes", altnamespace="yes", unixhierarchysep="yes")
    c = populate(srv, "/")
    c.ok(f"SETACL user/fred/sent@{A} fred@{B} lrsti")
    c.ok(f"SETACL bb/news@{B} anyone lr")
    c.close()
    return srv


def test_crossdomains(crossing):
    """What a user shares, also with anyone, is there for users of other domains; shared folders are not."""
    a, b, home = (crossing.login(u) for u in (f"fred@{A}", f"fred@{B}", "fred"))
    others = [f"Other Users/fred@{B}", f"Other Users/wilma@{A}", "Other Users/wilma@home.example"]
    assert listed(a, "*") == ["INBOX", *others, "Shared Folders/bb/news", "sent"]
    assert listed(b, "*") == ["INBOX", f"Other Users/fred@{A}/sent", *others[1:], "Shared Folders/bb/news"]
    assert listed(home, "*") == ["INBOX", *others, "Shared Folders/bb", "Shared Folders/bb/news"]
    assert listed(b, f"Other Users/fred@{A}/%") == [f"Other Users/fred@{A}/sent"]
    assert listed(b, "%", "Other Users/") == [f"Other Users/fred@{A}", *others[1:]]
    assert listed(b, "Other Users/%2") == []
    b.ok(f'SELECT "Other Users/fred@{A.upper()}/sent"')
    assert b.cmd(f'SELECT "Other Users/fred@{A}"').status == "NO"
    assert b.cmd(f'DELETE "Other Users/fred@{A}/sent"').status == "NO"
    for name in (f"Shared Folders/bb@{A}/news", f"bb/news@{A}", f"Shared Folders/user/fred@{A}/sent"):
        assert b.cmd(f'SELECT "{name}"').status == "NO", name
    # Whom a domain's INBOX is, is who he says: INBOX is nobody else's.
    assert a.ok("GETACL INBOX").untagged == [b"ACL INBOX fred lrswipkxtecdan"]
    b.ok(f'SUBSCRIBE "Other Users/fred@{A}/sent"')
    assert sorted(parse(b.ok('LSUB "" *'), b"LSUB")) == [f"Other Users/fred@{A}/sent"]
    b.ok("CREATE mine")
    b.ok("APPEND mine ", b"Subject: x\r\n\r\n")
    b.ok("SELECT mine")
    b.ok(f'COPY 1 "Other Users/fred@{A}/sent"')
    assert b"MESSAGES 1" in a.ok("STATUS sent (MESSAGES)").untagged[0]


def test_crossdomains_identifiers(crossing):
    """In an ACL, a name without a domain is of the reader's own."""
    a, b = crossing.login(f"wilma@{A}"), crossing.login(f"fred@{B}")
    a.ok("SETACL INBOX fred@HOME.example lra")
    a.ok(f"SETACL INBOX fred@{B} lra")
    shared = f"Other Users/wilma@{A}"
    for c, name, who in ((a, "INBOX", {"wilma", "anyone", "fred@home.example", f"fred@{B}"}),
                         (b, shared, {f"wilma@{A}", "anyone", "fred@home.example", "fred"})):
        line = c.ok(f'GETACL "{name}"').untagged[0].decode().replace('"', "")
        assert set(line.removeprefix(f"ACL {name} ").split()[::2]) == who
    home = crossing.login("fred")
    home.ok(f'SETACL "{shared}" fred lr')
    assert home.cmd(f'SETACL "{shared}" fred lra').status == "NO"
    a.ok("DELETEACL INBOX fred@home.example")
    a.ok(f"DELETEACL INBOX fred@{B}")


def test_crossdomains_and_administrators(crossing):
    """A domain's administrator is one in that domain only; global ones write names as ever."""
    chief = crossing.login(f"chief@{A}")
    assert listed(chief, "*") == ["bb/news", "user/fred", "user/fred/sent", "user/wilma"]
    assert chief.cmd(f'SELECT "user/fred@{B}"').status == "NO"
    assert chief.cmd(f'SETACL "user/fred@{B}" chief lr').status == "NO"
    assert f"user/fred/sent@{A}" in listed(crossing.admin(), "*")


def test_crossdomains_onlyother(make_server):
    """One's own domain's users are written without it, as they were before; with dots, a domain's are '^'."""
    srv = make(make_server, crossdomains="yes", crossdomains_onlyother="yes")
    populate(srv).close()
    a, home = srv.login(f"fred@{A}"), srv.login("fred")
    b = B.replace(".", "^")
    assert listed(a, "*") == ["INBOX", "INBOX.sent", "bb.news", f"user.fred@{b}", "user.wilma",
                              "user.wilma@home^example"]
    assert listed(home, "*") == ["INBOX", "bb", "bb.news", f"user.fred@{b}", "user.wilma", "user.wilma@a^example"]
    a.ok(f"SELECT user.fred@{b}")
    a.ok(f"NOTIFY SET (SUBTREE user.fred@{b} (MailboxName))")
    srv.login(f"fred@{B}").ok("CREATE INBOX.new")
    srv.admin().ok(f"SETACL user.fred.new@{B} anyone lr")
    while b"user.fred@" not in (line := a.line()):
        pass
    assert line.endswith(f'user.fred@{b}.new'.encode())


NSS_WRAPPER = pathlib.Path(f"/usr/lib/{platform.machine()}-linux-gnu/libnss_wrapper.so")


def test_domains_of_several_addresses(make_server):
    """virtdomains: on, where addresses have names: the same user's name is another's by where he connects to."""
    if not NSS_WRAPPER.exists():
        pytest.skip("needs libnss-wrapper")
    if "-fsanitize=address" in (BUILD / "Makefile").read_text():
        pytest.skip("libnss-wrapper opens libraries as AddressSanitizer cannot have it")
    port, pop_port = ports.several(2)
    services = (f'more cmd="imapd" listen="127.0.0.2:{port}" prefork=0\n'
                f'none cmd="imapd" listen="127.0.0.3:{port}" prefork=0\n'
                f'pop cmd="pop3d" listen="127.0.0.2:{pop_port}" prefork=0\n')
    srv = make_server({"virtdomains": "on", "admins": f"{ADMIN} chief@{A}", "allowplaintext": "yes",
                       "defaultdomain": "home.example", "unixhierarchysep": "no"}, services=services, start=False)
    hosts = srv.dir / "hosts"
    hosts.write_text(f"127.0.0.1 mail.{A} localhost\n127.0.0.2 Mail.{B.upper()}\n")
    hosts.chmod(0o644)
    with open(srv.conf, "a") as f:
        f.write(f"confine_allow: {hosts}\n")
    srv.env.update(LD_PRELOAD=str(NSS_WRAPPER), NSS_WRAPPER_HOSTS=str(hosts))
    srv.start()
    for user, password in ((f"wilma@{A}", "of-a"), (f"wilma@{B}", "of-b"), ("wilma", "of-none")):
        srv.set_password(user, password)
    addresses = {"127.0.0.1": (srv.imap_port, "of-a"), "127.0.0.2": (port, "of-b"), "127.0.0.3": (port, "of-none")}
    for address, (at, right) in addresses.items():
        for password in ("of-a", "of-b", "of-none"):
            c = Imap((address, at))
            assert c.cmd(f"LOGIN wilma {password}").status == ("OK" if password == right else "NO"), (address, password)
            c.close()
    srv.admin().ok(f"CREATE user.wilma@{B}")
    with contextlib.closing(poplib.POP3("127.0.0.2", pop_port)) as pop:
        pop.user("wilma")
        pop.pass_("of-b")
    srv.wait_log(rf"login: .* wilma@{B} ")
    # Whoever says a domain, or is an administrator, or whom defaultdomain means, is not put into one.
    for who, password in ((f"wilma@{B}", "of-b"), (ADMIN, PASSWORD), ("wilma@home.example", "of-none")):
        c = Imap(("127.0.0.1", srv.imap_port))
        c.ok(f"LOGIN {who} {password}")
        c.close()


def test_without_domains_nothing_is_one(make_server):
    """virtdomains: off, the default: "@" is a letter."""
    srv = make_server({"altnamespace": "no"})
    c = srv.admin()
    c.ok("CREATE bb@a")
    c.ok("CREATE bb@a.x")
    assert listed(c, "bb*") == ["bb@a", "bb@a.x"]
    assert listed(c, "bb@a.%") == ["bb@a.x"]
