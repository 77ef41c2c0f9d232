#!/usr/bin/env python3
"""The targets of the project beside what was measured: targets.py NAME reads results NAME.jsonl, NAME-jobs.jsonl and NAME-backends.jsonl."""
import json
import pathlib
import statistics
import sys

import report


# On the machine on which the targets were set.
PLPGSQL_CALL_US = 0.15


def main(name):
    paths = {part: pathlib.Path(f"{name}{part}.jsonl") for part in ("", "-jobs", "-backends")}
    records = {part: [json.loads(line) for line in path.read_text().splitlines()] for part, path in paths.items() if path.exists()}
    rows = [row for measure in (calls, jobs, backends) for row in measure(records)]
    lines = ["| what | target | measured | |", "|---|---|---|---|"]
    lines += [f"| {what} | {target} | {text} | {'met' if met else 'not met'} |" for what, target, text, met in rows]
    text = "\n".join(lines) + "\n"
    pathlib.Path(f"{name}-targets.md").write_text(text)
    sys.stdout.write("\n" + text)


def calls(records):
    walls, firsts, published = {}, {}, json.loads((pathlib.Path(__file__).resolve().parent / "published.json").read_text())["rows"]
    for record in records.get("", []):
        if record["kind"] == "sample":
            walls.setdefault((record["language"], record["workload"]), {})[record["round"]] = record["wall"]
        elif record["kind"] == "first_call":
            firsts.setdefault(record["language"], []).append(record["wall"])
    time = lambda language, workload: statistics.median(walls[language, workload].values())
    def ratio(language, workload, to="plpgsql"):
        mine, other = walls[language, workload], walls[to, workload]
        return statistics.median(mine[number] / other[number] for number in mine if number in other)
    def p95_ms(language):
        nothing = statistics.median(firsts["-"])
        spent = sorted((wall - nothing) * 1e3 for wall in firsts[language])
        return spent[min(len(spent) - 1, int(0.95 * len(spent)))]
    plv8 = next(float(row["trigger_modify"][1]) for label, row in published.items() if label.startswith("plv8"))

    def at_most(what, text, limit, value, unit):
        return what, text, f"{report._number(value)} {unit}", value <= limit

    def in_time(what, text, limit_us, language):
        """A time, and what it would be where the targets were written: there PL/pgSQL's call took 0.15 µs."""
        here, there = time(language, "call") * 1e6, ratio(language, "call") * PLPGSQL_CALL_US
        return what, text, f"{report._number(here)} µs; {report._number(there)} µs where PL/pgSQL's call takes {PLPGSQL_CALL_US} µs", there <= limit_us
    if walls:
        yield at_most("scalar call, instance reused", "≤ 0.4 × PL/pgSQL", 0.4, ratio("alyx_session", "call"), "×")
        yield at_most("scalar call, fresh", "≤ 4 µs", 4, time("alyx_fresh", "call") * 1e6, "µs")
        yield at_most("JSON in, JSON out, reused", "≤ 1.0 × PL/pgSQL", 1, ratio("alyx_session", "json"), "×")
        yield at_most("AFTER row trigger that does nothing, fresh", "≤ 5 µs", 5, time("alyx_fresh", "trigger_noop") * 1e6, "µs")
        yield at_most("the same, instances: transaction", "≤ 1.0 × PL/pgSQL", 1, ratio("alyx_transaction", "trigger_noop"), "×")
        yield at_most("BEFORE trigger that sets a slug, wasm, reused", "≤ 0.5 × PL/pgSQL", 0.5, ratio("alyx_session", "trigger_modify"), "×")
        yield at_most("the same, JavaScript", "≤ 1.0 × plv8", 1, ratio("javascript_session", "trigger_modify") / plv8, "× plv8's published ratio")
        yield at_most("AFTER trigger with one UPDATE, reused", "≤ 1.3 × PL/pgSQL", 1.3, ratio("alyx_session", "trigger_query"), "×")
        yield at_most("CPU kernel", "≤ 1.3 × C", 1.3, ratio("alyx_session", "compute", "c"), "×")
        faster = 1 / ratio("alyx_session", "compute")
        yield "CPU kernel", "≥ 150 × faster than PL/pgSQL", f"{faster:.0f} ×", faster >= 150
        yield in_time("JavaScript call, reused", "≤ 2.5 µs", 2.5, "javascript_session")
        yield in_time("JavaScript call, fresh", "≤ 80 µs", 80, "javascript_fresh")
    if firsts:
        yield at_most("first call in a new backend, wasm", "p95 ≤ 3 ms", 3, p95_ms("alyx_session"), "ms")
        yield at_most("first call in a new backend, JavaScript", "p95 ≤ 6 ms", 6, p95_ms("javascript_session"), "ms")


def jobs(records):
    idle = sorted(record["wall"] * 1e3 for record in records.get("-jobs", []) if record["kind"] == "latency" and record["variant"] == "idle")
    if idle:
        p50, p99 = (idle[min(len(idle) - 1, int(part * len(idle)))] for part in (0.5, 0.99))
        yield "commit → job start, idle", "p50 ≤ 2 ms, p99 ≤ 10 ms", f"{p50:.2f}, {p99:.2f} ms", p50 <= 2 and p99 <= 10
    rates = {}
    for record in records.get("-jobs", []):
        if record["kind"] == "rate" and record["part"] == "rate":
            rates.setdefault((record["work"], record["workers"]), {}).setdefault(record["variant"], []).append(record["wall"])
    for (work, workers), of in sorted(rates.items()):
        share = statistics.median(of["pgbench"]) / statistics.median(of["alyx"])
        yield f"jobs per second, {'no work' if work == 'noop' else 'one INSERT'}, {workers} worker{'s' * (workers > 1)}", "≥ 0.8 × bare SQL queue (pgbench)", f"{share:.2f} ×", share >= 0.8


def backends(records):
    found = records.get("-backends", [])
    memory = {}
    for record in found:
        if record["kind"] == "memory":
            memory.setdefault((record["language"], record["functions"]), []).append(record["private"] / 1024)
    if memory:
        first = statistics.median(memory["javascript_session", 1])
        yield "private memory, first JavaScript function", "≤ 3 MiB", f"{first:.2f} MiB", first <= 3
        most = max(functions for language, functions in memory if language == "many_javascript")
        one, many = (statistics.median(memory["many_javascript", functions]) for functions in (1, most))
        yield "each further one", "≤ 0.5 MiB", f"{(many - one) / (most - 1):.2f} MiB", (many - one) / (most - 1) <= 0.5
    clients = {}
    for record in found:
        if record["kind"] == "clients":
            clients.setdefault(record["language"], {})[record["round"]] = record
    if clients:
        mine, theirs = clients["alyx_session"], clients["plpgsql"]
        errors = sum(record["errors"] for record in mine.values())
        rate, late = (statistics.median(mine[number][part] / theirs[number][part] for number in mine) for part in ("tps", "p95_ms"))
        yield "100 clients, wasm, reused", "no error; throughput ≥ 1.0 ×, p95 ≤ 1.2 × PL/pgSQL", f"{errors} errors; {rate:.2f} ×, {late:.2f} ×", errors == 0 and rate >= 1 and late <= 1.2
    both = {}
    for record in found:
        if record["kind"] == "records":
            both.setdefault(record["variant"], {})[record["round"]] = record["wall"]
    if both:
        added = statistics.median(both["with"][number] - both["without"][number] for number in both["with"]) * 1e6
        yield "record and statistics", "≤ 0.3 µs per call", f"{added:.2f} µs", added <= 0.3
    for variant, limit in (("wasm", 150), ("javascript", 100)):
        spent = [record["wall"] * 1e3 for record in found if record["kind"] == "deploy" and record["variant"] == variant]
        if spent:
            what = "deploy, wasm of 100 kB" if variant == "wasm" else "deploy, JavaScript program"
            yield what, f"≤ {limit} ms", f"{statistics.median(spent):.0f} ms", statistics.median(spent) <= limit


if __name__ == "__main__":
    main(sys.argv[1])
