"""Which certificate a client sees: by its name, by what it can verify, by when it comes."""
import re
import ssl
import subprocess
import threading
import time

import pytest
from certs import Authority, Pair, openssl, put
from chapar import BUILD, wait_for
from secure import Doors, Secure, context, s_client, same, starttls


def seen(port, ctx, name):
    with Secure(port, ctx, name=name) as s:
        return s.cert


def wait_seen(port, ctx, name, pair):
    """A server asks keyd once a second."""
    wait_for("the certificate", lambda: same(seen(port, ctx, name), pair))


@pytest.fixture(scope="module")
def sni(folder):
    path = folder / "names"
    path.mkdir()
    return path


def add(sni, name, pair, files=("cert.pem", "key.pem"), owner=None):
    (sni / name).mkdir(exist_ok=True)
    for source, target in zip(pair, files):
        put(source, sni / name / target, owner)


@pytest.fixture(scope="module")
def named(module_server, ca, sni):
    # One process a service: another one has not seen what was there before.
    d = Doors(module_server, {"tls_sni_dir": str(sni)}, certificate=ca.issue("localhost"),
              workers="maxchild=1")
    d.default = ca.issue("localhost")
    d.put(d.default)
    wait_seen(d.imaps, context(ca), "localhost", d.default)
    return d


def test_a_name_of_its_own(named, ca, sni):
    one, two = ca.issue("one.example.org"), ca.issue("two.example.org", kind="rsa")
    add(sni, "one.example.org", one, owner=named.server.owner)
    add(sni, "two.example.org", two, ("fullchain.pem", "privkey.pem"), named.server.owner)
    ctx = context(ca)
    assert same(seen(named.imaps, ctx, "one.example.org"), one)
    assert same(seen(named.imaps, ctx, "TWO.Example.Org"), two)
    assert same(seen(named.pop3s, ctx, "one.example.org"), one)
    assert same(seen(named.lmtps, ctx, "two.example.org"), two)
    with Secure(named.imap, ctx, name="one.example.org", before=starttls(b"a STARTTLS\r\n")) as s:
        assert same(s.cert, one)
    named.server.wait_log(r"starttls: TLSv1.3 .*\[127\.0\.0\.1\] name one\.example\.org")


def test_a_wildcard(named, ca, sni):
    wild = ca.issue("*.wild.example")
    add(sni, "*.wild.example", wild, owner=named.server.owner)
    own = ca.issue("own.wild.example")
    add(sni, "own.wild.example", own, owner=named.server.owner)
    ctx = context(ca)
    assert same(seen(named.imaps, ctx, "any.wild.example"), wild)
    assert same(seen(named.imaps, ctx, "own.wild.example"), own)
    # One label only: RFC 9525 section 6.3.
    ctx.check_hostname = False
    assert same(seen(named.imaps, ctx, "a.b.wild.example"), named.default)
    assert same(seen(named.imaps, ctx, "wild.example"), named.default)


@pytest.mark.parametrize("name", [None, "unknown.example.org", "..", "../names/one.example.org",
                                  "a..b", "*.wild.example"])
def test_any_other_name_gets_the_default(named, name):
    """server_name is the client's text: it must not lead out of the folder."""
    out = s_client(named.imaps, name=name)
    assert same(out[out.index("-----BEGIN"):out.index("-----END CERTIFICATE-----") + 26], named.default)


def test_names_come_and_go(named, ca, sni):
    ctx = context(ca, check_hostname=False)
    assert same(seen(named.imaps, ctx, "late.example.org"), named.default)
    first, second = ca.issue("late.example.org"), ca.issue("late.example.org")
    add(sni, "late.example.org", first, owner=named.server.owner)
    wait_seen(named.imaps, ctx, "late.example.org", first)
    add(sni, "late.example.org", second, owner=named.server.owner)
    wait_seen(named.imaps, ctx, "late.example.org", second)
    for f in (sni / "late.example.org").iterdir():
        f.unlink()
    # Its files are gone, but not the name: somebody is renewing it.
    assert same(seen(named.imaps, ctx, "late.example.org"), second)
    (sni / "late.example.org").rmdir()
    wait_seen(named.imaps, ctx, "late.example.org", named.default)


def test_sessions_are_a_names_own(named, ca, sni):
    add(sni, "s1.example.org", ca.issue("s1.example.org"), owner=named.server.owner)
    add(sni, "s2.example.org", ca.issue("s2.example.org"), owner=named.server.owner)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        ctx = context(ca, version, check_hostname=False)
        with Secure(named.imaps, ctx, name="s1.example.org") as s:
            session = s.session
        with Secure(named.imaps, ctx, name="s1.example.org", session=session) as s:
            assert s.reused
        with Secure(named.imaps, ctx, name="s2.example.org", session=session) as s:
            assert not s.reused
        with Secure(named.imaps, ctx, name="localhost", session=session) as s:
            assert not s.reused


# --- two types at once ---

def test_rsa_and_ecdsa(make_doors, ca):
    rsa, ecdsa = ca.issue("localhost", kind="rsa"), ca.issue("localhost")
    d = make_doors({"tls_server_cert": "{configdirectory}/../cert.pem,{configdirectory}/../ec.pem",
                    "tls_server_key": "{configdirectory}/../key.pem,{configdirectory}/../ec.key"},
                   certificate=rsa, before=lambda d: d.put(ecdsa, ("ec.pem", "ec.key")))
    old = context(ca, ssl.TLSVersion.TLSv1_2)
    for ciphers, want in (("ECDHE-RSA-AES128-GCM-SHA256", rsa), ("ECDHE-ECDSA-AES128-GCM-SHA256", ecdsa)):
        old.set_ciphers(ciphers)
        assert same(seen(d.imaps, old, "localhost"), want)
    for algorithms, kind in (("RSA-PSS+SHA256", "RSA-PSS"), ("ECDSA+SHA256", "ECDSA")):
        out = s_client(d.imaps, "-tls1_3", "-sigalgs", algorithms, "-CAfile", ca.pem)
        assert f"Peer signature type: {kind}" in out and "Verify return code: 0" in out


def test_ed25519_and_a_chain(make_doors, ca, folder):
    middle = Authority(folder, "middle", issuer=ca)
    pair = middle.issue("localhost", kind="ed25519")
    d = make_doors(certificate=pair)
    out = s_client(d.imaps, "-CAfile", ca.pem, "-verify_return_error")
    assert "signature type: ed25519" in out.lower() and "Verify return code: 0" in out
    with Secure(d.imaps, context(ca)) as s:
        assert same(s.cert, pair)


# --- renewal ---

def test_renewed_under_load(make_doors, ca):
    """50 renewals while clients come and go, each half done for a moment: no
    handshake fails, sessions go on, and the last certificate is seen."""
    d = make_doors()
    pairs = [ca.issue("localhost", kind=k) for k in ("ecdsa", "rsa", "ecdsa")]
    done, failures, count, longest = threading.Event(), [], [0], 0
    lasting = Secure(d.imaps, context(ca))

    def knock():
        ctx = context(ca)
        while not done.is_set():
            try:
                with Secure(d.imaps, ctx) as s:
                    assert s.first.startswith(b"* OK")
                    count[0] += 1
            except Exception as e:      # noqa: BLE001
                failures.append(repr(e))

    threads = [threading.Thread(target=knock) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(50):
            pair = pairs[i % 3]
            before, began = count[0], time.monotonic()
            if i % 5 == 0:                # written in place, and slowly
                text = pair.cert.read_bytes()
                with open(d.server.dir / "cert.pem", "r+b") as f:
                    f.truncate(0)
                    f.write(text[:len(text) // 2])
                    f.flush()
                    wait_for("a handshake", lambda: count[0] > before or failures)
                    f.write(text[len(text) // 2:])
            else:
                put(pair.cert, d.server.dir / "cert.pem", d.server.owner)
            wait_for("a handshake", lambda: count[0] > before + 1 or failures)
            put(pair.key, d.server.dir / "key.pem", d.server.owner)
            longest = max(longest, time.monotonic() - began)
            wait_for("a handshake", lambda: count[0] > before + 2 or failures)
    finally:
        done.set()
        for t in threads:
            t.join()
    assert failures == []
    wait_seen(d.imaps, context(ca), "localhost", pairs[49 % 3])
    assert lasting.ask("a NOOP").startswith(b"a OK")
    lasting.close()
    # Between the two files of a pair nothing was wrong for long enough to be told.
    if longest < 4:
        assert "cannot be used" not in d.server.log()
    else:
        d.server.expect("cannot be used")


@pytest.mark.parametrize("spoil", ["rubbish", "other key", "gone"])
def test_what_cannot_be_used_is_not(make_doors, ca, spoil):
    d = make_doors(workers="maxchild=1")
    good = ca.issue("localhost")
    d.put(good)
    ctx = context(ca)
    wait_seen(d.imaps, ctx, "localhost", good)
    if spoil == "rubbish":
        put(b"-----BEGIN CERTIFICATE-----\nMIIB", d.server.dir / "cert.pem", d.server.owner)
    elif spoil == "other key":
        put(ca.issue("localhost").key, d.server.dir / "key.pem", d.server.owner)
    else:
        (d.server.dir / "cert.pem").unlink()
    assert same(seen(d.imaps, ctx, "localhost"), good)
    d.server.expect("certificates cannot be used")

    def told():
        assert same(seen(d.imaps, ctx, "localhost"), good)
        return "the old ones stay" in d.server.log()

    wait_for("the log to tell", told)
    again = ca.issue("localhost")
    d.put(again)
    wait_seen(d.imaps, ctx, "localhost", again)
    d.server.wait_log("new certificates are in use")


def test_a_key_with_a_passphrase(make_doors, ca, folder):
    pair = ca.issue("localhost")
    locked = folder / "locked.key"
    openssl("pkey", "-in", pair.key, "-aes256", "-passout", "pass:x", "-out", locked)
    d = make_doors(certificate=Pair(pair.cert, locked), start=False)
    d.server.expect("TLS: ")
    d.server.expect("-s needs TLS")
    d.server.expect("ended before it served")
    d.server.start()
    d.server.wait_log(r'key\.pem" has a passphrase')
    # It starts all the same, without TLS; and with it once the key is good.
    assert not offers(d)
    d.put(pair)
    wait_for("TLS", lambda: offers(d))


def offers(d):
    c = d.server.connect()
    r = c.ok("CAPABILITY")
    c.close()
    return any(b"STARTTLS" in line for line in r.untagged)


# --- OCSP ---

def test_stapled(make_doors, ca):
    pair = ca.issue("localhost")
    chained = type(pair)(ca.dir / "chained.pem", pair.key)
    chained.cert.write_text(pair.cert.read_text() + ca.pem.read_text())
    d = make_doors(certificate=chained, workers="maxchild=1")     # each process asks keyd once a second
    ctx_args = ["-status", "-CAfile", ca.pem]
    assert "OCSP response: no response sent" in s_client(d.imaps, *ctx_args)
    ca.ocsp(pair, ca.dir / "response")
    put(ca.dir / "response", d.server.dir / "cert.pem.ocsp", d.server.owner)
    wait_for("a staple", lambda: "OCSP Response Status: successful" in s_client(d.imaps, *ctx_args))
    for version in ("-tls1_2", "-tls1_3"):
        out = s_client(d.imaps, version, *ctx_args)
        assert "OCSP Response Status: successful" in out and "Cert Status: good" in out
    # Not another certificate's.
    ca.ocsp(ca.issue("localhost"), ca.dir / "response")
    put(ca.dir / "response", d.server.dir / "cert.pem.ocsp", d.server.owner)
    wait_for("no staple", lambda: "OCSP response: no response sent" in s_client(d.imaps, *ctx_args))
    d.server.wait_log("holds no OCSP response")


# --- chapar tls check ---

def check(server):
    run = subprocess.run([BUILD / "imap/admin/chapar", "tls", "check", "-C", server.conf],
                         capture_output=True, text=True)
    return run.returncode, run.stdout + run.stderr


def test_check(make_server, ca, folder, tmp_path):
    srv = make_server({"tls_sni_dir": str(tmp_path)}, start=False)
    good, chained = ca.issue("localhost"), folder / "good.pem"
    chained.write_text(good.cert.read_text() + ca.pem.read_text())
    put(chained, srv.dir / "cert.pem")
    put(good.key, srv.dir / "key.pem")
    add(tmp_path, "a.example.org", ca.issue("a.example.org"))
    add(tmp_path, "*.example.org", ca.issue("*.example.org", kind="rsa"))
    status, said = check(srv)
    assert status == 0 and "WRONG" not in said, said
    assert "for localhost" in said and re.search("good for (19|20) more days", said) and "for *.example.org" in said
    cases = {
        "has expired": ca.issue("b.example.org", expired=True),
        "is not for b.example.org": ca.issue("c.example.org"),
        "no PEM private key for": Pair(ca.issue("b.example.org").cert, ca.issue("b.example.org").key),
        "did not issue": Pair(folder / "gap.pem", good.key),
    }
    cases["did not issue"].cert.write_text(good.cert.read_text() + good.cert.read_text())
    for words, pair in cases.items():
        add(tmp_path, "b.example.org", pair)
        status, said = check(srv)
        assert status == 1 and said.count("WRONG") >= 1 and words in said, (words, said)
    (tmp_path / "b.example.org/key.pem").unlink()
    status, said = check(srv)
    assert status == 1 and "b.example.org: neither" in said
