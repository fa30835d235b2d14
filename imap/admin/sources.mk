PROGRAMS += imap/admin/chapar
imap/admin/chapar_SRCS = imap/admin/chapar.c imap/admin/conf_page.c imap/admin/group.c
MANPAGES += man/chapar.8 man/ctl_cyrusdb.8 man/ctl_mboxlist.8 man/cyr_expire.8
MANPAGES += man/ipurge.8 man/mbpath.8 man/mkimap.8 man/quota.8 man/reconstruct.8
MANPAGES += man/cyr_df.8 man/cyr_info.8 man/unexpunge.8
MANPAGES += man/mbexamine.8

# Installed in sbindir.
SCRIPTS += imap/admin/cyrus.in
MANPAGES += man/cyrus.8

# The page is the prose of man/imapd.conf.5.in around the table of options.
MADE_MANPAGES += man/imapd.conf.5

PROGRAMS += imap/admin/ctl_cyrusdb imap/admin/ctl_mboxlist imap/admin/cyr_expire
PROGRAMS += imap/admin/ipurge imap/admin/mbpath imap/admin/mkimap imap/admin/quota
PROGRAMS += imap/admin/reconstruct imap/admin/cyr_df imap/admin/cyr_info
PROGRAMS += imap/admin/unexpunge imap/admin/mbexamine
imap/admin/mbexamine_SRCS = imap/admin/mbexamine.c imap/admin/tool.c
imap/admin/unexpunge_SRCS = imap/admin/unexpunge.c imap/admin/tool.c
imap/admin/cyr_df_SRCS = imap/admin/cyr_df.c imap/admin/tool.c
imap/admin/cyr_info_SRCS = imap/admin/cyr_info.c
imap/admin/ctl_cyrusdb_SRCS = imap/admin/ctl_cyrusdb.c imap/admin/tool.c
imap/admin/ctl_mboxlist_SRCS = imap/admin/ctl_mboxlist.c imap/admin/tool.c
imap/admin/cyr_expire_SRCS = imap/admin/cyr_expire.c imap/admin/tool.c
imap/admin/ipurge_SRCS = imap/admin/ipurge.c imap/admin/tool.c
imap/admin/mbpath_SRCS = imap/admin/mbpath.c imap/admin/tool.c
imap/admin/mkimap_SRCS = imap/admin/mkimap.c imap/admin/tool.c
imap/admin/quota_SRCS = imap/admin/quota.c imap/admin/tool.c
imap/admin/reconstruct_SRCS = imap/admin/reconstruct.c imap/admin/tool.c
PROGRAMS += imap/admin/cyr_deny
imap/admin/cyr_deny_SRCS = imap/admin/cyr_deny.c imap/admin/tool.c
MANPAGES += man/cyr_deny.8
