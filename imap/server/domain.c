/* domain.c - virtual domains: where they stand in internal names */
#include "imap/server/domain.h"
#include "lib/utf8.h"

#include <string.h>

bool
domain_enabled(const struct conf *conf)
{
	return conf_enum(conf, CONF_VIRTDOMAINS) != 0;
}

/* Moves *at past the component WORD and its '.', if that is what is there. */
static void
skip(struct str name, size_t *at, struct str word)
{
	struct str rest = str_slice(name, *at, name.n);
	if (word.n > 0 && str_starts(rest, word) && rest.n > word.n && rest.p[word.n] == '.')
		*at += word.n + 1;
}

size_t
domain_root(struct str name, const char *deleted, size_t *n)
{
	struct str prefix = str_c(deleted != NULL ? deleted : "");
	size_t at = 0;
	if (prefix.n > 0 && prefix.p[prefix.n - 1] == '.')
		prefix.n--;
	skip(name, &at, prefix);
	if (at == 0 && str_eq(name, prefix))
		at = name.n;
	size_t user = at;
	skip(name, &at, STR("user"));
	struct str rest = str_slice(name, at, name.n);
	*n = at == user && str_eq(rest, STR("user")) ? 0 : str_chr(rest, '.');
	return at;
}

void
domain_out(struct str domain, struct buf *out)
{
	for (size_t i = 0; i < domain.n; i++)
		buf_addc(out, domain.p[i] == '^' ? '.' : domain.p[i]);
}

bool
domain_in(struct str domain, struct buf *out)
{
	if (domain.n == 0 || domain.n > 200 || !utf8_valid(domain)
	    || domain.p[0] == '.' || domain.p[domain.n - 1] == '.')
		return false;
	size_t start = out->n;
	for (size_t i = 0; i < domain.n; i++) {
		char c = domain.p[i];
		if ((unsigned char)c <= ' ' || c == 127 || strchr("/@*%^\"\\", c) != NULL) {
			buf_truncate(out, start);
			return false;
		}
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		buf_addc(out, c == '.' ? '^' : c);
	}
	return true;
}

/* Is it one in internal form? */
static bool
is_domain(struct str s)
{
	struct buf out = BUF_INIT, in = BUF_INIT;
	domain_out(s, &out);
	bool is = domain_in(buf_str(&out), &in) && str_eq(buf_str(&in), s);
	buf_free(&out);
	buf_free(&in);
	return is;
}

/* Where the "@" before a root's domain is; ROOT.n: it has none. */
static size_t
domain_at(struct str root)
{
	size_t at = str_rchr(root, '@');
	return at > 0 && is_domain(str_slice(root, at + 1, root.n)) ? at : root.n;
}

struct str
domain_of_user(struct str user)
{
	return str_slice(user, domain_at(user) + 1, user.n);
}

struct str
domain_of(struct str name, const char *deleted)
{
	size_t n, at = domain_root(name, deleted, &n);
	return domain_of_user(str_slice(name, at, at + n));
}

void
domain_put(struct str name, const char *deleted, struct str domain, struct buf *out)
{
	size_t n, at = domain_root(name, deleted, &n);
	buf_add_str(out, str_slice(name, 0, at + n));
	if (n > 0 && domain.n > 0) {
		buf_addc(out, '@');
		buf_add_str(out, domain);
	}
	buf_add_str(out, str_slice(name, at + n, name.n));
}

void
domain_take(struct str name, const char *deleted, struct buf *out)
{
	size_t n, at = domain_root(name, deleted, &n);
	size_t root = domain_at(str_slice(name, at, at + n));
	buf_add_str(out, str_slice(name, 0, at + root));
	buf_add_str(out, str_slice(name, at + n, name.n));
}

bool
domain_is_home(const struct conf *conf, struct str domain)
{
	const char *home = conf_string(conf, CONF_DEFAULTDOMAIN);
	struct buf in = BUF_INIT;
	bool is = home != NULL && domain_in(str_c(home), &in) && str_eq(buf_str(&in), domain);
	buf_free(&in);
	return is;
}
