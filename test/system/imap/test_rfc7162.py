"""CONDSTORE and QRESYNC (RFC 7162), sections as in the names of the tests."""
import re

import pytest

MESSAGE = b"From: a@example.org\r\nSubject: %d\r\n\r\nbody\r\n"


def fill(c, n, mailbox="INBOX"):
    for i in range(1, n + 1):
        c.ok(f"APPEND {mailbox} ", MESSAGE % i)


@pytest.fixture
def box(login):
    """INBOX with UIDs 1 to 5, selected."""
    c = login()
    fill(c, 5)
    c.ok("SELECT INBOX")
    return c


@pytest.fixture
def q(login, box):
    """A session with QRESYNC."""
    c = login()
    c.ok("ENABLE QRESYNC")
    c.ok("SELECT INBOX")
    return c


def highest(reply):
    """The last HIGHESTMODSEQ that was said."""
    return int(reply.all(rb"\[HIGHESTMODSEQ (\d+)\]")[-1][1])


def validity(reply):
    return int(reply.find(rb"\[UIDVALIDITY (\d+)\]")[1])


def fetched(reply):
    """{UID: (modseq, flags or None)} of all FETCH responses with UID and MODSEQ."""
    found = {}
    for line in reply.untagged:
        if re.match(rb"\d+ FETCH", line):
            uid = int(re.search(rb"UID (\d+)", line)[1])
            modseq = re.search(rb"MODSEQ \((\d+)\)", line)
            flags = re.search(rb"FLAGS \(([^)]*)\)", line)
            found[uid] = (modseq and int(modseq[1]), flags and set(flags[1].split()) - {b"\\Recent"})
    return found


def modseqs(c, uids="1:*"):
    return {u: m for u, (m, _) in fetched(c.ok(f"UID FETCH {uids} MODSEQ")).items()}


def expunge(c, uids):
    c.ok(rf"UID STORE {uids} +FLAGS.SILENT (\Deleted)")
    return c.ok(f"UID EXPUNGE {uids}")


def vanished(reply, earlier=False):
    word = rb"VANISHED \(EARLIER\) (.*)" if earlier else rb"VANISHED ([\d:,]+)$"
    return [m[1].decode() for m in reply.all(word)]


# --- CONDSTORE ---


def test_2_capabilities(box):
    line = box.ok("CAPABILITY").untagged[0].split()
    assert b"CONDSTORE" in line and b"QRESYNC" in line and b"ENABLE" in line


ENABLING = [
    "SELECT INBOX (CONDSTORE)", "EXAMINE INBOX (CONDSTORE)", "STATUS INBOX (HIGHESTMODSEQ)",
    "FETCH 1 (MODSEQ)", "UID FETCH 1 (FLAGS) (CHANGEDSINCE 1)", "ENABLE CONDSTORE",
    r"STORE 1 (UNCHANGEDSINCE 99999) +FLAGS.SILENT (\Seen)", "SEARCH MODSEQ 1", "ENABLE QRESYNC",
]


@pytest.mark.parametrize("command", ENABLING)
def test_3_1_condstore_enabling_commands(box, other, command):
    box.ok(r"STORE 2 +FLAGS (\Flagged)")
    other.ok(command)
    box.ok(r"STORE 3 +FLAGS (\Flagged)")
    line = other.ok("NOOP").find(rb"^3 FETCH (.*)")[1]
    assert b"MODSEQ (" in line and b"UID 3" in line


def test_3_1_without_an_enabling_command(box, other):
    box.ok(r"STORE 3 +FLAGS (\Flagged)")
    assert other.ok("NOOP").untagged == [b"3 FETCH (FLAGS (\\Flagged))"]


@pytest.mark.parametrize("command", ENABLING[2:])
def test_3_1_first_enabling_command_tells_highestmodseq(box, command):
    assert highest(box.ok(command)) > 0
    assert not box.ok("FETCH 2 (MODSEQ)").find(rb"HIGHESTMODSEQ")


@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_3_1_2_1_highestmodseq_in_select(box, command):
    top = max(modseqs(box).values())
    assert highest(box.ok(f"{command} INBOX")) == top


def test_3_1_2_1_empty_mailbox(imap):
    imap.ok("CREATE INBOX.empty")
    assert highest(imap.ok("SELECT INBOX.empty")) > 0


def test_3_1_modseq_rises_with_each_change(box):
    seen = [max(modseqs(box).values())]
    for command in (r"STORE 1 +FLAGS (\Seen)", r"STORE 2 FLAGS ($x)", r"STORE 2 -FLAGS ($x)"):
        box.ok(command)
        seen.append(max(modseqs(box).values()))
    fill(box, 1)
    seen.append(max(modseqs(box).values()))
    assert seen == sorted(set(seen))


@pytest.mark.parametrize("command", [
    r"STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\Flagged)",
    r"UID STORE 1:3 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\Flagged)",
    r"STORE 1:3 (UNCHANGEDSINCE %d) FLAGS.SILENT (\Flagged)",
    r"STORE 1:3 (UNCHANGEDSINCE %d) -FLAGS.SILENT (\Draft)",
])
def test_3_1_3_store_succeeds(box, command):
    """An untagged FETCH response MUST be sent, even if the .SILENT suffix is
    specified, and the response MUST include the MODSEQ message data item"""
    box.ok(r"STORE 1:3 +FLAGS (\Draft)")
    top = max(modseqs(box).values())
    reply = box.ok(command % top)
    assert set(fetched(reply)) == {1, 2, 3} and "MODIFIED" not in reply.code
    assert all(m > top and f is None for m, f in fetched(reply).values())


def test_3_1_3_all_of_a_command_get_one_modseq(box):
    assert len({m for m, _ in fetched(box.ok(
        r"STORE 1:5 (UNCHANGEDSINCE 999) +FLAGS (\Flagged)")).values()}) == 1


@pytest.mark.parametrize("uid", ["", "UID "])
def test_3_1_3_modified(box, other, uid):
    expunge(box, "1")                       # numbers and UIDs differ
    old = max(modseqs(box).values())
    other.ok("NOOP")
    other.ok(r"UID STORE 3 +FLAGS (\Answered \Flagged)")
    names = "2:4" if uid else "1:3"
    reply = box.ok(rf"{uid}STORE {names} (UNCHANGEDSINCE {old}) +FLAGS.SILENT (\Flagged)")
    assert reply.code == ("MODIFIED 3" if uid else "MODIFIED 2")
    got = fetched(reply)
    assert got[3][1] == {b"\\Answered", b"\\Flagged"}
    assert got[2][1] is None and got[2][0] == got[4][0] > got[3][0]
    assert fetched(box.ok("UID FETCH 2:4 (FLAGS)")) == {
        2: (None, {b"\\Flagged"}), 3: (None, {b"\\Answered", b"\\Flagged"}), 4: (None, {b"\\Flagged"})}


def test_3_1_3_all_modified(box):
    reply = box.ok(r"STORE 1:5 (UNCHANGEDSINCE 1) +FLAGS (\Flagged)")
    assert reply.code == "MODIFIED 1:5"
    assert {u: b"\\Flagged" in f for u, (_, f) in fetched(reply).items()} == dict.fromkeys(range(1, 6), False)


def test_3_1_3_unchangedsince_0_always_fails(box):
    assert box.ok("STORE 2 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)").code == "MODIFIED 2"
    assert fetched(box.ok("UID FETCH 2 FLAGS"))[2][1] == set()


CONCERNED = [
    # what is stored; what another has done since; is it to be MODIFIED?
    ("+FLAGS ($Processed)", [r"+FLAGS (\Deleted \Answered)"], False),
    ("+FLAGS ($Processed)", ["+FLAGS ($Processed)"], True),
    (r"+FLAGS.SILENT (\Flagged $New)", [r"+FLAGS (\Answered)"], False),
    (r"+FLAGS.SILENT (\Flagged \Answered)", [r"+FLAGS (\Answered)"], True),
    (r"-FLAGS (\Draft)", [r"+FLAGS (\Answered)"], False),
    (r"-FLAGS (\Draft)", [r"-FLAGS (\Draft)"], True),
    (r"-FLAGS ($x)", [r"-FLAGS (\Draft)"], False),
    (r"+FLAGS (\Draft)", [r"+FLAGS (\Answered)"], False),      # it has that, and had it
    (r"-FLAGS (\Seen)", [r"+FLAGS (\Answered)"], False),       # it has not, and had not
    (r"-FLAGS (\Seen)", [r"+FLAGS (\Seen)"], True),
    (r"+FLAGS ($Processed)", [r"+FLAGS (\Answered)", "FLAGS ($Processed)"], True),
    (r"+FLAGS ($Processed)", [r"+FLAGS ($Processed)", "-FLAGS ($Processed)"], False),   # nobody can tell
    (r"FLAGS ($Processed)", [r"+FLAGS (\Answered)"], True),    # that is about all of them
]


@pytest.mark.parametrize("uid", ["", "UID "])
@pytest.mark.parametrize("operation, meanwhile, expected", CONCERNED)
def test_3_1_12_no_spurious_modified(box, other, uid, operation, meanwhile, expected):
    """ "a server implementation SHOULD avoid generating spurious MODIFIED responses
    for +FLAGS/-FLAGS STORE operations" """
    box.ok(r"STORE 2:4 FLAGS (\Draft $x)")
    known = fetched(box.ok("UID FETCH 1:* (FLAGS MODSEQ)"))
    since = known[3][0]
    for change in meanwhile:
        other.ok(f"STORE 3 {change}")
    reply = box.ok(f"{uid}STORE 3 (UNCHANGEDSINCE {since}) {operation}")
    assert reply.code == ("MODIFIED 3" if expected else "")
    now = fetched(box.ok("UID FETCH 3 (FLAGS MODSEQ)"))[3]
    assert fetched(reply)[3][0] == now[0] > since
    told = [f for f in re.findall(rb"FLAGS \(([^)]*)\)", b" ".join(reply.untagged))]
    assert told and set(told[-1].split()) - {b"\\Recent"} == now[1]         # "send an untagged FETCH response with ... flags"
    verb, flags = operation.split(" ", 1)
    if verb[0] == "+" and not expected:
        assert set(flags.strip("()").encode().split()) <= now[1]


@pytest.mark.parametrize("since", ["told", "highest"])
def test_3_1_12_as_of_highestmodseq(box, other, since):
    """The client may name the mailbox's modseq as well as the message's."""
    known = fetched(box.ok("UID FETCH 1:* (FLAGS MODSEQ)"))
    value = known[2][0] if since == "told" else max(m for m, _ in known.values())
    other.ok(r"STORE 2 +FLAGS (\Answered)")
    assert box.ok(rf"STORE 2 (UNCHANGEDSINCE {value}) +FLAGS.SILENT (\Flagged)").code == ""
    other.ok(r"STORE 2 -FLAGS (\Flagged)")
    top = highest(other.ok("SELECT INBOX"))
    assert box.ok(rf"STORE 2 (UNCHANGEDSINCE {top - 1}) +FLAGS.SILENT (\Flagged)").code == "MODIFIED 2"


def test_3_1_12_what_is_not_known_fails(box, other):
    """Older states than the last that was told, and what was never told of here."""
    known = fetched(box.ok("UID FETCH 1:* (FLAGS MODSEQ)"))
    other.ok(r"STORE 2 +FLAGS (\Answered)")
    box.ok("NOOP")
    assert box.ok(rf"STORE 2 (UNCHANGEDSINCE {known[2][0]}) +FLAGS.SILENT (\Flagged)").code == "MODIFIED 2"
    assert box.ok(r"STORE 2 (UNCHANGEDSINCE 0) +FLAGS.SILENT (\Flagged)").code == "MODIFIED 2"
    box.ok("SELECT INBOX (CONDSTORE)")
    other.ok(r"STORE 3 +FLAGS (\Answered)")
    assert box.ok(rf"STORE 3 (UNCHANGEDSINCE {known[3][0]}) +FLAGS.SILENT (\Flagged)").code == "MODIFIED 3"


def test_3_1_12_a_set_of_both(box, other):
    known = fetched(box.ok("UID FETCH 1:* (FLAGS MODSEQ)"))
    other.ok("STORE 1,3 +FLAGS ($claimed)")
    other.ok(r"STORE 2,4 +FLAGS (\Answered)")
    top = max(m for m, _ in known.values())
    assert box.ok(rf"STORE 1:5 (UNCHANGEDSINCE {top}) +FLAGS ($claimed)").code == "MODIFIED 1,3"


def test_3_1_3_named_twice(box):
    top = max(modseqs(box).values())
    assert box.ok(rf"STORE 3,1:5 (UNCHANGEDSINCE {top}) +FLAGS.SILENT (\Deleted)").code == ""


def test_3_1_3_is_atomic(box, other):
    """Of two sessions that test and set only one wins."""
    top = max(modseqs(box).values())
    first = box.ok(f"STORE 1 (UNCHANGEDSINCE {top}) +FLAGS.SILENT ($claimed)")
    second = other.ok(f"STORE 1 (UNCHANGEDSINCE {top}) +FLAGS.SILENT ($claimed)")
    assert (first.code, second.code) == ("", "MODIFIED 1")


def test_3_1_3_expunged_by_another(box, other):
    top = max(modseqs(box).values())
    other.ok("NOOP")
    expunge(other, "2")
    reply = box.ok(rf"STORE 1:3 (UNCHANGEDSINCE {top}) +FLAGS (\Flagged)")
    assert set(fetched(reply)) == {1, 3}


def test_3_1_3_without_the_modifier(box):
    box.ok("ENABLE CONDSTORE")
    reply = box.ok(r"STORE 2 +FLAGS.SILENT (\Seen)")
    assert fetched(reply)[2][0] > 0 and fetched(reply)[2][1] is None
    assert fetched(box.ok(r"STORE 2 +FLAGS (\Draft)"))[2][1] == {b"\\Seen", b"\\Draft"}


@pytest.mark.parametrize("text", [
    "STORE 1 (UNCHANGEDSINCE) +FLAGS (x)", "STORE 1 (UNCHANGEDSINCE 9 UNCHANGEDSINCE 9) +FLAGS (x)", "STORE 1 (UNCHANGEDSINCE -1) +FLAGS (x)",
    "STORE 1 (UNCHANGEDSINCE 1)+FLAGS (x)", "STORE 1 () +FLAGS (x)", "STORE 1 (X 1) +FLAGS (x)",
    "STORE 1 (UNCHANGEDSINCE 9223372036854775808) +FLAGS (x)",
    "FETCH 1 (FLAGS) (CHANGEDSINCE 0)", "FETCH 1 FLAGS (CHANGEDSINCE)", "FETCH 1 FLAGS ()",
    "FETCH 1 FLAGS(CHANGEDSINCE 1)", "FETCH 1 FLAGS (CHANGEDSINCE x)", "FETCH 1 MODSEQ(1)",
    "SEARCH MODSEQ", "SEARCH MODSEQ x", 'SEARCH MODSEQ "/flags/\\\\seen" 1',
    'SEARCH MODSEQ "/flags/\\\\seen" any 1', "STATUS INBOX HIGHESTMODSEQ",
    "SELECT INBOX CONDSTORE", "SELECT INBOX ()", "SELECT INBOX (X)", "SELECT INBOX (CONDSTORE",
])
def test_7_refused(box, text):
    assert box.cmd(text).status == "BAD"
    assert box.ok("FETCH 1 UID").untagged == [b"1 FETCH (UID 1)"]


def test_3_1_4_1_changedsince(box):
    before = max(modseqs(box).values())
    box.ok(r"STORE 2,4 +FLAGS (\Flagged)")
    got = fetched(box.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {before})"))
    assert {u: f for u, (_, f) in got.items()} == {2: {b"\\Flagged"}, 4: {b"\\Flagged"}}
    assert all(m > before for m, _ in got.values())
    assert set(fetched(box.ok(f"UID FETCH 3:5 (FLAGS) (CHANGEDSINCE {before})"))) == {4}
    top = max(m for m, _ in got.values())
    assert box.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {top})").untagged == []


def test_3_1_4_1_changedsince_by_numbers(box):
    before = max(modseqs(box).values())
    box.ok(r"STORE 2,4 +FLAGS (\Flagged)")
    reply = box.ok(f"FETCH 1:3 FLAGS (CHANGEDSINCE {before})")
    assert len(reply.untagged) == 1 and b"MODSEQ" in reply.untagged[0]
    assert reply.untagged[0].startswith(b"2 FETCH")


def test_3_1_4_1_sets_seen_only_where_it_answers(box):
    before = max(modseqs(box).values())
    box.ok(r"STORE 2 +FLAGS (\Flagged)")
    box.ok(f"UID FETCH 1:* (BODY[]) (CHANGEDSINCE {before})")
    assert box.ok("SEARCH SEEN").untagged == [b"SEARCH 2"]


def test_3_1_4_2_modseq_item(box):
    assert re.fullmatch(rb"1 FETCH \(MODSEQ \(\d+\)\)", box.ok("FETCH 1 MODSEQ").untagged[-1])
    assert re.fullmatch(rb"1 FETCH \(MODSEQ \(\d+\) UID 1\)",
                        box.ok("FETCH 1 (MODSEQ UID)").untagged[-1])


def test_3_1_4_2_seen_by_fetch(box):
    """3.2.4: a FETCH that implicitly set \\Seen"""
    box.ok("ENABLE CONDSTORE")
    line = box.ok("FETCH 3 (BODY[TEXT])").find(rb"^3 FETCH (.*)")[1]
    assert b"UID 3" in line and b"MODSEQ (" in line and b"\\Seen" in line
    line = box.ok("FETCH 3 (BODY[TEXT])").find(rb"^3 FETCH (.*)")[1]
    assert b"UID" not in line and b"MODSEQ" not in line


def test_3_1_5_search(box):
    before = max(modseqs(box).values())
    box.ok(r"STORE 2,4 +FLAGS (\Flagged)")
    top = max(modseqs(box).values())
    assert box.ok(f"SEARCH MODSEQ {before + 1}").untagged == [b"SEARCH 2 4 (MODSEQ %d)" % top]
    assert box.ok(f"UID SEARCH 3:* MODSEQ {top}").untagged == [b"SEARCH 4 (MODSEQ %d)" % top]
    for kind in ("priv", "shared", "all"):
        assert box.ok(f'SEARCH MODSEQ "/flags/\\\\draft" {kind} {top}').untagged == [
            b"SEARCH 2 4 (MODSEQ %d)" % top]


def test_3_1_5_nothing_found(box):
    assert box.ok("SEARCH MODSEQ 720162338").untagged[-1] == b"SEARCH"
    assert box.ok("SEARCH OR NOT MODSEQ 720162338 LARGER 50000").untagged[-1].startswith(
        b"SEARCH 1 2 3 4 5 (MODSEQ")
    assert box.ok("SEARCH MODSEQ 0").untagged[-1].startswith(b"SEARCH 1 2 3 4 5 (MODSEQ")


def test_3_1_7_status(box):
    top = max(modseqs(box).values())
    assert box.ok("STATUS INBOX (HIGHESTMODSEQ UIDNEXT)").find(
        rb"^STATUS INBOX \((.*)\)")[1] == b"UIDNEXT 6 HIGHESTMODSEQ %d" % top


def test_3_1_10_esearch(box):
    top = max(modseqs(box).values())
    assert box.ok(f"SEARCH RETURN (ALL) MODSEQ {top}").find(
        rb"^ESEARCH .* ALL 5 MODSEQ (\d+)$")[1] == b"%d" % top


@pytest.mark.parametrize("command", [
    r"STORE 1 +FLAGS (\Flagged)", r"STORE 1 +FLAGS.SILENT (\Flagged)", r"STORE 1 -FLAGS (\Draft)",
    r"STORE 1 FLAGS (\Flagged)", "FETCH 1 BODY[]"])
def test_3_1_11_no_change_no_modseq(box, command):
    """Adding the flag when it is already present or removing it when it is not
    present SHOULD NOT change the mod-sequence."""
    box.ok(r"STORE 1 FLAGS (\Flagged)" if "BODY" not in command else r"STORE 1 FLAGS (\Seen)")
    before = modseqs(box)
    box.ok(command)
    assert modseqs(box) == before


def test_3_1_copies_get_new_modseqs(box):
    box.ok("CREATE INBOX.other")
    box.ok("COPY 1:5 INBOX.other")
    reply = box.ok("SELECT INBOX.other")
    assert highest(reply) == max(modseqs(box).values())


# --- QRESYNC ---


def test_3_2_3_enable(box):
    assert box.ok("ENABLE QRESYNC CONDSTORE").find(rb"^ENABLED QRESYNC")
    assert box.ok("ENABLE CONDSTORE").untagged == [b"ENABLED"]


@pytest.mark.parametrize("text", ["SELECT INBOX (QRESYNC (1 1))", "EXAMINE INBOX (QRESYNC (1 1))",
                                  "UID FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)"])
def test_3_2_3_bad_without_enable(box, text):
    assert box.cmd(text).status == "BAD"
    assert box.ok("FETCH 1 UID").untagged == [b"1 FETCH (UID 1)"]


@pytest.mark.parametrize("params", [
    "(QRESYNC)", "(QRESYNC ())", "(QRESYNC (1))", "(QRESYNC (0 1))", "(QRESYNC (1 x))",
    "(QRESYNC (1 1 *))", "(QRESYNC (1 1 1:*))", "(QRESYNC (1 1 (1 1:2)))", "(QRESYNC (1 1 (1)))",
    "(QRESYNC (1 1 (1 *)))", "(QRESYNC (1 1 1 1))", "(QRESYNC 1 1)", "(QRESYNC (1 1 1:2 (1,2 3)))",
    "(QRESYNC (1 1 $))"])
def test_3_2_5_syntax(q, params):
    assert q.cmd("SELECT INBOX " + params).status == "BAD"
    assert q.ok("NOOP").status == "OK"


def state(c, mailbox="INBOX"):
    reply = c.ok(f"SELECT {mailbox}")
    return validity(reply), highest(reply)


def test_3_2_5_select(q, box):
    uidvalidity, known = state(q)
    q.ok("UNSELECT")
    expunge(box, "2,4")
    box.ok(r"UID STORE 5 +FLAGS (\Flagged)")
    fill(box, 1)
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    assert vanished(reply, earlier=True) == ["2,4"]
    got = fetched(reply)
    assert {u: f for u, (_, f) in got.items()} == {5: {b"\\Flagged"}, 6: set()}
    assert reply.find(rb"^4 EXISTS") and highest(reply) == max(m for m, _ in got.values())
    order = [i for i, u in enumerate(reply.untagged)
             if b"EXISTS" in u or b"VANISHED" in u or b" FETCH" in u]
    assert order == sorted(order) and b"EXISTS" in reply.untagged[order[0]]


def test_3_2_5_a_modseq_of_0_is_all(q, box):
    """No mod-sequence-value is 0, but clients who have seen nothing send it."""
    uidvalidity, _ = state(q)
    q.ok("UNSELECT")
    expunge(box, "2")
    for more in ("", " 1:5"):
        reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} 0{more}))")
        assert vanished(reply, earlier=True) == ["2"] and sorted(fetched(reply)) == [1, 3, 4, 5]


def test_3_2_5_nothing_has_changed(q):
    uidvalidity, known = state(q)
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    assert not vanished(reply, earlier=True) and not fetched(reply)


def test_3_2_5_uidvalidity_differs(q, box):
    """the server MUST ignore the remaining parameters and behave as if no
    dynamic message data changed"""
    uidvalidity, _ = state(q)
    expunge(box, "2")
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity - 1} 1))")
    assert not vanished(reply, earlier=True) and not fetched(reply)
    assert validity(reply) == uidvalidity


def test_3_2_5_never_had_messages(q):
    q.ok("CREATE INBOX.new")
    uidvalidity, _ = state(q, "INBOX.new")
    reply = q.ok(f"SELECT INBOX.new (QRESYNC ({uidvalidity} 1))")
    assert not vanished(reply, earlier=True) and not fetched(reply)


def test_3_2_5_1_known_uids(q, box):
    uidvalidity, known = state(q)
    box.ok(r"UID STORE 1,3,5 +FLAGS (\Flagged)")
    expunge(box, "2,4")
    reply = q.ok(f"EXAMINE INBOX (QRESYNC ({uidvalidity} {known} 3:4))")
    assert vanished(reply, earlier=True) == ["4"] and set(fetched(reply)) == {3}


def test_3_2_5_1_all_expunged(q, box):
    uidvalidity, known = state(q)
    expunge(box, "1:5")
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    assert vanished(reply, earlier=True) == ["1:5"] and reply.find(rb"^0 EXISTS")


def test_3_2_5_1_only_what_is_later(q, box):
    uidvalidity, _ = state(q)
    expunge(box, "1")
    _, known = state(q)
    expunge(box, "3")
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    assert vanished(reply, earlier=True) == ["3"] and not fetched(reply)


def test_3_2_5_1_arrived_and_gone_meanwhile(q, box):
    uidvalidity, known = state(q)
    fill(box, 1)
    expunge(box, "6")
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    assert vanished(reply, earlier=True) in (["6"], [])
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known} 1:5))")
    assert vanished(reply, earlier=True) == []


@pytest.mark.parametrize("match, gone", [
    ("(1 1)", ["2,4"]), ("(1,2 1,3)", ["4"]), ("(1:3 1,3,5)", []), ("(1:2 1:2)", ["2,4"]),
    ("(9 9)", ["2,4"]), ("(1:4294967295 1:4294967295)", ["2,4"]),
])
def test_3_2_5_2_sequence_match_data(q, box, match, gone):
    uidvalidity, known = state(q)
    expunge(box, "2,4")
    for uids in ("", "1:5 "):
        reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known} {uids}{match}))")
        assert vanished(reply, earlier=True) == gone


def test_3_2_6_vanished_modifier(q, box):
    _, known = state(q)
    expunge(box, "2,4")
    box.ok(r"UID STORE 3 +FLAGS (\Flagged)")
    reply = q.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {known} VANISHED)")
    assert vanished(reply, earlier=True) == []      # this session still has them
    assert vanished(reply) == ["2,4"]
    reply = q.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {known} VANISHED)")
    assert vanished(reply, earlier=True) == ["2,4"] and set(fetched(reply)) == {3}
    assert b"EARLIER" in reply.untagged[0]
    reply = q.ok(f"UID FETCH 4:9 (FLAGS) (VANISHED CHANGEDSINCE {known})")
    assert vanished(reply, earlier=True) == ["4"] and not fetched(reply)


@pytest.mark.parametrize("text", ["FETCH 1:* (FLAGS) (CHANGEDSINCE 1 VANISHED)",
                                  "UID FETCH 1:* (FLAGS) (VANISHED)"])
def test_3_2_6_where_it_may_not_stand(q, text):
    assert q.cmd(text).status == "BAD"


@pytest.mark.parametrize("command", ["EXPUNGE", "UID EXPUNGE 1:*"])
def test_3_2_7_expunge(q, command):
    q.ok(r"STORE 2,4 +FLAGS.SILENT (\Deleted)")
    reply = q.ok(command)
    assert vanished(reply) == ["2,4"] and not reply.find(rb"EXPUNGE")
    assert reply.code == f"HIGHESTMODSEQ {highest(q.ok('SELECT INBOX'))}"
    assert q.ok(command).code == ""         # nothing was expunged


def test_3_2_7_move(q):
    """RFC 6851 section 4.4 with RFC 7162"""
    q.ok("CREATE INBOX.other")
    reply = q.ok("MOVE 2 INBOX.other")
    assert vanished(reply) == ["2"] and reply.code.startswith("HIGHESTMODSEQ ")


def test_3_2_7_without_qresync(box):
    box.ok(r"STORE 2,4 +FLAGS.SILENT (\Deleted)")
    reply = box.ok("EXPUNGE")
    assert [u for u in reply.untagged if b"EXPUNGE" in u] == [b"2 EXPUNGE", b"3 EXPUNGE"]


def test_3_2_8_close_does_not_tell(q):
    q.ok(r"STORE 2 +FLAGS.SILENT (\Deleted)")
    reply = q.ok("CLOSE")
    assert reply.code == "" and reply.untagged == []


def test_3_2_10_by_another_session(q, box):
    expunge(box, "1,3:4")
    reply = q.ok("NOOP")
    assert vanished(reply) == ["1,3:4"] and not reply.find(rb"EXISTS")


def test_3_2_10_not_what_was_never_announced(q, box):
    fill(box, 1)
    expunge(box, "6")
    assert vanished(q.ok("NOOP")) == []


@pytest.mark.parametrize("command, may", [
    ("FETCH 1 FLAGS", False), (r"STORE 1 +FLAGS (\Seen)", False), ("SEARCH ALL", False),
    ("UID FETCH 1 FLAGS", True), (r"UID STORE 1 +FLAGS (\Seen)", True),
    ("UID SEARCH ALL", True), ("UID SEARCH 1:2", False), ("UID SEARCH UID 1", True),
    ("UID SEARCH NOT (1 SEEN)", False), ("NOOP", True), ("CHECK", True)])
def test_3_2_10_2_when_it_may_come(q, box, command, may):
    expunge(box, "2")
    assert vanished(q.ok(command)) == (["2"] if may else [])
    assert vanished(q.ok("NOOP")) == ([] if may else ["2"])


def test_6_highestmodseq_after_vanished(q, box):
    """VANISHED has no MODSEQ: what the client is up to date with now comes behind."""
    expunge(box, "2")
    reply = q.ok("NOOP")
    assert vanished(reply) == ["2"] and reply.untagged[-1].startswith(b"OK [HIGHESTMODSEQ "), reply
    assert highest(reply) == int(box.ok("STATUS INBOX (HIGHESTMODSEQ)").find(rb"HIGHESTMODSEQ (\d+)")[1])
    own = q.cmd("UID STORE 3 +FLAGS.SILENT (\\Deleted)") and q.ok("EXPUNGE")
    assert vanished(own) == ["3"] and own.code.startswith("HIGHESTMODSEQ ")
    assert not own.find(rb"HIGHESTMODSEQ"), "once is enough"
    assert q.ok("NOOP").untagged == []


def test_6_highestmodseq_while_vanished_is_delayed(q, box):
    """the server MUST send the HIGHESTMODSEQ response code with a lower value
    than the EXPUNGE's mod-sequence (3.2)"""
    _, before = state(q)
    expunge(box, "2")
    reply = q.ok(r"STORE 1 +FLAGS.SILENT (\Flagged)")
    assert fetched(reply)[1][0] > highest(reply) >= before
    at_last = q.ok("NOOP")
    assert vanished(at_last) == ["2"] and highest(at_last) >= fetched(reply)[1][0]


@pytest.mark.parametrize("command", ["SELECT", "EXAMINE"])
def test_3_2_11_closed(box, command):
    box.ok("CREATE INBOX.other")
    reply = box.ok(f"{command} INBOX.other")
    assert reply.untagged[0].startswith(b"OK [CLOSED]")
    box.ok("CLOSE")
    assert not box.ok(f"{command} INBOX").find(rb"CLOSED")


def test_3_2_11_closed_when_select_fails(box):
    reply = box.cmd("SELECT INBOX.missing")
    assert reply.status == "NO" and reply.find(rb"^OK \[CLOSED\]")


def test_5_vanished_over_many_generations(q, box):
    """Exact, however old the state is."""
    uidvalidity, known = state(q)
    for i in range(6, 26):
        fill(box, 1)
        if i % 2:
            expunge(box, str(i))
    reply = q.ok(f"SELECT INBOX (QRESYNC ({uidvalidity} {known}))")
    gone = ",".join(str(i) for i in range(7, 26, 2))
    assert vanished(reply, earlier=True) == [gone]
    assert set(fetched(reply)) == set(range(6, 25, 2))
