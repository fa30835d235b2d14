/*
 * username.h - names of users, as they are given and as they are kept
 *
 * A user's name as people write it is fred, john.doe or, with virtdomains,
 * fred@example.org.  Its internal form is one component of a mailbox name: '^'
 * for '.', lower case with username_tolower, no domain if it is defaultdomain.
 * Both are prepared by SASLprep (lib/saslprep.h), so that a name that can be
 * typed in two ways is one name.
 */
#ifndef IMAP_SERVER_USERNAME_H
#define IMAP_SERVER_USERNAME_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/err.h"
#include "lib/str.h"

#include <stdbool.h>

/*
 * Appends the internal form.  Without virtdomains a domain is dropped.
 * ERR_NAME: nobody can be called that.
 */
enum err username_internal(const struct conf *conf, struct str name, struct buf *internal) MUST_CHECK;

/* Appends it as people write it. */
void username_external(struct str internal, struct buf *name);

/*
 * What was given as a name to log in by, taken apart: who is to prove himself
 * (AUTHCID, for the password), and as whom he wants to act (USERID; empty: as
 * himself).  Both are appended.
 *
 *	fred			himself
 *	fred*cyrus		cyrus, as fred: what SASL has an authorization identity for
 *	fred%example.org	with virtdomains: fred@example.org, for old clients that
 *				take an '@' for the beginning of the host
 *
 * With username_tolower all in lower case.  Who gives no domain gets DOMAIN, if
 * that is not empty, but for administrators whom admins names without one.
 * What SASLprep forbids appends nothing.
 */
void username_given(const struct conf *conf, struct str domain, struct str given,
    struct buf *authcid, struct buf *userid);

/*
 * The name that somebody else vouches for: a certificate, a ticket of Kerberos.  It
 * stands for nothing else than itself, and gets no domain by where it is used:
 * the client could choose that.
 */
void username_vouched(const struct conf *conf, struct str given, struct buf *authcid);

/*
 * With `virtdomains: on`, appends the domain of the address that the client has
 * connected to, LOCAL_IP_PORT (net_sasl_address(); or NULL), which is what is
 * behind the first dot of its name in the DNS; else, and if it has no name,
 * nothing.  This may wait for the DNS.
 */
void username_local_domain(const struct conf *conf, const char *local_ip_port,
    struct buf *domain);

#endif
