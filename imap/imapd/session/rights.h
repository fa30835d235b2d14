/* rights.h - MYRIGHTS responses: of MYRIGHTS itself and of LIST's return option */
#ifndef IMAP_IMAPD_SESSION_RIGHTS_H
#define IMAP_IMAPD_SESSION_RIGHTS_H

#include "imap/imapd/session/session.h"

/* "* MYRIGHTS NAME rights"; NAME is external. */
void rights_put_mine(struct session *s, struct str name, rights_t rights);

#endif
