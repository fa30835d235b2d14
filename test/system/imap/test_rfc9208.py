"""QUOTA (RFC 9208): four resources, QUOTASET, STATUS DELETED and DELETED-STORAGE."""
import base64
import re

import pytest

from listlines import capabilities, status

MESSAGE = b"Subject: x\r\n\r\n" + b"y" * 2000 + b"\r\n"


@pytest.fixture
def box(server):
    """An administrator, and a user with his root."""
    user = server.new_user()
    return server.login("cyrus"), server.login(user), f"user.{user}"


def quotas(reply):
    """{root: {resource: (used, limit)}}."""
    out = {}
    for m in reply.all(rb"^QUOTA (\S+) \((.*)\)$"):
        words = m.group(2).decode().split()
        out[m.group(1).decode().strip('"')] = {
            words[i]: (int(words[i + 1]), int(words[i + 2])) for i in range(0, len(words), 3)}
    return out


def quota(c, root="INBOX"):
    return quotas(c.ok(f"GETQUOTA {root}"))[root]


def limit(admin, root, what):
    return quotas(admin.ok(f"SETQUOTA {root} ({what})"))[root]


def test_5_advertised(imap):
    assert {"QUOTA", "QUOTASET", "QUOTA=RES-STORAGE", "QUOTA=RES-MESSAGE", "QUOTA=RES-MAILBOX",
            "QUOTA=RES-ANNOTATION-STORAGE"} <= capabilities(imap)


@pytest.mark.parametrize("resource,used", [("STORAGE", 0), ("MESSAGE", 0), ("MAILBOX", 1),
                                           ("ANNOTATION-STORAGE", 0)])
def test_4_1_3_setquota(box, resource, used):
    admin, c, root = box
    assert limit(admin, root, f"{resource} 510") == {resource: (used, 510)}
    assert quota(c) == {resource: (used, 510)}


def test_4_1_3_all_of_them(box):
    admin, c, root = box
    want = {"STORAGE": (0, 1), "MESSAGE": (0, 2), "MAILBOX": (1, 3), "ANNOTATION-STORAGE": (0, 4)}
    assert limit(admin, root, "ANNOTATION-STORAGE 4 MAILBOX 3 STORAGE 1 MESSAGE 2") == want
    assert quota(c) == want


@pytest.mark.parametrize("n", [2 ** 54 + 1, 2 ** 63 - 1])
def test_4_1_3_huge(box, n):
    """resource-limit = number64"""
    admin, c, root = box
    c.append("INBOX", MESSAGE)
    limit(admin, root, f"STORAGE {n} MESSAGE {n}")
    assert not c.ok("SELECT INBOX").find(rb"ALERT")
    c.append("INBOX", MESSAGE)


def test_4_1_3_replaces(box):
    """Any previous resource limits for the named quota root are discarded, even
    resource limits not explicitly listed in the SETQUOTA command."""
    admin, c, root = box
    limit(admin, root, "STORAGE 100 MESSAGE 10 MAILBOX 5")
    limit(admin, root, "STORAGE 200")
    assert quota(c) == {"STORAGE": (0, 200)}


def test_4_1_3_none(box):
    admin, c, root = box
    limit(admin, root, "STORAGE 100")
    admin.ok(f"SETQUOTA {root} ()")
    assert c.ok("GETQUOTAROOT INBOX").untagged == [b"QUOTAROOT INBOX"]


def test_4_1_3_unknown_resource(box):
    """NO - setquota error: can't set that data."""
    admin, c, root = box
    limit(admin, root, "STORAGE 100")
    assert admin.cmd(f"SETQUOTA {root} (STORAGE 5 SHOESIZE 46)").status == "NO"
    assert quota(c) == {"STORAGE": (0, 100)}


def test_4_1_3_only_administrators(box):
    _, c, _ = box
    assert c.cmd("SETQUOTA INBOX (STORAGE 1000000)").code == "NOPERM"


def test_4_1_3_63_bits(box):
    """Quota usage and quota limits are now 63-bit unsigned integers."""
    admin, c, root = box
    limit(admin, root, f"STORAGE {2**63 - 1} MESSAGE {2**63 - 1}")
    c.append("INBOX", MESSAGE)
    assert quota(c)["MESSAGE"] == (1, 2**63 - 1)


@pytest.mark.parametrize("args", ["", " (STORAGE)", " (STORAGE -1)", " STORAGE 1", " (STORAGE 1",
                                  " (STORAGE 1 MESSAGE)", " (1 1)x", f" (STORAGE {2**64})"])
def test_7_syntax(box, args):
    admin, _, root = box
    assert admin.cmd(f"SETQUOTA {root}{args}").status == "BAD"


def test_4_1_1_no_such_root(box):
    admin, c, _ = box
    assert c.cmd("GETQUOTA INBOX").status == "NO"
    assert admin.cmd("GETQUOTA no.such.root").status == "NO"


def test_6_not_of_others(server, box):
    admin, _, root = box
    limit(admin, root, "STORAGE 100")
    other = server.login(server.new_user())
    assert other.cmd(f"GETQUOTA {root}").status == "NO"
    assert other.cmd(f"GETQUOTAROOT {root}").status == "NO"


def test_4_1_2_getquotaroot(box):
    admin, c, root = box
    limit(admin, root, "STORAGE 100 MAILBOX 9")
    c.ok("CREATE INBOX.a")
    r = c.ok("GETQUOTAROOT INBOX.a")
    assert r.untagged[0] == b"QUOTAROOT INBOX.a INBOX"
    assert quotas(r) == {"INBOX": {"STORAGE": (0, 100), "MAILBOX": (2, 9)}}


def test_4_1_2_nearest_root(box):
    admin, c, root = box
    c.ok("CREATE INBOX.a.b")
    limit(admin, root, "STORAGE 100")
    limit(admin, root + ".a", "STORAGE 50")
    assert c.ok("GETQUOTAROOT INBOX.a.b").untagged[0] == b"QUOTAROOT INBOX.a.b INBOX.a"
    assert c.ok("GETQUOTAROOT INBOX").untagged[0] == b"QUOTAROOT INBOX INBOX"


def test_4_1_2_of_what_does_not_exist(server, box):
    """The mailbox name parameter doesn't have to reference an existing mailbox."""
    admin, c, root = box
    limit(admin, root, "STORAGE 100")
    assert c.ok("GETQUOTAROOT INBOX.not.yet").untagged[0] == b"QUOTAROOT INBOX.not.yet INBOX"
    other = server.login(server.new_user())
    assert other.cmd(f"GETQUOTAROOT {root}.not.yet").status == "NO"


def test_5_1_storage_is_used(box):
    admin, c, root = box
    limit(admin, root, "STORAGE 100")
    for _ in range(3):
        c.append("INBOX", MESSAGE)
    assert quota(c)["STORAGE"] == (3 * len(MESSAGE) // 1024, 100)


def test_4_3_1_storage_append(box):
    """OVERQUOTA ... when the addition of the message(s) puts the target mailbox over
    any one of its quota limits."""
    admin, c, root = box
    limit(admin, root, "STORAGE 3")
    c.append("INBOX", MESSAGE)
    r = c.cmd("APPEND INBOX ", MESSAGE)
    assert (r.status, r.code) == ("NO", "OVERQUOTA")
    c.append("INBOX", b"a: b\r\n\r\nsmall\r\n")


def test_4_3_1_message_append(box):
    admin, c, root = box
    limit(admin, root, "MESSAGE 2")
    c.append("INBOX", MESSAGE)
    c.append("INBOX", MESSAGE)
    assert c.cmd("APPEND INBOX ", MESSAGE).code == "OVERQUOTA"
    assert quota(c) == {"MESSAGE": (2, 2)}


def test_4_3_1_message_copy_all_or_none(box):
    admin, c, root = box
    for _ in range(3):
        c.append("INBOX", MESSAGE)
    c.ok("CREATE INBOX.to")
    limit(admin, root, "MESSAGE 5")
    c.ok("SELECT INBOX")
    assert c.cmd("COPY 1:3 INBOX.to").code == "OVERQUOTA"
    c.ok("COPY 1:2 INBOX.to")
    assert quota(c) == {"MESSAGE": (5, 5)}


def test_4_3_1_move_within_a_root_needs_no_room(box):
    admin, c, root = box
    for _ in range(3):
        c.append("INBOX", MESSAGE)
    c.ok("CREATE INBOX.to")
    limit(admin, root, "MESSAGE 3")
    c.ok("SELECT INBOX")
    c.ok("MOVE 1:3 INBOX.to")
    assert quota(c) == {"MESSAGE": (3, 3)}


def test_5_2_message_is_exact(box):
    """This MUST be an exact number."""
    admin, c, root = box
    limit(admin, root, "MESSAGE 100")
    c.ok("CREATE INBOX.a")
    for mailbox in ("INBOX", "INBOX.a", "INBOX.a"):
        c.append(mailbox, MESSAGE)
    assert quota(c)["MESSAGE"][0] == 3
    c.ok("SELECT INBOX.a")
    c.ok(r"STORE 1 +FLAGS (\Deleted)")
    c.ok("EXPUNGE")
    assert quota(c)["MESSAGE"][0] == 2
    c.ok("DELETE INBOX.a")
    assert quota(c)["MESSAGE"][0] == 1


def test_5_3_mailbox(box):
    """This MUST be an exact number."""
    admin, c, root = box
    limit(admin, root, "MAILBOX 3")
    c.ok("CREATE INBOX.a")
    c.ok("CREATE INBOX.b")
    assert c.cmd("CREATE INBOX.c").code == "OVERQUOTA"
    assert quota(c) == {"MAILBOX": (3, 3)}
    c.ok("DELETE INBOX.a")
    assert quota(c) == {"MAILBOX": (2, 3)}
    c.ok("CREATE INBOX.c")


def test_4_1_4_status(imap):
    sizes = [3000, 4000, 500]
    for n in sizes:
        imap.append("INBOX", b"a: b\r\n\r\n" + b"x" * n + b"\r\n")
    """In octets: it may be "the sum of the RFC822.SIZE of the messages with the
    \\Deleted flag set"."""
    want = "STATUS INBOX (MESSAGES DELETED DELETED-STORAGE)"
    assert status(imap.ok(want))["INBOX"] == {
        "MESSAGES": "3", "DELETED": "0", "DELETED-STORAGE": "0"}
    imap.ok("SELECT INBOX")
    imap.ok(r"STORE 1:2 +FLAGS (\Deleted)")
    assert status(imap.ok(want))["INBOX"] == {
        "MESSAGES": "3", "DELETED": "2", "DELETED-STORAGE": "7020"}
    imap.ok("EXPUNGE")
    assert status(imap.ok(want))["INBOX"] == {
        "MESSAGES": "1", "DELETED": "0", "DELETED-STORAGE": "0"}


def test_4_2_1_no_limits_no_response_names_them(box):
    admin, c, root = box
    limit(admin, root, "MESSAGE 7")
    line = c.ok("GETQUOTA INBOX").untagged[0]
    assert re.fullmatch(rb"QUOTA INBOX \(MESSAGE 0 7\)", line)


def test_8_anonymous(make_server):
    """Quota information is not for anonymous users."""
    srv = make_server({"allowanonymouslogin": "yes", "sasl_mech_list": "PLAIN ANONYMOUS"})
    admin = srv.admin()
    admin.ok("CREATE public")
    admin.ok("SETACL public anonymous lr")
    admin.ok("SETQUOTA public (STORAGE 10)")
    c = srv.connect()
    c.ok("AUTHENTICATE ANONYMOUS " + base64.b64encode(b"me").decode())
    c.ok("SELECT public")
    for command in ("GETQUOTAROOT public", "GETQUOTA public"):
        reply = c.cmd(command)
        assert reply.status == "NO" and not reply.find(rb"QUOTA"), command
