# The load generator; test/bench/compare drives it.
TOOLS += test/bench/mailbench
test/bench/mailbench_SRCS = \
	test/bench/actor.c \
	test/bench/conn.c \
	test/bench/imap.c \
	test/bench/lmtp.c \
	test/bench/mail.c \
	test/bench/mailbench.c \
	test/bench/play_commands.c \
	test/bench/play_deliveries.c \
	test/bench/play_idlers.c \
	test/bench/play_logins.c \
	test/bench/play_notices.c \
	test/bench/play_pop.c \
	test/bench/proc.c \
	test/bench/run.c \
	test/bench/workload.c
