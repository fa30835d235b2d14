/*
 * pop3_capa.h - what is legal at any time: CAPA (RFC 2449), LANG (RFC 6856)
 *
 * "Capabilities available in the AUTHORIZATION state MUST be announced in both
 * states" (RFC 2449 section 5), so what was true before login is remembered;
 * but STLS says what is "permitted in the current state" (RFC 2595 section 4).
 */
#ifndef IMAP_DOOR_POP3_CAPA_H
#define IMAP_DOOR_POP3_CAPA_H

#include "imap/door/pop3_reply.h"
#include "lib/conf.h"

struct pop3_capa {
	const struct conf *conf;
	struct str mechanisms;		/* "PLAIN SCRAM-SHA-256", or empty */
	bool plaintext;			/* USER and PASS may be used */
	bool stls;
	bool logged_in;
};

/* The whole answer to CAPA. */
void pop3_capabilities(struct buf *out, enum language l, const struct pop3_capa *c);

/* LANG with these arguments: changes *L, or not, and answers. */
void pop3_choose_language(struct buf *out, struct str args, enum language *l);

#endif
