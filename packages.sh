# packages.sh - what Chapar needs from Debian 12, for quickstart and check
# shellcheck shell=bash
#
# Sourced, not run.  install_packages NAME... installs those that are missing,
# as root or by sudo; it returns 1 after it has told on stderr what is wrong.
# make_user_cyrus makes the user to whom root gives the server's work;
# as_cyrus COMMAND... is run as that user, and says whether it can.

# shellcheck disable=SC2034  # they are for those who source this
BUILD_PACKAGES=(build-essential autoconf automake pkg-config libdb5.3-dev libssl-dev
    libsasl2-dev libldap-dev libicu-dev zlib1g-dev sasl2-bin libsasl2-modules libsasl2-modules-db openssl
    netbase libcurl4-openssl-dev libcjose-dev libjansson-dev libseccomp-dev)
# shellcheck disable=SC2034
DEMO_PACKAGES=(curl mutt)
# shellcheck disable=SC2034
TEST_PACKAGES=(libcmocka-dev python3 python3-pytest python3-pytest-xdist tmux isync postfix
    libpython3.11-testsuite spamassassin golang-github-jhillyerd-enmime-dev mandoc
    libcyrus-imap-perl fetchmail getmail6 neomutt offlineimap3 interimap libmail-imapclient-perl libio-socket-ssl-perl
    shellcheck cppcheck systemd procps nodejs
    gsasl cyrus-clients libpam-wrapper libnss-wrapper python3-jwt python3-cryptography slapd ldap-utils libsasl2-modules-ldap
    postgresql libsasl2-modules-sql krb5-kdc krb5-admin-server krb5-user libsasl2-modules-gssapi-mit)

missing_packages() {
    local p
    for p; do
        dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null | grep -qx installed || echo "$p"
    done
}

# Nothing that is installed here may start by itself: Postfix would.
apt_install() (
    log=$(mktemp) policy=/usr/sbin/policy-rc.d
    trap 'rm -f "$log"' EXIT
    apt=(apt-get -qq -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
    if [ ! -e $policy ]; then
        trap 'rm -f "$log"; "${SUDO[@]}" rm -f $policy' EXIT
        trap 'exit 130' INT
        trap 'exit 143' TERM HUP
        printf '#!/bin/sh\nexit 101\n' | "${SUDO[@]}" tee $policy >/dev/null &&
            "${SUDO[@]}" chmod 755 $policy || return 1
    fi
    # Lists that cannot be fetched do not matter if the old ones suffice.
    "${SUDO[@]}" "${apt[@]}" update >"$log" 2>&1
    "${SUDO[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" install -y \
        --no-install-recommends "$@" >>"$log" 2>&1 </dev/null && return 0
    tail -20 "$log" >&2
    return 1
)

install_packages() {
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    SUDO=()
    if ! command -v apt-get >/dev/null; then
        echo "this is not Debian; install by your own means what it calls: ${missing[*]}" >&2
        return 1
    fi
    if [ "$(id -u)" != 0 ]; then
        SUDO=(sudo)
        if ! sudo true; then
            printf '%s\n' "these packages are missing and only root can install them:" \
                "    apt-get install --no-install-recommends ${missing[*]}" >&2
            return 1
        fi
    fi
    echo "==> installing ${missing[*]}"
    apt_install "${missing[@]}" && return 0
    echo "apt-get could not install: ${missing[*]}" >&2
    return 1
}

make_user_cyrus() {
    getent group mail >/dev/null || groupadd --system mail
    getent passwd cyrus >/dev/null || useradd --system --gid mail --home-dir /nonexistent --no-create-home \
        --shell /usr/sbin/nologin --comment "Cyrus mailsystem" cyrus
}

as_cyrus() { setpriv --reuid=cyrus --regid=mail --clear-groups "$@" 2>/dev/null; }
