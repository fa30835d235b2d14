# Which mailboxes there are and where they lie; quotas, subscriptions, deliveries.
STORE_SRCS += \
	imap/store/list/dup.c \
	imap/store/list/local.c \
	imap/store/list/mbdb.c \
	imap/store/list/mbdir.c \
	imap/store/list/mblist.c \
	imap/store/list/mbname.c \
	imap/store/list/mbplace.c \
	imap/store/list/mbset.c \
	imap/store/list/mbverify.c \
	imap/store/list/quota.c \
	imap/store/list/quotafile.c \
	imap/store/list/subs.c \
	imap/store/list/topic.c \
	imap/store/list/urlkeys.c \
	imap/store/list/userfile.c
UNIT_TESTS += \
	test/unit/test_dup.c \
	test/unit/test_mblist.c \
	test/unit/test_mblist_mend.c \
	test/unit/test_mbname.c \
	test/unit/test_quota.c \
	test/unit/test_subs.c \
	test/unit/test_urlkeys.c
test/unit/test_dup_SRCS = test/unit/store_fixture.c
test/unit/test_mblist_SRCS = test/unit/list_fixture.c test/unit/store_fixture.c
test/unit/test_mblist_mend_SRCS = test/unit/list_fixture.c test/unit/store_fixture.c
test/unit/test_quota_SRCS = test/unit/store_fixture.c
test/unit/test_subs_SRCS = test/unit/store_fixture.c
test/unit/test_urlkeys_SRCS = test/unit/store_fixture.c
