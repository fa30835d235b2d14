"""A reduced run of test/crash/soak.  CHAPAR_SOAK=N: so many seconds."""
import os

from soaking import soak

SECONDS = float(os.environ.get("CHAPAR_SOAK", "12"))


def test_soak():
    s = soak(SECONDS, seed=20261121, rate=40, users=4, period=1)
    assert not s.problems, "\n".join(s.problems)
