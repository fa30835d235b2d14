LIB_SRCS += \
	lib/acl.c \
	lib/arena.c \
	lib/b64.c \
	lib/buf.c \
	lib/charset.c \
	lib/collate.c \
	lib/conf.c \
	lib/conf_read.c \
	lib/conf_table.c \
	lib/conf_value.c \
	lib/crc.c \
	lib/digest.c \
	lib/err.c \
	lib/fields.c \
	lib/file.c \
	lib/json.c \
	lib/groups.c lib/groups_ldap.c lib/groups_list.c lib/groups_own.c lib/ldap.c \
	lib/lock.c \
	lib/lock_holder.c \
	lib/kv_bdb.c lib/kv_env.c lib/kv_walk.c \
	lib/kv_file.c lib/kv_room.c lib/kv_state.c lib/kv_tree.c \
	lib/log.c \
	lib/mem.c \
	lib/process.c \
	lib/str.c \
	lib/utf7.c \
	lib/utf8.c

# The world outside: connections, TLS, SASL, the loop, master's protocol.
LIB_SRCS += \
	lib/acceptor.c \
	lib/confine.c lib/confine_trees.c \
	lib/deflate.c \
	lib/http.c \
	lib/jail.c \
	lib/landlock.c \
	lib/jwt.c \
	lib/handover.c \
	lib/logconf.c \
	lib/net.c \
	lib/pass.c \
	lib/netset.c \
	lib/poll.c \
	lib/proctitle.c \
	lib/proxyproto.c \
	lib/sasl.c lib/sasl_binding.c lib/sasl_canon.c lib/sasl_conn.c lib/sasl_decoy.c lib/sasl_interact.c lib/sasl_layer.c lib/sasl_library.c lib/sasl_list.c \
	lib/sasl_mechs.c lib/sasl_password.c lib/sasl_prepare.c \
	lib/saslclient.c \
	lib/saslprep.c \
	lib/sigbus.c \
	lib/sockd.c \
	lib/stream.c lib/stream_layers.c lib/stream_read.c lib/stream_wait.c lib/stream_write.c \
	lib/svc.c \
	lib/svc_command.c \
	lib/svc_front.c \
	lib/svc_template.c \
	lib/syscalls.c \
	lib/tickets.c \
	lib/tls.c lib/tls_bundle.c lib/tls_cert.c lib/tls_check.c lib/tls_context.c lib/tls_files.c lib/tls_ocsp.c \
	lib/tls_pairs.c lib/tls_peer.c lib/tls_read.c lib/tls_setup.c lib/tls_shelf.c lib/tls_ticket.c \
	lib/tlsclient.c \
	lib/tlskey.c lib/tlskey_fetch.c lib/tlskey_line.c lib/tlskey_remote.c lib/tlskey_ring.c lib/tlskey_serve.c

UNIT_TESTS += test/unit/test_deflate.c test/unit/test_json.c test/unit/test_net.c test/unit/test_netset.c test/unit/test_poll.c test/unit/test_sasl.c test/unit/test_sasl_interact.c test/unit/test_saslprep.c test/unit/test_stream.c test/unit/test_stream_layer.c test/unit/test_stream_tls.c
UNIT_TESTS += test/unit/test_kv.c test/unit/test_kv_damage.c test/unit/test_kv_entry.c
test/unit/test_kv_SRCS = test/unit/kv_fixture.c
test/unit/test_kv_damage_SRCS = test/unit/kv_fixture.c
test/unit/test_kv_entry_SRCS = test/unit/kv_fixture.c
UNIT_TESTS += test/unit/test_svc.c test/unit/test_tls.c
UNIT_TESTS += test/unit/test_jail.c test/unit/test_kv_state.c test/unit/test_landlock.c test/unit/test_syscalls.c
UNIT_TESTS += test/unit/test_handover.c

# Tests of the base.
UNIT_TESTS += \
	test/unit/test_acl.c \
	test/unit/test_charset.c \
	test/unit/test_conf.c \
	test/unit/test_crc.c \
	test/unit/test_digest.c \
	test/unit/test_file.c \
	test/unit/test_log.c \
	test/unit/test_mem.c \
	test/unit/test_str.c \
	test/unit/test_utf7.c
UNIT_TESTS += test/unit/test_collate.c
test/unit/test_tls_SRCS = test/unit/tls_fixture.c
UNIT_TESTS += test/unit/test_groups.c
test/unit/test_tlskey_SRCS = test/unit/tls_fixture.c
UNIT_TESTS += test/unit/test_tickets.c test/unit/test_tlskey.c
TOOLS += test/system/confined
test/system/confined_SRCS = test/system/confined.c
