"""A storm: processes of a whole server are killed and stopped at random
instants while clients change mail; see test/crash/kill9.

What must be true:
 1. After each stroke mail is delivered (LMTP) and stored (IMAP: LOGIN, SELECT,
    APPEND) over fresh connections within LIMIT seconds, counted from the signal;
    if master was hit, from its start by the one who looks after it, which the
    storm does at once, as systemd would.  A machine that is busy with other
    things is forgiven what it kept one waiting who sleeps and writes to the
    disk, and SLOWNESS times what the same two took just before, when nobody was
    hit.
 2. In the end the store is what the clients were told (model.py), also after
    all has been stopped and started, and none of the tools that repair finds
    anything to do.
 3. Nothing is left: no lock, no temporary file, no message file without a
    record, no shared memory, no process after the stop.
"""
import contextlib
import fcntl
import itertools
import os
import pathlib
import random
import re
import signal
import socket
import struct
import subprocess
import threading
import time

from chapar import Imap, PASSWORD, wait_for
from model import Load

LIMIT = float(os.environ.get("CHAPAR_RESUME", "2"))
SLOWNESS = 5
PROBE_PATIENCE = 30
CLIENTS = 6
# What must not be in the log but is the storm's own doing.
NATURAL = (r"died |ended before it served|signal (6|9)|as soon as it was copied"
           r"|could be forked|cannot fork a worker")


# --- looking at processes ---

def read(path):
    try:
        return pathlib.Path(path).read_text(errors="replace")
    except OSError:
        return ""


def children(pid):
    return [int(x) for x in read(f"/proc/{pid}/task/{pid}/children").split()]


def state_of(pid):
    """One letter; "" if it is gone."""
    return read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] or ""


def title(pid):
    return read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()


def kind_of(pid):
    """ "imapd: imap: template" -> "template"; the program's name for all others."""
    text = title(pid)
    if "template" in text:
        return "template"
    words = text.split(":")[0].split()
    return words[0].rpartition("/")[2] if words else "gone"


def open_files(pid):
    """The paths of its descriptors in /proc."""
    with contextlib.suppress(OSError):
        return [f"/proc/{pid}/fd/{n}" for n in os.listdir(f"/proc/{pid}/fd")]
    return []


def uses(pid, folder):
    """Has the process anything open below FOLDER?"""
    for fd in open_files(pid):
        with contextlib.suppress(OSError):
            if os.readlink(fd).startswith(folder):
                return True
    return folder in read(f"/proc/{pid}/maps")


def processes(server):
    """All that belong to SERVER, its children or not."""
    folder, found = str(server.dir) + "/", []
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        pid = int(p.name)
        if pid == os.getpid() or state_of(pid) in ("", ["Z"]):
            continue
        with contextlib.suppress(OSError):
            if folder in title(pid) or uses(pid, folder):
                found.append(pid)
    return found


def is_locked(pid, fd):
    """Has PID an exclusive flock on its descriptor FD?"""
    return re.search(r"^lock:.*FLOCK .*WRITE", read(f"/proc/{pid}/fdinfo/{fd}"), re.M)


def lock_name(path):
    """What a lock on PATH is called here; None if it is none that others wait for."""
    path = pathlib.Path(path)
    if path.name == "names":
        return "names"
    if path.name == "kv.state":
        return f"db {path.parent.name}"
    if path.parent.name == "wal" and path.name in ("append", "flush", "gate"):
        return f"wal {path.name}"
    return "mailbox" if "/spool/user/" in str(path) and path.is_dir() else None


def locks_of(pid):
    """(descriptor, name) of the exclusive locks that PID holds."""
    for file in open_files(pid):
        with contextlib.suppress(OSError):
            fd, name = file.rpartition("/")[2], lock_name(os.readlink(file))
            if name and is_locked(pid, fd):
                yield fd, name


# --- how late is everything? ---

class Clock(threading.Thread):
    """Sleeps, and writes to the disk, in short steps and notes what was more
    than that should take: neither concerns a server."""
    STEP, FLUSH = 0.02, 0.2

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path = folder / "clock"
        self.late = 0.0
        self.going = True

    def run(self):
        with open(self.path, "wb", buffering=0) as f:
            while self.going:
                t = time.monotonic()
                time.sleep(self.STEP)
                slept = time.monotonic()
                os.pwrite(f.fileno(), b"x" * 512, 0)
                os.fdatasync(f.fileno())
                self.late += max(0.0, slept - t - 3 * self.STEP)
                self.late += max(0.0, time.monotonic() - slept - self.FLUSH)


# --- the probe ---

class Probe:
    """Somebody who wants to send and to store one message each round."""

    def __init__(self, server, user):
        self.server, self.user = server, user
        self.serial = itertools.count(1)
        self.delivered, self.stored = [], []
        self.unsure = set()

    def message(self, token):
        return (f"From: a@example.org\r\nMessage-ID: <{token}@example.org>\r\n"
                f"Subject: {token}\r\n\r\nhello\r\n").encode()

    def deliver(self, token):
        with socket.create_connection(("127.0.0.1", self.server.lmtp_port), PROBE_PATIENCE) as s:
            f = s.makefile("rwb")

            def answer(*good):
                while True:
                    line = f.readline()
                    if line[:3] not in good:
                        raise OSError(f"LMTP: {line!r}")
                    if line[3:4] == b" ":
                        return
            answer(b"220")
            for command, code in ((b"LHLO x", b"250"), (b"MAIL FROM:<a@example.org>", b"250"),
                                  (b"RCPT TO:<%s>" % self.user.encode(), b"250"), (b"DATA", b"354")):
                f.write(command + b"\r\n")
                f.flush()
                answer(code)
            f.write(self.message(token) + b"\r\n.\r\n")
            f.flush()
            answer(b"250")

    def store(self, token):
        c = Imap(("127.0.0.1", self.server.imap_port))
        try:
            c.login(self.user, PASSWORD)
            c.ok("SELECT INBOX")
            c.append("INBOX", self.message(token))
        finally:
            with contextlib.suppress(OSError):
                c.close()

    def until_done(self, act, acknowledged, what, end):
        tries = 0
        while True:
            token = f"probe-{what}-{next(self.serial)}-"
            tries += 1
            self.unsure.add(token)
            try:
                act(token)
                break
            except (OSError, AssertionError) as e:
                if time.monotonic() > end:
                    raise AssertionError(f"no service ({what}, {tries} tries): {e}") from e
                time.sleep(0.01)
        self.unsure.discard(token)
        acknowledged.append(token)

    def run(self, since):
        """Returns after how many seconds each of the two was served."""
        took, failed = {}, []

        def one(what, act, acknowledged):
            try:
                self.until_done(act, acknowledged, what, since + PROBE_PATIENCE)
                took[what] = time.monotonic() - since
            except BaseException as e:
                failed.append(e)
        other = threading.Thread(target=one, args=("lmtp", self.deliver, self.delivered))
        other.start()
        one("imap", self.store, self.stored)
        other.join()
        if failed:
            raise failed[0]
        return took

    def check(self):
        c = self.server.login(self.user)
        found = set()
        if int(c.ok("SELECT INBOX").find(rb"^(\d+) EXISTS")[1]) > 0:
            got = [m[1].decode() for m in c.ok("FETCH 1:* BODY.PEEK[]").all(rb"Subject: (\S+)")]
            found = set(got)
            assert len(got) == len(found), "the probe's mail is there twice"
        known = set(self.delivered + self.stored)
        assert known <= found, f"lost: {sorted(known - found)}"
        assert found - known <= self.unsure, f"not sent: {sorted(found - known - self.unsure)}"


# --- tools of the administrator, at any time ---

class Tools(threading.Thread):
    """Runs one after the other; some are killed."""

    def __init__(self, server, load, rng):
        super().__init__(daemon=True)
        self.server, self.load, self.random = server, load, rng
        self.process = None
        self.bad = []

    def commands(self):
        user = self.random.choice(self.load.clients).user
        return (("reconstruct", "-r", f"user.{user}"), ("ctl_cyrusdb", "-c"),
                ("cyr_expire", "-E", "3", "-X", "0"), ("quota", "-f"),
                ("reconstruct", "-n", "-r", f"user.{user}"))

    def run(self):
        while not self.load.stopping.wait(self.random.expovariate(2)):
            args = self.random.choice(self.commands())
            self.process = subprocess.Popen(
                [self.server.build / "imap/admin" / args[0], "-C", self.server.conf, *args[1:]],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            said, _ = self.process.communicate()
            if self.process.returncode > 0:
                self.bad.append(f"{args}: exit {self.process.returncode}: {said[-300:]}")

    def pid(self):
        p = self.process
        return p.pid if p is not None and p.poll() is None else None

    def end(self):
        """One that was stopped for ever is its administrator's to kill."""
        while self.is_alive():
            self.join(0.5)
            pid = self.pid()
            if pid is not None and state_of(pid) == ["T"]:
                self.process.kill()


# --- strokes ---

class Storm:
    def __init__(self, server, seed, say=lambda text: None):
        self.server, self.say = server, say
        self.random = random.Random(f"storm {seed}")
        self.load = Load(server)
        self.probe = Probe(server, server.new_user())
        self.tools = Tools(server, self.load, random.Random(f"tools {seed}"))
        self.clock = Clock(server.dir)
        self.rounds = []        # (what, {service: seconds}, allowance)
        self.later = []         # (when, pid): to be continued
        self.seed = seed

    # - whom -

    def workers(self):
        return children(self.server.process.pid)

    def any_child(self):
        return self.random.choice(self.workers() or [None])

    def of_kind(self, kind):
        return self.random.choice([p for p in self.workers() if kind_of(p) == kind] or [None])

    def holder(self):
        """Somebody who holds a lock, stopped while he does.  None: nobody came.

        Not by way of /proc/locks: whoever reads that keeps all processes of the
        machine from taking a lock."""
        kind = self.random.choice(("names", "db", "wal", "mailbox", ""))
        end = time.monotonic() + 0.5
        pids = [p for p in (*self.workers(), self.tools.pid()) if p is not None]
        while time.monotonic() < end:
            for pid in self.random.sample(pids, len(pids)):
                for fd, name in locks_of(pid):
                    if kind not in name:
                        continue
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGSTOP)
                        if is_locked(pid, fd):
                            return pid, f"holder of {name}"
                        os.kill(pid, signal.SIGCONT)
        return None, "holder"

    def victim(self):
        """(pid, what it is, is it stopped already)."""
        choice = self.random.choices(
            ("any", "template", "imapd", "lmtpd", "pop3d", "idled", "holder", "tool"),
            (4, 2, 2, 2, 1, 0.5, 5, 2))[0]
        if choice == "holder":
            pid, what = self.holder()
            return pid, what, pid is not None
        pid = {"any": self.any_child, "tool": self.tools.pid}.get(
            choice, lambda: self.of_kind(choice))()
        return pid, choice if choice == "tool" else kind_of(pid), False

    # - how -

    def strike(self):
        """One stroke; returns (what was done, when the measure begins)."""
        if self.random.random() < 0.12:
            return self.strike_master()
        n = 1 if self.random.random() < 0.75 else self.random.randint(2, 6)
        done = []
        for _ in range(n):
            what = self.hit(*self.victim())
            if what:
                done.append(what)
        if n > 1 and self.random.random() < 0.2:
            also, since = self.strike_master()
            return "burst: " + ", ".join(done + [also]), since
        return ("burst: " if n > 1 else "") + (", ".join(done) or "nobody"), time.monotonic()

    def hit(self, pid, what, is_stopped):
        how = self.random.choices(("KILL", "STOP", "CONT", "ABRT"), (5, 2, 1.5, 1.5))[0]
        after = self.random.expovariate(1 / 0.3)
        if pid is None:
            return None
        try:
            if how == "KILL":
                os.kill(pid, signal.SIGKILL)
            elif how == "ABRT":
                os.kill(pid, signal.SIGABRT)
                os.kill(pid, signal.SIGCONT)
            elif not is_stopped:
                os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            return None
        if how == "CONT":
            self.later.append((time.monotonic() + after, pid))
        return f"{how} {what}"

    def strike_master(self):
        master = self.server.process
        if self.random.random() < 0.3:
            # Whoever looks after it (WatchdogSec= of systemd) sees that it is stopped.
            master.send_signal(signal.SIGSTOP)
            time.sleep(self.random.expovariate(1 / 0.2))
            if self.random.random() < 0.5:
                master.send_signal(signal.SIGCONT)
                return "CONT master", time.monotonic()
        how = self.random.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGABRT))
        master.send_signal(how)
        master.send_signal(signal.SIGCONT)
        master.wait()
        since = time.monotonic()
        self.server.spawn()
        return f"{how.name[3:]} master", since

    def go_on(self):
        """Continues whose time has come."""
        now = time.monotonic()
        for when, pid in self.later:
            if when <= now:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        self.later = [x for x in self.later if x[0] > now]

    # - rounds -

    def round(self):
        self.load.look()
        usual = max(self.probe.run(time.monotonic()).values())
        time.sleep(min(1.0, self.random.expovariate(1 / 0.12)))
        late = self.clock.late
        what, since = self.strike()
        keeper = threading.Timer(0, self.keep_on)
        keeper.start()
        took = self.probe.run(since)
        keeper.join()
        allowance = LIMIT + self.clock.late - late + SLOWNESS * usual
        self.rounds.append((what, took, allowance))
        text = " ".join(f"{k} {v:.3f}" for k, v in sorted(took.items()))
        self.say(f"{len(self.rounds):4} {text}  {what}")
        assert max(took.values()) < allowance, \
            f"seed {self.seed}, round {len(self.rounds)}: {what}: {text} s, {allowance:.2f} allowed"

    def keep_on(self):
        while self.later:
            self.go_on()
            time.sleep(0.005)

    def run(self, rounds, clients=CLIENTS):
        server = self.server
        self.clock.start()
        self.load.start(clients, self.seed)
        self.tools.start()
        self.load.wait(10 * clients)
        before = self.descriptors()
        for _ in range(rounds):
            self.round()
        self.load.wait(10 * clients)
        self.load.stop()
        self.tools.end()
        self.clock.going = False
        assert not self.tools.bad, self.tools.bad
        self.check_end(before)
        return server

    # - the end -

    def descriptors(self):
        found = []
        for fd in open_files(self.server.process.pid):
            with contextlib.suppress(OSError):
                found.append(os.readlink(fd))
        return found

    def tool(self, name, *args):
        r = subprocess.run([self.server.build / "imap/admin" / name, "-C", self.server.conf, *args],
                           capture_output=True, text=True, timeout=120)
        assert r.returncode == 0, f"{name} {args}: {r.stdout}{r.stderr}"
        return r.stdout + r.stderr

    def check_end(self, descriptors):
        self.check_shared_memory()
        with contextlib.suppress(AssertionError):
            wait_for("them to become fewer",
                     lambda: len(self.descriptors()) <= len(descriptors), 5)
        assert len(self.descriptors()) <= len(descriptors), \
            f"master's descriptors: {sorted(descriptors)}, now {sorted(self.descriptors())}"
        self.load.check()
        self.probe.check()
        said = self.tool("quota", "-f")
        assert "usage was" not in said, said
        said = self.tool("reconstruct", "-n", "-r", "user")
        assert not re.search(r":.*\S", said), said
        said = self.tool("reconstruct", "-n", "-m")
        assert not said, f"mailboxes that are not in the list: {said}"
        self.tool("ctl_cyrusdb", "-c")
        self.tool("cyr_expire", "-X", "0")      # daily, from cyrus.conf's EVENTS
        self.check_files()
        self.check_stop()
        self.check_again()

    def check_again(self):
        """Opened anew the log is replayed: that must change nothing."""
        self.server.start()
        self.load.check()
        self.probe.check()
        said = self.tool("quota", "-f")
        assert "usage was" not in said, said
        self.server.stop()

    def check_shared_memory(self):
        """What has no name, the keys of TLS tickets, goes with its last process."""
        for pid in processes(self.server):
            bad = re.findall(r"\S*(?:/dev/shm/|/SYSV|/memfd:(?!chapar-tickets))\S*", read(f"/proc/{pid}/maps"))
            assert not bad, f"{kind_of(pid)}: {bad}"

    def check_files(self):
        root = self.server.dir
        assert {p.name for p in (root / "spool/stage").iterdir()} <= {"checkpoint.lock"}
        odd = [str(p) for p in root.rglob("*") if not self.is_known(p)]
        odd += [str(p) for p in (root / "spool").rglob("*")
                if p.is_dir() and not any(p.iterdir()) and p.name != "stage"]
        assert not odd, f"left over: {odd}"
        for state in (root / "config").rglob("kv.state"):
            inside = struct.unpack_from("<i", state.read_bytes(), 24)[0]
            assert inside == 0, f"{state}: {inside} is inside"

    @staticmethod
    def is_known(path):
        """By its name: no temporary file of anybody."""
        return not re.search(r"\.(tmp|new|NEW)\b|^new$|kv\.new|damaged|~$|^\.", path.name)

    def check_stop(self):
        server = self.server
        server.stop()
        wait_for("all processes to end", lambda: not processes(server), 15)
        ours = [str(p) for p in server.dir.rglob("*") if is_held(p)]
        assert not ours, f"still locked: {ours}"
        left = [p.name for p in (server.dir / "config/proc").iterdir()]
        assert not left, f"proc/: {left}"


def is_held(path):
    """Has anybody a lock on it?"""
    if path.is_symlink() or path.is_socket():
        return False
    fd = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def storm(make_server, rounds, seed, say=lambda text: None, clients=CLIENTS):
    """A server of its own, and ROUNDS strokes."""
    server = make_server()
    server.expect(NATURAL)
    s = Storm(server, seed, say)
    try:
        s.run(rounds, clients)
    except BaseException:
        s.load.stopping.set()
        say(f"seed {seed}: failed after {len(s.rounds)} rounds; the log is {server.log_path}")
        raise
    server.expect(NATURAL)
    return s
