MIME_SRCS += \
	imap/mime/addr.c \
	imap/mime/binary.c \
	imap/mime/bstruct.c \
	imap/mime/ctype.c \
	imap/mime/date.c \
	imap/mime/decode.c \
	imap/mime/env.c \
	imap/mime/guess.c \
	imap/mime/hdr.c \
	imap/mime/html.c \
	imap/mime/lex.c \
	imap/mime/mime.c \
	imap/mime/msgid.c \
	imap/mime/nstr.c \
	imap/mime/param.c \
	imap/mime/preview.c \
	imap/mime/subj.c \
	imap/mime/text.c \
	imap/mime/word.c
TOOLS += test/bench/mime_bench test/interop/mimedump
test/bench/mime_bench_SRCS = test/bench/mime_bench.c
test/interop/mimedump_SRCS = test/interop/mimedump.c
UNIT_TESTS += test/unit/test_ctype.c test/unit/test_date.c test/unit/test_decode.c
UNIT_TESTS += test/unit/test_binary.c test/unit/test_preview.c
UNIT_TESTS += test/unit/test_env.c test/unit/test_hdr.c test/unit/test_mime.c test/unit/test_subj.c
UNIT_TESTS += test/unit/test_html.c
