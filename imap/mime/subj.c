/*
 * subj.c - the base subject (RFC 5256 section 2.1)
 *
 * One function for each rule of the grammar and the steps in their order.  A
 * struct str stands for the part of the subject that is left.
 */
#include "imap/mime/lex.h"
#include "imap/mime/mime.h"

#include <string.h>

struct subject {
	struct str left;
	const char *no_refwd;	/* no reply marker begins before this */
	bool is_reply;
};

static struct str
skip(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.n - n };
}

static bool
starts_with(struct str s, struct str prefix)
{
	return s.n >= prefix.n
	    && str_ieq((struct str){ s.p, prefix.n }, prefix);
}

static bool
ends_with(struct str s, struct str suffix)
{
	return s.n >= suffix.n
	    && str_ieq(skip(s, s.n - suffix.n), suffix);
}

static struct str
skip_space(struct str s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = skip(s, 1);
	return s;
}

/* subj-blob = "[" *BLOBCHAR "]" *WSP */
static bool
subj_blob(struct str *s)
{
	size_t i = 1;

	if (s->n == 0 || s->p[0] != '[')
		return false;
	while (i < s->n && s->p[i] != '[' && s->p[i] != ']')
		i++;
	if (i == s->n || s->p[i] != ']')
		return false;
	*s = skip_space(skip(*s, i + 1));
	return true;
}

/* subj-refwd = ("re" / ("fw" ["d"])) *WSP [subj-blob] ":" */
static bool
subj_refwd(struct str *s)
{
	struct str t = *s;

	if (starts_with(t, STR("fwd")))
		t = skip(t, 3);
	else if (starts_with(t, STR("re")) || starts_with(t, STR("fw")))
		t = skip(t, 2);
	else
		return false;
	t = skip_space(t);
	subj_blob(&t);
	if (t.n == 0 || t.p[0] != ':')
		return false;
	*s = skip(t, 1);
	return true;
}

/*
 * subj-leader = (*subj-blob subj-refwd) / WSP.  Where a run of blobs was found
 * to lead to no marker it is not walked again from its second blob.
 */
static bool
subj_leader(struct subject *j)
{
	struct str t = j->left;

	if (t.n > 0 && t.p[0] == ' ') {
		j->left = skip(t, 1);
		return true;
	}
	if (t.p < j->no_refwd)
		return false;
	while (subj_blob(&t))
		;
	if (!subj_refwd(&t)) {
		j->no_refwd = t.p;
		return false;
	}
	j->left = t;
	j->is_reply = true;
	return true;
}

/* subj-trailer = "(fwd)" / WSP */
static bool
subj_trailer(struct subject *j)
{
	struct str *s = &j->left;

	if (s->n > 0 && s->p[s->n - 1] == ' ') {
		s->n--;
		return true;
	}
	if (!ends_with(*s, STR("(fwd)")))
		return false;
	s->n -= 5;
	j->is_reply = true;
	return true;
}

/* Step 4: a blob in front goes if that leaves something. */
static bool
leading_blob(struct subject *j)
{
	struct str t = j->left;

	if (!subj_blob(&t) || t.n == 0)
		return false;
	j->left = t;
	return true;
}

/* subj-fwd = subj-fwd-hdr subject subj-fwd-trl; "[fwd:" subject "]" */
static bool
subj_fwd(struct subject *j)
{
	struct str s = j->left;

	if (!starts_with(s, STR("[fwd:")) || !ends_with(s, STR("]")))
		return false;
	j->left = (struct str){ s.p + 5, s.n - 6 };
	j->is_reply = true;
	return true;
}

/* Steps 2 to 6. */
static void
strip(struct subject *j)
{
	do {
		j->no_refwd = j->left.p;
		while (subj_trailer(j))
			;
		do {
			while (subj_leader(j))
				;
		} while (leading_blob(j));
	} while (subj_fwd(j));
}

/* Step 1: tabs become spaces, several spaces one. */
static void
squeeze(struct buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->n; i++) {
		char c = lex_is_space(b->p[i]) ? ' ' : b->p[i];

		if (c != ' ' || n == 0 || b->p[n - 1] != ' ')
			b->p[n++] = c;
	}
	buf_truncate(b, n);
}

void
mime_base_subject(struct str raw, struct buf *base, bool *is_reply)
{
	struct buf text = BUF_INIT;
	struct subject j;

	mime_decode_header(raw, &text);
	squeeze(&text);
	j = (struct subject){ .left = buf_str(&text) };
	strip(&j);
	buf_add_str(base, j.left);
	*is_reply = j.is_reply;
	buf_free(&text);
}
