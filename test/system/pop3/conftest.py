"""Fixtures of the POP3 tests; those of test/conftest.py are there, too."""
import pytest
from chapar import one_for_all, one_test
from pop3 import PopServer

OPTIONS = {"sasl_mech_list": "PLAIN LOGIN CRAM-MD5"}


@pytest.fixture(scope="session")
def shared_pop():
    yield from one_for_all(PopServer(OPTIONS, name="pop"))


@pytest.fixture
def server(shared_pop):
    """One server for all, which speaks POP3; fresh users keep tests apart."""
    yield from one_test(shared_pop)


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
