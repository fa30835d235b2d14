PROGRAMS += imap/idled/idled
imap/idled/idled_SRCS = imap/idled/hub.c imap/idled/idled.c

UNIT_TESTS += test/unit/test_notify.c
test/unit/test_notify_SRCS = imap/idled/hub.c

MANPAGES += man/idled.8
