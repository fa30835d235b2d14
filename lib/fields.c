/*
 * On the wire: version u8, kind u8, then for each field tag u8, length u32
 * and the bytes.  A number is eight bytes and never 0; a text's last byte is
 * a NUL, so that the reader can use it in its place.
 */
#include "lib/fields.h"

#include <string.h>

static const size_t NUMBER_SIZE = 8;

/* Control characters would forge lines of a log, or of a protocol. */
static bool
is_text(struct str s)
{
	if (s.n == 0 || s.p[s.n - 1] != '\0')
		return false;
	for (size_t i = 0; i + 1 < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return true;
}

static void
add_field(struct buf *out, uint8_t tag, struct str bytes)
{
	buf_add_u8(out, tag);
	buf_add_u32(out, (uint32_t)bytes.n);
	buf_add_str(out, bytes);
}

static enum err
encode_number(const struct field *f, const void *from, struct buf *out)
{
	uint64_t n;
	memcpy(&n, from, sizeof(n));
	if (n == 0)
		return f->required ? ERR_SYNTAX : OK;
	if (n > f->max)
		return ERR_LIMIT;
	buf_add_u8(out, f->tag);
	buf_add_u32(out, (uint32_t)NUMBER_SIZE);
	buf_add_u64(out, n);
	return OK;
}

static enum err
encode_bytes(const struct field *f, const void *from, struct buf *out)
{
	struct str s = { NULL, 0 };
	if (f->type == FIELD_TEXT) {
		memcpy(&s.p, from, sizeof(s.p));
		s.n = s.p != NULL ? strlen(s.p) + 1 : 0;
	} else {
		memcpy(&s, from, sizeof(s));
	}
	if (s.p == NULL)
		return f->required ? ERR_SYNTAX : OK;
	if (s.n > f->max)
		return ERR_LIMIT;
	if (f->type == FIELD_TEXT && !is_text(s))
		return ERR_SYNTAX;
	add_field(out, f->tag, s);
	return OK;
}

enum err
fields_encode(const struct field *table, uint8_t kind, const void *from, struct buf *out)
{
	size_t start = out->n;
	buf_add_u8(out, FIELDS_VERSION);
	buf_add_u8(out, kind);
	for (const struct field *f = table; f->type != FIELD_END; f++) {
		const void *member = (const char *)from + f->at;
		enum err e = f->type == FIELD_NUMBER ? encode_number(f, member, out)
		    : encode_bytes(f, member, out);
		if (e != OK) {
			buf_truncate(out, start);
			return e;
		}
	}
	return OK;
}

unsigned
fields_kind(struct str message)
{
	return message.n >= 2 && message.p[0] == FIELDS_VERSION ? (uint8_t)message.p[1] : 0;
}

/* Nothing was sent for it. */
static void
clear(const struct field *f, void *to)
{
	if (f->type == FIELD_NUMBER)
		memset(to, 0, sizeof(uint64_t));
	else if (f->type == FIELD_TEXT)
		memcpy(to, &(const char *){ NULL }, sizeof(const char *));
	else
		memcpy(to, &(struct str){ NULL, 0 }, sizeof(struct str));
}

static bool
take(const struct field *f, struct str bytes, void *to)
{
	if (f->type == FIELD_NUMBER) {
		uint64_t n;
		if (!str_get_u64(&bytes, &n) || bytes.n != 0 || n == 0 || n > f->max)
			return false;
		memcpy(to, &n, sizeof(n));
		return true;
	}
	if (bytes.n > f->max || (f->type == FIELD_TEXT && !is_text(bytes)))
		return false;
	if (f->type == FIELD_TEXT)
		memcpy(to, &bytes.p, sizeof(bytes.p));
	else
		memcpy(to, &bytes, sizeof(bytes));
	return true;
}

enum err
fields_decode(const struct field *table, struct str message, void *to)
{
	struct str left = str_slice(message, 2, message.n), bytes;
	if (fields_kind(message) == 0)
		return ERR_SYNTAX;
	for (const struct field *f = table; f->type != FIELD_END; f++) {
		void *member = (char *)to + f->at;
		struct str next = left;
		uint8_t tag;
		uint32_t n;
		clear(f, member);
		if (!str_get_u8(&next, &tag) || tag != f->tag) {
			if (f->required)
				return ERR_SYNTAX;
			continue;
		}
		if (!str_get_u32(&next, &n) || !str_get_bytes(&next, n, &bytes)
		    || !take(f, bytes, member))
			return ERR_SYNTAX;
		left = next;
	}
	return left.n == 0 ? OK : ERR_SYNTAX;
}
