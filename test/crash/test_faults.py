"""A few failures of system calls, at places and with errors drawn by lot.
The seed is in the output of a failure, with a command that repeats it.

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


def test_each_call_may_fail():
    if b"__asan_init" in (BUILD / "imap/imapd/imapd").read_bytes():
        pytest.skip("AddressSanitizer wants to be preloaded itself")
    run = subprocess.run([sys.executable, DRIVER, "--few", "8", "--no-memory", "--mode", "once",
                          "--sample", "100000", "--seconds", str(SECONDS)],
                         env=dict(os.environ, CHAPAR_BUILD=str(BUILD)),
                         capture_output=True, text=True, timeout=500)
    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
