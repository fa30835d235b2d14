/* session.h - the inside of an LMTP session, for the files of imap/lmtpd/ */
#ifndef IMAP_LMTPD_SESSION_H
#define IMAP_LMTPD_SESSION_H

#include "imap/lmtpd/lmtp.h"
#include "lib/buf.h"

enum {
	LMTP_LINE_MAX = 4096,		/* RFC 5321 says 512, extensions add to it */
	LMTP_RCPT_MAX = 10000,
	LMTP_ERRORS_MAX = 100,		/* then the connection is closed */
	LMTP_SESSION_MEMORY = 16 << 20,
	LMTP_FAILED_LOGINS_MAX = 5,
	LMTP_LOGIN_SECONDS = 180,	/* until AUTH must have succeeded */
};

struct lmtp_session {
	const struct lmtp_service *service;
	const struct lmtp_client *client;
	struct stream *s;
	struct arena *arena;		/* of the transaction: RSET rewinds it */
	struct user *user;		/* after AUTH, or NULL */
	char helo[256];			/* "" before LHLO */
	struct buf mechanisms;		/* as offered, if SASL has made a layer */
	unsigned errors, failed_logins;
	bool quit;

	/* The mail transaction. */
	bool has_sender;
	const char *sender;		/* "" for <> */
	struct user *post_as;		/* AUTH= of a trusted client, or NULL */
	bool utf8;			/* SMTPUTF8 was asked for */
	uint32_t flags;
	struct deliver_rcpt *rcpt;
	size_t rcpts, rcpt_size;
	struct blob *blob;		/* between BDAT chunks */
	struct receiver *receiver;
	enum err data_error;		/* of earlier chunks */
};

/* One line "CODE TEXT"; ENHANCED such as "2.1.0". */
void lmtp_reply(struct lmtp_session *l, int code, const char *enhanced, const char *text);

/* Ends the mail transaction, whatever its state. */
void lmtp_reset(struct lmtp_session *l);

/* The arguments of MAIL FROM: and RCPT TO:, after the colon. */
void lmtp_mail(struct lmtp_session *l, struct str args);
void lmtp_rcpt(struct lmtp_session *l, struct str args);

/* DATA and BDAT.  ERR_CLOSED and the like: the session is over. */
enum err lmtp_data(struct lmtp_session *l) MUST_CHECK;
enum err lmtp_bdat(struct lmtp_session *l, struct str args) MUST_CHECK;

enum err lmtp_auth(struct lmtp_session *l, struct str args) MUST_CHECK;

#endif
