SERVER_SRCS += \
	imap/server/deliver.c
