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
