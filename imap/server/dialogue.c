/* dialogue.c - see dialogue.h; the tables are the format */
#include "imap/server/dialogue.h"
#include "lib/fields.h"

enum {
	MESSAGE_PEER = 16,		/* enum message_kind goes on, see handover.h */
	MESSAGE_ASK = 17,
	MESSAGE_ANSWER = 18,
	MAX_WORD = 256,
	MAX_NAME = 64 * 1024,
	MAX_CERT_NAME = 1024,
	MAX_PAUSE_MS = 3600 * 1000,
	MAX_BITS = 4096,
	MAX_ASK = MAX_NAME + DIALOGUE_BYTES + 4096,
	MAX_APOP = 512,
};

/* struct login_peer in the types that messages have. */
struct peer_message {
	const char *host, *local_ip_port, *remote_ip_port, *tls_version, *external_name;
	uint64_t is_local, outer_ssf, tls_bits;
	struct str exporter, unique, server_end_point, first;
};

static const struct field peer_fields[] = {
	FIELD(FIELD_TEXT, 1, true, MAX_WORD, peer_message, host),
	FIELD(FIELD_TEXT, 2, false, MAX_WORD, peer_message, local_ip_port),
	FIELD(FIELD_TEXT, 3, false, MAX_WORD, peer_message, remote_ip_port),
	FIELD(FIELD_NUMBER, 4, false, 1, peer_message, is_local),
	FIELD(FIELD_NUMBER, 5, false, MAX_BITS, peer_message, outer_ssf),
	FIELD(FIELD_TEXT, 6, false, MAX_WORD, peer_message, tls_version),
	FIELD(FIELD_NUMBER, 7, false, MAX_BITS, peer_message, tls_bits),
	FIELD(FIELD_TEXT, 8, false, MAX_CERT_NAME, peer_message, external_name),
	FIELD(FIELD_BYTES, 9, false, MAX_WORD, peer_message, exporter),
	FIELD(FIELD_BYTES, 10, false, MAX_WORD, peer_message, unique),
	FIELD(FIELD_BYTES, 11, false, MAX_WORD, peer_message, server_end_point),
	FIELD(FIELD_BYTES, 12, true, MAX_ASK, peer_message, first),
	FIELDS_END
};

static const struct field ask_fields[] = {
	FIELD(FIELD_NUMBER, 1, true, QUESTION_APOP, dialogue_ask, what),
	FIELD(FIELD_BYTES, 2, false, MAX_NAME, dialogue_ask, name),
	FIELD(FIELD_BYTES, 3, false, DIALOGUE_BYTES, dialogue_ask, bytes),
	FIELD(FIELD_BYTES, 4, false, MAX_APOP, dialogue_ask, challenge),
	FIELDS_END
};

static const struct field answer_fields[] = {
	FIELD(FIELD_NUMBER, 1, true, ANSWER_GRANTED, dialogue_answer, what),
	FIELD(FIELD_NUMBER, 2, false, ERR_UNSUPPORTED, dialogue_answer, err),
	FIELD(FIELD_TEXT, 3, false, MAX_WORD, dialogue_answer, why),
	FIELD(FIELD_NUMBER, 4, false, MAX_PAUSE_MS, dialogue_answer, pause_ms),
	FIELD(FIELD_NUMBER, 5, false, 1, dialogue_answer, plaintext),
	FIELD(FIELD_BYTES, 6, false, DIALOGUE_BYTES, dialogue_answer, bytes),
	FIELD(FIELD_TEXT, 7, false, MAX_APOP, dialogue_answer, apop),
	FIELD(FIELD_NUMBER, 8, false, MAX_BITS, dialogue_answer, layer),
	FIELDS_END
};

enum err
dialogue_encode_peer(const struct login_peer *peer, struct str first, struct buf *out)
{
	const struct peer_message m = {
		.host = peer->host, .local_ip_port = peer->local_ip_port,
		.remote_ip_port = peer->remote_ip_port, .tls_version = peer->tls_version,
		.is_local = peer->is_local,
		.outer_ssf = (uint64_t)peer->outer_ssf, .tls_bits = (uint64_t)peer->tls_bits,
		.external_name = peer->external_name, .exporter = peer->exporter,
		.unique = peer->unique, .server_end_point = peer->server_end_point,
		.first = first,
	};
	return fields_encode(peer_fields, MESSAGE_PEER, &m, out);
}

enum err
dialogue_decode_peer(struct str message, struct login_peer *peer, struct str *first)
{
	struct peer_message m;
	if (fields_kind(message) != MESSAGE_PEER || fields_decode(peer_fields, message, &m) != OK)
		return ERR_SYNTAX;
	*peer = (struct login_peer){
		.host = m.host, .local_ip_port = m.local_ip_port,
		.remote_ip_port = m.remote_ip_port, .tls_version = m.tls_version,
		.is_local = m.is_local,
		.outer_ssf = (int)m.outer_ssf, .tls_bits = (int)m.tls_bits,
		.external_name = m.external_name, .exporter = m.exporter,
		.unique = m.unique, .server_end_point = m.server_end_point,
	};
	*first = m.first;
	return OK;
}

enum err
dialogue_encode_ask(const struct dialogue_ask *a, struct buf *out)
{
	return fields_encode(ask_fields, MESSAGE_ASK, a, out);
}

enum err
dialogue_decode_ask(struct str message, struct dialogue_ask *a)
{
	return fields_kind(message) == MESSAGE_ASK ? fields_decode(ask_fields, message, a)
	    : ERR_SYNTAX;
}

enum err
dialogue_encode_answer(const struct dialogue_answer *a, struct buf *out)
{
	return fields_encode(answer_fields, MESSAGE_ANSWER, a, out);
}

enum err
dialogue_decode_answer(struct str message, struct dialogue_answer *a)
{
	return fields_kind(message) == MESSAGE_ANSWER ? fields_decode(answer_fields, message, a)
	    : ERR_SYNTAX;
}
