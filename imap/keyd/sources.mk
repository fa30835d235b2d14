PROGRAMS += imap/keyd/keyd
imap/keyd/keyd_SRCS = imap/keyd/counter.c imap/keyd/keyd.c imap/keyd/stock.c
MANPAGES += man/keyd.8
