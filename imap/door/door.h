/*
 * door.h - before login, in whichever protocol (machine.h)
 *
 * For frontd, which receives the clients of several programs: one machine for one
 * connection.
 */
#ifndef IMAP_DOOR_DOOR_H
#define IMAP_DOOR_DOOR_H

#include "imap/door/imap_door.h"
#include "imap/door/pop3_door.h"

enum door_protocol { DOOR_IMAP, DOOR_POP3 };

/* Its words. */
struct door_words {
	const char *program;		/* whose clients these are: "imapd" */
	const char *sasl_service;	/* "imap" */
	struct str prefix;		/* of each mechanism where they are listed: "AUTH=" */
};

/* What is to be told to who goes without having asked for it. */
enum door_bye {
	BYE_UNAVAILABLE,		/* with a text: it may work later */
	BYE_NOTICE,			/* with a text: an administrator's word to all */
	BYE_IDLE,
	BYE_STOPPING,			/* the server ends */
};

struct door {
	enum door_protocol protocol;
	union {
		struct imap_door imap;
		struct pop3_door pop3;
	} in;
};

/* What a worker has to know of what was said; it points into the machine. */
struct door_said {
	unsigned command;		/* enum handover_command, which is still to be answered */
	struct str tag;
	enum language language;
	bool utf8, plaintext;		/* .plaintext, .mechanisms: as the facts are */
	struct str mechanisms;
};

/* The protocol of PROGRAM ("imapd"); false: it has none here. */
bool door_find(struct str program, enum door_protocol *protocol);
const struct door_words *door_words(enum door_protocol protocol);

/* CONF and HOST must live as long as it. */
void door_init(struct door *d, enum door_protocol protocol, const struct conf *conf,
    const char *host);
void door_fini(struct door *d);

/* As the functions of the same name in imap_door.h and pop3_door.h. */
void door_facts(struct door *d, const struct door_facts *facts);
void door_greet(struct door *d, const char *hostname, struct buf *out);
enum door_next door_feed(struct door *d, struct str in, size_t *used, struct buf *out) MUST_CHECK;
enum door_next door_answer(struct door *d, const struct dialogue_answer *a,
    struct buf *out) MUST_CHECK;

/* The question, after DOOR_ASK. */
const struct dialogue_ask *door_question(const struct door *d);

/* Nobody could be asked. */
enum door_next door_unavailable(struct door *d, struct buf *out) MUST_CHECK;

struct door_said door_said(const struct door *d);

/* Who was given back (RFC 8437) has chosen this before. */
void door_speak(struct door *d, enum language language);

void door_bye(const struct door *d, enum door_bye why, const char *text, struct buf *out);

#endif
