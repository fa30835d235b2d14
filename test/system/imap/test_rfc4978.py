"""COMPRESS=DEFLATE (RFC 4978)."""
import random
import zlib

import pytest

from deflated import Deflated, deflate

MESSAGE = b"From: a@example.org\r\nSubject: s\r\n\r\n" + b"The same line again and again.\r\n" * 2000


@pytest.fixture
def c(imap):
    return deflate(imap)


def caps(c):
    return c.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).split()


def test_1_advertised_after_login(imap, server):
    assert b"COMPRESS=DEFLATE" in caps(imap)
    early = server.connect()
    assert b"COMPRESS=DEFLATE" not in early.greeting
    early.close()


def test_3_not_before_login(server):
    c = server.connect()
    assert c.cmd("COMPRESS DEFLATE").status == "BAD"
    c.close()


def test_3_works(c):
    c.ok("NOOP")
    c.ok("SELECT INBOX")


def test_3_only_once(c):
    """"... the server MUST reject it with NO [COMPRESSIONACTIVE]"."""
    r = c.cmd("COMPRESS DEFLATE")
    assert (r.status, r.code) == ("NO", "COMPRESSIONACTIVE")
    assert b"COMPRESS=DEFLATE" not in caps(c)


@pytest.mark.parametrize("algorithm", ["GZIP", "LZ4", "DEFLATED"])
def test_3_unknown_algorithm(imap, algorithm):
    assert imap.cmd("COMPRESS " + algorithm).status == "NO"
    deflate(imap).ok("NOOP")


@pytest.mark.parametrize("args", ["", " ", " DEFLATE ", " (DEFLATE)", " DEFLATE DEFLATE"])
def test_5_grammar(imap, args):
    assert imap.cmd("COMPRESS" + args).status == "BAD"
    imap.ok("NOOP")


def test_5_in_any_case(imap):
    imap.ok("compress Deflate")


def test_3_large_both_ways(c):
    """A message compresses well in both directions, and is what it was."""
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")
    before = c.sock.raw_in, c.sock.raw_out
    assert c.ok("FETCH 1 BODY.PEEK[]").find(rb"(?s)\r\n(From: .*)\)$").group(1) == MESSAGE
    assert c.sock.raw_in - before[0] < len(MESSAGE) // 20
    assert before[1] < len(MESSAGE) // 20


def test_3_what_does_not_compress(c):
    noise = random.Random(1).randbytes(400000).hex().encode()
    lines = b"\r\n".join(noise[i:i + 76] for i in range(0, len(noise), 76))
    c.append("INBOX", b"A: b\r\n\r\n" + lines)
    c.ok("SELECT INBOX")
    assert c.ok("FETCH 1 BODY.PEEK[TEXT]").find(rb"(?s)\r\n(.*)\)$").group(1) == lines


def test_4_stored_blocks(imap):
    """A client may send blocks that are not compressed."""
    c = deflate(imap, level=0)
    c.append("INBOX", MESSAGE)
    c.ok("SELECT INBOX")


def test_4_byte_by_byte(c):
    z = c.sock
    raw = z.out.compress(b"x NOOP\r\n") + z.out.flush(zlib.Z_SYNC_FLUSH)
    for i in range(len(raw)):
        z.sock.sendall(raw[i:i + 1])
    assert c.wait("x").status == "OK"


def test_4_pipelined_commands_in_one_block(c):
    c.send(b"".join(b"p%d NOOP\r\n" % i for i in range(500)))
    for i in range(500):
        assert c.wait(f"p{i}").status == "OK"


def test_4_full_flush_and_partial_flush(c):
    z = c.sock
    for flush in (zlib.Z_FULL_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH):
        z.sock.sendall(z.out.compress(b"y NOOP\r\n") + z.out.flush(flush))
        assert c.wait("y").status == "OK"


def test_3_data_with_the_command_are_compressed_data(imap):
    """What a client sends behind COMPRESS is not read as plain text."""
    z = zlib.compressobj(6, zlib.DEFLATED, -15)
    raw = z.compress(b"b NOOP\r\n") + z.flush(zlib.Z_SYNC_FLUSH)
    imap.send(b"a COMPRESS DEFLATE\r\n" + raw)
    assert imap.wait("a").status == "OK"
    plain, imap.file = imap.file, Deflated(imap.sock)
    imap.file.have = imap.file.inflate.decompress(plain.peek())
    assert imap.wait("b").status == "OK"
    imap.sock = imap.file


def test_3_idle(c, server, login):
    c.ok("SELECT INBOX")
    c.send(b"i IDLE\r\n")
    assert c.response().startswith(b"+")
    login().append("INBOX", MESSAGE)
    assert c.response() == b"* 1 EXISTS"
    c.send(b"DONE\r\n")
    assert c.wait("i").status == "OK"


def test_3_tls_below(server, user):
    c = server.connect()
    c.starttls(server.tls)
    c.login(user)
    deflate(c).ok("NOOP")
    c.close()


def test_4_end_of_data(c):
    """A client that ends its deflate stream has closed the connection."""
    z = c.sock
    z.sock.sendall(z.out.flush(zlib.Z_FINISH))
    assert z.readline() == b""


@pytest.mark.parametrize("junk", [b"\xff" * 100, b"a1 NOOP\r\n", b"\x00\x01\x00\x00\x00"])
def test_4_damaged_data_end_the_session(c, server, user, junk):
    c.sock.sock.sendall(junk)
    assert c.sock.readline() == b""
    server.login(user).ok("NOOP")


def test_abuse_bomb(c, server, user):
    """A thousand bytes stand for a million: read as any line that is too long."""
    z = c.sock
    z.sendall(b"x NOOP " + b"y" * 20_000_000 + b"\r\n")
    r = c.wait("x")
    assert (r.status, r.code) == ("BAD", "TOOBIG")
    c.ok("NOOP")
