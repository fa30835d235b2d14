/*
 * maildrop.h - a mailbox as POP3 sees it: numbered messages that do not change
 *
 * It is a view of a mailbox that is never brought up to date: what comes in
 * meanwhile is for the next session, and what another session expunges stays
 * readable for as long as its file does.  Nothing is locked, so any number of
 * POP3 and IMAP sessions use it at once (RFC 1939 section 4 asks for a lock "as
 * necessary to prevent messages from being modified or removed": the view does).
 *
 * DELE and what RETR makes of \Seen are marks in memory until
 * maildrop_update(), which is one transaction.
 *
 * Memory: a byte a message, touched only where there is a mark; four more if
 * some messages are hidden.
 */
#ifndef IMAP_POP3D_MAILDROP_H
#define IMAP_POP3D_MAILDROP_H

#include "imap/server/server.h"
#include "imap/server/user.h"
#include "imap/store/mbox/mbox.h"

enum maildrop_mark { MARK_DELETED = 1, MARK_SEEN = 2 };

struct maildrop {
	struct server *server;
	struct user *user;
	struct mbox *m;
	uint32_t count;			/* messages 1..count */
	uint32_t left;			/* of them those that are not marked as deleted, */
	uint64_t bytes;			/*   and their octets */
	/* Inside. */
	uint32_t *seq;			/* of each number in the view; NULL: the same */
	uint8_t *mark;			/* enum maildrop_mark */
	uint64_t all_bytes;
	bool use_flags, use_acl;
};

/*
 * FOLDER: below the user's INBOX, as he writes it; empty: the INBOX itself.  USER and
 * SERVER must outlive it.  ERR_AUTH: user_confirm(); ERR_NOTFOUND, ERR_NAME, ERR_DENIED (popuseacl), ERR_AGAIN: too
 * soon after the last login (popminpoll), ERR_BUSY, ERR_CORRUPT, ERR_IO; logged.
 */
enum err maildrop_open(struct server *server, struct user *user, struct str folder,
    struct maildrop *d) MUST_CHECK;
void maildrop_close(struct maildrop *d);

/* ERR_NOTFOUND: no such number; ERR_STALE: marked as deleted. */
enum err maildrop_has(const struct maildrop *d, uint32_t n) MUST_CHECK;
bool maildrop_is_deleted(const struct maildrop *d, uint32_t n);

/* Of a message that it has; 0 if its record cannot be read. */
uint64_t maildrop_size(struct maildrop *d, uint32_t n);
uint32_t maildrop_uid(struct maildrop *d, uint32_t n);

/*
 * Its bytes, borrowed until the next call.  ERR_STALE: the mailbox has been
 * deleted; ERR_DENIED; ERR_NOTFOUND: the message's file is gone; ERR_IO ...
 */
enum err maildrop_read(struct maildrop *d, uint32_t n, struct str *bytes,
    uint32_t *header_size) MUST_CHECK;

/* N has been retrieved: \Seen at the end, if popuseimapflags. */
void maildrop_retrieved(struct maildrop *d, uint32_t n);

/* ERR_DENIED (popuseacl). */
enum err maildrop_delete(struct maildrop *d, uint32_t n) MUST_CHECK;

/* Takes all marks away. */
void maildrop_reset(struct maildrop *d);

/*
 * The UPDATE state: what is marked is done, all of it or nothing, and durable on
 * OK.  ERR_UNKNOWN: nobody can tell.
 */
enum err maildrop_update(struct maildrop *d) MUST_CHECK;

#endif
