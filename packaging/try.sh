#!/usr/bin/env bash
# try.sh [--pg N] [--base DIR] PACKAGES: installs the packages in the folder PACKAGES into an empty Debian 12, uses them and
# purges them. It takes root, debootstrap, and Debian's mirror.
#
# The Debian is a folder below $TMPDIR that is deleted at the end. What runs in it is in process and mount namespaces of its
# own, so that with the script every process ends and every mount is gone. --base takes a folder that debootstrap has made
# before; it is copied and not changed.
set -euo pipefail
# Other users than root read what is written here.
umask 022

major=15 base="" packages=""
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
while (($#)); do
    case $1 in
    --pg) major=$2 && shift 2 ;;
    --base) base=$2 && shift 2 ;;
    *) packages=$1 && shift ;;
    esac
done
if [[ ! -d $packages ]]; then
    echo "usage: try.sh [--pg N] [--base DIR] PACKAGES; \"cargo xtask package\" makes the packages" >&2
    exit 2
fi
if ((EUID != 0)); then
    echo "try.sh: chroot takes root; run it with sudo" >&2
    exit 1
fi

machine=$(mktemp --directory --tmpdir alyx-machine.XXXXXX)
trap 'rm -rf --one-file-system "$machine"' EXIT
chmod 755 "$machine"
if [[ -n $base ]]; then
    cp --archive "$base/." "$machine"
else
    debootstrap --variant=minbase bookworm "$machine" "$mirror" >"$machine.log" 2>&1 || { tail "$machine.log" >&2 && exit 1; }
    rm -f "$machine.log"
fi
mkdir "$machine/packages"
cp "$packages"/*.deb "$packages"/*.tar.gz "$machine/packages/"
# No service starts because its package is installed; no cluster is made that nobody asked for.
printf '#!/bin/sh\nexit 101\n' >"$machine/usr/sbin/policy-rc.d"
chmod 755 "$machine/usr/sbin/policy-rc.d"
mkdir -p "$machine/etc/postgresql-common/createcluster.d"
echo "create_main_cluster = false" >"$machine/etc/postgresql-common/createcluster.d/try.conf"
cp /etc/resolv.conf "$machine/etc/resolv.conf"

cat >"$machine/try" <<'INSIDE'
set -euo pipefail
major=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
say() { printf '\n$ %s\n' "$*"; }
show() { say "$@" && "$@"; }
fail() { echo "FAILED: $*" && exit 1; }
quietly() { "$@" >/tmp/log 2>&1 || { cat /tmp/log && fail "$*"; }; }
psql() { runuser -u postgres -- psql --no-psqlrc --set=ON_ERROR_STOP=1 --port=54390 "$@"; }
sql() { say "psql -c \"$1\"" && psql --quiet --command="$1"; }
files() { find / -xdev \( -path /proc -o -path /packages -o -path /tmp -o -path /var/cache -o -path /var/lib/dpkg -o -path /var/log \) -prune -o -print | sort; }

quietly apt-get update
# What the packages need, so that what is left at the end is theirs.
quietly apt-get install --yes --no-install-recommends "postgresql-$major" libjson-perl ca-certificates adduser
files >/tmp/before

extension="postgresql-$major-alyx-functions"
say "apt-get install ./$extension.deb ./alyx.deb"
quietly apt-get install --yes --no-install-recommends "/packages/${extension}"_*.deb /packages/alyx_*.deb
dpkg-query --show --showformat='${Package} ${Version} ${Status}\n' "$extension" alyx
show dpkg --verify "$extension" alyx
say "systemctl is-enabled alyx-serve"
[[ ! -e /etc/systemd/system/multi-user.target.wants/alyx-serve.service ]] && echo disabled

quietly pg_createcluster "$major" try --port=54390 --locale=C.UTF-8 -- --auth=trust
conf="/etc/postgresql/$major/try/conf.d/try.conf"
printf "listen_addresses = '127.0.0.1'\nshared_preload_libraries = 'alyx_functions'\n" >"$conf"
show pg_ctlcluster "$major" try start
sql "SELECT version()"
sql "CREATE EXTENSION alyx_functions"
sql "SELECT * FROM fn_version()"
sql 'CREATE FUNCTION greet(name text) RETURNS text LANGUAGE javascript AS $$ return `Hello, ${name}!` $$'
sql "SELECT greet('empty machine')"
sql 'CREATE TABLE posts (title text, slug text)'
sql 'CREATE FUNCTION slug() RETURNS trigger LANGUAGE javascript AS $$ NEW.slug = NEW.title.toLowerCase().replaceAll(" ", "-"); return NEW; $$'
sql 'CREATE TRIGGER slug BEFORE INSERT ON posts FOR EACH ROW EXECUTE FUNCTION slug()'
sql "INSERT INTO posts (title) VALUES ('Hello World') RETURNING *"

show alyx --version
export DATABASE_URL=postgres://postgres@127.0.0.1:54390/postgres
show alyx functions
say "alyx serve"
ALYX_LISTEN=127.0.0.1:54391 alyx serve --anonymous-role postgres >/tmp/serve.log 2>&1 &
gateway=$!
get() { exec 3<>/dev/tcp/127.0.0.1/54391 && printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&3 && cat <&3; }
for _ in $(seq 50); do
    if (get /healthz) >/dev/null 2>&1; then break; fi
    sleep 0.1
done
say "GET /readyz"
(get /readyz) | head -1 | tee /tmp/ready
grep -q ' 200 ' /tmp/ready || { cat /tmp/serve.log && fail "the gateway is not ready"; }
kill -TERM "$gateway" && wait "$gateway"

show pg_ctlcluster "$major" try stop
rm -f "$conf" && quietly pg_dropcluster "$major" try
say "apt-get purge $extension alyx"
quietly apt-get purge --yes "$extension" alyx
files >/tmp/after
diff /tmp/before /tmp/after || fail "the purge has left something behind"
echo "nothing is left behind"

cd /tmp
tar xf "/packages/alyx_functions-"*"-pg$major-"*.tar.gz
cd alyx_functions-*
say "PG_CONFIG=/usr/lib/postgresql/$major/bin/pg_config ./install.sh"
PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" ./install.sh
quietly pg_createcluster "$major" try --port=54390 --locale=C.UTF-8 -- --auth=trust
pg_ctlcluster "$major" try start
sql "CREATE EXTENSION alyx_functions"
sql "SELECT * FROM fn_version()"
pg_ctlcluster "$major" try stop
rm -f "$conf" && quietly pg_dropcluster "$major" try
say "./install.sh --remove"
PG_CONFIG="/usr/lib/postgresql/$major/bin/pg_config" ./install.sh --remove
files >/tmp/after
diff /tmp/before /tmp/after || fail "install.sh --remove has left something behind"
echo
echo "tried: all of it works on PostgreSQL $major"
INSIDE
unshare --mount --pid --fork --kill-child --mount-proc="$machine/proc" chroot "$machine" bash /try "$major"
