-- One batch of one function, from where the last batch ended: what lies before is claimed, done or (for old snapshots'
-- sake) still there as dead index entries that each look would have to step over. The lease tells this claim from all
-- others; marked here and committed before any of the jobs is started.
WITH picked AS (
    SELECT j.id FROM alyx._job j
    WHERE j.function_id OPERATOR(pg_catalog.=) $1 AND j.ordering_key IS NULL
      AND ROW(j.rank, j.id) OPERATOR(pg_catalog.>) ROW($2, $3::pg_catalog.uuid) AND j.lease IS NULL AND j.crashes OPERATOR(pg_catalog.=) 0
    ORDER BY j.rank, j.id LIMIT $4 FOR UPDATE SKIP LOCKED
)
UPDATE alyx._job j SET lease = $5, attempt = j.attempt OPERATOR(pg_catalog.+) 1, started_at = pg_catalog.clock_timestamp()
FROM picked p WHERE j.id OPERATOR(pg_catalog.=) p.id
RETURNING j.id, j.role::pg_catalog.oid, j.rank, j.ordering_key, j.crashes, j.attempt
