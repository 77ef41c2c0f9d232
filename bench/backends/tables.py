"""Samples to Markdown tables. Medians over rounds; ratios to PL/pgSQL are medians of the ratios of each round."""
import statistics

NAMES = {"c": "C", "plpgsql": "PL/pgSQL", "alyx_fresh": "wasm, fresh", "alyx_session": "wasm, session", "javascript_fresh": "JavaScript, fresh",
         "javascript_session": "JavaScript, session", "many_alyx": "wasm", "many_javascript": "JavaScript"}


def markdown(records):
    sections = [_memory(records), _many(records), _clients(records), _deploys(records), _records(records)]
    machines = [record["machine"] for record in records if record["kind"] == "meta"]
    return "\n\n".join(["\n".join(section) for section in (*sections, machines[-1:]) if section]) + "\n"


def _memory(records):
    rounds = _rounds(records, "memory", lambda record: record["language"])
    rows = [f"| {NAMES[name]} | " + " | ".join(_mib(rounds[name], part) for part in ("private", "private_later", "alone", "pss", "rss")) + " |" for name in rounds if not name.startswith("many_")]
    return ["**Memory that the first JSON call adds to a backend, MiB**", "", "| | private, beside another backend | private after 200 calls | private, the only backend | Pss | RSS |", "|---" * 6 + "|", *rows] if rows else []


def _many(records):
    rounds = _rounds(records, "memory", lambda record: (record["language"], record["functions"]))
    rows = []
    for (name, count), samples in rounds.items():
        if name.startswith("many_"):
            one, all_of_them = (statistics.median(sample["private"] for sample in rounds[name, n].values()) for n in (1, count))
            each = f"{(all_of_them - one) / (count - 1) / 1024:.2f}" if count > 1 else ""
            rows.append(f"| {NAMES[name]} | {count} | {_mib(samples, 'private')} | {_mib(samples, 'pss')} | {each} |")
    return ["**Memory of a backend that calls many functions, instances kept, MiB**", "", "| | functions | private | Pss | private, each after the first |", "|---" * 5 + "|", *rows] if rows else []


def _clients(records):
    rounds = _rounds(records, "clients", lambda record: record["language"])
    lines = ["**A hundred clients (pgbench -M prepared, JSON call)**", "", "| | transactions per second | × PL/pgSQL | p50 ms | p95 ms | p95 × PL/pgSQL | p99 ms | most ms | errors |", "|---" * 9 + "|"]
    for name in sorted(rounds, key=lambda name: list(NAMES).index(name)):
        mine, reference = rounds[name], rounds.get("plpgsql", {})
        ratio = lambda part: statistics.median(mine[number][part] / reference[number][part] for number in mine if number in reference) if reference else float("nan")
        middle = lambda part: statistics.median(sample[part] for sample in mine.values())
        lines.append(f"| {NAMES[name]} | {middle('tps'):.0f} | {ratio('tps'):.2f} | {middle('p50_ms'):.2f} | {middle('p95_ms'):.2f} | {ratio('p95_ms'):.2f} | {middle('p99_ms'):.2f} | {middle('most_ms'):.0f} | {sum(sample['errors'] for sample in mine.values())} |")
    return lines if rounds else []


def _deploys(records):
    found = {}
    for record in records:
        if record["kind"] == "deploy":
            found.setdefault(record["variant"], []).append(record)
    lines = ["**Deploy, ms: median, p95**", "", "| | bytes | fn_deploy | first call after it, same session | in another session |", "|---" * 5 + "|"]
    for variant, samples in found.items():
        cells = [_points([sample[part] for sample in samples]) for part in ("wall", "first_here", "first_elsewhere")]
        lines.append(f"| {variant} | {samples[0]['bytes']} | " + " | ".join(cells) + " |")
    return lines if found else []


def _records(records):
    rounds = _rounds(records, "records", lambda record: record["variant"])
    if not rounds:
        return []
    both = [rounds["with"][number]["wall"] - rounds["without"][number]["wall"] for number in rounds["with"] if number in rounds["without"]]
    cells = [f"{statistics.median(sample['wall'] for sample in rounds[variant].values()) * 1e9:.0f}" for variant in ("with", "without")]
    return ["**Record and statistics, ns per scalar call**", "", "| preloaded | not preloaded | what they add |", "|---" * 3 + "|", f"| {cells[0]} | {cells[1]} | {statistics.median(both) * 1e9:.0f} |"]


def _rounds(records, kind, key):
    found = {}
    for record in records:
        if record["kind"] == kind:
            found.setdefault(key(record), {})[record["round"]] = record
    return found


def _mib(samples, part):
    values = [sample[part] for sample in samples.values() if part in sample]
    return f"{statistics.median(values) / 1024:.2f}" if values else ""


def _points(seconds):
    ordered = sorted(second * 1e3 for second in seconds)
    return f"{statistics.median(ordered):.2f}, {ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]:.2f}"
