"""The load generator still measures what it says, on every workload."""
import json
import subprocess

import pytest

from demo import BUILD

MAILBENCH = BUILD / "test/bench/mailbench"
USERS = 4
MANY = ["--connections", "3"]


def workloads():
    out = subprocess.run([MAILBENCH, "list"], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in out.splitlines()]


@pytest.fixture(scope="module")
def bench(demo):
    for _ in range(USERS):
        demo.user()
    pid = (demo.dir / "master.pid").read_text().strip()

    def run(workload, *options):
        out = subprocess.run(
            [MAILBENCH, "--imap", f"127.0.0.1:{demo.imap_port}", "--pid", pid,
             "--lmtp", f"127.0.0.1:{demo.lmtp_port}", "--user", "t#", "--users", str(USERS),
             "--mailbox", "box", *options, workload],
            capture_output=True, text=True, timeout=120)
        assert out.returncode == 0, out.stdout + out.stderr
        return json.loads(out.stdout)

    assert run("fill", "--count", "2001")["ops"] == 2001
    return run


@pytest.mark.parametrize("workload", [w for w in workloads() if w != "fill"])
def test_workload(bench, workload):
    options = {"login": MANY, "deliver": MANY, "idle-memory": MANY, "create": ["--target", "new", "--count", "1"],
               "list-status": ["--target", "folder"]}.get(workload, [])
    if workload == "list-status":
        bench("folders", "--count", "100", *options)
    result = bench(workload, "--count", "4", *options)
    assert "error" not in result
    if "skipped" not in result:
        assert result["ops"] > 0


@pytest.mark.parametrize("way", ["full", "resumed"])
def test_tls(bench, demo, way):
    """Each handshake is whole, or each but the first is resumed; and large answers come through."""
    at = ["--imap", f"127.0.0.1:{demo.imaps_port}", "--tls", way]
    result = bench("login", "--count", "6", *at)
    assert result["ops"] == 6 and result["resumed"] == (5 if way == "resumed" else 0)
    assert bench("fetch-bodies", "--count", "4", *at)["ops"] > 0
