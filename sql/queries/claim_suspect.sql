-- A job that the server went down with: alone, so that the next time it is known which one it was.
UPDATE alyx._job j SET lease = $1, attempt = j.attempt OPERATOR(pg_catalog.+) 1, started_at = pg_catalog.clock_timestamp()
WHERE j.id OPERATOR(pg_catalog.=) (
    SELECT s.id FROM alyx._job s
    WHERE s.crashes OPERATOR(pg_catalog.>) 0 AND s.lease IS NULL AND s.ordering_key IS NULL
      AND EXISTS (SELECT FROM alyx._function f WHERE f.id OPERATOR(pg_catalog.=) s.function_id AND NOT f.paused)
    ORDER BY s.rank, s.id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING j.id, j.role::pg_catalog.oid, j.rank, j.ordering_key, j.crashes, j.attempt, j.function_id
