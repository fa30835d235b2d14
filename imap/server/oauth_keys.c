/*
 * The keys are the process's, as its configuration is, and in one place: who
 * has sessions of several services has one provider all the same.
 */
#include "imap/server/oauth_keys.h"

#include "lib/file.h"
#include "lib/http.h"
#include "lib/log.h"
#include "lib/mem.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { ANSWER_MAX = 256 * 1024 };

static struct {
	char *source;			/* of what follows */
	struct jwt_keys *keys;		/* NULL: none yet */
	int64_t fetched, tried;		/* CLOCK_BOOTTIME, seconds; 0: never */
	struct stat file;		/* as it was read */
} kept;

static int64_t
now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_BOOTTIME, &t);
	return t.tv_sec + 1;
}

static void
forget(void)
{
	jwt_keys_free(kept.keys);
	kept.keys = NULL;
	kept.fetched = kept.tried = 0;
}

static enum err
take(const char *source, struct str text)
{
	struct jwt_keys *keys;
	if (jwt_keys_parse(text, &keys) != OK || jwt_keys_count(keys) == 0) {
		jwt_keys_free(keys);
		log_err("oauth_jwks: %s has no keys that can verify a token", source);
		return ERR_IO;
	}
	jwt_keys_free(kept.keys);
	kept.keys = keys;
	kept.fetched = now();
	return OK;
}

static enum err
fetch(const struct conf *conf, const char *url)
{
	struct http_request r = {
		.url = url, .ca_file = conf_string(conf, CONF_OAUTH_CA_FILE),
		.timeout_ms = (int)conf_seconds(conf, CONF_OAUTH_TIMEOUT) * 1000,
		.max = ANSWER_MAX,
	};
	struct buf body = BUF_INIT, why = BUF_INIT;
	int status;
	kept.tried = now();
	enum err e = http_fetch(&r, &status, &body, &why);
	if (e == OK && status != 200)
		buf_printf(&why, "%s: status %d", url, status);
	if (why.n > 0) {
		log_err("oauth_jwks: cannot get the provider's keys: %s", why.p);
		e = ERR_IO;
	}
	if (e == OK)
		e = take(url, buf_str(&body));
	buf_free(&body);
	buf_free(&why);
	return e;
}

/* Fetches them if it is time; what there is stays if that fails. */
static void
look_at_url(const struct conf *conf, const char *url, bool newer)
{
	int64_t age = now() - kept.fetched;
	bool is_due = kept.keys == NULL || age >= conf_seconds(conf, CONF_OAUTH_JWKS_TTL);
	if ((is_due || newer) && (kept.tried == 0 || now() - kept.tried >= OAUTH_KEYS_PAUSE)
	    && fetch(conf, url) != OK && kept.keys != NULL && age > OAUTH_KEYS_OLD)
		forget();
}

static bool
is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size
	    && a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static void
look_at_file(const char *path)
{
	struct stat st;
	struct buf text = BUF_INIT;
	if (stat(path, &st) != 0) {
		log_err("oauth_jwks: cannot read %s: %m", path);
		return;
	}
	if (kept.keys != NULL && is_same_file(&st, &kept.file))
		return;
	kept.file = st;
	if (file_slurp(AT_FDCWD, path, ANSWER_MAX, &text) != OK)
		log_err("oauth_jwks: cannot read %s", path);
	else if (take(path, buf_str(&text)) != OK)
		forget();
	buf_free(&text);
}

enum err
oauth_keys(const struct conf *conf, bool newer, const struct jwt_keys **keys)
{
	const char *source = conf_string(conf, CONF_OAUTH_JWKS);
	if (kept.source == NULL || strcmp(kept.source, source) != 0) {
		forget();
		free(kept.source);
		kept.source = mem_copy(source);
	}
	if (http_is_url(source))
		look_at_url(conf, source, newer);
	else
		look_at_file(source);
	*keys = kept.keys;
	return kept.keys != NULL ? OK : ERR_IO;
}
