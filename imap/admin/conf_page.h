/* conf_page.h - the options of imapd.conf as part of a manual page */
#ifndef IMAP_ADMIN_CONF_PAGE_H
#define IMAP_ADMIN_CONF_PAGE_H

#include "lib/buf.h"

/*
 * Appends the sections that describe every option, in mdoc(7): they stand
 * where man/imapd.conf.5.in says @OPTIONS@.
 */
void conf_page(struct buf *page);

#endif
