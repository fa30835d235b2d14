"""saslauthd with the system's own passwords; /etc/passwd and /etc/shadow are files of the
test's own, which nobody but its saslauthd sees (a mount namespace; only root can make one)."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from chapar import wait_for
from saslclient import needs
from test_backend_ldap import logs_in


def hashed(password):
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"], input=password, text=True,
                          capture_output=True, check=True).stdout.strip()


@pytest.fixture
def saslauthd():
    needs("saslauthd", "testsaslauthd", "unshare")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("only root can give saslauthd an /etc/shadow of its own (unshare --mount)")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chapar-shadow-"))
    folder.chmod(0o755)
    users = {"fred": hashed("shadow-fred"), "wilma": "!" + hashed("shadow-wilma"),
             "old": hashed("shadow-old")}
    (folder / "passwd").write_text("root:x:0:0::/:/bin/sh\n" + "".join(
        f"{u}:x:{64000 + i}:64000::/nonexistent:/usr/sbin/nologin\n" for i, u in enumerate(users)))
    (folder / "shadow").write_text("root:*:20000:0:99999:7:::\n" + "".join(
        f"{u}:{h}:20000:0:99999:7::{1 if u == 'old' else ''}:\n" for u, h in users.items()))
    (folder / "shadow").chmod(0o640)
    process = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c",
         'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow &&'
         ' exec /usr/sbin/saslauthd -d -n 2 -a shadow -m "$0"', folder],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for("saslauthd", lambda: (folder / "mux").exists() and subprocess.run(
        ["/usr/sbin/testsaslauthd", "-f", folder / "mux", "-u", "fred", "-p", "shadow-fred"],
        stdout=subprocess.DEVNULL).returncode == 0)
    yield folder / "mux"
    os.killpg(process.pid, 15)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def test_shadow(make_server, saslauthd):
    """Who has a password there gets in; not who is locked, or whose account has expired."""
    server = make_server({
        "sasl_pwcheck_method": "saslauthd", "sasl_saslauthd_path": saslauthd,
        "sasl_auxprop_plugin": None, "sasl_mech_list": "PLAIN LOGIN"})
    assert logs_in(server, "fred", "shadow-fred")
    assert not logs_in(server, "fred", "shadow-wilma")
    assert not logs_in(server, "wilma", "shadow-wilma")
    assert not logs_in(server, "old", "shadow-old")
    assert not logs_in(server, "root", "x")
    assert not logs_in(server, "nobodyatall", "x")
