/*
 * capa.h - what is legal at any time: CAPA (RFC 2449), LANG (RFC 6856)
 *
 * "Capabilities available in the AUTHORIZATION state MUST be announced in both
 * states" (RFC 2449 section 5), so what was true before login is remembered;
 * but STLS says what is "permitted in the current state" (RFC 2595 section 4).
 */
#ifndef IMAP_POP3D_CAPA_H
#define IMAP_POP3D_CAPA_H

#include "imap/pop3d/reply.h"
#include "lib/conf.h"

struct capa {
	const struct conf *conf;
	struct str mechanisms;		/* "PLAIN SCRAM-SHA-256", or empty */
	bool plaintext;			/* USER and PASS may be used */
	bool stls;
	bool logged_in;
};

/* The whole answer to CAPA. */
void capa_list(struct buf *out, enum language l, const struct capa *c);

/* LANG with these arguments: changes *L, or not, and answers. */
void lang_choose(struct buf *out, struct str args, enum language *l);

#endif
