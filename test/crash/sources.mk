TOOLS += test/crash/kv_kill test/crash/kv_powercut
test/crash/kv_kill_SRCS = test/crash/kv_kill.c
test/crash/kv_powercut_SRCS = test/crash/kv_powercut.c
