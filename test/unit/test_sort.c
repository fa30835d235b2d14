/* Orders over a mailbox that exists only in this file. */
#include "imap/store/mbox/ranked.h"
#include "imap/store/search/sort_key.h"
#include "imap/store/search/sort_known.h"
#include "lib/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	int64_t internaldate, sentdate;
	uint64_t size;
	const char *headers;
} mail[] = {
	{ 30, 5, 7, "From: Zoe <anna@x>\r\nTo: b@y\r\nSubject: Re: beta\r\n" },
	{ 20, -6, 9, "From: carl@x\r\nTo: Friends: z@y;\r\nCc: q@x\r\nSubject: Alpha\r\n" },
	{ 10, 7, 7, "From: =?utf-8?q?=C3=84nne?= <bert@x>\r\nSubject: [list] BETA\r\n" },
	{ 10, 8, 8, "Subject:\r\n" },
};
enum { MAILS = sizeof(mail) / sizeof(mail[0]) };

static uint32_t count = MAILS;
static unsigned keys;			/* made so far */

uint32_t
mbox_count(const struct mbox *m)
{
	(void)m;
	return count;
}

uint32_t
mbox_uid(struct mbox *m, uint32_t seq)
{
	(void)m;
	return seq * 10;
}

enum err
mbox_message(struct mbox *m, uint32_t seq, struct message *msg)
{
	(void)m;
	keys++;
	*msg = (struct message){ .uid = seq, .size = mail[seq - 1].size,
	    .internaldate = mail[seq - 1].internaldate, .sentdate = mail[seq - 1].sentdate };
	return OK;
}

/* None has annotations. */
enum err
mbox_annots(struct mbox *m, const struct annots **a)
{
	static const struct annots none = { .n = 0 };

	(void)m;
	*a = &none;
	return OK;
}

const char *
mbox_userid(const struct mbox *m)
{
	(void)m;
	return "";
}

enum err
mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *bytes)
{
	(void)m;
	assert_int_equal(item, CACHE_HEADERS);
	keys++;
	*bytes = str_c(mail[seq - 1].headers);
	return seq == MAILS ? ERR_NOTFOUND : OK;
}

/* Nothing is kept of so small a mailbox; nothing is asked for. */
enum err
ranked_read(struct mbox *m, uint32_t version, struct ranks_by by, struct ranks *r)
{
	(void)m, (void)version, (void)by, (void)r;
	fail();
	return ERR_NOTFOUND;
}

void
ranked_keep(struct mbox *m, uint32_t version, struct ranks_by by, struct ranks *r)
{
	(void)m, (void)version, (void)by, (void)r;
	fail();
}

/* The order as a number: 1234. */
static unsigned
sorted(const struct sort_criterion *criteria, size_t n)
{
	struct sort_order order = { criteria, n, COLLATE_UNICODE_CASEMAP };
	uint32_t seqs[MAILS] = { 4, 3, 2, 1 };
	unsigned number = 0;

	assert_int_equal(sort_run(NULL, &order, seqs, MAILS), OK);
	for (size_t i = 0; i < MAILS; i++) {
		size_t at;

		number = number * 10 + seqs[i];
		assert_int_equal(sort_place(NULL, &order, seqs, MAILS, seqs[i], &at), OK);
		assert_int_equal(at, i);
	}
	return number;
}

#define SORT(...)	sorted((const struct sort_criterion[]){ __VA_ARGS__ }, \
    sizeof((const struct sort_criterion[]){ __VA_ARGS__ }) / sizeof(struct sort_criterion))

static void
test_criteria(void **state)
{
	(void)state;
	assert_int_equal(SORT({ .by = SORT_ARRIVAL }), 3421);
	assert_int_equal(SORT({ .by = SORT_ARRIVAL, .reverse = true }), 1234);
	assert_int_equal(SORT({ .by = SORT_DATE }), 2134);
	assert_int_equal(SORT({ .by = SORT_DATE, .reverse = true }), 4312);
	assert_int_equal(SORT({ .by = SORT_SIZE }), 1342);
	assert_int_equal(SORT({ .by = SORT_SIZE }, { .by = SORT_DATE, .reverse = true }), 3142);
	assert_int_equal(SORT({ .by = SORT_SUBJECT }), 4213);
	assert_int_equal(SORT({ .by = SORT_SUBJECT, .reverse = true }), 1324);
	assert_int_equal(SORT({ .by = SORT_SUBJECT }, { .by = SORT_ARRIVAL }), 4231);
	assert_int_equal(SORT({ .by = SORT_FROM }), 4132);
	assert_int_equal(SORT({ .by = SORT_TO }), 3412);
	assert_int_equal(SORT({ .by = SORT_CC }), 1342);
	assert_int_equal(SORT({ .by = SORT_DISPLAYFROM }), 4321);
	assert_int_equal(SORT({ .by = SORT_DISPLAYTO }), 3412);
	assert_int_equal(SORT({ .by = SORT_RELEVANCY }), 1234);
}

/* A shorter text comes before a longer one, whatever follows in the key. */
static void
test_ends(void **state)
{
	(void)state;
	assert_int_equal(SORT({ .by = SORT_CC, .reverse = true }, { .by = SORT_DATE }), 2134);
}

static unsigned
known(struct sort_known *k, const struct sort_order *order, const uint32_t *wanted, size_t n)
{
	uint32_t seqs[MAILS];
	unsigned number = 0;

	memcpy(seqs, wanted, n * sizeof(*seqs));
	assert_int_equal(sort_known_run(NULL, k, order, seqs, n), OK);
	for (size_t i = 0; i < n; i++)
		number = number * 10 + seqs[i];
	return number;
}

/* What is known costs no key; what is new is put in; another order is another. */
static void
test_known(void **state)
{
	const struct sort_criterion arrival = { .by = SORT_ARRIVAL }, back = { .by = SORT_ARRIVAL, .reverse = true };
	struct sort_order order = { &arrival, 1, COLLATE_UNICODE_CASEMAP };
	struct sort_order other = { &back, 1, COLLATE_UNICODE_CASEMAP };
	const uint32_t all[] = { 1, 2, 3, 4 }, some[] = { 1, 3 };
	struct sort_known k = { .n = 0 };

	(void)state;
	count = 3;
	assert_int_equal(known(&k, &order, some, 2), 31);
	assert_int_equal(k.criteria_count, 0);		/* a part is not remembered */
	assert_int_equal(known(&k, &order, all, 3), 321);
	assert_int_equal(k.n, 3);
	keys = 0;
	assert_int_equal(known(&k, &order, all, 3), 321);
	assert_int_equal(known(&k, &order, some, 2), 31);
	assert_int_equal(known(&k, &order, all, 0), 0);
	assert_int_equal(keys, 0);
	count = 4;
	assert_int_equal(known(&k, &order, all, 4), 3421);
	assert_int_equal(k.n, 4);
	keys = 0;
	assert_int_equal(known(&k, &order, some, 2), 31);
	assert_int_equal(keys, 0);
	assert_int_equal(known(&k, &other, all, 4), 1234);
	assert_int_equal(known(&k, &order, all, 4), 3421);
	other.collation = order.collation = COLLATE_OCTET;
	assert_int_equal(known(&k, &other, all, 4), 1234);
	sort_known_free(&k);
}

/*
 * What a text's key is must not change without SORT_KEYS: kept orders would be
 * wrong.  If this fails and it is meant to, raise that, and put the new sum here.
 */
static void
test_version(void **state)
{
	static const enum sort_by texts[] = { SORT_CC, SORT_FROM, SORT_SUBJECT, SORT_TO,
	    SORT_DISPLAYFROM, SORT_DISPLAYTO };
	struct buf all = BUF_INIT;
	struct sort_maker k;

	(void)state;
	for (int c = 0; c < COLLATIONS; c++) {
		sort_maker_init(&k, NULL, (enum collation)c);
		for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
			for (uint32_t seq = 1; seq <= MAILS; seq++)
				assert_int_equal(sort_text_key(&k, seq,
				    &(struct sort_criterion){ .by = texts[i] }, &all, NULL), OK);
		sort_maker_fini(&k);
	}
	assert_int_equal(SORT_KEYS, 1);
	assert_int_equal(crc32c(0, all.p, all.n), 0x5d35bd09);
	buf_free(&all);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_criteria),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
