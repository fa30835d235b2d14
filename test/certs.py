"""Certificates for tests, made by openssl(1).

    ca = Authority(folder, "ca")
    pair = ca.issue("mail.example.org", kind="rsa")     # pair.cert, pair.key: paths
    ca.revoke(pair); ca.write_crl(path)

A pair's certificate file holds the chain (without the root) as a server shows
it.  Times are given in days; EXPIRED ones were good until yesterday.
"""
import os
import pathlib
import shutil
import subprocess
import typing

KINDS = {
    "ecdsa": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"],
    "rsa": ["-newkey", "rsa:2048"],
    "ed25519": ["-newkey", "ed25519"],
}


def openssl(*args, **more):
    return subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, **more)


class Pair(typing.NamedTuple):
    cert: pathlib.Path
    key: pathlib.Path


class Authority:
    """A root, or with ISSUER one below it."""

    def __init__(self, folder, name, issuer=None):
        self.dir = pathlib.Path(folder) / name
        self.dir.mkdir(parents=True)
        self.name, self.issuer, self.count = name, issuer, 0
        (self.dir / "index").touch()
        (self.dir / "serial").write_text("1000\n")
        (self.dir / "crlnumber").write_text("01\n")
        (self.dir / "conf").write_text(
            "[ca]\ndefault_ca=x\n[x]\n"
            f"database={self.dir}/index\nserial={self.dir}/serial\n"
            f"crlnumber={self.dir}/crlnumber\nnew_certs_dir={self.dir}\n"
            f"certificate={self.dir}/ca.pem\nprivate_key={self.dir}/ca.key\n"
            "default_md=sha256\npolicy=any\nunique_subject=no\nemail_in_dn=no\n"
            "[any]\ncommonName=supplied\n")
        self.pem = self.dir / "ca.pem"
        if issuer:
            made = issuer.issue(name, kind="rsa", is_ca=True)
            shutil.copy(made.cert, self.pem)
            shutil.copy(made.key, self.dir / "ca.key")
        else:
            openssl("req", "-x509", *KINDS["rsa"], "-nodes", "-days", "30", "-subj", f"/CN={name}",
                    "-addext", "basicConstraints=critical,CA:TRUE",
                    "-addext", "keyUsage=critical,keyCertSign,cRLSign",
                    "-keyout", self.dir / "ca.key", "-out", self.pem)

    def issue(self, name, kind="ecdsa", san=None, expired=False, is_ca=False, use=None):
        self.count += 1
        stem = self.dir / f"{self.count}"
        pair = Pair(pathlib.Path(f"{stem}.pem"), pathlib.Path(f"{stem}.key"))
        openssl("req", "-new", *KINDS[kind], "-nodes", "-subj", f"/CN={name}",
                "-keyout", pair.key, "-out", f"{stem}.csr")
        extensions = [f"basicConstraints={'critical,CA:TRUE' if is_ca else 'CA:FALSE'}"]
        if is_ca:
            extensions.append("keyUsage=critical,keyCertSign,cRLSign")
        else:
            extensions.append(f"subjectAltName={san or 'DNS:' + name}")
        if use:
            extensions.append(f"extendedKeyUsage={use}")
        pathlib.Path(f"{stem}.ext").write_text("\n".join(extensions) + "\n")
        until = ["-startdate", "20200101000000Z", "-enddate", "20210101000000Z"] if expired else ["-days", "20"]
        openssl("ca", "-batch", "-notext", "-config", self.dir / "conf", "-extfile", f"{stem}.ext",
                *until, "-in", f"{stem}.csr", "-out", pair.cert)
        if self.issuer and not is_ca:
            with open(pair.cert, "a") as f:
                f.write(self.pem.read_text())
        return pair

    def revoke(self, pair):
        openssl("ca", "-config", self.dir / "conf", "-revoke", pair.cert)

    def crl(self, days=5):
        args = ["-crldays", days] if days > 0 else ["-crl_lastupdate", "20200101000000Z",
                                                    "-crl_nextupdate", "20200102000000Z"]
        return openssl("ca", "-config", self.dir / "conf", "-gencrl", *args, text=True).stdout

    def ocsp(self, pair, path, days=2):
        """A response that calls PAIR good, in PATH."""
        openssl("ocsp", "-issuer", self.pem, "-cert", pair.cert, "-reqout", f"{path}.req", "-no_nonce")
        openssl("ocsp", "-index", self.dir / "index", "-CA", self.pem, "-rsigner", self.pem,
                "-rkey", self.dir / "ca.key", "-ndays", days, "-reqin", f"{path}.req", "-respout", path)


def put(source, target, owner=None):
    """Replaces a file in one step, as a good renewal does."""
    new = pathlib.Path(f"{target}.new")
    new.write_bytes(source if isinstance(source, bytes) else pathlib.Path(source).read_bytes())
    if owner:
        os.chown(new, owner.pw_uid, owner.pw_gid)
    new.rename(target)
