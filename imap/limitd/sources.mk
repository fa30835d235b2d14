PROGRAMS += imap/limitd/limitd
imap/limitd/limitd_SRCS = imap/limitd/desk.c imap/limitd/limitd.c imap/limitd/table.c

UNIT_TESTS += test/unit/test_limit_table.c
test/unit/test_limit_table_SRCS = imap/limitd/table.c

MANPAGES += man/limitd.8
