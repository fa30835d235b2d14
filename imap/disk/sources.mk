# One format of a file of the store a module; no module knows the store.
STORE_SRCS += \
	imap/disk/annot.c \
	imap/disk/cache.c \
	imap/disk/header.c \
	imap/disk/history.c \
	imap/disk/history_file.c \
	imap/disk/history_pack.c \
	imap/disk/history_read.c \
	imap/disk/id128.c \
	imap/disk/index.c \
	imap/disk/index_cache.c \
	imap/disk/index_check.c \
	imap/disk/index_file.c \
	imap/disk/index_mend.c \
	imap/disk/index_write.c \
	imap/disk/ranks.c \
	imap/disk/rec.c \
	imap/disk/seen.c \
	imap/disk/spool.c \
	imap/disk/uidset.c \
	imap/disk/wal.c \
	imap/disk/wal_checkpoint.c \
	imap/disk/wal_frame.c \
	imap/disk/wal_open.c \
	imap/disk/wal_place.c \
	imap/disk/wal_segment.c \
	imap/disk/witness.c
UNIT_TESTS += \
	test/unit/test_header.c \
	test/unit/test_history.c \
	test/unit/test_index_race.c \
	test/unit/test_ranks.c \
	test/unit/test_uidset.c \
	test/unit/test_wal.c \
	test/unit/test_wal_place.c
