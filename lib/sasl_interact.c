/* sasl_interact.c - answers for another library that asks by Cyrus SASL's prompts */
#include "lib/sasl_interact.h"

#include <sasl/sasl.h>
#include <string.h>

static const char *
answer(const sasl_interact_t *prompt, const struct sasl_answers *a)
{
	switch (prompt->id) {
	case SASL_CB_AUTHNAME:
		return a->authcid;
	case SASL_CB_USER:
		return a->authzid;
	case SASL_CB_PASS:
		return a->password;
	case SASL_CB_GETREALM:
		return a->realm;
	default:
		return NULL;
	}
}

void
sasl_interact(void *prompts, const struct sasl_answers *a)
{
	for (sasl_interact_t *p = prompts; p->id != SASL_CB_LIST_END; p++) {
		const char *text = answer(p, a);
		if (text == NULL)
			text = p->defresult != NULL ? p->defresult : "";
		p->result = text;
		p->len = (unsigned)strlen(text);
	}
}
