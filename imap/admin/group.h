/* group.h - chapar group: the server's own groups */
#ifndef IMAP_ADMIN_GROUP_H
#define IMAP_ADMIN_GROUP_H

/* ARGV: what stands behind "group".  The exit status; EX_USAGE: it is none of ours. */
int group_command(const char *conf_path, int argc, char **argv);

#endif
