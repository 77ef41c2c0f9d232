#!/usr/bin/env python3
"""Measures jobs and schedules: what making a job costs, when it starts, how many a second are done, what many schedules cost.

BENCH_DSN is a libpq connection string of a superuser on a database that may be filled with tables named b_*, on a server that preloads
alyx_functions and may be restarted and reconfigured (ALTER SYSTEM). BENCH_PG_CONFIG finds its programs; BENCH_PG_CRON says that pg_cron
is installed. OUT.jsonl keeps every sample, OUT.md the tables; with --add samples go on to those that are there.
"""
import argparse
import os
import pathlib
import random
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

import enqueue      # noqa: E402, what lies beside bench.py is found only now
import languages    # noqa: E402
import latency      # noqa: E402
import rates        # noqa: E402
import report       # noqa: E402
import samples      # noqa: E402
import schedules    # noqa: E402
from connection import DatabaseError        # noqa: E402
from machine import machine                 # noqa: E402
from server import DURABLE, FAST, Server    # noqa: E402

PARTS = ("enqueue", "latency", "rate", "durable", "snapshot", "schedules", "cron")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, without pg_cron: a look, not a result")
    parser.add_argument("--out", default=str(HERE.parent / "results" / f"{os.environ.get('BENCH_NAME', time.strftime('%Y-%m-%d'))}-jobs"), help="path of the results without its ending")
    parser.add_argument("--add", action="store_true", help="keep the samples that are there")
    parser.add_argument("--parts", default="", help="comma-separated: " + ", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=0)
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 5)
    chosen.parts = chosen.parts.split(",") if chosen.parts else [part for part in PARTS if part != "cron" or not chosen.quick]
    # Jobs: a multiple of the clients' batches.
    chosen.rows, chosen.latencies, chosen.colds, chosen.jobs, chosen.window_s = (20_000, 50, 5, 1_600, 10) if chosen.quick else (100_000, 1_000, 30, 9_600, 60)
    return chosen


def main():
    chosen = options()
    out = pathlib.Path(chosen.out)
    server = Server(os.environ.get("BENCH_DSN", "dbname=bench"))
    with samples.kept(out, chosen.add) as (records, put):
        dice = random.Random(len(records))
        install(server, chosen)
        put(kind="meta", machine=machine(server.dsn), parts=chosen.parts, rounds=chosen.rounds, rows=chosen.rows, jobs=chosen.jobs)
        for part in chosen.parts:
            run(part, server, put, dice, chosen)
        server.restart()

    table = report.markdown(records)
    out.with_suffix(".md").write_text(table)
    sys.stdout.write("\n" + table)


def install(server, chosen):
    progress("tables and functions")
    with tempfile.TemporaryDirectory(prefix="alyx-bench-") as folder, server.connect() as connection:
        sql = languages.with_guests((HERE / "schema.sql").read_text().replace("@ROWS@", str(chosen.rows)), pathlib.Path(folder))
        connection.query(sql)


def run(part, server, put, dice, chosen):
    progress(part)
    if part == "enqueue":
        server.restart(alyx_functions__enabled="off")
        for number in range(chosen.rounds):
            enqueue.measure(server, put, number, dice)
    elif part == "latency":
        latency.measure(server, put, chosen.latencies, "idle")
        latency.measure(server, put, chosen.colds, "cold")
    elif part == "schedules":
        schedules.measure(server, put, chosen.window_s)
    elif part == "cron":
        schedules.beside_pg_cron(server, put, minutes=6, jobs=20)
    else:
        for workers in (1, 2):
            # pgbench and the procedure have their own workers; an idle worker of ours is in nobody's way.
            server.restart(alyx_functions__max_workers=workers, **(DURABLE if part == "durable" else FAST))
            for number in range(chosen.rounds):
                for work in ("noop", "insert"):
                    progress(f"{part}: {workers} workers, {work}, round {number + 1} of {chosen.rounds}")
                    rate(part, server, put, number, dice, work, workers, chosen.jobs)


def rate(part, server, put, number, dice, work, workers, jobs):
    """One round: of "snapshot" one with a snapshot that is held from before the jobs are made, and one without; of "durable" one in
    which each job of ours is flushed by itself, as the bare queue's are, and one as it comes."""
    def measure(storage="fsync off", snapshot=False):
        rates.measure(server, put, number, dice, work, workers, jobs, part=part, storage=storage, snapshot=snapshot)
    if part == "durable":
        for delay_ms, storage in dice.sample(((0, "fsync on, each job flushed"), (10, "fsync on")), 2):
            server.set(alyx_functions__group_flush_delay=delay_ms)
            measure(storage)
    elif part == "snapshot":
        for held in dice.sample((False, True), 2):
            # It reads no table of ours: TRUNCATE would wait for one that does.
            holder = server.connect("BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT count(*) FROM pg_database") if held else None
            try:
                measure(snapshot=held)
            finally:
                if holder:
                    holder.close()
    else:
        measure()


def progress(text):
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")


if __name__ == "__main__":
    try:
        main()
    except (DatabaseError, TimeoutError, AssertionError) as error:
        sys.exit(f"bench: {error}")
