"""The strict parser of responses refuses what it must: each line has one fault."""
import pytest

from imap_strict import NotInGrammar, Strict

RIGHT = [
    b"* OK [CAPABILITY IMAP4rev1 LITERAL+] ready",
    b"* 1 FETCH (UID 7 FLAGS (\\Seen $Forwarded) BODY[1.HEADER.FIELDS (To \"a b\")]<0> {3}\r\nabc)",
    b'* 1 FETCH (BODYSTRUCTURE (("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL NIL NIL NIL)'
    b'("TEXT" "HTML" ("CHARSET" "x") NIL NIL "7BIT" 3 1) "MIXED" ("BOUNDARY" "b") NIL NIL NIL))',
    b'* 2 FETCH (ENVELOPE (NIL "s" ((NIL NIL "a" "b")(NIL NIL "c" "d")) NIL NIL NIL NIL NIL NIL "<i>"))',
    b'* LIST (\\HasNoChildren) "." INBOX.&AOQ-',
    b'* LIST () "/" "a b" (CHILDINFO ("SUBSCRIBED"))',
    b"* SEARCH", b"* SEARCH 1 2 (MODSEQ 917162500)", b"* THREAD (2)(3 6 (4 23)(44 7 96))",
    b'* ESEARCH (TAG "a") UID COUNT 5 ALL 4:19,21,28', b'* STATUS "x y" (MESSAGES 0 SIZE 99)',
    b'* NAMESPACE (("INBOX." ".")) NIL (("" "."))', b"* VANISHED (EARLIER) 41,43:116",
    b"* OK [NOTIFICATIONOVERFLOW] x", b"a1 NO [BADEVENT (MessageNew MailboxName)] x",
    b'* METADATA "" /shared/comment /private/a', b'* LIST (\\NonExistent \\NoAccess) "." a ("OLDNAME" (b))',
    b'a1 NO [INPROGRESS ("t" 1 NIL)] wait', b"+ idling", b"+ ",
]
WRONG = [
    b"* OK", b"* OK ", b"*  OK x", b"* OK [FROB] x", b"* OK [ALERT]x", b"* OK \xc3\xa4", b"* OK x\r",
    b"* CAPABILITY LITERAL+", b"* CAPABILITY IMAP4rev1 ID ID", b"* FLAGS (\\Foo)", b"* FLAGS ( )",
    b"* OK [PERMANENTFLAGS (\\Recent)] x", b"* 0 EXPUNGE", b"* 4294967296 EXISTS", b"* 1 EXISTS ",
    b"* 1 FETCH ()", b"* 1 FETCH (UID 0)", b"* 1 FETCH (UID 7  FLAGS ())", b"* 1 FETCH (UID 7 UID 7)",
    b"* 1 FETCH (BODY[] {4}\r\nabc)", b"* 1 FETCH (BODY[] {1}\r\n\x00)", b'* 1 FETCH (BODY[1.] "")',
    b'* 1 FETCH (BODY[MIME] "")', b"* 1 FETCH (BODY[HEADER.FIELDS ()] NIL)", b'* 1 FETCH (X "\xc3\xa4")',
    b'* 1 FETCH (BODY[] "\xc3\xa4")', b'* 1 FETCH (INTERNALDATE "1-Jan-2000 00:00:00 +0000")',
    b'* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))',
    b'* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL))',
    b'* 1 FETCH (BODY ("TEXT" "PLAIN" () NIL NIL "7BIT" 3 1))',
    b'* 1 FETCH (BODY ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3))',
    b'* 1 FETCH (BODY ("TEXT" "PLAIN" NIL NIL NIL "7BIT" 3 1 NIL))',
    b'* LIST () "." &-x&', b'* LIST () "." &AGE-', b'* LIST () "." a b', b"* LIST () . a",
    b'* LIST (\\Noselect \\Marked) "." a', b'* LIST () "." \xc3\xa4', b"* SEARCH ", b"* SEARCH 0",
    b"* THREAD ()", b"* THREAD (1 )", b"* THREAD (1", b'* ESEARCH (TAG "a") ALL 1:*', b"* ESEARCH MIN 0",
    b"* STATUS a (FROB 1)", b"* STATUS a MESSAGES 1", b"* NAMESPACE NIL NIL", b"* VANISHED *", b"a1 YES x",
    b"* OK [NOTIFICATIONOVERFLOW x] x", b"a1 NO [BADEVENT ()] x", b"a1 NO [BADEVENT (Frob)] x",
    b'* METADATA ""', b'* LIST () "." a ("OLDNAME" ())', b'* LIST () "." a ("OLDNAME" b)',
    b"* FROB", b"+idling",
]


@pytest.mark.parametrize("line", RIGHT)
def test_right(line):
    Strict().check(line)


@pytest.mark.parametrize("line", WRONG)
def test_wrong(line):
    with pytest.raises(NotInGrammar):
        Strict().check(line)


def test_rev2_has_no_recent():
    s = Strict()
    s.check(b"* 1 RECENT")
    s.check(b"* ENABLED IMAP4rev2")
    s.check(b'* LIST () "." "\xc3\xa4"')
    for line in (b"* 1 RECENT", b"* SEARCH 1", b'* LSUB () "." a', b"* FLAGS (\\Recent)"):
        with pytest.raises(NotInGrammar):
            s.check(line)
