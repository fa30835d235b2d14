PROGRAMS += imap/imapd/imapd
imap/imapd/imapd_SRCS = \
	imap/imapd/body.c \
	imap/imapd/cmd_acl.c \
	imap/imapd/cmd_append.c \
	imap/imapd/cmd_auth.c \
	imap/imapd/cmd_comparator.c \
	imap/imapd/cmd_compress.c \
	imap/imapd/cmd_copy.c \
	imap/imapd/cmd_enable.c \
	imap/imapd/cmd_esearch.c \
	imap/imapd/cmd_expunge.c \
	imap/imapd/cmd_fetch.c \
	imap/imapd/cmd_idle.c \
	imap/imapd/cmd_language.c \
	imap/imapd/cmd_list.c \
	imap/imapd/cmd_mailbox.c \
	imap/imapd/cmd_metadata.c \
	imap/imapd/cmd_namespace.c \
	imap/imapd/cmd_quota.c \
	imap/imapd/cmd_replace.c \
	imap/imapd/cmd_search.c \
	imap/imapd/cmd_select.c \
	imap/imapd/cmd_status.c \
	imap/imapd/cmd_store.c \
	imap/imapd/cmd_thread.c \
	imap/imapd/cmd_url.c \
	imap/imapd/commands.c \
	imap/imapd/context.c \
	imap/imapd/context_program.c \
	imap/imapd/compose.c \
	imap/imapd/fetch_write.c \
	imap/imapd/filter.c \
	imap/imapd/imapd.c \
	imap/imapd/list.c \
	imap/imapd/loop.c \
	imap/imapd/metadata.c \
	imap/imapd/msgset.c \
	imap/imapd/results.c \
	imap/imapd/rights.c \
	imap/imapd/resync.c \
	imap/imapd/resource.c \
	imap/imapd/search_resolve.c \
	imap/imapd/named_filter.c \
	imap/imapd/oldname.c \
	imap/imapd/progress.c \
	imap/imapd/selection.c \
	imap/imapd/session.c \
	imap/imapd/status.c \
	imap/imapd/sync.c \
	imap/imapd/target.c

# The message commands.
UNIT_TESTS += test/unit/test_fetch_write.c test/unit/test_search_parse.c
test/unit/test_fetch_write_SRCS = imap/imapd/body.c imap/imapd/fetch_write.c
test/unit/test_search_parse_SRCS = imap/imapd/msgset.c imap/imapd/search_resolve.c
UNIT_TESTS += test/unit/test_progress.c
test/unit/test_progress_SRCS = imap/imapd/progress.c
MANPAGES += man/imapd.8
