"""The administrator's tools on a running server and on none."""
import json
import os
import pathlib
import pwd
import re
import shutil
import subprocess
import time

import pytest

from annotations import annotations
from chapar import wait_for

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd() + "/b")).resolve()
MESSAGE = b"From: a@example.org\r\nDate: Mon, 7 Feb 1994 21:52:25 -0800\r\nSubject: x\r\n\r\nbody\r\n"


def tool(name, conf, *args, input=None, ok=True):
    r = subprocess.run([BUILD / "imap/admin" / name, "-C", str(conf), *map(str, args)],
                       capture_output=True, text=True, input=input, timeout=60)
    assert (r.returncode == 0) == ok, f"{name} {args}: {r}"
    return r.stdout if ok else r.stderr


@pytest.fixture
def tmp_path(open_path):
    """Tools that are started by root go on as the server's user."""
    return open_path


@pytest.fixture
def conf(tmp_path):
    """An imapd.conf without a server; nothing that it names exists yet."""
    path = tmp_path / "imapd.conf"
    path.write_text(f"configdirectory: {tmp_path}/var/imap\n"
                    f"partition-default: {tmp_path}/spool\n"
                    f"partition-two: {tmp_path}/two\nlogtarget: stderr\n")
    return path


@pytest.fixture
def made(conf):
    tool("mkimap", conf)
    return conf


def test_mkimap_makes_and_repairs(conf, tmp_path):
    out = tool("mkimap", conf)
    for d in ("var/imap", "var/imap/db", "var/imap/quota", "spool", "two"):
        assert (tmp_path / d).is_dir()
        assert f"{tmp_path / d}: made" in out
        assert (tmp_path / d).stat().st_mode & 0o7777 == 0o750
    assert tool("mkimap", conf) == ""
    if os.geteuid() == 0:
        cyrus = pwd.getpwnam("cyrus").pw_uid
        for root, dirs, files in os.walk(tmp_path / "spool"):
            assert all(os.lstat(f"{root}/{x}").st_uid == cyrus for x in dirs + files)
        os.chown(tmp_path / "var/imap/quota", 0, 0)
        (tmp_path / "spool").chmod(0o777)
        (tmp_path / "var/imap/db").chmod(0o755)
        (tmp_path / "var/imap/socket").chmod(0o751)
        assert tool("mkimap", conf).splitlines() == [
            f"{tmp_path}/var/imap/db: mode 755 is now 750",
            f"{tmp_path}/var/imap/quota: now belongs to cyrus",
            f"{tmp_path}/spool: mode 777 is now 755",
        ]
        assert (tmp_path / "var/imap/socket").stat().st_mode & 0o777 == 0o751
        assert (tmp_path / "var/imap/quota").stat().st_uid == cyrus
        assert (tmp_path / "spool").stat().st_mode & 0o777 == 0o755


def test_mkimap_makes_where_sockets_go(conf, tmp_path):
    """Not those that are there: /run belongs to all."""
    there = tmp_path / "run"
    there.mkdir(mode=0o755)
    conf.write_text(conf.read_text() + f"lmtpsocket: {there}/a/b/lmtp\nidlesocket: {there}/idle\n"
                    f"proc_path: {there}/proc\n")
    before = there.stat()
    out = tool("mkimap", conf)
    assert f"{there}/a/b: made" in out and f"{there}/proc: made" in out
    assert (there.stat().st_uid, there.stat().st_mode) == (before.st_uid, before.st_mode)
    if os.geteuid() == 0:
        assert (there / "a/b").stat().st_uid == pwd.getpwnam("cyrus").pw_uid


def test_wrong_user_and_wrong_file(made, tmp_path):
    nobody = dict(user=pwd.getpwnam("nobody").pw_uid, group=0) if os.geteuid() == 0 else {}
    for args in (["quota"], ["mbpath", "a"], ["reconstruct"], ["ctl_cyrusdb", "-r"],
                 ["ctl_mboxlist", "-d"], ["cyr_expire", "-E", "3"], ["ipurge", "-d", "1"]):
        tool_path = BUILD / "imap/admin" / args[0]
        r = subprocess.run([tool_path, "-C", "/nonexistent", *args[1:]], capture_output=True,
                           text=True)
        assert r.returncode == 78
        assert r.stderr == f"{args[0]}: /nonexistent: cannot read it: not found\n"
        if not nobody:
            continue
        copy = tmp_path / args[0]
        shutil.copy(tool_path, copy)
        r = subprocess.run([copy, "-C", made, *args[1:]], capture_output=True, text=True, **nobody)
        assert r.returncode == 75
        assert "run this as root or as the user to whom the mail belongs" in r.stderr


def test_old_configuration(conf, tmp_path):
    """Debian's imapd.conf for Cyrus, what there is no use for here too: tools say nothing."""
    conf.write_text(conf.read_text() + f"""
mboxname_lockpath: {tmp_path}/run/lock
newsspool: /var/spool/news
popminpoll: 1
sieveusehomedir: false
sievedir: /var/spool/sieve
httpmodules: caldav carddav
hashimapspool: true
fulldirhash: yes
tls_session_timeout: 1440
notifysocket: {tmp_path}/run/notify
syslog_prefix: cyrus
""")
    for args in (["mkimap"], ["ctl_cyrusdb", "-r"], ["cyr_expire", "-E", "3"], ["quota", "-f", "-q"]):
        r = subprocess.run([BUILD / "imap/admin" / args[0], "-C", conf, *args[1:]],
                           capture_output=True, text=True)
        assert (r.returncode, r.stderr) == (0, "")


def test_no_tool_makes_files_as_root(made, tmp_path):
    made.write_text(made.read_text().replace("stderr", f"{tmp_path}/var/imap/log/tools"))
    tool("ctl_mboxlist", made, "-u", input="a\tdefault anyone\tlr\t\n")
    tool("cyr_expire", made, "-E", 3, "-X", 3, "-D", 3)
    tool("quota", made, "-f")
    tool("reconstruct", made, "-m")
    tool("ctl_cyrusdb", made, "-r")
    if os.geteuid() == 0:
        for root, dirs, files in os.walk(tmp_path / "var/imap"):
            assert all(os.lstat(f"{root}/{x}").st_uid != 0 for x in dirs + files)


def test_missing_partition_is_not_an_empty_one(made, tmp_path):
    """A file system that is not mounted must not look like deleted mail."""
    os.rename(tmp_path / "two", tmp_path / "elsewhere")
    assert "cannot open the store" in tool("ctl_mboxlist", made, "-d", "-L", ok=False)


def test_dump_and_undump(made):
    lines = ["bb\tdefault anyone\tlrs\t\n", "user.joe\ttwo joe\tlrswipkxtean\t\n"]
    assert tool("ctl_mboxlist", made, "-d", "-L") == ""
    err = tool("ctl_mboxlist", made, "-u", ok=False,
               input=lines[1] + "bb\t0 host!default anyone\tlr\t\nnonsense\na..b\tdefault \n")
    assert "nonsense: syntax error" in err and "a..b" in err
    # What is there gets the ACL of the dump.
    tool("ctl_mboxlist", made, "-u", input=lines[0])
    assert tool("ctl_mboxlist", made, "-d", "-L") == "".join(lines)
    assert tool("ctl_mboxlist", made, "-d", "-L", "-p", "two") == lines[1]


def test_dump_as_json(made):
    """Cyrus 3: "Dump the contents of the database to standard output in JSON format"."""
    assert json.loads(tool("ctl_mboxlist", made, "-d")) == {}
    tool("ctl_mboxlist", made, "-u", input='{"b \\"b\\u00e9":{"acl":{"anyone":"lrs"},'
         '"partition":"two","uidvalidity":7,"mbtype":"e","name_history":[]}, "user.joe":'
         '{"acl":{"joe":"lrswipcda","anyone":"p"},"partition":"default"}}')
    text = tool("ctl_mboxlist", made, "-d", "-y")
    dump = json.loads(text)
    assert list(dump) == ['b "b\u00e9', "user.joe"] and len(text.splitlines()) == 4
    assert dump['b "b\u00e9']["acl"] == {"anyone": "lrs"}
    assert dump['b "b\u00e9']["uidvalidity"] == 7
    assert dump["user.joe"]["acl"] == {"joe": "lrswipkxteacd", "anyone": "p"} or \
        dump["user.joe"]["acl"] == {"joe": "lrswipkxtecda", "anyone": "p"}
    assert list(json.loads(tool("ctl_mboxlist", made, "-d", "-p", "two"))) == ['b "b\u00e9']
    # What it wrote it reads; nothing of a broken one is taken.
    tool("ctl_mboxlist", made, "-u", input=text)
    assert tool("ctl_mboxlist", made, "-d") == text
    err = tool("ctl_mboxlist", made, "-u", input='{"new":{"partition":"two"},\n"x":', ok=False)
    assert "line 2 of the input is no JSON" in err
    err = tool("ctl_mboxlist", made, "-u", ok=False, input='{"a":{"partition":"nowhere"},'
               '"c":{"partition":"two","acl":{"x":"?"}},"d":{"partition":"two","acl":{}}}')
    assert "ctl_mboxlist: a: not found" in err and "ctl_mboxlist: c: syntax error" in err
    assert "d" in json.loads(tool("ctl_mboxlist", made, "-d"))


def test_undump_does_not_use_a_uidvalidity_again(made):
    """A dump, a deletion, the dump again: UIDs begin anew, and clients know others by them."""
    dump = '{"user.joe":{"partition":"two","uidvalidity":7,"acl":{"joe":"lrswipcda"}}}'
    tool("ctl_mboxlist", made, "-u", input=dump)
    tool("ctl_mboxlist", made, "-u", input=dump.replace("joe", "ann").replace("7", "5"))
    text = tool("ctl_mboxlist", made, "-d")
    before = {name: e["uidvalidity"] for name, e in json.loads(text).items()}
    assert before["user.joe"] == 7 and before["user.ann"] > 7


@pytest.mark.parametrize("args", [["-d", "-x"], ["-d", "-f", "x"], ["-m"], ["-m", "-w"], ["-d", "-u"],
                                  [], ["-v", "-p", "two"], ["-z"]])
def test_ctl_mboxlist_refuses(made, args):
    r = subprocess.run([BUILD / "imap/admin/ctl_mboxlist", "-C", made, *args],
                       capture_output=True, text=True)
    assert r.returncode == 64 and re.search("(?m)^(ctl_mboxlist: -.|usage: )", r.stderr)


def test_mbpath(made, tmp_path):
    tool("ctl_mboxlist", made, "-u", input="user.joe\tdefault x\tl\t\nuser.joe.a b\ttwo x\tl\t\n")
    assert tool("mbpath", made, "user.joe") == f"{tmp_path}/spool/user/joe\n"
    assert tool("mbpath", made, "user.joe.a b") == f"{tmp_path}/two/user/joe/a b\n"
    assert tool("mbpath", made, "-u", "joe") == f"{tmp_path}/spool/user/joe\n"
    assert tool("mbpath", made, "-p", f"{tmp_path}/two/user/joe/a b/") == "user.joe.a b\n"
    assert tool("mbpath", made, "-U", "user.joe") == f"{tmp_path}/var/imap/user/j/joe.sub\n"
    assert tool("mbpath", made, "nobody", ok=False) == "mbpath: nobody: not found\n"
    assert tool("mbpath", made, "-q", "nobody", ok=False) == ""


def test_separator_of_names(made, tmp_path):
    made.write_text(made.read_text() + "unixhierarchysep: yes\n")
    tool("ctl_mboxlist", made, "-u", input="user.joe^doe\tdefault x\tl\t\n")
    assert tool("mbpath", made, "user/joe.doe") == f"{tmp_path}/spool/user/joe^doe\n"
    assert tool("mbpath", made, "-u", "joe.doe") == f"{tmp_path}/spool/user/joe^doe\n"
    assert tool("reconstruct", made, "user/joe.doe") == "user/joe.doe\n"


def test_verify_and_adopt(made, tmp_path):
    """ctl_mboxlist -v: mailboxes "not present in the database will be reported"."""
    tool("ctl_mboxlist", made, "-u", input="user.joe\tdefault joe\tlr\t\nuser.jim\tdefault x\tl\t\n")
    subprocess.run(["cp", "-rp", tmp_path / "spool/user/joe", tmp_path / "saved"], check=True)
    assert tool("ctl_mboxlist", made, "-v") == ""
    conf = made.read_text()
    # Remove it, then restore its directory from the backup.
    subprocess.run(["rm", "-rf", tmp_path / "var/imap/db"], check=True)
    subprocess.run(["rm", "-rf", tmp_path / "spool/user/joe"], check=True)
    assert tool("ctl_mboxlist", made, "-d", "-L") == "user.jim\tdefault x\tl\t\n"
    subprocess.run(["mv", tmp_path / "saved", tmp_path / "spool/user/joe"], check=True)
    r = subprocess.run([BUILD / "imap/admin/ctl_mboxlist", "-C", made, "-v"],
                       capture_output=True, text=True)
    assert r.returncode == 1
    assert r.stdout == "'user.joe' has a directory 'user/joe' but no DB entry\n"
    assert tool("reconstruct", made, "-n", "-m") == "user.joe: would be added to the list\n"
    assert tool("reconstruct", made, "-r", "-f", "user.joe") == \
        "user.joe: added to the list\nuser.joe\n"
    assert "user.joe\tdefault joe\tlr\t\n" in tool("ctl_mboxlist", made, "-d", "-L")
    assert conf == made.read_text()
    shutil.rmtree(tmp_path / "spool/user/jim")
    r = subprocess.run([BUILD / "imap/admin/ctl_mboxlist", "-C", made, "-v"],
                       capture_output=True, text=True)
    assert r.returncode == 1
    assert r.stdout == "'user.jim' has a DB entry but no directory on partition 'default'\n"


def test_list_rebuilt_without_headers(made, tmp_path):
    """What its place and its index say of a mailbox is enough to list it; one
    without a header and without mail may never have been whole."""
    dump = "bb\tdefault anyone\tlrs\t\nuser.joe\tdefault joe\tlr\tann\tlr\t\n" \
           "user.joe.a b\ttwo joe\tlrswipkxtean\t\nuser.joe.empty\tdefault joe\tlr\t\n"
    tool("ctl_mboxlist", made, "-u", input=dump)
    assert tool("ctl_mboxlist", made, "-d", "-L") == dump
    for place in "spool/bb", "two/user/joe/a b":
        (tmp_path / place / "1.").write_bytes(MESSAGE)
        shutil.chown(tmp_path / place / "1.", (tmp_path / place).owner())
    tool("reconstruct", made)
    subprocess.run(["rm", "-rf", tmp_path / "var/imap/db"], check=True)
    (tmp_path / "spool/bb/cyrus.header").unlink()
    (tmp_path / "spool/user/joe/cyrus.header").write_text("rubbish")
    (tmp_path / "two/user/joe/a b/cyrus.header").unlink()
    (tmp_path / "spool/user/joe/empty/cyrus.header").unlink()
    tool("ctl_cyrusdb", made, "-r")
    # Nothing becomes public.
    assert tool("ctl_mboxlist", made, "-d", "-L") == "bb\tdefault \nuser.joe\tdefault joe\t" \
        "lrswipkxtean\t\nuser.joe.a b\ttwo joe\tlrswipkxtean\t\n"
    assert "cyrus.header" not in tool("reconstruct", made)
    subprocess.run(["rm", "-rf", tmp_path / "var/imap/db"], check=True)
    assert tool("ctl_mboxlist", made, "-d", "-L").startswith("bb\tdefault \n")


def test_quota_report_and_repair(server, user):
    admin = server.admin()
    admin.ok(f"CREATE user.{user}.x")
    admin.ok(f"SETQUOTA user.{user} (STORAGE 100)")
    imap = server.login(user)
    for _ in range(20):
        imap.append("INBOX.x", MESSAGE * 20)
    used = 20 * 20 * len(MESSAGE)
    report = tool("quota", server.conf, f"user.{user}").splitlines()
    assert report[0].split() == ["Quota", "%", "Used", "Used", "Resource", "Root"]
    kb = used // 1024
    assert report[1].split() == ["100", str(kb), str(kb), "STORAGE", f"user.{user}"]
    data = json.loads(tool("quota", server.conf, "-J", "-u", user))
    assert data[f"user.{user}"]["STORAGE"] == {"used": kb, "limit": 100}
    assert tool("quota", server.conf, "-f", "-q", f"user.{user}") == ""
    # A wrong sum, with a right checksum, cannot come by itself; a damaged file can.
    (server.dir / f"config/quota/user.{user}").write_text("rubbish\n")
    assert f" {kb} " in tool("quota", server.conf, "-u", user)


def test_expire(make_server):
    srv = make_server({"delete_mode": "delayed", "expunge_mode": "delayed"})
    user = srv.new_user()
    c, admin = srv.login(user), srv.admin()
    c.append("INBOX", MESSAGE)
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    c.ok("CREATE INBOX.old")
    c.ok("DELETE INBOX.old")
    spool = srv.dir / f"spool/user/{user}"
    deleted = srv.dir / f"spool/DELETED/user/{user}/old"
    assert (spool / "1.").exists() and len(list(deleted.iterdir())) == 1
    c.ok("UNSELECT") if "UNSELECT" in str(c.cmd("CAPABILITY").untagged) else c.close()
    tool("cyr_expire", srv.conf, "-E", 1, "-X", 1, "-D", 1)
    assert (spool / "1.").exists() and deleted.exists()
    r = subprocess.run([BUILD / "imap/admin/cyr_expire", "-C", srv.conf, "-X", "0", "-D", "0s",
                        "-u", user, "-v"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0
    assert "Expunged 1 messages from 1 mailboxes" in r.stderr
    assert "Removed 1 deleted mailboxes" in r.stderr
    assert not (spool / "1.").exists() and (spool / "2.").exists()
    assert not deleted.exists()
    assert admin.ok(f'LIST "" DELETED.*').untagged == []


def test_a_session_reads_the_index_that_expire_made(make_server):
    """What others do after a compaction is seen by a command that begins after it."""
    srv = make_server({"expunge_mode": "delayed"})
    user = srv.new_user()
    reads, writes = srv.login(user), srv.login(user)
    writes.append("INBOX", MESSAGE)
    writes.ok("SELECT INBOX")
    for _ in range(8):
        writes.ok("COPY 1:* INBOX")
    reads.ok("SELECT INBOX")
    writes.ok(r"STORE 3:* +FLAGS.SILENT (\Deleted)")
    writes.ok("EXPUNGE")
    reads.ok("NOOP")
    index = srv.dir / f"spool/user/{user}/cyrus.index"
    records = index.stat().st_size
    tool("ctl_cyrusdb", srv.conf, "-c")
    tool("cyr_expire", srv.conf, "-X", "0", "-u", user)
    assert index.stat().st_size < records / 4
    writes.ok(r"STORE 2 +FLAGS.SILENT (\Flagged)")
    assert reads.ok("SEARCH FLAGGED").find(rb"SEARCH 2$")
    writes.ok(r"STORE 1 +FLAGS.SILENT ($Seldom)")
    assert reads.ok("FETCH 1 FLAGS").find(rb"1 FETCH \(FLAGS \([^)]*\$Seldom")


def test_expire_wants_to_know_what(made):
    assert "usage" in tool("cyr_expire", made, ok=False)
    assert "not a time" in tool("cyr_expire", made, "-E", "soon", ok=False)
    # From old crontabs: what they ask for is not there.
    assert tool("cyr_expire", made, "-A", "7d", "-x", "-c") == ""
    assert tool("cyr_expire", made, "-a", "-t") == ""
    assert "usage" in tool("cyr_expire", made, "-x", ok=False)


def test_ipurge(server, user):
    c = server.login(user)
    c.append("INBOX", MESSAGE, r"(\Flagged)")
    c.append("INBOX", MESSAGE)
    c.append("INBOX", MESSAGE.replace(b"body", b"body" * 1000))
    name = f"user.{user}"
    # "by default only deletes mail below shared folders"
    tool("ipurge", server.conf, "-b", 1, name)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 3")
    out = tool("ipurge", server.conf, "-f", "-n", "-k", 1, name)
    assert f"{name}: message 3," in out
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 3")
    tool("ipurge", server.conf, "-f", "-k", 1, name)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 2")
    # Nothing there, and nothing that may be touched, are not the same.
    assert tool("ipurge", server.conf, "-d", 1, name + "x", ok=False) == \
        f"ipurge: couldn't find {name}x, check spelling\n"
    out = tool("ipurge", server.conf, "-f", "-v", "-k", 1, name).splitlines()
    assert out[0] == f"Working on {name}..."
    assert [x.split()[-1] for x in out[1::2]] == ["2", "0", "2"]
    # Delivered today, sent in 1994.
    tool("ipurge", server.conf, "-f", "-X", "-d", 1, name)
    assert c.ok("STATUS INBOX (MESSAGES)").find(rb"MESSAGES 2")
    tool("ipurge", server.conf, "-f", "-s", "-d", 1, name)
    assert c.ok("STATUS INBOX (MESSAGES RECENT)").find(rb"MESSAGES 1 RECENT 1")


def test_reconstruct_under_a_running_server(server, user):
    c = server.login(user)
    c.append("INBOX", MESSAGE, r"(\Flagged)")
    spool = server.dir / f"spool/user/{user}"
    c.close()
    server.clients.remove(c)
    server.expect("cyrus.index")
    server.expect(f"user.{user}")
    (spool / "cyrus.index").unlink()
    out = tool("reconstruct", server.conf, "-u", user)
    assert out.splitlines()[-1] == f"user.{user}"
    c = server.login(user)
    assert c.ok("SELECT INBOX").find(rb"1 EXISTS")


def test_checkpoint_under_a_running_server(server, imap):
    imap.append("INBOX", MESSAGE)
    tool("ctl_cyrusdb", server.conf, "-c")
    tool("ctl_cyrusdb", server.conf, "-r", "-x")
    assert imap.ok("SELECT INBOX").find(rb"1 EXISTS")


def test_cyr_df(made, tmp_path):
    lines = tool("cyr_df", made).splitlines()
    assert lines[0].split() == ["Partition", "1k-blocks", "Used", "Available", "Use%", "Location"]
    disk = os.statvfs(tmp_path)
    for line, name, path in zip(lines[1:], ("default", "two"), ("spool", "two"), strict=True):
        field = line.split()
        assert (field[0], field[5]) == (name, f"{tmp_path}/{path}")
        assert int(field[1]) == disk.f_blocks * disk.f_frsize // 1024
    assert tool("cyr_df", made, "-m").splitlines() == lines[:1]
    shutil.rmtree(tmp_path / "two")
    assert "two: No such file" in tool("cyr_df", made, ok=False)


def test_cyr_info_conf(made, tmp_path):
    made.write_text(made.read_text() + "timeout: 45m\nimaps_timeout: 50m\nquotawarn: 90\nnewsspool: /x\n")
    conf = tool("cyr_info", made, "conf").splitlines()
    assert "timeout: 45m" in conf and f"partition-two: {tmp_path}/two" in conf
    assert not any(x.startswith("quotawarn") for x in conf)
    assert "timeout: 50m" in tool("cyr_info", made, "-n", "imaps", "conf").splitlines()
    assert {"timeout: 45m", "quotawarn: 90"} < set(tool("cyr_info", made, "conf-all").splitlines())
    assert "timeout: 30m" in tool("cyr_info", made, "conf-default").splitlines()
    assert "newsspool" in tool("cyr_info", made, "conf-lint")
    for args in ([], ["nothing"], ["-s", "2.4", "conf"], ["conf", "x"]):
        r = subprocess.run([BUILD / "imap/admin/cyr_info", *args], capture_output=True)
        assert r.returncode == 64 and r.stderr


def test_cyr_info_proc(server, user):
    c = server.login(user)
    c.ok("SELECT INBOX")
    lines = tool("cyr_info", server.conf, "proc").splitlines()
    mine = [x.split() for x in lines if user in x.split()]
    assert len(mine) == 1
    assert mine[0][0].isdigit() and mine[0][1:] == ["imap", "[127.0.0.1]", user, f"user.{user}"]
    c.ok("LOGOUT")
    wait_for("the end of the session",
             lambda: user not in tool("cyr_info", server.conf, "proc"))


@pytest.fixture
def expunged(make_server):
    """A mailbox of which UIDs 1 to 3, of 4, are expunged; 2 has flags."""
    srv = make_server({"expunge_mode": "delayed"})
    user = srv.new_user()
    c = srv.login(user)
    for n in range(1, 5):
        c.append("INBOX", MESSAGE.replace(b"Subject: x", b"Subject: =?utf-8?q?n=C3=BCm?= %d" % n),
                 r'(\Answered $Work) "07-Feb-2010 21:52:25 -0800"' if n == 2 else "")
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1:3 +FLAGS.SILENT (\Deleted)")
    c.ok("EXPUNGE")
    return srv, user, c


def test_unexpunge_lists(expunged):
    srv, user, c = expunged
    out = tool("unexpunge", srv.conf, "-l", f"user.{user}")
    assert re.findall(r"(?m)^UID: (\d+)$", out) == ["1", "2", "3"]
    assert "\tFrom: a@example.org\n" in out and "\tSubj: nüm 3\n" in out
    assert re.search(r"\tSent: Tue Feb  8 05:52:25 1994|\tSent: Mon Feb  7 ", out)
    one = tool("unexpunge", srv.conf, "-l", f"user.{user}", 2)
    assert re.findall(r"(?m)^UID: (\d+)$", one) == ["2"]
    assert tool("unexpunge", srv.conf, "-l", f"user.{user}", 4) == ""
    assert tool("unexpunge", srv.conf, "-l", "user.nobody", ok=False) == \
        "unexpunge: user.nobody: not found\n"


def test_unexpunge_restores(expunged):
    """New messages: a UID that has gone does not come back (RFC 3501 2.3.1.1)."""
    srv, user, c = expunged
    name = f"user.{user}"
    assert tool("unexpunge", srv.conf, "-u", "-d", "-f", "Restored", name, 2) == ""
    r = c.ok("NOOP")
    assert r.find(rb"^2 EXISTS")
    got = c.ok("FETCH 2 (UID FLAGS INTERNALDATE BODY.PEEK[])").untagged[0]
    assert b"UID 5 " in got and b"7-Feb-2010 21:52:25 -0800" in got and b"=BCm?= 2" in got
    flags = re.search(rb"FLAGS \(([^)]*)", got).group(1).split()
    assert set(flags) - {rb"\Recent"} == {rb"\Answered", b"$Work", b"Restored"}
    # Once only.
    assert "UID 2: no such expunged message" in \
        tool("unexpunge", srv.conf, "-u", name, 2, ok=False)
    assert not (srv.dir / f"spool/user/{user}/2.").exists()
    assert tool("unexpunge", srv.conf, "-t", "1h", "-f", "Flagged", "-v", name) == \
        f"Unexpunged {name}: 1 => 6\nUnexpunged {name}: 3 => 7\nrestored 2 expunged messages\n"
    assert c.ok("NOOP").find(rb"^4 EXISTS")
    flags = c.ok("FETCH 3 FLAGS").untagged[0]
    assert rb"\Deleted" in flags and rb"\Flagged" in flags
    assert tool("unexpunge", srv.conf, "-a", "-v", name) == ""
    assert tool("reconstruct", srv.conf, "-G", name) == f"{name}\n"
    # What was copied from an original stays when the original goes.
    assert c.ok("UID FETCH 4:7 BODY.PEEK[TEXT]").all(rb"body")[3]


def test_unexpunge_brings_annotations_back(expunged):
    """RFC 5257: everybody's; an annotation is part of the message."""
    srv, user, c = expunged
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")
    c.ok('STORE * ANNOTATION (/comment (value.priv "mine" value.shared "ours") '
         '/vendor/x (value.shared ""))')
    uid = int(c.ok("FETCH * UID").find(rb"UID (\d+)")[1])
    c.ok("STORE * +FLAGS (\\Deleted)")
    c.ok(f"UID EXPUNGE {uid}")
    tool("unexpunge", srv.conf, "-u", f"user.{user}", uid)
    c.ok("NOOP")
    assert annotations(c.ok("UID FETCH * (ANNOTATION (* value))")).popitem()[1] == {
        "/comment": {"value.priv": b"mine", "value.shared": b"ours"},
        "/vendor/x": {"value.priv": None, "value.shared": b""}}


def test_unexpunge_over_quota(expunged):
    srv, user, c = expunged
    srv.admin().ok(f"SETQUOTA user.{user} (STORAGE 0)")
    tool("unexpunge", srv.conf, "-a", f"user.{user}")
    assert c.ok("NOOP").find(rb"^4 EXISTS")
    assert tool("quota", srv.conf, "-f", "-q", f"user.{user}") == ""


@pytest.mark.parametrize("args", [[], ["-l"], ["-u", "a"], ["-a", "a", "1"], ["-a", "-l", "a"],
                                  ["-t", "soon", "a"], ["-u", "a", "x"], ["-u", "a", "0"]])
def test_unexpunge_usage(made, args):
    r = subprocess.run([BUILD / "imap/admin/unexpunge", "-C", made, *args], capture_output=True)
    assert r.returncode == 64 and r.stderr


def test_mbexamine(expunged):
    srv, user, c = expunged
    name = f"user.{user}"
    c.append("INBOX", MESSAGE, r"(\Flagged $Later)")
    out = tool("mbexamine", srv.conf, name)
    assert out.startswith(f"Examining {name}...\n Mailbox Header Info:\n  Path to mailbox: "
                          f"{srv.dir}/spool/user/{user}\n  Mailbox ACL: {user}\t")
    assert "User Flags: $Work $Later\n" in out and "Number of Messages: 2 " in out
    assert "  UIDValidity: " in out and "Last UID: 5\n" in out
    assert "  Deleted: 0  Answered: 0  Flagged: 1  Unseen: 2\n" in out
    assert re.findall(r"(?m)^(\d+)> UID:(\d+) ", out) == [("000001", "00000004"), ("000002", "00000005")]
    assert "> SYSTEMFLAGS: FLAGGED\n      > USERFLAGS: $Later\n" in out
    assert f"SIZE:{len(MESSAGE)} " in out.replace("\n", " ")
    for args in (["-u", 5], ["-s", 2]):
        assert re.findall(r"(?m)^\d+> UID:(\d+)", tool("mbexamine", srv.conf, *args, name)) == ["00000005"]
    assert tool("mbexamine", srv.conf, "-q", name) == f"Examining {name}...\n"
    path = srv.dir / f"spool/user/{user}/4."
    path.write_bytes(path.read_bytes().replace(b"body", b"bady"))
    assert tool("mbexamine", srv.conf, "-q", name) == f"Examining {name}...\n"
    r = subprocess.run([BUILD / "imap/admin/mbexamine", "-C", srv.conf, "-c", name],
                       capture_output=True, text=True)
    assert r.returncode == 1 and "  uid 4: the file is not" in r.stdout
    assert "not found" in tool("mbexamine", srv.conf, "user.nobody", ok=False)
    for args in ([], ["-u", "0", name], ["-q", "-c", name], ["-u", "x", name]):
        r = subprocess.run([BUILD / "imap/admin/mbexamine", "-C", srv.conf, *args],
                           capture_output=True)
        assert r.returncode == 64 and r.stderr
