"""A server under injection, its users, and what has been promised to them.

World.users holds for each user a State: what every acknowledged command made
of it.  World.op() sends a command and takes its effect into the state when it
is acknowledged; a command that was cut off may have happened or not, wholly
(State.maybe); one that was refused has not.  World.check() compares with what
a new connection sees.
"""
import copy
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import chapar  # noqa: E402
import ports  # noqa: E402
from listlines import metadata  # noqa: E402
from table import Table  # noqa: E402

chapar.PATIENCE = 15
INJECT = "test/crash/faults/inject.so"
TOOLS = ["ctl_cyrusdb", "cyr_expire", "reconstruct", "quota", "unexpunge",
         "ctl_mboxlist", "mbpath", "mbexamine", "cyr_df", "ipurge", "chapar", "cyr_deny"]
SMALL, LARGE = 1200, 280_000    # the log takes 262144 bytes inline
# No flush of other people's files is to be waited for.
MEMORY_DISK = "/dev/shm"
CRASH = re.compile(r"signal (?:[4678]|11)\b|core dumped|crit: internal error|Segmentation|Aborted|Sanitizer")


class Violation(Exception):
    """A promise was broken."""


class Crashed(Violation):
    """A tool ended by a signal."""


class Refused(Exception):
    """The step's command was refused, clearly: the step ends here."""


class Lost(Exception):
    """The connection ended: who knows?"""


class State:
    """boxes: name -> {token: flags}; notes: (name or "", entry) -> value; url:
    one that the mailbox access key of INBOX authorizes; groups: those that he is
    in; denied: what cyr_deny has said of him; the rest as the server prints it."""

    def __init__(self):
        self.boxes = {}
        self.subscribed = set()
        self.acl = {}
        self.notes = {}
        self.groups, self.denied = set(), None
        self.quota = self.url = None

    def __eq__(self, other):
        return other is not None and vars(self) == vars(other)

    def differs(self, seen):
        out = []
        for name in sorted(set(self.boxes) | set(seen.boxes)):
            a, b = self.boxes.get(name), seen.boxes.get(name)
            if a != b:
                a, b = (None if x is None else {t: sorted(f) for t, f in x.items()} for x in (a, b))
                out.append(f"{name}: promised {a}, there is {b}")
        for what in ("subscribed", "acl", "notes", "quota", "url", "groups", "denied"):
            a, b = getattr(self, what), getattr(seen, what)
            if a != b:
                out.append(f"{what}: promised {a}, there is {b}")
        return "; ".join(out)


class Lmtp:
    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), chapar.PATIENCE)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        while True:
            line = self.file.readline()
            if not line.endswith(b"\r\n"):
                raise Lost("lmtp")
            if line[3:4] == b" ":
                return line.decode(errors="replace").strip()

    def cmd(self, text):
        self.sock.sendall(text.encode() + b"\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.sock.close()


class FaultServer(chapar.Server):
    """Its programs run with inject.so; one that can be reached by user cyrus
    is copied with all that is needed."""

    def find_build(self):
        if self.owner is None or chapar.may_be_reached(chapar.BUILD / "master/master"):
            return chapar.BUILD
        bin = self.dir / "bin"
        for program in [*chapar.PROGRAMS, INJECT, *("imap/admin/" + t for t in TOOLS)]:
            (bin / program).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(chapar.BUILD / program, bin / program)
        return bin

    def __init__(self):
        self.fresh_port, self.fresh_lmtp, self.pop_port = ports.several(3)
        services = "\n".join((
            f'fresh cmd="imapd -U 1" listen="127.0.0.1:{self.fresh_port}" prefork=0',
            f'pop3 cmd="pop3d" listen="127.0.0.1:{self.pop_port}" prefork=0',
            f'freshlmtp cmd="lmtpd -a -U 1" listen="127.0.0.1:{self.fresh_lmtp}" prefork=0'))
        folder = MEMORY_DISK if os.access(MEMORY_DISK, os.W_OK) else "/tmp"
        super().__init__({"duplicatesuppression": "no", "allowplaintext": "yes",
                          "confine": "no"}, services, name="faults",
                         below=folder)
        self.table = Table(self.dir / "faults")
        self.env = {"LD_PRELOAD": str(self.build / INJECT), "CHAPAR_FAULTS": str(self.table.path)}

    def descendants(self):
        """Master last."""
        todo, out = [self.process.pid], []
        while todo:
            pid = todo.pop()
            out.append(pid)
            try:
                todo += map(int, pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
            except OSError:
                pass
        return out[::-1]

    @staticmethod
    def signal(pids, number):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill_all(self):
        """As the power does, but for the page cache."""
        if self.process is None:
            return
        pids, stopped = [], None
        # Whoever is stopped forks no more: so until there are no new ones.
        while stopped != set(pids):
            stopped = set(pids)
            pids = self.descendants()
            self.signal(set(pids) - stopped, signal.SIGSTOP)
        self.signal(pids, signal.SIGKILL)
        self.process.wait()
        self.process = None
        for pid in pids:
            chapar.wait_for(f"the end of {pid}", lambda: not os.path.exists(f"/proc/{pid}"))

    def tool(self, name, *args, env=None):
        return subprocess.run([self.build / "imap/admin" / name, "-C", self.conf, *args],
                              capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, **(self.env if env is None else env)))


def pipeline(c, commands):
    """All at once; their replies."""
    tags = [f"t{next(c.tags)}" for _ in commands]
    c.send("".join(f"{tag} {text}\r\n" for tag, text in zip(tags, commands)))
    return [c.wait(tag) for tag in tags]


def read_from(path, at):
    """What was written to it since it had AT bytes."""
    try:
        with open(path, "rb") as f:
            f.seek(at)
            return f.read().decode(errors="replace")
    except FileNotFoundError:
        return ""


def message(token, size):
    head = (f"From: a@example.org\r\nMessage-ID: <{token}@example.org>\r\n"
            f"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nSubject: {token}\r\n\r\n")
    line = "x" * 70 + "\r\n"
    return (head + line * ((size - len(head)) // len(line) + 1)).encode()


def is_whole(text, token):
    """LMTP puts fields before it."""
    return text.endswith(message(token, SMALL if len(text) < LARGE // 2 else LARGE))


class World:
    def __init__(self):
        self.server = FaultServer()
        self.table = self.server.table
        self.users, self.maybe, self.uids = {}, {}, {}
        self.serial = 0
        self.said = []          # what clients were told since begin()
        self.conns = []
        self.log_at = self.out_at = 0
        self.server.start()
        for name in ("alice", "bob"):
            self.add_user(name)

    def close(self):
        try:
            self.server.kill_all()
        finally:
            self.server.remove()

    def token(self):
        self.serial += 1
        return f"token{self.serial}-"

    def add_user(self, user):
        self.server.set_password(user)
        c = self.server.login("cyrus")
        for box in ("", ".a", ".b"):
            c.ok(f"CREATE user.{user}{box}")
        c.ok(f"SETQUOTA user.{user} (STORAGE 1000000)")
        c.close()
        c = self.login(user)
        for box in ("INBOX", "INBOX.a", "INBOX.b"):
            for _ in range(3):
                c.append(box, message(self.token(), SMALL))
        c.close()
        self.users[user] = self.observe(user)

    # --- talking ---

    def connect(self, port=None, tls=False):
        c = chapar.Imap(("127.0.0.1", port or self.server.imap_port), tls)
        self.conns.append(c)
        return c

    def begin(self):
        self.said, self.maybe = [], {}
        self.log_at, self.out_at = (p.stat().st_size if p.exists() else 0 for p in self.logs())

    def logs(self):
        return self.server.log_path, self.server.dir / "master.out"

    def end(self):
        for c in self.conns:
            try:
                c.close()
            except OSError:
                pass
        self.conns = []

    def cmd(self, c, text, *literals):
        """The reply, which is OK, or Refused, or Lost."""
        try:
            r = c.cmd(text, *literals)
        except (OSError, AssertionError, ValueError) as e:
            if isinstance(e, TimeoutError):
                raise Violation(f"{text[:60]!r}: no answer for {chapar.PATIENCE} s") from e
            self.said.append(f"{text[:60]!r}: connection lost")
            raise Lost(text) from e
        self.said.append(f"{text[:60]!r}: {r.status} {r.text}")
        if r.status == "OK":
            return r
        if r.status in ("BYE", "") or "shutting down" in r.text:
            raise Lost(text)
        if r.status != "NO":
            raise Violation(f"{text[:60]!r}: {r!r}")
        raise Refused(text)

    def open(self, user="alice", port=None, tls=False):
        """A login under injection."""
        try:
            c = self.connect(port, tls)
            if not c.greeting.startswith(b"* OK"):
                self.said.append(f"greeting: {c.greeting!r}")
                raise Lost("greeting")
        except (OSError, AssertionError) as e:
            if isinstance(e, TimeoutError):
                raise Violation(f"no greeting for {chapar.PATIENCE} s") from e
            self.said.append(f"no connection: {e}")
            raise Lost("connection") from e
        self.cmd(c, f'LOGIN {user} "{chapar.PASSWORD}"')
        return c

    def op(self, c, change, text, *literals, user="alice"):
        """A command that changes the state of USER as CHANGE(state) does."""
        after = copy.deepcopy(self.users[user])
        change(after)
        try:
            r = self.cmd(c, text, *literals)
        except Lost:
            self.maybe[user] = after
            raise
        except Refused:
            if "perhaps after it was done" in self.said[-1]:
                self.maybe[user] = after
            raise
        self.users[user] = after
        return r

    # --- looking ---

    def login(self, user):
        """A connection of which nothing is to fail: it may take a moment."""
        end = time.monotonic() + chapar.PATIENCE
        while True:
            try:
                c = chapar.Imap(("127.0.0.1", self.server.imap_port))
                c.login(user)
                return c
            except (OSError, AssertionError) as e:
                if time.monotonic() > end:
                    raise Violation(f"no service for {user}: {e}") from e
                time.sleep(0.02)

    def observe(self, user):
        c = self.login(user)
        c.strict = None
        s = State()
        self.take_lists(s, user)
        listed, subscribed = self.must(c, 'LIST "" *', 'LSUB "" *')
        names = [m[1].decode() for m in listed.all(rb'LIST \([^)]*\) "." "?(INBOX[^"]*)"?$')]
        s.subscribed = {m[1].decode() for m in subscribed.all(rb'LSUB \([^)]*\) "." "?([^"]*)"?$')}
        asked = self.must(c, *[text for name in names for text in (
            f'EXAMINE "{name}"', "UID FETCH 1:* (UID FLAGS RFC822.SIZE BODY.PEEK[])", f'GETACL "{name}"',
            f'GETMETADATA (DEPTH infinity) "{name}" (/private /shared)')],
            'GETMETADATA (DEPTH infinity) "" (/private)',
            f'GENURLAUTH "imap://{user}@localhost/INBOX/;uid=1;urlauth=anonymous" INTERNAL',
            # Last: to look at a mailbox finishes what may have been left half done.
            "GETQUOTAROOT INBOX")
        size = 0
        for i, name in enumerate(names):
            opened, got, acl, notes = asked[4 * i:4 * i + 4]
            found = s.boxes[name] = {}
            size += self.observe_box(user, name, found, opened, got)
            s.acl[name] = acl.find(rb"^ACL \S+ (.*)$")[1].decode()
            self.take_notes(s, name, notes)
        self.take_notes(s, "", asked[-3])
        s.url = asked[-2].find(rb'^GENURLAUTH "?([^"]*)"?$')[1].decode()
        quota = asked[-1].find(rb"STORAGE (\d+) (\d+)")
        s.quota = int(quota[2]) if quota else None
        if quota and int(quota[1]) != size // 1024:
            raise Violation(f"quota of {user}: {quota[1]} KiB used, there are {size} bytes")
        c.close()
        return s

    def must(self, c, *commands):
        try:
            out = pipeline(c, commands)
        except (OSError, AssertionError) as e:
            raise Violation(f"afterwards {commands!r}: {e!r}") from e
        for text, r in zip(commands, out):
            if r.status != "OK":
                raise Violation(f"afterwards {text!r}: {r!r}")
        return out

    def take_lists(self, s, user):
        """Out of the two files, which are there whole or not at all."""
        for name in "groups", "user_deny.db":
            path = self.server.dir / "config" / name
            lines = path.read_text().split("\n") if path.exists() else [""]
            if lines[-1] != "":
                raise Violation(f"{name} is not whole: {lines!r}")
            for line in lines[:-1]:
                if name == "groups" and user in line.split()[1:]:
                    s.groups.add(line.split()[0])
                elif name != "groups" and line.split("\t")[0] == user:
                    s.denied = line.split("\t")[2:]

    def listing(self, change, tool, user="alice"):
        """TOOL() changes a list as CHANGE(state) does; if it fails it may have, or not."""
        after = copy.deepcopy(self.users[user])
        change(after)
        self.maybe[user] = after
        tool()
        self.users[user] = after

    @staticmethod
    def take_notes(s, name, reply):
        for notes in metadata(reply).values():
            s.notes.update({(name, entry): value.decode() for entry, value in notes.items()})

    def observe_box(self, user, name, found, opened, got):
        size = 0
        n = int(opened.find(rb"^(\d+) EXISTS")[1])
        known = self.uids.setdefault((user, name), {})
        seen = {}
        for line in got.untagged:
            m = re.match(rb"\d+ FETCH \(UID (\d+) FLAGS \(([^)]*)\) RFC822.SIZE (\d+) BODY\[\] \{(\d+)\}\r\n", line)
            if not m:
                continue
            text = line[m.end():m.end() + int(m[4])]
            token = re.search(rb"Subject: (\S+)\r\n", text)
            if not token or len(text) != int(m[3]) or not is_whole(text, token[1].decode()):
                raise Violation(f"{name}: message {m[1]} is not whole")
            token, uid = token[1].decode(), int(m[1])
            if token in found:
                raise Violation(f"{name}: {token} is there twice")
            found[token] = frozenset(m[2].decode().split()) - {"\\Recent"}
            seen[uid] = token
            size += len(text)
        if len(seen) != n:
            raise Violation(f"{name}: {n} messages, {len(seen)} fetched")
        for uid, token in seen.items():
            if known.setdefault(uid, token) != token:
                raise Violation(f"{name}: UID {uid} was {known[uid]}, is {token}")
        return size

    def finish_names(self):
        """What the next change of names is to finish, as the log has said."""
        if "changes of mailbox names are not finished" in self.new_log():
            c = self.login("bob")
            for command in ("CREATE", "DELETE"):
                self.must(c, f"{command} INBOX.finish")
            c.close()

    def check(self):
        """Is what was promised there?  Takes over what was left open."""
        self.finish_names()
        for user in self.users:
            seen = self.observe(user)
            if seen != self.users[user] and seen != self.maybe.get(user):
                raise Violation(f"{user}: {self.users[user].differs(seen)}")
            self.users[user] = seen
        self.maybe = {}

    def check_works(self):
        """Without help, and what is acknowledged now is not lost with what failed."""
        c, token = self.login("bob"), self.token()
        for text, literals in (("APPEND INBOX.b ", [message(token, SMALL)]), ("SUBSCRIBE INBOX.b", []),
                               ("UNSUBSCRIBE INBOX.b", []), ("SETACL INBOX.b dave l", []),
                               ("DELETEACL INBOX.b dave", [])):
            r = c.cmd(text, *literals)
            if r.status != "OK":
                raise Violation(f"afterwards {text!r}: {r!r}")
        c.close()
        self.users["bob"].boxes["INBOX.b"][token] = frozenset()
        seen = self.observe("bob")
        if seen != self.users["bob"]:
            raise Violation(f"bob, afterwards: {self.users['bob'].differs(seen)}")

    def check_services(self):
        end = time.monotonic() + chapar.PATIENCE
        for port in (self.server.lmtp_port,):
            while True:
                try:
                    c = Lmtp(port)
                    ok = c.cmd("LHLO x")
                    c.close()
                    if ok.startswith("250"):
                        break
                except (OSError, Lost):
                    pass
                if time.monotonic() > end:
                    raise Violation(f"no LMTP service at {port}")
                time.sleep(0.02)
        if self.server.process.poll() is not None:
            raise Violation("master has ended")

    def new_log(self):
        """What has been logged since begin(), or said before there was a log."""
        return "".join(read_from(p, at) for p, at in zip(self.logs(), (self.log_at, self.out_at)))

    def check_deep(self):
        """After the end of all processes and a restart."""
        self.server.kill_all()
        self.table.lose()
        self.table.track(False)
        self.server.start()
        self.check()
        for user in self.users:
            said = self.server.tool("reconstruct", "-n", "-r", f"user.{user}", env={})
            text = said.stdout + said.stderr
            if said.returncode != 0 or re.search(r"would|lost|missing|damaged|differ", text):
                raise Violation(f"reconstruct -n: {text}")
        said = self.server.tool("quota", "-f", env={})
        if said.returncode != 0 or said.stdout != self.server.tool("quota", "-f", env={}).stdout:
            raise Violation(f"quota -f: {said.stdout}{said.stderr}")
        said = self.server.tool("ctl_cyrusdb", "-c", env={})
        if said.returncode != 0:
            raise Violation(f"ctl_cyrusdb -c: {said.stdout}{said.stderr}")
        left = [str(p) for p in self.server.dir.rglob("*") if p.suffix in (".NEW", ".new") and p.name != "kv.new"]
        # One that ended at the wrong moment leaves a name to the next who replaces that file.
        for folder in {p.parent for p in self.server.dir.rglob("*.tmp")}:
            names = [str(p) for p in folder.glob("*.tmp")]
            left += names if len(names) > 4 else []
        left += [p.name for p in (self.server.dir / "spool/stage").iterdir() if p.name != "checkpoint.lock"]
        if left:
            raise Violation(f"left over: {left}")
