/* The table of commands is whole, and what its rows make of commands. */
#include "imap/imapd/proto/grammar.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static struct arena *arena;

static int
set_up(void **state)
{
	(void)state;
	arena = arena_new(1024 * 1024);
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

/* "9051 6.3.1, 6.4": an RFC and its sections */
static bool
is_reference(const char *rfc)
{
	int rfc_number = 0, section = 0;
	return rfc != NULL && sscanf(rfc, "%d %d", &rfc_number, &section) == 2
	    && rfc_number > 2000 && section > 0;
}

static void
test_rows(void **state)
{
	(void)state;
	for (unsigned r = 0; r < REQUESTS; r++) {
		const struct request_def *d = &grammar[r];
		assert_non_null(d->name.p);
		assert_non_null(d->args);
		for (size_t i = 0; i < d->name.n; i++)
			assert_false(islower((unsigned char)d->name.p[i]));
		if (!is_reference(d->rfc))
			fail_msg("%s comes from no RFC", d->name.p);
		assert_int_equal(grammar_find(d->name), r);
	}
	assert_int_equal(grammar_find(STR("fetch")), REQ_FETCH);
	assert_int_equal(grammar_find(STR("FETCHX")), REQUESTS);
	assert_int_equal(grammar_find(STR("")), REQUESTS);
}

static enum err
parse(enum request r, const char *text, void **req)
{
	struct parser p;
	parser_init(&p, str_c(text), arena);
	return grammar_parse(&p, r, req);
}

/* Commands without arguments take none, not even a space. */
static void
test_no_arguments(void **state)
{
	void *req;
	(void)state;
	for (unsigned r = 0; r < REQUESTS; r++)
		if (grammar[r].size == 0) {
			assert_int_equal(parse(r, "", &req), OK);
			assert_null(req);
			assert_int_equal(parse(r, " ", &req), ERR_SYNTAX);
		} else {
			assert_int_equal(parse(r, "x", &req), ERR_SYNTAX);
		}
}

static void
test_requests(void **state)
{
	(void)state;
	void *req;
	assert_int_equal(parse(REQ_ENABLE, " CONDSTORE x-foo", &req), OK);
	const struct enable_req *enable = req;
	const struct str *name = enable->capabilities.item;
	assert_int_equal(enable->capabilities.count, 2);
	assert_true(str_eq(name[1], STR("x-foo")));

	assert_int_equal(parse(REQ_STATUS, " \"a b\" (unseen MESSAGES unseen)", &req), OK);
	const struct status_req *status = req;
	assert_true(str_eq(status->mailbox, STR("a b")));
	assert_int_equal(status->items, STATUS_UNSEEN | STATUS_MESSAGES);

	assert_int_equal(parse(REQ_STORE, " 1 -FLAGS.SILENT \\Seen foo", &req), OK);
	const struct store_req *store = req;
	assert_int_equal(store->op, STORE_REMOVE);
	assert_true(store->silent);
	assert_int_equal(store->flags.count, 1);

	assert_int_equal(parse(REQ_SETQUOTA, " r (MESSAGE 7 STORAGE 9)", &req), OK);
	const struct setquota_req *quota = req;
	const struct quota_limit *limit = quota->limits.item;
	assert_int_equal(quota->limits.count, 2);
	assert_int_equal(limit[1].resource, RESOURCE_STORAGE);
	assert_int_equal(limit[1].limit, 9);
}

static void
test_refused(void **state)
{
	static const struct {
		enum request r;
		const char *text;
	} rows[] = {
		{ REQ_ENABLE, "" }, { REQ_ENABLE, " " }, { REQ_ENABLE, " A  B" },
		{ REQ_ENABLE, " (A)" }, { REQ_LOGIN, " a" }, { REQ_LOGIN, " a b c" },
		{ REQ_AUTHENTICATE, " PLAIN " }, { REQ_ID, " ()x" }, { REQ_ID, " (\"a\")" },
		{ REQ_SELECT, " a b" }, { REQ_RENAME, " a" }, { REQ_RENAME, " a b c d" },
		{ REQ_LIST, " a" }, { REQ_STATUS, " a ()" }, { REQ_STATUS, " a UNSEEN" },
		{ REQ_STATUS, " a (UNSEENX)" }, { REQ_SETQUOTA, " a (DISK x)" },
		{ REQ_SETQUOTA, " a (STORAGE)" }, { REQ_SETQUOTA, " a (STORAGE -1)" },
		{ REQ_STORE, " 1 FLAG ()" }, { REQ_STORE, " 1 FLAGS" },
		{ REQ_STORE, " 1 ++FLAGS ()" }, { REQ_COPY, " 1" }, { REQ_COPY, " a b" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		void *req;
		if (parse(rows[i].r, rows[i].text, &req) != ERR_SYNTAX)
			fail_msg("accepted: %s%s", grammar[rows[i].r].name.p, rows[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_no_arguments, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_requests, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
