/*
 * test_oauth_keys.c - when the provider is asked for his keys
 *
 * The provider and the clock are here: what is fetched is what a test has put
 * down, and time goes by as it says.
 */
#include "imap/server/oauth_keys.h"
#include "lib/http.h"
#include "lib/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { TTL = 3600, DAY = 24 * 3600 };

/* RFC 7517 appendix A.1 */
#define KEY(kid) "{\"kty\":\"EC\",\"crv\":\"P-256\"," \
	"\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\"," \
	"\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\",\"kid\":\"" kid "\"}"

static const char one_key[] = "{\"keys\":[" KEY("1") "]}";
static const char two_keys[] = "{\"keys\":[" KEY("1") "," KEY("2") "]}";

static char dir[64];
static int64_t seconds = 1000;
static struct {
	int status;			/* 0: he does not answer */
	const char *body;
	int asked;
} provider;

int
clock_gettime(clockid_t clock, struct timespec *t)
{
	if (clock != CLOCK_BOOTTIME)
		return (int)syscall(SYS_clock_gettime, clock, t);
	*t = (struct timespec){ .tv_sec = seconds };
	return 0;
}

bool
http_is_url(const char *url)
{
	return strstr(url, "://") != NULL;
}

enum err
http_fetch(const struct http_request *r, int *status, struct buf *body, struct buf *why)
{
	provider.asked++;
	*status = provider.status;
	if (provider.status == 0) {
		buf_printf(why, "%s: no answer", r->url);
		return ERR_TIMEOUT;
	}
	buf_adds(body, provider.body);
	return OK;
}

static struct conf *
new_conf(const char *url)
{
	char path[96];
	struct conf *conf;
	snprintf(path, sizeof(path), "%s/imapd.conf", dir);
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "configdirectory: /c\npartition-default: /p\noauth_jwks: %s\n"
	    "oauth_jwks_ttl: %ds\n", url, TTL);
	fclose(f);
	assert_int_equal(conf_read(path, "imap", NULL, NULL, &conf), OK);
	unlink(path);
	return conf;
}

static void
answers(int status, const char *body)
{
	provider.status = status;
	provider.body = body;
	provider.asked = 0;
}

/* So many keys are there (0: none), and the provider has been asked or not. */
static void
assert_keys(const struct conf *conf, bool newer, size_t n, bool is_asked)
{
	const struct jwt_keys *keys;
	provider.asked = 0;
	assert_int_equal(oauth_keys(conf, newer, &keys), n > 0 ? OK : ERR_IO);
	assert_int_equal(keys == NULL ? 0 : jwt_keys_count(keys), n);
	assert_int_equal(provider.asked, is_asked ? 1 : 0);
}

/* A key that is not known is looked for, but not once for each who makes one up. */
static void
test_newer_keys(void **state)
{
	(void)state;
	struct conf *conf = new_conf("https://newer.example/");
	answers(200, one_key);
	assert_keys(conf, false, 1, true);
	assert_keys(conf, false, 1, false);
	answers(200, two_keys);
	assert_keys(conf, true, 1, false);
	seconds += OAUTH_KEYS_PAUSE - 1;
	assert_keys(conf, true, 1, false);
	seconds += 1;
	assert_keys(conf, false, 1, false);
	assert_keys(conf, true, 2, true);
	assert_keys(conf, true, 2, false);
	conf_free(conf);
}

/* Each who logs in would wait for him: one in a minute does. */
static void
test_provider_that_is_down(void **state)
{
	(void)state;
	struct conf *conf = new_conf("https://down.example/");
	answers(0, "");
	assert_keys(conf, false, 0, true);
	assert_keys(conf, false, 0, false);
	assert_keys(conf, true, 0, false);
	seconds += OAUTH_KEYS_PAUSE;
	answers(503, "down");
	assert_keys(conf, false, 0, true);
	assert_keys(conf, false, 0, false);
	seconds += OAUTH_KEYS_PAUSE;
	answers(200, "{\"keys\":[]}");
	assert_keys(conf, false, 0, true);
	assert_keys(conf, false, 0, false);
	seconds += OAUTH_KEYS_PAUSE;
	answers(200, one_key);
	assert_keys(conf, false, 1, true);
	conf_free(conf);
}

/* What was had before serves for a day. */
static void
test_old_keys(void **state)
{
	(void)state;
	struct conf *conf = new_conf("https://old.example/");
	answers(200, one_key);
	assert_keys(conf, false, 1, true);
	seconds += TTL - 1;
	assert_keys(conf, false, 1, false);
	answers(0, "");
	seconds += 1;
	assert_keys(conf, false, 1, true);
	assert_keys(conf, false, 1, false);
	seconds += DAY - TTL;
	assert_keys(conf, false, 1, true);
	seconds += OAUTH_KEYS_PAUSE;
	assert_keys(conf, false, 0, true);
	conf_free(conf);
}

/* Another provider is asked at once, and the keys of the last are none of his. */
static void
test_another_provider(void **state)
{
	(void)state;
	struct conf *one = new_conf("https://one.example/"), *two = new_conf("https://two.example/");
	answers(200, one_key);
	assert_keys(one, false, 1, true);
	answers(0, "");
	assert_keys(two, false, 0, true);
	answers(200, two_keys);
	assert_keys(one, false, 2, true);
	conf_free(one);
	conf_free(two);
}

static int
set_up(void **state)
{
	(void)state;
	log_open("test_oauth_keys", "/dev/null", 0);
	snprintf(dir, sizeof(dir), "/tmp/test_oauth_keys.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
tear_down(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_newer_keys), cmocka_unit_test(test_provider_that_is_down),
		cmocka_unit_test(test_old_keys), cmocka_unit_test(test_another_provider),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
