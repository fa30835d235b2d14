"""A provider of OAuth 2.0 on this machine: keys (RFC 7517), tokens, introspection (RFC 7662)."""
import base64
import http.server
import json
import threading
import time
import urllib.parse

import pytest

import ports

pytest.importorskip("jwt", reason="python3-jwt is not installed")
pytest.importorskip("cryptography", reason="python3-cryptography is not installed")

import jwt  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: E402

ISSUER, AUDIENCE = "https://id.example", "mail.example"
CURVES = {"ES256": (ec.SECP256R1, "P-256", 32), "ES384": (ec.SECP384R1, "P-384", 48),
          "ES512": (ec.SECP521R1, "P-521", 66)}


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size=None):
    return b64url(n.to_bytes(size or (n.bit_length() + 7) // 8, "big"))


class Key:
    """A key pair; .jwk is what the world may know of it."""

    def __init__(self, kid, algorithm="RS256", bits=2048):
        self.kid, self.algorithm = kid, algorithm
        if algorithm in CURVES:
            curve, name, size = CURVES[algorithm]
            self.private = ec.generate_private_key(curve())
            n = self.private.public_key().public_numbers()
            self.jwk = {"kty": "EC", "crv": name, "x": number(n.x, size), "y": number(n.y, size)}
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            raw = self.private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": b64url(raw)}
        else:
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=bits)
            n = self.private.public_key().public_numbers()
            self.jwk = {"kty": "RSA", "n": number(n.n), "e": number(n.e)}
        self.jwk.update(kid=kid, use="sig", alg=algorithm)

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def token(self, user, headers=None, **claims):
        now = int(time.time())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "email": user, "exp": now + 600, "iat": now,
                   "scope": "openid mail", **claims}
        payload = {k: v for k, v in payload.items() if v is not None}
        return jwt.encode(payload, self.private, algorithm=self.algorithm,
                          headers={"kid": self.kid, **(headers or {})})


def by_hand(header, claims, sign=lambda data: b""):
    """A token that no library would make."""
    data = b64url(json.dumps(header).encode()) + "." + b64url(json.dumps(claims).encode())
    return data + "." + b64url(sign(data.encode()))


class Provider:
    def __init__(self):
        self.keys = []
        self.active = {}            # token -> claims
        self.client = ("chapar", "s3cret")
        self.requests = []          # paths
        self.status = 200
        self.raw = None             # an answer that is none
        self.gate = threading.Event()   # nothing is answered while it is clear
        self.gate.set()
        self.port = ports.one()
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                provider.requests.append(self.path)
                self.answer({"keys": provider.keys})

            def do_POST(self):
                provider.requests.append(self.path)
                form = urllib.parse.parse_qs(
                    self.rfile.read(int(self.headers["Content-Length"])).decode())
                given = base64.b64decode(
                    self.headers.get("Authorization", "Basic Og==").split()[1]).decode()
                if tuple(urllib.parse.unquote(w) for w in given.split(":", 1)) != provider.client:
                    return self.answer({}, 401)
                claims = provider.active.get(form["token"][0])
                return self.answer({"active": True, **claims} if claims else {"active": False})

            def answer(self, what, status=None):
                provider.gate.wait(60)
                body = provider.raw if provider.raw is not None else json.dumps(what).encode()
                self.send_response(status or provider.status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass

            def log_message(self, *args):
                pass

        self.httpd = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.httpd.daemon_threads = True
        self.thread = threading.Thread(target=self.httpd.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def stop(self):
        self.gate.set()
        self.httpd.shutdown()
        self.httpd.server_close()
        self.thread.join()
