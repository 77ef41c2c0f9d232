-- Records of invocations and statistics of functions. Shared memory holds what is new; the manager of the database moves
-- it into these tables. None of it is dumped: it tells what happened on this server.

-- Two halves, because what failed is kept longer, and in each a partition per day (UTC), made when its first record comes
-- and dropped as a whole. The function's name stays with the record: the function may be dropped before it, or may never
-- have been committed.
CREATE TABLE alyx._invocation (
    failed       boolean     NOT NULL,
    started_at   timestamptz NOT NULL,
    id           uuid        NOT NULL,
    function_id  bigint      NOT NULL,
    function     text        NOT NULL,
    version      int         NOT NULL,
    export       text        NOT NULL,
    trigger      text        NOT NULL,
    role         oid         NOT NULL,
    status       text        NOT NULL,
    sqlstate     text,
    error        text,
    duration_ns  bigint      NOT NULL,
    memory_bytes bigint      NOT NULL,
    host_calls   int         NOT NULL,
    rows         bigint      NOT NULL,
    attempt      int         NOT NULL,
    pid          int         NOT NULL
) PARTITION BY LIST (failed);
CREATE TABLE alyx._invocation_ok PARTITION OF alyx._invocation FOR VALUES IN (false) PARTITION BY RANGE (started_at);
CREATE TABLE alyx._invocation_failed PARTITION OF alyx._invocation FOR VALUES IN (true) PARTITION BY RANGE (started_at);
CREATE INDEX _invocation_id ON alyx._invocation (id);
CREATE INDEX _invocation_started_at ON alyx._invocation (started_at);

CREATE TABLE alyx._log (
    failed       boolean     NOT NULL,
    logged_at    timestamptz NOT NULL,
    invocation   uuid        NOT NULL,
    function_id  bigint      NOT NULL,
    function     text        NOT NULL,
    line         int         NOT NULL,
    level        text        NOT NULL,
    message      text        NOT NULL
) PARTITION BY LIST (failed);
CREATE TABLE alyx._log_ok PARTITION OF alyx._log FOR VALUES IN (false) PARTITION BY RANGE (logged_at);
CREATE TABLE alyx._log_failed PARTITION OF alyx._log FOR VALUES IN (true) PARTITION BY RANGE (logged_at);
CREATE INDEX _log_invocation ON alyx._log (invocation);
CREATE INDEX _log_logged_at ON alyx._log (logged_at);

-- Counters of each function: "base" of all starts of the server before the one numbered "boot", "current" of that one
-- when this was last written. What is shown is base + (current, when the server has been started again since) + what
-- shared memory counts now. The order of the numbers is in src/record/statistics.rs.
CREATE TABLE alyx._statistics (
    function_id  bigint      PRIMARY KEY,
    boot         bigint      NOT NULL,
    base         bigint[]    NOT NULL,
    current      bigint[]    NOT NULL,
    since        timestamptz NOT NULL
);

-- What was counted between two snapshots, under the minute in which it was; kept for a day.
CREATE TABLE alyx._statistics_minute (
    minute       timestamptz NOT NULL,
    function_id  bigint      NOT NULL,
    counters     bigint[]    NOT NULL
);
CREATE INDEX ON alyx._statistics_minute (minute);

CREATE FUNCTION alyx._drain() RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_drain';
COMMENT ON FUNCTION alyx._drain() IS
    'stores what shared memory holds of this database now, and returns the number of records; they are lost when the caller''s transaction is rolled back';
CREATE FUNCTION alyx._drop_old_records() RETURNS bigint LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_drop_old_records';
COMMENT ON FUNCTION alyx._drop_old_records() IS
    'drops the partitions whose records are all older than alyx_functions.retention_ok or retention_failed, and returns their number';
CREATE FUNCTION alyx._forget_records() RETURNS void LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'alyx_forget_records';
COMMENT ON FUNCTION alyx._forget_records() IS 'clears what shared memory holds of this database';
REVOKE EXECUTE ON FUNCTION alyx._drain(), alyx._drop_old_records(), alyx._forget_records() FROM PUBLIC;

-- Functions are numbered anew with each CREATE EXTENSION: what an earlier installation counted must not be theirs.
SELECT alyx._forget_records();

-- What leaves records: functions that were deployed, and those of LANGUAGE javascript under their OID, made negative.
CREATE VIEW alyx._recorded_function AS
SELECT f.id, f.name, f.owner, f.created_at
FROM alyx._function f
UNION ALL
SELECT -p.oid::bigint, p.proname::text, p.proowner::regrole, NULL
FROM pg_proc p
JOIN pg_language l ON l.oid = p.prolang
WHERE l.lanname = 'javascript';
COMMENT ON VIEW alyx._recorded_function IS 'functions that leave records, with their owners';

-- Views see tables with their owner's rights but call functions with the reader's: these two show each role only what it
-- may see.
CREATE FUNCTION alyx._read_statistics()
RETURNS TABLE (function text, calls bigint, errors bigint, traps bigint, timeouts bigint, rows bigint,
               mean_ms float8, p50_ms float8, p95_ms float8, p99_ms float8, max_ms float8,
               peak_memory_bytes bigint, lost_records bigint, since timestamptz)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'alyx_read_statistics';
COMMENT ON FUNCTION alyx._read_statistics() IS 'statistics of the functions that the current role may see';
CREATE FUNCTION alyx._read_minutes()
RETURNS TABLE (function text, minute timestamptz, calls bigint, errors bigint, traps bigint, timeouts bigint, rows bigint,
               p50_ms float8, p95_ms float8, p99_ms float8, max_ms float8)
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'alyx_read_minutes';
COMMENT ON FUNCTION alyx._read_minutes() IS 'statistics by minute of the functions that the current role may see';

CREATE VIEW alyx.stats AS SELECT * FROM alyx._read_statistics();
COMMENT ON VIEW alyx.stats IS 'what the functions that the current role may see have done: exact counts, also of invocations without a record';

CREATE VIEW alyx.stats_minutes AS SELECT * FROM alyx._read_minutes();
COMMENT ON VIEW alyx.stats_minutes IS 'the same by minute, for the last 24 hours';

-- Whether a role may see is asked once for each function, not for each record. Records of a function that is not there
-- any more are for members of the extension's owner, who see all: that is what _is_visible says of nobody's function.
-- The order is here because a barrier hides it from whoever asks for the latest few: with it they come from the index.
CREATE VIEW alyx.invocations WITH (security_barrier) AS
SELECT i.id, i.function, i.version, i.export, i.trigger, i.role::regrole AS role, i.status, i.sqlstate, i.error,
       i.duration_ns / 1e6::float8 AS duration_ms, i.memory_bytes AS peak_memory_bytes, i.host_calls, i.rows, i.attempt,
       i.started_at, i.pid
FROM alyx._invocation i
WHERE i.function_id IN (SELECT f.id FROM alyx._recorded_function f WHERE alyx._is_visible(f.owner))
   OR (SELECT alyx._is_visible(NULL))
ORDER BY i.started_at DESC;
COMMENT ON VIEW alyx.invocations IS 'recorded invocations of functions that the current role owns';

CREATE VIEW alyx.logs WITH (security_barrier) AS
SELECT l.invocation, l.function, l.line, l.logged_at, l.level, l.message
FROM alyx._log l
WHERE l.level NOT IN ('input', 'output')
  AND (l.function_id IN (SELECT f.id FROM alyx._recorded_function f WHERE alyx._is_visible(f.owner))
       OR (SELECT alyx._is_visible(NULL)))
ORDER BY l.logged_at DESC, l.line DESC;
COMMENT ON VIEW alyx.logs IS 'what guests logged in recorded invocations of functions that the current role owns';

CREATE VIEW alyx.payloads WITH (security_barrier) AS
SELECT l.invocation, l.line AS attempt, l.function, l.level AS kind, l.message
FROM alyx._log l
WHERE l.level IN ('input', 'output')
  AND (l.function_id IN (SELECT f.id FROM alyx._recorded_function f WHERE alyx._is_visible(f.owner))
       OR (SELECT alyx._is_visible(NULL)));
COMMENT ON VIEW alyx.payloads IS
    'the beginning of what went into recorded invocations and came out, of functions that the current role owns; see alyx_functions.record_payload';

GRANT SELECT ON alyx.stats, alyx.stats_minutes, alyx.invocations, alyx.logs, alyx.payloads TO PUBLIC;
