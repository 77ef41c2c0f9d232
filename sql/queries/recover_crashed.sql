-- The server ended with these jobs. Which of them brought it down is not known: each counts the attempt and the crash.
-- The first time it resumes at once, alone in its batch; then with a delay; then it is put aside.
WITH gone AS (
    DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) ANY (ARRAY(
        SELECT s.id FROM alyx._job s WHERE s.lease OPERATOR(pg_catalog.<) $1 FOR UPDATE SKIP LOCKED))
    RETURNING j.*
), told AS (
    SELECT g.id, g.function_id, g.source, g.role, g.claims, g.payload, g.priority, g.run_at, g.rank, g.ordering_key,
           g.dedupe_key, g.schedule_id, g.depth, g.enqueued_at, g.attempt, g.conflicts,
           g.crashes OPERATOR(pg_catalog.+) 1 AS crashes,
           COALESCE(g.errors, '[]') OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
               'attempt', g.attempt, 'at', pg_catalog.clock_timestamp(), 'sqlstate', '57P02',
               'message', 'the server stopped while the job was running') AS errors
    FROM gone g
), again AS (
    INSERT INTO alyx._job (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key,
                           schedule_id, depth, enqueued_at, attempt, conflicts, crashes, errors)
    SELECT t.* FROM told t WHERE t.crashes OPERATOR(pg_catalog.<) 2
), later AS (
    INSERT INTO alyx._deferred (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key,
                                schedule_id, depth, enqueued_at, attempt, conflicts, crashes, errors)
    SELECT t.id, t.function_id, t.source, t.role, t.claims, t.payload, t.priority,
           pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) '60 seconds'::pg_catalog.interval, t.rank, t.ordering_key,
           t.dedupe_key, t.schedule_id, t.depth, t.enqueued_at, t.attempt, t.conflicts, t.crashes, t.errors
    FROM told t WHERE t.crashes OPERATOR(pg_catalog.=) 2
), dead AS (
    INSERT INTO alyx._dead (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key,
                            schedule_id, depth, enqueued_at, attempt, conflicts, crashes, errors, reason)
    SELECT t.*, 'crashed' FROM told t WHERE t.crashes OPERATOR(pg_catalog.>) 2
), freed AS (
    DELETE FROM alyx._dedupe k USING told t WHERE k.job OPERATOR(pg_catalog.=) t.id AND t.crashes OPERATOR(pg_catalog.>) 2
)
SELECT pg_catalog.count(*) FROM told
