"""doc/protocols.md names every capability and every file of tests."""
import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).parent
PAGE = (HERE.parents[2] / "doc" / "protocols.md").read_text()
FROM_LOGIN = re.compile("STARTTLS$|LOGINDISABLED$|AUTH=")


@pytest.fixture(scope="module")
def everything(module_server):
    """A server that has what only options bring."""
    return module_server({"loginreferral": "other.example.org", "messagelimit": "1000"})


def test_capabilities(everything):
    c = everything.login(everything.new_user())
    caps = c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).decode().split()
    c.close()
    missing = [x for x in caps if f"`{x.partition('=')[0] if 'LIMIT=' in x else x}`" not in PAGE
               and not FROM_LOGIN.match(x)]
    assert not missing, f"doc/protocols.md has no line for {' '.join(missing)}"


def test_files():
    missing = [p.name for p in sorted(HERE.glob("test_*.py")) if p.name not in PAGE]
    assert not missing, f"doc/protocols.md has no line for {' '.join(missing)}"
