"""Workers are copies of a template that links and reads its configuration once
(lib/svc.h): what must stay true when it dies, is reloaded, and is not used."""
import os
import pathlib
import re
import signal

from chapar import wait_for


def status(srv, service="imap"):
    """{pid: state} of a service's processes."""
    path = srv.dir / "config/master.status"
    path.unlink(missing_ok=True)
    srv.process.send_signal(signal.SIGUSR1)
    wait_for("the status", path.exists)
    return {int(pid): state for pid, state in re.findall(
        rf"worker (\d+) service={service} state=(\S+)", path.read_text())}


def template(srv, service="imap"):
    return [pid for pid, state in status(srv, service).items() if state == "template"]


def parent(pid):
    return int(re.search(r"PPid:\s*(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])


def test_workers_are_copies_and_children_of_master(make_server):
    srv = make_server()
    srv.admin()
    states = status(srv)
    assert sorted(states.values()).count("template") == 1
    assert "busy" in states.values()
    assert {parent(pid) for pid in states} == {srv.process.pid}
    # No process of its own but the one that is asked for copies, and no zombie.
    for pid in states:
        assert "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()


def test_template_is_replaced(make_server):
    srv = make_server()
    srv.expect("died as the template")
    old = srv.admin()
    before = template(srv)
    for _ in range(3):
        dead = template(srv)
        os.kill(dead[0], signal.SIGKILL)
        wait_for("a new template, when a worker is missing",
                 lambda: srv.admin() and template(srv) not in ([], dead))
    assert template(srv) != before
    old.ok("NOOP")


def test_template_dies_while_clients_come(make_server):
    srv = make_server()
    srv.expect("died as the template")
    srv.admin()
    os.kill(template(srv)[0], signal.SIGKILL)
    clients = [srv.admin() for _ in range(20)]
    for c in clients:
        c.ok("NOOP")


def test_reload_reads_the_configuration_anew(make_server):
    srv = make_server({"serverinfo": "min"})
    assert b"Chapar" not in srv.connect().greeting
    before = template(srv)
    srv.conf.write_text(srv.conf.read_text().replace("serverinfo: min", "serverinfo: on"))
    srv.process.send_signal(signal.SIGHUP)
    wait_for("a new template", lambda: template(srv) not in ([], before))
    wait_for("the new greeting", lambda: b"Chapar" in srv.connect().greeting)
    wait_for("the old one to end", lambda: not pathlib.Path(f"/proc/{before[0]}").exists())


def test_workers_outlive_no_master(make_server):
    srv = make_server()
    pids = list(status(srv))
    srv.process.kill()
    srv.process.wait()
    wait_for("all to end", lambda: not [p for p in pids if pathlib.Path(f"/proc/{p}").exists()])
    srv.process = None


def test_many_at_once(make_server):
    srv = make_server()
    clients = [srv.connect() for _ in range(60)]
    for c in clients:
        c.ok("LOGIN cyrus secret")
    assert list(status(srv).values()).count("busy") == 60
    srv.stop()
    assert "killing" not in srv.log()


def test_new_master_has_the_address_at_once(make_server):
    """Sessions outlive a killed master, and are no hindrance to the next one."""
    srv = make_server()
    session = srv.admin()
    srv.process.kill()
    srv.process.wait()
    wait_for("the address", lambda: not listens(srv.imap_port))
    session.ok("NOOP")
    srv.start()
    srv.admin().ok("NOOP")
    session.ok("NOOP")
    assert "cannot listen" not in srv.log()


def listens(port):
    """Whether any socket is in state LISTEN (0A) there."""
    return re.search(rf":{port:04X} 00000000:0000 0A", pathlib.Path("/proc/net/tcp").read_text())
