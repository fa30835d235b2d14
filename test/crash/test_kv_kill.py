"""Kills processes that are inside a database (see kv_kill.c)."""
import os
import pathlib
import re
import subprocess

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", "b")).resolve()


def test_kill_at_random(tmp_path):
    """kv.h: "A process that is killed at any instruction, reader or writer,
    never leaves the others stuck"."""
    # A stuck process waits for 30 s; the wait allows for a busy machine.
    r = subprocess.run([BUILD / "test/crash/kv_kill", "-t", "8", "-w", "10000",
                        tmp_path / "db"], capture_output=True, text=True, timeout=120)
    assert r.returncode == 0, r.stderr
    figures = re.search(r"(\d+) kills, (\d+) recoveries, (\d+) commits", r.stdout)
    kills, recoveries, commits = map(int, figures.groups())
    assert kills > 20 and commits > 20
    assert recoveries > 5, "the kills have not met anybody inside: " + r.stdout
