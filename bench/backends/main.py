#!/usr/bin/env python3
"""Measures what backends cost: memory, a hundred clients at once, the first call after a deploy, records, and deploys themselves.

BENCH_DSN and BENCH_PG_CONFIG as in jobs/main.py; the server may be restarted. OUT.jsonl keeps every sample, OUT.md the tables.
"""
import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "jobs")]

import clients      # noqa: E402, what lies beside bench.py is found only now
import deploys      # noqa: E402
import languages    # noqa: E402
import memory       # noqa: E402
import records      # noqa: E402
import samples      # noqa: E402
import tables       # noqa: E402
from machine import machine     # noqa: E402
from server import Server       # noqa: E402

PARTS = ("memory", "deploy", "clients", "records")
LANGUAGES = ("c", "plpgsql", "alyx_fresh", "alyx_session", "javascript_fresh", "javascript_session")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--out", default=str(HERE.parent / "results" / f"{os.environ.get('BENCH_NAME', time.strftime('%Y-%m-%d'))}-backends"), help="path of the results without its ending")
    parser.add_argument("--parts", default="", help="comma-separated: " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=0)
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.parts = chosen.parts.split(",") if chosen.parts else list(PARTS)
    chosen.clients, chosen.seconds, chosen.deploys, chosen.functions, chosen.calls = (
        (100, 3, 3, (1, 10), 200_000) if chosen.quick else (100, 20, 20, (1, 10, 100), 1_000_000))
    return chosen


def main():
    chosen = options()
    out = pathlib.Path(chosen.out)
    server, dice = Server(os.environ.get("BENCH_DSN", "dbname=bench")), random.Random(3)
    with tempfile.TemporaryDirectory(prefix="alyx-bench-") as folder, samples.kept(out) as (kept, put):
        os.chmod(folder, 0o755)     # the server loads the C functions from here

        found = languages.load(list(LANGUAGES))
        with server.connect("SET client_min_messages = warning") as connection:
            for language in found:
                progress(f"install {language.label}")
                languages.install(connection, language, pathlib.Path(folder))
        put(kind="meta", machine=machine(server.dsn), rounds=chosen.rounds)
        measures = {
            "memory": lambda: memory.measure(server, found, put, chosen),
            "deploy": lambda: deploys.measure(server, put, chosen, pathlib.Path(folder)),
            "clients": lambda: clients.measure(server, found, put, dice, chosen, pathlib.Path(folder)),
            "records": lambda: records.measure(server, put, chosen),
        }
        for part in chosen.parts:
            progress(part)
            measures[part]()

    table = tables.markdown(kept)
    out.with_suffix(".md").write_text(table)
    sys.stdout.write("\n" + table)


def progress(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    main()
