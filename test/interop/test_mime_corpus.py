"""imap/mime against Python's email package, on real and on odd messages.

Every message of a corpus is read by both (test/interop/mimedump is ours):
part tree, types, parameters, sizes, line counts, decoded bytes and text,
ENVELOPE.  Where Python is not right, or the two may differ, EXCEPTIONS says
which message, in what, and why; an exception that is no longer needed fails.

Corpora are Debian packages, unpacked or installed; a missing one is skipped.
"""
import email
import email.header
import email.policy
import email.utils
import glob
import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", os.getcwd()))
MIMEDUMP = BUILD / "test" / "interop" / "mimedump"
FUZZ_MIME = BUILD / "test" / "fuzz" / "fuzz_mime"

CORPORA = {
    "libpython3.11-testsuite":
        "/usr/lib/python3.11/test/test_email/data/msg_*.txt",
    "spamassassin":
        "/usr/share/doc/spamassassin/examples/sample-*.txt",
    "golang-github-jhillyerd-enmime-dev":
        "/usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/**/*.raw",
}
FILES = [pytest.param(package, pathlib.Path(name), id=f"{package}:{pathlib.Path(name).name}")
         for package, pattern in CORPORA.items()
         for name in sorted(glob.glob(pattern, recursive=True))]

# (message, why the two differ there): in what.
SAME = "an inner multipart has the outer one's boundary: for us it is the inner one's"
EMPTY = "a delimiter right after a delimiter: for us an empty part, Python skips it"
OPEN = "no last delimiter: Python takes the final line end for a delimiter's"
EXCEPTIONS = {
    ("msg_15.txt", SAME): ["type", "parts", "params", "encoding", "size",
                           "disposition", "bytes"],
    ("msg_37.txt", EMPTY): ["type", "parts", "params", "size", "lines", "leaves"],
    ("msg_39.txt", SAME): ["type", "parts", "params", "id", "description", "encoding",
                           "leaves"],
    ("epilogue-sample.raw", OPEN): ["size", "lines"],
    ("multimixed-no-closing-boundary.raw", OPEN): ["size", "lines", "bytes"],
    ("mime-bad-content-transfer-encoding.raw",
     "plain text labelled base64: Python gives it back when its length is wrong"):
        ["bytes"],
    ("bad-header-wrap.raw", "a Content-Type broken without folding: Python ends the header"):
        ["params", "disposition", "size", "bytes"],
    ("msg_29.txt", "the pieces of a parameter (RFC 2231) are put together in BODYSTRUCTURE"): ["params"],
    ("mime-bad-content-type.raw", "no semicolon after the type"): ["type", "params"],
    ("mime-blank-media-name.raw", "no semicolon after the type"): ["type", "params"],
    ("missing-closing-param-quote.raw",
     "a quote that nobody closes is for Python part of the value"): ["params"],
}


# What IMAP sends: an independent reader of RFC 3501 section 9's grammar.

TOKEN = re.compile(rb'\(|\)|"((?:[^"\\\r\n\x80-\xff\x00]|\\["\\])*)"|\{(\d+)\}\r\n|NIL|\d+| ')


def read_list(data):
    stack, at = [[]], 0
    while at < len(data):
        m = TOKEN.match(data, at)
        assert m, f"not IMAP: {data[at:at + 40]!r}"
        token, at = m.group(), m.end()
        if token == b"(":
            stack.append([])
        elif token == b")":
            done = stack.pop()
            stack[-1].append(done)
        elif token == b"NIL":
            stack[-1].append(None)
        elif m.group(1) is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m.group(1)))
        elif m.group(2) is not None:
            n = int(m.group(2))
            literal, at = data[at:at + n], at + n
            assert len(literal) == n and b"\0" not in literal
            stack[-1].append(literal)
        elif token != b" ":
            stack[-1].append(int(token))
    assert len(stack) == 1 and len(stack[0]) == 1
    return stack[0][0]


def dump(path):
    out = subprocess.run([MIMEDUMP, path], check=True, capture_output=True).stdout
    blocks, at = [], out.index(b"\n") + 1
    while at < len(out):
        end = out.index(b"\n", at)
        what, n = out[at:end].decode().split()
        blocks.append((what, out[end + 1:end + 1 + int(n)]))
        at = end + 1 + int(n) + 1
    return blocks


# The two trees in one form: dicts of what is comparable.

def lower(s):
    return s.lower().decode("latin1") if isinstance(s, bytes) else s


def ours_params(params):
    params = params or []
    return sorted((lower(n), v.decode("latin1"))
                  for n, v in zip(params[::2], params[1::2]))


def ours(s):
    if isinstance(s[0], list):
        n = next(i for i, x in enumerate(s) if not isinstance(x, list))
        return {"type": "multipart/" + lower(s[n]), "params": ours_params(s[n + 1]),
                "disposition": lower(s[n + 2][0]) if s[n + 2] else None,
                "children": [ours(c) for c in s[:n]]}
    part = {"type": lower(s[0]) + "/" + lower(s[1]), "params": ours_params(s[2]),
            "id": s[3], "description": s[4], "encoding": lower(s[5]),
            "size": s[6], "children": []}
    rest = s[7:]
    if part["type"] == "message/rfc822":
        part["envelope"], part["children"] = rest[0], [ours(rest[1])]
        rest = rest[2:]
    if part["type"].startswith("text/") or part["children"]:
        part["lines"], rest = rest[0], rest[1:]
    assert len(rest) == 4, "md5, disposition, language, location"
    part["disposition"] = lower(rest[1][0]) if rest[1] else None
    return part


def children(msg):
    """
    Where we mean to differ in all messages: a multipart without a part has
    one, all of its body; only message/rfc822 is taken apart, Python tries it
    with every message/*.
    """
    kind = msg.get_content_type()
    if not msg.is_multipart():
        if kind.startswith("multipart/") and has_boundary(msg):
            text = email.message.Message()
            text.set_payload("")
            return [text]
        return []
    if kind.startswith("message/") and kind != "message/rfc822":
        return []
    return msg.get_payload()


def has_boundary(msg):
    return bool(msg.get_boundary())


def raw(text):
    return text.encode("ascii", "surrogateescape")


def field(msg, name):
    """The first field NAME as sent, unfolded; None: absent."""
    value = next((v for n, v in msg.raw_items() if n.lower() == name), None)
    if value is None:
        return None
    return re.sub(rb"\r?\n", b"", raw(str(value))).strip(b" \t\r\n")


def theirs_params(msg, default, default_is_text):
    """As sent: RFC 2231 pieces are not joined."""
    value = field(msg, "content-type")
    if value is None or default:
        return [("charset", "us-ascii")] if default_is_text else []
    m = email.message.Message()
    m["content-type"] = value.decode("latin1")
    items = email.message._parseparam(";" + value.decode("latin1"))[1:]
    pairs = (re.split(r"\s*=\s*", i, maxsplit=1) for i in items if "=" in i)
    return sorted((n.strip().lower(), email.utils.unquote(v.strip()))
                  for n, v in pairs)


def theirs(msg):
    value = field(msg, "content-type")
    kind = msg.get_content_type()
    default = (value is None or re.match(rb"[^/;]+/[^;/\s]", value) is None)
    if kind.startswith("multipart/") and not has_boundary(msg):
        kind, default = "text/plain", True
    part = {"type": kind, "params": theirs_params(msg, default, kind.startswith("text/"))}
    dsp = field(msg, "content-disposition")
    part["disposition"] = lower(dsp.split(b";")[0].strip()) if dsp else None
    if kind.startswith("multipart/"):
        part["children"] = [theirs(c) for c in children(msg)]
        return part
    part["id"] = field(msg, "content-id") or None
    part["description"] = field(msg, "content-description") or None
    part["encoding"] = lower(field(msg, "content-transfer-encoding") or b"7bit")
    part["children"] = [theirs(c) for c in children(msg)]
    if part["children"]:
        part["envelope"] = envelope(msg.get_payload()[0])
    elif not msg.is_multipart() and msg._payload != "":
        body = raw(msg._payload or "")
        part["size"] = len(body)
        if kind.startswith("text/"):
            part["lines"] = body.count(b"\n")
    return part


def plain(name):
    """Unfolded, one space between words."""
    return re.sub(r"\s+", " ", name)


def getaddresses(values):
    try:        # Pythons since CVE-2023-27043 give up on a whole list by default
        return email.utils.getaddresses(values, strict=False)
    except TypeError:
        return email.utils.getaddresses(values)


def addresses(msg, *names):
    for name in names:
        values = [re.sub(r"\r?\n", "", str(v)) for n, v in msg.raw_items() if n.lower() == name]
        if name not in ("to", "cc", "bcc"):
            values = values[:1]
        found = [(plain(n), a) for n, a in getaddresses(values) if n or a]
        if found:
            return found
    return []


def envelope(msg):
    return {"date": field(msg, "date"), "subject": field(msg, "subject"),
            "from": addresses(msg, "from"), "sender": addresses(msg, "sender", "from"),
            "reply-to": addresses(msg, "reply-to", "from"), "to": addresses(msg, "to"),
            "cc": addresses(msg, "cc"), "bcc": addresses(msg, "bcc"),
            "in-reply-to": field(msg, "in-reply-to"),
            "message-id": field(msg, "message-id")}


def ours_envelope(s):
    def text(b):
        return b.decode("ascii", "surrogateescape") if b else ""

    def people(items):
        found = []
        for name, _, local, host in items or []:
            if host is not None:
                address = text(local) + ("@" + text(host) if host else "")
                found.append((plain(text(name)), address))
        return found
    keys = ("date", "subject", "from", "sender", "reply-to", "to", "cc", "bcc",
            "in-reply-to", "message-id")
    return {k: people(v) if k in keys[2:8] else v for k, v in zip(keys, s)}


class Differences(dict):
    def note(self, aspect, here, there):
        if here != there and aspect not in self:
            self[aspect] = f"{aspect}:\n  ours   {here!r}\n  python {there!r}"


def compare(a, b, found):
    found.note("type", a["type"], b["type"])
    found.note("parts", len(a["children"]), len(b["children"]))
    for key in ("params", "disposition", "id", "description", "encoding", "size", "lines"):
        if key in a and key in b:
            found.note(key, a[key], b[key])
    if "envelope" in a and "envelope" in b:
        compare_envelopes(ours_envelope(a["envelope"]), b["envelope"], found)
    for c, d in zip(a["children"], b["children"]):
        compare(c, d, found)


def compare_envelopes(a, b, found):
    for key in a:
        found.note("envelope " + key, a[key], b[key])


def leaves(msg):
    parts = children(msg)
    for part in parts:
        yield from leaves(part)
    if not parts:
        yield msg


def lines(text):
    """Lines without trailing white space (quoted-printable) and line ends."""
    return [l.rstrip() for l in text.replace("\r\n", "\n").split("\n")]


def compare_leaves(msg, blocks, found):
    data = [b for what, b in blocks if what == "BYTES"]
    texts = [b for what, b in blocks if what == "TEXT"]
    parts = list(leaves(msg))
    if len(parts) != len(data):
        found.note("leaves", len(data), len(parts))
        return
    for part, body, text in zip(parts, data, texts):
        if part.is_multipart() or part._payload == "":
            continue
        encoding = lower(field(part, "content-transfer-encoding") or b"7bit")
        if encoding not in ("7bit", "8bit", "binary", "base64", "quoted-printable", "x-uuencode"):
            found.note("unknown encoding", body, b"")
            continue
        wanted = part.get_payload(decode=True)
        if encoding == "quoted-printable":
            found.note("bytes", lines(body.decode("latin1")), lines(wanted.decode("latin1")))
        else:
            found.note("bytes", body, wanted)
        charset = part.get_content_charset() or "us-ascii"
        if charset in ("iso-8859-1", "latin1"):     # as browsers and mail clients do
            charset = "cp1252"
        if part.get_content_maintype() == "text":
            try:
                text_wanted = body.decode(charset)
            except (LookupError, UnicodeDecodeError):
                continue
            found.note("text", text.decode(), text_wanted)


def subject(msg):
    value = field(msg, "subject")
    if value is None:
        return ""
    parts = email.header.decode_header(value.decode("ascii", "replace"))
    return "".join(p if isinstance(p, str) else p.decode(c or "ascii", "replace")
                   for p, c in parts)


def differences(content, path):
    path.write_bytes(content)
    blocks = dump(path)
    block = dict(reversed(blocks))
    msg = email.message_from_bytes(content)
    found = Differences()
    compare(ours(read_list(block["BODYSTRUCTURE"])), theirs(msg), found)
    read_list(block["BODY"])
    compare_envelopes(ours_envelope(read_list(block["ENVELOPE"])), envelope(msg), found)
    if raw(str(field(msg, "subject"))).isascii():
        found.note("subject", block["SUBJECT"].decode(), subject(msg))
    compare_leaves(msg, blocks, found)
    return found


@pytest.mark.parametrize("package", CORPORA)
def test_corpus_is_there(package):
    if not any(p.values[0] == package for p in FILES):
        pytest.skip(f"apt-get install {package}")


@pytest.mark.parametrize("line_end", [b"\r\n", b"\n"], ids=["crlf", "lf"])
@pytest.mark.parametrize("package, path", FILES)
def test_agrees_with_python(package, path, line_end, tmp_path):
    content = re.sub(rb"\r?\n", line_end, path.read_bytes())
    found = differences(content, tmp_path / "message")
    expected = {a for (name, _), aspects in EXCEPTIONS.items()
                if name == path.name for a in aspects}
    unexpected = [v for k, v in found.items() if k not in expected]
    assert not unexpected, "\n".join(unexpected)
    if line_end == b"\r\n":
        assert not expected - set(found), "an exception that is not needed"


@pytest.mark.parametrize("package", CORPORA)
def test_invariants(package, tmp_path):
    """The fuzz target's checks hold for every message, and for every one cut short."""
    names = []
    for p in FILES:
        if p.values[0] != package:
            continue
        content = p.values[1].read_bytes()
        for i, n in enumerate({len(content) * k // 16 for k in range(17)}):
            names.append(tmp_path / f"{p.values[1].name}.{i}")
            names[-1].write_bytes(content[:n])
    if not names:
        pytest.skip(f"apt-get install {package}")
    run = subprocess.run([FUZZ_MIME, *names], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-1000:]
