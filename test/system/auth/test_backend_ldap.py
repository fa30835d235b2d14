"""Passwords in LDAP: SASL's ldapdb, and saslauthd; the recipes of doc/authentication.md with slapd."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import ports
from chapar import wait_for
from saslclient import Exchange, needs, needs_plugin, scram

SLAPD = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/pid
sasl-auxprops slapd
password-hash {{CLEARTEXT}}
authz-policy to
authz-regexp uid=([^,]*),cn=[^,]*,cn=auth uid=$1,ou=people,dc=example,dc=org
database mdb
suffix dc=example,dc=org
directory {dir}/db
access to attrs=userPassword by self read by anonymous auth
access to * by * read
"""
ENTRIES = """
dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
o: Example
dc: example

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=mailproxy,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: mailproxy
cn: mailproxy
sn: mailproxy
userPassword: proxypw
authzTo: ldap:///ou=people,dc=example,dc=org??one?(objectClass=inetOrgPerson)
"""
PERSON = """
dn: uid={0},ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: {0}
cn: {0}
sn: {0}
userPassword: ldap-{0}
"""
USERS = ["cyrus", "fred", "wilma"]


class Slapd:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chapar-slapd-"))
        self.dir.chmod(0o755)
        (self.dir / "db").mkdir()
        self.port = ports.one()
        self.url = f"ldap://127.0.0.1:{self.port}"
        (self.dir / "slapd.conf").write_text(SLAPD.format(dir=self.dir))
        entries = ENTRIES + "".join(PERSON.format(u) for u in USERS)
        subprocess.run(["/usr/sbin/slapadd", "-f", self.dir / "slapd.conf"], input=entries,
                       text=True, check=True, stderr=subprocess.PIPE)
        self.process = subprocess.Popen(
            ["/usr/sbin/slapd", "-h", self.url, "-f", self.dir / "slapd.conf", "-d", "0"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("slapd", self.answers)

    def answers(self):
        assert self.process.poll() is None, "slapd ended"
        return subprocess.run(["ldapwhoami", "-x", "-H", self.url], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def slapd():
    needs("slapd", "slapadd", "ldapwhoami")
    s = Slapd()
    yield s
    s.stop()


def logs_in(server, user, password, mechanism="PLAIN"):
    c = server.connect()
    if mechanism.startswith("SCRAM"):
        reply = scram(c, mechanism, user, password)
    else:
        reply = Exchange(c, mechanism, f"\0{user}\0{password}").reply
    plain = c.cmd(f"LOGIN {user} {password}").status if reply.startswith("NO") else "OK"
    assert plain == reply[:2], "LOGIN is of another mind"
    c.close()
    return reply.startswith("OK")


def test_ldapdb(make_server, slapd):
    """The server reads passwords as a proxy of each user; so SCRAM and its like work."""
    needs_plugin("ldapdb", "libsasl2-modules-ldap")
    server = make_server({
        "sasl_pwcheck_method": "auxprop", "sasl_auxprop_plugin": "ldapdb",
        "sasl_ldapdb_uri": slapd.url, "sasl_ldapdb_id": "mailproxy", "sasl_ldapdb_pw": "proxypw",
        "sasl_ldapdb_mech": "SCRAM-SHA-256", "sasl_mech_list": "PLAIN SCRAM-SHA-256"})
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        assert logs_in(server, "fred", "ldap-fred", mechanism)
        assert not logs_in(server, "fred", "ldap-wilma", mechanism)
        assert not logs_in(server, "barney", "ldap-barney", mechanism)
    server.connect().login("cyrus", "ldap-cyrus")


@pytest.fixture
def saslauthd(slapd):
    needs("saslauthd", "testsaslauthd")
    mux = slapd.dir / "mux"
    mux.mkdir(exist_ok=True)
    mux.chmod(0o755)
    conf = slapd.dir / "saslauthd.conf"
    conf.write_text(f"ldap_servers: {slapd.url}\nldap_search_base: ou=people,dc=example,dc=org\n"
                    "ldap_filter: (uid=%u)\nldap_auth_method: bind\n")
    process = subprocess.Popen(
        ["/usr/sbin/saslauthd", "-d", "-n", "2", "-a", "ldap", "-O", conf, "-m", mux],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for("saslauthd", lambda: (mux / "mux").exists() and subprocess.run(
        ["/usr/sbin/testsaslauthd", "-f", mux / "mux", "-u", "fred", "-p", "ldap-fred"],
        stdout=subprocess.DEVNULL).returncode == 0)
    yield mux
    os.killpg(process.pid, 15)
    process.wait()


def test_saslauthd(make_server, saslauthd):
    """saslauthd binds as the user: the server sees no password but the client's."""
    server = make_server({
        "sasl_pwcheck_method": "saslauthd", "sasl_saslauthd_path": f"{saslauthd}/mux",
        "sasl_auxprop_plugin": None, "sasl_mech_list": "PLAIN LOGIN"})
    assert logs_in(server, "fred", "ldap-fred")
    assert not logs_in(server, "fred", "ldap-wilma")
    assert not logs_in(server, "barney", "ldap-barney")


def test_saslauthd_is_away(make_server, tmp_path):
    """Not a wrong password, but none that can be checked now."""
    server = make_server({
        "sasl_pwcheck_method": "saslauthd", "sasl_saslauthd_path": "{configdirectory}/none",
        "sasl_auxprop_plugin": None, "sasl_mech_list": "PLAIN"})
    server.expect("cannot connect to saslauthd server")
    assert server.connect().cmd("LOGIN fred x").code == "UNAVAILABLE"
    assert Exchange(server.connect(), "PLAIN", "\0fred\0x").reply.startswith("NO [UNAVAILABLE]")
