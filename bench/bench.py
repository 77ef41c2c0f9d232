#!/usr/bin/env python3
"""Measures this project beside PL/pgSQL and C in one run: calls, JSON, a CPU kernel, three row triggers, the first call of a backend.

BENCH_DSN is a libpq connection string of a superuser on a database that may be filled with tables named b_*. BENCH_PG_CONFIG finds
the headers for the C functions (default pg_config). Prints one Markdown table; OUT.jsonl keeps every sample, OUT.md the table.
"""
import argparse
import json
import os
import pathlib
import random
import sys
import tempfile
import time

import languages
import report
import workloads
from connection import Connection, DatabaseError
from machine import machine

HERE = pathlib.Path(__file__).resolve().parent


# --check: what times PL/pgSQL a workload may take. Two to three times what was measured, for machines that others use as well.
MOST = {
    ("alyx_session", "call"): 2, ("alyx_session", "json"): 3, ("alyx_session", "compute"): 0.03, ("alyx_session", "trigger_noop"): 2, ("alyx_session", "trigger_modify"): 1.5,
    ("alyx_session", "trigger_query"): 4, ("javascript_session", "call"): 40, ("javascript_session", "json"): 20, ("javascript_session", "trigger_noop"): 40,
}


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round: a look, not a result")
    parser.add_argument("--out", default=str(HERE / "results" / os.environ.get("BENCH_NAME", time.strftime("%Y-%m-%d"))), help="path of the results without its ending")
    parser.add_argument("--check", action="store_true", help="fail where a ratio to PL/pgSQL is far worse than it should be")
    parser.add_argument("--languages", default="", help="comma-separated: c, plpgsql, alyx, alyx_fresh, …")
    parser.add_argument("--workloads", default="", help="comma-separated: " + ", ".join([*workloads.UNITS, "first_call"]))
    parser.add_argument("--rounds", type=int, default=0)
    chosen = parser.parse_args()
    chosen.dsn = os.environ.get("BENCH_DSN", "dbname=bench")
    os.environ.setdefault("PGOPTIONS", "-c jit=off")    # for libpq: compiling the loop is not what is measured
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.rows, chosen.calls, chosen.inner, chosen.connections = (20_000, 100_000, 2, 10) if chosen.quick else (100_000, 1_000_000, 3, 100)
    if chosen.check:
        chosen.languages = ",".join({"plpgsql": 0} | {language: 0 for language, _ in MOST})
        chosen.workloads = ",".join({workload: 0 for _, workload in MOST})
    chosen.workloads = chosen.workloads.split(",") if chosen.workloads else [*workloads.UNITS, "first_call"]
    return chosen


def main():
    chosen = options()
    out = pathlib.Path(chosen.out)
    out.parent.mkdir(parents=True, exist_ok=True)
    records = []

    # Not below the checkout: the server loads the C functions from here, and it may not be allowed to read a home folder.
    with tempfile.TemporaryDirectory(prefix="alyx-bench-") as folder, open(out.with_suffix(".jsonl"), "w") as file:
        os.chmod(folder, 0o755)

        def put(**record):
            records.append(record)
            file.write(json.dumps(record, ensure_ascii=False) + "\n")
            file.flush()

        found = install(chosen, pathlib.Path(folder), put)
        put(kind="meta", languages={language.prefix: language.label for language in found}, machine=machine(chosen.dsn), rounds=chosen.rounds, rows=chosen.rows, calls=chosen.calls)
        measure(found, chosen, put)
        if "first_call" in chosen.workloads:
            first_calls(found, chosen, put)

    table = report.markdown(records)
    out.with_suffix(".md").write_text(table)
    sys.stdout.write("\n" + table)
    too_slow = [f"{language}, {workload}: {ratio:.2f} x PL/pgSQL, at most {most}" for language, workload, ratio, most in report.ratios(records, MOST) if ratio > most] if chosen.check else []
    for text in too_slow:
        sys.stderr.write(f"too slow: {text}\n")
    sys.exit(1 if too_slow or any(record["kind"] == "error" for record in records) else 0)


def install(chosen, folder, put):
    """Tables and functions; the languages that answer correctly."""
    found = []
    with Connection(chosen.dsn, "SET client_min_messages = warning") as connection:
        progress("tables")
        for statement in (HERE / "schema.sql").read_text().replace("@ROWS@", str(chosen.rows)).split(";\n"):
            connection.query(statement)         # one by one: VACUUM refuses to run among others
        for language in languages.load([name for name in chosen.languages.split(",") if name]):
            if not languages.available(connection, language):
                progress(f"left out, the server does not have it: {language.label}")
                continue
            progress(f"install {language.label}")
            try:
                languages.install(connection, language, folder)
                workloads.verify(language, chosen)
                found.append(language)
            except DatabaseError as error:
                put(kind="error", language=language.prefix, workload="install", error=str(error))
    return found


def measure(found, chosen, put):
    """Rounds of all workloads over all languages, in another order each time: what drifts, drifts for all."""
    dice, failed = random.Random(1), set()
    for number in range(chosen.rounds):
        for workload in (name for name in chosen.workloads if name in workloads.UNITS):
            progress(f"round {number + 1} of {chosen.rounds}: {workload}")
            for language in dice.sample(found, len(found)):
                if (language.prefix, workload) in failed:
                    continue
                try:
                    put(kind="sample", round=number, language=language.prefix, workload=workload, load=os.getloadavg()[0], **workloads.measure(workload, language, chosen))
                except DatabaseError as error:
                    failed.add((language.prefix, workload))
                    put(kind="error", language=language.prefix, workload=workload, error=str(error))


def first_calls(found, chosen, put):
    progress("first call of a new backend")
    dice = random.Random(2)
    statements = [("-", "SELECT 1")] + [(language.prefix, "SELECT " + language.call("json", workloads.EXPECTED["json"][0])) for language in found]
    for number in range(chosen.connections):
        for prefix, statement in dice.sample(statements, len(statements)):
            put(kind="first_call", round=number, language=prefix, wall=workloads.first_call(statement, chosen))


def progress(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    try:
        main()
    except DatabaseError as error:
        sys.exit(f"bench: {error}")
