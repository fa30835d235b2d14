/*
 * confine_trees.h - which files processes of a server with this imapd.conf need
 *
 * Files are mostly replaced and not changed, and a rule that is for a file is
 * not for the next one of its name: so where imapd.conf names a file, the
 * directory that it is in may be read.
 */
#ifndef LIB_CONFINE_TREES_H
#define LIB_CONFINE_TREES_H

#include "lib/conf.h"
#include "lib/err.h"

enum trees {
	TREES_SYSTEM = 1 << 0,	/* read: libraries, locales, who is who, /proc */
	TREES_LOGIN = 1 << 1,	/* read: what SASL and OAuth need; change: sasldb */
	TREES_DIRECTORY = 1 << 2,	/* read: what ldap_... names; change: its cache */
	TREES_STORE = 1 << 3,	/* change: configdirectory, partitions */
	TREES_USERS = 1 << 4,	/* read: configdirectory */
	TREES_LOG = 1 << 5,	/* change: where the log file is */
	TREES_SOCKETS = 1 << 6,	/* change: where idled's and limitd's sockets are */
	TREES_TLS = 1 << 7,	/* read: certificates and keys, and where links to them lead */
};

/* Into the list FILES (landlock.h). */
enum err trees_allow(int files, const struct conf *conf, unsigned trees) MUST_CHECK;

#endif
