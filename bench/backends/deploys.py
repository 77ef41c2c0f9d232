"""How long a deploy takes: 100 kB of wasm, and a program of JavaScript; and what the first call after it costs, in a session that has
called the version before and in a new one."""
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLANG = os.environ.get("CLANG", "clang")


def measure(server, put, options, folder):
    for kind, code, call in (("wasm", _wasm(folder), "5"), ("javascript", _javascript(folder), """'{"name": "Bob"}'""")):
        text = code.hex()
        for number in range(options.deploys):
            # Other bytes each time: a version that is known is not compiled again.
            section = bytes([0, 14, 5]) + b"bench" + time.time_ns().to_bytes(8, "little")
            with server.connect("SELECT fn_version()") as connection, server.connect("SELECT fn_version()") as other:
                wall, _ = connection.timed(f"SELECT fn_deploy('bench_deploy_{kind}', '\\x{text}{section.hex()}'::bytea)")
                if number == 0:
                    argument, result, export = ("int", "int", ":f0") if kind == "wasm" else ("jsonb", "jsonb", "")
                    connection.query(f"CREATE OR REPLACE FUNCTION bench_deployed_{kind}(a {argument}) RETURNS {result} LANGUAGE wasm AS 'bench_deploy_{kind}{export}'")
                after, _ = connection.timed(f"SELECT bench_deployed_{kind}({call})")
                elsewhere, _ = other.timed(f"SELECT bench_deployed_{kind}({call})")
            put(kind="deploy", round=number, variant=kind, bytes=len(code), wall=wall, first_here=after, first_elsewhere=elsewhere)


def _wasm(folder):
    """About 100 kB of code as compilers write it: functions with loops, branches, memory and calls."""
    source, out = folder / "large.c", folder / "large.wasm"
    functions = "".join(
        f"__attribute__((noinline, export_name(\"f{i}\"))) int f{i}(int n) {{ unsigned h = n + {i}; for (int k = 0; k < n; k++) {{ h ^= t[(h + k) & 255]; h *= {16777619 + 2 * i}u;"
        f" if (h & {1 << i % 20}) h += t[k & 255] >> {i % 7}; else t[(h >> 8) & 255] = h % {i + 3}u; switch (h & 7) {{ case 0: h += {i}; break; case 1: h ^= h >> {1 + i % 11}; break;"
        f" case 2: h -= t[{i % 256}]; break; case 3: h = h << 3 | h >> 29; break; default: h ^= {i * 77}; }} }} return h + {f'f{i - 1}(n - 1)' if i else '0'}; }}\n"
        for i in range(330))
    source.write_text("static unsigned t[256];\n" + functions)
    subprocess.run([CLANG, "--target=wasm32-unknown-unknown", "-O2", "-nostdlib", "-ffreestanding", "-Wl,--no-entry", "-Wl,--strip-all", source, "-o", out], check=True)
    return out.read_bytes()


def _javascript(folder):
    source, out = folder / "greet.js", folder / "greet.wasm"
    source.write_text("import { handler } from '@alyx/functions';\nexport default handler((ctx) => ({ message: `Hello, ${ctx.input.name}!` }));\n")
    subprocess.run(["node", os.path.join(ROOT, "sdk/js/bin/alyx-build.js"), str(source), "--out", str(out)], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()
