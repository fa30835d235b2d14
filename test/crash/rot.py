#!/usr/bin/python3
"""Bit rot: what happens when a file of the store is not what was written.

    CHAPAR_BUILD=$PWD/b test/crash/rot.py [--seed N] [--cases N] [--every]
        [--only REGEX] [--running | --stopped] [--keep] [-v] [--jobs N] [--done FILE]

A server is filled once: two partitions, mailboxes with all kinds of content,
flags, keywords, tombstones, another user's seen state, quota roots,
subscriptions, annotations of mailboxes, users and the server, keys of URLs,
a history of changes, a mailbox that was sorted, a log with records that no checkpoint has covered.  Then, again
and again, its files are put back and one of them is damaged: while the server
is stopped, or while it runs and a session has the mailbox selected.  --every:
each damage to each file; else so many cases, drawn by the seed.  --done FILE:
what it names was done before, and what is done now is added to it.  test_rot.py
does a few of them in ./check.

What is demanded of each case:
  1. The server starts and goes on; nobody dies by a signal, nothing hangs.
  2. The mailboxes that are not damaged are answered as before, byte by byte.
  3. Of the damaged one each message is answered as before, or not, and then
     the log says why; no UID means another message than before.
  4. New mail can be put into every other mailbox, and into the damaged one
     unless that is refused; what was acknowledged is there afterwards, under
     a UID that was never given.
  5. A client that was away hears of every expunge and change, and of nothing
     that is there as if it were gone.
  6. reconstruct finds what is wrong and mends it or says what is lost; a
     second run finds nothing.
Wrong bytes of a message of the right length are given out (nobody computes a
hash for each FETCH); they are counted, and 6 must find them.
"""
import argparse
import collections
import contextlib
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import chapar  # noqa: E402
from listlines import metadata  # noqa: E402

START_SECONDS = 15
CASE_SECONDS = 60
WORKER_MB = 400
MEMORY_DISK = "/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"
ITEMS = "(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])"
SORT = "SORT (FROM REVERSE SUBJECT) UTF-8 ALL"
DEADLY = re.compile(r"signal (4|5|6|8|11)\b|Sanitizer|runtime error|: crit: .*ensure")


class Wrong(AssertionError):
    pass


class Closed(Wrong):
    """The store cannot be opened, and clients are told so."""


# ---------------------------------------------------------------- the store

def letter(n, size=0):
    return (f"From: A <a{n}@example.org>\r\nTo: b@example.org\r\nSubject: letter {n}\r\n"
            f"Date: Sat, 21 Nov 2026 10:00:{n % 60:02d} +0000\r\nMessage-ID: <{n}@example.org>\r\n"
            f"\r\ntext {n}\r\n").encode() + b"0123456789abcdef" * 4 * (size // 64)


def parts(n):
    return (f"From: c@example.org\r\nSubject: =?utf-8?q?gr=C3=BC=C3=9Fe_{n}?=\r\nMIME-Version: 1.0\r\n"
            "Content-Type: multipart/mixed; boundary=xx\r\n\r\n--xx\r\n\r\nfirst\r\n--xx\r\n"
            "Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ninner text\r\n--xx\r\n"
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
            "AAECAwQFBgcICQ==\r\n--xx--\r\n").encode()


class Rot:
    """A filled server whose files are put back before each case."""

    def __init__(self, verbose=False):
        self.verbose = verbose
        self.srv = srv = chapar.Server(name="rot", workers="maxchild=20", below=MEMORY_DISK)
        text = srv.conf.read_text() + f"partition-two: {srv.dir}/two\nduplicatesuppression: yes\n"
        srv.conf.write_text(text)
        (srv.dir / "two").mkdir()
        if srv.owner:
            os.chown(srv.dir / "two", srv.owner.pw_uid, srv.owner.pw_gid)
        self.old = srv.dir / "old"
        self.saved = srv.dir / "saved"
        self.counts = collections.Counter()
        self.before = {}        # key -> [UIDVALIDITY, modseq] when the client went away
        for user in ("alice", "bob"):
            srv.set_password(user)
        self.fill()

    # --- filling ---

    def save(self, to):
        for part in ("config", "spool", "two"):
            subprocess.run(["cp", "-a", "--sparse=always", self.srv.dir / part, to / part], check=True)

    def fill(self):
        srv = self.srv
        srv.start()
        admin = srv.admin()
        for name, where in (("user.alice", ""), ("user.alice.work", ""), ("user.alice.work.deep", "two"),
                            ("user.bob", "two"), ("user.bob.lists", ""), ("news", ""), ("user.alice.sorted", "")):
            admin.ok(f"CREATE {name} {where}".strip())
        admin.ok("SETQUOTA user.alice (STORAGE 1000000)")
        admin.ok("SETACL news anyone lrs")
        alice, bob = srv.login("alice"), srv.login("bob")
        alice.ok("SETACL INBOX bob lrs")
        for n in range(12):
            alice.append("INBOX", parts(n) if n % 3 == 0 else letter(n),
                         r"(\Seen $Work)" if n % 4 == 0 else r"(\Flagged)" if n % 4 == 1 else "")
        alice.append("INBOX", letter(50, 300000))
        for n in range(5):
            alice.append("INBOX.work", letter(100 + n, 4000))
            alice.append("INBOX.work.deep", letter(200 + n), "(deep)")
            bob.append("INBOX", parts(300 + n))
        for c, names in ((alice, ("INBOX", "INBOX.work")), (bob, ("INBOX", "news"))):
            for name in names:
                c.ok(f"SUBSCRIBE {name}")
        for c in (alice, bob):
            c.ok('SETMETADATA "" (/private/comment "my server" /private/filters/values/f "SUBJECT letter")')
            c.ok('SETMETADATA INBOX (/private/comment "mine" /shared/comment "ours" /private/vendor/x/y "y")')
        admin.ok('SETMETADATA "" (/shared/comment "to all")')
        for user, c in (("alice", alice), ("bob", bob)):
            c.ok(f'GENURLAUTH "imap://{user}@localhost/INBOX/;uid=1;urlauth=anonymous" INTERNAL')
        for n in range(8):
            alice.append("INBOX.sorted", letter(700 + n * 5 % 8))
        alice.ok("SELECT INBOX.sorted")
        for _ in range(5):      # 256: of so many an order is kept
            alice.ok("COPY 1:* INBOX.sorted")
            alice.ok("NOOP")
        alice.ok("SORT (SUBJECT) UTF-8 ALL")
        alice.ok("UNSELECT")    # it is written when that is answered
        self.go_away({"alice": alice, "bob": bob})
        self.tool("ctl_cyrusdb", "-c")
        self.quiesce()
        self.save_as(self.old)
        srv.start()
        alice, bob = srv.login("alice"), srv.login("bob")
        alice.ok("SELECT INBOX.sorted")
        alice.ok("UID COPY 1:20 INBOX.sorted")
        alice.ok(SORT)
        alice.ok("SELECT INBOX")
        alice.ok(r"STORE 3,5 +FLAGS (\Deleted)")
        alice.ok("EXPUNGE")
        alice.ok("COPY 1:4 INBOX.work")
        alice.ok(r"STORE 2 +FLAGS (\Answered later)")
        alice.ok("SETACL INBOX.work bob lr")
        alice.ok('SETMETADATA INBOX.work (/private/specialuse "\\\\Sent" /shared/comment "at work")')
        alice.ok('SETMETADATA INBOX (/private/vendor/x/y NIL /private/vendor/x/z "zz")')
        bob.ok("SELECT user.alice")
        bob.ok(r"STORE 1:3 +FLAGS (\Seen)")
        bob.ok("SUBSCRIBE user.alice")
        for n in range(4):
            self.deliver(["alice", "bob"], letter(400 + n))
            bob.append("INBOX.lists", letter(500 + n, 200 if n else 280000))
        alice.ok("SELECT INBOX.work.deep")
        alice.ok(r"STORE 2 +FLAGS (\Seen)")
        admin = srv.admin()
        admin.ok("SETACL news cyrus lrswipkxtecda")
        admin.ok("SELECT news")
        admin.append("news", letter(600))
        admin.append("news", parts(601))
        self.quiesce()
        self.save_as(self.saved)
        # What is right, as a start in peace answers it.
        srv.start()
        self.right = self.picture()
        self.right_away = self.away
        assert any(gone for gone, _, _ in self.away.values()), self.away
        self.quiesce()
        self.restore()
        assert not [b["error"] for b in self.right.values() if b["error"]], self.right
        self.texts = {body for box in self.right.values() for body in box["bodies"].values()}
        srv.seen = 0
        bad = srv.bad_lines()
        assert not bad, bad

    def save_as(self, to):
        to.mkdir()
        for part in ("config", "spool", "two"):
            subprocess.run(["cp", "-a", "--sparse=always", self.srv.dir / part, to / part], check=True)

    def restore(self):
        for part in ("config", "spool", "two"):
            shutil.rmtree(self.srv.dir / part, ignore_errors=True)
            subprocess.run(["cp", "-a", "--sparse=always", self.saved / part, self.srv.dir / part], check=True)

    def deliver(self, users, message):
        with socket.create_connection(("127.0.0.1", self.srv.lmtp_port), 30) as s:
            f = s.makefile("rwb")
            f.write(b"LHLO x\r\nMAIL FROM:<>\r\n" + b"".join(b"RCPT TO:<%s>\r\n" % u.encode() for u in users)
                    + b"DATA\r\n")
            f.flush()
            while not f.readline().startswith(b"354"):
                pass
            f.write(message + b".\r\n")
            f.flush()
            for _ in users:
                assert f.readline().startswith(b"250")

    # --- life ---

    def tool(self, name, *args, code=0):
        r = subprocess.run([self.srv.build / "imap/admin" / name, "-C", self.srv.conf, *args],
                           capture_output=True, timeout=CASE_SECONDS)
        out = (r.stdout + r.stderr).decode(errors="replace")
        if r.returncode < 0 or "Sanitizer" in out:
            raise Wrong(f"{name} {args}: ended with {r.returncode}: {out}")
        if code is not None and r.returncode != code:
            raise Wrong(f"{name} {args}: {r.returncode}, not {code}: {out}")
        return r.returncode, out

    def quiesce(self):
        self.srv.stop()

    def start(self):
        """False: it does not serve, but its log says so."""
        srv = self.srv
        before = srv.log().count("cannot open the store")
        with open(srv.dir / "master.out", "ab") as out:
            env = dict(os.environ)
            if srv.owner:
                env["CYRUS_USER"], env["CYRUS_GROUP"] = "cyrus", "mail"
            srv.process = subprocess.Popen(
                [srv.build / "master/master", "-C", srv.conf, "-M", srv.dir / "cyrus.conf",
                 "-p", srv.dir / "master.pid", "-L", srv.log_path], env=env,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if srv.process.poll() is not None:
                srv.process = None
                return False
            with contextlib.suppress(OSError):
                with socket.create_connection(("127.0.0.1", srv.imap_port), timeout=1) as s:
                    if s.recv(100).startswith(b"* OK"):
                        return True
            if self.srv.log().count("cannot open the store") > before + 1:
                return False
            time.sleep(0.02)
        return False

    def children(self):
        pid = self.srv.process.pid
        return [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def check_memory(self):
        if "-fsanitize" in (chapar.BUILD / "Makefile").read_text(errors="replace"):
            return
        for pid in self.children():
            with contextlib.suppress(OSError, AttributeError):
                text = pathlib.Path(f"/proc/{pid}/status").read_text()
                peak = int(re.search(r"VmHWM:\s+(\d+)", text)[1]) // 1024
                if peak > WORKER_MB:
                    raise Wrong(f"process {pid} took {peak} MB")

    # --- looking ---

    BOXES = (("alice", "INBOX", "user.alice"), ("alice", "INBOX.work", "user.alice.work"),
             ("alice", "INBOX.work.deep", "user.alice.work.deep"), ("bob", "INBOX", "user.bob"),
             ("alice", "INBOX.sorted", "user.alice.sorted"),
             ("bob", "INBOX.lists", "user.bob.lists"), ("bob", "news", "news"),
             ("bob", "user.alice", "user.alice as bob"))

    def go_away(self, sessions):
        for user, name, key in self.BOXES:
            r = sessions[user].ok(f"STATUS {name} (UIDVALIDITY HIGHESTMODSEQ)")
            self.before[key] = [int(r.find(x + rb" (\d+)")[1]) for x in (b"UIDVALIDITY", b"HIGHESTMODSEQ")]

    def come_back(self, c, name, key):
        """(expunged, changed, there): UIDs; None if nobody said so."""
        validity, modseq = self.before[key]
        r = c.cmd(f"EXAMINE {name} (QRESYNC ({validity} {modseq}))")
        if r.status != "OK" or not r.find(rb"UIDVALIDITY %d\]" % validity):
            return None
        gone, changed = set(), set()
        for u in r.untagged:
            if m := re.match(rb"VANISHED \(EARLIER\) (\S+)", u):
                gone |= uid_set(m[1].decode())
            elif m := re.match(rb"\d+ FETCH \(.*?UID (\d+)", u):
                changed.add(int(m[1]))
        r = c.cmd("UID SEARCH ALL")
        return gone, changed, {int(x) for u in r.untagged if u.startswith(b"SEARCH") for x in u.split()[1:]}

    def check_away(self, case, keys, when):
        for key, right in self.right_away.items():
            now = self.away.get(key)
            # What an older index, or another one, knows is what there is for it.
            if now is None or (key in keys and (case.everywhere or case.name in ("cyrus.index", "cyrus.header")
                                                or case.path.split("/")[1] == "wal")):
                continue
            gone, changed, there = now
            if gone & there or (right[0] - there) - gone or (right[1] & there) - changed:
                raise Wrong(f"{when}: {key}: who was away is told that {sorted(gone)} are gone and {sorted(changed)} "
                            f"changed; there are {sorted(there)}; right is {right}")

    def picture(self):
        seen = {}
        self.away = {}
        for user in ("alice", "bob"):
            c = self.srv.connect()
            r = c.cmd(f"LOGIN {user} {chapar.PASSWORD}")
            if r.status == "NO" and "UNAVAILABLE" in r.text:
                raise Closed(str(r))
            if r.status != "OK":
                raise Wrong(f"login of {user}: {r}")
            # Who finds the list damaged says so, and then builds it anew.
            for _ in range(50):
                r = c.cmd('LIST "" *')
                if r.status == "OK":
                    break
                time.sleep(0.05)
            seen[f"list of {user}"] = {"meta": sorted(r.untagged), "bodies": {}, "rows": {},
                                       "error": None if r.status == "OK" else r}
            r = c.cmd('LSUB "" *')
            seen[f"lsub of {user}"] = {"meta": sorted(r.untagged), "bodies": {}, "rows": {},
                                       "error": None if r.status == "OK" else r}
            r = c.cmd('GETMETADATA (DEPTH infinity) "" (/private /shared)')
            seen[f"notes of {user}"] = {"meta": sorted(r.untagged), "bodies": {}, "rows": {},
                                        "error": None if r.status == "OK" else r}
            r = c.cmd(f'GENURLAUTH "imap://{user}@localhost/INBOX/;uid=1;urlauth=anonymous" INTERNAL')
            seen[f"url of {user}"] = {"meta": sorted(r.untagged), "bodies": {}, "rows": {},
                                      "error": None if r.status == "OK" else r}
            r = c.cmd("GETQUOTAROOT INBOX")
            seen[f"quota of {user}"] = {"meta": r.untagged, "bodies": {}, "rows": {},
                                        "error": None if r.status == "OK" else r}
            for who, name, key in self.BOXES:
                if who == user:
                    seen[key] = self.box(c, name)
            c.cmd("ENABLE QRESYNC")
            for who, name, key in self.BOXES:
                if who == user:
                    self.away[key] = self.come_back(c, name, key)
            c.close()
            self.srv.clients.remove(c)
        return seen

    def box(self, c, name):
        st = c.cmd(f"STATUS {name} (MESSAGES UIDNEXT UIDVALIDITY UNSEEN)")
        r = c.cmd(f"EXAMINE {name}")
        out = {"error": None, "meta": None, "rows": {}, "bodies": {}}
        if r.status != "OK":
            return {**out, "error": r}
        if st.status != "OK":
            out["error"] = st
        # What is repaired is a change, and has a higher modseq.
        passing = (b"RECENT", b"HIGHESTMODSEQ", b"[CLOSED]")
        out["meta"] = [u for u in r.untagged if not any(p in u for p in passing)] + st.untagged
        r = c.cmd(f"UID FETCH 1:* {ITEMS}")
        if r.status != "OK":
            out["error"] = r
        for u in r.untagged:
            m = re.match(rb"\d+ FETCH \(UID (\d+) (.*) BODY\[\] \{(\d+)\}\r\n", u, re.S)
            if not m:
                continue
            uid, row = int(m[1]), m[2].replace(rb"\Recent ", b"").replace(rb" \Recent", b"").replace(rb"\Recent", b"")
            if uid in out["rows"]:
                raise Wrong(f"{name}: UID {uid} twice")
            out["rows"][uid] = row
            out["bodies"][uid] = u[m.end():m.end() + int(m[3])]
        for command in ("SEARCH TEXT text SUBJECT letter", SORT):
            r = c.cmd(command)
            if r.status != "OK":
                out["error"] = out["error"] or r
            else:
                out["meta"] += r.untagged
        r = c.cmd(f"GETMETADATA (DEPTH infinity) {name} (/private /shared)")
        if r.status != "OK":
            out["error"] = out["error"] or r
        out["meta"] += r.untagged
        return out

    # --- judging ---

    def whose(self, path):
        """The keys of the picture that damage to this file may change: a
        message's file may have several names."""
        keys = self.whose_name(path)
        if re.search(r"/\d+\.$", path):
            st = (self.saved / path).stat()
            for other in self.saved.rglob("*.") if st.st_nlink > 1 else ():
                if other.stat().st_ino == st.st_ino:
                    keys |= self.whose_name(str(other.relative_to(self.saved)))
        return keys

    FOLDERS = {"user.alice.work": "spool/user/alice/work", "user.alice.work.deep": "two/user/alice/work/deep",
               "user.alice": "spool/user/alice", "user.alice as bob": "spool/user/alice",
               "user.alice.sorted": "spool/user/alice/sorted", "user.bob": "two/user/bob", "user.bob.lists": "two/user/bob/lists", "news": "spool/news"}

    def whose_name(self, p):
        names = collections.defaultdict(set)
        for key, where in self.FOLDERS.items():
            names[where].add(key)
        folder = os.path.dirname(p)
        if os.path.basename(p) == "cyrus.sort":
            return set()        # no answer depends on it
        if folder in names:
            keys = set(names[folder])
            if os.path.basename(p) in ("cyrus.index", "cyrus.header", "cyrus.annotations") and "alice" in folder:
                keys.add("quota of alice")
            return keys
        if p.startswith("config/quota"):
            # While it cannot be opened nobody knows if there is room.
            user = p.rsplit(".", 1)[1]
            return {f"quota of {user}"} | {k for k in self.right if k.startswith(f"user.{user}")}
        if p.startswith("config/user"):
            return {f"{'url' if p.endswith('.urlauth') else 'lsub'} of {pathlib.Path(p).stem}"}
        if p.startswith("config/annotations"):
            return {f"notes of {u}" for u in ("alice", "bob") if p.endswith(("/server", f"/user.{u}"))}
        return set()

    def compare(self, now, keys, when):
        """Differences of what is damaged; raises if something else differs."""
        found = []
        for key, right in self.right.items():
            box = now[key]
            if box == right:
                continue
            if key not in keys:
                raise Wrong(f"{when}: {key} is not damaged, but: {self.difference(right, box)}")
            found.append(f"{key}: {self.difference(right, box)}")
            same_validity = self.validity(box) == self.validity(right)
            for uid, body in box["bodies"].items():
                was = right["bodies"].get(uid)
                if body == was or body == self.expunged(key, uid):
                    continue
                if was is not None and len(was) == len(body):
                    self.wrong_bytes += 1
                elif same_validity and body in self.texts:
                    raise Wrong(f"{when}: {key}: UID {uid} means another message now")
                elif same_validity and when != "mended":
                    raise Wrong(f"{when}: {key}: UID {uid} is something new of {len(body)} bytes")
        return found

    def expunged(self, key, uid):
        """What its file says: an older index may not know that it is expunged."""
        name = self.FOLDERS.get(key)
        path = name and self.saved / name / f"{uid}."
        return path.read_bytes() if path and path.exists() else None

    @staticmethod
    def validity(box):
        m = re.search(rb"UIDVALIDITY (\d+)", b" ".join(box["meta"] or []))
        return m and m[1]

    @staticmethod
    def difference(right, box):
        if box["error"]:
            return f"{box['error'].status} {box['error'].text}"
        rows = {u for u in set(right["rows"]) | set(box["rows"])
                if right["rows"].get(u) != box["rows"].get(u)}
        bodies = {u for u in set(right["bodies"]) | set(box["bodies"])
                  if right["bodies"].get(u) != box["bodies"].get(u)}
        meta = (set(map(bytes, right["meta"] or [])) ^ set(map(bytes, box["meta"] or [])))
        return f"rows {sorted(rows)[:5]} bodies {sorted(bodies)[:5]} meta {sorted(meta)[:6]}"

    def write(self, keys, when):
        """New mail everywhere; what was said OK must be there."""
        told = {}
        for user in ("alice", "bob"):
            c = self.srv.login(user)
            for who, name, key in self.BOXES:
                if who != user or key in ("news", "user.alice as bob"):
                    continue
                text = letter(f"new in {key}" and 900 + len(told))
                r = c.cmd(f"APPEND {name} ", text)
                if r.status != "OK":
                    if key not in keys:
                        raise Wrong(f"{when}: APPEND to {key}: {r}")
                    continue
                m = re.match(r"APPENDUID (\d+) (\d+)", r.code)
                told[key] = (m[1].encode(), int(m[2]), text)
                if m[1].encode() == self.validity(self.right[key]) and int(m[2]) <= self.highest(key):
                    raise Wrong(f"{when}: {key}: UID {m[2]} was given already")
                r = c.cmd(f"SELECT {name}")
                if r.status == "OK":
                    r = c.cmd(f"UID STORE {m[2]} +FLAGS (\\Flagged)")
                if r.status != "OK" and key not in keys:
                    raise Wrong(f"{when}: writing to {key}: {r}")
            c.close()
            self.srv.clients.remove(c)
        now = self.picture()
        for key, (validity, uid, text) in told.items():
            if self.validity(now[key]) == validity and now[key]["bodies"].get(uid) != text:
                raise Wrong(f"{when}: {key}: UID {uid} was acknowledged and is not there: "
                            f"{self.difference(self.right[key], now[key])}")
            if self.validity(now[key]) == validity:
                for k in (key, key + " as bob"):
                    if k in now and uid in now[k]["bodies"]:
                        del now[k]["bodies"][uid], now[k]["rows"][uid]
        return now, told

    def annotate(self, first, keys):
        """One more annotation: refused, or it is there, and so are the others."""
        for user in ("alice", "bob"):
            c = self.srv.login(user)
            for who, name, key in (*self.BOXES, (user, '""', f"notes of {user}")):
                if who != user or key in ("news", "user.alice as bob"):
                    continue
                ask = f"GETMETADATA (DEPTH infinity) {name} (/private /shared)"
                before, r = c.cmd(ask), c.cmd(f'SETMETADATA {name} (/private/vendor/rot/x "x")')
                after = c.cmd(ask)
                if r.status != "OK":
                    if key not in keys:
                        raise Wrong(f"SETMETADATA {name}: {r}")
                    continue
                had, have = (metadata(x).get(name.strip('"'), {}) for x in (before, after))
                if after.status != "OK" or have.pop("/private/vendor/rot/x", None) != b"x" or (
                        before.status == "OK" and any(have.get(k) != v for k, v in had.items())):
                    raise Wrong(f"SETMETADATA {name}: OK, before {before!r}, after {after!r}")
                if c.cmd(f"SETMETADATA {name} (/private/vendor/rot/x NIL)").status != "OK" and key not in keys:
                    raise Wrong(f"SETMETADATA {name} NIL: refused")
            c.close()
            self.srv.clients.remove(c)

    def highest(self, key):
        m = re.search(rb"UIDNEXT (\d+)", b" ".join(self.right[key]["meta"]))
        return int(m[1]) - 1

    def check_log(self, when):
        log = self.srv.log()[self.srv.seen:]
        bad = [line for line in log.splitlines() if DEADLY.search(line)]
        with open(self.srv.dir / "master.out", errors="replace") as f:
            bad += [line for line in f if DEADLY.search(line)]
        if bad:
            raise Wrong(f"{when}: {bad[:5]}")
        # A worker that dies with each client that comes, or is started for ever.
        if len(re.findall(r"died(?! inside)|ended before it served", log)) > 30:
            raise Wrong(f"{when}: a crash loop: {log[-2000:]}")
        return log

    # --- a case ---

    def run(self, case):
        """Raises Wrong; returns a line about what happened."""
        self.case, self.wrong_bytes = case, 0
        self.srv.process = None
        self.restore()
        self.srv.log_path.write_bytes(b"")
        (self.srv.dir / "master.out").write_bytes(b"")
        self.srv.seen = 0
        if self.srv.owner:
            os.chown(self.srv.log_path, self.srv.owner.pw_uid, self.srv.owner.pw_gid)
        began = time.monotonic()
        try:
            line = self.run_running(case) if case.running else self.run_stopped(case)
        except subprocess.TimeoutExpired as e:
            raise Wrong(f"hangs: {e}") from e
        except Wrong:
            raise
        except (OSError, EOFError, AssertionError, ValueError) as e:
            raise Wrong(f"{type(e).__name__}: {e}; log: {self.srv.log()[-1500:]}") from e
        finally:
            self.end()
        if time.monotonic() - began > CASE_SECONDS:
            raise Wrong(f"took {time.monotonic() - began:.0f} s: {line}")
        if self.wrong_bytes:
            self.counts["wrong bytes given out"] += 1
            if "not the message that was stored" not in self.reported:
                raise Wrong(f"wrong bytes were given out, reconstruct says {self.reported!r}")
        return line

    def end(self):
        for c in self.srv.clients:
            c.close()
        self.srv.clients = []
        if self.srv.process is not None:
            self.srv.process.send_signal(signal.SIGTERM)
            try:
                self.srv.process.wait(20)
            except subprocess.TimeoutExpired:
                self.srv.process.kill()
                self.srv.process.wait()
                raise Wrong("does not stop") from None
            finally:
                self.srv.process = None

    def run_stopped(self, case):
        keys = self.whose(case.path)
        case.damage(self)
        try:
            if self.start():
                return self.judge(case, keys)
            raise Closed("does not start")
        except Closed:
            log = self.check_log("start")
            if not case.may_refuse:
                raise Wrong(f"does not start: {log[-1500:]}") from None
            if not re.search(r"\]: (err|crit|alert|emerg): ", log):
                raise Wrong("does not start and does not say why")
            self.counts["start refused"] += 1
            return "refuses to start: " + re.findall(r"\]: (?:err|crit|alert|emerg): (.*)", log)[0]

    def run_running(self, case):
        keys = self.whose(case.path)
        if not self.start():
            raise Wrong("does not start undamaged")
        sessions = []
        for user, name, _ in self.BOXES:
            c = self.srv.login(user)
            c.ok(f"SELECT {name}")
            c.ok("FETCH 1:* (FLAGS ENVELOPE)")
            sessions.append((c, name))
        case.damage(self)
        for c, name in sessions:
            self.use(c, name)
        try:
            return self.judge(case, keys)
        except Closed:
            if not case.may_refuse or not re.search(r"\]: (err|crit|alert|emerg): ", self.check_log("serving")):
                raise
            self.counts["service refused"] += 1
            return "refuses service"

    def use(self, c, name):
        """An old session: answers, or a clean end that the log explains."""
        try:
            for command in ("NOOP", f"FETCH 1:* {ITEMS}", r"STORE 1 +FLAGS (\Answered)",
                            r"STORE 1 -FLAGS (\Answered)", "SEARCH TEXT text", SORT):
                c.cmd(command)
        except (AssertionError, OSError):
            self.counts["sessions ended"] += 1
            if not re.search(r"\]: (err|crit|warning)", self.srv.log()):
                raise Wrong(f"a session of {name} ended and the log does not say why") from None

    def judge(self, case, keys):
        allowed = set(self.right) if case.everywhere else keys
        first = self.picture()
        found = self.compare(first, allowed, "at first")
        self.check_away(case, keys, "at first")
        now, _ = self.write(allowed, "writing")
        self.annotate(first, allowed)
        for key in set(self.right) - allowed:
            if now[key]["bodies"] != self.right[key]["bodies"]:
                raise Wrong(f"after writing: {key} has changed")
        self.check_memory()
        log = self.check_log("serving")
        # A list that ends early is for reconstruct -m; what was written last is lost.
        if found and case.how not in ("old", "swap") and not case.everywhere and not self.says(log, allowed, found):
            raise Wrong(f"differs and the log says nothing: {found}")
        return self.mend(case, allowed, found)

    def says(self, log, keys, found):
        """Does the log tell of it?  Nobody can see what is wrong with a list of
        subscriptions or keys, nor with a message of the right length, nor that
        there have been annotations of the server, or others' \\Seen."""
        return re.search(r"\]: (err|crit|warning)", log) or all(
            f.startswith(("lsub", "url")) or f.startswith("notes") and self.case.how == "missing"
            or self.case.how == "missing" and self.case.name == "cyrus.seen"
            or "rows []" in f and ("meta []" in f or self.case.is_message) for f in found)

    def mend(self, case, allowed, found):
        # Who the damage is gone with: the person that runs reconstruct sees to that.
        case.make_accessible(self)
        self.tool("reconstruct", "-m", code=None)
        _, self.reported = self.tool("reconstruct", "-n", "-G", code=None)
        code, said = self.tool("reconstruct", "-G", "-R", code=None)
        self.reported += said
        code, again = self.tool("reconstruct", "-G", code=None)
        lines = [x for x in again.splitlines() if ": " in x]
        if code != 0 or lines:
            raise Wrong(f"reconstruct does not come to an end: first {said!r} then {again!r}")
        self.end()
        if not self.start():
            raise Wrong(f"does not start after reconstruct: {self.srv.log()[-1500:]}")
        now = self.picture()
        for key in set(self.right) & set(now):
            if now[key]["error"]:
                raise Wrong(f"after reconstruct: {key}: {now[key]['error']}")
            lost = set(self.right[key]["bodies"].values()) - set(now[key]["bodies"].values())
            if lost and key not in allowed:
                raise Wrong(f"after reconstruct: {key} lost {len(lost)} messages")
            if len(lost) > 1 and not case.may_lose:
                raise Wrong(f"after reconstruct: {key} lost {len(lost)} messages by one damage")
        self.check_log("mended")
        self.end()
        return "; ".join(found) or "served as before"


# ---------------------------------------------------------------- the damage

class Case:
    def __init__(self, path, how, running, seed):
        self.path, self.how, self.running, self.seed = path, how, running, seed
        self.rng = random.Random(f"{path} {how} {seed}")
        self.name = name = os.path.basename(path)
        self.is_message = re.fullmatch(r"\d+\.", name) is not None
        top = path.split("/")[1]
        # Files without which nothing can be: locks, and what is behind them.
        shared = top in ("db", "lock", "wal", "deliver", "proc", "stage")
        self.may_refuse = how in ("directory", "unreadable") and shared
        self.everywhere = shared and how in ("directory", "unreadable", "old", "swap") or top == "db"
        self.may_lose = how in ("directory", "missing", "swap", "old") and name == "cyrus.index"

    def __str__(self):
        return f"{'running' if self.running else 'stopped'} {self.how} {self.path} seed {self.seed}"

    def used(self, data):
        """Where the bytes lie that are not the zeros of reserved room."""
        return max(len(data.rstrip(b"\0")), min(len(data), 512))

    def damage(self, rot):
        path = rot.srv.dir / self.path
        self.where = ""
        getattr(self, self.how)(rot, path)

    def owned(self, rot, path):
        if rot.srv.owner:
            os.chown(path, rot.srv.owner.pw_uid, rot.srv.owner.pw_gid)

    def overwrite(self, path, off, data):
        self.where = f"at {off}"
        with open(path, "r+b") as f:
            f.seek(off)
            f.write(data)

    def flip(self, rot, path):
        data = path.read_bytes()
        if data:
            off = self.rng.randrange(self.used(data))
            self.overwrite(path, off, bytes([data[off] ^ 1 << self.rng.randrange(8)]))

    def sector(self, rot, path, size=512):
        data = path.read_bytes()
        off = self.rng.randrange(max(1, self.used(data))) // size * size
        self.overwrite(path, off, b"\0" * min(size, max(0, len(data) - off)))

    def page(self, rot, path):
        self.sector(rot, path, 4096)

    def truncate(self, rot, path):
        used = self.used(path.read_bytes())
        self.where = f"at {(n := self.rng.choice([1, used // 2, max(used - 1, 0), self.rng.randrange(used + 1)]))}"
        os.truncate(path, n)

    def empty(self, rot, path):
        os.truncate(path, 0)

    def extend(self, rot, path):
        with open(path, "ab") as f:
            f.write(self.rng.randbytes(self.rng.choice([1, 100, 5000])))

    def missing(self, rot, path):
        path.unlink()

    def directory(self, rot, path):
        path.unlink()
        path.mkdir()
        self.owned(rot, path)

    def unreadable(self, rot, path):
        path.chmod(0)

    def old(self, rot, path):
        was = rot.old / self.path
        if was.exists():
            shutil.copyfile(was, path)

    def swap(self, rot, path):
        """With its like of another mailbox, root, user or partition."""
        name = path.name
        like = sorted(p for p in rot.saved.rglob("*") if p.is_file() and p.suffix == path.suffix
                      and str(p.relative_to(rot.saved)) != self.path
                      and (p.name == name or path.parent.name in ("quota",) or path.suffix == ".sub"))
        if like:
            shutil.copyfile(self.rng.choice(like), path)

    def make_accessible(self, rot):
        path = rot.srv.dir / self.path
        if self.how == "unreadable" and path.exists():
            path.chmod(0o600)
        if self.how == "directory" and path.is_dir():
            with contextlib.suppress(OSError):
                path.rmdir()


HOW = ("flip", "flip", "sector", "page", "truncate", "empty", "extend", "missing", "directory",
       "unreadable", "old", "swap")
# Shared memory, which a stopped server does not need, and sockets, pids.
SKIP = re.compile(r"config/(socket|proc|msg|log|master\.status)|\.pid$")
# Of many copies one will do.
COPIES = re.compile(r"/sorted/(?!1\.)\d+\.$")
# While the server runs these are its memory: damage there is not bit rot.
MEMORY = re.compile(r"kv\.state|__db\.|kv\.room\.|wal/(state|gate|attach|append|flush)|config/lock/")


def uid_set(text):
    out = set()
    for part in text.split(","):
        a, _, b = part.partition(":")
        out |= set(range(int(a), int(b or a) + 1))
    return out


def files(rot):
    out = []
    for part in ("config", "spool", "two"):
        for p in sorted((rot.saved / part).rglob("*")):
            rel = str(p.relative_to(rot.saved))
            if p.is_file() and not SKIP.search(rel) and not COPIES.search(rel):
                out.append(rel)
    return out


def interesting(path):
    """Formats first: of many message files a few will do."""
    return not re.search(r"/\d+\.$", path)


def choose(rot, n, seed, only=None, modes=(False, True), every=False):
    rng = random.Random(seed)
    paths = [p for p in files(rot) if not only or re.search(only, p)]
    cases = [Case(p, h, r, seed) for p in paths for h in dict.fromkeys(HOW) for r in modes
             if not (r and MEMORY.search(p))]
    if every:
        return cases
    formats = collections.defaultdict(list)
    for c in cases:
        formats[re.sub(r"[0-9a-f]{8,}|\d+", "N", os.path.basename(c.path)) + c.path.split("/")[0]].append(c)
    # Each format gets its share, whatever the number of its files.
    chosen = []
    while len(chosen) < n and any(formats.values()):
        for kind in sorted(formats):
            if formats[kind] and len(chosen) < n:
                chosen.append(formats[kind].pop(rng.randrange(len(formats[kind]))))
    return chosen


def main():
    parser = argparse.ArgumentParser(description="damages each file of a store in each way")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--only", help="files that match this pattern")
    parser.add_argument("--how", help="damages that match this pattern")
    parser.add_argument("--running", action="store_true")
    parser.add_argument("--stopped", action="store_true")
    parser.add_argument("--keep", action="store_true", help="stop at the first failure and leave all files")
    parser.add_argument("--jobs", type=int, default=1, help="so many servers at once")
    parser.add_argument("--done", help="a file with the cases that need not be done")
    parser.add_argument("-v", action="store_true", help="a line for each case")
    args = parser.parse_args()
    modes = (True,) if args.running else (False,) if args.stopped else (False, True)
    began = time.monotonic()
    rot = Rot(args.v)
    todo = [c for c in choose(rot, args.cases, args.seed, args.only, modes, args.every)
            if not args.how or re.search(args.how, c.how)]
    if args.done and os.path.exists(args.done):
        done = set(pathlib.Path(args.done).read_text().splitlines())
        todo = [c for c in todo if str(c) not in done]
    if args.jobs == 1:
        return do(args, rot, todo, iter(range(len(todo))))
    rot.srv.remove()
    return share(args, todo, began)


def share(args, todo, began):
    """Several processes, each with a server of its own."""
    context = multiprocessing.get_context("fork")
    at, failed = context.Value("i", 0), context.Value("i", 0)

    def numbers():
        while True:
            with at.get_lock():
                i, at.value = at.value, at.value + 1
            if i >= len(todo):
                return
            yield i

    def work(number):
        random.seed(number)     # for the ports
        if do(args, Rot(args.v), todo, numbers()):
            failed.value = 1
    jobs = [context.Process(target=work, args=(n,)) for n in range(args.jobs)]
    for j in jobs:
        j.start()
    for j in jobs:
        j.join()
    print(f"{len(todo)} cases in {time.monotonic() - began:.0f} s")
    return failed.value or any(j.exitcode for j in jobs)


def do(args, rot, todo, numbers):
    failed, n, began = 0, 0, time.monotonic()
    for i in numbers:
        case = todo[i]
        n += 1
        t = time.monotonic()
        try:
            line = rot.run(case)
            if args.v:
                print(f"ok   {case} {case.where}: {line[:1000]} ({time.monotonic() - t:.1f} s)", flush=True)
            if args.done:
                with open(args.done, "a", encoding="utf-8") as f:
                    f.write(f"{case}\n")
        except Wrong as e:
            failed += 1
            print(f"FAIL {case} {getattr(case, 'where', '')}: {str(e)[:3000]} ({time.monotonic() - t:.1f} s)", flush=True)
            if args.keep:
                print(f"all is in {rot.srv.dir}")
                return 1
    print(f"{n} cases, {failed} failed, {dict(rot.counts)}, {time.monotonic() - began:.0f} s")
    rot.srv.remove()
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
