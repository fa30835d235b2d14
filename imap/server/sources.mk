SERVER_SRCS += \
	imap/server/admit.c \
	imap/server/autocreate.c \
	imap/server/deliver.c \
	imap/server/dialogue.c \
	imap/server/domain.c \
	imap/server/grant.c \
	imap/server/imapurl.c \
	imap/server/language.c \
	imap/server/limits.c \
	imap/server/login.c \
	imap/server/name.c \
	imap/server/notice.c \
	imap/server/notify.c \
	imap/server/oauth.c \
	imap/server/oauth_claims.c \
	imap/server/oauth_keys.c \
	imap/server/oauth_message.c \
	imap/server/owner.c \
	imap/server/peer.c \
	imap/server/secure.c \
	imap/server/tlsconf.c \
	imap/server/server.c \
	imap/server/setup.c \
	imap/server/specialuse.c \
	imap/server/user.c imap/server/user_act.c imap/server/user_deny.c \
	imap/server/username.c \
	imap/server/usermove.c
UNIT_TESTS += test/unit/test_oauth.c test/unit/test_oauth_keys.c test/unit/test_imapurl.c test/unit/test_login.c test/unit/test_name.c
UNIT_TESTS += test/unit/test_domain.c test/unit/test_user.c
