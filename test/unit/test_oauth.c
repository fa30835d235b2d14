/* What OAUTHBEARER and XOAUTH2 say; keys and tokens that are none. */
#include "imap/server/oauth_message.h"
#include "lib/http.h"
#include "lib/jwt.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT(s)	{ s, sizeof(s) - 1 }

static void
test_bearer(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *name, *token;	/* NULL: no message */
	} rows[] = {
		/* RFC 7628 section 4.1 */
		{ TEXT("n,a=user@example.com,\001host=server.example.com\001port=143\001"
		    "auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\001\001"),
		    "user@example.com", "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==" },
		{ TEXT("y,,\001auth=bearer x\001\001"), "", "x" },
		{ TEXT("n,a=a=2Cb=3Dc,\001auth=Bearer x\001\001"), "a,b=c", "x" },
		{ TEXT("n,,\001auth=\001\001"), "", "" },
		{ TEXT("n,,\001auth=Bearer  x \001\001"), "", "x" },
		{ TEXT("n,a=a=2,\001auth=Bearer x\001\001"), NULL, NULL },
		{ TEXT("n,a=a=2c,\001auth=Bearer x\001\001"), NULL, NULL },
		{ TEXT("n,,\001auth=Bearer x=y\001\001"), NULL, NULL },
		{ TEXT("n,,\001auth=Bearer\001\001"), NULL, NULL },
		{ TEXT("n,,\001host=a\001\001"), NULL, NULL },
		{ TEXT("n,,\001auth=Bearer x\001"), NULL, NULL },
		{ TEXT("n"), NULL, NULL }, { TEXT(""), NULL, NULL },
		{ TEXT("\001"), NULL, NULL },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct oauth_message m;
		enum err e = oauth_message_bearer(rows[i].text, &m);
		assert_int_equal(e, rows[i].name != NULL ? OK : ERR_SYNTAX);
		if (e == OK) {
			assert_string_equal(m.name.p, rows[i].name);
			assert_true(str_eq(m.token, str_c(rows[i].token)));
		}
		oauth_message_fini(&m);
	}
}

static void
test_xoauth2(void **state)
{
	(void)state;
	struct oauth_message m;
	struct str good = TEXT("user=someuser@example.com\001auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdH"
	    "RhdmlzdGEuY29tCg\001\001");
	assert_int_equal(oauth_message_xoauth2(good, &m), OK);
	assert_string_equal(m.name.p, "someuser@example.com");
	assert_true(str_starts(m.token, STR("ya29.")));
	oauth_message_fini(&m);
	/* No beginning of it is one. */
	for (size_t n = 0; n < good.n; n++) {
		assert_int_equal(oauth_message_xoauth2(str_slice(good, 0, n), &m), ERR_SYNTAX);
		oauth_message_fini(&m);
	}
}

static void
test_keys(void **state)
{
	(void)state;
	/* RFC 7517 appendix A.1 */
	static const char set[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\","
	    "\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"1\"},"
	    "{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"},{\"kty\":\"oct\",\"k\":\"AAAA\"},"
	    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"AA\",\"y\":\"AA\"}, 1, null, {}]}";
	static const char *const wrong[] = { "", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[]", "x" };
	struct jwt_keys *keys;
	assert_int_equal(jwt_keys_parse(str_c(set), &keys), OK);
	assert_int_equal(jwt_keys_count(keys), 1);
	jwt_keys_free(keys);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(jwt_keys_parse(str_c(wrong[i]), &keys), ERR_SYNTAX);
		assert_null(keys);
	}
}

/* RFC 7515 appendix A.3: a token with a known signature. */
static void
test_token(void **state)
{
	(void)state;
	static const char set[] = "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
	    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
	    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";
	static const char token[] = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzOD"
	    "AsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6"
	    "-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
	struct arena *arena = arena_new(64 * 1024);
	struct jwt_keys *keys;
	struct jwt t;
	const char *why;
	assert_int_equal(jwt_keys_parse(str_c(set), &keys), OK);
	assert_int_equal(jwt_parse(arena, str_c(token), &t, &why), OK);
	assert_string_equal(t.algorithm, "ES256");
	assert_null(t.key_id);
	assert_string_equal(json_text(t.claims, "iss"), "joe");
	assert_int_equal(jwt_verify(&t, keys, &why), OK);
	/* One letter of the signature, or of the claims. */
	for (size_t at = 30; at < sizeof(token) - 2; at += 17) {
		char other[sizeof(token)];
		memcpy(other, token, sizeof(token));
		if (other[at] == '.')
			continue;
		other[at] = other[at] == 'A' ? 'B' : 'A';
		if (jwt_parse(arena, str_c(other), &t, &why) == OK)
			assert_int_equal(jwt_verify(&t, keys, &why), ERR_AUTH);
	}
	/* What no encoder makes is nothing for a library that asserts. */
	for (size_t n = 1; n < sizeof(token); n++)
		for (size_t cut = 0; cut < n && cut < 6; cut++) {
			struct str s = { token + cut, n - cut };
			if (jwt_parse(arena, s, &t, &why) == OK)
				assert_int_equal(jwt_verify(&t, keys, &why) == OK,
				    cut == 0 && n == sizeof(token) - 1);
		}
	assert_int_equal(jwt_parse(arena, STR("e.e.e"), &t, &why), ERR_SYNTAX);
	assert_int_equal(jwt_parse(arena, STR("eyJhbGciOiJFUzI1NiJ9.e30.AAA=AA"), &t, &why), ERR_SYNTAX);
	jwt_keys_free(keys);
	static const char *const numbers[] = { "A", "AAAAA", "A=AA", "AA===", "=", "" };
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		char odd[200];
		snprintf(odd, sizeof(odd), "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\","
		    "\"x\":\"%s\",\"y\":\"AAAA\"}]}", numbers[i]);
		assert_int_equal(jwt_keys_parse(str_c(odd), &keys), OK);
		assert_int_equal(jwt_keys_count(keys), 0);
		jwt_keys_free(keys);
	}
	arena_free(arena);
}

static void
test_url(void **state)
{
	(void)state;
	static const char *const wrong[] = {
		"http://example.org/", "http://localhost@example.org/", "http://localhost:1@example.org/",
		"http://127.0.0.1.example.org/", "ftp://localhost/", "file:///etc/passwd", "https://u:p@localhost/",
		"",
	};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct http_request r = { .url = wrong[i], .timeout_ms = 1000, .max = 10 };
		struct buf body = BUF_INIT, why = BUF_INIT;
		int status;
		assert_int_equal(http_fetch(&r, &status, &body, &why), ERR_SYNTAX);
		assert_non_null(strstr(why.p, "neither https nor http to this machine"));
		buf_free(&body);
		buf_free(&why);
	}
	struct buf form = BUF_INIT;
	http_add_escaped(&form, (struct str)TEXT("a b&c=\0\xff.~"));
	assert_string_equal(form.p, "a%20b%26c%3D%00%FF.%7E");
	buf_free(&form);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bearer), cmocka_unit_test(test_xoauth2),
		cmocka_unit_test(test_keys), cmocka_unit_test(test_token),
		cmocka_unit_test(test_url),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
