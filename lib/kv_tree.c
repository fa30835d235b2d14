/* kv_tree.c - is a B-tree of Berkeley DB what was written? */
#include "lib/kv_tree.h"

#include "lib/log.h"

const struct str kv_tree_own_key = { "", 1 };

int
kv_tree_get_commits(DB *db, uint64_t *n)
{
	DBT key = { .data = (void *)kv_tree_own_key.p, .size = (u_int32_t)kv_tree_own_key.n };
	unsigned char bytes[8] = { 0 };
	DBT value = { .data = bytes, .ulen = sizeof(bytes), .flags = DB_DBT_USERMEM };
	int ret = db->get(db, NULL, &key, &value, 0);

	*n = 0;
	for (size_t i = 0; ret == 0 && i < value.size; i++)
		*n = *n << 8 | bytes[i];
	return ret == DB_NOTFOUND ? 0 : ret;
}

int
kv_tree_put_commits(DB *db, DB_TXN *txn, uint64_t n)
{
	DBT key = { .data = (void *)kv_tree_own_key.p, .size = (u_int32_t)kv_tree_own_key.n };
	unsigned char bytes[8];
	DBT value = { .data = bytes, .size = sizeof(bytes) };

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(n >> (56 - 8 * i));
	return db->put(db, txn, &key, &value, 0);
}

/* What Berkeley DB finds wrong is many lines; one is enough, and it is ours. */
static void
keep_quiet(const DB_ENV *env, const char *prefix, const char *text)
{
	(void)env;
	(void)prefix;
	log_debug("DBERROR: %s", text);
}

int
kv_tree_verify(const char *path)
{
	DB *db;
	int ret = db_create(&db, NULL, 0);

	if (ret != 0)
		return ret;
	db->set_errcall(db, keep_quiet);
	return db->verify(db, path, NULL, NULL, 0);
}
