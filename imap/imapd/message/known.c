#include "imap/imapd/message/known.h"

#include "lib/mem.h"

#include <stdlib.h>

struct known {
	struct entry {
		uint32_t uid, flags;
		uint64_t modseq;
		struct keywords keywords;
	} of[KNOWN_MESSAGES];
};

struct known *
known_new(void)
{
	return mem_zero(1, sizeof(struct known));
}

void
known_free(struct known *k)
{
	free(k);
}

void
known_note(struct known *k, const struct message *m)
{
	k->of[m->uid % KNOWN_MESSAGES] = (struct entry){ .uid = m->uid, .flags = m->flags,
	    .modseq = m->modseq, .keywords = m->keywords };
}

struct store_known
known_find(const struct known *k, uint32_t uid, uint64_t since, uint64_t told)
{
	const struct entry *e = &k->of[uid % KNOWN_MESSAGES];

	/* Changed after the entry and not after SINCE it is not: that was told. */
	if (e->uid != uid || e->modseq > since || (e->modseq < since && since > told))
		return (struct store_known){ .is = false };
	return (struct store_known){ .is = true, .flags = e->flags, .keywords = e->keywords };
}
