"""Fixtures for all whole-server tests."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))


@pytest.fixture(scope="module")
def demo():
    """One server of ./quickstart for the tests of a file; see demo.py."""
    import demo as module
    with module.running() as server:
        yield server
