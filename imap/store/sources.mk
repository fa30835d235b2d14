# The store as a whole.
STORE_SRCS += \
	imap/store/check.c \
	imap/store/check_index.c \
	imap/store/check_records.c \
	imap/store/store.c \
	imap/store/unexpunge.c
UNIT_TESTS += \
	test/unit/test_store.c
test/unit/test_store_SRCS = test/unit/store_fixture.c
