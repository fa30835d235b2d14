/*
 * sasl_in.h - the inside of SASL, for sasl*.c, which alone include Cyrus SASL
 *
 * The library itself is one a process, so its state is static (in
 * sasl_library.c): set once at start, read-only afterwards.
 *
 * A dialogue that failed is thrown away together with SASL's context and the
 * next one gets a new context, since mechanisms do not promise to be usable
 * again.
 */
#ifndef LIB_SASL_IN_H
#define LIB_SASL_IN_H

#include "lib/sasl.h"

/* The library's tag of its own context is the name of ours. */
#define sasl_conn cyrus_sasl_conn
#include <sasl/sasl.h>
#undef sasl_conn

struct sasl_conn {
	const struct conf *conf;
	struct sasl_peer peer;
	sasl_conn_t *sasl;	/* NULL: made when it is needed */
	sasl_callback_t callbacks[4];
	sasl_channel_binding_t binding;	/* the library keeps a pointer to it */
	enum { NO_GS2, NEEDS_GS2, NEEDS_GS2_PLUS } header;	/* what comes next */
	struct buf mechanism;	/* at hand; "": a password is checked */
	bool is_decoy;		/* its user is not known: see sasl_decoy() */
	bool vouched;		/* the mechanism takes the name from somebody else */
	bool is_forbidden;	/* the password at hand, by SASLprep */
	struct buf mech_list;	/* see sasl_list_plain() */
	struct buf why;
	struct buf tried;		/* who, by a dialogue that failed */
	struct buf folder;	/* see sasl_folder() */
	struct buf folder_of;	/* whose it is */
};

/* --- sasl_list.c: words of sasl_mech_list --- */

bool sasl_is_plus(struct str name);	/* "SCRAM-SHA-1-PLUS" */
bool sasl_list_has(const char *list, struct str word);

/* LIST as the library must be given it; lies in OUT. */
const char *sasl_list_plain(const char *list, struct buf *out);

/* --- sasl_canon.c: whom a name means --- */

/* Which mechanism is about to bring names (STR(""): a password); forgets the last ones. */
void sasl_names_begin(struct sasl_conn *c, struct str mechanism);

/* SASL_CB_CANON_USER, for a struct sasl_conn or NULL. */
int sasl_on_canon_user(sasl_conn_t *conn, void *context, const char *in, unsigned n,
    unsigned flags, const char *realm, char *out, unsigned out_max, unsigned *out_n);

/* --- sasl_library.c: one a process --- */

/* SASL_CB_GETOPT, for a struct sasl_conn or NULL. */
int sasl_on_getopt(void *context, const char *plugin, const char *option,
    const char **result, unsigned *len);

/* The one type that the library's table wants for all of them. */
#define SASL_CALLBACK_OF(fn)	((int (*)(void))(void (*)(void))(fn))

/* --- sasl_decoy.c: users whom nobody knows --- */

/*
 * The library has refused MESSAGE, the client's first one, because it does not
 * know the user: appends what it would have answered.  False: this mechanism
 * refuses those whom it knows at the same place.
 */
bool sasl_decoy(struct sasl_conn *c, struct str message, struct buf *challenge);

/* --- sasl_prepare.c: passwords that are not ASCII --- */

/* SASL_CB_SERVER_USERDB_CHECKPASS, for a struct sasl_conn. */
int sasl_on_checkpass(sasl_conn_t *conn, void *context, const char *user, const char *pass,
    unsigned passlen, struct propctx *props);

/* --- sasl_conn.c: a dialogue --- */

/* Makes the library's context if there is none; ERR_IO is logged. */
enum err sasl_need_context(struct sasl_conn *c) MUST_CHECK;

/* Turns the library's result into ours; all but "done" and "go on" end the dialogue. */
enum err sasl_outcome(struct sasl_conn *c, int rc) MUST_CHECK;

void sasl_use_binding(struct sasl_conn *c, const struct sasl_binding *b);

/* --- sasl_mechs.c: which mechanisms --- */

/* Calls for each mechanism that may be used now; true: EACH has said that it is enough. */
bool sasl_each_mechanism(struct sasl_conn *c, bool (*each)(void *ctx, struct str name),
    void *ctx);

/* --- sasl_binding.c: channel bindings --- */

/* The client's first message (NULL: has not come), if that is what comes now; ERR_AUTH. */
enum err sasl_check_header(struct sasl_conn *c, const struct str *message) MUST_CHECK;

#endif
