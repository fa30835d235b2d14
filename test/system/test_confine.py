"""What confined processes can still do: by trying, and by what the kernel says of them."""
import os
import pathlib
import platform
import pwd
import re
import signal
import socket
import subprocess

import pytest

from chapar import BUILD, wait_for
from test_abuse import children

TRY = BUILD / "test/system/confined"
KINDS = ("worker", "handed", "authd", "frontd", "keyd", "daemon")
CALLS = {"x86_64": (444, 317), "aarch64": (444, 277)}.get(platform.machine())

pytestmark = pytest.mark.skipif("-fsanitize=address" in (BUILD / "Makefile").read_text(),
                                reason="a build with sanitizers does not confine itself")


def landlock():
    """The kernel's ABI; 0: none that we can use."""
    code = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))"
    abi = int(subprocess.run(["python3", "-c", code], capture_output=True, check=True).stdout)
    return abi if abi >= 2 else 0


def seccomp():
    return "\nSeccomp:" in pathlib.Path("/proc/self/status").read_text()


ABI = landlock()
needs_landlock = pytest.mark.skipif(ABI == 0, reason="this kernel has no Landlock")
needs_seccomp = pytest.mark.skipif(not seccomp(), reason="this kernel has no seccomp")


@pytest.fixture(scope="module")
def place(module_server):
    """A server that has never run: its imapd.conf and its files."""
    srv = module_server({"tls_server_key": None, "tls_server_cert": None}, start=False)
    text = srv.conf.read_text()
    for name in ("sasldb2", "log"):         # where they are all may be read
        text = text.replace(f"{srv.dir}/{name}\n", f"{srv.dir}/apart/{name}\n")
    srv.conf.write_text(text)
    for name in ("apart", "other", "spool/user"):
        (srv.dir / name).mkdir()
    for name in ("other/secret", "spool/1.", "config/x"):
        (srv.dir / name).write_text("x")
    for path in (srv.dir).rglob("*"):
        if srv.owner and "bin" not in path.parts:
            os.chown(path, srv.owner.pw_uid, srv.owner.pw_gid)
    return srv


def attempt(place, kind, *what):
    """What came of it: {"exec": "EPERM"}."""
    who = {}
    if place.owner:
        who = {"user": place.owner.pw_uid, "group": place.owner.pw_gid, "extra_groups": []}
    out = subprocess.run([TRY, "-C", place.conf, kind, *what], capture_output=True, text=True,
                         check=True, cwd="/", **who)
    assert out.stderr == "" or not (ABI and seccomp())
    return dict(line.split(" ", 1) for line in out.stdout.splitlines())


@needs_seccomp
@pytest.mark.parametrize("kind", KINDS)
def test_what_only_an_exploit_does_ends_it(place, kind):
    me = str(os.getpid())
    calls = (f"ptrace:{me}", f"memory:{me}", "bpf", "io_uring")
    assert set(attempt(place, kind, *calls).values()) == {"signal 31"}


@needs_seccomp
@pytest.mark.parametrize("kind", KINDS)
def test_no_next_step(place, kind):
    results = attempt(place, kind, "exec", "setuid", "mount:/tmp", "unshare", "keyring",
                      f"kill:{os.getpid()}", "kill:1")
    assert set(results.values()) == {"EPERM"}, results
    assert attempt(place, kind, "unknown", "limits:1") == {"unknown": "ENOSYS", "limits:1": "ENOSYS"}


@needs_seccomp
@pytest.mark.parametrize("kind", KINDS)
def test_abort_works(place, kind):
    """What finds itself broken ends with the signal that says so."""
    assert attempt(place, kind, "abort") == {"abort": f"signal {signal.SIGABRT.value}"}


@needs_seccomp
@pytest.mark.parametrize("kind,families", [
    ("worker", {1, 2, 10}), ("handed", {1}), ("authd", {1, 2, 10}), ("frontd", set()), ("keyd", set()),
    ("daemon", {1})])
def test_families_of_sockets(place, kind, families):
    results = attempt(place, kind, *(f"socket:{f}" for f in range(46)))
    assert {int(k[7:]) for k, v in results.items() if v == "ok"} <= families
    refused = {k for k, v in results.items() if v == "EAFNOSUPPORT"}
    assert refused >= {f"socket:{f}" for f in range(46) if f not in families}
    assert results["socket:1"] == ("ok" if 1 in families else "EAFNOSUPPORT")


@needs_seccomp
@pytest.mark.parametrize("kind,forks,threads,code", [
    ("worker", False, True, True), ("handed", False, False, True), ("authd", True, True, True),
    ("frontd", False, False, False), ("keyd", False, False, False), ("daemon", False, False, False)])
def test_copies_threads_and_new_code(place, kind, forks, threads, code):
    r = attempt(place, kind, "fork", "thread", "code")
    assert r == {"fork": "ok" if forks else "ENOSYS", "thread": "ok" if threads else "ENOSYS",
                 "code": "ok" if code else "EACCES"}


@needs_landlock
@pytest.mark.parametrize("kind", ["worker", "handed"])
def test_a_worker_has_the_store_and_nothing_else(place, kind):
    d = place.dir
    r = attempt(place, kind, f"read:{d}/spool/1.", f"make:{d}/spool/user/2.", f"rename:{d}/spool/1.",
                f"make:{d}/config/new", f"list:{d}/spool", "read:/etc/passwd")
    assert set(r.values()) == {"ok"}, r
    r = attempt(place, kind, f"read:{d}/other/secret", f"make:{d}/other/x", f"list:{d}/other",
                f"write:{d}/other/secret", "write:/etc/passwd", "make:/tmp/x", "list:/", "list:/root",
                "read:/etc/shadow", "list:/tmp", "list:/home")
    assert set(r.values()) <= {"EACCES", "ENOENT"}, r


@needs_landlock
def test_libraries_find_what_they_need(place):
    for kind in ("worker", "authd", "handed"):
        assert attempt(place, kind, "user:root") == {"user:root": "ok"}
    assert attempt(place, "worker", "resolve:localhost") == {"resolve:localhost": "ok"}
    assert attempt(place, "authd", "resolve:localhost") == {"resolve:localhost": "ok"}


@needs_landlock
def test_authd_sees_no_mail(place):
    d = place.dir
    r = attempt(place, "authd", f"read:{d}/spool/1.", f"list:{d}/spool", f"write:{d}/config/x",
                f"make:{d}/config/new")
    assert set(r.values()) == {"EACCES"}, r


@needs_landlock
@pytest.mark.parametrize("kind", ["frontd", "keyd", "daemon"])
def test_others_see_no_file_at_all(place, kind):
    d = place.dir
    r = attempt(place, kind, f"read:{d}/spool/1.", f"read:{d}/config/x", "read:/etc/passwd", "list:/",
                "read:/proc/self/status", "make:/tmp/x")
    assert set(r.values()) <= {"EACCES", "ENOSYS"}, r


@needs_landlock
def test_keyd_reads_certificates_and_keys_and_nobody_else_does(place):
    """Where the files are that imapd.conf names, and where links lead: they are replaced."""
    d = place.dir / "tls"
    for name in ("cert", "real", "keys", "names/live", "names/archive/x"):
        (d / name).mkdir(parents=True)
        (d / name / "new").write_text("x")
    (d / "cert/old.pem").symlink_to("../real/old.pem")
    (d / "real/old.pem").write_text("x")
    conf = d / "imapd.conf"
    conf.write_text(place.conf.read_text() + f"tls_server_cert: {d}/cert/old.pem\n"
                    f"tls_server_key: {d}/keys/old\ntls_sni_dir: {d}/names/live\n")
    for path in (d, *d.rglob("*")):
        path.chmod(0o755)
    files = [f"read:{d}/{name}/new" for name in ("cert", "real", "keys", "names/live", "names/archive/x")]

    class Named:
        owner, conf = place.owner, d / "imapd.conf"

    assert set(attempt(Named, "keyd", *files).values()) == {"ok"}
    r = attempt(Named, "keyd", f"read:{conf}", f"write:{d}/keys/new", f"make:{d}/keys/x", f"list:{d}",
                f"read:{place.dir}/spool/1.", "read:/etc/passwd")
    assert set(r.values()) <= {"EACCES", "ENOSYS"}, r
    for kind in ("worker", "handed", "frontd", "authd"):
        assert set(attempt(Named, kind, *files).values()) <= {"EACCES", "ENOSYS"}


@needs_landlock
def test_a_new_sasldb_can_be_read(make_server):
    """The directory of a file that imapd.conf names, for files are replaced."""
    srv = make_server({"sasl_x": "/nowhere"}, start=False)
    (srv.dir / "sasl").mkdir(mode=0o755)
    (srv.dir / "sasl/new").write_text("x")
    (srv.dir / "sasl/new").chmod(0o644)
    srv.conf.write_text(srv.conf.read_text().replace("/nowhere", f"{srv.dir}/sasl/old"))
    assert attempt(srv, "worker", f"read:{srv.dir}/sasl/new") == {f"read:{srv.dir}/sasl/new": "ok"}


@needs_landlock
def test_confine_allow(make_server):
    srv = make_server({"confine_allow": "/nowhere {0}"}, start=False)
    other = srv.dir / "other"
    other.mkdir(mode=0o777)
    other.chmod(0o777)
    srv.conf.write_text(srv.conf.read_text().replace("{0}", str(other)))
    assert attempt(srv, "handed", f"make:{other}/x") == {f"make:{other}/x": "ok"}
    assert attempt(srv, "authd", f"make:{other}/x") == {f"make:{other}/x": "ok"}


# ------------------------------------------------------------------ whole servers

def status(pid):
    return dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))


def is_shut(pid):
    s = status(pid)
    return s["NoNewPrivs"] == "1" and (not seccomp() or s["Seccomp"] == "2")


REFUSE = """#!/usr/bin/python3
import ctypes, os, struct, sys
code = [(0x20, 0, 0, 0), (0x15, 0, 1, {number}), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
text = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *c) for c in code))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(text)))
c = ctypes.CDLL(None, use_errno=True)
if c.prctl(38, 1, 0, 0, 0) or c.prctl(22, 2, program):
    raise OSError(ctypes.get_errno(), "seccomp")
os.execv("{master}", ["{master}", *sys.argv[1:]])
"""


def refused(srv, number):
    """A place with a master for whom, and whose children, that system call fails."""
    script = srv.dir / "refused/master/master"
    script.parent.mkdir(parents=True)
    script.write_text(REFUSE.format(number=number, master=srv.build / "master/master"))
    script.chmod(0o755)
    return script.parent.parent


def session_worker(srv, user):
    for p in (srv.dir / "config/proc").iterdir():
        if p.name.isdigit() and user in p.read_text():
            return int(p.name)
    return None


@pytest.mark.parametrize("frontd", ["no", "yes"])
def test_all_processes_confine_themselves(make_server, frontd):
    srv = make_server({"frontd": frontd, "frontd_processes": "1"})
    user = srv.new_user()
    c = srv.login(user)
    c.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    pid = wait_for("the worker's file", lambda: session_worker(srv, user))
    assert is_shut(pid)
    if os.geteuid() == 0:
        assert pathlib.Path(f"/proc/{pid}/stat").stat().st_uid == 0     # nobody of its user looks in
        assert re.search(r"Max core file size +0 +0", pathlib.Path(f"/proc/{pid}/limits").read_text())


def test_with_no_nothing_is_given_up(make_server):
    srv = make_server({"confine": "no"})
    user = srv.new_user()
    srv.login(user)
    pid = wait_for("the worker's file", lambda: session_worker(srv, user))
    assert status(pid)["Seccomp"] == status("self")["Seccomp"]


@pytest.mark.skipif(not (ABI and seccomp()), reason="something is missing here")
def test_required(make_server):
    srv = make_server({"confine": "required"})
    srv.login(srv.new_user()).ok("SELECT INBOX")
    assert "confine" not in srv.log()


@needs_seccomp
@pytest.mark.skipif(CALLS is None, reason="system calls have other numbers here")
@pytest.mark.parametrize("what", range(2))
def test_without_one_of_them_the_server_works_and_says_so(make_server, what):
    """As in a container that refuses landlock_create_ruleset(2), or seccomp(2)."""
    srv = make_server({}, start=False)
    srv.build = refused(srv, CALLS[what])
    srv.start()
    user = srv.new_user()
    c = srv.login(user)
    c.append("INBOX", b"Subject: x\r\n\r\nx\r\n")
    c.ok("SELECT INBOX")
    word = ("Landlock", "seccomp")[what]
    assert re.search(rf"notice: not confined as it could be: .*{word}", srv.log())


# ------------------------------------------------------------------ frontd

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root's master can give frontd another user")
FRONT = {"frontd": "yes", "frontd_processes": "1", "frontd_user": "nobody"}


def frontd(srv):
    return wait_for("frontd", lambda: children(srv, "frontd"))[0]


@as_root
def test_frontd_is_nobody_in_an_empty_room(make_server):
    srv = make_server(FRONT)
    c = srv.connect(tls=True)
    c.login(srv.new_user())
    pid = frontd(srv)
    s = status(pid)
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    assert set(s["Uid"].split()) == {nobody} and s["Groups"] == ""
    assert int(s["CapPrm"], 16) == int(s["CapEff"], 16) == 0
    assert os.readlink(f"/proc/{pid}/root").endswith(" (deleted)")
    assert os.listdir(f"/proc/{pid}/root/") == []
    assert is_shut(pid)
    c.ok("SELECT INBOX")


@as_root
def test_who_has_no_such_user_is_told(make_server):
    srv = make_server({**FRONT, "frontd_user": "nonesuch"})
    srv.login(srv.new_user()).ok("NOOP")
    assert status(frontd(srv))["Uid"].split()[0] == str(srv.owner.pw_uid)
    assert srv.log().count('notice: there is no user "nonesuch" (frontd_user)') == 1


@as_root
@pytest.mark.parametrize("mode", [0o711, 0o700])
def test_a_shutdown_notice_is_read_by_frontd_if_it_may(make_server, mode):
    srv = make_server(FRONT, start=False)
    (srv.dir / "config/msg").chmod(mode)
    srv.start()
    notice = srv.dir / "config/msg/shutdown"
    user = srv.new_user()
    notice.write_text("Back at noon\n")
    notice.chmod(0o644)
    with socket.create_connection(("127.0.0.1", srv.imap_port)) as s:
        first = s.makefile("rb").readline()
    if mode == 0o711 and ABI:
        assert first.startswith(b"* BYE") and b"Back at noon" in first
    else:
        assert first.startswith(b"* OK")
        assert "msg/shutdown is told after login only" in srv.log()
    notice.unlink()
    srv.login(user).ok("NOOP")


@as_root
def test_limitd_may_end_and_frontd_counts_on(make_server):
    """Frontd sees no path to it, and makes no socket."""
    srv = make_server({**FRONT, "maxconnections_per_host": "2", "limits_exempt": "192.0.2.1"})
    srv.expect("daemon limitd: pid .* ended: signal 9")
    user = srv.new_user()

    def is_counted():
        """A third connection is refused."""
        first, second = srv.connect(), srv.connect()
        with socket.create_connection(("127.0.0.1", srv.imap_port)) as third:
            line = third.makefile("rb").readline()
        first.close()
        second.close()
        return line.startswith(b"* BYE")

    wait_for("counting", is_counted)
    for _ in range(2):
        old = children(srv, "limitd")
        os.kill(old[0], signal.SIGKILL)
        wait_for("another limitd", lambda: set(children(srv, "limitd")) - set(old))
        wait_for("counting", is_counted)
    wait_for("a session", lambda: srv.login(user).ok("NOOP"))


@as_root
def test_names_of_tls_are_all_there(make_server):
    """What is below tls_sni_dir comes from keyd: frontd is shut in."""
    srv = make_server({**FRONT, "tls_sni_dir": "{configdirectory}/sni"}, start=False)
    for name in ("a.example.org", "*.example.net"):
        place = srv.dir / "config/sni" / name
        place.mkdir(parents=True)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                        "-nodes", "-days", "2", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
                        "-keyout", place / "key.pem", "-out", place / "cert.pem"],
                       check=True, stderr=subprocess.DEVNULL)
    srv.start()
    for asked, got in (("a.example.org", "a.example.org"), ("x.example.net", "*.example.net"),
                       ("b.example.org", "localhost")):
        out = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{srv.imaps_port}", "-servername", asked],
                             stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False).stdout
        assert re.search(rf"subject=CN ?= ?{re.escape(got)}\n", out), out
