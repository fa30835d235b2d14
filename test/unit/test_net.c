/* Addresses in words, listening, connecting, who is at the other end. */
#include "lib/net.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void
test_split(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		bool ok;
		const char *host, *port;
	} rows[] = {
		{ "imap", true, "", "imap" },
		{ "143", true, "", "143" },
		{ "localhost:lmtp", true, "localhost", "lmtp" },
		{ "192.0.2.1:24", true, "192.0.2.1", "24" },
		{ "[::1]:143", true, "::1", "143" },
		{ "*:143", true, "", "143" },
		{ ":143", true, "", "143" },
		{ "", false, "", "" },
		{ "host:", false, "host", "" },
		{ "[::1]", false, "", "" },
		{ "[::1:143", false, "", "" },
		{ "a[::1]:143", false, "a[::1]", "143" },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf host = BUF_INIT, port = BUF_INIT;
		assert_int_equal(net_split(rows[i].address, &host, &port), rows[i].ok);
		if (rows[i].ok) {
			assert_string_equal(host.p, rows[i].host);
			assert_string_equal(port.p, rows[i].port);
		}
		buf_free(&host);
		buf_free(&port);
	}
}

static void
talk(const char *address, int listener)
{
	char byte;
	int client, server;
	assert_int_equal(net_connect(address, 5000, &client), OK);
	server = accept(listener, NULL, NULL);
	assert_true(server >= 0);
	assert_true(fcntl(client, F_GETFL) & O_NONBLOCK);
	assert_int_equal(write(client, "x", 1), 1);
	assert_int_equal(read(server, &byte, 1), 1);
	assert_true(net_is_local(server));
	struct buf host = BUF_INIT, sasl = BUF_INIT;
	net_host(server, true, &host);
	if (net_is_path(address)) {
		pid_t pid;
		uid_t uid;
		gid_t gid;
		assert_string_equal(host.p, "local");
		assert_false(net_sasl_address(server, true, &sasl));
		assert_int_equal(net_port(server, true), 0);
		assert_true(net_peer_owner(server, &pid, &uid, &gid));
		assert_int_equal(pid, getpid());
		assert_int_equal(uid, geteuid());
	} else {
		char want[64];
		assert_string_equal(host.p, *address == '[' ? "::1" : "127.0.0.1");
		assert_true(net_sasl_address(server, true, &sasl));
		snprintf(want, sizeof(want), "%s;%d", host.p, net_port(server, true));
		assert_string_equal(sasl.p, want);
		assert_int_equal(net_port(server, true), net_port(client, false));
	}
	buf_free(&host);
	buf_free(&sasl);
	close(client);
	close(server);
}

static void
test_tcp(void **state)
{
	(void)state;
	static const char *const hosts[] = { "127.0.0.1", "[::1]" };
	for (size_t i = 0; i < 2; i++) {
		int fds[NET_MAX_ADDRESSES], again[NET_MAX_ADDRESSES], n, m;
		char address[64];
		snprintf(address, sizeof(address), "%s:0", hosts[i]);
		enum err e = net_listen_tcp(address, NET_ANY, 8, fds, &n);
		if (i == 1 && e != OK)
			continue;	/* a machine without IPv6 */
		assert_int_equal(e, OK);
		assert_int_equal(n, 1);
		snprintf(address, sizeof(address), "%s:%d", hosts[i],
		    net_port(fds[0], false));
		(void)fcntl(fds[0], F_SETFL, 0);
		talk(address, fds[0]);
		assert_int_equal(net_listen_tcp(address, NET_ANY, 8, again, &m), ERR_BUSY);
		/* Who shares the socket no longer listens either. */
		int shared = dup(fds[0]), client;
		net_unlisten(fds[0]);
		assert_int_equal(net_connect(address, 5000, &client), ERR_IO);
		assert_int_equal(net_listen_tcp(address, NET_ANY, 8, again, &m), OK);
		close(again[0]);
		close(shared);
	}
}

static void
test_unix(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_net.XXXXXX", path[64], file[64], longer[200];
	int fd, again, client;
	struct stat st;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/socket", dir);
	snprintf(file, sizeof(file), "%s/file", dir);
	assert_int_equal(net_connect(path, 1000, &client), ERR_NOTFOUND);
	assert_int_equal(net_listen_unix(path, 0660, 8, &fd), OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	(void)fcntl(fd, F_SETFL, 0);
	talk(path, fd);
	/* A live one is left alone, a dead one replaced, a file kept. */
	assert_int_equal(net_listen_unix(path, 0600, 8, &again), ERR_BUSY);
	close(fd);
	assert_int_equal(net_listen_unix(path, 0600, 8, &fd), OK);
	net_unlisten(fd);
	assert_int_not_equal(access(path, F_OK), 0);
	close(open(file, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(net_listen_unix(file, 0600, 8, &fd), ERR_EXISTS);
	memset(longer, 'x', sizeof(longer));
	longer[0] = '/';
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(net_listen_unix(longer, 0600, 8, &fd), ERR_LIMIT);
	unlink(file);
	rmdir(dir);
}

static void
test_unknown_names(void **state)
{
	(void)state;
	int fds[NET_MAX_ADDRESSES], n;
	assert_int_equal(net_listen_tcp("127.0.0.1:no-such-port", NET_ANY, 8, fds, &n),
	    ERR_SYNTAX);
	assert_int_equal(net_listen_tcp("[::1", NET_ANY, 8, fds, &n), ERR_SYNTAX);
	assert_int_equal(n, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_unix),
		cmocka_unit_test(test_unknown_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
