LIB_SRCS += \
	lib/arena.c \
	lib/str.c
