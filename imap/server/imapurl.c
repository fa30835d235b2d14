/* imapurl.c - IMAP URLs of messages and parts */
#include "imap/server/imapurl.h"

#include <string.h>

enum { MAX_PORT = 65535 };

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What may stand in a URL; all else is encoded. */
static bool
is_url_char(unsigned char c)
{
	return c > ' ' && c < 0x7f && strchr("\"<>\\^`{|}#[]", c) == NULL;
}

/* TEXT without percent signs; false for bad ones, for NUL and for no text. */
static bool
decode(struct arena *arena, struct str text, struct str *out)
{
	char *p = arena_copy(arena, text.p, text.n);
	size_t n = 0;

	if (p == NULL || text.n == 0)
		return false;
	for (size_t i = 0; i < text.n; i++) {
		int c = (unsigned char)text.p[i];

		if (!is_url_char((unsigned char)c))
			return false;
		if (c == '%') {
			int a = text.n - i > 2 ? hex(text.p[i + 1]) : -1;
			int b = text.n - i > 2 ? hex(text.p[i + 2]) : -1;

			c = a < 0 || b < 0 ? 0 : a * 16 + b;
			i += 2;
		}
		if (c == 0)
			return false;
		p[n++] = (char)c;
	}
	*out = (struct str){ p, n };
	return true;
}

static bool
nz_number(struct str s, uint32_t *v)
{
	return str_to_u32(s, v) && *v > 0;
}

/* [user [";AUTH=" type] "@"] host [":" port] */
static bool
parse_server(struct arena *arena, struct str s, struct imapurl *url)
{
	size_t at = str_rchr(s, '@'), colon;
	struct str user;

	if (at < s.n) {
		user = str_slice(s, 0, at);
		s = str_slice(s, at + 1, s.n);
		user = str_slice(user, 0, str_chr(user, ';'));
		if (user.n > 0 && !decode(arena, user, &url->user))
			return false;
	}
	colon = str_rchr(s, ':');
	if (colon < s.n && str_find(str_slice(s, colon, s.n), STR("]")) == s.n - colon) {
		if (!nz_number(str_slice(s, colon + 1, s.n), &url->port) || url->port > MAX_PORT)
			return false;
		s = str_slice(s, 0, colon);
	}
	if (s.n > 2 && s.p[0] == '[')
		url->host = s;
	else if (!decode(arena, s, &url->host))
		return false;
	return true;
}

static bool
parse_partial(struct str s, struct imapurl *url)
{
	size_t dot = str_chr(s, '.');

	url->partial = true;
	if (!str_to_u64(str_slice(s, 0, dot), &url->offset))
		return false;
	return dot == s.n || (str_to_u64(str_slice(s, dot + 1, s.n), &url->length) &&
	    url->length > 0);
}

static bool
digits(struct str s, size_t from, size_t n, uint32_t least, uint32_t most, uint32_t *v)
{
	struct str d = str_slice(s, from, from + n);

	return d.n == n && str_to_u32(d, v) && *v >= least && *v <= most;
}

/* Days since 1970-01-01 (H. Hinnant's way: years begin in March). */
static int64_t
days_of(int64_t y, int64_t m, int64_t d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* date-time of RFC 3339: 2027-01-31T23:59:59.5+01:00, or Z. */
static bool
parse_expire(struct str s, struct imapurl *url)
{
	uint32_t y, mo, d, h, mi, sec, zh = 0, zm = 0;
	int sign;

	if (!digits(s, 0, 4, 1, 9999, &y) || !digits(s, 5, 2, 1, 12, &mo) ||
	    !digits(s, 8, 2, 1, 31, &d) || !digits(s, 11, 2, 0, 23, &h) ||
	    !digits(s, 14, 2, 0, 59, &mi) || !digits(s, 17, 2, 0, 60, &sec) ||
	    s.p[4] != '-' || s.p[7] != '-' || (s.p[10] | 0x20) != 't' || s.p[13] != ':' ||
	    s.p[16] != ':')
		return false;
	s = str_slice(s, 19, s.n);
	if (s.n > 1 && s.p[0] == '.') {
		do
			s = str_slice(s, 1, s.n);
		while (s.n > 0 && s.p[0] >= '0' && s.p[0] <= '9');
	}
	if (s.n == 0)
		return false;
	sign = s.p[0] == '-' ? -1 : 1;
	if (s.p[0] == '+' || s.p[0] == '-') {
		if (s.n != 6 || s.p[3] != ':' || !digits(s, 1, 2, 0, 23, &zh) ||
		    !digits(s, 4, 2, 0, 59, &zm))
			return false;
	} else if (s.n != 1 || (s.p[0] | 0x20) != 'z') {
		return false;
	}
	url->expires = true;
	url->expire = days_of(y, mo, d) * 86400 + (int64_t)h * 3600 + (int64_t)mi * 60 + sec -
	    sign * ((int64_t)zh * 3600 + (int64_t)zm * 60);
	return true;
}

/* access [":" mechanism ":" token] */
static bool
parse_urlauth(struct arena *arena, struct str text, struct str value, struct imapurl *url)
{
	static const struct {
		const char *word;
		enum imapurl_access access;
		bool user;
	} kinds[] = {
		{ "submit+", URL_SUBMIT, true }, { "user+", URL_USER, true },
		{ "authuser", URL_AUTHUSER, false }, { "anonymous", URL_ANONYMOUS, false },
	};
	size_t colon = str_chr(value, ':');
	struct str access = str_slice(value, 0, colon), rest;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		struct str word = str_c(kinds[i].word);

		if (kinds[i].user && str_istarts(access, word)) {
			url->access = kinds[i].access;
			if (!decode(arena, str_slice(access, word.n, access.n),
			    &url->access_user))
				return false;
		} else if (!kinds[i].user && str_ieq(access, word)) {
			url->access = kinds[i].access;
		}
	}
	if (url->access == URL_NONE)
		return false;
	url->rump = (struct str){ text.p, (size_t)(access.p + access.n - text.p) };
	if (colon == value.n)
		return true;
	rest = str_slice(value, colon + 1, value.n);
	colon = str_chr(rest, ':');
	url->mechanism = str_slice(rest, 0, colon);
	url->token = str_slice(rest, colon + 1, rest.n);
	return url->mechanism.n > 0 && url->token.n > 0;
}

/* In the order in which they may come. */
enum key { UIDVALIDITY, UID, SECTION, PARTIAL, EXPIRE, URLAUTH, KEYS };

static bool
set_key(struct arena *arena, struct str text, enum key key, struct str value,
    struct imapurl *url)
{
	switch (key) {
	case UIDVALIDITY:
		return nz_number(value, &url->uidvalidity);
	case UID:
		return nz_number(value, &url->uid);
	case SECTION:
		return decode(arena, value, &url->section);
	case PARTIAL:
		return parse_partial(value, url);
	case EXPIRE:
		return parse_expire(value, url);
	case URLAUTH:
		return parse_urlauth(arena, text, value, url);
	case KEYS:
		break;
	}
	return false;
}

/* *(["/"] ";" key "=" value); REST is at the first ";" or its "/". */
static bool
parse_keys(struct arena *arena, struct str text, struct str rest, struct imapurl *url)
{
	static const char *const names[KEYS] = {
		"UIDVALIDITY=", "UID=", "SECTION=", "PARTIAL=", "EXPIRE=", "URLAUTH="
	};
	int next = 0;

	while (rest.n > 0) {
		struct str value;
		size_t end;

		if (rest.p[0] == '/')
			rest = str_slice(rest, 1, rest.n);
		if (rest.n == 0 || rest.p[0] != ';')
			return false;
		rest = str_slice(rest, 1, rest.n);
		while (next < KEYS && !str_istarts(rest, str_c(names[next])))
			next++;
		if (next == KEYS)
			return false;
		value = str_slice(rest, strlen(names[next]), rest.n);
		end = str_chr(value, ';');
		rest = str_slice(value, end, value.n);
		value = str_slice(value, 0, end);
		if (rest.n > 0 && value.n > 0 && value.p[value.n - 1] == '/')
			value.n--;
		if (!set_key(arena, text, (enum key)next++, value, url))
			return false;
	}
	return url->uid > 0;
}

bool
imapurl_parse(struct arena *arena, struct str text, struct imapurl *url)
{
	struct str rest = text, mailbox;
	bool server = false;

	*url = (struct imapurl){ .rump = text };
	if (str_istarts(rest, STR("imap:"))) {
		rest = str_slice(rest, 5, rest.n);
		server = true;
		if (!str_starts(rest, STR("//")))
			return false;
	}
	if (str_starts(rest, STR("//"))) {
		size_t slash = str_chr(str_slice(rest, 2, rest.n), '/') + 2;

		server = true;
		if (!parse_server(arena, str_slice(rest, 2, slash), url))
			return false;
		rest = str_slice(rest, slash, rest.n);
	}
	/* "http:x" has another scheme (RFC 3986 section 4.2). */
	if (!server && str_chr(rest, ':') < str_chr(rest, '/') &&
	    str_chr(rest, ':') < str_chr(rest, ';'))
		return false;
	mailbox = str_slice(rest, 0, str_chr(rest, ';'));
	rest = str_slice(rest, mailbox.n, rest.n);
	if (mailbox.n > 0 && mailbox.p[mailbox.n - 1] == '/')
		mailbox.n--;
	if (mailbox.n > 0 && mailbox.p[0] == '/')
		mailbox = str_slice(mailbox, 1, mailbox.n);
	if (mailbox.n > 0 ? !decode(arena, mailbox, &url->mailbox) : server)
		return false;
	return parse_keys(arena, text, rest, url);
}
