STORE_SRCS += \
	imap/store/blob.c \
	imap/store/cache.c \
	imap/store/check.c \
	imap/store/checkpoint.c \
	imap/store/commit.c \
	imap/store/id128.c \
	imap/store/index.c \
	imap/store/mbox.c \
	imap/store/plan.c \
	imap/store/rec.c \
	imap/store/reclaim.c \
	imap/store/recover.c \
	imap/store/search.c \
	imap/store/search_text.c \
	imap/store/seen.c \
	imap/store/spool.c \
	imap/store/store.c \
	imap/store/txn.c \
	imap/store/uidset.c \
	imap/store/view.c \
	imap/store/wal.c
UNIT_TESTS += \
	test/unit/test_uidset.c \
	test/unit/test_wal.c

UNIT_TESTS += test/unit/test_search.c
