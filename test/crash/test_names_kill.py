"""Kills processes that are changing mailbox names (see names_kill.c)."""
import os
import pathlib
import re
import subprocess

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", "b")).resolve()


def test_kill_at_random(tmp_path):
    """mblist.h: "after a crash it has happened wholly or not at all"."""
    r = subprocess.run([BUILD / "test/crash/names_kill", "-r", "200", tmp_path / "s"],
                       capture_output=True, text=True, timeout=600)
    assert r.returncode == 0, r.stderr + r.stdout
    figures = re.search(r"(\d+) kills, (\d+) of them.*, (\d+) operations", r.stdout)
    kills, _, operations = map(int, figures.groups())
    assert kills >= 200 and operations > kills / 2
