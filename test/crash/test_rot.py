"""A few cases of rot.py, which see: one damaged file, and what becomes of it.

CHAPAR_ROT=N: so many drawn cases besides those that once went wrong.
"""
import os

import pytest
import rot

CASES = int(os.environ.get("CHAPAR_ROT", "24"))
SEED = int(os.environ.get("CHAPAR_ROT_SEED", "20261121"))

# What the whole run once found.
FOUND = [
    ("spool/wal/0000000000800000.log", "empty", False),     # the server did not start
    ("spool/wal/0000000000800000.log", "directory", True),  # nor when it was gone later
    ("spool/user/alice/cyrus.annotations", "missing", False),   # nobody was told
    ("spool/user/alice/cyrus.annotations", "empty", True),      # nor when it was cut off
    ("config/annotations/server", "empty", False),
    ("spool/user/alice/cyrus.header", "missing", True),     # nor of lost keywords
]
# Whatever becomes of it nobody notices.
SORTED = "spool/user/alice/sorted/cyrus.sort"


@pytest.fixture(scope="module")
def filled():
    r = rot.Rot()
    yield r
    r.srv.remove()


@pytest.mark.parametrize("path,how,running", FOUND)
def test_found(filled, path, how, running):
    filled.run(rot.Case(path, how, running, 1))


@pytest.mark.parametrize("how,running", [("flip", True), ("truncate", False), ("old", False), ("directory", True)])
def test_kept_order(filled, how, running):
    filled.run(rot.Case(SORTED, how, running, 4))     # a rank, if it is a bit


def test_drawn(filled):
    failed = []
    # What makes the server refuse to start costs seconds each; rot.py has it.
    for case in rot.choose(filled, CASES, SEED):
        if case.may_refuse:
            continue
        try:
            filled.run(case)
        except rot.Wrong as e:
            failed.append(f"{case} {case.where}: {e}")
    assert not failed, "\n".join(failed)
