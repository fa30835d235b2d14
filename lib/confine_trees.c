/* confine_trees.c - which files processes need; see confine_trees.h */
#include "lib/confine_trees.h"
#include "lib/file.h"
#include "lib/landlock.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What libraries read on a Debian system, and on others. */
static const char *const system_paths[] = {
	"/etc", "/usr", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/proc",
	"/dev/random", "/dev/urandom", "/dev/zero",
	/* name services and resolvers */
	"/run/NetworkManager", "/run/nscd", "/run/resolvconf", "/run/systemd/resolve",
	"/run/systemd/userdb", "/var/cache/nscd", "/var/db", "/var/lib/extrausers",
	"/var/lib/misc", "/var/lib/sss",
	"/sys/devices/system/cpu",
};

/* Where whoever started us has put libraries and their settings. */
static const char *const environment[] = {
	"KRB5_CONFIG", "KRB5_KTNAME", "LDAPCONF", "LD_LIBRARY_PATH", "OPENSSL_CONF",
	"OPENSSL_MODULES", "SASL_CONF_PATH", "SASL_PATH", "SSL_CERT_DIR", "SSL_CERT_FILE",
};

/* Kerberos' replay cache. */
static const char replay_cache[] = "/var/tmp";

struct list {
	int files;
	enum landlock_may may;
	const char *prefix;		/* of options that concern us */
	enum err e;
};

static void
allow(struct list *l, const char *path, enum landlock_may may)
{
	if (l->e == OK && path != NULL && *path == '/')
		l->e = landlock_allow(l->files, path, may);
}

/* The directory that PATH is, or is in; but never all that there is. */
static void
allow_around(struct list *l, const char *path, size_t n)
{
	struct stat st;
	char *copy = mem_get(n + 1);
	memcpy(copy, path, n);
	copy[n] = '\0';
	bool is_dir = stat(copy, &st) == 0 && S_ISDIR(st.st_mode);
	char *slash = strrchr(copy, '/');
	if (!is_dir && slash != copy)
		*slash = '\0';
	if (strcmp(copy, "/") != 0)
		allow(l, copy, l->may);
	free(copy);
}

/* All absolute paths in TEXT: "A,B", "FILE:/etc/keytab", "/a:/b". */
static void
allow_named(struct list *l, const char *text)
{
	static const char between[] = ", \t:";
	while (text != NULL && *text != '\0') {
		size_t n = strcspn(text, between);
		if (n > 1 && *text == '/' && text[1] != '/')
			allow_around(l, text, n);
		text += n;
		text += strspn(text, between);
	}
}

static void
on_family(void *ctx, const char *name, const char *value)
{
	(void)name;
	allow_named(ctx, value);
}

/* Those of the table whose names begin with the list's prefix. */
static void
allow_options(struct list *l, const struct conf *conf)
{
	for (int i = 0; i < CONF_OPTIONS; i++) {
		const struct conf_option *o = conf_option((enum conf_opt)i);
		if ((o->type == CONF_PATH || o->type == CONF_STRING)
		    && strncmp(o->name, l->prefix, strlen(l->prefix)) == 0)
			allow_named(l, conf_string(conf, (enum conf_opt)i));
	}
}

static void
allow_system(struct list *l)
{
	for (size_t i = 0; i < sizeof(system_paths) / sizeof(system_paths[0]); i++)
		allow(l, system_paths[i], LANDLOCK_READ);
	for (size_t i = 0; i < sizeof(environment) / sizeof(environment[0]); i++)
		allow_named(l, getenv(environment[i]));
	allow(l, "/dev/null", LANDLOCK_WRITE);
}

static void
allow_group(struct list *l, const struct conf *conf, const char *prefix)
{
	l->prefix = prefix;
	allow_options(l, conf);
}

/* Certbot's files are links: live/NAME/privkey.pem to ../../archive/NAME/privkey7.pem. */
static void
allow_behind(struct list *l, const char *paths)
{
	static const char between[] = ", \t";
	struct buf one = BUF_INIT;
	while (paths != NULL && *paths != '\0') {
		size_t n = strcspn(paths, between);
		buf_reset(&one);
		buf_add(&one, paths, n);
		char *real = n > 0 ? realpath(one.p, NULL) : NULL;
		if (real != NULL)
			allow_around(l, real, strlen(real));
		free(real);
		paths += n;
		paths += strspn(paths, between);
	}
	buf_free(&one);
}

static void
allow_tls(struct list *l, const struct conf *conf)
{
	static const struct str live = { "/live", 5 };
	const char *names = conf_string(conf, CONF_TLS_SNI_DIR);
	allow_group(l, conf, "tls_");
	allow_behind(l, conf_string(conf, CONF_TLS_SERVER_CERT));
	allow_behind(l, conf_string(conf, CONF_TLS_SERVER_KEY));
	if (names == NULL || !str_ends(str_c(names), live))
		return;
	struct buf archive = BUF_INIT;
	buf_printf(&archive, "%.*s/archive", (int)(strlen(names) - live.n), names);
	allow(l, archive.p, LANDLOCK_READ);
	buf_free(&archive);
}

static void
allow_login(struct list *l, const struct conf *conf)
{
	allow_group(l, conf, "oauth_");
	conf_each(conf, "sasl_", on_family, l);
	/* Passwords that are changed on the way (sasl_auto_transition) stay in the file. */
	const char *sasldb = conf_get(conf, "sasl_sasldb_path");
	allow(l, sasldb != NULL ? sasldb : "/etc/sasldb2", LANDLOCK_WRITE);
	allow(l, conf_string(conf, CONF_USERDENY_DB_PATH), LANDLOCK_READ);
	const char *cache = getenv("KRB5RCACHEDIR");
	allow(l, cache != NULL ? cache : replay_cache, LANDLOCK_WRITE);
}

static void
allow_directory(struct list *l, const struct conf *conf)
{
	const char *dir = conf_string(conf, CONF_CONFIGDIRECTORY);
	struct buf cache = BUF_INIT;
	allow_group(l, conf, "ldap_");
	buf_printf(&cache, "%s/ptclient", dir != NULL ? dir : "");
	/* It cannot be made later. */
	if (dir != NULL && file_mkdirs(AT_FDCWD, cache.p, 0700) == OK)
		allow(l, cache.p, LANDLOCK_WRITE);
	buf_free(&cache);
}

static void
on_partition(void *ctx, const char *name, const char *value)
{
	(void)name;
	allow(ctx, value, LANDLOCK_WRITE);
}

static void
allow_store(struct list *l, const struct conf *conf)
{
	allow(l, conf_string(conf, CONF_CONFIGDIRECTORY), LANDLOCK_WRITE);
	allow(l, conf_string(conf, CONF_PROC_PATH), LANDLOCK_WRITE);
	allow(l, conf_string(conf, CONF_USERDENY_DB_PATH), LANDLOCK_READ);
	conf_each(conf, "partition-", on_partition, l);
}

enum err
trees_allow(int files, const struct conf *conf, unsigned trees)
{
	struct list l = { .files = files, .may = LANDLOCK_READ };
	if (trees & TREES_SYSTEM)
		allow_system(&l);
	if (trees & TREES_TLS)
		allow_tls(&l, conf);
	if (trees & TREES_LOGIN)
		allow_login(&l, conf);
	if (trees & TREES_DIRECTORY)
		allow_directory(&l, conf);
	if (trees & TREES_STORE)
		allow_store(&l, conf);
	if (trees & TREES_USERS)
		allow(&l, conf_string(conf, CONF_CONFIGDIRECTORY), LANDLOCK_READ);
	l.may = LANDLOCK_WRITE;
	if (trees & TREES_LOG)
		allow_named(&l, conf_string(conf, CONF_LOGTARGET));
	if (trees & TREES_SOCKETS) {
		allow_named(&l, conf_string(conf, CONF_IDLESOCKET));
		allow_named(&l, conf_string(conf, CONF_LIMITSOCKET));
	}
	if (trees != 0)
		allow_named(&l, conf_string(conf, CONF_CONFINE_ALLOW));
	return l.e;
}
