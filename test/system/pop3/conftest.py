"""Fixtures of the POP3 tests; those of test/conftest.py are there, too."""
import pytest
from pop3 import PopServer, check_log

OPTIONS = {"sasl_mech_list": "PLAIN LOGIN CRAM-MD5"}


@pytest.fixture(scope="session")
def shared_pop():
    srv = PopServer(OPTIONS, name="pop")
    srv.start()
    yield srv
    srv.stop()
    bad = srv.bad_lines()
    srv.remove()
    assert not bad, "\n".join(bad)


@pytest.fixture
def server(shared_pop):
    """One server for all, which speaks POP3; fresh users keep tests apart."""
    shared_pop.bad_lines()
    yield shared_pop
    for c in shared_pop.clients:
        c.close()
    shared_pop.clients = []
    check_log(shared_pop)


@pytest.fixture
def make_pop(make_server):
    """make_pop({"option": "value"}) -> PopServer, started."""
    def make(options=None, **more):
        return make_server({**OPTIONS, **(options or {})}, kind=PopServer, **more)
    return make


def message(n, lines=3):
    return (f"From: a@example.org\r\nSubject: message {n}\r\n\r\n"
            + "".join(f"line {i}\r\n" for i in range(1, lines + 1))).encode()


@pytest.fixture
def messages():
    """Of different sizes."""
    return [message(n, 3 * n) for n in range(1, 4)]


@pytest.fixture
def full(server, user, messages):
    """A user who has these messages in his INBOX."""
    server.deliver(user, *messages)
    return user


@pytest.fixture
def pop(server, full):
    """His POP3 session."""
    return server.pop(full)
