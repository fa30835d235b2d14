"""saslauthd with PAM; PAM is of a folder of the test's own (pam_wrapper), with users in a file."""
import glob
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

from chapar import wait_for
from saslclient import needs
from test_backend_ldap import logs_in


@pytest.fixture
def saslauthd():
    needs("saslauthd", "testsaslauthd")
    matrix = glob.glob("/usr/lib/*/pam_wrapper/pam_matrix.so")
    if not matrix:
        pytest.skip("pam_wrapper is not installed: libpam-wrapper")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="chapar-pam-"))
    folder.chmod(0o755)
    (folder / "pam.d").mkdir()
    # USER:PASSWORD:SERVICE; one service's users are not another's.
    (folder / "users").write_text("fred:pam-fred:imap\nwilma:pam-wilma:pop\n")
    for service in ("imap", "pop"):
        (folder / "pam.d" / service).write_text("".join(
            f"{kind} required {matrix[0]} passdb={folder}/users\n"
            for kind in ("auth", "account", "password", "session")))
    process = subprocess.Popen(
        ["/usr/sbin/saslauthd", "-d", "-n", "2", "-a", "pam", "-m", folder],
        env={**os.environ, "LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1",
             "PAM_WRAPPER_SERVICE_DIR": str(folder / "pam.d")},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for("saslauthd", lambda: (folder / "mux").exists() and subprocess.run(
        ["/usr/sbin/testsaslauthd", "-f", folder / "mux", "-s", "imap", "-u", "fred",
         "-p", "pam-fred"], stdout=subprocess.DEVNULL).returncode == 0)
    yield folder / "mux"
    os.killpg(process.pid, 15)
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def test_pam(make_server, saslauthd):
    """The service of PAM is SASL's: imap."""
    server = make_server({
        "sasl_pwcheck_method": "saslauthd", "sasl_saslauthd_path": saslauthd,
        "sasl_auxprop_plugin": None, "sasl_mech_list": "PLAIN LOGIN"})
    assert logs_in(server, "fred", "pam-fred")
    assert not logs_in(server, "fred", "pam-wilma")
    assert not logs_in(server, "wilma", "pam-wilma")
    assert not logs_in(server, "barney", "x")
