PROGRAMS += imap/admin/chapar
imap/admin/chapar_SRCS = imap/admin/chapar.c imap/admin/conf_page.c
MANPAGES += man/chapar.8

# The page is the prose of man/imapd.conf.5.in around the table of options.
MADE_MANPAGES += man/imapd.conf.5
