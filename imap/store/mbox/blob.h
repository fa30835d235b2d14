/*
 * blob.h - a message on its way into the store
 *
 * Bytes are added as they arrive: up to BLOB_MEMORY of them are kept in
 * memory, what is longer goes to a file in the partition's stage directory,
 * so a message may be larger than memory.  Nothing is in any mailbox until a
 * transaction that appends the blob commits; blob_free() without that leaves
 * nothing behind.  A killed process's stage file is removed by the next
 * recovery or checkpoint.
 *
 * One blob may be appended to any number of mailboxes; on one partition they
 * share one file by hard links.
 */
#ifndef IMAP_STORE_MBOX_BLOB_H
#define IMAP_STORE_MBOX_BLOB_H

#include "imap/store/list/params.h"
#include "lib/err.h"

enum { BLOB_MEMORY = 256 * 1024 };

struct blob;

/* PARTITION: where it will probably go (NULL: the default one). */
enum err blob_new(struct store *s, const char *partition, struct blob **b) MUST_CHECK;

/* As many calls as needed.  ERR_NOSPACE, ERR_IO. */
enum err blob_write(struct blob *b, const void *p, size_t n) MUST_CHECK;

/* Are all bytes so far in memory?  blob_to_file() puts them into a file. */
bool blob_in_memory(const struct blob *b);
enum err blob_to_file(struct blob *b) MUST_CHECK;

/* No more bytes: they can be read.  For what is no message yet. */
enum err blob_seal(struct blob *b) MUST_CHECK;

/* No more bytes: hashes and parses it.  Must be called before it is appended. */
enum err blob_finish(struct blob *b) MUST_CHECK;

uint64_t blob_size(const struct blob *b);

/* All bytes, after blob_seal() or blob_finish(): memory or a mapping, valid until blob_free(). */
struct str blob_bytes(const struct blob *b);

void blob_free(struct blob *b);		/* NULL allowed */

#endif
