"""cyradm, Cyrus's own administration shell (Debian's libcyrus-imap-perl), on our server."""
import subprocess

import pytest

from chapar import ADMIN, PASSWORD


@pytest.fixture
def cyradm(server):
    """cyradm(command...): the lines that they print, sorted, prompts taken off."""

    def run(*commands):
        r = subprocess.run(
            ["perl", "-MCyrus::IMAP::Shell", "-e", "shell", "--", "--user", ADMIN, "--auth",
             "PLAIN", "--password", PASSWORD, "--port", str(server.imap_port),
             "--server", "127.0.0.1"],
            input="\n".join([*commands, "quit", ""]), capture_output=True, text=True, timeout=60)
        out = (r.stdout + r.stderr).replace("127.0.0.1> ", "")
        return sorted(" ".join(line.split()) for line in out.splitlines() if line.strip())

    return run


def test_life_of_a_user(server, cyradm):
    """Requirements 1.12, the book's session: every command, silent on success."""
    u = server.new_user(inbox=False)
    box = f"user.{u}"
    server.set_password(u)
    assert cyradm(f"createmailbox {box}", f"cm {box}.work", f"createmailbox {box}") == \
        ["createmailbox: [ALREADYEXISTS] Mailbox already exists"]
    assert " ".join(cyradm(f"lm {box}*")) == \
        f"{box} (\\HasChildren) {box}.work (\\HasNoChildren)"
    assert cyradm(f"setaclmailbox {box} joe read", f"sam {box} anyone p",
                  f"listaclmailbox {box}") == ["anyone p", "joe lrs", f"{u} lrswipkxtecdan"]
    assert cyradm(f"deleteaclmailbox {box} anyone", f"lam {box}") == \
        ["joe lrs", f"{u} lrswipkxtecdan"]
    assert cyradm(f"setquota {box} 5000", f"listquota {box}") == ["STORAGE 0/5000 (0%)",
                                                                "quota:5000"]
    assert cyradm(f"listquotaroot {box}.work") == [f"{box} STORAGE 0/5000 (0%)"]
    assert cyradm(f"setquota {box} none", f"listquota {box}") == ["remove quota"]


def test_rename_and_delete(server, cyradm):
    """An administrator has no rights but l and a: first he gives himself x."""
    u = server.new_user()
    box = f"user.{u}"
    cyradm(f"cm {box}.a")
    assert cyradm(f"renamemailbox {box}.a {box}.b") == \
        ["renamemailbox: [NOPERM] Permission denied"]
    assert cyradm(f"sam {box}.a {ADMIN} all", f"renm {box}.a {box}.b", f"lm {box}.b") == \
        [f"{box}.b (\\HasNoChildren)"]
    assert cyradm(f"deletemailbox {box}") == ["deletemailbox: [NOPERM] Permission denied"]
    assert cyradm(f"sam {box} {ADMIN} x", f"dm {box}", f"lm {box}*") == []


def test_what_there_is_not(server, cyradm):
    """A clear error, and the session goes on."""
    box = f"user.{server.new_user()}"
    assert cyradm(f"xfermailbox {box} elsewhere", f"lm {box}") == \
        [f"{box} (\\HasNoChildren)", "xfermailbox: Unrecognized command"]
    assert cyradm("version")[0] == "name : Chapar"
