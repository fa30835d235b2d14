/* sasl_canon.c - whom a name means */
#include "lib/sasl_in.h"

#include <string.h>

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

void
sasl_names_begin(struct sasl_conn *c, struct str mechanism)
{
	buf_reset(&c->mechanism);
	buf_add_str(&c->mechanism, mechanism);
	c->is_decoy = false;
	c->vouched = str_ieq(mechanism, STR("EXTERNAL")) || str_istarts(mechanism, STR("GSSAPI"))
	    || str_istarts(mechanism, STR("GS2-")) || str_istarts(mechanism, STR("GSS-"));
	buf_reset(&c->folder);
	buf_reset(&c->folder_of);
}

int
sasl_on_canon_user(sasl_conn_t *conn, void *context, const char *in, unsigned n,
    unsigned flags, const char *realm, char *out, unsigned out_max, unsigned *out_n)
{
	(void)conn, (void)realm;
	struct sasl_conn *c = context;
	size_t from = n, to = n;
	if (n == 0 || n >= out_max || memchr(in, '\0', n) != NULL)
		return SASL_BADPROT;
	bool vouched = c != NULL && c->vouched && (flags & SASL_CU_AUTHID) != 0;
	/* Whoever checks a password has made the name of what was typed already. */
	bool is_final = c == NULL || c->mechanism.n == 0;
	if (!is_final && c->peer.folders && !vouched)
		find_folder(in, n, &from, &to);
	struct buf folder = BUF_INIT, given = BUF_INIT, name = BUF_INIT;
	buf_add(&folder, in + from, to - from);
	buf_add(&given, in, from);
	buf_add(&given, in + to, n - to);
	if (!is_final && c->peer.canonical != NULL)
		c->peer.canonical(c->peer.ctx, buf_str(&given), vouched, &name);
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

const char *
sasl_folder(const struct sasl_conn *c)
{
	return c->folder.p;
}
