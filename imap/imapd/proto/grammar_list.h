/*
 * grammar_list.h - the arguments of CREATE, LIST, LSUB and STATUS, for the table
 * of commands
 */
#ifndef IMAP_IMAPD_PROTO_GRAMMAR_LIST_H
#define IMAP_IMAPD_PROTO_GRAMMAR_LIST_H

#include "imap/imapd/proto/step.h"

extern const struct step create_args[];			/* struct create_req */
extern const struct step list_args[];			/* struct list_req */
extern const struct step lsub_args[];			/* the same */
extern const struct step status_args[];			/* struct status_req */

#endif
