TOOLS += test/crash/kv_kill test/crash/kv_powercut
test/crash/kv_kill_SRCS = test/crash/kv_kill.c
test/crash/kv_powercut_SRCS = test/crash/kv_powercut.c

TOOLS += test/crash/names_kill
test/crash/names_kill_SRCS = test/crash/names_kill.c

TOOL_LIBS += test/crash/stop_early.so
test/crash/stop_early.so_SRCS = test/crash/stop_early.c
