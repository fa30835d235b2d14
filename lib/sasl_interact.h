/*
 * sasl_interact.h - answers for another library that asks by Cyrus SASL's prompts
 *
 * libldap proves by SASL who we are and asks back for what it needs, with an
 * array of Cyrus SASL's; only lib/sasl* knows what that looks like.
 */
#ifndef LIB_SASL_INTERACT_H
#define LIB_SASL_INTERACT_H

struct sasl_answers {
	const char *authcid, *authzid, *realm, *password;	/* or NULL */
};

/* PROMPTS is an array of sasl_interact_t; the answers must live as long as the attempt. */
void sasl_interact(void *prompts, const struct sasl_answers *answers);

#endif
