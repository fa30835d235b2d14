/* blob_in.h - the inside of a blob, for blob.c and commit.c */
#ifndef IMAP_STORE_MBOX_BLOB_IN_H
#define IMAP_STORE_MBOX_BLOB_IN_H

#include "imap/store/mbox/blob.h"
#include "imap/disk/cache.h"
#include "imap/store/list/local.h"
#include "lib/buf.h"
#include "lib/digest.h"

struct blob {
	struct store *store;
	struct partition *part;
	struct id128 id;
	struct buf mem;			/* the bytes; with fd those not yet written */
	int fd;				/* the stage file */
	struct str map;			/* its bytes, when finished */
	uint64_t size;
	struct sha256 *hash;
	uint8_t guid[32];
	struct buf cache;		/* its cyrus.cache entry */
	struct cache_facts facts;
	bool sealed, finished;
	bool committed;			/* a log frame names it: the stage file stays */
	enum err failed;
};

#endif
