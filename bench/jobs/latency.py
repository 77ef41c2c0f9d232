"""How long after its commit a job starts on an idle server: by the commit's own time stamp and the clock that the function sees."""
import time

PAUSE_S = 0.02


def measure(server, put, count, state):
    """`count` jobs, one after another; `state` is "idle" (a worker waits) or "cold" (a process has to be started)."""
    cold = state == "cold"
    server.restart(track_commit_timestamp="on", alyx_functions__worker_idle_timeout="100ms" if cold else "60s")
    with server.connect("TRUNCATE b_started, b_committed") as connection:
        for n in range(count + 1):
            time.sleep(0.5 if cold else PAUSE_S)
            connection.query(f"WITH job AS (SELECT fn_enqueue('bench_job_stamp', '{{\"n\": {n}}}') AS id)"
                             f" INSERT INTO b_committed SELECT {n}, pg_current_xact_id()::xid FROM job")
            server.wait("the job has run", lambda: connection.value(f"SELECT count(*) FROM b_started WHERE n = {n}") == "1", seconds=30)
        rows = connection.query("SELECT extract(epoch FROM s.at - pg_xact_commit_timestamp(c.xid)) FROM b_committed c JOIN b_started s USING (n) ORDER BY n")
    for number, (seconds,) in enumerate(rows[1:]):       # the first one started the worker
        put(kind="latency", round=number, variant=state, wall=float(seconds))
