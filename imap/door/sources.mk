DOOR_SRCS += imap/door/imap_assemble.c imap/door/imap_door.c imap/door/imap_words.c
UNIT_TESTS += test/unit/test_imap_door.c
