"""Fixtures for tests against a whole server; see chapar.py and demo.py.

`server` is one per pytest worker: use fresh users (`user`, server.new_user()).
`make_server` starts one with options of its own for the test that asks.
A line of severity err or crit in a server's log fails the test during which it
appeared, unless the test announced it with server.expect(pattern).
"""
import contextlib
import pathlib
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from chapar import Server, check_log, one_for_all, one_test  # noqa: E402


@pytest.fixture(scope="session")
def shared_server():
    yield from one_for_all(Server())


@pytest.fixture
def server(shared_server):
    yield from one_test(shared_server)


@pytest.fixture
def user(server):
    return server.new_user()


@pytest.fixture
def imap(server, user):
    """A session of a fresh user."""
    return server.login(user)


@pytest.fixture
def login(server, user):
    """login(): one more session of the same fresh user."""
    return lambda: server.login(user)


@pytest.fixture
def open_path():
    """A folder that all users may reach, as the server's must.  tmp_path cannot be made
    one: what it lies in is closed again whenever a pytest of the same user begins."""
    with tempfile.TemporaryDirectory(prefix="chapar-open-") as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        yield path


@contextlib.contextmanager
def making(name):
    """A function that makes servers, of Server or another KIND; all are stopped, looked at
    and removed at the end."""
    servers = []

    def make(options=None, start=True, kind=Server, **more):
        srv = kind(options, name=f"{name}{len(servers)}", **more)
        servers.append(srv)
        if start:
            srv.start()
        return srv

    yield make
    for srv in servers:
        srv.stop()
    try:
        for srv in servers:
            check_log(srv)
    finally:
        for srv in servers:
            srv.remove()


@pytest.fixture
def make_server():
    """make_server({"option": "value"}, workers="maxchild=3") -> Server, started."""
    with making("own") as make:
        yield make


@pytest.fixture(scope="module")
def module_server():
    """As make_server, for all tests of a file; the log is looked at at its end."""
    with making("file") as make:
        yield make


@pytest.fixture(scope="module")
def demo():
    """One server of ./quickstart for the tests of a file; see demo.py."""
    import demo as module
    with module.running() as server:
        yield server
