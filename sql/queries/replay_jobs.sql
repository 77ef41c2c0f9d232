-- Attempts are counted from the beginning; the errors of before stay. A dedupe key is not taken again: another job may
-- have it by now.
WITH dead AS (
    DELETE FROM alyx._dead d
    WHERE (d.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid
           OR $1 IS NULL AND d.function_id OPERATOR(pg_catalog.=) $2 AND d.died_at OPERATOR(pg_catalog.>=) $3::pg_catalog.timestamptz)
      AND EXISTS (SELECT FROM alyx._function f WHERE f.id OPERATOR(pg_catalog.=) d.function_id)
    RETURNING d.*
)
INSERT INTO alyx._job (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, schedule_id, depth, enqueued_at, errors)
SELECT d.id, d.function_id, d.source, d.role, d.claims, d.payload, d.priority, pg_catalog.clock_timestamp(),
       (EXTRACT(epoch FROM pg_catalog.clock_timestamp()) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8
           OPERATOR(pg_catalog.-) (d.priority::pg_catalog.int8 OPERATOR(pg_catalog.*) 60000000),
       d.ordering_key, d.schedule_id, d.depth, pg_catalog.clock_timestamp(), d.errors
FROM dead d
RETURNING function_id, rank
