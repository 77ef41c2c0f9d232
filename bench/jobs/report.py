"""Samples to Markdown tables. Ratios are the median of the ratios of each round."""
import statistics

NAMES = {"alyx": "alyx_functions", "pgbench": "bare SQL, pgbench", "procedure": "bare SQL, procedure", "plpgsql": "PL/pgSQL", "bare": "no trigger", "pg_cron": "pg_cron"}


def markdown(records):
    sections = [_enqueue(records), _latency(records), _rates(records), _schedules(records), _cron(records)]
    notes = [f"- {record['text']}" for record in records if record["kind"] == "note"]
    machines = [record["machine"] for record in records if record["kind"] == "meta"]
    return "\n\n".join(["\n".join(section) for section in (*sections, notes, machines[-1:]) if section]) + "\n"


def _enqueue(records):
    rounds = _rounds(records, "enqueue", lambda record: record["variant"])
    if not rounds:
        return []
    lines = ["**Making a job in an AFTER ROW trigger**", "", "| | µs per row | over no trigger, µs | × PL/pgSQL |", "|---|---|---|---|"]
    over = {name: {n: rounds[name][n] - rounds["bare"][n] for n in rounds[name]} for name in rounds}
    for name in ("bare", "plpgsql", "alyx"):
        ratio = "" if name == "bare" else _number(_ratio(over[name], over["plpgsql"]))
        added = "" if name == "bare" else _number(_median(over[name]) * 1e6)
        lines.append(f"| {NAMES[name]} | {_number(_median(rounds[name]) * 1e6)} | {added} | {ratio} |")
    return lines


def _latency(records):
    samples = {state: [record["wall"] for record in records if record["kind"] == "latency" and record["variant"] == state] for state in ("idle", "cold")}
    rows = [("a worker waits", samples["idle"]), ("a worker has to be started", samples["cold"])]
    return _percentiles("From commit to start of the job", rows)


def _rates(records):
    # The snapshot's own rounds without one are there to be compared with, not to be shown again.
    free = _rounds(records, "rate", lambda record: (record["part"] == "snapshot" and not record["snapshot"], record["work"], record["workers"], record["variant"]))
    records = [record for record in records if record["kind"] == "rate" and (record["part"] != "snapshot" or record["snapshot"])]
    rounds = _rounds(records, "rate", lambda record: (record["storage"], record["snapshot"], record["work"], record["workers"], record["variant"]))
    cases = sorted({key[:4] for key in rounds})
    if not cases:
        return []
    lines = ["**Jobs per second, one transaction each**", "",
             "| | alyx_functions | bare SQL, pgbench | bare SQL, procedure | alyx × pgbench | alyx × procedure | processor time per job, µs: alyx, procedure | kept under the snapshot: alyx, pgbench |", "|---" * 8 + "|"]
    spent = _rounds(records, "rate", lambda record: (record["storage"], record["snapshot"], record["work"], record["workers"], record["variant"]), "cpu")
    for case in cases:
        storage, snapshot, work, workers = case
        name = f"{'no work' if work == 'noop' else 'one INSERT'}, {workers} worker{'s' * (workers > 1)}, {storage}{', snapshot held' * snapshot}"
        of = {variant: rounds.get((*case, variant), {}) for variant in ("alyx", "pgbench", "procedure")}
        speeds = [_number(1 / _median(of[variant])) if of[variant] else "-" for variant in of]
        # The other way round: these are seconds per job.
        ratios = [_number(_ratio(of[variant], of["alyx"])) for variant in ("pgbench", "procedure")]
        kept = ", ".join(_number(_ratio(free.get((True, work, workers, variant), {}), of[variant])) for variant in ("alyx", "pgbench")) if snapshot else ""
        cpu = ", ".join(_number(_median(spent[*case, variant]) * 1e6) for variant in ("alyx", "procedure") if (*case, variant) in spent)
        lines.append(f"| {name} | " + " | ".join([*speeds, *ratios, cpu, kept]) + " |")
    return lines


def _schedules(records):
    found = [record for record in records if record["kind"] == "schedules"]
    if not found:
        return []
    lines = ["**Many schedules in one database**", "", "| schedules | fired per second | manager, % of a core | late by, ms: p50 | p99 | most |", "|---" * 6 + "|"]
    for record in found:
        fired = len(record["errors"]) / record["window_s"]
        lines.append(f"| {record['schedules']} | {_number(fired)} | {_number(record['manager_share'] * 100)} | " + " | ".join(_points(record["errors"])) + " |")
    return lines


def _cron(records):
    found = [record for record in records if record["kind"] == "cron"]
    rows = [(f"{NAMES[record['source']]}{' ' + record['version'] if record['source'] == 'pg_cron' else ''}, {record['jobs']} jobs each minute", record["errors"]) for record in found]
    return _percentiles("From the instant to the job's first statement, by the minute", rows)


def _percentiles(title, rows):
    rows = [f"| {name} | {len(samples)} | " + " | ".join(_points(samples)) + " |" for name, samples in rows if samples]
    return [f"**{title}, ms**", "", "| | samples | p50 | p99 | most |", "|---" * 5 + "|", *rows] if rows else []


def _points(seconds):
    ordered = sorted(second * 1e3 for second in seconds) or [float("nan")]
    return [_number(ordered[min(len(ordered) - 1, int(part * len(ordered)))]) for part in (0.5, 0.99, 1)]


def _rounds(records, kind, key, value="wall"):
    """{key: {round: seconds}}; of a round that was measured twice the median."""
    found = {}
    for record in records:
        if record["kind"] == kind:
            found.setdefault(key(record), {}).setdefault(record["round"], []).append(record[value])
    return {name: {number: statistics.median(walls) for number, walls in rounds.items()} for name, rounds in found.items()}


def _median(rounds):
    return statistics.median(rounds.values())


def _ratio(mine, reference):
    ratios = [mine[number] / reference[number] for number in mine if reference.get(number, 0) > 0]
    return statistics.median(ratios) if ratios else float("nan")


def _number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
