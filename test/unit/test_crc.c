/* Checksums and digests against published values. */
#include "lib/crc.c"	/* both ways of it, whatever this machine has */
#include "lib/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void
test_published(void **state)
{
	unsigned char zeros[32] = { 0 }, ones[32], up[32], down[32];

	(void)state;
	for (int i = 0; i < 32; i++) {
		ones[i] = 0xff;
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	assert_int_equal(crc32c(0, "", 0), 0);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	/* RFC 3720 appendix B.4 */
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, down, 32), 0x113fdb5c);
}

/* All lengths and alignments, in one piece and in two, by both ways. */
static void
test_pieces(void **state)
{
	unsigned char bytes[80];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37 + 11);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; from + n <= sizeof(bytes); n++) {
			uint32_t whole = crc32c(0, bytes + from, n);

			assert_int_equal(whole, ~by_table(~0u, bytes + from, n));
			for (size_t cut = 0; cut <= n; cut += 5)
				assert_int_equal(crc32c(crc32c(0, bytes + from, cut),
				    bytes + from + cut, n - cut), whole);
		}
}

/* Longer ones go another way: several pieces at once. */
static void
test_long(void **state)
{
	static unsigned char bytes[3000];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * i + i / 7);
	for (size_t n = 300; n < sizeof(bytes) - 3; n += n < 800 ? 1 : 37) {
		const unsigned char *p = bytes + n % 4;

		assert_int_equal(crc32c(n * 7919, p, n), ~by_table(~(uint32_t)(n * 7919), p, n));
	}
}

static void
test_sha256(void **state)
{
	static const unsigned char abc[] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde,
		0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
		0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad,
	}, empty[] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8,
		0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c,
		0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
	};
	uint8_t out[SHA256_SIZE];
	struct sha256 *d;

	(void)state;
	sha256("abc", 3, out);
	assert_memory_equal(out, abc, SHA256_SIZE);
	sha256("", 0, out);
	assert_memory_equal(out, empty, SHA256_SIZE);
	d = sha256_new();
	sha256_add(d, "a", 1);
	sha256_add(d, "", 0);
	sha256_add(d, "bc", 2);
	sha256_end(d, out);
	assert_memory_equal(out, abc, SHA256_SIZE);
	sha256_abort(sha256_new());
}

static void
test_random(void **state)
{
	uint8_t a[1000] = { 0 }, b[1000] = { 0 };
	int zeros = 0;

	(void)state;
	random_bytes(a, sizeof(a));
	random_bytes(b, sizeof(b));
	assert_memory_not_equal(a, b, sizeof(a));
	for (size_t i = 0; i < sizeof(a); i++)
		zeros += a[i] == 0;
	assert_true(zeros < 50);
	random_bytes(a, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_sha256),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("crc", tests, NULL, NULL);
}
