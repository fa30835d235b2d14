/* test_netset.c - lib/netset.h and lib/proxyproto.h */
#include "lib/netset.h"
#include "lib/proxyproto.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static bool
has(const char *words, const char *address)
{
	struct buf bad = BUF_INIT;
	struct netset *set;
	struct netaddr a;

	assert_int_equal(netset_parse(words, &set, &bad), OK);
	assert_true(netaddr_parse(address, &a));
	bool found = netset_has(set, &a);
	netset_free(set);
	buf_free(&bad);
	return found;
}

static void
networks_have_their_addresses(void **state)
{
	static const struct {
		const char *words, *address;
		bool has;
	} row[] = {
		{ "10.0.0.0/8", "10.255.0.1", true }, { "10.0.0.0/8", "11.0.0.1", false },
		{ "192.0.2.128/25", "192.0.2.127", false }, { "192.0.2.128/25", "192.0.2.128", true },
		{ "192.0.2.7", "192.0.2.7", true }, { "192.0.2.7", "192.0.2.6", false },
		{ "192.0.2.7", "::ffff:192.0.2.7", true }, { "::ffff:192.0.2.7", "192.0.2.7", true },
		{ "2001:db8::/32", "2001:db8:ffff::1", true }, { "2001:db8::/32", "2001:db9::", false },
		{ "2001:db8::/127", "2001:db8::1", true }, { "2001:db8::/127", "2001:db8::2", false },
		{ "0.0.0.0/0", "203.0.113.9", true }, { "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "203.0.113.9", true }, { "all", "2001:db8::1", true },
		{ "", "192.0.2.1", false }, { "192.0.2.1,\t10.0.0.1  all", "203.0.113.9", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		if (has(row[i].words, row[i].address) != row[i].has)
			fail_msg("\"%s\" and %s", row[i].words, row[i].address);
}

static void
what_is_no_network_is_named(void **state)
{
	static const char *const bad[] = {
		"10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8", "example.org",
		"2001:db8::/129", "2001:db8::1/64", "1.2.3.4/0008",
		"12345678901234567890123456789012345678901234567890123456789012345678901234567890",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct buf words = BUF_INIT, why = BUF_INIT;
		struct netset *set;

		buf_printf(&words, "192.0.2.1 %s 192.0.2.2", bad[i]);
		assert_int_equal(netset_parse(words.p, &set, &why), ERR_SYNTAX);
		assert_string_equal(why.p, bad[i]);
		buf_free(&words);
		buf_free(&why);
	}
}

static void
addresses_are_printed_in_one_form(void **state)
{
	static const char *const row[][2] = {
		{ "::ffff:192.0.2.1", "192.0.2.1" }, { "2001:0DB8:0:0::1", "2001:db8::1" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct buf text = BUF_INIT;
		struct netaddr a;

		assert_true(netaddr_parse(row[i][0], &a));
		netaddr_print(&a, &text);
		assert_string_equal(text.p, row[i][1]);
		buf_free(&text);
	}
}

/* --- the PROXY protocol --- */

#define V2	"\r\n\r\n\0\r\nQUIT\n"
#define ADDRESSES4	"\xc0\0\2\1" "\xc0\0\2\2" "\x12\x67" "\0\x8f"
#define ADDRESSES6	"\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1" "\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\2" \
    "\x12\x67" "\0\x8f"

static const struct sample {
	struct str bytes;
	enum err e;
	const char *source, *destination;
} samples[] = {
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711 143\r\n"), OK, "192.0.2.1", "192.0.2.2" },
	{ STR("PROXY TCP6 2001:db8::1 2001:db8::2 4711 143\r\n"), OK, "2001:db8::1", "2001:db8::2" },
	{ STR("PROXY UNKNOWN\r\n"), OK, NULL, NULL },
	{ STR("PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n"), OK, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711 65536\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711 0143\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1  192.0.2.2 4711 143\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711 143 \r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 2001:db8::1 192.0.2.2 4711 143\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1\0x 192.0.2.2 4711 143\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY TCP4 192.0.2.1 192.0.2.2 4711 143\n\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("PROXY UDP4 192.0.2.1 192.0.2.2 4711 143\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR("a LOGIN fred secret\r\n"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x21\x11\0\14" ADDRESSES4), OK, "192.0.2.1", "192.0.2.2" },
	{ STR(V2 "\x21\x21\0\44" ADDRESSES6), OK, "2001:db8::1", "2001:db8::2" },
	{ STR(V2 "\x21\x11\0\23" ADDRESSES4 "\4\0\4abcd"), OK, "192.0.2.1", "192.0.2.2" },
	{ STR(V2 "\x21\x11\0\23" ADDRESSES4 "\4\0\5abcd"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x21\x11\0\16" ADDRESSES4 "\4\0"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x20\x00\0\0"), OK, NULL, NULL },
	{ STR(V2 "\x20\x11\0\3abc"), OK, NULL, NULL },
	{ STR(V2 "\x21\x31\0\2ab"), OK, NULL, NULL },
	{ STR(V2 "\x21\x11\0\13" "\xc0\0\2\1\xc0\0\2\2\x12\x67\0"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x22\x11\0\0"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x11\x11\0\0"), ERR_SYNTAX, NULL, NULL },
	{ STR(V2 "\x21\x11\xff\xff"), ERR_SYNTAX, NULL, NULL },
};

/* As it comes in pieces as small as can be, with the client's first byte behind it. */
static void
headers_are_read_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];
		struct proxy_header h;
		char next = '\0';
		int fd[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
		assert_int_equal(send(fd[1], s->bytes.p, s->bytes.n, 0), s->bytes.n);
		assert_int_equal(send(fd[1], "X", 1, 0), 1);
		if (proxy_receive(fd[0], 10000, &h) != s->e)
			fail_msg("sample %zu", i);
		if (s->e == OK) {
			assert_int_equal(recv(fd[0], &next, 1, 0), 1);
			assert_int_equal(next, 'X');
			assert_int_equal(h.has_addresses, s->source != NULL);
		}
		if (s->e == OK && s->source != NULL) {
			assert_string_equal(h.source, s->source);
			assert_string_equal(h.destination, s->destination);
			assert_int_equal(h.source_port, 4711);
			assert_int_equal(h.destination_port, 143);
		}
		close(fd[0]);
		close(fd[1]);
	}
}

static void
what_is_missing_is_never_more_than_there_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		const struct sample *s = &samples[i];

		for (size_t n = 0; s->e == OK && n < s->bytes.n; n++) {
			struct proxy_header h;
			size_t wants;

			assert_int_equal(proxy_parse((struct str){ s->bytes.p, n }, &h, &wants), ERR_AGAIN);
			assert_in_range(wants, 1, s->bytes.n - n);
		}
	}
}

static void
endless_headers_end(void **state)
{
	char line[200];
	struct proxy_header h;
	size_t wants;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "PROXY UNKNOWN ", 14);
	assert_int_equal(proxy_parse((struct str){ line, 106 }, &h, &wants), ERR_AGAIN);
	assert_int_equal(wants, 1);
	assert_int_equal(proxy_parse((struct str){ line, 107 }, &h, &wants), ERR_SYNTAX);
}

static void
silence_and_its_end_are_told_apart(void **state)
{
	struct proxy_header h;
	int fd[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	assert_int_equal(proxy_receive(fd[0], 1, &h), ERR_TIMEOUT);
	close(fd[1]);
	assert_int_equal(proxy_receive(fd[0], 10000, &h), ERR_CLOSED);
	close(fd[0]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(networks_have_their_addresses),
		cmocka_unit_test(what_is_no_network_is_named),
		cmocka_unit_test(addresses_are_printed_in_one_form),
		cmocka_unit_test(headers_are_read_and_nothing_else),
		cmocka_unit_test(what_is_missing_is_never_more_than_there_is),
		cmocka_unit_test(endless_headers_end),
		cmocka_unit_test(silence_and_its_end_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
