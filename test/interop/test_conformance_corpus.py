"""Whatever a message is, the answer to FETCH fits the grammar.

Corpora of real messages, and messages made by chance from the pieces that
parsers stumble over, all through strict_imap; and what must hold between the
answers: BODY[] is HEADER and TEXT, parts have the octets that BODYSTRUCTURE
says, BODY is BODYSTRUCTURE without its extensions, partial fetches are slices.
"""
import gzip
import pathlib
import random

import pytest

from conformance import fresh

CORPORA = [("/usr/lib/python3.11/test/test_email/data", "*.txt"),
           ("/usr/share/doc/spamassassin/examples", "sample-*.txt*")]
ITEMS = ("(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE BODY.PEEK[] "
         "BODY.PEEK[HEADER] BODY.PEEK[TEXT] RFC822.HEADER BODY.PEEK[HEADER.FIELDS (To Subject)] "
         "BODY.PEEK[HEADER.FIELDS.NOT (Received)] BODY.PEEK[1.MIME] BODY.PEEK[1] UID)")
NAMES = ["From", "To", "Cc", "Bcc", "Sender", "Reply-To", "Subject", "Date", "Message-ID", "In-Reply-To",
         "Content-Type", "Content-Disposition", "Content-Transfer-Encoding", "Content-ID", "Content-Language",
         "Content-Description", "Content-Location", "Content-MD5", "MIME-Version", "X", "", "a b", "\xe9"]
VALUES = ["", " ", '"', '""', '"a\\', "\\", "()", "(", ")", "<>", "<", ">", "@", ",", ";", ":", "a@b", "<a@b>",
          "x: ;", "x: a@b, c@d;", '"q\\"q" <a@b>', "=?utf-8?q?=C3=A4?=", "=?utf-8?b?////?=", "\xe4\xf6\xfc", "NIL",
          "nil", "{5}", "{5}\r\n 12345", "%", "*", "]", "text/plain", "text", "/", "text/", "/plain", "text/plain;",
          "text/plain; charset", "text/plain; charset=", 'text/plain; charset="', "text/plain; a=b; a=c;;; =d",
          "multipart/mixed", "multipart/mixed; boundary=", 'multipart/mixed; boundary="x"',
          "multipart/alternative; boundary=y", "multipart/digest; boundary=z", "message/rfc822", "message/partial",
          "message/delivery-status", "image/png; name*0*=utf-8''%C3%A4; name*1=b", "attachment; filename=\xe4",
          "attachment; filename*=utf-8''%", "en, de", "en;;", "base64", "quoted-printable", "x-\xff", "7bit 8bit",
          "a\r\n b\r\n\tc", "\t", "\x01\x7f", "Mon, 99 Foo 0000 25:61:61 +9999", "x" * 2000, '"' * 50,
          "a\r\n \r\n b", "<a@b", "(((((((((((", "@a,@b:c@d", "<@a,@b:c@d>", "a b c <d e @ f g>"]
BODIES = ["", "\r\n", "text\r\n", "--x\r\n", "--x--\r\n", "--x\r\n\r\npart\r\n--x--\r\n", "--y\r\n", "--y--",
          "--z\r\n\r\nSubject: s\r\n\r\nt\r\n--z--\r\n", "--x\r\nContent-Type: message/rfc822\r\n\r\n",
          "--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\na\r\n--y\r\n\r\nb", "\xff\xfe\r\n",
          "a\rb\r\n", "--x \t\r\n", " --x\r\n", "--xx\r\n", "--x", "A" * 1500 + "\r\n", "From x\r\n", ".\r\n"]


def entity(r, depth):
    """A header and a body that mostly belongs to it."""
    head = [f"{r.choice(NAMES)}{r.choice([':', ': ', ': ', ' : ', ''])}{r.choice(VALUES)}\r\n"
            for _ in range(r.randrange(8))]
    kind = r.randrange(6) if depth < 5 else 5
    if kind < 3:
        boundary = r.choice("xyz")
        subtype = r.choice(["mixed", "alternative", "digest", "signed", "x-odd"])
        head.insert(0, f'Content-Type: multipart/{subtype}; boundary="{boundary}"\r\n')
        body = r.choice(["", "preamble\r\n", "\r\n"])
        for _ in range(r.randrange(4)):
            body += f"--{boundary}{r.choice(['', '', ' ', 'y'])}\r\n{entity(r, depth + 1)}\r\n"
        body += r.choice([f"--{boundary}--\r\n", f"--{boundary}--", "", f"--{boundary}--\r\nepilogue\r\n"])
    elif kind == 3:
        head.insert(0, r.choice(["Content-Type: message/rfc822\r\n", "Content-Type: Message/RFC822; a=b\r\n",
                                 "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n"]))
        body = entity(r, depth + 1)
    else:
        body = "".join(r.choice(BODIES) for _ in range(r.randrange(5)))
    if r.randrange(3) == 0:
        r.shuffle(head)
    return "".join(head) + r.choice(["\r\n", "\r\n", "\r\n", "\r\n", ""]) + body


def made(seed):
    return entity(random.Random(seed), 0).encode("latin-1") or b"\r\n"


def corpus():
    for folder, pattern in CORPORA:
        for path in sorted(pathlib.Path(folder).glob(pattern)):
            data = path.read_bytes()
            yield gzip.decompress(data) if path.suffix == ".gz" else data


def parts(structure, number=""):
    """(part number, structure) of all parts as BODY[...] names them."""
    if "parts" in structure:
        for i, p in enumerate(structure["parts"], 1):
            yield from parts(p, f"{number}.{i}" if number else str(i))
        return
    number = number or "1"
    yield number, structure
    inner = structure.get("body")
    if inner is not None:
        yield from parts(inner, number if "parts" in inner else number + ".1")


def without_extensions(s):
    if "parts" in s:
        return {"parts": [without_extensions(p) for p in s["parts"]], "type": s["type"],
                "subtype": s["subtype"]}
    out = {k: v for k, v in s.items() if k not in ("md5", "disposition", "language", "location")}
    if "body" in out:
        out["body"] = without_extensions(out["body"])
    return out


def check(c, message):
    c.append(message)
    c.ok("NOOP")
    n = len(c.view.uids)
    got = c.fetch(n, ITEMS)[n]
    whole = got["BODY[]"]
    assert got["RFC822.SIZE"] == len(whole)
    assert got["BODY[HEADER]"] + got["BODY[TEXT]"] == whole
    assert got["RFC822.HEADER"] == got["BODY[HEADER]"]
    assert got["BODY"] == without_extensions(got["BODYSTRUCTURE"])
    found = list(parts(got["BODYSTRUCTURE"]))
    for number, structure in found[:20]:
        part = c.fetch(n, f"(BODY.PEEK[{number}] BODY.PEEK[{number}.MIME] BODY.PEEK[{number}]<1.7>)")[n]
        data = part[f"BODY[{number}]"]
        assert len(data) == structure["octets"], number
        assert part[f"BODY[{number}]<1>"] == data[1:8]
        if "lines" in structure:
            assert structure["lines"] in (data.count(b"\n"), data.count(b"\n") + 1), number
        if "body" in structure:
            inner = c.fetch(n, f"(BODY.PEEK[{number}.HEADER] BODY.PEEK[{number}.TEXT])")[n]
            assert inner[f"BODY[{number}.HEADER]"] + inner[f"BODY[{number}.TEXT]"] == data
    assert n in c.search(f"{n} LARGER {len(whole) - 1} SMALLER {len(whole) + 1}")
    c.search(f'{n} TEXT "x" OR FROM a SUBJECT "="')


def test_real_messages(server):
    c, count = fresh(server), 0
    for message in corpus():
        check(c, message.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
        count += 1
    if not count:
        pytest.skip("no corpus is installed")


@pytest.mark.parametrize("block", range(8))
def test_made_messages(server, block):
    c = fresh(server)
    for seed in range(block * 100, block * 100 + 100):
        message = made(seed)
        try:
            check(c, message)
        except Exception as e:
            raise AssertionError(f"seed {seed}: {message!r}: {e}") from e
