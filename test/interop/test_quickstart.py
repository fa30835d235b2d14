"""./quickstart: what it prints works when pasted; a second run finds its mail."""
import os
import re
import signal
import socket
import subprocess

from demo import BUILD, TOP, free_port_base, quickstart


def test_pasted_lines_work(open_path):
    root = open_path
    base = free_port_base()
    first = quickstart("--dir", root / "d", "--port-base", base, "--users", 3, "--detach")
    try:
        assert first.returncode == 0, first.stdout + first.stderr
        lines = [l.strip() for l in first.stdout.splitlines()]
        curls = [l for l in lines if l.startswith("curl ")]
        assert len(curls) == 3
        for line in curls:
            out = subprocess.run(line, shell=True, capture_output=True, text=True, timeout=30)
            assert out.returncode == 0, line + out.stderr
            assert "Welcome to Chapar" in out.stdout
        deliver = next(l for l in lines if "| " in l and "deliver" in l)
        assert subprocess.run(deliver, shell=True, timeout=30).returncode == 0
        out = subprocess.run(f"curl -sk -u u0003:secret imaps://127.0.0.1:{base + 993}/ -X 'STATUS INBOX (MESSAGES)'",
                             shell=True, capture_output=True, text=True, timeout=30)
        assert "MESSAGES 0" in out.stdout, out.stdout + out.stderr
        again = quickstart("--dir", root / "d", "--port-base", base, "--detach")
        assert again.returncode != 0 and "already" in again.stderr
    finally:
        stop = quickstart("--dir", root / "d", "--stop")
    assert stop.returncode == 0
    second = quickstart("--dir", root / "d", "--port-base", base, "--detach")
    try:
        assert second.returncode == 0, second.stdout + second.stderr
        out = subprocess.run(f"curl -sk -u alice:secret imaps://127.0.0.1:{base + 993}/ -X 'STATUS INBOX (MESSAGES)'",
                             shell=True, capture_output=True, text=True, timeout=30)
        assert re.search(r"MESSAGES 4\b", out.stdout), out.stdout
    finally:
        assert quickstart("--dir", root / "d", "--stop").returncode == 0


def test_errors_are_told_before_anything_is_made(tmp_path):
    base = free_port_base()
    with socket.socket() as s:
        s.bind(("127.0.0.1", base + 993))
        s.listen()
        taken = quickstart("--dir", tmp_path / "new", "--port-base", base, "--detach")
    assert taken.returncode == 1
    assert f"port {base + 993} is in use" in taken.stderr
    (tmp_path / "imapd.conf").write_text("configdirectory: /var/imap\n")
    foreign = quickstart("--dir", tmp_path, "--port-base", base, "--detach")
    assert foreign.returncode == 1 and "holds no demo" in foreign.stderr
    for wrong in (["--port-base", "x"], ["--users", "-1"], ["--dir"], ["--port-base", "70000"]):
        r = quickstart(*wrong)
        assert r.returncode == 1 and wrong[0] in r.stderr
    assert quickstart("--what").returncode == 64
    assert quickstart("--dir", tmp_path / "none", "--stop").returncode == 0
    assert [p.name for p in tmp_path.iterdir()] == ["imapd.conf"]


def test_interrupt_stops_the_server(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    base = free_port_base()
    run = subprocess.Popen([TOP / "quickstart", "--dir", root / "d", "--port-base", str(base)], text=True,
                           env=dict(os.environ, CHAPAR_BUILD=str(BUILD)), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=default_interrupt)
    shown = []
    for line in run.stdout:
        shown.append(line)
        if "Ctrl-C stops it" in line:
            break
    pid = int((root / "d/master.pid").read_text())
    run.send_signal(signal.SIGINT)
    rest = run.communicate(timeout=60)[0]
    assert run.returncode == 0, "".join(shown) + rest
    assert "starts it again" in rest
    assert not os.path.exists(f"/proc/{pid}")


def default_interrupt():
    """A shell cannot trap what its parent ignores, as a shell's background job does."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
