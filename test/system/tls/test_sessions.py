"""Sessions (RFC 5077, RFC 8446 section 2.2): resumed anywhere, but not as somebody else."""
import os
import re
import signal
import ssl

import pytest
from chapar import wait_for
from secure import Secure, context, starttls

BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]
IMAP_STARTTLS = starttls(b"a STARTTLS\r\n")


def begin(port, ctx, **more):
    """A whole handshake, and its session."""
    with Secure(port, ctx, **more) as s:
        if not s.first:
            s.ask("a NOOP")
        assert not s.reused
        return s.session


def resumes(port, ctx, session, **more):
    with Secure(port, ctx, session=session, **more) as s:
        return s.reused


def worker_of(server):
    """The pid of the process that shook hands last."""
    return int(re.findall(r"\[(\d+)\]: info: starttls:", server.log())[-1])


@pytest.mark.parametrize("version", BOTH)
def test_in_another_process(doors, ca, version):
    """The worker that began it is gone; so its service has another one."""
    ctx = context(ca, version)
    with Secure(doors.imaps, ctx) as s:
        session, pid = s.session, worker_of(doors.server)
    doors.server.expect("worker .* died ")
    os.kill(pid, signal.SIGKILL)
    wait_for("its end", lambda: not os.path.exists(f"/proc/{pid}"))
    assert resumes(doors.imaps, ctx, session)


@pytest.mark.parametrize("version", BOTH)
def test_in_another_service(doors, ca, version):
    ctx = context(ca, version)
    session = begin(doors.imaps, ctx)
    assert resumes(doors.lmtps, ctx, session)
    assert resumes(doors.pop3s, ctx, session)
    assert resumes(doors.imap, ctx, session, before=IMAP_STARTTLS)


def test_not_in_another_server(doors, make_doors, ca):
    """Each master has keys of its own."""
    ctx = context(ca)
    session = begin(doors.imaps, ctx)
    other = make_doors()
    assert not resumes(other.imaps, ctx, session)
    assert resumes(doors.imaps, ctx, session)


def test_after_a_reload_and_an_upgrade(make_doors, ca):
    d = make_doors()
    ctx = context(ca)
    session = begin(d.imaps, ctx)
    d.server.process.send_signal(signal.SIGHUP)
    d.server.wait_log("configuration reloaded")
    assert resumes(d.imaps, ctx, session)
    d.server.process.send_signal(signal.SIGUSR2)
    d.server.wait_log("process upgraded")
    wait_for("the port", d.server.answers)
    assert resumes(d.imaps, ctx, session)


def test_after_a_new_certificate(make_doors, ca):
    d = make_doors()
    ctx = context(ca)
    session = begin(d.imaps, ctx)
    d.put(ca.issue("localhost"))
    assert resumes(d.imaps, ctx, session)


def test_keys_are_changed_and_forgotten(make_doors, ca):
    """tls_session_timeout of 4 s: keys are changed after 2, sessions end after 4."""
    d = make_doors({"tls_session_timeout": "4s"})
    ctx = context(ca, ssl.TLSVersion.TLSv1_2)
    session = begin(d.imaps, ctx)

    def fresh_one_resumes():    # on a slow machine its time may be over first
        return resumes(d.imaps, ctx, begin(d.imaps, ctx))

    wait_for("a session to be resumed", fresh_one_resumes)
    wait_for("its end", lambda: not resumes(d.imaps, ctx, session))
    wait_for("another to be resumed", fresh_one_resumes)


def test_without_resumption(make_doors, ca):
    d = make_doors({"tls_session_timeout": "0"})
    for version in BOTH:
        ctx = context(ca, version)
        with Secure(d.imaps, ctx) as s:
            s.ask("a NOOP")
            assert not s.session.has_ticket
            session = s.session
        assert not resumes(d.imaps, ctx, session)


def test_not_under_another_policy(make_doors, ca):
    """imaps asks for clients' certificates, pop3s does not: their sessions are not each other's."""
    d = make_doors({"imaps_tls_client_ca_file": str(ca.pem), "imaps_tls_client_certs": "optional"})
    ctx = context(ca)
    session = begin(d.pop3s, ctx)
    assert not resumes(d.imaps, ctx, session)
    assert resumes(d.lmtps, ctx, session)


def test_keys_can_only_be_read(doors, ca):
    """A worker cannot write where master keeps the keys, nor is that a file."""
    def maps(pid):
        with open(f"/proc/{pid}/maps") as f:
            return [line for line in f if "chapar-tickets" in line]

    (ours,) = maps(doors.server.process.pid)
    assert "rw-s" in ours and "/memfd:" in ours
    with Secure(doors.imaps, context(ca)):
        (theirs,) = maps(worker_of(doors.server))
        assert "r--s" in theirs
