"""Passwords in PostgreSQL: SASL's sql auxprop; the recipe of doc/authentication.md."""
import glob
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

import ports
from saslclient import needs_plugin
from test_backend_ldap import logs_in

SCHEMA = """
CREATE TABLE users (name text PRIMARY KEY, password text NOT NULL);
INSERT INTO users VALUES ('fred', 'sql-fred'), ('wilma', 'it''s "hard"'), ('cyrus', 'sql-cyrus');
CREATE ROLE mail LOGIN PASSWORD 'mailpw';
GRANT SELECT ON users TO mail;
"""


class Postgres:
    def __init__(self):
        found = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
        if not found:
            pytest.skip("PostgreSQL is not installed: postgresql")
        self.bin = found[-1]
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="chapar-pg-"))
        # It does not run as root.
        self.user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        (self.dir / "boss").write_text("bosspw\n")
        if os.geteuid() == 0:
            shutil.chown(self.dir, self.user)
        self.port = ports.one()
        self.run("initdb", "-D", self.dir / "db", "-A", "scram-sha-256", "-U", "boss", "--pwfile",
                 self.dir / "boss", "--no-sync")
        self.run("pg_ctl", "-D", self.dir / "db", "-w", "-t", "60", "-l", self.dir / "log", "-o",
                 f"-p {self.port} -h 127.0.0.1 -k {self.dir} -F", "start")
        self.run("psql", "-h", "127.0.0.1", "-p", str(self.port), "-U", "boss", "-d", "postgres",
                 "-v", "ON_ERROR_STOP=1", input=SCHEMA)

    def run(self, program, *args, **more):
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"]
        done = subprocess.run(
            [*(as_user if os.geteuid() == 0 else []), f"{self.bin}/{program}", *args], cwd="/",
            env={**os.environ, "PGPASSWORD": "bosspw", "LC_ALL": "C"}, text=True, timeout=120,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
        assert done.returncode == 0, done.stderr

    def stop(self):
        self.run("pg_ctl", "-D", self.dir / "db", "-m", "immediate", "stop")
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture(scope="module")
def postgres():
    needs_plugin("sql", "libsasl2-modules-sql")
    p = Postgres()
    yield p
    p.stop()


def test_sql(make_server, postgres):
    server = make_server({
        "sasl_pwcheck_method": "auxprop", "sasl_auxprop_plugin": "sql",
        "sasl_sql_engine": "pgsql", "sasl_sql_hostnames": f"127.0.0.1:{postgres.port}",
        "sasl_sql_user": "mail", "sasl_sql_passwd": "mailpw", "sasl_sql_database": "postgres",
        "sasl_sql_select": "SELECT password FROM users WHERE name = '%u'",
        "sasl_mech_list": "PLAIN SCRAM-SHA-256"})
    for mechanism in ("PLAIN", "SCRAM-SHA-256"):
        assert logs_in(server, "fred", "sql-fred", mechanism)
        assert not logs_in(server, "fred", "wrong", mechanism)
        assert not logs_in(server, "barney", "sql-fred", mechanism)
    # Nothing that a client says is SQL.
    for name in ("x'OR'1'='1", "fred';--", "x'UNION--"):
        assert not logs_in(server, name, "sql-fred")
    server.connect().login("cyrus", "sql-cyrus")
