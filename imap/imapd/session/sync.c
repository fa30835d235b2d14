/*
 * The order in which changes are told: expunges first, in the numbers before
 * them, then EXISTS and RECENT, then flags in the numbers after them; new
 * keywords before the first message that has one.  Searches that are kept up
 * to date lose what was expunged before that is told, and get what is new last.
 */
#include "imap/imapd/session/sync.h"
#include "imap/imapd/message/annotation.h"
#include "imap/imapd/session/context.h"
#include "imap/imapd/proto/format.h"
#include "imap/imapd/proto/uidset_text.h"
#include "lib/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	uint32_t flag;
	const char *name;
} system_flags[] = {
	{ MSG_ANSWERED, "\\Answered" }, { MSG_FLAGGED, "\\Flagged" },
	{ MSG_DRAFT, "\\Draft" }, { MSG_DELETED, "\\Deleted" },
	{ MSG_SEEN, "\\Seen" },
};

/* NAME behind a space unless it is the first. */
static void
put_flag(struct reply *r, const char *name, bool *first)
{
	if (!*first)
		reply_puts(r, " ");
	*first = false;
	reply_puts(r, name);
}

static void
put_system_flags(struct reply *r, uint32_t flags, bool *first)
{
	for (size_t i = 0; i < sizeof(system_flags) / sizeof(system_flags[0]); i++)
		if (flags & system_flags[i].flag)
			put_flag(r, system_flags[i].name, first);
}

static void
put_told_keywords(struct session *s, bool *first)
{
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++) {
		bool told = s->told_keywords.w[i / 64] >> (i % 64) & 1;
		const char *name = told ? mbox_keyword(s->mbox, i) : NULL;
		if (name != NULL)
			put_flag(s->reply, name, first);
	}
}

void
sync_put_flags(struct session *s, const struct message *m)
{
	buf_reset(&s->reply->scratch);
	format_flags(s->mbox, m, &s->told_keywords, &s->reply->scratch);
	reply_put(s->reply, buf_str(&s->reply->scratch));
}

/* "ANNOTATION (/comment)" of the N entries at ANNOT (RFC 5257 section 4.4) */
static void
put_annotations(struct session *s, const struct changed_annot *annot, size_t n)
{
	buf_reset(&s->reply->scratch);
	for (size_t i = 0; i < n; i++) {
		buf_adds(&s->reply->scratch, i == 0 ? " ANNOTATION (" : " ");
		annotation_put_name(&s->reply->scratch, annot[i].entry);
	}
	if (n > 0)
		buf_addc(&s->reply->scratch, ')');
	reply_put(s->reply, buf_str(&s->reply->scratch));
}

/* Only clients who speak of modseqs store on conditions. */
static struct known *
known_of(struct session *s)
{
	if (s->known == NULL && (s->enabled & ENABLED_CONDSTORE))
		s->known = known_new();
	return s->known;
}

/* And the N annotations of it that have changed. */
static void
fetch_changed(struct session *s, uint32_t seq, bool with_uid,
    const struct changed_annot *annot, size_t n)
{
	struct message m;
	bool uidonly = s->enabled & ENABLED_UIDONLY;
	if (mbox_message(s->mbox, seq, &m) != OK)
		return;
	if (known_of(s) != NULL)
		known_note(s->known, &m);
	/* "unsolicited FETCH responses ... MUST include UID" (RFC 9051 section 7.5.2) */
	with_uid |= (s->enabled & ENABLED_CONDSTORE) || session_is_rev2(s);
	reply_puts(s->reply, "* ");
	reply_number(s->reply, uidonly ? m.uid : seq);
	reply_puts(s->reply, uidonly ? " UIDFETCH (FLAGS " : " FETCH (FLAGS ");
	sync_put_flags(s, &m);
	put_annotations(s, annot, n);
	if (!uidonly && with_uid) {
		reply_puts(s->reply, " UID ");
		reply_number(s->reply, m.uid);
	}
	if (s->enabled & ENABLED_CONDSTORE) {
		reply_puts(s->reply, " MODSEQ (");
		reply_number(s->reply, m.modseq);
		reply_puts(s->reply, ")");
	}
	reply_puts(s->reply, ")\r\n");
}

void
sync_fetch_flags(struct session *s, uint32_t seq, bool with_uid)
{
	fetch_changed(s, seq, with_uid, NULL, 0);
}

uint32_t
sync_settable_flags(rights_t rights)
{
	uint32_t flags = 0;
	if (rights & ACL_SEEN)
		flags |= MSG_SEEN;
	if (rights & ACL_DELETEMSG)
		flags |= MSG_DELETED;
	if (rights & ACL_WRITE)
		flags |= MSG_ANSWERED | MSG_FLAGGED | MSG_DRAFT;
	return flags;
}

/* What the next FLAGS announces; false: there is no room for one more. */
static bool
tell_keywords(struct session *s)
{
	unsigned n = 0;
	s->told_keywords = (struct keywords){ { 0 } };
	for (unsigned i = 0; i < MBOX_KEYWORDS; i++)
		if (mbox_keyword(s->mbox, i) != NULL) {
			s->told_keywords.w[i / 64] |= UINT64_C(1) << (i % 64);
			n++;
		}
	return n < MBOX_KEYWORDS;
}

/*
 * "\*" is there only if "it is possible to create new keywords by attempting to
 * store those flags in the mailbox" (RFC 3501 section 7.1).
 */
void
sync_mailbox_flags(struct session *s)
{
	bool room = tell_keywords(s);
	bool first = true, may_write = !s->examined && (s->rights & ACL_WRITE);
	reply_puts(s->reply, "* FLAGS (");
	put_system_flags(s->reply, MSG_SYSTEM_FLAGS, &first);
	put_told_keywords(s, &first);
	reply_puts(s->reply, ")\r\n* OK [PERMANENTFLAGS (");
	first = true;
	put_system_flags(s->reply, s->examined ? 0 : sync_settable_flags(s->rights), &first);
	if (may_write) {
		put_told_keywords(s, &first);
		if (room)
			put_flag(s->reply, "\\*", &first);
	}
	reply_puts(s->reply, ")] Ok\r\n");
}

struct fetch_writer *
sync_writer(struct session *s)
{
	struct fetch_writer *w = fetch_writer_new(s->mbox, &s->told_keywords, s->reply->out);

	fetch_writer_style(w, (s->enabled & ENABLED_CONDSTORE ? FETCH_STYLE_CONDSTORE : 0)
	    | (s->enabled & ENABLED_UIDONLY ? FETCH_STYLE_UIDONLY : 0));
	fetch_writer_notes(w, known_of(s));
	return w;
}

/* --- modseqs --- */

void
sync_highest_modseq(struct session *s)
{
	if (s->mbox != NULL)
		reply_untagged(s->reply, "OK [HIGHESTMODSEQ %" PRIu64 "] Ok",
		    mbox_highestmodseq(s->mbox));
}

void
sync_enable_condstore(struct session *s)
{
	if (s->enabled & ENABLED_CONDSTORE)
		return;
	session_enable(s, ENABLED_CONDSTORE);
	sync_highest_modseq(s);
}

/*
 * A client takes the highest MODSEQ that it hears for what it is up to date
 * with.  While an expunge with a lower one is kept back it must be told better
 * (RFC 7162 sections 3.2 and 6).  And VANISHED has no MODSEQ: a client that is
 * told of an expunge only would be BEHIND, and one that looks at its modseq for
 * what there is to do would do nothing.
 */
static void
mind_the_lag(struct session *s, bool behind)
{
	bool lags = mbox_keeps_back(s->mbox);

	if ((s->enabled & ENABLED_CONDSTORE) && (lags || s->modseq_lags || behind))
		sync_highest_modseq(s);
	s->modseq_lags = lags;
}

/* --- what is new --- */

static void
send_expunges(struct session *s, const struct mbox_update *u)
{
	if (!(s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY))) {
		for (size_t i = 0; i < u->expunged_count; i++)
			reply_untagged(s->reply, "%u EXPUNGE", u->expunged[i]);
	} else if (u->expunged_count > 0) {
		buf_reset(&s->reply->scratch);
		uidset_text(u->expunged_uid, u->expunged_count, &s->reply->scratch);
		reply_puts(s->reply, "* VANISHED ");
		reply_put(s->reply, buf_str(&s->reply->scratch));
		reply_crlf(s->reply);
	}
}

/* Messages with other flags, and those with other annotations: each one once. */
static void
send_changed(struct session *s, const struct mbox_update *u, bool with_uid)
{
	size_t changed = s->tells & EVENT_FLAG_CHANGE ? u->changed_count : 0;
	size_t annots = s->tells & EVENT_ANNOTATION_CHANGE ? u->annot_count : 0;
	size_t i = 0, k = 0;
	while (i < changed || k < annots) {
		/* There may be no array at all. */
		const struct changed_annot *annot = k < annots ? &u->annot[k] : NULL;
		uint32_t flags = i < changed ? u->changed[i] : UINT32_MAX;
		uint32_t other = k < annots ? annot->seq : UINT32_MAX;
		uint32_t seq = flags < other ? flags : other;
		size_t n = 0;
		while (k + n < annots && annot[n].seq == seq)
			n++;
		fetch_changed(s, seq, with_uid, annot, n);
		i += flags == seq;
		k += n;
	}
}

/*
 * What was asked for of new messages, in one FETCH each; not of those that the
 * client has put there itself (RFC 5465 section 5.2).  Before the ESEARCH
 * responses: section 7; section 5.2 says the contrary (erratum 4833).
 */
static void
fetch_new(struct session *s, struct arena *arena, uint32_t first_uid)
{
	struct fetch_writer *w = sync_writer(s);
	enum err e = OK;		/* one that cannot be read is left out, as by FETCH */

	for (uint32_t seq = mbox_seq_from_uid(s->mbox, first_uid); seq <= mbox_count(s->mbox);
	    seq++) {
		struct arena_mark mark = arena_mark(arena);
		uint32_t uid = mbox_uid(s->mbox, seq);
		struct fetch_req req = { .items = NULL };

		if (uidset_has(&s->own_new, uid))
			continue;
		if ((s->new_fetch == NULL || fetch_req_merge(arena, &req, s->new_fetch))
		    && contexts_add_items(s, arena, uid, &req) && req.items != NULL)
			e = fetch_write(w, &req, seq, false);
		arena_rewind(arena, mark);
	}
	if (e != OK)
		log_debug("a new message could not be told of: %s", err_text(e));
	fetch_writer_free(w);
}

static void
send_update(struct session *s, const struct mbox_update *u, bool with_uid)
{
	send_expunges(s, u);
	if (u->exists_changed) {
		reply_untagged(s->reply, "%u EXISTS", mbox_count(s->mbox));
		if (!session_is_rev2(s))
			reply_untagged(s->reply, "%u RECENT", mbox_recent(s->mbox));
	}
	if (u->keywords_changed)
		sync_mailbox_flags(s);
	send_changed(s, u, with_uid);
}

bool
sync_follow(struct session *s)
{
	uint32_t was = sync_settable_flags(s->rights);

	if (s->mbox == NULL)
		return true;
	if (!mbox_lookup(s->mbox))
		return false;
	s->rights = user_rights(s->user, mbox_entry(s->mbox));
	if (sync_settable_flags(s->rights) != was)
		sync_mailbox_flags(s);
	return true;
}

/* RFC 2180 section 3.3: the session cannot go on. */
static enum err
say_goodbye(struct session *s, const char *text)
{
	reply_bye(s->reply, text);
	s->said_bye = true;
	s->state = STATE_LOGOUT;
	return ERR_STALE;
}

static bool
is_any(const struct mbox_update *u)
{
	return u->expunged_count + u->changed_count + u->annot_count > 0 || u->exists_changed
	    || u->keywords_changed;
}

enum how {
	EXPUNGES = 1,
	WITH_UID = 2,
	TAGGED = 4,			/* HIGHESTMODSEQ will be in the tagged OK, with QRESYNC */
	BETWEEN = 8,			/* no command runs */
};

static enum err
refresh(struct session *s, struct arena *arena, unsigned how)
{
	struct mbox_update u = { 0 };
	uint32_t next = mbox_uidnext(s->mbox);
	enum err e = mbox_refresh(s->mbox, arena,
	    how & EXPUNGES ? 0 : MBOX_NO_EXPUNGES, &u);
	if (e != OK && e != ERR_STALE)
		return e;
	if (e == ERR_STALE)
		return say_goodbye(s, "Mailbox has been rebuilt; its messages have new UIDs");
	if (u.deleted)
		return say_goodbye(s, mbox_lookup(s->mbox) ?
		    "Mailbox has been moved; select it again" : "Mailbox has been deleted");
	contexts_expunged(s, arena, &u);
	send_update(s, &u, (how & WITH_UID) || s->watch != NULL);
	contexts_changed(s, arena);
	if (u.exists_changed && (s->rights & ACL_READ)
	    && (s->new_fetch != NULL || s->contexts != NULL))
		fetch_new(s, arena, next);
	contexts_tell(s);
	uidset_free(&s->own_new);
	bool behind = !(how & TAGGED) && u.expunged_count > 0 && (s->enabled & ENABLED_QRESYNC);
	if (!(how & BETWEEN) || is_any(&u))
		mind_the_lag(s, behind);
	return OK;
}

enum err
sync_send(struct session *s, struct arena *arena, bool expunges, bool with_uid)
{
	if (s->mbox == NULL)
		return OK;
	if (!sync_follow(s))
		return say_goodbye(s, "Mailbox has been deleted");
	return s->tells != 0 ? refresh(s, arena,
	    (expunges ? EXPUNGES : 0) | (with_uid ? WITH_UID : 0)) : OK;
}

enum err
sync_news(struct session *s, struct arena *arena, bool expunges)
{
	if (s->mbox == NULL)
		return OK;
	if (!sync_follow(s))
		return say_goodbye(s, "Mailbox has been deleted");
	/* "the server MUST stop monitoring these mailboxes" (RFC 5465 section 5.9) */
	return s->tells != 0 && (s->rights & ACL_READ) ?
	    refresh(s, arena, (expunges ? EXPUNGES : 0) | WITH_UID | BETWEEN) : OK;
}

enum err
sync_all(struct session *s, struct arena *arena)
{
	if (s->mbox == NULL)
		return OK;
	if (!sync_follow(s))
		return say_goodbye(s, "Mailbox has been deleted");
	return refresh(s, arena, EXPUNGES | WITH_UID);
}

void
sync_expunged(struct session *s, struct command *c, bool always)
{
	char code[64];
	enum err e = sync_follow(s) ?
	    refresh(s, c->arena, EXPUNGES | (c->uid ? WITH_UID : 0) | TAGGED)
	    : say_goodbye(s, "Mailbox has been deleted");

	/* It was done all the same; if this was not BYE, the loop tries to tell again. */
	if (e == OK && (always || (s->enabled & ENABLED_QRESYNC))) {
		snprintf(code, sizeof(code), "HIGHESTMODSEQ %" PRIu64,
		    mbox_highestmodseq(s->mbox));
		c->code = arena_copy(c->arena, code, strlen(code));
	}
}
