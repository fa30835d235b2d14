/*
 * cmd.h - the commands: one file cmd_X.c a family, a row in commands.c each
 *
 * run_X() is as session.h says; c->req is the struct that proto/grammar.h has
 * for the command.  Section numbers are those of RFC 3501.
 */
#ifndef IMAP_IMAPD_CMD_CMD_H
#define IMAP_IMAPD_CMD_CMD_H

#include "imap/imapd/session/session.h"

/* cmd_auth.c: 6.1, 6.2; RFC 2971, RFC 4959 */
enum err run_capability(struct session *s, struct command *c);
enum err run_noop(struct session *s, struct command *c);
enum err run_logout(struct session *s, struct command *c);
enum err run_id(struct session *s, struct command *c);
enum err run_starttls(struct session *s, struct command *c);
enum err run_authenticate(struct session *s, struct command *c);
enum err run_login(struct session *s, struct command *c);
enum err run_unauthenticate(struct session *s, struct command *c);

/* cmd_enable.c: RFC 5161 */
enum err run_enable(struct session *s, struct command *c);

/* cmd_language.c: RFC 5255 */
enum err run_language(struct session *s, struct command *c);

/* cmd_compress.c: RFC 4978 */
enum err run_compress(struct session *s, struct command *c);

/* cmd_select.c: 6.3.1, 6.3.2, 6.4.1, 6.4.2; RFC 3691 */
enum err run_select(struct session *s, struct command *c);
enum err run_examine(struct session *s, struct command *c);
enum err run_check(struct session *s, struct command *c);
enum err run_close(struct session *s, struct command *c);
enum err run_unselect(struct session *s, struct command *c);

/* cmd_mailbox.c: 6.3.3-6.3.7 */
enum err run_create(struct session *s, struct command *c);
enum err run_delete(struct session *s, struct command *c);
enum err run_rename(struct session *s, struct command *c);
enum err run_subscribe(struct session *s, struct command *c);
enum err run_unsubscribe(struct session *s, struct command *c);

/* cmd_list.c: 6.3.8, 6.3.9; RFC 3348 */
enum err run_list(struct session *s, struct command *c);
enum err run_lsub(struct session *s, struct command *c);

/* cmd_status.c: 6.3.10 */
enum err run_status(struct session *s, struct command *c);

/* cmd_metadata.c: RFC 5464 */
enum err run_getmetadata(struct session *s, struct command *c);
enum err run_setmetadata(struct session *s, struct command *c);

/* cmd_namespace.c: RFC 2342 */
enum err run_namespace(struct session *s, struct command *c);

/* cmd_idle.c: RFC 2177 */
enum err run_idle(struct session *s, struct command *c);

/* cmd_notify.c: RFC 5465 */
enum err run_notify(struct session *s, struct command *c);

/* cmd_acl.c: RFC 4314 */
enum err run_setacl(struct session *s, struct command *c);
enum err run_deleteacl(struct session *s, struct command *c);
enum err run_getacl(struct session *s, struct command *c);
enum err run_listrights(struct session *s, struct command *c);
enum err run_myrights(struct session *s, struct command *c);

/* cmd_quota.c: RFC 2087 */
enum err run_getquota(struct session *s, struct command *c);
enum err run_getquotaroot(struct session *s, struct command *c);
enum err run_setquota(struct session *s, struct command *c);

/* cmd_fetch.c: 6.4.5 */
enum err run_fetch(struct session *s, struct command *c);

/* cmd_store.c: 6.4.6 */
enum err run_store(struct session *s, struct command *c);

/* cmd_search.c: 6.4.4; RFC 5256, RFC 5267 */
enum err run_search(struct session *s, struct command *c);
enum err run_sort(struct session *s, struct command *c);
enum err run_cancelupdate(struct session *s, struct command *c);

/* cmd_esearch.c: RFC 7377 */
enum err run_esearch(struct session *s, struct command *c);

/* cmd_thread.c: RFC 5256 */
enum err run_thread(struct session *s, struct command *c);

/* cmd_uidbatches.c: RFC 10022 */
enum err run_uidbatches(struct session *s, struct command *c);

/* cmd_comparator.c: RFC 5255 */
enum err run_comparator(struct session *s, struct command *c);

/* cmd_copy.c: 6.4.7; RFC 6851 */
enum err run_copy(struct session *s, struct command *c);
enum err run_move(struct session *s, struct command *c);

/* cmd_expunge.c: 6.4.3; RFC 4315 */
enum err run_expunge(struct session *s, struct command *c);

/* cmd_append.c: 6.3.11; RFC 3502 */
enum err run_append(struct session *s, struct command *c);
/*
 * The response code of a transaction's new messages: APPENDUID (RFC 4315).  Not for
 * who may not read the mailbox (RFC 9051 section 6.3.12).
 */
void append_uids(struct command *c, const struct txn_result *r);

/* cmd_replace.c: RFC 8508 */
enum err run_replace(struct session *s, struct command *c);

/* cmd_url.c: RFC 4467, RFC 5524 */
enum err run_genurlauth(struct session *s, struct command *c);
enum err run_resetkey(struct session *s, struct command *c);
enum err run_urlfetch(struct session *s, struct command *c);

#endif
