/*
 * world.h - a server without network around sessions that are fuzzed
 *
 * A small store on a file system in memory, which is the same before each
 * input, and what a session asks of its process (imap/server/server.h, login.h),
 * done simply: every user's password is "x".  Two sessions have a store handle
 * each, as two processes have; Berkeley DB is kv_mem.c.
 *
 * Users: fred with INBOX, box, empty and a quota; wilma, who may do some
 * things in fred's box; boss, an admin.  A mailbox "shared" for everybody.
 * Partitions: default and two.
 */
#ifndef TEST_FUZZ_WORLD_H
#define TEST_FUZZ_WORLD_H

#include "imap/server/server.h"

enum {
	WORLD_SERVERS = 2,
	WORLD_STYLES = 2,		/* configurations: see world.c */
};

/*
 * Makes the world if there is none.  SETUP is called once, with servers of
 * style 0, to fill the store.
 */
void world_init(const char *service, void (*setup)(void));

/* As after SETUP.  Opens the first N servers, with configuration STYLE. */
void world_begin(unsigned style, int n);
void world_end(void);

/* Valid between world_begin() and world_end(). */
struct server *world_server(int i);

/* The same store once more, as for a process that comes and goes. */
struct store *world_visitor(void);
struct client world_client(struct stream *s);

#endif
