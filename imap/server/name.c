/*
 * Outside to inside in two steps: the bytes (UTF-7, separator), then the
 * namespace (which prefix stands for what).  Inside to outside is the same
 * backwards.  The style of an administrator is the default one whatever
 * altnamespace says, as in Cyrus: cyradm always says user.fred or user/fred.
 */
#include "imap/server/name.h"
#include "imap/server/domain.h"
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
		.domains = domain_enabled(conf),
		.crosses = conf_switch(conf, CONF_CROSSDOMAINS),
		.bare_own = conf_switch(conf, CONF_CROSSDOMAINS_ONLYOTHER),
		.home = conf_string(conf, CONF_DEFAULTDOMAIN),
		.deleted = conf_string(conf, CONF_DELETEDPREFIX),
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

/* --- the domain --- */

struct str
name_domain(const struct name_style *n)
{
	if (!n->domains || n->userid == NULL)
		return STR("");
	return domain_of_user(str_c(n->userid));
}

/* The user's own name as it is in names without their domain. */
static struct str
own_name(const struct name_style *n)
{
	struct str user = str_c(n->userid), domain = name_domain(n);
	if (domain.n > 0)
		user.n -= domain.n + 1;
	return user;
}

/* Do names end in "@domain" for him? */
static bool
shows_domains(const struct name_style *n)
{
	return n->domains && n->is_admin && !n->tagged;
}

/* Does he see users of other domains among the others? */
static bool
crosses(const struct name_style *n)
{
	return n->domains && n->crosses && n->userid != NULL && !n->is_admin;
}

/* Appends what is written for those who are in no domain, in internal form. */
static void
add_home(const struct name_style *n, struct buf *domain)
{
	if (n->home == NULL || !domain_in(str_c(n->home), domain))
		buf_adds(domain, "internal");
}

static bool
is_home(const struct name_style *n, struct str domain)
{
	struct buf home = BUF_INIT;
	add_home(n, &home);
	bool is = str_eq(buf_str(&home), domain);
	buf_free(&home);
	return is;
}

/*
 * Cuts "@domain" off NAME, whose separators are '.' by now, and appends it to
 * DOMAIN, or the user's own.  With '/' between levels an "@" before one is no
 * such thing.
 */
static enum err
cut_domain(const struct name_style *n, struct buf *name, struct buf *domain)
{
	struct str own = name_domain(n);
	size_t at = shows_domains(n) ? str_rchr(buf_str(name), '@') : name->n;
	struct str given = str_slice(buf_str(name), at + 1, name->n);
	if (at == name->n || (n->sep != '.' && memchr(given.p, '.', given.n) != NULL)) {
		buf_add_str(domain, own);
		return OK;
	}
	struct buf written = BUF_INIT;
	if (n->sep != '.')
		domain_out(given, &written);	/* '^' is what was '.' */
	else
		buf_add_str(&written, given);
	bool good = domain_in(buf_str(&written), domain);
	buf_free(&written);
	if (!good)
		return ERR_NAME;
	if (is_home(n, buf_str(domain)))
		buf_reset(domain);
	buf_truncate(name, at);
	return own.n == 0 || str_eq(own, buf_str(domain)) ? OK : ERR_NAME;
}

/*
 * With crossdomains: what is behind the "@" of a user's name goes from NAME into
 * DOMAIN, if it can be a domain.
 */
static void
cut_user_domain(const struct name_style *n, struct buf *name, struct buf *domain)
{
	size_t root, at = domain_root(buf_str(name), n->deleted, &root);
	struct str user = str_slice(buf_str(name), at, at + root);
	size_t sign = str_rchr(user, '@');
	if (!str_starts(buf_str(name), STR("user.")) || sign == 0 || sign == root)
		return;
	struct buf written = BUF_INIT, given = BUF_INIT, rest = BUF_INIT;
	domain_out(str_slice(user, sign + 1, user.n), &written);
	if (domain_in(buf_str(&written), &given)) {
		buf_reset(domain);
		if (!is_home(n, buf_str(&given)))
			buf_add_str(domain, buf_str(&given));
		buf_add_str(&rest, str_slice(buf_str(name), at + root, name->n));
		buf_truncate(name, at + sign);
		buf_add_str(name, buf_str(&rest));
	}
	buf_free(&written);
	buf_free(&given);
	buf_free(&rest);
}

/*
 * The name in the domain; a level that belongs to all domains is in none.  What
 * hangs from "bb@a" cannot be in no domain.
 */
static enum err
put_domain(const struct name_style *n, struct str name, struct str domain, struct buf *out)
{
	size_t root;
	(void)domain_root(name, n->deleted, &root);
	if (domain.n > 0 ? root == 0
	    : shows_domains(n) && domain_of(name, n->deleted).n > 0)
		return ERR_NAME;
	domain_put(name, n->deleted, domain, out);
	return OK;
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
	buf_add_str(internal, own_name(n));
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
	struct buf name = BUF_INIT, domain = BUF_INIT, placed = BUF_INIT, whole = BUF_INIT;
	enum err e = decode(n, external, &name);
	if (e == OK)
		e = cut_domain(n, &name, &domain);
	if (e == OK)
		e = is_alt(n) ? place_alt(n, &name, &placed)
		    : place_default(n, buf_str(&name), &placed);
	if (e == OK && crosses(n))
		cut_user_domain(n, &placed, &domain);
	if (e == OK)
		e = put_domain(n, buf_str(&placed), buf_str(&domain), &whole);
	if (e == OK)
		e = mblist_check_name(buf_str(&whole));
	if (e == OK)
		buf_add_str(internal, buf_str(&whole));
	buf_free(&name);
	buf_free(&domain);
	buf_free(&placed);
	buf_free(&whole);
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

/* With crossdomains: is it somebody else's, who is written with his domain? */
static bool
shows_user_domain(const struct name_style *n, struct str name)
{
	struct str own = str_c(crosses(n) ? n->userid : ""), rest = name;
	if (!crosses(n) || !str_starts(name, STR("user."))
	    || below(str_slice(name, 5, name.n), own, &rest))
		return false;
	if (!n->bare_own || !str_eq(domain_of(name, n->deleted), name_domain(n)))
		return true;
	/* What is left would look like another domain. */
	struct buf bare = BUF_INIT;
	domain_take(name, n->deleted, &bare);
	bool shows = domain_of(buf_str(&bare), n->deleted).n > 0;
	buf_free(&bare);
	return shows;
}

static void
add_with_domain(const struct name_style *n, struct str name, struct buf *out)
{
	struct buf home = BUF_INIT;
	add_home(n, &home);
	if (domain_of(name, n->deleted).n > 0)
		buf_add_str(out, name);
	else
		domain_put(name, n->deleted, buf_str(&home), out);
	buf_free(&home);
}

/*
 * The name without the domain that its place or its end says; *shown is what
 * is to stand at the end.
 */
static void
take_domain(const struct name_style *n, struct str name, struct buf *bare, struct str *shown)
{
	struct str domain = domain_of(name, n->deleted), own = name_domain(n);
	*shown = STR("");
	if (shows_user_domain(n, name)) {
		add_with_domain(n, name, bare);
	} else if (n->domains && (str_eq(domain, own) || shows_domains(n))) {
		domain_take(name, n->deleted, bare);
		if (!str_eq(domain, own))
			*shown = domain;
		else if (shows_domains(n) && memchr(bare->p, '@', bare->n) != NULL)
			*shown = own.n > 0 ? own : str_c(n->home != NULL ? n->home : "internal");
	} else {
		buf_add_str(bare, name);
	}
}

void
name_to_external(const struct name_style *n, struct str internal, struct buf *external)
{
	struct buf bare = BUF_INIT, own = BUF_INIT, out = BUF_INIT;
	struct str shown;
	take_domain(n, internal, &bare, &shown);
	buf_adds(&own, "user.");
	if (n->userid != NULL)
		buf_add_str(&own, own_name(n));
	/* His INBOX is not in another domain. */
	struct name_style style = *n;
	if (shown.n > 0)
		style.userid = NULL;
	if (is_alt(n))
		take_alt(&style, buf_str(&bare), buf_str(&own), &out);
	else
		take_default(&style, buf_str(&bare), buf_str(&own), &out);
	separators_out(n->sep, out.p, out.n);
	if (shown.n > 0) {
		buf_addc(&out, '@');
		domain_out(shown, &out);
	}
	encode(n, buf_str(&out), external);
	buf_free(&bare);
	buf_free(&own);
	buf_free(&out);
}

/* --- identifiers of ACLs --- */

/* Does it stand for something else than one user? */
static bool
is_special(struct str id)
{
	return str_eq(id, STR("anyone")) || str_eq(id, STR("anonymous"))
	    || str_starts(id, STR("group:"));
}

/* Moves the "-" of a negative entry from *id to OUT. */
static void
take_sign(struct str *id, struct buf *out)
{
	if (id->n > 0 && *id->p == '-') {
		buf_addc(out, '-');
		*id = str_slice(*id, 1, id->n);
	}
}

void
name_identifier_in(const struct name_style *n, struct str id, struct buf *internal)
{
	struct str own = name_domain(n);
	take_sign(&id, internal);
	size_t at = n->domains ? str_rchr(id, '@') : id.n;
	struct buf domain = BUF_INIT;
	if (is_special(id)) {
		buf_add_str(internal, id);
		return;
	}
	for (size_t i = 0; i < at; i++)
		buf_addc(internal, id.p[i] == '.' ? '^' : id.p[i]);
	if (at == id.n)
		buf_add_str(&domain, own);
	else if (!domain_in(str_slice(id, at + 1, id.n), &domain))
		buf_add_str(&domain, str_slice(id, at + 1, id.n));
	else if (is_home(n, buf_str(&domain)))
		buf_reset(&domain);
	if (domain.n > 0) {
		buf_addc(internal, '@');
		buf_add_str(internal, buf_str(&domain));
	}
	buf_free(&domain);
}

void
name_identifier_out(const struct name_style *n, struct str id, struct buf *external)
{
	struct str own = name_domain(n);
	take_sign(&id, external);
	if (is_special(id)) {
		buf_add_str(external, id);
		return;
	}
	bool in_none = str_chr(id, '@') == id.n;
	if (own.n > 0 && id.n > own.n + 1 && id.p[id.n - own.n - 1] == '@' && str_ends(id, own))
		id.n -= own.n + 1;
	domain_out(id, external);
	if (in_none && own.n > 0 && crosses(n)) {
		struct buf home = BUF_INIT;
		add_home(n, &home);
		buf_addc(external, '@');
		domain_out(buf_str(&home), external);
		buf_free(&home);
	}
}

/* --- prefixes --- */

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
