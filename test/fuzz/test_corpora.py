"""Every fuzz target's corpus, and what once was a finding, run without a fuzzer."""

import os
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", HERE.parent.parent / "b")).resolve()
TARGETS = sorted(p.stem for p in HERE.glob("fuzz_*.c"))


@pytest.mark.parametrize("target", TARGETS)
def test_corpus(target):
    files = sorted(str(f) for kind in ("corpus", "regressions")
                   for f in (HERE / kind / target).glob("*"))
    assert files, f"{target} has no corpus: test/fuzz/minimize makes one"
    done = subprocess.run([BUILD / "test" / "fuzz" / target, *files],
                          capture_output=True, text=True, errors="replace", timeout=300)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout == f"{len(files)} files\n"
