"""What other programs rely on: saslauthd, watchers of the log, configuration in parts."""
import os
import pathlib
import re
import shutil
import signal
import subprocess

import pytest

from chapar import BUILD, PASSWORD, wait_for

SOURCE = pathlib.Path(__file__).parents[2]

# What fail2ban's filter for Cyrus (filter.d/cyrus-imap.conf) looks for, once date, host
# and "imapd[123]: " are taken off; the first address in brackets is banned.
BADLOGIN = re.compile(r"badlogin: [^\[]*\[(?P<host>[0-9a-f:.]+)\] \S+ .*?"
                      r"\[?SASL\(-13\): (authentication failure|user not found): .*\]?$")


@pytest.fixture
def saslauthd(make_server):
    """A server that asks saslauthd, which asks a sasldb of ours; and a way to stop it."""
    if shutil.which("saslauthd") is None and not os.path.exists("/usr/sbin/saslauthd"):
        pytest.fail("saslauthd (package sasl2-bin) is missing")
    srv = make_server({"sasl_pwcheck_method": "saslauthd", "sasl_auxprop_plugin": None,
                       "sasl_sasldb_path": None}, start=False)
    run = srv.dir / "saslauthd"
    run.mkdir(mode=0o755)
    srv.conf.write_text(srv.conf.read_text() + f"sasl_saslauthd_path: {run}/mux\n")
    # Of its back ends "rimap" needs no privileges and no files outside: it asks a server.
    other = make_server()
    process = subprocess.Popen(
        ["/usr/sbin/saslauthd", "-d", "-n", "1", "-a", "rimap", "-O",
         f"127.0.0.1/{other.imap_port}", "-m", str(run)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for("saslauthd's socket", (run / "mux").exists)
    (run / "mux").chmod(0o777)
    srv.start()
    yield srv, other, process
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)


def test_saslauthd(saslauthd):
    srv, other, process = saslauthd
    user = "joe"
    other.set_password(user)
    for _ in range(2):
        c = srv.connect()
        assert c.cmd(f"LOGIN {user} {PASSWORD}").status == "OK"
        c = srv.connect()
        r = c.cmd(f"LOGIN {user} wrong")
        assert (r.status, r.code) == ("NO", "AUTHENTICATIONFAILED")
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(10)
    c = srv.connect()
    srv.expect("saslauthd|SASL")
    assert c.cmd(f"LOGIN {user} {PASSWORD}").status == "NO"


def logged(server, offset, want):
    """The lines since then, without what the file adds to syslog's text."""
    def lines():
        text = server.log()[offset:]
        return [re.sub(r"^.*?\]: (\w+: )?", "", x) for x in text.splitlines()]

    return wait_for(want, lambda: [x for x in lines() if re.match(want, x)])


def test_failed_logins_as_fail2ban_reads_them(server, user):
    at = len(server.log())
    c = server.connect()
    assert c.cmd(f"LOGIN {user} wrong").status == "NO"
    # Who chooses a user name cannot have somebody else banned.
    assert c.cmd('LOGIN "x [10.9.8.7] y SASL(-13): user not found: z" wrong').status == "NO"
    assert c.cmd("AUTHENTICATE PLAIN AG5vYm9keQB3cm9uZw==").status == "NO"
    wait_for("three lines", lambda: server.log()[at:].count("badlogin: ") >= 3)
    found = logged(server, at, "badlogin: ")
    assert len(found) == 3
    for line in found:
        m = BADLOGIN.search(line)
        assert m and m["host"] == "127.0.0.1", line


def test_successful_logins_as_statistics_read_them(server, user):
    at = len(server.log())
    server.login(user)
    assert logged(server, at, "login: ") == [f"login: [127.0.0.1] {user} plaintext User logged in"]


def test_configuration_in_parts(make_server):
    """@include, an option for one service only, units; the service's value wins."""
    srv = make_server(start=False)
    part = srv.dir / "more.conf"
    part.write_text("syslog_prefix: mail1\nimap_timeout: 2s\ntimeout: 1h30m\nmaxmessagesize: 2K\n"
                    "imaps_maxmessagesize: 1M\n")
    srv.conf.write_text(f"@include: {part}\n" + srv.conf.read_text())
    srv.start()
    user = srv.new_user()
    message = b"Subject: s\r\n\r\n" + b"x" * 5000
    assert srv.login(user).cmd("APPEND INBOX ", message).status == "NO"
    tls = srv.connect(tls=True)
    tls.login(user)
    tls.append("INBOX", message)
    srv.wait_log(r"mail1/imapd\[\d+\]: notice: login: ")
    srv.wait_log(r"mail1/master\[\d+\]: ")


def test_unknown_options_do_not_keep_it_from_starting(make_server):
    srv = make_server({"idlemethod": "idled", "altnamspace": "yes", "sievedir": "/var/spool/sieve",
                       "nntptimeout": "10"})
    said = (srv.dir / "master.out").read_text()
    assert re.search(r"imapd\.conf:\d+: .*altnamspace.*altnamespace", said)
    # Names of Cyrus that look like one of ours are no misspellings.
    assert re.search(r"imapd\.conf:\d+: unknown option sievedir is ignored", said)
    assert re.search(r"imapd\.conf:\d+: unknown option nntptimeout is ignored", said)
    assert srv.login().ok('NAMESPACE').find(rb'NAMESPACE \(\("INBOX\."')


def test_debians_wrapper(make_server, tmp_path):
    """cyrus.conf of Debian's packages: cmd="/usr/sbin/cyrus expire -E 3"."""
    wrapper = tmp_path / "cyrus"
    wrapper.write_text((SOURCE / "imap/admin/cyrus.in").read_text().replace(
        "@PROGRAM_DIR@", str(BUILD / "imap/admin")))
    wrapper.chmod(0o755)
    srv = make_server(start=False)

    def cyrus(*args):
        return subprocess.run([wrapper, *args], capture_output=True, text=True)

    for args in (["makedirs", "-C", srv.conf], ["ctl_cyrusdb", "-C", srv.conf, "-r"],
                 ["expire", "-C", srv.conf, "-E", "4", "-D", "28"],
                 ["cyrusdb", "-C", srv.conf, "-c"]):
        assert (cyrus(*args).returncode, cyrus(*args).stderr) == (0, "")
    for args in ([], ["tls_prune"], ["../admin/quota"], ["quota", "-z"]):
        r = cyrus(*args)
        assert r.returncode == 64 and r.stderr
    assert "reconstruct" in cyrus("help").stdout
