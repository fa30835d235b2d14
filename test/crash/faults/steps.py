"""What clients, tools and the administrator do while a call fails.

A step is a function of the world that is to be run with a site armed; PREPARE
runs before, without faults.  It ends by Refused or Lost when its command is,
and by Violation when an answer is not true.
"""
import copy as c_
import os
import re
import signal
import subprocess
import time

import chapar
from world import LARGE, SMALL, Crashed, Lmtp, Lost, Refused, Violation, message

STEPS = {}


def step(prepare=None, slow=False):
    def add(fn):
        fn.prepare, fn.slow = prepare, slow
        STEPS[fn.__name__] = fn
        return fn
    return add


def some(w, box, n=1, user="alice"):
    """The UIDs of N messages of BOX, in order, with their tokens."""
    tokens = list(w.users[user].boxes[box])[-n:]
    known = {t: u for u, t in w.uids[user, box].items()}
    return [(known[t], t) for t in tokens]


def remove_all(w, box, keep, user="alice"):
    """Without faults: that a mailbox does not grow for ever."""
    c = w.login(user)
    c.ok(f'SELECT "{box}"')
    old = some(w, box, 10**6, user)[:-keep]
    if old:
        c.ok("UID STORE %s +FLAGS.SILENT (\\Deleted)" % ",".join(str(u) for u, _ in old))
        c.ok("EXPUNGE")
        for _, token in old:
            del w.users[user].boxes[box][token]
    c.close()


def fill(w):
    """At least three messages in each mailbox, and not too many."""
    for user in w.users:
        for box, found in list(w.users[user].boxes.items()):
            if box not in ("INBOX", "INBOX.a", "INBOX.b"):
                c = w.login(user)
                c.ok(f'DELETE "{box}"')
                c.close()
                del w.users[user].boxes[box]
                del w.users[user].acl[box]
                w.users[user].subscribed.discard(box)
                w.uids.pop((user, box), None)
        for box, found in w.users[user].boxes.items():
            if len(found) > 6:
                remove_all(w, box, 3, user)
            if len(found) < 3 or any("\\Deleted" in f for f in found.values()):
                c = w.login(user)
                for _ in range(3):
                    c.append(box, message(w.token(), SMALL))
                c.close()
                w.users[user] = w.observe(user)
            if any("\\Deleted" in f for f in found.values()):
                c = w.login(user)
                c.ok(f'SELECT "{box}"')
                c.ok("EXPUNGE")
                c.close()
                w.users[user] = w.observe(user)


def select(w, box="INBOX", **where):
    c = w.open(**where)
    r = w.cmd(c, f'SELECT "{box}"')
    n = len(w.users["alice"].boxes[box])
    if not r.find(rb"^%d EXISTS" % n):
        raise Violation(f"SELECT {box}: not {n} EXISTS: {r!r}")
    return c


def adding(box, token, flags=()):
    def change(s):
        s.boxes[box][token] = frozenset(flags)
    return change


# --- reading ---

@step()
def read(w):
    c = select(w)
    r = w.cmd(c, "FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE BODY.PEEK[])")
    for uid, token in some(w, "INBOX", 99):
        if not r.find(rb"UID %d .*Subject: %s\r\n" % (uid, token.encode())):
            raise Violation(f"FETCH said OK without message {uid}")
    r = w.cmd(c, "FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[1])")
    if len(r.all(rb"Subject: token")) != len(w.users["alice"].boxes["INBOX"]):
        raise Violation("FETCH said OK and left headers out")
    w.cmd(c, "LOGOUT")


@step()
def search(w):
    c = select(w)
    uid, token = some(w, "INBOX")[0]
    for program in (f"SUBJECT {token}", f"TEXT {token}", f'BODY xxxx UID {uid}', f"HEADER Subject {token}"):
        r = w.cmd(c, f"UID SEARCH {program}")
        if not r.find(rb"^SEARCH %d$" % uid):
            raise Violation(f"SEARCH {program}: {r!r}")
    r = w.cmd(c, "UID SORT (SUBJECT) UTF-8 ALL") if b"SORT" in c.greeting else None


@step()
def lists(w):
    c = w.open()
    for command in ("LIST", "LSUB"):
        r = w.cmd(c, command + ' "" *')
        if command == "LIST" and len(r.all(b'INBOX')) != len(w.users["alice"].boxes):
            raise Violation(f"LIST is not whole: {r!r}")
    for box, found in w.users["alice"].boxes.items():
        r = w.cmd(c, f'STATUS "{box}" (MESSAGES UIDNEXT UNSEEN)')
        if not r.find(rb"MESSAGES %d " % len(found)):
            raise Violation(f"STATUS {box}: {r!r}")
        w.cmd(c, f'GETACL "{box}"')
        w.cmd(c, f'MYRIGHTS "{box}"')
        w.cmd(c, f'GETQUOTAROOT "{box}"')
    w.cmd(c, 'GETQUOTA "user.alice"')
    w.cmd(c, "NAMESPACE")


def drop_caches(w):
    for p in (w.server.dir / "spool/user/alice").rglob("cyrus.cache"):
        p.unlink()


@step(prepare=drop_caches)
def read_without_cache(w):
    read(w)


@step()
def read_private_seen(w):
    """bob reads what alice shares."""
    c = w.open("bob")
    w.cmd(c, 'SELECT "user.alice.a"')
    w.cmd(c, "FETCH 1:* (FLAGS BODY[])")
    w.cmd(c, "STORE 1 -FLAGS (\\Seen)")
    c = w.open("bob")
    w.cmd(c, 'EXAMINE "user.alice.a"')
    r = w.cmd(c, "UID SEARCH UNSEEN")
    # That reading marks may fail: on a full disk, too, mail can be read.
    uids = [u for u, _ in some(w, "INBOX.a", 99)]
    unseen = r.find(rb"^SEARCH (\d+)")
    if not unseen or int(unseen[1]) != uids[0]:
        raise Violation(f"seen state of bob: {r!r}")


def share(w):
    if "bob" not in w.users["alice"].acl["INBOX.a"]:
        c = w.login("cyrus")
        c.ok("SETACL user.alice.a bob lrswi")
        c.close()
        w.users["alice"] = w.observe("alice")


read_private_seen.prepare = share


# --- writing ---

@step()
def append(w):
    c, token = w.open(), w.token()
    w.op(c, adding("INBOX", token, ("\\Flagged",)), "APPEND INBOX (\\Flagged) ", message(token, SMALL))
    select(w)


@step()
def append_large(w):
    c, token = w.open(), w.token()
    w.op(c, adding("INBOX.a", token), "APPEND INBOX.a ", message(token, LARGE))


@step()
def append_in_it(w):
    """Into the mailbox that is selected, twice."""
    c = select(w, "INBOX.b")
    for _ in range(2):
        token = w.token()
        w.op(c, adding("INBOX.b", token), "APPEND INBOX.b ", message(token, SMALL))
    r = w.cmd(c, "UID SEARCH ALL")
    n = len(w.users["alice"].boxes["INBOX.b"])
    if len(r.find(rb"^SEARCH(.*)")[1].split()) != n:
        raise Violation(f"not {n} messages: {r!r}")


@step()
def flags(w):
    c = select(w)
    uid, token = some(w, "INBOX")[0]

    def change(s):
        s.boxes["INBOX"][token] ^= {"\\Flagged"}
    sign = "-" if "\\Flagged" in w.users["alice"].boxes["INBOX"][token] else "+"
    w.op(c, change, f"UID STORE {uid} {sign}FLAGS (\\Flagged)")


@step()
def keyword(w):
    c = select(w, "INBOX.b")
    uid, token = some(w, "INBOX.b")[0]
    word = f"$word{w.serial % 100}"
    w.serial += 1

    def change(s):
        s.boxes["INBOX.b"][token] |= {word}
    w.op(c, change, f"UID STORE {uid} +FLAGS ({word})")


@step()
def read_and_mark(w):
    c = select(w, "INBOX.a")
    uid, token = some(w, "INBOX.a")[0]

    def change(s):
        s.boxes["INBOX.a"][token] |= {"\\Seen"}
    before = w.users["alice"]
    w.op(c, change, f"UID FETCH {uid} BODY[]")
    # On a full disk, too, mail can be read.
    w.users["alice"], w.maybe["alice"] = before, w.users["alice"]


@step(prepare=fill)
def expunge(w):
    c = select(w)
    uid, token = some(w, "INBOX")[0]

    def mark(s):
        s.boxes["INBOX"][token] |= {"\\Deleted"}

    def remove(s):
        del s.boxes["INBOX"][token]
    w.op(c, mark, f"UID STORE {uid} +FLAGS (\\Deleted)")
    w.op(c, remove, f"UID EXPUNGE {uid}")


@step(prepare=fill)
def copy(w):
    c = select(w)
    (uid, token), (_, other) = some(w, "INBOX", 2)
    # The same message twice in a mailbox would confuse the books: by way of a new one.
    w.op(c, lambda s: (s.boxes.update({"INBOX.copy": {}}), s.acl.update({"INBOX.copy": s.acl["INBOX"]})),
         "CREATE INBOX.copy")

    def change(s):
        s.boxes["INBOX.copy"].update({t: s.boxes["INBOX"][t] for t in (token, other)})
    w.op(c, change, f"UID COPY {uid}:* INBOX.copy")


@step(prepare=fill)
def move(w):
    c = select(w)
    uid, token = some(w, "INBOX")[0]

    def change(s):
        s.boxes["INBOX.b"][token] = s.boxes["INBOX"].pop(token)
    w.op(c, change, f"UID MOVE {uid} INBOX.b")


@step(prepare=fill)
def names(w):
    c = w.open()

    def create(s):
        for name in ("INBOX.x", "INBOX.x.y"):
            s.boxes[name] = {}
            s.acl[name] = s.acl["INBOX"]

    def first(s):
        s.boxes["INBOX.x"], s.acl["INBOX.x"] = {}, s.acl["INBOX"]

    def second(s):
        s.boxes["INBOX.x.y"], s.acl["INBOX.x.y"] = {}, s.acl["INBOX"]

    def rename(s):
        for old, new in (("INBOX.x", "INBOX.z"), ("INBOX.x.y", "INBOX.z.y")):
            s.boxes[new], s.acl[new] = s.boxes.pop(old), s.acl.pop(old)
            w.uids.pop(("alice", new), None)

    def delete(s):
        del s.boxes["INBOX.z.y"], s.acl["INBOX.z.y"]
    w.op(c, first, "CREATE INBOX.x")
    w.op(c, second, "CREATE INBOX.x.y")
    token = w.token()
    w.op(c, adding("INBOX.x.y", token), "APPEND INBOX.x.y ", message(token, SMALL))
    w.op(c, rename, "RENAME INBOX.x INBOX.z")
    w.op(c, delete, "DELETE INBOX.z.y")
    w.uids.pop(("alice", "INBOX.x"), None)
    w.uids.pop(("alice", "INBOX.x.y"), None)


@step()
def subscribe(w):
    c = w.open()
    w.op(c, lambda s: s.subscribed.add("INBOX.a"), "SUBSCRIBE INBOX.a")
    w.op(c, lambda s: s.subscribed.discard("INBOX.a"), "UNSUBSCRIBE INBOX.a")


@step()
def acl(w):
    c = w.open()
    before = w.users["alice"].acl["INBOX.b"]

    def change(s):
        s.acl["INBOX.b"] = before + " carol lrs"
    w.op(c, change, "SETACL INBOX.b carol lrs")
    w.op(c, lambda s: s.acl.update({"INBOX.b": before}), "DELETEACL INBOX.b carol")


def no_carol(w):
    if any("carol" in a for a in w.users["alice"].acl.values()):
        c = w.login("alice")
        c.ok("DELETEACL INBOX.b carol")
        c.close()
        w.users["alice"] = w.observe("alice")


acl.prepare = no_carol


@step()
def quota(w):
    c = w.open("cyrus")
    limit = 1000001 if w.users["alice"].quota == 1000000 else 1000000

    def change(s):
        s.quota = limit
    w.op(c, change, f"SETQUOTA user.alice (STORAGE {limit})")
    w.cmd(c, "GETQUOTA user.alice")


@step()
def idle(w):
    c = select(w)
    token = w.token()
    c.send("i IDLE\r\n")
    try:
        if not c.response().startswith(b"+"):
            raise Lost("IDLE")
        d = w.open()
        w.op(d, adding("INBOX", token), "APPEND INBOX ", message(token, SMALL))
        c.sock.settimeout(0.5)
        try:
            c.response()
        except TimeoutError:
            pass                # a hint may be lost; DONE tells
        c.sock.settimeout(chapar.PATIENCE)
    except (OSError, AssertionError) as e:
        raise Lost("IDLE") from e


@step()
def tls(w):
    c = w.connect()
    try:
        r = c.starttls(w.server.tls)
    except (OSError, AssertionError, ValueError) as e:
        raise Lost("STARTTLS") from e
    if r.status != "OK":
        raise Refused("STARTTLS")
    w.cmd(c, f"LOGIN alice {chapar.PASSWORD}")
    w.cmd(c, "SELECT INBOX")
    w.cmd(c, "FETCH 1 BODY.PEEK[]")
    w.cmd(c, "LOGOUT")


@step()
def imaps(w):
    try:
        c = chapar.Imap(("127.0.0.1", w.server.imaps_port), w.server.tls)
        w.conns.append(c)
    except (OSError, AssertionError, ValueError) as e:
        raise Lost("imaps") from e
    w.cmd(c, 'AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==')
    w.cmd(c, "NOOP")


# --- delivery ---

def deliver(w, users, size, port=None):
    token = w.token()
    try:
        c = Lmtp(port or w.server.lmtp_port)
        w.conns.append(c)
        w.said.append(c.greeting)
        told = [c.cmd("LHLO x"), c.cmd("MAIL FROM:<a@example.org>")]
        w.said += told
        if not told[1].startswith("250"):
            return judge(told)
        taken = []
        for u in users:
            told.append(c.cmd(f"RCPT TO:<{u}>"))
            if told[-1].startswith("250"):
                taken.append(u)
        if not taken:
            return judge(told)
        told.append(c.cmd("DATA"))
    except (OSError, Lost) as e:
        raise Lost("lmtp") from e
    w.said += told[2:]
    if not told[-1].startswith("354"):
        return judge(told)
    after = {}
    try:
        c.sock.sendall(message(token, size) + b".\r\n")
        for i, u in enumerate(taken):
            after[u] = i
            r = c.reply()
            w.said.append(r)
            told.append(r)
            if r.startswith("250"):
                adding("INBOX", token)(w.users[u])
            elif "perhaps after it was done" in r:
                w.maybe[u] = c_.deepcopy(w.users[u])
                adding("INBOX", token)(w.maybe[u])
            after.pop(u)
        w.said.append(c.cmd("QUIT"))
    except (OSError, Lost) as e:
        if isinstance(e, TimeoutError):
            raise Violation("LMTP: no answer") from e
        done = [u for u in taken if token in w.users[u].boxes["INBOX"]]
        for u in taken[len(done):]:
            w.maybe[u] = c_.deepcopy(w.users[u])
            adding("INBOX", token)(w.maybe[u])
        raise Lost("lmtp") from e
    judge(told)


def judge(told):
    bad = [t for t in told if t[:1] not in "234"]
    if bad:
        raise Violation(f"a permanent error for a passing one: {bad}")
    if any(t[:1] == "4" for t in told):
        raise Refused("lmtp")


@step()
def deliver_small(w):
    deliver(w, ["alice"], SMALL)


@step()
def deliver_two(w):
    deliver(w, ["alice", "bob"], SMALL)


@step()
def deliver_large(w):
    deliver(w, ["alice", "bob"], LARGE)


# --- new processes ---

@step()
def fresh_imap(w):
    c, token = w.open(port=w.server.fresh_port), w.token()
    w.op(c, adding("INBOX", token), "APPEND INBOX ", message(token, SMALL))
    w.cmd(c, "SELECT INBOX")


@step()
def fresh_lmtp(w):
    deliver(w, ["bob", "alice"], SMALL, port=w.server.fresh_lmtp)


@step(slow=True)
def reload(w):
    os.kill(w.server.process.pid, signal.SIGHUP)
    time.sleep(0.15)
    fresh_imap(w)


def restart(w, stop):
    if w.server.process is None:
        pass
    elif stop:
        w.server.process.terminate()
        try:
            w.server.process.wait(chapar.PATIENCE)
        except subprocess.TimeoutExpired as e:
            raise Violation("master does not stop") from e
        w.server.process = None
    else:
        w.server.kill_all()
    try:
        w.server.start()
    except AssertionError as e:
        if "master ended" not in str(e) and "waited" not in str(e):
            raise
        # That is clear enough if the next try works and the log says why.
        w.said.append("the server did not start")
        if w.server.process.poll() is None:
            raise Violation(f"does not start: {str(e)[-500:]}") from e
        w.server.process = None
        w.table.disarm()
        w.server.start()
        raise Refused("start") from e
    append(w)


@step(slow=True)
def stop_start(w):
    restart(w, True)


def leave_work(w):
    """For the replay of the start."""
    c = w.login("alice")
    for box in ("INBOX", "INBOX.a"):
        c.append(box, message(w.token(), SMALL))
    c.append("INBOX.b", message(w.token(), LARGE))
    c.close()
    w.users["alice"] = w.observe("alice")
    w.server.kill_all()
    # A power cut would have lost these.
    for path in (w.server.dir / "spool/user/alice").glob("*.")  :
        if path.name[:-1].isdigit() and int(path.name[:-1]) == max(w.uids["alice", "INBOX"]):
            path.unlink()


@step(prepare=leave_work, slow=True)
def replay(w):
    restart(w, False)


# --- tools ---

def tool(w, name, *args):
    r = w.server.tool(name, *args)
    w.said.append(f"{name}: {r.returncode} {r.stderr[-300:]}")
    if r.returncode < 0:
        raise Crashed(f"{name} died of signal {-r.returncode}: {r.stderr}")
    if r.returncode != 0:
        # On a terminal the log is what one sees.
        if not (r.stderr + r.stdout).strip() and not re.search("(crit|err): ", w.new_log()):
            raise Violation(f"{name}: exit {r.returncode} and not a word")
        raise Refused(name)
    return r.stdout


@step()
def checkpoint(w):
    append_in_it(w)
    tool(w, "ctl_cyrusdb", "-c")


def leave_garbage(w):
    fill(w)
    for box in ("INBOX", "INBOX.a"):
        remove_all(w, box, 2)


@step(prepare=leave_garbage)
def expire(w):
    tool(w, "cyr_expire", "-X", "0s", "-D", "0s", "-E", "0s")


def leave_some(w):
    fill(w)
    w.server.tool("cyr_expire", "-X", "0s", "-D", "0s", env={})
    remove_all(w, "INBOX.b", 2)
    c = w.login("alice")
    gone = [t for t in w.uids["alice", "INBOX.b"].values() if t not in w.users["alice"].boxes["INBOX.b"]]
    w.gone = gone
    c.close()


@step(prepare=leave_some)
def unexpunge(w):
    after = c_.deepcopy(w.users["alice"])
    out = w.server.tool("unexpunge", "-l", "user.alice.b", env={}).stdout
    n = len(re.findall(r"(?m)^UID|^\s*UID:", out))
    try:
        tool(w, "unexpunge", "-a", "-d", "user.alice.b")
    finally:
        w.table.disarm()
        # Which ones: those that are there now, all or none.
        seen = w.observe("alice")
        new = set(seen.boxes["INBOX.b"]) - set(after.boxes["INBOX.b"])
        # One by one; it says so if it could not do all.
        if not new <= set(w.gone):
            raise Violation(f"unexpunge brought back {new} of {n}")
        after.boxes["INBOX.b"] = seen.boxes["INBOX.b"]
        w.maybe["alice"] = after
    if len(new) != n:
        raise Violation("unexpunge said that it did it")


@step()
def reconstruct(w):
    tool(w, "reconstruct", "-r", "user.alice")


def break_index(w):
    (w.server.dir / "spool/user/alice/b/cyrus.index").unlink(missing_ok=True)


@step()
def tools(w):
    tool(w, "quota", "-f")
    out = tool(w, "ctl_mboxlist", "-d")
    if len(re.findall(r"user.alice", out)) < len(w.users["alice"].boxes):
        raise Violation(f"ctl_mboxlist -d is not whole: {out}")
    tool(w, "mbpath", "user.alice")


@step(slow=True)
def users_come_and_go(w):
    c = w.open("cyrus")
    n = w.serial = w.serial + 1
    w.cmd(c, f"CREATE user.u{n}")
    w.cmd(c, f"CREATE user.u{n}.sub")
    w.cmd(c, f"SETQUOTA user.u{n} (STORAGE 1000)")
    w.cmd(c, f"SETACL user.u{n} cyrus lrswipkxte")
    w.cmd(c, f"DELETE user.u{n}")
