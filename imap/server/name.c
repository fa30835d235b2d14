/*
 * Outside to inside in two steps: the bytes (UTF-7, separator), then the
 * namespace (which prefix stands for what).  Inside to outside is the same
 * backwards.  The style of an administrator is the default one whatever
 * altnamespace says, as in Cyrus: cyradm always says user.fred or user/fred.
 */
#include "imap/server/name.h"
#include "imap/store/list/mblist.h"
#include "lib/charset.h"
#include "lib/utf7.h"
#include "lib/utf8.h"

#include <string.h>

void
name_style_init(struct name_style *n, const struct conf *conf)
{
	*n = (struct name_style){
		.sep = conf_switch(conf, CONF_UNIXHIERARCHYSEP) ? '/' : '.',
		.alt = conf_switch(conf, CONF_ALTNAMESPACE),
		.other = conf_string(conf, CONF_USERPREFIX),
		.shared = conf_string(conf, CONF_SHAREDPREFIX),
	};
}

static bool
is_alt(const struct name_style *n)
{
	return n->alt && !n->is_admin;
}

/* --- the bytes --- */

/* SEP to '.', and a '.' that is no separator to '^'. */
static enum err
separators_in(char sep, char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (sep != '.' && p[i] == '^')
			return ERR_NAME;
		if (sep != '.' && p[i] == '.')
			p[i] = '^';
		else if (p[i] == sep)
			p[i] = '.';
	}
	return OK;
}

static void
separators_out(char sep, char *p, size_t n)
{
	for (size_t i = 0; i < n && sep != '.'; i++)
		if (p[i] == '.')
			p[i] = sep;
		else if (p[i] == '^')
			p[i] = '.';
}

/* RFC 6855 section 3: Net-Unicode (RFC 5198), so no control characters. */
static enum err
check_utf8(struct str name, struct buf *utf8)
{
	struct str left = name;
	uint32_t code = 0;
	while (left.n > 0)
		if (!utf8_next(&left, &code) || code < 0x20 || (code >= 0x7f && code < 0xa0)
		    || code == 0x2028 || code == 0x2029)
			return ERR_NAME;
	buf_add_str(utf8, name);
	return OK;
}

/* Modified UTF-7 to form C with '.' between the components. */
static enum err
decode(const struct name_style *n, struct str external, struct buf *out)
{
	struct buf utf8 = BUF_INIT;
	enum err e = n->utf8 ? check_utf8(external, &utf8) : utf7_decode(external, &utf8);
	if (e == OK)
		e = utf8_nfc(buf_str(&utf8), out);
	if (e == OK)
		e = separators_in(n->sep, out->p, out->n);
	if (e == OK && out->n > 0 && out->p[out->n - 1] == '.')
		e = ERR_NAME;		/* "INBOX." is not INBOX */
	buf_free(&utf8);
	return e == OK ? OK : ERR_NAME;
}

/* --- the namespace --- */

/* Is NAME PREFIX or something below it?  *rest is what is below. */
static bool
below(struct str name, struct str prefix, struct str *rest)
{
	if (prefix.n == 0 || name.n < prefix.n
	    || memcmp(name.p, prefix.p, prefix.n) != 0
	    || (name.n > prefix.n && name.p[prefix.n] != '.'))
		return false;
	size_t skip = prefix.n + (name.n > prefix.n);
	*rest = (struct str){ name.p + skip, name.n - skip };
	return true;
}

/* The same for INBOX in any case. */
static bool
below_inbox(struct str name, struct str *rest)
{
	return name.n >= 5 && str_ieq((struct str){ name.p, 5 }, STR("INBOX"))
	    && below(name, (struct str){ name.p, 5 }, rest);
}

/* The prefix of a namespace as a name within, ".": its separators. */
static struct str
prefix_in(const struct name_style *n, const char *prefix, struct buf *scratch)
{
	buf_reset(scratch);
	buf_adds(scratch, prefix);
	if (separators_in(n->sep, scratch->p, scratch->n) != OK)
		buf_reset(scratch);
	return buf_str(scratch);
}

static enum err
add_own(const struct name_style *n, struct str rest, struct buf *internal)
{
	if (n->userid == NULL)
		return ERR_NAME;
	buf_adds(internal, "user.");
	buf_adds(internal, n->userid);
	if (rest.n > 0) {
		buf_addc(internal, '.');
		buf_add_str(internal, rest);
	}
	return OK;
}

static enum err
place_default(const struct name_style *n, struct str name, struct buf *internal)
{
	struct str rest;
	if (below_inbox(name, &rest))
		return add_own(n, rest, internal);
	buf_add_str(internal, name);
	return OK;
}

static enum err
place_alt(const struct name_style *n, struct buf *in, struct buf *internal)
{
	struct str name = buf_str(in);
	struct buf scratch = BUF_INIT;
	struct str rest;
	enum err e = OK;
	if (below_inbox(name, &rest) && rest.n == 0) {
		e = add_own(n, rest, internal);
	} else if (below(name, prefix_in(n, n->other, &scratch), &rest)) {
		if (rest.n == 0)
			e = ERR_NAME;
		buf_adds(internal, "user.");
		buf_add_str(internal, rest);
	} else if (below(name, prefix_in(n, n->shared, &scratch), &rest)) {
		struct str users;
		if (rest.n == 0 || below(rest, STR("user"), &users))
			e = ERR_NAME;
		buf_add_str(internal, rest);
	} else {
		/* INBOX/a is a folder beside others, its INBOX in capitals. */
		if (below_inbox(name, &rest))
			memcpy(in->p, "INBOX", 5);
		e = add_own(n, name, internal);
	}
	buf_free(&scratch);
	return e;
}

enum err
name_to_internal(const struct name_style *n, struct str external, struct buf *internal)
{
	struct buf name = BUF_INIT, placed = BUF_INIT;
	enum err e = decode(n, external, &name);
	if (e == OK)
		e = is_alt(n) ? place_alt(n, &name, &placed)
		    : place_default(n, buf_str(&name), &placed);
	if (e == OK)
		e = mblist_check_name(buf_str(&placed));
	if (e == OK)
		buf_add_str(internal, buf_str(&placed));
	buf_free(&name);
	buf_free(&placed);
	return e;
}

/* --- inside to outside --- */

static void
take_default(const struct name_style *n, struct str name, struct str own, struct buf *out)
{
	struct str rest;
	if (n->userid != NULL && below(name, own, &rest)) {
		buf_adds(out, "INBOX");
		if (rest.n > 0) {
			buf_addc(out, '.');
			buf_add_str(out, rest);
		}
		return;
	}
	buf_add_str(out, name);
}

static void
take_alt(const struct name_style *n, struct str name, struct str own, struct buf *out)
{
	struct buf scratch = BUF_INIT;
	struct str rest;
	if (n->userid != NULL && below(name, own, &rest)) {
		if (rest.n == 0)
			rest = STR("INBOX");
		buf_add_str(out, rest);
		buf_free(&scratch);
		return;
	}
	bool others = below(name, STR("user"), &rest) && rest.n > 0;
	buf_add_str(out, prefix_in(n, others ? n->other : n->shared, &scratch));
	buf_addc(out, '.');
	buf_add_str(out, others ? rest : name);
	buf_free(&scratch);
}

static void
encode(const struct name_style *n, struct str name, struct buf *external)
{
	if (n->utf8)
		buf_add_str(external, name);
	else
		utf7_encode(name, external);
}

void
name_to_external(const struct name_style *n, struct str internal, struct buf *external)
{
	struct buf own = BUF_INIT, out = BUF_INIT;
	buf_adds(&own, "user.");
	if (n->userid != NULL)
		buf_adds(&own, n->userid);
	if (is_alt(n))
		take_alt(n, internal, buf_str(&own), &out);
	else
		take_default(n, internal, buf_str(&own), &out);
	separators_out(n->sep, out.p, out.n);
	encode(n, buf_str(&out), external);
	buf_free(&own);
	buf_free(&out);
}

/* "PREFIX" SEP in the client's encoding. */
void
name_prefix(const struct name_style *n, const char *prefix, struct buf *out)
{
	encode(n, str_c(prefix), out);
	buf_addc(out, n->sep);
}

void
name_prefixes(const struct name_style *n, struct name_prefixes *p)
{
	buf_reset(&p->personal);
	buf_reset(&p->other);
	buf_reset(&p->shared);
	if (is_alt(n)) {
		name_prefix(n, n->other, &p->other);
		name_prefix(n, n->shared, &p->shared);
	} else {
		name_prefix(n, "INBOX", &p->personal);
		name_prefix(n, "user", &p->other);
	}
}
