/*
 * client-resp = (gs2-header kvsep *kvpair kvsep) / kvsep	(RFC 7628 section 3.1)
 * kvpair = key "=" value kvsep		kvsep = %x01
 * key = 1*(ALPHA)	value = *(VCHAR / SP / HTAB / CR / LF)
 *
 * XOAUTH2, which came before it and is no standard, is "user=NAME" instead of
 * the header.  The lone kvsep, the answer to an error, is for the caller.
 */
#include "imap/server/oauth_message.h"

#include <string.h>

#define KVSEP	'\001'

/* value, and a name in it: no control characters but those of a value */
static bool
is_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c != '\t' && c != '\r' && c != '\n' && (c < ' ' || c == 127))
			return false;
	}
	return true;
}

static bool
is_key(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z')))
			return false;
	return s.n > 0;
}

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" (RFC 6750) */
static bool
is_token(struct str s)
{
	size_t i = 0;
	while (i < s.n && s.p[i] != '=') {
		char c = s.p[i++];
		if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
		    || (c != '\0' && strchr("-._~+/", c) != NULL)))
			return false;
	}
	while (i < s.n && s.p[i] == '=')
		i++;
	return i == s.n;
}

/* "Bearer" SP b64token; nothing at all asks what the server would have (section 4.3). */
static enum err
take_auth(struct str value, struct oauth_message *m)
{
	if (value.n == 0)
		return OK;
	if (!str_istarts(value, STR("Bearer ")))
		return ERR_SYNTAX;
	m->token = str_trim(str_slice(value, 7, value.n));
	return is_token(m->token) ? OK : ERR_SYNTAX;
}

/* *kvpair kvsep; there must be one auth. */
static enum err
take_pairs(struct str rest, struct oauth_message *m)
{
	bool has_auth = false;
	while (rest.n > 0 && rest.p[0] != KVSEP) {
		size_t end = str_chr(rest, KVSEP), equals = str_chr(rest, '=');
		struct str key = str_slice(rest, 0, equals);
		if (end == rest.n || equals >= end || !is_key(key))
			return ERR_SYNTAX;
		struct str value = str_slice(rest, equals + 1, end);
		if (!is_value(value))
			return ERR_SYNTAX;
		if (str_eq(key, STR("auth"))) {
			if (has_auth || take_auth(value, m) != OK)
				return ERR_SYNTAX;
			has_auth = true;
		}
		rest = str_slice(rest, end + 1, rest.n);
	}
	return has_auth && rest.n == 1 ? OK : ERR_SYNTAX;
}

/* saslname = 1*(value-safe-char / "=2C" / "=3D")	(RFC 5801 section 4) */
static enum err
take_saslname(struct str s, struct buf *name)
{
	if (s.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '=') {
			buf_addc(name, s.p[i]);
			continue;
		}
		struct str code = str_slice(s, i + 1, i + 3);
		if (!str_eq(code, STR("2C")) && !str_eq(code, STR("3D")))
			return ERR_SYNTAX;
		buf_addc(name, code.p[0] == '2' ? ',' : '=');
		i += 2;
	}
	return OK;
}

/* gs2-header = gs2-cb-flag "," ["a=" saslname] ","; there is no channel binding. */
static enum err
take_header(struct str *rest, struct oauth_message *m)
{
	struct str flag = str_slice(*rest, 0, 2);
	if (!str_eq(flag, STR("n,")) && !str_eq(flag, STR("y,")))
		return ERR_SYNTAX;
	*rest = str_slice(*rest, 2, rest->n);
	size_t comma = str_chr(*rest, ',');
	struct str authzid = str_slice(*rest, 0, comma);
	if (comma == rest->n || !is_value(authzid))
		return ERR_SYNTAX;
	*rest = str_slice(*rest, comma + 1, rest->n);
	if (authzid.n == 0)
		return OK;
	if (!str_starts(authzid, STR("a=")))
		return ERR_SYNTAX;
	return take_saslname(str_slice(authzid, 2, authzid.n), &m->name);
}

enum err
oauth_message_bearer(struct str message, struct oauth_message *m)
{
	struct str rest = message;
	*m = (struct oauth_message){ .name = BUF_INIT };
	enum err e = take_header(&rest, m);
	if (e == OK && (rest.n == 0 || rest.p[0] != KVSEP))
		e = ERR_SYNTAX;
	return e == OK ? take_pairs(str_slice(rest, 1, rest.n), m) : e;
}

enum err
oauth_message_xoauth2(struct str message, struct oauth_message *m)
{
	*m = (struct oauth_message){ .name = BUF_INIT };
	size_t end = str_chr(message, KVSEP);
	struct str user = str_slice(message, 0, end);
	if (end == message.n || !str_starts(user, STR("user=")) || !is_value(user))
		return ERR_SYNTAX;
	buf_add_str(&m->name, str_slice(user, 5, user.n));
	return take_pairs(str_slice(message, end + 1, message.n), m);
}

void
oauth_message_fini(struct oauth_message *m)
{
	buf_free(&m->name);
}
