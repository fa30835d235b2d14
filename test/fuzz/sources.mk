# Targets for any fuzzer that calls LLVMFuzzerTestOneInput().
FUZZERS += test/fuzz/fuzz_text test/fuzz/fuzz_mime test/fuzz/fuzz_imapparse test/fuzz/fuzz_disk test/fuzz/fuzz_store
test/fuzz/fuzz_text_SRCS = test/fuzz/fuzz_text.c test/fuzz/place.c test/fuzz/text_parts.c \
	imap/lmtpd/address.c \
	master/conf.c master/schedule.c
test/fuzz/fuzz_mime_SRCS = test/fuzz/fuzz_mime.c
test/fuzz/fuzz_imapparse_SRCS = test/fuzz/fuzz_imapparse.c imap/imapd/message/msgset.c imap/imapd/message/search_resolve.c
test/fuzz/fuzz_disk_SRCS = test/fuzz/fuzz_disk.c test/fuzz/place.c
test/fuzz/fuzz_store_SRCS = test/fuzz/fuzz_store.c test/fuzz/hurry.c test/fuzz/place.c

# Whole sessions: the programs without their main(), in test/fuzz/world.c.
FUZZERS += test/fuzz/fuzz_imap
fuzz_world_SRCS = test/fuzz/fake_login.c test/fuzz/kv_mem.c test/fuzz/talk.c test/fuzz/world.c
test/fuzz/fuzz_imap_SRCS = test/fuzz/fuzz_imap.c test/fuzz/imap_check.c \
	test/fuzz/imap_grammar.c $(fuzz_world_SRCS) \
	$(filter-out imap/imapd/imapd.c,$(imap/imapd/imapd_SRCS))
FUZZERS += test/fuzz/fuzz_lmtp
test/fuzz/fuzz_lmtp_SRCS = test/fuzz/fuzz_lmtp.c test/fuzz/lmtp_check.c $(fuzz_world_SRCS) \
	$(filter-out imap/lmtpd/lmtpd.c,$(imap/lmtpd/lmtpd_SRCS))
FUZZERS += test/fuzz/fuzz_pop3
test/fuzz/fuzz_pop3_SRCS = test/fuzz/fuzz_pop3.c test/fuzz/pop3_check.c $(fuzz_world_SRCS) \
	$(filter-out imap/pop3d/pop3d.c,$(imap/pop3d/pop3d_SRCS))
FUZZERS += test/fuzz/fuzz_stream
test/fuzz/fuzz_stream_SRCS = test/fuzz/fuzz_stream.c test/fuzz/place.c test/fuzz/stream_hub.c \
	test/fuzz/stream_lines.c test/fuzz/wire.c imap/idled/hub.c imap/lmtpd/receive.c
FUZZERS += test/fuzz/fuzz_door
test/fuzz/fuzz_door_SRCS = test/fuzz/fuzz_door.c test/fuzz/imap_check.c test/fuzz/imap_grammar.c test/fuzz/place.c \
	test/fuzz/pop3_check.c imap/pop3d/ascii.c
