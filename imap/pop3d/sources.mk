PROGRAMS += imap/pop3d/pop3d
imap/pop3d/pop3d_SRCS = \
	imap/pop3d/ascii.c \
	imap/pop3d/door.c \
	imap/pop3d/maildrop.c \
	imap/pop3d/pop3d.c \
	imap/pop3d/send.c \
	imap/pop3d/session.c \
	imap/pop3d/uidl.c
MANPAGES += man/pop3d.8
UNIT_TESTS += test/unit/test_pop3.c
test/unit/test_pop3_SRCS = $(filter-out imap/pop3d/pop3d.c,$(imap/pop3d/pop3d_SRCS))
