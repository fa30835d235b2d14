/* list_fixture.c - what tests of the list of mailboxes want to know of it */
#include "test/unit/list_fixture.h"

#include "imap/disk/header.h"
#include "imap/disk/index.h"
#include "imap/store/list/mbdir.h"
#include "lib/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct mbentry *
list_lookup(const char *name)
{
	struct mbentry *e;

	assert_int_equal(mblist_lookup(f.s, f.arena, str_c(name), &e), OK);
	return e;
}

bool
list_has(const char *name)
{
	struct mbentry *e;
	enum err err = mblist_lookup(f.s, f.arena, str_c(name), &e);

	assert_true(err == OK || err == ERR_NOTFOUND);
	return err == OK;
}

bool
list_survey_one(void *ctx, const struct mbentry *e)
{
	struct list_survey *v = ctx;
	struct mailbox_header h;
	struct id128 id;
	uint32_t uidvalidity;
	struct mbentry *by_id;
	char path[700];
	struct stat st;
	int fd;

	v->mailboxes++;
	buf_printf(&v->names, "%s ", e->name);
	assert_int_equal(mblist_open_dir(f.s, e, &fd), OK);
	assert_int_equal(index_identity(fd, &id, &uidvalidity), OK);
	assert_true(id128_eq(&id, &e->id));
	assert_int_equal(uidvalidity, e->uidvalidity);
	assert_int_equal(header_read(fd, f.arena, &h), OK);
	assert_string_equal(h.name, e->name);
	assert_string_equal(h.acl, e->acl);
	assert_true(id128_eq(&h.id, &e->id));
	assert_int_equal(h.uidvalidity, e->uidvalidity);
	assert_int_equal(h.quotaroot == NULL, e->quotaroot == NULL);
	if (h.quotaroot != NULL)
		assert_string_equal(h.quotaroot, e->quotaroot);
	close(fd);
	snprintf(path, sizeof(path), "%s/%s/cyrus.index",
	    strcmp(e->partition, "second") == 0 ? f.spool2 : f.spool, e->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(mblist_lookup_id(f.s, f.arena, &e->id, &by_id), OK);
	assert_string_equal(by_id->name, e->name);
	return true;
}

void
list_expect(const char *names)
{
	struct list_survey v = { .names = BUF_INIT };

	assert_int_equal(mblist_walk(f.s, STR(""), list_survey_one, &v), OK);
	assert_string_equal(v.names.p, names);
	buf_free(&v.names);
}

void
list_expect_dir(const char *name, const char *dir)
{
	assert_string_equal(list_lookup(name)->dir, dir);
}

bool
list_exists(const char *root, const char *path)
{
	char full[700];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	return access(full, F_OK) == 0;
}
