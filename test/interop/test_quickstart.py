"""./quickstart: what it prints works when pasted; a second run finds its mail."""
import re
import subprocess

from demo import quickstart, free_port_base


def test_pasted_lines_work(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    for parent in (root, *root.parents):
        if str(parent).startswith("/tmp/"):
            parent.chmod(0o755)
    base = free_port_base()
    first = quickstart("--dir", root / "d", "--port-base", base, "--users", 3, "--detach")
    try:
        assert first.returncode == 0, first.stdout + first.stderr
        lines = [l.strip() for l in first.stdout.splitlines()]
        curls = [l for l in lines if l.startswith("curl ")]
        assert len(curls) == 2
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
