/*
 * imapurl.h - IMAP URLs of messages and parts (RFC 5092)
 *
 *	imap://joe@example.com/INBOX;UIDVALIDITY=7/;UID=20/;SECTION=1.2
 *	    /;PARTIAL=0.1024;EXPIRE=2027-01-01T00:00:00Z;URLAUTH=user+fred:INTERNAL:91...
 *
 * Absolute ones, and the relative ones of CATENATE (RFC 4469): "/INBOX/;UID=20"
 * and, within the selected mailbox, ";UID=20".  URLs of servers, mailboxes and
 * searches are none of ours.  Members are decoded (percent signs) and live in
 * the arena; the mailbox is UTF-8, as section 11 has it, not modified UTF-7.
 */
#ifndef IMAP_SERVER_IMAPURL_H
#define IMAP_SERVER_IMAPURL_H

#include "lib/arena.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Who may use the URL (RFC 4467 section 3); NONE: no ";URLAUTH=" in it. */
enum imapurl_access {
	URL_NONE, URL_SUBMIT, URL_USER, URL_AUTHUSER, URL_ANONYMOUS
};

struct imapurl {
	struct str user;		/* n == 0: not said */
	struct str host;		/* n == 0: relative */
	uint32_t port;			/* 0: the usual one */
	struct str mailbox;		/* n == 0: the selected one */
	uint32_t uidvalidity;		/* 0: not said */
	uint32_t uid;
	struct str section;		/* "1.2.HEADER"; n == 0: the whole message */
	bool partial;
	uint64_t offset, length;	/* length 0: to the end */
	bool expires;
	int64_t expire;			/* unix seconds */
	enum imapurl_access access;
	struct str access_user;		/* of SUBMIT and USER */
	struct str rump;		/* what a token authorizes: all before it, as written */
	struct str mechanism, token;	/* n == 0: there is none yet */
};

/* False: it is no URL of a message, or the arena is full. */
bool imapurl_parse(struct arena *arena, struct str text, struct imapurl *url);

#endif
