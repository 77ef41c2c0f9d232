-- The first job of each of these keys, for the first few that have one to give. A key whose first job waits to be tried
-- again is passed over.
WITH free AS (
    SELECT key.k FROM pg_catalog.unnest($2::pg_catalog.text[]) AS key(k)
    WHERE NOT EXISTS (SELECT FROM alyx._deferred d
                      WHERE d.function_id OPERATOR(pg_catalog.=) $1 AND d.ordering_key OPERATOR(pg_catalog.=) key.k
                        AND d.attempt OPERATOR(pg_catalog.>) 0)
    LIMIT $3
), first AS (
    SELECT h.id FROM free CROSS JOIN LATERAL (
        SELECT j.id, j.lease FROM alyx._job j
        WHERE j.function_id OPERATOR(pg_catalog.=) $1 AND j.ordering_key OPERATOR(pg_catalog.=) free.k
        ORDER BY j.rank, j.id LIMIT 1) h
    WHERE h.lease IS NULL
), head AS (
    -- One that somebody holds (to cancel it, say) is passed over with its key.
    SELECT j.id FROM alyx._job j
    WHERE j.id OPERATOR(pg_catalog.=) ANY (ARRAY(SELECT f.id FROM first f)) AND j.lease IS NULL
    FOR UPDATE SKIP LOCKED
)
UPDATE alyx._job j SET lease = $4, attempt = j.attempt OPERATOR(pg_catalog.+) 1, started_at = pg_catalog.clock_timestamp()
FROM head h WHERE j.id OPERATOR(pg_catalog.=) h.id
RETURNING j.id, j.role::pg_catalog.oid, j.rank, j.ordering_key, j.crashes, j.attempt
