"""Rights on messages (RFC 4314 section 4) in somebody else's mailbox."""
import pytest
from answers import append, fetched, flags, found, numbers

MESSAGE = b"Subject: shared\r\n\r\ntext\r\n"


@pytest.fixture
def shared(server, user):
    """visit(rights): a second user's session in the first user's mailbox,
    which has two messages and is selected by both."""
    owner = server.login(user)
    for _ in range(2):
        assert append(owner, "INBOX", MESSAGE).status == "OK"
    owner.ok("SELECT INBOX")
    guest = server.new_user()

    def visit(rights):
        owner.ok(f"SETACL INBOX {guest} {rights}")
        c = server.login(guest)
        c.ok(f"SELECT user.{user}")
        return c
    visit.owner, visit.mailbox = owner, f"user.{user}"
    return visit


def test_read_only(shared):
    c = shared("lr")
    assert b"FLAGS" not in fetched(c.ok("FETCH 1 BODY[]"))
    for command in (r"STORE 1 +FLAGS (\Seen)", r"STORE 1 FLAGS (\Deleted)", "STORE 1 +FLAGS (x)",
                    "EXPUNGE", "MOVE 1 INBOX"):
        assert c.cmd(command).status == "NO", command
    assert append(c, shared.mailbox, MESSAGE).status == "NO"
    c.ok("COPY 1 INBOX")
    assert len(found(shared.owner.ok("SEARCH UNSEEN UNDELETED"))) == 2


@pytest.mark.parametrize("rights,allowed", [
    ("lrs", rb"\Seen"), ("lrt", rb"\Deleted"), ("lrw", rb"\Flagged"), ("lrw", b"$Work"),
])
def test_each_flag_has_its_right(shared, rights, allowed):
    """"STORE operation SHOULD NOT fail if the user has rights to modify at
    least one flag specified in the STORE" """
    c = shared(rights)
    every = {rb"\Seen", rb"\Deleted", rb"\Flagged", b"$Work"}
    others = {rb"\Flagged", b"$Work"} if rights == "lrw" else {allowed}
    got = flags(fetched(c.ok(b"STORE 1 +FLAGS (%s)" % b" ".join(sorted(every)))))
    assert got & every == others
    for flag in every - others:
        assert c.cmd(b"STORE 2 +FLAGS (%s)" % flag).status == "NO", flag


def test_set_takes_only_what_it_may(shared):
    shared.owner.ok(r"STORE 1 FLAGS (\Flagged \Deleted $Work)")
    c = shared("lrt")
    got = flags(fetched(c.ok("STORE 1 FLAGS ()"))) - {b"\\Recent"}
    assert got == {rb"\Flagged", b"$Work"}


def test_seen_is_everybodys_own(shared):
    c = shared("lrs")
    assert rb"\Seen" in flags(fetched(c.ok("FETCH 1 BODY[TEXT]")))
    assert found(c.ok("SEARCH SEEN")) == [1]
    assert found(shared.owner.ok("SEARCH SEEN")) == []
    c.ok(r"STORE 2 +FLAGS.SILENT (\Seen)")
    assert found(c.ok("SEARCH UNSEEN")) == []
    assert found(shared.owner.ok("SEARCH UNSEEN")) == [1, 2]
    c.ok("UNSELECT")
    c.ok(f"SELECT {shared.mailbox}")
    assert found(c.ok("SEARCH SEEN")) == [1, 2]


def test_append_leaves_out_what_may_not_be_set(shared):
    """"the server MUST NOT fail" an APPEND because of flags"""
    c = shared("lri")
    assert append(c, shared.mailbox, MESSAGE, r"(\Flagged \Deleted $Work)").status == "OK"
    shared.owner.ok("NOOP")
    assert flags(fetched(shared.owner.ok("FETCH 3 FLAGS"), 3)) - {b"\\Recent"} == set()


@pytest.mark.parametrize("rights,status", [("lrt", "NO"), ("lre", "NO"), ("lrte", "OK")])
def test_move_needs_t_and_e(shared, rights, status):
    c = shared(rights)
    assert c.cmd("MOVE 1 INBOX").status == status
    assert numbers(shared.owner.ok("NOOP"), "EXPUNGE") == ([] if status == "NO" else [1])


def test_expunge_needs_e(shared):
    shared.owner.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    assert shared("lrt").cmd("EXPUNGE").status == "NO"
    assert numbers(shared("lre").ok("EXPUNGE"), "EXPUNGE") == [1]


def test_copy_needs_i(shared):
    c = shared("lr")
    assert append(c, "INBOX", MESSAGE).status == "OK"
    c.ok("SELECT INBOX")
    reply = c.cmd(f"COPY 1 {shared.mailbox}")
    assert reply.status == "NO" and "TRYCREATE" not in reply.text


@pytest.mark.parametrize("rights,kept", [
    ("lri", set()), ("lris", {rb"\Seen"}), ("lrit", {rb"\Deleted"}), ("lriw", {rb"\Flagged", b"$Work"}),
])
def test_copy_leaves_out_what_may_not_be_set(shared, rights, kept):
    c = shared(rights)
    assert append(c, "INBOX", MESSAGE, r"(\Flagged \Deleted \Seen $Work)").status == "OK"
    c.ok("SELECT INBOX")
    assert c.cmd(f"COPY 1 {shared.mailbox}").status == "OK"
    c.ok(f"SELECT {shared.mailbox}")
    assert flags(fetched(c.ok("FETCH 3 FLAGS"), 3)) - {b"\\Recent"} == kept


def test_unknown_mailbox_is_not_told_from_a_forbidden_one(shared, server):
    """Without l "the server MUST respond as if the mailbox did not exist"."""
    c = server.login(server.new_user())
    forbidden = append(c, shared.mailbox, MESSAGE)
    missing = append(c, "user.nobodyatall", MESSAGE)
    assert (forbidden.status, forbidden.text) == (missing.status, missing.text) != ("OK", "")
