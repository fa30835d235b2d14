/* history_in.h - the inside of cyrus.history, for history*.c */
#ifndef IMAP_DISK_HISTORY_IN_H
#define IMAP_DISK_HISTORY_IN_H

#include "imap/disk/history.h"
#include "imap/disk/index.h"
#include "lib/buf.h"

#define HISTORY_FILE	"cyrus.history"

enum {
	HISTORY_HEAD = 64,
	HISTORY_ENTRY = 24,
};

struct history_head {
	uint64_t packed;		/* bytes of blocks */
	uint64_t from, cut;
};

/* For readers and writers; where the entries begin and how many there are. */
struct history_file {
	int fd;
	struct history_head head;
	uint64_t n;
};

void history_add_head(struct buf *b, const struct index_header *h, const struct history_head *hd);
void history_add_entry(struct buf *b, const struct history_entry *e);

/* Reads the head of F->fd; ERR_CORRUPT: damaged, or another mailbox's. */
enum err history_look_at(struct history_file *f, const struct index_header *h) MUST_CHECK;

/* Where in the file entry number ENTRY is, and its reading. */
uint64_t history_place(const struct history_file *f, uint64_t entry);
enum err history_read_entry(const struct history_file *f, uint64_t at,
    struct history_entry *e) MUST_CHECK;

/* The modseq up to which the first N entries are whole. */
enum err history_find_upto(const struct history_file *f, uint64_t n, uint64_t *upto) MUST_CHECK;

/* Entries from AT on, until EACH says no; ERR_CORRUPT: one is damaged or out of order. */
enum err history_walk(const struct history_file *f, uint64_t at,
    bool (*each)(void *, const struct history_entry *), void *ctx) MUST_CHECK;

#endif
