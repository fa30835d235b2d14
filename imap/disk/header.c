/*
 * header.c - cyrus.header: a mailbox's own copy of what mailboxes.db knows
 *
 * Text, one thing a line, "word TAB value", in this order:
 *
 *   chapar header 1
 *   name	user.johndoe.drafts
 *   id	0123456789abcdef0123456789abcdef
 *   uidvalidity	1700000000
 *   flags	0
 *   acl	johndoe	lrswipkxtea	anyone	lr	(as stored, tabs and all)
 *   quotaroot	user.johndoe
 *   specialuse	\Drafts
 *   keyword	0	$Forwarded
 *   crc	1a2b3c4d		(of all before this line)
 *
 * Behind it two lines that are written in place (witness.h); what is wrong with
 * them is no fault of the header.
 *
 * quotaroot, specialuse and keywords are left out where there are none.  An
 * unknown word is skipped, so that a later version can add some.
 */
#include "imap/disk/header.h"

#include "imap/disk/witness.h"
#include "lib/buf.h"
#include "lib/crc.h"
#include "lib/file.h"
#include "lib/log.h"

#include <string.h>

enum { HEADER_MAX = 1 << 20 };
static const char file_name[] = "cyrus.header";
static const char first_line[] = "chapar header 1\n";

static void
add_line(struct buf *b, const char *word, const char *value)
{
	if (value != NULL)
		buf_printf(b, "%s\t%s\n", word, value);
}

enum err
header_write(int dirfd, const struct mailbox_header *h, bool durable)
{
	struct buf b = BUF_INIT;
	struct witness w;
	char hex[33];
	enum err e;

	/* What cannot be read any more the next checkpoint writes. */
	if (witness_read(dirfd, &h->id, &w) != OK)
		w = (struct witness){ 0 };
	id128_hex(&h->id, hex);
	buf_adds(&b, first_line);
	add_line(&b, "name", h->name);
	add_line(&b, "id", hex);
	buf_printf(&b, "uidvalidity\t%u\n", h->uidvalidity);
	buf_printf(&b, "flags\t%u\n", h->flags);
	add_line(&b, "acl", h->acl != NULL ? h->acl : "");
	add_line(&b, "quotaroot", h->quotaroot);
	add_line(&b, "specialuse", h->specialuse);
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++)
		if (h->keyword[i] != NULL)
			buf_printf(&b, "keyword\t%u\t%s\n", i, h->keyword[i]);
	buf_printf(&b, "crc\t%08x\n", crc32c(0, b.p, b.n));
	witness_format(&b, &h->id, &w);
	e = file_replace(dirfd, file_name, b.p, b.n, 0600, durable);
	buf_free(&b);
	return e;
}

/* --- reading --- */

/* Moves *text past bytes up to and with END; false if there is no END. */
static bool
cut(struct str *text, char end, struct str *piece)
{
	const char *at = memchr(text->p, end, text->n);

	if (at == NULL)
		return false;
	*piece = (struct str){ text->p, (size_t)(at - text->p) };
	*text = (struct str){ at + 1, text->n - piece->n - 1 };
	return true;
}

static bool
number(struct str s, uint32_t *value)
{
	uint64_t v = 0;

	if (s.n == 0 || s.n > 10)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		v = v * 10 + (uint64_t)(s.p[i] - '0');
	}
	*value = (uint32_t)v;
	return v <= UINT32_MAX;
}

static bool
text(struct arena *arena, struct str s, const char **value)
{
	*value = arena_copy(arena, s.p, s.n);
	return *value != NULL;
}

static bool
keyword(struct arena *arena, struct str value, struct mailbox_header *h)
{
	struct str digits;
	uint32_t i;

	return cut(&value, '\t', &digits) && number(digits, &i) && i < MBOX_KEYWORDS &&
	    text(arena, value, &h->keyword[i]);
}

static bool
line(struct arena *arena, struct str word, struct str value, struct mailbox_header *h)
{
	if (str_eq(word, STR("name")))
		return text(arena, value, &h->name);
	if (str_eq(word, STR("id")))
		return id128_parse(value, &h->id);
	if (str_eq(word, STR("uidvalidity")))
		return number(value, &h->uidvalidity);
	if (str_eq(word, STR("flags")))
		return number(value, &h->flags);
	if (str_eq(word, STR("acl")))
		return text(arena, value, &h->acl);
	if (str_eq(word, STR("quotaroot")))
		return text(arena, value, &h->quotaroot);
	if (str_eq(word, STR("specialuse")))
		return text(arena, value, &h->specialuse);
	if (str_eq(word, STR("keyword")))
		return keyword(arena, value, h);
	return true;
}

/* Is the text what its last line's checksum says?  Cuts that line off. */
static bool
checksum_ok(struct str *bytes)
{
	const size_t n = sizeof("crc\t01234567\n") - 1;
	size_t end = witness_place(*bytes);
	struct buf want = BUF_INIT;
	bool ok;

	if (end < n)
		return false;
	bytes->n = end - n;
	buf_printf(&want, "crc\t%08x\n", crc32c(0, bytes->p, bytes->n));
	ok = memcmp(want.p, bytes->p + bytes->n, n) == 0;
	buf_free(&want);
	return ok;
}

static bool
parse(struct arena *arena, struct str bytes, struct mailbox_header *h)
{
	struct str l, word;

	if (!checksum_ok(&bytes) || bytes.n < sizeof(first_line) - 1 ||
	    memcmp(bytes.p, first_line, sizeof(first_line) - 1) != 0)
		return false;
	bytes.p += sizeof(first_line) - 1;
	bytes.n -= sizeof(first_line) - 1;
	while (bytes.n > 0)
		if (!cut(&bytes, '\n', &l) || !cut(&l, '\t', &word) ||
		    !line(arena, word, l, h))
			return false;
	return h->name != NULL && h->acl != NULL && h->uidvalidity != 0;
}

enum err
header_read(int dirfd, struct arena *arena, struct mailbox_header *h)
{
	struct buf b = BUF_INIT;
	enum err e = file_slurp(dirfd, file_name, HEADER_MAX, &b);

	memset(h, 0, sizeof(*h));
	if (e == ERR_LIMIT || (e == OK && !parse(arena, buf_str(&b), h))) {
		log_err("%s%s%s: damaged; run reconstruct",
		    h->name != NULL ? h->name : "", h->name != NULL ? "/" : "", file_name);
		e = ERR_CORRUPT;
	}
	buf_free(&b);
	return e;
}
