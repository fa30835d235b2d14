"""Fifty sessions change one mailbox at once; a model knows what is legal.

Every message has a text of its own, so that any mix-up shows.  Each session
has a keyword of its own, which only it sets and removes: whatever the order
in which commands of different sessions happened, the last acknowledged change
by its owner must stand in the end.  Each session also follows the untagged
responses that it gets, as RFC 3501 section 7 has them, and must never be told
something that cannot be.
"""
import random
import re
import threading

from answers import fetches, flags, found, numbers

SESSIONS = 50
STEPS = 24
NUMBERED = ("FETCH", "STORE", "SEARCH")


def told(reply):
    """The FETCH responses with a UID, in order: (number, UID, contents)."""
    for line in reply.untagged:
        m = re.fullmatch(rb"(\d+) FETCH \((.*)\)", line, re.DOTALL)
        uid = m and re.search(rb"(?:^|\)\r\n| )UID (\d+)", m.group(2))
        if uid:
            yield int(m.group(1)), int(uid.group(1)), m.group(2)


class World:
    """What all sessions know: acknowledged appends and expunges."""

    def __init__(self):
        self.lock = threading.Lock()
        self.text = {}          # UID -> bytes of the message
        self.doomed = set()     # UIDs whose removal was asked for
        self.gone = set()       # and acknowledged
        self.keyword = {}       # (UID, keyword) -> set? as last acknowledged

    def appended(self, uid, text):
        with self.lock:
            assert uid not in self.text, f"UID {uid} was given twice"
            self.text[uid] = text


class Session:
    def __init__(self, world, client, number, seed):
        self.world, self.client, self.number = world, client, number
        self.random = random.Random(seed)
        self.keyword = f"k{number}"
        self.view = []          # UIDs by sequence number; None: not known yet
        self.removed = set()    # UIDs that this session saw go
        reply = client.ok("SELECT INBOX")
        self.follow("SELECT", reply)

    def follow(self, command, reply):
        """Applies what the server said to the view."""
        for line in reply.untagged:
            m = re.match(rb"(\d+) (EXISTS|EXPUNGE)$", line)
            if not m:
                continue
            n = int(m.group(1))
            if m.group(2) == b"EXISTS":
                assert n >= len(self.view), f"{command}: EXISTS {n} of {len(self.view)}"
                self.view += [None] * (n - len(self.view))
            else:
                assert command.split()[0] not in NUMBERED, f"EXPUNGE during {command}"
                assert 1 <= n <= len(self.view), f"{command}: EXPUNGE {n} of {len(self.view)}"
                self.removed.add(self.view.pop(n - 1))
        self.removed.discard(None)

    def run(self, command, *literals):
        reply = self.client.cmd(command, *literals)
        self.follow(command, reply)
        return reply

    def learn(self):
        """Asks for the UIDs that are not known yet and checks all of them."""
        while None in self.view:        # the answer may announce further ones
            first, last = self.view.index(None) + 1, len(self.view)
            reply = self.run(f"FETCH {first}:{last} UID")
            assert reply.status == "OK", reply
            for n, uid, _ in told(reply):
                assert self.view[n - 1] in (None, uid), f"message {n} changed its UID"
                self.view[n - 1] = uid
            assert None not in self.view[:last], f"FETCH {first}:{last} left something out"
        assert all(a < b for a, b in zip(self.view, self.view[1:])), "UIDs do not rise"
        assert not self.removed & set(self.view), "an expunged message is back"

    def append(self):
        text = (f"Subject: {self.number} {self.random.random()}\r\n\r\n"
                + "line\r\n" * self.random.randrange(200)).encode()
        reply = self.run("APPEND INBOX ", text)
        assert reply.status == "OK", reply
        self.world.appended(int(reply.code.split()[2]), text)

    def choose(self):
        self.learn()
        return self.random.choice(self.view) if self.view else None

    def store(self):
        uid = self.choose()
        if uid is None:
            return
        on = self.random.random() < 0.6
        silent = self.random.choice(["", ".SILENT"])
        reply = self.run(f"UID STORE {uid} {'+' if on else '-'}FLAGS{silent} ({self.keyword})")
        assert reply.status == "OK", reply
        with self.world.lock:
            self.world.keyword[uid, self.keyword] = on
        if not silent:
            seen = [flags(f) for _, u, f in told(reply) if u == uid]
            assert uid not in self.view or seen, f"UID STORE {uid}: no answer"
            assert not seen or (self.keyword.encode() in seen[-1]) == on, reply

    def expunge(self):
        uid = self.choose()
        if uid is None or self.random.random() < 0.5:
            return
        with self.world.lock:
            self.world.doomed.add(uid)
        assert self.run(rf"UID STORE {uid} +FLAGS.SILENT (\Deleted)").status == "OK"
        assert self.run(f"UID EXPUNGE {uid}").status == "OK"
        assert uid not in self.view
        with self.world.lock:
            self.world.gone.add(uid)

    def read(self):
        uid = self.choose()
        if uid is None:
            return
        reply = self.run(f"UID FETCH {uid} BODY.PEEK[]")
        got = [f for _, _, f in told(reply) if b"BODY[] " in f]
        with self.world.lock:
            text, doomed = self.world.text.get(uid), uid in self.world.doomed
        if not got:
            assert doomed, f"message {uid} cannot be read: {reply}"
        elif text is not None:
            assert text in got[0], f"message {uid} is another one"

    def search(self):
        self.learn()
        reply = self.run("SEARCH ALL")
        assert reply.status == "OK"
        assert set(range(1, len(self.view) + 1)) >= set(found(reply))

    def look(self):
        assert self.run("NOOP").status == "OK"
        self.learn()

    def work(self):
        steps = [self.append, self.append, self.append, self.store, self.store, self.expunge,
                 self.read, self.search, self.look]
        for _ in range(STEPS):
            self.random.choice(steps)()


def run_all(sessions):
    failures = []

    def body(session):
        try:
            session.work()
        except BaseException as e:      # shown by the test, whichever thread it was
            failures.append(f"session {session.number}: {e!r}")

    threads = [threading.Thread(target=body, args=(s,)) for s in sessions]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, "\n".join(failures)


def test_fifty_sessions(server, user):
    world = World()
    sessions = [Session(world, server.login(user), n, f"seed {n}") for n in range(SESSIONS)]
    run_all(sessions)
    last = server.login(user)
    last.ok("SELECT INBOX")
    reply = last.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])")
    got = {int(re.search(rb"UID (\d+)", f).group(1)): f for f in fetches(reply).values()}
    assert set(got) == set(world.text) - world.gone
    for uid, contents in got.items():
        assert world.text[uid] in contents
        mine = {k.encode() for (u, k), on in world.keyword.items() if u == uid and on}
        assert flags(contents) - {rb"\Recent"} == mine, uid
    # Every session has come to the same view.
    for s in sessions:
        s.look()
        assert set(s.view) == set(got)
        assert numbers(s.client.ok("NOOP"), "EXISTS") == []
