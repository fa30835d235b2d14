"""fetchmail, OfflineIMAP and Perl's Mail::IMAPClient, as people use them.

What each session said is in a telemetry log: no command of theirs may have been
answered BAD, and the server has nothing to complain about in its log.
"""
import email
import os
import pathlib
import pwd
import re
import shutil
import subprocess

import pytest

from demo import PASSWORD

MESSAGE = ("From: Ann <ann@example.org>\r\nTo: you@localhost\r\nSubject: Number {n}\r\n"
           "Message-ID: <{n}.{who}@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\r\nHello number {n}\r\n")


def needs(program):
    """Before there is a user: of a session that never was there is nothing to see."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


imapclient = pytest.mark.skipif(not pathlib.Path("/usr/share/perl5/Mail/IMAPClient.pm").exists(),
                                reason="Perl's Mail::IMAPClient is not installed")


@pytest.fixture
def user(demo):
    """A user with three messages, whose sessions are recorded."""
    name = demo.user()
    log = demo.dir / "config/log" / name
    log.mkdir(parents=True)
    if os.geteuid() == 0:
        shutil.chown(log, pwd.getpwnam("cyrus").pw_uid)
    for n in range(3):
        demo.deliver(name, MESSAGE.format(n=n, who=name))
    start = len(demo.log())
    yield name
    said = b"".join(p.read_bytes() for p in log.iterdir())
    assert b" OK " in said
    assert not re.search(rb"^(>\d+>)?\S+ BAD ", said, re.M), said.decode(errors="replace")
    complaints = [line for line in demo.log()[start:].splitlines() if re.search(r"\]: (warning|err|crit): ", line)]
    assert not complaints, complaints


def flags_of(demo, user):
    """{subject: flags} of the INBOX."""
    client = demo.imap(user)
    client.select("INBOX", readonly=True)
    found = {}
    for item in client.fetch("1:*", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
        if isinstance(item, tuple):
            found[email.message_from_bytes(item[1])["subject"]] = set(re.search(r"FLAGS \((.*?)\)", item[0].decode())[1].split())
    client.logout()
    return found


@needs("fetchmail")
def test_fetchmail_takes_what_is_new(demo, user, tmp_path):
    rc = tmp_path / "rc"
    rc.write_text(f'poll localhost protocol IMAP port {demo.imaps_port} user "{user}" password "{PASSWORD}" '
                  f'ssl sslcertfile "{demo.dir}/cert.pem" keep mda "cat >>{tmp_path}/mail"\n')
    rc.chmod(0o600)
    env = dict(os.environ, HOME=str(tmp_path), FETCHMAILHOME=str(tmp_path))

    def fetchmail(*options):
        # root's would wait for root's others.
        return subprocess.run(["fetchmail", "-f", rc, "--nosyslog", "--pidfile", tmp_path / "pid", *options],
                              env=env, capture_output=True, text=True, timeout=60)

    run = fetchmail()
    assert run.returncode == 0, run.stdout + run.stderr
    text = (tmp_path / "mail").read_text()
    assert [f"Hello number {n}" in text for n in range(3)] == [True] * 3
    assert all("\\Seen" in f for f in flags_of(demo, user).values())
    assert fetchmail().returncode == 1		# "no new mail"
    demo.deliver(user, MESSAGE.format(n=3, who=user))
    run = fetchmail("--nokeep")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "mail").read_text().count("Hello number 3") == 1
    assert "Number 3" not in flags_of(demo, user)


@needs("offlineimap")
def test_offlineimap_two_ways(demo, user, tmp_path):
    (tmp_path / "rc").write_text(f"""
[general]
accounts = a
metadata = {tmp_path}/meta
[Account a]
localrepository = near
remoterepository = far
[Repository near]
type = Maildir
localfolders = {tmp_path}/mail
[Repository far]
type = IMAP
remotehost = localhost
remoteport = {demo.imaps_port}
remoteuser = {user}
remotepass = {PASSWORD}
ssl = yes
sslcacertfile = {demo.dir}/cert.pem
""")

    def sync():
        run = subprocess.run(["offlineimap", "-c", tmp_path / "rc", "-u", "basic"], capture_output=True, text=True,
                             timeout=120, env=dict(os.environ, HOME=str(tmp_path)))
        assert run.returncode == 0 and "ERROR" not in run.stdout + run.stderr, run.stdout + run.stderr

    sync()
    box = tmp_path / "mail" / "INBOX"
    by_subject = {email.message_from_bytes(p.read_bytes())["subject"]: p
                  for sub in ("new", "cur") for p in (box / sub).iterdir()}
    assert set(by_subject) == {"Number 0", "Number 1", "Number 2"}
    flagged = by_subject["Number 0"]
    flagged.rename(box / "cur" / (flagged.name.split(":")[0] + ":2,FS"))
    by_subject["Number 1"].unlink()
    (box / "new" / "1.new").write_text(MESSAGE.format(n=9, who=user).replace("\r\n", "\n"))
    sync()
    flags = flags_of(demo, user)
    assert set(flags) == {"Number 0", "Number 2", "Number 9"}
    assert {"\\Flagged", "\\Seen"} <= flags["Number 0"]


PERL = r"""
use strict; use warnings; use Mail::IMAPClient;
my ($port, $user, $password) = @ARGV;
my $c = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $port, User => $user, Password => $password,
    Ssl => [SSL_verify_mode => 0], Uid => 1) or die "connect: $@";
sub ok { my ($what, $good) = @_; die "$what: " . $c->LastError unless $good; }
ok('folders', join(',', $c->folders) eq 'INBOX');
ok('select', $c->select('INBOX'));
my @all = $c->messages;
ok('messages', @all == 3);
ok('subject', $c->subject($all[0]) eq 'Number 0');
ok('search', join(',', $c->search('SUBJECT', 'number 1')) eq $all[1]);
ok('since', scalar(@{$c->since('20-Nov-2026')}) == 3);
my $h = $c->fetch_hash('UID', 'FLAGS', 'INTERNALDATE', 'RFC822.SIZE');
ok('hash', scalar(keys %$h) == 3);
ok('structure', $c->get_bodystructure($all[0])->bodytype eq 'TEXT');
ok('envelope', $c->get_envelope($all[0])->subject eq 'Number 0');
ok('body', $c->body_string($all[2]) =~ /Hello number 2/);
ok('create', $c->create('INBOX.copies'));
ok('copy', $c->copy('INBOX.copies', @all[0, 1]));
ok('append', $c->append_string('INBOX.copies', "Subject: Gr\xc3\xbc\xc3\x9fe\r\n\r\nx\r\n", '\\Flagged'));
ok('move', $c->move('INBOX.copies', $all[2]));
ok('expunge', $c->expunge);
ok('left', $c->message_count('INBOX') == 2 && $c->message_count('INBOX.copies') == 4);
ok('subscribe', $c->subscribe('INBOX.copies') && join(',', $c->subscribed) eq 'INBOX.copies');
ok('rename', $c->rename('INBOX.copies', 'INBOX.renamed'));
ok('acl', $c->setacl('INBOX.renamed', 'bob', 'lrs') && $c->getacl('INBOX.renamed')->{bob} eq 'lrs');
ok('idle', my $idle = $c->idle);
ok('done', $c->done($idle));
ok('delete', $c->delete('INBOX.renamed'));
ok('logout', $c->logout);
print "fine\n";
"""


@imapclient
def test_perl_mail_imapclient(demo, user):
    run = subprocess.run(["perl", "-e", PERL, str(demo.imaps_port), user, PASSWORD], capture_output=True, text=True,
                         timeout=60)
    assert run.stdout == "fine\n", run.stderr


@needs("node")
def test_in_the_manner_of_imapflow(demo, user):
    """Append by literal8, CONDSTORE, LIST with STATUS, downloads in pieces."""
    run = subprocess.run(["node", pathlib.Path(__file__).with_name("imapflow.js"), str(demo.imaps_port), user, PASSWORD],
                         capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "fine\n"), run.stdout + run.stderr


@needs("node")
@pytest.mark.skipif("IMAPFLOW" not in os.environ, reason="IMAPFLOW names no folder made by: npm install --prefix IMAPFLOW imapflow")
def test_imapflow_itself(demo, user):
    """QRESYNC, CONDSTORE, OBJECTID, IDLE: the library as its applications use it."""
    script = pathlib.Path(__file__).with_name("imapflow_lib.js")
    run = subprocess.run(["node", script, os.environ["IMAPFLOW"], str(demo.imaps_port), user, PASSWORD],
                         capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "fine\n"), run.stdout + run.stderr


PERL_MORE = r"""
use strict; use warnings; use Mail::IMAPClient;
my ($port, $user, $password) = @ARGV;
my $c = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $port, User => $user, Password => $password,
    Ssl => [SSL_verify_mode => 0], Uid => 1) or die "connect: $@";
sub ok { my ($what, $good) = @_; die "$what: " . $c->LastError unless $good; }
for my $name (qw(BINARY CATENATE MULTIAPPEND REPLACE URLAUTH PREVIEW SAVEDATE)) { ok($name, $c->has_capability($name)); }
ok('select', $c->select('INBOX'));
my @all = $c->messages;
ok('thread', @{$c->thread('REFERENCES', 'UTF-8', 'ALL')} == 3);
ok('sort', join(',', $c->sort('REVERSE SUBJECT', 'UTF-8', 'ALL')) eq join(',', reverse @all));
ok('preview', join('', @{$c->fetch($all[0], '(PREVIEW SAVEDATE)')}) =~ /PREVIEW "Hello number 0" SAVEDATE "/);
ok('parts', $c->bodypart_string($all[1], 1) =~ /Hello number 1/);
ok('size', $c->size($all[1]) > 100);
ok('flags', $c->set_flag('Flagged', $all[1]) && grep { $_ eq '\\Flagged' } $c->flags($all[1]));
ok('quota', defined $c->quota_usage('INBOX') || 1);
my $uid = $c->append_string('INBOX', "Subject: appended\r\n\r\n" . ('x' x 400000) . "\r\n", '\\Seen', '21-Nov-2026 10:00:00 +0000');
ok('append', $uid && $c->size($uid) > 400000);
ok('migrate', $c->create('INBOX.to') && $c->copy('INBOX.to', $uid));
ok('delete', $c->delete_message($uid) && $c->expunge);
ok('gone', $c->message_count('INBOX') == 3);
ok('logout', $c->logout);
print "fine\n";
"""


@imapclient
def test_perl_imapclient_and_what_is_new(demo, user):
    run = subprocess.run(["perl", "-e", PERL_MORE, str(demo.imaps_port), user, PASSWORD], capture_output=True, text=True,
                         timeout=60)
    assert (run.returncode, run.stdout) == (0, "fine\n"), run.stdout + run.stderr
