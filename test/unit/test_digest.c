/* test_digest.c - HMAC-SHA-256, by the examples of RFC 4231 */
#include "lib/buf.h"
#include "lib/digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void
expect(const void *key, size_t key_n, const char *text, const char *hex)
{
	uint8_t mac[SHA256_SIZE];
	struct buf b = BUF_INIT;

	hmac_sha256(key, key_n, text, strlen(text), mac);
	for (size_t i = 0; i < sizeof(mac); i++)
		buf_printf(&b, "%02x", mac[i]);
	assert_string_equal(b.p, hex);
	buf_free(&b);
}

static void
test_hmac(void **state)
{
	unsigned char key[131];

	(void)state;
	memset(key, 0x0b, 20);
	expect(key, 20, "Hi There",
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
	expect("Jefe", 4, "what do ya want for nothing?",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
	memset(key, 0xaa, 131);
	expect(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First",
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void
test_eq(void **state)
{
	(void)state;
	assert_true(digest_eq("abc", "abc", 3));
	assert_false(digest_eq("abc", "abd", 3));
	assert_true(digest_eq("abc", "abd", 2));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_eq),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
