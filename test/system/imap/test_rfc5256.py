"""SORT and THREAD (RFC 5256), THREAD=REFS (draft-ietf-morg-inthread)."""
import random
import re
import time

import pytest
import thread_model
from answers import append, capabilities, esearch, esearches, found, sorted_numbers


def deliver(c, fields, internal=None, body=b"x"):
    when = [time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(internal))] if internal is not None else []
    text = "".join(f"{k}: {v}\r\n" for k, v in fields.items()).encode()
    assert append(c, "INBOX", text + b"\r\n" + body + b"\r\n", *when).status == "OK"


def date(seconds, zone="+0000"):
    return time.strftime("%a, %d %b %Y %H:%M:%S ", time.gmtime(seconds)) + zone


def new_box(server, messages):
    c = server.login(server.new_user())
    for fields, internal, body in messages:
        deliver(c, fields, internal, body)
    c.ok("SELECT INBOX")
    return c


BASE = 1000000000
SORTED = [
    ({"From": "Zoe <anna@x>", "To": "b@y", "Subject": "Re: beta", "Date": date(BASE + 500)}, BASE + 30, b"a"),
    ({"From": "carl@x", "To": "Friends: z@y;", "Cc": "q@x, a@b", "Subject": "Alpha", "Date": date(BASE + 100)}, BASE + 20, b"abc"),
    ({"From": "=?utf-8?q?=C3=84nne?= <bert@x>", "Cc": "B@x", "Subject": "[list] BETA", "Date": date(BASE + 3700, "+0100")}, BASE + 10, b"ab"),
    ({"Subject": ""}, BASE + 10, b""),
    ({"From": "\"A (quoted) name\" <Zed@x>", "To": "Aaron <zz@y>", "Subject": "=?iso-8859-1?q?=E4pfel?=", "Date": "nonsense"}, BASE + 400, b"abcdef" * 50),
]


@pytest.fixture(scope="module")
def box(shared_server):
    c = new_box(shared_server, SORTED)
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_1_advertised(box):
    assert {"SORT", "THREAD=ORDEREDSUBJECT", "THREAD=REFERENCES", "THREAD=REFS"} <= capabilities(box)


# Sent: 1 +500, 2 +100, 3 +100 in UTC, 4 +10 and 5 +400 by arrival.
@pytest.mark.parametrize("criteria,expected", [
    ("ARRIVAL", [3, 4, 2, 1, 5]), ("REVERSE ARRIVAL", [5, 1, 2, 3, 4]),
    ("DATE", [4, 2, 3, 5, 1]), ("REVERSE DATE", [1, 5, 2, 3, 4]),
    ("SUBJECT", [4, 2, 5, 1, 3]), ("REVERSE SUBJECT", [1, 3, 5, 2, 4]),
    ("FROM", [4, 1, 3, 2, 5]), ("TO", [3, 4, 1, 2, 5]), ("CC", [1, 4, 5, 3, 2]), ("REVERSE CC", [2, 3, 1, 4, 5]),
    ("SUBJECT ARRIVAL", [4, 2, 5, 3, 1]), ("SUBJECT REVERSE ARRIVAL", [4, 2, 5, 1, 3]),
    ("reverse subject date", [3, 1, 5, 2, 4]), ("ARRIVAL REVERSE SUBJECT", [3, 4, 2, 1, 5]),
])
def test_3_sort_keys(box, criteria, expected):
    """"... sorted according to ascending order, unless REVERSE"; equal ones by
    number, also in reverse."""
    assert sorted_numbers(box.ok(f"SORT ({criteria}) UTF-8 ALL")) == expected


def test_3_sort_size(box):
    sizes = {n: int(box.ok(f"FETCH {n} (RFC822.SIZE)").find(rb"SIZE (\d+)").group(1)) for n in range(1, 6)}
    assert sorted_numbers(box.ok("SORT (SIZE) UTF-8 ALL")) == sorted(sizes, key=lambda n: (sizes[n], n))
    assert sorted_numbers(box.ok("SORT (REVERSE SIZE) UTF-8 ALL")) == sorted(sizes, key=lambda n: (-sizes[n], n))


def test_3_sort_what_is_found(box):
    """"only messages that match the given searching criteria" """
    assert sorted_numbers(box.ok("SORT (SUBJECT) UTF-8 2:4 NOT 3")) == [4, 2]
    assert sorted_numbers(box.ok("SORT (SUBJECT) UTF-8 DRAFT")) == []
    assert sorted_numbers(box.ok("SORT (SUBJECT) UTF-8 SUBJECT ", "ÄPFEL".encode())) == [5]


def test_3_uid_sort(login):
    c = login()
    for subject in ("gone", "b", "a"):
        deliver(c, {"Subject": subject})
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS (\Deleted)")
    c.ok("EXPUNGE")
    assert sorted_numbers(c.ok("SORT (SUBJECT) US-ASCII ALL")) == [2, 1]
    assert sorted_numbers(c.ok("UID SORT (SUBJECT) US-ASCII ALL")) == [3, 2]
    assert sorted_numbers(c.ok("UID SORT (SUBJECT) US-ASCII UID 2")) == [2]


def test_3_sort_charset(box):
    r = box.cmd("SORT (SUBJECT) X-NO-SUCH TEXT a")
    assert r.status == "NO" and r.code.startswith("BADCHARSET")
    assert sorted_numbers(box.ok("SORT (SUBJECT) iso-8859-1 SUBJECT ", "äpfel".encode("latin1"))) == [5]


def test_3_sort_modseq(box):
    """RFC 7162 section 3.1.6."""
    assert box.ok("SORT (SUBJECT) UTF-8 MODSEQ 1").find(rb"^SORT 4 2 5 1 3 \(MODSEQ \d+\)$")


def test_2_2_sent_date(login):
    """If the time zone is invalid, the date and time SHOULD be treated as UTC.  If the
    time is also invalid, the time SHOULD be treated as 00:00:00.  ... If the sent date
    cannot be determined, the INTERNALDATE for that message is used."""
    dates = ["2 Jan 2020 00:00:01 +0000", "2 Jan 2020 25:00:00 +0000", "2 Jan 2020 00:00:02 +9900",
             "1 Jan 2020 23:59:59 +0000", "32 Jan 2020 00:00:00 +0000"]
    c = login()
    for d in dates:
        c.ok('APPEND INBOX "03-Jan-2020 00:00:00 +0000" ', f"Date: {d}\r\n\r\n".encode())
    c.ok("SELECT INBOX")
    assert sorted_numbers(c.ok("SORT (DATE) UTF-8 ALL")) == [4, 2, 1, 3, 5]
    assert c.ok("SEARCH SENTON 2-Jan-2020").find(rb"^SEARCH 1 2 3$")


@pytest.mark.parametrize("command", [
    "SORT", "SORT ()", "SORT () UTF-8 ALL", "SORT SUBJECT UTF-8 ALL", "SORT (SUBJECT) ALL", "SORT (SUBJECT) UTF-8",
    "SORT (NONSENSE) UTF-8 ALL", "SORT (REVERSE) UTF-8 ALL", "SORT (REVERSE REVERSE DATE) UTF-8 ALL",
    "SORT (SUBJECT,DATE) UTF-8 ALL", "SORT (SUBJECT)UTF-8 ALL", "SORT (SUBJECT) UTF-8 0",
    "THREAD", "THREAD REFERENCES", "THREAD REFERENCES UTF-8", "THREAD NONSENSE UTF-8 ALL", "THREAD (REFERENCES) UTF-8 ALL",
    "THREAD REFERENCES ALL", "THREAD REFERENCES UTF-8 0", "SORT RETURN (ALL) UTF-8 ALL",
])
def test_5_syntax(box, command):
    assert box.cmd(command).status == "BAD"
    box.ok("NOOP")                      # too many BADs in a row end a session


# --- section 2.1: base subjects -------------------------------------------------

EQUAL = [
    ("Re: one", "one"), ("RE: Re: re: one", "one"), ("Fwd: one", "one"), ("FW: one", "one"), ("one (fwd)", "one"),
    ("one (FWD) (fwd)  ", "one"), ("[list] one", "one"), ("[a] [b] one", "one"), ("Re [a] : one", "one"),
    ("Re: [list] Re: one", "one"), ("[Fwd: one]", "one"), ("[fwd: Re: [l] one (fwd)]", "one"), ("  one \t two", "one two"),
    ("=?utf-8?q?Re:_one?=", "one"), ("re[2]: one", "one"), ("[list]", "[list]"), ("Re: [list]", "[list]"),
    ("[x] Re: [list]", "[list]"), ("Re: Re:", ""), ("ONE", "one"), ("=?iso-8859-1?q?=C9t=E9?=", "=?utf-8?b?w6l0w6k=?="),
]
DIFFERENT = [("one", "two"), ("Re one", "one"), ("(fwd) one", "one"), ("one [list]", "one"), ("Antwort: one", "one"), ("[a", "a")]


@pytest.fixture(scope="module")
def subjects(shared_server):
    pairs = EQUAL + DIFFERENT
    c = new_box(shared_server, [({"Subject": s, "X-Pair": str(i)}, None, b"") for i, p in enumerate(pairs) for s in p])
    shared_server.clients.remove(c)
    yield c
    c.close()


@pytest.mark.parametrize("i", range(len(EQUAL) + len(DIFFERENT)))
def test_2_1_base_subject(subjects, i):
    a, b = 2 * i + 1, 2 * i + 2
    line = subjects.ok(f"THREAD ORDEREDSUBJECT UTF-8 {a},{b}").find(rb"^THREAD (.*)").group(1).decode()
    assert line == (f"({a} {b})" if i < len(EQUAL) else f"({a})({b})")


# --- section 2.2, 3: threads ------------------------------------------------------

def threads(c, algorithm, keys="ALL", uid=""):
    line = c.ok(f"{uid}THREAD {algorithm} UTF-8 {keys}").find(rb"^THREAD ?(.*)").group(1).decode()
    return thread_model.parse(line)


@pytest.fixture(scope="module")
def talk(shared_server):
    def m(n, subject, mid=None, **more):
        fields = {"Subject": subject, "Date": date(BASE + n)}
        if mid:
            fields["Message-ID"] = f"<{mid}@x>"
        fields.update({k.replace("_", "-"): v for k, v in more.items()})
        return fields, BASE + 100 - n, b""
    c = new_box(shared_server, [
        m(1, "lunch", "a"), m(2, "Re: lunch", "b", References="<a@x>"), m(3, "Re: lunch", "c", In_Reply_To="<b@x> and <zz@x>"),
        m(4, "other"), m(5, "Re: lunch", None, In_Reply_To="Your message of Monday"),
        m(6, "quoted", "\"d\"", ), m(7, "Re: quoted", "e", References="<d @x>"), m(8, "new", "f", References="<gone@x>"),
        m(9, "newer", "g", References="<gone@x> <gone2@x>"), m(10, "again", "a"),
    ])
    shared_server.clients.remove(c)
    yield c
    c.close()


def test_3_thread_references(talk):
    assert talk.ok("THREAD REFERENCES UTF-8 ALL").untagged == [b"THREAD (1 (2 3)(5))(4)(6 7)((8)(9))(10)"]


def test_3_thread_orderedsubject(talk):
    assert talk.ok("THREAD ORDEREDSUBJECT UTF-8 ALL").untagged == [b"THREAD (1 (2)(3)(5))(4)(6 7)(8)(9)(10)"]


def test_thread_refs(talk):
    """By references only; the thread with the newest message is the last."""
    assert talk.ok("THREAD REFS UTF-8 ALL").untagged == [b"THREAD (10)((8)(9))(6 7)(5)(4)(1 2 3)"]


def test_3_thread_of_what_is_found(talk):
    assert talk.ok("THREAD REFERENCES UTF-8 3:4").untagged == [b"THREAD (3)(4)"]
    assert talk.ok("THREAD REFERENCES UTF-8 1,3").untagged == [b"THREAD (1 3)"]
    assert talk.ok("THREAD REFERENCES UTF-8 DRAFT").untagged == [b"THREAD"]


def test_3_uid_thread(login):
    c = login()
    for subject in ("gone", "a", "Re: a"):
        deliver(c, {"Subject": subject})
    c.ok("SELECT INBOX")
    c.ok(r"STORE 1 +FLAGS (\Deleted)")
    c.ok("EXPUNGE")
    assert c.ok("THREAD REFERENCES UTF-8 ALL").untagged == [b"THREAD (1 2)"]
    assert c.ok("UID THREAD REFERENCES UTF-8 ALL").untagged == [b"THREAD (2 3)"]


WORDS = ["tea", "Tea", "beer", "Re: tea", "Fwd: beer", "re: TEA (fwd)", "[l] tea", "", "Re: "]


def base_of(subject):
    """Enough for WORDS."""
    s = re.sub(r"^\[l\] ", "", subject)
    reply = bool(re.match(r"(re|fwd):", s, re.I))
    s = re.sub(r"\(fwd\)$", "", re.sub(r"^(re|fwd): ?", "", s, flags=re.I)).strip()
    return s.upper(), reply


def random_messages(rng, n):
    """Messages that refer to each other in all sorts of ways: forwards, in
    circles, to what is not there, to themselves, with ids given twice."""
    ids = [f"i{k}@x" for k in range(n)]
    out = []
    for seq in range(1, n + 1):
        subject = rng.choice(WORDS)
        base, reply = base_of(subject)
        out.append({
            "seq": seq, "date": BASE + rng.randrange(n), "arrival": BASE + rng.randrange(n), "subject": subject,
            "base": base, "reply": reply, "id": None if rng.random() < .1 else rng.choice(ids[:max(1, n * 2 // 3)]),
            "refs": [rng.choice(ids) for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 5]))]})
    return out


@pytest.fixture(scope="module")
def many(shared_server):
    seed = random.randrange(2 ** 32)
    print("seed", seed)
    rng = random.Random(seed)
    messages = random_messages(rng, 300)
    user = shared_server.new_user()
    c = shared_server.login(user)
    for m in messages:
        fields = {"Subject": m["subject"], "Date": date(m["date"])}
        if m["id"]:
            fields["Message-ID"] = f"<{m['id']}>"
        if len(m["refs"]) == 1 and rng.random() < .5:
            fields["In-Reply-To"] = f"<{m['refs'][0]}>"
        elif m["refs"]:
            fields["References"] = "\r\n ".join(f"<{r}>" for r in m["refs"])
        deliver(c, fields, m["arrival"])
    c.ok("SELECT INBOX")
    shared_server.clients.remove(c)
    yield c, messages, rng
    c.close()


@pytest.mark.parametrize("size", [2, 3, 5, 8, 12, 20, 40, 300])
def test_3_against_the_model(many, size):
    """Random mailboxes: the server's threads are those of a model."""
    c, messages, rng = many
    for _ in range(1 if size == 300 else 25):
        chosen = sorted(rng.sample(messages, size), key=lambda m: m["seq"])
        keys = ",".join(str(m["seq"]) for m in chosen)
        assert threads(c, "REFERENCES", keys) == thread_model.references(chosen), keys
        assert threads(c, "REFS", keys) == thread_model.refs(chosen), keys
        assert threads(c, "ORDEREDSUBJECT", keys) == thread_model.ordered_subject(chosen), keys


def test_2_2_sort_against_the_model(many):
    c, messages, _ = many
    for criteria, key in [("DATE", lambda m: m["date"]), ("ARRIVAL", lambda m: m["arrival"]),
                          ("SUBJECT DATE", lambda m: (m["base"], m["date"]))]:
        expected = [m["seq"] for m in sorted(messages, key=lambda m: (key(m), m["seq"]))]
        assert sorted_numbers(c.ok(f"SORT ({criteria}) UTF-8 ALL")) == expected


# --- ESORT (RFC 5267 section 3) ----------------------------------------------------

def test_5267_3_advertised(box):
    assert "ESORT" in capabilities(box)


@pytest.mark.parametrize("options,expected", [
    ("ALL", {"ALL": [4, 2, 5, 1, 3]}), ("", {"ALL": [4, 2, 5, 1, 3]}), ("MIN", {"MIN": 4}), ("MAX", {"MAX": 3}),
    ("COUNT", {"COUNT": 5}), ("MIN MAX COUNT", {"MIN": 4, "MAX": 3, "COUNT": 5}),
])
def test_5267_3_options(box, options, expected):
    """"MIN: the first message in the order of the sort ... MAX: the last"; ALL is
    a list in the sorted order."""
    reply = box.ok(f"SORT RETURN ({options}) (SUBJECT) UTF-8 ALL")
    assert esearch(reply) == expected and not reply.all(rb"^SORT")
    assert esearches(box.ok(f"UID SORT RETURN ({options}) (SUBJECT) UTF-8 ALL"))[0]["UID"] is True


def test_5267_3_nothing_found(box):
    assert esearch(box.ok("SORT RETURN (ALL MIN COUNT) (SUBJECT) UTF-8 DRAFT")) == {"COUNT": 0}


def test_5267_3_save(box):
    """RFC 5182: "$" is a set; MIN is what sorts first."""
    box.ok("SORT RETURN (SAVE) (SUBJECT) UTF-8 2:5")
    assert found(box.ok("SEARCH $")) == [2, 3, 4, 5]
    box.ok("SORT RETURN (SAVE MAX) (SUBJECT) UTF-8 1:4")
    assert found(box.ok("SEARCH $")) == [3]


def test_3_sort_again(login):
    """What is remembered of an order makes no difference: after deliveries,
    expunges, for another selection, and for another order."""
    seed = random.randrange(2 ** 32)
    print("seed", seed)
    rng = random.Random(seed)
    c, other, n = login(), login(), 0

    def more(count):
        for _ in range(count):
            deliver(other, {"Subject": rng.choice(WORDS), "From": f"p{rng.randrange(5)}@x"}, BASE + rng.randrange(40),
                    b"x" * rng.randrange(9))
    more(40)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    for criteria in ["(SUBJECT)", "(SUBJECT)", "(REVERSE ARRIVAL)", "(FROM SIZE)", "(SUBJECT)", "(SUBJECT)", "(SUBJECT)"]:
        for keys in ["ALL", "UID 3:25", f"BODY {'x' * rng.randrange(1, 5)}", "DRAFT"]:
            fresh = login()
            fresh.ok("EXAMINE INBOX")
            assert sorted_numbers(c.ok(f"UID SORT {criteria} UTF-8 {keys}")) == sorted_numbers(
                fresh.ok(f"UID SORT {criteria} UTF-8 {keys}"))
            fresh.close()
        n += 1
        more([0, 1, 2, 20, 0, 1, 3][n - 1])
        if n % 2:
            other.ok(rf"STORE {rng.randint(1, 30)}:{rng.randint(1, 30)} +FLAGS.SILENT (\Deleted)" if n == 1
                     else rf"STORE {rng.randint(1, 5)} +FLAGS.SILENT (\Deleted)")
            other.ok("EXPUNGE")
        c.ok("NOOP")
