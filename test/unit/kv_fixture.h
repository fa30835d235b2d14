/*
 * kv_fixture.h - a key-value database in a temporary directory, for tests of lib/kv*.c
 *
 * Two handles in one process stand for two processes: they share nothing but
 * the files.
 */
#ifndef TEST_UNIT_KV_FIXTURE_H
#define TEST_UNIT_KV_FIXTURE_H

#include "lib/kv.h"

extern char kv_dir[128];		/* of the environment; its database is test.db */

int kv_fixture_setup(void **state);
int kv_fixture_teardown(void **state);

/* A directory and all in it; as nftw(3). */
int kv_remove_tree(const char *path);

struct kv *kv_must_open(unsigned flags);
void kv_put_one(struct kv *kv, const char *key, const char *value);

/* NULL: it is not there. */
void kv_expect(struct kv *kv, const char *key, const char *value);

/* A process that is killed inside, in a transaction or behind it. */
void kv_die_inside(bool in_txn);

#endif
