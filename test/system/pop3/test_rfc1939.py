"""RFC 1939: POP3.  Each case is named after the section that it checks."""
import re
import socket
import struct

import pytest
from chapar import PASSWORD, wait_for


def subjects(server, user):
    c = server.login(user)
    c.ok("EXAMINE INBOX")
    found = [m.group(1) for m in c.ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (SUBJECT)])")
             .all(rb"Subject: (.*?)\r\n")]
    c.close()
    return found


# --- 3. Basic operation ---

def test_3_keywords_in_any_case(pop):
    """"Commands in the POP3 consist of a case-insensitive keyword\""""
    assert pop.ok("stat").text == pop.ok("StAt").text


def test_3_status_in_upper_case(server):
    """"Servers MUST send the "+OK" and "-ERR" in upper case.\""""
    c = server.pop_connect()
    assert c.greeting.line.startswith("+OK ")
    assert c.cmd("nonsense").line.startswith("-ERR ")


@pytest.mark.parametrize("text", ["XYZZY", "", " ", "STAT 1", "NOOP x", "RSET 1", "QUIT now", "RETR",
                                  "DELE", "TOP 1", "TOP", "RETR 1 2", "TOP 1 2 3", "LIST 1 2",
                                  "UIDL 1 2", "RETR one", "RETR -1", "DELE 1x", "TOP 1 x", "LIST 0x1",
                                  "RETR 99999999999999999999", "STAT\0", b"\xff\xfe", " STAT"],
                         ids=repr)
def test_3_invalid_commands(pop, text):
    """"A server MUST respond to an unrecognized, unimplemented, or syntactically
    invalid command by responding with a negative status indicator.\""""
    pop.err(text)
    pop.ok("NOOP")


@pytest.mark.parametrize("text", ["STAT", "LIST", "RETR 1", "DELE 1", "NOOP", "RSET", "TOP 1 1", "UIDL"])
def test_3_incorrect_state_before_login(server, text):
    """"... to a command issued when the session is in an incorrect state ...\""""
    server.pop_connect().err(text)


@pytest.mark.parametrize("text", ["USER x", "PASS x", "APOP x y", "AUTH PLAIN", "STLS", "UTF8"])
def test_3_incorrect_state_after_login(pop, text):
    pop.err(text)
    pop.ok("NOOP")


def test_3_line_ends(pop):
    """A LF alone is taken for an end, too; a CR inside is none."""
    pop.send(b"NOOP\nSTAT\r\nNOOP\rSTAT\r\n")
    assert [pop.reply().ok for _ in range(3)] == [True, True, False]


def test_3_spaces(pop):
    """"Keywords and arguments are each separated by a single SPACE": more are forgiven."""
    assert pop.ok("LIST  2 ").text == pop.ok("LIST 2").text
    assert len(pop.multi("LIST ")) == 3


def test_3_byte_stuffing(server, user):
    """"If any line of the multi-line response begins with the termination octet,
    the line is "byte-stuffed"\""""
    text = b".\r\n..\r\n.x\r\nx.\r\n\r\n.\r\n. \r\na.b\r\n.....\r\n"
    server.deliver(user, b"Subject: dots\r\n\r\n" + text, b".dot: in the header\r\n\r\n.", b".", b"..\r\n.")
    c = server.pop(user)
    assert c.retr(1) == b"Subject: dots\r\n\r\n" + text
    assert c.retr(2) == b".dot: in the header\r\n\r\n.\r\n"
    assert c.retr(3) == b".\r\n"
    assert c.retr(4) == b"..\r\n.\r\n"
    c.send("RETR 1\r\n")
    c.reply()
    raw = b"".join(iter(c.file.readline, b".\r\n"))
    assert raw == b"Subject: dots\r\n\r\n" + re.sub(rb"(?m)^\.", b"..", text)


def test_3_autologout_sends_nothing(server):
    """poptimeout is at least ten minutes: what it is like is in test_limits.py.  Here:
    who hangs up is not in the UPDATE state (section 6)."""
    c = server.pop_connect()
    c.sock.shutdown(socket.SHUT_WR)
    assert c.is_closed()


# --- 4. The AUTHORIZATION state ---

def test_4_greeting(server):
    """"the POP3 server issues a one line greeting\""""
    c = server.pop_connect()
    assert c.greeting.ok and "POP3" in c.greeting.text


def test_4_quit(server):
    c = server.pop_connect()
    assert c.quit().ok


def test_4_may_try_again(server, full):
    """"the client may either issue a new authentication command and start again\""""
    c = server.pop_connect()
    c.ok(f"USER {full}")
    c.err("PASS wrong")
    c.ok(f"USER {full}")
    c.ok(f"PASS {PASSWORD}")
    assert c.ok("STAT").text.startswith("3 ")


def test_4_no_maildrop(server):
    """"If the maildrop cannot be opened for some reason [...] the server may close
    the connection.\""""
    user = server.new_user(inbox=False)
    c = server.pop_connect()
    c.ok(f"USER {user}")
    r = c.err(f"PASS {PASSWORD}")
    assert r.code == "SYS/PERM"
    assert c.is_closed()


def test_4_numbers_and_sizes(pop, messages):
    """"it assigns a message-number to each message, and notes the size of each\""""
    assert pop.multi("LIST") == [b"%d %d" % (i + 1, len(m)) for i, m in enumerate(messages)]


def test_4_no_lock(server, full):
    """Any number of sessions have it open: the view of each stays as it is."""
    first, second = server.pop(full), server.pop(full)
    second.ok("DELE 2")
    assert second.quit().ok
    assert len(first.multi("LIST")) == 3
    assert b"message 2" in first.retr(2)


# --- 5. The TRANSACTION state ---

def test_5_stat(pop, messages):
    """"+OK" followed by a single space, the number of messages in the maildrop, a
    single space, and the size of the maildrop in octets"; nothing behind it"""
    assert pop.ok("STAT").line == f"+OK 3 {sum(map(len, messages))}"
    pop.ok("DELE 2")
    """"messages marked as deleted are not counted in either total\""""
    assert pop.ok("STAT").line == f"+OK 2 {len(messages[0]) + len(messages[2])}"


def test_5_empty(server, user):
    """"If there are no messages in the maildrop, then the POP3 server responds with
    no scan listings\""""
    c = server.pop(user)
    assert c.ok("STAT").line == "+OK 0 0"
    assert c.multi("LIST") == [] and c.multi("UIDL") == []
    for text in ("LIST 1", "RETR 1", "DELE 1", "TOP 1 0", "UIDL 1"):
        c.err(text)
    assert c.quit().ok


def test_5_list_one(pop, messages):
    assert pop.ok("LIST 2").line == f"+OK 2 {len(messages[1])}"
    pop.err("LIST 4")
    pop.err("LIST 0")


def test_5_list_without_deleted(pop):
    """"Note that messages marked as deleted are not listed.\""""
    pop.ok("DELE 2")
    assert [line.split()[0] for line in pop.multi("LIST")] == [b"1", b"3"]
    pop.err("LIST 2")


def test_5_retr(pop, messages):
    for i, m in enumerate(messages):
        assert pop.retr(i + 1) == m
    assert pop.ok("RETR 1").text == f"{len(messages[0])} octets"
    pop.body()
    pop.err("RETR 4")
    pop.err("RETR 0")


def test_5_retr_8bit_and_long_lines(server, user):
    m = b"Subject: x\r\n\r\n" + bytes(range(128, 256)) + b"\r\n" + b"y" * 100000 + b"\r\n"
    server.deliver(user, m)
    assert server.pop(user).retr(1) == m


def test_5_dele(pop):
    """"Any future reference to the message-number associated with the message in a
    POP3 command generates an error.\""""
    pop.ok("DELE 1")
    for text in ("DELE 1", "RETR 1", "TOP 1 0", "LIST 1", "UIDL 1"):
        pop.err(text)
    pop.err("DELE 4")


def test_5_dele_waits_for_quit(server, full, pop):
    """"The POP3 server does not actually delete the message until the POP3 session
    enters the UPDATE state.\""""
    pop.ok("DELE 1")
    assert len(subjects(server, full)) == 3
    assert pop.quit().ok
    assert subjects(server, full) == [b"message 2", b"message 3"]


def test_5_noop(pop):
    assert pop.ok("NOOP").line == "+OK"


def test_5_rset(server, full, pop, messages):
    """"If any messages have been marked as deleted by the POP3 server, they are
    unmarked.\""""
    pop.ok("DELE 1")
    pop.ok("DELE 3")
    pop.ok("RSET")
    assert pop.ok("STAT").line == f"+OK 3 {sum(map(len, messages))}"
    pop.ok("DELE 2")
    pop.quit()
    assert subjects(server, full) == [b"message 1", b"message 3"]


# --- 6. The UPDATE state ---

def test_6_nothing_without_quit(server, full, pop):
    """"If a session terminates for some reason other than a client-issued QUIT
    command, the POP3 session does NOT enter the UPDATE state and MUST not remove any
    messages from the maildrop.\""""
    pop.ok("DELE 1")
    pop.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    pop.close()
    server.clients.remove(pop)
    wait_for("the session's end", lambda: "counts: " in " ".join(server.session_log(full)))
    assert len(subjects(server, full)) == 3


def test_6_not_at_half_a_quit(server, full, pop):
    pop.ok("DELE 1")
    pop.send(b"QUIT")
    pop.sock.shutdown(socket.SHUT_WR)
    assert pop.is_closed()
    assert len(subjects(server, full)) == 3


def test_6_only_what_was_marked(server, full, pop):
    """"In no case may the server remove any messages not marked as deleted.\""""
    c = server.login(full)
    c.ok("SELECT INBOX")
    c.ok("STORE 2 +FLAGS (\\Deleted)")
    server.deliver(full, b"Subject: new\r\n\r\nx\r\n")
    pop.ok("DELE 1")
    assert pop.quit().ok
    assert subjects(server, full) == [b"message 2", b"message 3", b"new"]


def test_6_all_of_it(server, full, pop):
    for i in (1, 2, 3):
        pop.ok(f"DELE {i}")
    assert pop.quit().ok
    assert subjects(server, full) == []
    assert server.pop(full).ok("STAT").line == "+OK 0 0"


# --- 7. Optional commands ---

@pytest.mark.parametrize("lines", [0, 1, 2, 3, 100, 2**32, 2**63])
def test_7_top(pop, messages, lines):
    """"the headers of the message, the blank line separating the headers from the
    body, and then the number of lines of the indicated message's body [...] if the
    number of lines requested is greater than the number of lines in the body, then
    the POP3 server sends the entire message\""""
    header, _, body = messages[0].partition(b"\r\n\r\n")
    want = (header + b"\r\n\r\n").split(b"\r\n")[:-1] + body.split(b"\r\n")[:-1][:lines]
    assert pop.multi(f"TOP 1 {lines}") == want


def test_7_top_stuffs(server, user):
    server.deliver(user, b".a: b\r\n\r\n.x\r\n.y\r\n")
    c = server.pop(user)
    assert c.multi("TOP 1 1") == [b".a: b", b"", b".x"]


def test_7_top_without_a_body(server, user):
    server.deliver(user, b"Subject: only\r\n", b"no header at all")
    c = server.pop(user)
    assert c.multi("TOP 1 5") == [b"Subject: only"]
    assert c.multi("TOP 2 5") == [b"no header at all"]


def test_7_top_arguments(pop):
    for text in ("TOP 1", "TOP 1 -1", "TOP x 1", "TOP 9 1", "TOP 1 1 1"):
        pop.err(text)


def test_7_uidl(server, full, pop):
    """"consisting of one to 70 characters in the range 0x21 to 0x7E, which uniquely
    identifies a message within a maildrop and which persists across sessions\""""
    ids = pop.multi("UIDL")
    assert [i.split(b" ")[0] for i in ids] == [b"1", b"2", b"3"]
    assert all(re.fullmatch(rb"\d+ [\x21-\x7e]{1,70}", i) for i in ids)
    assert len({i.split()[1] for i in ids}) == 3
    assert pop.ok("UIDL 2").line == "+OK " + ids[1].decode()
    pop.close()
    again = server.pop(full)
    assert again.multi("UIDL") == ids
    again.ok("DELE 2")
    again.err("UIDL 2")
    assert again.multi("UIDL") == [ids[0], ids[2]]


def test_7_uidl_is_never_used_again(server, full, pop):
    """"The server should never reuse an unique-id in a given maildrop\""""
    ids = {i.split()[1] for i in pop.multi("UIDL")}
    pop.ok("DELE 3")
    pop.quit()
    server.deliver(full, b"Subject: new\r\n\r\nx\r\n")
    c = server.pop(full)
    assert c.ok("UIDL 3").text.split()[1].encode() not in ids


def test_7_user_says_nothing(server, full):
    """"The server may return a positive response even though no such mailbox exists.\""""
    c = server.pop_connect()
    there = c.ok(f"USER {full}").line
    assert c.ok("USER nobody-of-that-name").line == there
    assert not c.cmd("PASS x").ok


def test_7_pass_right_after_user(server, full):
    """"in the AUTHORIZATION state immediately after a successful USER command\""""
    c = server.pop_connect()
    c.err(f"PASS {PASSWORD}")
    c.ok(f"USER {full}")
    c.multi("CAPA")
    c.err(f"PASS {PASSWORD}")
    c.ok(f"USER {full}")
    c.ok("USER somebody")
    c.ok(f"USER {full}")
    c.ok(f"PASS {PASSWORD}")


def test_7_pass_with_spaces(server):
    """"a POP3 server may treat spaces in the argument as part of the password\""""
    user = server.new_user()
    server.set_password(user, " two  words ")
    c = server.pop_connect()
    c.ok(f"USER {user}")
    c.ok("PASS  two  words ")


def test_7_failures_end(server, full):
    """Five of them end the connection."""
    c = server.pop_connect()
    for _ in range(4):
        c.ok(f"USER {full}")
        assert c.err("PASS x").code == "AUTH"
    c.ok(f"USER {full}")
    c.err("PASS x")
    assert c.is_closed()


# --- 10. The example ---

def test_10_example(server, full, messages):
    c = server.pop_connect()
    c.ok(f"USER {full}")
    c.ok(f"PASS {PASSWORD}")
    assert c.ok("STAT").text == f"3 {sum(map(len, messages))}"
    for i, m in enumerate(messages, 1):
        assert c.retr(i) == m
        c.ok(f"DELE {i}")
    assert c.quit().ok
    assert server.pop(full).ok("STAT").text == "0 0"


# --- 11. Sizes ---

def test_11_sizes_without_stuffing(server, user):
    """"lines in the message which start with the termination octet need not (and must
    not) be counted twice\""""
    m = b"Subject: x\r\n\r\n.\r\n.\r\n"
    server.deliver(user, m)
    c = server.pop(user)
    assert c.ok("LIST 1").text == f"1 {len(m)}"
    assert c.ok("RETR 1").text == f"{len(m)} octets"


