STORE_SRCS += \
	imap/store/annotated.c \
	imap/store/blob.c \
	imap/store/changes.c \
	imap/store/check.c \
	imap/store/check_records.c \
	imap/store/checkpoint.c \
	imap/store/commit.c \
	imap/store/commit_files.c \
	imap/store/compact.c \
	imap/store/local.c \
	imap/store/mbox.c \
	imap/store/mbox_files.c \
	imap/store/plan.c \
	imap/store/reclaim.c \
	imap/store/recover.c \
	imap/store/search.c \
	imap/store/search_text.c \
	imap/store/sort.c \
	imap/store/sort_known.c \
	imap/store/spare.c \
	imap/store/stale.c \
	imap/store/store.c \
	imap/store/thread.c \
	imap/store/thread_run.c \
	imap/store/thread_table.c \
	imap/store/txn.c \
	imap/store/unexpunge.c \
	imap/store/view.c
UNIT_TESTS += test/unit/test_annot.c test/unit/test_search.c test/unit/test_sort.c \
	test/unit/test_thread.c

# The directory half: which mailboxes there are, where they lie, quotas.
STORE_SRCS += \
	imap/store/dup.c \
	imap/store/mbacl.c \
	imap/store/mbcreate.c \
	imap/store/mbdb.c \
	imap/store/mbdelete.c \
	imap/store/mbdir.c \
	imap/store/mblist.c \
	imap/store/mbname.c \
	imap/store/mbopen.c \
	imap/store/mbpartition.c \
	imap/store/mbpending.c \
	imap/store/mbplace.c \
	imap/store/mbrebuild.c \
	imap/store/mbrename.c \
	imap/store/mbset.c \
	imap/store/mbverify.c \
	imap/store/notes.c \
	imap/store/quota.c \
	imap/store/quota_set.c \
	imap/store/quotafile.c \
	imap/store/subs.c \
	imap/store/urlkeys.c \
	imap/store/userfile.c
UNIT_TESTS += \
	test/unit/test_dup.c \
	test/unit/test_mblist.c \
	test/unit/test_mbname.c \
	test/unit/test_quota.c \
	test/unit/test_subs.c \
	test/unit/test_urlkeys.c
test/unit/test_urlkeys_SRCS = test/unit/store_fixture.c
test/unit/test_annot_SRCS = test/unit/store_fixture.c
test/unit/test_dup_SRCS = test/unit/store_fixture.c
test/unit/test_quota_SRCS = test/unit/store_fixture.c
test/unit/test_subs_SRCS = test/unit/store_fixture.c
test/unit/test_mblist_SRCS = test/unit/store_fixture.c

UNIT_TESTS += test/unit/test_store.c test/unit/test_store_fail.c test/unit/test_store_torn.c \
	test/unit/test_store_rot.c
test/unit/test_store_fail_SRCS = test/unit/store_fixture.c
test/unit/test_store_torn_SRCS = test/unit/store_fixture.c
test/unit/test_store_rot_SRCS = test/unit/store_fixture.c
test/unit/test_store_SRCS = test/unit/store_fixture.c
UNIT_TESTS += test/unit/test_changes.c test/unit/test_compact.c
test/unit/test_compact_SRCS = test/unit/store_fixture.c
test/unit/test_changes_SRCS = test/unit/store_fixture.c
