/*
 * grant.h - a user as a sealed grant, and back
 *
 * What authd knows of who has logged in (user.h) goes into a grant
 * (lib/handover.h), and a worker makes the same user of it without looking
 * anything up.  His groups, which few sessions need, it asks for when it needs
 * them: over the session's control pair, by way of frontd, which sends the
 * question on to an authd and sees of the answer nothing.
 */
#ifndef IMAP_SERVER_GRANT_H
#define IMAP_SERVER_GRANT_H

#include "imap/server/user.h"
#include "lib/handover.h"

/*
 * Appends U, who has named FOLDER (login_folder()), sealed with KEY for SERVICE.
 * ERR_LIMIT, ERR_SYNTAX: no such name or groups.
 */
enum err grant_user(const uint8_t key[GRANT_KEY], const char *service, struct user *u,
    struct str folder, struct buf *out) MUST_CHECK;

/* The user, and *g, which points into SEALED.  Errors as grant_open(), and ERR_NAME. */
enum err granted_user(const uint8_t key[GRANT_KEY], const char *service, struct str sealed,
    const struct conf *conf, struct grant *g, struct user **u) MUST_CHECK;

/*
 * authd's: answers a worker's QUESTION.  ERR_SYNTAX: it is none; ERR_DENIED: it
 * comes with no grant of ours for SERVICE; ERR_LIMIT: too many groups.
 */
enum err grant_groups(const uint8_t key[GRANT_KEY], const char *service,
    const struct conf *conf, struct str question, struct buf *out) MUST_CHECK;

/* What a worker asks with; it outlives the user. */
struct grant_asker {
	int control_fd;
	const uint8_t *key;
	struct str sealed;		/* the user's grant */
	struct str serial;		/* its serial */
};

/* For user_groups_by(), CTX is a struct grant_asker: doubtful if nobody answers. */
void grant_ask_groups(void *ctx, struct groups *groups);

#endif
