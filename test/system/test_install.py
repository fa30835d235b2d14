"""make install: what lies where, and that it serves from there."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", TOP / "b")).resolve()


def make(*args):
    r = subprocess.run(["make", "-C", BUILD, "--silent", *args], capture_output=True, text=True,
                       timeout=120)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    root = tmp_path_factory.mktemp("root")
    make("install", f"DESTDIR={root}")
    return root


def test_what_lies_where(installed):
    have = {str(p.relative_to(installed)): p for p in installed.rglob("*") if p.is_file()}
    for program in make("list-programs").split():
        p = have[f"usr/local/cyrus/bin/{pathlib.Path(program).name}"]
        assert p.stat().st_mode & 0o7777 == 0o755
    for page in (TOP / "man").glob("*.[158]"):
        name = f"usr/local/share/man/man{page.suffix[1:]}/{page.name}"
        assert have[name].stat().st_mode & 0o7777 == 0o644
    assert "tls_server_cert" in have["usr/local/share/man/man5/imapd.conf.5"].read_text()
    unit = have["usr/local/lib/systemd/system/chapar.service"].read_text()
    assert re.search(r"^ExecStart=/usr/local/cyrus/bin/master ", unit, re.M)
    assert "@" not in unit


def test_names_of_the_probe(installed):
    for name in ("imtest", "pop3test", "lmtptest"):
        assert os.readlink(installed / "usr/local/bin" / name) == "/usr/local/cyrus/bin/imtest"


def test_unit_is_valid(installed):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd is not installed")
    unit = installed / "usr/local/lib/systemd/system/chapar.service"
    copy = installed / "chapar.service"
    copy.write_text(unit.read_text().replace("=/usr/local/", f"={installed}/usr/local/"))
    r = subprocess.run(["systemd-analyze", "verify", "--man=no", copy], capture_output=True,
                       text=True, timeout=60)
    assert r.returncode == 0 and "chapar" not in r.stderr, r.stderr


def test_prefix_moves_all(tmp_path):
    make("install", f"prefix={tmp_path}/p")
    unit = (tmp_path / "p/lib/systemd/system/chapar.service").read_text()
    assert f"ExecStart={tmp_path}/p/cyrus/bin/master " in unit
    assert (tmp_path / "p/cyrus/bin/imapd").exists()


def test_examples_are_accepted(installed):
    examples = installed / "usr/local/share/doc/chapar/examples"
    chapar = installed / "usr/local/cyrus/bin/chapar"
    r = subprocess.run([chapar, "config", "-C", examples / "imapd.conf", "check"],
                       capture_output=True, text=True, timeout=60)
    assert (r.returncode, r.stdout + r.stderr) == (0, "")


def test_installed_server_serves_the_examples(installed, make_server):
    """master finds its programs beside it; cyrus.conf is the example with other ports."""
    server = make_server(start=False)
    examples = installed / "usr/local/share/doc/chapar/examples"
    text = (examples / "cyrus.conf").read_text()
    text = text.replace('listen="imap"', f'listen="127.0.0.1:{server.imap_port}"')
    text = text.replace("/var/imap/socket/lmtp", server.lmtp_path)
    (server.dir / "cyrus.conf").write_text(text)
    master = server.dir / "programs" / "master"
    shutil.copytree(installed / "usr/local/cyrus/bin", master.parent)
    server.build = server.dir / "root"
    (server.build / "master").mkdir(parents=True)
    (server.build / "master/master").symlink_to(master)
    server.start()
    user = server.new_user()
    subprocess.run([master.parent / "deliver", "-C", server.conf, user], check=True, timeout=60,
                   input=b"Subject: hi\r\n\r\nHello\r\n")
    c = server.login(user)
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODY.PEEK[TEXT]").find(rb"\r\nHello\r\n")
