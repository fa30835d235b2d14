"""Certificates of clients: who comes in, who does not, and what the log says."""
import re
import ssl

import pytest
from certs import Authority, put
from chapar import wait_for
from secure import Secure, context


class Refused(Exception):
    pass


def knock(port, ca, pair=None, version=None, session=None):
    """The greeting and whether the session was resumed; TLS 1.3 refuses only then."""
    ctx = context(ca, version)
    if pair:
        ctx.load_cert_chain(pair.cert, pair.key)
    try:
        with Secure(port, ctx, session=session) as s:
            if not s.first:
                raise Refused("closed")
            return s.first, s.reused
    except (ssl.SSLError, ConnectionError) as e:
        raise Refused(str(e)) from e


@pytest.fixture(scope="module")
def clients(folder):
    """Who certifies clients: not the one who certified the server."""
    return Authority(folder, "people")


def is_refused(*what):
    try:
        knock(*what)
    except Refused:
        return True
    return False


@pytest.fixture(scope="module")
def crl(folder, clients):
    path = folder / "crl.pem"
    path.write_text(clients.crl())
    return path


@pytest.fixture(scope="module")
def fred(clients):
    return clients.issue("fred", san="email:fred@example.org,email:f@example.org", use="clientAuth")


@pytest.fixture(scope="module")
def optional(module_server, ca, clients, crl):
    from secure import Doors
    return Doors(module_server, {"tls_client_ca_file": str(clients.pem), "tls_crl_file": str(crl)},
                 certificate=ca.issue("localhost"), workers="maxchild=1")


BOTH = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.mark.parametrize("version", BOTH)
def test_without_one(optional, ca, version):
    assert knock(optional.imaps, ca, version=version)[0].startswith(b"* OK")


@pytest.mark.parametrize("version", BOTH)
def test_a_good_one(optional, ca, fred, version):
    assert knock(optional.imaps, ca, fred, version)[0].startswith(b"* OK")
    optional.server.wait_log(r"starttls: .* client fred@example\.org\n")


@pytest.mark.parametrize("version", BOTH)
@pytest.mark.parametrize("which, why", [
    ("expired", "certificate has expired"),
    ("wrong CA", "unable to get (local )?issuer certificate|self-signed"),
    ("revoked", "certificate revoked"),
    ("a server's", "unsupported certificate purpose|unsuitable certificate purpose"),
])
def test_bad_ones(optional, ca, clients, crl, version, which, why):
    if which == "expired":
        pair = clients.issue("old", san="email:old@example.org", expired=True)
    elif which == "wrong CA":
        pair = ca.issue("fred", san="email:fred@example.org")
    elif which == "a server's":
        pair = clients.issue("fred", san="email:fred@example.org", use="serverAuth")
    else:
        pair = clients.issue("gone", san="email:gone@example.org")
        assert knock(optional.imaps, ca, pair, version)[0].startswith(b"* OK")
        clients.revoke(pair)
        put(clients.crl().encode(), crl)
        wait_for("the list", lambda: is_refused(optional.imaps, ca, pair, version))
    assert is_refused(optional.imaps, ca, pair, version)
    optional.server.wait_log(rf"TLS handshake failed: \[127\.0\.0\.1\] the client's certificate is refused: ({why})")


def test_such_sessions_are_not_resumed(optional, ca, fred):
    """Each time it is verified anew: it may be revoked by then."""
    for version in BOTH:
        ctx = context(ca, version)
        ctx.load_cert_chain(fred.cert, fred.key)
        with Secure(optional.imaps, ctx) as s:
            session = s.session
        assert not knock(optional.imaps, ca, fred, version, None)[1]
        with Secure(optional.imaps, ctx, session=session) as s:
            assert s.first.startswith(b"* OK") and not s.reused
        plain = context(ca, version)
        with Secure(optional.imaps, plain) as s:
            session = s.session
        with Secure(optional.imaps, plain, session=session) as s:
            assert s.reused


def test_a_list_that_has_run_out_refuses(make_doors, ca, folder, fred, clients):
    path = folder / "stale.pem"
    path.write_text(clients.crl(days=0))
    d = make_doors({"tls_client_ca_file": str(clients.pem), "tls_crl_file": str(path)}, workers="maxchild=1")
    assert knock(d.imaps, ca)[0].startswith(b"* OK")
    with pytest.raises(Refused):
        knock(d.imaps, ca, fred)
    d.server.wait_log("refused: CRL has expired")
    put(clients.crl().encode(), path)
    wait_for("the new list", lambda: not is_refused(d.imaps, ca, fred))
    assert knock(d.imaps, ca, fred)[0].startswith(b"* OK")


@pytest.mark.parametrize("version", BOTH)
def test_required(make_doors, ca, clients, fred, version):
    d = make_doors({"tls_client_ca_file": str(clients.pem), "imaps_tls_client_certs": "require"})
    with pytest.raises(Refused):
        knock(d.imaps, ca, version=version)
    d.server.wait_log("has no certificate, which tls_client_certs requires")
    assert knock(d.imaps, ca, fred, version)[0].startswith(b"* OK")
    assert knock(d.pop3s, ca, version=version)[0].startswith(b"+OK")


def test_off(make_doors, ca, clients, fred):
    d = make_doors({"tls_client_ca_file": str(clients.pem), "tls_client_certs": "off"})
    assert knock(d.imaps, ca, fred)[0].startswith(b"* OK")
    assert re.search("client fred", d.server.log()) is None


def test_required_needs_somebody_who_certifies(make_server):
    srv = make_server({"tls_client_certs": "require"}, start=False)
    for pattern in ("needs tls_client_ca_file", "-s needs TLS", "ended before it served"):
        srv.expect(pattern)
    srv.start()
    c = srv.connect()
    assert b"STARTTLS" not in b" ".join(c.ok("CAPABILITY").untagged)
    wait_for("the log", lambda: "needs tls_client_ca_file" in srv.log())
