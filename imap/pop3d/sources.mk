PROGRAMS += imap/pop3d/pop3d
imap/pop3d/pop3d_SRCS = \
	imap/pop3d/ascii.c \
	imap/pop3d/auth.c \
	imap/pop3d/capa.c \
	imap/pop3d/door.c \
	imap/pop3d/maildrop.c \
	imap/pop3d/pop3d.c \
	imap/pop3d/reply.c \
	imap/pop3d/send.c \
	imap/pop3d/session.c \
	imap/pop3d/uidl.c
MANPAGES += man/pop3d.8
