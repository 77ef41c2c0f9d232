WITH failed AS (
    DELETE FROM alyx._job j WHERE j.id OPERATOR(pg_catalog.=) $1::pg_catalog.uuid AND j.lease OPERATOR(pg_catalog.=) $2 RETURNING j.*
), freed AS (
    DELETE FROM alyx._dedupe k USING failed f WHERE k.job OPERATOR(pg_catalog.=) f.id
        AND k.function_id OPERATOR(pg_catalog.=) f.function_id AND k.key OPERATOR(pg_catalog.=) f.dedupe_key
)
INSERT INTO alyx._dead (id, function_id, source, role, claims, payload, priority, run_at, rank, ordering_key, dedupe_key,
                        schedule_id, depth, enqueued_at, attempt, conflicts, crashes, errors, started_at, function, reason)
SELECT f.id, f.function_id, f.source, f.role, f.claims, f.payload, f.priority, f.run_at, f.rank, f.ordering_key, f.dedupe_key,
       f.schedule_id, f.depth, f.enqueued_at, f.attempt, f.conflicts, f.crashes,
       pg_catalog.jsonb_path_query_array(COALESCE(f.errors, '[]') OPERATOR(pg_catalog.||)
           pg_catalog.jsonb_set($3::pg_catalog.jsonb, '{0,at}', pg_catalog.to_jsonb(pg_catalog.clock_timestamp())), '$[last - 9 to last]'),
       f.started_at, $5, $4
FROM failed f
RETURNING function_id, rank
