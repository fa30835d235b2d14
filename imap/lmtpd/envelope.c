/* envelope.c - MAIL and RCPT */
#include "imap/lmtpd/address.h"
#include "imap/lmtpd/session.h"
#include "imap/store/mbox/mbox.h"

#include "lib/charset.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
to_number(struct str s, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' || *v > UINT64_MAX / 10 - 10)
			return false;
		*v = *v * 10 + (uint64_t)(s.p[i] - '0');
	}
	return s.n > 0;
}

/* xtext of RFC 3461, as AUTH= has it: "+2B" is '+'. */
static const char *
from_xtext(struct arena *arena, struct str s)
{
	char *out = arena_alloc(arena, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; out != NULL && i < s.n; i++) {
		if (s.p[i] == '+' && i + 2 < s.n && isxdigit((unsigned char)s.p[i + 1]) &&
		    isxdigit((unsigned char)s.p[i + 2])) {
			const char hex[3] = { s.p[i + 1], s.p[i + 2], '\0' };

			out[n++] = (char)strtoul(hex, NULL, 16);
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return out;
}

/* Who cannot be a user is nobody. */
static void
post_as(struct lmtp_session *l, const char *name)
{
	user_free(l->post_as);
	l->post_as = NULL;
	if (name != NULL && user_new(l->client->server->conf, str_c(name), "",
	    &l->post_as) != OK)
		l->post_as = NULL;
}

static const struct {
	const char *name;
	uint32_t flag;
} flag_names[] = {
	{ "\\Seen", MSG_SEEN }, { "\\Answered", MSG_ANSWERED },
	{ "\\Flagged", MSG_FLAGGED }, { "\\Deleted", MSG_DELETED },
	{ "\\Draft", MSG_DRAFT },
};

/* "\Seen,\Flagged" */
static bool
parse_flags(struct str list, uint32_t *flags)
{
	while (list.n > 0) {
		const char *comma = memchr(list.p, ',', list.n);
		struct str one = { list.p, comma != NULL ? (size_t)(comma - list.p) : list.n };
		bool known = false;

		for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
			if (!str_ieq(one, str_c(flag_names[i].name)))
				continue;
			*flags |= flag_names[i].flag;
			known = true;
		}
		if (!known)
			return false;
		list.p += one.n + (comma != NULL);
		list.n -= one.n + (comma != NULL);
	}
	return true;
}

/* False after a reply: the command is over. */
static bool
mail_parameter(struct lmtp_session *l, struct str key, struct str value)
{
	uint64_t size;

	if (str_ieq(key, STR("SIZE"))) {
		if (!to_number(value, &size)) {
			lmtp_reply(l, 501, "5.5.4", "SIZE needs a number of octets");
			return false;
		}
		if (l->service->max_size > 0 && size > l->service->max_size) {
			lmtp_reply(l, 552, "5.3.4", "Message is larger than the limit");
			return false;
		}
		return true;
	}
	if (str_ieq(key, STR("BODY"))) {
		if (str_ieq(value, STR("7BIT")) || str_ieq(value, STR("8BITMIME")))
			return true;
		lmtp_reply(l, 501, "5.5.4", "BODY may be 7BIT or 8BITMIME");
		return false;
	}
	if (str_ieq(key, STR("SMTPUTF8")) && value.n == 0) {
		l->utf8 = true;
		return true;
	}
	if (str_ieq(key, STR("AUTH"))) {
		/* Only who may deliver for anybody may say for whom. */
		if (l->client->trusted && !str_eq(value, STR("<>")))
			post_as(l, from_xtext(l->arena, value));
		return true;
	}
	if (str_ieq(key, STR("XFLAGS")) && l->client->trusted) {
		if (parse_flags(value, &l->flags))
			return true;
		lmtp_reply(l, 501, "5.5.4", "XFLAGS names a flag that is not a system flag");
		return false;
	}
	lmtp_reply(l, 555, "5.5.4", "Unknown parameter of MAIL FROM");
	return false;
}

/* RFC 6531 section 3.4: may an address of this text be used in this transaction? */
static bool
address_allowed(struct lmtp_session *l, const char *text)
{
	bool ascii = true;

	for (const char *p = text; *p != '\0'; p++)
		ascii = ascii && ((unsigned char)*p & 0x80) == 0;
	if (ascii || (l->utf8 && utf8_valid(str_c(text))))
		return true;
	lmtp_reply(l, 553, "5.6.7", "Non-ASCII address needs SMTPUTF8 and valid UTF-8");
	return false;
}

void
lmtp_mail(struct lmtp_session *l, struct str args)
{
	struct str key, value;
	struct smtp_path path;
	enum err e;

	if (l->has_sender) {
		lmtp_reply(l, 503, "5.5.1", "Sender was given already");
		return;
	}
	e = smtp_path(l->arena, &args, true, &path);
	if (e != OK) {
		lmtp_reply(l, 501, "5.1.7", e == ERR_LIMIT ? "Address is too long" :
		    "Syntax of the sender's address: MAIL FROM:<user@domain>");
		return;
	}
	while (smtp_parameter(&args, &key, &value)) {
		if (!mail_parameter(l, key, value)) {
			lmtp_reset(l);
			return;
		}
	}
	if (!address_allowed(l, path.text)) {
		lmtp_reset(l);
		return;
	}
	l->has_sender = true;
	l->sender = path.text;
	lmtp_reply(l, 250, "2.1.0", "ok");
}

/* --- RCPT --- */

static struct deliver_rcpt *
add_rcpt(struct lmtp_session *l)
{
	if (l->rcpts == l->rcpt_size) {
		l->rcpt_size = l->rcpt_size == 0 ? 16 : l->rcpt_size * 2;
		l->rcpt = mem_grow(l->rcpt, l->rcpt_size * sizeof(*l->rcpt));
	}
	return &l->rcpt[l->rcpts];
}

static void
refuse(struct lmtp_session *l, enum err e, const char *address)
{
	if (e == ERR_NOTFOUND || e == ERR_DENIED || e == ERR_NAME) {
		log_info("rejected: recipient <%s>: %s", address, err_text(e));
		/* Does not tell which of the two it was. */
		stream_puts(l->s, "550-5.1.1 Mailbox unknown.  Either there is no "
		    "mailbox associated with this\r\n550-5.1.1 name or you do not "
		    "have authorization to see it.\r\n");
		lmtp_reply(l, 550, "5.1.1", "User unknown");
	} else if (e == ERR_QUOTA && l->service->over_quota_permanent) {
		lmtp_reply(l, 552, "5.2.2", "Over quota");
	} else if (e == ERR_QUOTA) {
		lmtp_reply(l, 452, "4.2.2", "Over quota");
	} else if (e == ERR_LIMIT) {
		lmtp_reply(l, 452, "4.5.3", "Too many recipients");
	} else {
		lmtp_reply(l, 451, "4.3.0", "System I/O error; try again later");
	}
}

static const struct identity *
poster(struct lmtp_session *l, struct identity *id)
{
	struct user *u = l->post_as != NULL ? l->post_as : l->user;

	*id = (struct identity){ .userid = "anonymous", .is_anonymous = true };
	return u != NULL ? user_identity(u) : id;
}

static bool
rcpt_parameters(struct lmtp_session *l, struct str *args, struct deliver_rcpt *r)
{
	struct str key, value;

	while (smtp_parameter(args, &key, &value)) {
		if (str_ieq(key, STR("IGNOREQUOTA")) && l->client->trusted) {
			r->ignore_quota = true;
		} else {
			lmtp_reply(l, 555, "5.5.4", "Unknown parameter of RCPT TO");
			return false;
		}
	}
	return true;
}

void
lmtp_rcpt(struct lmtp_session *l, struct str args)
{
	struct deliver_rcpt *r;
	struct smtp_path path;
	struct identity id;
	enum err e;

	if (!l->has_sender) {
		lmtp_reply(l, 503, "5.5.1", "MAIL FROM comes first");
		return;
	}
	if (l->blob != NULL) {
		lmtp_reply(l, 503, "5.5.1", "The message has begun");
		return;
	}
	if (l->rcpts == LMTP_RCPT_MAX) {
		refuse(l, ERR_LIMIT, "");
		return;
	}
	if (smtp_path(l->arena, &args, false, &path) != OK) {
		lmtp_reply(l, 501, "5.1.3",
		    "Syntax of the recipient's address: RCPT TO:<user@domain>");
		return;
	}
	if (!address_allowed(l, path.text))
		return;
	r = add_rcpt(l);
	*r = (struct deliver_rcpt){ .flags = l->flags };
	if (!rcpt_parameters(l, &args, r))
		return;
	e = deliver_resolve(l->service->store, l->arena, &l->service->policy,
	    poster(l, &id), path.local, path.domain, r);
	if (e != OK) {
		refuse(l, e, path.text);
		return;
	}
	l->rcpts++;
	lmtp_reply(l, 250, "2.1.5", "ok");
}
