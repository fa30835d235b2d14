/*
 * thread.h - conversations (RFC 5256 section 3; THREAD=REFS of
 * draft-ietf-morg-inthread)
 *
 * thread_build() is the algorithms alone, over what is known of the messages;
 * thread_run() gets that from the index and from cyrus.cache.
 *
 * Ownership: all nodes live in the caller's arena.
 * Limits: the arena's; a message has some 150 bytes beside its ids.  No
 * function here calls itself, however deep a thread is.
 * Locks: none is held.
 */
#ifndef IMAP_STORE_SEARCH_THREAD_H
#define IMAP_STORE_SEARCH_THREAD_H

#include "imap/store/mbox/mbox.h"
#include "lib/arena.h"
#include "lib/collate.h"
#include "lib/err.h"

enum thread_algorithm { THREAD_ORDEREDSUBJECT, THREAD_REFERENCES, THREAD_REFS };

/* A message, or with seq 0 a place for one that is not there. */
struct thread_node {
	uint32_t seq;
	struct thread_node *parent, *child, *next;	/* parent of a root: NULL */
	struct thread_node *prev;	/* for thread_build() */
	const struct thread_message *msg;	/* NULL if seq is 0 */
};

struct thread_message {
	uint32_t seq;
	int64_t sentdate, internaldate;
	struct str subject;		/* base subject's key */
	bool is_reply;			/* something was taken off the subject */
	struct str id;			/* {NULL, 0}: none */
	struct str *refs;		/* References, or the first of In-Reply-To */
	size_t ref_count;
};

/*
 * The threads of the N messages at MSGS, which are in the order of their
 * numbers: the first root, the others at .next.  ERR_LIMIT: the arena is full.
 */
enum err thread_build(struct arena *arena, enum thread_algorithm algorithm,
    const struct thread_message *msgs, size_t n, struct thread_node **roots) MUST_CHECK;

/* The same for the N messages of M at SEQS, which rise. */
enum err thread_run(struct mbox *m, struct arena *arena, enum thread_algorithm algorithm,
    enum collation collation, const uint32_t *seqs, size_t n,
    struct thread_node **roots) MUST_CHECK;

#endif
