#include "lib/svc_front.h"
#include "lib/fields.h"
#include "lib/handover.h"

enum { MAX_NAME = 256, MAX_CMD = 8192 };

static const struct field front_fields[] = {
	FIELD(FIELD_TEXT, 1, true, MAX_NAME, svc_front, name),
	FIELD(FIELD_TEXT, 2, true, MAX_CMD, svc_front, cmd),
	FIELDS_END
};

enum err
svc_front_encode(const struct svc_front *f, struct buf *out)
{
	return fields_encode(front_fields, MESSAGE_LISTENER, f, out);
}

enum err
svc_front_decode(struct str message, struct svc_front *f)
{
	return fields_kind(message) == MESSAGE_LISTENER
	    ? fields_decode(front_fields, message, f) : ERR_SYNTAX;
}
