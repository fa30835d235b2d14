"""What FETCH responses say of annotations (RFC 5257), as Python values."""
import re

TOKEN = re.compile(rb'"((?:[^"\\]|\\.)*)"|~?\{(\d+)\}\r\n|([()])|([^\s()"{}]+)| +', re.S)


def lists(data, at):
    """The parenthesized list at AT as a list of bytes, None and lists."""
    stack = [[]]
    while True:
        m = TOKEN.match(data, at)
        at = m.end()
        if m[2] is not None:
            stack[-1].append(data[at:at + int(m[2])])
            at += int(m[2])
        elif m[1] is not None:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", m[1], flags=re.S))
        elif m[3] == b"(":
            stack.append([])
        elif m[3] == b")":
            done = stack.pop()
            if len(stack) == 1:
                return done
            stack[-1].append(done)
        elif m[4] is not None:
            stack[-1].append(None if m[4] == b"NIL" else m[4])


def annotations(reply):
    """{number or UID: {entry: {attribute: value}}}; a response that only names what has
    changed: {number: [entry]}."""
    found = {}
    for line in reply.untagged:
        m = re.match(rb"(\d+) (?:UID)?FETCH \(", line)
        at = line.find(b"ANNOTATION (") if m else -1
        if at < 0:
            continue
        got = lists(line, at + len(b"ANNOTATION "))
        assert int(m[1]) not in found, reply
        if any(isinstance(x, list) for x in got):
            found[int(m[1])] = {entry.decode(): {k.decode(): v for k, v in zip(atts[::2], atts[1::2])}
                                for entry, atts in zip(got[::2], got[1::2])}
        else:
            found[int(m[1])] = [x.decode() for x in got]
    return found
