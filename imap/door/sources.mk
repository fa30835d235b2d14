DOOR_SRCS += \
	imap/door/door.c \
	imap/door/imap_assemble.c \
	imap/door/imap_door.c \
	imap/door/imap_words.c \
	imap/door/pop3_capa.c \
	imap/door/pop3_door.c \
	imap/door/pop3_reply.c
UNIT_TESTS += test/unit/test_imap_door.c test/unit/test_pop3_door.c
