/*
 * annotated.h - a mailbox's annotations beside its index
 *
 * Those of an expunged message stay in cyrus.annotations for as long as its
 * message file does, and do not count.  Needs the mailbox's lock, or one who
 * can do with what may just be replaced.
 */
#ifndef IMAP_STORE_UPKEEP_ANNOTATED_H
#define IMAP_STORE_UPKEEP_ANNOTATED_H

#include "imap/disk/annot.h"
#include "imap/disk/index.h"

/* Without those of messages that are gone for good. */
enum err annotated_read(struct index *ix, struct annots *a) MUST_CHECK;

/* Logs if the file of A is missing and the index says that it had OCTETS. */
void annotated_miss(const char *name, const struct annots *a, uint64_t octets);

/* The octets of the mailbox's own and of those of messages that exist. */
uint64_t annotated_usage(struct index *ix, const struct annots *a);

/* Of one message. */
uint64_t annotated_usage_of(const struct annots *a, uint32_t uid);

/* Drops from the file what annotated_read() leaves out. */
enum err annotated_sweep(struct index *ix) MUST_CHECK;

#endif
