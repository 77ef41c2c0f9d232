"""The curves. Each gives points {"title", "axis", "unit", "series", "x", "y"}; the least of a few runs, because noise only ever adds."""
import re

SERIES = {"plpgsql": "PL/pgSQL", "alyx_session": "wasm, session", "javascript_session": "JavaScript, session"}


def _least(runs):
    return min(run for run in runs)


def rows(server, quick, _folder):
    """What a trigger that reads its event adds to a row, for more and more rows in one statement."""
    about = {"title": "AFTER ROW trigger that reads its event: µs per row over no trigger", "axis": "rows of one INSERT", "unit": "µs"}
    triggers = {"PL/pgSQL": "plpgsql_trg_noop", "wasm, session": "scaling_read", "JavaScript, session": "javascript_session_trg_noop"}
    for count in (100, 1_000, 10_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        # Ten million rows of JavaScript would take minutes and say nothing more.
        chosen = {name: function for name, function in triggers.items() if count < 10_000_000 or "JavaScript" not in name}
        for name, seconds in _inserts(server, "scaling_rows", f"SELECT i, 'row ' || i FROM generate_series(1, {count}) i", chosen, 1 if count > 100_000 else 5).items():
            yield {**about, "series": name, "x": count, "y": seconds / count * 1e6}


def columns(server, quick, _folder):
    about = {"title": "AFTER ROW trigger that reads its event: µs per row over no trigger", "axis": "columns of the table", "unit": "µs"}
    triggers = {"PL/pgSQL": "plpgsql_trg_noop", "wasm, session": "scaling_read", "JavaScript, session": "javascript_session_trg_noop"}
    count = 2_000 if quick else 10_000
    for width in (1, 10, 50) if quick else (1, 2, 5, 10, 20, 50, 100, 200):
        with server.connect("SET client_min_messages = warning") as connection:
            names = ", ".join(f"column_{i} int" for i in range(width))
            connection.query(f"DROP TABLE IF EXISTS scaling_columns; CREATE UNLOGGED TABLE scaling_columns ({names})")
        values = ", ".join(["i"] * width)
        for name, seconds in _inserts(server, "scaling_columns", f"SELECT {values} FROM generate_series(1, {count}) i", triggers, 3).items():
            yield {**about, "series": name, "x": width, "y": seconds / count * 1e6}


def _inserts(server, table, source, triggers, runs):
    """Seconds that each trigger adds to one INSERT."""
    def insert(connection, function):
        connection.query(f"DROP TRIGGER IF EXISTS t ON {table}; TRUNCATE {table}")
        if function:
            connection.query(f"CREATE TRIGGER t AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {function}()")
            connection.query(f"INSERT INTO {table} {source} LIMIT 10; TRUNCATE {table}")
        return connection.timed(f"INSERT INTO {table} {source}")[0]
    with server.connect("SET client_min_messages = warning") as connection:
        bare = _least([insert(connection, None) for _ in range(runs)])
        added = {name: _least([insert(connection, function) for _ in range(runs)]) - bare for name, function in triggers.items()}
        connection.query(f"DROP TRIGGER IF EXISTS t ON {table}; TRUNCATE {table}")
    return added


def payload(server, quick, _folder):
    about = {"title": "JSON call with a long text in and out: ms", "axis": "bytes of the text", "unit": "ms"}
    for length in (100, 10_000, 1_000_000) if quick else (100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000):
        times = max(1, 200_000 // length)
        for prefix, name in SERIES.items():
            with server.connect() as connection:
                run = lambda: connection.timed(f"SELECT count({prefix}_json(j)) FROM generate_series(1, {times}), (SELECT jsonb_build_object('name', repeat('x', {length})) AS j OFFSET 0) s")[0]
                run()
                yield {**about, "series": name, "x": length, "y": _least([run() for _ in range(3)]) / times * 1e3}


def functions(server, quick, _folder):
    """Deployed functions: what a deploy, and the first call of a session, cost beside many others."""
    about = {"title": "Beside many deployed functions: ms", "axis": "deployed functions", "unit": "ms"}
    made = 0
    with server.connect() as connection:
        wasm = ("(SELECT m.wasm FROM alyx._module m JOIN alyx._version v USING (sha256) JOIN alyx._function f ON f.name = v.function AND f.version = v.version"
                " WHERE f.name = 'bench_json_session')")
        for count in (1, 10, 100) if quick else (1, 10, 100, 1_000, 10_000):
            while made < count:
                connection.query(f"SELECT count(fn_deploy('scaling_' || i, {wasm}, 'instances: session')) FROM generate_series({made + 1}, {min(count, made + 500)}) i")
                made = min(count, made + 500)
            deploys, firsts = [], []
            for i in range(5):
                deploys.append(connection.timed(f"SELECT fn_deploy('scaling_one', {wasm}, 'description: number {count} {i}')")[0])
                with server.connect("SELECT 1") as other:
                    firsts.append(other.timed("SELECT fn_invoke('scaling_1', '{\"name\": \"Bob\"}')")[0])
            yield {**about, "series": "fn_deploy of one more", "x": count, "y": _least(deploys) * 1e3}
            yield {**about, "series": "first call of a session", "x": count, "y": _least(firsts) * 1e3}
        connection.query("SELECT count(fn_drop(name)) FROM alyx.functions WHERE name LIKE 'scaling\\_%' AND name NOT IN ('scaling_triggers', 'scaling_deep')")


def connections(server, quick, folder):
    about = {"title": "JSON calls per second (pgbench -M prepared)", "axis": "connections", "unit": "calls per second"}
    counts = (1, 10) if quick else (1, 2, 5, 10, 20, 50, 100, 200)
    server.restart(max_connections=max(counts) + 20)
    for count in counts:
        for prefix, name in SERIES.items():
            script = folder / f"{prefix}.scaling.sql"
            script.write_text(f"\\set i random(1, 1000000)\nSELECT {prefix}_json(jsonb_build_object('name', 'user' || :i));\n")
            told = server.pgbench("--protocol=prepared", f"--client={count}", f"--jobs={min(2, count)}", f"--time={2 if quick else 5}", f"--file={script}")
            yield {**about, "series": name, "x": count, "y": float(re.search(r"tps = ([\d.]+)", told)[1])}
    server.restart()


def depth(server, quick, _folder):
    about = {"title": "Functions that call each other by fn_invoke: µs for all", "axis": "calls inside of each other", "unit": "µs"}
    times = 200 if quick else 5_000
    for levels in range(1, 9):
        for name, function in (("wasm, fresh", "scaling_deep"),):
            with server.connect() as connection:
                run = lambda: connection.timed(f"SELECT count(fn_invoke('{function}', '{{\"n\": {levels - 1}}}')) FROM generate_series(1, {times})")[0]
                run()
                yield {**about, "series": name, "x": levels, "y": _least([run() for _ in range(3)]) / times * 1e6}


ALL = {"rows": rows, "columns": columns, "payload": payload, "functions": functions, "connections": connections, "depth": depth}
