SERVER_SRCS += \
	imap/server/autocreate.c \
	imap/server/deliver.c \
	imap/server/imapurl.c \
	imap/server/language.c \
	imap/server/login.c \
	imap/server/name.c \
	imap/server/notify.c \
	imap/server/owner.c \
	imap/server/peer.c \
	imap/server/server.c \
	imap/server/setup.c \
	imap/server/specialuse.c \
	imap/server/user.c \
	imap/server/usermove.c
UNIT_TESTS += test/unit/test_imapurl.c test/unit/test_login.c test/unit/test_name.c
