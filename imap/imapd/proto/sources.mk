PROTO_SRCS += \
	imap/imapd/proto/fetch_req.c \
	imap/imapd/proto/format.c \
	imap/imapd/proto/grammar.c \
	imap/imapd/proto/grammar_annotate.c \
	imap/imapd/proto/grammar_fetch.c \
	imap/imapd/proto/grammar_filter.c \
	imap/imapd/proto/grammar_notify.c \
	imap/imapd/proto/grammar_return.c \
	imap/imapd/proto/grammar_list.c \
	imap/imapd/proto/grammar_metadata.c \
	imap/imapd/proto/grammar_search.c \
	imap/imapd/proto/literal.c \
	imap/imapd/proto/objectid.c \
	imap/imapd/proto/parse.c \
	imap/imapd/proto/parse_date.c \
	imap/imapd/proto/parse_flags.c \
	imap/imapd/proto/pattern.c \
	imap/imapd/proto/reader.c \
	imap/imapd/proto/reply.c \
	imap/imapd/proto/rule.c \
	imap/imapd/proto/section.c \
	imap/imapd/proto/step.c \
	imap/imapd/proto/texts.c \
	imap/imapd/proto/uidset_text.c
UNIT_TESTS += test/unit/test_fetch_parse.c test/unit/test_grammar.c test/unit/test_step.c test/unit/test_texts.c test/unit/test_format.c test/unit/test_imap_parse.c \
	test/unit/test_pattern.c test/unit/test_reader.c test/unit/test_reply.c
