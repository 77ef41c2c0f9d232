-- The last ten errors are kept.
WITH failed AS (
    DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND j.lease OPERATOR(pg_catalog.=) $2 RETURNING j.*
), due AS (
    SELECT pg_catalog.clock_timestamp() OPERATOR(pg_catalog.+) ('1 millisecond'::pg_catalog.interval OPERATOR(pg_catalog.*) $4::pg_catalog.float8) AS at
)
INSERT INTO alyx._deferred (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key,
                            schedule_id, depth, enqueued_at, attempt, conflicts, crashes, errors)
SELECT f.id, f.function_id, f.source, f.role, f.claims, f.payload, f.priority, due.at,
       -- A key keeps its order: what stands behind it waits.
       CASE WHEN f.ordering_key IS NOT NULL THEN f.rank ELSE (EXTRACT(epoch FROM due.at) OPERATOR(pg_catalog.*) 1000000)::pg_catalog.int8
           OPERATOR(pg_catalog.-) (f.priority::pg_catalog.int8 OPERATOR(pg_catalog.*) 60000000) END,
       f.ordering_key, f.dedupe_key, f.schedule_id, f.depth, f.enqueued_at, f.attempt, 0, f.crashes,
       pg_catalog.jsonb_path_query_array(COALESCE(f.errors, '[]') OPERATOR(pg_catalog.||)
           pg_catalog.jsonb_set($3::pg_catalog.jsonb, '{0,at}', pg_catalog.to_jsonb(pg_catalog.clock_timestamp())), '$[last - 9 to last]')
FROM failed f CROSS JOIN due
RETURNING function_id, rank
