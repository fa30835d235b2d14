# What the dead left, and what nobody needs any more.
STORE_SRCS += \
	imap/store/upkeep/annotated.c \
	imap/store/upkeep/apply.c \
	imap/store/upkeep/checkpoint.c \
	imap/store/upkeep/compact.c \
	imap/store/upkeep/reclaim.c \
	imap/store/upkeep/recover.c \
	imap/store/upkeep/replay.c \
	imap/store/upkeep/restore.c \
	imap/store/upkeep/spare.c \
	imap/store/upkeep/stale.c
UNIT_TESTS += \
	test/unit/test_compact.c \
	test/unit/test_store_fail.c \
	test/unit/test_store_flush.c \
	test/unit/test_store_replay.c \
	test/unit/test_store_rot.c \
	test/unit/test_store_torn.c \
	test/unit/test_store_unreadable.c
test/unit/test_compact_SRCS = test/unit/store_fixture.c
test/unit/test_store_fail_SRCS = test/unit/store_fixture.c
test/unit/test_store_flush_SRCS = test/unit/store_fixture.c
test/unit/test_store_replay_SRCS = test/unit/store_fixture.c
test/unit/test_store_rot_SRCS = test/unit/store_fixture.c
test/unit/test_store_torn_SRCS = test/unit/store_fixture.c
test/unit/test_store_unreadable_SRCS = test/unit/store_fixture.c
