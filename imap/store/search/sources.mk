# SEARCH, SORT and THREAD, without their words.
STORE_SRCS += \
	imap/store/search/search.c \
	imap/store/search/search_match.c \
	imap/store/search/search_prepare.c \
	imap/store/search/search_text.c \
	imap/store/search/sort.c \
	imap/store/search/sort_key.c \
	imap/store/search/sort_known.c \
	imap/store/search/sort_ranks.c \
	imap/store/search/thread.c \
	imap/store/search/thread_run.c \
	imap/store/search/thread_table.c
UNIT_TESTS += \
	test/unit/test_search.c \
	test/unit/test_sort.c \
	test/unit/test_sort_ranks.c \
	test/unit/test_thread.c
