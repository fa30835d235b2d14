TOOLS += test/crash/kv_kill
test/crash/kv_kill_SRCS = test/crash/kv_kill.c
