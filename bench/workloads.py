"""What is measured. Each workload takes a language and the options, and gives one sample: seconds per unit, with the cost of the loop or
of the bare INSERT taken off. Minimum of a few interleaved runs, because noise only ever adds."""
import time

from connection import Connection, DatabaseError

# name: (unit, units per second, what the table calls it)
UNITS = {
    "call": ("ns", 1e9, "scalar call"), "call10": ("ns", 1e9, "scalar call, nested ten deep"), "json": ("ns", 1e9, "JSON call"), "compute": ("ms", 1e3, "sieve of 100 000"),
    "trigger_noop": ("µs", 1e6, "trigger: nothing"), "trigger_modify": ("µs", 1e6, "trigger: slug"), "trigger_query": ("µs", 1e6, "trigger: one UPDATE"),
}
JSON_ARGUMENT = "jsonb_build_object('name', 'user' || i)"
EXPECTED = {"noop": ("42", "42"), "json": ("""'{"name": "Bob"}'""", '{"message": "Hello, Bob!"}'), "sieve": ("100000", "9592")}

# workload: function, table, timing, what is inserted, from where, and the proof that the trigger did its work
TRIGGERS = {
    "trigger_noop": ("trg_noop", "b_tgt_wide", "AFTER", "INSERT INTO b_tgt_wide SELECT * FROM b_src_wide", "b_src_wide",
                     "SELECT count(*) = {rows} FROM b_tgt_wide"),
    "trigger_modify": ("trg_slug", "b_tgt_blog", "BEFORE", "INSERT INTO b_tgt_blog (id, title) SELECT id, title FROM b_src_blog", "b_src_blog",
                       "SELECT bool_and(slug = regexp_replace(lower(title), '[^a-z0-9]+', '-', 'g')) FROM b_tgt_blog"),
    "trigger_query": ("trg_stock", "b_tgt_orders", "AFTER", "INSERT INTO b_tgt_orders SELECT * FROM b_src_orders", "b_src_orders",
                      "SELECT sum(1000 - stock) = (SELECT sum(qty) FROM b_tgt_orders) AND (SELECT count(*) FROM b_tgt_orders) = {rows} FROM b_stock"),
}


def verify(language, options):
    """Raises DatabaseError unless every function answers as it should; a fast wrong answer is not a result."""
    with Connection(options.dsn) as connection:
        for function, (argument, expected) in EXPECTED.items():
            got = connection.value(f"SELECT {language.call(function, argument)}")
            if got != expected:
                raise DatabaseError(f"{function} answered {got} instead of {expected}")


def measure(workload, language, options):
    """One sample: {"wall", "cpu"} in seconds per unit."""
    if workload in TRIGGERS:
        return _trigger(language, options, *TRIGGERS[workload])
    if workload == "compute":
        return _compute(language, options)
    return _calls(workload, language, options)


def _calls(workload, language, options):
    depth, rows, argument = {"call": (1, options.calls, "i"), "call10": (10, options.calls // 2, "i"), "json": (1, options.calls // 10, JSON_ARGUMENT)}[workload]
    call = argument
    for _ in range(depth):
        call = language.call("json" if workload == "json" else "noop", call)
    with Connection(options.dsn, "SET work_mem = '512MB'") as connection:
        connection.query(f"SELECT count({call}) FROM generate_series(1, 10) i")
        rows = _affordable(connection.timed(f"SELECT count({call}) FROM generate_series(1, 100) i")[0] / 100, rows)
        loop = f"SELECT count({argument}) FROM generate_series(1, {rows}) i"
        work = f"SELECT count({call}) FROM generate_series(1, {rows}) i"
        connection.query(loop)
        runs = [(connection.timed(loop), connection.timed(work)) for _ in range(options.inner)]
    return _difference([run[0] for run in runs], [run[1] for run in runs], rows * depth)


def _compute(language, options):
    call = language.call("sieve", "100000")
    with Connection(options.dsn) as connection:
        connection.query(f"SELECT {call}")
        once, _ = connection.timed(f"SELECT {call}")
        times = max(1, min(2000, int(0.2 / once)))
        runs = [connection.timed(f"SELECT sum({call}) FROM generate_series(1, {times})") for _ in range(options.inner)]
    return _difference([(0, 0)], runs, times)


def _trigger(language, options, function, table, timing, insert, source, proof):
    def run(with_trigger, rows):
        """A backend of its own for every INSERT, warmed with a hundred rows; without a number of rows it is found out. Seconds, rows."""
        with Connection(options.dsn, "SET client_min_messages = warning") as connection:
            try:
                for warm_up in (True, False):
                    connection.query(f"DROP TRIGGER IF EXISTS t ON {table}; TRUNCATE {table}")
                    connection.query("TRUNCATE b_stock; INSERT INTO b_stock SELECT i, 'product ' || i, 1000 FROM generate_series(1, 50000) i")
                    if with_trigger:
                        connection.query(f"CREATE TRIGGER t {timing} INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {language.call(function, '')}")
                    if warm_up:
                        connection.query(f"{insert} LIMIT 10")
                        warm = connection.timed(f"{insert} LIMIT 90 OFFSET 10")[0] / 90
                rows = rows or _affordable(warm, all_rows)
                spent = connection.timed(f"{insert} LIMIT {rows}")
                if with_trigger and connection.value(proof.format(rows=rows)) != "t":
                    raise DatabaseError(f"{function} left wrong rows")
                return spent, rows
            finally:
                connection.query(f"DROP TRIGGER IF EXISTS t ON {table}")

    with Connection(options.dsn) as connection:
        all_rows = int(connection.value(f"SELECT count(*) FROM {source}"))
    bare, triggered, rows = [], [], None
    for with_trigger in (True, False, False, True, True, False)[:2 * options.inner]:
        spent, rows = run(with_trigger, rows)
        (triggered if with_trigger else bare).append(spent)
    return _difference(bare, triggered, rows)


def _affordable(seconds_each, most):
    """As many as are wanted, or as take about two seconds: what is slow needs no long run to be measured."""
    return min(most, max(1000, int(2 / seconds_each)))


def _difference(without, with_work, units):
    least = lambda runs, part: min(run[part] for run in runs)
    return {"wall": (least(with_work, 0) - least(without, 0)) / units, "cpu": (least(with_work, 1) - least(without, 1)) / units}


def first_call(statement, options):
    """Seconds of the first statement of a new connection."""
    with Connection(options.dsn) as connection:
        text = statement.encode()
        start = time.perf_counter()
        connection.query(text)
        return time.perf_counter() - start
