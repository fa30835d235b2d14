"""What LIST, STATUS and their like answered, as Python values."""
import re

NAME = rb'(?:"((?:[^"\\]|\\.)*)"|([^\s()]+))'


def name_of(m, group):
    return (m.group(group) if m.group(group) is not None else m.group(group + 1)).decode()


class Listed:
    """One LIST line: attributes, and what CHILDINFO says (None: nothing)."""

    def __init__(self, attributes, childinfo):
        self.attributes, self.childinfo = attributes, childinfo

    def __eq__(self, other):
        """Of a set of attributes, or of (attributes, childinfo)."""
        if isinstance(other, tuple):
            return (self.attributes, self.childinfo) == other
        return self.attributes == other and self.childinfo is None

    def __repr__(self):
        return f"{self.attributes} {self.childinfo}"


def listed(reply, word=b"LIST"):
    """{name: Listed}; each name once."""
    out = {}
    for line in reply.untagged:
        if not line.startswith(word + b" "):
            continue
        m = re.fullmatch(word + rb' \(([^)]*)\) "(.)" ' + NAME
                         + rb'(?: \("CHILDINFO" \(([^)]*)\)\))?', line)
        assert m, line
        name = name_of(m, 3)
        assert name not in out, f"{name} twice"
        info = None if m.group(5) is None else sorted(m.group(5).decode().replace('"', "").split())
        out[name] = Listed(set(m.group(1).decode().split()), info)
    return out


def status(reply):
    """{name: {item: value as text}}."""
    out = {}
    for line in reply.untagged:
        m = re.fullmatch(rb"STATUS " + NAME + rb" \((.*)\)", line)
        if m:
            out[name_of(m, 1)] = dict(re.findall(r"([A-Z-]+) (\([^)]*\)|\d+)", m.group(3).decode()))
    return out


def rights(reply):
    """{name: rights} of MYRIGHTS lines."""
    return {name_of(m, 1): m.group(3).decode()
            for m in reply.all(rb"^MYRIGHTS " + NAME + rb" (\S+)$")}


def order(reply):
    """The words that the untagged lines begin with."""
    return [line.split(b" ")[0].decode() for line in reply.untagged]


def capabilities(client):
    return set(client.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).decode().split())


def values(text):
    """entry-values between parentheses: {entry: bytes, or None for NIL}."""
    out = {}
    token = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|([^\s()"{]+))', re.S)

    def one(at):
        m = token.match(text, at)
        assert m, text[at:]
        if m.group(2):
            end = m.end() + int(m.group(2))
            return text[m.end():end], end
        if m.group(1) is not None:
            return re.sub(rb"\\(.)", rb"\1", m.group(1)), m.end()
        return None if m.group(3) == b"NIL" else m.group(3), m.end()

    at = 0
    while text[at:].strip():
        entry, at = one(at)
        assert entry.decode() not in out, f"{entry} twice"
        out[entry.decode()], at = one(at)
    return out


def metadata(reply):
    """{mailbox: {entry: value}} of METADATA lines."""
    out = {}
    for line in reply.untagged:
        m = re.fullmatch(rb"METADATA " + NAME + rb" \((.*)\)", line, re.S)
        if m:
            out.setdefault(name_of(m, 1), {}).update(values(m.group(3)))
    return out
