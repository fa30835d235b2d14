"""chapar config: the options as the server reads them, and the manual page."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("CHAPAR_BUILD", TOP / "b"))
CHAPAR = BUILD / "imap/admin/chapar"
LEAST = "configdirectory: /var/imap\npartition-default: /var/spool/imap\n"


def chapar(*args):
    return subprocess.run([CHAPAR, *map(str, args)], capture_output=True, text=True, timeout=30)


@pytest.fixture
def conf(tmp_path):
    def write(text):
        path = tmp_path / "imapd.conf"
        path.write_text(text)
        return path
    return write


def test_check_is_silent_on_success(conf):
    done = chapar("config", "check", "-C", conf(LEAST))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_says_all_errors_at_once(conf):
    path = conf(LEAST + "timeout: soon\nallowplaintex: yes\numask: 9\n")
    done = chapar("config", "check", "-C", path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f'{path}:3: timeout: "soon" is not a duration such as 90s, 30m or 1h30m',
        f"{path}:4: unknown option allowplaintex; is allowplaintext meant?",
        f'{path}:5: umask: "9" is not an octal number up to 777',
    ]


def test_an_unknown_name_alone_is_an_error_in_check(conf):
    """It is only a warning when the server starts: old files must work."""
    path = conf(LEAST + "sievedri: /x\n")
    assert chapar("config", "check", "-C", path).returncode == 1
    shown = chapar("config", "show", "-C", path)
    assert shown.returncode == 0
    assert "unknown option sievedri" in shown.stderr


def test_show_says_where_values_come_from(conf):
    path = conf(LEAST + "imap_timeout: 1h\nsasl_mech_list: PLAIN\n")
    lines = chapar("config", "show", "-C", path, "-s", "imap").stdout.splitlines()
    flat = [re.sub(r" {2,}", " ", l) for l in lines]
    assert f"timeout: 1h ({path}:3)" in flat
    assert f"sasl_mech_list: PLAIN ({path}:4)" in flat
    assert "lmtpsocket: /var/imap/socket/lmtp (default)" in flat
    assert "tls_server_cert: (not set)" in flat
    other = chapar("config", "show", "-C", path, "-s", "pop3").stdout
    assert re.search(r"^timeout: 30m +\(default\)$", other, re.M)


def test_explain(conf):
    path = conf(LEAST + "expunge_mode: semidelayed\n")
    out = chapar("config", "explain", "expunge_mode", "-C", path).stdout
    assert out.startswith("expunge_mode is delayed or immediate.\nThe default is delayed.\n")
    assert out.endswith(f'\nIt is set to "semidelayed" at {path}:3.\n')
    assert "old name of autocreate_quota" in chapar("config", "explain", "autocreatequota",
                                                    "-C", path).stdout
    assert "of the form partition-NAME" in chapar("config", "explain", "partition-default",
                                                  "-C", path).stdout
    path = conf(LEAST + "imap_timeout: 1h\n")
    out = chapar("config", "explain", "imap_timeout", "-C", path).stdout
    assert out.startswith("imap_timeout is timeout for the service imap of cyrus.conf only.\ntimeout is a duration")
    assert out.endswith(f'\nIt is set to "1h" at {path}:3.\n')
    assert "for the service pop3s of" in chapar("config", "explain", "pop3s_sasl_mech_list", "-C", path).stdout
    nothing = chapar("config", "explain", "imap_tymeout", "-C", path)
    assert nothing.returncode == 1 and nothing.stderr.startswith("chapar: there is no option imap_tymeout")
    unknown = chapar("config", "explain", "timout", "-C", path)
    assert (unknown.returncode, unknown.stderr) == (1, "chapar: there is no option timout;"
                                                    " is timeout meant?\n")


def test_no_file():
    done = chapar("config", "check", "-C", "/nowhere/imapd.conf")
    assert (done.returncode, done.stderr) == (1, "/nowhere/imapd.conf: cannot read it: not found\n")


@pytest.mark.parametrize("args", [[], ["config"], ["config", "explain"], ["config", "check", "x"],
                                  ["other", "check"], ["config", "check", "-x"]])
def test_usage(args):
    done = chapar(*args)
    assert done.returncode == 64
    assert "usage: chapar config check" in done.stderr


def test_the_manual_page_has_every_option():
    table = (TOP / "lib/conf_options.def").read_text()
    names = re.findall(r'^OPTION\(\w+, "(\w+)"', table, re.M)
    page = (BUILD / "man/imapd.conf.5").read_text()
    assert len(names) > 40
    assert re.findall(r"^\.It Cm (\w+) :", page, re.M) == names
    assert "@OPTIONS@" not in page


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="mandoc is not installed")
def test_the_manual_page_is_good_mdoc():
    done = subprocess.run(["mandoc", "-Tlint", "-W", "warning", BUILD / "man/imapd.conf.5",
                           TOP / "man/chapar.8"], capture_output=True, text=True)
    assert [l for l in done.stdout.splitlines() if ": WARNING:" in l or ": ERROR:" in l] == []
