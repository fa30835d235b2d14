/*
 * imap_words.h - what IMAP says of itself: capabilities, names of commands
 *
 * Before login and after it the same list, by whichever process it is said.
 */
#ifndef IMAP_DOOR_IMAP_WORDS_H
#define IMAP_DOOR_IMAP_WORDS_H

#include "lib/buf.h"
#include "lib/conf.h"
#include "lib/str.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Appends what CAPABILITY lists, but for what login offers.  COMPRESS: the
 * connection may be compressed now.
 */
void imap_capabilities(const struct conf *conf, bool compress, struct buf *out);

/* The same of login: "STARTTLS", "LOGINDISABLED", and MECHANISMS ("AUTH=PLAIN ..."). */
void imap_login_capabilities(bool starttls, bool plaintext, struct str mechanisms,
    struct buf *out);

/* How long a message may be that comes by APPEND (RFC 7889). */
uint64_t imap_append_limit(const struct conf *conf);

/* How many messages one command may concern, or save; UINT32_MAX: any number (RFC 9738). */
uint32_t imap_message_limit(const struct conf *conf);
uint32_t imap_save_limit(const struct conf *conf);

/*
 * Is NAME a command at all, and (UID) one that may stand behind "UID"?  Those
 * of grammar.h, without what they mean.
 */
bool imap_command_exists(struct str name, bool uid);

/* The greeting behind "* OK [CAPABILITY ...] ". */
void imap_greeting(const struct conf *conf, const char *hostname, struct buf *out);

#endif
