/* env.c - a header as IMAP's ENVELOPE (RFC 3501 section 7.4.2) */
#include "imap/mime/env.h"
#include "imap/mime/addr.h"
#include "imap/mime/hdr.h"
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"
#include "imap/mime/nstr.h"

/* In the order of the ENVELOPE. */
enum field {
	DATE, SUBJECT, FROM, SENDER, REPLY_TO, TO, CC, BCC, IN_REPLY_TO,
	MESSAGE_ID, FIELDS
};

static const struct str field_names[FIELDS] = {
	[DATE] = { "date", 4 },
	[SUBJECT] = { "subject", 7 },
	[FROM] = { "from", 4 },
	[SENDER] = { "sender", 6 },
	[REPLY_TO] = { "reply-to", 8 },
	[TO] = { "to", 2 },
	[CC] = { "cc", 2 },
	[BCC] = { "bcc", 3 },
	[IN_REPLY_TO] = { "in-reply-to", 11 },
	[MESSAGE_ID] = { "message-id", 10 },
};

/* The first value of every field, {NULL, 0}: absent, and how many there are. */
struct fields {
	struct str header;
	struct str value[FIELDS];
	size_t count[FIELDS];
	struct arena *arena;
};

static void
find_fields(struct fields *f)
{
	struct str rest = f->header, name, raw;

	while (mime_next_field(&rest, &name, &raw))
		for (int i = 0; i < FIELDS; i++) {
			if (!str_ieq(name, field_names[i]))
				continue;
			if (f->count[i]++ == 0)
				f->value[i] = hdr_value(name, raw);
			break;
		}
}

static void
add_text(const struct fields *f, enum field i, struct buf *out)
{
	struct arena_mark mark = arena_mark(f->arena);
	struct str s = f->value[i];

	if (s.n > MIME_MAX_FIELD)
		s.n = MIME_MAX_FIELD;
	nstr_add(out, s.p != NULL ? lex_unfold(f->arena, s) : s);
	arena_rewind(f->arena, mark);
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")" */
static void
add_address(const struct mime_address *a, struct buf *out)
{
	const struct str *members[] = { &a->name, &a->adl, &a->local, &a->domain };

	for (int i = 0; i < 4; i++) {
		buf_addc(out, i == 0 ? '(' : ' ');
		nstr_add(out, *members[i]);
	}
	buf_addc(out, ')');
}

/* The addresses of one field's value; *LEFT is what the list may still take. */
static void
add_addresses(struct arena *arena, struct str value, size_t *left,
    struct buf *out)
{
	struct arena_mark mark = arena_mark(arena);
	struct addr_iter it;
	struct mime_address a;

	if (value.n > *left)
		value.n = *left;
	*left -= value.n;
	it = addr_iter(value);
	while (addr_next(arena, &it, &a)) {
		add_address(&a, out);
		arena_rewind(arena, mark);
	}
}

/* False, and nothing added, if the field is absent or names nobody. */
static bool
add_list(const struct fields *f, enum field i, struct buf *out)
{
	struct str rest = f->header, name, raw;
	size_t left = ENV_MAX_LIST, start = out->n;

	if (f->count[i] == 0)
		return false;
	buf_addc(out, '(');
	if (f->count[i] == 1 || i == FROM || i == SENDER || i == REPLY_TO)
		add_addresses(f->arena, f->value[i], &left, out);
	else
		while (mime_next_field(&rest, &name, &raw))
			if (str_ieq(name, field_names[i]))
				add_addresses(f->arena, hdr_value(name, raw), &left, out);
	if (out->n == start + 1) {
		buf_truncate(out, start);
		return false;
	}
	buf_addc(out, ')');
	return true;
}

/* Sender and Reply-To are the From list where they are absent or empty. */
static void
add_list_or(const struct fields *f, enum field i, enum field instead,
    struct buf *out)
{
	buf_addc(out, ' ');
	if (!add_list(f, i, out) && (instead == i || !add_list(f, instead, out)))
		buf_adds(out, "NIL");
}

void
mime_envelope(struct str message, const struct mime_part *part, struct buf *out)
{
	struct fields f = {
		.header = { message.p + part->header_start, part->header_size },
		.arena = arena_new(4 * (size_t)ENV_MAX_LIST),
	};

	find_fields(&f);
	buf_addc(out, '(');
	add_text(&f, DATE, out);
	buf_addc(out, ' ');
	add_text(&f, SUBJECT, out);
	add_list_or(&f, FROM, FROM, out);
	add_list_or(&f, SENDER, FROM, out);
	add_list_or(&f, REPLY_TO, FROM, out);
	add_list_or(&f, TO, TO, out);
	add_list_or(&f, CC, CC, out);
	add_list_or(&f, BCC, BCC, out);
	buf_addc(out, ' ');
	add_text(&f, IN_REPLY_TO, out);
	buf_addc(out, ' ');
	add_text(&f, MESSAGE_ID, out);
	buf_addc(out, ')');
	arena_free(f.arena);
}
