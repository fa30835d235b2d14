PROGRAMS += master/master
master/master_SRCS = \
	master/child.c \
	master/conf.c \
	master/daemon.c \
	master/event.c \
	master/front.c \
	master/front_tell.c \
	master/helpers.c \
	master/janitor.c \
	master/keys.c \
	master/keys_tell.c \
	master/master.c \
	master/options.c \
	master/pidfile.c \
	master/roll.c \
	master/schedule.c \
	master/service.c \
	master/startup.c \
	master/stopped.c \
	master/systemd.c \
	master/ticketkeys.c \
	master/upgrade.c \
	master/worker.c

TOOLS += test/system/echod
test/system/echod_SRCS = test/system/echod.c

UNIT_TESTS += test/unit/test_mconf.c test/unit/test_schedule.c
test/unit/test_mconf_SRCS = master/conf.c master/schedule.c
test/unit/test_schedule_SRCS = master/schedule.c

MANPAGES += man/master.8 man/cyrus.conf.5

UNITS += master/chapar.service.in
