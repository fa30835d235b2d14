"""A root of our own, and servers whose certificates it has issued."""
import os
import pathlib
import tempfile

import certs
import pytest
from secure import Doors


@pytest.fixture(scope="session")
def folder():
    """That the server's user can read, too."""
    with tempfile.TemporaryDirectory(prefix="chapar-tls-", dir="/tmp") as path:
        os.chmod(path, 0o755)
        yield pathlib.Path(path)


@pytest.fixture(scope="session")
def ca(folder):
    return certs.Authority(folder, "root")


@pytest.fixture(scope="module")
def doors(module_server, ca):
    """Every protocol, plain options, a certificate for localhost."""
    return Doors(module_server, certificate=ca.issue("localhost"))


@pytest.fixture
def make_doors(make_server, ca):
    def make(options=None, certificate=None, **more):
        return Doors(make_server, options, certificate or ca.issue("localhost"), **more)
    return make
