"""NOTIFY: what the client wants to be told of (RFC 5465).

`told()` reads what comes while no command runs.  That something is not told is
seen by what is told after it: a mailbox "sentinel" of which everything is watched.
"""
import itertools
import re

import pytest
from answers import append, capabilities
from deflated import deflate

NEW = "(MessageNew MessageExpunge)"
ALL = "(MessageNew MessageExpunge FlagChange)"
MAIL = b"From: alice@example.org\r\nTo: bob@example.org\r\nSubject: Re: good morning\r\n\r\nHello\r\n"


@pytest.fixture
def pair(login):
    """Two sessions of one user: who is told, and who does things."""
    c, other = login(), login()
    other.ok("CREATE INBOX.sentinel")
    other.ok("CREATE INBOX.a")
    c.hears_of_names, other.toggle = False, itertools.cycle(["SUBSCRIBE", "UNSUBSCRIBE"])
    return c, other


def told(c, pattern):
    """Responses up to and with the first that matches."""
    seen = []
    while True:
        r = c.response()
        assert r.startswith(b"* "), f"{r!r} behind {seen!r}"
        seen.append(r[2:].decode(errors="replace"))
        if re.match(pattern, seen[-1]):
            return seen


def notify(c, groups, status="", sentinel=True):
    watch = " (mailboxes INBOX.sentinel (MessageNew MessageExpunge SubscriptionChange))" if sentinel else ""
    c.hears_of_names = sentinel
    return c.ok(f"NOTIFY SET {status} {groups}{watch}".replace("  ", " "))


def sentinel(c, other):
    """All that the client is told up to now.  What one look finds is told in an order of
    its own, and the list of names is looked at only now and then: so there are more."""
    seen = []
    for look in ("messages", "names", "names") if c.hears_of_names else ("messages", "messages"):
        if look == "messages":
            append(other, "INBOX.sentinel", b"x\r\n\r\n")
        else:
            other.ok(f"{next(other.toggle)} INBOX.sentinel")
        end = r'STATUS "?INBOX.sentinel' if look == "messages" else r'LIST .*INBOX.sentinel$'
        seen += told(c, end)[:-1]
    return seen


def items(line):
    """STATUS as a dictionary."""
    m = re.fullmatch(r'STATUS ("[^"]*"|\S+) \((.*)\)', line)
    words = m.group(2).split()
    return dict(zip(words[::2], map(int, words[1::2])))


def validity(c, mailbox):
    return items(c.ok(f"STATUS {mailbox} (UIDVALIDITY)").untagged[0].decode())["UIDVALIDITY"]


def has(reply, pattern):
    return reply.find(pattern.encode())


# --- 3: the command ---

def test_3_advertised(pair):
    assert "NOTIFY" in capabilities(pair[0])


@pytest.mark.parametrize("arguments", [
    "", " SET", " SET STATUS", " SET ()", " SET STATUS ()", " ON", " NONE NONE", " NONE ", " SET (personal)",
    " SET (personal MessageNew)", " SET (personal ())", " SET (personal (MessageNew MessageExpunge) )",
    " SET (personal (MessageNew MessageExpunge)) ", " SET (nobody (MessageNew MessageExpunge))",
    " SET (subtree (MessageNew MessageExpunge))", " SET (mailboxes () (MessageNew MessageExpunge))",
    " SET STATUS(personal (MessageNew MessageExpunge))", " SET (personal (MessageNew  MessageExpunge))",
    " SET personal (MessageNew MessageExpunge)"])
def test_8_syntax(imap, arguments):
    assert imap.cmd("NOTIFY" + arguments).status == "BAD"


@pytest.mark.parametrize("groups", [
    "(personal (MessageNew))", "(personal (MessageExpunge))", "(selected (FlagChange))",
    "(selected (FlagChange MessageNew))", "(selected (MessageExpunge AnnotationChange))"])
def test_5_events_that_need_others(imap, groups):
    """"both events MUST be specified.  Otherwise, the server MUST respond with the tagged BAD"."""
    assert imap.cmd(f"NOTIFY SET {groups}").status == "BAD"


@pytest.mark.parametrize("groups", [
    "(personal (MessageNew (UID) MessageExpunge))", "(mailboxes INBOX (MessageNew (FLAGS) MessageExpunge))",
    "(selected (MessageNew (ALL) MessageExpunge))", "(selected (MessageNew () MessageExpunge))"])
def test_8_data_items_of_the_selected_only(imap, groups):
    assert imap.cmd(f"NOTIFY SET {groups}").status == "BAD"


@pytest.mark.parametrize("groups", [
    f"(selected {NEW}) (selected-delayed {NEW})", f"(selected {NEW}) (selected NONE)",
    "(selected (MailboxName))", "(selected-delayed (MessageNew MessageExpunge SubscriptionChange))",
    "(selected (ServerMetadataChange))"])
def test_6_1_selected(imap, groups):
    """"Only one of the mailbox specifiers"; "only apply to <message-event>s"."""
    assert imap.cmd(f"NOTIFY SET {groups}").status == "BAD"


@pytest.mark.parametrize("groups", [
    "(personal (MessageSing))", "(selected (MessageNew UnheardOf))", f"(inboxes NONE) (personal {NEW}) (personal (x.y))"])
def test_3_1_unsupported_event(imap, groups):
    """"MUST refuse the command with a tagged NO response (not a BAD)", and BADEVENT lists all that there are."""
    r = imap.cmd(f"NOTIFY SET {groups}")
    assert r.status == "NO" and r.code.startswith("BADEVENT (")
    assert set(r.code[10:-1].split()) == {
        "MessageNew", "MessageExpunge", "FlagChange", "AnnotationChange", "MailboxName", "SubscriptionChange",
        "MailboxMetadataChange", "ServerMetadataChange"}


@pytest.mark.parametrize("groups", [
    "(SELECTED NONE)", f"(Selected-Delayed {ALL})", f"(INBOXES {NEW})", "(personal (MailboxName SubscriptionChange))",
    f"(subscribed {NEW})", f"(subtree INBOX.a {NEW})", f"(subtree (INBOX.a INBOX.b) {NEW})",
    f"(mailboxes INBOX {NEW})", f'(mailboxes ("INBOX" INBOX.x) {NEW})', f"(subtree-one INBOX {NEW})",
    "(mailboxes (a..b) (MailboxName))", "(personal (mailboxmetadatachange servermetadatachange))",
    f"(selected (messagenew (uid body.peek[header.fields (from to subject)]) messageexpunge)) (subtree Lists {NEW})"])
def test_8_all_that_may_be_asked(imap, groups):
    imap.ok(f"NOTIFY SET {groups}")
    imap.ok(f"NOTIFY SET STATUS {groups}")
    imap.ok("NOTIFY NONE")


def test_3_1_no_notify_no_news(pair):
    """"Until the NOTIFY command is used ... the server only sends notifications while a command is being processed"."""
    c, other = pair
    c.ok("SELECT INBOX")
    append(other, "INBOX", MAIL)
    append(other, "INBOX.a", MAIL)
    assert has(c.ok("NOOP"), r"1 EXISTS")
    assert not has(c.ok("NOOP"), r"STATUS")


def test_3_1_none_means_nothing_at_all(pair):
    """Not even EXISTS; "the client is not interested in any kind of event"."""
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    c.ok("NOTIFY NONE")
    append(other, "INBOX", MAIL)
    assert c.ok("NOOP").untagged == []
    assert c.ok("CHECK").untagged == []
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    assert c.ok("NOOP").untagged == []
    assert has(c.ok("FETCH 1 UID"), r"1 FETCH \(UID 1\)")
    notify(c, f"(selected {NEW})")
    assert has(c.ok("SELECT INBOX"), "1 EXISTS")


def test_3_1_set_implies_noop(pair):
    """"MUST cause the server to immediately return any accumulated changes"."""
    c, other = pair
    c.ok("SELECT INBOX")
    append(other, "INBOX", MAIL)
    assert has(c.ok(f"NOTIFY SET (selected {NEW})"), "1 EXISTS")
    append(other, "INBOX", MAIL)
    told(c, "2 EXISTS")
    c.ok("NOTIFY NONE")
    append(other, "INBOX", MAIL)
    r = c.ok("NOTIFY SET (personal NONE)")
    assert has(r, "3 EXISTS")


def test_3_1_without_selected_none_of_its_events(pair):
    """"This is the same as specifying SELECTED NONE"."""
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, f"(personal {ALL})")
    append(other, "INBOX", MAIL)
    assert sentinel(c, other) == []
    assert c.ok("NOOP").untagged == []


def test_3_1_replaces(pair):
    c, other = pair
    notify(c, f"(mailboxes INBOX.a {NEW})")
    append(other, "INBOX.a", MAIL)
    assert len(sentinel(c, other)) == 1
    notify(c, "(mailboxes INBOX (MailboxName))")
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []


def test_3_1_status(pair):
    """What the first STATUS responses have, by the events."""
    c, other = pair
    append(other, "INBOX.a", MAIL)
    other.ok("CREATE INBOX.b")
    other.ok("CREATE INBOX.c")
    r = c.ok(f"NOTIFY SET STATUS (mailboxes INBOX.a {NEW}) (mailboxes INBOX.b {ALL}) (mailboxes INBOX.c (MailboxName))")
    a, b = [line for line in map(bytes.decode, r.untagged) if line.startswith("STATUS")]
    assert "INBOX.a" in a and "INBOX.b" in b
    assert items(a).keys() >= {"MESSAGES", "UIDNEXT", "UIDVALIDITY"} and items(a)["MESSAGES"] == 1
    assert items(b).keys() >= {"MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ"}


def test_3_1_status_not_of_the_selected(pair):
    c, other = pair
    c.ok("SELECT INBOX.a")
    r = c.ok(f"NOTIFY SET STATUS (selected {NEW}) (mailboxes (INBOX.a INBOX) {NEW})")
    assert [line for line in r.untagged if b"STATUS" in line and b"INBOX.a" in line] == []
    assert has(r, r'STATUS "?INBOX"? ')


def test_5_none_as_a_snapshot(pair):
    """"NOTIFY SET ... NONE can be used as a snapshot facility"."""
    c, other = pair
    assert has(c.ok("NOTIFY SET STATUS (mailboxes INBOX.a NONE)"), r"STATUS INBOX.a \(MESSAGES 0 UIDNEXT 1 UIDV")
    append(other, "INBOX.a", MAIL)
    assert c.ok("NOOP").untagged == []


def test_3_1_unknown_names_are_ignored(pair):
    c, other = pair
    r = notify(c, f"(mailboxes (INBOX.nothing user.nobody &&) {NEW}) (subtree nowhere {ALL})", "STATUS")
    assert len(r.untagged) == 1                 # the sentinel's


@pytest.fixture
def stranger(server, pair, user):
    """Another user's session, his name, and the first one's mailboxes as he sees them."""
    name = server.new_user()
    return server.login(name), name, f"user.{user}"


def test_3_1_no_access(pair, stranger):
    """l without r: "an untagged extended LIST response containing the \\NoAccess"; without l, silence."""
    (_, other), (s, name, home) = pair, stranger
    other.ok(f"SETACL INBOX.a {name} l")
    r = s.ok(f"NOTIFY SET STATUS (mailboxes ({home}.a {home}.sentinel {home}) {NEW})")
    assert [x.decode() for x in r.untagged] == [f'LIST (\\NoAccess \\HasNoChildren) "." {home}.a']
    append(other, "INBOX.a", MAIL)
    other.ok(f"SETACL INBOX.a {name} lr")
    assert told(s, "STATUS") == [
        f'LIST (\\HasNoChildren) "." {home}.a',
        f"STATUS {home}.a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY {validity(other, 'INBOX.a')})"]


# --- 4: IDLE ---

def test_4_idle_tells_the_same(pair):
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, f"(mailboxes INBOX.a {NEW}) (personal (MailboxName))")
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")
    append(other, "INBOX", MAIL)
    append(other, "INBOX.a", MAIL)
    told(c, "STATUS INBOX.a")
    other.ok("CREATE INBOX.new")
    assert [x.split()[0] for x in told(c, "LIST .* INBOX$")] == ["LIST", "LIST"]
    c.send("DONE\r\n")
    assert c.wait("i").untagged == []


def test_4_idle_after_none(pair):
    c, other = pair
    c.ok("SELECT INBOX")
    c.ok("NOTIFY NONE")
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")
    append(other, "INBOX", MAIL)
    c.send("DONE\r\n")
    assert c.wait("i").untagged == []


# --- 5: events ---

def test_5_not_what_the_client_does_itself(pair):
    """"The server SHOULD omit notifying the client if the event is caused by this client."""
    c, other = pair
    c.ok("SELECT INBOX")
    append(c, "INBOX", MAIL)
    append(c, "INBOX", MAIL)
    events = ("(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange MailboxMetadataChange "
              "ServerMetadataChange)")
    c.ok(f"NOTIFY SET (selected {ALL}) (personal {events})")
    for command in ["CREATE INBOX.b", "RENAME INBOX.b INBOX.c", "COPY 1 INBOX.a", "MOVE 1 INBOX.c", "SUBSCRIBE INBOX.c",
                    "CREATE INBOX.c.d", "RENAME INBOX.c INBOX.e", "UNSUBSCRIBE INBOX.c", "DELETE INBOX.e.d",
                    'SETMETADATA INBOX.a (/private/comment "x")', 'SETMETADATA "" (/private/comment "y")',
                    "SETACL INBOX.e somebody lr", "UNSELECT", "SELECT INBOX.a", r"STORE 1 +FLAGS (\Deleted)", "CLOSE",
                    "SELECT INBOX.e", r"STORE 1 +FLAGS (\Seen)", "SELECT INBOX"]:
        odd = [u for u in c.ok(command).untagged if re.match(rb"STATUS|LIST|METADATA", u)]
        assert not odd, (command, odd)
    append(c, "INBOX.a", MAIL)
    assert sentinel(c, other) == []


def test_5_1_flag_change_selected(pair):
    """"an unsolicited FETCH response, which MUST include UID and FLAGS"."""
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, f"(selected {ALL})")
    other.ok(r"STORE 1 +FLAGS (\Answered)")
    assert told(c, "1 FETCH") == [r"1 FETCH (FLAGS (\Recent \Answered) UID 1)"]


def test_5_1_no_flag_change_unless_asked_for(pair):
    c, other = pair
    append(other, "INBOX", MAIL)
    append(other, "INBOX.a", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, f"(selected {NEW}) (mailboxes INBOX.a {NEW})")
    other.ok(r"STORE 1 +FLAGS (\Answered)")
    other.ok("SELECT INBOX.a")
    other.ok(r"STORE 1 +FLAGS (\Seen)")
    assert sentinel(c, other) == []
    assert c.ok("NOOP").untagged == []


def test_5_1_annotation_change_selected(pair):
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew MessageExpunge AnnotationChange))")
    other.ok(r'STORE 1 ANNOTATION (/comment (value.priv "to do"))')
    seen = told(c, "1 FETCH")
    assert len(seen) == 1 and "ANNOTATION (/comment)" in seen[0] and "UID 1" in seen[0]
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert sentinel(c, other) == []


def test_5_1_annotation_change_elsewhere(pair):
    c, other = pair
    append(other, "INBOX.a", MAIL)
    c.ok("ENABLE CONDSTORE")
    other.ok("SELECT INBOX.a")
    notify(c, "(mailboxes INBOX.a (MessageNew MessageExpunge AnnotationChange))")
    other.ok(r'STORE 1 ANNOTATION (/comment (value.shared "to do"))')
    assert items(told(c, "STATUS")[0]).keys() == {"UIDVALIDITY", "HIGHESTMODSEQ"}


def test_5_1_flag_change_elsewhere_condstore(pair):
    """"a STATUS response that includes at least HIGHESTMODSEQ and UIDVALIDITY"."""
    c, other = pair
    append(other, "INBOX.a", MAIL)
    other.ok("SELECT INBOX.a")
    c.ok("ENABLE CONDSTORE")
    notify(c, f"(mailboxes INBOX.a {ALL})")
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    seen = items(told(c, "STATUS")[0])
    assert seen == {"HIGHESTMODSEQ": seen["HIGHESTMODSEQ"], "UIDVALIDITY": validity(other, "INBOX.a")}
    other.ok(r"STORE 1 +FLAGS (\Seen)")
    more = items(told(c, "STATUS")[0])
    assert more["UNSEEN"] == 0 and more["HIGHESTMODSEQ"] > seen["HIGHESTMODSEQ"]


def test_5_1_flag_change_elsewhere_without_condstore(pair):
    r"""UNSEEN, if \Seen has changed; of other flags nothing."""
    c, other = pair
    append(other, "INBOX.a", MAIL)
    other.ok("SELECT INBOX.a")
    notify(c, f"(mailboxes INBOX.a {ALL})")
    other.ok(r"STORE 1 +FLAGS (\Flagged)")
    assert sentinel(c, other) == []
    other.ok(r"STORE 1 +FLAGS (\Seen)")
    assert items(told(c, "STATUS")[0]) == {"UIDVALIDITY": validity(other, "INBOX.a"), "UNSEEN": 0}


def test_5_1_new_uidvalidity(pair):
    """"the server MUST notify the client about mailbox UIDVALIDITY changes"."""
    c, other = pair
    before = validity(other, "INBOX.a")
    notify(c, f"(mailboxes INBOX.a {ALL})")
    other.ok("DELETE INBOX.a")
    other.ok("CREATE INBOX.a")
    seen = items(told(c, "STATUS")[0])
    assert seen["UIDVALIDITY"] == validity(other, "INBOX.a") != before and seen["MESSAGES"] == 0


def test_5_2_new_selected(pair):
    """"an unsolicited EXISTS response, followed by an unsolicited FETCH response"."""
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (UID BODY.PEEK[HEADER.FIELDS (From To Subject)]) MessageExpunge))")
    append(other, "INBOX", MAIL)
    seen = told(c, "1 FETCH")
    assert seen[0] == "1 EXISTS"
    assert seen[-1].startswith("1 FETCH (UID 1 BODY[HEADER.FIELDS (") and "good morning" in seen[-1]
    append(other, "INBOX", MAIL)
    assert told(c, "2 FETCH")[0] == "2 EXISTS"


def test_5_2_new_selected_without_items(pair):
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, f"(selected {NEW})")
    append(other, "INBOX", MAIL)
    told(c, "1 EXISTS")
    assert [x for x in sentinel(c, other) if "FETCH" in x] == []


def test_5_2_several_in_one_exists(pair):
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (UID INTERNALDATE) MessageExpunge))")
    for _ in range(4):
        append(other, "INBOX.a", MAIL)
    other.ok("SELECT INBOX.a")
    other.ok("COPY 1:* INBOX")
    seen = told(c, "4 FETCH")
    assert seen[0] == "4 EXISTS"
    assert [x.split(" INTERNALDATE")[0] for x in seen if "FETCH" in x] == [f"{n} FETCH (UID {n}" for n in range(1, 5)]


def test_5_2_no_fetch_of_ones_own(pair):
    """"A FETCH response SHOULD NOT be generated for a new message created by the client on this particular connection"."""
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (UID) MessageExpunge))")
    r = append(c, "INBOX", MAIL)
    assert has(r, "1 EXISTS") and not has(r, "FETCH")
    r = c.ok("COPY 1 INBOX")
    assert has(r, "2 EXISTS") and not has(r, "FETCH")
    append(other, "INBOX", MAIL)
    assert [x for x in told(c, "3 FETCH") if "FETCH" in x] == ["3 FETCH (UID 3)"]


def test_5_2_data_items_leave_seen_alone(pair):
    c, other = pair
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (BODY[TEXT]) MessageExpunge))")
    append(other, "INBOX", MAIL)
    assert "Hello" in told(c, "1 FETCH")[-1]
    assert not has(c.ok("FETCH 1 FLAGS"), r"\\Seen")


def test_5_2_new_elsewhere(pair):
    c, other = pair
    notify(c, f"(mailboxes INBOX.a {NEW})")
    append(other, "INBOX.a", MAIL)
    append(other, "INBOX.a", MAIL)
    assert items(told(c, r"STATUS INBOX.a .*MESSAGES 2")[-1])["UIDNEXT"] == 3


@pytest.mark.parametrize("enable", ["CONDSTORE", "QRESYNC"])
def test_5_2_new_elsewhere_condstore(pair, enable):
    """"the HIGHESTMODSEQ status data item MUST be included"."""
    c, other = pair
    c.ok(f"ENABLE {enable}")
    notify(c, f"(mailboxes INBOX.a {NEW})")
    append(other, "INBOX.a", MAIL)
    assert items(told(c, "STATUS")[0]).keys() >= {"UIDNEXT", "MESSAGES", "HIGHESTMODSEQ"}


def test_5_2_condstore_in_the_selected(pair):
    c, other = pair
    c.ok("ENABLE CONDSTORE")
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (UID FLAGS MODSEQ) MessageExpunge FlagChange))")
    append(other, "INBOX", MAIL)
    assert re.search(r"MODSEQ \(\d+\)", told(c, "1 FETCH")[-1])
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS (\Seen)")
    assert re.search(r"MODSEQ \(\d+\)", told(c, "1 FETCH")[-1])


def test_5_3_expunge_selected(pair):
    c, other = pair
    for _ in range(3):
        append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    notify(c, f"(selected {NEW})")
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert told(c, "1 EXPUNGE") == ["1 EXPUNGE"] and told(c, "1 EXPUNGE") == ["1 EXPUNGE"]


@pytest.mark.parametrize("enable", ["QRESYNC", "UIDONLY"])
def test_5_3_vanished(pair, enable):
    c, other = pair
    for _ in range(3):
        append(other, "INBOX", MAIL)
    c.ok(f"ENABLE {enable}")
    c.ok("SELECT INBOX")
    notify(c, "(selected (MessageNew (UID FLAGS) MessageExpunge FlagChange))")
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    told(c, "VANISHED 1:2$")
    append(other, "INBOX", MAIL)
    told(c, r"4 UIDFETCH \(FLAGS" if enable == "UIDONLY" else r"2 FETCH \(UID 4 FLAGS")


def test_5_3_expunge_elsewhere(pair):
    c, other = pair
    for _ in range(3):
        append(other, "INBOX.a", MAIL)
    notify(c, f"(mailboxes INBOX.a {NEW})")
    other.ok("SELECT INBOX.a")
    other.ok(r"STORE 1:2 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    seen = items(told(c, "STATUS")[0])
    assert (seen["UIDNEXT"], seen["MESSAGES"]) == (4, 1)


def test_5_4_create(pair):
    """"the mailbox itself and its direct parent ... are considered to be affected"."""
    c, other = pair
    notify(c, "(personal (MailboxName))")
    other.ok("CREATE INBOX.a.b")
    assert told(c, r"LIST .* INBOX\.a$") == [r'LIST (\HasNoChildren) "." INBOX.a.b', r'LIST (\HasChildren) "." INBOX.a']


def test_5_4_delete(pair):
    c, other = pair
    other.ok("CREATE INBOX.a.b")
    notify(c, "(subtree INBOX.a (MailboxName))")
    other.ok("DELETE INBOX.a.b")
    assert told(c, r"LIST .* INBOX\.a$") == [
        r'LIST (\NonExistent \HasNoChildren) "." INBOX.a.b', r'LIST (\HasNoChildren) "." INBOX.a']


def test_5_4_parent_that_does_not_exist(server, pair, user):
    c, other = pair
    notify(c, "(subtree INBOX.x (MailboxName))")
    other.ok("CREATE INBOX.x.y")
    assert told(c, r"LIST .* INBOX\.x$") == [
        r'LIST (\HasNoChildren) "." INBOX.x.y', r'LIST (\NonExistent \HasChildren) "." INBOX.x']


def test_5_4_rename(pair):
    """"the OLDNAME extended data item"; "No additional MailboxName events are sent for children"."""
    c, other = pair
    other.ok("CREATE INBOX.a.b")
    other.ok("CREATE INBOX.a.b.c")
    notify(c, "(personal (MailboxName))")
    other.ok("RENAME INBOX.a INBOX.z")
    assert sentinel(c, other) == [r'LIST (\HasChildren) "." INBOX.z ("OLDNAME" (INBOX.a))']


def test_5_4_rename_of_what_is_named(pair):
    """Out of what is watched, and into it."""
    c, other = pair
    notify(c, "(mailboxes (INBOX.a INBOX.q) (MailboxName))")
    other.ok("RENAME INBOX.a INBOX.p")
    assert sentinel(c, other) == [r'LIST (\HasNoChildren) "." INBOX.p ("OLDNAME" (INBOX.a))']
    other.ok("RENAME INBOX.p INBOX.q")
    assert sentinel(c, other) == [r'LIST (\HasNoChildren) "." INBOX.q ("OLDNAME" (INBOX.p))']


def test_5_4_made_anew_at_once(pair):
    """Renamed away, and another one has the name."""
    c, other = pair
    notify(c, "(subtree INBOX.a (MailboxName))")
    c.send("w IDLE\r\n")
    other.ok("RENAME INBOX.a INBOX.old")
    other.ok("CREATE INBOX.a")
    assert [x for x in sentinel_idling(c, other) if "LIST" in x] == [
        r'LIST (\HasNoChildren) "." INBOX.old ("OLDNAME" (INBOX.a))', r'LIST (\HasNoChildren) "." INBOX.a']


def sentinel_idling(c, other):
    assert c.response().startswith(b"+")
    return sentinel(c, other)


def test_5_4_inbox(pair):
    """"No MailboxName event is sent for INBOX in this case."""
    c, other = pair
    append(other, "INBOX", MAIL)
    notify(c, "(personal (MailboxName)) (mailboxes (INBOX INBOX.r) (MessageNew MessageExpunge))")
    other.ok("RENAME INBOX INBOX.r")
    seen = sentinel(c, other)
    assert [x for x in seen if x.startswith("LIST") and x.endswith('"." INBOX.r')]
    assert {(items(x)["MESSAGES"], "INBOX.r" in x) for x in seen if x.startswith("STATUS")} >= {(0, False), (1, True)}


def test_5_4_rights(pair, stranger):
    """"granting or revocation of the 'l' right ... MUST be considered mailbox creation or deletion"."""
    (_, other), (s, name, home) = pair, stranger
    s.ok(f"NOTIFY SET (subtree {home}.a (MailboxName))")
    other.ok(f"SETACL INBOX.a {name} lr")
    assert told(s, "LIST") == [rf'LIST (\HasNoChildren) "." {home}.a']
    other.ok(f"SETACL INBOX.a {name} +x")
    other.ok(f"DELETEACL INBOX.a {name}")
    seen = told(s, "LIST")
    assert len(seen) == 1 and r"\NonExistent" in seen[0] and seen[0].endswith(f"{home}.a")


def test_5_4_names_in_their_form(make_server):
    """With altnamespace and unixhierarchysep; UTF-8 after ENABLE."""
    srv = make_server({"altnamespace": "yes", "unixhierarchysep": "yes"})
    user = srv.new_user()
    c, other = srv.login(user), srv.login(user)
    c.ok("NOTIFY SET (personal (MailboxName))")
    other.ok("CREATE top")
    assert told(c, "LIST") == [r'LIST (\HasNoChildren) "/" top']
    other.ok("CREATE top/caf&AOk-")
    assert told(c, "LIST .* top$") == [r'LIST (\HasNoChildren) "/" top/caf&AOk-', r'LIST (\HasChildren) "/" top']
    c.ok("ENABLE IMAP4rev2")
    other.ok("RENAME top/caf&AOk- top/b&AOk-")
    assert c.response().decode() == '* LIST (\\HasNoChildren) "/" "top/b\u00e9" ("OLDNAME" ("top/caf\u00e9"))'
    # Only what is in INBOX/ is below INBOX.
    other.ok("CREATE INBOX/in")
    told(c, "LIST .*INBOX$")
    c.ok(f"NOTIFY SET (subtree INBOX {NEW})")
    append(other, "top", MAIL)
    append(other, "INBOX/in", MAIL)
    assert len(told(c, 'STATUS "?INBOX/in')) == 1
    found = [u.decode() for u in c.ok("ESEARCH IN (subtree INBOX) RETURN (COUNT) ALL").untagged]
    assert len(found) == 1 and "INBOX/in" in found[0]
    c.ok(f"NOTIFY SET (subtree-one INBOX {NEW})")
    append(other, "top", MAIL)
    append(other, "INBOX/in", MAIL)
    assert len(told(c, 'STATUS "?INBOX/in')) == 1


def test_5_5_subscription(pair):
    r""""If and only if the mailbox is subscribed after the event, the \Subscribed attribute"."""
    c, other = pair
    notify(c, "(personal (SubscriptionChange))")
    other.ok("SUBSCRIBE INBOX.a")
    assert told(c, "LIST") == [r'LIST (\Subscribed \HasNoChildren) "." INBOX.a']
    other.ok("UNSUBSCRIBE INBOX.a")
    assert told(c, "LIST") == [r'LIST (\HasNoChildren) "." INBOX.a']
    other.ok("CREATE INBOX.b")
    assert sentinel(c, other) == []


def test_5_6_mailbox_metadata(pair):
    """"Only the changed metadata SHOULD be included"; one that is deleted always."""
    c, other = pair
    other.ok('SETMETADATA INBOX.a (/shared/comment "one" /private/comment "mine")')
    notify(c, "(personal (MailboxMetadataChange))")
    other.ok('SETMETADATA INBOX.a (/shared/comment "two")')
    assert told(c, "METADATA") == ["METADATA INBOX.a /shared/comment"]
    other.ok("SETMETADATA INBOX.a (/private/comment NIL)")
    assert told(c, "METADATA") == ["METADATA INBOX.a /private/comment"]
    other.ok(r'SETMETADATA INBOX.a (/private/specialuse "\\Junk")')
    assert told(c, "METADATA") == ["METADATA INBOX.a /private/specialuse"]


def test_5_6_others_private_notes_are_theirs(pair, stranger):
    (c, other), (s, name, home) = pair, stranger
    other.ok(f"SETACL INBOX.a {name} lrw")
    notify(c, "(mailboxes INBOX.a (MailboxMetadataChange))")
    s.ok(f'SETMETADATA {home}.a (/private/comment "his")')
    assert sentinel(c, other) == []
    s.ok(f'SETMETADATA {home}.a (/shared/comment "all")')
    assert told(c, "METADATA") == ["METADATA INBOX.a /shared/comment"]


def test_5_6_of_the_selected(pair):
    """"Non-message-related notifications are controlled by mailbox specifiers other than SELECTED" (3.1)."""
    c, other = pair
    c.ok("SELECT INBOX.a")
    notify(c, f"(selected {NEW}) (personal (MailboxMetadataChange))")
    other.ok('SETMETADATA INBOX.a (/shared/comment "two")')
    assert told(c, "METADATA") == ["METADATA INBOX.a /shared/comment"]


def test_5_7_server_metadata(pair, server):
    c, other = pair
    notify(c, "(mailboxes INBOX (ServerMetadataChange))")
    server.admin().ok('SETMETADATA "" (/shared/vendor/chapar/test "all")')
    assert told(c, "METADATA") == ['METADATA "" /shared/vendor/chapar/test']
    other.ok('SETMETADATA "" (/private/comment "one")')
    assert told(c, "METADATA") == ['METADATA "" /private/comment']
    other.ok('SETMETADATA "" (/private/comment NIL)')
    assert told(c, "METADATA") == ['METADATA "" /private/comment']
    server.admin().ok('SETMETADATA "" (/shared/vendor/chapar/test NIL)')
    assert told(c, "METADATA") == ['METADATA "" /shared/vendor/chapar/test']


def test_5_9_access_is_lost_and_comes_back(pair, stranger):
    """"the server MUST stop monitoring these mailboxes.  If access is later granted, the server MUST restart"."""
    (_, other), (s, name, home) = pair, stranger
    other.ok(f"SETACL INBOX.a {name} lr")
    s.ok(f"NOTIFY SET (mailboxes ({home}.a INBOX.other) {NEW})")
    append(other, "INBOX.a", MAIL)
    told(s, rf"STATUS {home}.a .*MESSAGES 1")
    other.ok(f"DELETEACL INBOX.a {name}")
    assert r"\NoAccess" in told(s, "LIST")[0]
    append(other, "INBOX.a", MAIL)
    other.ok(f"SETACL INBOX.a {name} lr")
    seen = told(s, "STATUS")
    assert seen[0] == rf'LIST (\HasNoChildren) "." {home}.a' and items(seen[1])["MESSAGES"] == 2 and len(seen) == 2


# --- 6: mailboxes ---

def test_6_groups_add_up(pair):
    c, other = pair
    c.ok(f"NOTIFY SET (mailboxes INBOX {NEW}) (personal (SubscriptionChange))")
    append(other, "INBOX", MAIL)
    told(c, "STATUS")
    other.ok("SUBSCRIBE INBOX")
    told(c, "LIST")


def test_6_none_before_others(pair):
    c, other = pair
    c.ok(f"NOTIFY SET (mailboxes INBOX.a NONE) (personal {NEW})")
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []


def test_6_selected_overrides(pair):
    """No STATUS of the selected mailbox, whatever else it is in; when it is left, there is again."""
    c, other = pair
    c.ok("SELECT INBOX.a")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal {ALL})")
    append(other, "INBOX.a", MAIL)
    assert [x for x in told(c, "1 EXISTS") if "STATUS" in x] == []
    told(c, "1 RECENT")
    c.ok("UNSELECT")
    assert sentinel(c, other) == []
    append(other, "INBOX.a", MAIL)
    assert items(told(c, "STATUS INBOX.a")[-1])["MESSAGES"] == 2
    c.ok("SELECT INBOX")
    append(other, "INBOX.a", MAIL)
    assert items(told(c, "STATUS INBOX.a")[-1])["MESSAGES"] == 3
    c.ok("SELECT INBOX.a")
    append(other, "INBOX.a", MAIL)
    assert [x for x in told(c, "4 EXISTS") if "STATUS" in x] == []


def test_6_1_1_immediately(pair):
    """FETCH itself tells no EXPUNGE; what comes after it does."""
    c, other = pair
    for _ in range(2):
        append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    c.ok(f"NOTIFY SET (selected {NEW})")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    told(c, "1 EXPUNGE")
    assert has(c.ok("UID FETCH 2 FLAGS"), "1 FETCH")


def test_6_1_2_delayed(pair):
    """"delay a MessageExpunge event until the client issues a command that allows returning information about expunged"."""
    c, other = pair
    for _ in range(2):
        append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, f"(selected-delayed {ALL})")
    other.ok(r"STORE 1 +FLAGS (\Deleted)")
    told(c, "1 FETCH")
    other.ok("EXPUNGE")
    append(other, "INBOX", MAIL)
    told(c, "3 EXISTS")
    assert "EXPUNGE" not in " ".join(sentinel(c, other))
    assert has(c.ok("FETCH 2 UID"), r"2 FETCH \(UID 2\)")
    assert has(c.ok("NOOP"), "1 EXPUNGE")


def test_6_1_2_delayed_until_idle(pair):
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, f"(selected-delayed {NEW})")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    assert "EXPUNGE" not in " ".join(sentinel(c, other))
    c.send("i IDLE\r\n")
    assert c.response().startswith(b"+")
    told(c, "1 EXPUNGE")
    c.send("DONE\r\n")
    c.wait("i")


def test_6_2_personal(pair, stranger, user):
    """His own, those made later too; not others'."""
    (c, other), (s, name, home) = pair, stranger
    s.ok("CREATE INBOX.shared")
    s.ok(f"SETACL INBOX.shared {user} lrswi")
    c.ok(f"NOTIFY SET (personal {NEW})")
    append(s, "INBOX.shared", MAIL)
    other.ok("CREATE INBOX.later")
    append(other, "INBOX.later", MAIL)
    assert not [x for x in told(c, "STATUS INBOX.later .*MESSAGES 1") if "shared" in x]


def test_6_3_inboxes(pair):
    """Those "to which messages may be delivered": INBOX, and what anyone may post to; from then on."""
    c, other = pair
    notify(c, f"(inboxes {NEW})")
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []
    append(other, "INBOX", MAIL)
    told(c, 'STATUS "?INBOX"? ')
    other.ok("SETACL INBOX.a anyone p")
    told(c, "STATUS INBOX.a .*MESSAGES 1")
    append(other, "INBOX.a", MAIL)
    told(c, "STATUS INBOX.a .*MESSAGES 2")


def test_6_4_subscribed(pair):
    """"If the subscription list changes, the server MUST reevaluate the list."""
    c, other = pair
    other.ok("CREATE INBOX.b")
    other.ok("SUBSCRIBE INBOX.sentinel")
    c.ok(f"NOTIFY SET (subscribed {NEW})")
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []
    other.ok("SUBSCRIBE INBOX.a")
    told(c, "STATUS INBOX.a .*MESSAGES 1")
    append(other, "INBOX.a", MAIL)
    told(c, "STATUS INBOX.a .*MESSAGES 2")
    other.ok("UNSUBSCRIBE INBOX.a")
    other.ok("SUBSCRIBE INBOX.b")
    told(c, "STATUS INBOX.b ")          # the list has been looked at
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []
    c.ok("SUBSCRIBE INBOX.a")           # by the session itself
    append(other, "INBOX.a", MAIL)
    told(c, "STATUS INBOX.a .*MESSAGES 4")


def test_6_5_subtree(pair):
    c, other = pair
    for name in ["INBOX.a.b", "INBOX.a.b.c", "INBOX.ab", "INBOX.z"]:
        other.ok(f"CREATE {name}")
    notify(c, f"(subtree (INBOX.a INBOX.z) {NEW})")
    for name in ["INBOX.ab", "INBOX.a", "INBOX.a.b", "INBOX.a.b.c", "INBOX.z", "INBOX"]:
        append(other, name, MAIL)
    assert sorted(x.split()[1] for x in sentinel(c, other)) == ["INBOX.a", "INBOX.a.b", "INBOX.a.b.c", "INBOX.z"]


def test_6_6_no_wildcards(pair):
    """"The server MUST NOT do a wildcard expansion."""
    c, other = pair
    notify(c, '(mailboxes ("INBOX.*" "INBOX.%") (MessageNew MessageExpunge))')
    append(other, "INBOX.a", MAIL)
    assert sentinel(c, other) == []


# --- 7: SEARCH and SORT ---

@pytest.mark.parametrize("command", [
    "UID SEARCH RETURN (COUNT UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) FROM alice",
    "UID SORT RETURN (UPDATE(UID BODY.PEEK[HEADER.FIELDS (SUBJECT)]) COUNT) (DATE) UTF-8 FROM alice"])
def test_7_items_of_a_context(pair, command):
    """"EXISTS MUST precede any FETCH responses, and together they MUST precede the ESEARCH response"."""
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    c.ok(command)
    append(other, "INBOX", b"From: eve@example.org\r\n\r\n")
    append(other, "INBOX", MAIL)
    seen = [u.decode() for u in c.ok("NOOP").untagged]
    exists, fetch, esearch = [next(i for i, x in enumerate(seen) if w in x) for w in ("EXISTS", "FETCH", "ESEARCH")]
    assert exists < fetch < esearch
    assert [x for x in seen if "FETCH" in x][0].startswith("3 FETCH (UID 3 BODY[HEADER.FIELDS (SUBJECT)] {")
    assert len([x for x in seen if "FETCH" in x]) == 1
    other.ok("SELECT INBOX")
    other.ok(r"STORE 2 +FLAGS (\Flagged)")
    assert not has(c.ok("NOOP"), "BODY")


def test_7_combined_with_notify(pair):
    """"These attributes SHOULD be combined into a single FETCH response" (5.2)."""
    c, other = pair
    c.ok("SELECT INBOX")
    c.ok("SEARCH RETURN (UPDATE (UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])) FROM alice")
    c.ok("NOTIFY SET (selected (MessageNew (UID INTERNALDATE) MessageExpunge))")
    append(other, "INBOX", MAIL)
    seen = told(c, "ESEARCH")
    assert [x.split()[1] for x in seen if x[0].isdigit()] == ["EXISTS", "RECENT", "FETCH"]
    assert seen[-2].startswith("1 FETCH (UID 1 INTERNALDATE ") and "BODY[HEADER.FIELDS (SUBJECT)]" in seen[-2]
    append(other, "INBOX", b"From: eve@example.org\r\n\r\n")
    assert "BODY" not in told(c, "2 FETCH")[-1]


def test_5_1_fetch_before_esearch(pair):
    """"the FETCH response MUST precede the ESEARCH response"; 5.3: REMOVEFROM when it is expunged."""
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("SELECT INBOX")
    c.ok("UID SEARCH RETURN (UPDATE) FLAGGED")
    c.ok(f"NOTIFY SET (selected {ALL})")
    other.ok("SELECT INBOX")
    other.ok(r"STORE 1 +FLAGS (\Flagged \Deleted)")
    seen = told(c, "ESEARCH")
    assert "FETCH" in seen[0] and "ADDTO (0 1)" in seen[1]
    other.ok("EXPUNGE")
    assert "REMOVEFROM (0 1)" in told(c, "1 EXPUNGE")[0]


# --- the rest of the protocol ---

def test_8437_unauthenticate_ends_it(pair, user):
    c, other = pair
    c.ok(f"NOTIFY SET (personal {NEW})")
    c.ok("UNAUTHENTICATE")
    append(other, "INBOX", MAIL)
    c.login(user)
    c.ok("SELECT INBOX")
    append(other, "INBOX", MAIL)
    assert has(c.ok("NOOP"), "2 EXISTS")


def test_4978_compressed(pair):
    c, other = pair
    deflate(c)
    c.ok("SELECT INBOX")
    c.ok(f"NOTIFY SET (selected {NEW})")
    append(other, "INBOX", MAIL)
    told(c, "1 EXISTS")


def test_commands_go_on(pair):
    """Pipelined commands are answered while news come."""
    c, other = pair
    c.ok("SELECT INBOX")
    c.ok(f"NOTIFY SET (selected {ALL}) (personal {ALL})")
    append(other, "INBOX", MAIL)
    told(c, "1 EXISTS")
    c.send("".join(f"p{n} UID FETCH 1:* FLAGS\r\n" for n in range(50)))
    for n in range(50):
        if n % 10 == 0:
            append(other, "INBOX.a", MAIL)
        assert c.wait(f"p{n}").status == "OK"
    append(other, "INBOX", MAIL)
    told(c, "2 EXISTS")


def test_two_sessions_are_both_told(server, pair, user):
    c, other = pair
    third = server.login(user)
    for s in (c, third):
        s.ok("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
    other.ok("CREATE INBOX.n")
    append(other, "INBOX.n", MAIL)
    for s in (c, third):
        assert told(s, "STATUS INBOX.n .*MESSAGES 1")[0] == r'LIST (\HasNoChildren) "." INBOX.n'
    c.ok("DELETE INBOX.n")
    assert any(r"\NonExistent" in x for x in told(third, r"LIST \(\\NonEx"))


def test_renamed_while_watched(pair):
    """Its messages are watched under the new name."""
    c, other = pair
    c.ok("NOTIFY SET (personal (MessageNew MessageExpunge MailboxName))")
    other.ok("RENAME INBOX.a INBOX.b")
    append(other, "INBOX.b", MAIL)
    assert told(c, "STATUS INBOX.b .*MESSAGES 1")[0].startswith("LIST")


def test_selected_is_renamed(pair):
    c, other = pair
    c.ok("SELECT INBOX.a")
    c.ok(f"NOTIFY SET (selected {NEW}) (personal (MessageNew MessageExpunge MailboxName))")
    other.ok("RENAME INBOX.a INBOX.b")
    told(c, "LIST .*OLDNAME")
    append(other, "INBOX.b", MAIL)
    assert [x for x in told(c, "1 EXISTS") if "STATUS" in x] == []


def make_many(srv, user, n, parent="many"):
    admin = srv.admin()
    admin.send("".join(f"x{i} CREATE user.{user}.{parent}.{i:05}\r\n" for i in range(n)))
    for i in range(n):
        assert admin.wait(f"x{i}").status == "OK"


def test_some_hundred_mailboxes(server, user, login):
    make_many(server, user, 300)
    c, other = login(), login()
    r = c.ok("NOTIFY SET STATUS (personal (MessageNew MessageExpunge MailboxName)) (subtree INBOX (MessageNew MessageExpunge))")
    assert len(r.untagged) == 301
    append(other, "INBOX.many.00299", MAIL)
    assert len(told(c, "STATUS INBOX.many.00299 .*MESSAGES 1")) == 1
    other.ok("CREATE INBOX.more")
    told(c, "LIST .*INBOX$")
    other.ok("CREATE INBOX.many")
    told(c, r"LIST .*INBOX\.many$")
    other.ok("RENAME INBOX.many INBOX.lots")
    append(other, "INBOX.lots.00001", MAIL)
    seen = told(c, "STATUS INBOX.lots.00001 .*MESSAGES 1")
    assert [x for x in seen if "OLDNAME" in x] == [r'LIST (\HasChildren) "." INBOX.lots ("OLDNAME" (INBOX.many))']


def test_6_4_subscribed_that_did_not_exist(pair):
    c, other = pair
    other.ok("SUBSCRIBE INBOX.a")
    other.ok("DELETE INBOX.a")
    notify(c, f"(subscribed {NEW})")
    other.ok("CREATE INBOX.a")
    append(other, "INBOX.a", MAIL)
    told(c, "STATUS INBOX.a .*MESSAGES 1")


def test_5_1_annotation_change_after_another_select(pair):
    c, other = pair
    append(other, "INBOX", MAIL)
    c.ok("NOTIFY SET (selected (MessageNew MessageExpunge AnnotationChange))")
    for n in range(2):
        c.ok("SELECT INBOX")
        other.ok("SELECT INBOX")
        other.ok(f'STORE 1 ANNOTATION (/comment (value.priv "{n}"))')
        assert "ANNOTATION (/comment)" in told(c, "1 FETCH")[-1]


def test_5_9_no_mail_of_a_selected_mailbox_that_may_not_be_read(pair, stranger):
    (_, other), (s, name, home) = pair, stranger
    other.ok(f"SETACL INBOX.a {name} lr")
    s.ok(f"SELECT {home}.a")
    s.ok(f"NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge)) (personal {NEW})")
    append(other, "INBOX.a", MAIL)
    told(s, "1 FETCH")
    other.ok(f"SETACL INBOX.a {name} l")
    append(other, "INBOX.a", MAIL)
    other.ok(f"SETACL INBOX.sentinel {name} lr")
    r = s.ok(f"NOTIFY SET (selected (MessageNew (BODY.PEEK[]) MessageExpunge)) (mailboxes {home}.sentinel {NEW})")
    assert not has(r, "FETCH")
    append(other, "INBOX.a", MAIL)
    append(other, "INBOX.sentinel", MAIL)
    assert not [x for x in told(s, "STATUS") if "FETCH" in x]


def test_7162_highestmodseq_is_not_repeated(pair):
    """While an expunge is kept back; news of other mailboxes are none of this one."""
    c, other = pair
    for _ in range(2):
        append(other, "INBOX", MAIL)
    c.ok("ENABLE CONDSTORE")
    c.ok("SELECT INBOX")
    other.ok("SELECT INBOX")
    notify(c, f"(selected-delayed {NEW})")
    other.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
    other.ok("EXPUNGE")
    sentinel(c, other)
    for _ in range(3):
        assert sentinel(c, other) == []
    assert has(c.ok("NOOP"), "1 EXPUNGE")
