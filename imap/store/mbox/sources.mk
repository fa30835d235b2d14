# A mailbox: views of it, transactions, commits.
STORE_SRCS += \
	imap/store/mbox/annotwatch.c \
	imap/store/mbox/blob.c \
	imap/store/mbox/changes.c \
	imap/store/mbox/commit.c \
	imap/store/mbox/commit_apply.c \
	imap/store/mbox/commit_files.c \
	imap/store/mbox/commit_log.c \
	imap/store/mbox/mbox.c \
	imap/store/mbox/mbox_entry.c \
	imap/store/mbox/mbox_files.c \
	imap/store/mbox/mbox_pop3.c \
	imap/store/mbox/mbox_status.c \
	imap/store/mbox/plan.c \
	imap/store/mbox/plan_annot.c \
	imap/store/mbox/ranked.c \
	imap/store/mbox/target.c \
	imap/store/mbox/txn.c \
	imap/store/mbox/view.c
UNIT_TESTS += \
	test/unit/test_annot.c \
	test/unit/test_changes.c \
	test/unit/test_mbox_entry.c \
	test/unit/test_ranked.c \
	test/unit/test_store_copy.c
test/unit/test_annot_SRCS = test/unit/store_fixture.c
test/unit/test_changes_SRCS = test/unit/store_fixture.c
test/unit/test_mbox_entry_SRCS = test/unit/store_fixture.c
test/unit/test_ranked_SRCS = test/unit/store_fixture.c
test/unit/test_store_copy_SRCS = test/unit/store_fixture.c
