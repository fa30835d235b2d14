"""LMTP by the letter: RFC 2033, 5321 (syntax), 2034, 1870 (SIZE), 2920
(PIPELINING), 3030 (BDAT), 6152 (8BITMIME), 6531 (SMTPUTF8); and what of a
message must come back over IMAP."""
import itertools
import random
import re
import socket

import pytest

from conformance import login
from strict_lmtp import Lmtp

IDS = itertools.count(1)


def mail(body=b"text\r\n", subject="x"):
    return (f"From: a@example.org\r\nSubject: {subject}\r\n"
            f"Message-ID: <lmtp{next(IDS)}@example.org>\r\n\r\n").encode() + body


@pytest.fixture
def lmtp(server):
    l = Lmtp(("127.0.0.1", server.lmtp_port))
    yield l
    l.close()


@pytest.fixture
def inbox(server, user):
    c = login(server, user)
    c.select()
    return c


def bodies(c):
    """The texts of all messages, in order."""
    c.ok("NOOP")
    if not c.view.uids:
        return []
    return [f["BODY[TEXT]"] for _, f in sorted(c.fetch("1:*", "BODY.PEEK[TEXT]").items())]


# --- LHLO, order of commands ---

def test_keywords(lmtp):
    """RFC 2033 section 5: PIPELINING, ENHANCEDSTATUSCODES and 8BITMIME SHOULD be there."""
    assert {"PIPELINING", "ENHANCEDSTATUSCODES", "8BITMIME", "SMTPUTF8", "SIZE",
            "CHUNKING"} <= set(lmtp.keywords)
    assert "BINARYMIME" not in lmtp.keywords


@pytest.mark.parametrize("word", ["HELO x", "EHLO x"])
def test_no_helo(server, word):
    """"The HELO and EHLO commands ... are replaced by LHLO"; 500 for them."""
    l = Lmtp(("127.0.0.1", server.lmtp_port), lhlo=None)
    assert l(word).code == 500
    assert l("MAIL FROM:<a@b>").code == 503
    l.lhlo()
    assert l("MAIL FROM:<a@b>").code == 250
    l.close()


def test_lhlo_is_required(server):
    l = Lmtp(("127.0.0.1", server.lmtp_port), lhlo=None)
    for line in ("MAIL FROM:<a@b>", "RCPT TO:<a@b>", "DATA"):
        assert l(line).code == 503, line
    assert l.raw(b"BDAT 6 LAST\r\nQUIT\r\n").code == 503	# these are octets, no command
    assert l("NOOP").code == 250
    assert l("LHLO").code == 501
    l.close()


def test_lhlo_again_is_a_reset(lmtp, user):
    assert lmtp.begin(user) == [250]
    lmtp.lhlo()
    assert lmtp("DATA").code == 503
    assert lmtp("RCPT TO:<x>").code == 503


@pytest.mark.parametrize("line, code", [
    ("", 500), (" ", 500), ("NOSUCH", 500), ("NOSUCH x y", 500), ("NOOP", 250), ("noop", 250),
    ("NOOP anything at all", 250), ("RSET", 250), ("RSET x", 501), ("VRFY someone", 252), ("VRFY", 501),
    ("EXPN list", 500), ("HELP", 214), ("DATA x", 501), ("DATA", 503), ("RCPT TO:<x>", 503),
    ("MAIL", 501), ("MAIL FROM", 501), ("MAIL FROM:", 501), ("MAIL TO:<x>", 501), ("MAIL FROM:<", 501),
    ("MAIL FROM:<a", 501), ("MAIL FROM:a>", 501), ("MAIL FROM:<a@>", 501), ("MAIL FROM:<@b>", 501),
    ("MAIL FROM:<a@b@c>", 501), ("MAIL FROM:<a b@c>", 501), ('MAIL FROM:<"a@c>', 501),
    ("MAIL FROM:<a@b>x", 501), ("MAIL FROM:<a@b> NOSUCH=1", 555), ("MAIL FROM:<a@b> SIZE=x", 501),
    ("MAIL FROM:<a@b> SIZE", 501), ("MAIL FROM:<a@b> BODY=9BIT", 501), ("MAIL FROM:<a@b> BODY=BINARYMIME", 501),
    ("MAIL FROM:<a@b> SMTPUTF8=1", 555), ("MAIL FROM:<a\u00e9@b>", 553),
    ("MAIL FROM:<a@b>", 250), ("mail from:<a@b>", 250), ("MAIL FROM:<>", 250), ("MAIL FROM: <a@b>", 250),
    ('MAIL FROM:<"a b"@c>', 250), ('MAIL FROM:<"a\\"b"@c>', 250), ("MAIL FROM:<@x,@y:a@b>", 250),
    ("MAIL FROM:<a@[127.0.0.1]>", 250), ("MAIL FROM:<a+b=c@d.e>", 250), ("MAIL FROM:<a@b> SIZE=100", 250),
    ("MAIL FROM:<a@b> size=100 body=8bitmime", 250), ("MAIL FROM:<a@b> BODY=7BIT", 250),
    ("MAIL FROM:<a\u00e9@b> SMTPUTF8", 250), ("MAIL FROM:<a@b> SMTPUTF8 BODY=8BITMIME SIZE=5", 250),
    ("MAIL FROM:<a@b> SIZE=99999999999999999999999999", 501), ("BDAT x", 501), ("BDAT", 501)])
def test_commands(lmtp, line, code):
    assert lmtp(line).code == code


@pytest.mark.parametrize("line, code", [
    ("RCPT", 501), ("RCPT TO", 501), ("RCPT TO:", 501), ("RCPT TO:<>", 501), ("RCPT FROM:<x>", 501),
    ("RCPT TO:<a@>", 501), ("RCPT TO:<@b>", 501), ("RCPT TO:<a b>", 501), ("RCPT TO:<no-such-user@x>", 550),
    ("RCPT TO:<no-such-user> NOSUCH=1", 555), ("RCPT TO:<us\u00e9r@x>", 553), ("RCPT TO:<../../etc>", 550),
    ("RCPT TO:<user.x>", 550), ("RCPT TO:<%s%n>", 550), ("MAIL FROM:<c@d>", 503)])
def test_recipients(lmtp, line, code):
    assert lmtp("MAIL FROM:<a@b>").code == 250
    assert lmtp(line).code == code
    assert lmtp("DATA").code == 503, "RFC 2033: \"the DATA command ... 503\" without recipients"
    assert lmtp("RSET").code == 250


def test_recipient_forms(lmtp, server, user, inbox):
    l = lmtp
    forms = [user, f"{user}@localhost", f"{user}@any.example.net", f'"{user}"@x', f"{user.upper()}@x",
             f"@relay.example.org:{user}@x"]
    assert l.begin(*forms) == [250] * len(forms)
    assert [a.code for a in l.data(mail(), len(forms))] == [250] * len(forms)
    assert len(bodies(inbox)) in (1, len(forms))


def test_one_reply_a_recipient_in_order(lmtp, server):
    """RFC 2033 section 4.2: "the server replies once for each previously
    successful RCPT command in the order that the RCPT commands were issued"."""
    a, b = server.new_user(), server.new_user()
    admin = login(server, "cyrus")
    assert lmtp.begin(a, "no-such", b, "no-such2", a) == [250, 550, 250, 550, 250]
    admin.ok(f"SETACL user.{b} cyrus x")
    admin.ok(f"DELETE user.{b}")			# between RCPT and DATA
    replies = lmtp.data(mail(), 3)
    assert [r.code for r in replies] == [250, 550, 250]
    assert replies[1].enhanced == "5.1.1"
    assert lmtp.is_silent()


def test_folder_that_goes_after_rcpt(lmtp, server):
    """The address stays good: it means the INBOX when there is no such folder, and mail that was
    accepted for it is not sent back."""
    a, b = server.new_user(), server.new_user()
    admin = login(server, "cyrus")
    for user in a, b:
        admin.ok(f"CREATE user.{user}.work")
        admin.ok(f"SETACL user.{user}.work anyone lrsp")
        admin.ok(f"SETACL user.{user}.work cyrus lrswipkxtecda")
    assert lmtp.begin(f"{a}+work", b, f"{b}+work", f"{a}+work") == [250] * 4
    admin.ok(f"DELETE user.{a}.work")
    admin.ok(f"RENAME user.{b}.work user.{b}.old")
    assert [r.code for r in lmtp.data(mail(), 4)] == [250] * 4
    for user in a, b:
        c = login(server, user)
        c.select()
        assert len(bodies(c)) in (1, 2)
    assert lmtp.is_silent()


def test_many_unknown_recipients(lmtp, user, inbox):
    """RFC 5321 section 4.5.3.1.10: refused recipients do not spoil the others; a
    421 here would keep the message in the sender's queue for ever."""
    assert lmtp("MAIL FROM:<a@b>").code == 250
    lmtp.send(b"".join(b"RCPT TO:<gone%d>\r\n" % i for i in range(300)) + b"RCPT TO:<%s>\r\n" % user.encode())
    assert lmtp.codes(301) == [550] * 300 + [250]
    assert lmtp.data(mail())[0].code == 250
    assert len(bodies(inbox)) == 1


def test_too_many_errors(lmtp):
    """Who never says anything that makes sense is shown out."""
    lmtp.send(b"WHAT\r\n" * 200)
    codes = []
    while not codes or codes[-1] != 421:
        codes.append(lmtp.answer().code)
    assert set(codes[:-1]) == {500} and len(codes) > 50
    assert lmtp.is_closed()


def test_rset_forgets(lmtp, user, inbox):
    assert lmtp.begin(user) == [250]
    assert lmtp("RSET").code == 250
    assert lmtp("RCPT TO:<x>").code == 503
    assert lmtp("DATA").code == 503
    assert lmtp.begin(user) == [250]
    assert lmtp.data(mail())[0].code == 250
    assert lmtp("DATA").code == 503, "the transaction is over"
    assert len(bodies(inbox)) == 1


def test_quit(lmtp):
    assert lmtp("QUIT").code == 221
    assert lmtp.is_closed()


# --- the message ---

DOTS = [
    (b"..\r\n", b".\r\n"), (b"...\r\n", b"..\r\n"), (b"..x\r\n", b".x\r\n"), (b".x\r\n", b"x\r\n"),
    (b"a\r\n..\r\nb\r\n", b"a\r\n.\r\nb\r\n"), (b"", b""), (b"\r\n", b"\r\n"), (b"a.\r\n", b"a.\r\n"),
    (b"a\r\n.b\r\n", b"a\r\nb\r\n"), (b"a\nb\r\n", b"a\r\nb\r\n"), (b"\n\n\r\n", b"\r\n\r\n\r\n"),
    (b"\xe4\xf6\r\n", b"\xe4\xf6\r\n"), (b"tab\there\r\n", b"tab\there\r\n"),
    (b"x" * 5000 + b"\r\n", b"x" * 5000 + b"\r\n"), (b"y" * 200_000 + b"\r\n", b"y" * 200_000 + b"\r\n")]


@pytest.mark.parametrize("sent, stored", DOTS, ids=range(len(DOTS)))
def test_dots_and_line_ends(lmtp, user, inbox, sent, stored):
    assert lmtp.begin(user) == [250]
    assert lmtp.data(mail(sent))[0].code == 250
    assert bodies(inbox) == [stored]
    assert lmtp.is_silent()


@pytest.mark.parametrize("end", [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\r\n", b"\r.\r\n",
                                 b"\r\r\n.\r"])
def test_only_crlf_dot_crlf_ends_data(lmtp, user, inbox, end):
    """Whoever takes another sequence lets mail be smuggled (CVE-2023-51764)."""
    assert lmtp.begin(user) == [250]
    assert lmtp("DATA").code == 354
    inner = b"MAIL FROM:<evil@x>\r\nRCPT TO:<" + user.encode() + b">\r\nDATA\r\nSubject: smuggled\r\n"
    lmtp.send(mail(b"before") + end + inner + b"\r\n.\r\n")
    assert lmtp.answer().code == 250
    assert lmtp.is_silent()
    texts = bodies(inbox)
    assert len(texts) == 1 and b"smuggled" in texts[0]


def test_data_one_byte_at_a_time(lmtp, user, inbox):
    lmtp.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    assert lmtp.begin(user) == [250]
    assert lmtp("DATA").code == 354
    for b in mail(b"..a\r\n.\n..\r\n") + b".\r\n":
        lmtp.send(bytes([b]))
    assert lmtp.answer().code == 250
    assert bodies(inbox) == [b".a\r\n\r\n.\r\n"]


def test_nul(lmtp, user, inbox):
    assert lmtp.begin(user, user) == [250, 250]
    replies = lmtp.data(mail(b"a\0b\r\n"), 2)
    assert [(r.code, r.enhanced) for r in replies] == [(554, "5.6.0")] * 2
    assert bodies(inbox) == []
    assert lmtp.raw(b"NO\0OP\r\n").code == 500
    assert lmtp.is_silent()


def test_long_lines(lmtp):
    assert lmtp("NOOP " + "x" * 505).code == 250
    assert lmtp("MAIL FROM:<" + "a" * 2000 + "@b>").code == 501
    assert lmtp("NOOP " + "x" * 100_000).code == 500
    assert lmtp.is_silent()


def test_trace_fields(lmtp, server, user, inbox):
    """RFC 5321 section 4.4: Return-Path first, then Received."""
    assert lmtp.begin(user, sender="the.sender+x@example.org") == [250]
    m = mail()
    assert lmtp.data(m)[0].code == 250
    inbox.ok("NOOP")
    got = inbox.fetch(1, "BODY.PEEK[]")[1]["BODY[]"]
    assert got.endswith(m)
    trace = got[:-len(m)].decode()
    assert trace.startswith("Return-Path: <the.sender+x@example.org>\r\n")
    received = re.sub(r"\r\n[ \t]+", " ", trace.split("\r\n", 1)[1])
    assert re.fullmatch(r"Received: from client\.example\.org \([^()]+\) by localhost \([^()]+\) with LMTP; "
                        r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n", received), received


def test_null_sender(lmtp, user, inbox):
    assert lmtp.begin(user, sender="") == [250]
    assert lmtp.data(mail())[0].code == 250
    inbox.ok("NOOP")
    got = inbox.fetch(1, "BODY.PEEK[HEADER.FIELDS (RETURN-PATH)]")[1]
    assert list(got.values())[0] == b"Return-Path: <>\r\n\r\n"


def test_smtputf8(lmtp, user, inbox):
    a = lmtp("MAIL FROM:<gr\u00fc\u00dfe@ex\u00e4mple.org> SMTPUTF8 BODY=8BITMIME")
    assert a.code == 250
    assert lmtp(f"RCPT TO:<{user}>").code == 250
    assert lmtp("RCPT TO:<gr\u00fc\u00dfe>").code == 550
    m = "Subject: gr\u00fc\u00dfe\r\nMessage-ID: <u8.1@x>\r\n\r\n\u00e4\r\n".encode()
    assert lmtp.data(m)[0].code == 250
    inbox.ok("NOOP")
    got = inbox.fetch(1, "(ENVELOPE BODY.PEEK[])")[1]
    assert got["BODY[]"].endswith(m)
    assert "with UTF8LMTP" in got["BODY[]"].decode()


# --- SIZE, PIPELINING, BDAT ---

def test_size_limit(make_server):
    server = make_server({"maxmessagesize": "10000B"})
    user = server.new_user()
    l = Lmtp(("127.0.0.1", server.lmtp_port))
    assert l.keywords["SIZE"] == ["10000"]
    a = l("MAIL FROM:<a@b> SIZE=10001")
    assert (a.code, a.enhanced) == (552, "5.3.4")
    assert l("RCPT TO:<x>").code == 503
    assert l.begin(user, parameters=" SIZE=10000") == [250]
    a, = l.data(mail(b"x" * 70 + b"\r\n" + (b"y" * 76 + b"\r\n") * 200))
    assert (a.code, a.enhanced) == (552, "5.3.4")
    assert l.begin(user) == [250]
    assert l.data(mail())[0].code == 250
    c = login(server, user)
    c.select()
    assert len(bodies(c)) == 1
    assert c.no("APPEND INBOX {10001}").code == "TOOBIG"
    l.close()


def test_pipelining(lmtp, user, inbox):
    """RFC 2920: answers in order, one each, whatever is in one packet."""
    m = mail()
    lmtp.send(b"MAIL FROM:<a@b>\r\nRCPT TO:<" + user.encode() + b">\r\nRCPT TO:<none>\r\nDATA\r\n")
    assert lmtp.codes(4) == [250, 250, 550, 354]
    lmtp.send(m + b".\r\nMAIL FROM:<a@b>\r\nRCPT TO:<none>\r\nDATA\r\nRSET\r\nNOOP\r\nQUIT\r\n")
    assert lmtp.codes(7) == [250, 250, 550, 503, 250, 250, 221]
    assert lmtp.is_closed()
    assert len(bodies(inbox)) == 1


def test_whole_session_in_one_packet(server, user, inbox):
    l = Lmtp(("127.0.0.1", server.lmtp_port), lhlo=None)
    m = mail()
    l.send(b"LHLO x\r\nMAIL FROM:<a@b>\r\nRCPT TO:<" + user.encode() + b">\r\nBDAT %d LAST\r\n" % len(m)
           + m + b"QUIT\r\n")
    assert l.answer(plain=True).code == 250
    assert l.codes(4) == [250, 250, 250, 221]
    assert len(bodies(inbox)) == 1
    l.close()


def test_bdat(lmtp, user, inbox):
    """RFC 3030: octets as they are, no dots; a reply to each chunk, and with
    LMTP one a recipient to the last."""
    body = b".\r\n..\r\n.x\r\nMAIL FROM:<z@z>\r\n"
    m = mail(body)
    assert lmtp.begin(user, user) == [250, 250]
    for part in (m[:1], m[1:2], b"", m[2:]):
        assert lmtp.raw(b"BDAT %d\r\n" % len(part) + part).code == 250
    lmtp.send(b"BDAT 0 LAST\r\n")
    assert lmtp.codes(2) == [250, 250]
    assert bodies(inbox)[0] == body
    assert lmtp("DATA").code == 503


def test_bdat_out_of_order(lmtp, user, inbox):
    assert lmtp.begin(user) == [250]
    assert lmtp.raw(b"BDAT 3\r\nabc").code == 250
    for line in ("DATA", f"RCPT TO:<{user}>", "MAIL FROM:<a@b>"):
        assert lmtp(line).code == 503, line
    assert lmtp("NOOP").code == 250
    assert lmtp("RSET").code == 250
    assert lmtp.raw(b"BDAT 4 LAST\r\nQUIT").code == 503
    assert lmtp.is_silent()
    assert lmtp.begin("no-such") == [550]
    assert lmtp.raw(b"BDAT 6 LAST\r\nQUIT\r\n").code == 503
    assert lmtp.is_silent()
    assert bodies(inbox) == []


def test_bdat_without_a_last_line_end(lmtp, user, inbox):
    assert lmtp.begin(user) == [250]
    m = mail(b"no end")
    assert lmtp.raw(b"BDAT %d last\r\n" % len(m) + m).code == 250
    assert bodies(inbox) == [b"no end\r\n"]


def test_vanished_client(server, user, inbox):
    """What was not acknowledged is not there, and nothing is left behind."""
    for tail in (b"", b".", b".\r"):
        l = Lmtp(("127.0.0.1", server.lmtp_port))
        l.begin(user)
        l("DATA")
        l.send(mail(b"half") + tail)
        l.close()
    l = Lmtp(("127.0.0.1", server.lmtp_port))
    l.begin(user)
    l.raw(b"BDAT 5\r\nhello")
    l.close()
    l = Lmtp(("127.0.0.1", server.lmtp_port))
    l.begin(user)
    assert l.data(mail(b"whole\r\n"))[0].code == 250
    assert bodies(inbox) == [b"whole\r\n"]
    l.close()


def test_duplicates(lmtp, user, inbox):
    m = mail()
    for _ in range(3):
        assert lmtp.begin(user) == [250]
        assert lmtp.data(m)[0].code == 250
    assert len(bodies(inbox)) == 1


def test_over_quota_is_temporary(lmtp, server, user, inbox):
    login(server, "cyrus").ok(f"SETQUOTA user.{user} (STORAGE 1)")
    assert lmtp.begin(user) == [250]
    assert lmtp.data(mail(b"x" * 900 + b"\r\n" + b"y" * 900 + b"\r\n"))[0].code == 250
    a = lmtp("MAIL FROM:<a@b>")
    a = lmtp(f"RCPT TO:<{user}>")
    assert (a.code, a.enhanced) == (452, "4.2.2")


def test_starttls_drops_what_was_pipelined(lmtp, server, user):
    """RFC 3207 section 4.2: nothing from before the layer is believed."""
    lmtp.send(b"STARTTLS\r\nLHLO evil\r\nMAIL FROM:<evil@x>\r\n")
    assert lmtp.answer().code == 220
    lmtp.file.close()
    lmtp.sock = server.tls.wrap_socket(lmtp.sock, server_hostname="localhost")
    lmtp.file = lmtp.sock.makefile("rb")
    assert lmtp("MAIL FROM:<a@b>").code == 503, "LHLO is needed again"
    lmtp.lhlo()
    assert "STARTTLS" not in lmtp.keywords
    assert lmtp.begin(user) == [250]
    assert lmtp.data(mail())[0].code == 250


def test_unix_socket(server, user, inbox):
    l = Lmtp(server.lmtp_path)
    assert l.begin(user) == [250]
    assert l.data(mail())[0].code == 250
    assert len(bodies(inbox)) == 1
    l.close()


def test_delivery_wakes_an_idle_session(lmtp, server, user, inbox):
    """End to end: the EXISTS of a message that LMTP has just acknowledged."""
    other = login(server, user)
    other.select()
    tags = [(c, c.begin("IDLE")) for c in (inbox, other)]
    for c, _ in tags:
        c.continuation()
    for n in range(1, 4):
        assert lmtp.begin(user) == [250]
        assert lmtp.data(mail())[0].code == 250
        for c, _ in tags:
            assert c.untagged("EXISTS")[-1].number == n
    for c, tag in tags:
        c.raw(b"DONE\r\n")
        assert c.wait(tag).status == "OK"
    assert len(inbox.fetch("1:*", "UID")) == 3


@pytest.mark.parametrize("seed", range(6))
def test_anything(server, seed):
    """Commands by chance, a third of them spoilt: one reply each, well formed,
    and what is acknowledged is there."""
    # A name of which no spoilt form is another user: "...x12" without its last is "...x1".
    r, user, good = random.Random(seed), server.new_user(prefix="only" + "abcdef"[seed]), 0
    l = Lmtp(("127.0.0.1", server.lmtp_port))
    for n in range(80):
        sender = r.choice(["<>", "<a@b>", '<"x y"@z>', "<@r:a@b>", "a@b", "<a@[::1]>"])
        parameters = r.choice(["", " SIZE=5", " BODY=8BITMIME", " SMTPUTF8", " BODY=7BIT SIZE=1"])
        lines = [f"MAIL FROM:{sender}{parameters}", f"RCPT TO:<{user}>",
                 f"RCPT TO:<{r.choice([user, 'none', user + '+x', 'bb+none', ''])}@x>", "NOOP"]
        lines = [spoilt(r, x) if r.random() < .3 else x.encode() for x in lines]
        r.random() < .2 and r.shuffle(lines)
        l.send(b"".join(x + b"\r\n" for x in lines))
        replies = l.answers(len(lines))
        accepted = sum(a.code == 250 and a.enhanced == "2.1.5" for a in replies)
        m = mail(b"chance %d\r\n" % n)
        if r.random() < .5:
            l.send(b"BDAT %d LAST\r\n" % len(m) + m)
        elif l("DATA").code == 354:
            l.send(m + b".\r\n")
        else:
            assert accepted == 0
            continue
        codes = l.codes(max(1, accepted))
        assert set(codes) == ({250} if accepted else {503}), (lines, codes)
        good += accepted > 0
        assert l("RSET").code == 250
    c = login(server, user)
    c.select()
    assert len(c.view.uids) == good, "duplicates of one message are not kept"
    l.close()


def spoilt(r, line):
    """LINE with something wrong that is no other command with octets after it."""
    i = r.randrange(len(line))
    line = line[:i] + r.choice(["", "<", ">", '"', "@", " ", "\\", "\t", "\x01", "é", ":", "="]) + line[i + r.randint(0, 1):]
    return line.encode()
