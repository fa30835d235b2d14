/* plan_in.h - the inside of a plan, for plan.c and plan_annot.c */
#ifndef IMAP_STORE_MBOX_PLAN_IN_H
#define IMAP_STORE_MBOX_PLAN_IN_H

#include "imap/store/mbox/txn_in.h"

enum err plan_annotate(struct target *tg, struct txn *t, const struct intent *i) MUST_CHECK;

/* What a message that is new as UID comes with. */
enum err plan_annotate_new(struct target *tg, const struct annotate_params *p,
    uint32_t uid) MUST_CHECK;

/* Those of message UID of FROM that T copies, for the new message NEW_UID. */
enum err plan_copy_annots(struct target *tg, struct txn *t, struct mbox *from, uint32_t uid,
    uint32_t new_uid) MUST_CHECK;

/*
 * Those of an expunged message stay in the file for as long as the message's
 * does, and count no more.
 */
enum err plan_release_annots(struct target *tg, uint32_t uid) MUST_CHECK;

#endif
