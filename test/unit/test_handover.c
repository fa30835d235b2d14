/* test_handover.c - messages between processes: fields, descriptors, grants */
#include "lib/fields.h"
#include "lib/handover.h"
#include "lib/pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct handover full = {
	.grant = { "sealed", 6 }, .command = HANDOVER_LOGIN, .tag = { "a1", 2 },
	.host = "192.0.2.1", .local_ip_port = "192.0.2.9;143", .remote_ip_port = "192.0.2.1;9",
	.tls_version = "TLSv1.3", .tls_cipher = "X", .tls_bits = 256, .language = "de",
	.pending = { "a2 NOOP\r\n\0", 10 },
};

static void
test_round_trip(void **state)
{
	struct buf b = BUF_INIT;
	struct handover h;
	(void)state;
	assert_int_equal(handover_encode(&full, &b), OK);
	assert_int_equal(handover_decode(buf_str(&b), &h), OK);
	assert_true(str_eq(h.grant, full.grant) && str_eq(h.tag, full.tag));
	assert_true(str_eq(h.pending, full.pending));
	assert_string_equal(h.host, "192.0.2.1");
	assert_string_equal(h.language, "de");
	assert_int_equal(h.tls_bits, 256);
	assert_int_equal(h.is_local, 0);
	buf_free(&b);
}

/* What was not sent is nothing, not what stood there before. */
static void
test_absent(void **state)
{
	struct buf b = BUF_INIT;
	struct handover h, few = { .grant = { "s", 1 }, .command = 1, .host = "h" };
	(void)state;
	memset(&h, 0x55, sizeof(h));
	assert_int_equal(handover_encode(&few, &b), OK);
	assert_int_equal(handover_decode(buf_str(&b), &h), OK);
	assert_null(h.tag.p);
	assert_null(h.tls_version);
	assert_int_equal(h.tls_bits, 0);
	buf_free(&b);
}

/* Cut anywhere, or with a byte more, it is no message. */
static void
test_cut(void **state)
{
	struct buf b = BUF_INIT;
	struct handover h;
	(void)state;
	assert_int_equal(handover_encode(&full, &b), OK);
	/* Fields that may be missing at the end may be cut off. */
	struct str required = buf_str(&b);
	for (size_t n = 0; n < 25; n++)
		assert_int_equal(handover_decode(str_slice(required, 0, n), &h), ERR_SYNTAX);
	assert_int_equal(handover_decode(str_slice(required, 0, b.n - 1), &h), ERR_SYNTAX);
	buf_addc(&b, 'x');
	assert_int_equal(handover_decode(buf_str(&b), &h), ERR_SYNTAX);
	buf_free(&b);
}

static void
test_refused(void **state)
{
	struct handover h = full, got;
	struct buf b = BUF_INIT;
	(void)state;
	h.host = "192.0.2.1\n* forged";
	assert_int_equal(handover_encode(&h, &b), ERR_SYNTAX);
	assert_int_equal(b.n, 0);
	h = full;
	h.command = 0;
	assert_int_equal(handover_encode(&h, &b), ERR_SYNTAX);
	h.command = 99;
	assert_int_equal(handover_encode(&h, &b), ERR_LIMIT);
	/* The same out of the mouth of one who does not use our encoder. */
	h = full;
	assert_int_equal(handover_encode(&h, &b), OK);
	char *host = memmem(b.p, b.n, "192.0.2.1", 10);
	assert_non_null(host);
	host[3] = '\n';
	assert_int_equal(handover_decode(buf_str(&b), &got), ERR_SYNTAX);
	host[3] = '\0';
	assert_int_equal(handover_decode(buf_str(&b), &got), ERR_SYNTAX);
	host[3] = '.';
	assert_int_equal(handover_decode(buf_str(&b), &got), OK);
	b.p[1] = MESSAGE_BACK;
	assert_int_equal(handover_decode(buf_str(&b), &got), ERR_SYNTAX);
	buf_free(&b);
}

/* Fields come in one order, and each once. */
static void
test_order(void **state)
{
	struct handover_back got;
	(void)state;
	static const char right[] = "\1\3\1\0\0\0\1x\2\0\0\0\3de";
	static const char swapped[] = "\1\3\2\0\0\0\3de\0\1\0\0\0\1x";
	static const char twice[] = "\1\3\1\0\0\0\1x\1\0\0\0\1x";
	static const char unknown[] = "\1\3\1\0\0\0\1x\7\0\0\0\1x";
	assert_int_equal(handover_back_decode((struct str){ right, 16 }, &got), OK);
	assert_string_equal(got.language, "de");
	assert_int_equal(handover_back_decode((struct str){ swapped, 16 }, &got), ERR_SYNTAX);
	assert_int_equal(handover_back_decode((struct str){ twice, 14 }, &got), ERR_SYNTAX);
	assert_int_equal(handover_back_decode((struct str){ unknown, 14 }, &got), ERR_SYNTAX);
}

static void
test_grant(void **state)
{
	uint8_t key[GRANT_KEY], again[GRANT_KEY];
	struct buf b = BUF_INIT;
	struct grant g = { .service = "imap", .userid = "fred", .authcid = "cyrus" }, got;
	(void)state;
	int fd = grant_key_new();
	assert_true(fd >= 0 && grant_key_read(fd, key) && grant_key_read(fd, again));
	assert_memory_equal(key, again, sizeof(key));
	/* Nobody who inherits it can put in a key of his own. */
	assert_int_equal(pwrite(fd, "x", 1, 0), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(grant_seal(key, &g, &b), OK);
	uint64_t now = grant_clock();
	assert_int_equal(grant_open(key, buf_str(&b), "imap", now, &got), OK);
	assert_string_equal(got.userid, "fred");
	assert_string_equal(got.authcid, "cyrus");
	assert_int_equal(grant_open(key, buf_str(&b), "imaps", now, &got), ERR_DENIED);
	assert_int_equal(grant_open(key, buf_str(&b), "imap", got.at_ms - 1, &got), ERR_DENIED);
	assert_int_equal(grant_open(key, buf_str(&b), "imap", got.at_ms + GRANT_MS, &got), OK);
	assert_int_equal(grant_open(key, buf_str(&b), "imap", got.at_ms + GRANT_MS + 1, &got),
	    ERR_TIMEOUT);
	/* Not one bit of it can be changed. */
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 1;
		assert_int_equal(grant_open(key, buf_str(&b), "imap", now, &got), ERR_DENIED);
		b.p[i] ^= 1;
	}
	assert_int_not_equal(grant_open(key, str_slice(buf_str(&b), 0, 32), "imap", now, &got), OK);
	key[0] ^= 1;
	assert_int_equal(grant_open(key, buf_str(&b), "imap", now, &got), ERR_DENIED);
	close(fd);
	buf_free(&b);
}

/* What authd says later is for one grant, and lets nobody in. */
static void
test_groups(void **state)
{
	static const uint8_t key[GRANT_KEY] = { 7 };
	struct buf sealed = BUF_INIT, ask = BUF_INIT, answer = BUF_INIT, other = BUF_INIT;
	struct grant g = { .service = "imap", .userid = "fred", .authcid = "fred" }, got, said;
	struct str asked;
	(void)state;
	assert_int_equal(grant_seal(key, &g, &sealed), OK);
	assert_int_equal(groups_ask_encode(buf_str(&sealed), &ask), OK);
	assert_int_equal(groups_ask_decode(buf_str(&ask), &asked), OK);
	assert_int_equal(grant_open(key, asked, "imap", grant_clock(), &got), OK);
	got.groups = (struct str){ "a\0b", 4 };
	assert_int_equal(groups_seal(key, &got, &answer), OK);
	assert_int_equal(groups_open(key, buf_str(&answer), got.serial, &said), OK);
	assert_memory_equal(said.groups.p, "a\0b", 4);
	assert_int_equal(grant_open(key, buf_str(&answer), "imap", grant_clock(), &said), ERR_SYNTAX);
	assert_int_equal(groups_open(key, buf_str(&sealed), got.serial, &said), ERR_SYNTAX);
	assert_int_equal(grant_seal(key, &g, &other), OK);
	assert_int_equal(grant_open(key, buf_str(&other), "imap", grant_clock(), &said), OK);
	assert_int_equal(groups_open(key, buf_str(&answer), said.serial, &said), ERR_DENIED);
	buf_free(&sealed);
	buf_free(&ask);
	buf_free(&answer);
	buf_free(&other);
}

static void
test_pass(void **state)
{
	int queue[2], pipe_fds[2], got[PASS_FDS];
	struct buf b = BUF_INIT;
	(void)state;
	assert_int_equal(pass_queue(queue), OK);
	assert_true(pass_is_queue(queue[1]));
	assert_int_equal(pass_receive(queue[1], &b, got), ERR_AGAIN);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(pass_send(queue[0], STR("one"), pipe_fds, 2), OK);
	assert_int_equal(pass_send(queue[0], STR("two"), NULL, 0), OK);
	assert_int_equal(pass_receive(queue[1], &b, got), OK);
	assert_string_equal(b.p, "one");
	assert_true(got[0] >= 0 && got[1] >= 0 && got[2] == -1);
	assert_int_equal(write(got[1], "x", 1), 1);
	char c;
	assert_int_equal(read(pipe_fds[0], &c, 1), 1);
	pass_close(got);
	assert_int_equal(pass_receive(queue[1], &b, got), OK);
	assert_string_equal(b.p, "two");
	assert_int_equal(got[0], -1);
	/* It is one way. */
	assert_int_equal(pass_send(queue[1], STR("back"), NULL, 0), ERR_CLOSED);
	assert_int_equal(pass_send(queue[0], (struct str){ NULL, 0 }, NULL, 0), ERR_LIMIT);
	close(queue[1]);
	assert_int_equal(pass_send(queue[0], STR("x"), NULL, 0), ERR_CLOSED);
	close(queue[0]);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_false(pass_is_queue(STDIN_FILENO));
	buf_free(&b);
}

/* Whoever sends more descriptors than we take leaves none of them here. */
static void
test_too_many(void **state)
{
	int pair[2], got[PASS_FDS], fds[8];
	struct buf b = BUF_INIT;
	union {
		char bytes[CMSG_SPACE(sizeof(fds))];
		struct cmsghdr aligned;
	} control = { .bytes = { 0 } };
	struct iovec bytes = { .iov_base = (char[]){ 'x' }, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1,
		.msg_control = control.bytes, .msg_controllen = sizeof(control.bytes) };
	(void)state;
	assert_int_equal(pass_pair(pair), OK);
	for (int i = 0; i < 8; i++)
		fds[i] = pair[0];
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(c), fds, sizeof(fds));
	assert_int_equal(sendmsg(pair[0], &m, 0), 1);
	int before = dup(0), after;
	close(before);
	assert_int_equal(pass_receive(pair[1], &b, got), ERR_LIMIT);
	assert_int_equal(got[0], -1);
	after = dup(0);
	assert_int_equal(after, before);
	close(after);
	close(pair[0]);
	assert_int_equal(pass_receive(pair[1], &b, got), ERR_CLOSED);
	close(pair[1]);
	buf_free(&b);
}

/* Many read one queue: each message is one reader's. */
static void
test_readers(void **state)
{
	enum { READERS = 4, MESSAGES = 400 };
	int queue[2], count[2], got[PASS_FDS], total = 0, n;
	struct buf b = BUF_INIT;
	(void)state;
	assert_int_equal(pass_queue(queue), OK);
	assert_int_equal(pipe(count), 0);
	for (int i = 0; i < READERS; i++) {
		if (fork() != 0)
			continue;
		close(queue[0]);
		enum err e;
		int seen = 0;
		while ((e = pass_receive(queue[1], &b, got)) == OK || e == ERR_AGAIN)
			seen += e == OK;
		_exit(write(count[1], &seen, sizeof(seen)) != sizeof(seen));
	}
	close(queue[1]);
	for (int i = 0; i < MESSAGES;)
		i += pass_send(queue[0], STR("message"), NULL, 0) == OK;
	close(queue[0]);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(read(count[0], &n, sizeof(n)), sizeof(n));
		total += n;
		assert_true(wait(NULL) > 0);
	}
	assert_int_equal(total, MESSAGES);
	close(count[0]);
	close(count[1]);
	buf_free(&b);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_absent),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_grant), cmocka_unit_test(test_groups),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_readers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
