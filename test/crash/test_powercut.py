"""A reduced run of the power-cut simulator (powercut/powercut.py says what it does).

CHAPAR_IMAGES=N: so many images a run.  What is found stays in /tmp/powercut.
"""
import os
import pathlib
import subprocess

import pytest

SIMULATOR = pathlib.Path(__file__).parent / "powercut" / "powercut.py"
IMAGES = os.environ.get("CHAPAR_IMAGES", "60")


def simulate(*args):
    r = subprocess.run(["/usr/bin/python3", SIMULATOR, "run", "--operations", "150", *args], capture_output=True,
                       text=True, timeout=500)
    print(r.stdout, r.stderr)
    return r


@pytest.mark.parametrize("patch", ["tiny", *sorted(
    "breakages/" + p.stem for p in (SIMULATOR.parent / "breakages").glob("*.patch")), *sorted(
    "../leaks/" + p.stem for p in (SIMULATOR.parents[1] / "leaks").glob("*.patch"))])
def test_patch_applies(patch):
    """Or breakages/run does not run with the next change of what it patches."""
    with open(SIMULATOR.parent / f"{patch}.patch") as f:
        r = subprocess.run(["patch", "--dry-run", "-s", "-p1"], stdin=f, capture_output=True,
                           text=True, cwd=SIMULATOR.parents[3])
    assert r.returncode == 0, r.stdout + r.stderr


def test_fixed_workload():
    assert simulate("--images", IMAGES, "--seed", "20261121", "--per-trace", "30").returncode == 0


def test_random_workload():
    """The seed is in what it prints."""
    assert simulate("--images", IMAGES, "--per-trace", "30").returncode == 0


@pytest.mark.parametrize("what", ["log", "names", "checkpoint", "header", "database"])
def test_finds_flushes_that_do_not_happen(what):
    """A simulator that finds nothing when flushes are ignored would prove nothing."""
    r = simulate("--images", "400", "--per-trace", "20", "--seed", "7", "--deaf", what,
                 "--stop-after", "1", "--keep", "/tmp/powercut/deaf")
    assert r.returncode == 1 and "VIOLATION" in r.stdout
