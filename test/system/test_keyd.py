"""keyd: private keys are in its memory and in no other; what becomes of it becomes of no session."""
import base64
import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import threading

import certs
import pytest
from certs import Authority, put
from chapar import BUILD, children, wait_for
from secure import Doors, Secure, context, same, starttls

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may look into processes")
SANITIZED = "-fsanitize=address" in (BUILD / "Makefile").read_text()
JAILED = {"frontd": "yes", "frontd_processes": "1", "frontd_user": "nobody"}
WAYS = [{"frontd": "no"}, {"frontd": "yes", "frontd_processes": "1"},
        pytest.param(JAILED, marks=as_root)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("keyd")


@pytest.fixture(scope="module")
def ca(folder):
    return Authority(folder, "root")


@pytest.fixture
def make_doors(make_server, ca):
    def make(options=None, certificate=None, **more):
        return Doors(make_server, options, certificate or ca.issue("localhost"), **more)
    return make


def seen(port, ctx, **more):
    with Secure(port, ctx, **more) as s:
        return s.cert


def keyd(server):
    return wait_for("keyd", lambda: children(server, "keyd"))[-1]


# ------------------------------------------------------------------ who has keys

def secrets(key):
    """What a private key is made of, as memory may hold it: numbers either way round, and its file's text."""
    text = pathlib.Path(key).read_text()
    out = certs.openssl("pkey", "-in", key, "-noout", "-text", text=True).stdout
    found = []
    for name in ("priv", "privateExponent", "prime1", "prime2"):
        m = re.search(rf"^{name}:\n((?: +[0-9a-f:]+\n)+)", out, re.M)
        if m:
            number = bytes.fromhex(re.sub(r"[\s:]", "", m.group(1))).lstrip(b"\0")
            found += [number, number[::-1]]
    assert found
    # Of PKCS #8 the public half is last (EC) or first (RSA).
    lines = text.splitlines()[1:-1]
    return [*found, (lines[0][52:] if len(lines) < 6 else lines[-6]).encode()]


def memory(pid):
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if line.split()[1].startswith("r") and "[v" not in line:
                with contextlib.suppress(OSError, OverflowError, ValueError):
                    mem.seek(begin)
                    yield mem.read(end - begin)


def holds(pid, wanted):
    return any(s in part for part in memory(pid) for s in wanted)


def family(pid):
    """A process and all below it."""
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


@as_root
@pytest.mark.skipif(SANITIZED, reason="its memory is terabytes")
@pytest.mark.parametrize("options", WAYS, ids=["no frontd", "frontd", "jail"])
def test_keys_are_in_no_other_memory(make_doors, ca, options):
    ecdsa, rsa = ca.issue("localhost"), ca.issue("localhost", kind="rsa")
    d = make_doors({**options, "tls_server_cert": "{configdirectory}/../cert.pem,{configdirectory}/../rsa.pem",
                    "tls_server_key": "{configdirectory}/../key.pem,{configdirectory}/../rsa.key"},
                   certificate=ecdsa, before=lambda d: d.put(rsa, ("rsa.pem", "rsa.key")))
    # Root's alone: whoever else had opened them could not have.
    for name in ("key.pem", "rsa.key"):
        os.chown(d.server.dir / name, 0, 0)
        os.chmod(d.server.dir / name, 0o600)
    keep = [Secure(d.imaps, context(ca)), Secure(d.lmtps, context(ca)), Secure(d.pop3s, context(ca)),
            Secure(d.imap, context(ca), before=starttls(b"a STARTTLS\r\n"))]
    assert all(same(s.cert, ecdsa) for s in keep)
    wanted = secrets(ecdsa.key) + secrets(rsa.key)
    pids = family(d.server.process.pid)
    having = {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids if holds(pid, wanted)}
    assert having == {"keyd"}
    assert {"lmtpd", "imapd"} <= {pathlib.Path(f"/proc/{pid}/comm").read_text().strip() for pid in pids}
    for s in keep:
        s.close()


@as_root
@pytest.mark.skipif(SANITIZED, reason="a build with sanitizers does not confine itself")
def test_what_keyd_is(make_doors):
    d = make_doors()
    pid = keyd(d.server)
    s = dict(re.findall(r"^(\w+):[ \t]*(.*?)[ \t]*$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.M))
    assert set(s["Uid"].split()) == {str(d.server.owner.pw_uid)}
    # At most one right of root's, to read: CAP_DAC_READ_SEARCH, or CAP_DAC_OVERRIDE.
    assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) and int(s["CapEff"], 16) in (0, 1 << 1, 1 << 2)
    assert s["NoNewPrivs"] == "1" and s["Seccomp"] == "2"
    assert int(s["VmLck"].split()[0]) > 0 or "memory with keys cannot be locked" in d.server.log()
    assert pathlib.Path(f"/proc/{pid}/stat").stat().st_uid == 0
    names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    assert not [n for n in names if n.endswith((".key", ".pem"))]
    assert "keyd" in pathlib.Path(f"/proc/{pid}/cmdline").read_text()


def test_without_a_certificate_there_is_none(make_server):
    srv = make_server({"tls_server_cert": None, "tls_server_key": None}, start=False)
    text = (srv.dir / "cyrus.conf").read_text()
    (srv.dir / "cyrus.conf").write_text(re.sub("(?m)^imaps .*$", "", text))
    srv.start()
    srv.login(srv.new_user()).ok("NOOP")
    assert children(srv, "keyd") == []
    # A reload that brings one brings keyd.
    with srv.conf.open("a") as f:
        f.write(f"tls_server_cert: {srv.dir}/cert.pem\ntls_server_key: {srv.dir}/key.pem\n")
    srv.process.send_signal(signal.SIGHUP)
    keyd(srv)

    def has_tls():
        c = srv.connect()
        r = c.ok("CAPABILITY")
        c.close()
        return any(b"STARTTLS" in line for line in r.untagged)

    wait_for("STARTTLS", has_tls)


def test_each_service_has_its_own(make_doors, ca, folder):
    """A prefix, and another file by -C: keyd reads what the service would."""
    one, two, three = (ca.issue("localhost", kind=k) for k in ("ecdsa", "rsa", "ecdsa"))

    def before(d):
        d.put(two, ("two.pem", "two.key"))
        d.put(three, ("three.pem", "three.key"))
        text = d.server.conf.read_text()
        other = d.server.dir / "other.conf"
        other.write_text(text.replace("/cert.pem", "/three.pem").replace("/key.pem", "/three.key"))
        cyrus = d.server.dir / "cyrus.conf"
        cyrus.write_text(cyrus.read_text().replace('cmd="pop3d -s"', f'cmd="pop3d -sC {other}"'))

    d = make_doors({"lmtps_tls_server_cert": "{configdirectory}/../two.pem",
                    "lmtps_tls_server_key": "{configdirectory}/../two.key"}, certificate=one, before=before)
    ctx = context(ca)
    assert same(seen(d.imaps, ctx), one)
    assert same(seen(d.lmtps, ctx), two)
    assert same(seen(d.pop3s, ctx), three)
    assert len(children(d.server, "keyd")) == 1


# ------------------------------------------------------------------ its end

class Load:
    """Clients who shake hands all the time, each time anew."""

    def __init__(self, port, ca, clients=3):
        self.port, self.ca = port, ca
        self.done, self.count, self.failures = threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]

    def run(self):
        while not self.done.is_set():
            try:
                with Secure(self.port, context(self.ca)) as s:
                    assert s.first.startswith(b"* OK")
                    self.count += 1
            except Exception as e:      # noqa: BLE001
                self.failures.append(repr(e))

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *why):
        self.done.set()
        for t in self.threads:
            t.join()

    def more(self, n=3):
        before = self.count
        wait_for("handshakes", lambda: self.count >= before + n)


@pytest.mark.parametrize("options", WAYS, ids=["no frontd", "frontd", "jail"])
def test_killed_under_load(make_doors, ca, options):
    """Five times; sessions that stand hear nothing of it, and handshakes go on."""
    d = make_doors(options)
    # Where the next one takes long to start somebody may have waited in vain.
    d.server.expect("does not answer|tls_server_cert|needs TLS|ended before it served")
    lasting = Secure(d.imaps, context(ca))
    with Load(d.imaps, ca) as load:
        for _ in range(5):
            load.more()
            old = keyd(d.server)
            os.kill(old, signal.SIGKILL)
            wait_for("another keyd", lambda: set(children(d.server, "keyd")) - {old})
        load.more(10)
    assert lasting.ask("a NOOP").startswith(b"a OK")
    lasting.close()
    d.server.expect("worker .* died|killed")
    # Who has waited in vain has been told so.
    assert not [f for f in load.failures if "timed out" in f]


def test_a_reload_fails_no_handshake(make_doors, ca):
    """The former keyd serves those who have found it until they are quiet."""
    d = make_doors({"frontd": "yes", "frontd_processes": "2"})
    lasting = Secure(d.imaps, context(ca))
    with Load(d.imaps, ca) as load:
        for _ in range(3):
            load.more()
            old = children(d.server, "keyd")
            d.server.process.send_signal(signal.SIGHUP)
            wait_for("another keyd", lambda: set(children(d.server, "keyd")) - set(old))
            load.more()
        wait_for("the end of the former", lambda: len(children(d.server, "keyd")) == 1)
    assert load.failures == []
    assert lasting.ask("a NOOP").startswith(b"a OK")
    lasting.close()


def test_an_upgrade_fails_no_handshake(make_doors, ca):
    """The queue goes along to the new image of master."""
    d = make_doors({"frontd": "yes", "frontd_processes": "1"})
    lasting = Secure(d.imaps, context(ca))
    old = keyd(d.server)
    with Load(d.imaps, ca) as load:
        load.more()
        d.server.process.send_signal(signal.SIGUSR2)
        wait_for("another keyd", lambda: set(children(d.server, "keyd")) - {old})
        load.more(10)
    assert load.failures == []
    assert lasting.ask("a NOOP").startswith(b"a OK")
    lasting.close()
    wait_for("the end of the former", lambda: old not in children(d.server, "keyd"))


def test_one_that_is_stopped_is_killed(make_doors, ca):
    d = make_doors({"frontd": "yes", "frontd_processes": "1"})
    d.server.expect("does not answer|worker .* died while it was free")
    old = keyd(d.server)
    assert seen(d.imaps, context(ca))
    os.kill(old, signal.SIGSTOP)
    wait_for("another keyd", lambda: children(d.server, "keyd") and old not in children(d.server, "keyd"))
    wait_for("a handshake", lambda: is_answered(d.imaps, ca))


def is_answered(port, ca):
    try:
        return seen(port, context(ca))
    except OSError:
        return False


# ------------------------------------------------------------------ renewal

@as_root
def test_a_frontd_that_sees_no_file_sees_renewals(make_doors, ca):
    d = make_doors(JAILED)
    ctx = context(ca)
    front = children(d.server, "frontd")
    lasting = Secure(d.imaps, ctx)
    for kind in ("rsa", "ecdsa"):
        pair = ca.issue("localhost", kind=kind)
        d.put(pair)
        wait_for("the new certificate", lambda: same(seen(d.imaps, ctx), pair))
    assert children(d.server, "frontd") == front
    assert lasting.ask("a NOOP").startswith(b"a OK")
    lasting.close()
    # Of a pair that does not fit nobody sees anything, and the log tells once.
    put(ca.issue("localhost").key, d.server.dir / "key.pem", d.server.owner)
    d.server.expect("certificates cannot be used")

    def told():
        assert same(seen(d.imaps, ctx), pair)
        return "the old ones stay" in d.server.log()

    wait_for("the log to tell", told)
    for _ in range(3):
        assert same(seen(d.imaps, ctx), pair)
    assert d.server.log().count("the old ones stay") == 1


@as_root
def test_certbots_files_are_roots(make_doors, ca):
    """live/NAME/*.pem are links to archive/NAME/*N.pem, both directories 0700."""
    def renew(base, n, pair):
        for what, source in (("fullchain", pair.cert), ("privkey", pair.key)):
            put(source, base / f"archive/localhost/{what}{n}.pem")
            link = base / f"live/localhost/{what}.new"
            link.symlink_to(f"../../archive/localhost/{what}{n}.pem")
            link.rename(base / f"live/localhost/{what}.pem")

    def before(d):
        base = d.server.dir / "letsencrypt"
        for name in ("live/localhost", "archive/localhost"):
            (base / name).mkdir(parents=True)
        for name in ("live", "archive"):
            (base / name).chmod(0o700)
        renew(base, 1, first)

    first, second = ca.issue("localhost"), ca.issue("localhost")
    live = "{configdirectory}/../letsencrypt/live/localhost"
    for options in ({"frontd": "no"}, JAILED):
        d = make_doors({**options, "tls_server_cert": f"{live}/fullchain.pem",
                        "tls_server_key": f"{live}/privkey.pem"}, before=before)
        d.server.expect("letsencrypt.*Permission denied")       # without Landlock
        ctx = context(ca)
        assert same(seen(d.imaps, ctx), first)
        if "keys that are replaced are read as user" in d.server.log():
            # What it has stays; a reload would bring the new ones.
            assert same(seen(d.imaps, ctx), first)
            continue
        renew(d.server.dir / "letsencrypt", 2, second)
        wait_for("the new certificate", lambda: same(seen(d.imaps, ctx), second))
        wait_for("lmtpd, too", lambda: same(seen(d.lmtps, ctx), second))


# ------------------------------------------------------------------ alone, and asked by strangers

def message(name, command):
    def text(tag, value):
        value = value.encode() + b"\0"
        return struct.pack(">BI", tag, len(value)) + value
    return bytes([1, 4]) + text(1, name) + text(2, command)


class Alone:
    """keyd without a master, and a way to ask it."""

    def __init__(self, srv):
        status, theirs = os.pipe()
        listen = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.queue, reader = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        socket.send_fds(listen[0], [message("+holder", "-")], [reader.fileno()])
        listen[0].send(message("imap", f"imapd -C {srv.conf}"))
        listen[0].close()

        def place():
            os.dup2(listen[1].fileno(), 64)
            os.dup2(theirs, 3)
            os.dup2(64, 4)

        # master's environment of a worker
        env = {**os.environ, "CHAPAR_SERVICE": "keyd", "CHAPAR_SERVICE_ID": "0"}
        self.process = subprocess.Popen([BUILD / "imap/keyd/keyd", "-C", srv.conf], env=env, preexec_fn=place,
                                        pass_fds=[3, 4])
        os.close(theirs)
        self.status = status

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.process.terminate()
        assert self.process.wait(30) == 0
        os.close(self.status)

    def line(self):
        mine, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        mine.settimeout(30)
        socket.send_fds(self.queue, [b"keys"], [theirs.fileno()])
        theirs.close()
        return mine


SIGN, FETCH = 1, 2
SIGNED, NO_KEY, NOT_TLS, NOT_UNDERSTOOD = 0, 1, 2, 3
SAME, CHANGED, NO_NAME, USELESS = 5, 6, 7, 8
VERIFY = b" " * 64 + b"TLS 1.3, server CertificateVerify\0" + b"h" * 32


def sign(key_id, text, padding=0, hash_=1):
    return struct.pack(">BBBBI", 2, SIGN, padding, hash_, 7) + key_id + text


def fetch(service, name, have=bytes(32)):
    return struct.pack(">BBBBI", 2, FETCH, 0, 0, 7) + have + b"".join(
        bytes([len(x)]) + x for x in (service, name))


def ask(line, request):
    line.send(request)
    reply, fds, _, _ = socket.recv_fds(line, 4096, 3)
    assert reply[0] == 2 and reply[4:8] == (7).to_bytes(4, "big")
    return reply[1], reply[8:], fds


def key_id(pem):
    spki = certs.openssl("x509", "-in", pem, "-noout", "-pubkey", text=True).stdout
    der = base64.b64decode("".join(spki.splitlines()[1:-1]))
    return bytes.fromhex(certs.openssl("dgst", "-sha256", "-r", input=der).stdout.decode()[:64])


def test_what_it_answers(make_server, folder):
    srv = make_server(start=False)
    os.chown(srv.dir / "key.pem", 0 if srv.owner else os.getuid(), -1)
    with Alone(srv) as k:
        line = k.line()
        status, _, fds = ask(line, fetch(b"imap", b""))
        assert status == CHANGED
        bundle = os.pread(fds[0], 1 << 20, 0)
        assert b"BEGIN CERTIFICATE" in bundle and b"PRIVATE" not in bundle
        have = bytes.fromhex(certs.openssl("dgst", "-sha256", "-r", input=bundle).stdout.decode()[:64])
        assert ask(line, fetch(b"imap", b"", have))[0] == SAME
        os.close(fds[0])
        for service, name in ((b"pop3", b""), (b"imap", b"x.example.org"), (b"imap", b".."), (b"imap", b"../x"),
                              (b"imap", b"/etc"), (b"imap", b"a\0b")):
            assert ask(line, fetch(service, name))[0] == NO_NAME
        mine = key_id(srv.dir / "cert.pem")
        status, signature, _ = ask(line, sign(mine, VERIFY))
        assert status == SIGNED
        (folder / "text").write_bytes(VERIFY)
        (folder / "signature").write_bytes(signature)
        certs.openssl("x509", "-in", srv.dir / "cert.pem", "-noout", "-pubkey", "-out", folder / "public")
        assert b"Verified OK" in certs.openssl("dgst", "-sha256", "-verify", folder / "public", "-signature",
                                               folder / "signature", folder / "text").stdout
        assert ask(line, sign(bytes(32), VERIFY))[0] == NO_KEY


def test_what_is_not_tls_is_refused_and_told(make_server):
    srv = make_server(start=False)
    with Alone(srv) as k:
        line, other = k.line(), k.line()
        assert ask(line, fetch(b"imap", b""))[0] == CHANGED
        mine = key_id(srv.dir / "cert.pem")
        for text in (b"From: me@example.org", VERIFY.replace(b"server", b"client"), VERIFY[1:], VERIFY + b"x", b""):
            assert ask(line, sign(mine, text))[0] == NOT_TLS
        srv.wait_log(f"warning: process {os.getpid()} asks for what is not TLS")
        # Once for each who asks, and he can go on; whoever sends rubbish gets an answer.
        assert ask(line, sign(mine, VERIFY))[0] == SIGNED
        for rubbish in (b"x", bytes(8), bytes(200000)):
            line.send(rubbish)
            if len(rubbish) < 200000:
                assert line.recv(100)[1] == NOT_UNDERSTOOD
        assert line.recv(100) == b""                # too much is the end
        assert srv.log().count("asks for what is not TLS") == 1
        assert ask(other, sign(mine, VERIFY))[0] == SIGNED


def test_who_reads_no_answers_hinders_nobody(make_server):
    srv = make_server(start=False)
    with Alone(srv) as k:
        greedy, other = k.line(), k.line()
        assert ask(other, fetch(b"imap", b""))[0] == CHANGED
        mine = key_id(srv.dir / "cert.pem")
        greedy.setblocking(False)
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            while True:
                greedy.send(sign(mine, VERIFY))
        for _ in range(20):
            assert ask(other, sign(mine, VERIFY))[0] == SIGNED


def test_by_hand_it_does_nothing():
    out = subprocess.run([BUILD / "imap/keyd/keyd"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert out.returncode == 64 and "started by master" in out.stderr
