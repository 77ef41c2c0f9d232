"""Languages under test: lang/*.sql with its headers, the artefacts its SQL names, and what each language has of the workloads.

A file lang/P.sql defines P_noop(int) int, P_json(jsonb) jsonb, P_sieve(int) int, P_trg_noop(), P_trg_slug(), P_trg_stock(). Headers:
  -- label: TEXT          how the table calls it
  -- extension: NAME      left out where the server does not have it
  -- variants: A B        one language for each; @VARIANT@ in the file is the variant's name, and P becomes P_A, P_B
@NATIVE@ is the path of native/bench.c as a shared object, @WASM:name@ the bytes of guests/name.c as wasm.
"""
import os
import pathlib
import re
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CLANG = os.environ.get("CLANG", "clang")


class Language:
    def __init__(self, prefix, label, sql, extension=None):
        self.prefix, self.label, self.sql, self.extension = prefix, label, sql, extension

    def call(self, function, argument):
        return f"{self.prefix}_{function}({argument})"


def load(wanted):
    """Languages named in `wanted` (by file or by variant), else all, in a fixed order."""
    found = []
    for path in sorted((HERE / "lang").glob("*.sql")):
        sql, prefix = path.read_text(), path.stem
        headers = dict(re.findall(r"^-- (\w+): (.*)$", sql, re.M))
        for variant in headers.get("variants", "").split() or [""]:
            name = f"{prefix}_{variant}" if variant else prefix
            if not wanted or prefix in wanted or name in wanted:
                found.append(Language(name, headers.get("label", name).replace("@VARIANT@", variant), sql.replace("@VARIANT@", variant), headers.get("extension")))
    return found


def available(connection, language):
    """Whether the server has the extension that the language needs."""
    return language.extension is None or connection.value(f"SELECT count(*) FROM pg_available_extensions WHERE name = '{language.extension}'") == "1"


def install(connection, language, folder):
    """Builds what the language's SQL names, in `folder`, and runs it."""
    sql = with_guests(language.sql, folder)
    if "@NATIVE@" in sql:
        sql = sql.replace("@NATIVE@", str(_build_native(folder)))
    connection.query(sql)


def with_guests(sql, folder):
    """`sql` with the bytes of the guests that it names, built in `folder`."""
    return re.sub(r"@WASM:(\w+)@", lambda match: f"'\\x{_build_guest(match[1], folder).read_bytes().hex()}'::bytea", sql)


def _build_guest(name, folder):
    out = folder / f"{name}.wasm"
    if not out.exists():
        subprocess.run([CLANG, "--target=wasm32-unknown-unknown", "-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-mbulk-memory", "-nostdlib", "-ffreestanding",
                        "-I", HERE.parent / "examples" / "stock", "-Wl,--no-entry", "-Wl,--strip-all", HERE / "guests" / f"{name}.c", "-o", out], check=True)
    return out


def _build_native(folder):
    out = folder / "bench.so"
    if not out.exists():
        pg_config = os.environ.get("BENCH_PG_CONFIG", "pg_config")
        include = subprocess.run([pg_config, "--includedir-server"], check=True, capture_output=True, text=True).stdout.strip()
        # PostgreSQL's headers name a printf format that only gcc has.
        subprocess.run([CLANG, "-O2", "-fPIC", "-shared", "-Wno-ignored-attributes", "-I", include, HERE / "native" / "bench.c", "-o", out], check=True)
    return out
