# Messages in the words of the protocol; nothing here knows a session.
IMAPD_SRCS += \
	imap/imapd/message/annotation.c \
	imap/imapd/message/body.c \
	imap/imapd/message/context_program.c \
	imap/imapd/message/fetch_write.c \
	imap/imapd/message/known.c \
	imap/imapd/message/msgset.c \
	imap/imapd/message/search_resolve.c
UNIT_TESTS += test/unit/test_fetch_write.c test/unit/test_search_parse.c
test/unit/test_fetch_write_SRCS = imap/imapd/message/annotation.c imap/imapd/message/body.c imap/imapd/message/fetch_write.c imap/imapd/message/known.c
test/unit/test_search_parse_SRCS = imap/imapd/message/msgset.c imap/imapd/message/search_resolve.c
