/* topic.c - what can be watched besides mailboxes */
#include "imap/store/list/topic.h"

#include "imap/store/list/local.h"
#include "imap/store/list/mbname.h"
#include "lib/buf.h"
#include "lib/digest.h"

#include <string.h>

/* "user.X" of what is somebody's, else the first component. */
static struct str
root_of(struct str name)
{
	while (!mbname_is_inbox(name) && mbname_up(&name))
		continue;
	return name;
}

struct id128
topic_id(enum topic t, struct str whose)
{
	uint8_t digest[SHA256_SIZE];
	struct buf b = BUF_INIT;
	struct id128 id;

	buf_adds(&b, "chapar topic ");
	buf_addc(&b, (char)t);
	buf_add_str(&b, t == TOPIC_NAMES ? root_of(whose) : whose);
	sha256(b.p, b.n, digest);
	memcpy(id.b, digest, sizeof(id.b));
	buf_free(&b);
	return id;
}

void
topic_publish(struct store *s, enum topic t, struct str whose)
{
	struct id128 id;

	if (s->params.publish == NULL)
		return;
	id = topic_id(t, whose);
	s->params.publish(s->params.publish_ctx, &id);
}
