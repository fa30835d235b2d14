"""Databases and processes that are killed, and power that is cut."""
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd()))


def run(*command):
    r = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)
    assert r.returncode == 0, r.stderr
    return r.stdout


def test_kill_at_random(tmp_path):
    """kv.h: "A process that is killed at any instruction, reader or writer,
    never leaves the others stuck"."""
    # A stuck process waits for 30 s; the wait allows for a busy machine.
    out = run(BUILD / "test/crash/kv_kill", "-m", 10, "-t", 120, "-w", 10000, tmp_path / "db")
    figures = re.search(r"(\d+) kills, (\d+) recoveries, (\d+) commits", out)
    kills, recoveries, commits = map(int, figures.groups())
    assert kills > recoveries and commits > 20
    assert recoveries >= 10, "the kills have not met anybody inside: " + out


@pytest.mark.parametrize("seed", [1, 2])
def test_power_cut(tmp_path, seed):
    """kv.h: "what a committed transaction wrote is there after a power cut"."""
    out = run(BUILD / "test/crash/kv_powercut", "-n", 200, "-s", seed, tmp_path)
    assert "200 cuts, 0 damaged" in out


def test_power_cut_tears_pages(tmp_path):
    """Torn pages are found: damaged is allowed, wrong is not."""
    out = run(BUILD / "test/crash/kv_powercut", "-t", "-n", 200, "-s", 3, tmp_path)
    assert "200 cuts" in out
