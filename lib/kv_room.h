/*
 * kv_room.h - room on the disk for the next regions of a database environment
 *
 * A recovery deletes the regions (__db.NNN) and makes new ones.  On a full disk
 * that would be the end: what was set free is taken by somebody else before the
 * new ones are there.  So regions that nobody has mapped (a start) become
 * kv.room.old.NNN for a moment and then the new ones, by a change of the name;
 * and for each region a file kv.room.NNN is kept, which has the blocks already,
 * for the case that somebody has the old one (a death inside).
 *
 * All of it with the environment's lock only.  Nothing here is durable, and
 * nothing fails: without the room all goes on as long as the disk has some.
 */
#ifndef LIB_KV_ROOM_H
#define LIB_KV_ROOM_H

#include <stdbool.h>

/* Is NAME that of a region?  Not __db.xxx.NAME, a database before it has its name. */
bool kv_room_is_region(const char *name);

/*
 * Region NAME, which nobody has mapped, becomes the room for the next one.
 * False: it could not, and is still there.
 */
bool kv_room_save(int dir_fd, const char *name);

/* A region is to be made at PATH, where none is: true if it now is there. */
bool kv_room_take(const char *path);

/*
 * Takes room for the successors of the regions that are there.  To be called
 * while the disk has much.
 */
void kv_room_keep(int dir_fd);

/*
 * Fills the file of the cache up to SIZE: Berkeley DB lets it grow with holes in
 * it, and a store into a hole on a full disk is a SIGBUS.  Without room for all
 * of it the database works too, if nobody takes the room it has.
 */
bool kv_room_fill_cache(int dir_fd, unsigned size);

#endif
