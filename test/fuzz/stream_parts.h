/* stream_parts.h - who is at the end of fuzz_stream's wire */
#ifndef TEST_FUZZ_STREAM_PARTS_H
#define TEST_FUZZ_STREAM_PARTS_H

#include "lib/str.h"

/* Commands to imapd, in pieces and as a whole. */
void fuzz_reader(struct str plan, struct str bytes, unsigned flags);

/* A message to lmtpd, in pieces and as the rules for it say. */
void fuzz_receiver(struct str plan, struct str bytes, unsigned flags);

/* Workers who tell each other of changes, through idled. */
void fuzz_hub(struct str bytes);

#endif
