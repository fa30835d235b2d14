PROGRAMS += imap/imapd/imapd
imap/imapd/imapd_SRCS = $(IMAPD_SRCS)
IMAPD_SRCS += \
	imap/imapd/commands.c \
	imap/imapd/imapd.c \
	imap/imapd/loop.c
MANPAGES += man/imapd.8
