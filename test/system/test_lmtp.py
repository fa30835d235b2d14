"""LMTP as in RFC 2033, 1870, 2034, 2920, 3030, 6152, 6531."""
import getpass
import re
import socket
import subprocess
import threading
import time

import pytest

from chapar import BUILD

MESSAGE = b"From: a@example.org\r\nSubject: s\r\nMessage-ID: <%s@t>\r\n\r\nbody\r\n"


class Lmtp:
    def __init__(self, server, unix=False, hello=True):
        if unix:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(str(server.lmtp_socket))
        else:
            self.sock = socket.create_connection(("127.0.0.1", server.lmtp_port))
        self.sock.settimeout(30)
        self.file = self.sock.makefile("rwb")
        assert self.reply()[0] == 220
        if hello:
            assert self("LHLO client.example")[0] == 250

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                raise EOFError(lines)
            assert line.endswith(b"\r\n")
            lines.append(line[4:-2].decode())
            if line[3:4] == b" ":
                return int(line[:3]), lines

    def put(self, data):
        self.file.write(data if isinstance(data, bytes) else data.encode() + b"\r\n")
        self.file.flush()

    def __call__(self, line):
        self.put(line)
        return self.reply()

    def transaction(self, *users, data=None, mail="MAIL FROM:<a@example.org>"):
        assert self(mail)[0] == 250
        accepted = sum(self(f"RCPT TO:<{u}@localhost>")[0] == 250 for u in users)
        assert self("DATA")[0] == 354
        self.put(data + b".\r\n")
        return [self.reply() for _ in range(accepted)]


def inbox(demo, user, mailbox="INBOX"):
    client = demo.imap(user)
    n = int(client.select(mailbox, readonly=True)[1][0])
    bodies = [client.fetch(str(i + 1), "(BODY.PEEK[])")[1][0][1] for i in range(n)]
    client.logout()
    return bodies


def test_lhlo_lists_the_extensions(demo):
    code, lines = Lmtp(demo, hello=False)("LHLO x.example")
    assert code == 250
    words = {l.split()[0] for l in lines[1:]}
    assert {"PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE", "CHUNKING", "ENHANCEDSTATUSCODES"} <= words


def test_helo_and_ehlo_are_refused(demo):
    """RFC 2033 4.1: The HELO and EHLO commands of SMTP are replaced by LHLO; a server must return 500."""
    lmtp = Lmtp(demo, hello=False)
    assert lmtp("HELO x")[0] == 500
    assert lmtp("EHLO x")[0] == 500


def test_one_reply_for_each_recipient(demo):
    """RFC 2033 4.2: the server MUST return one reply for each previously successful RCPT command."""
    a, b = demo.user(), demo.user()
    lmtp = Lmtp(demo)
    assert lmtp("MAIL FROM:<>")[0] == 250
    assert lmtp(f"RCPT TO:<{a}@localhost>")[0] == 250
    code, lines = lmtp("RCPT TO:<nobody.at.all@localhost>")
    assert code == 550 and lines[-1].startswith("5.1.1 ")
    assert lmtp(f"RCPT TO:<{b}>")[0] == 250
    assert lmtp("DATA")[0] == 354
    lmtp.put(MESSAGE % b"one" + b".\r\n")
    assert [lmtp.reply()[0] for _ in range(2)] == [250, 250]
    assert lmtp("NOOP")[0] == 250
    assert len(inbox(demo, a)) == len(inbox(demo, b)) == 1


def test_recipients_on_one_partition_share_one_file(demo):
    users = [demo.user() for _ in range(5)]
    assert [c for c, _ in Lmtp(demo).transaction(*users, data=MESSAGE % b"links")] == [250] * 5
    inodes = {(demo.dir / "spool/user" / u / "1.").stat().st_ino for u in users}
    assert len(inodes) == 1
    assert (demo.dir / "spool/user" / users[0] / "1.").stat().st_nlink == 5


def test_no_recipient_no_data(demo):
    """RFC 2033 4.2: if there were no previously successful RCPT commands, DATA MUST fail with 503."""
    lmtp = Lmtp(demo)
    lmtp("MAIL FROM:<a@b>")
    assert lmtp("DATA")[0] == 503
    assert lmtp("RCPT TO:<nobody.here@localhost>")[0] == 550
    assert lmtp("DATA")[0] == 503


def test_pipelining(demo):
    """RFC 2920: a group of commands in one packet is answered in order."""
    user = demo.user()
    lmtp = Lmtp(demo)
    lmtp.put(b"MAIL FROM:<a@b>\r\nRCPT TO:<" + user.encode() + b"@localhost>\r\nRCPT TO:<no-such>\r\nDATA\r\n")
    assert [lmtp.reply()[0] for _ in range(4)] == [250, 250, 550, 354]
    lmtp.put(MESSAGE % b"p1" + b".\r\nRSET\r\nNOOP\r\nQUIT\r\n")
    assert [lmtp.reply()[0] for _ in range(4)] == [250, 250, 250, 221]


def test_bdat(demo):
    """RFC 3030: chunks are octets, not lines; only the last is answered for each recipient."""
    user = demo.user()
    lmtp = Lmtp(demo)
    lmtp("MAIL FROM:<a@b> BODY=8BITMIME")
    lmtp(f"RCPT TO:<{user}>")
    body = b"Subject: x\r\n\r\n.\r\nMAIL FROM:<x>\r\n\xff\r\n"
    lmtp.put(b"BDAT 5\r\n" + body[:5])
    assert lmtp.reply()[0] == 250
    lmtp.put(b"BDAT %d\r\n" % (len(body) - 5) + body[5:] + b"BDAT 0 LAST\r\nNOOP\r\n")
    assert [lmtp.reply()[0] for _ in range(3)] == [250, 250, 250]
    assert inbox(demo, user)[0].endswith(body)


def test_bdat_without_recipient_eats_its_octets(demo):
    lmtp = Lmtp(demo)
    lmtp.put(b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
    assert lmtp.reply()[0] == 503
    assert lmtp.reply()[0] == 250


def test_size(demo):
    assert Lmtp(demo)("MAIL FROM:<a@b> SIZE=10")[0] == 250
    assert Lmtp(demo)("MAIL FROM:<a@b> SIZE=ten")[0] == 501


def test_smtputf8(demo):
    lmtp = Lmtp(demo)
    assert lmtp("MAIL FROM:<grüße@example.org>")[0] == 553
    assert lmtp("MAIL FROM:<grüße@example.org> SMTPUTF8")[0] == 250
    assert lmtp("RSET")[0] == 250
    assert lmtp("MAIL FROM:<a@b> FOO=bar")[0] == 555


def test_return_path_and_received(demo):
    user = demo.user()
    Lmtp(demo).transaction(user, data=MESSAGE % b"trace")
    head = inbox(demo, user)[0].split(b"\r\n\r\n")[0]
    assert head.startswith(b"Return-Path: <a@example.org>\r\nReceived: from client.example (127.0.0.1)\r\n\tby ")
    Lmtp(demo).transaction(user, data=MESSAGE % b"trace2", mail="MAIL FROM:<>")
    assert inbox(demo, user)[1].startswith(b"Return-Path: <>\r\n")


def test_bare_lf_and_nul(demo):
    user = demo.user()
    lmtp = Lmtp(demo)
    assert lmtp.transaction(user, data=b"A: b\n\nx\n.\ny\r\n")[0][0] == 250
    assert inbox(demo, user)[0].endswith(b"A: b\r\n\r\nx\r\n\r\ny\r\n")
    code, lines = lmtp.transaction(user, data=b"A: b\r\n\r\nx\0y\r\n")[0]
    assert code == 554 and lines[0].startswith("5.6.0 ")
    assert len(inbox(demo, user)) == 1


def test_no_smuggling_past_a_bare_lf_dot(demo):
    """Only CRLF . CRLF ends a message (RFC 5321 4.1.1.4)."""
    user = demo.user()
    lmtp = Lmtp(demo)
    assert lmtp.transaction(user, data=b"A: b\r\n\r\nx\n.\r\nMAIL FROM:<evil@x>\r\n\r\n")[0][0] == 250
    assert lmtp("NOOP")[0] == 250
    assert len(inbox(demo, user)) == 1


def test_duplicates_are_suppressed(demo):
    user = demo.user()
    lmtp = Lmtp(demo)
    for _ in range(2):
        assert lmtp.transaction(user, data=MESSAGE % user.encode())[0][0] == 250
    assert len(inbox(demo, user)) == 1
    assert "eliminated duplicate" in demo.log()
    # Two addresses of one mailbox get one copy.
    assert [c for c, _ in lmtp.transaction(user, user, data=MESSAGE % (user + "x").encode())] == [250, 250]
    assert len(inbox(demo, user)) == 2


def test_plus_addressing_needs_p(demo):
    user = demo.user()
    owner = demo.imap(user)
    owner.create("INBOX.lists")
    lmtp = Lmtp(demo)
    lmtp.transaction(f"{user}+lists", data=MESSAGE % b"l1")
    assert len(inbox(demo, user)) == 1
    owner.setacl("INBOX.lists", "anyone", "p")
    lmtp.transaction(f"{user}+lists", data=MESSAGE % b"l2")
    lmtp.transaction(f"{user}+nothing", data=MESSAGE % b"l3")
    owner.logout()
    assert len(inbox(demo, user)) == 2
    assert len(inbox(demo, user, "INBOX.lists")) == 1


def test_shared_mailbox(demo):
    admin = demo.imap("cyrus")
    admin.create("news")
    lmtp = Lmtp(demo)
    assert lmtp("MAIL FROM:<a@b>")[0] == 250
    assert lmtp("RCPT TO:<+news@localhost>")[0] == 550
    admin.setacl("news", "anyone", "lrsp")
    assert lmtp("RCPT TO:<+news@localhost>")[0] == 250
    admin.logout()


def test_over_quota_is_temporary(demo):
    user = demo.user()
    admin = demo.imap("cyrus")
    assert admin.setquota(f"user.{user}", "(STORAGE 1)")[0] == "OK"
    admin.logout()
    lmtp = Lmtp(demo)
    big = MESSAGE % b"q1" + b"x" * 2000 + b"\r\n"
    assert lmtp.transaction(user, data=big)[0][0] == 250        # one may overshoot
    code, lines = lmtp("MAIL FROM:<a@b>"), None
    code, lines = lmtp(f"RCPT TO:<{user}@localhost>")
    assert code == 452 and lines[0].startswith("4.2.2 ")
    assert demo.tool("deliver", "-q", user, input=b"Subject: forced\n\nx\n").returncode == 0
    assert len(inbox(demo, user)) == 2


@pytest.mark.parametrize("command,code", [
    ("MAIL FROM:a b c", 555), ("MAIL TO:<x>", 501), ("MAIL FROM:<a@b", 501), ("RCPT TO:<x>", 503),
    ("BOGUS", 500), ("", 500), ("LHLO", 501), ("DATA now", 501), ("VRFY x", 252), ("HELP", 214),
    ("MAIL FROM:<" + "x" * 2000 + "@y>", 501), ("X" * 6000, 500),
])
def test_bad_commands(demo, command, code):
    lmtp = Lmtp(demo)
    assert lmtp(command)[0] == code
    assert lmtp("NOOP")[0] == 250


def test_commands_before_lhlo(demo):
    assert Lmtp(demo, hello=False)("MAIL FROM:<a@b>")[0] == 503


def test_too_many_errors_close_the_connection(demo):
    lmtp = Lmtp(demo)
    with pytest.raises((EOFError, ConnectionError, BrokenPipeError)):
        for _ in range(1000):
            lmtp("BOGUS")


def test_client_that_vanishes_leaves_nothing(demo):
    user = demo.user()
    for size in (10, 400_000):
        lmtp = Lmtp(demo)
        lmtp("MAIL FROM:<a@b>")
        lmtp(f"RCPT TO:<{user}>")
        lmtp("DATA")
        lmtp.put(b"Subject: x\r\n\r\n" + b"y" * 70 + b"\r\n" + (b"z" * 78 + b"\r\n") * (size // 80))
        lmtp.sock.shutdown(socket.SHUT_RDWR)
        lmtp.sock.close()
    stage = demo.dir / "spool/stage"
    end = time.monotonic() + 20
    while [p for p in stage.iterdir() if len(p.name) == 32] and time.monotonic() < end:
        time.sleep(0.05)
    assert not [p for p in stage.iterdir() if len(p.name) == 32]
    assert inbox(demo, user) == []


def test_large_message(demo):
    user = demo.user()
    body = MESSAGE % b"large" + (b"0123456789" * 7 + b"\r\n") * 200_000
    assert Lmtp(demo, unix=True).transaction(user, data=body)[0][0] == 250
    client = demo.imap(user)
    client.select("INBOX")
    got = client.fetch("1", "(BODY.PEEK[])")[1][0][1]
    client.logout()
    assert got.endswith(body)


def test_deliver_exit_codes(demo):
    user = demo.user()
    assert demo.tool("deliver", user, input=b"From x y\nSubject: s\n\nhello\n").returncode == 0
    assert inbox(demo, user)[0].endswith(b"Subject: s\r\n\r\nhello\r\n")
    gone = demo.tool("deliver", "nobody.here", input=b"Subject: s\n\nx\n", capture_output=True)
    assert gone.returncode == 67 and b"User unknown" in gone.stderr
    for wrong in (["-z"], ["-E", "soon"], ["-l", "x"], ["-E", "3", "x"]):
        assert demo.tool("deliver", *wrong, input=b"", stderr=subprocess.DEVNULL).returncode == 64
    # "-m" and users missing: "the mailbox of the invoker", who has none here.
    me = demo.tool("deliver", input=b"Subject: s\n\nx\n", capture_output=True)
    assert me.returncode == 67 and me.stderr.decode().startswith(getpass.getuser() + ": ")
    assert demo.tool("deliver", "-F", "flagged", "-F", "seen", user, input=b"Subject: f\n\nx\n").returncode == 0
    client = demo.imap(user)
    client.select("INBOX", readonly=True)
    flags = client.fetch("2", "(FLAGS)")[1][0]
    client.logout()
    assert b"\\Flagged" in flags and b"\\Seen" in flags


def test_deliver_prunes_duplicates(demo):
    """deliver -E days: the book's crontab, "0 2 * * * /usr/cyrus/bin/deliver -E 3"."""
    user = demo.user()
    mail = b"Message-ID: <prune@example.org>\nSubject: s\n\nx\n"
    for days, count in ((None, 1), (3, 1), (0, 2)):
        if days is not None:
            r = demo.tool("deliver", "-E", str(days), capture_output=True)
            assert (r.returncode, r.stdout, r.stderr) == (0, b"", b"")
        assert demo.tool("deliver", user, input=mail).returncode == 0
        assert len(inbox(demo, user)) == count


def test_deliver_to_folders_and_as_somebody(demo):
    user = demo.user()
    owner = demo.imap(user)
    owner.create("INBOX.work")
    assert demo.tool("deliver", "-m", "work", user, input=b"Subject: a\n\nx\n").returncode == 0
    assert demo.tool("deliver", "-a", user, "-m", "work", user, input=b"Subject: b\n\nx\n").returncode == 0
    owner.logout()
    assert len(inbox(demo, user)) == 1
    assert len(inbox(demo, user, "INBOX.work")) == 1


class Listener(threading.Thread):
    """Says yes to one client, and keeps what it hears after DATA."""

    def __init__(self, path):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.message = b""
        self.start()

    def run(self):
        peer = self.socket.accept()[0].makefile("rwb")
        peer.write(b"220 here\r\n")
        peer.flush()
        for line in peer:
            data = line.startswith(b"DATA")
            peer.write(b"354 go on\r\n" if data else b"250 yes\r\n")
            peer.flush()
            if data:
                self.message = peer.read()


@pytest.mark.parametrize("short", range(4))
def test_deliver_half_a_message(tmp_path, short):
    """What cannot be read to its end is not delivered, however full the buffer is."""
    listener = Listener(tmp_path / "lmtp")
    (tmp_path / "imapd.conf").write_text(f"configdirectory: {tmp_path}\nlmtpsocket: {tmp_path}/lmtp\n")
    ours, theirs = socket.socketpair()
    theirs.sendall(b"?")		# not read by us: they get ECONNRESET at the end
    ours.setblocking(False)
    assert ours.send(b"x" * (65534 - short) + b"\n") == 65535 - short
    ours.close()
    done = subprocess.run([BUILD / "imap/lmtpd/deliver", "-C", tmp_path / "imapd.conf", "joe"],
                          stdin=theirs, capture_output=True)
    theirs.close()
    listener.join(30)
    assert done.returncode == 75 and b"stdin" in done.stderr
    assert not listener.message.endswith(b"\r\n.\r\n")
