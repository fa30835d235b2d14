"""A reduced run of test/model/run.  CHAPAR_MODEL=SECONDS: so long for each game; all are a minute."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from crowd import Crowd     # noqa: E402
from game import Game       # noqa: E402

SECONDS = float(os.environ.get("CHAPAR_MODEL", "22"))


@pytest.mark.parametrize("delete_mode, seed", [("immediate", 20261121), ("delayed", 20261122)])
def test_sessions_take_turns(make_server, delete_mode, seed):
    server = make_server({"delete_mode": delete_mode})
    game = Game(server, seed)
    try:
        game.play(seconds=SECONDS)
    except BaseException:
        print(*game.log[-100:], f"seed {seed}, step {game.steps}", sep="\n")
        raise
    assert game.steps > 0


def test_sessions_all_at_once(make_server):
    crowd = Crowd(make_server(), seed=20261123, members=6)
    assert crowd.play(SECONDS * 0.8) > 0
    assert crowd.checkpoints > 0
