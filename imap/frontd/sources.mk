PROGRAMS += imap/frontd/frontd
imap/frontd/frontd_SRCS = \
	imap/frontd/ask.c \
	imap/frontd/conn.c \
	imap/frontd/count.c \
	imap/frontd/frontd.c \
	imap/frontd/hand.c \
	imap/frontd/line.c \
	imap/frontd/notice.c \
	imap/frontd/proxy.c \
	imap/frontd/setup.c \
	imap/frontd/shake.c \
	imap/frontd/shut.c \
	imap/frontd/talk.c \
	imap/frontd/wire.c
MANPAGES += man/frontd.8
