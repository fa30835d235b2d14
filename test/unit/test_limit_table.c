/* test_limit_table.c - imap/limitd/table.h */
#include "imap/limitd/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { BASE = 3000, CAP = 60000 };

static struct limits_request
request(const char *host, const char *user)
{
	struct limits_request r = { .protocol = LIMITS_IMAP };

	if (host != NULL)
		assert_true(netaddr_parse(host, &r.address));
	if (user != NULL)
		memcpy(r.account.b, user, strlen(user) < 16 ? strlen(user) : 16);
	return r;
}

static struct table_session *
connect_from(struct table *t, const char *host, uint32_t all, uint32_t one,
    enum limits_verdict wanted)
{
	struct limits_request r = request(host, NULL);
	struct table_session *s;

	r.max_all = all;
	r.max_one = one;
	assert_int_equal(table_connect(t, &r, &s), wanted);
	assert_int_equal(s != NULL, wanted == LIMITS_OK);
	return s;
}

static void
login(struct table *t, struct table_session *s, const char *user, uint32_t of_user,
    uint32_t of_host, enum limits_verdict wanted)
{
	struct limits_request r = request(NULL, user);

	r.max_all = of_user;
	r.max_one = of_host;
	assert_int_equal(table_login(t, s, &r), wanted);
}

static void
connections_are_counted(void **state)
{
	struct table *t = table_new();

	(void)state;
	struct table_session *a = connect_from(t, "192.0.2.1", 3, 2, LIMITS_OK);
	struct table_session *b = connect_from(t, "192.0.2.1", 3, 2, LIMITS_OK);
	connect_from(t, "192.0.2.1", 3, 2, LIMITS_HOST);
	struct table_session *c = connect_from(t, "192.0.2.2", 3, 2, LIMITS_OK);
	connect_from(t, "192.0.2.3", 3, 2, LIMITS_ALL);
	table_close(t, a);
	a = connect_from(t, "192.0.2.1", 3, 2, LIMITS_OK);
	table_close(t, a);
	table_close(t, b);
	table_close(t, c);
	assert_int_equal(table_keys(t), 0);
	table_free(t);
}

static void
neighbours_in_one_ipv6_network_are_one(void **state)
{
	struct table *t = table_new();

	(void)state;
	struct table_session *a = connect_from(t, "2001:db8:0:1::1", 0, 1, LIMITS_OK);
	connect_from(t, "2001:db8:0:1:ffff::9", 0, 1, LIMITS_HOST);
	struct table_session *b = connect_from(t, "2001:db8:0:2::1", 0, 1, LIMITS_OK);
	table_close(t, a);
	table_close(t, b);
	table_free(t);
}

static void
exempt_addresses_are_counted_in_all_only(void **state)
{
	struct table *t = table_new();

	(void)state;
	struct table_session *a = connect_from(t, NULL, 2, 1, LIMITS_OK);
	struct table_session *b = connect_from(t, NULL, 2, 1, LIMITS_OK);
	connect_from(t, NULL, 2, 1, LIMITS_ALL);
	login(t, a, "fred", 1, 1, LIMITS_OK);
	login(t, b, "fred", 1, 1, LIMITS_USER);
	login(t, b, "ann", 1, 1, LIMITS_OK);
	table_close(t, a);
	table_close(t, b);
	assert_int_equal(table_keys(t), 0);
	table_free(t);
}

static void
sessions_are_counted(void **state)
{
	struct table *t = table_new();

	(void)state;
	struct table_session *a = connect_from(t, "192.0.2.1", 0, 0, LIMITS_OK);
	struct table_session *b = connect_from(t, "192.0.2.1", 0, 0, LIMITS_OK);
	struct table_session *c = connect_from(t, "192.0.2.2", 0, 0, LIMITS_OK);
	login(t, a, "fred", 2, 2, LIMITS_OK);
	login(t, c, "fred", 2, 2, LIMITS_OK);
	login(t, b, "fred", 2, 2, LIMITS_USER);
	login(t, b, "ann", 2, 2, LIMITS_OK);
	login(t, c, "bob", 2, 2, LIMITS_OK);	/* fred no more */
	login(t, b, "fred", 2, 2, LIMITS_OK);	/* instead of ann */
	table_logout(t, b);
	login(t, b, "ann", 0, 1, LIMITS_HOST_LOGINS);
	table_close(t, a);
	login(t, b, "ann", 0, 1, LIMITS_OK);
	table_close(t, b);
	table_close(t, c);
	assert_int_equal(table_keys(t), 0);
	table_free(t);
}

/* A wrong password NOW; the pause that follows. */
static uint32_t
guess(struct table *t, const char *host, const char *user, int64_t now)
{
	struct limits_request r = request(host, user);
	uint32_t pause;

	r.max_all = BASE;
	r.max_one = CAP;
	table_failed(t, &r, now, &pause);
	return pause;
}

static enum limits_verdict
attempt(struct table *t, const char *host, const char *user, int64_t now, uint32_t *pause)
{
	struct limits_request r = request(host, user);

	r.max_all = BASE;
	r.max_one = CAP;
	return table_attempt(t, &r, now, pause);
}

static bool
is_slowed(struct table *t, const char *host, const char *user, int64_t now)
{
	uint32_t pause;

	return attempt(t, host, user, now, &pause) != LIMITS_OK || pause > 0;
}

static void
pauses_grow_to_the_cap(void **state)
{
	static const uint32_t wanted[] = { BASE, BASE, BASE, 2 * BASE, 4 * BASE, 8 * BASE,
	    16 * BASE, CAP, CAP };
	struct table *t = table_new();
	int64_t now = 1000;

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		assert_int_equal(guess(t, "192.0.2.1", "fred", now), wanted[i]);
		now += wanted[i];
	}
	/* Others neither from there nor to there are not concerned. */
	assert_int_equal(guess(t, "192.0.2.2", "ann", now), BASE);
	/* Either is enough. */
	assert_int_equal(guess(t, "192.0.2.1", "bob", now), CAP);
	assert_int_equal(guess(t, "192.0.2.3", "fred", now), CAP);
	now += TABLE_MEMORY_MS + 1;
	assert_int_equal(guess(t, "192.0.2.1", "fred", now), BASE);
	table_free(t);
}

static void
many_at_once_queue_up(void **state)
{
	struct table *t = table_new();
	int64_t now = 1000;
	uint32_t pause, before = 0;
	int let_in = 0;

	(void)state;
	assert_int_equal(attempt(t, "192.0.2.1", "fred", now, &pause), LIMITS_OK);
	assert_int_equal(pause, 0);
	for (int i = 0; i < TABLE_FREE; i++)
		guess(t, "192.0.2.1", "fred", now);
	while (attempt(t, "192.0.2.1", "fred", now, &pause) == LIMITS_OK) {
		assert_in_range(pause, before + 1, before + BASE);
		before = pause;
		let_in++;
	}
	assert_in_range(let_in, CAP / BASE - 1, CAP / BASE + 1);
	/* Not for ever. */
	assert_int_equal(attempt(t, "192.0.2.1", "fred", now + CAP, &pause), LIMITS_OK);
	table_free(t);
}

/* An address from which nothing is let in cannot fill an account's queue. */
static void
who_is_refused_takes_no_turn(void **state)
{
	struct table *t = table_new();
	int64_t now = 1000;
	uint32_t pause, after;

	(void)state;
	for (int i = 0; i < TABLE_FREE; i++)
		guess(t, "192.0.2.9", "fred", now);
	for (int i = 0; i < 50; i++)
		guess(t, "203.0.113.9", "nobody", now);
	while (attempt(t, "203.0.113.9", "nobody", now, &pause) == LIMITS_OK)
		continue;
	assert_int_equal(attempt(t, "192.0.2.1", "fred", now, &pause), LIMITS_OK);
	for (int i = 0; i < 100; i++)
		assert_int_equal(attempt(t, "203.0.113.9", "fred", now, &after), LIMITS_FAILURES);
	assert_int_equal(attempt(t, "192.0.2.1", "fred", now, &after), LIMITS_OK);
	assert_int_equal(after, pause + BASE);
	table_free(t);
}

static void
who_has_been_here_is_not_locked_out(void **state)
{
	struct table *t = table_new();
	struct limits_request home = request("192.0.2.1", "fred");
	int64_t now = 1000;

	(void)state;
	table_proved(t, &home, now);
	for (int i = 0; i < 50; i++)
		guess(t, "203.0.113.9", "fred", now);		/* far away */
	for (int i = 0; i < 50; i++)
		guess(t, "192.0.2.1", "ann", now);		/* next door */
	assert_true(is_slowed(t, "203.0.113.9", "fred", now));
	assert_false(is_slowed(t, "192.0.2.1", "fred", now));
	/* Until he guesses himself. */
	for (int i = 0; i < TABLE_FREE; i++)
		assert_int_equal(guess(t, "192.0.2.1", "fred", now), BASE);
	assert_true(is_slowed(t, "192.0.2.1", "fred", now));
	/* And not for ever. */
	table_proved(t, &home, now);
	assert_false(is_slowed(t, "192.0.2.1", "fred", now));
	now += TABLE_FRIEND_MS + 1;
	for (int i = 0; i < 50; i++)
		guess(t, "203.0.113.9", "fred", now);
	assert_true(is_slowed(t, "192.0.2.1", "fred", now));
	table_free(t);
}

static void
old_failures_are_swept_out(void **state)
{
	struct table *t = table_new();
	char host[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "10.0.%d.%d", i / 256, i % 256);
		guess(t, host, NULL, 0);
	}
	assert_int_equal(table_keys(t), 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(host, sizeof(host), "10.1.%d.%d", i / 256, i % 256);
		guess(t, host, NULL, TABLE_MEMORY_MS + 1);
	}
	assert_int_equal(table_keys(t), 1000);
	table_free(t);
}

static void
there_are_never_too_many(void **state)
{
	struct table *t = table_new();
	struct limits_request r = request("2001:db8::", NULL);
	uint32_t pause;

	(void)state;
	for (uint32_t i = 0; i < TABLE_KEYS_MAX + 1000; i++) {
		memcpy(r.address.b + 4, &i, sizeof(i));
		table_failed(t, &r, 1, &pause);
	}
	assert_int_equal(table_keys(t), TABLE_KEYS_MAX);
	table_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connections_are_counted),
		cmocka_unit_test(neighbours_in_one_ipv6_network_are_one),
		cmocka_unit_test(exempt_addresses_are_counted_in_all_only),
		cmocka_unit_test(sessions_are_counted),
		cmocka_unit_test(pauses_grow_to_the_cap),
		cmocka_unit_test(many_at_once_queue_up),
		cmocka_unit_test(who_is_refused_takes_no_turn),
		cmocka_unit_test(who_has_been_here_is_not_locked_out),
		cmocka_unit_test(old_failures_are_swept_out),
		cmocka_unit_test(there_are_never_too_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
