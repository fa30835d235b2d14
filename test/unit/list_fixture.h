/* list_fixture.h - what tests of the list of mailboxes want to know of it */
#ifndef TEST_UNIT_LIST_FIXTURE_H
#define TEST_UNIT_LIST_FIXTURE_H

#include "test/unit/store_fixture.h"

#include "lib/buf.h"

struct mbentry *list_lookup(const char *name);	/* in f.arena; it must be there */
bool list_has(const char *name);

/* For a walk: what must be true of every mailbox, whenever nobody is at work. */
struct list_survey {
	int mailboxes;
	struct buf names;		/* each followed by a blank */
};
bool list_survey_one(void *ctx, const struct mbentry *e);

/* These, each followed by a blank, are all, and of each its files and the list agree. */
void list_expect(const char *names);
void list_expect_dir(const char *name, const char *dir);

/* Is there ROOT/PATH? */
bool list_exists(const char *root, const char *path);

#endif
