"""reconstruct: a mailbox whose files were damaged, lost or restored."""
import os
import pathlib
import pwd
import random
import re
import shutil
import subprocess
import threading

import pytest

from chapar import wait_for

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd() + "/b")).resolve()


def message(n):
    return b"From: a@example.org\r\nSubject: m%d\r\n\r\nbody %d\r\n" % (n, n)


class Box:
    """A user's INBOX with three messages; UID 2 is flagged and has a keyword."""

    def __init__(self, server):
        self.server, self.user = server, server.new_user()
        self.name = f"user.{self.user}"
        self.dir = server.dir / "spool/user" / self.user
        c = server.login(self.user)
        for n in (1, 2, 3):
            c.append("INBOX", message(n), r"(\Flagged $Work)" if n == 2 else "")
        self.leave(c)

    def leave(self, c):
        c.close()
        self.server.clients.remove(c)

    def run(self, *args, code=0, name=None):
        r = subprocess.run([BUILD / "imap/admin/reconstruct", "-C", self.server.conf, *args,
                            name or self.name], capture_output=True, text=True, timeout=60)
        assert r.returncode == code, r
        lines = r.stdout.splitlines()
        if "-q" not in args and code == 0:
            assert lines[-1] == self.name
        return r.stdout

    def state(self):
        """UIDVALIDITY, UIDNEXT and {uid: (flags, subject)}."""
        c = self.server.login(self.user)
        r = c.ok("SELECT INBOX")
        validity = int(r.find(rb"UIDVALIDITY (\d+)").group(1))
        uidnext = int(r.find(rb"UIDNEXT (\d+)").group(1))
        out = {}
        if not r.find(rb"^0 EXISTS"):
            got = c.ok("UID FETCH 1:* (FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
            for m in got.all(rb"UID (\d+) FLAGS \(([^)]*)\).*Subject: (\w+)"):
                out[int(m[1])] = (set(m[2].split()) - {rb"\Recent"}, m[3].decode())
        self.leave(c)
        return validity, uidnext, out

    def owned(self, path):
        if os.geteuid() == 0:
            cyrus = pwd.getpwnam("cyrus")
            os.chown(path, cyrus.pw_uid, cyrus.pw_gid)


FLAGGED = {rb"\Flagged", b"$Work"}
WHOLE = {1: (set(), "m1"), 2: (FLAGGED, "m2"), 3: (set(), "m3")}


@pytest.fixture
def box(server):
    return Box(server)


def test_nothing_to_do(box):
    before = box.state()
    files = {p.name: p.read_bytes() for p in box.dir.iterdir()}
    assert box.run() == f"{box.name}\n"
    assert box.run("-G") == f"{box.name}\n"
    assert box.run("-q") == ""
    assert {p.name: p.read_bytes() for p in box.dir.iterdir()} == files
    assert box.state() == before == (before[0], 4, WHOLE)


def test_index_removed(box):
    """Which UIDs were given is not known any more: clients must begin anew."""
    before = box.state()
    box.server.expect("cyrus.index|is not its directory")
    (box.dir / "cyrus.index").unlink()
    out = box.run()
    assert "cyrus.index is missing" in out and "uid 3: found" in out
    validity, uidnext, mail = box.state()
    assert validity > before[0] and uidnext == 4
    assert {u: s for u, (_, s) in mail.items()} == {1: "m1", 2: "m2", 3: "m3"}
    assert box.run() == f"{box.name}\n"
    assert "UIDVALIDITY" not in box.run("-n")


@pytest.mark.parametrize("at", [0, 9, 30])
def test_index_header_damaged(box, at):
    before = box.state()
    box.server.expect("cyrus.index|is not its directory|invalid")
    with open(box.dir / "cyrus.index", "r+b") as f:
        f.seek(at)
        f.write(b"XXXX")
    assert "header of cyrus.index is damaged" in box.run("-n")
    assert "header of cyrus.index is damaged" in box.run()
    validity, uidnext, mail = box.state()
    assert validity > before[0] and mail == WHOLE


def test_index_sums_damaged(box):
    """The counts in the header are what STATUS and quotas say."""
    before = box.state()
    box.server.expect("the sums in cyrus.index are damaged; they are made anew")
    with open(box.dir / "cyrus.index", "r+b") as f:
        data = f.read(512)
        at = data.index((3).to_bytes(4, "little") * 2)      # records, exists
        f.seek(at + 4)
        f.write((9).to_bytes(4, "little"))
    assert box.run() == f"{box.name}\n"      # who opens it mends it, and logs
    assert "sums in cyrus.index are damaged" in box.server.log_path.read_text()
    assert box.state() == before


def test_index_record_damaged(box):
    before = box.state()
    box.server.expect("record|cyrus.index")
    with open(box.dir / "cyrus.index", "r+b") as f:
        f.seek(512 + 160 + 40)
        f.write(b"XXXX")
    assert "record 1 of cyrus.index is damaged" in box.run()
    validity, uidnext, mail = box.state()
    # Its flags are lost with it; its UID is that of its file.
    assert (validity, uidnext) == before[:2]
    assert mail == {**WHOLE, 2: (set(), "m2")}


def test_index_cut_off(box):
    box.server.expect("cyrus.index|is not its directory")
    os.truncate(box.dir / "cyrus.index", 100)
    assert "cyrus.index is cut off" in box.run()
    assert len(box.state()[2]) == 3


def test_cache_removed_or_damaged(box):
    """"the message files and cyrus.header/index suffice"."""
    before = box.state()
    (box.dir / "cyrus.cache").unlink()
    assert box.state() == before
    (box.dir / "cyrus.cache").write_bytes(b"rubbish" * 1000)
    box.owned(box.dir / "cyrus.cache")
    assert box.state() == before
    assert box.run() == f"{box.name}\n"


def test_header_removed(box):
    """Name, rights and quota root are in the list; names of flags are not."""
    before = box.state()
    header = (box.dir / "cyrus.header").read_text()
    (box.dir / "cyrus.header").unlink()
    out = box.run()
    assert "cyrus.header is missing" in out and "recovered-0" in out
    now = (box.dir / "cyrus.header").read_text()
    strip = lambda h: re.sub(r"keyword.*\n|crc.*\n", "", h)
    assert strip(now) == strip(header)
    assert box.state() == (*before[:2], {**WHOLE, 2: ({rb"\Flagged", b"recovered-0"}, "m2")})
    assert box.run() == f"{box.name}\n"


def test_header_damaged(box):
    box.server.expect("cyrus.header")
    header = (box.dir / "cyrus.header")
    header.write_bytes(header.read_bytes().replace(b"acl\t", b"axl\t"))
    assert "cyrus.header is damaged" in box.run()
    assert box.run() == f"{box.name}\n"


def test_lost_and_restored(box):
    """A UID that clients saw vanish does not come back; the message does."""
    before = box.state()
    shutil.copy2(box.dir / "2.", box.server.dir / f"{box.user}-2")
    (box.dir / "2.").unlink()
    assert "uid 2: the message file is missing" in box.run("-n")
    assert "uid 2: the message file is missing" in box.run()
    assert box.state() == (before[0], 4, {1: WHOLE[1], 3: WHOLE[3]})
    shutil.move(box.server.dir / f"{box.user}-2", box.dir / "2.")
    box.owned(box.dir / "2.")
    assert "uid 2: the message file is there again; it is uid 4 now" in box.run()
    assert box.state() == (before[0], 5, {1: WHOLE[1], 3: WHOLE[3], 4: WHOLE[2]})
    assert not (box.dir / "2.").exists() and (box.dir / "4.").exists()
    assert box.run() == f"{box.name}\n"


def test_restored_from_a_backup(box):
    """The UIDs of messages that came after the backup must not mean others now."""
    before = box.state()
    backup = box.server.dir / f"{box.user}-backup"
    subprocess.run(["cp", "-rp", box.dir, backup], check=True)
    c = box.server.login(box.user)
    c.append("INBOX", message(4))
    box.leave(c)
    shutil.rmtree(box.dir)
    subprocess.run(["cp", "-rp", backup, box.dir], check=True)
    shutil.rmtree(backup)
    assert "its UIDVALIDITY is" not in box.run("-n", "-N")
    out = box.run("-N")
    assert "its UIDVALIDITY is" in out and "damaged" not in out
    validity, uidnext, mail = box.state()
    assert validity > before[0] and (uidnext, mail) == (4, WHOLE)
    assert box.run() == f"{box.name}\n"


def test_files_that_no_record_knows(box):
    before = box.state()
    for name, n in (("77.", 77), ("4000000000.", 5)):
        (box.dir / name).write_bytes(message(n))
        box.owned(box.dir / name)
    out = box.run()
    assert "uid 77: found\n" in out and "uid 4000000000: found; it is uid 78 now" in out
    assert box.state() == (before[0], 79, {**WHOLE, 77: (set(), "m77"), 78: (set(), "m5")})
    # An old number: a message with it was seen, or expunged, long ago.
    (box.dir / "50.").write_bytes(message(50))
    box.owned(box.dir / "50.")
    assert "uid 50: found; it is uid 79 now" in box.run()
    assert box.state()[2][79] == (set(), "m50")


def test_found_under_open_session(box):
    c = box.server.login(box.user)
    c.ok("SELECT INBOX")
    (box.dir / "10.").write_bytes(message(10))
    box.owned(box.dir / "10.")
    (box.dir / "1.").unlink()
    box.run()
    r = c.ok("NOOP")
    assert r.untagged[:2] == [b"1 EXPUNGE", b"3 EXISTS"]
    assert c.ok("UID FETCH 10 BODY.PEEK[]").find(rb"Subject: m10")


def test_deliveries_while_the_index_is_replaced(box):
    """Nothing that was acknowledged is lost, and nobody is told that it failed."""
    server, stop, errors, appended = box.server, threading.Event(), [], []

    def append(k):
        try:
            c = server.login(box.user)
            if k == 0:
                c.ok("SELECT INBOX")
            while not stop.is_set():
                appended.append(c.append("INBOX", message(7)))
                if k == 0:
                    c.ok(r"STORE * +FLAGS (\Answered)")
        except Exception as e:
            errors.append(e)

    threads = [threading.Thread(target=append, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    found = 0
    for k in range(20):
        wait_for("some deliveries", lambda: len(appended) > k * 5 or errors)
        path = box.dir / f"{4_000_000_000 - k}."
        path.write_bytes(message(8))
        box.owned(path)
        found += box.run().count("found; it is uid")
    stop.set()
    for t in threads:
        t.join()
    assert not errors
    subjects = [subject for _, subject in box.state()[2].values()]
    assert (subjects.count("m7"), subjects.count("m8"), found) == (len(appended), 20, 20)
    assert box.run("-G") == f"{box.name}\n"


def test_killed_in_the_middle(box):
    """Every message is there once, wherever it was killed."""
    c = box.server.login(box.user)
    for n in range(4, 100):
        c.append("INBOX", message(n))
    box.leave(c)
    want, rand = set(range(1, 100)), random.Random(1)
    for k in range(20):
        for n in range(1000 + 3 * k, 1003 + 3 * k):
            want.add(n)
            path = box.dir / f"{4_000_000_000 - n}."
            path.write_bytes(message(n))
            box.owned(path)
        if k % 5 == 3:
            (box.dir / "cyrus.header").unlink(missing_ok=True)
        p = subprocess.Popen([BUILD / "imap/admin/reconstruct", "-C", box.server.conf, "-G",
                              box.name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            p.wait(rand.random() * 0.06)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
    box.run()
    subjects = [int(subject[1:]) for _, subject in box.state()[2].values()]
    assert sorted(subjects) == sorted(want)
    assert box.run("-G") == f"{box.name}\n"


def test_open_session_does_not_go_on_with_other_uids(box):
    """RFC 3501 2.3.1.1: UIDVALIDITY holds for a session."""
    box.server.expect("cyrus.index|is not its directory|invalid")
    c, other = box.server.login(box.user), box.server.login(box.user)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    (box.dir / "cyrus.index").unlink()
    # What is written into a file that has no name would be lost.
    assert c.cmd(r"STORE 1 +FLAGS (\Seen)").status == "NO"
    box.run()
    c.send("x NOOP\r\n")
    assert c.response().startswith(b"* BYE Mailbox has been rebuilt")
    assert len(box.state()[2]) == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="root makes files that others cannot read")
def test_file_that_cannot_be_read(box):
    """One bad file does not keep the others from being mended."""
    (box.dir / "8.").write_bytes(message(8))
    (box.dir / "8.").chmod(0o600)
    (box.dir / "9.").write_bytes(message(9))
    out = box.run(code=1)
    assert "uid 8: the file cannot be read: Permission denied" in out and "uid 9: found" in out
    assert 9 in box.state()[2]
    box.owned(box.dir / "8.")
    assert "uid 8: found; it is uid 10 now" in box.run()


def test_damaged_message(box):
    before = box.state()
    size = (box.dir / "3.").stat().st_size
    os.truncate(box.dir / "3.", 30)
    assert "uid 3: the file is not the message that was stored" in box.run(code=1)
    assert "uid 3" not in box.run("-s")
    with open(box.dir / "3.", "r+b") as f:
        f.truncate(size)                   # the right size, zeros
    assert "uid 3" not in box.run()
    assert "uid 3" in box.run("-G", code=1)
    assert box.state()[:2] == before[:2]
    assert "uid 3" in box.run("-G", "-R")
    validity, uidnext, mail = box.state()
    assert (validity, uidnext, set(mail) | {4}) == (before[0], 5, {1, 2, 4})
    assert not (box.dir / "3.").exists()


def test_damaged_message_removed(box):
    before = box.state()
    os.truncate(box.dir / "2.", 0)
    assert "uid 2: the file is not the message that was stored; removed" in box.run("-U")
    assert box.state() == (before[0], 4, {1: WHOLE[1], 3: WHOLE[3]})
    assert not (box.dir / "2.").exists()


def test_odd_files(box):
    (box.dir / "backup.old").touch()
    (box.dir / "88.").mkdir()
    assert '"backup.old" is none of the server\'s files' in box.run()
    assert box.run("-o") == f"{box.name}\n"
    assert (box.dir / "backup.old").exists()
    assert "removed" in box.run("-O")
    assert not (box.dir / "backup.old").exists() and (box.dir / "88.").is_dir()
    (box.dir / "88.").rmdir()


def test_directory_removed(box):
    before = box.state()
    shutil.rmtree(box.dir)
    assert "directory" in box.run("-n", code=1)
    box.server.expect("is not its directory|cyrus.index")
    assert "an empty one is made" in box.run()
    validity, uidnext, mail = box.state()
    assert validity > before[0] and (uidnext, mail) == (1, {})
    c = box.server.login(box.user)
    c.append("INBOX", message(1))


def test_patterns(box):
    c = box.server.login(box.user)
    for name in ("a", "a.b", "ab"):
        c.ok(f"CREATE INBOX.{name}")
    n = box.name

    def names(*args):
        r = subprocess.run([BUILD / "imap/admin/reconstruct", "-C", box.server.conf, *args],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == 0, r
        return r.stdout.split()

    assert names(n) == [n]
    assert names("-r", n) == [n, f"{n}.a", f"{n}.a.b", f"{n}.ab"]
    assert names("-r", "-u", box.user) == names("-r", n)
    assert names(f"{n}.a%") == [f"{n}.a", f"{n}.ab"]
    assert names(f"{n}.a*") == [f"{n}.a", f"{n}.a.b", f"{n}.ab"]
    assert names("-r", f"{n}.a") == [f"{n}.a", f"{n}.a.b"]
    assert set(names("-r", n)) < set(names())
    assert names("-V", "max", "-r", n) == []


def test_mailbox_not_in_the_list(make_server):
    """reconstruct -f "adds all directories with a cyrus.header found there"."""
    srv = make_server({"delete_mode": "immediate"}, start=False)
    srv.conf.write_text(srv.conf.read_text() + f"partition-two: {srv.dir}/two\n")
    subprocess.run([BUILD / "imap/admin/mkimap", "-C", srv.conf], check=True)
    srv.start()
    a, longer = srv.new_user(), None
    admin = srv.admin()
    longer = a + "x"
    admin.ok(f"CREATE user.{longer} two")
    admin.ok(f"CREATE user.{a}.sub two")
    saved = srv.dir / "saved"
    subprocess.run(["cp", "-rp", srv.dir / "two", saved], check=True)
    admin.ok(f"SETACL user.{longer} cyrus x")
    admin.ok(f"SETACL user.{a}.sub cyrus x")
    admin.ok(f"DELETE user.{longer}")
    admin.ok(f"DELETE user.{a}.sub")
    subprocess.run(f"cp -rp {saved}/user {srv.dir}/two/", shell=True, check=True)

    def run(*args, code=0):
        r = subprocess.run([BUILD / "imap/admin/reconstruct", "-C", srv.conf, *args],
                           capture_output=True, text=True, timeout=60)
        assert r.returncode == code, r
        return r.stdout.splitlines()

    assert run("-p", "default", f"user.{longer}", code=1) == []
    assert run("-n", "-f", f"user.{a}")[0] == f"user.{a}.sub: would be added to the list"
    # Below user.a, not those whose name only begins alike.
    assert run("-f", f"user.{a}") == [f"user.{a}.sub: added to the list", f"user.{a}",
                                      f"user.{a}.sub"]
    assert run("-p", "two", f"user.{longer}") == [f"user.{longer}: added to the list",
                                                  f"user.{longer}"]


@pytest.mark.parametrize("args", [["-x", "a"], ["-I", "a"], ["-P", "a"], ["-V", "12", "a"],
                                  ["-r"], ["-u"], ["-m", "a"], ["-z"]])
def test_what_is_not_supported_is_refused(server, args):
    r = subprocess.run([BUILD / "imap/admin/reconstruct", "-C", server.conf, *args],
                       capture_output=True, text=True, timeout=60)
    assert r.returncode == 64 and re.search("(?m)^(reconstruct: -.|usage: )", r.stderr)
