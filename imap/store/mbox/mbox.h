/*
 * mbox.h - one session's open mailbox
 *
 * A struct mbox is a mailbox as one session sees it: a numbered list of
 * messages (the view) that changes only when the session says so, over records
 * that any number of sessions read and write at once.  Reading takes no lock
 * and copies nothing until asked; mbox_refresh() brings the view up to date
 * and tells what has changed since the session was last told.
 *
 * A message that another session expunged stays in the view, with its number,
 * flags and bytes, until a refresh that may report expunges.
 *
 * Changes are made by transactions (txn.h).  No rights are checked here:
 * callers ask mbox_rights() first.
 */
#ifndef IMAP_STORE_MBOX_MBOX_H
#define IMAP_STORE_MBOX_MBOX_H

#include "imap/disk/annot.h"
#include "imap/disk/message.h"
#include "imap/store/list/mblist.h"
#include "imap/store/list/params.h"
#include "lib/arena.h"
#include "lib/err.h"

enum mbox_open_flags {
	MBOX_READONLY = 1,	/* EXAMINE: claims no \Recent, no transactions */
	MBOX_KEEP_RECENT = 8,	/* claims no \Recent; transactions are possible */
	MBOX_NO_RECENT = 4,	/* nor does it show any: IMAP4rev2 */
	MBOX_PEEK = 2,		/* no view is built: for STATUS, delivery, appends */
};

/* A message, as mbox_message() copies it out. */
struct message {
	uint32_t uid;
	uint32_t flags;			/* \Seen as the session's user has it */
	struct keywords keywords;
	bool recent;			/* \Recent for this session */
	bool expunged;			/* gone, but this session was not told */
	uint64_t size;			/* RFC822.SIZE */
	uint64_t modseq;
	int64_t internaldate;		/* unix seconds */
	int32_t zone_minutes;		/* of the internal date, as given */
	int64_t sentdate;		/* Date: field, or internaldate if it has none */
	int64_t savedate;
	uint32_t header_size;		/* with the empty line */
	uint8_t guid[32];		/* SHA-256 of the bytes */
	struct id128 blob;
};

struct mbox;

/*
 * USERID is whose \Seen and \Recent it is.  It is opened where it is now, if it
 * has been moved since E was read.  ERR_NOTFOUND, ERR_CORRUPT; ERR_BUSY: it is
 * being replaced over and over.
 */
enum err mbox_open(struct store *s, const struct mbentry *e, const char *userid,
    unsigned flags, struct mbox **m) MUST_CHECK;
void mbox_close(struct mbox *m);	/* NULL allowed */

struct mbox_status {
	uint32_t exists, recent, unseen, deleted;	/* counts */
	uint32_t uidnext, uidvalidity;
	uint64_t highestmodseq;
	uint64_t bytes;				/* sum of sizes */
};
/* From the header: costs one page.  unseen is the owner's unless the user has
 * a \Seen of his own: then it costs by the ranges that he has seen, and a scan
 * if there are tombstones. */
enum err mbox_status(struct mbox *m, struct mbox_status *st) MUST_CHECK;

/*
 * The same without opening the mailbox: one page is read.  ERR_BUSY: this time it
 * has to be opened, because something is going on, or the header does not say it.
 */
enum err mbox_glance(struct store *s, const struct mbentry *e, const char *userid,
    struct mbox_status *st) MUST_CHECK;

/* Octets of the messages that are \Deleted: a scan of the index. */
enum err mbox_deleted_bytes(struct mbox *m, uint64_t *bytes) MUST_CHECK;

/*
 * What the list of mailboxes says of it, as of mbox_open(), mbox_refresh(),
 * mbox_lookup() or a commit, whichever was last; its strings are valid until the
 * next.  It keeps its id for ever, but not its name, ACL, or quota root.
 */
const struct mbentry *mbox_entry(const struct mbox *m);

/*
 * Looks what the list says of it now.  False: it has been deleted, though with
 * delete_delayed it may be kept under another name.  A load when nothing in the
 * list has changed.
 */
bool mbox_lookup(struct mbox *m);

/* The same, and true also for one that was moved to another partition: what is
 * open is not the mailbox any more. */
bool mbox_is_gone(struct mbox *m);

const char *mbox_userid(const struct mbox *m);
bool mbox_is_readonly(const struct mbox *m);

/* The name of keyword number I, or NULL if there is none. */
const char *mbox_keyword(struct mbox *m, unsigned i);

/* The view: messages 1..count in rising UID order. */
uint32_t mbox_count(const struct mbox *m);
uint32_t mbox_recent(const struct mbox *m);
uint32_t mbox_uidvalidity(const struct mbox *m);
uint32_t mbox_uidnext(const struct mbox *m);
/*
 * All changes up to this modseq are in the view and, but for the session's own,
 * were told by mbox_refresh(); expunges, too, so it stands still below one that
 * MBOX_NO_EXPUNGES keeps back.  What HIGHESTMODSEQ is to say.
 */
uint64_t mbox_highestmodseq(const struct mbox *m);
bool mbox_keeps_back(const struct mbox *m);		/* does it stand still? */
uint32_t mbox_first_unseen(struct mbox *m);		/* sequence number, 0: none */

/* 0 if SEQ is not in 1..count. */
uint32_t mbox_uid(struct mbox *m, uint32_t seq);

/* The sequence number of the first message whose UID is >= UID; count + 1: none. */
uint32_t mbox_seq_from_uid(struct mbox *m, uint32_t uid);

/* ERR_NOTFOUND: no such number; ERR_CORRUPT: its record fails its checksum. */
enum err mbox_message(struct mbox *m, uint32_t seq, struct message *msg) MUST_CHECK;

/*
 * Borrowed until the next mbox_refresh(), mbox_close() or commit.  Made anew
 * from the message if the cache is missing or damaged.  ERR_IO, ERR_NOTFOUND
 * (the message's file is gone).
 */
enum err mbox_cache(struct mbox *m, uint32_t seq, enum cache_item item, struct str *bytes) MUST_CHECK;

/* Would mbox_cache() have it without reading the message? */
bool mbox_has_cache(struct mbox *m, uint32_t seq);

/*
 * The message's bytes; borrowed until the next mbox_body() or mbox_close().
 * ERR_NOTFOUND: its file is gone (logged).
 */
enum err mbox_body(struct mbox *m, uint32_t seq, struct str *bytes) MUST_CHECK;

/*
 * The annotations of the mailbox (UID 0) and its messages, those of other users
 * too; borrowed until the next call.  Read once for as long as they do not change.
 */
enum err mbox_annots(struct mbox *m, const struct annots **a) MUST_CHECK;

/* Is it the user's own, or shared? */
bool mbox_sees_annot(const struct mbox *m, const struct annot *one);

/* From now on mbox_refresh() tells which annotations of messages others have changed. */
enum err mbox_watch_annots(struct mbox *m) MUST_CHECK;

struct changed_annot {
	uint32_t seq;			/* after the expunges */
	struct str entry;
};

struct mbox_update {
	uint32_t *expunged;		/* sequence numbers in the order to be sent: */
	size_t expunged_count;		/*   each as of after those before it */
	uint32_t *expunged_uid;		/* the same messages' UIDs */
	uint64_t *expunged_modseq;	/* and the modseqs of their expunges */
	uint32_t *changed;		/* numbers, after the expunges, whose flags changed; */
					/*   mbox_message() has the modseq of the change */
	size_t changed_count;
	struct changed_annot *annot;	/* by rising numbers, each entry once; see */
	size_t annot_count;		/*   mbox_watch_annots() */
	bool exists_changed;		/* send EXISTS and RECENT */
	bool keywords_changed;		/* new keywords: send FLAGS and PERMANENTFLAGS */
	bool deleted;			/* the mailbox itself is gone: see mbox_lookup() */
};

enum mbox_refresh_flags { MBOX_NO_EXPUNGES = 1 };

/*
 * Before a command: if a compaction or reconstruct has put a new index in the
 * old one's place, reads that from now on, with the view as it is.  What others
 * change stands there alone; without it the command would still answer from the
 * old file.  One load if nothing was replaced.  On an error the old one stays,
 * and the next mbox_refresh() meets it again.
 */
enum err mbox_follow(struct mbox *m) MUST_CHECK;

/*
 * Brings the view up to date.  A few loads when nothing has changed.  With
 * MBOX_NO_EXPUNGES messages are not removed from the view yet.  Changes that
 * this session made itself are not in `changed`, unless mixed with others'.  On an
 * error nothing has been removed from it, and the next one tells all.
 */
enum err mbox_refresh(struct mbox *m, struct arena *arena, unsigned flags,
    struct mbox_update *u) MUST_CHECK;

#endif
