#!/usr/bin/env python3
"""How costs grow: with rows, columns, payload, deployed functions, connections and depth of nesting. A curve that bends is a finding.

BENCH_DSN and BENCH_PG_CONFIG as in jobs/main.py; the server may be restarted. OUT.jsonl keeps every sample, OUT.md the table; with
BENCH_PLOT_PYTHON (a Python that has matplotlib) one SVG for each curve goes beside them.
"""
import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[1:1] = [str(HERE.parent), str(HERE.parent / "jobs")]

import curves       # noqa: E402, what lies beside bench.py is found only now
import languages    # noqa: E402
import samples      # noqa: E402
from machine import machine     # noqa: E402
from server import Server       # noqa: E402

LANGUAGES = ("plpgsql", "alyx_session", "javascript_session")


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="short curves: a look, not a result")
    parser.add_argument("--out", default=str(HERE.parent / "results" / f"{os.environ.get('BENCH_NAME', time.strftime('%Y-%m-%d'))}-scaling"), help="path of the results without its ending")
    parser.add_argument("--curves", default="", help="comma-separated: " + ", ".join(curves.ALL))
    chosen = parser.parse_args()
    chosen.curves = chosen.curves.split(",") if chosen.curves else list(curves.ALL)
    return chosen


def main():
    chosen = options()
    out = pathlib.Path(chosen.out)
    server = Server(os.environ.get("BENCH_DSN", "dbname=bench"))
    with tempfile.TemporaryDirectory(prefix="alyx-bench-") as folder, samples.kept(out) as (kept, put):
        os.chmod(folder, 0o755)

        folder = pathlib.Path(folder)
        with server.connect("SET client_min_messages = warning") as connection:
            for language in languages.load(list(LANGUAGES)):
                languages.install(connection, language, folder)
            connection.query(languages.with_guests((HERE / "schema.sql").read_text(), folder))
        put(kind="meta", machine=machine(server.dsn))
        for name in chosen.curves:
            sys.stderr.write(f"{time.strftime('%H:%M:%S')} {name}\n")
            for point in curves.ALL[name](server, chosen.quick, folder):
                put(kind="point", curve=name, **point)

    table = markdown(kept, out.name if os.environ.get("BENCH_PLOT_PYTHON") else None)
    out.with_suffix(".md").write_text(table)
    sys.stdout.write("\n" + table)
    if os.environ.get("BENCH_PLOT_PYTHON"):
        subprocess.run([os.environ["BENCH_PLOT_PYTHON"], HERE / "plot.py", out.with_suffix(".jsonl")], check=True)


def markdown(records, plots):
    """Tables, and where `plots` names them the curves."""
    lines = []
    for name in dict.fromkeys(record["curve"] for record in records if record["kind"] == "point"):
        points = [record for record in records if record["kind"] == "point" and record["curve"] == name]
        series, places = (list(dict.fromkeys(record[part] for record in points)) for part in ("series", "x"))
        lines += [f"**{points[0]['title']}**", "", f"| {points[0]['axis']} | " + " | ".join(series) + " |", "|---" * (len(series) + 1) + "|"]
        of = {(record["series"], record["x"]): record["y"] for record in points}
        lines += [f"| {place} | " + " | ".join(f"{of[one, place]:.4g}" if (one, place) in of else "" for one in series) + " |" for place in places]
        lines += ["", f"![{points[0]['title']}]({plots}-{name}.svg)", ""] if plots else [""]
    return "\n".join(lines + [next(record["machine"] for record in records if record["kind"] == "meta")]) + "\n"


if __name__ == "__main__":
    main()
