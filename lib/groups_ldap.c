/* groups_ldap.c - the groups that a directory knows (auth_mech: pts) */
#include "lib/groups_ldap.h"
#include "lib/digest.h"
#include "lib/file.h"
#include "lib/ldap.h"
#include "lib/log.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
	ASK_AGAIN = 10,			/* after 1/ASK_AGAIN of ptscache_timeout */
	DOWN_SECONDS = 30,
	CACHE_MAX = 4 << 20,
};

enum method { BY_ATTRIBUTE, BY_FILTER };

static const char cache_dir[] = "ptclient";
static const char down_path[] = "ptclient/down";

/* --- patterns --- */

static void
add(struct str text, bool is_filter, struct buf *out)
{
	(is_filter ? directory_escape_filter : directory_escape_dn)(text, out);
}

/* The label of DOMAIN that is the NTH from the right; empty: there is none. */
static struct str
label(struct str domain, int nth)
{
	while (nth-- > 1)
		domain.n = str_rchr(domain, '.') < domain.n ? str_rchr(domain, '.') : 0;
	size_t dot = str_rchr(domain, '.');
	return dot < domain.n ? str_slice(domain, dot + 1, domain.n) : domain;
}

void
groups_ldap_expand(const char *pattern, const char *user, const char *dn,
    bool is_filter, struct buf *out)
{
	struct str name = str_c(user);
	size_t at = str_rchr(name, '@');
	struct str domain = str_slice(name, at + 1, name.n);
	for (const char *p = pattern; *p != '\0'; p++) {
		if (*p != '%' || p[1] == '\0') {
			buf_addc(out, *p);
			continue;
		}
		switch (*++p) {
		case '%':
			buf_addc(out, '%');
			break;
		case 'u':
			add(name, is_filter, out);
			break;
		case 'U':
			add(str_slice(name, 0, at), is_filter, out);
			break;
		case 'R':
			add(str_slice(name, at, name.n), is_filter, out);
			break;
		case 'd':
		case 's':
			add(domain, is_filter, out);
			break;
		case 'D':
			/* A DN in a DN is one already. */
			if (dn != NULL && is_filter)
				directory_escape_filter(str_c(dn), out);
			else if (dn != NULL)
				buf_adds(out, dn);
			break;
		default:
			if (*p >= '1' && *p <= '9')
				add(label(domain, *p - '0'), is_filter, out);
		}
	}
}

/* --- what is kept --- */

/* Any name, in the letters that a file's name may have. */
static void
cache_path(const char *user, struct buf *path)
{
	uint8_t sum[SHA256_SIZE];
	sha256(user, strlen(user), sum);
	buf_printf(path, "%s/", cache_dir);
	for (size_t i = 0; i < 20; i++)
		buf_printf(path, "%02x", sum[i]);
}

/*
 * "USER TAB TIME LF", then the groups, one a line.  The seconds since, or -1:
 * nothing is known, or the clock has been put back.
 */
static int64_t
read_cache(int dirfd, const char *user, struct groups *g)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	struct str line, name;
	uint64_t when;
	int64_t age = -1;
	cache_path(user, &path);
	if (file_slurp(dirfd, path.p, CACHE_MAX, &text) == OK) {
		struct str rest = buf_str(&text);
		if (str_next_field(&rest, '\n', &line) && str_next_field(&line, '\t', &name)
		    && str_eq(name, str_c(user)) && line.p != NULL && str_to_u64(line, &when)
		    && when < INT64_MAX)
			age = (int64_t)time(NULL) - (int64_t)when;
		while (age >= 0 && rest.p != NULL && str_next_field(&rest, '\n', &line))
			groups_add(g, line);
	}
	buf_free(&path);
	buf_free(&text);
	return age < 0 ? -1 : age;
}

static void
write_cache(int dirfd, const char *user, const struct groups *g)
{
	struct buf path = BUF_INIT, text = BUF_INIT;
	cache_path(user, &path);
	buf_printf(&text, "%s\t%lld\n", user, (long long)time(NULL));
	for (size_t i = 0; i < g->n; i++)
		buf_printf(&text, "%s\n", g->name[i]);
	enum err e = file_mkdirs(dirfd, cache_dir, 0700);
	if (e == OK)
		e = file_replace(dirfd, path.p, text.p, text.n, 0600, false);
	if (e != OK)
		log_warning("the groups of %s cannot be kept for later: %s", user, err_text(e));
	buf_free(&path);
	buf_free(&text);
}

/* Has somebody found out in the last moments that it does not answer? */
static bool
is_down(int dirfd)
{
	struct stat st;
	time_t now = time(NULL);
	return fstatat(dirfd, down_path, &st, 0) == 0 && st.st_mtime <= now
	    && now - st.st_mtime < DOWN_SECONDS;
}

static void
set_down(int dirfd, bool down)
{
	if (!down && faccessat(dirfd, down_path, F_OK, 0) == 0 && file_unlink(dirfd, down_path) == OK)
		log_notice("the directory answers again");
	if (down && (file_mkdirs(dirfd, cache_dir, 0700) != OK
	    || file_replace(dirfd, down_path, "", 0, 0600, false) != OK))
		log_warning("each login will try the directory that is down");
}

/* --- questions --- */

struct asker {
	const struct conf *conf;
	const char *user;
	struct directory *d;
	struct groups *groups;
	struct buf dn;			/* of the user */
	size_t entries;
	struct domain *domain;		/* while it is looked for */
	const char *base;		/* pattern, below what he is */
	struct buf root;		/* pattern, below what his domain is; .n == 0: nothing is known */
	const char *group_base;		/* groups that are DNs must be below it; or NULL */
};

static void
note_user(void *ctx, const char *dn, struct str value)
{
	struct asker *a = ctx;
	(void)value;
	if (a->entries++ == 0)
		buf_adds(&a->dn, dn);
}

/*
 * A group as the directory writes it, and in lower case, for Cyrus's ACLs have it
 * so, and a directory takes both for the same.
 */
static void
take_name(struct asker *a, struct str name)
{
	struct buf lower = BUF_INIT;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c < ' ' || c == 127) {
			buf_free(&lower);
			return;
		}
		buf_addc(&lower, (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c));
	}
	groups_add(a->groups, buf_str(&lower));
	groups_add(a->groups, name);
	buf_free(&lower);
}

/* A DN's group is the value of its first part. */
static void
note_group(void *ctx, const char *dn, struct str value)
{
	struct asker *a = ctx;
	struct buf rdn = BUF_INIT;
	(void)dn;
	if (value.p == NULL)
		return;
	if (memchr(value.p, '=', value.n) == NULL || !directory_rdn(value, &rdn))
		take_name(a, value);
	else if (a->group_base == NULL || directory_is_below(value, a->group_base))
		take_name(a, buf_str(&rdn));
	buf_free(&rdn);
}

static enum err
search(struct asker *a, const char *base, enum conf_opt scope, const char *filter,
    const char *attribute, directory_each_fn each)
{
	struct buf where = BUF_INIT, what = BUF_INIT;
	groups_ldap_expand(base != NULL ? base : "", a->user, a->dn.p, false, &where);
	groups_ldap_expand(filter, a->user, a->dn.p, true, &what);
	enum err e = directory_search(a->d, where.p,
	    (enum directory_scope)conf_enum(a->conf, scope), what.p, attribute, each, a);
	/* A base that hangs on the user is not there for each. */
	if (e == ERR_NOTFOUND && base != NULL
	    && (strchr(base, '%') != NULL || base == a->root.p))
		e = OK;
	buf_free(&where);
	buf_free(&what);
	return e;
}

/* --- the user's domain --- */

struct domain {
	struct buf dn;			/* of its entry */
	struct buf value;		/* the first, of the attribute asked for */
	size_t entries;
};

static void
note_domain(void *ctx, const char *dn, struct str value)
{
	struct asker *a = ctx;
	struct domain *domain = a->domain;
	if (value.p == NULL && domain->entries++ == 0)
		buf_adds(&domain->dn, dn);
	else if (value.p != NULL && domain->value.n == 0)
		buf_add_str(&domain->value, value);
}

/* What the directory says is no pattern. */
static void
add_literally(struct str text, struct buf *pattern)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '%')
			buf_addc(pattern, '%');
		buf_addc(pattern, text.p[i]);
	}
}

/* example.org to dc=example,dc=org, as RFC 2247 has it. */
static void
add_as_dn(struct str domain, struct buf *out)
{
	struct str label;
	while (str_next_field(&domain, '.', &label)) {
		buf_adds(out, out->n > 0 ? ",dc=" : "dc=");
		directory_escape_dn(label, out);
	}
}

/* One entry has been found: below what are its users? */
static enum err
find_root(struct asker *a)
{
	struct domain *domain = a->domain;
	struct buf dn = BUF_INIT;
	enum err e = OK;
	if (domain->value.n > 0) {
		add_literally(buf_str(&domain->value), &a->root);
		return OK;
	}
	e = directory_search(a->d, domain->dn.p, DIRECTORY_BASE, "(objectClass=*)",
	    conf_string(a->conf, CONF_LDAP_DOMAIN_NAME_ATTRIBUTE), note_domain, a);
	add_as_dn(buf_str(&domain->value), &dn);
	add_literally(buf_str(&dn), &a->root);
	buf_free(&dn);
	return e;
}

/* a->root stays empty if the directory does not know the domain. */
static enum err
find_domain(struct asker *a)
{
	struct domain domain = { .dn = BUF_INIT, .value = BUF_INIT };
	a->domain = &domain;
	enum err e = search(a, conf_string(a->conf, CONF_LDAP_DOMAIN_BASE_DN),
	    CONF_LDAP_DOMAIN_SCOPE, conf_string(a->conf, CONF_LDAP_DOMAIN_FILTER),
	    conf_string(a->conf, CONF_LDAP_DOMAIN_RESULT_ATTRIBUTE), note_domain);
	if (e == OK && domain.entries == 1)
		e = find_root(a);
	if (e == OK && domain.entries > 1)
		log_warning("the directory has %zu entries for the domain of %s: none of them "
		    "counts", domain.entries, a->user);
	a->domain = NULL;
	buf_free(&domain.dn);
	buf_free(&domain.value);
	return e;
}

/* --- the user --- */

static enum err
find_groups(struct asker *a)
{
	const struct conf *conf = a->conf;
	const char *attribute = conf_string(conf, CONF_LDAP_MEMBER_ATTRIBUTE);
	const char *base = conf_string(conf, CONF_LDAP_MEMBER_BASE);
	if (conf_enum(conf, CONF_LDAP_MEMBER_METHOD) == BY_ATTRIBUTE)
		return directory_search(a->d, a->dn.p, DIRECTORY_BASE, "(objectClass=*)",
		    attribute != NULL ? attribute : "memberOf", note_group, a);
	if (base == NULL)
		base = a->group_base != NULL ? a->group_base : a->base;
	a->group_base = NULL;
	return search(a, base, CONF_LDAP_MEMBER_SCOPE,
	    conf_string(conf, CONF_LDAP_MEMBER_FILTER),
	    attribute != NULL ? attribute : "cn", note_group);
}

static enum err
converse(struct asker *a)
{
	bool by_domain = conf_string(a->conf, CONF_LDAP_DOMAIN_BASE_DN) != NULL
	    && strchr(a->user, '@') != NULL;
	enum err e = by_domain ? find_domain(a) : OK;
	if (e != OK || (by_domain && a->root.n == 0))
		return e;
	a->base = by_domain ? a->root.p : conf_string(a->conf, CONF_LDAP_BASE);
	e = search(a, a->base, CONF_LDAP_SCOPE, conf_string(a->conf, CONF_LDAP_FILTER), NULL,
	    note_user);
	if (e == OK && a->entries == 1)
		e = find_groups(a);
	if (e == OK && a->entries > 1)
		log_warning("the directory has %zu entries for %s: none of them counts",
		    a->entries, a->user);
	return e;
}

static enum err
ask(const struct conf *conf, const char *user, struct groups *g, struct buf *why)
{
	const char *mech = conf_string(conf, CONF_LDAP_MECH);
	const char *id = conf_string(conf, CONF_LDAP_ID);
	const struct directory_params p = {
		.uri = conf_string(conf, CONF_LDAP_URI),
		.bind_dn = conf_string(conf, CONF_LDAP_BIND_DN),
		.password = conf_string(conf, CONF_LDAP_PASSWORD),
		.sasl = conf_switch(conf, CONF_LDAP_SASL) && (mech != NULL || id != NULL),
		.mech = mech != NULL ? mech : "SCRAM-SHA-256", .authcid = id,
		.authzid = conf_string(conf, CONF_LDAP_AUTHZ),
		.realm = conf_string(conf, CONF_LDAP_REALM),
		.start_tls = conf_switch(conf, CONF_LDAP_START_TLS),
		.verify_peer = conf_switch(conf, CONF_LDAP_VERIFY_PEER),
		.ca_file = conf_string(conf, CONF_LDAP_CA_FILE),
		.ca_dir = conf_string(conf, CONF_LDAP_CA_DIR),
		.ciphers = conf_string(conf, CONF_LDAP_CIPHERS),
		.cert = conf_string(conf, CONF_LDAP_CLIENT_CERT),
		.key = conf_string(conf, CONF_LDAP_CLIENT_KEY),
		.timeout = (int)conf_seconds(conf, CONF_LDAP_TIMEOUT),
		.time_limit = (int)conf_seconds(conf, CONF_LDAP_TIME_LIMIT),
		.referrals = conf_switch(conf, CONF_LDAP_REFERRALS),
		.deref = conf_enum(conf, CONF_LDAP_DEREF),
	};
	struct asker a = {
		.conf = conf, .user = user, .groups = g, .dn = BUF_INIT, .root = BUF_INIT,
		.group_base = conf_string(conf, CONF_LDAP_GROUP_BASE),
	};
	enum err e = directory_open(&p, why, &a.d);
	if (e == OK)
		e = converse(&a);
	directory_close(a.d);
	buf_free(&a.dn);
	buf_free(&a.root);
	return e;
}

static void
add_all(struct groups *to, const struct groups *from)
{
	for (size_t i = 0; i < from->n; i++)
		groups_add(to, str_c(from->name[i]));
	to->doubtful |= from->doubtful;
}

/* It has not answered: what was known AGE seconds ago, if that is not too long. */
static void
do_without(const struct conf *conf, const char *user, int64_t age,
    const struct groups *known, struct groups *g)
{
	bool good = age >= 0 && age < conf_seconds(conf, CONF_PTSCACHE_TIMEOUT);
	log_notice("the groups of %s are %s", user, good ? "those last known" : "not known now");
	if (good)
		add_all(g, known);
	else
		g->doubtful = true;
}

void
groups_ldap_find(const struct conf *conf, int dirfd, const char *user, struct groups *g)
{
	struct groups known = { .n = 0 }, told = { .n = 0 };
	struct buf why = BUF_INIT;
	int64_t age = read_cache(dirfd, user, &known);
	if (age >= 0 && age < conf_seconds(conf, CONF_PTSCACHE_TIMEOUT) / ASK_AGAIN) {
		add_all(g, &known);
	} else if (is_down(dirfd)) {
		do_without(conf, user, age, &known, g);
	} else if (ask(conf, user, &told, &why) == OK) {
		set_down(dirfd, false);
		write_cache(dirfd, user, &told);
		add_all(g, &told);
	} else {
		log_err("the directory %s cannot be asked for groups: %s",
		    conf_string(conf, CONF_LDAP_URI), why.p);
		set_down(dirfd, true);
		do_without(conf, user, age, &known, g);
	}
	groups_free(&known);
	groups_free(&told);
	buf_free(&why);
}
