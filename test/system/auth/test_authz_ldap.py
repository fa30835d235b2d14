"""Groups from a directory (auth_mech: pts), a slapd of our own: both ways to find them, TLS, and what happens
when it is down: nobody is locked out, nobody gets anything, what was known counts for ptscache_timeout."""
import hashlib
import os
import shutil
import subprocess
import time

import pytest

import directory
from chapar import BUILD
from directory import BASE


@pytest.fixture
def slapd():
    with directory.running() as d:
        yield d


def make(make_server, d, **options):
    return make_server({"auth_mech": "unix pts", "pts_module": "ldap", "ldap_uri": d.uri,
                        "ldap_bind_dn": directory.ROOT, "ldap_password": directory.PASSWORD,
                        "ldap_base": f"ou=people,{BASE}", "ldap_group_base": f"ou=groups,{BASE}",
                        "ldap_member_method": "filter", "altnamespace": "no", **options})


def board(srv, *entries):
    """A mailbox with these (identifier, rights) and no others."""
    c = srv.admin()
    c.ok("CREATE board")
    c.ok("DELETEACL board anyone")
    for who, rights in entries:
        c.ok(f"SETACL board {who} {rights}")
    c.close()


def rights(srv, user):
    """MYRIGHTS of a new session; None: there is no such mailbox."""
    c = srv.login(user)
    r = c.cmd("MYRIGHTS board")
    c.close()
    return r.untagged[0].split()[-1].decode() if r.status == "OK" else None


def users(srv, *names):
    for name in names:
        srv.set_password(name)


def test_by_filter(make_server, slapd):
    """Groups whose member he is; with the server's own and the system's as well."""
    slapd.person("fred")
    slapd.person("anna")
    slapd.group("Staff", "fred", "anna")
    slapd.group("bosses", "anna")
    slapd.start()
    srv = make(make_server, slapd)
    users(srv, "fred", "anna", "zoe")
    board(srv, ("group:staff", "lr"), ("group:bosses", "w"), ("group:mine", "i"))
    own(srv, "add", "mine", "anna")
    assert [rights(srv, u) for u in ("fred", "anna", "zoe")] == ["lr", "lrwi", None]
    admin = srv.admin()
    admin.ok("SETACL board group:Staff p")
    admin.ok("SETACL board -group:bosses r")
    assert [rights(srv, u) for u in ("fred", "anna")] == ["lrp", "lwip"]


def own(srv, *args, env=None):
    path = srv.build / "imap/admin/chapar"
    if srv.build != BUILD and not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(BUILD / "imap/admin/chapar", path)
    return subprocess.run([path, "-C", srv.conf, "group", *args], capture_output=True, text=True, timeout=60,
                          env=env)


def test_by_attribute(make_server, slapd):
    """The values of an attribute of the user's entry: DNs, of which those below ldap_group_base count."""
    slapd.person("fred", seeAlso=[f"cn=Staff,ou=groups,{BASE}", f"cn=bosses,ou=people,{BASE}"])
    slapd.person("anna", description=["Writers"])
    slapd.start()
    srv = make(make_server, slapd, ldap_member_method="attribute", ldap_member_attribute="seeAlso")
    users(srv, "fred")
    board(srv, ("group:staff", "lr"), ("group:bosses", "w"))
    assert rights(srv, "fred") == "lr"
    srv = make(make_server, slapd, ldap_member_method="attribute", ldap_member_attribute="description")
    users(srv, "anna")
    board(srv, ("group:Writers", "lw"))
    assert rights(srv, "anna") == "lw"


def test_names_are_only_names(make_server, slapd):
    """A user's name cannot be a part of a filter, nor of a DN."""
    slapd.person("fred")
    slapd.group("staff", "fred")
    slapd.start()
    srv = make(make_server, slapd)
    for name in ("fr?d", "fred)(uid=fred", "x)(|(uid=fred", "f\\2aed"):
        r = own(srv, "of", name)
        assert r.stdout == "", name
    assert own(srv, "of", "fred").stdout.split() == ["staff"]


def test_domains_in_bases(make_server, slapd):
    """%d, %U: each domain has its branch; one that has none has no members."""
    for domain in ("a.example", "b.example"):
        slapd.load(directory.entry(f"ou={domain},{BASE}", objectClass="organizationalUnit", ou=domain))
        slapd.load(directory.entry(f"uid=fred,ou={domain},{BASE}", objectClass="inetOrgPerson", uid="fred", cn="f",
                                   sn="f", description=f"staff-of-{domain}"))
    slapd.start()
    srv = make(make_server, slapd, virtdomains="userid", ldap_base=f"ou=%d,{BASE}", ldap_filter="(uid=%U)",
               ldap_member_method="attribute", ldap_member_attribute="description")
    assert own(srv, "of", "fred@a.example").stdout.split() == ["staff-of-a.example"]
    assert own(srv, "of", "fred@b.example").stdout.split() == ["staff-of-b.example"]
    r = own(srv, "of", "fred@c.example")
    assert (r.stdout, r.returncode) == ("", 0)


@pytest.mark.parametrize("trusted", [True, False])
def test_start_tls(make_server, slapd, trusted):
    """The password goes to nobody whose certificate is not good."""
    slapd.person("fred")
    slapd.group("staff", "fred")
    slapd.start()
    more = {"ldap_ca_file": str(slapd.ca)} if trusted else {}
    srv = make(make_server, slapd, ldap_start_tls="yes", **more)
    r = own(srv, "of", "fred")
    assert (r.stdout.split(), r.returncode) == ((["staff"], 0) if trusted else ([], 75)), r.stderr


SASL = f"""\
sasl-auxprops slapd
authz-policy to
authz-regexp uid=([^,]*),cn=[^,]*,cn=auth uid=$1,ou=people,{BASE}
authz-regexp ^cn=localhost$ uid=reader,ou=people,{BASE}
TLSVerifyClient allow
TLSCACertificateFile {{dir}}/cert.pem
"""


@pytest.fixture(scope="module")
def sasl_slapd():
    """fred is where nobody but reader may look; proxy may act as reader."""
    with directory.running(SASL) as d:
        d.person("reader", userPassword="reading")
        d.person("proxy", userPassword="proxying", authzTo=f"dn.exact:uid=reader,ou=people,{BASE}")
        d.load(directory.entry(f"ou=secret,{BASE}", objectClass="organizationalUnit", ou="secret"))
        d.load(directory.entry(f"uid=fred,ou=secret,{BASE}", objectClass="inetOrgPerson", uid="fred", cn="f", sn="f",
                               description="staff"))
        for name in ("cert.pem", "key.pem"):
            shutil.copy(d.dir / name, d.dir / f"client-{name}")
            (d.dir / f"client-{name}").chmod(0o644)
        d.start()
        yield d


def make_sasl(make_server, d, **options):
    options = {"ldap_bind_dn": "", "ldap_base": f"ou=secret,{BASE}", "ldap_member_method": "attribute",
               "ldap_member_attribute": "description", **options}
    return make(make_server, d, **options)


@pytest.mark.parametrize("options, works", [
    ({"ldap_mech": "SCRAM-SHA-256", "ldap_id": "reader", "ldap_password": "reading"}, True),
    ({"ldap_sasl_mech": "DIGEST-MD5", "ldap_sasl_authc": "reader", "ldap_sasl_password": "reading",
      "ldap_password": None}, True),
    ({"ldap_id": "reader", "ldap_password": "reading"}, True),
    ({"ldap_mech": "SCRAM-SHA-1", "ldap_id": "proxy", "ldap_password": "proxying",
      "ldap_authz": f"dn:uid=reader,ou=people,{BASE}"}, True),
    ({"ldap_mech": "SCRAM-SHA-1", "ldap_id": "proxy", "ldap_password": "proxying"}, False),
    ({"ldap_mech": "SCRAM-SHA-1", "ldap_id": "reader", "ldap_password": "reading",
      "ldap_authz": f"dn:uid=proxy,ou=people,{BASE}"}, False),
    ({"ldap_mech": "SCRAM-SHA-256", "ldap_id": "reader", "ldap_password": "wrong"}, False),
    ({"ldap_mech": "NONE-SUCH", "ldap_id": "reader", "ldap_password": "reading"}, False),
    ({"ldap_sasl": "no", "ldap_mech": "SCRAM-SHA-256", "ldap_id": "reader", "ldap_password": "reading"}, False),
    ({"ldap_mech": "EXTERNAL", "ldap_start_tls": "yes", "ldap_ca_file": "{dir}/ca.pem",
      "ldap_client_cert": "{dir}/client-cert.pem", "ldap_client_key": "{dir}/client-key.pem"}, True),
    ({"ldap_mech": "EXTERNAL", "ldap_start_tls": "yes", "ldap_ca_file": "{dir}/ca.pem"}, False),
])
def test_sasl(make_server, sasl_slapd, options, works):
    """The server proves to the directory who it is by SASL, also by the options' old names."""
    given = {k: v and v.format(dir=sasl_slapd.dir) for k, v in options.items()}
    srv = make_sasl(make_server, sasl_slapd, **given)
    # GnuTLS keeps a client's key, and DIGEST-MD5's plugin its library context.
    env = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}
    r = own(srv, "of", "fred", env=env)
    assert (r.stdout.split(), r.returncode) == ((["staff"], 0) if works else ([], 75)), r.stderr
    assert works or "cannot be asked for groups" in r.stderr


def test_sasl_from_workers(make_server, sasl_slapd):
    """Where the groups are needed: in a process that may reach little."""
    srv = make_sasl(make_server, sasl_slapd, ldap_mech="SCRAM-SHA-256", ldap_id="reader", ldap_password="reading")
    users(srv, "fred")
    board(srv, ("group:staff", "lr"))
    assert rights(srv, "fred") == "lr"


DOMAINS = """\
attributetype ( 1.3.6.1.4.1.99999.1 NAME 'inetDomainBaseDN' EQUALITY distinguishedNameMatch
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.12 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.99999.2 NAME 'inetDomain' SUP top AUXILIARY MAY inetDomainBaseDN )
"""


def test_domains_found(make_server):
    """ldap_domain_...: an entry of the domain's says below what its users are, and its alias's, too."""
    with directory.running(DOMAINS) as d:
        place = f"ou=100%d,ou=groups,{BASE}"
        d.load(directory.entry(place, objectClass="organizationalUnit", ou="100%d"))
        for parent, domain in ((place, "a.example"), (BASE, "example.org")):
            dn = f"uid=fred,{parent}"
            d.load(directory.entry(dn, objectClass="inetOrgPerson", uid="fred", cn="f", sn="f"))
            d.load(directory.entry(f"cn=staff-of-{domain},{parent}", objectClass="groupOfNames",
                                   cn=f"staff-of-{domain}", member=dn))

        def domain(name, *also, **attributes):
            d.load(directory.entry(f"associatedDomain={name},ou=people,{BASE}", associatedDomain=[name, *also],
                                   objectClass=["domainRelatedObject", "organizationalUnit", "inetDomain"], ou="d",
                                   **attributes))

        domain("a.example", "alias.example", inetDomainBaseDN=place)
        domain("example.org", "www.example.org")
        domain("gone.example")
        domain("b.example", "twice.example")
        domain("c.example", "twice.example")
        d.start()
        srv = make(make_server, d, virtdomains="userid", ldap_base=f"ou=people,{BASE}", ldap_filter="(uid=%U)",
                   ldap_scope="one", ldap_domain_base_dn=BASE, ldap_group_base=None)
        for user, groups in (("fred@a.example", ["staff-of-a.example"]), ("fred@alias.example", ["staff-of-a.example"]),
                             ("fred@www.example.org", ["staff-of-example.org"]), ("fred@gone.example", []),
                             ("fred@twice.example", []), ("fred@c)(a=b", []), ("fred", [])):
            r = own(srv, "of", user)
            assert (sorted(set(r.stdout.split())), r.returncode) == (groups, 0), (user, r.stderr)


def age(srv, user, seconds):
    """What is kept of the user's groups is made older."""
    path = srv.dir / "config/ptclient" / hashlib.sha256(user.encode()).hexdigest()[:40]
    lines = path.read_text().splitlines(keepends=True)
    assert lines[0].startswith(f"{user}\t")
    owner = path.stat()
    path.write_text(f"{user}\t{int(time.time()) - seconds}\n" + "".join(lines[1:]))
    os.chown(path, owner.st_uid, owner.st_gid)


def retry(srv):
    """As if half a minute had gone by since it was found to be down."""
    (srv.dir / "config/ptclient/down").unlink()


@pytest.mark.parametrize("how", ["stopped", "silent", "refusing"])
def test_directory_that_is_down(make_server, slapd, how):
    slapd.person("fred")
    slapd.person("anna")
    slapd.group("staff", "fred", "anna")
    slapd.group("banned", "anna")
    slapd.start()
    srv = make(make_server, slapd, ldap_timeout="1s", ptscache_timeout="1h")
    users(srv, "fred", "anna", "zoe")
    board(srv, ("group:staff", "lr"), ("anyone", "l"), ("-group:banned", "r"), ("zoe", "rw"))
    assert [rights(srv, u) for u in ("fred", "anna")] == ["lr", "l"]
    if how == "stopped":
        slapd.stop()
    elif how == "silent":
        slapd.freeze()
    else:
        conf = srv.conf.read_text().replace(directory.PASSWORD, "wrong")
        srv.conf.write_text(conf)
        srv.process.send_signal(1)
        srv.wait_log("reload")
    for _ in range(5):
        srv.expect("the directory .* cannot be asked for groups")
    # Who was asked for a moment ago is not asked for again: nothing is noticed.
    assert rights(srv, "fred") == "lr"
    # Last known groups count, both ways.
    age(srv, "fred", 1800)
    age(srv, "anna", 1800)
    assert [rights(srv, u) for u in ("fred", "anna")] == ["lr", "l"]
    srv.wait_log("the directory .* cannot be asked for groups")
    assert len(srv.log().split("cannot be asked for groups")) == 2, "each login has asked"
    # What is too old does not, and of whom nothing is known gets nothing; what a group takes away is gone.
    age(srv, "fred", 3700)
    retry(srv)
    assert [rights(srv, u) for u in ("fred", "zoe")] == ["l", "lw"]
    srv.login("fred").ok("LIST \"\" *")
    if how == "refusing":
        return
    slapd.thaw() if how == "silent" else slapd.start()
    retry(srv)
    assert [rights(srv, u) for u in ("fred", "zoe")] == ["lr", "lrw"]


def test_answers_are_renewed(make_server, slapd):
    """After a tenth of ptscache_timeout a change in the directory counts."""
    slapd.person("fred")
    slapd.group("staff", "fred")
    slapd.start()
    srv = make(make_server, slapd, ptscache_timeout="1h")
    users(srv, "fred")
    board(srv, ("group:staff", "lr"))
    assert rights(srv, "fred") == "lr"
    slapd.stop()
    slapd.group("staffers", "fred")
    subprocess.run(["/usr/sbin/slapmodify", "-f", slapd.dir / "slapd.conf"], text=True, check=True,
                   input=f"dn: cn=staff,ou=groups,{BASE}\nchangetype: delete\n")
    slapd.start()
    assert rights(srv, "fred") == "lr"
    age(srv, "fred", 361)
    assert rights(srv, "fred") is None
