TOOL_LIBS += test/crash/faults/inject.so
test/crash/faults/inject.so_SRCS = test/crash/faults/inject.c
