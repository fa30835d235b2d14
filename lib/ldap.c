/* ldap.c - the only file that includes OpenLDAP's library */
#include "lib/ldap.h"
#include "lib/mem.h"
#include "lib/sasl_interact.h"

#include <ldap.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ENTRIES = 10000 };

struct directory {
	LDAP *ld;
	struct timeval timeout;
	struct buf *why;		/* the caller's */
};

static enum err
failed(LDAP *ld, int rc, const char *what, struct buf *why)
{
	char *more = NULL;
	if (ld != NULL)
		ldap_get_option(ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	bool has_more = more != NULL && *more != '\0';
	buf_reset(why);
	buf_printf(why, "%s: %s%s%s", what, ldap_err2string(rc),
	    has_more ? ": " : "", has_more ? more : "");
	ldap_memfree(more);
	switch (rc) {
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INAPPROPRIATE_AUTH:
		return ERR_AUTH;
	case LDAP_INSUFFICIENT_ACCESS:
		return ERR_DENIED;
	case LDAP_NO_SUCH_OBJECT:
		return ERR_NOTFOUND;
	case LDAP_SIZELIMIT_EXCEEDED:
	case LDAP_TIMELIMIT_EXCEEDED:
	case LDAP_ADMINLIMIT_EXCEEDED:
		return ERR_LIMIT;
	default:
		return ERR_IO;
	}
}

/* --- to open one --- */

static int
set_string(LDAP *ld, int option, const char *value)
{
	return value != NULL ? ldap_set_option(ld, option, value) : LDAP_SUCCESS;
}

/* The new context must come last: it is made of the others. */
static int
set_tls(LDAP *ld, const struct directory_params *p)
{
	int verify = p->verify_peer ? LDAP_OPT_X_TLS_DEMAND : LDAP_OPT_X_TLS_NEVER;
	int is_server = 0;
	if (set_string(ld, LDAP_OPT_X_TLS_CACERTFILE, p->ca_file) != LDAP_SUCCESS
	    || set_string(ld, LDAP_OPT_X_TLS_CACERTDIR, p->ca_dir) != LDAP_SUCCESS
	    || set_string(ld, LDAP_OPT_X_TLS_CIPHER_SUITE, p->ciphers) != LDAP_SUCCESS
	    || set_string(ld, LDAP_OPT_X_TLS_CERTFILE, p->cert) != LDAP_SUCCESS
	    || set_string(ld, LDAP_OPT_X_TLS_KEYFILE, p->key) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &verify) != LDAP_SUCCESS)
		return LDAP_LOCAL_ERROR;
	return ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &is_server);
}

static bool
uses_tls(const struct directory_params *p)
{
	return p->start_tls || strstr(p->uri, "ldaps:") != NULL;
}

static int
set_options(LDAP *ld, const struct directory_params *p, const struct timeval *timeout)
{
	static const int deref[] = { LDAP_DEREF_NEVER, LDAP_DEREF_SEARCHING,
		LDAP_DEREF_FINDING, LDAP_DEREF_ALWAYS };
	int version = LDAP_VERSION3;
	if (ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, timeout) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_TIMEOUT, timeout) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_TIMELIMIT, &p->time_limit) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_ON) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_DEREF, &deref[p->deref]) != LDAP_SUCCESS
	    || ldap_set_option(ld, LDAP_OPT_REFERRALS,
	    p->referrals ? LDAP_OPT_ON : LDAP_OPT_OFF) != LDAP_SUCCESS)
		return LDAP_LOCAL_ERROR;
	return uses_tls(p) ? set_tls(ld, p) : LDAP_SUCCESS;
}

static int
on_prompts(LDAP *ld, unsigned flags, void *answers, void *prompts)
{
	(void)ld, (void)flags;
	sasl_interact(prompts, answers);
	return LDAP_SUCCESS;
}

static int
bind_sasl(LDAP *ld, const struct directory_params *p)
{
	struct sasl_answers answers = { p->authcid, p->authzid, p->realm, p->password };
	return ldap_sasl_interactive_bind_s(ld, NULL, p->mech, NULL, NULL, LDAP_SASL_QUIET,
	    on_prompts, &answers);
}

static int
bind_simple(LDAP *ld, const struct directory_params *p)
{
	struct berval password = {
		.bv_val = (char *)(uintptr_t)(p->password != NULL ? p->password : ""),
		.bv_len = p->password != NULL ? strlen(p->password) : 0,
	};
	return ldap_sasl_bind_s(ld, p->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL, NULL);
}

static enum err
start(LDAP *ld, const struct directory_params *p, const struct timeval *timeout,
    struct buf *why)
{
	int rc = set_options(ld, p, timeout);
	if (rc != LDAP_SUCCESS)
		return failed(ld, rc, "its options", why);
	if (p->start_tls && (rc = ldap_start_tls_s(ld, NULL, NULL)) != LDAP_SUCCESS)
		return failed(ld, rc, "STARTTLS", why);
	rc = p->sasl ? bind_sasl(ld, p) : bind_simple(ld, p);
	return rc == LDAP_SUCCESS ? OK : failed(ld, rc, "bind", why);
}

enum err
directory_open(const struct directory_params *p, struct buf *why, struct directory **d)
{
	LDAP *ld;
	struct timeval timeout = { .tv_sec = p->timeout };
	int rc = ldap_initialize(&ld, p->uri);
	if (rc != LDAP_SUCCESS)
		return failed(NULL, rc, p->uri, why);
	enum err e = start(ld, p, &timeout, why);
	if (e != OK) {
		ldap_unbind_ext_s(ld, NULL, NULL);
		return e;
	}
	*d = mem_zero(1, sizeof(**d));
	**d = (struct directory){ ld, timeout, why };
	return OK;
}

void
directory_close(struct directory *d)
{
	if (d == NULL)
		return;
	ldap_unbind_ext_s(d->ld, NULL, NULL);
	free(d);
}

/* --- questions --- */

static void
each_value(struct directory *d, LDAPMessage *entry, const char *attribute,
    directory_each_fn each, void *ctx)
{
	char *dn = ldap_get_dn(d->ld, entry);
	const char *name = dn != NULL ? dn : "";
	each(ctx, name, (struct str){ NULL, 0 });
	struct berval **values = attribute == NULL ? NULL
	    : ldap_get_values_len(d->ld, entry, attribute);
	for (size_t i = 0; values != NULL && values[i] != NULL; i++)
		each(ctx, name, (struct str){ values[i]->bv_val, values[i]->bv_len });
	ldap_value_free_len(values);
	ldap_memfree(dn);
}

enum err
directory_search(struct directory *d, const char *base, enum directory_scope scope,
    const char *filter, const char *attribute, directory_each_fn each, void *ctx)
{
	static const int scopes[] = { LDAP_SCOPE_SUBTREE, LDAP_SCOPE_ONELEVEL,
		LDAP_SCOPE_BASE };
	char none[] = LDAP_NO_ATTRS;
	char *attributes[] = { attribute != NULL ? (char *)(uintptr_t)attribute : none, NULL };
	LDAPMessage *found = NULL;
	int rc = ldap_search_ext_s(d->ld, base, scopes[scope], filter, attributes, 0, NULL,
	    NULL, &d->timeout, MAX_ENTRIES, &found);
	for (LDAPMessage *m = found != NULL ? ldap_first_entry(d->ld, found) : NULL; m != NULL;
	    m = ldap_next_entry(d->ld, m))
		each_value(d, m, attribute, each, ctx);
	ldap_msgfree(found);
	return rc == LDAP_SUCCESS ? OK : failed(d->ld, rc, base, d->why);
}

/* --- text --- */

static void
escape(struct str text, const char *special, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < ' ' || c == 127 || strchr(special, c) != NULL)
			buf_printf(out, "\\%02x", c);
		else
			buf_addc(out, (char)c);
	}
}

void
directory_escape_filter(struct str text, struct buf *out)
{
	escape(text, "*()\\", out);
}

/* More than RFC 4514 asks for: a space or '#' in the middle may be escaped, too. */
void
directory_escape_dn(struct str text, struct buf *out)
{
	escape(text, " #,+\"\\<>;=", out);
}

bool
directory_rdn(struct str dn, struct buf *out)
{
	struct buf text = BUF_INIT;
	LDAPDN parsed = NULL;
	buf_add_str(&text, dn);
	bool is = ldap_str2dn(text.p, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS
	    && parsed != NULL && parsed[0] != NULL && parsed[0][0] != NULL;
	if (is)
		buf_add(out, parsed[0][0]->la_value.bv_val, parsed[0][0]->la_value.bv_len);
	ldap_dnfree(parsed);
	buf_free(&text);
	return is;
}

/* In the one form that all ways to write it have. */
static bool
normal(struct str dn, struct buf *out)
{
	struct buf text = BUF_INIT;
	LDAPDN parsed = NULL;
	char *again = NULL;
	buf_add_str(&text, dn);
	bool is = ldap_str2dn(text.p, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS
	    && ldap_dn2str(parsed, &again, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS;
	if (is)
		buf_adds(out, again);
	ldap_memfree(again);
	ldap_dnfree(parsed);
	buf_free(&text);
	return is;
}

bool
directory_is_below(struct str dn, const char *base)
{
	struct buf name = BUF_INIT, top = BUF_INIT;
	bool is = normal(dn, &name) && normal(str_c(base), &top) && name.n >= top.n;
	if (is) {
		size_t at = name.n - top.n;
		is = str_ieq(str_slice(buf_str(&name), at, name.n), buf_str(&top))
		    && (at == 0 || top.n == 0 || name.p[at - 1] == ',');
	}
	buf_free(&name);
	buf_free(&top);
	return is;
}
