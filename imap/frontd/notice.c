#include "imap/frontd/notice.h"
#include "imap/server/notice.h"

enum { LOOK_MS = 5000 };

const char *
notice_of_shutdown(struct service *s, int64_t now_ms, bool fresh)
{
	if (fresh || s->noticed_at == 0 || now_ms - s->noticed_at >= LOOK_MS) {
		s->noticed_at = now_ms;
		buf_reset(&s->notice);
		s->shut_down = s->msg_dirfd >= 0
		    && notice_read(s->msg_dirfd, "shutdown", &s->notice);
	}
	return s->shut_down ? s->notice.p : NULL;
}
