"""Fixtures of the conformance tests; those of test/conftest.py are there, too."""
import pytest


@pytest.fixture
def other(login, box):
    """Another session of the mailbox that the file's own `box` has selected."""
    c = login()
    c.ok("SELECT INBOX")
    return c
