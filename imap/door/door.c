/* door.c - see door.h */
#include "imap/door/door.h"

static const struct door_words words[] = {
	[DOOR_IMAP] = { "imapd", "imap", { "AUTH=", 5 } },
	[DOOR_POP3] = { "pop3d", "pop", { "", 0 } },
};

bool
door_find(struct str program, enum door_protocol *protocol)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (str_eq(program, str_c(words[i].program))) {
			*protocol = (enum door_protocol)i;
			return true;
		}
	return false;
}

const struct door_words *
door_words(enum door_protocol protocol)
{
	return &words[protocol];
}

void
door_init(struct door *d, enum door_protocol protocol, const struct conf *conf,
    const char *host)
{
	d->protocol = protocol;
	switch (protocol) {
	case DOOR_IMAP:
		imap_door_init(&d->in.imap, conf, host);
		break;
	case DOOR_POP3:
		pop3_door_init(&d->in.pop3, conf, host);
		break;
	}
}

void
door_fini(struct door *d)
{
	switch (d->protocol) {
	case DOOR_IMAP:
		imap_door_fini(&d->in.imap);
		break;
	case DOOR_POP3:
		pop3_door_fini(&d->in.pop3);
		break;
	}
}

void
door_facts(struct door *d, const struct door_facts *facts)
{
	switch (d->protocol) {
	case DOOR_IMAP:
		imap_door_facts(&d->in.imap, facts);
		break;
	case DOOR_POP3:
		pop3_door_facts(&d->in.pop3, facts);
		break;
	}
}

void
door_greet(struct door *d, const char *hostname, struct buf *out)
{
	switch (d->protocol) {
	case DOOR_IMAP:
		imap_door_greet(&d->in.imap, hostname, out);
		break;
	case DOOR_POP3:
		pop3_door_greet(&d->in.pop3, hostname, out);
		break;
	}
}

enum door_next
door_feed(struct door *d, struct str in, size_t *used, struct buf *out)
{
	return d->protocol == DOOR_IMAP ? imap_door_feed(&d->in.imap, in, used, out)
	    : pop3_door_feed(&d->in.pop3, in, used, out);
}

enum door_next
door_answer(struct door *d, const struct dialogue_answer *a, struct buf *out)
{
	return d->protocol == DOOR_IMAP ? imap_door_answer(&d->in.imap, a, out)
	    : pop3_door_answer(&d->in.pop3, a, out);
}

enum door_next
door_unavailable(struct door *d, struct buf *out)
{
	static const struct dialogue_answer nobody = {
		.what = ANSWER_REFUSED, .err = ERR_IO, .why = "passwords cannot be checked now",
	};
	return door_answer(d, &nobody, out);
}

const struct dialogue_ask *
door_question(const struct door *d)
{
	return d->protocol == DOOR_IMAP ? &d->in.imap.ask : &d->in.pop3.ask;
}

struct door_said
door_said(const struct door *d)
{
	const struct imap_door *imap = &d->in.imap;
	const struct pop3_door *pop3 = &d->in.pop3;
	if (d->protocol == DOOR_IMAP)
		return (struct door_said){
			.command = imap->command, .tag = buf_str(&imap->tag),
			.language = imap->language, .mechanisms = imap->facts.mechanisms,
		};
	return (struct door_said){
		.command = pop3->command, .language = pop3->language, .utf8 = pop3->utf8,
		.plaintext = pop3->facts.plaintext, .mechanisms = pop3->facts.mechanisms,
	};
}

void
door_speak(struct door *d, enum language language)
{
	if (d->protocol == DOOR_IMAP)
		d->in.imap.language = language;
}

static void
imap_bye(enum door_bye why, const char *text, struct buf *out)
{
	static const char *const lead[] = {
		[BYE_UNAVAILABLE] = "[UNAVAILABLE] ", [BYE_NOTICE] = "[ALERT] ",
		[BYE_IDLE] = "Idle for too long", [BYE_STOPPING] = "Server shutting down",
	};
	buf_printf(out, "* BYE %s%s\r\n", lead[why], text != NULL ? text : "");
}

/* As pop3d, which says nothing when it is told to end. */
void
door_bye(const struct door *d, enum door_bye why, const char *text, struct buf *out)
{
	if (d->protocol == DOOR_IMAP)
		imap_bye(why, text, out);
	else if (why != BYE_STOPPING)
		pop3_err(out, d->in.pop3.language, "SYS/TEMP",
		    text != NULL ? text : "Timed out");
}
