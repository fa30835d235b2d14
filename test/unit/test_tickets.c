/* The keys of session tickets: one writer, many readers, and an end. */
#include "lib/tickets.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static void
pass_ms(int64_t ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
	nanosleep(&t, NULL);
}

static void
test_shared(void **state)
{
	(void)state;
	struct tickets *writer, *reader;
	struct ticket_key a, b;
	bool current;
	assert_int_equal(tickets_new(86400, &writer), OK);
	assert_int_equal(tickets_open(tickets_fd(writer), &reader), OK);
	assert_true(tickets_current(writer, &a));
	assert_true(tickets_current(reader, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	assert_true(tickets_find(reader, a.name, &b, &current));
	assert_true(current);
	b.name[0] ^= 1;
	assert_false(tickets_find(reader, b.name, &a, &current));
	/* 12 hours, not 24. */
	assert_true(tickets_rotate(writer) <= TICKET_PERIOD_MAX * INT64_C(1000));
	assert_true(tickets_rotate(writer) > (TICKET_PERIOD_MAX - 60) * INT64_C(1000));
	tickets_close(reader);
	tickets_close(writer);
}

/* A lifetime of 2 s: a key is current for one second and good for two. */
static void
test_rotation(void **state)
{
	(void)state;
	struct tickets *writer, *reader;
	struct ticket_key first, second, third, key;
	bool current;
	assert_int_equal(tickets_new(2, &writer), OK);
	assert_int_equal(tickets_open(tickets_fd(writer), &reader), OK);
	assert_true(tickets_current(reader, &first));
	pass_ms(tickets_rotate(writer) + 5);
	/* The reader does nothing by itself. */
	assert_true(tickets_current(reader, &key));
	assert_memory_equal(&key, &first, sizeof(key));
	assert_true(tickets_rotate(writer) > 0);
	assert_true(tickets_current(reader, &second));
	assert_memory_not_equal(second.name, first.name, TICKET_NAME);
	assert_true(tickets_find(reader, first.name, &key, &current));
	assert_false(current);
	pass_ms(tickets_rotate(writer) + 5);
	assert_true(tickets_current(writer, &third));
	assert_false(tickets_find(reader, first.name, &key, &current));
	assert_true(tickets_find(reader, second.name, &key, &current));
	tickets_close(reader);
	tickets_close(writer);
}

/* Who reads cannot write, by whatever way. */
static void
test_read_only(void **state)
{
	(void)state;
	struct tickets *writer;
	char path[40];
	assert_int_equal(tickets_new(60, &writer), OK);
	int fd = tickets_fd(writer);
	assert_ptr_equal(mmap(NULL, 100, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int again = open(path, O_RDWR);
	if (again >= 0) {
		assert_int_equal(write(again, "x", 1), -1);
		assert_int_equal(errno, EPERM);
		assert_ptr_equal(mmap(NULL, 100, PROT_WRITE, MAP_SHARED, again, 0), MAP_FAILED);
		close(again);
	}
	tickets_close(writer);
}

static void
test_other_descriptors(void **state)
{
	(void)state;
	struct tickets *t;
	int fd = open("/dev/null", O_RDONLY);
	assert_int_equal(tickets_open(fd, &t), ERR_CORRUPT);
	close(fd);
	assert_int_equal(tickets_open(fd, &t), ERR_CORRUPT);
	fd = memfd_create("empty", MFD_ALLOW_SEALING);
	static const char zeros[512];
	assert_int_equal(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	assert_int_equal(tickets_open(fd, &t), ERR_CORRUPT);
	close(fd);
}

static void
test_inherited(void **state)
{
	(void)state;
	struct tickets *former, *next;
	struct ticket_key a, b;
	assert_int_equal(tickets_new(60, &former), OK);
	assert_int_equal(tickets_new(60, &next), OK);
	assert_true(tickets_current(former, &a));
	tickets_inherit(next, tickets_fd(former));
	assert_true(tickets_current(next, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	tickets_close(former);
	assert_true(tickets_current(next, &b));
	assert_memory_equal(&a, &b, sizeof(a));
	tickets_close(next);
}

struct race {
	struct tickets *writer;
	atomic_bool done;
};

static void *
rotate_all_the_time(void *ctx)
{
	struct race *r = ctx;
	while (!atomic_load(&r->done))
		(void)tickets_rotate(r->writer);
	return NULL;
}

/* A key is never half of one and half of another: its age says which it is. */
static void
test_readers_beside_the_writer(void **state)
{
	(void)state;
	struct race r = { .writer = NULL };
	struct tickets *reader;
	struct ticket_key key, same;
	pthread_t thread;
	bool current;
	assert_int_equal(tickets_new(2, &r.writer), OK);
	assert_int_equal(tickets_open(tickets_fd(r.writer), &reader), OK);
	assert_int_equal(pthread_create(&thread, NULL, rotate_all_the_time, &r), 0);
	for (int i = 0; i < 100000; i++) {
		assert_true(tickets_current(reader, &key));
		if (tickets_find(reader, key.name, &same, &current))
			assert_memory_equal(&key, &same, sizeof(key));
	}
	atomic_store(&r.done, true);
	pthread_join(thread, NULL);
	tickets_close(reader);
	tickets_close(r.writer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_rotation),
		cmocka_unit_test(test_read_only),
		cmocka_unit_test(test_other_descriptors),
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_readers_beside_the_writer),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
