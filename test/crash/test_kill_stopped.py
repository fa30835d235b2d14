"""Processes that somebody stops (SIGSTOP): others must not have to wait for
them.  Master kills those that stand in the way; test/crash/kill9 does this at
random, here each kind has a case of its own."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest
import storm
from chapar import BUILD, wait_for

LIMIT = float(os.environ.get("CHAPAR_RESUME", "2")) + 3        # a busy machine


def processes(srv, service="imap"):
    """{state: [pid]} of a service's processes."""
    path = srv.dir / "config/master.status"
    path.unlink(missing_ok=True)
    srv.process.send_signal(signal.SIGUSR1)
    wait_for("the status", path.exists)
    found = {}
    for pid, state in re.findall(rf"worker (\d+) service={service} state=(\S+)", path.read_text()):
        found.setdefault(state, []).append(int(pid))
    return found


def is_there(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def stop(pid):
    os.kill(pid, signal.SIGSTOP)
    return time.monotonic()


def serves(srv, since):
    srv.admin().ok("NOOP")
    assert time.monotonic() - since < LIMIT


def test_template(make_server):
    srv = make_server()
    srv.expect("died as the template")
    old = srv.admin()
    template = processes(srv)["template"][0]
    since = stop(template)
    for _ in range(4):
        serves(srv, since)
    wait_for("its end", lambda: not is_there(template))
    old.ok("NOOP")


def test_free_worker(make_server):
    """It may be the one that the kernel wakes for the next client."""
    srv = make_server()
    srv.expect("died while it was free")
    srv.admin().close()
    free = wait_for("a free one", lambda: processes(srv).get("free"))
    since = [stop(pid) for pid in free][0]
    for _ in range(len(free) + 1):
        serves(srv, since)
    wait_for("their end", lambda: not [p for p in free if is_there(p)])


def test_session(make_server):
    srv = make_server()
    srv.expect("died with a client")
    c = srv.admin()
    busy = wait_for("its worker", lambda: processes(srv).get("busy"))[0]
    stop(busy)
    os.kill(busy, signal.SIGCONT)       # at once: no harm is done
    c.ok("NOOP")
    since = stop(busy)
    serves(srv, since)
    assert c.is_closed()
    assert "for others may wait for it" in srv.log()


def test_kept_for_looking_at(make_server, monkeypatch):
    monkeypatch.setenv("CHAPAR_KEEP_STOPPED", "1")
    srv = make_server()
    c = srv.admin()
    busy = wait_for("its worker", lambda: processes(srv).get("busy"))[0]
    stop(busy)
    srv.wait_log(f"pid {busy} was stopped.*it is left so")
    time.sleep(1)                       # twice the time it would have
    os.kill(busy, signal.SIGCONT)
    c.ok("NOOP")


def test_copies_that_die_young(make_server):
    """Killed before their first word, nobody tells master; stopped neither."""
    srv = make_server()
    srv.expect(r"died|ended as soon as it was copied|fork a worker|could be forked")
    template = (processes(srv).get("template") or [None])[0]
    assert template
    sessions = []
    for signo in (signal.SIGKILL, signal.SIGSTOP):
        since = time.monotonic()
        sessions += [srv.connect() for _ in range(3)]
        for _ in range(200):
            for pid in _read(f"/proc/{template}/task/{template}/children").split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signo)
        while True:
            try:
                serves(srv, since)
                break
            except (OSError, AssertionError):
                assert time.monotonic() - since < LIMIT


@pytest.mark.parametrize("born", [True, False])
def test_copy_that_has_not_signed_the_roll(make_server, monkeypatch, born):
    """Stopped before its first word, perhaps while its parent was another: then the
    kernel does not tell master, who has to look; a later one would not find it."""
    if b"__asan_init" in (BUILD / "imap/imapd/imapd").read_bytes():
        pytest.skip("AddressSanitizer wants to be preloaded itself")
    if born:
        monkeypatch.setenv("CHAPAR_STOP_BORN", "1")
    flag = pathlib.Path(tempfile.mkdtemp()) / "stop"
    flag.parent.chmod(0o777)
    monkeypatch.setenv("LD_PRELOAD", str(BUILD / "test/crash/stop_early.so"))
    monkeypatch.setenv("CHAPAR_STOP_EARLY", str(flag))
    srv = make_server()
    srv.expect("has been stopped|died|ended as soon as it was copied|signal 9")
    c = srv.admin()                     # all that are wanted at the start are there
    ready = flag.with_name("ready")
    ready.touch()
    ready.chmod(0o666)
    ready.rename(flag)                  # who finds it takes it at once
    others = [srv.admin()]              # a free one is replaced by a copy
    where = flag.with_name("stop.pid")
    while not where.exists() or not where.read_text().endswith("\n"):
        others.append(srv.admin())
    since = time.monotonic()
    pid = int(where.read_text())
    wait_for("its end", lambda: not is_there(pid))
    assert time.monotonic() - since < LIMIT
    serves(srv, time.monotonic())
    c.ok("NOOP")
    shutil.rmtree(flag.parent)


def test_idled(make_server):
    srv = make_server()
    srv.expect(r"daemon idled: pid \d+ ended: signal 9")
    srv.wait_log("ready for work")
    idled = [int(p.parent.name) for p in pathlib.Path("/proc").glob("[0-9]*/cmdline")
             if str(srv.conf) in (text := _read(p)) and "idled" in text.split("\0")[0]]
    assert len(idled) == 1
    stop(idled[0])
    wait_for("its end", lambda: not is_there(idled[0]))


def _read(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError:
        return ""


def test_session_of_a_killed_master(make_server):
    """It sees nothing of master's end and keeps the address."""
    srv = make_server()
    c = srv.admin()
    other = srv.admin()
    busy = wait_for("the workers", lambda: len(b := processes(srv).get("busy", [])) == 2 and b)
    stop(busy[0])
    srv.process.kill()
    srv.process.wait()
    srv.spawn()
    since = time.monotonic()
    wait_for("service", srv.answers)
    serves(srv, since)
    # Others take the clients meanwhile: master looks twice before it kills.
    wait_for("its end", lambda: not is_there(busy[0]))
    assert is_there(busy[1])            # its session goes on
    srv.clients = []
    srv.stop()
    assert not is_there(busy[1])
    del c, other


@pytest.mark.parametrize("kind", ["template", "idled"])
def test_child_of_a_killed_master(make_server, kind):
    """What master itself has started signs the roll, too, and keeps that through exec."""
    srv = make_server()
    srv.expect("another idled answers|daemon idled|cannot listen")
    child = wait_for(kind, lambda: [p for p in storm.children(srv.process.pid) if storm.kind_of(p) == kind])[0]
    os.kill(child, signal.SIGSTOP)
    srv.process.kill()
    srv.process.wait()
    srv.spawn()
    wait_for("its end", lambda: not is_there(child))
    wait_for("the IMAP port", srv.answers)
    srv.admin().ok("NOOP")


def test_tool_with_a_lock(make_server):
    """Nobody's child: it has signed the roll, and master looks there."""
    srv = make_server()
    user = srv.new_user()
    c = srv.login(user)
    for i in range(200):
        c.ok(f"CREATE INBOX.f{i}")
    for _ in range(100):
        tool = subprocess.Popen([srv.build / "imap/admin/reconstruct", "-C", srv.conf, "-r",
                                 f"user.{user}"], stdout=subprocess.DEVNULL)
        while tool.poll() is None and not list(storm.locks_of(tool.pid)):
            pass
        tool.send_signal(signal.SIGSTOP)
        if list(storm.locks_of(tool.pid)):
            break
        tool.send_signal(signal.SIGCONT)
        tool.wait()
    since = time.monotonic()
    assert tool.wait(30) == -signal.SIGKILL
    c.ok("CREATE INBOX.after")
    assert time.monotonic() - since < LIMIT
    assert f"pid {tool.pid}, a tool with a lock, is stopped" in srv.log()
