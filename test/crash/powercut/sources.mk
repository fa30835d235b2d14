TOOL_LIBS += test/crash/powercut/record.so
test/crash/powercut/record.so_SRCS = test/crash/powercut/record.c \
	test/crash/powercut/trace.c test/crash/powercut/shadow.c
