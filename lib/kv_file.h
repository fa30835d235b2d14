/*
 * kv_file.h - how a database environment opens and finds its files
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

/*
 * The names in a folder, for Berkeley DB to ask for in place of its own, which
 * takes a readdir(3) that fails for the end: recovery would not see the log
 * then, and start a new one over it.  0 or an errno; kv_file_names_free().
 */
int kv_file_names(const char *dir, char ***names, int *count);
void kv_file_names_free(char **names, int count);

#endif
