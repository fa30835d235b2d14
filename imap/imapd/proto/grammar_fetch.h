/*
 * grammar_fetch.h - the arguments of FETCH, for the table of commands
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_FETCH_H
#define IMAP_IMAPD_PROTO_GRAMMAR_FETCH_H

#include "imap/imapd/proto/step.h"

extern const struct step fetch_args[], uid_fetch_args[];	/* struct fetch_req */

/* "(" fetch-att *(SP fetch-att) ")", for the same */
extern const struct step fetch_att_list[];

#endif
