-- Durable jobs and schedules. Rows are written by the transaction that causes them and by the manager and the workers
-- of the database; a job that is done leaves nothing here (alyx.invocations tells of it).

-- Jobs that may run now, and those that do (lease is set). What changes in a row stands in no index, so that claiming a
-- job is a heap-only update; fillfactor leaves room for it on the page.
-- rank orders the jobs of a function: microseconds of run_at, less a minute for each point of priority, so that a job
-- gains a point for each minute it waits.
CREATE TABLE alyx._job (
    id           uuid        PRIMARY KEY,
    function_id  bigint      NOT NULL,
    source       text        NOT NULL,
    role         regrole     NOT NULL,
    claims       text,
    payload      text        NOT NULL,
    priority     int         NOT NULL,
    run_at       timestamptz NOT NULL,
    rank         bigint      NOT NULL,
    ordering_key text        COLLATE "C",
    dedupe_key   text,
    schedule_id  bigint,
    depth        int         NOT NULL DEFAULT 0,
    enqueued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt      int         NOT NULL DEFAULT 0,
    conflicts    int         NOT NULL DEFAULT 0,
    crashes      int         NOT NULL DEFAULT 0,
    errors       jsonb,
    lease        bigint,
    started_at   timestamptz
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000,
        autovacuum_analyze_scale_factor = 0.2, toast.autovacuum_vacuum_scale_factor = 0.01);
CREATE INDEX _job_free ON alyx._job (function_id, rank, id) WHERE ordering_key IS NULL;
CREATE INDEX _job_ordered ON alyx._job (function_id, ordering_key, rank, id) WHERE ordering_key IS NOT NULL;
CREATE INDEX _job_schedule ON alyx._job (schedule_id) WHERE schedule_id IS NOT NULL;
CREATE INDEX _job_suspect ON alyx._job (rank, id) WHERE crashes > 0;

-- Jobs whose time has not come: run_at lies ahead, or they wait to be tried again.
CREATE TABLE alyx._deferred (LIKE alyx._job INCLUDING DEFAULTS, PRIMARY KEY (id))
    WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX _deferred_due ON alyx._deferred (run_at);
CREATE INDEX _deferred_ordered ON alyx._deferred (function_id, ordering_key) WHERE ordering_key IS NOT NULL;
CREATE INDEX _deferred_schedule ON alyx._deferred (schedule_id) WHERE schedule_id IS NOT NULL;

-- Jobs that will not be tried again, until fn_replay or fn_discard.
CREATE TABLE alyx._dead (LIKE alyx._job INCLUDING DEFAULTS, PRIMARY KEY (id));
ALTER TABLE alyx._dead ADD COLUMN function text, ADD COLUMN reason text NOT NULL,
    ADD COLUMN died_at timestamptz NOT NULL DEFAULT clock_timestamp();
CREATE INDEX _dead_function ON alyx._dead (function_id, died_at);

-- The job that holds a dedupe key, from the transaction that made it until it is done or dead.
CREATE TABLE alyx._dedupe (
    function_id bigint NOT NULL,
    key         text   NOT NULL,
    job         uuid   NOT NULL,
    PRIMARY KEY (function_id, key)
);

-- next_run_at is moved on by the transaction that makes the job, under the row's lock: no instant fires twice.
CREATE SEQUENCE alyx._schedule_id;
CREATE TABLE alyx._schedule (
    id              bigint      PRIMARY KEY DEFAULT pg_catalog.nextval('alyx._schedule_id'),
    function_id     bigint      NOT NULL,
    hook            int,
    cron            text        NOT NULL,
    timezone        text        NOT NULL,
    input           jsonb       NOT NULL,
    overlap         text        NOT NULL CHECK (overlap IN ('skip', 'queue', 'allow')),
    missed          text        NOT NULL CHECK (missed IN ('once', 'skip', 'all')),
    role            regrole     NOT NULL,
    anchor          timestamptz NOT NULL,
    next_run_at     timestamptz,
    previous_run_at timestamptz,
    skipped         bigint      NOT NULL DEFAULT 0,
    last_error      text
) WITH (fillfactor = 80);
CREATE INDEX _schedule_due ON alyx._schedule (next_run_at);
CREATE INDEX _schedule_function ON alyx._schedule (function_id);

SELECT pg_catalog.pg_extension_config_dump('alyx._job', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._deferred', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._dead', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._dedupe', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._schedule', '');
SELECT pg_catalog.pg_extension_config_dump('alyx._schedule_id', '');

CREATE FUNCTION alyx._as_jsonb(text) RETURNS jsonb
LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'alyx_as_jsonb';
COMMENT ON FUNCTION alyx._as_jsonb(text) IS 'JSON text as jsonb; as a string where jsonb cannot hold it';

CREATE VIEW alyx.jobs WITH (security_barrier) AS
SELECT j.id, f.name AS function, j.source, j.status, j.priority, j.attempt, j.crashes, j.run_at, j.ordering_key,
       j.dedupe_key, j.role,
       CASE WHEN j.source IN ('schedule', 'webhook') THEN alyx._as_jsonb(j.payload) OPERATOR(pg_catalog.->) 'input'
                     ELSE alyx._as_jsonb(j.payload) END AS input,
       j.enqueued_at, j.started_at,
       j.errors OPERATOR(pg_catalog.->) (-1) OPERATOR(pg_catalog.->>) 'message' AS last_error,
       j.schedule_id AS schedule
FROM (SELECT *, CASE WHEN lease IS NULL THEN 'ready' ELSE 'running' END AS status FROM alyx._job
      UNION ALL
      SELECT *, CASE WHEN attempt OPERATOR(pg_catalog.=) 0 THEN 'scheduled' ELSE 'retrying' END FROM alyx._deferred) j
JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) j.function_id
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.jobs IS 'jobs that wait or run, of the functions that the current role owns';

CREATE VIEW alyx.dead_jobs WITH (security_barrier) AS
SELECT d.id, COALESCE(f.name, d.function) AS function, d.source, d.reason, d.attempt, d.crashes, d.role,
       CASE WHEN d.source IN ('schedule', 'webhook') THEN alyx._as_jsonb(d.payload) OPERATOR(pg_catalog.->) 'input'
                     ELSE alyx._as_jsonb(d.payload) END AS input,
       d.errors OPERATOR(pg_catalog.->) (-1) OPERATOR(pg_catalog.->>) 'sqlstate' AS sqlstate,
       d.errors OPERATOR(pg_catalog.->) (-1) OPERATOR(pg_catalog.->>) 'message' AS last_error,
       d.errors, d.enqueued_at, d.died_at
FROM alyx._dead d
LEFT JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) d.function_id
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.dead_jobs IS 'jobs that failed for good, of the functions that the current role owns';

CREATE VIEW alyx.schedules WITH (security_barrier) AS
SELECT s.id, f.name AS function, s.cron, s.timezone, s.overlap, s.missed, s.input, s.role, s.next_run_at,
       s.previous_run_at, s.skipped, s.hook, s.last_error
FROM alyx._schedule s
JOIN alyx._function f ON f.id OPERATOR(pg_catalog.=) s.function_id
WHERE alyx._is_visible(f.owner);
COMMENT ON VIEW alyx.schedules IS 'schedules of the functions that the current role owns';

GRANT SELECT ON alyx.jobs, alyx.dead_jobs, alyx.schedules TO PUBLIC;

CREATE FUNCTION alyx._enqueue(name text, input jsonb, options jsonb) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_enqueue';
CREATE FUNCTION alyx._job(action text, job text, since text) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_job';
CREATE FUNCTION alyx._pause(name text, paused boolean) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_pause';
CREATE FUNCTION alyx._schedule(name text, cron text, timezone text, options jsonb) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_schedule';
CREATE FUNCTION alyx._unschedule(id bigint) RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_unschedule';
CREATE FUNCTION alyx._cron_next(cron text, timezone text, after bigint, count int) RETURNS jsonb
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'alyx_cron_next';
CREATE FUNCTION alyx._installed() RETURNS jsonb
LANGUAGE c AS 'MODULE_PATHNAME', 'alyx_installed';
COMMENT ON FUNCTION alyx._installed() IS 'tells the launcher, at commit, that this database has the extension';
REVOKE EXECUTE ON FUNCTION alyx._installed() FROM PUBLIC;

CREATE FUNCTION fn_enqueue(name text, input jsonb DEFAULT '{}', run_at timestamptz DEFAULT now(), priority int DEFAULT 0,
                           ordering_key text DEFAULT NULL, dedupe_key text DEFAULT NULL) RETURNS uuid
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._enqueue(fn_enqueue.name, fn_enqueue.input, pg_catalog.jsonb_build_object(
        'run_at_us', CASE WHEN pg_catalog.isfinite(fn_enqueue.run_at)
                          THEN (EXTRACT(epoch FROM fn_enqueue.run_at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8 END,
        'is_endless', NOT pg_catalog.isfinite(fn_enqueue.run_at),
        'priority', fn_enqueue.priority, 'ordering_key', fn_enqueue.ordering_key, 'dedupe_key', fn_enqueue.dedupe_key))
        OPERATOR(pg_catalog.->>) 'id')::pg_catalog.uuid
$$;
COMMENT ON FUNCTION fn_enqueue(text, jsonb, timestamptz, int, text, text) IS
    'has a function called after this transaction has committed, in a background worker, as the current role; returns the job''s id';

CREATE FUNCTION fn_cancel(invocation uuid) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._job('cancel', fn_cancel.invocation::pg_catalog.text, NULL) OPERATOR(pg_catalog.->>) 'count') OPERATOR(pg_catalog.<>) '0'
$$;
COMMENT ON FUNCTION fn_cancel(uuid) IS 'cancels a job that waits or runs; false when there is none of this id';

CREATE FUNCTION fn_replay(job_or_function text, since timestamptz DEFAULT '-infinity') RETURNS int
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._job('replay', fn_replay.job_or_function, fn_replay.since::pg_catalog.text) OPERATOR(pg_catalog.->>) 'count')::pg_catalog.int4
$$;
COMMENT ON FUNCTION fn_replay(text, timestamptz) IS
    'puts a dead job, or all dead jobs of a function that died since then, back into the queue and returns how many';
CREATE FUNCTION fn_replay(job uuid) RETURNS int
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._job('replay', fn_replay.job::pg_catalog.text, '-infinity') OPERATOR(pg_catalog.->>) 'count')::pg_catalog.int4
$$;
COMMENT ON FUNCTION fn_replay(uuid) IS 'puts a dead job back into the queue';

CREATE FUNCTION fn_discard(job uuid) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._job('discard', fn_discard.job::pg_catalog.text, NULL) OPERATOR(pg_catalog.->>) 'count') OPERATOR(pg_catalog.<>) '0'
$$;
COMMENT ON FUNCTION fn_discard(uuid) IS 'deletes a dead job; false when there is none of this id';

CREATE FUNCTION fn_pause(name text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._pause(fn_pause.name, true) $$;
COMMENT ON FUNCTION fn_pause(text) IS 'starts no job of a function until fn_resume; direct calls go on';
CREATE FUNCTION fn_resume(name text) RETURNS void
LANGUAGE sql VOLATILE AS $$ SELECT alyx._pause(fn_resume.name, false) $$;
COMMENT ON FUNCTION fn_resume(text) IS 'lets jobs of a paused function start again';

CREATE FUNCTION fn_schedule(name text, cron text, timezone text DEFAULT 'UTC', input jsonb DEFAULT '{}',
                            overlap text DEFAULT 'skip', missed text DEFAULT 'once') RETURNS bigint
LANGUAGE sql VOLATILE AS $$
    SELECT (alyx._schedule(fn_schedule.name, fn_schedule.cron, fn_schedule.timezone, pg_catalog.jsonb_build_object(
        'input', fn_schedule.input, 'overlap', fn_schedule.overlap, 'missed', fn_schedule.missed))
        OPERATOR(pg_catalog.->>) 'id')::pg_catalog.int8
$$;
COMMENT ON FUNCTION fn_schedule(text, text, text, jsonb, text, text) IS
    'calls a function by the clock, as the current role, and returns the schedule''s id';

CREATE FUNCTION fn_unschedule(id bigint) RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT (alyx._unschedule(fn_unschedule.id) OPERATOR(pg_catalog.->>) 'dropped') OPERATOR(pg_catalog.<>) '0' $$;
COMMENT ON FUNCTION fn_unschedule(bigint) IS 'ends a schedule; false when there is none of this id';

CREATE FUNCTION fn_cron_next(cron text, timezone text DEFAULT 'UTC', after timestamptz DEFAULT now(), count int DEFAULT 5)
RETURNS SETOF timestamptz
LANGUAGE sql STABLE AS $$
    SELECT pg_catalog.to_timestamp(n::pg_catalog.float8)
    FROM pg_catalog.jsonb_array_elements_text(
        alyx._cron_next(fn_cron_next.cron, fn_cron_next.timezone,
                        EXTRACT(epoch FROM fn_cron_next.after)::pg_catalog.int8, fn_cron_next.count)) AS n
$$;
COMMENT ON FUNCTION fn_cron_next(text, text, timestamptz, int) IS 'the next times at which a cron expression fires';

-- Where the jobs and schedules of this database run; see src/queue/home.rs. It is not dumped: a database that is restored is at
-- home where it is.
CREATE TABLE alyx._home (
    is_here           boolean     PRIMARY KEY DEFAULT true CHECK (is_here),
    system_identifier bigint      NOT NULL,
    timeline          bigint      NOT NULL,
    database          bigint      NOT NULL,
    control_file      text        NOT NULL,
    since             timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION alyx._adopt_copy() RETURNS boolean LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_adopt_copy';
REVOKE EXECUTE ON FUNCTION alyx._adopt_copy() FROM PUBLIC;

CREATE FUNCTION fn_adopt_copy() RETURNS boolean
LANGUAGE sql VOLATILE AS $$ SELECT alyx._adopt_copy() $$;
REVOKE EXECUTE ON FUNCTION fn_adopt_copy() FROM PUBLIC;
COMMENT ON FUNCTION fn_adopt_copy() IS
    'has the jobs and schedules of this copy of a data directory or database run here; false when it is none';

SELECT alyx._installed();
