PROGRAMS += imap/authd/authd
imap/authd/authd_SRCS = imap/authd/authd.c imap/authd/dialogues.c
MANPAGES += man/authd.8
