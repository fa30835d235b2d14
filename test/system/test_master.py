"""master(8): sockets, workers, reload, drain; with echod as the worker.

Every test has a master of its own in a private folder, with free ports on
loopback.  Waiting is for conditions, with a generous end.
"""
import contextlib
import fcntl
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import pytest

import ports
from chapar import wait_for

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd()))
MASTER = BUILD / "master" / "master"
ECHOD = BUILD / "test" / "system" / "echod"
PATIENCE = 30


def others_may_run(path):
    """May a user who is nobody special reach it?"""
    return all(p.stat().st_mode & 0o001 for p in [path, *path.resolve().parents])


# Workers of a root master become this user.
USER = "nobody" if others_may_run(ECHOD) else "root"


class Client:
    def __init__(self, address):
        family = (socket.AF_UNIX if isinstance(address, str) else
                  socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.sock = socket.socket(family)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(address)
        self.file = self.sock.makefile("rwb")
        self.pid = None

    def greet(self):
        word, self.service, pid, self.fds = self.file.readline().decode().split()
        assert word == "hello"
        self.pid = int(pid)
        return self

    def ask(self, text):
        self.file.write(text.encode() + b"\n")
        self.file.flush()
        return self.file.readline().decode().rstrip("\n")

    def close(self):
        self.file.close()
        self.sock.close()


class Master:
    """One master in a folder of its own."""

    def __init__(self, folder):
        self.dir = folder
        self.port = ports.one()
        self.log_path = folder / "log"
        self.pidfile = folder / "master.pid"
        (folder / "var" / "proc").mkdir(parents=True)
        os.chmod(folder, 0o755)
        (folder / "imapd.conf").write_text(
            f"configdirectory: {folder}/var\npartition-default: {folder}/spool\ndaemons: none\n")
        self.process = None
        self.env = {"CYRUS_USER": USER}
        self.pass_fds = ()
        self.wrapper = []

    def configure(self, services="", start="", events="", daemon=""):
        (self.dir / "cyrus.conf").write_text(
            "START {\n%s\n}\nSERVICES {\n%s\n}\nEVENTS {\n%s\n}\nDAEMON {\n%s\n}\n"
            % (start, services, events, daemon))

    def echo(self, more="", options="", listen=None, name="echo"):
        listen = listen or f"127.0.0.1:{self.port}"
        return f'{name} cmd="{ECHOD} {options}" listen="{listen}" {more}'

    def start(self, *options, ready=True):
        self.process = subprocess.Popen(
            [*self.wrapper, MASTER, "-C", self.dir / "imapd.conf", "-M",
             self.dir / "cyrus.conf", "-p", self.pidfile, "-L", self.log_path,
             "-v", *options],
            env={**os.environ, **self.env}, pass_fds=self.pass_fds)
        if ready:
            self.wait_log("ready for work")

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def wait_log(self, pattern, count=1, seconds=PATIENCE):
        return wait_for(f"{count} x {pattern!r} in the log of {self.dir}",
                        lambda: len(re.findall(pattern, self.log())) >= count,
                        seconds)

    def signal(self, signo):
        self.process.send_signal(signo)

    def connect(self):
        return Client(("127.0.0.1", self.port)).greet()

    def status(self):
        path = self.dir / "var" / "master.status"
        path.unlink(missing_ok=True)
        self.signal(signal.SIGUSR1)
        wait_for("the status file", path.exists)
        return path.read_text()

    def workers(self):
        """Pids by state."""
        found = {}
        for pid, state in re.findall(r"worker (\d+) \S+ state=(\S+)", self.status()):
            found.setdefault(state, []).append(int(pid))
        return found

    def wait_workers(self, **counts):
        def there():
            have = self.workers()
            return all(len(have.get(s, [])) == n for s, n in counts.items())
        wait_for(f"workers {counts}", there)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.signal(signal.SIGTERM)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        return self.process.returncode if self.process else None


def is_alive(pid):
    try:
        state = pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "\nState:\tZ" not in state


@pytest.fixture
def master(tmp_path_factory):
    # Not below a folder that only root may enter: workers are user cyrus.
    folder = pathlib.Path(subprocess.run(["mktemp", "-d", "/tmp/master.XXXXXX"],
                          check=True, capture_output=True, text=True).stdout.strip())
    m = Master(folder)
    yield m
    m.stop()
    shutil.rmtree(folder, ignore_errors=True)


def test_one_worker_serves_many(master):
    """Reuse: sessions one after the other share a process."""
    master.configure(services=master.echo("prefork=1 maxfds=100"))
    master.start()
    pids = set()
    for i in range(20):
        c = master.connect()
        assert c.service == "echo" and c.fds == "100"
        assert c.ask(f"line {i}") == f"line {i}"
        assert c.ask("QUIT") == "QUIT"
        pids.add(c.pid)
        c.close()
    assert len(pids) <= 2


def test_worker_ends_after_max_use(master):
    master.configure(services=master.echo("prefork=1 maxchild=1", "-m 2"))
    master.start()
    pids = []
    for _ in range(4):
        c = master.connect()
        pids.append(c.pid)
        c.ask("QUIT")
        c.close()
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert "failure" not in master.log()


def test_prefork(master):
    """prefork=3: three wait, before and after somebody has come."""
    master.configure(services=master.echo("prefork=3"))
    master.start()
    master.wait_workers(free=3)
    c = master.connect()
    master.wait_workers(free=3, busy=1)
    c.close()


def test_on_demand(master):
    master.configure(services=master.echo("prefork=0"))
    master.start()
    assert master.workers() == {}
    clients = [master.connect() for _ in range(10)]
    assert len({c.pid for c in clients}) == 10
    for c in clients:
        c.close()


def test_maxchild(master):
    """The third waits until one of the two has gone."""
    master.configure(services=master.echo("maxchild=2"))
    master.start()
    first, second = master.connect(), master.connect()
    third = Client(("127.0.0.1", master.port))
    master.wait_log(r"all 2 workers \(maxchild\) are busy")
    third.sock.settimeout(0.2)
    with pytest.raises(TimeoutError):
        third.sock.recv(1)
    third.sock.settimeout(PATIENCE)
    first.close()
    third.file = third.sock.makefile("rwb")
    assert third.greet().pid == first.pid
    second.close()
    third.close()


def test_crash_costs_one_session(master):
    master.configure(services=master.echo("prefork=1"))
    master.start()
    other, victim = master.connect(), master.connect()
    assert victim.ask("CRASH") == ""
    master.wait_log(rf"worker {victim.pid} died with a client .*signal 6")
    assert other.ask("still here") == "still here"
    assert master.connect().ask("x") == "x"


def test_back_off(master):
    """A worker that cannot start is tried again after 1/4, 1/2, 1, 2 ... seconds."""
    master.configure(services=master.echo("prefork=1", "-x 75"))
    master.start()
    master.wait_log("failure 4 in a row, next try in 2 s")
    assert len(re.findall("ended before it served anybody: exit 75", master.log())) <= 5
    # What is mended works after a reload, at once.
    master.configure(services=master.echo("prefork=1"))
    master.signal(signal.SIGHUP)
    assert master.connect().ask("x") == "x"


def test_program_missing(master):
    master.configure(services='a cmd="/nonexistent/imapd" listen="127.0.0.1:%d" prefork=1'
                     % master.port)
    master.start()
    master.wait_log('cannot run "/nonexistent/imapd": No such file')
    master.wait_log("next try in 0.25 s")


def test_hup_keeps_sessions(master):
    """Busy workers finish, free ones are replaced, the socket stays."""
    master.configure(services=master.echo("prefork=2"))
    master.start()
    session = master.connect()
    master.wait_workers(free=2)
    old = set(master.workers()["free"])
    master.signal(signal.SIGHUP)
    master.wait_log("configuration reloaded")
    wait_for("old free workers to end", lambda: not any(map(is_alive, old)))
    assert session.ask("still here") == "still here"
    new = master.connect()
    assert new.pid not in old | {session.pid}
    session.ask("QUIT")
    wait_for("the old busy worker to end", lambda: not is_alive(session.pid))
    new.close()


def test_hup_changes_services(master):
    """Added, removed, renamed; a removed one refuses, its session goes on."""
    second = ports.one()
    master.configure(services=master.echo("prefork=1"))
    master.start()
    session = master.connect()
    master.configure(services=master.echo(name="other", listen=f"127.0.0.1:{second}"))
    master.signal(signal.SIGHUP)
    master.wait_log("configuration reloaded")
    new = Client(("127.0.0.1", second)).greet()
    assert new.service == "other"
    with pytest.raises(ConnectionRefusedError):
        Client(("127.0.0.1", master.port))
    assert session.ask("still here") == "still here"
    # And back: the old port is free although an old session lives.
    master.configure(services=master.echo(name="again"))
    master.signal(signal.SIGHUP)
    master.wait_log("configuration reloaded", 2)
    assert master.connect().service == "again"
    session.close()
    new.close()


def test_hup_forgets_no_client(master):
    """A free worker that is woken for a client while it ends takes him along."""
    master.configure(services=master.echo("prefork=4"))
    master.start()
    for _ in range(30):
        master.signal(signal.SIGHUP)
        for _ in range(5):
            c = master.connect()
            assert c.ask("x") == "x"
            c.close()
    assert "waits beside free workers" not in master.log()


def test_hup_with_errors_changes_nothing(master):
    master.configure(services=master.echo())
    master.start()
    master.configure(services='echo cmd="x" listen="1" prefork=many')
    master.signal(signal.SIGHUP)
    master.wait_log(r'cyrus.conf:5: prefork="many": want a number')
    master.wait_log("going on with the old one")
    assert master.connect().ask("x") == "x"


def test_term_drains(master):
    """No new sessions; one that ends by itself is not disturbed."""
    master.configure(services=master.echo("prefork=1"))
    master.start("-t", "60")
    session = master.connect()
    master.wait_workers(free=1)
    free = master.workers()["free"]
    master.signal(signal.SIGTERM)
    wait_for("free workers to end", lambda: not any(map(is_alive, free)))
    with pytest.raises(ConnectionRefusedError):
        Client(("127.0.0.1", master.port))
    assert session.ask("still here") == "still here"
    assert master.process.poll() is None
    assert session.ask("QUIT") == "QUIT"
    assert master.process.wait(PATIENCE) == 0
    assert not master.pidfile.exists()


def test_term_ends_sessions_in_the_end(master):
    """After the time to finish they hear of it and may say goodbye."""
    master.configure(services=master.echo())
    master.start("-t", "1")
    session = master.connect()
    master.signal(signal.SIGTERM)
    assert session.file.readline() == b"BYE\n"
    assert master.process.wait(PATIENCE) == 0


def test_second_term_is_immediate(master):
    master.configure(services=master.echo())
    master.start("-t", "3600")
    session = master.connect()
    master.signal(signal.SIGTERM)
    master.wait_log("ending: Terminated")
    master.signal(signal.SIGTERM)
    assert session.file.readline() == b"BYE\n"
    assert master.process.wait(PATIENCE) == 0


def test_workers_end_when_master_is_killed(master):
    master.configure(services=master.echo("prefork=2"))
    master.start()
    session = master.connect()
    master.wait_workers(free=2)
    free = master.workers()["free"]
    master.process.kill()
    master.process.wait()
    wait_for("free workers to end", lambda: not any(map(is_alive, free)))
    assert session.ask("still here") == "still here"
    session.ask("QUIT")
    wait_for("the busy one to end", lambda: not is_alive(session.pid))


def test_unix_socket(master):
    path = f"{master.dir}/lmtp"
    master.configure(services=master.echo("mode=0660", listen=path))
    master.start()
    assert os.stat(path).st_mode & 0o777 == 0o660
    if os.geteuid() == 0:
        assert pwd.getpwuid(os.stat(path).st_uid).pw_name == USER
    clients = [Client(path).greet() for _ in range(5)]
    assert len({c.pid for c in clients}) == 5
    assert master.stop() == 0
    assert not os.path.exists(path)


def test_free_workers_of_a_unix_socket_end_at_once(master):
    master.configure(services=master.echo("prefork=3", listen=f"{master.dir}/lmtp"))
    master.start()
    master.wait_workers(free=3)
    assert master.stop() == 0
    assert "sessions" not in master.log()


def test_stale_unix_socket_is_replaced(master):
    path = f"{master.dir}/lmtp"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(path)
    master.configure(services=master.echo(listen=path))
    master.start()
    assert Client(path).greet().ask("x") == "x"


def test_tcp6(master):
    port = ports.one()
    master.configure(services=master.echo('proto="tcp6"', listen=f"[::1]:{port}"))
    master.start()
    assert Client(("::1", port)).greet().ask("x") == "x"


@pytest.mark.skipif({a[0] for a in socket.getaddrinfo("localhost", None)}
                    != {socket.AF_INET, socket.AF_INET6},
                    reason="localhost is not both here")
def test_both_families(master):
    """listen="localhost:PORT" is both addresses, each with its workers."""
    master.configure(services=master.echo("prefork=1", listen=f"localhost:{master.port}"))
    master.start()
    assert master.connect().ask("x") == "x"
    assert Client(("::1", master.port)).greet().ask("x") == "x"


def test_port_in_use_is_tried_again(master):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", master.port))
        s.listen()
        master.configure(services=master.echo())
        master.start()
        master.wait_log("bind: Address already in use")
    assert wait_for("the port", lambda: try_connect(master)).ask("x") == "x"


def try_connect(master):
    try:
        return master.connect()
    except (ConnectionRefusedError, ValueError):
        return None


def test_second_master_is_refused(master):
    master.configure(services=master.echo())
    master.start()
    second = subprocess.run(
        [MASTER, "-C", master.dir / "imapd.conf", "-M", master.dir / "cyrus.conf",
         "-p", master.pidfile, "-D"], capture_output=True, text=True, timeout=PATIENCE,
        env={**os.environ, **master.env})
    assert second.returncode == 75
    assert f"another master (pid {master.process.pid}) holds" in second.stderr
    assert master.pidfile.read_text().strip() == str(master.process.pid)


def test_errors_of_cyrus_conf_stop_the_start(master):
    master.configure(services='imap listen="143"')
    bad = subprocess.run(
        [MASTER, "-C", master.dir / "imapd.conf", "-M", master.dir / "cyrus.conf",
         "-p", master.pidfile], capture_output=True, text=True, timeout=PATIENCE)
    assert bad.returncode == 78
    assert 'cyrus.conf:5: "imap" has no cmd=' in bad.stderr


def test_start_runs_in_order_and_passes_c(master):
    """START is done before anything serves; our own programs get -C."""
    mark = master.dir / "mark"
    mark.touch()
    mark.chmod(0o666)
    tool = MASTER.parent / f"echod-{os.getpid()}-{id(master)}"
    tool.symlink_to(ECHOD)
    try:
        master.configure(services=master.echo(options=f"-o {mark}"),
                         start=f'a cmd="{ECHOD} -o {mark} -x 0"\n'
                               f'b cmd="{tool.name} -o {mark} -x 3"')
        master.start()
        master.connect()
    finally:
        tool.unlink()
    lines = mark.read_text().splitlines()
    assert lines[0] == f"{ECHOD} -o {mark} -x 0"
    assert lines[1] == f"{tool.name} -C {master.dir}/imapd.conf -o {mark} -x 3"
    assert lines[2] == f"{ECHOD} -o {mark}"
    assert re.search(r"START entry b: .* failed: exit 3; going on", master.log())


def test_event_runs(master):
    """A period starts at once; at= waits for its time."""
    mark = master.dir / "mark"
    mark.touch()
    mark.chmod(0o666)
    later = time.strftime("%H%M", time.localtime(time.time() + 6 * 3600))
    master.configure(events=f'a cmd="{ECHOD} -o {mark} -x 0" period=30\n'
                            f'b cmd="{ECHOD} -o {mark} -x 1" at={later}\n'
                            f'c cmd="{ECHOD} -o {mark} -x 2" cron="0 0 30 1 *"')
    master.start()
    wait_for("the event", lambda: mark.read_text())
    status = master.status()
    assert mark.read_text() == f"{ECHOD} -o {mark} -x 0\n"
    assert re.search(r"event b state=waiting pid=0 next=\S+T"
                     + later[:2] + ":" + later[2:] + ":00", status)
    assert re.search(r"event c .* next=\d{4}-01-30T00:00:00", status)


def script(master, name, text):
    path = master.dir / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


@pytest.mark.skipif(os.geteuid() != 0, reason="root's workers are another user")
def test_program_out_of_reach_is_named(master):
    """A program in a folder that only root may enter: the log says so."""
    inner = master.dir / "inner"
    inner.mkdir()
    tool = script(master, "inner/tool", "exit 0")
    inner.chmod(0o700)
    master.env["CYRUS_USER"] = "nobody"
    master.configure(start=f'a cmd="{tool}"',
                     services=f'b cmd="{tool}" listen="127.0.0.1:{master.port}" prefork=1')
    master.start()
    for name in "ab":
        master.wait_log(rf'{name}: cannot run "{tool}": Permission denied')
    master.wait_log("service b: worker .* exit 71; failure 1 in a row")


def test_daemon_is_restarted(master):
    daemon = script(master, "daemon", "exec sleep 1000")
    master.configure(daemon=f'idled cmd="{daemon}"')
    master.start()
    pid = int(re.search(r"daemon idled state=up pid=(\d+)", master.status())[1])
    os.kill(pid, signal.SIGKILL)
    master.wait_log(rf"daemon idled: pid {pid} ended: signal 9 .*again in 1 s")
    wait_for("the daemon", lambda: "daemon idled state=up" in master.status())
    new = int(re.search(r"daemon idled state=up pid=(\d+)", master.status())[1])
    assert master.stop() == 0
    assert not is_alive(new)


def test_daemon_with_wait(master):
    """Services start only after it has said ok on descriptor 3."""
    go = master.dir / "go"
    daemon = script(master, "daemon", f"while ! [ -e {go} ]; do sleep 0.05; done\n"
                    "printf 'ok\\r\\n' >&3\nexec sleep 1000")
    master.configure(services=master.echo(), daemon=f'idled cmd="{daemon}" wait=yes')
    master.start(ready=False)
    master.wait_log("idled: started")
    with pytest.raises(ConnectionRefusedError):
        Client(("127.0.0.1", master.port))
    go.touch()
    master.wait_log("ready for work")
    assert master.connect().ask("x") == "x"


def test_daemon_that_never_gets_ready(master):
    daemon = script(master, "daemon", "printf 'no\\r\\n' >&3\nexec sleep 1000")
    master.configure(services=master.echo(), daemon=f'idled cmd="{daemon}" wait=1')
    master.start(ready=False)
    assert master.process.wait(PATIENCE) == 69
    assert "did not say that it is ready" in master.log()


def test_detach(master):
    """-d returns when every port answers; the pid file tells who it is."""
    master.configure(services=master.echo())
    master.start("-d", ready=False)
    assert master.process.wait(PATIENCE) == 0
    pid = int(master.pidfile.read_text())
    try:
        c = master.connect()
        assert c.ask("x") == "x"
        c.close()
    finally:
        os.kill(pid, signal.SIGTERM)
    wait_for("master to end", lambda: not is_alive(pid))


def test_notify(master):
    """sd_notify(3): READY=1 when it serves, STOPPING=1 at the end."""
    path = f"{master.dir}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(PATIENCE)
        master.env["NOTIFY_SOCKET"] = path
        master.configure(services=master.echo())
        master.start(ready=False)
        assert s.recv(1000).decode() == f"READY=1\nMAINPID={master.process.pid}"
        master.connect().close()
        master.signal(signal.SIGHUP)
        assert s.recv(1000) == b"RELOADING=1"
        assert s.recv(1000) == b"READY=1"
        master.signal(signal.SIGTERM)
        assert s.recv(1000) == b"STOPPING=1"
        assert master.process.wait(PATIENCE) == 0


def test_watchdog(master):
    """sd_watchdog_enabled(3): WATCHDOG=1 twice in the time that is given."""
    path = f"{master.dir}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(path)
        s.settimeout(PATIENCE)
        master.env.update(NOTIFY_SOCKET=path, WATCHDOG_USEC="200000")
        master.configure(services=master.echo())
        master.start(ready=False)
        got = [s.recv(1000).decode() for _ in range(6)]
        assert got.count("WATCHDOG=1") == 5 and any(g.startswith("READY") for g in got)
        since = time.monotonic()
        master.signal(signal.SIGSTOP)
        with contextlib.suppress(socket.timeout):
            s.settimeout(0.4)
            while time.monotonic() - since < PATIENCE:
                s.recv(1000)
        assert time.monotonic() - since < PATIENCE
        master.signal(signal.SIGCONT)
        assert s.recv(1000) == b"WATCHDOG=1"


WRAPPER = """
import os, sys
fds = [int(f) for f in sys.argv[1].split(",")]
fds = [os.dup2(os.dup(f) if f < 10 else f, 3 + i) for i, f in enumerate(fds)]
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)),
                  LISTEN_FDNAMES=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def test_socket_activation(master):
    """sd_listen_fds(3): one socket by its name, one by its port."""
    named, by_port = socket.socket(), socket.socket()
    for s in (named, by_port):
        s.bind(("127.0.0.1", 0))
        s.listen()
        os.set_inheritable(s.fileno(), True)
    high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 100) for s in (named, by_port)]
    master.pass_fds = high
    master.wrapper = [sys.executable, "-c", WRAPPER, ",".join(map(str, high)), "one:unknown"]
    port = by_port.getsockname()[1]
    master.configure(services=master.echo(name="one", listen="127.0.0.1:1")
                     + "\n" + master.echo(name="two", listen=f"127.0.0.1:{port}"))
    master.start()
    assert Client(named.getsockname()).greet().service == "one"
    assert Client(by_port.getsockname()).greet().service == "two"
    for fd in high:
        os.close(fd)


def test_upgrade(master):
    """SIGUSR2: the same process and sockets, START is not run again."""
    path = f"{master.dir}/lmtp"
    mark = master.dir / "mark"
    mark.touch()
    mark.chmod(0o666)
    daemon = script(master, "daemon", "exec sleep 1000")
    master.configure(services=master.echo("prefork=1") + "\n"
                     + master.echo(name="unix", listen=path),
                     start=f'a cmd="{ECHOD} -o {mark} -x 0"',
                     daemon=f'idled cmd="{daemon}"')
    master.start("-t", "1")
    session = master.connect()
    inode = os.stat(path).st_ino
    master.signal(signal.SIGUSR2)
    # Whoever comes meanwhile waits in the queue; nobody is refused.
    while len(re.findall("ready for work", master.log())) < 2:
        c = master.connect()
        assert c.ask("x") == "x"
        c.close()
    master.wait_log(r"process upgraded, \d+ workers taken over")
    assert int(master.pidfile.read_text()) == master.process.pid
    assert session.ask("still here") == "still here"
    assert Client(path).greet().service == "unix" and os.stat(path).st_ino == inode
    assert mark.read_text().count("\n") == 1
    assert "daemon idled state=up" in master.status()
    # The old session is known: it may say goodbye at the end.
    master.signal(signal.SIGTERM)
    assert session.file.readline() == b"BYE\n"
    assert master.process.wait(PATIENCE) == 0
    assert not is_alive(session.pid) and not os.path.exists(path)


def test_upgrade_with_another_configuration(master):
    """A socket that no service wants any more refuses connections."""
    second = ports.one()
    master.configure(services=master.echo())
    master.start()
    master.connect().close()
    master.configure(services=master.echo(name="other", listen=f"127.0.0.1:{second}"))
    master.signal(signal.SIGUSR2)
    master.wait_log("ready for work", 2)
    assert Client(("127.0.0.1", second)).greet().service == "other"
    with pytest.raises(ConnectionRefusedError):
        Client(("127.0.0.1", master.port))


def test_dead_workers_leave_no_proc_file(master):
    master.configure(services=master.echo())
    proc = master.dir / "var" / "proc"
    (proc / "999999999").touch()
    (proc / "notes").touch()
    master.start()
    c = master.connect()
    (proc / str(c.pid)).touch()
    (proc / str(os.getpid())).touch()
    assert c.ask("CRASH") == ""
    wait_for("its file to go", lambda: not (proc / str(c.pid)).exists())
    assert sorted(p.name for p in proc.iterdir()) == sorted(["notes", str(os.getpid())])


def test_maxforkrate(master):
    """Two in each second of the clock: six take more than one second."""
    master.configure(services=master.echo("prefork=6 maxforkrate=2"))
    start = time.monotonic()
    master.start()
    master.wait_workers(free=6)
    assert time.monotonic() - start > 1


@pytest.mark.skipif(os.geteuid() != 0 or USER == "root",
                    reason="only root can become somebody else, who must reach the tools")
def test_workers_are_not_root(master):
    master.configure(services=master.echo())
    master.start()
    c = master.connect()
    status = pathlib.Path(f"/proc/{c.pid}/status").read_text()
    assert re.search(r"Uid:\s+(\d+)\s+\1\s+\1\s+\1", status)[1] != "0"
    assert re.search(r"Gid:\s+(\d+)\s+\1\s+\1\s+\1", status)[1] != "0"


def test_by_hand():
    """Without master a worker serves its stdin, as under inetd."""
    done = subprocess.run([ECHOD], input=b"one\nQUIT\n", capture_output=True,
                          timeout=PATIENCE)
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("hello hand ") and lines[1:] == ["one", "QUIT"]
    assert done.returncode == 0
