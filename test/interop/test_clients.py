"""mbsync, mutt, curl, imaplib and Postfix, as people use them."""
import email
import imaplib
import os
import pathlib
import re
import shutil
import smtplib
import socket
import subprocess
import time

import pytest

import ports

from demo import PASSWORD, unverified

MESSAGE = ("From: Ann <ann@example.org>\r\nTo: you@localhost\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= {n}\r\n"
           "Message-ID: <{n}.{who}@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHello number {n}\r\n")


def wait_for(condition, seconds=20):
    """Waits for something another program does; its result."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def need(program):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")


# ---------------------------------------------------------------- mbsync

def mbsync(home, *args):
    run = subprocess.run(["mbsync", "-c", home / "rc", *args], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return run


def test_mbsync_two_ways_with_flags(demo, tmp_path):
    need("mbsync")
    user = demo.user()
    for n in range(5):
        demo.deliver(user, MESSAGE.format(n=n, who=user))
    (tmp_path / "rc").write_text(f"""
IMAPAccount c
Host localhost
Port {demo.imaps_port}
User {user}
Pass {PASSWORD}
SSLType IMAPS
CertificateFile {demo.dir}/cert.pem

IMAPStore far
Account c

MaildirStore near
Path {tmp_path}/mail/
Inbox {tmp_path}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Expunge Both
SyncState *
""")
    (tmp_path / "mail").mkdir()
    mbsync(tmp_path, "-a")
    box = tmp_path / "mail" / "INBOX"
    files = [p for sub in ("new", "cur") for p in (box / sub).iterdir()]
    assert len(files) == 5
    assert {email.message_from_bytes(p.read_bytes())["message-id"] for p in files} == \
        {f"<{n}.{user}@example.org>" for n in range(5)}
    # Near to far: one seen and flagged, one gone, one new.
    files.sort()
    seen = files[0]
    seen_id = email.message_from_bytes(seen.read_bytes())["message-id"]
    seen.rename(box / "cur" / (seen.name.split(":")[0] + ":2,FS"))
    gone = files[1]
    gone_id = email.message_from_bytes(gone.read_bytes())["message-id"]
    gone.rename(box / "cur" / (gone.name.split(":")[0] + ":2,T"))
    (box / "cur" / "new1:2,").write_text(MESSAGE.format(n=99, who=user).replace("\r\n", "\n"))
    mbsync(tmp_path, "-a")
    client = demo.imap(user)
    client.select("INBOX")
    found = {}
    for item in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")[1]:
        if isinstance(item, tuple):
            found[re.search(rb"<.*>", item[1])[0].decode()] = item[0].decode()
    assert gone_id not in found
    assert f"<99.{user}@example.org>" in found
    assert "\\Seen" in found[seen_id] and "\\Flagged" in found[seen_id]
    # Far to near.
    number = client.search(None, "HEADER", "MESSAGE-ID", f"<99.{user}@example.org>")[1][0].split()[0].decode()
    client.store(number, "+FLAGS", "(\\Answered)")
    client.logout()
    mbsync(tmp_path, "-a")
    assert any("R" in p.name.split(":2,")[-1] and b"<99." in p.read_bytes() for p in (box / "cur").iterdir())


# ---------------------------------------------------------------- mutt

def test_mutt_reads_and_saves(demo, tmp_path):
    need("mutt")
    need("tmux")
    user = demo.user()
    demo.deliver(user, MESSAGE.format(n=1, who=user))
    rc = tmp_path / "muttrc"
    rc.write_text(f"""
set ssl_verify_host=no ssl_starttls=no ssl_verify_dates=no
set certificate_file={tmp_path}/certs
set folder=imaps://{user}@127.0.0.1:{demo.imaps_port}/
set imap_pass={PASSWORD}
set spoolfile=imaps://{user}@127.0.0.1:{demo.imaps_port}/INBOX
set mail_check=1 timeout=1 confirmcreate=no confirmappend=no delete=yes quit=yes mark_old=no
set tmpdir={tmp_path} charset=utf-8
""")
    shutil.copy(demo.dir / "cert.pem", tmp_path / "certs")
    session = f"mutt-{os.getpid()}-{demo.base}"
    tmux = ["tmux", "-L", session]
    env = dict(os.environ, LC_ALL="C.UTF-8", TERM="screen", HOME=str(tmp_path))
    subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "30", f"mutt -n -F {rc}"], check=True, env=env)

    def screen():
        return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True).stdout

    def keys(*k):
        subprocess.run([*tmux, "send-keys", *k], check=True)

    try:
        wait_for(lambda: "Grüße 1" in screen())
        keys("Enter")
        wait_for(lambda: "Hello number 1" in screen())
        keys("q")
        wait_for(lambda: "Hello number 1" not in screen())
        keys("s")
        wait_for(lambda: "Save" in screen() or "mailbox" in screen())
        keys("C-u")
        keys("=INBOX.saved", "Enter")
        wait_for(lambda: re.search(r"^ *\d+ +\S*D", screen(), re.M))
        keys("q")
        wait_for(lambda: subprocess.run([*tmux, "has-session"], capture_output=True).returncode != 0)
    except AssertionError:
        raise AssertionError(screen())
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True)
    client = demo.imap(user)
    assert client.select("INBOX")[1] == [b"0"]
    assert client.select("INBOX.saved")[1] == [b"1"]
    assert b"Hello number 1" in client.fetch("1", "(BODY.PEEK[TEXT])")[1][0][1]
    assert b"\\Seen" in client.fetch("1", "(FLAGS)")[1][0]
    client.logout()


# ---------------------------------------------------------------- curl, imaplib

def test_curl_lists_reads_and_appends(demo, tmp_path):
    need("curl")
    user = demo.user()
    url = f"imaps://127.0.0.1:{demo.imaps_port}"

    def curl(*args):
        run = subprocess.run(["curl", "-sSk", "-u", f"{user}:{PASSWORD}", *args], capture_output=True, timeout=30)
        assert run.returncode == 0, run.stderr
        return run.stdout

    (tmp_path / "m").write_bytes(MESSAGE.format(n=7, who=user).encode())
    assert b"INBOX" in curl(url)
    curl("-T", str(tmp_path / "m"), f"{url}/INBOX")
    assert curl(f"{url}/INBOX;MAILINDEX=1") == MESSAGE.format(n=7, who=user).encode()
    assert b"* SEARCH 1" in curl(f"{url}/INBOX", "-X", "SEARCH FROM ann")


def test_imaplib_plain_needs_tls_or_loopback(demo):
    client = imaplib.IMAP4("127.0.0.1", demo.imap_port)
    assert "STARTTLS" in client.capabilities
    client.starttls(unverified())
    client.login("alice", PASSWORD)
    assert client.select("INBOX")[0] == "OK"
    client.idle_tag = client._new_tag()
    client.logout()


# ---------------------------------------------------------------- Postfix

MAIN_CF = """
compatibility_level = 3.6
queue_directory = {d}/queue
data_directory = {d}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = localhost
mydestination = localhost
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
mailbox_transport = lmtp:unix:{socket}
smtputf8_enable = yes
maillog_file = {d}/log
maillog_file_prefixes = /tmp
"""
MASTER_CF = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@pytest.fixture
def postfix(demo):
    need("postfix")
    if os.getuid() != 0:
        pytest.skip("a Postfix of one's own needs root")
    d = pathlib.Path(f"/tmp/chapar-postfix.{os.getpid()}.{demo.base}")
    for sub in ("conf", "queue", "data"):
        (d / sub).mkdir(parents=True)
    shutil.chown(d / "data", "postfix")
    port = ports.one()
    (d / "conf/main.cf").write_text(MAIN_CF.format(d=d, socket=demo.lmtp_socket))
    (d / "conf/master.cf").write_text(MASTER_CF.format(port=port))
    start = subprocess.run(["postfix", "-c", d / "conf", "start"], capture_output=True, text=True, timeout=60)
    assert start.returncode == 0, start.stderr + (d / "log").read_text() if (d / "log").exists() else start.stderr
    yield d, port
    subprocess.run(["postfix", "-c", d / "conf", "stop"], capture_output=True, timeout=60)
    shutil.rmtree(d, ignore_errors=True)


def test_postfix_delivers_over_the_lmtp_socket(demo, postfix):
    d, port = postfix
    one, two = demo.user(), demo.user()
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for n in range(10):
            smtp.sendmail("ann@example.org", [f"{one}@localhost", f"{two}@localhost", f"{two}+nofolder@localhost"],
                          MESSAGE.format(n=n, who=one))
        smtp.sendmail("ann@example.org", ["nobody-here@localhost"], MESSAGE.format(n=100, who="x"))

    def count(user):
        client = demo.imap(user)
        n = int(client.select("INBOX")[1][0])
        client.logout()
        return n

    wait_for(lambda: count(one) == 10)
    # The same message to user and user+detail is one message in the INBOX.
    wait_for(lambda: (d / "log").read_text().count(f"to=<{two}+nofolder@localhost>") == 10)
    assert count(two) == 10
    wait_for(lambda: "User unknown" in (d / "log").read_text())
    client = demo.imap(one)
    client.select("INBOX")
    message = email.message_from_bytes(client.fetch("1", "(BODY.PEEK[])")[1][0][1])
    assert message["return-path"] == "<ann@example.org>"
    assert any("LMTP" in r for r in message.get_all("received"))
    client.logout()
