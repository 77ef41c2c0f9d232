"""Jobs per second, each in a transaction of its own, beside a bare SQL queue of the same shape: a claim of a batch, then for each job a
DELETE, its work, and a commit. The bare queue is worked twice: by pgbench (prepared, one pipeline per job) and by a procedure that
has no client at all."""
import re
import tempfile
import time

from server import together

BATCH = 16
VARIANTS = ("alyx", "pgbench", "procedure")


def measure(server, put, number, dice, work, workers, jobs, **conditions):
    """One round: seconds per job of each variant, in any order. `work` is "noop" or "insert"."""
    for variant in dice.sample(VARIANTS, len(VARIANTS)):
        with server.connect("TRUNCATE b_done", "TRUNCATE b_queue") as connection:
            wall, cpu = {"alyx": _alyx, "pgbench": _pgbench, "procedure": _procedure}[variant](server, connection, work, workers, jobs)
            done = int(connection.value("SELECT count(*) FROM b_done"))
            if work == "insert" and done != jobs:
                raise AssertionError(f"{variant} did {done} of {jobs} jobs")
        put(kind="rate", round=number, variant=variant, work=work, workers=workers, wall=wall / jobs, cpu=cpu / jobs, **conditions)


def _alyx(server, connection, work, workers, jobs):
    """From the commit of all of them to the end of the last."""
    calls = f"SELECT coalesce(max(calls), 0) FROM alyx.stats WHERE function = 'bench_job_{work}'"
    enqueue = f"SELECT count(fn_enqueue('bench_job_{work}', jsonb_build_object('n', n))) FROM generate_series(1, {{}}) n"

    def run(count):
        goal = int(connection.value(calls)) + count
        connection.query(enqueue.format(count))
        start = time.perf_counter()
        server.wait("all jobs have run", lambda: int(connection.value(calls)) >= goal)
        return time.perf_counter() - start
    run(200)        # workers are there and warm
    connection.query("TRUNCATE b_done")
    server.wait("workers are there", lambda: len(server.processes("alyx worker")) == workers)
    pids = server.processes("alyx worker") + server.processes("alyx manager")
    before = server.cpu_seconds(pids)
    wall = run(jobs)
    server.wait("the last commit is done", lambda: connection.value("SELECT count(*) FROM alyx.jobs") == "0")
    return wall, server.cpu_seconds(pids) - before


def _fill(connection, jobs):
    connection.query(f"INSERT INTO b_queue (payload) SELECT jsonb_build_object('n', n) FROM generate_series(1, {jobs}) n")
    connection.query("ANALYZE b_queue")


def _procedure(server, connection, work, workers, jobs):
    _fill(connection, jobs)

    def run():
        with server.connect() as worker:
            return worker.timed(f"CALL b_work({BATCH}, {work == 'insert'})")
    start = time.perf_counter()
    spent = together(*[run] * workers)
    return time.perf_counter() - start, sum(cpu for _, cpu in spent)


def _pgbench(server, connection, work, workers, jobs):
    # A few more, for the last batches of several clients need not be full.
    _fill(connection, jobs + BATCH * workers)
    columns = ", ".join(f"ids[{at}] AS j{at}" for at in range(1, BATCH + 1))
    script = [
        "WITH picked AS (SELECT q.id FROM b_queue q WHERE q.lease IS NULL ORDER BY q.id LIMIT " + str(BATCH) + " FOR UPDATE SKIP LOCKED),"
        " claimed AS (UPDATE b_queue q SET lease = 1, attempt = q.attempt + 1 FROM picked p WHERE q.id = p.id RETURNING q.id),"
        " batch AS (SELECT array_agg(c.id ORDER BY c.id) AS ids FROM claimed c) SELECT " + columns + " FROM batch \\gset"]
    for at in range(1, BATCH + 1):
        effect = [f"INSERT INTO b_done (n) VALUES (:j{at});"] if work == "insert" else []
        script += ["\\startpipeline", "BEGIN;", f"DELETE FROM b_queue q WHERE q.id = :j{at} AND q.lease = 1 RETURNING q.payload;", *effect, "COMMIT;", "\\endpipeline"]
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as file:
        file.write("\n".join(script) + "\n")
        file.flush()
        output = server.pgbench("-M", "prepared", "-c", str(workers), "-j", str(workers), "-t", str(jobs // BATCH // workers), "-f", file.name)
    batches_per_second = float(re.search(r"tps = ([0-9.]+) \(without", output)[1])
    return jobs / (batches_per_second * BATCH), 0.0
