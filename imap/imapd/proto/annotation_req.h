/*
 * annotation_req.h - what is asked and said of messages' annotations (RFC 5257)
 *
 * An entry ("/comment") has two attributes, value and size, and each of them a
 * private and a shared form; names without a suffix mean both forms.
 */
#ifndef IMAP_IMAPD_PROTO_ANNOTATION_REQ_H
#define IMAP_IMAPD_PROTO_ANNOTATION_REQ_H

#include "imap/imapd/proto/step.h"

enum {
	ANNOTATION_MAX_NAME = 1000,	/* bytes of an entry's name */
	ANNOTATION_MAX_MATCHES = 100,	/* entries asked for in one data item */
};

/* Bits, in the order of the answer. */
enum annotation_attrib {
	ATTRIB_VALUE_PRIV = 1, ATTRIB_VALUE_SHARED = 2,
	ATTRIB_SIZE_PRIV = 4, ATTRIB_SIZE_SHARED = 8,
};

/* FETCH: "(" entries SP attribs ")" */
struct annotation_query {
	struct parse_list entries;	/* struct str: perhaps with wildcards */
	unsigned attribs;		/* enum annotation_attrib */
	bool has_parts;			/* a part of the message is named */
};

/* STORE, APPEND: entry SP "(" att-value *(SP att-value) ")" */
struct annotation_value {
	bool shared;
	struct str value;		/* NIL: .p is NULL */
};
struct annotation_entry {
	struct str name;
	struct parse_list values;	/* struct annotation_value */
};
struct annotation_set {
	struct parse_list entries;	/* struct annotation_entry; none: nothing is said */
};

#endif
