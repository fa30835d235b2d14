/* sasl_binding.c - is the client bound to this connection? */
#include "lib/sasl_in.h"

static bool
is_any_plus(void *ctx, struct str name)
{
	(void)ctx;
	return sasl_is_plus(name);
}

static const struct sasl_binding *
find_binding(const struct sasl_conn *c, struct str type)
{
	for (size_t i = 0; i < SASL_BINDINGS && c->peer.bindings[i].bytes.n > 0; i++)
		if (str_eq(type, str_c(c->peer.bindings[i].type)))
			return &c->peer.bindings[i];
	return NULL;
}

/*
 * gs2-header = [gs2-nonstd-flag ","] gs2-cb-flag "," ... (RFC 5801 section 4)
 *
 * The library knows one binding at a time, so it is given the one that the
 * client names; and it lets "y" and "n" pass where they must not be said.
 * NULL: in order, or so wrong that the mechanism itself will say so.
 */
static const char *
look_at_header(struct sasl_conn *c, struct str message)
{
	bool plus = c->header == NEEDS_GS2_PLUS;
	if (str_starts(message, STR("F,")))
		message = str_slice(message, 2, message.n);
	struct str flag = str_slice(message, 0, str_chr(message, ','));
	if (str_starts(flag, STR("p="))) {
		if (!plus)
			return "channel binding with a mechanism that has none";
		const struct sasl_binding *b = find_binding(c, str_slice(flag, 2, flag.n));
		if (b == NULL)
			return "channel binding of a type that this connection has not";
		sasl_use_binding(c, b);
	} else if (plus) {
		return "no channel binding in a mechanism that demands it";
	} else if (str_eq(flag, STR("y")) && sasl_each_mechanism(c, is_any_plus, NULL)) {
		return "the client has not seen that channel binding is offered;"
		    " is somebody in the middle?";
	}
	return NULL;
}

/* The client's first message, if that is what comes now. */
enum err
sasl_check_header(struct sasl_conn *c, const struct str *message)
{
	if (c->header == NO_GS2 || message == NULL)
		return OK;
	const char *wrong = look_at_header(c, *message);
	c->header = NO_GS2;
	if (wrong == NULL)
		return OK;
	sasl_dispose(&c->sasl);
	buf_reset(&c->why);
	buf_printf(&c->why, "SASL(%d): channel binding failure: %s", SASL_BADBINDING, wrong);
	return ERR_AUTH;
}
