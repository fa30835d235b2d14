"""What the conformance tests share: strict clients, mailboxes, messages."""
import itertools

from strict_imap import Client, Lit  # noqa: F401

COUNTER = itertools.count(1)
CRLF = "\r\n"


def crlf(text):
    return text.strip("\n").replace("\n", CRLF).encode() + b"\r\n"


SIMPLE = crlf("""
Date: Sat, 21 Nov 2026 10:00:00 +0100
From: Ann Example <ann@example.org>
To: bob@example.net
Subject: simple
Message-ID: <simple@example.org>
Content-Type: text/plain; charset=us-ascii

one
two
""")

# A forwarded multipart in a multipart, after the example of RFC 3501 section
# 6.4.5 that numbers the parts.
NESTED = crlf("""
From: outer@example.org
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="out"

preamble
--out
Content-Type: text/plain
Content-Description: first

first part
--out
Content-Type: application/octet-stream
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="x.bin"

AAEC
--out
Content-Type: message/rfc822

From: inner@example.org
Subject: inner
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="in"

--in
Content-Type: text/plain; charset=utf-8
Content-Language: en, de

inner plain
--in
Content-Type: text/html
Content-ID: <html@example.org>

<p>inner</p>
--in--
--out
Content-Type: message/rfc822

Subject: leaf
From: leaf@example.org

leaf text
--out--
epilogue
""")


def name(prefix="box"):
    return f"{prefix}{next(COUNTER)}"


def connect(server, tls=False):
    if tls:
        c = Client(("127.0.0.1", server.imaps_port), server.tls)
    else:
        c = Client((server.address, server.imap_port))
    server.clients.append(c)
    return c


def login(server, user):
    c = connect(server)
    c.login(user)
    c.user = user
    return c


def fresh(server, messages=0, kept=False):
    """A new user's session with INBOX selected, holding that many messages;
    kept: it outlives the test, whose `server` closes what it opened."""
    c = login(server, server.new_user())
    if kept:
        server.clients.remove(c)
    for n in range(messages):
        c.append(numbered(n + 1))
    c.select()
    return c


def numbered(n, body="text"):
    return (f"From: a{n}@example.org{CRLF}Subject: message {n}{CRLF}"
            f"Date: Sat, {n:02} Nov 2026 10:00:00 +0000{CRLF}{CRLF}{body} {n}{CRLF}").encode()


def again(c, server):
    """A second session of the user of C, with the same mailbox selected."""
    other = login(server, c.user)
    other.select()
    return other
