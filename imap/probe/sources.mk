# One program; in bindir it has the names by which it knows what to speak.
PROGRAMS += imap/probe/imtest
imap/probe/imtest_SRCS = \
	imap/probe/dialect.c \
	imap/probe/imtest.c \
	imap/probe/login.c \
	imap/probe/terminal.c \
	imap/probe/wire.c
USER_LINKS += imtest:imtest imtest:pop3test imtest:lmtptest
MANPAGES += man/imtest.1
