/* username.c - names of users, as they are given and as they are kept */
#include "imap/server/username.h"
#include "imap/server/domain.h"
#include "lib/net.h"
#include "lib/saslprep.h"

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
	/* A directory takes "fred " for fred. */
	if (name.n == 0 || name.n > USERID_MAX || name.p[0] == ' ' || name.p[name.n - 1] == ' '
	    || name.p[0] == '-' || str_ieq(name, STR("anyone"))
	    || str_ieq(name, STR("anonymous")) || str_istarts(name, STR("group:")))
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < ' ' || c == 127 || strchr("/^%*@\"\\", c) != NULL)
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
static enum err
make_internal(const struct conf *conf, struct str name, struct buf *internal)
{
	size_t at = str_rchr(name, '@');
	struct str user = str_slice(name, 0, at);
	bool to_lower = conf_switch(conf, CONF_USERNAME_TOLOWER);
	if (!is_good(user))
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

enum err
username_internal(const struct conf *conf, struct str name, struct buf *internal)
{
	struct buf prepared = BUF_INIT;
	enum err e = saslprep(name, &prepared);
	if (e == OK)
		e = make_internal(conf, buf_str(&prepared), internal);
	buf_free(&prepared);
	return e;
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

/* PERCENT: where a '%' stands for an '@'. */
static void
add_name(const struct conf *conf, struct str part, size_t percent, struct buf *out)
{
	bool to_lower = conf_switch(conf, CONF_USERNAME_TOLOWER);
	for (size_t i = 0; i < part.n; i++)
		buf_addc(out, i == percent ? '@' : to_lower ? lower(part.p[i]) : part.p[i]);
	cut_home(conf, out);
}

/* The last '%' of a name without '@' stands for that. */
static void
add_given(const struct conf *conf, struct str domain, struct str part, struct buf *out)
{
	size_t percent = domain_enabled(conf) && str_chr(part, '@') == part.n
	    ? str_rchr(part, '%') : part.n;
	add_name(conf, part, percent, out);
	if (str_chr(part, '@') == part.n && percent == part.n)
		qualify(conf, domain, out);
}

void
username_given(const struct conf *conf, struct str domain, struct str given,
    struct buf *authcid, struct buf *userid)
{
	struct buf prepared = BUF_INIT;
	if (saslprep(given, &prepared) == OK) {
		struct str name = buf_str(&prepared);
		size_t star = str_rchr(name, '*');
		bool is_two = star < name.n && star > 0 && star + 1 < name.n;
		add_given(conf, domain, is_two ? str_slice(name, star + 1, name.n) : name, authcid);
		if (is_two)
			add_given(conf, domain, str_slice(name, 0, star), userid);
	}
	buf_free(&prepared);
}

void
username_vouched(const struct conf *conf, struct str given, struct buf *authcid)
{
	struct buf prepared = BUF_INIT;
	if (saslprep(given, &prepared) == OK)
		add_name(conf, buf_str(&prepared), prepared.n, authcid);
	buf_free(&prepared);
}

/* Who is in the default domain is in none. */
static void
take_domain(const struct conf *conf, struct str name, struct buf *domain)
{
	struct buf in = BUF_INIT;
	if (domain_in(name, &in) && !domain_is_home(conf, buf_str(&in)))
		buf_add_str(domain, name);
	buf_free(&in);
}

void
username_local_domain(const struct conf *conf, const char *local_ip_port, struct buf *domain)
{
	struct buf host = BUF_INIT;
	if (conf_enum(conf, CONF_VIRTDOMAINS) == DOMAINS_ON && local_ip_port != NULL
	    && net_reverse(local_ip_port, &host))
		take_domain(conf, str_slice(buf_str(&host),
		    str_chr(buf_str(&host), '.') + 1, host.n), domain);
	buf_free(&host);
}
