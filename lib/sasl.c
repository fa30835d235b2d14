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
#include <unistd.h>

enum {
	LAYER_BUFFER = 16 * 1024,	/* the longest packet that we take */
	SSF_MAX = 4096,
};

static const struct conf *library_conf;	/* what plugins ask when they are loaded */
static struct buf library_mech_list = BUF_INIT;

struct sasl_conn {
	const struct conf *conf;
	struct sasl_peer peer;
	sasl_conn_t *sasl;	/* NULL: made when it is needed */
	sasl_callback_t callbacks[3];
	sasl_channel_binding_t binding;	/* the library keeps a pointer to it */
	enum { NO_GS2, NEEDS_GS2, NEEDS_GS2_PLUS } header;	/* what comes next */
	struct buf mech_list;	/* see plain_list() */
	struct buf why;
	struct buf tried;		/* who, by a dialogue that failed */
	struct buf folder;	/* see sasl_folder() */
	struct buf folder_of;	/* whose it is */
};

static bool
is_plus(struct str name)
{
	return name.n > 5 && str_ieq(str_slice(name, name.n - 5, name.n), STR("-PLUS"));
}

static bool
has_word(const char *list, struct str word)
{
	struct str left = str_c(list), next;
	while (str_next_word(&left, &next))
		if (str_ieq(next, word))
			return true;
	return false;
}

/*
 * sasl_mech_list for the library, which takes X-PLUS for X.  It writes the list
 * of what it offers beyond its end if a mechanism stands there twice, and by a
 * byte if each has a -PLUS: EXTERNAL, which is always there, has none.
 * is_wanted() says what is really wanted.
 */
static const char *
plain_list(const char *list, struct buf *out)
{
	struct str left = str_c(list), name;
	buf_reset(out);
	while (str_next_word(&left, &name)) {
		if (is_plus(name))
			name.n -= 5;
		if (has_word(out->p, name))
			continue;
		buf_adds(out, out->n > 0 ? " " : "");
		buf_add_str(out, name);
	}
	if (out->n > 0 && !has_word(out->p, STR("EXTERNAL")))
		buf_adds(out, " EXTERNAL");
	return out->p;
}

static int
on_getopt(void *context, const char *plugin, const char *option,
    const char **result, unsigned *len)
{
	struct sasl_conn *c = context;
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
	if (strcmp(option, "mech_list") == 0)
		value = plain_list(value, c != NULL ? &c->mech_list : &library_mech_list);
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
	struct buf folder = BUF_INIT, given = BUF_INIT, name = BUF_INIT;
	buf_add(&folder, in + from, to - from);
	buf_add(&given, in, from);
	buf_add(&given, in + to, n - to);
	if (c != NULL && c->peer.canonical != NULL)
		c->peer.canonical(c->peer.ctx, buf_str(&given), &name);
	else
		buf_add_str(&name, buf_str(&given));
	bool fits = name.n > 0 && name.n < out_max;
	if (fits) {
		memcpy(out, name.p, name.n + 1);
		*out_n = (unsigned)name.n;
		if (c != NULL)
			note_folder(c, buf_str(&name), buf_str(&folder));
	}
	buf_free(&folder);
	buf_free(&given);
	buf_free(&name);
	return fits ? SASL_OK : SASL_BADPROT;
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
		.conf = conf, .peer = *peer, .mech_list = BUF_INIT, .why = BUF_INIT,
		.tried = BUF_INIT, .folder = BUF_INIT, .folder_of = BUF_INIT,
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
	buf_free(&c->mech_list);
	buf_free(&c->why);
	buf_free(&c->tried);
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
	buf_reset(&c->tried);
	if (sasl_authcid(c) != NULL)
		buf_adds(&c->tried, sasl_authcid(c));
	sasl_dispose(&c->sasl);
}

static unsigned
ssf_option(const struct sasl_conn *c, enum conf_opt option)
{
	int64_t n = conf_int(c->conf, option);
	return n < 0 ? 0 : n > SSF_MAX ? SSF_MAX : (unsigned)n;
}

static void
use_binding(struct sasl_conn *c, const struct sasl_binding *b)
{
	c->binding.name = b->type;
	c->binding.data = (const unsigned char *)b->bytes.p;
	c->binding.len = b->bytes.n;
}

static int
set_properties(struct sasl_conn *c)
{
	sasl_security_properties_t props = {
		.min_ssf = ssf_option(c, CONF_SASL_MINIMUM_LAYER),
		.max_ssf = c->peer.no_layers ? (sasl_ssf_t)c->peer.external_ssf
		    : ssf_option(c, CONF_SASL_MAXIMUM_LAYER),
		.maxbufsize = LAYER_BUFFER,
	};
	if (!c->peer.allow_plaintext)
		props.security_flags |= SASL_SEC_NOPLAINTEXT;
	if (!conf_switch(c->conf, CONF_ALLOWANONYMOUSLOGIN))
		props.security_flags |= SASL_SEC_NOANONYMOUS;
	int rc = sasl_setprop(c->sasl, SASL_SEC_PROPS, &props);
	sasl_ssf_t bits = (sasl_ssf_t)c->peer.external_ssf;
	if (rc == SASL_OK && bits > 0)
		rc = sasl_setprop(c->sasl, SASL_SSF_EXTERNAL, &bits);
	if (rc == SASL_OK && c->peer.external_name != NULL)
		rc = sasl_setprop(c->sasl, SASL_AUTH_EXTERNAL, c->peer.external_name);
	if (rc == SASL_OK && c->peer.bindings[0].bytes.n > 0) {
		use_binding(c, &c->peer.bindings[0]);
		rc = sasl_setprop(c->sasl, SASL_CHANNEL_BINDING, &c->binding);
	}
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

/* --- which mechanisms --- */

/*
 * The library reads mech_list, too, but takes X-PLUS for X.  X means X-PLUS as
 * well; X-PLUS alone means that only.
 */
static bool
is_wanted(const struct sasl_conn *c, struct str name)
{
	const char *list = conf_get(c->conf, "sasl_mech_list");
	if (list == NULL || *list == '\0' || has_word(list, name))
		return true;
	return is_plus(name) && has_word(list, str_slice(name, 0, name.n - 5));
}

/* Kerberos without a key for our service would only disappoint. */
static bool
has_keytab(const struct sasl_conn *c)
{
	const char *path = conf_get(c->conf, "sasl_keytab");
	if (path == NULL)
		path = getenv("KRB5_KTNAME");
	if (path == NULL)
		path = "/etc/krb5.keytab";
	if (strncmp(path, "FILE:", 5) == 0)
		path += 5;
	return strchr(path, ':') != NULL || access(path, R_OK) == 0;
}

static bool
is_kerberos(struct str name)
{
	return str_istarts(name, STR("GSSAPI")) || str_istarts(name, STR("GS2-"))
	    || str_istarts(name, STR("GSS-SPNEGO"));
}

/* Calls for each mechanism that may be used now; true: enough. */
static bool
each_mechanism(struct sasl_conn *c, bool (*each)(void *ctx, struct str name), void *ctx)
{
	const char *list = NULL;
	unsigned n = 0;
	int count = 0;
	if (need_context(c) != OK || sasl_listmech(c->sasl, NULL, "", " ", "", &list, &n,
	    &count) != SASL_OK || count == 0)
		return false;
	struct str all = { list, n };
	for (size_t at = 0, end; at < all.n; at = end + 1) {
		struct str name = str_slice(all, at, all.n);
		name.n = str_chr(name, ' ');
		end = at + name.n;
		/* It may name one twice. */
		struct buf before = BUF_INIT;
		buf_add(&before, all.p, at);
		bool is_new = !has_word(before.p, name);
		buf_free(&before);
		if (is_new && is_wanted(c, name) && (!is_kerberos(name) || has_keytab(c))
		    && each(ctx, name))
			return true;
	}
	return false;
}

struct listing {
	const char *prefix;
	struct buf *out;
	bool has_one;
};

static bool
add_to_list(void *ctx, struct str name)
{
	struct listing *l = ctx;
	buf_adds(l->out, l->has_one ? " " : "");
	buf_adds(l->out, l->prefix);
	buf_add_str(l->out, name);
	l->has_one = true;
	return false;
}

void
sasl_mechanisms(struct sasl_conn *c, const char *prefix, struct buf *out)
{
	struct listing l = { .prefix = prefix, .out = out };
	(void)each_mechanism(c, add_to_list, &l);
}

static bool
is_this(void *ctx, struct str name)
{
	return str_ieq(name, *(const struct str *)ctx);
}

static bool
is_any_plus(void *ctx, struct str name)
{
	(void)ctx;
	return is_plus(name);
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

/* --- channel bindings --- */

static const struct sasl_binding *
find_binding(const struct sasl_conn *c, struct str type)
{
	for (size_t i = 0; i < SASL_BINDINGS && c->peer.bindings[i].bytes.n > 0; i++)
		if (str_eq(type, str_c(c->peer.bindings[i].type)))
			return &c->peer.bindings[i];
	return NULL;
}

/*
 * gs2-header = [gs2-nonstd-flag ","] gs2-cb-flag "," ... (RFC 5801 section 4)
 *
 * The library knows one binding at a time, so it is given the one that the
 * client names; and it lets "y" and "n" pass where they must not be said.
 * NULL: in order, or so wrong that the mechanism itself will say so.
 */
static const char *
look_at_header(struct sasl_conn *c, struct str message)
{
	bool plus = c->header == NEEDS_GS2_PLUS;
	if (str_starts(message, STR("F,")))
		message = str_slice(message, 2, message.n);
	struct str flag = str_slice(message, 0, str_chr(message, ','));
	if (str_starts(flag, STR("p="))) {
		if (!plus)
			return "channel binding with a mechanism that has none";
		const struct sasl_binding *b = find_binding(c, str_slice(flag, 2, flag.n));
		if (b == NULL)
			return "channel binding of a type that this connection has not";
		use_binding(c, b);
	} else if (plus) {
		return "no channel binding in a mechanism that demands it";
	} else if (str_eq(flag, STR("y")) && each_mechanism(c, is_any_plus, NULL)) {
		return "the client has not seen that channel binding is offered;"
		    " is somebody in the middle?";
	}
	return NULL;
}

/* The client's first message, if that is what comes now. */
static enum err
check_header(struct sasl_conn *c, const struct str *message)
{
	if (c->header == NO_GS2 || message == NULL)
		return OK;
	const char *wrong = look_at_header(c, *message);
	c->header = NO_GS2;
	if (wrong == NULL)
		return OK;
	sasl_dispose(&c->sasl);
	buf_reset(&c->why);
	buf_printf(&c->why, "SASL(%d): channel binding failure: %s", SASL_BADBINDING, wrong);
	return ERR_AUTH;
}

/* --- exchanges --- */

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
	if (mechanism.n > SASL_MECHNAMEMAX || !each_mechanism(c, is_this, &mechanism)) {
		sasl_dispose(&c->sasl);
		return outcome(c, SASL_NOMECH);
	}
	memcpy(name, mechanism.p, mechanism.n);
	name[mechanism.n] = '\0';
	c->header = !str_istarts(mechanism, STR("SCRAM-")) && !str_istarts(mechanism, STR("GS2-"))
	    ? NO_GS2 : is_plus(mechanism) ? NEEDS_GS2_PLUS : NEEDS_GS2;
	e = check_header(c, initial);
	if (e != OK)
		return e;
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
	enum err e = check_header(c, &response);
	if (e != OK)
		return e;
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
sasl_tried(const struct sasl_conn *c)
{
	return c->tried.n > 0 ? c->tried.p : NULL;
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
	const char *method = conf_get(c->conf, "sasl_pwcheck_method");
	if ((method != NULL && !has_word(method, STR("auxprop")))
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

/* --- security layers --- */

static unsigned
number_property(struct sasl_conn *c, int which)
{
	const void *value = NULL;
	if (c->sasl == NULL || sasl_getprop(c->sasl, which, &value) != SASL_OK || value == NULL)
		return 0;
	return *(const unsigned *)value;
}

int
sasl_layer_ssf(struct sasl_conn *c)
{
	return (int)number_property(c, SASL_SSF);
}

bool
sasl_has_layer(struct sasl_conn *c)
{
	return sasl_layer_ssf(c) > 0;
}

size_t
sasl_layer_room(struct sasl_conn *c)
{
	return number_property(c, SASL_MAXOUTBUF);
}

/* What a call for the layer came to, and appends what it gave. */
static enum err
passed(struct sasl_conn *c, int rc, const char *p, unsigned n, struct buf *out)
{
	if (rc != SASL_OK) {
		buf_reset(&c->why);
		buf_adds(&c->why, sasl_errdetail(c->sasl));
		return ERR_SYNTAX;
	}
	if (n > 0)
		buf_add(out, p, n);
	return OK;
}

enum err
sasl_layer_encode(struct sasl_conn *c, const void *p, size_t n, struct buf *out)
{
	const char *text = NULL;
	unsigned text_n = 0;
	int rc = sasl_encode(c->sasl, p, (unsigned)n, &text, &text_n);
	return passed(c, rc, text, text_n, out);
}

enum err
sasl_layer_decode(struct sasl_conn *c, const void *p, size_t n, struct buf *out)
{
	const char *text = NULL;
	unsigned text_n = 0;
	int rc = sasl_decode(c->sasl, p, (unsigned)n, &text, &text_n);
	return passed(c, rc, text, text_n, out);
}
