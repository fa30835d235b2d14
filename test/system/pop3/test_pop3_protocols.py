"""doc/protocols.md names every word of CAPA and every file of tests."""
import pathlib

HERE = pathlib.Path(__file__).parent
PAGE = (HERE.parents[2] / "doc" / "protocols.md").read_text().partition("\n## POP3\n")[2]


def test_capabilities(server):
    missing = [tag for tag in server.pop_connect().capa() if f"`{tag}`" not in PAGE]
    assert not missing, f"doc/protocols.md has no line for {' '.join(missing)}"


def test_files():
    missing = [p.name for p in sorted(HERE.glob("test_*.py")) if p.name not in PAGE]
    assert not missing, f"doc/protocols.md has no line for {' '.join(missing)}"
