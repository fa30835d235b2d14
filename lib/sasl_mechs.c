/* sasl_mechs.c - which mechanisms are offered */
#include "lib/sasl_in.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The library reads mech_list, too, but takes X-PLUS for X.  X means X-PLUS as
 * well; X-PLUS alone means that only.
 */
static bool
is_wanted(const struct sasl_conn *c, struct str name)
{
	const char *list = conf_get(c->conf, "sasl_mech_list");
	if (list == NULL || *list == '\0' || sasl_list_has(list, name))
		return true;
	return sasl_is_plus(name) && sasl_list_has(list, str_slice(name, 0, name.n - 5));
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
bool
sasl_each_mechanism(struct sasl_conn *c, bool (*each)(void *ctx, struct str name), void *ctx)
{
	const char *list = NULL;
	unsigned n = 0;
	int count = 0;
	if (sasl_need_context(c) != OK || sasl_listmech(c->sasl, NULL, "", " ", "", &list, &n,
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
		bool is_new = !sasl_list_has(before.p, name);
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
	(void)sasl_each_mechanism(c, add_to_list, &l);
}
