/* store_fixture.h - a private store in a temporary directory, for tests of imap/store */
#ifndef TEST_UNIT_STORE_FIXTURE_H
#define TEST_UNIT_STORE_FIXTURE_H

#include "imap/store/list/mblist.h"
#include "imap/store/mbox/blob.h"
#include "imap/store/mbox/mbox.h"
#include "imap/store/mbox/txn.h"
#include "imap/store/store.h"

struct fixture {
	char dir[64];
	char config[96], spool[96], spool2[96];
	struct store_partition part[2];
	struct store_params params;
	struct store *s;
	struct arena *arena;
};

/* The store of the test that runs, for a file of tests with one each. */
extern struct fixture f;
int fixture_setup_empty(void **state);
int fixture_setup(void **state);		/* with the mailbox user.joe */
int fixture_teardown(void **state);

void fixture_open(struct fixture *f);		/* makes the directories, opens */
void fixture_reopen(struct fixture *f);		/* closes, opens: cold */
void fixture_close(struct fixture *f);		/* closes and removes all */

void fixture_create(struct fixture *f, const char *name);
struct mbox *fixture_mbox(struct fixture *f, const char *name, const char *user, unsigned flags);

/* Appends one message with this text as its subject and body; its UID. */
uint32_t fixture_append(struct mbox *m, struct store *s, const char *text);
uint32_t fixture_append_blob(struct mbox *m, struct blob *b);
struct blob *fixture_blob(struct store *s, const char *text);

/* Stores flags of one message in a transaction of its own. */
void fixture_store(struct mbox *m, uint32_t uid, const struct store_params_flags *p);

/* Runs a command that must succeed. */
void fixture_shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Reads the whole of message SEQ and compares; the subject's text is in it. */
void fixture_expect_body(struct mbox *m, uint32_t seq, const char *text);

/* Fails the test unless the header's sums are those of the records. */
void fixture_check_sums(struct fixture *f, const char *name);

#endif
