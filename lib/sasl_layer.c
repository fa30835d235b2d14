/* sasl_layer.c - security layers */
#include "lib/sasl_in.h"

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
