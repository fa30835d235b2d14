/*
 * Why one place to go back to is enough for each wildcard: taking the
 * earliest place where what follows a wildcard fits leaves the most of the
 * name to the rest, so an earlier wildcard of the same kind never has to be
 * tried again.  A "%" after a "*" may fail at a separator; then the "*" takes
 * one more byte and the "%" begins anew.
 */
#include "imap/imapd/proto/pattern.h"

#include <string.h>

struct backtrack {
	size_t p, n;			/* where to go on; p 0: nowhere */
};

static bool
same(char a, char b, bool any_case)
{
	if (a == b)
		return true;
	if (!any_case)
		return false;
	if (a >= 'a' && a <= 'z')
		a = (char)(a - 32);
	return a == b;
}

/* How many bytes of NAME are an INBOX. */
static size_t
inbox_length(struct str name, char sep)
{
	return name.n >= 5 && memcmp(name.p, "INBOX", 5) == 0
	    && (name.n == 5 || name.p[5] == sep) ? 5 : 0;
}

bool
pattern_match(struct str pattern, struct str name, char sep)
{
	struct backtrack star = { 0, 0 }, percent = { 0, 0 };
	size_t p = 0, n = 0, inbox = inbox_length(name, sep);
	while (n < name.n || p < pattern.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = (struct backtrack){ ++p, n };
			percent.p = 0;
		} else if (p < pattern.n && pattern.p[p] == '%') {
			percent = (struct backtrack){ ++p, n };
		} else if (p < pattern.n && n < name.n
		    && same(pattern.p[p], name.p[n], n < inbox)) {
			p++;
			n++;
		} else if (percent.p > 0 && percent.n < name.n
		    && name.p[percent.n] != sep) {
			p = percent.p;
			n = ++percent.n;
		} else if (star.p > 0 && star.n < name.n) {
			p = star.p;
			n = ++star.n;
			percent.p = 0;
		} else {
			return false;
		}
	}
	return true;
}

struct str
pattern_literal(struct str pattern)
{
	size_t n = 0;
	while (n < pattern.n && pattern.p[n] != '*' && pattern.p[n] != '%')
		n++;
	return (struct str){ pattern.p, n };
}
