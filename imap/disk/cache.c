/*
 * cache.c - entries of cyrus.cache
 *
 * Entry, numbers big-endian:
 *    0 u32 magic "CHCF"   4 first 8 bytes of the message's SHA-256
 *   12 u32 length of each of the CACHE_ITEMS items
 *   36 u32 CRC-32C of bytes 0..35 and the items
 *   40 the items, one after the other
 */
#include "imap/disk/cache.h"

#include "imap/mime/mime.h"
#include "lib/crc.h"

#include <stdlib.h>
#include <string.h>

enum {
	ENTRY_MAGIC = 0x43484346,	/* "CHCE" had no preview */
	ENTRY_HEAD = 12 + 4 * CACHE_ITEMS + 4,
	PARSE_LIMIT = 64 << 20,		/* structure of one message */
};

/* What list views, threads, filters and searches of real clients ask for; sorted. */
static const char *const cached[] = {
	"approved", "auto-submitted", "bcc", "cc", "comments",
	"content-description", "content-disposition", "content-id",
	"content-language", "content-location", "content-transfer-encoding",
	"content-type", "date", "delivered-to", "disposition-notification-to",
	"envelope-to", "errors-to", "followup-to", "from", "importance",
	"in-reply-to", "keywords", "list-archive", "list-help", "list-id",
	"list-owner", "list-post", "list-subscribe", "list-unsubscribe",
	"mail-followup-to", "mail-reply-to", "mailing-list", "message-id",
	"mime-version", "newsgroups", "organization", "original-recipient",
	"precedence", "priority", "references", "reply-to", "resent-bcc",
	"resent-cc", "resent-date", "resent-from", "resent-message-id",
	"resent-sender", "resent-to", "return-path", "sender", "subject",
	"thread-index", "to", "user-agent", "x-beenthere", "x-label",
	"x-loop", "x-mailer", "x-mailing-list", "x-original-to", "x-priority",
	"x-spam-flag", "x-status", "x-uid",
};

static int
name_cmp(const void *key, const void *item)
{
	const struct str *k = key;
	const char *name = *(const char *const *)item;

	for (size_t i = 0; i < k->n; i++) {
		unsigned char c = (unsigned char)k->p[i];

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		if (c != (unsigned char)name[i] || name[i] == '\0')
			return c < (unsigned char)name[i] ? -1 : 1;
	}
	return name[k->n] == '\0' ? 0 : -1;
}

bool
cache_has_header(struct str name)
{
	return name.n > 0 && bsearch(&name, cached, sizeof(cached) / sizeof(cached[0]),
	    sizeof(cached[0]), name_cmp) != NULL;
}

static void
add_headers(struct str header, struct buf *out)
{
	struct str name, raw;

	while (mime_next_field(&header, &name, &raw))
		if (cache_has_header(name))
			buf_add_str(out, raw);
}

static enum cache_encoding
encoding_of(struct str e)
{
	if (e.n == 0 || str_ieq(e, STR("7bit")) || str_ieq(e, STR("8bit")) ||
	    str_ieq(e, STR("binary")))
		return CACHE_ENC_IDENTITY;
	if (str_ieq(e, STR("quoted-printable")))
		return CACHE_ENC_QP;
	return str_ieq(e, STR("base64")) ? CACHE_ENC_BASE64 : CACHE_ENC_OTHER;
}

static void
add_section(const struct mime_part *p, unsigned depth, struct buf *out)
{
	buf_add_u8(out, (uint8_t)depth);
	buf_add_u8(out, (uint8_t)p->kind);
	buf_add_u8(out, (uint8_t)encoding_of(p->encoding));
	buf_add_u8(out, 0);
	buf_add_u32(out, (uint32_t)p->header_start);
	buf_add_u32(out, (uint32_t)p->header_size);
	buf_add_u32(out, (uint32_t)p->body_start);
	buf_add_u32(out, (uint32_t)p->body_size);
}

static void
add_sections(const struct mime_part *root, struct buf *out)
{
	const struct mime_part *p = root;
	unsigned depth = 0;

	while (p != NULL) {
		add_section(p, depth, out);
		if (p->child != NULL) {
			p = p->child;
			depth++;
			continue;
		}
		while (p != NULL && p->next == NULL) {
			p = p->parent;
			depth--;
		}
		if (p != NULL)
			p = p->next;
	}
}

static void
find_facts(struct arena *a, struct str header, struct cache_facts *f)
{
	struct str date;
	int zone;

	f->header_size = (uint32_t)header.n;
	f->sentdate = 0;
	f->has_sentdate = mime_field_value(a, header, "date", &date) &&
	    mime_parse_date(date, &f->sentdate, &zone);
}

static void
put_u32(char *p, uint32_t v)
{
	p[0] = (char)(v >> 24);
	p[1] = (char)(v >> 16);
	p[2] = (char)(v >> 8);
	p[3] = (char)v;
}

static void
add_items(struct str message, const struct mime_part *root, struct buf *out, size_t head)
{
	size_t before = out->n;

	for (int i = 0; i < CACHE_ITEMS; i++) {
		switch ((enum cache_item)i) {
		case CACHE_ENVELOPE:
			mime_envelope(message, root, out);
			break;
		case CACHE_BODYSTRUCTURE:
			mime_bodystructure(message, root, out);
			break;
		case CACHE_BODY:
			mime_body(message, root, out);
			break;
		case CACHE_HEADERS:
			add_headers((struct str){ message.p, root->header_size }, out);
			break;
		case CACHE_SECTIONS:
			if (message.n <= UINT32_MAX)
				add_sections(root, out);
			break;
		case CACHE_PREVIEW:
			mime_preview(message, root, out);
			break;
		case CACHE_ITEMS:
			break;
		}
		put_u32(out->p + head + 12 + 4 * (size_t)i, (uint32_t)(out->n - before));
		before = out->n;
	}
}

enum err
cache_build(struct str message, const uint8_t guid[32], struct buf *out,
    struct cache_facts *facts)
{
	struct arena *a = arena_new(PARSE_LIMIT);
	struct mime_part *root;
	size_t head = out->n;
	enum err e = mime_parse(a, message, &root);
	uint32_t crc;

	if (e == OK) {
		find_facts(a, (struct str){ message.p, root->header_size }, facts);
		buf_add_u32(out, ENTRY_MAGIC);
		buf_add(out, guid, 8);
		memset(buf_reserve(out, 4 * CACHE_ITEMS + 4), 0, 4 * CACHE_ITEMS + 4);
		out->n += 4 * CACHE_ITEMS + 4;
		add_items(message, root, out, head);
		crc = crc32c(0, out->p + head, ENTRY_HEAD - 4);
		crc = crc32c(crc, out->p + head + ENTRY_HEAD, out->n - head - ENTRY_HEAD);
		put_u32(out->p + head + ENTRY_HEAD - 4, crc);
	}
	arena_free(a);
	return e;
}

static uint32_t
get_u32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

bool
cache_check(struct str entry, const uint8_t guid[32])
{
	uint64_t total = ENTRY_HEAD;

	if (entry.n < ENTRY_HEAD || get_u32(entry.p) != ENTRY_MAGIC ||
	    memcmp(entry.p + 4, guid, 8) != 0)
		return false;
	for (size_t i = 0; i < CACHE_ITEMS; i++)
		total += get_u32(entry.p + 12 + 4 * i);
	return total == entry.n && get_u32(entry.p + ENTRY_HEAD - 4) ==
	    crc32c(crc32c(0, entry.p, ENTRY_HEAD - 4), entry.p + ENTRY_HEAD,
	    entry.n - ENTRY_HEAD);
}

struct str
cache_get(struct str entry, enum cache_item item)
{
	const char *at = entry.p + ENTRY_HEAD;

	for (size_t i = 0; i < (size_t)item; i++)
		at += get_u32(entry.p + 12 + 4 * i);
	return (struct str){ at, get_u32(entry.p + 12 + 4 * (size_t)item) };
}
