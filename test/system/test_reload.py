"""SIGHUP while clients come and go: nobody is refused or hung up on, sessions go on,
and who comes afterwards finds the new options."""
import re
import signal
import threading

from chapar import PASSWORD, wait_for

RELOADS = 12


def test_mistakes_are_told(make_server):
    """What is wrong with imapd.conf is in the log at the reload, and with an error all goes on as before."""
    server = make_server()
    user = server.new_user()
    server.login(user)
    server.connect(tls=True).login(user)        # each service has read its options
    good = server.conf.read_text()
    server.expect(r"imapd\.conf:\d+: .*timeout")
    server.expect("going on with the old one")
    server.conf.write_text(good + "timeout: often\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("going on with the old one")
    server.login(user).ok("SELECT INBOX")
    server.connect(tls=True).login(user)
    assert "configuration reloaded" not in server.log()
    server.conf.write_text(good + "alowplaintext: yes\n")
    server.process.send_signal(signal.SIGHUP)
    server.wait_log("unknown option alowplaintext; is allowplaintext meant")
    server.wait_log("configuration reloaded")
    server.login(user).ok("SELECT INBOX")


def test_reload_under_load(make_server):
    server = make_server(workers="maxchild=50")
    user = server.new_user()
    lasting = [server.login(user), server.connect(tls=True)]
    lasting[1].login(user)
    waiting = server.connect()          # has not said anything yet
    done, failures, count = threading.Event(), [], [0, 0, 0, 0]

    def come_and_go(i):
        while not done.is_set():
            try:
                c = server.connect(tls=i % 2 == 1)
                c.login(user)
                c.ok("SELECT INBOX")
                c.ok("LOGOUT")
                c.close()
                server.clients.remove(c)
                count[i] += 1
            except Exception as e:      # noqa: BLE001
                failures.append(repr(e))
                return

    threads = [threading.Thread(target=come_and_go, args=(i,)) for i in range(len(count))]
    for t in threads:
        t.start()
    text = server.conf.read_text()
    try:
        for n in range(1, RELOADS + 1):
            before = list(count)
            server.conf.write_text(text + f"imap_maxmessagesize: {100 + n}K\n")
            server.process.send_signal(signal.SIGHUP)
            wait_for("the reload", lambda: len(re.findall("configuration reloaded", server.log())) >= n)
            # By both ways, begun before the reload or not.
            wait_for("logins", lambda: failures or all(b > a + 1 for a, b in zip(before, count)), 60)
    finally:
        done.set()
        for t in threads:
            t.join()
    assert failures == []
    for c in lasting:
        c.ok("NOOP")
    assert waiting.cmd(f"LOGIN {user} {PASSWORD}").status == "OK"
    # Those from before have the old limit, a new one has the last.
    message = b"x: y\r\n\r\n" + b"z" * (150 << 10)
    assert lasting[0].cmd("APPEND INBOX ", message).status == "OK"
    assert server.login(user).cmd("APPEND INBOX ", message).status == "NO"
