"""A few failures of the calls on which durability stands, drawn by a fixed lot.
CHAPAR_FAULTS_SEED draws others, CHAPAR_FAULTS_CALLS= (empty) among all calls;
a failure comes with the command that repeats it.

test/crash/faults/faults.py says how it works and does all of them.
"""
import os
import pathlib
import subprocess
import sys

import pytest

from chapar import BUILD

DRIVER = pathlib.Path(__file__).resolve().parent / "faults/faults.py"
SECONDS = int(os.environ.get("CHAPAR_FAULTS_SECONDS", "14"))
SEED = os.environ.get("CHAPAR_FAULTS_SEED", "1")
CALLS = os.environ.get("CHAPAR_FAULTS_CALLS", "fsync,fdatasync,syncfs,pwrite,write,renameat,linkat")


def test_each_call_may_fail():
    if b"__asan_init" in (BUILD / "imap/imapd/imapd").read_bytes():
        pytest.skip("AddressSanitizer wants to be preloaded itself")
    run = subprocess.run([sys.executable, DRIVER, "--few", "8", "--no-memory", "--mode", "once",
                          "--sample", "100000", "--seconds", str(SECONDS), "--seed", SEED,
                          *(["--call", CALLS] if CALLS else [])],
                         env=dict(os.environ, CHAPAR_BUILD=str(BUILD)),
                         capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
