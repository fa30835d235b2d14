/*
 * line.h - connections that stand in a line, the first first
 *
 * Whoever comes stands behind all others; anybody may leave at any time.  A line
 * that is all 0 is empty, and so is a place in none.
 */
#ifndef IMAP_FRONTD_LINE_H
#define IMAP_FRONTD_LINE_H

struct conn;

struct place {
	struct conn *conn;
	struct place *next, **at;
	struct line *line;		/* NULL: in none */
};

struct line {
	struct place *first, **last;
};

/* C stands in L by its PLACE, which is in no line. */
void line_join(struct line *l, struct place *place, struct conn *c);
void line_leave(struct place *place);		/* also if it is in none */

/* NULL: nobody. */
struct conn *line_first(const struct line *l);

#endif
