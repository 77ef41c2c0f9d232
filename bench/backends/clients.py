"""Many clients at once, each with a backend of its own: pgbench -M prepared on the JSON function."""
import re

SCRIPT = "\\set i random(1, 1000000)\nSELECT {call};\n"


def measure(server, found, put, dice, options, folder):
    server.restart(max_connections=options.clients + 20)
    scripts = {}
    for language in found:
        scripts[language.prefix] = folder / f"{language.prefix}.sql"
        scripts[language.prefix].write_text(SCRIPT.format(call=language.call("json", "jsonb_build_object('name', 'user' || :i)")))
    for number in range(options.rounds):
        for language in dice.sample(found, len(found)):
            logs = folder / f"log-{number}-{language.prefix}"
            told = server.pgbench("--protocol=prepared", f"--client={options.clients}", "--jobs=2", f"--time={options.seconds}", "--log",
                                  f"--log-prefix={logs}", f"--file={scripts[language.prefix]}")
            spent = sorted(int(line.split()[2]) for path in folder.glob(f"{logs.name}.*") for line in path.read_text().splitlines())
            for path in folder.glob(f"{logs.name}.*"):
                path.unlink()
            point = lambda part: spent[min(len(spent) - 1, int(part * len(spent)))] / 1e3
            failed = int(re.search(r"number of failed transactions: (\d+)", told)[1])
            put(kind="clients", round=number, language=language.prefix, tps=float(re.search(r"tps = ([\d.]+)", told)[1]),
                p50_ms=point(0.5), p95_ms=point(0.95), p99_ms=point(0.99), most_ms=spent[-1] / 1e3, errors=failed)
    server.restart()
