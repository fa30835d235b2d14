# What commands share: the session, and what is done in it by several.
IMAPD_SRCS += \
	imap/imapd/session/annotating.c \
	imap/imapd/session/batches.c \
	imap/imapd/session/compose.c \
	imap/imapd/session/context.c \
	imap/imapd/session/correlator.c \
	imap/imapd/session/filter.c \
	imap/imapd/session/list.c \
	imap/imapd/session/metadata.c \
	imap/imapd/session/msglimit.c \
	imap/imapd/session/named_filter.c \
	imap/imapd/session/oldname.c \
	imap/imapd/session/progress.c \
	imap/imapd/session/resource.c \
	imap/imapd/session/results.c \
	imap/imapd/session/resync.c \
	imap/imapd/session/rights.c \
	imap/imapd/session/scope.c \
	imap/imapd/session/selection.c \
	imap/imapd/session/session.c \
	imap/imapd/session/status.c \
	imap/imapd/session/sync.c \
	imap/imapd/session/target.c \
	imap/imapd/session/told_notes.c \
	imap/imapd/session/watch.c \
	imap/imapd/session/watch_diff.c \
	imap/imapd/session/watch_look.c \
	imap/imapd/session/watch_tell.c \
	imap/imapd/session/watched.c
UNIT_TESTS += test/unit/test_progress.c
test/unit/test_progress_SRCS = imap/imapd/session/progress.c
