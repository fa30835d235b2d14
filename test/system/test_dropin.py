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


def daemons_of(srv):
    """The names of its daemons, as master tells them, and how many run of each."""
    path = srv.dir / "config/master.status"
    path.unlink(missing_ok=True)
    srv.process.send_signal(signal.SIGUSR1)
    wait_for("the status file", path.exists)
    named = re.findall(r"^daemon (\S+) state=up pid=(\d+)", path.read_text(), re.M)
    return dict(named)


def running(srv, program):
    """Process ids of this server's PROGRAM, whoever started it."""
    found = []
    for p in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = p.read_bytes()
        except OSError:
            continue
        if re.match(rb"([^\0]*/)?" + program.encode() + rb"\b", text) and str(srv.conf).encode() in text:
            found.append(int(p.parent.name))
    return found


def write_cyrus_conf(srv, start="", daemon=""):
    text = (srv.dir / "cyrus.conf").read_text()
    services = re.search(r"SERVICES \{.*?\n\}\n", text, re.S)[0]
    (srv.dir / "cyrus.conf").write_text(
        f"START {{\n{start}\n}}\n{services}EVENTS {{\n}}\nDAEMON {{\n{daemon}\n}}\n")


def test_daemons_that_cyrus_conf_does_not_name(make_server):
    """What comes from Cyrus has idled commented out and knows no limitd: both run,
    and before the first client is let in, so that he is counted."""
    srv = make_server({"maxconnections_per_host": "1", "limits_exempt": "192.0.2.0/24"}, start=False)
    write_cyrus_conf(srv)
    srv.start()
    assert sorted(daemons_of(srv)) == ["idled", "limitd"]
    assert "does not answer" not in srv.log()
    first = wait_for("room", lambda: (c := srv.connect()).greeting.startswith(b"* OK") and c)
    assert b"Too many" in srv.connect().greeting
    first.close()


@pytest.mark.parametrize("start,daemon,ours", [
    ("", 'hints cmd="idled"\nlimits cmd="limitd"', []),
    ("", 'i cmd="{wrapper} idled -C {conf}"', ["limitd"]),
    ('idled cmd="{bin}/idled -C {conf}"', "", ["limitd"]),
], ids=["daemon", "wrapper", "start"])
def test_daemons_that_cyrus_conf_names(make_server, open_path, start, daemon, ours):
    """There is one of each, not two; a later reload without them has ours."""
    srv = make_server(start=False)
    wrapper = open_path / "cyrus"
    wrapper.write_text(f"#!/bin/sh\nprogram=$1; shift; exec {srv.build}/imap/$program/$program \"$@\"\n")
    wrapper.chmod(0o755)
    names = {"wrapper": wrapper, "bin": f"{srv.build}/imap/idled", "conf": srv.conf}
    write_cyrus_conf(srv, start.format(**names), daemon.format(**names))
    srv.start()
    try:
        wait_for("one of each", lambda: [len(running(srv, p)) for p in ("idled", "limitd")] == [1, 1])
        assert [x for x in daemons_of(srv) if x in ("idled", "limitd")] == ours
        if not start:
            write_cyrus_conf(srv)
            srv.process.send_signal(signal.SIGHUP)
            srv.wait_log("configuration reloaded")
            wait_for("ours", lambda: sorted(daemons_of(srv)) == ["idled", "limitd"])
            wait_for("one of each", lambda: [len(running(srv, p)) for p in ("idled", "limitd")] == [1, 1])
    finally:
        if start:       # it has gone to the background
            for pid in running(srv, "idled"):
                os.kill(pid, signal.SIGTERM)
    srv.expect("another (idled|limitd) answers|daemon (idled|limitd): pid")


def test_without_these_daemons(make_server):
    srv = make_server({"daemons": "none"}, start=False)
    write_cyrus_conf(srv)
    srv.start()
    assert daemons_of(srv) == {} and running(srv, "limitd") == running(srv, "idled") == []


def test_a_daemon_that_cannot_run_keeps_nobody_out(make_server):
    srv = make_server({"limitsocket": "/nonexistent/limit"}, start=False)
    srv.expect("nonexistent|daemon limitd: ")
    srv.start()
    srv.login().ok("NOOP")
    assert sorted(daemons_of(srv)) in (["idled"], ["idled", "limitd"])
