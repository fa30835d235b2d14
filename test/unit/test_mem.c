/* test_mem.c - lib/mem.h: memory, or the end of the process, or patience */
#include "lib/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#ifndef __SANITIZE_ADDRESS__		/* which has a malloc() of its own */
static int lacking;		/* so many of the next requests fail */

void *__libc_malloc(size_t n);

void *
malloc(size_t n)
{
	if (lacking > 0) {
		lacking--;
		errno = ENOMEM;
		return NULL;
	}
	return __libc_malloc(n);
}
#endif

static void
gives_what_is_asked_for(void **state)
{
	char *p = mem_get(10), *text = mem_copy("text");
	const char *zero = mem_zero(3, 4);

	(void)state;
	memset(p, 'x', 10);
	p = mem_grow(p, 2000);
	assert_int_equal(p[9], 'x');
	for (int i = 0; i < 12; i++)
		assert_int_equal(zero[i], 0);
	assert_string_equal(text, "text");
	assert_non_null(text);
	free(p);
	free((void *)(uintptr_t)zero);
	free(text);
	free(mem_get(0));
}

#ifndef __SANITIZE_ADDRESS__
static void
worker_ends(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		lacking = 1;
		free(mem_get(10));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EX_TEMPFAIL);
}

static void
master_waits(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		mem_be_patient();
		lacking = 2;
		free(mem_get(10));
		_exit(lacking == 0 ? 7 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}
#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_what_is_asked_for),
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(worker_ends),
		cmocka_unit_test(master_waits),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
