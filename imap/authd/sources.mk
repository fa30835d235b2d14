PROGRAMS += imap/authd/authd
imap/authd/authd_SRCS = imap/authd/apop.c imap/authd/authd.c imap/authd/dialogues.c \
	imap/authd/layer.c
MANPAGES += man/authd.8
UNIT_TESTS += test/unit/test_apop.c
test/unit/test_apop_SRCS = imap/authd/apop.c
