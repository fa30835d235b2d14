/*
 * mail.h - messages as people get them, the same ones every time
 *
 * Message N is always the same but for its Message-ID, which also holds the
 * run's stamp, so that no server takes it for a duplicate.  Sizes lie between
 * 2 and 60 KiB (mean about 12, median about 6); a third is plain text, a third
 * text and HTML, a quarter has an attachment, the rest holds another message.
 * Dates go over three years from 2023-01-01, in order of N.  All CRLF; no line
 * begins with a dot.
 *
 * What searches can look for: "Hafiz" writes one message in 50; "harvest" is
 * in one subject in 40; X-Mailer is "Kestrel" in one of 5; the word
 * "quicksilver" stands in the text of one in 64.
 */
#ifndef TEST_BENCH_MAIL_H
#define TEST_BENCH_MAIL_H

#include "lib/buf.h"

enum { MAIL_SHAPES = 128 };

struct mail {
	struct buf shape[MAIL_SHAPES];	/* from MIME-Version: to the end */
	const char *stamp;
};

/* STAMP must live as long. */
void mail_init(struct mail *m, const char *stamp);
void mail_free(struct mail *m);

/* Appends message N. */
void mail_write(const struct mail *m, uint64_t n, struct buf *out);

/* The arguments of APPEND for message N: flags and date, as "(\Seen) \"...\"". */
void mail_write_args(uint64_t n, struct buf *out);

#endif
