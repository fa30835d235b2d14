"""Clients that fetch mail by POP3, against a server of ./quickstart."""
import email
import os
import poplib
import re
import shutil
import ssl
import subprocess

import pytest
from chapar import wait_for
from demo import PASSWORD

MESSAGE = ("From: sender@example.org\r\nTo: {who}@localhost\r\nSubject: Number {n}\r\nDate: Sat, 21 Nov 2026 1{n}:00:00 +0000\r\n"
           "Message-ID: <{n}.{who}@example.org>\r\n\r\nHello number {n}\r\n.\r\n..dots\r\n")


def needs(program):
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


@pytest.fixture
def user(demo):
    """With three messages."""
    name = demo.user()
    for n in range(3):
        demo.deliver(name, MESSAGE.format(n=n, who=name))
    return name


def left(demo, user):
    c = demo.imap(user)
    c.select("INBOX", readonly=True)
    found = [email.message_from_bytes(x[1])["subject"] for x in c.fetch("1:*", "(BODY.PEEK[HEADER])")[1]
             if isinstance(x, tuple)]
    c.logout()
    return found


def trusting(demo):
    context = ssl.create_default_context(cafile=demo.dir / "cert.pem")
    return context


def run(*command, env=None, status=0, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, env=env, **more)
    assert done.returncode == status, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


# --- getmail6 ---

@needs("getmail")
@pytest.mark.parametrize("kind", ["POP3", "POP3SSL"])
def test_getmail(demo, user, tmp_path, kind):
    tls = kind == "POP3SSL"

    def getmail(delete):
        (tmp_path / "getmailrc").write_text(f"""
[retriever]
type = Simple{kind}Retriever
server = localhost
port = {demo.pop3s_port if tls else demo.pop3_port}
username = {user}
password = {PASSWORD}
{f"ca_certs = {demo.dir}/cert.pem" if tls else ""}
[destination]
type = MDA_external
path = /bin/sh
arguments = ("-c", "cat >>{tmp_path}/mail")
allow_root_commands = true
[options]
delete = {delete}
read_all = false
""")
        run("getmail", "--getmaildir", tmp_path, "--rcfile", tmp_path / "getmailrc",
            env=dict(os.environ, HOME=str(tmp_path)))
        text = (tmp_path / "mail").read_text()
        return [text.count(f"Hello number {n}\n.\n..dots\n") for n in range(4)]

    assert getmail("false") == [1, 1, 1, 0]
    demo.deliver(user, MESSAGE.format(n=3, who=user))
    # By their unique-ids it knows what it has.
    assert getmail("true") == [1, 1, 1, 1]
    assert left(demo, user) == []


# --- fetchmail ---

@needs("fetchmail")
@pytest.mark.parametrize("how", ["plain", "tls", "starttls", "apop", "uidl"])
def test_fetchmail(demo, user, tmp_path, how):
    port = demo.pop3s_port if how == "tls" else demo.pop3_port
    words = {"plain": "sslproto ''", "tls": f"ssl sslcertfile \"{demo.dir}/cert.pem\"", "apop": "sslproto ''",
             "starttls": f"sslproto 'auto' sslcertfile \"{demo.dir}/cert.pem\"", "uidl": "sslproto ''"}[how]
    rc = tmp_path / "rc"
    rc.write_text(f"poll localhost protocol {'APOP' if how == 'apop' else 'POP3'} port {port} "
                  f"{'uidl' if how == 'uidl' else ''} user \"{user}\" password \"{PASSWORD}\" {words} "
                  f"{'keep' if how == 'uidl' else 'nokeep'} mda \"cat >>{tmp_path}/mail\"\n")
    rc.chmod(0o600)
    env = dict(os.environ, HOME=str(tmp_path), FETCHMAILHOME=str(tmp_path))
    run("fetchmail", "-f", rc, "--nosyslog", "--pidfile", tmp_path / "pid", "-v", env=env)
    text = (tmp_path / "mail").read_text()
    assert [text.count(f"Hello number {n}\n.\n..dots\n") for n in range(3)] == [1, 1, 1]
    assert len(left(demo, user)) == (3 if how == "uidl" else 0)
    run("fetchmail", "-f", rc, "--nosyslog", "--pidfile", tmp_path / "pid", env=env, status=1)      # "no new mail"
    assert (tmp_path / "mail").read_text() == text


# --- curl, mutt ---

@needs("curl")
def test_curl(demo, user):
    def curl(url, *options):
        return run("curl", "-s", "-S", "--cacert", demo.dir / "cert.pem", "-u", f"{user}:{PASSWORD}",
                   url, *options)

    plain, tls = f"pop3://localhost:{demo.pop3_port}", f"pop3s://localhost:{demo.pop3s_port}"
    listing = [line.split() for line in curl(tls + "/").splitlines()]
    assert [x[0] for x in listing] == ["1", "2", "3"]
    for n, size in listing:
        text = subprocess.run(["curl", "-s", "-k", "-u", f"{user}:{PASSWORD}", f"{tls}/{n}"],
                              capture_output=True, timeout=60, check=True).stdout
        assert len(text) == int(size) and b"\r\n.\r\n..dots\r\n" in text
    assert re.match(r"1 \S+", curl(plain + "/", "-X", "UIDL", "--ssl-reqd"))
    assert "Hello number 1" in curl(plain + "/2", "--login-options", "AUTH=PLAIN")
    assert "Hello number 1" in curl(plain + "/2", "--login-options", "AUTH=+APOP")
    curl(plain + "/1", "-X", "DELE", "-I")
    assert left(demo, user) == ["Number 1", "Number 2"]


@pytest.mark.parametrize("program", ["mutt", "neomutt"])
def test_mutt(demo, user, tmp_path, program):
    """Reads one and deletes another."""
    if shutil.which(program) is None or shutil.which("tmux") is None:
        pytest.skip(f"{program} or tmux is not installed")
    shutil.copy(demo.dir / "cert.pem", tmp_path / "certs")
    (tmp_path / "rc").write_text(f"""
set ssl_verify_host=no ssl_verify_dates=no certificate_file={tmp_path}/certs
set pop_user={user} pop_pass={PASSWORD} pop_delete=yes pop_reconnect=yes
set folder={tmp_path} tmpdir={tmp_path} delete=yes quit=yes move=no mark_old=no
""")
    tmux = ["tmux", "-f", "/dev/null", "-L", f"{program}-{os.getpid()}-{demo.base}"]
    subprocess.run([*tmux, "new-session", "-d", "-x", "120", "-y", "30",
                    f"{program} -n -F {tmp_path}/rc -f pops://{user}@127.0.0.1:{demo.pop3s_port}/"],
                   check=True, env=dict(os.environ, LC_ALL="C.UTF-8", TERM="screen", HOME=str(tmp_path)))

    def screen():
        return subprocess.run([*tmux, "capture-pane", "-p"], capture_output=True, text=True, check=False).stdout

    def keys(*k):
        subprocess.run([*tmux, "send-keys", *k], check=True)

    try:
        wait_for("the index", lambda: "Number 2" in screen())
        keys("1", "Enter", "Enter")
        wait_for("the message", lambda: "Hello number 0" in screen())
        keys("q")
        wait_for("the index", lambda: "Hello number 0" not in screen() and "Number 2" in screen())
        keys("2", "Enter", "d")
        wait_for("the mark", lambda: re.search(r"^\W*2 [ N]*D", screen(), re.M))
        keys("q")
        wait_for("the end", lambda: subprocess.run([*tmux, "has-session"], capture_output=True, check=False).returncode)
    except AssertionError as e:
        raise AssertionError(f"{e}\n{screen()}") from None
    finally:
        subprocess.run([*tmux, "kill-server"], capture_output=True, check=False)
    assert left(demo, user) == ["Number 0", "Number 2"]


# --- libraries ---

def test_poplib(demo, user):
    c = poplib.POP3("localhost", demo.pop3_port, timeout=60)
    assert c.getwelcome().startswith(b"+OK")
    assert c.capa()["SASL"] and "UTF8" in c.capa()
    c.stls(trusting(demo))
    c.user(user)
    c.pass_(PASSWORD)
    count, octets = c.stat()
    assert count == 3
    assert sum(int(x.split()[1]) for x in c.list()[1]) == octets
    ids = [x.split()[1] for x in c.uidl()[1]]
    assert len(set(ids)) == 3 and c.uidl(2).split()[2] == ids[1]
    _, lines, size = c.retr(1)
    assert b"..dots" in lines and b"." in lines
    assert len(c.top(1, 1)[1]) == lines.index(b"") + 2
    c.dele(1)
    c.rset()
    c.dele(3)
    c.noop()
    c.quit()
    assert left(demo, user) == ["Number 0", "Number 1"]
    c = poplib.POP3_SSL("localhost", demo.pop3s_port, timeout=60, context=trusting(demo))
    c.utf8()
    c.apop(user, PASSWORD)
    assert c.stat()[0] == 2
    c.quit()


PERL = r"""
use strict; use warnings; use Net::POP3;
my ($port, $user, $password) = @ARGV;
my $c = Net::POP3->new('localhost', Port => $port, Timeout => 60, SSL => 1, SSL_verify_mode => 0) or die "connect: $@";
die "login" unless $c->login($user, $password) == 3;
my $list = $c->list; die "list" unless keys %$list == 3;
my $ids = $c->uidl; die "uidl" unless keys %$ids == 3;
die "get" unless join('', @{$c->get(1)}) =~ /Hello number 0/;
die "top" unless @{$c->top(2, 0)} > 3;
die "delete" unless $c->delete(2);
die "quit" unless $c->quit;
"""


@needs("perl")
def test_net_pop3(demo, user):
    run("perl", "-e", PERL, str(demo.pop3s_port), user, PASSWORD)
    assert left(demo, user) == ["Number 0", "Number 2"]


def test_imap_and_pop3_clients_together(demo, user):
    """poplib has it open while imaplib changes it."""
    pop = poplib.POP3_SSL("localhost", demo.pop3s_port, timeout=60, context=trusting(demo))
    pop.user(user)
    pop.pass_(PASSWORD)
    imap = demo.imap(user)
    imap.select("INBOX")
    imap.store("2", "+FLAGS", "(\\Deleted)")
    imap.expunge()
    demo.deliver(user, MESSAGE.format(n=3, who=user))
    assert pop.stat()[0] == 3
    assert b"Hello number 1" in pop.retr(2)[1]
    pop.dele(1)
    pop.quit()
    imap.noop()
    assert left(demo, user) == ["Number 2", "Number 3"]
    imap.logout()
