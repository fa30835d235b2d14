/* acl.c - access control lists */
#include "lib/acl.h"

#include <string.h>

/* In the order in which they are written. */
static const struct {
	char letter;
	rights_t right;
} letters[] = {
	{ 'l', ACL_LOOKUP },
	{ 'r', ACL_READ },
	{ 's', ACL_SEEN },
	{ 'w', ACL_WRITE },
	{ 'i', ACL_INSERT },
	{ 'p', ACL_POST },
	{ 'k', ACL_CREATE },
	{ 'x', ACL_DELETEMBOX },
	{ 't', ACL_DELETEMSG },
	{ 'e', ACL_EXPUNGE },
	{ 'c', 0 },
	{ 'd', 0 },
	{ 'a', ACL_ADMIN },
	{ 'n', ACL_ANNOTATE },
};

enum {
	LETTERS = sizeof(letters) / sizeof(letters[0]),

	/* RFC 4314 section 2.1.1: what the letters of RFC 2086 stand for. */
	VIRTUAL_C = ACL_CREATE | ACL_DELETEMBOX,
	VIRTUAL_D = ACL_DELETEMSG | ACL_EXPUNGE,
};

static rights_t
right_of(char letter)
{
	for (int i = 0; i < LETTERS; i++)
		if (letters[i].letter == letter)
			return letters[i].right;
	return 0;
}

enum err
acl_parse_rights(struct str text, rights_t *rights)
{
	rights_t all = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		rights_t right = c == 'c' ? VIRTUAL_C : c == 'd' ? VIRTUAL_D : right_of(c);

		if (right == 0 && !(c >= '0' && c <= '9'))
			return ERR_SYNTAX;
		all |= right;
	}
	*rights = all;
	return OK;
}

static void
format(rights_t rights, bool has_virtual, struct buf *out)
{
	for (int i = 0; i < LETTERS; i++) {
		char c = letters[i].letter;
		rights_t right = c == 'c' ? VIRTUAL_C : c == 'd' ? VIRTUAL_D : letters[i].right;

		if ((rights & right) != 0 && (has_virtual || (c != 'c' && c != 'd')))
			buf_addc(out, c);
	}
}

void
acl_format_rights(rights_t rights, struct buf *out)
{
	format(rights, true, out);
}

/*
 * Rights as they are stored.  An old list has c and d alone; in a list that
 * Cyrus wrote they stand beside their members and must not add to them: "xc"
 * is x.  Letters that we do not know give nothing.
 */
static rights_t
stored_rights(struct str text)
{
	rights_t all = 0;

	for (size_t i = 0; i < text.n; i++)
		all |= right_of(text.p[i]);
	if ((all & VIRTUAL_C) == 0 && str_chr(text, 'c') < text.n)
		all |= VIRTUAL_C;
	if ((all & VIRTUAL_D) == 0 && str_chr(text, 'd') < text.n)
		all |= VIRTUAL_D;
	return all;
}

bool
acl_next(struct str *acl, struct str *identifier, rights_t *rights)
{
	struct str text;

	do {
		if (acl->n == 0)
			return false;
		str_next_field(acl, '\t', identifier);
		if (!str_next_field(acl, '\t', &text))
			text = (struct str){ "", 0 };
	} while (identifier->n == 0);
	*rights = stored_rights(text);
	return true;
}

/* --- who may what --- */

static bool
is_in_group(const struct identity *id, struct str group)
{
	if (id->groups == NULL)
		return false;
	for (const char *const *g = id->groups; *g != NULL; g++)
		if (str_eq(group, str_c(*g)))
			return true;
	return false;
}

static bool
is_meant(const struct identity *id, struct str identifier)
{
	const struct str group = STR("group:");

	if (str_eq(identifier, STR("anyone")))
		return true;
	if (id->is_anonymous)
		return str_eq(identifier, STR("anonymous"));
	if (str_starts(identifier, group))
		return is_in_group(id, str_slice(identifier, group.n, identifier.n));
	return str_eq(identifier, str_c(id->userid));
}

/* It is a group, and nobody can tell whether he is in it. */
static bool
may_be_meant(const struct identity *id, struct str identifier)
{
	return id->groups_doubtful && !id->is_anonymous
	    && str_starts(identifier, STR("group:"));
}

rights_t
acl_rights_of(struct str acl, const struct identity *id)
{
	rights_t granted = 0, denied = 0, rights;
	struct str identifier;

	while (acl_next(&acl, &identifier, &rights)) {
		if (identifier.p[0] != '-') {
			if (is_meant(id, identifier))
				granted |= rights;
		} else {
			identifier = str_slice(identifier, 1, identifier.n);
			if (is_meant(id, identifier) || may_be_meant(id, identifier))
				denied |= rights;
		}
	}
	rights = granted & ~denied;
	if (id->is_admin)
		rights |= ACL_LOOKUP | ACL_ADMIN;
	return rights;
}

/* --- changes --- */

static bool
is_identifier(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return s.n > 0 && s.n <= ACL_IDENTIFIER_MAX && !str_eq(s, STR("-"));
}

static void
add_entry(struct buf *out, struct str identifier, rights_t rights)
{
	if (rights == 0)
		return;
	buf_add_str(out, identifier);
	buf_addc(out, '\t');
	format(rights, false, out);
	buf_addc(out, '\t');
}

static rights_t
changed(rights_t old, char mode, rights_t rights)
{
	switch (mode) {
	case '+':
		return old | rights;
	case '-':
		return old & ~rights;
	default:
		return rights;
	}
}

enum err
acl_change(struct str acl, struct str identifier, char mode, rights_t rights, struct buf *out)
{
	bool is_done = false;
	struct str who;
	rights_t old;

	buf_reset(out);
	if (!is_identifier(identifier))
		return ERR_NAME;
	while (acl_next(&acl, &who, &old)) {
		if (str_eq(who, identifier)) {
			if (!is_done)
				add_entry(out, who, changed(old, mode, rights));
			is_done = true;
		} else {
			add_entry(out, who, old);
		}
	}
	if (!is_done)
		add_entry(out, identifier, changed(0, mode, rights));
	if (out->n <= ACL_MAX)
		return OK;
	buf_reset(out);
	return ERR_LIMIT;
}
