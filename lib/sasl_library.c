/* sasl_library.c - the library, one a process: its options, log and plugins */
#include "lib/sasl_in.h"
#include "lib/log.h"

#include <sasl/saslplug.h>
#include <stdio.h>
#include <string.h>

static const struct conf *library_conf;	/* what plugins ask when they are loaded */
static struct buf library_mech_list = BUF_INIT;

int
sasl_on_getopt(void *context, const char *plugin, const char *option,
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
		value = sasl_list_plain(value, c != NULL ? &c->mech_list : &library_mech_list);
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

static int
on_proxy_policy(sasl_conn_t *conn, void *context, const char *authzid,
    unsigned authzid_n, const char *authcid, unsigned authcid_n,
    const char *realm, unsigned realm_n, struct propctx *props)
{
	(void)conn, (void)context, (void)authzid, (void)authzid_n;
	(void)authcid, (void)authcid_n, (void)realm, (void)realm_n, (void)props;
	return SASL_OK;
}

static const sasl_callback_t library_callbacks[] = {
	{ SASL_CB_GETOPT, SASL_CALLBACK_OF(sasl_on_getopt), NULL },
	{ SASL_CB_LOG, SASL_CALLBACK_OF(on_log), NULL },
	{ SASL_CB_CANON_USER, SASL_CALLBACK_OF(sasl_on_canon_user), NULL },
	{ SASL_CB_PROXY_POLICY, SASL_CALLBACK_OF(on_proxy_policy), NULL },
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
