"""POP3 and IMAP on one INBOX at the same time, against what must be."""
import random

import pytest


EXPUNGE = [{"expunge_mode": "delayed"}, {"expunge_mode": "immediate", "expunge_grace": "0s"}]


def text(n):
    return b"Subject: %d\r\n\r\n%s" % (n, b"line\r\n" * (n % 7))


def test_nobody_keeps_the_other_out(server, full):
    imap = server.login(full)
    imap.ok("SELECT INBOX")
    pop = server.pop(full)
    imap.ok("STORE 1 +FLAGS (\\Flagged)")
    assert pop.retr(1)
    server.deliver(full, text(9))
    assert imap.ok("NOOP").find(rb"4 EXISTS")
    assert pop.ok("STAT").text.startswith("3 ")
    pop.ok("DELE 2")
    assert imap.ok("NOOP").untagged == []
    assert pop.quit().ok
    assert imap.ok("NOOP").find(rb"2 EXPUNGE")
    assert imap.ok("SEARCH ALL").untagged == [b"SEARCH 1 2 3"]


def test_idle_hears_of_quit(server, full):
    imap = server.login(full)
    imap.ok("SELECT INBOX")
    imap.send("i IDLE\r\n")
    assert imap.line().startswith(b"+")
    pop = server.pop(full)
    pop.ok("DELE 3")
    assert pop.quit().ok
    assert imap.response() == b"* 3 EXPUNGE"


@pytest.mark.parametrize("options", EXPUNGE, ids=["delayed", "immediate"])
def test_what_imap_expunges_stays_readable(make_pop, messages, options):
    """As long as its file is there, which is as long as somebody has the mailbox open."""
    srv = make_pop(options)
    user = srv.new_user()
    srv.deliver(user, *messages)
    pop = srv.pop(user)
    imap = srv.login(user)
    imap.ok("SELECT INBOX")
    imap.ok("STORE 1:3 +FLAGS (\\Deleted)")
    imap.ok("EXPUNGE")
    assert len(pop.multi("LIST")) == 3 and len(pop.multi("UIDL")) == 3
    for n, m in enumerate(messages, 1):
        pop.send(f"RETR {n}\r\n")
        r = pop.reply()
        if r.ok:
            assert b"\r\n".join(pop.body()) + b"\r\n" == m
        else:
            assert r.code == "SYS/PERM" and options["expunge_mode"] == "immediate"
        pop.ok(f"DELE {n}")
    assert pop.quit().ok            # what is gone is gone
    assert srv.pop(user).ok("STAT").text == "0 0"


def test_mailbox_deleted_meanwhile(server, full):
    pop = server.pop(full)
    pop.ok("DELE 1")
    admin = server.admin()
    admin.ok(f"SETACL user.{full} cyrus +x")
    admin.ok(f"DELETE user.{full}")
    assert pop.err("RETR 2").code == "SYS/PERM"
    assert pop.quit().code == "SYS/PERM"


def test_mailbox_renamed_meanwhile(make_pop, messages):
    """It is followed by its id."""
    srv = make_pop({"popsubfolders": "yes"})
    user = srv.new_user()
    imap = srv.login(user)
    imap.ok("CREATE INBOX.a")
    for m in messages:
        imap.append("INBOX.a", m)
    pop = srv.pop(user + "+a")
    imap.ok("RENAME INBOX.a INBOX.b")
    assert pop.retr(1) == messages[0]
    pop.ok("DELE 1")
    assert pop.quit().ok
    assert srv.pop(user + "+b").ok("STAT").text.startswith("2 ")


def test_moved_to_another_partition_meanwhile(make_pop, messages):
    """What is open is not the mailbox any more: nothing is said to be gone for good."""
    srv = make_pop(start=False)
    srv.add_partition("two")
    srv.start()
    user = srv.new_user()
    for m in messages:
        srv.deliver(user, m)
    pop = srv.pop(user)
    pop.ok("DELE 1")
    srv.admin().ok(f"RENAME user.{user} user.{user} two")
    assert pop.err("RETR 2").code == "SYS/TEMP"
    assert pop.quit().code == "SYS/TEMP"
    again = srv.pop(user)
    assert again.ok("STAT").text.startswith(f"{len(messages)} ")
    assert again.retr(2).endswith(messages[1])


def test_reconstructed_meanwhile(server, full, messages):
    pop = server.pop(full)
    server.tool("reconstruct", f"user.{full}")
    assert pop.retr(2) == messages[1]
    pop.ok("DELE 2")
    assert pop.quit().ok
    assert server.pop(full).ok("STAT").text.startswith("2 ")


class Game:
    """Random deeds of both; `alive` is what must be there: {UIDL: text}."""

    def __init__(self, srv, seed, may_vanish):
        self.srv, self.rng, self.may_vanish = srv, random.Random(seed), may_vanish
        self.user = srv.new_user()
        self.imap = [srv.login(self.user) for _ in range(2)]
        for c in self.imap:
            validity = int(c.ok("SELECT INBOX").find(rb"UIDVALIDITY (\d+)")[1])
        self.id = f"{validity}.%d".__mod__
        self.next = 1
        self.alive, self.ever = {}, {}
        self.pops = []          # (client, [ids at login], {marked})

    def append(self):
        m = text(self.next)
        r = self.rng.choice(self.imap).append("INBOX", m)
        uid = int(r.text.split()[2].rstrip("]"))
        assert self.id(uid) not in self.ever
        self.alive[self.id(uid)] = self.ever[self.id(uid)] = m
        self.next += 1

    def expunge(self):
        if not self.alive:
            return
        one = self.rng.choice(sorted(self.alive))
        uid = one.split(".")[1]
        c = self.rng.choice(self.imap)
        c.ok("NOOP")            # it may have come by another session
        c.ok(f"UID STORE {uid} +FLAGS.SILENT (\\Deleted)")
        c.ok(f"UID EXPUNGE {uid}")
        del self.alive[one]

    def login(self):
        if len(self.pops) == 3:
            return
        c = self.srv.pop(self.user)
        ids = [x.split()[1].decode() for x in c.multi("UIDL")]
        assert ids == sorted(self.alive, key=lambda i: int(i.split(".")[1]))
        assert c.ok("STAT").text == f"{len(ids)} {sum(len(self.alive[i]) for i in ids)}"
        self.pops.append((c, ids, set()))

    def pop(self):
        return self.rng.choice(self.pops) if self.pops else (None, [], set())

    def retr(self):
        c, ids, marked = self.pop()
        if not ids:
            return
        n = self.rng.randrange(len(ids))
        c.send(f"RETR {n + 1}\r\n")
        r = c.reply()
        if r.ok:
            assert n not in marked
            assert b"".join(x + b"\r\n" for x in c.body()) == self.ever[ids[n]]
        elif n not in marked:
            assert r.code == "SYS/PERM" and ids[n] not in self.alive and self.may_vanish

    def dele(self):
        c, ids, marked = self.pop()
        if not ids:
            return
        n = self.rng.randrange(len(ids))
        assert c.cmd(f"DELE {n + 1}").ok == (n not in marked)
        marked.add(n)

    def rset(self):
        c, ids, marked = self.pop()
        if c:
            c.ok("RSET")
            marked.clear()

    def look(self):
        c, ids, marked = self.pop()
        if c:
            assert [x.split()[1].decode() for x in c.multi("UIDL")] == \
                [i for n, i in enumerate(ids) if n not in marked]

    def quit(self):
        c, ids, marked = self.pop()
        if not c:
            return
        self.pops = [p for p in self.pops if p[0] is not c]
        self.srv.clients.remove(c)
        assert c.quit().ok
        for n in marked:
            self.alive.pop(ids[n], None)

    def hang_up(self):
        c, ids, marked = self.pop()
        if c:
            self.pops = [p for p in self.pops if p[0] is not c]
            self.srv.clients.remove(c)
            c.close()

    def check(self):
        for c in self.imap:
            c.ok("NOOP")
            found = {m.group(1).decode() for m in c.ok("UID FETCH 1:* (UID)").all(rb"UID (\d+)")} \
                if self.alive else set()
            assert found == {i.split(".")[1] for i in self.alive}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("options", EXPUNGE, ids=["delayed", "immediate"])
def test_model(make_pop, options, seed):
    game = Game(make_pop(options), seed, options["expunge_mode"] == "immediate")
    deeds = [game.append] * 5 + [game.expunge] * 2 + [game.login] * 2 + [game.retr] * 6 + [game.dele] * 4 + \
        [game.rset, game.look, game.quit, game.quit, game.hang_up, game.check]
    for _ in range(300):
        game.rng.choice(deeds)()
    game.check()
