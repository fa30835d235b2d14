imap/imapd/imapd_SRCS = \
	imap/imapd/msgset.c \
	imap/imapd/parse.c \
	imap/imapd/reader.c \
	imap/imapd/reply.c \
	imap/imapd/sync.c
