"""A reduced run of test/crash/kill9: processes of a whole server are killed and
stopped while clients change mail.  CHAPAR_KILLS=N: so many rounds."""
import os

from storm import storm

ROUNDS = int(os.environ.get("CHAPAR_KILLS", "16"))


def test_kill_any_process(make_server):
    storm(make_server, rounds=ROUNDS, seed=20261121)
