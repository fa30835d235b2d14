"""What is in the untagged responses of a chapar.Reply about messages."""
import re


def append(client, mailbox, message, *before):
    """APPEND with what may stand between mailbox and message; its Reply."""
    return client.cmd(" ".join(["APPEND", mailbox, *before]) + " ", message)


def numbers(reply, word):
    """The numbers in "* N WORD" responses, in order."""
    found = [re.fullmatch(rb"(\d+) " + word.encode(), u) for u in reply.untagged]
    return [int(f.group(1)) for f in found if f]


def fetches(reply):
    """The FETCH responses, as {number: contents of the parentheses}."""
    found = {}
    for line in reply.untagged:
        m = re.fullmatch(rb"(\d+) FETCH \((.*)\)", line, re.DOTALL)
        if m:
            assert int(m.group(1)) not in found, reply
            found[int(m.group(1))] = m.group(2)
    return found


def fetched(reply, number=1):
    """The contents of the only FETCH response, which is about NUMBER."""
    found = fetches(reply)
    assert list(found) == [number], reply
    return found[number]


def flags(contents):
    """The set of flags in a FETCH response's contents."""
    return set(re.search(rb"FLAGS \(([^)]*)\)", contents).group(1).split())


def literal(contents, label):
    """The literal that follows LABEL."""
    size, rest = contents.split(label + b" {", 1)[1].split(b"}\r\n", 1)
    assert len(rest) >= int(size)
    return rest[:int(size)]


def found(reply):
    """The numbers of the one SEARCH response."""
    lines = [u for u in reply.untagged if u.startswith(b"SEARCH")]
    assert len(lines) == 1, reply
    return [int(n) for n in lines[0].split()[1:]]


def numbers_of(text):
    """[2, 5, 6, 7] of "2,5:7", in the order written."""
    out = []
    for part in text.split(","):
        first, _, last = part.partition(":")
        a, b = int(first), int(last or first)
        out += range(a, b + 1) if a <= b else range(a, b - 1, -1)
    return out


def esearches(reply):
    """The ESEARCH responses, each a dict: "TAG", "UID" (bool) and the data that
    was returned; sets of numbers are lists."""
    out = []
    for line in reply.untagged:
        m = re.fullmatch(r'ESEARCH(?: \(TAG "([^"]*)"((?: [A-Z]+ (?:"[^"]*"|[^ )]+))*)\))?( UID)?(.*)',
                         line.decode())
        if not m:
            continue
        got = {"TAG": m.group(1), "UID": bool(m.group(3))}
        for name, quoted, atom in re.findall(r' ([A-Z]+) (?:"([^"]*)"|([^ )]+))', m.group(2) or ""):
            got[name] = quoted or atom
        for name, listed, one in re.findall(r" ([A-Z]+) (?:\(([^)]*)\)|([^ ]+))", m.group(4)):
            if name == "ALL":
                got[name] = numbers_of(one)
            elif name == "PARTIAL":
                span, numbers = listed.split(" ")
                got[name] = (span, [] if numbers == "NIL" else numbers_of(numbers))
            elif name in ("ADDTO", "REMOVEFROM"):
                words = listed.split(" ")
                got.setdefault("UPDATES", []).append(
                    (name, [(int(p), numbers_of(n)) for p, n in zip(words[::2], words[1::2])]))
            elif name == "RELEVANCY":
                got[name] = [int(n) for n in listed.split(" ")]
            else:
                got[name] = int(one)
        out.append(got)
    return out


def esearch(reply):
    """The one ESEARCH response's data, without TAG and UID."""
    found_all = esearches(reply)
    assert len(found_all) == 1, reply
    return {k: v for k, v in found_all[0].items() if k not in ("TAG", "UID")}


def sorted_numbers(reply):
    """The numbers of the one SORT response."""
    lines = [u for u in reply.untagged if u.startswith(b"SORT")]
    assert len(lines) == 1, reply
    return [int(n) for n in lines[0].split()[1:]]


def capabilities(client):
    return set(client.ok("CAPABILITY").find(rb"^CAPABILITY (.*)").group(1).decode().split())


def lit(data):
    """DATA as a nonsynchronizing literal."""
    return b"{%d+}\r\n%s" % (len(data), data)


def lit8(data):
    """DATA as a literal8 (RFC 3516)."""
    return b"~" + lit(data)


def value(contents, label):
    """The bytes of the string, literal or literal8 behind LABEL; None for NIL."""
    rest = contents.split(label + b" ", 1)[1]
    if rest.startswith(b"NIL"):
        return None
    if rest.startswith(b'"'):
        return re.sub(rb"\\(.)", rb"\1", re.match(rb'"((?:[^"\\]|\\.)*)"', rest).group(1))
    m = re.match(rb"~?\{(\d+)\}\r\n", rest)
    return rest[m.end():m.end() + int(m.group(1))]
