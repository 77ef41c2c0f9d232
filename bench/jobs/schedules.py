"""Many schedules in one database: what they cost the manager, and how far from its instant a job starts. And pg_cron beside ours."""
import os
import time

COUNT = 10_000
# Half of them hourly, half daily, scattered over minutes and seconds.
MANY = f"""SELECT count(fn_schedule('bench_job_fired', format(CASE WHEN n % 2 = 0 THEN '%s %s * * * *' ELSE '%s %s %s * * *' END, s[1] % 60, s[2] % 60, s[3] % 24),
        (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata'])[n % 4 + 1]))
    FROM generate_series(1, {COUNT}) n, LATERAL (SELECT array_agg(abs(hashint8(n * 10 + k)) ORDER BY k) AS s FROM generate_series(1, 3) k) scattered"""
OFTEN = "SELECT count(fn_schedule('bench_job_fired', format('%s-59/10 * * * * *', n % 10))) FROM generate_series(1, {}) n"
ERROR = "SELECT extract(epoch FROM at - scheduled_at) FROM b_fired WHERE source = '{}' AND scheduled_at > '{}'"


def measure(server, put, window_s):
    """Two windows: the many alone, and with some more of which twenty fire each second."""
    server.restart()
    with server.connect("TRUNCATE b_fired") as connection:
        try:
            for extra in (0, 200):
                connection.query(OFTEN.format(extra) if extra else MANY)
                time.sleep(3)
                since, manager = connection.value("SELECT clock_timestamp()"), server.processes("alyx manager")
                cpu, start = server.cpu_seconds(manager), time.perf_counter()
                time.sleep(window_s)
                share = (server.cpu_seconds(manager) - cpu) / (time.perf_counter() - start)
                errors = [float(row[0]) for row in connection.query(ERROR.format("alyx", since))]
                put(kind="schedules", schedules=COUNT + extra, window_s=window_s, manager_share=share, errors=errors)
        finally:
            connection.query("SELECT count(fn_unschedule(id)) FROM alyx.schedules")


def beside_pg_cron(server, put, minutes, jobs):
    """The same job in both, of both in turns: ours in the odd minutes, pg_cron's in the even ones."""
    if not os.environ.get("BENCH_PG_CRON"):
        put(kind="note", text="pg_cron was not measured: the package could not be got")
        return
    libraries = {"shared_preload_libraries": "alyx_functions, pg_cron"}
    server.restart(**libraries)     # its settings are known only to a server that has loaded it
    server.restart(**libraries, cron__database_name=server.database, cron__host="", cron__use_background_workers="on",
                   max_worker_processes="64")
    insert = "INSERT INTO public.b_fired SELECT 'pg_cron', date_trunc('minute', now()), clock_timestamp()"
    with server.connect("TRUNCATE b_fired", "CREATE EXTENSION IF NOT EXISTS pg_cron") as connection:
        try:
            connection.query(f"SELECT count(cron.schedule('bench' || n, '*/2 * * * *', $${insert}$$)) FROM generate_series(1, {jobs}) n")
            connection.query(f"SELECT count(fn_schedule('bench_job_fired', '1-59/2 * * * *')) FROM generate_series(1, {jobs}) n")
            since = connection.value("SELECT clock_timestamp()")
            time.sleep(60 * minutes)
            time.sleep(5)
            version = connection.value("SELECT extversion FROM pg_extension WHERE extname = 'pg_cron'")
            for source in ("alyx", "pg_cron"):
                errors = [float(row[0]) for row in connection.query(ERROR.format(source, since))]
                put(kind="cron", source=source, version=version, jobs=jobs, errors=errors)
        finally:
            connection.query("SELECT count(fn_unschedule(id)) FROM alyx.schedules")
            connection.query("DROP EXTENSION pg_cron")
    server.restart()
