#!/bin/sh
# install.sh: puts the extension into the PostgreSQL that pg_config belongs to: the one in PATH, or $PG_CONFIG.
# install.sh --remove takes it away again. DESTDIR=… puts the files below another root, as make does.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
pg_config=${PG_CONFIG:-pg_config}
if ! command -v "$pg_config" >/dev/null; then
    echo "install.sh: $pg_config was not found; name it: PG_CONFIG=/usr/lib/postgresql/15/bin/pg_config ./install.sh" >&2
    exit 1
fi
built_for=$(cat "$here/POSTGRESQL_MAJOR")
major=$("$pg_config" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
if [ "$major" != "$built_for" ]; then
    echo "install.sh: this build is for PostgreSQL $built_for, and $pg_config is of $major; take the archive for that version" >&2
    exit 1
fi
lib=${DESTDIR:-}$("$pg_config" --pkglibdir)
share=${DESTDIR:-}$("$pg_config" --sharedir)/extension
case ${1:-} in
"")
    mkdir -p "$lib" "$share"
    # Beside its place and then moved: a server that has the old library loaded keeps it.
    cp "$here/lib/alyx_functions.so" "$lib/.alyx_functions.so.new"
    chmod 644 "$lib/.alyx_functions.so.new"
    mv "$lib/.alyx_functions.so.new" "$lib/alyx_functions.so"
    for file in "$here"/extension/*; do
        cp "$file" "$share/"
        chmod 644 "$share/$(basename "$file")"
    done
    echo "installed into $lib and $share"
    echo "next, in a database: CREATE EXTENSION alyx_functions;"
    ;;
--remove)
    rm -f "$lib/alyx_functions.so" "$share/alyx_functions.control" "$share"/alyx_functions--*.sql
    echo "removed from $lib and $share"
    ;;
*)
    echo "usage: install.sh [--remove]" >&2
    exit 2
    ;;
esac
