# Changes of the list: of names, rights, quota limits, the list itself.
STORE_SRCS += \
	imap/store/names/mbacl.c \
	imap/store/names/mbcreate.c \
	imap/store/names/mbdelete.c \
	imap/store/names/mbopen.c \
	imap/store/names/mbpartition.c \
	imap/store/names/mbpending.c \
	imap/store/names/mbrebuild.c \
	imap/store/names/mbrename.c \
	imap/store/names/notes.c \
	imap/store/names/quota_set.c
UNIT_TESTS += test/unit/test_mbpending.c
test/unit/test_mbpending_SRCS = test/unit/list_fixture.c test/unit/store_fixture.c
