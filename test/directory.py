"""A directory for tests: Debian's slapd in a folder of its own.

    with directory.running(below) as d:
        d.add("uid=fred,ou=people," + directory.BASE, objectClass=["account"], uid=["fred"])
        d.uri                       # ldap://127.0.0.1:PORT/
        d.stop(); d.start()
"""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile

import ports
from chapar import wait_for

BASE = "dc=example,dc=org"
ROOT = "cn=admin," + BASE
PASSWORD = "directory secret"


class Directory:
    def __init__(self, more=""):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chapar-slapd-"))
        self.port = ports.one()
        self.uri = f"ldap://127.0.0.1:{self.port}/"
        self.process = None
        (self.dir / "data").mkdir()
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout",
                        self.dir / "key.pem", "-out", self.dir / "cert.pem"], check=True, stderr=subprocess.DEVNULL)
        self.ca = self.dir / "ca.pem"
        more = more.format(dir=self.dir)
        shutil.copy(self.dir / "cert.pem", self.ca)
        (self.dir / "slapd.conf").write_text(f"""\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile {self.dir}/cert.pem
TLSCertificateKeyFile {self.dir}/key.pem
{more}
database mdb
suffix "{BASE}"
rootdn "{ROOT}"
rootpw "{PASSWORD}"
directory {self.dir}/data
access to attrs=userPassword by anonymous auth
access to dn.subtree="ou=secret,{BASE}" by dn="uid=reader,ou=people,{BASE}" read by anonymous auth
access to * by dn="cn=nobody,{BASE}" none by anonymous auth by users read
""")
        self.load(f"dn: {BASE}\nobjectClass: domain\ndc: example\n\n"
                  f"dn: ou=people,{BASE}\nobjectClass: organizationalUnit\nou: people\n\n"
                  f"dn: ou=groups,{BASE}\nobjectClass: organizationalUnit\nou: groups\n\n")
        os.chmod(self.dir, 0o755)
        os.chmod(self.ca, 0o644)

    def load(self, ldif):
        """Before it is started."""
        subprocess.run(["/usr/sbin/slapadd", "-f", self.dir / "slapd.conf"], input=ldif, text=True,
                       check=True, capture_output=True)

    def person(self, uid, **attributes):
        self.load(entry(f"uid={uid},ou=people,{BASE}", objectClass="inetOrgPerson", uid=uid, cn=uid, sn=uid,
                        **attributes))

    def group(self, cn, *uids):
        self.load(entry(f"cn={cn},ou=groups,{BASE}", objectClass="groupOfNames", cn=cn,
                        member=[f"uid={uid},ou=people,{BASE}" for uid in uids]))

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-d", "0", "-f", self.dir / "slapd.conf", "-h", self.uri],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("slapd", self.answers)

    def answers(self):
        assert self.process.poll() is None, "slapd ended"
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
            return True
        except OSError:
            return False

    def freeze(self):
        """It takes connections, and says nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process is not None:
            self.thaw()
            self.process.terminate()
            self.process.wait()
        self.process = None


def entry(dn, **attributes):
    lines = [f"dn: {dn}"]
    for name, values in attributes.items():
        lines += [f"{name}: {v}" for v in ([values] if isinstance(values, str) else values)]
    return "\n".join(lines) + "\n\n"


@contextlib.contextmanager
def running(more=""):
    """MORE: lines for slapd.conf, before the database; {dir} is its folder."""
    d = Directory(more)
    try:
        yield d
    finally:
        d.stop()
        shutil.rmtree(d.dir, ignore_errors=True)
