"""OAUTHBEARER (RFC 7628) and XOAUTH2, with tokens that are JWTs (RFC 7519) or opaque (RFC 7662)."""
import hashlib
import hmac
import json
import time

import pytest

from oauthprovider import AUDIENCE, ISSUER, Key, Provider, b64url, by_hand, jwt
from saslclient import Exchange, curl, mechanisms

CONFIG_URL = "https://id.example/.well-known/openid-configuration"
RSA, RSA_TWO, EC = Key("one"), Key("two"), Key("three", "ES256")


@pytest.fixture(scope="module")
def provider():
    p = Provider()
    p.keys = [RSA.jwk, EC.jwk]
    yield p
    p.stop()


@pytest.fixture
def with_file(make_server):
    """with_file(keys) -> a server that has them from a file"""
    def make(keys):
        srv = make_server({"oauth_jwks": "{configdirectory}/jwks", "oauth_issuer": ISSUER,
                           "oauth_audience": AUDIENCE, "sasl_mech_list": "PLAIN OAUTHBEARER"},
                          start=False)
        (srv.dir / "config/jwks").write_text(json.dumps({"keys": keys}))
        srv.start()
        return srv
    return make


def options(provider, **more):
    return {"sasl_mech_list": "PLAIN OAUTHBEARER XOAUTH2", "oauth_jwks": provider.url("/jwks"),
            "oauth_issuer": ISSUER, "oauth_audience": AUDIENCE, "oauth_scope": "mail",
            "oauth_openid_configuration": CONFIG_URL, **more}


@pytest.fixture(scope="module")
def server(module_server, provider):
    return module_server(options(provider))


@pytest.fixture
def user(server):
    return server.new_user()


def bearer(token, authzid="", extra="host=localhost\1port=143\1"):
    a = f"a={authzid}" if authzid else ""
    return f"n,{a},\1{extra}auth=Bearer {token}\1\1"


def xoauth2(token, user):
    return f"user={user}\1auth=Bearer {token}\1\1"


def refused(x, status="invalid_token"):
    """The challenge that says why; the client's answer to it, and the end."""
    assert x.reply is None, x.reply
    told = json.loads(x.challenge)
    assert told["status"] == status
    x.answer("\1")
    assert x.reply.startswith("NO [AUTHENTICATIONFAILED]"), x.reply
    return told


def is_refused(server, token, **more):
    with_client = server.connect()
    refused(Exchange(with_client, "OAUTHBEARER", bearer(token)), **more)
    with_client.close()


# --- the dialogue ---

def test_offered(server):
    assert mechanisms(server.connect()) == ["PLAIN", "OAUTHBEARER", "XOAUTH2"]


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_curl(make_server, provider, mechanism):
    """curl takes the token from the command line, and has an initial response or not."""
    server = make_server(options(provider, sasl_mech_list=f"PLAIN {mechanism}"))
    user = server.new_user()
    for sasl_ir in ((), ("--sasl-ir",)):
        run = curl(server, "--user", user, "--oauth2-bearer", RSA.token(user),
                   "--login-options", f"AUTH={mechanism}", *sasl_ir)
        assert run.returncode == 0, run.stderr
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} {mechanism}\+TLS User logged in")
    run = curl(server, "--user", user, "--oauth2-bearer", RSA.token(user, exp=1),
               "--login-options", f"AUTH={mechanism}")
    assert run.returncode == 67, run.stderr


def test_curl_plain(server, user):
    for more in ((), ("--sasl-ir",)):
        assert curl(server, "--user", f"{user}:secret", "--login-options", "AUTH=PLAIN",
                    *more).returncode == 0


def test_algorithms(with_file):
    keys = [RSA, EC, Key("es384", "ES384"), Key("es512", "ES512"), Key("ps", "PS256"),
            Key("rs512", "RS512"), Key("ed", "EdDSA")]
    server = with_file([key.jwk for key in keys])
    user = server.new_user()
    for key in keys:
        x = Exchange(server.connect(), "OAUTHBEARER", bearer(key.token(user)))
        assert x.reply and x.reply.startswith("OK"), key.algorithm


def test_eddsa(with_file):
    """RFC 8037; RFC 9864 calls the algorithm Ed25519. Another key's, a cut one, another text, another type of key: none."""
    key, other = Key("ed", "EdDSA"), Key("ed", "EdDSA")
    server = with_file([{k: v for k, v in key.jwk.items() if k != "alg"}, {**other.jwk, "kid": "x", "crv": "X25519"},
                        {**other.jwk, "kid": "short", "x": other.jwk["x"][:-2]}, RSA.jwk])
    user = server.new_user()
    claims = jwt.decode(key.token(user), options={"verify_signature": False})

    def attempt(header, sign):
        return Exchange(server.connect(), "OAUTHBEARER", bearer(by_hand({"kid": "ed", "alg": "EdDSA", **header}, claims, sign)))
    for header in {}, {"alg": "Ed25519"}:
        assert attempt(header, key.private.sign).reply.startswith("OK")
    for header, sign in [({}, other.private.sign), ({}, lambda d: key.private.sign(d)[:-1]), ({}, lambda d: b""),
                         ({}, lambda d: key.private.sign(d + b".")), ({}, lambda d: bytes(64)),
                         ({"kid": "x"}, other.private.sign), ({"kid": "short"}, other.private.sign),
                         ({"kid": RSA.kid}, key.private.sign), ({"alg": "RS256"}, key.private.sign)]:
        assert refused(attempt(header, sign))["status"] == "invalid_token"


def test_without_initial_response(server, user):
    """"+" and nothing, then the message; here with nobody named."""
    x = Exchange(server.connect(), "OAUTHBEARER")
    assert x.challenge == b""
    x.answer(bearer(EC.token(user)))
    assert x.reply.startswith("OK [CAPABILITY")


def test_error(server, user):
    """RFC 7628 section 3.2.2: "status", "scope", "openid-configuration"."""
    c = server.connect()
    told = refused(Exchange(c, "OAUTHBEARER", bearer(RSA.token(user, exp=int(time.time()) - 90))))
    assert told == {"status": "invalid_token", "scope": "mail", "openid-configuration": CONFIG_URL}
    server.wait_log(r"badlogin: \[127\.0\.0\.1\] OAUTHBEARER SASL\(-13\): .*token has expired")
    x = Exchange(c, "XOAUTH2", xoauth2(RSA.token(user, exp=1), user))
    assert json.loads(x.challenge) == {"status": "401", "schemes": "bearer", "scope": "mail"}
    x.answer("")
    assert x.reply.startswith("NO [AUTHENTICATIONFAILED]")
    # ... and once more on the same connection, with a good one.
    assert Exchange(c, "XOAUTH2", xoauth2(RSA.token(user), user)).reply.startswith("OK")


@pytest.mark.parametrize("answer", [b"*\r\n", b"n,,\r\n", b"AQ\r\n"])
def test_whatever_is_said_to_an_error(server, user, answer):
    """It has failed, and has been logged before."""
    c = server.connect()
    x = Exchange(c, "OAUTHBEARER", bearer(RSA.token(user, aud="other")))
    server.wait_log("badlogin: .* OAUTHBEARER .*for another audience")
    x.raw(answer)
    assert x.reply.startswith(("NO", "BAD")), x.reply
    c.login(user)


def test_a_good_token_after_the_error_is_too_late(server, user):
    c = server.connect()
    x = Exchange(c, "OAUTHBEARER", bearer("none"))
    x.answer(bearer(RSA.token(user)))
    assert x.reply.startswith("NO [AUTHENTICATIONFAILED]")
    assert c.cmd("SELECT INBOX").status == "BAD"


def test_asking_what_there_is(server):
    """RFC 7628 section 4.3: an empty auth."""
    x = Exchange(server.connect(), "OAUTHBEARER",
                 "n,a=user@example.com,\1host=server.example.com\1port=143\1auth=\1\1")
    assert refused(x)["openid-configuration"] == CONFIG_URL


@pytest.mark.parametrize("mechanism, message", [
    ("OAUTHBEARER", m) for m in (
        "", "\1", "x", "n,,", "n,,\1", "n,,\1\1", "n,,\1auth=Bearer x\1", "n,,\1auth=Bearer x",
        "n,,\1auth=Basic eDp4\1\1", "n,,\1auth=Bearer a b\1\1", "p=tls-exporter,,\1auth=Bearer x\1\1",
        "n,b=x,\1auth=Bearer x\1\1", "n,a=,\1auth=Bearer x\1\1", "n,a=x=,\1auth=Bearer x\1\1",
        "n,,\1auth=Bearer x\1auth=Bearer y\1\1", "n,,\1=x\1auth=Bearer x\1\1",
        "n,,\1auth=Bearer x\1\1\1", "n,,\1auth=Bearer \0\1\1", "n,,auth=Bearer x\1\1",
        "n,,\1host\1auth=Bearer x\1\1", "F,n,,\1auth=Bearer x\1\1")] + [
    ("XOAUTH2", m) for m in (
        "", "user=", "user=x", "user=x\1", "user=x\1\1", "auth=Bearer x\1\1", "user=x\1auth=Bearer x\1",
        "user=\0\1auth=Bearer x\1\1", "n,a=x,\1auth=Bearer x\1\1")])
def test_no_message(server, mechanism, message):
    want = "invalid_request" if mechanism == "OAUTHBEARER" else "400"
    refused(Exchange(server.connect(), mechanism, message), want)


# --- who ---

def test_names(server, user):
    """Whom the client names must be who the token is for."""
    other = server.new_user()
    for message in (bearer(RSA.token(user), user), bearer(RSA.token(user), user.upper())):
        assert Exchange(server.connect(), "OAUTHBEARER", message).reply.startswith("OK")
    for mechanism, message in (("OAUTHBEARER", bearer(RSA.token(user), other)),
                               ("XOAUTH2", xoauth2(RSA.token(user), other))):
        reply = Exchange(server.connect(), mechanism, message).reply
        assert reply.startswith("NO [AUTHORIZATIONFAILED]"), reply
    assert Exchange(server.connect(), "OAUTHBEARER",
                    bearer(RSA.token("cyrus"), user)).reply.startswith("OK")
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} OAUTHBEARER User logged in")


def test_no_name(server):
    for claims in ({"email": None}, {"email": ""}, {"email": 7}, {"email": ["x"]},
                   {"email_verified": False}, {"email_verified": "false"}):
        is_refused(server, RSA.token("x", **claims))


def test_impossible_name(server):
    x = Exchange(server.connect(), "OAUTHBEARER", bearer(RSA.token("a/../b")))
    assert x.reply.startswith("NO"), x.reply


# --- tokens that must not pass ---

@pytest.mark.parametrize("claims", [
    {"exp": None}, {"exp": 1}, {"exp": "9999999999"}, {"exp": -1}, {"exp": 1e30}, {"exp": True},
    {"nbf": 9999999999}, {"nbf": "x"}, {"iss": None}, {"iss": "https://id.example.org"},
    {"iss": [ISSUER]}, {"aud": None}, {"aud": "mail"}, {"aud": []}, {"aud": ["x", "y"]},
    {"aud": {"x": AUDIENCE}}], ids=str)
def test_claims(server, user, claims):
    is_refused(server, RSA.token(user, **claims))


def test_claims_that_are_good(server, user):
    now = time.time()
    for claims in ({"aud": ["x", AUDIENCE]}, {"exp": now + 9.5}, {"nbf": now - 1}, {"exp": int(now) - 30},
                   {"scope": None, "scp": ["x", "mail"]}, {"scope": "mail"}):
        x = Exchange(server.connect(), "OAUTHBEARER", bearer(RSA.token(user, **claims)))
        assert x.reply and x.reply.startswith("OK"), (claims, x.challenge)


def test_scope(server, user):
    for claims in ({"scope": "openid"}, {"scope": "mailx xmail"}, {"scope": None}, {"scope": 1}):
        is_refused(server, RSA.token(user, **claims), status="insufficient_scope")


def claims_of(user):
    return {"iss": ISSUER, "aud": AUDIENCE, "email": user, "exp": int(time.time()) + 600,
            "scope": "mail"}


def test_algorithm_none(server, user):
    for alg in ("none", "None", "NONE", "nOnE", ""):
        for kid in ({}, {"kid": "one"}):
            is_refused(server, by_hand({"alg": alg, "typ": "JWT", **kid}, claims_of(user)))


def test_algorithm_confusion(server, user):
    """The public key, which everybody has, as the secret of an HMAC."""
    jwk = json.dumps({"keys": [RSA.jwk]}).encode()
    for secret in (RSA.public_pem(), RSA.public_pem().strip(), jwk, RSA.jwk["n"].encode()):
        for header in ({"alg": "HS256", "kid": "one"}, {"alg": "HS256"}):
            is_refused(server, by_hand(header, claims_of(user),
                                       lambda d: hmac.digest(secret, d, hashlib.sha256)))


def test_algorithm_that_the_key_is_not_for(server, user):
    """RFC 8725 section 3.1: each key with its algorithm."""
    key = Key("one", "PS256")
    key.private = RSA.private
    is_refused(server, key.token(user))
    key = Key("three", "ES256")
    is_refused(server, key.token(user))
    is_refused(server, RSA.token(user, headers={"kid": "three"}))


def test_twice(server, user):
    """Which "alg", which "email" counts?"""
    token = RSA.token(user)
    header, claims, signature = token.split(".")
    for twice in ('{"alg":"RS256","alg":"HS256","kid":"one"}', '{"alg":"HS256","kid":"one","alg":"RS256"}'):
        is_refused(server, ".".join([b64url(twice.encode()), claims, signature]))
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding
    text = json.dumps(claims_of("nobody"))[:-1] + f', "email": "{user}"}}'
    data = header + "." + b64url(text.encode())
    signature = RSA.private.sign(data.encode(), padding.PKCS1v15(), hashes.SHA256())
    is_refused(server, data + "." + b64url(signature))


def test_changed(server, user):
    header, claims, signature = RSA.token(user).split(".")
    other = RSA.token("cyrus").split(".")
    for token in (f"{header}.{other[1]}.{signature}", f"{header}.{claims}.",
                  f"{header}.{claims}.{signature[:-8]}AAAAAAAA", f"{header}.{claims}.{other[2]}",
                  f"{header}.{claims}", f"{header}.{claims}.{signature}.x", "..", "a.b.c",
                  f"{header}..{signature}", f"{claims}.{header}.{signature}"):
        is_refused(server, token)


def test_key_in_the_token(server, user):
    """What the header says of keys (jwk, jku, x5u) is nobody's word but the client's."""
    mine = Key("mine")
    is_refused(server, mine.token(user, headers={"jwk": mine.jwk}))
    is_refused(server, mine.token(user, headers={"jku": "http://127.0.0.1:1/"}))
    mine.kid = "one"
    is_refused(server, mine.token(user, headers={"jwk": mine.jwk}))


def test_headers(server, user):
    is_refused(server, RSA.token(user, headers={"crit": ["exp"]}))
    is_refused(server, RSA.token(user, headers={"typ": "logout+jwt"}))
    assert Exchange(server.connect(), "OAUTHBEARER", bearer(RSA.token(
        user, headers={"typ": "at+jwt"}))).reply.startswith("OK")


def test_small_keys_do_not_count(with_file):
    weak = Key("weak", bits=1024)
    server = with_file([weak.jwk, {"kty": "oct", "k": "AAAA", "kid": "o"}, 7,
                        {**RSA.jwk, "use": "enc"}, {**EC.jwk, "crv": "P-384"}])
    server.expect("has no keys that can verify a token")
    user = server.new_user()
    x = Exchange(server.connect(), "OAUTHBEARER", bearer(weak.token(user)))
    assert x.reply.startswith("NO [UNAVAILABLE]"), x.reply


def test_long_token(server, user):
    """Tokens of some providers have many groups in them; there is an end."""
    long = RSA.token(user, groups=["g" * 60] * 200)
    assert len(long) > 12000
    assert Exchange(server.connect(), "OAUTHBEARER", bearer(long)).reply.startswith("OK")
    x = Exchange(server.connect(), "OAUTHBEARER")
    x.raw(b"A" * 70000 + b"\r\n")
    assert x.reply.startswith("BAD"), x.reply


# --- keys that change ---

def test_new_key(make_server, provider):
    """A token names a key that is not known: it is fetched, once."""
    provider.keys = [RSA.jwk]
    server = make_server(options(provider))
    user = server.new_user()
    before = len(provider.requests)
    c = server.connect()            # one worker, whose memory it is
    for _ in range(3):
        assert Exchange(c, "OAUTHBEARER", bearer(RSA.token(user))).reply.startswith("OK")
        c.ok("UNAUTHENTICATE")
    assert len(provider.requests) == before + 1, "the keys were not kept"
    # Not again within a minute: who makes up names of keys makes no load.
    for i in range(3):
        refused(Exchange(c, "OAUTHBEARER", bearer(Key("unknown" + str(i)).token(user))))
    assert len(provider.requests) == before + 1
    provider.keys = [RSA.jwk, EC.jwk]


def test_file_is_read_again(with_file):
    server = with_file([RSA.jwk])
    user = server.new_user()
    c = server.connect()
    assert Exchange(c, "OAUTHBEARER", bearer(RSA.token(user))).reply.startswith("OK")
    c.ok("UNAUTHENTICATE")
    refused(Exchange(c, "OAUTHBEARER", bearer(RSA_TWO.token(user))))
    new = server.dir / "new"
    new.write_text(json.dumps({"keys": [RSA_TWO.jwk]}))
    new.rename(server.dir / "config/jwks")
    assert Exchange(c, "OAUTHBEARER", bearer(RSA_TWO.token(user))).reply.startswith("OK")
    c.ok("UNAUTHENTICATE")
    refused(Exchange(c, "OAUTHBEARER", bearer(RSA.token(user))))


def test_provider_is_down(make_server, provider):
    server = make_server(options(provider, oauth_jwks="http://127.0.0.1:1/jwks"))
    server.expect("cannot get the provider's keys")
    user = server.new_user()
    c = server.connect()
    x = Exchange(c, "OAUTHBEARER", bearer(RSA.token(user)))
    assert x.reply.startswith("NO [UNAVAILABLE]"), x.reply
    c.login(user)


def test_provider_is_slow(make_server, provider):
    """It holds nobody longer than oauth_timeout."""
    server = make_server(options(provider, oauth_timeout="1s"))
    server.expect("cannot get the provider's keys")
    user = server.new_user()
    provider.gate.clear()
    try:
        c = server.connect()
        began = time.monotonic()
        x = Exchange(c, "OAUTHBEARER", bearer(RSA.token(user)))
        assert x.reply.startswith("NO [UNAVAILABLE]"), x.reply
        assert time.monotonic() - began < 20
        c.login(user)
    finally:
        provider.gate.set()


@pytest.mark.parametrize("what", [{"status": 500}, {"raw": b'{"keys":[]}'}, {"raw": b"x" * 300000}],
                         ids=["status", "empty", "long"])
def test_provider_talks_nonsense(make_server, provider, what):
    server = make_server(options(provider))
    server.expect("oauth_jwks: ")
    user = server.new_user()
    before = provider.status, provider.raw
    provider.status, provider.raw = what.get("status", 200), what.get("raw")
    try:
        x = Exchange(server.connect(), "OAUTHBEARER", bearer(RSA.token(user)))
        assert x.reply.startswith("NO [UNAVAILABLE]"), x.reply
    finally:
        provider.status, provider.raw = before


def test_incomplete_configuration(make_server, provider):
    """Keys alone would let in whoever has a token of the provider for anything."""
    server = make_server(options(provider, oauth_audience=None))
    server.expect("oauth_jwks is of no use without oauth_issuer and oauth_audience")
    assert mechanisms(server.connect()) == ["PLAIN"]
    x = Exchange(server.connect(), "OAUTHBEARER", bearer(RSA.token("x")))
    assert x.reply.startswith("NO") and "No such authentication mechanism" in x.reply


# --- asking the provider ---

@pytest.fixture
def asking(make_server, provider):
    srv = make_server({
        "sasl_mech_list": "PLAIN OAUTHBEARER XOAUTH2", "oauth_timeout": "1s",
        "oauth_introspection_url": provider.url("/introspect"), "oauth_client_id": "chapar",
        "oauth_client_secret_file": "{configdirectory}/secret", "oauth_user_claim": "username",
        "oauth_issuer": ISSUER, "oauth_audience": AUDIENCE, "oauth_scope": "mail"}, start=False)
    (srv.dir / "config/secret").write_text("s3cret\n")
    srv.start()
    return srv


def test_introspection(asking, provider):
    user = asking.new_user()
    provider.active = {
        "opaque": {"username": user, "scope": "mail"},
        "whole": {"username": user, "scope": "a mail", "iss": ISSUER, "aud": AUDIENCE,
                  "exp": int(time.time()) + 60},
        "other": {"username": user, "scope": "mail", "aud": "x"},
        "old": {"username": user, "scope": "mail", "exp": 1},
        "narrow": {"username": user, "scope": "x"},
        "nobody": {"scope": "mail"},
    }
    for token in ("opaque", "whole"):
        assert Exchange(asking.connect(), "OAUTHBEARER", bearer(token)).reply.startswith("OK")
        assert Exchange(asking.connect(), "XOAUTH2", xoauth2(token, user)).reply.startswith("OK")
    for token in ("unknown", "other", "old", "nobody"):
        is_refused(asking, token)
    is_refused(asking, "narrow", status="insufficient_scope")
    asking.wait_log("the provider says that the token is not active")


def test_introspection_fails(asking, provider):
    asking.expect("oauth_introspection_url: ")
    user = asking.new_user()
    provider.active = {"opaque": {"username": user, "scope": "mail"}}

    def unavailable():
        x = Exchange(asking.connect(), "OAUTHBEARER", bearer("opaque"))
        assert x.reply.startswith("NO [UNAVAILABLE]"), x.reply

    provider.client = ("chapar", "changed")
    unavailable()
    provider.client = ("chapar", "s3cret")
    for raw in (b"", b"{", b"[]", b"{}", b'{"active":"true"}', b'{"active":[true]}', b"x" * 70000):
        provider.raw = raw
        unavailable()
    provider.raw = None
    provider.gate.clear()
    unavailable()
    provider.gate.set()
    assert Exchange(asking.connect(), "OAUTHBEARER", bearer("opaque")).reply.startswith("OK")


def test_both(make_server, provider):
    """JWTs by the keys, others by asking."""
    server = make_server(options(provider, oauth_introspection_url=provider.url("/introspect"),
                                 oauth_client_id=None))
    user = server.new_user()
    provider.active = {"opaque": {"email": user, "scope": "mail"}}
    provider.client = ("", "")
    try:
        for token in (RSA.token(user), "opaque"):
            x = Exchange(server.connect(), "OAUTHBEARER", bearer(token))
            assert x.reply and x.reply.startswith("OK"), (x.reply, x.challenge)
        is_refused(server, RSA.token(user, aud="x"))
    finally:
        provider.client = ("chapar", "s3cret")
