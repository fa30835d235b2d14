"""What commands cost, in system calls and in pages that are looked at: figures
that do not depend on the machine's load.  Times are in doc/benchmarks.md."""
import itertools
import pathlib
import re

import pytest

from calls import Calls, can_count, faults

MANY = 1 << 15
MESSAGE = b"From: a@example.org\r\nSubject: s\r\nMessage-ID: <1@example.org>\r\n\r\nbody\r\n"
WAITING = {"read", "poll", "restart_syscall"}
NUMBERS = itertools.count(1)
LIST_DATA = "UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE"

pytestmark = pytest.mark.skipif(not can_count(), reason="system calls have other numbers here")


@pytest.fixture(scope="module")
def boxes(module_server):
    """(server, user): INBOX.many is seen but for the last one; INBOX.few, INBOX.empty."""
    srv = module_server()
    user = srv.new_user()
    c = srv.login(user)
    for name in ("many", "few", "empty"):
        c.ok(f"CREATE INBOX.{name}")
    for name, n in (("few", 16), ("many", MANY)):
        c.append(f"INBOX.{name}", MESSAGE, r"(\Seen)")
        c.ok(f"SELECT INBOX.{name}")
        while n > 1:
            c.ok(f"COPY 1:* INBOX.{name}")
            c.ok("NOOP")
            n //= 2
        c.ok(r"STORE * -FLAGS.SILENT (\Seen)")
    c.close()
    return srv, user


def worker(proc, mailbox):
    """The process that has a mailbox of this name selected."""
    for p in proc.iterdir():
        try:
            if p.name.isdigit() and re.search(rf"\b{mailbox}\b", p.read_text()):
                return int(p.name)
        except FileNotFoundError:
            pass            # of a session that has just ended
    raise AssertionError(f"nobody has {mailbox} selected")


class Session:
    def __init__(self, srv, user):
        self.imap = srv.login(user)
        name = f"INBOX.session{next(NUMBERS)}"
        self.imap.ok(f"CREATE {name}")
        self.imap.ok(f"SELECT {name}")
        self.pid = worker(pathlib.Path(srv.dir) / "config/proc", name.split(".")[1])
        self.imap.ok("UNSELECT")
        self.imap.ok(f"DELETE {name}")

    def ok(self, command):
        return self.imap.ok(command)

    def calls(self, command, times=4):
        """(the reply, its calls but for those that wait for the client): the fewest
        of some times, since there may be some tidying up among them."""
        return min((self.calls_once(command) for _ in range(times)), key=lambda c: len(c[1].calls))

    def calls_once(self, command):
        try:
            with Calls(self.pid) as calls:
                reply = self.imap.ok(command)
        except PermissionError:
            pytest.skip("processes may not be traced here")
        # Now and then it looks whether the server shuts down.
        calls.calls = [c for c in calls.calls if c[0] not in WAITING
                       and not (c[1] or "").endswith("/shutdown")]
        return reply, calls

    def faults(self, *commands):
        """Pages that they need at least: other causes come and go."""
        least = None
        for _ in range(5):
            self.imap.cmd("UNSELECT")
            start = faults(self.pid)
            for command in commands:
                self.imap.ok(command)
            n = faults(self.pid) - start
            least = n if least is None else min(n, least)
        return least


@pytest.fixture
def s(boxes):
    session = Session(*boxes)
    yield session
    session.imap.close()


def test_fetch_of_a_list_is_a_few_large_writes(s):
    """Not one call a message."""
    s.ok("SELECT INBOX.many")
    s.imap.strict = None
    reply, calls = s.calls(f"FETCH 1:* ({LIST_DATA})", times=1)
    assert len(reply.untagged) == MANY
    names = calls.names()
    assert names.pop("writev") < MANY / 32, names
    assert sum(names.values()) < 20, names
    assert [p for p in calls.opened() if p != "cyrus.cache"] == []


def test_select_of_many_looks_at_no_more_than_of_none(s):
    """Neither who looks for the first unseen message nor who counts walks
    over the records."""
    for name in ("many", "empty"):
        s.ok(f"SELECT INBOX.{name}")        # as often as you like: it is open already
    many, many_calls = s.calls("SELECT INBOX.many")
    assert many.find(rb"\[UNSEEN %d\]" % MANY), many
    _, empty_calls = s.calls("SELECT INBOX.empty")
    # Of many it says when it leaves that the pages are not needed any more.
    more = len(many_calls.calls) - len(empty_calls.calls)
    assert abs(more) <= 3, (many_calls.names(), empty_calls.names())

    all_of_it = s.faults("SELECT INBOX.many", "SEARCH ANSWERED")
    if all_of_it < 12:
        pytest.skip("too many pages are given at once here")
    of_many, of_empty = s.faults("SELECT INBOX.many"), s.faults("SELECT INBOX.empty")
    assert of_many - of_empty <= all_of_it // 4, (of_many, of_empty, all_of_it)


def test_status_reads_one_page(s):
    command = "STATUS INBOX.many (MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ SIZE)"
    s.ok(command)
    reply, calls = s.calls(command)
    assert reply.find(rb"MESSAGES %d .*UNSEEN 1\b" % MANY)
    assert [p.rsplit("/", 1)[-1] for p in calls.opened()] == ["cyrus.index"]
    names = calls.names()
    assert names["pread64"] == 1, names
    assert sum(names.values()) <= 5, names


def test_list_status_reads_one_page_each(s):
    s.ok('LIST "" % RETURN (STATUS (MESSAGES UNSEEN))')
    _, calls = s.calls('LIST "" INBOX.* RETURN (STATUS (MESSAGES UNSEEN))')
    assert len(calls.opened()) == 3, calls.calls
    assert calls.names()["pread64"] == 3, calls.calls


def modseq_and_validity(reply):
    return (int(reply.find(rb"HIGHESTMODSEQ (\d+)")[1]),
            int(reply.find(rb"UIDVALIDITY (\d+)")[1]))


def resync(s, name):
    """The QRESYNC SELECT of one who has missed five changes."""
    s.ok("ENABLE QRESYNC")
    modseq, validity = modseq_and_validity(s.ok(f"SELECT INBOX.{name}"))
    last = int(s.ok(f"STATUS INBOX.{name} (UIDNEXT)").find(rb"UIDNEXT (\d+)")[1]) - 1
    for i in range(5):
        s.ok(rf"UID STORE {1 + i * (last - 1) // 4} +FLAGS.SILENT (\Flagged)")
        s.ok(rf"UID STORE {1 + i * (last - 1) // 4} -FLAGS.SILENT (\Flagged)")
    return f"SELECT INBOX.{name} (QRESYNC ({validity} {modseq}))"


def test_resync_costs_by_what_has_changed(s):
    commands = {name: resync(s, name) for name in ("many", "few")}
    calls = {}
    for name, command in commands.items():
        s.ok(command)
        reply, calls[name] = s.calls(command)
        assert len(reply.all(rb"^\d+ FETCH")) == 5, reply
    of_many, of_few = (sum(calls[n].names().values()) for n in ("many", "few"))
    assert of_many - of_few <= 12, (calls["many"].names(), calls["few"].names())

    all_of_it = s.faults("SELECT INBOX.many", "SEARCH ANSWERED")
    if all_of_it < 12:
        pytest.skip("too many pages are given at once here")
    # The five stand in pages far apart.
    assert s.faults(commands["many"]) - s.faults(commands["few"]) <= all_of_it // 2


@pytest.mark.parametrize("command", [
    "SORT (SUBJECT FROM DATE) UTF-8 ALL", "THREAD REFERENCES UTF-8 ALL",
    "THREAD ORDEREDSUBJECT UTF-8 ALL", "THREAD REFS UTF-8 ALL", 'SEARCH SUBJECT "x" FROM "y"',
])
def test_works_from_the_cache(s, command):
    """No message's file is opened, and nothing is asked of the kernel for each."""
    s.ok("SELECT INBOX.many")
    reply, calls = s.calls(command, times=1)
    if "SORT" in command:
        assert len(re.findall(rb"\d+", reply.untagged[0])) == MANY
    # SORT looks what others have found out, and writes down what it has; after the answer.
    own = r"cyrus\.(cache|sort)|[0-9a-f]{32}" if "SORT" in command else r"cyrus\.cache"
    assert [p for p in calls.opened() if not re.fullmatch(own, p)] == []
    names = calls.names()
    assert names["writev"] < MANY / 32, names
    for memory in ("brk", "mmap", "munmap", "mremap", "madvise"):
        del names[memory]
    assert sum(names.values()) < MANY / 32, names


def test_sort_begins_where_another_session_ended(boxes):
    """What is kept of an order is two numbers a message: no header field is read."""
    tries = []
    for _ in range(4):
        s = Session(*boxes)
        s.ok("EXAMINE INBOX.many")
        reply, calls = s.calls("SORT (REVERSE CC FROM) UTF-8 ALL", times=1)
        assert len(re.findall(rb"\d+", reply.untagged[0])) == MANY
        tries.append(calls)
        s.ok("NOOP")            # its answer comes when all is written
        s.imap.close()
    assert "cyrus.cache" in tries[0].opened()
    # The fewest: now and then there is some tidying up among them.
    later = min(tries[1:], key=lambda c: len(c.calls))
    assert later.opened() == ["cyrus.sort"] * 2
    names = later.names()
    assert names.pop("writev") < MANY / 32, names
    for memory in ("brk", "mmap", "munmap", "mremap", "madvise"):
        del names[memory]
    assert sum(names.values()) <= 20, names
