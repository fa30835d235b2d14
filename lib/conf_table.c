/* conf_table.c - the options, their families and their old names */
#include "lib/conf_table.h"

#include <string.h>

static const struct conf_option options[CONF_OPTIONS] = {
#define OPTION(id, name, type, default_, unit_or_values, text) \
	[CONF_##id] = { name, CONF_##type, default_, unit_or_values, text },
#include "lib/conf_options.def"
#undef OPTION
};

/* The list once more, for what lies between its options: the titles. */
static const struct {
	const char *title;	/* or NULL: an option */
	enum conf_opt option;
} layout[] = {
#define GROUP(title)	{ title, CONF_OPTIONS },
#define OPTION(id, name, type, default_, unit_or_values, text)	{ NULL, CONF_##id },
#include "lib/conf_options.def"
#undef OPTION
};

enum { LAYOUT = sizeof(layout) / sizeof(layout[0]) };

static const struct conf_family families[] = {
	{ "partition-", "partition-NAME", CONF_PATH,
	    "The directory of the partition NAME, where mailboxes lie. "
	    "There must be at least one partition, and one with the name that defaultpartition says." },
	{ "sasl_", "sasl_OPTION", CONF_STRING,
	    "Handed to the Cyrus SASL library as its option OPTION, for instance "
	    "sasl_pwcheck_method, sasl_mech_list, sasl_sasldb_path, sasl_minimum_layer; "
	    "sasl_PLUGIN_OPTION is for one plug-in. "
	    "The library's own documentation explains them." },
};

enum { FAMILIES = sizeof(families) / sizeof(families[0]) };

static const struct conf_old_name old_names[] = {
	{ "autocreatequota", CONF_AUTOCREATE_QUOTA },
	{ "autocreateinboxfolders", CONF_AUTOCREATE_INBOX_FOLDERS },
	{ "autosubscribeinboxfolders", CONF_AUTOCREATE_SUBSCRIBE_FOLDERS },
	{ "cleartextloginpause", CONF_PLAINTEXTLOGINPAUSE },
	{ "ldap_sasl_authc", CONF_LDAP_ID },
	{ "ldap_sasl_authz", CONF_LDAP_AUTHZ },
	{ "ldap_sasl_mech", CONF_LDAP_MECH },
	{ "ldap_sasl_password", CONF_LDAP_PASSWORD },
	{ "ldap_sasl_realm", CONF_LDAP_REALM },
	{ "ldap_servers", CONF_LDAP_URI },
	{ "ldap_tls_cacert_file", CONF_LDAP_CA_FILE },
	{ "ldap_tls_cacert_dir", CONF_LDAP_CA_DIR },
	{ "ldap_tls_ciphers", CONF_LDAP_CIPHERS },
	{ "ldap_tls_cert", CONF_LDAP_CLIENT_CERT },
	{ "ldap_tls_key", CONF_LDAP_CLIENT_KEY },
	{ "ldap_tls_check_peer", CONF_LDAP_VERIFY_PEER },
	{ "tls_cert_file", CONF_TLS_SERVER_CERT },
	{ "tls_key_file", CONF_TLS_SERVER_KEY },
	{ "tls_cipher_list", CONF_TLS_CIPHERS },
	{ "tls_ca_file", CONF_TLS_CLIENT_CA_FILE },
	{ "tls_ca_path", CONF_TLS_CLIENT_CA_DIR },
};

enum { OLD_NAMES = sizeof(old_names) / sizeof(old_names[0]) };

const struct conf_option *
conf_option(enum conf_opt o)
{
	return &options[o];
}

const char *
conf_group(enum conf_opt o)
{
	for (size_t i = 1; i < LAYOUT; i++)
		if (layout[i].title == NULL && layout[i].option == o)
			return layout[i - 1].title;
	return NULL;
}

const struct conf_family *
conf_family(size_t i)
{
	return i < FAMILIES ? &families[i] : NULL;
}

const struct conf_family *
conf_family_of(struct str name)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		struct str prefix = str_c(families[i].prefix);

		if (str_starts(name, prefix) && name.n > prefix.n)
			return &families[i];
	}
	return NULL;
}

const struct conf_old_name *
conf_old_name(size_t i)
{
	return i < OLD_NAMES ? &old_names[i] : NULL;
}

/* SASL asks for a dozen names at each login, most of which are none of ours. */
static bool
is_named(struct str name, const char *option)
{
	return name.n > 0 && *name.p == *option && str_eq(name, str_c(option));
}

bool
conf_find(struct str name, enum conf_opt *o)
{
	for (enum conf_opt i = 0; i < CONF_OPTIONS; i++)
		if (is_named(name, options[i].name)) {
			*o = i;
			return true;
		}
	for (size_t i = 0; i < OLD_NAMES; i++)
		if (is_named(name, old_names[i].name)) {
			*o = old_names[i].now;
			return true;
		}
	return false;
}

/*
 * autocreatequota counted the other way round: 0 was "make no mailbox" and
 * less than 0 "without a limit"; autocreate_quota says -1 and 0.
 */
const char *
conf_convert_old(struct str name, const char *text)
{
	if (!str_eq(name, STR("autocreatequota")))
		return text;
	if (strcmp(text, "0") == 0)
		return "-1";
	return text[0] == '-' ? "0" : text;
}

/* --- misspelt names --- */

enum { NAME_MAX_BYTES = 64 };

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* How many letters to add, drop or change to make A into B. */
static unsigned
distance(struct str a, struct str b)
{
	unsigned row[NAME_MAX_BYTES + 1], diagonal, above;

	if (a.n > NAME_MAX_BYTES || b.n > NAME_MAX_BYTES)
		return NAME_MAX_BYTES;
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			above = row[j];
			row[j] = least(above + 1, row[j - 1] + 1,
			    diagonal + (a.p[i - 1] != b.p[j - 1]));
			diagonal = above;
		}
	}
	return row[b.n];
}

static void
consider(const char *candidate, struct str name, unsigned *best, const char **nearest)
{
	unsigned d = distance(name, str_c(candidate));

	if (d < *best) {
		*best = d;
		*nearest = candidate;
	}
}

/*
 * Options of Cyrus for what is not here.  They look like one of ours, but that
 * is not what was meant.
 */
static const char *const others[] = {
	"autocreate_post", "autocreate_sieve_folders", "autocreate_subscribe_sharedfolders",
	"autocreate_subscribe_sharedfolders_all", "autocreate_users", "autocreatequotamsg",
	"expunge_days", "ldap_ciphers", "ldap_domain_filter", "ldap_domain_scope",
	"ldap_group_filter", "ldap_group_scope", "ldap_groupmember_attribute", "ldap_sasl",
	"ldap_size_limit", "ldap_user_attribute", "newspostuser", "partition_select_exclude",
	"partition_select_mode", "partition_select_soft_usage_limit",
	"partition_select_usage_reinit", "nntptimeout", "plaintextloginalert", "postmaster",
	"quotawarnkb", "quotawarnmsg", "tls_server_ca_dir", "tls_server_ca_file",
	"tls_client_cert", "tls_client_key", "tls_sessions_db",
};

const char *
conf_nearest(struct str name)
{
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (str_eq(name, str_c(others[i])))
			return NULL;
	/* Further than a third of it away, it is another word. */
	unsigned best = (unsigned)(name.n < 6 ? 2 : name.n / 3) + 1;
	const char *nearest = NULL;

	for (enum conf_opt i = 0; i < CONF_OPTIONS; i++)
		consider(options[i].name, name, &best, &nearest);
	for (size_t i = 0; i < FAMILIES && nearest == NULL; i++)
		if (str_starts(name, str_slice(str_c(families[i].prefix), 0,
		    strlen(families[i].prefix) - 1)))
			nearest = families[i].pattern;
	return nearest;
}
