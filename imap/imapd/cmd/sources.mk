# The commands: a family of them a file.
IMAPD_SRCS += \
	imap/imapd/cmd/cmd_acl.c \
	imap/imapd/cmd/cmd_append.c \
	imap/imapd/cmd/cmd_auth.c \
	imap/imapd/cmd/cmd_comparator.c \
	imap/imapd/cmd/cmd_compress.c \
	imap/imapd/cmd/cmd_copy.c \
	imap/imapd/cmd/cmd_enable.c \
	imap/imapd/cmd/cmd_esearch.c \
	imap/imapd/cmd/cmd_expunge.c \
	imap/imapd/cmd/cmd_fetch.c \
	imap/imapd/cmd/cmd_idle.c \
	imap/imapd/cmd/cmd_language.c \
	imap/imapd/cmd/cmd_list.c \
	imap/imapd/cmd/cmd_mailbox.c \
	imap/imapd/cmd/cmd_metadata.c \
	imap/imapd/cmd/cmd_namespace.c \
	imap/imapd/cmd/cmd_notify.c \
	imap/imapd/cmd/cmd_quota.c \
	imap/imapd/cmd/cmd_replace.c \
	imap/imapd/cmd/cmd_search.c \
	imap/imapd/cmd/cmd_select.c \
	imap/imapd/cmd/cmd_status.c \
	imap/imapd/cmd/cmd_store.c \
	imap/imapd/cmd/cmd_thread.c \
	imap/imapd/cmd/cmd_uidbatches.c \
	imap/imapd/cmd/cmd_url.c
