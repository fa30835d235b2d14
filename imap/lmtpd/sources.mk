PROGRAMS += imap/lmtpd/lmtpd imap/lmtpd/deliver
imap/lmtpd/lmtpd_SRCS = \
	imap/lmtpd/address.c \
	imap/lmtpd/auth.c \
	imap/lmtpd/data.c \
	imap/lmtpd/envelope.c \
	imap/lmtpd/lmtpd.c \
	imap/lmtpd/receive.c \
	imap/lmtpd/session.c \
	imap/lmtpd/transaction.c
imap/lmtpd/deliver_SRCS = imap/lmtpd/deliver.c
MANPAGES += man/lmtpd.8 man/deliver.8
UNIT_TESTS += test/unit/test_receive.c
test/unit/test_receive_SRCS = imap/lmtpd/receive.c
