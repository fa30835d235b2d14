"""Servers of the power-cut simulator: quick to start, quick to kill.

All of one process lies in a folder on a tmpfs: `root/` for the server whose
work is recorded, `img/` for the images, each with configdirectory "config" and
the partitions "spool" and "spool2".
"""
import ctypes
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import chapar  # noqa: E402
import pop3  # noqa: E402
import ports  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
FOLDERS = ("config", "spool", "spool2")
LIBRARY = "test/crash/powercut/record.so"
PROGRAMS = chapar.PROGRAMS[:3] + ["imap/pop3d/pop3d"] + [f"imap/admin/{p}" for p in (
    "ctl_cyrusdb", "cyr_expire", "reconstruct", "quota", "chapar", "cyr_deny", "unexpunge")] + [LIBRARY]
PATIENCE = 150          # a loaded machine is no violation
chapar.PATIENCE = pop3.PATIENCE = PATIENCE
USERS = ("u0", "u1", "u2")


class NoService(Exception):
    """The server did not come up by itself."""


def tmpfs():
    return "/dev/shm" if os.path.isdir("/dev/shm") and os.access("/dev/shm", os.W_OK) else "/tmp"


def become_subreaper():
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)     # PR_SET_CHILD_SUBREAPER


def kill_children():
    """Those of this process, which are the orphans of a server."""
    me = os.getpid()
    while True:
        with open(f"/proc/{me}/task/{me}/children", encoding="ascii") as f:
            pids = [int(x) for x in f.read().split()]
        if not pids:
            return
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


class Workplace:
    """The folder, its configuration and its programs; for this process only."""

    def __init__(self, build=None, options=None):
        become_subreaper()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chapar-powercut-", dir=tmpfs()))
        self.build = pathlib.Path(build or chapar.BUILD)
        owner = chapar.cyrus_user()
        os.chmod(self.dir, 0o755)
        if owner:
            self.copy_programs()
            os.chown(self.dir, owner.pw_uid, owner.pw_gid)
            # The kernel lets a master of root's give up its rights; that costs
            # a chown a file.  Simpler to be nobody special from here on.
            os.setgroups([])
            os.setgid(owner.pw_gid)
            os.setuid(owner.pw_uid)
        (self.dir / "tmp").mkdir()
        self.sasldb = self.dir / "sasldb2"
        for user in (*USERS, chapar.ADMIN):
            subprocess.run(["/usr/sbin/saslpasswd2", "-p", "-c", "-f", self.sasldb, "-u",
                            "localhost", user], input=chapar.PASSWORD.encode(), check=True)
        self.imap_port, self.lmtp_port, self.pop_port = ports.several(3)
        self.options = options or {}

    def copy_programs(self):
        for program in PROGRAMS:
            if not (self.build / program).exists():
                raise SystemExit(f"{self.build / program} is not built")
        if chapar.may_be_reached(self.build / "master/master"):
            return
        for program in PROGRAMS:
            to = self.dir / "bin" / program
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(self.build / program, to)
        self.build = self.dir / "bin"

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


class Host:
    """A server on WORKPLACE/NAME; with `trace` its work is recorded there."""

    def __init__(self, workplace, name):
        self.w, self.name = workplace, name
        self.top = workplace.dir / name
        self.conf = workplace.dir / f"{name}.imapd.conf"
        self.services = workplace.dir / f"{name}.cyrus.conf"
        self.log_path = workplace.dir / f"{name}.log"
        self.process, self.trace = None, None
        self.write_files()

    def write_files(self):
        settings = {
            "configdirectory": f"{self.top}/config",
            "partition-default": f"{self.top}/spool",
            "partition-two": f"{self.top}/spool2",
            "admins": chapar.ADMIN, "servername": "localhost",
            "sasl_pwcheck_method": "auxprop", "sasl_auxprop_plugin": "sasldb",
            "sasl_sasldb_path": str(self.w.sasldb), "sasl_mech_list": "PLAIN",
            "logtarget": str(self.log_path), "failedloginpause": "0s", "popsubfolders": "yes",
            "confine": "no",            # the recorder writes elsewhere
            "frontd": "no",             # it stores nothing
            **self.w.options,
        }
        self.conf.write_text("".join(f"{k}: {v}\n" for k, v in settings.items()))
        self.services.write_text(
            "START {\n}\nSERVICES {\n"
            f'imap cmd="imapd" listen="127.0.0.1:{self.w.imap_port}" prefork=1\n'
            f'lmtp cmd="lmtpd -a" listen="127.0.0.1:{self.w.lmtp_port}" prefork=0\n'
            f'pop3 cmd="pop3d" listen="127.0.0.1:{self.w.pop_port}" prefork=0\n'
            "}\nEVENTS {\n}\nDAEMON {\n}\n")

    def clear(self):
        if self.top.exists():
            shutil.rmtree(self.top)
        self.top.mkdir()

    def make_folders(self):
        self.clear()
        for folder in FOLDERS:
            (self.top / folder).mkdir()
        self.make_volatile()

    def make_volatile(self):
        for folder in ("config/proc", "config/socket"):
            (self.top / folder).mkdir(exist_ok=True)

    def environment(self):
        env = {"PATH": os.environ.get("PATH", "/usr/bin:/bin")}
        if self.trace:
            env.update(LD_PRELOAD=str(self.w.build / LIBRARY), POWERCUT_TRACE=self.trace,
                       POWERCUT_ROOT=str(self.top), POWERCUT_SLOW="1")
        for k, v in os.environ.items():
            if k.startswith(("ASAN_", "UBSAN_")):
                env[k] = v
        if self.trace:
            env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
        return env

    # --- life ---

    def start(self):
        self.log_path.write_text("")
        with open(f"{self.log_path}.out", "wb") as out:
            self.process = subprocess.Popen(
                [self.w.build / "master/master", "-C", self.conf, "-M", self.services,
                 "-p", f"{self.top}.pid", "-L", self.log_path],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def connect(self):
        """An Imap, greeted, when the server is up."""
        end = time.monotonic() + PATIENCE
        pause = 0.001
        while True:
            try:
                c = chapar.Imap(("127.0.0.1", self.w.imap_port))
                c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return c
            except (OSError, AssertionError) as e:
                if time.monotonic() > end or self.process.poll() is not None:
                    raise NoService(f"no service: {e}\n{self.log()[-3000:]}"
                                    + self.output()) from e
                time.sleep(pause)
                pause = min(pause * 1.5, 0.05)

    def login(self, user):
        c = self.connect()
        c.login(user)
        return c

    def pop(self, user):
        c = pop3.Pop3(("127.0.0.1", self.w.pop_port))
        c.login(user)
        return c

    def lmtp(self):
        s = socket.create_connection(("127.0.0.1", self.w.lmtp_port), PATIENCE)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s, s.makefile("rwb")

    def tool(self, name, *args):
        return subprocess.run([self.w.build / "imap/admin" / name, *args, "-C", self.conf],
                              env=self.environment(), capture_output=True, text=True, timeout=PATIENCE)

    def stop(self):
        """In peace: what is in the mappings is recorded."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
        self.process = None

    def kill(self):
        """Master and its workers, who are sessions of their own: orphans come to us."""
        if self.process is None:
            return
        self.process.kill()
        self.process.wait()
        self.process = None
        kill_children()

    def log(self):
        return self.log_path.read_text(errors="replace")

    def output(self):
        with open(f"{self.log_path}.out", encoding="utf-8", errors="replace") as f:
            return f.read()[-3000:]
