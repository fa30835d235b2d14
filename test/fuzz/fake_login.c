/*
 * fake_login.c - imap/server/login.h for fuzz targets: no TLS, no SASL
 *
 * Every user's password is "x".  Mechanisms: PLAIN, and LOGIN, which asks
 * twice.
 */
#include "imap/server/login.h"

#include "lib/log.h"

#include <stdlib.h>
#include <string.h>

struct login {
	const struct conf *conf;
	bool asked_name, asked_password;
	struct buf name;
};

struct login *
login_new(const struct conf *conf, const struct login_peer *peer)
{
	struct login *l = calloc(1, sizeof(*l));

	(void)peer;
	ensure(l != NULL);
	l->conf = conf;
	buf_init(&l->name);
	return l;
}

void
login_free(struct login *l)
{
	if (l != NULL)
		buf_free(&l->name);
	free(l);
}

bool
login_plaintext_allowed(const struct login *l)
{
	(void)l;
	return true;
}

void
login_peer_changed(struct login *l, const struct login_peer *peer)
{
	(void)l, (void)peer;
}

void
login_mechanisms(struct login *l, const char *prefix, struct buf *out)
{
	(void)l;
	buf_printf(out, "%sPLAIN %sLOGIN", prefix, prefix);
}

static enum err
check(struct login *l, struct str userid, struct str password, struct user **user)
{
	if (!str_eq(password, STR("x")))
		return ERR_AUTH;
	return user_new(l->conf, userid, "sasl", user) == OK ? OK : ERR_AUTH;
}

enum err
login_password(struct login *l, struct str userid, struct str password,
    struct user **user)
{
	return check(l, userid, password, user);
}

/* authzid NUL authcid NUL password */
static enum err
plain(struct login *l, struct str s, struct user **user)
{
	size_t first = str_chr(s, '\0');
	struct str rest = str_slice(s, first + 1, s.n);
	size_t second = str_chr(rest, '\0');

	if (first == s.n || second == rest.n)
		return ERR_AUTH;
	return check(l, str_slice(rest, 0, second), str_slice(rest, second + 1, rest.n), user);
}

enum err
login_step(struct login *l, struct str response, struct buf *challenge,
    struct user **user)
{
	if (l->asked_password)
		return check(l, buf_str(&l->name), response, user);
	if (!l->asked_name)
		return plain(l, response, user);
	buf_add_str(&l->name, response);
	l->asked_password = true;
	buf_adds(challenge, "Password:");
	return ERR_AGAIN;
}

enum err
login_start(struct login *l, struct str mechanism, const struct str *initial,
    struct buf *challenge, struct user **user)
{
	bool plain_wanted = str_ieq(mechanism, STR("PLAIN"));

	buf_reset(&l->name);
	l->asked_password = l->asked_name = false;
	if (!plain_wanted && !str_ieq(mechanism, STR("LOGIN")))
		return ERR_UNSUPPORTED;
	l->asked_name = !plain_wanted;
	if (initial != NULL)
		return login_step(l, *initial, challenge, user);
	buf_adds(challenge, plain_wanted ? "" : "User Name");
	return ERR_AGAIN;
}

void
login_apop_challenge(struct login *l, struct buf *challenge)
{
	(void)l;
	buf_adds(challenge, "<1.2@fuzz>");
}

enum err
login_apop(struct login *l, struct str challenge, struct str userid, struct str digest,
    struct user **user)
{
	ensure(str_eq(challenge, STR("<1.2@fuzz>")));
	return check(l, userid, digest, user);
}

const char *
login_folder(const struct login *l)
{
	(void)l;
	return "";
}

const char *
login_why(const struct login *l)
{
	(void)l;
	return "authentication failure";
}

int
login_pause_ms(const struct login *l)
{
	(void)l;
	return 0;
}

struct sasl_conn *
login_take_layer(struct login *l)
{
	(void)l;
	return NULL;
}

bool
login_has_layer(const struct login *l)
{
	(void)l;
	return false;
}
