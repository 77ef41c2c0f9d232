"""Samples to one Markdown table. Ratios are the median of the ratios of each round, so that a slow minute hits both sides."""
import json
import pathlib
import statistics

from workloads import UNITS

REFERENCES = ("plpgsql", "c")


def markdown(records):
    meta = next(record for record in records if record["kind"] == "meta")
    samples, first, errors = {}, {}, {}
    for record in records:
        if record["kind"] == "sample":
            samples.setdefault((record["language"], record["workload"]), {})[record["round"]] = record["wall"]
        elif record["kind"] == "first_call":
            first.setdefault(record["language"], []).append(record["wall"])
        elif record["kind"] == "error":
            errors[record["language"], record["workload"]] = record["error"]

    workloads = [workload for workload in UNITS if any(key[1] == workload for key in (*samples, *errors))]
    titles = [f"{UNITS[workload][2]}, {UNITS[workload][0]}" for workload in workloads]
    lines = ["| | " + " | ".join(titles + ["first call of a backend (JSON), ms: median, p95"]) + " |", "|---" * (len(titles) + 2) + "|"]
    for language in sorted(meta["languages"], key=lambda name: (name not in REFERENCES, name)):
        label = meta["languages"][language]
        cells = [_cell(language, workload, samples, errors) for workload in workloads]
        lines.append(f"| {label} | " + " | ".join(cells + [_first_call(language, first)]) + " |")

    published = json.loads((pathlib.Path(__file__).resolve().parent / "published.json").read_text())
    for label, row in published["rows"].items():
        cells = [f"{row[workload][0]} ({row[workload][1]}, ?)" if workload in row else "-" for workload in workloads]
        lines.append(f"| {label}, published | " + " | ".join(cells + ["-"]) + " |")
    lines += ["", "Published: " + published["note"]]
    lines += ["", "In brackets: times PL/pgSQL, times C. Triggers: what the trigger adds to a row. First call: SELECT 1 in the same place is taken off.", "", meta["machine"]]
    lines += [f"- {meta['languages'].get(language, language)}, {workload}: {text}" for (language, workload), text in errors.items()]
    return "\n".join(lines) + "\n"


def ratios(records, wanted):
    """(language, workload, ratio to PL/pgSQL, what it may be) for each wanted one that was measured."""
    samples = {}
    for record in records:
        if record["kind"] == "sample":
            samples.setdefault((record["language"], record["workload"]), {})[record["round"]] = record["wall"]
    for (language, workload), most in wanted.items():
        mine, reference = samples.get((language, workload), {}), samples.get(("plpgsql", workload), {})
        both = [mine[number] / reference[number] for number in mine if reference.get(number, 0) > 0]
        if both:
            yield language, workload, statistics.median(both), most


def _cell(language, workload, samples, errors):
    mine = samples.get((language, workload))
    if not mine:
        return "error" if (language, workload) in errors else "-"
    ratios = ", ".join(_ratio(mine, samples.get((reference, workload), {})) for reference in REFERENCES)
    return f"{_number(statistics.median(mine.values()) * UNITS[workload][1])} ({ratios})"


def _ratio(mine, reference):
    ratios = [mine[number] / reference[number] for number in mine if reference.get(number, 0) > 0]
    return _number(statistics.median(ratios)) if ratios else "?"


def _first_call(language, first):
    if not first.get(language) or not first.get("-"):
        return "-"
    nothing = statistics.median(first["-"])
    spent = sorted((wall - nothing) * 1e3 for wall in first[language])
    return f"{_number(statistics.median(spent))}, {_number(spent[min(len(spent) - 1, int(0.95 * len(spent)))])}"


def _number(value):
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 0.05 else f"{value:.4f}"
