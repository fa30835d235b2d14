"""idled(8): its socket, its flags, its life under master.

The messages are those of imap/server/notify.h; what workers make of them is
tested in test/unit/test_notify.c and with IDLE sessions.
"""
import os
import pathlib
import signal
import socket
import stat
import subprocess

import pytest

from test_master import PATIENCE, master, wait_for  # noqa: F401

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd()))
IDLED = BUILD / "imap" / "idled" / "idled"


class Client:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(str(path))

    def say(self, op, name):
        self.sock.sendall(op + b"\0\0\0" + name.ljust(16, b"\0"))

    def notice(self):
        """What it is, and of what."""
        message = b""
        while len(message) < 20:
            more = self.sock.recv(20 - len(message))
            if more == b"":
                return None
            message += more
        return message[:1], message[4:].rstrip(b"\0")

    def watch(self, name):
        self.say(b"w", name)
        self.say(b"s", b"")
        assert self.notice() == (b"s", b"")


def notices_pass(path):
    watcher, publisher = Client(path), Client(path)
    watcher.watch(b"mailbox")
    publisher.say(b"p", b"another")
    publisher.say(b"p", b"mailbox")
    return watcher.notice() == (b"p", b"mailbox")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "socket").mkdir()
    (tmp_path / "imapd.conf").write_text(
        f"configdirectory: {tmp_path}\npartition-default: {tmp_path}/spool\n"
        f"logtarget: {tmp_path}/log\n")
    return tmp_path


def start(place, *options):
    return subprocess.Popen([IDLED, "-C", place / "imapd.conf", *options],
                            stderr=subprocess.PIPE, text=True)


def test_foreground_and_signals(place):
    path = place / "socket/idle"
    idled = start(place, "-f")
    wait_for("an answer", lambda: path.exists() and answers(path))
    assert wait_for("an answer", lambda: notices_pass(path))
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    os.rename(place / "log", place / "log.1") if (place / "log").exists() else None
    idled.send_signal(signal.SIGHUP)
    bad = Client(path)
    bad.sock.sendall(b"x" * 20)         # is logged, so in the new file
    assert bad.notice() is None
    assert "closed" in (place / "log").read_text()
    assert notices_pass(path)
    second = start(place, "-f")
    assert second.wait(PATIENCE) == 75
    idled.send_signal(signal.SIGTERM)
    assert idled.wait(PATIENCE) == 0
    assert not path.exists()
    assert idled.stderr.read() == ""


def test_socket_of_a_dead_one_is_replaced(place):
    path = place / "socket/idle"
    for sig in signal.SIGKILL, signal.SIGINT:
        idled = start(place, "-d")
        wait_for("an answer", lambda: path.exists() and answers(path))
        assert notices_pass(path)
        idled.send_signal(sig)
        idled.wait(PATIENCE)


def answers(path):
    try:
        return bool(Client(path))
    except ConnectionRefusedError:
        return False


def test_background(place):
    """From START: returns once it serves, and is content if it serves already."""
    path = place / "socket/idle"
    assert start(place).wait(PATIENCE) == 0
    client = Client(path)
    cred = client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    assert notices_pass(path)
    assert start(place).wait(PATIENCE) == 0
    # Whoever called listen() is the peer: the parent, which is gone.
    parent = int.from_bytes(cred[:4], "little")
    assert not pathlib.Path(f"/proc/{parent}").exists()
    pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
            and str(place / "imapd.conf").encode() in cmdline(p)]
    assert len(pids) == 1
    os.kill(pids[0], signal.SIGTERM)
    wait_for("its end", lambda: not path.exists())


def cmdline(proc):
    try:
        return (proc / "cmdline").read_bytes()
    except OSError:
        return b""


def test_usage_and_configuration(place):
    r = subprocess.run([IDLED, "-x"], capture_output=True, text=True)
    assert r.returncode == 64 and "usage: idled [-C" in r.stderr
    r = subprocess.run([IDLED, "-C", place / "none"], capture_output=True, text=True)
    assert r.returncode == 78 and "there is no such file" in r.stderr
    (place / "imapd.conf").write_text(f"configdirectory: {place}\n"
                                      f"idlesocket: {place}/no/such/folder/idle\n")
    r = subprocess.run([IDLED, "-C", place / "imapd.conf", "-d"], capture_output=True, text=True)
    assert r.returncode == 71 and "No such file" in r.stderr


@pytest.mark.parametrize("section", ["daemon", "start"])
def test_under_master(master, section):  # noqa: F811
    """In DAEMON, also with wait, it stays with master; in START it does not
    hold master up."""
    path = master.dir / "var/socket/idle"
    path.parent.mkdir()
    os.chmod(path.parent, 0o777)
    cmd = f'idled cmd="{IDLED} -C {master.dir}/imapd.conf"'
    master.configure(**{section: cmd + (" wait=yes" if section == "daemon" else "")})
    master.start()
    assert path.exists()
    assert notices_pass(path)
    master.stop()
    if section == "daemon":
        assert not path.exists()
        return
    pids = [int(p.name) for p in pathlib.Path("/proc").iterdir() if p.name.isdigit()
            and cmdline(p).startswith(bytes(IDLED))
            and str(master.dir).encode() in cmdline(p)]
    os.kill(pids[0], signal.SIGTERM)
    wait_for("its end", lambda: not path.exists())
