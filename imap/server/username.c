/* username.c - names of users, as they are given and as they are kept */
#include "imap/server/username.h"
#include "imap/server/domain.h"
#include "lib/net.h"
#include "lib/utf8.h"

#include <string.h>

enum { USERID_MAX = 200 };		/* leaves room for "user." and folders */
enum { DOMAINS_OFF, DOMAINS_USERID, DOMAINS_ON };

static char
lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_good(struct str name)
{
	if (name.n == 0 || name.n > USERID_MAX || !utf8_valid(name)
	    || name.p[0] == '-' || str_ieq(name, STR("anyone"))
	    || str_ieq(name, STR("anonymous")) || str_istarts(name, STR("group:")))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < ' ' || c == 127 || strchr("/^%*\"\\", c) != NULL)
			return false;
	}
	return true;
}

/* A domain is the same in any case. */
static bool
add_domain(const struct conf *conf, struct str domain, struct buf *internal)
{
	struct buf in = BUF_INIT;
	bool good = domain_in(domain, &in);
	if (good && !domain_is_home(conf, buf_str(&in))) {
		buf_addc(internal, '@');
		buf_add_str(internal, buf_str(&in));
	}
	buf_free(&in);
	return good;
}

/*
 * A '.' in a user's name must not look like a level of the hierarchy: fred.a
 * is not somebody who owns fred's folder a.
 */
enum err
username_internal(const struct conf *conf, struct str name, struct buf *internal)
{
	size_t at = str_rchr(name, '@');
	struct str user = str_slice(name, 0, at);
	bool to_lower = conf_switch(conf, CONF_USERNAME_TOLOWER);
	if (!domain_enabled(conf))
		user.n = str_chr(name, '@');
	if (!is_good(user) || memchr(user.p, '@', user.n) != NULL)
		return ERR_NAME;
	for (size_t i = 0; i < user.n; i++) {
		char c = to_lower ? lower(user.p[i]) : user.p[i];
		buf_addc(internal, c == '.' ? '^' : c);
	}
	if (at < name.n && domain_enabled(conf)
	    && !add_domain(conf, str_slice(name, at + 1, name.n), internal))
		return ERR_NAME;
	return internal->n <= USERID_MAX ? OK : ERR_NAME;
}

void
username_external(struct str internal, struct buf *name)
{
	for (size_t i = 0; i < internal.n; i++)
		buf_addc(name, internal.p[i] == '^' ? '.' : internal.p[i]);
}

/* --- as it was given --- */

/* Takes "@defaultdomain" off again: passwords are kept without it, too. */
static void
cut_home(const struct conf *conf, struct buf *out)
{
	struct buf domain = BUF_INIT;
	size_t at = domain_enabled(conf) ? str_rchr(buf_str(out), '@') : out->n;
	if (at < out->n && domain_in(str_slice(buf_str(out), at + 1, out->n), &domain)
	    && domain_is_home(conf, buf_str(&domain)))
		buf_truncate(out, at);
	buf_free(&domain);
}

static void
qualify(const struct conf *conf, struct str domain, struct buf *name)
{
	if (domain.n == 0 || name->n == 0
	    || str_eq(buf_str(name), STR("anonymous")) || conf_has_word(conf, CONF_ADMINS, name->p))
		return;
	buf_addc(name, '@');
	buf_add_str(name, domain);
}

/* The last '%' of a name without '@' stands for that. */
static void
add_given(const struct conf *conf, struct str domain, struct str part, struct buf *out)
{
	bool to_lower = conf_switch(conf, CONF_USERNAME_TOLOWER);
	size_t percent = domain_enabled(conf) && str_chr(part, '@') == part.n
	    ? str_rchr(part, '%') : part.n;
	for (size_t i = 0; i < part.n; i++)
		buf_addc(out, i == percent ? '@' : to_lower ? lower(part.p[i]) : part.p[i]);
	if (memchr(out->p, '@', out->n) != NULL)
		cut_home(conf, out);
	else
		qualify(conf, domain, out);
}

void
username_given(const struct conf *conf, struct str domain, struct str given,
    struct buf *authcid, struct buf *userid)
{
	size_t star = str_rchr(given, '*');
	bool is_two = star < given.n && star > 0 && star + 1 < given.n;
	add_given(conf, domain, is_two ? str_slice(given, star + 1, given.n) : given, authcid);
	if (is_two)
		add_given(conf, domain, str_slice(given, 0, star), userid);
}

void
username_local_domain(const struct conf *conf, const char *local_ip_port, struct buf *domain)
{
	struct buf host = BUF_INIT;
	if (conf_enum(conf, CONF_VIRTDOMAINS) == DOMAINS_ON && local_ip_port != NULL
	    && net_reverse(local_ip_port, &host))
		buf_add_str(domain, str_slice(buf_str(&host),
		    str_chr(buf_str(&host), '.') + 1, host.n));
	buf_free(&host);
}
