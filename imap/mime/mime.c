/*
 * mime.c - the structure of a message
 *
 * One pass from the first byte to the last.  struct scan holds the position,
 * always at the start of a line, and the boundaries of the multiparts that are
 * open there, outermost first.  entity() reads one part; it returns at the end
 * of the message or at a line that is a delimiter of one of the open
 * multiparts (scan.hit says whose), and whoever opened that one goes on; all
 * those between find a hit that is not theirs and return as well.  So a parent's
 * boundary ends its children, however deep, and a missing end costs nothing.
 *
 * A delimiter line is "--", the boundary, "--" in the last one, and white
 * space, nothing else (the grammar of RFC 2046 section 5.1.1).  The text there
 * lets a reader stop at the boundary and ignore the rest of the line; then one
 * boundary may not begin with another, and real ones do.
 */
#include "imap/mime/mime.h"
#include "imap/mime/ctype.h"
#include "imap/mime/hdr.h"
#include "imap/mime/lex.h"

#include <string.h>

enum { NO_HIT = -1 };

struct scan {
	struct arena *arena;
	const char *start, *p, *end;
	uint64_t lines;			/* LFs before p */
	size_t parts;
	struct mime_part *spare;	/* allocated, in no tree yet */
	int depth;			/* of the part being read, root 0 */
	struct str boundary[MIME_MAX_DEPTH];
	int open;			/* boundaries in use */
	int hit;			/* p is at a delimiter of this one */
	bool closing;			/* it is the last one */
	const char *hit_end;		/* where the delimiter line ends */
};

/* Is there room for one more part?  Makes the next take_part() succeed. */
static bool
has_spare(struct scan *s)
{
	if (s->spare == NULL && s->parts < MIME_MAX_PARTS)
		s->spare = arena_new_obj(s->arena, struct mime_part);
	return s->spare != NULL;
}

static struct mime_part *
take_part(struct scan *s, struct mime_part *parent)
{
	struct mime_part *part = s->spare;

	s->spare = NULL;
	s->parts++;
	part->parent = parent;
	if (parent != NULL) {
		parent->children++;
		parent->last_child = part;
	}
	return part;
}

static uint64_t
offset(const struct scan *s, const char *p)
{
	return (uint64_t)(p - s->start);
}

/* The first LF, NULL: none.  memchr() is at its best with lines of some length. */
static inline const char *
find_lf(const char *p, const char *end)
{
	if (end - p >= 2 && p[0] == '\n')
		return p;
	if (end - p >= 2 && p[1] == '\n')
		return p + 1;
	return memchr(p, '\n', (size_t)(end - p));
}

static void
count_lines(struct scan *s, const char *until)
{
	while (s->p < until) {
		const char *nl = find_lf(s->p, until);

		if (nl == NULL)
			break;
		s->lines++;
		s->p = nl + 1;
	}
	s->p = until;
}

/* Does LINE, without the two dashes, name boundary number I? */
static bool
is_boundary(struct scan *s, int i, struct str line)
{
	const struct str *b = &s->boundary[i];
	bool closing = line.n == b->n + 2;

	if (line.n != b->n && !closing)
		return false;
	/* Boundaries begin alike more often than they end alike. */
	if (line.p[b->n - 1] != b->p[b->n - 1]
	    || memcmp(line.p, b->p, b->n) != 0)
		return false;
	if (closing)
		return memcmp(line.p + b->n, "--", 2) == 0;
	return true;
}

/*
 * Sets hit if the line at p is a delimiter.  When no more parts may come, the
 * opening ones are text of the part that is being read; the closing ones still
 * close.
 */
static bool
at_delimiter(struct scan *s)
{
	const char *eol;
	struct str line;

	if (s->open == 0 || s->end - s->p < 3 || s->p[0] != '-' || s->p[1] != '-')
		return false;
	eol = memchr(s->p, '\n', (size_t)(s->end - s->p));
	s->hit_end = eol != NULL ? eol + 1 : s->end;
	line = (struct str){ s->p + 2, (size_t)(s->hit_end - s->p) - 2 };
	while (line.n > 0 && lex_is_space(line.p[line.n - 1]))
		line.n--;
	for (int i = s->open - 1; i >= 0; i--) {
		if (!is_boundary(s, i, line))
			continue;
		s->closing = line.n != s->boundary[i].n;
		if (!s->closing && !has_spare(s))
			continue;
		s->hit = i;
		return true;
	}
	return false;
}

/* Moves past lines that are no delimiter. */
static void
body_lines(struct scan *s)
{
	s->hit = NO_HIT;
	if (s->open == 0) {
		count_lines(s, s->end);
		return;
	}
	while (s->p < s->end) {
		const char *nl;

		if (s->p[0] == '-' && at_delimiter(s))
			return;
		nl = find_lf(s->p, s->end);
		if (nl == NULL) {
			s->p = s->end;
			return;
		}
		s->lines++;
		s->p = nl + 1;
	}
}

static void
set_content_type(struct scan *s, struct mime_part *part, struct str value)
{
	if (!ctype_parse(s->arena, value, &part->type, &part->subtype,
	    &part->params)) {
		part->type = STR("text");
		part->subtype = STR("plain");
		part->type_by_default = true;
	}
}

static void
set_disposition(struct scan *s, struct mime_part *part, struct str value)
{
	if (part->disposition.p == NULL)
		ctype_disposition(s->arena, value, &part->disposition,
		    &part->disposition_params);
}

static void
set_text(struct scan *s, struct str *text, struct str value)
{
	if (text->p == NULL && lex_trim(value).n > 0)
		*text = lex_unfold(s->arena, value);
}

/* One field "Content-NAME"; of several with one name the first counts. */
static void
content_field(struct scan *s, struct mime_part *part, struct str name,
    struct str value)
{
	if (value.n > MIME_MAX_FIELD)
		value.n = MIME_MAX_FIELD;
	if (str_ieq(name, STR("type"))) {
		if (part->type.p == NULL)
			set_content_type(s, part, value);
	} else if (str_ieq(name, STR("transfer-encoding"))) {
		if (part->encoding.p == NULL && ctype_word(value).n > 0)
			part->encoding = ctype_word(value);
	} else if (str_ieq(name, STR("disposition"))) {
		set_disposition(s, part, value);
	} else if (str_ieq(name, STR("id"))) {
		set_text(s, &part->id, value);
	} else if (str_ieq(name, STR("description"))) {
		set_text(s, &part->description, value);
	} else if (str_ieq(name, STR("md5"))) {
		set_text(s, &part->md5, value);
	} else if (str_ieq(name, STR("location"))) {
		set_text(s, &part->location, value);
	} else if (str_ieq(name, STR("language")) && part->languages == 0) {
		part->languages = ctype_languages(s->arena, value, &part->language);
	}
}

/* Reads the fields; hit is set if a delimiter ends the header. */
static void
header(struct scan *s, struct mime_part *part)
{
	struct str rest = { s->p, (size_t)(s->end - s->p) }, name, raw;

	s->hit = NO_HIT;
	part->header_start = offset(s, s->p);
	while (!at_delimiter(s) && mime_next_field(&rest, &name, &raw)) {
		if (name.n > 8 && str_ieq((struct str){ name.p, 8 }, STR("content-")))
			content_field(s, part,
			    (struct str){ name.p + 8, name.n - 8 },
			    hdr_value(name, raw));
		count_lines(s, rest.p);
	}
	if (s->hit == NO_HIT)
		count_lines(s, s->p + hdr_empty_line(rest));
	part->header_size = offset(s, s->p) - part->header_start;
}

/* The default is text/plain, in a digest message/rfc822 (RFC 2046 section 5.1.5). */
static void
default_type(struct mime_part *part)
{
	const struct mime_part *parent = part->parent;

	if (part->type.p != NULL)
		return;
	part->type_by_default = true;
	part->type = STR("text");
	part->subtype = STR("plain");
	if (parent != NULL && parent->kind == MIME_MULTIPART
	    && str_ieq(parent->subtype, STR("digest"))) {
		part->type = STR("message");
		part->subtype = STR("rfc822");
	}
}

bool
mime_is_message(const struct mime_part *part)
{
	return str_ieq(part->type, STR("message")) && (str_ieq(part->subtype, STR("rfc822"))
	    || str_ieq(part->subtype, STR("global")));
}

/* Base64 and its kin hide the structure of a message. */
static bool
is_encoded(const struct mime_part *part)
{
	struct decode d;

	return decode_init(&d, part->encoding) == OK && d.kind != DECODE_NONE;
}

/*
 * What PART holds.  Past the limits a part is a leaf, whatever it says.  A
 * multipart without a boundary breaks the syntax of Content-Type, which makes
 * it text/plain (RFC 2045 section 5.2); encoded ones are forbidden (section
 * 6.4), and those that exist are just labelled so.
 */
static void
set_kind(struct scan *s, struct mime_part *part, struct str *boundary)
{
	bool room = s->depth + 1 < MIME_MAX_DEPTH && has_spare(s);

	default_type(part);
	if (str_ieq(part->type, STR("multipart"))) {
		if (!mime_param_value(s->arena, &part->params, "boundary", boundary)
		    || (*boundary = lex_trim(*boundary)).n == 0) {
			part->type = STR("text");
			part->subtype = STR("plain");
			part->params = (struct mime_params){ NULL, 0 };
			part->type_by_default = true;
		} else if (room) {
			part->kind = MIME_MULTIPART;
		}
	} else if (room && mime_is_message(part) && !is_encoded(part)) {
		part->kind = MIME_MESSAGE;
	}
}

/*
 * A part's header may end where its body would begin, at the delimiter of a
 * part further out, whose CRLF is then the header's empty line: the parts in
 * between end before that CRLF, so all that is last in them must as well.
 */
static void
clip(struct mime_part *part, uint64_t end)
{
	for (; part != NULL; part = part->last_child) {
		if (part->header_start > end)
			part->header_start = end;
		if (part->header_size > end - part->header_start)
			part->header_size = end - part->header_start;
		if (part->body_start > end)
			part->body_start = end;
	}
}

/* The body ends here, or before the CRLF that belongs to the delimiter. */
static void
end_body(struct scan *s, struct mime_part *part, uint64_t lines_before)
{
	const char *body = s->start + part->body_start, *end = s->p;

	part->body_lines = s->lines - lines_before;
	if (s->hit != NO_HIT && end > body && end[-1] == '\n') {
		end--;
		part->body_lines--;
		if (end > body && end[-1] == '\r')
			end--;
	}
	part->body_size = (uint64_t)(end - body);
	clip(part->last_child, offset(s, end));
}

/* IMAP knows no multipart without a part: all of it is one, then. */
static void
add_only_part(struct scan *s, struct mime_part *part)
{
	struct mime_part *child;

	if (!has_spare(s)) {
		part->kind = MIME_LEAF;
		return;
	}
	part->child = child = take_part(s, part);
	child->type = STR("text");
	child->subtype = STR("plain");
	child->type_by_default = true;
	child->header_start = child->body_start = part->body_start;
	child->body_size = part->body_size;
	child->body_lines = part->body_lines;
}

static void entity(struct scan *s, struct mime_part *part);

static void
multipart(struct scan *s, struct mime_part *part, struct str boundary)
{
	struct mime_part **next = &part->child;
	int mine = s->open++;

	s->boundary[mine] = boundary;
	if (s->hit == NO_HIT)
		body_lines(s);
	while (s->hit == mine && !s->closing && has_spare(s)) {
		count_lines(s, s->hit_end);
		*next = take_part(s, part);
		s->depth++;
		entity(s, *next);
		s->depth--;
		next = &(*next)->next;
	}
	s->open--;
	if (s->hit == mine) {
		count_lines(s, s->hit_end);
		body_lines(s);
	}
}

/* Reads one part from its first header line on. */
static void
entity(struct scan *s, struct mime_part *part)
{
	struct str boundary;
	uint64_t lines;

	header(s, part);
	part->body_start = offset(s, s->p);
	lines = s->lines;
	set_kind(s, part, &boundary);
	switch (part->kind) {
	case MIME_MULTIPART:
		multipart(s, part, boundary);
		break;
	case MIME_MESSAGE:
		part->child = take_part(s, part);
		s->depth++;
		entity(s, part->child);
		s->depth--;
		break;
	case MIME_LEAF:
		if (s->hit == NO_HIT)
			body_lines(s);
		break;
	}
	end_body(s, part, lines);
	if (part->kind == MIME_MULTIPART && part->child == NULL)
		add_only_part(s, part);
}

enum err
mime_parse(struct arena *arena, struct str message, struct mime_part **root)
{
	struct scan s;

	s.arena = arena;
	s.start = s.p = message.p;
	s.end = message.p + message.n;
	s.lines = 0;
	s.parts = 0;
	s.spare = NULL;
	s.depth = 0;
	s.open = 0;
	s.hit = NO_HIT;
	if (!has_spare(&s))
		return ERR_LIMIT;
	*root = take_part(&s, NULL);
	entity(&s, *root);
	return OK;
}

const struct mime_part *
mime_part_find(const struct mime_part *root, const uint32_t *numbers, size_t n)
{
	const struct mime_part *in = root, *part = root;

	for (size_t i = 0; i < n; i++) {
		uint32_t k = numbers[i];

		if (in == NULL || k == 0)
			return NULL;
		if (in->kind == MIME_MULTIPART) {
			for (part = in->child; part != NULL && --k > 0;)
				part = part->next;
			if (part == NULL)
				return NULL;
		} else if (k == 1) {
			part = in;
		} else {
			return NULL;
		}
		in = part->kind == MIME_MULTIPART ? part
		    : part->kind == MIME_MESSAGE ? part->child : NULL;
	}
	return part;
}
