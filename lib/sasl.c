/*
 * The only file that includes Cyrus SASL.  The library itself is one a
 * process, so its state here is static too: set once at start, read-only
 * afterwards.
 *
 * A dialogue that failed is thrown away together with SASL's context and the
 * next one gets a new context, since mechanisms do not promise to be usable
 * again.
 */
#include "lib/sasl.h"
#include "lib/log.h"
#include "lib/mem.h"

/* The library's tag of its own context is the name of ours. */
#define sasl_conn cyrus_sasl_conn
#include <sasl/sasl.h>
#include <sasl/saslplug.h>
#include <sasl/saslutil.h>
#undef sasl_conn

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct conf *library_conf;	/* what plugins ask when they are loaded */

struct sasl_conn {
	const struct conf *conf;
	struct sasl_peer peer;
	sasl_conn_t *sasl;	/* NULL: made when it is needed */
	sasl_callback_t callbacks[3];
	struct buf why;
	struct buf folder;	/* see sasl_folder() */
	struct buf folder_of;	/* whose it is */
};

static int
on_getopt(void *context, const char *plugin, const char *option,
    const char **result, unsigned *len)
{
	const struct sasl_conn *c = context;
	const struct conf *conf = c != NULL ? c->conf : library_conf;
	char name[128];
	const char *value = NULL;
	if (plugin != NULL) {
		snprintf(name, sizeof(name), "sasl_%s_%s", plugin, option);
		value = conf_get(conf, name);
	}
	if (value == NULL) {
		snprintf(name, sizeof(name), "sasl_%s", option);
		value = conf_get(conf, name);
	}
	if (value == NULL)
		return SASL_FAIL;
	*result = value;
	if (len != NULL)
		*len = (unsigned)strlen(value);
	return SASL_OK;
}

/* SASL_LOG_TRACE and _PASS may hold secrets: they go nowhere. */
static int
on_log(void *context, int level, const char *message)
{
	(void)context;
	switch (level) {
	case SASL_LOG_ERR:
		log_err("SASL: %s", message);
		break;
	case SASL_LOG_WARN:
		log_warning("SASL: %s", message);
		break;
	case SASL_LOG_FAIL:
	case SASL_LOG_NOTE:
	case SASL_LOG_DEBUG:
		log_debug("SASL: %s", message);
		break;
	default:
		break;
	}
	return SASL_OK;
}

/* Where the folder begins in "fred+work@example.com", and where it ends. */
static void
find_folder(const char *name, size_t n, size_t *from, size_t *to)
{
	struct str s = { name, n };
	*to = str_chr(s, '@');
	*from = str_chr(str_slice(s, 0, *to), '+');
}

/*
 * Whom he wants to be is asked after who he is, and if he has not said it that is
 * the name that we gave back for the first, without its folder.  FOLDER: "+work".
 */
static void
note_folder(struct sasl_conn *c, struct str name, struct str folder)
{
	if (folder.n == 0 && str_eq(name, buf_str(&c->folder_of)))
		return;
	buf_reset(&c->folder);
	buf_reset(&c->folder_of);
	if (folder.n == 0)
		return;
	buf_add_str(&c->folder, str_slice(folder, 1, folder.n));
	buf_add_str(&c->folder_of, name);
}

static void
forget_folder(struct sasl_conn *c)
{
	buf_reset(&c->folder);
	buf_reset(&c->folder_of);
}

static int
on_canon_user(sasl_conn_t *conn, void *context, const char *in, unsigned n,
    unsigned flags, const char *realm, char *out, unsigned out_max, unsigned *out_n)
{
	(void)conn, (void)flags, (void)realm;
	struct sasl_conn *c = context;
	size_t from = n, to = n;
	if (n == 0 || n >= out_max || memchr(in, '\0', n) != NULL)
		return SASL_BADPROT;
	if (c != NULL && c->peer.folders)
		find_folder(in, n, &from, &to);
	struct buf folder = BUF_INIT;
	buf_add(&folder, in + from, to - from);
	memmove(out, in, from);
	memmove(out + from, in + to, n - to);
	*out_n = (unsigned)(from + n - to);
	out[*out_n] = '\0';
	if (c != NULL)
		note_folder(c, (struct str){ out, *out_n }, buf_str(&folder));
	buf_free(&folder);
	return *out_n > 0 ? SASL_OK : SASL_BADPROT;
}

static int
on_proxy_policy(sasl_conn_t *conn, void *context, const char *authzid,
    unsigned authzid_n, const char *authcid, unsigned authcid_n,
    const char *realm, unsigned realm_n, struct propctx *props)
{
	(void)conn, (void)context, (void)authzid, (void)authzid_n;
	(void)authcid, (void)authcid_n, (void)realm, (void)realm_n, (void)props;
	return SASL_OK;
}

/* The one type that the library's table wants for all of them. */
#define CALLBACK(fn)	((int (*)(void))(void (*)(void))(fn))

static const sasl_callback_t library_callbacks[] = {
	{ SASL_CB_GETOPT, CALLBACK(on_getopt), NULL },
	{ SASL_CB_LOG, CALLBACK(on_log), NULL },
	{ SASL_CB_CANON_USER, CALLBACK(on_canon_user), NULL },
	{ SASL_CB_PROXY_POLICY, CALLBACK(on_proxy_policy), NULL },
	{ SASL_CB_LIST_END, NULL, NULL },
};

enum err
sasl_library_init(const struct conf *conf)
{
	library_conf = conf;
	int rc = sasl_server_init(library_callbacks, "Chapar");
	if (rc != SASL_OK) {
		log_err("SASL: cannot start: %s", sasl_errstring(rc, NULL, NULL));
		return ERR_IO;
	}
	return OK;
}

/* Is WORD in LIST?  NULL is what the library has without one: auxprop alone. */
static bool
has_word(const char *list, const char *word)
{
	struct str left = str_c(list != NULL ? list : "auxprop"), next;
	while (str_next_word(&left, &next))
		if (str_ieq(next, str_c(word)))
			return true;
	return false;
}

static void
count_auxprop(sasl_auxprop_plug_t *plugin, sasl_info_callback_stage_t stage, void *n)
{
	(void)plugin;
	if (stage == SASL_INFO_LIST_MECH)
		++*(unsigned *)n;
}

/* They lie in the same directory, which is read once more for them. */
static bool
can_look_up_passwords(void)
{
	const char *method = conf_get(library_conf, "sasl_pwcheck_method");
	unsigned n = 0;

	if (method != NULL && strstr(method, "auxprop") == NULL)
		return true;
	(void)auxprop_plugin_info(NULL, count_auxprop, &n);
	return n > 0;
}

bool
sasl_has_plugins(void)
{
	const char **names = sasl_global_listmech();

	if (!can_look_up_passwords())
		return false;
	for (size_t i = 0; names != NULL && names[i] != NULL; i++)
		if (strcmp(names[i], "EXTERNAL") != 0)	/* built in */
			return true;
	return false;
}

struct sasl_conn *
sasl_conn_new(const struct conf *conf, const struct sasl_peer *peer)
{
	struct sasl_conn *c = mem_zero(1, sizeof(*c));
	*c = (struct sasl_conn){
		.conf = conf, .peer = *peer, .why = BUF_INIT, .folder = BUF_INIT,
		.folder_of = BUF_INIT,
		.callbacks = {
			{ SASL_CB_GETOPT, CALLBACK(on_getopt), c },
			{ SASL_CB_CANON_USER, CALLBACK(on_canon_user), c },
			{ SASL_CB_LIST_END, NULL, NULL },
		},
	};
	return c;
}

void
sasl_conn_free(struct sasl_conn *c)
{
	if (c == NULL)
		return;
	sasl_dispose(&c->sasl);
	buf_free(&c->why);
	buf_free(&c->folder);
	buf_free(&c->folder_of);
	free(c);
}

void
sasl_conn_forget(struct sasl_conn *c)
{
	sasl_dispose(&c->sasl);
}

/* Remembers why, for the log, and forgets the dialogue. */
static void
give_up(struct sasl_conn *c, int rc)
{
	buf_reset(&c->why);
	buf_adds(&c->why, c->sasl != NULL ? sasl_errdetail(c->sasl)
	    : sasl_errstring(rc, NULL, NULL));
	/* "SASL(-5): bad protocol / cancel: " if the mechanism gave no reason */
	while (c->why.n > 0 && strchr(": ", c->why.p[c->why.n - 1]) != NULL)
		buf_truncate(&c->why, c->why.n - 1);
	sasl_dispose(&c->sasl);
}

static int
set_properties(struct sasl_conn *c)
{
	sasl_security_properties_t props = { .maxbufsize = 4096 };
	if (!c->peer.allow_plaintext)
		props.security_flags |= SASL_SEC_NOPLAINTEXT;
	if (!conf_switch(c->conf, CONF_ALLOWANONYMOUSLOGIN))
		props.security_flags |= SASL_SEC_NOANONYMOUS;
	int rc = sasl_setprop(c->sasl, SASL_SEC_PROPS, &props);
	sasl_ssf_t bits = (sasl_ssf_t)c->peer.external_ssf;
	if (rc == SASL_OK && bits > 0)
		rc = sasl_setprop(c->sasl, SASL_SSF_EXTERNAL, &bits);
	return rc;
}

static enum err
need_context(struct sasl_conn *c)
{
	if (c->sasl != NULL)
		return OK;
	int rc = sasl_server_new(c->peer.service, conf_string(c->conf, CONF_SERVERNAME),
	    NULL, c->peer.local_ip_port, c->peer.remote_ip_port, c->callbacks, 0, &c->sasl);
	if (rc == SASL_OK)
		rc = set_properties(c);
	if (rc == SASL_OK)
		return OK;
	give_up(c, rc);
	log_err("SASL: no context for a client: %s", c->why.p);
	return ERR_IO;
}

void
sasl_mechanisms(struct sasl_conn *c, const char *prefix, struct buf *out)
{
	if (need_context(c) != OK)
		return;
	char separator[64];
	const char *list = NULL;
	unsigned n = 0;
	int count = 0;
	snprintf(separator, sizeof(separator), " %s", prefix);
	if (sasl_listmech(c->sasl, NULL, prefix, separator, "", &list, &n,
	    &count) == SASL_OK && count > 0)
		buf_add(out, list, n);
}

/* Turns SASL's result into ours; all but "done" and "go on" end the dialogue. */
static enum err
outcome(struct sasl_conn *c, int rc)
{
	if (rc == SASL_OK)
		return OK;
	if (rc == SASL_CONTINUE)
		return ERR_AGAIN;
	give_up(c, rc);
	switch (rc) {
	case SASL_NOMECH:
	case SASL_TOOWEAK:
	case SASL_ENCRYPT:
		return ERR_UNSUPPORTED;
	case SASL_FAIL:
	case SASL_NOMEM:
	case SASL_UNAVAIL:
	case SASL_NOTINIT:
		return ERR_IO;
	default:
		return ERR_AUTH;
	}
}

enum err
sasl_check_password(struct sasl_conn *c, struct str user, struct str password)
{
	if (!c->peer.allow_plaintext)
		return ERR_DENIED;
	forget_folder(c);
	enum err e = need_context(c);
	if (e != OK)
		return e;
	if (user.n == 0 || memchr(user.p, '\0', user.n) != NULL
	    || memchr(password.p, '\0', password.n) != NULL) {
		buf_reset(&c->why);
		buf_adds(&c->why, "empty name or a NUL byte");
		return ERR_AUTH;
	}
	/* Lengths are taken, but auxprop compares C strings all the same. */
	struct buf name = BUF_INIT, secret = BUF_INIT;
	buf_add_str(&name, user);
	buf_add_str(&secret, password);
	int rc = sasl_checkpass(c->sasl, name.p, (unsigned)name.n, secret.p,
	    (unsigned)secret.n);
	buf_free(&name);
	buf_wipe(&secret);
	return outcome(c, rc);
}

static enum err
take_challenge(struct sasl_conn *c, int rc, const char *out, unsigned n,
    struct buf *challenge)
{
	enum err e = outcome(c, rc);
	if ((e == OK || e == ERR_AGAIN) && out != NULL)
		buf_add(challenge, out, n);
	return e;
}

enum err
sasl_start(struct sasl_conn *c, struct str mechanism,
    const struct str *initial, struct buf *challenge)
{
	char name[SASL_MECHNAMEMAX + 1];
	const char *out = NULL;
	unsigned n = 0;
	forget_folder(c);
	enum err e = need_context(c);
	if (e != OK)
		return e;
	if (mechanism.n == 0 || mechanism.n > SASL_MECHNAMEMAX
	    || memchr(mechanism.p, '\0', mechanism.n) != NULL)
		return outcome(c, SASL_NOMECH);
	memcpy(name, mechanism.p, mechanism.n);
	name[mechanism.n] = '\0';
	/* An empty first response is not the same as none (RFC 4422 3.3). */
	const char *in = initial == NULL ? NULL
	    : initial->n == 0 ? "" : initial->p;
	int rc = sasl_server_start(c->sasl, name, in,
	    initial == NULL ? 0 : (unsigned)initial->n, &out, &n);
	return take_challenge(c, rc, out, n, challenge);
}

enum err
sasl_step(struct sasl_conn *c, struct str response, struct buf *challenge)
{
	const char *out = NULL;
	unsigned n = 0;
	if (c->sasl == NULL)
		return ERR_UNSUPPORTED;
	int rc = sasl_server_step(c->sasl, response.n == 0 ? "" : response.p,
	    (unsigned)response.n, &out, &n);
	return take_challenge(c, rc, out, n, challenge);
}

static const char *
property(struct sasl_conn *c, int which)
{
	const void *value = NULL;
	if (c->sasl == NULL || sasl_getprop(c->sasl, which, &value) != SASL_OK)
		return NULL;
	return value;
}

const char *
sasl_authcid(struct sasl_conn *c)
{
	const char *name = property(c, SASL_AUTHUSER);
	return name != NULL ? name : property(c, SASL_USERNAME);
}

const char *
sasl_authzid(struct sasl_conn *c)
{
	return property(c, SASL_USERNAME);
}

const char *
sasl_folder(const struct sasl_conn *c)
{
	return c->folder.p;
}

/* --- APOP --- */

enum err
sasl_apop_challenge(struct sasl_conn *c, struct buf *challenge)
{
	char text[256];
	if (need_context(c) != OK)
		return ERR_IO;
	/* The library looks passwords up itself: no saslauthd can do this. */
	if (!has_word(conf_get(c->conf, "sasl_pwcheck_method"), "auxprop")
	    || sasl_checkapop(c->sasl, NULL, 0, NULL, 0) != SASL_OK)
		return ERR_UNSUPPORTED;
	int n = sasl_mkchal(c->sasl, text, sizeof(text), 1);
	if (n <= 0)
		return ERR_IO;
	buf_add(challenge, text, strlen(text));
	return OK;
}

enum err
sasl_check_apop(struct sasl_conn *c, struct str challenge, struct str user,
    struct str digest)
{
	forget_folder(c);
	enum err e = need_context(c);
	if (e != OK)
		return e;
	struct buf said = BUF_INIT, response = BUF_INIT;
	buf_add_str(&said, challenge);
	buf_add_str(&response, user);
	buf_addc(&response, ' ');
	buf_add_str(&response, digest);
	int rc = memchr(response.p, '\0', response.n) != NULL ? SASL_BADPROT
	    : sasl_checkapop(c->sasl, said.p, (unsigned)said.n, response.p,
	    (unsigned)response.n);
	buf_free(&said);
	buf_free(&response);
	return outcome(c, rc);
}

const char *
sasl_why(struct sasl_conn *c)
{
	return c->why.p;
}
