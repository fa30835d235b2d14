/*
 * deliver.h - one message to any number of mailboxes
 *
 * Between a delivery protocol and the store: which mailbox does an address
 * mean, may the sender post there, has it had this message before; and then
 * one commit for all of them.
 *
 * Addresses: USER is user.USER; USER+DETAIL is user.USER.DETAIL if that
 * exists and the sender has `p` on it, else the INBOX; POSTUSER+NAME and +NAME
 * are the shared mailbox NAME, which must exist and grant `p`.  DETAIL and NAME
 * are written as IMAP clients write names (with the separator of
 * unixhierarchysep, in modified UTF-7), or in UTF-8 with '.' and '/' between
 * the components.
 */
#ifndef IMAP_SERVER_DELIVER_H
#define IMAP_SERVER_DELIVER_H

#include "imap/store/mbox/blob.h"
#include "imap/store/store.h"
#include "lib/conf.h"
#include "lib/acl.h"
#include "lib/arena.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

struct deliver_policy {
	const char *postuser;		/* "bb"; "" or NULL: none */
	char sep;			/* between the components of names; 0: '.' */
	bool lowercase;			/* lmtp_downcase_rcpt */
	bool suppress_duplicates;
	const struct conf *domains;	/* virtdomains: where it says what they are; or NULL */
};

struct deliver_rcpt {
	const char *mailbox;		/* internal name, in the caller's arena */
	const char *userid;		/* its owner, or "anonymous" */
	const char *inbox;		/* where mail goes if mailbox is gone by then; or NULL */
	bool ignore_quota;
	uint32_t flags;			/* MSG_*, set on the new message */
	/* After deliver_message(): */
	enum err result;
	bool duplicate;			/* OK, but it was there already */
	uint32_t uid;
};

/*
 * Fills in mailbox and userid for LOCAL, the address's local part without
 * quotes, and DOMAIN, which counts with virtdomains only.  ERR_NOTFOUND: no such user or mailbox; ERR_DENIED: no right to
 * post; ERR_QUOTA (unless ignore_quota is set already): it is full now.
 */
enum err deliver_resolve(struct store *s, struct arena *arena,
    const struct deliver_policy *p, const struct identity *sender,
    struct str local, struct str domain, struct deliver_rcpt *r) MUST_CHECK;

/*
 * Delivers the finished blob to all whose .result is OK on entry; each
 * one's .result says what became of it.  OK there means durable.  They share
 * one commit as far as the limit of open files lets their mailboxes be open
 * together; what is committed stays if a later commit fails.
 */
void deliver_message(struct store *s, struct arena *arena,
    const struct deliver_policy *p, struct blob *b, struct deliver_rcpt *r, size_t n);

#endif
