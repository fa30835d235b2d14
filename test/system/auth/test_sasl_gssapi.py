"""GSSAPI (RFC 4752) with a KDC of Debian's krb5-kdc, and its security layers."""
import os
import pathlib
import subprocess
import tempfile

import pytest

import chapar
import ports
from chapar import cyrus_user, wait_for
from saslclient import Exchange, imtest, mechanisms, needs, needs_plugin

REALM = "TEST.EXAMPLE"


class Kdc:
    """A realm in a folder of its own: nothing of the system's Kerberos is touched."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chapar-kdc-"))
        self.dir.chmod(0o755)
        self.port = ports.one()
        (self.dir / "krb5.conf").write_text(f"""
[libdefaults]
 default_realm = {REALM}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {REALM} = {{
  kdc = 127.0.0.1:{self.port}
 }}
[domain_realm]
 localhost = {REALM}
""")
        (self.dir / "kdc.conf").write_text(f"""
[kdcdefaults]
 kdc_listen = ""
 kdc_tcp_listen = 127.0.0.1:{self.port}
[realms]
 {REALM} = {{
  database_name = {self.dir}/principal
  key_stash_file = {self.dir}/stash
  acl_file = {self.dir}/acl
 }}
[logging]
 kdc = FILE:{self.dir}/kdc.log
""")
        self.env = {"KRB5_CONFIG": str(self.dir / "krb5.conf"),
                    "KRB5_KDC_PROFILE": str(self.dir / "kdc.conf")}
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for service in ("imap", "lmtp"):
            self.admin(f"addprinc -randkey {service}/localhost")
            self.admin(f"ktadd -k {self.dir}/keytab {service}/localhost")
        owner = cyrus_user()
        if owner:
            os.chown(self.dir / "keytab", owner.pw_uid, owner.pw_gid)
        self.process = subprocess.Popen(
            ["/usr/sbin/krb5kdc", "-n", "-r", REALM, "-P", self.dir / "pid"],
            env={**os.environ, **self.env}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def run(self, *command, **more):
        path = os.environ["PATH"] + ":/usr/sbin:/sbin"
        return subprocess.run(command, env={**os.environ, "PATH": path, **self.env}, check=True,
                              stdout=subprocess.DEVNULL, text=True, timeout=60, **more)

    def admin(self, command):
        self.run("kadmin.local", "-r", REALM, "-q", command, stderr=subprocess.DEVNULL)

    def ticket(self, user, password="secret"):
        """What a client needs in its environment."""
        cache = self.dir / f"cache-{user}"
        self.admin(f"addprinc -pw {password} {user}")

        def kinit():
            try:
                self.run("kinit", "-c", f"FILE:{cache}", user, input=password + "\n",
                         stderr=subprocess.DEVNULL)
                return True
            except subprocess.CalledProcessError:
                return False

        wait_for("the KDC", kinit)
        return {"KRB5_CONFIG": self.env["KRB5_CONFIG"], "KRB5CCNAME": f"FILE:{cache}"}

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture(scope="module")
def kdc():
    needs("krb5kdc", "kdb5_util", "kadmin.local", "kinit")
    needs_plugin("gssapiv2", "libsasl2-modules-gssapi-mit")
    k = Kdc()
    yield k
    k.stop()
    import shutil
    shutil.rmtree(k.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def server(module_server, kdc):
    srv = module_server({"sasl_mech_list": "PLAIN GSSAPI", "sasl_keytab": f"{kdc.dir}/keytab"},
                        start=False)
    srv.env = {"KRB5_CONFIG": kdc.env["KRB5_CONFIG"], "KRB5_KTNAME": f"{kdc.dir}/keytab"}
    srv.start()
    return srv


@pytest.fixture
def user(server):
    return server.new_user()


@pytest.mark.parametrize("more, ssf", [(("-l", "0"), 0), (("-k", "1", "-l", "1"), 1), (("-k", "256", "-l", "256"), 256)])
def test_layers(server, kdc, user, more, ssf):
    run = imtest(server, "GSSAPI", user, "", *more, commands="a SELECT INBOX\r\nb NOOP\r\n",
                 env=kdc.ticket(user))
    assert run.ok and run.ssf == ssf, run.stdout + run.stderr
    assert "a OK [READ-WRITE]" in run.stdout and "b OK" in run.stdout
    server.wait_log(rf"login: \[127\.0\.0\.1\] {user} GSSAPI User logged in")


@pytest.mark.parametrize("mechanism", ["GS2-KRB5", "GSS-SPNEGO"])
def test_other_mechanisms_of_kerberos(make_server, kdc, mechanism):
    srv = make_server({"sasl_mech_list": mechanism, "sasl_keytab": f"{kdc.dir}/keytab"}, start=False)
    srv.env = {"KRB5_CONFIG": kdc.env["KRB5_CONFIG"], "KRB5_KTNAME": f"{kdc.dir}/keytab"}
    srv.start()
    user = srv.new_user()
    run = imtest(srv, mechanism, user, "", "-l", "0", commands="a SELECT INBOX\r\n", env=kdc.ticket(user))
    assert run.ok and "a OK [READ-WRITE]" in run.stdout, run.stdout + run.stderr
    env = {**kdc.ticket(user), "KRB5CCNAME": f"FILE:{kdc.dir}/none"}
    assert not imtest(srv, mechanism, user, "", env=env).ok


def test_without_a_ticket(server, kdc, user):
    env = {**kdc.ticket(user), "KRB5CCNAME": f"FILE:{kdc.dir}/none"}
    assert not imtest(server, "GSSAPI", user, "", env=env).ok


def test_as_somebody_else(server, kdc, user):
    other = server.new_user()
    assert not imtest(server, "GSSAPI", user, "", "-u", other, env=kdc.ticket(user)).ok
    assert imtest(server, "GSSAPI", "cyrus", "", "-u", other, env=kdc.ticket("cyrus")).ok


def test_nonsense(server):
    for token in ("x", "\x60\x82" + "A" * 300, "A" * 40000):
        reply = Exchange(server.connect(), "GSSAPI", token).reply
        assert reply and reply.startswith("NO"), reply


def test_not_offered_without_a_key(make_server, kdc):
    server = make_server({"sasl_mech_list": "PLAIN GSSAPI GS2-KRB5",
                          "sasl_keytab": f"{kdc.dir}/nothing"})
    assert mechanisms(server.connect()) == ["PLAIN"]
