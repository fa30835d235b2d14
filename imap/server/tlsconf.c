#include "imap/server/tlsconf.h"

#include <string.h>

bool
tlsconf_params(const struct conf *conf, struct tls_params *params)
{
	*params = (struct tls_params){
		.cert_file = conf_string(conf, CONF_TLS_SERVER_CERT),
		.key_file = conf_string(conf, CONF_TLS_SERVER_KEY),
		.sni_dir = conf_string(conf, CONF_TLS_SNI_DIR),
		.ciphers = conf_string(conf, CONF_TLS_CIPHERS),
		.ciphersuites = conf_string(conf, CONF_TLS_CIPHERSUITES),
		.groups = conf_string(conf, CONF_TLS_ECCURVE),
		.versions = conf_string(conf, CONF_TLS_VERSIONS),
		.dh_file = conf_string(conf, CONF_TLS_SERVER_DHPARAM),
		.prefer_server_ciphers = conf_switch(conf, CONF_TLS_PREFER_SERVER_CIPHERS),
		.client_certs = (enum tls_client_certs)conf_enum(conf, CONF_TLS_CLIENT_CERTS),
		.client_ca_file = conf_string(conf, CONF_TLS_CLIENT_CA_FILE),
		.client_ca_dir = conf_string(conf, CONF_TLS_CLIENT_CA_DIR),
		.crl_file = conf_string(conf, CONF_TLS_CRL_FILE),
		.session_timeout = conf_seconds(conf, CONF_TLS_SESSION_TIMEOUT),
	};
	return params->cert_file != NULL && strcmp(params->cert_file, "disabled") != 0;
}
