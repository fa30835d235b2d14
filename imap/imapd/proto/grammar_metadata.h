/*
 * grammar_metadata.h - the arguments of GETMETADATA and SETMETADATA, for the
 * table of commands (RFC 5464 section 5)
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_METADATA_H
#define IMAP_IMAPD_PROTO_GRAMMAR_METADATA_H

#include "imap/imapd/proto/step.h"

extern const struct step getmetadata_args[];		/* struct getmetadata_req */
extern const struct step setmetadata_args[];		/* struct setmetadata_req */

/*
 * entry: a struct str in small letters.  "/shared" or "/private", and what may be
 * below.  "Invalid entry names result in a BAD response in any IMAP command in
 * which they are used" (section 3.2).
 */
bool rule_entry(struct parser *p, void *to);

#endif
