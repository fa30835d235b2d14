"""RFC 5256 in a few lines of Python, to compare the server with.

Written from the RFC's text alone and for clarity only.  A message is a dict:
seq, date, arrival, base (its base subject, folded), reply, id, refs.
"""


class Node:
    def __init__(self, msg=None):
        self.msg, self.parent, self.children = msg, None, []

    def ancestors(self):
        node = self
        while node:
            yield node
            node = node.parent

    def adopt(self, child):
        if child.parent:
            child.parent.children.remove(child)
        child.parent = self
        self.children.append(child)

    @property
    def face(self):
        """The message that a dummy is sorted and named by."""
        return self.msg or self.children[0].msg


def sent(node):
    return node.face["date"], node.face["seq"]


def link(messages):
    """Steps 1 and 2."""
    by_id, own = {}, []
    for m in messages:
        if m["id"] is None or m["id"] in by_id:
            own.append(Node(m))
        else:
            own.append(by_id.setdefault(m["id"], Node(m)))
    for m, node in zip(messages, own):
        previous = None
        for ref in m["refs"]:
            current = by_id.setdefault(ref, Node())
            if previous and not current.parent and current not in previous.ancestors():
                previous.adopt(current)
            previous = current
        if node.parent:
            node.parent.children.remove(node)
            node.parent = None
        if previous and node not in previous.ancestors():
            previous.adopt(node)
    root = Node()
    for node in list(dict.fromkeys(own + list(by_id.values()))):
        if not node.parent:
            root.adopt(node)
    return root


def prune(node, top=True):
    """Step 3."""
    for child in list(node.children):
        prune(child, False)
        if child.msg:
            continue
        if not child.children or not top or len(child.children) == 1:
            node.children.remove(child)
            for grandchild in list(child.children):
                node.adopt(grandchild)


def merge_subjects(root):
    """Steps 4 and 5."""
    for node in root.children:
        if not node.msg:
            node.children.sort(key=sent)
    root.children.sort(key=sent)
    table = {}
    subjects = {id(n): n.face["base"] for n in root.children}
    for node in root.children:
        subject = subjects[id(node)]
        if not subject:
            continue
        held = table.get(subject)
        if held is None or (held.msg and (not node.msg or (held.msg["reply"] and not node.msg["reply"]))):
            table[subject] = node
    for node in list(root.children):
        subject = subjects[id(node)]
        if not subject or table[subject] is node:
            continue
        held = table[subject]
        if not held.msg and not node.msg:
            for child in list(node.children):
                held.adopt(child)
            root.children.remove(node)
        elif not held.msg or (node.msg["reply"] and not held.msg["reply"]):
            held.adopt(node)
        else:
            dummy = Node()
            root.adopt(dummy)
            dummy.adopt(held)
            dummy.adopt(node)
            table[subject] = dummy


def sort_all(node, key=sent):
    """Step 6."""
    for child in node.children:
        sort_all(child)
    node.children.sort(key=key)


def newest(node):
    """For REFS: when the last message of the thread came."""
    own = [node.msg["arrival"]] if node.msg else []
    return max(own + [newest(c) for c in node.children])


def as_tuple(node):
    return (node.msg["seq"] if node.msg else 0, tuple(as_tuple(c) for c in node.children))


def references(messages):
    root = link(messages)
    prune(root)
    merge_subjects(root)
    sort_all(root)
    return [as_tuple(n) for n in root.children]


def refs(messages):
    root = link(messages)
    prune(root)
    sort_all(root, key=lambda n: 0)
    root.children.sort(key=lambda n: (newest(n), n.face["seq"]))
    return [as_tuple(n) for n in root.children]


def ordered_subject(messages):
    threads = {}
    for m in sorted(messages, key=lambda m: (m["date"], m["seq"])):
        threads.setdefault(m["base"], []).append(m)
    first = sorted(threads.values(), key=lambda t: (t[0]["date"], t[0]["seq"]))
    return [(t[0]["seq"], tuple((m["seq"], ()) for m in t[1:])) for t in first]


def parse(line):
    """A THREAD response's text as the same kind of tuples."""
    at = 0

    def members():
        """Behind "(": a chain of numbers, then perhaps branches."""
        nonlocal at
        chain = []
        while line[at].isdigit():
            end = at
            while line[end].isdigit():
                end += 1
            chain.append(int(line[at:end]))
            at = end + (line[end] == " ")
        branches = []
        while line[at] == "(":
            at += 1
            branches.append(members())
        assert line[at] == ")", (line, at)
        at += 1
        node = (chain.pop() if chain else 0, tuple(branches))
        while chain:
            node = (chain.pop(), (node,))
        return node

    threads = []
    while at < len(line):
        assert line[at] == "(", (line, at)
        at += 1
        threads.append(members())
    return threads
