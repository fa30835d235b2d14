/*
 * kv_file.h - how a database environment opens its files
 *
 * As open(2), for Berkeley DB to call in its place.  Berkeley DB flushes a new
 * log file (log.NNNNNNNNNN), but not its name: after a power cut the commits in it
 * would be gone with it.  So the folder is flushed as soon as the file is made;
 * if that fails, so does the call, with EIO.
 *
 * Berkeley DB sleeps up to 12 s, with the environment's lock, over EMFILE, ENFILE
 * and ENOSPC, in the hope that they pass.  It gets ENOMEM and EFBIG instead,
 * which are as good a reason to try later, and the log says what it was.
 *
 * A region that is made takes the room that was kept for it (kv_room.h).
 */
#ifndef LIB_KV_FILE_H
#define LIB_KV_FILE_H

int kv_file_open(const char *path, int flags, ...);

#endif
