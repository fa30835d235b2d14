/* test_wal_place.c - imap/disk/wal_place.h: no reader sees half of a change */
#include "imap/disk/wal_place.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { CHANGES = 20000000, KILLS = 50 };

struct shared {
	struct wal_place place;
	_Atomic uint32_t done;
};

static struct shared *
new_shared(void)
{
	struct shared *s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(s != MAP_FAILED);
	return s;
}

static uint32_t
chain_of(uint64_t lsn)
{
	return (uint32_t)(lsn * 2654435761U);
}

static void
set(struct shared *s, uint64_t lsn)
{
	wal_place_set(&s->place, (struct wal_mark){ lsn, chain_of(lsn) });
}

static pid_t
start_writer(struct shared *s, uint64_t from, uint64_t to)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid != 0)
		return pid;
	for (uint64_t i = from; i < to; i++)
		set(s, i);
	atomic_store(&s->done, 1);
	_exit(0);
}

static void
starts_at_zero(void **state)
{
	struct shared *s = new_shared();
	struct wal_mark m = wal_place_get(&s->place);
	(void)state;

	assert_int_equal(m.lsn, 0);
	assert_int_equal(m.chain, 0);
	set(s, 7);
	m = wal_place_get(&s->place);
	assert_int_equal(m.lsn, 7);
	assert_int_equal(m.chain, chain_of(7));
	munmap(s, sizeof(*s));
}

static void
halves_belong_together(void **state)
{
	struct shared *s = new_shared();
	pid_t writer = start_writer(s, 1, CHANGES);
	uint64_t last = 0;
	(void)state;

	while (!atomic_load(&s->done)) {
		struct wal_mark m = wal_place_get(&s->place);

		assert_int_equal(m.chain, chain_of(m.lsn));
		assert_true(m.lsn >= last);
		last = m.lsn;
	}
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	assert_int_equal(wal_place_get(&s->place).lsn, CHANGES - 1);
	munmap(s, sizeof(*s));
}

/* A writer is killed anywhere; the next goes on. */
static void
survives_its_writer(void **state)
{
	struct shared *s = new_shared();
	(void)state;

	for (int i = 0; i < KILLS; i++) {
		uint64_t before = wal_place_get(&s->place).lsn;
		pid_t writer = start_writer(s, before + 1, UINT64_MAX);

		while (wal_place_get(&s->place).lsn < before + 1000 * (uint64_t)(i % 7 + 1))
			continue;
		kill(writer, SIGKILL);
		assert_int_equal(waitpid(writer, NULL, 0), writer);

		struct wal_mark m = wal_place_get(&s->place);
		assert_int_equal(m.chain, chain_of(m.lsn));
		set(s, m.lsn + 1);
		m = wal_place_get(&s->place);
		assert_int_equal(m.chain, chain_of(m.lsn));
	}
	munmap(s, sizeof(*s));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starts_at_zero),
		cmocka_unit_test(halves_belong_together),
		cmocka_unit_test(survives_its_writer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
