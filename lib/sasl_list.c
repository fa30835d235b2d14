/* sasl_list.c - words of sasl_mech_list */
#include "lib/sasl_in.h"

bool
sasl_is_plus(struct str name)
{
	return name.n > 5 && str_ieq(str_slice(name, name.n - 5, name.n), STR("-PLUS"));
}

bool
sasl_list_has(const char *list, struct str word)
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
const char *
sasl_list_plain(const char *list, struct buf *out)
{
	struct str left = str_c(list), name;
	buf_reset(out);
	while (str_next_word(&left, &name)) {
		if (sasl_is_plus(name))
			name.n -= 5;
		if (sasl_list_has(out->p, name))
			continue;
		buf_adds(out, out->n > 0 ? " " : "");
		buf_add_str(out, name);
	}
	if (out->n > 0 && !sasl_list_has(out->p, STR("EXTERNAL")))
		buf_adds(out, " EXTERNAL");
	return out->p;
}
