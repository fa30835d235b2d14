/*
 * setup.h - frontd's services, as master tells of them (lib/svc_front.h)
 */
#ifndef IMAP_FRONTD_SETUP_H
#define IMAP_FRONTD_SETUP_H

#include "imap/frontd/front.h"

/*
 * Reads all messages and for each service its configuration, certificates
 * included; a service that cannot be is logged and left out.  CONF_PATH is for
 * those whose command names none.
 */
void setup_services(struct front *f, const char *conf_path);
/*
 * TLS, if there is to be some and it could not be had yet: again before a connection,
 * for its files may just be about to be replaced.
 */
void setup_tls(struct service *s);

void setup_free(struct front *f);

#endif
